package queue

import (
	"context"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Depth counts the messages that wait (those with a delay included) and those in flight: handed out, and neither
// deleted nor visible again. Both are approximate, as SQS says; they settle about a minute after the last send.
func (q *Queue) Depth(ctx context.Context) (waiting, inFlight int, err error) {
	const (
		visible    = types.QueueAttributeNameApproximateNumberOfMessages
		delayed    = types.QueueAttributeNameApproximateNumberOfMessagesDelayed
		notVisible = types.QueueAttributeNameApproximateNumberOfMessagesNotVisible
	)
	out, err := q.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl:       aws.String(q.url),
		AttributeNames: []types.QueueAttributeName{visible, delayed, notVisible},
	})
	if err != nil {
		return 0, 0, err
	}
	counts := map[types.QueueAttributeName]int{}
	for _, name := range []types.QueueAttributeName{visible, delayed, notVisible} {
		text := out.Attributes[string(name)]
		if counts[name], err = strconv.Atoi(text); err != nil {
			return 0, 0, fmt.Errorf("read %s of the queue: %w", name, err)
		}
	}
	return counts[visible] + counts[delayed], counts[notVisible], nil
}
