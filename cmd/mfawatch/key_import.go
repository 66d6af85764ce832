package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mfawatch/totp"
	"mfawatch/totp/migration"
	"mfawatch/totp/qr"
	"mfawatch/totp/seal"
)

type keyImportFlags struct {
	unlocking
	all    bool
	dryRun bool
	pass   string
	device string
	format string
	nameAs []string
}

func newKeyImport(t terminal) *cobra.Command {
	var f keyImportFlags
	c := &cobra.Command{
		Use:   "import NAME FILE|- | --all FILE…|-",
		Short: "Seal keys from a QR code, a key URI, another authenticator or pass",
		Long: strings.TrimSpace(`
Reads a key and seals it. What a file holds is seen from its content: a picture of a
QR code (PNG, JPEG, GIF), an otpauth URI, or an otpauth-migration URI, which Google
Authenticator shows under "Transfer accounts" and which holds several keys. With
--pass the key comes from the password store of pass.

--all takes every key, from several files too, as the several QR codes of one
transfer. Each is named by its issuer and account, or by --name-as. --dry-run lists
them and seals none.

A URI in the command line would be in the shell's history: write it to a file or to
standard input. The file is left as it is: destroy it when its key is sealed.`),
		Example: strings.TrimRight(`
  mfawatch key import ada qr.png --device arn:aws:iam::111122223333:mfa/ada
  mfawatch key import ada - < uri.txt
  mfawatch key import ada --pass aws/ada
  mfawatch key import --all --dry-run transfer-1.png transfer-2.png
  mfawatch key import --all --name-as 2=ada transfer-1.png transfer-2.png`, "\n"),
		Args: sourceArgs(f.fits, "give a name and a file, or - for standard input; with --pass a name alone; with --all files alone"),
		RunE: func(c *cobra.Command, args []string) error { return ringError(runKeyImport(c.Context(), t, f, args)) },
	}
	f.add(c)
	c.Flags().BoolVar(&f.all, "all", false, "take all keys of all files, and name them by issuer and account")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "list the keys and the names they would get, without secrets; seals none")
	c.Flags().StringArrayVar(&f.nameAs, "name-as", nil, "N=NAME names the Nth key of the list NAME; can be given again")
	c.Flags().StringVar(&f.pass, "pass", "", "entry of pass that holds the key's URI; runs 'pass show'")
	deviceFlag(c, &f.device)
	formatFlag(c, &f.format, "text", "json")
	return c
}

func (f *keyImportFlags) fits(args []string) bool {
	switch {
	case f.all:
		return len(args) > 0 && f.pass == ""
	case f.pass != "":
		return len(args) == 1
	}
	return len(args) == 2
}

// sourceArgs are arguments of commands that secrets are given to. One that looks like a
// secret's URI was seen by others by now, and is not repeated.
func sourceArgs(fits func([]string) bool, want string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		for _, arg := range args {
			if isKeyURI([]byte(arg)) {
				return usage("a key's URI was given in the command line: it is in your shell's history now, and every user of this machine could read it. Remove it there, let the device be replaced, and give URIs in a file or on standard input")
			}
		}
		if !fits(args) {
			return usage("%s", want)
		}
		return nil
	}
}

func isKeyURI(text []byte) bool {
	text = bytes.ToLower(bytes.TrimSpace(text))
	return bytes.HasPrefix(text, []byte("otpauth:")) || bytes.HasPrefix(text, []byte("otpauth-migration:"))
}

func runKeyImport(ctx context.Context, t terminal, f keyImportFlags, args []string) error {
	if f.all && f.device != "" {
		return usage("--device is of one key: import that one by its name")
	}
	if !f.all && len(f.nameAs) > 0 {
		return usage("--name-as goes with --all: the key is named by the argument")
	}
	keys, err := f.read(ctx, t, args)
	if err != nil {
		return err
	}
	found, err := f.names(args, keys)
	if err != nil {
		return err
	}
	if f.dryRun {
		return listFound(t, found, f.format)
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	var names []string
	for _, k := range found {
		names = append(names, k.name)
	}
	if err := h.unused(names...); err != nil {
		return err
	}
	if err := f.store(ctx, t, h, found...); err != nil {
		return err
	}
	for _, k := range found {
		tellSealed(t, k.name, k.key)
		if f.pass != "" && k.key.Settings().Kind == totp.HOTP {
			fmt.Fprintln(t.err, "pass keeps the counter of the code that it made last: the first code here may be that one again, and refused. Make codes in one place only.")
		}
	}
	if f.pass == "" && !slices.Contains(args, standardOutput) {
		fmt.Fprintln(t.err, "The secret is still in what was read: destroy it.")
	}
	if f.format == "json" {
		return importedJSON(t, h, found, true)
	}
	return nil
}

// read are the keys of all sources.
func (f keyImportFlags) read(ctx context.Context, t terminal, args []string) ([]totp.Key, error) {
	if f.pass != "" {
		text, err := passShow(ctx, t, f.pass)
		if err != nil {
			return nil, err
		}
		defer clear(text)
		return gathered(passURIs(text), "entry "+f.pass+" of pass")
	}
	if !f.all {
		args = args[1:]
	}
	var uris []string
	for _, name := range args {
		more, err := sourceURIs(ctx, t, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		uris = append(uris, more...)
	}
	return gathered(uris, strings.Join(args, ", "))
}

// sourceURIs are the URIs of a file or of standard input.
func sourceURIs(ctx context.Context, t terminal, name string) ([]string, error) {
	data, err := sourceData(ctx, t, name)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	if !qr.IsImage(data) {
		return textURIs(data)
	}
	text, err := qr.Read(data)
	if err != nil {
		return nil, err
	}
	defer text.Wipe()
	if !isKeyURI(text.Reveal()) {
		return nil, errors.New("the QR code holds no key: it does not begin with otpauth")
	}
	return []string{string(text.Reveal())}, nil
}

func sourceData(ctx context.Context, t terminal, name string) ([]byte, error) {
	in := t.in
	if name == standardOutput {
		if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			typed, err := seal.Ask(ctx, f, t.err, "otpauth URI")
			return typed.Reveal(), err
		}
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, plainPath(err)
		}
		defer f.Close()
		in = f
	}
	return readAll(in, qr.MaxFile)
}

// plainPath is the error without the name, which the caller says.
func plainPath(err error) error {
	if e := (*os.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// textURIs are the lines of a text, each a URI.
func textURIs(data []byte) ([]string, error) {
	var uris []string
	n := 0
	for line := range bytes.Lines(data) {
		n++
		line = bytes.TrimSpace(line)
		switch _, err := totp.DecodeSecret(string(line)); {
		case len(line) == 0:
		case isKeyURI(line):
			uris = append(uris, string(line))
		case err == nil && len(uris) == 0:
			return nil, fmt.Errorf("line %d is a secret without settings: 'mfawatch key add NAME -' takes it from standard input", n)
		default:
			return nil, fmt.Errorf("line %d is no key: it does not begin with otpauth, and the file is no picture", n)
		}
	}
	if uris == nil {
		return nil, errors.New("it is empty")
	}
	return uris, nil
}

// passURIs are those lines of an entry that are URIs: others are passwords and notes.
func passURIs(data []byte) []string {
	var uris []string
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); isKeyURI(line) {
			uris = append(uris, string(line))
		}
	}
	return uris
}

// passShow asks pass. What it says on standard error is for the person; its standard
// output holds passwords, and goes nowhere else.
func passShow(ctx context.Context, t terminal, entry string) ([]byte, error) {
	if strings.HasPrefix(entry, "-") {
		return nil, usage("--pass %q: an entry's name does not begin with a dash", entry)
	}
	cmd := exec.CommandContext(ctx, "pass", "show", entry)
	cmd.Stderr = t.err
	out, err := cmd.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("--pass: the program pass is not found: install it, or import a file")
	case err != nil:
		clear(out)
		return nil, fmt.Errorf("--pass: 'pass show %s': %w", entry, err)
	}
	return out, nil
}

// gathered makes keys of URIs. Those of a transfer have to be all of its parts.
func gathered(uris []string, source string) ([]totp.Key, error) {
	var keys []totp.Key
	var parts []migration.Part
	for _, uri := range uris {
		if migration.Is(uri) {
			p, err := migration.Parse(uri)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", source, err)
			}
			parts = append(parts, p)
			continue
		}
		k, err := totp.Parse(uri)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		keys = append(keys, k)
	}
	if parts != nil {
		joined, err := migration.Join(parts...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		keys = append(keys, joined...)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no otpauth URI is in it", source)
	}
	return keys, nil
}

// names gives each key its name, once.
func (f keyImportFlags) names(args []string, keys []totp.Key) ([]namedKey, error) {
	if !f.all {
		if len(keys) > 1 {
			return nil, usage("there are %d keys in it: take them with --all, which names them; --dry-run lists them", len(keys))
		}
		return []namedKey{{args[0], f.device, keys[0]}}, checkDevice(f.device, keys[0].Settings())
	}
	given, err := f.given(len(keys))
	if err != nil {
		return nil, err
	}
	var found []namedKey
	for i, k := range keys {
		name := given[i+1]
		if name == "" {
			name = derived(k.Settings())
		}
		if at := slices.IndexFunc(found, func(o namedKey) bool { return o.name == name }); at >= 0 {
			return nil, usage("keys %d and %d would both be named %q: name one with --name-as %d=NAME", at+1, i+1, name, i+1)
		}
		found = append(found, namedKey{name, "", k})
	}
	return found, nil
}

// given are the names of --name-as by number.
func (f keyImportFlags) given(count int) (map[int]string, error) {
	given := map[int]string{}
	for _, text := range f.nameAs {
		number, name, found := strings.Cut(text, "=")
		n, err := strconv.Atoi(number)
		if !found || err != nil || name == "" || n < 1 || n > count {
			return nil, usage("--name-as %q: write N=NAME, N from 1 to %d as --dry-run lists them", text, count)
		}
		if given[n] != "" {
			return nil, usage("--name-as names key %d twice", n)
		}
		given[n] = name
	}
	return given, nil
}

func derived(s totp.Settings) string {
	if s.Issuer == "" {
		return s.Account
	}
	return s.Issuer + "/" + s.Account
}

// importedKey is a key that was read, as programs read it: without its secret.
type importedKey struct {
	Name      string         `json:"name"`
	Kind      totp.Kind      `json:"kind"`
	Issuer    string         `json:"issuer"`
	Account   string         `json:"account"`
	Algorithm totp.Algorithm `json:"algorithm"`
	Digits    int            `json:"digits"`
	There     bool           `json:"there"`  // there is a key of that name already
	Sealed    bool           `json:"sealed"` // it was sealed now
}

func importedJSON(t terminal, h home, found []namedKey, sealed bool) error {
	keys := []importedKey{}
	for _, k := range found {
		s := k.key.Settings()
		keys = append(keys, importedKey{k.name, s.Kind, s.Issuer, s.Account, s.Algorithm, s.Digits, !sealed && h.unused(k.name) != nil, sealed})
	}
	return printJSON(t, map[string]any{"keys": keys})
}

func listFound(t terminal, found []namedKey, format string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	if format == "json" {
		return importedJSON(t, h, found, false)
	}
	rows := [][]string{{"N", "NAME", "KIND", "ISSUER", "ACCOUNT", "ALGORITHM", "DIGITS"}}
	for i, k := range found {
		s := k.key.Settings()
		name := k.name
		if h.unused(k.name) != nil {
			name += " (is there already)"
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), name, string(s.Kind), s.Issuer, s.Account, string(s.Algorithm), fmt.Sprint(s.Digits)})
	}
	return printTable(t, rows)
}
