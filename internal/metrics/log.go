package metrics

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

// fullPage is how many lines an answer has at most.
const fullPage = 10_000

// Log is the log of a function in CloudWatch: what metrics do not say, and where a cloud has no metrics, all there is.
type Log struct {
	api   *cloudwatchlogs.Client
	group string
}

// NewLog reads a log group.
func NewLog(cfg aws.Config, group string) *Log {
	return &Log{api: cloudwatchlogs.NewFromConfig(cfg), group: group}
}

// Search shows the lines between two instants that match a pattern in CloudWatch's syntax, oldest first on most
// clouds. Local clouds do not know all of the syntax and show more lines rather than fewer. A line may be shown
// twice. What was found before an error is shown, too.
func (l *Log) Search(ctx context.Context, pattern string, from, to time.Time, show func(at time.Time, line string)) error {
	in := &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &l.group, FilterPattern: &pattern,
		StartTime: aws.Int64(from.UnixMilli()), EndTime: aws.Int64(to.UnixMilli()),
	}
	for {
		page, err := l.api.FilterLogEvents(ctx, in)
		if err != nil {
			return err
		}
		last := *in.StartTime
		for _, e := range page.Events {
			last = max(last, aws.ToInt64(e.Timestamp))
			show(time.UnixMilli(aws.ToInt64(e.Timestamp)).UTC(), aws.ToString(e.Message))
		}
		switch {
		case page.NextToken != nil:
			in.NextToken = page.NextToken
		case len(page.Events) >= fullPage && last > *in.StartTime:
			in.StartTime, in.NextToken = &last, nil // a cloud that cuts and has no second page
		default:
			return nil
		}
	}
}
