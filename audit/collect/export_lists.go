package collect

import (
	"fmt"
	"strings"

	"mfawatch/audit"
)

// authorizationDetails takes in one page, or all of them put together.
func (im *importer) authorizationDetails(d document) error {
	var answer detailsShape
	if err := d.decode(&answer); err != nil {
		return err
	}
	im.details.add(d.exportFile, answer.paged)
	if err := takeAll(im, d, im.users, answer.UserDetailList, userIDs); err != nil {
		return err
	}
	if err := takeAll(im, d, im.groups, answer.GroupDetailList, func(g groupShape) (string, string) { return g.Arn, g.GroupName }); err != nil {
		return err
	}
	if err := takeAll(im, d, im.roles, answer.RoleDetailList, func(r roleShape) (string, string) { return r.Arn, r.RoleName }); err != nil {
		return err
	}
	return takeAll(im, d, im.policies, answer.Policies, func(p policyShape) (string, string) { return p.Arn, p.Arn })
}

func userIDs(u userShape) (arn, needed string) {
	if u.UserName == "" {
		return u.Arn, ""
	}
	return u.Arn, u.UserId
}

// takeAll puts the entries of a list on their shelf, by ARN. An entry without an
// ARN or without a name is of another shape: --query may have changed it.
func takeAll[T any](im *importer, d document, s shelf[T], all []T, ids func(T) (arn, needed string)) error {
	for i, entry := range all {
		arn, needed := ids(entry)
		if !strings.HasPrefix(arn, "arn:") || needed == "" {
			return fmt.Errorf("%s: entry %d has no ARN, no name or no id: export it without --query", d.name, i+1)
		}
		if err := im.owns(d.exportFile, arn); err != nil {
			return err
		}
		if err := s.put(arn, entry, d.exportFile); err != nil {
			return err
		}
	}
	return nil
}

// listUsers leaves out what only some versions of the CLI list.
func (im *importer) listUsers(d document) error {
	var answer struct {
		paged
		Users []userShape
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	im.listed.add(d.exportFile, answer.paged)
	for i := range answer.Users {
		answer.Users[i].Tags, answer.Users[i].PermissionsBoundary = nil, boundaryShape{}
	}
	return takeAll(im, d, im.listedUsers, answer.Users, userIDs)
}

// listVirtual: the whole list and one of the assigned or unassigned ones only
// look the same.
func (im *importer) listVirtual(d document) error {
	var answer struct {
		paged
		VirtualMFADevices []virtualShape
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	im.virtuals.add(d.exportFile, answer.paged)
	for _, v := range answer.VirtualMFADevices {
		if v.User.Arn == "" {
			continue
		}
		if err := im.owns(d.exportFile, v.User.Arn); err != nil {
			return err
		}
	}
	return takeAll(im, d, im.virtual, answer.VirtualMFADevices, func(v virtualShape) (string, string) { return v.SerialNumber, v.SerialNumber })
}

func (im *importer) getDevice(d document) error {
	var answer struct {
		SerialNumber   string
		Certifications map[string]string
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	if err := im.owns(d.exportFile, answer.SerialNumber); err != nil {
		return err
	}
	if answer.SerialNumber == "" {
		return fmt.Errorf("%s: SerialNumber is missing: export it without --query", d.name)
	}
	if answer.Certifications == nil {
		answer.Certifications = map[string]string{}
	}
	return im.certs.put(answer.SerialNumber, answer.Certifications, d.exportFile)
}

// keyLastUsed: the answer does not name the key. N/A is what AWS writes for a
// key that was never used.
func (im *importer) keyLastUsed(d document) error {
	var answer struct {
		AccessKeyLastUsed struct {
			LastUsedDate        stamp
			ServiceName, Region string
		}
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	key, err := namedBy(d.exportFile, func(e export) bool { return e.name == lastUsedExport })
	if err != nil {
		return err
	}
	u := answer.AccessKeyLastUsed
	use := audit.KeyUse{At: u.LastUsedDate.Time}
	if !use.At.IsZero() {
		use.Service, use.Region = u.ServiceName, u.Region
	}
	return im.uses.put(key, use, d.exportFile)
}
