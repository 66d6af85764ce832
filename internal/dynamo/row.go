package dynamo

import (
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"mfawatch/functions/delivery"
)

// rowOf reads an item. What is missing or of another type is as if it were not
// there.
func rowOf(i item) delivery.Row {
	return delivery.Row{
		Key: textOf(i["key"]), State: delivery.State(textOf(i["state"])), Owner: textOf(i["owner"]), Rank: int(numberOf(i["rank"])),
		Reason: textOf(i["reason"]), MessageID: textOf(i["message_id"]), Digest: textOf(i["digest"]), Alert: bytesOf(i["alert"]),
		Until: timeOf(i["lease_until"], time.UnixMilli), Ready: timeOf(i["ready"], time.UnixMilli),
		Expires: timeOf(i["expires"], func(s int64) time.Time { return time.Unix(s, 0) }),
	}
}

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func bytesOf(v types.AttributeValue) []byte {
	if s := textOf(v); s != "" {
		return []byte(s)
	}
	return nil
}

func numberOf(v types.AttributeValue) int64 {
	if n, ok := v.(*types.AttributeValueMemberN); ok {
		i, _ := strconv.ParseInt(n.Value, 10, 64) // we wrote it; anything else counts as 0, nothing sent yet
		return i
	}
	return 0
}

func timeOf(v types.AttributeValue, of func(int64) time.Time) time.Time {
	if n := numberOf(v); n != 0 {
		return of(n).UTC()
	}
	return time.Time{}
}

// used are the names that an expression speaks of: DynamoDB refuses others.
func used(expression string) map[string]string {
	m := map[string]string{}
	for short, long := range names {
		if strings.Contains(expression, short) {
			m[short] = long
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// CreateTable is the table, for tests and for whoever makes it by hand. infra
// declares the same. The time to live on "expires" is a call of its own.
func CreateTable(name string) *dynamodb.CreateTableInput {
	attribute := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS}
	}
	return &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{attribute("key"), attribute("pending")},
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("key"), KeyType: types.KeyTypeHash}},
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: aws.String(PendingIndex),
			KeySchema: []types.KeySchemaElement{
				{AttributeName: aws.String("pending"), KeyType: types.KeyTypeHash}, {AttributeName: aws.String("key"), KeyType: types.KeyTypeRange},
			},
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeInclude, NonKeyAttributes: []string{"ready"}},
		}},
	}
}
