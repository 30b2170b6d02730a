package event

import "strings"

// Senders is the setting TRUSTED_SENDERS: sender ids with commas between them, as those who deploy write them, with
// spaces or without.
type Senders []string

// UnmarshalText reads the setting. An entry may turn out empty.
func (s *Senders) UnmarshalText(text []byte) error {
	*s = strings.Split(string(text), ",")
	for i, sender := range *s {
		(*s)[i] = strings.TrimSpace(sender)
	}
	return nil
}
