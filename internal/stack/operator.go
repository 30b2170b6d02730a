package stack

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Search shows the lines of a function's log between two instants, in the order of their times, that match a
// pattern in CloudWatch's syntax. Local clouds do not know all of that syntax and show more lines rather than fewer.
// What was found before an error is shown, too.
func (s *Stack) Search(ctx context.Context, function, pattern string, from, to time.Time, show func(Line)) error {
	var lines []Line // not every cloud answers in order, so nothing is shown before all is there
	defer func() {
		inOrder(lines)
		for _, line := range lines {
			show(line)
		}
	}()
	group := "/aws/lambda/" + function
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(s.logs, &cloudwatchlogs.FilterLogEventsInput{
		LogGroupName: &group, FilterPattern: &pattern,
		StartTime: aws.Int64(from.UnixMilli()), EndTime: aws.Int64(to.UnixMilli()),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("search %s: %w", group, err)
		}
		for _, e := range page.Events {
			lines = append(lines, Line{At: time.UnixMilli(aws.ToInt64(e.Timestamp)), Text: aws.ToString(e.Message)})
		}
	}
	return nil
}

// Caller is whose credentials these are, as SQS will name the sender of what they send: an account, a user id or
// ROLEID:session.
func (s *Stack) Caller(ctx context.Context) (string, error) {
	out, err := sts.NewFromConfig(s.Config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("ask who this is: %w", err)
	}
	return aws.ToString(out.UserId), nil
}
