package fakeaws

import (
	"fmt"
	"strings"
	"time"
)

// Account is one account's state.
type Account struct {
	ID        string
	Partition string // NewAccount: aws
	Root      Root
	Users     []*User
	Groups    []*Group
	Policies  []*Policy // customer managed ones, and those of AWS that are attached
	Roles     []*Role
	// Unassigned are the serial numbers of virtual devices that nobody uses.
	Unassigned []string
	// Summary stands in for counted numbers of GetAccountSummary.
	Summary map[string]int
	Report  Report

	made   int
	stored *storedReport
	tokens map[string]*token // by serial number: what makes codes, also of devices that were deleted
	checks map[string]checked
}

// Root is the account's root user.
type Root struct {
	NoRow    bool // the report has no row of root, as is seen of emulators
	Created  time.Time
	Password bool
	Devices  []Device
	Keys     []Key
}

// Report is how credential reports of the account come about.
type Report struct {
	// Polls is how many times GenerateCredentialReport answers STARTED or
	// INPROGRESS before COMPLETE.
	Polls int
	// Never is a report that is never complete.
	Never bool
	// Refuse are codes that GetCredentialReport answers first, one each call:
	// ReportNotPresent, ReportInProgress, ReportExpired.
	Refuse []string
	// Undated leaves the time out of GetCredentialReport's answer.
	Undated bool
	// Cell changes the cells of users' rows.
	Cell func(column, text string) string
}

// User is an IAM user.
type User struct {
	Name, Path, ID string
	Created        time.Time
	Tags           map[string]string
	Groups         []string
	Attached       []string // ARNs of managed policies
	Inline         map[string]string
	Boundary       string
	Password       bool
	PasswordMade   time.Time
	PasswordUsed   time.Time
	ResetRequired  bool
	Devices        []Device
	Keys           []Key
	// Unmodifiable is a user who was deleted and made again a moment ago.
	Unmodifiable bool
}

// Device is an assigned second factor.
type Device struct {
	Serial         string
	Enabled        time.Time
	Certifications map[string]string // of a FIDO device
}

// Key is an access key.
type Key struct {
	ID       string
	Inactive bool
	Created  time.Time
	Used     time.Time
}

// Group is an IAM group.
type Group struct {
	Name, Path, ID string
	Attached       []string
	Inline         map[string]string
}

// Policy is a managed policy. Superseded is the document of an older version,
// written before the default one.
type Policy struct {
	ARN        string
	Document   string
	Superseded string
}

// Role is an IAM role. AssumeRole asks for the external id where there is one.
type Role struct {
	Name, Path, ID string
	Trust          string
	ExternalID     string
	MaxSession     int
	RequireMFA     bool // the trust policy asks for a second factor
	Attached       []string
	Inline         map[string]string
	Boundary       string
}

// epoch is when things were made whose time a test does not say.
func epoch() time.Time { return time.Date(2024, 3, 1, 9, 0, 0, 0, time.UTC) }

// NewAccount is an account with a root user and nobody else.
func NewAccount(id string) *Account {
	return &Account{ID: id, Partition: "aws", Root: Root{Created: epoch()}}
}

// AccessKey is the access key id of the account's auditor.
func (a *Account) AccessKey() string { return "AKIAAUDIT" + a.ID }

func (a *Account) arn(resource string) string {
	return "arn:" + a.Partition + ":iam::" + a.ID + ":" + resource
}

// next numbers what is made: ids are unique and never given again.
func (a *Account) next(prefix string) string {
	a.made++
	return fmt.Sprintf("%s%s%08d", prefix, a.ID[max(0, len(a.ID)-4):], a.made)
}

// User adds a user without password, devices and keys.
func (a *Account) User(name string) *User {
	u := &User{Name: name, Path: "/", ID: a.next("AIDA"), Created: epoch()}
	a.Users = append(a.Users, u)
	return u
}

// Delete removes a user.
func (a *Account) Delete(name string) {
	for i, u := range a.Users {
		if u.Name == name {
			a.Users = append(a.Users[:i:i], a.Users[i+1:]...)
			return
		}
	}
}

// Group adds a group.
func (a *Account) Group(name string) *Group {
	g := &Group{Name: name, Path: "/", ID: a.next("AGPA")}
	a.Groups = append(a.Groups, g)
	return g
}

// Role adds a role that anybody may assume.
func (a *Account) Role(name string) *Role {
	r := &Role{Name: name, Path: "/", ID: a.next("AROA"), Trust: `{"Version":"2012-10-17","Statement":[]}`, MaxSession: 3600}
	a.Roles = append(a.Roles, r)
	return r
}

// Policy adds a customer managed policy and returns its ARN.
func (a *Account) Policy(name, document string) string {
	arn := a.arn("policy/" + name)
	a.Policies = append(a.Policies, &Policy{ARN: arn, Document: document})
	return arn
}

// Virtual is a virtual MFA device of this account.
func (a *Account) Virtual(name string) Device {
	return Device{Serial: a.arn("mfa/" + name), Enabled: epoch().Add(time.Hour)}
}

// FIDO is a security key of a user of this account; without certifications
// perhaps a passkey.
func (a *Account) FIDO(user, name string, certifications map[string]string) Device {
	return Device{Serial: a.arn("u2f/user/" + user + "/" + name + "-ABCDEFGHIJKLMNOPQRSTUVWXYZ"), Enabled: epoch().Add(time.Hour), Certifications: certifications}
}

// Token is a hardware TOTP token.
func Token(number string) Device {
	return Device{Serial: number, Enabled: epoch().Add(time.Hour)}
}

// Key makes an active access key.
func (a *Account) Key() Key { return Key{ID: a.next("AKIA"), Created: epoch()} }

// ARN is the user's ARN in an account.
func (a *Account) ARN(u *User) string { return a.arn("user" + u.Path + u.Name) }

func (a *Account) find(name string) *User {
	for _, u := range a.Users {
		if u.Name == name {
			return u
		}
	}
	return nil
}

// virtual tells a virtual device by its serial number.
func (d Device) virtual() bool { return strings.Contains(d.Serial, ":mfa/") }

// fido tells a security key by its serial number.
func (d Device) fido() bool { return strings.Contains(d.Serial, ":u2f/") }
