package corpus

import (
	"fmt"
	"strings"
)

// account is one AWS account and the things in it.
type account struct {
	id    string
	users []user
	roles []user
	pools map[string][]string // by the kind's name
}

// user is an IAM user or a role: a name and an immutable id.
type user struct{ name, id string }

func regions() []string {
	return []string{"us-east-1", "us-east-1", "us-east-1", "us-west-2", "us-west-2", "eu-north-1", "us-east-2", "eu-west-1", "eu-central-1", "ap-southeast-2"}
}

// makeAccounts invents the accounts. The first ids are those of AWS's examples.
func makeAccounts(s Spec) []*account {
	r := random{seed(s.Seed, 2)}
	accounts := make([]*account, s.Accounts)
	for i := range accounts {
		a := &account{id: fmt.Sprintf("11112222%04d", (3333+i*1111)%10000), pools: map[string][]string{}}
		a.users = people(r)
		a.roles = cast(r, roleNames(), "AROA")
		for _, kind := range poolKinds() {
			a.pools[kind.name] = kind.fill(r, a)
		}
		accounts[i] = a
	}
	return accounts
}

func people(r random) []user {
	return cast(r, []string{
		"ada", "grace", "alan", "edsger", "barbara", "ken", "dennis", "margaret", "radia", "katherine", "donald", "tony",
	}, "AIDA")
}

func cast(r random, names []string, prefix string) []user {
	var us []user
	for _, name := range names {
		us = append(us, user{name, string(r.chars([]byte(prefix), base32Set, 17))})
	}
	return us
}

func roleNames() []string {
	var names []string
	for _, team := range words("platform payments search ingest web data mobile") {
		for _, job := range words("deploy-role lambda-exec ecs-task-role node-instance-role ReadOnlyAccess") {
			names = append(names, team+"-"+job)
		}
	}
	return append(names, "AWSServiceRoleForConfig", "AWSServiceRoleForAutoScaling", "OrganizationAccountAccessRole",
		"AWSReservedSSO_AdministratorAccess_0123456789abcdef", "AWSReservedSSO_ViewOnlyAccess_fedcba9876543210")
}

func words(s string) []string { return strings.Fields(s) }

// poolKind is a kind of thing that an account has several of.
type poolKind struct {
	name string
	size int
	form func(r random, a *account) string
}

func (k poolKind) fill(r random, a *account) []string {
	pool := make([]string, k.size)
	for i := range pool {
		pool[i] = k.form(r, a)
	}
	return pool
}

func poolKinds() []poolKind {
	return []poolKind{
		{"bucket", 40, func(r random, a *account) string {
			return name(r, "logs assets backup artifacts raw lake") + "-" + a.id
		}},
		{"name", 80, func(r random, _ *account) string {
			return name(r, "service worker api queue table stream job cluster pipeline")
		}},
		{"fn", 40, func(r random, _ *account) string { return name(r, "handler processor indexer notifier exporter") }},
		{"role", 30, func(r random, a *account) string { return a.roles[r.n(len(a.roles))].name }},
		{"person", 12, func(r random, a *account) string { return a.users[r.n(len(a.users))].name }},
		{"cmk", 12, func(r random, _ *account) string { return string(r.uuid(nil)) }},
		{"instance", 60, func(r random, _ *account) string { return string(r.hex([]byte("i-0"), 16)) }},
		{"vpc", 4, func(r random, _ *account) string { return string(r.hex([]byte("vpc-0"), 16)) }},
		{"subnet", 12, func(r random, _ *account) string { return string(r.hex([]byte("subnet-0"), 16)) }},
		{"sg", 24, func(r random, _ *account) string { return string(r.hex([]byte("sg-0"), 16)) }},
		{"ami", 6, func(r random, _ *account) string { return string(r.hex([]byte("ami-0"), 16)) }},
		{"digest", 20, func(r random, _ *account) string { return string(r.hex([]byte("sha256:"), 64)) }},
	}
}

func name(r random, nouns string) string {
	teams, stages, ns := words("platform payments search ingest web data mobile ledger catalog orders"), words("prod stage dev"), words(nouns)
	return teams[r.n(len(teams))] + "-" + ns[r.n(len(ns))] + "-" + stages[r.n(len(stages))]
}
