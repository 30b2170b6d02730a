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
		hold: 30 * time.Second, now: wallClock, fair: true,
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
		"half an id":                {&show{ID: "zzzz"}, "zzzz: at least 8 characters"},
		"half an id to a flag":      {&list{selection: selection{ID: []string{"zzzz"}}}, "--id=zzzz: at least 8 characters"},
		"a rate below 0":            {&redrive{target: target{All: true}, Rate: -1}, "--rate=-1"},
	} {
		t.Run(name, func(t *testing.T) {
			err := tt.command.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if _, show := tt.command.(*show); show && strings.Contains(err.Error(), "--") {
				t.Errorf("it speaks of a flag that it does not have: %v", err)
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
			if err := readExport(file, func(_ int, m queue.Received, fault error) error { exported[m.Body] = true; return fault }); err != nil {
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

// TestLettersThatOthersGotAreNotCountedAsRedriven lets the hold end before what was sent is deleted, as where a laptop
// sleeps, and somebody else look at the queue. The old handles then delete nothing, and SQS does not say so.
func TestLettersThatOthersGotAreNotCountedAsRedriven(t *testing.T) {
	for name, tt := range map[string]struct {
		lets bool // who looked lets go of them again
		left int
	}{
		"and let go again": {lets: true, left: 0},
		"and keeps":        {lets: false, left: 10},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.fill(10, 10)
			var slept time.Duration
			var mu sync.Mutex
			o.now = func() time.Time { mu.Lock(); defer mu.Unlock(); return wallClock().Add(slept) }
			o.sqs.After = func(c queuetest.Call) {
				switch {
				case c.Action == "SendMessageBatch":
					mu.Lock()
					slept += time.Hour
					mu.Unlock()
					o.sqs.TakeAll("event-dlq", time.Hour)
				case c.Action == "DeleteMessageBatch" && tt.lets:
					o.sqs.TakeAll("event-dlq", 0)
				}
			}
			if err := o.redrive(t, &redrive{target: target{All: true}}); err != nil {
				t.Fatal(err)
			}
			if left := len(o.sqs.Messages("event-dlq")); left != tt.left || len(o.sqs.Messages("event-queue")) != 10 {
				t.Errorf("%d left, want %d", left, tt.left)
			}
			for _, want := range []string{"Redriven      0", "Twice        10  sent, but others could have had them"} {
				if !strings.Contains(o.out.String(), want) {
					t.Errorf("not said: %s", want)
				}
			}
		})
	}
}

// TestALateReceiveDeletesAgain has the sweep itself receive a letter once more while it deletes it.
func TestALateReceiveDeletesAgain(t *testing.T) {
	o := open(t)
	o.fill(1, 1)
	s, err := o.sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.next(t.Context())
	if err != nil || len(first) != 1 {
		t.Fatalf("%d received, %v", len(first), err)
	}
	stale := s.seen[first[0].ID]
	o.sqs.Advance(time.Hour)
	if again, err := s.next(t.Context()); err != nil || len(again) != 0 {
		t.Fatalf("%d fresh, %v", len(again), err)
	}
	if again := s.noteDeleted([]string{first[0].ID}, []handle{stale}, []error{nil}); len(again) != 1 {
		t.Errorf("it counts as deleted by %q, which it is not", stale.receipt)
	}
	o.sqs.Advance(time.Hour)
	if _, err := s.next(t.Context()); err != nil { // meets it, and deletes it
		t.Fatal(err)
	}
	late, failed, err := s.settle(t.Context())
	if err != nil || len(late) != 1 || len(failed) != 0 || len(o.sqs.Messages("event-dlq")) != 0 {
		t.Errorf("late %v, failed %v, %v, %d left", late, failed, err, len(o.sqs.Messages("event-dlq")))
	}
	if err := s.release(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestLettersWithoutAReasonInTheLogAreCounted, since --reason does not find them.
func TestLettersWithoutAReasonInTheLogAreCounted(t *testing.T) {
	for name, tt := range map[string]struct {
		reason event.Reason
		client string
		want   string
	}{
		"by a reason":          {reason: event.StoreUnavailable, want: "Of 4 other dead letters the log knows no reason"},
		"of a client":          {reason: event.StoreUnavailable, client: "nobody", want: "Of 1 other dead letter the log knows no reason"},
		"by a reason of today": {reason: event.UnknownClient, client: "nobody"},
		"by no reason":         {client: "bank"},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			o.fill(4, 3)
			var reasons []event.Reason
			var clients []string
			if tt.reason != "" {
				reasons = append(reasons, tt.reason)
			}
			if tt.client != "" {
				clients = append(clients, tt.client)
			}
			if err := (&list{selection: selection{Reason: reasons, Client: clients}}).Run(t.Context(), o.desk); err != nil {
				t.Fatal(err)
			}
			listed := o.notes.String()
			o.notes.Reset()
			if err := o.redrive(t, &redrive{target: target{selection: selection{Reason: reasons, Client: clients}}}); err != nil {
				t.Fatal(err)
			}
			for _, notes := range []string{listed, o.notes.String()} {
				if !strings.Contains(notes, tt.want) || tt.want == "" && strings.Contains(notes, "knows no reason") {
					t.Errorf("said is %q, want %q", notes, tt.want)
				}
			}
		})
	}
}

// TestTwoPurgesToOneFileLoseNothing: the second one begins while the first one has its name, and nothing under it yet.
func TestTwoPurgesToOneFileLoseNothing(t *testing.T) {
	o := open(t)
	o.fill(10, 3)
	name := filepath.Join(t.TempDir(), "purged.jsonl")
	purgeOf := func(client string) *purge {
		return &purge{target: target{selection: selection{Client: []string{client}}}, Export: name, Yes: true}
	}
	var second error
	o.ask = func(ctx context.Context, _ string) (bool, error) {
		other := *o.desk
		other.out, other.notes = &bytes.Buffer{}, &bytes.Buffer{}
		second = purgeOf("bank").Run(ctx, &other)
		return true, nil
	}
	first := purgeOf("nobody")
	first.Yes = false
	if err := first.Run(t.Context(), o.desk); err != nil {
		t.Fatal(err)
	}
	if second == nil || !strings.Contains(second.Error(), "there already") {
		t.Errorf("the second one: %v", second)
	}
	if n := len(exportedBodies(t, name)); n != 7 || len(o.sqs.Messages("event-dlq")) != 3 {
		t.Errorf("%d in the file, %d left", n, len(o.sqs.Messages("event-dlq")))
	}
}

// TestAPurgeWhoseFileIsReplacedDeletesNothing: whoever took the name away has it, and the letters stay.
func TestAPurgeWhoseFileIsReplacedDeletesNothing(t *testing.T) {
	o := open(t)
	o.fill(5, 0)
	name := filepath.Join(t.TempDir(), "purged.jsonl")
	o.ask = func(context.Context, string) (bool, error) {
		return true, errors.Join(os.Remove(name), os.WriteFile(name, []byte("mine"), 0o600))
	}
	err := (&purge{target: target{All: true}, Export: name}).Run(t.Context(), o.desk)
	text, _ := os.ReadFile(name)
	if err == nil || !strings.Contains(err.Error(), "nothing was deleted") || len(o.sqs.Messages("event-dlq")) != 5 || string(text) != "mine" {
		t.Errorf("got %v, %d left, %q", err, len(o.sqs.Messages("event-dlq")), text)
	}
}

func exportedBodies(t *testing.T, name string) (bodies []string) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	if err := readExport(file, func(_ int, m queue.Received, fault error) error { bodies = append(bodies, m.Body); return fault }); err != nil {
		t.Fatal(err)
	}
	return bodies
}

// TestADamagedLetterIsNotPurged, since what a file can hold of it is not what the queue has.
func TestADamagedLetterIsNotPurged(t *testing.T) {
	o := open(t)
	text := "a\xffb"
	o.sqs.Put("event-dlq", queuetest.Message{Body: "good"})
	damaged := []string{
		o.sqs.Put("event-dlq", queuetest.Message{Body: text}),
		o.sqs.Put("event-dlq", queuetest.Message{Body: "good", Attributes: map[string]queuetest.Attribute{"CorrelationId": {DataType: "String", StringValue: &text}}}),
	}
	folder := t.TempDir()
	for name, tt := range map[string]struct {
		ids []string
		err string
	}{
		"with others":   {nil, "2 damaged messages not deleted"},
		"the next time": {damaged[:1], "1 damaged message not deleted"},
	} {
		file := filepath.Join(folder, name)
		c := &purge{target: target{selection: selection{ID: tt.ids}, All: tt.ids == nil}, Export: file, Yes: true}
		if err := c.Run(t.Context(), o.desk); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got %v, want %q", name, err, tt.err)
		}
	}
	if got := exportedBodies(t, filepath.Join(folder, "with others")); len(got) != 1 || got[0] != "good" {
		t.Errorf("in the file: %q", got)
	}
	left := o.sqs.Messages("event-dlq")
	if len(left) != 2 || left[0].ID != damaged[0] || left[1].ID != damaged[1] {
		t.Errorf("left: %v", left)
	}
	for _, id := range damaged {
		if !strings.Contains(o.notes.String(), id) {
			t.Errorf("%s is not named", id)
		}
	}
}

// TestReceivesAreTheProcessorsOwn: the queue counts every look.
func TestReceivesAreTheProcessorsOwn(t *testing.T) {
	o := open(t)
	known, unknown := o.sqs.Put("event-dlq", queuetest.Message{Body: transaction("nobody", 1)}), o.sqs.Put("event-dlq", queuetest.Message{Body: "x"})
	for n := range 5 {
		o.log = append(o.log, fmt.Sprintf(`{"message":"record","message_id":%q,"reason":"unknown_client","receive_count":%d}`, known, 5-n))
	}
	for range 4 {
		o.out.Reset()
		if err := (&list{}).Run(t.Context(), o.desk); err != nil {
			t.Fatal(err)
		}
	}
	columns := map[string]string{}
	for line := range strings.Lines(o.out.String()) {
		if fields := strings.Fields(line); len(fields) > 5 {
			columns[fields[0]] = fields[4]
		}
	}
	if columns["MESSAGE"] != "RECEIVES" || columns[known] != "5" || columns[unknown] != "–" {
		t.Errorf("got %v\n%s", columns, &o.out)
	}
	for id, want := range map[string]string{known: "5 by the processor, by its log; the queue counts ", unknown: "not known of the processor"} {
		o.out.Reset()
		if err := (&show{ID: id}).Run(t.Context(), o.desk); err != nil || !strings.Contains(o.out.String(), want) {
			t.Errorf("%v, %q is not in\n%s", err, want, &o.out)
		}
	}
}

// TestAnAmbiguousIDSaysWhich: the server's ids begin alike.
func TestAnAmbiguousIDSaysWhich(t *testing.T) {
	for name, tt := range map[string]struct {
		run func(o *office) error
	}{
		"show": {run: func(o *office) error { return (&show{ID: "00000001"}).Run(t.Context(), o.desk) }},
		"purge": {run: func(o *office) error {
			return (&purge{target: target{selection: selection{ID: []string{"00000001"}}}, Export: filepath.Join(t.TempDir(), "f"), Yes: true}).Run(t.Context(), o.desk)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t)
			a, b := "00000001-aaaa", "00000001-bbbb"
			o.sqs.Put("event-dlq", queuetest.Message{ID: a, Body: "a"})
			o.sqs.Put("event-dlq", queuetest.Message{ID: b, Body: "b"})
			if err := tt.run(o); err == nil || !strings.Contains(err.Error(), "00000001 begins the ids of 2 messages: "+a+", "+b) {
				t.Errorf("got %v", err)
			}
			if len(o.sqs.Messages("event-dlq")) != 2 || strings.Contains(o.out.String(), "Body") {
				t.Errorf("one was taken for the other\n%s", &o.out)
			}
		})
	}
}

// TestTrustedSendersAreReadAsByTheProcessor, with spaces or without.
func TestTrustedSendersAreReadAsByTheProcessor(t *testing.T) {
	for text, want := range map[string][]string{"": nil, "A": {"A"}, "A,B": {"A", "B"}, "A , B:session\t": {"A", "B:session"}} {
		r, err := readRules(map[string]string{"EVENTS_TABLE": "e", "CLIENTS_TABLE": "c", "TRUSTED_SENDERS": text})
		if err != nil || !slices.Equal(r.TrustedSenders, want) {
			t.Errorf("%q: got %q, %v", text, r.TrustedSenders, err)
		}
	}
}

// TestTheRightsAreWrittenDown: the README names the right to each call that the commands make of SQS.
func TestTheRightsAreWrittenDown(t *testing.T) {
	o := open(t)
	o.fill(12, 4)
	var mu sync.Mutex
	made := map[string]bool{}
	o.sqs.Fate = func(c queuetest.Call) queuetest.Fate {
		mu.Lock()
		defer mu.Unlock()
		made["sqs:"+strings.TrimSuffix(c.Action, "Batch")] = true
		return queuetest.Done
	}
	name := filepath.Join(t.TempDir(), "file")
	for _, command := range []interface {
		Run(context.Context, *desk) error
	}{
		&list{}, &show{ID: "00000001"}, &redrive{target: target{All: true}}, &purge{target: target{All: true}, Export: name, Yes: true}, &importCmd{File: name},
	} {
		if err := command.Run(t.Context(), o.desk); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Dead letters")
	section, _, _ = strings.Cut(section, "\n## ")
	for right := range made {
		if !strings.Contains(section, "`"+right+"`") {
			t.Errorf("%s is not among the rights", right)
		}
	}
	if len(made) < 5 {
		t.Errorf("only %v were called", made)
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
			show(`{"message":"record","message_id":"a","reason":"store_unavailable","receive_count":5}`) // the last receive counts
			show(`{"message":"record","message_id":"a","reason":"internal_error","receive_count":4}`)    // in whatever order they come
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
		if got := h.of(t.Context(), tt.id, now.Add(-tt.ago)); got.before != tt.want || tt.id == "a" && got.receives != 5 {
			t.Errorf("%s: got %v, want %q", tt.id, got, tt.want)
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
