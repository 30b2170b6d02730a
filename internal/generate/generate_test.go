package generate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"event-processor/internal/event"
	"event-processor/schemas"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const maxBodyBytes = 4096 // small, so that what is too large stays quick

func plan(t interface {
	Helper()
	Fatal(args ...any)
}, o Options,
) *Run {
	t.Helper()
	o.MaxBodyBytes = maxBodyBytes
	run, err := New(o, now)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// TestGoodEventsKeepTheRules holds every good event against the table of the event, written down here a second time.
func TestGoodEventsKeepTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		for m := range plan(t, Options{Count: 20, Seed: &seed}).All() {
			if found := violations(m.Body); len(found) > 0 {
				t.Fatalf("%s\n%v", m.Body, found)
			}
			if client := clientOf(m.ClientID); !client.Active || !slices.Contains(client.AllowedTypes, m.EventType) {
				t.Fatalf("client %s may not send %s", m.ClientID, m.EventType)
			}
			if got := identity(t, m.Body); got != [3]string{m.EventID, m.EventType, m.ClientID} {
				t.Fatalf("the body says %v, the message %v", got, m)
			}
			if own := members(t, m.Body)["correlationId"]; own != nil && own != m.CorrelationID {
				t.Fatalf("correlation id %v in the body, %s beside it", own, m.CorrelationID)
			}
		}
	})
}

// TestEveryFaultIsWhatItClaims makes many bad events of every kind.
func TestEveryFaultIsWhatItClaims(t *testing.T) {
	kinds := len(faultsFor(&Options{}, new(Options).sources()))
	run := plan(t, Options{Count: 40 * kinds, Invalid: 0.5})
	seen := map[string]int{}
	for m := range run.All() {
		if m.Want == event.Stored {
			continue
		}
		seen[m.Fault]++
		if err := proves(m); err != nil {
			t.Errorf("%s: %v\n%.500s", m.Fault, err, m.Body)
		}
		if !utf8.ValidString(m.Body) || m.Body == "" {
			t.Errorf("%s: SQS would refuse the body", m.Fault)
		}
	}
	if len(seen) != kinds {
		t.Errorf("got %d kinds of faults, want %d", len(seen), kinds)
	}
	for name, n := range seen {
		if n != 20 {
			t.Errorf("%s: got %d, want 20", name, n)
		}
	}
}

// proves looks for the fault that a message claims to have.
func proves(m Message) error {
	wellFormed := strict(m.Body) == nil
	if !wellFormed || m.Reason == event.MalformedJSON {
		if wellFormed || m.Reason != event.MalformedJSON {
			return fmt.Errorf("want %s, well-formed: %t", m.Reason, wellFormed)
		}
		return nil
	}
	if (len(m.Body) > maxBodyBytes) != (m.Reason == event.EventTooLarge) {
		return fmt.Errorf("want %s, the body has %d bytes", m.Reason, len(m.Body))
	}
	found := violations(m.Body)
	if (len(found) > 0) != (m.Reason == event.SchemaViolation) {
		return fmt.Errorf("want %s, got violations %q", m.Reason, found)
	}
	client := clientOf(m.ClientID)
	says := map[event.Reason]bool{
		event.UnknownEventVersion: strings.Contains(m.Body, `"version":"9.9"`),
		event.UnknownClient:       client.ID == "",
		event.ClientInactive:      client.ID != "" && !client.Active,
		event.TypeNotAllowed:      client.Active && !slices.Contains(client.AllowedTypes, m.EventType),
		event.EventIDConflict:     strings.Contains(m.Body, `"corrected":true`),
	}
	for reason, is := range says {
		if is != (reason == m.Reason) {
			return fmt.Errorf("want %s; %s: %t", m.Reason, reason, is)
		}
	}
	return nil
}

func TestFirstFaultsCoverEveryReason(t *testing.T) {
	var got []event.Reason
	for m := range plan(t, Options{Count: 80, Invalid: 0.1}).All() {
		if m.Want == event.Rejected {
			got = append(got, m.Reason)
		}
	}
	var want []event.Reason
	for _, reason := range event.PermanentReasons {
		if reason != event.SenderNotAllowed { // not in the hands of the text
			want = append(want, reason)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestAccountBalances holds for all options: every id once, except where an event is sent twice or used again.
func TestAccountBalances(t *testing.T) {
	var sent []string // types that somebody may send
	for _, s := range new(Options).sources() {
		sent = append(sent, s.eventType)
	}
	slices.Sort(sent)
	sent = slices.Compact(sent)
	rapid.Check(t, func(t *rapid.T) {
		o := Options{
			Count:      rapid.IntRange(0, 300).Draw(t, "count"),
			Invalid:    rapid.Float64Range(0, 1).Draw(t, "invalid"),
			Duplicates: rapid.Float64Range(0, 1).Draw(t, "duplicates"),
			Types:      rapid.SliceOfDistinct(rapid.SampledFrom(sent), rapid.ID).Draw(t, "types"),
		}
		seed := rapid.Uint64().Draw(t, "seed")
		o.Seed = &seed
		run := plan(t, o)
		byID := map[string][]Message{}
		for m := range run.All() {
			byID[m.EventID] = append(byID[m.EventID], m)
		}
		got := map[event.Outcome]int{}
		for id, messages := range byID {
			for _, m := range messages {
				got[m.Want]++
			}
			if !fits(messages) {
				t.Fatalf("event %s: %v", id, messages)
			}
		}
		bad := share(o.Invalid, o.Count)
		good := o.Count - bad
		if got[event.Rejected] != bad || got[event.Stored] != good {
			t.Fatalf("got %v, want %d rejected, %d stored", got, bad, good)
		}
		if want := share(o.Duplicates, good); got[event.Duplicate] > want || got[event.Duplicate] < want-bad {
			t.Fatalf("got %d duplicates, want %d or a few less", got[event.Duplicate], want)
		}
		if run.Len() != o.Count+got[event.Duplicate] {
			t.Fatalf("got %d messages, want %d", run.Len(), o.Count+got[event.Duplicate])
		}
	})
}

// fits reports whether the messages of one event id are one message, the same body twice, or a conflict.
func fits(messages []Message) bool {
	if len(messages) == 1 {
		return messages[0].Want != event.Duplicate && messages[0].Reason != event.EventIDConflict
	}
	if len(messages) != 2 {
		return false
	}
	a, b := messages[0], messages[1]
	if a.Want != event.Stored {
		a, b = b, a
	}
	same := a.Body == b.Body
	return a.Want == event.Stored && a.ClientID == b.ClientID &&
		(b.Want == event.Duplicate && same || b.Reason == event.EventIDConflict && !same)
}

func TestSeedMakesARunRepeatable(t *testing.T) {
	seed, other := uint64(1), uint64(2)
	options := Options{Count: 500, Invalid: 0.2, Duplicates: 0.1, Seed: &seed, MaxBodyBytes: maxBodyBytes}
	messages := func(o Options, at time.Time) []Message {
		run, err := New(o, at)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Collect(run.All())
	}
	first := messages(options, now)
	if diff := cmp.Diff(first, messages(options, now.Add(48*time.Hour))); diff != "" {
		t.Errorf("the same seed two days later makes other messages:\n%s", diff)
	}
	fewer, unseeded, reseeded := options, options, options
	fewer.Count--
	unseeded.Seed = nil
	reseeded.Seed = &other
	ids := map[string]bool{}
	for _, m := range first {
		ids[m.EventID] = true
	}
	for name, o := range map[string]Options{"another count": fewer, "no seed": unseeded, "another seed": reseeded} {
		for _, m := range messages(o, now) {
			if ids[m.EventID] {
				t.Fatalf("%s: makes event %s once more", name, m.EventID)
			}
		}
	}
}

func TestMessageIsTheSameEveryTime(t *testing.T) {
	run := plan(t, Options{Count: 100, Invalid: 0.5, Duplicates: 0.5})
	for i, m := range slices.Collect(run.All()) {
		if diff := cmp.Diff(m, run.Message(i)); diff != "" {
			t.Fatalf("message %d: %s", i, diff)
		}
	}
}

func TestClientsAndTypesNarrowDown(t *testing.T) {
	run := plan(t, Options{Count: 100, Clients: []string{"client-002", "client-004"}, Types: []string{"integration", "monitoring"}})
	got := map[string]int{}
	for m := range run.All() {
		got[m.ClientID+" "+m.EventType]++
	}
	if len(got) != 2 || got["client-002 integration"] == 0 || got["client-004 monitoring"] == 0 {
		t.Errorf("got %v", got)
	}
}

// own are clients of a caller's: four that speak and one that may not.
var own = []event.Client{
	{ID: "load-1", Active: true, AllowedTypes: []string{"monitoring"}},
	{ID: "load-2", Active: true, AllowedTypes: []string{"transaction", "integration"}},
	{ID: "load-3", Active: true, AllowedTypes: []string{"user_action"}},
	{ID: "load-4", Active: true, AllowedTypes: []string{"integration"}},
	{ID: "load-5", AllowedTypes: []string{"monitoring"}},
}

func TestOwnClientsSpeakInsteadOfTheSampleClients(t *testing.T) {
	run := plan(t, Options{Count: 400, Own: own, Invalid: 0.5})
	reasons := map[event.Reason]bool{}
	for m := range run.All() {
		i := slices.IndexFunc(own, func(c event.Client) bool { return c.ID == m.ClientID })
		switch {
		case m.Want == event.Rejected:
			reasons[m.Reason] = true
			if m.Reason == event.ClientInactive && m.ClientID != "load-5" {
				t.Errorf("%s is not the inactive client", m.ClientID)
			}
		case i < 0 || !own[i].Active || !slices.Contains(own[i].AllowedTypes, m.EventType):
			t.Errorf("client %s may not send %s", m.ClientID, m.EventType)
		}
	}
	if want := len(event.PermanentReasons) - 1; len(reasons) != want { // sender_not_allowed lies with who sends
		t.Errorf("got %d reasons, want %d: %v", len(reasons), want, reasons)
	}
}

func TestOwnClientsThatAllowEveryFaultButTwo(t *testing.T) {
	everything := []event.Client{{ID: "load-1", Active: true, AllowedTypes: schemas.Types()}}
	for m := range plan(t, Options{Count: 200, Own: everything, Invalid: 1}).All() {
		if m.Reason == event.ClientInactive || m.Reason == event.TypeNotAllowed {
			t.Fatalf("got %s, which no such client can cause", m.Reason)
		}
	}
}

func TestSkewFollowsZipfsLaw(t *testing.T) {
	seed := uint64(1)
	sent := map[string]float64{}
	for m := range plan(t, Options{Count: 20_000, Own: own, Skew: 1, Seed: &seed}).All() {
		sent[m.ClientID]++
	}
	for id, share := range map[string]float64{"load-1": 12. / 25, "load-2": 6. / 25, "load-3": 4. / 25, "load-4": 3. / 25} {
		if got := sent[id] / 20_000; math.Abs(got-share) > 0.01 {
			t.Errorf("%s sent a share of %.3f, want %.3f", id, got, share)
		}
	}
}

func TestPayloadHasAbout600Bytes(t *testing.T) {
	var bytes, n int
	for m := range plan(t, Options{Count: 2000}).All() {
		var e struct{ Payload json.RawMessage }
		if err := json.Unmarshal([]byte(m.Body), &e); err != nil {
			t.Fatal(err)
		}
		bytes += len(e.Payload)
		n++
	}
	if mean := bytes / n; mean < 550 || mean > 650 {
		t.Errorf("got %d bytes on average, want 550–650", mean)
	}
}

func TestNoIDTwice(t *testing.T) {
	seed := uint64(0)
	run := plan(t, Options{Count: 20_000, Seed: &seed})
	ids := make(map[string]bool, run.Len())
	for m := range run.All() {
		ids[m.EventID] = true
	}
	if len(ids) != 20_000 {
		t.Errorf("got %d ids, want 20,000", len(ids))
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, tt := range map[string]struct {
		options Options
		want    []string
	}{
		"negative count":      {Options{Count: -1}, []string{"count: -1"}},
		"count too large":     {Options{Count: MaxCount + 1}, []string{"count: 100001"}},
		"shares":              {Options{Invalid: 1.5, Duplicates: -0.1}, []string{"invalid: 1.5", "duplicates: -0.1"}},
		"unknown client":      {Options{Clients: []string{"client-001", "acme"}}, []string{`clients: "acme"`}},
		"unknown type":        {Options{Types: []string{"telemetry"}}, []string{`types: "telemetry"`}},
		"nobody may send it":  {Options{Clients: []string{"client-001"}, Types: []string{"monitoring"}}, []string{"types: none"}},
		"the client inactive": {Options{Clients: []string{"client-005"}}, []string{"client-005 is not active"}},
		"skew":                {Options{Skew: -1}, []string{"skew: -1"}},
		"several":             {Options{Count: -1, Clients: []string{"acme"}}, []string{"count:", "clients:"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(tt.options, now)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want something with %q", err, want)
				}
			}
		})
	}
}

func BenchmarkMessage(b *testing.B) {
	run, err := New(Options{Count: 1000}, now)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		_ = run.Message(i % run.Len())
	}
}

// --- the rules, written down a second time ------------------------------------------------------------------------

func clientOf(id string) event.Client {
	all := Clients()
	if i := slices.IndexFunc(all, func(c event.Client) bool { return c.ID == id }); i >= 0 {
		return all[i]
	}
	return event.Client{}
}

// strict reads one JSON value and nothing after it, no member twice, at most 64 levels.
func strict(body string) error {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if err := strictValue(d, 1); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows")
	}
	if !json.Valid([]byte(body)) { // Token is lenient about commas
		return errors.New("not JSON")
	}
	return nil
}

func strictValue(d *json.Decoder, level int) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if level > 64 {
		return errors.New("too deep")
	}
	names := map[any]bool{}
	for d.More() {
		if delim == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			if names[name] {
				return errors.New("a member twice")
			}
			names[name] = true
		}
		if err := strictValue(d, level+1); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

var rules = map[string]*regexp.Regexp{
	"eventId":       regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
	"eventType":     regexp.MustCompile(`^(` + strings.Join(schemas.Types(), "|") + `)$`),
	"clientId":      regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`),
	"timestamp":     regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`),
	"version":       regexp.MustCompile(`^\d+\.\d+$`),
	"correlationId": regexp.MustCompile(`^[ -~]{1,128}$`),
}

// violations lists what a well-formed body has that the table of the event does not allow.
func violations(body string) []string {
	var found []string
	var e map[string]any
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&e); err != nil {
		return []string{err.Error()}
	}
	for name, rule := range rules {
		text, ok := e[name].(string)
		if _, there := e[name]; !there && name == "correlationId" {
			continue
		}
		if !ok || !rule.MatchString(text) {
			found = append(found, name)
		}
	}
	if text, _ := e["timestamp"].(string); text != "" {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			found = append(found, "timestamp")
		}
	}
	for name := range e {
		if rules[name] == nil && name != "payload" {
			found = append(found, name)
		}
	}
	payload, _ := e["payload"].(map[string]any)
	if len(payload) == 0 {
		found = append(found, "payload")
	}
	eventType, _ := e["eventType"].(string)
	return append(found, payloadViolations(eventType, payload)...)
}

func payloadViolations(eventType string, payload map[string]any) []string {
	text := func(v any) bool { _, ok := v.(string); return ok }
	number := func(v any) (*big.Rat, bool) {
		n, ok := v.(json.Number)
		if !ok {
			return nil, false
		}
		return new(big.Rat).SetString(n.String())
	}
	numeric := func(v any) bool { _, ok := number(v); return ok }
	matches := func(pattern string) func(any) bool {
		return func(v any) bool { s, ok := v.(string); return ok && regexp.MustCompile(pattern).MatchString(s) }
	}
	type rule struct {
		required bool
		holds    func(any) bool
	}
	table := map[string]map[string]rule{
		"monitoring": {
			"severity": {false, matches("^(low|medium|high|critical)$")}, "metric": {false, text},
			"value": {false, numeric}, "host": {false, text},
		},
		"user_action": {"userId": {true, text}, "action": {true, text}, "resource": {true, text}, "userAgent": {false, text}},
		"transaction": {
			"transactionId": {true, text}, "currency": {true, matches("^[A-Z]{3}$")}, "status": {false, text},
			"amount": {true, func(v any) bool { n, ok := number(v); return ok && n.Sign() >= 0 }},
		},
		"integration": {
			"source": {true, text}, "target": {true, text}, "operation": {true, text},
			"record_count": {false, func(v any) bool { n, ok := number(v); return ok && n.IsInt() && n.Sign() >= 0 }},
		},
	}
	var found []string
	for name, rule := range table[eventType] {
		value, there := payload[name]
		if there && !rule.holds(value) || !there && rule.required {
			found = append(found, name)
		}
	}
	if measured, ok := payload["measured"].(json.Number); ok {
		if text := measured.String(); len(text) > 64 || strings.HasPrefix(text, "1e") {
			found = append(found, "measured")
		}
	}
	return found
}

type fataler interface{ Fatal(args ...any) }

func members(t fataler, body string) map[string]any {
	var e map[string]any
	if err := json.NewDecoder(bytes.NewReader([]byte(body))).Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

func identity(t fataler, body string) [3]string {
	e := members(t, body)
	return [3]string{fmt.Sprint(e["eventId"]), fmt.Sprint(e["eventType"]), fmt.Sprint(e["clientId"])}
}
