// Package trace is the only one that knows the tracer, AWS X-Ray: it shows where the time of a batch goes, and in
// which trace its messages were sent.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-xray-sdk-go/xray"
	"github.com/aws/aws-xray-sdk-go/xraylog"

	"event-processor/internal/event"
)

// Tracer writes the steps of an invocation as subsegments of Lambda's segment. nil is a tracer that is off: it
// writes nothing and allocates nothing. So does one that is on, in an invocation that X-Ray does not sample.
type Tracer struct{}

// New makes a tracer, or nil where tracing is off: where AWS_XRAY_SDK_DISABLED says so, and where no address of a
// daemon is set, as Lambda does. Lambda then begins a trace for each invocation, and says whether it is sampled.
func New() *Tracer {
	if xray.SdkDisabled() || os.Getenv("AWS_XRAY_DAEMON_ADDRESS") == "" {
		return nil
	}
	xray.SetLogger(new(logger))
	return new(Tracer)
}

// Step begins a step. Steps within it begin with the context that it returns. done ends it; an error marks it.
func (t *Tracer) Step(ctx context.Context, name string) (_ context.Context, done func(err error)) {
	if t == nil || !sampled(ctx) {
		return ctx, ignore
	}
	ctx, segment := xray.BeginSubsegment(ctx, name)
	if segment == nil {
		return ctx, ignore
	}
	return ctx, segment.Close
}

func ignore(error) {}

// sampled reports whether X-Ray keeps the trace of an invocation, as Lambda's header in its context says.
func sampled(ctx context.Context) bool {
	header, _ := ctx.Value(xray.LambdaTraceHeaderKey).(string)
	return strings.Contains(header, "Sampled=1")
}

// Header is the value of the system attribute AWSTraceHeader for a message that is sent in the step of a context:
// X-Ray then links the trace of who receives it with this one. It is "" where nothing is traced.
func (t *Tracer) Header(ctx context.Context) string {
	if t == nil || !sampled(ctx) {
		return ""
	}
	segment := xray.GetSegment(ctx)
	if segment == nil {
		return ""
	}
	return "Root=" + segment.TraceID + ";Parent=" + segment.ID + ";Sampled=1"
}

// maxUpstream is how many traces of senders are named.
const maxUpstream = 20

// Describe annotates the step of a context with what became of a batch, to search traces by: how many records, how
// many of each outcome, and the client where there is only one. The traces in which the messages were sent are its
// metadata; the links themselves are Lambda's doing, since the SDK cannot write any.
func (t *Tracer) Describe(ctx context.Context, results []event.Result) {
	if t == nil || !sampled(ctx) {
		return
	}
	segment := xray.GetSegment(ctx)
	if segment == nil {
		return
	}
	counts := map[event.Outcome]int{}
	var upstream []string
	oneClient := len(results) > 0
	for i := range results {
		r := &results[i]
		counts[r.Outcome]++
		oneClient = oneClient && r.ClientID == results[0].ClientID
		if root := traceID.FindString(r.Record.TraceHeader); root != "" && len(upstream) < maxUpstream && !slices.Contains(upstream, root) {
			upstream = append(upstream, root)
		}
	}
	// They fail only for keys and kinds of values that X-Ray does not know.
	_ = segment.AddAnnotation("batch_size", len(results))
	for _, outcome := range event.Outcomes {
		_ = segment.AddAnnotation(string(outcome), counts[outcome])
	}
	if oneClient && results[0].ClientID != "" {
		_ = segment.AddAnnotation("client_id", results[0].ClientID)
	}
	if len(upstream) > 0 {
		_ = segment.AddMetadata("upstream_traces", upstream)
	}
}

// traceID finds the id of a trace in a header, which is a sender's and may hold anything.
var traceID = regexp.MustCompile(`1-[0-9a-f]{8}-[0-9a-f]{24}\b`)

// logger hands on what the SDK says. That no daemon listens is worth a warning once an environment and never an
// error: traces are lost, events are not.
type logger struct{ warned sync.Once }

func (l *logger) Log(level xraylog.LogLevel, message fmt.Stringer) {
	if level < xraylog.LogLevelWarn {
		return
	}
	at := slog.LevelDebug
	l.warned.Do(func() { at = slog.LevelWarn })
	slog.Log(context.Background(), at, "X-Ray", "detail", message.String())
}
