package alert

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// Contents is what a digest holds: every alert that it stands for.
type Contents struct {
	Part  int    `json:"part"` // of Parts, from 1
	Parts int    `json:"parts"`
	Items []Item `json:"items"`
}

// Item is one alert within a digest. What all of a digest have in common
// (account, principal, reason) stands on the digest itself.
type Item struct {
	ID       string         `json:"id"`
	Events   []string       `json:"events"`
	Time     time.Time      `json:"time"`
	Region   string         `json:"region"`
	Severity audit.Severity `json:"severity"`
	SourceIP string         `json:"source_ip"`
	Evidence string         `json:"evidence,omitempty"`
}

// DigestOf joins alerts that were held back into digests: one for each account,
// principal and reason, in parts that each fit into a message. Every alert given
// is in exactly one of them, once, by its id; the order given does not matter.
func DigestOf(alerts []Alert) []Alert {
	groups := map[string][]Alert{}
	seen := map[string]bool{}
	for _, a := range alerts {
		if !seen[a.ID] {
			seen[a.ID] = true
			groups[a.group()] = append(groups[a.group()], a)
		}
	}
	var digests []Alert
	for _, g := range groups {
		slices.SortFunc(g, func(a, b Alert) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
		digests = append(digests, number(split(g))...)
	}
	slices.SortFunc(digests, func(a, b Alert) int {
		return cmp.Or(-cmp.Compare(a.Severity, b.Severity), a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID))
	})
	return digests
}

// split halves until each part fits. One alert alone fits: its fields are
// bounded.
func split(alerts []Alert) []Alert {
	d := digest(alerts)
	if len(alerts) == 1 || number([]Alert{d})[0].Message().Size() <= Limit {
		return []Alert{d}
	}
	half := len(alerts) / 2
	return append(split(alerts[:half]), split(alerts[half:])...)
}

func number(parts []Alert) []Alert {
	for i := range parts {
		parts[i].Digest.Part, parts[i].Digest.Parts = i+1, len(parts)
	}
	return parts
}

func digest(alerts []Alert) Alert {
	d := alerts[len(alerts)-1] // the newest speaks for them
	d.Kind, d.Evidence, d.Previous, d.Detail, d.UserAgent = Digest, "", "", "", ""
	d.Time = alerts[0].Time
	d.Events, d.Digest = []string{}, &Contents{}
	var ids []string
	for _, a := range alerts {
		d.Severity = max(d.Severity, a.Severity)
		d.Events = append(d.Events, a.Events...)
		d.Digest.Items = append(d.Digest.Items, Item{a.ID, a.Events, a.Time, a.Region, a.Severity, a.SourceIP, a.Evidence})
		ids = append(ids, a.ID)
	}
	d.ID = part(orUnknown(d.Account)) + "#digest-" + hash(strings.Join(ids, " "))
	return d
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
