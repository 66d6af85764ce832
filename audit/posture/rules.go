package posture

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// Hardware says how many of the devices must be hardware.
type Hardware string

// The values of Hardware.
const (
	AtLeastOne Hardware = "at-least-one" // the default: a virtual one beside it is fine
	All        Hardware = "all"
)

// FIDO says which security keys and passkeys count as hardware.
type FIDO string

// The values of FIDO.
const (
	Accepted  FIDO = "accepted"  // the default, with the caveat in the detail
	Certified FIDO = "certified" // only those whose certification AWS names
)

// Rules are what a user tunes. The zero value is the default.
type Rules struct {
	Hardware  Hardware
	FIDO      FIDO
	Overrides []Override // for some users; a later one wins

	StaleReport   time.Duration // a report older than this is stale; default a day
	RootRecentUse time.Duration // root used within this was used recently; default 30 days
	UserRecentUse time.Duration // the same for users; default 90 days
	UnusedConsole time.Duration // a password unused for this long is idle; default 45 days

	Exemptions []audit.Exemption
	BreakGlass []string // immutable ids of the emergency users

	// Inventory are devices that are on YubiKeys: told, and judged like all. It is no part
	// of what a person writes as rules.
	Inventory []Enrolled `json:"-"`
}

// The defaults. A report is made at most once in four hours (IAM user guide,
// getting credential reports), so a day is generous; 45 days is what the CIS
// benchmark asks of unused credentials.
const (
	day                  = 24 * time.Hour
	defaultStaleReport   = day
	defaultRootRecentUse = 30 * day
	defaultUserRecentUse = 90 * day
	defaultUnusedConsole = 45 * day
)

// Override sets what is asked of the users that match every selector it has.
// An empty Hardware or FIDO leaves what held before.
type Override struct {
	Group    string // a group's name
	Tag      string // a tag's key
	TagValue string
	Path     string // a path's beginning

	Hardware Hardware
	FIDO     FIDO
}

// settle fills in the defaults. Of a value that Validate refuses it makes the
// strictest one.
func (r Rules) settle() Rules {
	r.Hardware = strict(cmp.Or(r.Hardware, AtLeastOne), AtLeastOne, All)
	r.FIDO = strict(cmp.Or(r.FIDO, Accepted), Accepted, Certified)
	r.StaleReport = positive(r.StaleReport, defaultStaleReport)
	r.RootRecentUse = positive(r.RootRecentUse, defaultRootRecentUse)
	r.UserRecentUse = positive(r.UserRecentUse, defaultUserRecentUse)
	r.UnusedConsole = positive(r.UnusedConsole, defaultUnusedConsole)
	return r
}

func strict[T comparable](value, lenient, strictest T) T {
	if value == lenient {
		return lenient
	}
	return strictest
}

func positive(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// Validate names the first rule that cannot be applied, and what to do about
// it.
func (r Rules) Validate() error {
	if err := settings("rules", r.Hardware, r.FIDO); err != nil {
		return err
	}
	for i, d := range []time.Duration{r.StaleReport, r.RootRecentUse, r.UserRecentUse, r.UnusedConsole} {
		if d < 0 {
			return fmt.Errorf("%s: %v must be more than zero", []string{"stale_report", "root_recent_use", "user_recent_use", "unused_console"}[i], d)
		}
	}
	for i, o := range r.Overrides {
		if err := o.validate(fmt.Sprintf("overrides[%d]", i)); err != nil {
			return err
		}
	}
	for i, id := range r.BreakGlass {
		if id == "" || slices.Index(r.BreakGlass, id) != i {
			return fmt.Errorf("break_glass[%d]: %q is empty or named twice", i, id)
		}
	}
	return validExemptions(r.Exemptions)
}

func settings(where string, h Hardware, f FIDO) error {
	if !slices.Contains([]Hardware{"", AtLeastOne, All}, h) {
		return fmt.Errorf("%s: hardware %q is not one of %q", where, h, []Hardware{AtLeastOne, All})
	}
	if !slices.Contains([]FIDO{"", Accepted, Certified}, f) {
		return fmt.Errorf("%s: fido %q is not one of %q", where, f, []FIDO{Accepted, Certified})
	}
	return nil
}

func (o Override) validate(where string) error {
	switch {
	case o.Group == "" && o.Tag == "" && o.Path == "":
		return fmt.Errorf("%s: names no group, tag or path", where)
	case o.TagValue != "" && o.Tag == "":
		return fmt.Errorf("%s: tag value %q has no tag", where, o.TagValue)
	case o.Hardware == "" && o.FIDO == "":
		return fmt.Errorf("%s: sets neither hardware nor fido", where)
	}
	return settings(where, o.Hardware, o.FIDO)
}

func validExemptions(list []audit.Exemption) error {
	ids := exemptable()
	before := map[string][]audit.Exemption{}
	for i, e := range list {
		if err := valid(e, ids); err != nil {
			return fmt.Errorf("exemptions[%d]: %w", i, err)
		}
		for _, o := range before[e.ID] {
			if check := overlap(o, e, ids); check != "" {
				return fmt.Errorf("exemptions[%d]: %q is exempt from %s already", i, e.ID, check)
			}
		}
		before[e.ID] = append(before[e.ID], e)
	}
	return nil
}

// exemptable are the checks that somebody can be exempt from.
func exemptable() []string {
	var ids []string
	for _, c := range Checks() {
		if c.Exemptable {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func valid(e audit.Exemption, exemptable []string) error {
	switch {
	case e.ID == "":
		return fmt.Errorf("names no immutable id")
	case strings.TrimSpace(e.Owner) == "":
		return fmt.Errorf("%q has no owner", e.ID)
	case strings.TrimSpace(e.Reason) == "":
		return fmt.Errorf("%q has no reason", e.ID)
	case e.Expires.IsZero():
		return fmt.Errorf("%q has no expiry", e.ID)
	}
	for _, id := range e.Checks {
		if !slices.Contains(exemptable, id) {
			return fmt.Errorf("check %q is unknown or nobody can be exempt from it", id)
		}
	}
	return nil
}

// overlap names a check that two exemptions cover for the same subject, if any.
func overlap(a, b audit.Exemption, ids []string) string {
	for _, id := range ids {
		if a.Covers(b.ID, id) && b.Covers(a.ID, id) {
			return id
		}
	}
	return ""
}

// demand is what is asked of one user's devices.
type demand struct {
	hardware Hardware
	fido     FIDO
}

// demand applies the overrides to one user. Where it cannot be told whether an
// override matches, the fact that would tell is returned, with the least that
// could be asked.
func (a *account) demand(p *person) (demand, []audit.Gap) {
	d := demand{a.rules.Hardware, a.rules.FIDO}
	for _, o := range a.rules.Overrides {
		matches, gap := a.matches(o, p)
		switch matches {
		case yes:
			d = d.with(o)
		case maybe:
			return demand{AtLeastOne, Accepted}, []audit.Gap{gap}
		}
	}
	return d, nil
}

func (d demand) with(o Override) demand {
	if o.Hardware != "" {
		d.hardware = strict(o.Hardware, AtLeastOne, All)
	}
	if o.FIDO != "" {
		d.fido = strict(o.FIDO, Accepted, Certified)
	}
	return d
}

// matches tells whether a user has everything that an override names; the gap
// says why that is not known.
func (a *account) matches(o Override, p *person) (tri, audit.Gap) {
	u := p.user
	switch {
	case u == nil:
		return maybe, a.Gap(audit.FactUsers, "")
	case !strings.HasPrefix(u.Path, o.Path):
		return no, audit.Gap{}
	case o.Group != "" && u.Access == nil:
		return maybe, a.Gap(audit.FactAccess, u.ID)
	case o.Group != "" && !slices.Contains(u.Access.Value.Groups, o.Group):
		return no, audit.Gap{}
	case o.Tag == "":
		return yes, audit.Gap{}
	case u.Tags == nil:
		return maybe, a.Gap(audit.FactTags, u.ID)
	}
	value, tagged := u.Tags.Value[o.Tag]
	return truth(tagged && (o.TagValue == "" || value == o.TagValue)), audit.Gap{}
}
