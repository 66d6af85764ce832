package demo

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ExportedAt is when the files of the invented account were exported.
var ExportedAt = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// WriteAccount writes the files that the AWS CLI would have exported of the
// account production, its exemptions and rules, into dir, which is made if need be.
// Folders are made with mode 0700 and files with 0600.
func WriteAccount(dir string) error {
	files, err := accountFiles()
	if err != nil {
		return fmt.Errorf("write demo account: %w", err)
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.path))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return fmt.Errorf("write demo account: %w", err)
		}
		if err := os.WriteFile(name, f.data, 0o600); err != nil {
			return fmt.Errorf("write demo account: %w", err)
		}
	}
	return nil
}

// Emergency is the immutable id of the account's break-glass user.
const Emergency = "AIDAEXAMPLEEMERGENCY1"

// Exemptions is the account's exemptions file, as a person would write it.
const Exemptions = `version: 1
exemptions:
  - id: AIDAEXAMPLECIDEPLOYER
    owner: platform team
    reason: moves to a role with GitHub's identity provider
    ticket: PLAT-311
    expires: 2027-01-31
    checks: [access-key-without-mfa, user-any-mfa]
  - id: AIDAEXAMPLEKEN0000000
    owner: security team
    reason: waits for a security key
    ticket: SEC-87
    expires: 2026-10-01
    checks: [user-hardware-mfa]
`

// Rules is the account's file of rules, as a person would write it.
const Rules = `version: 1
audit:
  break_glass: [` + Emergency + `]
`

// member is an IAM user of the account. Devices are serial numbers: a security
// key's as "u2f NAME LEVEL", a virtual one's as "mfa NAME", a token's its own.
type member struct {
	name     string
	path     string
	groups   []string
	policies []string
	tags     object
	password string // when it was used last, "never", or empty: there is none
	devices  []string
	key      string // when it was used last, "never", or empty
	made     string // the day; empty: long ago
	unknown  bool   // to the report: made after it
	gone     bool   // since the report
}

// members are the people of the story's production account, and some more.
func members() []member {
	return []member{
		{name: "ada", groups: []string{"engineers"}, password: "2026-11-19T08:14:22Z"},
		{name: "barbara", path: "/platform/", groups: []string{"admins"}, password: "2026-11-12T09:20:00Z", devices: []string{"u2f barbara-1 L2", "u2f barbara-2 L2"}},
		{name: "ci-deployer", path: "/robots/", key: "2026-11-20T05:00:31Z", tags: object{"team": "platform"}},
		{name: "donald", groups: []string{"engineers"}, password: "2026-11-19T10:00:31Z", devices: []string{"mfa donald"}},
		{name: "emergency-1", path: "/emergency/", policies: []string{administrator}, password: "2026-09-01T10:00:00Z", devices: []string{"u2f emergency-1a L2", "u2f emergency-1b L2"}},
		{name: "frances", groups: []string{"engineers"}, password: "2026-06-02T07:41:10Z", devices: []string{"mfa frances"}},
		{name: "grace", groups: []string{"engineers"}, password: "2026-11-20T08:01:13Z", devices: []string{"mfa grace", "u2f grace-passkey"}},
		{name: "jean", groups: []string{"engineers"}, password: "never", devices: []string{"mfa jean"}},
		{name: "katherine", groups: []string{"engineers"}, password: "2026-11-17T15:04:30Z", devices: []string{"mfa katherine"}},
		{name: "ken", groups: []string{"engineers"}, password: "2026-11-10T13:00:00Z", devices: []string{"mfa ken"}},
		{name: "margaret", groups: []string{"engineers"}, password: "2026-11-17T10:15:40Z", devices: []string{"u2f margaret L1", "GAHT12345678"}},
		{name: "niklaus", groups: []string{"engineers"}, password: "2026-11-20T11:02:00Z", made: "2026-11-20T10:58:00Z", unknown: true},
		{name: "philip", password: "2026-11-02T09:00:00Z", gone: true},
		{name: "reporting", path: "/robots/", key: "2025-12-01T00:00:00Z"},
		{name: "tony", groups: []string{"admins"}, password: "2026-11-18T11:45:53Z", key: "2026-11-18T12:01:44Z"},
		{name: "whitfield", password: "never"},
	}
}

const administrator = "arn:aws:iam::aws:policy/AdministratorAccess"

func (m member) userID() string     { return id("AIDA", m.name) } // as in the archive: an exemption for it holds in both
func (m member) madeAt() string     { return cmp.Or(m.made, "2024-03-04T09:00:00Z") }
func (m member) active() bool       { return len(m.devices) > 0 }
func (m member) console() bool      { return m.password != "" }
func (m member) arn() string        { return m.of("user") + cmp.Or(m.path, "/") + m.name }
func (m member) of(s string) string { return "arn:aws:iam::" + production + ":" + s }

func accountFiles() ([]file, error) {
	files := []file{{"exemptions.yaml", []byte(Exemptions)}, {"rules.yaml", []byte(Rules)}, {"exported-at.txt", []byte(ExportedAt.Format(time.RFC3339) + "\n")}}
	var err error
	add := func(name string, v any) {
		text, e := json.MarshalIndent(v, "", "    ")
		err = cmp.Or(err, e)
		files = append(files, file{name, append(text, '\n')})
	}
	add("caller-identity.json", object{"UserId": "AROAEXAMPLEAUDITOR:audit", "Account": production, "Arn": "arn:aws:sts::" + production + ":assumed-role/auditor/audit"})
	add("credential-report.json", object{"Content": base64.StdEncoding.EncodeToString([]byte(credentialReport())), "ReportFormat": "text/csv", "GeneratedTime": "2026-11-20T10:12:40+00:00"})
	add("account-summary.json", object{"SummaryMap": object{"Users": 15, "MFADevices": 12, "MFADevicesInUse": 11, "AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0, "AccountPasswordPresent": 1}})
	add("organizations-features.json", object{"OrganizationId": organization, "EnabledFeatures": []string{"RootSessions"}})
	add("authorization-details.json", authorizationDetails())
	add("virtual-mfa-devices.json", object{"VirtualMFADevices": virtualDevices()})
	for _, m := range members() {
		if !m.gone {
			m.export(add)
		}
	}
	return files, err
}

// export adds the files that are about one user.
func (m member) export(add func(string, any)) {
	list := []object{}
	for _, d := range m.devices {
		serial := m.serial(d)
		list = append(list, object{"UserName": m.name, "SerialNumber": serial, "EnableDate": "2025-05-06T10:00:00+00:00"})
		if strings.Contains(serial, ":u2f/") {
			add("mfa-device/"+strings.NewReplacer(":", "-", "/", "-").Replace(serial)+".json",
				object{"UserName": m.name, "SerialNumber": serial, "EnableDate": "2025-05-06T10:00:00+00:00", "Certifications": certifications(d)})
		}
	}
	add("mfa-devices/"+m.name+".json", object{"MFADevices": list})
	if m.unknown {
		add("login-profile/"+m.name+".json", object{"LoginProfile": object{"UserName": m.name, "CreateDate": m.madeAt(), "PasswordResetRequired": false}})
		add("access-keys/"+m.name+".json", object{"AccessKeyMetadata": []object{}})
	}
}

func (m member) serial(device string) string {
	switch parts := strings.Fields(device); parts[0] {
	case "mfa":
		return m.of("mfa/" + parts[1])
	case "u2f":
		return m.of("u2f/user/" + m.name + "/" + parts[1] + "-EXAMPLEEXAMPLEEXAMPLEEXAMP")
	}
	return device
}

func certifications(device string) object {
	if parts := strings.Fields(device); len(parts) == 3 {
		return object{"FIDO": parts[2]}
	}
	return object{}
}

func virtualDevices() []object {
	all := []object{{"SerialNumber": "arn:aws:iam::" + production + ":mfa/old-phone"}}
	for _, m := range members() {
		for _, d := range m.devices {
			if strings.HasPrefix(d, "mfa ") && !m.gone {
				all = append(all, object{"SerialNumber": m.serial(d), "EnableDate": "2025-05-06T10:00:00+00:00",
					"User": object{"Path": cmp.Or(m.path, "/"), "UserName": m.name, "UserId": m.userID(), "Arn": m.arn(), "CreateDate": m.madeAt()}})
			}
		}
	}
	return all
}

func authorizationDetails() object {
	users := []object{}
	for _, m := range members() {
		if m.gone {
			continue
		}
		tags := []object{}
		for k, v := range m.tags {
			tags = append(tags, object{"Key": k, "Value": v})
		}
		users = append(users, object{
			"Path": cmp.Or(m.path, "/"), "UserName": m.name, "UserId": m.userID(), "Arn": m.arn(), "CreateDate": m.madeAt(),
			"GroupList": append([]string{}, m.groups...), "AttachedManagedPolicies": attached(m.policies...), "Tags": tags,
		})
	}
	engineers := "arn:aws:iam::" + production + ":policy/engineers"
	return object{
		"UserDetailList": users,
		"GroupDetailList": []object{
			group("admins", administrator), group("engineers", engineers),
		},
		"RoleDetailList": []object{},
		"Policies": []object{
			policy(administrator, "*"), policy(engineers, "ec2:*"),
		},
	}
}

func group(name, arn string) object {
	return object{"Path": "/", "GroupName": name, "GroupId": "AGPAEXAMPLE" + strings.ToUpper(name), "Arn": "arn:aws:iam::" + production + ":group/" + name,
		"CreateDate": "2024-03-04T09:00:00Z", "GroupPolicyList": []object{}, "AttachedManagedPolicies": attached(arn)}
}

func attached(arns ...string) []object {
	all := []object{}
	for _, arn := range arns {
		all = append(all, object{"PolicyName": arn[strings.LastIndex(arn, "/")+1:], "PolicyArn": arn})
	}
	return all
}

func policy(arn, action string) object {
	document := object{"Version": "2012-10-17", "Statement": []object{{"Effect": "Allow", "Action": action, "Resource": "*"}}}
	return object{"PolicyName": arn[strings.LastIndex(arn, "/")+1:], "Arn": arn, "DefaultVersionId": "v1",
		"PolicyVersionList": []object{{"VersionId": "v1", "IsDefaultVersion": true, "CreateDate": "2024-03-04T09:00:00Z", "Document": document}}}
}

// columns of a live credential report.
const columns = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active," +
	"access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service," +
	"access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service," +
	"cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated"

func credentialReport() string {
	lines := []string{columns, "<root_account>,arn:aws:iam::" + production + ":root,2023-01-09T08:00:00Z,true,2026-02-11T10:22:07Z,2023-01-09T08:00:00Z,not_supported,true," +
		"false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"}
	for _, m := range members() {
		if !m.unknown {
			lines = append(lines, m.row())
		}
	}
	return strings.Join(lines, "\n")
}

func (m member) row() string {
	used, changed := "N/A", "N/A"
	if m.console() {
		used, changed = strings.Replace(m.password, "never", "no_information", 1), m.madeAt()
	}
	key := "false,N/A,N/A,N/A,N/A"
	if m.key != "" {
		key = "true,2024-03-04T09:00:00Z," + m.key + ",eu-north-1,s3"
	}
	return strings.Join([]string{m.name, m.arn(), m.madeAt(), fmt.Sprint(m.console()), used, changed, "N/A", fmt.Sprint(m.active()),
		key, "false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"}, ",")
}
