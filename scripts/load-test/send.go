package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"event-processor/internal/account"
	"event-processor/internal/cost"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
)

// burst is how many messages go at once where no rate is asked for: enough to keep all calls busy.
const burst = inFlight * queue.MaxEntries * 2

// send sends what is due until all is sent, ctx ends, or nothing goes through any more.
func (t *trial) send(ctx context.Context) {
	size, limit := burst, rate.Inf
	if t.Rate > 0 {
		size, limit = max(int(t.Rate/10), 1), rate.Limit(t.Rate)
	}
	if t.hold > 0 {
		size = min(size, t.hold)
	}
	limiter := rate.NewLimiter(limit, size)
	for from := 0; from < t.run.Len(); from += size {
		part := make([]generate.Message, min(size, t.run.Len()-from))
		if limiter.WaitN(ctx, len(part)) != nil || !t.room(ctx, len(part)) {
			return
		}
		for i := range part {
			part[i] = t.run.Message(from + i)
		}
		// What is under way is sent in any case: else nobody knew what to expect of it.
		if !t.put(context.WithoutCancel(ctx), part) {
			return
		}
	}
}

// room waits until n more messages fit into the backlog that there may be.
func (t *trial) room(ctx context.Context, n int) bool {
	for t.hold > 0 && t.watch.backlog(t.count())+n > t.hold {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
	return ctx.Err() == nil
}

// put sends messages and notes what is to be expected of those that went through. It reports whether any did, or none
// could.
func (t *trial) put(ctx context.Context, part []generate.Message) bool {
	messages := make([]queue.Message, len(part))
	for i, m := range part {
		messages[i] = queue.Message{Body: m.Body, Attributes: map[string]string{
			"EventType": m.EventType, "ClientId": m.ClientID, "CorrelationId": m.CorrelationID,
		}}
		if t.fair {
			messages[i].GroupID = m.ClientID
		}
	}
	errs := t.queue.SendAll(ctx, messages)
	t.mu.Lock()
	defer t.mu.Unlock()
	before, failed := len(t.sent), t.notSent
	var paid []generate.Message // SQS is not asked about the others
	for i, m := range part {
		var large *queue.TooLargeError
		if errors.As(errs[i], &large) {
			t.tooLarge++
			continue
		}
		paid = append(paid, m)
		if errs[i] != nil {
			t.notSent++
			if t.why == nil {
				t.why = errs[i]
			}
			continue
		}
		t.sent = append(t.sent, account.Sent{
			Key:  event.Key{ClientID: m.ClientID, EventID: m.EventID},
			Type: m.EventType, CorrelationID: m.CorrelationID, Want: m.Want, Reason: m.Reason,
		})
	}
	t.price(paid)
	return len(t.sent) > before || t.notSent == failed
}

// price counts the requests of a send as SQS bills them: calls of ten, each started 64 KB of one is a request.
func (t *trial) price(part []generate.Message) {
	for ten := range slices.Chunk(part, queue.MaxEntries) {
		bytes := 0
		for _, m := range ten {
			bytes += len(m.Body)
			if len(m.Body) > cost.RequestBytes {
				t.large++
				t.largeBytes += len(m.Body)
			}
		}
		t.requests += cost.Units(bytes, cost.RequestBytes)
	}
}
