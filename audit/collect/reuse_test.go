package collect_test

import (
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

// Which gaps are those of every reading.
func TestReusable(t *testing.T) {
	gap := func(reason string) []audit.Gap {
		return []audit.Gap{audit.FactTags.Gap("AIDA1", "the user was deleted meanwhile"), audit.FactMFADevices.Gap("", reason)}
	}
	for name, c := range map[string]struct {
		gaps []audit.Gap
		age  time.Duration
		fast bool
		want bool
	}{
		"without gaps":            {nil, time.Hour, false, true},
		"just now":                {nil, 0, false, true},
		"nearly four hours":       {nil, 4*time.Hour - 1, false, true},
		"four hours":              {nil, 4 * time.Hour, false, false},
		"the clock is behind":     {nil, -30 * time.Minute, false, true},
		"of another day":          {nil, -4 * time.Hour, false, false},
		"interrupted":             {gap("interrupted"), 0, false, false},
		"denied":                  {gap("AccessDenied"), 0, false, false},
		"denied by a policy":      {gap("AccessDenied: explicit deny in a policy of this kind: service control policy"), 0, false, false},
		"throttled":               {gap("throttled"), 0, false, false},
		"an outage":               {gap("ServiceFailure (HTTP 500)"), 0, false, false},
		"no report":               {gap("not ready after 2m"), 0, false, false},
		"nameless":                {gap(nameless), 0, false, false},
		"a reason of the future":  {gap("x"), 0, false, false},
		"not asked":               {gap("not asked"), 0, false, true},
		"root of the management":  {gap("sts:AssumeRoot takes member accounts only"), 0, false, true},
		"central root is off":     {gap("RootCredentialsManagement is off"), 0, false, true},
		"not known whether it is": {gap("whether RootCredentialsManagement is on is not known"), 0, false, false},
		"root's security key":     {gap("the audit task policy of sts:AssumeRoot leaves it out"), 0, false, true},
		"a device gone":           {gap("the device was removed meanwhile"), 0, false, true},
		"a member's own question": {gap("only the management account and a delegated administrator may ask"), 0, false, true},
		"fast, for a full run":    {gap("not asked (--fast)"), 0, false, false},
		"fast, for a fast run":    {gap("not asked (--fast)"), 0, true, true},
		"full, for a fast run":    {nil, 0, true, true},
		"denied, for a fast run":  {gap("AccessDenied"), 0, true, false},
	} {
		s := audit.Snapshot{TakenAt: noon.Add(-c.age), Gaps: c.gaps}
		if got := collect.Reusable(s, collect.Options{Fast: c.fast}, noon); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// The reasons are those that are written: what a whole reading of an
// organisation leaves is reusable, and what a refusal leaves is not.
func TestReusableAfterAReading(t *testing.T) {
	for name, c := range map[string]struct {
		fault *fakeaws.Fault
		off   bool
		want  bool
	}{
		"all read": {nil, false, true}, "central root off": {nil, true, true}, "throttled": {denyAs("iam:ListMFADevices", "Throttling", 400), false, false},
		"denied": {denyAs("iam:GetAccountSummary", "AccessDenied", 403), false, false}, "no root session": {denyAs("sts:AssumeRoot", "AccessDenied", 403), false, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			co, o := newCompany(), orgOptions()
			o.Root = true
			if c.fault != nil {
				co.srv.Fault(*c.fault)
			}
			if c.off {
				co.org.Features = nil
			}
			r := readCompany(t, co, o)
			for _, i := range []int{1, 3} {
				if got := collect.Reusable(r.Members[i].Snapshot, o.Options, time.Now()); got != c.want {
					t.Errorf("%s: member %d reusable %v, want %v; gaps %v", name, i, got, c.want, r.Members[i].Snapshot.Gaps)
				}
			}
			if got := collect.Reusable(r.Members[2].Snapshot, o.Options, time.Now()); got {
				t.Errorf("%s: the account that was not read is reusable", name)
			}
		})
	}
}

func denyAs(action, code string, status int) *fakeaws.Fault {
	return &fakeaws.Fault{Action: action, Code: code, Status: status, Message: "x"}
}
