package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func newKey(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Keep the keys of one-time codes, sealed on this machine",
		Long: strings.TrimSpace(`
Keeps the secrets of one-time codes on this machine, each in a sealed file under
$MFAWATCH_HOME (default: $XDG_STATE_HOME/mfawatch, else ~/.local/state/mfawatch):
under a passphrase that is asked for, or for age recipients and KMS keys that
'mfawatch key reseal' names. A secret is never taken from the command line or the
environment, and shown only by 'mfawatch key export' and 'mfawatch key qr'.`),
		Example: "  mfawatch key add ada\n  mfawatch key list",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeyAdd(t), newKeyImport(t), newKeyList(t), newKeyShow(t), newKeyExport(t), newKeyQR(t), newKeyRm(t), newKeyReseal(t), newKeyRestored(t), newKeyClock(t))
	return c
}
