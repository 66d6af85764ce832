package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteProcess writes credentials as the CLI and the SDKs take them from a
// credential_process (AWS CLI user guide, sourcing credentials with an external process).
func WriteProcess(w io.Writer, c Credentials) error {
	if err := c.complete(); err != nil {
		return err
	}
	text, err := json.Marshal(struct {
		Version                                    int
		AccessKeyId, SecretAccessKey, SessionToken string // AWS's spelling
		Expiration                                 string
	}{1, c.AccessKeyID, string(c.SecretAccessKey.Reveal()), string(c.SessionToken.Reveal()), c.Expires.UTC().Format(time.RFC3339)})
	if err != nil {
		return err
	}
	defer clear(text)
	_, err = w.Write(append(text, '\n'))
	return err
}

// Shell is a language of command lines.
type Shell string

// The shells that exports are written for.
const (
	Sh         Shell = "sh" // bash, zsh, dash, ksh
	Fish       Shell = "fish"
	PowerShell Shell = "powershell"
)

// WriteExports writes credentials as commands that put them into a shell's environment.
// With a Region they set that too.
func WriteExports(w io.Writer, c Credentials, shell Shell, region string) error {
	export, known := exports[shell]
	if !known {
		return fmt.Errorf("shell %q is none of %s, %s and %s", string(shell), Sh, Fish, PowerShell)
	}
	if err := c.complete(); err != nil {
		return err
	}
	pairs := [][2]string{
		{"AWS_ACCESS_KEY_ID", c.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", string(c.SecretAccessKey.Reveal())},
		{"AWS_SESSION_TOKEN", string(c.SessionToken.Reveal())}, {"AWS_CREDENTIAL_EXPIRATION", c.Expires.UTC().Format(time.RFC3339)},
	}
	if region != "" {
		if !regionText.MatchString(region) {
			return fmt.Errorf("export Region %q: write it as eu-north-1", region)
		}
		pairs = append(pairs, [2]string{"AWS_REGION", region})
	}
	var b strings.Builder
	for _, p := range pairs {
		b.WriteString(export(p[0], p[1]))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

var exports = map[Shell]func(name, value string) string{
	Sh: func(name, value string) string {
		return "export " + name + "='" + strings.ReplaceAll(value, "'", `'\''`) + "'\n"
	},
	Fish: func(name, value string) string {
		return "set -gx " + name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'\n"
	},
	PowerShell: func(name, value string) string {
		return "$env:" + name + " = '" + strings.ReplaceAll(value, "'", "''") + "'\n"
	},
}

// complete refuses what would not work, or would do something in a shell: AWS's
// credentials are printable ASCII.
func (c Credentials) complete() error {
	for _, part := range []string{c.AccessKeyID, string(c.SecretAccessKey.Reveal()), string(c.SessionToken.Reveal())} {
		odd := func(r rune) bool { return r < 0x21 || r > 0x7e }
		if part == "" || strings.ContainsFunc(part, odd) {
			return errors.New("print credentials: they are wiped, incomplete, or not of printable ASCII as AWS's are")
		}
	}
	if c.Expires.IsZero() {
		return errors.New("print credentials: they do not say when they expire")
	}
	return nil
}
