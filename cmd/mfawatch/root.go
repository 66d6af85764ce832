package main

import (
	"cmp"
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
	"mfawatch/internal/manual"
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
	cards    card.Readers             // nil: those of this computer
	aws      aws.HTTPClient           // nil: the SDK's
	asks     func() (*os.File, error) // opens what a person is asked on; nil: the terminal that the program was started from
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
	ran := command(root, args)
	if e.err != nil {
		for line := range strings.Lines(e.Error()) {
			fmt.Fprintf(t.err, "%s: %s\n", ran, report.Plain(strings.TrimSuffix(line, "\n")))
		}
	}
	if e.code == exitUsage {
		fmt.Fprintf(t.err, "See '%s --help'.\n", ran)
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

// command is the command line's command: errors begin with it, and say whose help to see.
func command(root *cobra.Command, args []string) string {
	if c, _, err := root.Find(args); err == nil {
		return c.CommandPath()
	}
	return root.CommandPath()
}

// helpWidth is how wide help is: narrower than a terminal where that is narrow, and 80 in
// a pipe.
func helpWidth(w io.Writer) int {
	if columns := width(w); columns > 0 {
		return min(80, max(columns, 20))
	}
	return 80
}

func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		Example: "  mfawatch help key list",
		Args: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			switch {
			case err == nil && len(rest) == 0:
				return nil
			case !c.HasAvailableSubCommands():
				return usage("%s has no commands under it", c.CommandPath())
			}
			return argsError(c, rest, errors.New("no such command"))
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return subcommandNames(root, args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, _, err := root.Find(args)
			if err != nil {
				return err
			}
			return c.Help()
		},
	}
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
		Version:       built().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Example:       "  mfawatch demo\n  mfawatch scan ./AWSLogs\n  mfawatch audit --profile security -o report.html\n  mfawatch doctor",
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(t.in)
	root.SetOut(t.out)
	root.SetErr(t.err)
	columns := helpWidth(t.out)
	root.SetUsageFunc(func(c *cobra.Command) error {
		_, err := io.WriteString(c.OutOrStderr(), manual.Usage(c, columns))
		return err
	})
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		fmt.Fprintf(c.OutOrStdout(), "%s\n\n%s", manual.Fill(cmp.Or(c.Long, c.Short), columns), manual.Usage(c, columns))
	})
	root.SetHelpCommand(newHelp(root))
	root.CompletionOptions.DisableDefaultCmd = true // there is newCompletion
	root.AddCommand(newScan(t), newAudit(t), newCollect(t), newReport(t), newEnforce(t), newPolicy(t), newConfig(t), newDemo(t), newChecks(t), newKey(t), newCode(t), newVerify(t), newDevice(t), newSession(t), newServe(t), newYubikey(t), newBreakglass(t), newDoctor(t), newCompletion(t), newVersion(t), newMan(t))
	root.InitDefaultHelpCmd()
	root.InitDefaultVersionFlag()
	root.Flags().Lookup("version").Usage = "print the version, and no more"
	oneVoice(root)
	completeAll(root)
	return root
}
