package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/stack"
)

const maxClients = 1000

// speaking is who sends in a test: clients of its own, or none of its own and so the sample clients.
type speaking struct {
	table *dynamo.Clients
	own   []event.Client
}

// speakers creates n clients, or sees to it that the sample clients are there.
func speakers(ctx context.Context, s *stack.Stack, n int, seed uint64) (*speaking, error) {
	w := &speaking{table: dynamo.NewClients(dynamo.Open(s.Config, inFlight), s.ClientsTable)}
	if n == 0 {
		return w, w.needSamples(ctx, s)
	}
	w.own = ownClients(n, fmt.Sprintf("load-%04x-", seed&0xffff))
	if _, err := w.table.CreateMissing(ctx, w.own); err != nil {
		w.remove(context.WithoutCancel(ctx))
		return nil, err
	}
	return w, nil
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
func (w *speaking) needSamples(ctx context.Context, s *stack.Stack) error {
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

// remove removes the clients that were created. Their events stay until they expire.
func (w *speaking) remove(ctx context.Context) {
	ids := make([]string, len(w.own))
	for i, c := range w.own {
		ids[i] = c.ID
	}
	if err := w.table.Remove(ctx, ids); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "Some of the clients %s… are still there: %v\n", ids[0], err)
	}
}
