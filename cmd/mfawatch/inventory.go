package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"mfawatch/internal/outfile"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/ledger"
	"mfawatch/totp/yubikey/inventory"
)

// inventoryFile says which device is on which YubiKey.
const inventoryFile = "yubikeys.json"

// inventory is what is written down; nothing where there is no file.
func (h home) inventory() (inventory.List, error) { return readInventory(h.path(inventoryFile), true) }

func readInventory(name string, optional bool) (inventory.List, error) {
	text, err := os.ReadFile(name)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return inventory.List{}, nil
	}
	if err != nil {
		return inventory.List{}, fmt.Errorf("the inventory of YubiKeys: %w", err)
	}
	l, err := inventory.Parse(text)
	if err != nil {
		return inventory.List{}, fmt.Errorf("the inventory of YubiKeys %s: %w", name, err)
	}
	return l, nil
}

// inventoryRow is the ledger's row that lets one process after the other change the
// inventory. Nothing is kept in it.
const inventoryRow = "inventory"

var errUnkept = errors.New("nothing is kept in the row")

// changeInventory reads, changes and writes the inventory while no other process does.
func (h home) changeInventory(ctx context.Context, s ledger.Store, change func(inventory.List) inventory.List) error {
	err := s.Update(ctx, inventoryRow, func([]byte) ([]byte, error) {
		l, err := h.inventory()
		if err != nil {
			return nil, err
		}
		text, err := change(l).Text()
		if err != nil {
			return nil, err
		}
		err = outfile.Write(h.path(inventoryFile), func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
		if err != nil {
			return nil, err
		}
		return nil, errUnkept
	})
	if errors.Is(err, errUnkept) {
		return nil
	}
	return err
}

func newYubikeyInventory(t terminal) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "inventory",
		Short: "List which user's device is on which YubiKey, by whom it was enrolled",
		Long: strings.TrimSpace(`
Prints what 'mfawatch device create --yubikey' wrote down on this machine: AWS itself
cannot tell a YubiKey from an app. 'mfawatch audit --inventory' joins the JSON form, or
the file yubikeys.json of $MFAWATCH_HOME, to an audit.`),
		Example: strings.TrimRight(`
  mfawatch yubikey inventory
  mfawatch yubikey inventory --format json > yubikeys.json`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return ringError(runInventory(t, format)) },
	}
	formatFlag(c, &format, "table", "json", "csv")
	return c
}

func runInventory(t terminal, format string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	l, err := h.inventory()
	if err != nil {
		return err
	}
	switch format {
	case "json":
		text, err := l.Text()
		if err != nil {
			return err
		}
		return writeText(t, "", string(text))
	case "csv":
		return l.CSV(t.out)
	}
	return inventoryTable(t, l)
}

func inventoryTable(t terminal, l inventory.List) error {
	all := l.All()
	if len(all) == 0 {
		fmt.Fprintln(t.err, "No device is on a YubiKey, as far as was written down here: 'mfawatch device create --yubikey' does.")
		return nil
	}
	rows := [][]string{{"USER", "YUBIKEY", "DEVICE", "GRADE", "ENROLLED", "BY"}}
	for _, e := range all {
		rows = append(rows, []string{e.User, serialText(e.YubiKey), e.Device, gradeOf(e).String(), e.Enrolled.Format("2006-01-02 15:04Z"), e.By})
	}
	return printTable(t, rows)
}

// gradeOf is how a device's codes are made that is on a YubiKey.
func gradeOf(e inventory.Entry) breakglass.Grade {
	switch {
	case !e.Touch:
		return breakglass.NoTouch
	case e.Password:
		return breakglass.TouchPassword
	}
	return breakglass.Touch
}
