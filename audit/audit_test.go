package audit_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
)

func TestOutcomeTexts(t *testing.T) {
	want := []string{"unknown", "pass", "fail", "not_applicable"}
	for i, o := range audit.Outcomes() {
		if o != audit.Outcome(i) || o.String() != want[i] {
			t.Errorf("outcome %d is %d, %q, want %q", i, o, o, want[i])
		}
		var back audit.Outcome
		if b, err := json.Marshal(o); err != nil || string(b) != `"`+want[i]+`"` || json.Unmarshal(b, &back) != nil || back != o {
			t.Errorf("outcome %s goes through JSON as %s and comes back as %s (error %v)", o, b, back, err)
		}
	}
	if len(audit.Outcomes()) != len(want) {
		t.Errorf("there are %d outcomes, want %d", len(audit.Outcomes()), len(want))
	}
}

func TestSeverityTexts(t *testing.T) {
	want := []string{"info", "low", "medium", "high", "critical"}
	for i, s := range audit.Severities() {
		if s != audit.Severity(i) || s.String() != want[i] {
			t.Errorf("severity %d is %d, %q, want %q", i, s, s, want[i])
		}
		var back audit.Severity
		if b, err := json.Marshal(s); err != nil || string(b) != `"`+want[i]+`"` || json.Unmarshal(b, &back) != nil || back != s {
			t.Errorf("severity %s goes through JSON as %s and comes back as %s (error %v)", s, b, back, err)
		}
	}
	if len(audit.Severities()) != len(want) {
		t.Errorf("there are %d severities, want %d", len(audit.Severities()), len(want))
	}
}

// A forgotten answer is never a pass, and a text that is no answer becomes no
// good answer either.
func TestZeroOutcomeIsUnknown(t *testing.T) {
	var o audit.Outcome
	if o != audit.Unknown || o.String() != "unknown" {
		t.Errorf("the zero outcome is %s, want unknown", o)
	}
}

func TestInvalidTextsAreRefused(t *testing.T) {
	for _, text := range []string{"", "PASS", "Pass", " pass", "passed", "ok", "n/a", "HIGH", "urgent", "0", "invalid(9)"} {
		o, s := audit.Pass, audit.Critical
		want := fmt.Sprintf(`outcome %q is not one of ["unknown" "pass" "fail" "not_applicable"]`, text)
		if err := o.UnmarshalText([]byte(text)); err == nil || err.Error() != want || o != audit.Unknown {
			t.Errorf("outcome %q is read as %s (error %v), want unknown and %s", text, o, err, want)
		}
		want = fmt.Sprintf(`severity %q is not one of ["info" "low" "medium" "high" "critical"]`, text)
		if err := s.UnmarshalText([]byte(text)); err == nil || err.Error() != want || s != audit.Info {
			t.Errorf("severity %q is read as %s (error %v), want info and %s", text, s, err, want)
		}
	}
}

func TestValuesOutsideTheTablesSayTheyAreInvalid(t *testing.T) {
	if got := audit.Outcome(4).String(); got != "invalid(4)" {
		t.Errorf("outcome 4 is written %q, want invalid(4)", got)
	}
	if got := audit.Severity(5).String(); got != "invalid(5)" {
		t.Errorf("severity 5 is written %q, want invalid(5)", got)
	}
}

func TestSeveritiesAreOrdered(t *testing.T) {
	if audit.Info >= audit.Low || audit.Low >= audit.Medium || audit.Medium >= audit.High || audit.High >= audit.Critical {
		t.Error("severities do not rise from info to critical")
	}
}

func TestPrincipalKinds(t *testing.T) {
	want := []audit.PrincipalKind{"iam_user", "root", "federated", "role", "identity_center", "service", "unknown"}
	if diff := cmp.Diff(want, audit.PrincipalKinds()); diff != "" {
		t.Errorf("PrincipalKinds() (-want +got):\n%s", diff)
	}
}

func TestPrincipalAsJSON(t *testing.T) {
	got, err := json.Marshal(audit.Principal{Kind: audit.Root, Name: "root", ID: "111122223333", ARN: "arn:aws:iam::111122223333:root"})
	want := `{"kind":"root","name":"root","id":"111122223333","arn":"arn:aws:iam::111122223333:root"}`
	if err != nil || string(got) != want {
		t.Errorf("a principal in JSON = %s (error %v), want %s", got, err, want)
	}
}

func TestFactorKinds(t *testing.T) {
	got := []audit.FactorKind{audit.VirtualFactor, audit.HardwareTOTPFactor, audit.FIDOCertifiedFactor, audit.FIDOFactor, audit.SMSFactor, audit.UnknownFactor}
	want := []audit.FactorKind{"virtual", "hardware_totp", "fido_certified", "fido", "sms", "unknown"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("factor kinds (-want +got):\n%s", diff)
	}
}
