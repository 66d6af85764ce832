package collect

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"mfawatch/audit"
)

// rootSeconds is the longest session of AssumeRoot (STS API reference).
const rootSeconds = 900

// factsOfRoot are those that only a session of root sees.
var factsOfRoot = []audit.Fact{audit.FactRootMFADevices, audit.FactRootLoginProfile, audit.FactRootAccessKeys}

// Why root's credentials are not read, or not all of them.
const (
	onlyMembersRoot   = "sts:AssumeRoot takes member accounts only"
	rootManagementOff = "RootCredentialsManagement is off"
	notInTask         = "the audit task policy of sts:AssumeRoot leaves it out"
)

// addRoot reads root's credentials where it may, and says why where not.
func (r *organizationReader) addRoot(ctx context.Context, s *audit.Snapshot) {
	why := ""
	switch {
	case !r.Root:
		return
	case s.Account == r.management:
		why = onlyMembersRoot
	case r.features == nil || r.features.answer == nil:
		why = "whether RootCredentialsManagement is on is not known"
	case !slices.Contains(r.features.answer.Value.Enabled, "RootCredentialsManagement"):
		why = rootManagementOff
	default:
		r.askRoot(ctx, s)
		return
	}
	for _, fact := range factsOfRoot {
		r.missing(s, fact, "", "sts:AssumeRoot", why)
	}
}

// askRoot reads a member's root credentials in a session of AssumeRoot with the
// audit task policy (IAM user guide, id_root-user-privileged-task).
func (r *organizationReader) askRoot(ctx context.Context, s *audit.Snapshot) {
	client, err := r.rootSession(ctx, s.Account)
	if err != nil {
		reason := reasonOf(ctx, "sts:AssumeRoot", err)
		for _, fact := range factsOfRoot {
			r.missing(s, fact, "", "sts:AssumeRoot", reason)
		}
		return
	}
	devices, err := rootDevices(ctx, client)
	s.Root.MFADevices = rootFact(ctx, r, s, audit.FactRootMFADevices, devicesCall, devices, err)
	profile, err := rootProfile(ctx, client)
	s.Root.LoginProfile = rootFact(ctx, r, s, audit.FactRootLoginProfile, profileCall, profile, err)
	keys, err := rootKeys(ctx, client)
	s.Root.AccessKeys = rootFact(ctx, r, s, audit.FactRootAccessKeys, keysCall, keys, err)
	for _, d := range devices {
		if d.Kind() == audit.FIDOFactor {
			r.missing(s, audit.FactCertifications, d.Serial, deviceCall, notInTask)
		}
	}
}

// rootFact is what the session answered, or a Gap.
func rootFact[T any](ctx context.Context, r *organizationReader, s *audit.Snapshot, fact audit.Fact, call string, value T, err error) *audit.Read[T] {
	if err != nil {
		r.missing(s, fact, "", call, reasonOf(ctx, call, err)+" in a session of sts:AssumeRoot")
		return nil
	}
	r.known(s, fact)
	return readAt(call, r.now(), value)
}

func (r *organizationReader) rootSession(ctx context.Context, account string) (*iam.Client, error) {
	answer, err := r.sts.AssumeRoot(ctx, &sts.AssumeRootInput{
		TargetPrincipal: aws.String(account), DurationSeconds: aws.Int32(rootSeconds),
		TaskPolicyArn: &ststypes.PolicyDescriptorType{Arn: aws.String("arn:" + r.partition + ":iam::" + auditTask)},
	})
	if err != nil {
		return nil, err
	}
	c := answer.Credentials
	if c == nil {
		return nil, errors.New("the answer has no credentials")
	}
	cfg := r.cfg.Copy()
	cfg.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(c.AccessKeyId), aws.ToString(c.SecretAccessKey), aws.ToString(c.SessionToken))
	cfg.Retryer = func() aws.Retryer { return newRetryer(cmp.Or(r.Rate, DefaultRate)) }
	return iam.NewFromConfig(r.clock.heard(cfg)), nil
}

func rootDevices(ctx context.Context, client *iam.Client) ([]audit.MFADevice, error) {
	all := []audit.MFADevice{}
	pages := iam.NewListMFADevicesPaginator(client, &iam.ListMFADevicesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, d := range page.MFADevices {
			all = append(all, audit.MFADevice{Serial: aws.ToString(d.SerialNumber), Enabled: aws.ToTime(d.EnableDate).UTC()})
		}
	}
	audit.SortStable(all, func(a, b audit.MFADevice) int { return cmp.Compare(a.Serial, b.Serial) })
	return all, nil
}

// rootProfile: no such entity is no password.
func rootProfile(ctx context.Context, client *iam.Client) (audit.LoginProfile, error) {
	answer, err := client.GetLoginProfile(ctx, &iam.GetLoginProfileInput{})
	switch {
	case isCode(err, "NoSuchEntity"):
		return audit.LoginProfile{}, nil
	case err != nil:
		return audit.LoginProfile{}, err
	}
	p := audit.LoginProfile{Exists: true}
	if answer.LoginProfile != nil {
		p.Created, p.ResetRequired = aws.ToTime(answer.LoginProfile.CreateDate).UTC(), answer.LoginProfile.PasswordResetRequired
	}
	return p, nil
}

func rootKeys(ctx context.Context, client *iam.Client) ([]audit.AccessKey, error) {
	all := []audit.AccessKey{}
	pages := iam.NewListAccessKeysPaginator(client, &iam.ListAccessKeysInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, k := range page.AccessKeyMetadata {
			all = append(all, audit.AccessKey{ID: aws.ToString(k.AccessKeyId), Active: k.Status == types.StatusTypeActive, Created: aws.ToTime(k.CreateDate).UTC()})
		}
	}
	audit.SortStable(all, func(a, b audit.AccessKey) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}
