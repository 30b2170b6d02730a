package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// cloudWatch answers every question with the same points and counts the questions.
type cloudWatch struct {
	asked  atomic.Int32
	status int
	points string // the members of Datapoints
	t      *testing.T
}

func (c *cloudWatch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.asked.Add(1)
	if action, queue := r.FormValue("Action"), r.FormValue("Dimensions.member.1.Value"); action != "GetMetricStatistics" || queue != "event-queue" {
		c.t.Errorf("got a call of %s for %s, want GetMetricStatistics for event-queue", action, queue)
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(c.status)
	_, _ = fmt.Fprintf(w, `<GetMetricStatisticsResponse xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/">
		<GetMetricStatisticsResult><Label>ApproximateAgeOfOldestMessage</Label><Datapoints>%s</Datapoints></GetMetricStatisticsResult>
	</GetMetricStatisticsResponse>`, c.points)
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

func point(minute int, seconds float64) string {
	return fmt.Sprintf("<member><Timestamp>2026-11-24T06:%02d:00Z</Timestamp><Maximum>%v</Maximum><Unit>Seconds</Unit></member>", minute, seconds)
}

func TestAge(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		points string
		age    time.Duration
		known  bool
		err    bool
	}{
		"the newest counts, in any order": {
			status: 200, points: point(1, 7) + point(3, 42) + point(2, 500), age: 42 * time.Second, known: true,
		},
		"an empty queue":         {status: 200, points: point(1, 0), known: true},
		"nobody measures it":     {status: 200},
		"a point without a time": {status: 200, points: "<member><Maximum>7</Maximum></member>"},
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
	server := &cloudWatch{status: 500, points: point(1, 7)}
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
