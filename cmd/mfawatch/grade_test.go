package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mfawatch/totp/breakglass"
)

func TestSealedGrade(t *testing.T) {
	for to, want := range map[string]breakglass.Grade{
		"":                                     breakglass.Software,
		"passphrase":                           breakglass.Software,
		"x25519 age1abc":                       breakglass.Software,
		"another recipient":                    breakglass.Software,
		"kms arn:aws:kms:eu-north-1:1:key/1":   breakglass.Sealed,
		"plugin age1yubikey1abc":               breakglass.Sealed,
		"kms arn,plugin age1yubikey1abc":       breakglass.Sealed,
		"kms arn,x25519 age1abc":               breakglass.Software,
		"plugin age1yubikey1abc,hybrid age1pq": breakglass.Software,
	} {
		list := strings.Split(to, ",")
		if to == "" {
			list = nil
		}
		if got := sealedGrade(list); got != want {
			t.Errorf("sealed to %q: %v, want %v", to, got, want)
		}
	}
}

// The page prints the scale, from worst to best, in the words of the rules.
func TestPagePrintsTheScale(t *testing.T) {
	page, err := os.ReadFile("../../docs/mfa-devices.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\|").FindAllSubmatch(page, -1) {
		got = append(got, string(m[1]))
	}
	for g := breakglass.Software; g <= breakglass.TouchPassword; g++ {
		want = append(want, g.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("docs/mfa-devices.md has the grades %v, want %v", got, want)
	}
}
