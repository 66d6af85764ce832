package breakglass

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
)

// Code is what a person typed. Nothing that prints, logs or encodes shows it: the text
// is behind a function, which nothing that walks a value can look into.
type Code struct{ text func() string }

// Typed makes a Code.
func Typed(text string) Code { return Code{func() string { return text }} }

// Reveal gives the text itself, to compare it.
func (c Code) Reveal() string {
	if c.text == nil {
		return ""
	}
	return c.text()
}

const hidden = "[code]"

func (Code) String() string               { return hidden }
func (Code) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(hidden)) }
func (Code) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue is for slog.
func (Code) LogValue() slog.Value { return slog.StringValue(hidden) }

// Factor checks codes of one device, or of one sheet. It is opened for one attempt.
type Factor interface {
	// WellFormed tells what cannot be a code of the device at all, however it was
	// typed: that is no guess and not counted. It must cost and tell nothing of
	// which codes are right.
	WellFormed(Code) error
	// Guessable tells whether codes are few enough to be guessed. Only then a wrong
	// one makes anybody wait: where nobody can guess, a lock would only keep out
	// the rescuer.
	Guessable() bool
	// Begin counts an attempt under an id, in a transaction of its own, before
	// anything is compared. *ledger.Later and ledger.ErrLocked say that no attempt
	// may be made.
	Begin(ctx context.Context, tx Tx, id string, now time.Time) (Guess, error)
}

// Guess is one attempt that was counted.
type Guess interface {
	// Compare is made between the transactions, in a time that does not tell
	// whether or how the code matches. ErrWrong and ErrUsed are refusals, of Spend
	// ErrHeld too.
	Compare(Code) error
	// Spend uses the code up, in the transaction of what it is used for, and forgets
	// failures before it. ErrUsed says that somebody came first.
	Spend(ctx context.Context, tx Tx) error
}

// What a code is refused for. The caller is told neither.
var (
	ErrWrong = errors.New("the code does not match")
	ErrUsed  = errors.New("the code was used, or one after it")
)

// ErrHeld is a code that is right and that its device made at another time than now:
// somebody may have held it back. The caller is told, as who has such a code is no
// guesser, and an honest one has but to make another.
var ErrHeld = errors.New("the code was not made just now")

// Factors opens devices of the rules by id: their secrets are sealed somewhere. An
// error must not hold a secret. It is asked for a decoy, too, where a caller names a
// device that is not theirs.
type Factors interface {
	Open(ctx context.Context, device string) (Factor, error)
}

// OTP is the factor of a TOTP or HOTP key. Two codes that follow each other, with a space
// between them, find a device whose clock or counter is far off; both are used then.
type OTP struct {
	Key   totp.Key
	Slack int       // as ledger.Verifier's
	Floor time.Time // as ledger.Verifier's
}

// WellFormed wants the key's number of digits, once or twice.
func (o OTP) WellFormed(c Code) error {
	first, second, two := strings.Cut(c.Reveal(), " ")
	if !o.Key.WellFormed(first) || two && !o.Key.WellFormed(second) {
		return totp.ErrMalformed
	}
	return nil
}

// Guessable is true: six digits are a million codes.
func (OTP) Guessable() bool { return true }

// Begin counts by the ledger.
func (o OTP) Begin(ctx context.Context, tx Tx, id string, now time.Time) (Guess, error) {
	a, err := o.verifier(tx).Begin(ctx, id, o.Key, now)
	if err != nil {
		return nil, err
	}
	return &otpGuess{otp: o, attempt: a}, nil
}

func (o OTP) verifier(tx Tx) ledger.Verifier {
	return ledger.Verifier{Store: Rows(tx), Slack: o.Slack, Floor: o.Floor}
}

type otpGuess struct {
	otp     OTP
	attempt ledger.Attempt
	match   totp.Match
}

func (g *otpGuess) Compare(c Code) error {
	first, second, two := strings.Cut(c.Reveal(), " ")
	var err error
	if two {
		g.match, err = ledger.Verifier{Floor: g.otp.Floor}.Resync(g.attempt, g.otp.Key, first, second)
	} else {
		g.match, err = g.attempt.Match(g.otp.Key, first)
	}
	return refusedAs(err)
}

func (g *otpGuess) Spend(ctx context.Context, tx Tx) error {
	return refusedAs(g.otp.verifier(tx).Spend(ctx, g.attempt, g.otp.Key, g.match))
}

// Proved spends the codes by which a device was proved, as it is enrolled: they were shown
// to whoever enrolled it, and open nothing.
func Proved(ctx context.Context, tx Tx, device string, m totp.Match, now time.Time) error {
	return ledger.Verifier{Store: Rows(tx)}.Proved(ctx, device, m, now)
}

// Remember begins the ledger's row of a device that is being enrolled, if there is none: the
// door refuses a device without one.
func Remember(ctx context.Context, tx Tx, device string) error {
	return ledger.Verifier{Store: Rows(tx)}.Remember(ctx, device)
}

// refusedAs is a ledger's refusal in the words of factors. A code that may have been
// used before the ledger was restored counts as used.
func refusedAs(err error) error {
	switch {
	case errors.Is(err, totp.ErrNoMatch):
		return ErrWrong
	case errors.Is(err, totp.ErrReplayed), errors.Is(err, ledger.ErrBeforeFloor):
		return ErrUsed
	}
	return err
}

// SpendCounted uses up a code that holds a number which only grows, and all below it, as
// Yubico OTPs do: nobody guesses one, so no row counts the attempt. What it refuses for
// more reasons than the number is returned as it is.
func SpendCounted(ctx context.Context, tx Tx, id string, c ledger.Counted, now time.Time) error {
	return refusedAs(ledger.Verifier{Store: Rows(tx)}.SpendCounted(ctx, ledger.Uncounted(id, now), c))
}
