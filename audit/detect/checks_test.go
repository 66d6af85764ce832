package detect

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// table is every check by hand: its id, its severity, its severity for root,
// and whether it alerts. Whoever changes a check changes it here too.
var table = []string{
	"mfa-deactivated medium critical alert",
	"mfa-deactivated-for-other high critical alert",
	"mfa-device-deleted low high quiet",
	"mfa-device-created info medium quiet",
	"mfa-enabled low medium quiet",
	"mfa-enabled-for-other medium high alert",
	"mfa-resynced low medium quiet",
	"mfa-resynced-for-other medium high alert",
	"login-profile-created-for-other medium high alert",
	"login-profile-changed-for-other high high alert",
	"root-login-profile-changed high high alert",
	"root-sign-in medium medium alert",
	"root-password-recovery-requested high high alert",
	"root-password-recovery-completed critical critical alert",
	"root-password-updated high high alert",
	"root-email-updated critical critical alert",
	"assume-root high high alert",
	"assume-root-audit low high quiet",
	"trail-stopped critical critical alert",
	"trail-deleted critical critical alert",
	"trail-narrowed high high alert",
	"trail-bucket-set medium high alert",
	"trail-selectors-narrowed high high alert",
	"sign-in-policy-changed high high alert",
	"console-authorization-changed high high alert",
	"portal-device-registered medium high alert",
	"oauth-client-credentials low high quiet",
	"sign-in-after-failures high critical alert",
	"sign-in-after-failures-from-address medium high alert",
	"second-factor-failures medium high alert",
	"second-factor-prompts-abandoned medium high alert",
	"many-users-from-address high high alert",
	"console-link-from-access-key high critical alert",
	"oauth-token-without-console-login medium high alert",
	"sign-in-without-mfa-after-factor-removed critical critical alert",
}

func TestChecksAreTheTable(t *testing.T) {
	var got []string
	for _, c := range Checks() {
		alert := map[bool]string{true: "alert", false: "quiet"}[c.Alert]
		got = append(got, fmt.Sprintf("%s %s %s %s", c.ID, c.Severity, c.Root, alert))
	}
	if diff := cmp.Diff(table, got); diff != "" {
		t.Errorf("Checks() (-want +got):\n%s", diff)
	}
}
