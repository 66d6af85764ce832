package pages

import (
	"regexp"
	"strings"
)

// Place says where a line is run.
type Place int

const (
	Here    Place = iota // by make test: cmd/mfawatch, against stand-ins inside the process
	Peers                // Elsewhere says by which test, or why by none: it wants programs beside Go, or AWS's stores
	Nowhere              // Unrun says why
)

var mfawatch = regexp.MustCompile(`(?:^|\(|\|\s)\s*(?:bin/)?mfawatch `)

// store are the commands of mfawatch that write to AWS's stores themselves: they want
// DynamoDB Local, and KMS of moto.
var store = regexp.MustCompile(`mfawatch (?:breakglass (?:enrol|codes new|codes retire) |key reseal --to kms:)`)

// Place is where a line is run.
func (l Line) Place() Place {
	switch {
	case Unrun[l.Text] != "":
		return Nowhere
	case l.Mfawatch() && !store.MatchString(l.Text) && !strings.HasPrefix(l.Text, "diff "):
		return Here
	}
	return Peers
}

// Mfawatch tells that a line runs mfawatch.
func (l Line) Mfawatch() bool { return mfawatch.MatchString(l.Text) }

// Unrun are the lines that no test runs, each with its reason.
var Unrun = map[string]string{
	"mfawatch yubikey otp verify ada --server https://api.yubico.com --client-id 1234 --api-key-file key.txt":          yubico,
	"mfawatch yubikey otp verify cccccccfhcjk --server https://api.yubico.com --client-id 1234 --api-key-file key.txt": yubico,
}

const yubico = "asks Yubico's own servers; TestServeYubico asks ours, TestYkclientAndOurBinary has Yubico's client ask ours"
