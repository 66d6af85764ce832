package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"mfawatch/functions/delivery"
	"mfawatch/internal/dynamo"
)

// These tests are about what is asked and how answers are read. What DynamoDB
// makes of it is deliverytest.TestStore's, run against DynamoDB Local.

// client answers with what a test gave it and keeps what it was asked.
type client struct {
	updates []*dynamodb.UpdateItemInput
	old     map[string]types.AttributeValue
	err     error
	queries []*dynamodb.QueryInput
	pages   []*dynamodb.QueryOutput
	batches [][]map[string]types.AttributeValue
	skip    func(batch, key int) bool
}

func (c *client) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	c.updates = append(c.updates, in)
	return &dynamodb.UpdateItemOutput{Attributes: c.old}, c.err
}

func (c *client) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	c.queries = append(c.queries, in)
	if c.err != nil {
		return nil, c.err
	}
	return c.pages[len(c.queries)-1], nil
}

func (c *client) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	if c.err != nil {
		return nil, c.err
	}
	keys := in.RequestItems["events"].Keys
	c.batches = append(c.batches, keys)
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{}, UnprocessedKeys: map[string]types.KeysAndAttributes{}}
	var left []map[string]types.AttributeValue
	for i, k := range keys {
		if c.skip != nil && c.skip(len(c.batches), i) {
			left = append(left, k)
		} else {
			out.Responses["events"] = append(out.Responses["events"], k)
		}
	}
	if left != nil {
		out.UnprocessedKeys["events"] = types.KeysAndAttributes{Keys: left}
	}
	return out, nil
}

func text(s string) types.AttributeValue   { return &types.AttributeValueMemberS{Value: s} }
func number(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }

var (
	ctx   = context.Background()
	at    = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	lease = delivery.Lease{Key: "111122223333#e1", Owner: "a", Now: at, Until: at.Add(time.Minute), Expires: at.Add(time.Hour)}
)

// everyUpdate calls each method that changes a row.
func everyUpdate(s *dynamo.Store) map[string]error {
	errs := map[string]error{}
	_, errs["Claim"] = s.Claim(ctx, lease, 5)
	_, errs["Admit"] = s.Admit(ctx, "slot", "key", 3, at)
	errs["Fold"] = s.Fold(ctx, lease, delivery.Mark{Rank: 5}, []byte("{}"), at)
	errs["Send"] = s.Send(ctx, lease, delivery.Mark{Rank: 5})
	errs["Release"] = s.Release(ctx, lease)
	_, _, errs["Take"] = s.Take(ctx, lease)
	return errs
}

var placeholder = regexp.MustCompile(`[:#][a-z_]+`)

// DynamoDB refuses a placeholder without a value and a value without a
// placeholder; and each change is one conditional update.
func TestEveryUpdateIsConditionalAndWhole(t *testing.T) {
	c := &client{}
	for name, err := range everyUpdate(&dynamo.Store{Client: c, Table: "events"}) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(c.updates) != 6 {
		t.Fatalf("%d updates, want 6", len(c.updates))
	}
	for _, in := range c.updates {
		if aws.ToString(in.ConditionExpression) == "" || *in.TableName != "events" || in.ReturnValuesOnConditionCheckFailure != types.ReturnValuesOnConditionCheckFailureAllOld {
			t.Errorf("%s: condition %q, or no old row asked for", *in.UpdateExpression, aws.ToString(in.ConditionExpression))
		}
		used, given := map[string]bool{}, map[string]bool{}
		for _, p := range placeholder.FindAllString(*in.UpdateExpression+" "+*in.ConditionExpression, -1) {
			used[p] = true
		}
		for p := range in.ExpressionAttributeNames {
			given[p] = true
		}
		for p := range in.ExpressionAttributeValues {
			given[p] = true
		}
		if diff := cmp.Diff(used, given); diff != "" {
			t.Errorf("%s IF %s: placeholders (-used +given):\n%s", *in.UpdateExpression, *in.ConditionExpression, diff)
		}
	}
}

// Only a condition that did not hold is an answer; a throttle or an outage is
// an error, whatever the method.
func TestErrorsAreNoAnswers(t *testing.T) {
	throttle := &types.ProvisionedThroughputExceededException{Message: aws.String("slow down")}
	s := &dynamo.Store{Client: &client{err: throttle}, Table: "events"}
	for name, err := range everyUpdate(s) {
		if !errors.As(err, new(*types.ProvisionedThroughputExceededException)) || errors.Is(err, delivery.ErrLost) || !strings.Contains(err.Error(), "events") {
			t.Errorf("%s when throttled = %v, want the throttle, with the table's name", name, err)
		}
	}
	if _, _, err := s.Pending(ctx, at, ""); err == nil {
		t.Error("Pending when throttled has no error")
	}
	if rows, err := s.State(ctx, []string{"k"}); err == nil {
		t.Errorf("State when throttled = %v and no error", rows)
	}
}

func TestRefusals(t *testing.T) {
	row := map[string]types.AttributeValue{
		"key": text("111122223333#e1"), "state": text("sent"), "owner": text("b"), "rank": number("9"), "reason": text("no-mfa"), "message_id": text("m"),
		"digest": text("d"), "expires": number("1795824000"), "lease_until": number("1795737600123"), "ready": number("1795737600000"), "alert": text("{}"),
	}
	s := &dynamo.Store{Client: &client{err: &types.ConditionalCheckFailedException{Item: row}}, Table: "events"}
	got, err := s.Claim(ctx, lease, 5)
	want := delivery.Answer{Row: delivery.Row{
		Key: "111122223333#e1", State: delivery.Sent, Owner: "b", Rank: 9, Reason: "no-mfa", MessageID: "m", Digest: "d", Alert: []byte("{}"),
		Expires: time.Unix(1795824000, 0).UTC(), Until: time.UnixMilli(1795737600123).UTC(), Ready: time.UnixMilli(1795737600000).UTC(),
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("a refused claim (error %v, -want +got):\n%s", err, diff)
	}
	if ok, err := s.Admit(ctx, "slot", "key", 3, at); ok || err != nil {
		t.Errorf("a refused Admit = %v (error %v), want no", ok, err)
	}
	if _, ok, err := s.Take(ctx, lease); ok || err != nil {
		t.Errorf("a refused Take = %v (error %v), want no", ok, err)
	}
	if err := s.Release(ctx, lease); err != nil {
		t.Errorf("a refused Release = %v, want nil", err)
	}
	for name, err := range map[string]error{"Send": s.Send(ctx, lease, delivery.Mark{}), "Fold": s.Fold(ctx, lease, delivery.Mark{}, nil, at)} {
		if !errors.Is(err, delivery.ErrLost) || !strings.Contains(err.Error(), lease.Key) {
			t.Errorf("a refused %s = %v, want ErrLost with the key", name, err)
		}
	}
}

// A row that somebody changed by hand is read as far as it can be.
func TestOddRows(t *testing.T) {
	s := &dynamo.Store{Client: &client{old: map[string]types.AttributeValue{"key": number("5"), "rank": text("x"), "lease_until": text("soon"), "owner": &types.AttributeValueMemberBOOL{Value: true}}}, Table: "events"}
	if got, err := s.Claim(ctx, lease, 5); err != nil || !got.Took || got.Expired || got.Row.Rank != 0 {
		t.Errorf("a claim of an odd row = %+v (error %v)", got, err)
	}
}

func TestPendingPages(t *testing.T) {
	c := &client{pages: []*dynamodb.QueryOutput{
		{LastEvaluatedKey: map[string]types.AttributeValue{"key": text("k2"), "pending": text("digest")}},
		{Items: []map[string]types.AttributeValue{{"key": text("k3"), "ready": number("1")}}},
	}}
	s := &dynamo.Store{Client: c, Table: "events", Page: 7}
	keys, next, err := s.Pending(ctx, at, "")
	if err != nil || len(keys) != 0 || next != "k2" {
		t.Errorf("the first page = %q, next %q (error %v): a page that the filter empties is not the end", keys, next, err)
	}
	keys, next, err = s.Pending(ctx, at, next)
	if err != nil || !slices.Equal(keys, []string{"k3"}) || next != "" {
		t.Errorf("the second page = %q, next %q (error %v)", keys, next, err)
	}
	if q := c.queries[1]; *q.Limit != 7 || *q.IndexName != "pending" || q.ExclusiveStartKey["key"].(*types.AttributeValueMemberS).Value != "k2" {
		t.Errorf("the second query = %+v", q)
	}
}

func TestStateInBatches(t *testing.T) {
	var keys []string
	for i := range 230 {
		keys = append(keys, fmt.Sprint("k", i), fmt.Sprint("k", i/2))
	}
	c := &client{skip: func(batch, key int) bool { return batch == 1 && key >= 30 }}
	rows, err := (&dynamo.Store{Client: c, Table: "events"}).State(ctx, keys)
	if err != nil || len(rows) != 230 {
		t.Errorf("%d rows (error %v), want 230", len(rows), err)
	}
	for _, b := range c.batches {
		if len(b) > 100 {
			t.Errorf("a batch of %d keys, want at most 100", len(b))
		}
	}
	throttled := &client{skip: func(int, int) bool { return true }}
	if rows, err := (&dynamo.Store{Client: throttled, Table: "events"}).State(ctx, keys); err == nil || rows != nil {
		t.Errorf("all left out = %v and no error", rows)
	}
}

func TestTable(t *testing.T) {
	in := dynamo.CreateTable("events")
	if *in.KeySchema[0].AttributeName != "key" || *in.GlobalSecondaryIndexes[0].IndexName != dynamo.PendingIndex || !slices.Equal(in.GlobalSecondaryIndexes[0].Projection.NonKeyAttributes, []string{"ready"}) {
		t.Errorf("the table is %+v", in)
	}
}
