package main

import (
	"fmt"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce/reach"
)

// mostForUsers is how long the analysis of 5,000 users may take: processor time, which
// is more than the time that passes.
const mostForUsers = 10 * time.Second

// enforcement prints what it costs to ask what the users of a large account can do
// without a second factor.
func enforcement() error {
	few, many := largeAccount(1250), largeAccount(5000)
	hold := func(u *audit.User) reach.Holds { return holdings[u.ID[len(u.ID)-1]] }
	var tookFew, took time.Duration
	var report reach.Report
	for range 3 { // the best: the machine may be busy
		took1, err := cpu(func() error { reach.Analyse(&few, hold); return nil })
		if err != nil {
			return err
		}
		took2, err := cpu(func() error { report = reach.Analyse(&many, hold); return nil })
		if err != nil {
			return err
		}
		tookFew, took = best(tookFew, took1), best(took, took2)
	}
	asked := 0
	for _, u := range report.Users {
		for _, s := range u.Sessions {
			asked += s.Denied + len(s.Open)
		}
	}
	fmt.Printf("enforcement: %d users, %d roles, %d policies, %d answers\n", len(many.Users.Value), len(many.Roles.Value), len(many.Policies.Value), asked)
	fmt.Printf("  mfawatch enforce  %.2f s of processor time  %.1f times a quarter of the users  %s\n\n", took.Seconds(), took.Seconds()/tookFew.Seconds(), held(took < mostForUsers, "at most %.0f s", mostForUsers.Seconds()))
	return nil
}

func best(before, now time.Duration) time.Duration {
	if before == 0 {
		return now
	}
	return min(before, now)
}

// holdings are who has what, by the last character of the id.
var holdings = map[byte]reach.Holds{
	'0': {Password: reach.Yes, AccessKey: reach.Yes, Device: reach.Yes},
	'1': {Password: reach.Yes, AccessKey: reach.No, Device: reach.Yes},
	'2': {Password: reach.Yes, AccessKey: reach.No, Device: reach.No},
	'3': {Password: reach.No, AccessKey: reach.Yes, Device: reach.No},
	'4': {Password: reach.Yes, AccessKey: reach.Yes, Device: reach.No},
	'5': {Password: reach.No, AccessKey: reach.Yes, Device: reach.No},
	'6': {Password: reach.Yes, AccessKey: reach.Yes, Device: reach.Yes},
	'7': {Password: reach.Yes, AccessKey: reach.Unknown, Device: reach.Unknown},
	'8': {Password: reach.No, AccessKey: reach.No, Device: reach.No},
	'9': {Password: reach.Yes, AccessKey: reach.Yes, Device: reach.Yes},
}

const (
	benchAccount = "111122223333"
	benchARN     = "arn:aws:iam::" + benchAccount + ":"
)

// largeAccount invents an account of many users: 40 groups, 200 policies, 300 roles, a
// guard for nine users in ten, boundaries and inline policies for some.
func largeAccount(users int) audit.Snapshot {
	at := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	s := audit.Snapshot{Schema: audit.SnapshotSchema, Account: benchAccount, Partition: "aws", TakenAt: at}
	s.Organization = &audit.Read[audit.OrganizationFeatures]{At: at, Value: audit.OrganizationFeatures{OrganizationID: "o-exampleorg1"}}
	s.SCPs = &audit.Read[[]audit.SCP]{At: at, Value: controlPolicies()}
	s.Policies = &audit.Read[[]audit.ManagedPolicy]{At: at, Value: managedPolicies(200)}
	s.Groups = &audit.Read[[]audit.Group]{At: at, Value: groups(40)}
	s.Roles = &audit.Read[[]audit.RoleTrust]{At: at, Value: trusts(300)}
	var all []audit.User
	for i := range users {
		all = append(all, invented(i, at))
	}
	s.Users = &audit.Read[[]audit.User]{At: at, Value: all}
	return s
}

func invented(i int, at time.Time) audit.User {
	name, path := fmt.Sprintf("user-%05d", i), []string{"/", "/people/", "/robots/"}[i%3]
	access := audit.Access{Groups: []string{fmt.Sprintf("group-%02d", i%40), fmt.Sprintf("group-%02d", i*7%40)}, Attached: []string{fmt.Sprintf("%spolicy/team-%03d", benchARN, i%199)}}
	if i%10 != 0 {
		access.Groups = append(access.Groups, "guarded")
	}
	if i%4 == 0 { // of his own, as inline policies are
		access.Inline = []audit.InlinePolicy{{Name: "own", Document: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::home-%05d/*"},{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::home-%05d"}]}`, i, i)}}
	}
	if i%20 == 0 {
		access.Boundary = benchARN + "policy/limit"
	}
	return audit.User{
		ID: fmt.Sprintf("AIDAEXAMPLE%05d", i), Name: name, Path: path, ARN: benchARN + "user" + path + name,
		Tags:   &audit.Read[map[string]string]{At: at, Value: map[string]string{"team": fmt.Sprintf("team-%02d", i%40)}},
		Access: &audit.Read[audit.Access]{At: at, Value: access},
	}
}

func controlPolicies() []audit.SCP {
	const all = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	return []audit.SCP{
		{ID: "p-1", Name: "FullAWSAccess", Target: "r-root", Document: all}, {ID: "p-1", Name: "FullAWSAccess", Target: "ou-root-unit", Document: all},
		{ID: "p-1", Name: "FullAWSAccess", Target: benchAccount, Document: all},
		{ID: "p-2", Name: "Regions", Target: "ou-root-unit", Document: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":["iam:*","sts:*","organizations:*","support:*"],"Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-north-1","us-east-1"]}}}}`},
	}
}

func groups(n int) []audit.Group {
	all := []audit.Group{{Name: "guarded", ARN: benchARN + "group/guarded", Attached: []string{benchARN + "policy/guard"}}}
	for i := range n {
		g := audit.Group{Name: fmt.Sprintf("group-%02d", i), ARN: fmt.Sprintf("%sgroup/group-%02d", benchARN, i)}
		for j := range 4 {
			g.Attached = append(g.Attached, fmt.Sprintf("%spolicy/team-%03d", benchARN, (i*5+j)%199))
		}
		if i%10 == 0 {
			g.Attached = append(g.Attached, "arn:aws:iam::aws:policy/AdministratorAccess")
		}
		all = append(all, g)
	}
	return all
}

func managedPolicies(n int) []audit.ManagedPolicy {
	all := []audit.ManagedPolicy{
		{ARN: benchARN + "policy/limit", Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","NotAction":["organizations:*","account:*"],"Resource":"*"},{"Effect":"Deny","Action":"iam:DeleteUserPermissionsBoundary","Resource":"*"}]}`},
		{ARN: benchARN + "policy/guard", Document: benchGuard},
	}
	services := []string{"s3", "ec2", "dynamodb", "lambda", "sqs", "sns", "kms", "rds", "ecs", "logs", "ssm", "glue"}
	for i := range n - 1 {
		var statements []string
		for j := range 5 {
			service := services[(i+j)%len(services)]
			statements = append(statements, fmt.Sprintf(`{"Sid":"S%d","Effect":"Allow","Action":["%s:Get*","%s:List*","%s:Describe*","%s:Put%d"],"Resource":["arn:aws:%s:*:%s:team-%03d/*","arn:aws:%s:*:%s:team-%03d"]}`,
				j, service, service, service, service, i, service, benchAccount, i, service, benchAccount, i))
		}
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"%srole/role-%03d","Condition":{"StringEquals":{"aws:PrincipalTag/team":"team-%02d"}}}`, benchARN, i, i%40))
		all = append(all, audit.ManagedPolicy{ARN: fmt.Sprintf("%spolicy/team-%03d", benchARN, i), Document: `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`})
	}
	return all
}

func trusts(n int) []audit.RoleTrust {
	principals := []string{`{"Service":"lambda.amazonaws.com"}`, `{"Service":"ec2.amazonaws.com"}`, `{"AWS":"arn:aws:iam::` + benchAccount + `:root"}`, `{"AWS":"arn:aws:iam::444455556666:root"}`, `{"AWS":"` + benchARN + `role/role-002"}`}
	var all []audit.RoleTrust
	for i := range n {
		r := audit.RoleTrust{ID: fmt.Sprintf("AROAEXAMPLE%03d", i), Name: fmt.Sprintf("role-%03d", i), ARN: fmt.Sprintf("%srole/role-%03d", benchARN, i), Attached: []string{fmt.Sprintf("%spolicy/team-%03d", benchARN, i%199)}}
		r.Trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principals[i%len(principals)] + `,"Action":"sts:AssumeRole"}]}`
		if i%30 == 2 {
			r.Attached = append(r.Attached, "arn:aws:iam::aws:policy/AdministratorAccess")
		}
		all = append(all, r)
	}
	return all
}

// benchGuard asks for a second factor, as guards are written.
const benchGuard = `{"Version":"2012-10-17","Statement":[
{"Effect":"Allow","Action":["iam:EnableMFADevice","iam:ResyncMFADevice","iam:ListMFADevices","iam:GetUser"],"Resource":["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:user/*/${aws:username}"]},
{"Effect":"Allow","Action":"iam:CreateVirtualMFADevice","Resource":"arn:aws:iam::*:mfa/*"},
{"Effect":"Deny","NotAction":["iam:CreateVirtualMFADevice","iam:EnableMFADevice","iam:ResyncMFADevice","iam:GetMFADevice","iam:ListMFADevices","iam:ListVirtualMFADevices","iam:GetUser","sts:GetSessionToken","sts:GetCallerIdentity"],"Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false","aws:ViaAWSService":"false"}}},
{"Effect":"Deny","Action":["iam:EnableMFADevice","iam:ResyncMFADevice"],"NotResource":["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:user/*/${aws:username}"],"Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}`
