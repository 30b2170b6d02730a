package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"event-processor/internal/batch"
	"event-processor/internal/event"
)

// full is a table in which every event is stored already, with a payload of 255 KB of numbers, and another hash than that
// of odd events. As DynamoDB, it answers with 16 MB at most.
type full struct {
	payload       string
	heads, wholes []int // keys of each request
	shown         int   // payloads, by whoever reads
	handed        int   // payloads
}

func newFull() *full {
	return &full{payload: `{"source":"a","values":[` + strings.Repeat("12.5,", 255<<10/5) + `0]}`}
}

func (f *full) open(t *testing.T) *Events {
	t.Helper()
	return NewEvents(script{
		"BatchExecuteStatement": func(request object) (int, any) {
			return 200, each(request, func(string) object { return failed("DuplicateItem") })
		},
		"BatchGetItem": func(request object) (int, any) { return 200, f.get(t, request) },
	}.open(t), "events", 4, 30)
}

func (f *full) get(t *testing.T, request object) object {
	asked := request["RequestItems"].(object)["events"].(object)
	keys := asked["Keys"].([]any)
	if asked["ConsistentRead"] != true {
		t.Error("the read is not consistent")
	}
	items := []object{}
	item := func(key object) object {
		hash := object{"B": "AAAAAAAAAAAAAAAAAAAAAA=="}
		if id := key["event_id"].(object)["S"].(string); (id[len(id)-1]-'0')%2 == 1 {
			hash = object{"B": "AQAAAAAAAAAAAAAAAAAAAA=="} // that of some events
		}
		return object{"client_id": key["client_id"], "event_id": key["event_id"], "event_type": object{"S": "t"}, "content_hash": hash}
	}
	if asked["ProjectionExpression"] != nil {
		f.heads = append(f.heads, len(keys))
		if strings.Contains(asked["ProjectionExpression"].(string), "payload") {
			t.Error("payloads are read with the heads")
		}
		for _, key := range keys {
			items = append(items, item(key.(object)))
		}
		return object{"Responses": object{"events": items}}
	}
	f.wholes = append(f.wholes, len(keys))
	if f.shown != f.handed {
		t.Errorf("%d payloads are held while more are asked for", f.handed-f.shown)
	}
	most := min(len(keys), 16<<20/len(f.payload))
	for _, key := range keys[:most] {
		whole := item(key.(object))
		whole["payload"] = object{"S": f.payload}
		items = append(items, whole)
	}
	f.handed += most
	answer := object{"Responses": object{"events": items}}
	if left := keys[most:]; len(left) > 0 {
		answer["UnprocessedKeys"] = object{"events": object{"Keys": left}}
	}
	return answer
}

func ofHash(n int, hash byte) []event.Event {
	events := some(n)
	for i := range events {
		events[i].ID, events[i].Hash = fmt.Sprint("e", i), event.Hash{hash}
	}
	return events
}

// TestPayloadsAreReadAFewAtATime has 200 events that are stored already, and large.
func TestPayloadsAreReadAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFull()
		table := f.open(t)
		var keys []event.Key
		for i, put := range table.PutAll(t.Context(), ofHash(200, 1)) {
			if put.Existing == nil || put.Existing.Type != "t" || put.Existing.Payload != "" || (put.Existing.Hash == event.Hash{1}) != (i%2 == 1) {
				t.Fatalf("event %d: %+v", i, put)
			}
			keys = append(keys, put.Existing.Key())
		}
		if !slices.Equal(f.heads, []int{100, 100}) || len(f.wholes) > 0 {
			t.Errorf("asked for %v heads and %v payloads, want two times 100 and none", f.heads, f.wholes)
		}
		err := table.Each(t.Context(), keys, func(stored *event.Event) {
			f.shown++
			if stored.Payload != f.payload {
				t.Error("another payload")
			}
		})
		if err != nil || f.shown != 200 || slices.Max(f.wholes)*len(f.payload) > 4<<20 {
			t.Errorf("%v after %d payloads, at most %d at a time", err, f.shown, slices.Max(f.wholes))
		}
	})
}

func TestNoPayloadIsReadAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFull()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var keys []event.Key
		for _, e := range some(100) {
			keys = append(keys, e.Key())
		}
		err := f.open(t).Each(ctx, keys, func(*event.Event) {
			if f.shown++; f.shown == 15 {
				cancel()
			}
		})
		var failure *event.Failure
		if !errors.As(err, &failure) || failure.Reason != event.DeadlineNear || len(f.wholes) != 2 {
			t.Errorf("got %v after %d requests, want %s after 2", err, len(f.wholes), event.DeadlineNear)
		}
	})
}

// given is a decoder of bodies that are event ids, for small messages that are in conflict with what is stored.
type given struct{}

func (given) Decode(r *event.Record, e *event.Event) error {
	*e = event.Event{
		ClientID: "c", ID: r.Body, Type: "t", MessageID: r.MessageID, Hash: event.Hash{1}, Payload: `{"source":"a","values":[12.50,1]}`,
	}
	return nil
}

func (given) Lookup(context.Context, []string) map[string]event.Found {
	return map[string]event.Found{"c": {Client: &event.Client{ID: "c", Active: true, AllowedTypes: []string{"t"}}}}
}

// TestSmallMessagesAgainstLargeEvents is what one client could slow another down with: a batch of small messages, each in
// conflict with a large event. It was 1.8 s of CPU and 80 MB for 100 of them.
func TestSmallMessagesAgainstLargeEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFull()
		records := make([]event.Record, 100)
		for i := range records {
			records[i].Body = fmt.Sprint("e", i)
		}
		p := &batch.Processor{Decoder: given{}, Directory: given{}, Store: &counting{f.open(t), f}}
		for i, r := range p.Process(t.Context(), records, nil) {
			if want := []event.Outcome{event.Rejected, event.Duplicate}[i%2]; r.Outcome != want {
				t.Errorf("event %d: %s %s, want %s", i, r.Outcome, r.Reason, want)
			}
		}
		if f.handed != 50 || slices.Max(f.wholes)*len(f.payload) > 4<<20 {
			t.Errorf("%d payloads were read, %v at a time, want the 50 that are needed", f.handed, f.wholes)
		}
	})
}

// counting counts the payloads that were compared.
type counting struct {
	*Events
	full *full
}

func (c *counting) Each(ctx context.Context, keys []event.Key, show func(*event.Event)) error {
	return c.Events.Each(ctx, keys, func(stored *event.Event) {
		show(stored)
		c.full.shown++
	})
}
