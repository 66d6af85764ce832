package detect

import (
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

const (
	// HiddenName is what AWS writes for a user name that does not exist: the
	// typed text might be a password (CloudTrail user guide, console sign-in
	// events).
	HiddenName = "HIDDEN_DUE_TO_SECURITY_REASONS"
	// rootUserName is root's userName in IAM requests that root makes for itself.
	rootUserName = "AWS ROOT USER"

	rootKey = "root"
)

// who is the key under which what a principal does is joined, within its
// account. A failed sign-in has no ARN and no id, so an IAM user goes by name;
// IAM user names are unique without regard to case (IAM user guide, quotas).
// It is "" when nobody in particular is named.
func who(e *signin.Event) string {
	p := e.Principal
	switch p.Kind {
	case audit.Root:
		if e.AssumedRoot { // somebody of another account, not root's password
			return "assumed-root"
		}
		return rootKey
	case audit.IAMUser:
		return userKey(p.Name)
	}
	for _, id := range []string{p.ARN, p.ID, p.Name} {
		if id != "" {
			return "id/" + id
		}
	}
	return ""
}

func userKey(name string) string {
	if name == "" || name == HiddenName {
		return ""
	}
	return "user/" + strings.ToLower(name)
}

// target is the key of the user whose factor or password an IAM call is about.
// A call without userName is about the caller (IAM API reference), where the
// caller can have a factor at all. It is "" when the record does not tell.
func target(e *signin.Event) string {
	root := e.Principal.Kind == audit.Root
	switch {
	case e.TargetUser != "" && !(root && e.TargetUser == rootUserName):
		return userKey(e.TargetUser)
	case root:
		return rootKey
	case e.Principal.Kind == audit.IAMUser:
		return who(e)
	}
	return ""
}

// own tells whether an IAM call is about the caller's own factor or password.
// Root's is not an AssumeRoot session's own.
func own(e *signin.Event) bool { return target(e) != "" && target(e) == who(e) }

// name says who acted, for a person to read.
func name(e *signin.Event) string {
	switch {
	case e.AssumedRoot:
		return "an AssumeRoot session"
	case e.Principal.Kind == audit.Root:
		return "root"
	case e.Principal.Name != "":
		return quote(e.Principal.Name)
	case e.Principal.ARN != "":
		return quote(e.Principal.ARN)
	case e.Principal.ID != "":
		return quote(e.Principal.ID)
	}
	return "somebody the record does not name"
}

// targetName says whom an IAM call is about, for a person to read.
func targetName(e *signin.Event) string {
	switch {
	case target(e) == rootKey:
		return "root"
	case e.TargetUser == "":
		return "a user the record does not name"
	}
	return quote(e.TargetUser)
}

// quote makes a text that somebody else chose safe for a line of detail.
func quote(s string) string { return `"` + signin.Printable(s) + `"` }
