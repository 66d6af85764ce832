// Package devices keeps the secrets of the emergency door's devices in the door's own
// rows, sealed, and opens them as factors: who enrols writes with it, and the function
// reads.
//
// It promises that a secret is in a row sealed only, to a KMS key under an encryption
// context that names the door and the device, so that the row of one opens as no other's
// and of another door not at all; that a device is what the rules say it is, or does
// not open; that opening costs one read and one call of KMS, whatever the device; and
// that no error shows a secret. What was opened is not kept: each attempt opens anew.
//
// The secrets: of TOTP and HOTP the otpauth URI, of a Yubico OTP credential its text
// (totp/yubikey/otp, Credential.Text) and, on a second line, from which number on its
// OTPs open, of a sheet of recovery codes its pepper of 32 bytes or more
// (totp/breakglass/codes). The row of device ID is device#ID, and holds the sealed file
// in base64.
package devices

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/codes"
	"mfawatch/totp/seal"
)

// Context is the encryption context of all that a door seals. A key policy can ask for
// it.
func Context(door string) map[string]string { return map[string]string{"mfawatch:door": door} }

// Keys seal and open with a KMS key, for a door.
func Keys(kms seal.KMS, keyARN, door string) seal.Keys {
	return seal.Keys{KMS: []seal.Envelope{{KMS: kms, Key: keyARN, Context: Context(door)}}}
}

// Row is the key of a device's row.
func Row(device string) string { return "device#" + device }

// ErrEnrolled is a device that has a secret already.
var ErrEnrolled = errors.New("the device is enrolled: another secret is another device, with another id in the rules")

// Enrol keeps a secret of a device of the rules, which has none yet, and begins its row in
// the ledger, without which the door refuses it. It looks whether the secret is of the
// device's kind, before anything is sealed.
func Enrol(ctx context.Context, store breakglass.Store, keys seal.Keys, d breakglass.Device, secret seal.Secret) error {
	return enrol(ctx, store, keys, d, secret, func(tx breakglass.Tx) error {
		if d.Kind == breakglass.RecoveryCodes { // whose rows are the door's own
			return nil
		}
		return breakglass.Remember(ctx, tx, d.ID)
	})
}

// EnrolProved is Enrol of a device that showed two codes: they are spent with it, or it is
// not enrolled.
func EnrolProved(ctx context.Context, store breakglass.Store, keys seal.Keys, d breakglass.Device, secret seal.Secret, codes totp.Match, now time.Time) error {
	return enrol(ctx, store, keys, d, secret, func(tx breakglass.Tx) error { return breakglass.Proved(ctx, tx, d.ID, codes, now) })
}

func enrol(ctx context.Context, store breakglass.Store, keys seal.Keys, d breakglass.Device, secret seal.Secret, spend func(breakglass.Tx) error) error {
	if _, err := factor(d, secret); err != nil {
		return err
	}
	file, err := seal.Seal(ctx, seal.Header{ID: d.ID, Kind: string(d.Kind)}, secret, keys)
	if err != nil {
		return err
	}
	row := []byte(base64.StdEncoding.EncodeToString(file))
	return store.Transact(ctx, func(tx breakglass.Tx) error {
		there, err := tx.Get(Row(d.ID))
		if err != nil {
			return err
		}
		if there != nil {
			return fmt.Errorf("device %s: %w", d.ID, ErrEnrolled)
		}
		return errors.Join(spend(tx), tx.Put(Row(d.ID), row))
	})
}

// Enrolled tells whether a device has a secret.
func Enrolled(ctx context.Context, store breakglass.Store, device string) (there bool, err error) {
	err = store.Transact(ctx, func(tx breakglass.Tx) error {
		row, err := tx.Get(Row(device))
		there = row != nil
		return err
	})
	return there, err
}

// Sealed are the devices of rules, in rows of a store: breakglass.Factors.
type Sealed struct {
	Store breakglass.Store
	Keys  seal.Keys
	Rules breakglass.Rules
}

// Open opens a device of the rules.
func (s Sealed) Open(ctx context.Context, device string) (breakglass.Factor, error) {
	d, known := find(s.Rules, device)
	if !known {
		return nil, fmt.Errorf("device %s is not in the rules", device)
	}
	var row []byte
	err := s.Store.Transact(ctx, func(tx breakglass.Tx) (err error) { row, err = tx.Get(Row(device)); return err })
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fmt.Errorf("device %s is not enrolled: enrol it", device)
	}
	file, err := base64.StdEncoding.DecodeString(string(row))
	if err != nil {
		return nil, fmt.Errorf("row %s is no sealed file: restore it, or enrol the secret under another id", Row(device))
	}
	h, secret, err := seal.Open(ctx, "row "+Row(device), file, device, s.Keys)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	if h.Kind != string(d.Kind) {
		return nil, fmt.Errorf("device %s is sealed as %s, and the rules say %s: set the rules right", device, h.Kind, d.Kind)
	}
	return factor(d, secret)
}

func find(rules breakglass.Rules, id string) (breakglass.Device, bool) {
	for _, p := range rules.People {
		if i := slices.IndexFunc(p.Devices, func(d breakglass.Device) bool { return d.ID == id }); i >= 0 {
			return p.Devices[i], true
		}
	}
	return breakglass.Device{}, false
}

// slack is how many time steps a code may be off, before and after.
const slack = 1

// factor makes a secret, of which it keeps what it needs, into what checks codes.
func factor(d breakglass.Device, secret seal.Secret) (breakglass.Factor, error) {
	switch d.Kind {
	case breakglass.TOTP, breakglass.HOTP:
		k, err := totp.Parse(string(secret.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("device %s: its secret is no otpauth URI that can be used: enrol it under another id", d.ID)
		}
		if string(k.Settings().Kind) != string(d.Kind) {
			return nil, fmt.Errorf("device %s: its secret is a %s key, and the rules say %s", d.ID, k.Settings().Kind, d.Kind)
		}
		return breakglass.OTP{Key: k, Slack: slack}, nil
	case breakglass.YubicoOTP:
		y, err := parseYubico(secret.Reveal())
		if err != nil {
			return nil, fmt.Errorf("device %s: its secret is no Yubico OTP credential: enrol it under another id", d.ID)
		}
		return y, nil
	case breakglass.RecoveryCodes:
		p, err := codes.NewPepper(bytes.Clone(secret.Reveal()))
		if err != nil {
			return nil, fmt.Errorf("device %s: %w", d.ID, err)
		}
		return codes.Factor{Sheet: d.ID, Pepper: p}, nil
	}
	return nil, fmt.Errorf("device %s: kind %s has no factor", d.ID, d.Kind)
}
