// Command health is the health function: it answers behind a function URL whether the service is well.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"log/slog"
	"path"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/caarlos0/env/v11"

	"event-processor/internal/dynamo"
	"event-processor/internal/functionurl"
	"event-processor/internal/lifecycle"
	"event-processor/internal/logs"
	"event-processor/internal/mapping"
	"event-processor/internal/metrics"
	"event-processor/internal/queue"
	"event-processor/internal/status"
)

// settings come from the environment; template.yaml sets them.
type settings struct {
	EventsTable  string     `env:"EVENTS_TABLE,required,notEmpty"`
	ClientsTable string     `env:"CLIENTS_TABLE,required,notEmpty"`
	QueueURL     string     `env:"QUEUE_URL,required,notEmpty"`
	DlqURL       string     `env:"DLQ_URL,required,notEmpty"`
	MappingID    string     `env:"MAPPING_ID,required,notEmpty"`
	Stage        string     `env:"STAGE,required,notEmpty"`
	Processor    string     `env:"PROCESSOR_FUNCTION,required,notEmpty"`
	Producer     string     `env:"PRODUCER_FUNCTION,required,notEmpty"`
	Dashboard    string     `env:"DASHBOARD"` // none on a local cloud
	Version      string     `env:"VERSION" envDefault:"dev"`
	LogLevel     logs.Level `env:"LOG_LEVEL,expand" envDefault:"${AWS_LAMBDA_LOG_LEVEL}"`
}

// attempts of a look: a second one for a lost connection, no more, since two seconds are all it has.
const attempts = 2

func main() {
	health, err := wire(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lifecycle.Start(functionurl.Wrap(health))
}

// wire reads the settings and puts the parts together.
func wire(ctx context.Context) (*status.Health, error) {
	s, err := env.ParseAs[settings]()
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	slog.SetDefault(logs.New(s.LogLevel))
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRetryMaxAttempts(attempts))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	db := dynamo.Open(cfg, 2) // a request for each table
	events := queue.New(cfg, s.QueueURL, 1)
	return status.New(status.Parts{
		Queue:            events,
		DeadLetters:      queue.New(cfg, s.DlqURL, 1),
		Oldest:           metrics.NewOldestAge(cfg, path.Base(s.QueueURL)),
		OldestDeadLetter: metrics.NewOldestAge(cfg, path.Base(s.DlqURL)),
		Events:           dynamo.NewTable(db, s.EventsTable),
		Clients:          dynamo.NewTable(db, s.ClientsTable),
		Mapping:          mapping.New(cfg, s.MappingID),
		Counts:           metrics.NewCounts(cfg, s.Processor),
		Log:              metrics.NewLog(cfg, "/aws/lambda/"+s.Processor),
		Receives:         events,
	}, status.Deployed{
		Stage: s.Stage, Version: s.Version,
		Processor: s.Processor, Producer: s.Producer, Health: cmp.Or(lambdacontext.FunctionName, "event-health"), Dashboard: s.Dashboard,
	}), nil
}
