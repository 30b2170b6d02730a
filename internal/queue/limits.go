package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// TooLargeError says that a queue can never take a message, because of its size.
type TooLargeError struct {
	Bytes int // body and attributes, as SQS counts
	Limit int // bytes; what the queue takes at most
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the message has %d bytes and is too large for the queue, which takes %d", e.Bytes, e.Limit)
}

// smallestCall is what a call of any cloud carries, in bytes: AWS takes 1 MiB, and older local clouds still have its
// former limit.
const smallestCall = 256 << 10

// limits are what a queue was found to take. They are found out while sending, and remembered.
type limits struct {
	mu       sync.Mutex
	asked    bool
	message  int // bytes of a message at most; 0 is not known
	call     int // bytes of the messages of one call at most
	noGroups bool
}

// limitOfMessage is how many bytes a message has at most, as the queue states when it is asked for the first time; on
// AWS a call has as many. 0 is not known: then calls are as small as any cloud wants them, and the queue has the last
// word about a message.
func (q *Queue) limitOfMessage(ctx context.Context) int {
	l := &q.limits
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked {
		return l.message
	}
	l.call = smallestCall
	const patience = 5 * time.Second // the messages matter more
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const size = types.QueueAttributeNameMaximumMessageSize
	out, err := q.api.GetQueueAttributes(asking, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{size}})
	l.asked = ctx.Err() == nil // else it was the caller who gave up
	if err != nil {
		return 0
	}
	if n, err := strconv.Atoi(out.Attributes[string(size)]); err == nil && n > 0 {
		l.message, l.call = n, n
	}
	return l.message
}

// Takes says how large a message may be, in bytes (0 is not known), and whether it may have a group, as far as one was
// sent with a group before.
func (q *Queue) Takes(ctx context.Context) (maxMessageBytes int, groups bool) {
	return q.limitOfMessage(ctx), q.limits.groups()
}

// ofCall is how many bytes the messages of one batch call have at most. One that alone has more goes by another call.
func (l *limits) ofCall() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.call
}

// lower notes that a call of so many bytes was too long. The next one is shorter in any case.
func (l *limits) lower(bytes int, refused error) {
	limit, ok := limitIn(refused)
	if !ok || limit >= bytes { // it says nothing, or counts otherwise than we do
		limit = min(bytes/2, bytes-1)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.call = min(l.call, limit)
}

// groups reports whether messages go with their groups.
func (l *limits) groups() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.noGroups
}

// dropGroups notes that the queue takes no groups, and says so once.
func (l *limits) dropGroups(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.noGroups {
		slog.WarnContext(ctx, "The queue takes no MessageGroupId and so is not fair: messages go without it. FairQueue=false does not try.")
	}
	l.noGroups = true
}

// isTooLong reports whether a call was refused for what its messages have together.
func isTooLong(err error) bool {
	code, _ := said(err)
	return isCode(code, "BatchRequestTooLong")
}

// refusesGroup reports whether a refusal is about the group that a message has. (A queue of AWS that is fair never
// says so; older local clouds know groups of FIFO queues only.)
func refusesGroup(err error) bool {
	code, text := said(err)
	return isCode(code, "InvalidParameterValue") && strings.Contains(text, "MessageGroupId")
}

// tooLarge is the TooLargeError that a refusal of a single message amounts to; nil where it is about something else.
func tooLarge(bytes int, err error) *TooLargeError {
	code, _ := said(err)
	if limit, ok := limitIn(err); ok && isCode(code, "InvalidParameterValue") {
		return &TooLargeError{Bytes: bytes, Limit: limit}
	}
	return nil
}

var sizeLimit = regexp.MustCompile(`(?:longer|shorter) than (\d+) bytes`)

// limitIn is the limit in bytes that a refusal names: "cannot be longer than" of a call, "must be shorter than" of a
// message.
func limitIn(err error) (limit int, ok bool) {
	_, text := said(err)
	found := sizeLimit.FindStringSubmatch(text)
	if found == nil {
		return 0, false
	}
	limit, err = strconv.Atoi(found[1])
	return limit, err == nil
}

// said is what SQS says of a call or an entry that it did not take.
func said(err error) (code, text string) {
	var entry *refusal
	if errors.As(err, &entry) {
		return entry.code, entry.message
	}
	var call smithy.APIError
	if errors.As(err, &call) {
		return call.ErrorCode(), call.ErrorMessage()
	}
	return "", ""
}

// isCode compares codes. Some clouds answer with a prefix (AWS.SimpleQueueService.), some with a suffix.
func isCode(code, want string) bool {
	return strings.HasSuffix(strings.TrimSuffix(code, "Exception"), want)
}
