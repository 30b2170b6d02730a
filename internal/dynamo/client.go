package dynamo

import (
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"event-processor/internal/event"
)

// What a client may ask for, in days: shorter, and a redelivered event could be kept twice; longer is a typo.
const (
	minRetention = 15
	maxRetention = 3650
)

// readClient reads an item that a person may have written by hand. What an attribute of another type plainly means is
// read, the rest lets nobody in; either way there is a fault that says so.
func readClient(item map[string]types.AttributeValue) *event.Client {
	c := &event.Client{ID: str(item["client_id"]), Name: str(item["name"])}
	fault := func(attribute, what string) { c.Faults = append(c.Faults, attribute+" "+what) }

	switch active := item["active"].(type) {
	case *types.AttributeValueMemberBOOL:
		c.Active = active.Value
	default:
		fault("active", "is "+kindOf(active)+", want a boolean")
	}

	c.AllowedTypes = set(item, "allowed_types", fault)
	c.AllowedSenders = set(item, "allowed_senders", fault)
	if len(c.AllowedSenders) == 0 && item["allowed_senders"] != nil {
		c.AllowedSenders = []string{"(unreadable allowed_senders)"} // an empty list would let everyone in
	}

	c.RetentionDays = retentionDays(item["retention_days"], fault)
	return c
}

// kindOf names the type of an attribute for people.
func kindOf(v types.AttributeValue) string {
	switch v.(type) {
	case nil:
		return "not there"
	case *types.AttributeValueMemberS:
		return "a text"
	case *types.AttributeValueMemberN:
		return "a number"
	case *types.AttributeValueMemberBOOL:
		return "a boolean"
	case *types.AttributeValueMemberL:
		return "a list"
	case *types.AttributeValueMemberSS:
		return "a string set"
	case *types.AttributeValueMemberM:
		return "a map"
	case *types.AttributeValueMemberNULL:
		return "null"
	default:
		return "of another type"
	}
}

// set reads a string set, or the list of strings that means one.
func set(item map[string]types.AttributeValue, attribute string, fault func(attribute, what string)) (read []string) {
	switch v := item[attribute].(type) {
	case nil:
		return nil
	case *types.AttributeValueMemberSS:
		return v.Value
	case *types.AttributeValueMemberL:
		for _, element := range v.Value {
			text, ok := element.(*types.AttributeValueMemberS)
			if !ok {
				fault(attribute, "is a list with "+kindOf(element)+" in it, want a string set")
				return nil
			}
			read = append(read, text.Value)
		}
		if len(read) == 0 {
			fault(attribute, "is an empty list, want a string set")
			return nil
		}
		fault(attribute, "is a list, want a string set; it is read as one")
		return read
	default:
		fault(attribute, "is "+kindOf(v)+", want a string set")
		return nil
	}
}

// retentionDays reads for how many days a client wants its events kept. Where that cannot be read, the default serves.
func retentionDays(v types.AttributeValue, fault func(attribute, what string)) int {
	const attribute = "retention_days"
	var written string
	switch v := v.(type) {
	case nil, *types.AttributeValueMemberNULL:
		return 0
	case *types.AttributeValueMemberN:
		written = v.Value
	case *types.AttributeValueMemberS:
		written = strings.TrimSpace(v.Value)
	default:
		fault(attribute, "is "+kindOf(v)+", want a number; the default serves")
		return 0
	}
	asked, err := strconv.ParseFloat(written, 64)
	if err != nil || math.IsNaN(asked) {
		fault(attribute, "is a text that is no number; the default serves")
		return 0
	}
	days := int(math.Ceil(min(max(asked, minRetention), maxRetention)))
	_, text := v.(*types.AttributeValueMemberS)
	switch {
	case float64(days) != asked:
		fault(attribute, "is not a whole number of 15–3650; taken for "+strconv.Itoa(days))
	case text:
		fault(attribute, "is a text, want a number; taken for "+strconv.Itoa(days))
	}
	return days
}
