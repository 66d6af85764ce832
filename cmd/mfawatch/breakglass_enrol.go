package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/internal/kms"
	"mfawatch/internal/outfile"
	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/codes"
	"mfawatch/totp/breakglass/devices"
	"mfawatch/totp/breakglass/enrol"
	"mfawatch/totp/breakglass/table"
	"mfawatch/totp/qr"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/otp"
)

// rowsFlags lead an administrator to the door's rows and key.
type rowsFlags struct {
	table, ledger, key, door, profile string
}

func (f *rowsFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.table, "table", "", "the door's DynamoDB table")
	c.Flags().StringVar(&f.ledger, "ledger-table", "", "the table of used codes (default: the door's, with -ledger in the place of -breakglass)")
	c.Flags().StringVar(&f.key, "kms-key", "", "ARN of the KMS key that seals devices")
	c.Flags().StringVar(&f.door, "door", "", "the door's name, as the rules have it")
	c.Flags().StringVar(&f.profile, "profile", "", "AWS profile of the administrator")
}

// rows are the door's, in AWS.
func (f rowsFlags) rows(ctx context.Context, t terminal) (enrol.Door, error) {
	name, err := arn.Parse(f.key)
	switch {
	case f.table == "":
		return enrol.Door{}, usage("--table: name the door's table")
	case f.door == "":
		return enrol.Door{}, usage("--door: name the door as the rules do: what is sealed for one opens at no other")
	case err != nil || name.Service != "kms" || name.Region == "":
		return enrol.Door{}, usage("--kms-key %q is not the ARN of a KMS key: write arn:aws:kms:REGION:ACCOUNT:key/ID", f.key)
	}
	cfg, err := awsConfig(ctx, t, f.profile, name.Region)
	if err != nil {
		return enrol.Door{}, err
	}
	ledger := f.ledger
	if ledger == "" {
		ledger = strings.TrimSuffix(f.table, "-breakglass") + "-ledger"
	}
	store := &table.Store{Client: dynamodb.NewFromConfig(cfg), Place: table.Places(f.table, ledger)}
	return enrol.Door{Store: store, Keys: devices.Keys(kms.New(cfg), f.key, f.door)}, nil
}

type enrolDeviceFlags struct {
	rowsFlags
	kind, grade string
	drawn       bool
}

func newBreakglassEnrol(t terminal) *cobra.Command {
	var f enrolDeviceFlags
	c := &cobra.Command{
		Use:   "enrol DEVICE [-]",
		Short: "Enrol a person's device at the door, as an administrator",
		Long: strings.TrimSpace(`
Makes a key for a device and shows it once, as a QR code with --qr or as an otpauth URI on
a terminal; or reads one from standard input with -, an otpauth URI in a line, as of a
YubiKey that was programmed elsewhere. Then two codes that follow each other prove that
the device makes them, and only then the key is sealed to the door's KMS key and put into
the door's rows. A device that is there is not replaced: another secret is another id.

With --kind yubico-otp the device is a slot of a YubiKey that types OTPs. Its public id
(modhex), private id and AES key (hex) are asked for without showing them, or read from
standard input with -, on one line, as 'ykman otp yubiotp' prints them when it programs
the slot. Then two touches of the key prove it. They and all before them open nothing.

Prints the device as the rules want it. Needs kms:GenerateDataKey with the door's
context, and dynamodb:GetItem, PutItem and ConditionCheckItem on the door's table and on
that of used codes: the two codes open nothing then.`),
		Example: strings.TrimRight(`
  mfawatch breakglass enrol ada-totp --qr \
    --door prod --table mfawatch-breakglass \
    --kms-key arn:aws:kms:eu-north-1:111122223333:key/EXAMPLE
  mfawatch breakglass enrol ada-yubikey - --grade yubikey-touch \
    --door prod --table mfawatch-breakglass \
    --kms-key arn:aws:kms:eu-north-1:111122223333:key/EXAMPLE < uri-and-codes.txt
  mfawatch breakglass enrol ada-slot --kind yubico-otp \
    --door prod --table mfawatch-breakglass \
    --kms-key arn:aws:kms:eu-north-1:111122223333:key/EXAMPLE`, "\n"),
		Args: sourceArgs(func(args []string) bool { return len(args) == 1 || len(args) == 2 && args[1] == standardOutput }, "name the device by its id, and - where its otpauth URI, or what its slot was programmed with, is on standard input; a secret in the command line is in your shell's history"),
		RunE: func(c *cobra.Command, args []string) error { return doorError(runEnrol(c.Context(), t, f, args)) },
	}
	f.rowsFlags.add(c)
	c.Flags().StringVar(&f.kind, "kind", "totp", "totp, hotp or yubico-otp; recovery codes are enrolled by 'codes new'")
	c.Flags().StringVar(&f.grade, "grade", "", "how the device makes codes: software-local, sealed-remote, yubikey-no-touch, yubikey-touch, yubikey-touch-password (default: software-local, and yubikey-touch of a yubico-otp)")
	c.Flags().BoolVar(&f.drawn, "qr", false, "draw the key as a QR code on the terminal, to be scanned now")
	return c
}

// device is what would be enrolled, by the flags alone.
func (f enrolDeviceFlags) device(id string) (breakglass.Device, error) {
	d := breakglass.Device{ID: id, Kind: breakglass.Kind(f.kind), Grade: breakglass.Software}
	if d.Kind == breakglass.YubicoOTP { // a slot types when it is touched
		d.Grade = breakglass.Touch
	}
	if !slices.Contains([]breakglass.Kind{breakglass.TOTP, breakglass.HOTP, breakglass.YubicoOTP}, d.Kind) {
		return d, usage("--kind %q is not one of totp, hotp, yubico-otp", f.kind)
	}
	if f.drawn && d.Kind == breakglass.YubicoOTP {
		return d, usage("--qr: no camera puts a yubico-otp into a YubiKey: program its slot with 'ykman otp yubiotp', and give what it was programmed with")
	}
	if f.grade == "" {
		return d, nil
	}
	grade, err := breakglass.ParseGrade(f.grade)
	if err != nil {
		return d, usage("--grade: %v", err)
	}
	d.Grade = grade
	return d, nil
}

func runEnrol(ctx context.Context, t terminal, f enrolDeviceFlags, args []string) error {
	if _, err := f.device(args[0]); err != nil {
		return err
	}
	door, err := f.rows(ctx, t)
	if err != nil {
		return err
	}
	return f.enrol(ctx, t, door, args)
}

func (f enrolDeviceFlags) enrol(ctx context.Context, t terminal, door enrol.Door, args []string) error {
	d, err := f.device(args[0])
	if err != nil {
		return err
	}
	there, err := devices.Enrolled(ctx, door.Store, d.ID)
	if err != nil {
		return err
	}
	if there {
		return fmt.Errorf("%s: %w", d.ID, devices.ErrEnrolled)
	}
	piped := len(args) == 2
	if d.Kind == breakglass.YubicoOTP {
		err = enrolYubico(ctx, t, door, d, piped)
	} else {
		err = f.enrolKey(ctx, t, door, d, piped)
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(t.err, "Enrolled. In mfawatch.yaml, among the person's devices:")
	return writeText(t, "", fmt.Sprintf("- {id: %s, kind: %s, grade: %s}\n", d.ID, d.Kind, d.Grade))
}

// enrolKey enrols a TOTP or HOTP key: one that is piped, or a new one.
func (f enrolDeviceFlags) enrolKey(ctx context.Context, t terminal, door enrol.Door, d breakglass.Device, piped bool) error {
	k, err := f.key(t, d, piped)
	if err != nil {
		return err
	}
	if !piped {
		if err := f.show(t, k); err != nil {
			return err
		}
	}
	typed, err := t.readLines("First code of the device: ", "The next code: ")
	if err != nil {
		return err
	}
	proven, err := enrol.Prove(k, typed[0], typed[1], time.Now())
	if err != nil {
		return exit{exitRefused, err}
	}
	return door.Key(ctx, d, proven)
}

// key is a device's, before the device has proved that it has it.
func (f enrolDeviceFlags) key(t terminal, d breakglass.Device, piped bool) (totp.Key, error) {
	if piped {
		line, err := t.readLine("otpauth URI: ")
		if err != nil {
			return totp.Key{}, err
		}
		return totp.Parse(strings.TrimSpace(line))
	}
	if width(t.out) == 0 {
		return totp.Key{}, usage("the new key would go into a pipe or a file: run it on a terminal, or give the key of a device with -")
	}
	return totp.Random(totp.Settings{Kind: totp.Kind(d.Kind), Issuer: "break-glass " + f.door, Account: d.ID}, rand.Reader)
}

// readLines reads a line for each prompt, without the blanks around it.
func (t terminal) readLines(prompts ...string) (lines []string, err error) {
	for _, prompt := range prompts {
		line, err := t.readLine(prompt)
		if err != nil {
			return nil, err
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines, nil
}

// enrolYubico enrols what a slot was programmed with, when two OTPs have proved it.
func enrolYubico(ctx context.Context, t terminal, door enrol.Door, d breakglass.Device, piped bool) error {
	c, otps, err := readSlot(ctx, t, piped)
	if err != nil {
		return err
	}
	defer c.Wipe()
	y, err := enrol.ProveYubico(c, otps[0], otps[1])
	if err != nil {
		return exit{exitRefused, fmt.Errorf("nothing is enrolled: %w", err)}
	}
	return door.Yubico(ctx, d, y)
}

// readSlot is a slot's credential and two OTPs of it.
func readSlot(ctx context.Context, t terminal, piped bool) (otp.Credential, []string, error) {
	const first, second = "touch the key", "touch it again"
	if !piped {
		return askCredential(ctx, t, first, second)
	}
	line, err := t.readLine("public id, private id and AES key: ")
	if err != nil {
		return otp.Credential{}, nil, err
	}
	c, err := credentialLine(line)
	if err != nil {
		return otp.Credential{}, nil, err
	}
	otps, err := t.readLines(first+": ", second+": ")
	return c, otps, err
}

func (f enrolDeviceFlags) show(t terminal, k totp.Key) error {
	fmt.Fprintln(t.err, "Take it into the device now, then clear the screen: whoever sees it can make the codes.")
	if f.drawn {
		return qr.Terminal(t.out, k.URI(), width(t.out))
	}
	return writeText(t, "", k.URI()+"\n")
}

func newBreakglassCodes(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:     "codes",
		Short:   "Sheets of recovery codes, for the day on which a device is lost",
		Example: "  mfawatch breakglass codes print ada-sheet -o sheet.txt",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newCodesNew(t), newCodesPrint(t), newCodesVerify(t), newCodesRetire(t))
	return c
}

// sheets are those that were made here and wait to be printed.
func (o *opener) sheets(ctx context.Context) (enrol.Sheets, error) {
	keys, err := o.both(ctx)
	if err != nil {
		return enrol.Sheets{}, err
	}
	if err := o.home.makeGlass(); err != nil {
		return enrol.Sheets{}, err
	}
	s, err := seal.OpenStore(o.home.glass("sheets"), keys)
	return enrol.Sheets{Seals: s}, err
}

type codesFlags struct {
	unlocking
	rowsFlags
	count int
}

func newCodesNew(t terminal) *cobra.Command {
	var f codesFlags
	c := &cobra.Command{
		Use:   "new SHEET",
		Short: "Make a sheet of recovery codes, and have the door know it",
		Long: strings.TrimSpace(`
Makes the codes of a sheet, seals them on this machine, and puts their hashes into the
door's rows and the pepper under them, sealed to the door's KMS key. Nothing is shown:
'mfawatch breakglass codes print SHEET' prints it once. Run again after it was
interrupted, it goes on. SHEET is the device's id in the rules.`),
		Example: `
  mfawatch breakglass codes new ada-sheet \
    --door prod --table mfawatch-breakglass \
    --kms-key arn:aws:kms:eu-north-1:111122223333:key/EXAMPLE`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			door, err := f.rows(c.Context(), t)
			if err != nil {
				return doorError(err)
			}
			return doorError(f.make(c.Context(), t, door, args[0]))
		},
	}
	f.unlocking.add(c)
	f.rowsFlags.add(c)
	c.Flags().IntVar(&f.count, "count", 10, "how many codes, 1 to 20")
	return c
}

func (f codesFlags) make(ctx context.Context, t terminal, door enrol.Door, id string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	s, err := (&opener{unlocking: f.unlocking, t: t, home: h}).sheets(ctx)
	if err != nil {
		return err
	}
	if err := s.Make(ctx, door, id, f.count, rand.Reader, time.Now()); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "The door knows sheet %s. Print it: mfawatch breakglass codes print %s -o FILE. In mfawatch.yaml, among the person's devices:\n", id, id)
	return writeText(t, "", fmt.Sprintf("- {id: %s, kind: recovery-codes}\n", id))
}

func newCodesRetire(t terminal) *cobra.Command {
	var f rowsFlags
	c := &cobra.Command{
		Use:   "retire SHEET",
		Short: "Make all codes of a sheet worthless, at once: it was lost, or seen",
		Long: strings.TrimSpace(`
Makes all codes of a sheet worthless, without a deployment. The sheet's id is asked for
again, and stays taken: a new sheet has another.`),
		Example: `
  mfawatch breakglass codes retire ada-sheet \
    --door prod --table mfawatch-breakglass \
    --kms-key arn:aws:kms:eu-north-1:111122223333:key/EXAMPLE`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			door, err := f.rows(c.Context(), t)
			if err != nil {
				return doorError(err)
			}
			return doorError(retireSheet(c.Context(), t, door, args[0]))
		},
	}
	f.add(c)
	return c
}

func retireSheet(ctx context.Context, t terminal, door enrol.Door, id string) error {
	again, err := t.readLine("Type the sheet's id again: all of its codes are worthless then: ")
	if err != nil {
		return err
	}
	if again != id {
		return errors.New("that is another id: nothing was changed")
	}
	if err := door.Store.Transact(ctx, func(tx breakglass.Tx) error { return codes.Retire(tx, id) }); err != nil {
		return err
	}
	return writeText(t, "", fmt.Sprintf("Sheet %s is retired. Make another under another id: mfawatch breakglass codes new\n", report.Plain(id)))
}

func newCodesPrint(t terminal) *cobra.Command {
	var u unlocking
	var file fileName
	var show bool
	c := &cobra.Command{
		Use:   "print SHEET",
		Short: "Print a sheet, once",
		Long: strings.TrimSpace(`
Writes the sheet as plain text for a printer, on one page, into a file that is yours
alone or into a pipe, and forgets it when it is written. On a terminal nothing is shown
unless --show says so: what a screen showed may be in its history. Remove a file when
the paper is there.`),
		Example: strings.TrimRight(`
  mfawatch breakglass codes print ada-sheet | lpr
  mfawatch breakglass codes print ada-sheet -o sheet.txt`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return doorError(runCodesPrint(c.Context(), t, u, args[0], string(file), show))
		},
	}
	u.add(c)
	c.Flags().VarP(&file, "output", "o", "file to write, readable by you only (default: standard output)")
	c.Flags().BoolVar(&show, "show", false, "show the codes on a terminal")
	return c
}

func runCodesPrint(ctx context.Context, t terminal, u unlocking, id, file string, show bool) error {
	if file == "" && width(t.out) > 0 && !show {
		return usage("this would show the codes on the terminal: pipe it to lpr, or name a file with -o; --show shows them")
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	s, err := (&opener{unlocking: u, t: t, home: h}).sheets(ctx)
	if err != nil {
		return err
	}
	print := func(w io.Writer) error { return s.Print(ctx, id, w) }
	if file != "" {
		err = outfile.Write(file, print)
	} else {
		err = print(t.out)
	}
	if errors.Is(err, seal.ErrNotFound) {
		return exit{exitNotFound, err}
	}
	if err != nil {
		return err
	}
	return s.Forget(id)
}

func newCodesVerify(t terminal) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Tell whether a recovery code was read and typed right, without spending it",
		Long: strings.TrimSpace(`
Reads a code, at the terminal or from standard input, and checks its check symbols: one
or two wrong letters are found. It asks nobody, so it does not tell whether the code is
one of a sheet that the door knows, or was used. Exit codes: 0 right, 3 wrong.`),
		Example: "  mfawatch breakglass codes verify",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			line, err := t.readLine("recovery code: ")
			if err != nil {
				return err
			}
			if err := codes.WellFormed(breakglass.Typed(line)); err != nil {
				return exit{exitRefused, err}
			}
			return writeText(t, "", "It is read right. It was not spent, and nobody was asked.\n")
		},
	}
}
