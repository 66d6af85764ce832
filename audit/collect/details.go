package collect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"mfawatch/audit"
)

func (r *reader) askSummary(ctx context.Context) error {
	return ask(ctx, r, audit.FactAccountSummary, &r.s.Summary, func(ctx context.Context) (map[string]int, error) {
		out, err := r.iam.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
		if err != nil {
			return nil, err
		}
		summary := map[string]int{}
		for key, n := range out.SummaryMap {
			summary[key] = int(n)
		}
		return summary, nil
	})
}

// onlyOrganizations is why a member account has no answer of its own.
const onlyOrganizations = "only the management account and a delegated administrator may ask"

// features is the answer of ListOrganizationsFeatures, or why there is none. A
// member account may not ask: its organisation did.
type features struct {
	answer *audit.Read[audit.OrganizationFeatures]
	gap    audit.Gap
}

// askOrganization: that there is no organisation is a fact. Members may not ask
// what their organisation has switched on.
func (r *reader) askOrganization(ctx context.Context) error {
	if known := r.o.features; known != nil {
		if r.s.Organization = known.answer; known.answer == nil {
			r.gaps = append(r.gaps, known.gap)
		}
		return nil
	}
	return ask(ctx, r, audit.FactOrganization, &r.s.Organization, func(ctx context.Context) (audit.OrganizationFeatures, error) {
		return organizationFeatures(ctx, r.iam)
	})
}

func organizationFeatures(ctx context.Context, c *iam.Client) (audit.OrganizationFeatures, error) {
	features := audit.OrganizationFeatures{Enabled: []string{}}
	out, err := c.ListOrganizationsFeatures(ctx, &iam.ListOrganizationsFeaturesInput{})
	switch {
	case isCode(err, "OrganizationNotFound"):
		return features, nil
	case isCode(err, "AccountNotManagementOrDelegatedAdministrator"):
		return features, plainReason(onlyOrganizations)
	case err != nil:
		return features, err
	}
	features.OrganizationID = aws.ToString(out.OrganizationId)
	for _, f := range out.EnabledFeatures {
		features.Enabled = append(features.Enabled, string(f))
	}
	slices.Sort(features.Enabled)
	return features, nil
}

func (r *reader) askVirtualDevices(ctx context.Context) error {
	return ask(ctx, r, audit.FactVirtualDevices, &r.s.VirtualDevices, func(ctx context.Context) ([]audit.VirtualDevice, error) {
		all := []audit.VirtualDevice{}
		err := everyPage(func(marker *string) (bool, *string, error) {
			out, err := r.iam.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesInput{MaxItems: aws.Int32(pageSize), Marker: marker})
			if err != nil {
				return false, nil, err
			}
			for _, d := range out.VirtualMFADevices {
				all = append(all, virtualDevice(d))
			}
			return out.IsTruncated, out.Marker, nil
		})
		return inOrder(all, func(d audit.VirtualDevice) string { return d.Serial }), err
	})
}

func virtualDevice(d types.VirtualMFADevice) audit.VirtualDevice {
	v := audit.VirtualDevice{Serial: aws.ToString(d.SerialNumber), Enabled: aws.ToTime(d.EnableDate).UTC()}
	if d.User != nil {
		v.OwnerID, v.OwnerARN = aws.ToString(d.User.UserId), aws.ToString(d.User.Arn)
	}
	return v
}

// inOrder sorts a list by a key and drops what two pages both held: the same
// account gives the same bytes, however AWS cut the list.
func inOrder[T any](list []T, key func(T) string) []T {
	audit.SortStable(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	return slices.CompactFunc(list, func(a, b T) bool { return key(a) == key(b) })
}

// everyone is what the authorization details hold.
type everyone struct {
	users    []audit.User
	groups   []audit.Group
	policies []audit.ManagedPolicy
	roles    []audit.RoleTrust
}

// detailed tells that the users are from the authorization details.
func (r *reader) detailed() bool { return r.s.Users != nil && r.s.Users.Call == detailsCall }

// askDetails reads users, groups, roles and policies. Where that is refused, the
// list of users still tells whom there is.
func (r *reader) askDetails(ctx context.Context) error {
	if r.detailed() && r.s.Groups != nil && r.s.Policies != nil && r.s.Roles != nil {
		return nil
	}
	at := r.now()
	all, err := r.details(ctx)
	if err == nil {
		r.s.Users = readAt(detailsCall, at, r.carried(inOrder(all.users, func(u audit.User) string { return u.ARN })))
		r.s.Groups = readAt(detailsCall, at, inOrder(all.groups, func(g audit.Group) string { return g.Name }))
		r.s.Policies = readAt(detailsCall, at, inOrder(all.policies, func(p audit.ManagedPolicy) string { return p.ARN }))
		r.s.Roles = readAt(detailsCall, at, inOrder(all.roles, func(x audit.RoleTrust) string { return x.ARN }))
		r.dateUsers(at)
		return nil
	}
	refused := []audit.Gap{
		audit.FactTags.Gap("", ""), audit.FactAccess.Gap("", ""), audit.FactGroups.Gap("", ""), audit.FactPolicies.Gap("", ""), audit.FactRoles.Gap("", ""),
	}
	if err := r.refused(ctx, err, refused...); err != nil || r.s.Users != nil {
		return err
	}
	return r.askList(ctx)
}

// carried keeps what was read of each user before the details could be.
func (r *reader) carried(users []audit.User) []audit.User {
	if r.s.Users == nil {
		return users
	}
	before := map[string]audit.User{}
	for _, u := range r.s.Users.Value {
		before[u.ID] = u
	}
	for i, u := range users {
		old := before[u.ID]
		users[i].LoginProfile, users[i].MFADevices, users[i].AccessKeys = old.LoginProfile, old.MFADevices, old.AccessKeys
	}
	return users
}

// dateUsers sets the time of what the details told of each user.
func (r *reader) dateUsers(at time.Time) {
	for i := range r.s.Users.Value {
		r.s.Users.Value[i].Tags.At, r.s.Users.Value[i].Access.At = at, at
	}
}

func (r *reader) askList(ctx context.Context) error {
	at := r.now()
	users, err := r.listUsers(ctx)
	if err != nil {
		return r.refused(ctx, err, audit.Gap{Fact: audit.FactUsers, Action: usersCall})
	}
	r.s.Users = readAt(usersCall, at, inOrder(users, func(u audit.User) string { return u.ARN }))
	return nil
}

func (r *reader) listUsers(ctx context.Context) ([]audit.User, error) {
	users := []audit.User{}
	err := everyPage(func(marker *string) (bool, *string, error) {
		out, err := r.iam.ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return false, nil, err
		}
		for _, u := range out.Users {
			users = append(users, audit.User{
				ID: aws.ToString(u.UserId), Name: aws.ToString(u.UserName), ARN: aws.ToString(u.Arn), Path: aws.ToString(u.Path), Created: aws.ToTime(u.CreateDate).UTC(),
			})
		}
		return out.IsTruncated, out.Marker, nil
	})
	return users, err
}

// details asks without a filter: the managed policies are the customer's and
// those of AWS that are attached.
func (r *reader) details(ctx context.Context) (everyone, error) {
	all := everyone{[]audit.User{}, []audit.Group{}, []audit.ManagedPolicy{}, []audit.RoleTrust{}}
	err := everyPage(func(marker *string) (bool, *string, error) {
		out, err := r.iam.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return false, nil, err
		}
		all.add(out)
		return out.IsTruncated, out.Marker, nil
	})
	return all, err
}

func (all *everyone) add(out *iam.GetAccountAuthorizationDetailsOutput) {
	for _, u := range out.UserDetailList {
		all.users = append(all.users, userOf(u))
	}
	for _, g := range out.GroupDetailList {
		all.groups = append(all.groups, audit.Group{
			ID: aws.ToString(g.GroupId), Name: aws.ToString(g.GroupName), ARN: aws.ToString(g.Arn),
			Attached: attachedARNs(g.AttachedManagedPolicies), Inline: inlinePolicies(g.GroupPolicyList),
		})
	}
	for _, x := range out.RoleDetailList {
		all.roles = append(all.roles, audit.RoleTrust{
			ID: aws.ToString(x.RoleId), Name: aws.ToString(x.RoleName), ARN: aws.ToString(x.Arn), Trust: policyDocument(x.AssumeRolePolicyDocument),
			Attached: attachedARNs(x.AttachedManagedPolicies), Inline: inlinePolicies(x.RolePolicyList), Boundary: boundaryARN(x.PermissionsBoundary),
		})
	}
	for _, p := range out.Policies {
		all.policies = append(all.policies, audit.ManagedPolicy{ARN: aws.ToString(p.Arn), Document: defaultVersion(p)})
	}
}

func userOf(u types.UserDetail) audit.User {
	tags := map[string]string{}
	for _, t := range u.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	groups := append([]string{}, u.GroupList...)
	slices.Sort(groups)
	return audit.User{
		ID: aws.ToString(u.UserId), Name: aws.ToString(u.UserName), ARN: aws.ToString(u.Arn), Path: aws.ToString(u.Path), Created: aws.ToTime(u.CreateDate).UTC(),
		Tags: &audit.Read[map[string]string]{Call: detailsCall, Value: tags},
		Access: &audit.Read[audit.Access]{Call: detailsCall, Value: audit.Access{
			Groups: groups, Attached: attachedARNs(u.AttachedManagedPolicies), Inline: inlinePolicies(u.UserPolicyList), Boundary: boundaryARN(u.PermissionsBoundary),
		}},
	}
}

func attachedARNs(all []types.AttachedPolicy) []string {
	arns := []string{}
	for _, p := range all {
		arns = append(arns, aws.ToString(p.PolicyArn))
	}
	slices.Sort(arns)
	return arns
}

func inlinePolicies(all []types.PolicyDetail) []audit.InlinePolicy {
	policies := []audit.InlinePolicy{}
	for _, p := range all {
		policies = append(policies, audit.InlinePolicy{Name: aws.ToString(p.PolicyName), Document: policyDocument(p.PolicyDocument)})
	}
	return inOrder(policies, func(p audit.InlinePolicy) string { return p.Name })
}

func boundaryARN(b *types.AttachedPermissionsBoundary) string {
	if b == nil {
		return ""
	}
	return aws.ToString(b.PermissionsBoundaryArn)
}

func defaultVersion(p types.ManagedPolicyDetail) string {
	for _, v := range p.PolicyVersionList {
		if v.IsDefaultVersion || aws.ToString(v.VersionId) == aws.ToString(p.DefaultVersionId) {
			return policyDocument(v.Document)
		}
	}
	return ""
}

// policyDocument is the JSON of a policy, which AWS sends URL-encoded after RFC
// 3986 (IAM API reference, GetAccountAuthorizationDetails), without white space:
// so an export of the CLI, which prints it anew, gives the same. Some stand-ins do
// not encode it.
func policyDocument(sent *string) string {
	text := aws.ToString(sent)
	if decoded, err := url.PathUnescape(text); err == nil && !strings.HasPrefix(strings.TrimSpace(text), "{") {
		text = decoded
	}
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(text)) == nil {
		return compact.String()
	}
	return text
}
