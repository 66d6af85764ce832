package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/totp"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
	"mfawatch/totp/yubikey/inventory"
)

func newKeyList(t terminal) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "List the keys of this machine, and what opens each",
		Long: strings.TrimSpace(`
Lists the keys by name, with what their files say openly. None is opened, so nothing
is asked for. GRADE is how codes are made, from software-local to yubikey-touch-password
(docs/mfa-devices.md). Devices whose seed was put onto a YubiKey here are listed too. A file that cannot be read is told, and the others are listed.`),
		Example: "  mfawatch key list\n  mfawatch key list --format json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return ringError(runKeyList(t, format)) },
	}
	formatFlag(c, &format, "table", "json")
	return c
}

// listedKey is a key as programs read it.
type listedKey struct {
	Name     string    `json:"name"`
	Kind     totp.Kind `json:"kind"`
	Issuer   string    `json:"issuer"`
	Account  string    `json:"account"`
	Device   string    `json:"device"`
	SealedTo []string  `json:"sealed_to"`
	Grade    string    `json:"grade"`             // how its codes are made: docs/mfa-devices.md
	YubiKey  uint32    `json:"yubikey,omitempty"` // its seed is there and not here
}

func inList(e keyring.Entry) listedKey {
	return listedKey{e.Name, cmp.Or(e.Kind, totp.TOTP), e.Issuer, e.Account, e.Device, e.SealedTo, sealedGrade(e.SealedTo).String(), 0}
}

// onYubikey is a key whose seed is on a YubiKey, by the inventory.
func onYubikey(e inventory.Entry) listedKey {
	return listedKey{e.Device, totp.TOTP, "AWS", e.User, e.Device, []string{}, gradeOf(e).String(), e.YubiKey}
}

func runKeyList(t terminal, format string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	closed, err := h.closed()
	if err != nil {
		return err
	}
	all, unread := closed.List()
	l, err := h.inventory()
	unread = errors.Join(unread, err)
	var keys []listedKey
	for _, e := range all {
		keys = append(keys, inList(e))
	}
	for _, e := range l.All() {
		keys = append(keys, onYubikey(e))
	}
	if format == "json" {
		return errors.Join(listJSON(t, keys), unread)
	}
	if len(keys) == 0 && unread == nil {
		fmt.Fprintln(t.err, "No keys: 'mfawatch key add' and 'mfawatch key import' seal some.")
		return nil
	}
	return errors.Join(listTable(t, keys), unread)
}

func listJSON(t terminal, keys []listedKey) error {
	if keys == nil {
		keys = []listedKey{}
	}
	return printJSON(t, map[string]any{"keys": keys})
}

func listTable(t terminal, keys []listedKey) error {
	rows := [][]string{{"NAME", "KIND", "ISSUER", "ACCOUNT", "DEVICE", "GRADE", "SEALED TO"}}
	for _, k := range keys {
		to := strings.Join(k.SealedTo, ", ")
		if len(k.SealedTo) == 0 {
			to = "on YubiKey " + serialText(k.YubiKey)
		}
		rows = append(rows, []string{k.Name, string(k.Kind), k.Issuer, k.Account, k.Device, k.Grade, to})
	}
	return printTable(t, rows)
}

func newKeyShow(t terminal) *cobra.Command {
	var u unlocking
	var format string
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Say how a key makes codes, without its secret and without a code",
		Long: strings.TrimSpace(`
Opens a key and says how its codes are made, and which step is now: what to compare
with the other side when codes are refused. It shows neither the secret nor a code.

Exit codes: 0 shown, 5 no such key, 6 two keys fit the name.`),
		Example: "  mfawatch key show ada",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runKeyShow(c.Context(), t, u, format, args[0]))
		},
	}
	u.add(c)
	formatFlag(c, &format, "text", "json")
	return c
}

// shownKey is a key with its settings.
type shownKey struct {
	listedKey
	Algorithm totp.Algorithm `json:"algorithm"`
	Digits    int            `json:"digits"`
	Period    int64          `json:"period,omitempty"`
	Counter   *int64         `json:"counter,omitempty"`      // when the key was given
	NextCount *int64         `json:"next_counter,omitempty"` // by what was leased here since
	Bits      int            `json:"secret_bits"`
	Step      *int64         `json:"step,omitempty"`
	Next      *time.Time     `json:"next_step_at,omitempty"`
}

func runKeyShow(ctx context.Context, t terminal, u unlocking, format, name string) error {
	o, err := u.open(ctx, t, name)
	if err != nil {
		return err
	}
	p, err := shown(ctx, o, time.Now())
	if err != nil {
		return err
	}
	if format == "json" {
		return printJSON(t, p)
	}
	return writeText(t, "", p.text(width(t.out)))
}

func shown(ctx context.Context, o opened, now time.Time) (shownKey, error) {
	s := o.key.Settings()
	secret, err := totp.DecodeSecret(o.key.Secret())
	if err != nil {
		return shownKey{}, err
	}
	defer clear(secret)
	p := shownKey{listedKey: inList(o.Entry), Algorithm: s.Algorithm, Digits: s.Digits, Period: s.Period, Bits: 8 * len(secret)}
	if s.Kind == totp.HOTP {
		next, err := ledger.Prover{Store: o.ledger, Floor: o.floor}.Counter(ctx, o.key, o.Counted(o.key))
		p.Counter, p.NextCount = &s.Counter, &next
		return p, err
	}
	step, err := o.key.Step(now)
	if err != nil {
		return shownKey{}, err
	}
	next := o.key.Starts(step + 1)
	p.Step, p.Next = &step, &next
	return p, nil
}

func (p shownKey) text(columns int) string {
	var rows [][2]string
	row := func(name, format string, args ...any) {
		rows = append(rows, [2]string{name, fmt.Sprintf(format, args...)})
	}
	row("name", "%s", p.Name)
	row("issuer", "%s", dash(p.Issuer))
	row("account", "%s", p.Account)
	row("device", "%s", dash(p.Device))
	row("sealed to", "%s", strings.Join(p.SealedTo, ", "))
	row("codes", "%d digits by %s", p.Digits, p.Algorithm)
	row("secret", "%d bits, not shown", p.Bits)
	if p.Counter != nil {
		row("moves by", "a counter, which was %d when the key was given", *p.Counter)
		row("next", "%d, as 'mfawatch code' would give it", *p.NextCount)
	} else {
		row("moves by", "time, every %d s", p.Period)
		row("step", "%d until %s", *p.Step, p.Next.Format(time.RFC3339))
	}
	return byName(rows, 0, columns)
}
