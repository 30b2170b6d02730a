package status

import (
	"fmt"
	"slices"
	"strings"
)

// What the page shows of the flow, in words and shapes. The script writes the same: see page/page.js.

// full is the height of the highest bar, in units of the chart, which is 400 high and 300 wide: ten a minute.
const full = 390

// series is one row of the chart.
type series struct {
	Key, Title string
	values     []int
}

// Chart lists the rows of the chart.
func (p page) Chart() []series {
	rows := []series{{Key: "stored", Title: "Stored"}, {Key: "rejected", Title: "Rejected"}, {Key: "failed", Title: "Failed"}}
	if p.Report.Flow == nil {
		return rows
	}
	for _, m := range p.Report.Flow.Minutes {
		for i, n := range []int{m.Stored, m.Rejected, m.Failed} {
			rows[i].values = append(rows[i].values, n)
		}
	}
	return rows
}

func (s series) peak() (peak int) {
	for _, n := range s.values {
		peak = max(peak, n)
	}
	return peak
}

// Text is the sum, and the most that a minute had: each row has a scale of its own.
func (s series) Text() string {
	sum := 0
	for _, n := range s.values {
		sum += n
	}
	if sum == 0 {
		return "0"
	}
	return fmt.Sprintf("%s, at most %s in one", number(sum), number(s.peak()))
}

// Path draws the bars.
func (s series) Path() string {
	var d strings.Builder
	peak := s.peak()
	for i, n := range s.values {
		if n > 0 {
			_, _ = fmt.Fprintf(&d, "M%d 400V%dh8V400z", 10*i+1, 400-(n*full+peak-1)/peak)
		}
	}
	return d.String()
}

// ChartFrom and ChartTo are where its time begins and ends.
func (p page) ChartFrom() string {
	if p.Report.Flow == nil {
		return ""
	}
	return p.Report.Flow.Minutes[0].Clock() + " UTC"
}

// ChartTo is the last minute, which is not over.
func (p page) ChartTo() string {
	if p.Report.Flow == nil {
		return ""
	}
	return p.Report.Flow.Minutes[minutes-1].Clock() + " UTC"
}

// Clock is the time of day of its start, in UTC.
func (m Minute) Clock() string { return m.At.UTC().Format("15:04") }

// Minutes are the rows of the table, the newest first.
func (p page) Minutes() (rows []Minute) {
	if p.Report.Flow == nil {
		return nil
	}
	rows = slices.Clone(p.Report.Flow.Minutes)
	slices.Reverse(rows)
	return rows
}

// Source says where the numbers are from.
func (p page) Source() string {
	switch {
	case p.Report.Flow == nil:
		return ""
	case p.Report.Flow.Source == "metrics":
		return "by the metrics, which come a minute or two late"
	default:
		return "by the processor's log"
	}
}

// Errors is the share of errors in a sentence.
func (p page) Errors() string {
	if p.Report.Flow == nil {
		return "Not known: neither metrics nor the log could be read in time."
	}
	return p.Report.Flow.Errors
}

// HasDeadLetters reports whether there are some to speak of.
func (p page) HasDeadLetters() bool { return p.Report.DeadLetters != nil && *p.Report.DeadLetters > 0 }

// Died are the rows of the dead letters.
func (p page) Died() []Died { return p.Report.DeadLetterReasons }

// Word is the reason, in a word.
func (d Died) Word() string { return reasonWord(d.Reason) }

// NewText and DayText are the counts.
func (d Died) NewText() string { return number(d.New) }

// DayText is the count of the last day.
func (d Died) DayText() string { return number(d.Day) }

// DiedNote says what the table does not: how many there are, and since when.
func (p page) DiedNote() string {
	r := p.Report
	if !p.HasDeadLetters() {
		return ""
	}
	note := number(*r.DeadLetters) + " in the queue"
	if r.OldestDeadLetterSeconds != nil {
		note += ", the oldest for " + age(*r.OldestDeadLetterSeconds)
	}
	if r.DeadLetterReasons == nil {
		return note + ". Their reasons are not known: the log could not be read in time."
	}
	return note + ". The table is by the log: it lacks older ones, and has those that have left the queue since."
}

// Name is the client's id.
func (c Rejecting) Name() string {
	if c.ClientID == "" {
		return "No readable client"
	}
	return c.ClientID
}

// Count is how many of its messages were rejected.
func (c Rejecting) Count() string { return number(c.Messages) }

// Words list the reasons: schema_violation 8, unknown_client 4.
func (c Rejecting) Words() string {
	words := make([]string, len(c.Reasons))
	for i, r := range c.Reasons {
		words[i] = reasonWord(r.Reason) + " " + number(r.Messages)
	}
	return strings.Join(words, ", ")
}

// Clients lists those with most rejections.
func (p page) Clients() []Rejecting { return p.Report.Rejecting }

// NoClients is said where there are none.
func (p page) NoClients() string {
	if p.Report.Rejecting == nil {
		return "Not known: the log could not be read in time."
	}
	return "No message was rejected."
}

// place is where to look for more.
type place struct{ Title, Where, Run string }

// places lists where the logs, the dashboard and the guide are. Commands are for the repository's top folder.
func places(on *Deployed) []place {
	logs := func(name, function string) place {
		return place{"Log of the " + name, "/aws/lambda/" + function, on.script("./scripts/logs.sh " + name)}
	}
	dashboard := place{Title: "Dashboard", Where: "none on a local cloud"}
	if on.Dashboard != "" {
		dashboard.Where = on.Dashboard + ", in CloudWatch"
	}
	return []place{
		logs("processor", on.Processor), logs("producer", on.Producer), logs("health", on.Health),
		dashboard,
		{"Dead letters", "looked at, sent back, deleted", on.script("./scripts/dlq.sh")},
		{"One event's way", "by its correlation id", on.script("./scripts/trace.sh ID")},
		{"Guide", "TESTING_GUIDE.md in the repository, scenario by scenario; README.md for the rest", ""},
	}
}
