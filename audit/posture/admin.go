package posture

import (
	"fmt"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce/reach"
)

// admin is whether a user is an administrator, and through what.
type admin struct {
	said
	how    string
	caveat string // what could stop an administrator and was not read
}

// scpsUnread is said of an administrator whom a control policy may stop.
const scpsUnread = "service control policies were not read"

// administrator asks what manages IAM of every policy that the user has: all of them
// together, with what they deny and control policies forbid, and within the
// permissions boundary. Who may under a condition that a call can meet is an
// administrator; second factors are taken as given.
func (a *account) administrator(u *audit.User) admin {
	if u == nil {
		return admin{said: unsaid(a.Gap(audit.FactUsers, ""))}
	}
	if u.Access == nil {
		return admin{said: unsaid(a.Gap(audit.FactAccess, u.ID))}
	}
	r := a.reach.Administrator(u)
	result := admin{said: said{answer: no}}
	if len(r.Unread) > 0 {
		result.answer, result.gaps = maybe, r.Unread
	}
	switch {
	case r.All:
		result.answer, result.gaps = yes, nil
	case len(r.Some) > 0 && len(result.gaps) == 0:
		result.answer = maybe
		result.gaps = []audit.Gap{audit.FactPolicies.Gap(u.ID, "of what manages IAM, "+strings.Join(r.Some, ", ")+" is allowed on every resource; how far one gets by that is not evaluated")}
	}
	note := bound(&result, r)
	switch result.answer {
	case yes:
		result.how = "administrator through " + strings.Join(r.Through, ", ") + conditions(r) + note
		if r.SCPs != nil {
			result.caveat = scpsUnread
		}
	case no:
		result.how = "not an administrator" + denial(r) + note
	default:
		result.how = "perhaps an administrator" + note
	}
	result.evidence = a.evidence(u.Access.Call, u.Access.At, "administrator", result.how)
	return result
}

// bound holds an administrator, or who may be one, against a permissions boundary:
// what the boundary does not allow no policy grants (IAM user guide, permissions
// boundaries). It returns what to say of it.
func bound(result *admin, r reach.Administration) string {
	if r.Boundary == "" || result.answer == no {
		return ""
	}
	how := fmt.Sprintf("boundary %q", r.Boundary)
	switch {
	case r.BoundaryUnread != nil:
		result.answer = maybe
		result.gaps = append(result.gaps, *r.BoundaryUnread)
		return ""
	case r.Limit.All:
		return ", which " + how + " allows"
	case len(r.Limit.Some) == 0:
		result.answer = no
		return ": " + how + " does not allow to manage IAM"
	}
	result.answer = maybe
	result.gaps = append(result.gaps, audit.FactPolicies.Gap(r.Boundary, "of what manages IAM it allows "+strings.Join(r.Limit.Some, ", ")+"; how far one gets by that is not evaluated"))
	return ""
}

// conditions says that an administrator is one under conditions only.
func conditions(r reach.Administration) string {
	if len(r.Under) == 0 {
		return ""
	}
	return ", under conditions"
}

// denial says what stops somebody whom policies would allow to manage IAM.
func denial(r reach.Administration) string {
	if len(r.Through) == 0 || len(r.Denied) == 0 {
		return ""
	}
	return ": " + reach.Texts(r.Denied)
}
