package matrix

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mfawatch/audit/enforce"
)

// mutant is a document with one thing changed.
type mutant struct {
	what string // Sid: the change
	text enforce.Document
}

// equivalents are the changes that change nothing, with the reason. One that is
// told by a row after all, or that no document has any more, fails the test.
var equivalents = []struct{ documents, what, why string }{
	{"*", "DenyWithoutMFA: without the exemption of sts:GetCallerIdentity", "no policy governs it: the exemption is for readers"},
	{"*", "DenyWithoutMFA: without the exemption of sts:GetSessionToken", "no policy governs it: the exemption is for readers"},
	{"* identity *", "Deny*: ArnLike aws:PrincipalArn as ArnLikeIfExists", "every signed request has the key"},
	{"* boundary *", "Deny*: ArnLike aws:PrincipalArn as ArnLikeIfExists", "every signed request has the key"},
	{"* scp *", "Deny*: ArnLike aws:PrincipalArn as ArnLikeIfExists", "every signed request has the key"},
	{"*", "Deny*: BoolIfExists aws:ViaAWSService as Bool", "every request has the key"},
	{"*", "DenyMarkingUsers: ForAnyValue:StringEqualsIgnoreCase aws:TagKeys as ForAnyValue:StringEqualsIgnoreCaseIfExists", "TagUser and UntagUser always name keys"},
	{"* identity *", "AllowCreateVirtualDevice: for every resource", "iam:CreateVirtualMFADevice is about virtual devices only"},
	{"* identity *", "Allow*Device: Bool aws:MultiFactorAuthPresent as BoolIfExists", "the key is absent for access keys only, which DenyWithoutMFA refuses"},
	{"* age identity *", "Allow*Device: Bool aws:MultiFactorAuthPresent dropped", "only MFA has an age"},
	{"* full identity *", "Allow*Device: Bool aws:MultiFactorAuthPresent dropped", "only MFA has an age"},
	{"* identity *", "Allow*Device: NumericLessThan aws:MultiFactorAuthAge as NumericLessThanIfExists", "without an age DenyTakingAwayWithOldMFA refuses"},
	{"* trust *", "AllowAssumeWithMFA: Bool aws:MultiFactorAuthPresent as BoolIfExists", "only MFA has an age"},
	{"* trust *", "AllowAssumeWithMFA: Bool aws:MultiFactorAuthPresent dropped", "only MFA has an age"},
	{"* trust *", "AllowAssumeWithMFA: NumericLessThan aws:MultiFactorAuthAge as NumericLessThanIfExists", "MFA always has an age"},
	{"* rcp *", "DenyActions*: without principal 1", "Organizations stores none without it"},
	{"hardware *", "Deny*: StringEquals iam:RegisterSecurityKey as StringEqualsIfExists", "without the key DenyOtherThanSecurityKeys refuses"},
	{"hardware *", "DenyUncertifiedKeys: all of iam", "only EnableMFADevice has iam:RegisterSecurityKey"},
	{"hardware *", "DenyKeysWithoutFIPS140?: all of iam", "only EnableMFADevice has iam:RegisterSecurityKey"},
	{"admin-managed *", "DenyWithoutMFA: exempts iam:DeactivateMFADevice", "DenyFactorsToAllButRegistrar refuses it too"},
	{"admin-managed *", "DenyWithoutMFA: exempts iam:DeleteVirtualMFADevice", "DenyFactorsToAllButRegistrar refuses it too"},
	{"* age *", "DenyWithoutMFA: exempts iam:DeactivateMFADevice", "DenyTakingAwayWithOldMFA refuses it too"},
	{"* age *", "DenyWithoutMFA: exempts iam:DeleteVirtualMFADevice", "DenyTakingAwayWithOldMFA refuses it too"},
	{"* full *", "DenyWithoutMFA: exempts iam:DeactivateMFADevice", "DenyTakingAwayWithOldMFA refuses it too"},
	{"* full *", "DenyWithoutMFA: exempts iam:DeleteVirtualMFADevice", "DenyTakingAwayWithOldMFA refuses it too"},
}

// inEveryPartition are the variants whose changes are tried in aws-cn and
// aws-us-gov too. The others differ there in nothing but ARNs that these have.
var inEveryPartition = []string{"full", "plain", "seed", "reach", "role"}

// Each guard of each document, removed or weakened, must be told by a row.
func TestEveryGuardIsHeld(t *testing.T) {
	rows, err := Rows()
	if err != nil {
		t.Fatal(err)
	}
	seen := make([]int, len(equivalents))
	mutants, survivors := 0, map[string][]string{}
	for name, rows := range byDocument(rows) {
		if partition := rows[0].Options.Partition; partition != "aws" && !slices.Contains(inEveryPartition, rows[0].Variant) {
			continue
		}
		for _, m := range mutantsOf(guarded(rows[0])) {
			mutants++
			killer := killer(m, rows)
			explained := slices.IndexFunc(equivalents, func(e struct{ documents, what, why string }) bool {
				return matches(e.documents, name) && matches(e.what, m.what)
			})
			switch {
			case explained >= 0:
				seen[explained]++
				if killer != nil {
					t.Errorf("%s, %s is said to change nothing and is told by %s", name, m.what, killer.Name)
				}
			case killer == nil:
				survivors[m.what] = append(survivors[m.what], name)
			}
		}
	}
	for what, names := range survivors {
		slices.Sort(names)
		t.Errorf("no row tells the change %q in %d documents, such as %s", what, len(names), names[0])
	}
	for i, n := range seen {
		if n == 0 {
			t.Errorf("no document has the change %q of %q any more: take it off the list", equivalents[i].what, equivalents[i].documents)
		}
	}
	t.Logf("%d mutants, %d changes survive", mutants, len(survivors))
}

func matches(pattern, name string) bool {
	escape := strings.NewReplacer("/", "|", "[", "(", "]", ")")
	ok, err := path.Match(escape.Replace(pattern), escape.Replace(name))
	return err == nil && ok
}

// byDocument are the rows of each document. A row that AWS decides itself tells
// nothing of a document.
func byDocument(rows []Row) map[string][]*Row {
	all := map[string][]*Row{}
	for i, r := range rows {
		if r.ByAWS {
			continue
		}
		name := fmt.Sprintf("%s %s %s %s", r.Options.Kind, r.Variant, r.Options.Form, r.Options.Partition)
		all[name] = append(all[name], &rows[i])
	}
	return all
}

func guarded(r *Row) enforce.Document {
	for _, l := range r.Layers {
		if l.Guardrail {
			return l.document
		}
	}
	return enforce.Document{}
}

// killer is a row that comes out otherwise with the mutant. It comes to the front:
// a row that tells one change often tells the next.
func killer(m mutant, rows []*Row) *Row {
	for i, r := range rows {
		if enforce.Evaluate(r.Request, r.With(m.text)).Answer != r.Want {
			copy(rows[1:i+1], rows[:i])
			rows[0] = r
			return r
		}
	}
	return nil
}

// mutantsOf walks a document.
func mutantsOf(d enforce.Document) []mutant {
	var all []mutant
	for i, s := range d.Statements {
		add := func(what string, changed ...enforce.Statement) {
			next := d
			next.Statements = slices.Concat(d.Statements[:i:i], changed, d.Statements[i+1:])
			all = append(all, mutant{s.Sid + ": " + what, next})
		}
		add("removed")
		changeEffect(s, add)
		changeActions(s, add)
		changeResources(s, add)
		changePrincipals(s, add)
		for j := range s.Conditions {
			changeCondition(s, j, add)
		}
	}
	return all
}

type adder func(what string, changed ...enforce.Statement)

func changeEffect(s enforce.Statement, add adder) {
	s.Effect = map[string]string{enforce.Allow: enforce.Deny, enforce.Deny: enforce.Allow}[s.Effect]
	add("the other effect", s)
}

// tempting are what people put into the exemption.
var tempting = []string{"iam:DeleteVirtualMFADevice", "iam:DeactivateMFADevice", "iam:CreateLoginProfile", "iam:UpdateLoginProfile", "iam:CreateAccessKey",
	"iam:*", "iam:List*", "sts:*", "sts:AssumeRole", "sts:GetFederationToken", "signin:*", "ec2:*", "s3:*", "*"}

func changeActions(s enforce.Statement, add adder) {
	for i, a := range s.Actions {
		if len(s.Actions) > 1 {
			next := s
			next.Actions = without(s.Actions, i)
			add("without "+a, next)
		}
		next := s
		service, _, _ := strings.Cut(a, ":")
		next.Actions = append(without(s.Actions, i), service+":*")
		if a != "*" && service+":*" != a {
			add("all of "+service, next)
		}
	}
	for i, a := range s.NotActions {
		next := s
		next.NotActions = without(s.NotActions, i)
		add("without the exemption of "+a, next)
	}
	if s.NotActions == nil {
		return
	}
	for _, a := range tempting {
		next := s
		next.NotActions = append(slices.Clone(s.NotActions), a)
		add("exempts "+a, next)
	}
	swapped := s
	swapped.Actions, swapped.NotActions = s.NotActions, nil
	add("Action for NotAction", swapped)
}

func without(all []string, i int) []string {
	return slices.Concat(all[:i:i], all[i+1:])
}

func changeResources(s enforce.Statement, add adder) {
	for i, r := range s.Resources {
		next := s
		if len(s.Resources) > 1 {
			next.Resources = without(s.Resources, i)
			add("not for "+r, next)
		}
		next.Resources = []string{"*"}
		if r != "*" && i == 0 {
			add("for every resource", next)
		}
		if wide := strings.ReplaceAll(r, "${aws:username}", "*"); wide != r {
			next.Resources = append(without(s.Resources, i), wide)
			add("for "+wide, next)
		}
	}
	for i, r := range s.NotResources {
		next := s
		next.NotResources = without(s.NotResources, i)
		add("also for "+r, next)
		wide := strings.ReplaceAll(strings.ReplaceAll(r, "${aws:username}", "*"), "::console/*", "*")
		next.NotResources = append(without(s.NotResources, i), wide)
		add("not for "+wide, next)
	}
	if s.NotResources != nil {
		next := s
		next.Resources, next.NotResources = s.NotResources, nil
		add("Resource for NotResource", next)
	}
}

func changePrincipals(s enforce.Statement, add adder) {
	for i := range s.Principals {
		next := s
		next.Principals = slices.Concat(s.Principals[:i:i], s.Principals[i+1:])
		add(fmt.Sprintf("without principal %d", i+1), next)
	}
	if s.Effect == enforce.Allow && s.Principals != nil {
		for _, wide := range []string{"*", account, "arn:aws:iam::" + account + ":root", "arn:aws-cn:iam::" + account + ":root", "arn:aws-us-gov:iam::" + account + ":root"} {
			next := s
			next.Principals = append(slices.Clone(s.Principals), enforce.PrincipalPattern{Type: "AWS", Value: wide})
			add("also to "+wide, next)
		}
	}
}

// opposites are operators and what is the opposite or the next of kin.
var opposites = map[string][]string{
	"Null":         {"Bool"},
	"StringEquals": {"StringNotEquals"}, "StringNotEquals": {"StringEquals"}, "StringEqualsIgnoreCase": {"StringEquals", "StringNotEqualsIgnoreCase"},
	"ArnLike": {"ArnNotLike"}, "ArnNotLike": {"ArnLike"},
	"NumericLessThan": {"NumericLessThanEquals", "NumericGreaterThan"}, "NumericGreaterThan": {"NumericGreaterThanEquals", "NumericLessThan"},
}

func changeCondition(s enforce.Statement, j int, add adder) {
	c := s.Conditions[j]
	with := func(what string, changed ...enforce.Condition) {
		next := s
		next.Conditions = slices.Concat(s.Conditions[:j:j], changed, s.Conditions[j+1:])
		add(fmt.Sprintf("%s %s %s", c.Operator, c.Key, what), next)
	}
	with("dropped")
	misspelt := c
	misspelt.Key = c.Key + "x"
	with("misspelt", misspelt)
	for _, o := range operatorsLike(c.Operator) {
		next := c
		next.Operator = o
		with("as "+o, next)
	}
	for i, v := range c.Values {
		next := c
		if len(c.Values) > 1 {
			next.Values = without(c.Values, i)
			with("without "+v, next)
		}
		for _, other := range valuesLike(c, v) {
			next.Values = append(without(c.Values, i), other)
			with(v+" as "+other, next)
		}
	}
}

var operatorParts = regexp.MustCompile(`^(ForAnyValue:|ForAllValues:)?(.*?)(IfExists)?$`)

// operatorsLike are the operators that somebody might write by mistake. A negated
// operator and Null mean the same with IfExists (IAM user guide).
func operatorsLike(operator string) []string {
	p := operatorParts.FindStringSubmatch(operator)
	set, name, exists := p[1], p[2], p[3]
	var all []string
	if !strings.Contains(name, "Not") && name != "Null" {
		all = append(all, set+name+map[string]string{"": "IfExists", "IfExists": ""}[exists])
	}
	for _, o := range opposites[name] {
		all = append(all, set+o+exists)
	}
	if set != "" {
		all = append(all, map[string]string{"ForAnyValue:": "ForAllValues:", "ForAllValues:": "ForAnyValue:"}[set]+name+exists)
	}
	return all
}

// valuesLike are other values than the one that is written.
func valuesLike(c enforce.Condition, v string) []string {
	if n, err := strconv.Atoi(v); err == nil {
		return []string{strconv.Itoa(n - 1), strconv.Itoa(n + 1), strconv.Itoa(n * 60)}
	}
	switch {
	case v == "true":
		return []string{"false"}
	case v == "false":
		return []string{"true"}
	case strings.HasPrefix(v, "arn:"):
		return []string{"*", "arn:aws:iam::" + foreign + ":user/nobody"}
	}
	return []string{"x", "*"}
}
