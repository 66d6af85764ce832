package breakglass_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/storetest"
)

// TestRulesAreReadAsWritten: what JSON writes ParseRules reads, with every field set.
func TestRulesAreReadAsWritten(t *testing.T) {
	rules := storetest.NewCast(t).Rules
	rules.Roles[0].Policies = []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}
	rules.Use = 90*time.Minute + time.Second
	text := rules.JSON()
	got, err := breakglass.ParseRules("breakglass.json", text)
	if err != nil || !reflect.DeepEqual(got, rules) {
		t.Errorf("ParseRules(JSON()) = %+v, %v, want %+v", got, err, rules)
	}
	for _, want := range []string{`"approve": "30m"`, `"use": "1h30m1s"`, `"longest": "1h"`, `"grade": "yubikey-touch"`, `"cool_off": "5m"`, `"allowed": true`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}

func TestRulesThatAreNotRead(t *testing.T) {
	whole := string(storetest.NewCast(t).Rules.JSON())
	for _, c := range []struct{ old, new, want string }{
		{`"door": "main"`, `"door": "main", "dor": "x"`, `breakglass.json: unknown field "dor"`},
		{`"door": "main"`, `"door": "main", "door": "x"`, `breakglass.json: field door is there twice`},
		{`"door": "main"`, `"Door": "main"`, `breakglass.json: unknown field "Door": names are in small letters`},
		{`"approve": "30m"`, `"approve": "half an hour"`, `breakglass.json: approve: "half an hour" is no length of time: write 15m, 1h`},
		{`"approve": "30m"`, `"approve": 30`, `breakglass.json: field approve: a number stands where another kind of value is wanted`},
		{`"approve": "30m",`, ``, `breakglass.json: approve: 0s: a minute to a day is possible`},
		{`"longest": "30m"`, `"longest": "x"`, `breakglass.json: roles[1].longest: "x" is no length of time: write 15m, 1h`},
		{`"grade": "software-local"`, `"grade": "soft"`, `breakglass.json: people[3].devices[0].grade: "soft" is no grade`},
		{`"cool_off": "5m"`, `"cool_off": "5"`, `breakglass.json: roles[0].alone.cool_off: "5" is no length of time: write 15m, 1h`},
		{`"kind": "totp"`, `"kind": "sms"`, `breakglass.json: device ada-totp: kind "sms"`},
		{whole, ``, `breakglass.json: it is not JSON, from byte 0 on`},
		{whole, whole + `{}`, `breakglass.json: something follows the document's end`},
	} {
		_, err := breakglass.ParseRules("breakglass.json", []byte(strings.Replace(whole, c.old, c.new, 1)))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.40s: ParseRules = %v, want %s", c.new, err, c.want)
		}
	}
}
