package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"event-processor/internal/event"
	"event-processor/internal/schematest"
	"event-processor/schemas"
)

func decoderWith(tb testing.TB, others map[string]string) *Decoder {
	tb.Helper()
	d, err := newFrom(schematest.With(tb, others), maxBody, 10000)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func bodyOf(eventType, version, payload string) string {
	return `{"eventId":"00000000-0000-4000-8000-000000000001","eventType":"` + eventType +
		`","clientId":"c","timestamp":"2026-01-15T10:30:00Z","version":"` + version + `","payload":` + payload + `}`
}

// text writes a document that is known to be JSON.
func text(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// kinds are values of every kind. nothing puts the member away.
var kinds = []any{
	nothing{}, nil, true, "", "129.90", "high", json.Number("7"), json.Number("-1e300"), []any{}, []any{"high"}, map[string]any{}, map[string]any{"amount": 1},
}

type nothing struct{}

// bent is an object with one member of another kind, or without it.
func bent(object map[string]any, name string, kind any) map[string]any {
	other := maps.Clone(object)
	if other == nil {
		other = map[string]any{}
	}
	other[name] = kind
	if kind == any(nothing{}) {
		delete(other, name)
	}
	return other
}

// anything are schemas that let everything through: of the versions to come, those that say least.
var anything = map[string]string{
	"payloads/transaction/98.0.json": `{}`, "payloads/monitoring/98.0.json": `{}`,
	"payloads/transaction/99.0.json": `{"type":"object","required":["transactionId"],"properties":{"amount":{"type":["string","object"]}}}`,
}

// TestAVersionDecidesItsMembers puts each member of each payload away and changes its kind: the schema has the word,
// and no code behind it panics.
func TestAVersionDecidesItsMembers(t *testing.T) {
	d := decoderWith(t, anything)
	members := map[string]bool{"amount": true, "severity": true} // and what any schema names
	for _, s := range d.schemas.payloads {
		for name := range s.Properties {
			members[name] = true
		}
	}
	full := map[string]any{
		"severity": "high", "metric": "m", "value": 1, "host": "h", "userId": "u", "action": "a", "resource": "r", "userAgent": "x",
		"transactionId": "t", "amount": json.Number("20000"), "currency": "EUR", "status": "s", "source": "a", "target": "b", "operation": "c", "record_count": 1,
	}
	for v, s := range d.schemas.payloads {
		for name := range members {
			for _, kind := range kinds {
				payload := bent(full, name, kind)
				e, err := decodeOne(d, event.Record{Body: bodyOf(v.eventType, v.version, text(t, payload))})
				var rejection *event.Rejection
				switch valid := s.Validate(decoded(t, text(t, payload))) == nil; {
				case err != nil && (!errors.As(err, &rejection) || rejection.Reason != event.SchemaViolation):
					t.Errorf("%s %s with %s %#v: %v", v.eventType, v.version, name, kind, err)
				case valid != (err == nil):
					t.Errorf("%s %s with %s %#v: valid %t, got %v", v.eventType, v.version, name, kind, valid, err)
				case err == nil && e.Priority == event.High && (name == "amount" && v.eventType == "transaction" || name == "severity" && v.eventType == "monitoring" && kind != any("high")):
					t.Errorf("%s %s with %s %#v is urgent", v.eventType, v.version, name, kind)
				}
			}
		}
	}
}

func decoded(t *testing.T, body string) any {
	t.Helper()
	doc, err := parse(body, whole)
	if err != nil {
		t.Fatal(err)
	}
	return doc.value
}

func TestAnAmountThatIsNoNumberIsNormal(t *testing.T) {
	d := decoderWith(t, anything)
	for _, payload := range []string{
		`{"transactionId":"t","amount":"129.90"}`, `{"transactionId":"t"}`, `{"transactionId":"t","amount":{"value":20000}}`,
	} {
		for _, v := range []string{"98.0", "99.0"} {
			e, err := decodeOne(d, event.Record{Body: bodyOf("transaction", v, payload)})
			if err != nil || e.Priority != event.Normal {
				t.Errorf("%s %s: got %q, %v", v, payload, e.Priority, err)
			}
		}
	}
}

// TestAnEnvelopeDecidesItsMembers has one that lets everything through. What cannot be kept is a rejection all the same.
func TestAnEnvelopeDecidesItsMembers(t *testing.T) {
	schema := embeddedEnvelope(t)
	for _, keyword := range []string{"type", "required", "additionalProperties"} {
		delete(schema, keyword)
	}
	schema["properties"] = map[string]any{"eventType": map[string]any{"enum": schemas.Types()}}
	d := decoderWith(t, map[string]string{schemas.Envelope: text(t, schema)})
	envelope := decoded(t, bodyOf("monitoring", "1.0", `{"a":1}`)).(map[string]any)
	bodies := []string{`[]`, `3`, `"x"`, `null`, `true`, `{}`}
	for name := range envelope {
		for _, kind := range kinds {
			bodies = append(bodies, text(t, bent(envelope, name, kind)))
		}
	}
	bodies = append(bodies, text(t, bent(envelope, "clientId", strings.Repeat("c", 129))), text(t, bent(envelope, "eventId", "ü")))
	for _, body := range bodies {
		e, err := decodeOne(d, event.Record{MessageID: "m", Body: body})
		var rejection *event.Rejection
		switch {
		case err == nil && (e.ID == "" || e.ClientID == "" || e.Type == "" || e.Version == "" || e.Timestamp.IsZero() || !strings.HasPrefix(e.Payload, "{")):
			t.Errorf("%s: kept as %+v", body, e)
		case err != nil && !errors.As(err, &rejection):
			t.Errorf("%s: %v", body, err)
		}
		d.Violations(body)
	}
}

// TestAPanicTellsWhoSentIt has a decoder that panics where it compares amounts.
func TestAPanicTellsWhoSentIt(t *testing.T) {
	d := newDecoder(t)
	d.highValueAmount = nil
	var e event.Event
	func() {
		defer func() {
			if recover() == nil {
				t.Error("it does not panic")
			}
		}()
		_ = d.Decode(&event.Record{MessageID: "m", CorrelationID: "order-7", Body: bodyOf("transaction", "1.0", `{"transactionId":"t","amount":1,"currency":"EUR"}`)}, &e)
	}()
	if e.ID == "" || e.ClientID != "c" || e.Type != "transaction" || e.CorrelationID != "order-7" {
		t.Errorf("got %+v", e)
	}
}

const home1 = home + "payloads/transaction/1.0.json"

// TestSchemasReferToOneAnother: what 99.1 says of a transaction is asked of it, whatever the name by which it calls 1.0.
func TestSchemasReferToOneAnother(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"by file":              {"payloads/transaction/99.1.json": `{"$id":"` + home + `payloads/transaction/99.1.json","allOf":[{"$ref":"1.0.json"}]}`},
		"by file, without $id": {"payloads/transaction/99.1.json": `{"allOf":[{"$ref":"1.0.json"}]}`},
		"by $id":               {"payloads/transaction/99.1.json": `{"$id":"https://elsewhere.example/t","allOf":[{"$ref":"` + home1 + `"}]}`},
		"by file, of another $id": {
			"payloads/transaction/99.1.json": `{"$id":"https://elsewhere.example/schemas/transaction.json","$ref":"1.0.json"}`,
		},
		"by a path": {"payloads/transaction/99.1.json": `{"$ref":"../transaction/1.0.json"}`},
		"by another $id": {
			"payloads/transaction/99.0.json": `{"$id":"urn:example:transaction","required":["amount"],"properties":{"amount":{"minimum":0}}}`,
			"payloads/transaction/99.1.json": `{"$ref":"urn:example:transaction"}`,
		},
		"by file, which has another $id": {
			"payloads/transaction/99.0.json": `{"$id":"https://elsewhere.example/t","required":["amount"],"properties":{"amount":{"minimum":0}}}`,
			"payloads/transaction/99.1.json": `{"$id":"` + home + `payloads/transaction/99.1.json","$ref":"99.0.json"}`,
		},
		"a piece of it": {"payloads/transaction/99.1.json": `{"required":["amount"],"properties":{"amount":{"$ref":"1.0.json#/properties/amount"}}}`},
		"$defs of its own": {
			"payloads/transaction/99.1.json": `{"required":["amount"],"properties":{"amount":{"$ref":"#/$defs/money"}},"$defs":{"money":{"type":"number","minimum":0}}}`,
		},
		"$defs of the envelope": {
			schemas.Envelope:                 withDef(t, "money", map[string]any{"type": "number", "minimum": 0}),
			"payloads/transaction/99.1.json": `{"required":["amount"],"properties":{"amount":{"$ref":"` + home + `event-schema.json#/$defs/money"}}}`,
		},
		"$defs of the envelope, by file": {
			schemas.Envelope:                 withDef(t, "money", map[string]any{"type": "number", "minimum": 0}),
			"payloads/transaction/99.1.json": `{"required":["amount"],"properties":{"amount":{"$ref":"../../event-schema.json#/$defs/money"}}}`,
		},
		"the envelope to its own $defs": {
			schemas.Envelope:                 strings.Replace(withDef(t, "client", map[string]any{"type": "string", "minLength": 1}), `"clientId":{`, `"clientId":{"$ref":"#/$defs/client",`, 1),
			"payloads/transaction/99.1.json": `{"$ref":"1.0.json"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := decoderWith(t, files)
			for payload, want := range map[string]bool{
				`{"transactionId":"t","amount":1,"currency":"EUR"}`:  true,
				`{"transactionId":"t","amount":-1,"currency":"EUR"}`: false,
				`{"transactionId":"t","currency":"EUR"}`:             false,
			} {
				if _, err := decodeOne(d, event.Record{Body: bodyOf("transaction", "99.1", payload)}); (err == nil) != want {
					t.Errorf("%s: got %v", payload, err)
				}
			}
		})
	}
}

// embeddedEnvelope is the envelope's schema, to be changed.
func embeddedEnvelope(tb testing.TB) map[string]any {
	tb.Helper()
	old, err := fs.ReadFile(schemas.Files, schemas.Envelope)
	if err != nil {
		tb.Fatal(err)
	}
	var envelope map[string]any
	if err := json.Unmarshal(old, &envelope); err != nil {
		tb.Fatal(err)
	}
	return envelope
}

// withDef is the envelope's schema with one of $defs more.
func withDef(tb testing.TB, name string, def map[string]any) string {
	tb.Helper()
	envelope := embeddedEnvelope(tb)
	defs, _ := envelope["$defs"].(map[string]any)
	envelope["$defs"] = bent(defs, name, def)
	return text(tb, envelope)
}

// TestSchemasThatCannotWork: each fault is named with its file and place, and what there is.
func TestSchemasThatCannotWork(t *testing.T) {
	const file = "payloads/transaction/98.0.json"
	for name, tt := range map[string]struct {
		schema string
		want   []string
	}{
		"an unknown format":              {`{"properties":{"at":{"format":"date-tme"}}}`, []string{file + `: /properties/at/format: no format "date-tme"`, "date-time, duration"}},
		"an unknown format of a member":  {`{"properties":{"format":{"format":"date-tme"}}}`, []string{"/properties/format/format: no format"}},
		"an unknown format in $defs":     {`{"$defs":{"a":{"items":{"format":"x"}}}}`, []string{"/$defs/a/items/format: no format"}},
		"an unknown format in a list":    {`{"anyOf":[{},{"not":{"format":"x"}}]}`, []string{"/anyOf/1/not/format: no format"}},
		"an unknown format, of draft 7":  {`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"],"c":{"format":"x"}}}`, []string{"/dependencies/c/format: no format"}},
		"an enum without members":        {`{"properties":{"a/b":{"enum":[]}}}`, []string{file + ": /properties/a~1b/enum: no member"}},
		"a keyword that nobody knows":    {`{"properties":{"a":{"patern":"^x$"}}}`, []string{file + ": /properties/a/patern: no keyword"}},
		"a reference to nowhere":         {`{"$ref":"0.9.json"}`, []string{file + ": no schema is " + home + "payloads/transaction/0.9.json", home1}},
		"a reference to a file":          {`{"$ref":"file:///etc/hostname"}`, []string{"no schema is file:///etc/hostname"}},
		"a reference to a site":          {`{"$ref":"http://127.0.0.1:1/a.json"}`, []string{"no schema is http://127.0.0.1:1/a.json"}},
		"a dialect from elsewhere":       {`{"$schema":"https://127.0.0.1:1/dialect"}`, []string{"no schema is https://127.0.0.1:1/dialect"}},
		"a definition that is not there": {`{"$ref":"1.0.json#/$defs/money"}`, []string{file, "1.0.json#/$defs/money not found"}},
		"a circle":                       {`{"$ref":"#"}`, []string{file, "infinite loop"}},
		"the $id of another":             {`{"$id":"` + home1 + `"}`, []string{file + ": /$id: " + home1 + " is payloads/transaction/1.0.json already"}},
		"a type that nobody knows":       {`{"properties":{"a":{"type":"strin"}}}`, []string{file + ": ", "/properties/a/type", `"string"`}},
		"a pattern that is none":         {`{"properties":{"a":{"pattern":"(?=x)"}}}`, []string{"/properties/a/pattern"}},
		"a member twice":                 {`{"type":"object","type":"string"}`, []string{file + ": a member twice"}},
		"no JSON":                        {`{`, []string{file + ": the text ends"}},
		"a number that stops the clock":  {`{"properties":{"a":{"minimum":1e1000001}}}`, []string{file + ": /properties/a/minimum: a number has at most"}},
		"several, all at once": {
			`{"properties":{"a":{"enum":[],"format":"x"},"b":{"$ref":"0.9.json"}}}`,
			[]string{"/properties/a/enum", "/properties/a/format", "no schema is"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newFrom(schematest.With(t, map[string]string{file: tt.schema, "payloads/gossip/1.0.json": "{}"}), maxBody, 10000)
			for _, want := range append(tt.want, `does not name "gossip"`) { // which is reported beside everything else
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v\nwant something with %q", err, want)
				}
			}
		})
	}
}

// TestWhatIsNoKeyword: the names of members and the values of others are not looked at.
func TestWhatIsNoKeyword(t *testing.T) {
	for _, schema := range []string{
		`{"properties":{"format":{"type":"string"},"enum":{"type":"array"},"whatever":true}}`,
		`{"const":{"format":"x","enum":[]},"default":{"enum":[]},"enum":[{"enum":[],"patern":1}]}`,
		`{"examples":[{"format":"x"}]}`, `{"x-owner":"billing","x-format":{"format":"x"}}`, `{"properties":{"a":{"format":"uuid"}}}`, `true`,
		`{"$defs":{"format":{}},"dependentRequired":{"format":["a"]},"patternProperties":{"enum":{}}}`,
	} {
		if _, err := newFrom(schematest.With(t, map[string]string{"payloads/transaction/98.0.json": schema}), maxBody, 10000); err != nil {
			t.Errorf("%s: %v", schema, err)
		}
	}
}

// TestWhatCouldMeanTwoFilesMeansNone: two schemas elsewhere, side by side, have neighbours of the same name.
func TestWhatCouldMeanTwoFilesMeansNone(t *testing.T) {
	for range 20 { // in whatever order they come
		_, err := newFrom(schematest.With(t, map[string]string{
			"payloads/transaction/1.1.json": `{"$id":"https://elsewhere.example/t.json","$ref":"1.0.json"}`,
			"payloads/monitoring/1.1.json":  `{"$id":"https://elsewhere.example/m.json"}`,
		}), maxBody, 10000)
		if err == nil || !strings.Contains(err.Error(), "payloads/transaction/1.1.json: no schema is https://elsewhere.example/1.0.json") {
			t.Fatalf("got %v", err)
		}
	}
}

// TestATypeIsData: a new type is a folder and its name in the envelope.
func TestATypeIsData(t *testing.T) {
	envelope := embeddedEnvelope(t)
	envelope["properties"].(map[string]any)["eventType"] = map[string]any{"enum": append([]string{"gossip"}, schemas.Types()...)}
	d := decoderWith(t, map[string]string{
		schemas.Envelope:           text(t, envelope),
		"payloads/gossip/1.0.json": `{"required":["transactionId"]}`,
	})
	if e, err := decodeOne(d, event.Record{Body: bodyOf("gossip", "1.0", `{"transactionId":"t"}`)}); err != nil || e.Type != "gossip" {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := decodeOne(d, event.Record{Body: bodyOf("gossip", "1.0", `{"amount":1}`)}); err == nil {
		t.Error("its schema is not asked")
	}
}

// TestExamplesKeepTheirSchemas: the generator sends the examples of a type for which it has no recipe.
func TestExamplesKeepTheirSchemas(t *testing.T) {
	d := newDecoder(t)
	for v := range d.schemas.payloads {
		file := fmt.Sprintf("payloads/%s/%s.json", v.eventType, v.version)
		content, err := fs.ReadFile(schemas.Files, file)
		if err != nil {
			t.Fatal(err)
		}
		var schema struct{ Examples []json.RawMessage }
		if err := json.Unmarshal(content, &schema); err != nil {
			t.Fatal(err)
		}
		for _, example := range schema.Examples {
			if _, err := decodeOne(d, event.Record{Body: bodyOf(v.eventType, v.version, string(example))}); err != nil {
				t.Errorf("%s: the example %s: %v", file, example, err)
			}
		}
	}
}
