// Package dynamo is the only one that speaks to DynamoDB: it keeps events, looks clients up and tells whether the
// tables are there. DynamoDB's types and errors stop at its door.
package dynamo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

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
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Add(middleware.FinalizeMiddlewareFunc("Sturdy", sturdy), middleware.After) // after it is signed
		})
	})
}

// sturdy keeps two troubles with connections away from our requests, which the SDK's own retries would hide, but those
// are turned off (once) and would wait.
//
// An answer that begins before net/http is done with the request was lost ("use of closed network connection"): the SDK
// closes the request's body then, whose WriteTo makes an error of that, and net/http closes the connection while the
// answer is read. A body without WriteTo just ends. It takes a starved machine, or a table that is quick.
//
// A connection that was kept and turns out to be closed, as all are after a table was away or a function frozen, made
// its request fail. net/http sends it again by itself, at once and on another connection, where it can rewind the body and
// knows that twice does no harm: each of our requests is a read, or holds on a condition and is recognized where it
// came through.
func sturdy(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	out middleware.FinalizeOutput, metadata middleware.Metadata, err error,
) {
	r, ok := in.Request.(*smithyhttp.Request)
	if !ok {
		return next.HandleFinalize(ctx, in)
	}
	if body, ok := r.GetStream().(*bytes.Reader); ok {
		whole := func() *io.SectionReader { return io.NewSectionReader(body, 0, body.Size()) }
		if r, err = r.SetStream(whole()); err != nil {
			return out, metadata, err
		}
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(whole()), nil }
		r.Header["Idempotency-Key"] = nil // net/http's sign; without a value it is not sent
		in.Request = r
	}
	return next.HandleFinalize(ctx, in)
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
			found[c.ID] = c
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
