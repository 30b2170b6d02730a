package main

import (
	"strings"
	"testing"
	"time"

	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/internal/queuetest"
)

// TestWhatIsTooLargeForTheQueueEndsNothing, however often it comes in a row, since the queue is there.
func TestWhatIsTooLargeForTheQueueEndsNothing(t *testing.T) {
	sqs := queuetest.New()
	defer sqs.Close()
	sqs.MaxMessage, sqs.NoGroups = 4096, true
	run, err := generate.New(generate.Options{Count: 300, Invalid: 1, MaxBodyBytes: 4096}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f := flow{queue: queue.New(sqs.Config(), sqs.URL("event-queue"), inFlight), fair: true}
	large := 0
	for _, tooLarge := range []bool{true, false} {
		for m := range run.All() {
			if (m.Reason == event.EventTooLarge) != tooLarge {
				continue
			}
			if err := f.put(t.Context(), []generate.Message{m}); err != nil {
				t.Fatal(err)
			}
			if tooLarge {
				large++
			}
		}
	}
	for range maxFailed {
		if err := f.put(t.Context(), []generate.Message{{Body: string(make([]byte, 5000))}}); err != nil {
			t.Fatal(err)
		}
	}
	arrived := len(sqs.Messages("event-queue"))
	if large == 0 || f.tooLarge != large+maxFailed || f.failed != 0 || f.sent != arrived || arrived != run.Len()-large {
		t.Errorf("got %d sent, %d failed, %d too large; want %d too large, %d arrived", f.sent, f.failed, f.tooLarge, large+maxFailed, arrived)
	}
}

// TestWhatIsSentCanBeTraced: what a line names is in the message, too.
func TestWhatIsSentCanBeTraced(t *testing.T) {
	sqs := queuetest.New()
	defer sqs.Close()
	run, err := generate.New(generate.Options{Count: 50, Invalid: 0.2, MaxBodyBytes: 4096}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	f := flow{queue: queue.New(sqs.Config(), sqs.URL("event-queue"), inFlight)}
	lines := map[string]string{}
	for m := range run.All() {
		lines[m.CorrelationID] = sentLine(&m)
		if err := f.put(t.Context(), []generate.Message{m}); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range sqs.Messages("event-queue") {
		id := *m.Attributes["CorrelationId"].StringValue
		if line := lines[id]; id == "" || !strings.Contains(line, "  "+id) || !strings.Contains(line, "  "+*m.Attributes["ClientId"].StringValue+"  ") {
			t.Errorf("the line of %s is %q", id, line)
		}
	}
}
