// Package record is the emergency door's record: what was asked, agreed to, tried,
// refused, granted and ended, one entry each, in a chain.
//
// It promises that two programs make the same bytes of the same entry; that an entry
// holds the hash of the one before it, so that whoever edits, removes or reorders one
// breaks a link that Verify names; that a signed head says how long the chain was and
// what it ended with, so that cutting off its end, or writing it all anew, shows too.
// An entry has a closed set of facts, and no place for a code, a seed or a session
// key. It does not promise what no chain can: that entries after the last signed head
// are there. Heads belong where nobody can delete them.
//
// The package knows no files, network or clock.
//
// # Canonical form
//
// A line is a JSON object: all members always present, sorted by name, no white
// space, strings and one integer only (so nothing depends on how numbers are
// printed), UTF-8. In strings the quotation mark and the reverse solidus are escaped
// by a reverse solidus and nothing else is; control and format characters, line and
// paragraph separators, and what is not UTF-8 are refused. That is RFC 8785 for
// what is allowed here. The hash of an entry is SHA-256 of its line without the
// newline, in lower-case hexadecimal; prev of the first is 64 zeros. With the lines
// in record.jsonl, a shell recomputes the chain and prints each link that is broken,
// and the hash that the newest signed head must have:
//
//	prev=$(printf %064d 0); while IFS= read -r line; do [ "$(jq -r .prev <<<"$line")" = "$prev" ] || echo "broken before entry $(jq .seq <<<"$line")"; prev=$(jq -cSj . <<<"$line" | sha256sum | cut -d' ' -f1); done <record.jsonl; echo "$prev"
package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What is the step that an entry tells of.
type What string

// The steps of the emergency door.
const (
	Asked      What = "asked"      // somebody asks for a role
	Approved   What = "approved"   // somebody else agrees
	Used       What = "used"       // a code opens the door, or does not
	Retried    What = "retried"    // the same grant is handed out again: the answer was lost
	Issued     What = "issued"     // AWS gave credentials for a grant
	NotIssued  What = "not-issued" // AWS gave none, or nobody says that it did
	Ended      What = "ended"      // the requester is done
	Revoked    What = "revoked"    // somebody takes it back, before the grant or after
	Closed     What = "closed"     // AWS refuses the grant's tokens from now on
	Expired    What = "expired"    // time ended a request or a grant
	Unlocked   What = "unlocked"   // one of two, or the second, unlocks a device
	Drilled    What = "drilled"    // a drill came to its end
	Unanswered What = "unanswered" // an attempt was counted and never answered
	Outsiders  What = "outsiders"  // how many principals' attempts were only counted
	Looked     What = "looked"     // somebody wanted to see requests or the record, and was refused
	Pretended  What = "pretended"  // somebody said to be another
	Damaged    What = "damaged"    // a row that cannot be read
	Held       What = "held"       // how many commands of a principal were only counted
	Restored   What = "restored"   // the archive has entries that the door has not
)

// Outcome is how a step went.
type Outcome string

// The outcomes of steps.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused"
	Failed  Outcome = "failed" // it was nobody's fault who asked: AWS or a key did not answer
)

// Fact names what an entry may hold beside. The set is closed: a code has no name.
type Fact string

// The facts of entries.
const (
	Role      Fact = "role"
	Why       Fact = "why"
	Ticket    Fact = "ticket"
	Seconds   Fact = "seconds" // how long the credentials live
	Until     Fact = "until"
	Device    Fact = "device" // by its id in the rules
	Grade     Fact = "grade"  // how its codes are made
	Approvers Fact = "approvers"
	Wanted    Fact = "wanted" // how many approvals are
	Alone     Fact = "alone"  // one person without approval
	Drill     Fact = "drill"
	Recipient Fact = "recipient" // the one-time age recipient, which is public
	Session   Fact = "session"   // the session's name, which CloudTrail has too
	Target    Fact = "target"    // the device that is unlocked
	Count     Fact = "count"
	TookMS    Fact = "took_ms" // from request to credentials, in milliseconds
	Attempt   Fact = "attempt"
)

var allFacts = []Fact{Role, Why, Ticket, Seconds, Until, Device, Grade, Approvers, Wanted, Alone, Drill, Recipient, Session, Target, Count, TookMS, Attempt}
var allWhats = []What{Asked, Approved, Used, Retried, Issued, NotIssued, Ended, Revoked, Closed, Expired, Unlocked, Drilled, Unanswered, Outsiders, Looked, Pretended, Damaged, Held, Restored}

// Entry is one link of the chain. Seq and Prev are Append's to write.
type Entry struct {
	Door    string // which door: entries of another are no part of the chain
	Seq     int64  // 1, 2, 3 …
	Prev    string // the hash of the entry before
	At      time.Time
	Actor   string // the principal's ARN; "door" where nobody asked
	Person  string // who that is by the rules; empty where it is nobody
	What    What
	Request string
	Outcome Outcome
	Reason  string // for outcomes but done, as the record knows it, which is more than the caller was told
	Facts   map[Fact]string
}

// layout is UTC in milliseconds, always as long.
const layout = "2006-01-02T15:04:05.000Z"

// Start is what the first entry has in the place of a hash.
var Start = strings.Repeat("0", 64)

// Append is an entry as the chain's next: its line without a newline, and its hash.
func Append(seq int64, prev string, e Entry) (line []byte, hash string, err error) {
	e.Seq, e.Prev = seq+1, prev
	line, err = e.canonical()
	return line, Hash(line), err
}

// Hash is an entry's, from its line.
func Hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

func (e Entry) canonical() ([]byte, error) {
	if e.Seq < 1 || e.Seq > 1<<53 {
		return nil, fmt.Errorf("entry %d: its number must be 1 to 2^53", e.Seq)
	}
	if !slices.Contains(allWhats, e.What) || !slices.Contains([]Outcome{Done, Refused, Failed}, e.Outcome) {
		return nil, fmt.Errorf("entry %d: %q with outcome %q is no step of the door", e.Seq, e.What, e.Outcome)
	}
	o := object{}
	for name, value := range map[string]string{
		"actor": e.Actor, "at": e.At.UTC().Format(layout), "door": e.Door, "outcome": string(e.Outcome), "person": e.Person,
		"prev": e.Prev, "reason": e.Reason, "request": e.Request, "what": string(e.What),
	} {
		o[name] = text(value)
	}
	facts := object{}
	for f, value := range e.Facts {
		if !slices.Contains(allFacts, f) {
			return nil, fmt.Errorf("entry %d: %q is no fact of the record", e.Seq, f)
		}
		facts[string(f)] = text(value)
	}
	o["facts"], o["seq"] = facts, integer(e.Seq)
	line, err := o.append(nil)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	return line, nil
}

// Parse reads a line. One that is not written as the canonical form says is no entry.
func Parse(line []byte) (Entry, error) {
	var w struct {
		Actor, At, Door, Outcome, Person, Prev, Reason, Request, What string
		Seq                                                           int64
		Facts                                                         map[Fact]string
	}
	if err := json.Unmarshal(line, &w); err != nil {
		return Entry{}, fmt.Errorf("the line is no entry: %w", err)
	}
	at, err := time.Parse(layout, w.At)
	if err != nil {
		return Entry{}, fmt.Errorf("the entry's time is not written as %s", layout)
	}
	e := Entry{w.Door, w.Seq, w.Prev, at, w.Actor, w.Person, What(w.What), w.Request, Outcome(w.Outcome), w.Reason, w.Facts}
	again, err := e.canonical()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, line) {
		return Entry{}, fmt.Errorf("entry %d is not in canonical form", e.Seq)
	}
	return e, nil
}

// Text tells whether a text may stand in an entry, and if not why.
func Text(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("a text is not UTF-8")
	}
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) {
			return fmt.Errorf("a text has the character U+%04X, which does not show: leave it out", r)
		}
	}
	return nil
}

// The values of canonical JSON.
type (
	object  map[string]interface{ append([]byte) ([]byte, error) }
	text    string
	integer int64
)

func (o object) append(b []byte) ([]byte, error) {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(o)) {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = text(name).append(b); err != nil {
			return nil, err
		}
		if b, err = o[name].append(append(b, ':')); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return append(b, '}'), nil
}

func (s text) append(b []byte) ([]byte, error) {
	if err := Text(string(s)); err != nil {
		return nil, err
	}
	b = append(b, '"')
	for _, c := range []byte(s) {
		if c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return append(b, '"'), nil
}

func (n integer) append(b []byte) ([]byte, error) { return strconv.AppendInt(b, int64(n), 10), nil }
