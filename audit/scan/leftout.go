package scan

import (
	"maps"
	"slices"
	"time"

	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
)

// LeftOut is what there was, where a filter left no sign-in: a name that is misspelt
// must not look like one who never signed in without MFA.
type LeftOut struct {
	SignIns int `json:"sign_ins"` // all that were read
	// By names the filters that leave nothing by themselves, or else all that were
	// given: since, until, account, region, user.
	By []string `json:"by"`
	// NoRecords is true when no record is known to have been read of the account and
	// Region asked for, in that time. Then nothing was looked at, as in a folder
	// without records.
	NoRecords bool      `json:"no_records"`
	Asked     []string  `json:"-"`     // the filters of an account, Region or time
	Users     []string  `json:"users"` // who signed in, where the user is among By; so with the others
	Accounts  []string  `json:"accounts"`
	Regions   []string  `json:"regions"`
	First     time.Time `json:"first,omitzero"` // of the sign-ins, where a time is among By
	Last      time.Time `json:"last,omitzero"`
}

// narrowing is one of the filters that were given, by the name of its flag.
type narrowing struct {
	name  string
	keeps func(*signin.Verdict) bool
}

func (o Options) narrowings() (all []narrowing) {
	f := o.Filter
	add := func(given bool, name string, keeps func(*signin.Verdict) bool) {
		if given {
			all = append(all, narrowing{name, keeps})
		}
	}
	add(!f.Since.IsZero(), "since", func(v *signin.Verdict) bool { return Filter{Since: f.Since}.time(v.Time) })
	add(!f.Until.IsZero(), "until", func(v *signin.Verdict) bool { return Filter{Until: f.Until}.time(v.Time) })
	add(f.Account != "", "account", func(v *signin.Verdict) bool { return f.account(v.Account) })
	add(len(o.Regions) > 0, "region", func(v *signin.Verdict) bool { return o.within(v.Region) })
	add(f.User != "", "user", func(v *signin.Verdict) bool { return f.user(v.Principal) || nobody(v.Principal) })
	return all
}

// leftOut is nil unless a filter left no sign-in of some, or of no record at all.
func (c *collector) leftOut(entries []*entry) *LeftOut {
	if !c.summary.Filtered || c.summary.SignIns > 0 {
		return nil
	}
	l := &LeftOut{}
	kept := map[string]bool{}
	users, accounts, regions := map[string]bool{}, map[string]bool{}, map[string]bool{}
	given := c.o.narrowings()
	for _, e := range entries {
		v := &e.verdict
		if !v.SignIn() {
			continue
		}
		l.SignIns++
		users[v.Principal.Name], accounts[v.Account], regions[v.Region] = true, true, true
		l.span(v.Time)
		for _, n := range given {
			kept[n.name] = kept[n.name] || n.keeps(v)
		}
	}
	l.blame(given, kept)
	l.NoRecords = len(l.Asked) > 0 && c.summary.Records > 0 && !c.covered.asked(c.o)
	if l.SignIns == 0 && !l.NoRecords {
		return nil
	}
	l.Users, l.Accounts, l.Regions = l.where(users, "user"), l.where(accounts, "account"), l.where(regions, "region")
	if !slices.Contains(l.By, "since") && !slices.Contains(l.By, "until") {
		l.First, l.Last = time.Time{}, time.Time{}
	}
	return l
}

func (l *LeftOut) span(t time.Time) {
	if !t.IsZero() && (l.First.IsZero() || t.Before(l.First)) {
		l.First = t
	}
	if t.After(l.Last) {
		l.Last = t
	}
}

// blame names the filters that keep no sign-in.
func (l *LeftOut) blame(given []narrowing, kept map[string]bool) {
	var together []string
	for _, n := range given {
		together = append(together, n.name)
		if n.name != "user" {
			l.Asked = append(l.Asked, n.name)
		}
		if !kept[n.name] {
			l.By = append(l.By, n.name)
		}
	}
	if len(l.By) == 0 {
		l.By = together
	}
}

// where lists names that there were, if the filter of them is to blame. Of a sign-in by
// a name that does not exist CloudTrail hides the name.
func (l *LeftOut) where(names map[string]bool, by string) []string {
	if !slices.Contains(l.By, by) {
		return []string{}
	}
	delete(names, "")
	delete(names, detect.HiddenName)
	return append([]string{}, slices.Sorted(maps.Keys(names))...)
}
