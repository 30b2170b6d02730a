// Package queue is the only one that speaks to SQS: it reads the batches that Lambda hands over, sends, counts and
// moves messages, and makes them visible again. SQS's types and errors stop at its door.
package queue

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// MaxEntries is how many entries one batch call of SQS takes.
const MaxEntries = 10

// Queue is one SQS queue.
type Queue struct {
	api      *sqs.Client
	url      string
	inFlight int // calls side by side
	limits   limits
}

// New opens the queue at a URL for up to inFlight calls side by side.
func New(cfg aws.Config, url string, inFlight int) *Queue {
	api := sqs.NewFromConfig(cfg, func(o *sqs.Options) {
		base, ok := cfg.HTTPClient.(*awshttp.BuildableClient) // it knows AWS_CA_BUNDLE
		if !ok {
			base = awshttp.NewBuildableClient()
		}
		o.HTTPClient = base.WithTransportOptions(func(t *http.Transport) {
			// The default keeps 10: with more in flight it would reconnect all the time.
			t.MaxIdleConns, t.MaxIdleConnsPerHost = inFlight, inFlight
		})
	})
	return &Queue{api: api, url: url, inFlight: inFlight}
}
