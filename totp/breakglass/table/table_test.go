package table

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"mfawatch/internal/rowitem"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/storetest"
)

// tables is DynamoDB as far as this store asks it, with a word in each call. That
// conditions mean what they say is DynamoDB Local's to show, in the acceptance tests.
type tables struct {
	mutex sync.Mutex
	items map[string]rowitem.Item
	sent  []*dynamodb.TransactWriteItemsInput
	read  func(key string) error
	write func(n int) error // before it is done
	lost  func(n int) error // after it was done
}

func place(table *string, key rowitem.Item) string {
	name := *table + "/" + key["key"].(*types.AttributeValueMemberS).Value
	if sort, there := key["sort"]; there {
		name += "/" + sort.(*types.AttributeValueMemberS).Value
	}
	return name
}

func (s *tables) GetItem(ctx context.Context, in *dynamodb.GetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.read != nil {
		if err := s.read(place(in.TableName, in.Key)); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil || !aws.ToBool(in.ConsistentRead) {
		return &dynamodb.GetItemOutput{}, err
	}
	return &dynamodb.GetItemOutput{Item: maps.Clone(s.items[place(in.TableName, in.Key)])}, nil
}

func (s *tables) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.sent = append(s.sent, in)
	if s.write != nil {
		if err := s.write(len(s.sent)); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.conditions(in); err != nil {
		return nil, err
	}
	for _, i := range in.TransactItems {
		switch {
		case i.Put != nil:
			s.put(place(i.Put.TableName, i.Put.Item), i.Put.Item)
		case i.Delete != nil:
			delete(s.items, place(i.Delete.TableName, i.Delete.Key))
		}
	}
	if s.lost != nil {
		if err := s.lost(len(s.sent)); err != nil {
			return nil, err
		}
	}
	return &dynamodb.TransactWriteItemsOutput{}, nil
}

func (s *tables) put(name string, i rowitem.Item) {
	if s.items == nil {
		s.items = map[string]rowitem.Item{}
	}
	s.items[name] = i
}

func (s *tables) conditions(in *dynamodb.TransactWriteItemsInput) error {
	var reasons []types.CancellationReason
	failed := false
	for _, i := range in.TransactItems {
		var table, condition *string
		var key, values rowitem.Item
		switch {
		case i.Put != nil:
			table, key, condition, values = i.Put.TableName, i.Put.Item, i.Put.ConditionExpression, i.Put.ExpressionAttributeValues
		case i.Delete != nil:
			table, key, condition, values = i.Delete.TableName, i.Delete.Key, i.Delete.ConditionExpression, i.Delete.ExpressionAttributeValues
		default:
			table, key, condition, values = i.ConditionCheck.TableName, i.ConditionCheck.Key, i.ConditionCheck.ConditionExpression, i.ConditionCheck.ExpressionAttributeValues
		}
		there := s.items[place(table, key)]
		ok := there == nil
		if !strings.HasPrefix(*condition, "attribute_not_exists") {
			ok = there != nil && same(there["version"], values[":version"]) && same(there["writer"], values[":writer"])
		}
		if strings.HasPrefix(*condition, "attribute_exists") { // of an item that was no row
			ok = ok && same(there["row"], values[":row"])
		}
		code := "None"
		if !ok {
			code, failed = "ConditionalCheckFailed", true
		}
		reasons = append(reasons, types.CancellationReason{Code: &code})
	}
	if failed {
		return &types.TransactionCanceledException{CancellationReasons: reasons}
	}
	return nil
}

func same(a, b types.AttributeValue) bool {
	return fmt.Sprintf("%+v", deref(a)) == fmt.Sprintf("%+v", deref(b))
}

func deref(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	}
	return nil
}

func store(s *tables) *Store { return &Store{Client: s, Place: Places("door", "ledger")} }

func TestContract(t *testing.T) { storetest.TestStore(t, store(&tables{})) }

func TestDoor(t *testing.T) {
	storetest.TestDoor(t, func(*testing.T) breakglass.Store { return store(&tables{}) }, 5)
}

// other is what another wrote.
func (s *tables) other(name string, version int, text string) {
	s.put(name, rowitem.Item{"version": rowitem.Number(version), "writer": rowitem.Text("other"), "row": rowitem.Text(text)})
}

func (s *tables) row(name string) string {
	if r, ok := s.items[name]["row"].(*types.AttributeValueMemberS); ok {
		return r.Value
	}
	return "-"
}

// add appends a letter to two rows, and tells what it saw.
func add(ctx context.Context, s *tables) (seen []string, err error) {
	err = store(s).Transact(ctx, func(tx breakglass.Tx) error {
		a, err := tx.Get("k#a")
		b, bad := tx.Get("verify#b")
		seen = append(seen, string(a)+string(b))
		return errors.Join(err, bad, tx.Put("k#a", append(a, 'x')), tx.Put("verify#b", append(b, 'x')))
	})
	return seen, err
}

func TestWhereRowsAre(t *testing.T) {
	s := &tables{}
	if _, err := add(t.Context(), s); err != nil || s.row("door/k/a") != "x" || s.row("ledger/verify#b") != "x" || len(s.items) != 2 {
		t.Errorf("%v, %v", s.items, err)
	}
	if p := Places("door", "ledger")("desk#"); p != (Place{"door", "desk", "-"}) {
		t.Errorf("a key without a name is at %+v", p)
	}
}

// TestOthersComeFirst: the whole change is made again from what others wrote, whatever
// of it they did.
func TestOthersComeFirst(t *testing.T) {
	for what, change := range map[string]func(s *tables){
		"a row":                func(s *tables) { s.other("door/k/a", 1, "o") },
		"the ledger's":         func(s *tables) { s.other("ledger/verify#b", 1, "o") },
		"the same version":     func(s *tables) { s.other("door/k/a", 1, "o") },
		"a transaction's lock": func(*tables) {},
	} {
		s := &tables{}
		s.write = func(n int) error {
			if n == 1 {
				change(s)
				if what == "a transaction's lock" {
					return &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("None")}, {Code: aws.String("TransactionConflict")}}}
				}
			}
			return nil
		}
		seen, err := add(t.Context(), s)
		want := ",o"
		if what == "a transaction's lock" {
			want = ","
		}
		if err != nil || strings.Join(seen, ",") != want {
			t.Errorf("%s: changes of %q, %v, want %q", what, seen, err, want)
		}
	}
}

// TestSameVersionOfAnother: a row that was deleted and made again has the version that
// was read, and is another all the same.
func TestSameVersionOfAnother(t *testing.T) {
	s := &tables{}
	s.other("door/k/a", 1, "old")
	s.write = func(n int) error {
		if n == 1 {
			s.put("door/k/a", rowitem.Item{"version": rowitem.Number(1), "writer": rowitem.Text("another"), "row": rowitem.Text("new")})
		}
		return nil
	}
	if seen, err := add(t.Context(), s); err != nil || strings.Join(seen, ",") != "old,new" {
		t.Errorf("changes of %q, %v", seen, err)
	}
}

// TestRefusalsAreOfOneTime: a change that refuses for what it read at two times is asked
// again.
func TestRefusalsAreOfOneTime(t *testing.T) {
	s, mine, asked := &tables{}, errors.New("mine"), 0
	err := store(s).Transact(t.Context(), func(tx breakglass.Tx) error {
		asked++
		a, err := tx.Get("k#a")
		if asked == 1 { // others write both between the two reads
			s.other("door/k/a", 1, "1")
			s.other("door/k/b", 1, "1")
		}
		b, bad := tx.Get("k#b")
		if string(a) != string(b) {
			return mine
		}
		return errors.Join(err, bad)
	})
	if err != nil || asked != 2 {
		t.Errorf("asked %d times, %v", asked, err)
	}
	for _, i := range s.sent[0].TransactItems {
		if i.ConditionCheck == nil {
			t.Errorf("a refused change is sent: %+v", i)
		}
	}
	err = store(s).Transact(t.Context(), func(tx breakglass.Tx) error {
		_, _ = tx.Get("k#a")
		_, _ = tx.Get("k#b")
		return mine
	})
	if err != mine {
		t.Errorf("a refusal = %v, want it as it is", err)
	}
	down := errors.New("down")
	s.write = func(int) error { return down }
	err = store(s).Transact(t.Context(), func(tx breakglass.Tx) error {
		_, _ = tx.Get("k#a")
		_, _ = tx.Get("k#b")
		return mine
	})
	if err != mine {
		t.Errorf("a refusal while DynamoDB is down = %v, want it as it is", err)
	}
}

// TestLostAnswer: what was done and not answered is found to be our own; what was not
// done is an error.
func TestLostAnswer(t *testing.T) {
	lost := errors.New("connection reset")
	s := &tables{lost: func(int) error { return lost }}
	if seen, err := add(t.Context(), s); err != nil || len(seen) != 1 || s.row("door/k/a") != "x" || len(s.sent) != 1 {
		t.Errorf("an answer that was lost: %q, %v", seen, err)
	}
	s = &tables{write: func(int) error { return lost }}
	if _, err := add(t.Context(), s); !errors.Is(err, lost) || len(s.items) != 0 || len(s.sent) != 1 {
		t.Errorf("a request that was lost: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s = &tables{lost: func(int) error { cancel(); return context.Canceled }}
	if _, err := add(ctx, s); err != nil || s.row("door/k/a") != "x" {
		t.Errorf("a caller that gave up, and was answered: %v", err)
	}
	s = &tables{lost: func(int) error { return lost }}
	s.other("door/k/a", 1, "o")
	err := store(s).Transact(t.Context(), func(tx breakglass.Tx) error { return tx.Delete("k#a") })
	if !errors.Is(err, lost) || len(s.items) != 0 {
		t.Errorf("of a deletion nobody can tell: %v", err)
	}
}

// TestInProgress: an earlier try is still on its way: the same token asks for its end.
func TestInProgress(t *testing.T) {
	s := &tables{}
	s.write = func(n int) error {
		if n <= 2 {
			return &types.TransactionInProgressException{}
		}
		return nil
	}
	if seen, err := add(t.Context(), s); err != nil || len(seen) != 1 || len(s.sent) != 3 || *s.sent[0].ClientRequestToken != *s.sent[2].ClientRequestToken || len(*s.sent[0].ClientRequestToken) > 36 {
		t.Errorf("%q in %d requests, %v", seen, len(s.sent), err)
	}
	s = &tables{write: func(int) error {
		return &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("TransactionConflict")}}}
	}}
	ctx, cancel := context.WithCancel(t.Context())
	s.read = func(string) error {
		if len(s.sent) == 3 {
			cancel()
		}
		return nil
	}
	if _, err := add(ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends = %v", err)
	}
	if *s.sent[0].ClientRequestToken == *s.sent[1].ClientRequestToken {
		t.Error("another try of the change has the same token")
	}
}

func TestAlwaysBusy(t *testing.T) { synctest.Test(t, alwaysBusy) }

func alwaysBusy(t *testing.T) {
	s := &tables{write: func(int) error {
		return &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("TransactionConflict")}}}
	}}
	began := time.Now() // of the bubble
	_, err := add(t.Context(), s)
	if took := time.Since(began); !errors.Is(err, breakglass.ErrBusy) || !strings.Contains(err.Error(), "try again") || took < 5*time.Second || took > 5*time.Second+longest || len(s.sent) < 50 || len(s.items) != 0 {
		t.Errorf("%d tries in %v, %v", len(s.sent), took, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second+1) // no sum of pauses
	defer cancel()
	began = time.Now()
	_, err = add(ctx, s)
	if took := time.Since(began); !errors.Is(err, breakglass.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) || took != time.Second+1 {
		t.Errorf("with a second of time: %v after %v", err, took)
	}
	// An earlier try of ours that never ends may have been kept.
	s = &tables{write: func(int) error { return &types.TransactionInProgressException{} }}
	began = time.Now()
	_, err = add(t.Context(), s)
	if took := time.Since(began); err == nil || errors.Is(err, breakglass.ErrBusy) || took < 5*time.Second || took > 5*time.Second+longest {
		t.Errorf("a try that never ends: %v after %v", err, took)
	}
}

// slow is DynamoDB with the time that its calls take.
type slow struct{ *tables }

func (s slow) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	time.Sleep(4 * time.Millisecond)
	return s.tables.GetItem(ctx, in, o...)
}

func (s slow) TransactWriteItems(ctx context.Context, in *dynamodb.TransactWriteItemsInput, o ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	time.Sleep(10 * time.Millisecond)
	return s.tables.TransactWriteItems(ctx, in, o...)
}

// TestContenders: of many at the same rows none waits longer than the bound and one try,
// each comes through or is told to try again, and none is lost or kept twice.
func TestContenders(t *testing.T) {
	for _, n := range []int{40, 400} {
		synctest.Test(t, func(t *testing.T) { contend(t, n) })
	}
}

func contend(t *testing.T, n int) {
	s := &tables{}
	store := &Store{Client: slow{s}, Place: Places("door", "ledger")}
	began := time.Now()
	var mutex sync.Mutex
	var wait sync.WaitGroup
	kept, longestWait := 0, time.Duration(0)
	for range n {
		wait.Add(1)
		go func() {
			defer wait.Done()
			err := store.Transact(t.Context(), func(tx breakglass.Tx) error {
				a, err := tx.Get("k#a")
				b, bad := tx.Get("verify#b")
				return errors.Join(err, bad, tx.Put("k#a", append(a, 'x')), tx.Put("verify#b", append(b, 'x')))
			})
			mutex.Lock()
			defer mutex.Unlock()
			longestWait = max(longestWait, time.Since(began))
			if err == nil {
				kept++
			} else if !errors.Is(err, breakglass.ErrBusy) {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	t.Logf("%d at once: %d kept, the longest wait was %v", n, kept, longestWait)
	if want := strings.Repeat("x", kept); kept == 0 || n == 40 && kept != n || s.row("door/k/a") != want || s.row("ledger/verify#b") != want || longestWait > patience+longest+20*time.Millisecond {
		t.Errorf("of %d at once %d are kept, the rows have %d and %d, after %v", n, kept, len(s.row("door/k/a")), len(s.row("ledger/verify#b")), longestWait)
	}
}

func TestErrorsAreNotTriedAgain(t *testing.T) {
	down := errors.New("down")
	for what, s := range map[string]*tables{
		"read":  {read: func(string) error { return down }},
		"write": {write: func(int) error { return down }},
		"invalid": {write: func(int) error {
			return errors.Join(down, &types.TransactionCanceledException{CancellationReasons: []types.CancellationReason{{Code: aws.String("ConditionalCheckFailed")}, {Code: aws.String("ValidationError")}}})
		}},
		"silent": {write: func(int) error { return errors.Join(down, &types.TransactionCanceledException{}) }},
	} {
		if seen, err := add(t.Context(), s); !errors.Is(err, down) || !strings.Contains(err.Error(), "dynamodb") || len(seen) > 1 {
			t.Errorf("%s: %v after changes of %q", what, err, seen)
		}
	}
	// A change that does not tell that a read failed is not kept.
	s := &tables{read: func(key string) error {
		if key == "door/k/b" {
			return down
		}
		return nil
	}}
	err := store(s).Transact(t.Context(), func(tx breakglass.Tx) error {
		_, _ = tx.Get("k#b")
		return tx.Put("k#a", []byte("x"))
	})
	if !errors.Is(err, down) || len(s.items) != 0 {
		t.Errorf("a read that failed unsaid: %v, %v", err, s.items)
	}
}

func TestMostRows(t *testing.T) {
	write := func(n int) error {
		return store(&tables{}).Transact(t.Context(), func(tx breakglass.Tx) (err error) {
			for i := range n {
				err = errors.Join(err, tx.Put(fmt.Sprint("k#", i), []byte("x")))
			}
			return err
		})
	}
	if err := write(100); err != nil {
		t.Error(err)
	}
	if err := write(101); err == nil || !strings.Contains(err.Error(), "101 rows") {
		t.Errorf("101 rows = %v", err)
	}
}

// TestForeignItems: what is there and is no row is never taken for no row.
func TestForeignItems(t *testing.T) {
	for what, change := range map[string]func(rowitem.Item){
		"no version": func(i rowitem.Item) { delete(i, "version") }, "no writer": func(i rowitem.Item) { delete(i, "writer") }, "no row": func(i rowitem.Item) { delete(i, "row") },
		"a version in letters": func(i rowitem.Item) { i["version"] = rowitem.Text("1") }, "version 0": func(i rowitem.Item) { i["version"] = rowitem.Number(0) },
		"version 1.5": func(i rowitem.Item) { i["version"] = &types.AttributeValueMemberN{Value: "1.5"} },
	} {
		s := &tables{}
		s.other("door/k/a", 1, "o")
		change(s.items["door/k/a"])
		if seen, err := add(t.Context(), s); err == nil || !strings.Contains(err.Error(), "item k#a") || len(s.sent) != 0 {
			t.Errorf("%s: %v after changes of %q, want an error", what, err, seen)
		}
	}
}

// TestWithoutAForeignItem: a change may do without one, and never writes over it.
func TestWithoutAForeignItem(t *testing.T) {
	s := &tables{}
	s.put("door/k/a", rowitem.Item{"note": rowitem.Text("not ours")})
	err := store(s).Transact(t.Context(), func(tx breakglass.Tx) error {
		if row, err := tx.Get("k#a"); row != nil || !errors.Is(err, breakglass.ErrDamaged) {
			t.Errorf("it is read as %q, %v", row, err)
		}
		return tx.Put("k#b", []byte("x"))
	})
	if err != nil || s.row("door/k/b") != "x" {
		t.Errorf("a change without it: %v", err)
	}
	for what, change := range map[string]func(breakglass.Tx) error{
		"put":    func(tx breakglass.Tx) error { return tx.Put("k#a", []byte("y")) },
		"delete": func(tx breakglass.Tx) error { return tx.Delete("k#a") },
	} {
		err := store(s).Transact(t.Context(), func(tx breakglass.Tx) error {
			_ = tx.Put("k#b", []byte("y"))
			_ = change(tx) // not told
			return nil
		})
		if !errors.Is(err, breakglass.ErrDamaged) || s.row("door/k/b") != "x" || s.items["door/k/a"]["note"] == nil {
			t.Errorf("%s: %v, and %v", what, err, s.items)
		}
	}
}

func TestReadingOneRowWritesNothing(t *testing.T) {
	s := &tables{}
	err := store(s).Transact(t.Context(), func(tx breakglass.Tx) error { _, err := tx.Get("k#a"); return err })
	if err != nil || len(s.sent) != 0 {
		t.Errorf("%d transactions, %v", len(s.sent), err)
	}
	s.other("door/k/a", 1, "o")
	err = store(s).Transact(t.Context(), func(tx breakglass.Tx) error { return tx.Delete("k#b") })
	if err != nil || len(s.sent) != 1 || s.sent[0].TransactItems[0].ConditionCheck == nil {
		t.Errorf("to delete what is not there: %+v, %v", s.sent, err)
	}
}

func TestTableHasNoTimeToLive(t *testing.T) {
	in := CreateTable("breakglass")
	if len(in.KeySchema) != 2 || *in.KeySchema[0].AttributeName != "key" || *in.KeySchema[1].AttributeName != "sort" || in.KeySchema[1].KeyType != types.KeyTypeRange || len(in.GlobalSecondaryIndexes) != 0 {
		t.Errorf("the table is %+v, want key and sort alone", in)
	}
}

// spoilt are the kinds of rows that the door does without.
var spoilt = []string{"guard", "pace", "unlock"}

// spoil takes the writer out of all rows of a kind, as somebody would who edits the table.
func (s *tables) spoil(t *testing.T, kind string) {
	t.Helper()
	n := 0
	for name, i := range s.items {
		if strings.HasPrefix(name, "door/"+kind+"/") {
			i = maps.Clone(i)
			delete(i, "writer")
			s.items[name], n = i, n+1
		}
	}
	if n == 0 {
		t.Fatalf("there is no row of kind %s", kind)
	}
}

// whole tells whether ada's row of a kind is a row.
func (s *tables) whole(kind string) bool {
	item := s.items["door/"+kind+"/"+storetest.Short(storetest.User("ada"))]
	_, err := rowOf(kind, item)
	return item != nil && err == nil
}

// TestTheDoorMendsItems: an item of a guard, a pace or an unlocking that is no row any more
// shuts nobody out: the door goes on, and writes it anew.
func TestTheDoorMendsItems(t *testing.T) {
	for _, kind := range spoilt {
		s, c, now := &tables{}, storetest.NewCast(t), storetest.Start
		d := c.Door(store(s))
		as, step := storetest.As, func() { now = now.Add(30 * time.Second) }
		r, err := d.Ask(t.Context(), as("ada"), storetest.Ask("admin", 1), now)
		if err == nil {
			_, err = d.Approve(t.Context(), as("bob"), r.ID, c.Now("bob-totp", now), now)
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			_, _ = d.Use(t.Context(), as("ada"), r.ID, c.Wrong("ada-totp", now), now)
		}
		step()
		if _, err := d.Unlock(t.Context(), as("bob"), "ada-totp", c.Now("bob-totp", now), now); err != nil {
			t.Fatal(err)
		}
		s.spoil(t, kind)
		step()
		unlocked, err := d.Unlock(t.Context(), as("cyd"), "ada-totp", c.Now("cyd-totp", now), now)
		if step(); kind == "unlock" && err == nil { // the first of two began again
			unlocked, err = d.Unlock(t.Context(), as("bob"), "ada-totp", c.Now("bob-totp", now), now)
		}
		if err != nil || !unlocked {
			t.Errorf("%s: unlocking: %v, %v", kind, unlocked, err)
		}
		if kind == "guard" {
			_, _ = d.Use(t.Context(), as("ada"), r.ID, c.Wrong("ada-totp", now), now)
			s.spoil(t, kind)
		}
		if _, err := d.Use(t.Context(), as("ada"), r.ID, c.Now("ada-totp", now), now); err != nil {
			t.Errorf("%s: a right code: %v", kind, err)
		}
		now = now.Add(time.Hour)
		if err := d.Tend(t.Context(), now); err != nil || kind == "guard" && !s.whole(kind) {
			t.Errorf("%s: %v, all mended: %v", kind, err, s.whole(kind))
		}
		storetest.Entries(t, store(s))
	}
}

// TestPaceIsMended: a principal whose pace is no row any more calls, and is counted again.
func TestPaceIsMended(t *testing.T) {
	s, c, now := &tables{}, storetest.NewCast(t), storetest.Start
	d := c.Door(store(s))
	ask := func() error {
		_, err := d.Ask(t.Context(), storetest.As("ada"), breakglass.Ask{}, now)
		return err
	}
	_ = ask()
	s.spoil(t, "pace")
	for n := range 31 {
		no, want := (*breakglass.Refusal)(nil), breakglass.NotAllowed
		if n == 30 {
			want = breakglass.TooOften
		}
		if err := ask(); !errors.As(err, &no) || no.Reason != want {
			t.Fatalf("call %d: %v, want %s", n, err, want)
		}
	}
	if !s.whole("pace") {
		t.Error("it is not mended")
	}
}

// TestWrittenOverAsItWasRead: a change that was told writes over an item that is no row,
// if nobody else did anything to it; and what is read after that in the run is its own.
func TestWrittenOverAsItWasRead(t *testing.T) {
	for what, item := range map[string]rowitem.Item{
		"nothing of a row": {"note": rowitem.Text("not ours")},
		"no writer":        {"version": rowitem.Number(7), "row": rowitem.Text("r")},
		"all but a number": {"version": rowitem.Text("7"), "writer": rowitem.Text("w"), "row": rowitem.Text("r")},
	} {
		for _, text := range [][]byte{[]byte("new"), nil} {
			s := &tables{}
			s.put("door/k/a", item)
			runs := 0
			s.write = func(n int) error {
				if n == 1 {
					s.other("door/k/a", 3, "o") // somebody mends it between
				}
				return nil
			}
			change := func(tx breakglass.Tx) error {
				runs++
				row, err := tx.Get("k#a")
				if runs == 2 && (string(row) != "o" || err != nil) || runs != 2 && !errors.Is(err, breakglass.ErrDamaged) {
					t.Errorf("%s: run %d reads %q, %v", what, runs, row, err)
				}
				if text == nil {
					return tx.Delete("k#a")
				}
				if err := tx.Put("k#a", text); err != nil {
					return err
				}
				if row, err := tx.Get("k#a"); string(row) != "new" || err != nil {
					t.Errorf("%s: its own is read as %q, %v", what, row, err)
				}
				return nil
			}
			for want := 2; want < 4; want++ { // with another, and without
				if err := store(s).Transact(t.Context(), change); err != nil || runs != want || text != nil && s.row("door/k/a") != "new" || text == nil && s.items["door/k/a"] != nil {
					t.Errorf("%s: %v after %d runs: %v", what, err, runs, s.items)
				}
				s.put("door/k/a", item)
			}
		}
	}
}

// TestStillBad: the condition names what the item has and what it lacks.
func TestStillBad(t *testing.T) {
	condition, names, values := stillBad(rowitem.Item{"key": rowitem.Text("k"), "version": rowitem.Number(7), "row": rowitem.Text("r")})
	if condition != "attribute_exists(#key) AND #version = :version AND attribute_not_exists(#writer) AND #row = :row" || len(names) != 4 || len(values) != 2 {
		t.Errorf("%s, %v, %v", condition, names, values)
	}
	if condition, _, values := stillBad(rowitem.Item{"key": rowitem.Text("k")}); values != nil || strings.Count(condition, "attribute_not_exists") != 3 {
		t.Errorf("of an item with nothing: %s, %v", condition, values)
	}
}
