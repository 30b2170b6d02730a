package dynamo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

// itemServer answers PutItem as DynamoDB does where the condition is that the key is not there yet.
type itemServer struct {
	items map[string]map[string]any // by client id
	fault string                    // the error that every request gets, "" is none
}

func (s *itemServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var put struct {
		TableName, ConditionExpression string
		Item                           map[string]map[string]any
	}
	err := json.NewDecoder(r.Body).Decode(&put)
	fault := s.fault
	id, _ := put.Item["client_id"]["S"].(string)
	switch {
	case err != nil || r.Header.Get("X-Amz-Target") != "DynamoDB_20120810.PutItem" || put.TableName != "clients":
		fault = "ValidationException"
	case s.items[id] != nil && put.ConditionExpression == "attribute_not_exists(client_id)":
		fault = "ConditionalCheckFailedException"
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if fault != "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}`, fault)
		return
	}
	s.items[id] = map[string]any{}
	for name, value := range put.Item {
		s.items[id][name] = value
	}
	_, _ = fmt.Fprint(w, "{}")
}

func TestCreateMissing(t *testing.T) {
	kept := map[string]any{"name": "changed by hand"}
	s := &itemServer{items: map[string]map[string]any{"b": kept}}
	table := NewClients(inMemory(s), "clients")
	clients := []event.Client{
		{ID: "a", Name: "A", Active: true, AllowedTypes: []string{"monitoring"}, AllowedSenders: []string{"ROLE"}, RetentionDays: 90},
		{ID: "b", Name: "B"},
		{ID: "c", Name: "C"},
	}

	created, err := table.CreateMissing(t.Context(), clients)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "c"}, created); diff != "" {
		t.Error(diff)
	}
	type value = map[string]any
	want := map[string]map[string]any{
		"a": {
			"client_id": value{"S": "a"}, "name": value{"S": "A"}, "active": value{"BOOL": true},
			"allowed_types": value{"SS": []any{"monitoring"}}, "allowed_senders": value{"SS": []any{"ROLE"}}, "retention_days": value{"N": "90"},
		},
		"b": kept,
		"c": {"client_id": value{"S": "c"}, "name": value{"S": "C"}, "active": value{"BOOL": false}},
	}
	if diff := cmp.Diff(want, s.items); diff != "" {
		t.Error(diff)
	}

	s.fault = "ResourceNotFoundException"
	_, err = table.CreateMissing(t.Context(), []event.Client{{ID: "d"}})
	if err == nil || !strings.Contains(err.Error(), "create client d: ResourceNotFoundException") {
		t.Errorf("got %v", err)
	}
}
