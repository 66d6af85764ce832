package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mfawatch/audit/report"
	"mfawatch/totp"
	"mfawatch/totp/keyring"
	"mfawatch/totp/qr"
	"mfawatch/totp/seal"
)

type keyAddFlags struct {
	unlocking
	settings totp.Settings
	counter  int64
	device   string
	generate bool
	drawn    bool // --qr
	hotp     bool // --counter was given
}

func newKeyAdd(t terminal) *cobra.Command {
	var f keyAddFlags
	c := &cobra.Command{
		Use:   "add NAME [-]",
		Short: "Seal the secret of a key that is typed",
		Long: strings.TrimSpace(`
Asks for a secret in base32, as AWS and others show it beside a QR code, without
showing what is typed, and seals it. With - the secret is read from standard input.
A secret in the command line would be in the shell's history and in the list of
processes: there is no argument and no flag for it.

What a secret does not say is said by flags; without them it is what AWS uses, and
most others: six digits, every 30 seconds, by SHA1.`),
		Example: strings.TrimRight(`
  mfawatch key add ada                # asks for the secret
  mfawatch key add ada --device arn:aws:iam::111122223333:mfa/ada
  mfawatch key add ada - < seed.txt
  mfawatch key add door --generate --issuer Example --account ada@example.com`, "\n"),
		Args: sourceArgs(func(args []string) bool { return len(args) == 1 || len(args) == 2 && args[1] == standardOutput }, "name the key, and - where its secret is on standard input; a secret that was given in the command line is in your shell's history, and others could read it: let it be replaced"),
		RunE: func(c *cobra.Command, args []string) error {
			f.hotp = c.Flags().Changed("counter")
			return ringError(runKeyAdd(c.Context(), t, f, args))
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.settings.Issuer, "issuer", "", "who gave the key: AWS, Example …")
	c.Flags().StringVar(&f.settings.Account, "account", "", "for whom (default: the key's name)")
	c.Flags().IntVar(&f.settings.Digits, "digits", 6, "digits of a code: 6, 7, 8")
	c.Flags().Int64Var(&f.settings.Period, "period", 30, "seconds after which the code changes")
	c.Flags().StringVar((*string)(&f.settings.Algorithm), "algorithm", "SHA1", "SHA1, SHA256, SHA512")
	c.Flags().Int64Var(&f.counter, "counter", 0, "the key has a counter in the place of time (HOTP), and this is the next")
	deviceFlag(c, &f.device)
	c.Flags().BoolVar(&f.generate, "generate", false, "make a new secret of 160 bits in the place of reading one")
	c.Flags().BoolVar(&f.drawn, "qr", false, "draw the key as a QR code on the terminal, to be scanned now")
	return c
}

func deviceFlag(c *cobra.Command, device *string) {
	c.Flags().StringVar(device, "device", "", "ARN or serial number of the AWS MFA device that the key is of; names the key too")
}

// serial is what AWS takes for the serial number of an MFA device
// (IAM API reference, EnableMFADevice).
var serial = regexp.MustCompile(`^[\w+=/:,.@-]{9,256}$`)

// checkDevice tells what is wrong with a key for an AWS device: AWS knows one kind.
func checkDevice(device string, s totp.Settings) error {
	switch {
	case device == "":
		return nil
	case !serial.MatchString(device):
		return usage("--device %q: AWS's serial numbers have 9 to 256 letters, digits and +=/:,.@-", device)
	case strings.HasPrefix(device, "arn:") && !strings.Contains(device, ":mfa/"):
		return usage("--device %q: it is not the ARN of an MFA device that makes codes, which has :mfa/ in it", device)
	case s.Kind == totp.HOTP || s.Algorithm != totp.SHA1 || s.Digits != 6 || s.Period != 30:
		return usage("--device: AWS takes codes of six digits, by SHA1, every 30 seconds, and this key makes others: leave --device out, or the settings")
	}
	return nil
}

func (f *keyAddFlags) complete(name string) error {
	if f.settings.Account == "" {
		f.settings.Account = name
		_, err := totp.New(totp.Settings{Issuer: f.settings.Issuer, Account: name}, make([]byte, 20))
		if _, other := totp.New(totp.Settings{Issuer: f.settings.Issuer, Account: "x"}, make([]byte, 20)); err != nil && other == nil {
			return usage("the name %q cannot be its account too (%v): give --account", name, err)
		}
	}
	f.settings.Algorithm = totp.Algorithm(strings.ToUpper(string(f.settings.Algorithm)))
	f.settings.Kind = totp.TOTP
	if f.hotp {
		f.settings.Kind, f.settings.Counter, f.settings.Period = totp.HOTP, f.counter, 0
	}
	switch {
	case f.settings.Digits == 0 || f.settings.Period == 0 && !f.hotp || f.settings.Algorithm == "": // totp takes these for left out
		return usage("--digits, --period and --algorithm cannot be empty or 0: leave them out")
	case f.drawn && !f.generate:
		return usage("--qr goes with --generate; 'mfawatch key qr' draws a key that is there")
	}
	// A secret that is never used shows what the settings are worth.
	if _, err := totp.New(f.settings, make([]byte, 20)); err != nil {
		return usage("--issuer, --account, --digits, --period, --algorithm, --counter: %v", err)
	}
	return checkDevice(f.device, f.settings)
}

func runKeyAdd(ctx context.Context, t terminal, f keyAddFlags, args []string) error {
	name, piped := args[0], len(args) == 2
	if err := f.complete(name); err != nil {
		return err
	}
	switch {
	case f.generate && piped:
		return usage("--generate makes a secret: leave - out")
	case f.drawn && width(t.out) == 0:
		return usage("--qr draws on a terminal, and standard output is none: leave it out, and see 'mfawatch key qr -o'")
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	if err := h.unused(name); err != nil {
		return err
	}
	k, err := f.key(ctx, t, piped)
	if err != nil {
		return err
	}
	if err := f.store(ctx, t, h, namedKey{name, f.device, k}); err != nil {
		return err
	}
	return f.tell(t, name, k)
}

// key is read or made.
func (f keyAddFlags) key(ctx context.Context, t terminal, piped bool) (totp.Key, error) {
	if f.generate {
		return totp.Random(f.settings, rand.Reader)
	}
	text, err := readSecret(ctx, t, piped)
	if err != nil {
		return totp.Key{}, err
	}
	defer text.Wipe()
	if isKeyURI(text.Reveal()) {
		return totp.Key{}, usage("that is a whole key URI, which says more than a secret: 'mfawatch key import' takes it")
	}
	secret, err := totp.DecodeSecret(string(text.Reveal()))
	if err != nil {
		return totp.Key{}, err
	}
	defer clear(secret)
	return totp.New(f.settings, secret)
}

const longestSecret = 8 << 10

func readSecret(ctx context.Context, t terminal, piped bool) (seal.Secret, error) {
	if !piped {
		tty, err := t.controlling()
		if err != nil {
			return seal.Secret{}, errors.New("there is no terminal to ask the secret on: write it to standard input and give - after the name")
		}
		defer tty.Close()
		return seal.Ask(ctx, tty, t.err, "secret (base32)")
	}
	if f, ok := t.file(); ok && term.IsTerminal(int(f.Fd())) {
		return seal.Ask(ctx, f, t.err, "secret (base32)")
	}
	text, err := readAll(t.in, longestSecret)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("read the secret from standard input: %w", err)
	}
	return seal.NewSecret(bytes.TrimSpace(text)), nil
}

// readAll reads no more than that, and says when there is more.
func readAll(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	if err != nil {
		clear(data)
		return nil, err
	}
	return data, nil
}

func (f keyAddFlags) tell(t terminal, name string, k totp.Key) error {
	tellSealed(t, name, k)
	switch {
	case f.drawn:
		fmt.Fprintln(t.err, "Scan it now, then clear the screen: whoever sees it can make the codes.")
		return qr.Terminal(t.out, k.URI(), width(t.out))
	case f.generate:
		fmt.Fprintf(t.err, "The other side has to know it too: 'mfawatch key qr %s' draws it.\n", report.Plain(name))
	}
	return nil
}

const shortSecret = "Its secret has fewer than the 128 bits that RFC 4226 asks for: who gave it should give a longer one."

func tellSealed(t terminal, name string, k totp.Key) {
	fmt.Fprintf(t.err, "Sealed %s.\n", report.Plain(name))
	if k.Short() {
		fmt.Fprintln(t.err, shortSecret)
	}
}

// namedKey is a key on its way into the store.
type namedKey struct {
	name, device string
	key          totp.Key
}

// unused asserts that a name is free, before anything is asked for it.
func (h home) unused(names ...string) error {
	closed, err := h.closed()
	if err != nil {
		return err
	}
	all, err := closed.List()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "" {
			return usage("the key's name is empty: give it one")
		}
		for _, e := range all {
			if e.Name == name {
				return fmt.Errorf("there is a key %q already: choose another name, or remove that one with 'mfawatch key rm'", name)
			}
		}
	}
	return nil
}

// store seals keys. The ledger comes first: one that is missing beside a key counts as
// lost.
func (u unlocking) store(ctx context.Context, t terminal, h home, keys ...namedKey) error {
	seals, err := u.sealing(ctx, t, h)
	if err != nil {
		return err
	}
	ring, err := h.ring(seals)
	if err != nil {
		return err
	}
	if _, _, err := h.ledger(ctx); err != nil {
		return err
	}
	for i, k := range keys {
		if err := putNamed(ctx, ring, k); err != nil {
			if i > 0 {
				return fmt.Errorf("%w; %d keys before it are sealed", err, i)
			}
			return err
		}
	}
	return nil
}

func putNamed(ctx context.Context, ring keyring.Ring, k namedKey) error {
	err := patiently(func() error { return ring.Put(ctx, k.name, k.device, k.key) })
	if errors.Is(err, seal.ErrExists) {
		return fmt.Errorf("there is a key %q already: choose another name", k.name)
	}
	return err
}
