package reach

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// What is asked about is data, and changed on purpose only.
func TestWhatIsAsked(t *testing.T) {
	var b strings.Builder
	for _, s := range SensitiveActions() {
		fmt.Fprintf(&b, "%s %s %s on %q: %s\n", s.Severity, s.Class, s.Action, s.On, s.Why)
	}
	fmt.Fprintf(&b, "witnesses %q\nby design %q\n", witnesses, slices.Sorted(maps.Keys(byDesign)))
	for _, x := range administration {
		fmt.Fprintf(&b, "manages IAM: %s on %s\n", x.action, x.resource)
	}
	const file = "testdata/asked.golden"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("what is asked (-want +got):\n%s", diff)
	}
}

func TestOpenText(t *testing.T) {
	unread := []enforce.Reason{{Policy: NotRead, Effect: enforce.Allow}}
	for want, o := range map[string]Open{
		"iam:PutUserPolicy on other users": {Action: "iam:PutUserPolicy", Resource: "arn:aws:iam::111122223333:user/*", Can: Yes},
		"iam:PutUserPolicy on a":           {Action: "iam:PutUserPolicy", Resource: "a", Can: Yes},
		"s3:GetObject":                     {Action: "s3:GetObject", Resource: "*", Can: Yes},
		"sts:AssumeRole on r through x, y": {Action: "sts:AssumeRole", Resource: "r", Path: []string{"x", "y"}, Can: Yes},
		"whatever was not read allows":     {Action: "*", Resource: "*", Can: Unknown, Because: unread},
		"*":                                {Action: "*", Resource: "*", Can: Unknown},
		"s3:GetObject on b":                {Action: "s3:GetObject", Resource: "b", Can: Unknown, Because: unread},
	} {
		if got := o.Text(); got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
	if (Open{Can: Yes, Because: unread}).Unread() || !(Open{Can: Unknown, Because: unread}).Unread() || (Open{Can: Unknown}).Unread() {
		t.Error("what is not known because a policy was not read, and what else")
	}
}

func TestSessionsInShort(t *testing.T) {
	s := Session{Open: []Open{{Can: Yes, Severity: audit.Low, Class: Factor}, {Can: Yes, Severity: audit.High, Class: Other}, {Can: Unknown, Severity: audit.Critical, Class: Escape}}}
	if worst, ok := s.Worst(); worst != audit.High || !ok {
		t.Errorf("worst %v %v", worst, ok)
	}
	if _, ok := (Session{Open: s.Open[2:]}).Worst(); ok {
		t.Error("what is perhaps possible is the worst")
	}
	if s.Anything() != Yes || (Session{Open: s.Open[2:]}).Anything() != Unknown || (Session{}).Anything() != No {
		t.Error("anything")
	}
	if got := s.Of(Factor, Escape); len(got) != 2 || got[0].Class != Factor || got[1].Class != Escape {
		t.Errorf("some classes: %+v", got)
	}
	u := User{Sessions: []Session{{Credential: enforce.AccessKey, Open: s.Open}}}
	if _, ok := u.Session(enforce.PasswordNoMFA); ok {
		t.Error("a session that the user does not have")
	}
	u.Forget()
	if got, ok := u.Session(enforce.AccessKey); !ok || got.Open != nil {
		t.Errorf("after forgetting: %+v %v", got, ok)
	}
}

func TestBothAndEither(t *testing.T) {
	for _, c := range []struct{ a, b, both, either Can }{
		{Yes, Yes, Yes, Yes}, {Yes, No, No, Yes}, {No, No, No, No}, {Unknown, Yes, Unknown, Yes}, {Unknown, No, No, Unknown}, {Unknown, Unknown, Unknown, Unknown},
	} {
		if both(c.a, c.b) != c.both || both(c.b, c.a) != c.both || either(c.a, c.b) != c.either || either(c.b, c.a) != c.either {
			t.Errorf("%s and %s: both %s, either %s", c.a, c.b, both(c.a, c.b), either(c.a, c.b))
		}
	}
}

// A reader of the JSON need not tell null from [].
func TestNothingIsNull(t *testing.T) {
	s := audit.Snapshot{Account: "111122223333", Partition: "aws", Organization: &audit.Read[audit.OrganizationFeatures]{},
		Users: &audit.Read[[]audit.User]{Value: []audit.User{{ID: "AIDA1", Name: "ada", ARN: "arn:aws:iam::111122223333:user/ada", Access: &audit.Read[audit.Access]{}}}},
		Roles: &audit.Read[[]audit.RoleTrust]{Value: []audit.RoleTrust{{ID: "AROA1", Name: "r", ARN: "arn:aws:iam::111122223333:role/r", Trust: `{"Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}}`}}}}
	holds := func(*audit.User) Holds { return Holds{Yes, Yes, No} }
	r := Analyse(&s, holds)
	p := MakePlan(&s, []enforce.Document{{Name: "empty"}}, ToGroup, holds, func(*audit.User) bool { return true })
	if r.Users[0].ID != "AIDA1" || r.Roles[0].ID != "AROA1" || p.Users[0].ID != "AIDA1" {
		t.Errorf("ids: %s %s %s", r.Users[0].ID, r.Roles[0].ID, p.Users[0].ID)
	}
	for _, x := range []any{r, p, Analyse(&s, func(*audit.User) Holds { return Holds{No, No, No} })} {
		text, err := json.Marshal(x)
		if err != nil || strings.Contains(string(text), "null") {
			t.Errorf("%s %v", text, err)
		}
	}
}

// A user whose policies name more than is tried is not known to be held.
func TestTooMuchToTry(t *testing.T) {
	var actions, resources []string
	for i := range 80 {
		actions = append(actions, fmt.Sprintf(`"a%d:B"`, i))
		resources = append(resources, fmt.Sprintf(`"arn:aws:a::111122223333:r%d"`, i))
	}
	text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + strings.Join(actions, ",") + `],"Resource":[` + strings.Join(resources, ",") + `]},{"Effect":"Deny","Action":"*","NotResource":"arn:aws:b:::x"}]}`
	s := audit.Snapshot{Account: "111122223333", Partition: "aws", Organization: &audit.Read[audit.OrganizationFeatures]{},
		Users: &audit.Read[[]audit.User]{Value: []audit.User{{ID: "AIDA1", Name: "ada", ARN: "arn:aws:iam::111122223333:user/ada", Access: &audit.Read[audit.Access]{Value: audit.Access{Inline: []audit.InlinePolicy{{Name: "p", Document: text}}}}}}}}
	u := Analyse(&s, func(*audit.User) Holds { return Holds{No, Yes, Yes} }).Users[0]
	if len(u.Sessions) != 1 || u.Sessions[0].Anything() != Unknown || !strings.Contains(Texts(u.Sessions[0].Open[0].Because), "more than 5000") {
		t.Errorf("%+v", u.Sessions)
	}
}
