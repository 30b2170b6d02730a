// Package dynamo is the only one that speaks to DynamoDB: it keeps events, looks clients up and tells whether the
// tables are there. DynamoDB's types and errors stop at its door.
package dynamo

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"event-processor/internal/event"
)

// Open makes a connection for up to inFlight requests side by side.
func Open(cfg aws.Config, inFlight int) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		// TLS guards the answer already; a second sum over it costs time and finds nothing.
		o.DisableValidateResponseChecksum = true
		base, ok := cfg.HTTPClient.(*awshttp.BuildableClient) // it knows AWS_CA_BUNDLE
		if !ok {
			base = awshttp.NewBuildableClient()
		}
		o.HTTPClient = base.WithTransportOptions(func(t *http.Transport) {
			// The default keeps 10: with more in flight it would reconnect all the time.
			t.MaxIdleConns, t.MaxIdleConnsPerHost = inFlight, inFlight
		})
	})
}

// Clients is the table of clients.
type Clients struct {
	db    *dynamodb.Client
	table string
}

// NewClients opens the table of clients.
func NewClients(db *dynamodb.Client, table string) *Clients { return &Clients{db: db, table: table} }

// Find looks clients up, consistently. An id with a nil client is not in the table; an id that is not in the
// answer is not known for the reason that the error gives.
func (t *Clients) Find(ctx context.Context, ids []string) (map[string]*event.Client, error) {
	found := make(map[string]*event.Client, len(ids))
	for some := range slices.Chunk(ids, maxKeys) {
		keys := make([]map[string]types.AttributeValue, len(some))
		for i, id := range some {
			keys[i] = map[string]types.AttributeValue{"client_id": text(id)}
		}
		err := batchGet(ctx, t.db, t.table, keys, part{most: maxKeys}, func(item map[string]types.AttributeValue) {
			c := readClient(item)
			found[c.ID] = &c
		})
		if err != nil { // the table is away: asking for the rest would burn the deadline
			return found, fmt.Errorf("look clients up: %w", short(err))
		}
		for _, id := range some {
			if _, ok := found[id]; !ok {
				found[id] = nil
			}
		}
	}
	return found, nil
}

func readClient(item map[string]types.AttributeValue) event.Client {
	active, _ := item["active"].(*types.AttributeValueMemberBOOL)
	return event.Client{
		ID:             str(item["client_id"]),
		Name:           str(item["name"]),
		Active:         active != nil && active.Value,
		AllowedTypes:   set(item["allowed_types"]),
		AllowedSenders: senders(item["allowed_senders"]),
		RetentionDays:  retentionDays(number(item["retention_days"])),
	}
}

func set(v types.AttributeValue) []string {
	if s, ok := v.(*types.AttributeValueMemberSS); ok {
		return s.Value
	}
	return nil
}

// senders reads who may speak for a client. Where the attribute is there in a form that nobody can read, nobody
// may: an empty list would let everyone in.
func senders(v types.AttributeValue) []string {
	if read := set(v); len(read) > 0 || v == nil {
		return read
	}
	return []string{"(unreadable allowed_senders)"}
}

// retentionDays is what a client may ask for: shorter, and a redelivered event could be kept twice; longer is a typo.
func retentionDays(n int) int {
	if n < 15 || n > 3650 {
		return 0
	}
	return n
}
