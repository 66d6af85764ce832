package fakeaws

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// auditTask are the actions that a session of AssumeRoot with the task policy
// IAMAuditRootUserCredentials has (IAM user guide, id_root-user-privileged-task).
var auditTask = []string{"ListMFADevices", "GetLoginProfile", "ListAccessKeys", "ListSigningCertificates", "GetUser", "GetAccessKeyLastUsed", "GetAccountSummary", "GetCallerIdentity"}

// iam answers IAM's calls. The lock is held.
func (s *Server) iam(q *request) (string, *refusal) {
	a := q.account
	if q.by.token && !q.by.mfa { // STS API reference, GetSessionToken
		return "", refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	if slices.Contains(managed, q.action) {
		return s.manage(q)
	}
	if slices.Contains(keyed, q.action) {
		return s.changeKey(q)
	}
	switch q.action {
	case "GenerateCredentialReport":
		return a.generate(s.Now())
	case "GetCredentialReport":
		return a.report(s.Now())
	case "GetAccountSummary":
		return a.summary(), nil
	case "ListOrganizationsFeatures":
		return s.features(a)
	case "GetAccountAuthorizationDetails":
		return s.details(q)
	case "ListUsers":
		return paged(s, q, "Users", a.Users, a.user)
	case "ListVirtualMFADevices":
		return s.virtualDevices(q)
	}
	return s.single(q)
}

// single answers calls about one user, or about root in root's session.
func (s *Server) single(q *request) (string, *refusal) {
	h, no := q.holder()
	if no != nil {
		return "", no
	}
	switch q.action {
	case "ListMFADevices":
		return paged(s, q, "MFADevices", h.devices, h.device)
	case "ListAccessKeys":
		return paged(s, q, "AccessKeyMetadata", h.keys, h.key)
	case "GetLoginProfile":
		return h.profile()
	case "GetMFADevice":
		return h.mfaDevice(q.form.Get("SerialNumber"))
	case "GetUser":
		return q.account.getUser(h)
	}
	return "", refuse(http.StatusBadRequest, "InvalidAction", "Could not find operation %s for version 2010-05-08", q.action)
}

// holder is a user, or root.
type holder struct {
	name     string
	devices  []Device
	keys     []Key
	password bool
	user     *User
}

func (q *request) holder() (*holder, *refusal) {
	name := q.form.Get("UserName")
	switch u := q.account.find(name); {
	case name == "" && q.by.user != nil:
		return holding(q.by.user), nil
	case name == "" && q.by.owner() != nil, name == "" && q.by.root:
		r := q.account.Root
		return &holder{devices: r.Devices, keys: r.Keys, password: r.Password}, nil
	case name == "":
		return nil, refuse(http.StatusBadRequest, "ValidationError", "Must specify userName when calling with non-User credentials")
	case u == nil:
		return nil, refuse(http.StatusNotFound, "NoSuchEntity", "The user with name %s cannot be found.", name)
	default:
		return holding(u), nil
	}
}

func holding(u *User) *holder {
	return &holder{name: u.Name, devices: u.Devices, keys: u.Keys, password: u.Password, user: u}
}

func (a *Account) getUser(h *holder) (string, *refusal) {
	inner := element("UserId", a.ID) + element("Arn", a.arn("root")) + date("CreateDate", a.Root.Created)
	if h.user != nil {
		inner = a.user(h.user)
	}
	return wrap("GetUserResult", wrap("User", inner)), nil
}

func (h *holder) device(d Device) string {
	return optional("UserName", h.name) + element("SerialNumber", d.Serial) + date("EnableDate", d.Enabled)
}

func (h *holder) key(k Key) string {
	status := "Active"
	if k.Inactive {
		status = "Inactive"
	}
	return optional("UserName", h.name) + element("AccessKeyId", k.ID) + element("Status", status) + date("CreateDate", k.Created)
}

func (h *holder) profile() (string, *refusal) {
	if !h.password {
		return "", refuse(http.StatusNotFound, "NoSuchEntity", "Login Profile for User %s cannot be found.", h.name)
	}
	inner := optional("UserName", h.name)
	if h.user == nil {
		inner += date("CreateDate", epoch())
	} else {
		inner += date("CreateDate", made(h.user)) + element("PasswordResetRequired", strconv.FormatBool(h.user.ResetRequired))
	}
	return wrap("GetLoginProfileResult", wrap("LoginProfile", inner)), nil
}

// mfaDevice takes FIDO devices only (IAM API reference, GetMFADevice).
func (h *holder) mfaDevice(serial string) (string, *refusal) {
	i := slices.IndexFunc(h.devices, func(d Device) bool { return d.Serial == serial })
	switch {
	case i < 0:
		return "", refuse(http.StatusNotFound, "NoSuchEntity", "MFA Device with serial number %s does not exist.", serial)
	case !h.devices[i].fido():
		return "", refuse(http.StatusBadRequest, "ValidationError", "The MFA device serial number sent in the request is invalid or not supported by this API. Currently, only hardware FIDO security keys are supported. Please use the compatible device or API.")
	}
	inner := h.device(h.devices[i])
	if c := h.devices[i].Certifications; c != nil {
		inner += wrap("Certifications", entries(c))
	}
	return wrap("GetMFADeviceResult", inner), nil
}

// user is a row of ListUsers.
func (a *Account) user(u *User) string {
	return element("Path", u.Path) + element("UserName", u.Name) + element("UserId", u.ID) + element("Arn", a.ARN(u)) + date("CreateDate", u.Created) + date("PasswordLastUsed", u.PasswordUsed)
}

func (a *Account) summary() string {
	counted := map[string]int{
		"Users": len(a.Users), "Groups": len(a.Groups), "Roles": len(a.Roles), "MFADevices": len(a.Root.Devices) + len(a.Unassigned), "AccountMFAEnabled": min(1, len(a.Root.Devices)),
		"AccountAccessKeysPresent": min(1, len(a.Root.Keys)), "AccountPasswordPresent": 0, "GlobalEndpointTokenVersion": 1,
	}
	if a.Root.Password {
		counted["AccountPasswordPresent"] = 1
	}
	for _, u := range a.Users {
		counted["MFADevices"] += len(u.Devices)
	}
	for key, n := range a.Summary {
		counted[key] = n
	}
	texts := map[string]string{}
	for key, n := range counted {
		texts[key] = strconv.Itoa(n)
	}
	return wrap("GetAccountSummaryResult", wrap("SummaryMap", entries(texts)))
}

func entries(m map[string]string) string {
	var b strings.Builder
	for _, key := range sorted(m) {
		b.WriteString(wrap("entry", element("key", key)+element("value", m[key])))
	}
	return b.String()
}

// features is asked of the management account or a delegated administrator
// (IAM API reference, ListOrganizationsFeatures).
func (s *Server) features(a *Account) (string, *refusal) {
	o := s.Organization
	switch {
	case o == nil || o.member(a.ID) == nil:
		return "", refuse(http.StatusBadRequest, "OrganizationNotFoundException", "The request was rejected because no organization is associated with your account.")
	case !o.administers(a.ID):
		return "", refuse(http.StatusBadRequest, "AccountNotManagementOrDelegatedAdministratorException", "The request was rejected because the account making the request is not the management account or delegated administrator account for centralized root access.")
	}
	enabled := list("EnabledFeatures", o.Features, func(f string) string { return f })
	return wrap("ListOrganizationsFeaturesResult", element("OrganizationId", o.ID)+enabled), nil
}

// virtualDevices lists virtual devices, whoever has them.
func (s *Server) virtualDevices(q *request) (string, *refusal) {
	status := q.form.Get("AssignmentStatus")
	assigned, unassigned := q.account.virtualRows()
	switch status {
	case "Assigned":
		unassigned = nil
	case "Unassigned":
		assigned = nil
	case "", "Any":
	default:
		return "", invalid(status, "assignmentStatus", "Member must satisfy enum value set: [Assigned, Unassigned, Any]")
	}
	return paged(s, q, "VirtualMFADevices", append(assigned, unassigned...), func(row string) string { return row })
}

func (a *Account) virtualRows() (assigned, unassigned []string) {
	add := func(devices []Device, owner string) {
		for _, d := range devices {
			if d.virtual() {
				assigned = append(assigned, element("SerialNumber", d.Serial)+date("EnableDate", d.Enabled)+wrap("User", owner))
			}
		}
	}
	add(a.Root.Devices, element("UserId", a.ID)+element("Arn", a.arn("root"))+date("CreateDate", a.Root.Created))
	for _, u := range a.Users {
		add(u.Devices, a.user(u))
	}
	for _, serial := range a.Unassigned {
		unassigned = append(unassigned, element("SerialNumber", serial))
	}
	return assigned, unassigned
}

// paged answers one page of a list: at most MaxItems, and fewer where the
// server is set to short pages.
func paged[T any](s *Server, q *request, name string, items []T, member func(T) string) (string, *refusal) {
	from, to, no := s.page(q, len(items))
	if no != nil {
		return "", no
	}
	return wrap(q.action+"Result", list(name, items[from:to], member)+more(to, len(items))), nil
}

func (s *Server) page(q *request, all int) (from, to int, no *refusal) {
	size, err := strconv.Atoi(q.form.Get("MaxItems"))
	if q.form.Get("MaxItems") == "" {
		size, err = 100, nil
	}
	if err != nil || size < 1 || size > 1000 {
		return 0, 0, refuse(http.StatusBadRequest, "ValidationError", "MaxItems must be between 1 and 1000")
	}
	if s.PageSize > 0 {
		size = min(size, s.PageSize)
	}
	if marker := q.form.Get("Marker"); marker != "" {
		if from, err = strconv.Atoi(marker); err != nil || from < 1 || from > all {
			return 0, 0, refuse(http.StatusBadRequest, "ValidationError", "Invalid Marker.")
		}
	}
	return from, min(from+size, all), nil
}

func more(to, all int) string {
	if to >= all {
		return element("IsTruncated", "false")
	}
	return element("IsTruncated", "true") + element("Marker", strconv.Itoa(to))
}
