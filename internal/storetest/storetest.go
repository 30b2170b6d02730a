package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"event-processor/internal/batch"
	"event-processor/internal/event"
)

// Run holds a store to its contract. Each call of open gives a store that may hold other events already.
func Run(t *testing.T, open func(t *testing.T) batch.Store) {
	t.Helper()
	t.Run("keeps what is new", func(t *testing.T) {
		store := open(t)
		for i, put := range store.PutAll(t.Context(), many(60)) { // more than fits into one request
			if put != (event.Put{}) {
				t.Errorf("event %d: %+v", i, put)
			}
		}
	})
	t.Run("answers with what is there, in order", func(t *testing.T) {
		store := open(t)
		events := many(60)
		store.PutAll(t.Context(), events[:30])
		again := make([]event.Event, 0, 60)
		for i := range 30 { // old and new in turn
			old := events[i]
			old.MessageID, old.Payload, old.Hash = "again", `{"other":true}`, event.Hash{9}
			again = append(again, old, events[30+i])
		}
		for i, put := range store.PutAll(t.Context(), again) {
			if i%2 == 1 {
				if put != (event.Put{}) {
					t.Errorf("new event %d: %+v", i, put)
				}
				continue
			}
			want := events[i/2]
			switch got := put.Existing; {
			case put.Err != nil || got == nil:
				t.Errorf("old event %d: %+v", i, put)
			case got.Type != want.Type, got.Version != want.Version, !got.Timestamp.Equal(want.Timestamp),
				got.Payload != want.Payload, got.Hash != want.Hash:
				t.Errorf("old event %d: got %+v, want %+v", i, *got, want)
			}
		}
	})
	t.Run("the first one stays", func(t *testing.T) {
		store := open(t)
		e := many(1)
		store.PutAll(t.Context(), e)
		other := e[0]
		other.MessageID, other.Payload = "other", `{"second":true}`
		for range 2 {
			if put := store.PutAll(t.Context(), []event.Event{other})[0]; put.Existing == nil || put.Existing.Payload != e[0].Payload {
				t.Fatalf("got %+v, want the first one", put)
			}
		}
	})
	t.Run("the same id of two clients is two events", func(t *testing.T) {
		store := open(t)
		e := many(2)
		e[1].ID, e[1].ClientID = e[0].ID, "other"
		for i, put := range store.PutAll(t.Context(), e) {
			if put != (event.Put{}) {
				t.Errorf("event %d: %+v", i, put)
			}
		}
	})
	t.Run("keeps large and odd payloads as they came", func(t *testing.T) {
		store := open(t)
		events := many(20) // 20 × 250 KB do not fit into one request
		for i := range events {
			filler := make([]byte, 250<<10)
			for n := range filler {
				filler[n] = "é\"{}'?"[n%7]
			}
			events[i].Payload = fmt.Sprintf(`{ "n" : 1.0e-3 , "text":%q}`, filler)
		}
		store.PutAll(t.Context(), events)
		for i := range events {
			want := events[i].Payload
			events[i].MessageID, events[i].Payload = "again", "{}"
			if put := store.PutAll(t.Context(), events[i:i+1])[0]; put.Existing == nil || put.Existing.Payload != want {
				t.Fatalf("event %d does not come back as it was", i)
			}
		}
	})
	t.Run("nothing to keep", func(t *testing.T) {
		if puts := open(t).PutAll(t.Context(), nil); len(puts) != 0 {
			t.Errorf("got %v", puts)
		}
	})
}

func many(n int) []event.Event {
	events := make([]event.Event, n)
	at := time.Date(2026, 1, 15, 10, 30, 0, 250e6, time.UTC)
	for i := range events {
		events[i] = event.Event{
			ID: uuid.NewString(), Type: "integration", ClientID: "client-001", Version: "1.0", Timestamp: at,
			OccurredAt: "2026-01-15T11:30:00.25+01:00", Payload: fmt.Sprintf(`{"n": %d}`, i), Hash: event.Hash{1, byte(i)},
			Priority: event.Normal, CorrelationID: "c", MessageID: fmt.Sprint("m", i), ReceivedAt: at,
		}
	}
	return events
}
