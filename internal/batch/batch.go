// Package batch is the way of a batch: decode each record, look their clients up, admit, keep, and give an
// account of every record, in the order of the batch.
package batch

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"event-processor/internal/event"
)

// Decoder reads the event out of a record. Its error is an *event.Rejection; the event beside it carries what
// could be read of who sent what, and so it does where the decoder panics.
type Decoder interface {
	Decode(r *event.Record, into *event.Event) error
}

// Directory finds clients by their ids, every one of which is in the answer.
type Directory interface {
	Lookup(ctx context.Context, ids []string) map[string]event.Found
}

// Store keeps events, whose keys differ, and answers in their order. To put what is stored already is no error:
// the answer says what is there.
type Store interface {
	PutAll(ctx context.Context, events []event.Event) []event.Put

	// Each shows what is stored under keys, payloads included, one after another: few are in memory at a time. What it
	// does not show is not stored, unless the error is not nil: then it is not known for the reason that it gives.
	Each(ctx context.Context, keys []event.Key, show func(stored *event.Event)) error
}

// Tracer shows where the time of a batch goes.
type Tracer interface {
	// Step begins a step, whose own steps begin with the context that it returns. done ends it; an error marks it.
	Step(ctx context.Context, name string) (_ context.Context, done func(err error))
}

// Processor takes batches of records. It is safe for concurrent use.
type Processor struct {
	Decoder        Decoder
	Directory      Directory
	Store          Store
	Tracer         Tracer        // nil traces nothing
	TrustedSenders []string      // sender ids that may speak for any client
	DeadlineMargin time.Duration // work stops so long before the deadline of the context
}

// Process takes one batch and returns one result a record, in their order. It never fails as a whole: where the
// deadline comes near, what is not settled fails with DeadlineNear; a panic fails its record only.
//
// Before the store is asked, early, where it is not nil, sees the results: those of records that are settled by
// then have an outcome.
func (p *Processor) Process(ctx context.Context, records []event.Record, early func([]event.Result)) []event.Result {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-p.DeadlineMargin))
		defer cancel()
	}
	b := &batch{
		Processor: p, ctx: ctx, began: time.Now(),
		entries: make([]entry, len(records)), results: make([]event.Result, len(records)),
	}
	b.decode(records)
	b.admit(ctx)
	if early != nil {
		early(b.results)
	}
	b.keep(ctx)
	return b.results
}

// step begins a step for the tracer.
func (p *Processor) step(ctx context.Context, name string) (_ context.Context, done func(err error)) {
	if p.Tracer == nil {
		return ctx, func(error) {}
	}
	return p.Tracer.Step(ctx, name)
}

// batch is one batch on its way.
type batch struct {
	*Processor
	ctx     context.Context //nolint:containedctx // of this batch only
	began   time.Time
	entries []entry
	results []event.Result
	unclear []int // open still: only the payload that is stored tells what they are
}

// entry is one record on its way. It is open until its outcome is known.
type entry struct {
	event event.Event
	open  bool
}

// settle closes a record: nil is the outcome as given, an error rejects or fails it.
func (b *batch) settle(i int, outcome event.Outcome, err error) {
	b.entries[i].open = false
	b.results[i].Settle(outcome, err)
	b.results[i].Duration = time.Since(b.began)
}

// guard runs one step for one record. A panic fails that record only.
func (b *batch) guard(i int, step func()) {
	defer func() {
		if err := recovered(b.ctx, recover()); err != nil {
			b.settle(i, "", err)
		}
	}()
	step()
}

func (b *batch) decode(records []event.Record) {
	_, done := b.step(b.ctx, "validate")
	defer done(nil)
	for i := range records {
		b.results[i].Record = &records[i]
		b.results[i].CorrelationID = records[i].MessageID // until the event says better
		b.guard(i, func() {
			if b.ctx.Err() != nil {
				b.settle(i, "", event.Fail(event.DeadlineNear, nil))
				return
			}
			defer b.identify(i) // after a panic, too
			if err := b.Decoder.Decode(&records[i], &b.entries[i].event); err != nil {
				b.settle(i, "", err)
				return
			}
			b.entries[i].open = true
		})
	}
}

// identify notes who sent what, as far as the decoder read it.
func (b *batch) identify(i int) {
	r, e := &b.results[i], &b.entries[i].event
	r.EventID, r.EventType, r.ClientID, r.CorrelationID = e.ID, e.Type, e.ClientID, cmp.Or(e.CorrelationID, r.CorrelationID)
}

// admit looks the clients of the batch up, all at once, and lets in what they may send.
func (b *batch) admit(ctx context.Context) {
	found, err := b.lookup(ctx)
	b.eachOpen(func(i int) {
		e := &b.entries[i].event
		if err != nil {
			b.settle(i, "", err)
			return
		}
		client := found[e.ClientID]
		switch {
		case client.Err != nil:
			b.settle(i, "", client.Err)
		case client.Client == nil:
			b.settle(i, "", event.Reject(event.UnknownClient, "no client "+e.ClientID))
		default:
			if err := client.Client.Admit(e.Type, b.results[i].Record.SenderID, b.TrustedSenders); err != nil {
				b.settle(i, "", err)
				return
			}
			e.RetentionDays = client.Client.RetentionDays
		}
	})
}

func (b *batch) lookup(ctx context.Context) (found map[string]event.Found, err error) {
	ctx, done := b.step(ctx, "clients")
	defer func() { done(cmp.Or(err, failedLookup(found))) }()
	defer func() {
		if e := recovered(ctx, recover()); e != nil {
			err = e
		}
	}()
	var ids []string
	seen := map[string]bool{}
	b.eachOpen(func(i int) {
		if id := b.entries[i].event.ClientID; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	})
	if len(ids) == 0 {
		return nil, nil
	}
	return b.Directory.Lookup(ctx, ids), nil
}

// failedLookup is why nobody knows who one of the clients is.
func failedLookup(found map[string]event.Found) error {
	for _, f := range found {
		if f.Err != nil {
			return f.Err
		}
	}
	return nil
}

// keep stores the first copy of each event and lets the later ones share what came of it: the same key twice in
// one request would fail the whole request.
func (b *batch) keep(ctx context.Context) {
	var leaders, followers []int
	place := map[event.Key]int{} // of the first copy among the leaders
	b.eachOpen(func(i int) {
		key := b.entries[i].event.Key()
		if _, twice := place[key]; twice {
			followers = append(followers, i)
			return
		}
		place[key] = len(leaders)
		leaders = append(leaders, i)
	})
	if len(leaders) == 0 {
		return
	}
	puts := b.put(ctx, leaders)
	for at, i := range leaders {
		b.guard(i, func() { b.settlePut(i, puts[at]) })
	}
	for _, i := range followers {
		at := place[b.entries[i].event.Key()]
		b.guard(i, func() { b.follow(i, leaders[at], puts[at].Existing) })
	}
	b.readBack(ctx)
}

// put asks the store. A panic there fails the events that were put.
func (b *batch) put(ctx context.Context, leaders []int) (puts []event.Put) {
	ctx, done := b.step(ctx, "store")
	defer func() { done(firstError(puts)) }()
	defer func() {
		if err := recovered(ctx, recover()); err != nil {
			puts = slices.Repeat([]event.Put{{Err: err}}, len(leaders))
		}
	}()
	events := make([]event.Event, len(leaders))
	for at, i := range leaders {
		events[at] = b.entries[i].event
	}
	return b.Store.PutAll(ctx, events)
}

func firstError(puts []event.Put) error {
	for i := range puts {
		if puts[i].Err != nil {
			return puts[i].Err
		}
	}
	return nil
}

// settlePut settles an event by what the store says: new is stored; what is there already is a duplicate where
// it means the same, else a conflict, and the first one stays.
func (b *batch) settlePut(i int, put event.Put) {
	switch {
	case put.Err != nil:
		b.settle(i, "", put.Err)
	case put.Existing == nil:
		b.settle(i, event.Stored, nil)
	default:
		b.compare(i, put.Existing)
	}
}

// compare settles an event by what is stored under its key, whose payload is read only where nothing else tells.
func (b *batch) compare(i int, stored *event.Event) {
	if event.PayloadDecides(&b.entries[i].event, stored) {
		b.unclear = append(b.unclear, i)
		return
	}
	b.compareWhole(i, stored)
}

func (b *batch) compareWhole(i int, kept *event.Event) {
	e := &b.entries[i].event
	switch {
	case event.PayloadDecides(e, kept) && b.ctx.Err() != nil: // large payloads take time, and nothing else does
		b.settle(i, "", event.Fail(event.DeadlineNear, nil))
	case event.SameMeaning(e, kept):
		b.settle(i, event.Duplicate, nil)
	default:
		b.settle(i, "", event.Reject(event.EventIDConflict, "another event of this client has this id; the first one stays"))
	}
}

// readBack settles the events that only payloads tell apart.
func (b *batch) readBack(ctx context.Context) {
	if len(b.unclear) == 0 {
		return
	}
	waiting := map[event.Key][]int{}
	var keys []event.Key
	for _, i := range b.unclear {
		key := b.entries[i].event.Key()
		if waiting[key] == nil {
			keys = append(keys, key)
		}
		waiting[key] = append(waiting[key], i)
	}
	err := b.each(ctx, keys, func(stored *event.Event) {
		for _, i := range waiting[stored.Key()] {
			b.guard(i, func() { b.compareWhole(i, stored) })
		}
	})
	if err == nil {
		err = event.Fail(event.StoreUnavailable, errors.New("stored already, and gone on the second look"))
	}
	for _, i := range b.unclear {
		if b.entries[i].open {
			b.settle(i, "", err)
		}
	}
}

// each asks the store. A panic there is its error.
func (b *batch) each(ctx context.Context, keys []event.Key, show func(*event.Event)) (err error) {
	ctx, done := b.step(ctx, "compare")
	defer func() { done(err) }()
	defer func() {
		if e := recovered(ctx, recover()); e != nil {
			err = e
		}
	}()
	return b.Store.Each(ctx, keys, show)
}

// follow settles a later copy of an event that is in the batch twice: by what is kept under the key where that
// is known, else as its leader failed.
func (b *batch) follow(i, leader int, existing *event.Event) {
	switch r := b.results[leader]; {
	case existing != nil:
		b.compare(i, existing)
	case r.Outcome == event.Stored:
		b.compareWhole(i, &b.entries[leader].event)
	default:
		b.settle(i, "", event.Fail(r.Reason, nil))
		b.results[i].Detail = r.Detail
	}
}

func (b *batch) eachOpen(step func(i int)) {
	for i := range b.entries {
		if b.entries[i].open {
			b.guard(i, func() { step(i) })
		}
	}
}

// recovered turns a panic into a failure, and logs where it happened.
func recovered(ctx context.Context, panicked any) error {
	if panicked == nil {
		return nil
	}
	err := event.Panicked(panicked)
	slog.ErrorContext(ctx, "panic", "error", err.Error(), "stack", string(debug.Stack()))
	return err
}
