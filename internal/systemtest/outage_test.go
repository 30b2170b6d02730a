package systemtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
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
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
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
	forward  http.Handler
	trouble  atomic.Int32
	requests atomic.Int32 // that arrived
	done     chan struct{}
}

func (p *faultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.requests.Add(1)
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
		p.forward.ServeHTTP(w, r)
	}
}

// newFaultProxy listens where the functions of this cloud reach it, and returns its URL. They run on this machine, or
// in containers to which its loopback is not theirs. Where none of the addresses between them serves, the test is
// skipped.
func (s *system) newFaultProxy() (p *faultProxy, proxyURL string) {
	s.t.Helper()
	target, err := url.Parse(aws.ToString(s.Config.BaseEndpoint))
	if err != nil {
		s.t.Fatal(err)
	}
	p = &faultProxy{forward: httputil.NewSingleHostReverseProxy(target), done: make(chan struct{})}
	addresses := s.ownAddresses(target)
	for _, address := range addresses {
		listener, err := new(net.ListenConfig).Listen(s.t.Context(), "tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			s.t.Logf("the fault proxy cannot listen on %s: %v", address, err)
			continue
		}
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: p}} //nolint:gosec // for a test
		server.Start()
		if s.reaches(p, server.URL) {
			s.t.Cleanup(func() { close(p.done); server.Close() })
			return p, server.URL
		}
		server.Close()
	}
	s.t.Skipf("no function of this cloud reaches a fault proxy on this machine; tried were %s", strings.Join(addresses, ", "))
	return nil, ""
}

// ownAddresses are those of this machine that functions may reach: loopback, the one by which the cloud is reached
// from here, and the bridges to Docker's containers.
func (s *system) ownAddresses(cloud *url.URL) []string {
	s.t.Helper()
	addresses := []string{"127.0.0.1"}
	add := func(a net.Addr) {
		ip, _, err := net.ParseCIDR(a.String())
		if udp, ok := a.(*net.UDPAddr); ok {
			ip, err = udp.IP, nil
		}
		if err == nil && ip.To4() != nil && !slices.Contains(addresses, ip.String()) {
			addresses = append(addresses, ip.String())
		}
	}
	// Nothing is sent: it only chooses the way.
	if way, err := new(net.Dialer).DialContext(s.t.Context(), "udp", net.JoinHostPort(cloud.Hostname(), cmp.Or(cloud.Port(), "80"))); err == nil {
		add(way.LocalAddr())
		_ = way.Close()
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, i := range interfaces {
		if i.Name != "docker0" && !strings.HasPrefix(i.Name, "br-") {
			continue
		}
		of, err := i.Addrs()
		if err != nil {
			s.t.Fatal(err)
		}
		for _, a := range of {
			add(a)
		}
	}
	return addresses
}

// reaches tries whether a request of a function arrives at the proxy: the health function looks at the tables.
func (s *system) reaches(p *faultProxy, proxyURL string) bool {
	s.t.Helper()
	restore := s.configure(s.Health, nil, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": proxyURL})
	defer restore()
	for range 5 { // the first may only start a container
		_, _, err := s.Get(s.t.Context(), "health")
		if p.requests.Load() > 0 {
			return true
		}
		if err == nil { // it looked, and nothing arrived
			return false
		}
	}
	return false
}

// reconfigure changes the processor's timeout and settings for the length of a test.
func (s *system) reconfigure(timeoutSeconds int32, change map[string]string) {
	s.t.Helper()
	s.configure(s.Processor, &timeoutSeconds, change)
}

// configure changes a function's settings for the length of a test or until restore is called, and its timeout where
// there is one.
func (s *system) configure(function string, timeoutSeconds *int32, change map[string]string) (restore func()) {
	s.t.Helper()
	before := s.configuration(function)
	set := func(timeout *int32, variables map[string]string) {
		s.setConfiguration(function, timeout, variables)
		s.eventually(function+" has its new settings", func() bool {
			return s.configuration(function).LastUpdateStatus != types.LastUpdateStatusInProgress
		})
	}
	changed := maps.Clone(before.Environment.Variables)
	maps.Copy(changed, change)
	set(timeoutSeconds, changed)
	restore = sync.OnceFunc(func() { set(before.Timeout, before.Environment.Variables) })
	s.t.Cleanup(restore)
	return restore
}

func (s *system) configuration(function string) *lambda.GetFunctionConfigurationOutput {
	s.t.Helper()
	// Also when the test is over, and its context.
	out, err := lambda.NewFromConfig(s.Config).GetFunctionConfiguration(context.WithoutCancel(s.t.Context()),
		&lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *system) setConfiguration(function string, timeout *int32, variables map[string]string) {
	s.t.Helper()
	_, err := lambda.NewFromConfig(s.Config).UpdateFunctionConfiguration(context.WithoutCancel(s.t.Context()), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &function, Timeout: timeout, Environment: &types.Environment{Variables: variables},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// sendMany sends bodies in batches, side by side.
func (s *system) sendMany(bodies []string) {
	s.t.Helper()
	messages := make([]queue.Message, len(bodies))
	for i := range bodies {
		messages[i].Body = bodies[i]
	}
	for i, err := range s.queue.SendAll(s.t.Context(), messages) {
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
	s.found["items"] += len(items)
	return len(items)
}

// kept is how many events of a client the table holds.
func (s *system) kept(client string) (n int) {
	s.t.Helper()
	pages := dynamodb.NewQueryPaginator(s.db, &dynamodb.QueryInput{
		TableName: &s.EventsTable, Select: dynamodbtypes.SelectCount, ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("client_id = :c"),
		ExpressionAttributeValues: map[string]dynamodbtypes.AttributeValue{":c": &dynamodbtypes.AttributeValueMemberS{Value: client}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		n += int(page.Count)
	}
	return n
}

func (s *system) integrations(client string, n int) (bodies []string, keys []event.Key) {
	for range n {
		id := uuid.NewString()
		bodies = append(bodies, body(client, "integration", id, payloads["integration"]))
		keys = append(keys, event.Key{ClientID: client, EventID: id})
	}
	return bodies, keys
}

// TestOutage takes the store away for a minute or more while 2,000 events arrive, until some have come twice: none
// becomes a dead letter, none comes more often than its backoffs allow, and all are stored once it is back.
func TestOutage(t *testing.T) {
	s := open(t)
	if testing.Short() {
		t.Skip("takes up to four minutes, and -short is set")
	}
	proxy, proxyURL := s.newFaultProxy()
	s.reconfigure(30, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": proxyURL})
	client := s.client(true, "integration")
	early, earlyKeys := s.integrations(client, 500) // so that some environments know the client, and others do not
	s.sendMany(early)
	s.eventually("the early ones are stored", func() bool { return s.stored(earlyKeys) == len(early) })
	bodies, keys := s.integrations(client, 2000)

	proxy.trouble.Store(int32(throttles))
	began := time.Now()
	s.sendMany(bodies)
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
	// Between two receives lies at least half of a backoff, so that there is a most that depends on no machine.
	mayHaveCome := func() (most int) {
		since := time.Since(began)
		for backoff := 10 * time.Second; since > 0; backoff *= 4 {
			most++
			since -= backoff / 2
		}
		return most
	}
	for _, next := range []trouble{throttles, breaks, resets} {
		before := proxy.requests.Load()
		proxy.trouble.Store(int32(next))
		time.Sleep(20 * time.Second)
		s.eventually("the store is asked 20 times", func() bool {
			s.found["requests"] = int(proxy.requests.Load())
			return proxy.requests.Load() >= before+20
		})
	}
	s.eventually("some messages came twice", func() bool { return receives() >= 2 })
	if got := s.stored(keys); got != 0 {
		t.Errorf("%d events stored while the store was away", got)
	}
	if most, may := receives(), mayHaveCome(); most > may {
		t.Errorf("messages came up to %d times while the store was away, want at most %d", most, may)
	}
	lasted := time.Since(began)
	proxy.trouble.Store(int32(well))
	s.eventually("all events are stored", func() bool { return s.stored(keys) == len(keys) })
	s.eventually("the queue is empty", func() bool { return s.queued() == 0 })
	if most, may := receives(), mayHaveCome(); most > may {
		t.Errorf("messages came up to %d times within %s, want at most %d", most, time.Since(began), may)
	}
	for _, m := range s.deadLetters() {
		if strings.Contains(m.Body, client) {
			t.Errorf("a dead letter came of it: %s", m.ID)
		}
	}
	if got, want := s.kept(client), len(early)+len(bodies); got != want {
		t.Errorf("the table holds %d events of the client, want %d", got, want)
	}
	reasons := map[string]int{}
	for _, lines := range s.lines {
		for _, l := range lines {
			if l.ClientID == client && l.Reason != "" {
				reasons[l.Reason]++
			}
		}
	}
	t.Logf("the outage lasted %s and messages came up to %d times in %s; reasons of failures: %v", lasted.Round(time.Second),
		receives(), time.Since(began).Round(time.Second), reasons)
}

// TestDeadline has a store that never answers, and a function with four seconds: it answers before they are over,
// every record is reported, and all are stored once the store answers again.
func TestDeadline(t *testing.T) {
	s := open(t)
	proxy, proxyURL := s.newFaultProxy()
	s.reconfigure(4, map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": proxyURL})
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
	// Where the function is killed after its four seconds, nothing is reported.
	s.eventually("all records are reported", func() bool {
		s.log()
		return len(first()) >= len(bodies)
	})
	proxy.trouble.Store(int32(well))
	longest := 0.0
	for _, l := range first() {
		longest = max(longest, l.DurationMS)
		if l.Outcome != "failed" {
			t.Errorf("got %s, want it failed before the deadline of four seconds", l.text)
		}
	}
	t.Logf("reported after %.0f ms at most, want 2,000 and a bit", longest)
	s.eventually("all events are stored", func() bool { return s.stored(keys) == len(keys) })
}

// TestPoison mixes 100 malformed bodies into 2,000 good ones. All 100 become dead letters, by no more than the receives
// that each has: none waits for the queue's own timeout in between, which would take minutes.
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
	stored := sent // when the good ones were
	poisoned := func() (n int) {
		for _, m := range s.deadLetters() {
			if strings.Contains(m.Body, mark) {
				n++
			}
		}
		return n
	}
	s.eventually("the queue is empty", func() bool {
		if s.stored(keys) < len(keys) {
			stored = time.Now()
		}
		return s.queued() == 0
	})
	s.eventually("all 100 are dead letters", func() bool { return poisoned() == 100 })
	s.eventually("all good ones are stored", func() bool { return s.stored(keys) == len(keys) })
	dead := time.Since(sent)
	t.Logf("2,100 messages sent in %s; all good ones stored %s and all 100 dead letters %s after the last was sent",
		sent.Sub(began).Round(time.Millisecond), stored.Sub(sent).Round(time.Millisecond), dead.Round(time.Millisecond))
	if dead > s.visibility && dead > 2*stored.Sub(sent) {
		t.Errorf("dead letters only after %s, where the good ones took %s: they waited for the queue's own timeout", dead, stored.Sub(sent))
	}
}

// TestRedeliveryStorm delivers the same 500 messages five times over in shuffled batches, side by side.
func TestRedeliveryStorm(t *testing.T) {
	s := open(t)
	client := s.client(true, "integration")
	bodies, keys := s.integrations(client, 500)
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

	tail := s.follow(s.Processor, time.Now().Add(-time.Millisecond))
	var group sync.WaitGroup
	slots := make(chan struct{}, 6)
	for part := range slices.Chunk(deliveries, 100) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			// What a slow store makes fail is delivered once more, as the queue would.
			for failed := 0; len(part) > 0; {
				var answer struct {
					Failures []struct {
						MessageID string `json:"itemIdentifier"`
					} `json:"batchItemFailures"`
				}
				if err := s.Invoke(t.Context(), s.Processor, map[string]any{"Records": part}, &answer); err != nil {
					t.Error(err)
					return
				}
				var again []record
				for _, f := range answer.Failures { // in the order of the batch, which may have a message twice
					at := slices.IndexFunc(part, func(r record) bool { return r.MessageID == f.MessageID })
					if at < 0 {
						t.Errorf("%s failed and was not in the batch", f.MessageID)
						return
					}
					again, part = append(again, part[at]), part[at+1:]
				}
				if part = again; len(part) > 0 {
					if failed++; failed > 20 {
						t.Errorf("%d records failed %d times", len(part), failed)
						return
					}
				}
			}
		})
	}
	group.Wait()
	if got := s.stored(keys); got != len(keys) {
		t.Errorf("%d items, want %d", got, len(keys))
	}
	// The log holds the batches of others, too: of this one are those of its client.
	type counts struct {
		ClientID          string `json:"client_id"`
		Stored, Duplicate int
	}
	var ours counts
	s.eventually("all batches are in the log", func() bool {
		for _, line := range s.read(tail) {
			var metrics struct{ Clients []counts }
			if json.Unmarshal([]byte(line.Text), &metrics) != nil {
				continue
			}
			for _, c := range metrics.Clients {
				if c.ClientID == client {
					ours.Stored += c.Stored
					ours.Duplicate += c.Duplicate
				}
			}
		}
		s.found["records"] = ours.Stored + ours.Duplicate
		return ours.Stored+ours.Duplicate >= len(deliveries)
	})
	if ours.Stored != len(keys) || ours.Duplicate != len(deliveries)-len(keys) {
		t.Errorf("%d stored and %d duplicates, want %d and %d", ours.Stored, ours.Duplicate, len(keys), len(deliveries)-len(keys))
	}
}
