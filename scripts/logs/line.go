package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"event-processor/internal/event"
	"event-processor/internal/stack"
)

// line is one line of a function's log, read as far as it can be.
type line struct {
	at       time.Time
	function string
	text     string         // as it was written
	own      bool           // Lambda's own about an invocation, or one that CloudWatch makes metrics of
	fields   map[string]any // nil where it is not JSON

	level, message, client, event, messageID string
	outcome                                  event.Outcome
	reason                                   event.Reason

	times int // how often it came, where that is folded into one
}

func read(function string, from stack.Line) line {
	l := line{at: from.At, function: function, text: strings.TrimSpace(from.Text), times: 1}
	l.own = l.text == ""
	for _, own := range []string{"START ", "END ", "REPORT ", "INIT_START ", `{"time":`, `{"_aws":`} {
		l.own = l.own || strings.HasPrefix(l.text, own)
	}
	if json.Unmarshal([]byte(l.text), &l.fields) != nil {
		return l
	}
	text := func(name string) string { value, _ := l.fields[name].(string); return value }
	l.level, l.message, l.messageID = text("level"), text("message"), text("message_id")
	l.client, l.event = text("client_id"), text("event_id")
	l.outcome, l.reason = event.Outcome(text("outcome")), event.Reason(text("reason"))
	return l
}

// severity orders levels. A line without one is about something that nobody foresaw.
func severity(level string) int {
	if i := slices.Index([]string{"DEBUG", "INFO", "WARN", "ERROR"}, level); i >= 0 {
		return i
	}
	return 3
}

// The widths of the columns: with single spaces and a time of eight they leave an event's id of 36 whole in 100. One
// that is longer is cut, and stands behind as a whole.
const (
	levelWidth   = 5
	outcomeWidth = 12 // rejected ×10
	reasonWidth  = 21 // the longest there is
	clientWidth  = 12
	eventWidth   = 36
)

// columns is the line for people. What has no outcome has no columns either: whose line it is and its message stand there.
func (l *line) columns() string {
	head := l.at.Local().Format(time.TimeOnly) + " " + column(l.level, levelWidth) + " "
	shown := []string{"timestamp", "level", "message", "requestId"}
	if l.outcome == "" {
		if l.fields == nil {
			return head + l.function + ": " + l.text
		}
		return head + l.function + ": " + l.message + l.rest(shown)
	}
	outcome := string(l.outcome)
	if l.times > 1 {
		outcome += fmt.Sprintf(" ×%d", l.times)
	}
	shown = append(shown, "outcome", "reason")
	for _, cut := range []struct {
		name, value string
		width       int
	}{{"client_id", l.client, clientWidth}, {"event_id", l.event, eventWidth}} {
		if utf8.RuneCountInString(cut.value) <= cut.width {
			shown = append(shown, cut.name)
		}
	}
	return strings.TrimRight(head+column(outcome, outcomeWidth)+" "+column(string(l.reason), reasonWidth)+" "+column(l.client, clientWidth)+
		" "+column(l.event, eventWidth)+l.rest(shown), " ")
}

// rest is every field but those shown: the detail first, which says what to do, then by name.
func (l *line) rest(shown []string) string {
	var b strings.Builder
	names := slices.Sorted(maps.Keys(l.fields))
	if i := slices.Index(names, "detail"); i >= 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, "detail")
	}
	for _, name := range names {
		if value := l.fields[name]; value != "" && !slices.Contains(shown, name) {
			_, _ = fmt.Fprintf(&b, "  %s=%v", name, value)
		}
	}
	return b.String()
}

// column is text of exactly this width.
func column(text string, width int) string {
	if n := utf8.RuneCountInString(text); n <= width {
		return text + strings.Repeat(" ", width-n)
	}
	return string([]rune(text)[:width-1]) + "…"
}
