package dynamo

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"event-processor/internal/event"
)

func TestSizeOf(t *testing.T) {
	for name, tt := range map[string]struct {
		item map[string]types.AttributeValue
		want int
	}{
		"nothing":                       {nil, 0},
		"a string":                      {map[string]types.AttributeValue{"name": text("abc")}, 4 + 3},
		"a string in UTF-8":             {map[string]types.AttributeValue{"n": text("Zürich")}, 1 + 7},
		"bytes, not their base64":       {map[string]types.AttributeValue{"b": &types.AttributeValueMemberB{Value: make([]byte, 16)}}, 1 + 16},
		"a number, two digits a byte":   {map[string]types.AttributeValue{"n": &types.AttributeValueMemberN{Value: "1796509123"}}, 1 + 5 + 1},
		"an odd number of digits":       {map[string]types.AttributeValue{"n": &types.AttributeValueMemberN{Value: "-123"}}, 1 + 2 + 1},
		"zeroes at the end are trimmed": {map[string]types.AttributeValue{"n": &types.AttributeValueMemberN{Value: "1200000"}}, 1 + 1 + 1},
		"true":                          {map[string]types.AttributeValue{"n": &types.AttributeValueMemberBOOL{Value: true}}, 1 + 1},
		"a set":                         {map[string]types.AttributeValue{"n": &types.AttributeValueMemberSS{Value: []string{"ab", "c"}}}, 1 + 3},
		"several": {map[string]types.AttributeValue{
			"client_id": text("client-001"), "payload": text(strings.Repeat("x", 600)),
		}, 9 + 10 + 7 + 600},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sizeOf(tt.item); got != tt.want {
				t.Errorf("got %d bytes, want %d", got, tt.want)
			}
		})
	}
}

// sink is a table of events that stores everything, and notes how large the requests are that come.
type sink struct {
	mu    sync.Mutex
	sizes []int // in bytes
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sizes = append(s.sizes, len(body))
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, _ = io.WriteString(w, `{"Responses":[`+strings.TrimSuffix(strings.Repeat("{},", bytes.Count(body, []byte(`"Statement":`))), ",")+`]}`)
}

// characters has one of every class that a writer of JSON may treat in its own way, and what is no character.
var characters = []string{
	"a", "7", " ", "\x00", "\x1f", "\b", "\f", "\n", "\r", "\t", "\v", `"`, `\`, "/", "'", "<", ">", "&", "+", "=", "\x7f",
	"\u0080", "\u009f", "é", "\u00ad", "\u2027", "\u2028", "\u2029", "\u202e", "€", "\ufeff", "\ufffd", "\uffff", "😀",
	"\U0010ffff", "\xff", "\x80", "\xc3", "\xe2\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xc0\x80",
}

// texts are of this many bytes or a few more.
func texts(bytes int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		some := strings.Join(rapid.SliceOfN(rapid.SampledFrom(characters), 1, 8).Draw(t, "characters"), "")
		return strings.Repeat(some, bytes/len(some)+1)
	})
}

// TestAStatementIsNeverLargerThanIsTaken compares with what the SDK writes.
func TestAStatementIsNeverLargerThanIsTaken(t *testing.T) {
	s := new(sink)
	table := NewEvents(inMemory(s), strings.Repeat("t", 255), 1, 30) // as long as a table's name may be
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.SampledFrom([]int{0, 1, 600, 16<<10 - 1, 16 << 10, 40_000, 250 << 10})
		field := texts(128)
		e := event.Event{
			ClientID: field.Draw(t, "client"), ID: field.Draw(t, "id"), Type: field.Draw(t, "type"), Version: field.Draw(t, "version"),
			OccurredAt: field.Draw(t, "occurred at"), CorrelationID: field.Draw(t, "correlation"), MessageID: field.Draw(t, "message"),
			Priority: event.Priority(field.Draw(t, "priority")), RetentionDays: 3650, Payload: texts(length.Draw(t, "bytes")).Draw(t, "payload"),
		}
		s.sizes = nil
		put := table.PutAll(context.Background(), []event.Event{e})[0]
		if put.Err != nil || len(s.sizes) != 1 {
			t.Fatalf("%v after %d requests", put.Err, len(s.sizes))
		}
		if wrote, taken := s.sizes[0]-len(`{"Statements":[]}`), table.statementSize(&e); wrote > taken {
			t.Fatalf("the SDK wrote %d bytes of a statement that is taken for %d", wrote, taken)
		}
	})
}

func TestEveryByteIsTakenForEnough(t *testing.T) {
	s := new(sink)
	table := NewEvents(inMemory(s), "events", 1, 30)
	for _, c := range characters {
		e := some(1)
		e[0].Payload = strings.Repeat(c, 256<<10/len(c)) // so many that a byte too few shows
		s.sizes = nil
		table.PutAll(t.Context(), e)
		if wrote, taken := s.sizes[0], table.statementSize(&e[0]); wrote > taken || taken > 6*len(e[0].Payload)+10_000 {
			t.Errorf("%q: the SDK wrote %d bytes, taken for %d", c, wrote, taken)
		}
	}
}

// TestNoRequestIsTooLarge looks at what leaves.
func TestNoRequestIsTooLarge(t *testing.T) {
	const limit = 4_000_000
	s := new(sink)
	table := NewEvents(inMemory(s), "events", 4, 30)
	put := func(t interface{ Fatalf(string, ...any) }, events []event.Event) {
		s.sizes = nil
		for _, put := range table.PutAll(context.Background(), events) {
			if put.Err != nil {
				t.Fatalf("got %v", put.Err)
			}
		}
		if largest := slices.Max(s.sizes); largest > limit {
			t.Fatalf("a request of %d bytes, want at most %d", largest, limit)
		}
	}
	t.Run("three of a delete character each", func(t *testing.T) {
		events := some(25)
		for i := range 3 {
			events[i].Payload = `{"n":"` + strings.Repeat("\x7f", 250<<10) + `"}`
		}
		put(t, events)
		if len(s.sizes) != 2 {
			t.Errorf("%d requests, want 2", len(s.sizes))
		}
	})
	t.Run("any", func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			events := some(rapid.IntRange(1, 12).Draw(t, "events"))
			length := rapid.SampledFrom([]int{2, 600, 16<<10 - 1, 16 << 10, 100_000, 396<<10 - 1})
			payloads := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return texts(length.Draw(t, "bytes")).Draw(t, "payload") }), 1, 3).Draw(t, "payloads")
			for i := range events {
				events[i].Payload = payloads[i%len(payloads)]
			}
			put(t, events)
		})
	})
}

func BenchmarkEscapedSize(b *testing.B) {
	for name, text := range map[string]string{
		"600 bytes": strings.Repeat("x", 600), "250 KB": strings.Repeat(`{"a":"x"}`, 250<<10/9), "250 KB of é": strings.Repeat("é", 125<<10),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				escapedSize(text)
			}
		})
	}
}
