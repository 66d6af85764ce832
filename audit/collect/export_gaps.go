package collect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mfawatch/audit"
)

// instead words how a fact can be exported.
func instead(fact audit.Fact) string {
	e, _ := factExport(fact)
	return e.command
}

// ofRoot are the facts of root in the place of those of users.
var ofRoot = map[audit.Fact]audit.Fact{
	audit.FactMFADevices: audit.FactRootMFADevices, audit.FactLoginProfile: audit.FactRootLoginProfile, audit.FactAccessKeys: audit.FactRootAccessKeys,
}

// gaps say why each fact is missing.
func (im *importer) gaps(s *audit.Snapshot) []audit.Gap {
	missing, ids := im.missing(s), subjects(s)
	certified := map[string]bool{}
	for serial := range im.certs {
		certified[fileNameOf(serial)] = true
	}
	var all []audit.Gap
	for _, r := range im.refused {
		if !im.answeredElsewhere(r, missing) && !(r.fact == audit.FactCertifications && certified[r.whom]) {
			all = append(all, r.gap(ids))
		}
	}
	for _, fact := range slices.Sorted(maps.Keys(missing)) {
		whole := func(g audit.Gap) bool { return g.Fact == fact && g.Subject == "" }
		if !slices.ContainsFunc(all, whole) && !slices.ContainsFunc(s.Gaps, whole) {
			all = append(all, fact.Gap("", im.reason(fact)))
		}
	}
	return all
}

// subjects are what gaps call those whom files call by name: a user's immutable
// id, and a device's serial number, which has colons that file names must not.
func subjects(s *audit.Snapshot) map[string]string {
	ids := map[string]string{}
	if s.Users == nil {
		return ids
	}
	for _, u := range s.Users.Value {
		ids[u.Name] = u.ID
		if u.MFADevices == nil {
			continue
		}
		for _, d := range u.MFADevices.Value {
			ids[fileNameOf(d.Serial)] = d.Serial
		}
	}
	return ids
}

// fileNameOf is what Commands calls the file of a device.
func fileNameOf(serial string) string { return strings.NewReplacer(":", "-", "/", "-").Replace(serial) }

// answeredElsewhere tells a refusal that another file makes up for.
func (im *importer) answeredElsewhere(r refusal, missing map[audit.Fact]bool) bool {
	answered := false
	switch r.fact {
	case audit.FactMFADevices:
		_, answered = im.devices[r.whom]
	case audit.FactLoginProfile:
		_, answered = im.profiles[r.whom]
	case audit.FactAccessKeys:
		_, answered = im.keys[r.whom]
	case audit.FactKeyLastUsed:
		_, answered = im.uses[r.whom]
	case audit.FactCertifications: // each is of one device
	default:
		answered = !missing[r.fact]
	}
	return answered
}

func (im *importer) reason(fact audit.Fact) string {
	for of, root := range ofRoot {
		if e, _ := factExport(of); root == fact {
			command, _, _ := strings.Cut(e.command, " --user-name")
			return "no file for it: " + command + ", in a session of root, into root-" + e.name + ".json"
		}
	}
	e, known := factExport(fact)
	switch {
	case !known:
		return noSCPFiles
	case e.name == detailsExport && im.details.open != "":
		return fmt.Sprintf(onePage, im.details.open)
	case e.name == virtualExport && im.virtuals.open != "":
		return fmt.Sprintf(onePage, im.virtuals.open)
	case fact == audit.FactUsers && im.listed.open != "":
		return fmt.Sprintf(onePage, im.listed.open)
	}
	return "no file for it: " + e.command
}

// gap is the refusal as a gap.
func (r refusal) gap(ids map[string]string) audit.Gap {
	if r.whom == rootHolder || r.whom == rootNamed {
		if of, exists := ofRoot[r.fact]; exists {
			return of.Gap("", r.reason)
		}
		return r.fact.Gap("", r.reason)
	}
	return r.fact.Gap(cmp.Or(ids[r.whom], r.whom), r.reason)
}

// missing are the facts that are not there, for the account or for somebody.
func (im *importer) missing(s *audit.Snapshot) map[audit.Fact]bool {
	open := map[audit.Fact]bool{}
	lack := func(fact audit.Fact, is bool) {
		if is {
			open[fact] = true
		}
	}
	lack(audit.FactCredentialReport, s.Report == nil)
	lack(audit.FactAccountSummary, s.Summary == nil)
	lack(audit.FactOrganization, s.Organization == nil)
	lack(audit.FactVirtualDevices, s.VirtualDevices == nil)
	lack(audit.FactUsers, s.Users == nil)
	for _, fact := range []audit.Fact{audit.FactTags, audit.FactAccess, audit.FactGroups, audit.FactPolicies, audit.FactRoles} {
		lack(fact, !im.details.complete())
	}
	lack(audit.FactRootMFADevices, s.Root.MFADevices == nil)
	lack(audit.FactRootLoginProfile, s.Root.LoginProfile == nil)
	lack(audit.FactRootAccessKeys, s.Root.AccessKeys == nil)
	lack(audit.FactSCPs, s.SCPs == nil)
	rows := rowsOfReport(s)
	if s.Users == nil { // what the report does not answer about its users
		for arn, row := range rows {
			if arn != s.RootARN() {
				lackUser(audit.User{}, row, lack)
			}
		}
	} else {
		for _, u := range s.Users.Value {
			lackUser(u, rows[u.ARN], lack)
		}
	}
	return open
}

// lackUser: what the credential report answers with no needs no file.
func lackUser(u audit.User, row audit.ReportRow, lack func(fact audit.Fact, is bool)) {
	if row.Contradicts(u.Created) {
		row = audit.ReportRow{} // of an earlier user of this name
	}
	mfa, known := row.Bool("mfa_active")
	lack(audit.FactMFADevices, u.MFADevices == nil && (mfa || !known))
	_, known = row.Bool("password_enabled")
	lack(audit.FactLoginProfile, u.LoginProfile == nil && !known)
	_, first := row.Bool("access_key_1_active")
	_, second := row.Bool("access_key_2_active")
	lack(audit.FactAccessKeys, u.AccessKeys == nil && !(first && second))
	if u.MFADevices == nil {
		return
	}
	for _, d := range u.MFADevices.Value {
		lack(audit.FactCertifications, d.Kind() == audit.FIDOFactor && d.Certifications == nil)
	}
}

func rowsOfReport(s *audit.Snapshot) map[string]audit.ReportRow {
	rows := map[string]audit.ReportRow{}
	if s.Report != nil {
		for i := range s.Report.Value.Rows {
			row := s.Report.Value.Row(i)
			rows[row.ARN()] = row
		}
	}
	return rows
}
