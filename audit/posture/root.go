package posture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

func (a *account) lookAtRoot() holder {
	s := audit.Subject{Kind: audit.RootSubject, ID: a.Account, Name: "root", ARN: a.RootARN()}
	r := a.rootRow()
	password := newest(a.profile(a.Root.LoginProfile, a.Gap(audit.FactRootLoginProfile, "")), a.summary("AccountPasswordPresent"))
	keys := newest(a.rootKeys(), a.summary("AccountAccessKeysPresent"))
	active := newest(a.summary("AccountMFAEnabled"), a.cell(r, "mfa_active"))
	return holder{
		subject: s, row: r,
		password: newest(password, a.cell(r, "password_enabled")),
		keys:     newest(keys, a.reportedKeys(r)),
		factors:  a.factors(s, a.Root.MFADevices, a.Gap(audit.FactRootMFADevices, ""), active),
	}
}

// rootRow is root's row of the report. It is found by its user name: its ARN is
// the account's.
func (a *account) rootRow() row {
	r := row{subject: a.Account}
	if a.Report == nil {
		gap := a.Gap(audit.FactCredentialReport, "")
		r.gap = &gap
		return r
	}
	for i := range a.Report.Value.Rows {
		if a.Report.Value.Row(i).User() == audit.RootRow {
			r.ReportRow, r.made = a.Report.Value.Row(i), a.Report.Value.Generated
			return r
		}
	}
	gap := r.odd("the report has no row of root, as is seen of the China partition")
	r.gap = &gap
	return r
}

// rootKeys asks the list of root's keys; one that is not active counts, since
// root can make it so.
func (a *account) rootKeys() said {
	list := a.Root.AccessKeys
	if list == nil {
		return unsaid(a.Gap(audit.FactRootAccessKeys, ""))
	}
	n := len(list.Value)
	return said{answer: truth(n > 0), at: list.At, evidence: a.evidence(list.Call, list.At, "access_keys", fmt.Sprint(n))}
}

// outOfReach is the answer of the checks on root's factors where root can have
// none or needs none.
func (a *account) outOfReach() (answer, bool) {
	r := a.root
	switch {
	case a.govCloud():
		// GovCloud user guide, IAM: no console sign-in as root, no MFA device.
		return notApplicable("a GovCloud root cannot sign in to the console and cannot hold an MFA device"), true
	case either(r.password.answer, r.keys.answer) == no:
		detail, evidence := "root has no password and no access key", []audit.Evidence(nil)
		if on, e := a.central(); on {
			detail, evidence = detail+": its credentials are managed centrally (RootCredentialsManagement is on)", e
		}
		return notApplicable(detail).because(r.password.evidence, r.keys.evidence, evidence), true
	}
	return answer{}, false
}

func (a *account) govCloud() bool { return a.Partition == "aws-us-gov" }

// central tells whether member accounts' root credentials are managed from the
// organisation. That alone removes none.
func (a *account) central() (bool, []audit.Evidence) {
	o := a.Organization
	if o == nil {
		return false, nil
	}
	on := slices.Contains(o.Value.Enabled, "RootCredentialsManagement")
	return on, a.evidence(o.Call, o.At, "enabled", strings.Join(o.Value.Enabled, ", "))
}

// rootMFA: AWS asks for root's second factor since 2025, but only of who signs
// in (IAM user guide, enable MFA for root).
func (a *account) rootMFA() answer {
	if n, out := a.outOfReach(); out {
		return n
	}
	r := a.root
	evidence := answer{}.because(r.factors.evidence, r.password.evidence, r.keys.evidence).evidence
	switch {
	case r.factors.has == yes:
		return pass(r.factors.holds()).because(r.factors.evidence)
	case r.factors.has == maybe:
		return unknown("root's MFA is not known", r.factors.gaps...).because(evidence)
	case either(r.password.answer, r.keys.answer) == maybe:
		return unknown("root has no MFA device, and whether it has a password or an access key is not known", a.credentialGaps()...).because(evidence)
	}
	return fail("root has credentials and no MFA device").because(evidence)
}

func (a *account) credentialGaps() []audit.Gap {
	return slices.Concat(a.root.password.gaps, a.root.keys.gaps)
}

func (a *account) rootHardware() answer {
	if n, out := a.outOfReach(); out {
		return n
	}
	f := a.root.factors
	r := a.hardware(f, demand{a.rules.Hardware, a.rules.FIDO})
	gaps := r.gaps
	doubtful := f.has == no && either(a.root.password.answer, a.root.keys.answer) == maybe
	switch {
	case r.answer == yes:
		return pass(r.detail).because(f.evidence)
	case r.answer == no && !doubtful:
		return fail(r.detail).because(f.evidence)
	case doubtful:
		gaps = a.credentialGaps()
	}
	return unknown(r.detail, gaps...).because(f.evidence)
}

func (a *account) rootSingle() answer {
	if n, out := a.outOfReach(); out {
		return n
	}
	return a.root.factors.spare()
}

// rootKey: an access key of root is a password that no factor and no policy
// holds back.
func (a *account) rootKey() answer {
	k := a.root.keys
	switch k.answer {
	case yes:
		return fail("root has an access key").because(k.evidence)
	case no:
		return pass("root has no access key").because(k.evidence)
	}
	return unknown("root's access keys are not known", k.gaps...)
}

// rootUse takes the youngest of all three dates: a key may have been used since
// the password was.
func (a *account) rootUse() answer {
	r := a.root.row
	if r.gap != nil && a.govCloud() && a.Report != nil {
		return notApplicable("a GovCloud root cannot sign in to the console, and the report has no row of root")
	}
	u := a.lastUse(r, "password_last_used", "access_key_1_last_used_date", "access_key_2_last_used_date")
	switch {
	case a.age(u.last) <= a.rules.RootRecentUse:
		return fail(a.ago("use", u)).because(u.evidence)
	case len(u.gaps) > 0:
		return unknown(a.ago("use", u), u.gaps...).because(u.evidence)
	}
	return pass(a.ago("use", u)).because(u.evidence)
}

func (a *account) rootCentral() answer {
	if a.Organization == nil {
		return unknown("the organisation's features are not known", a.Gap(audit.FactOrganization, ""))
	}
	on, evidence := a.central()
	switch {
	case a.Organization.Value.OrganizationID == "":
		return notApplicable("the account is in no organisation").because(evidence)
	case on:
		return pass("RootCredentialsManagement is on").because(evidence)
	}
	return fail("RootCredentialsManagement is off").because(evidence)
}

func lastUsed(k audit.KeyUse) string {
	if k.At.IsZero() {
		return "never used"
	}
	return "last used " + k.At.UTC().Format(time.RFC3339)
}
