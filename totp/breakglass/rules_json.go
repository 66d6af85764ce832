package breakglass

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"mfawatch/totp/breakglass/strict"
)

// What follows is rules as they are written in breakglass.json. Lengths of time are
// texts like 15m, grades their names.
type rulesJSON struct {
	Door    string       `json:"door"`
	Approve string       `json:"approve"`
	Use     string       `json:"use"`
	People  []personJSON `json:"people"`
	Roles   []roleJSON   `json:"roles"`
}

type personJSON struct {
	Name       string       `json:"name"`
	Principals []string     `json:"principals"`
	Devices    []deviceJSON `json:"devices"`
}

type deviceJSON struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Grade string `json:"grade,omitempty"`
}

type roleJSON struct {
	Name       string     `json:"name"`
	ARN        string     `json:"arn"`
	Requesters []string   `json:"requesters"`
	Approvers  []string   `json:"approvers,omitempty"`
	Approvals  int        `json:"approvals"`
	Longest    string     `json:"longest"`
	CoolOff    string     `json:"cool_off,omitempty"`
	Grade      string     `json:"grade"`
	Sheets     bool       `json:"sheets,omitempty"`
	Ticket     bool       `json:"ticket,omitempty"`
	Policies   []string   `json:"policies,omitempty"`
	Alone      *aloneJSON `json:"alone,omitempty"`
}

type aloneJSON struct {
	Allowed bool   `json:"allowed"`
	CoolOff string `json:"cool_off,omitempty"`
	Grade   string `json:"grade,omitempty"`
}

// ParseRules reads rules as JSON writes them, and checks them. Name is the file's, for
// errors, which name the field. A field that is not known, or there twice, is an error.
func ParseRules(name string, data []byte) (Rules, error) {
	var in rulesJSON
	if err := strict.Read(data, &in); err != nil {
		return Rules{}, fmt.Errorf("%s: %w", name, err)
	}
	p := &parser{}
	rules := p.rules(in)
	if err := errors.Join(p.faults...); err != nil {
		return Rules{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := rules.Check(); err != nil {
		return Rules{}, fmt.Errorf("%s: %w", name, err)
	}
	return rules, nil
}

// parser collects what is wrong.
type parser struct{ faults []error }

func (p *parser) rules(in rulesJSON) Rules {
	r := Rules{Door: in.Door, Approve: p.length("approve", in.Approve), Use: p.length("use", in.Use)}
	for i, person := range in.People {
		r.People = append(r.People, p.person(fmt.Sprintf("people[%d]", i), person))
	}
	for i, role := range in.Roles {
		r.Roles = append(r.Roles, p.role(fmt.Sprintf("roles[%d]", i), role))
	}
	return r
}

func (p *parser) person(at string, in personJSON) Person {
	out := Person{Name: in.Name, Principals: in.Principals}
	for i, d := range in.Devices {
		out.Devices = append(out.Devices, Device{d.ID, Kind(d.Kind), p.grade(fmt.Sprintf("%s.devices[%d].grade", at, i), d.Grade)})
	}
	return out
}

func (p *parser) role(at string, in roleJSON) Role {
	r := Role{
		Name: in.Name, ARN: in.ARN, Requesters: in.Requesters, Approvers: in.Approvers, Approvals: in.Approvals,
		Longest: p.length(at+".longest", in.Longest), CoolOff: p.length(at+".cool_off", in.CoolOff),
		Grade: p.grade(at+".grade", in.Grade), Sheets: in.Sheets, Ticket: in.Ticket, Policies: in.Policies,
	}
	if a := in.Alone; a != nil {
		r.Alone = Alone{a.Allowed, p.length(at+".alone.cool_off", a.CoolOff), p.grade(at+".alone.grade", a.Grade)}
	}
	return r
}

// length reads a length of time. One that is left out is none, and Check says where one
// is wanted.
func (p *parser) length(at, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		p.faults = append(p.faults, fmt.Errorf("%s: %q is no length of time: write 15m, 1h", at, text))
	}
	return d
}

func (p *parser) grade(at, text string) Grade {
	if text == "" {
		return Ungraded
	}
	g, err := ParseGrade(text)
	if err != nil {
		p.faults = append(p.faults, fmt.Errorf("%s: %w", at, err))
	}
	return g
}

// JSON is the rules as ParseRules reads them.
func (r Rules) JSON() []byte {
	out := rulesJSON{Door: r.Door, Approve: length(r.Approve), Use: length(r.Use)}
	for _, p := range r.People {
		out.People = append(out.People, p.json())
	}
	for _, role := range r.Roles {
		out.Roles = append(out.Roles, role.json())
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		panic(err) // texts, numbers and lists of them can be written
	}
	return append(text, '\n')
}

func (p Person) json() personJSON {
	out := personJSON{Name: p.Name, Principals: p.Principals}
	for _, d := range p.Devices {
		out.Devices = append(out.Devices, deviceJSON{d.ID, string(d.Kind), graded(d.Grade)})
	}
	return out
}

func (r Role) json() roleJSON {
	out := roleJSON{
		Name: r.Name, ARN: r.ARN, Requesters: r.Requesters, Approvers: r.Approvers, Approvals: r.Approvals, Longest: length(r.Longest), CoolOff: length(r.CoolOff),
		Grade: graded(r.Grade), Sheets: r.Sheets, Ticket: r.Ticket, Policies: r.Policies,
	}
	if r.Alone != (Alone{}) {
		out.Alone = &aloneJSON{r.Alone.Allowed, length(r.Alone.CoolOff), graded(r.Alone.Grade)}
	}
	return out
}

func graded(g Grade) string {
	if g == Ungraded {
		return ""
	}
	return g.String()
}

// length is a length of time as people write it: 15m and not 15m0s.
func length(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
