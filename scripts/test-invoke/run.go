package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// place runs functions outside the local cloud. One invocation at a time. An invocation that has begun is waited
// for, even if ctx ends: an environment that is being made cannot be taken away yet.
type place interface {
	title() string
	// cold runs a function in an environment of its own and returns what it answers, be that an error.
	cold(ctx context.Context, g golden) ([]byte, error)
	// warm starts an environment that stays, for one function.
	warm(ctx context.Context, function string) (environment, error)
	// close ends what open has started.
	close()
}

// environment is what Lambda calls an execution environment: it takes one event after the other.
type environment interface {
	invoke(ctx context.Context, event []byte) ([]byte, error)
	// end ends it and returns what it has logged.
	end() (log string, err error)
}

// invocationLimit is how long an invocation is waited for. The processor's own timeout is 30 s.
const invocationLimit = 60 * time.Second

// uninterrupted is a context for one invocation.
func uninterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), invocationLimit)
}

func (l layout) logFile() string { return filepath.Join(l.Local, "invoke.log") }

// tally counts what passed and says it, a line for each.
type tally struct{ passed, failed int }

func (t *tally) add(name string, took time.Duration, err error) {
	if err != nil {
		t.failed++
		fmt.Printf("✗ %s: %v\n", name, err)
		return
	}
	t.passed++
	fmt.Printf("✓ %s (%s)\n", name, took.Round(time.Millisecond))
}

// cold runs each event in an environment of its own.
func (t *tally) cold(ctx context.Context, p place, events []golden) {
	for _, g := range events {
		if ctx.Err() != nil {
			return
		}
		began := time.Now()
		answer, err := p.cold(ctx, g)
		if err == nil {
			err = g.compare(answer)
		}
		t.add(g.name, time.Since(began), err)
	}
}

// warm runs the processor's batches in one environment, each twice in a row, as a redelivery would come.
func (t *tally) warm(ctx context.Context, p place, events []golden) {
	if ctx.Err() != nil {
		return
	}
	began := time.Now()
	e, err := p.warm(ctx, processor)
	if err != nil {
		t.add("start of a warm environment", 0, err)
		return
	}
	for _, g := range events {
		if ctx.Err() == nil && g.function == processor {
			began := time.Now()
			err := twice(ctx, e, g)
			t.add(g.name+", twice", time.Since(began), err)
		}
	}
	log, err := e.end()
	if ctx.Err() != nil {
		return
	}
	if starts := coldStarts(log); err == nil && starts != 1 {
		err = fmt.Errorf("it had %d cold starts, want 1", starts)
	}
	t.add("one environment, one cold start", time.Since(began), err)
}

func twice(ctx context.Context, e environment, g golden) error {
	event, err := os.ReadFile(g.file)
	if err != nil {
		return err
	}
	var errs []error
	for delivery := 1; delivery <= 2; delivery++ {
		answer, err := e.invoke(ctx, event)
		if err == nil {
			err = g.compare(answer)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("delivery %d: %w", delivery, err))
		}
	}
	return errors.Join(errs...)
}
