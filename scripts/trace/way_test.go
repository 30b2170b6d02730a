package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/queuetest"
	"event-processor/internal/stack"
)

var began = time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)

func record(after time.Duration, receives int, outcome event.Outcome, reason event.Reason) step {
	return step{began.Add(after), line{
		Message: "record", RequestID: "r-1", MessageID: "m-1", Outcome: string(outcome), Reason: string(reason), Detail: "why",
		ReceiveCount: receives, DurationMS: 1.5,
	}}
}

func TestText(t *testing.T) {
	sent := step{began, line{Message: "✅ Sent event e-1", RequestID: "r-0", ClientID: "client-001", EventID: "e-1"}}
	refused, large := sent, sent
	refused.line.Message, refused.line.Error = "❌ Event not sent e-1", "no such queue"
	large.line.Message = "❌ Event too large for the queue e-1"
	item := dynamo.Item{
		Event: event.Event{
			ClientID: "client-001", ID: "e-1", Type: "integration", Version: "1.0", Priority: event.Normal, CorrelationID: "c-1",
			MessageID: "m-1", ReceivedAt: began,
		},
		ProcessedAt: "2026-01-15T10:30:09.000Z", ExpiresAt: began.AddDate(0, 0, 30).Unix(),
	}
	const (
		sentRow   = "2026-01-15 10:30:00.000  sent       event e-1 of client-001, by the producer, request r-0\n"
		failedRow = "2026-01-15 10:30:01.000  failed     receive 2, message m-1, request r-1, 1.5 ms\n                                    store_throttled: why\n"
		stored    = "  in the table   e-1 of client-001, integration 1.0, priority normal, message m-1\n" +
			"                 received 2026-01-15T10:30:00.000Z, stored 2026-01-15T10:30:09.000Z, kept until 2026-02-14\n"
	)
	failed := record(time.Second, 2, event.Failed, event.StoreThrottled)
	rejected := record(time.Second, 5, event.Rejected, event.UnknownClient)
	for name, tt := range map[string]struct {
		way   way
		after time.Duration // of the look
		want  string        // its end
	}{
		"stored":                 {way: way{steps: []step{sent}, items: []dynamo.Item{item}}, want: sentRow + "\nnow\n" + stored},
		"failed, then stored":    {way: way{steps: []step{sent, failed}, items: []dynamo.Item{item}}, want: failedRow + "\nnow\n" + stored},
		"failed, and waits":      {way: way{steps: []step{failed}}, after: 20 * time.Second, want: failedRow + "\nnow\n  message m-1 is on the queue, and comes again by 10:30:41\n"},
		"failed, and overdue":    {way: way{steps: []step{failed}}, after: time.Minute, want: "  message m-1 is on the queue; it was due by 10:30:41\n"},
		"could not be sent":      {way: way{steps: []step{refused}}, want: "by the producer, request r-0\n                                    no such queue\n\nnow\n  neither in the table nor a dead letter that could be looked at; 0 messages are on the event queue, of which it may be one\n"},
		"too large for it":       {way: way{steps: []step{large}}, want: "  not sent   event e-1 of client-001, by the producer, request r-0\n                                    ❌ Event too large for the queue e-1\n\nnow\n  neither in the table nor a dead letter that could be looked at; 0 messages are on the event queue, of which it may be one\n"},
		"rejected again":         {way: way{steps: []step{record(0, 1, event.Rejected, "x")}}, want: "  message m-1 is on the queue, and comes again at once until it is a dead letter\n"},
		"rejected, and gone":     {way: way{steps: []step{rejected}}, want: "  message m-1 is on its way to the dead letters, or was sent back, or deleted: it was received for the last time\n"},
		"lines out of order":     {way: way{steps: []step{rejected, record(2*time.Second, 4, event.Rejected, "x")}}, want: "  message m-1 is on its way to the dead letters, or was sent back, or deleted: it was received for the last time\n"},
		"a dead letter":          {way: way{steps: []step{rejected}, dead: []queue.Lying{{ID: "m-1", SentAt: began}}}, want: "\nnow\n  a dead letter  message m-1, sent 2026-01-15T10:30:00Z; ./scripts/dlq.sh show m-1\n"},
		"too many letters":       {way: way{steps: []step{rejected}, deadLetters: 5000}, want: "  message m-1 is among 5000 dead letters, too many to look through\n  there are 5000 dead letters, too many to look through: ./scripts/dlq.sh export writes them to a file\n"},
		"sent, and not heard of": {way: way{steps: []step{sent}, queued: 7}, want: "7 messages are on the event queue, of which it may be one\n"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.way.id, tt.way.since = "c-1", time.Hour
			if got := tt.way.text(began.Add(tt.after)); !strings.HasSuffix(got, tt.want) {
				t.Errorf("got\n%s\nwant it to end with\n%s", got, tt.want)
			}
		})
	}
}

// TestTheSenderIsNotInvented: only the producer function's own line says that it sent an event.
func TestTheSenderIsNotInvented(t *testing.T) {
	item := dynamo.Item{Event: event.Event{CorrelationID: "c-1"}}
	for name, tt := range map[string]struct {
		way  way
		want bool
	}{
		"its line":       {way{items: []dynamo.Item{item}, steps: []step{{began, line{Message: "✅ Sent event e-1"}}}}, false},
		"it could not":   {way{items: []dynamo.Item{item}, steps: []step{{began, line{Message: "❌ Event not sent e-1"}}}}, true},
		"no line of its": {way{items: []dynamo.Item{item}, steps: []step{record(0, 1, event.Duplicate, "")}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			tt.way.id, tt.way.since = "c-1", time.Hour
			const other = "The producer function sent nothing like it since 2026-01-15 09:30 UTC, by its log: run-producer.sh,"
			if got := tt.way.text(began); strings.Contains(got, other) != tt.want {
				t.Errorf("of another sender: want %v in\n%s", tt.want, got)
			}
		})
	}
}

func TestNothingIsFoundByNothing(t *testing.T) {
	for id, want := range map[string]string{
		"": "the id is empty", " ": "the id is empty", "\t\n": "the id is empty", "req-1": "",
	} {
		if err := (&options{ID: id, Since: time.Hour}).check(); (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", id, err, want)
		}
	}
	if err := (&options{ID: "c-1", Since: time.Hour, Event: "e-1"}).check(); err == nil {
		t.Error("an event id without its client was taken")
	}
}

// TestDeadLettersAreFound, however their senders wrote the id, beside one that nobody can read.
func TestDeadLettersAreFound(t *testing.T) {
	const odd = `field/order/7 & 'x' + "y"`
	attribute := odd
	sqs := queuetest.New()
	defer sqs.Close()
	put := func(body string) string { return sqs.Put("event-dlq", queuetest.Message{Body: body}) }
	want := map[string]string{
		put(`{"payload":{},"correlationId":"field\/order\/7 \u0026 \u0027x\u0027 \u002B \u0022y\""}`): "escapes",
		put(`{"correl\u0061tionId":"field/order/7 & 'x' + \"y\""}`):                                   "an escape in the name",
		put(`{"correlationId":"other","correlationId":"field/order/7 & 'x' + \"y\""}`):                "twice, and the last one",
		put(`{"correlationId":"field/order/7 & 'x' + \"y\"","correlationId":"other"}`):                "twice, and the first one",
		put(`{"n":1e999,"payload":{"a":[{"b":"c"}]},"eventId":"field\/order/7 & 'x' + \"y\""}`):       "the event's own id, behind a payload",
		put(`{"eventId":"field/order/7 & 'x' + \"y\"","payl`):                                         "cut off",
		put(`{correlation: ` + odd + `}`):                                                             "no JSON",
		put(`{"a":` + strings.Repeat("\xff", 20) + `"}`):                                              "damaged, and named by the log",
		sqs.Put("event-dlq", queuetest.Message{Body: "x", Attributes: map[string]queuetest.Attribute{
			"CorrelationId": {DataType: "String", StringValue: &attribute},
		}}): "in the attribute",
	}
	for _, body := range []string{
		`{"payload":{"correlationId":"field\/order\/7 & 'x' + \"y\""}}`, `["x","field\/order\/7 & 'x' + \"y\""]`, `{"correlationId":7}`,
		`{"correlationId":"field/order/77"}`, odd + "7", "\xff",
	} {
		put(body)
	}
	w := way{id: odd}
	for id, what := range want {
		if strings.Contains(what, "log") {
			w.see(stack.Line{At: began, Text: `{"message":"record","message_id":"` + id + `","correlation_id":` + strconv.Quote(odd) + `,"outcome":"rejected"}`})
		}
	}
	if err := w.peek(t.Context(), queue.New(sqs.Config(), sqs.URL("event-dlq"), 4)); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, m := range w.dead {
		got[m.ID] = true
		if want[m.ID] == "" {
			t.Errorf("found, too: %s", m.Body)
		}
	}
	for id, what := range want {
		if !got[id] {
			t.Errorf("not found: %s", what)
		}
	}
	if n := sqs.Visible("event-dlq"); n != 15 {
		t.Errorf("%d of 15 are visible again", n)
	}
}

// TestLinesAreLookedAt, since some clouds take no pattern and answer with any line.
func TestLinesAreLookedAt(t *testing.T) {
	w := way{id: "e-1"}
	for _, text := range []string{
		`{"message":"record","outcome":"rejected","message_id":"m-1","event_id":"e-1","client_id":"bank","correlation_id":"c-1"}`,
		`{"message":"record","outcome":"rejected","message_id":"e-1","event_id":"e-2","client_id":"bank","correlation_id":"e-1"}`,
		`{"message":"record","outcome":"rejected","message_id":"m-3","event_id":"e-3","client_id":"bank","correlation_id":"c-3"}`,
		`{"message":"batch","records":1}`,
		`REPORT e-1`,
	} {
		w.see(stack.Line{At: began, Text: text})
	}
	if len(w.steps) != 2 || len(w.messages) != 2 || len(w.keys) != 2 {
		t.Errorf("%d steps, messages %v, keys %v", len(w.steps), w.messages, w.keys)
	}
	for id, want := range map[string]string{"req-1": `"req-1"`, "a/b+c&d'": `"a/b+c&d'"`, "a b": "", `a"b`: "", `a\b`: "", "ä": ""} {
		if got := pattern(id); got != want {
			t.Errorf("%s is looked for as %s, want %s", id, got, want)
		}
	}
}

func TestWhatWasNotLookedAtIsSaid(t *testing.T) {
	for name, tt := range map[string]struct {
		way  way
		want string
	}{
		"too many letters":    {way{deadLetters: maxPeek + 1}, "too many to look through"},
		"in someone's hands":  {way{deadLetters: 7, hidden: 7}, "7 dead letters could not be looked at"},
		"on the event queue":  {way{queued: 3}, "one of the 3 messages on the event queue"},
		"the table, unless…":  {way{}, "by --scan"},
		"how far it was back": {way{since: time.Hour}, "--since (1h0m0s)"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.way.nothing().Error(); !strings.Contains(got, tt.want) {
				t.Errorf("got %s, want %q", got, tt.want)
			}
		})
	}
	if got := (&way{scanned: true}).nothing().Error(); strings.Contains(got, "--scan") {
		t.Errorf("the table was looked through: %s", got)
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("ä\x1b[2J\n\u202e✓"); got != "ä�[2J��✓" {
		t.Errorf("got %q", got)
	}
}
