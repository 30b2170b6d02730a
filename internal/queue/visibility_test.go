package queue

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func TestSetVisibility(t *testing.T) {
	for name, tt := range map[string]struct {
		messages int
		failed   string // the receipt handle whose entry fails inside a 200
		calls    int
		want     string
	}{
		"in calls of ten":         {messages: 25, calls: 3},
		"nothing to do":           {},
		"failed entries are read": {messages: 12, failed: "r11", calls: 2, want: "1 of 2 failed, the first with ReceiptHandleIsInvalid"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			calls, seen := 0, map[string]float64{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				calls++
				var request struct {
					Entries []struct {
						ID                string  `json:"Id"`
						ReceiptHandle     string  `json:"ReceiptHandle"`
						VisibilityTimeout float64 `json:"VisibilityTimeout"`
					}
				}
				if err := json.NewDecoder(r.Body).Decode(&request); err != nil || len(request.Entries) > MaxEntries {
					t.Errorf("%d entries, %v", len(request.Entries), err)
				}
				answer := map[string]any{}
				for _, e := range request.Entries {
					seen[e.ReceiptHandle] = e.VisibilityTimeout
					if e.ReceiptHandle == tt.failed {
						answer["Failed"] = []any{map[string]any{"Id": e.ID, "Code": "ReceiptHandleIsInvalid", "SenderFault": true}}
					}
				}
				w.Header().Set("Content-Type", "application/x-amz-json-1.0")
				if err := json.NewEncoder(w).Encode(answer); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			q := New(aws.Config{
				Region: "us-east-1", BaseEndpoint: &server.URL,
				Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			}, server.URL+"/1/q", 4)
			changes := make([]Visibility, tt.messages)
			for i := range changes {
				changes[i] = Visibility{fmt.Sprint("r", i), 4200 * time.Millisecond}
			}
			err := q.SetVisibility(t.Context(), changes)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if calls != tt.calls || len(seen) != tt.messages {
				t.Errorf("%d calls for %d messages, want %d for %d", calls, len(seen), tt.calls, tt.messages)
			}
			for handle, seconds := range seen {
				if seconds != 5 { // rounded up
					t.Errorf("%s after %v s", handle, seconds)
				}
			}
		})
	}
}
