package report

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// AuditFormat is a way to write an audit. Its texts are an interface.
type AuditFormat string

// The formats of an audit.
const (
	AuditTable    AuditFormat = "table"    // for people, on a terminal
	AuditCSV      AuditFormat = "csv"      // one row for each finding, RFC 4180
	AuditJSON     AuditFormat = "json"     // everything, and what ReadAudit reads
	AuditOCSF     AuditFormat = "ocsf"     // Detection Findings of the Open Cybersecurity Schema Framework
	AuditASFF     AuditFormat = "asff"     // for securityhub:BatchImportFindings
	AuditSARIF    AuditFormat = "sarif"    // SARIF 2.1.0, for code scanning and viewers
	AuditJUnit    AuditFormat = "junit"    // JUnit XML, for build servers
	AuditMarkdown AuditFormat = "markdown" // for a ticket
	AuditHTML     AuditFormat = "html"     // one page, for a browser
)

// AuditFormats lists every format of an audit.
func AuditFormats() []AuditFormat {
	return []AuditFormat{
		AuditTable, AuditCSV, AuditJSON, AuditOCSF, AuditASFF, AuditSARIF, AuditJUnit, AuditMarkdown, AuditHTML,
	}
}

// ParseAuditFormat reads a format's text; any other text is an error that names
// the formats.
func ParseAuditFormat(s string) (AuditFormat, error) {
	if f := AuditFormat(s); slices.Contains(AuditFormats(), f) {
		return f, nil
	}
	var names []string
	for _, f := range AuditFormats() {
		names = append(names, string(f))
	}
	return "", fmt.Errorf("format %q is not one of %s", s, strings.Join(names, ", "))
}

// AuditOptions are how an audit is shown.
type AuditOptions struct {
	Width    int             // columns of the terminal; 0 when it is none: then nothing is cut
	Color    bool            // the table in colour
	Version  string          // of mfawatch, for the formats that name the tool
	Region   string          // of Security Hub, for asff
	Only     []audit.Outcome // the findings to write; none named: all. json and html hold all in any case
	Changes  *Changes        // since Previous; nil where there is none
	Previous *Audit          // the earlier audit, for the formats with a life cycle
}

// writes tells whether a finding is one to write.
func (o AuditOptions) writes(f *audit.Finding) bool {
	return len(o.Only) == 0 || slices.Contains(o.Only, f.Outcome)
}

var auditWriters = map[AuditFormat]func(io.Writer, Audit, AuditOptions) error{
	AuditTable:    writeAuditTable,
	AuditCSV:      writeAuditCSV,
	AuditJSON:     writeAuditJSON,
	AuditOCSF:     writeOCSF,
	AuditASFF:     writeASFF,
	AuditSARIF:    writeSARIF,
	AuditJUnit:    writeJUnit,
	AuditMarkdown: writeMarkdown,
	AuditHTML:     writeHTML,
}

// WriteAudit writes an audit in a format. What it could not write whole is an
// error: then the bytes written are of no use.
func WriteAudit(w io.Writer, f AuditFormat, a Audit, o AuditOptions) error {
	write := auditWriters[f]
	if write == nil {
		_, err := ParseAuditFormat(string(f))
		return err
	}
	b := bufio.NewWriterSize(w, 1<<16)
	if err := write(b, a, o); err != nil {
		return err
	}
	return b.Flush()
}

// subjectWords are what people call each kind of subject.
var subjectWords = map[audit.SubjectKind]string{
	audit.AccountSubject: "account", audit.RootSubject: "root user", audit.UserSubject: "user", audit.RoleSubject: "role",
	audit.DeviceSubject: "device", audit.ExemptionSubject: "exemption",
}

// called names a subject as a person would.
func called(s audit.Subject) string {
	switch s.Kind {
	case audit.AccountSubject:
		return "the account"
	case audit.RootSubject:
		return "root"
	case audit.ExemptionSubject:
		if s.Name != "" {
			return plain(s.ID) + " (" + plain(s.Name) + ")"
		}
		return plain(s.ID)
	}
	return who(audit.Principal{Name: s.Name, ARN: s.ARN, ID: s.ID})
}

// longestID is what Security Hub takes (API reference, AwsSecurityFinding.Id).
const longestID = 512

// stableID is the same in every audit for the same check of the same subject.
func stableID(account, check string, s audit.Subject) string {
	id := "mfawatch/" + account + "/" + check + "/" + identity(s)
	if len(id) <= longestID {
		return id
	}
	return fmt.Sprintf("mfawatch/%s/%s/sha256-%x", account, check, sha256.Sum256([]byte(identity(s))))
}

// lasting is the subject to make an id of: where its own id could not be read
// now, the one that the earlier audit read.
func lasting(f, was *audit.Finding) audit.Subject {
	if f.Subject.ID == "" && was != nil {
		return was.Subject
	}
	return f.Subject
}

// described gives what is known of each check, by its id. Of a check that
// another version had nothing is known but the id.
func described() func(id string) posture.Check {
	byID := map[string]posture.Check{}
	for _, c := range posture.Checks() {
		byID[c.ID] = c
	}
	return func(id string) posture.Check {
		if c, known := byID[id]; known {
			return c
		}
		return posture.Check{ID: id, Question: "(a check that this version of mfawatch does not have)"}
	}
}

// leading are at most n controls: of each framework those of the newest version
// first. Versions of a framework are listed oldest first.
func leading(controls []audit.Control, n int) []audit.Control {
	newest := map[string]string{}
	for _, c := range controls {
		newest[c.Framework] = c.Version
	}
	older := func(c audit.Control) bool { return newest[c.Framework] != c.Version }
	ordered := slices.DeleteFunc(slices.Clone(controls), older)
	for _, c := range controls {
		if older(c) {
			ordered = append(ordered, c)
		}
	}
	return ordered[:min(n, len(ordered))]
}

// controlText is a control as framework:version:id.
func controlText(c audit.Control) string { return c.Framework + ":" + c.Version + ":" + c.ID }

// shorten cuts a text to at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := n - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
