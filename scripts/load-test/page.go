package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"event-processor/internal/cost"
	"event-processor/internal/event"
	"event-processor/internal/report"
)

// page puts the result into words and charts.
func (r *result) page() *report.Report {
	p := &report.Report{
		About: fmt.Sprintf("Load test · %s · %s", r.Where, r.Began.Format("2 January 2006, 15:04 MST")),
		Good:  r.Balanced && r.NotSent == 0 && !r.Interrupted, Verdict: r.headline(),
		Figures: []report.Figure{
			{Name: "Throughput", Value: fmt.Sprintf("%.0f", r.EventsPerSecond), Unit: "events/s", Note: fmt.Sprintf("%s messages in %s", thousands(r.Accounted), duration(1000*r.Seconds))},
			{Name: "Latency, median", Value: duration(r.Latency.P50), Note: "p99 " + duration(r.Latency.P99) + ", from sent to stored"},
			{Name: "Stored", Value: thousands(r.Stored), Unit: "events", Note: fmt.Sprintf("%s duplicates and %s rejections beside them", thousands(r.Duplicates), thousands(r.rejected()))},
			{Name: "Cost per million stored", Value: fmt.Sprintf("$%.2f", r.Bill.Total), Note: fmt.Sprintf("%.2f × the floor for items this large; $%.2f with logs, storage, backups and traces", r.Bill.Total/max(r.Bill.SizeFloor, r.Bill.Floor), r.Bill.All)},
		},
		Sections: []report.Section{
			r.rateSection(), r.backlogSection(), r.latencySection(), r.accountSection(), r.costSection(), r.howSection(),
		},
	}
	p.Detail = append([]string{upper(r.Plan.words()) + "."}, r.Wrong...)
	if r.Interrupted {
		p.About = "Interrupted · " + p.About // the page's title, too
	}
	if r.NotSent > 0 {
		p.Detail = append(p.Detail, fmt.Sprintf("%s messages could not be sent: %s.", thousands(r.NotSent), r.NotSentWhy))
	}
	if r.TooLarge > 0 {
		p.Detail = append(p.Detail, fmt.Sprintf("%s messages are too large for this queue; they were not sent, and nothing is expected of them.", thousands(r.TooLarge)))
	}
	return p
}

func (r *result) rateSection() report.Section {
	stored := report.Line{Name: "stored"}
	top := 0.
	for _, i := range r.Intervals {
		perSecond := float64(i.Stored) / r.IntervalSeconds
		top = max(top, perSecond)
		stored.Points = append(stored.Points, report.Point{Second: i.Second, Value: perSecond})
	}
	sent := report.Line{Name: "sent"}
	for i := 0; i+1 < len(r.Samples); {
		from, j := r.Samples[i], i+1
		for j+1 < len(r.Samples) && r.Samples[j].Second-from.Second < r.IntervalSeconds {
			j++
		}
		to := r.Samples[j]
		sent.Points = append(sent.Points, report.Point{
			Second: (from.Second + to.Second) / 2, Value: float64(to.Sent-from.Sent) / (to.Second - from.Second),
		})
		i = j
	}
	return report.Section{
		Title: "Rate",
		Text:  "Events stored and messages sent, each second. The two lines lie on each other as long as the service keeps up.",
		Chart: &report.Chart{
			Words: fmt.Sprintf("Events stored a second over the run, up to %.0f.", top), Unit: "per second", Lines: []report.Line{stored, sent},
		},
	}
}

func (r *result) backlogSection() report.Section {
	waiting, dead := report.Line{Name: "in the queue"}, report.Line{Name: "dead letters"}
	most := 0
	for _, s := range r.Samples {
		most = max(most, s.Waiting+s.InFlight)
		waiting.Points = append(waiting.Points, report.Point{Second: s.Second, Value: float64(s.Waiting + s.InFlight)})
		dead.Points = append(dead.Points, report.Point{Second: s.Second, Value: float64(s.DeadLetters)})
	}
	text := "Messages in the queue, waiting or in work, and dead letters since the start. A backlog that grows throughout says that the rate is too high."
	if r.MaxBacklog > 0 {
		text += fmt.Sprintf(" Sending held back while %s messages waited.", thousands(r.MaxBacklog))
	}
	return report.Section{Title: "Backlog", Text: text, Chart: &report.Chart{
		Words: fmt.Sprintf("Messages in the queue over the run, up to %s; %s dead letters at the end.", thousands(most), thousands(r.rejected())),
		Unit:  "messages", Lines: []report.Line{waiting, dead},
	}}
}

func (r *result) latencySection() report.Section {
	lines := []report.Line{{Name: "p50"}, {Name: "p95"}, {Name: "p99"}}
	unit, by := "milliseconds", 1.
	if r.Latency.P99 >= 5000 {
		unit, by = "seconds", 1000
	}
	for _, i := range r.Intervals {
		for at, q := range i.Latency.named()[:3] {
			value := q.ms / by
			if i.Stored == 0 {
				value = math.NaN()
			}
			lines[at].Points = append(lines[at].Points, report.Point{Second: i.Second, Value: value})
		}
	}
	return report.Section{
		Title: "Latency",
		Text:  "From the moment SQS took an event to the moment it was written, by when it was written. In a burst most of it is waiting behind others.",
		Chart: &report.Chart{
			Words: fmt.Sprintf("Latency over the run; p50 is %s and p99 %s over all of it.", duration(r.Latency.P50), duration(r.Latency.P99)),
			Unit:  unit, Lines: lines,
		},
		Table: &report.Table{
			Columns: []string{"", "p50", "p95", "p99", "max", "mean"},
			Rows: []report.Row{
				{Cells: append([]string{"Event, from sent to stored"}, r.Latency.cells()...)},
				{Cells: append([]string{fmt.Sprintf("Batch in the processor, of %.1f records", r.BatchRecords)}, r.BatchMillis.cells()...)},
			},
		},
	}
}

func (l *latency) cells() (cells []string) {
	for _, q := range append(l.named(), quantileOf{"mean", l.Mean}) {
		cells = append(cells, duration(q.ms))
	}
	return cells
}

func (r *result) accountSection() report.Section {
	table := &report.Table{Columns: []string{"", "messages", "share"}}
	add := func(name string, n int, kind report.Kind) {
		share := float64(n) / float64(max(r.Sent, 1))
		row := report.Row{Cells: []string{name, thousands(n), percent(share)}, Kind: kind}
		if kind != report.Sum {
			row.Bar = &share
		}
		table.Rows = append(table.Rows, row)
	}
	add("Stored", r.Stored, "")
	for _, c := range r.clients() {
		add(c.name, c.stored, report.Part)
	}
	add("Duplicates", r.Duplicates, "")
	add("Rejected", r.rejected(), "")
	for _, reason := range event.PermanentReasons {
		if n := r.Rejected[reason]; n > 0 {
			add(string(reason), n, report.Part)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(r.Missing)) {
		add("Not accounted for, expected as "+what, r.Missing[what], report.Bad)
	}
	add("Sent", r.Sent, report.Sum)
	return report.Section{
		Title: "What became of the messages",
		Text: "Stored is what the table holds under its key; a duplicate is what the processor said was there already; rejected is what lies in the " +
			"dead-letter queue for the reason that was expected of it.",
		Table: table,
	}
}

// clientShare is how many events of a client are stored, or of several in one.
type clientShare struct {
	name   string
	stored int
}

// clients lists the clients by how many events of theirs are stored. Those beyond the first dozen are one line.
func (r *result) clients() []clientShare {
	const mostShown = 12
	var all []clientShare
	for id, byType := range r.ByClient {
		c := clientShare{name: id}
		for _, n := range byType {
			c.stored += n
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b clientShare) int {
		return cmp.Or(cmp.Compare(b.stored, a.stored), cmp.Compare(a.name, b.name))
	})
	if len(all) <= mostShown {
		return all
	}
	others := clientShare{name: fmt.Sprintf("%d others", len(all)-mostShown+1)}
	for _, c := range all[mostShown-1:] {
		others.stored += c.stored
	}
	return append(all[:mostShown-1], others)
}

func (r *result) costSection() report.Section {
	table := &report.Table{Columns: []string{"", "used", "list price", "$ per million stored"}}
	add := func(l cost.Line, kind report.Kind) {
		price := "$" + listPrice(l.Price) + " a " + strings.TrimSuffix(l.Unit, "s")
		if l.Per > 1 {
			price = "$" + listPrice(l.Price) + " a million"
		}
		quantity := thousands(int(math.Round(l.Quantity)))
		if l.Quantity < 100 {
			quantity = report.Number(l.Quantity)
		}
		row := report.Row{Cells: []string{l.Name, quantity + " " + l.Unit, price, money(l.PerMillion)}, Kind: kind}
		if kind == "" {
			share := l.PerMillion / max(r.Bill.Total, 1e-9)
			row.Bar = &share
		}
		table.Rows = append(table.Rows, row)
	}
	for _, l := range r.Bill.Lines {
		add(l, "")
	}
	sum := func(name string, dollars float64, kind report.Kind) {
		table.Rows = append(table.Rows, report.Row{Cells: []string{name, "", "", money(dollars)}, Kind: kind})
	}
	sum("Together", r.Bill.Total, report.Sum)
	sum("Floor: one write unit, and one send, receive and delete in tens", r.Bill.Floor, report.Side)
	sum("The same floor with the write units of these items", r.Bill.SizeFloor, report.Side)
	for _, l := range r.Bill.Beside {
		add(l, report.Side)
	}
	sum("With logs, storage, backups and traces", r.Bill.All, report.Sum)
	return report.Section{
		Title: "What a million stored events cost",
		Text: fmt.Sprintf("As measured here, with batches of %.1f records on average, at AWS's list prices of %s for us-east-1 and arm64 (check them). "+
			"An item needs %.2f write units on average, since a unit holds 1,024 bytes and they have %s. ./scripts/cost.sh says what a month of your own traffic costs, with what there is to pay in any case.",
			r.BatchRecords, cost.PricesOf, float64(r.Usage.ItemUnits)/float64(max(r.Stored, 1)), thousands(r.Usage.ItemBytes/max(r.Stored, 1))),
		Table: table,
	}
}

func (r *result) howSection() report.Section {
	notes := []string{
		"Throughput counts every message that is accounted for, over the time from the first event received to the last one stored.",
		"Latency is processed_at minus received_at (SQS's SentTimestamp) of each stored event; both are attributes of the item.",
		"Write units are DynamoDB's size rule over the stored items, a unit for each started 1,024 bytes. A duplicate or a conflict costs a write that does not hold, and a read.",
		"SQS requests are counted from the sends and from the processor's line about each batch, ten messages a request and each started 64 KB one. An idle queue's polling is not among them.",
		"Lambda's duration is what its REPORT lines bill, times the memory. On a local cloud that is this machine's time, not AWS's.",
		fmt.Sprintf("Looking on was two requests for queue depths every %d ms; items, log lines and dead letters were read once, at the end.", lookEvery.Milliseconds()),
		fmt.Sprintf("Seed %d. All numbers are in result.json beside this page.", r.Seed),
	}
	if r.Foreign > 0 {
		notes = append(notes, fmt.Sprintf("The processor stored %s events of others meanwhile: batches and Lambda's duration include them.", thousands(r.Foreign)))
	}
	return report.Section{Title: "How this was measured", Notes: notes}
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) + " %" }

// money writes dollars to a hundredth of a cent, so that a column of them adds up to the eye.
func money(dollars float64) string { return strconv.FormatFloat(dollars, 'f', 4, 64) }

// listPrice writes a price with all of its digits, and two at least.
func listPrice(dollars float64) string {
	text := strconv.FormatFloat(dollars, 'f', -1, 64)
	if _, cents, _ := strings.Cut(text, "."); len(cents) < 2 {
		return strconv.FormatFloat(dollars, 'f', 2, 64)
	}
	return text
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
