// Package status says whether the service is well: it looks at each part, side by side, and tells machines in JSON
// and people on a page. What it says may be read by anybody, so it names no account, ARN, table, queue or client.
package status

import (
	"fmt"
	"time"
)

// Report is what one look at all parts found: the JSON at /health.
type Report struct {
	Healthy bool   `json:"healthy"` // every counted check is
	Summary string `json:"summary"` // the same in a sentence
	Stage   string `json:"stage"`
	Version string `json:"version"` // what was deployed last

	CheckedAt time.Time `json:"checkedAt"` // UTC, to the millisecond

	// Nil, null in JSON, is not known: the look failed or, for the age, CloudWatch has no value.
	QueueDepth       *int `json:"queueDepth"`       // messages that wait
	InFlight         *int `json:"inFlight"`         // messages that are being processed or wait for another try
	OldestAgeSeconds *int `json:"oldestAgeSeconds"` // of the oldest message that waits
	DeadLetters      *int `json:"deadLetters"`      // messages in the dead-letter queue

	Checks Checks `json:"checks"`
	Next   []Step `json:"next"` // what to do, most urgent first; never null
}

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
	What string `json:"what"` // what is the matter, in a sentence
	Run  string `json:"run"`  // the command for it
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
func (r *Report) conclude() {
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
	r.Healthy = len(broken) == 0
	r.Next = r.steps(broken)
	switch {
	case len(broken) == 1:
		r.Summary = "The " + broken[0].Title + " is not working."
	case len(broken) > 1:
		r.Summary = fmt.Sprintf("%d of %d parts are not working.", len(broken), len(counted))
	case len(r.Next) > 0:
		r.Summary = "Working, with something to look at."
	default:
		r.Summary = "Everything is working."
	}
}
