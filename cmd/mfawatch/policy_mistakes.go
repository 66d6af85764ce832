package main

import (
	"fmt"
	"io"
	"strings"

	"mfawatch/audit/enforce/explain"
)

// printMistakes lists the known mistakes without a document.
func printMistakes(w io.Writer, columns int, format string) error {
	switch format {
	case "json":
		return encode(w, struct {
			Schema   string            `json:"schema"`
			Mistakes []explain.Mistake `json:"mistakes"`
		}{"mfawatch/policy-mistakes/v1", explain.Mistakes()})
	case "markdown":
		return markdownMistakes(w)
	}
	p := explained{columns: columns}
	for i, m := range explain.Mistakes() {
		if i > 0 {
			p.WriteString("\n")
		}
		heading(&p.Builder, p.room(), m.ID, m.Severity.String())
		for _, text := range []string{m.Says, m.Why, "Instead: " + m.Instead, "Source: " + m.Source} {
			p.wrapped("    ", text)
		}
	}
	_, err := io.WriteString(w, p.String())
	return err
}

const explainIntroduction = `# What a policy does with and without MFA

Printed by ` + "`mfawatch policy explain --list --format markdown`" + `; a test holds this page against the code.
The ids of mistakes, the answers and the credentials in JSON are an interface: they never change meaning.

` + "`mfawatch policy explain FILE`" + ` says what an IAM policy document allows and denies, for each kind of
credential, and names known mistakes with their lines. It asks nothing of AWS. FILE is a document or what the AWS
CLI answers with one in it (` + "`get-policy-version`, `get-user-policy`, `get-group-policy`, `get-role-policy`, `get-role`," + `
` + "`organizations describe-policy`, `s3api get-bucket-policy`" + `).

What a document does is evaluated, not read off its words. What a document alone cannot tell, such as an address
or a tag, makes an answer ` + "`depends`" + `, with the condition that it depends on. A condition key that is misspelt is
taken to be in no request.

## What a document means

The content tells a policy of an identity, of a role's trust and of a resource apart; ` + "`--as`" + ` says the rest.

| --as | what it is | asked about a caller who is otherwise allowed |
| --- | --- | --- |
| ` + "`identity`" + ` | of a user or a group | nothing; where the document only denies, everything |
| ` + "`role`" + ` | of a role or a permission set | the same, in a role's session only |
| ` + "`boundary`" + ` | a permissions boundary | everything |
| ` + "`scp`, `rcp`" + ` | a control policy of an organisation | everything |
| ` + "`trust`" + ` | a role's trust policy | everything; each principal it names is asked about |
| ` + "`resource`" + ` | of a bucket, a key, a queue | nothing, as the first user or account that it names |

`

func markdownMistakes(w io.Writer) error {
	var b strings.Builder
	b.WriteString(explainIntroduction)
	b.WriteString("## With what it is asked\n\n| column | in JSON | what it is |\n| --- | --- | --- |\n")
	for _, c := range explain.Credentials() {
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", c.Short, c.Credential, c.Who)
	}
	b.WriteString("\nThe column `code` is there for trust policies, `old` where the document tests the age of MFA.\n\n## What is asked\n\n")
	for _, t := range explain.Asked() {
		var rows []string
		for _, r := range t.Rows {
			rows = append(rows, fmt.Sprintf("%s (`%s`)", r.What, r.Action))
		}
		fmt.Fprintf(&b, "- %s: %s.\n", t.Title, strings.Join(rows, ", "))
	}
	b.WriteString("- What the document names besides, up to 24 actions.\n\n" + explainAnswers + "## Known mistakes, by id\n\n" +
		"Exit code 3 says that there is one of medium or higher severity.\n")
	for _, m := range explain.Mistakes() {
		fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\n- Severity: %s.\n- Why: %s\n- Instead: %s.\n- Source: %s.\n", m.ID, m.Says, m.Severity, m.Why, m.Instead, m.Source)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const explainAnswers = `## The answers

| in the table | in JSON | what it means |
| --- | --- | --- |
| yes | ` + "`allowed`" + ` | the document allows it |
| yes | ` + "`let_through`" + ` | the document does not stand in the way of a caller who is otherwise allowed it |
| no | ` + "`denied`" + ` | a Deny statement applies, or a rule of AWS |
| no | ` + "`not_allowed`" + ` | a boundary, control policy or trust policy does not allow it, and nothing else can |
| - | ` + "`left`" + ` | neither allowed nor denied: left to other policies |
| ? | ` + "`depends`" + ` | the document alone cannot tell |
| | ` + "`not_applicable`" + ` | this credential cannot ask for it |

A number behind an answer is the statement that decided; a star says that AWS decides it itself.

`
