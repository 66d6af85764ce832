package validation

import (
	"fmt"
	"strings"

	"mfawatch/totp"
)

// Status is what a server says of a request. Each but OK is an error too:
// errors.Is(err, validation.ReplayedOTP).
type Status string

// All there are.
const (
	OK                  Status = "OK"
	BadOTP              Status = "BAD_OTP"
	ReplayedOTP         Status = "REPLAYED_OTP"
	BadSignature        Status = "BAD_SIGNATURE"
	MissingParameter    Status = "MISSING_PARAMETER"
	NoSuchClient        Status = "NO_SUCH_CLIENT"
	OperationNotAllowed Status = "OPERATION_NOT_ALLOWED"
	BackendError        Status = "BACKEND_ERROR"
	NotEnoughAnswers    Status = "NOT_ENOUGH_ANSWERS"
	ReplayedRequest     Status = "REPLAYED_REQUEST"
)

// fixes say what each means and what to do.
var fixes = map[Status]string{
	BadOTP:              "the server knows no key that made this OTP, or the key is switched off there: touch the key again, and if it stays so register it with the server",
	ReplayedOTP:         "the OTP was used, or one after it: touch the key again; if nobody used it, somebody saw it",
	BadSignature:        "the server has another API key for this client id: check both",
	MissingParameter:    "the server misses a parameter of the request: check that its address is one of protocol 2.0",
	NoSuchClient:        "the server does not know the client id: check it, and that it is this server's",
	OperationNotAllowed: "the server does not let this client id verify OTPs: ask who runs it",
	BackendError:        "the server has a fault of its own: try again later with a new touch",
	NotEnoughAnswers:    "too few of the server's peers answered it in time: touch the key and try again, or ask for a lower sync level",
	ReplayedRequest:     "the server says that it had this request before, and did not say what it answered then: touch the key again",
}

func (s Status) Error() string { return string(s) }

// Fix says what a refusal means and what to do; "" of OK and what is none of the
// protocol's.
func (s Status) Fix() string { return fixes[s] }

// isStatus tells whether a text could be a status, also one that is not known here. It
// cannot hold an OTP.
func isStatus(text string) bool {
	return text != "" && len(text) <= 40 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == ""
}

// StatusError is a server's refusal.
type StatusError struct {
	Status Status
	Server string
	Signed bool // it has the right signature, OTP and nonce; without, anybody on the way may have said it
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s: %v: %s", e.Server, e.Status, e.Status.Fix())
	if e.Status.Fix() == "" {
		text = fmt.Sprintf("%s: it answered %v, which is none of protocol 2.0's: check the server's address", e.Server, e.Status)
	}
	if !e.Signed {
		text += " (said without a right signature)"
	}
	return text
}

// Unwrap gives the status, and the word for it that the other checkers of codes have.
func (e *StatusError) Unwrap() []error {
	switch e.Status {
	case BadOTP:
		return []error{e.Status, totp.ErrNoMatch}
	case ReplayedOTP:
		return []error{e.Status, totp.ErrReplayed}
	}
	return []error{e.Status}
}

// decides tells whether other servers need not be waited for. What a server may say
// because it, or its peers, had this very request from another, or because it has a
// fault, decides nothing.
func (e *StatusError) decides() bool {
	switch e.Status {
	case BackendError, NotEnoughAnswers, ReplayedRequest:
		return false
	}
	return e.Signed
}

// Untrusted is an answer that is not believed.
type Untrusted struct {
	Server string
	Why    string
}

func (e *Untrusted) Error() string {
	return fmt.Sprintf("%s: its answer is not believed: %s", e.Server, e.Why)
}

// undecided is what all servers said where none decided.
type undecided []error

func (u undecided) Unwrap() []error { return u }

func (u undecided) Error() string {
	texts := make([]string, len(u))
	for i, err := range u {
		texts[i] = err.Error()
	}
	return "no server decided: " + strings.Join(texts, "; ")
}
