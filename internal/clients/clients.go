// Package clients is the directory of clients: it remembers what the table of clients said, so that a batch asks
// only for whom it does not know, in one request.
package clients

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"event-processor/internal/event"
)

const (
	size       = 10_000           // clients remembered at most
	unknownTTL = 5 * time.Second  // a client that was just created is let in within it
	staleTTL   = 10 * time.Minute // known clients keep working so long while their table is away
)

// Table is where clients are kept. An id with a nil client is not in the table; an id that is not in the answer
// is not known for the reason that the error gives.
type Table interface {
	Find(ctx context.Context, ids []string) (map[string]*event.Client, error)
}

// Directory looks clients up and remembers them. It is safe for concurrent use.
type Directory struct {
	table Table
	known *lru.Cache[string, entry]
	ttl   time.Duration
	now   func() time.Time

	warned sync.Map // of whose faults, by client id
}

type entry struct {
	client *event.Client // nil: the table does not have it
	asked  time.Time
}

// New makes a directory that asks the table again about a client after ttl: while the table answers, a
// suspension holds within it.
func New(table Table, ttl time.Duration) *Directory {
	known, err := lru.New[string, entry](size)
	if err != nil { // only a size below 1 is an error
		panic(err)
	}
	return &Directory{table: table, known: known, ttl: ttl, now: wallClock}
}

// wallClock tells the time without the monotonic clock, which may stand still while a function is frozen between two
// batches: ages would be too young, and a suspended client let in for longer than the TTL.
func wallClock() time.Time { return time.Now().Round(0) }

// Lookup finds the clients with these ids, each of which is in the answer. The table is asked once for all that
// are not known or whose time is up. Where it does not answer, clients known already are served for up to 10
// minutes, with a line in the log; the others carry a *event.Failure with ClientLookupFailed.
func (d *Directory) Lookup(ctx context.Context, ids []string) map[string]event.Found {
	found := make(map[string]event.Found, len(ids))
	var ask []string
	for _, id := range ids {
		if e, ok := d.known.Get(id); ok && d.fresh(e) {
			found[id] = event.Found{Client: e.client}
		} else {
			ask = append(ask, id)
		}
	}
	if len(ask) == 0 {
		return found
	}
	answers, err := d.table.Find(ctx, ask)
	now, stale := d.now(), 0
	for _, id := range ask {
		if client, ok := answers[id]; ok {
			d.known.Add(id, entry{client, now})
			d.warn(ctx, client)
			found[id] = event.Found{Client: client}
		} else if e, ok := d.known.Get(id); ok && e.client != nil && younger(now, e, staleTTL) {
			found[id] = event.Found{Client: e.client}
			stale++
		} else {
			found[id] = event.Found{Err: lookupFailed(ctx, err)}
		}
	}
	if stale > 0 {
		slog.WarnContext(ctx, "the table of clients does not answer: using what it said up to 10 minutes ago",
			"clients", stale, "error", fmt.Sprint(err))
	}
	return found
}

func (d *Directory) fresh(e entry) bool {
	ttl := d.ttl
	if e.client == nil {
		ttl = min(ttl, unknownTTL)
	}
	return younger(d.now(), e, ttl)
}

// younger reports whether the table was asked less than ttl ago. Where the clock was set back, nobody knows.
func younger(now time.Time, e entry, ttl time.Duration) bool {
	age := now.Sub(e.asked)
	return 0 <= age && age < ttl
}

// warn says what is wrong with the attributes of a client, once.
func (d *Directory) warn(ctx context.Context, c *event.Client) {
	if c == nil || len(c.Faults) == 0 {
		return
	}
	if _, before := d.warned.LoadOrStore(c.ID, true); !before {
		slog.WarnContext(ctx, "attributes of a client are not as they should be", "client_id", c.ID, "faults", strings.Join(c.Faults, "; "))
	}
}

func lookupFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return event.Fail(event.DeadlineNear, nil)
	}
	if err == nil {
		err = errors.New("no answer")
	}
	return event.Fail(event.ClientLookupFailed, err)
}
