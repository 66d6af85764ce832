package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mfawatch/audit/report"
	"mfawatch/totp/yubikey/card"
)

// version is set when a release is built.
var version = "development"

// The exit codes; they are an interface (docs/design.md).
const (
	exitClean     = 0
	exitCannotRun = 1
	exitUsage     = 2
	exitFindings  = 3
	exitUnchecked = 4 // no findings, but something could not be checked
)

// exit is an error that carries the exit code. With a nil err nothing is
// printed: the output has said it.
type exit struct {
	code int
	err  error
}

func (e exit) Error() string { return fmt.Sprint(e.err) }
func (e exit) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return exit{exitUsage, fmt.Errorf(format, args...)}
}

func cannotRun(err error) error { return exit{exitCannotRun, err} }

// terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
	cards    card.Readers   // nil: those of this computer
	aws      aws.HTTPClient // nil: the SDK's
}

// width is the number of columns of the terminal that w is, or 0 when it is
// none.
func width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return 80
	}
	return columns
}

// colour tells whether to colour what goes to w (https://no-color.org).
func colour(w io.Writer) bool {
	return width(w) > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func execute(ctx context.Context, t terminal, args []string) int {
	root := newRoot(t)
	coded(root)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitClean
	}
	e := exit{exitUsage, err} // only cobra's own refusals are left without a code
	errors.As(err, &e)
	if e.err != nil && e.err.Error() == context.Canceled.Error() {
		e.err = errors.New("interrupted")
	}
	if e.err != nil {
		for line := range strings.Lines(e.Error()) {
			fmt.Fprintf(t.err, "mfawatch: %s\n", report.Plain(strings.TrimSuffix(line, "\n")))
		}
	}
	if e.code == exitUsage {
		fmt.Fprintf(t.err, "See '%s --help'.\n", command(root, args))
	}
	return e.code
}

// coded gives what a command fails with the exit code of what could not run,
// unless it says another: a disk that is full is no matter of usage. What cobra
// refuses before a command runs is, and keeps none.
func coded(c *cobra.Command) {
	if run := c.RunE; run != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			err := run(c, args)
			if errors.As(err, &exit{}) || err == nil {
				return err
			}
			return cannotRun(err)
		}
	}
	for _, sub := range c.Commands() {
		coded(sub)
	}
}

// command is the command line's command, for a hint.
func command(root *cobra.Command, args []string) string {
	if c, _, err := root.Find(args); err == nil {
		return c.CommandPath()
	}
	return root.CommandPath()
}

// noArgs names the command that a word was perhaps meant to be.
func noArgs(c *cobra.Command, args []string) error {
	err := cobra.NoArgs(c, args)
	if err != nil {
		c.SuggestionsMinimumDistance = 2
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			err = fmt.Errorf("%w; did you mean %s?", err, strings.Join(near, " or "))
		}
	}
	return err
}

func newRoot(t terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "mfawatch",
		Short: "Is every human sign-in to AWS really protected by a second factor?",
		Long: strings.TrimSpace(`
mfawatch reads CloudTrail records and says of each sign-in whether a second
factor was used, and what happened around it; and it reads accounts and says who
holds which second factor, and who should hold a better one.

Its other half keeps the second factor itself: keys and codes, AWS's MFA devices and
sessions with them.

Exit codes: 0 clean or done, 1 could not run, 2 usage, 3 findings, or a code that was
refused, 4 no findings but something could not be checked, 5 no such key or device,
6 more than one fits, 7 not now: later, 8 no YubiKey, or it was not touched in time.`),
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	wrapped := "{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}"
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), "{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}", wrapped))
	root.AddCommand(newScan(t), newAudit(t), newCollect(t), newReport(t), newEnforce(t), newPolicy(t), newConfig(t), newDemo(t), newChecks(t), newKey(t), newCode(t), newVerify(t), newDevice(t), newSession(t), newServe(t), newYubikey(t), newBreakglass(t))
	return root
}
