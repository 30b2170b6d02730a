package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/batch"
	"event-processor/internal/event"
	"event-processor/internal/storetest"
)

// bodies decodes the bodies of these tests: "client/id/payload" or "client/id/payload/type", and a few words.
type bodies struct{}

func (bodies) Decode(r *event.Record, e *event.Event) error {
	switch r.Body {
	case "panic":
		panic("in the decoder")
	case "bad":
		e.CorrelationID = "known"
		return event.Reject(event.MalformedJSON, "bad")
	}
	part := append(strings.Split(r.Body, "/"), "transaction")
	*e = event.Event{
		ClientID: part[0], ID: part[1], Type: part[3], Payload: part[2], Hash: event.HashOf(r.Body),
		MessageID: r.MessageID, CorrelationID: "c-" + part[1],
	}
	if e.Payload == "panic" {
		panic("after the decoder read who sent it")
	}
	return nil
}

// directory knows good (all is well), suspended and away (the lookup fails); panic panics.
type directory struct{}

func (directory) Lookup(_ context.Context, ids []string) map[string]event.Found {
	found := map[string]event.Found{}
	for _, id := range ids {
		switch id {
		case "good":
			found[id] = event.Found{Client: &event.Client{ID: id, Active: true, AllowedTypes: []string{"transaction"}, RetentionDays: 99}}
		case "suspended":
			found[id] = event.Found{Client: &event.Client{ID: id}}
		case "away":
			found[id] = event.Found{Err: event.Fail(event.ClientLookupFailed, nil)}
		case "panic":
			panic("in the directory")
		default:
			found[id] = event.Found{}
		}
	}
	return found
}

type storeFunc func(ctx context.Context, events []event.Event) []event.Put

func (f storeFunc) PutAll(ctx context.Context, events []event.Event) []event.Put {
	return f(ctx, events)
}

func (storeFunc) Each(context.Context, []event.Key, func(*event.Event)) error { return nil }

func process(t *testing.T, store batch.Store, texts ...string) []string {
	t.Helper()
	records := make([]event.Record, len(texts))
	for i, text := range texts {
		records[i] = event.Record{MessageID: fmt.Sprint("m", i), Body: text}
	}
	p := &batch.Processor{Decoder: bodies{}, Directory: directory{}, Store: store, DeadlineMargin: 2 * time.Second}
	results := p.Process(t.Context(), records, nil)
	got := make([]string, len(results))
	for i, r := range results {
		if r.Record != &records[i] {
			t.Errorf("result %d is of another record", i)
		}
		got[i] = strings.TrimSpace(string(r.Outcome) + " " + string(r.Reason))
	}
	return got
}

func TestProcess(t *testing.T) {
	throttled := event.Fail(event.StoreThrottled, nil)
	for name, tt := range map[string]struct {
		before       []string
		down         error
		bodies, want []string
	}{
		"an empty batch": {},
		"each record has its own account": {
			bodies: []string{"good/1/x", "bad", "nobody/1/x", "suspended/1/x", "away/1/x", "good/2/x"},
			want: []string{
				"stored", "rejected malformed_json", "rejected unknown_client", "rejected client_inactive",
				"failed client_lookup_failed", "stored",
			},
		},
		"redelivered": {
			before: []string{"good/1/x"},
			bodies: []string{"good/1/x", "good/2/x"}, want: []string{"duplicate", "stored"},
		},
		"the same id, another meaning": {
			before: []string{"good/1/1"},
			bodies: []string{"good/1/2", "good/1/1.0"}, want: []string{"rejected event_id_conflict", "duplicate"},
		},
		"twice in one batch": {
			bodies: []string{"good/1/1", "good/1/1", "good/1/1.0", "good/1/2"},
			want:   []string{"stored", "duplicate", "duplicate", "rejected event_id_conflict"},
		},
		"twice in one batch, and the first is in conflict with what is stored": {
			before: []string{"good/1/1"},
			bodies: []string{"good/1/2", "good/1/2", "good/1/1"},
			want:   []string{"rejected event_id_conflict", "rejected event_id_conflict", "duplicate"},
		},
		"twice in one batch, and the first failed": {
			down:   throttled,
			bodies: []string{"good/1/1", "good/1/1", "good/1/2"},
			want:   []string{"failed store_throttled", "failed store_throttled", "failed store_throttled"},
		},
		"a panic fails its record only": {
			bodies: []string{"good/1/x", "panic", "good/2/x"},
			want:   []string{"stored", "failed internal_error", "stored"},
		},
		"a panic in the directory fails whom it was asked for": {
			bodies: []string{"bad", "panic/1/x"},
			want:   []string{"rejected malformed_json", "failed internal_error"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := new(storetest.Memory)
			process(t, store, tt.before...)
			store.Down = tt.down
			got := process(t, store, tt.bodies...)
			if len(got) != len(tt.want) || (len(got) > 0 && !cmp.Equal(got, tt.want)) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAPanicTellsWhoSentWhat: its record line says as much as any other.
func TestAPanicTellsWhoSentWhat(t *testing.T) {
	for name, tt := range map[string]struct {
		body  string
		store storeFunc
		want  event.Result
	}{
		"before anything was read": {body: "panic", want: event.Result{CorrelationID: "m1"}},
		"in the decoder": {
			body: "good/1/panic", want: event.Result{EventID: "1", EventType: "transaction", ClientID: "good", CorrelationID: "c-1"},
		},
		"in the directory": {
			body: "panic/1/x", want: event.Result{EventID: "1", EventType: "transaction", ClientID: "panic", CorrelationID: "c-1"},
		},
		"in the store": {
			body: "good/1/x", want: event.Result{EventID: "1", EventType: "transaction", ClientID: "good", CorrelationID: "c-1"},
			store: func(context.Context, []event.Event) []event.Put { panic("in the store") },
		},
		"after the store, which answers for too few": {
			body: "good/1/x", want: event.Result{EventID: "1", EventType: "transaction", ClientID: "good", CorrelationID: "c-1"},
			store: func(context.Context, []event.Event) []event.Put { return nil },
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &batch.Processor{Decoder: bodies{}, Directory: directory{}, Store: tt.store}
			r := p.Process(t.Context(), []event.Record{{MessageID: "m1", Body: tt.body}}, nil)[0]
			if r.Outcome != event.Failed || r.Reason != event.InternalError || r.Detail == "" {
				t.Errorf("got %s %s %q", r.Outcome, r.Reason, r.Detail)
			}
			got := event.Result{EventID: r.EventID, EventType: r.EventType, ClientID: r.ClientID, CorrelationID: r.CorrelationID}
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestAPanicInTheStoreFailsWhatWasPut(t *testing.T) {
	store := storeFunc(func(context.Context, []event.Event) []event.Put { panic("in the store") })
	got := process(t, store, "good/1/x", "bad", "good/1/x")
	if want := []string{"failed internal_error", "rejected malformed_json", "failed internal_error"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheStoreGetsTheClientsRetention(t *testing.T) {
	var got int
	process(t, storeFunc(func(_ context.Context, events []event.Event) []event.Put {
		got = events[0].RetentionDays
		return make([]event.Put, len(events))
	}), "good/1/x")
	if got != 99 {
		t.Errorf("got %d days, want 99", got)
	}
}

// TestWorkStopsBeforeTheDeadline has a store that waits for its context, as one that hangs does.
func TestWorkStopsBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		p := &batch.Processor{
			Decoder: bodies{}, Directory: directory{}, DeadlineMargin: 2 * time.Second,
			Store: storeFunc(func(ctx context.Context, _ []event.Event) []event.Put {
				<-ctx.Done()
				return []event.Put{{Err: event.Fail(event.DeadlineNear, errors.New("slow"))}}
			}),
		}
		began := time.Now()
		results := p.Process(ctx, []event.Record{{Body: "good/1/x"}}, nil)
		if took := time.Since(began); took != 28*time.Second {
			t.Errorf("answered after %s, want 28s", took)
		}
		if results[0].Reason != event.DeadlineNear {
			t.Errorf("got %s", results[0].Reason)
		}
	})
}

// stored is a store in which everything is stored already, as these bodies say, by id. each sees what is asked for
// before it is shown.
type stored struct {
	bodies map[string]string
	each   func(id string)
	asked  []string
}

func (s *stored) of(key event.Key) *event.Event {
	e := new(event.Event)
	_ = bodies{}.Decode(&event.Record{Body: s.bodies[key.EventID]}, e)
	return e
}

func (s *stored) PutAll(_ context.Context, events []event.Event) []event.Put {
	puts := make([]event.Put, len(events))
	for i := range events {
		if s.bodies[events[i].ID] != "" {
			puts[i].Existing = s.of(events[i].Key())
			puts[i].Existing.Payload = ""
		}
	}
	return puts
}

func (s *stored) Each(_ context.Context, keys []event.Key, show func(*event.Event)) error {
	for _, key := range keys {
		s.asked = append(s.asked, key.EventID)
		if s.each != nil {
			s.each(key.EventID)
		}
		if !strings.HasSuffix(s.bodies[key.EventID], "gone") {
			show(s.of(key))
		}
	}
	return nil
}

// TestPayloadsAreReadWhereNothingElseTells has a store in which everything is stored already.
func TestPayloadsAreReadWhereNothingElseTells(t *testing.T) {
	for name, tt := range map[string]struct {
		stored       map[string]string
		bodies, want []string
		asked        []string
	}{
		"equal bytes": {
			stored: map[string]string{"1": "good/1/x"},
			bodies: []string{"good/1/x", "good/1/x"}, want: []string{"duplicate", "duplicate"},
		},
		"another type": {
			stored: map[string]string{"1": "good/1/1/monitoring"},
			bodies: []string{"good/1/1"}, want: []string{"rejected event_id_conflict"},
		},
		"the payload tells, once for all copies": {
			stored: map[string]string{"1": "good/1/1.0", "2": "good/2/2", "3": "good/3/3"},
			bodies: []string{"good/1/1", "good/2/2", "good/1/2", "good/3/3.0", "good/1/1.0"},
			want:   []string{"duplicate", "duplicate", "rejected event_id_conflict", "duplicate", "duplicate"},
			asked:  []string{"1", "3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			store := &stored{bodies: tt.stored}
			if got := process(t, store, tt.bodies...); !cmp.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if !slices.Equal(store.asked, tt.asked) {
				t.Errorf("asked for the payloads of %q, want %q", store.asked, tt.asked)
			}
		})
	}
}

func TestTroubleWhilePayloadsAreRead(t *testing.T) {
	store := &stored{
		bodies: map[string]string{"1": "good/1/1.0", "2": "good/2/2.0", "3": "good/3/3.0"},
		each: func(id string) {
			if id == "2" {
				panic("in the store")
			}
		},
	}
	want := []string{"duplicate", "failed internal_error", "failed internal_error", "stored"}
	if got := process(t, store, "good/1/1", "good/2/2", "good/3/3", "good/4/4"); !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	store = &stored{bodies: map[string]string{"1": "good/1/gone", "2": "good/2/2.0"}}
	want = []string{"failed store_unavailable", "duplicate"}
	if got := process(t, store, "good/1/1", "good/2/2"); !cmp.Equal(got, want) {
		t.Errorf("gone on the second look: got %q, want %q", got, want)
	}
}

// TestNearTheDeadlineOnlyPayloadsWait has a store that answers as the time is up.
func TestNearTheDeadlineOnlyPayloadsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		store := &stored{
			bodies: map[string]string{"1": "good/1/x", "2": "good/2/1/monitoring", "3": "good/3/1.0", "4": "good/4/1.0"},
			each: func(id string) {
				if id == "4" {
					time.Sleep(29 * time.Second)
				}
			},
		}
		records := []event.Record{
			{Body: "good/1/x"},
			{Body: "good/1/x"},
			{Body: "good/2/1"},
			{Body: "good/3/1"},
			{Body: "good/4/1"},
			{Body: "good/4/1.0"},
			{Body: "good/5/1"},
			{Body: "good/5/1"},
			{Body: "good/5/1.0"},
		}
		want := []string{"duplicate", "duplicate", "rejected", "duplicate", "failed", "duplicate", "stored", "duplicate", "duplicate"}
		p := &batch.Processor{Decoder: bodies{}, Directory: directory{}, Store: store, DeadlineMargin: 2 * time.Second}
		check := func(want []string) {
			t.Helper()
			var got []string
			for _, r := range p.Process(ctx, records, nil) {
				got = append(got, string(r.Outcome))
				if r.Outcome == event.Failed && r.Reason != event.DeadlineNear {
					t.Errorf("%s failed with %s", r.Record.Body, r.Reason)
				}
			}
			if !cmp.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		check(want)

		// As the store has stored, the time is up: a copy of the same bytes needs none.
		ctx, cancel = context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		p.Store = storeFunc(func(ctx context.Context, events []event.Event) []event.Put {
			<-ctx.Done()
			return make([]event.Put, len(events))
		})
		records = records[6:]
		check([]string{"stored", "duplicate", "failed"})
	})
}

// tracer notes the steps that begin and end, and with what.
type tracer struct{ steps []string }

func (r *tracer) Step(ctx context.Context, name string) (context.Context, func(error)) {
	return ctx, func(err error) { r.steps = append(r.steps, strings.TrimSuffix(fmt.Sprint(name, " ", err), " <nil>")) }
}

func TestTheTracerSeesEachStep(t *testing.T) {
	for name, tt := range map[string]struct {
		store  storeFunc
		bodies []string
		want   []string
	}{
		"all is well": {
			store:  func(_ context.Context, events []event.Event) []event.Put { return make([]event.Put, len(events)) },
			bodies: []string{"good/1/x", "bad"}, want: []string{"validate", "clients", "store"},
		},
		"nothing to keep": {bodies: []string{"bad"}, want: []string{"validate", "clients"}},
		"the lookup fails": {
			bodies: []string{"away/1/x"}, want: []string{"validate", "clients client_lookup_failed"},
		},
		"the store fails": {
			store: func(_ context.Context, events []event.Event) []event.Put {
				puts := make([]event.Put, len(events))
				puts[len(puts)-1].Err = event.Fail(event.StoreThrottled, nil)
				return puts
			},
			bodies: []string{"good/1/x", "good/2/x"}, want: []string{"validate", "clients", "store store_throttled"},
		},
		"the store panics": {
			store:  func(context.Context, []event.Event) []event.Put { panic("in the store") },
			bodies: []string{"good/1/x"}, want: []string{"validate", "clients", "store internal_error: panic: string"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			seen := new(tracer)
			records := make([]event.Record, len(tt.bodies))
			for i := range records {
				records[i].Body = tt.bodies[i]
			}
			p := &batch.Processor{Decoder: bodies{}, Directory: directory{}, Store: tt.store, Tracer: seen}
			p.Process(t.Context(), records, nil)
			if !cmp.Equal(seen.steps, tt.want) {
				t.Errorf("got %q, want %q", seen.steps, tt.want)
			}
		})
	}
}

// TestNoWorkAfterTheDeadline has a context that has ended: nothing is decoded, all is reported.
func TestNoWorkAfterTheDeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &batch.Processor{Decoder: bodies{}, Directory: directory{}, Store: new(storetest.Memory)}
	for _, r := range p.Process(ctx, []event.Record{{Body: "bad"}, {Body: "good/1/x"}}, nil) {
		if r.Reason != event.DeadlineNear {
			t.Errorf("%s: got %s, want %s", r.Record.Body, r.Reason, event.DeadlineNear)
		}
	}
}

func TestDelay(t *testing.T) {
	for name, tt := range map[string]struct {
		outcome  event.Outcome
		receives int
		from, to time.Duration
	}{
		"a rejection comes again at once": {event.Rejected, 3, 0, 0},
		"the first receive":               {event.Failed, 1, 5 * time.Second, 10 * time.Second},
		"the second":                      {event.Failed, 2, 20 * time.Second, 40 * time.Second},
		"the third":                       {event.Failed, 3, 80 * time.Second, 160 * time.Second},
		"the fourth":                      {event.Failed, 4, 320 * time.Second, 640 * time.Second},
		"bounded":                         {event.Failed, 1000, 450 * time.Second, 900 * time.Second},
		"a count that makes no sense":     {event.Failed, 0, 5 * time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[time.Duration]bool{}
			for range 1000 {
				got := batch.Delay(&event.Result{Outcome: tt.outcome, Record: &event.Record{ReceiveCount: tt.receives}})
				if got < tt.from || got > tt.to {
					t.Fatalf("got %s, want %s to %s", got, tt.from, tt.to)
				}
				seen[got] = true
			}
			if tt.to > 0 && len(seen) < 100 {
				t.Error("not at random: all would come back at one time")
			}
		})
	}
}

func TestWhatIsKnownEarly(t *testing.T) {
	records := []event.Record{{Body: "bad"}, {Body: "good/1/x"}, {Body: "nobody/1/x"}, {Body: "away/1/x"}}
	p := &batch.Processor{Decoder: bodies{}, Directory: directory{}, Store: new(storetest.Memory)}
	var early []string
	p.Process(t.Context(), records, func(known []event.Result) {
		for _, r := range known {
			early = append(early, string(r.Outcome))
		}
	})
	if want := []string{"rejected", "", "rejected", "failed"}; !cmp.Equal(early, want) {
		t.Errorf("got %q, want %q", early, want)
	}
}
