package main

import (
	"strings"
	"testing"
	"time"

	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/queue"
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
	refused := sent
	refused.line.Error = "no such queue"
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
		"could not be sent":      {way: way{steps: []step{refused}}, want: "by the producer, request r-0\n                                    no such queue\n\nnow\n  neither in the table nor a dead letter; 0 messages are on the event queue, of which it may be one\n"},
		"rejected again":         {way: way{steps: []step{record(0, 1, event.Rejected, "x")}}, want: "  message m-1 is on the queue, and comes again at once until it is a dead letter\n"},
		"rejected, and gone":     {way: way{steps: []step{rejected}}, want: "  message m-1 is on its way to the dead letters, or was sent back, or deleted: it was received for the last time\n"},
		"lines out of order":     {way: way{steps: []step{rejected, record(2*time.Second, 4, event.Rejected, "x")}}, want: "  message m-1 is on its way to the dead letters, or was sent back, or deleted: it was received for the last time\n"},
		"a dead letter":          {way: way{steps: []step{rejected}, dead: []queue.Lying{{ID: "m-1", SentAt: began}}}, want: "\nnow\n  a dead letter  message m-1, sent 2026-01-15T10:30:00Z; ./scripts/dlq.sh show m-1\n"},
		"too many letters":       {way: way{steps: []step{rejected}, deadLetters: 5000}, want: "  message m-1 is among 5000 dead letters, too many to look through\n"},
		"sent, and not heard of": {way: way{steps: []step{sent}, queued: 7}, want: "7 messages are on the event queue, of which it may be one\n"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.way.correlationID = "c-1"
			if got := tt.way.text(began.Add(tt.after)); !strings.HasSuffix(got, tt.want) {
				t.Errorf("got\n%s\nwant it to end with\n%s", got, tt.want)
			}
		})
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("ä\x1b[2J\n\u202e✓"); got != "ä�[2J��✓" {
		t.Errorf("got %q", got)
	}
}
