package fakeaws_test

import (
	"context"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/fakeaws"
)

const (
	management = "111122223333"
	member     = "444455556666"
)

func config(srv *fakeaws.Server, key string) aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: srv.Client(), Credentials: credentials.NewStaticCredentialsProvider(key, "secret", "token"),
		Retryer: func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) },
	}
}

// code is the code of AWS's answer.
func code(err error) string {
	var answer smithy.APIError
	if err == nil || !errors.As(err, &answer) {
		return ""
	}
	return answer.ErrorCode()
}

func company() (*fakeaws.Server, *fakeaws.Account, *fakeaws.Account) {
	m, a := fakeaws.NewAccount(management), fakeaws.NewAccount(member)
	srv := fakeaws.New(m, a)
	srv.Organization = fakeaws.NewOrganization(management)
	srv.Organization.Member(member, "workload")
	return srv, m, a
}

// The report as live accounts write it.
func TestCredentialReport(t *testing.T) {
	a := fakeaws.NewAccount(management)
	a.User("Zoe").Password = true
	a.User("ada, \"the\" first").Devices = []fakeaws.Device{fakeaws.Token("X")}
	a.User("bob").Keys = []fakeaws.Key{a.Key()}
	text := a.CredentialReport()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || strings.HasSuffix(text, "\n") {
		t.Fatalf("%s, error %v", text, err)
	}
	var names, active []string
	for _, row := range rows {
		if len(row) != 22 {
			t.Errorf("%q has %d cells, want 22", row, len(row))
		}
		names, active = append(names, row[0]), append(active, row[3]+" "+row[7]+" "+row[8])
	}
	if diff := cmp.Diff([]string{"user", "<root_account>", `ada, "the" first`, "bob", "Zoe"}, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"password_enabled mfa_active access_key_1_active", "false false false", "false true false", "false false true", "true false false"}, active); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
}

// A report is what the account was when it was made, for four hours.
func TestReportIsStale(t *testing.T) {
	a := fakeaws.NewAccount(management)
	srv := fakeaws.New(a)
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	srv.Now = func() time.Time { return now }
	c := iam.NewFromConfig(config(srv, a.AccessKey()))
	get := func() (string, string) {
		out, err := c.GetCredentialReport(context.Background(), &iam.GetCredentialReportInput{})
		if err != nil {
			return "", code(err)
		}
		return string(out.Content), out.GeneratedTime.Format(time.TimeOnly)
	}
	if _, err := get(); err != "ReportNotPresent" {
		t.Errorf("before a report: %s", err)
	}
	a.Report.Polls = 2
	for i, want := range []string{"STARTED", "INPROGRESS", "COMPLETE", "COMPLETE"} {
		out, err := c.GenerateCredentialReport(context.Background(), &iam.GenerateCredentialReportInput{})
		if err != nil || string(out.State) != want {
			t.Errorf("call %d: %v, error %v, want %s", i, out, err, want)
		}
	}
	a.User("new")
	now = now.Add(4*time.Hour - 1)
	if text, made := get(); strings.Contains(text, "new") || made != "12:00:00" {
		t.Errorf("made %s: %s", made, text)
	}
	now = now.Add(1)
	if _, err := get(); err != "ReportExpired" {
		t.Errorf("after four hours: %s", err)
	}
}

func TestAssumeRole(t *testing.T) {
	srv, m, a := company()
	role := a.Role("audit")
	role.ExternalID = "right"
	c := sts.NewFromConfig(config(srv, m.AccessKey()))
	ask := func(arn, external string) (*sts.AssumeRoleOutput, error) {
		return c.AssumeRole(context.Background(), &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: aws.String("s"), ExternalId: &external, DurationSeconds: aws.Int32(900)})
	}
	arn := "arn:aws:iam::444455556666:role/audit"
	for arn, external := range map[string]string{arn: "wrong", arn + "x": "right"} {
		if _, err := ask(arn, external); code(err) != "AccessDenied" {
			t.Errorf("%s with external id %s: error %v", arn, external, err)
		}
	}
	out, err := ask(arn, "right")
	if err != nil {
		t.Fatal(err)
	}
	who := sts.NewFromConfig(config(srv, *out.Credentials.AccessKeyId))
	identity, err := who.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if err != nil || *identity.Account != member || *identity.Arn != "arn:aws:sts::444455556666:assumed-role/audit/s" {
		t.Errorf("identity %v, error %v", identity, err)
	}
	ended := out.Credentials.Expiration.Add(time.Second)
	srv.Now = func() time.Time { return ended }
	if _, err := who.GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{}); code(err) != "ExpiredToken" {
		t.Errorf("after the session's end: error %v", err)
	}
	if got := srv.CountsOf(member)["sts:GetCallerIdentity"]; got != 2 || len(srv.Sessions()) != 1 {
		t.Errorf("%d calls of the member, sessions %v", got, srv.Sessions())
	}
}

func TestAssumeRoot(t *testing.T) {
	srv, m, a := company()
	a.Root.Devices, a.Root.Password, a.Root.Keys = []fakeaws.Device{fakeaws.Token("ROOT1")}, true, []fakeaws.Key{a.Key()}
	in := &sts.AssumeRootInput{TargetPrincipal: aws.String(member), TaskPolicyArn: &ststypes.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")}}
	c := sts.NewFromConfig(config(srv, m.AccessKey()))
	if _, err := c.AssumeRoot(context.Background(), in); code(err) != "AccessDenied" {
		t.Errorf("without RootCredentialsManagement: error %v", err)
	}
	srv.Organization.Features = []string{"RootCredentialsManagement"}
	global := sts.NewFromConfig(config(srv, m.AccessKey()), func(o *sts.Options) { o.BaseEndpoint = aws.String("https://sts.amazonaws.com") })
	if _, err := global.AssumeRoot(context.Background(), in); code(err) != "InvalidAction" {
		t.Errorf("at the global endpoint: error %v", err)
	}
	if _, err := sts.NewFromConfig(config(srv, a.AccessKey())).AssumeRoot(context.Background(), in); code(err) != "AccessDenied" {
		t.Errorf("by the member itself: error %v", err)
	}
	out, err := c.AssumeRoot(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	root := iam.NewFromConfig(config(srv, *out.Credentials.AccessKeyId))
	devices, err := root.ListMFADevices(context.Background(), &iam.ListMFADevicesInput{})
	if err != nil || len(devices.MFADevices) != 1 || *devices.MFADevices[0].SerialNumber != "ROOT1" {
		t.Errorf("root's devices %v, error %v", devices, err)
	}
	profile, err := root.GetLoginProfile(context.Background(), &iam.GetLoginProfileInput{})
	if err != nil || profile.LoginProfile.CreateDate == nil {
		t.Errorf("root's password %v, error %v", profile, err)
	}
	keys, err := root.ListAccessKeys(context.Background(), &iam.ListAccessKeysInput{})
	if err != nil || len(keys.AccessKeyMetadata) != 1 {
		t.Errorf("root's keys %v, error %v", keys, err)
	}
	if _, err := root.ListUsers(context.Background(), &iam.ListUsersInput{}); code(err) != "AccessDenied" {
		t.Errorf("what the task policy does not leave: error %v", err)
	}
}

func TestOrganizationPages(t *testing.T) {
	srv, m, a := company()
	for _, name := range []string{"a", "b", "c"} {
		srv.Organization.Member("00000000000"+name, name).Status = "SUSPENDED"
	}
	srv.PageSize = 2
	c := organizations.NewFromConfig(config(srv, m.AccessKey()))
	var names []string
	for p := organizations.NewListAccountsPaginator(c, &organizations.ListAccountsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, account := range page.Accounts {
			names = append(names, *account.Name+" "+string(account.Status))
		}
	}
	if diff := cmp.Diff([]string{"management ACTIVE", "workload ACTIVE", "a SUSPENDED", "b SUSPENDED", "c SUSPENDED"}, names); diff != "" || srv.Counts()["organizations:ListAccounts"] != 3 {
		t.Errorf("accounts (-want +got):\n%s", diff)
	}
	if _, err := organizations.NewFromConfig(config(srv, a.AccessKey())).ListAccounts(context.Background(), &organizations.ListAccountsInput{}); code(err) != "AccessDeniedException" {
		t.Errorf("a member lists the accounts: error %v", err)
	}
	srv.Organization = nil
	if _, err := c.DescribeOrganization(context.Background(), &organizations.DescribeOrganizationInput{}); code(err) != "AWSOrganizationsNotInUseException" {
		t.Errorf("without an organisation: error %v", err)
	}
}

// A program that has a URL only finds the same server there.
func TestStart(t *testing.T) {
	a := fakeaws.NewAccount(management)
	a.User("ada")
	srv := fakeaws.New(a)
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	cfg := config(srv, a.AccessKey())
	cfg.HTTPClient, cfg.BaseEndpoint = nil, &url
	out, err := iam.NewFromConfig(cfg).ListUsers(context.Background(), &iam.ListUsersInput{})
	if err != nil || len(out.Users) != 1 || srv.Counts()["iam:ListUsers"] != 1 {
		t.Errorf("users %v, error %v, calls %v", out, err, srv.Counts())
	}
}

func TestWhoIsRefused(t *testing.T) {
	a := fakeaws.NewAccount(management)
	srv := fakeaws.New(a)
	ask := func(key string) string {
		_, err := iam.NewFromConfig(config(srv, key)).GetAccountSummary(context.Background(), &iam.GetAccountSummaryInput{})
		return code(err)
	}
	if got := ask("AKIAUNKNOWN"); got != "InvalidClientTokenId" {
		t.Errorf("an unknown key: %q", got)
	}
	srv.Fault(fakeaws.Throttled("iam:GetAccountSummary", 1))
	if got := ask(a.AccessKey()) + " " + ask(a.AccessKey()); got != "Throttling " {
		t.Errorf("throttled once: %q", got)
	}
	srv.Expire(management)
	if got := ask(a.AccessKey()); got != "ExpiredToken" {
		t.Errorf("expired: %q", got)
	}
	srv.Renew(management)
	if got := ask(a.AccessKey()); got != "" || srv.Counts()["iam:GetAccountSummary"] != 5 {
		t.Errorf("renewed: %q, calls %v", got, srv.Counts())
	}
}
