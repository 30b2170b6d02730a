package emf_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v5"

	"event-processor/internal/emf"
	"event-processor/internal/event"
)

var now = time.UnixMilli(1_770_000_000_000)

// result of a record that was sent so many milliseconds ago.
func result(client string, outcome event.Outcome, reason event.Reason, age int64) event.Result {
	return event.Result{
		Record:   &event.Record{SentAt: now.Add(-time.Duration(age) * time.Millisecond)},
		ClientID: client, Outcome: outcome, Reason: reason,
	}
}

// write has the writer write one line and reads it by the specification.
func write(t *testing.T, w *emf.Writer, out *bytes.Buffer, results []event.Result) map[string]any {
	t.Helper()
	out.Reset()
	if err := w.Batch("request-1", results, now, 12*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 || !bytes.HasSuffix(out.Bytes(), []byte("\n")) {
		t.Fatalf("got %d lines, want one: %s", n, out)
	}
	return check(t, out.Bytes())
}

// check validates a line against the specification's schema, and what a schema cannot say: that each metric and
// dimension is a member of the line. It returns the line.
func check(t *testing.T, text []byte) map[string]any {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.Draft = jsonschema.Draft2020
	schema := compiler.MustCompile("testdata/emf.schema.json")
	target := compiler.MustCompile("testdata/emf.schema.json#/$defs/target")
	var line map[string]any
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := schema.Validate(line); err != nil {
		t.Errorf("%#v\n%s", err, text)
	}
	for _, d := range line["_aws"].(map[string]any)["CloudWatchMetrics"].([]any) {
		directive := d.(map[string]any)
		for _, m := range directive["Metrics"].([]any) {
			metric := m.(map[string]any)
			if err := target.Validate(line[metric["Name"].(string)]); err != nil {
				t.Errorf("%s: %v", metric["Name"], err)
			}
			if unit, _ := metric["Unit"].(string); !slices.Contains(emf.Metrics(), emf.Metric{Name: metric["Name"].(string), Unit: unit}) {
				t.Errorf("%v is not in the list of metrics", metric)
			}
		}
		for _, set := range directive["Dimensions"].([]any) {
			for _, name := range set.([]any) {
				if value, _ := line[name.(string)].(string); value == "" || len(value) > 1024 {
					t.Errorf("dimension %s has the value %q", name, value)
				}
			}
		}
	}
	return line
}

func TestTheLineOfABatch(t *testing.T) {
	var out bytes.Buffer
	w := emf.New(&out, "event-processor", "1.2.3")
	got := write(t, w, &out, []event.Result{
		result("client-001", event.Stored, "", 5),
		result("client-002", event.Rejected, event.SchemaViolation, 7),
		result("client-002", event.Rejected, event.SchemaViolation, 8),
		result("client-002", event.Failed, event.StoreThrottled, -3), // the queue's clock is ahead
		result("client-001", event.Duplicate, "", 1000),
		result(`"`+"\n\x1b", event.Rejected, event.UnknownClient, 0),
	})
	delete(got, "_aws")
	if diff := cmp.Diff(map[string]any{
		"EventsStored": 1.0, "EventsDuplicate": 1.0, "EventsRejected": 3.0, "EventsFailed": 1.0,
		"Rejected_schema_violation": 2.0, "Rejected_unknown_client": 1.0, "Failed_store_throttled": 1.0,
		"BatchSize": 6.0, "BatchDuration": 12.0, "EventAge": []any{5.0, 7.0, 8.0, 0.0, 1000.0, 0.0}, "ColdStart": 1.0,
		"FunctionName": "event-processor", "version": "1.2.3", "requestId": "request-1",
		"clients": []any{
			map[string]any{"client_id": "client-002", "stored": 0.0, "duplicate": 0.0, "rejected": 2.0, "failed": 1.0},
			map[string]any{"client_id": "client-001", "stored": 1.0, "duplicate": 1.0, "rejected": 0.0, "failed": 0.0},
			map[string]any{"client_id": "\"\n\x1b", "stored": 0.0, "duplicate": 0.0, "rejected": 1.0, "failed": 0.0},
		},
	}, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	if got := write(t, w, &out, []event.Result{result("c", event.Stored, "", 1)}); got["ColdStart"] != nil {
		t.Error("the second batch of an environment is called a cold start")
	}
}

func TestEveryReasonAndAnEmptyBatchAreValid(t *testing.T) {
	var out bytes.Buffer
	w := emf.New(&out, "", "")
	var all []event.Result
	for _, reason := range append(slices.Clone(event.PermanentReasons), event.TransientReasons...) {
		outcome := event.Failed
		if reason.Permanent() {
			outcome = event.Rejected
		}
		all = append(all, result("c", outcome, reason, 1))
	}
	line := write(t, w, &out, all)
	for _, m := range emf.Metrics() {
		if line[m.Name] == nil {
			t.Errorf("%s is in the list of metrics and not in a batch with all reasons", m.Name)
		}
	}
	line = write(t, w, &out, nil)
	if line["BatchSize"] != 0.0 || line["EventAge"] != nil {
		t.Errorf("an empty batch: %s", out.String())
	}
}

// TestALargeBatchStaysInBounds has ten thousand records, each of a client of its own.
func TestALargeBatchStaysInBounds(t *testing.T) {
	var out bytes.Buffer
	var results []event.Result
	for i := range int64(10_000) {
		results = append(results, result(fmt.Sprintf("%s-%d", strings.Repeat("c", 90), i), event.Stored, "", (i*7919)%10_000)) // each age once
	}
	results = append(results, result("large", event.Rejected, event.MalformedJSON, 5), result("large", event.Stored, "", 5))
	line := write(t, emf.New(&out, "f", "1"), &out, results)
	if out.Len() > 16<<10 {
		t.Errorf("%d bytes", out.Len())
	}
	ages := line["EventAge"].([]any)
	for p, want := range map[int]float64{0: 0, 50: 5050, 90: 9090, 99: 9999} {
		if got := ages[p].(float64); math.Abs(got-want) > 50 {
			t.Errorf("value %d of the ages is %v, want about %v", p, got, want)
		}
	}
	clients, others := line["clients"].([]any), line["other_clients"].(map[string]any)
	if len(clients) != 20 || clients[0].(map[string]any)["client_id"] != "large" {
		t.Errorf("%d clients, the first is %v", len(clients), clients[0])
	}
	if others["clients"] != 9981.0 || others["stored"] != 9981.0 || others["rejected"] != 0.0 {
		t.Errorf("the others: %v", others)
	}
}

// writes counts calls.
type writes int

func (w *writes) Write(p []byte) (int, error) { *w++; return len(p), nil }

func TestOneWriteABatch(t *testing.T) {
	var out writes
	w := emf.New(&out, "f", "1")
	for range 3 {
		if err := w.Batch("r", []event.Result{result("c", event.Stored, "", 1)}, now, 0); err != nil {
			t.Fatal(err)
		}
	}
	if out != 3 {
		t.Errorf("%d writes for 3 batches", out)
	}
}

func BenchmarkBatchOf100(b *testing.B) {
	results := make([]event.Result, 100)
	for i := range results {
		results[i] = result(fmt.Sprintf("client-%03d", i%5), event.Stored, "", int64(20+i))
	}
	w := emf.New(io.Discard, "event-processor", "1.0.0")
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Batch("8476a536-e9f4-11e8-9739-2dfe598c3fcd", results, now, 20*time.Millisecond); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/record")
}
