package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/otp"
	"mfawatch/totp/yubikey/validation"
)

// otpKind is the sealed kind of what a slot was programmed with.
const otpKind = "yubico-otp"

func newYubikeyOTP(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "otp",
		Short: "Check the Yubico OTPs that a YubiKey types, here or by a server",
		Long: strings.TrimSpace(`
Keeps the credentials of Yubico OTPs sealed on this machine, and checks OTPs against
them: each is accepted once, and none that was made before it. AWS knows nothing of
these OTPs: they are for break-glass, and for services of one's own.`),
		Example: "  mfawatch yubikey otp add ada\n  mfawatch yubikey otp verify ada",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newOTPAdd(t), newOTPList(t), newOTPVerify(t), newOTPRm(t))
	return c
}

func newOTPAdd(t terminal) *cobra.Command {
	var u unlocking
	c := &cobra.Command{
		Use:   "add NAME [-]",
		Short: "Seal what a slot was programmed with",
		Long: strings.TrimSpace(`
Asks for the public id (modhex), the private id and the AES key (hex) of a slot, without
showing them, and for an OTP of it: all up to that one count as used. With - they are
read from standard input: the three on one line, and an OTP on the next, where there is
one. 'ykman otp yubiotp' prints the three when it programs a slot.`),
		Example: strings.TrimRight(`
  mfawatch yubikey otp add ada
  mfawatch yubikey otp add ada - < slot.txt`, "\n"),
		Args: sourceArgs(func(args []string) bool { return len(args) == 1 || len(args) == 2 && args[1] == standardOutput }, "name the credential, and - where it is on standard input; what was given in the command line is in your shell's history: program the slot anew"),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runOTPAdd(c.Context(), t, u, args))
		},
	}
	u.add(c)
	return c
}

func runOTPAdd(ctx context.Context, t terminal, u unlocking, args []string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	o := &opener{unlocking: u, t: t, home: h}
	_, err = h.sealed(otpKind, args[0])
	switch {
	case err == nil:
		return fmt.Errorf("there is a credential %q already: choose another name, or remove that one with 'mfawatch yubikey otp rm'", args[0])
	case !errors.Is(err, seal.ErrNotFound):
		return err
	}
	if err := h.unused(args[0]); err != nil {
		return err
	}
	c, typed, err := readCredential(ctx, t, len(args) == 2)
	if err != nil {
		return err
	}
	defer c.Wipe()
	ring, err := o.sealer(ctx)
	if err != nil {
		return err
	}
	kept, floor, err := h.ledger(ctx)
	if err != nil {
		return err
	}
	if typed != "" { // before it is sealed: an OTP that is none of it shows a mistake
		if err := placeOTP(ctx, ledger.Verifier{Store: kept, Floor: floor}, c, typed); err != nil {
			return err
		}
	}
	text := seal.NewSecret(c.Text())
	defer text.Wipe()
	if err := ring.Seals.Put(ctx, seal.Header{ID: args[0], Kind: otpKind, Issuer: "Yubico", Label: c.PublicID()}, text); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Sealed %s, of the key with the public id %s.\n", report.Plain(args[0]), c.PublicID())
	if typed == "" {
		fmt.Fprintln(t.err, "No OTP was placed: whoever has an older one can use it until a newer one was accepted.")
	}
	return nil
}

func placeOTP(ctx context.Context, v ledger.Verifier, c otp.Credential, typed string) error {
	o, err := otp.Parse(typed)
	if err != nil {
		return err
	}
	if _, err := otp.Place(ctx, v, c, o, time.Now()); err != nil {
		return fmt.Errorf("the OTP is none of this credential, and nothing is sealed: %w", err)
	}
	return nil
}

// readCredential is what is typed or piped, and an OTP of it.
func readCredential(ctx context.Context, t terminal, piped bool) (otp.Credential, string, error) {
	if piped {
		return pipedCredential(t)
	}
	c, otps, err := askCredential(ctx, t, "now touch the key, for an OTP of it (or Enter for none)")
	if err != nil {
		return otp.Credential{}, "", err
	}
	return c, otps[0], nil
}

// askCredential asks for the parts of a slot, and for OTPs of it, without showing them.
func askCredential(ctx context.Context, t terminal, otps ...string) (otp.Credential, []string, error) {
	tty, err := t.controlling()
	if err != nil {
		return otp.Credential{}, nil, errors.New("there is no terminal to ask on: write the public id, the private id and the AES key to standard input, and give - after the name")
	}
	defer tty.Close()
	var texts []string
	for _, what := range append([]string{"public id (modhex)", "private id (hex)", "AES key (hex)"}, otps...) {
		s, err := seal.Ask(ctx, tty, t.err, what)
		if err != nil {
			return otp.Credential{}, nil, err
		}
		texts = append(texts, strings.TrimSpace(string(s.Reveal())))
		s.Wipe()
	}
	c, err := credentialText(texts[:3])
	return c, texts[3:], err
}

func pipedCredential(t terminal) (otp.Credential, string, error) {
	line, err := t.readLine("")
	if err != nil {
		return otp.Credential{}, "", err
	}
	rest, err := readAll(t.in, maxLine)
	if err != nil {
		return otp.Credential{}, "", fmt.Errorf("read the OTP from standard input: %w", err)
	}
	c, err := credentialLine(line)
	return c, strings.TrimSpace(string(rest)), err
}

// credentialLine reads the parts of a slot in one line, as they are written where they
// are sealed or without the first word, between blanks or commas.
func credentialLine(line string) (otp.Credential, error) {
	fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' || r == '\r' })
	if len(fields) == 4 {
		return otp.ParseCredential([]byte(strings.Join(fields, " ")))
	}
	return credentialText(fields)
}

// credentialText reads the three parts. Its errors show none.
func credentialText(parts []string) (otp.Credential, error) {
	if len(parts) != 3 {
		return otp.Credential{}, fmt.Errorf("a credential has three parts on one line, public id, private id and AES key, and this has %d", len(parts))
	}
	private, err := hex.DecodeString(parts[1])
	if err != nil {
		return otp.Credential{}, errors.New("the private id is not in hexadecimal")
	}
	defer clear(private)
	key, err := hex.DecodeString(parts[2])
	if err != nil {
		return otp.Credential{}, errors.New("the AES key is not in hexadecimal")
	}
	defer clear(key)
	return otp.NewCredential(parts[0], private, key)
}

// otpHeaders are the credentials that are sealed here, by name.
func (h home) otpHeaders() ([]seal.Header, error) {
	closed, err := h.closed()
	if err != nil {
		return nil, err
	}
	all, unread := closed.Seals.List()
	all = slices.DeleteFunc(all, func(h seal.Header) bool { return h.Kind != otpKind })
	slices.SortFunc(all, func(a, b seal.Header) int { return strings.Compare(a.ID, b.ID) })
	return all, unread
}

func newOTPList(t terminal) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the credentials of Yubico OTPs, and what opens each",
		Example: "  mfawatch yubikey otp list",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return ringError(runOTPList(t, format)) },
	}
	formatFlag(c, &format, "table", "json")
	return c
}

func runOTPList(t terminal, format string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	all, unread := h.otpHeaders()
	type row struct {
		Name     string   `json:"name"`
		PublicID string   `json:"public_id"`
		SealedTo []string `json:"sealed_to"`
	}
	list, rows := []row{}, [][]string{{"NAME", "PUBLIC ID", "SEALED TO"}}
	for _, h := range all {
		list = append(list, row{h.ID, h.Label, h.SealedTo})
		rows = append(rows, []string{h.ID, h.Label, strings.Join(h.SealedTo, ", ")})
	}
	switch {
	case format == "json":
		err = printJSON(t, map[string]any{"credentials": list})
	case len(all) == 0:
		fmt.Fprintln(t.err, "No credentials of Yubico OTPs: 'mfawatch yubikey otp add' seals some.")
	default:
		err = printTable(t, rows)
	}
	return errors.Join(err, unread)
}

func newOTPRm(t terminal) *cobra.Command {
	var yes string
	c := &cobra.Command{
		Use:     "rm NAME",
		Short:   "Remove a credential of Yubico OTPs from this machine",
		Example: "  mfawatch yubikey otp rm ada",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runOTPRm(c.Context(), t, yes, args[0]))
		},
	}
	c.Flags().StringVar(&yes, "yes", "", "the credential's name again, in the place of asking for it")
	return c
}

func runOTPRm(ctx context.Context, t terminal, yes, name string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	header, err := h.otpHeader(name)
	if err != nil {
		return err
	}
	if yes == "" {
		if yes, err = retyped(ctx, t, "Type the credential's name to remove it"); err != nil {
			return fmt.Errorf("%w: give the name again with --yes", err)
		}
	}
	if yes != header.ID {
		return usage("the name that was typed is not %q: nothing is removed", header.ID)
	}
	closed, err := h.closed()
	if err != nil {
		return err
	}
	if err := closed.Seals.Delete(header.ID); err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Removed %s. Backups and snapshots of the disk may still hold it, sealed.\n", report.Plain(name))
	return nil
}

func (h home) otpHeader(name string) (seal.Header, error) {
	header, err := h.sealed(otpKind, name)
	if errors.Is(err, seal.ErrNotFound) {
		return header, fmt.Errorf("%q: %w: 'mfawatch yubikey otp list' names the credentials of Yubico OTPs", name, keyring.ErrNotFound)
	}
	return header, err
}

// otpCredential opens a credential. One that says another public id than its header is
// not it.
func (o *opener) otpCredential(ctx context.Context, h seal.Header) (otp.Credential, error) {
	secret, err := o.unseal(ctx, h)
	if err != nil {
		return otp.Credential{}, err
	}
	defer secret.Wipe()
	c, err := otp.ParseCredential(secret.Reveal())
	if err == nil && c.PublicID() != h.Label {
		err = errors.New("it is another credential than it says openly")
	}
	if err != nil {
		return otp.Credential{}, fmt.Errorf("what is sealed as %q: %w: seal it anew", h.ID, err)
	}
	return c, nil
}

type otpVerifyFlags struct {
	unlocking
	servers  []string
	client   string
	keyFile  string
	keyboard string
	format   string
}

func newOTPVerify(t terminal) *cobra.Command {
	var f otpVerifyFlags
	c := &cobra.Command{
		Use:   "verify NAME",
		Short: "Check an OTP, once",
		Long: strings.TrimSpace(`
Reads an OTP, at the terminal or from standard input, and checks it against a sealed
credential, asking nobody. With --server it asks validation servers instead, and NAME may
be the key's public id, where its credential is not sealed here. An OTP of another key
is refused in either case.

Exit codes: 0 accepted, 3 refused, 5 no such credential, 7 locked, or too early to try.`),
		Example: strings.TrimRight(`
  mfawatch yubikey otp verify ada
  mfawatch yubikey otp verify ada < otp.txt
  mfawatch yubikey otp verify cccccccfhcjk --server https://api.yubico.com \
    --client-id 1234 --api-key-file key.txt`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runOTPVerify(c.Context(), t, f, args[0]))
		},
	}
	f.add(c)
	c.Flags().StringArrayVar(&f.servers, "server", nil, "address of a validation server; can be given again, all are asked at once")
	c.Flags().StringVar(&f.client, "client-id", "", "number by which the servers know this client")
	c.Flags().StringVar(&f.keyFile, "api-key-file", "", "file that holds the client's API key in base64, readable by you only")
	c.Flags().StringVar(&f.keyboard, "keyboard", "", "keyboard that the OTP was typed on, where that is not one like QWERTY: "+strings.Join(otp.Layouts(), ", "))
	formatFlag(c, &f.format, "text", "json")
	return c
}

func (f otpVerifyFlags) valid() error {
	online := len(f.servers) > 0
	switch {
	case f.keyboard != "" && !slices.Contains(otp.Layouts(), f.keyboard):
		return usage("--keyboard %q is not one of %s", f.keyboard, strings.Join(otp.Layouts(), ", "))
	case online != (f.client != "") || online != (f.keyFile != ""):
		return usage("--server, --client-id and --api-key-file go together")
	}
	return nil
}

func runOTPVerify(ctx context.Context, t terminal, f otpVerifyFlags, name string) error {
	if err := f.valid(); err != nil {
		return err
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	header, err := h.otpHeader(name)
	if errors.Is(err, keyring.ErrNotFound) && len(f.servers) > 0 {
		if _, wrong := otp.DecodeModhex(name); wrong == nil && name != "" {
			header, err = seal.Header{ID: name, Label: name}, nil
		}
	}
	if err != nil {
		return err
	}
	line, err := t.readLine("touch the key: ")
	if err != nil {
		return err
	}
	o, err := otp.Keyboard{Layout: f.keyboard}.Parse(strings.TrimSpace(line))
	if err != nil {
		return f.print(t, header, otp.Token{}, err)
	}
	if o.PublicID() != header.Label {
		return f.print(t, header, otp.Token{}, otp.ErrOtherKey)
	}
	if len(f.servers) > 0 {
		return f.ask(ctx, t, header, o)
	}
	return f.check(ctx, t, &opener{unlocking: f.unlocking, t: t, home: h}, header, o)
}

func (f otpVerifyFlags) check(ctx context.Context, t terminal, op *opener, header seal.Header, o otp.OTP) error {
	c, err := op.otpCredential(ctx, header)
	if err != nil {
		return err
	}
	defer c.Wipe()
	kept, floor, err := op.home.ledger(ctx)
	if err != nil {
		return err
	}
	token, err := otp.Check(ctx, ledger.Verifier{Store: kept, Floor: floor}, c, o, "", time.Now())
	return f.print(t, header, token, err)
}

func (f otpVerifyFlags) ask(ctx context.Context, t terminal, header seal.Header, o otp.OTP) error {
	text, err := seal.PassphraseFile(f.keyFile)
	if err != nil {
		return fmt.Errorf("--api-key-file: %w", err)
	}
	defer text.Wipe()
	key, err := validation.ParseAPIKey(string(text.Reveal()))
	if err != nil {
		return fmt.Errorf("--api-key-file %s: %w", f.keyFile, err)
	}
	c, err := validation.NewClient(validation.Settings{ID: f.client, Key: key, Servers: f.servers})
	if err != nil {
		return usage("--server, --client-id: %v", err)
	}
	answer, err := c.Verify(ctx, o)
	return f.print(t, header, answer.Token, err)
}

// otpRefused gives the error of an OTP its exit code.
func otpRefused(err error) error {
	delayed := (*otp.Delayed)(nil)
	switch {
	case errors.Is(err, otp.ErrMalformed), errors.Is(err, otp.ErrOtherKey), errors.As(err, &delayed):
		return exit{exitRefused, err}
	case errors.Is(err, validation.BackendError), errors.Is(err, validation.NotEnoughAnswers):
		return exit{exitLater, err}
	}
	return ringError(err)
}

// print says what became of an OTP, and never the OTP.
func (f otpVerifyFlags) print(t terminal, header seal.Header, token otp.Token, refused error) error {
	err := otpRefused(refused)
	if e := (exit{}); errors.As(err, &e) && e.code != exitRefused && e.code != exitLater {
		return err
	}
	if f.format == "json" {
		p := struct {
			Name     string `json:"name"`
			PublicID string `json:"public_id"`
			Accepted bool   `json:"accepted"`
			Session  uint16 `json:"session,omitempty"`
			Use      uint8  `json:"use,omitempty"`
			Reason   string `json:"reason,omitempty"`
		}{Name: header.ID, PublicID: header.Label, Accepted: refused == nil, Session: token.Session, Use: token.Use}
		if refused != nil {
			p.Reason = refused.Error()
		}
		return cmp.Or(printJSON(t, p), err)
	}
	if err != nil {
		return err
	}
	return writeText(t, "", "Accepted: an OTP of "+report.Plain(header.ID)+".\n")
}

// ownerOnly refuses a file of secrets that others can read.
func ownerOnly(name string) error {
	info, err := os.Stat(name)
	if err == nil && info.Mode().Perm()&0o077 != 0 && info.Mode().IsRegular() && os.PathSeparator == '/' {
		err = fmt.Errorf("%s holds secrets, and others can read it: chmod 600 %s", name, name)
	}
	return err
}
