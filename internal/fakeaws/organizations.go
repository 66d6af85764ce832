package fakeaws

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Organization is the organisation that every account of the server is in that
// it names as a member.
type Organization struct {
	ID         string // o-exampleorgid
	RootID     string // r-abcd
	Management string // account id
	Delegated  []string
	Features   []string // RootCredentialsManagement, RootSessions
	Members    []Member // the management account among them
	Units      []Unit
	Policies   []SCP
}

// Member is an account as its organisation knows it. Parent is a unit or the
// root; empty is the root.
type Member struct {
	ID, Name, Email, Status, Parent string
}

// Unit is an organisational unit.
type Unit struct{ ID, Name, Parent string }

// SCP is a service control policy and where it is attached.
type SCP struct {
	ID, Name, Document string
	Targets            []string
}

// NewOrganization has one member, the management account.
func NewOrganization(management string) *Organization {
	o := &Organization{ID: "o-exampleorgid", RootID: "r-abcd", Management: management}
	o.Member(management, "management")
	return o
}

// Member adds an active account at the root.
func (o *Organization) Member(id, name string) *Member {
	o.Members = append(o.Members, Member{ID: id, Name: name, Email: name + "@example.com", Status: "ACTIVE"})
	return &o.Members[len(o.Members)-1]
}

func (o *Organization) member(id string) *Member {
	for i := range o.Members {
		if o.Members[i].ID == id {
			return &o.Members[i]
		}
	}
	return nil
}

func (o *Organization) administers(id string) bool {
	return id == o.Management || slices.Contains(o.Delegated, id)
}

func (o *Organization) arn(resource string) string {
	return "arn:aws:organizations::" + o.Management + ":" + resource
}

// organizations answers the calls of the management account and of delegated
// administrators. The lock is held.
func (s *Server) organizations(q *request) (string, *refusal) {
	o := s.Organization
	switch {
	case o == nil || o.member(q.account.ID) == nil:
		return "", refuse(http.StatusBadRequest, "AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	case q.action == "DescribeOrganization":
		return answer("Organization", o.describe()), nil
	case !o.administers(q.account.ID):
		return "", refuse(http.StatusBadRequest, "AccessDeniedException", "You don't have permissions to access this resource.")
	}
	switch q.action {
	case "ListAccounts":
		return listed(s, q, "Accounts", o.Members, o.account)
	case "ListDelegatedAdministrators":
		return listed(s, q, "DelegatedAdministrators", o.Delegated, func(id string) any { return o.account(*o.member(id)) })
	case "ListParents":
		return o.parents(q)
	case "ListPoliciesForTarget":
		return s.policiesFor(q)
	case "DescribePolicy":
		return o.policy(q.text("PolicyId"))
	case "DescribeOrganizationalUnit":
		return o.unit(q.text("OrganizationalUnitId"))
	case "ListRoots":
		return listed(s, q, "Roots", []string{o.RootID}, func(id string) any {
			return map[string]any{"Id": id, "Arn": o.arn("root/" + o.ID + "/" + id), "Name": "Root"}
		})
	}
	return "", refuse(http.StatusBadRequest, "UnknownOperationException", "%s has no stand-in", q.action)
}

func (q *request) text(field string) string {
	s, _ := q.body[field].(string)
	return s
}

func answer(name string, v any) string {
	text, _ := json.Marshal(map[string]any{name: v}) // maps, strings and numbers only
	return string(text)
}

func (o *Organization) describe() any {
	return map[string]any{
		"Id": o.ID, "Arn": o.arn("organization/" + o.ID), "FeatureSet": "ALL", "MasterAccountId": o.Management,
		"MasterAccountArn": o.arn("account/" + o.ID + "/" + o.Management), "MasterAccountEmail": o.member(o.Management).Email,
	}
}

// account writes Status, which AWS retires for State, and both where they agree
// (Organizations API reference, Account).
func (o *Organization) account(m Member) any {
	return map[string]any{
		"Id": m.ID, "Arn": o.arn("account/" + o.ID + "/" + m.ID), "Name": m.Name, "Email": m.Email, "Status": m.Status, "State": m.Status,
		"JoinedMethod": "CREATED", "JoinedTimestamp": float64(epoch().UnixNano()) / float64(time.Second),
	}
}

// listed answers one page; a page may be empty and have a NextToken all the
// same (Organizations API reference), so MaxResults is held to, no more.
func listed[T any](s *Server, q *request, name string, items []T, member func(T) any) (string, *refusal) {
	size := 20
	if n, given := q.body["MaxResults"].(float64); given {
		size = int(n)
	}
	if size < 1 || size > 20 {
		return "", refuse(http.StatusBadRequest, "InvalidInputException", "MaxResults must be between 1 and 20")
	}
	if s.PageSize > 0 {
		size = min(size, s.PageSize)
	}
	from, err := strconv.Atoi("0" + q.text("NextToken"))
	if err != nil || from > len(items) {
		return "", refuse(http.StatusBadRequest, "InvalidInputException", "NextToken")
	}
	to := min(from+size, len(items))
	page := []any{}
	for _, item := range items[from:to] {
		page = append(page, member(item))
	}
	body := map[string]any{name: page}
	if to < len(items) {
		body["NextToken"] = strconv.Itoa(to)
	}
	text, _ := json.Marshal(body)
	return string(text), nil
}

// parents names the one parent of an account or unit.
func (o *Organization) parents(q *request) (string, *refusal) {
	child := q.text("ChildId")
	parent, known := "", false
	if m := o.member(child); m != nil {
		parent, known = m.Parent, true
	}
	for _, u := range o.Units {
		if u.ID == child {
			parent, known = u.Parent, true
		}
	}
	if !known {
		return "", refuse(http.StatusBadRequest, "ChildNotFoundException", "%s", child)
	}
	if parent == "" {
		parent = o.RootID
	}
	sort := "ORGANIZATIONAL_UNIT"
	if strings.HasPrefix(parent, "r-") {
		sort = "ROOT"
	}
	return answer("Parents", []any{map[string]any{"Id": parent, "Type": sort}}), nil
}

func (s *Server) policiesFor(q *request) (string, *refusal) {
	if filter := q.text("Filter"); filter != "SERVICE_CONTROL_POLICY" {
		return "", refuse(http.StatusBadRequest, "InvalidInputException", "Filter %q", filter)
	}
	var at []SCP
	for _, p := range s.Organization.Policies {
		if slices.Contains(p.Targets, q.text("TargetId")) {
			at = append(at, p)
		}
	}
	return listed(s, q, "Policies", at, func(p SCP) any { return p.summary() })
}

func (p SCP) summary() map[string]any {
	return map[string]any{"Id": p.ID, "Name": p.Name, "Type": "SERVICE_CONTROL_POLICY", "AwsManaged": p.ID == "p-FullAWSAccess"}
}

func (o *Organization) policy(id string) (string, *refusal) {
	for _, p := range o.Policies {
		if p.ID == id {
			return answer("Policy", map[string]any{"PolicySummary": p.summary(), "Content": p.Document}), nil
		}
	}
	return "", refuse(http.StatusBadRequest, "PolicyNotFoundException", "%s", id)
}

func (o *Organization) unit(id string) (string, *refusal) {
	for _, u := range o.Units {
		if u.ID == id {
			return answer("OrganizationalUnit", map[string]any{"Id": u.ID, "Name": u.Name, "Arn": o.arn("ou/" + o.ID + "/" + u.ID)}), nil
		}
	}
	return "", refuse(http.StatusBadRequest, "OrganizationalUnitNotFoundException", "%s", id)
}
