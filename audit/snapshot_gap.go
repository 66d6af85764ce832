package audit

import "fmt"

// Fact names a kind of fact of a Snapshot.
type Fact string

// The facts. Their texts are an interface.
const (
	FactCredentialReport Fact = "credential-report"
	FactAccountSummary   Fact = "account-summary"
	FactOrganization     Fact = "organization-features"
	FactUsers            Fact = "users"
	FactTags             Fact = "tags"
	FactAccess           Fact = "access"
	FactGroups           Fact = "groups"
	FactPolicies         Fact = "policies"
	FactRoles            Fact = "roles"
	FactLoginProfile     Fact = "login-profile"
	FactMFADevices       Fact = "mfa-devices"
	FactCertifications   Fact = "mfa-certifications"
	FactAccessKeys       Fact = "access-keys"
	FactKeyLastUsed      Fact = "access-key-last-used"
	FactVirtualDevices   Fact = "virtual-devices"
	FactRootMFADevices   Fact = "root-mfa-devices"
	FactRootLoginProfile Fact = "root-login-profile"
	FactRootAccessKeys   Fact = "root-access-keys"
	FactSCPs             Fact = "service-control-policies"
)

// actions are the IAM actions that tell each fact: what to allow when a fact
// was not read.
var actions = map[Fact]string{
	FactCredentialReport: "iam:GetCredentialReport",
	FactAccountSummary:   "iam:GetAccountSummary",
	FactOrganization:     "iam:ListOrganizationsFeatures",
	FactUsers:            "iam:GetAccountAuthorizationDetails",
	FactTags:             "iam:GetAccountAuthorizationDetails",
	FactAccess:           "iam:GetAccountAuthorizationDetails",
	FactGroups:           "iam:GetAccountAuthorizationDetails",
	FactPolicies:         "iam:GetAccountAuthorizationDetails",
	FactRoles:            "iam:GetAccountAuthorizationDetails",
	FactLoginProfile:     "iam:GetLoginProfile",
	FactMFADevices:       "iam:ListMFADevices",
	FactCertifications:   "iam:GetMFADevice",
	FactAccessKeys:       "iam:ListAccessKeys",
	FactKeyLastUsed:      "iam:GetAccessKeyLastUsed",
	FactVirtualDevices:   "iam:ListVirtualMFADevices",
	FactRootMFADevices:   "sts:AssumeRoot",
	FactRootLoginProfile: "sts:AssumeRoot",
	FactRootAccessKeys:   "sts:AssumeRoot",
	FactSCPs:             "organizations:ListPoliciesForTarget",
}

// Facts lists every fact.
func Facts() []Fact {
	return []Fact{
		FactCredentialReport, FactAccountSummary, FactOrganization, FactUsers, FactTags, FactAccess, FactGroups,
		FactPolicies, FactRoles, FactLoginProfile, FactMFADevices, FactCertifications, FactAccessKeys, FactKeyLastUsed,
		FactVirtualDevices, FactRootMFADevices, FactRootLoginProfile, FactRootAccessKeys, FactSCPs,
	}
}

// Action is the IAM action that tells the fact.
func (f Fact) Action() string { return actions[f] }

// Gap is a fact that is not known, and why. Subject is the immutable id (or the
// device's serial number, or the policy's ARN) it is missing for, empty when it
// is missing for the whole account. Action is the IAM action that was missing.
type Gap struct {
	Fact    Fact   `json:"fact"`
	Subject string `json:"subject,omitempty"`
	Action  string `json:"action"`
	Reason  string `json:"reason"`
}

// String is the gap in a sentence's place.
func (g Gap) String() string {
	if g.Subject == "" {
		return fmt.Sprintf("%s not known (%s: %s)", g.Fact, g.Action, g.Reason)
	}
	return fmt.Sprintf("%s of %q not known (%s: %s)", g.Fact, g.Subject, g.Action, g.Reason)
}

// Gap is a gap in this fact.
func (f Fact) Gap(subject, reason string) Gap {
	return Gap{Fact: f, Subject: subject, Action: f.Action(), Reason: reason}
}

// GapIndex finds gaps: a large account has some for each of its users.
type GapIndex map[gapKey]Gap

type gapKey struct {
	fact    Fact
	subject string
}

// IndexGaps indexes gaps. Of several for the same fact and subject the first
// counts.
func IndexGaps(gaps []Gap) GapIndex {
	index := GapIndex{}
	for _, g := range gaps {
		key := gapKey{g.Fact, g.Subject}
		if _, exists := index[key]; !exists {
			index[key] = g
		}
	}
	return index
}

// Gap tells why a fact is missing for a subject: the gap recorded for that
// subject, else the one for the whole account, else that nobody asked.
func (i GapIndex) Gap(fact Fact, subject string) Gap {
	if g, exists := i[gapKey{fact, subject}]; exists {
		return g
	}
	if g, exists := i[gapKey{fact, ""}]; exists {
		return Gap{Fact: fact, Subject: subject, Action: g.Action, Reason: g.Reason}
	}
	return fact.Gap(subject, "not asked")
}

// Has tells whether a gap was recorded for just this fact and subject.
func (i GapIndex) Has(fact Fact, subject string) bool {
	_, exists := i[gapKey{fact, subject}]
	return exists
}
