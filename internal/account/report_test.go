package account

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

func TestReadReport(t *testing.T) {
	line := `{"time":"2026-01-15T10:30:00Z","level":"WARN","message":"record","message_id":"m1","client_id":"client-001",` +
		`"event_id":"1","outcome":"rejected","reason":"schema_violation"}`
	got, ok := ReadReport(line)
	want := Report{MessageID: "m1", Key: one, Outcome: event.Rejected, Reason: event.SchemaViolation}
	if diff := cmp.Diff(want, got); !ok || diff != "" {
		t.Errorf("%v %s", ok, diff)
	}
	for name, line := range map[string]string{
		"Lambda's own":        "REPORT RequestId: 1\tDuration: 3 ms",
		"a batch":             `{"message":"batch","records":10}`,
		"a record, stored":    `{"message":"record","outcome":"stored"}`,
		"JSON that was cut":   `{"message":"record","outcome":"rej`,
		"nothing":             "",
		"JSON, but no object": "7",
	} {
		if got, ok := ReadReport(line); ok {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestToRead(t *testing.T) {
	found := Evidence{Stored: map[event.Key]string{two: "m4"}}
	if diff := cmp.Diff([]event.Key{one}, found.ToRead(append(five, five...))); diff != "" {
		t.Error(diff)
	}
}

func TestCutShort(t *testing.T) {
	good, twin, conflict, bad := five[0], five[1], five[2], five[4]
	stored := conflict
	stored.Want, stored.Reason = event.Stored, ""
	for name, tt := range map[string]struct{ sent, want []Sent }{
		"all were sent":                     {five, five},
		"only the copy":                     {[]Sent{twin}, []Sent{good}},
		"only the conflict":                 {[]Sent{conflict, bad}, []Sent{stored, bad}},
		"two copies, and the first is kept": {[]Sent{twin, twin}, []Sent{good, twin}},
		"bad ones stay bad":                 {[]Sent{bad}, []Sent{bad}},
	} {
		t.Run(name, func(t *testing.T) {
			sent := append([]Sent(nil), tt.sent...)
			CutShort(sent)
			if diff := cmp.Diff(tt.want, sent); diff != "" {
				t.Error(diff)
			}
		})
	}
}
