package fakeaws

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// details answers GetAccountAuthorizationDetails: pages over users, groups,
// roles and policies together, each page with the lists it has something of.
func (s *Server) details(q *request) (string, *refusal) {
	a := q.account
	from, to, no := s.page(q, len(a.Users)+len(a.Groups)+len(a.Roles)+len(a.Policies))
	if no != nil {
		return "", no
	}
	w := window{from, to}
	inner := section(&w, "UserDetailList", a.Users, a.userDetail) + section(&w, "GroupDetailList", a.Groups, a.groupDetail) +
		section(&w, "RoleDetailList", a.Roles, a.roleDetail) + section(&w, "Policies", a.Policies, a.policyDetail)
	return wrap("GetAccountAuthorizationDetailsResult", inner+more(to, len(a.Users)+len(a.Groups)+len(a.Roles)+len(a.Policies))), nil
}

// window is what is left of a page.
type window struct{ from, to int }

func section[T any](w *window, name string, items []T, member func(T) string) string {
	from, to := min(w.from, len(items)), min(w.to, len(items))
	w.from, w.to = w.from-from, w.to-len(items)
	if w.to < 0 {
		w.to = 0
	}
	return list(name, items[from:to], member)
}

func (a *Account) userDetail(u *User) string {
	return element("Path", u.Path) + element("UserName", u.Name) + element("UserId", u.ID) + element("Arn", a.ARN(u)) + date("CreateDate", u.Created) +
		inlined("UserPolicyList", u.Inline) + list("GroupList", u.Groups, text) + attached(u.Attached) + boundary(u.Boundary) +
		list("Tags", sorted(u.Tags), func(key string) string { return element("Key", key) + element("Value", u.Tags[key]) })
}

func (a *Account) groupDetail(g *Group) string {
	return element("Path", g.Path) + element("GroupName", g.Name) + element("GroupId", g.ID) + element("Arn", a.arn("group"+g.Path+g.Name)) + date("CreateDate", epoch()) +
		inlined("GroupPolicyList", g.Inline) + attached(g.Attached)
}

// roleDetail leaves the longest session out: this call does not tell it.
func (a *Account) roleDetail(r *Role) string {
	return element("Path", r.Path) + element("RoleName", r.Name) + element("RoleId", r.ID) + element("Arn", a.arn("role"+r.Path+r.Name)) + date("CreateDate", epoch()) +
		element("AssumeRolePolicyDocument", document(r.Trust)) + inlined("RolePolicyList", r.Inline) + attached(r.Attached) + boundary(r.Boundary)
}

func (a *Account) policyDetail(p *Policy) string {
	versions := []string{version("v1", p.Document, true)}
	if p.Superseded != "" {
		versions = []string{version("v1", p.Superseded, false), version("v2", p.Document, true)}
	}
	return element("PolicyName", path.Base(p.ARN)) + element("Arn", p.ARN) + element("Path", "/") + element("DefaultVersionId", "v"+strconv.Itoa(len(versions))) +
		list("PolicyVersionList", versions, func(v string) string { return v })
}

func version(id, text string, isDefault bool) string {
	return element("Document", document(text)) + element("VersionId", id) + element("IsDefaultVersion", strconv.FormatBool(isDefault)) + date("CreateDate", epoch())
}

func inlined(name string, policies map[string]string) string {
	return list(name, sorted(policies), func(name string) string {
		return element("PolicyName", name) + element("PolicyDocument", document(policies[name]))
	})
}

func attached(arns []string) string {
	return list("AttachedManagedPolicies", arns, func(arn string) string {
		return element("PolicyName", path.Base(arn)) + element("PolicyArn", arn)
	})
}

func boundary(arn string) string {
	if arn == "" {
		return ""
	}
	return wrap("PermissionsBoundary", element("PermissionsBoundaryType", "Policy")+element("PermissionsBoundaryArn", arn))
}

func text(s string) string {
	inner := element("x", s)
	return strings.TrimSuffix(strings.TrimPrefix(inner, "<x>"), "</x>")
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
