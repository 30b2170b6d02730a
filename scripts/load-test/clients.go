package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/stack"
)

const maxClients = 1000

// directory is the table of clients.
type directory interface {
	CreateMissing(ctx context.Context, clients []event.Client) (created []string, err error)
	Find(ctx context.Context, ids []string) (map[string]*event.Client, error)
	Remove(ctx context.Context, ids []string) error
}

// speakers is who sends in a test: clients of its own, or none of its own and so the sample clients.
type speakers struct {
	table   directory
	own     []event.Client
	created []string // by this run, and so to be removed by it; never what another run created
}

// speakersOf creates n clients, or sees to it that the sample clients are there.
func speakersOf(ctx context.Context, s *stack.Stack, n int, seed uint64) (*speakers, error) {
	w := &speakers{table: dynamo.NewClients(dynamo.Open(s.Config, inFlight), s.ClientsTable)}
	if n == 0 {
		return w, w.needSamples(ctx, s)
	}
	return w, w.create(ctx, n, uint32(seed))
}

// create creates n clients whose ids hold tag, so that a run that is sent again has the same. Where one of them is
// there, it is another run's: this one takes other ids.
func (w *speakers) create(ctx context.Context, n int, tag uint32) error {
	const tries = 5
	for range tries {
		w.own = ownClients(n, fmt.Sprintf("load-%08x-", tag))
		var err error
		w.created, err = w.table.CreateMissing(ctx, w.own)
		if err == nil && len(w.created) == len(w.own) {
			return nil
		}
		w.remove(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		tag = rand.Uint32()
	}
	return fmt.Errorf("other runs have clients of every id that was tried, load-%08x-001 the last: are there any left behind?", tag)
}

// ownClients are n active clients with the rights that the sample clients have in turn, and one that is not active.
func ownClients(n int, prefix string) []event.Client {
	rights := [][]string{{"transaction", "integration"}, {"monitoring", "user_action"}, {"integration"}, {"transaction", "integration"}}
	clients := make([]event.Client, 0, n+1)
	for i := range n {
		clients = append(clients, event.Client{
			ID: fmt.Sprintf("%s%03d", prefix, i+1), Name: fmt.Sprintf("Load test %d", i+1),
			Active: true, AllowedTypes: rights[i%len(rights)],
		})
	}
	return append(clients, event.Client{ID: prefix + "off", Name: "Load test, not active", AllowedTypes: rights[0]})
}

// needSamples has the producer create the sample clients, which it does only where the stack wants them.
func (w *speakers) needSamples(ctx context.Context, s *stack.Stack) error {
	if err := s.Invoke(ctx, s.Producer, map[string]int{"count": 0}, &struct{}{}); err != nil {
		return err
	}
	var ids []string
	for _, c := range generate.Clients() {
		ids = append(ids, c.ID)
	}
	found, err := w.table.Find(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if found[id] == nil {
			return errors.New("the stack has no sample clients; --clients 20 brings clients of the test's own")
		}
	}
	return nil
}

// remove removes the clients that this run created. Their events stay until they expire.
func (w *speakers) remove(ctx context.Context) {
	if err := w.table.Remove(ctx, w.created); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "Some of the clients %s… are still there: %v\n", w.created[0], err)
	}
	w.created = nil
}
