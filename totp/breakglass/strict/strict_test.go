package strict

import (
	"strings"
	"testing"
)

type document struct {
	Name string `json:"name"`
	List []struct {
		N int `json:"n"`
	} `json:"list"`
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"name":"a","list":[{"n":1},{"n":2}]}`, ""},
		{`{}`, ""},
		{` {"name":"a"} ` + "\n", ""},
		{``, "it is not JSON, from byte 0 on"},
		{`{"name":"a"`, "it is not JSON, from byte 11 on"},
		{`{"name":"a"}{}`, "something follows the document's end"},
		{`{"name":"a"} x`, "something follows the document's end"},
		{`{"name":"a","name":"b"}`, "field name is there twice"},
		{`{"name":"a","n\u0061me":"b"}`, "field name is there twice"},
		{`{"Name":"a"}`, `unknown field "Name": names are in small letters`},
		{`{"list":[{"n":1},{"n":1,"n":2}]}`, "field list[1].n is there twice"},
		{`{"list":[{"m":1}]}`, `unknown field "m"`},
		{`{"name":{"hunter2":1}}`, "field name: a object stands where another kind of value is wanted"},
		{`{"list":[{"n":"hunter2"}]}`, "field list.n: a string stands where another kind of value is wanted"},
		{`{"list":[{"n":12345678901234567890}]}`, "field list.n: a number stands where another kind of value is wanted"},
		{`[]`, "field : a array stands where another kind of value is wanted"},
		{`{"x":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "x" + strings.Repeat("[0]", 15) + ": it goes deeper than any document of the door"},
	} {
		got := ""
		if err := Read([]byte(c.text), new(document)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("Read(%s) = %q, want %q", c.text, got, c.want)
		}
	}
}

// TestNamesAreShownBounded: what somebody else wrote as a name is not what a log or a
// terminal gets.
func TestNamesAreShownBounded(t *testing.T) {
	long := strings.Repeat("é", 1000)
	for _, text := range []string{
		`{"` + long + `":1}`, `{"list":[{"` + long + `":1}]}`, `{"A` + long + `":1}`, `{"` + long + `":1,"` + long + `":1}`, `{"` + long + `":` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`,
		`{"\u001b[2J\u202e\n":1}`, `{"\u001b[2J\u202e\nA":1}`, `{"\u001b[2J":1,"\u001b[2J":1}`,
	} {
		err := Read([]byte(text), new(document))
		if err == nil || len(err.Error()) > 300 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r != '…' && (r < ' ' || r > '~') }) {
			t.Errorf("Read(%.40s) = %q", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"name":"a","list":[{"n":1}]}`))
	f.Add([]byte(`{"name":"a","NAME":"b"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var a, b document
		if Read(data, &a) == nil && Read(data, &b) != nil {
			t.Error("the same document was read once and not twice")
		}
	})
}
