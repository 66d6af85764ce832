package pattern

import (
	"strings"
	"testing"
)

// matchCases are the rules of the EventBridge user guide (event pattern syntax,
// comparison operators, arrays, null values), each with what it must refuse.
var matchCases = []struct {
	pattern, event string
	want           bool
}{
	// Values, exactly as they are written.
	{`{"a":["x"]}`, `{"a":"x"}`, true},
	{`{"a":["x"]}`, `{"a":"X"}`, false},
	{`{"a":["x"]}`, `{"a":"x "}`, false},
	{`{"a":["y","x"]}`, `{"a":"x"}`, true},
	{`{"a":["x"]}`, `{"b":"x"}`, false},
	{`{"a":["x"]}`, `{"a":{"b":"x"}}`, false},
	{`{"a":["x"],"b":["y"]}`, `{"a":"x","b":"y","c":1}`, true},
	{`{"a":["x"],"b":["y"]}`, `{"a":"x","b":"z"}`, false},
	{`{"a":[300]}`, `{"a":300}`, true},
	{`{"a":[300]}`, `{"a":300.0}`, false},
	{`{"a":[300]}`, `{"a":3.0e2}`, false},
	{`{"a":[300]}`, `{"a":"300"}`, false},
	{`{"a":["300"]}`, `{"a":300}`, false},
	{`{"a":[true]}`, `{"a":true}`, true},
	{`{"a":[true]}`, `{"a":"true"}`, false},
	{`{"a":[true]}`, `{"a":false}`, false},
	{`{"a":[1]}`, `{"a":true}`, false},
	{`{"a":[null]}`, `{"a":null}`, true},
	{`{"a":[null]}`, `{"a":""}`, false},
	{`{"a":[null]}`, `{"b":1}`, false},
	{`{"a":[""]}`, `{"a":""}`, true},
	{`{"a":[""]}`, `{"a":null}`, false},
	// Nested fields, and dots in keys.
	{`{"a":{"b":["x"]}}`, `{"a":{"b":"x"}}`, true},
	{`{"a":{"b":["x"]}}`, `{"b":"x"}`, false},
	{`{"a":{"b":["x"],"c":["y"]}}`, `{"a":{"b":"x","c":"y"}}`, true},
	{`{"a":{"b":["x"],"c":["y"]}}`, `{"a":{"b":"x","c":"z"}}`, false},
	{`{"a":{"b.c":["x"]}}`, `{"a":{"b":{"c":"x"}}}`, true},
	{`{"a":{"b":{"c":["x"]}}}`, `{"a":{"b.c":"x"}}`, true},
	{`{"a":["x"],"a":["y"]}`, `{"a":"y"}`, true},
	{`{"a":["x"],"a":["y"]}`, `{"a":"x"}`, false},
	// Arrays of the event: any element.
	{`{"a":["x"]}`, `{"a":["y","x"]}`, true},
	{`{"a":["x","z"]}`, `{"a":["y"]}`, false},
	{`{"a":["x"]}`, `{"a":[]}`, false},
	{`{"a":["x"]}`, `{"a":[["x"]]}`, true},
	{`{"a":{"b":["x"]}}`, `{"a":[{"b":"y"},{"b":"x"}]}`, true},
	// Prefix, suffix, case.
	{`{"a":[{"prefix":"us-"}]}`, `{"a":"us-east-1"}`, true},
	{`{"a":[{"prefix":"us-"}]}`, `{"a":"eu-us-1"}`, false},
	{`{"a":[{"prefix":"us-"}]}`, `{"a":"US-east-1"}`, false},
	{`{"a":[{"prefix":"1"}]}`, `{"a":12}`, false},
	{`{"a":[{"prefix":{"equals-ignore-case":"EventB"}}]}`, `{"a":"eVENTbridge"}`, true},
	{`{"a":[{"prefix":{"equals-ignore-case":"EventB"}}]}`, `{"a":"xeventb"}`, false},
	{`{"a":[{"suffix":".png"}]}`, `{"a":"x.png"}`, true},
	{`{"a":[{"suffix":".png"}]}`, `{"a":"x.PNG"}`, false},
	{`{"a":[{"suffix":{"equals-ignore-case":".Png"}}]}`, `{"a":"x.pNG"}`, true},
	{`{"a":[{"suffix":{"equals-ignore-case":".png"}}]}`, `{"a":".pngx"}`, false},
	{`{"a":[{"equals-ignore-case":"alice"}]}`, `{"a":"ALICE"}`, true},
	{`{"a":[{"equals-ignore-case":"alice"}]}`, `{"a":"alices"}`, false},
	{`{"a":[{"equals-ignore-case":"alice"}]}`, `{}`, false},
	// Wildcards.
	{`{"a":[{"wildcard":"dir/*.png"}]}`, `{"a":"dir/x/y.png"}`, true},
	{`{"a":[{"wildcard":"dir/*.png"}]}`, `{"a":"dir/.png"}`, true},
	{`{"a":[{"wildcard":"dir/*.png"}]}`, `{"a":"dir/.pn"}`, false},
	{`{"a":[{"wildcard":"dir/*.png"}]}`, `{"a":"xdir/.png"}`, false},
	{`{"a":[{"wildcard":"a*a"}]}`, `{"a":"a"}`, false},
	{`{"a":[{"wildcard":"a*b*c"}]}`, `{"a":"abbc"}`, true},
	{`{"a":[{"wildcard":"a*b*c"}]}`, `{"a":"acb"}`, false},
	{`{"a":[{"wildcard":"*"}]}`, `{"a":""}`, true},
	{`{"a":[{"wildcard":"*"}]}`, `{"a":1}`, false},
	{`{"a":[{"wildcard":"abc"}]}`, `{"a":"abc"}`, true},
	{`{"a":[{"wildcard":"abc"}]}`, `{"a":"abcd"}`, false},
	{`{"a":[{"wildcard":"a\\*\\\\b*"}]}`, `{"a":"a*\\bx"}`, true},
	{`{"a":[{"wildcard":"a\\**"}]}`, `{"a":"a*x"}`, true},
	{`{"a":[{"wildcard":"a\\**"}]}`, `{"a":"ax"}`, false},
	// Anything but: a field that is missing has no value.
	{`{"a":[{"anything-but":"x"}]}`, `{"a":"y"}`, true},
	{`{"a":[{"anything-but":"x"}]}`, `{"a":"x"}`, false},
	{`{"a":[{"anything-but":"x"}]}`, `{"b":"y"}`, false},
	{`{"a":[{"anything-but":"x"}]}`, `{"a":{"b":"y"}}`, false},
	{`{"a":[{"anything-but":"x"}]}`, `{"a":null}`, true},
	{`{"a":[{"anything-but":"x"}]}`, `{"a":["x","y"]}`, true},
	{`{"a":[{"anything-but":"x"}]}`, `{"a":["x"]}`, false},
	{`{"a":[{"anything-but":["x","y"]}]}`, `{"a":"y"}`, false},
	{`{"a":[{"anything-but":["x","y"]}]}`, `{"a":"z"}`, true},
	{`{"a":[{"anything-but":123}]}`, `{"a":123}`, false},
	{`{"a":[{"anything-but":123}]}`, `{"a":124}`, true},
	{`{"a":[{"anything-but":[100,200]}]}`, `{"a":200}`, false},
	{`{"a":[{"anything-but":{"prefix":"init"}}]}`, `{"a":"initial"}`, false},
	{`{"a":[{"anything-but":{"prefix":"init"}}]}`, `{"a":"done"}`, true},
	{`{"a":[{"anything-but":{"prefix":["init","stop"]}}]}`, `{"a":"stopped"}`, false},
	{`{"a":[{"anything-but":{"suffix":".txt"}}]}`, `{"a":"x.txt"}`, false},
	{`{"a":[{"anything-but":{"suffix":[".txt",".rtf"]}}]}`, `{"a":"x.png"}`, true},
	{`{"a":[{"anything-but":{"equals-ignore-case":"yes"}}]}`, `{"a":"YES"}`, false},
	{`{"a":[{"anything-but":{"equals-ignore-case":["yes","no"]}}]}`, `{"a":"maybe"}`, true},
	{`{"a":[{"anything-but":{"wildcard":"*/lib/*"}}]}`, `{"a":"/x/lib/y"}`, false},
	{`{"a":[{"anything-but":{"wildcard":["*/lib/*","*/bin/*"]}}]}`, `{"a":"/x/src/y"}`, true},
	{`{"a":[{"anything-but":{"prefix":"init"}}]}`, `{}`, false},
	// Exists: leaves only.
	{`{"a":[{"exists":true}]}`, `{"a":"x"}`, true},
	{`{"a":[{"exists":true}]}`, `{"a":null}`, true},
	{`{"a":[{"exists":true}]}`, `{"b":1}`, false},
	{`{"a":[{"exists":true}]}`, `{"a":{"b":1}}`, false},
	{`{"a":[{"exists":true}]}`, `{"a":[]}`, false},
	{`{"a":[{"exists":true}]}`, `{"a":["x"]}`, true},
	{`{"a":[{"exists":false}]}`, `{"b":1}`, true},
	{`{"a":[{"exists":false}]}`, `{"a":1}`, false},
	{`{"a":[{"exists":false}]}`, `{"a":{"b":1}}`, true},
	{`{"a":{"b":[{"exists":false}]}}`, `{"a":"x"}`, true},
	{`{"a":{"b":[{"exists":false}]}}`, `{}`, true},
	{`{"a":[{"exists":false},{"anything-but":"x"}]}`, `{}`, true},
	{`{"a":[{"exists":false},{"anything-but":"x"}]}`, `{"a":"y"}`, true},
	{`{"a":[{"exists":false},{"anything-but":"x"}]}`, `{"a":"x"}`, false},
	// Numbers only.
	{`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":5}`, true},
	{`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":0}`, false},
	{`{"a":[{"numeric":[">",0,"<=",5]}]}`, `{"a":5.1}`, false},
	{`{"a":[{"numeric":["<=",5,">",0]}]}`, `{"a":3}`, true},
	{`{"a":[{"numeric":["=",3.018e2]}]}`, `{"a":301.8}`, true},
	{`{"a":[{"numeric":["<",10]}]}`, `{"a":9}`, true},
	{`{"a":[{"numeric":["<",10]}]}`, `{"a":10}`, false},
	{`{"a":[{"numeric":[">=",10]}]}`, `{"a":10}`, true},
	{`{"a":[{"numeric":[">=",10]}]}`, `{"a":9.9}`, false},
	{`{"a":[{"numeric":["<",10]}]}`, `{"a":"9"}`, false},
	{`{"a":[{"numeric":["<",10]}]}`, `{"a":null}`, false},
	{`{"a":[{"numeric":[">",0]}]}`, `{"a":9007199254740992}`, true},
	{`{"a":[{"numeric":[">",0]}]}`, `{"a":9007199254740994}`, false},
	{`{"a":[{"numeric":["<",0]}]}`, `{"a":-9007199254740992}`, true},
	{`{"a":[{"numeric":["<",0]}]}`, `{"a":-9007199254740994}`, false},
	{`{"a":[{"numeric":["<",0]}]}`, `{"a":-1e999}`, false},
	// Networks.
	{`{"a":[{"cidr":"192.0.2.0/24"}]}`, `{"a":"192.0.2.255"}`, true},
	{`{"a":[{"cidr":"192.0.2.0/24"}]}`, `{"a":"192.0.3.0"}`, false},
	{`{"a":[{"cidr":"192.0.2.0/24"}]}`, `{"a":"AWS Internal"}`, false},
	{`{"a":[{"cidr":"2001:db8::/32"}]}`, `{"a":"2001:db8::7"}`, true},
	{`{"a":[{"cidr":"2001:db8::/32"}]}`, `{"a":"192.0.2.7"}`, false},
	// Alternatives of fields.
	{`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"b":"y"}`, true},
	{`{"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"a":"y","b":"x"}`, false},
	{`{"c":["z"],"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"a":"x"}`, false},
	{`{"c":["z"],"$or":[{"a":["x"]},{"b":["y"]}]}`, `{"a":"x","c":"z"}`, true},
	{`{"d":{"$or":[{"a":["x"],"b":["y"]},{"b":["z"]}]}}`, `{"d":{"a":"x","b":"y"}}`, true},
	{`{"d":{"$or":[{"a":["x"],"b":["y"]},{"b":["z"]}]}}`, `{"d":{"a":"x","b":"q"}}`, false},
	{`{"d":{"$or":[{"a":["x"]},{"b":["z"]}]}}`, `{"a":"x"}`, false},
	{`{"$or":[{"a":["x"]},{"b":["y"]}],"d":{"$or":[{"a":["x"]},{"b":["y"]}]}}`, `{"a":"x","d":{"b":"y"}}`, true},
	{`{"$or":[{"a":["x"]},{"b":["y"]}],"d":{"$or":[{"a":["x"]},{"b":["y"]}]}}`, `{"a":"x"}`, false},
	{`{"$or":[{"$or":[{"a":["x"]},{"a":["y"]}]},{"b":["z"]}]}`, `{"a":"y"}`, true},
}

func TestMatch(t *testing.T) {
	for _, c := range matchCases {
		p, err := ParseEventPattern(c.pattern)
		if err != nil {
			t.Errorf("ParseEventPattern(%s): %v", c.pattern, err)
			continue
		}
		if got, err := p.Match([]byte(c.event)); got != c.want || err != nil {
			t.Errorf("%s on %s: %v, %v, want %v", c.pattern, c.event, got, err, c.want)
		}
	}
}

func TestBadEventPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		``:                                    `the event pattern is not JSON: EOF`,
		`{"a":["x"]} x`:                       `the event pattern is not JSON: something follows the first value`,
		`["x"]`:                               `the event pattern is not a JSON object`,
		`{}`:                                  `the event pattern is an empty object: name a field`,
		`{"a":{}}`:                            `a is an empty object: name a field`,
		`{"a":"x"}`:                           `a is neither an array of values nor an object`,
		`{"a":{"b":1}}`:                       `a.b is neither an array of values nor an object`,
		`{"a":[]}`:                            `a is an empty array: give a value`,
		`{"a":{"b":["x",["y"]]}}`:             `a.b[1]: an array within an array`,
		`{"a":[{}]}`:                          `a[0]: an object with 0 keys where one operator is wanted`,
		`{"a":[{"prefix":"x","suffix":"y"}]}`: `a[0]: an object with 2 keys where one operator is wanted`,
		`{"a":[{"contains":"x"}]}`:            "a[0]: contains: no such operator",
		`{"a":[{"prefix":1}]}`:                "a[0]: prefix: wants a text",
		`{"a":[{"prefix":["x"]}]}`:            "a[0]: prefix: wants a text",
		`{"a":[{"prefix":{"suffix":"x"}}]}`:   `a[0]: prefix: operator "suffix" is not known inside it`,
		`{"a":[{"prefix":{"equals-ignore-case":1}}]}`:                    `a[0]: prefix: wants a text`,
		`{"a":[{"prefix":{}}]}`:                                          `a[0]: prefix: an object with 0 keys where one operator is wanted`,
		`{"a":[{"wildcard":{"equals-ignore-case":"x"}}]}`:                `a[0]: wildcard: wants a text`,
		`{"a":[{"exists":"true"}]}`:                                      "a[0]: exists: wants true or false",
		`{"a":[{"numeric":[">"]}]}`:                                      `a[0]: numeric: wants a comparison such as [">", 0], or a range such as [">", 0, "<=", 5]`,
		`{"a":[{"numeric":5}]}`:                                          `a[0]: numeric: wants a comparison such as [">", 0], or a range such as [">", 0, "<=", 5]`,
		`{"a":[{"numeric":["!=",5]}]}`:                                   `a[0]: numeric: != is none of <, <=, =, >=, >`,
		`{"a":[{"numeric":[">","5"]}]}`:                                  `a[0]: numeric: 5 is no number between -2^53 and 2^53`,
		`{"a":[{"numeric":[">",9007199254740994]}]}`:                     `a[0]: numeric: 9007199254740994 is no number between -2^53 and 2^53`,
		`{"a":[{"numeric":["<",-9007199254740994]}]}`:                    `a[0]: numeric: -9007199254740994 is no number between -2^53 and 2^53`,
		`{"a":[{"numeric":[">",1,">",2]}]}`:                              `a[0]: numeric: a range wants one lower and one upper bound`,
		`{"a":[{"numeric":["=",1,"<",2]}]}`:                              `a[0]: numeric: a range wants one lower and one upper bound`,
		`{"a":[{"numeric":[">",1,"<",2,"<",3]}]}`:                        `a[0]: numeric: wants a comparison such as [">", 0], or a range such as [">", 0, "<=", 5]`,
		`{"a":[{"cidr":"192.0.2.7"}]}`:                                   `a[0]: cidr: 192.0.2.7 is no network such as 192.0.2.0/24`,
		`{"a":[{"cidr":7}]}`:                                             `a[0]: cidr: 7 is no network such as 192.0.2.0/24`,
		`{"a":[{"wildcard":"a**b"}]}`:                                    `a[0]: wildcard: two stars in a row`,
		`{"a":[{"wildcard":"**"}]}`:                                      `a[0]: wildcard: two stars in a row`,
		`{"a":[{"wildcard":"a\\b"}]}`:                                    `a[0]: wildcard: a backslash may stand before * and \ only`,
		`{"a":[{"wildcard":"a\\"}]}`:                                     `a[0]: wildcard: a backslash may stand before * and \ only`,
		`{"a":[{"anything-but":true}]}`:                                  `a[0]: anything-but: wants texts only, or numbers only, or one operator`,
		`{"a":[{"anything-but":["x",1]}]}`:                               `a[0]: anything-but: wants texts only, or numbers only, or one operator`,
		`{"a":[{"anything-but":[]}]}`:                                    `a[0]: anything-but: wants texts only, or numbers only, or one operator`,
		`{"a":[{"anything-but":{"numeric":["=",1]}}]}`:                   `a[0]: anything-but: numeric: no such operator`,
		`{"a":[{"anything-but":{"prefix":[]}}]}`:                         `a[0]: anything-but: prefix: an empty list`,
		`{"a":[{"anything-but":{"prefix":{"equals-ignore-case":"x"}}}]}`: `a[0]: anything-but: prefix: wants a text`,
		`{"a":[{"anything-but":{"prefix":"x","suffix":"y"}}]}`:           `a[0]: anything-but: an object with 2 keys where one operator is wanted`,
		`{"$or":["x","y"]}`:                                              "$or[0] is no object with fields",
		`{"$or":[{"a":["x"]}]}`:                                          `$or is no array of two objects or more`,
		`{"$or":{"a":["x"]}}`:                                            `$or is no array of two objects or more`,
		`{"d":{"$or":[{"a":["x"]},{}]}}`:                                 "d.$or[1] is no object with fields",
		`{"d":{"$or":[{"a":["x"]},{"b":[]}]}}`:                           `d.$or[1]: d.b is an empty array: give a value`,
	} {
		if _, err := ParseEventPattern(pattern); err == nil || err.Error() != want {
			t.Errorf("ParseEventPattern(%s) says %v, want %s", pattern, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	fits := func(n int) string { return `{"a":["` + strings.Repeat("ä", n-10) + `"]}` }
	if _, err := ParseEventPattern(fits(MaxEventPattern)); err != nil {
		t.Errorf("2048 characters: %v", err)
	}
	if _, err := ParseEventPattern(fits(MaxEventPattern + 1)); err == nil || err.Error() != "the event pattern has 2049 characters, EventBridge takes 2048: make it shorter or two rules" {
		t.Errorf("2049 characters: %v", err)
	}
	or := func(n int) string { return `"$or":[` + strings.TrimSuffix(strings.Repeat(`{"a":[1]},`, n), ",") + `]` }
	p, err := ParseEventPattern(`{` + or(10) + `,"b":{` + or(10) + `,"c":{` + or(10) + `}}}`)
	if err != nil || p.Combinations() != 1000 {
		t.Errorf("1000 combinations: %v", err)
	}
	if _, err := ParseEventPattern(`{` + or(13) + `,"b":{` + or(11) + `,"c":{` + or(7) + `}}}`); err == nil || err.Error() != "the $or arrays give more than 1000 combinations: make it two rules" {
		t.Errorf("1001 combinations: %v", err)
	}
}

// The first thing that is wrong is the one that is told.
func TestErrorsOfBothKinds(t *testing.T) {
	or := `"$or":[` + strings.TrimSuffix(strings.Repeat(`{"a":[1]},`, 40), ",") + `]`
	_, err := ParseEventPattern(`{` + or + `,"b":{` + or + `},"z":[]}`)
	if err == nil || err.Error() != "z is an empty array: give a value" {
		t.Errorf("too many combinations and an empty array: %v", err)
	}
}

func TestWildcardsAreSeen(t *testing.T) {
	for pattern, want := range map[string]bool{
		`{"a":["x*"]}`: false, `{"a":[{"prefix":"x"}]}`: false, `{"a":[{"wildcard":"x"}]}`: true, `{"a":[{"anything-but":{"wildcard":"x*"}},{"prefix":"y"}]}`: true,
	} {
		if p, err := ParseEventPattern(pattern); err != nil || p.Wildcards() != want {
			t.Errorf("%s: wildcards %v, error %v, want %v", pattern, !want, err, want)
		}
	}
}

func TestEventsThatAreNone(t *testing.T) {
	p, err := ParseEventPattern(`{"a":[{"exists":false}]}`)
	if err != nil {
		t.Fatal(err)
	}
	for event, want := range map[string]string{
		``: "the event is not JSON: EOF", `{`: "the event is not JSON: unexpected EOF", `{} {}`: "the event is not JSON: something follows the first value",
		`[]`: "the event is not a JSON object", `"x"`: "the event is not a JSON object", `null`: "the event is not a JSON object",
	} {
		if got, err := p.Match([]byte(event)); got || err == nil || err.Error() != want {
			t.Errorf("Match(%s) = %v, %v, want %s", event, got, err, want)
		}
	}
}

// Whatever the pattern and the event, nothing panics, an answer does not change,
// and the contrary of exists is its contrary.
func FuzzEventPattern(f *testing.F) {
	for _, c := range matchCases {
		f.Add(c.pattern, c.event)
	}
	f.Fuzz(func(t *testing.T, text, event string) {
		p, err := ParseEventPattern(text)
		if err != nil {
			return
		}
		first, err := p.Match([]byte(event))
		if err != nil {
			return
		}
		if again, err := p.Match([]byte(event)); again != first || err != nil {
			t.Errorf("%q on %q: %v, then %v, %v", text, event, first, again, err)
		}
		either, err := ParseEventPattern(`{"$or":[` + text + `,{"zz":[{"exists":true}]}]}`)
		if err != nil {
			return // too long, or too many combinations
		}
		if got, err := either.Match([]byte(event)); err != nil || first && !got {
			t.Errorf("%q on %q: matches alone and not as one of two: %v", text, event, err)
		}
	})
}
