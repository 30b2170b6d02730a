package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"event-processor/internal/batch"
	"event-processor/internal/emf"
	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/trace"
)

// Visibilities makes received messages visible again.
type Visibilities interface {
	SetVisibility(ctx context.Context, changes []queue.Visibility) error
}

// handler takes one batch an invocation. It is a lambda.Handler: it reads the batch's bytes itself, once.
type handler struct {
	processor *batch.Processor
	queue     Visibilities
	metrics   *emf.Writer
	tracer    *trace.Tracer // nil traces nothing
}

// response is the partial batch response: the messages that must come again, in batch order, never null.
type response struct {
	Failures []itemFailure `json:"batchItemFailures"`
}

type itemFailure struct {
	MessageID string `json:"itemIdentifier"`
}

// Invoke answers with the partial batch response. It fails only where the payload is no batch of a queue.
func (h *handler) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	began := time.Now()
	records, err := queue.ParseDelivery(payload)
	if err != nil {
		return nil, err
	}
	ctx, done := h.tracer.Step(ctx, "batch")
	defer done(nil)
	back := sendBack{handler: h, begun: make([]bool, len(records))}
	results := h.processor.Process(ctx, records, func(known []event.Result) { back.begin(ctx, known) })
	back.begin(ctx, results)
	back.wait()
	h.report(ctx, results, began)
	return json.Marshal(respond(results))
}

func respond(results []event.Result) response {
	failures := []itemFailure{} // not nil: null would delete every message of the batch
	for i := range results {
		if results[i].Keep() {
			failures = append(failures, itemFailure{results[i].Record.MessageID})
		}
	}
	return response{failures}
}

// answerTime is what is left for log lines, metrics and the answer, where messages could not be made visible in time: half
// of the margin. Of 2 s of margin, 1 s is for backoff and 1 s for the answer, which takes milliseconds; but half a second
// was overrun on a starved machine, and then the whole batch comes again after the queue's timeout.
func answerTime(margin time.Duration) time.Duration { return margin / 2 }

// sendBack makes rejections visible at once and failures after their backoff. What is known before the store is
// asked goes back while the store works: at 8 ms a call that is 8 ms of a batch's wall time. A message that is
// received again before this batch is answered does no harm, since the answer names it as a failure.
type sendBack struct {
	*handler
	begun   []bool // by record
	pending sync.WaitGroup
}

// begin sends back, beside what else goes on, every record that must come again and is not on its way already.
func (b *sendBack) begin(ctx context.Context, results []event.Result) {
	var changes []queue.Visibility
	for i := range results {
		if r := &results[i]; r.Keep() && !b.begun[i] {
			b.begun[i] = true
			changes = append(changes, queue.Visibility{ReceiptHandle: r.Record.ReceiptHandle, After: batch.Delay(r)})
		}
	}
	if len(changes) > 0 {
		b.pending.Go(func() { b.send(ctx, changes) })
	}
}

func (b *sendBack) wait() { b.pending.Wait() }

// send never fails the batch: where there is trouble, the queue's own timeout serves.
func (b *sendBack) send(ctx context.Context, changes []queue.Visibility) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-answerTime(b.processor.DeadlineMargin)))
		defer cancel()
	}
	ctx, done := b.tracer.Step(ctx, "backoff")
	err := b.queue.SetVisibility(ctx, changes)
	done(err)
	if err != nil {
		slog.WarnContext(ctx, "some messages come again only after the queue's own timeout", "error", err.Error())
	}
}
