package guardrail

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/audit/enforce"
)

const registrar = "arn:aws:iam::111122223333:role/mfa-registrar"

// everyDocument generates every combination of options in every partition, with
// one entry in each list that people fill.
func everyDocument(t *testing.T) []Document {
	t.Helper()
	var all []Document
	for _, kind := range Kinds() {
		for _, form := range Forms() {
			for _, p := range []string{"aws", "aws-cn", "aws-us-gov"} {
				for bits := range 1 << 6 {
					o := combination(Kind(kind.Name), Form(form.Name), p, bits)
					d, err := Generate(o)
					if wrong := (*OptionError)(nil); errors.As(err, &wrong) {
						continue // the combination says nothing; TestWrongOptions has these
					}
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, d)
				}
			}
		}
	}
	if len(all) < 400 {
		t.Fatalf("only %d combinations were generated", len(all))
	}
	return all
}

func combination(kind Kind, form Form, p string, bits int) Options {
	on := func(bit int) bool { return bits&(1<<bit) != 0 }
	o := Options{Kind: kind, Form: form, Partition: p, NoConsoleComfort: on(0), PasswordChange: on(1), TagGuard: on(2), ThroughServices: on(3)}
	if on(4) {
		o.MFAAge = 15 * time.Minute
	}
	if on(5) {
		o.FIDOLevels, o.FIPS1402Levels, o.FIPS1403Levels = fidoLevels, fipsLevels, fipsLevels
	}
	if form != Trust && (o.TagGuard || kind == AdminManaged) {
		o.Registrars = []string{"arn:" + p + ":iam::111122223333:role/security/operations/mfa-registrar"}
	}
	if kind == Actions && form != Trust {
		o.Actions = []string{"s3:DeleteBucket"}
	}
	if form == Trust {
		o.Principals = []string{"arn:" + p + ":iam::111122223333:user/ada"}
	}
	return o
}

// Every combination is stored by AWS, also as a group's inline policy, and is a
// policy.
func TestEveryDocumentFits(t *testing.T) {
	longest := map[Form]int{}
	for _, d := range everyDocument(t) {
		size := len(d.Compact())
		longest[d.Options.Form] = max(longest[d.Options.Form], size)
		if size > d.Limit().Characters || size > 5120 {
			t.Errorf("%+v has %d characters", d.Options, size)
		}
		if _, err := enforce.Parse("guardrail", d.JSON()); err != nil {
			t.Errorf("%+v: %v", d.Options, err)
		}
	}
	t.Logf("the longest documents have %v characters without white space", longest)
}

// The text is the same every time, and both texts say the same.
func TestTextsAreTheSame(t *testing.T) {
	for _, d := range everyDocument(t) {
		again, err := Generate(d.Options)
		if err != nil {
			t.Fatalf("what was filled in is refused: %v", err)
		}
		if again.JSON() != d.JSON() {
			t.Fatalf("%+v: another text the second time", d.Options)
		}
		var spread, compact any
		if err := errors.Join(json.Unmarshal([]byte(d.JSON()), &spread), json.Unmarshal([]byte(d.Compact()), &compact)); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(spread) != fmt.Sprint(compact) {
			t.Errorf("%+v: JSON and Compact differ", d.Options)
		}
		if strings.ContainsAny(d.Compact(), " \n\t") {
			t.Errorf("%+v: Compact has white space", d.Options)
		}
	}
}

// What must hold of every document whatever its options.
func TestEveryStatement(t *testing.T) {
	for _, d := range everyDocument(t) {
		var sids []string
		for _, s := range d.Statements {
			if s.Why == "" || s.Source == "" || slices.Contains(sids, s.Sid) {
				t.Errorf("%+v: statement %q has why %q, source %q", d.Options, s.Sid, s.Why, s.Source)
			}
			sids = append(sids, s.Sid)
			if s.Effect == enforce.Deny && !asksUsersOnly(d.Options, s) {
				t.Errorf("%+v: %s refuses roles", d.Options, s.Sid)
			}
			if text := fmt.Sprint(s.NotActions); strings.Contains(text, deactivate) || strings.Contains(text, deleteVirtual) {
				t.Errorf("%+v: %s exempts what takes a factor away", d.Options, s.Sid)
			}
		}
	}
}

// asksUsersOnly: the two statements that are about factors and marks alone refuse
// everybody but the registrar.
func asksUsersOnly(o Options, s Statement) bool {
	about := map[string][]string{"DenyFactorsToAllButRegistrar": factorActions, "DenyMarkingUsers": {"iam:TagUser", "iam:UntagUser"}}
	return slices.ContainsFunc(s.Conditions, func(c Condition) bool {
		who := []string{"arn:" + o.Partition + ":iam::*:user/*", "arn:" + o.Partition + ":sts::*:federated-user/*"}
		users := c.Operator == "ArnLike" && (slices.Equal(c.Values, who[:1]) || s.Sid == "DenyFederatedSessions" && slices.Equal(c.Values, who[1:]) || o.Kind == Actions && slices.Equal(c.Values, who))
		but := c.Operator == "ArnNotLike" && c.Values[0] == o.Registrars[0] && slices.Equal(s.Actions, about[s.Sid])
		return c.Key == "aws:PrincipalArn" && (users || but)
	})
}

// An option that is wrong, or says nothing, names itself and what to do.
func TestWrongOptions(t *testing.T) {
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf("ec2:SomeRatherLongOperation%dX", i)
	}
	users := make([]string, 60)
	for i := range users {
		users[i] = fmt.Sprintf("arn:aws:iam::111122223333:user/person%d", i)
	}
	for _, c := range []struct {
		o           Options
		option, say string
	}{
		{Options{}, "guardrail", "self-service"},
		{Options{Kind: "hard"}, "guardrail", `"hard"`},
		{Options{Kind: MFAOnly, Form: "role"}, "form", "trust"},
		{Options{Kind: MFAOnly, Partition: "aws-iso"}, "partition", "aws-us-gov"},
		{Options{Kind: MFAOnly, Form: RCP}, "form", "scp"},
		{Options{Kind: Hardware, Form: Trust, Principals: users[:1]}, "form", "mfa-only"},
		{Options{Kind: Actions, Actions: many[:1], NoConsoleComfort: true}, "no-console-comfort", "says nothing"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: users[:1], PasswordChange: true}, "password-change", "says nothing"},
		{Options{Kind: AdminManaged, Registrars: []string{registrar}, TagGuard: true}, "tag-guard", "hardware"},
		{Options{Kind: MFAOnly, FIDOLevels: []string{"L1"}}, "fido-level", "hardware"},
		{Options{Kind: SelfService, FIPS1402Levels: []string{"L1"}}, "fips-140-2-level", "hardware"},
		{Options{Kind: SelfService, FIPS1403Levels: []string{"L1"}}, "fips-140-3-level", "hardware"},
		{Options{Kind: Hardware, FIDOLevels: []string{"l2"}}, "fido-level", "L2plus"},
		{Options{Kind: Hardware, FIDOLevels: []string{"L2", "L2"}}, "fido-level", "twice"},
		{Options{Kind: Hardware, FIPS1402Levels: []string{"L2plus"}}, "fips-140-2-level", "L4"},
		{Options{Kind: Hardware, FIPS1403Levels: []string{"5"}}, "fips-140-3-level", "L4"},
		{Options{Kind: MFAOnly, MFAAge: time.Second}, "mfa-age", "36h"},
		{Options{Kind: MFAOnly, MFAAge: 37 * time.Hour}, "mfa-age", "36h"},
		{Options{Kind: MFAOnly, MFAAge: -time.Hour}, "mfa-age", "36h"},
		{Options{Kind: MFAOnly, MFAAge: time.Minute + time.Millisecond}, "mfa-age", "seconds"},
		{Options{Kind: AdminManaged, Registrars: []string{registrar}, MFAAge: time.Hour}, "mfa-age", "says nothing"},
		{Options{Kind: MFAOnly, Registrars: []string{registrar}}, "registrar", "says nothing"},
		{Options{Kind: AdminManaged}, "registrar", "needs"},
		{Options{Kind: MFAOnly, TagGuard: true}, "registrar", "needs"},
		{Options{Kind: AdminManaged, Registrars: []string{"mfa-registrar"}}, "registrar", "role/mfa-registrar"},
		{Options{Kind: AdminManaged, Registrars: []string{"arn:aws:iam::111122223333:role/*"}}, "registrar", "account"},
		{Options{Kind: AdminManaged, Registrars: []string{"arn:aws:iam::111122223333:user/ada"}}, "registrar", "role"},
		{Options{Kind: AdminManaged, Partition: "aws-cn", Registrars: []string{registrar}}, "registrar", "aws-cn"},
		{Options{Kind: AdminManaged, Registrars: []string{registrar, registrar}}, "registrar", "twice"},
		{Options{Kind: Actions}, "action", "at least one"},
		{Options{Kind: MFAOnly, Actions: many[:1]}, "action", "says nothing"},
		{Options{Kind: MFAOnly, ThroughServices: true}, "through-services", "says nothing"},
		{Options{Kind: Actions, Form: Trust, Principals: users[:1], Actions: []string{"sts:AssumeRole"}}, "action", "says nothing"},
		{Options{Kind: Actions, Actions: []string{"*"}}, "action", "service:Operation"},
		{Options{Kind: Actions, Actions: []string{"RunInstances"}}, "action", "service:Operation"},
		{Options{Kind: Actions, Actions: []string{"ec2:RunInstances", "ec2:runinstances"}}, "action", "twice"},
		{Options{Kind: Actions, Actions: []string{"iam:*"}}, "action", "self-service"},
		{Options{Kind: Actions, Actions: []string{"iam:enablemfa*"}}, "action", "enrol"},
		{Options{Kind: Actions, Actions: []string{"sts:Get*"}}, "action", "no policy governs"},
		{Options{Kind: Actions, Form: RCP, Actions: []string{"ec2:RunInstances"}}, "action", "do not reach"},
		{Options{Kind: Actions, Form: RCP, Actions: []string{"signin:DeleteResourcePermissionStatement"}}, "action", "nothing of MFA"},
		{Options{Kind: Actions, Form: RCP, Actions: []string{"kms:RetireGrant"}}, "action", "do not reach"},
		{Options{Kind: Actions, Actions: []string{"signin:*"}}, "action", "console"},
		{Options{Kind: Actions, Form: SCP, Actions: []string{"signin:CreateOAuth2Token"}}, "action", "console"},
		{Options{Kind: Actions, Actions: []string{"signin:authorize*"}}, "action", "console"},
		{Options{Kind: Actions, Actions: []string{"signin:Authenticate"}}, "action", "console"},
		{Options{Kind: Actions, Actions: []string{"sts:AssumeRoleWithSAML"}}, "action", "without credentials"},
		{Options{Kind: Actions, Form: RCP, Actions: []string{"sts:AssumeRoleWithWebIdentity"}}, "action", "without credentials"},
		{Options{Kind: Actions, Form: SCP, Actions: []string{"sts:assumerolewith*"}}, "action", "without credentials"},
		{Options{Kind: Actions, Actions: []string{"iam:ChangePasswrd"}}, "action", "iam:ChangePassword meant"},
		{Options{Kind: Actions, Actions: []string{"sts:AsumeRole"}}, "action", "sts:AssumeRole meant"},
		{Options{Kind: Actions, Actions: []string{"ima:CreateUser"}}, "action", "iam:CreateUser meant"},
		{Options{Kind: MFAOnly, Name: "1st"}, "name", "letter"},
		{Options{Kind: MFAOnly, Name: "a b"}, "name", "letter"},
		{Options{Kind: MFAOnly, Name: strings.Repeat("a", 129)}, "name", "128"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: users[:1], Name: strings.Repeat("a", 65)}, "name", "64"},
		{Options{Kind: MFAOnly, Principals: users[:1]}, "principal", "says nothing"},
		{Options{Kind: MFAOnly, Form: Trust}, "principal", "needs"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{"*"}}, "principal", "whole account"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{"111122223333"}}, "principal", "whole account"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{"arn:aws:iam::111122223333:root"}}, "principal", "whole account"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{registrar}}, "principal", "never carry MFA"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{"arn:aws:sts::111122223333:assumed-role/a/b"}}, "principal", "never carry MFA"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{"arn:aws:iam::111122223333:user/*"}}, "principal", "wildcards"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{"arn:aws:iam::111122223333:user/a*/ada"}}, "principal", "wildcards"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{"ada"}}, "principal", "user/ada"},
		{Options{Kind: MFAOnly, Form: Trust, Partition: "aws-cn", Principals: users[:1]}, "principal", "aws-cn"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: []string{users[0], users[0]}}, "principal", "twice"},
		{Options{Kind: Actions, Actions: many}, "action", "6144"},
		{Options{Kind: Actions, Form: SCP, Actions: many}, "action", "5120"},
		{Options{Kind: MFAOnly, Form: Trust, Principals: users}, "principal", "2048"},
	} {
		_, err := Generate(c.o)
		wrong := (*OptionError)(nil)
		if !errors.As(err, &wrong) || wrong.Option != c.option || !strings.Contains(wrong.Problem, c.say) {
			t.Errorf("%.200v: error %v, want one of option %s with %q", c.o, err, c.option, c.say)
		}
	}
}

// Of the zero value only the guardrail has to be set.
func TestDefaults(t *testing.T) {
	d, err := Generate(Options{Kind: Hardware})
	if err != nil {
		t.Fatal(err)
	}
	if o := d.Options; o.Form != Identity || o.Partition != "aws" || !slices.Equal(o.FIDOLevels, fidoLevels) || o.MFAAge != 0 {
		t.Errorf("filled in: %+v", o)
	}
	d, err = Generate(Options{Kind: Actions, Form: Trust, Principals: []string{"arn:aws:iam::111122223333:user/dev/team/ada"}})
	if err != nil {
		t.Fatal(err)
	}
	if d.Options.MFAAge != time.Hour {
		t.Errorf("MFA for a role may be %s old, want an hour", d.Options.MFAAge)
	}
	// One list of levels is what is asked for, and no other is added.
	d, err = Generate(Options{Kind: Hardware, FIPS1402Levels: []string{"L2"}})
	if err != nil || d.Options.FIDOLevels != nil {
		t.Errorf("levels %v, error %v", d.Options.FIDOLevels, err)
	}
}

// docs/guardrails.md says that these differ in what they grant only.
func TestSameRefusals(t *testing.T) {
	for _, form := range []Form{Boundary, SCP} {
		for bits := range 1 << 5 {
			a, errA := Generate(combination(SelfService, form, "aws", bits))
			b, errB := Generate(combination(MFAOnly, form, "aws", bits))
			if (errA == nil) != (errB == nil) || a.Compact() != b.Compact() {
				t.Errorf("%s with options %b differ: %v, %v", form, bits, errA, errB)
			}
		}
	}
}

// What may be misspelt and may be newer than our list is done and said.
func TestDoubts(t *testing.T) {
	for _, c := range []struct {
		action, say string
	}{
		{"s4:GetObject", "no service s4"},
		{"iam:ReadEverything", "no action of iam"},
		{"iam:Raed*", "no action of iam"},
		{"s3:GetObjekt", ""}, // names of other services are not checked
		{"ec2:RunInstances", ""},
		{"iam:CREATEuser", ""},
		{"sts:AssumeRole*", ""},
		{"signin:Put*", ""},
	} {
		d, err := Generate(Options{Kind: Actions, Actions: []string{c.action}})
		if err != nil {
			t.Errorf("%s: %v", c.action, err)
			continue
		}
		got := strings.Join(d.Doubts, "; ")
		if !strings.Contains(got, c.say) || (got == "") != (c.say == "") {
			t.Errorf("%s: doubts %q, want %q", c.action, got, c.say)
		}
	}
}

// Every service on the list of those that resource control policies reach is one,
// and is accepted unless Sign-In's own rule refuses it.
func TestReachedServices(t *testing.T) {
	for _, service := range enforce.RCPServices() {
		if service == "signin" || service == "sts" {
			continue // listed in full: TestWrongOptions has these
		}
		d, err := Generate(Options{Kind: Actions, Form: RCP, Actions: []string{service + ":Tag*"}})
		if err != nil || len(d.Doubts) > 0 {
			t.Errorf("%s: %v, doubts %v", service, err, d.Doubts)
		}
	}
}
