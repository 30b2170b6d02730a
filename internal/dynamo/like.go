package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// CreateLike creates a table with the keys of another, empty, in place of one of its name that may be there.
func (t *Table) CreateLike(ctx context.Context, other string) error {
	out, err := t.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &other})
	if err != nil {
		return fmt.Errorf("describe table %s: %w", other, short(err))
	}
	if err := t.Delete(ctx); err != nil {
		return err
	}
	_, err = t.db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &t.name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: out.Table.AttributeDefinitions, KeySchema: out.Table.KeySchema,
	})
	if err == nil {
		err = dynamodb.NewTableExistsWaiter(t.db).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &t.name}, time.Minute)
	}
	if err != nil {
		return fmt.Errorf("create table %s: %w", t.name, short(err))
	}
	return nil
}

// Delete deletes the table with all that is in it. To delete one that is not there is no error.
func (t *Table) Delete(ctx context.Context) error {
	_, err := t.db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &t.name})
	var gone *types.ResourceNotFoundException
	if errors.As(err, &gone) {
		return nil
	}
	if err == nil {
		err = dynamodb.NewTableNotExistsWaiter(t.db).Wait(ctx, &dynamodb.DescribeTableInput{TableName: &t.name}, time.Minute)
	}
	if err != nil {
		return fmt.Errorf("delete table %s: %w", t.name, short(err))
	}
	return nil
}
