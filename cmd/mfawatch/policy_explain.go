package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"mfawatch/audit"
	"mfawatch/audit/enforce/explain"
	"mfawatch/audit/report"
)

func newPolicyExplain(t terminal) *cobra.Command {
	var o explain.Options
	var kind, format string
	var list bool
	c := &cobra.Command{
		Use:   "explain FILE…",
		Short: "Say what a policy does with and without MFA, and name known mistakes",
		Long: strings.TrimSpace(`
Says in sentences and in a table what an IAM policy document allows and denies
with an access key, in a console session without MFA, with MFA, in a role's
session and with a federation token, and names known mistakes with their lines.

FILE is a policy document, or what the AWS CLI answers with one in it: iam
get-policy-version, get-user-policy, get-group-policy, get-role-policy,
get-role, organizations describe-policy, s3api get-bucket-policy; - is standard
input. Nothing is asked of AWS.

Exit codes: 0 no mistake of medium or higher severity, 1 a file could not be
read, 2 usage, 3 such mistakes.`),
		Example: "  mfawatch policy explain enforce-mfa.json\n  aws iam get-role --role-name admin | mfawatch policy explain -\n  mfawatch policy explain scp.json --as scp --format json\n  mfawatch policy explain --list",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case list && len(args) > 0:
				return usage("--list takes no FILE")
			case !list && len(args) == 0:
				return usage("FILE is missing: name a policy document, or - for standard input")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if list {
				return printMistakes(t.out, width(t.out), format)
			}
			if format == "markdown" {
				return usage("--format markdown goes with --list")
			}
			o.Kind = explain.Kind(kind)
			if err := o.Check(); err != nil {
				return exit{exitUsage, err}
			}
			return explainFiles(t, args, o, format)
		},
	}
	c.Flags().StringVar(&kind, "as", "", "what the document is: "+kindList()+" (default: told by its content)")
	c.Flags().StringVar(&o.User, "user", "", "the user who is asked about (default ada)")
	c.Flags().StringVar(&o.Path, "path", "", "the user's path, as /dev/ (default /)")
	c.Flags().StringVar(&o.Account, "account", "", "the account (default: the one that the document names)")
	c.Flags().StringVar(&o.Partition, "partition", "", "aws, aws-cn or aws-us-gov (default: the one that the document names)")
	formatFlag(c, &format, "table", "json", "markdown")
	c.Flags().BoolVar(&list, "list", false, "list the known mistakes, without a FILE")
	return c
}

func kindList() string {
	var all []string
	for _, k := range explain.Kinds() {
		all = append(all, string(k))
	}
	return strings.Join(all, ", ")
}

// explainFiles explains every file that can be read; one that cannot makes the
// exit code 1.
func explainFiles(t terminal, names []string, o explain.Options, format string) error {
	all := []explain.Explanation{}
	var wrong []error
	for _, name := range names {
		e, err := explainFile(t, name, o)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		all = append(all, e)
	}
	if err := printExplanations(t.out, all, format); err != nil {
		return fmt.Errorf("write the explanation: %w", err)
	}
	switch {
	case len(wrong) > 0:
		return cannotRun(errors.Join(wrong...))
	case slices.ContainsFunc(all, func(e explain.Explanation) bool { return e.Worst() >= audit.Medium }):
		return exit{code: exitFindings}
	}
	return nil
}

func explainFile(t terminal, name string, o explain.Options) (explain.Explanation, error) {
	in, shown := t.in, "standard input"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return explain.Explanation{}, fmt.Errorf("%s: %w", name, plainPath(err))
		}
		defer f.Close()
		in, shown = f, name
	}
	data, err := io.ReadAll(io.LimitReader(in, explain.MostBytes+4)) // a byte order mark does not count
	if err != nil {
		return explain.Explanation{}, fmt.Errorf("read a policy: %s: %w", shown, err)
	}
	return explain.Explain(shown, data, o)
}

func printExplanations(w io.Writer, all []explain.Explanation, format string) error {
	if format == "json" {
		return encode(w, struct {
			Schema       string                `json:"schema"`
			Explanations []explain.Explanation `json:"explanations"`
		}{"mfawatch/policy-explain/v1", all})
	}
	p := explained{columns: width(w)}
	for i, e := range all {
		if i > 0 {
			p.WriteString("\n")
		}
		p.explanation(e)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// explained is an explanation being written as text.
type explained struct {
	strings.Builder
	columns int // of the terminal; 0 where there is none
}

// room is how wide text is: what is in a pipe is wrapped too, for people.
func (p *explained) room() int {
	if p.columns == 0 || p.columns > 100 {
		return 100
	}
	return max(p.columns, 40)
}

// wrapped writes a paragraph: the first line begins with mark, the others are as
// far in. Only blanks are broken at, and words that are wider than a line.
func (p *explained) wrapped(mark, text string) {
	in := ansi.StringWidth(mark)
	room, line := p.room()-in, ""
	write := func() {
		if line != "" {
			p.WriteString(mark + line + "\n")
			mark, line = strings.Repeat(" ", in), ""
		}
	}
	for _, word := range strings.Fields(report.Plain(text)) {
		if line != "" && ansi.StringWidth(line)+1+ansi.StringWidth(word) > room {
			write()
		}
		for ansi.StringWidth(word) > room {
			line = ansi.Truncate(word, room, "")
			if line == "" {
				return // no letter is as wide
			}
			word = word[len(line):]
			write()
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	write()
}

func (p *explained) explanation(e explain.Explanation) {
	within := ""
	if e.Within != "" {
		within = ", " + e.Within
	}
	p.wrapped("", fmt.Sprintf("%s%s: %s (%s)", e.File, within, e.Kind.Title(), e.KindFrom))
	if e.Kind != explain.Trust {
		p.wrapped("", fmt.Sprintf("Asked about %s. Allowed otherwise: %s.", e.Caller, e.Otherwise))
	} else {
		p.wrapped("", fmt.Sprintf("Allowed otherwise: %s.", e.Otherwise))
	}
	p.WriteString("\nWHAT IT DOES\n\n")
	for _, s := range e.Sentences {
		p.wrapped("- ", s)
	}
	p.WriteString("\n")
	p.table(e)
	p.mistakes(e)
}

var marks = map[explain.Answer]string{
	explain.Allowed: "yes", explain.LetThrough: "yes", explain.Denied: "no", explain.NotAllowed: "no",
	explain.Left: "-", explain.Depends: "?", explain.NotApplicable: "",
}

// mark is a cell in a table: with the number of the statement that decided, and a
// star where AWS decides itself.
func mark(c explain.Cell, numbers bool) string {
	text := marks[c.Answer]
	if len(c.Because) == 0 {
		return text
	}
	switch r := c.Because[0]; {
	case r.Statement > 0 && numbers:
		return fmt.Sprintf("%s %d", text, r.Statement)
	case r.Statement == 0 && r.Source != "":
		return text + "*"
	}
	return text
}

// least is how many columns a row's name must have before the statements'
// numbers go.
const least = 25

func (p *explained) table(e explain.Explanation) {
	longest := 0
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			if applicable(r) {
				longest = max(longest, ansi.StringWidth(report.Plain(r.What))+2)
			}
		}
	}
	if longest == 0 {
		return
	}
	cells := p.cellWidth(e, true)
	numbers := p.columns == 0 || max(p.columns, 40)-cells*len(e.Columns) >= min(longest, least)
	if !numbers {
		cells = p.cellWidth(e, false)
	}
	if p.columns > 0 {
		longest = min(longest, max(p.columns, 40)-cells*len(e.Columns))
	}
	head := strings.Repeat(" ", longest)
	for _, c := range e.Columns {
		head += fmt.Sprintf(" %-*s", cells-1, c.Short)
	}
	p.WriteString(strings.TrimRight(head, " ") + "\n")
	for _, t := range e.Topics {
		title := t.Title + "\n"
		for _, r := range t.Rows {
			if applicable(r) {
				p.WriteString(title)
				title = ""
				p.row(r, longest, cells, numbers)
			}
		}
	}
	p.legend(e, numbers)
}

// applicable tells a row that some credential can ask for; no other is shown.
func applicable(r explain.Row) bool {
	return slices.ContainsFunc(r.Cells, func(c explain.Cell) bool { return c.Answer != explain.NotApplicable })
}

// cellWidth is how wide a column is, with the blank before it.
func (p *explained) cellWidth(e explain.Explanation, numbers bool) int {
	widest := 4
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			for _, c := range r.Cells {
				widest = max(widest, len(mark(c, numbers)))
			}
		}
	}
	return widest + 1
}

func (p *explained) row(r explain.Row, longest, cells int, numbers bool) {
	what := ansi.Truncate("  "+report.Plain(r.What), longest, "…")
	line := what + strings.Repeat(" ", longest-ansi.StringWidth(what))
	for _, c := range r.Cells {
		line += fmt.Sprintf(" %-*s", cells-1, mark(c, numbers))
	}
	p.WriteString(strings.TrimRight(line, " ") + "\n")
}

// legend says what the marks are.
func (p *explained) legend(e explain.Explanation, numbers bool) {
	p.WriteString("\n")
	for _, c := range e.Columns {
		p.wrapped(fmt.Sprintf("%-5s", c.Short), c.Who)
	}
	used := usedMarks(e)
	for _, m := range []struct{ mark, says string }{
		{"yes", "allowed, or not denied to who is allowed it otherwise"}, {"no", "denied, or not allowed"}, {"-", "neither allowed nor denied: left to other policies"},
		{"?", "depends on what the document alone cannot tell"}, {"*", "AWS's own rule, whatever policies say"},
	} {
		if used[m.mark] {
			p.wrapped(fmt.Sprintf("%-5s", m.mark), m.says)
		}
	}
	if someCannotAsk(e) {
		p.wrapped("     ", "no mark: with such credentials one cannot ask for that at all")
	}
	if !numbers {
		return
	}
	for _, s := range e.Statements {
		if used[fmt.Sprint(s.Number)] {
			p.wrapped(fmt.Sprintf("%-5d", s.Number), strings.TrimSpace(fmt.Sprintf("%s statement in line %d %s", s.Effect, s.Line, s.Sid)))
		}
	}
}

// someCannotAsk tells whether a row that is shown has a cell without a mark.
func someCannotAsk(e explain.Explanation) bool {
	cannot := func(c explain.Cell) bool { return c.Answer == explain.NotApplicable }
	return slices.ContainsFunc(e.Topics, func(t explain.Topic) bool {
		return slices.ContainsFunc(t.Rows, func(r explain.Row) bool { return applicable(r) && slices.ContainsFunc(r.Cells, cannot) })
	})
}

func usedMarks(e explain.Explanation) map[string]bool {
	used := map[string]bool{}
	for _, t := range e.Topics {
		for _, r := range t.Rows {
			for _, c := range r.Cells {
				text := mark(c, true)
				bare, number, _ := strings.Cut(text, " ")
				used[strings.TrimSuffix(bare, "*")], used[number] = true, true
				used["*"] = used["*"] || strings.HasSuffix(bare, "*")
			}
		}
	}
	return used
}

// mistakes are told once each, with every place.
func (p *explained) mistakes(e explain.Explanation) {
	p.WriteString("\nKNOWN MISTAKES\n")
	if len(e.Mistakes) == 0 {
		p.WriteString("\nNone.\n")
	}
	told := map[string]bool{}
	for _, m := range e.Mistakes {
		same := func(o explain.Found) bool {
			return o.ID == m.ID && o.Severity == m.Severity && o.Why == m.Why && o.Instead == m.Instead
		}
		key := fmt.Sprint(m.ID, m.Severity, m.Why, m.Instead)
		if told[key] {
			continue
		}
		told[key] = true
		fmt.Fprintf(p, "\n%s  %s\n", m.Severity, m.ID)
		for _, o := range e.Mistakes {
			if same(o) {
				p.wrapped("  ", place(o))
			}
		}
		p.wrapped("  ", m.Why)
		p.wrapped("  ", "Instead: "+m.Instead)
		p.wrapped("  ", "Source: "+m.Source)
	}
}

// place is where a mistake stands, and what stands there.
func place(m explain.Found) string {
	where := fmt.Sprintf("line %d", m.Line)
	if m.Statement > 0 {
		where += fmt.Sprintf(", statement %d", m.Statement)
	}
	if m.Sid != "" {
		where += ", " + m.Sid
	}
	if m.Text != "" {
		where += ": " + m.Text
	}
	return where
}
