package generate

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"event-processor/internal/event"
	"event-processor/internal/schematest"
	"event-processor/schemas"
)

// withGossip is the catalogue of the embedded schemas and a type beside them, with a schema for each version.
func withGossip(t *testing.T, versions map[string]string) *catalogue {
	t.Helper()
	others := map[string]string{}
	for version, text := range versions {
		others["payloads/gossip/"+version+".json"] = text
	}
	return catalogueWith(t, others)
}

func catalogueWith(t *testing.T, others map[string]string) *catalogue {
	t.Helper()
	all := schematest.With(t, others)
	all[schemas.Envelope].Data = regexp.MustCompile(`"enum":\s*\[`).ReplaceAll(all[schemas.Envelope].Data, []byte(`"enum": ["gossip", `))
	c, err := catalogueOf(all)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var shop = []event.Client{
	{ID: "shop", Active: true, AllowedTypes: []string{"gossip", "integration"}},
	{ID: "closed", AllowedTypes: []string{"gossip"}},
}

func TestATypeIsMadeOfItsExamples(t *testing.T) {
	made := withGossip(t, map[string]string{
		"1.9":  `{"examples":[{"old":true}]}`,
		"1.10": `{"additionalProperties":false,"properties":{"of":{},"lines":{}},"examples":[{"of":"t-1", "lines":[ 1.50 ]},{"of":"t-2"},"no payload",{}]}`,
		"2.0":  `{}`,
	})
	want := []string{`"version":"1.10","payload":{"of":"t-1","lines":[1.50]}}`, `"version":"1.10","payload":{"of":"t-2"}}`}
	seen := map[string]bool{}
	for m := range plan(t, Options{Count: 60, Own: shop, Types: []string{"gossip"}, made: made}).All() {
		body := strings.Replace(m.Body, `,"correlationId":"`+m.CorrelationID+`"`, "", 1)
		i := slices.IndexFunc(want, func(end string) bool { return strings.HasSuffix(body, end) })
		if i < 0 || m.EventType != "gossip" || m.ClientID != "shop" {
			t.Fatalf("got %+v", m)
		}
		seen[want[i]] = true
	}
	if len(seen) != len(want) {
		t.Errorf("only %v of the examples", seen)
	}
}

// TestFaultsOfATypeMadeOfExamples: what is wrong with an event must not lie in a member that its schema may forbid,
// unless that is the reason.
func TestFaultsOfATypeMadeOfExamples(t *testing.T) {
	made := withGossip(t, map[string]string{"1.0": `{"additionalProperties":false,"properties":{"of":{}},"examples":[{"of":"t-1"}]}`})
	reasons := map[event.Reason]bool{}
	for m := range plan(t, Options{Count: 200, Own: shop, Types: []string{"gossip"}, Invalid: 0.5, made: made}).All() {
		reasons[m.Reason] = true
		if m.Reason == event.EventIDConflict && !strings.HasSuffix(m.Body, `"payload":{"of":"t-1"}}`) {
			t.Errorf("a conflict whose payload is no example: %s", m.Body)
		}
		if strings.Contains(m.Fault, ": ") {
			t.Errorf("%s: of the payload of another type", m.Fault)
		}
	}
	if want := len(event.PermanentReasons); len(reasons) != want { // no reason is one, and sender_not_allowed lies with who sends
		t.Errorf("got %d reasons, want %d: %v", len(reasons), want, reasons)
	}
}

// TestARecipeGoesWithItsVersion: a payload made by hand is of a version, and so are the faults that are made of it.
func TestARecipeGoesWithItsVersion(t *testing.T) {
	made := catalogueWith(t, map[string]string{
		"payloads/gossip/1.0.json": `{}`, "payloads/integration/1.0.json": "", "payloads/integration/2.0.json": `{"examples":[{"of":"t-1"}]}`,
	})
	for m := range plan(t, Options{Count: 300, Own: shop, Invalid: 0.5, made: made}).All() {
		if m.Want == event.Stored && !strings.HasSuffix(m.Body, `"payload":{"of":"t-1"}}`) {
			t.Fatalf("got %+v", m)
		}
		if strings.HasPrefix(m.Fault, "integration: ") {
			t.Fatalf("%s, which is of version 1.0", m.Fault)
		}
	}
}

func TestATypeWithoutExamplesIsNotMade(t *testing.T) {
	made := withGossip(t, map[string]string{"1.0": `{}`, "1.1": `{}`})
	for m := range plan(t, Options{Count: 200, Own: shop, Invalid: 0.5, made: made}).All() {
		if m.EventType == "gossip" {
			t.Fatalf("got %+v", m)
		}
	}
	_, err := New(Options{Count: 1, Own: shop, Types: []string{"gossip"}, made: made}, now)
	if err == nil || !strings.Contains(err.Error(), "types: nobody has said what a payload of gossip is like; put some into the examples of schemas/payloads/gossip/1.1.json") {
		t.Errorf("got %v", err)
	}
	_, err = New(Options{Count: 1, Types: []string{"telemetry"}, made: made}, now)
	if err == nil || !strings.Contains(err.Error(), `"telemetry" is not an event type; they are gossip, `) {
		t.Errorf("got %v", err)
	}
}
