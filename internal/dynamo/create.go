package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"event-processor/internal/event"
)

// CreateMissing puts those clients into the table that are not in it, and says which. One that is there stays as it
// is, whatever it says. The error names the first client that could not be created; those before it are.
func (t *Clients) CreateMissing(ctx context.Context, clients []event.Client) (created []string, err error) {
	for i := range clients {
		_, err := t.db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName:           &t.table,
			Item:                clientItem(&clients[i]),
			ConditionExpression: aws.String("attribute_not_exists(client_id)"),
		})
		var there *types.ConditionalCheckFailedException
		switch {
		case err == nil:
			created = append(created, clients[i].ID)
		case !errors.As(err, &there):
			return created, fmt.Errorf("create client %s: %w", clients[i].ID, short(err))
		}
	}
	return created, nil
}

func clientItem(c *event.Client) map[string]types.AttributeValue {
	item := map[string]types.AttributeValue{
		"client_id": text(c.ID),
		"name":      text(c.Name),
		"active":    &types.AttributeValueMemberBOOL{Value: c.Active},
	}
	if len(c.AllowedTypes) > 0 { // DynamoDB has no empty set
		item["allowed_types"] = &types.AttributeValueMemberSS{Value: c.AllowedTypes}
	}
	if len(c.AllowedSenders) > 0 {
		item["allowed_senders"] = &types.AttributeValueMemberSS{Value: c.AllowedSenders}
	}
	if c.RetentionDays > 0 {
		item["retention_days"] = &types.AttributeValueMemberN{Value: strconv.Itoa(c.RetentionDays)}
	}
	return item
}
