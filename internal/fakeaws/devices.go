package fakeaws

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// manage answers the calls that change devices.
func (s *Server) manage(q *request) (string, *refusal) {
	switch q.action {
	case "CreateVirtualMFADevice":
		return s.createDevice(q)
	case "EnableMFADevice":
		return "", s.enable(q)
	case "ResyncMFADevice":
		return "", s.resync(q)
	case "DeactivateMFADevice":
		return "", s.deactivate(q)
	}
	return "", s.deleteDevice(q)
}

var managed = []string{"CreateVirtualMFADevice", "EnableMFADevice", "ResyncMFADevice", "DeactivateMFADevice", "DeleteVirtualMFADevice"}

var (
	deviceName = regexp.MustCompile(`^[\w+=,.@-]+$`)
	devicePath = regexp.MustCompile(`^/$|^/[\x21-\x7e]+/$`)
	serialText = regexp.MustCompile(`^[\w+=/:,.@-]{9,256}$`)
	sixDigits  = regexp.MustCompile(`^[0-9]{6}$`)
)

func invalid(value, field, rule string) *refusal {
	return refuse(http.StatusBadRequest, "ValidationError", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, field, rule)
}

// wellFormed checks a serial number and codes as the API reference has them.
func wellFormed(serial string, codes map[string]string) *refusal {
	if !serialText.MatchString(serial) {
		return invalid(serial, "serialNumber", `Member must have length between 9 and 256 and satisfy regular expression pattern: [\w+=/:,.@-]*`)
	}
	for _, field := range sorted(codes) {
		if !sixDigits.MatchString(codes[field]) {
			return invalid(codes[field], field, `Member must have length equal to 6 and satisfy regular expression pattern: [\d]+`)
		}
	}
	return nil
}

// createDevice makes a seed. Nobody is told it again.
func (s *Server) createDevice(q *request) (string, *refusal) {
	a, name, path := q.account, q.form.Get("VirtualMFADeviceName"), q.form.Get("Path")
	if path == "" {
		path = "/"
	}
	switch {
	case !deviceName.MatchString(name):
		return "", invalid(name, "virtualMFADeviceName", `Member must satisfy regular expression pattern: [\w+=,.@-]+`)
	case !devicePath.MatchString(path):
		return "", invalid(path, "path", `Member must satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)
	}
	serial := a.arn("mfa" + path + name)
	if a.holderOf(serial) != nil || slices.Contains(a.Unassigned, serial) {
		return "", refuse(http.StatusConflict, "EntityAlreadyExists", "MFA device already exists.")
	}
	a.Seed(serial, a.newSecret(serial))
	a.tokens[serial].tags = q.tags()
	seed := seedText(a.Secret(serial))
	picture, err := drawQR(fmt.Sprintf("otpauth://totp/%s@%s?secret=%s", name, a.ID, seed))
	if err != nil {
		return "", invalid(name, "virtualMFADeviceName", err.Error())
	}
	a.Unassigned = append(a.Unassigned, serial)
	inner := element("SerialNumber", serial) + element("Base32StringSeed", blob([]byte(seed))) + element("QRCodePNG", blob(picture))
	inner += list("Tags", a.tokens[serial].tags, func(t [2]string) string { return element("Key", t[0]) + element("Value", t[1]) })
	return wrap("CreateVirtualMFADeviceResult", wrap("VirtualMFADevice", inner)), nil
}

func blob(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// tags reads Tags.member.N.Key and Value.
func (q *request) tags() [][2]string {
	var all [][2]string
	for i := 1; ; i++ {
		at := fmt.Sprintf("Tags.member.%d.", i)
		if !q.form.Has(at + "Key") {
			return all
		}
		all = append(all, [2]string{q.form.Get(at + "Key"), q.form.Get(at + "Value")})
	}
}

// holderOf is the *User or *Root that has a device.
func (a *Account) holderOf(serial string) any {
	has := func(d Device) bool { return d.Serial == serial }
	if slices.ContainsFunc(a.Root.Devices, has) {
		return &a.Root
	}
	for _, u := range a.Users {
		if slices.ContainsFunc(u.Devices, has) {
			return u
		}
	}
	return nil
}

// named is the user whose device a call is about, and who may change it: whoever has a
// device must be there with one to change their own (bulletin AWS-2023-001).
func (q *request) named(changes bool) (*User, *refusal) {
	u := q.by.user
	if name := q.form.Get("UserName"); name != "" || u == nil {
		u = q.account.find(name)
		if u == nil {
			return nil, refuse(http.StatusNotFound, "NoSuchEntity", "The user with name %s cannot be found.", name)
		}
	}
	switch {
	case changes && q.by.user == u && len(u.Devices) > 0 && !q.by.mfa:
		return nil, refuse(http.StatusForbidden, "AccessDenied", "To complete this action, please ensure that you are authenticated with an MFA device that is enabled for this user.")
	case changes && u.Unmodifiable:
		return nil, refuse(http.StatusConflict, "EntityTemporarilyUnmodifiable", "The user with name %s cannot be modified now. Try again after several minutes.", u.Name)
	}
	return u, nil
}

func codesOf(form url.Values) map[string]string {
	return map[string]string{"authenticationCode1": form.Get("AuthenticationCode1"), "authenticationCode2": form.Get("AuthenticationCode2")}
}

func (s *Server) enable(q *request) *refusal {
	a, serial, codes := q.account, q.form.Get("SerialNumber"), codesOf(q.form)
	if no := wellFormed(serial, codes); no != nil {
		return no
	}
	u, no := q.named(true)
	if no != nil {
		return no
	}
	t := a.tokens[serial]
	switch owner := a.holderOf(serial); {
	case owner == u:
		return refuse(http.StatusConflict, "EntityAlreadyExists", "MFA Device for user %s already exists.", u.Name)
	case owner != nil:
		return refuse(http.StatusConflict, "EntityAlreadyExists", "MFA Device is already in use.")
	case t == nil, strings.Contains(serial, ":mfa/") && !slices.Contains(a.Unassigned, serial):
		return refuse(http.StatusNotFound, "NoSuchEntity", "VirtualMFADevice with serial number %s does not exist.", serial)
	case len(u.Devices) >= userDevices:
		return refuse(http.StatusConflict, "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: %d", userDevices)
	case !t.pair(codes["authenticationCode1"], codes["authenticationCode2"], s.Now()):
		return wrongPair()
	}
	t.bind(u, s.Now().Add(s.Propagation))
	u.Devices = append(u.Devices, Device{Serial: serial, Enabled: s.Now().UTC().Truncate(time.Second)})
	a.Unassigned = slices.DeleteFunc(a.Unassigned, func(other string) bool { return other == serial })
	return nil
}

func wrongPair() *refusal {
	return refuse(http.StatusForbidden, "InvalidAuthenticationCode", "Authentication code for device is not valid.")
}

// notTheirs is a device that the user does not have.
func notTheirs() *refusal {
	return refuse(http.StatusNotFound, "NoSuchEntity", "MFA Device invalid for user.")
}

func (s *Server) resync(q *request) *refusal {
	a, serial, codes := q.account, q.form.Get("SerialNumber"), codesOf(q.form)
	if no := wellFormed(serial, codes); no != nil {
		return no
	}
	u, no := q.named(false)
	t := a.tokens[serial]
	switch {
	case no != nil:
		return no
	case a.holderOf(serial) != u || t == nil:
		return notTheirs()
	}
	a.settled(serial, t)
	if !t.pair(codes["authenticationCode1"], codes["authenticationCode2"], s.Now()) {
		return wrongPair()
	}
	t.bind(u, s.Now().Add(s.Propagation))
	return nil
}

func (s *Server) deactivate(q *request) *refusal {
	a, serial := q.account, q.form.Get("SerialNumber")
	if no := wellFormed(serial, nil); no != nil {
		return no
	}
	u, no := q.named(true)
	switch {
	case no != nil:
		return no
	case a.holderOf(serial) != u:
		return notTheirs()
	}
	if t := a.tokens[serial]; t != nil {
		a.settled(serial, t)
		t.bind(nil, s.Now().Add(s.Lingering))
	}
	u.Devices = slices.DeleteFunc(u.Devices, func(d Device) bool { return d.Serial == serial })
	if strings.Contains(serial, ":mfa/") {
		a.Unassigned = append(a.Unassigned, serial)
	}
	return nil
}

// deleteDevice leaves the token: STS sees its old binding a little longer, and its
// verifications stay counted.
func (s *Server) deleteDevice(q *request) *refusal {
	a, serial := q.account, q.form.Get("SerialNumber")
	if no := wellFormed(serial, nil); no != nil {
		return no
	}
	switch {
	case a.holderOf(serial) != nil:
		return refuse(http.StatusConflict, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.")
	case !slices.Contains(a.Unassigned, serial):
		return refuse(http.StatusNotFound, "NoSuchEntity", "VirtualMFADevice with serial number %s does not exist.", serial)
	}
	a.Unassigned = slices.DeleteFunc(a.Unassigned, func(other string) bool { return other == serial })
	return nil
}
