package report

import (
	"cmp"
	"io"
	"net/url"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// The names of SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format).
const (
	sarifSchema  = "https://json.schemastore.org/sarif-2.1.0.json"
	sarifVersion = "2.1.0"
)

// sarifTags is how many tags of a rule code scanning shows; all controls are in
// the rule's properties.
const sarifTags = 10

var sarifLevels = map[audit.Severity]string{
	audit.Info: "note", audit.Low: "note", audit.Medium: "warning", audit.High: "error", audit.Critical: "error",
}

// sarifScores are in the middle of the ranges by which code scanning ranks
// alerts: over 9.0 critical, 7.0 high, 4.0 medium.
var sarifScores = map[audit.Severity]string{
	audit.Info: "0.0", audit.Low: "3.0", audit.Medium: "5.5", audit.High: "8.0", audit.Critical: "9.5",
}

// sarifKinds: a result of a kind other than fail has no level (SARIF 3.27.10).
var sarifKinds = map[audit.Outcome]string{
	audit.Fail: "fail", audit.Unknown: "open", audit.Pass: "pass", audit.NotApplicable: "notApplicable",
}

type sarifRun struct {
	Tool              sarifTool         `json:"tool"`
	AutomationDetails sarifAutomation   `json:"automationDetails"`
	Invocations       []sarifInvocation `json:"invocations"`
	ColumnKind        string            `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string        `json:"id"`
	Name             string        `json:"name"`
	ShortDescription sarifText     `json:"shortDescription"`
	FullDescription  sarifText     `json:"fullDescription"`
	Help             sarifText     `json:"help"`
	Default          sarifLevel    `json:"defaultConfiguration"`
	Properties       sarifRuleBits `json:"properties"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifLevel struct {
	Level string `json:"level"`
}

type sarifRuleBits struct {
	Tags     []string `json:"tags"`
	Severity string   `json:"security-severity"`
	Controls []string `json:"controls"`
}

type sarifAutomation struct {
	ID string `json:"id"`
}

type sarifInvocation struct {
	Successful    bool                `json:"executionSuccessful"`
	EndTime       string              `json:"endTimeUtc"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    *int              `json:"ruleIndex,omitempty"`
	Kind         string            `json:"kind"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
	Baseline     string            `json:"baselineState,omitempty"`
	Properties   sarifResultBits   `json:"properties"`
}

type sarifResultBits struct {
	Account     string           `json:"account"`
	Subject     audit.Subject    `json:"subject"`
	Severity    audit.Severity   `json:"severity"`
	Evidence    []string         `json:"evidence"`
	Remediation string           `json:"remediation,omitempty"`
	Missing     []audit.Gap      `json:"missing,omitempty"`
	Exemption   *audit.Exemption `json:"exemption,omitempty"`
	FirstSeen   string           `json:"firstSeen,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine int `json:"startLine"`
}

type sarifLogical struct {
	FullName string `json:"fullyQualifiedName"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
}

// writeSARIF writes one run for each account. Failures and what could not be
// answered are results; the rest is only where it is asked for, because code
// scanning shows every result as an alert.
func writeSARIF(w io.Writer, a Audit, o AuditOptions) error {
	if len(o.Only) == 0 {
		o.Only = []audit.Outcome{audit.Fail, audit.Unknown}
	}
	x := &exporter{audit: a, options: o}
	if o.Previous != nil {
		x.then = indexed(*o.Previous)
	}
	x.w = w
	x.text(`{"$schema":"` + sarifSchema + `","version":"` + sarifVersion + `","runs":[`)
	rules, places := sarifRules()
	for i := range a.Accounts {
		x.separate(i, ",\n")
		x.sarifRun(&a.Accounts[i], rules, places)
	}
	x.text("\n]}\n")
	return x.err
}

// sarifRun writes one account, result by result.
func (x *exporter) sarifRun(a *posture.Account, rules []sarifRule, places map[string]int) {
	x.object(sarifRun{
		Tool:              sarifTool{sarifDriver{Name: "mfawatch", Version: x.options.Version, Rules: rules}},
		AutomationDetails: sarifAutomation{"mfawatch/audit/" + a.Account + "/"},
		Invocations:       []sarifInvocation{sarifInvocationOf(a)},
		ColumnKind:        "unicodeCodePoints",
	})
	x.text(`,"results":[`)
	n := 0
	for i := range a.Findings {
		if f := &a.Findings[i]; x.options.writes(f) {
			x.separate(n, ",\n")
			x.value(x.sarif(a, f, places))
			n++
		}
	}
	x.text("\n]}")
}

// sarifInvocationOf tells what was not read. An account of which nothing was
// judged is a run that failed: no result there is no good news.
func sarifInvocationOf(a *posture.Account) sarifInvocation {
	v := sarifInvocation{Successful: len(a.Findings) > 0, EndTime: rfc3339(a.TakenAt)}
	for _, l := range lacks(Audit{Accounts: []posture.Account{*a}}) {
		v.Notifications = append(v.Notifications, sarifNotification{"warning", sarifText{"not read: " + l.String()}})
	}
	return v
}

func (x *exporter) sarif(a *posture.Account, f *audit.Finding, places map[string]int) sarifResult {
	r := sarifResult{
		RuleID: f.Check, Kind: sarifKinds[f.Outcome], Level: "none",
		Message:      sarifText{called(f.Subject) + ": " + cmp.Or(f.Detail, f.Outcome.String())},
		Locations:    []sarifLocation{sarifLocationOf(a, f.Subject)},
		Fingerprints: map[string]string{"mfawatch/v1": stableID(a.Account, f.Check, f.Subject)},
		Properties: sarifResultBits{
			Account: a.Account, Subject: f.Subject, Severity: f.Severity, Evidence: list(texts(f.Evidence, evidenceText)),
			Remediation: f.Remediation, Missing: f.Missing, Exemption: f.Exemption, FirstSeen: rfc3339(f.FirstSeen),
		},
	}
	if i, known := places[f.Check]; known {
		r.RuleIndex = &i
	}
	if f.Outcome == audit.Fail {
		r.Level = sarifLevels[f.Severity]
	}
	if x.options.Previous != nil {
		r.Baseline = sarifBaseline(f, x.then.find(a.Account, f))
	}
	return r
}

func sarifBaseline(f, was *audit.Finding) string {
	switch {
	case was == nil:
		return "new"
	case was.Outcome != f.Outcome:
		return "updated"
	}
	return "unchanged"
}

// sarifLocationOf names a resource twice: by ARN, which is what it is, and as a
// path, since some readers want a file.
func sarifLocationOf(a *posture.Account, s audit.Subject) sarifLocation {
	return sarifLocation{
		Physical: sarifPhysical{sarifArtifact{sarifPath(a.Account, s)}, sarifRegion{1}},
		Logical:  []sarifLogical{{FullName: cmp.Or(s.ARN, a.Account+"/"+identity(s)), Name: called(s), Kind: "resource"}},
	}
}

func sarifPath(account string, s audit.Subject) string {
	path := "aws-account/" + segment(account)
	name := "/" + segment(cmp.Or(s.Name, identity(s)))
	switch s.Kind {
	case audit.RootSubject:
		return path + "/iam/root"
	case audit.UserSubject:
		return path + "/iam/user" + name
	case audit.RoleSubject:
		return path + "/iam/role" + name
	case audit.DeviceSubject:
		return path + "/iam/mfa-device" + name
	case audit.ExemptionSubject:
		return path + "/exemption/" + segment(identity(s))
	}
	return path
}

// segment is one step of a path. IAM lets a user be called "..", which would
// lead elsewhere.
func segment(s string) string {
	if strings.Trim(s, ".") == "" {
		return "dots-" + strings.Repeat("_", len(s))
	}
	return url.PathEscape(plain(s))
}

// sarifRules are the checks as rules, and the place of each.
func sarifRules() ([]sarifRule, map[string]int) {
	controls := map[string][]audit.Control{}
	for _, m := range posture.Controls() {
		controls[m.Check] = append(controls[m.Check], m.Control)
	}
	var rules []sarifRule
	places := map[string]int{}
	for i, c := range posture.Checks() {
		rules = append(rules, sarifRuleOf(c, controls[c.ID]))
		places[c.ID] = i
	}
	return rules, places
}

func sarifRuleOf(c posture.Check, controls []audit.Control) sarifRule {
	tags := []string{"security", "mfa"}
	tags = append(tags, texts(leading(controls, sarifTags-len(tags)), controlText)...)
	return sarifRule{
		ID: c.ID, Name: pascal(c.ID), ShortDescription: sarifText{c.Question}, FullDescription: sarifText{c.Rationale},
		Help: sarifText{c.Rationale + " " + c.Remediation.String()}, Default: sarifLevel{sarifLevels[c.Severity]},
		Properties: sarifRuleBits{Tags: slices.Compact(tags), Severity: sarifScores[c.Severity], Controls: list(texts(controls, controlText))},
	}
}

// pascal is the form that SARIF asks of a rule's name: RootMfa.
func pascal(id string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(id, "-") {
		b.WriteString(capital(word))
	}
	return b.String()
}
