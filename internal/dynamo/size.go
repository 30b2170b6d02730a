package dynamo

import (
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"event-processor/internal/event"
)

// sizeOf is how many bytes an item has by DynamoDB's rule, which write and read units go by: names and values in
// UTF-8, a number a byte for two digits and one more. It knows the types that this service writes.
func sizeOf(item map[string]types.AttributeValue) int {
	size := 0
	for name, value := range item {
		size += len(name)
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			size += len(v.Value)
		case *types.AttributeValueMemberB:
			size += len(v.Value)
		case *types.AttributeValueMemberN:
			size += 1 + (significant(v.Value)+1)/2
		case *types.AttributeValueMemberSS:
			for _, s := range v.Value {
				size += len(s)
			}
		default: // true, false and null
			size++
		}
	}
	return size
}

// significant counts the digits of a whole number without the zeroes at either end.
func significant(number string) int { return len(strings.Trim(number, "-0")) }

// longestEscape is the most that one byte of a text becomes in JSON, in bytes: \u007f.
const longestEscape = 6

// statementSize is at least what the INSERT of an event takes in a request, in bytes. All but the payload is short and
// taken at its worst.
func (t *Events) statementSize(e *event.Event) int {
	const values = 512 // names of types, quotes, a hash, three times
	rest := len(e.ClientID) + len(e.ID) + len(e.Type) + len(e.Version) + len(e.OccurredAt) + len(e.Priority) +
		len(e.CorrelationID) + len(e.MessageID) + len(t.statement)
	return values + longestEscape*rest + escapedSize(e.Payload)
}

// escapedSize is at least what a text takes in JSON, in bytes. Short ones are taken at their worst: 25 of them fit into
// a request all the same.
func escapedSize(text string) int {
	const short = 16 << 10
	if len(text) < short || !utf8.ValidString(text) { // what is not Unicode is replaced, by more bytes than it has
		return longestEscape * len(text)
	}
	size := 0
	for i := range len(text) {
		size += int(escaped[text[i]])
	}
	return size
}

// escaped is what a byte of a text takes in JSON, in bytes, at most.
var escaped = func() (most [256]uint8) {
	for c := range most {
		switch {
		case c < ' ', c == '<', c == '>', c == '&', c == 0x7f:
			most[c] = longestEscape
		case c == '"', c == '\\':
			most[c] = 2
		case c == 0xe2: // begins U+2028 and U+2029, of three bytes, which are escaped
			most[c] = longestEscape - 2
		default:
			most[c] = 1
		}
	}
	return most
}()
