package stacks

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mfawatch/audit/config"
	"mfawatch/totp/breakglass"
)

// rulesName is the file of the door's rules in its function's folder.
const rulesName = "breakglass.json"

// prepareDoor makes the function's rules of the file's words, and finds what lets
// nobody in, or too many.
func (b *builder) prepareDoor() error {
	d := b.d.BreakGlass.Door
	if !d.There() {
		return nil
	}
	rules, err := b.doorRules(d)
	if err != nil {
		return err
	}
	b.rules = rules
	return inDoor(d, rules.Check())
}

func (b *builder) doorRules(d config.Door) (breakglass.Rules, error) {
	g := grades{}
	rules := breakglass.Rules{Door: d.Name, Approve: d.Approve, Use: d.Use}
	for i, p := range d.People {
		person := breakglass.Person{Name: p.Name, Principals: p.Principals}
		for j, device := range p.Devices {
			grade := g.read(fmt.Sprintf("break_glass.people[%d].devices[%d].grade", i, j), device.Grade)
			person.Devices = append(person.Devices, breakglass.Device{ID: device.ID, Kind: breakglass.Kind(device.Kind), Grade: grade})
		}
		rules.People = append(rules.People, person)
	}
	for i, r := range d.Roles {
		path := fmt.Sprintf("break_glass.roles[%d].", i)
		rules.Roles = append(rules.Roles, breakglass.Role{
			Name: r.Name, ARN: b.role(emergencyName(i, r.Name)), Requesters: r.Requesters, Approvers: r.Approvers, Approvals: r.Approvals, Longest: r.Longest, CoolOff: r.CoolOff,
			Grade: g.read(path+"grade", r.Grade), Sheets: r.Sheets, Ticket: r.Ticket,
			Alone: breakglass.Alone{Allowed: r.Alone.Allowed, CoolOff: r.Alone.CoolOff, Grade: g.read(path+"alone.grade", r.Alone.Grade)},
		})
	}
	return rules, errors.Join(g.faults...)
}

// grades reads grades, and collects what is none.
type grades struct{ faults []error }

func (g *grades) read(field, name string) breakglass.Grade {
	if name == "" {
		return breakglass.Ungraded
	}
	grade, err := breakglass.ParseGrade(name)
	if err != nil {
		g.faults = append(g.faults, fmt.Errorf("%s: %w", field, err))
	}
	return grade
}

// about is how a fault of rules begins: with what it is about, and its name.
var about = regexp.MustCompile(`^(door|approve|use|people|roles|person|principal|device|role) ?"?([^\s",]*)`)

// inDoor are faults of rules as faults of the file: each with its field.
func inDoor(d config.Door, err error) error {
	if err == nil {
		return nil
	}
	all := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		all = several.Unwrap()
	}
	var faults []error
	for _, one := range all {
		faults = append(faults, fmt.Errorf("%s: %w", doorField(d, one.Error()), one))
	}
	return errors.Join(faults...)
}

func doorField(d config.Door, fault string) string {
	m := about.FindStringSubmatch(fault)
	if m == nil {
		return "break_glass"
	}
	switch what, name := m[1], strings.TrimSuffix(m[2], ":"); what {
	case "person":
		return indexed("people", last(d.People, func(p config.Person) bool { return p.Name == name }))
	case "role":
		return indexed("roles", last(d.Roles, func(r config.DoorRole) bool { return r.Name == name }))
	case "principal", "device":
		return ownedField(d, what, name)
	default:
		return "break_glass." + what
	}
}

// last is the last place of a list where is says yes: of two it is the one too many.
func last[T any](list []T, is func(T) bool) int {
	for i := len(list) - 1; i >= 0; i-- {
		if is(list[i]) {
			return i
		}
	}
	return -1
}

// ownedField is the last place where a principal or a device stands.
func ownedField(d config.Door, what, name string) string {
	for i := len(d.People) - 1; i >= 0; i-- {
		place, list := slices.Index(d.People[i].Principals, name), "principals"
		if what == "device" {
			place, list = slices.IndexFunc(d.People[i].Devices, func(v config.Device) bool { return v.ID == name }), "devices"
		}
		if place >= 0 {
			return fmt.Sprintf("break_glass.people[%d].%s[%d]", i, list, place)
		}
	}
	return "break_glass.people"
}

func indexed(list string, i int) string {
	if i < 0 {
		return "break_glass." + list
	}
	return fmt.Sprintf("break_glass.%s[%d]", list, i)
}
