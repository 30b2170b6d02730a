package dynamo

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Table is one table, looked at from outside: whether it is there, not what is in it.
type Table struct {
	db   *dynamodb.Client
	name string
}

// NewTable looks at the table of a name.
func NewTable(db *dynamodb.Client, name string) *Table { return &Table{db: db, name: name} }

// State is the table's state in DynamoDB's word, such as ACTIVE, and whether it can be read and written in it.
func (t *Table) State(ctx context.Context) (word string, working bool, err error) {
	out, err := t.db.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(t.name)})
	if err != nil {
		return "", false, err
	}
	if out.Table == nil {
		return "", false, errors.New("describe table: the answer has no table")
	}
	status := out.Table.TableStatus
	// Reads and writes go on during an update.
	return string(status), status == types.TableStatusActive || status == types.TableStatusUpdating, nil
}
