package status

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"
)

const (
	// lookTimeout bounds each look. They run side by side, so it bounds all of them; the function has 10 s.
	lookTimeout = 2 * time.Second
	// fresh is how long a report serves. It bounds what a public URL can ask of the services behind it.
	fresh = 5 * time.Second
	// maxLogged bounds an error in the log, in bytes.
	maxLogged = 500
)

// Queue counts its messages.
type Queue interface {
	// Depth counts the messages that wait and those in flight.
	Depth(ctx context.Context) (waiting, inFlight int, err error)
}

// Stateful is a part that says what it is doing: a table, the event source mapping.
type Stateful interface {
	// State is its state in a word, such as ACTIVE or Disabled, and whether it does its work in that state.
	State(ctx context.Context) (word string, working bool, err error)
}

// Oldest knows how old the oldest message is.
type Oldest interface {
	// Age is that of the oldest message that waits; known is false where nobody measures it.
	Age(ctx context.Context) (age time.Duration, known bool, err error)
}

// Parts are what there is to look at. Every look ends soon after its context does.
type Parts struct {
	Queue, DeadLetters Queue
	Oldest             Oldest // message of the queue
	OldestDeadLetter   Oldest
	Events, Clients    Stateful // the tables
	Mapping            Stateful // on Stage local shown, not counted: a local cloud may say Disabled while messages flow

	// Whether events flow: never counted, and not known where it takes too long.
	Counts   Counts
	Log      Log
	Receives Receives
}

// Deployed is what was deployed.
type Deployed struct {
	Stage   string // local, staging or production
	Version string

	Processor, Producer, Health string // the functions' names
	Dashboard                   string // its name; "" where there is none
}

// Health looks at the parts.
type Health struct {
	parts    Parts
	deployed Deployed

	mu       sync.Mutex
	last     *Report
	lookedAt time.Time
	flow     *flow
	memory   memory
}

// New makes a Health.
func New(parts Parts, deployed Deployed) *Health {
	return &Health{parts: parts, deployed: deployed, flow: newFlow(&parts)}
}

// Report looks at all parts, or returns what a look within the last five seconds found. Callers at the same time
// share one look. The report is shared too: do not change it.
func (h *Health) Report(ctx context.Context) *Report {
	h.mu.Lock()
	defer h.mu.Unlock()
	// Round(0) takes wall time: the monotonic clock may stand still while Lambda has the environment frozen.
	now := time.Now().Round(0)
	if since := now.Sub(h.lookedAt); h.last != nil && since >= 0 && since < fresh {
		return h.last
	}
	// Others get this report too: that its first caller went away must not spoil it.
	h.last, h.lookedAt = h.look(context.WithoutCancel(ctx)), now
	return h.last
}

// look looks at all parts side by side. Each look writes members of the report that no other one writes.
func (h *Health) look(ctx context.Context) *Report {
	r := &Report{Stage: h.deployed.Stage, Version: h.deployed.Version, CheckedAt: time.Now().UTC().Truncate(time.Millisecond), deployed: h.deployed}
	p, checks := h.parts, &r.Checks
	emptied := h.memory.emptied(h.deployed.Stage)
	var all sync.WaitGroup
	start := func(check *Check, name string, part func(context.Context) error) {
		all.Go(func() { *check = try(ctx, name, part) })
	}
	start(&checks.Queue, "queue", count(p.Queue, &r.QueueDepth, &r.InFlight))
	start(&checks.DeadLetterQueue, "deadLetterQueue", count(p.DeadLetters, &r.DeadLetters, new(*int)))
	start(&checks.EventsTable, "eventsTable", works(p.Events))
	start(&checks.ClientsTable, "clientsTable", works(p.Clients))
	start(&checks.Mapping, "mapping", works(p.Mapping))
	start(new(Check), "oldestAge", func(ctx context.Context) error { return oldest(ctx, p.Oldest, &r.OldestAgeSeconds) })
	start(new(Check), "oldestDeadLetter", func(ctx context.Context) error {
		return oldest(ctx, p.OldestDeadLetter, &r.OldestDeadLetterSeconds)
	})
	start(new(Check), "flow", func(ctx context.Context) error { return h.flow.look(ctx, r, emptied) })
	all.Wait()
	checks.Mapping.Counted = h.deployed.Stage != local
	r.conclude(&h.memory)
	return r
}

// try runs one look within its time. A panic in it fails it alone.
func try(ctx context.Context, name string, look func(context.Context) error) Check {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	start := time.Now()
	err := recovered(ctx, look)
	check := Check{Healthy: err == nil, Counted: true, LatencyMs: milliseconds(time.Since(start))}
	if err != nil {
		check.Error = kindOf(err)
		slog.WarnContext(ctx, "Check failed", "check", name, "reason", check.Error, "error", clip(err.Error()))
	}
	return check
}

func recovered(ctx context.Context, look func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", errPanic, v)
		}
	}()
	return look(ctx)
}

// count is the look at a queue. It leaves the numbers nil where it fails.
func count(q Queue, waiting, inFlight **int) func(context.Context) error {
	return func(ctx context.Context) error {
		w, f, err := q.Depth(ctx)
		if err != nil {
			return err
		}
		*waiting, *inFlight = &w, &f
		return nil
	}
}

// works is the look at a part that says what it is doing.
func works(s Stateful) func(context.Context) error {
	return func(ctx context.Context) error {
		word, working, err := s.State(ctx)
		if err == nil && !working {
			return &notWorking{state: word}
		}
		return err
	}
}

// oldest reads the age. That nobody measures it is no fault of the service, and neither is a failure to read it:
// the age stays nil.
func oldest(ctx context.Context, o Oldest, seconds **int) error {
	age, known, err := o.Age(ctx)
	if err == nil && known {
		s := int(age.Seconds())
		*seconds = &s
	}
	return err
}

// milliseconds to a tenth: a look at a local cloud takes one or two.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*10) / 10
}

func clip(s string) string {
	if len(s) > maxLogged {
		return s[:maxLogged]
	}
	return s
}
