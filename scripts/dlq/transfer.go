package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

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
	e, err := d.exportTo(ctx, s, &c.selection, c.File, true)
	if err != nil {
		return err
	}
	if err := e.file.finish(); err != nil {
		return err
	}
	d.print("%s in %s. They hold payloads: only you can read the file.", plural(e.file.n, "message"), c.File)
	if len(e.unrestorable) > 0 {
		d.note("%s: %s. An import does not put them back.", errUnrestorable, plural(len(e.unrestorable), "message"))
		d.nameAll(e.unrestorable)
	}
	return c.missing()
}

func (d *desk) nameAll(ids []string) {
	slices.Sort(ids)
	for _, id := range ids {
		d.note("  %s", printable(id))
	}
}

// exported is what an export wrote.
type exported struct {
	file         *exportFile
	letters      []letter // without their bodies
	unrestorable []string // ids of those that an import could not put back as they were
}

// exportTo writes the letters that are meant to a file that is not finished yet; those that cannot be restored from it
// only if that is wanted. On an error nothing is left of the file.
func (d *desk) exportTo(ctx context.Context, s *sweep, chosen *selection, name string, anyway bool) (*exported, error) {
	file, err := createExport(name)
	if err != nil {
		return nil, err
	}
	e := &exported{file: file}
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
			switch err := file.add(&read[i].Received, anyway); {
			case errors.Is(err, errUnrestorable):
				e.unrestorable = append(e.unrestorable, read[i].ID)
				continue
			case err != nil:
				return err
			}
			read[i].Body, read[i].today.Record.Body = "", ""
			e.letters = append(e.letters, read[i])
		}
		shown.add(seen, fmt.Sprintf("%d exported", file.n))
		return nil
	})
	d.warnOfHistory(chosen)
	if err != nil {
		file.abandon()
		return nil, err
	}
	return e, nil
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
	e, err := d.exportTo(ctx, s, &c.selection, c.Export, false)
	if err != nil {
		return err
	}
	if len(e.letters) == 0 {
		e.file.abandon()
		d.print("No dead letters%s.", ifElse(c.empty(), "", " of that kind"))
		return errors.Join(c.stay(d, e), c.missing())
	}
	err = c.ambiguous()
	if err == nil {
		err = c.confirm(ctx, d, e.letters)
	}
	if err == nil && ctx.Err() != nil {
		err = errInterrupted
	}
	if err != nil {
		e.file.abandon()
		return err
	}
	// From here on the messages are in the file, whatever happens.
	if err := e.file.finish(); err != nil {
		return fmt.Errorf("nothing was deleted: %w", err)
	}
	d.print("%s in %s", plural(e.file.n, "message"), c.Export)
	return errors.Join(c.delete(ctx, d, s, e.letters), c.stay(d, e), c.missing())
}

// stay names what is not deleted, since it would be lost.
func (c *purge) stay(d *desk, e *exported) error {
	if len(e.unrestorable) == 0 {
		return nil
	}
	d.note("%s, and so left in the queue:", errUnrestorable)
	d.nameAll(e.unrestorable)
	return fmt.Errorf("%s not deleted: it is not Unicode, and an import could not put it back (`dlq.sh show ID` shows what can be read of it)",
		plural(len(e.unrestorable), "damaged message"))
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
	asked := 0
	for asked < len(letters) && ctx.Err() == nil {
		var ids []string
		for _, l := range letters[asked:min(asked+portion, len(letters))] {
			ids = append(ids, l.ID)
		}
		s.delete(context.WithoutCancel(ctx), ids)
		asked += len(ids)
	}
	late, failed, err := s.settle(ctx)
	d.print("%s deleted", plural(asked-len(failed)-len(late), "message"))
	if len(late) > 0 {
		d.print("%s deleted unless others got them before: then they are in the queue still", plural(len(late), "message"))
	}
	for _, err := range failed {
		return fmt.Errorf("%s could not be deleted: %w", plural(len(failed), "message"), err)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// importCmd is the command import.
type importCmd struct {
	File string `arg:"" type:"existingfile" help:"A file that export or purge wrote."`
}

// Run sends the messages of the file to the dead-letter queue, except for those that lie there already. Lines that are
// no message are named and left out.
func (c *importCmd) Run(ctx context.Context, d *desk) error {
	total, bad := 0, 0
	err := c.each(func(line int, _ queue.Received, fault error) error {
		if fault == nil {
			total++
		} else {
			bad++
			d.note("line %d is not put: %s", line, printable(fault.Error()))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("nothing was sent: %s: %w", c.File, err)
	}
	t := transfer{desk: d}
	if total > 0 {
		if t.there, err = d.contents(ctx); err != nil {
			return fmt.Errorf("nothing was sent: %w", err)
		}
	}
	t.shown = d.progress(total, "Importing")
	err = c.each(func(line int, m queue.Received, fault error) error {
		if fault == nil {
			return t.put(ctx, line, &m)
		}
		return nil // it was named before
	})
	if err == nil {
		err = t.flush(ctx)
	}
	t.shown.end()
	d.print("%d of %s put into the dead-letter queue", t.sent, plural(total, "message"))
	if t.already > 0 {
		d.print("%d are there already, with the same body and attributes", t.already)
	}
	if t.failed > 0 && err == nil {
		err = fmt.Errorf("%s could not be put, see above", plural(t.failed, "message"))
	}
	if err != nil {
		err = fmt.Errorf("%w; import the file once more: what is there already is not put again", err)
	}
	if bad > 0 {
		err = errors.Join(err, fmt.Errorf("%s: %s without a message, see above", c.File, plural(bad, "line")))
	}
	return err
}

func (c *importCmd) each(see func(line int, m queue.Received, fault error) error) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return readExport(file, see)
}

// content is what a message says, hashed: its body and its attributes. Ids and times are new with each import, and some
// clouds drop groups.
type content [sha256.Size]byte

func contentOf(m *queue.Received) (c content) {
	sum := sha256.New()
	k := keep(m)
	_ = json.NewEncoder(sum).Encode(kept{Body: k.Body, BodyBytes: k.BodyBytes, Attributes: k.Attributes}) // of text and bytes
	return content(sum.Sum(nil))
}

// contents counts what lies in the dead-letter queue.
func (d *desk) contents(ctx context.Context) (there map[content]int, err error) {
	there = map[content]int{}
	s, err := d.sweep(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.release(ctx)) }()
	shown := d.progress(s.waiting, "Looking at what is there")
	defer shown.end()
	var mu sync.Mutex
	err = s.visit(ctx, func(_ context.Context, messages []queue.Received) error {
		mu.Lock()
		defer mu.Unlock()
		for i := range messages {
			there[contentOf(&messages[i])]++
		}
		shown.add(len(messages), "looking at what is there")
		return nil
	})
	return there, err
}

// transfer is an import under way.
type transfer struct {
	desk     *desk
	shown    *progress
	there    map[content]int // in the queue before, and not matched by a line so far
	lines    []int           // of the messages that are to be sent
	messages []queue.Message

	sent, already, failed int
}

// put sends a message, or counts one that is there. Of a message that the file has twice two are to be there.
func (t *transfer) put(ctx context.Context, line int, m *queue.Received) error {
	if c := contentOf(m); t.there[c] > 0 {
		t.there[c]--
		t.already++
		t.shown.add(1, fmt.Sprintf("%d sent", t.sent))
		return nil
	}
	t.lines, t.messages = append(t.lines, line), append(t.messages, m.Message())
	if len(t.messages) < inFlight*queue.MaxEntries {
		return nil
	}
	return t.flush(ctx)
}

// flush sends what has come together, and names the lines that were not sent. It fails where nothing goes through.
func (t *transfer) flush(ctx context.Context) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	before, away := t.sent, false
	for i, err := range t.desk.dlq.SendAll(context.WithoutCancel(ctx), t.messages) {
		if err == nil {
			t.sent++
			continue
		}
		t.failed++
		t.desk.note("line %d is not put: %s", t.lines[i], printable(err.Error()))
		var large *queue.TooLargeError
		away = away || !errors.As(err, &large)
	}
	t.shown.add(len(t.messages), fmt.Sprintf("%d sent", t.sent))
	t.lines, t.messages = t.lines[:0], t.messages[:0]
	if away && t.sent == before {
		return errors.New("gave up: the dead-letter queue takes nothing")
	}
	return nil
}
