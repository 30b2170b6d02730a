package systemtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"

	"event-processor/internal/event"
	"event-processor/internal/queue"
)

// trouble is what a faulty DynamoDB does to a request.
type trouble int32

const (
	well trouble = iota
	throttles
	breaks // answers 500
	resets // closes the connection
	hangs
)

// faultProxy stands between the processor and DynamoDB and makes trouble.
type faultProxy struct {
	*httptest.Server
	trouble atomic.Int32
	done    chan struct{}
}

func (s *system) newFaultProxy() *faultProxy {
	target, err := url.Parse(aws.ToString(s.Config.BaseEndpoint))
	if err != nil {
		s.t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	p := &faultProxy{done: make(chan struct{})}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch trouble(p.trouble.Load()) {
		case throttles:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`)
		case breaks:
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"away"}`)
		case resets:
			panic(http.ErrAbortHandler)
		case hangs:
			select {
			case <-p.done:
			case <-r.Context().Done():
			}
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	s.t.Cleanup(func() { close(p.done); p.Close() })
	return p
}

// reconfigure changes the processor's timeout and settings for the length of a test.
func (s *system) reconfigure(timeoutSeconds int32, change map[string]string) {
	s.t.Helper()
	s.configure(s.Processor, &timeoutSeconds, change)
}

// configure changes a function's settings for the length of a test, and its timeout where there is one.
func (s *system) configure(function string, timeoutSeconds *int32, change map[string]string) {
	s.t.Helper()
	api := lambda.NewFromConfig(s.Config)
	before, err := api.GetFunctionConfiguration(s.t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		s.t.Fatal(err)
	}
	set := func(ctx context.Context, timeout *int32, variables map[string]string) {
		_, err := api.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
			FunctionName: &function, Timeout: timeout, Environment: &types.Environment{Variables: variables},
		})
		if err != nil {
			s.t.Error(err)
		}
	}
	changed := maps.Clone(before.Environment.Variables)
	maps.Copy(changed, change)
	set(s.t.Context(), timeoutSeconds, changed)
	s.t.Cleanup(func() { set(context.WithoutCancel(s.t.Context()), before.Timeout, before.Environment.Variables) })
}

// sendMany sends bodies in batches, side by side.
func (s *system) sendMany(bodies []string) {
	s.t.Helper()
	messages := make([]queue.Message, len(bodies))
	for i := range bodies {
		messages[i].Body = bodies[i]
	}
	for i, err := range queue.New(s.Config, s.QueueURL, 8).SendAll(s.t.Context(), messages) {
		if err != nil {
			s.t.Fatalf("message %d: %v", i, err)
		}
	}
}

// stored is how many of these events are in the table.
func (s *system) stored(keys []event.Key) int {
	s.t.Helper()
	items, err := s.events.Read(s.t.Context(), keys)
	if err != nil {
		s.t.Fatal(err)
	}
	return len(items)
}

func (s *system) integrations(client string, n int) (bodies []string, keys []event.Key) {
	for range n {
		id := uuid.NewString()
		bodies = append(bodies, body(client, "integration", id, payloads["integration"]))
		keys = append(keys, event.Key{ClientID: client, EventID: id})
	}
	return bodies, keys
}

// TestOutage takes the store away for a minute while 2,000 events arrive: none becomes a dead letter, none comes
// more than four times, and all are stored once it is back.
func TestOutage(t *testing.T) {
	s := open(t)
	if testing.Short() {
		t.Skip("takes up to four minutes, and -short is set")
	}
	proxy := s.newFaultProxy()
	s.reconfigure(30, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": proxy.URL})
	client := s.client(true, "integration")
	early, earlyKeys := s.integrations(client, 500) // so that some environments know the client, and others do not
	s.sendMany(early)
	s.eventually(30*time.Second, "the early ones are stored", func() bool { return s.stored(earlyKeys) == len(early) })
	bodies, keys := s.integrations(client, 2000)
	before := s.count()

	proxy.trouble.Store(int32(throttles))
	s.sendMany(bodies)
	for _, next := range []trouble{throttles, breaks, resets} {
		proxy.trouble.Store(int32(next))
		time.Sleep(20 * time.Second)
	}
	if got := s.stored(keys); got != 0 {
		t.Errorf("%d events stored while the store was away", got)
	}
	receives := func() (most int) {
		s.log()
		for _, lines := range s.lines {
			for _, l := range lines {
				if l.ClientID == client {
					most = max(most, l.ReceiveCount)
				}
			}
		}
		return most
	}
	if most := receives(); most < 2 || most > 4 {
		t.Errorf("messages came up to %d times during the outage, want 2 to 4", most)
	}
	proxy.trouble.Store(int32(well))
	// The last failure was the third receive at the latest, after which 160 seconds may pass.
	s.eventually(4*time.Minute, "all events are stored", func() bool { return s.stored(keys) == len(keys) })
	s.eventually(20*time.Second, "the queue is empty", func() bool { return s.queued() == 0 })
	if most := receives(); most > 4 {
		t.Errorf("messages came up to %d times in all", most)
	}
	for _, m := range s.deadLetters() {
		if strings.Contains(m.Body, client) {
			t.Errorf("a dead letter came of it: %s", m.ID)
		}
	}
	if got := s.count() - before; got != len(keys) {
		t.Errorf("the table grew by %d, want %d", got, len(keys))
	}
	reasons := map[string]int{}
	for _, lines := range s.lines {
		for _, l := range lines {
			if l.ClientID == client && l.Reason != "" {
				reasons[l.Reason]++
			}
		}
	}
	t.Logf("reasons of failures during the outage: %v", reasons)
}

// TestDeadline has a store that never answers, and a function with four seconds: it answers in time, every record
// is reported, and all are stored once the store answers again.
func TestDeadline(t *testing.T) {
	s := open(t)
	proxy := s.newFaultProxy()
	s.reconfigure(4, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": proxy.URL})
	client := s.client(true, "integration")
	bodies, keys := s.integrations(client, 30)
	first := func() (lines []logLine) { // of each message of this test
		for _, of := range s.lines {
			if of[0].ClientID == client {
				lines = append(lines, of[0])
			}
		}
		return lines
	}
	proxy.trouble.Store(int32(hangs))
	s.sendMany(bodies)
	s.eventually(20*time.Second, "all records are reported", func() bool {
		s.log()
		return len(first()) >= len(bodies)
	})
	proxy.trouble.Store(int32(well))
	for _, l := range first() {
		if l.Outcome != "failed" || l.DurationMS > 4000 {
			t.Errorf("got %s, want it failed before the deadline of four seconds", l.text)
		}
	}
	s.eventually(time.Minute, "all events are stored", func() bool { return s.stored(keys) == len(keys) })
}

// TestPoison mixes 100 malformed bodies into 2,000 good ones: all 100 are dead letters within 20 seconds.
func TestPoison(t *testing.T) {
	s := open(t)
	bodies, keys := s.integrations(s.client(true, "integration"), 2000)
	mark := uuid.NewString()
	for range 100 {
		bodies = append(bodies, `{"poison":"`+mark)
	}
	rand.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })
	began := time.Now()
	s.sendMany(bodies)
	sent := time.Now()
	poisoned := func() (n int) {
		for _, m := range s.deadLetters() {
			if strings.Contains(m.Body, mark) {
				n++
			}
		}
		return n
	}
	s.eventually(20*time.Second-time.Since(sent), "all 100 are dead letters", func() bool {
		return s.queued() == 0 && poisoned() == 100
	})
	t.Logf("2,100 messages sent in %s; all 100 dead letters %s after the last was sent",
		sent.Sub(began).Round(time.Millisecond), time.Since(sent).Round(time.Millisecond))
	s.eventually(time.Minute, "all good ones are stored", func() bool { return s.stored(keys) == len(keys) })
}

// TestRedeliveryStorm delivers the same 500 messages five times over in shuffled batches, side by side.
func TestRedeliveryStorm(t *testing.T) {
	s := open(t)
	bodies, keys := s.integrations(s.client(true, "integration"), 500)
	type record struct {
		MessageID     string            `json:"messageId"`
		ReceiptHandle string            `json:"receiptHandle"`
		Body          string            `json:"body"`
		Attributes    map[string]string `json:"attributes"`
	}
	var deliveries []record
	for n := 1; n <= 5; n++ {
		for i, b := range bodies {
			deliveries = append(deliveries, record{keys[i].EventID, "none", b, map[string]string{"ApproximateReceiveCount": fmt.Sprint(n)}})
		}
	}
	rand.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })

	tail := s.Tail(s.Processor, time.Now().Add(-time.Millisecond))
	var group sync.WaitGroup
	slots := make(chan struct{}, 6)
	for part := range slices.Chunk(deliveries, 100) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			var answer struct {
				Failures []any `json:"batchItemFailures"`
			}
			if err := s.Invoke(t.Context(), s.Processor, map[string]any{"Records": part}, &answer); err != nil || len(answer.Failures) != 0 {
				t.Errorf("%v, %v", answer, err)
			}
		})
	}
	group.Wait()
	if got := s.stored(keys); got != 500 {
		t.Errorf("%d items, want 500", got)
	}
	stored, duplicate := 0, 0
	s.eventually(20*time.Second, "all batches are in the log", func() bool {
		s.nudge()
		lines, err := tail.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			var b struct {
				Message           string
				Stored, Duplicate int
			}
			if json.Unmarshal([]byte(line.Text), &b) == nil && b.Message == "batch" {
				stored += b.Stored
				duplicate += b.Duplicate
			}
		}
		return stored+duplicate >= len(deliveries)
	})
	if stored != 500 || duplicate != 2000 {
		t.Errorf("%d stored and %d duplicates, want 500 and 2000", stored, duplicate)
	}
}
