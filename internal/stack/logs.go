package stack

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// Line is one line of a function's log.
type Line struct {
	At   time.Time // milliseconds
	Text string
}

// How far back a Tail looks again: lines of several environments do not come in the order of their times, and those of a
// slow one come minutes late. To read the last minutes each time would be 12,000 lines where 100 come a second, so it does
// that now and then.
const (
	overlap     = 10 * time.Second // each time
	longOverlap = 2 * time.Minute  // every so often
	soOften     = 10 * time.Second
)

// Tail reads a function's log on from where it stopped the last time.
type Tail struct {
	stack *Stack
	group string
	since time.Time         // never before
	last  time.Time         // when the last line was written that was returned
	far   time.Time         // when it last looked far back
	seen  map[identity]bool // of the lines of the longOverlap before last

	pattern *string // nil is every line
	to      *int64  // Unix milliseconds; nil is no end
}

type identity struct {
	stream string
	Line
}

// Tail reads the log of a function from an instant on.
func (s *Stack) Tail(function string, since time.Time) *Tail {
	return &Tail{stack: s, group: "/aws/lambda/" + function, since: since, last: since, seen: map[identity]bool{}}
}

// Next returns the lines that came since the last call, in the order of their times: not every cloud answers in that
// order. A line is returned once; one that comes up to 10 seconds late, at the next call, and one that comes up to two
// minutes late, at a call within 10 seconds.
func (t *Tail) Next(ctx context.Context) (lines []Line, err error) {
	now, back := time.Now(), overlap
	if now.Sub(t.far) >= soOften {
		back = longOverlap
	}
	from, latest := t.last.Add(-back), t.last
	if from.Before(t.since) {
		from = t.since
	}
	for more := true; more && err == nil; {
		var fresh []Line
		var last time.Time
		fresh, last, more, err = t.read(ctx, from)
		lines = append(lines, fresh...)
		if last.After(latest) {
			latest = last
		}
		more = more && last.After(from)
		from = last
	}
	if t.last = latest; err == nil && back == longOverlap {
		t.far = now
	}
	t.forget(t.last.Add(-longOverlap))
	inOrder(lines)
	return lines, err
}

// inOrder sorts lines by their times. Those of one millisecond stay in the order in which they came.
func inOrder(lines []Line) {
	slices.SortStableFunc(lines, func(a, b Line) int { return a.At.Compare(b.At) })
}

// read returns what is new from an instant on, when the last line there is was written, and whether there may be more
// behind it: MiniStack answers with the first 10,000 lines, and no token for the rest.
func (t *Tail) read(ctx context.Context, from time.Time) (fresh []Line, last time.Time, more bool, err error) {
	const mostInAnAnswer = 10_000
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(t.stack.logs, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &t.group, StartTime: aws.Int64(from.UnixMilli()), EndTime: t.to, FilterPattern: t.pattern,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fresh, last, false, fmt.Errorf("read %s: %w", t.group, err)
		}
		more = len(page.Events) >= mostInAnAnswer
		for _, e := range page.Events {
			line := Line{At: time.UnixMilli(aws.ToInt64(e.Timestamp)), Text: aws.ToString(e.Message)}
			// A local cloud gives lines no id of their own.
			id := identity{aws.ToString(e.LogStreamName) + aws.ToString(e.EventId), line}
			if !t.seen[id] {
				t.seen[id] = true
				fresh = append(fresh, line)
			}
			if line.At.After(last) {
				last = line.At
			}
		}
	}
	return fresh, last, more, nil
}

func (t *Tail) forget(before time.Time) {
	for id := range t.seen {
		if id.At.Before(before) {
			delete(t.seen, id)
		}
	}
}
