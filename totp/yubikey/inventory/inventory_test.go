package inventory

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

func entryOf(user string) Entry {
	return Entry{Account: "111122223333", User: user, YubiKey: 12345678, Device: "arn:aws:iam::111122223333:mfa/" + strings.Trim(user, "="), Touch: true,
		Enrolled: time.Date(2026, 11, 26, 8, 0, 0, 5, time.FixedZone("", 3600)), By: "arn:aws:iam::111122223333:user/admin"}
}

func TestTextIsParsed(t *testing.T) {
	l := List{}.With(entryOf("grace")).With(entryOf("ada")).With(entryOf("linus")).Without(entryOf("linus").Device)
	changed := entryOf("ada")
	changed.YubiKey, changed.Password = 2, true
	before := l
	l = l.With(changed)
	text, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(text)
	if err != nil || !reflect.DeepEqual(got, l) {
		t.Fatalf("read %+v, %v, want %+v", got, err, l)
	}
	if e, there := got.Find(changed.Device); !there || e.YubiKey != 2 || !e.Password || e.Enrolled.Format(time.RFC3339Nano) != "2026-11-26T07:00:00Z" {
		t.Errorf("found %+v, %v", e, there)
	}
	if e, _ := before.Find(changed.Device); e.YubiKey != 12345678 {
		t.Error("an older list was changed")
	}
	if _, there := got.Find("arn:aws:iam::111122223333:mfa/ad"); there || len(got.All()) != 2 || got.All()[1].User != "grace" {
		t.Errorf("there is %+v", got.All())
	}
	if text, err := (List{}).Text(); err != nil || !strings.Contains(string(text), `"entries": []`) {
		t.Errorf("an empty list is %s, %v", text, err)
	}
}

func TestWhatIsNoInventory(t *testing.T) {
	good, err := List{}.With(entryOf("ada")).Text()
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, to string) string { return strings.Replace(string(good), old, to, 1) }
	for text, says := range map[string]string{
		"":                                     "no inventory",
		"[]":                                   "no inventory",
		string(good) + "{}":                    "more after",
		change(`"version": 1`, `"version": 2`): "version 2",
		change(`"touch"`, `"touched"`):         "unknown field",
		change(`:mfa/ada`, `:u2f/ada`):         "no ARN of a virtual",
		change(`:mfa/ada`, `:mfa/`):            "no ARN of a virtual",
		change(`"account": "111122223333"`, `"account": "444455556666"`): "not of account",
		change(`"user": "ada"`, `"user": ""`):                            "nobody's",
		change(`2026-11-26T07:00:00Z`, `0001-01-01T00:00:00Z`):           "at no time",
		`{"version":1,"entries":[` + one(good) + `,` + one(good) + `]}`:  "listed twice",
		change(`12345678`, `-1`):                                         "no inventory",
		strings.Repeat(" ", maxFile) + string(good):                      "more than",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("an inventory that should say %q: %v", says, err)
		}
	}
	if _, err := (List{}.With(Entry{Device: "phone"})).Text(); err == nil {
		t.Error("what cannot be read is written")
	}
}

// one is the first entry of a text.
func one(text []byte) string {
	s := string(text)
	return s[strings.Index(s, "    {"):strings.LastIndex(s, "\n  ]")]
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	if err := (List{}.With(entryOf("=ada"))).CSV(&b); err != nil {
		t.Fatal(err)
	}
	want := "account,user,yubikey,device,touch,password,enrolled,by\n111122223333,'=ada,12345678,arn:aws:iam::111122223333:mfa/ada,true,false,2026-11-26T07:00:00Z,arn:aws:iam::111122223333:user/admin\n"
	if b.String() != want {
		t.Errorf("got %s", b.String())
	}
}

// What is read is written again as it was meant, and nothing crashes the reader.
func FuzzParse(f *testing.F) {
	text, err := List{}.With(entryOf("ada")).Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"entries":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Parse(text)
		if err != nil {
			return
		}
		again, err := l.Text()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse(again); err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%v: read again it is another", err)
		}
	})
}
