package fakeaws

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sts answers who the caller is and issues sessions. The lock is held.
func (s *Server) sts(q *request) (string, *refusal) {
	switch q.action {
	case "GetCallerIdentity":
		return wrap("GetCallerIdentityResult", element("Arn", q.by.arn)+element("UserId", q.by.userID)+element("Account", q.account.ID)), nil
	case "GetSessionToken":
		return s.sessionToken(q)
	case "AssumeRole":
		return s.assumeRole(q)
	case "AssumeRoot":
		return s.assumeRoot(q)
	}
	return "", refuse(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version 2011-06-15", q.action)
}

// sessionToken issues a session of the caller's own: a user's, or root's for an hour
// at most.
func (s *Server) sessionToken(q *request) (string, *refusal) {
	if !q.by.expires.IsZero() {
		return "", refuse(http.StatusForbidden, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}
	length, no := bounded(q, 43200, 129600)
	if no != nil {
		return "", no
	}
	mfa, no := s.authenticate(q)
	if no != nil {
		return "", no
	}
	if q.by.rootUser != nil {
		length = min(length, time.Hour)
	}
	by := *q.by
	by.mfa, by.token = mfa, true
	return wrap("GetSessionTokenResult", s.issue(&by, length)), nil
}

// bounded reads DurationSeconds, which is 900 at least.
func bounded(q *request, usual, most int) (time.Duration, *refusal) {
	text := q.form.Get("DurationSeconds")
	if text == "" {
		return time.Duration(usual) * time.Second, nil
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil || n < 900:
		return 0, invalid(text, "durationSeconds", "Member must have value greater than or equal to 900")
	case n > most:
		return 0, invalid(text, "durationSeconds", fmt.Sprintf("Member must have value less than or equal to %d", most))
	}
	return time.Duration(n) * time.Second, nil
}

// assumeRole knows roles by their ARN. Trust policies are not evaluated, but for the
// external id and the second factor. The code is checked first, which is a guess: no
// record shows the order.
func (s *Server) assumeRole(q *request) (string, *refusal) {
	arn, name := q.form.Get("RoleArn"), q.form.Get("RoleSessionName")
	length, no := bounded(q, 3600, 43200)
	if no != nil {
		return "", no
	}
	mfa, no := s.authenticate(q)
	if no != nil {
		return "", no
	}
	mfa = mfa || q.by.token && q.by.mfa
	a, r := s.role(arn)
	switch {
	case r == nil || r.ExternalID != "" && r.ExternalID != q.form.Get("ExternalId") || r.RequireMFA && !mfa:
		return "", refuse(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRole on resource: %s", q.by.arn, arn)
	case q.by.role && length > time.Hour:
		return "", refuse(http.StatusBadRequest, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	case length > time.Duration(r.MaxSession)*time.Second:
		return "", refuse(http.StatusBadRequest, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	assumed := fmt.Sprintf("arn:%s:sts::%s:assumed-role/%s/%s", a.Partition, a.ID, r.Name, name)
	issued := s.issue(&session{account: a.ID, arn: assumed, userID: r.ID + ":" + name, role: true, mfa: mfa}, length)
	return wrap("AssumeRoleResult", issued+wrap("AssumedRoleUser", element("Arn", assumed)+element("AssumedRoleId", r.ID+":"+name))), nil
}

func (s *Server) role(arn string) (*Account, *Role) {
	for _, a := range s.accounts {
		for _, r := range a.Roles {
			if a.arn("role"+r.Path+r.Name) == arn {
				return a, r
			}
		}
	}
	return nil, nil
}

// globalEndpoint does not know AssumeRoot (STS API reference, AssumeRoot).
// Behind a socket the host does not tell.
const globalEndpoint = "sts.amazonaws.com"

func (s *Server) assumeRoot(q *request) (string, *refusal) {
	o, target := s.Organization, q.form.Get("TargetPrincipal")
	task := q.form.Get("TaskPolicyArn.arn")
	switch {
	case q.host == globalEndpoint:
		return "", refuse(http.StatusBadRequest, "InvalidAction", "Could not find operation AssumeRoot for version 2011-06-15")
	case o == nil || !o.administers(q.account.ID) || o.member(target) == nil || target == o.Management || s.accounts[target] == nil,
		!slices.Contains(o.Features, "RootCredentialsManagement"):
		return "", refuse(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: sts:AssumeRoot on resource: %s", q.by.arn, target)
	case !strings.HasSuffix(task, ":iam::aws:policy/root-task/IAMAuditRootUserCredentials"):
		return "", refuse(http.StatusBadRequest, "ValidationError", "%q is no task policy that this stand-in knows", task)
	}
	length, no := duration(q, 900)
	if no != nil {
		return "", no
	}
	return wrap("AssumeRootResult", s.issue(&session{account: target, arn: s.accounts[target].arn("root"), userID: target, root: true}, length)), nil
}

func duration(q *request, most int) (time.Duration, *refusal) {
	text := q.form.Get("DurationSeconds")
	if text == "" {
		return time.Duration(most) * time.Second, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 12*most {
		return 0, refuse(http.StatusBadRequest, "ValidationError", "DurationSeconds %q", text)
	}
	return time.Duration(n) * time.Second, nil
}

func (s *Server) issue(by *session, length time.Duration) string {
	by.expires = s.Now().Add(length)
	key := fmt.Sprintf("ASIA%s%04d", by.account, len(s.sessions))
	s.sessions[key] = by
	return wrap("Credentials", element("AccessKeyId", key)+element("SecretAccessKey", "SecretOf/"+key)+element("SessionToken", "TokenOf/"+key)+date("Expiration", by.expires))
}
