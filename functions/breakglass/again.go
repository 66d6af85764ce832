package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/wire"
)

// How often a proof is taken. Who sees a call can send it again while its proof is fresh:
// a request that was ended would be made anew, and each command that is refused counts
// as its sender's, until they are told that they call too often. Who sends a command
// proves it anew each time, and two proofs are the same only where the same command
// was sent twice in a second: a code that is typed twice is such a one. So there are more
// of these than anybody types, and fewer than the door's pace has.
const (
	ofRequest = 1 // each has another recipient, so that none is sent twice
	ofOthers  = 10
	ofLooks   = 0 // as often as they like: it changes nothing
	ofPretend = 1
)

// mostTaken is more proofs than anybody makes in the time that one is fresh. Only who makes
// proofs fills a row of their own.
const mostTaken = 100

const againText = "this very call came before, so it is not done again: run the command anew; if that was nobody of yours, somebody saw the call"

// times is how often a command is done with one proof.
func times(c wire.Command) int {
	switch {
	case c.Command == wire.Request:
		return ofRequest
	case looks(c):
		return ofLooks
	}
	return ofOthers
}

// taken is a proof that came, by its signature's hash.
type taken struct {
	Hash  string
	At    time.Time // when it was signed
	Times int
}

// again refuses a proof that came as often as is possible, and counts it otherwise, before
// anything of the door is touched. It costs one row, which is in nobody else's way; what is
// refused is read and not written. The row of a principal that cannot be read counts nothing:
// a person is not kept out for its sake.
func (h *Handler) again(ctx context.Context, principal, signature string, at time.Time, most int) error {
	key, hash, no := "proofs#"+short(principal), short(signature), false
	err := h.Door.Store.Transact(ctx, func(tx breakglass.Tx) error {
		no = false
		row, err := tx.Get(key)
		if errors.Is(err, breakglass.ErrDamaged) {
			return nil
		}
		if err != nil {
			return err
		}
		var all []taken
		if json.Unmarshal(row, &all) != nil {
			all = nil
		}
		if all, no = counted(all, taken{hash, at, 1}, most); no {
			return nil
		}
		if row, err = json.Marshal(all); err != nil {
			return err
		}
		return tx.Put(key, row)
	})
	if err == nil && no {
		return unproved(againText, nil)
	}
	return err
}

// counted adds a proof to those that were taken, or says that it was too often. Those that
// AWS's clock has passed are left out: this one is fresh, so that its own time tells.
func counted(all []taken, p taken, most int) (left []taken, no bool) {
	for _, t := range all {
		if t.Hash == p.Hash {
			p.Times += t.Times
		} else if p.At.Sub(t.At) <= 2*fresh {
			left = append(left, t)
		}
	}
	left = append(left, p)
	return left[max(0, len(left)-mostTaken):], p.Times > most
}

func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// looks tells that a command changes nothing.
func looks(c wire.Command) bool {
	return slices.Contains([]wire.Name{wire.Look, wire.Open, wire.Log, wire.Head}, c.Command)
}
