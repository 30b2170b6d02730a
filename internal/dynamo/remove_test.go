package dynamo

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"event-processor/internal/event"
)

func TestRemove(t *testing.T) {
	var removed []string
	db := inMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			TableName string
			Key       map[string]struct{ S string }
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil ||
			(request.TableName == "events") != (request.Key["event_id"].S != "") ||
			r.Header.Get("X-Amz-Target") != "DynamoDB_20120810.DeleteItem" || request.Key["client_id"].S == "stuck" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"no"}`)
			return
		}
		removed = append(removed, request.TableName+" "+request.Key["client_id"].S+request.Key["event_id"].S)
		_, _ = io.WriteString(w, "{}")
	}))
	table, events := NewClients(db, "clients"), NewEvents(db, "events", 1, 0)
	if err := table.Remove(t.Context(), []string{"a", "b"}); err != nil {
		t.Error(err)
	}
	err := table.Remove(t.Context(), []string{"c", "stuck", "d"})
	if err == nil || !strings.Contains(err.Error(), "remove client stuck: ValidationException") {
		t.Errorf("got %v", err)
	}
	if err := events.Remove(t.Context(), []event.Key{{ClientID: "a", EventID: "1"}, {ClientID: "a", EventID: "2"}}); err != nil {
		t.Error(err)
	}
	err = events.Remove(t.Context(), []event.Key{{ClientID: "stuck", EventID: "3"}})
	if err == nil || !strings.Contains(err.Error(), "remove event 3 of stuck: ValidationException") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"clients a", "clients b", "clients c", "events a1", "events a2"}, removed); diff != "" {
		t.Error(diff)
	}
}
