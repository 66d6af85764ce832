package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
)

// callers is how many ask at once.
const callers = 8

// contract is one store under test. Keys are made unlike any other run's, so that it
// need not be empty.
type contract struct {
	*testing.T
	store breakglass.Store
	run   string
}

// TestStore holds a store to the contract.
func TestStore(t *testing.T, store breakglass.Store) {
	for name, test := range map[string]func(contract){
		"rows are kept together":                kept,
		"a refused change keeps nothing":        refused,
		"a transaction sees its own changes":    own,
		"rows are copies":                       copies,
		"a row is deleted and made again":       deleted,
		"no change of many at once is lost":     counted,
		"what was read is as it was":            skew,
		"a row that is missing stays missing":   missing,
		"money is neither made nor lost":        moved,
		"many rows":                             many,
		"nil is no row, and empty is one":       empty,
		"a panic keeps nothing":                 panics,
		"what was ended is told and not kept":   ended,
		"the ledger's rows are in it":           verified,
		"a ledger's change is kept with others": joined,
	} {
		t.Run(name, func(t *testing.T) {
			test(contract{t, store, fmt.Sprintf("-%d", time.Now().UnixNano())})
		})
	}
	t.Run("as a ledger", func(t *testing.T) { ledgertest.TestStore(t, asLedger{store}) })
}

// asLedger is a store as a ledger's, one transaction for each update.
type asLedger struct{ store breakglass.Store }

func (a asLedger) Update(ctx context.Context, key string, change func([]byte) ([]byte, error)) error {
	return a.store.Transact(ctx, func(tx breakglass.Tx) error { return breakglass.Rows(tx).Update(ctx, key, change) })
}

func (c contract) key(name string) string { return "test#" + name + c.run }

func (c contract) transact(change func(tx breakglass.Tx) error) {
	c.Helper()
	if err := c.store.Transact(c.Context(), change); err != nil {
		c.Fatal(err)
	}
}

func (c contract) put(name, row string) {
	c.Helper()
	c.transact(func(tx breakglass.Tx) error { return tx.Put(c.key(name), []byte(row)) })
}

// row is what there is; "-" is nothing.
func (c contract) row(name string) (text string) {
	c.Helper()
	c.transact(func(tx breakglass.Tx) error {
		row, err := tx.Get(c.key(name))
		if text = string(row); row == nil {
			text = "-"
		}
		return err
	})
	return text
}

func (c contract) want(rows ...string) {
	c.Helper()
	for i := 0; i < len(rows); i += 2 {
		if got := c.row(rows[i]); got != rows[i+1] {
			c.Errorf("row %s = %q, want %q", rows[i], got, rows[i+1])
		}
	}
}

func kept(c contract) {
	c.want("a", "-", "b", "-")
	c.transact(func(tx breakglass.Tx) error {
		return errors.Join(tx.Put(c.key("a"), []byte("1")), tx.Put(c.key("b"), []byte(`{"é":"\u0000 # x"}`)))
	})
	c.want("a", "1", "b", `{"é":"\u0000 # x"}`)
	c.put("a", "2")
	c.want("a", "2", "b", `{"é":"\u0000 # x"}`)
}

func refused(c contract) {
	c.put("a", "1")
	mine := errors.New("mine")
	err := c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
		return errors.Join(tx.Put(c.key("a"), []byte("2")), tx.Put(c.key("b"), []byte("2")), tx.Delete(c.key("a")), mine)
	})
	if !errors.Is(err, mine) {
		c.Errorf("a refused change = %v, want its own error", err)
	}
	c.want("a", "1", "b", "-")
}

func own(c contract) {
	c.transact(func(tx breakglass.Tx) error {
		var seen []string
		look := func() {
			row, err := tx.Get(c.key("a"))
			seen = append(seen, fmt.Sprint(string(row), row == nil, err))
		}
		look()
		err := tx.Put(c.key("a"), []byte("1"))
		look()
		err = errors.Join(err, tx.Put(c.key("a"), []byte("2")))
		look()
		err = errors.Join(err, tx.Delete(c.key("a")), tx.Delete(c.key("a")))
		look()
		err = errors.Join(err, tx.Put(c.key("a"), []byte("3")))
		look()
		if want := "true <nil>,1false <nil>,2false <nil>,true <nil>,3false <nil>"; strings.Join(seen, ",") != want {
			c.Errorf("a transaction sees %s, want %s", strings.Join(seen, ","), want)
		}
		return err
	})
	c.want("a", "3")
}

func copies(c contract) {
	c.put("a", "123")
	c.transact(func(tx breakglass.Tx) error {
		row, err := tx.Get(c.key("a"))
		row[0] = 'x'
		again, bad := tx.Get(c.key("a"))
		given := []byte("456")
		err = errors.Join(err, bad, tx.Put(c.key("b"), given))
		given[0] = 'x'
		if string(again) != "123" {
			c.Errorf("a row that was read can be changed: %q", again)
		}
		return err
	})
	c.want("a", "123", "b", "456")
}

func deleted(c contract) {
	for _, text := range []string{"1", "2"} {
		c.put("a", text)
		c.want("a", text)
		c.transact(func(tx breakglass.Tx) error { return tx.Delete(c.key("a")) })
		c.want("a", "-")
	}
	// Only one of many that saw the row can say that it deleted it.
	c.put("a", "1")
	won := c.many(func(int) (bool, error) {
		got := false
		err := c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
			row, err := tx.Get(c.key("a"))
			got = row != nil
			return errors.Join(err, tx.Delete(c.key("a")))
		})
		return got, err
	})
	if won != 1 {
		c.Errorf("%d of %d deleted the same row", won, callers)
	}
}

// many runs callers at once and counts the yeses.
func (c contract) many(do func(i int) (bool, error)) (yes int) {
	c.Helper()
	var wait sync.WaitGroup
	var mutex sync.Mutex
	for i := range callers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			ok, err := do(i)
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				c.Errorf("caller %d: %v", i, err)
			}
			if ok {
				yes++
			}
		}()
	}
	wait.Wait()
	return yes
}

func (c contract) add(tx breakglass.Tx, name string, n int) error {
	row, err := tx.Get(c.key(name))
	old, _ := strconv.Atoi(string(row))
	return errors.Join(err, tx.Put(c.key(name), []byte(strconv.Itoa(old+n))))
}

func counted(c contract) {
	c.many(func(i int) (bool, error) {
		return true, c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
			return errors.Join(c.add(tx, "all", 1), c.add(tx, fmt.Sprint(i), 1))
		})
	})
	c.want("all", strconv.Itoa(callers), "0", "1", strconv.Itoa(callers-1), "1")
}

// skew is what is lost where only written rows are looked at: two who each read both
// rows and write one of them must not both come through as if alone.
func skew(c contract) {
	for round := range 3 {
		a, b := fmt.Sprint("a", round), fmt.Sprint("b", round)
		on := c.many(func(i int) (bool, error) {
			mine := []string{a, b}[i%2]
			got := false
			err := c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
				got = false
				for _, name := range []string{a, b} {
					if row, err := tx.Get(c.key(name)); row != nil || err != nil {
						return err
					}
				}
				got = true
				return tx.Put(c.key(mine), []byte("taken"))
			})
			return got, err
		})
		if on != 1 {
			c.Errorf("%d took one of two rows, each after it saw that both were free", on)
		}
	}
}

// missing: one takes what it saw missing, the other what it saw there.
func missing(c contract) {
	for round := range 3 {
		flag, door := fmt.Sprint("flag", round), fmt.Sprint("door", round)
		c.many(func(i int) (bool, error) {
			return true, c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
				mine, other := flag, door
				if i%2 == 0 {
					mine, other = door, flag
				}
				row, err := tx.Get(c.key(other))
				if row != nil || err != nil {
					return err
				}
				return tx.Put(c.key(mine), []byte("set"))
			})
		})
		if f, d := c.row(flag), c.row(door); f != "-" && d != "-" {
			c.Error("two each saw the other's row missing, and both wrote")
		}
	}
}

func moved(c contract) {
	const accounts, each = 4, 100
	for i := range accounts {
		c.put(fmt.Sprint("acc", i), strconv.Itoa(each))
	}
	c.many(func(i int) (bool, error) {
		for n := range 4 {
			err := c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
				return errors.Join(c.add(tx, fmt.Sprint("acc", (i+n)%accounts), -7), c.add(tx, fmt.Sprint("acc", (i+n+1)%accounts), 7))
			})
			if err != nil {
				return false, err
			}
		}
		return true, nil
	})
	sum := 0
	for i := range accounts {
		n, _ := strconv.Atoi(c.row(fmt.Sprint("acc", i)))
		sum += n
	}
	if sum != accounts*each {
		c.Errorf("%d remain of %d", sum, accounts*each)
	}
}

func many(c contract) {
	const rows = 90
	write := func(text string, err error) error {
		return c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
			for i := range rows {
				if err := tx.Put(c.key(fmt.Sprint("m", i)), []byte(text)); err != nil {
					return err
				}
			}
			return err
		})
	}
	if err := write("1", nil); err != nil {
		c.Fatal(err)
	}
	mine := errors.New("mine")
	if err := write("2", mine); !errors.Is(err, mine) {
		c.Errorf("%v, want the change's error", err)
	}
	c.want("m0", "1", "m89", "1")
}

func empty(c contract) {
	if err := c.store.Transact(c.Context(), func(tx breakglass.Tx) error { return tx.Put(c.key("a"), nil) }); err == nil {
		c.Error("nil is kept: it could not be told from no row")
	}
	c.want("a", "-")
	c.put("a", "")
	c.want("a", "")
}

func panics(c contract) {
	func() {
		defer func() { _ = recover() }()
		_ = c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
			_ = tx.Put(c.key("a"), []byte("1"))
			panic("crash")
		})
	}()
	c.want("a", "-")
}

func ended(c contract) {
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	err := c.store.Transact(ctx, func(tx breakglass.Tx) error { return tx.Put(c.key("a"), []byte("1")) })
	if !errors.Is(err, context.Canceled) {
		c.Errorf("under a context that ended = %v, want that it is cancelled", err)
	}
	c.want("a", "-")
}

func verified(c contract) {
	k, err := totp.New(totp.Settings{Account: "ada"}, []byte("12345678901234567890"))
	if err != nil {
		c.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	code, _, err := k.Generate(now)
	if err != nil {
		c.Fatal(err)
	}
	for _, want := range []error{nil, totp.ErrReplayed} {
		err := c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
			_, err := ledger.Verifier{Store: breakglass.Rows(tx)}.Check(c.Context(), "id"+c.run, k, code, now)
			return err
		})
		if !errors.Is(err, want) {
			c.Errorf("Check = %v, want %v", err, want)
		}
	}
}

func joined(c contract) {
	mine := errors.New("mine")
	for _, end := range []error{mine, nil} {
		err := c.store.Transact(c.Context(), func(tx breakglass.Tx) error {
			err := breakglass.Rows(tx).Update(c.Context(), "verify#j"+c.run, func(old []byte) ([]byte, error) { return append(slices.Clone(old), 'x'), nil })
			return errors.Join(err, tx.Put(c.key("a"), []byte("1")), end)
		})
		if !errors.Is(err, end) {
			c.Error(err)
		}
	}
	c.transact(func(tx breakglass.Tx) error {
		row, err := tx.Get("verify#j" + c.run)
		if string(row) != "x" {
			c.Errorf("the ledger's row is %q, want one x", row)
		}
		return err
	})
}
