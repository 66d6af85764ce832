package scan_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/scan"
)

// signInOf is a sign-in without MFA as CloudTrail records it (made up after the user
// guide, console sign-in events).
func signInOf(user, account, region, at string) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::%[2]s:user/%[1]s","accountId":%[2]q,"userName":%[1]q},"eventTime":%[4]q,"eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":%[3]q,"sourceIPAddress":"192.0.2.7","responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"},"eventID":"%[1]s-%[4]s","eventType":"AwsConsoleSignIn","recipientAccountId":%[2]q}`, user, account, region, at)
}

// A filter that leaves nothing says which one it is and what there is instead; where no
// record is of what was asked for, that is said too.
func TestLeftOut(t *testing.T) {
	day := func(hour int) time.Time { return time.Date(2026, 11, 20, hour, 0, 0, 0, time.UTC) }
	logs := map[string]string{
		"a.json": `{"Records":[` + signInOf("ada", "111122223333", "eu-north-1", "2026-11-20T08:00:00Z") + "," +
			signInOf("grace", "444455556666", "us-east-1", "2026-11-20T10:00:00Z") + "," +
			signInOf("HIDDEN_DUE_TO_SECURITY_REASONS", "444455556666", "us-east-1", "2026-11-20T10:01:00Z") + `]}`,
		// No sign-in, and no record that is parsed: its name says whose it is.
		"777788889999_CloudTrail_eu-west-1_20261120T1200Z_AbCd.json": `{"Records":[{"eventSource":"s3.amazonaws.com","eventName":"GetObject","eventTime":"2026-11-20T11:58:00Z","awsRegion":"eu-west-1","recipientAccountId":"777788889999"}]}`,
	}
	none := []string{}
	users := []string{"ada", "grace"}
	accounts := []string{"111122223333", "444455556666"}
	regions := []string{"eu-north-1", "us-east-1"}
	for name, c := range map[string]struct {
		o    scan.Options
		want *scan.LeftOut
	}{
		"no filter":            {scan.Options{}, nil},
		"one that fits":        {scan.Options{Filter: scan.Filter{User: "ada"}}, nil},
		"a user misspelt":      {scan.Options{Filter: scan.Filter{User: "adda"}}, &scan.LeftOut{By: []string{"user"}, Users: users, Accounts: none, Regions: none}},
		"another's account":    {scan.Options{Filter: scan.Filter{Account: "999988887777"}}, &scan.LeftOut{By: []string{"account"}, NoRecords: true, Asked: []string{"account"}, Users: none, Accounts: accounts, Regions: none}},
		"a quiet account":      {scan.Options{Filter: scan.Filter{Account: "777788889999"}}, &scan.LeftOut{By: []string{"account"}, Asked: []string{"account"}, Users: none, Accounts: accounts, Regions: none}},
		"a Region misspelt":    {scan.Options{Regions: []string{"eu-nrth-1"}}, &scan.LeftOut{By: []string{"region"}, NoRecords: true, Asked: []string{"region"}, Users: none, Accounts: none, Regions: regions}},
		"a quiet Region":       {scan.Options{Regions: []string{"eu-west-1"}}, &scan.LeftOut{By: []string{"region"}, Asked: []string{"region"}, Users: none, Accounts: none, Regions: regions}},
		"after all records":    {scan.Options{Filter: scan.Filter{Since: day(13)}}, &scan.LeftOut{By: []string{"since"}, NoRecords: true, Asked: []string{"since"}, Users: none, Accounts: none, Regions: none, First: day(8), Last: day(10).Add(time.Minute)}},
		"before all records":   {scan.Options{Filter: scan.Filter{Until: day(8)}}, &scan.LeftOut{By: []string{"until"}, NoRecords: true, Asked: []string{"until"}, Users: none, Accounts: none, Regions: none, First: day(8), Last: day(10).Add(time.Minute)}},
		"a quiet hour":         {scan.Options{Filter: scan.Filter{Since: day(9), Until: day(10)}}, &scan.LeftOut{By: []string{"since", "until"}, Asked: []string{"since", "until"}, Users: none, Accounts: none, Regions: none, First: day(8), Last: day(10).Add(time.Minute)}},
		"a quiet evening":      {scan.Options{Filter: scan.Filter{Since: day(11)}}, &scan.LeftOut{By: []string{"since"}, Asked: []string{"since"}, Users: none, Accounts: none, Regions: none, First: day(8), Last: day(10).Add(time.Minute)}},
		"hers, elsewhere":      {scan.Options{Filter: scan.Filter{User: "ada", Account: "444455556666"}}, &scan.LeftOut{By: []string{"account", "user"}, Asked: []string{"account"}, Users: users, Accounts: accounts, Regions: none}},
		"an account elsewhere": {scan.Options{Filter: scan.Filter{Account: "111122223333"}, Regions: []string{"us-east-1"}}, &scan.LeftOut{By: []string{"account", "region"}, NoRecords: true, Asked: []string{"account", "region"}, Users: none, Accounts: accounts, Regions: regions}},
	} {
		var sources []scan.Source
		for file, text := range logs {
			sources = append(sources, scan.Source{Name: file, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }})
		}
		got := scan.Run(context.Background(), sources, c.o).Summary.LeftOut
		if c.want != nil {
			c.want.SignIns = 3
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	// Of records that are not looked into, an unnamed file does not tell whose they are.
	quiet := `{"Records":[{"eventSource":"s3.amazonaws.com","eventName":"GetObject"}]}`
	source := []scan.Source{{Name: "x.json", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(quiet)), nil }}}
	if l := scan.Run(context.Background(), source, scan.Options{Filter: scan.Filter{Account: "111122223333"}}).Summary.LeftOut; l == nil || l.SignIns != 0 || !l.NoRecords {
		t.Errorf("nothing is known of the only record: %+v", l)
	}
	if l := scan.Run(context.Background(), source, scan.Options{Filter: scan.Filter{User: "ada"}}).Summary.LeftOut; l != nil {
		t.Errorf("no sign-in, whoever is asked for: %+v", l)
	}
}
