package event

import (
	"slices"
	"strings"
)

// Client is who sends events, and what it may send.
type Client struct {
	ID             string
	Name           string
	Active         bool
	AllowedTypes   []string
	AllowedSenders []string // who may speak for this client; empty is anyone who can reach the queue
	RetentionDays  int      // 15–3650; 0 is the default of the store

	// Faults say what of its attributes is not as it should be, for people: "active is a text, want a boolean". Each
	// begins with the attribute's name.
	Faults []string
}

// Admit says whether the client may send an event of this type through this sender: nil, or the Rejection.
// An entry of AllowedSenders or trusted matches the whole sender id or its part before the colon, since a
// role's is ROLEID:session.
func (c *Client) Admit(eventType, senderID string, trusted []string) error {
	switch {
	case !c.Active:
		return Reject(ClientInactive, "client "+c.ID+" is not active"+c.because("active"))
	case !slices.Contains(c.AllowedTypes, eventType):
		may := strings.Join(c.AllowedTypes, ", ")
		if may == "" {
			may = "nothing"
		}
		return Reject(TypeNotAllowed, "client "+c.ID+" may send "+may+", not "+eventType+c.because("allowed_types"))
	case len(c.AllowedSenders) > 0 && !matches(c.AllowedSenders, senderID) && !matches(trusted, senderID):
		return Reject(SenderNotAllowed, "sender "+senderID+" may not speak for client "+c.ID+c.because("allowed_senders"))
	}
	return nil
}

// because is the fault of an attribute, where it has one.
func (c *Client) because(attribute string) string {
	for _, fault := range c.Faults {
		if strings.HasPrefix(fault, attribute+" ") {
			return ": " + fault
		}
	}
	return ""
}

func matches(entries []string, senderID string) bool {
	role, _, _ := strings.Cut(senderID, ":")
	return senderID != "" && (slices.Contains(entries, senderID) || slices.Contains(entries, role))
}

// Found is the answer to the question who a client is: the client, nil where there is none, or why nobody knows.
type Found struct {
	Client *Client
	Err    error
}
