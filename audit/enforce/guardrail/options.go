package guardrail

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// OptionError is an option that cannot be, by the name that the command line gives
// it.
type OptionError struct {
	Option  string
	Problem string
}

func (e *OptionError) Error() string { return e.Option + ": " + e.Problem }

func wrong(option, format string, args ...any) error {
	return &OptionError{option, fmt.Sprintf(format, args...)}
}

// complete fills in what was left to us and refuses what cannot be.
func (o *Options) complete() error {
	if o.Form == "" {
		o.Form = Identity
	}
	if o.Partition == "" {
		o.Partition = "aws"
	}
	for _, check := range []func() error{o.checkNames, o.checkPlace, o.checkIdle, o.checkFIDO, o.checkAge, o.checkRegistrars, o.checkActions, o.checkPrincipals, o.checkName} {
		if err := check(); err != nil {
			return err
		}
	}
	if o.Form == Trust && o.MFAAge == 0 {
		o.MFAAge = roleAge
	}
	return nil
}

func (o *Options) checkNames() error {
	if !slices.ContainsFunc(Kinds(), func(i Info) bool { return i.Name == string(o.Kind) }) {
		return wrong("guardrail", "%q is not one of %s", o.Kind, names(Kinds()))
	}
	if !slices.ContainsFunc(Forms(), func(i Info) bool { return i.Name == string(o.Form) }) {
		return wrong("form", "%q is not one of %s", o.Form, names(Forms()))
	}
	if !slices.Contains([]string{"aws", "aws-cn", "aws-us-gov"}, o.Partition) {
		return wrong("partition", "%q is not one of aws, aws-cn, aws-us-gov", o.Partition)
	}
	return nil
}

func names(all []Info) string {
	var list []string
	for _, i := range all {
		list = append(list, i.Name)
	}
	return strings.Join(list, ", ")
}

// checkPlace refuses the forms in which a guardrail says nothing.
func (o *Options) checkPlace() error {
	switch {
	case o.Form == RCP && o.Kind != Actions:
		return wrong("form", "a resource control policy cannot carry %s: IAM is none of the services it reaches, and NotAction is none of its elements; use scp, or --guardrail actions", o.Kind)
	case o.Form == Trust && o.Kind == Hardware:
		return wrong("form", "a trust policy cannot carry hardware: it sees that there was MFA and not with which device; use --guardrail mfa-only for it")
	}
	return nil
}

// enrols tells a guardrail in which users enrol their own factors.
func (o *Options) enrols() bool {
	return o.Kind == SelfService || o.Kind == MFAOnly || o.Kind == Hardware
}

// checkIdle refuses an option that would change nothing: who gives it expects
// something of it.
func (o *Options) checkIdle() error {
	users := o.Form != Trust && o.Kind != Actions
	for _, c := range []struct {
		option    string
		given, in bool
		where     string
	}{
		{"no-console-comfort", o.NoConsoleComfort, users, "guardrails that let users in before they have a factor"},
		{"password-change", o.PasswordChange, users, "guardrails that let users in before they have a factor"},
		{"tag-guard", o.TagGuard, users && o.enrols(), "guardrails in which users enrol: self-service, mfa-only, hardware"},
		{"fido-level", len(o.FIDOLevels) > 0, o.Kind == Hardware, "hardware"},
		{"fips-140-2-level", len(o.FIPS1402Levels) > 0, o.Kind == Hardware, "hardware"},
		{"fips-140-3-level", len(o.FIPS1403Levels) > 0, o.Kind == Hardware, "hardware"},
		{"registrar", len(o.Registrars) > 0, users && (o.Kind == AdminManaged || o.TagGuard), "admin-managed and --tag-guard"},
		{"action", len(o.Actions) > 0, o.Kind == Actions && o.Form != Trust, "actions, in every form but trust, whose action is sts:AssumeRole"},
		{"through-services", o.ThroughServices, o.Kind == Actions && o.Form != Trust, "actions, in every form but trust"},
		{"principal", len(o.Principals) > 0, o.Form == Trust, "the form trust"},
		{"mfa-age", o.MFAAge != 0, o.Form == Trust || o.Kind != AdminManaged, "every guardrail but admin-managed, where users take no factor away"},
	} {
		if c.given && !c.in {
			return wrong(c.option, "it says nothing in guardrail %s as %s; it belongs to %s", o.Kind, o.Form, c.where)
		}
	}
	return nil
}

// fidoLevels and fipsLevels are all there are (IAM user guide, keys available for
// IAM). They are texts to IAM and have no order: each accepted one is listed.
var (
	fidoLevels = []string{"L1", "L1plus", "L2", "L2plus", "L3", "L3plus"}
	fipsLevels = []string{"L1", "L2", "L3", "L4"}
)

func (o *Options) checkFIDO() error {
	for _, c := range []struct {
		option      string
		given, have []string
	}{
		{"fido-level", o.FIDOLevels, fidoLevels}, {"fips-140-2-level", o.FIPS1402Levels, fipsLevels}, {"fips-140-3-level", o.FIPS1403Levels, fipsLevels},
	} {
		for i, level := range c.given {
			switch {
			case !slices.Contains(c.have, level):
				return wrong(c.option, "%q is not one of %s; levels have no order to IAM, name each that is accepted", level, strings.Join(c.have, ", "))
			case slices.Contains(c.given[:i], level):
				return wrong(c.option, "%s is given twice", level)
			}
		}
	}
	if o.Kind == Hardware && len(o.FIDOLevels)+len(o.FIPS1402Levels)+len(o.FIPS1403Levels) == 0 {
		o.FIDOLevels = fidoLevels
	}
	return nil
}

// longestSession is how long MFA can be ago in a session: GetSessionToken gives 36
// hours at the most (STS API reference).
const longestSession = 36 * time.Hour

func (o *Options) checkAge() error {
	switch {
	case o.MFAAge == 0:
		return nil
	case o.MFAAge < time.Minute || o.MFAAge > longestSession:
		return wrong("mfa-age", "%s is not between 1m and 36h, the longest session", o.MFAAge)
	case o.MFAAge%time.Second != 0:
		return wrong("mfa-age", "%s is no whole number of seconds", o.MFAAge)
	}
	return nil
}

// roleARN is a role's ARN. The account may be *, for a role of that name in every
// account of an organisation.
var roleARN = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}|\*):role/([\w+=,.@-]+/)*[\w+=,.@-]+$`)

func (o *Options) checkRegistrars() error {
	for i, arn := range o.Registrars {
		switch {
		case !roleARN.MatchString(arn):
			return wrong("registrar", "%q is no role's ARN: arn:%s:iam::111122223333:role/mfa-registrar; the account may be *, nothing else may", arn, o.Partition)
		case partition(arn) != o.Partition:
			return wrong("registrar", "%q is not of partition %s", arn, o.Partition)
		case slices.Contains(o.Registrars[:i], arn):
			return wrong("registrar", "%q is given twice", arn)
		}
	}
	switch {
	case len(o.Registrars) > 0 || o.Form == Trust:
		return nil
	case o.Kind == AdminManaged:
		return wrong("registrar", "admin-managed needs the role that may enrol: give its ARN")
	case o.TagGuard:
		return wrong("registrar", "--tag-guard needs the role that may set the tag %s: give its ARN", TagKey)
	}
	return nil
}

func partition(arn string) string { return strings.Split(arn, ":")[1] }

// userARN is a user's ARN. Wildcards are none in a Principal element.
var userARN = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):iam::[0-9]{12}:user/([!-)+->@-~]+/)*[\w+=,.@-]+$`)

func (o *Options) checkPrincipals() error {
	if o.Form != Trust {
		return nil
	}
	if len(o.Principals) == 0 {
		return wrong("principal", "a trust policy needs the users that may assume the role: give their ARNs")
	}
	for i, arn := range o.Principals {
		switch {
		case strings.Contains(arn, ":role/") || strings.Contains(arn, ":assumed-role/"):
			return wrong("principal", "%q is a role: its sessions never carry MFA, so it could never assume this one", arn)
		case arn == "*" || strings.HasSuffix(arn, ":root") || wholeAccount.MatchString(arn):
			return wrong("principal", "%q is a whole account or everybody: name the users, for whoever administers an account can make a user with a factor", arn)
		case !userARN.MatchString(arn):
			return wrong("principal", "%q is no user's ARN: arn:%s:iam::111122223333:user/ada; wildcards are none in a Principal", arn, o.Partition)
		case partition(arn) != o.Partition:
			return wrong("principal", "%q is not of partition %s", arn, o.Partition)
		case slices.Contains(o.Principals[:i], arn):
			return wrong("principal", "%q is given twice", arn)
		}
	}
	return nil
}

var wholeAccount = regexp.MustCompile(`^[0-9]{12}$`)
