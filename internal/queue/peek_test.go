package queue

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// fakeQueue is a queue whose messages are taken one call at a time, and visible again when that is asked for. All are
// damaged: what is shown is not what was summed.
type fakeQueue struct {
	visible, hidden []string // message ids, which are their receipt handles too
	perCall         int
	endless         bool // messages are visible again at once
}

func (q *fakeQueue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	switch _, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); action {
	case "ReceiveMessage":
		n := min(q.perCall, len(q.visible))
		taken := q.visible[:n:n]
		q.visible = q.visible[n:]
		if q.endless {
			q.visible = append(q.visible, taken...)
		}
		q.hidden = append(q.hidden, taken...)
		var messages []string
		for _, id := range taken {
			messages = append(messages, fmt.Sprintf(`{"MessageId":%q,"ReceiptHandle":%q,"Body":"{}","MD5OfBody":"of other bytes","Attributes":{"SentTimestamp":"1700000000000"},
				"MessageAttributes":{"CorrelationId":{"DataType":"String","StringValue":"req-%s"}}}`, id, id, id))
		}
		_, _ = fmt.Fprintf(w, `{"Messages":[%s]}`, strings.Join(messages, ","))
	case "ChangeMessageVisibilityBatch":
		var request struct {
			Entries []struct {
				ReceiptHandle     string
				VisibilityTimeout int
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&request)
		for _, e := range request.Entries {
			if i := slices.Index(q.hidden, e.ReceiptHandle); i >= 0 && e.VisibilityTimeout == 0 {
				q.hidden = slices.Delete(q.hidden, i, i+1)
			}
		}
		_, _ = fmt.Fprint(w, `{"Successful":[],"Failed":[]}`)
	default:
		http.Error(w, "no such action here: "+action, http.StatusBadRequest)
	}
}

func TestPeekShowsEachOnceAndLeavesAll(t *testing.T) {
	for name, tt := range map[string]struct {
		count   int
		endless bool
	}{
		"nothing":                      {count: 0},
		"more than one call takes":     {count: 25},
		"visible again while it looks": {count: 10, endless: true},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &fakeQueue{perCall: MaxEntries, endless: tt.endless}
			var want []string
			for i := range tt.count {
				want = append(want, fmt.Sprintf("m%02d", i))
			}
			fake.visible = slices.Clone(want)
			server := httptest.NewServer(fake)
			defer server.Close()
			q := New(aws.Config{
				Region: "us-east-1", BaseEndpoint: aws.String(server.URL),
				Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
			}, server.URL+"/000000000000/event-dlq", 1)

			var got []string
			err := q.Peek(t.Context(), 30*time.Second, func(m Lying) {
				got = append(got, m.ID)
				if m.Attributes["CorrelationId"] != "req-"+m.ID || !m.SentAt.Equal(time.UnixMilli(1700000000000)) {
					t.Errorf("message %s has attributes %v and was sent at %v", m.ID, m.Attributes, m.SentAt)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("Peek showed %v, want %v", got, want)
			}
			if len(fake.hidden) > 0 {
				t.Errorf("%v are still invisible, want none", fake.hidden)
			}
		})
	}
}
