package guardrail

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/catalogue"
)

var actionName = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9*?]+$`)

func (o *Options) checkActions() error {
	if o.Kind != Actions || o.Form == Trust {
		return nil
	}
	if len(o.Actions) == 0 {
		return wrong("action", "actions needs at least one action, such as ec2:RunInstances")
	}
	var seen []string
	for _, action := range o.Actions {
		if !actionName.MatchString(action) {
			return wrong("action", "%q is not service:Operation; * may stand in the operation only", action)
		}
		if slices.Contains(seen, strings.ToLower(action)) {
			return wrong("action", "%q is given twice: IAM ignores case", action)
		}
		seen = append(seen, strings.ToLower(action))
		if err := o.checkAction(action); err != nil {
			return err
		}
	}
	return nil
}

// checkAction refuses what is no action, would lock users out or does not reach AWS.
func (o *Options) checkAction(action string) error {
	for _, check := range []func(string) error{known, asked, governed, enrolling, o.reached} {
		if err := check(action); err != nil {
			return err
		}
	}
	return nil
}

// known refuses a name that is one letter or two away from an action of a service
// that is listed in full. Such a Deny would deny nothing.
func known(action string) error {
	if doubt(action) == "" {
		return nil
	}
	if near := catalogue.Nearest(action, catalogue.Names()); near != "" {
		return wrong("action", "%q is no action: is %s meant?", action, near)
	}
	return nil
}

// doubt says what may be wrong with an action, or nothing: what is not listed may
// be newer than the list.
func doubt(action string) string {
	service, _, _ := strings.Cut(action, ":")
	switch {
	case catalogue.Listed(service):
		if !slices.ContainsFunc(catalogue.Names(), func(name string) bool { return covers(action, name) }) {
			return fmt.Sprintf("%q is no action of %s that AWS's reference of September 2026 has: what is misspelt is not refused to anybody", action, service)
		}
	case !catalogue.KnownService(service):
		return fmt.Sprintf("%q: AWS's reference of September 2026 has no service %s: what is misspelt is not refused to anybody", action, service)
	}
	return ""
}

// doubts are the named actions that may be wrong.
func (o *Options) doubts() []string {
	var all []string
	for _, action := range o.Actions {
		if text := doubt(action); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// unsigned are the calls that nobody makes as a user: an identity provider's word
// stands in the place of credentials (STS API reference).
var unsigned = []string{"sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"}

// asked refuses what no user calls: a statement about users would never apply.
func asked(action string) error {
	var of []string
	for _, name := range catalogue.Names() {
		if covers(action, name) {
			of = append(of, name)
		}
	}
	if len(of) > 0 && !slices.ContainsFunc(of, func(name string) bool { return !slices.Contains(unsigned, name) }) {
		return wrong("action", "%q is called without credentials, by nobody who is a user to policies: refusing it to users refuses nothing; ask for MFA at the identity provider", action)
	}
	return nil
}

func governed(action string) error {
	for _, free := range freeOfPolicies {
		if covers(action, free) {
			return wrong("action", "%q covers %s, which no policy governs", action, free)
		}
	}
	return nil
}

// enrolling refuses what stands between a user without a factor and the first one.
func enrolling(action string) error {
	for _, needed := range enrolment(SelfService) {
		if covers(action, needed) {
			return wrong("action", "%q covers %s, which a user without a factor needs to enrol one; name the actions that are meant, or use --guardrail self-service", action, needed)
		}
	}
	for _, needed := range consoleSignIn {
		if covers(action, needed) {
			return wrong("action", "%q covers %s, which the console asks of a user without a factor before one can be enrolled; --guardrail mfa-only refuses it everywhere but there", action, needed)
		}
	}
	return nil
}

// reached refuses what a resource control policy does not reach, and the sign-in
// service, which has no MFA key there (AWS Sign-In user guide, console access
// control).
func (o *Options) reached(action string) error {
	service, _, _ := strings.Cut(action, ":")
	switch {
	case o.Form != RCP:
		return nil
	case service == "signin":
		return wrong("action", "%q: AWS Sign-In tells resource control policies nothing of MFA, so this would refuse users with it too", action)
	case !slices.Contains(enforce.RCPServices(), service):
		return wrong("action", "%q: resource control policies do not reach the service %s", action, service)
	case strings.EqualFold(action, "kms:RetireGrant"):
		return wrong("action", "%q is the one call of its service that resource control policies do not reach", action)
	}
	return nil
}

// covers tells whether a pattern of actions includes an action.
func covers(pattern, action string) bool {
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(action))
	return err == nil && ok
}
