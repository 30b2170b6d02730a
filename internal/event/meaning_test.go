package event

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSameNumber(t *testing.T) {
	digits := strings.Repeat("1234567890", 6) + "1234"
	for name, tt := range map[string]struct {
		a, b string
		want bool
	}{
		"an exponent":                    {"1e2", "100.0", true},
		"a capital, a plus":              {"1E+2", "100", true},
		"an exponent of many zeroes":     {"1e0000000000000000002", "100", true},
		"minus zero":                     {"-0", "0", true},
		"zero, however it is written":    {"0.000", "0e308", true},
		"the sign":                       {"-1", "1", false},
		"as large as it may be":          {"10e307", "1e308", true},
		"as small":                       {"0.1e-307", "1e-308", true},
		"one is beyond a double":         {"1e308", "1e309", false},
		"64 digits":                      {digits, digits[:63] + "4.0", true},
		"64 digits, the last differs":    {digits, digits[:63] + "5", false},
		"beyond the digits of a double":  {"0.1", "0.1000000000000000055511151231257827", false},
		"digits are not the value":       {"12", "1.2", false},
		"an exponent that nobody counts": {"1e99999999999999999999", "10e99999999999999999998", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sameNumber(tt.a, tt.b); got != tt.want {
				t.Errorf("%s and %s: got %v, want %v", tt.a, tt.b, got, tt.want)
			}
			if got := sameNumber(tt.b, tt.a); got != tt.want {
				t.Errorf("%s and %s: got %v, want %v", tt.b, tt.a, got, tt.want)
			}
		})
	}
}

// TestSamePayloadIsThatOfWholeValues compares with the plain way: both texts taken apart, numbers as fractions.
func TestSamePayloadIsThatOfWholeValues(t *testing.T) {
	equal := 0
	rapid.Check(t, func(t *rapid.T) {
		value := values(3).Draw(t, "value")
		other := value
		if rapid.Bool().Draw(t, "another") {
			other = values(3).Draw(t, "other")
		}
		a, b := written(t, value), written(t, other)
		if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
			b = b[:rapid.IntRange(0, len(b)).Draw(t, "at")]
		}
		want := plainly(a, b)
		if want {
			equal++
		}
		if got := samePayload(a, b); got != want {
			t.Fatalf("got %v, want %v\n%s\n%s", got, want, a, b)
		}
	})
	if equal == 0 {
		t.Error("never equal: the test shows nothing")
	}
}

// values are JSON values of few levels. They are few, so that two are often nearly the same.
func values(levels int) *rapid.Generator[any] {
	number := rapid.Custom(func(t *rapid.T) any {
		return json.Number(rapid.SampledFrom([]string{"0", "-0", "1", "-1", "100", "0.5", "1e308", "-1e-308", "12.25"}).Draw(t, "number"))
	})
	plain := rapid.OneOf(number, rapid.SampledFrom([]any{"", "a", "é\u2028", "\x7f", true, false, nil}))
	if levels == 0 {
		return plain
	}
	inner := values(levels - 1)
	return rapid.OneOf(plain,
		rapid.Map(rapid.SliceOfN(inner, 0, 3), func(s []any) any { return s }),
		rapid.Map(rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", ""}), inner, 0, 3), func(m map[string]any) any { return m }),
	)
}

// written is a value in one of its writings.
func written(t *rapid.T, value any) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t"}).Draw(t, "space")
	var parts []string
	switch value := value.(type) {
	case map[string]any:
		for _, name := range rapid.Permutation(slices.Sorted(maps.Keys(value))).Draw(t, "order") {
			parts = append(parts, written(t, name)+":"+written(t, value[name]))
		}
		return space + "{" + strings.Join(parts, ",") + space + "}"
	case []any:
		for _, element := range value {
			parts = append(parts, written(t, element))
		}
		return space + "[" + strings.Join(parts, ","+space) + "]"
	case json.Number:
		return space + numberWritten(t, string(value))
	case string:
		if value == "a" && rapid.Bool().Draw(t, "escaped") {
			return space + `"\u0061"`
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return space + string(text)
}

func numberWritten(t *rapid.T, number string) string {
	mantissa, exponent, has := strings.Cut(number, "e")
	if rapid.Bool().Draw(t, "fraction") {
		if !strings.Contains(mantissa, ".") {
			mantissa += "."
		}
		mantissa += "000"
	}
	switch {
	case has:
		return mantissa + rapid.SampledFrom([]string{"e", "E"}).Draw(t, "e") + exponent
	case rapid.Bool().Draw(t, "exponent"):
		return mantissa + rapid.SampledFrom([]string{"e0", "E+0", "e-00"}).Draw(t, "zero")
	}
	return mantissa
}

// plainly compares payloads as the first version of this service did.
func plainly(a, b string) bool {
	var x, y any
	return reader(a).Decode(&x) == nil && reader(b).Decode(&y) == nil && sameValue(x, y)
}

func sameValue(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, x := range a {
			if y, ok := b[name]; !ok || !sameValue(x, y) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	case json.Number:
		b, ok := b.(json.Number)
		if !ok {
			return false
		}
		x, okX := new(big.Rat).SetString(string(a))
		y, okY := new(big.Rat).SetString(string(b))
		return okX && okY && x.Cmp(y) == 0
	default:
		return a == b
	}
}

// BenchmarkSameMeaning compares with an event of 256 KB of numbers.
func BenchmarkSameMeaning(b *testing.B) {
	numbers := strings.Repeat("12.5,", 256<<10/5)
	stored := Event{Type: "integration", Version: "1.0", Payload: `{"source":"a","values":[` + numbers + `0]}`}
	for name, payload := range map[string]string{
		"small":        `{"source":"a","values":[12.50,1]}`,
		"large, equal": ` {"source":"a","values":[` + strings.Replace(numbers, "12.5", "12.50", 1) + `0]}`,
	} {
		b.Run(name, func(b *testing.B) {
			other := stored
			other.Hash, other.Payload = Hash{1}, payload
			b.ReportAllocs()
			for b.Loop() {
				if got, want := SameMeaning(&other, &stored), name != "small"; got != want {
					b.Fatal(fmt.Sprint(got))
				}
			}
		})
	}
}
