package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mfawatch/totp"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger"
)

type verifyFlags struct {
	unlocking
	resync bool
	unlock bool
	slack  int
	format string
}

func newVerify(t terminal) *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use:   "verify NAME",
		Short: "Check a one-time code against a key, once",
		Long: strings.TrimSpace(`
Reads a code, at the terminal or from standard input, and says whether it is one of
the key's. A code is accepted once, and none that is older afterwards. Wrong codes
are counted before they are compared: after five everybody waits, after twenty the
key is locked. A code in the command line would be seen by others, so there is no
argument for it.

Exit codes: 0 accepted, 3 refused, 5 no such key, 7 locked, or too early to try.`),
		Example: strings.TrimRight(`
  mfawatch verify ada                 # asks for the code
  mfawatch verify ada < code.txt
  mfawatch verify ada --resync        # two codes that follow each other, of a device far off
  mfawatch verify ada --unlock        # after twenty wrong codes`, "\n"),
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return ringError(runVerify(c.Context(), t, f, args[0])) },
	}
	f.add(c)
	c.Flags().BoolVar(&f.resync, "resync", false, "take two codes that follow each other, and remember how far off the device is")
	c.Flags().BoolVar(&f.unlock, "unlock", false, "forget the wrong codes of a key; asks for its name again")
	c.Flags().IntVar(&f.slack, "slack", 1, "steps before and after the device's own that are accepted, 0 to 10")
	formatFlag(c, &f.format, "text", "json")
	return c
}

func runVerify(ctx context.Context, t terminal, f verifyFlags, name string) error {
	switch {
	case f.slack < 0 || f.slack > totp.MaxSlack:
		return usage("--slack %d: it must be 0 to %d", f.slack, totp.MaxSlack)
	case f.resync && f.unlock:
		return usage("--resync and --unlock do not go together")
	}
	o, err := f.open(ctx, t, name)
	if err != nil {
		return err
	}
	v := ledger.Verifier{Store: o.ledger, Slack: f.slack, Floor: o.floor}
	switch {
	case f.unlock:
		return unlockKey(ctx, t, v, o)
	case f.resync:
		return resyncKey(ctx, t, v, f, o)
	}
	code, err := t.readLine("code: ")
	if err != nil {
		return err
	}
	m, err := v.Check(ctx, verifiedAs(o), o.key, code, time.Now())
	return printMatch(t, f.format, o, m, o.told(err))
}

// told says which key it is by the name that people know, and what unlocks it here.
func (o opened) told(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ledger.ErrLocked):
		return fmt.Errorf("%q: %w; on this machine 'mfawatch verify %s --unlock' does", o.Name, err, o.Name)
	}
	return fmt.Errorf("%q: %w", o.Name, err)
}

// verifiedAs is what a key's codes are remembered by.
func verifiedAs(o opened) string { return keyring.ID(o.key) }

func resyncKey(ctx context.Context, t terminal, v ledger.Verifier, f verifyFlags, o opened) error {
	first, err := t.readLine("first code: ")
	if err != nil {
		return err
	}
	second, err := t.readLine("the code after it: ")
	if err != nil {
		return err
	}
	m, err := v.Enrol(ctx, verifiedAs(o), o.key, first, second, time.Now())
	return printMatch(t, f.format, o, m, o.told(err))
}

// unlockKey forgets wrong codes. On one machine its owner decides; that two people have
// to is break-glass's rule.
func unlockKey(ctx context.Context, t terminal, v ledger.Verifier, o opened) error {
	name, err := t.readLine("Type the key's name again to forget its wrong codes: ")
	if err != nil {
		return err
	}
	if name != o.Name {
		return errors.New("that is another name: nothing was changed")
	}
	if err := v.Unlock(ctx, verifiedAs(o)); err != nil {
		return err
	}
	return writeText(t, "", "Unlocked.\n")
}

const maxLine = 4096

// readLine is the next line that a person types or a program writes. A prompt is shown
// to a person only. No byte after the line is read: it is for who reads next.
func (t terminal) readLine(prompt string) (string, error) {
	if f, ok := t.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(t.err, prompt)
	}
	var line []byte
	for {
		var b [1]byte
		n, err := t.in.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n == 1 && len(line) == maxLine:
			return "", fmt.Errorf("the line on standard input has more than %d bytes", maxLine)
		case n == 1:
			line = append(line, b[0])
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case errors.Is(err, io.EOF):
			return "", errors.New("standard input ended before a line was read: type it, or write it there")
		case err != nil:
			return "", fmt.Errorf("read standard input: %w", err)
		}
	}
}

// printMatch says what became of a code, and never the code.
func printMatch(t terminal, format string, o opened, m totp.Match, refused error) error {
	err := ringError(refused)
	if e := (exit{}); errors.As(err, &e) && e.code != exitRefused && e.code != exitLater {
		return err
	}
	if format == "json" {
		return cmp.Or(printMatchJSON(t, o, m, refused), err)
	}
	if err != nil {
		return err
	}
	what := fmt.Sprintf("Accepted: step %d", m.Step)
	if o.Kind == totp.HOTP {
		what = fmt.Sprintf("Accepted: counter %d", m.Step)
	}
	if m.Drift != 0 {
		what += fmt.Sprintf(", the device is %+d steps off", m.Drift)
	}
	return writeText(t, "", what+".\n")
}

func printMatchJSON(t terminal, o opened, m totp.Match, refused error) error {
	p := struct {
		Name     string `json:"name"`
		Accepted bool   `json:"accepted"`
		Step     *int64 `json:"step,omitempty"`
		Drift    *int64 `json:"drift,omitempty"`
		Reason   string `json:"reason,omitempty"`
	}{Name: o.Name, Accepted: refused == nil}
	if refused != nil {
		p.Reason = refused.Error()
	} else {
		p.Step, p.Drift = &m.Step, &m.Drift
	}
	return printJSON(t, p)
}
