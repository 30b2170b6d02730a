package metrics

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"event-processor/internal/event"
)

// namespace and dimension are those of the processor's own metrics; series are the metrics by outcome. internal/emf
// writes them.
const (
	namespace = "EventProcessor"
	dimension = "FunctionName"
)

var series = map[event.Outcome]string{
	event.Stored: "EventsStored", event.Duplicate: "EventsDuplicate", event.Rejected: "EventsRejected", event.Failed: "EventsFailed",
}

// Counts are what became of the records of a processor, minute by minute.
type Counts struct {
	api      *cloudwatch.Client
	function string

	mu      sync.Mutex
	askedAt time.Time
	minutes map[time.Time]map[event.Outcome]int
}

// NewCounts reads the metrics of a processor by its function's name.
func NewCounts(cfg aws.Config, function string) *Counts {
	return &Counts{api: open(cfg), function: function}
}

// Minutes are the records of each minute (its start, UTC) in a time before now. Each receive of a message counts. It
// is empty where CloudWatch has nothing: on a local cloud, or where nothing came. An answer serves for a minute: each
// question costs money, and metrics come a minute or two late.
func (c *Counts) Minutes(ctx context.Context, back time.Duration) (map[time.Time]map[event.Outcome]int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now().Round(0) // wall time, as in Age
	if since := now.Sub(c.askedAt); since >= 0 && since < publishedEvery {
		return c.minutes, nil
	}
	minutes, err := c.ask(ctx, now.Add(-back), now)
	if err != nil {
		return nil, err
	}
	c.askedAt, c.minutes = now, minutes
	return minutes, nil
}

func (c *Counts) ask(ctx context.Context, from, to time.Time) (map[time.Time]map[event.Outcome]int, error) {
	in := &cloudwatch.GetMetricDataInput{StartTime: aws.Time(from.Truncate(publishedEvery)), EndTime: aws.Time(to)}
	ids := map[string]event.Outcome{}
	for i, outcome := range event.Outcomes {
		id := "m" + strconv.Itoa(i)
		ids[id] = outcome
		in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{Id: aws.String(id), MetricStat: &types.MetricStat{
			Metric: &types.Metric{
				Namespace: aws.String(namespace), MetricName: aws.String(series[outcome]),
				Dimensions: []types.Dimension{{Name: aws.String(dimension), Value: &c.function}},
			},
			Period: aws.Int32(int32(publishedEvery.Seconds())), Stat: aws.String("Sum"),
		}})
	}
	minutes := map[time.Time]map[event.Outcome]int{}
	for pages := cloudwatch.NewGetMetricDataPaginator(c.api, in); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.MetricDataResults {
			outcome, known := ids[aws.ToString(r.Id)]
			for i := range min(len(r.Timestamps), len(r.Values)) {
				at := r.Timestamps[i].UTC().Truncate(publishedEvery)
				if !known || r.Values[i] == 0 {
					continue
				}
				if minutes[at] == nil {
					minutes[at] = map[event.Outcome]int{}
				}
				minutes[at][outcome] += int(r.Values[i])
			}
		}
	}
	return minutes, nil
}
