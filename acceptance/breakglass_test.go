//go:build acceptance

package acceptance

import (
	"fmt"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/breakglass/table"
	ledgertable "mfawatch/totp/ledger/table"
)

// doorTables makes a door's two tables in DynamoDB Local.
func doorTables(t *testing.T) func(t *testing.T) *table.Store {
	c := dynamoDB(t)
	made := 0
	return func(t *testing.T) *table.Store {
		made++
		door, ledger := fmt.Sprint("breakglass-", made), fmt.Sprint("ledger-", made)
		if _, err := c.CreateTable(t.Context(), table.CreateTable(door)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.CreateTable(t.Context(), ledgertable.CreateTable(ledger)); err != nil {
			t.Fatal(err)
		}
		return &table.Store{Client: c, Place: table.Places(door, ledger)}
	}
}

// TestDynamoDBKeepsADoor: AWS's own DynamoDB Local keeps the contract that memory and
// file keep, and the door over it keeps its promises.
func TestDynamoDBKeepsADoor(t *testing.T) {
	tables := doorTables(t)
	started := time.Now()
	storetest.TestStore(t, tables(t))
	t.Logf("the contract took %v", time.Since(started))
	storetest.TestDoor(t, func(t *testing.T) breakglass.Store { return tables(t) }, 2)
}
