package status

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"event-processor/internal/event"
)

const (
	// window is what the chart shows, and for how long a dead letter is a new one.
	window  = 30 * time.Minute
	minutes = int(window / time.Minute)
	// metricsBack is how far back the last event is looked for in metrics, logBack how far back the log is read, a
	// bit at each look.
	metricsBack = 3 * time.Hour
	logBack     = 24 * time.Hour
	// flowTimeout bounds all that is asked about the flow, metricsTimeout the metrics: what is not there by then is
	// not known. The log is read on from there at the next look.
	flowTimeout    = time.Second
	metricsTimeout = 500 * time.Millisecond
	// overlap is how far back the log is read again: lines may come late.
	overlap = time.Minute
	// receivesFor is how long the answer serves how often the queue has a message received.
	receivesFor = time.Minute
	// maxMessages bounds what is remembered of single messages: about 4 MB.
	maxMessages = 20_000
	// maxClients are named as those with most rejections.
	maxClients = 3
)

// What is looked for in the log: with metrics the lines about records that were not stored, without them those of
// the batches, too.
const (
	recordLines = `{ $.message = "record" && $.reason = "*" }`
	allLines    = `{ $.message = "batch" || ($.message = "record" && $.reason = "*") }`
)

// Counts knows what became of records.
type Counts interface {
	// Minutes are the records of each minute (its start, UTC) in a time before now; each receive of a message counts.
	// It is empty where nobody counts, or nothing came. Do not change it.
	Minutes(ctx context.Context, back time.Duration) (map[time.Time]map[event.Outcome]int, error)
}

// Log is what the processor logged.
type Log interface {
	// Search shows the lines between two instants that match a pattern in CloudWatch's syntax, and perhaps others. A
	// line may be shown twice. What was found before an error is shown, too.
	Search(ctx context.Context, pattern string, from, to time.Time, show func(at time.Time, line string)) error
}

// Receives knows how often a message is received before it is a dead letter; 0 is without end.
type Receives interface {
	MaxReceives(ctx context.Context) (int, error)
}

// Flow says whether events flow.
type Flow struct {
	Source string `json:"source"` // metrics or log

	LastEventAt *time.Time `json:"lastEventAt"` // nil: none as far back as was looked
	Summary     string     `json:"summary"`     // the same in a sentence
	ErrorShare  *float64   `json:"errorShare"`  // 0–1, of what came in the last half hour; nil: nothing came
	Errors      string     `json:"errors"`      // the same in a sentence
	Minutes     []Minute   `json:"minutes"`     // of the last half hour, the oldest first; the last one is not over
}

// Minute is what became of the records of a minute. A rejected message counts once, in the minute of its last receive;
// a failed one with each receive.
type Minute struct {
	At        time.Time `json:"at"` // its start, UTC
	Stored    int       `json:"stored"`
	Duplicate int       `json:"duplicate"`
	Rejected  int       `json:"rejected"`
	Failed    int       `json:"failed"`
}

// Rejecting is a client of which messages were rejected in the last half hour.
type Rejecting struct {
	ClientID string          `json:"clientId"` // "" where it could not be read
	Messages int             `json:"messages"`
	Reasons  []ReasonMessage `json:"reasons"` // the most frequent first
}

// ReasonMessage counts the messages of a reason.
type ReasonMessage struct {
	Reason   event.Reason `json:"reason"`
	Messages int          `json:"messages"`
}

// Died counts the messages that died of a reason, by the log; some may have left the dead-letter queue since.
type Died struct {
	Reason event.Reason `json:"reason"`
	New    int          `json:"new"`     // in the last half hour
	Day    int          `json:"lastDay"` // in the last day, the new ones included
}

// flow reads metrics and log, and remembers what it has read: each look reads only what is new, and as much of what
// is old as there is time for.
type flow struct {
	counts   Counts
	log      Log
	receives Receives

	maxReceives int // 0: not known yet
	askedAt     time.Time

	batched  bool          // the batches of the time that was read are known, too
	from, to time.Time     // the log was read from here to there
	step     time.Duration // how much is read back at once
	batches  map[string]batch
	messages map[string]message
	last     time.Time // of the newest batch
}

// batch is the line of one; its key is the request id.
type batch struct {
	at time.Time
	of map[event.Outcome]int
}

// message is what the log says of a message that was rejected or failed; its key is the message id.
type message struct {
	at             time.Time // its last line's
	client         string
	reason         event.Reason
	rejected, dead bool
}

func newFlow(p *Parts) *flow {
	return &flow{counts: p.Counts, log: p.Log, receives: p.Receives, batches: map[string]batch{}, messages: map[string]message{}}
}

// look writes what it finds into the report: nothing of what is not known. What died before emptied is no longer there.
func (f *flow) look(ctx context.Context, r *Report, emptied time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, flowTimeout)
	defer cancel()
	now := r.CheckedAt
	byMinute, err := f.measure(ctx, now)
	if err != nil {
		return err
	}
	measured := len(byMinute) > 0
	err = f.read(ctx, now, !measured)
	switch {
	case err == nil:
		f.readBack(ctx, now)
		r.Rejecting, r.died, r.logged = f.rejecting(now), f.died(now, emptied), true
	case !measured:
		return err
	}
	if !measured {
		byMinute = f.byMinute()
	}
	r.Flow = f.conclude(byMinute, measured, now)
	return err
}

// measure asks for the metrics and, once in a while, how often a message is received.
func (f *flow) measure(ctx context.Context, now time.Time) (byMinute map[time.Time]map[event.Outcome]int, err error) {
	var both sync.WaitGroup
	if since := now.Sub(f.askedAt); f.maxReceives == 0 || since < 0 || since >= receivesFor {
		both.Go(func() {
			var n int
			err = recovered(ctx, func(ctx context.Context) (err error) {
				n, err = f.receives.MaxReceives(ctx)
				return err
			})
			if err == nil {
				f.maxReceives, f.askedAt = max(n, 1), now
			}
		})
	}
	metricsErr := recovered(ctx, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
		defer cancel()
		byMinute, err = f.counts.Minutes(ctx, metricsBack)
		return err
	})
	both.Wait()
	if metricsErr != nil {
		slog.WarnContext(ctx, "Metrics not read, the log instead", "reason", kindOf(metricsErr), "error", clip(metricsErr.Error()))
	}
	if f.maxReceives > 0 {
		err = nil // an old answer is better than none
	}
	return byMinute, err
}

// read reads the log on from where it was read to. An error says that it is not read to its end.
func (f *flow) read(ctx context.Context, now time.Time, batches bool) error {
	if f.to.IsZero() || now.Sub(f.to) > window || now.Before(f.to) || batches && !f.batched {
		f.to = now.Add(-window)
		f.from, f.step = f.to, window
	}
	f.batched = batches
	from := f.to.Add(-overlap)
	newest := f.to
	err := f.log.Search(ctx, f.pattern(), from, now.Add(overlap), func(at time.Time, line string) {
		f.note(at, line)
		if at.After(newest) {
			newest = at
		}
	})
	if err != nil {
		f.to = newest
		return err
	}
	f.to = now
	f.forget(now)
	return nil
}

// readBack reads what is older, as long as there is time: dead letters live for days, and the last event may be old.
func (f *flow) readBack(ctx context.Context, now time.Time) {
	end := now.Add(-logBack)
	for f.from.After(end) && len(f.messages) < maxMessages {
		from := f.from.Add(-f.step)
		if from.Before(end) {
			from = end
		}
		if err := f.log.Search(ctx, f.pattern(), from, f.from, f.note); err != nil {
			f.step = max(f.step/2, time.Minute)
			return
		}
		f.from, f.step = from, f.step*2
	}
}

func (f *flow) pattern() string {
	if f.batched {
		return allLines
	}
	return recordLines
}

// note remembers a line. To note one twice does no harm.
func (f *flow) note(at time.Time, text string) {
	if !strings.Contains(text, `"batch"`) && !strings.Contains(text, `"record"`) {
		return
	}
	var line struct {
		Message   string
		RequestID string `json:"requestId"`

		Records, Stored, Duplicate, Rejected, Failed int

		MessageID string        `json:"message_id"`
		ClientID  string        `json:"client_id"`
		Outcome   event.Outcome `json:"outcome"`
		Reason    event.Reason  `json:"reason"`
		Receives  int           `json:"receive_count"`
	}
	if json.Unmarshal([]byte(text), &line) != nil {
		return
	}
	switch {
	case line.Message == "batch" && line.Records > 0:
		if at.After(f.last) {
			f.last = at
		}
		f.batches[line.RequestID] = batch{at, map[event.Outcome]int{
			event.Stored: line.Stored, event.Duplicate: line.Duplicate, event.Rejected: line.Rejected, event.Failed: line.Failed,
		}}
	case line.Message == "record" && (line.Outcome == event.Rejected || line.Outcome == event.Failed):
		known, there := f.messages[line.MessageID]
		if there && known.at.After(at) || !there && len(f.messages) >= maxMessages {
			return
		}
		f.messages[line.MessageID] = message{
			at: at, client: readable(line.ClientID), reason: inTable(line.Reason), rejected: line.Outcome == event.Rejected,
			dead: line.Receives >= f.maxReceives,
		}
	}
}

// clientIDs is what an id of a client looks like; anything else came from a body that is refused, and may be anything.
var clientIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

func readable(clientID string) string {
	if clientIDs.MatchString(clientID) {
		return strings.Clone(clientID)
	}
	return ""
}

// inTable is a reason of the table, "" where a log has another.
func inTable(reason event.Reason) event.Reason {
	for _, table := range [][]event.Reason{event.PermanentReasons, event.TransientReasons} {
		if i := slices.Index(table, reason); i >= 0 {
			return table[i]
		}
	}
	return ""
}

// forget drops what is too old to be shown.
func (f *flow) forget(now time.Time) {
	maps.DeleteFunc(f.batches, func(_ string, b batch) bool { return now.Sub(b.at) > window+time.Minute })
	maps.DeleteFunc(f.messages, func(_ string, m message) bool { return now.Sub(m.at) > logBack })
}

// byMinute counts the records of the batches.
func (f *flow) byMinute() map[time.Time]map[event.Outcome]int {
	all := map[time.Time]map[event.Outcome]int{}
	for _, b := range f.batches {
		at := b.at.UTC().Truncate(time.Minute)
		if all[at] == nil {
			all[at] = map[event.Outcome]int{}
		}
		for outcome, n := range b.of {
			all[at][outcome] += n
		}
	}
	return all
}

// conclude makes the minutes of the window, and the sentences.
func (f *flow) conclude(byMinute map[time.Time]map[event.Outcome]int, measured bool, now time.Time) *Flow {
	flow := &Flow{Source: "log"}
	last := f.last
	if measured {
		flow.Source = "metrics"
		for at := range byMinute {
			if at.After(last) {
				last = at
			}
		}
	}
	if !last.IsZero() {
		flow.LastEventAt = &last
	}
	flow.Summary = lastEvent(last, now, now.Sub(f.from))

	receives := 0 // of messages that are rejected
	var sum Minute
	start := now.Truncate(time.Minute).Add(-window + time.Minute)
	for i := range minutes {
		m := Minute{At: start.Add(time.Duration(i) * time.Minute)}
		of := byMinute[m.At]
		m.Stored, m.Duplicate, m.Failed = of[event.Stored], of[event.Duplicate], of[event.Failed]
		// A rejected message is received again and again within seconds; what a minute cuts counts in the next one.
		before := receives / f.maxReceives
		receives += of[event.Rejected]
		m.Rejected = receives/f.maxReceives - before
		sum.Stored, sum.Duplicate = sum.Stored+m.Stored, sum.Duplicate+m.Duplicate
		sum.Rejected, sum.Failed = sum.Rejected+m.Rejected, sum.Failed+m.Failed
		flow.Minutes = append(flow.Minutes, m)
	}
	all := sum.Stored + sum.Duplicate + sum.Rejected + sum.Failed
	if all == 0 {
		flow.Errors = "Nothing came in the last half hour."
		return flow
	}
	share := math.Round(1000*float64(sum.Rejected+sum.Failed)/float64(all)) / 1000
	flow.ErrorShare = &share
	flow.Errors = fmt.Sprintf("%s %% errors: %s rejected and %s failed of %s.", percent(share), number(sum.Rejected), number(sum.Failed), number(all))
	return flow
}

// percent of a share, to a tenth where there is one.
func percent(share float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") }

// lastEvent says when the last event came, or how far back none did.
func lastEvent(last, now time.Time, looked time.Duration) string {
	if last.IsZero() {
		return "No event in the last " + ago(looked) + "."
	}
	return fmt.Sprintf("Last event %s, %s ago.", clock(last, now), ago(now.Sub(last)))
}

// ago writes a duration with its word: 27 minutes.
func ago(d time.Duration) string {
	n, unit := int(d/time.Second), "second"
	switch {
	case d >= 48*time.Hour:
		n, unit = int(d/(24*time.Hour)), "day"
	case d >= 2*time.Hour:
		n, unit = int(d/time.Hour), "hour"
	case d >= 2*time.Minute:
		n, unit = int(d/time.Minute), "minute"
	}
	return plural(max(n, 0), unit)
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return number(n) + " " + unit + "s"
}

// clock is the time of day, with the day where it is another one than now's.
func clock(at, now time.Time) string {
	if at.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
		return at.UTC().Format("15:04 UTC")
	}
	return at.UTC().Format("2 January 15:04 UTC")
}

// rejecting lists the clients with most rejected messages in the window.
func (f *flow) rejecting(now time.Time) []Rejecting {
	counts := map[string]map[event.Reason]int{}
	for _, m := range f.messages {
		if m.rejected && now.Sub(m.at) <= window {
			if counts[m.client] == nil {
				counts[m.client] = map[event.Reason]int{}
			}
			counts[m.client][m.reason]++
		}
	}
	all := []Rejecting{}
	for client, reasons := range counts {
		of := Rejecting{ClientID: client}
		for reason, n := range reasons {
			of.Messages += n
			of.Reasons = append(of.Reasons, ReasonMessage{reason, n})
		}
		slices.SortFunc(of.Reasons, func(a, b ReasonMessage) int {
			return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Reason, b.Reason))
		})
		all = append(all, of)
	}
	slices.SortFunc(all, func(a, b Rejecting) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.ClientID, b.ClientID))
	})
	return all[:min(len(all), maxClients)]
}

// died counts the messages that died since an instant, by reason, and says when the first of the new ones did.
func (f *flow) died(now, since time.Time) deaths {
	counts := map[event.Reason]*Died{}
	d := deaths{reasons: []Died{}}
	for _, m := range f.messages {
		if !m.dead || m.at.Before(since) {
			continue
		}
		of := counts[m.reason]
		if of == nil {
			of = &Died{Reason: m.reason}
			counts[m.reason] = of
		}
		of.Day++
		d.all++
		if now.Sub(m.at) > window {
			continue
		}
		of.New++
		d.fresh++
		if d.first.IsZero() || m.at.Before(d.first) {
			d.first = m.at
		}
	}
	for _, of := range counts {
		d.reasons = append(d.reasons, *of)
	}
	slices.SortFunc(d.reasons, func(a, b Died) int {
		return cmp.Or(cmp.Compare(b.New, a.New), cmp.Compare(b.Day, a.Day), cmp.Compare(a.Reason, b.Reason))
	})
	return d
}

// deaths are what the log knows of dead letters.
type deaths struct {
	reasons []Died
	all     int       // in the last day
	fresh   int       // died in the window
	first   time.Time // of these
}
