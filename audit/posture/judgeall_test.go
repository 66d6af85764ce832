package posture_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// An id that is nobody's may be of the account whose users nobody listed, though
// no gap says why; so may what looks like a device's ARN and is none.
func TestJudgeAllAsksWhereUsersWereNotListed(t *testing.T) {
	listed := small()
	unlisted := audit.Snapshot{Schema: audit.SnapshotSchema, Account: "111122223330", Partition: "aws", TakenAt: listed.TakenAt}
	rules := posture.Rules{BreakGlass: []string{"AIDANEVER"}}
	for _, id := range []string{"arn:aws:iam::111122223333:mfa/x", "arn:aws", "arn:aws:iam::111122223333", "x:aws:iam::111122223333:mfa/x"} {
		rules.Exemptions = append(rules.Exemptions, exemption(id, "user-any-mfa"))
	}
	var got strings.Builder
	for _, j := range posture.JudgeAll([]audit.Snapshot{listed, unlisted}, rules) {
		for _, f := range j.Findings {
			if f.Check == "exemption-unknown" || f.Check == "break-glass-user" {
				fmt.Fprintln(&got, j.Account, f.Check, f.Outcome, f.Subject.ID)
			}
		}
	}
	want := `111122223333 exemption-unknown unknown arn:aws:iam::111122223333:mfa/x#user-any-mfa
111122223333 break-glass-user not_applicable 111122223333
111122223330 exemption-unknown unknown arn:aws#user-any-mfa
111122223330 exemption-unknown unknown arn:aws:iam::111122223333#user-any-mfa
111122223330 exemption-unknown unknown x:aws:iam::111122223333:mfa/x#user-any-mfa
111122223330 break-glass-user unknown AIDANEVER
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("who is asked (-want +got):\n%s", diff)
	}
}
