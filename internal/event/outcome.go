package event

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Outcome says what became of a record.
type Outcome string

// The outcomes. A stored record and a duplicate leave the queue; the other two are reported and come again.
const (
	Stored    Outcome = "stored"
	Duplicate Outcome = "duplicate"
	Rejected  Outcome = "rejected" // for good: no retry can help
	Failed    Outcome = "failed"   // for now: a retry may help
)

// Outcomes lists them in the order in which people read them.
var Outcomes = []Outcome{Stored, Duplicate, Rejected, Failed}

// Reason says why a record was rejected or failed. Reasons are interface: logs, metrics and people's queries
// name them. Add, never rename.
type Reason string

// The permanent reasons: the outcome is Rejected.
const (
	MalformedJSON       Reason = "malformed_json"
	EventTooLarge       Reason = "event_too_large"
	SchemaViolation     Reason = "schema_violation"
	UnknownEventVersion Reason = "unknown_event_version"
	UnknownClient       Reason = "unknown_client"
	ClientInactive      Reason = "client_inactive"
	TypeNotAllowed      Reason = "type_not_allowed"
	SenderNotAllowed    Reason = "sender_not_allowed"
	EventIDConflict     Reason = "event_id_conflict"
)

// The transient reasons: the outcome is Failed.
const (
	ClientLookupFailed Reason = "client_lookup_failed"
	StoreThrottled     Reason = "store_throttled"
	StoreUnavailable   Reason = "store_unavailable"
	DeadlineNear       Reason = "deadline_near"
	InternalError      Reason = "internal_error" // a panic
)

// PermanentReasons and TransientReasons are the closed table of reasons.
var (
	PermanentReasons = []Reason{
		MalformedJSON, EventTooLarge, SchemaViolation, UnknownEventVersion, UnknownClient,
		ClientInactive, TypeNotAllowed, SenderNotAllowed, EventIDConflict,
	}
	TransientReasons = []Reason{ClientLookupFailed, StoreThrottled, StoreUnavailable, DeadlineNear, InternalError}
)

// Permanent reports whether no retry can help.
func (r Reason) Permanent() bool { return slices.Contains(PermanentReasons, r) }

// Rejection is the error for an event that no retry can save. Any other error is taken to be transient.
type Rejection struct {
	Reason Reason
	Detail string // for a human; never holds the payload
}

func (r *Rejection) Error() string {
	if r.Detail == "" {
		return string(r.Reason)
	}
	return string(r.Reason) + ": " + r.Detail
}

// Reject makes a Rejection.
func Reject(reason Reason, detail string) error { return &Rejection{Reason: reason, Detail: detail} }

// Failure is the error for an event that a retry may save.
type Failure struct {
	Reason Reason
	Err    error // what happened, nil where the reason says it all
}

func (f *Failure) Error() string {
	if f.Err == nil {
		return string(f.Reason)
	}
	return string(f.Reason) + ": " + f.Err.Error()
}

func (f *Failure) Unwrap() error { return f.Err }

// Fail makes a Failure.
func Fail(reason Reason, err error) error { return &Failure{Reason: reason, Err: err} }

// Panicked is the Failure of what panicked with a value. It tells the value's type, and its text only where Go's
// runtime wrote it: any other could hold a piece of a payload.
func Panicked(value any) error {
	what := fmt.Sprintf("%T", value)
	if e, ok := value.(runtime.Error); ok {
		what = e.Error()
	}
	return Fail(InternalError, errors.New("panic: "+what))
}

// Result is the account of one record: one record, one result, one log line, at most one batch item failure.
type Result struct {
	Record  *Record
	Outcome Outcome
	Reason  Reason // "" where the outcome is Stored or Duplicate
	Detail  string // for a human; never holds the payload

	// What is known of the event, as far as it could be read.
	EventID, EventType, ClientID, CorrelationID string

	Duration time.Duration // from the start of the batch until the outcome was known
}

// Keep reports whether the message must come again: it is a batch item failure.
func (r *Result) Keep() bool { return r.Outcome == Rejected || r.Outcome == Failed }

// Settle sets outcome, reason and detail by what came of the record: nil is outcome as given, a Rejection
// rejects, a Failure fails with its reason, and any other error fails as InternalError.
func (r *Result) Settle(outcome Outcome, err error) {
	var rejection *Rejection
	var failure *Failure
	switch {
	case err == nil:
		r.Outcome, r.Reason, r.Detail = outcome, "", ""
	case errors.As(err, &rejection):
		r.Outcome, r.Reason, r.Detail = Rejected, rejection.Reason, rejection.Detail
	case errors.As(err, &failure):
		r.Outcome, r.Reason, r.Detail = Failed, failure.Reason, ""
		if failure.Err != nil {
			r.Detail = failure.Err.Error()
		}
	default:
		r.Outcome, r.Reason, r.Detail = Failed, InternalError, err.Error()
	}
}
