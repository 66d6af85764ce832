package breakglass_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/ledger"
)

func TestGradeNames(t *testing.T) {
	for i, name := range []string{"software-local", "sealed-remote", "yubikey-no-touch", "yubikey-touch", "yubikey-touch-password"} {
		g, err := breakglass.ParseGrade(name)
		if err != nil || g.String() != name || int(g) != i+1 {
			t.Errorf("%s is %d, %v", name, int(g), err)
		}
	}
	for _, name := range []string{"", "ungraded", "touch"} {
		if g, err := breakglass.ParseGrade(name); err == nil || g != breakglass.Ungraded {
			t.Errorf("%q is grade %v", name, g)
		}
	}
	if got := breakglass.Grade(9).String() + breakglass.Grade(-1).String() + breakglass.Ungraded.String(); got != "grade 9grade -1ungraded" {
		t.Error(got)
	}
}

func TestRulesAreChecked(t *testing.T) {
	if err := storetest.NewCast(t).Rules.Check(); err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for want, change := range map[string]func(r *breakglass.Rules, ada *breakglass.Person, admin *breakglass.Role){
		"door \"\"": func(r *breakglass.Rules, _ *breakglass.Person, _ *breakglass.Role) { r.Door = "" },
		"approve: 59.999s": func(r *breakglass.Rules, _ *breakglass.Person, _ *breakglass.Role) {
			r.Approve = time.Minute - time.Millisecond
		},
		"approve: 24h0m0.001s": func(r *breakglass.Rules, _ *breakglass.Person, _ *breakglass.Role) {
			r.Approve = 24*time.Hour + time.Millisecond
		},
		"use: 0s":   func(r *breakglass.Rules, _ *breakglass.Person, _ *breakglass.Role) { r.Use = 0 },
		"people: 0": func(r *breakglass.Rules, _ *breakglass.Person, _ *breakglass.Role) { r.People = nil },
		"people: 51": func(r *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) {
			for len(r.People) < 51 {
				r.People = append(r.People, *ada)
			}
		},
		"person \"a b\"":              func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Name = "a b" },
		"person ada is there twice":   func(r *breakglass.Rules, _ *breakglass.Person, _ *breakglass.Role) { r.People[1].Name = "ada" },
		"person ada has no principal": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Principals = nil },
		"is no IAM user's ARN": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) {
			ada.Principals[0] = "arn:aws:sts::111122223333:assumed-role/x/ada"
		},
		"user/bob is ada's and bob's": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) {
			ada.Principals[1] = storetest.User("bob")
		},
		"person ada has 0 devices": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Devices = nil },
		"person ada has 11 devices": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) {
			for len(ada.Devices) < 11 {
				ada.Devices = append(ada.Devices, ada.Devices[0])
			}
		},
		"device nobody-1: ":                  func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Devices[0].ID = "nobody-1" },
		"device \"a/b\"":                     func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Devices[0].ID = "a/b" },
		"device bob-totp is ada's and bob's": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Devices[0].ID = "bob-totp" },
		"device ada-totp is ada's and ada's": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Devices[2].ID = "ada-totp" },
		"kind \"sms\"":                       func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Devices[0].Kind = "sms" },
		"has no grade": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) {
			ada.Devices[1].Grade = breakglass.Touch
		},
		"say how its codes are made": func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) {
			ada.Devices[0].Grade = breakglass.Ungraded
		},
		"device ada-totp: grade 6":   func(_ *breakglass.Rules, ada *breakglass.Person, _ *breakglass.Role) { ada.Devices[0].Grade = 6 },
		"\"x\" is no managed policy": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Policies = []string{"x"} },
		"11 session policies":        func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Policies = make([]string, 11) },
		"there are none":             func(r *breakglass.Rules, _ *breakglass.Person, _ *breakglass.Role) { r.Roles = nil },
		"role \"\"":                  func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Name = "" },
		"role core is there twice":   func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Name = "core" },
		"has two names":              func(r *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.ARN = r.Roles[1].ARN },
		"is no IAM role's ARN":       func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.ARN = "break-glass" },
		"longest 14m59s": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.Longest = 15*time.Minute - time.Second
		},
		"longest 1h0m1s": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.Longest = time.Hour + time.Second
		},
		"role admin: cool-off -1ns": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.CoolOff = -1 },
		"role admin: cool-off 24h0m1s": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.CoolOff = 24*time.Hour + time.Second
		},
		"role admin: ungraded":       func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Grade = breakglass.Ungraded },
		"role admin: grade 6":        func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Grade = 6 },
		"one person's cool-off -1ns": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Alone.CoolOff = -1 },
		"one person's cool-off 24h0m1s": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.Alone.CoolOff = 24*time.Hour + time.Second
		},
		"one person's grade 6":  func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Alone.Grade = 6 },
		"one person's grade -1": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Alone.Grade = -1 },
		"has no effect":         func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Alone.Allowed = false },
		"nobody may ask":        func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Requesters = nil },
		"approvals 0":           func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Approvals = 0 },
		"names \"zoe\"": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.Approvers = []string{"bob", "cyd", "ada", "zoe"}
		},
		"names bob twice": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.Approvers = []string{"bob", "cyd", "ada", "bob"}
		},
		"dan has no device": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.Approvers, a.Sheets = []string{"bob", "cyd", "ada", "dan"}, false
		},
		"for ada there are 2 other approvers and 3": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) { a.Approvals = 3 },
		"for ada there are 0 other approvers and 1": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.Requesters, a.Approvers = []string{"ada"}, []string{"ada"}
		},
		"no requester has a device": func(_ *breakglass.Rules, _ *breakglass.Person, a *breakglass.Role) {
			a.Sheets, a.Alone.Grade = false, breakglass.TouchPassword
		},
	} {
		r := storetest.NewCast(t).Rules
		change(&r, &r.People[0], &r.Roles[0])
		err := r.Check()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("rules that are wrong = %v, want %q in it", err, want)
		}
		for line := range strings.Lines(fmt.Sprint(err, "\n")) {
			said[line] = true
		}
	}
	golden(t, "rules.txt", strings.Join(slices.Sorted(maps.Keys(said)), ""))
}

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(name, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestAdvice: reasons never change, and each says what to do.
func TestAdvice(t *testing.T) {
	var b strings.Builder
	for _, r := range breakglass.Reasons() {
		fmt.Fprintf(&b, "%s: %s\n", r, (&breakglass.Refusal{Reason: r}).Error())
	}
	whole := breakglass.Refusal{Reason: breakglass.Wait, Detail: "detail", Until: storetest.Start}
	golden(t, "refusals.txt", b.String()+whole.Error()+"\n")
}

func TestBoundsOfRules(t *testing.T) {
	for i, change := range []func(r *breakglass.Rules){
		func(r *breakglass.Rules) { r.Approve, r.Use = time.Minute, 24*time.Hour },
		func(r *breakglass.Rules) { r.Roles[0].Longest, r.Roles[1].Longest = 15*time.Minute, time.Hour },
		func(r *breakglass.Rules) { r.Roles[0].CoolOff, r.Roles[0].Alone.CoolOff = 24*time.Hour, 24*time.Hour },
		func(r *breakglass.Rules) {
			r.People[0].Principals[0] = "arn:aws-us-gov:iam::111122223333:user/emergency/ada"
		},
		func(r *breakglass.Rules) { r.Roles[0].Approvals = 2 },
		func(r *breakglass.Rules) {
			r.Roles[0].Policies = slices.Repeat([]string{"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::111122223333:policy/own"}, 5)
		},
	} {
		r := storetest.NewCast(t).Rules
		change(&r)
		if err := r.Check(); err != nil {
			t.Errorf("rules %d: %v", i, err)
		}
	}
}

// TestCounted: a device whose codes hold a number that only grows.
func TestCounted(t *testing.T) {
	m := &storetest.Memory{}
	try := func(number int64) error {
		return m.Transact(t.Context(), func(tx breakglass.Tx) error {
			return breakglass.SpendCounted(t.Context(), tx, "yubikey", ledger.Counted{Step: number}, storetest.Start)
		})
	}
	for _, c := range []struct {
		number int64
		want   error
	}{{19<<8 | 17, nil}, {19<<8 | 17, breakglass.ErrUsed}, {19<<8 | 16, breakglass.ErrUsed}, {19<<8 | 18, nil}, {20 << 8, nil}, {19<<8 | 19, breakglass.ErrUsed}} {
		if got := try(c.number); got != c.want {
			t.Errorf("number %d = %v, want %v", c.number, got, c.want)
		}
	}
}
