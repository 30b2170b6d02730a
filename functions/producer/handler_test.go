package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/internal/trace"
)

// memoryQueue keeps what is sent.
type memoryQueue struct {
	refuse func(queue.Message) error // nil takes everything
	sent   []queue.Message
	at     []time.Time // when each arrived
}

func (q *memoryQueue) SendAll(ctx context.Context, messages []queue.Message) []error {
	errs := make([]error, len(messages))
	for i, m := range messages {
		if errs[i] = ctx.Err(); errs[i] != nil {
			continue
		}
		if q.refuse != nil {
			if errs[i] = q.refuse(m); errs[i] != nil {
				continue
			}
		}
		q.sent = append(q.sent, m)
		q.at = append(q.at, time.Now())
	}
	return errs
}

// memoryClients is a table of clients.
type memoryClients struct {
	err   error
	names map[string]string
	calls int
}

func (c *memoryClients) CreateMissing(_ context.Context, clients []event.Client) (created []string, err error) {
	c.calls++
	if c.err != nil {
		return nil, c.err
	}
	for _, client := range clients {
		if _, ok := c.names[client.ID]; !ok {
			c.names[client.ID] = client.Name
			created = append(created, client.ID)
		}
	}
	return created, nil
}

func newHandler(q *memoryQueue) *handler {
	return &handler{queue: q, maxBodyBytes: 4096, deadlineMargin: 2 * time.Second, fairQueue: true}
}

func handle(t *testing.T, h *handler, request string) response {
	t.Helper()
	answer, err := h.Handle(t.Context(), json.RawMessage(request))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestAnswersInTheShapeThatIsFixed(t *testing.T) {
	answer := handle(t, newHandler(&memoryQueue{}), `{"count":0}`)
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"sent":0,"failed":0,"byClient":{},"eventIds":[],"expected":{"stored":0,"duplicate":0,"rejected":{}}}`
	if got := string(text); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSendsWhatIsAskedFor(t *testing.T) {
	q := &memoryQueue{}
	answer := handle(t, newHandler(q), `{"count":2500,"invalid":0.1,"duplicates":0.05,"rate":0,"seed":1}`)
	if answer.Sent != len(q.sent) || answer.Failed != 0 || answer.Error != "" {
		t.Errorf("got %d sent and %d failed (%s), %d arrived", answer.Sent, answer.Failed, answer.Error, len(q.sent))
	}
	rejected := 0
	for _, n := range answer.Expected.Rejected {
		rejected += n
	}
	// 2,250 good ones, of which 5 % = 112.5 come twice.
	if got := [3]int{answer.Expected.Stored, answer.Expected.Duplicate, rejected}; got != [3]int{2250, 113, 250} {
		t.Errorf("expected are %v, want [2250 113 250]", got)
	}
	conflicts := answer.Expected.Rejected[event.EventIDConflict]
	if conflicts == 0 || len(answer.EventIDs) != 2500-conflicts {
		t.Errorf("got %d ids, want one for each of 2500 events except %d conflicts", len(answer.EventIDs), conflicts)
	}
	byClient := map[string]int{}
	for _, m := range q.sent {
		byClient[m.Attributes["ClientId"]]++
		if m.GroupID != m.Attributes["ClientId"] || m.Attributes["EventType"] == "" || m.Attributes["CorrelationId"] == "" {
			t.Fatalf("group %q, attributes %v", m.GroupID, m.Attributes)
		}
	}
	if diff := cmp.Diff(byClient, answer.ByClient); diff != "" {
		t.Errorf("by client: %s", diff)
	}
}

func TestEmptyRequestSends50(t *testing.T) {
	for _, request := range []string{`{}`, `{"count":null}`, `null`} {
		if answer := handle(t, newHandler(&memoryQueue{}), request); answer.Sent != defaultCount {
			t.Errorf("%s: got %d", request, answer.Sent)
		}
	}
}

func TestSeedRepeatsARun(t *testing.T) {
	const request = `{"count":100,"invalid":0.3,"duplicates":0.2,"seed":18446744073709551615}`
	first, second := &memoryQueue{}, &memoryQueue{}
	handle(t, newHandler(first), request)
	handle(t, newHandler(second), request)
	if diff := cmp.Diff(first.sent, second.sent); diff != "" {
		t.Error(diff)
	}
}

func TestSendsOwnEventsByteForByte(t *testing.T) {
	q := &memoryQueue{}
	own := []string{
		`{ "eventId" : "e-1", "clientId":"acme",  "amount": 1.50, "amount": 2e400, "eventType":"x", "correlationId":"c-1" }`,
		`{"clientId":7}`,
		`"text"`,
		`null`,
	}
	answer := handle(t, newHandler(q), `{"events":[`+strings.Join(own, ", ")+`]}`)
	var got []string
	for _, m := range q.sent {
		got = append(got, m.Body)
	}
	if diff := cmp.Diff(own, got); diff != "" {
		t.Error(diff)
	}
	want := map[string]string{"ClientId": "acme", "EventType": "x", "CorrelationId": "c-1"}
	if diff := cmp.Diff(want, q.sent[0].Attributes); diff != "" || q.sent[0].GroupID != "acme" {
		t.Errorf("group %s, attributes %s", q.sent[0].GroupID, diff)
	}
	if answer.Sent != 4 || answer.Expected != nil || !slices.Equal(answer.EventIDs, []string{"e-1"}) {
		t.Errorf("got %+v", answer)
	}
}

func TestGroupsOnlyOnAFairQueue(t *testing.T) {
	q := &memoryQueue{}
	h := newHandler(q)
	h.fairQueue = false
	handle(t, h, `{"count":5}`)
	for _, m := range q.sent {
		if m.GroupID != "" {
			t.Errorf("got group %q", m.GroupID)
		}
	}
}

func TestCountsWhatFails(t *testing.T) {
	q := &memoryQueue{refuse: func(m queue.Message) error {
		if m.GroupID == "client-004" {
			return errors.New("away")
		}
		return nil
	}}
	answer := handle(t, newHandler(q), `{"count":200}`)
	if answer.Sent+answer.Failed != 200 || answer.Failed == 0 || answer.Sent != len(q.sent) || answer.ByClient["client-004"] != 0 {
		t.Errorf("got %+v, %d arrived", answer, len(q.sent))
	}
	if answer.Error != "away" || answer.Expected != nil || len(answer.EventIDs) != answer.Sent {
		t.Errorf("got %+v", answer)
	}
}

// small is a queue that takes no more than so many bytes of a body.
func small(limit int) *memoryQueue {
	return &memoryQueue{refuse: func(m queue.Message) error {
		if len(m.Body) > limit {
			return &queue.TooLargeError{Bytes: len(m.Body), Limit: limit}
		}
		return nil
	}}
}

func TestWhatIsTooLargeForTheQueueIsNamedAsSuch(t *testing.T) {
	const limit = 4096 // as much as a body may have: only what is to be too large is
	for name, request := range map[string]string{
		"at once":       `{"count":500,"invalid":0.5,"duplicates":0.1,"seed":7}`,
		"one at a time": `{"count":500,"invalid":0.5,"duplicates":0.1,"seed":7,"rate":10}`, // a call of its own fails nothing else
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				whole := handle(t, newHandler(&memoryQueue{}), request)
				want := *whole.Expected
				large := want.Rejected[event.EventTooLarge]
				if large < 2 {
					t.Fatalf("the run has %d events that are too large", large)
				}
				q := small(limit)
				answer := handle(t, newHandler(q), request)
				if answer.TooLarge != large || answer.Failed != 0 || answer.Error != "" ||
					answer.Sent != whole.Sent-large || answer.Sent != len(q.sent) {
					t.Errorf("got %d sent, %d failed (%s), %d too large of %d; %d arrived",
						answer.Sent, answer.Failed, answer.Error, answer.TooLarge, large, len(q.sent))
				}
				delete(want.Rejected, event.EventTooLarge)
				if diff := cmp.Diff(&want, answer.Expected); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestExpectsNothingWhereAGoodEventIsTooLarge(t *testing.T) {
	answer := handle(t, newHandler(small(300)), `{"count":100,"seed":1}`)
	if answer.TooLarge == 0 || answer.Failed != 0 || answer.Sent+answer.TooLarge != 100 || answer.Expected != nil {
		t.Errorf("got %d sent, %d failed, %d too large, expected %v", answer.Sent, answer.Failed, answer.TooLarge, answer.Expected)
	}
}

func TestAnswersWhatIsTooLarge(t *testing.T) {
	out := logged(t)
	answer := handle(t, newHandler(small(20)), `{"events":[{"eventId":"e-1","payload":{"secret":"4711"}},{"eventId":"e-2"}]}`)
	text, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"sent":1,"failed":0,"tooLarge":1,"byClient":{"":1},"eventIds":["e-2"]}`
	if got := string(text); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	line, _, _ := strings.Cut(out.String(), "\n")
	for _, want := range []string{`"level":"ERROR"`, `"msg":"❌ Event too large for the queue e-1"`, `"bytes":45`, `"limit_bytes":20`} {
		if !strings.Contains(line, want) {
			t.Errorf("got %s, want something with %s", line, want)
		}
	}
	if strings.Contains(out.String(), "4711") || strings.Contains(out.String(), "not sent") {
		t.Errorf("got %s", out.String())
	}
}

func TestStopsWhereTheQueueIsAway(t *testing.T) {
	tries := 0
	q := &memoryQueue{refuse: func(queue.Message) error { tries++; return errors.New("away") }}
	answer := handle(t, newHandler(q), `{"count":100000}`)
	if answer.Sent != 0 || answer.Failed != 100_000 || tries != chunk {
		t.Errorf("got %d sent, %d failed after %d tries", answer.Sent, answer.Failed, tries)
	}
}

func TestKeepsToItsRate(t *testing.T) {
	for perSecond, count := range map[int]int{1: 6, 7: 30, 50: 200, 5000: 20_000} {
		synctest.Test(t, func(t *testing.T) {
			q := &memoryQueue{}
			handle(t, newHandler(q), fmt.Sprintf(`{"count":%d,"rate":%d}`, count, perSecond))
			took := q.at[len(q.at)-1].Sub(q.at[0]).Seconds()
			got := float64(count) / took
			if want := float64(perSecond); len(q.sent) != count || got < want*0.99 || got > want*1.25 {
				t.Errorf("%d events at %d a second took %.2f s", len(q.sent), perSecond, took)
			}
		})
	}
}

func TestStopsBeforeTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &memoryQueue{refuse: func(queue.Message) error { time.Sleep(time.Millisecond); return nil }}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		started := time.Now()
		answer, err := newHandler(slow).Handle(ctx, json.RawMessage(`{"count":20000}`))
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took != 8*time.Second {
			t.Errorf("answered after %v, want 8s", took)
		}
		if answer.Sent != 8000 || answer.Failed != 12_000 || answer.Error == "" {
			t.Errorf("got %d sent, %d failed, %q", answer.Sent, answer.Failed, answer.Error)
		}
	})
}

func TestRefusesWhatCannotBe(t *testing.T) {
	tooMany := `{"events":[` + strings.Repeat("0,", generate.MaxCount) + `0]}`
	for name, tt := range map[string]struct {
		request string
		want    []string
	}{
		"not an object":          {`[]`, []string{"not a JSON object"}},
		"unknown members":        {`{"cuont":5,"Count":6}`, []string{`"cuont": no such member`, `"Count": no such member`, "there are clients, count"}},
		"negative count":         {`{"count":-1}`, []string{"count: -1"}},
		"count too large":        {`{"count":100001}`, []string{"count: 100001"}},
		"count no number":        {`{"count":"5"}`, []string{"count: must be a whole number"}},
		"count not whole":        {`{"count":1.5}`, []string{"count: must be a whole number"}},
		"rate negative":          {`{"rate":-1}`, []string{"rate: -1"}},
		"rate beyond":            {`{"rate":1e999}`, []string{"rate: must be"}},
		"shares":                 {`{"invalid":2,"duplicates":-0.5}`, []string{"invalid: 2", "duplicates: -0.5"}},
		"seed negative":          {`{"seed":-1}`, []string{"seed: must be"}},
		"unknown client":         {`{"clients":["acme"]}`, []string{`clients: "acme"`}},
		"unknown type":           {`{"types":["telemetry"]}`, []string{`types: "telemetry"`}},
		"type not allowed":       {`{"clients":["client-001"],"types":["monitoring"]}`, []string{"types: none"}},
		"count and events":       {`{"count":1,"seed":1,"events":[]}`, []string{"count: does not go together", "seed: does not"}},
		"too many events":        {tooMany, []string{"events: 100001"}},
		"rate too low":           {`{"count":1000,"rate":10}`, []string{"rate: 1000 messages at 10 a second take 100 s", "only 58 s are left"}},
		"rate low beyond belief": {`{"rate":1e-300}`, []string{"rate: 50 messages at 1e-300"}},
		"rate and own events":    {`{"rate":0.001,"events":[{},{}]}`, []string{"rate: 2 messages"}},
		"all at once":            {`{"count":-1,"rate":-2,"x":1,"types":["y"]}`, []string{"count:", "rate:", `"x":`, "types:"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				q := &memoryQueue{}
				_, err := newHandler(q).Handle(ctx, json.RawMessage(tt.request))
				if err == nil {
					t.Fatal("got no error")
				}
				for _, want := range tt.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("got %q, want something with %q", err, want)
					}
				}
				if len(q.sent) > 0 {
					t.Errorf("%d events were sent all the same", len(q.sent))
				}
			})
		})
	}
}

func TestCreatesSampleClientsOncePerEnvironment(t *testing.T) {
	clients := &memoryClients{names: map[string]string{"client-003": "changed by hand"}}
	h := newHandler(&memoryQueue{})
	h.clients = clients

	clients.err = errors.New("ResourceNotFoundException")
	_, err := h.Handle(t.Context(), json.RawMessage(`{"count":1}`))
	if err == nil || !strings.Contains(err.Error(), "SampleClients=true") || !errors.Is(err, clients.err) {
		t.Errorf("got %v", err)
	}
	clients.err = nil
	handle(t, h, `{"count":1}`)
	handle(t, h, `{"count":1}`)
	if clients.calls != 2 { // the one that failed, and the one that did not
		t.Errorf("asked %d times, want 2", clients.calls)
	}
	if len(clients.names) != 5 || clients.names["client-003"] != "changed by hand" {
		t.Errorf("got %v", clients.names)
	}
}

// logged is what is logged during a test.
func logged(t *testing.T) *bytes.Buffer {
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&out, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return &out
}

func TestLogsALinePerEventWithoutThePayload(t *testing.T) {
	out := logged(t)
	answer := handle(t, newHandler(&memoryQueue{}), `{"events":[{"eventId":"e-1","payload":{"secret":"4711"}},{"eventId":"e-2"}]}`)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != answer.Sent+1 {
		t.Fatalf("got %d lines:\n%s", len(lines), out.String())
	}
	for i, id := range answer.EventIDs {
		if !strings.Contains(lines[i], `"msg":"✅ Sent event `+id+`"`) {
			t.Errorf("got %s", lines[i])
		}
	}
	if strings.Contains(out.String(), "4711") {
		t.Error("the payload is in the log")
	}

	out.Reset()
	long := strings.Repeat("x", 200_000) + `\n{\"level\":\"ERROR\"}`
	handle(t, newHandler(&memoryQueue{}), `{"events":[{"eventId":"`+long+`","clientId":"`+long+`","eventType":"`+long+`","correlationId":"`+long+`"}]}`)
	if lines := strings.Count(out.String(), "\n"); lines != 2 || out.Len() > 2<<10 {
		t.Errorf("a caller's long ids make %d lines of %d bytes", lines, out.Len())
	}
}

func TestMessagesCarryTheTraceInWhichTheyAreSent(t *testing.T) {
	t.Setenv("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000") // as in Lambda; nobody listens
	const root = "1-67a0d2c0-0123456789abcdef01234567"
	for header, want := range map[string]string{
		"Root=" + root + ";Parent=53995c3f42cd8ad8;Sampled=1": "^Root=" + root + ";Parent=[0-9a-f]{16};Sampled=1$",
		"Root=" + root + ";Parent=53995c3f42cd8ad8;Sampled=0": "^$",
		"": "^$",
	} {
		q := &memoryQueue{}
		h := newHandler(q)
		h.tracer = trace.New()
		ctx := context.WithValue(t.Context(), "x-amzn-trace-id", header) //nolint:staticcheck // the key is aws-lambda-go's
		if _, err := h.Handle(ctx, json.RawMessage(`{"count":1}`)); err != nil {
			t.Fatal(err)
		}
		if got := q.sent[0].TraceHeader; !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("with %q a message carries %q, want %s", header, got, want)
		}
	}
}

func TestMissingAndImpossibleSettingsAreAllNamed(t *testing.T) {
	all := map[string]string{
		"QUEUE_URL": "http://localhost/queue", "CLIENTS_TABLE": "clients", "SAMPLE_CLIENTS": "true", "MAX_BODY_BYTES": "262144",
		"DEADLINE_MARGIN": "2s", "FAIR_QUEUE": "false", "LOG_LEVEL": "debug", "VERSION": "1",
	}
	for name, tt := range map[string]struct {
		change map[string]string
		want   []string
	}{
		"good":           {nil, nil},
		"missing":        {map[string]string{"QUEUE_URL": "", "CLIENTS_TABLE": ""}, []string{"QUEUE_URL", "CLIENTS_TABLE"}},
		"not of a kind":  {map[string]string{"SAMPLE_CLIENTS": "x", "DEADLINE_MARGIN": "2", "LOG_LEVEL": "loud"}, []string{"SampleClients", "DeadlineMargin", "LogLevel"}},
		"out of bounds":  {map[string]string{"MAX_BODY_BYTES": "409600", "DEADLINE_MARGIN": "0s"}, []string{"MAX_BODY_BYTES", "DEADLINE_MARGIN"}},
		"the levels: up": {map[string]string{"LOG_LEVEL": "WARN"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			environment := maps.Clone(all)
			maps.Copy(environment, tt.change)
			for k, v := range environment {
				t.Setenv(k, v)
			}
			_, err := load()
			if (err != nil) != (tt.want != nil) {
				t.Fatalf("got %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want something with %q", err, want)
				}
			}
		})
	}
}
