package explain

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/catalogue"
)

const no, yes = enforce.No, enforce.Yes

// conditions looks at what a statement's MFA conditions come to for each
// credential, whatever operators they are written with.
func (f *finder) conditions(s *statement) {
	if f.types(s) || len(s.factor) == 0 || f.forAllValues(s) || f.nobody(s) || f.ofAge(s) {
		return
	}
	line, text := s.place()
	switch {
	case s.Effect == enforce.Deny && s.fresh == yes && s.key == no && s.pass == no:
		f.add(idInverted, s, line, text, "")
	case s.guards() && s.key == no && f.leavesOpen(s, byKey):
		f.add(idBoolInDeny, s, line, text, "")
	case s.guards() && s.pass == no && f.leavesOpen(s, byPassword):
		f.add(idNullInDeny, s, line, text, "")
	case s.Effect == enforce.Allow && s.fresh == yes && s.key == yes && s.pass == no && f.leavesOpen(s, byKey):
		f.add(idIfExistsInAllow, s, line, text, "")
	case s.Effect == enforce.Allow && s.pass == yes && (s.fresh == yes || !s.enrols()) && f.leavesOpen(s, byPassword):
		why := ""
		if s.key == yes {
			why = "With an access key the condition is met too."
		}
		f.add(idConsoleIn, s, line, text, why)
	}
}

// enrols tells a statement of nothing but what enrolling a device takes, which may
// well be allowed to those only who have none.
func (s *statement) enrols() bool {
	return len(s.Actions) > 0 && !slices.ContainsFunc(s.Actions, func(name string) bool {
		lower := strings.ToLower(name)
		return lower != "iam:changepassword" && !strings.HasPrefix(lower, "iam:get") && !strings.HasPrefix(lower, "iam:list") &&
			!slices.ContainsFunc(core, func(c string) bool { return strings.EqualFold(c, name) })
	})
}

// forAllValues is met by a key that is absent.
func (f *finder) forAllValues(s *statement) bool {
	mistaken := false
	for _, c := range s.Conditions {
		if !strings.HasPrefix(c.Operator, "ForAllValues:") || !single(c.Key) {
			continue
		}
		found := f.add(idForAllValues, s, c.Line, written(c), "")
		switch {
		case s.Effect == enforce.Deny:
			found.Severity = audit.Low
		case !onFactor(c):
			found.Severity = audit.Medium
		}
		mistaken = mistaken || onFactor(c) && s.Effect == enforce.Allow
	}
	return mistaken
}

// single tells a key that is known and has one value.
func single(key string) bool {
	return in(keysByName, key) && !in(manyNames, key)
}

// ofAge tells a statement whose conditions ask for the age alone.
func (f *finder) ofAge(s *statement) bool {
	return !slices.ContainsFunc(s.factor, func(c enforce.Condition) bool { return !strings.EqualFold(c.Key, enforce.KeyMFAAge) })
}

// ages looks at conditions on the age of a second factor.
func (f *finder) ages(s *statement) {
	i := slices.IndexFunc(s.factor, func(c enforce.Condition) bool { return strings.EqualFold(c.Key, enforce.KeyMFAAge) })
	if i < 0 || strings.HasPrefix(s.factor[i].Operator, "ForAllValues:") || s.factor[i].Operator == "Null" {
		return
	}
	c := s.factor[i]
	if s.Effect == enforce.Deny && s.fresh == no && f.hold(s.factor, byMorning) == yes && f.about(s, anythingElse.action, f.world.resourceOf(anythingElse)) {
		f.add(idAgeOfAll, s, c.Line, written(c), "")
	}
	switch {
	case s.Effect == enforce.Deny && s.stale == yes && s.fresh == no && (s.key == no && f.leavesOpen(s, byKey) || s.pass == no && f.leavesOpen(s, byPassword)):
		f.add(idAgeInDeny, s, c.Line, written(c), "")
	case s.Effect == enforce.Allow && s.fresh == yes && (s.key == yes || s.pass == yes) && f.hold([]enforce.Condition{c}, byKey) == yes && f.leavesOpen(s, byKey):
		f.add(idAgeInAllow, s, c.Line, written(c), "")
	case s.olderOnly():
		f.add(idAgeInverted, s, c.Line, written(c), "")
	}
}

// olderOnly tells conditions that let in who gave a second factor long ago, and
// not who just did.
func (s *statement) olderOnly() bool {
	if s.Effect == enforce.Allow {
		return s.fresh == no && s.stale == yes
	}
	return s.fresh == yes && s.stale == no
}

// byMorning is a console session near its end, of which the sign-in was with MFA
// (IAM user guide: 12 hours).
var byMorning = credential{enforce: enforce.WithMFA, age: 12*time.Hour - time.Second}

// moot looks for an Allow without MFA of all that s allows with it.
func (f *finder) moot(s *statement) {
	if s.Effect != enforce.Allow || s.fresh != yes || s.key == yes || f.kind == Trust || f.kind == Resource {
		return
	}
	calls := f.calls(s)
	for _, x := range calls {
		free := slices.ContainsFunc(f.read, func(t statement) bool {
			return t.Effect == enforce.Allow && t.key == yes && t.pass == yes && f.about(&t, x.action, x.resource) && f.unless(&t, s, byKey)
		})
		if !free || f.covered(s, x.action, x.resource, byKey) {
			return
		}
	}
	if len(calls) > 0 {
		line, text := s.place()
		f.add(idMoot, s, line, text, "")
	}
}

// literal looks for wildcards where they are none.
func (f *finder) literal(s *statement) {
	for _, c := range s.Conditions {
		switch baseOf(c.Operator) {
		case "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase":
			if slices.ContainsFunc(c.Values, func(v string) bool { return strings.Contains(unvaried(v), "*") }) {
				f.add(idLiteral, s, c.Line, written(c), "")
			}
		}
	}
}

// variable is ${…}; ${*} is a star by itself.
var variable = regexp.MustCompile(`\$\{[^}]*\}`)

// unvaried is a value without its variables.
func unvaried(value string) string { return variable.ReplaceAllString(value, "") }

// types looks at operators and values of another type than the key's. Where a
// condition on MFA is never met for that, nothing else is worth saying of it.
func (f *finder) types(s *statement) (never bool) {
	for _, c := range s.Conditions {
		base := baseOf(c.Operator)
		boolean, number := in(boolNames, c.Key), in(numericNames, c.Key)
		isBool, isNumber, isText := base == "Bool", strings.HasPrefix(base, "Numeric"), strings.HasPrefix(base, "String")
		switch {
		case !enforce.KnownOperator(c.Operator):
			// said as misspelt
		case base == "Null" && !each(c.Values, isTrueOrFalse), isBool && !each(c.Values, isTrueOrFalse), isNumber && !each(c.Values, isNumeric):
			f.add(idValue, s, c.Line, written(c), "")
			never = never || onFactor(c)
		case base == "Null":
		case boolean && isText && each(c.Values, isLowerBool):
			f.add(idType, s, c.Line, written(c), "").Severity = audit.Low
		case boolean && !isBool, number && !isNumber:
			f.add(idType, s, c.Line, written(c), "")
			never = never || onFactor(c)
		}
	}
	return never
}

// baseOf is an operator without set and IfExists.
func baseOf(operator string) string {
	if _, rest, found := strings.Cut(operator, ":"); found {
		operator = rest
	}
	return strings.TrimSuffix(operator, "IfExists")
}

func each(values []string, is func(string) bool) bool {
	return len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return !is(v) && !strings.Contains(v, "${") })
}

func isTrueOrFalse(v string) bool { return isLowerBool(strings.ToLower(v)) }

func isLowerBool(v string) bool { return v == "true" || v == "false" }

func isNumeric(v string) bool {
	digits := strings.TrimLeft(v, "+-")
	return strings.Trim(digits, "0123456789.") == "" && strings.Count(digits, ".") < 2 && strings.Trim(digits, ".") != ""
}

// spelling looks at operators, keys and actions that AWS does not have.
func (f *finder) spelling(s *statement) {
	for _, c := range s.Conditions {
		if !enforce.KnownOperator(c.Operator) {
			f.operator(s, c)
		}
		f.keyOf(s, c)
	}
	for element, names := range map[string][]string{"Action": s.Actions, "NotAction": s.NotActions} {
		for i, name := range names {
			f.actionOf(s, name, s.entry(element, i))
		}
	}
}

func (f *finder) operator(s *statement, c enforce.Condition) {
	found := f.add(idOperator, s, c.Line, c.Operator, "")
	set, name, colon := strings.Cut(c.Operator, ":")
	if !colon {
		set, name = "", c.Operator
	}
	near := catalogue.Nearest(name, operatorNames)
	if near == "" {
		near = catalogue.Nearest(strings.TrimSuffix(name, "IfExists"), operatorNames) // Null has none
	}
	if set = catalogue.Nearest(set, []string{"ForAllValues", "ForAnyValue"}); set != "" {
		near = set + ":" + near
	}
	if enforce.KnownOperator(near) {
		found.Instead = near
	}
}

// operatorNames are all operators, with and without IfExists.
var operatorNames = withIfExists()

func withIfExists() []string {
	var all []string
	for _, name := range enforce.Operators() {
		all = append(all, name)
		if enforce.KnownOperator(name + "IfExists") {
			all = append(all, name+"IfExists")
		}
	}
	return all
}

func (f *finder) keyOf(s *statement, c enforce.Condition) {
	if len(f.found) > mostFound || knownKey(c.Key) {
		return
	}
	if foreign(c.Key) {
		f.add(idKeyUnchecked, s, c.Line, c.Key, "")
		return
	}
	near := meant(c.Key)
	if near == "" {
		f.add(idKeyUnknown, s, c.Line, c.Key, "")
		return
	}
	f.add(idKey, s, c.Line, c.Key, "").Instead = near
}

// knownKey tells a key that AWS documents, or that is an identity provider's own.
func knownKey(key string) bool {
	name := strings.ToLower(key)
	if stem, tag, slash := strings.Cut(name, "/"); slash && tag != "" && in(keysByName, stem+"/") {
		return true
	}
	prefix, _, _ := strings.Cut(name, ":")
	return in(keysByName, name) && !strings.HasSuffix(name, "/") || strings.Contains(prefix, ".") || prefix == "saml"
}

// foreign tells a key of a service that the catalogue has not.
func foreign(key string) bool {
	prefix, rest, colon := strings.Cut(strings.ToLower(key), ":")
	return colon && !slices.Contains(listed, prefix) && foreignKey(rest) == ""
}

// meant is the key that a misspelt one is meant for, or empty.
func meant(key string) string {
	name := strings.ToLower(key)
	_, rest, colon := strings.Cut(name, ":")
	if foreign(key) {
		return ""
	}
	if !colon {
		rest = name
	}
	if near := foreignKey(rest); near != "" {
		return near
	}
	stem, tag, slash := strings.Cut(name, "/")
	near := catalogue.Nearest(stem, keyStems)
	if !in(keysByName, near+"/") {
		return near
	}
	if slash && tag != "" {
		return near + "/" + tag
	}
	return near + "/KEY"
}

// keyStems are the keys without what follows a slash.
var keyStems = stems()

func stems() []string {
	var names []string
	for _, key := range keysByName {
		names = append(names, strings.TrimSuffix(key, "/"))
	}
	return names
}

// foreignKey is a known key that a name without its service is the end of:
// MultiFactorAuthPresent, or iam:MultiFactorAuthPresent.
func foreignKey(rest string) string {
	for _, service := range listed {
		if key, known := keysByName[service+":"+rest]; known && !strings.HasSuffix(key, "/") && len(rest) > 6 {
			return key
		}
	}
	return ""
}

func (f *finder) actionOf(s *statement, name string, line int) {
	lower := strings.ToLower(name)
	if _, known := catalogue.Named(name); known || strings.ContainsAny(name, "*?") || len(f.found) > mostFound {
		return
	}
	service, _, colon := strings.Cut(lower, ":")
	if colon && (service == "aws" || !slices.Contains(listed, service)) {
		return
	}
	near := catalogue.Nearest(lower, catalogue.Names())
	switch {
	case !colon:
		f.add(idAction, s, line, name, "It has no service before it.").Instead = "SERVICE:" + name
	case near != "":
		f.add(idAction, s, line, name, "").Instead = near
	default:
		f.add(idActionUnknown, s, line, name, "")
	}
}
