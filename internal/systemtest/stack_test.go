package systemtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/queue"
	"event-processor/internal/stack"
)

// system is the deployed stack as a test sees it.
type system struct {
	*stack.Stack
	t      *testing.T
	sqs    *sqs.Client
	db     *dynamodb.Client
	events *dynamo.Events
	queue  *queue.Queue
	dlq    *queue.Queue
	tail   *tail
	lines  map[string][]logLine // by message id, in the order of their receives

	visibility time.Duration   // how long a message in flight may lie still at most
	nudges     bool            // the last lines of an environment are shown with its next invocation
	found      map[string]int  // what the condition under way came upon
	behind     map[string]bool // the functions whose logs it reads
}

// tail is the log of a function, as a test follows it.
type tail struct {
	*stack.Tail
	function string
}

// logLine is one line of the processor about one record.
type logLine struct {
	Message       string  `json:"message"`
	RequestID     string  `json:"requestId"`
	CorrelationID string  `json:"correlation_id"`
	MessageID     string  `json:"message_id"`
	ClientID      string  `json:"client_id"`
	EventID       string  `json:"event_id"`
	EventType     string  `json:"event_type"`
	Outcome       string  `json:"outcome"`
	Reason        string  `json:"reason"`
	ReceiveCount  int     `json:"receive_count"`
	DurationMS    float64 `json:"duration_ms"`

	text string
}

// open finds the stack at TEST_ENDPOINT, or skips the test. It waits until the event queue is empty: what the test
// before left behind is not this one's.
func open(t *testing.T) *system {
	t.Helper()
	return connect(t).begin()
}

// begin waits until the event queue is empty, and follows the log from there.
func (s *system) begin() *system {
	s.t.Helper()
	s.eventually("the event queue is empty", func() bool { return s.queued() == 0 })
	s.tail = s.follow(s.Processor, time.Now().Add(-time.Second))
	return s
}

// connect is open for a test that sends no events.
func connect(t *testing.T) *system {
	t.Helper()
	endpoint := os.Getenv("TEST_ENDPOINT")
	if endpoint == "" {
		t.Skip("TEST_ENDPOINT names no local cloud; ./scripts/test-system.sh starts one")
	}
	return connectTo(t, endpoint)
}

// connectTo finds the stack at an endpoint.
func connectTo(t *testing.T, endpoint string) *system {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(endpoint), config.WithRegion("us-east-1"),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
	if err != nil {
		t.Fatal(err)
	}
	found, err := stack.Find(t.Context(), cfg, cmp.Or(os.Getenv("STACK_NAME"), "event-processor"))
	if err != nil {
		t.Fatal(err)
	}
	s := &system{
		Stack: found, t: t, sqs: sqs.NewFromConfig(cfg), db: dynamodb.NewFromConfig(cfg),
		events: dynamo.NewEvents(dynamo.Open(cfg, 8), found.EventsTable, 8, 0),
		queue:  queue.New(cfg, found.QueueURL, 8), dlq: queue.New(cfg, found.DLQURL, 4),
		lines: map[string][]logLine{}, found: map[string]int{}, behind: map[string]bool{},
	}
	s.nudges = s.isMiniStack()
	s.visibility = s.visibilityTimeout()
	return s
}

// isMiniStack reports whether the cloud is MiniStack, by the name that it gives itself.
func (s *system) isMiniStack() bool {
	s.t.Helper()
	name, _, err := s.Cloud(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return name == "MiniStack"
}

// visibilityTimeout is the event queue's.
func (s *system) visibilityTimeout() time.Duration {
	s.t.Helper()
	const name = sqstypes.QueueAttributeNameVisibilityTimeout
	out, err := s.sqs.GetQueueAttributes(s.t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &s.QueueURL, AttributeNames: []sqstypes.QueueAttributeName{name},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	seconds, err := strconv.Atoi(out.Attributes[string(name)])
	if err != nil {
		s.t.Fatal(err)
	}
	return time.Duration(seconds) * time.Second
}

// client puts a client of this test's own into the table and returns its id.
func (s *system) client(active bool, types ...string) string {
	s.t.Helper()
	id := "test-" + uuid.NewString()
	s.putClient(id, active, types, nil)
	return id
}

func (s *system) putClient(id string, active bool, types, senders []string) {
	t := s.t
	t.Helper()
	item := map[string]dynamodbtypes.AttributeValue{
		"client_id": &dynamodbtypes.AttributeValueMemberS{Value: id}, "name": &dynamodbtypes.AttributeValueMemberS{Value: "Test"},
		"active": &dynamodbtypes.AttributeValueMemberBOOL{Value: active}, "allowed_types": &dynamodbtypes.AttributeValueMemberSS{Value: types},
	}
	if senders != nil {
		item["allowed_senders"] = &dynamodbtypes.AttributeValueMemberSS{Value: senders}
	}
	if _, err := s.db.PutItem(s.t.Context(), &dynamodb.PutItemInput{TableName: &s.ClientsTable, Item: item}); err != nil {
		s.t.Fatal(err)
	}
	t.Cleanup(func() {
		clients := dynamo.NewClients(s.db, s.ClientsTable)
		if err := clients.Remove(context.WithoutCancel(t.Context()), []string{id}); err != nil {
			t.Error(err)
		}
	})
}

// leave takes away what a test has made: events, and dead letters by their ids. Clients go by themselves.
func (s *system) leave(keys []event.Key, deadLetters []string) {
	s.t.Helper()
	ctx := context.WithoutCancel(s.t.Context())
	if err := s.events.Remove(ctx, keys); err != nil {
		s.t.Error(err)
	}
	s.eventually("the test's own dead letters are gone", func() (gone bool) { // some are hidden where the answer to a look was lost
		var err error
		if deadLetters, err = s.dlq.Take(ctx, deadLetters, 30*time.Second); err != nil {
			s.t.Fatal(err)
		}
		return len(deadLetters) == 0
	})
}

// send puts a body on the event queue, as a client would, and returns the message id.
func (s *system) send(body string, attributes ...string) string {
	s.t.Helper()
	in := &sqs.SendMessageInput{QueueUrl: &s.QueueURL, MessageBody: &body, MessageAttributes: map[string]sqstypes.MessageAttributeValue{}}
	for i := 0; i < len(attributes); i += 2 {
		in.MessageAttributes[attributes[i]] = sqstypes.MessageAttributeValue{DataType: aws.String("String"), StringValue: &attributes[i+1]}
	}
	out, err := s.sqs.SendMessage(s.t.Context(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return *out.MessageId
}

// patience is how long nothing may move while a test waits, and looks is how often it must have looked meanwhile. A
// cold start in a container on a busy machine takes a part of it.
const (
	patience = time.Minute
	looks    = 20
)

// eventually asks until ok, for as long as anything moves: the depths of the queues, the log, what the condition comes
// upon. A slow cloud makes a test slow and not red. Where nothing moves any more the test fails with what is missing.
// Messages in flight may lie in a backoff, or wait for what a function took and did not answer: while there are some,
// the queue's visibility timeout is added to the patience.
func (s *system) eventually(what string, ok func() bool) {
	s.t.Helper()
	began := time.Now()
	moved, nudge, looked, last := began, 2*time.Second, 0, ""
	for pause := 25 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		clear(s.found)
		clear(s.behind)
		if ok() {
			return
		}
		standing, inFlight := s.standing()
		if looked++; standing != last {
			moved, nudge, looked, last = time.Now(), 2*time.Second, 0, standing
		}
		still, limit := time.Since(moved), patience
		if inFlight {
			limit += s.visibility
		}
		deadline, bounded := s.t.Deadline()
		ends := bounded && time.Until(deadline) < 10*time.Second
		if ends || still > limit && looked > looks {
			s.t.Fatalf("after %s still not: %s. Nothing moved for %s of %s: %s", time.Since(began).Round(time.Second), what,
				still.Round(time.Second), limit, standing)
		}
		if still > nudge && s.nudges && len(s.behind) > 0 {
			s.nudge()
			nudge *= 2
		}
		time.Sleep(pause)
	}
}

// standing says how things stand, and whether messages are in flight.
func (s *system) standing() (text string, inFlight bool) {
	s.t.Helper()
	ctx := context.WithoutCancel(s.t.Context())
	waiting, flying, err := s.queue.Depth(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	// How many of the dead letters are in flight is what the tests themselves do.
	dead, looked, err := s.dlq.Depth(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	lines := 0
	for _, l := range s.lines {
		lines += len(l)
	}
	return fmt.Sprintf("%d messages wait and %d are in flight, %d dead letters, %d lines about records were read, and found were %v",
		waiting, flying, dead+looked, lines, s.found), flying > 0
}

// follow reads the log of a function from an instant on.
func (s *system) follow(function string, since time.Time) *tail {
	return &tail{s.Tail(function, since), function}
}

// read returns the lines that came since the last call. Those of a nudge are among them, so it is for the caller to say
// which ones are news.
func (s *system) read(from *tail) []stack.Line {
	s.t.Helper()
	s.behind[from.function] = true
	lines, err := from.Next(s.t.Context())
	if err != nil && !strings.Contains(err.Error(), "ResourceNotFound") { // that is a log in which nothing stands yet
		s.t.Fatal(err)
	}
	return lines
}

// log reads what the processor logged about records since the last call.
func (s *system) log() {
	s.t.Helper()
	for _, line := range s.read(s.tail) {
		var l logLine
		if json.Unmarshal([]byte(line.Text), &l) == nil && l.Message == "record" {
			l.text = line.Text
			// Not every log answers in the order of its lines.
			s.lines[l.MessageID] = append(s.lines[l.MessageID], l)
			slices.SortStableFunc(s.lines[l.MessageID], func(a, b logLine) int { return a.ReceiveCount - b.ReceiveCount })
		}
	}
}

// nudge has the functions whose log is read show their last lines.
func (s *system) nudge() {
	var group sync.WaitGroup
	call := func(function string, nothing any) {
		group.Go(func() {
			var answer any
			if err := s.Invoke(s.t.Context(), function, nothing, &answer); err != nil {
				s.t.Logf("%s with nothing to do: %v", function, err)
			}
		})
	}
	for function := range s.behind {
		switch function {
		case s.Producer:
			call(function, map[string]any{"count": 0})
		case s.Processor:
			for range 10 { // as many environments as may run side by side
				call(function, map[string]any{"Records": []any{}})
			}
		}
	}
	group.Wait()
}

// outcome is the line of a message's newest receive that is not about a stored record.
func (s *system) outcome(messageID string) (logLine, bool) {
	lines := s.lines[messageID]
	if len(lines) == 0 {
		return logLine{}, false
	}
	return lines[len(lines)-1], true
}

// item reads what is stored under a key.
func (s *system) item(clientID, eventID string) (dynamo.Item, bool) {
	s.t.Helper()
	key := event.Key{ClientID: clientID, EventID: eventID}
	items, err := s.events.Read(s.t.Context(), []event.Key{key})
	if err != nil {
		s.t.Fatal(err)
	}
	item, ok := items[key]
	s.found["items"] += len(items)
	return item, ok
}

// deadLetters are the messages in the dead-letter queue, by their ids. They stay there.
func (s *system) deadLetters() map[string]queue.Lying {
	s.t.Helper()
	found := map[string]queue.Lying{}
	if err := s.dlq.Peek(s.t.Context(), 2*time.Minute, func(m queue.Lying) { found[m.ID] = m }); err != nil {
		s.t.Fatal(err)
	}
	return found
}

// queued is how many messages are on the event queue, visible or in flight.
func (s *system) queued() int {
	s.t.Helper()
	waiting, inFlight, err := s.queue.Depth(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return waiting + inFlight
}

// body writes an event as a client would.
func body(clientID, eventType, eventID, payload string) string {
	return fmt.Sprintf(`{"eventId":%q,"eventType":%q,"clientId":%q,"timestamp":"2026-01-15T10:30:00Z","version":"1.0","payload":%s}`,
		eventID, eventType, clientID, payload)
}

var payloads = map[string]string{
	"monitoring":  `{"severity":"critical","metric":"cpu","value":99.5,"host":"web-1"}`,
	"user_action": `{"userId":"u-1","action":"login","resource":"portal","userAgent":"curl"}`,
	"transaction": `{"transactionId":"t-1","amount":10000.01,"currency":"EUR","status":"done"}`,
	"integration": `{"source":"erp","target":"crm","operation":"sync","record_count":12}`,
}
