package account

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

var (
	one = event.Key{ClientID: "client-001", EventID: "1"}
	two = event.Key{ClientID: "client-002", EventID: "2"}
)

// five messages: a good one, its copy, a conflict about its id, another good one, and one that nobody can read.
var five = []Sent{
	{Key: one, Type: "integration", CorrelationID: "req-1", Want: event.Stored},
	{Key: one, Type: "integration", CorrelationID: "req-1", Want: event.Duplicate},
	{Key: one, Type: "integration", CorrelationID: "req-1", Want: event.Rejected, Reason: event.EventIDConflict},
	{Key: two, Type: "transaction", CorrelationID: "req-2", Want: event.Stored},
	{Key: event.Key{ClientID: "client-001", EventID: "3"}, CorrelationID: "req-3", Want: event.Rejected, Reason: event.MalformedJSON},
}

// all is the evidence of the five; change takes away from it or adds to it.
func all(change func(*Evidence)) Evidence {
	e := Evidence{
		Stored: map[event.Key]string{one: "m1", two: "m4"},
		Reports: []Report{
			{MessageID: "m2", Key: one, Outcome: event.Duplicate},
			{MessageID: "m3", Key: one, Outcome: event.Rejected, Reason: event.EventIDConflict},
			{MessageID: "m3", Key: one, Outcome: event.Rejected, Reason: event.EventIDConflict}, // the next receive
			{MessageID: "m5", Outcome: event.Rejected, Reason: event.MalformedJSON},
		},
		DeadLetters: map[string]string{"m3": "req-1", "m5": "req-3"},
	}
	if change != nil {
		change(&e)
	}
	return e
}

func TestBalance(t *testing.T) {
	for name, tt := range map[string]struct {
		change  func(*Evidence)
		total   int
		missing map[string]int
		wrong   string // a part of the sentence
	}{
		"all are accounted for": {total: 5},
		"older dead letters and other traffic do not count": {total: 5, change: func(e *Evidence) {
			e.DeadLetters["m0"] = "req-0"
			e.Stored[event.Key{ClientID: "client-001", EventID: "0"}] = "m0"
			e.Reports = append(e.Reports, Report{MessageID: "m9", Key: event.Key{ClientID: "client-001", EventID: "0"}, Outcome: event.Duplicate})
		}},
		"not in the table yet": {total: 4, missing: map[string]int{"stored": 1}, change: func(e *Evidence) {
			delete(e.Stored, two)
		}},
		"a stored message that came once more is no duplicate": {total: 4, missing: map[string]int{"duplicate": 1}, change: func(e *Evidence) {
			e.Reports[0].MessageID = "m1"
		}},
		"a copy that came twice counts once": {total: 5, change: func(e *Evidence) {
			e.Reports = append(e.Reports, e.Reports[0])
		}},
		"rejected, and not in the dead-letter queue yet": {total: 4, missing: map[string]int{"malformed_json": 1}, change: func(e *Evidence) {
			delete(e.DeadLetters, "m5")
		}},
		"in the dead-letter queue, and its line has not come": {
			total: 4, missing: map[string]int{"malformed_json": 1}, wrong: "1 dead letter is in the queue and the log knows no reason: m5 (req-3)",
			change: func(e *Evidence) { e.Reports = e.Reports[:3] },
		},
		"stored, and a dead letter that the log does not know": {total: 5, wrong: "the log knows no reason: m4 (req-2)", change: func(e *Evidence) {
			e.DeadLetters["m4"] = "req-2"
		}},
		"rejected for another reason": {
			total: 4, missing: map[string]int{"malformed_json": 1}, wrong: "m5 (req-3) is in the dead-letter queue for schema_violation",
			change: func(e *Evidence) { e.Reports[3].Reason = event.SchemaViolation },
		},
		"a good one in the dead-letter queue": {
			total: 4, missing: map[string]int{"stored": 1}, wrong: "m4 (req-2) is in the dead-letter queue for store_unavailable",
			change: func(e *Evidence) {
				delete(e.Stored, two)
				e.DeadLetters["m4"] = "req-2"
				e.Reports = append(e.Reports, Report{MessageID: "m4", Key: two, Outcome: event.Failed, Reason: event.StoreUnavailable})
			},
		},
		"stored and a dead letter all the same": {total: 5, wrong: "m4 (req-2)", change: func(e *Evidence) {
			e.DeadLetters["m4"] = "req-2"
			e.Reports = append(e.Reports, Report{MessageID: "m4", Key: two, Outcome: event.Failed, Reason: event.InternalError})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := Balance(five, all(tt.change))
			if tt.missing == nil {
				tt.missing = map[string]int{}
			}
			if got := a.Total(); got != tt.total {
				t.Errorf("Total() = %d, want %d", got, tt.total)
			}
			if diff := cmp.Diff(tt.missing, a.Missing); diff != "" {
				t.Errorf("Missing (-want +got):\n%s", diff)
			}
			if got := strings.Join(a.Wrong, "\n"); (got == "") != (tt.wrong == "") || !strings.Contains(got, tt.wrong) {
				t.Errorf("Wrong = %q, want %q in it", got, tt.wrong)
			}
			if got, want := a.Balanced(), tt.total == 5 && tt.wrong == ""; got != want {
				t.Errorf("Balanced() = %v, want %v", got, want)
			}
		})
	}
}

func TestBalanceCountsByClientTypeAndReason(t *testing.T) {
	a := Balance(five, all(nil))
	want := Account{
		Sent:        5,
		Stored:      map[string]map[string]int{"client-001": {"integration": 1}, "client-002": {"transaction": 1}},
		Duplicates:  1,
		DeadLetters: map[event.Reason]int{event.EventIDConflict: 1, event.MalformedJSON: 1},
		Missing:     map[string]int{},
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("Balance (-want +got):\n%s", diff)
	}
}

// TestBalanceNamesAFewOfTheUnexplained where the log was lost, or came too late for all of them.
func TestBalanceNamesAFewOfTheUnexplained(t *testing.T) {
	a := Balance(five, all(func(e *Evidence) {
		e.Reports = e.Reports[:1]
		e.DeadLetters["m6"], e.DeadLetters["m7"] = "req-3", "req-3"
	}))
	want := []string{"4 dead letters are in the queue and the log knows no reason: m3 (req-1), m5 (req-3), m6 (req-3) and 1 more"}
	if diff := cmp.Diff(want, a.Wrong); diff != "" || a.Unexplained != 4 || a.Balanced() {
		t.Errorf("%d unexplained, balanced: %v\n%s", a.Unexplained, a.Balanced(), diff)
	}
}
