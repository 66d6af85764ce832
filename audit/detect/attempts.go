package detect

import (
	"fmt"
	"slices"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// key joins events of one account; two accounts never mix.
func key(e *signin.Event, part string) string { return e.Account + "\x00" + part }

// attempts follows failed sign-ins by user and by address: a password guessed,
// one password tried on many users, and either of them working.
func (d *Detector) attempts(e *signin.Event) []finding {
	switch {
	case failed(e):
		return d.failure(e)
	case gotIn(e):
		return append(d.guessed(e), d.sprayed(e)...)
	}
	return nil
}

// failed tells whether an attempt to sign in failed, at whichever factor. A
// refusal by a sign-in policy is no guess. In the portal each factor has its
// own CredentialVerification; a failed UserAuthentication after them would
// count the attempt twice, so only an outside provider's is read, which has
// none before it (IAM Identity Center user guide, sign-in events).
func failed(e *signin.Event) bool {
	if e.Source != signin.Source {
		return false
	}
	switch e.Name {
	case "ConsoleLogin":
		return failedSignIn(e)
	case "UserAuthentication":
		return failedSignIn(e) && slices.Contains(e.Credentials, "EXTERNAL_IDP")
	case "CredentialVerification":
		return e.Result == signin.Failure
	}
	return false
}

func failedSignIn(e *signin.Event) bool {
	reason := signin.Classify(*e, signin.Rules{}).Reason
	return reason == signin.ReasonFailedSignIn || reason == signin.ReasonFailedAtMFA
}

// gotIn tells whether somebody signed in with a password of ours: a role or a
// federated session was let in elsewhere.
func gotIn(e *signin.Event) bool {
	if e.Source != signin.Source || e.Result != signin.Success {
		return false
	}
	switch e.Name {
	case "ConsoleLogin":
		return e.Principal.Kind == audit.IAMUser || who(e) == rootKey
	case "UserAuthentication":
		return true
	}
	return false
}

func (d *Detector) failure(e *signin.Event) []finding {
	m := markOf(e)
	if user := who(e); user != "" {
		marks := d.guesses.at(key(e, user), d.now)
		*marks = newest(insert(*marks, m), d.checks[idGuessed].Threshold)
	}
	if e.SourceIP == "" {
		return nil
	}
	m.of = who(e)
	if m.of == "" { // a hidden name: it may be any, so each is one of its own
		m.of = hiddenKey(e.ID)
	}
	names := d.names.at(key(e, e.SourceIP), d.now)
	*names = newest(insertName(*names, m), d.checks[idSprayed].Threshold+1) // one may be the one who gets in
	return d.spray(e, m)
}

func hiddenKey(id string) string { return "hidden/" + id }

func (d *Detector) spray(e *signin.Event, m mark) []finding {
	c := d.checks[idSpray]
	full := d.sprays.at(key(e, e.SourceIP), d.now).add(m, c, insertName)
	if full == nil {
		return nil
	}
	detail := fmt.Sprintf("%s failed to sign in as %d users within %s", quote(e.SourceIP), len(full), span(c.Window))
	if n := len(slices.DeleteFunc(slices.Clone(full), func(m mark) bool { return m.of != hiddenKey(m.id) })); n > 0 {
		detail += fmt.Sprintf("; %d of them under names that do not exist, each counted as one user", n)
	}
	return []finding{{id: idSpray, event: e, principal: e.Principal, detail: detail, marks: full}}
}

// guessed judges a success by the failures of the same user before it, which it
// ends.
func (d *Detector) guessed(e *signin.Event) []finding {
	c := d.checks[idGuessed]
	marks := d.guesses.find(key(e, who(e)), d.now)
	if marks == nil {
		return nil
	}
	tries := between(*marks, e.Time.Add(-c.Window), e.Time)
	*marks = after(*marks, e.Time)
	if len(tries) < c.Threshold {
		return nil
	}
	detail := fmt.Sprintf("%s got in from %s after failing %d times or more within %s", name(e), quote(e.SourceIP), c.Threshold, span(c.Window))
	return []finding{{id: idGuessed, event: e, principal: e.Principal, detail: detail, marks: append(tries, markOf(e))}}
}

// sprayed judges a success by the other names that failed from its address. A
// success does not end them: an attacker has a user of their own, too.
func (d *Detector) sprayed(e *signin.Event) []finding {
	c := d.checks[idSprayed]
	marks := d.names.find(key(e, e.SourceIP), d.now)
	if marks == nil {
		return nil
	}
	tries := between(*marks, e.Time.Add(-c.Window), e.Time)
	tries = newest(slices.DeleteFunc(tries, func(m mark) bool { return m.of == who(e) }), c.Threshold)
	if len(tries) < c.Threshold {
		return nil
	}
	*marks = after(*marks, e.Time)
	detail := fmt.Sprintf("%s got in from %s, where %d other names or more had failed within %s", name(e), quote(e.SourceIP), c.Threshold, span(c.Window))
	return []finding{{id: idSprayed, event: e, principal: e.Principal, detail: detail, marks: append(tries, markOf(e))}}
}
