// Package enforcetest makes random policies and requests for the tests of
// audit/enforce, and for another judge of policies in acceptance. Only tests import
// it.
//
// It promises that the same seed makes the same questions, that all three answers
// come up often, and that every policy is one that AWS would store.
package enforcetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// Account is the account that everything is in.
const Account = "111122223333"

// Maker makes random policies and requests that have something to do with each
// other: few actions, resources, keys and values. What the two judges are known to
// differ in, acceptance's TestKnownLimits, it does not make.
type Maker struct {
	random    *rand.Rand
	variables bool // in the document being made
	username  bool // the caller has these values
	team      bool
}

func pick[T any](m *Maker, all ...T) T { return all[m.random.IntN(len(all))] }

func (m *Maker) chance(percent int) bool { return m.random.IntN(100) < percent }

// some is one to three of a list.
func (m *Maker) some(of func() string) any {
	n := 1 + m.random.IntN(3)
	if n == 1 && m.chance(50) {
		return of()
	}
	var all []string
	for range n {
		all = append(all, of())
	}
	return all
}

// calls are actions and resources that fit each other.
var calls = []struct{ action, resource string }{
	{"iam:EnableMFADevice", "arn:aws:iam::111122223333:user/ada"},
	{"iam:EnableMFADevice", "arn:aws:iam::111122223333:user/dev/ada"},
	{"iam:EnableMFADevice", "arn:aws:iam::111122223333:user/bob"},
	{"iam:DeactivateMFADevice", "arn:aws:iam::111122223333:user/ada"},
	{"iam:CreateVirtualMFADevice", "arn:aws:iam::111122223333:mfa/ada"},
	{"iam:ListUsers", "*"},
	{"iam:ChangePassword", "arn:aws:iam::111122223333:user/ada"},
	{"ec2:TerminateInstances", "arn:aws:ec2:eu-north-1:111122223333:instance/i-0123456789abcdef0"},
	{"s3:GetObject", "arn:aws:s3:::reports/ada/2026"},
	{"s3:GetObject", "arn:aws:s3:::reports/bob/2026"},
	{"sqs:SendMessage", "arn:aws:sqs:eu-north-1:111122223333:jobs"},
	{"kms:Decrypt", "arn:aws:kms:eu-north-1:111122223333:key/11111111-2222-3333-4444-555555555555"},
	{"sts:AssumeRole", "arn:aws:iam::111122223333:role/admin"},
	{"sts:AssumeRole", "arn:aws:iam::111122223333:role/dev/reader"},
}

func (m *Maker) actionPattern() string {
	return pick(m, "*", "iam:*", "iam:*MFADevice", "IAM:enablemfadevice", "iam:EnableMFADevice", "iam:List*", "iam:?hangePassword", "s3:Get*", "s3:GetObject", "ec2:*Instances", "sqs:*", "kms:Decrypt", "sts:*", "sts:AssumeRole", "iam:DeactivateMFADevice", "iam:CreateVirtualMFADevice")
}

func (m *Maker) resourcePattern() string {
	return pick(m, "*", "*", "arn:aws:iam::111122223333:user/${aws:username}", "arn:aws:iam::*:user/*/${aws:username}", "arn:aws:iam::111122223333:user/*", "arn:aws:iam::111122223333:mfa/*",
		"arn:aws:s3:::reports/${aws:username}/*", "arn:aws:s3:::rep?rts/*/2026", "arn:aws:ec2:*:111122223333:instance/*", "arn:aws:ec2:eu-*:111122223333:instance/i-*", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:role/admin",
		"arn:aws:s3:::reports/${aws:PrincipalTag/team, 'ada'}/*", "arn:aws:iam::111122223333:user/ada", "arn:aws:sqs:*:*:jobs", "arn:aws:kms:*:111122223333:key/*")
}

// known is a text again and again until it has no variable that the caller has no
// value for, or, in a document of the older version, none at all.
func (m *Maker) known(make func() string) func() string {
	return func() string {
		for {
			text := make()
			if strings.Contains(text, "${") && !m.variables || strings.Contains(text, "${aws:username}") && !m.username || strings.Contains(text, "${aws:PrincipalTag/team}") && !m.team {
				continue
			}
			return text
		}
	}
}

// plain is the same where a missing value makes no difference to either judge.
func (m *Maker) plain(make func() string) func() string {
	if m.variables {
		return make
	}
	return m.known(make)
}

// condition is an operator, a key and its values.
func (m *Maker) condition() (operator, key string, values any) {
	ifExists := pick(m, "", "", "IfExists")
	switch m.random.IntN(10) {
	case 0, 1, 2:
		return "Bool" + ifExists, pick(m, "aws:MultiFactorAuthPresent", "aws:multifactorauthpresent", "aws:ViaAWSService", "aws:SecureTransport"), pick(m, "true", "false")
	case 3:
		return "Null", pick(m, "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:username", "aws:PrincipalTag/team"), pick(m, "true", "false")
	case 4:
		return pick(m, "NumericLessThan", "NumericGreaterThan", "NumericLessThanEquals", "NumericGreaterThanEquals", "NumericEquals", "NumericNotEquals") + ifExists, "aws:MultiFactorAuthAge", strconv.Itoa(pick(m, 0, 60, 900, 3600))
	case 5:
		return pick(m, "IpAddress", "NotIpAddress") + ifExists, "aws:SourceIp", m.some(func() string { return pick(m, "192.0.2.0/24", "192.0.2.7", "198.51.100.0/24", "2001:db8::/32") })
	case 6:
		return pick(m, "ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals") + ifExists, "aws:PrincipalArn", m.some(m.known(func() string {
			return pick(m, "arn:aws:iam::*:user/*", "arn:*:iam::*:user/*", "arn:aws:iam::111122223333:user/ada", "arn:aws:iam::111122223333:role/*", "arn:aws:iam::111122223333:user/${aws:username}")
		}))
	case 7:
		set := pick(m, "ForAllValues:", "ForAnyValue:")
		if set == "ForAnyValue:" {
			ifExists = "" // AWS does not say what the two come to without the key
		}
		return set + pick(m, "StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase") + ifExists, "aws:CalledVia", m.some(func() string {
			return pick(m, "cloudformation.amazonaws.com", "athena.amazonaws.com", "*.amazonaws.com")
		})
	case 8:
		return pick(m, "DateGreaterThan", "DateLessThan", "DateGreaterThanEquals", "DateLessThanEquals") + ifExists, "aws:CurrentTime", pick(m, "2026-11-20T08:00:00Z", "2026-12-01T00:00:00Z", "2020-01-01T00:00:00Z")
	}
	return pick(m, "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase") + ifExists,
		pick(m, "aws:username", "aws:PrincipalType", "aws:PrincipalTag/team", "aws:RequestedRegion", "aws:userid"),
		m.some(m.known(func() string {
			return pick(m, "ada", "ADA", "a*", "User", "red", "${aws:username}", "${aws:PrincipalTag/team}", "eu-*", "eu-north-1", "?da")
		}))
}

func (m *Maker) statement(allow int, principals bool) map[string]any {
	s := map[string]any{"Effect": "Deny"}
	if m.chance(allow) {
		s["Effect"] = "Allow"
	}
	s[pick(m, "Action", "Action", "Action", "NotAction")] = m.some(m.actionPattern)
	if !principals {
		if m.chance(75) {
			s["Resource"] = m.some(m.plain(m.resourcePattern))
		} else {
			s["NotResource"] = m.some(m.known(m.resourcePattern))
		}
	} else {
		delete(s, "NotAction")
		s["Action"] = pick[any](m, "sts:AssumeRole", "*", "kms:*", []string{"sts:AssumeRole", "kms:Decrypt", "sqs:SendMessage"})
		s["Principal"] = m.trusted()
		s["Resource"] = "*"
	}
	conditions := map[string]map[string]any{}
	for range pick(m, 0, 0, 1, 1, 2) {
		operator, key, values := m.condition()
		if conditions[operator] == nil {
			conditions[operator] = map[string]any{}
		}
		conditions[operator][key] = values
	}
	if len(conditions) > 0 {
		s["Condition"] = conditions
	}
	return s
}

func (m *Maker) trusted() any {
	return pick[any](m, map[string]any{"AWS": "arn:aws:iam::111122223333:root"}, map[string]any{"AWS": "arn:aws:iam::111122223333:user/ada"}, map[string]any{"AWS": []string{"111122223333", "arn:aws:iam::444455556666:root"}},
		map[string]any{"AWS": "arn:aws:iam::111122223333:role/ci"}, map[string]any{"Service": "ec2.amazonaws.com"}, map[string]any{"AWS": "arn:aws:iam::111122223333:user/bob"})
}

func (m *Maker) policy(allow int, principals bool) json.RawMessage {
	d := map[string]any{"Version": "2012-10-17"}
	if m.variables = principals || m.chance(95); !m.variables {
		d["Version"] = "2008-10-17"
	}
	var all []any
	for range 1 + m.random.IntN(3) {
		all = append(all, m.statement(allow, principals))
	}
	return document(d["Version"], all...)
}

func document(version any, statements ...any) json.RawMessage {
	text, err := json.Marshal(map[string]any{"Version": version, "Statement": statements})
	if err != nil {
		panic(err)
	}
	return text
}

// Everything is a policy that allows everything.
const Everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// Text is a policy by name.
type Text struct {
	Name   string
	Policy json.RawMessage
}

// Question is a request with its policies, read and as texts.
type Question struct {
	Request  enforce.Request
	Policies enforce.Policies

	Identity   []Text
	SCPs, RCPs [][]Text
	Boundary   json.RawMessage
	Session    json.RawMessage
	Resource   json.RawMessage
}

// New makes questions from a seed.
func New(seed uint64) *Maker { return &Maker{random: rand.New(rand.NewPCG(seed, 5))} }

// Question is the next question.
func (m *Maker) Question() Question {
	call := calls[m.random.IntN(len(calls))]
	caller := m.caller()
	m.username, m.team = caller.Kind == audit.IAMUser, caller.Tags != nil
	q := Question{Request: caller.Request(m.base(), call.action, call.resource)}
	m.policies(&q, call.action == "sts:AssumeRole")
	return q
}

func (m *Maker) caller() enforce.Caller {
	c := enforce.Caller{
		Partition: "aws", Account: Account, Kind: audit.IAMUser, Path: pick(m, "/", "/dev/"), Name: "ada", ID: "AIDAEXAMPLEADA", TagsKnown: true, OwnDevice: enforce.No,
		Credential: pick(m, enforce.AccessKey, enforce.PasswordNoMFA, enforce.WithMFA), MFAAge: time.Duration(pick(m, 1, 60, 899, 901, 40000)) * time.Second,
	}
	if m.chance(30) {
		c.Kind, c.Name, c.Session, c.ID, c.Path, c.Credential = audit.Role, "ci", "run-7", "AROAEXAMPLECI", "/", enforce.RoleCredentials
	}
	if m.chance(50) {
		c.Tags = map[string]string{"team": pick(m, "red", "ada", "*")}
	}
	return c
}

func (m *Maker) base() enforce.Context {
	base := enforce.NewContext().With("aws:SourceIp", pick(m, "192.0.2.7", "203.0.113.9")).With("aws:SecureTransport", "true").With("aws:CurrentTime", "2026-11-25T12:00:00Z").With("aws:RequestedRegion", "eu-north-1")
	switch {
	case m.chance(20):
		return base.With("aws:ViaAWSService", "true").With("aws:CalledVia", "cloudformation.amazonaws.com")
	case m.chance(15):
		return base.With("aws:CalledVia", "cloudformation.amazonaws.com", "athena.amazonaws.com")
	}
	return base
}

// Keys are the condition keys that requests have, for another evaluator to be asked with.
func Keys() []string {
	return []string{"aws:PrincipalAccount", "aws:PrincipalType", "aws:PrincipalArn", "aws:username", "aws:userid", "aws:PrincipalTag/team", "aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge", "aws:ViaAWSService", "aws:CalledVia", "aws:SourceIp", "aws:SecureTransport", "aws:CurrentTime", "aws:RequestedRegion"}
}

// policies gives a question its policies, in every layer now and then.
func (m *Maker) policies(q *Question, trust bool) {
	if m.chance(70) {
		q.Allow(Everything)
	}
	for range 1 + m.random.IntN(2) {
		q.Allow(string(m.policy(50, false)))
	}
	q.SCPs, q.Policies.SCPs = m.controls("scp", 30)
	q.RCPs, q.Policies.RCPs = m.controls("rcp", 15)
	if m.chance(25) {
		q.Boundary = m.policy(70, false)
		q.Policies.Boundary = parsed("boundary", q.Boundary)
	}
	if q.Request.Principal.Kind == audit.Role && m.chance(30) {
		q.Session = m.policy(70, false)
		q.Policies.Session = parsed("session", q.Session)
	}
	if trust || strings.HasPrefix(q.Request.Action, "kms:") || strings.HasPrefix(q.Request.Action, "sqs:") && m.chance(50) {
		q.Resource = m.policy(75, true)
		q.Policies.Resource = parsed("resource", q.Resource)
	}
}

// Allow adds an identity policy.
func (q *Question) Allow(text string) {
	t := Text{fmt.Sprint("identity-", len(q.Identity)), json.RawMessage(text)}
	q.Identity = append(q.Identity, t)
	q.Policies.Identity = append(q.Policies.Identity, *parsed(t.Name, t.Policy))
}

// rcp is a resource control policy: it only denies, names everybody, and is about
// services that have such policies.
func (m *Maker) rcp() json.RawMessage {
	m.variables = true
	s := m.statement(0, false)
	delete(s, "NotAction")
	s["Action"], s["Principal"] = m.some(func() string {
		return pick(m, "s3:*", "s3:GetObject", "sts:AssumeRole", "sts:*", "sqs:*", "kms:Decrypt")
	}), "*"
	return document("2012-10-17", s)
}

// controls are control policies of one or two levels.
func (m *Maker) controls(kind string, percent int) (texts [][]Text, documents [][]enforce.Document) {
	if !m.chance(percent) {
		return nil, nil
	}
	for level := range 1 + m.random.IntN(2) {
		policies := []json.RawMessage{m.policy(40, false)}
		if kind == "rcp" {
			policies = []json.RawMessage{m.rcp()}
		} else if m.chance(80) {
			policies = append(policies, json.RawMessage(Everything))
		}
		var named []Text
		var read []enforce.Document
		for i, p := range policies {
			t := Text{fmt.Sprint(kind, "-", level, "-", i), p}
			named, read = append(named, t), append(read, *parsed(t.Name, p))
		}
		texts, documents = append(texts, named), append(documents, read)
	}
	return texts, documents
}

func parsed(name string, text json.RawMessage) *enforce.Document {
	d, err := enforce.Parse(name, string(text))
	if err != nil {
		panic(err)
	}
	return &d
}
