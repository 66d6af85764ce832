package matrix

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// The accounts: ours, and one that is not ours.
const (
	account = "111122223333"
	foreign = "444455556666"
)

// callers are who asks. A role's and a federated session's credentials are what
// they are: the table says false of them.
var callers = map[string]enforce.Caller{
	"ada":       {Kind: audit.IAMUser, Path: "/", Name: "ada", ID: "AIDAEXAMPLEADA", Account: account},
	"bea":       {Kind: audit.IAMUser, Path: "/dev/team/", Name: "bea", ID: "AIDAEXAMPLEBEA", Account: account},
	"eve":       {Kind: audit.IAMUser, Path: "/", Name: "eve", ID: "AIDAEXAMPLEEVE", Account: account},
	"dan":       {Kind: audit.IAMUser, Path: "/dev/", Name: "dan", ID: "AIDAEXAMPLEDAN", Account: account},
	"nada":      {Kind: audit.IAMUser, Path: "/x/", Name: "nada", ID: "AIDAEXAMPLENADA", Account: account},
	"carol":     {Kind: audit.IAMUser, Path: "/", Name: "carol", ID: "AIDAEXAMPLECAROL", Account: foreign},
	"mallory":   {Kind: audit.IAMUser, Path: "/", Name: "mallory", ID: "AIDAEXAMPLEMALLORY", Account: foreign},
	"role":      {Kind: audit.Role, Path: "/", Name: "admins", ID: "AROAEXAMPLEADMINS", Account: account, Session: "ada"},
	"registrar": {Kind: audit.Role, Path: "/security/", Name: "mfa-registrar", ID: "AROAEXAMPLEREGISTRAR", Account: account, Session: "ada"},
	"federated": {Kind: audit.Federated, Name: "ada", Account: account},
	"root":      {Kind: audit.Root, Account: account},
}

// arn is the ARN of a user or role of the table.
func arn(partition, who string) string {
	c := callers[who]
	kind := map[audit.PrincipalKind]string{audit.IAMUser: "user", audit.Role: "role"}[c.Kind]
	return fmt.Sprintf("arn:%s:iam::%s:%s%s%s", partition, c.Account, kind, c.Path, c.Name)
}

// resources are what is asked for, but for users. P is the partition.
var resources = map[string]string{
	"*":        "*",
	"mfa":      "arn:P:iam::111122223333:mfa/telephone",
	"sms":      "arn:P:iam::111122223333:sms-mfa/ada",
	"public":   "arn:P:s3:::public/report.csv",
	"group":    "arn:P:iam::111122223333:group/people",
	"policy":   "arn:P:iam::111122223333:policy/guardrail",
	"role":     "arn:P:iam::111122223333:role/deploy",
	"console":  "arn:P:signin:::console/default",
	"login":    "arn:P:signin:eu-north-1:111122223333:oauth2/public-client/localhost",
	"remote":   "arn:P:signin:eu-north-1:111122223333:oauth2/public-client/remote",
	"service":  "arn:P:signin:eu-north-1:111122223333:service-principal/example.amazonaws.com",
	"instance": "arn:P:ec2:eu-north-1:111122223333:instance/i-0123456789abcdef0",
	"object":   "arn:P:s3:::example/report.csv",
	"secret":   "arn:P:secretsmanager:eu-north-1:111122223333:secret:example-AbCdEf",
	"stack":    "arn:P:cloudformation:eu-north-1:111122223333:stack/example/1",
	"trail":    "arn:P:cloudtrail:eu-north-1:111122223333:trail/example",
}

// ask makes the row's request.
func (r *Row) ask(who, mfa, action, resource string, context map[string][]string) error {
	if who == "anonymous" {
		return r.askAnonymously(action, resource)
	}
	name, hasDevice := strings.CutSuffix(who, "+device")
	caller, ok := callers[name]
	if !ok {
		return fmt.Errorf("nobody is called %q", who)
	}
	caller.Partition, caller.TagsKnown, caller.OwnDevice = r.Options.Partition, true, enforce.No
	if hasDevice {
		caller.OwnDevice = enforce.Yes
	}
	base := enforce.NewContext()
	for key, values := range context {
		base = base.With(key, values...)
	}
	base, err := authenticated(&caller, base, mfa)
	if err != nil {
		return err
	}
	target, err := target(r.Options.Partition, name, resource)
	if err != nil {
		return err
	}
	if !belongs(action, target) {
		return fmt.Errorf("%s is not about %s", action, target)
	}
	r.Request = caller.Request(base, action, target)
	r.Context = present(r.Request.Context, context)
	return nil
}

// askAnonymously: an unsigned request has no key that speaks of a principal.
func (r *Row) askAnonymously(action, resource string) error {
	target, err := target(r.Options.Partition, "", resource)
	if err != nil {
		return err
	}
	r.Request = enforce.Request{
		Principal: enforce.Principal{Kind: audit.UnknownPrincipal}, Action: action, Resource: target,
		Context: enforce.NewContext().With(enforce.KeyViaService, "false"), Facts: enforce.Facts{Partition: r.Options.Partition},
	}
	r.Context = present(r.Request.Context, nil)
	return nil
}

// authenticated gives the caller the credential that the cell mfa says.
func authenticated(c *enforce.Caller, base enforce.Context, mfa string) (enforce.Context, error) {
	how, age, aged := strings.Cut(mfa, "@")
	seconds, err := strconv.Atoi(age)
	if aged && err != nil {
		return base, fmt.Errorf("mfa %q has no age", mfa)
	}
	if !aged {
		seconds = 60
	}
	switch how {
	case "absent":
		c.Credential = enforce.AccessKey
	case "false":
		c.Credential = map[audit.PrincipalKind]enforce.Credential{audit.Role: enforce.RoleCredentials, audit.Federated: enforce.FederationToken}[c.Kind]
		if c.Credential == "" {
			c.Credential = enforce.PasswordNoMFA
		}
	case "true":
		c.Credential, c.MFAAge = enforce.WithMFA, time.Duration(seconds)*time.Second
	case "service":
		c.Credential = enforce.PasswordNoMFA
		base = base.With(enforce.KeyViaService, "true").With("aws:CalledVia", "cloudformation.amazonaws.com")
	default:
		return base, fmt.Errorf("mfa %q is not absent, false, true or service", mfa)
	}
	if how != "false" && (c.Kind == audit.Role || c.Kind == audit.Federated) {
		return base, fmt.Errorf("the session of a role or of GetFederationToken says false, not %s", how)
	}
	return base, nil
}

func target(partition, who, resource string) (string, error) {
	if resource == "own" {
		resource = who
	}
	if c, ok := callers[resource]; ok && c.Kind == audit.IAMUser {
		return arn(partition, resource), nil
	}
	text, ok := resources[resource]
	if !ok {
		return "", fmt.Errorf("no resource is called %q", resource)
	}
	return strings.Replace(text, ":P:", ":"+partition+":", 1), nil
}

// belongs tells whether an action is about resources of a kind, roughly: its own
// service's, and STS about IAM's.
func belongs(action, resource string) bool {
	service, _, _ := strings.Cut(action, ":")
	parts := strings.Split(resource, ":")
	return resource == "*" || service == parts[2] || service == "sts" && parts[2] == "iam"
}

// present are the keys that the request has, spelled as AWS does.
func present(c enforce.Context, own map[string][]string) map[string][]string {
	keys := []string{"aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalType", "aws:username", "aws:userid",
		enforce.KeyMFAPresent, enforce.KeyMFAAge, enforce.KeyViaService, "aws:CalledVia"}
	for key := range own {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	all := map[string][]string{}
	for _, key := range keys {
		if values, is := c.Lookup(key); is == enforce.Yes {
			all[key] = values
		}
	}
	return all
}
