// Package event is the vocabulary of the event processor: what arrives, what it says, who sends it, and what
// became of it. Every other package speaks in these words; this one imports only the standard library.
package event

import (
	"crypto/sha256"
	"time"
)

// Record is one message of a batch, as the queue hands it over.
type Record struct {
	MessageID     string
	ReceiptHandle string
	Body          string    // the raw text of the event
	SentAt        time.Time // when the queue took it (SentTimestamp, milliseconds)
	ReceiveCount  int       // how often the queue has handed it out, this time included
	SenderID      string    // who put it on the queue: an account, a user id or ROLEID:session
	CorrelationID string    // the message attribute CorrelationId, "" where there is none
	TraceHeader   string    // the system attribute AWSTraceHeader, "" where there is none
}

// Event is what a body says, decoded and validated.
type Event struct {
	ID        string    // a UUID in lower case, unique within the client
	Type      string    // one of those that the envelope's schema lists
	ClientID  string    // who speaks
	Version   string    // MAJOR.MINOR, the version of the payload's schema
	Timestamp time.Time // when it happened at the client, not when it reached us

	OccurredAt    string // Timestamp as the client wrote it
	Payload       string // the JSON object as it came
	Hash          Hash   // of the body
	Priority      Priority
	CorrelationID string
	MessageID     string
	ReceivedAt    time.Time // when the queue took it
	RetentionDays int       // how long the client wants it kept; 0 is the default of the store
}

// Key identifies an event: no two events of a client have the same id.
type Key struct{ ClientID, EventID string }

// Key of the event.
func (e *Event) Key() Key { return Key{e.ClientID, e.ID} }

// Hash is the first 16 bytes of a body's SHA-256: equal for the same event redelivered.
type Hash [16]byte

// HashOf hashes a body.
func HashOf(body string) Hash {
	sum := sha256.Sum256([]byte(body))
	return Hash(sum[:16])
}

// Priority tells urgent events from the rest.
type Priority string

// The priorities.
const (
	High   Priority = "high"
	Normal Priority = "normal"
)

// Put is what came of the attempt to keep an event. Where both are nil, it is stored.
type Put struct {
	Existing *Event // what is stored under its key: type, version, timestamp and hash; not the payload, which may be large
	Err      error  // a *Failure
}
