package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"event-processor/internal/event"
)

// Visibility says when a received message may be seen again.
type Visibility struct {
	ReceiptHandle string
	After         time.Duration // 0–12 h, rounded up to seconds
}

// SetVisibility makes received messages visible again, in calls of ten side by side. The error joins what
// failed; for those messages the queue's own timeout serves. That a message is visible already, or gone, is no
// failure.
func (q *Queue) SetVisibility(ctx context.Context, changes []Visibility) error {
	var (
		group sync.WaitGroup
		slots = make(chan struct{}, q.inFlight)
		mu    sync.Mutex
		errs  []error
	)
	for part := range slices.Chunk(changes, MaxEntries) {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := q.setVisibility(ctx, part); err != nil {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (q *Queue) setVisibility(ctx context.Context, changes []Visibility) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("make messages visible: %w", event.Panicked(r))
		}
	}()
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(changes))
	for i, c := range changes {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id:                aws.String(strconv.Itoa(i)),
			ReceiptHandle:     aws.String(c.ReceiptHandle),
			VisibilityTimeout: int32(math.Ceil(c.After.Seconds())),
		}
	}
	out, err := q.api.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		return fmt.Errorf("make %d messages visible: %w", len(changes), err)
	}
	failed := slices.DeleteFunc(out.Failed, func(e types.BatchResultErrorEntry) bool {
		return strings.HasSuffix(aws.ToString(e.Code), "MessageNotInflight") // some answer with a prefix
	})
	if n := len(failed); n > 0 {
		return fmt.Errorf("make messages visible: %d of %d failed, the first with %s", n, len(changes), aws.ToString(failed[0].Code))
	}
	return nil
}
