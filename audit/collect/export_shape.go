package collect

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
)

// stamp is a time as the CLI prints it: ISO 8601, or seconds since 1970 in a
// number or a text (AWS CLI user guide, cli_timestamp_format).
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(b []byte) error {
	text := string(b)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	if text == "null" || text == "" {
		return nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		s.Time = t.UTC()
		return nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds < 0 || seconds > 1e11 {
		return fmt.Errorf("%q is no time", text)
	}
	s.Time = time.UnixMilli(int64(seconds * 1000)).UTC()
	return nil
}

// policyText is a policy document: an object, as the CLI prints it, or the text
// that the API sends, URL-encoded after RFC 3986 or not.
type policyText string

func (p *policyText) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		if decoded, err := url.PathUnescape(text); err == nil && strings.HasPrefix(text, "%") {
			text = decoded
		}
		b = []byte(text)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, b) == nil {
		b = compact.Bytes()
	}
	*p = policyText(b)
	return nil
}

// paged tells an answer that is not the last, or not the only one. The CLI puts
// the pages together and writes NextToken only when told to stop earlier.
type paged struct {
	IsTruncated bool
	Marker      string
	NextToken   string
}

func (p paged) truncated() bool { return p.IsTruncated || p.Marker != "" || p.NextToken != "" }

type inlineShape struct {
	PolicyName     string
	PolicyDocument policyText
}

type attachedShape struct{ PolicyArn string }

type boundaryShape struct{ PermissionsBoundaryArn string }

type tagShape struct{ Key, Value string }

type userShape struct {
	UserName, UserId, Arn, Path string
	CreateDate                  stamp
	UserPolicyList              []inlineShape
	GroupList                   []string
	AttachedManagedPolicies     []attachedShape
	PermissionsBoundary         boundaryShape
	Tags                        []tagShape
}

type groupShape struct {
	GroupName, GroupId, Arn string
	GroupPolicyList         []inlineShape
	AttachedManagedPolicies []attachedShape
}

type roleShape struct {
	RoleName, RoleId, Arn    string
	AssumeRolePolicyDocument policyText
	RolePolicyList           []inlineShape
	AttachedManagedPolicies  []attachedShape
	PermissionsBoundary      boundaryShape
	MaxSessionDuration       int
}

type policyShape struct {
	Arn               string
	DefaultVersionId  string
	PolicyVersionList []struct {
		VersionId        string
		IsDefaultVersion bool
		Document         policyText
	}
}

type detailsShape struct {
	paged
	UserDetailList  []userShape
	GroupDetailList []groupShape
	RoleDetailList  []roleShape
	Policies        []policyShape
}

type virtualShape struct {
	SerialNumber string
	User         struct{ UserId, Arn string }
	EnableDate   stamp
}

type deviceShape struct {
	UserName, SerialNumber string
	EnableDate             stamp
}

type keyShape struct {
	UserName, AccessKeyId, Status string
	CreateDate                    stamp
}

func inlineOf(all []inlineShape) []audit.InlinePolicy {
	policies := []audit.InlinePolicy{}
	for _, p := range all {
		policies = append(policies, audit.InlinePolicy{Name: p.PolicyName, Document: string(p.PolicyDocument)})
	}
	audit.SortStable(policies, func(a, b audit.InlinePolicy) int { return cmp.Compare(a.Name, b.Name) })
	return policies
}

func attachedOf(all []attachedShape) []string {
	arns := []string{}
	for _, p := range all {
		arns = append(arns, p.PolicyArn)
	}
	slices.Sort(arns)
	return arns
}

func (u userShape) user() audit.User {
	return audit.User{ID: u.UserId, Name: u.UserName, ARN: u.Arn, Path: u.Path, Created: u.CreateDate.Time}
}

// detailed is the user with what only the authorization details tell.
func (u userShape) detailed(at time.Time) audit.User {
	groups := append([]string{}, u.GroupList...)
	slices.Sort(groups)
	tags := map[string]string{}
	for _, t := range u.Tags {
		tags[t.Key] = t.Value
	}
	user := u.user()
	user.Tags = readAt(detailsCall, at, tags)
	user.Access = readAt(detailsCall, at, audit.Access{
		Groups: groups, Attached: attachedOf(u.AttachedManagedPolicies),
		Inline: inlineOf(u.UserPolicyList), Boundary: u.PermissionsBoundary.PermissionsBoundaryArn,
	})
	return user
}

func (g groupShape) group() audit.Group {
	return audit.Group{ID: g.GroupId, Name: g.GroupName, ARN: g.Arn, Attached: attachedOf(g.AttachedManagedPolicies), Inline: inlineOf(g.GroupPolicyList)}
}

// role leaves empty lists nil: the snapshot writes neither, and what is read
// back must be equal.
func (r roleShape) role() audit.RoleTrust {
	role := audit.RoleTrust{
		ID: r.RoleId, Name: r.RoleName, ARN: r.Arn, Trust: string(r.AssumeRolePolicyDocument), MaxSession: r.MaxSessionDuration,
		Boundary: r.PermissionsBoundary.PermissionsBoundaryArn,
	}
	if len(r.AttachedManagedPolicies) > 0 {
		role.Attached = attachedOf(r.AttachedManagedPolicies)
	}
	if len(r.RolePolicyList) > 0 {
		role.Inline = inlineOf(r.RolePolicyList)
	}
	return role
}

func (p policyShape) policy() audit.ManagedPolicy {
	policy := audit.ManagedPolicy{ARN: p.Arn}
	for _, v := range p.PolicyVersionList {
		if v.IsDefaultVersion || v.VersionId == p.DefaultVersionId {
			policy.Document = string(v.Document)
		}
	}
	return policy
}

func (v virtualShape) device() audit.VirtualDevice {
	return audit.VirtualDevice{Serial: v.SerialNumber, OwnerID: v.User.UserId, OwnerARN: v.User.Arn, Enabled: v.EnableDate.Time}
}

func (k keyShape) key() audit.AccessKey {
	return audit.AccessKey{ID: k.AccessKeyId, Active: k.Status == "Active", Created: k.CreateDate.Time}
}
