package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"event-processor/internal/functionurl"
)

var complete = map[string]string{
	"EVENTS_TABLE": "events", "CLIENTS_TABLE": "events-clients", "MAPPING_ID": "the-id", "STAGE": "production",
	"PROCESSOR_FUNCTION": "event-processor", "PRODUCER_FUNCTION": "event-producer", "DASHBOARD": "event-processor",
	"QUEUE_URL": "http://queues.test/000000000000/event-queue", "DLQ_URL": "http://queues.test/000000000000/event-dlq",
	"VERSION": "1.4.2", "LOG_LEVEL": "error",
	"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
}

// setenv sets the settings, and unsets those that are "".
func setenv(t *testing.T, settings map[string]string) {
	for name, value := range settings {
		t.Setenv(name, value)
		if value == "" {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestAllFaultsInTheSettingsAreReportedAtOnce(t *testing.T) {
	setenv(t, complete)
	setenv(t, map[string]string{"EVENTS_TABLE": "", "CLIENTS_TABLE": "", "QUEUE_URL": "", "DLQ_URL": "", "MAPPING_ID": "", "STAGE": "", "PROCESSOR_FUNCTION": "", "PRODUCER_FUNCTION": ""})
	t.Setenv("LOG_LEVEL", "LOUD")
	_, err := wire(t.Context())
	if err == nil {
		t.Fatal("got no error")
	}
	for _, name := range []string{"EVENTS_TABLE", "CLIENTS_TABLE", "QUEUE_URL", "DLQ_URL", "MAPPING_ID", "STAGE", "PROCESSOR_FUNCTION", "PRODUCER_FUNCTION", "LogLevel", "LOUD"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}

// TestHealthThroughTheFunctionURL wires the function against services that answer as AWS does, and asks it as Lambda
// does.
func TestHealthThroughTheFunctionURL(t *testing.T) {
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch target := r.Header.Get("X-Amz-Target"); {
		case target == "AmazonSQS.GetQueueAttributes":
			_, _ = io.WriteString(w, `{"Attributes":{"ApproximateNumberOfMessages":"7","ApproximateNumberOfMessagesDelayed":"0","ApproximateNumberOfMessagesNotVisible":"3","RedrivePolicy":"{\"maxReceiveCount\":5}"}}`)
		case target == "DynamoDB_20120810.DescribeTable":
			_, _ = io.WriteString(w, `{"Table":{"TableStatus":"ACTIVE"}}`)
		case strings.HasSuffix(r.URL.Path, "/event-source-mappings/the-id"):
			_, _ = io.WriteString(w, `{"State":"Enabled"}`)
		case target == "Logs_20140328.FilterLogEvents":
			_, _ = fmt.Fprintf(w, `{"events":[{"timestamp":%d,"message":"{\"message\":\"batch\",\"records\":4,\"stored\":4,\"requestId\":\"r\"}"}]}`,
				time.Now().UnixMilli())
		default: // CloudWatch: neither age nor metrics
			w.WriteHeader(http.StatusNotImplemented)
		}
	}))
	defer aws.Close()
	setenv(t, complete)
	setenv(t, map[string]string{
		"AWS_ENDPOINT_URL": aws.URL,
		"QUEUE_URL":        aws.URL + "/000000000000/event-queue", "DLQ_URL": aws.URL + "/000000000000/event-dlq",
	})
	health, err := wire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var in events.LambdaFunctionURLRequest
	in.RawPath, in.RequestContext.HTTP.Method = "/health", "GET"
	out, err := functionurl.Wrap(health)(t.Context(), in)
	if err != nil || out.StatusCode != http.StatusOK {
		t.Fatalf("got %d, %v: %s", out.StatusCode, err, out.Body)
	}
	var got struct {
		Healthy                           bool
		Version                           string
		QueueDepth, InFlight, DeadLetters int
		OldestAgeSeconds                  *int
		Flow                              struct {
			Source      string
			LastEventAt time.Time
		}
	}
	if err := json.Unmarshal([]byte(out.Body), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Healthy || got.Version != "1.4.2" || got.QueueDepth != 7 || got.InFlight != 3 || got.DeadLetters != 7 || got.OldestAgeSeconds != nil ||
		got.Flow.Source != "log" || got.Flow.LastEventAt.IsZero() {
		t.Errorf("got %s", out.Body)
	}
}

// TestFailuresOfTheSDKInWords: what the SDK makes of each failure ends as the right words, and as nothing else.
func TestFailuresOfTheSDKInWords(t *testing.T) {
	stop := make(chan struct{})
	for want, answer := range map[string]http.HandlerFunc{
		"not found": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"ResourceNotFoundException","message":"arn:aws:dynamodb:us-east-1:123456789012:table/x"}`)
		},
		"access denied": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","message":"arn:aws:iam::123456789012:role/x may not"}`)
		},
		"unreachable": nil, // nobody listens
		"timeout":     func(http.ResponseWriter, *http.Request) { <-stop },
		"failed": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html>A proxy of 123456789012</html>")
		},
	} {
		t.Run(want, func(t *testing.T) {
			aws := httptest.NewServer(answer)
			defer aws.Close()
			if answer == nil {
				aws.Close()
			}
			if want == "timeout" {
				defer close(stop) // before the server waits for its handlers
			}
			setenv(t, complete)
			t.Setenv("AWS_ENDPOINT_URL", aws.URL)
			health, err := wire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			health.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/health", nil))
			var got struct {
				Checks map[string]struct{ Error string }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"eventsTable", "mapping"} {
				if got := got.Checks[part].Error; got != want {
					t.Errorf("%s: got %q, want %q", part, got, want)
				}
			}
			if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "123456789012") {
				t.Errorf("got %d: %s", w.Code, w.Body)
			}
		})
	}
}
