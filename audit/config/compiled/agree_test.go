package compiled_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"mfawatch/audit"
	"mfawatch/audit/config"
	"mfawatch/audit/config/compiled"
	"mfawatch/audit/detect"
	"mfawatch/audit/posture"
	"mfawatch/audit/signin"
)

// drawn makes files out of values that are right, that are at a bound, and that
// are wrong, which stand last and are rare.
type drawn struct {
	*rand.Rand
	wrong *int // so many more wrong values
}

// one takes any of the right ones, or one time in ten a wrong one, where the file
// has not had its share.
func one[T any](r drawn, right, wrong []T) T {
	if *r.wrong > 0 && len(wrong) > 0 && r.IntN(10) == 0 {
		*r.wrong--
		return wrong[r.IntN(len(wrong))]
	}
	return right[r.IntN(len(right))]
}

func some[T any](r drawn, v T) *T {
	if r.IntN(3) == 0 {
		return nil
	}
	return &v
}

func (r drawn) severity() *audit.Severity { return some(r, one(r, audit.Severities(), nil)) }

func (r drawn) text(most int) string {
	return one(r, []string{"", "a", "b c", "é", strings.Repeat("é", most), "#: [x]", "\"'"}, []string{strings.Repeat("é", most+1)})
}

func (r drawn) window() time.Duration {
	return one(r, []time.Duration{time.Second, 15 * time.Minute, 24 * time.Hour, 195_996_339 * time.Second}, []time.Duration{0, 195_996_340 * time.Second})
}

func (r drawn) span() time.Duration {
	return one(r, []time.Duration{0, time.Hour, 25 * time.Hour, 45 * 24 * time.Hour, 9999 * time.Hour, 9999 * 24 * time.Hour, 10_000 * 24 * time.Hour / 2},
		[]time.Duration{10_000 * 24 * time.Hour, 10_001 * time.Hour})
}

func (r drawn) file() compiled.File {
	f := compiled.File{FoldAfter: one(r, []int{1, 3, 1000}, []int{1001}), FoldWindow: r.window()}
	for range r.IntN(2) {
		f.SignIn.SignIn = append(f.SignIn.SignIn, r.signIn())
	}
	for range r.IntN(2) {
		f.Detect.Overrides = append(f.Detect.Overrides, r.detection())
	}
	for range r.IntN(2) {
		f.Posture.Overrides = append(f.Posture.Overrides, r.override())
	}
	for range r.IntN(3) {
		f.Posture.Exemptions = append(f.Posture.Exemptions, r.exemption())
	}
	p := &f.Posture
	p.Hardware, p.FIDO = r.hardware(), r.fido()
	p.StaleReport, p.RootRecentUse, p.UserRecentUse, p.UnusedConsole = r.span(), r.span(), r.span(), r.span()
	for range r.IntN(3) {
		p.BreakGlass = append(p.BreakGlass, one(r, []string{"AIDAONE1", "AIDATWO2", "AIDA3"}, []string{"AIDA", "AROAONE1", "AIDAone", "ada"}))
	}
	if r.IntN(2) == 0 {
		f.Accounts = map[string]string{
			one(r, []string{"111122223333", "444455556666"}, []string{"11112222333", "1111222233334", "11112222333x", ""}): one(r, []string{"prod", "1", "null", strings.Repeat("é", 63)}, []string{"", strings.Repeat("é", 64)}),
		}
	}
	return f
}

func (r drawn) hardware() posture.Hardware {
	return one(r, []posture.Hardware{"", posture.AtLeastOne, posture.All}, []posture.Hardware{"most"})
}

func (r drawn) fido() posture.FIDO {
	return one(r, []posture.FIDO{"", posture.Accepted, posture.Certified}, []posture.FIDO{"none"})
}

func (r drawn) signIn() signin.Override {
	o := signin.Override{Reason: one(r, signin.Reasons(), []signin.Reason{"", "nomfa"}), Alert: some(r, r.IntN(2) == 0), Severity: r.severity()}
	o.Principal = one(r, append(audit.PrincipalKinds(), "", audit.Root, audit.Root), []audit.PrincipalKind{"people"})
	return o
}

func (r drawn) detection() detect.Override {
	all := detect.Checks()
	o := detect.Override{ID: one(r, all, nil).ID, Alert: some(r, r.IntN(2) == 0), Severity: r.severity()}
	if r.IntN(4) == 0 {
		o.ID = one(r, []string{"root-sign-in", "root-email-updated", "root-password-updated", "second-factor-failures"}, []string{"", "root-", "mfa-enabld"})
	}
	if r.IntN(6) == 0 {
		o.Threshold = some(r, one(r, []int{1, 100}, []int{0, -1, 101}))
	}
	if r.IntN(6) == 0 {
		o.Window = some(r, r.window())
	}
	return o
}

func (r drawn) override() posture.Override {
	return posture.Override{
		Group: r.text(128), Tag: r.text(128), TagValue: r.text(256), Hardware: r.hardware(), FIDO: r.fido(),
		Path: one(r, []string{"", "/", "/a/", "/a/b/", "//", "/~!/", "/" + strings.Repeat("a", 510) + "/"},
			[]string{"a", "/a", "a/", "ab/", "/ab", "/ /", "/é/", "/\x7f/", "/" + strings.Repeat("a", 511) + "/", "/a\n/"}),
	}
}

func (r drawn) exemption() audit.Exemption {
	e := audit.Exemption{
		ID: one(r, []string{"AIDAONE1", "AROATWO2", "111122223333", "444455556666", "arn:aws:iam::111122223333:mfa/ada", "arn:aws-us-gov:iam::111122223333:mfa/a:b/c", "arn:-:iam::111122223333:mfa/ "},
			[]string{"", "ada", "AIDA", "AIDAone", "ASIAONE1", "arn:aws:iam::111122223333:mfa/", "arn::iam::111122223333:mfa/x", "arn:aws:iam::1:mfa/x", "arn:aws:iam::111122223333:user/x", "arn:aws:iam:x:111122223333:mfa/x", "arn:AWS:iam::111122223333:mfa/x", "arn:aws:iam::111122223333:mfa/x\ny", "arn:aws:iam::111122223333:mfa/\n", "arn:aws:sts::111122223333:mfa/x", "brn:aws:iam::111122223333:mfa/x", "arn:a1:iam::111122223333:mfa/x", "arn:aws:iam::111122223333"}),
		Owner: one(r, []string{"a", strings.Repeat("é", 500)}, []string{"", " ", strings.Repeat("é", 501)}), Reason: one(r, []string{"b", "line\nline"}, []string{"", "\t", strings.Repeat("é", 501)}), Ticket: r.text(500),
		Expires: one(r, []time.Time{time.Date(2027, 3, 31, 17, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)},
			[]time.Time{{}, time.Date(2027, 3, 31, 0, 0, 0, 1, time.UTC), time.Date(2027, 3, 31, 0, 0, 0, 1000, time.UTC)}),
	}
	for range r.IntN(3) {
		e.Accounts = append(e.Accounts, one(r, []string{"111122223333", "444455556666", "777788889999"}, []string{"", "1", "11112222333x"}))
	}
	for range r.IntN(3) {
		e.Checks = append(e.Checks, one(r, []string{"user-any-mfa", "root-mfa", "user-sms-mfa", "role-trust-mfa"}, []string{"", "no-such-check", "break-glass-usable"}))
	}
	return e
}

// TestAgreesWithSchemas: of the same file, written by a person, audit/config says
// the same as this package, which knows no schema: accepted, or refused.
func TestAgreesWithSchemas(t *testing.T) {
	accepted, refused := 0, 0
	for seed := range uint64(6000) {
		wrong := int(seed % 2)
		f := drawn{rand.New(rand.NewPCG(seed, 0)), &wrong}.file()
		written, err := asWritten(f)
		if err != nil {
			t.Fatal(err)
		}
		_, compiles := compiled.Write(f, written)
		read, reads := config.ReadFile("f", written)
		switch {
		case (compiles == nil) != (reads == nil):
			t.Errorf("seed %d: compiled says %v, config says %v\n%.2000s", seed, compiles, reads, written)
		case compiles != nil:
			refused++
		default:
			accepted++
			if diff := cmp.Diff(f, read, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("seed %d: (-file +read)\n%s", seed, diff)
			}
		}
	}
	if t.Logf("%d accepted, %d refused", accepted, refused); accepted < 500 || refused < 500 {
		t.Errorf("%d accepted, %d refused: want 500 of each", accepted, refused)
	}
}

// TestBounds: how many entries a file can have is what the schemas say.
func TestBounds(t *testing.T) {
	yes := true
	for name, add := range map[string]struct {
		most int
		to   func(f *compiled.File, i int)
	}{
		"sign_in": {1000, func(f *compiled.File, _ int) {
			f.SignIn.SignIn = append(f.SignIn.SignIn, signin.Override{Reason: "mfa", Alert: &yes})
		}},
		"detections": {1000, func(f *compiled.File, _ int) {
			f.Detect.Overrides = append(f.Detect.Overrides, detect.Override{ID: "mfa-enabled", Alert: &yes})
		}},
		"overrides": {1000, func(f *compiled.File, _ int) {
			f.Posture.Overrides = append(f.Posture.Overrides, posture.Override{Path: "/", FIDO: posture.Certified})
		}},
		"exemptions": {10_000, func(f *compiled.File, i int) {
			f.Posture.Exemptions = append(f.Posture.Exemptions, audit.Exemption{ID: numbered("AIDA", i), Owner: "a", Reason: "b", Expires: time.Date(2027, 3, 31, 0, 0, 0, 0, time.UTC)})
		}},
		"break_glass": {100, func(f *compiled.File, i int) {
			f.Posture.BreakGlass = append(f.Posture.BreakGlass, numbered("AIDA", i))
		}},
		"accounts": {10_000, func(f *compiled.File, i int) { f.Accounts[numbered("", i)] = "x" }},
	} {
		f := compiled.File{FoldAfter: 3, FoldWindow: time.Minute, Accounts: map[string]string{}}
		for i := range add.most {
			add.to(&f, i)
		}
		agree(t, name, f, true)
		add.to(&f, add.most)
		agree(t, name, f, false)
	}
}

func agree(t *testing.T, name string, f compiled.File, want bool) {
	t.Helper()
	written, err := asWritten(f)
	if err != nil {
		t.Fatal(err)
	}
	_, compiles := compiled.Write(f, written)
	_, reads := config.ReadFile("f", written)
	if (compiles == nil) != want || (reads == nil) != want {
		t.Errorf("%s: compiled says %v, config says %.200v, want accepted %v", name, compiles, reads, want)
	}
}

// numbered is a text with a number of twelve digits.
func numbered(prefix string, i int) string {
	digits := []byte("000000000000")
	for at := len(digits) - 1; i > 0; at-- {
		digits[at], i = byte('0'+i%10), i/10
	}
	return prefix + string(digits)
}
