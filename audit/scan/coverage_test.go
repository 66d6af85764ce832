package scan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCoverage(t *testing.T) {
	at := func(hour, minute int) time.Time { return time.Date(2026, 11, 20, hour, minute, 0, 0, time.UTC) }
	c := newCoverage()
	var s Summary
	if c.tell(&s); len(s.Accounts) != 0 || !s.RecordsFirst.IsZero() {
		t.Errorf("of nothing: %+v", s)
	}
	for _, name := range []string{
		"AWSLogs/1/111122223333_CloudTrail_eu-north-1_20261120T0815Z_AbCd.json.gz", "s3://b/p/444455556666_CloudTrail_us-gov-west-1_20261120T0700Z_x.json",
		"999988887777_CloudTrail-Digest_eu-north-1_t_20261120T0100Z.json.gz", "999988887777_CloudTrail_eu-north-1_20269999T0100Z_x", "999988887777_CloudTrail_eu-north-1_20261120T0100Z_dir/x",
	} {
		c.file(name)
	}
	c.see("222233334444", "eu-north-1", at(9, 30))
	c.see("", "", at(8, 0))
	c.see("333344445555", "", time.Time{})
	c.tell(&s)
	got := []any{s.Accounts, s.RecordsFirst, s.RecordsLast}
	want := []any{[]string{"111122223333", "222233334444", "333344445555", "444455556666"}, at(7, 0), at(9, 30)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
