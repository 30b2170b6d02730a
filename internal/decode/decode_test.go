package decode

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

// maxBody is small so that a vector for event_too_large is.
const maxBody = 4096

func newDecoder(tb testing.TB) *Decoder {
	tb.Helper()
	d, err := New(maxBody, 10000)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func decodeOne(d *Decoder, r event.Record) (e event.Event, err error) {
	err = d.Decode(&r, &e)
	return e, err
}

func vectors(tb testing.TB, folder string) map[string]string {
	tb.Helper()
	files, err := filepath.Glob("testdata/" + folder + "/*.json")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no vectors in %s: %v", folder, err)
	}
	bodies := map[string]string{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		bodies[strings.TrimSuffix(filepath.Base(file), ".json")] = string(body)
	}
	return bodies
}

func TestValidVectors(t *testing.T) {
	d := newDecoder(t)
	for name, body := range vectors(t, "valid") {
		t.Run(name, func(t *testing.T) {
			e, err := decodeOne(d, event.Record{MessageID: "m", Body: body})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(body, e.Payload) || !strings.HasPrefix(e.Payload, "{") || !strings.HasSuffix(e.Payload, "}") {
				t.Errorf("payload %q is not a piece of the body", e.Payload)
			}
			if e.Hash != event.HashOf(body) {
				t.Error("the hash is not the body's")
			}
		})
	}
}

// TestInvalidVectors takes the reason from the name of the file: reason-what-is-wrong.json.
func TestInvalidVectors(t *testing.T) {
	d := newDecoder(t)
	for name, body := range vectors(t, "invalid") {
		t.Run(name, func(t *testing.T) {
			want, _, _ := strings.Cut(name, "-")
			_, err := decodeOne(d, event.Record{MessageID: "m", Body: body})
			var rejection *event.Rejection
			if !errors.As(err, &rejection) || string(rejection.Reason) != want {
				t.Fatalf("got %v, want %s", err, want)
			}
			if rejection.Detail == "" {
				t.Error("the rejection does not say what is wrong")
			}
			if got := len(d.Violations(body)) > 0; got != (rejection.Reason == event.SchemaViolation) && !strings.Contains(name, "timestamp") {
				t.Errorf("violations found: %v, reason %s", got, rejection.Reason)
			}
		})
	}
}

func TestEventIsWhatTheBodySays(t *testing.T) {
	sent := time.UnixMilli(1768473000123)
	body := ` {"payload": {"amount" : 10000.000000000000000001,"transactionId":"t","currency":"EUR"},"eventId":"00000000-0000-4000-8000-000000000001",` +
		`"eventType":"transaction","clientId":"client-002","timestamp":"2026-01-15T11:30:00+01:00","version":"1.0"}`
	got, err := decodeOne(newDecoder(t), event.Record{MessageID: "m1", Body: body, SentAt: sent, CorrelationID: "order-7"})
	if err != nil {
		t.Fatal(err)
	}
	want := event.Event{
		ID: "00000000-0000-4000-8000-000000000001", Type: "transaction", ClientID: "client-002", Version: "1.0",
		Timestamp: time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC), OccurredAt: "2026-01-15T11:30:00+01:00",
		Payload: `{"amount" : 10000.000000000000000001,"transactionId":"t","currency":"EUR"}`,
		Hash:    event.HashOf(body), Priority: event.High, CorrelationID: "order-7", MessageID: "m1", ReceivedAt: sent,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func TestTriage(t *testing.T) {
	d := newDecoder(t)
	for name, tt := range map[string]struct {
		eventType, payload string
		want               event.Priority
	}{
		"critical":                     {"monitoring", `{"severity":"critical"}`, event.High},
		"high":                         {"monitoring", `{"severity":"high"}`, event.High},
		"medium":                       {"monitoring", `{"severity":"medium"}`, event.Normal},
		"no severity":                  {"monitoring", `{"metric":"x"}`, event.Normal},
		"exactly the amount":           {"transaction", `{"transactionId":"t","currency":"EUR","amount":1e4}`, event.Normal},
		"above by less than a double":  {"transaction", `{"transactionId":"t","currency":"EUR","amount":10000.00000000000000000001}`, event.High},
		"severity is of no other type": {"integration", `{"source":"a","target":"b","operation":"c","severity":"high"}`, event.Normal},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"eventId":"00000000-0000-4000-8000-000000000001","eventType":"` + tt.eventType +
				`","clientId":"c","timestamp":"2026-01-15T10:30:00Z","version":"1.0","payload":` + tt.payload + `}`
			e, err := decodeOne(d, event.Record{Body: body})
			if err != nil || e.Priority != tt.want {
				t.Errorf("got %q, %v; want %q", e.Priority, err, tt.want)
			}
		})
	}
}

func TestCorrelationID(t *testing.T) {
	d := newDecoder(t)
	for name, tt := range map[string]struct{ member, attribute, want string }{
		"the event's own":               {`,"correlationId":"own"`, "attribute", "own"},
		"the message attribute":         {"", "attribute", "attribute"},
		"the message id":                {"", "", "m1"},
		"an attribute that forges":      {"", "a\nb", "m1"},
		"an attribute that is too long": {"", strings.Repeat("x", 129), "m1"},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"eventId":"00000000-0000-4000-8000-000000000001","eventType":"monitoring","clientId":"c",` +
				`"timestamp":"2026-01-15T10:30:00Z","version":"1.0","payload":{"a":1}` + tt.member + `}`
			e, err := decodeOne(d, event.Record{MessageID: "m1", Body: body, CorrelationID: tt.attribute})
			if err != nil || e.CorrelationID != tt.want {
				t.Errorf("got %q, %v; want %q", e.CorrelationID, err, tt.want)
			}
		})
	}
}

// TestRejectionsHoldNoPayload sends a secret through every field and looks for it in what a log line would say.
func TestRejectionsHoldNoPayload(t *testing.T) {
	d := newDecoder(t)
	const secret = "5ecret"
	for name, body := range vectors(t, "valid") {
		for _, old := range []string{`"1.0"`, `"2026-01-15T10:30:00Z"`, `"source"`, `"currency"`, `"EUR"`, `"amount"`, `129.9`, `"payload"`, `"low"`, `:`} {
			if !strings.Contains(body, old) {
				continue
			}
			_, err := decodeOne(d, event.Record{MessageID: "m", Body: strings.Replace(body, old, `"`+secret+`"`, 1)})
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s without %s: %v", name, old, err)
			}
		}
	}
}

// FuzzDecode: whatever the bytes, Decode returns an event or a rejection; what it accepts encoding/json accepts too.
func FuzzDecode(f *testing.F) {
	for _, folder := range []string{"valid", "invalid"} {
		for _, body := range vectors(f, folder) {
			f.Add(body)
		}
	}
	d := newDecoder(f)
	f.Fuzz(func(t *testing.T, body string) {
		e, err := decodeOne(d, event.Record{MessageID: "m", Body: body})
		var rejection *event.Rejection
		if err != nil && !errors.As(err, &rejection) {
			t.Fatalf("neither event nor rejection: %v", err)
		}
		if err == nil && !event.SameMeaning(&e, &event.Event{Type: e.Type, Version: e.Version, Timestamp: e.Timestamp, Payload: " " + e.Payload}) {
			t.Fatalf("the payload that is kept does not read as itself: %q", e.Payload)
		}
		d.Violations(body)
	})
}
