package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp"
	"mfawatch/totp/ledger"
)

const (
	// usualValidity is how long a code stays good after it is printed, unless asked
	// otherwise: somebody types it, or a program sends it on.
	usualValidity = 5 * time.Second
	// usualWait is as long as a caller is made to wait unless it said --wait: two steps.
	usualWait = time.Minute
)

type codeFlags struct {
	unlocking
	yubikey  yubikeyFlags
	onKey    bool // --yubikey
	pair     bool
	wait     bool
	validity time.Duration
	format   string
	at       string

	asked bool // --min-validity was given
	time  time.Time
}

func newCode(t terminal) *cobra.Command {
	var f codeFlags
	c := &cobra.Command{
		Use:   "code NAME",
		Short: "Print the one-time code of a key, one that nobody else was given",
		Long: strings.TrimSpace(`
Prints the code of a key that is sealed on this machine: its digits and nothing
else on standard output, what a person should know on standard error. NAME is the
key's whole name, or the whole ARN or serial number of its AWS MFA device.

AWS takes each code once, and nine for each device in three minutes. So a code is
leased: two callers in the same 30 seconds get two codes, the second when its time
comes, and nobody is given a code that AWS would not check. A caller waits for up
to a minute, with --wait as long as it takes.

A program that can run this command has the second factor of whoever owns the key:
see docs/mfa-devices.md.

With --yubikey the code is made by a YubiKey that is plugged in, of the credential of
exactly that name; a key that wants a touch blinks, and says so on standard error.

Exit codes: 0 a code was printed, 3 a wrong password, 5 no such key, 6 two keys fit, 7
too early: later, or with --wait; or the key is locked; 8 no such YubiKey, or it was not
touched in time.`),
		Example: strings.TrimRight(`
  mfawatch code aws
  mfawatch code arn:aws:iam::111122223333:mfa/ada
  mfawatch code aws --pair                     # two that follow each other, to enable or resync
  mfawatch code aws --format json
  mfawatch code --yubikey arn:aws:iam::111122223333:mfa/ada
  mfawatch code --yubikey=12345678 arn:aws:iam::111122223333:mfa/ada
  mfawatch code aws --at 2026-11-26T08:00:00Z  # the code of another time, to compare`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f.asked = c.Flags().Changed("min-validity")
			return ringError(runCode(c.Context(), t, f, args[0]))
		},
	}
	f.unlocking.add(c)
	f.yubikey.addChoice(c, &f.onKey, "take the code of a YubiKey")
	f.addTo(c)
	c.Flags().StringVar(&f.at, "at", "", "time to make the code of, as 2026-11-26T08:00:00Z; such a code is not leased")
	return c
}

// addTo adds the flags of every command that prints codes.
func (f *codeFlags) addTo(c *cobra.Command) {
	c.Flags().BoolVar(&f.pair, "pair", false, "two codes that follow each other, one a line; waits for the second")
	c.Flags().BoolVar(&f.wait, "wait", false, "wait as long as it takes for a code that AWS will check")
	c.Flags().DurationVar(&f.validity, "min-validity", usualValidity, "how long the code has to stay good; waits for the next where it does not")
	formatFlag(c, &f.format, "text", "json")
}

func (f *codeFlags) valid() error {
	switch {
	case f.validity < 0:
		return usage("--min-validity %v is negative", f.validity)
	case f.at == "":
		return nil
	case f.pair || f.wait || f.asked:
		return usage("--at makes the code of a time: --pair, --wait and --min-validity do not go with it")
	}
	at, err := time.Parse(time.RFC3339, f.at)
	if err != nil {
		return usage("--at %q is no time: write 2026-11-26T08:00:00Z", f.at)
	}
	f.time = at
	return nil
}

func runCode(ctx context.Context, t terminal, f codeFlags, name string) error {
	if err := f.valid(); err != nil {
		return err
	}
	if f.onKey {
		return runKeyCode(ctx, t, f, name)
	}
	o, err := f.open(ctx, t, name)
	if err != nil {
		return err
	}
	if f.at != "" {
		return codeAt(t, f, o)
	}
	if s := o.key.Settings(); f.asked && s.Kind == totp.TOTP && f.validity > time.Duration(s.Period)*time.Second {
		return usage("--min-validity %v: a code of %q is good for %d s at most", f.validity, o.Name, s.Period)
	}
	l, err := o.lease(ctx, f)
	if later := (*ledger.Later)(nil); errors.As(err, &later) && !f.wait {
		return fmt.Errorf("%w; --wait does so", err)
	}
	if err != nil {
		return err
	}
	if err := waitUntil(ctx, t, l.From); err != nil {
		return err
	}
	return printCode(t, f.format, o, l)
}

// codeAt makes the code of another time. It is not leased, so it is marked: AWS may take
// it, and then the one who leased it is refused.
func codeAt(t terminal, f codeFlags, o opened) error {
	if o.Kind == totp.HOTP {
		return usage("--at is for codes of time, and %s is a counter's key", o.Name)
	}
	step, err := o.key.Step(f.time)
	if err != nil {
		return fmt.Errorf("--at: %w", err)
	}
	fmt.Fprintf(t.err, "The code of %s, not leased: for comparing only.\n", f.time.UTC().Format(time.RFC3339))
	return printCode(t, f.format, o, ledger.Lease{Step: step, From: o.key.Starts(step), Until: o.key.Starts(step + 1)})
}

func (o opened) lease(ctx context.Context, f codeFlags) (ledger.Lease, error) {
	q := ledger.Request{Device: o.Counted(o.key), Owner: rand.Text(), Purpose: ledger.Code, Pair: f.pair, Remains: f.validity}
	period := time.Duration(o.key.Settings().Period) * time.Second
	if !f.asked { // a key of short steps has no code that is good for that long
		q.Remains = min(q.Remains, period/2)
	}
	if !f.wait {
		q.Patience = max(usualWait, 2*period)
	}
	return ledger.Prover{Store: o.ledger, Floor: o.floor}.Lease(ctx, o.key, q, time.Now())
}

// waitUntil waits for a code's time and says so, unless it is about now. Clocks are set
// and machines sleep, so it looks at the time of day again.
func waitUntil(ctx context.Context, t terminal, from time.Time) error {
	if wait := time.Until(from); wait > time.Second {
		fmt.Fprintf(t.err, "Waiting %.0f s for the next code.\n", wait.Seconds())
	}
	for {
		wait := time.Until(from)
		if wait <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted while waiting for a code: it stays leased, and the next caller gets the one after it")
		case <-time.After(min(wait, time.Second)):
		}
	}
}

// printedCode is a code as programs read it.
type printedCode struct {
	Name       string     `json:"name"`
	Serial     string     `json:"serial,omitempty"`
	Code       string     `json:"code"`
	SecondCode string     `json:"second_code,omitempty"`
	Step       int64      `json:"step"`
	ValidFrom  *time.Time `json:"valid_from,omitempty"`
	ValidUntil *time.Time `json:"valid_until,omitempty"`
	ExpiresIn  *int64     `json:"expires_in,omitempty"` // seconds
}

func printCode(t terminal, format string, o opened, l ledger.Lease) error {
	p := printedCode{Name: o.Name, Serial: o.Device, Step: l.Step}
	var err error
	if p.Code, err = o.key.At(l.Step); err != nil {
		return err
	}
	if l.Pair {
		if p.SecondCode, err = o.key.At(l.Step + 1); err != nil {
			return err
		}
	}
	return p.tell(t, format, o, l)
}

// tell prints codes of a lease with their times.
func (p printedCode) tell(t terminal, format string, o opened, l ledger.Lease) error {
	if !l.Until.IsZero() {
		from, until, left := o.key.Starts(l.Step).UTC(), l.Until.UTC(), int64(time.Until(l.Until)/time.Second)
		p.ValidFrom, p.ValidUntil, p.ExpiresIn = &from, &until, &left
		if left < 0 && !l.From.IsZero() && l.Owner != "" {
			return fmt.Errorf("the code's time went by while it was made, at %s: is the clock being set? Ask for another", until.Format(time.RFC3339))
		}
	}
	if width(t.err) > 0 && p.ExpiresIn != nil && l.Owner != "" {
		fmt.Fprintf(t.err, "%s, good for %d s.\n", report.Plain(cmp.Or(o.Device, o.Name)), *p.ExpiresIn)
	}
	return p.print(t, format)
}

func (p printedCode) print(t terminal, format string) error {
	text := p.Code + "\n"
	if p.SecondCode != "" {
		text += p.SecondCode + "\n"
	}
	if format == "json" {
		return printJSON(t, p)
	}
	return writeText(t, "", text)
}
