package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/posture"
)

// TestAuditJSONRoundTrip: the cases' audits are what the json format writes, to
// the byte, and so are audits that were only judged.
func TestAuditJSONRoundTrip(t *testing.T) {
	for name, a := range exampleAudits() {
		first := written(t, AuditJSON, a, AuditOptions{})
		again, err := ReadAudit(name, bytes.NewReader(first))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if second := written(t, AuditJSON, again, AuditOptions{}); !bytes.Equal(first, second) {
			t.Errorf("%s: read and written again it differs:\n%s", name, cmp.Diff(string(first), string(second)))
		}
		if !json.Valid(first) || bytes.ContainsFunc(first, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("%s: not JSON, or with characters that a terminal obeys", name)
		}
	}
	for _, a := range auditCases(t) {
		path := a.Path
		now, _ := readCase(t, a)
		if diff := cmp.Diff(string(a.Files[0].Data), string(written(t, AuditJSON, now, AuditOptions{}))); diff != "" {
			t.Errorf("%s: written again (-was +is)\n%s", path, diff)
		}
	}
}

// TestAuditJSONHoldsEveryField: what posture adds to an account is written too.
func TestAuditJSONHoldsEveryField(t *testing.T) {
	a := exampleAudits()["mixed"]
	a.Accounts[0].Name, a.Accounts[0].Status = "production", "ACTIVE"
	var got map[string]any
	if err := json.Unmarshal(written(t, AuditJSON, a, AuditOptions{}), &got); err != nil {
		t.Fatal(err)
	}
	fields := reflect.TypeFor[posture.Account]()
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		if _, there := got[name]; !there {
			t.Errorf("posture.Account has the field %s, the json format does not", name)
		}
	}
	if len(got) != fields.NumField()+1 {
		t.Errorf("the json format has %d fields, want those of posture.Account and schema", len(got))
	}
}

func TestAuditJSONOrder(t *testing.T) {
	text := string(written(t, AuditJSON, exampleAudits()["mixed"], AuditOptions{Changes: &Changes{}}))
	last := -1
	for _, key := range []string{"schema", "account", "alias", "partition", "taken_at", "credential_report_generated", "summary", "roster", "gaps", "findings", "changes"} {
		at := strings.Index(text, `"`+key+`":`)
		if at < last {
			t.Errorf("%s is before what it should follow", key)
		}
		last = at
	}
}

func TestReadAuditRefuses(t *testing.T) {
	good := string(written(t, AuditJSON, exampleAudits()["mixed"], AuditOptions{}))
	whole := string(written(t, AuditJSON, exampleAudits()["organisation"], AuditOptions{}))
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "it is empty"},
		"null":              {"null", "not a JSON object"},
		"list":              {"[]", "not a JSON object"},
		"no JSON":           {"account,check\n", "want what 'mfawatch audit -o FILE.json' wrote"},
		"snapshot":          {`{"schema":"mfawatch/snapshot/v1","account":"111122223333"}`, "audit --from"},
		"scan":              {`{"schema":"mfawatch/scan/v1","verdicts":[]}`, "mfawatch/audit/v1"},
		"newer":             {`{"schema":"mfawatch/audit/v2"}`, "mfawatch/audit/v1"},
		"only a schema":     {`{"schema":"mfawatch/audit/v1"}`, `"account" is missing`},
		"cut":               {good[:len(good)/2], "ends in the middle"},
		"cut at the end":    {good[:len(good)-2], "ends in the middle"},
		"twice":             {good + good, "something follows"},
		"unknown field":     {strings.Replace(good, `"alias"`, `"nickname"`, 1), `"nickname"`},
		"unknown deeper":    {strings.Replace(good, `"remediation"`, `"mend"`, 1), `findings[`},
		"outcome":           {strings.Replace(good, `"outcome":"fail"`, `"outcome":"failed"`, 1), `"failed"`},
		"no findings":       {good[:strings.Index(good, `,`+"\n"+`"findings"`)] + "}", `"findings" is missing`},
		"findings twice":    {strings.Replace(good, `"gaps":`, `"findings":[],"gaps":`, 1), "twice"},
		"accounts in one":   {strings.Replace(good, `"gaps":`, `"accounts":[],"gaps":`, 1), `"accounts" is not one of`},
		"roster in many":    {strings.Replace(whole, `"accounts":`, `"roster":[],"accounts":`, 1), `"roster" is not one of`},
		"unknown in second": {strings.Replace(whole, `"222233334444","alias"`, `"222233334444","nick"`, 1), "accounts[1]"},
		"second cut":        {strings.Replace(whole, `"gaps":[`, `"gaps":7,"was":[`, 1), "accounts[0].gaps"},
	} {
		if c.text == good || c.text == whole {
			t.Fatalf("%s: the text was not changed", name)
		}
		_, err := ReadAudit("old.json", strings.NewReader(c.text))
		if err == nil || !strings.HasPrefix(err.Error(), "old.json: ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, want one line with %q", name, err, c.want)
		}
	}
}

// TestReadAuditTakesAnyOrder: other programs sort the keys of an object.
func TestReadAuditTakesAnyOrder(t *testing.T) {
	for _, name := range []string{"mixed", "organisation"} {
		first := written(t, AuditJSON, exampleAudits()[name], AuditOptions{Changes: &Changes{}})
		var any map[string]json.RawMessage
		if err := json.Unmarshal(first, &any); err != nil {
			t.Fatal(err)
		}
		sorted, _ := json.Marshal(any)
		a, err := ReadAudit(name, bytes.NewReader(sorted))
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, AuditJSON, a, AuditOptions{Changes: &Changes{}}); !bytes.Equal(got, first) {
			t.Errorf("%s: sorted, it reads otherwise", name)
		}
	}
}

// FuzzReadAudit: what can be read is written and read again without a change,
// and every other format takes it.
func FuzzReadAudit(f *testing.F) {
	for _, a := range exampleAudits() {
		for i := range a.Accounts { // small seeds are changed faster
			account := &a.Accounts[i]
			account.Findings, account.Roster = account.Findings[:min(2, len(account.Findings))], account.Roster[:min(1, len(account.Roster))]
			for j := range account.Findings {
				account.Findings[j].Controls = account.Findings[j].Controls[:min(1, len(account.Findings[j].Controls))]
			}
		}
		f.Add(written(f, AuditJSON, a, AuditOptions{}))
	}
	f.Add([]byte(`{"schema":"mfawatch/audit/v1","account":"","partition":"","taken_at":"2026-11-20T07:12:00Z","summary":{},"roster":[],"gaps":[],"findings":[{"check":"","outcome":"fail"},{"subject":{"kind":"x"}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := ReadAudit("fuzz", bytes.NewReader(text))
		if err != nil {
			return
		}
		first := written(t, AuditJSON, a, AuditOptions{})
		again, err := ReadAudit("again", bytes.NewReader(first))
		if err != nil {
			t.Fatalf("%v in %s", err, first)
		}
		if second := written(t, AuditJSON, again, AuditOptions{}); !bytes.Equal(first, second) {
			t.Fatalf("written again it differs:\n%s\n%s", first, second)
		}
		ch := Diff(a, again)
		a.SetFirstSeen(&again)
		for _, format := range AuditFormats() {
			if format != AuditHTML {
				written(t, format, a, AuditOptions{Width: 80, Changes: &ch})
			}
		}
	})
}
