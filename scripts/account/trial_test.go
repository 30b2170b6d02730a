package main

import (
	"fmt"
	"strings"
	"testing"

	"event-processor/internal/account"
	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/queuetest"
)

// ended is a run of 25 bad events that are dead letters, among those of others.
func ended(t *testing.T) (*trial, *queuetest.Server) {
	server := queuetest.New()
	t.Cleanup(server.Close)
	run := &trial{
		dlq:   queue.New(server.Config(), server.URL("event-dlq"), 4),
		found: account.Evidence{DeadLetters: map[string]string{}},
	}
	put := func(correlation string) {
		id := server.Put("event-dlq", queuetest.Message{Body: correlation})
		run.found.DeadLetters[id] = correlation
	}
	for i := range 25 {
		correlation := fmt.Sprint("ours-", i)
		run.sent = append(run.sent, account.Sent{CorrelationID: correlation, Want: event.Rejected})
		put(correlation)
		put(fmt.Sprint("theirs-", i))
	}
	return run, server
}

func TestARunTakesItsOwnDeadLettersWithIt(t *testing.T) {
	run, server := ended(t)
	said := run.leave(t.Context(), &account.Account{})
	if want := "The run's own 25 dead letters are deleted again: they were samples."; said != want {
		t.Errorf("got %q, want %q", said, want)
	}
	for _, m := range server.Messages("event-dlq") {
		if strings.HasPrefix(m.Body, "ours") {
			t.Errorf("%s is still there", m.Body)
		}
	}
	if n := server.Visible("event-dlq"); n != 25 {
		t.Errorf("%d of the 25 letters of others are visible", n)
	}
}

func TestARunThatDoesNotBalanceLeavesItsDeadLetters(t *testing.T) {
	run, server := ended(t)
	if said := run.leave(t.Context(), &account.Account{Sent: 1}); !strings.Contains(said, "stay where they are") {
		t.Errorf("got %q", said)
	}
	if n := server.Visible("event-dlq"); n != 50 {
		t.Errorf("%d of 50 letters are there", n)
	}
}

func TestADeadLetterThatIsGoneIsNamed(t *testing.T) {
	run, _ := ended(t)
	run.found.DeadLetters["gone"] = "ours-3"
	if said := run.leave(t.Context(), &account.Account{}); !strings.HasPrefix(said, "25 of the run's dead letters are deleted again") ||
		!strings.Contains(said, "1 are not to be seen") {
		t.Errorf("got %q", said)
	}
}
