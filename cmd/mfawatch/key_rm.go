package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/keyring"
)

func newKeyRm(t terminal) *cobra.Command {
	var yes string
	c := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a key from this machine",
		Long: strings.TrimSpace(`
Removes the sealed file of a key, after its name was typed again. What was used of the
key stays remembered, so that a key that comes back gives no code twice. Where the key
is of an AWS device, AWS goes on asking for its codes: remove the device there first.

Exit codes: 0 removed, 5 no such key, 6 two keys fit the name.`),
		Example: strings.TrimRight(`
  mfawatch key rm old
  mfawatch key rm old --yes old     # in a script`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return ringError(runKeyRm(c.Context(), t, yes, args[0])) },
	}
	c.Flags().StringVar(&yes, "yes", "", "the key's name again, in the place of asking for it")
	return c
}

func runKeyRm(ctx context.Context, t terminal, yes, ref string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	closed, err := h.closed()
	if err != nil {
		return err
	}
	e, err := removable(closed, ref)
	if err != nil {
		return err
	}
	if e.Device != "" {
		fmt.Fprintf(t.err, "AWS asks for codes of %s as long as that device is there: without this key nobody here can make them. See 'aws iam deactivate-mfa-device'.\n", report.Plain(e.Device))
	}
	if yes == "" {
		if yes, err = retyped(ctx, t, "Type the key's name to remove it"); err != nil {
			return fmt.Errorf("%w: give the name again with --yes", err)
		}
	}
	if yes != e.Name {
		return usage("the name that was typed is not %q: nothing is removed", e.Name)
	}
	if err := patiently(func() error { return closed.Delete(e.Name) }); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Removed %s. Backups and snapshots of the disk may still hold it, sealed.\n", report.Plain(e.Name))
	return nil
}

// removable is a key as others find it. Where a file is damaged, its key is found by
// its name only, and nothing is known of it.
func removable(ring keyring.Ring, ref string) (keyring.Entry, error) {
	e, err := ring.Find(ref)
	if _, unread := ring.List(); unread != nil && err != nil && !errors.Is(err, keyring.ErrAmbiguous) {
		return keyring.Entry{Name: ref}, nil
	}
	return e, err
}
