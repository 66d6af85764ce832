package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"mfawatch/audit/report"
	"mfawatch/totp/device"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
)

func newDevice(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "device",
		Short: "Create, enable, resync, replace and remove MFA devices of IAM users",
		Long: strings.TrimSpace(`
Keeps the MFA devices of an IAM user that make codes: virtual devices whose key is
sealed on this machine, virtual devices whose seed is on a YubiKey (--yubikey), and
hardware tokens whose codes are typed. Where no --user is
named, the user of the credentials is meant; --for is the same as --user.

AWS wants a session with MFA of whoever has a device and changes one of their own:
such a session is got with a key that is sealed here or on the YubiKey, or a code is
asked for.

Exit codes: 0 done, 3 AWS refused a code, 5 no such device or key, 7 AWS checks no
code now: later, 8 no such YubiKey, or it was not touched in time.`),
		Example: "  mfawatch device list\n  mfawatch device create ada-laptop --verify",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDeviceList(t), newDeviceCreate(t), newDeviceEnable(t), newDeviceResync(t), newDeviceReplace(t), newDeviceDeactivate(t), newDeviceDelete(t))
	return c
}

// deviceFlags are those of every command about devices.
type deviceFlags struct {
	unlocking
	profile, region, user string
	yubikey               yubikeyFlags
	onKey                 bool // --yubikey
}

func (f *deviceFlags) add(c *cobra.Command) {
	f.unlocking.add(c)
	c.Flags().StringVar(&f.profile, "profile", "", "AWS profile")
	c.Flags().StringVar(&f.region, "region", "", "AWS Region (default: the profile's, else us-east-1)")
	c.Flags().StringVar(&f.user, "user", "", "IAM user whose device it is (default: the user of the credentials)")
	c.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "for" { // the same in other words
			name = "user"
		}
		return pflag.NormalizedName(name)
	})
}

// bench is what a command about devices works with.
type bench struct {
	device.Lifecycle
	*opener
	f      deviceFlags
	cfg    aws.Config
	ledger ledger.Store
	floor  time.Time
	onKey  *yubikey // once it is used
}

func (f deviceFlags) bench(ctx context.Context, t terminal) (*bench, error) {
	h, err := openHome()
	if err != nil {
		return nil, err
	}
	cfg, err := awsConfig(ctx, t, f.profile, f.region)
	if err != nil {
		return nil, err
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1" // IAM is asked there for every Region of the partition
	}
	b := &bench{opener: &opener{unlocking: f.unlocking, t: t, home: h}, f: f, cfg: cfg}
	if b.ledger, b.floor, err = h.ledger(ctx); err != nil {
		return nil, err
	}
	b.Lifecycle = device.Lifecycle{IAM: iam.NewFromConfig(cfg), STS: sts.NewFromConfig(cfg), Say: t.say, MFA: b.withMFA}
	return b, nil
}

// say tells a person what takes long or was cleaned up.
func (t terminal) say(text string) { fmt.Fprintf(t.err, "mfawatch: %s\n", report.Plain(text)) }

func (b *bench) prover() ledger.Prover { return ledger.Prover{Store: b.ledger, Floor: b.floor} }

// codes are those of the YubiKey if that is meant, or of a key that is sealed here, else
// what a person types.
func (b *bench) codes(ctx context.Context, serial string, typed bool) (device.Codes, error) {
	if b.f.onKey && !typed {
		if _, err := b.inHand().credential(ctx, serial); err != nil {
			return nil, err
		}
		return b.keyCodes(b.inHand(), serial), nil
	}
	e, err := b.find(serial)
	switch {
	case typed || errors.Is(err, keyring.ErrNotFound):
		return device.NewTyped(serial, b.t.typed), nil
	case err != nil:
		return nil, err
	}
	k, err := b.opener.key(ctx, e)
	if err != nil {
		return nil, err
	}
	return sealedCodes(b, e, k), nil
}

// typed asks for a code at the terminal, or reads a line of standard input.
func (t terminal) typed(ctx context.Context, prompt string) (string, error) {
	line, err := t.readLine(prompt + ": ")
	if err != nil && ctx.Err() != nil {
		fmt.Fprintln(t.err)
		return "", gaveUp{ctx.Err()}
	}
	return line, err
}

// gaveUp is an interrupt at a prompt. What was sent before it is another matter.
type gaveUp struct{ error }

func (gaveUp) Error() string {
	return "interrupted at the prompt: nothing typed there was sent, and no code of it was used"
}

func (g gaveUp) Unwrap() error { return g.error }

// serial is the device that is meant by a key's name, or by its own serial number.
func (b *bench) serial(ref string) (string, error) {
	e, err := b.find(ref)
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return ref, nil
	case err != nil:
		return "", err
	case e.Device == "":
		return "", fmt.Errorf("key %q is of no AWS device: name the device by its serial number or ARN", e.Name)
	}
	return e.Device, nil
}

// withMFA is IAM in a session with MFA of the caller: by the first of the caller's
// devices whose key is sealed here, else on the YubiKey that is meant, else by one whose
// code a person can type.
func (b *bench) withMFA(ctx context.Context) (device.IAM, error) {
	all, err := b.List(ctx, "")
	if err != nil {
		return nil, err
	}
	serial, codes, err := b.second(ctx, all)
	if err != nil {
		return nil, err
	}
	b.t.say("AWS wants a session with MFA for this: getting one with " + serial)
	c, err := (device.Sessions{STS: b.STS, IAM: b.IAM, Say: b.t.say}).GetSession(ctx, device.Request{Serial: serial, Codes: codes, Duration: 15 * time.Minute})
	if err != nil {
		return nil, err
	}
	cfg := b.cfg.Copy()
	cfg.Credentials = staticCredentials(c)
	return iam.NewFromConfig(cfg), nil
}

// second is the device to show AWS a code of, and what makes its codes.
func (b *bench) second(ctx context.Context, all []device.Device) (string, device.Codes, error) {
	all = slices.DeleteFunc(all, func(d device.Device) bool { return !d.Kind.MakesCodes() })
	for _, d := range all {
		if e, err := b.find(d.Serial); err == nil {
			k, err := b.opener.key(ctx, e)
			return d.Serial, sealedCodes(b, e, k), err
		}
	}
	for _, d := range all {
		if !b.f.onKey {
			break
		}
		if _, err := b.inHand().credential(ctx, d.Serial); err == nil {
			return d.Serial, b.keyCodes(b.inHand(), d.Serial), nil
		}
	}
	switch f, ok := b.t.file(); {
	case len(all) == 0:
		return "", nil, errors.New("the user has no device that makes codes: use another's credentials, or the console")
	case !ok || !term.IsTerminal(int(f.Fd())):
		return "", nil, fmt.Errorf("the key of %s is not sealed here, and there is no terminal to type its code on; --yubikey takes it from a YubiKey", all[len(all)-1].Serial)
	}
	serial := all[len(all)-1].Serial
	return serial, device.NewTyped(serial, b.t.typed), nil
}

type deviceRow struct {
	Serial  string     `json:"serial"`
	Kind    string     `json:"kind"`
	User    string     `json:"user,omitempty"`
	Enabled *time.Time `json:"enabled,omitempty"`
	Key     string     `json:"key,omitempty"`     // under which its key is sealed here
	YubiKey uint32     `json:"yubikey,omitempty"` // that has its seed, by the inventory
}

func newDeviceList(t terminal) *cobra.Command {
	var f deviceFlags
	var unassigned bool
	var format string
	c := &cobra.Command{
		Use:   "list",
		Short: "List a user's MFA devices, of every kind",
		Example: strings.TrimRight(`
  mfawatch device list
  mfawatch device list --user ada --format json
  mfawatch device list --unassigned    # virtual devices that nobody uses`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ringError(runDeviceList(c.Context(), t, f, unassigned, format))
		},
	}
	f.add(c)
	c.Flags().BoolVar(&unassigned, "unassigned", false, "virtual devices of the account that no user has")
	formatFlag(c, &format, "table", "json")
	return c
}

func runDeviceList(ctx context.Context, t terminal, f deviceFlags, unassigned bool, format string) error {
	if unassigned && f.user != "" {
		return usage("--unassigned devices are no user's: leave --user out")
	}
	b, err := f.bench(ctx, t)
	if err != nil {
		return err
	}
	var all []device.Device
	if unassigned {
		all, err = b.Unassigned(ctx)
	} else {
		all, err = b.List(ctx, f.user)
	}
	if err != nil {
		return err
	}
	known, err := b.home.inventory()
	if err != nil {
		return err
	}
	rows := make([]deviceRow, 0, len(all))
	for _, d := range all {
		row := deviceRow{Serial: d.Serial, Kind: string(d.Kind), User: d.User}
		if !d.Enabled.IsZero() {
			row.Enabled = &d.Enabled
		}
		if e, err := b.find(d.Serial); err == nil {
			row.Key = e.Name
		}
		if e, there := known.Find(d.Serial); there {
			row.YubiKey = e.YubiKey
		}
		rows = append(rows, row)
	}
	return printDevices(t, rows, format)
}

func printDevices(t terminal, rows []deviceRow, format string) error {
	if format == "json" {
		return printJSON(t, rows)
	}
	if len(rows) == 0 {
		return writeText(t, "", "No devices.\n")
	}
	table := [][]string{{"SERIAL", "KIND", "USER", "ENABLED", "KEY HERE"}}
	for _, r := range rows {
		if r.Key == "" && r.YubiKey != 0 {
			r.Key = "on YubiKey " + serialText(r.YubiKey)
		}
		enabled := ""
		if r.Enabled != nil {
			enabled = r.Enabled.UTC().Format(time.DateOnly)
		}
		table = append(table, []string{r.Serial, r.Kind, r.User, enabled, r.Key})
	}
	return printTable(t, table)
}
