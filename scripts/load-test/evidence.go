package main

import (
	"context"
	"errors"
	"time"

	"event-processor/internal/account"
	"event-processor/internal/cost"
	"event-processor/internal/event"
	"event-processor/internal/queue"
)

// evidence is what was found out about the run.
type evidence struct {
	account.Evidence
	account  account.Account
	kept     []kept
	batches  []batch
	reports  []invocation
	logBytes int
}

// kept is an event that the run stored.
type kept struct {
	received, processed time.Time
	bytes               int
}

func newEvidence() evidence {
	return evidence{Evidence: account.Evidence{Stored: map[event.Key]string{}, DeadLetters: map[string]string{}}}
}

// settle gathers the evidence until the account balances, at most so long.
func (t *trial) settle(ctx context.Context, wait time.Duration) error {
	const pause = 2 * time.Second
	if t.count() < t.run.Len() {
		account.CutShort(t.sent)
	}
	for deadline := time.Now().Add(wait); ; time.Sleep(pause) {
		err := errors.Join(t.peek(ctx), t.readTable(ctx), t.readLog(ctx))
		t.found.account = account.Balance(t.sent, t.found.Evidence)
		if t.found.account.Balanced() || time.Now().After(deadline) {
			return err
		}
	}
}

// readTable asks for the events that were not found so far: each is read once.
func (t *trial) readTable(ctx context.Context) error {
	items, err := t.events.Read(ctx, t.found.ToRead(t.sent))
	for key, item := range items {
		t.found.Stored[key] = item.Event.MessageID
		processed, _ := time.Parse(time.RFC3339, item.ProcessedAt) // ours, in our own form
		t.found.kept = append(t.found.kept, kept{item.Event.ReceivedAt, processed, item.Bytes})
	}
	return err
}

// readLog reads why records were not stored, and what the batches did.
func (t *trial) readLog(ctx context.Context) error {
	const overhead = 26 // bytes that CloudWatch Logs counts beside each line
	lines, err := t.log.Next(ctx)
	for _, line := range lines {
		t.found.logBytes += len(line.Text) + overhead
		if report, ok := account.ReadReport(line.Text); ok {
			t.found.Reports = append(t.found.Reports, report)
		} else if b, ok := readBatch(line.Text); ok {
			t.found.batches = append(t.found.batches, b)
		} else if i, ok := readInvocation(line.Text); ok {
			t.found.reports = append(t.found.reports, i)
		}
	}
	return err
}

// peek looks at the dead letters while some are expected that were not seen. They are out of others' sight while it
// lasts, and so are those of an answer that got lost on its way: they are seen in a later round.
func (t *trial) peek(ctx context.Context) error {
	expected, seen := 0, 0
	ours := map[string]bool{}
	for _, m := range t.sent {
		if m.Want == event.Rejected {
			expected++
			ours[m.CorrelationID] = true
		}
	}
	for _, correlation := range t.found.DeadLetters {
		if ours[correlation] {
			seen++
		}
	}
	if seen >= expected {
		return nil
	}
	return t.dlq.Peek(ctx, t.watch.peekTime(), func(m queue.Lying) { t.found.DeadLetters[m.ID] = m.Attributes["CorrelationId"] })
}

// keptDays is how long an event is kept where its client does not say.
const keptDays = 30

// usage is what the run used, by what was sent, stored and logged.
func (t *trial) usage() cost.Usage {
	u := cost.Usage{
		Stored: len(t.found.kept), Batches: len(t.found.batches), Sends: t.requests, LogBytes: t.found.logBytes,
		KeptDays: keptDays,
	}
	if len(t.found.kept) > 0 {
		first, last := span(t.found.kept)
		u.Traces = cost.Traces(u.Batches, last.Sub(first).Seconds())
	}
	for _, k := range t.found.kept {
		u.ItemBytes += k.bytes
		u.ItemUnits += cost.Units(k.bytes, cost.WriteUnitBytes)
	}
	for _, i := range t.found.reports {
		u.GBSeconds += i.billed.Seconds() * float64(i.memoryMB) / 1024
	}
	for _, b := range t.found.batches {
		back := b.Rejected + b.Failed
		u.Receives += tens(b.Records)
		u.Deletes += tens(b.Records - back)
		u.Returns += tens(back)
	}
	// A duplicate and a conflict are found by a write that does not hold, which costs as much as one that does, and
	// a consistent read of the item. (Where both copies are in one batch, neither: this is the upper bound.)
	each := float64(u.ItemUnits) / float64(max(u.Stored, 1))
	large := 0
	for _, r := range t.found.Reports {
		switch {
		case r.Outcome == event.Duplicate || r.Reason == event.EventIDConflict:
			u.ReadUnits++
		case r.Reason == event.EventTooLarge:
			large++
		}
	}
	u.ExtraUnits = int(each*float64(u.ReadUnits) + 0.5)
	if t.large > 0 { // what is too large is several requests every time that it is received
		u.Receives += large * (cost.Units(t.largeBytes/t.large, cost.RequestBytes) - 1)
	}
	return u
}

// tens is how many calls of ten n messages take.
func tens(n int) int { return (n + queue.MaxEntries - 1) / queue.MaxEntries }
