package reach

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/internal/casefile"
)

// Users share answers. Whoever is asked about alone gets the same ones.
func TestSharingChangesNothing(t *testing.T) {
	for _, from := range casefile.All(t, "testdata/*.txtar") {
		c := readCase(t, from)
		together := Analyse(&c.snapshot, c.of)
		for i, u := range c.snapshot.Users.Value {
			alone := c.snapshot
			alone.Users = &audit.Read[[]audit.User]{Value: []audit.User{u}}
			got := Analyse(&alone, c.of).Users[0]
			if diff := cmp.Diff(got, together.Users[i], cmpopts.IgnoreUnexported(User{}, Session{}, Guard{})); diff != "" {
				t.Errorf("%s, %s alone and among others (-alone +among):\n%s", from.Path, u.Name, diff)
			}
		}
	}
}

// The same of accounts that chance made, where users differ in a boundary or a tag only.
func TestSharingChangesNothingByChance(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	for round := range 60 {
		s := randomAccount(pick, random.IntN(3))
		for i := range s.Users.Value { // all have the same policies, or nearly
			if random.IntN(3) > 0 {
				s.Users.Value[i].Access.Value.Attached = s.Users.Value[0].Access.Value.Attached
			}
		}
		holds := func(*audit.User) Holds { return Holds{Yes, Yes, No} }
		together := Analyse(&s, holds)
		for i, u := range s.Users.Value {
			alone := s
			alone.Users = &audit.Read[[]audit.User]{Value: []audit.User{u}}
			if diff := cmp.Diff(Analyse(&alone, holds).Users[0], together.Users[i], cmpopts.IgnoreUnexported(User{}, Session{}, Guard{})); diff != "" {
				t.Fatalf("round %d, %s alone and among others (-alone +among):\n%s", round, u.Name, diff)
			}
		}
	}
}

// What is narrowed to an action, asked of what denies first, and remembered, is what
// the evaluator says of the whole policies.
func TestAskIsTheEvaluator(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	answers := map[enforce.Answer]int{}
	for round := range 300 {
		s := randomAccount(pick, random.IntN(3))
		a := Look(&s)
		for range 40 {
			u := &s.Users.Value[random.IntN(len(s.Users.Value))]
			x, _ := a.userSet(u)
			credential := enforce.Credential(pick(string(enforce.AccessKey), string(enforce.PasswordNoMFA), string(enforce.WithMFA)))
			c := a.userCaller(u, x, credential, Can(pick("yes", "no", "unknown")))
			action := pick("s3:GetObject", "s3:Get*", "sqs:SendMessage", "iam:EnableMFADevice", "iam:PutUserPolicy")
			resource := pick("*", "arn:aws:s3:::b/k", "arn:aws:s3:::ada/k", u.ARN, s.Users.Value[0].ARN, "arn:aws:iam::111122223333:user/*")
			want := whole(a, c, x, action, resource)
			if got := a.ask(c, action, resource); got.Answer != want.Answer {
				t.Fatalf("round %d: %s may %s on %s by %s: %v, the evaluator says %v: %+v", round, u.Name, action, resource, credential, got, want.Answer, want.Because)
			}
			answers[want.Answer]++
		}
	}
	for _, answer := range []enforce.Answer{enforce.Unknown, enforce.Allowed, enforce.ImplicitlyDenied, enforce.ExplicitlyDenied} {
		if answers[answer] < 100 {
			t.Errorf("answer %d came %d times: the accounts are too plain", answer, answers[answer])
		}
	}
}

// whole asks about the documents as they are.
func whole(a *Account, c *caller, x *set, action, resource string) enforce.Decision {
	var p enforce.Policies
	for _, d := range x.identity {
		p.Identity = append(p.Identity, d.Document)
	}
	if x.boundary != nil {
		p.Boundary = &x.boundary.Document
	}
	for _, level := range a.scps {
		var documents []enforce.Document
		for _, d := range level {
			documents = append(documents, d.Document)
		}
		p.SCPs = append(p.SCPs, documents)
	}
	q := c.request
	q.Action, q.Resource = action, resource
	return enforce.Evaluate(q, p)
}

// randomAccount invents a few users with small policies that share much.
func randomAccount(pick func(...string) string, levels int) audit.Snapshot {
	s := audit.Snapshot{Account: "111122223333", Partition: "aws", Organization: &audit.Read[audit.OrganizationFeatures]{}}
	var policies []audit.ManagedPolicy
	for i := range 6 {
		policies = append(policies, audit.ManagedPolicy{ARN: fmt.Sprintf("arn:aws:iam::111122223333:policy/p%d", i), Document: randomPolicy(pick)})
	}
	s.Policies = &audit.Read[[]audit.ManagedPolicy]{Value: policies}
	arn := func() string { return policies[len(pick("", "x", "xx", "xxx", "xxxx", "xxxxx"))].ARN }
	var users []audit.User
	for _, name := range []string{"ada", "bob", "eve"} {
		access := audit.Access{Attached: []string{arn(), arn()}, Boundary: pick("", "", arn())}
		users = append(users, audit.User{ID: "AIDA" + name, Name: name, ARN: "arn:aws:iam::111122223333:user/" + name,
			Tags: &audit.Read[map[string]string]{Value: map[string]string{"team": pick("a", "b")}}, Access: &audit.Read[audit.Access]{Value: access}})
	}
	s.Users = &audit.Read[[]audit.User]{Value: users}
	if levels == 0 {
		return s
	}
	var scps []audit.SCP
	for i := range levels {
		target := fmt.Sprint("ou-", i)
		scps = append(scps, audit.SCP{Name: "FullAWSAccess", Target: target, Document: administratorAccess}, audit.SCP{Name: "extra", Target: target, Document: randomPolicy(pick)})
	}
	s.SCPs = &audit.Read[[]audit.SCP]{Value: scps}
	return s
}

func randomPolicy(pick func(...string) string) string {
	var statements []string
	for range 2 {
		statements = append(statements, fmt.Sprintf(`{"Effect":%q,%q:%s,%q:%s%s}`,
			pick("Allow", "Allow", "Allow", "Deny"),
			pick("Action", "Action", "NotAction"), pick(`"*"`, `"s3:*"`, `["iam:EnableMFADevice","sqs:*"]`, `"s3:Get*"`),
			pick("Resource", "Resource", "Resource", "NotResource"), pick(`"*"`, `"*"`, `"arn:aws:s3:::b/*"`, `"arn:aws:s3:::${aws:username}/*"`, `"arn:aws:iam::111122223333:user/${aws:username}"`),
			pick("", "", `,"Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`, `,"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}`,
				`,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"a"}}`, `,"Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, `,"Condition":{"StringLike":{"aws:username":"a*"}}`)))
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}
