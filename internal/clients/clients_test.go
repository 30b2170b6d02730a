package clients

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"event-processor/internal/event"
)

// table is a table of clients in memory that can be taken away.
type table struct {
	clients map[string]event.Client
	away    error
	asked   [][]string
}

func (t *table) Find(_ context.Context, ids []string) (map[string]*event.Client, error) {
	t.asked = append(t.asked, ids)
	if t.away != nil {
		return nil, t.away
	}
	found := map[string]*event.Client{}
	for _, id := range ids {
		if c, ok := t.clients[id]; ok {
			found[id] = &c
		} else {
			found[id] = nil
		}
	}
	return found, nil
}

func TestDirectoryAsksOnceForAllItDoesNotKnow(t *testing.T) {
	tab := &table{clients: map[string]event.Client{"a": {ID: "a"}, "b": {ID: "b"}}}
	d := New(tab, time.Minute)
	d.Lookup(t.Context(), []string{"a"})
	found := d.Lookup(t.Context(), []string{"a", "b", "c"})
	if len(tab.asked) != 2 || !slices.Equal(tab.asked[1], []string{"b", "c"}) {
		t.Errorf("asked %v, want one request for b and c", tab.asked)
	}
	if found["a"].Client == nil || found["b"].Client == nil || found["c"] != (event.Found{}) {
		t.Errorf("found %v", found)
	}
}

func TestWhatIsRememberedAndHowLong(t *testing.T) {
	for name, tt := range map[string]struct {
		id    string
		after time.Duration
		asks  int
	}{
		"a known client within the TTL":      {"a", 59 * time.Second, 1},
		"a known client after it":            {"a", 60 * time.Second, 2},
		"an unknown client within 5 seconds": {"x", 4 * time.Second, 1},
		"an unknown client after 5 seconds":  {"x", 5 * time.Second, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tab := &table{clients: map[string]event.Client{"a": {ID: "a"}}}
				d := New(tab, time.Minute)
				d.Lookup(t.Context(), []string{tt.id})
				time.Sleep(tt.after)
				d.Lookup(t.Context(), []string{tt.id})
				if got := len(tab.asked); got != tt.asks {
					t.Errorf("asked %d times, want %d", got, tt.asks)
				}
			})
		})
	}
}

func TestWhileTheTableIsAway(t *testing.T) {
	for name, tt := range map[string]struct {
		id    string
		after time.Duration
		known bool
	}{
		"a known client works from the cache":      {"a", 9 * time.Minute, true},
		"but not longer than 10 minutes":           {"a", 10 * time.Minute, false},
		"an unknown client is not rejected":        {"x", time.Minute, false},
		"a client that never came cannot be known": {"b", time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tab := &table{clients: map[string]event.Client{"a": {ID: "a"}, "b": {ID: "b"}}}
				d := New(tab, time.Minute)
				d.Lookup(t.Context(), []string{"a", "x"})
				time.Sleep(tt.after)
				tab.away = errors.New("away")
				got := d.Lookup(t.Context(), []string{tt.id})[tt.id]
				var failure *event.Failure
				switch {
				case tt.known && (got.Client == nil || got.Err != nil):
					t.Errorf("got %v, want the client", got)
				case !tt.known && (!errors.As(got.Err, &failure) || failure.Reason != event.ClientLookupFailed):
					t.Errorf("got %v, want %s", got, event.ClientLookupFailed)
				}
			})
		})
	}
}

func TestASuspensionHoldsWithinTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tab := &table{clients: map[string]event.Client{"a": {ID: "a", Active: true}}}
		d := New(tab, time.Minute)
		d.Lookup(t.Context(), []string{"a"})
		tab.clients["a"] = event.Client{ID: "a"}
		time.Sleep(time.Minute)
		if d.Lookup(t.Context(), []string{"a"})["a"].Client.Active {
			t.Error("still active a minute after the suspension")
		}
	})
}

// TestAgesAreByTheWallClock has a function that was frozen: the monotonic clock stood still for as long.
func TestAgesAreByTheWallClock(t *testing.T) {
	if now := New(&table{}, time.Minute).now(); strings.Contains(now.String(), "m=") {
		t.Errorf("%s has a reading of the monotonic clock", now)
	}
	for name, tt := range map[string]struct {
		after time.Duration
		asks  int
	}{
		"frozen for less than the TTL": {59 * time.Second, 1},
		"frozen for the TTL":           {time.Minute, 2},
		"frozen for an hour":           {time.Hour, 2},
		"the clock was set back":       {-time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			tab := &table{clients: map[string]event.Client{"a": {ID: "a", Active: true}}}
			d := New(tab, time.Minute)
			now := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
			d.now = func() time.Time { return now }
			d.Lookup(t.Context(), []string{"a"})
			now = now.Add(tt.after)
			d.Lookup(t.Context(), []string{"a"})
			if got := len(tab.asked); got != tt.asks {
				t.Errorf("asked %d times, want %d", got, tt.asks)
			}
		})
	}
}

func TestFaultsOfAClientAreLoggedOnce(t *testing.T) {
	var out strings.Builder
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	tab := &table{clients: map[string]event.Client{"good": {ID: "good"}}}
	for _, id := range []string{"a", "b"} {
		tab.clients[id] = event.Client{ID: id, Faults: []string{"active is a text, want a boolean", "allowed_types is a list"}}
	}
	d := New(tab, 0) // it asks each time
	for range 3 {
		d.Lookup(t.Context(), []string{"good", "a", "b", "x"})
	}
	if got := strings.Count(out.String(), "level=WARN"); got != 2 {
		t.Errorf("%d warnings, want one for each of two clients", got)
	}
	for _, want := range []string{"client_id=a ", "client_id=b ", `faults="active is a text, want a boolean; allowed_types is a list"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not in\n%s", want, out.String())
		}
	}
}
