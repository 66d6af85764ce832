package pattern

import (
	"strings"
	"testing"
)

// trail and people are events of the shapes that the CloudWatch Logs user guide
// explains its operators with.
const (
	trail  = `{"type":"UpdateTrail","ip":"192.0.2.7","list":["value","another value"],"objects":[{"name":"a","id":1},{"name":"b","id":2}],"none":null,"yes":true,"no":false,"cluster.name":"c","n":400,"s":"400","big":1000,"empty":""}`
	people = `{"user":{"id":1,"email":"ada@example.com"},"users":[{"id":2,"email":"ben@example.com"},{"id":3,"email":"cyd@example.com"}],"actions":["GET","PUT","DELETE"],"coordinates":[[0,1,2],[4,5,6]]}`
)

var countCases = []struct {
	filter, event string
	want          Answer
}{
	// Texts.
	{`{ $.type = "UpdateTrail" }`, trail, Counted},
	{`{$.type=UpdateTrail}`, trail, Counted},
	{`{ $.type = "updatetrail" }`, trail, NotCounted},
	{`{ $.type != "UpdateTrail" }`, trail, NotCounted},
	{`{ $.type != "StopLogging" }`, trail, Counted},
	{`{ $.type = "Update*" }`, trail, Counted},
	{`{ $.type = *Trail }`, trail, Counted},
	{`{ $.type = "*Tra*" }`, trail, Counted},
	{`{ $.type = "Update" }`, trail, NotCounted},
	{`{ $.type = "*pdate" }`, trail, NotCounted},
	{`{ $.type != "Update*" }`, trail, NotCounted},
	{`{ $.ip != 123.123.* }`, trail, Counted},
	{`{ $.ip = 192.0.* }`, trail, Counted},
	{`{ $.empty = "" }`, trail, Counted},
	{`{ $.type = "" }`, trail, NotCounted},
	// Numbers.
	{`{ $.n = 400 }`, trail, Counted},
	{`{ $.n = 4e+2 }`, trail, Counted},
	{`{ $.n = 401 }`, trail, NotCounted},
	{`{ $.n != 400 }`, trail, NotCounted},
	{`{ $.n != 500 }`, trail, Counted},
	{`{ $.n > 399 }`, trail, Counted},
	{`{ $.n > 400 }`, trail, NotCounted},
	{`{ $.n >= 400 }`, trail, Counted},
	{`{ $.n < 401 }`, trail, Counted},
	{`{ $.n < 400 }`, trail, NotCounted},
	{`{ $.n <= 400 }`, trail, Counted},
	{`{ $.n <= 399 }`, trail, NotCounted},
	{`{ $.n > -1 }`, trail, Counted},
	{`{ $.n = 4* }`, trail, Counted},
	{`{ $.n = 5* }`, trail, NotCounted},
	{`{ $.n != 5* }`, trail, Counted},
	{`{ $.n != 4* }`, trail, NotCounted},
	{`{ $.big = 1e3 }`, trail, Counted},
	{`{ $.n = "4*" }`, trail, Unknown},
	{`{ $.n != "5*" }`, trail, Unknown},
	{`{ $.n != x }`, trail, Unknown},
	{`{ $.n = x }`, trail, NotCounted},
	{`{ $.a[0] NOT EXISTS }`, `{"a":{"":1}}`, Counted},
	{`{ $.type > 5 }`, trail, NotCounted},
	{`{ $.none < 5 }`, trail, NotCounted},
	// Kinds that differ: told only where spelling cannot matter.
	{`{ $.n = "400" }`, trail, Unknown},
	{`{ $.n = "401" }`, trail, NotCounted},
	{`{ $.n != "x" }`, trail, Unknown},
	{`{ $.s = 400 }`, trail, Unknown},
	{`{ $.s = 401 }`, trail, Unknown},
	{`{ $.s != 401 }`, trail, Unknown},
	{`{ $.s > 5 }`, trail, Unknown},
	{`{ $.s = "400" }`, trail, Counted},
	{`{ $.type = 400 }`, trail, NotCounted},
	{`{ $.type != 400 }`, trail, Unknown},
	{`{ $.yes = "true" }`, trail, Unknown},
	{`{ $.yes = "Yes" }`, trail, NotCounted},
	{`{ $.yes != "Yes" }`, trail, Unknown},
	{`{ $.none = "x" }`, trail, NotCounted},
	{`{ $.none != "x" }`, trail, Unknown},
	// What is missing equals nothing; whether it differs is not documented.
	{`{ $.nowhere = "x" }`, trail, NotCounted},
	{`{ $.nowhere = "*" }`, trail, NotCounted},
	{`{ $.nowhere != "x" }`, trail, Unknown},
	{`{ $.nowhere > 1 }`, trail, NotCounted},
	{`{ $.type.deeper != "x" }`, trail, Unknown},
	{`{ $.none.deeper = "x" }`, trail, NotCounted},
	// IS and NOT EXISTS.
	{`{ $.none IS NULL }`, trail, Counted},
	{`{ $.nowhere IS NULL }`, trail, NotCounted},
	{`{ $.type IS NULL }`, trail, NotCounted},
	{`{ $.list IS NULL }`, trail, NotCounted},
	{`{ $.yes IS TRUE }`, trail, Counted},
	{`{ $.no IS TRUE }`, trail, NotCounted},
	{`{ $.no IS FALSE }`, trail, Counted},
	{`{ $.yes IS FALSE }`, trail, NotCounted},
	{`{ $.nowhere NOT EXISTS }`, trail, Counted},
	{`{ $.none NOT EXISTS }`, trail, NotCounted},
	{`{ $.type NOT EXISTS }`, trail, NotCounted},
	{`{ $.list NOT EXISTS }`, trail, NotCounted},
	{`{ $.none.deeper NOT EXISTS }`, trail, Counted},
	{`{ $.list[2] NOT EXISTS }`, trail, Counted},
	{`{ $.list[1] NOT EXISTS }`, trail, NotCounted},
	// Arrays and brackets.
	{`{ $.list[0] = "value" }`, trail, Counted},
	{`{ $.list[1] = "value" }`, trail, NotCounted},
	{`{ $.list[2] = "value" }`, trail, NotCounted},
	{`{ $.objects[1].name = "b" }`, trail, Counted},
	{`{ $.objects[1].id = 2 }`, trail, Counted},
	{`{ $.['cluster.name'] = "c" }`, trail, Counted},
	{`{ $['cluster.name'] = "c" }`, trail, Counted},
	{`{ $.cluster.name = "c" }`, trail, NotCounted},
	{`{ $.a0-9_AZ-z = 0-9AZaz_ }`, `{"a0-9_AZ-z":"0-9AZaz_"}`, Counted},
	{`{ $.type[0] = "U" }`, trail, NotCounted},
	{`{ $.coordinates[1][2] = 6 }`, people, Counted},
	// Wildcard selectors: any of them.
	{`{ $.list[*] = "another value" }`, trail, Counted},
	{`{ $.list[*] = "third" }`, trail, NotCounted},
	{`{ $.list[*] != "third" }`, trail, Counted},
	{`{ $.list[*] != "value" }`, trail, Unknown},
	{`{ $.users[*].id = 3 }`, people, Counted},
	{`{ $.user.* = "ada@example.com" }`, people, Counted},
	{`{ $.user.* = "eve@example.com" }`, people, NotCounted},
	{`{ $.users[*].id != 2 }`, people, Unknown},
	{`{ $.users[*].id != 4 }`, people, Counted},
	{`{ $.user.* != 1 }`, people, Unknown},
	{`{ $.user.* = 1 }`, people, Counted},
	{`{ $.user.* = "1" }`, people, Unknown},
	{`{ $.user.* != "eve@example.com" }`, people, Unknown}, // the number beside the text
	{`{ $.actions[*] NOT EXISTS }`, people, NotCounted},
	{`{ $.nowhere[*] NOT EXISTS }`, people, Counted},
	{`{ $.s[*] = 4 }`, trail, NotCounted},
	// Compound: () before && before ||.
	{`{ ($.user.id = 1) && ($.users[0].email = "ben@example.com") }`, people, Counted},
	{`{ $.user.email = "ada@example.com" || $.coordinates[0][1] = "x" && $.actions[2] = "x" }`, people, Counted},
	{`{ ($.user.email = "ada@example.com" || $.coordinates[0][1] = "x") && $.actions[2] = "x" }`, people, NotCounted},
	{`{ ($.user.id = 2 && $.users[0].email = "x") || $.actions[2] = "GET" }`, people, NotCounted},
	{`{ $.user.id = 2 || $.user.id = 3 || $.user.id = 1 }`, people, Counted},
	{`{ $.user.id = 1 && $.user.id = 1 && $.user.id = 2 }`, people, NotCounted},
	// Unknown gives way to what decides, on either side.
	{`{ $.nowhere != "x" || $.user.id = 1 }`, people, Counted},
	{`{ $.user.id = 1 || $.nowhere != "x" }`, people, Counted},
	{`{ $.nowhere != "x" || $.user.id = 2 }`, people, Unknown},
	{`{ $.nowhere != "x" && $.user.id = 2 }`, people, NotCounted},
	{`{ $.user.id = 2 && $.nowhere != "x" }`, people, NotCounted},
	{`{ $.nowhere != "x" && $.user.id = 1 }`, people, Unknown},
	// An array or object: the filter "won't match the log format".
	{`{ $.list = "value" }`, trail, NotCounted},
	{`{ $.list != "value" }`, trail, NotCounted},
	{`{ $.objects[0] != "value" }`, trail, NotCounted},
	{`{ $.list != "value" || $.type = "UpdateTrail" }`, trail, Unknown},
	{`{ $.type = "UpdateTrail" || $.list = "value" }`, trail, Unknown},
	{`{ $.list = "value" && $.type = "UpdateTrail" }`, trail, NotCounted},
	{`{ $.list = "value" || $.type = "x" }`, trail, NotCounted},
	// Log events of another format.
	{`{ $.a NOT EXISTS }`, `plain text`, NotCounted},
	{`{ $.a NOT EXISTS }`, `["x"]`, NotCounted},
	{`{ $.a NOT EXISTS }`, `{"b":1`, NotCounted},
	{`{ $.a NOT EXISTS }`, `{}`, Counted},
}

func TestCount(t *testing.T) {
	for _, c := range countCases {
		f, err := ParseMetricFilter(c.filter)
		if err != nil {
			t.Errorf("ParseMetricFilter(%s): %v", c.filter, err)
			continue
		}
		if got := f.Match([]byte(c.event)); got != c.want {
			t.Errorf("%s on %.60s …: %v, want %v", c.filter, c.event, got, c.want)
		}
	}
}

func TestBadFilterPatterns(t *testing.T) {
	for filter, want := range map[string]string{
		``:                                  `position 1: wants "{", has ""`,
		`ERROR`:                             `position 1: wants "{", has "ERROR"`,
		`{ }`:                               `position 3: wants a property selector such as $.eventName, has "}"`,
		`{ $.a = 1`:                         `position 10: wants "}", has ""`,
		`{ $.a = 1 } x`:                     `position 13: "x" follows the pattern`,
		`{ a = 1 }`:                         `position 3: wants a property selector such as $.eventName, has "a = 1 }"`,
		`{ $ = 1 }`:                         `position 4: wants a property after $`,
		`{ $. = 1 }`:                        `position 6: wants a property's name, has "= 1 }"`,
		`{ $.a }`:                           `position 7: wants an operator, IS or NOT EXISTS, has "}"`,
		`{ $.a == 1 }`:                      `position 8: wants a value, has "= 1 }"`,
		`{ $.a < }`:                         `position 9: wants a value, has "}"`,
		`{ $.a = }`:                         `position 9: wants a value, has "}"`,
		`{ $.a > x }`:                       `position 10: > wants a number, has "x"`,
		`{ $.a >= "5" }`:                    `position 13: >= wants a number, has "5"`,
		`{ $.a < Inf }`:                     `position 12: < wants a number, has "Inf"`,
		`{ $.a = "x }`:                      `position 9: the quotes are not closed`,
		`{ $.a = "x\"y" }`:                  `position 9: a backslash in quotes: what it means is not documented`,
		`{ $.a = %[a]% }`:                   `position 9: regular expressions are not read here`,
		`{ $.a EXISTS }`:                    `position 7: wants an operator, IS or NOT EXISTS, has "EXISTS }"`,
		`{ $.a NOT NULL }`:                  `position 11: wants EXISTS after NOT, has "NULL }"`,
		`{ $.a NOT EXISTSX }`:               `position 11: wants EXISTS after NOT, has "EXISTSX }"`,
		`{ $.a IS NOT NULL }`:               `position 10: wants NULL, TRUE or FALSE after IS, has "NOT NULL }"`,
		`{ $.a is NULL }`:                   `position 7: wants an operator, IS or NOT EXISTS, has "is NULL }"`,
		`{ $.a IS Null }`:                   `position 10: wants NULL, TRUE or FALSE after IS, has "Null }"`,
		`{ ($.a = 1 }`:                      `position 12: wants ")", has "}"`,
		`{ $.a = 1 && }`:                    `position 14: wants a property selector such as $.eventName, has "}"`,
		`{ $.a = 1 | $.b = 1 }`:             `position 11: wants "}", has "| $.b = 1 }"`,
		`{ $.a[x] = 1 }`:                    `position 7: wants a number, * or 'name' in brackets`,
		`{ $.a[0 = 1 }`:                     `position 9: wants "]", has "= 1 }"`,
		`{ $.['a] = 1 }`:                    `position 6: wants a name between ' and '`,
		`{ $.[''] = 1 }`:                    `position 6: wants a name between ' and '`,
		`{ $.a[99999999999999999999] = 1 }`: `position 27: wants a number, * or 'name' in brackets`,
		`{ $.a[*].b[*] = 1 }`:               `position 14: more than one wildcard in a property selector`,
		`{ $.a[*]=1||$.b[*]=1||$.c.*=1||$.d.*=1 }`:                                `4 wildcard selectors, CloudWatch Logs takes three in a pattern`,
		`{` + strings.Repeat("(", 101) + `$.a=1` + strings.Repeat(")", 101) + `}`: `position 103: more than 100 parentheses`,
	} {
		if _, err := ParseMetricFilter(filter); err == nil || err.Error() != want {
			t.Errorf("ParseMetricFilter(%s) says %v, want %s", filter, err, want)
		}
	}
}

func TestFilterLimits(t *testing.T) {
	long := func(n int) string { return `{$.a="` + strings.Repeat("ä", n-8) + `"}` }
	if _, err := ParseMetricFilter(long(MaxFilterPattern)); err != nil {
		t.Errorf("1024 characters: %v", err)
	}
	if _, err := ParseMetricFilter(long(MaxFilterPattern + 1)); err == nil || err.Error() != "the filter pattern has 1025 characters, CloudWatch Logs takes 1024" {
		t.Errorf("1025 characters: %v", err)
	}
	for _, fits := range []string{
		`{ $.a[*]=1||$.b[*]=1||$.c.*=1 }`, `{` + strings.Repeat("(", 100) + `$.a=1` + strings.Repeat(")", 100) + `}`,
		`{($.a=1)&&` + strings.Repeat("($.a=1)||", 110) + `($.a=1)}`,
	} {
		if _, err := ParseMetricFilter(fits); err != nil {
			t.Errorf("%s: %v", fits, err)
		}
	}
}

func TestAnswersHaveWords(t *testing.T) {
	for a, want := range map[Answer]string{Unknown: "unknown", Counted: "counted", NotCounted: "not counted"} {
		if a.String() != want {
			t.Errorf("%d is %q, want %q", a, a, want)
		}
	}
}

// Whatever the filter and the event, nothing panics, an answer does not change,
// and a condition joined with itself says what it says alone.
func FuzzMetricFilter(f *testing.F) {
	for _, c := range countCases {
		f.Add(c.filter, c.event)
	}
	f.Fuzz(func(t *testing.T, text, event string) {
		filter, err := ParseMetricFilter(text)
		if err != nil {
			return
		}
		got := filter.Match([]byte(event))
		inner := strings.TrimSpace(text)
		inner = inner[1 : len(inner)-1]
		for _, operator := range []string{"&&", "||"} {
			twice, err := ParseMetricFilter("{(" + inner + ")" + operator + "(" + inner + ")}")
			if err != nil {
				continue // too long, too deep, or too many wildcards
			}
			if again := twice.Match([]byte(event)); again != got {
				t.Errorf("%q on %q: %v alone, %v with %s", text, event, got, again, operator)
			}
		}
	})
}
