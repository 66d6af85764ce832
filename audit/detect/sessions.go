package detect

import (
	"fmt"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// link is a federation token, and whose long-term credentials made it.
type link struct {
	mark
	by    audit.Principal
	maker string
	fired bool
}

// consoleLinks joins GetFederationToken with the console that its credentials
// open: an access key has become a browser session.
func (d *Detector) consoleLinks(e *signin.Event) []finding {
	switch {
	case !e.Succeeded():
	case e.Source == stsSource && e.Name == "GetFederationToken":
		d.issued(e)
	case e.Source == signin.Source && (e.Name == "GetSigninToken" || e.Name == "ConsoleLogin"):
		return d.opened(e)
	}
	return nil
}

// issued remembers a token by the key it holds and by the federated user's
// ARN: a ConsoleLogin has no access key.
func (d *Detector) issued(e *signin.Event) {
	if e.Principal.Kind != audit.IAMUser && e.Principal.Kind != audit.Root {
		return
	}
	l := &link{mark: markOf(e), by: e.Principal, maker: name(e)}
	for _, handle := range []string{e.IssuedKeyID, e.IssuedARN} {
		if handle != "" {
			*d.links.at(key(e, handle), d.now) = l
		}
	}
}

func (d *Detector) opened(e *signin.Event) []finding {
	if e.IdentityType != "FederatedUser" {
		return nil
	}
	c := d.checks[idConsoleLink]
	for _, handle := range []string{e.AccessKeyID, e.Principal.ARN} {
		found := d.links.find(key(e, handle), d.now)
		if found == nil {
			continue
		}
		l := *found
		if l.fired || e.Time.Before(l.at) || e.Time.Sub(l.at) > c.Window {
			return nil
		}
		l.fired = true
		detail := fmt.Sprintf("the long-term credentials of %s opened a console as %s, from %s", l.maker, quote(e.Principal.Name), quote(e.SourceIP))
		return []finding{{id: idConsoleLink, event: e, principal: l.by, detail: detail, marks: []mark{l.mark, markOf(e)}}}
	}
	return nil
}

// session is when a principal last opened a console, had tokens made out of
// it, and was reported.
type session struct {
	login, authorized, reported time.Time
}

// consoleTokens looks for tokens of `aws login` and of agents whose console
// session nobody saw begin. A late event is no evidence: what it follows may be
// forgotten.
func (d *Detector) consoleTokens(e *signin.Event) []finding {
	if e.Source != signin.Source || !e.Succeeded() || who(e) == "" {
		return nil
	}
	switch e.Name {
	case "ConsoleLogin", "SwitchRole":
		if e.Result == signin.Success {
			s := d.sessions.at(key(e, who(e)), d.now)
			s.login = latest(s.login, e.Time)
		}
	case "AuthorizeOAuth2Access", "CreateOAuth2Token":
		if !withoutPerson(e) && !e.Time.Before(d.now) {
			return d.token(e, d.sessions.at(key(e, who(e)), d.now))
		}
	}
	return nil
}

func (d *Detector) token(e *signin.Event, s *session) []finding {
	c := d.checks[idOrphanToken]
	refresh := e.GrantType == "refresh_token"
	within := func(t time.Time) bool { return e.Time.Sub(t) <= c.Window } // the zero time is long ago
	// A session lives for 12 h from `aws login`, itself up to 12 h from the
	// sign-in: a refresh is in order when its authorization was seen.
	expected := within(s.login) || refresh && within(s.authorized)
	if !refresh {
		s.authorized = e.Time
	}
	if expected || within(s.reported) || !d.covered(e, c.Window) {
		return nil
	}
	s.reported = e.Time
	detail := fmt.Sprintf("tokens from a console session of %s, with no console sign-in in the %s before (%s, client %s, from %s)",
		name(e), span(c.Window), e.Name, quote(e.Request["client_id"]), quote(e.SourceIP))
	return one(e, idOrphanToken, detail)
}

// covered tells whether a sign-in in the window before e would still be
// remembered: the stream began before it, and nothing of it was dropped.
func (d *Detector) covered(e *signin.Event, window time.Duration) bool {
	start := e.Time.Add(-window)
	return !d.first.After(start) && d.sessions.lost.Before(start)
}
