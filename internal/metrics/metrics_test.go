package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/encoding/cbor"
)

// cloudWatch answers every question with the same points and counts the questions.
type cloudWatch struct {
	asked  atomic.Int32
	status int
	points cbor.List
	t      *testing.T
}

func (c *cloudWatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.asked.Add(1)
	body, err := io.ReadAll(r.Body)
	if err != nil || !strings.HasSuffix(r.URL.Path, "/GetMetricStatistics") || !strings.Contains(string(body), "event-queue") {
		c.t.Errorf("got a call of %s, %v, want GetMetricStatistics of event-queue", r.URL.Path, err)
	}
	w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
	w.Header().Set("Content-Type", "application/cbor")
	w.WriteHeader(c.status)
	_, _ = w.Write(cbor.Encode(cbor.Map{"Datapoints": c.points}))
}

func (c *cloudWatch) open(t *testing.T) *OldestAge {
	c.t = t
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return NewOldestAge(aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(server.URL),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer:      func() aws.Retryer { return aws.NopRetryer{} },
	}, "event-queue")
}

func point(unix, seconds float64) cbor.Map {
	return cbor.Map{"Timestamp": &cbor.Tag{ID: 1, Value: cbor.Float64(unix)}, "Maximum": cbor.Float64(seconds)}
}

func TestAge(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		points cbor.List
		age    time.Duration
		known  bool
		err    bool
	}{
		"the newest counts, in any order": {
			status: 200, points: cbor.List{point(60, 7), point(180, 42), point(120, 500)}, age: 42 * time.Second, known: true,
		},
		"an empty queue":         {status: 200, points: cbor.List{point(60, 0)}, known: true},
		"nobody measures it":     {status: 200, points: cbor.List{}},
		"a point without a time": {status: 200, points: cbor.List{cbor.Map{"Maximum": cbor.Float64(7)}}},
		"CloudWatch fails":       {status: 500, err: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := &cloudWatch{status: tt.status, points: tt.points}
			age, known, err := server.open(t).Age(t.Context())
			if age != tt.age || known != tt.known || (err != nil) != tt.err {
				t.Errorf("got %s, %v, %v, want %s, %v, error %v", age, known, err, tt.age, tt.known, tt.err)
			}
		})
	}
}

func TestAnAnswerServesForAMinuteAndAFailureDoesNot(t *testing.T) {
	server := &cloudWatch{status: 500, points: cbor.List{point(60, 7)}}
	oldest := server.open(t)
	if _, _, err := oldest.Age(t.Context()); err == nil {
		t.Fatal("got no error from a CloudWatch that fails")
	}
	server.status = 200
	for range 3 {
		if age, known, err := oldest.Age(t.Context()); age != 7*time.Second || !known || err != nil {
			t.Fatalf("got %s, %v, %v, want 7s", age, known, err)
		}
	}
	if n := server.asked.Load(); n != 2 {
		t.Errorf("asked %d times, want 2: once in vain, once for all", n)
	}
	oldest.askedAt = oldest.askedAt.Add(-publishedEvery)
	if _, _, err := oldest.Age(t.Context()); err != nil || server.asked.Load() != 3 {
		t.Errorf("asked %d times after a minute, %v, want 3", server.asked.Load(), err)
	}
}
