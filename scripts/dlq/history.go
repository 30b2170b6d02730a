package main

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"event-processor/internal/event"
)

// pattern finds the processor's lines about records that were rejected or failed.
const pattern = `{ $.message = "record" && $.reason = "*" }`

// logSlack is by how much the clocks of queue and log may differ.
const logSlack = time.Minute

// history knows why dead letters died, from the lines that the processor logged about them. A dead letter does not
// carry its reason with it: SQS moves it as it is. The log is read only as far back as the oldest letter asked for.
type history struct {
	// search shows the lines between two instants, in the order of their times.
	search func(ctx context.Context, from, to time.Time, show func(line string)) error

	mu    sync.Mutex
	since time.Time // read from here on; zero: nothing was read
	known map[string]past
	err   error // why the log could not be read; nobody asks it again then
}

// past is what the log has about the last receive of a message by the processor.
type past struct {
	before   event.Reason // why it was not stored; "" where that is not known
	receives int          // by the processor until then; 0 where that is not known. The looks of operators are not among them
}

// of is what the log has about a message sent at an instant.
func (h *history) of(ctx context.Context, messageID string, sentAt time.Time) past {
	h.mu.Lock()
	defer h.mu.Unlock()
	if from := sentAt.Add(-logSlack); h.err == nil && (h.since.IsZero() || from.Before(h.since)) {
		h.extend(ctx, from)
	}
	return h.known[messageID]
}

// extend reads what lies between an instant and what was read before.
func (h *history) extend(ctx context.Context, from time.Time) {
	to := h.since
	if to.IsZero() {
		to = time.Now().Add(logSlack)
	}
	found := map[string]past{}
	// Lines of several environments do not come in order, and some clouds answer with any line.
	note := func(id string, p past) {
		if p.receives >= found[id].receives {
			found[id] = p
		}
	}
	h.err = h.search(ctx, from, to, func(text string) {
		var line struct {
			Message   string
			MessageID string `json:"message_id"`
			Reason    event.Reason
			Receives  int `json:"receive_count"`
		}
		if json.Unmarshal([]byte(text), &line) == nil && line.Message == "record" && line.Reason != "" {
			note(line.MessageID, past{line.Reason, line.Receives})
		}
	})
	for id, newer := range h.known {
		note(id, newer)
	}
	h.since, h.known = from, found
}

// trouble says why the log could not be read, nil where it could.
func (h *history) trouble() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}
