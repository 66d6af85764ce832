//go:build acceptance

package acceptance

import (
	"testing"

	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/ledger/table"
)

// TestDynamoDBKeepsALedger: AWS's own DynamoDB Local keeps the contract that the file
// keeps, with many callers at once.
func TestDynamoDBKeepsALedger(t *testing.T) {
	c := dynamoDB(t)
	if _, err := c.CreateTable(t.Context(), table.CreateTable("ledger")); err != nil {
		t.Fatal(err)
	}
	ledgertest.TestStore(t, &table.Store{Client: c, Table: "ledger"})
}
