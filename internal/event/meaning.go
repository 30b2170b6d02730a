package event

import (
	"encoding/json"
	"strconv"
	"strings"
)

// SameMeaning reports whether two events of one key say the same: equal bodies, or equal type, version, instant
// and payload. The correlation id, white space, the order of members and the writing of a number do not matter.
func SameMeaning(a, b *Event) bool {
	return a.Hash == b.Hash || PayloadDecides(a, b) && samePayload(a.Payload, b.Payload)
}

// PayloadDecides reports whether two events of one key have to be compared by their payloads: bodies differ, and
// type, version and instant do not. A payload may be 256 KB large, so it is read and compared where nothing else tells.
func PayloadDecides(a, b *Event) bool {
	return a.Hash != b.Hash && a.Type == b.Type && a.Version == b.Version && a.Timestamp.Equal(b.Timestamp)
}

// samePayload takes the shorter one apart and walks through the longer one up to the first difference: a small
// message costs little, however large the event is that it is compared with.
func samePayload(a, b string) bool {
	if a == b {
		return true
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	short, long := reader(a), reader(b)
	var value any
	return short.Decode(&value) == nil && says(long, value)
}

func reader(text string) *json.Decoder {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d
}

// says reports whether the next value of a text is this one. It takes the members out of the objects that it finds.
func says(text *json.Decoder, value any) bool {
	token, err := text.Token()
	if err != nil {
		return false
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			members, ok := value.(map[string]any)
			return ok && saysMembers(text, members)
		}
		elements, ok := value.([]any)
		return ok && saysElements(text, elements)
	case json.Number:
		number, ok := value.(json.Number)
		return ok && (token == number || sameNumber(string(token), string(number)))
	default: // string, bool or nil
		return token == value
	}
}

func saysMembers(text *json.Decoder, members map[string]any) bool {
	for text.More() {
		token, err := text.Token()
		if err != nil {
			return false
		}
		name, _ := token.(string)
		value, ok := members[name]
		if !ok || !says(text, value) {
			return false
		}
		delete(members, name)
	}
	_, err := text.Token()
	return err == nil && len(members) == 0
}

func saysElements(text *json.Decoder, elements []any) bool {
	for text.More() {
		if len(elements) == 0 || !says(text, elements[0]) {
			return false
		}
		elements = elements[1:]
	}
	_, err := text.Token()
	return err == nil && len(elements) == 0
}

// sameNumber compares exactly: by digits, not by a double.
func sameNumber(a, b string) bool {
	x, okX := decimalOf(a)
	y, okY := decimalOf(b)
	return okX && okY && x == y
}

// decimal is a number in the one way of writing it: digits × 10^exponent, where the digits have no zero at either end.
// Zero is the zero value.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// decimalOf reads a number of JSON. It is not ok where the exponent is beyond an int, which the decoder refuses.
func decimalOf(number string) (d decimal, ok bool) {
	rest, negative := strings.CutPrefix(number, "-")
	exponent := 0
	if at := strings.IndexAny(rest, "eE"); at >= 0 {
		var err error
		if exponent, err = strconv.Atoi(rest[at+1:]); err != nil {
			return decimal{}, false
		}
		rest = rest[:at]
	}
	whole, fraction, _ := strings.Cut(rest, ".")
	digits := whole + fraction
	significant := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(significant) - len(fraction)
	if significant = strings.TrimLeft(significant, "0"); significant == "" {
		return decimal{}, true // -0 is 0
	}
	return decimal{negative, significant, exponent}, true
}
