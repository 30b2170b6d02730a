package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"event-processor/internal/dynamo"
	"event-processor/internal/mapping"
	"event-processor/internal/queue"
	"event-processor/internal/stack"
)

// repair is what setup.sh does before it deploys.
type repair struct{}

// Run asks the cloud for everything that the stack says it has, names what is not there, and has the stack forget it,
// so that the deployment makes it anew.
func (*repair) Run(ctx context.Context) error {
	name := os.Getenv("STACK_NAME")
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	if name == "" || cfg.BaseEndpoint == nil {
		return errors.New("STACK_NAME or AWS_ENDPOINT_URL is not set: this is for a local cloud")
	}
	resources, err := stack.Says(ctx, cfg, name)
	if err != nil {
		return err
	}
	var gone []stack.Resource
	for _, r := range resources {
		switch missing, err := isMissing(ctx, cfg, r); {
		case err != nil:
			return fmt.Errorf("ask for %s: %w", describe(r), err)
		case missing:
			gone = append(gone, r)
			fmt.Printf("✗ The stack says it has %s, and the cloud has not.%s\n", describe(r), lost(r))
		}
	}
	if err := enable(ctx, cfg, resources, gone); err != nil {
		return err
	}
	if len(gone) == 0 {
		return nil
	}
	// It creates the sample clients when it starts, and one that runs would not notice that they are gone.
	if slices.ContainsFunc(gone, func(r stack.Resource) bool { return r.ID == "ClientsTable" }) {
		gone = append(gone, producer(resources, gone)...)
	}
	fmt.Println("… The stack forgets that, and keeps the rest, so that the deployment makes it anew")
	return stack.Forget(ctx, cfg, name, gone)
}

// enable switches mappings on that somebody switched off: no deployment does.
func enable(ctx context.Context, cfg aws.Config, resources, gone []stack.Resource) error {
	for _, r := range resources {
		if r.Type != stack.MappingType || slices.Contains(gone, r) {
			continue
		}
		m := mapping.New(cfg, r.Name)
		// LocalStack may say so although messages flow; then nothing changes.
		if word, _, err := m.State(ctx); err != nil || word != mapping.Disabled {
			continue
		}
		fmt.Printf("✗ Somebody has switched off %s. It is switched on again.\n", describe(r))
		if err := m.Enable(ctx); err != nil {
			return fmt.Errorf("switch %s on: %w", describe(r), err)
		}
	}
	return nil
}

func producer(resources, gone []stack.Resource) (found []stack.Resource) {
	for _, r := range resources {
		if r.ID == "ProducerFunction" && !slices.Contains(gone, r) {
			found = append(found, r)
		}
	}
	return found
}

// isMissing asks the service whose resource it is. Types that hold nothing and break nothing are not asked for.
func isMissing(ctx context.Context, cfg aws.Config, r stack.Resource) (missing bool, err error) {
	switch r.Type {
	case stack.TableType:
		_, _, err = dynamo.NewTable(dynamo.Open(cfg, 1), r.Name).State(ctx)
	case stack.QueueType:
		_, _, err = queue.New(cfg, r.Name, 1).Depth(ctx)
	case stack.MappingType:
		_, _, err = mapping.New(cfg, r.Name).State(ctx)
	case stack.FunctionType, stack.URLType:
		err = stack.AskLambda(ctx, cfg, r)
	case stack.LogType:
		err = stack.AskLogs(ctx, cfg, r)
	case stack.RoleType:
		err = stack.AskRole(ctx, cfg, r)
	}
	if err == nil {
		return false, nil
	}
	for _, code := range []string{"NotFound", "NonExistent", "DoesNotExist", "NoSuchEntity"} { // as each service words it
		if strings.Contains(err.Error(), code) {
			return true, nil
		}
	}
	return false, err
}

// describe names a resource as people do: table events (EventsTable).
func describe(r stack.Resource) string {
	kinds := map[string]string{
		stack.TableType: "table", stack.QueueType: "queue", stack.FunctionType: "function", stack.MappingType: "event source mapping",
		stack.URLType: "URL of function", stack.LogType: "log group", stack.RoleType: "policy of role",
	}
	name := r.Name
	if r.Type == stack.QueueType {
		name = name[strings.LastIndex(name, "/")+1:]
	}
	return fmt.Sprintf("the %s %s (%s)", kinds[r.Type], name, r.ID)
}

// lost says what is not there again when the resource is.
func lost(r stack.Resource) string {
	switch r.Type {
	case stack.TableType, stack.QueueType, stack.LogType:
		return " What was in it is lost."
	default:
		return ""
	}
}
