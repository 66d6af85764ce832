package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mfawatch/audit/detect"
	"mfawatch/audit/posture"
	"mfawatch/audit/signin"
	"mfawatch/internal/casefile"
)

var update = flag.Bool("update", false, "write what the program says into the cases")

// TestRules reads testdata/*.txtar: rules.yaml (or quoted: the same as a Go
// string, for bytes that no text file shows), then either the errors or the
// rules.
func TestRules(t *testing.T) {
	cases := casefile.All(t, "testdata/*.txtar")
	if len(cases) < 40 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			name, text := "rules", ""
			text, err := answer(c.Files[0].Name, input(t, c))
			if err != nil {
				name, text = "errors", err.Error()+"\n"
			}
			c.Answer(t, 1, name, text, *update)
		})
	}
}

// answer reads the file and shows what it says.
func answer(name string, in []byte) (string, error) {
	if name == "exemptions.yaml" {
		list, err := Exemptions(ExemptionFile{Name: name, Data: in})
		var b strings.Builder
		for _, e := range list {
			fmt.Fprintf(&b, "%+v\n", e)
		}
		return b.String(), err
	}
	if name == "mfawatch.yaml" {
		f, err := ReadFile(name, in)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("%s%sexemptions %+v\naccounts %v fold after %d in %v\n", show(f.SignIn, f.Detect), showAudit(f.Posture), f.Posture.Exemptions, f.Accounts, f.FoldAfter, f.FoldWindow), nil
	}
	j, err := Rules("rules.yaml", in)
	return show(j.SignIn, j.Detect) + showAudit(j.Posture), err
}

func showAudit(r posture.Rules) string {
	if reflect.ValueOf(r).IsZero() {
		return ""
	}
	return fmt.Sprintf("audit %+v\n", r)
}

func input(t testing.TB, c casefile.Case) []byte {
	if c.Files[0].Name != "quoted" {
		return c.Files[0].Data
	}
	s, err := strconv.Unquote(strings.TrimSpace(string(c.Files[0].Data)))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(s)
}

func show(s signin.Rules, d detect.Rules) string {
	var b strings.Builder
	for _, o := range s.SignIn {
		fmt.Fprintf(&b, "sign_in %s", o.Reason)
		set(&b, "principal", &o.Principal, o.Principal != "")
		set(&b, "alert", o.Alert, o.Alert != nil)
		set(&b, "severity", o.Severity, o.Severity != nil)
		b.WriteString("\n")
	}
	for _, o := range d.Overrides {
		fmt.Fprintf(&b, "detection %s", o.ID)
		set(&b, "alert", o.Alert, o.Alert != nil)
		set(&b, "severity", o.Severity, o.Severity != nil)
		set(&b, "threshold", o.Threshold, o.Threshold != nil)
		set(&b, "window", o.Window, o.Window != nil)
		b.WriteString("\n")
	}
	return b.String()
}

func set[T any](b *strings.Builder, name string, v *T, given bool) {
	if given {
		fmt.Fprintf(b, " %s=%v", name, *v)
	}
}

func TestRulesBounds(t *testing.T) {
	entry := "  - {reason: no-mfa, alert: true}\n"
	for _, c := range []struct{ name, in, want string }{
		{"bytes", "version: 1\n#" + strings.Repeat("x", maxBytes), "rules.yaml:1:1: the file has 1048588 bytes; at most 1048576 are read"},
		{"lines", "version: 1\n" + strings.Repeat("#\n", maxLines), "rules.yaml:10001:1: the file has 10001 lines; at most 10000 are read"},
		{"entries", "version: 1\nsign_in:\n" + strings.Repeat(entry, 1001), "rules.yaml:3:3: sign_in: 1001 entries; at most 1000"},
		{"brackets", strings.Repeat("[", 500_000), "rules.yaml:1:17: nested more than 16 deep; no setting is"},
		{"dashes", strings.Repeat("- ", 500_000), "rules.yaml:1:33: nested more than 16 deep; no setting is"},
		{"laughs", laughs(), ""},
		{"deep", deep(1400), ""},
		{"list", strings.Repeat("-\n", maxLines), ""},
		{"keys", strings.Repeat("a: |\n", maxLines), ""},
	} {
		start := time.Now()
		_, err := Rules("rules.yaml", []byte(c.in))
		if err == nil || c.want != "" && err.Error() != c.want {
			t.Errorf("%s: error = %v, want %s", c.name, err, c.want)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s took %v", c.name, d)
		}
		checkPlaces(t, "rules.yaml", err)
	}
}

// laughs is the billion laughs: nine lines that grow a thousand million fold.
func laughs() string {
	s := "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for i := range 9 {
		s += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	return s
}

func deep(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func TestRulesManyFaults(t *testing.T) {
	in := "version: 1\nsign_in:\n" + strings.Repeat("  - {reason: nomfa, alert: true}\n", 60)
	_, err := Rules("rules.yaml", []byte(in))
	lines := strings.Split(err.Error(), "\n")
	want := "rules.yaml:53:14: 10 more faults from here on are not shown"
	if len(lines) != 51 || lines[50] != want {
		t.Errorf("%d lines, the last %q, want 51 and %q", len(lines), lines[len(lines)-1], want)
	}
}

func TestFaultIsTyped(t *testing.T) {
	_, err := Rules("rules.yaml", []byte("version: 2\n"))
	want := &Fault{File: "rules.yaml", Line: 1, Column: 10, Field: "version", Problem: "version 2 is not known; this program reads version 1"}
	var got *Fault
	if !errors.As(err, &got) || *got != *want {
		t.Errorf("Rules = %+v, want %+v", got, want)
	}
}

var placed = regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*: .`)

// checkPlaces asserts that each line of an error names the file, a line and a column.
func checkPlaces(t *testing.T, name string, err error) {
	t.Helper()
	for line := range strings.SplitSeq(err.Error(), "\n") {
		rest, found := strings.CutPrefix(line, name+":")
		if !found || !placed.MatchString(rest) || strings.ContainsAny(line, "\x00\x1b\t\r") {
			t.Errorf("error line %q does not begin with %s:line:column", line, name)
		}
	}
}

// FuzzRules: no input panics, errors carry their place, and what is accepted
// is accepted by detect and is about known reasons.
func FuzzRules(f *testing.F) {
	for _, c := range casefile.All(f, "testdata/*.txtar") {
		if c.Files[0].Name != "quoted" {
			f.Add(c.Files[0].Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 || bytes.Count(data, []byte("\n")) > 200 {
			return
		}
		if _, err := Exemptions(ExemptionFile{Name: "exemptions.yaml", Data: data}); err != nil {
			checkPlaces(t, "exemptions.yaml", err)
		}
		if _, err := ReadFile("mfawatch.yaml", data); err != nil {
			checkPlaces(t, "mfawatch.yaml", err)
		}
		j, err := Rules("rules.yaml", data)
		if err != nil {
			checkPlaces(t, "rules.yaml", err)
			if strings.Contains(err.Error(), "an accepted file") || strings.Contains(err.Error(), "(") && strings.Contains(err.Error(), "not allowed here") {
				t.Errorf("the schema let through what cannot be read: %v", err)
			}
			return
		}
		if err := j.Detect.Validate(); err != nil {
			t.Errorf("accepted, and detect refuses: %v", err)
		}
	})
}
