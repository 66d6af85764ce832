package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/ledger"
	"mfawatch/totp/yubikey/oath"
)

// keyChoice is the flag --yubikey[=SERIAL]: whether a YubiKey is meant, and which.
type keyChoice struct {
	on     *bool
	serial *uint32
}

// anyKey is what the flag says without a serial number.
const anyKey = "any"

func (k keyChoice) String() string { return "" }
func (k keyChoice) Type() string   { return "SERIAL" }
func (k keyChoice) Set(text string) error {
	*k.on = true
	if text == anyKey {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return errors.New("it is no serial number of a YubiKey: 'mfawatch yubikey list' tells them")
	}
	*k.serial = uint32(n)
	return nil
}

// addChoice adds --yubikey[=SERIAL] to a command that has another way without.
func (f *yubikeyFlags) addChoice(c *cobra.Command, on *bool, what string) {
	c.Flags().Var(keyChoice{on, &f.serial}, "yubikey", what+"; =SERIAL says which, where two are plugged in")
	c.Flags().Lookup("yubikey").NoOptDefVal = anyKey
	f.addPassword(c)
}

const (
	// touching is how long a person is given to touch the key within a code's step.
	touching = 8 * time.Second
	// touchings are how many codes are tried for somebody who touches too late.
	touchings = 3
)

// keyCodes makes the codes of a credential that a YubiKey has.
type keyCodes struct {
	*yubikey
	credential oath.Credential
	device     string   // what its codes are counted by
	steps      totp.Key // steps as the credential does
}

// codesOf finds a credential by its exact name.
func (y *yubikey) codesOf(ctx context.Context, name string) (keyCodes, error) {
	c, err := y.credential(ctx, name)
	if err != nil {
		return keyCodes{}, err
	}
	k := keyCodes{yubikey: y, credential: c, device: "yubikey " + serialText(y.info.Serial) + " " + c.ID}
	if device.KindOf(c.Label()) == device.Virtual {
		k.device = c.Label()
	}
	k.steps, err = c.LeaseKey()
	return k, err
}

// make asks the key for the code of a step.
func (k keyCodes) make(ctx context.Context, step int64) (string, error) {
	var text string
	err := k.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		code, err := s.Code(ctx, k.credential, step)
		if err != nil {
			return err
		}
		defer code.Text.Wipe()
		text = string(code.Text.Reveal())
		return nil
	})
	return text, err
}

// runKeyCode prints a code of a YubiKey, with the contract of codes that are sealed.
func runKeyCode(ctx context.Context, t terminal, f codeFlags, name string) error {
	if f.at != "" {
		return usage("--at goes with keys that are sealed here: a YubiKey's codes are leased, or not made")
	}
	f.yubikey.unlocking = f.unlocking
	y, err := f.yubikey.open(t)
	if err != nil {
		return err
	}
	k, err := y.codesOf(ctx, name)
	if err != nil {
		return err
	}
	if k.credential.Kind == totp.HOTP {
		return k.next(ctx, f)
	}
	o := opened{key: k.steps}
	o.Name, o.Device = k.credential.Label(), k.device
	if o.ledger, o.floor, err = y.home.ledger(ctx); err != nil {
		return err
	}
	return k.lease(ctx, f, o)
}

// next is a counter's code. The key counts it as used, so nobody else gets it.
func (k keyCodes) next(ctx context.Context, f codeFlags) error {
	if f.pair {
		return usage("--pair is for codes of time, and %s is a counter's", plainName(k.credential))
	}
	p := printedCode{Name: k.credential.Label(), Step: -1}
	err := k.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		code, err := s.Next(ctx, k.credential)
		if err != nil {
			return err
		}
		defer code.Text.Wipe()
		p.Code = string(code.Text.Reveal())
		return nil
	})
	if err != nil {
		return err
	}
	return p.print(k.t, f.format)
}

// lease leases steps until a touch comes in time. A code that came late is shown to
// nobody: it may be over before it is typed.
func (k keyCodes) lease(ctx context.Context, f codeFlags, o opened) error {
	period := time.Duration(k.steps.Settings().Period) * time.Second
	least := f.validity
	if !f.asked {
		least = min(least, period/6)
	}
	for range touchings {
		l, err := k.leased(ctx, f, o, min(least+touching, max(least, period/2)))
		if err != nil {
			return err
		}
		p, err := k.codes(ctx, o, l)
		if err != nil {
			return err
		}
		if time.Until(l.Until) >= least {
			return p.tell(k.t, f.format, o, l)
		}
		fmt.Fprintln(k.t.err, "The touch came too late for its code, which is not shown: touch again for the next.")
	}
	return fmt.Errorf("code of %q: no touch came in time for its code, %d times: touch the key as soon as it blinks: %w", k.credential.ID, touchings, errLate)
}

// errLate is a touch that came, each time, after its code's time. Its exit code is 8.
var errLate = errors.New("touched too late")

func (k keyCodes) leased(ctx context.Context, f codeFlags, o opened, remains time.Duration) (ledger.Lease, error) {
	q := ledger.Request{Device: k.device, Owner: rand.Text(), Purpose: ledger.Code, Pair: f.pair, Remains: remains, Elsewhere: true}
	if !f.wait {
		q.Patience = max(usualWait, 2*time.Duration(k.steps.Settings().Period)*time.Second)
	}
	l, err := ledger.Prover{Store: o.ledger, Floor: o.floor}.Lease(ctx, k.steps, q, time.Now())
	if later := (*ledger.Later)(nil); errors.As(err, &later) && !f.wait {
		return l, fmt.Errorf("%w; --wait does so", err)
	}
	if err != nil {
		return l, err
	}
	return l, waitUntil(ctx, k.t, l.From)
}

func (k keyCodes) codes(ctx context.Context, o opened, l ledger.Lease) (printedCode, error) {
	p := printedCode{Name: o.Name, Step: l.Step}
	if device.KindOf(o.Device) == device.Virtual {
		p.Serial = o.Device
	}
	var err error
	if p.Code, err = k.make(ctx, l.Step); err == nil && l.Pair {
		p.SecondCode, err = k.make(ctx, l.Step+1)
	}
	return p, err
}
