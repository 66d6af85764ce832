package collect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"mfawatch/audit"
)

// read reads one member. What fails for it alone is its Err and its Gaps; the
// error it returns concerns all members.
func (r *organizationReader) read(ctx context.Context, m *Member) error {
	cfg := r.cfg.Copy()
	if m.ID != r.own {
		session, err := r.assume(ctx, m.ID)
		if err != nil {
			return r.shut(ctx, m, err)
		}
		cfg.Credentials = session
	}
	o := r.Options
	o.features = r.features
	s, err := Account(ctx, cfg, o)
	switch {
	case s.Account != m.ID && s.Account != "":
		err = fmt.Errorf("its session reads account %s: check the endpoint", s.Account)
		s = r.unread(m.ID, err.Error())
	case s.Account == "" && ctx.Err() == nil:
		s = r.unread(m.ID, err.Error())
	}
	m.Snapshot = s
	if err != nil {
		m.Err = fmt.Errorf("account %s: %w", m.ID, err)
	}
	r.fromOutside(ctx, m)
	return nil
}

// shut is an account whose role was refused. When the caller's own credentials
// or the network are the reason, no other account can be read either.
func (r *organizationReader) shut(ctx context.Context, m *Member, err error) error {
	reason, fatal := explain(ctx, "sts:AssumeRole", err)
	switch {
	case ctx.Err() != nil:
		return nil
	case fatal != nil:
		return fatal
	}
	why := fmt.Sprintf("role %s cannot be assumed: %s%s", r.role(m.ID), reason, r.advise(reason))
	m.Err = fmt.Errorf("account %s: %s", m.ID, why)
	m.Snapshot = r.unread(m.ID, why)
	r.fromOutside(ctx, m)
	return nil
}

// advise says what to look at when a role was denied. AWS does not tell a role
// that is not there from one that does not trust the caller, or asks for another
// external id (IAM user guide, troubleshoot IAM roles). The id itself is not
// repeated.
func (r *organizationReader) advise(reason string) string {
	switch {
	case !isDenial(reason):
		return ""
	case r.ExternalID == "":
		return " (no external id was sent): check its trust policy; if that asks for an external id, give --external-id"
	}
	return " (an external id was sent): check its trust policy, and --external-id"
}

// role is the ARN of the role to assume in an account.
func (r *organizationReader) role(account string) string {
	return "arn:" + r.partition + ":iam::" + account + ":role/" + strings.TrimPrefix(r.RoleName, "/")
}

// assume gives credentials that renew themselves: reading may take longer than
// a session lasts. The first are asked for here, so that a refusal is told from
// one of a call, and because the SDK's cache asks on when ctx has ended.
func (r *organizationReader) assume(ctx context.Context, id string) (aws.CredentialsProvider, error) {
	provider := stscreds.NewAssumeRoleProvider(r.sts, r.role(id), func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = r.SessionName
		if r.ExternalID != "" {
			o.ExternalID = aws.String(r.ExternalID)
		}
	})
	first, err := provider.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	return aws.NewCredentialsCache(&renewed{first: &first, provider: provider}), nil
}

// renewed gives the first credentials once and new ones from then on. The cache
// asks it one at a time.
type renewed struct {
	first    *aws.Credentials
	provider aws.CredentialsProvider
}

func (r *renewed) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if first := r.first; first != nil {
		r.first = nil
		return *first, nil
	}
	return r.provider.Retrieve(ctx)
}

// unread is an account of which nothing could be read: every fact is a Gap.
func (r *organizationReader) unread(id, reason string) audit.Snapshot {
	s := audit.Snapshot{Schema: audit.SnapshotSchema, Account: id, Partition: r.partition, TakenAt: r.now()}
	for _, fact := range audit.Facts() {
		s.Gaps = append(s.Gaps, audit.Gap{Fact: fact, Action: "sts:AssumeRole", Reason: reason})
	}
	return s
}

// fromOutside adds what the caller's own credentials can tell of an account. A
// snapshot that ctx cut off there is not complete.
func (r *organizationReader) fromOutside(ctx context.Context, m *Member) {
	s := &m.Snapshot
	if ctx.Err() != nil {
		return
	}
	if r.features != nil && r.features.answer != nil {
		s.Organization = r.features.answer
		r.known(s, audit.FactOrganization)
	}
	r.askSCPs(ctx, s)
	r.addRoot(ctx, s)
	audit.SortStable(s.Gaps, func(a, b audit.Gap) int {
		return cmp.Or(cmp.Compare(a.Fact, b.Fact), cmp.Compare(a.Subject, b.Subject))
	})
	if ctx.Err() != nil && m.Err == nil {
		m.Err = fmt.Errorf("account %s: %w", m.ID, ctx.Err())
	}
}

// askSCPs: no SCP restricts the management account (Organizations user guide,
// SCPs).
func (r *organizationReader) askSCPs(ctx context.Context, s *audit.Snapshot) {
	if s.Account == r.management {
		s.SCPs = readAt("organizations:DescribeOrganization", r.now(), []audit.SCP{})
		r.known(s, audit.FactSCPs)
		return
	}
	scps, action, err := r.scps.of(ctx, s.Account)
	if err != nil {
		r.missing(s, audit.FactSCPs, "", action, reasonOf(ctx, action, err))
		return
	}
	s.SCPs = scps
	r.known(s, audit.FactSCPs)
}

// known removes the Gaps of a fact that was read, and lets the snapshot end with
// it.
func (r *organizationReader) known(s *audit.Snapshot, fact audit.Fact) {
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == fact && g.Subject == "" })
	if now := r.now(); now.After(s.TakenAt) {
		s.TakenAt = now
	}
}

// missing replaces the Gap of a fact.
func (r *organizationReader) missing(s *audit.Snapshot, fact audit.Fact, subject, action, reason string) {
	s.Gaps = slices.DeleteFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == fact && g.Subject == subject })
	s.Gaps = append(s.Gaps, audit.Gap{Fact: fact, Subject: subject, Action: action, Reason: reason})
}

// reasonOf words an error for a Gap.
func reasonOf(ctx context.Context, action string, err error) string {
	reason, fatal := explain(ctx, action, err)
	if fatal != nil {
		return fatal.Error()
	}
	return reason
}
