package breakglass

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Reason is why somebody was refused, as they are told. Reasons are an interface and
// never change meaning.
type Reason string

// The reasons. One stands for an unknown principal, an unknown device, another's
// device, a wrong code and a used one: who guesses learns nothing.
const (
	NotAccepted     Reason = "not-accepted"
	NotAllowed      Reason = "not-allowed"
	BadRequest      Reason = "bad-request"
	Malformed       Reason = "malformed-code"
	Wait            Reason = "wait"
	Locked          Reason = "locked"
	WeakDevice      Reason = "weak-device"
	Unavailable     Reason = "device-unavailable"
	TooSlow         Reason = "too-slow"
	NoSuchRequest   Reason = "no-such-request"
	NoSuchDevice    Reason = "no-such-device"
	OwnRequest      Reason = "own-request"
	OthersRequest   Reason = "others-request"
	NotApprover     Reason = "not-an-approver"
	ApprovedAlready Reason = "approved-already"
	NotApproved     Reason = "not-approved"
	CoolingOff      Reason = "cooling-off"
	NotAwaited      Reason = "not-awaited"
	GrantedAlready  Reason = "granted-already"
	Over            Reason = "over"
	TooMany         Reason = "too-many"
	ClockBehind     Reason = "clock-behind"
	RulesChanged    Reason = "rules-changed"
	Unreadable      Reason = "unreadable-request"
	TooOften        Reason = "too-often"
	HeldBack        Reason = "held-back"
	SamePerson      Reason = "same-person"
)

// advice tells an honest person what to do.
var advice = map[Reason]string{
	NotAccepted:     "the code was not accepted: look at the request, the device's name and its clock, wait for a code that was not used, and try again; if its clock is off, type two codes that follow each other",
	NotAllowed:      "the door's rules do not let this principal ask for this role in this way: look at the role's name, and whether the rules let one person go alone; who keeps the rules knows both",
	BadRequest:      "the request is not complete",
	Malformed:       "what was typed cannot be a code of the device: type it again; it was not counted as a wrong code",
	Wait:            "too many wrong codes: wait",
	Locked:          "the device is locked after too many wrong codes: two people unlock it, or use another device",
	WeakDevice:      "the rules want a device of a better grade for this: use another",
	Unavailable:     "the device's key could not be opened: use another device, or the offline way; the code was not used",
	TooSlow:         "the answer came too late and the attempt was closed: try again; the code was not used",
	NoSuchRequest:   "there is no such request: look at its id",
	NoSuchDevice:    "no such device is in the rules: look at its id",
	OwnRequest:      "nobody approves their own request, with whatever device: ask another approver",
	OthersRequest:   "the request is another principal's: only who asked can use or end it",
	NotApprover:     "the rules do not name you as an approver of this role",
	ApprovedAlready: "you have approved this request: others have to, as often as the rules say",
	NotApproved:     "approvals are missing: ask an approver",
	CoolingOff:      "the request is cooling off: wait",
	NotAwaited:      "the request awaits no approval: it has all, or is one person's alone",
	GrantedAlready:  "the request was granted a moment ago: if the answer was lost, the same is handed out again; wait",
	Over:            "the request is over: it was ended, revoked, or its time ran out: ask anew where you still need in",
	TooMany:         "you have too many open requests: end one",
	ClockBehind:     "the clock is behind the record's: set it right; nothing was counted",
	RulesChanged:    "the rules changed since the request was made and no longer allow it: ask anew",
	Unreadable:      "the request's row cannot be read: ask anew; what AWS gave for it, if anything, is revoked",
	TooOften:        "this principal has called too often: wait; revoking is counted apart, and others can act",
	HeldBack:        "the key made this code at another time than just now, or the computer slept: unplug the key, plug it in and touch it again; if nobody waited, somebody held a code of it back: tell the others",
	SamePerson:      "you are the first of the two who unlock it: another person has to be the second",
}

// Reasons are all of them, by name.
func Reasons() []Reason { return slices.Sorted(maps.Keys(advice)) }

// Refusal is an answer that is no. It is recorded, and an error to who asked.
type Refusal struct {
	Reason Reason
	Until  time.Time // of waits
	Detail string    // what of the caller's own words is wrong

	unused bool   // the code, which was not compared yet
	inner  string // what the record knows beyond that
	cause  error  // of what failed: for logs, never for who asked
}

const notUsed = "; the code was not used"

func (r *Refusal) Error() string {
	s := advice[r.Reason]
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	if !r.Until.IsZero() {
		s += " until " + r.Until.UTC().Format(time.RFC3339)
	}
	if r.unused && !strings.HasSuffix(s, notUsed) {
		s += notUsed
	}
	return s
}

// Unwrap is the cause, for the edge's log.
func (r *Refusal) Unwrap() error { return r.cause }

// recorded is the reason as the record has it.
func (r *Refusal) recorded() string {
	if r.inner != "" {
		return r.inner
	}
	return string(r.Reason)
}

// either is a refusal that is not recorded, or an error; of a nil *Refusal it makes no error.
func either(no *Refusal, err error) error {
	if err != nil || no == nil {
		return err
	}
	return no
}

func refuse(reason Reason) *Refusal { return &Refusal{Reason: reason} }

// What the record says of those who are all told NotAccepted.
const (
	notEnrolled   = "not-enrolled"
	unknownDevice = "unknown-device"
	wrongCode     = "wrong-code"
	usedCode      = "used-code"
)
