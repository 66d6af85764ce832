package otp

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"mfawatch/totp/ledger"
)

// Delayed is an OTP whose key's clock and ours disagree about how long ago the last one
// was made, though the key was not unplugged between. Where the key's says less, this
// OTP was held back; where it says more, the last was, and perhaps both: somebody uses
// up what they saw. Or the computer slept, and the key with it.
type Delayed struct {
	Key, Ours time.Duration // since the last OTP, by either clock
}

func (d *Delayed) Error() string {
	return fmt.Sprintf("since the last OTP %v went by on the key's clock and %v on ours: unplug the key, plug it in and touch it again; if nobody waited and no computer slept, somebody held an OTP back", d.Key, d.Ours)
}

// How much the clocks may disagree: a key's is no good clock. Yubico's validation
// server has the same two bounds for the same test, and logs only; here it refuses.
const (
	absolute = 20 * time.Second
	relative = 0.3
)

// Check decrypts an OTP, counts the attempt before it does, and spends it: of many that
// bring the same OTP one gets the token. request names what the OTP was brought for, so
// that the same request is told apart (ErrRepeated) when it comes twice; it may be "".
//
// The ledger counts what does not decrypt, what was used and what was delayed as wrong
// codes; after five everybody waits, after twenty the credential is locked. A refused
// OTP spends nothing. An OTP of another key is no attempt.
func Check(ctx context.Context, v ledger.Verifier, c Credential, o OTP, request string, now time.Time) (Token, error) {
	if _, err := c.opened(); err != nil {
		return Token{}, err
	}
	if o.reveal == nil || o.public != c.public {
		return Token{}, fmt.Errorf("%v for key %s: %w", o, c.ID(), ErrOtherKey)
	}
	var t Token
	err := v.CheckCounted(ctx, c.ID(), now, func() (counted ledger.Counted, err error) {
		t, counted, err = c.Count(o, request, now)
		return counted, err
	})
	if err != nil {
		return Token{}, err
	}
	return t, nil
}

// Count decrypts an OTP into what a ledger has to know of it: for who spends it in a
// transaction of their own, with ledger.Verifier.SpendCounted. Its refusals are Check's.
func (c Credential) Count(o OTP, request string, now time.Time) (Token, ledger.Counted, error) {
	t, err := c.Open(o)
	m := mark{t.Step(), t.Timestamp, now.UnixMilli(), short(request)}
	return t, ledger.Counted{Step: t.Step(), Mark: m.String(), Refuse: m.after}, err
}

// Place takes an OTP that was made just now, before the eyes of who vouches for it, as
// where the key stands: all up to it count as used. It is how a credential is proved
// when it is added, and how its counters are set again when a ledger was restored.
func Place(ctx context.Context, v ledger.Verifier, c Credential, o OTP, now time.Time) (Token, error) {
	t, err := c.Open(o)
	if err == nil {
		err = v.Advance(ctx, c.ID(), t.Step()+1, now)
	}
	if err != nil {
		return Token{}, fmt.Errorf("%v: %w", o, err)
	}
	return t, nil
}

// mark is what is remembered of the OTP that was accepted last.
type mark struct {
	step    int64
	ticks   uint32
	at      int64 // our clock then, in milliseconds
	request string
}

func (m mark) String() string {
	return fmt.Sprintf("%d %d %d %s", m.step, m.ticks, m.at, m.request)
}

func parseMark(text string) (m mark, err error) {
	_, err = fmt.Sscanf(text, "%d %d %d %s", &m.step, &m.ticks, &m.at, &m.request)
	if err != nil || m.String() != text {
		return mark{}, errors.New("what the ledger remembers of the last OTP cannot be read: restore the ledger, or add the key again")
	}
	return m, nil
}

const noRequest = "-"

// short names a request in few letters, as it may be long and is somebody else's.
func short(request string) string {
	if request == "" {
		return noRequest
	}
	sum := sha256.Sum256([]byte(request))
	return fmt.Sprintf("%x", sum[:12])
}

// after may refuse an OTP by what was accepted last. That the step has to be above the
// last one is the ledger's rule, and it is held to after this.
func (m mark) after(last string) error {
	if last == "" {
		return nil
	}
	before, err := parseMark(last)
	switch {
	case err != nil:
		return err
	case m.step == before.step && m.request == before.request && m.request != noRequest:
		return ErrRepeated
	case m.step <= before.step || m.step>>8 != before.step>>8:
		return nil
	}
	if d := m.elapsed(before); d.suspicious() {
		return &d
	}
	return nil
}

// around is when a key's clock begins again: 24 days.
const around = (MaxTimestamp + 1) * tick

const tick = time.Second / 8

// elapsed is what both clocks say. Ours may have been set back, which says nothing. The
// key's may have gone around: as often as agrees best with ours, and it never goes back.
func (m mark) elapsed(before mark) Delayed {
	ours := time.Duration(max(m.at-before.at, 0)) * time.Millisecond
	key := time.Duration((m.ticks-before.ticks)&MaxTimestamp) * tick
	key += (ours - key + around/2) / around * around // nothing where ours is less, as / is towards 0
	return Delayed{Key: key, Ours: ours}
}

func (d Delayed) suspicious() bool {
	by := (d.Ours - d.Key).Abs()
	return by > absolute && float64(by) > relative*float64(d.Ours)
}
