package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	"github.com/cenkalti/backoff/v5"

	"event-processor/internal/event"
)

// Message is what is put on a queue.
type Message struct {
	Body string

	// GroupID is the tenant for whose sake a standard queue is fair. "" is none; so is what SQS does not take.
	GroupID string

	// Attributes are strings. Those with a value that SQS does not take (an empty one, a control character) stay
	// behind, since they would take the message with them.
	Attributes map[string]string

	// Typed are the attributes of a received message that is sent on. They go along exactly as they are.
	Typed map[string]Attribute

	// TraceHeader is the system attribute AWSTraceHeader. "" is none.
	TraceHeader string
}

// maxTries is how often an entry is sent that a successful call reports as failed. A call that fails as a whole was
// tried three times by the SDK already.
const maxTries = 5

// SendOne sends a single message without attributes. groupID may be "".
func (q *Queue) SendOne(ctx context.Context, body, groupID string) error {
	return q.SendAll(ctx, []Message{{Body: body, GroupID: groupID}})[0]
}

// SendAll sends messages in calls of up to ten, side by side. errs[i] says why message i was not sent; nil is sent,
// and a *TooLargeError is a message that the queue never takes. A queue that refuses groups gets the messages
// without. A message whose answer got lost on the way is sent again and may so arrive twice, as any message of SQS
// may.
func (q *Queue) SendAll(ctx context.Context, messages []Message) (errs []error) {
	s := &sending{queue: q, messages: messages, sizes: make([]int, len(messages)), errs: make([]error, len(messages))}
	if len(messages) == 0 {
		return s.errs
	}
	limit := q.limitOfMessage(ctx)
	var fit []int
	for i := range messages {
		s.sizes[i] = messages[i].size()
		if limit > 0 && s.sizes[i] > limit {
			s.errs[i] = &TooLargeError{Bytes: s.sizes[i], Limit: limit}
			continue
		}
		fit = append(fit, i)
	}
	var group sync.WaitGroup
	slots := make(chan struct{}, q.inFlight)
	for _, part := range split(fit, s.sizes, q.limits.ofCall()) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			s.send(ctx, part)
		})
	}
	group.Wait()
	return s.errs
}

// split cuts messages into what one call carries. One that is larger makes a call alone.
func split(pending, sizes []int, limit int) (calls [][]int) {
	from, bytes := 0, 0
	for at, i := range pending {
		if at > from && (at-from == MaxEntries || bytes+sizes[i] > limit) {
			calls = append(calls, pending[from:at])
			from, bytes = at, 0
		}
		bytes += sizes[i]
	}
	if from < len(pending) {
		calls = append(calls, pending[from:])
	}
	return calls
}

// size is what SQS counts: the body, and names, types and values of the attributes, as they travel.
func (m *Message) size() int {
	size := travels(m.Body)
	for name, value := range m.attributes() {
		size += travels(name) + travels(aws.ToString(value.DataType)) + travels(aws.ToString(value.StringValue)) + len(value.BinaryValue)
	}
	return size
}

// travels is how many bytes a string has on the way, where each byte that is not Unicode is replaced by U+FFFD.
func travels(s string) int {
	if utf8.ValidString(s) {
		return len(s)
	}
	return len(string([]rune(s)))
}

// sending is a SendAll under way. Messages are meant by their index.
type sending struct {
	queue    *Queue
	messages []Message
	sizes    []int // bytes
	errs     []error
}

// send sends up to ten messages, and the failed ones of them again. What the queue does not take in one call goes in
// several.
func (s *sending) send(ctx context.Context, pending []int) {
	bytes, limit := 0, s.queue.limits.ofCall()
	for _, i := range pending {
		bytes += s.sizes[i]
	}
	if bytes > limit && len(pending) > 1 { // the limit was lowered meanwhile
		s.sendEach(ctx, split(pending, s.sizes, limit))
		return
	}
	for _, i := range pending {
		s.errs[i] = errNoAnswer // nil would say that it was sent
	}
	defer func() {
		if r := recover(); r != nil {
			for _, i := range pending {
				s.errs[i] = fmt.Errorf("send messages: %w", event.Panicked(r))
			}
		}
	}()
	call := s.batch
	if bytes > limit {
		call = s.single
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 100 * time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		var err error
		pending, err = s.sendOnce(ctx, call, pending)
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(maxTries))
	switch {
	case bytes <= limit && isTooLong(err):
		s.queue.limits.lower(bytes, err)
		s.send(ctx, pending)
	case len(pending) > 1 && refusesContents(err): // SQS refuses ten for the sake of one: let the others through
		s.sendEach(ctx, slices.Collect(slices.Chunk(pending, 1)))
	}
}

func (s *sending) sendEach(ctx context.Context, calls [][]int) {
	for _, pending := range calls {
		s.send(ctx, pending)
	}
}

// call sends messages, with their groups or without. It notes in errs what came of them and returns those that are
// still to be sent. The error is permanent where sending them again as they are is of no use.
type call func(ctx context.Context, pending []int, groups bool) (again []int, err error)

// sendOnce makes a call, and where the queue refuses groups at once another one without.
func (s *sending) sendOnce(ctx context.Context, send call, pending []int) (again []int, err error) {
	groups := s.queue.limits.groups()
	again, err = send(ctx, pending, groups)
	if groups && slices.ContainsFunc(again, s.refusesGroup) {
		s.queue.limits.dropGroups(ctx)
		return send(ctx, again, false)
	}
	return again, err
}

func (s *sending) refusesGroup(i int) bool {
	return isGroupID(s.messages[i].GroupID) && refusesGroup(s.errs[i])
}

// batch is the usual call.
func (s *sending) batch(ctx context.Context, pending []int, groups bool) (again []int, err error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(pending))
	for n, i := range pending {
		entries[n] = s.messages[i].entry(strconv.Itoa(i), groups)
	}
	out, err := s.queue.api.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &s.queue.url, Entries: entries})
	if err != nil {
		return pending, s.refused(pending, err)
	}
	again = s.readEntries(out, pending, groups)
	if len(again) > 0 {
		return again, s.errs[again[0]]
	}
	return nil, nil
}

// single is for a message that is larger than a batch may be. LocalStack 3.1 has such: it holds messages to what
// the queue states, and batches to 256 KiB.
func (s *sending) single(ctx context.Context, pending []int, groups bool) (again []int, err error) {
	i := pending[0]
	entry := s.messages[i].entry("", groups)
	_, err = s.queue.api.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl: &s.queue.url, MessageBody: entry.MessageBody, MessageAttributes: entry.MessageAttributes,
		MessageGroupId: entry.MessageGroupId, MessageSystemAttributes: entry.MessageSystemAttributes,
	})
	if err != nil {
		return pending, s.refused(pending, err)
	}
	s.errs[i] = nil
	return nil, nil
}

// refused notes that a call was refused as a whole.
func (s *sending) refused(pending []int, err error) error {
	err = fmt.Errorf("send messages: %w", err)
	for _, i := range pending {
		s.errs[i] = err
	}
	if len(pending) == 1 {
		if large := tooLarge(s.sizes[pending[0]], err); large != nil {
			s.errs[pending[0]] = large
		}
	}
	return backoff.Permanent(err)
}

var errNoAnswer = errors.New("send message: SQS did not say what came of it")

// readEntries reads what came of each entry of a call and returns those that are to be sent again.
func (s *sending) readEntries(out *sqs.SendMessageBatchOutput, pending []int, groups bool) (again []int) {
	for _, i := range pending {
		s.errs[i] = errNoAnswer
	}
	again = slices.Clone(pending)
	settle := func(id *string, refused *refusal) {
		i, atoi := strconv.Atoi(aws.ToString(id))
		at := slices.Index(again, i)
		if atoi != nil || at < 0 {
			return
		}
		if s.note(i, refused, groups) {
			again = slices.Delete(again, at, at+1)
		}
	}
	for _, entry := range out.Successful {
		settle(entry.Id, nil)
	}
	for _, entry := range out.Failed {
		settle(entry.Id, &refusal{aws.ToString(entry.Code), aws.ToString(entry.Message), entry.SenderFault})
	}
	return again
}

// note notes an answer about message i, nil where it was taken, and reports whether that is the last word.
func (s *sending) note(i int, refused *refusal, groups bool) (last bool) {
	if refused == nil {
		s.errs[i] = nil
		return true
	}
	if large := tooLarge(s.sizes[i], refused); large != nil {
		s.errs[i] = large
		return true
	}
	s.errs[i] = refused
	return refused.forGood && (!groups || !s.refusesGroup(i))
}

// refusal is what SQS says of an entry that it did not take.
type refusal struct {
	code, message string
	forGood       bool // the fault is the sender's
}

func (r *refusal) Error() string { return "send message: " + r.code + ": " + r.message }

// refusesContents reports whether SQS did not take a call because of what one of its entries says.
func refusesContents(err error) bool {
	var call smithy.APIError
	return errors.As(err, &call) && (isCode(call.ErrorCode(), "InvalidMessageContents") || isCode(call.ErrorCode(), "InvalidParameterValue"))
}

func (m *Message) entry(id string, groups bool) types.SendMessageBatchRequestEntry {
	entry := types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &m.Body, MessageAttributes: m.attributes()}
	if groups && isGroupID(m.GroupID) {
		entry.MessageGroupId = &m.GroupID
	}
	if m.TraceHeader != "" {
		entry.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{
			string(types.MessageSystemAttributeNameForSendsAWSTraceHeader): {DataType: aws.String("String"), StringValue: &m.TraceHeader},
		}
	}
	return entry
}

// attributes is nil where there are none.
func (m *Message) attributes() map[string]types.MessageAttributeValue {
	all := make(map[string]types.MessageAttributeValue, len(m.Attributes)+len(m.Typed))
	for name, value := range m.Attributes {
		if isText(value) {
			all[name] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &value}
		}
	}
	for name, value := range m.Typed {
		to := types.MessageAttributeValue{DataType: &value.Type}
		if value.isBinary() {
			to.BinaryValue = value.Binary
		} else {
			to.StringValue = &value.Text
		}
		all[name] = to
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// isText reports whether SQS takes a string: not empty, and of the characters that XML 1.0 knows.
func isText(s string) bool {
	unknown := func(r rune) bool {
		return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
	}
	return s != "" && utf8.ValidString(s) && !strings.ContainsFunc(s, unknown)
}

// isGroupID reports whether SQS takes a string as a group id: 1–128 letters, digits and marks of ASCII.
func isGroupID(s string) bool {
	return s != "" && len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
