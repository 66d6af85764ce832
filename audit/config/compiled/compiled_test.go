package compiled_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfawatch/audit"
	"mfawatch/audit/config"
	"mfawatch/audit/config/compiled"
	"mfawatch/internal/casefile"
)

var update = flag.Bool("update", false, "write what the program says into the cases")

// sources are the files of the cases of audit/config that it reads as
// mfawatch.yaml, a rules file among them: it is one too.
func sources(t testing.TB) map[string][]byte {
	t.Helper()
	accepted := map[string][]byte{}
	for _, c := range casefile.All(t, "../testdata/*.txtar") {
		data := c.Files[0].Data
		if c.Files[0].Name == "quoted" {
			s, err := strconv.Unquote(strings.TrimSpace(string(data)))
			if err != nil {
				t.Fatal(err)
			}
			data = []byte(s)
		}
		if _, err := config.ReadFile(c.Path, data); err == nil {
			accepted[c.Name] = data
		}
	}
	for _, name := range []string{"ok", "ok-audit", "ok-file", "ok-exemptions", "ok-root-raised"} {
		if accepted[name] == nil {
			t.Errorf("case %s is not among those that are accepted", name)
		}
	}
	if len(accepted) < 15 {
		t.Fatalf("only %d cases are accepted", len(accepted))
	}
	return accepted
}

// TestRoundTrip: a function reads what a person wrote, and the same bytes again.
func TestRoundTrip(t *testing.T) {
	for name, source := range sources(t) {
		want, err := config.ReadFile(name, source)
		if err != nil {
			t.Fatal(err)
		}
		data, err := compiled.Write(want, source)
		again, twice := compiled.Write(want, source)
		if err != nil || twice != nil || !bytes.Equal(data, again) || !json.Valid(data) || !compiled.Is(data) {
			t.Fatalf("%s: errors %v, %v, JSON %v, compiled %v\n%s\n%s", name, err, twice, json.Valid(data), compiled.Is(data), data, again)
		}
		got, err := compiled.Read("mfawatch.yaml", data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-written +read)\n%s", name, diff)
		}
		if through, err := config.Compile(name, source); err != nil || !bytes.Equal(through, data) {
			t.Errorf("%s: Compile = %s, error %v", name, through, err)
		}
		if other, err := compiled.Write(want, append(source, '\n')); err != nil || bytes.Equal(other, data) {
			t.Errorf("%s: the source does not show, error %v", name, err)
		}
	}
}

// TestFormat holds the format to a file: when this fails, functions that are
// deployed cannot read what is written any more, and format has to be raised.
func TestFormat(t *testing.T) {
	source := sources(t)["ok-file"]
	got, err := config.Compile("mfawatch.yaml", source)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/format-1.yaml", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/format-1.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestEveryChangeIsNoticed: no byte of a file can be another, left out or added.
func TestEveryChangeIsNoticed(t *testing.T) {
	data, err := config.Compile("mfawatch.yaml", sources(t)["ok-file"])
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for what, changed := range map[string][]byte{
			"another": append(append(bytes.Clone(data[:i]), data[i]^1), data[i+1:]...),
			"missing": append(bytes.Clone(data[:i]), data[i+1:]...),
			"twice":   append(append(bytes.Clone(data[:i]), data[i]), data[i:]...),
			"space":   append(append(bytes.Clone(data[:i]), ' '), data[i:]...),
			"cut":     data[:i],
		} {
			if bytes.Equal(changed, data) {
				t.Fatal("nothing was changed")
			}
			if _, err := compiled.Read("mfawatch.yaml", changed); err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "mfawatch.yaml: ") {
				t.Errorf("byte %d %s: error %v\n%s", i, what, err, changed)
			}
		}
	}
}

// TestRead: what is wrong with a file, and what to do.
func TestRead(t *testing.T) {
	data, err := config.Compile("mfawatch.yaml", sources(t)["ok-file"])
	if err != nil {
		t.Fatal(err)
	}
	change := func(old, new string) []byte {
		if bytes.Count(data, []byte(old)) != 1 {
			t.Fatalf("%s is not once in %s", old, data)
		}
		return bytes.ReplaceAll(data, []byte(old), []byte(new))
	}
	const (
		compile = `it is not compiled, and a function reads no YAML that a person wrote: run "mfawatch config compile FILE -o OUT" and deploy OUT`
		edit    = `edit the mfawatch.yaml that it was made from and deploy again, or run "mfawatch config compile FILE -o OUT"`
	)
	for name, c := range map[string]struct {
		data  []byte
		wants []string
	}{
		"empty":             {nil, []string{compile}},
		"YAML":              {[]byte("version: 1\n"), []string{compile}},
		"JSON of a person":  {[]byte(`{"version": 1}`), []string{compile}},
		"byte order mark":   {append([]byte("\ufeff"), data...), []string{compile}},
		"carriage returns":  {bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")), []string{"not as mfawatch writes it", edit}},
		"edited":            {change("production", "prod"), []string{"changed after it was compiled", edit}},
		"another source":    {change(`"source":"`, `"source":"0`), []string{"changed after it was compiled", edit}},
		"cut short":         {data[:len(data)-20], []string{"cut short", edit}},
		"twice":             {append(bytes.Clone(data), data...), []string{"cut short or changed", edit}},
		"another version":   {change(`"format":1`, `"format":2`), []string{"format 2 is not known, this program reads format 1: compile it with the mfawatch of the function's own version"}},
		"a newer version":   {[]byte(`{"compiled":"x","format":2,"other":[]}`), []string{"format 2 is not known"}},
		"no version":        {[]byte(`{"compiled":"x"}`), []string{"format 0 is not known"}},
		"a field of nobody": {change(`{"compiled"`, `{"compiled":"","compiled"`), []string{"not as mfawatch writes it", edit}},
	} {
		_, err := compiled.Read("mfawatch.yaml", c.data)
		for _, want := range c.wants {
			if err == nil || !strings.HasPrefix(err.Error(), "mfawatch.yaml: ") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %s", name, err, want)
			}
		}
	}
}

// least is the content of a file that says nothing.
const least = `{"SignIn":{"SignIn":null},"Detect":{"Overrides":null},"Posture":{"Hardware":"","FIDO":"","Overrides":null,"StaleReport":0,"RootRecentUse":0,"UserRecentUse":0,"UnusedConsole":0,"Exemptions":[],"BreakGlass":null},"Accounts":null,"FoldAfter":3,"FoldWindow":900000000000}`

// TestContent: with a right checksum too, nothing comes in that audit/config
// refuses.
func TestContent(t *testing.T) {
	if _, err := compiled.Read("f", compiled.Sealed([]byte(least))); err != nil {
		t.Fatal(err)
	}
	exempt := func(text string) string {
		return `{"id":"AIDAEXAMPLEADA","owner":"a","reason":"b","expires":"2027-03-31T00:00:00Z"` + text + `}`
	}
	if _, err := compiled.Read("f", compiled.Sealed([]byte(strings.Replace(least, `"Exemptions":[]`, `"Exemptions":[`+exempt("")+`]`, 1)))); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{`{"SignIn":null}`, `{"SignIn":[{"Reason":"no-mfa","Principal":"root","Alert":false,"Severity":null}]}`, "sign_in[0]: root cannot be silenced"},
		{`{"SignIn":null}`, `{"SignIn":[{"Reason":"no-mfa","Principal":"root","Alert":null,"Severity":"high"}]}`, "sign_in[0]: root cannot be lowered: critical or worse"},
		{`{"SignIn":null}`, `{"SignIn":[{"Reason":"nomfa","Principal":"","Alert":true,"Severity":null}]}`, `reason "nomfa" is unknown`},
		{`{"SignIn":null}`, `{"SignIn":[{"Reason":"no-mfa","Principal":"people","Alert":true,"Severity":null}]}`, `principal "people" is unknown`},
		{`{"SignIn":null}`, `{"SignIn":[{"Reason":"no-mfa","Principal":"","Alert":null,"Severity":null}]}`, "it changes nothing"},
		{`{"SignIn":null}`, `{"SignIn":[{"Reason":"no-mfa","Principal":"","Alert":null,"Severity":"worst"}]}`, `"worst"`},
		{`{"Overrides":null}`, `{"Overrides":[{"ID":"root-email-updated","Alert":false,"Severity":null,"Threshold":null,"Window":null}]}`, "detections[0]: root cannot be silenced"},
		{`{"Overrides":null}`, `{"Overrides":[{"ID":"root-email-updated","Alert":null,"Severity":"low","Threshold":null,"Window":null}]}`, "detections[0]: root cannot be lowered: critical"},
		{`{"Overrides":null}`, `{"Overrides":[{"ID":"mfa-enabled","Alert":null,"Severity":null,"Threshold":null,"Window":null}]}`, "detections[0]: it changes nothing"},
		{`{"Overrides":null}`, `{"Overrides":[{"ID":"mfa-enabld","Alert":true,"Severity":null,"Threshold":null,"Window":null}]}`, `check "mfa-enabld" is unknown`},
		{`{"Overrides":null}`, `{"Overrides":[{"ID":"second-factor-failures","Alert":null,"Severity":null,"Threshold":101,"Window":null}]}`, "threshold 101"},
		{`{"Overrides":null}`, `{"Overrides":[{"ID":"second-factor-failures","Alert":null,"Severity":null,"Threshold":null,"Window":1}]}`, "window 1ns"},
		{`"Hardware":""`, `"Hardware":"most"`, `hardware "most"`},
		{`"StaleReport":0`, `"StaleReport":1000`, "audit.stale_report: 1µs is not 1 to 9999 hours or days"},
		{`"StaleReport":0`, `"StaleReport":-3600000000000`, "stale_report: -1h0m0s must be more than zero"},
		{`"Overrides":null,"StaleReport"`, `"Overrides":[{"Group":"","Tag":"","TagValue":"","Path":"engineering","Hardware":"all","FIDO":""}],"StaleReport"`, `audit.overrides[0]: path "engineering"`},
		{`"Overrides":null,"StaleReport"`, `"Overrides":[{"Group":"` + strings.Repeat("g", 129) + `","Tag":"","TagValue":"","Path":"","Hardware":"all","FIDO":""}],"StaleReport"`, "audit.overrides[0]: group, tag or path is too long"},
		{`"BreakGlass":null`, `"BreakGlass":["glass"]`, `audit.break_glass[0]: "glass" is no immutable id`},
		{`"Exemptions":[]`, `"Exemptions":[` + exempt("") + `,` + exempt("") + `]`, "is exempt from"},
		{`"Exemptions":[]`, `"Exemptions":[` + strings.Replace(exempt(""), "AIDAEXAMPLEADA", "ada", 1) + `]`, `exemptions[0]: "ada" is no immutable id`},
		{`"Exemptions":[]`, `"Exemptions":[` + strings.Replace(exempt(""), "00Z", "00.5Z", 1) + `]`, "exemptions[0]: 2027-03-31 00:00:00.5"},
		{`"Exemptions":[]`, `"Exemptions":[` + strings.Replace(exempt(""), "00Z", "00+05:30", 1) + `]`, "exemptions[0]: 2027-03-31 00:00:00 +0530"},
		{`"Exemptions":[]`, `"Exemptions":[` + exempt(`,"checks":["user-any-mfa","user-any-mfa"]`) + `]`, "named twice"},
		{`"Exemptions":[]`, `"Exemptions":[` + exempt(`,"checks":[]`) + `]`, "not as mfawatch writes it"},
		{`"Exemptions":[]`, `"Exemptions":[` + strings.Replace(exempt(""), `"owner":"a"`, `"owner":"`+strings.Repeat("é", 501)+`"`, 1) + `]`, "exemptions[0]: owner, reason or ticket is too long"},
		{`"Accounts":null`, `"Accounts":{"prod":"111122223333"}`, `accounts: "prod"`},
		{`"Accounts":null`, `"Accounts":{"111122223333":""}`, `accounts: "111122223333": ""`},
		{`"Accounts":null`, `"Accounts":{"111122223333":"a","111122223333":"b"}`, "not as mfawatch writes it"},
		{`"FoldAfter":3`, `"FoldAfter":0`, "alerts.fold_after: 0"},
		{`"FoldAfter":3`, `"FoldAfter":1001`, "alerts.fold_after: 1001"},
		{`"FoldAfter":3`, `"foldafter":3`, "not as mfawatch writes it"},
		{`"FoldWindow":900000000000`, `"FoldWindow":0`, "alerts.fold_window: 0s"},
		{`"FoldWindow":900000000000`, `"FoldWindow":1500000000`, "alerts.fold_window: 1.5s"},
		{`"FoldWindow":900000000000}`, `"FoldWindow":900000000000,"Quiet":true}`, `unknown field "Quiet"`},
		{least, `null`, "alerts.fold_after: 0"},
		{least, `[]`, "made by another mfawatch"},
	} {
		if strings.Count(least, c.old) != 1 {
			t.Fatalf("%s is not once in the content", c.old)
		}
		_, err := compiled.Read("f", compiled.Sealed([]byte(strings.Replace(least, c.old, c.new, 1))))
		if err == nil || !strings.HasPrefix(err.Error(), "f: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.120s: error %v, want %s", c.new, err, c.want)
		}
	}
}

// TestWriteRefuses: what Read would refuse is not written, and what would come
// back as something else neither.
func TestWriteRefuses(t *testing.T) {
	right := func() compiled.File { return compiled.File{FoldAfter: 3, FoldWindow: time.Minute} }
	if _, err := compiled.Write(right(), nil); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*compiled.File){
		"alerts.fold_window":  func(f *compiled.File) { f.FoldWindow = 0 },
		"accounts: ":          func(f *compiled.File) { f.Accounts = map[string]string{"1": "x"} },
		"that is not UTF-8":   func(f *compiled.File) { f.Accounts = map[string]string{"111122223333": "\xff"} },
		"0 to 9999":           func(f *compiled.File) { f.Posture.Exemptions = ending(10_000) },
		"of the years":        func(f *compiled.File) { f.Posture.Exemptions = ending(-1) },
		"stale_report: -1h0m": func(f *compiled.File) { f.Posture.StaleReport = -time.Hour },
	} {
		f := right()
		change(&f)
		if data, err := compiled.Write(f, nil); err == nil || !strings.HasPrefix(err.Error(), "compile: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, wrote %s", want, err, data)
		}
	}
}

func ending(year int) []audit.Exemption {
	return []audit.Exemption{{ID: "AIDAEXAMPLEADA", Owner: "a", Reason: "b", Expires: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)}}
}

// TestCompileTwice: a compiled file is no source.
func TestCompileTwice(t *testing.T) {
	data, err := config.Compile("mfawatch.yaml", []byte("version: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Compile("mfawatch.yaml", data); err == nil || err.Error() != "mfawatch.yaml:1:1: this file is compiled already; name the one that it was made from" {
		t.Errorf("error %v", err)
	}
}

// asWritten is a file as a person could have written it, in JSON, which is YAML.
func asWritten(f compiled.File) ([]byte, error) {
	entries := []any{}
	for _, o := range f.SignIn.SignIn {
		entries = append(entries, given("reason", o.Reason, "principal", o.Principal, "alert", o.Alert, "severity", o.Severity))
	}
	checks := []any{}
	for _, o := range f.Detect.Overrides {
		e := given("id", o.ID, "alert", o.Alert, "severity", o.Severity, "threshold", o.Threshold)
		if o.Window != nil {
			e["window"] = seconds(*o.Window)
		}
		checks = append(checks, e)
	}
	overrides := []any{}
	for _, o := range f.Posture.Overrides {
		overrides = append(overrides, given("group", o.Group, "tag", o.Tag, "tag_value", o.TagValue, "path", o.Path, "hardware", o.Hardware, "fido", o.FIDO))
	}
	p := f.Posture
	audit := given("hardware", p.Hardware, "fido", p.FIDO, "stale_report", span(p.StaleReport), "root_recent_use", span(p.RootRecentUse),
		"user_recent_use", span(p.UserRecentUse), "unused_console", span(p.UnusedConsole))
	audit["overrides"], audit["break_glass"] = overrides, p.BreakGlass
	return json.Marshal(map[string]any{
		"version": 1, "sign_in": entries, "detections": checks, "audit": audit, "exemptions": p.Exemptions, "accounts": f.Accounts,
		"alerts": map[string]any{"fold_after": f.FoldAfter, "fold_window": seconds(f.FoldWindow)},
	})
}

// given are the fields that are not left out.
func given(pairs ...any) map[string]any {
	fields := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		if text, err := json.Marshal(pairs[i+1]); err == nil && string(text) != `""` && string(text) != "null" {
			fields[pairs[i].(string)] = pairs[i+1]
		}
	}
	return fields
}

// seconds is a length of time in the digits that the schema allows.
func seconds(d time.Duration) string {
	h, m := min(d/time.Hour, 9999), time.Duration(0)
	d -= h * time.Hour
	m = min(d/time.Minute, 999_999)
	return fmt.Sprintf("%dh%dm%ds", h, m, (d-m*time.Minute)/time.Second)
}

func span(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}

// FuzzRead: nothing panics; what is accepted is written back as the same bytes;
// and audit/config accepts it too, written as a person would, and reads the same.
func FuzzRead(f *testing.F) {
	for _, source := range sources(f) {
		data, err := config.Compile("seed", source)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		_, content, _ := strings.Cut(string(data), `"content":`)
		f.Add([]byte(strings.TrimSuffix(content, "}\n")))
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, text := range [][]byte{data, compiled.Sealed(data)} {
			file, err := compiled.Read("f", text)
			if err == nil {
				roundTrip(t, file)
			}
		}
	})
}

func roundTrip(t *testing.T, file compiled.File) {
	t.Helper()
	data, err := compiled.Write(file, []byte("source"))
	if err != nil {
		t.Fatalf("accepted, and not written: %v", err)
	}
	if again, err := compiled.Read("f", data); err != nil || !cmp.Equal(file, again) {
		t.Errorf("error %v\n%s", err, cmp.Diff(file, again))
	}
	written, err := asWritten(file)
	if err != nil || len(written) > 4096 {
		return
	}
	got, err := config.ReadFile("f", written)
	if err != nil {
		t.Fatalf("accepted, and audit/config refuses: %v\n%s", err, written)
	}
	if diff := cmp.Diff(file, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-compiled +written)\n%s\n%s", diff, written)
	}
}
