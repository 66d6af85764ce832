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
	"mfawatch/totp/seal"
)

// sealedCodes are codes of a key that is open.
func sealedCodes(b *bench, e keyring.Entry, k totp.Key) device.Sealed {
	return device.Sealed{Serial: e.Device, Prover: b.prover(), Say: b.t.say, Open: func(context.Context) (totp.Key, error) { return k, nil }}
}

// keep seals the keys of new devices under their names: device.Keep.
type keep struct {
	*opener
	name string
	keys seal.Keys
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

func (k keep) Open(ctx context.Context, serial string) (totp.Key, error) {
	e, err := k.find(serial)
	if errors.Is(err, keyring.ErrNotFound) {
		return totp.Key{}, fmt.Errorf("%w: %w", seal.ErrNotFound, err)
	}
	if err != nil {
		return totp.Key{}, err
	}
	return k.key(ctx, e)
}

type enrolFlags struct {
	deviceFlags
	path   string
	tags   map[string]string
	verify bool
}

func (f *enrolFlags) add(c *cobra.Command) {
	f.deviceFlags.add(c)
	c.Flags().StringVar(&f.path, "path", "/", "path of the new device in IAM")
	c.Flags().StringToStringVar(&f.tags, "tag", nil, "tag of the new device, as owner=security; can be given again")
}

// enrolment is a device of that name, whose key is sealed under it. What could not be
// sealed is found out before AWS makes a seed.
func (f enrolFlags) enrolment(ctx context.Context, b *bench, name string) (device.Enrolment, error) {
	if e, err := b.find(name); err == nil && !strings.HasSuffix(e.Device, "/"+name) {
		return device.Enrolment{}, fmt.Errorf("there is a key %q already, of another device: choose another name", name)
	}
	keys, err := b.both(ctx)
	if err != nil {
		return device.Enrolment{}, err
	}
	return device.Enrolment{User: f.user, Name: name, Path: f.path, Tags: f.tags, Keep: keep{b.opener, name, keys}, Prover: b.prover(), Verify: f.verify}, nil
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

A key on the machine that also has the user's access key is something one has and
something one has: it stops who stole the access key, and not who took over the
machine. See docs/mfa-devices.md.`),
		Example: strings.TrimRight(`
  mfawatch device create ada-laptop
  mfawatch device create ada-laptop --verify      and prove it with a session
  mfawatch device create grace --user grace       for somebody else`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runDeviceCreate(c.Context(), t, f, args[0]))
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.verify, "verify", false, "get a session with it and throw it away; needs the user's own access key")
	return c
}

func runDeviceCreate(ctx context.Context, t terminal, f enrolFlags, name string) error {
	b, err := f.bench(ctx, t)
	if err != nil {
		return err
	}
	e, err := f.enrolment(ctx, b, name)
	if err != nil {
		return err
	}
	done, err := b.Enrol(ctx, e)
	if err != nil {
		return err
	}
	return printEnrolled(t, done, name, "enabled")
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
  mfawatch device replace GAKT12345678 grace2 --user grace --unproved`, "\n"),
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runDeviceReplace(c.Context(), t, f, unproved, args[0], args[1]))
		},
	}
	f.add(c)
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
		return err
	}
	if err := b.forget(serial); err != nil {
		return err
	}
	return printEnrolled(t, done, name, "in the place of "+report.Plain(serial)+", enabled")
}

// forget removes the sealed key of a device that is no more.
func (b *bench) forget(serial string) error {
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
