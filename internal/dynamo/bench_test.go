package dynamo

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"event-processor/internal/event"
)

// BenchmarkPutAll is the adapter against an HTTP server in the same process, whose share is in the figure.
func BenchmarkPutAll(b *testing.B) {
	answer := []byte(`{"Responses":[` + strings.TrimSuffix(strings.Repeat("{},", maxStatements), ",") + `]}`)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(answer)
	}))
	defer server.Close()
	db := Open(aws.Config{
		Region: "us-east-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	}, 8)
	table := NewEvents(db, "events", 8, 30)
	events := make([]event.Event, 4*maxStatements)
	for i := range events {
		events[i] = event.Event{
			ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), ClientID: "client-002", Type: "transaction", Version: "1.0",
			OccurredAt: "2026-01-15T10:30:00Z", Payload: `{"note":"` + strings.Repeat("x", 589) + `"}`, Priority: event.Normal,
			CorrelationID: "req-0c4f7a91b2d34e58", MessageID: "00000000-0000-4000-8000-000000000000",
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, put := range table.PutAll(b.Context(), events) {
			if put.Err != nil {
				b.Fatal(put.Err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/record")
}
