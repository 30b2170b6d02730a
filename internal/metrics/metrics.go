// Package metrics is the only one that reads CloudWatch for the health function: how old the oldest message of a queue
// is, which SQS itself does not say, what became of records minute by minute, and what the processor logged.
package metrics

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/schemas"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/smithy-go/transport/http/protocol/awsquery"
)

const (
	// SQS publishes a value a minute: to ask more often costs money and says nothing new.
	publishedEvery = time.Minute
	// Values arrive some minutes late. One older than this is not of now.
	lookBack = 10 * time.Minute
)

// OldestAge is the age of the oldest message of a queue.
type OldestAge struct {
	api   *cloudwatch.Client
	queue string

	mu      sync.Mutex
	askedAt time.Time
	age     time.Duration
	known   bool
}

// NewOldestAge reads for the queue of a name (the last part of its URL).
func NewOldestAge(cfg aws.Config, queue string) *OldestAge {
	return &OldestAge{api: open(cfg), queue: queue}
}

func open(cfg aws.Config) *cloudwatch.Client {
	return cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) {
		// The default is CBOR, which local clouds do not speak, or only with more installed.
		o.Protocol = awsquery.New(schemas.GraniteServiceVersion20100801)
	})
}

// Age is the newest value of the last ten minutes, to the second; known is false where CloudWatch has none, as on a
// local cloud or for a queue that nobody used for six hours. An answer serves for a minute.
func (o *OldestAge) Age(ctx context.Context) (age time.Duration, known bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	// Round(0) takes wall time: the monotonic clock may stand still while Lambda has the environment frozen.
	now := time.Now().Round(0)
	if since := now.Sub(o.askedAt); since >= 0 && since < publishedEvery {
		return o.age, o.known, nil
	}
	points, err := o.ask(ctx, now)
	if err != nil {
		return 0, false, err
	}
	o.askedAt = now
	o.age, o.known = newest(points)
	return o.age, o.known, nil
}

func (o *OldestAge) ask(ctx context.Context, now time.Time) ([]types.Datapoint, error) {
	out, err := o.api.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace:  aws.String("AWS/SQS"),
		MetricName: aws.String("ApproximateAgeOfOldestMessage"),
		Dimensions: []types.Dimension{{Name: aws.String("QueueName"), Value: aws.String(o.queue)}},
		StartTime:  aws.Time(now.Add(-lookBack)),
		EndTime:    aws.Time(now),
		Period:     aws.Int32(int32(publishedEvery.Seconds())),
		Statistics: []types.Statistic{types.StatisticMaximum},
	})
	if err != nil {
		return nil, err
	}
	return out.Datapoints, nil
}

// newest reads the latest point. They come in no order.
func newest(points []types.Datapoint) (age time.Duration, known bool) {
	var at time.Time
	for _, p := range points {
		if p.Timestamp == nil || p.Maximum == nil || p.Timestamp.Before(at) {
			continue
		}
		at = *p.Timestamp
		age, known = time.Duration(*p.Maximum)*time.Second, true
	}
	return age, known
}
