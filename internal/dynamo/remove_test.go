package dynamo

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
)

func TestRemove(t *testing.T) {
	var removed []string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			TableName string
			Key       map[string]struct{ S string }
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.TableName != "clients" ||
			r.Header.Get("X-Amz-Target") != "DynamoDB_20120810.DeleteItem" || request.Key["client_id"].S == "stuck" {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ValidationException","message":"no"}`)
			return
		}
		removed = append(removed, request.Key["client_id"].S)
		_, _ = io.WriteString(w, "{}")
	}))
	defer web.Close()
	table := NewClients(Open(aws.Config{
		Region: "us-east-1", BaseEndpoint: &web.URL, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}, 1), "clients")
	if err := table.Remove(t.Context(), []string{"a", "b"}); err != nil {
		t.Error(err)
	}
	err := table.Remove(t.Context(), []string{"c", "stuck", "d"})
	if err == nil || !strings.Contains(err.Error(), "remove client stuck: ValidationException") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, removed); diff != "" {
		t.Error(diff)
	}
}
