package queue

import (
	"context"
	"fmt"
	"time"
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
		messages, err := q.Receive(ctx, hold)
		if err != nil {
			return fmt.Errorf("look at the messages of a queue: %w", err)
		}
		before := len(seen)
		for i := range messages {
			m := &messages[i]
			taken = append(taken, Visibility{ReceiptHandle: m.ReceiptHandle})
			if !seen[m.ID] {
				seen[m.ID] = true
				show(lying(m))
			}
		}
		if len(seen) == before { // nothing, or only what is visible again already
			return nil
		}
	}
}

func lying(m *Received) Lying {
	attributes := make(map[string]string, len(m.Attributes))
	for name, value := range m.Attributes {
		if !value.isBinary() {
			attributes[name] = value.Text
		}
	}
	return Lying{ID: m.ID, Body: m.Body, Attributes: attributes, SentAt: m.Record().SentAt}
}
