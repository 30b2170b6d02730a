// Package stack knows the deployed stack from outside, as scripts and system tests see it: where its queues and
// tables are, how to invoke its functions, what they log, and how they are.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go/logging"
)

// Stack is a deployed stack. Names and URLs are those of its outputs and resources.
type Stack struct {
	Config aws.Config

	QueueURL, DLQURL          string // on a local cloud below its endpoint, whatever name it gives itself
	EventsTable, ClientsTable string

	Processor, Producer, Health string // the functions' names

	healthURL string       // as the cloud names it
	reachable *functionURL // once it was looked for

	lambda *lambda.Client
	logs   *cloudwatchlogs.Client
}

// ErrNotDeployed says that there is no such stack, or none that is whole.
var ErrNotDeployed = errors.New("the stack is not deployed")

// Open finds the stack that STACK_NAME names, with the AWS settings of the environment. The scripts set both: a
// program that is run without them must not find itself on someone's AWS account by chance.
func Open(ctx context.Context) (*Stack, error) {
	name := os.Getenv("STACK_NAME")
	if name == "" {
		return nil, errors.New("STACK_NAME is not set: run the script of scripts/ that belongs to this program")
	}
	// The SDK's remarks about connections are for nobody at a terminal.
	cfg, err := config.LoadDefaultConfig(ctx, config.WithLogger(logging.Nop{}))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	if err := answers(ctx, endpointOf(cfg)); err != nil {
		return nil, err
	}
	return Find(ctx, cfg, name)
}

// answers says at once, and in a sentence, where nothing answers on a local cloud's endpoint.
func answers(ctx context.Context, endpoint string) error {
	u, err := url.Parse(endpoint)
	if endpoint == "" || err != nil {
		return err
	}
	port := u.Port()
	if port == "" {
		port = u.Scheme // http and https are names of ports
	}
	c, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("no local cloud answers on %s: ./scripts/setup.sh starts one and deploys; "+
			"LOCAL_PORT and LOCAL_NAME say which one is meant, or AWS_ENDPOINT_URL one that this repository did not start", endpoint)
	}
	return c.Close()
}

// Find finds the stack of a name.
func Find(ctx context.Context, cfg aws.Config, name string) (*Stack, error) {
	s := &Stack{Config: cfg, lambda: lambda.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg)}
	described, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return nil, fmt.Errorf("%s: %w", name, ErrNotDeployed)
	}
	if err != nil {
		return nil, fmt.Errorf("find stack %s: %w", name, err)
	}
	resources, err := Says(ctx, cfg, name)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, r := range resources {
		values[r.ID] = r.Name
	}
	for _, d := range described.Stacks {
		for _, o := range d.Outputs {
			values["output "+aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
	}
	if err := s.fill(values); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.QueueURL, s.DLQURL = below(s.endpoint(), s.QueueURL), below(s.endpoint(), s.DLQURL)
	return s, nil
}

// endpoint is where a local cloud answers, without a slash at the end; "" is AWS.
func (s *Stack) endpoint() string { return endpointOf(s.Config) }

func endpointOf(cfg aws.Config) string {
	return strings.TrimSuffix(aws.ToString(cfg.BaseEndpoint), "/")
}

// below is the URL of a queue on the endpoint. A local cloud may name one after the host and port that it has where
// it runs, inside of a container say; all take the queue by its path.
func below(endpoint, queueURL string) string {
	u, err := url.Parse(queueURL)
	if endpoint == "" || err != nil || u.Host == "" {
		return queueURL
	}
	return endpoint + u.Path
}

func (s *Stack) fill(values map[string]string) error {
	var missing []string
	for name, to := range map[string]*string{
		"output QueueUrl": &s.QueueURL, "output DlqUrl": &s.DLQURL, "output HealthUrl": &s.healthURL,
		"output EventsTable": &s.EventsTable, "output ClientsTable": &s.ClientsTable,
		"ProcessorFunction": &s.Processor, "ProducerFunction": &s.Producer, "HealthFunction": &s.Health,
	} {
		if *to = values[name]; *to == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w as a whole: it has no %s", ErrNotDeployed, strings.Join(missing, ", "))
	}
	return nil
}

// Invoke calls a function once and reads its answer. An answer that is an error is one here.
func (s *Stack) Invoke(ctx context.Context, function string, request, answer any) error {
	payload, err := json.Marshal(request)
	if err != nil {
		return err
	}
	out, err := s.lambda.Invoke(ctx, &lambda.InvokeInput{FunctionName: &function, Payload: payload}, func(o *lambda.Options) {
		o.RetryMaxAttempts = 1 // twice would send everything twice
	})
	if err != nil {
		return fmt.Errorf("invoke %s: %w", function, err)
	}
	if out.FunctionError != nil {
		var failure struct {
			Message string `json:"errorMessage"`
		}
		if json.Unmarshal(out.Payload, &failure) != nil || failure.Message == "" {
			failure.Message = string(out.Payload)
		}
		return fmt.Errorf("%s: %s", function, failure.Message)
	}
	if err := json.Unmarshal(out.Payload, answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", function, err)
	}
	return nil
}

// Settings are the environment variables of a deployed function.
func (s *Stack) Settings(ctx context.Context, function string) (map[string]string, error) {
	out, err := s.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w", function, err)
	}
	if out.Environment == nil {
		return nil, nil
	}
	return out.Environment.Variables, nil
}
