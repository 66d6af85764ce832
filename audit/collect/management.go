package collect

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"mfawatch/audit"
)

// Belonging is what an organisation told of itself, once for all its accounts.
type Belonging struct {
	Partition         string
	ManagementAccount string
	Features          *audit.Read[audit.OrganizationFeatures]
	NoFeatures        string // why they are not known
}

// Directory lists the accounts of the organisation that the credentials of cfg
// belong to, ordered by id, and reads none of them. Of o it takes Rate and Now.
func Directory(ctx context.Context, cfg aws.Config, o Options) (OrganizationResult, Belonging, error) {
	r := newOrganizationReader(cfg, OrganizationOptions{Options: Options{Rate: o.Rate, Now: o.Now}})
	result, err := r.list(ctx)
	if err != nil {
		return OrganizationResult{}, Belonging{}, err
	}
	r.askFeatures(ctx)
	b := Belonging{Partition: r.partition, ManagementAccount: r.management, NoFeatures: "AWS could not be asked"}
	if r.features != nil {
		b.Features, b.NoFeatures = r.features.answer, r.features.gap.Reason
	}
	return result, b, nil
}

// Management reads members of an organisation one at a time, for a caller that
// has listed them already: the same facts as Organization. It is not safe for
// concurrent use.
type Management struct{ r *organizationReader }

// NewManagement asks what members cannot be asked with the credentials of cfg:
// those of the management account or of a delegated administrator. Of o it takes
// RoleName, ExternalID, SessionName, Rate and Now.
func NewManagement(cfg aws.Config, b Belonging, o OrganizationOptions) *Management {
	o.Options, o.Root = Options{Rate: o.Rate, Now: o.Now}, true
	r := newOrganizationReader(cfg, o)
	r.partition, r.management = b.Partition, b.ManagementAccount
	r.features = &features{answer: b.Features}
	if b.Features == nil {
		r.features.gap = audit.FactOrganization.Gap("", b.NoFeatures)
	}
	return &Management{r}
}

// Session assumes the role in an account. Its credentials renew themselves.
func (m *Management) Session(ctx context.Context, account string) (aws.Config, error) {
	session, err := m.r.assume(ctx, account)
	if err != nil {
		return aws.Config{}, fmt.Errorf("role %s cannot be assumed: %s", m.r.RoleName, reasonOf(ctx, "sts:AssumeRole", err))
	}
	cfg := m.r.cfg.Copy()
	cfg.Credentials = session
	return cfg, nil
}

// Account reads the member that a session is for, then adds what Add does. Its
// error is Account's or Add's, with what was read.
func (m *Management) Account(ctx context.Context, session aws.Config, o Options) (audit.Snapshot, error) {
	o.features, o.clock = m.r.features, m.r.clock
	s, err := Account(ctx, session, o)
	if err != nil {
		return s, err
	}
	s.SCPs, s.Root = nil, audit.RootCredentials{} // of o.Resume: they are asked again, all or none
	err = m.Add(ctx, &s)
	if err != nil && o.Checkpoint != nil {
		if unsaved := o.Checkpoint(s); unsaved != nil {
			return s, unsaved
		}
	}
	return s, err
}

// Add adds to a member's snapshot what the organisation tells of it: its
// features, the service control policies above it, and root's credentials where
// the organisation manages them. What is refused is a Gap; the error is that ctx
// ended.
func (m *Management) Add(ctx context.Context, s *audit.Snapshot) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	member := Member{ID: s.Account, Snapshot: *s}
	m.r.fromOutside(ctx, &member)
	*s = member.Snapshot
	return member.Err
}
