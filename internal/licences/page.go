package main

import (
	"fmt"
	"slices"
	"strings"
)

const head = `# Licences of what others wrote

Written by ` + "`make licences`" + ` from what the go command links; a test compares. mfawatch itself is
under Apache-2.0 ([LICENSE](LICENSE)). A row is a module of which at least one package is linked;
its licences are those that its files hold, for parts of it that came from elsewhere too.
` + "`mfawatch`" + ` is the program for Linux, macOS and Windows, ` + "`functions`" + ` are the Lambda functions,
` + "`infra`" + ` is the CDK app, which a deployer runs from a clone: it is in no release, and its texts are
not below.

`

const beside = `
## What is not distributed

- **The CDK's command and Node** (` + "`infra/node/package.json`" + `): a deployer's npm fetches them into
  ` + "`.cache`" + ` of the clone. aws-cdk is under Apache-2.0, Node under MIT with parts under other licences.
- **Peers of the acceptance tests** (` + "`acceptance/`" + `): separate programs that are installed for the tests
  and run beside mfawatch, among them some under AGPL-3.0 and GPL. None is linked, copied or shipped.
- **Tools of the build** (staticcheck, goreleaser, actionlint, govulncheck) and modules that tests alone
  import: fetched by the go command, linked into nothing that is released.
`

// page is the whole text.
func page(modules []module) string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("| module | version | licences | linked into |\n| --- | --- | --- | --- |\n")
	count := map[string]int{}
	for _, m := range modules {
		ids, _ := m.licences() // allowed has seen the error
		for _, id := range ids {
			count[id]++
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.path, orDash(m.version), strings.Join(ids, " AND "), strings.Join(m.parts, ", "))
	}
	b.WriteString("\n`std` is Go's standard library, in the version of the compiler: `mfawatch version` and the SBOM tell it.\n\n")
	b.WriteString("| licence | modules | goes with Apache-2.0 |\n| --- | --- | --- |\n")
	for _, id := range sorted(count) {
		fmt.Fprintf(&b, "| %s | %d | %s |\n", id, count[id], fine[id])
	}
	b.WriteString(beside)
	b.WriteString("\n## The texts\n")
	for _, t := range texts(modules) {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n", strings.Join(t.of, "\n### "), fence(t.body))
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func sorted(count map[string]int) (ids []string) {
	for id := range count {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// shared is a text and whose it is.
type shared struct {
	body string
	of   []string
}

// texts are those of what is distributed, each once: modules of one author carry the
// same.
func texts(modules []module) (all []shared) {
	at := map[string]int{}
	for _, m := range modules {
		if len(m.parts) == 1 && m.parts[0] == infra {
			continue
		}
		for _, f := range m.files {
			body := plain(f.body)
			i, seen := at[body]
			if !seen {
				i = len(all)
				at[body] = i
				all = append(all, shared{body: body})
			}
			all[i].of = append(all[i].of, m.path+": "+f.name)
		}
	}
	return all
}

// plain has one kind of line end, and none at the end of a line.
func plain(body string) string {
	var lines []string
	for _, line := range strings.Split(strings.ReplaceAll(body, "\r", ""), "\n") {
		lines = append(lines, strings.TrimRight(line, " \t"))
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// fence is a block of code that the text cannot end.
func fence(body string) string {
	marks := "```"
	for strings.Contains(body, marks) {
		marks += "`"
	}
	return marks + "\n" + body + "\n" + marks
}
