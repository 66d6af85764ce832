package pattern

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// testMaker makes the test of an operator from its operand.
type testMaker func(operand string) (func(string) bool, error)

// texts are the operators on texts, folds those that take equals-ignore-case
// inside.
var texts = map[string]testMaker{
	"prefix":             plain(strings.HasPrefix),
	"suffix":             plain(strings.HasSuffix),
	"equals-ignore-case": plain(strings.EqualFold),
	"wildcard":           wildcard,
}

var folds = map[string]testMaker{"prefix": folded(strings.HasPrefix), "suffix": folded(strings.HasSuffix)}

func plain(test func(s, want string) bool) testMaker {
	return func(want string) (func(string) bool, error) {
		return func(s string) bool { return test(s, want) }, nil
	}
}

func folded(test func(s, want string) bool) testMaker {
	return func(want string) (func(string) bool, error) {
		want = strings.ToLower(want)
		return func(s string) bool { return test(strings.ToLower(s), want) }, nil
	}
}

// wildcard reads * as any run of characters, \* and \\ as themselves
// (EventBridge user guide, matching using wildcards).
func wildcard(text string) (func(string) bool, error) {
	pieces, err := cut(text)
	if err != nil {
		return nil, err
	}
	return func(s string) bool { return glob(pieces, s) }, nil
}

// cut takes a wildcard apart into the literal pieces between its stars.
func cut(text string) ([]string, error) {
	pieces := []string{""}
	last := &pieces[0]
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && (i+1 == len(text) || text[i+1] != '*' && text[i+1] != '\\'):
			return nil, fmt.Errorf(`a backslash may stand before * and \ only`)
		case text[i] == '\\':
			i++
			*last += text[i : i+1]
		case text[i] == '*' && *last == "" && len(pieces) > 1:
			return nil, fmt.Errorf("two stars in a row")
		case text[i] == '*':
			pieces = append(pieces, "")
			last = &pieces[len(pieces)-1]
		default:
			*last += text[i : i+1]
		}
	}
	return pieces, nil
}

// glob matches literal pieces with anything between them. Taking the first place
// where a piece fits leaves the most for the others.
func glob(pieces []string, s string) bool {
	first, rest := pieces[0], pieces[1:]
	s, ok := strings.CutPrefix(s, first)
	if !ok || len(rest) == 0 {
		return ok && s == ""
	}
	for _, piece := range rest[:len(rest)-1] {
		if _, s, ok = strings.Cut(s, piece); !ok {
			return false
		}
	}
	return strings.HasSuffix(s, rest[len(rest)-1])
}

// exact is the greatest integer that a numeric comparison takes: 2 to the 53rd
// (EventBridge user guide, numeric matching).
const exact = 1 << 53

// number is the value of a JSON number, unless it is beyond the range.
func number(v any) (float64, bool) {
	n, _ := v.(json.Number) // "" is no number
	f, err := n.Float64()
	return f, err == nil && f >= -exact && f <= exact
}

// numeric compares numbers only: one comparison, or a lower and an upper bound.
func numeric(operand any) (matcher, error) {
	list, _ := operand.([]any)
	if len(list) != 2 && len(list) != 4 {
		return nil, fmt.Errorf(`wants a comparison such as [">", 0], or a range such as [">", 0, "<=", 5]`)
	}
	var tests []func(float64) bool
	var kinds string
	for i := 0; i < len(list); i += 2 {
		operator, _ := list[i].(string)
		bound, ok := number(list[i+1])
		compare := comparisons[operator]
		switch {
		case compare == nil:
			return nil, fmt.Errorf("%v is none of <, <=, =, >=, >", list[i])
		case !ok:
			return nil, fmt.Errorf("%v is no number between -2^53 and 2^53", list[i+1])
		}
		kinds += operator[:1]
		tests = append(tests, func(v float64) bool { return compare(v, bound) })
	}
	if len(kinds) == 2 && kinds != "><" && kinds != "<>" {
		return nil, fmt.Errorf("a range wants one lower and one upper bound")
	}
	return some(func(v any) bool {
		f, ok := number(v)
		for _, test := range tests {
			ok = ok && test(f)
		}
		return ok
	}), nil
}

var comparisons = map[string]func(a, b float64) bool{
	"<":  func(a, b float64) bool { return a < b },
	"<=": func(a, b float64) bool { return a <= b },
	"=":  func(a, b float64) bool { return a == b },
	">=": func(a, b float64) bool { return a >= b },
	">":  func(a, b float64) bool { return a > b },
}

// cidr matches texts that are addresses of a network, of IPv4 or IPv6.
func cidr(operand any) (matcher, error) {
	text, _ := operand.(string)
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return nil, fmt.Errorf("%v is no network such as 192.0.2.0/24", operand)
	}
	return some(onText(func(s string) bool {
		a, err := netip.ParseAddr(s)
		return err == nil && network.Contains(a)
	})), nil
}
