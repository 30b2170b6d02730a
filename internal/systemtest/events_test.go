package systemtest

import (
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"event-processor/internal/decode"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/schemas"
)

// TestEventsOfEachKind sends one event of each kind and finds it in its place: the table, or the dead-letter
// queue with its reason in the processor's log line.
func TestEventsOfEachKind(t *testing.T) { eventsOfEachKind(t, open(t)) }

func eventsOfEachKind(t *testing.T, s *system) {
	t.Helper()
	all := s.client(true, schemas.Types()...)
	few := s.client(true, "integration")
	inactive := s.client(false, "integration")
	foreign := "test-" + uuid.NewString()
	s.putClient(foreign, true, schemas.Types(), []string{"AROASOMEONEELSE"})
	own := "test-" + uuid.NewString()
	s.putClient(own, true, schemas.Types(), []string{"000000000000"}) // MiniStack's and LocalStack's sender is the account

	// The first of an id that comes again, stored before the others are sent.
	again := uuid.NewString()
	s.send(body(all, "transaction", again, payloads["transaction"]))
	s.eventually("the first event is stored", func() bool { _, ok := s.item(all, again); return ok })

	good := payloads["integration"]
	id := uuid.NewString
	type sent struct {
		body      string
		outcome   event.Outcome
		reason    event.Reason
		messageID string
	}
	cases := map[string]*sent{
		"redelivered":       {body: body(all, "transaction", again, payloads["transaction"]), outcome: event.Duplicate},
		"the same meaning":  {body: body(all, "transaction", again, `{"currency":"EUR", "amount":1000001e-2,"status":"done","transactionId":"t-1"}`), outcome: event.Duplicate},
		"another meaning":   {body: body(all, "transaction", again, strings.Replace(payloads["transaction"], "10000.01", "1", 1)), reason: event.EventIDConflict},
		"not JSON":          {body: `{"eventId":`, reason: event.MalformedJSON},
		"too large":         {body: body(all, "integration", id(), strings.Replace(good, "erp", strings.Repeat("x", 256<<10), 1)), reason: event.EventTooLarge},
		"breaks the schema": {body: body(all, "transaction", id(), `{"transactionId":"t","amount":-1,"currency":"EUR"}`), reason: event.SchemaViolation},
		"unknown version":   {body: strings.Replace(body(all, "integration", id(), good), `"1.0"`, `"9.9"`, 1), reason: event.UnknownEventVersion},
		"unknown client":    {body: body("test-nobody", "integration", id(), good), reason: event.UnknownClient},
		"inactive client":   {body: body(inactive, "integration", id(), good), reason: event.ClientInactive},
		"type not allowed":  {body: body(few, "transaction", id(), payloads["transaction"]), reason: event.TypeNotAllowed},
		"foreign sender":    {body: body(foreign, "integration", id(), good), reason: event.SenderNotAllowed},
		"sender by name":    {body: body(own, "integration", id(), good), outcome: event.Stored},
	}
	for eventType, payload := range payloads {
		cases[eventType] = &sent{body: body(all, eventType, id(), payload), outcome: event.Stored}
	}
	for _, c := range cases {
		if c.reason != "" {
			c.outcome = event.Rejected
		}
		c.messageID = s.send(c.body, "CorrelationId", "test-correlation")
	}

	dead := map[string]queue.Lying{}
	defer func() {
		s.t = t
		keys, letters := []event.Key{{ClientID: all, EventID: again}}, []string(nil)
		for _, c := range cases {
			if part := strings.Split(c.body, `"`); c.outcome == event.Stored {
				keys = append(keys, event.Key{ClientID: part[11], EventID: part[3]})
			}
			if c.outcome == event.Rejected {
				letters = append(letters, c.messageID)
			}
		}
		s.leave(keys, letters)
	}()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s.t = t
			if c.outcome == event.Stored {
				part := strings.Split(c.body, `"`)
				eventID, clientID := part[3], part[11]
				s.eventually("it is in the table", func() bool { _, ok := s.item(clientID, eventID); return ok })
				item, _ := s.item(clientID, eventID)
				if !s.keeps(c.body, &item.Event) || item.Event.MessageID != c.messageID || item.Event.CorrelationID != "test-correlation" {
					t.Errorf("stored %+v", item)
				}
				if days := time.Until(time.Unix(item.ExpiresAt, 0)).Hours() / 24; days < 29.9 || days > 30.1 {
					t.Errorf("kept for %.1f days", days)
				}
				if high := name == "monitoring" || name == "transaction"; high != (item.Event.Priority == event.High) {
					t.Errorf("priority %s", item.Event.Priority)
				}
				return
			}
			var line logLine
			s.eventually("its outcome is in the log", func() bool {
				s.log()
				l, ok := s.outcome(c.messageID)
				line = l
				return ok && (c.outcome != event.Rejected || l.ReceiveCount == 5)
			})
			if line.Outcome != string(c.outcome) || line.Reason != string(c.reason) || line.RequestID == "" || line.CorrelationID != "test-correlation" {
				t.Errorf("got %s, want %s %s", line.text, c.outcome, c.reason)
			}
			if c.outcome == event.Rejected {
				s.eventually("it is a dead letter", func() bool {
					if _, ok := dead[c.messageID]; !ok {
						maps.Copy(dead, s.deadLetters())
					}
					_, ok := dead[c.messageID]
					return ok
				})
			}
		})
	}
}

// keeps reports whether an event was stored as it was sent: byte for byte, or where bodies are written anew on their
// way with the same meaning, and another hash.
func (s *system) keeps(body string, stored *event.Event) bool {
	s.t.Helper()
	if s.on().KeepsBodies {
		return strings.Contains(body, stored.Payload) && stored.Hash == event.HashOf(body)
	}
	sent := *stored
	sent.Hash = event.HashOf(body)
	var envelope struct{ Payload json.RawMessage }
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		s.t.Fatal(err)
	}
	sent.Payload = string(envelope.Payload)
	return stored.Hash != sent.Hash && event.SameMeaning(&sent, stored)
}

// TestVectors sends the decoder's vectors through the deployed stack. Each file is named for its reason.
func TestVectors(t *testing.T) {
	s := open(t)
	files, err := filepath.Glob("../decode/testdata/invalid/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	decoder, err := decode.New(256<<10, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	anew := s.rewriter()
	want := map[string]string{} // file by message id
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		switch name {
		case "malformed_json-empty", "malformed_json-control-character", "malformed_json-not-utf8":
			continue // SQS itself refuses these
		case "event_too_large-by-a-byte":
			continue // its limit is the unit test's
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var rejection *event.Rejection
		if err := decoder.Decode(&event.Record{Body: anew(string(text))}, new(event.Event)); !errors.As(err, &rejection) || !strings.HasPrefix(name, string(rejection.Reason)) {
			s.leaveOut(t, name+", which is gone where bodies are written anew")
			continue
		}
		want[s.send(string(text))] = name
	}
	s.eventually("all vectors are dead letters", func() bool {
		s.log()
		for messageID := range want {
			if l, ok := s.outcome(messageID); !ok || l.ReceiveCount < 5 {
				return false
			}
		}
		return true
	})
	s.eventually("the dead-letter queue holds them", func() bool {
		dead := s.deadLetters()
		for messageID := range want {
			if _, ok := dead[messageID]; !ok {
				return false
			}
		}
		return true
	})
	for messageID, name := range want {
		reason, _, _ := strings.Cut(name, "-")
		if l, _ := s.outcome(messageID); l.Reason != reason {
			t.Errorf("%s: got %s", name, l.text)
		}
	}
}

// TestTwiceIsOnce has the producer send 1,000 events, 100 of them twice: the table holds exactly the distinct ones.
func TestTwiceIsOnce(t *testing.T) {
	s := open(t)
	const count, twice = 1000, 100
	seed := rand.Uint64() >> 11
	var answer struct {
		Sent, Failed int
		EventIDs     []string `json:"eventIds"`
	}
	if err := s.Invoke(t.Context(), s.Producer, map[string]any{"count": count, "duplicates": float64(twice) / count, "seed": seed}, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Sent != count+twice || answer.Failed != 0 || len(answer.EventIDs) != count {
		t.Fatalf("sent %d, failed %d, %d event ids", answer.Sent, answer.Failed, len(answer.EventIDs))
	}
	s.eventually("the queue is empty", func() bool { return s.queued() == 0 })

	run, err := generate.New(generate.Options{Count: count, Duplicates: float64(twice) / count, Seed: &seed, MaxBodyBytes: 256 << 10}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	anew := s.rewriter()
	bodies := map[event.Key]event.Hash{}
	var keys []event.Key
	for m := range run.All() {
		key := event.Key{ClientID: m.ClientID, EventID: m.EventID}
		if _, ok := bodies[key]; !ok {
			keys = append(keys, key)
		}
		bodies[key] = event.HashOf(anew(m.Body))
	}
	items, err := s.events.Read(t.Context(), keys)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != count || len(items) != count {
		t.Errorf("%d distinct events, %d of them stored", len(keys), len(items))
	}
	for key, item := range items {
		if item.Event.Hash != bodies[key] {
			t.Errorf("%v is stored with another body", key)
		}
	}
	s.eventually("all duplicates are in the log", func() bool {
		s.log()
		n := 0
		for id := range s.lines {
			l, _ := s.outcome(id)
			if _, ours := bodies[event.Key{ClientID: l.ClientID, EventID: l.EventID}]; ours && l.Outcome == string(event.Duplicate) {
				n++
			}
		}
		return n >= twice // more where the answer to a send was lost
	})
}
