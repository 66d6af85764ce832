package enforce

import (
	"fmt"
	"strings"

	"mfawatch/audit"
)

// ServiceRule is something that AWS does whatever policies say.
type ServiceRule struct {
	ID         string
	Says       string
	Source     string
	Partitions []string // where it is known to hold; elsewhere it makes answers Unknown
}

const (
	ruleOwnFactor    = "own-factor-needs-mfa"
	ruleIdentity     = "caller-identity-is-free"
	ruleSessionToken = "session-token-is-free"
	ruleLongTerm     = "long-term-credentials-only"
	ruleFederated    = "federated-session-calls-little"
	ruleRootAssumes  = "root-assumes-no-role"
)

var everywhere = []string{"aws", "aws-cn", "aws-us-gov"}

// ServiceRules are the rules that Evaluate knows.
func ServiceRules() []ServiceRule {
	return []ServiceRule{
		{ruleOwnFactor, "a user who has a second factor adds or removes one of his own only when authenticated with MFA", "security bulletin AWS-2023-001; IAM user guide, AWS multi-factor authentication in IAM", []string{"aws"}},
		{ruleIdentity, "everybody may ask who he is, even against an explicit deny", "STS API reference, GetCallerIdentity", everywhere},
		{ruleSessionToken, "no policy governs GetSessionToken; it is for long-term credentials of users and root", "IAM user guide, secure API access with MFA; STS API reference, GetSessionToken", everywhere},
		{ruleLongTerm, "GetSessionToken and GetFederationToken take long-term credentials of a user or of root, and no session's", "IAM user guide, compare AWS STS credentials; STS API reference, GetSessionToken and GetFederationToken", everywhere},
		{ruleFederated, "a session of GetFederationToken calls nothing of STS but GetCallerIdentity", "IAM user guide, compare AWS STS credentials", everywhere},
		{ruleRootAssumes, "root cannot assume a role", "STS API reference, AssumeRole", everywhere},
	}
}

// serviceRule decides what AWS decides itself. Where it is not known whether a rule
// applies, the answer stays open and the decision carries why.
func serviceRule(q *Request) (Decision, bool) {
	action := strings.ToLower(q.Action)
	switch {
	case action == "sts:getcalleridentity":
		return decided(Allowed, ruleIdentity), true
	case q.Principal.federatedUser() && strings.HasPrefix(action, "sts:"):
		return decided(ExplicitlyDenied, ruleFederated), true
	case action == "sts:getsessiontoken", action == "sts:getfederationtoken":
		return longTerm(q, action)
	case action == "sts:assumerole" && q.Principal.Kind == audit.Root:
		return decided(ExplicitlyDenied, ruleRootAssumes), true
	case action == "iam:enablemfadevice", action == "iam:deactivatemfadevice":
		return ownFactor(q)
	}
	return Decision{}, false
}

// federatedUser tells a session of GetFederationToken from an identity provider,
// which asks for a role's session without any credentials of AWS.
func (p Principal) federatedUser() bool {
	return p.Kind == audit.Federated && strings.Contains(p.ARN, ":federated-user/")
}

// longTerm is who may ask for a session of GetSessionToken, or of GetFederationToken,
// which policies govern besides. A console's session is temporary, too.
func longTerm(q *Request, action string) (Decision, bool) {
	known := q.Facts.Credential != ""
	owner := q.Principal.Kind == audit.IAMUser || q.Principal.Kind == audit.Root
	switch {
	case q.Principal.Kind == audit.UnknownPrincipal:
		return Decision{}, false
	case !owner, known && q.Facts.Credential != AccessKey:
		return decided(ExplicitlyDenied, ruleLongTerm), true
	case action == "sts:getsessiontoken":
		return decided(Allowed, ruleSessionToken), true
	}
	return Decision{}, false
}

// ownFactor is AWS's rule of 21 April 2023 about a user's own devices.
func ownFactor(q *Request) (Decision, bool) {
	if q.Principal.Kind != audit.IAMUser || q.Resource != q.Principal.ARN {
		return Decision{}, false
	}
	applies := and(q.Facts.OwnDevice, not(withMFA(q.Context)))
	if applies == No {
		return Decision{}, false
	}
	rule := ruleOf(ruleOwnFactor)
	known := tri(strings.Contains(strings.Join(rule.Partitions, " ")+" ", q.Facts.Partition+" ") && q.Facts.Partition != "")
	if applies == Yes && known == Yes {
		return decided(ExplicitlyDenied, ruleOwnFactor), true
	}
	why := "it is not known whether the user has a second factor, and whether this session was authenticated with it"
	if applies == Yes {
		why = fmt.Sprintf("in partition %q nobody has verified that", q.Facts.Partition)
	}
	return Decision{Because: []Reason{{Layer: Service, Policy: rule.ID, Statement: -1, Effect: Deny, Text: rule.Says + ": " + why, Source: rule.Source}}}, false
}

// withMFA tells whether a request was authenticated with a second factor.
func withMFA(c Context) Tri {
	values, present := c.Lookup(KeyMFAPresent)
	if present != Yes {
		return present // absent is no
	}
	return tri(len(values) == 1 && strings.EqualFold(values[0], "true"))
}

func ruleOf(id string) ServiceRule {
	for _, r := range ServiceRules() {
		if r.ID == id {
			return r
		}
	}
	return ServiceRule{}
}

func decided(a Answer, id string) Decision {
	rule := ruleOf(id)
	effect := map[Answer]string{Allowed: Allow, ExplicitlyDenied: Deny}[a]
	return Decision{a, []Reason{{Layer: Service, Policy: rule.ID, Statement: -1, Effect: effect, Certain: true, Text: rule.Says, Source: rule.Source}}}
}
