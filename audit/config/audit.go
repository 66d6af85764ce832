package config

import (
	"fmt"
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

// exemptionFaults are days that there are none of, and subjects that are exempt
// twice.
func exemptionFaults(root *node) []*Fault {
	list := root.child("exemptions")
	if list == nil {
		return nil
	}
	var faults []*Fault
	first := map[string]int{} // lines
	for i, e := range list.items {
		where := fmt.Sprintf("exemptions[%d].", i)
		if f := e.child("expires").day(); f != nil {
			f.Field = where + "expires"
			faults = append(faults, f)
		}
		id := e.child("id")
		for _, check := range checksOf(e) {
			key := fmt.Sprint(id.scalar, " ", check)
			if line, twice := first[key]; twice {
				f := at(id.token, fmt.Sprintf("it is exempt from %s already, on line %d; keep one", check, line))
				f.Field = where + "id"
				faults = append(faults, f)
				break
			}
			first[key] = id.token.Position.Line
		}
	}
	return faults
}

// checksOf are the checks that an exemption is for.
func checksOf(e *node) []string {
	var ids []string
	if named := e.child("checks"); named != nil {
		for _, n := range named.items {
			ids = append(ids, fmt.Sprint(n.scalar))
		}
		return ids
	}
	for _, c := range posture.Checks() {
		if c.Exemptable {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (n *node) day() *Fault {
	text := fmt.Sprint(n.scalar)
	if new(end).UnmarshalText([]byte(text)) == nil {
		return nil
	}
	return at(n.token, quote(text)+" is no day or time that there is")
}

// end is a day, at its beginning, or a time.
type end time.Time

func (e *end) UnmarshalText(b []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, string(b)); err == nil {
			*e = end(t.UTC())
			return nil
		}
	}
	return fmt.Errorf("%q is no day or time", b)
}
