package signin

import (
	"testing"

	"mfawatch/audit"
)

// Inside the package, since not every reason can be met by root in a record:
// the promise about root holds for every reason all the same.

func TestWeighHoldsRootForEveryReason(t *testing.T) {
	no, yes, info, critical := false, true, audit.Info, audit.Critical
	for _, d := range Definitions() {
		for _, kind := range []audit.PrincipalKind{"", audit.Root} {
			silence := Rules{SignIn: []Override{{d.Reason, kind, &no, &info}}}
			if s, a := silence.weigh(d, audit.Root); s != d.Root.Severity || a != d.Root.Alert {
				t.Errorf("%s for root, silenced by %q: %s, alert %v, want %s, %v", d.Reason, kind, s, a, d.Root.Severity, d.Root.Alert)
			}
			raise := Rules{SignIn: []Override{{d.Reason, kind, &yes, &critical}}}
			if s, a := raise.weigh(d, audit.Root); s != audit.Critical || !a {
				t.Errorf("%s for root, raised by %q: %s, alert %v, want critical with alert", d.Reason, kind, s, a)
			}
		}
	}
}

func TestWeighFollowsRulesForEveryOtherKind(t *testing.T) {
	low := audit.Low
	for _, d := range Definitions() {
		alert := !d.Alert
		for _, kind := range audit.PrincipalKinds() {
			if kind == audit.Root {
				continue
			}
			if s, a := (Rules{}).weigh(d, kind); s != d.Severity || a != d.Alert {
				t.Errorf("%s for %s without rules: %s, alert %v, want %s, %v", d.Reason, kind, s, a, d.Severity, d.Alert)
			}
			rules := Rules{SignIn: []Override{{d.Reason, kind, &alert, nil}, {d.Reason, "", nil, &low}, {d.Reason, audit.Root, &d.Alert, nil}}}
			if s, a := rules.weigh(d, kind); s != low || a != alert {
				t.Errorf("%s for %s by rules: %s, alert %v, want low, %v", d.Reason, kind, s, a, alert)
			}
		}
	}
}
