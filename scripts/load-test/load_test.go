package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"event-processor/internal/account"
	"event-processor/internal/event"
	"event-processor/internal/generate"
	"event-processor/internal/queue"
	"event-processor/internal/queuetest"
	"event-processor/internal/report"
	"event-processor/internal/stack"
)

func ptr[T any](v T) *T { return &v }

func TestPlanOf(t *testing.T) {
	for name, tt := range map[string]struct {
		options options
		want    plan
		err     string
	}{
		"nothing said":         {options{}, plan{Name: "burst", Events: 20_000}, ""},
		"normal":               {options{Profile: "normal"}, plan{Name: "normal", Rate: 5, Events: 1500}, ""},
		"peak":                 {options{Profile: "peak"}, plan{Name: "peak", Rate: 20, Events: 6000}, ""},
		"sustained, but short": {options{Profile: "sustained", Events: ptr(100)}, plan{Name: "sustained", Rate: 10, Events: 100}, ""},
		"a minute of a rate":   {options{Rate: 50}, plan{Name: "rate", Rate: 50, Events: 3000}, ""},
		"a very low rate":      {options{Rate: 0.001}, plan{Name: "rate", Rate: 0.001, Events: 1}, ""},
		"no events":            {options{Events: ptr(0)}, plan{}, "--events: at least 1"},
		"fewer than none":      {options{Events: ptr(-1)}, plan{}, "--events: at least 1"},
		"its own clients":      {options{Clients: 20}, plan{Name: "burst", Events: 20_000, Clients: 20, Skew: 1}, ""},
		"its own, even":        {options{Clients: 20, Skew: ptr(0.)}, plan{Name: "burst", Events: 20_000, Clients: 20}, ""},
		"the samples, skewed":  {options{Skew: ptr(1.5)}, plan{Name: "burst", Events: 20_000, Skew: 1.5}, ""},
		"no such profile":      {options{Profile: "huge"}, plan{}, "there are burst, normal, peak, sustained"},
		"below zero":           {options{Rate: -1}, plan{}, "not below 0"},
		"too many clients":     {options{Clients: 1001}, plan{}, "at most 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := planOf(&tt.options)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v, want %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreUnexported(plan{})); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
}

// TestAnySeedIsASeed has 0, too, among those that are asked for.
func TestAnySeedIsASeed(t *testing.T) {
	for _, seed := range []uint64{0, 1, 1 << 53} {
		if p, err := planOf(&options{Seed: &seed}); err != nil || p.seed != seed {
			t.Errorf("--seed %d: got %d %v", seed, p.seed, err)
		}
	}
	one, _ := planOf(&options{})
	two, _ := planOf(&options{})
	if one.seed == two.seed {
		t.Errorf("two runs without a seed have the same, %d", one.seed)
	}
}

func TestHoldBack(t *testing.T) {
	for name, tt := range map[string]struct {
		plan  plan
		local bool
		want  int
	}{
		"a burst on a local cloud": {plan{}, true, 1000},
		"a burst on AWS":           {plan{}, false, 0},
		"a rate is a rate":         {plan{Rate: 5}, true, 0},
		"as it was asked for":      {plan{maxBacklog: ptr(0)}, true, 0},
	} {
		if got := holdBack(tt.plan, tt.local); got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
}

// TestOwnClientsMakeARun has them speak: all of the active ones, and every kind of fault.
func TestOwnClientsMakeARun(t *testing.T) {
	own := ownClients(1000, "load-12ab34cd-")
	run, err := generate.New(generate.Options{Count: 20_000, Own: own, Invalid: 0.1, Seed: ptr(uint64(1)), MaxBodyBytes: 4096}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	clients, reasons := map[string]int{}, map[event.Reason]bool{}
	for m := range run.All() {
		clients[m.ClientID]++
		reasons[m.Reason] = true
	}
	for _, c := range own {
		if clients[c.ID] == 0 {
			t.Errorf("%s sends nothing", c.ID)
		}
		if len(c.ID) > 20 {
			t.Errorf("%s makes the item larger than the sample clients do", c.ID)
		}
	}
	if !reasons[event.ClientInactive] || !reasons[event.TypeNotAllowed] {
		t.Errorf("got only %v", reasons)
	}
}

// crowd is a table of clients in memory.
type crowd struct {
	there map[string]bool
	fail  error // of the creation of the second client
}

func (c *crowd) CreateMissing(_ context.Context, clients []event.Client) (created []string, err error) {
	for i, client := range clients {
		if i == 1 && c.fail != nil {
			return created, c.fail
		}
		if !c.there[client.ID] {
			c.there[client.ID] = true
			created = append(created, client.ID)
		}
	}
	return created, nil
}

func (c *crowd) Find(context.Context, []string) (map[string]*event.Client, error) { return nil, nil }

func (c *crowd) Remove(_ context.Context, ids []string) error {
	for _, id := range ids {
		delete(c.there, id)
	}
	return nil
}

// TestARunLeavesOthersClientsAlone where another run has all, or one, of the ids that it would take.
func TestARunLeavesOthersClientsAlone(t *testing.T) {
	const tag = 0x12ab34cd
	for name, others := range map[string][]string{
		"nobody's are there": nil,
		"all are":            {"load-12ab34cd-001", "load-12ab34cd-002", "load-12ab34cd-003", "load-12ab34cd-off"},
		"one is":             {"load-12ab34cd-003"},
	} {
		t.Run(name, func(t *testing.T) {
			table := &crowd{there: map[string]bool{"client-001": true}}
			for _, id := range others {
				table.there[id] = true
			}
			before := maps.Clone(table.there)
			w := &speakers{table: table}
			if err := w.create(t.Context(), 3, tag); err != nil {
				t.Fatal(err)
			}
			if got := len(table.there) - len(before); got != 4 {
				t.Errorf("%d clients were added, want 4 and nothing of the tries before", got)
			}
			for _, c := range w.own {
				if before[c.ID] || !table.there[c.ID] {
					t.Errorf("%s speaks, which is another run's or not there", c.ID)
				}
			}
			if same := strings.HasPrefix(w.own[0].ID, "load-12ab34cd-"); same != (len(others) == 0) {
				t.Errorf("the ids are %s…", w.own[0].ID)
			}
			w.remove(t.Context())
			if diff := cmp.Diff(before, table.there); diff != "" {
				t.Errorf("what is left (-before +after):\n%s", diff)
			}
		})
	}
}

func TestClientsThatCannotBeCreatedAreNotLeftBehind(t *testing.T) {
	table := &crowd{there: map[string]bool{}, fail: errors.New("throttled")}
	if err := (&speakers{table: table}).create(t.Context(), 3, 1); !errors.Is(err, table.fail) {
		t.Errorf("got %v", err)
	}
	if len(table.there) > 0 {
		t.Errorf("%v are left", table.there)
	}
}

func TestLatencyOf(t *testing.T) {
	var millis []float64
	for i := 100; i >= 1; i-- {
		millis = append(millis, float64(i))
	}
	if diff := cmp.Diff(latency{P50: 50, P95: 95, P99: 99, Max: 100, Mean: 50.5}, latencyOf(millis)); diff != "" {
		t.Error(diff)
	}
	if got := latencyOf([]float64{7}); got != (latency{7, 7, 7, 7, 7}) {
		t.Errorf("got %v", got)
	}
	if got := latencyOf(nil); got != (latency{}) {
		t.Errorf("got %v", got)
	}
}

var began = time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)

// after is an event received and stored so many milliseconds after the start.
func after(received, processed int) kept {
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	return kept{at(received), at(processed), 900}
}

func TestIntervals(t *testing.T) {
	parts, seconds := intervals([]kept{after(0, 100), after(0, 300), after(1500, 2500), after(1600, 1590)})
	want := []interval{
		{Second: 0.5, Stored: 2, Latency: latency{100, 300, 300, 300, 200}},
		{Second: 1.5, Stored: 1, Latency: latency{}}, // two clocks
		{Second: 2.5, Stored: 1, Latency: latency{1000, 1000, 1000, 1000, 1000}},
	}
	if diff := cmp.Diff(want, parts); seconds != 1 || diff != "" {
		t.Errorf("%v s %s", seconds, diff)
	}
	if parts, seconds := intervals([]kept{after(0, 1), after(0, 900_000)}); seconds != 6 || len(parts) != 151 {
		t.Errorf("a quarter of an hour has %d parts of %v s, want 151 of 6", len(parts), seconds)
	}
}

func TestReadInvocation(t *testing.T) {
	for name, line := range map[string]string{
		"text": "REPORT RequestId: 5f0c\tDuration: 24.2 ms\tBilled Duration: 25 ms\tMemory Size: 512 MB\tMax Memory Used: 31 MB",
		"JSON": `{"time":"2026-01-15T10:30:00Z","type":"platform.report","record":{"requestId":"5f0c","metrics":{"durationMs":24.2,"billedDurationMs":25,"memorySizeMB":512}}}`,
	} {
		if got, ok := readInvocation(line); !ok || got != (invocation{25 * time.Millisecond, 512}) {
			t.Errorf("%s: got %v %v", name, got, ok)
		}
	}
	for _, line := range []string{"", "START RequestId: 1", `{"type":"platform.start"}`, `{"message":"batch"}`, "{"} {
		if got, ok := readInvocation(line); ok {
			t.Errorf("%q: got %v", line, got)
		}
	}
}

func TestReadBatch(t *testing.T) {
	got, ok := readBatch(`{"level":"INFO","message":"batch","records":10,"stored":7,"duplicate":1,"rejected":2,"failed":0,"duration_ms":21.5}`)
	if want := (batch{"batch", 10, 7, 1, 2, 0, 21.5}); !ok || got != want {
		t.Errorf("got %v %v", got, ok)
	}
	for _, line := range []string{"", `{"message":"record","records":10}`, `{"message":"batch"}`, "REPORT"} {
		if got, ok := readBatch(line); ok {
			t.Errorf("%q: got %v", line, got)
		}
	}
}

// TestWhatIsTooLargeForTheQueueIsNotExpected, and one at a time does not end the run.
func TestWhatIsTooLargeForTheQueueIsNotExpected(t *testing.T) {
	sqs := queuetest.New()
	defer sqs.Close()
	sqs.MaxMessage = 4096
	run, err := generate.New(generate.Options{Count: 100, Invalid: 0.3, Seed: ptr(uint64(1)), MaxBodyBytes: 4096}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tr := &trial{stack: &stack.Stack{}, plan: plan{Rate: 1}, run: run, queue: queue.New(sqs.Config(), sqs.URL("event-queue"), 1), found: newEvidence()}
	large := 0
	for m := range run.All() {
		if m.Reason == event.EventTooLarge {
			large++
		}
		if !tr.put(t.Context(), []generate.Message{m}) {
			t.Fatalf("%s ends the run", m.EventID)
		}
	}
	arrived := len(sqs.Messages("event-queue"))
	if large == 0 || tr.tooLarge != large || tr.notSent != 0 || tr.count() != arrived || arrived != run.Len()-large || tr.requests != arrived {
		t.Errorf("got %d too large, want %d; %d not sent, %d sent, %d arrived of %d, %d requests",
			tr.tooLarge, large, tr.notSent, tr.count(), arrived, run.Len(), tr.requests)
	}
	if r := tr.result(); r.TooLarge != large || r.NotSent != 0 {
		t.Errorf("the result says %d too large, %d not sent", r.TooLarge, r.NotSent)
	}
	sqs.Fate = func(queuetest.Call) queuetest.Fate { return queuetest.Lost }
	if tr.put(t.Context(), []generate.Message{run.Message(0)}) {
		t.Error("a queue that is away does not end the run")
	}
}

// small is a run of 25 messages: 20 stored, two duplicates, a conflict, one too large, one malformed.
func small() *trial {
	t := &trial{stack: &stack.Stack{}, plan: plan{Name: "burst", Events: 23}, requests: 7, large: 1, largeBytes: 262_200, found: newEvidence()}
	for i := range 20 {
		bytes := 900
		if i < 5 {
			bytes = 1025
		}
		k := after(0, 100*i)
		k.bytes = bytes
		t.found.kept = append(t.found.kept, k)
	}
	t.found.batches = []batch{{"batch", 20, 18, 0, 2, 0, 30}, {"batch", 5, 2, 2, 1, 0, 10}, {"batch", 3, 0, 0, 3, 0, 5}}
	t.found.reports = []invocation{{40 * time.Millisecond, 512}, {20 * time.Millisecond, 512}, {4 * time.Millisecond, 512}}
	t.found.Reports = []account.Report{
		{Outcome: event.Duplicate},
		{Outcome: event.Duplicate},
		{Outcome: event.Rejected, Reason: event.EventIDConflict},
		{Outcome: event.Rejected, Reason: event.EventIDConflict},
		{Outcome: event.Rejected, Reason: event.EventTooLarge},
		{Outcome: event.Rejected, Reason: event.EventTooLarge},
		{Outcome: event.Rejected, Reason: event.MalformedJSON},
		{Outcome: event.Rejected, Reason: event.MalformedJSON},
	}
	t.found.account = account.Account{
		Sent: 25, Duplicates: 2, Stored: map[string]map[string]int{"client-001": {"integration": 20}},
		DeadLetters: map[event.Reason]int{event.EventIDConflict: 1, event.EventTooLarge: 1, event.MalformedJSON: 1},
	}
	t.watch.samples = []sample{{0, 0, 0, 0, 0}, {0.5, 25, 10, 5, 0}, {1, 25, 0, 0, 3}, {1.5, 25, 0, 0, 3}}
	return t
}

func TestUsage(t *testing.T) {
	u := small().usage()
	for name, tt := range map[string]struct{ got, want int }{
		"batches":                          {u.Batches, 3},
		"sends":                            {u.Sends, 7},
		"receives, too large ones in five": {u.Receives, 2 + 1 + 1 + 2*4},
		"deletes":                          {u.Deletes, 2 + 1},
		"returns":                          {u.Returns, 1 + 1 + 1},
		"units of items":                   {u.ItemUnits, 15 + 2*5},
		"units for nothing":                {u.ExtraUnits, 5}, // four at 1.25
		"reads":                            {u.ReadUnits, 4},
		"bytes":                            {u.ItemBytes, 15*900 + 5*1025},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %d, want %d", name, tt.got, tt.want)
		}
	}
	if want := 0.064 * 0.5; u.GBSeconds < want-1e-9 || u.GBSeconds > want+1e-9 {
		t.Errorf("got %v GB-seconds, want %v", u.GBSeconds, want)
	}
}

func TestResultInWords(t *testing.T) {
	r := small().result()
	var table, page strings.Builder
	r.print(&table)
	if err := report.Write(&page, r.page()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"balanced: 25 messages = 20 stored + 2 duplicates + 3 rejected", "event_id_conflict", "latency p99", "$ per million"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	for _, want := range []string{"All 25 messages are accounted for", "client-001", "event_too_large", "Lambda: duration"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestResultThatDoesNotBalance(t *testing.T) {
	trial := small()
	trial.found.account.Duplicates, trial.found.account.Missing = 1, map[string]int{"duplicate": 1}
	r := trial.result()
	var table strings.Builder
	r.print(&table)
	if r.Balanced || !strings.Contains(table.String(), "NOT BALANCED") || !strings.Contains(table.String(), "1 not accounted for") {
		t.Errorf("got\n%s", table.String())
	}
	if p := r.page(); p.Good || !strings.Contains(p.Verdict, "1 of 25 messages are not accounted for") {
		t.Errorf("got %q", p.Verdict)
	}
}

// TestAnInterruptedResultSaysSo in its first words, wherever it is read; so does one that was cut short before it
// sent anything, which is nothing good.
func TestAnInterruptedResultSaysSo(t *testing.T) {
	cut := small().result()
	cut.Interrupted, cut.Planned = true, 100
	none := (&trial{stack: &stack.Stack{}, found: newEvidence(), plan: plan{Name: "burst"}}).result()
	none.Interrupted, none.Planned = true, 100
	for want, r := range map[string]*result{
		"Interrupted after 25 of 100 messages. All 25 messages are accounted for": cut,
		"Interrupted after 0 of 100 messages. All 0 messages are accounted for":   none,
	} {
		var table strings.Builder
		r.print(&table)
		if !strings.Contains(table.String(), "\nINTERRUPTED after ") {
			t.Errorf("the terminal does not say so:\n%s", table.String())
		}
		if p := r.page(); p.Good || p.Verdict != want || !strings.HasPrefix(p.About, "Interrupted") {
			t.Errorf("the page says %q, %q, good: %v", p.About, p.Verdict, p.Good)
		}
		folder := t.TempDir()
		if _, err := r.write(folder); err != nil {
			t.Fatal(err)
		}
		numbers, err := os.ReadFile(filepath.Join(folder, "result.json"))
		if err != nil || !strings.HasPrefix(string(numbers), "{\n  \"verdict\": \""+want) {
			t.Errorf("the JSON begins %.80s %v", numbers, err)
		}
	}
}

// TestAReportReplacesNone, not even one of the same second; latest is the newest.
func TestAReportReplacesNone(t *testing.T) {
	root := filepath.Join(t.TempDir(), "reports")
	for i, want := range []string{"2026-01-15T10-30-00", "2026-01-15T10-30-00-2", "2026-01-15T10-30-00-3"} {
		folder, err := newFolder(root, began)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(folder) != want {
			t.Errorf("got %s, want %s", folder, want)
		}
		r := small().result()
		r.Seed = uint64(i)
		if _, err := r.write(folder); err != nil {
			t.Fatal(err)
		}
		if err := pointTo(folder); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{want, "latest"} {
			numbers, err := os.ReadFile(filepath.Join(root, name, "result.json"))
			if err != nil || !strings.Contains(string(numbers), fmt.Sprintf("\"seed\": %d,", i)) {
				t.Errorf("%s is not the report of run %d: %v", name, i, err)
			}
		}
	}
	first, err := os.ReadFile(filepath.Join(root, "2026-01-15T10-30-00", "result.json"))
	if err != nil || !strings.Contains(string(first), `"seed": 0,`) {
		t.Errorf("the first report is gone: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "*.link")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// TestALatestThatIsNoLinkStays: somebody put it there.
func TestALatestThatIsNoLinkStays(t *testing.T) {
	root := t.TempDir()
	kept := filepath.Join(root, "latest", "kept")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	folder, err := newFolder(root, began)
	if err != nil {
		t.Fatal(err)
	}
	if err := pointTo(folder); err == nil {
		t.Error("no word about it")
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}

// TestEmptyResult is what a test leaves that was interrupted before it sent anything.
func TestEmptyResult(t *testing.T) {
	empty := &trial{stack: &stack.Stack{}, found: newEvidence(), plan: plan{Name: "burst"}}
	if err := report.Write(new(strings.Builder), empty.result().page()); err != nil {
		t.Error(err)
	}
}

func TestRecentRate(t *testing.T) {
	var samples []sample
	for i := range 20 { // 100 a second at first, then 200
		done := 50 * i
		if i > 10 {
			done = 500 + 100*(i-10)
		}
		samples = append(samples, sample{Second: float64(i) / 2, Sent: 2000, Waiting: 2000 - done})
	}
	if got := recentRate(samples[:10]); got != 100 {
		t.Errorf("got %v a second, want 100", got)
	}
	if got := recentRate(samples); got != 190 { // over the last five seconds
		t.Errorf("got %v a second, want 190", got)
	}
	if got := recentRate(samples[:1]); got != 0 {
		t.Errorf("got %v a second at the start", got)
	}
}

func TestClientsBeyondADozenAreOneLine(t *testing.T) {
	r := result{ByClient: map[string]map[string]int{}}
	total := 0
	for i := range 30 {
		r.ByClient[fmt.Sprintf("load-%02d", i)] = map[string]int{"integration": i, "transaction": 1}
		total += i + 1
	}
	got := r.clients()
	sum := 0
	for _, c := range got {
		sum += c.stored
	}
	if len(got) != 12 || got[0] != (clientShare{"load-29", 30}) || got[11].name != "19 others" || sum != total {
		t.Errorf("got %v, together %d of %d", got, sum, total)
	}
}

func TestListPrice(t *testing.T) {
	for price, want := range map[float64]string{0.4: "0.40", 5: "5.00", 0.625: "0.625", 0.0000133334: "0.0000133334"} {
		if got := listPrice(price); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestWhereIs(t *testing.T) {
	got := []string{whereIs("http://localhost:4566/000000000000/event-queue"), whereIs("https://sqs.us-east-1.amazonaws.com/123456789012/event-queue")}
	if !slices.Equal(got, []string{"localhost:4566", "sqs.us-east-1.amazonaws.com"}) {
		t.Errorf("got %v", got)
	}
}
