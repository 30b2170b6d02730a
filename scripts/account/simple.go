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

// Run checks in five sentences. It leaves its events in the table; its dead letters are deleted where all is well.
func (c *simple) Run(ctx context.Context) error {
	s, err := stack.Open(ctx)
	if !check(err == nil, "the stack is deployed: three functions, two queues, two tables") {
		return err
	}
	healthy, words := healthOf(ctx, s)
	good := check(healthy, "the health function answers: "+words)

	t, err := start(ctx, s, plan{Events: 24, Invalid: 1. / 3, Duplicates: 0.25})
	if err != nil {
		return err
	}
	a, err := t.settle(ctx, c.Wait, func(account.Account) {})
	if err != nil {
		return err
	}
	want := wants(t.sent)
	stored, dead := a.TotalStored(), a.Total()-a.TotalStored()-a.Duplicates
	good = check(stored == want[event.Stored], fmt.Sprintf("of %d good events %d are in the table", want[event.Stored], stored)) && good
	good = check(a.Duplicates == want[event.Duplicate],
		fmt.Sprintf("of %d sent again %d are duplicates, and stored once", want[event.Duplicate], a.Duplicates)) && good
	good = check(dead == want[event.Rejected] && len(a.Wrong) == 0,
		fmt.Sprintf("of %d bad ones %d are in the dead-letter queue, each for its reason", want[event.Rejected], dead)) && good
	fmt.Println(" ", t.leave(ctx, &a))
	if !good {
		return errors.New("not all is well; scripts/logs.sh --no-follow shows what the functions say")
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

// check prints a sentence with its mark and hands on whether it is true.
func check(good bool, sentence string) bool {
	mark := "✓"
	if !good {
		mark = "✗"
	}
	fmt.Println(mark, sentence)
	return good
}
