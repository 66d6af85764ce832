package collect

import "slices"

// Accounts are the accounts that the scan read records of.
func (c Changes) Accounts() []string { return slices.Clone(c.accounts) }
