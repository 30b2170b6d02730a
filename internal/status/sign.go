package status

import (
	"fmt"
	"strings"
	"time"

	"event-processor/internal/event"
)

const (
	// tooOld is the age of the oldest message at which people are asked to look; the alarm has the same. It is also
	// for how long messages may wait while none is processed.
	tooOld = 5 * time.Minute
	// aHandful is the number of failed records below which it may be chance that all of them failed.
	aHandful = 10
)

// sign is something that is well by all checks and wants a look. That no event comes is none: a sender may have
// nothing to say, and who knows better is told when the last one came.
type sign struct {
	headline string // without an end
	step     Step
	since    time.Time // at the latest; zero is not known
}

// signs lists them, most urgent first.
func (r *Report) signs(m *memory) (signs []sign) {
	if s, stalled := r.stalled(m); stalled {
		signs = append(signs, s)
	} else if seconds := r.OldestAgeSeconds; seconds != nil && *seconds > int(tooOld.Seconds()) {
		waited := time.Duration(*seconds) * time.Second
		signs = append(signs, sign{
			headline: "The oldest message has waited for " + age(*seconds),
			step: Step{
				What: fmt.Sprintf("The oldest message has waited for %s. See what the processor says.", age(*seconds)),
				Run:  "./scripts/logs.sh", Urgent: true,
			},
			since: r.CheckedAt.Add(-waited),
		})
	}
	if s, failing := r.failing(); failing {
		signs = append(signs, s)
	}
	if n := r.DeadLetters; n != nil && *n > 0 {
		signs = append(signs, r.deadLetters(*n))
	}
	return signs
}

// headline puts the signs into a sentence.
func headline(signs []sign) string {
	text := signs[0].headline
	for _, s := range signs[1:] {
		text += "; " + lowerFirst(s.headline)
	}
	return text + "."
}

// stalled reports whether messages have waited for five minutes and none was processed: at each look of this
// environment there were some, and no event came after the first of these looks.
func (r *Report) stalled(m *memory) (sign, bool) {
	if r.QueueDepth == nil || r.Flow == nil {
		return sign{}, false // not known; what is remembered stays
	}
	last := r.Flow.LastEventAt
	if *r.QueueDepth == 0 {
		m.waiting = time.Time{}
		return sign{}, false
	}
	if m.waiting.IsZero() || last != nil && last.After(m.waiting) {
		m.waiting = r.CheckedAt
	}
	if r.CheckedAt.Sub(m.waiting) < tooOld {
		return sign{}, false
	}
	wait, were := "messages wait", "none was"
	if *r.QueueDepth == 1 {
		wait, were = "message waits", "it was not"
	}
	s := sign{
		headline: fmt.Sprintf("%s %s, and nothing is processed", number(*r.QueueDepth), wait),
		step: Step{
			What: fmt.Sprintf("%s %s, and %s processed since %s. See what the processor says.", number(*r.QueueDepth), wait, were, clock(m.waiting, r.CheckedAt)),
			Run:  "./scripts/logs.sh", Urgent: true,
		},
		since: m.waiting,
	}
	if mapping := r.Checks.Mapping; mapping.Error == disabled { // where it is counted, it is said already
		s.step.What = fmt.Sprintf("%s %s, and the event source mapping is switched off. Switch it on again.", number(*r.QueueDepth), wait)
		s.step.Run = enable(r.deployed.Processor)
	}
	return s, true
}

// failing reports whether nothing was done in the last five minutes but fail.
func (r *Report) failing() (sign, bool) {
	if r.Flow == nil {
		return sign{}, false
	}
	var failed, done int
	var since time.Time
	for _, m := range r.Flow.Minutes {
		if m.Stored+m.Duplicate+m.Rejected > 0 {
			since = time.Time{}
		} else if m.Failed > 0 && since.IsZero() {
			since = m.At
		}
		if r.CheckedAt.Sub(m.At) < tooOld {
			failed += m.Failed
			done += m.Stored + m.Duplicate + m.Rejected
		}
	}
	if failed < aHandful || done > 0 {
		return sign{}, false
	}
	return sign{
		headline: "Every record fails",
		step: Step{
			What:   fmt.Sprintf("All %s records of the last 5 minutes failed. They come again; the log has the reason.", number(failed)),
			Run:    "./scripts/logs.sh",
			Urgent: true,
		},
		since: since,
	}, true
}

// deadLetters is the sign that there are some.
func (r *Report) deadLetters(n int) sign {
	what, wait := "dead letters", "wait"
	if n == 1 {
		what, wait = "dead letter", "waits"
	}
	s := sign{
		headline: number(n) + " " + what,
		step:     Step{What: fmt.Sprintf("%s %s %s for a decision.", number(n), what, wait), Run: "./scripts/dlq.sh list"},
	}
	if seconds := r.OldestDeadLetterSeconds; seconds != nil {
		s.since = r.CheckedAt.Add(-time.Duration(*seconds) * time.Second)
	}
	fresh := r.NewDeadLetters
	if fresh == nil {
		return s
	}
	// Where more have died than there are, some have left the queue: nobody can tell the new ones from the others.
	gone := n < r.died.all
	switch {
	case *fresh == 0:
	case *fresh == n && gone:
		s.headline += ", perhaps new"
	case gone:
		s.headline += fmt.Sprintf(", at most %s of them new", number(*fresh))
	case n == 1:
		s.headline = "1 new dead letter"
	case *fresh == n:
		s.headline += ", all of them new"
	default:
		s.headline += fmt.Sprintf(", %s of them new", number(*fresh))
	}
	if *fresh == n && !gone && s.since.IsZero() {
		s.since = r.died.first
	}
	if *fresh > 0 {
		s.step.What += " In the last half hour died: " + freshReasons(r.DeadLetterReasons) + "."
	}
	return s
}

// freshReasons names the first reasons of the new ones: schema_violation 8, malformed_json 4 and 2 others.
func freshReasons(died []Died) string {
	const named = 3
	var words []string
	others := 0
	for _, d := range died {
		if len(words) < named && d.New > 0 {
			words = append(words, reasonWord(d.Reason)+" "+number(d.New))
		} else {
			others += d.New
		}
	}
	text := strings.Join(words, ", ")
	if others > 0 {
		text += " and " + plural(others, "other")
	}
	return text
}

func reasonWord(reason event.Reason) string {
	if reason == "" {
		return "another reason"
	}
	return string(reason)
}

// memory is what an environment keeps from look to look.
type memory struct {
	wrong   time.Time // the first look that found something wrong, and each one since; zero: all is well
	waiting time.Time // the first look at which messages waited, and each one since, while no event was processed
	empty   time.Time // the last look at which there was no dead letter
}

// emptied is when there was no dead letter. What died before has left its queue: set-up's samples, what was sent back
// or purged. AWS counts a queue with a delay of up to a minute.
func (m *memory) emptied(stage string) time.Time {
	if stage == local || m.empty.IsZero() {
		return m.empty
	}
	return m.empty.Add(-time.Minute)
}

// since is when the first sign of what is wrong was.
func (m *memory) since(r *Report, signs []sign) *time.Time {
	if r.Status == ok {
		m.wrong = time.Time{}
		return nil
	}
	if m.wrong.IsZero() {
		m.wrong = r.CheckedAt
	}
	first := m.wrong
	for _, s := range signs {
		if !s.since.IsZero() && s.since.Before(first) {
			first = s.since
		}
	}
	first = first.UTC().Truncate(time.Second)
	return &first
}
