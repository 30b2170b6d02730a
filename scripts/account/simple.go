package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"event-processor/internal/account"
	"event-processor/internal/event"
	"event-processor/internal/stack"
)

// simple is test-simple.sh.
type simple struct {
	Wait time.Duration `default:"30s" help:"How long to wait for the last message (${default})."`
}

// Run checks in five sentences. It leaves its events in the table and its dead letters in their queue.
func (c *simple) Run(ctx context.Context) error {
	s, err := stack.Open(ctx)
	report("the stack is deployed: three functions, two queues, two tables", err)
	if err != nil {
		return err
	}
	healthy, words := healthOf(ctx, s)
	report("the health function answers: "+words, unless(healthy, words))

	p := plan{Events: 24, Invalid: 1. / 3, Duplicates: 0.25, Wait: c.Wait}
	t, err := start(ctx, s, p)
	if err != nil {
		report("the producer sends", err)
		return errors.New("the producer could not send, so the rest was not checked")
	}
	a, err := t.settle(ctx, p.Wait, func(account.Account) {})
	if err != nil {
		return err
	}
	wanted := wants(t.sent)
	stored, dead := a.TotalStored(), a.Total()-a.TotalStored()-a.Duplicates
	good := []error{
		report(fmt.Sprintf("%d good events are in the table (%d are)", wanted[event.Stored], stored), unless(stored == wanted[event.Stored], "not all are")),
		report(fmt.Sprintf("%d sent again are duplicates and stored once (%d are)", wanted[event.Duplicate], a.Duplicates),
			unless(a.Duplicates == wanted[event.Duplicate], "not all are")),
		report(fmt.Sprintf("%d bad ones are in the dead-letter queue, each for its reason (%d are)", wanted[event.Rejected], dead),
			unless(dead == wanted[event.Rejected] && len(a.Wrong) == 0, fmt.Sprint(a.Wrong))),
		unless(healthy, words),
	}
	if err := errors.Join(good...); err != nil {
		return errors.New("not all is well; scripts/logs.sh processor shows what the processor says")
	}
	return nil
}

func wants(sent []account.Sent) map[event.Outcome]int {
	counts := map[event.Outcome]int{}
	for _, m := range sent {
		counts[m.Want]++
	}
	return counts
}

// report prints a check and hands its error on.
func report(sentence string, err error) error {
	mark := "✓"
	if err != nil {
		mark = "✗"
	}
	fmt.Println(mark, sentence)
	return err
}

func unless(good bool, otherwise string) error {
	if good {
		return nil
	}
	return errors.New(otherwise)
}
