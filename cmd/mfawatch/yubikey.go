package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/keyring"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/card"
	"mfawatch/totp/yubikey/oath"
	"mfawatch/totp/yubikey/pcsc"
	"mfawatch/totp/yubikey/slot"
)

func newYubikey(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "yubikey",
		Short: "Keep seeds on YubiKeys, and check what YubiKeys type",
		Long: strings.TrimSpace(`
Reaches the YubiKeys that are plugged in: the OATH application, which keeps seeds and
makes one-time codes of them when it is touched, and what the slots are set to. It
speaks to pcscd, on Linux. With two keys plugged in, --yubikey says which.

Exit codes: 0 done, 3 a wrong password or OTP, 5 the key has no such credential,
6 more than one fits, 7 the key is locked or busy, 8 no such key, or it was not touched
in time.`),
		Example: "  mfawatch yubikey list\n  mfawatch yubikey oath list",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newYubikeyList(t), newYubikeyInfo(t), newYubikeyOATH(t), newYubikeyInventory(t), newYubikeyOTP(t))
	return c
}

// readers are the way to the keys that are plugged in.
func (t terminal) readers() card.Readers {
	if t.cards != nil {
		return t.cards
	}
	return pcsc.Service{Path: pcsc.Socket(os.Getenv)}
}

func newYubikeyList(t terminal) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the YubiKeys that are plugged in",
		Example: "  mfawatch yubikey list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ringError(runYubikeyList(c.Context(), t, format))
		},
	}
	formatFlag(c, &format, "table", "json")
	return c
}

// pluggedIn is a key as programs read it.
type pluggedIn struct {
	Serial   uint32 `json:"serial,omitempty"` // none: it does not tell
	Firmware string `json:"firmware,omitempty"`
	Form     string `json:"form,omitempty"`
	FIPS     bool   `json:"fips,omitempty"`
	Reader   string `json:"reader"`
	Problem  string `json:"problem,omitempty"`
}

func plugged(i card.Info, reader string) pluggedIn {
	return pluggedIn{Serial: i.Serial, Firmware: i.Firmware.String(), Form: i.Form, FIPS: i.FIPS, Reader: reader}
}

func runYubikeyList(ctx context.Context, t terminal, format string) error {
	found, err := card.Find(ctx, t.readers())
	if err != nil {
		return err
	}
	all := []pluggedIn{}
	for _, f := range found {
		if f.Problem != nil {
			all = append(all, pluggedIn{Reader: f.Reader, Problem: f.Problem.Error()})
			continue
		}
		all = append(all, plugged(f.Info, f.Reader))
	}
	switch {
	case format == "json":
		return printJSON(t, map[string]any{"yubikeys": all})
	case len(all) == 0:
		fmt.Fprintln(t.err, "No YubiKey is plugged in.")
		return nil
	}
	rows := [][]string{{"SERIAL", "FIRMWARE", "FORM", "READER", "PROBLEM"}}
	for _, p := range all {
		rows = append(rows, []string{serialText(p.Serial), p.Firmware, p.Form, p.Reader, p.Problem})
	}
	return printTable(t, rows)
}

func serialText(serial uint32) string {
	if serial == 0 {
		return ""
	}
	return fmt.Sprint(serial)
}

// yubikeyFlags are those of every command that uses one key.
type yubikeyFlags struct {
	unlocking
	serial   uint32
	password string // a file of it
	remember bool
}

func (f *yubikeyFlags) add(c *cobra.Command) {
	f.unlocking.add(c)
	f.addSerial(c)
}

func (f *yubikeyFlags) addSerial(c *cobra.Command) {
	c.Flags().Uint32Var(&f.serial, "yubikey", 0, "serial number of the YubiKey (default: the only one that is plugged in)")
	f.addPassword(c)
}

func (f *yubikeyFlags) addPassword(c *cobra.Command) {
	c.Flags().StringVar(&f.password, "oath-password-file", "", "file that holds the password of the key's OATH application, readable by you only (default: $MFAWATCH_OATH_PASSWORD_FILE, else it is asked on the terminal)")
	c.Flags().BoolVar(&f.remember, "remember", false, "keep the password of this key sealed on this machine, as keys are")
}

// yubikey is one key in use. The one that is opened first is meant until the end, also
// when another is plugged in meanwhile.
type yubikey struct {
	yubikeyFlags
	*opener
	which  card.Which
	info   card.Info
	access map[string]seal.Secret // by the OATH application's id
}

func (f yubikeyFlags) open(t terminal) (*yubikey, error) {
	h, err := openHome()
	if err != nil {
		return nil, err
	}
	return f.with(&opener{unlocking: f.unlocking, t: t, home: h}), nil
}

func (f yubikeyFlags) with(o *opener) *yubikey {
	return &yubikey{yubikeyFlags: f, opener: o, which: card.Which{Serial: f.serial}, access: map[string]seal.Secret{}}
}

// oath does something with the key's OATH application, unlocked. A person is asked for
// the password while the key is free for other programs, which have to wait otherwise.
func (y *yubikey) oath(ctx context.Context, do func(context.Context, *oath.Session) error) error {
	err := y.attempt(ctx, do)
	wants := (*wantsPassword)(nil)
	if !errors.As(err, &wants) {
		return err
	}
	typed, err := y.askPassword(ctx)
	if err != nil {
		return err
	}
	defer typed.Wipe()
	return y.attempt(ctx, do, typed)
}

// wantsPassword ends an attempt before anything was done.
type wantsPassword struct{ id string }

func (*wantsPassword) Error() string { return "the password has to be asked for" }
func (*wantsPassword) Unwrap() error { return oath.ErrLocked }

func (y *yubikey) attempt(ctx context.Context, do func(context.Context, *oath.Session) error, typed ...seal.Secret) error {
	return y.use(ctx, func(ctx context.Context, k *card.Key) error {
		s, err := oath.Select(ctx, k)
		if err != nil {
			return err
		}
		s.Waiting = func(c oath.Credential) {
			fmt.Fprintf(y.t.err, "Touch YubiKey %s: it blinks.\n", serialText(k.Info.Serial))
		}
		if err := y.unlock(ctx, s, typed); err != nil {
			return err
		}
		return do(ctx, s)
	})
}

// use opens the key that is meant, for as long as somebody who is asked to touch it may
// take; another program that holds it is waited for no longer.
func (y *yubikey) use(ctx context.Context, do func(context.Context, *card.Key) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*apdu.Touched)
	defer cancel()
	return card.Use(ctx, y.t.readers(), y.which, func(ctx context.Context, k *card.Key) error {
		y.info, y.which.Serial = k.Info, k.Info.Serial
		return do(ctx, k)
	})
}

func (y *yubikey) unlock(ctx context.Context, s *oath.Session, typed []seal.Secret) error {
	if !s.Locked() {
		return nil
	}
	access, err := y.accessKey(ctx, s, typed)
	if err != nil {
		return err
	}
	err = s.Unlock(ctx, access)
	if errors.Is(err, oath.ErrPassword) {
		return fmt.Errorf("YubiKey %s: %w: 'mfawatch yubikey oath password --forget' forgets a remembered one", serialText(y.info.Serial), err)
	}
	if err != nil {
		return err
	}
	if y.remember {
		if err := y.keepAccess(ctx, s, access); err != nil {
			return err
		}
	}
	y.access[s.DeviceID()] = access
	return nil
}

// accessKey is of what was typed, of the file, or what is remembered.
func (y *yubikey) accessKey(ctx context.Context, s *oath.Session, typed []seal.Secret) (seal.Secret, error) {
	if access, ok := y.access[s.DeviceID()]; ok {
		return access, nil
	}
	if len(typed) > 0 {
		return s.Derive(typed[0])
	}
	if name := y.passwordFile(); name != "" {
		p, err := seal.PassphraseFile(name)
		if err != nil {
			return seal.Secret{}, err
		}
		defer p.Wipe()
		return s.Derive(p)
	}
	access, err := y.remembered(ctx, s.DeviceID())
	if errors.Is(err, seal.ErrNotFound) {
		return seal.Secret{}, &wantsPassword{s.DeviceID()}
	}
	return access, err
}

func (y *yubikey) passwordFile() string {
	return cmp.Or(y.password, os.Getenv("MFAWATCH_OATH_PASSWORD_FILE"))
}

func (y *yubikey) askPassword(ctx context.Context) (seal.Secret, error) {
	tty, err := y.t.controlling()
	if err != nil {
		return seal.Secret{}, fmt.Errorf("YubiKey %s: %w: there is no terminal to ask on: name a file of it with --oath-password-file or MFAWATCH_OATH_PASSWORD_FILE", serialText(y.info.Serial), oath.ErrLocked)
	}
	defer tty.Close()
	return seal.Ask(ctx, tty, y.t.err, "password of YubiKey "+serialText(y.info.Serial))
}

// accessKind is the sealed kind of the access keys of OATH applications.
const accessKind = "yubikey-oath-access"

func accessName(deviceID string) string { return "yubikey-oath-" + deviceID }

// remembered is a sealed access key.
func (y *yubikey) remembered(ctx context.Context, deviceID string) (seal.Secret, error) {
	h, err := y.home.sealed(accessKind, accessName(deviceID))
	if err != nil {
		return seal.Secret{}, err
	}
	return y.unseal(ctx, h)
}

// sealed is the header of a secret that is no key of codes.
func (h home) sealed(kind, name string) (seal.Header, error) {
	closed, err := h.closed()
	if err != nil {
		return seal.Header{}, err
	}
	all, unread := closed.Seals.List()
	for _, header := range all {
		if header.Kind == kind && header.ID == name {
			return header, nil
		}
	}
	return seal.Header{}, errors.Join(seal.ErrNotFound, unread)
}

func (o *opener) unseal(ctx context.Context, h seal.Header) (seal.Secret, error) {
	keys, err := o.keys(ctx, h.SealedTo)
	if err != nil {
		return seal.Secret{}, err
	}
	ring, err := o.home.ring(keys)
	if err != nil {
		return seal.Secret{}, err
	}
	_, secret, err := ring.Seals.Get(ctx, h.ID)
	return secret, err
}

func (y *yubikey) keepAccess(ctx context.Context, s *oath.Session, access seal.Secret) error {
	ring, err := y.sealer(ctx)
	if err != nil {
		return err
	}
	h := seal.Header{ID: accessName(s.DeviceID()), Kind: accessKind, Label: "YubiKey " + serialText(y.info.Serial)}
	err = ring.Seals.Put(ctx, h, access)
	if errors.Is(err, seal.ErrExists) {
		err = ring.Seals.Replace(ctx, h, access)
	}
	if err != nil {
		return fmt.Errorf("remember the password: %w", err)
	}
	return nil
}

// sealer is the ring with what seals. The ledger comes first: one that is missing beside
// sealed secrets counts as lost.
func (o *opener) sealer(ctx context.Context) (keyring.Ring, error) {
	keys, err := o.both(ctx)
	if err != nil {
		return keyring.Ring{}, err
	}
	if _, _, err := o.home.ledger(ctx); err != nil {
		return keyring.Ring{}, err
	}
	return o.home.ring(keys)
}

// forgetAccess removes a remembered password, where there is one.
func (y *yubikey) forgetAccess(deviceID string) error {
	closed, err := y.home.closed()
	if err != nil {
		return err
	}
	err = closed.Seals.Delete(accessName(deviceID))
	if errors.Is(err, seal.ErrNotFound) {
		return nil
	}
	return err
}

func newYubikeyInfo(t terminal) *cobra.Command {
	var f yubikeyFlags
	var format string
	c := &cobra.Command{
		Use:   "info",
		Short: "Say what a YubiKey is, and what is on it, without a secret",
		Long: strings.TrimSpace(`
Says a key's serial number and firmware, whether its OATH application has a password
and how many credentials, and which slots are set. A key with a password tells its
number of credentials only where the password is given by a file or remembered.`),
		Example: "  mfawatch yubikey info\n  mfawatch yubikey info --yubikey 12345678 --format json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ringError(runYubikeyInfo(c.Context(), t, f, format))
		},
	}
	f.add(c)
	formatFlag(c, &format, "table", "json")
	return c
}

// yubikeyInfo is what 'yubikey info' tells.
type yubikeyInfo struct {
	pluggedIn
	OATH  *oathInfo  `json:"oath,omitempty"` // none: switched off
	Slots []slotInfo `json:"slots"`
}

type oathInfo struct {
	ID          string `json:"id"`
	Password    bool   `json:"password"`
	Credentials *int   `json:"credentials,omitempty"` // none: locked
}

type slotInfo struct {
	Slot  int  `json:"slot"`
	Set   bool `json:"set"`
	Touch bool `json:"touch"`
}

func runYubikeyInfo(ctx context.Context, t terminal, f yubikeyFlags, format string) error {
	y, err := f.open(t)
	if err != nil {
		return err
	}
	info := yubikeyInfo{Slots: []slotInfo{}}
	err = y.use(ctx, func(ctx context.Context, k *card.Key) error {
		info.pluggedIn = plugged(k.Info, k.Reader)
		if err := y.askOATH(ctx, k, &info); err != nil {
			return err
		}
		return askSlots(ctx, k, &info)
	})
	if err != nil {
		return err
	}
	if format == "json" {
		return printJSON(t, info)
	}
	return printTable(t, info.rows())
}

func (y *yubikey) askOATH(ctx context.Context, k *card.Key, info *yubikeyInfo) error {
	s, err := oath.Select(ctx, k)
	if errors.Is(err, apdu.ErrNoApplet) {
		return nil
	}
	if err != nil {
		return err
	}
	info.OATH = &oathInfo{ID: s.DeviceID(), Password: s.HasPassword()}
	err = y.unlock(ctx, s, nil)
	if wants := (*wantsPassword)(nil); errors.As(err, &wants) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := s.List(ctx)
	n := len(all)
	info.OATH.Credentials = &n
	return err
}

func askSlots(ctx context.Context, k *card.Key, info *yubikeyInfo) error {
	s, err := slot.Select(ctx, k)
	if errors.Is(err, apdu.ErrNoApplet) {
		return nil
	}
	if err != nil {
		return err
	}
	for n := 1; n <= 2; n++ {
		info.Slots = append(info.Slots, slotInfo{n, s.Set(n), s.Touch(n)})
	}
	return nil
}

func (i yubikeyInfo) rows() [][]string {
	rows := [][]string{
		{"Serial", serialText(i.Serial)}, {"Firmware", i.Firmware}, {"Form", i.Form}, {"FIPS", yesNo(i.FIPS)}, {"Reader", i.Reader},
	}
	switch o := i.OATH; {
	case o == nil:
		rows = append(rows, []string{"OATH", "switched off"})
	case o.Credentials == nil:
		rows = append(rows, []string{"OATH password", "set"}, []string{"OATH credentials", "locked"})
	default:
		set := "not set"
		if o.Password {
			set = "set"
		}
		rows = append(rows, []string{"OATH password", set}, []string{"OATH credentials", fmt.Sprint(*o.Credentials)})
	}
	for _, s := range i.Slots {
		text := "empty"
		if s.Set {
			text = "set"
		}
		if s.Touch {
			text += ", touch"
		}
		rows = append(rows, []string{fmt.Sprint("Slot ", s.Slot), text})
	}
	return rows
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// plainName is a credential's name as it may be printed.
func plainName(c oath.Credential) string { return report.Plain(c.ID) }

func (y *yubikey) forgetPassword(ctx context.Context) error {
	err := y.use(ctx, func(ctx context.Context, k *card.Key) error {
		s, err := oath.Select(ctx, k)
		if err != nil {
			return err
		}
		return y.forgetAccess(s.DeviceID())
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(y.t.err, "No password of YubiKey %s is remembered here.\n", serialText(y.info.Serial))
	return nil
}
