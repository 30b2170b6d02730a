package decode

import (
	"testing"

	"event-processor/internal/event"
)

// BenchmarkParse is the strict reading of a body alone.
func BenchmarkParse(b *testing.B) {
	body := typical(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := parse(body, shallow); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkValidate is the validation of a good event, by its plan and by the library.
func BenchmarkValidate(b *testing.B) {
	d := newDecoder(b)
	body := typical(b)
	doc, err := parse(body, shallow)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := d.schemas.validate(body, doc.value); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		slow := schemaSet{envelope: schema{Schema: d.schemas.envelope.Schema}, payloads: map[version]schema{}}
		for v, s := range d.schemas.payloads {
			slow.payloads[v] = schema{Schema: s.Schema}
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := slow.validate(body, doc.value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDecode is a body on its whole way to an event.
func BenchmarkDecode(b *testing.B) {
	d := newDecoder(b)
	record := event.Record{MessageID: "m", Body: typical(b)}
	b.ReportAllocs()
	b.SetBytes(int64(len(record.Body)))
	for b.Loop() {
		var e event.Event
		if err := d.Decode(&record, &e); err != nil {
			b.Fatal(err)
		}
	}
}

// typical is a body with a payload of about 600 bytes.
func typical(b *testing.B) string {
	b.Helper()
	return vectors(b, "valid")["transaction-600-bytes"]
}
