package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"mfawatch/totp/breakglass/strict"
)

// The headers that a proof has signed, beside those that AWS wants: the command's
// digest, and the name of the door that it is for.
const (
	CommandHeader = "X-Mfawatch-Command"
	DoorHeader    = "X-Mfawatch-Door"
)

// Proof says who calls: what is particular to a call of STS, GetCallerIdentity, that
// the caller has signed and not made. The door makes all else of that call itself, makes
// it, and hears from AWS who signed. Its host, Region, body and list of signed headers
// are nobody's to choose.
type Proof struct {
	Door      string `json:"door"`            // that it is for, by its name in the rules
	Key       string `json:"key"`             // the access key's id
	At        string `json:"at"`              // when it was signed, as X-Amz-Date says it
	Token     string `json:"token,omitempty"` // the session's; it is a secret
	Signature string `json:"signature"`       // it is a secret for a minute
}

// Format is for everything of fmt.
func (Proof) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[proof]")) }

// What is in a proof goes into headers of HTTP, so that it is what it may be and no more.
var (
	doorForm      = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{1,62}$`)
	keyForm       = regexp.MustCompile(`^[A-Za-z0-9_]{4,128}$`)
	atForm        = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z$`)
	tokenForm     = regexp.MustCompile(`^[!-~]*$`)
	signatureForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

const mostToken = 8 << 10 // AWS names no bound; those that are given have less than 2 KiB

// Check says what of a proof is not as it is written. It shows nothing of it.
func (p Proof) Check() error {
	switch {
	case p == Proof{}:
		return errors.New("there is none: use a mfawatch of the door's version")
	case !doorForm.MatchString(p.Door):
		return errors.New("door: it is no name of a door")
	case !keyForm.MatchString(p.Key):
		return errors.New("key: it is no id of an access key")
	case !atForm.MatchString(p.At):
		return errors.New("at: it is no time as X-Amz-Date has it")
	case !tokenForm.MatchString(p.Token) || len(p.Token) > mostToken:
		return errors.New("token: it is no token of a session")
	case !signatureForm.MatchString(p.Signature):
		return errors.New("signature: it is no signature of version 4")
	}
	return nil
}

// Call is what is sent: a command, in the bytes that the proof is for, and the proof.
type Call struct {
	Command json.RawMessage `json:"command"`
	Proof   Proof           `json:"proof"`
}

// Format is for everything of fmt.
func (Call) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[call]")) }

// Call is the command with its proof to come.
func (c Command) Call() Call { return Call{Command: c.JSON()} }

// Digest is what a proof has signed of the command: SHA-256 of its bytes, in hexadecimal.
func (c Call) Digest() string {
	sum := sha256.Sum256(c.Command)
	return hex.EncodeToString(sum[:])
}

// Signed are the headers that the proof has signed, beside those that AWS wants.
func (c Call) Signed() map[string]string {
	return map[string]string{CommandHeader: c.Digest(), DoorHeader: c.Proof.Door}
}

// JSON is the call as ParseCall reads it. It holds the code and the proof.
func (c Call) JSON() []byte { return written(c) }

// ParseCall reads a call, and its command. That the proof is written as one is Check's to
// say. Errors name the field, and never what it says.
func ParseCall(data []byte) (Call, Command, error) {
	var call Call
	if err := strict.Read(data, &call); err != nil {
		return Call{}, Command{}, err
	}
	if len(call.Command) == 0 || call.Command[0] != '{' {
		return Call{}, Command{}, errors.New("command: the call has none: use a mfawatch of the door's version")
	}
	c, err := ParseCommand(call.Command)
	if err != nil {
		return Call{}, Command{}, err
	}
	return call, c, nil
}
