package event

import (
	"encoding/json"
	"math/big"
	"strings"
)

// SameMeaning reports whether two events of one key say the same: equal bodies, or equal type, version, instant
// and payload. The correlation id, white space, the order of members and the writing of a number do not matter.
func SameMeaning(a, b *Event) bool {
	if a.Hash == b.Hash {
		return true
	}
	return a.Type == b.Type && a.Version == b.Version && a.Timestamp.Equal(b.Timestamp) && samePayload(a.Payload, b.Payload)
}

func samePayload(a, b string) bool {
	if a == b {
		return true
	}
	x, okX := value(a)
	y, okY := value(b)
	return okX && okY && sameValue(x, y)
}

func value(text string) (v any, ok bool) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return v, d.Decode(&v) == nil
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, x := range a {
			y, ok := b[name]
			if !ok || !sameValue(x, y) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !sameValue(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && (a == b || sameNumber(a, b))
	default: // string, bool or nil
		return a == b
	}
}

// sameNumber compares exactly. What is stored passed the decoder, so an exponent is within ±308 and the
// fraction stays small.
func sameNumber(a, b json.Number) bool {
	x, okX := new(big.Rat).SetString(string(a))
	y, okY := new(big.Rat).SetString(string(b))
	return okX && okY && x.Cmp(y) == 0
}
