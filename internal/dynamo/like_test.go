package dynamo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCreateLike has a table copied, in place of what an interrupted run left behind, and without what is in it.
func TestCreateLike(t *testing.T) {
	there := map[string]bool{"events": true, "events-golden": true}
	keys := []any{map[string]any{"AttributeName": "client_id", "KeyType": "HASH"}}
	attributes := []any{map[string]any{"AttributeName": "client_id", "AttributeType": "S"}}
	var calls []string
	name := func(request map[string]any) string { n, _ := request["TableName"].(string); return n }
	gone := map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no"}
	db := script{
		"DescribeTable": func(request map[string]any) (int, any) {
			if !there[name(request)] {
				return 400, gone
			}
			return 200, map[string]any{"Table": map[string]any{
				"TableStatus": "ACTIVE", "TableName": name(request), "KeySchema": keys, "AttributeDefinitions": attributes,
			}}
		},
		"DeleteTable": func(request map[string]any) (int, any) {
			calls = append(calls, "delete "+name(request))
			if !there[name(request)] {
				return 400, gone
			}
			delete(there, name(request))
			return 200, map[string]any{}
		},
		"CreateTable": func(request map[string]any) (int, any) {
			calls = append(calls, "create "+name(request))
			if diff := cmp.Diff([]any{keys, attributes}, []any{request["KeySchema"], request["AttributeDefinitions"]}); diff != "" {
				t.Errorf("created with other keys (-want +got):\n%s", diff)
			}
			there[name(request)] = true
			return 200, map[string]any{}
		},
	}.open(t)
	table := NewTable(db, "events-golden")
	if err := table.CreateLike(t.Context(), "events"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it may be gone already
		if err := table.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(calls, ", "), "delete events-golden, create events-golden, delete events-golden, delete events-golden"; got != want {
		t.Errorf("calls: %s, want %s", got, want)
	}
	if err := table.CreateLike(t.Context(), "nosuch"); err == nil || !strings.Contains(err.Error(), "describe table nosuch") {
		t.Errorf("like a table that is not there: %v", err)
	}
	if !there["events"] {
		t.Error("the table that was copied is gone")
	}
}
