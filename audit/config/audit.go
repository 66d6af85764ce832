package config

import (
	"strconv"
	"strings"
	"time"

	"mfawatch/audit/posture"
)

// auditRules is the audit section of a rules file that the schema accepts.
type auditRules struct {
	Hardware  posture.Hardware
	FIDO      posture.FIDO
	Overrides []struct {
		Group    string
		Tag      string
		TagValue string `json:"tag_value"`
		Path     string
		Hardware posture.Hardware
		FIDO     posture.FIDO
	}
	StaleReport   span     `json:"stale_report"`
	RootRecentUse span     `json:"root_recent_use"`
	UserRecentUse span     `json:"user_recent_use"`
	UnusedConsole span     `json:"unused_console"`
	BreakGlass    []string `json:"break_glass"`
}

// span is a length of time in days or hours: 45d, 24h.
type span time.Duration

func (s *span) UnmarshalText(b []byte) error {
	text, unit := string(b), time.Hour
	if days, inDays := strings.CutSuffix(text, "d"); inDays {
		text, unit = days, 24*time.Hour
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, "h"))
	*s = span(time.Duration(n) * unit)
	return err
}

func (r auditRules) rules() posture.Rules {
	rules := posture.Rules{
		Hardware: r.Hardware, FIDO: r.FIDO, BreakGlass: r.BreakGlass,
		StaleReport: time.Duration(r.StaleReport), RootRecentUse: time.Duration(r.RootRecentUse),
		UserRecentUse: time.Duration(r.UserRecentUse), UnusedConsole: time.Duration(r.UnusedConsole),
	}
	for _, o := range r.Overrides {
		rules.Overrides = append(rules.Overrides, posture.Override(o))
	}
	return rules
}
