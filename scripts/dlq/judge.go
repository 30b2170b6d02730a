package main

import (
	"context"
	"sync"

	"event-processor/internal/batch"
	"event-processor/internal/decode"
	"event-processor/internal/dynamo"
	"event-processor/internal/event"
	"event-processor/internal/queue"
)

// judge says what the processor would say of a message today. It is the processor itself, with the rules and
// tables of the deployed one and a store that only looks.
type judge struct {
	processor *batch.Processor
	decoder   *decode.Decoder

	// sender is who sends the message again, and whom the processor will see. "" asks about the sender of old.
	sender string
}

// table reads what is stored. What is not in its answer is not stored, unless the error is not nil.
type table interface {
	Read(ctx context.Context, keys []event.Key) (map[event.Key]dynamo.Item, error)
}

func newJudge(decoder *decode.Decoder, directory batch.Directory, events table, trusted []string) *judge {
	return &judge{decoder: decoder, processor: &batch.Processor{
		Decoder: decoder, Directory: directory, Store: &onlooker{events}, TrustedSenders: trusted,
	}}
}

// onlooker stands in for the store: it answers as the store would and keeps nothing.
type onlooker struct{ events table }

// PutAll answers with what is stored under the keys of the events.
func (o *onlooker) PutAll(ctx context.Context, events []event.Event) []event.Put {
	keys := make([]event.Key, len(events))
	for i := range events {
		keys[i] = events[i].Key()
	}
	stored, err := o.events.Read(ctx, keys)
	puts := make([]event.Put, len(events))
	for i, key := range keys {
		if item, ok := stored[key]; ok {
			puts[i].Existing = &item.Event
		} else if err != nil {
			puts[i].Err = event.Fail(event.StoreUnavailable, err)
		}
	}
	return puts
}

// Each shows what is stored.
func (o *onlooker) Each(ctx context.Context, keys []event.Key, show func(*event.Event)) error {
	stored, err := o.events.Read(ctx, keys)
	for _, item := range stored {
		show(&item.Event)
	}
	if err != nil {
		err = event.Fail(event.StoreUnavailable, err)
	}
	return err
}

// today judges messages each by itself, as if it came alone: what a message says does not depend on which others
// the queue happened to hand out with it.
func (j *judge) today(ctx context.Context, messages []queue.Received) []event.Result {
	results := make([]event.Result, len(messages))
	var group sync.WaitGroup
	for i := range messages {
		group.Go(func() { results[i] = j.one(ctx, &messages[i]) })
	}
	group.Wait()
	return results
}

func (j *judge) one(ctx context.Context, m *queue.Received) event.Result {
	record := m.Record()
	if m.Damaged {
		r := event.Result{Record: &record, CorrelationID: m.ID}
		r.Settle("", event.Reject(event.MalformedJSON, "the body is not Unicode"))
		return r
	}
	r := j.processor.Process(ctx, []event.Record{record}, nil)[0]
	if j.sender != "" && (r.Outcome == event.Stored || r.Outcome == event.Duplicate) {
		// The client lets the old sender in; the new one is another question.
		if client := j.processor.Directory.Lookup(ctx, []string{r.ClientID})[r.ClientID].Client; client != nil {
			if err := client.Admit(r.EventType, j.sender, j.processor.TrustedSenders); err != nil {
				r.Settle("", err)
			}
		}
	}
	return r
}
