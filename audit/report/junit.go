package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// junitSuite is one check of one account. The attributes are those of the
// schema that Jenkins' xUnit plugin publishes (junit-10.xsd).
type junitSuite struct {
	XMLName   xml.Name    `xml:"testsuite"`
	Name      string      `xml:"name,attr"`
	Package   string      `xml:"package,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string     `xml:"name,attr"`
	Class   string     `xml:"classname,attr"`
	Time    string     `xml:"time,attr"`
	Skipped *junitNote `xml:"skipped"`
	Error   *junitNote `xml:"error"`
	Failure *junitNote `xml:"failure"`
}

type junitNote struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit writes a suite for each check and account and a case for each
// subject. What could not be answered is an error, never a pass; what does not
// apply or is exempt is skipped. An account of which nothing was judged is a
// suite with one error.
func writeJUnit(w io.Writer, a Audit, o AuditOptions) error {
	suites := junitSuites(a, o)
	total := junitSuite{}
	for _, s := range suites {
		total.Tests, total.Failures, total.Errors = total.Tests+s.Tests, total.Failures+s.Failures, total.Errors+s.Errors
	}
	if _, err := fmt.Fprintf(w, "%s<testsuites name=\"mfawatch\" tests=\"%d\" failures=\"%d\" errors=\"%d\" time=\"0\">\n",
		xml.Header, total.Tests, total.Failures, total.Errors); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent(" ", " ")
	for _, s := range suites {
		if err := e.Encode(s); err != nil {
			return fmt.Errorf("write the audit as JUnit XML: %w", err)
		}
	}
	_, err := io.WriteString(w, "\n</testsuites>\n")
	return err
}

func junitSuites(a Audit, o AuditOptions) []junitSuite {
	var suites []junitSuite
	for i := range a.Accounts {
		account := &a.Accounts[i]
		if len(account.Findings) == 0 {
			suites = append(suites, junitUnread(account))
		}
		places := map[string]int{}
		for j := range account.Findings {
			f := &account.Findings[j]
			if !o.writes(f) {
				continue
			}
			at, known := places[f.Check]
			if !known {
				at, places[f.Check] = len(suites), len(suites)
				suites = append(suites, junitSuiteOf(account, f.Check))
			}
			suites[at].add(account, f)
		}
	}
	if len(a.Accounts) == 0 {
		suites = append(suites, junitUnread(&posture.Account{}))
	}
	return suites
}

func junitSuiteOf(a *posture.Account, check string) junitSuite {
	return junitSuite{
		Name: junitPlain(a.Account + "." + check), Package: junitPlain(a.Account), Time: "0",
		Timestamp: a.TakenAt.UTC().Format("2006-01-02T15:04:05"), // Jenkins wants no zone
	}
}

func junitUnread(a *posture.Account) junitSuite {
	s := junitSuiteOf(a, "audit")
	s.Tests, s.Errors = 1, 1
	note := &junitNote{Type: "unknown", Message: "nothing of the account could be judged"}
	s.Cases = []junitCase{{Name: "the account", Class: s.Name, Time: "0", Error: note}}
	return s
}

func (s *junitSuite) add(a *posture.Account, f *audit.Finding) {
	c := junitCase{Name: junitPlain(called(f.Subject)), Class: s.Name, Time: "0"}
	note := &junitNote{Type: f.Severity.String(), Message: junitPlain(f.Detail), Text: junitText(f)}
	s.Tests++
	switch f.Outcome {
	case audit.Fail:
		s.Failures++
		c.Failure = note
	case audit.NotApplicable:
		s.Skipped++
		note.Type = f.Outcome.String()
		if f.Exemption != nil {
			note.Type = "exempt"
		}
		c.Skipped = note
	case audit.Pass:
	default:
		s.Errors++
		note.Type = audit.Unknown.String()
		c.Error = note
	}
	s.Cases = append(s.Cases, c)
}

// junitText is what somebody who opens the case reads.
func junitText(f *audit.Finding) string {
	var lines []string
	add := func(name, text string) {
		if text != "" {
			lines = append(lines, name+": "+junitPlain(text))
		}
	}
	add("ARN", f.Subject.ARN)
	add("Id", f.Subject.ID)
	add("Evidence", strings.Join(texts(f.Evidence, evidenceText), "; "))
	add("First seen", rfc3339(f.FirstSeen))
	add("Missing", strings.Join(missingActions(f.Missing), ", "))
	add("To do", f.Remediation)
	return strings.Join(lines, "\n")
}

// junitPlain leaves out what XML cannot hold (XML 1.0, 2.2) and what would
// break a line.
func junitPlain(s string) string { return plain(strings.ToValidUTF8(s, "\uFFFD")) }
