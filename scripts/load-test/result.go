package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"event-processor/internal/cost"
	"event-processor/internal/event"
	"event-processor/internal/report"
)

// result is everything that is known of a test when it is over. It is written as result.json.
type result struct {
	Verdict     string    `json:"verdict"` // in one sentence
	Began       time.Time `json:"began"`
	Where       string    `json:"where"`
	Plan        plan      `json:"plan"`
	Seed        uint64    `json:"seed"`
	MaxBacklog  int       `json:"maxBacklog"` // that sending kept to; 0 is any
	Interrupted bool      `json:"interrupted"`

	Planned    int                       `json:"planned"` // messages
	Sent       int                       `json:"sent"`
	NotSent    int                       `json:"notSent"`
	NotSentWhy string                    `json:"notSentWhy,omitempty"`
	TooLarge   int                       `json:"tooLarge,omitempty"` // for the queue, and so not sent either
	Accounted  int                       `json:"accountedFor"`
	Balanced   bool                      `json:"balanced"`
	Stored     int                       `json:"stored"`
	ByClient   map[string]map[string]int `json:"byClient"` // stored events, by client and type
	Duplicates int                       `json:"duplicates"`
	Rejected   map[event.Reason]int      `json:"rejected"`
	Missing    map[string]int            `json:"missing,omitempty"`
	Wrong      []string                  `json:"wrong,omitempty"`

	Seconds         float64 `json:"seconds"` // from the first event received to the last one stored
	EventsPerSecond float64 `json:"eventsPerSecond"`
	Latency         latency `json:"latency"`

	BatchRecords    float64    `json:"batchRecords"` // mean
	BatchMillis     latency    `json:"batchMillis"`  // as the processor measures itself
	Usage           cost.Usage `json:"usage"`
	Bill            cost.Bill  `json:"bill"`
	Foreign         int        `json:"foreign,omitempty"` // events that the processor stored meanwhile and that are not the test's
	IntervalSeconds float64    `json:"intervalSeconds"`
	Intervals       []interval `json:"intervals"`
	Samples         []sample   `json:"samples"`
}

// result sums the test up.
func (t *trial) result() *result {
	a := &t.found.account
	r := &result{
		Began: t.began, Where: whereIs(t.stack.QueueURL), Plan: t.plan, Seed: t.seed, MaxBacklog: t.hold,
		Sent: a.Sent, NotSent: t.notSent, TooLarge: t.tooLarge, Accounted: a.Total(), Balanced: a.Balanced(),
		Stored: a.TotalStored(), ByClient: a.Stored, Duplicates: a.Duplicates, Rejected: a.DeadLetters, Missing: a.Missing, Wrong: a.Wrong,
		Usage: t.usage(), Samples: t.watch.samples,
	}
	if t.why != nil {
		r.NotSentWhy = t.why.Error()
	}
	r.Bill = cost.Of(r.Usage)
	r.measure(t.found.kept, t.found.batches)
	return r
}

func (r *result) measure(events []kept, batches []batch) {
	if len(events) > 0 {
		first, last := span(events)
		r.Seconds = max(last.Sub(first).Seconds(), 0.001)
		r.EventsPerSecond = float64(r.Accounted) / r.Seconds
		r.Intervals, r.IntervalSeconds = intervals(events)
	}
	var waits, took []float64
	for _, k := range events {
		waits = append(waits, k.millis())
	}
	records, stored := 0, 0
	for _, b := range batches {
		took = append(took, b.Millis)
		records += b.Records
		stored += b.Stored
	}
	r.Latency, r.BatchMillis = latencyOf(waits), latencyOf(took)
	r.BatchRecords = float64(records) / float64(max(len(batches), 1))
	r.Foreign = max(stored-r.Stored, 0)
}

// whereIs says where a queue is, without the account it belongs to: the host.
func whereIs(queueURL string) string {
	u, err := url.Parse(queueURL)
	if err != nil {
		return queueURL
	}
	return u.Host
}

// rejected is how many messages are dead letters as expected.
func (r *result) rejected() (n int) {
	for _, count := range r.Rejected {
		n += count
	}
	return n
}

// tried is how many messages there was an attempt to send.
func (r *result) tried() int { return r.Sent + r.NotSent + r.TooLarge }

// verdict is the last line in the terminal.
func (r *result) verdict() string {
	sum := fmt.Sprintf("%s messages = %s stored + %s duplicates + %s rejected", thousands(r.Sent), thousands(r.Stored), thousands(r.Duplicates), thousands(r.rejected()))
	words := "balanced: " + sum
	if !r.Balanced {
		words = fmt.Sprintf("NOT BALANCED: %s + %s not accounted for", sum, thousands(r.Sent-r.Accounted))
	}
	if r.Interrupted {
		words = fmt.Sprintf("INTERRUPTED after %s of %s messages; of those, %s", thousands(r.tried()), thousands(r.Planned), words)
	}
	return words
}

// headline is the verdict in a sentence.
func (r *result) headline() string {
	words := fmt.Sprintf("All %s messages are accounted for", thousands(r.Sent))
	if !r.Balanced {
		words = fmt.Sprintf("%s of %s messages are not accounted for", thousands(r.Sent-r.Accounted), thousands(r.Sent))
		if r.Sent == r.Accounted {
			words = "Some messages are not where they were expected to be"
		}
	}
	if r.Interrupted {
		words = fmt.Sprintf("Interrupted after %s of %s messages. %s", thousands(r.tried()), thousands(r.Planned), words)
	}
	return words
}

// print prints the table at the end.
func (r *result) print(to io.Writer) {
	w := tabwriter.NewWriter(to, 0, 0, 3, ' ', tabwriter.AlignRight)
	row := func(name, value string) { _, _ = fmt.Fprintf(w, "%-44s\t%s\t\n", name, value) }
	_, _ = fmt.Fprintln(w)
	row("sent", thousands(r.Sent))
	if r.NotSent > 0 {
		row("not sent", thousands(r.NotSent))
	}
	if r.TooLarge > 0 {
		row("too large for the queue", thousands(r.TooLarge))
	}
	row("stored", thousands(r.Stored))
	row("duplicates", thousands(r.Duplicates))
	row("rejected", thousands(r.rejected()))
	for _, reason := range event.PermanentReasons {
		if n := r.Rejected[reason]; n > 0 {
			row("  "+string(reason), thousands(n))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(r.Missing)) {
		row("not accounted for: "+what, thousands(r.Missing[what]))
	}
	row("events/s", fmt.Sprintf("%.0f", r.EventsPerSecond))
	for _, q := range r.Latency.named() {
		row("latency "+q.name, duration(q.ms))
	}
	row("$ per million stored events", fmt.Sprintf("%.2f", r.Bill.Total))
	row(fmt.Sprintf("  × the floor, $%.3f", r.Bill.Floor), fmt.Sprintf("%.2f", r.Bill.Total/r.Bill.Floor))
	row(fmt.Sprintf("  × the floor of items this large, $%.3f", r.Bill.SizeFloor), fmt.Sprintf("%.2f", r.Bill.Total/max(r.Bill.SizeFloor, r.Bill.Floor)))
	row("  with logs, storage, backups and traces", fmt.Sprintf("%.2f", r.Bill.All))
	_ = w.Flush()
	_, _ = fmt.Fprintf(to, "\n%s\n", r.verdict())
	for _, sentence := range r.Wrong {
		_, _ = fmt.Fprintf(to, "  %s\n", sentence)
	}
}

// newFolder makes the folder of one report under root, named for when its test began. It is never one that is there.
func newFolder(root string, began time.Time) (string, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	name := filepath.Join(root, began.Format("2006-01-02T15-04-05")) // no colons: they are none of a name's on every system
	for n, folder := 2, name; ; n++ {
		err := os.Mkdir(folder, 0o755)
		if !errors.Is(err, fs.ErrExist) {
			return folder, err
		}
		folder = fmt.Sprintf("%s-%d", name, n) // of the same second
	}
}

// pointTo makes the link latest beside a report's folder point to it.
func pointTo(folder string) error {
	latest := filepath.Join(filepath.Dir(folder), "latest")
	link := folder + ".link"
	if err := os.Symlink(filepath.Base(folder), link); err != nil {
		return fmt.Errorf("latest stays what it was: %w", err)
	}
	if err := os.Rename(link, latest); err != nil { // replaces a link as a whole, and nothing else
		_ = os.Remove(link)
		return fmt.Errorf("latest stays what it was: %w", err)
	}
	return nil
}

// write writes result.json and index.html into a folder, and names the page.
func (r *result) write(folder string) (file string, err error) {
	r.Verdict = r.headline()
	numbers, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(folder, "result.json"), append(numbers, '\n'), 0o644); err != nil { //nolint:gosec // a report is to be read
		return "", err
	}
	file = filepath.Join(folder, "index.html")
	out, err := os.Create(file)
	if err != nil {
		return "", err
	}
	if err := report.Write(out, r.page()); err != nil {
		_ = out.Close()
		return "", fmt.Errorf("write %s: %w", file, err)
	}
	return file, out.Close()
}

type quantileOf struct {
	name string
	ms   float64
}

func (l *latency) named() []quantileOf {
	return []quantileOf{{"p50", l.P50}, {"p95", l.P95}, {"p99", l.P99}, {"max", l.Max}}
}

func thousands(n int) string { return report.Number(float64(n)) }

// duration writes milliseconds for people.
func duration(ms float64) string {
	if ms < 1000 {
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	}
	return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
}
