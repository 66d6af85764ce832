package deployed_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/detect"
	"mfawatch/audit/pattern"
	"mfawatch/audit/pattern/deployed"
)

// patterns keeps what was parsed: every rule meets every case.
var patterns = map[string]*pattern.EventPattern{}

func parsed(t testing.TB, r deployed.Rule) *pattern.EventPattern {
	t.Helper()
	if patterns[r.Pattern] == nil {
		p, err := pattern.ParseEventPattern(r.Pattern)
		if err != nil {
			t.Fatalf("%s: %v", r.Name, err)
		}
		patterns[r.Pattern] = p
	}
	return patterns[r.Pattern]
}

func matches(t testing.TB, p *pattern.EventPattern, event []byte) bool {
	t.Helper()
	got, err := p.Match(event)
	if err != nil {
		t.Fatalf("%v in %.200s", err, event)
	}
	return got
}

// serves tells whether a rule among these that serves this matches the event.
func serves(t *testing.T, event []byte, what string, optIn bool) bool {
	return slices.ContainsFunc(deployed.Rules(), func(r deployed.Rule) bool {
		return (r.OptIn == "" || optIn) && slices.Contains(r.Serves, what) && matches(t, parsed(t, r), event)
	})
}

// noEvents are the cases that EventBridge cannot send: a detail is an object.
var noEvents = []string{
	"export-whole-event-in-text", "rules-unreadable", "unreadable-cut-off", "unreadable-list", "unreadable-text-cut-off",
}

// lists are the cases that no event pattern can tell from quiet ones: to
// EventBridge a list matches as its elements do (user guide, arrays in event
// patterns). AWS writes no such record; the trail's files are judged in full.
var lists = []string{"iam-mfaused-list", "identity-list"}

func TestNoAlertIsMissed(t *testing.T) {
	var none []string
	wanted, ruled, served := 0, 0, 0
	for _, c := range testcases(t) {
		if c.fields == nil {
			none = append(none, c.name)
			continue
		}
		event := c.envelope(t)
		if c.verdict.Alert {
			wanted++
			if got := serves(t, event, "verdict", false); got == slices.Contains(lists, c.name) {
				t.Errorf("%s: %s alerts, a rule matches: %v", c.name, c.verdict.Reason, got)
			}
		}
		if c.ruled {
			ruled++
			if !serves(t, event, "verdict", true) {
				t.Errorf("%s: alerts by rules of its own, and no rule matches, opt-in included", c.name)
			}
		}
		for _, d := range c.detections {
			served++
			if !serves(t, event, d.ID, false) {
				t.Errorf("%s: no rule that serves %s matches", c.name, d.ID)
			}
		}
	}
	if diff := cmp.Diff(noEvents, none); diff != "" {
		t.Errorf("cases that are no events (-want +got):\n%s", diff)
	}
	t.Logf("%d verdicts that alert, %d by rules of their own, %d detections", wanted, ruled, served)
	if wanted < 100 || ruled < 2 || served < 50 {
		t.Errorf("too few cases to tell")
	}
}

// extra is what each rule matches although nobody is told of it, by reason and
// number of cases: the whole noise of the fast path over all cases.
var extra = []string{
	"assume-root: detection that is quiet by default 4",
	"client-credentials: detection that is quiet by default 3",
	"client-credentials: not-a-sign-in 1",
	"factor-changes: detection that is quiet by default 35",
	"factor-changes: not-a-sign-in 7",
	"sign-in-changes: not-a-sign-in 8",
	"sign-in-console: failed-sign-in 1",
	"sign-in-console: mfa 7",
	"sign-in-console: mfa-in-session 1",
	"sign-in-console: refused-by-policy 2",
	"sign-in-console: role-session 1",
	"sign-in-portal: mfa-at-identity-provider 3",
	"sign-in-portal: refused-by-policy 1",
	"sign-in-portal: second-factor 16",
	"sign-in-unreadable: mfa 4",
	"trail-changes: not-a-sign-in 13",
}

func TestExtraMatchesAreCounted(t *testing.T) {
	counts := map[string]int{}
	records := 0
	for _, c := range testcases(t) {
		if c.fields == nil {
			continue
		}
		records++
		for _, r := range deployed.Rules() {
			if r.OptIn == "" && !c.wanted() && matches(t, parsed(t, r), c.envelope(t)) {
				why := string(c.verdict.Reason)
				if len(c.detections) > 0 {
					why = "detection that is quiet by default"
				}
				counts[r.Name+": "+why]++
			}
		}
	}
	var got []string
	for what, n := range counts {
		got = append(got, fmt.Sprintf("%s %d", what, n))
	}
	slices.Sort(got)
	if diff := cmp.Diff(extra, got); diff != "" {
		t.Errorf("extra matches over %d records (-want +got):\n%s", records, diff)
	}
}

func TestEveryDetectionOfOneEventIsServed(t *testing.T) {
	served := map[string]bool{"verdict": true}
	for _, c := range detect.Checks() {
		if !c.Sequence {
			served[c.ID] = false
		}
	}
	for _, r := range deployed.Rules() {
		for _, id := range r.Serves {
			if _, known := served[id]; !known {
				t.Errorf("%s serves %q, which is no detection of one event", r.Name, id)
			}
			served[id] = true
		}
	}
	for id, ok := range served {
		if !ok {
			t.Errorf("no rule serves %s", id)
		}
	}
}

// readOnly are the names that CloudTrail marks as read-only, as far as is known
// (EventBridge user guide, management events; AWS Sign-In user guide), and
// AssumeRoot, of which it is not.
var readOnly = []string{"CreateOAuth2Token", "CreateOAuth2TokenWithIAM", "AuthorizeOAuth2Access", "AssumeRole", "AssumeRoot", "GetSigninToken", "GetSessionToken", "GetFederationToken"}

func TestRulesAreDeployable(t *testing.T) {
	names := map[string]bool{}
	for _, r := range append(append(deployed.Rules(), monitors(t)...), canaryTrail(t), emergency(t)) {
		p := parsed(t, r)
		reads := slices.ContainsFunc(readOnly, func(name string) bool { return strings.Contains(r.Pattern, `"`+name+`"`) })
		switch {
		case names[r.Name], r.Purpose == "":
			t.Errorf("%q: a name given twice, or no purpose", r.Name)
		case reads != (r.State == deployed.EnabledWithRead), !reads && r.State != deployed.Enabled:
			t.Errorf("%s: state %s, read-only events %v", r.Name, r.State, reads)
		case p.Wildcards(), strings.Contains(r.Pattern, "null"), strings.Contains(r.Pattern, "detail-type"):
			t.Errorf("%s: wildcard, null or detail-type in the pattern", r.Name)
		case r.Canary != strings.Contains(r.Pattern, deployed.CanarySource):
			t.Errorf("%s: canary %v, but its pattern says otherwise", r.Name, r.Canary)
		case r.Regions != deployed.EveryRegion && r.Regions != deployed.HomeRegion && r.Regions != deployed.StackRegion:
			t.Errorf("%s: Regions %q", r.Name, r.Regions)
		case len(r.Pattern) > deployed.MaxPattern:
			t.Errorf("%s: %d characters", r.Name, len(r.Pattern))
		}
		names[r.Name] = true
	}
}

func TestCanaryTakesTheWayOfASignIn(t *testing.T) {
	for _, r := range deployed.Rules() {
		if got := matches(t, parsed(t, r), envelope(t, deployed.CanarySource, deployed.CanaryDetail("n-1"))); got != r.Canary {
			t.Errorf("%s: matches the canary: %v, want %v", r.Name, got, r.Canary)
		}
		if matches(t, parsed(t, r), envelope(t, "someone.else", deployed.CanaryDetail("n-1"))) {
			t.Errorf("%s matches an event of any source", r.Name)
		}
	}
}

// The canary's detail is a sign-in that alerts, with a nonce.
func TestCanaryDetailIsASignInThatAlerts(t *testing.T) {
	var d struct{ Nonce string }
	if err := json.Unmarshal(deployed.CanaryDetail(`n-"1`), &d); err != nil || d.Nonce != `n-"1` {
		t.Errorf("nonce %q, error %v", d.Nonce, err)
	}
	c := judged("canary", deployed.CanaryDetail("n-1"))
	if !serves(t, envelope(t, "aws.signin", c.raw), "verdict", false) {
		t.Error("no rule brings a sign-in of the canary's shape")
	}
}

// AWS sends one event of sign-in that is no record of CloudTrail.
func TestAnomalyAlertIsNoSignIn(t *testing.T) {
	for _, r := range deployed.Rules() {
		if matches(t, parsed(t, r), envelope(t, "aws.signin", []byte(`{"version":"0","anomaly":"x"}`))) {
			t.Errorf("%s matches a Sign-in Anomaly Alert", r.Name)
		}
	}
}
