package breakglass

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Grade is how a device's codes are made, from worst to best. What is not known is
// below all.
type Grade int

// The grades. A code that a program makes beside the access keys proves nobody's
// presence; one that a person has to touch a key for does.
const (
	Ungraded      Grade = iota
	Software            // software-local: a seed on the host that has the access keys
	Sealed              // sealed-remote: a seed that another host keeps sealed, by rules of its own
	NoTouch             // yubikey-no-touch
	Touch               // yubikey-touch
	TouchPassword       // yubikey-touch-password
)

var grades = []string{"ungraded", "software-local", "sealed-remote", "yubikey-no-touch", "yubikey-touch", "yubikey-touch-password"}

func (g Grade) String() string {
	if g < 0 || int(g) >= len(grades) {
		return fmt.Sprintf("grade %d", int(g))
	}
	return grades[g]
}

// ParseGrade reads a grade's name.
func ParseGrade(name string) (Grade, error) {
	if i := slices.Index(grades, name); i > 0 {
		return Grade(i), nil
	}
	return Ungraded, fmt.Errorf("%q is no grade: software-local, sealed-remote, yubikey-no-touch, yubikey-touch or yubikey-touch-password is", name)
}

// Kind is what a device's codes are.
type Kind string

// The kinds of devices.
const (
	TOTP          Kind = "totp"
	HOTP          Kind = "hotp"
	YubicoOTP     Kind = "yubico-otp"
	RecoveryCodes Kind = "recovery-codes" // a printed sheet
)

// Device is a person's second factor. A sheet of recovery codes has no grade. The id names
// one secret, and the ledger remembers its codes by it: another secret is another id.
type Device struct {
	ID    string
	Kind  Kind
	Grade Grade
}

// Person is who may ask, approve, revoke and unlock, as AWS knows them and by what
// they prove to be there. Each principal and device is one person's.
type Person struct {
	Name       string   // also the session's source identity
	Principals []string // ARNs of IAM users
	Devices    []Device
}

// Role is what can be asked for.
type Role struct {
	Name, ARN  string
	Requesters []string      // by name
	Approvers  []string      // by name; nobody approves what they asked for
	Approvals  int           // how many of the approvers are needed
	Longest    time.Duration // of credentials, 15 to 60 minutes
	CoolOff    time.Duration // between approval and use, for others to object
	Grade      Grade         // the least that is accepted, of requesters and of approvers
	Sheets     bool          // recovery codes are accepted too
	Ticket     bool          // a request has to name one
	Policies   []string      // ARNs of managed policies: the session has what both they and the role allow
	Alone      Alone
}

// Alone is the emergency with one person: nobody approves, everybody is told loudly.
type Alone struct {
	Allowed bool
	CoolOff time.Duration // between request and use
	Grade   Grade         // the least that is accepted; Role.Grade where it is more
}

// Rules are what the door holds everybody to.
type Rules struct {
	Door    string // in every entry of the record
	People  []Person
	Roles   []Role
	Approve time.Duration // a request that is not approved in this time expires
	Use     time.Duration // one that is approved and not used in this time does too
}

// The bounds of rules.
const (
	ShortestSession = 15 * time.Minute // AWS's
	LongestSession  = time.Hour
	shortestStage   = time.Minute
	longestStage    = 24 * time.Hour
	mostPeople      = 50
	mostDevices     = 10
	mostPolicies    = 10 // AWS's, for a session
)

var (
	// A name is a source identity and part of a session tag, so AWS's characters.
	nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{1,62}$`)
	// A role session's ARN names no one person: only users may come in.
	userForm   = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:user/[!-~]{1,600}$`)
	policyForm = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::([0-9]{12}|aws):policy/[!-~]{1,600}$`)
	roleForm   = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[!-~]{1,600}$`)
)

// Check says all that is wrong with rules. Rules with a fault open nothing.
func (r Rules) Check() error {
	c := &checker{rules: r}
	c.wants(nameForm.MatchString(r.Door), "door %q: a name of 2 to 63 letters, digits, _ . @ and - is wanted", r.Door)
	c.stage("approve", r.Approve)
	c.stage("use", r.Use)
	c.people()
	c.roles()
	return errors.Join(c.faults...)
}

type checker struct {
	rules  Rules
	faults []error
}

func (c *checker) wants(ok bool, format string, a ...any) {
	if !ok {
		c.faults = append(c.faults, fmt.Errorf(format, a...))
	}
}

func (c *checker) stage(what string, d time.Duration) {
	c.wants(d >= shortestStage && d <= longestStage, "%s: %v: a minute to a day is possible", what, d)
}

func (c *checker) people() {
	c.wants(len(c.rules.People) > 0 && len(c.rules.People) <= mostPeople, "people: %d: 1 to %d are possible", len(c.rules.People), mostPeople)
	names, principals, devices := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, p := range c.rules.People {
		c.wants(nameForm.MatchString(p.Name), "person %q: a name of 2 to 63 letters, digits, _ . @ and - is wanted", p.Name)
		c.wants(!names[p.Name], "person %s is there twice", p.Name)
		names[p.Name] = true
		c.wants(len(p.Principals) > 0, "person %s has no principal: name the IAM user", p.Name)
		for _, arn := range p.Principals {
			c.wants(userForm.MatchString(arn), "person %s: %q is no IAM user's ARN; a role's session is not one person's", p.Name, arn)
			c.wants(principals[arn] == "", "principal %s is %s's and %s's: one person each", arn, principals[arn], p.Name)
			principals[arn] = p.Name
		}
		c.wants(len(p.Devices) > 0 && len(p.Devices) <= mostDevices, "person %s has %d devices: 1 to %d are possible", p.Name, len(p.Devices), mostDevices)
		for _, d := range p.Devices {
			c.device(p.Name, d)
			c.wants(devices[d.ID] == "", "device %s is %s's and %s's: one person each", d.ID, devices[d.ID], p.Name)
			devices[d.ID] = p.Name
		}
	}
}

func (c *checker) device(person string, d Device) {
	c.wants(nameForm.MatchString(d.ID), "person %s: device %q: an id of 2 to 63 letters, digits, _ . @ and - is wanted", person, d.ID)
	c.wants(!strings.HasPrefix(d.ID, nobodys), "device %s: %s is kept for attempts at what is nobody's: give another id", d.ID, nobodys)
	c.wants(slices.Contains([]Kind{TOTP, HOTP, YubicoOTP, RecoveryCodes}, d.Kind), "device %s: kind %q: totp, hotp, yubico-otp or recovery-codes is wanted", d.ID, d.Kind)
	switch d.Kind {
	case RecoveryCodes:
		c.wants(d.Grade == Ungraded, "device %s: a sheet of recovery codes has no grade: leave it out, and say sheets in the role", d.ID)
	default:
		c.wants(d.Grade > Ungraded && int(d.Grade) < len(grades), "device %s: %v: say how its codes are made", d.ID, d.Grade)
	}
}

func (c *checker) roles() {
	c.wants(len(c.rules.Roles) > 0, "roles: there are none: name what can be asked for")
	names, arns := map[string]bool{}, map[string]bool{}
	for _, r := range c.rules.Roles {
		c.wants(nameForm.MatchString(r.Name), "role %q: a name of 2 to 63 letters, digits, _ . @ and - is wanted", r.Name)
		c.wants(!names[r.Name], "role %s is there twice", r.Name)
		c.wants(roleForm.MatchString(r.ARN), "role %s: %q is no IAM role's ARN", r.Name, r.ARN)
		c.wants(!arns[r.ARN], "role %s: %s has two names: the stricter would not hold", r.Name, r.ARN)
		names[r.Name], arns[r.ARN] = true, true
		c.wants(r.Longest >= ShortestSession && r.Longest <= LongestSession, "role %s: longest %v: 15 to 60 minutes are possible", r.Name, r.Longest)
		c.wants(r.CoolOff >= 0 && r.CoolOff <= longestStage, "role %s: cool-off %v: up to a day is possible", r.Name, r.CoolOff)
		c.wants(r.Grade > Ungraded && int(r.Grade) < len(grades), "role %s: %v: say the least grade that is accepted", r.Name, r.Grade)
		c.policies(r)
		c.alone(r)
		c.access(r)
	}
}

func (c *checker) policies(r Role) {
	c.wants(len(r.Policies) <= mostPolicies, "role %s: %d session policies: %d are possible", r.Name, len(r.Policies), mostPolicies)
	for _, arn := range r.Policies {
		c.wants(policyForm.MatchString(arn), "role %s: %q is no managed policy's ARN", r.Name, arn)
	}
}

func (c *checker) alone(r Role) {
	a := r.Alone
	if !a.Allowed {
		c.wants(a == Alone{}, "role %s: what is said of one person alone has no effect: allow it or leave it out", r.Name)
		return
	}
	c.wants(a.CoolOff >= 0 && a.CoolOff <= longestStage, "role %s: one person's cool-off %v: up to a day is possible", r.Name, a.CoolOff)
	c.wants(slices.ContainsFunc(r.Requesters, func(name string) bool {
		p, _ := c.rules.named(name)
		return slices.ContainsFunc(p.Devices, func(d Device) bool { return r.acceptsFrom(max(r.Grade, a.Grade), d) })
	}), "role %s: no requester has a device that one person alone may use", r.Name)
	c.wants(a.Grade >= Ungraded && int(a.Grade) < len(grades), "role %s: one person's %v: it is no grade", r.Name, a.Grade)
}

// access looks at who can come in at all: a door that opens for nobody is found before
// the night it is needed.
func (c *checker) access(r Role) {
	c.wants(len(r.Requesters) > 0, "role %s: nobody may ask for it: name requesters", r.Name)
	c.wants(r.Approvals >= 1, "role %s: approvals %d: at least 1 is wanted; one person alone is said by alone", r.Name, r.Approvals)
	for _, list := range [][]string{r.Requesters, r.Approvers} {
		for i, name := range list {
			p, known := c.rules.named(name)
			c.wants(known, "role %s names %q, who is not among the people", r.Name, name)
			c.wants(!slices.Contains(list[:i], name), "role %s names %s twice", r.Name, name)
			c.wants(!known || slices.ContainsFunc(p.Devices, r.accepts), "role %s: %s has no device of grade %v or better: they could not take part", r.Name, name, r.Grade)
		}
	}
	for _, name := range r.Requesters {
		others := len(slices.DeleteFunc(slices.Clone(r.Approvers), func(a string) bool { return a == name }))
		c.wants(others >= r.Approvals, "role %s: for %s there are %d other approvers and %d are needed", r.Name, name, others, r.Approvals)
	}
}

// accepts tells whether a device is good enough for the role, by two persons or more.
func (r Role) accepts(d Device) bool { return r.acceptsFrom(r.Grade, d) }

func (r Role) acceptsFrom(least Grade, d Device) bool {
	if d.Kind == RecoveryCodes {
		return r.Sheets
	}
	return d.Grade >= least
}

func (r Rules) named(name string) (Person, bool) {
	i := slices.IndexFunc(r.People, func(p Person) bool { return p.Name == name })
	if i < 0 {
		return Person{}, false
	}
	return r.People[i], true
}

func (r Rules) role(name string) (Role, bool) {
	i := slices.IndexFunc(r.Roles, func(o Role) bool { return o.Name == name })
	if i < 0 {
		return Role{}, false
	}
	return r.Roles[i], true
}

// whose is the person of a principal.
func (r Rules) whose(principal string) (Person, bool) {
	i := slices.IndexFunc(r.People, func(p Person) bool { return slices.Contains(p.Principals, principal) })
	if i < 0 {
		return Person{}, false
	}
	return r.People[i], true
}

// owner is the person of a device.
func (r Rules) owner(device string) (Person, bool) {
	i := slices.IndexFunc(r.People, func(p Person) bool { _, has := p.device(device); return has })
	if i < 0 {
		return Person{}, false
	}
	return r.People[i], true
}

func (p Person) device(id string) (Device, bool) {
	i := slices.IndexFunc(p.Devices, func(d Device) bool { return d.ID == id })
	if i < 0 {
		return Device{}, false
	}
	return p.Devices[i], true
}

// decoy is the device that stands in for one that is not the caller's: the work and
// the answer are a wrong code's.
func (r Rules) decoy() Device {
	decoy := r.People[0].Devices[0]
	for _, p := range r.People {
		for _, d := range p.Devices {
			if slices.Index(decoys, d.Kind) < slices.Index(decoys, decoy.Kind) {
				decoy = d
			}
		}
	}
	return decoy
}

// decoys are the kinds of devices, first those whose codes people guess at.
var decoys = []Kind{TOTP, HOTP, YubicoOTP, RecoveryCodes}
