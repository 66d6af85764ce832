package stacks

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"mfawatch/audit/enforce/guardrail"
)

// guards are the documents that ask for a second factor. They are written before
// anything is made: what IAM would not store is an error of the file.
type guards struct {
	policy    *guardrail.Document  // nil: no guardrail
	registrar *guardrail.Document  // who may assume the role that enrols for others; nil: there is no such role
	roles     []guardrail.Document // who may assume each of mfa_roles
	emergency *guardrail.Document  // who may assume the break-glass role by themselves; nil: nobody
}

// emergencyAge and emergencySession are what the emergency door takes when the
// file says nothing: a code that was typed just now, for one hour.
const (
	emergencyAge     = 15 * time.Minute
	emergencySession = time.Hour
)

func (b *builder) prepareGuards() error {
	for _, write := range []func() error{b.writePolicy, b.writeRegistrar, b.writeRoles, b.writeEmergency} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// forms are the forms that a guardrail has where it is attached.
var forms = map[string]guardrail.Form{"group": guardrail.Identity, "boundary": guardrail.Boundary, "scp": guardrail.SCP}

func (b *builder) writePolicy() error {
	g := b.d.Guardrail
	if g.Kind == "" {
		return nil
	}
	form, known := forms[string(g.Attach)]
	if !known {
		return fmt.Errorf("guardrail.attach: %q is not one of group, boundary, scp", g.Attach)
	}
	o := guardrail.Options{
		Kind: guardrail.Kind(g.Kind), Form: form, Partition: b.partition,
		PasswordChange: g.PasswordChange, TagGuard: g.TagGuard, MFAAge: g.MFAAge, FIDOLevels: g.FIDOLevels,
	}
	if b.registers() {
		o.Registrars = []string{b.registrarARN(form)}
	}
	d, err := guardrail.Generate(o)
	b.guards.policy = &d
	return inFile("guardrail", err)
}

// registers tells whether there is something that the registrar's role alone may do.
func (b *builder) registers() bool {
	return b.d.Guardrail.Kind == string(guardrail.AdminManaged) || b.d.Guardrail.TagGuard
}

// registrarARN is the registrar's role, as the guardrail's text names it. A service
// control policy is about the users of many accounts, and each account's are
// enrolled by its own role of that name: the one of this account alone would leave
// nobody who can enrol in the others.
func (b *builder) registrarARN(form guardrail.Form) string {
	arn := b.role("mfa-registrar")
	if form == guardrail.SCP {
		return strings.Replace(arn, ":"+b.account+":", ":*:", 1)
	}
	return arn
}

func (b *builder) writeRegistrar() error {
	g := b.d.Guardrail
	if g.Kind == "" || !b.registers() {
		return nil
	}
	d, err := b.trust(g.Registrars, 0)
	b.guards.registrar = &d
	if wrong := (*guardrail.OptionError)(nil); errors.As(err, &wrong) {
		return fmt.Errorf("guardrail.registrars: %s", wrong.Problem)
	}
	return err
}

// trust is a trust policy: these users, with MFA that is young enough.
func (b *builder) trust(users []string, age time.Duration) (guardrail.Document, error) {
	return guardrail.Generate(guardrail.Options{Kind: guardrail.MFAOnly, Form: guardrail.Trust, Partition: b.partition, Principals: users, MFAAge: age})
}

func (b *builder) writeRoles() error {
	for i, r := range b.d.MFARoles {
		section := fmt.Sprintf("mfa_roles[%d]", i)
		if err := b.checkRoleName(section, r.Name); err != nil {
			return err
		}
		if err := checkRole(section, r.Policies, r.Session); err != nil {
			return err
		}
		d, err := b.trust(r.Principals, r.MFAAge)
		if err != nil {
			return inFile(section, err)
		}
		b.guards.roles = append(b.guards.roles, d)
	}
	return nil
}

var roleName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

func (b *builder) checkRoleName(section, name string) error {
	switch {
	case !roleName.MatchString(name):
		return fmt.Errorf("%s.name: %q is no name of a role: one to 64 letters, digits and +=,.@_-", section, name)
	case strings.HasPrefix(strings.ToLower(name), strings.ToLower(b.prefix)+"-"):
		return fmt.Errorf("%s.name: %q begins as the roles of the deployment itself do, %s-: choose another", section, name, b.prefix)
	}
	return nil
}

// mostPolicies is how many managed policies a role has unless AWS was asked for
// more (IAM user guide, IAM and AWS STS quotas).
const mostPolicies = 10

func checkRole(section string, policies []string, session time.Duration) error {
	switch {
	case len(policies) > mostPolicies:
		return fmt.Errorf("%s.policies: %d policies, and IAM attaches %d to a role: put some together", section, len(policies), mostPolicies)
	case session != 0 && (session < time.Hour || session > 12*time.Hour):
		return fmt.Errorf("%s.session: %s is not between 1h and 12h, which a role's longest session is", section, session)
	}
	return nil
}

func (b *builder) writeEmergency() error {
	g := b.d.BreakGlass
	if !g.There() {
		return nil
	}
	if err := checkRole("break_glass", g.Policies, g.Session); err != nil || len(g.Principals) == 0 {
		return err
	}
	age := g.MFAAge
	if age == 0 {
		age = emergencyAge
	}
	d, err := b.trust(g.Principals, age)
	b.guards.emergency = &d
	return inFile("break_glass", err)
}

// keys are the keys of mfawatch.yaml that package guardrail calls otherwise.
var keys = map[string]string{
	"guardrail": "profile", "form": "attach", "fido-level": "fido_levels", "registrar": "registrars", "principal": "principals",
	"mfa-age": "mfa_age", "tag-guard": "tag_guard", "password-change": "password_change",
}

// inFile is an error about an option as one about a key of the file.
func inFile(section string, err error) error {
	if wrong := (*guardrail.OptionError)(nil); errors.As(err, &wrong) && keys[wrong.Option] != "" {
		return fmt.Errorf("%s.%s: %s", section, keys[wrong.Option], wrong.Problem)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", section, err)
	}
	return nil
}

// written is a document as constructs take it.
func written(d guardrail.Document) object { return parsed(d.Compact()).(object) }
