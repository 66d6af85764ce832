package storetest_test

import (
	"testing"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/storetest"
)

func memory(*testing.T) breakglass.Store { return &storetest.Memory{} }

func TestMemoryKeepsTheContract(t *testing.T) { storetest.TestStore(t, &storetest.Memory{}) }

func TestDoorOverMemory(t *testing.T) { storetest.TestDoor(t, memory, 40) }

func TestDoorOverRunsTwice(t *testing.T) {
	storetest.TestDoor(t, func(*testing.T) breakglass.Store { return &storetest.Memory{Twice: true} }, 5)
}

func TestTwentyThousandGuesses(t *testing.T) { storetest.Guesses(t, &storetest.Memory{}, 20_000) }
