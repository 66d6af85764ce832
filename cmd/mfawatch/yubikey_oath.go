package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mfawatch/audit/report"
	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/oath"
)

func newYubikeyOATH(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "oath",
		Short: "Credentials of one-time codes on a YubiKey",
		Long: strings.TrimSpace(`
Lists, adds and removes the credentials of a YubiKey's OATH application. A credential is
named by the whole of its name on the key, and never by a part. A seed that is on a key
does not come off it again.`),
		Example: "  mfawatch yubikey oath list\n  mfawatch yubikey oath add arn:aws:iam::111122223333:mfa/ada",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newOATHList(t), newOATHAdd(t), newOATHCode(t), newOATHRm(t), newOATHRename(t), newOATHPassword(t))
	return c
}

func newOATHList(t terminal) *cobra.Command {
	var f yubikeyFlags
	var format string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the credentials of a YubiKey, without codes",
		Example: "  mfawatch yubikey oath list",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ringError(runOATHList(c.Context(), t, f, format))
		},
	}
	f.add(c)
	formatFlag(c, &format, "table", "json")
	return c
}

// onKey is a credential as programs read it.
type onKey struct {
	Name      string         `json:"name"`
	Issuer    string         `json:"issuer"`
	Account   string         `json:"account"`
	Kind      totp.Kind      `json:"kind"`
	Algorithm totp.Algorithm `json:"algorithm"`
	Period    int64          `json:"period,omitempty"`
	Touch     *bool          `json:"touch,omitempty"` // none: the key does not tell it of counters
}

func runOATHList(ctx context.Context, t terminal, f yubikeyFlags, format string) error {
	y, err := f.open(t)
	if err != nil {
		return err
	}
	var all []onKey
	err = y.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		all, err = allOnKey(ctx, s)
		return err
	})
	switch {
	case err != nil:
		return err
	case format == "json":
		return printJSON(t, map[string]any{"yubikey": y.info.Serial, "credentials": all})
	case len(all) == 0:
		fmt.Fprintf(t.err, "YubiKey %s has no credentials: 'mfawatch yubikey oath add' puts some there.\n", serialText(y.info.Serial))
		return nil
	}
	rows := [][]string{{"NAME", "KIND", "ALGORITHM", "PERIOD", "TOUCH"}}
	for _, c := range all {
		touch, period := "", ""
		if c.Touch != nil {
			touch = yesNo(*c.Touch)
		}
		if c.Period > 0 {
			period = fmt.Sprint(c.Period)
		}
		rows = append(rows, []string{c.Name, string(c.Kind), string(c.Algorithm), period, touch})
	}
	return printTable(t, rows)
}

// allOnKey are all credentials of a key, with whether they want a touch. The key tells that only
// by making the codes of those that want none: these are not looked at.
func allOnKey(ctx context.Context, s *oath.Session) ([]onKey, error) {
	list, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	touch, err := touches(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []onKey{}
	for _, c := range list {
		k := onKey{Name: c.ID, Issuer: c.Issuer, Account: c.Account, Kind: c.Kind, Algorithm: c.Algorithm, Period: c.Period}
		if t, told := touch[c.ID]; told && c.Kind == totp.TOTP {
			k.Touch = &t
		}
		all = append(all, k)
	}
	return all, nil
}

// touches tells of each credential whether it wants a touch.
func touches(ctx context.Context, s *oath.Session) (map[string]bool, error) {
	entries, err := s.All(ctx, 0)
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for _, e := range entries {
		e.Code.Text.Wipe()
		all[e.ID] = e.Touch
	}
	return all, nil
}

type oathAddFlags struct {
	yubikeyFlags
	key     string
	noTouch bool
}

func newOATHAdd(t terminal) *cobra.Command {
	var f oathAddFlags
	c := &cobra.Command{
		Use:   "add NAME [-|FILE]",
		Short: "Put a seed onto a YubiKey; each code wants a touch",
		Long: strings.TrimSpace(`
Puts a seed onto the key under NAME: one that is typed without being shown, one of
standard input (-), of a file or a picture of a QR code, or with --key one that is
sealed on this machine. A secret in base32 stands for AWS's settings, and most others':
six digits, every 30 seconds, by SHA1. Others are said by an otpauth URI.

For an AWS device NAME is its ARN, which is also what 'aws-vault --prompt=ykman' looks
for. A code then wants a touch; --no-touch lets any program that reaches the key make
codes.`),
		Example: strings.TrimRight(`
  mfawatch yubikey oath add arn:aws:iam::111122223333:mfa/ada      # asks for the secret
  mfawatch yubikey oath add arn:aws:iam::111122223333:mfa/ada qr.png
  mfawatch yubikey oath add Example:ada - < uri.txt
  mfawatch yubikey oath add Example:ada --key ada --yubikey 12345678`, "\n"),
		Args: sourceArgs(func(args []string) bool { return len(args) == 1 || len(args) == 2 && f.key == "" }, "name the credential, and - or a file where its secret is not typed; with --key a name alone; a secret that was given in the command line is in your shell's history, and others could read it: let it be replaced"),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runOATHAdd(c.Context(), t, f, args))
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.key, "key", "", "name or device of a key that is sealed on this machine")
	c.Flags().BoolVar(&f.noTouch, "no-touch", false, "codes want no touch, and any program that reaches the key can make them")
	return c
}

func runOATHAdd(ctx context.Context, t terminal, f oathAddFlags, args []string) error {
	y, err := f.open(t)
	if err != nil {
		return err
	}
	k, err := f.seed(ctx, y, args)
	if err != nil {
		return err
	}
	var put oath.Credential
	err = y.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		put, err = s.Put(ctx, k, oath.Placement{Name: args[0], Touch: !f.noTouch})
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Put %s onto YubiKey %s.\n", plainName(put), serialText(y.info.Serial))
	if k.Short() {
		fmt.Fprintln(t.err, shortSecret)
	}
	switch {
	case f.key != "":
		fmt.Fprintf(t.err, "Key %s is sealed here still, and makes the same codes without a touch: 'mfawatch key rm' removes it.\n", report.Plain(f.key))
	case len(args) == 2 && args[1] != standardOutput:
		fmt.Fprintln(t.err, "The secret is still in what was read: destroy it.")
	}
	return nil
}

// seed is what is put onto the key.
func (f oathAddFlags) seed(ctx context.Context, y *yubikey, args []string) (totp.Key, error) {
	if f.key != "" {
		o, err := y.opener.open(ctx, f.key)
		return o.key, err
	}
	text, err := y.seedText(ctx, args[1:])
	if err != nil {
		return totp.Key{}, err
	}
	defer text.Wipe()
	if isKeyURI(text.Reveal()) {
		keys, err := gathered([]string{string(text.Reveal())}, "the seed")
		if err == nil && len(keys) != 1 {
			err = usage("there are %d keys in it: import them with 'mfawatch key import --all', and name one with --key", len(keys))
		}
		if err != nil {
			return totp.Key{}, err
		}
		return keys[0], nil
	}
	secret, err := totp.DecodeSecret(string(text.Reveal()))
	if err != nil {
		return totp.Key{}, err
	}
	defer clear(secret)
	return totp.New(totp.Settings{Account: "on a YubiKey"}, secret)
}

// seedText is a secret or a URI that is typed, piped, or in a file.
func (y *yubikey) seedText(ctx context.Context, from []string) (seal.Secret, error) {
	switch {
	case len(from) == 0:
		tty, err := y.t.controlling()
		if err != nil {
			return seal.Secret{}, errors.New("there is no terminal to ask the secret on: write it to standard input and give - after the name")
		}
		defer tty.Close()
		return seal.Ask(ctx, tty, y.t.err, "secret (base32), or otpauth URI")
	case from[0] != standardOutput:
		return fileText(ctx, y.t, from[0])
	}
	if f, ok := y.t.file(); ok && term.IsTerminal(int(f.Fd())) {
		return seal.Ask(ctx, f, y.t.err, "secret (base32), or otpauth URI")
	}
	text, err := readAll(y.t.in, longestSecret)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("read the secret from standard input: %w", err)
	}
	return seal.NewSecret(bytes.TrimSpace(text)), nil
}

// fileText is the URI of a file or a picture, or the secret of a file.
func fileText(ctx context.Context, t terminal, name string) (seal.Secret, error) {
	data, err := sourceData(ctx, t, name)
	if err != nil {
		return seal.Secret{}, fmt.Errorf("%s: %w", name, err)
	}
	if text := bytes.TrimSpace(data); !isKeyURI(text) {
		if secret, err := totp.DecodeSecret(string(text)); err == nil {
			clear(secret)
			return seal.NewSecret(text), nil
		}
	}
	clear(data)
	uris, err := sourceURIs(ctx, t, name)
	switch {
	case err != nil:
		return seal.Secret{}, fmt.Errorf("%s: %w", name, err)
	case len(uris) != 1:
		return seal.Secret{}, usage("%s: there are %d keys in it: import them with 'mfawatch key import --all', and name one with --key", name, len(uris))
	}
	return seal.NewSecret([]byte(uris[0])), nil
}

func newOATHRm(t terminal) *cobra.Command {
	var f yubikeyFlags
	var yes string
	c := &cobra.Command{
		Use:   "rm NAME",
		Short: "Delete a credential of a YubiKey: its seed is lost",
		Long: strings.TrimSpace(`
Deletes a credential, after its name was typed again. Nothing brings its seed back.
Where it is of an AWS device, AWS goes on asking for its codes: remove the device
there first.`),
		Example: strings.TrimRight(`
  mfawatch yubikey oath rm Example:ada
  mfawatch yubikey oath rm Example:ada --yes Example:ada     # in a script`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runOATHRm(c.Context(), t, f, args[0], yes))
		},
	}
	f.add(c)
	c.Flags().StringVar(&yes, "yes", "", "the credential's name again, in the place of asking for it")
	return c
}

// credential finds one by its exact name.
func (y *yubikey) credential(ctx context.Context, name string) (oath.Credential, error) {
	var found oath.Credential
	err := y.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		all, err := s.List(ctx)
		if err != nil {
			return err
		}
		found, err = oath.Find(all, name)
		return err
	})
	if err != nil {
		if y.info.Serial == 0 { // none was found, or it tells no number
			return oath.Credential{}, err
		}
		return oath.Credential{}, fmt.Errorf("YubiKey %s: %w", serialText(y.info.Serial), err)
	}
	return found, nil
}

func runOATHRm(ctx context.Context, t terminal, f yubikeyFlags, name, yes string) error {
	y, err := f.open(t)
	if err != nil {
		return err
	}
	c, err := y.credential(ctx, name)
	if err != nil {
		return err
	}
	if device.KindOf(c.Label()) == device.Virtual {
		fmt.Fprintf(t.err, "AWS asks for codes of %s as long as that device is there: 'mfawatch device delete' removes it there.\n", report.Plain(c.Label()))
	}
	if yes == "" {
		if yes, err = retyped(ctx, t, fmt.Sprintf("Type the credential's name to delete it from YubiKey %s", serialText(y.info.Serial))); err != nil {
			return fmt.Errorf("%w: give the name again with --yes", err)
		}
	}
	if yes != name && yes != c.ID {
		return usage("the name that was typed is not %q: nothing is deleted", name)
	}
	err = y.oath(ctx, func(ctx context.Context, s *oath.Session) error { return s.Delete(ctx, c) })
	if err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Deleted %s from YubiKey %s.\n", plainName(c), serialText(y.info.Serial))
	return nil
}

func newOATHRename(t terminal) *cobra.Command {
	var f yubikeyFlags
	c := &cobra.Command{
		Use:   "rename NAME NEW",
		Short: "Give a credential of a YubiKey another name",
		Example: strings.TrimRight(`
  mfawatch yubikey oath rename Amazon:ada arn:aws:iam::111122223333:mfa/ada`, "\n"),
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return ringError(runOATHRename(c.Context(), t, f, args[0], args[1]))
		},
	}
	f.add(c)
	return c
}

func runOATHRename(ctx context.Context, t terminal, f yubikeyFlags, name, label string) error {
	y, err := f.open(t)
	if err != nil {
		return err
	}
	c, err := y.credential(ctx, name)
	if err != nil {
		return err
	}
	var renamed oath.Credential
	err = y.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		renamed, err = s.Rename(ctx, c, label)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.err, "Renamed %s to %s on YubiKey %s.\n", plainName(c), plainName(renamed), serialText(y.info.Serial))
	return nil
}

type oathPasswordFlags struct {
	yubikeyFlags
	file   string
	clear  bool
	forget bool
}

func newOATHPassword(t terminal) *cobra.Command {
	var f oathPasswordFlags
	c := &cobra.Command{
		Use:   "password",
		Short: "Set, change or clear the password of a YubiKey's OATH application",
		Long: strings.TrimSpace(`
Asks for the password that is set, if there is one, and twice for the new one. A key
guesses 1,000 rounds of PBKDF2 and no more: make the password long. Without it nothing
but a reset, which deletes every credential, opens the application again.

--remember keeps it sealed on this machine, so that codes want the touch alone here;
--forget removes what is remembered of the key.`),
		Example: strings.TrimRight(`
  mfawatch yubikey oath password
  mfawatch yubikey oath password --oath-password-file old.txt --new-password-file new.txt
  mfawatch yubikey oath password --clear
  mfawatch yubikey oath password --forget`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ringError(runOATHPassword(c.Context(), t, f))
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.file, "new-password-file", "", "file that holds the new password, readable by you only (default: it is asked twice)")
	c.Flags().BoolVar(&f.clear, "clear", false, "take the password off: whoever holds the key can use it")
	c.Flags().BoolVar(&f.forget, "forget", false, "forget the password of this key on this machine; the key keeps it")
	return c
}

func runOATHPassword(ctx context.Context, t terminal, f oathPasswordFlags) error {
	if f.clear && f.file != "" || f.forget && (f.clear || f.file != "" || f.remember) {
		return usage("--new-password-file, --clear and --forget do not go together")
	}
	y, err := f.open(t)
	if err != nil {
		return err
	}
	if f.forget {
		return y.forgetPassword(ctx)
	}
	if f.clear {
		return y.clearPassword(ctx)
	}
	// Who cannot unlock the key is asked for no new password.
	if err := y.oath(ctx, func(context.Context, *oath.Session) error { return nil }); err != nil {
		return err
	}
	p, err := f.fresh(ctx, t)
	if err != nil {
		return err
	}
	defer p.Wipe()
	return y.setPassword(ctx, p)
}

func (f oathPasswordFlags) fresh(ctx context.Context, t terminal) (seal.Secret, error) {
	if f.file != "" {
		return seal.PassphraseFile(f.file)
	}
	tty, err := t.controlling()
	if err != nil {
		return seal.Secret{}, errors.New("there is no terminal to ask the new password on: name a file of it with --new-password-file")
	}
	defer tty.Close()
	return seal.AskPassphrase(ctx, tty, t.err, true)
}

func (y *yubikey) setPassword(ctx context.Context, p seal.Secret) error {
	err := y.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		access, err := s.Derive(p)
		if err != nil {
			return err
		}
		if err := s.SetPassword(ctx, access); err != nil {
			return err
		}
		y.access[s.DeviceID()] = access
		if y.remember {
			return y.keepAccess(ctx, s, access)
		}
		return y.forgetAccess(s.DeviceID()) // what was remembered is wrong now
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(y.t.err, "The password of YubiKey %s is set.\n", serialText(y.info.Serial))
	return nil
}

func (y *yubikey) clearPassword(ctx context.Context) error {
	y.remember = false
	err := y.oath(ctx, func(ctx context.Context, s *oath.Session) error {
		if err := s.ClearPassword(ctx); err != nil {
			return err
		}
		return y.forgetAccess(s.DeviceID())
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(y.t.err, "YubiKey %s has no password now: whoever holds it can use it.\n", serialText(y.info.Serial))
	return nil
}

func newOATHCode(t terminal) *cobra.Command {
	f := codeFlags{onKey: true}
	c := &cobra.Command{
		Use:     "code NAME",
		Short:   "Print the one-time code of a credential; as 'mfawatch code --yubikey'",
		Example: "  mfawatch yubikey oath code Example:ada",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f.asked = c.Flags().Changed("min-validity")
			return ringError(runCode(c.Context(), t, f, args[0]))
		},
	}
	f.unlocking.add(c)
	f.yubikey.addSerial(c)
	f.addTo(c)
	return c
}
