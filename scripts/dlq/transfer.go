package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"event-processor/internal/queue"
)

// exportCmd is the command export.
type exportCmd struct {
	File      string `arg:"" optional:"" help:"Where to; a new file (event-dlq-TIME.jsonl)."`
	selection `embed:""`
}

// fileName is a name for a new file in the current folder.
func fileName(kind string) string {
	return kind + "-" + time.Now().UTC().Format("20060102T150405Z") + ".jsonl"
}

// Run writes the letters that are meant to a file, one a line.
func (c *exportCmd) Run(ctx context.Context, d *desk) (err error) {
	if c.File == "" {
		c.File = fileName("event-dlq")
	}
	s, err := d.sweep(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release(ctx)) }()
	file, _, err := d.exportTo(ctx, s, &c.selection, c.File)
	if err != nil {
		return err
	}
	if err := file.finish(); err != nil {
		return err
	}
	d.print("%s in %s. They hold payloads: only you can read the file.", plural(file.n, "message"), c.File)
	return c.missing()
}

// exportTo writes the letters that are meant to a file that is not finished yet, and returns them without their
// bodies. On an error nothing is left of the file.
func (d *desk) exportTo(ctx context.Context, s *sweep, chosen *selection, name string) (file *exportFile, letters []letter, err error) {
	file, err = createExport(name)
	if err != nil {
		return nil, nil, err
	}
	shown := d.progress(s.waiting, "Exporting")
	defer shown.end()
	var mu sync.Mutex
	err = s.visit(ctx, func(ctx context.Context, messages []queue.Received) error {
		seen := len(messages)
		read, err := d.read(ctx, chosen.among(messages), len(chosen.Reason) > 0)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range read {
			if !chosen.matches(&read[i]) {
				continue
			}
			if err := file.add(&read[i].Received); err != nil {
				return err
			}
			read[i].Body, read[i].today.Record.Body = "", ""
			letters = append(letters, read[i])
		}
		shown.add(seen, fmt.Sprintf("%d exported", file.n))
		return nil
	})
	d.warnOfHistory()
	if err != nil {
		file.abandon()
		return nil, nil, err
	}
	return file, letters, nil
}

// purge is the command of this name.
type purge struct {
	target `embed:""`
	Export string `placeholder:"FILE" help:"Where to export them before they are deleted; a new file (event-dlq-purged-TIME.jsonl)."`
	Yes    bool   `help:"Do not ask."`
}

// Run exports the letters that are meant, asks, and deletes them.
func (c *purge) Run(ctx context.Context, d *desk) (err error) {
	if !c.Yes && !d.canAsk {
		return errors.New("there is no terminal to ask on: say --yes")
	}
	if c.Export == "" {
		c.Export = fileName("event-dlq-purged")
	}
	s, err := d.sweep(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release(ctx)) }()
	file, letters, err := d.exportTo(ctx, s, &c.selection, c.Export)
	if err != nil {
		return err
	}
	if len(letters) == 0 {
		file.abandon()
		d.print("No dead letters%s.", ifElse(c.empty(), "", " of that kind"))
		return c.missing()
	}
	if err := c.confirm(ctx, d, letters); err != nil {
		file.abandon()
		return err
	}
	if ctx.Err() != nil {
		file.abandon()
		return errInterrupted
	}
	// From here on the messages are in the file, whatever happens.
	if err := file.finish(); err != nil {
		return err
	}
	d.print("%s in %s", plural(file.n, "message"), c.Export)
	return errors.Join(c.delete(ctx, d, s, letters), c.missing())
}

func (c *purge) confirm(ctx context.Context, d *desk, letters []letter) error {
	if c.Yes {
		return nil
	}
	yes, err := d.ask(ctx, fmt.Sprintf("Delete %s (%s) from the dead-letter queue? %s will hold them.", plural(len(letters), "message"), tally(letters), c.Export))
	if err != nil {
		return err
	}
	if !yes {
		return errors.New("nothing was deleted")
	}
	return nil
}

// delete deletes what the file holds by now. An interrupt ends it between two calls; the rest stays in the queue.
func (c *purge) delete(ctx context.Context, d *desk, s *sweep, letters []letter) error {
	const portion = 100
	deleted, failed, last := 0, 0, error(nil)
	for from := 0; from < len(letters) && ctx.Err() == nil; from += portion {
		var ids []string
		for _, l := range letters[from:min(from+portion, len(letters))] {
			ids = append(ids, l.ID)
		}
		errs := s.delete(context.WithoutCancel(ctx), ids)
		deleted += len(ids) - len(errs)
		failed += len(errs)
		for _, err := range errs {
			last = err
		}
	}
	d.print("%s deleted", plural(deleted, "message"))
	switch {
	case failed > 0:
		return fmt.Errorf("%s could not be deleted: %w", plural(failed, "message"), last)
	case ctx.Err() != nil:
		return errInterrupted
	default:
		return nil
	}
}

// importCmd is the command import.
type importCmd struct {
	File string `arg:"" type:"existingfile" help:"A file that export or purge wrote."`
}

// Run reads the file through, and only if all of it is whole sends its messages to the dead-letter queue.
func (c *importCmd) Run(ctx context.Context, d *desk) error {
	total := 0
	err := c.each(func(line int, m queue.Received) error {
		total++
		if m.Damaged || !utf8.ValidString(m.Body) {
			return fmt.Errorf("line %d: the body is not Unicode; no queue takes it as it was", line)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("nothing was sent: %s: %w", c.File, err)
	}
	shown := d.progress(total, "Importing")
	t := transfer{desk: d, shown: shown}
	err = c.each(func(line int, m queue.Received) error {
		t.lines, t.messages = append(t.lines, line), append(t.messages, m.Message())
		if len(t.messages) < inFlight*queue.MaxEntries {
			return nil
		}
		return t.flush(ctx)
	})
	if err == nil {
		err = t.flush(ctx)
	}
	shown.end()
	d.print("%d of %s put into the dead-letter queue", t.sent, plural(total, "message"))
	if err != nil {
		return fmt.Errorf("%w; to import the file once more does no harm, an event that comes twice is a duplicate", err)
	}
	return nil
}

func (c *importCmd) each(see func(line int, m queue.Received) error) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return readExport(file, see)
}

// transfer is an import under way.
type transfer struct {
	desk     *desk
	shown    *progress
	lines    []int // of the messages that are to be sent
	messages []queue.Message
	sent     int
}

// flush sends what has come together. It fails with the first message that was not sent.
func (t *transfer) flush(ctx context.Context) (err error) {
	if ctx.Err() != nil {
		return errInterrupted
	}
	failed := 0
	for i, e := range t.desk.dlq.SendAll(context.WithoutCancel(ctx), t.messages) {
		switch {
		case e == nil:
			t.sent++
		case failed == 0:
			err = fmt.Errorf("line %d: %w", t.lines[i], e)
			fallthrough
		default:
			failed++
		}
	}
	if failed > 1 {
		err = fmt.Errorf("%d lines were not sent, the first is %w", failed, err)
	}
	t.shown.add(len(t.messages), fmt.Sprintf("%d sent", t.sent))
	t.lines, t.messages = t.lines[:0], t.messages[:0]
	return err
}
