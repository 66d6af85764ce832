package report

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// The limits of the AWS Security Finding Format (Security Hub API reference,
// AwsSecurityFinding, Compliance and Recommendation), in characters. They are
// kept in bytes, of which there are never fewer.
const (
	asffTitle        = 256
	asffDescription  = 1024
	asffText         = 512
	asffRequirement  = 64
	asffRequirements = 32
	asffReasons      = 10 // no limit is documented; ten say enough, and a finding has 240 KB
)

var asffSeverities = map[audit.Severity]string{
	audit.Info: "INFORMATIONAL", audit.Low: "LOW", audit.Medium: "MEDIUM", audit.High: "HIGH", audit.Critical: "CRITICAL",
}

// asffStatuses: a fact that is missing is WARNING. What does not apply is only
// ever written to archive it.
var asffStatuses = map[audit.Outcome]string{
	audit.Pass: "PASSED", audit.Fail: "FAILED", audit.Unknown: "WARNING", audit.NotApplicable: "NOT_AVAILABLE",
}

// asffFinding leaves out what BatchImportFindings ignores: Note,
// UserDefinedFields, VerificationState and Workflow belong to those who work on
// the finding (Security Hub user guide, finding-update-batchimportfindings).
type asffFinding struct {
	SchemaVersion         string
	ID                    string `json:"Id"`
	ProductARN            string `json:"ProductArn"`
	ProductName           string
	CompanyName           string
	GeneratorID           string `json:"GeneratorId"`
	AWSAccountID          string `json:"AwsAccountId"`
	Region                string
	Types                 []string
	FirstObservedAt       string
	LastObservedAt        string
	CreatedAt             string
	UpdatedAt             string
	Title                 string
	Description           string
	Remediation           *asffRemediation `json:",omitempty"`
	Resources             []asffResource
	Compliance            asffCompliance
	RecordState           string
	FindingProviderFields asffProvider
}

type asffRemediation struct{ Recommendation asffRecommendation }

type asffRecommendation struct{ Text string }

type asffResource struct {
	Type      string
	ID        string       `json:"Id"`
	Partition string       `json:",omitempty"`
	Details   *asffDetails `json:",omitempty"`
}

type asffDetails struct {
	User  *asffUser         `json:"AwsIamUser,omitempty"`
	Role  *asffRole         `json:"AwsIamRole,omitempty"`
	Other map[string]string `json:",omitempty"`
}

type asffUser struct {
	ID   string `json:"UserId,omitempty"`
	Name string `json:"UserName,omitempty"`
}

type asffRole struct {
	ID   string `json:"RoleId,omitempty"`
	Name string `json:"RoleName,omitempty"`
}

type asffCompliance struct {
	Status              string
	RelatedRequirements []string     `json:",omitempty"`
	StatusReasons       []asffReason `json:",omitempty"`
}

type asffReason struct{ ReasonCode, Description string }

type asffProvider struct {
	Severity asffSeverity
	Types    []string
}

type asffSeverity struct{ Label, Original string }

var asffTypes = []string{"Software and Configuration Checks/AWS Security Best Practices"}

// writeASFF writes an array of findings for securityhub:BatchImportFindings,
// which takes a hundred at a time, and only from the account that they are of.
// With an earlier audit, what was active in it and is over or gone is archived
// once: what is not updated any more would stay for ninety days.
func writeASFF(w io.Writer, a Audit, o AuditOptions) error {
	if o.Region == "" {
		return errors.New("asff: the Region of Security Hub is not known: name it with --security-hub-region")
	}
	x := &exporter{audit: a, options: o, about: described()}
	if err := x.later(); err != nil {
		return err
	}
	x.open(w)
	for i := range a.Accounts {
		account := &a.Accounts[i]
		for j := range account.Findings {
			f := &account.Findings[j]
			was := x.then.find(account.Account, f)
			if state := x.asffState(f, was); state != "" {
				x.item(x.asff(account, f, was, state))
			}
		}
		for _, f := range x.gone[account.Account] {
			if x.active(&f) {
				x.item(x.asffGone(account, &f))
			}
		}
	}
	return x.close()
}

// later refuses an earlier audit that is not earlier: Security Hub drops an
// update whose UpdatedAt is not later than what it has, without an error.
func (x *exporter) later() error {
	if x.options.Previous == nil {
		return nil
	}
	then := indexed(*x.options.Previous)
	for _, account := range x.audit.Accounts {
		if account.TakenAt.IsZero() {
			continue // closed or suspended: nothing was read, and nothing is written
		}
		if last := then.taken(account.Account); !account.TakenAt.After(last) {
			return fmt.Errorf("asff: account %s: the earlier audit was taken at %s and this one at %s, which is not later: Security Hub would drop the update; give --diff an older audit",
				account.Account, rfc3339(last), rfc3339(account.TakenAt))
		}
	}
	return nil
}

// active tells whether a finding was written as an active one.
func (x *exporter) active(f *audit.Finding) bool {
	return f != nil && f.Outcome != audit.NotApplicable && x.options.writes(f)
}

// asffState is the record state to write, empty where there is nothing to
// write.
func (x *exporter) asffState(f, was *audit.Finding) string {
	switch {
	case x.active(f):
		return "ACTIVE"
	case x.active(was):
		return "ARCHIVED"
	}
	return ""
}

func (x *exporter) asff(a *posture.Account, f, was *audit.Finding, state string) asffFinding {
	check := x.about(f.Check)
	updated := rfc3339(a.TakenAt)
	first := asffFirst(a, f, was)
	n := asffFinding{
		SchemaVersion: "2018-10-08",
		ID:            stableID(a.Account, f.Check, lasting(f, was)), ProductARN: x.productARN(a), ProductName: "mfawatch", CompanyName: "mfawatch",
		GeneratorID: "mfawatch/" + f.Check, AWSAccountID: a.Account, Region: x.options.Region, Types: asffTypes,
		FirstObservedAt: first, LastObservedAt: updated, CreatedAt: first, UpdatedAt: updated,
		Title:       shorten(f.Check+": "+called(f.Subject), asffTitle),
		Description: shorten(check.Question+" "+plain(f.Detail), asffDescription),
		Resources:   []asffResource{asffResourceOf(a, f.Subject)},
		Compliance: asffCompliance{
			Status: asffStatuses[f.Outcome], RelatedRequirements: requirements(f.Controls), StatusReasons: asffReasonsOf(f),
		},
		RecordState: state,
		FindingProviderFields: asffProvider{
			Severity: asffSeverity{Label: asffSeverities[f.Severity], Original: f.Severity.String()}, Types: asffTypes,
		},
	}
	if f.Remediation != "" {
		n.Remediation = &asffRemediation{asffRecommendation{shorten(plain(f.Remediation), asffText)}}
	}
	return n
}

// asffGone archives the finding of a subject that is not there any more.
func (x *exporter) asffGone(a *posture.Account, f *audit.Finding) asffFinding {
	n := x.asff(a, f, f, "ARCHIVED")
	n.Compliance.Status = asffStatuses[audit.NotApplicable]
	n.Compliance.StatusReasons = []asffReason{{"SUBJECT_GONE", "the " + subjectWords[f.Subject.Kind] + " is not there any more"}}
	n.Remediation = nil
	return n
}

// asffFirst is since when the finding is known: never after it was taken.
func asffFirst(a *posture.Account, f, was *audit.Finding) string {
	for _, t := range []time.Time{f.FirstSeen, seenBefore(was)} {
		if !t.IsZero() && t.Before(a.TakenAt) {
			return rfc3339(t)
		}
	}
	return rfc3339(a.TakenAt)
}

func seenBefore(was *audit.Finding) time.Time {
	if was == nil {
		return time.Time{}
	}
	return was.FirstSeen
}

// productARN is the default one, which every account has (Security Hub user
// guide, custom product integrations).
func (x *exporter) productARN(a *posture.Account) string {
	return fmt.Sprintf("arn:%s:securityhub:%s:%s:product/%s/default", cmp.Or(a.Partition, "aws"), x.options.Region, a.Account, a.Account)
}

func asffResourceOf(a *posture.Account, s audit.Subject) asffResource {
	r := asffResource{Type: "AwsAccount", ID: "AWS::::Account:" + a.Account, Partition: a.Partition}
	switch {
	case s.Kind == audit.UserSubject && s.ARN != "":
		r.Type, r.ID, r.Details = "AwsIamUser", s.ARN, &asffDetails{User: &asffUser{s.ID, plain(s.Name)}}
	case s.Kind == audit.RoleSubject && s.ARN != "":
		r.Type, r.ID, r.Details = "AwsIamRole", s.ARN, &asffDetails{Role: &asffRole{s.ID, plain(s.Name)}}
	case s.Kind == audit.DeviceSubject:
		r.Type, r.ID = "Other", cmp.Or(s.ARN, identity(s))
	case s.Kind == audit.UserSubject || s.Kind == audit.RoleSubject || s.Kind == audit.ExemptionSubject:
		r.Details = &asffDetails{Other: map[string]string{string(s.Kind): shorten(plain(identity(s)), asffDescription)}}
	}
	return r
}

// requirements are controls as Security Hub shows them, those of the newest
// versions first: there is room for 32.
func requirements(controls []audit.Control) []string {
	return texts(leading(controls, asffRequirements), func(c audit.Control) string {
		return shorten(strings.Join(slices.DeleteFunc([]string{c.Framework, c.Version, c.ID}, func(s string) bool { return s == "" }), " "), asffRequirement)
	})
}

// asffReasonsOf says which facts are missing.
func asffReasonsOf(f *audit.Finding) []asffReason {
	var reasons []asffReason
	for _, g := range f.Missing[:min(len(f.Missing), asffReasons)] {
		reasons = append(reasons, asffReason{"FACT_NOT_READ", shorten(plain(g.String()), asffText)})
	}
	if f.Exemption != nil {
		reasons = append(reasons, asffReason{"EXEMPT", shorten(exemptionText(*f.Exemption), asffText)})
	}
	return reasons
}
