// The producer makes test events and puts them on the event queue. On a stack with sample clients it creates the
// missing ones, so that one invocation after the deployment is a working system.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/caarlos0/env/v11"

	"event-processor/internal/dynamo"
	"event-processor/internal/lifecycle"
	"event-processor/internal/logs"
	"event-processor/internal/queue"
	"event-processor/internal/trace"
)

// sendsInFlight is how many calls of ten messages are under way side by side.
const sendsInFlight = 16

// settings come from the environment, under the same names as in template.yaml.
type settings struct {
	QueueURL       string        `env:"QUEUE_URL,required,notEmpty"`
	ClientsTable   string        `env:"CLIENTS_TABLE,required,notEmpty"`
	SampleClients  bool          `env:"SAMPLE_CLIENTS" envDefault:"false"`
	MaxBodyBytes   int           `env:"MAX_BODY_BYTES" envDefault:"262144"`
	DeadlineMargin time.Duration `env:"DEADLINE_MARGIN" envDefault:"2s"`
	FairQueue      bool          `env:"FAIR_QUEUE" envDefault:"true"`
	LogLevel       logs.Level    `env:"LOG_LEVEL,expand" envDefault:"${AWS_LAMBDA_LOG_LEVEL}"`
	Version        string        `env:"VERSION" envDefault:"dev"`
}

// maxItemBytes is how large the processor lets a body be: a DynamoDB item holds 400 KB, names and the other
// attributes included, which stay below 4 KB. What is too large by then still fits into a message of 1 MiB.
const maxItemBytes = 400<<10 - 4<<10

// load reads the settings and reports every fault in them at once.
func load() (settings, error) {
	s, err := env.ParseAs[settings]()
	errs := []error{err}
	check := func(ok bool, fault string) {
		if !ok && err == nil {
			errs = append(errs, errors.New(fault))
		}
	}
	check(s.MaxBodyBytes >= 1 && s.MaxBodyBytes <= maxItemBytes, fmt.Sprintf("MAX_BODY_BYTES must be 1–%d bytes", maxItemBytes))
	check(s.DeadlineMargin >= 100*time.Millisecond && s.DeadlineMargin <= time.Minute, "DEADLINE_MARGIN must be 100ms–1m")
	return s, errors.Join(errs...)
}

func wire(ctx context.Context) (*handler, error) {
	s, err := load()
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	slog.SetDefault(logs.New(s.LogLevel).With("version", s.Version))
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	h := &handler{
		queue:          queue.New(cfg, s.QueueURL, sendsInFlight),
		maxBodyBytes:   s.MaxBodyBytes,
		deadlineMargin: s.DeadlineMargin,
		fairQueue:      s.FairQueue,
		tracer:         trace.New(),
	}
	if s.SampleClients {
		h.clients = dynamo.NewClients(dynamo.Open(cfg, 1), s.ClientsTable)
	}
	return h, nil
}

func main() {
	h, err := wire(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lifecycle.Start(h.Handle)
}
