// Package generate makes random events of the sample clients, or of others: realistic good ones, and on request bad ones of every
// kind that a sender can cause. Each comes with what is to be expected of it, so that whoever sends a run can
// balance the account afterwards.
package generate

import (
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"event-processor/internal/event"
)

// MaxCount is how many events a run has at most: their ids still fit into the 6 MB that a Lambda function may answer.
const MaxCount = 100_000

// Options say what a run consists of.
type Options struct {
	// Count is how many events the run has, 0–MaxCount. Those that are sent twice count once: a run of 1,000 events
	// with Duplicates 0.1 has 1,000 events and 1,100 messages.
	Count int

	// Own are clients of the caller's that speak instead of the sample clients, for as long as they are in the table.
	// Empty is the sample clients.
	Own []event.Client

	// Skew makes some clients speak more than others: the kth in their order in proportion to 1/k^Skew. 0 is even
	// over what the clients may send, 1 is Zipf's law.
	Skew float64

	// Clients and Types narrow down who speaks and what is said; empty is all. Clients are ids of the clients above.
	// A bad event keeps to them as far as its fault allows: the inactive client, a client that does not exist and
	// types that a client may not send appear whatever is asked for. A type for which this package has no recipe is
	// made of the examples of its newest schema that gives some; without any it is not made.
	Clients, Types []string

	// Invalid is the share of bad events, 0–1, rounded to whole events. They take the kinds of faults in turn, and
	// the first eight kinds cover every reason for a rejection that the text of a message can cause
	// (sender_not_allowed lies with who sends it). No kind is sent twice.
	Invalid float64

	// Duplicates is the share of the good events, 0–1, that are sent a second time with the same body, rounded to
	// whole events. A good event whose id a bad one uses again is not among them.
	Duplicates float64

	// Seed makes a run repeatable: the same options give the same messages in the same order, timestamps included,
	// so what was stored the first time is a duplicate the second time and never a conflict. Other options with
	// the same seed make a run that has no event in common with it. Nil is a new run every time.
	Seed *uint64

	// MaxBodyBytes is what the processor accepts, in bytes; what is to be too large is a little larger.
	MaxBodyBytes int

	// Rewritten leaves out the faults that are gone where a cloud reads bodies as JSON and writes them anew on their
	// way to the processor, and MaxMessageBytes those for which the queue's largest message, in bytes, is too small;
	// 0 is large enough for all.
	Rewritten       bool
	MaxMessageBytes int

	made *catalogue // by other schemas, in a test
}

// Message is one message of a run. ClientID, EventType, EventID and CorrelationID are what the event was made with,
// also where a fault keeps the body from saying so.
type Message struct {
	Body                                        string
	ClientID, EventType, EventID, CorrelationID string

	// Want and Reason are what is to be expected of it. Of two messages with the same body, and of the two of a
	// conflict, the one that arrives first is stored: the other then has the outcome that stands here for its twin.
	Want   event.Outcome
	Reason event.Reason // "" unless Want is event.Rejected

	Fault string // in words, what is wrong with it; "" where nothing is
}

// Run is a planned run. Its messages are made one by one when they are asked for, and each as often as one likes:
// a run of 100,000 events needs half a megabyte.
type Run struct {
	options Options
	seed    uint64
	now     time.Time // no event happened later
	sources []source
	weights []float64 // of the sources, added up
	faults  []fault

	// Of the events 0…Count-1 the first bad ones are bad, in the order of faults; of the good ones the first reused
	// ones lend their id to a conflict, and the last twice ones are sent twice.
	bad, reused, twice int

	order []int32 // of the messages: 0…Count-1 are events, what is beyond are second copies, from the last event down
}

// New plans a run whose events happened within the hour before now; with a seed the hour comes from the seed too.
// The error names every option that cannot be, as the producer's request calls it.
func New(o Options, now time.Time) (*Run, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &Run{options: o, now: now, sources: o.sources()}
	r.weights = weights(r.sources, o.Skew)
	if o.Seed == nil {
		r.seed = random64()
	} else {
		r.seed = *o.Seed ^ o.hash()
		r.now = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(*o.Seed%365) * 24 * time.Hour)
	}
	r.faults = faultsFor(&o, r.sources)
	r.plan()
	return r, nil
}

func (r *Run) plan() {
	r.bad = share(r.options.Invalid, r.options.Count)
	good := r.options.Count - r.bad
	for i := range r.bad {
		if r.faultOf(i).conflict {
			r.reused++
		}
	}
	r.twice = min(share(r.options.Duplicates, good), good-r.reused)
	r.order = make([]int32, r.options.Count+r.twice)
	for i := range r.order {
		r.order[i] = int32(i)
	}
	rng := rand.New(rand.NewPCG(r.seed, 0))
	rng.Shuffle(len(r.order), func(i, j int) { r.order[i], r.order[j] = r.order[j], r.order[i] })
}

// share rounds to whole events.
func share(of float64, count int) int { return int(math.Round(of * float64(count))) }

// faultOf is what is wrong with bad event i. Where no good event is left whose id could be used again, a conflict
// makes way for the fault after it.
func (r *Run) faultOf(i int) fault {
	f := r.faults[i%len(r.faults)]
	if f.conflict && r.mateOf(i) >= r.options.Count {
		return r.faults[(i+1)%len(r.faults)]
	}
	return f
}

// mateOf is the good event whose id the conflict i uses again.
func (r *Run) mateOf(i int) int { return r.bad + i/len(r.faults) }

// Len is how many messages the run has: its events, and those again that are sent twice.
func (r *Run) Len() int { return len(r.order) }

// Message makes message i of Len.
func (r *Run) Message(i int) Message {
	n := int(r.order[i])
	second := n >= r.options.Count
	if second {
		n = 2*r.options.Count - 1 - n
	}
	if n < r.bad {
		return r.badMessage(n)
	}
	m := r.goodDraft(n).message()
	if second {
		m.Want = event.Duplicate
	}
	return m
}

// All makes the messages one after the other.
func (r *Run) All() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for i := range r.order {
			if !yield(r.Message(i)) {
				return
			}
		}
	}
}

func (r *Run) goodDraft(n int) *draft {
	rng := r.rng(n)
	return r.draft(rng, r.pickSource(rng))
}

func (r *Run) draft(rng *rand.Rand, from source) *draft {
	return newDraft(rng, r.now, from, r.options.catalogue().recipes[from.eventType])
}

func (r *Run) badMessage(n int) Message {
	f := r.faultOf(n)
	d := r.badDraft(n, f)
	m := d.message()
	m.Want, m.Reason, m.Fault = event.Rejected, f.reason, f.name
	switch {
	case f.spoil != nil:
		m.Body = f.spoil(m.Body)
	case f.reason == event.EventTooLarge:
		m.Body = d.padded(r.options.MaxBodyBytes + 1 + d.rng.IntN(tooLargeBy))
	}
	return m
}

func (r *Run) badDraft(n int, f fault) *draft {
	if f.conflict {
		d := r.goodDraft(r.mateOf(n))
		f.change(d)
		return d
	}
	rng := r.rng(n)
	fit := r.sources
	if f.eventType != "" {
		fit = slices.DeleteFunc(slices.Clone(fit), func(s source) bool { return s.eventType != f.eventType })
	}
	from := fit[rng.IntN(len(fit))]
	if f.from != nil {
		from = f.from(rng, from)
	}
	d := r.draft(rng, from)
	if f.change != nil {
		f.change(d)
	}
	return d
}

// rng is event n's own, so that it comes out the same whenever it is made. Stream 0 is the plan's; the odd factor
// keeps neighbours apart.
func (r *Run) rng(n int) *rand.Rand {
	return rand.New(rand.NewPCG(r.seed, uint64(n+1)*0x9e3779b97f4a7c15))
}

func random64() uint64 {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// hash tells options apart, the seed left out.
func (o Options) hash() uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d %q %q %g %g %d", o.Count, o.Clients, o.Types, o.Invalid, o.Duplicates, o.MaxBodyBytes)
	if o.Rewritten || o.tooSmall() { // the same faults make the same run
		_, _ = fmt.Fprintf(h, " %v %v", o.Rewritten, o.tooSmall())
	}
	if len(o.Own) > 0 || o.Skew > 0 {
		_, _ = fmt.Fprintf(h, " %v %g", o.Own, o.Skew)
	}
	return h.Sum64()
}

func (o Options) check() error {
	var faults []error
	add := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if o.Count < 0 || o.Count > MaxCount {
		add("count: %d is not within 0 and %d", o.Count, MaxCount)
	}
	if !isShare(o.Invalid) {
		add("invalid: %v is not a share within 0 and 1", o.Invalid)
	}
	if !isShare(o.Duplicates) {
		add("duplicates: %v is not a share within 0 and 1", o.Duplicates)
	}
	if !(o.Skew >= 0 && o.Skew <= 10) {
		add("skew: %v is not within 0 and 10", o.Skew)
	}
	if o.MaxMessageBytes < 0 {
		add("maxMessageBytes: %d is below 0", o.MaxMessageBytes)
	}
	ids := o.clientIDs()
	for _, id := range o.Clients {
		if !slices.Contains(ids, id) {
			add("clients: %s is not a sample client; they are %s (member events sends for others)", clip(id), strings.Join(ids, ", "))
		}
	}
	for _, t := range o.Types {
		if wrong := o.catalogue().check(t); wrong != "" {
			add("types: %s", wrong)
		}
	}
	if len(faults) == 0 && len(o.sources()) == 0 {
		add("types: none of the clients asked for is active and may send one of them; %s", strings.Join(o.rights(), "; "))
	}
	return errors.Join(faults...)
}

func isShare(x float64) bool { return x >= 0 && x <= 1 }

// clip quotes what a caller wrote, shortened to fit a sentence.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}

func (o *Options) clientIDs() []string {
	var ids []string
	for _, c := range o.clients() {
		ids = append(ids, c.ID)
	}
	return ids
}

func (o *Options) rights() []string {
	var lines []string
	for _, c := range o.clients() {
		if c.Active {
			lines = append(lines, c.ID+" may send "+strings.Join(c.AllowedTypes, ", "))
		} else {
			lines = append(lines, c.ID+" is not active")
		}
	}
	return lines
}
