package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/yubikey/inventory"
	"mfawatch/totp/yubikey/oath"
)

// longestName is what fits on a key: 64 bytes (YKOATH protocol specification).
const longestName = 64

// seconds that a code of a YubiKey stays good for when the key begins to blink.
const toTouch = 13 * time.Second

// keyKeep keeps the seeds of devices on a YubiKey, under their ARNs: device.Keep. A seed
// that is there cannot be read again.
type keyKeep struct {
	*yubikey
	b        *bench
	noTouch  bool
	tried    bool // a seed may be on the key
	password bool // the key has one
}

func credentialOf(serial string) oath.Credential {
	return oath.Credential{ID: serial, Kind: totp.TOTP, Algorithm: totp.SHA1, Period: 30}
}

// Has tells whether the key has the seed. One whose touch is another than is wanted is
// not taken: nobody would notice.
func (k *keyKeep) Has(ctx context.Context, serial string) (bool, error) {
	if len(serial) > longestName {
		return false, fmt.Errorf("a YubiKey takes names of %d bytes, and %s has %d: choose a shorter name or path", longestName, serial, len(serial))
	}
	var touch, there bool
	err := k.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		k.password = s.HasPassword()
		all, err := touches(ctx, s)
		touch, there = all[serial]
		return err
	})
	switch {
	case err != nil:
		return false, err
	case there && touch == k.noTouch && touch:
		return false, fmt.Errorf("YubiKey %s has its seed already, and wants a touch: leave --no-touch out, or delete it first: %s", serialText(k.info.Serial), k.undo(serial))
	case there && touch == k.noTouch:
		return false, fmt.Errorf("YubiKey %s has its seed already, and wants no touch: give --no-touch, or delete it first: %s", serialText(k.info.Serial), k.undo(serial))
	}
	k.tried = there
	return there, nil
}

// Put puts a seed onto the key.
func (k *keyKeep) Put(ctx context.Context, serial string, seed totp.Key, over bool) error {
	if over {
		k.t.say(fmt.Sprintf("YubiKey %s has a seed of %s that is good for nothing any more: it is replaced", serialText(k.info.Serial), serial))
	}
	return k.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		k.tried = true
		_, err := s.Put(ctx, seed, oath.Placement{Name: serial, Touch: !k.noTouch, Replace: over})
		return err
	})
}

// Codes are those that the key makes.
func (k *keyKeep) Codes(serial string) device.Codes { return k.b.keyCodes(k.yubikey, serial) }

// undo is the command that deletes the seed.
func (k *keyKeep) undo(serial string) string {
	which := ""
	if k.info.Serial != 0 {
		which = " --yubikey " + serialText(k.info.Serial)
	}
	return "mfawatch yubikey oath rm " + serial + which
}

// keyCodes are codes of a device whose seed is on a YubiKey.
func (b *bench) keyCodes(y *yubikey, serial string) device.Codes {
	c := credentialOf(serial)
	k := keyCodes{yubikey: y, credential: c, device: serial}
	return device.Sealed{Serial: serial, Prover: b.prover(), Remains: toTouch, Say: b.t.say, At: k.make,
		Open: func(context.Context) (totp.Key, error) { return c.LeaseKey() }}
}

// addYubikey is the flag of commands about devices.
func (f *deviceFlags) addYubikey(c *cobra.Command, what string) {
	f.yubikey.addChoice(c, &f.onKey, what)
}

// inHand is the YubiKey that is meant.
func (b *bench) inHand() *yubikey {
	if b.onKey == nil {
		f := b.f.yubikey
		f.unlocking = b.f.unlocking
		b.onKey = f.with(b.opener)
	}
	return b.onKey
}

// addNoTouch is the flag of commands that put a seed onto a key.
func (f *enrolFlags) addNoTouch(c *cobra.Command) {
	f.addYubikey(c, "put the seed onto a YubiKey, and into no file")
	c.Flags().BoolVar(&f.noTouch, "no-touch", false, "with --yubikey: codes want no touch, and any program that reaches the key can make them")
}

// enrolled ends an enrolment on a YubiKey: what is left on the key where it failed is
// told, and what was done is written down.
func (k *keyKeep) enrolled(ctx context.Context, done device.Enrolled, err error) error {
	if done.Enabled.IsZero() {
		if err != nil && k.tried && done.Serial != "" {
			err = fmt.Errorf("%w\nits seed may be on YubiKey %s; this deletes it there: %s", err, serialText(k.info.Serial), k.undo(done.Serial))
		}
		return err
	}
	return errors.Join(err, k.record(ctx, done))
}

// record writes an enrolment down. One that is there already stays as it is: a second
// run proves nothing about who did the first.
func (k *keyKeep) record(ctx context.Context, done device.Enrolled) error {
	caller, err := k.b.Caller(ctx)
	if err != nil {
		return err
	}
	e := inventory.Entry{Account: caller.Account, User: done.User, YubiKey: k.info.Serial, Device: done.Serial, Touch: !k.noTouch, Password: k.password, Enrolled: done.Enabled, By: caller.ARN}
	err = k.home.changeInventory(ctx, k.b.ledger, func(l inventory.List) inventory.List {
		if old, there := l.Find(e.Device); there && done.Resumed && old.YubiKey == e.YubiKey && old.User == e.User {
			e.Enrolled, e.By = old.Enrolled, old.By
		}
		return l.With(e)
	})
	if err != nil {
		return fmt.Errorf("device %s is enabled, and could not be written down: %w; run this again", done.Serial, err)
	}
	return nil
}

// crossOut takes a device out of the inventory, and tells where its seed is still.
func (b *bench) crossOut(ctx context.Context, serial string) error {
	l, err := b.home.inventory()
	if err != nil {
		return err
	}
	e, there := l.Find(serial)
	if !there {
		return nil
	}
	err = b.home.changeInventory(ctx, b.ledger, func(l inventory.List) inventory.List { return l.Without(serial) })
	if err != nil {
		return err
	}
	k := keyKeep{yubikey: &yubikey{}}
	k.info.Serial = e.YubiKey
	b.t.say(fmt.Sprintf("the seed of %s is good for nothing any more, and still on YubiKey %s; this deletes it there: %s", serial, serialText(e.YubiKey), k.undo(serial)))
	return nil
}

func printOnKey(t terminal, e device.Enrolled, k *keyKeep, did string) error {
	proved, touch := "", "each code wants a touch"
	if e.Verified {
		proved = ", and a session proved it"
	}
	if k.noTouch {
		touch = "codes want no touch"
	}
	return writeText(t, "", fmt.Sprintf("%s is %s for %s%s. Its seed is on YubiKey %s and nowhere else, and %s: 'mfawatch code --yubikey %s'.\n", e.Serial, did, report.Plain(e.User), proved, serialText(k.info.Serial), touch, e.Serial))
}
