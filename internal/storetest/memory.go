// Package storetest has the contract of a store of events, and a store in memory that honours it.
package storetest

import (
	"context"
	"sync"

	"event-processor/internal/event"
)

// Memory keeps events in memory. The zero value is empty and ready.
type Memory struct {
	mu     sync.Mutex
	events map[event.Key]event.Event
	Down   error // what every Put answers with while it is not nil
}

// PutAll keeps what is new and answers with what is there already, without its payload.
func (m *Memory) PutAll(_ context.Context, events []event.Event) []event.Put {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.events == nil {
		m.events = map[event.Key]event.Event{}
	}
	puts := make([]event.Put, len(events))
	for i, e := range events {
		if m.Down != nil {
			puts[i].Err = m.Down
		} else if there, ok := m.events[e.Key()]; ok {
			there.Payload = ""
			puts[i].Existing = &there
		} else {
			m.events[e.Key()] = e
		}
	}
	return puts
}

// Each shows what is kept.
func (m *Memory) Each(_ context.Context, keys []event.Key, show func(*event.Event)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		if there, ok := m.events[key]; ok {
			show(&there)
		}
	}
	return m.Down
}

// Len is how many events are kept.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events)
}
