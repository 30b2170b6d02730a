package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"event-processor/internal/account"
	"event-processor/internal/cloud"
	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/internal/stack"
)

// inFlight is how many calls go to SQS or DynamoDB side by side.
const inFlight = 8

// trial is one load test under way.
type trial struct {
	plan
	stack      *stack.Stack
	run        *generate.Run
	events     *dynamo.Events
	queue, dlq *queue.Queue
	log        *stack.Tail
	fair       bool // send with a group id, as the producer does
	hold       int  // hold back while so many messages wait; 0 is never
	began      time.Time

	watch watch

	mu         sync.Mutex // guards what sending notes down
	sent       []account.Sent
	requests   int // to SQS, as it bills them
	largeBytes int // of the messages that are more than one request each
	large      int // how many those are
	notSent    int
	why        error // that the first one was not sent
	tooLarge   int   // for the queue: those were never to be sent

	found evidence
}

// ask finds out what the cloud can do. The event that it takes for that is not one of the test's.
func ask(ctx context.Context, s *stack.Stack) (cloud.Traits, error) {
	db := dynamo.Open(s.Config, inFlight)
	return cloud.Ask(ctx, s, queue.New(s.Config, s.QueueURL, 1), dynamo.NewClients(db, s.ClientsTable), dynamo.NewEvents(db, s.EventsTable, inFlight, 0))
}

// prepare plans the run and opens what it needs. A run whose first events are in the table already is refused: they
// would all be duplicates.
func prepare(ctx context.Context, s *stack.Stack, on cloud.Traits, p plan, who *speakers) (*trial, error) {
	settings, err := s.Settings(ctx, s.Producer)
	if err != nil {
		return nil, err
	}
	maxBodyBytes, err := strconv.Atoi(settings["MAX_BODY_BYTES"])
	if err != nil {
		return nil, fmt.Errorf("MAX_BODY_BYTES of %s: %w", s.Producer, err)
	}
	t := &trial{
		plan: p, stack: s, hold: holdBack(p, on.Name != cloud.AWS), fair: settings["FAIR_QUEUE"] == "true",
		events: dynamo.NewEvents(dynamo.Open(s.Config, inFlight), s.EventsTable, inFlight, 0),
		queue:  queue.New(s.Config, s.QueueURL, inFlight),
		dlq:    queue.New(s.Config, s.DLQURL, inFlight),
		log:    s.Tail(s.Processor, time.Now().Add(-time.Second)),
		found:  newEvidence(),
	}
	options := generate.Options{
		Count: p.Events, Own: who.own, Skew: p.Skew, Invalid: p.Invalid, Duplicates: p.Duplicates, Seed: &p.seed, MaxBodyBytes: maxBodyBytes,
		Rewritten: !on.KeepsBodies, MaxMessageBytes: on.MaxMessageBytes,
	}
	if left := options.LeftOut(); len(left) > 0 {
		fmt.Printf("… Left out on %s: %s\n", on.Name, strings.Join(left, "; "))
	}
	if t.run, err = generate.New(options, time.Now()); err != nil {
		return nil, err
	}
	if err := t.refuseTwice(ctx); err != nil {
		return nil, err
	}
	t.watch = watch{queue: t.queue, dlq: t.dlq}
	return t, t.watch.start(ctx)
}

// holdBack is how many messages may wait in a burst. MiniStack walks through its whole queue for every batch, so a
// long backlog slows it down; SQS does not mind.
func holdBack(p plan, local bool) int {
	const localBacklog = 1000
	switch {
	case p.maxBacklog != nil:
		return *p.maxBacklog
	case local && p.Rate == 0:
		return localBacklog
	default:
		return 0
	}
}

func (t *trial) refuseTwice(ctx context.Context) error {
	var keys []event.Key
	seen := map[event.Key]bool{}
	for i := range min(t.run.Len(), 50) {
		m := t.run.Message(i)
		if key := (event.Key{ClientID: m.ClientID, EventID: m.EventID}); m.Want == event.Stored && !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	there, err := t.events.Read(ctx, keys)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return errors.New("events of this run are in the table already: take another --seed")
	}
	return nil
}

// load sends while it watches, until all is sent or ctx ends.
func (t *trial) load(ctx context.Context) {
	t.began = time.Now()
	show := newProgress(t.run.Len())
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.send(ctx)
	}()
	t.watch.until(context.WithoutCancel(ctx), t.count, done, show.show)
	show.end()
}

func (t *trial) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.sent)
}
