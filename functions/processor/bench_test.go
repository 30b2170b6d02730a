package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"event-processor/internal/event"
	"event-processor/internal/generate"
)

// fixedStore keeps nothing and takes a fixed time, as a store of 25 events a request and 8 requests in flight does.
type fixedStore struct{ latency time.Duration }

func (s fixedStore) PutAll(_ context.Context, events []event.Event) []event.Put {
	rounds := (len(events) + 199) / 200
	time.Sleep(time.Duration(rounds) * s.latency)
	return make([]event.Put, len(events))
}

func (fixedStore) Each(context.Context, []event.Key, func(*event.Event)) error { return nil }

// BenchmarkBatch is one batch through the whole handler, from Lambda's bytes to the answer: good events of about
// 600 bytes of payload, a store of 8 ms. The store's time is in ns/op and not in cpu-ns/record.
func BenchmarkBatch(b *testing.B) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, size := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			payload := delivery(b, size)
			h, _ := newHandler(b, fixedStore{8 * time.Millisecond})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Invoke(b.Context(), payload); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/record")
		})
	}
}

// BenchmarkWithoutStore is the same with a store that takes no time: what the processor itself costs.
func BenchmarkWithoutStore(b *testing.B) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	payload := delivery(b, 100)
	h, _ := newHandler(b, fixedStore{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Invoke(b.Context(), payload); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*100), "ns/record")
}

// delivery is a batch of good events as Lambda hands it over.
func delivery(b *testing.B, size int) []byte {
	b.Helper()
	seed := uint64(1)
	run, err := generate.New(generate.Options{Count: size, Seed: &seed, MaxBodyBytes: 256 << 10}, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	var records []map[string]any
	for m := range run.All() {
		records = append(records, map[string]any{
			"messageId": m.EventID, "receiptHandle": "r", "body": m.Body,
			"attributes": map[string]string{"ApproximateReceiveCount": "1", "SentTimestamp": "1768473000000", "SenderId": "AROA:producer"},
		})
	}
	payload, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		b.Fatal(err)
	}
	return payload
}
