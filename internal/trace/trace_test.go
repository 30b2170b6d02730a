package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-xray-sdk-go/xray"
	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
	"event-processor/internal/trace"
)

const root = "1-67a0d2c0-0123456789abcdef01234567"

// invocation is a context as Lambda's runtime makes it.
func invocation(t *testing.T, header string) context.Context {
	return context.WithValue(t.Context(), "x-amzn-trace-id", header) //nolint:staticcheck // the key is aws-lambda-go's
}

// segment is a subsegment as the daemon gets it.
type segment struct {
	Name        string                    `json:"name"`
	ID          string                    `json:"id"`
	TraceID     string                    `json:"trace_id"`
	ParentID    string                    `json:"parent_id"`
	Fault       bool                      `json:"fault"`
	InProgress  bool                      `json:"in_progress"`
	Annotations map[string]any            `json:"annotations"`
	Metadata    map[string]map[string]any `json:"metadata"`
	Subsegments []segment                 `json:"subsegments"`
}

// daemon listens as X-Ray's does, and has the tracer write to it.
func daemon(t *testing.T) (*trace.Tracer, *net.UDPConn) {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("AWS_XRAY_DAEMON_ADDRESS", conn.LocalAddr().String())
	tracer := trace.New()
	// The SDK reads the address when the program starts, before this test could set it.
	if err := xray.Configure(xray.Config{DaemonAddr: conn.LocalAddr().String()}); err != nil {
		t.Fatal(err)
	}
	return tracer, conn
}

func receive(t *testing.T, conn *net.UDPConn) segment {
	t.Helper()
	packet := make([]byte, 64<<10)
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // it is sent already
	n, err := conn.Read(packet)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(packet[:n]), "\n") // after a line for the daemon
	var s segment
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return s
}

func TestTheTraceOfABatch(t *testing.T) {
	tracer, conn := daemon(t)
	ctx := invocation(t, "Root="+root+";Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:x:0")
	records := []event.Record{
		{TraceHeader: "Root=1-67a0d2c0-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad8;Sampled=1"},
		{TraceHeader: "Root=1-67a0d2c0-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad9;Sampled=1"},
		{TraceHeader: "Root=<script>" + strings.Repeat("x", 1000)},
		{},
	}
	var results []event.Result
	for i, outcome := range []event.Outcome{event.Stored, event.Stored, event.Rejected, event.Failed} {
		results = append(results, event.Result{Record: &records[i], ClientID: "client-001", Outcome: outcome})
	}

	ctx, done := tracer.Step(ctx, "batch")
	for _, name := range []string{"validate", "clients", "store", "backoff"} {
		within, ended := tracer.Step(ctx, name)
		if header := tracer.Header(within); !regexp.MustCompile(`^Root=` + root + `;Parent=[0-9a-f]{16};Sampled=1$`).MatchString(header) {
			t.Errorf("header %q", header)
		}
		var err error
		if name == "store" {
			err = errors.New("store_throttled")
		}
		ended(err)
	}
	tracer.Describe(ctx, results)
	done(nil)

	got := receive(t, conn)
	if got.Name != "batch" || got.TraceID != root || got.ParentID != "53995c3f42cd8ad8" || got.InProgress {
		t.Errorf("got %+v, want a subsegment of Lambda's segment", got)
	}
	if diff := cmp.Diff(map[string]any{
		"batch_size": 4.0, "stored": 2.0, "duplicate": 0.0, "rejected": 1.0, "failed": 1.0, "client_id": "client-001",
	}, got.Annotations); diff != "" {
		t.Errorf("annotations: want (-), got (+):\n%s", diff)
	}
	if upstream := fmt.Sprint(got.Metadata["default"]["upstream_traces"]); upstream != "[1-67a0d2c0-aaaaaaaaaaaaaaaaaaaaaaaa]" {
		t.Errorf("upstream traces: %s", upstream)
	}
	var steps []string
	for _, s := range got.Subsegments {
		steps = append(steps, s.Name)
		if s.Fault != (s.Name == "store") {
			t.Errorf("%s: fault %v", s.Name, s.Fault)
		}
	}
	if !slices.Equal(steps, []string{"validate", "clients", "store", "backoff"}) {
		t.Errorf("steps %v", steps)
	}
}

func TestSeveralClientsAreNotOne(t *testing.T) {
	tracer, conn := daemon(t)
	ctx, done := tracer.Step(invocation(t, "Root="+root+";Parent=53995c3f42cd8ad8;Sampled=1"), "batch")
	var results []event.Result
	for i := range 50 {
		header := fmt.Sprintf("Root=1-67a0d2c0-%024x;Sampled=1", i)
		results = append(results, event.Result{Record: &event.Record{TraceHeader: header}, ClientID: fmt.Sprint(i), Outcome: event.Stored})
	}
	tracer.Describe(ctx, results)
	done(nil)
	got := receive(t, conn)
	if _, ok := got.Annotations["client_id"]; ok {
		t.Error("50 clients have one client_id")
	}
	if upstream, _ := got.Metadata["default"]["upstream_traces"].([]any); len(upstream) != 20 {
		t.Errorf("%d traces of senders are named, want 20", len(upstream))
	}
}

// TestOffIsSilentAndCostsNothing: disabled, with no daemon, and not sampled.
func TestOffIsSilentAndCostsNothing(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	sampled := "Root=" + root + ";Parent=53995c3f42cd8ad8;Sampled=1"
	for name, tt := range map[string]struct {
		disabled, address, header string
		off                       bool
	}{
		"disabled":            {disabled: "TRUE", address: "127.0.0.1:2000", header: sampled, off: true},
		"no daemon":           {header: sampled, off: true},
		"not sampled":         {address: "127.0.0.1:2000", header: strings.Replace(sampled, "Sampled=1", "Sampled=0", 1)},
		"not decided":         {address: "127.0.0.1:2000", header: "Root=" + root},
		"outside of a Lambda": {address: "127.0.0.1:2000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_XRAY_SDK_DISABLED", tt.disabled)
			t.Setenv("AWS_XRAY_DAEMON_ADDRESS", tt.address)
			tracer := trace.New()
			if (tracer == nil) != tt.off {
				t.Fatalf("the tracer is off: %v, want %v", tracer == nil, tt.off)
			}
			ctx := invocation(t, tt.header)
			results := []event.Result{{Record: &event.Record{TraceHeader: sampled}}}
			allocations := testing.AllocsPerRun(100, func() {
				batch, done := tracer.Step(ctx, "batch")
				_, ended := tracer.Step(batch, "store")
				ended(nil)
				tracer.Describe(batch, results)
				if tracer.Header(batch) != "" {
					t.Error("a header, and nothing is traced")
				}
				done(nil)
			})
			if allocations != 0 {
				t.Errorf("%v allocations", allocations)
			}
		})
	}
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", log.String())
	}
}

// TestADaemonThatIsAwayIsNoError has a daemon whose port nobody listens on.
func TestADaemonThatIsAwayIsNoError(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo})))
	t.Cleanup(func() { slog.SetDefault(before) })
	tracer, conn := daemon(t)
	_ = conn.Close()
	for range 20 {
		_, done := tracer.Step(invocation(t, "Root="+root+";Parent=53995c3f42cd8ad8;Sampled=1"), "batch")
		done(nil)
		time.Sleep(time.Millisecond) // the refusal comes back
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("%d warnings, want one:\n%s", n, log.String())
	}
}
