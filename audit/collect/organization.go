package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/audit"
)

// OrganizationOptions are how an organisation's accounts are read. Resume,
// Since and Checkpoint of Options are for one account and not used.
type OrganizationOptions struct {
	Options
	// RoleName is the role that is assumed in each account but the caller's own,
	// with its path where it has one.
	RoleName string
	// ExternalID is sent along where the roles ask for one.
	ExternalID string
	// SessionName is what the accounts' CloudTrail calls the sessions; empty is
	// DefaultSessionName.
	SessionName string
	// Accounts are the accounts to read; none named: all.
	Accounts []string
	// Concurrency is how many accounts are read at once; 0 is DefaultConcurrency.
	Concurrency int
	// Save is given each snapshot of this run that is complete. It is called by
	// one account at a time. An error ends the run.
	Save func(audit.Snapshot) error
	// Load returns the snapshot of an account that Save was given before, nil
	// where there is none or where it is not Reusable. Such an account is not read
	// again, unless the snapshot is of another, or was read without Root and this
	// run asks for it.
	Load func(account string) *audit.Snapshot
	// Progress is told after each account how many are done, and of how many.
	Progress func(done, total int, account string)
	// Root asks for root's credentials with sts:AssumeRoot, where the
	// organisation has RootCredentialsManagement on.
	Root bool
}

// DefaultSessionName and DefaultConcurrency stand in for what options do not say.
const (
	DefaultSessionName = "mfawatch"
	DefaultConcurrency = 4
)

// OrganizationResult is what was read of an organisation.
type OrganizationResult struct {
	ID                string
	ManagementAccount string
	Members           []Member // every account, ordered by id
}

// Member is an account of an organisation. With Skipped nothing was read of it.
// With Err its snapshot says in Gaps what could not be read.
type Member struct {
	ID       string
	Name     string
	Status   string // ACTIVE, SUSPENDED, PENDING_CLOSURE, …
	Snapshot audit.Snapshot
	Skipped  string // why nothing was read: the status, "not asked" or "interrupted"
	Err      error
}

// notAsked is why a member was not read that the options do not name.
const notAsked = "not asked"

// Organization reads the accounts of the organisation that the credentials of
// cfg belong to: of the management account, or of a delegated administrator.
//
// An account that cannot be read is a member with Err and Gaps and stops no
// other. When ctx ends, or the caller's own credentials do, the members read so
// far are returned with the error, and were given to Save; the others are skipped
// as interrupted.
func Organization(ctx context.Context, cfg aws.Config, o OrganizationOptions) (OrganizationResult, error) {
	r := newOrganizationReader(cfg, o)
	result, err := r.list(ctx)
	if err != nil {
		return OrganizationResult{}, err
	}
	asked, err := r.choose(result.Members)
	if err != nil {
		return OrganizationResult{}, err
	}
	r.askFeatures(ctx)
	return result, r.readAll(ctx, result.Members, asked)
}

// organizationReader reads with the caller's own credentials what concerns all
// accounts, and assumes its role in each.
type organizationReader struct {
	OrganizationOptions
	cfg           aws.Config
	organizations *organizations.Client
	sts           *sts.Client
	iam           *iam.Client

	own, partition, management string
	features                   *features
	scps                       *scpReader

	mu   sync.Mutex // over Save, Progress and done
	done int
}

func newOrganizationReader(cfg aws.Config, o OrganizationOptions) *organizationReader {
	// STS answers AssumeRoot at the endpoints of Regions only (STS API reference).
	if cfg.Region == "" || cfg.Region == "aws-global" {
		cfg.Region = "us-east-1"
	}
	o.clock = newClock(o.Now)
	o.SessionName = cmp.Or(o.SessionName, DefaultSessionName)
	o.Resume, o.Since, o.Checkpoint, o.Options.Progress = nil, nil, nil, nil
	shared, patient := newRetryer(cmp.Or(o.Rate, DefaultRate)), o.clock.heard(cfg)
	patient.Retryer = func() aws.Retryer { return shared }
	r := &organizationReader{
		OrganizationOptions: o, cfg: cfg,
		organizations: organizations.NewFromConfig(patient), sts: sts.NewFromConfig(patient), iam: iam.NewFromConfig(patient),
	}
	r.scps = newSCPReader(organizationsAPI{r.organizations}, r.now)
	return r
}

func (r *organizationReader) now() time.Time { return r.clock.now() }

// list asks who the caller is and which accounts there are.
func (r *organizationReader) list(ctx context.Context) (OrganizationResult, error) {
	caller, err := r.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return OrganizationResult{}, unreadable(ctx, identityCall, err)
	}
	r.own = aws.ToString(caller.Account)
	r.partition, _ = home(aws.ToString(caller.Arn))
	described, err := r.organizations.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	if err != nil {
		return OrganizationResult{}, r.advice(ctx, "organizations:DescribeOrganization", err)
	}
	org := described.Organization
	if org == nil {
		return OrganizationResult{}, errors.New("organizations:DescribeOrganization: the answer is empty")
	}
	r.management = aws.ToString(org.MasterAccountId)
	members, err := r.members(ctx)
	return OrganizationResult{ID: aws.ToString(org.Id), ManagementAccount: r.management, Members: members}, err
}

// advice says what to do about an organisation that does not answer.
func (r *organizationReader) advice(ctx context.Context, action string, err error) error {
	reason, fatal := explain(ctx, action, err)
	switch {
	case fatal != nil:
		return fatal
	case isCode(err, "AWSOrganizationsNotInUse"):
		return fmt.Errorf("account %s is in no organisation: audit it alone", r.own)
	case strings.HasPrefix(reason, "AccessDenied"):
		return fmt.Errorf("account %s may not call %s: use the management account or a delegated administrator, and allow it", r.own, action)
	}
	return fmt.Errorf("%s: %s", action, reason)
}

// members lists the accounts. An e-mail address is personal and not kept.
func (r *organizationReader) members(ctx context.Context) ([]Member, error) {
	var all []Member
	pages := organizations.NewListAccountsPaginator(r.organizations, &organizations.ListAccountsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, r.advice(ctx, "organizations:ListAccounts", err)
		}
		for _, a := range page.Accounts {
			all = append(all, Member{ID: aws.ToString(a.Id), Name: aws.ToString(a.Name), Status: status(a)})
		}
	}
	audit.SortStable(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b Member) bool { return a.ID == b.ID }), nil
}

// status prefers State, which stands in for the retired Status (Organizations
// API reference, Account).
func status(a types.Account) string {
	if a.State != "" {
		return string(a.State)
	}
	return string(a.Status)
}

// choose marks what is skipped and returns the indexes of the others.
func (r *organizationReader) choose(members []Member) ([]int, error) {
	for _, id := range r.Accounts {
		if !slices.ContainsFunc(members, func(m Member) bool { return m.ID == id }) {
			return nil, fmt.Errorf("account %s is not in the organisation", id)
		}
	}
	var asked []int
	for i := range members {
		m := &members[i]
		switch {
		case len(r.Accounts) > 0 && !slices.Contains(r.Accounts, m.ID):
			m.Skipped = notAsked
		case m.Status != string(types.AccountStateActive):
			m.Skipped = m.Status
		case r.RoleName == "" && m.ID != r.own:
			return nil, errors.New("no role is named to assume in the accounts: give --role")
		default:
			asked = append(asked, i)
		}
	}
	return asked, nil
}

// askFeatures asks once what members may not ask.
func (r *organizationReader) askFeatures(ctx context.Context) {
	at := r.now()
	answer, err := organizationFeatures(ctx, r.iam)
	if err == nil {
		r.features = &features{answer: readAt(featuresCall, at, answer)}
		return
	}
	reason, fatal := explain(ctx, featuresCall, err)
	if fatal != nil {
		return // the accounts' own calls will say so
	}
	r.features = &features{gap: audit.FactOrganization.Gap("", reason)}
}

// readAll reads the asked members, a few at once, until the first error that
// concerns all of them.
func (r *organizationReader) readAll(ctx context.Context, members []Member, asked []int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	queue := make(chan int)
	var workers sync.WaitGroup
	for range min(cmp.Or(max(r.Concurrency, 0), DefaultConcurrency), len(asked)) {
		workers.Go(func() {
			for i := range queue {
				if err := r.one(ctx, &members[i], len(asked)); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, i := range asked {
		members[i].Skipped = interrupted
	}
	for _, i := range asked {
		select {
		case queue <- i:
		case <-ctx.Done():
		}
	}
	close(queue)
	workers.Wait()
	if err := context.Cause(ctx); err != nil && err == ctx.Err() {
		return fmt.Errorf("interrupted after %d of %d accounts: %w", r.done, len(asked), err)
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("%w; %s", err, r.kept(len(asked)))
	}
	return nil
}

// kept says what is left of a run that ended early.
func (r *organizationReader) kept(total int) string {
	if r.Save == nil {
		return fmt.Sprintf("%d of %d accounts were read: with --snapshots a run can go on where it ended", r.done, total)
	}
	return fmt.Sprintf("%d of %d accounts were read and are kept: run again to go on with the others", r.done, total)
}

// one reads a member and hands it over. Its error concerns all members.
func (r *organizationReader) one(ctx context.Context, m *Member, total int) error {
	if ctx.Err() != nil {
		return nil
	}
	loaded := r.load(m)
	if !loaded {
		if err := r.read(ctx, m); err != nil {
			return err
		}
	}
	if m.Snapshot.Account == "" { // interrupted before anything was read
		return nil
	}
	m.Skipped = ""
	if m.Err != nil && ctx.Err() != nil {
		return nil
	}
	return r.handOver(m, total, !loaded && m.Err == nil)
}

func (r *organizationReader) handOver(m *Member, total int, save bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if save && r.Save != nil {
		if err := r.Save(m.Snapshot); err != nil {
			return fmt.Errorf("save account %s: %w", m.ID, err)
		}
	}
	r.done++
	if r.Progress != nil {
		r.Progress(r.done, total, m.ID)
	}
	return nil
}

// load takes what an earlier run saved.
func (r *organizationReader) load(m *Member) bool {
	if r.Load == nil {
		return false
	}
	s := r.Load(m.ID)
	if s == nil || s.Account != m.ID || r.Root && !askedRoot(s) {
		return false
	}
	m.Snapshot = *s
	return true
}

// askedRoot tells that root's credentials were read, or a reason was given why
// not.
func askedRoot(s *audit.Snapshot) bool {
	return s.Root.MFADevices != nil || slices.ContainsFunc(s.Gaps, func(g audit.Gap) bool { return g.Fact == audit.FactRootMFADevices })
}
