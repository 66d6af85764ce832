package signin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

func TestVerdictAsJSON(t *testing.T) {
	v := signin.Judge(caseNamed(t, "iam-no-mfa"), signin.Rules{})
	v.EventID, v.UserAgent, v.Origin = "e-1", "agent", "AWSLogs/file.json.gz"
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"verdict","event_id":"e-1","time":"2026-11-20T08:14:03Z","account":"111122223333","region":"eu-north-1","event":"ConsoleLogin",` +
		`"principal":{"kind":"iam_user","name":"ada","id":"AIDACKCEVSQ6C2EXAMPLE","arn":"arn:aws:iam::111122223333:user/ada"},` +
		`"outcome":"fail","reason":"no-mfa","detail":"","severity":"high","alert":true,` +
		`"mfa":{"used":"no","device":"","factor":"unknown"},` +
		`"source_ip":"192.0.2.7","user_agent":"agent","seen":1,"origin":"AWSLogs/file.json.gz"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("a verdict in JSON (-want +got):\n%s", diff)
	}
}

func TestSignIn(t *testing.T) {
	for _, r := range signin.Reasons() {
		v := signin.Verdict{Reason: r}
		if got, want := v.SignIn(), r != "not-a-sign-in"; got != want {
			t.Errorf("a verdict %s is about a sign-in: %v, want %v", r, got, want)
		}
	}
}

func TestZeroEventIsNoPass(t *testing.T) {
	v := signin.Classify(signin.Event{}, signin.Rules{})
	if v.Outcome != audit.NotApplicable || v.Reason != signin.ReasonNotASignIn || v.Principal.Kind != audit.UnknownPrincipal {
		t.Errorf("Classify of a zero event = %s %s %s", v.Outcome, v.Reason, v.Principal.Kind)
	}
	v = signin.Classify(signin.Event{Name: "ConsoleLogin", Source: signin.Source, Result: signin.Success, MFAUsed: signin.Yes}, signin.Rules{})
	if v.Reason != signin.ReasonIdentityNotKnown || !v.Alert {
		t.Errorf("Classify of a sign-in by nobody = %s, alert %v, want identity-not-known with alert", v.Reason, v.Alert)
	}
}

func TestNamesAndInterests(t *testing.T) {
	if diff := cmp.Diff([]string{"ConsoleLogin", "UserAuthentication"}, signin.Names()); diff != "" {
		t.Errorf("Names() (-want +got):\n%s", diff)
	}
	want := []signin.Interest{
		{Name: "ConsoleLogin", Source: "signin.amazonaws.com"},
		{Name: "UserAuthentication", Source: "signin.amazonaws.com"},
	}
	if diff := cmp.Diff(want, signin.Interests()); diff != "" {
		t.Errorf("Interests() (-want +got):\n%s", diff)
	}
}

func TestFactorOfADevice(t *testing.T) {
	for device, want := range map[string]audit.FactorKind{
		"":                                       audit.UnknownFactor,
		"arn:aws:iam::111122223333:mfa/ada":      audit.VirtualFactor,
		"arn:aws:iam::111122223333:mfa/team/ada": audit.VirtualFactor,
		"arn:aws:iam::111122223333:u2f/root/key-1":         audit.FIDOFactor,
		"arn:aws:iam::111122223333:sms-mfa/ada":            audit.SMSFactor,
		"arn:aws:iam::111122223333:x/y:mfa/ada":            audit.UnknownFactor,
		"arn:aws:iam::111122223333:mfa:x/ada":              audit.UnknownFactor,
		"arn:aws:iam::111122223333":                        audit.UnknownFactor,
		"arn:mfa/ada":                                      audit.UnknownFactor,
		"GAKT12345678":                                     audit.HardwareTOTPFactor,
		"SN-arn:aws:iam::111122223333:u2f/user/ada/key-12": audit.HardwareTOTPFactor,
	} {
		e := signin.Event{Name: "ConsoleLogin", Source: signin.Source, MFADevice: device}
		if got := signin.Classify(e, signin.Rules{}).MFA.Factor; got != want {
			t.Errorf("the factor of device %q is %s, want %s", device, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	edge := strings.Repeat("é", 200)
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"Failed authentication", "Failed authentication"},
		{"grün 東京", "grün 東京"},
		{"a\tb\r\nc\x00", "a\uFFFDb\uFFFD\uFFFDc\uFFFD"},
		{"\x1b[2J\u009b", "\uFFFD[2J\uFFFD"},
		{"left\u202eright\u200b\ufeff\u2028", "left\uFFFDright\uFFFD\uFFFD\uFFFD"},
		{"a\xffb", "a\uFFFDb"},
		{edge, edge},
		{edge + "x", edge + "…"},
		{edge + "xyz", edge + "…"},
	} {
		if got := signin.Printable(c.in); got != c.want {
			t.Errorf("Printable(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// Whatever the rules say, a verdict on root keeps its alert and its severity.
func TestNoRuleSilencesRootInAnyCase(t *testing.T) {
	var rules signin.Rules
	for _, r := range signin.Reasons() {
		rules.SignIn = append(rules.SignIn, override(r, "", false, audit.Info), override(r, audit.Root, false, audit.Info))
	}
	roots := 0
	for _, c := range cases(t) {
		if c.principal() != audit.Root {
			continue
		}
		roots++
		plain, silenced := signin.Judge(c.event, signin.Rules{}), signin.Judge(c.event, rules)
		if diff := cmp.Diff(plain, silenced); diff != "" {
			t.Errorf("%s: rules that silence everything changed a verdict on root (-without +with):\n%s", c.Name, diff)
		}
	}
	if roots < 10 {
		t.Errorf("%d cases are about root, want at least 10", roots)
	}
}

func override(r signin.Reason, k audit.PrincipalKind, alert bool, s audit.Severity) signin.Override {
	return signin.Override{Reason: r, Principal: k, Alert: &alert, Severity: &s}
}

func TestRulesDoNotChangeWhatWasSeen(t *testing.T) {
	var rules signin.Rules
	for _, r := range signin.Reasons() {
		rules.SignIn = append(rules.SignIn, override(r, "", true, audit.Critical))
	}
	for _, c := range cases(t) {
		plain, loud := signin.Judge(c.event, signin.Rules{}), signin.Judge(c.event, rules)
		if loud.Severity != audit.Critical || !loud.Alert {
			t.Errorf("%s: severity %s, alert %v under rules that raise everything", c.Name, loud.Severity, loud.Alert)
		}
		loud.Severity, loud.Alert = plain.Severity, plain.Alert
		if diff := cmp.Diff(plain, loud); diff != "" {
			t.Errorf("%s: rules changed more than severity and alert:\n%s", c.Name, diff)
		}
	}
}
