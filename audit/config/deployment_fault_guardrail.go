package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// guardrail holds the guardrail to what can be made of it and attached. What is
// refused here guardrail.Generate refuses too, or does not know of.
func (c *checker) guardrail() {
	g := c.f.Guardrail
	if g.Profile == "" || g.Profile == "none" {
		section := c.root.child("guardrail")
		for _, key := range section.keys() {
			if key != "profile" {
				c.say("guardrail."+key, "it says nothing without a guardrail; write guardrail.profile, or remove it")
			}
		}
		return
	}
	group, scp := g.Attach == "" || g.Attach == ToGroup, g.Attach == ToSCP
	if len(g.Groups) > 0 && !group {
		c.say("guardrail.groups", "it belongs to attach: group; as %s nothing is attached to groups", g.Attach)
	}
	if len(g.SCPTargets) > 0 && !scp {
		c.say("guardrail.scp_targets", "it belongs to attach: scp")
	}
	if !scp {
		return
	}
	if c.f.Mode != Organizational {
		c.say("guardrail.attach", "a service control policy is the organisation's; it needs mode: organization")
		return
	}
	for i, target := range g.SCPTargets {
		if o := c.f.Organization; o != nil && target == o.Management {
			c.say(fmt.Sprintf("guardrail.scp_targets[%d]", i), "control policies do not bind the management account; it needs a guardrail on groups")
		}
	}
}

// guardrailKeys refuses what would change nothing: who writes it expects something
// of it.
func (c *checker) guardrailKeys() {
	g := c.f.Guardrail
	admin := g.Profile == "admin-managed"
	if g.Profile == "" || g.Profile == "none" {
		return
	}
	if len(g.FIDOLevels) > 0 && g.Profile != "hardware" {
		c.say("guardrail.fido_levels", "it belongs to profile: hardware")
	}
	if g.TagGuard && admin {
		c.say("guardrail.tag_guard", "it belongs to guardrails in which users enrol: self-service, mfa-only, hardware")
	}
	if c.given("guardrail.mfa_age") && admin {
		c.say("guardrail.mfa_age", "it says nothing in admin-managed, where users take no factor away")
	}
	c.age("guardrail.mfa_age", g.MFAAge)
	switch needed := admin || g.TagGuard; {
	case needed && len(g.Registrars) == 0:
		c.say("guardrail.registrars", "missing; %s needs the users who may assume the registrar role: registrars: [arn:aws:iam::111122223333:user/ada]", needing(admin))
	case !needed && len(g.Registrars) > 0:
		c.say("guardrail.registrars", "it belongs to profile: admin-managed, and to tag_guard")
	default:
		c.users("guardrail.registrars", g.Registrars, c.f.Account)
	}
}

func needing(admin bool) string {
	if admin {
		return "admin-managed"
	}
	return "tag_guard"
}

// url holds a URL to what is called from AWS's network and written into templates.
func (c *checker) url(path, text string) *url.URL {
	u, err := url.Parse(text)
	var host string
	if err == nil {
		host = u.Hostname()
	}
	_, address := netip.ParseAddr(host)
	switch {
	case err != nil || host == "":
		c.say(path, "it is no URL that can be read; write https://example.com/alerts")
	case u.User != nil:
		c.say(path, "it has a user name or password in it, and everybody who reads the template would; leave them out")
	case u.Fragment != "":
		c.say(path, "nobody is sent what follows the #; remove it")
	case address == nil || !strings.Contains(host, "."):
		c.say(path, "%s is no name that everybody knows; AWS calls it from outside and checks its certificate", quote(host))
	default:
		return u
	}
	return nil
}

// pagerDuty holds an integration URL to PagerDuty's own hosts: those of its two
// service regions.
func (c *checker) pagerDuty(path, text string) {
	u := c.url(path, text)
	if u == nil {
		return
	}
	switch host := strings.ToLower(u.Host); {
	case host != "events.pagerduty.com" && host != "events.eu.pagerduty.com":
		c.say(path, "%s is not PagerDuty's; the integration URL begins with https://events.pagerduty.com/ or https://events.eu.pagerduty.com/", quote(u.Host))
	case strings.Trim(u.Path, "/") == "":
		c.say(path, "it has no integration key; copy the whole URL: https://events.pagerduty.com/integration/KEY/enqueue")
	}
}
