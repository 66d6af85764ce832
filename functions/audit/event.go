package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"time"
)

// Mode is what an event asks for.
type Mode string

// The modes. Their texts are an interface: schedules and state machines hold
// them.
const (
	ModeAccount Mode = "account" // audit the function's own account
	ModeList    Mode = "list"    // list the organisation's accounts for a distributed map
	ModeMember  Mode = "member"  // audit one of them
	ModeReduce  Mode = "reduce"  // make one report of all
)

// Event is the function's input. A schedule sends {"mode":"account"} or starts a
// state machine whose steps send the others.
type Event struct {
	Mode         Mode      `json:"mode"`
	Run          string    `json:"run,omitempty"`          // the same run again writes the same objects; empty: the request's id
	Organization string    `json:"organization,omitempty"` // of member and reduce: as list returned it
	Account      string    `json:"account,omitempty"`      // of member
	Name         string    `json:"name,omitempty"`         // of member, as the organisation calls it
	Part         int       `json:"part,omitempty"`         // how many invocations went before this one
	Began        time.Time `json:"began,omitzero"`         // when the first of them did
	// Results is what the map returned. It is not read: what members found is in
	// S3, also of those whose result got lost.
	Results json.RawMessage `json:"results,omitempty"`
}

// Result is the function's output. With Continue the work is not done: the
// caller invokes the function again with Event.
type Result struct {
	Mode         Mode    `json:"mode"`
	Run          string  `json:"run"`
	Organization string  `json:"organization,omitempty"`
	Account      string  `json:"account,omitempty"`
	Continue     bool    `json:"continue"`
	Event        *Event  `json:"event,omitempty"`
	Items        []Event `json:"items,omitempty"`     // of list, where they are few enough for a state's output
	ItemsKey     string  `json:"items_key,omitempty"` // of list, always: the object that holds them

	Accounts int    `json:"accounts"`
	Unread   int    `json:"unread"` // accounts of which nothing could be read
	Failures int    `json:"failures"`
	Unknowns int    `json:"unknowns"`
	Summary  string `json:"summary,omitempty"` // sent, unchanged, sent-before, superseded
	Hub      string `json:"security_hub,omitempty"`
	Report   string `json:"report,omitempty"` // s3://…
}

// Names become parts of object keys and of ARNs: they are held to what they may
// be (Organizations API reference, Organization and Account).
var (
	runForm          = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`) // of at most maxRun
	accountForm      = regexp.MustCompile(`^[0-9]{12}$`)
	organizationForm = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
)

const maxRun = 128

// check tells what an event lacks.
func (e Event) check() error {
	switch e.Mode {
	case ModeAccount, ModeList, ModeMember, ModeReduce:
	default:
		return fmt.Errorf(`event: mode %q is not one of account, list, member, reduce: let the schedule's input be {"mode":"account"}`, cut(string(e.Mode), 40))
	}
	switch {
	case len(e.Run) > maxRun || !runForm.MatchString(e.Run):
		return fmt.Errorf("event: run %q is no name of a run: use letters, digits, dots, colons and hyphens, at most 128", cut(e.Run, 140))
	case (e.Mode == ModeMember || e.Mode == ModeReduce) && !organizationForm.MatchString(e.Organization):
		return fmt.Errorf("event: organization %q is no id of an organisation: pass on what mode list returned", cut(e.Organization, 40))
	case e.Mode == ModeMember && !accountForm.MatchString(e.Account):
		return fmt.Errorf("event: account %q is no account id: pass on an item of what mode list returned", cut(e.Account, 40))
	case e.Part < 0:
		return fmt.Errorf("event: part %d is below zero", e.Part)
	}
	return nil
}

// maxParts is how many invocations may work at one account: eight hours. What
// is not read by then is reported as not known.
const maxParts = 32

// next is the result that asks for another invocation.
func (e Event) next() Result {
	again := e
	again.Part++
	again.Results = nil
	return Result{Mode: e.Mode, Run: e.Run, Organization: e.Organization, Account: e.Account, Continue: true, Event: &again}
}
