package main

import (
	"slices"
	"time"

	"event-processor/internal/event"
)

// quiet is for how long no receive of a rejected message must have come before it is shown. It comes again at once,
// and as often as the queue lets it: five receives take one to three seconds.
const quiet = 3 * time.Second

// fold makes one line of the receives of a rejected message: its last, with how many there were.
type fold struct {
	every    bool // fold nothing
	started  bool // what was there before, was read
	waiting  []*held
	messages map[rejection]*held
}

// rejection is what is folded. A message may be rejected for another reason the next time: its client was suspended
// meanwhile, say.
type rejection struct {
	messageID string
	reason    event.Reason
}

// held is a line that waits to be shown: a rejected message, until it is quiet.
type held struct {
	line
	since time.Time // when the last of them came; zero for a line that waits for nothing
}

func newFold(every bool) *fold { return &fold{every: every, messages: map[rejection]*held{}} }

// add takes lines that were read now.
func (f *fold) add(lines []line, now time.Time) {
	for _, l := range lines {
		if f.every || l.outcome != event.Rejected || l.messageID == "" {
			f.waiting = append(f.waiting, &held{line: l})
			continue
		}
		h := f.messages[rejection{l.messageID, l.reason}]
		if h == nil {
			h = &held{}
			f.messages[rejection{l.messageID, l.reason}] = h
			f.waiting = append(f.waiting, h)
		}
		l.times = h.times + 1
		h.line, h.since = l, now // a log may come late, so its own time says nothing of what is still to come
		if !f.started {
			h.since = l.at
		}
	}
	f.started = true
}

// due takes out what can be shown by now.
func (f *fold) due(now time.Time) (lines []line) {
	f.waiting = slices.DeleteFunc(f.waiting, func(h *held) bool {
		show := now.Sub(h.since) >= quiet
		if show {
			lines = append(lines, h.line)
			delete(f.messages, rejection{h.messageID, h.reason})
		}
		return show
	})
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	return lines
}

// rest takes out everything.
func (f *fold) rest() []line {
	const longAfter = 365 * 24 * time.Hour
	return f.due(time.Now().Add(longAfter))
}
