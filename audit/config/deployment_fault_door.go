package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// door holds the rules of the function to what is written of them. Whether they let
// anybody in is found where they are made (infra/stacks).
func (c *checker) door(b glassFile) {
	if len(b.People) == 0 {
		for _, key := range []string{"door", "approve", "use", "roles"} {
			if c.given("break_glass." + key) {
				c.say("break_glass."+key, "it says nothing without break_glass.people; name the people or remove it")
			}
		}
		return
	}
	if len(b.Roles) == 0 {
		c.say("break_glass.roles", "missing; people need something to ask for: roles: [{name: administrator, requesters: [ada], approvers: [grace], grade: yubikey-touch}]")
	}
	c.stage("break_glass.approve", b.Approve)
	c.stage("break_glass.use", b.Use)
	for i, p := range b.People {
		path := fmt.Sprintf("break_glass.people[%d].principals", i)
		c.users(path, p.Principals, c.f.Account)
		c.apart(path, p.Principals, b.Principals)
	}
	for i, r := range b.Roles {
		c.doorRole(fmt.Sprintf("break_glass.roles[%d]", i), r)
	}
	c.doorRoles(b.Roles)
}

// longestRole is how long the name of a role of AWS may be (IAM user guide, quotas).
const longestRole = 64

// doorRoles looks at what the stack makes of each: the first has the policies of
// break_glass, and each other its own and a name of AWS that no other has.
func (c *checker) doorRoles(all []doorRoleFile) {
	for i, r := range all {
		path := fmt.Sprintf("break_glass.roles[%d]", i)
		for j, other := range all[:i] {
			if plainName(other.Name) == plainName(r.Name) {
				c.say(path+".name", "%q and %q of roles[%d] are the same but for case and punctuation, which names of AWS do not keep apart; choose another", r.Name, other.Name, j)
			}
		}
		switch name := cmp.Or(c.f.Prefix, defaultPrefix) + "-break-glass-" + r.Name; {
		case i == 0 && len(r.Policies) > 0:
			c.say(path+".policies", "the first role has break_glass.policies; write them there")
		case i > 0 && len(r.Policies) == 0:
			c.say(path+".policies", "missing; the first role alone has break_glass.policies, and each other names its own")
		case i > 0 && len(name) > longestRole:
			c.say(path+".name", "the role of AWS would be %s, of %d characters, and IAM takes %d; choose a shorter one", name, len(name), longestRole)
		}
		c.policies(path+".policies", r.Policies)
	}
}

// plainName is what is left of a name where templates and IAM compare it.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("_.@-", r) {
			return -1
		}
		return r
	}, strings.ToLower(name))
}

// apart refuses a caller of the function who needs it not: whoever may assume the
// role by themselves is asked for nobody's approval.
func (c *checker) apart(path string, callers, alone []string) {
	for i, caller := range callers {
		if slices.Contains(alone, caller) {
			c.say(fmt.Sprintf("%s[%d]", path, i), "it is among break_glass.principals, who assume the role without anybody's approval; name another user")
		}
	}
}

func (c *checker) doorRole(path string, r doorRoleFile) {
	if d := time.Duration(r.Longest); d != 0 && (d < 15*time.Minute || d > time.Hour) {
		c.say(path+".longest", "%v is not between 15m and 1h: AWS takes no less, and no more of a role that assumes a role", d)
	}
	c.stage(path+".cool_off", r.CoolOff)
	c.stage(path+".alone.cool_off", r.Alone.CoolOff)
}

// stage holds the time of one stage to what may come of a request.
func (c *checker) stage(path string, w window) {
	if d := time.Duration(w); d != 0 && (d < time.Minute || d > 24*time.Hour) {
		c.say(path, "%v is not between 1m and 24h", d)
	}
}
