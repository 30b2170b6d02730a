package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// Take deletes the messages with these ids. The others of the queue stay; they are hidden for as long as it takes, for
// at most hold each, and visible again when Take returns. left are those that were not to be seen: others hold them, or have
// taken them; after an error, those that were not deleted.
func (q *Queue) Take(ctx context.Context, ids []string, hold time.Duration) (left []string, err error) {
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	var others []Visibility
	seen := map[string]bool{}
	defer func() {
		left = slices.Sorted(maps.Keys(wanted))
		err = errors.Join(err, q.SetVisibility(context.WithoutCancel(ctx), others))
	}()
	for len(wanted) > 0 {
		messages, err := q.Receive(ctx, hold)
		if err != nil {
			return nil, err
		}
		var found, handles []string
		before := len(seen)
		for _, m := range messages {
			seen[m.ID] = true
			if wanted[m.ID] {
				found, handles = append(found, m.ID), append(handles, m.ReceiptHandle)
			} else {
				others = append(others, Visibility{ReceiptHandle: m.ReceiptHandle})
			}
		}
		for i, err := range q.Delete(ctx, handles) {
			if err != nil {
				return nil, err
			}
			delete(wanted, found[i])
		}
		if len(seen) == before { // nothing, or only what is visible again already
			break
		}
	}
	return nil, nil
}
