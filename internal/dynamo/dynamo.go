// Package dynamo is the only one that speaks to DynamoDB: it keeps events, looks clients up and tells whether the
// tables are there. DynamoDB's types and errors stop at its door.
package dynamo

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// Open makes a connection for up to inFlight requests side by side.
func Open(cfg aws.Config, inFlight int) *dynamodb.Client {
	return dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.HTTPClient = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
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
