package report

import (
	"fmt"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
)

// tone is how a headline is meant.
type tone uint8

const (
	doubtful tone = iota // the zero value: nothing comforts by accident
	alarming
	calming
)

// headline is the one sentence of a scan. It is calming only when all of it is
// known: records were read, to their end, and everything could be judged.
func headline(s scan.Summary, ds []detect.Detection) (string, tone) {
	fails, doubts, alerts := withoutMFA(s), doubts(s), alerting(ds)
	switch {
	case fails > 0:
		return count(fails, "sign-in", "sign-ins") + " without MFA" + by(s.WithoutMFA) + ".", alarming
	case len(doubts) > 0:
		return "Cannot tell whether every sign-in used MFA: " + and(doubts) + ".", doubtful
	case alerts > 0:
		return count(alerts, "detection", "detections") + " to look at; no sign-in without MFA found" + of(s) + ".", alarming
	case s.LeftOut != nil:
		return LeftOut(s), doubtful
	case s.SignIns == 0 && s.Filtered:
		return "No sign-in fits what --since, --until, --account, --region and --user ask for, in " + count(s.Records, "record", "records") + ".", doubtful
	case s.SignIns == 0:
		return "No sign-in in " + count(s.Records, "record", "records") + ".", doubtful
	case s.ByOutcome[audit.Pass] == 0:
		return "No sign-in that shows MFA or its absence" + of(s) + ".", doubtful
	case roleSessions(s) > 0:
		return "No sign-in without MFA found, but the log does not say for " + count(roleSessions(s), "role session", "role sessions") + ".", doubtful
	}
	return "No sign-in without MFA found" + of(s) + ".", calming
}

// withoutMFA is how many sign-ins had no second factor.
func withoutMFA(s scan.Summary) int {
	n := 0
	for _, w := range s.WithoutMFA {
		n += w.SignIns
	}
	return max(n, s.ByOutcome[audit.Fail])
}

// LeftOut says what a filter did that left no sign-in: "--user leaves nothing of 32
// sign-ins." It is empty where none did.
func LeftOut(s scan.Summary) string {
	l := s.LeftOut
	switch {
	case l == nil:
		return ""
	case l.SignIns == 0:
		return "No sign-in was read, and " + noRecords(l) + "."
	}
	verb := " leaves"
	if len(l.By) > 1 {
		verb = " leave"
	}
	return flags(l.By) + verb + " nothing of " + count(l.SignIns, "sign-in", "sign-ins") + "."
}

func noRecords(l *scan.LeftOut) string {
	return "no record that was read is known to be of what " + flags(l.Asked) + asks(len(l.Asked)) + " for"
}

func asks(n int) string {
	if n == 1 {
		return " asks"
	}
	return " ask"
}

// flags are names of flags as they are typed.
func flags(names []string) string {
	var typed []string
	for _, name := range names {
		typed = append(typed, "--"+name)
	}
	return and(typed)
}

func by(ws []scan.WithoutMFA) string {
	if len(ws) == 0 {
		return ""
	}
	return " by " + count(len(ws), "user", "users")
}

// doubts are the reasons not to trust that nothing was found.
func doubts(s scan.Summary) []string {
	var ds []string
	if !s.Complete {
		ds = append(ds, "the scan was interrupted")
	}
	if s.Records == 0 {
		ds = append(ds, "no CloudTrail record was read")
	}
	if l := s.LeftOut; l != nil && l.NoRecords {
		ds = append(ds, noRecords(l))
	}
	if s.Unopened > 0 {
		ds = append(ds, count(s.Unopened, "source", "sources")+" could not be opened")
	}
	if n := s.DamagedFiles - s.Unopened; n > 0 {
		ds = append(ds, count(n, "file is damaged", "files are damaged"))
	}
	if n := unjudged(s); n > 0 {
		ds = append(ds, count(n, "sign-in", "sign-ins")+" could not be judged")
	}
	return ds
}

// unjudged counts the sign-ins of outcome unknown, without role sessions: they
// are a class of their own, which the headline names as such.
func unjudged(s scan.Summary) int {
	return max(0, s.ByOutcome[audit.Unknown]-roleSessions(s))
}

func roleSessions(s scan.Summary) int {
	return max(s.RoleSessions, s.ByReason[signin.ReasonRoleSession])
}

func alerting(ds []detect.Detection) int {
	n := 0
	for _, d := range ds {
		if d.Alert {
			n++
		}
	}
	return n
}

// of says what the sign-ins were that were not without MFA, so that a good
// headline does not claim more than the log says.
func of(s scan.Summary) string {
	provider := s.ByReason[signin.ReasonMFAAtProvider]
	var parts []string
	for _, part := range []struct {
		n    int
		text string
	}{
		{s.ByOutcome[audit.Pass], "with MFA"},
		{provider, "at an identity provider"},
		{s.ByOutcome[audit.NotApplicable] - provider, "failed"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.text))
		}
	}
	if n := roleSessions(s); n > 0 {
		parts = append(parts, count(n, "role session", "role sessions")+" of which the log does not say")
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + and(parts)
}
