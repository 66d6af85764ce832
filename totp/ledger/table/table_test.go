package table

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"mfawatch/internal/rowitem"
)

// script is DynamoDB with one item, and a word in each call. That conditions mean
// what they say is DynamoDB Local's to show, in the acceptance tests.
type script struct {
	there   rowitem.Item
	reads   int
	updates []*dynamodb.UpdateItemInput
	read    func() error
	update  func(n int, in *dynamodb.UpdateItemInput) error // before it is done
	lost    func(n int) error                               // after it was done
}

func (s *script) GetItem(_ context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	s.reads++
	if s.read != nil {
		if err := s.read(); err != nil {
			return nil, err
		}
	}
	if in.ConsistentRead == nil || !*in.ConsistentRead {
		return &dynamodb.GetItemOutput{}, nil // what others wrote is perhaps not seen
	}
	return &dynamodb.GetItemOutput{Item: s.there}, nil
}

func (s *script) UpdateItem(_ context.Context, in *dynamodb.UpdateItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error) {
	s.updates = append(s.updates, in)
	if s.update != nil {
		if err := s.update(len(s.updates), in); err != nil {
			return nil, err
		}
	}
	version := func(i rowitem.Item, name string) string {
		if n, ok := i[name].(*types.AttributeValueMemberN); ok {
			return n.Value
		}
		return ""
	}
	if version(s.there, "version") != version(in.ExpressionAttributeValues, ":old") {
		return nil, &types.ConditionalCheckFailedException{Item: s.there}
	}
	s.put(in)
	if s.lost != nil {
		if err := s.lost(len(s.updates)); err != nil {
			return nil, err
		}
	}
	return &dynamodb.UpdateItemOutput{}, nil
}

func (s *script) put(in *dynamodb.UpdateItemInput) {
	s.there = maps.Clone(in.Key)
	for value, name := range map[string]string{":version": "version", ":writer": "writer", ":row": "row"} {
		s.there[name] = in.ExpressionAttributeValues[value]
	}
}

func add(t *testing.T, s *script, letter string) (seen []string, err error) {
	t.Helper()
	err = (&Store{Client: s, Table: "ledger"}).Update(t.Context(), "k", func(old []byte) ([]byte, error) {
		seen = append(seen, string(old))
		return append(old, letter...), nil
	})
	return seen, err
}

func (s *script) row() string {
	if r, ok := s.there["row"].(*types.AttributeValueMemberS); ok {
		return r.Value
	}
	return ""
}

func foreign(version int, writer, row string) rowitem.Item {
	return rowitem.Item{"key": rowitem.Text("k"), "version": rowitem.Number(version), "writer": rowitem.Text(writer), "row": rowitem.Text(row)}
}

// TestOthersComeFirst: a change is made again from what others wrote, and that comes
// with the refusal: it is not read once more.
func TestOthersComeFirst(t *testing.T) {
	s := &script{}
	s.update = func(n int, _ *dynamodb.UpdateItemInput) error {
		if n <= 2 {
			s.there = foreign(n, "other", strings.Repeat("o", n))
		}
		return nil
	}
	seen, err := add(t, s, "x")
	if err != nil || strings.Join(seen, ",") != ",o,oo" || s.row() != "oox" || s.reads != 1 {
		t.Errorf("changes of %q make %q in %d reads, %v", seen, s.row(), s.reads, err)
	}
}

// TestLostAnswer: the SDK tries again what was done and not answered; the refusal then
// shows our own row, and nothing is done twice.
func TestLostAnswer(t *testing.T) {
	s := &script{there: foreign(4, "other", "o")}
	s.update = func(_ int, in *dynamodb.UpdateItemInput) error { s.put(in); return nil }
	seen, err := add(t, s, "x")
	if err != nil || len(seen) != 1 || s.row() != "ox" || len(s.updates) != 1 {
		t.Errorf("an update whose answer was lost: changes of %q make %q, %v", seen, s.row(), err)
	}
}

// TestSameVersionOfAnother: another's row of the same version is not taken for ours.
func TestSameVersionOfAnother(t *testing.T) {
	s := &script{}
	s.update = func(n int, _ *dynamodb.UpdateItemInput) error {
		if n == 1 {
			s.there = foreign(1, "other", "o")
		}
		return nil
	}
	if seen, err := add(t, s, "x"); err != nil || len(seen) != 2 || s.row() != "ox" {
		t.Errorf("changes of %q make %q, %v", seen, s.row(), err)
	}
}

func TestAlwaysBusy(t *testing.T) {
	s := &script{}
	s.update = func(n int, _ *dynamodb.UpdateItemInput) error { s.there = foreign(n, "other", "o"); return nil }
	ctx, cancel := context.WithCancel(t.Context())
	store, changes := &Store{Client: s, Table: "ledger"}, 0
	change := func([]byte) ([]byte, error) {
		if changes++; changes == 3 {
			cancel()
		}
		return []byte("x"), nil
	}
	if err := store.Update(ctx, "k", change); !errors.Is(err, context.Canceled) || changes != 3 {
		t.Errorf("a context that ends = %v after %d changes, want it cancelled", err, changes)
	}
}

func TestErrorsNameTheItem(t *testing.T) {
	down := errors.New("down")
	for what, s := range map[string]*script{
		"read": {read: func() error { return down }}, "update": {update: func(int, *dynamodb.UpdateItemInput) error { return down }}, "lost": {lost: func(int) error { return down }},
	} {
		if _, err := add(t, s, "x"); !errors.Is(err, down) || !strings.Contains(err.Error(), "of k in ledger") {
			t.Errorf("%s: %v, want that DynamoDB is down, and the item", what, err)
		}
	}
}

// TestForeignItems: what is there and is no row is never taken for no row.
func TestForeignItems(t *testing.T) {
	for what, change := range map[string]func(rowitem.Item){
		"no version": func(i rowitem.Item) { delete(i, "version") }, "no writer": func(i rowitem.Item) { delete(i, "writer") }, "no row": func(i rowitem.Item) { delete(i, "row") },
		"a version in letters": func(i rowitem.Item) { i["version"] = rowitem.Text("1") }, "version 0": func(i rowitem.Item) { i["version"] = rowitem.Number(0) },
		"version 1.5": func(i rowitem.Item) { i["version"] = &types.AttributeValueMemberN{Value: "1.5"} },
	} {
		there := foreign(1, "w", "r")
		change(there)
		if seen, err := add(t, &script{there: there}, "x"); err == nil || !strings.Contains(err.Error(), "item k") || len(seen) != 0 {
			t.Errorf("%s: %v after changes of %q, want an error", what, err, seen)
		}
		s := &script{} // and where a refusal shows it
		s.update = func(int, *dynamodb.UpdateItemInput) error { return &types.ConditionalCheckFailedException{Item: there} }
		if _, err := add(t, s, "x"); err == nil || !strings.Contains(err.Error(), "item k") {
			t.Errorf("%s in a refusal: %v, want an error", what, err)
		}
	}
}

func TestTableHasNoTimeToLive(t *testing.T) {
	in := CreateTable("ledger")
	if len(in.KeySchema) != 1 || *in.KeySchema[0].AttributeName != "key" || in.KeySchema[0].KeyType != types.KeyTypeHash || len(in.GlobalSecondaryIndexes) != 0 {
		t.Errorf("the table is %+v, want the key alone", in)
	}
}
