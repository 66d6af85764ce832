package alert

import (
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
)

// Storm says when alerts are held back and come as a digest instead: of one
// account, principal and reason the first Singles within a Window come one by
// one.
type Storm struct {
	Singles int           // 0 is 3
	Window  time.Duration // 0 is 15 minutes
	Never   []string      // immutable ids of principals that are never held back: the emergency users
}

const (
	defaultSingles = 3
	defaultWindow  = 15 * time.Minute
)

// Limit is how many come one by one.
func (s Storm) Limit() int {
	if s.Singles <= 0 {
		return defaultSingles
	}
	return s.Singles
}

func (s Storm) window() time.Duration {
	if s.Window <= 0 {
		return defaultWindow
	}
	return s.Window
}

// Exempt tells whether an alert is never held back: root's, an emergency
// user's, a critical one, and what is not about a principal at all.
func (s Storm) Exempt(a Alert) bool {
	p := a.Principal
	switch {
	case a.Severity >= audit.Critical, p.Kind == audit.Root, a.Kind != SignIn && a.Kind != Detection:
		return true
	}
	for _, id := range s.Never {
		// A role's session is AROA…:session; the role is what was declared.
		if id != "" && (p.ID == id || p.ARN == id || strings.HasPrefix(p.ID, id+":")) {
			return true
		}
	}
	return false
}

// Slot is where an alert is counted: a key for its account, principal, reason
// and window, and when that window ends. The window is that of the time at
// which people would be told, not of the event: what is late in coming comes in
// a storm too.
func (s Storm) Slot(a Alert, now time.Time) (key string, ends time.Time) {
	w := s.window()
	start := now.UTC().Truncate(w)
	return "fold#" + a.group() + "#" + strconv.FormatInt(start.Unix(), 10), start.Add(w)
}

// group is what alerts of one storm have in common.
func (a Alert) group() string {
	p := a.Principal
	who := strings.Join([]string{string(p.Kind), p.ID, p.ARN, p.Name}, "\x00")
	switch {
	case p.ID != "":
		who = p.ID
	case p.ARN != "":
		who = p.ARN
	}
	return part(orUnknown(a.Account)) + "#" + part(who) + "#" + part(a.Reason)
}
