package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
	"mfawatch/totp/seal"
)

// sealedCodes are codes of a key that is open.
func sealedCodes(b *bench, e keyring.Entry, k totp.Key) device.Sealed {
	return device.Sealed{Serial: e.Device, Prover: b.prover(), Say: b.t.say, Open: func(context.Context) (totp.Key, error) { return k, nil }}
}

// keep seals the keys of new devices under their names: device.Keep.
type keep struct {
	*opener
	name   string
	keys   seal.Keys
	prover ledger.Prover
}

func (k keep) Put(ctx context.Context, serial string, key totp.Key, over bool) error {
	ring, err := k.home.ring(k.keys)
	if err != nil {
		return err
	}
	if over {
		e, err := k.find(serial)
		if err != nil {
			return err
		}
		return ring.Replace(ctx, e.Name, serial, key)
	}
	return ring.Put(ctx, k.name, serial, key)
}

// Has opens the key, to find out now if it does not open.
func (k keep) Has(ctx context.Context, serial string) (bool, error) {
	_, err := k.open(ctx, serial)
	if errors.Is(err, keyring.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (k keep) open(ctx context.Context, serial string) (totp.Key, error) {
	e, err := k.find(serial)
	if err != nil {
		return totp.Key{}, err
	}
	return k.key(ctx, e)
}

func (k keep) Codes(serial string) device.Codes {
	return device.Sealed{Serial: serial, Prover: k.prover, Say: k.t.say, Open: func(ctx context.Context) (totp.Key, error) { return k.open(ctx, serial) }}
}

type enrolFlags struct {
	deviceFlags
	path    string
	tags    map[string]string
	verify  bool
	judged  bool // --verify was given
	noTouch bool
}

func (f *enrolFlags) add(c *cobra.Command) {
	f.deviceFlags.add(c)
	c.Flags().StringVar(&f.path, "path", "/", "path of the new device in IAM")
	c.Flags().StringToStringVar(&f.tags, "tag", nil, "tag of the new device, as owner=security; can be given again")
}

// enrolment is a device of that name, whose key is sealed under it. What could not be
// sealed is found out before AWS makes a seed.
func (f enrolFlags) enrolment(ctx context.Context, b *bench, name string) (device.Enrolment, error) {
	e := device.Enrolment{User: f.user, Name: name, Path: f.path, Tags: f.tags, Verify: f.verify}
	if f.onKey {
		e.Keep = &keyKeep{yubikey: b.inHand(), b: b, noTouch: f.noTouch}
		return e, nil
	}
	if f.noTouch {
		return e, usage("--no-touch goes with --yubikey")
	}
	if e, err := b.find(name); err == nil && !strings.HasSuffix(e.Device, "/"+name) {
		return device.Enrolment{}, fmt.Errorf("there is a key %q already, of another device: choose another name", name)
	}
	keys, err := b.both(ctx)
	if err != nil {
		return device.Enrolment{}, err
	}
	e.Keep = keep{b.opener, name, keys, b.prover()}
	return e, nil
}

func newDeviceCreate(t terminal) *cobra.Command {
	var f enrolFlags
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a virtual MFA device, seal its seed here, and enable it",
		Long: strings.TrimSpace(`
Creates a virtual MFA device in AWS, seals its seed under NAME before anything else,
and enables it with two codes that follow each other, which takes up to a minute. The
seed is in no file but the sealed one. Run again after it was interrupted, it goes
on, or removes what nobody has the seed of and begins anew.

With --yubikey the seed goes onto a YubiKey and nowhere else. The device is enabled with
two touches, and proved with a session, by a third, where the caller is the user. What
was enrolled is written down: 'mfawatch yubikey inventory'.

A key on the machine that also has the user's access key is something one has and
something one has: it stops who stole the access key, and not who took over the
machine. See docs/mfa-devices.md.`),
		Example: strings.TrimRight(`
  mfawatch device create ada-laptop
  mfawatch device create ada-laptop --verify      # and prove it with a session
  mfawatch device create grace --user grace       # for somebody else
  mfawatch device create ada --yubikey            # on the YubiKey that is plugged in
  mfawatch device create grace --yubikey=12345678 --for grace`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f.judged = c.Flags().Changed("verify")
			return ringError(runDeviceCreate(c.Context(), t, f, args[0]))
		},
	}
	f.add(c)
	f.addNoTouch(c)
	c.Flags().BoolVar(&f.verify, "verify", false, "get a session with it and throw it away; needs the user's own access key (default with --yubikey: where the caller is the user)")
	return c
}

func runDeviceCreate(ctx context.Context, t terminal, f enrolFlags, name string) error {
	b, err := f.bench(ctx, t)
	if err != nil {
		return err
	}
	if f.onKey && !f.judged {
		if f.verify, err = f.mayVerify(ctx, b); err != nil {
			return err
		}
	}
	e, err := f.enrolment(ctx, b, name)
	if err != nil {
		return err
	}
	done, err := b.Enrol(ctx, e)
	return f.finish(ctx, t, e, done, err, "enabled")
}

// mayVerify tells whether the caller is the user: others cannot get a session with the
// device.
func (f enrolFlags) mayVerify(ctx context.Context, b *bench) (bool, error) {
	c, err := b.Caller(ctx)
	return c.User != "" && (f.user == "" || f.user == c.User), err
}

// finish tells what was done, and writes down what is on a YubiKey now.
func (f enrolFlags) finish(ctx context.Context, t terminal, e device.Enrolment, done device.Enrolled, err error, did string) error {
	if k, ok := e.Keep.(*keyKeep); ok {
		if err := k.enrolled(ctx, done, err); err != nil {
			return err
		}
		return printOnKey(t, done, k, did)
	}
	if err != nil {
		return err
	}
	return printEnrolled(t, done, e.Name, did)
}

func printEnrolled(t terminal, e device.Enrolled, name, did string) error {
	proved := ""
	if e.Verified {
		proved = ", and a session proved it"
	}
	return writeText(t, "", fmt.Sprintf("%s is %s for %s%s. Its key is sealed as %s: 'mfawatch code %s'.\n", e.Serial, did, report.Plain(e.User), proved, name, name))
}

func newDeviceReplace(t terminal) *cobra.Command {
	var f enrolFlags
	var unproved bool
	c := &cobra.Command{
		Use:   "replace OLD NAME",
		Short: "Put a new virtual device in the place of one: the new one first",
		Long: strings.TrimSpace(`
Creates and enables a new virtual device, proves it with a session, and only then
removes the old one, which is named by its key or its serial number. When anything
fails the old one stays. The old one's sealed key is removed with it.`),
		Example: strings.TrimRight(`
  mfawatch device replace ada-laptop ada-laptop2
  mfawatch device replace GAKT12345678 grace2 --user grace --unproved
  mfawatch device replace ada-laptop ada --yubikey`, "\n"),
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runDeviceReplace(c.Context(), t, f, unproved, args[0], args[1]))
		},
	}
	f.add(c)
	f.addNoTouch(c)
	c.Flags().BoolVar(&unproved, "unproved", false, "remove the old one without a session of the new one, which only the user's own access key can get")
	return c
}

func runDeviceReplace(ctx context.Context, t terminal, f enrolFlags, unproved bool, old, name string) error {
	b, err := f.bench(ctx, t)
	if err != nil {
		return err
	}
	serial, err := b.serial(old)
	if err != nil {
		return err
	}
	e, err := f.enrolment(ctx, b, name)
	if err != nil {
		return err
	}
	done, err := b.Replace(ctx, device.Replacement{Enrolment: e, Old: serial, Unproved: unproved})
	if err != nil {
		return f.finish(ctx, t, e, done, err, "")
	}
	if err := b.forget(ctx, serial); err != nil {
		return err
	}
	return f.finish(ctx, t, e, done, nil, "in the place of "+report.Plain(serial)+", enabled")
}

// forget removes the sealed key of a device that is no more, and its entry in the
// inventory.
func (b *bench) forget(ctx context.Context, serial string) error {
	if err := b.crossOut(ctx, serial); err != nil {
		return err
	}
	e, err := b.find(serial)
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	closed, err := b.home.closed()
	if err != nil {
		return err
	}
	if err := closed.Delete(e.Name); err != nil {
		return fmt.Errorf("the device is gone, and its sealed key is still here: %w", err)
	}
	b.t.say(fmt.Sprintf("the sealed key %q of %s is removed", e.Name, serial))
	return nil
}
