package status

import (
	"context"
	"sync"
	"time"
)

// fakeCloud is a service that works: parts whose answers a test may change at any time.
type fakeCloud struct {
	mu    sync.Mutex
	looks map[string]int // by part

	waiting, inFlight, dead int
	oldest                  time.Duration // negative: nobody measures it
	state                   map[string]string
	broken                  map[string]error
	before                  func(ctx context.Context, part string) // runs in each look, unlocked
}

func newFakeCloud() *fakeCloud {
	return &fakeCloud{
		looks:  map[string]int{},
		oldest: -1,
		state:  map[string]string{"events": "ACTIVE", "clients": "ACTIVE", "mapping": "Enabled"},
		broken: map[string]error{},
	}
}

func (c *fakeCloud) parts() Parts {
	return Parts{
		Queue: fakeQueue{c, "queue"}, DeadLetters: fakeQueue{c, "dead"}, Oldest: fakeOldest{c},
		Events: fakePart{c, "events"}, Clients: fakePart{c, "clients"}, Mapping: fakePart{c, "mapping"},
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

type fakeOldest struct{ *fakeCloud }

func (o fakeOldest) Age(ctx context.Context) (age time.Duration, known bool, err error) {
	if err := o.look(ctx, "oldest"); err != nil {
		return 0, false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.oldest, o.oldest >= 0, nil
}
