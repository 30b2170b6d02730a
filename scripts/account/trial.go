package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"event-processor/internal/account"
	"event-processor/internal/cloud"
	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/internal/stack"
)

// trial is one run of the producer and the evidence of what became of it.
//
// The producer gets a seed, so that the same generator tells here what it sends and what is to be expected of each
// message: the account does not rely on the producer's own. A stored event is one that the table holds. Why a
// message was not stored is in the processor's log. A dead letter is one that lies in the dead-letter queue; it
// is recognized by its correlation id, so older dead letters and other traffic do no harm. When all is accounted for,
// the run's own dead letters are deleted.
type trial struct {
	stack  *stack.Stack
	events *dynamo.Events
	dlq    *queue.Queue
	log    *stack.Tail

	traits cloud.Traits
	sent   []account.Sent
	found  account.Evidence
}

const inFlight = 8

// start finds out what the cloud can do, and has the producer send what the plan says and the cloud lets through.
func start(ctx context.Context, s *stack.Stack, p plan) (*trial, error) {
	db := dynamo.Open(s.Config, inFlight)
	t := &trial{
		stack:  s,
		events: dynamo.NewEvents(db, s.EventsTable, inFlight, 0),
		dlq:    queue.New(s.Config, s.DLQURL, inFlight),
		log:    s.Tail(s.Processor, time.Now().Add(-time.Second)),
		found:  account.Evidence{Stored: map[event.Key]string{}, DeadLetters: map[string]string{}},
	}
	var err error
	if t.traits, err = cloud.Ask(ctx, s, queue.New(s.Config, s.QueueURL, 1), dynamo.NewClients(db, s.ClientsTable), t.events); err != nil {
		return nil, err
	}
	options, err := t.options(ctx, p)
	if err != nil {
		return nil, err
	}
	if left := options.LeftOut(); len(left) > 0 {
		fmt.Printf("… Left out on %s: %s\n", t.traits.Name, strings.Join(left, "; "))
	}
	run, err := generate.New(options, time.Now())
	if err != nil {
		return nil, err
	}
	for m := range run.All() {
		t.sent = append(t.sent, account.Sent{
			Key:  event.Key{ClientID: m.ClientID, EventID: m.EventID},
			Type: m.EventType, CorrelationID: m.CorrelationID, Want: m.Want, Reason: m.Reason,
		})
	}
	return t, t.send(ctx, options)
}

// options are those of the producer's run, to be made here, too.
func (t *trial) options(ctx context.Context, p plan) (generate.Options, error) {
	settings, err := t.stack.Settings(ctx, t.stack.Producer)
	if err != nil {
		return generate.Options{}, err
	}
	maxBodyBytes, err := strconv.Atoi(settings["MAX_BODY_BYTES"])
	if err != nil {
		return generate.Options{}, fmt.Errorf("MAX_BODY_BYTES of %s: %w", t.stack.Producer, err)
	}
	seed := rand.Uint64() >> 11 // every reader of JSON keeps 53 bits
	return generate.Options{
		Count: p.Events, Invalid: p.Invalid, Duplicates: p.Duplicates, Seed: &seed, MaxBodyBytes: maxBodyBytes,
		Rewritten: !t.traits.KeepsBodies, MaxMessageBytes: t.traits.MaxMessageBytes,
	}, nil
}

func (t *trial) send(ctx context.Context, o generate.Options) error {
	request := map[string]any{
		"count": o.Count, "invalid": o.Invalid, "duplicates": o.Duplicates, "seed": o.Seed,
		"rewritten": o.Rewritten, "maxMessageBytes": o.MaxMessageBytes,
	}
	var answer struct {
		Sent, Failed int
		Error        string
		EventIDs     []string `json:"eventIds"`
	}
	if err := t.stack.Invoke(ctx, t.stack.Producer, request, &answer); err != nil {
		return err
	}
	if answer.Failed > 0 {
		return fmt.Errorf("%s: %d messages were not sent: %s", t.stack.Producer, answer.Failed, answer.Error)
	}
	ours := map[string]bool{}
	for _, m := range t.sent {
		ours[m.Key.EventID] = true
	}
	theirs := slices.Sorted(slices.Values(answer.EventIDs))
	if answer.Sent != len(t.sent) || !slices.Equal(theirs, slices.Sorted(maps.Keys(ours))) {
		return fmt.Errorf("%s sent other events than this checkout makes: deploy it anew", t.stack.Producer)
	}
	return nil
}

// settle waits until every message is accounted for, and at most so long. show is told the account as it grows.
func (t *trial) settle(ctx context.Context, wait time.Duration, show func(account.Account)) (account.Account, error) {
	const pause = 500 * time.Millisecond
	deadline := time.Now().Add(wait)
	for {
		late := time.Now().After(deadline)
		a, err := t.look(ctx, late)
		if err != nil {
			return a, err
		}
		show(a)
		if a.Balanced() || late {
			return a, nil
		}
		select {
		case <-ctx.Done():
			return a, errors.New("interrupted; what was sent is processed all the same")
		case <-time.After(pause):
		}
	}
}

// look gathers what is new. The dead-letter queue is looked at when everything else is accounted for, or it is the
// last look, since its messages are out of others' sight while it lasts.
func (t *trial) look(ctx context.Context, last bool) (account.Account, error) {
	if err := errors.Join(t.readLog(ctx), t.readTable(ctx)); err != nil {
		return account.Account{}, err
	}
	a := account.Balance(t.sent, t.found)
	open := a.Sent - a.Total()
	for _, n := range a.DeadLetters {
		open += n
	}
	if !last && open > t.rejections() {
		return a, nil
	}
	err := t.dlq.Peek(ctx, 30*time.Second, func(m queue.Lying) { t.found.DeadLetters[m.ID] = m.Attributes["CorrelationId"] })
	return account.Balance(t.sent, t.found), err
}

// leave ends the run: what is accounted for goes, what is not stays as evidence. The sentence says what was done.
func (t *trial) leave(ctx context.Context, a *account.Account) string {
	if !a.Balanced() {
		return "The run's dead letters stay where they are. ./scripts/dlq.sh list shows them."
	}
	deleted, err := t.clear(ctx)
	if err != nil {
		return fmt.Sprintf("%d of the run's dead letters are deleted again, and not the others: %v. ./scripts/dlq.sh list shows them.", deleted, err)
	}
	return fmt.Sprintf("The run's own %d dead letters are deleted again: they were samples.", deleted)
}

// clear deletes the dead letters of this run, so that nobody takes samples for losses: the page would ask for a
// decision about them for 14 days. Letters of others stay, and are hidden for as long as this takes.
func (t *trial) clear(ctx context.Context) (deleted int, err error) {
	var ours []string
	for id, correlation := range t.found.DeadLetters {
		if slices.ContainsFunc(t.sent, func(m account.Sent) bool { return m.CorrelationID == correlation }) {
			ours = append(ours, id)
		}
	}
	left, err := t.dlq.Take(ctx, ours, 30*time.Second)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%d are not to be seen: others hold them, or have taken them", len(left))
	}
	return len(ours) - len(left), err
}

// rejections is how many dead letters are to be expected.
func (t *trial) rejections() (n int) {
	for _, m := range t.sent {
		if m.Want == event.Rejected {
			n++
		}
	}
	return n
}

func (t *trial) readLog(ctx context.Context) error {
	lines, err := t.log.Next(ctx)
	for _, line := range lines {
		if report, ok := account.ReadReport(line.Text); ok {
			t.found.Reports = append(t.found.Reports, report)
		}
	}
	return err
}

// readTable asks for the events that were not found so far.
func (t *trial) readTable(ctx context.Context) error {
	items, err := t.events.Read(ctx, t.found.ToRead(t.sent))
	for key, item := range items {
		t.found.Stored[key] = item.Event.MessageID
	}
	return err
}
