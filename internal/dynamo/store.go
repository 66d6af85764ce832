// Package dynamo keeps in one DynamoDB table what was alerted: it is
// delivery's Store.
//
// It promises that every change is one conditional UpdateItem: nothing is read
// first and written after, so two who want the same thing at once get different
// answers. It never scans the table.
//
// The table: partition key "key" (a string), time to live on "expires", and the
// sparse index "pending" (partition key "pending", sort key "key", projecting
// "ready") that only folded rows are in. CreateTable says the same in code.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"mfawatch/functions/delivery"
)

// Client is what the store asks of DynamoDB; *dynamodb.Client is one.
type Client interface {
	UpdateItem(context.Context, *dynamodb.UpdateItemInput, ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
	BatchGetItem(context.Context, *dynamodb.BatchGetItemInput, ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error)
}

// Store is the table.
type Store struct {
	Client Client
	Table  string
	Page   int32 // keys of a page of Pending; 0 is 100
}

// PendingIndex is the name of the index of folded rows, and of its partition
// key; pendingValue is what that key always is.
const (
	PendingIndex = "pending"
	pendingValue = "digest"
)

// The conditions. owner stays when a lease ends, so that a step which is
// repeated because its answer was lost finds that it was done.
const (
	free    = "(attribute_not_exists(lease_until) OR lease_until < :now)"
	uncover = "(attribute_not_exists(#rank) OR #rank < :rank)"

	whenClaimable = "#owner = :owner AND attribute_exists(lease_until) OR " + uncover + " AND " + free
	whenOwned     = "#owner = :owner"
	whenReady     = "attribute_exists(pending) AND ready <= :now AND (" + free + " OR #owner = :owner)"
	whenRoom      = "attribute_not_exists(members) OR size(members) < :limit OR contains(members, :member)"
)

var names = map[string]string{
	"#key": "key", "#state": "state", "#owner": "owner", "#rank": "rank", "#reason": "reason", "#alert": "alert",
}

// Claim takes a lease: delivery.Claims.
func (s *Store) Claim(ctx context.Context, l delivery.Lease, rank int) (delivery.Answer, error) {
	out, err := s.update(ctx, l.Key, "SET #state = :claimed, #owner = :owner, lease_until = :until, expires = :expires", whenClaimable, item{
		":claimed": text(string(delivery.Claimed)), ":owner": text(l.Owner), ":until": millis(l.Until), ":expires": seconds(l.Expires),
		":now": millis(l.Now), ":rank": number(rank),
	})
	if row, refused := refusal(err); refused {
		return delivery.Answer{Row: row}, nil
	}
	if err != nil {
		return delivery.Answer{}, err
	}
	row := rowOf(out.Attributes)
	other := row.Owner != l.Owner
	return delivery.Answer{Took: true, Row: row, Expired: other && !row.Until.IsZero()}, nil
}

// Admit counts a storm: delivery.Claims. The slot keeps who was admitted, at
// most limit of them, so that a repeated try gets the same answer.
func (s *Store) Admit(ctx context.Context, slot, key string, limit int, expires time.Time) (bool, error) {
	_, err := s.update(ctx, slot, "ADD members :members SET expires = :expires", whenRoom, item{
		":members": &types.AttributeValueMemberSS{Value: []string{key}}, ":member": text(key), ":limit": number(limit), ":expires": seconds(expires),
	})
	if _, refused := refusal(err); refused {
		return false, nil
	}
	return err == nil, err
}

// Fold keeps an alert for a digest: delivery.Claims.
func (s *Store) Fold(ctx context.Context, l delivery.Lease, m delivery.Mark, alert []byte, ready time.Time) error {
	return s.owned(ctx, l, "SET #state = :state, #rank = :rank, #reason = :reason, #alert = :alert, ready = :ready, pending = :pending REMOVE lease_until", item{
		":state": text(string(delivery.Folded)), ":rank": number(m.Rank), ":reason": text(m.Reason), ":alert": text(string(alert)),
		":ready": millis(ready), ":pending": text(pendingValue),
	})
}

// Send marks an alert sent: delivery.Claims.
func (s *Store) Send(ctx context.Context, l delivery.Lease, m delivery.Mark) error {
	return s.owned(ctx, l, "SET #state = :state, #rank = :rank, #reason = :reason, message_id = :message, digest = :digest REMOVE lease_until, pending, ready, #alert", item{
		":state": text(string(delivery.Sent)), ":rank": number(m.Rank), ":reason": text(m.Reason), ":message": text(m.MessageID), ":digest": text(m.Digest),
	})
}

// Release ends a lease: delivery.Claims.
func (s *Store) Release(ctx context.Context, l delivery.Lease) error {
	err := s.owned(ctx, l, "REMOVE lease_until", item{})
	if errors.Is(err, delivery.ErrLost) {
		return nil
	}
	return err
}

// Take leases a folded row: delivery.Digests.
func (s *Store) Take(ctx context.Context, l delivery.Lease) (delivery.Row, bool, error) {
	out, err := s.update(ctx, l.Key, "SET #owner = :owner, lease_until = :until", whenReady, item{
		":owner": text(l.Owner), ":until": millis(l.Until), ":now": millis(l.Now),
	})
	if _, refused := refusal(err); refused {
		return delivery.Row{}, false, nil
	}
	if err != nil {
		return delivery.Row{}, false, err
	}
	return rowOf(out.Attributes), true, nil
}

// Pending lists folded rows: delivery.Digests. An index is read eventually
// consistent, which Take makes good.
func (s *Store) Pending(ctx context.Context, at time.Time, after string) ([]string, string, error) {
	in := &dynamodb.QueryInput{
		TableName: &s.Table, IndexName: aws.String(PendingIndex), KeyConditionExpression: aws.String("pending = :pending"),
		FilterExpression: aws.String("ready <= :now"), ExpressionAttributeValues: item{":pending": text(pendingValue), ":now": millis(at)},
		Limit: aws.Int32(s.page()),
	}
	if after != "" {
		in.ExclusiveStartKey = item{"pending": text(pendingValue), "key": text(after)}
	}
	out, err := s.Client.Query(ctx, in)
	if err != nil {
		return nil, "", fmt.Errorf("dynamodb query of %s: %w", s.Table, err)
	}
	var keys []string
	for _, i := range out.Items {
		keys = append(keys, textOf(i["key"]))
	}
	return keys, textOf(out.LastEvaluatedKey["key"]), nil
}

func (s *Store) page() int32 {
	if s.Page > 0 {
		return s.Page
	}
	return 100
}

// maxBatch is how many items BatchGetItem takes (DynamoDB API reference).
const maxBatch = 100

// State reads rows: delivery.States. The read is consistent: what was marked is
// seen.
func (s *Store) State(ctx context.Context, keys []string) (map[string]delivery.Row, error) {
	rows := map[string]delivery.Row{}
	seen := map[string]bool{}
	var batch []map[string]types.AttributeValue
	for i, key := range keys {
		if !seen[key] {
			seen[key] = true
			batch = append(batch, item{"key": text(key)})
		}
		if len(batch) == maxBatch || i == len(keys)-1 && len(batch) > 0 {
			if err := s.batch(ctx, batch, rows); err != nil {
				return nil, err
			}
			batch = nil
		}
	}
	return rows, nil
}

// batch asks again for what DynamoDB left out, as long as it makes progress:
// all left out is a throttle, and the caller's to try again.
func (s *Store) batch(ctx context.Context, keys []map[string]types.AttributeValue, rows map[string]delivery.Row) error {
	for len(keys) > 0 {
		out, err := s.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.Table: {Keys: keys, ConsistentRead: aws.Bool(true)}},
		})
		if err != nil {
			return fmt.Errorf("dynamodb batch read of %s: %w", s.Table, err)
		}
		for _, i := range out.Responses[s.Table] {
			r := rowOf(i)
			rows[r.Key] = r
		}
		left := out.UnprocessedKeys[s.Table].Keys
		if len(left) == len(keys) {
			return fmt.Errorf("dynamodb batch read of %s: throttled, %d keys not read", s.Table, len(left))
		}
		keys = left
	}
	return nil
}

// owned changes a row that is still the lease owner's.
func (s *Store) owned(ctx context.Context, l delivery.Lease, change string, values item) error {
	values[":owner"] = text(l.Owner)
	_, err := s.update(ctx, l.Key, change, whenOwned, values)
	if _, refused := refusal(err); refused {
		return fmt.Errorf("%s: %w", l.Key, delivery.ErrLost)
	}
	return err
}

func (s *Store) update(ctx context.Context, key, change, condition string, values item) (*dynamodb.UpdateItemOutput, error) {
	out, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: item{"key": text(key)}, UpdateExpression: &change, ConditionExpression: &condition,
		ExpressionAttributeNames: used(change + condition), ExpressionAttributeValues: values,
		ReturnValues: types.ReturnValueAllOld, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if err != nil {
		return nil, fmt.Errorf("dynamodb update of %s in %s: %w", key, s.Table, err)
	}
	return out, nil
}

// refusal tells a condition that did not hold, and the row as it is.
func refusal(err error) (delivery.Row, bool) {
	var failed *types.ConditionalCheckFailedException
	if !errors.As(err, &failed) {
		return delivery.Row{}, false
	}
	return rowOf(failed.Item), true
}

type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
func number(n int) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.Itoa(n)}
}
func millis(t time.Time) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(t.UnixMilli(), 10)}
}
func seconds(t time.Time) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(t.Unix(), 10)}
}
