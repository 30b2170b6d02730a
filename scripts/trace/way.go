package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"

	"event-processor/internal/batch"
	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/stack"
)

// way is what is known of one event, or of several that have an id in common.
type way struct {
	id       string // a correlation id, an event id or a message id
	since    time.Duration
	keys     []event.Key
	messages map[string]bool // ids that lines of the log name
	steps    []step
	items    []dynamo.Item
	scanned  bool // the whole table was looked through
	dead     []queue.Lying

	deadLetters int // in the dead-letter queue, of anyone; they were not looked through where there are too many
	hidden      int // of these: in the hands of someone else, so not looked at either
	queued      int // messages on the event queue, of anyone
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

// find asks the logs, then the table for the events that they name, and the dead-letter queue. It looks through the
// whole table where that is asked for, or costs nothing and the logs know nothing.
func (w *way) find(ctx context.Context, s *stack.Stack, scan bool) error {
	for _, function := range []string{s.Producer, s.Processor} {
		if err := w.readLog(ctx, s, function); err != nil {
			return err
		}
	}
	slices.SortStableFunc(w.steps, func(a, b step) int { return a.at.Compare(b.at) })
	const inFlight = 4
	events := dynamo.NewEvents(dynamo.Open(s.Config, inFlight), s.EventsTable, inFlight, 0)
	local := aws.ToString(s.Config.BaseEndpoint) != ""
	if w.scanned = scan || local && len(w.steps)+len(w.keys) == 0; w.scanned {
		if _, err := events.Search(ctx, w.id, func(item dynamo.Item) { w.know(item.Event.ClientID, item.Event.ID) }); err != nil {
			return err
		}
	}
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

// peek looks for dead letters.
func (w *way) peek(ctx context.Context, dlq *queue.Queue) error {
	waiting, inFlight, err := dlq.Depth(ctx)
	if err != nil {
		return err
	}
	w.deadLetters, w.hidden = waiting+inFlight, inFlight
	if w.deadLetters > maxPeek {
		return nil
	}
	return dlq.Peek(ctx, 30*time.Second, func(m queue.Lying) {
		if w.messages[m.ID] || m.ID == w.id || m.Attributes["CorrelationId"] == w.id || names(m.Body, w.id) {
			w.dead = append(w.dead, m)
		}
	})
}

// names reports whether a body has the id for its event or its correlation id. A sender may write it with escapes, and
// what is no JSON may have it in any way.
func names(body, id string) bool {
	tokens := json.NewDecoder(strings.NewReader(body))
	tokens.UseNumber() // a number of any size is none of our business
	for depth, name := 0, ""; ; {
		token, err := tokens.Token()
		if err != nil {
			whole := errors.Is(err, io.EOF) && depth == 0
			return !whole && standsIn(body, id)
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '{' || token == '[' {
				depth++
			} else {
				depth--
			}
			name = ""
		case string:
			switch {
			case depth == 1 && (name == "eventId" || name == "correlationId"):
				if token == id {
					return true
				}
				name = ""
			case depth == 1 && name == "":
				name = token
			default:
				name = ""
			}
		default:
			name = ""
		}
	}
}

// standsIn reports whether an id stands in a text as a word, not as a part of a longer one.
func standsIn(text, id string) bool {
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' }
	for from := 0; ; {
		at := strings.Index(text[from:], id)
		if at < 0 {
			return false
		}
		at += from
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(id):])
		if !word(before) && !word(after) {
			return true
		}
		from = at + 1
	}
}

func (w *way) readLog(ctx context.Context, s *stack.Stack, function string) error {
	now := time.Now()
	err := s.Search(ctx, function, pattern(w.id), now.Add(-w.since), now.Add(time.Minute), func(found stack.Line) { w.see(found) })
	if err != nil && strings.Contains(err.Error(), "ResourceNotFound") {
		return nil // the function has not run yet
	}
	return err
}

// pattern is what a line must have to be looked at: a term, and not { $.correlation_id = … }, which a local cloud
// answers with any line. What JSON may write otherwise, or a cloud take for syntax, is looked for in every line.
func pattern(id string) string {
	if strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return ""
	}
	return strconv.Quote(id)
}

// see notes a line of a log that is about the event.
func (w *way) see(found stack.Line) {
	var l line
	if json.Unmarshal([]byte(found.Text), &l) != nil || l.CorrelationID != w.id && l.EventID != w.id && l.MessageID != w.id {
		return // the id stands elsewhere in the line, or the cloud takes no patterns
	}
	w.know(l.ClientID, l.EventID)
	if l.MessageID != "" {
		if w.messages == nil {
			w.messages = map[string]bool{}
		}
		w.messages[l.MessageID] = true
	}
	for _, text := range []*string{&l.Message, &l.ClientID, &l.EventID, &l.Detail, &l.Error} {
		*text = printable(*text) // the producer's callers may put anything into an id
	}
	w.steps = append(w.steps, step{found.At, l})
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

// sent reports whether the line says that the producer function sent the event.
func (l *line) sent() bool { return strings.HasPrefix(l.Message, "✅") }

func (l *line) text() string {
	if l.Outcome == "" {
		text := fmt.Sprintf("event %s of %s, by the producer, request %s", cmp.Or(l.EventID, "without an id"), cmp.Or(l.ClientID, "nobody"), l.RequestID)
		if !l.sent() {
			return "not sent   " + text + "\n" + strings.Repeat(" ", 36) + cmp.Or(l.Error, l.Message)
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

// unseen says which dead letters were not looked at, "" where all were.
func (w *way) unseen() string {
	switch {
	case w.deadLetters > maxPeek:
		return fmt.Sprintf("there are %d dead letters, too many to look through: ./scripts/dlq.sh export writes them to a file", w.deadLetters)
	case w.hidden > 0:
		return fmt.Sprintf("%d dead letters could not be looked at: someone else looks at them now", w.hidden)
	default:
		return ""
	}
}

// nothing is the end where nobody knows the id.
func (w *way) nothing() error {
	text := fmt.Sprintf("nothing is known of this id: is it right, and is --since (%s) long enough?", w.since)
	if !w.scanned {
		text += " An event that the producer function did not send (run-producer.sh did, or another program) leaves no line in a log" +
			" where it was stored at once: it is found by its event id with --client, or by --scan."
	}
	if unseen := w.unseen(); unseen != "" {
		text += " And " + unseen + "."
	}
	if w.queued > 0 {
		text += fmt.Sprintf(" It may be one of the %d messages on the event queue.", w.queued)
	}
	return errors.New(text)
}

// text is the way for people.
func (w *way) text(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", printable(w.id))
	if !slices.ContainsFunc(w.steps, func(s step) bool { return s.line.sent() }) {
		fmt.Fprintf(&b, "The producer function sent nothing like it since %s UTC, by its log: run-producer.sh, a redrive or another sender did, or it is older.\n",
			now.Add(-w.since).UTC().Format("2006-01-02 15:04"))
	}
	for i, s := range w.steps {
		if i == 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s  %s\n", s.at.UTC().Format("2006-01-02 15:04:05.000"), s.line.text())
	}
	b.WriteString("\nnow\n")
	for _, item := range w.items {
		e := &item.Event
		fmt.Fprintf(&b, "  in the table   %s of %s, %s %s, priority %s, message %s\n", e.ID, e.ClientID, e.Type, e.Version, e.Priority, e.MessageID)
		fmt.Fprintf(&b, "                 received %s, stored %s, kept until %s\n", e.ReceivedAt.UTC().Format("2006-01-02T15:04:05.000Z"),
			item.ProcessedAt, time.Unix(item.ExpiresAt, 0).UTC().Format(time.DateOnly))
		switch w.id {
		case e.CorrelationID:
		case e.ID, e.MessageID:
			fmt.Fprintf(&b, "                 correlation id %s\n", e.CorrelationID)
		default:
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
	if unseen := w.unseen(); unseen != "" && len(w.items)+len(w.dead) == 0 {
		fmt.Fprintf(&b, "  %s\n", unseen)
	}
	if len(w.items)+len(w.dead)+len(awaited) == 0 {
		fmt.Fprintf(&b, "  neither in the table nor a dead letter that could be looked at; %d messages are on the event queue, of which it may be one\n", w.queued)
	}
	return b.String()
}
