package oath

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"mfawatch/totp"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/apdu"
)

// Code is a code that the key made.
type Code struct {
	Text seal.Secret // its digits
	Step int64       // what it was made of: to be logged. Of hotp, where the key counts, it is -1
}

// Code asks for the code of a step of a totp credential. The step is the caller's to
// lease before: the key makes the code of any, also of one that is long over or has not
// begun. The call waits for a touch where the credential wants one.
func (s *Session) Code(ctx context.Context, c Credential, step int64) (Code, error) {
	switch {
	case c.Kind != totp.TOTP:
		return Code{}, fmt.Errorf("code of %q: it does not go by time: ask for the next code", c.ID)
	case step < 0:
		return Code{}, fmt.Errorf("code of %q: step %d is before 1970", c.ID, step)
	case c.Period < 1:
		return Code{}, fmt.Errorf("code of %q: its name says a period of 0: rename it", c.ID)
	}
	return s.calculate(ctx, c, binary.BigEndian.AppendUint64(nil, uint64(step)), step)
}

// Next asks for the next code of an hotp credential. The key counts it as used.
func (s *Session) Next(ctx context.Context, c Credential) (Code, error) {
	if c.Kind != totp.HOTP {
		return Code{}, fmt.Errorf("code of %q: it does not count: ask for the code of a step", c.ID)
	}
	return s.calculate(ctx, c, nil, -1)
}

func (s *Session) calculate(ctx context.Context, c Credential, challenge []byte, step int64) (Code, error) {
	if s.Locked() {
		return Code{}, ErrLocked
	}
	if s.Waiting != nil {
		defer apdu.WhenBlinking(func() { s.Waiting(c) })()
	}
	data := apdu.AppendTLV(apdu.AppendTLV(nil, tagName, []byte(c.ID)), tagChallenge, challenge)
	answer, err := s.app.Do(ctx, apdu.Command{Ins: insCalculate, P2: 1, Data: data, Patience: apdu.Touched})
	switch {
	case errors.Is(err, apdu.Refused): // unlocked, so it is not the password that is missing
		return Code{}, fmt.Errorf("code of %q: %w", c.ID, apdu.ErrTouch)
	case errors.Is(err, context.DeadlineExceeded): // the caller's patience
		return Code{}, fmt.Errorf("code of %q: %w (%w)", c.ID, apdu.ErrTouch, err)
	case err != nil:
		return Code{}, s.about("code of", c, err)
	}
	value, err := single(answer, tagTruncated)
	if err != nil {
		return Code{}, fmt.Errorf("code of %q: %w", c.ID, err)
	}
	return digits(c, value, step)
}

// digits makes the code of a truncated response: how many digits, and 31 bits.
func digits(c Credential, value []byte, step int64) (Code, error) {
	if len(value) != 5 || value[0] < 6 || value[0] > 8 {
		return Code{}, fmt.Errorf("code of %q: %w (no truncated response of 6 to 8 digits)", c.ID, apdu.ErrMalformed)
	}
	mod := uint32(1)
	for range value[0] {
		mod *= 10
	}
	n := binary.BigEndian.Uint32(value[1:]) & 0x7fffffff % mod
	return Code{Text: seal.NewSecret(fmt.Appendf(nil, "%0*d", value[0], n)), Step: step}, nil
}

// Entry is a credential with what only asking for all codes tells.
type Entry struct {
	Credential
	Touch bool // each code wants a touch. Of hotp the key does not tell
	Code  Code // of the step; empty for hotp, where a touch is wanted, and where the period is not 30
}

// All asks for the codes of one step of 30 seconds, of everything that needs no touch.
// A code that is not wanted is better not made: Code asks for one.
func (s *Session) All(ctx context.Context, step int64) ([]Entry, error) {
	all, err := s.all(ctx, step)
	if err != nil {
		return nil, fmt.Errorf("codes of all credentials: %w", err)
	}
	return all, nil
}

func (s *Session) all(ctx context.Context, step int64) ([]Entry, error) {
	if step < 0 {
		return nil, fmt.Errorf("step %d is before 1970", step)
	}
	data := apdu.AppendTLV(nil, tagChallenge, binary.BigEndian.AppendUint64(nil, uint64(step)))
	answer, err := s.do(ctx, apdu.Command{Ins: insCalculateAll, P2: 1, Data: data})
	if err != nil {
		return nil, err
	}
	values, err := apdu.ParseTLVs(answer)
	if err != nil {
		return nil, err
	}
	if len(values)%2 != 0 {
		return nil, fmt.Errorf("%w (a name without a response)", apdu.ErrMalformed)
	}
	var all []Entry
	for ; len(values) > 0; values = values[2:] {
		e, err := entry(values[0], values[1], step)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func entry(name, answer apdu.TLV, step int64) (Entry, error) {
	id := string(name.Value)
	if name.Tag != tagName || id == "" {
		return Entry{}, fmt.Errorf("%w (no name)", apdu.ErrMalformed)
	}
	switch answer.Tag {
	case tagHOTP:
		return Entry{Credential: named(id, totp.HOTP)}, nil
	case tagTouch:
		return Entry{Credential: named(id, totp.TOTP), Touch: true}, nil
	case tagTruncated:
		e := Entry{Credential: named(id, totp.TOTP)}
		code, err := digits(e.Credential, answer.Value, step)
		if err == nil && e.Period == defaultPeriod {
			e.Code = code
		}
		return e, err
	}
	return Entry{}, fmt.Errorf("%w (response %02x)", apdu.ErrMalformed, answer.Tag)
}
