package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"event-processor/internal/clients"
	"event-processor/internal/decode"
	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/queuetest"
)

// directory is the table of clients of these tests: one client that may send transactions, from one sender.
type directory map[string]*event.Client

func (d directory) Find(_ context.Context, ids []string) (map[string]*event.Client, error) {
	found := map[string]*event.Client{}
	for _, id := range ids {
		found[id] = d[id]
	}
	return found, nil
}

// stored is the table of events of these tests.
type stored map[event.Key]dynamo.Item

func (s stored) Read(_ context.Context, keys []event.Key) (map[event.Key]dynamo.Item, error) {
	if s == nil {
		return nil, errors.New("away")
	}
	found := map[event.Key]dynamo.Item{}
	for _, key := range keys {
		if item, ok := s[key]; ok {
			found[key] = item
		}
	}
	return found, nil
}

// office is a desk over a queue in memory.
type office struct {
	*desk
	sqs        *queuetest.Server
	out, notes bytes.Buffer
	clients    directory
	log        []string
	logged     [][2]time.Time // what was asked of the log
	answer     bool           // to every question
}

type fataler interface {
	Helper()
	Fatal(...any)
}

func newOffice(t fataler) *office {
	t.Helper()
	decoder, err := decode.New(4096, 10000)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{sqs: queuetest.New(), clients: directory{
		"bank": {ID: "bank", Active: true, AllowedTypes: []string{"transaction"}},
		"shy":  {ID: "shy", Active: true, AllowedTypes: []string{"transaction"}, AllowedSenders: []string{"AROATEST"}},
	}}
	o.desk = &desk{
		events: queue.New(o.sqs.Config(), o.sqs.URL("event-queue"), 4),
		dlq:    queue.New(o.sqs.Config(), o.sqs.URL("event-dlq"), 4),
		judge:  newJudge(decoder, clients.New(o.clients, 0), stored{}, nil),
		history: &history{search: func(_ context.Context, from, to time.Time, show func(string)) error {
			o.logged = append(o.logged, [2]time.Time{from, to})
			for _, line := range o.log {
				show(line)
			}
			return nil
		}},
		hold: 30 * time.Second, fair: true,
		caller: func(context.Context) (string, error) { return "AIDAOPERATOR", nil },
		out:    &o.out, notes: &o.notes, canAsk: true,
		ask: func(context.Context, string) (bool, error) { return o.answer, nil },
	}
	return o
}

func open(t *testing.T) *office {
	o := newOffice(t)
	t.Cleanup(o.sqs.Close)
	return o
}

func transaction(client string, n int) string {
	return fmt.Sprintf(`{"eventId":"00000000-0000-4000-8000-%012d","eventType":"transaction","clientId":%q,"timestamp":"2026-01-15T10:30:00Z",`+
		`"version":"1.0","payload":{"transactionId":"t","amount":1,"currency":"EUR"}}`, n, client)
}

// fill puts n letters into the dead-letter queue, the first good of which would be stored.
func (o *office) fill(n, good int) {
	for i := range n {
		client := "bank"
		if i >= good {
			client = "nobody"
		}
		o.sqs.Put("event-dlq", queuetest.Message{Body: transaction(client, i)})
	}
}

// bodies counts the messages of a queue by their bodies.
func (o *office) bodies(name string) map[string]int {
	counts := map[string]int{}
	for _, m := range o.sqs.Messages(name) {
		counts[m.Body]++
	}
	return counts
}

func TestReasonsAreTheProcessorsOwn(t *testing.T) {
	o := open(t)
	other := strings.Replace(transaction("bank", 7), `"amount":1`, `"amount":2`, 1)
	var kept event.Event
	err := o.judge.decoder.Decode(&event.Record{Body: transaction("bank", 7)}, &kept)
	if err != nil {
		t.Fatal(err)
	}
	o.judge.processor.Store = &onlooker{stored{kept.Key(): {Event: kept}}}
	o.clients["away"] = &event.Client{ID: "away", AllowedTypes: []string{"transaction"}}
	o.clients["closed"] = &event.Client{ID: "closed", Active: true, AllowedTypes: []string{"transaction"}, AllowedSenders: []string{"AROAOTHER"}}
	want := map[string]string{}
	for body, verdict := range map[string]string{
		transaction("bank", 1):   "would be stored now",
		transaction("bank", 7):   "would be a duplicate",
		other:                    "event_id_conflict",
		`{"eventId":`:            "malformed_json",
		strings.Repeat("x", 5e3): "event_too_large",
		`{}`:                     "schema_violation",
		transaction("nobody", 1): "unknown_client",
		transaction("away", 1):   "client_inactive",
		transaction("closed", 1): "sender_not_allowed",
		strings.Replace(transaction("bank", 2), `"1.0"`, `"7.0"`, 1):                   "unknown_event_version",
		strings.Replace(transaction("bank", 3), `"transaction"`, `"monitoring"`, 1):    "type_not_allowed",
		strings.Replace(transaction("bank", 4), `"amount":1`, `"amount":0.1e1`, 1):     "would be stored now",
		strings.Replace(transaction("bank", 7), `"amount":1`, `"amount": 10e-1`, 1):    "would be a duplicate",
		strings.Replace(transaction("bank", 7), `"amount":1`, `"amount":1,"x":"y"`, 1): "event_id_conflict",
	} {
		want[o.sqs.Put("event-dlq", queuetest.Message{Body: body})] = verdict
	}
	letters, err := o.collect(t.Context(), &selection{})
	if err != nil || len(letters) != len(want) {
		t.Fatalf("%d letters of %d, %v", len(letters), len(want), err)
	}
	for _, l := range letters {
		if l.verdict() != want[l.ID] {
			t.Errorf("%s: got %s (%s), want %s", l.ID, l.verdict(), l.today.Detail, want[l.ID])
		}
	}
	if o.sqs.Visible("event-dlq") != len(want) {
		t.Errorf("%d of %d messages are visible again", o.sqs.Visible("event-dlq"), len(want))
	}
}

func TestWhatCannotBeJudgedIsNotSent(t *testing.T) {
	o := open(t)
	o.judge.processor.Store = &onlooker{stored(nil)} // the table is away
	o.fill(3, 3)
	if err := o.redrive(t, &redrive{target: target{All: true}}); err != nil {
		t.Fatal(err)
	}
	if n := len(o.sqs.Messages("event-queue")); n != 0 || !strings.Contains(o.out.String(), "3 store_unavailable") {
		t.Errorf("%d sent\n%s", n, &o.out)
	}
}

// redrive runs a redrive and logs what it says.
func (o *office) redrive(t *testing.T, c *redrive) error {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	err := c.Run(t.Context(), o.desk)
	t.Logf("%v\n%s%s", err, &o.out, &o.notes)
	return err
}

func TestRedriveSendsWhatWouldBeStoredAndKeepsTheRest(t *testing.T) {
	o := open(t)
	o.fill(47, 35)
	if err := o.redrive(t, &redrive{target: target{All: true}}); err != nil {
		t.Fatal(err)
	}
	back, left := o.bodies("event-queue"), o.bodies("event-dlq")
	for i := range 47 {
		good, bad := transaction("bank", i), transaction("nobody", i)
		if i < 35 && back[good] != 1 || i >= 35 && left[bad] != 1 {
			t.Errorf("message %d: %d and %d times back, %d and %d times left", i, back[good], back[bad], left[good], left[bad])
		}
	}
	if len(back) != 35 || len(left) != 12 || o.sqs.Visible("event-dlq") != 12 {
		t.Errorf("%d back, %d left, %d of these visible", len(back), len(left), o.sqs.Visible("event-dlq"))
	}
	for _, want := range []string{"Redriven     35  35 would be stored now", "Skipped      12  12 unknown_client", "Failed        0"} {
		if !strings.Contains(o.out.String(), want) {
			t.Errorf("not said: %s", want)
		}
	}
}

func TestSelection(t *testing.T) {
	for name, tt := range map[string]struct {
		redrive *redrive
		sent    []int // of 0–5
		err     string
	}{
		"all":                {redrive: &redrive{target: target{All: true}}, sent: []int{0, 1, 2}},
		"by force":           {redrive: &redrive{target: target{All: true}, Force: true}, sent: []int{0, 1, 2, 3, 4, 5}},
		"a dry run":          {redrive: &redrive{target: target{All: true}, DryRun: true}},
		"by client":          {redrive: &redrive{target: target{selection: selection{Client: []string{"shop"}}}}, sent: []int{2}},
		"by reason then":     {redrive: &redrive{target: target{selection: selection{Reason: []event.Reason{event.TypeNotAllowed}}}}, sent: []int{1}},
		"by reason today":    {redrive: &redrive{target: target{selection: selection{Reason: []event.Reason{event.UnknownClient}}}, Force: true}, sent: []int{3, 4}},
		"by reasons":         {redrive: &redrive{target: target{selection: selection{Reason: []event.Reason{event.UnknownClient, event.StoreUnavailable}}}}, sent: []int{0}},
		"by type":            {redrive: &redrive{target: target{selection: selection{Type: []string{"transaction"}}}}, sent: []int{0, 1, 2}},
		"by another type":    {redrive: &redrive{target: target{selection: selection{Type: []string{"monitoring"}}}, Force: true}, sent: []int{5}},
		"client and reason":  {redrive: &redrive{target: target{selection: selection{Client: []string{"shop"}, Reason: []event.Reason{event.TypeNotAllowed}}}}},
		"by the start of id": {redrive: &redrive{target: target{selection: selection{ID: []string{"00000002"}}}}, sent: []int{1}},
		"refused by id":      {redrive: &redrive{target: target{selection: selection{ID: []string{"00000004"}}}}, err: "1 message would be rejected again"},
		"an id that is not there": {
			redrive: &redrive{target: target{selection: selection{ID: []string{"00000001", "12345678"}}}}, sent: []int{0}, err: "no message 12345678",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.clients["shop"] = &event.Client{ID: "shop", Active: true, AllowedTypes: []string{"transaction"}}
			bodies := []string{
				transaction("bank", 0), transaction("bank", 1), transaction("shop", 2), transaction("nobody", 3), transaction("nobody", 4),
				strings.Replace(transaction("bank", 5), `"transaction"`, `"monitoring"`, 1),
			}
			for i, body := range bodies {
				id := o.sqs.Put("event-dlq", queuetest.Message{Body: body})
				if reason, ok := map[int]string{0: "store_unavailable", 1: "type_not_allowed"}[i]; ok {
					o.log = append(o.log, fmt.Sprintf(`{"message":"record","message_id":%q,"reason":%q}`, id, reason))
				}
			}
			err := o.redrive(t, tt.redrive)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			back, left := o.bodies("event-queue"), o.bodies("event-dlq")
			for i, body := range bodies {
				if want := slices.Contains(tt.sent, i); (back[body] == 1) != want || (left[body] == 0) != want {
					t.Errorf("message %d: %d times back, %d times left", i, back[body], left[body])
				}
			}
		})
	}
}

func TestWhatIsNotAChoiceIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		command interface{ Validate() error }
		want    string
	}{
		"nothing chosen to redrive": {&redrive{}, "which ones?"},
		"nothing chosen to purge":   {&purge{}, "which ones?"},
		"all and some":              {&redrive{target: target{All: true, selection: selection{Client: []string{"bank"}}}}, "--all means all"},
		"no such reason":            {&list{selection: selection{Reason: []event.Reason{"bad_luck"}}}, "the reasons are malformed_json,"},
		"no such type":              {&exportCmd{selection: selection{Type: []string{"wish"}}}, "the types are monitoring,"},
		"half an id":                {&show{ID: "0000"}, "at least 8 characters"},
		"a rate below 0":            {&redrive{target: target{All: true}, Rate: -1}, "--rate=-1"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.command.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestNoMessageIsShownTwiceThoughTheQueueGivesItTwice(t *testing.T) {
	o := open(t)
	o.fill(60, 60)
	receives := 0
	o.sqs.After = func(c queuetest.Call) {
		if c.Action == "ReceiveMessage" {
			if receives++; receives < 20 {
				o.sqs.Advance(20 * time.Second) // so slow that what was hidden is seen again
			}
		}
	}
	letters, err := o.collect(t.Context(), &selection{})
	ids := map[string]bool{}
	for _, l := range letters {
		ids[l.ID] = true
	}
	if err != nil || len(letters) != 60 || len(ids) != 60 {
		t.Errorf("%d letters, %d of them different, %v", len(letters), len(ids), err)
	}
}

func TestASweepEndsThoughMoreLettersCome(t *testing.T) {
	o := open(t)
	o.fill(20, 20)
	o.sqs.After = func(c queuetest.Call) {
		if c.Action == "ReceiveMessage" {
			o.sqs.Advance(2 * time.Second)
			o.fill(1, 1)
		}
	}
	letters, err := o.collect(t.Context(), &selection{})
	if err != nil || len(letters) < 20 || len(letters) > 25 || !strings.Contains(o.notes.String(), "more in the queue") {
		t.Errorf("%d letters, %v\n%s", len(letters), err, &o.notes)
	}
}

// TestForceDoesNotGoRoundInCircles has what is sent come back at once, as the processor would send it.
func TestForceDoesNotGoRoundInCircles(t *testing.T) {
	o := open(t)
	o.fill(30, 0)
	sends := 0
	o.sqs.After = func(c queuetest.Call) {
		switch {
		case c.Action == "GetQueueAttributes" && sends == 0:
			o.sqs.Advance(2 * time.Second)
		case c.Action == "SendMessageBatch":
			sends++
			o.sqs.Move("event-queue", "event-dlq")
		}
	}
	if err := o.redrive(t, &redrive{target: target{All: true}, Force: true}); err != nil {
		t.Fatal(err)
	}
	if n := len(o.sqs.Messages("event-dlq")); n != 30 || !strings.Contains(o.out.String(), "Redriven     30") {
		t.Errorf("%d messages after %d sends", n, sends)
	}
}

func TestTheNewSenderIsAskedAbout(t *testing.T) {
	for name, tt := range map[string]struct {
		trusted []string
		sent    int
	}{
		"an operator whom nobody trusts": {nil, 0},
		"an operator who is trusted":     {[]string{"AIDAOPERATOR"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.judge.processor.TrustedSenders = tt.trusted
			o.sqs.Put("event-dlq", queuetest.Message{Body: transaction("shy", 1)})
			letters, err := o.collect(t.Context(), &selection{})
			if err != nil || letters[0].verdict() != "would be stored now" { // as it is there
				t.Fatalf("%v, %s", err, letters[0].verdict())
			}
			if err := o.redrive(t, &redrive{target: target{All: true}}); err != nil {
				t.Fatal(err)
			}
			if n := len(o.sqs.Messages("event-queue")); n != tt.sent {
				t.Errorf("%d sent, want %d", n, tt.sent)
			}
		})
	}
}

func TestEverythingGoesAlong(t *testing.T) {
	text, number := "ä 東 \u2028", "0012"
	m := queuetest.Message{
		Body: transaction("bank", 1) + " ",
		Attributes: map[string]queuetest.Attribute{
			"CorrelationId": {DataType: "String", StringValue: &text}, "N": {DataType: "Number.int", StringValue: &number},
			"B": {DataType: "Binary.png", BinaryValue: []byte{0, 255, 10}},
		},
		System: map[string]string{"MessageGroupId": "group", "AWSTraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793"},
	}
	o := open(t)
	o.sqs.Put("event-dlq", m)
	o.sqs.Put("event-dlq", queuetest.Message{Body: transaction("bank", 2)}) // without a group
	if err := o.redrive(t, &redrive{target: target{All: true}}); err != nil {
		t.Fatal(err)
	}
	for _, got := range o.sqs.Messages("event-queue") {
		if got.Body != m.Body {
			if got.System["MessageGroupId"] != "bank" {
				t.Errorf("a fair queue got group %q", got.System["MessageGroupId"])
			}
			continue
		}
		if !sameMessage(got, m) {
			t.Errorf("got %+v", got)
		}
	}
}

// TestACloudThatTakesLess has no groups, and states that it takes more than its calls do.
func TestACloudThatTakesLess(t *testing.T) {
	o := open(t)
	o.sqs.NoGroups, o.sqs.MaxMessage, o.sqs.MaxCall = true, 2048, 300
	o.fill(30, 30)
	o.sqs.Put("event-dlq", queuetest.Message{Body: transaction("bank", 40), System: map[string]string{"MessageGroupId": "group"}})
	large := o.sqs.Put("event-dlq", queuetest.Message{Body: transaction("bank", 41) + strings.Repeat(" ", 2048)})
	err := o.redrive(t, &redrive{target: target{All: true}})
	if err == nil || !strings.Contains(err.Error(), "1 failure") || !strings.Contains(o.notes.String(), "too large for the queue") {
		t.Errorf("got %v\n%s", err, o.notes.String())
	}
	back, left := o.sqs.Messages("event-queue"), o.sqs.Messages("event-dlq")
	if len(back) != 31 || len(left) != 1 || left[0].ID != large {
		t.Errorf("%d back, %d left", len(back), len(left))
	}
}

// sameMessage compares what a sender can say.
func sameMessage(a, b queuetest.Message) bool {
	same := func(x, y queuetest.Attribute) bool {
		return x.DataType == y.DataType && bytes.Equal(x.BinaryValue, y.BinaryValue) &&
			(x.StringValue == nil) == (y.StringValue == nil) && (x.StringValue == nil || *x.StringValue == *y.StringValue)
	}
	return a.Body == b.Body && maps.EqualFunc(a.Attributes, b.Attributes, same) &&
		a.System["MessageGroupId"] == b.System["MessageGroupId"] && a.System["AWSTraceHeader"] == b.System["AWSTraceHeader"]
}

func TestRateIsKept(t *testing.T) {
	o := open(t)
	o.fill(15, 15)
	began := time.Now()
	if err := o.redrive(t, &redrive{target: target{All: true}, Rate: 10}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 400*time.Millisecond { // 10 at once, 5 after half a second
		t.Errorf("15 messages at 10 a second took %s", took)
	}
}

func TestTheRateIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limiter, began := (&redrive{Rate: 10}).newLimiter(), time.Now()
		for _, n := range []int{10, 5} {
			if err := limiter.WaitN(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 500*time.Millisecond {
			t.Errorf("15 messages at 10 a second take %s, want half a second", took)
		}
	})
}

func TestTroubleIsSaid(t *testing.T) {
	for name, tt := range map[string]struct {
		fate func(queuetest.Call) queuetest.Fate
		want string // in the error
	}{
		"nothing can be sent": {func(c queuetest.Call) queuetest.Fate {
			if c.Action == "SendMessageBatch" {
				return queuetest.Lost
			}
			return queuetest.Done
		}, "gave up"},
		"what was sent cannot be deleted": {func(c queuetest.Call) queuetest.Fate {
			if c.Action == "DeleteMessageBatch" {
				return queuetest.Lost
			}
			return queuetest.Done
		}, "100 failures"},
		"the queue gives nothing": {func(c queuetest.Call) queuetest.Fate {
			if c.Action == "ReceiveMessage" {
				return queuetest.Lost
			}
			return queuetest.Done
		}, "receive messages"},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.fill(100, 100)
			o.sqs.Fate = tt.fate
			if err := o.redrive(t, &redrive{target: target{All: true}}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if n := len(o.sqs.Messages("event-dlq")); n != 100 || o.sqs.Visible("event-dlq") != 100 {
				t.Errorf("%d messages left, %d of them visible", n, o.sqs.Visible("event-dlq"))
			}
		})
	}
}

func TestFailedEntriesAreRead(t *testing.T) {
	o := open(t)
	o.fill(10, 10)
	first := map[string]bool{}
	o.sqs.Fate = func(c queuetest.Call) queuetest.Fate {
		if strings.HasSuffix(c.Action, "Batch") && !first[c.Action] {
			first[c.Action] = true
			return queuetest.Partly
		}
		return queuetest.Done
	}
	if err := o.redrive(t, &redrive{target: target{All: true}}); err != nil {
		t.Fatal(err)
	}
	if back, left := len(o.bodies("event-queue")), len(o.sqs.Messages("event-dlq")); back != 10 || left != 0 {
		t.Errorf("%d back, %d left", back, left)
	}
}

func TestAnInterruptLetsGo(t *testing.T) {
	o := open(t)
	o.fill(200, 150)
	ctx, interrupt := context.WithCancel(t.Context())
	o.sqs.After = func(c queuetest.Call) {
		if c.Action == "SendMessageBatch" {
			interrupt()
		}
	}
	err := (&redrive{target: target{All: true}}).Run(ctx, o.desk)
	if !errors.Is(err, errInterrupted) {
		t.Errorf("got %v", err)
	}
	back, left := len(o.sqs.Messages("event-queue")), len(o.sqs.Messages("event-dlq"))
	if back == 0 || back+left != 200 || o.sqs.Visible("event-dlq") != left { // what was sent is deleted, nothing is hidden
		t.Errorf("%d back, %d left, %d of these visible", back, left, o.sqs.Visible("event-dlq"))
	}
}

// killed makes the server deaf from a call on, as if its caller had been killed before or after it.
func killed(at int, unsaid bool) func(queuetest.Call) queuetest.Fate {
	return func(c queuetest.Call) queuetest.Fate {
		switch {
		case c.N < at:
			return queuetest.Done
		case c.N == at && unsaid:
			return queuetest.Unsaid
		default:
			return queuetest.Lost
		}
	}
}

// TestAKillLosesNothing kills a redrive at any of its calls: each message is in at least one of the queues, and
// after the hold another redrive does the rest.
func TestAKillLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newOffice(t)
		defer o.sqs.Close()
		n := rapid.IntRange(1, 40).Draw(t, "messages")
		good := rapid.IntRange(0, n).Draw(t, "good")
		o.fill(n, good)
		want := o.bodies("event-dlq")
		o.sqs.Fate = killed(rapid.IntRange(1, 25).Draw(t, "call"), rapid.Bool().Draw(t, "unsaid"))
		_ = (&redrive{target: target{All: true}, Force: rapid.Bool().Draw(t, "force")}).Run(context.Background(), o.desk)
		for body := range want {
			if o.bodies("event-queue")[body]+o.bodies("event-dlq")[body] == 0 {
				t.Fatalf("lost: %s", body)
			}
		}

		o.sqs.Fate = nil
		o.sqs.Advance(o.hold)
		if err := (&redrive{target: target{All: true}}).Run(context.Background(), o.desk); err != nil {
			t.Fatal(err)
		}
		back, left := o.bodies("event-queue"), o.bodies("event-dlq")
		for i := range good {
			if body := transaction("bank", i); back[body] == 0 || left[body] != 0 {
				t.Fatalf("message %d: %d times back, %d left", i, back[body], left[body])
			}
		}
	})
}

// TestAKilledPurgeLosesNothing: what is not in the queue any more is in the file, under its name.
func TestAKilledPurgeLosesNothing(t *testing.T) {
	folder, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		o := newOffice(t)
		defer o.sqs.Close()
		o.fill(rapid.IntRange(1, 40).Draw(t, "messages"), 0)
		want := o.bodies("event-dlq")
		o.sqs.Fate = killed(rapid.IntRange(1, 25).Draw(t, "call"), rapid.Bool().Draw(t, "unsaid"))
		runs++
		name := filepath.Join(folder, fmt.Sprint(runs))
		_ = (&purge{target: target{All: true}, Export: name, Yes: true}).Run(context.Background(), o.desk)
		exported := map[string]bool{}
		if file, err := os.Open(name); err == nil {
			defer file.Close() //nolint:errcheck // it was only read
			if err := readExport(file, func(_ int, m queue.Received) error { exported[m.Body] = true; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		left := o.bodies("event-dlq")
		for body := range want {
			if left[body] == 0 && !exported[body] {
				t.Fatalf("lost: %s", body)
			}
		}
	})
}

func TestPurge(t *testing.T) {
	for name, tt := range map[string]struct {
		yes, canAsk, answer bool
		left                int
		file                bool
		err                 string
	}{
		"asked, and the answer is yes": {canAsk: true, answer: true, left: 5, file: true},
		"asked, and the answer is no":  {canAsk: true, left: 12, err: "nothing was deleted"},
		"nobody there to ask":          {left: 12, err: "say --yes"},
		"told not to ask":              {yes: true, left: 5, file: true},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.fill(12, 5)
			o.canAsk, o.answer = tt.canAsk, tt.answer
			folder := t.TempDir()
			file := filepath.Join(folder, "purged.jsonl")
			o.sqs.Fate = func(c queuetest.Call) queuetest.Fate {
				if _, err := os.Stat(file); c.Action == "DeleteMessageBatch" && err != nil {
					t.Errorf("messages are deleted before they are in the file: %v", err)
				}
				return queuetest.Done
			}
			err := (&purge{target: target{selection: selection{Client: []string{"nobody"}}}, Export: file, Yes: tt.yes}).Run(t.Context(), o.desk)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, want %q", err, tt.err)
			}
			if left := len(o.sqs.Messages("event-dlq")); left != tt.left || o.sqs.Visible("event-dlq") != left {
				t.Errorf("%d left, %d of these visible, want %d", left, o.sqs.Visible("event-dlq"), tt.left)
			}
			entries, err := os.ReadDir(folder)
			if err != nil || (len(entries) == 1) != tt.file || len(entries) > 1 {
				t.Errorf("%v in the folder, %v", entries, err)
			}
		})
	}
}

func TestAPurgeThatCannotWriteDeletesNothing(t *testing.T) {
	o := open(t)
	o.fill(12, 0)
	folder := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	o.sqs.After = func(queuetest.Call) { _ = os.RemoveAll(folder) }
	err := (&purge{target: target{All: true}, Export: filepath.Join(folder, "file"), Yes: true}).Run(t.Context(), o.desk)
	if err == nil || len(o.sqs.Messages("event-dlq")) != 12 {
		t.Errorf("%d messages are left, %v", len(o.sqs.Messages("event-dlq")), err)
	}
}

func TestHistoryReadsNoFurtherBackThanNeeded(t *testing.T) {
	var asked [][2]time.Time
	now := time.Now()
	var mu sync.Mutex
	h := &history{search: func(_ context.Context, from, to time.Time, show func(string)) error {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, [2]time.Time{from, to})
		if len(asked) == 1 {
			show(`{"message":"record","message_id":"a","reason":"store_throttled"}`)
			show(`{"message":"record","message_id":"a","reason":"store_unavailable"}`) // the last one counts
			show(`{"message":"batch"}`)
			show(`REPORT`)
		} else {
			show(`{"message":"record","message_id":"a","reason":"store_throttled"}`)
			show(`{"message":"record","message_id":"b","reason":"unknown_client"}`)
		}
		return nil
	}}
	for _, tt := range []struct {
		id   string
		ago  time.Duration
		want event.Reason
	}{{"a", time.Hour, event.StoreUnavailable}, {"c", time.Minute, ""}, {"b", 2 * time.Hour, event.UnknownClient}, {"a", time.Hour, event.StoreUnavailable}} {
		if got := h.reason(t.Context(), tt.id, now.Add(-tt.ago)); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.id, got, tt.want)
		}
	}
	if len(asked) != 2 || !asked[1][1].Equal(asked[0][0]) {
		t.Errorf("asked for %v", asked)
	}
}

func TestALogThatIsAwayIsSaidOnce(t *testing.T) {
	o := open(t)
	o.fill(30, 30)
	asked := 0
	o.history.search = func(context.Context, time.Time, time.Time, func(string)) error { asked++; return errors.New("denied") }
	if err := (&list{}).Run(t.Context(), o.desk); err != nil {
		t.Fatal(err)
	}
	if asked != 1 || strings.Count(o.notes.String(), "denied") != 1 || !strings.Contains(o.out.String(), "30 would be stored now") {
		t.Errorf("asked %d times\n%s%s", asked, &o.out, &o.notes)
	}
}
