package posture_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

func exemption(id string, checks ...string) audit.Exemption {
	return audit.Exemption{ID: id, Owner: "sec", Reason: "robot", Expires: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), Checks: checks}
}

func TestRulesAreRefused(t *testing.T) {
	without := func(change func(*audit.Exemption)) posture.Rules {
		e := exemption("AIDA1")
		change(&e)
		return posture.Rules{Exemptions: []audit.Exemption{exemption("AIDA0"), e}}
	}
	for want, r := range map[string]posture.Rules{
		"": {},
		`rules: hardware "some" is not one of ["at-least-one" "all"]`:                        {Hardware: "some"},
		`rules: fido "any" is not one of ["accepted" "certified"]`:                           {FIDO: "any"},
		"stale_report: -1h0m0s must be more than zero":                                       {StaleReport: -time.Hour},
		"root_recent_use: -1ns must be more than zero":                                       {RootRecentUse: -1},
		"user_recent_use: -1ns must be more than zero":                                       {UserRecentUse: -1},
		"unused_console: -1ns must be more than zero":                                        {UnusedConsole: -1},
		"overrides[0]: names no group, tag or path":                                          {Overrides: []posture.Override{{Hardware: posture.All}}},
		"overrides[1]: tag value \"v\" has no tag":                                           {Overrides: []posture.Override{{Tag: "t", TagValue: "v", FIDO: posture.Certified}, {Group: "g", TagValue: "v", FIDO: posture.Accepted}}},
		"overrides[0]: sets neither hardware nor fido":                                       {Overrides: []posture.Override{{Path: "/x/"}}},
		`overrides[0]: hardware "most" is not one of ["at-least-one" "all"]`:                 {Overrides: []posture.Override{{Path: "/x/", Hardware: "most"}}},
		`overrides[0]: fido "L1" is not one of ["accepted" "certified"]`:                     {Overrides: []posture.Override{{Path: "/x/", FIDO: "L1"}}},
		`break_glass[0]: "" is empty or named twice`:                                         {BreakGlass: []string{""}},
		`break_glass[1]: "AIDA1" is empty or named twice`:                                    {BreakGlass: []string{"AIDA1", "AIDA1"}},
		"exemptions[1]: names no immutable id":                                               without(func(e *audit.Exemption) { e.ID = "" }),
		`exemptions[1]: "AIDA1" has no owner`:                                                without(func(e *audit.Exemption) { e.Owner = "" }),
		`exemptions[1]: "AIDA1" has no reason`:                                               without(func(e *audit.Exemption) { e.Reason = "" }),
		`exemptions[1]: "AIDA1" has no expiry`:                                               without(func(e *audit.Exemption) { e.Expires = time.Time{} }),
		`exemptions[1]: check "no-such-check" is unknown or nobody can be exempt from it`:    without(func(e *audit.Exemption) { e.Checks = []string{"admin-mfa", "no-such-check"} }),
		`exemptions[1]: check "break-glass-user" is unknown or nobody can be exempt from it`: without(func(e *audit.Exemption) { e.Checks = []string{"break-glass-user"} }),
		`exemptions[1]: "AIDA1" is exempt from root-mfa already`:                             {Exemptions: []audit.Exemption{exemption("AIDA1"), exemption("AIDA1")}},
		`exemptions[2]: "AIDA1" is exempt from admin-mfa already`:                            {Exemptions: []audit.Exemption{exemption("AIDA1", "admin-mfa"), exemption("AIDA2"), exemption("AIDA1", "user-any-mfa", "admin-mfa")}},
		`exemptions[1]: "AIDA2" is exempt from user-any-mfa already`:                         {Exemptions: []audit.Exemption{exemption("AIDA2"), exemption("AIDA2", "user-any-mfa")}},
	} {
		err := r.Validate()
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%+v: %v, want %s", r, err, want)
		}
	}
}

func TestRulesAreAccepted(t *testing.T) {
	for _, r := range []posture.Rules{
		{Hardware: posture.AtLeastOne, FIDO: posture.Accepted, StaleReport: 1, RootRecentUse: 1, UserRecentUse: 1, UnusedConsole: 1},
		{Hardware: posture.All, FIDO: posture.Certified, BreakGlass: []string{"AIDA1", "AIDA2"}},
		{Overrides: []posture.Override{{Group: "g", FIDO: posture.Certified}, {Tag: "t", TagValue: "v", Hardware: posture.All}, {Tag: "t", Hardware: posture.AtLeastOne}, {Path: "/", FIDO: posture.Accepted}}},
		{Exemptions: []audit.Exemption{exemption("AIDA1", "admin-mfa"), exemption("AIDA1", "user-any-mfa", "root-mfa"), exemption("AIDA2")}},
	} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// Users who are known by the report only have no immutable id: a slip of the
// rules, which Validate names, makes none of them an emergency user.
func TestAnEmptyEmergencyUserExcusesNobody(t *testing.T) {
	s := small()
	s.Users = nil
	s.Report.Value.Rows[1][4] = "2026-08-12T00:00:00Z" // ada
	got := map[string]audit.Outcome{}
	for _, f := range posture.Evaluate(s, posture.Rules{BreakGlass: []string{""}}) {
		if f.Check == "user-console-unused" {
			got[f.Subject.ID+"/"+f.Subject.Name] = f.Outcome
		}
	}
	if diff := cmp.Diff(map[string]audit.Outcome{"/ada": audit.Fail, "/ben": audit.Pass, "111122223333/": audit.Unknown}, got); diff != "" {
		t.Errorf("user-console-unused (-want +got):\n%s", diff)
	}
}
