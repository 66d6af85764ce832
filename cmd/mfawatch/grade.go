package main

import (
	"strings"

	"mfawatch/totp/breakglass"
)

// sealedGrade is how codes are made of a key that is sealed on this machine: by what
// opens it. A passphrase and an age identity open it here, so the seed is as good as on
// this disk; KMS and the plugins of age ask somebody else, by rules of their own. What is
// not known is taken for the worse.
func sealedGrade(sealedTo []string) breakglass.Grade {
	for _, to := range sealedTo {
		kind, _, _ := strings.Cut(to, " ")
		if kind != "kms" && kind != "plugin" {
			return breakglass.Software
		}
	}
	if len(sealedTo) == 0 {
		return breakglass.Software
	}
	return breakglass.Sealed
}
