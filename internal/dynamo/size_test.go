package dynamo

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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
