package queue

import (
	"context"
	"crypto/md5" //nolint:gosec // SQS says it of each message; it guards against accidents, not against people
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/cenkalti/backoff/v5"

	"event-processor/internal/event"
)

// Received is a message as the queue hands it out, with all that SQS says of it.
type Received struct {
	ID            string
	ReceiptHandle string
	Body          string
	Damaged       bool                 // Body is not, byte for byte, what the queue has: it must not replace it
	Attributes    map[string]Attribute // what the sender said beside the body
	System        map[string]string    // what SQS says: SenderId, SentTimestamp, ApproximateReceiveCount and so on

	DamagedAttributes bool // Attributes are not what the queue has
}

// Whole reports whether the message can be sent on as the queue has it.
func (r *Received) Whole() bool {
	return !r.Damaged && !r.DamagedAttributes && utf8.ValidString(r.Body)
}

// Attribute is a message attribute.
type Attribute struct {
	Type   string // String, Number or Binary, each perhaps with a dot and a label
	Text   string // of a String or a Number
	Binary []byte // of a Binary
}

func (a *Attribute) isBinary() bool { return strings.HasPrefix(a.Type, "Binary") }

// Record is the message as Lambda's poller would hand it to a function.
func (r *Received) Record() event.Record {
	return event.Record{
		MessageID:     r.ID,
		ReceiptHandle: r.ReceiptHandle,
		Body:          r.Body,
		SentAt:        parseMillis(r.System[string(types.MessageSystemAttributeNameSentTimestamp)]),
		ReceiveCount:  parseCount(r.System[string(types.MessageSystemAttributeNameApproximateReceiveCount)]),
		SenderID:      r.System[string(types.MessageSystemAttributeNameSenderId)],
		CorrelationID: r.Attributes["CorrelationId"].Text,
		TraceHeader:   r.System[string(types.MessageSystemAttributeNameAWSTraceHeader)],
	}
}

// Message is the message as it is sent on, with everything that a sender can say: body, attributes of all types,
// group and trace. SQS gives it a new id, and the sender and time of the new send.
func (r *Received) Message() Message {
	return Message{
		Body: r.Body, GroupID: r.System[string(types.MessageSystemAttributeNameMessageGroupId)],
		Typed: r.Attributes, TraceHeader: r.System[string(types.MessageSystemAttributeNameAWSTraceHeader)],
	}
}

// Receive takes up to ten messages, which others do not see for as long as hold (seconds, up to 12 h). It waits up
// to a second for the first one, and so asks all of SQS's servers: only then does nothing mean that nothing is there.
func (q *Queue) Receive(ctx context.Context, hold time.Duration) ([]Received, error) {
	out, err := q.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: MaxEntries, VisibilityTimeout: int32(hold.Seconds()), WaitTimeSeconds: 1,
		MessageAttributeNames:       []string{"All"},
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
	}, func(o *sqs.Options) {
		// One body that is not Unicode would make the other nine unreadable. Damaged says it instead.
		o.DisableMessageChecksumValidation = true
	})
	if err != nil {
		return nil, fmt.Errorf("receive messages: %w", err)
	}
	messages := make([]Received, len(out.Messages))
	for i := range out.Messages {
		messages[i] = received(&out.Messages[i])
	}
	return messages, nil
}

func received(m *types.Message) Received {
	r := Received{
		ID: aws.ToString(m.MessageId), ReceiptHandle: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body),
		Attributes: make(map[string]Attribute, len(m.MessageAttributes)), System: m.Attributes,
	}
	for name, value := range m.MessageAttributes {
		r.Attributes[name] = Attribute{Type: aws.ToString(value.DataType), Text: aws.ToString(value.StringValue), Binary: value.BinaryValue}
	}
	r.Damaged = m.MD5OfBody != nil && *m.MD5OfBody != sumOf([]byte(r.Body))
	// Not every cloud sums attributes as AWS does, so that is asked only where something was perhaps replaced.
	r.DamagedAttributes = m.MD5OfMessageAttributes != nil && r.mayBeReplaced() && *m.MD5OfMessageAttributes != sumOf(r.attributeBytes())
	return r
}

func sumOf(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// mayBeReplaced reports whether an attribute has the character that stands for what is not Unicode.
func (r *Received) mayBeReplaced() bool {
	for name, a := range r.Attributes {
		if strings.ContainsRune(name+a.Type+a.Text, utf8.RuneError) {
			return true
		}
	}
	return false
}

// attributeBytes are the attributes as SQS sums them: by name; name, type and value each after its length, and before
// the value 1 of a text and 2 of bytes.
func (r *Received) attributeBytes() (all []byte) {
	add := func(s string) { all = append(binary.BigEndian.AppendUint32(all, uint32(len(s))), s...) } //nolint:gosec // at most 1 MiB
	for _, name := range slices.Sorted(maps.Keys(r.Attributes)) {
		a := r.Attributes[name]
		add(name)
		add(a.Type)
		if a.isBinary() {
			all = append(all, 2)
			add(string(a.Binary))
		} else {
			all = append(all, 1)
			add(a.Text)
		}
	}
	return all
}

// Clock is the time by SQS's own clock, cut to the second; by this machine's where SQS does not say.
func (q *Queue) Clock(ctx context.Context) (time.Time, error) {
	out, err := q.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("look at the queue: %w", err)
	}
	if at, ok := awsmiddleware.GetServerTime(out.ResultMetadata); ok {
		return at, nil
	}
	return time.Now().Truncate(time.Second), nil
}

// Delete deletes received messages by their receipt handles, in calls of ten side by side. errs[i] says why
// message i is still there; nil is deleted.
func (q *Queue) Delete(ctx context.Context, handles []string) (errs []error) {
	errs = make([]error, len(handles))
	var group sync.WaitGroup
	slots := make(chan struct{}, q.inFlight)
	for from := 0; from < len(handles); from += MaxEntries {
		to := min(from+MaxEntries, len(handles))
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			q.deletePart(ctx, handles[from:to], errs[from:to])
		})
	}
	group.Wait()
	return errs
}

// deletePart deletes up to ten messages, and the failed ones of them again. To delete one twice is no error.
func (q *Queue) deletePart(ctx context.Context, handles []string, errs []error) {
	pending := make([]int, len(handles))
	for i := range pending {
		pending[i], errs[i] = i, errNotDeleted
	}
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval = 100 * time.Millisecond
	_, _ = backoff.Retry(ctx, func() (struct{}, error) { // errs has what it says
		var err error
		pending, err = q.deleteOnce(ctx, handles, pending, errs)
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(maxTries))
}

var errNotDeleted = errors.New("delete message: SQS did not say what came of it")

// deleteOnce deletes the pending messages in one call and returns those that are to be tried again.
func (q *Queue) deleteOnce(ctx context.Context, handles []string, pending []int, errs []error) (again []int, err error) {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(pending))
	for n, i := range pending {
		entries[n] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &handles[i]}
	}
	out, err := q.api.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		err = fmt.Errorf("delete messages: %w", err)
		for _, i := range pending {
			errs[i] = err
		}
		return pending, backoff.Permanent(err)
	}
	again = slices.Clone(pending)
	settle := func(id *string, err error, forGood bool) {
		i, atoi := strconv.Atoi(aws.ToString(id))
		at := slices.Index(again, i)
		if atoi != nil || at < 0 {
			return
		}
		errs[i] = err
		if err == nil || forGood {
			again = slices.Delete(again, at, at+1)
		}
	}
	for _, entry := range out.Successful {
		settle(entry.Id, nil, true)
	}
	for _, entry := range out.Failed {
		settle(entry.Id, fmt.Errorf("delete message: %s: %s", aws.ToString(entry.Code), aws.ToString(entry.Message)), entry.SenderFault)
	}
	if len(again) > 0 {
		return again, errs[again[0]]
	}
	return nil, nil
}
