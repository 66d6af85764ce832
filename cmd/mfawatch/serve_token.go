package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mfawatch/audit/report"
	"mfawatch/totp/seal"
	"mfawatch/totp/vaultapi"
)

// tokens are a file of them, read anew with each request: one that was taken away is
// refused from then on.
type tokens string

func tokenFile(h home, name string) tokens {
	if name == "" {
		name = h.path("serve-tokens.json")
	}
	return tokens(name)
}

// Tokens reads the file; where there is none nobody has a token.
func (name tokens) Tokens(context.Context) ([]vaultapi.Token, error) {
	data, err := seal.ReadTrusted(string(name), 16<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the file of tokens: %w", err)
	}
	list, err := vaultapi.ParseTokens(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", string(name), err)
	}
	return list, nil
}

func (name tokens) change(do func([]vaultapi.Token) ([]vaultapi.Token, error)) error {
	read := func() ([]vaultapi.Token, error) { return name.Tokens(context.Background()) }
	return changeCallers(string(name), read, do)
}

func tokensFlag(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "tokens", "", "file of tokens (default: serve-tokens.json in $MFAWATCH_HOME)")
}

func newServeToken(t terminal) *cobra.Command {
	c := &cobra.Command{
		Use:     "token",
		Short:   "Tokens of 'mfawatch serve': which keys each is for, and what it may do",
		Example: "  mfawatch serve token add terraform --grant aws:read\n  mfawatch serve token list",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTokenAdd(t), newTokenList(t), newTokenRevoke(t))
	return c
}

func newTokenAdd(t terminal) *cobra.Command {
	var file, format string
	var grants []string
	var lasts time.Duration
	c := &cobra.Command{
		Use:   "add NAME --grant KEY:RIGHT…",
		Short: "Make a token and print it, this once",
		Long: strings.TrimSpace(`
Makes a token and prints it: it is kept as a hash only, and cannot be shown again.
NAME is how the record says it. A right is read (codes: whoever has it has the second
factor), verify, or manage. A key is named exactly; * is every key.`),
		Example: strings.TrimRight(`
  mfawatch serve token add terraform --grant aws:read --expires 720h
  mfawatch serve token add portal --grant '*:verify'`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return addToken(t, file, format, args[0], grants, lasts) },
	}
	tokensFlag(c, &file)
	c.Flags().StringArrayVar(&grants, "grant", nil, "KEY:RIGHT, as aws:read or '*:verify'; can be given again")
	formatFlag(c, &format, "text", "json")
	c.Flags().DurationVar(&lasts, "expires", 0, "how long it is good (default: until it is revoked)")
	return c
}

func addToken(t terminal, file, format, name string, grants []string, lasts time.Duration) error {
	given, err := parseGrants(grants)
	if err != nil {
		return err
	}
	if lasts < 0 {
		return usage("--expires %v is negative", lasts)
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	var text string
	err = tokenFile(h, file).change(func(list []vaultapi.Token) ([]vaultapi.Token, error) {
		if slices.ContainsFunc(list, func(o vaultapi.Token) bool { return o.Name == name }) {
			return nil, usage("there is a token %q: revoke it first, or choose another name", name)
		}
		var token vaultapi.Token
		if text, token, err = vaultapi.NewToken(name, given, rand.Reader); err != nil {
			return nil, usage("%v", err)
		}
		if lasts > 0 {
			token.Expires = time.Now().Add(lasts).UTC().Truncate(time.Second)
		}
		return append(list, token), nil
	})
	if err != nil {
		return err
	}
	if format == "json" {
		return printJSON(t, map[string]string{"name": name, "token": text})
	}
	return writeText(t, "", text+"\n")
}

// parseGrants reads KEY:RIGHT. A key's name may have colons, a right has none.
func parseGrants(texts []string) ([]vaultapi.Grant, error) {
	if len(texts) == 0 {
		return nil, usage("--grant: say what the token may do, as aws:read")
	}
	var all []vaultapi.Grant
	for _, text := range texts {
		i := strings.LastIndex(text, ":")
		right := vaultapi.Right(text[i+1:])
		if i < 1 || !slices.Contains([]vaultapi.Right{vaultapi.Read, vaultapi.Verify, vaultapi.Manage}, right) {
			return nil, usage("--grant %q: write KEY:RIGHT, where the right is read, verify or manage", text)
		}
		key := text[:i]
		if at := slices.IndexFunc(all, func(g vaultapi.Grant) bool { return g.Key == key }); at >= 0 {
			all[at].Rights = append(all[at].Rights, right)
			continue
		}
		all = append(all, vaultapi.Grant{Key: key, Rights: []vaultapi.Right{right}})
	}
	return all, nil
}

func newTokenList(t terminal) *cobra.Command {
	var file, format string
	c := &cobra.Command{
		Use:     "list",
		Short:   "List tokens, by name, without what they are",
		Example: "  mfawatch serve token list",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return listTokens(t, file, format) },
	}
	tokensFlag(c, &file)
	formatFlag(c, &format, "table", "json")
	return c
}

func listTokens(t terminal, file, format string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	list, err := tokenFile(h, file).Tokens(context.Background())
	if err != nil {
		return err
	}
	type row struct {
		Name    string           `json:"name"`
		Grants  []vaultapi.Grant `json:"grants"`
		Expires time.Time        `json:"expires,omitzero"`
	}
	all, rows := []row{}, [][]string{{"NAME", "GRANTS", "EXPIRES"}}
	for _, one := range list {
		end := ""
		if !one.Expires.IsZero() {
			end = one.Expires.UTC().Format(time.RFC3339)
		}
		all = append(all, row{one.Name, one.Grants, one.Expires})
		rows = append(rows, []string{one.Name, grantText(one.Grants), end})
	}
	return printCallers(t, format, all, "No tokens.\n", rows)
}

func grantText(grants []vaultapi.Grant) string {
	var all []string
	for _, g := range grants {
		for _, right := range g.Rights {
			all = append(all, g.Key+":"+string(right))
		}
	}
	return strings.Join(all, " ")
}

func newTokenRevoke(t terminal) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "revoke NAME",
		Short:   "Take a token away; a running server refuses it from then on",
		Example: "  mfawatch serve token revoke terraform",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return revokeToken(t, file, args[0]) },
	}
	tokensFlag(c, &file)
	return c
}

func revokeToken(t terminal, file, name string) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	err = tokenFile(h, file).change(func(list []vaultapi.Token) ([]vaultapi.Token, error) {
		left := slices.DeleteFunc(slices.Clone(list), func(o vaultapi.Token) bool { return o.Name == name })
		if len(left) == len(list) {
			return nil, exit{exitNotFound, fmt.Errorf("there is no token %q: 'mfawatch serve token list' names them", name)}
		}
		return left, nil
	})
	if err != nil {
		return err
	}
	return writeText(t, "", fmt.Sprintf("Revoked %s.\n", report.Plain(name)))
}
