package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"event-processor/internal/event"
	"event-processor/internal/queue"
)

// list is the command of this name.
type list struct {
	selection `embed:""`
	JSON      bool `name:"json" help:"Print a line of JSON for each message."`
}

// Run prints the letters that are meant, the oldest first.
func (c *list) Run(ctx context.Context, d *desk) error {
	letters, err := d.collect(ctx, &c.selection)
	if err != nil {
		return err
	}
	if c.JSON {
		return errors.Join(d.listJSON(letters), c.missing())
	}
	if len(letters) == 0 {
		d.print("No dead letters%s.", ifElse(c.empty(), "", " of that kind"))
		return c.missing()
	}
	d.table(letters)
	d.print("\n%s: %s.", plural(len(letters), "dead letter"), tally(letters))
	if slices.ContainsFunc(letters, func(l letter) bool { return l.acceptable() }) {
		d.note("`dlq.sh redrive` sends back what would be stored now.")
	}
	return c.missing()
}

func ifElse(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}

// collect reads the whole queue and returns the letters that are meant, without their bodies, the oldest first.
func (d *desk) collect(ctx context.Context, chosen *selection) (letters []letter, err error) {
	s, err := d.sweep(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.release(ctx)) }()
	shown := d.progress(s.waiting, "Reading the queue")
	defer shown.end()
	var mu sync.Mutex
	err = s.visit(ctx, func(ctx context.Context, messages []queue.Received) error {
		seen := len(messages)
		read, err := d.read(ctx, chosen.among(messages), true)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range read {
			if chosen.matches(&read[i]) {
				read[i].Body, read[i].today.Record.Body = "", ""
				letters = append(letters, read[i])
			}
		}
		shown.add(seen, fmt.Sprintf("%d of them match", len(letters)))
		return nil
	})
	slices.SortFunc(letters, func(a, b letter) int {
		return cmp.Or(a.today.Record.SentAt.Compare(b.today.Record.SentAt), strings.Compare(a.ID, b.ID))
	})
	d.warnOfHistory(chosen)
	return letters, err
}

// warnOfHistory says where the log could not tell why letters died.
func (d *desk) warnOfHistory(chosen *selection) {
	if err := d.history.trouble(); err != nil {
		d.note("The processor's log does not say why they died: %v", err)
	}
	chosen.mu.Lock()
	defer chosen.mu.Unlock()
	if chosen.unknown > 0 {
		d.note("Of %s the log knows no reason; by today's rules they are none of those asked for.", plural(chosen.unknown, "other dead letter"))
	}
}

// table prints letters. Ids are cut where the terminal is too narrow for them; what is left of them still tells
// one from the other, and is taken for an id by all commands.
func (d *desk) table(letters []letter) {
	text := d.tableText(letters, 36, 40)
	if d.terminal > 0 && widest(text) > d.terminal {
		text = d.tableText(letters, minPrefix, 16)
	}
	_, _ = fmt.Fprint(d.out, text)
}

func (d *desk) tableText(letters []letter, id, client int) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "MESSAGE\tCLIENT\tEVENT\tTYPE\tRECEIVES\tAGE\tREASON")
	for i := range letters {
		l := &letters[i]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cut(l.ID, id), orDash(clip(l.client(), client)), orDash(cut(l.today.EventID, id)),
			orDash(clip(l.kind(), 16)), orDash(count(l.receives)), age(time.Since(l.today.Record.SentAt)), l.reasonInWords())
	}
	_ = w.Flush()
	return b.String()
}

// reasonInWords is the verdict, and in brackets why the letter died where that was something else.
func (l *letter) reasonInWords() string {
	if l.before == "" || l.before == l.today.Reason {
		return l.verdict()
	}
	return l.verdict() + " (was " + printable(string(l.before)) + ")"
}

func cut(s string, n int) string {
	s = printable(s)
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

// clip is cut, and shows that something is missing.
func clip(s string, n int) string {
	if short := cut(s, n); short != printable(s) {
		return cut(s, n-1) + "…"
	}
	return printable(s)
}

// count is a number, "" where it is not known.
func count(n int) string { return ifElse(n == 0, "", strconv.Itoa(n)) }

func orDash(s string) string { return ifElse(s == "", "–", s) }

func widest(text string) (n int) {
	for line := range strings.Lines(text) {
		n = max(n, len([]rune(line))-1)
	}
	return n
}

// tally counts letters by their verdicts, most first.
func tally(letters []letter) string {
	counts := map[string]int{}
	for i := range letters {
		counts[letters[i].verdict()]++
	}
	verdicts := sortedByCount(counts)
	for i, verdict := range verdicts {
		verdicts[i] = fmt.Sprintf("%d %s", counts[verdict], verdict)
	}
	return strings.Join(verdicts, ", ")
}

func sortedByCount(counts map[string]int) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], strings.Compare(a, b))
	})
}

// row is a letter in list --json.
type row struct {
	MessageID string       `json:"messageId"`
	ClientID  string       `json:"clientId,omitempty"`
	EventID   string       `json:"eventId,omitempty"`
	EventType string       `json:"eventType,omitempty"`
	Receives  int          `json:"receives,omitempty"` // by the processor, by its log
	InQueue   int          `json:"receivesOfQueue"`    // as SQS counts, with every look of an operator
	SentAt    time.Time    `json:"sentAt"`
	Age       int64        `json:"ageSeconds"`
	Reason    string       `json:"reason"` // as verdict says it
	Detail    string       `json:"detail,omitempty"`
	Before    event.Reason `json:"reasonInLog,omitempty"`
}

func (d *desk) listJSON(letters []letter) error {
	to := json.NewEncoder(d.out)
	for i := range letters {
		l := &letters[i]
		sent := l.today.Record.SentAt
		err := to.Encode(row{
			MessageID: l.ID, ClientID: printable(l.client()), EventID: l.today.EventID, EventType: printable(l.kind()),
			Receives: l.receives, InQueue: l.today.Record.ReceiveCount, SentAt: sent.UTC(), Age: int64(time.Since(sent).Seconds()),
			Reason: l.verdict(), Detail: printable(l.today.Detail), Before: l.before,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
