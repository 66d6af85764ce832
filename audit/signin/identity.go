package signin

import (
	"encoding/json"
	"strings"

	"mfawatch/audit"
)

// reservedRole is the prefix IAM Identity Center gives the roles it makes in an
// account, and reservedPath the start of their ARN's resource, which nobody else can have.
const (
	reservedRole = "AWSReservedSSO_"
	reservedPath = "role/aws-reserved/sso."
)

// identity fills who acted, and what attributes the session to a provider.
func (e *Event) identity(raw json.RawMessage, add fields) {
	id, readable := object(raw)
	session := id.object("sessionContext")
	e.IdentityType = id.text("type")
	if !readable {
		e.IdentityType = "a userIdentity that is not an object"
	}
	e.AccessKeyID = id.text("accessKeyId")
	e.InvokedBy = id.text("invokedBy")
	assumed, _ := session.tri("assumedRoot")
	e.AssumedRoot = assumed == Yes
	e.SessionMFA, _ = session.object("attributes").tri("mfaAuthenticated")
	e.SessionARN = session.text("signInSessionArn")
	if e.Account == "" {
		e.Account = id.text("accountId")
	}
	e.Principal = audit.Principal{Kind: audit.UnknownPrincipal, Name: id.text("userName"), ID: id.text("principalId"), ARN: id.text("arn")}
	if arn := scalar(raw); strings.HasPrefix(arn, "arn:") {
		e.Principal.ARN = arn
	}
	e.kind(id, session, add)
	if e.Principal.Kind == audit.UnknownPrincipal && strings.HasSuffix(e.Principal.ARN, ":root") {
		e.is(audit.Root, "root") // root is never lost, whatever its type is called
	}
}

func (e *Event) kind(id, session, add fields) {
	switch e.IdentityType {
	case "Root":
		e.is(audit.Root, "root")
	case "IAMUser":
		e.is(audit.IAMUser, afterLast(e.Principal.ARN, "/"))
	case "AssumedRole":
		e.role(session, add)
	case "FederatedUser":
		e.is(audit.Federated, afterLast(e.Principal.ARN, "federated-user/"))
		e.Provider = "sts:GetFederationToken"
	case "SAMLUser", "WebIdentityUser":
		e.is(audit.Federated, e.Principal.ID)
		e.Provider = id.text("identityProvider")
	case "IdentityCenterUser", "Unknown":
		e.portalUser(id, add)
	case "AWSService":
		e.is(audit.Service, e.InvokedBy)
	}
}

// is sets the kind and, where the record has no userName, a name. Root's
// userName is the account alias or absent, so root is always called root.
func (e *Event) is(kind audit.PrincipalKind, name string) {
	e.Principal.Kind = kind
	if e.Principal.Name == "" || kind == audit.Root {
		e.Principal.Name = name
	}
}

// role tells a role that a provider's person holds from one that anybody may
// have assumed. Without a SAML provider, an Identity Center role or a web
// identity provider in the record nothing attributes the session.
func (e *Event) role(session, add fields) {
	name := afterLast(e.Principal.ARN, "assumed-role/")
	e.is(audit.Role, name)
	issuer := session.object("sessionIssuer")
	saml, web := add.text("SamlProviderArn"), session.object("webIdFederationData").text("federatedProvider")
	switch {
	case saml != "":
		e.Principal.Kind, e.Provider = audit.Federated, saml
	case reserved(name, issuer):
		e.Principal.Kind, e.Provider = audit.IdentityCenter, "IAM Identity Center"
	case web != "":
		e.Principal.Kind, e.Provider = audit.Federated, web
	}
}

// reserved tells whether the role was made by IAM Identity Center. The path in
// the issuer's ARN decides where it is recorded: a role of one's own cannot
// have it. Some console events have no sessionContext; then the name decides.
func reserved(name string, issuer fields) bool {
	if arn := issuer.text("arn"); arn != "" {
		return strings.HasPrefix(resource(arn), reservedPath)
	}
	return strings.HasPrefix(name, reservedRole)
}

// portalUser is a person at the Identity Center portal: type Unknown until 14
// July 2025 and on some products' pages since, then IdentityCenterUser with
// onBehalfOf (IAM Identity Center user guide, sign-in events). Type Unknown on
// any other event stays unknown.
func (e *Event) portalUser(id, add fields) {
	behalf := id.object("onBehalfOf").text("userId")
	if e.IdentityType == "Unknown" && behalf == "" && !portalEvent(e.Name) {
		return
	}
	e.is(audit.IdentityCenter, add.text("UserName"))
	if behalf != "" || e.Principal.ID == e.Account {
		e.Principal.ID = behalf // an Unknown identity's principalId is just the account
	}
}

func portalEvent(name string) bool {
	return name == "UserAuthentication" || name == "CredentialChallenge" || name == "CredentialVerification"
}

// resource is the part of an ARN after account and Region. It may hold colons:
// IAM allows them in paths, so it must never be searched for.
func resource(arn string) string {
	for range 5 {
		_, arn, _ = strings.Cut(arn, ":")
	}
	return arn
}

// afterLast is what follows the last sep in s, or "" when sep is not there.
func afterLast(s, sep string) string {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[i+len(sep):]
	}
	return ""
}
