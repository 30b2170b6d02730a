package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"event-processor/internal/queue"
)

// show is the command of this name.
type show struct {
	ID string `arg:"" help:"The message id, or the first 8 characters of it or more."`
}

// Validate refuses an id that is too short to be one.
func (c *show) Validate() error { return checkID(c.ID) }

// Run prints everything about one letter.
func (c *show) Run(ctx context.Context, d *desk) error {
	found, err := c.find(ctx, d)
	if err != nil {
		return err
	}
	d.describe(found)
	d.warnOfHistory(&selection{})
	return nil
}

// find looks for the letter. There may be several whose ids begin alike: then none is shown.
func (c *show) find(ctx context.Context, d *desk) (found *letter, err error) {
	const whole = 36 // characters of an id
	chosen := selection{ID: []string{c.ID}}
	s, err := d.sweep(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.release(ctx)) }()
	shown := d.progress(s.waiting, "Looking for it")
	defer shown.end()
	var mu sync.Mutex
	err = s.visit(ctx, func(ctx context.Context, messages []queue.Received) error {
		shown.add(len(messages), "not found so far")
		read, err := d.read(ctx, chosen.among(messages), true)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if len(read) == 0 {
			return nil
		}
		found = &read[0]
		if len(c.ID) == whole {
			return errEnough
		}
		return nil
	})
	return found, errors.Join(err, chosen.missing(), chosen.ambiguous())
}

// describe prints a letter. Its body is printed as it is where nobody's terminal can suffer from it.
func (d *desk) describe(l *letter) {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("Message", printable(l.ID))
	line("Client", printable(l.client()))
	line("Event", printable(l.today.EventID))
	line("Type", printable(l.kind()))
	line("Correlation", printable(l.today.CorrelationID))
	line("Sent", fmt.Sprintf("%s, %s ago", l.today.Record.SentAt.UTC().Format(time.RFC3339), age(time.Since(l.today.Record.SentAt))))
	line("Today", l.verdict())
	line("Detail", printable(l.today.Detail))
	line("Receives", l.receivesInWords())
	line("In the log", ifElse(l.before == "", "the processor's log has no reason", printable(string(l.before))))
	_ = w.Flush()

	if violations := d.judge.decoder.Violations(l.Body); len(violations) > 0 && !l.Damaged {
		d.print("\nViolations of the schema")
		for _, v := range violations {
			_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\n", printable(ifElse(v.Pointer == "", "(the whole)", v.Pointer)), printable(v.Keyword), printable(v.Message))
		}
		_ = w.Flush()
	}
	if len(l.Attributes) > 0 {
		d.print("\nMessage attributes")
		for _, name := range slices.Sorted(maps.Keys(l.Attributes)) {
			a := l.Attributes[name]
			value := printable(a.Text)
			if a.Binary != nil {
				value = base64.StdEncoding.EncodeToString(a.Binary)
			}
			_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\n", printable(name), printable(a.Type), value)
		}
		_ = w.Flush()
	}
	d.print("\nAttributes of SQS")
	for _, name := range slices.Sorted(maps.Keys(l.System)) {
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", printable(name), printable(l.System[name]))
	}
	_ = w.Flush()
	d.print("\nBody, %s%s", plural(len(l.Body), "byte"), ifElse(l.Damaged, "; it is not Unicode, and what cannot be read is replaced", ""))
	d.print("%s", d.bodyText(l.Body))
}

// receivesInWords tells the processor's receives from the queue's count, in which every look of an operator is one,
// and which some clouds begin anew for a dead letter.
func (l *letter) receivesInWords() string {
	queue := fmt.Sprintf("the queue counts %d, with every look of an operator", l.today.Record.ReceiveCount)
	if l.receives == 0 {
		return "not known of the processor, whose log has no line; " + queue
	}
	return fmt.Sprintf("%d by the processor, by its log; %s", l.receives, queue)
}

// bodyText is the body as it came, or on a terminal one that a person can read.
func (d *desk) bodyText(body string) string {
	if d.terminal == 0 {
		return body
	}
	var indented bytes.Buffer
	if json.Indent(&indented, []byte(body), "", "  ") == nil {
		body = indented.String()
	}
	return printableLines(body)
}
