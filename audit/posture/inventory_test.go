package posture_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// An inventory changes no outcome and no subject: it adds to what is told of the devices
// that it knows, and of no other account's.
func TestInventoryIsTold(t *testing.T) {
	told := 0
	for _, c := range cases(t) {
		before := posture.Evaluate(c.snapshot, c.rules)
		rules := c.rules
		for _, d := range virtualOf(c.snapshot) {
			rules.Inventory = append(rules.Inventory, posture.Enrolled{Account: c.snapshot.Account, User: "nobody", Device: d, YubiKey: "12345678", Touch: true, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), By: "arn:aws:iam::111122223333:user/admin"})
		}
		after := posture.Evaluate(c.snapshot, rules)
		elsewhere := rules
		elsewhere.Inventory = nil
		for _, e := range rules.Inventory {
			e.Account = "000000000000"
			elsewhere.Inventory = append(elsewhere.Inventory, e)
		}
		if diff := cmp.Diff(before, posture.Evaluate(c.snapshot, elsewhere)); diff != "" {
			t.Errorf("%s: another account's inventory changes:\n%s", c.Path, diff)
		}
		for i, f := range after {
			if f.Detail != before[i].Detail {
				told++
				holdTold(t, c.Path, f)
				f.Detail, f.Evidence = before[i].Detail, before[i].Evidence
			}
			if diff := cmp.Diff(before[i], f); diff != "" {
				t.Errorf("%s: the inventory changes more than detail and evidence:\n%s", c.Path, diff)
			}
		}
	}
	if told < 10 {
		t.Errorf("only %d findings tell of the inventory", told)
	}
}

// virtualOf are the virtual devices that a snapshot knows.
func virtualOf(s audit.Snapshot) []string {
	seen := map[string]bool{}
	var all []string
	for _, f := range posture.Evaluate(s, posture.Rules{}) {
		for _, e := range f.Evidence {
			for text := range strings.FieldsFuncSeq(e.Facts["devices"], func(r rune) bool { return r == ' ' || r == ',' }) {
				if strings.Contains(text, ":mfa/") && !seen[text] {
					seen[text] = true
					all = append(all, text)
				}
			}
		}
	}
	return all
}

func holdTold(t *testing.T, file string, f audit.Finding) {
	t.Helper()
	want := "; virtual device on YubiKey 12345678, touch required; inventory, enrolled 2026-01-02 by arn:aws:iam::111122223333:user/admin"
	last := f.Evidence[len(f.Evidence)-1]
	if !strings.Contains(f.Detail, want) || last.Source != "inventory" || last.Facts["yubikey"] != "12345678" || last.Facts["touch"] != "required" {
		t.Errorf("%s: %s tells %q by %+v", file, f.Check, f.Detail, last)
	}
	if other := strings.Contains(f.Detail, " for nobody"); other != (f.Subject.Kind == audit.UserSubject) {
		t.Errorf("%s: %s of %s: %q", file, f.Check, f.Subject.Name, f.Detail)
	}
}

func TestHowAKeyIsWorded(t *testing.T) {
	for want, e := range map[string]posture.Enrolled{
		"virtual device on a YubiKey, touch not required;":                      {},
		"virtual device on YubiKey 1, touch not required;":                      {YubiKey: "1", Password: true},
		"virtual device on YubiKey 1, touch required, with a password; invento": {YubiKey: "1", Touch: true, Password: true},
	} {
		c := cases(t)
		for _, one := range c {
			devices := virtualOf(one.snapshot)
			if len(devices) == 0 {
				continue
			}
			e.Account, e.Device = one.snapshot.Account, devices[0]
			rules := one.rules
			rules.Inventory = []posture.Enrolled{e}
			var all []string
			for _, f := range posture.Evaluate(one.snapshot, rules) {
				all = append(all, f.Detail)
			}
			if !strings.Contains(strings.Join(all, "\n"), want) {
				t.Errorf("%s: nothing tells %q", one.Path, want)
			}
			break
		}
	}
}
