// Package decode turns a message body into an event: it reads the JSON strictly, validates it against the schemas
// and tells what is urgent. What it refuses is a rejection; it has no transient errors.
package decode

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/big"
	"strconv"
	"strings"
	"time"

	"event-processor/internal/event"
	"event-processor/schemas"
)

// Decoder decodes bodies. It is safe for concurrent use.
type Decoder struct {
	maxBodyBytes    int
	highValueAmount *big.Rat
	schemas         schemaSet
}

// New makes a decoder that accepts bodies of up to maxBodyBytes bytes and gives priority to transactions above
// highValueAmount. It fails only where the embedded schemas are not in order, and then names all their faults.
func New(maxBodyBytes int, highValueAmount float64) (*Decoder, error) {
	return newFrom(schemas.Files, maxBodyBytes, highValueAmount)
}

func newFrom(files fs.FS, maxBodyBytes int, highValueAmount float64) (*Decoder, error) {
	set, err := compileAll(files)
	if err != nil {
		return nil, err
	}
	return &Decoder{maxBodyBytes, new(big.Rat).SetFloat64(highValueAmount), set}, nil
}

// Decode reads the event out of a record. The error is an *event.Rejection. Beside an error the event carries
// what could be read of who sent what (ID, Type, ClientID, CorrelationID), fit for a log line; it is filled as far
// as Decode came, so that it tells as much where Decode panics.
func (d *Decoder) Decode(r *event.Record, e *event.Event) error {
	*e = event.Event{CorrelationID: correlationID("", r), MessageID: r.MessageID, ReceivedAt: r.SentAt}
	if len(r.Body) > d.maxBodyBytes {
		return event.Reject(event.EventTooLarge,
			strconv.Itoa(len(r.Body))+" bytes, at most "+strconv.Itoa(d.maxBodyBytes)+" are accepted")
	}
	doc, err := parse(r.Body, shallow)
	if err != nil {
		return event.Reject(event.MalformedJSON, err.Error())
	}
	envelope, _ := doc.value.(map[string]any)
	identify(e, envelope, r)
	if doc.badNumber != nil {
		return event.Reject(event.SchemaViolation, numberLimits+" (byte "+strconv.FormatInt(doc.badNumber.offset, 10)+")")
	}
	c, err := d.schemas.validate(r.Body, doc.value)
	if err != nil {
		return err
	}
	if e.ID == "" || e.ClientID == "" { // by a schema that lets more through than a key may be
		return event.Reject(event.SchemaViolation, "/eventId, /clientId: not 1–128 printable ASCII characters each")
	}
	e.OccurredAt = c.timestamp
	e.Timestamp, err = time.Parse(time.RFC3339, e.OccurredAt)
	// The schema's date-time is wider: leap seconds, lower case t and z, fractions of any length.
	if err != nil || finerThanNanoseconds(e.OccurredAt) {
		return event.Reject(event.SchemaViolation, "/timestamp: not a date-time that can be kept (no leap second, T and Z in capitals, at most nanoseconds)")
	}
	e.Version = c.version
	e.Payload = doc.payload
	e.Hash = event.HashOf(r.Body)
	e.Priority = d.triage(e.Type, c.payload)
	return nil
}

var numberLimits = fmt.Sprintf("a number has at most %d characters and an exponent within ±%d", maxNumberChars, maxExponent)

// identify notes who sent what, as far as it is fit for a log line: nothing of it is validated yet.
func identify(e *event.Event, envelope map[string]any, r *event.Record) {
	e.ID = short(envelope["eventId"])
	e.Type = short(envelope["eventType"])
	e.ClientID = short(envelope["clientId"])
	e.CorrelationID = correlationID(short(envelope["correlationId"]), r)
}

// correlationID is the event's own, else the message attribute, else the message id.
func correlationID(own string, r *event.Record) string {
	if own != "" {
		return own
	}
	if attribute := short(r.CorrelationID); attribute != "" {
		return attribute
	}
	return r.MessageID
}

// short is a value as it is where it is a string of 1–128 printable ASCII characters, else "".
func short(value any) string {
	s, _ := value.(string)
	if len(s) > 128 {
		return ""
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return ""
		}
	}
	return s
}

// finerThanNanoseconds reports whether a date-time has digits that time.Time would drop: two instants must not
// become one, and the text of one must not grow without bounds.
func finerThanNanoseconds(dateTime string) bool {
	_, fraction, _ := strings.Cut(dateTime, ".")
	return strings.IndexFunc(fraction, func(r rune) bool { return r < '0' || r > '9' }) > 9
}

// triage tells what is urgent. Which members a payload has, and of which kind, is for its schema to say: what is not
// there, or is no number, is not urgent.
func (d *Decoder) triage(eventType string, payload map[string]any) event.Priority {
	switch eventType {
	case "monitoring":
		if payload["severity"] == "high" || payload["severity"] == "critical" {
			return event.High
		}
	case "transaction":
		number, _ := payload["amount"].(json.Number)
		if amount, ok := new(big.Rat).SetString(string(number)); ok && amount.Cmp(d.highValueAmount) > 0 {
			return event.High
		}
	}
	return event.Normal
}
