package alert_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/alert"
	"mfawatch/audit/signin"
)

const consoleLogin = `{"eventVersion":"1.08","eventTime":"2026-11-20T08:14:03Z","eventID":"2b1d0a3c-0000-4000-8000-000000000001","eventName":"ConsoleLogin",
 "userIdentity":{"type":"IAMUser","userName":"ada","accessKeyId":"","sessionContext":{"attributes":{"mfaAuthenticated":"false"},"secret":"S1"},"inScopeOf":{"x":"S2"}},
 "responseElements":{"ConsoleLogin":"Success","credentials":{"sessionToken":"S3"},"SwitchRole":"S4"},
 "additionalEventData":{"LoginTo":"https://console.aws.amazon.com/?S5","MFAUsed":"No","MobileVersion":"No"},
 "requestParameters":{"password":"S6","userName":["S7"],"policyDocument":"S8"},"readOnly":false,"tlsDetails":{"x":"S9"},"new":"S10","resources":[{"ARN":"S11"}]}`

func TestEvidenceIsAnAllowList(t *testing.T) {
	got := string(alert.EvidenceOf(ofVerdict(), []byte(consoleLogin)))
	want := `{"account":"111122223333","detail":"","events":["2b1d0a3c-0000-4000-8000-000000000001"],"id":"111122223333#2b1d0a3c-0000-4000-8000-000000000001","kind":"sign_in",` +
		`"mfa":{"device":"","factor":"unknown","used":"no"},"outcome":"fail","principal":{"arn":"arn:aws:iam::111122223333:user/ada","id":"AIDAEXAMPLE","kind":"iam_user","name":"ada"},"reason":"no-mfa",` +
		`"records":[{"additionalEventData":{"MFAUsed":"No","MobileVersion":"No"},"eventID":"2b1d0a3c-0000-4000-8000-000000000001","eventName":"ConsoleLogin","eventTime":"2026-11-20T08:14:03Z","eventVersion":"1.08",` +
		`"readOnly":false,"requestParameters":{},"responseElements":{"ConsoleLogin":"Success"},"userIdentity":{"accessKeyId":"","sessionContext":{"attributes":{"mfaAuthenticated":"false"}},"type":"IAMUser","userName":"ada"}}],` +
		`"region":"eu-north-1","schema":"mfawatch/evidence/v1","severity":"high","time":"2026-11-20T08:14:03Z"}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("EvidenceOf (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11"} {
		if strings.Contains(got, `"`+secret) || strings.Contains(got, "?"+secret) {
			t.Errorf("%s is kept", secret)
		}
	}
}

// The same record in another order, with other white space, from another source
// and under another account name is the same evidence.
func TestEvidenceIsTheSameFromEverySource(t *testing.T) {
	a, b := ofVerdict(), alert.OfVerdict(verdict(func(v *signin.Verdict) { v.Origin, v.Seen = "file", 2 }), nil)
	b.Evidence = "s3://x"
	one := string(alert.EvidenceOf(a, []byte(`{"eventID":"e","readOnly":false,"userIdentity":{"type":"Root","arn":"a"}}`)))
	for _, other := range []string{
		`{ "userIdentity" : {"arn":"a","type":"Root"}, "readOnly":false,"eventID":"e" }`,
		`"{\"eventID\":\"e\",\"readOnly\":false,\"userIdentity\":{\"type\":\"Root\",\"arn\":\"a\"}}"`,
		`{"eventID":"e","readOnly":false,"userIdentity":"{\"type\":\"Root\",\"arn\":\"a\"}"}`,
	} {
		if got := string(alert.EvidenceOf(b, []byte(other))); got != one {
			t.Errorf("%s gives %s, want %s", other, got, one)
		}
	}
}

func TestEvidenceOfWhatCannotBeRead(t *testing.T) {
	for _, record := range []string{"", "x", "[]", "null", `"x"`, "5", "{"} {
		got := string(alert.EvidenceOf(ofVerdict(), []byte(record)))
		if !strings.Contains(got, `"records":[]`) && !strings.Contains(got, `"records":[{}]`) || !strings.Contains(got, `"reason":"no-mfa"`) {
			t.Errorf("record %q: %s, want the judgement alone", record, got)
		}
	}
	big := `{"userAgent":"` + strings.Repeat("x", 1<<20) + `"}`
	if n := len(alert.EvidenceOf(ofVerdict(), []byte(big))); n > 16<<10 {
		t.Errorf("evidence of a big record has %d bytes", n)
	}
}

func TestEvidenceKey(t *testing.T) {
	for _, c := range []struct {
		a    alert.Alert
		want string
	}{
		{ofVerdict(), "evidence/111122223333/2026/11/20/2b1d0a3c-0000-4000-8000-000000000001.no-mfa.json"},
		{ofVerdict(func(v *signin.Verdict) { v.Time = time.Time{} }), "evidence/111122223333/undated/2b1d0a3c-0000-4000-8000-000000000001.no-mfa.json"},
		{alert.OfDetection(detection("trail-stopped", ada, 0), nil), "evidence/111122223333/2026/11/20/last-event.trail-stopped.json"},
	} {
		if got := c.a.EvidenceKey(); got != c.want {
			t.Errorf("EvidenceKey() = %s, want %s", got, c.want)
		}
	}
	if key := ofVerdict(id("../../x")).EvidenceKey(); strings.Contains(key, "..") {
		t.Errorf("key %s leaves its folder", key)
	}
}
