// The processor takes batches of the event queue: it validates, admits and keeps each event, and answers with the
// messages that must come again.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/caarlos0/env/v11"

	"event-processor/internal/batch"
	"event-processor/internal/clients"
	"event-processor/internal/decode"
	"event-processor/internal/dynamo"
	"event-processor/internal/emf"
	"event-processor/internal/event"
	"event-processor/internal/lifecycle"
	"event-processor/internal/logs"
	"event-processor/internal/queue"
	"event-processor/internal/trace"
)

// settings come from the environment, under the same names as in template.yaml.
type settings struct {
	EventsTable        string        `env:"EVENTS_TABLE,required,notEmpty"`
	ClientsTable       string        `env:"CLIENTS_TABLE,required,notEmpty"`
	QueueURL           string        `env:"QUEUE_URL,required,notEmpty"`
	MaxBodyBytes       int           `env:"MAX_BODY_BYTES" envDefault:"262144"`
	ClientCacheTTL     time.Duration `env:"CLIENT_CACHE_TTL" envDefault:"60s"`
	EventRetentionDays int           `env:"EVENT_RETENTION_DAYS" envDefault:"30"`
	HighValueAmount    float64       `env:"HIGH_VALUE_AMOUNT" envDefault:"10000"`
	DeadlineMargin     time.Duration `env:"DEADLINE_MARGIN" envDefault:"2s"`
	StoreConcurrency   int           `env:"STORE_CONCURRENCY" envDefault:"16"`
	TrustedSenders     event.Senders `env:"TRUSTED_SENDERS"`
	LogLevel           logs.Level    `env:"LOG_LEVEL,expand" envDefault:"${AWS_LAMBDA_LOG_LEVEL}"`
	Version            string        `env:"VERSION" envDefault:"dev"`
}

// maxItemBytes is how large a body may be set to be: a DynamoDB item holds 400 KB, names and the other attributes
// included, which stay below 4 KB.
const maxItemBytes = 400<<10 - 4<<10

// minMargin leaves half a second for backoff and half a second for the answer: with less, failures near the deadline
// would come again without a backoff.
const minMargin = time.Second

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
	check(s.ClientCacheTTL >= 0 && s.ClientCacheTTL <= 10*time.Minute, "CLIENT_CACHE_TTL must be 0s–10m")
	check(s.EventRetentionDays >= 15 && s.EventRetentionDays <= 3650, "EVENT_RETENTION_DAYS must be 15–3650")
	check(s.HighValueAmount >= 0 && s.HighValueAmount <= 1e18, "HIGH_VALUE_AMOUNT must be 0–1e18")
	check(s.DeadlineMargin >= minMargin && s.DeadlineMargin <= 10*time.Second, "DEADLINE_MARGIN must be 1s–10s: half of it is for the answer")
	check(s.StoreConcurrency >= 1 && s.StoreConcurrency <= 256, "STORE_CONCURRENCY must be 1–256")
	check(!slices.Contains(s.TrustedSenders, ""), "TRUSTED_SENDERS has an empty entry")
	return s, errors.Join(errs...)
}

func wire(ctx context.Context) (*handler, error) {
	s, err := load()
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	slog.SetDefault(logs.New(s.LogLevel))
	decoder, err := decode.New(s.MaxBodyBytes, s.HighValueAmount)
	if err != nil {
		return nil, err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	db := dynamo.Open(cfg, s.StoreConcurrency)
	tracer := trace.New()
	return &handler{
		processor: &batch.Processor{
			Decoder:        decoder,
			Directory:      clients.New(dynamo.NewClients(db, s.ClientsTable), s.ClientCacheTTL),
			Store:          dynamo.NewEvents(db, s.EventsTable, s.StoreConcurrency, s.EventRetentionDays),
			Tracer:         tracer,
			TrustedSenders: s.TrustedSenders,
			DeadlineMargin: s.DeadlineMargin,
		},
		queue:   queue.New(cfg, s.QueueURL, s.StoreConcurrency),
		metrics: emf.New(os.Stdout, lambdacontext.FunctionName, s.Version),
		tracer:  tracer,
	}, nil
}

func main() {
	h, err := wire(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	lifecycle.Start(h)
}
