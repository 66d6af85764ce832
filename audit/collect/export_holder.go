package collect

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"mfawatch/audit"
)

// holderOf is whom an answer is about that names a user, or nobody. AWS names
// every user; what names nobody is about whom the file's name says. "root" is
// what a user may be called: it is root only in a file that is called as root's.
func holderOf(f exportFile, named string) (string, error) {
	_, whom, _ := byName(f.name)
	switch {
	case named == "":
		return namedBy(f, export.ofUsers)
	case named == "root" && whom == rootHolder:
		return rootNamed, nil
	}
	return named, nil
}

// namedBy is whom a file is about by its name, which must be of a kind that fits.
func namedBy(f exportFile, fits func(export) bool) (string, error) {
	kind, whom, known := byName(f.name)
	if !known || whom == "" || !fits(kind) {
		return "", fmt.Errorf("%s does not say whom it is about: call it KIND/NAME.json or KIND-NAME.json, as in mfa-devices/ada.json (root-mfa-devices.json for root)", f.name)
	}
	return whom, nil
}

// keyOf tells from the serial number of a security key whose it is: root's, or a
// user's. Only AWS writes it. A virtual device is called as one likes, so its
// serial number tells nothing.
func keyOf(serial string) (root, user bool) {
	parts := strings.SplitN(serial, ":", 6)
	if len(parts) < 6 {
		return false, false
	}
	return strings.HasPrefix(parts[5], "u2f/root/"), strings.HasPrefix(parts[5], "u2f/user/")
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
	root, err := rootsList(d.exportFile, answer.MFADevices)
	if err != nil {
		return im.unread(d.exportFile, err)
	}
	by := map[string][]audit.MFADevice{}
	for i, device := range answer.MFADevices {
		if device.SerialNumber == "" {
			return fmt.Errorf("%s: entry %d has no SerialNumber: export it without --query", d.name, i+1)
		}
		if err := im.owns(d.exportFile, device.SerialNumber); err != nil {
			return err
		}
		whom := rootHolder
		if !root {
			if whom, err = deviceHolder(d.exportFile, device); err != nil {
				return err
			}
		}
		by[whom] = append(by[whom], audit.MFADevice{Serial: device.SerialNumber, Enabled: device.EnableDate.Time})
	}
	for _, list := range by {
		audit.SortStable(list, func(a, b audit.MFADevice) int { return cmp.Compare(a.Serial, b.Serial) })
	}
	return share(im, d, audit.FactMFADevices, answer.paged, im.devices, by)
}

// rootsList tells that a list is root's because it has a security key of root. A
// list is about one holder, so such a key among a user's devices is no answer of
// AWS.
func rootsList(f exportFile, devices []deviceShape) (bool, error) {
	_, whom, _ := byName(f.name)
	ofRoot, ofUser := false, inFolderOfKind(f.name) && whom != "root"
	for _, d := range devices {
		root, user := keyOf(d.SerialNumber)
		ofRoot = ofRoot || root
		ofUser = ofUser || user || d.UserName != "" && d.UserName != "root"
	}
	if ofRoot && ofUser {
		return false, errors.New("a security key of root is among a user's devices: export it again, root's as root-mfa-devices.json")
	}
	return ofRoot, nil
}

// deviceHolder is whose a device is in a list without a security key of root.
func deviceHolder(f exportFile, d deviceShape) (string, error) {
	_, user := keyOf(d.SerialNumber)
	if user && d.UserName != "" {
		return d.UserName, nil
	}
	whom, err := holderOf(f, d.UserName)
	if user && whom == rootHolder {
		return "", fmt.Errorf("%s: %s is a user's, not root's: export it as mfa-devices/NAME.json", f.name, d.SerialNumber)
	}
	return whom, err
}

// share puts lists on their shelf by holder; an empty answer is an empty list of
// whom the file's name says.
func share[T any](im *importer, d document, fact audit.Fact, page paged, s shelf[[]T], by map[string][]T) error {
	if len(by) == 0 {
		whom, err := namedBy(d.exportFile, export.ofUsers)
		if err != nil {
			return err
		}
		by[whom] = []T{}
	}
	for whom, list := range by {
		if page.truncated() {
			im.refused = append(im.refused, refusal{fact: fact, whom: whom, file: d.name, reason: fmt.Sprintf(onePage, d.name)})
			continue
		}
		if err := s.put(whom, list, d.exportFile); err != nil {
			return err
		}
	}
	return nil
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
	whom, err := holderOf(d.exportFile, p.UserName)
	if err != nil {
		return err
	}
	return im.profiles.put(whom, audit.LoginProfile{Exists: true, Created: p.CreateDate.Time, ResetRequired: p.PasswordResetRequired}, d.exportFile)
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
		whom, err := holderOf(d.exportFile, k.UserName)
		if err != nil {
			return err
		}
		by[whom] = append(by[whom], k.key())
	}
	for _, list := range by {
		audit.SortStable(list, func(a, b audit.AccessKey) int { return cmp.Compare(a.ID, b.ID) })
	}
	return share(im, d, audit.FactAccessKeys, answer.paged, im.keys, by)
}

// settleRoot decides of answers that name "root" in a file called as root's, when
// every file is read: where a user is called so, nobody can tell whose they are.
func (im *importer) settleRoot(s *audit.Snapshot) error {
	isUser := im.isUser("root")
	return cmp.Or(
		settle(im.devices, s, audit.FactRootMFADevices, isUser),
		settle(im.profiles, s, audit.FactRootLoginProfile, isUser),
		settle(im.keys, s, audit.FactRootAccessKeys, isUser),
	)
}

func settle[T any](on shelf[T], s *audit.Snapshot, fact audit.Fact, isUser bool) error {
	a, named := on[rootNamed]
	delete(on, rootNamed)
	switch {
	case !named:
		return nil
	case isUser:
		s.Gaps = append(s.Gaps, fact.Gap("", a.file+" names root, and an IAM user is called so: it does not tell whose it is"))
		return nil
	}
	return on.put(rootHolder, a.value, exportFile{name: a.file, at: a.at})
}

// rootFacts gives root what a session of root listed.
func (im *importer) rootFacts(s *audit.Snapshot) {
	s.Root.MFADevices = im.devicesOf(rootHolder)
	s.Root.LoginProfile = factOf(im.profiles, rootHolder, profileCall)
	s.Root.AccessKeys = im.keysOf(rootHolder)
}

// isUser tells that a list of users or the credential report has the name.
func (im *importer) isUser(name string) bool {
	for _, s := range []shelf[userShape]{im.users, im.listedUsers} {
		for _, u := range s {
			if u.value.UserName == name {
				return true
			}
		}
	}
	r := im.report[""].value
	for i := range r.Rows {
		if r.Row(i).User() == name {
			return true
		}
	}
	return false
}
