package collect

import (
	"cmp"
	"fmt"
	"slices"
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

// listUsers: the users of one group look the same, and are not all users.
func (im *importer) listUsers(d document) error {
	if d.keys["Group"] != nil {
		im.strangers = append(im.strangers, d.name)
		return nil
	}
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

// listDevices: the answer names the user in each device, so an answer without
// one is about whom the file's name says.
func (im *importer) listDevices(d document) error {
	var answer struct {
		paged
		MFADevices []deviceShape
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	by := map[string][]audit.MFADevice{}
	for i, device := range answer.MFADevices {
		if device.SerialNumber == "" {
			return fmt.Errorf("%s: entry %d has no SerialNumber: export it without --query", d.name, i+1)
		}
		if err := im.owns(d.exportFile, device.SerialNumber); err != nil {
			return err
		}
		whom := deviceHolder(device)
		by[whom] = append(by[whom], audit.MFADevice{Serial: device.SerialNumber, Enabled: device.EnableDate.Time})
	}
	if len(by[rootHolder]) > 0 { // "root" beside a key of root is root
		by[rootHolder] = append(by[rootHolder], by["root"]...)
		delete(by, "root")
	}
	for _, list := range by {
		slices.SortFunc(list, func(a, b audit.MFADevice) int { return cmp.Compare(a.Serial, b.Serial) })
	}
	return share(im, d, audit.FactMFADevices, answer.paged, im.devices, by)
}

// deviceHolder is root where the serial number of a security key says so, which
// only AWS writes, or where no user is named: AWS names every user. A virtual
// device is called as one likes, so its serial number tells nothing.
func deviceHolder(d deviceShape) string {
	parts := strings.SplitN(d.SerialNumber, ":", 6)
	if len(parts) == 6 && strings.HasPrefix(parts[5], "u2f/root/") {
		return rootHolder
	}
	return holderOf(d.UserName)
}

func holderOf(name string) string {
	if name == "" {
		return rootHolder
	}
	return name
}

// share puts lists on their shelf by holder; an empty answer is an empty list of
// whom the file's name says.
func share[T any](im *importer, d document, fact audit.Fact, page paged, s shelf[[]T], by map[string][]T) error {
	if len(by) == 0 {
		whom, err := namedBy(d.exportFile)
		if err != nil {
			return err
		}
		by[whom] = []T{}
	}
	for whom, list := range by {
		if page.truncated() {
			im.refused = append(im.refused, refusal{fact: fact, whom: whom, reason: fmt.Sprintf(onePage, d.name)})
			continue
		}
		if err := s.put(whom, list, d.exportFile); err != nil {
			return err
		}
	}
	return nil
}

// namedBy is whom a file is about by its name.
func namedBy(f exportFile) (string, error) {
	_, whom, known := byName(f.name)
	if !known || whom == "" {
		return "", fmt.Errorf("%s does not say whom it is about: call it KIND/NAME.json or KIND-NAME.json, as in mfa-devices/ada.json (root-mfa-devices.json for root)", f.name)
	}
	return whom, nil
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

func (im *importer) getProfile(d document) error {
	var answer struct {
		LoginProfile struct {
			UserName              string
			CreateDate            stamp
			PasswordResetRequired bool
		}
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	p := answer.LoginProfile
	return im.profiles.put(holderOf(p.UserName), audit.LoginProfile{Exists: true, Created: p.CreateDate.Time, ResetRequired: p.PasswordResetRequired}, d.exportFile)
}

func (im *importer) listKeys(d document) error {
	var answer struct {
		paged
		AccessKeyMetadata []keyShape
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	by := map[string][]audit.AccessKey{}
	for i, k := range answer.AccessKeyMetadata {
		if k.AccessKeyId == "" || k.Status == "" {
			return fmt.Errorf("%s: entry %d has no AccessKeyId or no Status: export it without --query", d.name, i+1)
		}
		by[holderOf(k.UserName)] = append(by[holderOf(k.UserName)], k.key())
	}
	for _, list := range by {
		slices.SortFunc(list, func(a, b audit.AccessKey) int { return cmp.Compare(a.ID, b.ID) })
	}
	return share(im, d, audit.FactAccessKeys, answer.paged, im.keys, by)
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
	key, err := namedBy(d.exportFile)
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
