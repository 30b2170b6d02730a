package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"event-processor/internal/event"
)

// Remove takes clients out of the table. To remove one that is not there is no error; the error names the first
// that could not be removed, and those after it are not tried.
func (t *Clients) Remove(ctx context.Context, ids []string) error {
	for _, id := range ids {
		_, err := t.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &t.table, Key: map[string]types.AttributeValue{"client_id": text(id)},
		})
		if err != nil {
			return fmt.Errorf("remove client %s: %w", id, short(err))
		}
	}
	return nil
}

// Remove takes events out of the table, as Clients.Remove does clients.
func (t *Events) Remove(ctx context.Context, keys []event.Key) error {
	for _, key := range keys {
		_, err := t.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &t.table, Key: keyOf(key)})
		if err != nil {
			return fmt.Errorf("remove event %s of %s: %w", key.EventID, key.ClientID, short(err))
		}
	}
	return nil
}
