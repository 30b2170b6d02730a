package systemtest

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// TestRolesHaveNoMoreThanTheyNeed takes each function's role and tries what it must not do. That the roles have
// what they need is shown by every other test, since they run with IAM enforced.
func TestRolesHaveNoMoreThanTheyNeed(t *testing.T) {
	s := connect(t)
	if !s.on().EnforcesIAM {
		t.Skipf("%s at TEST_ENDPOINT does not enforce IAM", s.on().Name)
	}
	item := map[string]types.AttributeValue{
		"client_id": &types.AttributeValueMemberS{Value: "test-role"}, "event_id": &types.AttributeValueMemberS{Value: "x"},
	}
	put := func(table string) func(context.Context, aws.Config) error {
		return func(ctx context.Context, cfg aws.Config) error {
			_, err := dynamodb.NewFromConfig(cfg).PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item})
			return err
		}
	}
	scan := func(table string) func(context.Context, aws.Config) error {
		return func(ctx context.Context, cfg aws.Config) error {
			_, err := dynamodb.NewFromConfig(cfg).Scan(ctx, &dynamodb.ScanInput{TableName: &table})
			return err
		}
	}
	remove := func(ctx context.Context, cfg aws.Config) error {
		_, err := dynamodb.NewFromConfig(cfg).DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.EventsTable, Key: item})
		return err
	}
	receive := func(url string) func(context.Context, aws.Config) error {
		return func(ctx context.Context, cfg aws.Config) error {
			_, err := sqs.NewFromConfig(cfg).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url})
			return err
		}
	}
	send := func(ctx context.Context, cfg aws.Config) error {
		_, err := sqs.NewFromConfig(cfg).SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &s.QueueURL, MessageBody: aws.String("x")})
		return err
	}
	for function, mustNot := range map[string]map[string]func(context.Context, aws.Config) error{
		s.Processor: {
			"replace an event": put(s.EventsTable), "delete an event": remove, "read all events": scan(s.EventsTable),
			"change a client": put(s.ClientsTable), "send": send, "read dead letters": receive(s.DLQURL),
		},
		s.Producer: {
			"write an event": put(s.EventsTable), "read the clients": scan(s.ClientsTable), "receive": receive(s.QueueURL),
		},
		s.Health: {
			"read events": scan(s.EventsTable), "read the clients": scan(s.ClientsTable), "receive": receive(s.QueueURL),
			"read dead letters": receive(s.DLQURL), "send": send, "change a client": put(s.ClientsTable),
		},
	} {
		out, err := lambda.NewFromConfig(s.Config).GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: &function})
		if err != nil {
			t.Fatal(err)
		}
		cfg := s.Config.Copy()
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(s.Config), *out.Role))
		for what, try := range mustNot {
			t.Run(function+" must not "+what, func(t *testing.T) {
				var refused smithy.APIError
				if err := try(t.Context(), cfg); !errors.As(err, &refused) ||
					refused.ErrorCode() != "AccessDenied" && refused.ErrorCode() != "AccessDeniedException" {
					t.Errorf("got %v, want it denied", err)
				}
			})
		}
	}
}
