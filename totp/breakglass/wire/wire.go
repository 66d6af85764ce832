// Package wire is what the emergency door's function and who calls it say to each
// other: the JSON of a call, which is the body of a POST to the function's URL and is a
// command with the proof of who sends it, and of its answer.
//
// It promises to read back what it writes, and nothing of a command that says a thing
// twice, or more than the command has a use for. Nothing that prints a command shows
// the code in it, or the proof. It knows neither AWS nor the door's rules.
//
// A proof is of one command, for one door, and for a minute before and after the time
// that it names, by AWS's clock. Who sees one can send the same command again in that
// time, and no other: they need sight of a call inside TLS, and either its own signature,
// which AWS takes for longer, or leave to invoke the function directly. The door does a
// request once with one proof, and what else changes something ten times: a code is used
// by then, so that what is left is nine refusals in its sender's name, of the thirty that
// they have a minute, and to see what they were shown.
package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"mfawatch/totp/breakglass/strict"
)

// Name says what is asked for.
type Name string

// The commands.
const (
	Request Name = "request" // role, why, ticket, seconds, drill, alone, recipient
	Approve Name = "approve" // request, device, code
	Use     Name = "use"     // request, device, code
	End     Name = "end"     // request
	Revoke  Name = "revoke"  // request, device, code
	Unlock  Name = "unlock"  // target, device, code
	Look    Name = "look"    // request
	Open    Name = "open"    //
	Log     Name = "log"     // from, most
	Head    Name = "head"    //
)

// fields are what a command may say, by name; an asterisk marks what it has to.
var fields = map[Name][]string{
	Request: {"role*", "why*", "ticket", "seconds*", "drill", "alone", "recipient*"},
	Approve: {"request*", "device*", "code*"},
	Use:     {"request*", "device*", "code*"},
	End:     {"request*"},
	Revoke:  {"request*", "device*", "code*"},
	Unlock:  {"target*", "device*", "code*"},
	Look:    {"request*"},
	Open:    {},
	Log:     {"from*", "most"},
	Head:    {},
}

// Names are the commands.
func Names() []Name {
	return []Name{Request, Approve, Use, End, Revoke, Unlock, Look, Open, Log, Head}
}

// Code is a code of a device. Only JSON shows it.
type Code string

// Format is for everything of fmt.
func (Code) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[code]")) }

// Command is one command. What it has no use for is left out.
type Command struct {
	Command Name `json:"command"`

	// The request that it is about, by its id.
	Request string `json:"request,omitempty"`
	// What proves that the person is there. The code of a key of TOTP or HOTP may be
	// two, with a space between them.
	Device string `json:"device,omitempty"`
	Code   Code   `json:"code,omitempty"`
	// The device to unlock.
	Target string `json:"target,omitempty"`

	Role      string `json:"role,omitempty"`
	Why       string `json:"why,omitempty"`
	Ticket    string `json:"ticket,omitempty"`
	Seconds   int    `json:"seconds,omitempty"` // that credentials last
	Drill     bool   `json:"drill,omitempty"`
	Alone     bool   `json:"alone,omitempty"`
	Recipient string `json:"recipient,omitempty"` // age1…, made for this request

	// The first entry of the record that is wanted, from 1, and how many, up to 50.
	From int64 `json:"from,omitempty"`
	Most int   `json:"most,omitempty"`
}

// ParseCommand reads a command. Its errors name the field, and never what it says.
func ParseCommand(data []byte) (Command, error) {
	var c Command
	if err := strict.Read(data, &c); err != nil {
		return Command{}, err
	}
	if err := c.Check(); err != nil {
		return Command{}, err
	}
	return c, nil
}

// Check says what is missing of a command, or too much.
func (c Command) Check() error {
	wanted, known := fields[c.Command]
	if !known {
		return fmt.Errorf("command: it is none of %v", Names())
	}
	var wrong []error
	for _, f := range c.said() {
		switch {
		case f.said && !slices.Contains(wanted, f.name) && !slices.Contains(wanted, f.name+"*"):
			wrong = append(wrong, fmt.Errorf("%s: %s has no use for it", f.name, c.Command))
		case !f.said && slices.Contains(wanted, f.name+"*"):
			wrong = append(wrong, fmt.Errorf("%s: %s wants it", f.name, c.Command))
		}
	}
	if c.Seconds < 0 || c.From < 0 || c.Most < 0 {
		wrong = append(wrong, errors.New("seconds, from, most: none is below zero"))
	}
	return errors.Join(wrong...)
}

type saying struct {
	name string
	said bool
}

func (c Command) said() []saying {
	return []saying{
		{"request", c.Request != ""}, {"device", c.Device != ""}, {"code", c.Code != ""}, {"target", c.Target != ""},
		{"role", c.Role != ""}, {"why", c.Why != ""}, {"ticket", c.Ticket != ""}, {"seconds", c.Seconds != 0}, {"drill", c.Drill},
		{"alone", c.Alone}, {"recipient", c.Recipient != ""}, {"from", c.From != 0}, {"most", c.Most != 0},
	}
}

// JSON is the command as ParseCommand reads it. It holds the code.
func (c Command) JSON() []byte { return written(c) }

func written(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers, times and lists of them can be written
	}
	return text
}

// Answer is what comes back. One of Refused and Failed is there where the door did not
// do it; else what the command has to tell.
type Answer struct {
	// The door's no. It is in the record, but for a look at a request that is not there.
	// Status 403.
	Refused *Refused `json:"refused,omitempty"`
	// Something was not there that the door needs. Status 400, 403, 405, 413 or 5xx.
	Failed *Failed `json:"failed,omitempty"`

	Request  *Asked  `json:"request,omitempty"`  // of request, approve, look
	Requests []Asked `json:"requests,omitempty"` // of open
	Grant    *Grant  `json:"grant,omitempty"`    // of use
	Unlocked bool    `json:"unlocked,omitempty"` // of unlock: a first person's yes alone unlocks nothing

	Lines []string `json:"lines,omitempty"` // of log: entries as they are kept, without newline
	Head  string   `json:"head,omitempty"`  // of head: the newest signed head, as it is kept, if there is one
	Key   string   `json:"key,omitempty"`   // of head: the Ed25519 key that signs heads, base64
}

// Refused is a refusal. Reasons are those of totp/breakglass.
type Refused struct {
	Reason string     `json:"reason"`
	Text   string     `json:"text"`
	Until  *time.Time `json:"until,omitempty"` // when to try again
}

// Reason says what failed.
type Reason string

// The reasons of failures.
const (
	BadCommand     Reason = "bad-command"     // it cannot be read; nothing happened
	NoCaller       Reason = "no-caller"       // AWS did not say who calls, or it is no IAM user
	CallerUnproved Reason = "caller-unproved" // AWS does not confirm who calls, or the call came before; nothing happened
	ProofUnchecked Reason = "proof-unchecked" // AWS could not be asked who calls; nothing happened: try again, then the offline way
	StoreDown      Reason = "store-down"      // rows could not be read or written: try again, then the offline way
	NotIssued      Reason = "not-issued"      // AWS gave no credentials: use again within the minute, with the same request
	NotRecorded    Reason = "not-recorded"    // credentials could not be recorded, so they are not handed out: use again within the minute
	Broken         Reason = "broken"          // the function has a fault, or no time left: try again, then the offline way
)

// Failed is a failure.
type Failed struct {
	Reason Reason `json:"reason"`
	Text   string `json:"text"`
}

// Asked is a request as it stands.
type Asked struct {
	ID        string     `json:"id"`
	Person    string     `json:"person"`
	Role      string     `json:"role"`
	Why       string     `json:"why"`
	Ticket    string     `json:"ticket,omitempty"`
	Seconds   int        `json:"seconds"`
	Drill     bool       `json:"drill,omitempty"`
	Alone     bool       `json:"alone,omitempty"`
	State     string     `json:"state"` // of totp/breakglass: waiting, ready, granted, active, …
	Approvers []string   `json:"approvers,omitempty"`
	Asked     time.Time  `json:"asked"`
	From      *time.Time `json:"from,omitempty"` // when it can be used, if it has to cool off
	Ends      time.Time  `json:"ends"`           // when its stage, or its credentials, end
}

// Grant is an open door. Of a drill there are no credentials.
type Grant struct {
	Request     string    `json:"request"`
	Role        string    `json:"role,omitempty"` // its ARN
	Session     string    `json:"session"`
	Until       time.Time `json:"until"`
	Drill       bool      `json:"drill,omitempty"`
	Credentials string    `json:"credentials,omitempty"` // armored age, to the request's recipient; in it is Credentials' JSON
}

// JSON is the answer as ParseAnswer reads it.
func (a Answer) JSON() []byte { return written(a) }

// ParseAnswer reads an answer. Fields of newer doors are not looked at.
func ParseAnswer(data []byte) (Answer, error) {
	var a Answer
	if err := json.Unmarshal(data, &a); err != nil {
		return Answer{}, errors.New("the answer is not the door's: look at the URL and at who may call it")
	}
	return a, nil
}

// Credentials are what is encrypted in a grant, as credential_process of the AWS CLI and
// the SDKs reads them. Only JSON shows them.
type Credentials struct {
	Version         int
	AccessKeyId     string // AWS writes it so
	SecretAccessKey string
	SessionToken    string
	Expiration      time.Time
}

// Format is for everything of fmt.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[credentials]")) }

// JSON are the credentials as ParseCredentials reads them.
func (c Credentials) JSON() []byte {
	c.Version = 1
	return written(c)
}

// ParseCredentials reads decrypted credentials.
func ParseCredentials(data []byte) (Credentials, error) {
	var c Credentials
	if err := json.Unmarshal(data, &c); err != nil || c.Version != 1 || c.AccessKeyId == "" || c.SecretAccessKey == "" || c.SessionToken == "" {
		return Credentials{}, errors.New("what was decrypted are no credentials of the door")
	}
	return c, nil
}
