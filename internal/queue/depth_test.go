package queue

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// answering opens a queue whose SQS gives one answer, whatever it is asked.
func answering(t *testing.T, status int, body string) *Queue {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Amz-Target"); got != "AmazonSQS.GetQueueAttributes" {
			t.Errorf("got a call of %s, want GetQueueAttributes", got)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return New(aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}, server.URL+"/000000000000/event-queue", 1)
}

func TestDepth(t *testing.T) {
	for name, tt := range map[string]struct {
		status            int
		body              string
		waiting, inFlight int
		err               string // a part of it
	}{
		"delayed messages wait too": {
			status: 200, waiting: 9, inFlight: 3,
			body: `{"Attributes":{"ApproximateNumberOfMessages":"7","ApproximateNumberOfMessagesDelayed":"2","ApproximateNumberOfMessagesNotVisible":"3"}}`,
		},
		"the queue is gone": {
			status: 400, err: "not exist",
			body: `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The queue does not exist."}`,
		},
		"a number is missing": {
			status: 200, err: "read ApproximateNumberOfMessagesNotVisible of the queue",
			body: `{"Attributes":{"ApproximateNumberOfMessages":"7","ApproximateNumberOfMessagesDelayed":"2"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			waiting, inFlight, err := answering(t, tt.status, tt.body).Depth(t.Context())
			if waiting != tt.waiting || inFlight != tt.inFlight {
				t.Errorf("got %d waiting and %d in flight, want %d and %d", waiting, inFlight, tt.waiting, tt.inFlight)
			}
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestMaxReceives(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		want   int
		err    string // a part of it
	}{
		"a text":    {status: 200, body: `{"Attributes":{"RedrivePolicy":"{\"deadLetterTargetArn\":\"x\",\"maxReceiveCount\":\"5\"}"}}`, want: 5},
		"a number":  {status: 200, body: `{"Attributes":{"RedrivePolicy":"{\"maxReceiveCount\":10}"}}`, want: 10},
		"no policy": {status: 200, body: `{}`},
		"no JSON":   {status: 200, body: `{"Attributes":{"RedrivePolicy":"x"}}`, err: "read the redrive policy"},
		"no count":  {status: 200, body: `{"Attributes":{"RedrivePolicy":"{}"}}`, err: "read the redrive policy"},
		"refused":   {status: 403, body: `{"__type":"AccessDeniedException"}`, err: "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := answering(t, tt.status, tt.body).MaxReceives(t.Context())
			if got != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %d, %v, want %d, %q", got, err, tt.want, tt.err)
			}
		})
	}
}
