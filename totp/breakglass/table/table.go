// Package table keeps the emergency door's rows in DynamoDB, each transaction one
// TransactWriteItems.
//
// It promises that every row a transaction read or wrote is still the one that was read
// when it is kept, those that were missing included, and that the whole change is made
// again if not. An item that is no row of this store is written over only by a change that
// was told so, and only if it is still as it was. Reads are consistent. A transaction whose answer was lost is not done
// twice: a try again carries the same token, and where nobody knows, the rows say.
//
// The tables: partition key "key" and, where a place has one, sort key "sort", both
// strings; no time to live, since what was used stays used. CreateTable says the same
// in code. Rows are written as totp/ledger/table writes them, so that one table of a
// ledger serves both, though not at once: a single update that meets a transaction is
// refused by DynamoDB. Who runs this needs dynamodb:GetItem, PutItem, DeleteItem and
// ConditionCheckItem on the tables.
package table

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"mfawatch/internal/rowitem"
	"mfawatch/totp/breakglass"
)

// Client is what the store asks of DynamoDB; *dynamodb.Client is one.
type Client interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	TransactWriteItems(context.Context, *dynamodb.TransactWriteItemsInput, ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error)
}

// Place is where a row is. Without a sort the table has a partition key only.
type Place struct{ Table, Key, Sort string }

// Store is one or more tables.
type Store struct {
	Client Client
	Place  func(key string) Place
}

// Places puts the ledger's rows into its own table, and all others into the door's,
// where kind#name is the partition kind and the sort name: those of a kind can be
// queried in order.
func Places(door, ledger string) func(string) Place {
	return func(key string) Place {
		kind, name, _ := strings.Cut(key, "#")
		if kind == "verify" {
			return Place{Table: ledger, Key: key}
		}
		if name == "" {
			name = "-" // a sort key is not empty
		}
		return Place{Table: door, Key: kind, Sort: name}
	}
}

// The bounds of a transaction.
const (
	patience = 5 * time.Second        // how long others may come first: somebody waits for the answer
	mostRows = 100                    // DynamoDB's
	longest  = 120 * time.Millisecond // pause
)

// errBusy is what Transact gives up with.
var errBusy = fmt.Errorf("dynamodb transaction: %w", breakglass.ErrBusy)

// run is one run of a change.
type run struct {
	ctx    context.Context
	store  *Store
	read   map[string]rowitem.Row
	bad    map[string]spoiled // of those that cannot be read: the change was told
	write  map[string][]byte  // nil deletes
	order  []string           // of keys as they were first read, or are written over
	failed error              // of a read, or of a row that is not to be changed: the change may not have told it
}

// spoiled is an item that cannot be read as a row.
type spoiled struct {
	item rowitem.Item
	why  error
}

// Transact runs a change: breakglass.Store. Where others come first for longer than
// anybody should wait, or than ctx lasts, it is breakglass.ErrBusy.
func (s *Store) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	began := time.Now()
	for n := 0; ; n++ {
		r := &run{ctx: ctx, store: s, read: map[string]rowitem.Row{}, bad: map[string]spoiled{}, write: map[string][]byte{}}
		err := change(r)
		if r.failed != nil {
			return r.failed
		}
		if err != nil && len(r.read) < 2 {
			return err
		}
		// A refusal counts only if what it was made from was there at one time.
		kept, bad := r.commit(err != nil)
		switch {
		case err != nil && (kept || bad != nil):
			return err
		case kept || bad != nil:
			return bad
		}
		if err := pause(ctx, n); err != nil {
			return fmt.Errorf("%w: %w", errBusy, err)
		}
		if time.Since(began) >= patience {
			return errBusy
		}
	}
}

// pause lets others go first, by chance, and longer each time.
func pause(ctx context.Context, n int) error {
	var chance [1]byte
	_, _ = rand.Read(chance[:])
	most := min(4*time.Millisecond<<min(n, 10), longest)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(most * time.Duration(chance[0]) / 256):
		return nil
	}
}

// Get reads a row once in a run, and then remembers it: breakglass.Tx.
func (r *run) Get(key string) ([]byte, error) {
	if text, written := r.write[key]; written {
		return bytes.Clone(text), nil
	}
	if b, told := r.bad[key]; told {
		return nil, b.why
	}
	old, item, err := r.fetch(key)
	if item != nil { // a change can do without it, or writes over it
		r.bad[key] = spoiled{item, err}
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(old.Text), nil
}

// Put keeps a row: breakglass.Tx. What is there is read first, for its version.
func (r *run) Put(key string, text []byte) error {
	if text == nil {
		return fmt.Errorf("row %s is nil: delete it", key)
	}
	if err := r.claim(key); err != nil {
		return err
	}
	r.write[key] = bytes.Clone(text)
	return nil
}

// Delete removes a row: breakglass.Tx.
func (r *run) Delete(key string) error {
	if err := r.claim(key); err != nil {
		return err
	}
	r.write[key] = nil
	return nil
}

// claim makes a row one that the transaction writes. One that cannot be read is written over
// only by a change that has read it, and so was told: any other takes it for what it is not.
func (r *run) claim(key string) error {
	if _, told := r.bad[key]; told {
		if !slices.Contains(r.order, key) {
			r.order = append(r.order, key)
		}
		return nil
	}
	if _, _, err := r.fetch(key); err != nil {
		r.failed = err
		return err
	}
	return nil
}

// fetch reads a row, or gives the item that is none.
func (r *run) fetch(key string) (rowitem.Row, rowitem.Item, error) {
	if old, there := r.read[key]; there {
		return old, nil, nil
	}
	p := r.store.Place(key)
	out, err := r.store.Client.GetItem(r.ctx, &dynamodb.GetItemInput{TableName: &p.Table, Key: p.item(), ConsistentRead: aws.Bool(true)})
	if err != nil {
		r.failed = fmt.Errorf("dynamodb read of %s in %s: %w", key, p.Table, err)
		return rowitem.Row{}, nil, r.failed
	}
	old, err := rowOf(key, out.Item)
	if err != nil {
		return rowitem.Row{}, out.Item, err
	}
	r.read[key], r.order = old, append(r.order, key)
	return old, nil, nil
}

// commit keeps what was written, if all that was read is still so. Of a refused change
// only the reading is looked at.
func (r *run) commit(refused bool) (kept bool, err error) {
	writer := rand.Text()
	var items []types.TransactWriteItem
	wrote := ""
	for _, key := range r.order {
		text, written := r.write[key]
		if written && !refused {
			wrote = key
		}
		items = append(items, r.item(key, text, written && !refused, writer))
	}
	if wrote == "" && len(items) < 2 {
		return true, nil // one row was read, and that was at one time
	}
	if len(items) > mostRows {
		return false, fmt.Errorf("dynamodb transaction of %d rows: %d are possible", len(items), mostRows)
	}
	return r.send(&dynamodb.TransactWriteItemsInput{TransactItems: items, ClientRequestToken: aws.String(writer)}, wrote, writer)
}

// item is one row of a transaction: what it becomes, and what it must have been.
func (r *run) item(key string, text []byte, written bool, writer string) types.TransactWriteItem {
	old, p := r.read[key], r.store.Place(key)
	bad, spoiled := r.bad[key]
	condition, names, values := unchanged(old)
	if spoiled {
		condition, names, values = stillBad(bad.item)
	}
	switch {
	case written && text != nil:
		i := p.item()
		rowitem.Row{Version: old.Version + 1, Writer: writer, Text: text}.Put(i)
		return types.TransactWriteItem{Put: &types.Put{TableName: &p.Table, Item: i, ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values}}
	case written && (old.Version > 0 || spoiled):
		return types.TransactWriteItem{Delete: &types.Delete{TableName: &p.Table, Key: p.item(), ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values}}
	}
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{TableName: &p.Table, Key: p.item(), ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values}}
}

// unchanged is the condition that a row is the one that was read, or that there is none yet.
func unchanged(old rowitem.Row) (condition string, names map[string]string, values rowitem.Item) {
	if old.Version == 0 {
		return "attribute_not_exists(#key)", map[string]string{"#key": "key"}, nil
	}
	return "#version = :version AND #writer = :writer", map[string]string{"#version": "version", "#writer": "writer"},
		rowitem.Item{":version": rowitem.Number(old.Version), ":writer": rowitem.Text(old.Writer)}
}

// stillBad is the condition that an item is the one that could not be read: of what makes a
// row it has what it had, and lacks what it lacked.
func stillBad(i rowitem.Item) (condition string, names map[string]string, values rowitem.Item) {
	condition, names = "attribute_exists(#key)", map[string]string{"#key": "key"}
	for _, name := range []string{"version", "writer", "row"} {
		names["#"+name] = name
		value, there := i[name]
		if !there {
			condition += " AND attribute_not_exists(#" + name + ")"
			continue
		}
		if values == nil { // which DynamoDB does not take where it is empty
			values = rowitem.Item{}
		}
		condition, values[":"+name] = condition+" AND #"+name+" = :"+name, value
	}
	return condition, names, values
}

// send sends a transaction. Not kept without an error is one that others came before.
func (r *run) send(in *dynamodb.TransactWriteItemsInput, wrote, writer string) (kept bool, err error) {
	began := time.Now()
	for n := 0; ; n++ {
		_, err = r.store.Client.TransactWriteItems(r.ctx, in)
		if running := (*types.TransactionInProgressException)(nil); !errors.As(err, &running) || time.Since(began) >= patience {
			break
		}
		// An earlier try of ours is still on its way: the same token asks for its end.
		if err := pause(r.ctx, n); err != nil {
			return false, err
		}
	}
	switch {
	case err == nil:
		return true, nil
	case others(err):
		return false, nil
	case r.landed(wrote, writer):
		return true, nil
	}
	return false, fmt.Errorf("dynamodb transaction of %d rows: %w", len(in.TransactItems), err)
}

// others tells whether a transaction was not kept for the sake of others, and of
// nothing else.
func others(err error) bool {
	var cancelled *types.TransactionCanceledException
	if !errors.As(err, &cancelled) {
		return false
	}
	for _, reason := range cancelled.CancellationReasons {
		switch aws.ToString(reason.Code) {
		case "", "None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded":
		default:
			return false
		}
	}
	return len(cancelled.CancellationReasons) > 0
}

// landed looks whether a transaction was kept whose answer says otherwise, or was lost
// for good. It was kept whole, so one row tells.
func (r *run) landed(wrote, writer string) bool {
	if wrote == "" || r.write[wrote] == nil {
		for key, text := range r.write {
			if text != nil {
				wrote = key
			}
		}
	}
	if r.write[wrote] == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 2*time.Second)
	defer cancel()
	p := r.store.Place(wrote)
	out, err := r.store.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &p.Table, Key: p.item(), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return false
	}
	now, err := rowOf(wrote, out.Item)
	return err == nil && now.Writer == writer
}

// rowOf reads an item. One that is there and was not written here is an error: taking
// it for none would forget what was used.
func rowOf(key string, i rowitem.Item) (rowitem.Row, error) {
	r, err := rowitem.Read(key, "a door", i)
	if err != nil {
		return r, fmt.Errorf("%w: it %w", err, breakglass.ErrDamaged)
	}
	return r, nil
}

// CreateTable is the door's table, for tests and for whoever makes it by hand. infra
// declares the same.
func CreateTable(name string) *dynamodb.CreateTableInput {
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("key"), AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: aws.String("sort"), AttributeType: types.ScalarAttributeTypeS},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("key"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sort"), KeyType: types.KeyTypeRange},
		},
	}
}

func (p Place) item() rowitem.Item {
	if p.Sort == "" {
		return rowitem.Item{"key": rowitem.Text(p.Key)}
	}
	return rowitem.Item{"key": rowitem.Text(p.Key), "sort": rowitem.Text(p.Sort)}
}
