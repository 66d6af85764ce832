package enforce

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
)

// The condition keys that decide about second factors (IAM user guide, AWS global
// condition context keys).
const (
	KeyMFAPresent = "aws:MultiFactorAuthPresent"
	KeyMFAAge     = "aws:MultiFactorAuthAge"
	KeyViaService = "aws:ViaAWSService"
)

// Credential is what a request is signed with. It decides what the MFA keys say
// (IAM user guide, aws:MultiFactorAuthPresent).
type Credential string

// The credentials.
const (
	AccessKey       Credential = "access-key"       // long-term: the keys are absent
	PasswordNoMFA   Credential = "password-no-mfa"  // console without a second factor: false
	WithMFA         Credential = "with-mfa"         // console or GetSessionToken with one: true, and an age
	RoleCredentials Credential = "role-credentials" // of AssumeRole: false, even when a code was given
	FederationToken Credential = "federation-token" // of GetFederationToken: false
)

// Caller is an identity with a credential.
type Caller struct {
	Partition  string
	Account    string
	Kind       audit.PrincipalKind // IAMUser, Role, Federated or Root
	Path       string              // /, or /dev/
	Name       string
	ID         string
	Session    string // of a role, the session's name
	Tags       map[string]string
	TagsKnown  bool // what is not in Tags is absent
	Credential Credential
	MFAAge     time.Duration // with MFA: since when
	OwnDevice  Tri
}

// Request is a call of the caller, in a context with everything that is known of
// it. Keys that depend on the call and not on the caller are taken from base.
func (c Caller) Request(base Context, action, resource string) Request {
	p := c.principal()
	return Request{
		Principal: p, Action: action, Resource: resource, Context: c.context(base, p),
		Facts: Facts{Partition: c.Partition, OwnDevice: c.OwnDevice, Credential: c.Credential},
	}
}

func (c Caller) principal() Principal {
	p := Principal{Kind: c.Kind, ID: c.ID, Account: c.Account, ARN: c.arn("user")}
	switch c.Kind {
	case audit.Root:
		p.ARN = fmt.Sprintf("arn:%s:iam::%s:root", c.Partition, c.Account)
	case audit.Role:
		p.RoleARN = c.arn("role")
		p.ARN = fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", c.Partition, c.Account, c.Name, c.Session)
	case audit.Federated:
		p.ARN = fmt.Sprintf("arn:%s:sts::%s:federated-user/%s", c.Partition, c.Account, c.Name)
	}
	return p
}

func (c Caller) arn(kind string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s/%s%s", c.Partition, c.Account, kind, strings.TrimPrefix(c.Path, "/"), c.Name)
}

// context sets what the caller decides: who he is (IAM user guide, principal key
// values) and what the MFA keys say.
func (c Caller) context(base Context, p Principal) Context {
	x := base.clone()
	set := func(key string, values ...string) {
		delete(x.unknown, strings.ToLower(key))
		x.values[strings.ToLower(key)] = values
	}
	set("aws:PrincipalAccount", c.Account)
	set("aws:PrincipalType", map[audit.PrincipalKind]string{audit.IAMUser: "User", audit.Role: "AssumedRole", audit.Federated: "FederatedUser", audit.Root: "Account"}[c.Kind])
	set("aws:PrincipalArn", p.ARN)
	set("aws:username")
	set("aws:userid", c.ID)
	switch c.Kind {
	case audit.IAMUser:
		set("aws:username", c.Name)
	case audit.Role:
		set("aws:PrincipalArn", p.RoleARN)
		set("aws:userid", c.ID+":"+c.Session)
	case audit.Federated:
		set("aws:userid", c.Account+":"+c.Name)
	case audit.Root:
		set("aws:userid", c.Account)
	}
	for key, value := range c.Tags {
		set("aws:PrincipalTag/"+key, value)
	}
	if c.TagsKnown {
		x.absent = append(slices.Clone(x.absent), "aws:principaltag/")
	} else {
		x.unknown["aws:principaltag/*"] = true
	}
	if _, present := base.Lookup(KeyViaService); present == No {
		set(KeyViaService, "false") // always there, and false for a call of one's own
	}
	c.factor(set)
	return x
}

// factor sets the MFA keys. The age is there only with MFA.
func (c Caller) factor(set func(string, ...string)) {
	set(KeyMFAAge)
	switch c.Credential {
	case AccessKey:
		set(KeyMFAPresent)
	case WithMFA:
		set(KeyMFAPresent, "true")
		set(KeyMFAAge, strconv.Itoa(int(c.MFAAge/time.Second)))
	default:
		set(KeyMFAPresent, "false")
	}
}
