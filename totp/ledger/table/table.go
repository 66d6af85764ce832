// Package table keeps a ledger in one DynamoDB table.
//
// It promises that every change is one conditional update of one item: it is kept only
// if the item's version is still the one that was read, and is tried again if not. Reads
// are consistent. An update whose answer was lost is found to be our own.
//
// No program of this house uses it yet: the command line keeps its ledger in a file, and the
// emergency door its rows in several tables at once (totp/breakglass/table), whose ledger has
// this table's form. It is for a verifier that runs in many places, and make acceptance
// holds it to the file's contract against DynamoDB Local.
//
// The table: partition key "key" (a string), nothing else; no time to live, since what
// was used stays used. CreateTable says the same in code.
package table

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"mfawatch/internal/rowitem"
)

// Client is what the store asks of DynamoDB; *dynamodb.Client is one.
type Client interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// Store is the table.
type Store struct {
	Client Client
	Table  string
}

// tries bounds how often others may come first. Each time one of them got its change, so
// with fewer writers of one key at once than this everybody does.
const tries = 200

// ErrBusy is a row that others changed each time. Nothing was written.
var ErrBusy = errors.New("others changed the row each time: try again")

// Update changes a row: ledger.Store.
func (s *Store) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	old, err := s.read(ctx, key)
	for range tries {
		if err != nil {
			return err
		}
		text, err := change(old.Text)
		if err != nil {
			return err
		}
		next := rowitem.Row{Version: old.Version + 1, Writer: rand.Text(), Text: text}
		now, kept, err := s.write(ctx, key, next)
		if err != nil {
			return err
		}
		// A try of the SDK whose answer was lost leaves our own row to the next one.
		if kept || now.Version == next.Version && now.Writer == next.Writer {
			return nil
		}
		old = now
		if err := pause(ctx, next.Writer); err != nil {
			return err
		}
	}
	return fmt.Errorf("dynamodb row %s of %s: %w", key, s.Table, ErrBusy)
}

// pause lets others go first for up to 26 ms, by chance.
func pause(ctx context.Context, chance string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(chance[0]%32) * time.Millisecond):
		return nil
	}
}

func (s *Store) read(ctx context.Context, key string) (rowitem.Row, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: rowitem.Item{"key": rowitem.Text(key)}, ConsistentRead: aws.Bool(true)})
	if err != nil {
		return rowitem.Row{}, fmt.Errorf("dynamodb read of %s in %s: %w", key, s.Table, err)
	}
	return rowitem.Read(key, "a ledger", out.Item)
}

// write keeps a row if the one before it is still there, and tells what is there if not.
func (s *Store) write(ctx context.Context, key string, next rowitem.Row) (rowitem.Row, bool, error) {
	condition := "attribute_not_exists(#key)"
	values := rowitem.Item{":version": rowitem.Number(next.Version), ":writer": rowitem.Text(next.Writer), ":row": rowitem.Text(string(next.Text))}
	if next.Version > 1 {
		condition = "attribute_exists(#key) AND #version = :old"
		values[":old"] = rowitem.Number(next.Version - 1)
	}
	_, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: rowitem.Item{"key": rowitem.Text(key)}, ConditionExpression: &condition,
		UpdateExpression:                    aws.String("SET #version = :version, #writer = :writer, #row = :row"),
		ExpressionAttributeNames:            map[string]string{"#key": "key", "#version": "version", "#writer": "writer", "#row": "row"},
		ExpressionAttributeValues:           values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case err == nil:
		return rowitem.Row{}, true, nil
	case errors.As(err, &failed):
		there, err := rowitem.Read(key, "a ledger", failed.Item)
		return there, false, err
	}
	return rowitem.Row{}, false, fmt.Errorf("dynamodb update of %s in %s: %w", key, s.Table, err)
}

// CreateTable is the table, for tests and for whoever makes it by hand. infra declares
// the same.
func CreateTable(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("key"), AttributeType: types.ScalarAttributeTypeS}},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("key"), KeyType: types.KeyTypeHash}},
	}
}
