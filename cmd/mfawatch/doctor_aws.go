package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsarn "github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/internal/awserr"
	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/partition"
)

// ofAWS are the rows about AWS.
var ofAWS = []string{"aws-configuration", "credentials", "clock", "audit-permissions", "trail", "regions"}

// cloud looks at AWS, as far as each thing lets the next be asked.
func (d *doctor) cloud(ctx context.Context) {
	done := len(d.rows)
	why := "--offline"
	if !d.offline {
		why = d.ask(ctx)
	}
	for _, check := range ofAWS {
		if !slices.ContainsFunc(d.rows[done:], func(r tried) bool { return r.Check == check }) {
			d.say(tried{check, leftOut, why, ""})
		}
	}
}

// ask gives why the rest was not asked.
func (d *doctor) ask(ctx context.Context) (why string) {
	ctx, stop := context.WithTimeout(ctx, allPatience)
	defer stop()
	quiet := d.t
	quiet.in = strings.NewReader("") // a profile that wants a code is told of, and nobody is asked for one
	cfg, err := awsConfig(ctx, quiet, d.profile, d.region)
	if err != nil {
		d.say(tried{"aws-configuration", broken, oneLine(err).Error(), "name a profile that 'aws configure list-profiles' names with --profile or AWS_PROFILE"})
		return "the AWS configuration cannot be read"
	}
	d.say(regionRow(cfg.Region))
	cfg.Region = cmp.Or(cfg.Region, cloudtrail.Home(""))
	dates := &dated{through: cfg.HTTPClient}
	cfg.HTTPClient = dates
	row, account := identity(ctx, cfg)
	d.say(row, dates.clock())
	if account == "" {
		return "the credentials were not taken"
	}
	d.say(permissions(ctx, cfg, account), trailRow(ctx, cfg), regionsRow(ctx, cfg))
	return ""
}

func regionRow(region string) tried {
	if region == "" {
		return tried{"aws-configuration", broken, "it names no Region; here us-east-1 is asked", "name one with --region, AWS_REGION or region in the profile"}
	}
	return tried{"aws-configuration", works, "Region " + region, ""}
}

// identity asks who the credentials are, which nobody can be denied. account is empty where
// they are not taken.
func identity(ctx context.Context, cfg aws.Config) (row tried, account string) {
	asking, stop := context.WithTimeout(ctx, onePatience)
	defer stop()
	c := sts.NewFromConfig(cfg, func(o *sts.Options) { o.RetryMaxAttempts = 1 })
	out, err := c.GetCallerIdentity(asking, &sts.GetCallerIdentityInput{})
	if err != nil {
		return refusedIdentity(asking, err), ""
	}
	credentials, err := cfg.Credentials.Retrieve(asking)
	if err != nil {
		return refusedIdentity(asking, err), ""
	}
	return whoIs(aws.ToString(out.Arn), strings.HasPrefix(credentials.AccessKeyID, "AKIA")), aws.ToString(out.Account)
}

func refusedIdentity(ctx context.Context, err error) tried {
	const signIn = "sign in (aws sso login, aws login), name a profile with --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; --offline leaves AWS alone"
	if ctx.Err() != nil {
		return tried{"credentials", notKnown, fmt.Sprintf("no answer within %v", onePatience), "check the network, the proxy and the endpoint; --offline leaves AWS alone"}
	}
	if advice, known := awserr.Credentials(awserr.Code(err)); known {
		return tried{"credentials", broken, advice.What, advice.Todo}
	}
	what, todo, _ := strings.Cut(awserr.Unanswered(err).Error(), ": ")
	if awserr.OfCredentials(err) || awserr.Status(err) == 0 && strings.Contains(err.Error(), "credentials") {
		return tried{"credentials", broken, what + " (" + awserr.Cause(err) + ")", signIn}
	}
	if awserr.Status(err) != 0 {
		return tried{"credentials", notKnown, "AWS answered sts:GetCallerIdentity with " + awserr.Code(err), signIn}
	}
	return tried{"credentials", notKnown, what, todo}
}

// whoIs says who the credentials are. A session of a user or a role tells nobody but AWS
// whether it was got with MFA: no call of STS answers that.
func whoIs(arn string, lasting bool) tried {
	name, _ := awsarn.Parse(arn)
	who := fmt.Sprintf("%s of account %s", name.Resource, name.AccountID)
	switch {
	case name.Resource == "root" && lasting:
		return tried{"credentials", broken, who + ", with an access key that lasts", "delete the root user's access key, and use a role or a user"}
	case lasting:
		return tried{"credentials", works, who + ", with an access key that lasts: it is never with MFA ('mfawatch session' gets a session that is)", ""}
	}
	return tried{"credentials", works, who + ", in a session; AWS does not say here whether it was got with MFA", ""}
}

// dated reads AWS's clock from its answers.
type dated struct {
	through aws.HTTPClient

	mutex sync.Mutex
	off   time.Duration // AWS's clock less ours
	seen  bool
}

func (c *dated) Do(r *http.Request) (*http.Response, error) {
	client := c.through
	if client == nil {
		client = http.DefaultClient
	}
	from := time.Now()
	answer, err := client.Do(r)
	if err != nil {
		return answer, err
	}
	if theirs, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		if !c.seen { // the header has whole seconds, cut off
			c.off, c.seen = theirs.Add(500*time.Millisecond).Sub(from.Add(time.Since(from)/2)), true
		}
	}
	return answer, nil
}

// A code of another step than AWS's is refused; AWS takes no signature that is five minutes
// off (IAM user guide, signing).
const (
	mostOff = 15 * time.Second
	farOff  = 5 * time.Minute
)

func (c *dated) clock() tried {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	kept := clockKept()
	off := c.off.Round(time.Second)
	side := "behind"
	if off < 0 {
		side, off = "ahead of", -off
	}
	const fix = "set the clock, and have it kept: timedatectl set-ntp true, chrony, or the settings of the system"
	switch {
	case !c.seen:
		return tried{"clock", leftOut, "no answer of AWS to compare with; " + kept, ""}
	case off >= farOff:
		return tried{"clock", broken, fmt.Sprintf("this machine is %v %s AWS, which refuses signatures that are five minutes off; %s", off, side, kept), fix}
	case off > mostOff:
		return tried{"clock", broken, fmt.Sprintf("this machine is %v %s AWS: codes that are made here may be refused; %s", off, side, kept), fix}
	case off <= time.Second:
		return tried{"clock", works, "as AWS has it; " + kept, ""}
	}
	return tried{"clock", works, fmt.Sprintf("%v %s AWS; %s", off, side, kept), ""}
}

// permissions asks for one answer of each action that an audit uses.
func permissions(ctx context.Context, cfg aws.Config, account string) tried {
	c := iam.NewFromConfig(cfg, func(o *iam.Options) { o.RetryMaxAttempts = 2 })
	user := ""
	var denied, unknown, untried []string
	all := samples("arn:" + partition.Of(cfg.Region).ID + ":iam::" + account + ":mfa/mfawatch-doctor")
	for _, s := range all {
		if s.ofUser && user == "" {
			untried = append(untried, s.action)
			continue
		}
		asking, stop := context.WithTimeout(ctx, onePatience)
		name, err := s.ask(asking, c, user)
		stop()
		user = cmp.Or(user, name)
		switch {
		case awserr.Status(err) == http.StatusForbidden || strings.HasPrefix(awserr.Code(err), "AccessDenied"):
			denied = append(denied, s.action)
		case err != nil && !pastTheDoor(err):
			unknown = append(unknown, s.action+" ("+awserr.Code(err)+")")
		}
	}
	return permitted(len(all), denied, unknown, untried)
}

// permitted sums up.
func permitted(all int, denied, unknown, untried []string) tried {
	left := ""
	if len(untried) > 0 {
		left = "; untested, as no user was named: " + strings.Join(untried, ", ")
	}
	switch {
	case len(denied) > 0:
		return tried{"audit-permissions", broken, "refused: " + strings.Join(denied, ", ") + left, "allow what 'mfawatch audit --print-policy' prints; a service control policy may deny besides"}
	case len(unknown) > 0:
		return tried{"audit-permissions", notKnown, "no answer that tells: " + strings.Join(unknown, ", ") + left, "try again; mfawatch audit says which facts are missing"}
	}
	return tried{"audit-permissions", works, fmt.Sprintf("%d of the %d actions of an audit were tried, and are allowed%s", all-len(untried), all, left), ""}
}

// pastTheDoor tells an error that only comes when a call is allowed: there is no such thing, no
// report yet, no organisation.
func pastTheDoor(err error) bool {
	status := awserr.Status(err)
	return status >= 400 && status < 500 && !slices.Contains([]string{"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}, awserr.Code(err))
}

// sample asks one action for as little as it gives. What lists users gives the name of one,
// which those of a user are asked with.
type sample struct {
	action string
	ofUser bool
	ask    func(ctx context.Context, c *iam.Client, user string) (named string, err error)
}

// calling is a method of the client of IAM.
type calling[I, O any] = func(*iam.Client, context.Context, I, ...func(*iam.Options)) (O, error)

func once[I, O any](action string, call calling[I, O], in I) sample {
	return sample{action, false, func(ctx context.Context, c *iam.Client, _ string) (string, error) {
		_, err := call(c, ctx, in)
		return "", err
	}}
}

func ofUser[I, O any](action string, call calling[I, O], in func(user *string) I) sample {
	return sample{action, true, func(ctx context.Context, c *iam.Client, user string) (string, error) {
		_, err := call(c, ctx, in(&user))
		return "", err
	}}
}

// firstUser is asked before those of a user.
func firstUser(ctx context.Context, c *iam.Client, _ string) (string, error) {
	out, err := c.ListUsers(ctx, &iam.ListUsersInput{MaxItems: aws.Int32(1)})
	if err != nil || len(out.Users) == 0 {
		return "", err
	}
	return aws.ToString(out.Users[0].UserName), nil
}

// samples name a device that there is none of: who may ask is told so.
func samples(device string) []sample {
	one := aws.Int32(1)
	return []sample{
		{"iam:ListUsers", false, firstUser},
		once("iam:GenerateCredentialReport", (*iam.Client).GenerateCredentialReport, &iam.GenerateCredentialReportInput{}),
		once("iam:GetCredentialReport", (*iam.Client).GetCredentialReport, &iam.GetCredentialReportInput{}),
		once("iam:GetAccountSummary", (*iam.Client).GetAccountSummary, &iam.GetAccountSummaryInput{}),
		once("iam:GetAccountAuthorizationDetails", (*iam.Client).GetAccountAuthorizationDetails, &iam.GetAccountAuthorizationDetailsInput{MaxItems: one}),
		once("iam:ListVirtualMFADevices", (*iam.Client).ListVirtualMFADevices, &iam.ListVirtualMFADevicesInput{MaxItems: one}),
		once("iam:ListOrganizationsFeatures", (*iam.Client).ListOrganizationsFeatures, &iam.ListOrganizationsFeaturesInput{}),
		once("iam:GetMFADevice", (*iam.Client).GetMFADevice, &iam.GetMFADeviceInput{SerialNumber: &device}),
		ofUser("iam:ListMFADevices", (*iam.Client).ListMFADevices, func(user *string) *iam.ListMFADevicesInput {
			return &iam.ListMFADevicesInput{UserName: user, MaxItems: one}
		}),
		ofUser("iam:ListAccessKeys", (*iam.Client).ListAccessKeys, func(user *string) *iam.ListAccessKeysInput {
			return &iam.ListAccessKeysInput{UserName: user, MaxItems: one}
		}),
		ofUser("iam:GetLoginProfile", (*iam.Client).GetLoginProfile, func(user *string) *iam.GetLoginProfileInput {
			return &iam.GetLoginProfileInput{UserName: user}
		}),
	}
}

// trailRow looks for a trail of all Regions that records what sign-ins are judged by.
func trailRow(ctx context.Context, cfg aws.Config) tried {
	asking, stop := context.WithTimeout(ctx, onePatience)
	defer stop()
	all, err := cloudtrail.Find(asking, cfg)
	switch {
	case asking.Err() != nil:
		return tried{"trail", notKnown, fmt.Sprintf("no answer within %v", onePatience), "check the network, the proxy and the endpoint"}
	case err != nil:
		what, todo, _ := strings.Cut(err.Error(), ": ")
		return tried{"trail", notKnown, what, todo}
	case len(all) == 0:
		return tried{"trail", broken, "there is no trail of all Regions: sign-ins are in the event history only, for 90 days", "make one, or have mfawatch make it: mfawatch config init"}
	}
	var first tried
	for i, t := range all { // one that is good is enough
		m, err := cloudtrail.NewTrails(cfg).Management(asking, t.ARN)
		row := judgedTrail(t, m, err)
		if row.State == works {
			return row
		}
		if i == 0 {
			first = row
		}
	}
	return first
}

// judgedTrail names the first thing that speaks against a trail.
func judgedTrail(t cloudtrail.Trail, m cloudtrail.Management, unread error) tried {
	at := func(s state, what, fix string) tried { return tried{"trail", s, t.ARN + " " + what, fix} }
	command := func(what string) string {
		return fmt.Sprintf("aws cloudtrail %s --name %s --region %s", what, t.ARN, t.Region)
	}
	switch {
	case t.Unknown != nil:
		return at(notKnown, "is there; whether it writes could not be read", "allow "+t.Unknown.Error())
	case !t.Logging:
		return at(broken, "is stopped", command("start-logging"))
	case t.BucketError != "":
		return at(broken, "could not deliver its last file: "+t.BucketError, "see its bucket "+t.Bucket+" and the bucket's policy")
	case unread != nil:
		return at(notKnown, "writes; what it records could not be read", "allow "+unread.Error())
	case !m.Writes:
		return at(broken, "records no management events that write, and so no sign-ins", "have it record management events, reads and writes")
	case !m.Reads:
		return at(broken, "records no management events that read, as aws login and switches to other services are", "have it record management events, reads and writes")
	case len(m.Narrowed) > 0:
		return at(broken, "leaves events out by "+strings.Join(m.Narrowed, ", "), "have it record management events without that condition")
	case !t.Validation:
		return at(broken, "has no validation of its files: nobody can tell whether one was changed", command("update-trail --enable-log-file-validation"))
	}
	what := "writes management events of all Regions, with validation"
	if len(m.Without) > 0 {
		what += ", without " + strings.Join(m.Without, ", ")
	}
	return at(works, what, "")
}

func regionsRow(ctx context.Context, cfg aws.Config) tried {
	asking, stop := context.WithTimeout(ctx, onePatience)
	defer stop()
	names, assumed, err := cloudtrail.Regions(asking, cfg)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return tried{"regions", notKnown, fmt.Sprintf("no answer within %v", onePatience), "check the network, the proxy and the endpoint"}
	case assumed:
		what, todo, _ := strings.Cut(err.Error(), ": ")
		return tried{"regions", notKnown, what + "; without it the Regions that are on in every account are asked", todo}
	}
	return tried{"regions", works, fmt.Sprintf("%d are on: %s", len(names), strings.Join(names, ", ")), ""}
}
