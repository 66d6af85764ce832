package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// factorFailures counts the failures of a user's second factor.
func (d *Detector) factorFailures(e *signin.Event) []finding {
	if !failedAtFactor(e) || who(e) == "" {
		return nil
	}
	c := d.checks[idFactorFailures]
	full := d.factors.at(key(e, who(e)), d.now).add(markOf(e), c, insert)
	if full == nil {
		return nil
	}
	detail := fmt.Sprintf("the second factor of %s failed %d times within %s, after a right password; last from %s", name(e), len(full), span(c.Window), quote(e.SourceIP))
	return []finding{{id: idFactorFailures, event: e, principal: e.Principal, detail: detail, marks: full}}
}

func failedAtFactor(e *signin.Event) bool {
	if e.Source != signin.Source {
		return false
	}
	switch e.Name {
	case "ConsoleLogin":
		return signin.Classify(*e, signin.Rules{}).Reason == signin.ReasonFailedAtMFA
	case "CredentialVerification":
		return e.Result == signin.Failure && slices.ContainsFunc(e.Credentials, func(c string) bool {
			return c == "TOTP" || c == "RESYNC_TOTP" || c == "WEBAUTHN"
		})
	}
	return false
}

// unanswered counts MFA prompts that led nowhere. CheckMfa Success means that
// the prompt was shown, not that a code was right (CloudTrail user guide,
// console sign-in events).
func (d *Detector) unanswered(e *signin.Event) []finding {
	user := who(e)
	if e.Source != signin.Source || user == "" {
		return nil
	}
	switch {
	case e.Name == "CheckMfa" && e.Result == signin.Success:
		return d.prompt(e, d.prompts.at(key(e, user), d.now))
	case e.Name == "ConsoleLogin":
		if b := d.prompts.find(key(e, user), d.now); b != nil {
			b.answered(e)
		}
	}
	return nil
}

func (d *Detector) prompt(e *signin.Event, b *burst) []finding {
	c := d.checks[idPrompts]
	full := b.add(markOf(e), c, insert)
	if full == nil {
		return nil
	}
	detail := fmt.Sprintf("%s was asked for the second factor %d times within %s and did not get in; last from %s", name(e), len(full), span(c.Window), quote(e.SourceIP))
	return []finding{{id: idPrompts, event: e, principal: e.Principal, detail: detail, marks: full}}
}

// answered ends the prompts before a success; a wrong answer takes back the
// prompt it belongs to.
func (b *burst) answered(e *signin.Event) {
	switch before := len(between(b.marks, time.Time{}, e.Time)); {
	case e.Result == signin.Success:
		b.marks = after(b.marks, e.Time)
	case before > 0 && failedAtFactor(e):
		b.marks = slices.Delete(b.marks, before-1, before)
	}
}

// removal is the factor of a user that was taken off last.
type removal struct {
	mark
	device string
	how    string
	fired  bool
}

// factorsRemoved joins the removal of a factor with a sign-in of that user
// without one.
func (d *Detector) factorsRemoved(e *signin.Event) []finding {
	if !e.Succeeded() {
		return nil
	}
	switch e.Source + " " + e.Name {
	case iamSource + " CreateVirtualMFADevice":
		*d.owners.at(key(e, deviceKey(e.Request["virtualMFADeviceName"])), d.now) = "" // nobody's yet
	case iamSource + " EnableMFADevice":
		d.learn(e, target(e), e.SerialNumber)
	case stsSource + " GetSessionToken", stsSource + " AssumeRole":
		d.learnOwn(e, e.SerialNumber) // AWS takes the caller's own device only
	case iamSource + " DeactivateMFADevice":
		d.learn(e, target(e), e.SerialNumber)
		d.removed(e, target(e), "was deactivated")
	case iamSource + " DeleteVirtualMFADevice":
		d.deleted(e)
	case signin.Source + " ConsoleLogin":
		d.learnOwn(e, e.MFADevice)
		return d.signInWithout(e)
	}
	return nil
}

func (d *Detector) learn(e *signin.Event, user, serial string) {
	if user != "" && serial != "" {
		*d.owners.at(key(e, deviceKey(serial)), d.now) = user
	}
}

func (d *Detector) learnOwn(e *signin.Event, serial string) {
	if e.Principal.Kind == audit.IAMUser || e.Principal.Kind == audit.Root {
		d.learn(e, who(e), serial)
	}
}

// deviceKey is a device's name where it has one, as names of virtual devices
// are unique in an account and creation tells no more; else its serial number.
func deviceKey(serial string) string {
	if strings.Contains(serial, ":mfa/") {
		serial = serial[strings.LastIndex(serial, "/")+1:]
	}
	return strings.ToLower(serial)
}

// deleted joins a deleted device, of which the record has the serial only, to
// its user: by what was seen of that device, else by its name, which the
// console's users often make their own. AWS deletes devices that nobody used;
// those are no loss.
func (d *Detector) deleted(e *signin.Event) {
	device := deviceKey(e.SerialNumber)
	owner, how := "user/"+device, "was deleted (it bears the user's name)"
	if device == "root-account-mfa-device" {
		owner, how = rootKey, "was deleted"
	}
	if known := d.owners.find(key(e, device), d.now); known != nil {
		owner, how = *known, "was deleted"
	}
	d.removed(e, owner, how)
}

// removed remembers a removal from a user; nobody's device is no loss. Deleting
// the device that was just deactivated is the same removal.
func (d *Detector) removed(e *signin.Event, user, how string) {
	if user == "" {
		return
	}
	r := d.removals.at(key(e, user), d.now)
	device := deviceKey(e.SerialNumber)
	if e.Time.Before(r.at) || e.Name == "DeleteVirtualMFADevice" && r.device == device {
		return
	}
	*r = removal{mark: markOf(e), device: device, how: how + " by " + name(e)}
}

func (d *Detector) signInWithout(e *signin.Event) []finding {
	if signin.Classify(*e, signin.Rules{}).Reason != signin.ReasonNoMFA {
		return nil
	}
	c := d.checks[idFactorRemoved]
	r := d.removals.find(key(e, who(e)), d.now)
	if r == nil || r.fired || e.Time.Before(r.at) || e.Time.Sub(r.at) > c.Window {
		return nil
	}
	r.fired = true
	detail := fmt.Sprintf("%s signed in without MFA from %s; the MFA device %s", name(e), quote(e.SourceIP), r.how)
	return []finding{{id: idFactorRemoved, event: e, principal: e.Principal, detail: detail, marks: []mark{r.mark, markOf(e)}}}
}
