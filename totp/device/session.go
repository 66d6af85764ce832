package device

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"mfawatch/totp/seal"
)

// How long sessions last (STS API reference, GetSessionToken and AssumeRole).
const (
	leastSession  = 15 * time.Minute
	mostSession   = 36 * time.Hour
	mostOfRoot    = time.Hour
	mostOfRole    = 12 * time.Hour // a role's own bound may be lower, and AWS says so
	mostOfChained = time.Hour      // of a role that a role's session assumes
)

// propagation is how long AWS may not know a device that was enabled: eight to fourteen
// seconds were seen, and this is twice that.
const propagation = 30 * time.Second

// freshTries is how many codes of such a device are shown to AWS at most.
const freshTries = 4

// Sessions asks STS for sessions with MFA.
//
// aws:MultiFactorAuthAge, which a policy may bound, counts from the moment the session
// was issued, and it is in GetSessionToken's sessions: of a cached one it grows. In a
// role's session it is not: the role's trust policy sees it, and what the role may do does
// not depend on it (IAM user guide, id_credentials_mfa_configure-api-require).
type Sessions struct {
	STS STS              // of the user's own access key for GetSession
	IAM Lister           // is asked whether the user has a device that AWS does not check; nil: nobody is
	Say func(string)     // nil: nobody is told what takes long
	Now func() time.Time // nil: time.Now
}

// Request is a session that is wanted.
type Request struct {
	Serial   string
	Codes    Codes
	Duration time.Duration // 0: what AWS gives, which is 12 h, and 1 h for a role
	Region   string        // of the STS that is asked; empty: the client's own
	Enabled  time.Time     // when the device was enabled or resynced: AWS may not know yet; zero: long ago
}

// Role is one that is assumed with MFA.
type Role struct {
	ARN        string
	Session    string // name of the session
	ExternalID string // empty: none
}

// Credentials are a session's. Printed, logged or marshalled they do not show
// themselves: WriteProcess and WriteExports print them.
type Credentials struct {
	AccessKeyID                   string
	SecretAccessKey, SessionToken seal.Secret
	Expires                       time.Time
}

// Wipe clears the secrets.
func (c Credentials) Wipe() {
	c.SecretAccessKey.Wipe()
	c.SessionToken.Wipe()
}

// String tells which session it is.
func (c Credentials) String() string {
	return fmt.Sprintf("session %s until %s (secrets hidden)", c.AccessKeyID, c.Expires.UTC().Format(time.RFC3339))
}

// Format prints String, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText is what encoders write.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue is what log/slog writes.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// GetSession is sts:GetSessionToken: a session of the user's own, with MFA.
func (s Sessions) GetSession(ctx context.Context, r Request) (Credentials, error) {
	what := "get a session with device " + r.Serial
	if err := s.check(ctx, what, r, mostSession, func(c Caller) time.Duration {
		if c.Root {
			return mostOfRoot
		}
		return mostSession
	}); err != nil {
		return Credentials{}, err
	}
	return s.ask(ctx, what, r, func(code string) (*ststypes.Credentials, error) {
		out, err := s.STS.GetSessionToken(ctx, &sts.GetSessionTokenInput{SerialNumber: &r.Serial, TokenCode: &code, DurationSeconds: seconds(r.Duration)}, onceSTS, in(r.Region))
		if err != nil {
			return nil, err
		}
		return out.Credentials, nil
	})
}

var (
	roleText    = regexp.MustCompile(`^arn:[a-z0-9-]+:iam::[0-9]{12}:role/[\x21-\x7e]{1,576}$`)
	sessionText = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
)

// AssumeRole is sts:AssumeRole with MFA.
func (s Sessions) AssumeRole(ctx context.Context, role Role, r Request) (Credentials, error) {
	what := fmt.Sprintf("assume role %s with device %s", role.ARN, r.Serial)
	switch {
	case !roleText.MatchString(role.ARN):
		return Credentials{}, fmt.Errorf("role %q: name it by its ARN, arn:aws:iam::111122223333:role/NAME", role.ARN)
	case !sessionText.MatchString(role.Session):
		return Credentials{}, fmt.Errorf("name of a session %q: it has 2 to 64 letters, digits and +=,.@_-", role.Session)
	}
	if err := s.check(ctx, what, r, mostOfRole, func(c Caller) time.Duration {
		if c.Role {
			return mostOfChained
		}
		return mostOfRole
	}); err != nil {
		return Credentials{}, err
	}
	return s.ask(ctx, what, r, func(code string) (*ststypes.Credentials, error) {
		input := &sts.AssumeRoleInput{RoleArn: &role.ARN, RoleSessionName: &role.Session, SerialNumber: &r.Serial, TokenCode: &code, DurationSeconds: seconds(r.Duration)}
		if role.ExternalID != "" {
			input.ExternalId = &role.ExternalID
		}
		out, err := s.STS.AssumeRole(ctx, input, onceSTS, in(r.Region))
		if err != nil {
			return nil, err
		}
		return out.Credentials, nil
	})
}

// seconds is nil for AWS's own choice.
func seconds(d time.Duration) *int32 {
	if d == 0 {
		return nil
	}
	return aws.Int32(int32(d / time.Second))
}

// in asks the STS of a Region, whose sessions are good everywhere.
func in(region string) func(*sts.Options) {
	return func(o *sts.Options) {
		if region != "" {
			o.Region = region
		}
	}
}

// check refuses before AWS is asked and a code is spent. Who asks is looked up only where
// it decides.
func (s Sessions) check(ctx context.Context, what string, r Request, most time.Duration, bound func(Caller) time.Duration) error {
	if err := takesCodes(r.Serial); err != nil {
		return err
	}
	if r.Region != "" && !regionText.MatchString(r.Region) {
		return fmt.Errorf("%s: Region %q: write it as eu-north-1", what, r.Region)
	}
	if err := lasts(what, r.Duration, most); err != nil || r.Duration <= time.Hour {
		return err
	}
	c, err := caller(ctx, s.STS)
	if err != nil {
		return err
	}
	return lasts(what+" as "+c.ARN, r.Duration, bound(c))
}

// CheckDuration tells whether AWS ever gives a session that long, of a user or of a role.
// Who asks, and the role's own bound, may allow less.
func CheckDuration(d time.Duration, ofRole bool) error {
	most := mostSession
	if ofRole {
		most = mostOfRole
	}
	return within(d, most)
}

func within(d, most time.Duration) error {
	if d != 0 && (d < leastSession || d > most || d%time.Second != 0) {
		return fmt.Errorf("a session of %v: AWS gives whole seconds from %v to %v", d, leastSession, most)
	}
	return nil
}

// lasts checks how long a session is to last.
func lasts(what string, d, most time.Duration) error {
	if err := within(d, most); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// ask shows AWS one code, and further ones only while it may not know the device yet.
func (s Sessions) ask(ctx context.Context, what string, r Request, call func(code string) (*ststypes.Credentials, error)) (Credentials, error) {
	for try := 1; ; try++ {
		h, err := r.Codes.One(ctx)
		if err != nil {
			return Credentials{}, fmt.Errorf("%s: %w", what, err)
		}
		got, err := call(string(h.First.Reveal()))
		a := judge(err)
		if kept := settle(ctx, h, a); kept != nil {
			tell(s.Say, "%s: the ledger was not told that AWS answered: %v", what, kept)
		}
		switch {
		case a == yes:
			return taken(what, got)
		case try < freshTries && notYet(a, r.Enabled, clock(s.Now)):
			tell(s.Say, "AWS does not know device %s yet, which was enabled at %s: trying the next code", r.Serial, r.Enabled.UTC().Format(time.RFC3339))
		default:
			return Credentials{}, s.refused(ctx, what, r, a, err)
		}
	}
}

// notYet tells whether a no may be for the device being new to STS.
func notYet(a answer, enabled, now time.Time) bool {
	return (a == wrongCode || a == unchecked) && !enabled.IsZero() && now.Before(enabled.Add(propagation))
}

func taken(what string, c *ststypes.Credentials) (Credentials, error) {
	if c == nil || aws.ToString(c.AccessKeyId) == "" || aws.ToString(c.SecretAccessKey) == "" || aws.ToString(c.SessionToken) == "" || c.Expiration == nil {
		return Credentials{}, fmt.Errorf("%s: AWS's answer lacks credentials: is the endpoint AWS's?", what)
	}
	return Credentials{*c.AccessKeyId, seal.NewSecret([]byte(*c.SecretAccessKey)), seal.NewSecret([]byte(*c.SessionToken)), *c.Expiration}, nil
}

// refused words a no. AWS has one text for a device that it was asked about too often and
// for one that is not the user's; who can list devices can tell.
func (s Sessions) refused(ctx context.Context, what string, r Request, a answer, err error) error {
	if a != unchecked {
		return explain(what, err)
	}
	next := windowEnd(clock(s.Now)).Format(time.RFC3339)
	switch has, known := s.has(ctx, r.Serial); {
	case known && !has:
		return fmt.Errorf("%s: %w: the user who asks has none of this serial number: list the user's devices", what, ErrNotFound)
	case known:
		return fmt.Errorf("%s: %w: AWS checks no more codes of it, after nine in three minutes, or does not know it yet: wait until %s; if nobody here asked so often, somebody else does", what, ErrLater, next)
	}
	return fmt.Errorf("%s: %w: either nine codes were checked in these three minutes: wait until %s; or the user who asks has no such device: check the serial number", what, ErrLater, next)
}

// windowEnd is when AWS begins to count anew.
func windowEnd(now time.Time) time.Time {
	const window = 3 * 60
	return time.Unix((now.Unix()/window+1)*window, 0).UTC()
}

func (s Sessions) has(ctx context.Context, serial string) (has, known bool) {
	if s.IAM == nil {
		return false, false
	}
	c, err := caller(ctx, s.STS)
	if err != nil || c.User == "" {
		return false, false
	}
	all, err := listUser(ctx, s.IAM, c.User)
	return slices.ContainsFunc(all, func(d Device) bool { return d.Serial == serial }), err == nil
}
