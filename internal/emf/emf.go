// Package emf writes the metrics of a batch in CloudWatch's embedded metric format: one JSON line on standard
// output, out of which CloudWatch makes metrics and Logs Insights answers about single clients. Nothing is kept
// between batches, so nothing is lost when an environment ends.
package emf

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"event-processor/internal/event"
)

// Namespace is where the metrics are found. FunctionName is their only dimension: one series a stack. Client ids are
// properties of the line; as a dimension each client would be a metric of its own, at a price of its own.
const (
	Namespace = "EventProcessor"
	Dimension = "FunctionName"
)

const (
	maxValues  = 100 // of one metric in one line, by the specification
	maxClients = 20  // named in one line; the rest is summed up
)

// Metric is the name and unit of a metric. Names are interface: alarms, dashboards and people's queries use them.
type Metric struct{ Name, Unit string }

// The metrics of every batch.
var (
	stored        = Metric{"EventsStored", "Count"}
	duplicate     = Metric{"EventsDuplicate", "Count"}
	rejected      = Metric{"EventsRejected", "Count"}
	failed        = Metric{"EventsFailed", "Count"}
	batchSize     = Metric{"BatchSize", "Count"} // records
	batchDuration = Metric{"BatchDuration", "Milliseconds"}
	eventAge      = Metric{"EventAge", "Milliseconds"} // from the send until the outcome was known, of every record
	coldStart     = Metric{"ColdStart", "Count"}       // 1 on the first batch of an environment, else not there
)

// Metrics lists every metric that a line may hold, those of the reasons included.
func Metrics() []Metric {
	all := []Metric{stored, duplicate, rejected, failed, batchSize, batchDuration, eventAge, coldStart}
	for _, r := range event.PermanentReasons {
		all = append(all, ofReason(r))
	}
	for _, r := range event.TransientReasons {
		all = append(all, ofReason(r))
	}
	return all
}

// ofReason counts the records of one reason, such as Rejected_schema_violation. It is there where it is not 0.
func ofReason(r event.Reason) Metric {
	if r.Permanent() {
		return Metric{"Rejected_" + string(r), "Count"}
	}
	return Metric{"Failed_" + string(r), "Count"}
}

// Writer writes the metrics of one function. It is safe for concurrent use.
type Writer struct {
	function, version string

	mu   sync.Mutex
	out  io.Writer
	warm bool // a batch was written before
	line line // kept for its memory
}

// New makes a writer for a function by its name and version.
func New(out io.Writer, function, version string) *Writer {
	return &Writer{function: cmp.Or(function, "unknown"), version: version, out: out}
}

// Batch writes the line of a batch, in one write: lines of others never come in between. now is when the batch was
// done, after it took so long.
func (w *Writer) Batch(requestID string, results []event.Result, now time.Time, took time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := accountOf(results, now)
	l := &w.line
	l.reset()
	l.metric(stored, a.total.of[0])
	l.metric(duplicate, a.total.of[1])
	l.metric(rejected, a.total.of[2])
	l.metric(failed, a.total.of[3])
	l.metric(batchSize, int64(len(results)))
	l.metric(batchDuration, took.Milliseconds())
	if len(a.ages) > 0 {
		l.metric(eventAge, a.ages...)
	}
	if !w.warm {
		l.metric(coldStart, 1)
	}
	for _, r := range a.reasons {
		l.metric(ofReason(r.reason), r.n)
	}
	w.warm = true
	l.property(Dimension, w.function)
	l.property("version", w.version)
	l.property("requestId", requestID)
	l.clients(a.clients)
	_, err := w.out.Write(l.close(now))
	return err
}

// line is a line in the making.
type line struct {
	directive []byte // what CloudWatch is to make metrics of
	members   []byte // the values, and the properties
	whole     []byte
}

func (l *line) reset() { l.directive, l.members = l.directive[:0], l.members[:0] }

// metric adds a metric with one value, or several.
func (l *line) metric(m Metric, values ...int64) {
	if len(l.directive) > 0 {
		l.directive = append(l.directive, ',')
	}
	l.directive = append(append(l.directive, `{"Name":"`...), m.Name...)
	l.directive = append(append(l.directive, `","Unit":"`...), m.Unit...)
	l.directive = append(l.directive, `"}`...)
	l.name(m.Name)
	if len(values) == 1 {
		l.members = strconv.AppendInt(l.members, values[0], 10)
		return
	}
	for i, v := range values {
		l.members = append(l.members, "[,"[min(i, 1)])
		l.members = strconv.AppendInt(l.members, v, 10)
	}
	l.members = append(l.members, ']')
}

func (l *line) property(name, value string) {
	l.name(name)
	l.members, _ = jsontext.AppendQuote(l.members, value) // what is not Unicode is replaced
}

func (l *line) name(name string) {
	l.members = append(append(append(l.members, `,"`...), name...), `":`...)
}

// clients lists the clients with most records, so that Logs Insights can unnest the list, and sums up the others.
func (l *line) clients(clients []client) {
	if len(clients) == 0 {
		return
	}
	named := clients[:min(len(clients), maxClients)]
	l.name("clients")
	for i := range named {
		l.members = append(l.members, "[,"[min(i, 1)])
		l.members = append(l.members, `{"client_id":`...)
		l.members, _ = jsontext.AppendQuote(l.members, named[i].id)
		l.counts(&named[i].counts)
	}
	l.members = append(l.members, ']')
	if others := clients[len(named):]; len(others) > 0 {
		var sum counts
		for i := range others {
			sum.add(&others[i].counts)
		}
		l.name("other_clients")
		l.members = append(l.members, `{"clients":`...)
		l.members = strconv.AppendInt(l.members, int64(len(others)), 10)
		l.counts(&sum)
	}
}

// counts adds the counts to an object and closes it.
func (l *line) counts(c *counts) {
	for i, outcome := range event.Outcomes {
		l.name(string(outcome))
		l.members = strconv.AppendInt(l.members, c.of[i], 10)
	}
	l.members = append(l.members, '}')
}

// close puts the line together.
func (l *line) close(now time.Time) []byte {
	l.whole = append(l.whole[:0], `{"_aws":{"Timestamp":`...)
	l.whole = strconv.AppendInt(l.whole, now.UnixMilli(), 10)
	l.whole = append(l.whole, `,"CloudWatchMetrics":[{"Namespace":"`+Namespace+`","Dimensions":[["`+Dimension+`"]],"Metrics":[`...)
	l.whole = append(append(l.whole, l.directive...), `]}]}`...)
	l.whole = append(append(l.whole, l.members...), "}\n"...)
	return l.whole
}

// account is what a batch comes to.
type account struct {
	total   counts
	reasons []reasonCount // those that occurred, in the order in which they did
	ages    []int64       // milliseconds; at most maxValues
	clients []client      // those with most records first
}

type counts struct{ of [4]int64 } // in the order of event.Outcomes

func (c *counts) add(other *counts) {
	for i, n := range other.of {
		c.of[i] += n
	}
}

func (c *counts) sum() int64 { return c.of[0] + c.of[1] + c.of[2] + c.of[3] }

type reasonCount struct {
	reason event.Reason
	n      int64
}

type client struct {
	id string
	counts
}

func accountOf(results []event.Result, now time.Time) account {
	a := account{ages: make([]int64, len(results))}
	places := make(map[string]int, 8)
	for i := range results {
		r := &results[i]
		a.ages[i] = max(now.Sub(r.Record.SentAt).Milliseconds(), 0) // two clocks
		at, ok := places[r.ClientID]
		if !ok {
			at = len(a.clients)
			places[r.ClientID] = at
			a.clients = append(a.clients, client{id: r.ClientID})
		}
		outcome := slices.Index(event.Outcomes, r.Outcome)
		a.clients[at].of[outcome]++
		a.total.of[outcome]++
		if r.Reason != "" {
			a.count(r.Reason)
		}
	}
	a.ages = sample(a.ages)
	slices.SortStableFunc(a.clients, func(x, y client) int { return cmp.Compare(y.sum(), x.sum()) })
	return a
}

func (a *account) count(reason event.Reason) {
	for i := range a.reasons {
		if a.reasons[i].reason == reason {
			a.reasons[i].n++
			return
		}
	}
	a.reasons = append(a.reasons, reasonCount{reason, 1})
}

// sample takes as many values as one metric may have, evenly from the least to the greatest, so that minimum,
// maximum and percentiles stay what they are.
func sample(values []int64) []int64 {
	if len(values) <= maxValues {
		return values
	}
	slices.Sort(values)
	for i := range maxValues {
		values[i] = values[i*(len(values)-1)/(maxValues-1)] // never before i: what is read is not yet written
	}
	return values[:maxValues]
}
