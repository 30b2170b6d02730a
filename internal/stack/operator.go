package stack

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Search shows the lines of a function's log between two instants, in the order of their times, that match a
// pattern in CloudWatch's syntax. Local clouds do not know all of that syntax and show more lines rather than fewer.
// What was found before an error is shown, too.
func (s *Stack) Search(ctx context.Context, function, pattern string, from, to time.Time, show func(Line)) error {
	tail := s.Tail(function, from)
	tail.pattern, tail.to = &pattern, aws.Int64(to.UnixMilli())
	lines, err := tail.Next(ctx)
	for _, line := range lines {
		show(line)
	}
	return err
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
