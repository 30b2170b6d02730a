package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/schemas"
)

// selection says which dead letters are meant. Several flags of one kind mean any of them; flags of different kinds
// must all match.
type selection struct {
	Reason []event.Reason `placeholder:"REASON" help:"Those that are in the queue for this reason by the processor's log, or would be by today's rules."`
	Client []string       `placeholder:"CLIENT" help:"Those of this client."`
	Type   []string       `placeholder:"TYPE" help:"Those of this event type."`
	ID     []string       `name:"id" placeholder:"ID" help:"This message, by its id or the first 8 characters of it or more."`

	mu      sync.Mutex
	matched map[string][]string // by id asked for: ids of messages that begin like it
	unknown int                 // letters that are not meant, but may have died for a reason asked for: the log has none
}

// target is a selection that must be made: to change everything takes the word.
type target struct {
	selection `embed:""`
	All       bool `help:"All of them."`
}

// Validate asks for a choice.
func (t *target) Validate() error {
	switch {
	case t.empty() && !t.All:
		return errors.New("which ones? Say --reason, --client, --type or --id, or --all for all of them; `dlq.sh list` shows them")
	case !t.empty() && t.All:
		return errors.New("--all means all of them: leave it away, or the other filters")
	}
	return t.selection.Validate()
}

// minPrefix is how much of a message id suffices, in characters.
const minPrefix = 8

func (s *selection) empty() bool { return len(s.Reason)+len(s.Client)+len(s.Type)+len(s.ID) == 0 }

// Validate names every flag that can match nothing.
func (s *selection) Validate() error {
	var errs []error
	known := slices.Concat(event.PermanentReasons, event.TransientReasons)
	for _, r := range s.Reason {
		if !slices.Contains(known, r) {
			errs = append(errs, fmt.Errorf("--reason=%s: the reasons are %s", r, words(known)))
		}
	}
	for _, t := range s.Type {
		if !slices.Contains(schemas.Types(), t) {
			errs = append(errs, fmt.Errorf("--type=%s: the types are %s", t, words(schemas.Types())))
		}
	}
	for _, id := range s.ID {
		if err := checkID(id); err != nil {
			errs = append(errs, fmt.Errorf("--id=%w", err))
		}
	}
	return errors.Join(errs...)
}

func checkID(id string) error {
	if len(id) < minPrefix {
		return fmt.Errorf("%s: at least %d characters of a message id are needed", printable(id), minPrefix)
	}
	return nil
}

func words[T ~string](all []T) string {
	text := make([]string, len(all))
	for i, word := range all {
		text[i] = string(word)
	}
	return strings.Join(text, ", ")
}

// among returns the messages that can match as far as their ids tell, so that the others need no judgement.
func (s *selection) among(messages []queue.Received) []queue.Received {
	if len(s.ID) == 0 {
		return messages
	}
	return slices.DeleteFunc(messages, func(m queue.Received) bool { return !s.matchesID(m.ID) })
}

func (s *selection) matchesID(messageID string) (matches bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.ID {
		if strings.HasPrefix(messageID, id) {
			if s.matched == nil {
				s.matched = map[string][]string{}
			}
			s.matched[id] = append(s.matched[id], messageID)
			matches = true
		}
	}
	return matches
}

// matches reports whether a letter that is among the messages is meant.
func (s *selection) matches(l *letter) bool {
	any := func(n int, is bool) bool { return n == 0 || is }
	if !any(len(s.Client), slices.Contains(s.Client, l.client())) || !any(len(s.Type), slices.Contains(s.Type, l.kind())) {
		return false
	}
	matches := any(len(s.Reason), slices.Contains(s.Reason, l.today.Reason) || slices.Contains(s.Reason, l.before))
	if !matches && l.before == "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unknown++
	}
	return matches
}

// ambiguous says which of the ids asked for begin those of several messages.
func (s *selection) ambiguous() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, id := range s.ID {
		if found := s.matched[id]; len(found) > 1 {
			slices.Sort(found)
			errs = append(errs, fmt.Errorf("%s begins the ids of %s: %s; say more of it", printable(id), plural(len(found), "message"), printable(strings.Join(found, ", "))))
		}
	}
	return errors.Join(errs...)
}

// missing says which of the ids asked for are not in the queue.
func (s *selection) missing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, id := range s.ID {
		if len(s.matched[id]) == 0 {
			errs = append(errs, errors.New("no message "+printable(id)+" in the dead-letter queue"))
		}
	}
	return errors.Join(errs...)
}
