package totp

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"math"
	"time"
)

// What a code can be refused for. None tells the code.
var (
	ErrMalformed = errors.New("the code is not made of exactly the key's number of digits")
	ErrNoMatch   = errors.New("the code does not match")
	ErrReplayed  = errors.New("the code was used, or one after it")
)

const (
	// MaxSlack bounds what Verify accepts: each step more is another code that a
	// guess can hit.
	MaxSlack = 10
	// MaxReach bounds Resync, where two codes have to match.
	MaxReach = 1000
)

// Used is what is remembered of a key's codes.
type Used struct {
	Next  int64 // the first step, or counter, that was not used; those below are not accepted
	Drift int64 // by how many steps the device was ahead when it last matched; beyond MaxReach it counts as that
	Slack int   // how many steps to each side of the drift are accepted; for counters, how many after Next
}

// Match is the step that a code is of.
type Match struct {
	Step  int64 // to be remembered as used: Next is Step+1
	Drift int64 // the step's distance from the time's; 0 for counters
}

// Verify tells which step a code is of. It computes the code of every candidate,
// whatever the others did, and compares each in constant time: what it costs tells
// nothing about the step or the drift. Where two candidates have the same digits it is
// the later one, so that the same text is not accepted again for it.
//
// A code is exactly the key's digits in ASCII. Canonical forms are for the edge: here
// a space more is another text, and a ledger is keyed by the step anyway.
func (k Key) Verify(code string, now time.Time, used Used) (Match, error) {
	return k.verify(k.At, code, now, used)
}

type maker func(step int64) (string, error)

func (k Key) verify(at maker, code string, now time.Time, used Used) (Match, error) {
	c, err := k.candidates(now, used, used.Slack, MaxSlack)
	if err != nil {
		return Match{}, err
	}
	if !k.WellFormed(code) {
		return Match{}, ErrMalformed
	}
	return c.match(used.Next, func(step int64) (int, error) {
		want, err := at(step)
		return subtle.ConstantTimeCompare([]byte(want), []byte(code)), err
	})
}

// Resync finds a device whose clock or counter is far off, by two codes that follow
// each other. The match is the second code's; both are used then. reach is how many
// steps to each side of the time's own, or counters after the next, the second code is
// looked for; an earlier drift has no say.
func (k Key) Resync(first, second string, now time.Time, used Used, reach int) (Match, error) {
	return k.resync(k.At, first, second, now, used, reach)
}

func (k Key) resync(at maker, first, second string, now time.Time, used Used, reach int) (Match, error) {
	c, err := k.candidates(now, Used{Next: used.Next}, reach, MaxReach)
	if err != nil {
		return Match{}, err
	}
	if !k.WellFormed(first) || !k.WellFormed(second) {
		return Match{}, ErrMalformed
	}
	c.first = max(c.first-1, 0) // where the first code may be
	before := 0                 // whether it matched the step before
	return c.match(used.Next+1, func(step int64) (int, error) {
		want, err := at(step)
		pair := before & subtle.ConstantTimeCompare([]byte(want), []byte(second))
		before = subtle.ConstantTimeCompare([]byte(want), []byte(first))
		return pair, err
	})
}

// WellFormed tells whether a text could be a code of the key at all.
func (k Key) WellFormed(code string) bool {
	for _, b := range []byte(code) {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(code) == k.settings.Digits && code != ""
}

// candidates are steps from first to last. Those in time have a drift from now.
type candidates struct {
	first, last, now int64
	timed            bool
}

func (k Key) candidates(now time.Time, used Used, slack, most int) (candidates, error) {
	if slack < 0 || slack > most {
		return candidates{}, fmt.Errorf("%d steps around a code: 0 to %d are possible", slack, most)
	}
	n := int64(slack)
	if k.settings.Kind == HOTP {
		from := max(used.Next, 0)
		return candidates{first: from, last: from + min(n, math.MaxInt64-1-from)}, nil
	}
	step, err := k.Step(now)
	if err != nil {
		return candidates{}, err
	}
	middle := step + min(max(used.Drift, -MaxReach), MaxReach)
	return candidates{first: max(middle-n, 0), last: middle + n, now: step, timed: true}, nil
}

// match asks about every candidate and keeps the last one that matches. The selects
// are arithmetic, as they depend on the code.
func (c candidates) match(next int64, matches func(step int64) (int, error)) (Match, error) {
	var fresh, spent, at int64
	for step := c.first; step <= c.last; step++ {
		hit, err := matches(step)
		if err != nil {
			return Match{}, err
		}
		usable := int64(0)
		if step >= next {
			usable = 1
		}
		take := -(int64(hit) & usable) // all ones or none
		at = take&step | ^take&at
		fresh |= -take
		spent |= int64(hit)
	}
	switch {
	case fresh == 1 && c.timed:
		return Match{Step: at, Drift: at - c.now}, nil
	case fresh == 1:
		return Match{Step: at}, nil
	case spent == 1:
		return Match{}, ErrReplayed
	}
	return Match{}, ErrNoMatch
}
