package deployed_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/pattern"
	"mfawatch/audit/pattern/deployed"
)

var update = flag.Bool("update", false, "write docs/patterns.md anew")

func TestPageIsTheCode(t *testing.T) {
	const path = "../../../docs/patterns.md"
	page := page(t)
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page, string(got)); diff != "" {
		t.Errorf("docs/patterns.md is not the code's (go test ./audit/pattern/deployed -update writes it):\n%s", diff)
	}
}

func page(t *testing.T) string {
	var b strings.Builder
	b.WriteString(intro)
	b.WriteString("\n## EventBridge rules\n\n| rule | state | Regions | serves | deployed |\n| --- | --- | --- | --- | --- |\n")
	for _, r := range deployed.Rules() {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", r.Name, r.State, r.Regions, strings.Join(r.Serves, ", "), when(r.OptIn))
	}
	b.WriteString("\n`verdict` stands for every sign-in that alerts.\n")
	for _, r := range deployed.Rules() {
		writeRule(t, &b, r)
	}
	b.WriteString(aboutMonitor)
	for _, r := range monitors(t) {
		writeRule(t, &b, r)
	}
	writeInput(t, &b, monitors(t))
	b.WriteString(aboutCanaryTrail)
	writeRule(t, &b, canaryTrail(t))
	b.WriteString(aboutMembers)
	writeRule(t, &b, memberChanges(t))
	b.WriteString(aboutEmergency)
	writeRule(t, &b, emergency(t))
	b.WriteString("\n## What the rules match beyond that\n\nOver all cases of `audit/signin` and `audit/detect`; a test holds these figures.\n\n| rule, and the judges' reason to say nothing | cases |\n| --- | --- |\n")
	for _, line := range extra {
		i := strings.LastIndex(line, " ")
		fmt.Fprintf(&b, "| %s | %s |\n", line[:i], line[i+1:])
	}
	fmt.Fprintf(&b, aboutLists, "`"+strings.Join(lists, "`, `")+"`")
	writeFilters(&b)
	return b.String()
}

const intro = `# What is deployed to match events

Written by ` + "`go test ./audit/pattern/deployed -update`" + `; a test holds this page against the code.

The rules bring events to the functions within seconds, and a function judges each:
a rule may match too much, never too little. The metric filters count in
CloudWatch, for alarms that auditors ask for and as a second path; nobody judges
after them. That AWS matches as written here is checked on a live account only
([live-checks.md](live-checks.md)).

No rule names a detail-type, which AWS's own pages spell three ways. None uses a
wildcard or null. EventBridge delivers CloudTrail's events as well as it can; the
trail's files are the authority.
`

const aboutMonitor = `
## Rules about the monitor's own parts

Made for the names and ARNs of a stack, here of an example. No judge reads these
events: the target is the topic itself, which gets a text. They stand in every Region
(` + "`monitor-rules`" + `), in that of the stacks, or in the partition's home Region, where IAM's
events are written (` + "`monitor-policies`" + `).

**A deployment of the stacks sets them off too**: CloudFormation makes the same calls,
and the text names it. Who deploys expects these messages; who did not deploy asks.
`

const aboutCanaryTrail = `
## The canary's tag

Its target is the canary's queue, through the event bus of the stacks' Region where IAM's
events are written in another.
`

const aboutMembers = `
## In member accounts

Stands in the member accounts of an organisation, beside the rules about sign-ins. At home
` + "`monitor-rules` and `monitor-policies`" + ` tell of what it sends. A StackSet's own calls are left out.
`

const aboutEmergency = `
## The emergency role

Made where ` + "`break_glass`" + ` names somebody, for the role's ARN, here of an example. No
judge reads these events: the topic is told who, where and when.
`

const aboutLists = `
Two cases alert and no rule matches them: %s. To EventBridge a
list matches as its elements do, so a list of one Yes is a Yes. AWS writes no such
record; the trail's files are judged in full.
`

func when(optIn string) string {
	if optIn == "" {
		return "always"
	}
	return "when " + optIn
}

func writeRule(t *testing.T, b *strings.Builder, r deployed.Rule) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(r.Pattern), "", " "); err != nil {
		t.Fatal(err)
	}
	canary := ""
	if r.Canary {
		canary = " The canary's events take this way too."
	}
	fmt.Fprintf(b, "\n### `%s`\n\n%s%s %d characters as deployed.\n\n```json\n%s\n```\n", r.Name, r.Purpose, canary, len(r.Pattern), indented.String())
}

// writeInput writes the one text that all these rules send.
func writeInput(t *testing.T, b *strings.Builder, rules []deployed.Rule) {
	t.Helper()
	for _, r := range rules {
		if diff := cmp.Diff(rules[0].Input, r.Input); diff != "" {
			t.Errorf("%s sends another text than %s:\n%s", r.Name, rules[0].Name, diff)
		}
	}
	fmt.Fprintf(b, "\nWhat the topic gets of all five, as an input template. What an event does not have leaves nothing:\n\n```text\n%s\n```\n", rules[0].Input.Template)
}

func writeFilters(b *strings.Builder) {
	fmt.Fprintf(b, "\n## Metric filters\n\nNamespace `%s`, value 1, default value %d. An alarm looks at the sum of 300 seconds.\n", deployed.Namespace, deployed.DefaultValue)
	b.WriteString("*Compat* is the text that AWS prescribes, for Security Hub's control, which takes no other. *Precise* counts what the name says.\n\n")
	fmt.Fprintf(b, "| filter | counts | metric | alarm at | deployed | CIS %s | Security Hub |\n| --- | --- | --- | --- | --- |%s --- |\n", strings.Join(deployed.Versions(), " | "), strings.Repeat(" --- |", len(deployed.Versions())))
	for _, f := range deployed.Filters() {
		made := "opt-in"
		if f.Default {
			made = "by default"
		}
		fmt.Fprintf(b, "| `%s` | %s | `%s` | %d | %s |", f.ID, f.Name, f.Metric, f.Threshold, made)
		for _, v := range deployed.Versions() {
			fmt.Fprintf(b, " %s |", dash(f.Number(v)))
		}
		fmt.Fprintf(b, " %s |\n", dash(f.Control))
	}
	for _, f := range deployed.Filters() {
		writeFilter(b, f)
	}
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func writeFilter(b *strings.Builder, f deployed.Filter) {
	if f.Compat == f.Precise {
		fmt.Fprintf(b, "\n### `%s`\n\nBoth forms:\n\n```text\n%s\n```\n", f.ID, f.Compat)
		return
	}
	fmt.Fprintf(b, "\n### `%s`\n\nCompat; it %s:\n\n```text\n%s\n```\n\nPrecise:\n\n```text\n%s\n```\n", f.ID, f.CompatSays, f.Compat, f.Precise)
	for _, answer := range []string{"counted", "not counted", "unknown"} {
		if cases := differences[f.ID+" precise"][answer]; len(cases) > 0 {
			fmt.Fprintf(b, "\nCases where the precise form differs from its name, %s: `%s`.\n", answer, strings.Join(cases, "`, `"))
		}
	}
}

// rows are the small questions of docs/live-checks.md, with what AWS is expected
// to answer.
func rows(t *testing.T) [][]string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/live-checks.md")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| event |") || strings.HasPrefix(line, "| filter |") {
			line = strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00")
			var cells []string
			for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
				cells = append(cells, strings.ReplaceAll(strings.Trim(cell, " `"), "\x00", "|"))
			}
			all = append(all, cells)
		}
	}
	return all
}

func TestLiveChecksExpectWhatTheEvaluatorSays(t *testing.T) {
	seen := map[string]int{}
	for _, row := range rows(t) {
		if len(row) != 4 {
			t.Fatalf("%q has %d cells, want 4", row, len(row))
		}
		language, text, event, want := row[0], row[1], row[2], row[3]
		got := ""
		if language == "event" {
			p, err := pattern.ParseEventPattern(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			got = fmt.Sprintf(`"Result": %v`, matches(t, p, []byte(event)))
		} else {
			f, err := pattern.ParseMetricFilter(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			got = map[pattern.Answer]string{pattern.Unknown: "not documented", pattern.Counted: "one match", pattern.NotCounted: "no match"}[f.Match([]byte(event))]
		}
		if got != want {
			t.Errorf("%s on %s: %s, docs/live-checks.md expects %s", text, event, got, want)
		}
		seen[got]++
	}
	if len(seen) != 5 {
		t.Errorf("answers %v: want each of five kinds", seen)
	}
}
