package dynamo

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestTableState(t *testing.T) {
	for name, tt := range map[string]struct {
		status  int
		body    string
		word    string
		working bool
		err     string // a part of it
	}{
		"active":   {status: 200, body: `{"Table":{"TableStatus":"ACTIVE"}}`, word: "ACTIVE", working: true},
		"updating": {status: 200, body: `{"Table":{"TableStatus":"UPDATING"}}`, word: "UPDATING", working: true},
		"creating": {status: 200, body: `{"Table":{"TableStatus":"CREATING"}}`, word: "CREATING"},
		"gone":     {status: 400, body: `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}`, err: "ResourceNotFoundException"},
		"no table": {status: 200, body: `{}`, err: "no table"},
	} {
		t.Run(name, func(t *testing.T) {
			db := inMemory(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("X-Amz-Target"); got != "DynamoDB_20120810.DescribeTable" {
					t.Errorf("got a call of %s, want DescribeTable", got)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			word, working, err := NewTable(db, "events").State(t.Context())
			if word != tt.word || working != tt.working {
				t.Errorf("got %q, %v, want %q, %v", word, working, tt.word, tt.working)
			}
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}
