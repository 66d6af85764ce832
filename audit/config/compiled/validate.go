package compiled

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/posture"
	"mfawatch/audit/signin"
)

// The bounds of the schemas of audit/config, whose tests hold these to them.
const (
	maxEntries    = 1000
	maxExemptions = 10_000
	maxAccounts   = 10_000
	maxSpeaksFor  = 1000 // accounts of an exemption
	maxBreakGlass = 100
	maxName       = 63  // of an account
	maxText       = 500 // of an exemption
	maxTag        = 128 // a group's name too
	maxTagValue   = 256
	maxPath       = 512
	maxFold       = 1000
	maxWindow     = 9999*time.Hour + 999_999*time.Minute + 99_999_999*time.Second
	maxSpan       = 9999 // hours or days
)

// validate refuses what audit/config refuses.
func validate(f File) error {
	if err := errors.Join(f.Detect.Validate(), f.Posture.Validate()); err != nil {
		return err
	}
	for _, check := range []func(File) error{
		func(f File) error { return each("sign_in", f.SignIn.SignIn, maxEntries, signInEntry) },
		func(f File) error { return each("detections", f.Detect.Overrides, maxEntries, detection) },
		func(f File) error { return each("audit.overrides", f.Posture.Overrides, maxEntries, override) },
		func(f File) error { return each("exemptions", f.Posture.Exemptions, maxExemptions, exemption) },
		func(f File) error { return each("audit.break_glass", f.Posture.BreakGlass, maxBreakGlass, emergency) },
		spans, accounts, folding,
	} {
		if err := check(f); err != nil {
			return err
		}
	}
	return nil
}

// each checks the entries of a list, and that they are not too many.
func each[T any](field string, list []T, most int, check func(T) error) error {
	if len(list) > most {
		return fmt.Errorf("%s: %d entries; at most %d", field, len(list), most)
	}
	for i, entry := range list {
		if err := check(entry); err != nil {
			return fmt.Errorf("%s[%d]: %w", field, i, err)
		}
	}
	return nil
}

func signInEntry(o signin.Override) error {
	all := signin.Definitions()
	i := slices.IndexFunc(all, func(d signin.Definition) bool { return d.Reason == o.Reason })
	switch {
	case i < 0:
		return fmt.Errorf("reason %q is unknown", o.Reason)
	case o.Principal != "" && !slices.Contains(audit.PrincipalKinds(), o.Principal):
		return fmt.Errorf("principal %q is unknown", o.Principal)
	case o.Alert == nil && o.Severity == nil:
		return errors.New("it changes nothing")
	case o.Principal != audit.Root:
		return nil
	}
	return floor(o.Alert, o.Severity, all[i].Root.Alert, all[i].Root.Severity)
}

// detection holds the checks of root itself to their floor. The rest is
// detect.Rules.Validate's.
func detection(o detect.Override) error {
	switch {
	case o.Alert == nil && o.Severity == nil && o.Threshold == nil && o.Window == nil:
		return errors.New("it changes nothing")
	case o.Window != nil && !isWindow(*o.Window):
		return fmt.Errorf("window %v is not between 1s and %v, in whole seconds", *o.Window, maxWindow)
	case !strings.HasPrefix(o.ID, "root-"):
		return nil
	}
	all := detect.Checks()
	i := slices.IndexFunc(all, func(c detect.Check) bool { return c.ID == o.ID })
	return floor(o.Alert, o.Severity, true, all[i].Severity)
}

// floor refuses what would silence root or make it milder.
func floor(alert *bool, severity *audit.Severity, alerts bool, least audit.Severity) error {
	switch {
	case alerts && alert != nil && !*alert:
		return errors.New("root cannot be silenced")
	case severity != nil && *severity < least:
		return fmt.Errorf("root cannot be lowered: %v or worse", least)
	}
	return nil
}

func override(o posture.Override) error {
	switch {
	case long(o.Group, maxTag), long(o.Tag, maxTag), long(o.TagValue, maxTagValue), long(o.Path, maxPath):
		return errors.New("group, tag or path is too long")
	case o.Path != "" && !isPath(o.Path):
		return fmt.Errorf("path %q does not begin and end with a slash", o.Path)
	}
	return nil
}

func exemption(e audit.Exemption) error {
	switch {
	case !isSubject(e.ID):
		return fmt.Errorf("%q is no immutable id", e.ID)
	case long(e.Owner, maxText), long(e.Reason, maxText), long(e.Ticket, maxText):
		return errors.New("owner, reason or ticket is too long")
	case e.Expires.Nanosecond() != 0 || e.Expires.Location() != time.UTC || e.Expires.Year() < 0 || e.Expires.Year() > 9999:
		return fmt.Errorf("%v is not a whole second of the years 0 to 9999, in UTC", e.Expires)
	}
	for i, check := range e.Checks {
		if slices.Index(e.Checks, check) != i {
			return fmt.Errorf("check %q is named twice", check)
		}
	}
	return speaksFor(e)
}

// speaksFor refuses accounts that are none, and a root or device of others.
func speaksFor(e audit.Exemption) error {
	if len(e.Accounts) > maxSpeaksFor {
		return fmt.Errorf("%d accounts; at most %d", len(e.Accounts), maxSpeaksFor)
	}
	for i, account := range e.Accounts {
		if !isAccount(account) || slices.Index(e.Accounts, account) != i {
			return fmt.Errorf("account %q is none, or named twice", account)
		}
	}
	of := e.ID
	if part := strings.SplitN(e.ID, ":", 6); len(part) == 6 {
		of = part[4]
	}
	if isAccount(of) && !e.In(of) {
		return fmt.Errorf("%q is of an account that it may not speak for", e.ID)
	}
	return nil
}

func emergency(id string) error {
	if !isID(id, "AIDA") {
		return fmt.Errorf("%q is no immutable id of a user", id)
	}
	return nil
}

func spans(f File) error {
	for i, d := range []time.Duration{f.Posture.StaleReport, f.Posture.RootRecentUse, f.Posture.UserRecentUse, f.Posture.UnusedConsole} {
		hours, days := d/time.Hour, d/(24*time.Hour)
		whole := d == hours*time.Hour && hours <= maxSpan || d == days*24*time.Hour && days <= maxSpan
		if !whole { // less than zero is posture's to refuse
			return fmt.Errorf("audit.%s: %v is not 1 to %d hours or days", []string{"stale_report", "root_recent_use", "user_recent_use", "unused_console"}[i], d, maxSpan)
		}
	}
	return nil
}

func accounts(f File) error {
	if len(f.Accounts) > maxAccounts {
		return fmt.Errorf("accounts: %d; at most %d", len(f.Accounts), maxAccounts)
	}
	for account, name := range f.Accounts {
		if !isAccount(account) || name == "" || long(name, maxName) {
			return fmt.Errorf("accounts: %q: %q: want twelve digits and a name of at most %d characters", account, name, maxName)
		}
	}
	return nil
}

func folding(f File) error {
	switch {
	case f.FoldAfter < 1 || f.FoldAfter > maxFold:
		return fmt.Errorf("alerts.fold_after: %d is not between 1 and %d", f.FoldAfter, maxFold)
	case !isWindow(f.FoldWindow):
		return fmt.Errorf("alerts.fold_window: %v is not between 1s and %v, in whole seconds", f.FoldWindow, maxWindow)
	}
	return nil
}

func long(text string, most int) bool { return utf8.RuneCountInString(text) > most }

func isWindow(d time.Duration) bool { return d > 0 && d <= maxWindow && d%time.Second == 0 }

func isAccount(text string) bool { return len(text) == 12 && strings.Trim(text, "0123456789") == "" }

const capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func isID(text, prefix string) bool {
	rest, ok := strings.CutPrefix(text, prefix)
	return ok && rest != "" && strings.Trim(rest, capitals) == ""
}

// isSubject tells whether somebody can be exempt under this id: a user or role, an
// account for its root, a virtual device by its ARN.
func isSubject(text string) bool {
	if isID(text, "AIDA") || isID(text, "AROA") || isAccount(text) {
		return true
	}
	part := strings.SplitN(text, ":", 6)
	if len(part) < 6 || part[0] != "arn" || part[2] != "iam" || part[3] != "" || !isAccount(part[4]) {
		return false
	}
	name, ok := strings.CutPrefix(part[5], "mfa/")
	return part[1] != "" && strings.Trim(part[1], "abcdefghijklmnopqrstuvwxyz-") == "" && ok && name != "" && !strings.Contains(name, "\n")
}

// isPath tells whether text can begin a user's path: / alone, or with slashes at
// both ends and nothing but visible ASCII between.
func isPath(text string) bool {
	if text == "/" {
		return true
	}
	return len(text) >= 3 && text[0] == '/' && strings.HasSuffix(text, "/") && !strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' })
}
