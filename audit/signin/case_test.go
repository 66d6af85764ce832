package signin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/signin"
	"mfawatch/internal/casefile"
)

// signinCase is one file of testdata: where the shape comes from, a record, the
// rules if any, and the whole verdict as rendered by render.
type signinCase struct {
	casefile.Case
	event []byte
	rules signin.Rules
	want  string
}

// headline is the first line of the verdict section.
func (c signinCase) headline() []string {
	first, _, _ := strings.Cut(c.want, "\n")
	return strings.Fields(first)
}

func (c signinCase) reason() signin.Reason { return signin.Reason(c.headline()[1]) }

func (c signinCase) principal() audit.PrincipalKind {
	_, rest, _ := strings.Cut(c.want, "\nprincipal ")
	kind, _, _ := strings.Cut(rest, "\n")
	return audit.PrincipalKind(kind)
}

func cases(t testing.TB) []signinCase {
	t.Helper()
	var cs []signinCase
	for _, c := range casefile.All(t, "testdata/*.txtar") {
		cs = append(cs, readCase(t, c))
	}
	return cs
}

func readCase(t testing.TB, from casefile.Case) signinCase {
	t.Helper()
	c := signinCase{Case: from}
	for _, f := range from.Files {
		switch f.Name {
		case "event.json":
			c.event = f.Data
		case "rules.json":
			c.rules = readRules(t, from.Path, f.Data)
		case "verdict":
			c.want = string(f.Data)
		default:
			t.Fatalf("%s: section %q is not known", from.Path, f.Name)
		}
	}
	if c.event == nil || len(c.headline()) != 4 {
		t.Fatalf("%s: wants the sections event.json and verdict, the verdict starting with outcome, reason, severity and alert", from.Path)
	}
	return c
}

func readRules(t testing.TB, path string, data []byte) signin.Rules {
	t.Helper()
	var list []struct {
		Reason    signin.Reason       `json:"reason"`
		Principal audit.PrincipalKind `json:"principal"`
		Alert     *bool               `json:"alert"`
		Severity  *audit.Severity     `json:"severity"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		t.Fatalf("%s: rules.json: %v", path, err)
	}
	var rules signin.Rules
	for _, o := range list {
		rules.SignIn = append(rules.SignIn, signin.Override(o))
	}
	return rules
}

// caseNamed reads the record of one case.
func caseNamed(t testing.TB, name string) []byte {
	t.Helper()
	return readCase(t, casefile.Read(t, filepath.Join("testdata", name+".txtar"))).event
}

// render writes every fact of a verdict, one a line, an empty one as "-".
func render(v signin.Verdict) string {
	alert := map[bool]string{true: "alert", false: "quiet"}[v.Alert]
	at := ""
	if !v.Time.IsZero() {
		at = v.Time.Format(time.RFC3339Nano)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s %s\n", v.Outcome, v.Reason, v.Severity, alert)
	for _, fact := range [][2]string{
		{"event", v.Event}, {"event_id", v.EventID}, {"time", at}, {"account", v.Account}, {"region", v.Region},
		{"principal", string(v.Principal.Kind)}, {"name", v.Principal.Name}, {"id", v.Principal.ID}, {"arn", v.Principal.ARN},
		{"mfa", v.MFA.Used + " " + string(v.MFA.Factor)}, {"device", v.MFA.Device},
		{"detail", v.Detail}, {"source_ip", v.SourceIP}, {"user_agent", v.UserAgent},
	} {
		if fact[1] == "" {
			fact[1] = "-"
		}
		fmt.Fprintf(&b, "%s %s\n", fact[0], fact[1])
	}
	return b.String()
}

func TestCases(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			got := signin.Judge(c.event, c.rules)
			if diff := cmp.Diff(c.want, render(got)); diff != "" {
				t.Errorf("%sJudge (-want +got):\n%s", c.Comment, diff)
			}
			if got.Type != "verdict" || got.Seen != 1 || got.Origin != "" {
				t.Errorf("type, seen, origin = %q, %d, %q, want verdict, 1 and nothing", got.Type, got.Seen, got.Origin)
			}
			if e, err := signin.Parse(c.event); err == nil && !cmp.Equal(signin.Classify(e, c.rules), got) {
				t.Errorf("Classify(Parse(record)) is not Judge(record): %s", cmp.Diff(signin.Classify(e, c.rules), got))
			}
		})
	}
}

// The same cases once more, through every envelope that holds a record as text.
func TestCasesInsideAText(t *testing.T) {
	for _, c := range cases(t) {
		if !json.Valid(c.event) || c.event[0] == '"' {
			continue
		}
		text, err := json.Marshal(string(c.event))
		if err != nil {
			t.Fatal(err)
		}
		if got := render(signin.Judge(text, c.rules)); got != c.want {
			t.Errorf("%s as a JSON text (-want +got):\n%s", c.Name, cmp.Diff(c.want, got))
		}
	}
}

var sources = []string{
	"# Shape: after the CloudTrail user guide", "# Shape: after the IAM Identity Center user guide", "# Shape: after the AWS Sign-In user guide",
	"# Shape: after a description of captured records", "# Shape: made up.",
}

func TestCasesSayWhereTheyComeFrom(t *testing.T) {
	for _, c := range cases(t) {
		if !slices.ContainsFunc(sources, func(s string) bool { return strings.HasPrefix(string(c.Comment), s) }) {
			t.Errorf("%s starts with %q, want one of %q", c.Name, c.Comment, sources)
		}
		if strings.Count(string(c.Comment), "\n") < 2 {
			t.Errorf("%s does not say what it is about", c.Name)
		}
	}
}

var (
	accountNumber = regexp.MustCompile(`\b[0-9]{12}\b`)
	address       = regexp.MustCompile(`"sourceIPAddress":\s*"([0-9.]+)"`)
)

func TestCasesHoldInventedIdentifiersOnly(t *testing.T) {
	for _, c := range cases(t) {
		for _, n := range accountNumber.FindAllString(string(c.event), -1) {
			if n != "111122223333" && n != "444455556666" {
				t.Errorf("%s holds the account number %s", c.Name, n)
			}
		}
		for _, m := range address.FindAllSubmatch(c.event, -1) {
			if !bytes.HasPrefix(m[1], []byte("192.0.2.")) && !bytes.HasPrefix(m[1], []byte("198.51.100.")) {
				t.Errorf("%s holds the address %s", c.Name, m[1])
			}
		}
	}
}

// cells are the principal kinds that can meet each reason.
var cells = map[signin.Reason][]audit.PrincipalKind{
	signin.ReasonMFA:              {audit.IAMUser, audit.Root},
	signin.ReasonMFAInSession:     {audit.Role},
	signin.ReasonSecondFactor:     {audit.IdentityCenter},
	signin.ReasonSingleFactor:     {audit.IdentityCenter},
	signin.ReasonNoMFA:            {audit.IAMUser, audit.Root},
	signin.ReasonMFANotRecorded:   {audit.IAMUser, audit.IdentityCenter, audit.Root},
	signin.ReasonOutcomeMissing:   {audit.Federated, audit.IAMUser, audit.IdentityCenter, audit.Role, audit.Root, audit.UnknownPrincipal},
	signin.ReasonIdentityNotKnown: {audit.Federated, audit.IAMUser, audit.IdentityCenter, audit.Role, audit.Root, audit.Service, audit.UnknownPrincipal},
	signin.ReasonUnreadable:       {audit.Federated, audit.IAMUser, audit.IdentityCenter, audit.Role, audit.Root, audit.UnknownPrincipal},
	signin.ReasonRoleSession:      {audit.Role},
	signin.ReasonMFAAtProvider:    {audit.Federated, audit.IdentityCenter},
	signin.ReasonFailedSignIn:     {audit.Federated, audit.IAMUser, audit.IdentityCenter, audit.Role, audit.Root, audit.UnknownPrincipal},
	signin.ReasonFailedAtMFA:      {audit.Federated, audit.IAMUser, audit.IdentityCenter, audit.Role, audit.Root, audit.UnknownPrincipal},
	signin.ReasonRefusedByPolicy:  {audit.Federated, audit.IAMUser, audit.IdentityCenter, audit.Role, audit.Root, audit.UnknownPrincipal},
	signin.ReasonNotASignIn:       {audit.Federated, audit.IAMUser, audit.IdentityCenter, audit.Role, audit.Root, audit.Service, audit.UnknownPrincipal},
}

func TestEveryReasonHasACaseForEachKindOfPrincipal(t *testing.T) {
	got := map[signin.Reason][]audit.PrincipalKind{}
	for _, c := range cases(t) {
		got[c.reason()] = append(got[c.reason()], c.principal())
	}
	for _, r := range signin.Reasons() {
		slices.Sort(got[r])
		kinds := slices.Compact(got[r])
		if len(kinds) == 0 {
			t.Errorf("no case has the reason %s", r)
		}
		if diff := cmp.Diff(cells[r], kinds); diff != "" {
			t.Errorf("kinds of principal with a case for %s (-want +got):\n%s", r, diff)
		}
	}
}
