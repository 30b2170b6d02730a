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

const (
	// maxCallBytes is how much one call carries unless a single message is larger: bodies and attributes. AWS takes
	// 1 MiB; older local clouds still have its former limit of 256 KiB, and ten usual events need 10 KiB.
	maxCallBytes = 256 << 10

	// maxTries is how often an entry is sent that a successful call reports as failed. A call that fails as a whole
	// was tried three times by the SDK already.
	maxTries = 5
)

// SendAll sends messages in calls of up to ten, side by side. errs[i] says why message i was not sent; nil is sent.
// A message whose answer got lost on the way is sent again and may so arrive twice, as any message of SQS may.
func (q *Queue) SendAll(ctx context.Context, messages []Message) (errs []error) {
	errs = make([]error, len(messages))
	var group sync.WaitGroup
	slots := make(chan struct{}, q.inFlight)
	for _, part := range split(messages) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			q.sendPart(ctx, messages[part.from:part.to], errs[part.from:part.to])
		})
	}
	group.Wait()
	return errs
}

// span is a part of a slice.
type span struct{ from, to int }

// split cuts messages into what one call carries.
func split(messages []Message) []span {
	var parts []span
	from, bytes := 0, 0
	for i, m := range messages {
		size := m.size()
		if i > from && (i-from == MaxEntries || bytes+size > maxCallBytes) {
			parts = append(parts, span{from, i})
			from, bytes = i, 0
		}
		bytes += size
	}
	if from < len(messages) {
		parts = append(parts, span{from, len(messages)})
	}
	return parts
}

// size is what SQS counts: the body, and names, types and values of the attributes.
func (m *Message) size() int {
	size := len(m.Body)
	for name, value := range m.Attributes {
		size += len(name) + len("String") + len(value)
	}
	for name, value := range m.Typed {
		size += len(name) + len(value.Type) + len(value.Text) + len(value.Binary)
	}
	return size
}

// sendPart sends up to ten messages, and the failed ones of them again.
func (q *Queue) sendPart(ctx context.Context, messages []Message, errs []error) {
	pending := make([]int, len(messages))
	for i := range pending {
		pending[i], errs[i] = i, errNoAnswer // nil would say that it was sent
	}
	defer func() {
		if r := recover(); r != nil {
			for _, i := range pending {
				errs[i] = fmt.Errorf("send messages: %w", event.Panicked(r))
			}
		}
	}()
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 100 * time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		var err error
		pending, err = q.sendOnce(ctx, messages, pending, errs)
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(maxTries))
	if err == nil || len(pending) != len(messages) || len(messages) == 1 || !refusesContents(err) {
		return
	}
	for i := range messages { // SQS refuses ten for the sake of one: let the others through
		pending = []int{i}
		_, _ = q.sendOnce(ctx, messages, pending, errs)
	}
}

// sendOnce sends the pending messages in one call and notes in errs what came of them. It returns those that are
// still to be sent; the error is permanent where sending them again is of no use.
func (q *Queue) sendOnce(ctx context.Context, messages []Message, pending []int, errs []error) ([]int, error) {
	entries := make([]types.SendMessageBatchRequestEntry, len(pending))
	for n, i := range pending {
		entries[n] = messages[i].entry(strconv.Itoa(i))
	}
	out, err := q.api.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		err = fmt.Errorf("send messages: %w", err)
		for _, i := range pending {
			errs[i] = err
		}
		return pending, backoff.Permanent(err)
	}
	again := failedEntries(out, pending, errs)
	if len(again) > 0 {
		return again, errs[again[0]]
	}
	return nil, nil
}

var errNoAnswer = errors.New("send message: SQS did not say what came of it")

// failedEntries reads what came of each entry of a call and returns those that are to be sent again.
func failedEntries(out *sqs.SendMessageBatchOutput, pending []int, errs []error) (again []int) {
	for _, i := range pending {
		errs[i] = errNoAnswer
	}
	again = slices.Clone(pending)
	settle := func(id *string, err error) {
		i, atoi := strconv.Atoi(aws.ToString(id))
		at := slices.Index(again, i)
		if atoi != nil || at < 0 {
			return
		}
		errs[i] = err
		var refused *refusal
		if err == nil || errors.As(err, &refused) && refused.forGood {
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

// refusal is what SQS says of an entry that it did not take.
type refusal struct {
	code, message string
	forGood       bool // the fault is the sender's
}

func (r *refusal) Error() string { return "send message: " + r.code + ": " + r.message }

// refusesContents reports whether SQS did not take a call because of what one of its entries says.
func refusesContents(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	for _, code := range []string{"InvalidMessageContents", "InvalidParameterValue", "BatchRequestTooLong"} {
		if strings.HasSuffix(api.ErrorCode(), code) { // some answer with a prefix
			return true
		}
	}
	return false
}

func (m *Message) entry(id string) types.SendMessageBatchRequestEntry {
	entry := types.SendMessageBatchRequestEntry{Id: &id, MessageBody: &m.Body, MessageAttributes: m.attributes()}
	if isGroupID(m.GroupID) {
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
