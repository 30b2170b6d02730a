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

	mu      sync.Mutex
	since   time.Time // read from here on; zero: nothing was read
	reasons map[string]event.Reason
	err     error // why the log could not be read; nobody asks it again then
}

// reason is the last reason that the log has for a message sent at an instant, "" where it has none.
func (h *history) reason(ctx context.Context, messageID string, sentAt time.Time) event.Reason {
	h.mu.Lock()
	defer h.mu.Unlock()
	if from := sentAt.Add(-logSlack); h.err == nil && (h.since.IsZero() || from.Before(h.since)) {
		h.extend(ctx, from)
	}
	return h.reasons[messageID]
}

// extend reads what lies between an instant and what was read before.
func (h *history) extend(ctx context.Context, from time.Time) {
	to := h.since
	if to.IsZero() {
		to = time.Now().Add(logSlack)
	}
	found := map[string]event.Reason{}
	h.err = h.search(ctx, from, to, func(text string) {
		var line struct {
			Message   string
			MessageID string `json:"message_id"`
			Reason    event.Reason
		}
		if json.Unmarshal([]byte(text), &line) == nil && line.Message == "record" && line.Reason != "" {
			found[line.MessageID] = line.Reason
		}
	})
	for id, reason := range h.reasons { // newer than what was found now
		found[id] = reason
	}
	h.since, h.reasons = from, found
}

// trouble says why the log could not be read, nil where it could.
func (h *history) trouble() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}
