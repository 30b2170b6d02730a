package main

import (
	"math"
	"slices"
	"time"
)

// latency is how long events took from SQS's SentTimestamp to processed_at, in milliseconds.
type latency struct {
	P50  float64 `json:"p50Ms"`
	P95  float64 `json:"p95Ms"`
	P99  float64 `json:"p99Ms"`
	Max  float64 `json:"maxMs"`
	Mean float64 `json:"meanMs"`
}

// latencyOf sums events up. It sorts them.
func latencyOf(millis []float64) latency {
	if len(millis) == 0 {
		return latency{}
	}
	slices.Sort(millis)
	sum := 0.
	for _, ms := range millis {
		sum += ms
	}
	return latency{
		P50: quantile(millis, 0.50), P95: quantile(millis, 0.95), P99: quantile(millis, 0.99),
		Max: millis[len(millis)-1], Mean: math.Round(sum/float64(len(millis))*10) / 10,
	}
}

// quantile is the smallest value that at least this share of the sorted values does not exceed.
func quantile(sorted []float64, share float64) float64 {
	return sorted[max(int(math.Ceil(share*float64(len(sorted)))), 1)-1]
}

// interval is what was stored in one part of the run.
type interval struct {
	Second  float64 `json:"second"` // its middle, since the first event was received
	Stored  int     `json:"stored"`
	Latency latency `json:"latency"` // of those; zeroes where there are none
}

// intervals cuts the run into parts of the same length by when events were stored: whole seconds, at most 150 of them.
func intervals(events []kept) (parts []interval, seconds float64) {
	first, last := span(events)
	seconds = math.Max(math.Ceil(last.Sub(first).Seconds()/150), 1)
	millis := make([][]float64, int(last.Sub(first).Seconds()/seconds)+1)
	for _, k := range events {
		i := max(int(k.processed.Sub(first).Seconds()/seconds), 0)
		millis[i] = append(millis[i], k.millis())
	}
	for i, ms := range millis {
		parts = append(parts, interval{Second: (float64(i) + 0.5) * seconds, Stored: len(ms), Latency: latencyOf(ms)})
	}
	return parts, seconds
}

// span is from when the first event was received to when the last one was stored.
func span(events []kept) (first, last time.Time) {
	for i, k := range events {
		if i == 0 || k.received.Before(first) {
			first = k.received
		}
		if k.processed.After(last) {
			last = k.processed
		}
	}
	return first, last
}

// millis is how long the event took. Two clocks may differ by a little: it is not below 0.
func (k *kept) millis() float64 { return max(float64(k.processed.Sub(k.received).Milliseconds()), 0) }
