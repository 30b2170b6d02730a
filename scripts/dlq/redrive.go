package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"event-processor/internal/event"
	"event-processor/internal/queue"
)

// redrive is the command of this name.
type redrive struct {
	target `embed:""`
	Rate   float64 `placeholder:"N" help:"At most N messages per second; without it, as fast as it goes."`
	DryRun bool    `help:"Only say what would be done."`
	Force  bool    `help:"Send also what would be rejected again."`

	limiter *rate.Limiter
	mu      sync.Mutex
	account account
}

// account is what became of the letters that a redrive saw.
type account struct {
	redriven []letter       // without their bodies
	skipped  []letter       // that would be rejected again
	other    int            // not meant
	failed   int            // could not be sent
	kept     int            // sent, but not deleted: in both queues
	late     int            // sent, and deleted when others could have had them: perhaps in both queues, or sent by others, too
	errs     map[string]int // why, with how often
	inARow   int            // calls of which nothing was sent
}

func (a *account) fail(err error) {
	if a.errs == nil {
		a.errs = map[string]int{}
	}
	a.errs[err.Error()]++
}

// errGiveUp ends a redrive of which nothing arrives any more.
var errGiveUp = errors.New("gave up: the event queue takes nothing; the messages that are left stay where they are")

// Run sends the letters that are meant and that the processor would take back to the event queue.
func (c *redrive) Run(ctx context.Context, d *desk) (err error) {
	c.limiter = c.newLimiter()
	if d.judge.sender, err = d.caller(ctx); err != nil {
		return err
	}
	s, err := d.sweep(ctx)
	if err != nil {
		return err
	}
	shown := d.progress(s.waiting, "Redriving")
	err = s.visit(ctx, func(ctx context.Context, messages []queue.Received) error {
		return c.take(ctx, d, s, messages, shown)
	})
	shown.end()
	late, failed, unsettled := s.settle(ctx)
	c.settle(late, failed)
	released := s.release(ctx)
	c.report(d)
	if err == nil {
		err = unsettled
	}
	return errors.Join(err, c.failures(), c.missing(), c.ambiguous(), released)
}

// Validate asks for a choice and a rate that can be kept.
func (c *redrive) Validate() error {
	err := c.target.Validate()
	if c.Rate < 0 || c.Rate > 10_000 {
		err = errors.Join(err, fmt.Errorf("--rate=%g: it must be above 0 and at most 10000 messages per second", c.Rate))
	}
	return err
}

func (c *redrive) newLimiter() *rate.Limiter {
	if c.Rate == 0 {
		return rate.NewLimiter(rate.Inf, queue.MaxEntries)
	}
	return rate.NewLimiter(rate.Limit(c.Rate), int(min(max(c.Rate, 1), queue.MaxEntries)))
}

// take takes up to ten messages of the queue: judges them, sends the chosen ones, and deletes what was sent.
func (c *redrive) take(ctx context.Context, d *desk, s *sweep, messages []queue.Received, shown *progress) error {
	seen := len(messages)
	letters, err := d.read(ctx, c.among(messages), len(c.Reason) > 0 || c.DryRun)
	if err != nil {
		return err
	}
	chosen := c.choose(letters, seen)
	for len(chosen) > 0 && err == nil {
		n := min(len(chosen), c.limiter.Burst())
		if err = c.limiter.WaitN(ctx, n); err != nil {
			return errInterrupted // also where the time does not suffice
		}
		err = c.move(ctx, d, s, chosen[:n])
		chosen = chosen[n:]
	}
	c.mu.Lock()
	done := fmt.Sprintf("%d redriven", len(c.account.redriven))
	c.mu.Unlock()
	shown.add(seen, done)
	return err
}

// choose returns the letters that are to be sent and notes what is left.
func (c *redrive) choose(letters []letter, seen int) (chosen []letter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.account.other += seen
	for _, l := range letters {
		if !c.matches(&l) {
			continue
		}
		c.account.other--
		switch {
		case !l.acceptable() && !c.Force:
			l.Body, l.today.Record.Body = "", ""
			c.account.skipped = append(c.account.skipped, l)
		case !l.Whole():
			c.account.failed++
			c.account.fail(errors.New("message " + l.ID + " is not Unicode and cannot be sent as it is"))
		default:
			chosen = append(chosen, l)
		}
	}
	return chosen
}

// move sends letters to the event queue and then deletes those that arrived there. Between the two a message is in
// both queues, never in none: an interrupt waits for the end, and a kill leaves a duplicate.
func (c *redrive) move(ctx context.Context, d *desk, s *sweep, letters []letter) error {
	var sent []string
	if !c.DryRun {
		ctx := context.WithoutCancel(ctx)
		sent = c.send(ctx, d, letters)
		s.delete(ctx, sent)
		if len(sent) == 0 {
			return c.giveUp()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.account.inARow = 0
	arrived := map[string]bool{}
	for _, id := range sent {
		arrived[id] = true
	}
	for _, l := range letters {
		if c.DryRun || arrived[l.ID] {
			l.Body, l.today.Record.Body = "", ""
			c.account.redriven = append(c.account.redriven, l)
		}
	}
	return nil
}

// send returns the ids of what arrived on the event queue.
func (c *redrive) send(ctx context.Context, d *desk, letters []letter) (sent []string) {
	messages := make([]queue.Message, len(letters))
	for i := range letters {
		messages[i] = letters[i].Message()
		if messages[i].GroupID == "" && d.fair {
			messages[i].GroupID = letters[i].today.ClientID
		}
	}
	errs := d.events.SendAll(ctx, messages)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, err := range errs {
		if err == nil {
			sent = append(sent, letters[i].ID)
			continue
		}
		c.account.failed++
		c.account.fail(err)
	}
	return sent
}

// settle takes out of the account of the redriven what may be in both queues.
func (c *redrive) settle(late map[string]bool, failed map[string]error) {
	a := &c.account
	a.late, a.kept = len(late), len(failed)
	for _, err := range failed {
		a.fail(err)
	}
	a.redriven = slices.DeleteFunc(a.redriven, func(l letter) bool { return late[l.ID] || failed[l.ID] != nil })
}

func (c *redrive) giveUp() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.account.inARow++; c.account.inARow >= 3 {
		return errGiveUp
	}
	return nil
}

// failures is an error where not everything that was asked for by name or could be sent was sent.
func (c *redrive) failures() error {
	a := &c.account
	switch {
	case a.failed+a.kept > 0:
		return fmt.Errorf("%s; these messages are in the dead-letter queue as before", plural(a.failed+a.kept, "failure"))
	case len(a.skipped) > 0 && len(c.ID) > 0:
		return fmt.Errorf("%s would be rejected again: without --force they are not sent", plural(len(a.skipped), "message"))
	default:
		return nil
	}
}

// report prints the account of a redrive.
func (c *redrive) report(d *desk) {
	a := &c.account
	d.warnOfHistory(&c.selection)
	if c.DryRun && len(a.redriven) > 0 {
		d.table(a.redriven)
		d.print("")
	}
	line := func(name string, n int, words string) {
		d.print("%s", strings.TrimRight(fmt.Sprintf("%-8s %6d  %s", name, n, words), " "))
	}
	line(ifElse(c.DryRun, "To send", "Redriven"), len(a.redriven), tally(a.redriven))
	line("Skipped", len(a.skipped), tally(a.skipped))
	line("Failed", a.failed, "")
	if a.kept > 0 {
		line("Twice", a.kept, "sent, but not deleted here: they will come again, as duplicates")
	}
	if a.late > 0 {
		line("Twice", a.late, "sent, but others could have had them before they were deleted here: they may come again, as duplicates")
	}
	if a.other > 0 {
		line("Left", a.other, "that were not asked for")
	}
	for _, text := range sortedByCount(a.errs) {
		d.note("  %d × %s", a.errs[text], printable(text))
	}
	if !c.DryRun && slices.ContainsFunc(a.redriven, func(l letter) bool { return slices.Contains(rights, l.before) }) {
		d.note("The processor may remember the clients' old rights for %s; what comes back for that reason, redrive once more.", d.remembers)
	}
	if len(a.skipped) == 0 {
		return
	}
	slices.SortFunc(a.skipped, func(a, b letter) int { return strings.Compare(a.verdict()+a.ID, b.verdict()+b.ID) })
	d.note("\nSkipped are those that would be rejected again, or that cannot be judged; --force sends them all the same:")
	for i := range a.skipped {
		if i == maxExamples && len(a.skipped) > maxExamples+1 {
			d.note("  … and %d more; `dlq.sh list` shows them all", len(a.skipped)-i)
			break
		}
		l := &a.skipped[i]
		d.note("  %s  %s: %s", printable(l.ID), l.verdict(), printable(l.today.Detail))
	}
}

// rights are the reasons that a change of a client takes away.
var rights = []event.Reason{event.UnknownClient, event.ClientInactive, event.TypeNotAllowed, event.SenderNotAllowed}

// maxExamples is how many of the skipped letters are named.
const maxExamples = 10
