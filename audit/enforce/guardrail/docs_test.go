package guardrail

import (
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

var update = flag.Bool("update", false, "rewrite what docs/guardrails.md takes from the code")

const page = "../../../docs/guardrails.md"

// What docs/guardrails.md says of statements, exemptions, sizes and the condition
// keys is what the code says.
func TestGuardrailsPage(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for name, text := range map[string]string{
		"statements": statementsSection(t), "exemptions": exemptionsSection(), "sizes": sizesSection(t), "truth": truthSection(t),
	} {
		begin, end := "<!-- from the code: "+name+" -->\n", "<!-- end of "+name+" -->"
		before, rest, found := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("%s has no section %q", page, name)
		}
		want = before + begin + "\n" + text + "\n" + end + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(data) {
		t.Errorf("%s is not what the code says: run go test ./audit/enforce/guardrail -update", page)
	}
}

// Statements that pages speak of are there.
func TestPagesNameStatements(t *testing.T) {
	var sids []string
	for _, s := range tell() {
		sids = append(sids, s.Sid)
	}
	for _, name := range []string{page, "../../../docs/live-checks.md"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`((?:Allow|Deny)[A-Z][A-Za-z0-9]+)`").FindAllSubmatch(data, -1)
		if len(named) < 4 {
			t.Fatalf("%s names %d statements", name, len(named))
		}
		for _, n := range named {
			if !slices.Contains(sids, string(n[1])) {
				t.Errorf("%s speaks of %s, which no document has", name, n[1])
			}
		}
	}
}

// told is a statement and where it stands.
type told struct {
	Statement
	kinds, forms, when []string
}

// alone are the options that bring statements of their own, each by itself.
var alone = []struct {
	words string
	with  func(*Options)
}{
	{"always", func(*Options) {}},
	{"`--through-services`", func(o *Options) { o.ThroughServices = true }},
	{"`--mfa-age`", func(o *Options) { o.MFAAge = 15 * time.Minute }},
	{"`--tag-guard`", func(o *Options) {
		o.TagGuard = true
		o.Registrars = []string{"arn:aws:iam::111122223333:role/mfa-registrar"}
	}},
	{"`--fips-140-2-level`", func(o *Options) { o.FIPS1402Levels = []string{"L2"} }},
	{"`--fips-140-3-level`", func(o *Options) { o.FIPS1403Levels = []string{"L2"} }},
}

// tell collects the statements of all guardrails, forms and options.
func tell() []*told {
	var all []*told
	for _, form := range Forms() {
		for _, kind := range Kinds() {
			for _, option := range alone {
				o := combination(Kind(kind.Name), Form(form.Name), "aws", 0)
				option.with(&o)
				d, err := Generate(o)
				if err != nil {
					continue
				}
				for _, s := range d.Statements {
					all = note(all, s, kind.Name, form.Name, option.words)
				}
			}
		}
	}
	return all
}

func note(all []*told, s Statement, kind, form, when string) []*told {
	i := slices.IndexFunc(all, func(x *told) bool { return x.Sid == s.Sid && x.Why == s.Why })
	if i < 0 {
		all, i = append(all, &told{Statement: s}), len(all)
	}
	x := all[i]
	x.kinds, x.forms = appendNew(x.kinds, kind), appendNew(x.forms, form)
	if !slices.Contains(x.when, "always") {
		x.when = appendNew(x.when, when)
	}
	return all
}

func appendNew(all []string, one string) []string {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

func statementsSection(t *testing.T) string {
	statements := tell()
	if len(statements) < 15 {
		t.Fatalf("only %d statements", len(statements))
	}
	var b strings.Builder
	b.WriteString("| statement | effect | guardrails | forms | when | why | AWS's page |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range statements {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n", s.Sid, s.Effect, strings.Join(s.kinds, ", "), strings.Join(s.forms, ", "), strings.Join(s.when, ", "), s.Why, s.Source)
	}
	return b.String()
}

// exemptionsSection is what users may call without MFA, and why.
func exemptionsSection() string {
	var b strings.Builder
	b.WriteString("| action | self-service, mfa-only | hardware | admin-managed |\n| --- | --- | --- | --- |\n")
	var actions []string
	for _, k := range []Kind{MFAOnly, AdminManaged} {
		actions = append(actions, exempt(Options{Kind: k, PasswordChange: true})...)
	}
	for _, action := range sorted(actions) {
		fmt.Fprintf(&b, "| `%s` |", action)
		for _, k := range []Kind{MFAOnly, Hardware, AdminManaged} {
			fmt.Fprintf(&b, " %s |", exemption(k, action))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func exemption(k Kind, action string) string {
	in := func(o Options) bool { return slices.Contains(exempt(o), action) }
	bare := Options{Kind: k, NoConsoleComfort: true}
	switch {
	case slices.Contains(freeOfPolicies, action):
		return "yes; no policy governs it"
	case action == authenticate:
		return "yes; only consoles are asked about it"
	case action == authorize || action == createToken:
		return "on `console/*` only"
	case in(bare):
		return "yes"
	case in(Options{Kind: k}) && in(Options{Kind: k, NoConsoleComfort: true, PasswordChange: true}):
		return "console comfort, or `--password-change`"
	case in(Options{Kind: k}):
		return "console comfort"
	case in(Options{Kind: k, PasswordChange: true}):
		return "`--password-change`"
	}
	return "no"
}

func sizesSection(t *testing.T) string {
	longest := map[string]int{}
	for _, d := range everyDocument(t) {
		key := string(d.Options.Kind) + " " + string(d.Options.Form)
		longest[key] = max(longest[key], len(d.Compact()))
	}
	var b strings.Builder
	b.WriteString("| guardrail | identity | boundary | scp | rcp | trust |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, k := range Kinds() {
		fmt.Fprintf(&b, "| `%s` |", k.Name)
		for _, form := range Forms() {
			if n := longest[k.Name+" "+form.Name]; n > 0 {
				fmt.Fprintf(&b, " %d |", n)
			} else {
				b.WriteString(" – |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// truthSection asks the evaluator what each way to write "without MFA" comes to.
func truthSection(t *testing.T) string {
	const deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{%q:{"aws:MultiFactorAuthPresent":%q}}}]}`
	const allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{%q:{"aws:MultiFactorAuthPresent":%q}}}]}`
	ways := []string{fmt.Sprintf(deny, "BoolIfExists", "false"), fmt.Sprintf(deny, "Bool", "false"), fmt.Sprintf(deny, "Null", "true"), fmt.Sprintf(allow, "Bool", "true"), fmt.Sprintf(allow, "BoolIfExists", "true")}
	user := enforce.Caller{Partition: "aws", Account: "111122223333", Kind: audit.IAMUser, Path: "/", Name: "ada", ID: "AIDAEXAMPLEADA", TagsKnown: true, OwnDevice: enforce.Yes}
	role := enforce.Caller{Partition: "aws", Account: "111122223333", Kind: audit.Role, Path: "/", Name: "ops", ID: "AROAEXAMPLEOPS", Session: "ada", TagsKnown: true, Credential: enforce.RoleCredentials}
	as := func(c enforce.Credential) enforce.Caller { u := user; u.Credential = c; return u }
	federated := as(enforce.FederationToken)
	federated.Kind = audit.Federated
	var b strings.Builder
	b.WriteString("| request | the key | Deny `BoolIfExists` false | Deny `Bool` false | Deny `Null` true | Allow `Bool` true | Allow `BoolIfExists` true |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range []struct {
		who, key string
		caller   enforce.Caller
		through  string
	}{
		{"user, access key", "absent", as(enforce.AccessKey), "false"},
		{"user, console without MFA", "false", as(enforce.PasswordNoMFA), "false"},
		{"user, console or GetSessionToken with MFA", "true", as(enforce.WithMFA), "false"},
		{"AWS service on a user's behalf", "false", as(enforce.PasswordNoMFA), "true"},
		{"role session, a code given or not", "false", role, "false"},
		{"GetFederationToken session", "false", federated, "false"},
	} {
		fmt.Fprintf(&b, "| %s | %s |", r.who, r.key)
		for _, text := range ways {
			d, err := enforce.Parse("way", text)
			if err != nil {
				t.Fatal(err)
			}
			got := enforce.Evaluate(r.caller.Request(enforce.NewContext().With(enforce.KeyViaService, r.through), "ec2:RunInstances", "*"), enforce.Policies{Identity: []enforce.Document{d}})
			fmt.Fprintf(&b, " %s |", map[enforce.Answer]string{enforce.Allowed: "allowed", enforce.ExplicitlyDenied: "denied", enforce.ImplicitlyDenied: "not allowed"}[got.Answer])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The odds of guessed codes are what the numbers before them come to.
func TestOddsOfGuessedCodes(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const tries, right = 9 * 24 * 60 / 3, 5.0 / 1e6
	within := func(n float64) float64 { return 1 - math.Pow(1-right, n) }
	even := math.Log(0.5) / math.Log(1-right) / tries
	for _, want := range []string{
		fmt.Sprintf("= %d,%03d tries a day", tries/1000, tries%1000),
		fmt.Sprintf("= %.1f %% a day\n", 100*within(tries)),
		fmt.Sprintf("= %.0f %% in 30 days; even odds after %.0f days", 100*within(30*tries), even),
		fmt.Sprintf("= %.1f %% a day for a user with eight", 100*within(8*tries)),
		fmt.Sprintf("even odds after %.0f days\n", even/8),
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s does not say %q", page, want)
		}
	}
}
