package dynamo

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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
