package collect

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// confirmVirtual leaves out a list of unassigned devices only, where it would be
// taken for a proof that root's device is not virtual.
func (im *importer) confirmVirtual(s *audit.Snapshot) {
	v := s.VirtualDevices
	switch {
	case v == nil || slices.ContainsFunc(v.Value, audit.VirtualDevice.Assigned) || !rootActive(s):
		return
	case len(v.Value) == 0:
		s.Gaps = append(s.Gaps, audit.FactVirtualDevices.Gap("", "an empty list does not tell whether root has a virtual device: it may have been made with --assignment-status Unassigned; export root's own list as root-mfa-devices.json"))
	default:
		s.Gaps = append(s.Gaps, audit.FactVirtualDevices.Gap("", "no device of the export is assigned, but root has one of some kind: export with --assignment-status Any, or root's own list as root-mfa-devices.json"))
	}
	s.VirtualDevices = nil
}

// rootActive tells that root has a device, of which no list is there.
func rootActive(s *audit.Snapshot) bool {
	reported, _ := rowsOfReport(s)[s.RootARN()].Bool("mfa_active")
	return s.Root.MFADevices == nil && (reported || s.Summary != nil && s.Summary.Value["AccountMFAEnabled"] > 0)
}

// confirmUsers holds the list of users against what else tells how many there
// are, and who: a list made with --filter or --path-prefix looks like a whole
// one. A list that leaves users out is kept, with a Gap for the account.
func (im *importer) confirmUsers(s *audit.Snapshot) {
	if s.Users == nil {
		return
	}
	n, counted := countElsewhere(s)
	listed := len(s.Users.Value)
	if listed == 0 && (!counted || n > 0) {
		s.Users = nil
		s.Gaps = append(s.Gaps, audit.FactUsers.Gap("", "the export lists no user, and nothing confirms that there is none: export without --filter and --path-prefix, and the account summary"))
		return
	}
	who, names := im.leftOut(s)
	switch {
	case len(names) > 0 && !countAgrees(s):
		s.Gaps = append(s.Gaps, audit.FactUsers.Gap("", fmt.Sprintf("the list of users leaves out %d whom %s, e.g. %s: deleted since, or the list is narrowed; export both again, and the account summary after them", len(names), who, some(names))))
	case counted && n > listed:
		s.Gaps = append(s.Gaps, audit.FactUsers.Gap("", fmt.Sprintf("%d users are listed, %d counted elsewhere: export without --filter and --path-prefix if it was made so", listed, n)))
	}
}

// some names a few of many.
func some(names []string) string { return strings.Join(names[:min(len(names), 3)], ", ") }

// countAgrees tells that the account summary counts as many users as are listed,
// and is not older: then those whom other files have were deleted since.
func countAgrees(s *audit.Snapshot) bool {
	if s.Summary == nil || s.Summary.At.Before(s.Users.At) {
		return false
	}
	n, counted := s.Summary.Value["Users"]
	return counted && n == len(s.Users.Value)
}

// countElsewhere is how many users the account summary counts, or the report.
func countElsewhere(s *audit.Snapshot) (n int, counted bool) {
	if s.Summary != nil {
		if n, counted = s.Summary.Value["Users"]; counted {
			return n, true
		}
	}
	if s.Report != nil {
		return len(reportedUsers(s)), true
	}
	return 0, false
}

// leftOut are users whom the list has not, and which other answer has them. They
// are compared by name: a row of the report knows no id, and an ARN changes with
// the path.
func (im *importer) leftOut(s *audit.Snapshot) (who string, names []string) {
	listed := map[string]bool{}
	for _, u := range s.Users.Value {
		listed[u.Name] = true
	}
	for _, other := range []struct {
		who   string
		names map[string]bool
	}{
		{"the credential report has", reportedUsers(s)},
		{"virtual devices belong to", ownersOf(s)},
		{"another list of users has", im.otherUsers()},
		{"answers about single users name", im.answeredUsers()},
	} {
		maps.DeleteFunc(other.names, func(name string, _ bool) bool { return listed[name] })
		if len(other.names) > 0 {
			return other.who, slices.Sorted(maps.Keys(other.names))
		}
	}
	return "", nil
}

func reportedUsers(s *audit.Snapshot) map[string]bool {
	names := map[string]bool{}
	if s.Report != nil {
		for i := range s.Report.Value.Rows {
			names[s.Report.Value.Row(i).User()] = true
		}
	}
	delete(names, audit.RootRow)
	return names
}

func ownersOf(s *audit.Snapshot) map[string]bool {
	names := map[string]bool{}
	if s.VirtualDevices != nil {
		for _, d := range s.VirtualDevices.Value {
			if _, path, isUser := strings.Cut(d.OwnerARN, ":user/"); isUser {
				names[path[strings.LastIndexByte(path, '/')+1:]] = true
			}
		}
	}
	return names
}

// otherUsers are all that any list of users has, also a page of one.
func (im *importer) otherUsers() map[string]bool {
	names := map[string]bool{}
	for _, s := range []shelf[userShape]{im.users, im.listedUsers} {
		for _, u := range s {
			names[u.value.UserName] = true
		}
	}
	return names
}

// answeredUsers are the users of whom a file is. A file called as root's that
// names a user is not enough: what AWS calls root there is not documented. Nor is
// one that AWS says is gone, or a file that is nobody's export.
func (im *importer) answeredUsers() map[string]bool {
	names := map[string]bool{}
	add := func(whom, file string) {
		_, byFile, _ := byName(file)
		if whom != "" && whom != rootHolder && whom != rootNamed && byFile != rootHolder && extension(file) != "" {
			names[whom] = true
		}
	}
	for whom, a := range im.devices {
		add(whom, a.file)
	}
	for whom, a := range im.profiles {
		add(whom, a.file)
	}
	for whom, a := range im.keys {
		add(whom, a.file)
	}
	for _, r := range im.refused {
		if _, ofUser := ofRoot[r.fact]; ofUser && !r.gone {
			add(r.whom, r.file)
		}
	}
	return names
}

// incomplete notes users whom the report must have and has not: it was cut off
// between two lines, or the user is called otherwise since. Within a minute AWS
// may not have seen a new user.
func incomplete(s *audit.Snapshot) {
	if s.Report == nil {
		return
	}
	rows, made := rowsOfReport(s), madeAfter(s.Report.Value).Add(-time.Minute)
	var names []string
	for _, u := range s.Users.Value {
		if _, exists := rows[u.ARN]; exists || u.Created.IsZero() || !u.Created.Before(made) {
			continue
		}
		names = append(names, u.Name)
		s.Gaps = append(s.Gaps, audit.FactCredentialReport.Gap(u.ID, "the report has no row of a user who is older than it: it is incomplete, or the user was renamed since; export it again"))
	}
	if len(names) > 0 {
		s.Gaps = append(s.Gaps, audit.FactCredentialReport.Gap("", fmt.Sprintf("the report has no row of %d users who are older than it, e.g. %s: it is incomplete, or they were renamed since; export it again", len(names), some(names))))
	}
}

// madeAfter is when the report was made or, where only its CSV is there, the
// last time in it: it was made later.
func madeAfter(r audit.CredentialReport) time.Time {
	last := r.Generated
	if !last.IsZero() {
		return last
	}
	for i := range r.Rows {
		for _, column := range []string{"user_creation_time", "password_last_used", "password_last_changed", "access_key_1_last_rotated", "access_key_2_last_rotated"} {
			if at, isTime := r.Row(i).Time(column); isTime && at.After(last) {
				last = at
			}
		}
	}
	return last
}
