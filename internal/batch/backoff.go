package batch

import (
	"math/rand/v2"
	"time"

	"event-processor/internal/event"
)

const (
	firstDelay = 10 * time.Second
	maxDelay   = 900 * time.Second
)

// Delay is how long a record that must come again stays invisible. A rejection comes again at once, so that the
// queue's redrive takes it to the dead-letter queue in seconds. A failure waits at random between half and all
// of min(900 s, 10 s × 4^(receives−1)): with ReportBatchItemFailures the poller does not slow down by itself,
// and an outage would drain the queue into the dead-letter queue.
func Delay(r *event.Result) time.Duration {
	if r.Outcome == event.Rejected {
		return 0
	}
	delay := LongestDelay(r.Record.ReceiveCount)
	return delay/2 + rand.N(delay/2+1)
}

// LongestDelay is the longest Delay of a failure that was received so often.
func LongestDelay(receives int) time.Duration {
	delay := firstDelay
	for n := 1; n < receives && delay < maxDelay; n++ {
		delay *= 4
	}
	return min(delay, maxDelay)
}
