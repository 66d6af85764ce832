package storetest_test

import (
	"testing"

	"mfawatch/totp/breakglass/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) { storetest.TestStore(t, &storetest.Memory{}) }
