package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"event-processor/internal/emf"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/storetest"
)

// output has the handler log and write metrics as it does in Lambda, into a buffer.
func output(t *testing.T, h *handler, level slog.Level) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: lambdacontext.ReplaceAttr})))
	t.Cleanup(func() { slog.SetDefault(before) })
	h.metrics = emf.New(&out, "event-processor", "test")
	return &out
}

// deliver invokes the handler with a batch of records.
func deliver(t *testing.T, h *handler, records ...map[string]any) {
	t.Helper()
	payload, err := json.Marshal(map[string]any{"Records": records}, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
	if _, err := h.Invoke(ctx, payload); err != nil {
		t.Fatal(err)
	}
}

// lines reads what was written: one JSON object a line, no member twice.
func lines(t *testing.T, out *bytes.Buffer) (read []map[string]any) {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil { // it refuses what is there twice
			t.Errorf("%v: %.300s", err, line)
		}
		limit := 2 << 10
		if l["_aws"] != nil {
			limit = 16 << 10
		}
		if len(line) > limit {
			t.Errorf("a line of %d bytes: %.300s…", len(line), line)
		}
		for i := range len(line) - 1 {
			if line[i] < ' ' {
				t.Errorf("a control character in %.300q", line)
			}
		}
		read = append(read, l)
	}
	return read
}

// TestNoBodyForgesALine sends what people send who want to write into other people's logs, and what is too long.
func TestNoBodyForgesALine(t *testing.T) {
	const secret = "S3CRET"
	forged := "\n" + `{"timestamp":"2026-01-01T00:00:00Z","level":"ERROR","message":"record","outcome":"stored","detail":"` + secret + `"}` + "\n"
	marks := `\","outcome":"stored","x":"` + "\x1b[2J\x1b[31m\x00\r\n\u2028\u202e" + secret
	long := strings.Repeat(secret, 1<<20/len(secret))
	ids := strings.Repeat(`"`, 128) // printable, so it is fit for a line: the longest that it becomes
	envelope := func(client, id, kind, version, at, correlation, payload string) string {
		text, err := json.Marshal(map[string]string{
			"clientId": client, "eventId": id, "eventType": kind, "version": version, "timestamp": at, "correlationId": correlation,
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSuffix(string(text), "}") + `,"payload":` + payload + "}"
	}
	quote := func(s string) string {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const uuid, at = "0b5a3f0e-6a52-4c0b-9c39-1f1d3b0a7a11", "2026-01-15T10:30:00Z"
	bodies := map[string]string{
		"not JSON, but a line":         forged,
		"JSON, then a line":            `{"eventId":"x"}` + forged,
		"marks in every field":         envelope(marks, marks, marks, marks, marks, marks, `{"`+secret+`":1}`),
		"a line in every field":        envelope(forged, forged, forged, forged, forged, forged, quote(forged)),
		"1 MB in every field":          envelope(long, long, long, long, long, long, quote(long)),
		"100 KB in a field":            envelope("client-001", uuid, "integration", "1.0", at, "c", `{"source":1,"target":`+quote(long[:100_000])+`}`),
		"the longest ids":              envelope(ids, ids, ids, "1.0", at, ids, `{"a":"`+secret+`"}`),
		"members of many names":        envelope("client-001", uuid, "integration", "1.0", at, "c", `{"`+strings.Repeat(secret, 100)+`":{"`+secret+`\n":[]},"source":[]}`),
		"an envelope of other members": `{"` + secret + `":"` + secret + `","clientId":["` + secret + `"],"eventId":{"` + secret + `":1}}`,
		"not UTF-8":                    `{"eventId":"` + secret + "\xff\xfe" + `"}`,
		"an id that is taken":          envelope("client-001", uuid, "integration", "1.0", at, "c", `{"source":"`+secret+`2","target":"b","operation":"c"}`),
	}
	h, _ := newHandler(t, new(storetest.Memory))
	out := output(t, h, slog.LevelDebug)
	deliver(t, h, map[string]any{
		"messageId": "m-0",
		"body":      envelope("client-001", uuid, "integration", "1.0", at, "c", `{"source":"`+secret+`","target":"b","operation":"c"}`),
	})
	if read := lines(t, out); read[0]["outcome"] != "stored" || strings.Contains(out.String(), secret) {
		t.Errorf("an event that is stored: got\n%s", out)
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			out.Reset()
			deliver(t, h, map[string]any{
				"messageId": "m-1", "receiptHandle": secret, "body": strings.ToValidUTF8(body, "\ufffd"),
				"attributes":        map[string]string{"AWSTraceHeader": "Root=" + forged, "SentTimestamp": forged, "ApproximateReceiveCount": long[:1000]},
				"messageAttributes": map[string]any{"CorrelationId": map[string]string{"stringValue": forged, "dataType": "String"}},
			})
			read := lines(t, out)
			if len(read) != 3 || read[0]["message"] != "record" || read[1]["message"] != "batch" || read[2]["_aws"] == nil {
				t.Fatalf("got %d lines, want those of a record, a batch and its metrics:\n%s", len(read), out)
			}
			if strings.Contains(out.String(), secret) {
				t.Errorf("a piece of the payload:\n%s", out)
			}
			if read[0]["outcome"] != "rejected" {
				t.Errorf("outcome %v, want it rejected", read[0]["outcome"])
			}
		})
	}
}

// TestTheFieldsOfALine pins the names, which are interface: queries use them.
func TestTheFieldsOfALine(t *testing.T) {
	store := new(storetest.Memory)
	h, _ := newHandler(t, store)
	out := output(t, h, slog.LevelInfo)
	record := func(id, body string) map[string]any {
		return map[string]any{
			"messageId": id, "receiptHandle": "r", "body": body, "attributes": map[string]string{"ApproximateReceiveCount": "3"},
			"messageAttributes": map[string]any{"CorrelationId": map[string]string{"stringValue": "c-1"}},
		}
	}
	good := `{"eventId":"0b5a3f0e-6a52-4c0b-9c39-1f1d3b0a7a11","eventType":"integration","clientId":"client-001","timestamp":"2026-01-15T10:30:00Z",` +
		`"version":"1.0","payload":{"source":"a","target":"b","operation":"c"}}`
	deliver(t, h, record("new", good), record("again", good), record("unknown", strings.Replace(good, "client-001", "client-999", 1)))
	store.Down = event.Fail(event.StoreThrottled, errors.New(strings.Repeat("long ", 1000)))
	deliver(t, h, record("failed", good))

	var got []map[string]any
	for _, l := range lines(t, out) {
		if l["_aws"] != nil {
			continue
		}
		for _, name := range []string{"timestamp", "duration_ms"} {
			if l[name] == nil {
				t.Errorf("no %s in %v", name, l)
			}
			delete(l, name)
		}
		if detail, ok := l["detail"].(string); ok {
			if detail == "" || len(detail) > 404 {
				t.Errorf("detail %q", detail)
			}
			delete(l, "detail")
		}
		got = append(got, l)
	}
	line := func(level, messageID, client, outcome, reason string) map[string]any {
		l := map[string]any{
			"level": level, "message": "record", "correlation_id": "c-1", "message_id": messageID, "client_id": client,
			"event_id": "0b5a3f0e-6a52-4c0b-9c39-1f1d3b0a7a11", "event_type": "integration", "outcome": outcome, "receive_count": 3.0,
		}
		if reason != "" {
			l["reason"] = reason
		}
		return l
	}
	batch := func(records, stored, duplicate, rejected, failed float64) map[string]any {
		return map[string]any{
			"level": "INFO", "message": "batch", "records": records, "stored": stored, "duplicate": duplicate, "rejected": rejected, "failed": failed,
		}
	}
	if diff := cmp.Diff([]map[string]any{
		line("INFO", "again", "client-001", "duplicate", ""),
		line("WARN", "unknown", "client-999", "rejected", "unknown_client"),
		batch(3, 1, 1, 1, 0),
		line("WARN", "failed", "client-001", "failed", "store_throttled"),
		batch(1, 0, 0, 0, 1),
	}, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestMetricsAreWrittenAtEveryLevel(t *testing.T) {
	h, _ := newHandler(t, new(storetest.Memory))
	out := output(t, h, slog.LevelError)
	deliver(t, h, map[string]any{"messageId": "m", "body": "{"})
	if read := lines(t, out); len(read) != 1 || read[0]["EventsRejected"] != 1.0 || read[0]["requestId"] != "request-1" {
		t.Errorf("got %v, want the metrics", read)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestTroubleWithMetricsDoesNotFailTheBatch(t *testing.T) {
	h, _ := newHandler(t, new(storetest.Memory))
	output(t, h, slog.LevelError)
	h.metrics = emf.New(brokenPipe{}, "f", "1")
	deliver(t, h, map[string]any{"messageId": "m", "body": "{"})
}

// BenchmarkReportOf100 is what logs, metrics and traces cost in a batch of 100 that is stored.
func BenchmarkReportOf100(b *testing.B) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{ReplaceAttr: lambdacontext.ReplaceAttr})))
	b.Cleanup(func() { slog.SetDefault(before) })
	h, _ := newHandler(b, new(storetest.Memory))
	clients := generate.Clients()
	results := make([]event.Result, 100)
	for i := range results {
		results[i] = event.Result{
			Record:  &event.Record{MessageID: fmt.Sprint(i), SentAt: time.Now()},
			Outcome: event.Stored, ClientID: clients[i%len(clients)].ID, EventType: "integration", CorrelationID: "c",
		}
	}
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd"})
	b.ReportAllocs()
	for b.Loop() {
		batch, done := h.tracer.Step(ctx, "batch")
		h.report(batch, results, time.Now())
		done(nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/record")
}
