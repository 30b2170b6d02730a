package status

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"event-processor/internal/event"
)

// fakeCloud is a service that works: parts whose answers a test may change at any time.
type fakeCloud struct {
	mu    sync.Mutex
	looks map[string]int // by part

	waiting, inFlight, dead int
	oldest, oldestDead      time.Duration // negative: nobody measures it
	metrics                 map[time.Time]map[event.Outcome]int
	lines                   []line
	receives                int
	state                   map[string]string
	broken                  map[string]error
	before                  func(ctx context.Context, part string) // runs in each look, unlocked
}

func newFakeCloud() *fakeCloud {
	return &fakeCloud{
		looks:  map[string]int{},
		oldest: -1, oldestDead: -1, receives: 5,
		state:  map[string]string{"events": "ACTIVE", "clients": "ACTIVE", "mapping": "Enabled"},
		broken: map[string]error{},
	}
}

func (c *fakeCloud) parts() Parts {
	return Parts{
		Queue: fakeQueue{c, "queue"}, DeadLetters: fakeQueue{c, "dead"}, Oldest: fakeOldest{c, "oldest"}, OldestDeadLetter: fakeOldest{c, "oldestDead"},
		Events: fakePart{c, "events"}, Clients: fakePart{c, "clients"}, Mapping: fakePart{c, "mapping"},
		Counts: fakeFlow{c}, Log: fakeFlow{c}, Receives: fakeFlow{c},
	}
}

// set changes the cloud.
func (c *fakeCloud) set(change func(*fakeCloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

// look counts a look at a part and fails it where it is broken.
func (c *fakeCloud) look(ctx context.Context, part string) error {
	c.mu.Lock()
	c.looks[part]++
	before, err := c.before, c.broken[part]
	c.mu.Unlock()
	if before != nil {
		before(ctx, part)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

type fakeQueue struct {
	*fakeCloud
	part string
}

func (q fakeQueue) Depth(ctx context.Context) (waiting, inFlight int, err error) {
	if err := q.look(ctx, q.part); err != nil {
		return 0, 0, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.part == "dead" {
		return q.dead, 0, nil
	}
	return q.waiting, q.inFlight, nil
}

type fakePart struct {
	*fakeCloud
	part string
}

func (p fakePart) State(ctx context.Context) (word string, working bool, err error) {
	if err := p.look(ctx, p.part); err != nil {
		return "", false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	word = p.state[p.part]
	return word, word == "ACTIVE" || word == "Enabled", nil
}

type fakeOldest struct {
	*fakeCloud
	part string
}

func (o fakeOldest) Age(ctx context.Context) (age time.Duration, known bool, err error) {
	if err := o.look(ctx, o.part); err != nil {
		return 0, false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.part == "oldestDead" {
		return o.oldestDead, o.oldestDead >= 0, nil
	}
	return o.oldest, o.oldest >= 0, nil
}

// fakeFlow are the metrics, the log and the redrive policy.
type fakeFlow struct{ *fakeCloud }

func (f fakeFlow) Minutes(ctx context.Context, _ time.Duration) (map[time.Time]map[event.Outcome]int, error) {
	if err := f.look(ctx, "metrics"); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.metrics, nil
}

func (f fakeFlow) MaxReceives(ctx context.Context) (int, error) {
	if err := f.look(ctx, "receives"); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.receives, nil
}

// line is one of the processor's log.
type line struct {
	at   time.Time
	text string
}

// Search shows all lines of a time, whatever the pattern says, as local clouds do.
func (f fakeFlow) Search(ctx context.Context, _ string, from, to time.Time, show func(at time.Time, line string)) error {
	f.mu.Lock()
	lines := f.lines
	f.mu.Unlock()
	for _, l := range lines {
		if l.at.Before(from) || l.at.After(to) {
			continue
		}
		show(l.at, l.text)
		if err := f.look(ctx, "line"); err != nil {
			return err
		}
	}
	return f.look(ctx, "log")
}

// batch logs one, so long ago.
func (c *fakeCloud) batch(ago time.Duration, stored, duplicate, rejected, failed int) {
	c.lines = append(c.lines, line{time.Now().Add(-ago), fmt.Sprintf(
		`{"level":"INFO","message":"batch","records":%d,"stored":%d,"duplicate":%d,"rejected":%d,"failed":%d,"requestId":"r-%d"}`,
		stored+duplicate+rejected+failed, stored, duplicate, rejected, failed, len(c.lines))})
}

// record logs one that was not stored.
func (c *fakeCloud) record(ago time.Duration, id, client string, reason event.Reason, receive int) {
	outcome := event.Failed
	if reason.Permanent() {
		outcome = event.Rejected
	}
	text, _ := json.Marshal(map[string]any{
		"message": "record", "message_id": id, "client_id": client, "outcome": outcome, "reason": reason, "receive_count": receive,
	})
	c.lines = append(c.lines, line{time.Now().Add(-ago), string(text)})
}

// dies logs a message that is rejected for good: it is received five times.
func (c *fakeCloud) dies(ago time.Duration, id, client string, reason event.Reason) {
	for i := range 5 {
		c.record(ago, id, client, reason, i+1)
	}
	c.batch(ago, 0, 0, 5, 0)
}

func deployed(stage, version string) Deployed {
	on := Deployed{Stage: stage, Version: version, Processor: "event-processor", Producer: "event-producer", Health: "event-health"}
	if stage != local {
		on.Dashboard = "event-processor"
	}
	return on
}
