package main

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"event-processor/internal/event"
)

// report says what became of a batch: in log lines, in metrics, and in the trace. Trouble with the metrics' line
// never fails a batch whose events are stored, nor does a panic here.
func (h *handler) report(ctx context.Context, results []event.Result, began time.Time) {
	defer func() {
		if r := recover(); r != nil {
			slog.ErrorContext(ctx, "panic while a batch was reported", "error", event.Panicked(r).Error(), "stack", string(debug.Stack()))
		}
	}()
	now := time.Now()
	took := now.Sub(began)
	logRecords(ctx, results, took)
	if err := h.metrics.Batch(requestID(ctx), results, now, took); err != nil {
		slog.WarnContext(ctx, "the metrics of this batch are lost", "error", err.Error())
	}
	h.tracer.Describe(ctx, results)
}

func requestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		return lc.AwsRequestID
	}
	return ""
}

// logRecords logs one line for each record that was not stored (for each record at DEBUG) and one for the batch.
// The names of the fields are in the README; none holds a piece of a payload, and each is short: the decoder lets
// 128 characters of what a client says of itself through, and detail is cut here.
func logRecords(ctx context.Context, results []event.Result, took time.Duration) {
	counts := map[event.Outcome]int{}
	for i := range results {
		r := &results[i]
		counts[r.Outcome]++
		level := levels[r.Outcome]
		if !slog.Default().Enabled(ctx, level) {
			continue
		}
		attrs := []slog.Attr{
			slog.String("correlation_id", r.CorrelationID),
			slog.String("message_id", r.Record.MessageID),
			slog.String("client_id", r.ClientID),
			slog.String("event_id", r.EventID),
			slog.String("event_type", r.EventType),
			slog.String("outcome", string(r.Outcome)),
			slog.Int("receive_count", r.Record.ReceiveCount),
			slog.Float64("duration_ms", millis(r.Duration)),
		}
		if r.Reason != "" {
			attrs = append(attrs, slog.String("reason", string(r.Reason)), slog.String("detail", clip(r.Detail)))
		}
		slog.LogAttrs(ctx, level, "record", attrs...)
	}
	slog.LogAttrs(ctx, slog.LevelInfo, "batch",
		slog.Int("records", len(results)),
		slog.Int("stored", counts[event.Stored]),
		slog.Int("duplicate", counts[event.Duplicate]),
		slog.Int("rejected", counts[event.Rejected]),
		slog.Int("failed", counts[event.Failed]),
		slog.Float64("duration_ms", millis(took)),
	)
}

var levels = map[event.Outcome]slog.Level{
	event.Stored:    slog.LevelDebug,
	event.Duplicate: slog.LevelInfo,
	event.Rejected:  slog.LevelWarn,
	event.Failed:    slog.LevelWarn,
}

// maxDetail bounds the text for humans in a line, in bytes.
const maxDetail = 400

func clip(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	return strings.ToValidUTF8(s[:maxDetail], "") + "…"
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
