package enforce

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A condition operator, taken apart.
type operator struct {
	name     string // the positive form: StringLike
	negated  bool
	ifExists bool
	set      string // ForAllValues, ForAnyValue or empty
}

// compare tells whether a value of the request matches one of the policy.
type compare func(c Context, variables bool, policy, request string) Tri

// operators are the positive forms and what they compare by (IAM user guide,
// condition operators). Null is apart.
func operators() map[string]compare {
	return map[string]compare{
		"StringEquals":             equal(exactly),
		"StringEqualsIgnoreCase":   equal(strings.EqualFold),
		"StringLike":               stringLike,
		"ArnEquals":                arnLike,
		"ArnLike":                  arnLike,
		"Bool":                     equal(sameBool),
		"BinaryEquals":             binary,
		"IpAddress":                address,
		"NumericEquals":            numeric(func(c int) bool { return c == 0 }),
		"NumericLessThan":          numeric(func(c int) bool { return c < 0 }),
		"NumericLessThanEquals":    numeric(func(c int) bool { return c <= 0 }),
		"NumericGreaterThan":       numeric(func(c int) bool { return c > 0 }),
		"NumericGreaterThanEquals": numeric(func(c int) bool { return c >= 0 }),
		"DateEquals":               date(func(c int) bool { return c == 0 }),
		"DateLessThan":             date(func(c int) bool { return c < 0 }),
		"DateLessThanEquals":       date(func(c int) bool { return c <= 0 }),
		"DateGreaterThan":          date(func(c int) bool { return c > 0 }),
		"DateGreaterThanEquals":    date(func(c int) bool { return c >= 0 }),
	}
}

var comparisons = operators()

// negations are the negated operators and what they negate.
var negations = map[string]string{
	"StringNotEquals": "StringEquals", "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase", "StringNotLike": "StringLike",
	"ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike", "NotIpAddress": "IpAddress", "NumericNotEquals": "NumericEquals", "DateNotEquals": "DateEquals",
}

const null = "Null"

// parseOperator takes an operator apart; ok is false for one that IAM does not
// have. Operators are spelled as the grammar spells them.
func parseOperator(text string) (o operator, ok bool) {
	for _, set := range []string{"ForAllValues", "ForAnyValue"} {
		if rest, found := strings.CutPrefix(text, set+":"); found {
			o.set, text = set, rest
			break
		}
	}
	text, o.ifExists = strings.CutSuffix(text, "IfExists")
	if positive, negated := negations[text]; negated {
		o.negated, text = true, positive
	}
	o.name = text
	if text == null {
		return o, !o.ifExists
	}
	return o, comparisons[text] != nil
}

// KnownOperator tells whether an operator is one that IAM documents, with its
// set and IfExists.
func KnownOperator(text string) bool {
	_, ok := parseOperator(text)
	return ok
}

// Operators are the operators that IAM documents, without set and IfExists, in
// their order.
func Operators() []string {
	all := []string{null}
	for name := range comparisons {
		all = append(all, name)
	}
	for name := range negations {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// holds tells whether a condition is met, and why that is not known where it is
// not.
func (c Condition) holds(x Context, variables bool) (Tri, string) {
	o, ok := parseOperator(c.Operator)
	if !ok {
		return Maybe, fmt.Sprintf("the operator %q is none that IAM documents", c.Operator)
	}
	values, present := x.Lookup(c.Key)
	if o.name == null {
		return c.absent(present)
	}
	if present == Maybe {
		return Maybe, fmt.Sprintf("it is not known what %s is in the request", c.Key)
	}
	if present == No {
		return c.withoutKey(o)
	}
	if o.set == "" && len(values) > 1 {
		return Maybe, fmt.Sprintf("%s has %d values and %s asks for one: AWS does not say what then", c.Key, len(values), c.Operator)
	}
	return c.compare(o, x, variables, values)
}

// absent is the Null operator: true asks for the key to be absent. Of several
// values one is enough.
func (c Condition) absent(present Tri) (Tri, string) {
	if present == Maybe {
		return Maybe, fmt.Sprintf("it is not known whether the request has %s", c.Key)
	}
	return tri(slices.ContainsFunc(c.Values, func(v string) bool { return strings.EqualFold(v, strconv.FormatBool(present == No)) })), ""
}

// withoutKey is what an operator comes to when the request does not have the key:
// a negated one is met, any other is not; IfExists and ForAllValues are, and
// ForAnyValue never is. What ForAnyValue with IfExists comes to AWS does not say:
// one page makes it true, another false.
func (c Condition) withoutKey(o operator) (Tri, string) {
	switch {
	case o.ifExists && o.set == "ForAnyValue":
		return Maybe, fmt.Sprintf("the request has no %s, and AWS does not say what %s is then", c.Key, c.Operator)
	case o.ifExists || o.set == "ForAllValues":
		return Yes, ""
	case o.set == "ForAnyValue":
		return No, ""
	}
	return tri(o.negated), ""
}

// compare holds every value of the request against all of the policy's.
func (c Condition) compare(o operator, x Context, variables bool, values []string) (Tri, string) {
	results := make([]Tri, 0, len(values))
	for _, value := range values {
		one := No
		for _, p := range c.Values {
			one = or(one, comparisons[o.name](x, variables, p, value))
		}
		if o.negated {
			one = not(one)
		}
		results = append(results, one)
	}
	result := results[0]
	for _, r := range results[1:] {
		if o.set == "ForAllValues" {
			result = and(result, r)
		} else {
			result = or(result, r)
		}
	}
	if result == Maybe {
		return Maybe, fmt.Sprintf("a variable in the values of %s is not known", c.Key)
	}
	return result, ""
}

func tri(yes bool) Tri {
	if yes {
		return Yes
	}
	return No
}

func not(t Tri) Tri {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Maybe
}

func and(a, b Tri) Tri {
	switch {
	case a == No || b == No:
		return No
	case a == Yes && b == Yes:
		return Yes
	}
	return Maybe
}

func or(a, b Tri) Tri { return not(and(not(a), not(b))) }

// literally is a value with its variables put in, where wildcards mean nothing.
func literally(x Context, variables bool, policy string) (string, Tri) {
	p, known := expand(policy, variables, x)
	if p.any == anyByte {
		p.text = tame.Replace(p.text)
	}
	return p.text, known
}

var tame = strings.NewReplacer(string([]byte{anyByte}), "*", string([]byte{oneByte}), "?")

// matched is what a comparison comes to when its value's variables may have no
// value, which is equal to and like nothing. Where one is not known, what does not
// match with a star in its place does not match at all.
func matched(known Tri, match bool) Tri {
	if known == Yes || known == Maybe && !match {
		return tri(match)
	}
	return known
}

// equal compares texts once their variables are put in.
func equal(same func(a, b string) bool) compare {
	return func(x Context, variables bool, policy, request string) Tri {
		text, known := literally(x, variables, policy)
		return matched(known, known == Maybe || same(text, request))
	}
}

func exactly(a, b string) bool { return a == b }

func stringLike(x Context, variables bool, policy, request string) Tri {
	p, known := expand(policy, variables, x)
	return matched(known, p.matches(request))
}

func arnLike(x Context, variables bool, policy, request string) Tri {
	p, known := expand(policy, variables, x)
	return matched(known, p.matchesParts(request) || p.text == string([]byte{p.any}))
}

// sameBool compares true and false. AWS's pages differ on whether a variable may
// stand here; where one does, it is put in.
func sameBool(a, b string) bool {
	return (strings.EqualFold(a, "true") || strings.EqualFold(a, "false")) && strings.EqualFold(a, b)
}

func binary(_ Context, _ bool, policy, request string) Tri {
	a, errA := base64.StdEncoding.DecodeString(policy)
	b, errB := base64.StdEncoding.DecodeString(request)
	return tri(errA == nil && errB == nil && string(a) == string(b))
}

// address compares with a range; an address alone is a range of one.
func address(_ Context, _ bool, policy, request string) Tri {
	ip, err := netip.ParseAddr(request)
	if err != nil {
		return No
	}
	if one, err := netip.ParseAddr(policy); err == nil {
		return tri(one == ip)
	}
	within, err := netip.ParsePrefix(policy)
	return tri(err == nil && within.Contains(ip))
}

// numeric compares numbers exactly, without a floating point's rounding.
func numeric(is func(int) bool) compare {
	return func(_ Context, _ bool, policy, request string) Tri {
		want, okWant := number(policy)
		got, okGot := number(request)
		return tri(okWant && okGot && is(got.Cmp(want)))
	}
}

// number reads a decimal number. It is bounded: 1e999999999 would fill the memory.
func number(text string) (*big.Rat, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 40 || strings.ContainsAny(text, "eEpPxX/_") {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// date compares moments.
func date(is func(int) bool) compare {
	return func(_ Context, _ bool, policy, request string) Tri {
		want, okWant := moment(policy)
		got, okGot := moment(request)
		return tri(okWant && okGot && is(got.Compare(want)))
	}
}

// moment reads ISO 8601 as W3C profiles it, or seconds since 1970.
func moment(text string) (time.Time, bool) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", time.DateOnly, "2006-01", "2006"} {
		if t, err := time.Parse(form, text); err == nil && (form != "2006" || len(text) == 4) {
			return t, true
		}
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}
