// Package cloud finds out what the cloud under the stack can do. Local clouds are not AWS, nor like one another: one
// writes bodies anew on their way, another takes smaller messages. It is asked here, once, by trying it; what sends
// messages or judges what became of them goes by the answer, and by nobody's version number.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"event-processor/internal/event"
)

// AWS is the name of the real thing: it is what this service is made for, and is not asked.
const AWS = "AWS"

// Traits are what a cloud can do.
type Traits struct {
	Name, Version string // as it says of itself; the version may be empty

	MaxMessageBytes int  // the largest message that the event queue takes, attributes included
	FairGroups      bool // a standard queue takes messages with a group id
	KeepsBodies     bool // a body comes through to the processor byte for byte
	KeepsState      bool // over a restart
	EnforcesIAM     bool // a function may do what its role allows, and no more
	KeepsStatus     bool // a function URL answers with the status that the function gives
}

// String says in a line what is otherwise than on AWS, for people.
func (t Traits) String() string {
	line := t.Name
	if t.Version != "" {
		line += " " + t.Version
	}
	if !t.KeepsBodies {
		line += "; it writes bodies anew"
	}
	if !t.FairGroups {
		line += "; no fair groups"
	}
	if !t.KeepsStatus {
		line += "; a function URL always answers 200"
	}
	if t.MaxMessageBytes > 0 && t.MaxMessageBytes < 1<<20 {
		line += fmt.Sprintf("; messages of at most %d KiB", t.MaxMessageBytes>>10)
	}
	return line
}

// Stack says what runs under it.
type Stack interface {
	// Cloud names what answers at the stack's endpoint: AWS where there is no other.
	Cloud(ctx context.Context) (name, version string, err error)
	// EnforcesIAM tries something that the processor's role must not do.
	EnforcesIAM(ctx context.Context) (bool, error)
	// Get asks the health function for a path.
	Get(ctx context.Context, path string) (status int, body []byte, err error)
}

// Queue is the event queue.
type Queue interface {
	SendOne(ctx context.Context, body, groupID string) error
	// Takes says how large a message may be, in bytes, and, after one was sent with a group id, whether it took that.
	Takes(ctx context.Context) (maxMessageBytes int, groups bool)
}

// Clients is the table of clients.
type Clients interface {
	CreateMissing(ctx context.Context, clients []event.Client) (created []string, err error)
	Remove(ctx context.Context, ids []string) error
}

// Events is the table of events.
type Events interface {
	// HashOf is the hash of the body as the processor read it.
	HashOf(ctx context.Context, key event.Key) (hash event.Hash, there bool, err error)
	Remove(ctx context.Context, keys []event.Key) error
}

// Patience is how long the event that asks may take on its way. A first invocation in a container that is made for it
// takes seconds.
const Patience = 2 * time.Minute

// Ask puts the questions. It sends one event, of a client of its own, and removes both again.
func Ask(ctx context.Context, stack Stack, queue Queue, clients Clients, events Events) (Traits, error) {
	name, version, err := stack.Cloud(ctx)
	if err != nil {
		return Traits{}, err
	}
	t := Traits{Name: name, Version: version}
	if name == AWS {
		t.FairGroups, t.KeepsBodies, t.KeepsState, t.EnforcesIAM, t.KeepsStatus = true, true, true, true, true
		t.MaxMessageBytes, _ = queue.Takes(ctx)
		return t, nil
	}
	// Nothing to try but a restart. MiniStack keeps its state as the scripts start it.
	t.KeepsState = name == "MiniStack"
	if t.EnforcesIAM, err = stack.EnforcesIAM(ctx); err != nil {
		return t, err
	}
	// Where health does not answer at all, that is for whoever looks at it to say.
	status, _, err := stack.Get(ctx, "no-such-page")
	t.KeepsStatus = err != nil || status == http.StatusNotFound
	if t.KeepsBodies, err = keepsBodies(ctx, queue, clients, events); err != nil {
		return t, fmt.Errorf("find out whether bodies come through as they are sent: %w", err)
	}
	t.MaxMessageBytes, t.FairGroups = queue.Takes(ctx)
	return t, nil
}

// keepsBodies sends a body that is written as no program writes JSON, and looks at the hash of what was kept.
func keepsBodies(ctx context.Context, queue Queue, clients Clients, events Events) (bool, error) {
	id := uuid.NewString()
	client := event.Client{ID: "cloud-" + id, Name: "Finds out what the cloud can do", Active: true, AllowedTypes: []string{"monitoring"}}
	key := event.Key{ClientID: client.ID, EventID: id}
	body := fmt.Sprintf("{\n  %q : %q, \"eventType\":\"monitoring\",\"clientId\":%q,\"timestamp\":%q,\"version\":\"1.0\","+
		"\"payload\":{\"value\":1.50e1,\"host\":\"Zürich\"}}", "eventId", id, client.ID, time.Now().UTC().Format(time.RFC3339))
	if _, err := clients.CreateMissing(ctx, []event.Client{client}); err != nil {
		return false, err
	}
	hash, err := comesThrough(ctx, key, body, queue, events)
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return hash == event.HashOf(body), errors.Join(err, events.Remove(after, []event.Key{key}), clients.Remove(after, []string{client.ID}))
}

func comesThrough(ctx context.Context, key event.Key, body string, queue Queue, events Events) (event.Hash, error) {
	if err := queue.SendOne(ctx, body, key.ClientID); err != nil {
		return event.Hash{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for {
		hash, there, err := events.HashOf(ctx, key)
		if there {
			return hash, nil
		}
		select {
		case <-ctx.Done():
			return hash, errors.Join(fmt.Errorf("an event was sent and is not stored after %s (scripts/logs.sh --no-follow shows what the functions say)", Patience), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
