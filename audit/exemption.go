package audit

import (
	"slices"
	"time"
)

// Exemption is a failure that somebody accepted: whose (by immutable id, the
// account's number for root, a role's id, a virtual device's serial number), who answers for it, why, and until when. There is
// none for ever.
type Exemption struct {
	ID      string    `json:"id"`
	Owner   string    `json:"owner"`
	Reason  string    `json:"reason"`
	Ticket  string    `json:"ticket,omitempty"`
	Expires time.Time `json:"expires"`
	Checks  []string  `json:"checks,omitempty"` // the checks it is for; none named: all

	// Accounts are those that whoever granted it may speak for: whose it is in
	// another account is not exempt. None named: any.
	Accounts []string `json:"accounts,omitempty"`
}

// Expired tells whether the exemption has ended at a time. One without an end
// has ended.
func (e Exemption) Expired(at time.Time) bool { return !at.Before(e.Expires) }

// In tells whether the exemption may speak for an account.
func (e Exemption) In(account string) bool {
	return len(e.Accounts) == 0 || slices.Contains(e.Accounts, account)
}

// Covers tells whether the exemption is for this subject and check.
func (e Exemption) Covers(id, check string) bool {
	return id != "" && e.ID == id && (len(e.Checks) == 0 || slices.Contains(e.Checks, check))
}
