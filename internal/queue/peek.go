package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Lying is a message as it lies in a queue.
type Lying struct {
	ID, Body   string
	Attributes map[string]string // the message attributes that are strings
	SentAt     time.Time         // when it was first sent; its dead letter keeps that
}

// Peek shows every message of the queue once and leaves them all where they are: each stays invisible to others
// for at most hold, which must suffice to read the whole queue, and is visible again when Peek returns. Every look
// counts as a receive, so only a queue without a redrive policy, such as a dead-letter queue, should be looked at.
func (q *Queue) Peek(ctx context.Context, hold time.Duration, show func(Lying)) (err error) {
	var taken []Visibility
	defer func() {
		// Also where ctx has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hold)
		defer cancel()
		if back := q.SetVisibility(ctx, taken); err == nil {
			err = back
		}
	}()
	seen := map[string]bool{}
	for {
		out, err := q.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: &q.url, MaxNumberOfMessages: MaxEntries, VisibilityTimeout: int32(hold.Seconds()),
			WaitTimeSeconds:             1, // a long poll asks all of SQS's servers: nothing is then the end
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
		})
		if err != nil {
			return fmt.Errorf("look at the messages of a queue: %w", err)
		}
		before := len(seen)
		for _, m := range out.Messages {
			taken = append(taken, Visibility{ReceiptHandle: aws.ToString(m.ReceiptHandle)})
			if id := aws.ToString(m.MessageId); !seen[id] {
				seen[id] = true
				show(lying(m))
			}
		}
		if len(seen) == before { // nothing, or only what is visible again already
			return nil
		}
	}
}

func lying(m types.Message) Lying {
	attributes := make(map[string]string, len(m.MessageAttributes))
	for name, value := range m.MessageAttributes {
		if value.StringValue != nil {
			attributes[name] = *value.StringValue
		}
	}
	return Lying{
		ID: aws.ToString(m.MessageId), Body: aws.ToString(m.Body), Attributes: attributes,
		SentAt: parseMillis(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)]),
	}
}
