// Package status says whether the service is well: it looks at each part, side by side, and tells machines in JSON
// and people on a page. What it says may be read by anybody who knows the URL, so it names no account, ARN, table or
// queue, and nothing that an event holds but the ids of the clients with most rejections.
package status

import (
	"fmt"
	"time"
)

// Report is what one look at all parts found: the JSON at /health.
type Report struct {
	Healthy bool   `json:"healthy"` // every counted check is
	Status  string `json:"status"`  // ok, attention (healthy, with something to do) or down
	Summary string `json:"summary"` // the same in a sentence, which names the thing

	// Since is the first sign of what is wrong, by the log, the metrics or what this environment has seen: it is wrong
	// since then at the latest. Nil where all is well.
	Since *time.Time `json:"since"`

	Stage   string `json:"stage"`
	Version string `json:"version"` // what was deployed last

	CheckedAt time.Time `json:"checkedAt"` // UTC, to the millisecond

	// Nil, null in JSON, is not known: the look failed or, for the age, CloudWatch has no value.
	QueueDepth       *int `json:"queueDepth"`       // messages that wait
	InFlight         *int `json:"inFlight"`         // messages that are being processed or wait for another try
	OldestAgeSeconds *int `json:"oldestAgeSeconds"` // of the oldest message that waits
	DeadLetters      *int `json:"deadLetters"`      // messages in the dead-letter queue

	NewDeadLetters          *int   `json:"newDeadLetters"`          // of these, at most: that many died in the last half hour, by the log
	OldestDeadLetterSeconds *int   `json:"oldestDeadLetterSeconds"` // of the oldest, since it died
	DeadLetterReasons       []Died `json:"deadLetterReasons"`       // by the log of the last day; null where it is not known

	Flow      *Flow       `json:"flow"`      // null where it is not known
	Rejecting []Rejecting `json:"rejecting"` // the clients with most rejections in the last half hour; null where it is not known

	Checks Checks `json:"checks"`
	Next   []Step `json:"next"` // what to do, most urgent first; never null

	deployed Deployed
	died     deaths
	logged   bool // died is known
}

// The words of Status.
const (
	ok        = "ok"
	attention = "attention"
	down      = "down"
)

// Checks are the parts that were looked at.
type Checks struct {
	Queue           Check `json:"queue"`
	DeadLetterQueue Check `json:"deadLetterQueue"`
	EventsTable     Check `json:"eventsTable"`
	ClientsTable    Check `json:"clientsTable"`
	Mapping         Check `json:"mapping"`
}

// Check is what a look at one part found.
type Check struct {
	Healthy   bool    `json:"healthy"`
	Counted   bool    `json:"counted"`         // false: shown, but the service is healthy without it
	LatencyMs float64 `json:"latencyMs"`       // milliseconds the look took, to a tenth
	Error     string  `json:"error,omitempty"` // fixed words by the kind of failure, never what a service said
}

// Step is something to do.
type Step struct {
	What   string `json:"what"`   // what is the matter, in a sentence
	Run    string `json:"run"`    // the command for it
	Urgent bool   `json:"urgent"` // events wait or are lost for as long as nobody does it
}

// row is a check with its names.
type row struct {
	Key   string // in JSON
	Title string // for people, as it stands in the middle of a sentence
	Check
}

// rows lists the checks in the order in which people read them: the way of an event.
func (c *Checks) rows() []row {
	return []row{
		{"queue", "queue", c.Queue},
		{"mapping", "event source mapping", c.Mapping},
		{"clientsTable", "clients table", c.ClientsTable},
		{"eventsTable", "events table", c.EventsTable},
		{"deadLetterQueue", "dead-letter queue", c.DeadLetterQueue},
	}
}

// conclude sets what follows from the checks and the numbers.
func (r *Report) conclude(m *memory) {
	var counted, broken []row
	for _, row := range r.Checks.rows() {
		if !row.Counted {
			continue
		}
		counted = append(counted, row)
		if !row.Healthy {
			broken = append(broken, row)
		}
	}
	r.countDeadLetters(m)
	signs := r.signs(m)
	r.Healthy = len(broken) == 0
	r.Next = repairs(broken, &r.deployed)
	for _, s := range signs {
		r.Next = append(r.Next, s.step)
	}
	switch {
	case len(broken) > 3:
		r.Status, r.Summary = down, fmt.Sprintf("%d of %d parts are not working.", len(broken), len(counted))
	case len(broken) > 0:
		r.Status, r.Summary = down, notWorkingParts(broken)
	case len(signs) > 0:
		r.Status, r.Summary = attention, headline(signs)
	default:
		r.Status, r.Summary = ok, "Everything is working."
	}
	for i := range r.Next {
		r.Next[i].Run = r.deployed.script(r.Next[i].Run)
	}
	r.Since = m.since(r, signs)
}

func notWorkingParts(broken []row) string {
	titles := make([]string, len(broken))
	for i, row := range broken {
		titles[i] = row.Title
	}
	if len(titles) == 1 {
		return "The " + titles[0] + " is not working."
	}
	return "The " + list(titles) + " are not working."
}

// countDeadLetters holds what the log says of dead letters against what is there: some may be gone.
func (r *Report) countDeadLetters(m *memory) {
	if r.DeadLetters != nil && *r.DeadLetters == 0 {
		m.empty = r.CheckedAt
	}
	if !r.logged {
		return
	}
	r.DeadLetterReasons = []Died{}
	if r.DeadLetters == nil {
		return
	}
	fresh := min(r.died.fresh, *r.DeadLetters)
	r.NewDeadLetters = &fresh
	if *r.DeadLetters > 0 {
		r.DeadLetterReasons = r.died.reasons
	}
}
