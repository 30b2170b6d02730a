package systemtest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
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
	dlq    *queue.Queue
	tail   *stack.Tail
	lines  map[string][]logLine // by message id
	asked  int                  // how often the log was read

	rewrites bool // bodies come through to the processor written anew
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

// open finds the stack at TEST_ENDPOINT, or skips the test.
func open(t *testing.T) *system {
	t.Helper()
	endpoint := os.Getenv("TEST_ENDPOINT")
	if endpoint == "" {
		t.Skip("TEST_ENDPOINT names no local cloud; ./scripts/test-system.sh starts one")
	}
	return openAt(t, endpoint)
}

// openAt finds the stack at an endpoint.
func openAt(t *testing.T, endpoint string) *system {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(endpoint), config.WithRegion("us-east-1"),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", "")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.Find(t.Context(), cfg, cmp.Or(os.Getenv("STACK_NAME"), "event-processor"))
	if err != nil {
		t.Fatal(err)
	}
	return &system{
		Stack: s, t: t, sqs: sqs.NewFromConfig(cfg), db: dynamodb.NewFromConfig(cfg),
		events: dynamo.NewEvents(dynamo.Open(cfg, 8), s.EventsTable, 8, 0),
		dlq:    queue.New(cfg, s.DLQURL, 4),
		tail:   s.Tail(s.Processor, time.Now().Add(-time.Second)), lines: map[string][]logLine{},
	}
}

// client puts a client of this test's own into the table and returns its id.
func (s *system) client(active bool, types ...string) string {
	s.t.Helper()
	id := "test-" + uuid.NewString()
	s.putClient(id, active, types, nil)
	return id
}

func (s *system) putClient(id string, active bool, types, senders []string) {
	s.t.Helper()
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

// eventually asks until ok, and fails the test with what was missing when the time is up.
func (s *system) eventually(within time.Duration, what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("after %s still not: %s", within, what)
		}
	}
}

// log reads what the processor logged since the last call. MiniStack may show the last lines of an environment only
// with its next invocation, so whoever asks for long nudges them.
func (s *system) log() {
	s.t.Helper()
	if s.asked++; s.asked%10 == 0 {
		s.nudge()
	}
	lines, err := s.tail.Next(s.t.Context())
	if err != nil {
		if strings.Contains(err.Error(), "ResourceNotFound") { // nothing has been logged yet
			return
		}
		s.t.Fatal(err)
	}
	for _, line := range lines {
		var l logLine
		if json.Unmarshal([]byte(line.Text), &l) == nil && l.Message == "record" {
			l.text = line.Text
			s.lines[l.MessageID] = append(s.lines[l.MessageID], l)
		}
	}
}

// nudge gives every environment of the processor an empty batch.
func (s *system) nudge() {
	var group sync.WaitGroup
	for range 10 { // as many as may run side by side
		group.Go(func() {
			var answer any
			if err := s.Invoke(s.t.Context(), s.Processor, map[string]any{"Records": []any{}}, &answer); err != nil {
				s.t.Logf("an empty batch: %v", err)
			}
		})
	}
	group.Wait()
}

// outcome is the line of the last receive of a message that is not about a stored record. Lines of several
// environments come in no order, and one of an earlier receive may come last.
func (s *system) outcome(messageID string) (logLine, bool) {
	lines := s.lines[messageID]
	if len(lines) == 0 {
		return logLine{}, false
	}
	return slices.MaxFunc(lines, func(a, b logLine) int { return cmp.Compare(a.ReceiveCount, b.ReceiveCount) }), true
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
	return item, ok
}

// deadLetters are the messages in the dead-letter queue, by their ids. They stay there.
func (s *system) deadLetters() map[string]queue.Lying {
	s.t.Helper()
	found := map[string]queue.Lying{}
	if err := s.dlq.Peek(s.t.Context(), 30*time.Second, func(m queue.Lying) { found[m.ID] = m }); err != nil {
		s.t.Fatal(err)
	}
	return found
}

// queued is how many messages are on the event queue, visible or in flight.
func (s *system) queued() int {
	s.t.Helper()
	waiting, inFlight, err := queue.New(s.Config, s.QueueURL, 1).Depth(context.WithoutCancel(s.t.Context()))
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
