package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"event-processor/internal/batch"
	"event-processor/internal/event"
)

// Run holds a store to its contract. Each call of openAt gives a store that may hold other events already, and goes by
// this clock.
func Run(t *testing.T, openAt func(t *testing.T, now func() time.Time) batch.Store) {
	t.Helper()
	open := func(t *testing.T) batch.Store { return openAt(t, time.Now) }
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
			case got.Key() != want.Key(), got.Type != want.Type, got.Version != want.Version, !got.Timestamp.Equal(want.Timestamp),
				got.Payload != "", got.Hash != want.Hash:
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
			put := store.PutAll(t.Context(), []event.Event{other})[0]
			if got := whole(t, store, e...)[0]; put.Existing == nil || !same(&got, &e[0]) {
				t.Fatalf("got %+v and %+v, want the first one", put, got)
			}
		}
	})
	t.Run("shows what is there, whole, and nothing else", func(t *testing.T) {
		store := open(t)
		events := many(60)
		store.PutAll(t.Context(), events[:30])
		shown := whole(t, store, events...)
		for i := range events {
			if got := shown[i]; i < 30 && !same(&got, &events[i]) || i >= 30 && got.ID != "" {
				t.Errorf("event %d: got %+v", i, got)
			}
		}
	})
	t.Run("an event past its time that is still there counts as before", func(t *testing.T) {
		now := time.Now()
		clock := now.AddDate(-20, 0, 0) // nobody keeps events so long
		store := openAt(t, func() time.Time { return clock })
		kept := many(2)
		store.PutAll(t.Context(), kept)
		clock = now
		again := slices.Clone(kept)
		again[0].MessageID = "again"
		again[1].MessageID, again[1].Payload, again[1].Hash = "other", `{"other":true}`, event.Hash{9}
		for i, put := range store.PutAll(t.Context(), again) {
			stored := whole(t, store, kept[i])[0]
			if put.Existing == nil || !same(&stored, &kept[i]) {
				t.Fatalf("event %d: got %+v and %+v, want the one that was kept", i, put, stored)
			}
			if got, want := event.SameMeaning(&again[i], &stored), i == 0; got != want {
				t.Errorf("event %d is a duplicate: %v, want %v", i, got, want)
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
			if got := whole(t, store, events[i])[0]; !same(&got, &events[i]) {
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

// whole has a store show what is there under the keys of these events. Where nothing is, the event is the zero value.
func whole(t *testing.T, store batch.Store, events ...event.Event) []event.Event {
	t.Helper()
	keys := make([]event.Key, len(events))
	shown := map[event.Key]event.Event{}
	for i := range events {
		keys[i] = events[i].Key()
	}
	err := store.Each(t.Context(), keys, func(stored *event.Event) {
		if _, twice := shown[stored.Key()]; twice {
			t.Errorf("%s was shown twice", stored.ID)
		}
		shown[stored.Key()] = *stored
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]event.Event, len(events))
	for i, key := range keys {
		answer[i] = shown[key]
	}
	return answer
}

// same reports whether a store gave back what it was given, as far as events are compared.
func same(a, b *event.Event) bool {
	return a.Key() == b.Key() && a.Type == b.Type && a.Version == b.Version && a.Timestamp.Equal(b.Timestamp) &&
		a.Payload == b.Payload && a.Hash == b.Hash
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
