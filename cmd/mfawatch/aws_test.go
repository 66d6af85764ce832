package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mfawatch/internal/fakeaws"
)

// Every script has an AWS of its own: an organisation of three accounts, and
// the credentials of the management account's auditor.
const (
	management = "111122223333"
	member     = "444455556666"
	suspended  = "777788889999"
)

type awsKey struct{}

type world struct {
	*fakeaws.Server
	own *fakeaws.Account
}

// withAWS starts a script's AWS.
func withAWS(env *testscript.Env) error {
	url, w, end, err := startAWS()
	if err != nil {
		return err
	}
	env.Defer(end)
	env.Values[awsKey{}] = w
	for i, value := range awsValues(url, env.WorkDir) {
		env.Setenv(awsVariables[i], value)
	}
	return nil
}

func startAWS() (url string, w world, end func(), err error) {
	own := invented(management, "ada", "grace", "linus")
	srv := fakeaws.New(own, invented(member, "ada", "ken"), invented(suspended))
	srv.Organization = fakeaws.NewOrganization(management)
	srv.Organization.Features = []string{"RootCredentialsManagement", "RootSessions"}
	srv.Organization.Member(member, "production")
	srv.Organization.Member(suspended, "old").Status = "SUSPENDED"
	url, err = srv.Start()
	return url, world{srv, own}, func() { _ = srv.Close() }, err
}

// awsValues are those of awsVariables.
func awsValues(url, dir string) []string {
	return []string{url, "us-east-1", "AKIAAUDIT" + management, "x", "", "", "/dev/null", "/dev/null", "true", dir + "/home", "", ""}
}

// awsVariables are those of a script's environment that lead mfawatch to the
// script's AWS and to no other.
var awsVariables = []string{
	"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
	"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED", "MFAWATCH_HOME", "MFAWATCH_PASSPHRASE_FILE", "MFAWATCH_IDENTITY_FILE",
}

// invented is an account with a root that has a security key. ada has a
// password only, grace a telephone, linus two certified keys, ken a token and a
// role that audits.
func invented(id string, users ...string) *fakeaws.Account {
	a := fakeaws.NewAccount(id)
	a.Root.Password = true
	a.Root.Devices = []fakeaws.Device{{Serial: "arn:aws:iam::" + id + ":u2f/root/key-EXAMPLE", Enabled: time.Date(2025, 5, 6, 0, 0, 0, 0, time.UTC)}}
	for _, name := range users {
		u := a.User(name)
		u.Password, u.PasswordUsed = true, time.Now().Add(-30*time.Hour)
		switch name {
		case "grace":
			u.Devices = []fakeaws.Device{a.Virtual("grace")}
		case "linus":
			level := map[string]string{"FIDO": "L2"}
			u.Devices = []fakeaws.Device{a.FIDO("linus", "one", level), a.FIDO("linus", "two", level)}
		case "ken":
			u.Devices = []fakeaws.Device{fakeaws.Token("GAKT12345678")}
		}
	}
	a.Role("SecurityAudit").Trust = `{"Version":"2012-10-17","Statement":[]}`
	return a
}

// awsCommand changes what a script's AWS answers:
//
//	aws deny ACTION [ACCOUNT] | aws throttle ACTION N | aws mend | aws expire
//	aws enrol USER | aws calls ACTION N | aws interrupt ACTION N | aws has-trail NAME [stopped]
func awsCommand(ts *testscript.TestScript, neg bool, args []string) {
	srv := ts.Value(awsKey{}).(world)
	n := 0
	if len(args) > 2 {
		_, _ = fmt.Sscan(args[2], &n)
	}
	switch args[0] {
	case "deny":
		f := fakeaws.Denied(args[1])
		if len(args) > 2 {
			f.Account = args[2]
		}
		srv.Fault(f)
	case "throttle":
		srv.Fault(fakeaws.Throttled(args[1], n))
	case "mend":
		srv.Mend()
		srv.Renew(management)
	case "expire":
		srv.Expire(management)
	case "expire-at":
		srv.Fault(fakeaws.Fault{Action: args[1], Status: 403, Code: "ExpiredToken", Message: "The security token included in the request is expired", After: n})
	case "forget":
		srv.Reset()
	case "enrol":
		srv.Change(func() {
			i := slices.IndexFunc(srv.own.Users, func(u *fakeaws.User) bool { return u.Name == args[1] })
			srv.own.Users[i].Devices = []fakeaws.Device{srv.own.Virtual(args[1])}
		})
	case "has-trail":
		srv.Change(func() {
			srv.History.Trails = append(srv.History.Trails, fakeaws.Trail{
				ARN: "arn:aws:cloudtrail:us-east-1:" + management + ":trail/" + args[1], Region: "us-east-1", Bucket: args[1] + "-logs", Prefix: "audit",
				LogGroupARN: "arn:aws:logs:us-east-1:" + management + ":log-group:" + args[1] + ":*", Stopped: len(args) > 2,
			})
		})
	case "calls":
		if got := srv.Counts()[args[1]]; got != n {
			ts.Fatalf("%d calls of %s, want %d", got, args[1], n)
		}
	default:
		ts.Fatalf("aws %s: not known", args[0])
	}
	if neg {
		ts.Fatalf("aws takes no !")
	}
}

// changesFile is what a scan of the management account's trail of the last day
// writes, with a device of each of the users changed.
func changesFile(changed ...string) []byte {
	var b strings.Builder
	for _, name := range changed {
		fmt.Fprintf(&b, `{"type":"detection","id":"mfa-enabled-for-other","account":%q,"target":%q}`+"\n", management, name)
	}
	first, last := time.Now().Add(-24*time.Hour).UTC(), time.Now().Add(-5*time.Minute).UTC()
	fmt.Fprintf(&b, `{"type":"summary","complete":true,"files":1,"records":9,"filtered":false,"accounts":[%q],"records_first":%q,"records_last":%q}`+"\n",
		management, first.Format(time.RFC3339), last.Format(time.RFC3339))
	return []byte(b.String())
}
