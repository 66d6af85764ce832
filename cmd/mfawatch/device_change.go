package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/device"
)

// changing is a command about one device, which is named by its key or serial number.
func changing(t terminal, use, short, long, example string, more func(*cobra.Command, *deviceFlags), run func(ctx context.Context, b *bench, serial string) error) *cobra.Command {
	var f deviceFlags
	c := &cobra.Command{
		Use: use, Short: short, Long: strings.TrimSpace(long), Example: strings.TrimRight(example, "\n"), Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := f.bench(c.Context(), t)
			if err != nil {
				return ringError(err)
			}
			serial, err := b.serial(args[0])
			if err != nil {
				return ringError(err)
			}
			return ringError(run(c.Context(), b, serial))
		},
	}
	f.add(c)
	more(c, &f)
	return c
}

func newDeviceEnable(t terminal) *cobra.Command {
	typed := false
	return changing(t, "enable DEVICE", "Enable a device that is there: a hardware token, or what was created elsewhere", `
Gives a device to a user with two codes that follow each other: made from its key if
that is sealed here, else typed. A hardware token is named by the serial number that
is printed on it.`, `
  mfawatch device enable GAKT12345678 --user ada`,
		func(c *cobra.Command, f *deviceFlags) { typedFlag(c, &typed, f) },
		func(ctx context.Context, b *bench, serial string) error {
			codes, err := b.codes(ctx, serial, typed)
			if err != nil {
				return err
			}
			if _, err := b.Enable(ctx, b.f.user, serial, codes); err != nil {
				return err
			}
			return writeText(t, "", "Enabled "+report.Plain(serial)+".\n")
		})
}

func typedFlag(c *cobra.Command, typed *bool, f *deviceFlags) {
	f.addYubikey(c, "take the codes of a YubiKey that has the device's seed under its ARN")
	c.Flags().BoolVar(typed, "typed", false, "ask for the codes, also where the key is sealed here")
}

func newDeviceResync(t terminal) *cobra.Command {
	typed := false
	return changing(t, "resync DEVICE", "Tell AWS how far off a device's clock is", `
Shows AWS two codes that follow each other, newer than any it took before: made from
the device's key if that is sealed here, else typed.`, `
  mfawatch device resync ada-laptop
  mfawatch device resync GAKT12345678
  mfawatch device resync arn:aws:iam::111122223333:mfa/ada --yubikey`,
		func(c *cobra.Command, f *deviceFlags) { typedFlag(c, &typed, f) },
		func(ctx context.Context, b *bench, serial string) error {
			codes, err := b.codes(ctx, serial, typed)
			if err != nil {
				return err
			}
			if err := b.Resync(ctx, b.f.user, serial, codes); err != nil {
				return err
			}
			return writeText(t, "", "Resynced "+report.Plain(serial)+".\n")
		})
}

func newDeviceDeactivate(t terminal) *cobra.Command {
	force := false
	return changing(t, "deactivate DEVICE", "Take a device from a user; a virtual one stays in the account, unassigned", `
Takes a device from a user. The last one, or the last that the command line can use,
goes only with --force.`, `
  mfawatch device deactivate GAKT12345678 --user ada`,
		func(c *cobra.Command, f *deviceFlags) { forceFlag(c, &force, f) },
		func(ctx context.Context, b *bench, serial string) error {
			if err := forced(b.Deactivate(ctx, device.Removal{User: b.f.user, Serial: serial, Force: force})); err != nil {
				return err
			}
			return writeText(t, "", "Deactivated "+report.Plain(serial)+".\n")
		})
}

func newDeviceDelete(t terminal) *cobra.Command {
	force := false
	return changing(t, "delete DEVICE", "Deactivate a virtual device and delete it, with its key", `
Takes a virtual device from its user and deletes it, and then the key that is sealed
here. The last one, or the last that the command line can use, goes only with
--force.`, `
  mfawatch device delete ada-laptop`,
		func(c *cobra.Command, f *deviceFlags) { forceFlag(c, &force, f) },
		func(ctx context.Context, b *bench, serial string) error {
			if err := forced(b.Delete(ctx, device.Removal{User: b.f.user, Serial: serial, Force: force})); err != nil {
				return err
			}
			if err := b.forget(ctx, serial); err != nil {
				return err
			}
			return writeText(t, "", "Deleted "+report.Plain(serial)+".\n")
		})
}

func forceFlag(c *cobra.Command, force *bool, f *deviceFlags) {
	f.addYubikey(c, "where AWS wants a session with MFA for this, get it with a YubiKey")
	c.Flags().BoolVar(force, "force", false, "also when the user is left without a device, or without one for the command line")
}

// forced names the flag that goes on.
func forced(err error) error {
	if errors.Is(err, device.ErrLockout) {
		return fmt.Errorf("%w; --force does", err)
	}
	return err
}
