package collect

import (
	"slices"

	"mfawatch/audit"
)

// earlierUsers are the users of the earlier snapshot by id.
func (r *reader) earlierUsers() map[string]*audit.User {
	users := map[string]*audit.User{}
	if earlier := r.earlier(); earlier != nil && earlier.Users != nil {
		for i := range earlier.Users.Value {
			users[earlier.Users.Value[i].ID] = &earlier.Users.Value[i]
		}
	}
	return users
}

// unchanged tells whether the earlier list of a user's devices still holds: it
// is the same user under the same name, no recorded change is about them, and
// what the account tells now agrees with it.
//
// An earlier list without devices is believed as long as a report is: what
// follows from it is a failure, and that is confirmed.
func (p *planner) unchanged(u, old *audit.User) bool {
	if old == nil || u.ID == "" || old.Name != u.Name || old.ARN != u.ARN || old.MFADevices == nil {
		return false
	}
	if len(old.MFADevices.Value) == 0 && p.at.Sub(old.MFADevices.At) > fresh {
		return false
	}
	return !p.o.Since.Changes.names(p.s.Account, u) && p.agrees(u, old.MFADevices) && p.sameVirtual(u, old.MFADevices.Value)
}

// agrees holds a list against the yes or no of the report, unless that is older
// than the list.
func (p *planner) agrees(u *audit.User, list *audit.Read[[]audit.MFADevice]) bool {
	active, said := p.row(u).Bool("mfa_active")
	return !said || active == (len(list.Value) > 0) || p.s.Report.Value.Generated.Before(list.At)
}

// sameVirtual holds a list against the account's virtual devices: a device that
// was made anew has another date.
func (p *planner) sameVirtual(u *audit.User, list []audit.MFADevice) bool {
	if p.s.VirtualDevices == nil {
		return false
	}
	type device struct {
		serial  string
		enabled int64
	}
	var now, then []device
	for _, d := range p.owned(u) {
		now = append(now, device{d.Serial, d.Enabled.Unix()})
	}
	for _, d := range list {
		if d.Kind() == audit.VirtualFactor {
			then = append(then, device{d.Serial, d.Enabled.Unix()})
		}
	}
	return slices.Equal(now, then) // both are ordered by serial number
}
