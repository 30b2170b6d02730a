// Package stack knows the deployed stack from outside, as scripts and system tests see it: where its queues and
// tables are, how to invoke its functions, what they log, and how they are.
package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
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

	QueueURL, DLQURL          string
	EventsTable, ClientsTable string
	HealthURL                 string // ends with a slash; on a local cloud it is one that resolves

	Processor, Producer, Health string // the functions' names

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
	return Find(ctx, cfg, name)
}

// Find finds the stack of a name.
func Find(ctx context.Context, cfg aws.Config, name string) (*Stack, error) {
	s := &Stack{Config: cfg, lambda: lambda.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg)}
	api := cloudformation.NewFromConfig(cfg)
	described, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return nil, fmt.Errorf("%s: %w", name, ErrNotDeployed)
	}
	if err != nil {
		return nil, fmt.Errorf("find stack %s: %w", name, err)
	}
	resources, err := api.DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &name})
	if err != nil {
		return nil, fmt.Errorf("find what stack %s consists of: %w", name, err)
	}
	values := map[string]string{}
	for _, r := range resources.StackResources {
		values[aws.ToString(r.LogicalResourceId)] = aws.ToString(r.PhysicalResourceId)
	}
	for _, d := range described.Stacks {
		for _, o := range d.Outputs {
			values["output "+aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
		}
	}
	if err := s.fill(values); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s.HealthURL = reachable(s.HealthURL, aws.ToString(cfg.BaseEndpoint))
	return s, nil
}

func (s *Stack) fill(values map[string]string) error {
	var missing []string
	for name, to := range map[string]*string{
		"output QueueUrl": &s.QueueURL, "output DlqUrl": &s.DLQURL, "output HealthUrl": &s.HealthURL,
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

// reachable is a function URL that resolves. MiniStack puts AWS's own into the output, where nobody listens for
// it, and serves it under a path of its endpoint.
func reachable(functionURL, endpoint string) string {
	u, err := url.Parse(functionURL)
	if err != nil || endpoint == "" || !strings.HasSuffix(u.Hostname(), ".on.aws") {
		return functionURL
	}
	id, _, _ := strings.Cut(u.Hostname(), ".")
	return strings.TrimSuffix(endpoint, "/") + "/_aws/lambda-url/" + id + "/"
}

// Get asks the health function for a path without its leading slash, such as "health".
func (s *Stack) Get(ctx context.Context, path string) (status int, body []byte, err error) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if endpoint, err := url.Parse(aws.ToString(s.Config.BaseEndpoint)); err == nil && endpoint.Host != "" {
		// LocalStack's function URLs are names below localhost, which not every machine resolves.
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, endpoint.Host)
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.HealthURL+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	answer, err := (&http.Client{Transport: transport, Timeout: 15 * time.Second}).Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // read to its end
	body, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, body, err
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
