package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"event-processor/internal/queue"
)

const (
	receivers = 4 // receives side by side: one takes 10–20 ms on AWS and brings ten messages at most
	maxEmpty  = 2 // receives in a row that bring nothing, after which the queue was seen whole
	maxStale  = 8 // receives in a row that bring nothing new: messages whose time was up, or that came just now

	// releaseTime is how long the end may take. What is not released then comes back by itself after the hold.
	releaseTime = 20 * time.Second
)

// sweep is one way through the dead-letter queue. Each message is visited once, and those that are left stay hidden
// until the sweep ends: SQS has no other way of looking at all of them. They are hidden for a short time that is
// extended again and again, so that they come back soon after a crash.
type sweep struct {
	queue   *queue.Queue
	note    func(format string, a ...any)
	hold    time.Duration
	now     func() time.Time
	waiting int       // messages that wait at the start, as SQS estimates
	until   time.Time // what was sent later belongs to the next sweep: else one in which messages come would not end

	mu           sync.Mutex
	seen         map[string]handle // by message id
	empty, stale int               // receives in a row that brought nothing, or nothing new

	heart chan struct{}
	beat  sync.WaitGroup
}

// handle is what a message that was seen is reached by.
type handle struct {
	receipt  string    // "" of one that is deleted
	receives int       // only the receipt handle of the last receive is of use
	until    time.Time // others do not see it before
	doomed   bool      // it was to be deleted
	late     bool      // others could have seen it before it was: SQS does not say whether that deleted anything
	err      error     // why it is not deleted
}

// wallClock is the time without Go's monotonic clock, which stands still while a laptop sleeps.
func wallClock() time.Time { return time.Now().Round(0) }

// sweep begins a sweep, which must be released.
func (d *desk) sweep(ctx context.Context) (*sweep, error) {
	now, err := d.dlq.Clock(ctx)
	if err != nil {
		return nil, err
	}
	s := &sweep{queue: d.dlq, note: d.note, hold: d.hold, now: d.now, until: now.Add(time.Second), seen: map[string]handle{}, heart: make(chan struct{})}
	if s.waiting, _, err = d.dlq.Depth(ctx); err != nil {
		return nil, err
	}
	s.beat.Go(func() { s.keepHidden(context.WithoutCancel(ctx)) })
	return s, nil
}

// errEnough ends a visit of the queue before its end, without an error.
var errEnough = errors.New("enough seen")

// visit shows every message of the queue once, up to ten at a time and several of these side by side. It ends
// with the first error of see, or when ctx does.
func (s *sweep) visit(ctx context.Context, see func(ctx context.Context, messages []queue.Received) error) error {
	outer := ctx
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var group sync.WaitGroup
	for range receivers {
		group.Go(func() {
			for ctx.Err() == nil && !s.seenWhole(ctx) {
				messages, err := s.next(ctx)
				if err == nil && len(messages) > 0 && ctx.Err() == nil {
					err = see(ctx, messages)
				}
				if err != nil {
					end(err)
				}
			}
		})
	}
	group.Wait()
	switch err := context.Cause(ctx); {
	case outer.Err() != nil:
		return errInterrupted
	case errors.Is(err, errEnough):
		return nil
	case err != nil:
		return err
	}
	s.noteUnseen(outer)
	return nil
}

// noteUnseen says where the sweep did not see everything. SQS hands out no more than 120,000 messages at a time.
func (s *sweep) noteUnseen(ctx context.Context) {
	if waiting, _, err := s.queue.Depth(ctx); err == nil && waiting > 0 {
		s.note("About %s more in the queue: new ones, or more than SQS hands out at a time. Run it again for these.", plural(waiting, "message"))
	}
}

// receiveTime bounds a receive, which waits up to a second for messages.
const receiveTime = 20 * time.Second

// next receives and returns what was not seen before. An interrupt waits for it: what SQS hands out to nobody would
// stay hidden.
func (s *sweep) next(ctx context.Context) ([]queue.Received, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveTime)
	defer cancel()
	until := s.now().Add(s.hold)
	messages, err := s.queue.Receive(ctx, s.hold)
	if err != nil {
		return nil, err
	}
	fresh, again := s.meet(messages, until)
	s.delete(ctx, again)
	return fresh, nil
}

// meet notes messages that were received, and returns those that were not seen before, and the ids of those that come
// though they were deleted: what was deleted by an old handle, or not at all.
func (s *sweep) meet(messages []queue.Received, until time.Time) (fresh []queue.Received, again []string) {
	received := len(messages)
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh = slices.DeleteFunc(messages, func(m queue.Received) bool {
		r := m.Record()
		h, seen := s.seen[m.ID]
		if r.ReceiveCount > h.receives {
			h.receipt, h.receives, h.until = m.ReceiptHandle, r.ReceiveCount, until
			if h.doomed {
				h.late = true
				again = append(again, m.ID)
			}
			s.seen[m.ID] = h
		}
		return seen || r.SentAt.After(s.until)
	})
	switch {
	case received == 0:
		s.empty++
	case len(fresh) == 0:
		s.empty, s.stale = 0, s.stale+1
	default:
		s.empty, s.stale = 0, 0
	}
	return fresh, again
}

// seenWhole reports whether nothing new is to be expected: a receive brought nothing and SQS says that nothing
// waits, or several brought nothing, whatever it says.
func (s *sweep) seenWhole(ctx context.Context) bool {
	s.mu.Lock()
	empty, stale := s.empty, s.stale
	s.mu.Unlock()
	switch {
	case empty >= maxEmpty, stale >= maxStale:
		return true
	case empty == 0:
		return false
	}
	waiting, _, err := s.queue.Depth(ctx)
	return err == nil && waiting == 0
}

// delete deletes visited messages. What came of it is known when the sweep has settled.
func (s *sweep) delete(ctx context.Context, ids []string) {
	for len(ids) > 0 { // once, and again those that were received in the meantime
		s.mu.Lock()
		used := make([]handle, len(ids))
		handles := make([]string, len(ids))
		for i, id := range ids {
			used[i] = s.seen[id]
			handles[i] = used[i].receipt
		}
		s.mu.Unlock()
		errs := s.queue.Delete(ctx, handles)
		ids = s.noteDeleted(ids, used, errs)
	}
}

// noteDeleted notes what came of a call, and returns the ids of those that it was too late for.
func (s *sweep) noteDeleted(ids []string, used []handle, errs []error) (again []string) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, id := range ids {
		h := s.seen[id]
		h.doomed, h.err = true, errs[i]
		switch {
		case h.receives > used[i].receives: // by a handle that was no longer the last one
			h.late = true
			again = append(again, id)
		case errs[i] == nil:
			h.receipt = ""
			h.late = h.late || now.After(used[i].until)
		}
		s.seen[id] = h
	}
	return again
}

// settle says which of the messages that were to be deleted others could have had before, and which are not deleted. It
// looks once more for both, and deletes what comes by its new handle.
func (s *sweep) settle(ctx context.Context) (late map[string]bool, failed map[string]error, err error) {
	late, failed = s.undeleted()
	if len(late)+len(failed) > 0 {
		s.mu.Lock()
		s.empty, s.stale = 0, 0
		s.mu.Unlock()
		err = s.visit(ctx, func(context.Context, []queue.Received) error { return nil })
		late, failed = s.undeleted()
	}
	return late, failed, err
}

func (s *sweep) undeleted() (late map[string]bool, failed map[string]error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	late, failed = map[string]bool{}, map[string]error{}
	for id, h := range s.seen {
		switch {
		case h.doomed && h.err != nil:
			failed[id] = h.err
		case h.doomed && h.late:
			late[id] = true
		}
	}
	return late, failed
}

// left are the messages that are still in the queue, to be seen again after d.
func (s *sweep) left(d time.Duration) []queue.Visibility {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []queue.Visibility
	for _, h := range s.seen {
		if h.receipt != "" {
			all = append(all, queue.Visibility{ReceiptHandle: h.receipt, After: d})
		}
	}
	return all
}

// keepHidden extends the time for which messages are hidden, three times within it.
func (s *sweep) keepHidden(ctx context.Context) {
	ticks := time.NewTicker(s.hold / 3)
	defer ticks.Stop()
	for {
		select {
		case <-s.heart:
			return
		case <-ticks.C:
			began := s.now()
			// Where that fails, a message is received again and known by its id.
			if s.queue.SetVisibility(ctx, s.left(s.hold)) == nil {
				s.noteHidden(began)
			}
		}
	}
}

// noteHidden notes that what was hidden still at an instant is so for the hold. What was not, others may have by now.
func (s *sweep) noteHidden(began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, h := range s.seen {
		if h.receipt != "" && h.until.After(began) {
			h.until = began.Add(s.hold)
			s.seen[id] = h
		}
	}
}

// release lets others see the messages that are left, at once. It works after an interrupt, too.
func (s *sweep) release(ctx context.Context) error {
	close(s.heart)
	s.beat.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if err := s.queue.SetVisibility(ctx, s.left(0)); err != nil {
		return fmt.Errorf("some messages are seen again only after %s: %w", s.hold, err)
	}
	return nil
}
