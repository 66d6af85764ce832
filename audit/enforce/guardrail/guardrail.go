// Package guardrail writes the policy documents that ask IAM users for a second
// factor.
//
// It promises documents that can be proved: the same options give the same text,
// every statement says why it is there and which page of AWS it stands on, what
// IAM or Organizations would not store is an error, and the table of package
// matrix holds each document to what it must allow and refuse. It asks nobody:
// everything that decides is in Options.
//
// Its documents ask users only. A role's session never carries MFA (IAM user
// guide, aws:MultiFactorAuthPresent), so asking one for it would stop it: roles ask
// for MFA in their trust policies, which is a form of its own.
package guardrail

import "time"

// Kind is which guardrail a document is of. The names are an interface.
type Kind string

// The guardrails.
const (
	SelfService  Kind = "self-service"
	MFAOnly      Kind = "mfa-only"
	Hardware     Kind = "hardware"
	AdminManaged Kind = "admin-managed"
	Actions      Kind = "actions"
)

// Form is what a document is attached as. The names are an interface.
type Form string

// The forms.
const (
	Identity Form = "identity"
	Boundary Form = "boundary"
	SCP      Form = "scp"
	RCP      Form = "rcp" // experimental
	Trust    Form = "trust"
)

// Options are everything that decides a document's text. Of the zero value only
// Kind has to be set: the form is then Identity and the partition aws.
type Options struct {
	Kind             Kind
	Form             Form
	Partition        string        // aws, aws-cn or aws-us-gov
	NoConsoleComfort bool          // without the reads that only make the console's pages look right
	PasswordChange   bool          // a user who must change the password at the first sign-in may, before there is a factor
	MFAAge           time.Duration // how old MFA may be: for the calls that take a factor away, for the named actions, for a role. Zero: any age; a role's is an hour
	TagGuard         bool          // who is marked by TagKey enrols nothing more without MFA; for partitions where AWS's own rule is not verified
	FIDOLevels       []string      // the FIDO certification levels to accept: all where no list is given
	FIPS1402Levels   []string      // the same of FIPS 140-2; empty: not asked for
	FIPS1403Levels   []string      // the same of FIPS 140-3
	Registrars       []string      // ARNs of the roles that may do what others may not
	Actions          []string      // of Actions: what only MFA may do
	ThroughServices  bool          // of Actions: what an AWS service does on a user's behalf is let through
	Principals       []string      // of Trust: ARNs of the users that may assume the role
	Name             string        // what templates call the policy, or the role; empty: mfawatch-KIND-FORM, and a role's is left to AWS
}

// TagKey is the tag of a user who has a second factor, for Options.TagGuard. Its
// value is true.
const TagKey = "mfa-enrolled"

// roleAge is how old MFA may be for a role when nothing else is said.
const roleAge = time.Hour

// Info is a guardrail or a form in a sentence.
type Info struct {
	Name string
	Says string
}

// Kinds are the guardrails.
func Kinds() []Info {
	return []Info{
		{string(SelfService), "Users enrol and manage their own factors, password, keys and certificates; everything but enrolling needs MFA."},
		{string(MFAOnly), "Users enrol and manage their own factors and nothing else of theirs; everything but enrolling needs MFA."},
		{string(Hardware), "As mfa-only, and only a security key or passkey with a listed certification can be enrolled."},
		{string(AdminManaged), "Only a registrar role enrols and takes away factors; everything but reading one's own needs MFA."},
		{string(Actions), "The named actions need MFA, and nothing else does."},
	}
}

// Forms are the forms.
func Forms() []Info {
	return []Info{
		{string(Identity), "a policy for a group of users"},
		{string(Boundary), "a permissions boundary of users"},
		{string(SCP), "a service control policy of an organisation; it refuses users only"},
		{string(RCP), "a resource control policy of an organisation, for the named actions; experimental"},
		{string(Trust), "the trust policy of a role: named users, with MFA that is young enough"},
	}
}

// Document is a generated policy document.
type Document struct {
	Options    Options // with everything that was left to us filled in
	Statements []Statement
	Doubts     []string // what was done as it was asked and may be a mistake, in sentences
}

// Statement is one statement and why it is there.
type Statement struct {
	Sid          string
	Effect       string
	Principals   []string // of a trust policy ARNs, of a resource control policy *
	Actions      []string
	NotActions   []string
	Resources    []string
	NotResources []string
	Conditions   []Condition
	Why          string // a sentence for people
	Source       string // where AWS says what it stands on
}

// Condition is one operator with a key and its values.
type Condition struct {
	Operator string
	Key      string
	Values   []string
}

// Generate writes the document that the options ask for. An option that is wrong,
// or has nothing to say in this guardrail and form, is an *OptionError.
func Generate(o Options) (Document, error) {
	if err := o.complete(); err != nil {
		return Document{}, err
	}
	d := Document{Options: o, Statements: statements(o), Doubts: o.doubts()}
	return d, d.fits()
}
