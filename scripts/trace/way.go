package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"event-processor/internal/batch"
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
	deadLetters   int // in the dead-letter queue, of anyone; they were not looked through where there are too many
	queued        int // messages on the event queue, of anyone
}

// maxPeek is how many dead letters are looked through at most: a look hides them from others until it ends.
const maxPeek = 2000

// step is one thing that happened, by a line of a log.
type step struct {
	at   time.Time
	line line
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
	Error         string  `json:"error"` // of an event that the producer could not send
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
	if err := w.peek(ctx, queue.New(s.Config, s.DLQURL, inFlight)); err != nil {
		return err
	}
	waiting, inWork, err := queue.New(s.Config, s.QueueURL, 1).Depth(ctx)
	w.queued = waiting + inWork
	return err
}

// scan looks for the correlation id in the whole table.
func (w *way) scan(ctx context.Context, s *stack.Stack) error {
	events := dynamo.NewEvents(dynamo.Open(s.Config, 1), s.EventsTable, 1, 0)
	_, err := events.Search(ctx, w.correlationID, func(item dynamo.Item) { w.know(item.Event.ClientID, item.Event.ID) })
	return err
}

// peek looks for dead letters.
func (w *way) peek(ctx context.Context, dlq *queue.Queue) error {
	waiting, inFlight, err := dlq.Depth(ctx)
	if err != nil {
		return err
	}
	if w.deadLetters = waiting + inFlight; w.deadLetters > maxPeek {
		return nil
	}
	return dlq.Peek(ctx, 30*time.Second, func(m queue.Lying) {
		if m.Attributes["CorrelationId"] == w.correlationID || m.ID == w.correlationID || strings.Contains(m.Body, strconv.Quote(w.correlationID)) {
			w.dead = append(w.dead, m)
		}
	})
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
		for _, text := range []*string{&l.ClientID, &l.EventID, &l.Detail, &l.Error} {
			*text = printable(*text) // the producer's callers may put anything into an id
		}
		w.steps = append(w.steps, step{found.At, l})
	})
	if err != nil && strings.Contains(err.Error(), "ResourceNotFound") {
		return nil // the function has not run yet
	}
	return err
}

// printable replaces what a terminal would not show, but do.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}

func (l *line) text() string {
	if l.Outcome == "" {
		text := fmt.Sprintf("event %s of %s, by the producer, request %s", cmp.Or(l.EventID, "without an id"), cmp.Or(l.ClientID, "nobody"), l.RequestID)
		if l.Error != "" {
			return "not sent   " + text + "\n" + strings.Repeat(" ", 36) + l.Error
		}
		return "sent       " + text
	}
	text := fmt.Sprintf("%-10s receive %d, message %s, request %s, %.1f ms", l.Outcome, l.ReceiveCount, l.MessageID, l.RequestID, l.DurationMS)
	if l.Reason != "" {
		text += "\n" + strings.Repeat(" ", 36) + l.Reason + ": " + l.Detail
	}
	return text
}

// awaited are the lines about the last receive of each message that must come again. Lines of several environments do
// not come in order.
func (w *way) awaited() []step {
	latest := map[string]step{}
	for _, s := range w.steps {
		if s.line.Outcome != "" && s.line.ReceiveCount >= latest[s.line.MessageID].line.ReceiveCount {
			latest[s.line.MessageID] = s
		}
	}
	for _, item := range w.items {
		delete(latest, item.Event.MessageID) // it came again, and was stored
	}
	for _, m := range w.dead {
		delete(latest, m.ID)
	}
	again := slices.DeleteFunc(slices.Collect(maps.Values(latest)), func(s step) bool {
		return s.line.Outcome != string(event.Rejected) && s.line.Outcome != string(event.Failed)
	})
	slices.SortFunc(again, func(a, b step) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.line.MessageID, b.line.MessageID))
	})
	return again
}

// where says where a message is that is neither stored nor among the dead letters that were looked through.
func (w *way) where(s step, now time.Time) string {
	const receives = 5 // after which SQS moves a message, as template.yaml says
	switch again := s.at.Add(batch.LongestDelay(s.line.ReceiveCount)); {
	case s.line.ReceiveCount >= receives && w.deadLetters > maxPeek:
		return fmt.Sprintf("among %d dead letters, too many to look through", w.deadLetters)
	case s.line.ReceiveCount >= receives:
		return "on its way to the dead letters, or was sent back, or deleted: it was received for the last time"
	case s.line.Outcome == string(event.Rejected):
		return "on the queue, and comes again at once until it is a dead letter"
	case again.After(now):
		return "on the queue, and comes again by " + again.UTC().Format("15:04:05")
	default:
		return "on the queue; it was due by " + again.UTC().Format("15:04:05")
	}
}

// text is the way for people.
func (w *way) text(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", w.correlationID)
	for _, s := range w.steps {
		fmt.Fprintf(&b, "%s  %s\n", s.at.UTC().Format("2006-01-02 15:04:05.000"), s.line.text())
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
	awaited := w.awaited()
	for _, s := range awaited {
		fmt.Fprintf(&b, "  message %s is %s\n", s.line.MessageID, w.where(s, now))
	}
	if len(w.items)+len(w.dead)+len(awaited) == 0 {
		fmt.Fprintf(&b, "  neither in the table nor a dead letter; %d messages are on the event queue, of which it may be one\n", w.queued)
	}
	return b.String()
}
