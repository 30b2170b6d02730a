// Package queuetest is an SQS in memory behind HTTP, for tests. It behaves as standard queues do: messages that were
// handed out are hidden for a time, come in no order and again when the time is up, and only their newest receipt
// handle deletes them. Its clock moves by hand, and each call can be made to fail before or after it has its effect.
package queuetest

import (
	"context"
	"crypto/md5" //nolint:gosec // SQS answers with it
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Message is a message in a queue.
type Message struct {
	ID         string `json:"MessageId"`
	Body       string
	Attributes map[string]Attribute `json:"MessageAttributes,omitempty"`
	System     map[string]string    `json:"Attributes,omitempty"`

	visible  time.Time
	receipt  string // the newest
	receives int
}

// Attribute is a message attribute as it travels.
type Attribute struct {
	DataType    string
	StringValue *string `json:",omitempty"`
	BinaryValue []byte  `json:",omitempty"`
}

// Fate is what becomes of a call.
type Fate int

// The fates of a call.
const (
	Done   Fate = iota
	Lost        // it has no effect, and no answer
	Unsaid      // it has its effect, and no answer
	Partly      // the first entry of a batch fails inside an answer of 200
)

// Call is a call about to be served.
type Call struct {
	N      int    // counted from 1
	Action string // such as SendMessageBatch
	Queue  string // its name
	Bytes  int    // of the messages that it sends, as SQS counts
}

// Server is an SQS with the queues event-queue and event-dlq.
type Server struct {
	// Fate, where it is not nil, is asked before each call. It must not call the server.
	Fate func(Call) Fate

	// After, where it is not nil, is called after each call that had its effect, for one call at a time.
	After func(Call)

	// What some clouds cannot do. Nothing of it is to change while calls are served.
	NoGroups     bool // MessageGroupId is refused, as by LocalStack 3.1
	AllOrNothing bool // an entry that is refused takes the whole call along, where it otherwise fails inside an answer of 200
	MaxMessage   int  // bytes of a message, stated as MaximumMessageSize; 0 is any, and nothing is stated
	MaxCall      int  // bytes of a batch call, beyond which all of it is refused; 0 is any. LocalStack 3.1 states more

	after  sync.Mutex
	web    *httptest.Server
	mu     sync.Mutex
	skew   time.Duration
	calls  int
	ids    int
	queues map[string][]*Message
}

// New starts a server. Close ends it.
func New() *Server {
	s := &Server{queues: map[string][]*Message{"event-queue": nil, "event-dlq": nil}}
	s.web = httptest.NewServer(s)
	return s
}

// Close ends the server.
func (s *Server) Close() {
	s.web.CloseClientConnections()
	s.web.Close()
}

// URL of a queue.
func (s *Server) URL(queue string) string { return s.web.URL + "/000000000000/" + queue }

// Config makes clients that speak to the server and try nothing twice.
func (s *Server) Config() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: &s.web.URL,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// Put puts a message on a queue and returns its id, a new one unless it has one. What SQS says of it is added to what
// System says.
func (s *Server) Put(queue string, m Message) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(queue, m)
}

// Advance moves the clock.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew += d
}

// Messages are all messages of a queue, hidden ones included.
func (s *Server) Messages(queue string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Message, len(s.queues[queue]))
	for i, m := range s.queues[queue] {
		all[i] = *m
	}
	return all
}

// Visible is how many messages of a queue could be received now.
func (s *Server) Visible(queue string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	visible, _ := s.count(queue)
	return visible
}

// Move takes all messages of a queue to another one, as they are.
func (s *Server) Move(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues[to] = append(s.queues[to], s.queues[from]...)
	s.queues[from] = nil
}

// TakeAll hands all messages of a queue out to somebody else, hidden ones included, as if their time had been up. Where
// hold is 0 they are let go of at once.
func (s *Server) TakeAll(queue string, hold time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.queues[queue] {
		s.handOut(m, hold)
	}
}

func (s *Server) handOut(m *Message, hold time.Duration) {
	s.ids++
	m.visible, m.receipt = s.now().Add(hold), fmt.Sprint("receipt-", s.ids)
	m.receives++
}

func (s *Server) now() time.Time { return time.Now().Add(s.skew) }

func (s *Server) put(queue string, m Message) string {
	if m.ID == "" {
		s.ids++
		m.ID = fmt.Sprintf("%08d-0000-4000-8000-000000000000", s.ids)
	}
	system := map[string]string{"SenderId": "AROATEST:someone", "SentTimestamp": strconv.FormatInt(s.now().UnixMilli(), 10)}
	maps.Copy(system, m.System)
	m.System = system
	s.queues[queue] = append(s.queues[queue], &m)
	return m.ID
}

func (s *Server) count(queue string) (visible, hidden int) {
	for _, m := range s.queues[queue] {
		if m.visible.After(s.now()) {
			hidden++
		} else {
			visible++
		}
	}
	return visible, hidden
}

// request is the union of the calls' parameters.
type request struct {
	QueueURL          string `json:"QueueUrl"`
	MaxNumber         int    `json:"MaxNumberOfMessages"`
	VisibilityTimeout int
	Entries           []entry
	entry             // of a call that is not a batch
}

type entry struct {
	ID                string `json:"Id"`
	MessageBody       string
	MessageGroupID    string `json:"MessageGroupId"`
	MessageAttributes map[string]Attribute
	SystemAttributes  map[string]Attribute `json:"MessageSystemAttributes"`
	ReceiptHandle     string
	VisibilityTimeout int
}

// bytes is what SQS counts of a message.
func (e *entry) bytes() int {
	n := len(e.MessageBody)
	for name, value := range e.MessageAttributes {
		n += len(name) + len(value.DataType) + len(aws.ToString(value.StringValue)) + len(value.BinaryValue)
	}
	return n
}

// refusal is an answer that a call or an entry has no effect. Without a code it is none.
type refusal struct {
	Code    string `json:"__type"`
	Message string `json:"message"`
}

// ServeHTTP serves a call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in request
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if action == "SendMessage" {
		in.Entries = []entry{in.entry}
	}
	call := Call{Action: action, Queue: in.QueueURL[strings.LastIndex(in.QueueURL, "/")+1:]}
	for i := range in.Entries {
		call.Bytes += in.Entries[i].bytes()
	}
	fate, out := s.serve(&call, &in)
	if s.After != nil && fate != Lost {
		s.after.Lock()
		s.After(call)
		s.after.Unlock()
	}
	if fate == Lost || fate == Unsaid {
		panic(http.ErrAbortHandler) // the connection breaks
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	s.mu.Lock()
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	s.mu.Unlock()
	if _, refused := out.(refusal); refused {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (s *Server) serve(call *Call, in *request) (fate Fate, out any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	call.N = s.calls
	if s.Fate != nil {
		fate = s.Fate(*call)
	}
	if fate == Lost {
		return fate, nil
	}
	switch call.Action {
	case "ReceiveMessage":
		return fate, s.receive(call.Queue, in)
	case "GetQueueAttributes":
		visible, hidden := s.count(call.Queue)
		attributes := map[string]string{
			"ApproximateNumberOfMessages": strconv.Itoa(visible), "ApproximateNumberOfMessagesNotVisible": strconv.Itoa(hidden),
			"ApproximateNumberOfMessagesDelayed": "0", "QueueArn": "arn:aws:sqs:us-east-1:000000000000:" + call.Queue,
		}
		if s.MaxMessage > 0 {
			attributes["MaximumMessageSize"] = strconv.Itoa(s.MaxMessage)
		}
		return fate, map[string]any{"Attributes": attributes}
	default:
		if refused := s.refuse(call, in.Entries); refused.Code != "" {
			return fate, refused
		}
		if call.Action == "SendMessage" {
			_, answer := s.one(call, &in.Entries[0])
			return fate, answer
		}
		return fate, s.batch(call, in.Entries, fate == Partly)
	}
}

// refuse says why a call is refused as a whole.
func (s *Server) refuse(call *Call, entries []entry) (refused refusal) {
	if call.Action == "SendMessageBatch" && s.MaxCall > 0 && call.Bytes > s.MaxCall {
		return refusal{"com.amazonaws.sqs#BatchRequestTooLong", fmt.Sprintf("Batch requests cannot be longer than %d bytes. You have sent %d bytes.", s.MaxCall, call.Bytes)}
	}
	if call.Action == "SendMessage" || s.AllOrNothing {
		for i := range entries {
			if refused = s.refuseMessage(&entries[i]); refused.Code != "" {
				refused.Code = "com.amazonaws.sqs#" + refused.Code
				break
			}
		}
	}
	return refused
}

// refuseMessage says why a message is refused. The words are LocalStack's and AWS's.
func (s *Server) refuseMessage(e *entry) refusal {
	switch {
	case s.MaxMessage > 0 && e.bytes() > s.MaxMessage:
		return refusal{"InvalidParameterValueException", fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", s.MaxMessage)}
	case s.NoGroups && e.MessageGroupID != "":
		return refusal{"InvalidParameterValueException", fmt.Sprintf("Value %s for parameter MessageGroupId is invalid. "+
			"Reason: The request includes a parameter that is not valid for this queue type.", e.MessageGroupID)}
	default:
		return refusal{}
	}
}

func (s *Server) receive(queue string, in *request) any {
	messages := []any{}
	for _, at := range rand.Perm(len(s.queues[queue])) {
		m := s.queues[queue][at]
		if len(messages) == in.MaxNumber || m.visible.After(s.now()) {
			continue
		}
		s.handOut(m, time.Duration(in.VisibilityTimeout)*time.Second)
		system := maps.Clone(m.System)
		system["ApproximateReceiveCount"] = strconv.Itoa(m.receives)
		messages = append(messages, map[string]any{
			"MessageId": m.ID, "Body": m.Body, "MD5OfBody": sum(m.Body), "ReceiptHandle": m.receipt,
			"MessageAttributes": m.Attributes, "MD5OfMessageAttributes": sumOfAttributes(m.Attributes), "Attributes": system,
		})
	}
	return map[string]any{"Messages": messages}
}

func sum(body string) string {
	sum := md5.Sum([]byte(body)) //nolint:gosec // as SQS does
	return hex.EncodeToString(sum[:])
}

func sumOfAttributes(attributes map[string]Attribute) string {
	var b strings.Builder
	add := func(s string) { _ = binary.Write(&b, binary.BigEndian, uint32(len(s))); b.WriteString(s) } //nolint:gosec // short
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		add(name)
		add(a.DataType)
		if strings.HasPrefix(a.DataType, "Binary") {
			b.WriteByte(2)
			add(string(a.BinaryValue))
		} else {
			b.WriteByte(1)
			add(aws.ToString(a.StringValue))
		}
	}
	return sum(b.String())
}

func (s *Server) batch(call *Call, entries []entry, firstFails bool) any {
	successful, failed := []any{}, []any{}
	for i, e := range entries {
		refused, answer := refusal{"InternalError", "no"}, map[string]any(nil)
		if i > 0 || !firstFails {
			refused, answer = s.one(call, &e)
		}
		if refused.Code != "" {
			failed = append(failed, map[string]any{"Id": e.ID, "Code": refused.Code, "Message": refused.Message, "SenderFault": refused.Code != "InternalError"})
			continue
		}
		successful = append(successful, answer)
	}
	return map[string]any{"Successful": successful, "Failed": failed}
}

// one serves an entry, or says why it fails.
func (s *Server) one(call *Call, e *entry) (refused refusal, answer map[string]any) {
	answer = map[string]any{"Id": e.ID}
	if strings.HasPrefix(call.Action, "SendMessage") {
		if refused = s.refuseMessage(e); refused.Code != "" {
			return refused, nil
		}
		system := map[string]string{}
		if e.MessageGroupID != "" {
			system["MessageGroupId"] = e.MessageGroupID
		}
		for name, value := range e.SystemAttributes {
			system[name] = aws.ToString(value.StringValue)
		}
		answer["MessageId"] = s.put(call.Queue, Message{Body: e.MessageBody, Attributes: e.MessageAttributes, System: system})
		answer["MD5OfMessageBody"] = sum(e.MessageBody)
		return refusal{}, answer
	}
	at := slices.IndexFunc(s.queues[call.Queue], func(m *Message) bool { return m.receipt == e.ReceiptHandle })
	switch {
	case call.Action == "DeleteMessageBatch":
		if at >= 0 { // an old receipt handle deletes nothing, and is no error
			s.queues[call.Queue] = slices.Delete(s.queues[call.Queue], at, at+1)
		}
	case call.Action != "ChangeMessageVisibilityBatch":
		return refusal{"InvalidAction", "no"}, nil
	case at < 0:
		return refusal{"ReceiptHandleIsInvalid", "no"}, nil
	case !s.queues[call.Queue][at].visible.After(s.now()):
		return refusal{"MessageNotInflight", "no"}, nil
	default:
		s.queues[call.Queue][at].visible = s.now().Add(time.Duration(e.VisibilityTimeout) * time.Second)
	}
	return refusal{}, answer
}
