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
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/audit"
)

// identityCall needs no permission (STS API reference, GetCallerIdentity). It is
// asked only when nothing else names the account, and before facts of an earlier
// snapshot are trusted.
const identityCall = "sts:GetCallerIdentity"

// resumable is how old an interrupted snapshot may be: what it holds and what is
// read now must make one picture, and its credential report is replaced then.
const resumable = 4 * time.Hour

// Account reads the account that the credentials of cfg belong to.
//
// When it cannot read to the end (ctx ended, credentials ran out, AWS is out of
// reach), it returns the error together with what was read; what was not has
// gaps with the reason "interrupted". A snapshot without an account is one that
// nothing was read of.
//
// Root's devices are not asked: only a session of root sees them.
func Account(ctx context.Context, cfg aws.Config, o Options) (audit.Snapshot, error) {
	r := newReader(cfg, o)
	if err := r.begin(ctx); err != nil {
		return audit.Snapshot{}, err
	}
	return r.end(r.read(ctx))
}

// reader reads one account. What it has read so far is in s and gaps; workers
// write there with the lock held.
type reader struct {
	o   Options
	iam *iam.Client
	sts *sts.Client

	mu      sync.Mutex
	s       audit.Snapshot
	gaps    []audit.Gap
	gone    map[string]bool // ids of users who were listed and then were no more
	tasks   []task          // what to ask of single users
	planned bool            // tasks is complete
}

func newReader(cfg aws.Config, o Options) *reader {
	if o.clock == nil {
		o.clock = newClock(o.Now)
	}
	retryer := newRetryer(cmp.Or(o.Rate, DefaultRate))
	cfg = o.clock.heard(cfg)
	r := &reader{
		o: o, gone: map[string]bool{},
		iam: iam.NewFromConfig(cfg, func(c *iam.Options) { c.Region, c.Retryer = cmp.Or(c.Region, globalRegion), retryer }),
		sts: sts.NewFromConfig(cfg, func(c *sts.Options) { c.Region, c.Retryer = cmp.Or(c.Region, globalRegion), retryer }),
	}
	r.s.Schema = audit.SnapshotSchema
	return r
}

// globalRegion signs calls to IAM where no Region is set: IAM is global (IAM
// user guide, endpoints), and in the other partitions a Region has to be named.
const globalRegion = "us-east-1"

func (r *reader) now() time.Time { return r.o.clock.now() }

// begin takes over what an earlier snapshot holds, once it is sure that it is of
// this account and fits what is read now. AWS's first answer tells the time.
func (r *reader) begin(ctx context.Context) error {
	if r.o.Resume == nil && r.o.Since == nil {
		return nil
	}
	account, partition, err := r.identity(ctx)
	if err == nil {
		err = r.fits(account)
	}
	if err != nil {
		return err
	}
	if r.o.Resume != nil {
		r.resume(*r.o.Resume)
	}
	r.s.Account, r.s.Partition = account, partition
	return nil
}

// fits tells why the earlier snapshots do not stand for an account.
func (r *reader) fits(account string) error {
	for _, earlier := range []*audit.Snapshot{r.o.Resume, r.earlier()} {
		if earlier != nil && earlier.Account != account {
			return fmt.Errorf("the earlier snapshot is of account %s, the credentials are of account %s: give the snapshot of this account, or none", earlier.Account, account)
		}
	}
	if r.o.Resume != nil && r.now().Sub(r.o.Resume.TakenAt) > resumable {
		return fmt.Errorf("the interrupted snapshot is of %s, more than %s ago: start again without it", r.o.Resume.TakenAt.UTC().Format(time.RFC3339), audit.Age(resumable))
	}
	if r.o.Since != nil {
		return r.o.Since.covers(account, r.now())
	}
	return nil
}

func (r *reader) earlier() *audit.Snapshot {
	if r.o.Since == nil {
		return nil
	}
	return &r.o.Since.Snapshot
}

// resume keeps the facts; what has a gap is asked again, but for a user who is
// gone. Users is copied: the snapshot stays the caller's.
func (r *reader) resume(s audit.Snapshot) {
	for _, g := range s.Gaps {
		if g.Reason == deletedMeanwhile {
			r.gaps = append(r.gaps, g)
		}
	}
	s.Gaps = nil
	if s.Users != nil {
		s.Users = readAt(s.Users.Call, s.Users.At, slices.Clone(s.Users.Value))
	}
	r.s = s
}

func (r *reader) identity(ctx context.Context) (account, partition string, err error) {
	out, err := r.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		reason, fatal := explain(ctx, identityCall, err)
		if fatal == nil && isDenial(reason) && r.refusedAll() {
			return "", "", errNothingAllowed
		}
		return "", "", unreadable(ctx, identityCall, err)
	}
	partition, _ = home(aws.ToString(out.Arn))
	return aws.ToString(out.Account), partition, nil
}

// read asks for everything: of the account first, so that the report tells of
// whom more has to be asked.
func (r *reader) read(ctx context.Context) error {
	for _, ask := range []func(context.Context) error{
		r.askReport, r.askSummary, r.askOrganization, r.askVirtualDevices, r.askDetails, r.askIdentity, r.askUsers,
	} {
		if err := ask(ctx); err != nil {
			return err
		}
	}
	return nil
}

// askIdentity asks for the account's number where no fact holds it.
func (r *reader) askIdentity(ctx context.Context) error {
	if r.named(); r.s.Account != "" {
		return nil
	}
	account, partition, err := r.identity(ctx)
	if err != nil {
		return err
	}
	r.s.Account, r.s.Partition = account, partition
	return nil
}

// errNothingAllowed is for credentials that are good for no call at all.
var errNothingAllowed = errors.New("no call is allowed to these credentials: see 'mfawatch audit --print-policy'; a service control policy may deny")

// refusedAll tells that AWS denied every question about the account.
func (r *reader) refusedAll() bool {
	denied := func(fact audit.Fact) bool {
		return slices.ContainsFunc(r.gaps, func(g audit.Gap) bool { return g.Fact == fact && isDenial(g.Reason) })
	}
	return denied(audit.FactCredentialReport) && denied(audit.FactAccountSummary) && denied(audit.FactVirtualDevices) && denied(audit.FactUsers)
}

// named finds the account's number in what was read.
func (r *reader) named() {
	for arn := range r.arns() {
		if r.s.Account != "" {
			return
		}
		if partition, account := home(arn); account != "" {
			r.s.Account, r.s.Partition = account, partition
		}
	}
}

// arns are those that tell whose they are: a policy of AWS does not.
func (r *reader) arns() func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if r.s.Report != nil {
			for i := range r.s.Report.Value.Rows {
				if !yield(r.s.Report.Value.Row(i).ARN()) {
					return
				}
			}
		}
		all := slices.Concat(arnsOf(r.s.Users, func(u audit.User) string { return u.ARN }), arnsOf(r.s.Roles, func(x audit.RoleTrust) string { return x.ARN }),
			arnsOf(r.s.Groups, func(g audit.Group) string { return g.ARN }), arnsOf(r.s.Policies, func(p audit.ManagedPolicy) string { return p.ARN }),
			arnsOf(r.s.VirtualDevices, func(v audit.VirtualDevice) string { return v.Serial }))
		for _, arn := range all {
			if !yield(arn) {
				return
			}
		}
	}
}

func arnsOf[T any](list *audit.Read[[]T], arn func(T) string) []string {
	if list == nil {
		return nil
	}
	var all []string
	for _, item := range list.Value {
		all = append(all, arn(item))
	}
	return all
}

// home is the partition and the account of an ARN, empty where it names none.
func home(arn string) (partition, account string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || !isAccount(parts[4]) {
		return "", ""
	}
	return parts[1], parts[4]
}

// end is what Account returns.
func (r *reader) end(err error) (audit.Snapshot, error) {
	s := r.snapshot(err != nil)
	switch {
	case err == nil:
		return s, nil
	case s.Account == "":
		return audit.Snapshot{}, err
	}
	if r.o.Checkpoint != nil {
		if unsaved := r.o.Checkpoint(s); unsaved != nil {
			err = errors.Join(err, unsaved)
		}
	}
	return s, err
}

// snapshot is what was read so far, with gaps for what is still to be asked.
func (r *reader) snapshot(interrupted bool) audit.Snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.named()
	s := r.s
	s.Gaps = slices.Clone(r.gaps)
	if interrupted {
		s.Gaps = append(s.Gaps, r.unasked()...)
	}
	audit.SortStable(s.Gaps, func(a, b audit.Gap) int {
		return cmp.Or(cmp.Compare(a.Fact, b.Fact), cmp.Compare(a.Subject, b.Subject))
	})
	if s.Users != nil {
		left := slices.DeleteFunc(slices.Clone(s.Users.Value), func(u audit.User) bool { return r.gone[u.ID] })
		audit.SortStable(left, func(a, b audit.User) int { return cmp.Compare(a.ARN, b.ARN) }) // some were renamed
		s.Users = readAt(s.Users.Call, s.Users.At, left)
	}
	if s.TakenAt = lastRead(&s); s.TakenAt.IsZero() {
		s.TakenAt = r.now()
	}
	return s
}

// interrupted is the reason of what was not asked any more.
const interrupted = "interrupted"

// unasked are the gaps of what is neither read nor refused.
func (r *reader) unasked() []audit.Gap {
	missing := map[audit.Fact]bool{
		audit.FactCredentialReport: r.s.Report == nil, audit.FactAccountSummary: r.s.Summary == nil, audit.FactOrganization: r.s.Organization == nil,
		audit.FactVirtualDevices: r.s.VirtualDevices == nil, audit.FactUsers: r.s.Users == nil,
		audit.FactGroups: r.s.Groups == nil, audit.FactPolicies: r.s.Policies == nil, audit.FactRoles: r.s.Roles == nil,
		audit.FactTags: !r.detailed(), audit.FactAccess: !r.detailed(),
	}
	for _, fact := range userFacts() {
		missing[fact] = !r.o.Fast && (!r.planned || r.s.Users != nil && r.lacks(fact))
	}
	var gaps []audit.Gap
	for _, fact := range audit.Facts() {
		refused := slices.ContainsFunc(r.gaps, func(g audit.Gap) bool { return g.Fact == fact && g.Subject == "" })
		if missing[fact] && !refused {
			gaps = append(gaps, fact.Gap("", interrupted))
		}
	}
	return gaps
}

// lastRead is when the youngest fact was asked for.
func lastRead(s *audit.Snapshot) time.Time {
	var last time.Time
	see := func(at time.Time) {
		if at.After(last) {
			last = at
		}
	}
	look(s.Report, see)
	look(s.Summary, see)
	look(s.Organization, see)
	look(s.VirtualDevices, see)
	look(s.Users, see)
	look(s.Groups, see)
	look(s.SCPs, see)
	look(s.Root.MFADevices, see)
	if s.Users == nil {
		return last
	}
	for i := range s.Users.Value {
		u := &s.Users.Value[i]
		look(u.MFADevices, see)
		look(u.LoginProfile, see)
		look(u.AccessKeys, see)
		for _, d := range devicesOf(u) {
			look(d.Certifications, see)
		}
	}
	return last
}

func look[T any](r *audit.Read[T], see func(time.Time)) {
	if r != nil {
		see(r.At)
	}
}

func devicesOf(u *audit.User) []audit.MFADevice {
	if u.MFADevices == nil {
		return nil
	}
	return u.MFADevices.Value
}
