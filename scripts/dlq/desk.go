package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/caarlos0/env/v11"

	"event-processor/internal/clients"
	"event-processor/internal/decode"
	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/stack"
)

// inFlight is how many calls go to SQS or DynamoDB side by side.
const inFlight = 16

// desk is what all commands work with.
type desk struct {
	events, dlq *queue.Queue
	judge       *judge
	history     *history
	hold        time.Duration
	now         func() time.Time
	fair        bool   // the event queue is fair: messages are grouped by client
	remembers   string // how long the processor may not know of a client's new rights
	caller      func(context.Context) (string, error)

	out      io.Writer // what was asked for
	notes    io.Writer // what else there is to say
	ask      func(ctx context.Context, question string) (yes bool, err error)
	canAsk   bool // there is someone to answer
	terminal int  // columns of out; 0 where it is no terminal
	bar      bool // notes is a terminal: show a bar
}

// rules are the settings of the deployed processor that decide about an event, under the same names and defaults
// as in functions/processor.
type rules struct {
	EventsTable     string        `env:"EVENTS_TABLE,required,notEmpty"`
	ClientsTable    string        `env:"CLIENTS_TABLE,required,notEmpty"`
	MaxBodyBytes    int           `env:"MAX_BODY_BYTES" envDefault:"262144"`
	HighValueAmount float64       `env:"HIGH_VALUE_AMOUNT" envDefault:"10000"`
	TrustedSenders  event.Senders `env:"TRUSTED_SENDERS"`
	ClientCacheTTL  string        `env:"CLIENT_CACHE_TTL" envDefault:"60s"`
}

func readRules(settings map[string]string) (rules, error) {
	return env.ParseAsWithOptions[rules](env.Options{Environment: settings})
}

// openDesk finds the stack and reads by which rules its processor works today.
func openDesk(ctx context.Context, hold time.Duration) (*desk, error) {
	if hold < 5*time.Second || hold > 10*time.Minute {
		return nil, fmt.Errorf("--hold is %s; it must be 5s to 10m", hold)
	}
	s, err := stack.Open(ctx)
	if err != nil {
		return nil, err
	}
	settings, err := s.Settings(ctx, s.Processor)
	if err != nil {
		return nil, err
	}
	r, err := readRules(settings)
	if err != nil {
		return nil, fmt.Errorf("settings of %s: %w", s.Processor, err)
	}
	decoder, err := decode.New(r.MaxBodyBytes, r.HighValueAmount)
	if err != nil {
		return nil, err
	}
	producer, err := s.Settings(ctx, s.Producer)
	if err != nil {
		return nil, err
	}
	db := dynamo.Open(s.Config, inFlight)
	d := &desk{
		events: queue.New(s.Config, s.QueueURL, inFlight),
		dlq:    queue.New(s.Config, s.DLQURL, inFlight),
		judge: newJudge(decoder, clients.New(dynamo.NewClients(db, r.ClientsTable), time.Minute),
			dynamo.NewEvents(db, r.EventsTable, inFlight, 0), r.TrustedSenders),
		history: &history{search: func(ctx context.Context, from, to time.Time, show func(string)) error {
			return s.Search(ctx, s.Processor, pattern, from, to, func(l stack.Line) { show(l.Text) })
		}},
		hold: hold, now: wallClock, fair: producer["FAIR_QUEUE"] == "true", remembers: r.ClientCacheTTL, caller: s.Caller,
		out: os.Stdout, notes: os.Stderr, ask: ask, canAsk: columns(os.Stdin) > 0,
		terminal: columns(os.Stdout), bar: columns(os.Stderr) > 0,
	}
	return d, nil
}

// note says something beside what was asked for.
func (d *desk) note(format string, a ...any) { _, _ = fmt.Fprintf(d.notes, format+"\n", a...) }

// print says what was asked for.
func (d *desk) print(format string, a ...any) { _, _ = fmt.Fprintf(d.out, format+"\n", a...) }

// letter is a dead letter with what the processor said of it and would say of it.
type letter struct {
	queue.Received
	today event.Result // by today's rules; its outcome is what would become of it
	past               // as the processor's log has it; the zero value where it was not asked, or does not know
}

// acceptable reports whether the processor would take the letter today. A duplicate it takes, and does nothing.
func (l *letter) acceptable() bool {
	return l.today.Outcome == event.Stored || l.today.Outcome == event.Duplicate
}

// verdict says in words what the processor would say today: the reason, or what would become of the letter.
func (l *letter) verdict() string {
	switch l.today.Outcome {
	case event.Stored:
		return "would be stored now"
	case event.Duplicate:
		return "would be a duplicate"
	default:
		return string(l.today.Reason)
	}
}

// client and kind are what the body says, or where it cannot be read what the sender said beside it. Message
// attributes decide nothing; here they help to find whose letter it is.
func (l *letter) client() string { return l.either(l.today.ClientID, "ClientId") }
func (l *letter) kind() string   { return l.either(l.today.EventType, "EventType") }

func (l *letter) either(read, attribute string) string {
	if read == "" {
		return l.Attributes[attribute].Text
	}
	return read
}

// read judges messages and, where it matters why they died, asks the log.
func (d *desk) read(ctx context.Context, messages []queue.Received, withLog bool) ([]letter, error) {
	letters := make([]letter, len(messages))
	for i, result := range d.judge.today(ctx, messages) {
		letters[i] = letter{Received: messages[i], today: result}
	}
	if ctx.Err() != nil {
		return nil, errInterrupted
	}
	if withLog {
		for i := range letters {
			letters[i].past = d.history.of(ctx, letters[i].ID, letters[i].today.Record.SentAt)
		}
	}
	return letters, nil
}

var errInterrupted = errors.New("interrupted")
