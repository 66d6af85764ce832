package ledger_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
)

// TestVerifierKeepsItsPromises plays devices, guesses and failing stores at random:
// accepted steps only grow, nobody gets in while locked or waiting, a right code that is
// newer is accepted, and no more codes are compared than may be.
func TestVerifierKeepsItsPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	broken := errors.New("broken")
	for range 100 {
		calls, failing := 0, 0 // the update of a check that fails: 1 counts, 2 spends
		store := &ledgertest.Memory{Fail: func(string) error {
			if calls++; calls == failing {
				return broken
			}
			return nil
		}}
		v, k := ledger.Verifier{Store: store, Slack: 1}, newKey(t, totp.Settings{})
		now, last, inARow, refused := start, int64(-1), 0, time.Time{}
		for range 80 {
			now = now.Add(time.Duration(r.Int64N(90)) * time.Second)
			step, _ := k.Step(now)
			sent, right := step+5000+r.Int64N(100), r.IntN(3) == 0
			if right {
				sent = step
			}
			calls, failing = 0, r.IntN(10)
			m, err := v.Check(t.Context(), "id", k, codeOf(t, k, sent), now)
			later := (*ledger.Later)(nil)
			switch {
			case err == nil:
				if !right || m.Step <= last || inARow >= 20 || now.Before(refused) {
					t.Fatalf("let in with step %d after %d, %d wrong codes, right %v", m.Step, last, inARow, right)
				}
				last, inARow, refused = m.Step, 0, time.Time{}
			case errors.Is(err, totp.ErrNoMatch), errors.Is(err, totp.ErrReplayed):
				if right && sent > last || now.Before(refused) {
					t.Fatalf("a right code of %d after %d = %v", sent, last, err)
				}
				inARow++
			case errors.As(err, &later):
				if inARow < 5 || !now.Before(later.Until) || later.Until.Sub(now) > time.Hour {
					t.Fatalf("after %d wrong codes: %v at %v", inARow, err, now)
				}
				refused = later.Until
			case errors.Is(err, ledger.ErrLocked):
				if inARow < 20 {
					t.Fatalf("locked after %d wrong codes", inARow)
				}
			case errors.Is(err, broken):
				inARow += failing - 1 // counted, and not answered
			default:
				t.Fatal(err)
			}
		}
	}
}
