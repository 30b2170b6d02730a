package account

import (
	"encoding/json"
	"slices"
	"strings"

	"event-processor/internal/event"
)

// ReadReport reads a line of the processor's log where it is one about a record that was not stored.
func ReadReport(line string) (report Report, ok bool) {
	if !strings.HasPrefix(line, "{") { // Lambda's own, most of them
		return Report{}, false
	}
	var r struct {
		Message   string
		MessageID string `json:"message_id"`
		ClientID  string `json:"client_id"`
		EventID   string `json:"event_id"`
		Outcome   event.Outcome
		Reason    event.Reason
	}
	if json.Unmarshal([]byte(line), &r) != nil || r.Message != "record" || r.Outcome == event.Stored {
		return Report{}, false
	}
	return Report{
		MessageID: r.MessageID, Key: event.Key{ClientID: r.ClientID, EventID: r.EventID}, Outcome: r.Outcome, Reason: r.Reason,
	}, true
}

// ToRead lists the keys that the table should hold by now and that were not found so far, each once.
func (e *Evidence) ToRead(sent []Sent) []event.Key {
	var keys []event.Key
	for _, m := range sent {
		if _, found := e.Stored[m.Key]; !found && m.Want == event.Stored {
			keys = append(keys, m.Key)
		}
	}
	slices.SortFunc(keys, func(a, b event.Key) int {
		return strings.Compare(a.ClientID+" "+a.EventID, b.ClientID+" "+b.EventID)
	})
	return slices.Compact(keys)
}

// CutShort puts right what is to be expected where not all messages of a run were sent: of those with one key, the
// copy or the conflict whose good message is missing is the one that is stored.
func CutShort(sent []Sent) {
	good := map[event.Key]bool{}
	for _, m := range sent {
		good[m.Key] = good[m.Key] || m.Want == event.Stored
	}
	for i := range sent {
		m := &sent[i]
		if !good[m.Key] && (m.Want == event.Duplicate || m.Reason == event.EventIDConflict) {
			m.Want, m.Reason = event.Stored, ""
			good[m.Key] = true
		}
	}
}
