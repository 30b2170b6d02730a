package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/stack"
)

// way is what is known of one event.
type way struct {
	correlationID string
	keys          []event.Key
	steps         []step
	items         []dynamo.Item
	dead          []queue.Lying
	queued        int // messages on the event queue, of anyone
}

// step is one thing that happened, by a line of a log.
type step struct {
	at   time.Time
	text string
}

// line is a line of the producer or the processor about one event.
type line struct {
	Message       string  `json:"message"`
	RequestID     string  `json:"requestId"`
	CorrelationID string  `json:"correlation_id"`
	MessageID     string  `json:"message_id"`
	ClientID      string  `json:"client_id"`
	EventID       string  `json:"event_id"`
	Outcome       string  `json:"outcome"`
	Reason        string  `json:"reason"`
	Detail        string  `json:"detail"`
	ReceiveCount  int     `json:"receive_count"`
	DurationMS    float64 `json:"duration_ms"`
}

func (w *way) know(clientID, eventID string) {
	key := event.Key{ClientID: clientID, EventID: eventID}
	if clientID != "" && eventID != "" && !slices.Contains(w.keys, key) {
		w.keys = append(w.keys, key)
	}
}

func (w *way) known() bool { return len(w.steps)+len(w.items)+len(w.dead) > 0 }

// find asks the logs, then the table for the events that they name, and the dead-letter queue.
func (w *way) find(ctx context.Context, s *stack.Stack, since time.Duration) error {
	for _, function := range []string{s.Producer, s.Processor} {
		if err := w.readLog(ctx, s, function, since); err != nil {
			return err
		}
	}
	slices.SortStableFunc(w.steps, func(a, b step) int { return a.at.Compare(b.at) })
	const inFlight = 4
	events := dynamo.NewEvents(dynamo.Open(s.Config, inFlight), s.EventsTable, inFlight, 0)
	stored, err := events.Read(ctx, w.keys)
	if err != nil {
		return err
	}
	for _, key := range w.keys {
		if item, ok := stored[key]; ok {
			w.items = append(w.items, item)
		}
	}
	err = queue.New(s.Config, s.DLQURL, inFlight).Peek(ctx, 30*time.Second, func(m queue.Lying) {
		if m.Attributes["CorrelationId"] == w.correlationID || m.ID == w.correlationID || strings.Contains(m.Body, strconv.Quote(w.correlationID)) {
			w.dead = append(w.dead, m)
		}
	})
	if err != nil {
		return err
	}
	waiting, inWork, err := queue.New(s.Config, s.QueueURL, 1).Depth(ctx)
	w.queued = waiting + inWork
	return err
}

func (w *way) readLog(ctx context.Context, s *stack.Stack, function string, since time.Duration) error {
	now := time.Now()
	// A term, and not { $.correlation_id = … }: a local cloud answers that with any line, of which it gives 10,000.
	err := s.Search(ctx, function, strconv.Quote(w.correlationID), now.Add(-since), now.Add(time.Minute), func(found stack.Line) {
		var l line
		if json.Unmarshal([]byte(found.Text), &l) != nil || l.CorrelationID != w.correlationID {
			return // the id stands elsewhere in the line
		}
		w.know(l.ClientID, l.EventID)
		w.steps = append(w.steps, step{found.At, l.text()})
	})
	if err != nil && strings.Contains(err.Error(), "ResourceNotFound") {
		return nil // the function has not run yet
	}
	return err
}

func (l *line) text() string {
	if l.Outcome == "" {
		return fmt.Sprintf("sent       event %s of %s", cmp.Or(l.EventID, "without an id"), cmp.Or(l.ClientID, "nobody"))
	}
	text := fmt.Sprintf("%-10s receive %d, message %s, request %s, %.1f ms", l.Outcome, l.ReceiveCount, l.MessageID, l.RequestID, l.DurationMS)
	if l.Reason != "" {
		text += "\n" + strings.Repeat(" ", 36) + l.Reason + ": " + l.Detail
	}
	return text
}

// text is the way for people.
func (w *way) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", w.correlationID)
	for _, s := range w.steps {
		fmt.Fprintf(&b, "%s  %s\n", s.at.UTC().Format("2006-01-02 15:04:05.000"), s.text)
	}
	b.WriteString("\nnow\n")
	for _, item := range w.items {
		e := &item.Event
		fmt.Fprintf(&b, "  in the table   %s of %s, %s %s, priority %s, message %s\n", e.ID, e.ClientID, e.Type, e.Version, e.Priority, e.MessageID)
		fmt.Fprintf(&b, "                 received %s, stored %s, kept until %s\n", e.ReceivedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
			item.ProcessedAt, time.Unix(item.ExpiresAt, 0).UTC().Format(time.DateOnly))
		if e.CorrelationID != w.correlationID {
			fmt.Fprintf(&b, "                 it came with another correlation id first: %s\n", e.CorrelationID)
		}
	}
	for _, m := range w.dead {
		fmt.Fprintf(&b, "  a dead letter  message %s, sent %s; ./scripts/dlq.sh show %s\n", m.ID, m.SentAt.UTC().Format(time.RFC3339), m.ID[:min(8, len(m.ID))])
	}
	if len(w.items)+len(w.dead) == 0 {
		fmt.Fprintf(&b, "  neither in the table nor a dead letter; %d messages are on the event queue, of which it may be one\n", w.queued)
	}
	return b.String()
}
