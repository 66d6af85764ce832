// Package alert says what a person is told when a sign-in was not protected by
// a second factor, or when something around sign-ins wants looking at.
//
// It promises that a text fits where it is sent (a subject of less than 100
// ASCII characters, a message within SNS's 256 KiB), that it can be acted on by
// somebody with a telephone in their hand, and that a name which an attacker
// chose is never a link, a mention or a line of its own in it. The JSON form is
// an interface (docs/alerts.md) and canonical: the same alert is the same
// bytes. It is pure: judgements in, texts out, and it publishes nothing.
package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
)

// Schema names the form of an alert in JSON. Fields are added to it; a form
// that an older reader would misread gets another name.
const Schema = "mfawatch/alert/v1"

// Kind is what sort of thing an alert is about.
type Kind string

// The kinds. Their texts are an interface.
const (
	SignIn    Kind = "sign_in"
	Detection Kind = "detection"
	Digest    Kind = "digest"   // several alerts that were held back, in one
	Coverage  Kind = "coverage" // records of an account or Region are missing
	Canary    Kind = "canary"   // the way of an alert was tried
	Watchdog  Kind = "watchdog" // the monitor itself is not as it was deployed
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{SignIn, Detection, Digest, Coverage, Canary, Watchdog} }

// Alert is what is said of one event, one detection or, for a digest, of many.
// Its JSON is an interface. Names are as recorded, but for control characters
// and length; the texts for people (Subject, Text, SMS) defang them.
type Alert struct {
	Schema       string          `json:"schema"`
	ID           string          `json:"id"` // account#event_id, with #check for a detection
	Kind         Kind            `json:"kind"`
	Account      string          `json:"account"`
	AccountAlias string          `json:"account_alias"` // what people call the account; empty when it has no such name
	Time         time.Time       `json:"time"`          // of the event, in UTC; zero when the record has none
	Region       string          `json:"region"`
	Event        string          `json:"event,omitempty"` // eventName of a sign-in
	Principal    audit.Principal `json:"principal"`
	Target       string          `json:"target,omitempty"` // whom a detected change was about
	Severity     audit.Severity  `json:"severity"`
	Outcome      audit.Outcome   `json:"outcome"` // of a sign-in's verdict; a detection is a fail
	Reason       string          `json:"reason"`  // a verdict's reason or a detection's check
	Detail       string          `json:"detail"`
	MFA          signin.MFA      `json:"mfa"`
	Attack       []string        `json:"attack,omitempty"` // MITRE ATT&CK technique ids of a detection
	SourceIP     string          `json:"source_ip"`
	UserAgent    string          `json:"user_agent"`
	Events       []string        `json:"events"` // ids of the events, oldest first
	WhatToDo     []string        `json:"what_to_do"`
	Evidence     string          `json:"evidence,omitempty"` // where the record's facts are kept
	Previous     string          `json:"previous,omitempty"` // the reason that was alerted before, which this one replaces
	Digest       *Contents       `json:"digest,omitempty"`
	Findings     []string        `json:"findings,omitempty"` // of the monitor about itself, a sentence each
}

// Names tells what people call an account, by its number.
type Names map[string]string

// OfVerdict is the alert for a verdict. Whether the verdict alerts is the
// caller's question. Where the record is at hand, OfRecord identifies it better.
func OfVerdict(v signin.Verdict, n Names) Alert {
	a := Alert{
		Schema: Schema, Kind: SignIn, Account: bound(v.Account, 64), AccountAlias: n[v.Account], Time: v.Time.UTC(), Region: bound(v.Region, 64),
		Event: bound(v.Event, 128), Principal: principal(v.Principal), Severity: v.Severity, Outcome: v.Outcome,
		Reason: string(v.Reason), Detail: bound(v.Detail, 2000), MFA: v.MFA,
		SourceIP: bound(v.SourceIP, 64), UserAgent: bound(v.UserAgent, 1024), Events: []string{},
	}
	a.MFA.Device = bound(a.MFA.Device, 512)
	id := v.EventID
	if id == "" {
		v.Seen, v.Origin = 0, ""
		id = "no-id-" + digestOf(v)
	} else {
		a.Events = append(a.Events, bound(id, 128))
	}
	a.ID = identify(v.Account, id)
	a.WhatToDo = steps(a)
	return a
}

// OfRecord is OfVerdict for a record at hand. A correction (addendum) goes by
// the id of the event it corrects, as signin.Event.Key does, so that it can
// replace what was said of that event; a record without an id goes by its
// bytes, so that two of them are never taken for one.
func OfRecord(record []byte, e signin.Event, v signin.Verdict, n Names) Alert {
	a := OfVerdict(v, n)
	switch {
	case e.AddendumTo != "":
		a.ID = identify(v.Account, e.AddendumTo)
		a.Events = slices.Insert(a.Events, 0, bound(e.AddendumTo, 128))
	case v.EventID == "":
		sum := sha256.Sum256(record)
		a.ID = identify(v.Account, "no-id-"+hex.EncodeToString(sum[:16]))
	}
	return a
}

// OfDetection is the alert for a detection.
func OfDetection(d detect.Detection, n Names) Alert {
	a := Alert{
		Schema: Schema, Kind: Detection, Account: bound(d.Account, 64), AccountAlias: n[d.Account], Time: d.Time.UTC(), Region: bound(d.Region, 64),
		Principal: principal(d.Principal), Target: bound(d.Target, 256), Severity: d.Severity, Outcome: audit.Fail,
		Reason: d.ID, Detail: bound(d.Detail, 2000), Attack: d.Attack, SourceIP: bound(d.SourceIP, 64), Events: []string{},
		MFA: signin.MFA{Used: "unknown", Factor: audit.UnknownFactor},
	}
	for _, e := range d.Events {
		a.Events = append(a.Events, bound(e, 128))
	}
	last := "no-id-" + digestOf(d)
	if len(d.Events) > 0 {
		last = d.Events[len(d.Events)-1] // the event that completed it
	}
	a.ID = identify(d.Account, last) + "#" + part(d.ID)
	a.WhatToDo = steps(a)
	return a
}

// Rank orders what can be said of one event: the severer first, then the worse
// outcome. What has a higher rank replaces what was alerted before. It is never
// 0, which stands for nothing said yet.
func (a Alert) Rank() int {
	worse := slices.Index([]audit.Outcome{audit.NotApplicable, audit.Pass, audit.Unknown, audit.Fail}, a.Outcome)
	return 1 + int(a.Severity)*4 + max(worse, 0)
}

func principal(p audit.Principal) audit.Principal {
	kind := p.Kind
	if kind == "" {
		kind = audit.UnknownPrincipal
	}
	return audit.Principal{Kind: kind, Name: bound(p.Name, 256), ID: bound(p.ID, 256), ARN: bound(p.ARN, 2048)}
}

// identify makes an alert's id of two parts that cannot be confused.
func identify(account, event string) string {
	if account == "" {
		account = "unknown"
	}
	return part(account) + "#" + part(event)
}

var safePart = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

// maxPart is how long a part stays as it is. A regexp that counts so far is a long
// program, and compiled at every cold start.
const maxPart = 80

// part makes a text fit to be one part of an id, a table's key and an object's
// name. AWS's own ids stay as they are; anything else goes by its hash.
func part(s string) string {
	if len(s) <= maxPart && safePart.MatchString(s) && !strings.HasPrefix(s, "x-") {
		return s
	}
	return "x-" + hash(s)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:16])
}

func digestOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // a time that JSON cannot write, year 10000: still told apart by the error's text
		return hash(err.Error())
	}
	return hash(string(b))
}

// OfSilence is the alert for an account and Region of which no record came
// since newest (zero: none was seen at all). slot tells one silence from the
// next: the same slot is the same alert.
func OfSilence(account, region, slot string, newest, now time.Time, n Names) Alert {
	detail := "no file of CloudTrail was ever seen"
	if !newest.IsZero() {
		detail = "no file of CloudTrail since " + when(newest)
	}
	a := ours(Coverage, account, region, now, n)
	a.ID = identify(account, "coverage") + "#" + part(region+"_"+slot)
	a.Severity, a.Outcome, a.Detail = audit.High, audit.Unknown, detail
	return a
}

// OfCanary is the alert that tries the way of alerts; nonce is the canary's.
func OfCanary(account, region, nonce string, now time.Time, n Names) Alert {
	a := ours(Canary, account, region, now, n)
	a.ID = identify(account, "canary") + "#" + part(nonce)
	a.Severity, a.Outcome, a.Detail = audit.Info, audit.Pass, "canary "+bound(nonce, 128)
	return a
}

// mostFindings and longestFinding bound what is told of the monitor's own
// findings, so that it fits where it is sent; the function's log has them all.
const (
	mostFindings   = 100
	longestFinding = 300
)

// OfWatchdog is the alert for what the monitor found wrong with itself, a sentence
// each, at least one. A run is told by its time.
func OfWatchdog(account, region string, findings []string, now time.Time, n Names) Alert {
	a := ours(Watchdog, account, region, now, n)
	a.ID = identify(account, "watchdog") + "#" + part(now.UTC().Format("20060102T150405Z"))
	a.Severity, a.Outcome = audit.High, audit.Fail
	a.Detail = strconv.Itoa(len(findings)) + " findings about the monitor itself"
	for i, f := range findings {
		if i == mostFindings {
			a.Findings = append(a.Findings, fmt.Sprintf("and %d more, which the log of the function has", len(findings)-i))
			break
		}
		a.Findings = append(a.Findings, bound(f, longestFinding))
	}
	return a
}

func ours(k Kind, account, region string, now time.Time, n Names) Alert {
	a := Alert{
		Schema: Schema, Kind: k, Account: bound(account, 64), AccountAlias: n[account], Time: now.UTC(), Region: bound(region, 64), Reason: string(k),
		Principal: audit.Principal{Kind: audit.UnknownPrincipal}, MFA: signin.MFA{Used: "unknown", Factor: audit.UnknownFactor}, Events: []string{},
	}
	a.WhatToDo = steps(a)
	return a
}
