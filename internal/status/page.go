package status

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's parts
	"encoding/base64"
	"fmt"
	"html/template"
	"log/slog"
	"math"
	"net/http"
	"time"
)

// The page is one document: with no other resource there is none to wait for, and none that anybody else serves.
var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string

	pageTemplate = template.Must(template.New("page").Parse(pageHTML))

	// pagePolicy lets nothing run or load but the style and the script of the page, by their hashes. The icon is a
	// data URL. Trusted types keep the script from making markup of text.
	pagePolicy = "default-src 'none'; style-src '" + sourceHash(pageCSS) + "'; script-src '" + sourceHash(pageJS) +
		"'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
)

// sourceHash names an inline style or script in a Content-Security-Policy.
func sourceHash(source string) string {
	sum := sha256.Sum256([]byte(source))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// page is what the template shows. The script writes the same words: see page/page.js.
type page struct {
	Report *Report
	Style  template.CSS
	Script template.JS
	Away   Step // for when the page gets no answer any more
	Places []place
}

func (h *Health) servePage(w http.ResponseWriter, r *http.Request) int {
	p := page{
		Report: h.Report(r.Context()),
		Style:  template.CSS(pageCSS), // ours, embedded
		Script: template.JS(pageJS),   // ours, embedded
		Away:   away(&h.deployed),
		Places: places(&h.deployed),
	}
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, p); err != nil { // cannot be: every state is rendered in a test
		slog.ErrorContext(r.Context(), "Page not rendered", "error", err)
		return writeJSON(w, http.StatusInternalServerError, problem{"internal error"})
	}
	return write(w, http.StatusOK, "text/html; charset=utf-8", pagePolicy, body.Bytes())
}

// away is what to do when the page gets no answer. Nobody can tell then but the page.
func away(on *Deployed) Step {
	_, run := advice(unreachable, on)
	if on.Stage == local {
		return Step{What: "The local cloud does not answer this page. See whether it runs.", Run: run}
	}
	return Step{What: "The service does not answer this page. Look at your connection, then at what the functions say.", Run: run}
}

// State is healthy, attention (healthy, with something to do) or unhealthy. The script has a fourth: away.
func (p page) State() string {
	switch p.Report.Status {
	case ok:
		return "healthy"
	case attention:
		return "attention"
	default:
		return "unhealthy"
	}
}

// Since says since when something is wrong; "" where nothing is.
func (p page) Since() string {
	if p.Report.Since == nil {
		return ""
	}
	return "Since " + clock(*p.Report.Since, p.Report.CheckedAt) + " at the latest."
}

// Last says when the last event came.
func (p page) Last() string {
	if p.Report.Flow == nil {
		return "When the last event came is not known."
	}
	return p.Report.Flow.Summary
}

// CheckedAt is for machines, CheckedClock for people.
func (p page) CheckedAt() string { return p.Report.CheckedAt.Format(time.RFC3339Nano) }

// CheckedClock is the time of day, in UTC.
func (p page) CheckedClock() string { return p.Report.CheckedAt.Format("15:04:05 UTC") }

// figure is a number with its names.
type figure struct {
	Key   string // in JSON
	Title string
	Value *int
	write func(int) string
	none  bool // there is nothing that could have a number
}

// Text is the number for people.
func (f figure) Text() string {
	switch {
	case f.none:
		return "none"
	case f.Value == nil:
		return "not known"
	default:
		return f.write(*f.Value)
	}
}

// Bare reports whether there is no number to be seen.
func (f figure) Bare() bool { return f.none || f.Value == nil }

// Numbers lists the numbers in the order in which people read them.
func (p page) Numbers() []figure {
	r := p.Report
	empty := r.QueueDepth != nil && r.InFlight != nil && *r.QueueDepth+*r.InFlight == 0
	return []figure{
		{"queueDepth", "Queue depth", r.QueueDepth, number, false},
		{"inFlight", "In flight", r.InFlight, number, false},
		{"oldestAgeSeconds", "Oldest message", r.OldestAgeSeconds, age, empty},
		{"deadLetters", "Dead letters", r.DeadLetters, number, false},
	}
}

// Rows lists the checks.
func (p page) Rows() []row { return p.Report.Checks.rows() }

// Name is the title at the start of a line.
func (r row) Name() string { return upperFirst(r.Title) }

// Verdict is well, broken, or aside: broken, but not counted.
func (r row) Verdict() string {
	switch {
	case r.Healthy:
		return "well"
	case r.Counted:
		return "broken"
	default:
		return "aside"
	}
}

// Words say the verdict.
func (r row) Words() string {
	switch {
	case r.Healthy:
		return "Working"
	case r.Counted:
		return upperFirst(r.Error)
	default:
		return upperFirst(r.Error) + " (not counted)"
	}
}

// Latency is for people: 3.1 ms, 45 ms.
func (r row) Latency() string {
	if r.LatencyMs < 10 {
		return fmt.Sprintf("%.1f ms", r.LatencyMs)
	}
	return number(int(math.Round(r.LatencyMs))) + " ms"
}
