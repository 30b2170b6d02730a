package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/internal/trace"
)

// sender puts messages on the queue. errs[i] says why message i was not sent; nil is sent, and a *queue.TooLargeError
// that the queue never takes it.
type sender interface {
	SendAll(ctx context.Context, messages []queue.Message) (errs []error)
}

// creator puts those clients into the table that are not in it, overwrites none, and says which it created.
type creator interface {
	CreateMissing(ctx context.Context, clients []event.Client) (created []string, err error)
}

type handler struct {
	queue          sender
	clients        creator // nil where this stack has no sample clients
	maxBodyBytes   int
	deadlineMargin time.Duration // kept free before the deadline for the answer
	fairQueue      bool
	tracer         *trace.Tracer // nil traces nothing

	clientsCreated bool // once per environment; Lambda invokes one at a time
}

// response says what became of a request. Sent, Failed and TooLarge count messages, and together all of them: an event
// that is sent twice counts twice.
type response struct {
	Sent     int            `json:"sent"`
	Failed   int            `json:"failed"`             // not sent, but may be another time
	TooLarge int            `json:"tooLarge,omitempty"` // not sent, and never will be: the queue takes no message of that size
	ByClient map[string]int `json:"byClient"`           // messages sent
	EventIDs []string       `json:"eventIds"`           // of what was sent, each once; bad events included
	Expected *expected      `json:"expected,omitempty"` // not where nobody can know: see account.unknown
	Error    string         `json:"error,omitempty"`    // why the first one failed
}

// expected is what the processor should make of what was sent, in messages.
type expected struct {
	Stored    int                  `json:"stored"`
	Duplicate int                  `json:"duplicate"`
	Rejected  map[event.Reason]int `json:"rejected"`
}

// requestRefused is the error for a request that cannot be met; Lambda tells the caller the name of its type.
type requestRefused struct{ err error }

func (r *requestRefused) Error() string {
	return "request refused: " + strings.ReplaceAll(r.err.Error(), "\n", "; ") // errors.Join puts each on a line
}

func (r *requestRefused) Unwrap() error { return r.err }

// Handle sends what is asked for. A request that cannot be met is refused before anything is sent; what SQS does
// not take is counted in the response.
func (h *handler) Handle(ctx context.Context, body json.RawMessage) (response, error) {
	messages, perSecond, err := h.plan(ctx, body)
	if err != nil {
		return response{}, &requestRefused{err}
	}
	if err := h.createClients(ctx); err != nil {
		return response{}, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-h.deadlineMargin))
		defer cancel()
	}
	started := time.Now()
	sending, done := h.tracer.Step(ctx, "send")
	a := h.send(sending, messages, perSecond)
	done(nil)
	took := time.Since(started)
	slog.InfoContext(ctx, "run sent", "sent", a.Sent, "failed", a.Failed, "too_large", a.TooLarge, "duration_ms", took.Milliseconds(),
		"events_per_second", math.Round(float64(a.Sent)/max(took.Seconds(), 1e-3)))
	return a.response, nil
}

// plan reads a request and says what is to be sent, and how many a second.
func (h *handler) plan(ctx context.Context, body []byte) (source, float64, error) {
	r, err := parse(body)
	if err != nil && r.own {
		return source{}, 0, err
	}
	messages := ownEvents(r.events)
	if !r.own {
		r.options.MaxBodyBytes = h.maxBodyBytes
		run, fault := generate.New(r.options, time.Now())
		if err = errors.Join(err, fault); err != nil {
			return source{}, 0, err
		}
		messages = source{run.Len(), run.Message}
	}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline) - h.deadlineMargin
		if takes := secondsFor(messages.len, r.rate); takes > left.Seconds() {
			return source{}, 0, fmt.Errorf("rate: %d messages at %v a second take %.0f s, but only %.0f s are left; ask for a higher rate or fewer events",
				messages.len, r.rate, math.Ceil(takes), math.Max(left.Seconds(), 0))
		}
	}
	return messages, r.rate, nil
}

// createClients creates the sample clients that are missing. It is tried again on the next invocation if it fails.
func (h *handler) createClients(ctx context.Context) error {
	if h.clients == nil || h.clientsCreated {
		return nil
	}
	created, err := h.clients.CreateMissing(ctx, generate.Clients())
	if err != nil {
		return fmt.Errorf("create sample clients: %w (is the stack deployed with SampleClients=true? SAMPLE_CLIENTS=false does without them)", err)
	}
	if len(created) > 0 {
		slog.InfoContext(ctx, "sample clients created", "clients", created)
	}
	h.clientsCreated = true
	return nil
}

// chunk is how many messages are made and handed over at a time: enough to keep all calls busy, little enough to
// keep in memory.
const chunk = 2000

// burst is how many messages go at once where a rate is asked for: what is due in a tenth of a second.
func burst(perSecond float64) float64 {
	return math.Min(math.Max(math.Ceil(perSecond/10), 1), chunk)
}

// send sends until all are sent, the time is up, or a chunk fails and nothing of it is sent: then the queue is away, and
// the rest would fare no better.
func (h *handler) send(ctx context.Context, messages source, perSecond float64) *account {
	size, limit := chunk, rate.Inf
	if perSecond > 0 {
		size, limit = int(burst(perSecond)), rate.Limit(perSecond)
	}
	limiter := rate.NewLimiter(limit, size)
	a := newAccount()
	for from := 0; from < messages.len; from += size {
		part := make([]generate.Message, min(size, messages.len-from))
		if err := limiter.WaitN(ctx, len(part)); err != nil {
			a.giveUp(messages.len-from, fmt.Errorf("the time is up: %w", err))
			break
		}
		for i := range part {
			part[i] = messages.message(from + i)
		}
		sent, failed := a.Sent, a.Failed
		a.book(ctx, part, h.queue.SendAll(ctx, h.wrap(part, h.tracer.Header(ctx))))
		if a.Sent == sent && a.Failed > failed {
			a.giveUp(messages.len-from-len(part), nil)
			break
		}
	}
	return a.close()
}

// wrap puts the messages into SQS's terms. They carry the trace in which they are sent.
func (h *handler) wrap(part []generate.Message, traceHeader string) []queue.Message {
	wrapped := make([]queue.Message, len(part))
	for i, m := range part {
		wrapped[i] = queue.Message{
			Body:        m.Body,
			TraceHeader: traceHeader,
			Attributes: map[string]string{
				"EventType": m.EventType, "ClientId": m.ClientID, "CorrelationId": m.CorrelationID,
			},
		}
		if h.fairQueue {
			wrapped[i].GroupID = m.ClientID
		}
	}
	return wrapped
}

// account is the response in the making.
type account struct {
	response
	expected expected
	listed   map[string]bool // the ids in EventIDs
	unknown  bool            // nobody knows what to expect: an event is the caller's, one failed, or a good one was too large
}

func newAccount() *account {
	return &account{
		response: response{ByClient: map[string]int{}, EventIDs: []string{}},
		expected: expected{Rejected: map[event.Reason]int{}},
		listed:   map[string]bool{},
	}
}

// book notes what became of messages, and logs a line for each.
func (a *account) book(ctx context.Context, part []generate.Message, errs []error) {
	for i, m := range part {
		id := clip(m.EventID)
		line := []any{"client_id", clip(m.ClientID), "event_id", id, "event_type", clip(m.EventType), "correlation_id", clip(m.CorrelationID)}
		var large *queue.TooLargeError
		if errors.As(errs[i], &large) {
			a.TooLarge++
			if m.Want != event.Rejected { // others were made to match it
				a.unknown = true
			}
			slog.ErrorContext(ctx, "❌ Event too large for the queue "+id, append(line, "bytes", large.Bytes, "limit_bytes", large.Limit)...)
			continue
		}
		if errs[i] != nil {
			a.giveUp(1, errs[i])
			slog.ErrorContext(ctx, "❌ Event not sent "+id, append(line, "error", errs[i])...)
			continue
		}
		slog.InfoContext(ctx, "✅ Sent event "+id, line...)
		a.Sent++
		a.ByClient[m.ClientID]++
		if m.EventID != "" && !a.listed[m.EventID] {
			a.listed[m.EventID] = true
			a.EventIDs = append(a.EventIDs, m.EventID)
		}
		a.expect(m)
	}
}

// clip bounds what callers say of their own events, so that a log line stays one. Ids that are valid stay as they are.
func clip(s string) string {
	const longest = 128
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}

func (a *account) expect(m generate.Message) {
	switch m.Want {
	case event.Stored:
		a.expected.Stored++
	case event.Duplicate:
		a.expected.Duplicate++
	case event.Rejected:
		a.expected.Rejected[m.Reason]++
	default:
		a.unknown = true
	}
}

// giveUp counts n messages as failed. The first error given stands for all.
func (a *account) giveUp(n int, err error) {
	a.Failed += n
	a.unknown = a.unknown || n > 0
	if a.Error == "" && err != nil {
		a.Error = err.Error()
	}
}

func (a *account) close() *account {
	if !a.unknown {
		a.Expected = &a.expected
	}
	return a
}
