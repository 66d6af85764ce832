package manual_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"mfawatch/internal/manual"
)

// tool is a command line with what roff, Markdown and narrow terminals stumble over.
func tool() *cobra.Command {
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "tool", Short: "Keep things", Version: "1", Run: run, Long: "First words.\nExit codes: none.\n\nExit codes: 0 good,\n3 bad."}
	sub := &cobra.Command{
		Use: "put NAME|-", Short: "Put a thing where it belongs, with many words that need more room than there is", Run: run,
		Long:    ".A line that begins as a request does, with a \\ and `quotes` and it's <kept>.\n\nThings:\n  one  is kept as it stands, however long the line of it may be, since it is of a list\n  tool put x --at /tmp\nAnd on.",
		Example: "\n  tool put a_b*c  # as is\n  tool put - < file",
	}
	sub.Flags().StringP("at", "a", "/tmp", "where to put it: a `FOLDER` of many_many words, so that a line of it is not enough for all that there is to say")
	sub.Flags().Bool("really-do-it-whatever-they-say", false, "no question")
	root.PersistentFlags().Int("level", 0, "how much")
	root.AddCommand(sub, &cobra.Command{Use: "secret", Hidden: true, Run: run})
	return root
}

func TestCommands(t *testing.T) {
	all := manual.Commands(tool())
	if len(all) != 2 || manual.Name(all[1]) != "tool-put" {
		t.Errorf("%d commands, want the root and put: hidden ones have no page", len(all))
	}
}

const putPage = `.TH "TOOL\-PUT" "1" "2026\-11\-26" "tool 1" "mfawatch manual"
.SH "NAME"
tool\-put \- Put a thing where it belongs, with many words that need more room than there is
.SH "SYNOPSIS"
.B "tool put"
NAME|\- [flags]
.SH "DESCRIPTION"
\&.A line that begins as a request does, with a \e and \(gaquotes\(ga and it\(aqs <kept>.
.PP
Things:
.PP
.RS "4"
.nf
one  is kept as it stands, however long the line of it may be, since it is of a list
tool put x \-\-at /tmp
.fi
.RE
.PP
And on.
.SH "OPTIONS"
.TP
.B "\-a, \-\-at FOLDER"
where to put it: a FOLDER of many_many words, so that a line of it is not enough for all that there is to say (default /tmp)
.TP
.B "\-h, \-\-help"
help for put
.TP
.B "\-\-really\-do\-it\-whatever\-they\-say"
no question
.SH "INHERITED OPTIONS"
.TP
.B "\-\-level int"
how much
.SH "EXAMPLES"
.PP
.RS "4"
.nf
tool put a_b*c  # as is
tool put \- < file
.fi
.RE
.SH "SEE ALSO"
.BR "tool" "(1)"
`

func TestMan(t *testing.T) {
	all := manual.Commands(tool())
	var page strings.Builder
	e := manual.Edition{Version: "tool 1", Date: time.Date(2026, 11, 26, 23, 0, 0, 0, time.FixedZone("", -3600*5)).Add(-24 * time.Hour)}
	if err := manual.Man(&page, all[1], e); err != nil || page.String() != putPage {
		t.Errorf("%v:\n%s\nwant\n%s", err, page.String(), putPage)
	}
	page.Reset()
	if err := manual.Man(&page, all[0], manual.Edition{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`.TH "TOOL" "1" "" "" "mfawatch manual"`, ".SH \"EXIT STATUS\"\nExit codes: 0 good,\n3 bad.\n", ".SH \"COMMANDS\"\n.TP\n.BR \"tool\\-put\" \"(1)\"\n", ".B \"tool\"\nCOMMAND\n"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the root's page does not have %q:\n%s", want, page.String())
		}
	}
	if strings.Contains(page.String(), "secret") {
		t.Errorf("a hidden command is on a page:\n%s", page.String())
	}
}

func TestMarkdown(t *testing.T) {
	var page strings.Builder
	if err := manual.Markdown(&page, tool(), "# Tool\n"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# Tool\n\n## tool\n\nFirst words.", "| [tool put](#tool-put) | Put a thing", "\n## tool put\n\n.A line that begins as a request does, with a \\\\ and \\`quotes\\` and it's \\<kept>.\n",
		"```sh\ntool put a_b*c  # as is\ntool put - < file\n```\n", "`tool put NAME|- [flags]`", "| `-a, --at FOLDER` | where to put it: a FOLDER of many\\_many words", "(default /tmp) |\n", "| `--level int` | how much |\n",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not have %q:\n%s", want, page.String())
		}
	}
	if strings.Contains(page.String(), "secret") || strings.Contains(page.String(), "--help") {
		t.Errorf("the page has what is hidden, or what all have:\n%s", page.String())
	}
}

// Help fits, whatever the width is; what is said is said whole.
func TestUsageFits(t *testing.T) {
	for _, columns := range []int{40, 60, 80} {
		for _, c := range manual.Commands(tool()) {
			text := manual.Fill(c.Long, columns) + "\n\n" + manual.Usage(c, columns)
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
					t.Errorf("%d of %d columns: %s", n, columns, line)
				}
			}
			words := strings.Join(strings.Fields(text), " ")
			for _, want := range []string{c.UseLine(), "--level", "how much", c.Example} {
				if !strings.Contains(words, strings.Join(strings.Fields(want), " ")) {
					t.Errorf("in %d columns help does not say %q:\n%s", columns, want, text)
				}
			}
		}
	}
}

func TestFill(t *testing.T) {
	const text = "A first\nparagraph of words.\n\nA list:\n  one\n  two\nbehind it.\n\n  alone\n"
	for columns, want := range map[int]string{
		80: "A first paragraph of words.\n\nA list:\n  one\n  two\nbehind it.\n\n  alone",
		12: "A first\nparagraph of\nwords.\n\nA list:\n  one\n  two\nbehind it.\n\n  alone",
	} {
		if got := manual.Fill(text, columns); got != want {
			t.Errorf("in %d columns:\n%q\nwant\n%q", columns, got, want)
		}
	}
	if got := manual.Fill(manual.Fill(text, 12), 80); got != manual.Fill(text, 80) {
		t.Errorf("filled twice it is %q", got)
	}
}
