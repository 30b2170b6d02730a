package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"event-processor/internal/event"
	"event-processor/internal/queue"
)

// hanging is a store, and a queue, that answer only when their time is up.
type hanging struct {
	storeEnded, queueEnded time.Time
}

func (h *hanging) PutAll(ctx context.Context, events []event.Event) []event.Put {
	<-ctx.Done()
	h.storeEnded = time.Now()
	puts := make([]event.Put, len(events))
	for i := range puts {
		puts[i].Err = event.Fail(event.DeadlineNear, nil)
	}
	return puts
}

func (*hanging) Each(context.Context, []event.Key, func(*event.Event)) error { return nil }

func (h *hanging) SetVisibility(ctx context.Context, _ []queue.Visibility) error {
	<-ctx.Done()
	h.queueEnded = time.Now()
	return ctx.Err()
}

// TestHalfOfTheMarginIsForTheAnswer has a store and a queue that hang.
func TestHalfOfTheMarginIsForTheAnswer(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	payload := read(t, "testdata/all-good.json")
	for _, margin := range []time.Duration{minMargin, 2 * time.Second, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			hangs := new(hanging)
			h, _ := newHandler(t, hangs)
			h.queue, h.processor.DeadlineMargin = hangs, margin
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			deadline, _ := ctx.Deadline()
			got, err := h.Invoke(ctx, payload)
			if err != nil || !strings.Contains(string(got), "itemIdentifier") {
				t.Fatalf("got %s, %v", got, err)
			}
			if left := deadline.Sub(hangs.storeEnded); left != margin {
				t.Errorf("of a margin of %s, %s were left for backoff and answer", margin, left)
			}
			if left := deadline.Sub(hangs.queueEnded); left != margin/2 || time.Until(deadline) != margin/2 {
				t.Errorf("of a margin of %s, %s were left for the answer", margin, left)
			}
		})
	}
}
