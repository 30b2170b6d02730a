// Package account balances what was sent against what became of it: every message is stored, a duplicate, or a
// dead letter with its reason, and each is where it was expected to be.
package account

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"event-processor/internal/event"
)

// Sent is one message that was sent, and what is to be expected of it. Two messages with the same key are copies
// or a conflict: which of them came first does not matter to the account.
type Sent struct {
	Key           event.Key
	Type          string // of the event
	CorrelationID string
	Want          event.Outcome
	Reason        event.Reason // where Want is Rejected
}

// Evidence is what was found. It may hold traces of other traffic; only what belongs to the sent messages counts.
type Evidence struct {
	Stored      map[event.Key]string // the message id of what the table keeps under each key
	Reports     []Report             // what the processor said of records that it did not store
	DeadLetters map[string]string    // message id → correlation id, of what lies in the dead-letter queue
}

// Report is the processor's line about one record.
type Report struct {
	MessageID string
	Key       event.Key // as far as the body could be read
	Outcome   event.Outcome
	Reason    event.Reason
}

// Account is how far the messages are accounted for.
type Account struct {
	Sent        int
	Stored      map[string]map[string]int // events newly in the table, by client and type
	Duplicates  int
	DeadLetters map[event.Reason]int

	Unexplained int            // dead letters about which the log says nothing; they count as missing
	Missing     map[string]int // what is not accounted for, by the outcome or the reason that was expected
	Wrong       []string       // sentences about what is not as it was expected
}

// Balance accounts for the sent messages by the evidence.
func Balance(sent []Sent, found Evidence) Account {
	b := balance{found: found, account: Account{
		Sent: len(sent), Stored: map[string]map[string]int{}, DeadLetters: map[event.Reason]int{}, Missing: map[string]int{},
	}}
	b.expect(sent)
	b.countStored(sent)
	b.countDuplicates()
	b.countDeadLetters()
	slices.Sort(b.account.Wrong)
	return b.account
}

// Total is how many messages are accounted for.
func (a *Account) Total() int {
	total := a.TotalStored() + a.Duplicates
	for _, n := range a.DeadLetters {
		total += n
	}
	return total
}

// TotalStored is how many events are newly in the table.
func (a *Account) TotalStored() (total int) {
	for _, byType := range a.Stored {
		for _, n := range byType {
			total += n
		}
	}
	return total
}

// Balanced reports whether every message is accounted for, and where it was expected to be.
func (a *Account) Balanced() bool { return a.Total() == a.Sent && len(a.Wrong) == 0 }

type balance struct {
	found   Evidence
	account Account

	duplicates map[event.Key]int               // how many are expected
	rejected   map[string]map[event.Reason]int // by correlation id
	ours       map[string]bool                 // correlation ids
	reasons    map[string]event.Reason         // by message id: why it was rejected or failed at last
	dupes      map[event.Key]map[string]bool   // message ids that the processor called duplicates
}

func (b *balance) expect(sent []Sent) {
	b.duplicates, b.rejected, b.ours = map[event.Key]int{}, map[string]map[event.Reason]int{}, map[string]bool{}
	for _, m := range sent {
		b.ours[m.CorrelationID] = true
		if m.Want == event.Duplicate {
			b.duplicates[m.Key]++
		}
		if m.Want == event.Rejected {
			count(b.rejected, m.CorrelationID, m.Reason)
		}
	}
	b.reasons, b.dupes = map[string]event.Reason{}, map[event.Key]map[string]bool{}
	for _, r := range b.found.Reports {
		if r.Outcome != event.Duplicate {
			b.reasons[r.MessageID] = r.Reason
			continue
		}
		if b.dupes[r.Key] == nil {
			b.dupes[r.Key] = map[string]bool{}
		}
		b.dupes[r.Key][r.MessageID] = true
	}
}

func (b *balance) countStored(sent []Sent) {
	for _, m := range sent {
		if m.Want != event.Stored {
			continue
		}
		if _, stored := b.found.Stored[m.Key]; stored {
			count(b.account.Stored, m.Key.ClientID, m.Type)
		} else {
			b.miss(string(event.Stored), 1)
		}
	}
}

func (b *balance) countDuplicates() {
	for key, want := range b.duplicates {
		messages := b.dupes[key]
		delete(messages, b.found.Stored[key]) // the stored message itself, delivered once more
		found := min(want, len(messages))
		b.account.Duplicates += found
		b.miss(string(event.Duplicate), want-found)
	}
}

// countDeadLetters takes each dead letter of ours by its correlation id, which it keeps even where nobody can read
// its body, and gives it the reason that the processor gave for its message id.
func (b *balance) countDeadLetters() {
	var unexplained []string
	for _, id := range slices.Sorted(maps.Keys(b.found.DeadLetters)) {
		correlation := b.found.DeadLetters[id]
		if !b.ours[correlation] {
			continue
		}
		reason := b.reasons[id]
		if reason == "" { // its line has not come yet, or never will
			unexplained = append(unexplained, fmt.Sprintf("%s (%s)", id, correlation))
			continue
		}
		if b.rejected[correlation][reason] == 0 {
			b.account.Wrong = append(b.account.Wrong, fmt.Sprintf("message %s (%s) is in the dead-letter queue for %s, which was not expected of it",
				id, correlation, reason))
			continue
		}
		b.rejected[correlation][reason]--
		b.account.DeadLetters[reason]++
	}
	for _, left := range b.rejected {
		for reason, n := range left {
			b.miss(string(reason), n)
		}
	}
	b.account.Unexplained = len(unexplained)
	if len(unexplained) > 0 {
		b.account.Wrong = append(b.account.Wrong, unexplainedWords(unexplained))
	}
}

// unexplainedWords is the sentence about dead letters without a reason. It names a few: all of them may be thousands.
func unexplainedWords(letters []string) string {
	const named = 3
	words := fmt.Sprintf("%d dead letters are in the queue and the log knows no reason: ", len(letters))
	if len(letters) == 1 {
		words = "1 dead letter is in the queue and the log knows no reason: "
	}
	words += strings.Join(letters[:min(len(letters), named)], ", ")
	if more := len(letters) - named; more > 0 {
		words += fmt.Sprintf(" and %d more", more)
	}
	return words
}

func (b *balance) miss(what string, n int) {
	if n > 0 {
		b.account.Missing[what] += n
	}
}

func count[K, L comparable](to map[K]map[L]int, k K, l L) {
	if to[k] == nil {
		to[k] = map[L]int{}
	}
	to[k][l]++
}
