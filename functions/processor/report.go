package main

import (
	"context"
	"log/slog"
	"time"

	"event-processor/internal/event"
)

// report logs one line for each record that was not stored (for each record at DEBUG) and one for the batch.
// The names of the fields are in the README; none holds a piece of a payload.
func report(ctx context.Context, results []event.Result, took time.Duration) {
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
			attrs = append(attrs, slog.String("reason", string(r.Reason)), slog.String("detail", r.Detail))
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

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
