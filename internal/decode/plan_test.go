package decode

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
	"pgregory.net/rapid"
)

// TestTheEnvelopeHasAPlan, for it is asked of every event. A payload's schema that outgrows the plans works all the
// same, at the library's speed; -v names those.
func TestTheEnvelopeHasAPlan(t *testing.T) {
	d := newDecoder(t)
	if d.schemas.envelope.plan == nil {
		t.Error("no plan knows all that it says")
	}
	for v, s := range d.schemas.payloads {
		if s.plan == nil {
			t.Logf("%s %s has none: the library checks it", v.eventType, v.version)
		}
	}
}

func TestAPlanWhereTheSchemaSaysNoMore(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"$id":"https://a.example/s","title":"t","description":"d","type":"object"}`, `{"required":["a"],"additionalProperties":false,"minProperties":1}`,
		`{"properties":{"a":{"type":["string","null"],"pattern":"^a"},"b":{"format":"date-time"},"c":{"enum":["x"]},"d":{"minimum":0}}}`,
		`{"$defs":{"a":{"not":{}}},"$comment":"c","examples":[{}],"default":{}}`,
	} {
		if planOf(compiled(t, text)) == nil {
			t.Errorf("%s has none", text)
		}
	}
}

func TestNoPlanWhereTheSchemaSaysMore(t *testing.T) {
	for _, text := range []string{
		`{"not":{"type":"string"}}`, `{"maxLength":3}`, `{"properties":{"a":{"multipleOf":2}}}`, `{"oneOf":[{},{}]}`, `{"const":1}`,
		`{"additionalProperties":{"type":"string"}}`, `{"enum":[1]}`, `{"if":{},"then":{}}`, `{"$ref":"#/$defs/a","$defs":{"a":{}}}`,
		`{"maximum":3}`, `{"items":{"type":"string"}}`, `{"maxProperties":2}`, `{"unevaluatedProperties":false}`, `{"contentEncoding":"base64"}`,
		`false`, `{"patternProperties":{"^a":{}}}`, `{"propertyNames":{"pattern":"a"}}`, `{"minItems":1}`, `{"dependentRequired":{"a":["b"]}}`,
	} {
		if p := planOf(compiled(t, text)); p != nil {
			t.Errorf("%s has a plan: %+v", text, p)
		}
	}
}

func compiled(t *testing.T, text string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertContent, compiler.AssertFormat = true, true
	if err := compiler.AddResource("s.json", reader(text)); err != nil {
		t.Fatal(err)
	}
	return compiler.MustCompile("s.json")
}

// TestPlansAreNeverWider bends valid events at random and asks both.
func TestPlansAreNeverWider(t *testing.T) {
	d := decoderWith(t, map[string]string{ // and with schemas that hold others
		"payloads/transaction/99.0.json": `{"allOf":[{"$ref":"1.0.json"}],"properties":{"status":{"enum":["x","high"]}}}`,
		"payloads/transaction/99.1.json": `{"properties":{"amount":{"type":["string","object"]},"currency":{"$ref":"1.0.json#/properties/currency"}}}`,
	})
	valid := vectors(t, "valid")
	names := slices.Sorted(maps.Keys(valid))
	odd := []any{
		nil, true, "", "x", "2026-01-15T10:30:00Z", "2026-01-15T23:59:60Z", "1.0", "EUR", "EU", "high", number("-0"), number("-1e-9"), number("0.5"),
		number("1e2"), number("12"),
		[]any{},
		[]any{"x"},
		map[string]any{},
		map[string]any{"a": "b"},
	}
	members := []string{
		"eventId", "eventType", "clientId", "timestamp", "version", "payload", "correlationId", "extra", "severity", "metric", "value", "host",
		"userId", "action", "resource", "userAgent", "transactionId", "amount", "currency", "status", "source", "target", "operation", "record_count",
	}
	rapid.Check(t, func(t *rapid.T) {
		doc, err := parse(valid[rapid.SampledFrom(names).Draw(t, "vector")], rapid.SampledFrom([]int{shallow, whole}).Draw(t, "depth"))
		if err != nil {
			t.Fatal(err)
		}
		envelope := doc.value.(map[string]any)
		payload := envelope["payload"].(map[string]any)
		for range rapid.IntRange(0, 2).Draw(t, "changes") {
			object := rapid.SampledFrom([]map[string]any{envelope, payload}).Draw(t, "object")
			name := rapid.SampledFrom(members).Draw(t, "member")
			if rapid.Bool().Draw(t, "remove") {
				delete(object, name)
			} else {
				object[name] = rapid.SampledFrom(odd).Draw(t, "value")
			}
		}
		agree(t, d.schemas.envelope, envelope)
		for _, s := range d.schemas.payloads {
			agree(t, s, envelope["payload"])
		}
	})
}

func agree(t interface{ Fatalf(string, ...any) }, s schema, v any) {
	if s.plan.accepts(v) {
		if err := s.Validate(v); err != nil {
			t.Fatalf("the plan accepts %v: %v", v, err)
		}
	}
}

// TestPlansAcceptGoodEvents: else they would be there for nothing.
func TestPlansAcceptGoodEvents(t *testing.T) {
	d := newDecoder(t)
	for name, body := range vectors(t, "valid") {
		doc, err := parse(body, shallow)
		if err != nil {
			t.Fatal(err)
		}
		envelope := doc.value.(map[string]any)
		if !d.schemas.envelope.plan.accepts(envelope) {
			t.Errorf("%s: the envelope's does not", name)
		}
		payload := d.schemas.payloads[version{envelope["eventType"].(string), envelope["version"].(string)}]
		if name != "record-count-1.0" && payload.plan != nil && !payload.plan.accepts(envelope["payload"]) {
			t.Errorf("%s: the payload's does not", name)
		}
		// None, but for regular expressions: the race detector makes their pool forget at random.
		if n := testing.AllocsPerRun(100, func() { d.schemas.envelope.plan.accepts(envelope) }); n > 5 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func number(s string) any { return json.Number(s) }

func reader(s string) io.Reader { return strings.NewReader(s) }
