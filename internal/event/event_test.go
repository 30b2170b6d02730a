package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSameMeaning(t *testing.T) {
	at := time.Date(2026, 1, 15, 10, 30, 0, 0, time.UTC)
	base := Event{Type: "transaction", Version: "1.0", Timestamp: at, Payload: `{"a":1,"b":[1,{"c":null}],"d":"x"}`, Hash: Hash{1}}
	for name, tt := range map[string]struct {
		change func(*Event)
		want   bool
	}{
		"equal bytes":                       {func(e *Event) { e.Hash, e.Payload = Hash{1}, "" }, true},
		"white space":                       {func(e *Event) { e.Payload = ` { "a" : 1 , "b":[1,{"c":null}],"d":"x"}` }, true},
		"order of members":                  {func(e *Event) { e.Payload = `{"d":"x","b":[1,{"c":null}],"a":1}` }, true},
		"the writing of a number":           {func(e *Event) { e.Payload = `{"a":10e-1,"b":[1.0,{"c":null}],"d":"x"}` }, true},
		"an escape":                         {func(e *Event) { e.Payload = `{"a":1,"b":[1,{"c":null}],"d":"\u0078"}` }, true},
		"another zone":                      {func(e *Event) { e.Timestamp = at.In(time.FixedZone("", 3600)) }, true},
		"the correlation id":                {func(e *Event) { e.CorrelationID = "other" }, true},
		"another instant":                   {func(e *Event) { e.Timestamp = at.Add(1) }, false},
		"another type":                      {func(e *Event) { e.Type = "monitoring" }, false},
		"another version":                   {func(e *Event) { e.Version = "1.1" }, false},
		"another number, beyond a double":   {func(e *Event) { e.Payload = `{"a":1.00000000000000000001,"b":[1,{"c":null}],"d":"x"}` }, false},
		"number and text":                   {func(e *Event) { e.Payload = `{"a":"1","b":[1,{"c":null}],"d":"x"}` }, false},
		"order of elements":                 {func(e *Event) { e.Payload = `{"a":1,"b":[{"c":null},1],"d":"x"}` }, false},
		"a member less":                     {func(e *Event) { e.Payload = `{"a":1,"b":[1,{}],"d":"x"}` }, false},
		"a member more":                     {func(e *Event) { e.Payload = `{"a":1,"b":[1,{"c":null}],"d":"x","e":null}` }, false},
		"a member less, in a longer text":   {func(e *Event) { e.Payload = `{"a":1,"b":[1,{"c":null}]` + strings.Repeat(" ", 20) + `}` }, false},
		"an element less, in a longer text": {func(e *Event) { e.Payload = `{"a":1,"b":[1` + strings.Repeat(" ", 20) + `],"d":"x"}` }, false},
		"null and false":                    {func(e *Event) { e.Payload = `{"a":1,"b":[1,{"c":false}],"d":"x"}` }, false},
		"unreadable":                        {func(e *Event) { e.Payload = `{` }, false},
	} {
		t.Run(name, func(t *testing.T) {
			other := base
			other.Hash = Hash{2}
			tt.change(&other)
			if got := SameMeaning(&base, &other); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := SameMeaning(&other, &base); got != tt.want {
				t.Errorf("the other way round: got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestAdmit(t *testing.T) {
	client := Client{ID: "c", Active: true, AllowedTypes: []string{"transaction"}, AllowedSenders: []string{"AROAONE", "AIDATWO", "AROATHREE:only-this"}}
	for name, tt := range map[string]struct {
		change            func(*Client)
		eventType, sender string
		want              Reason
	}{
		"a role, whatever its session":         {nil, "transaction", "AROAONE:session", ""},
		"a user":                               {nil, "transaction", "AIDATWO", ""},
		"a session of a role":                  {nil, "transaction", "AROATHREE:only-this", ""},
		"another session of that role":         {nil, "transaction", "AROATHREE:other", SenderNotAllowed},
		"a trusted sender":                     {nil, "transaction", "AROAOPERATOR:me", ""},
		"someone else":                         {nil, "transaction", "AROAELSE:AROAONE", SenderNotAllowed},
		"nobody":                               {nil, "transaction", "", SenderNotAllowed},
		"anyone where no senders are named":    {func(c *Client) { c.AllowedSenders = nil }, "transaction", "000000000000", ""},
		"another type":                         {nil, "monitoring", "AIDATWO", TypeNotAllowed},
		"no type at all":                       {func(c *Client) { c.AllowedTypes = nil }, "transaction", "AIDATWO", TypeNotAllowed},
		"inactive":                             {func(c *Client) { c.Active = false }, "transaction", "AIDATWO", ClientInactive},
		"inactive, even through a trusted one": {func(c *Client) { c.Active = false }, "transaction", "AROAOPERATOR:me", ClientInactive},
	} {
		t.Run(name, func(t *testing.T) {
			c := client
			if tt.change != nil {
				tt.change(&c)
			}
			err := c.Admit(tt.eventType, tt.sender, []string{"AROAOPERATOR"})
			var rejection *Rejection
			switch errors.As(err, &rejection); {
			case tt.want == "" && err != nil:
				t.Errorf("got %v, want it admitted", err)
			case tt.want != "" && (rejection == nil || rejection.Reason != tt.want):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestARejectionNamesTheFaultOfTheClient(t *testing.T) {
	faults := []string{
		"active is a text, want a boolean", "allowed_types is a text, want a string set", "allowed_senders is a text, want a string set",
		"retention_days is a text, want a number; taken for 30",
	}
	for name, tt := range map[string]struct {
		client Client
		want   string
	}{
		"active":         {Client{}, "client_inactive: client c is not active: active is a text, want a boolean"},
		"types":          {Client{Active: true}, "type_not_allowed: client c may send nothing, not transaction: allowed_types is a text, want a string set"},
		"senders":        {Client{Active: true, AllowedTypes: []string{"transaction"}, AllowedSenders: []string{"-"}}, "sender_not_allowed: sender AIDA may not speak for client c: allowed_senders is a text, want a string set"},
		"of no interest": {Client{Active: true, AllowedTypes: []string{"transaction"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt.client.ID, tt.client.Faults = "c", faults
			got := ""
			if err := tt.client.Admit("transaction", "AIDA", nil); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSettle(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		want   Outcome
		reason Reason
	}{
		"no error":          {nil, Stored, ""},
		"a rejection":       {Reject(UnknownClient, "d"), Rejected, UnknownClient},
		"a wrapped failure": {fmt.Errorf("w: %w", Fail(StoreThrottled, nil)), Failed, StoreThrottled},
		"any other error":   {errors.New("x"), Failed, InternalError},
	} {
		t.Run(name, func(t *testing.T) {
			var r Result
			r.Settle(Stored, tt.err)
			if r.Outcome != tt.want || r.Reason != tt.reason {
				t.Errorf("got %s %s, want %s %s", r.Outcome, r.Reason, tt.want, tt.reason)
			}
			if r.Keep() != (r.Outcome == Rejected || r.Outcome == Failed) {
				t.Error("a record comes again exactly where it was rejected or failed")
			}
		})
	}
}

func TestReasonsAreAClosedTable(t *testing.T) {
	for _, r := range PermanentReasons {
		if !r.Permanent() || slices.Contains(TransientReasons, r) {
			t.Errorf("%s is permanent and nothing else", r)
		}
	}
	for _, r := range TransientReasons {
		if r.Permanent() {
			t.Errorf("%s is transient", r)
		}
	}
}

func TestPanickedTellsNoValue(t *testing.T) {
	if got := Panicked("a piece of a payload").Error(); got != "internal_error: panic: string" {
		t.Errorf("got %q", got)
	}
	defer func() {
		if got := Panicked(recover()).Error(); got != "internal_error: panic: runtime error: index out of range [3] with length 2" {
			t.Errorf("got %q", got)
		}
	}()
	_ = []int{1, 2}[len("abc")]
}
