package queue

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// MaxReceives is after how many receives SQS moves a message to the dead-letter queue; 0 where it never does.
func (q *Queue) MaxReceives(ctx context.Context) (int, error) {
	const policy = types.QueueAttributeNameRedrivePolicy
	out, err := q.api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(q.url), AttributeNames: []types.QueueAttributeName{policy},
	})
	if err != nil {
		return 0, err
	}
	text := out.Attributes[string(policy)]
	if text == "" {
		return 0, nil
	}
	var read struct {
		MaxReceives json.Number `json:"maxReceiveCount"` // a text or a number, as it was set
	}
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return 0, fmt.Errorf("read the redrive policy of the queue: %w", err)
	}
	n, err := read.MaxReceives.Int64()
	if err != nil {
		return 0, fmt.Errorf("read the redrive policy of the queue: %w", err)
	}
	return int(n), nil
}
