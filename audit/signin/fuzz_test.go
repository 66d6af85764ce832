package signin_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// FuzzParse holds Judge to its promises for any bytes. It decodes the record a
// second time, without this package's reader, to see what is really in it.
func FuzzParse(f *testing.F) {
	for _, c := range cases(f) {
		f.Add(c.event)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		before := bytes.Clone(record)
		v := signin.Judge(record, signin.Rules{})
		if !bytes.Equal(before, record) {
			t.Error("Judge changed the record")
		}
		if again := signin.Judge(record, signin.Rules{}); v != again {
			t.Errorf("two verdicts on one record: %+v and %+v", v, again)
		}
		checkWritable(t, record, v)
		checkPass(t, record, v)
		checkRoot(t, record, v)
	})
}

func checkWritable(t *testing.T, record []byte, v signin.Verdict) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil || !utf8.Valid(b) {
		t.Fatalf("the verdict in JSON is %q (error %v)", b, err)
	}
	e, err := signin.Parse(record)
	if (err != nil) != (v.Reason == signin.ReasonUnreadable && strings.HasPrefix(v.Detail, signin.ErrNotARecord.Error())) {
		t.Errorf("Parse says %v, the verdict %s %q", err, v.Reason, v.Detail)
	}
	for _, s := range append(texts(reflect.ValueOf(v)), texts(reflect.ValueOf(e))...) {
		if !utf8.ValidString(s) {
			t.Errorf("%q is not valid UTF-8", s)
		}
	}
}

// texts collects every string in a value, at any depth.
func texts(v reflect.Value) []string {
	var found []string
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				found = append(found, texts(v.Field(i))...)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			found = append(found, texts(v.Index(i))...)
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			found = append(found, texts(k)...)
			found = append(found, texts(v.MapIndex(k))...)
		}
	}
	return found
}

// checkPass: a pass rests on a field that is really in the record.
func checkPass(t *testing.T, record []byte, v signin.Verdict) {
	t.Helper()
	if v.Outcome != audit.Pass {
		return
	}
	r := decoded(record)
	proof := map[signin.Reason]bool{
		signin.ReasonMFA:          slices.ContainsFunc(find(r, "additionalEventData", "MFAUsed"), isYes),
		signin.ReasonMFAInSession: slices.ContainsFunc(find(r, "userIdentity", "sessionContext", "attributes", "mfaAuthenticated"), isYes),
		signin.ReasonSecondFactor: slices.ContainsFunc(find(r, "additionalEventData", "CredentialType"), hasSecond) ||
			slices.ContainsFunc(find(r, "additionalEventData", "DeviceEnrollmentRequired"), isYes),
	}
	if !proof[v.Reason] {
		t.Errorf("a pass as %s without proof in %s", v.Reason, record)
	}
	if !slices.ContainsFunc(find(r, "responseElements", v.Event), isSuccess) && !slices.ContainsFunc(find(r, "serviceEventDetails", v.Event), isSuccess) {
		t.Errorf("a pass as %s without a Success in %s", v.Reason, record)
	}
}

func isYes(s string) bool     { return strings.EqualFold(s, "yes") || strings.EqualFold(s, "true") }
func isSuccess(s string) bool { return strings.EqualFold(s, "Success") }
func hasSecond(s string) bool {
	list := strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",{}=", r) })
	return slices.ContainsFunc(list, func(c string) bool {
		return slices.Contains([]string{"TOTP", "RESYNC_TOTP", "WEBAUTHN"}, strings.ToUpper(strings.TrimSpace(c)))
	})
}

// checkRoot: root never gets in unannounced.
func checkRoot(t *testing.T, record []byte, v signin.Verdict) {
	t.Helper()
	r, ok := decoded(record).(map[string]any)
	if !ok {
		return
	}
	identity, _ := r["userIdentity"].(map[string]any)
	response, _ := r["responseElements"].(map[string]any)
	if identity["type"] == "Root" && r["eventName"] == "ConsoleLogin" && r["eventSource"] == signin.Source && response["ConsoleLogin"] == "Success" && !v.Alert {
		t.Errorf("root got in without an alert, as %s: %s", v.Reason, record)
	}
}

// decoded reads a record, or the text that holds one, into plain values.
func decoded(record []byte) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(record))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	if s, ok := v.(string); ok {
		return decoded([]byte(s))
	}
	return v
}

// find collects what a record has at a path, keys in any case, through texts
// that hold JSON; in a text of another sort it looks for the last key alone.
func find(v any, path ...string) []string {
	switch v := v.(type) {
	case map[string]any:
		var found []string
		for k, x := range v {
			if len(path) > 0 && strings.EqualFold(k, path[0]) {
				found = append(found, find(x, path[1:]...)...)
			}
		}
		return found
	case string:
		return findInText(v, path)
	case []any, nil:
		return nil
	}
	return []string{fmt.Sprint(v)}
}

func findInText(s string, path []string) []string {
	if len(path) == 0 {
		return []string{s}
	}
	if inner, ok := decoded([]byte(s)).(map[string]any); ok {
		return find(inner, path...)
	}
	var found []string
	pair := regexp.MustCompile(`(?is)` + path[len(path)-1] + `\s*=`)
	for _, at := range pair.FindAllStringIndex(s, -1) {
		rest := s[at[1]:]
		first, _, _ := strings.Cut(rest, ",")
		found = append(found, rest, strings.TrimRight(first, "}"))
	}
	return found
}
