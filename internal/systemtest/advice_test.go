package systemtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/google/uuid"
)

// advised is what /health advises, as commands.
func (s *system) advised() (commands []string) {
	s.t.Helper()
	_, text, err := s.Get(s.t.Context(), "health")
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Next []struct{ Run string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		s.t.Fatalf("%v in %s", err, text)
	}
	for _, step := range answer.Next {
		commands = append(commands, step.Run)
	}
	return commands
}

// heed waits until /health advises a command, and does what it says.
func (s *system) heed(command string) {
	s.t.Helper()
	for since := time.Now(); !slices.Contains(s.advised(), command); time.Sleep(time.Second) { // it is cached for seconds
		if time.Since(since) > patience {
			s.t.Fatalf("the page does not advise %s, but %q", command, s.advised())
		}
	}
	s.run(command)
}

// run runs a command in a terminal that env.sh made ready.
func (s *system) run(command string) {
	s.t.Helper()
	var out bytes.Buffer
	terminal := exec.CommandContext(s.t.Context(), "bash", "-c", `eval "$(./scripts/env.sh)"; `+command)
	terminal.Dir, terminal.Stdout, terminal.Stderr = "../..", &out, &out
	if err := terminal.Run(); err != nil {
		s.t.Fatalf("%s: %v\n%s", command, err, out.String())
	}
	s.t.Log(out.String())
}

// works has one event stored, and the health function well.
func (s *system) works() {
	s.t.Helper()
	client, id := s.client(true, "integration"), uuid.NewString()
	s.send(body(client, "integration", id, payloads["integration"]))
	s.eventually("an event is stored", func() bool { _, ok := s.item(client, id); return ok })
	s.eventually("all is well", func() bool {
		status, _, err := s.Get(s.t.Context(), "health")
		return err == nil && status == http.StatusOK
	})
}

// mapping is the id of the processor's event source mapping.
func (s *system) mapping() *string {
	s.t.Helper()
	found, err := lambda.NewFromConfig(s.Config).ListEventSourceMappings(s.t.Context(), &lambda.ListEventSourceMappingsInput{FunctionName: &s.Processor})
	if err != nil {
		s.t.Fatal(err)
	}
	return found.EventSourceMappings[0].UUID
}

// switchOff switches the mapping off, and waits until it is: that takes a while.
func (s *system) switchOff() {
	s.t.Helper()
	functions, id := lambda.NewFromConfig(s.Config), s.mapping()
	if _, err := functions.UpdateEventSourceMapping(s.t.Context(), &lambda.UpdateEventSourceMappingInput{UUID: id, Enabled: aws.Bool(false)}); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("the mapping is off", func() bool {
		out, err := functions.GetEventSourceMapping(s.t.Context(), &lambda.GetEventSourceMappingInput{UUID: id})
		return err == nil && aws.ToString(out.State) == "Disabled"
	})
}

// TestWhatIsAdvisedHelps breaks the stack behind its back and does what the page says, until it is whole.
func TestWhatIsAdvisedHelps(t *testing.T) {
	s := open(t)
	if os.Getenv("TEST_RESTART") == "" {
		t.Skip("TEST_RESTART is not set: the cloud at TEST_ENDPOINT is not this test's own")
	}
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	functions := lambda.NewFromConfig(s.Config)
	s.switchOff()
	// On a local cloud the page only shows the state, since not every one tells the truth about it.
	s.run(`aws lambda update-event-source-mapping --enabled --uuid "$(aws lambda list-event-source-mappings ` +
		`--function-name event-processor --query 'EventSourceMappings[0].UUID' --output text)"`)
	s.works()

	// One table, and the mapping switched off: what is in the other one, and in the dead-letter queue, stays.
	kept := s.client(true, "integration")
	dead := s.send("not an event")
	s.eventually("a dead letter", func() bool { _, lies := s.deadLetters()[dead]; return lies })
	must(s.db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &s.EventsTable}))
	s.switchOff()
	s.heed("./scripts/setup.sh")
	s.works()
	item, err := s.db.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.ClientsTable, Key: map[string]types.AttributeValue{"client_id": &types.AttributeValueMemberS{Value: kept}},
	})
	must(nil, err)
	if _, lies := s.deadLetters()[dead]; item.Item == nil || !lies {
		t.Errorf("the client or the dead letter was lost, too: %v, %t", item.Item, lies)
	}

	// Everything else at once.
	must(s.db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &s.ClientsTable}))
	for _, url := range []string{s.QueueURL, s.DLQURL} {
		must(s.sqs.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url}))
	}
	must(functions.DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: s.mapping()}))
	for _, name := range []string{s.Processor, s.Producer} {
		must(functions.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name}))
	}
	group := "/aws/lambda/" + s.Processor
	must(cloudwatchlogs.NewFromConfig(s.Config).DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &group}))
	s.heed("./scripts/setup.sh")
	s = open(t)
	s.works()

	// The health function's rights: its page advises the same, where a cloud enforces them.
	if on, err := s.EnforcesIAM(ctx); err != nil || !on {
		t.Log("this cloud enforces no roles")
		return
	}
	function, err := functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &s.Health})
	must(nil, err)
	role := (*function.Role)[strings.LastIndex(*function.Role, "/")+1:]
	roles := iam.NewFromConfig(s.Config)
	policies, err := roles.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &role})
	must(nil, err)
	for _, name := range policies.PolicyNames {
		must(roles.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name}))
	}
	s.heed("./scripts/setup.sh")
	s = open(t)
	s.works()
}
