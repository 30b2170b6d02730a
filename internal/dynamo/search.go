package dynamo

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Search reads the whole table and shows the events with an id, which no index knows: their correlation id, their own,
// or their message's. It costs a read unit for every 8 KB of the table. read is how many events it looked at.
func (t *Events) Search(ctx context.Context, id string, show func(Item)) (read int, err error) {
	pages := dynamodb.NewScanPaginator(t.db, &dynamodb.ScanInput{
		TableName:                 &t.table,
		FilterExpression:          aws.String("correlation_id = :id OR event_id = :id OR message_id = :id"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":id": text(id)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return read, fmt.Errorf("search the table of events: %w", short(err))
		}
		read += int(page.ScannedCount)
		for _, item := range page.Items {
			show(readItem(item))
		}
	}
	return read, nil
}
