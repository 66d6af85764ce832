package report

import (
	"time"

	"mfawatch/audit/posture"
)

// The schemas of an audit in JSON: of one account, and of an organisation.
const (
	AuditSchema        = "mfawatch/audit/v1"
	OrganizationSchema = "mfawatch/audit-organization/v1"
)

// Audit is what is reported of accounts: one, or those of an organisation.
type Audit struct {
	Organization string // its id; empty for a single account
	Accounts     []posture.Account
}

// TakenAt is when the last account was read.
func (a Audit) TakenAt() time.Time {
	var last time.Time
	for _, account := range a.Accounts {
		if account.TakenAt.After(last) {
			last = account.TakenAt
		}
	}
	return last
}

// Summary counts over all accounts.
func (a Audit) Summary() posture.Summary {
	total := posture.NewSummary()
	for _, account := range a.Accounts {
		total.Add(account.Summary)
	}
	return total
}
