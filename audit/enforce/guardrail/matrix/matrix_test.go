package matrix

import (
	"testing"

	"mfawatch/audit/enforce"
)

// Every row comes out as it was written by hand.
func TestMatrix(t *testing.T) {
	rows, err := Rows()
	if err != nil {
		t.Fatal(err)
	}
	answers := map[enforce.Answer]int{}
	for _, r := range rows {
		got := enforce.Evaluate(r.Request, r.Policies())
		answers[got.Answer]++
		if got.Answer != r.Want {
			t.Errorf("%s\n\tis %v, want %v (%s)\n\t%+v", r.Name, got.Answer, r.Want, r.Why, got.Because)
		}
	}
	t.Logf("%d rows: %d allowed, %d denied, %d implicitly denied, %d unknown", len(rows),
		answers[enforce.Allowed], answers[enforce.ExplicitlyDenied], answers[enforce.ImplicitlyDenied], answers[enforce.Unknown])
}
