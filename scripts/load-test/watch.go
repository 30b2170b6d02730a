package main

import (
	"context"
	"sync"
	"time"

	"event-processor/internal/queue"
)

// sample is how things stand at one moment.
type sample struct {
	Second      float64 `json:"second"` // since the start
	Sent        int     `json:"sent"`   // messages, up to now
	Waiting     int     `json:"waiting"`
	InFlight    int     `json:"inFlight"`
	DeadLetters int     `json:"deadLetters"` // since the start
}

// done is how many messages have left the queue.
func (s *sample) done() int { return s.Sent - s.Waiting - s.InFlight }

// watch looks at the two queues while a test runs. It is two small requests each time: the load is to be the test's.
type watch struct {
	queue, dlq *queue.Queue
	deadBefore int

	mu      sync.Mutex
	samples []sample
}

const (
	lookEvery = 500 * time.Millisecond
	calm      = 4 // looks at an empty queue in a row, after which it counts as empty: SQS's counts are approximate
)

// start counts the dead letters that are there before the test.
func (w *watch) start(ctx context.Context) error {
	waiting, inFlight, err := w.dlq.Depth(ctx)
	w.deadBefore = waiting + inFlight
	return err
}

// until looks until sending is done and the queue is empty, or has not moved for two minutes.
func (w *watch) until(ctx context.Context, sent func() int, done <-chan struct{}, show func([]sample)) {
	const patience = 2 * time.Minute
	began, ticker, empty := time.Now(), time.NewTicker(lookEvery), 0
	defer ticker.Stop()
	moved, last := began, sample{}
	for ; ; <-ticker.C {
		s, err := w.look(ctx, began, sent())
		if err == nil { // else the next look tells
			w.mu.Lock()
			w.samples = append(w.samples, s)
			w.mu.Unlock()
			show(w.samples)
			if s.done() != last.done() || s.Sent != last.Sent {
				moved, last = time.Now(), s
			}
		}
		select {
		case <-done:
		default:
			continue
		}
		if empty++; err != nil || s.Waiting+s.InFlight > 0 {
			empty = 0
		}
		if empty >= calm || time.Since(moved) > patience {
			return
		}
	}
}

func (w *watch) look(ctx context.Context, began time.Time, sent int) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	waiting, inFlight, err := w.queue.Depth(ctx)
	if err != nil {
		return sample{}, err
	}
	dead, hidden, err := w.dlq.Depth(ctx)
	return sample{
		Second: time.Since(began).Seconds(), Sent: sent, Waiting: waiting, InFlight: inFlight,
		DeadLetters: max(dead+hidden-w.deadBefore, 0),
	}, err
}

// backlog is how many messages wait at most, by the last look and what was sent since.
func (w *watch) backlog(sent int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.samples) == 0 {
		return sent
	}
	last := w.samples[len(w.samples)-1]
	return last.Waiting + sent - last.Sent
}

// peekTime is how long it may take to look at all dead letters: ten of them take 20 ms at most.
func (w *watch) peekTime() time.Duration {
	letters := w.deadBefore
	if n := len(w.samples); n > 0 {
		letters += w.samples[n-1].DeadLetters
	}
	return 30*time.Second + time.Duration(letters)*2*time.Millisecond
}
