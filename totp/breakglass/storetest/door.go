package storetest

import (
	"testing"

	"mfawatch/totp/breakglass"
)

// TestDoor plays
func TestDoor(t *testing.T, store func(*testing.T) breakglass.Store, rounds int) {}
