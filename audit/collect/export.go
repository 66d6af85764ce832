package collect

import (
	"path"
	"slices"
	"strings"

	"mfawatch/audit"
)

// export is a kind of file: the answer of one operation, as the AWS CLI prints
// it.
type export struct {
	name      string   // what Commands calls the file, or the folder of the files
	operation string   // as the CLI's errors name it
	keys      []string // any one of them at the top of the JSON tells the kind
	facts     []audit.Fact
	command   string // the AWS CLI's, without output
	read      func(*importer, document) error
}

// Kinds of exports that other code asks for by name.
const (
	reportExport   = "credential-report"
	detailsExport  = "authorization-details"
	usersExport    = "users"
	virtualExport  = "virtual-mfa-devices"
	devicesExport  = "mfa-devices"
	deviceExport   = "mfa-device"
	profileExport  = "login-profile"
	keysExport     = "access-keys"
	lastUsedExport = "access-key-last-used"
	featuresExport = "organizations-features"
	summaryExport  = "account-summary"
	identityExport = "caller-identity"

	organizationExport = "organization"
	parentsExport      = "scp-parents"
	targetsExport      = "scp-targets"
	documentsExport    = "scp-documents"
)

// exports lists the kinds. The first whose keys are there is the file's.
func exports() []export {
	details := []audit.Fact{audit.FactUsers, audit.FactTags, audit.FactAccess, audit.FactGroups, audit.FactPolicies, audit.FactRoles}
	return []export{
		{reportExport, "GetCredentialReport", []string{"ReportFormat", "GeneratedTime"}, []audit.Fact{audit.FactCredentialReport}, "aws iam get-credential-report", (*importer).reportJSON},
		{summaryExport, "GetAccountSummary", []string{"SummaryMap"}, []audit.Fact{audit.FactAccountSummary}, "aws iam get-account-summary", (*importer).summaryMap},
		{featuresExport, "ListOrganizationsFeatures", []string{"EnabledFeatures", "OrganizationId"}, []audit.Fact{audit.FactOrganization}, "aws iam list-organizations-features", (*importer).organizationsFeatures},
		{detailsExport, "GetAccountAuthorizationDetails", []string{"UserDetailList", "GroupDetailList", "RoleDetailList"}, details, "aws iam get-account-authorization-details", (*importer).authorizationDetails},
		{usersExport, "ListUsers", []string{"Users"}, []audit.Fact{audit.FactUsers}, "aws iam list-users", (*importer).listUsers},
		{virtualExport, "ListVirtualMFADevices", []string{"VirtualMFADevices"}, []audit.Fact{audit.FactVirtualDevices}, "aws iam list-virtual-mfa-devices --assignment-status Any", (*importer).listVirtual},
		{devicesExport, "ListMFADevices", []string{"MFADevices"}, []audit.Fact{audit.FactMFADevices}, "aws iam list-mfa-devices --user-name NAME", (*importer).listDevices},
		{deviceExport, "GetMFADevice", []string{"SerialNumber", "Certifications"}, []audit.Fact{audit.FactCertifications}, "aws iam get-mfa-device --serial-number SERIAL --user-name NAME", (*importer).getDevice},
		{profileExport, "GetLoginProfile", []string{"LoginProfile"}, []audit.Fact{audit.FactLoginProfile}, "aws iam get-login-profile --user-name NAME", (*importer).getProfile},
		{keysExport, "ListAccessKeys", []string{"AccessKeyMetadata"}, []audit.Fact{audit.FactAccessKeys}, "aws iam list-access-keys --user-name NAME", (*importer).listKeys},
		{lastUsedExport, "GetAccessKeyLastUsed", []string{"AccessKeyLastUsed"}, []audit.Fact{audit.FactKeyLastUsed}, "aws iam get-access-key-last-used --access-key-id KEY", (*importer).keyLastUsed},
		{identityExport, "GetCallerIdentity", []string{"Account"}, nil, "aws sts get-caller-identity", (*importer).callerIdentity},
		{organizationExport, "DescribeOrganization", []string{"Organization"}, nil, "aws organizations describe-organization", (*importer).describeOrganization},
		{parentsExport, "ListParents", []string{"Parents"}, nil, "aws organizations list-parents --child-id TARGET", (*importer).listParents},
		{targetsExport, "ListPoliciesForTarget", []string{"Policies"}, nil, "aws organizations list-policies-for-target --filter SERVICE_CONTROL_POLICY --target-id TARGET", (*importer).listTargets},
		{documentsExport, "DescribePolicy", []string{"Policy"}, nil, "aws organizations describe-policy --policy-id TARGET", (*importer).describePolicy},
		{"snapshot", "", []string{"schema"}, nil, "mfawatch collect -o snapshot.json", (*importer).saved},
	}
}

// factExport is the kind of file that tells a fact best.
func factExport(fact audit.Fact) (export, bool) {
	for _, e := range exports() {
		for _, f := range e.facts {
			if f == fact {
				return e, true
			}
		}
	}
	return export{}, false
}

// Of whom an answer is that is not a user's: root's, or one that names "root" in
// a file called as root's, which is root's unless a user is called so.
const (
	rootHolder = "\x00root"
	rootNamed  = "\x00root by name"
)

// byName tells from a file's name which kind it was meant to be, and for whom:
// mfa-devices/NAME.json or mfa-devices-NAME.json, and root-mfa-devices.json for
// root. It is asked only where the content does not tell. The folder decides
// first: in one of a kind, root-mfa-devices.json is of a user called so.
func byName(name string) (e export, whom string, known bool) {
	base := path.Base(name)
	base = base[:len(base)-len(extension(base))]
	if e, known = folderKind(name); known {
		return e, base, true
	}
	for _, e := range exports() {
		rest, cut := strings.CutPrefix(base, e.name+"-")
		switch {
		case base == "root-"+e.name && (e.ofUsers() || e.name == deviceExport):
			return e, rootHolder, true
		case base == e.name:
			return e, "", true
		case cut && rest != "" && e.single():
			return e, rest, true
		}
	}
	return export{}, "", false
}

// folderKind is the kind of answers about single users, devices or keys that a
// file's folder is called after.
func folderKind(name string) (export, bool) {
	dir := path.Base(path.Dir(name))
	for _, e := range exports() {
		if e.name == dir && e.single() {
			return e, true
		}
	}
	return export{}, false
}

func inFolderOfKind(name string) bool {
	_, is := folderKind(name)
	return is
}

// extension is the end that the CLI's user gave the file. Other points belong to
// a user's name.
func extension(base string) string {
	for _, e := range []string{".json.gz", ".gz", ".jsonl", ".json", ".csv", ".txt"} {
		if strings.HasSuffix(strings.ToLower(base), e) {
			return base[len(base)-len(e):]
		}
	}
	return ""
}

// single tells a kind of which there is a file for each user, device, key, or
// part of an organisation.
func (e export) single() bool {
	switch e.name {
	case devicesExport, deviceExport, profileExport, keysExport, lastUsedExport, parentsExport, targetsExport, documentsExport:
		return true
	}
	return false
}

// ofUsers tells a kind of which there is a file for each user.
func (e export) ofUsers() bool {
	return e.name == devicesExport || e.name == profileExport || e.name == keysExport
}

// Commands are lines of a POSIX shell that export, into the folder they run in,
// what the checks ask about: one answer a file. What AWS refuses is in the file
// as well, so that Folder can say so. Access keys are left to the credential
// report, and root to a session of root. They need the AWS CLI and no
// other program, and change nothing but that AWS makes a credential report.
// Names stand behind an equals sign, since a user's may begin with a dash. The
// summary comes after the list of users, so that its count tells whether a user
// whom the report has was deleted in between.
func Commands() []string {
	lines := []string{"mkdir -p " + devicesExport + " " + deviceExport + " " + profileExport,
		"while aws iam generate-credential-report --query State --output text | grep -v COMPLETE; do sleep 2; done"}
	for _, name := range []string{identityExport, reportExport, featuresExport, detailsExport, virtualExport, summaryExport} {
		lines = append(lines, into(name, name+".json"))
	}
	return append(lines,
		"aws iam list-users --query 'Users[].[UserName]' --output text | while read -r user; do",
		"  "+into(devicesExport, `"`+devicesExport+`/$user.json"`),
		"  "+into(profileExport, `"`+profileExport+`/$user.json"`),
		"  grep -o '\"arn:[^\"]*:u2f/[^\"]*\"' \""+devicesExport+"/$user.json\" | tr -d '\"' | while read -r serial; do",
		"    "+into(deviceExport, `"`+deviceExport+`/$(echo "$serial" | tr ':/' '--').json"`),
		"  done",
		"done")
}

// OrganizationCommands are lines of a POSIX shell that export, into the folder they
// run in, the service control policies above the accounts that are its arguments, or
// above all. They need the AWS CLI with credentials of the management account or of a
// delegated administrator, and change nothing. Units and policies that accounts share
// are asked for once. The management account's e-mail address is left out.
func OrganizationCommands() []string {
	quoted := func(e, variable string) string { return into(e, `"`+e+`/$`+variable+`.json"`) }
	return []string{
		"mkdir -p " + parentsExport + " " + targetsExport + " " + documentsExport,
		"aws organizations describe-organization --query '{Organization: Organization.{Id: Id, MasterAccountId: MasterAccountId}}' --output json > " + organizationExport + ".json 2>&1 < /dev/null",
		"if [ $# -gt 0 ]; then printf '%s\\n' \"$@\"; else",
		"  aws organizations list-accounts --query 'Accounts[].[Id]' --output text < /dev/null",
		"fi | while read -r target; do",
		"  while [ -n \"$target\" ] && [ ! -e \"" + targetsExport + "/$target.json\" ]; do",
		"    " + quoted(targetsExport, "target"),
		"    grep -o '\"Id\": *\"p-[^\"]*\"' \"" + targetsExport + "/$target.json\" | cut -d '\"' -f 4 | while read -r policy; do",
		"      [ -e \"" + documentsExport + "/$policy.json\" ] || " + quoted(documentsExport, "policy"),
		"    done",
		"    case $target in r-*) break ;; esac",
		"    " + quoted(parentsExport, "target"),
		"    target=$(grep -o '\"Id\": *\"[^\"]*\"' \"" + parentsExport + "/$target.json\" | cut -d '\"' -f 4)",
		"  done",
		"done",
	}
}

// OrganizationActions are the actions that OrganizationCommands needs.
func OrganizationActions() []string {
	return []string{"organizations:DescribeOrganization", "organizations:DescribePolicy", "organizations:ListAccounts", "organizations:ListParents", "organizations:ListPoliciesForTarget"}
}

// CommandActions are the IAM actions that Commands needs. Anybody may ask who they
// are.
func CommandActions() []string {
	lines := strings.Join(Commands(), "\n")
	actions := []string{"iam:GenerateCredentialReport"}
	for _, e := range exports() {
		command, _, _ := strings.Cut(e.command, " --")
		if strings.HasPrefix(command, "aws iam ") && strings.Contains(lines, command+" ") {
			actions = append(actions, "iam:"+e.operation)
		}
	}
	slices.Sort(actions)
	return actions
}

// into is one command, with its output and its error in a file.
func into(name, file string) string {
	var command string
	for _, e := range exports() {
		if e.name == name {
			command = e.command
		}
	}
	command = strings.NewReplacer(" NAME", `="$user"`, " SERIAL", `="$serial"`, "policy-id TARGET", `policy-id="$policy"`, " TARGET", `="$target"`).Replace(command)
	return command + " --output json > " + file + " 2>&1 < /dev/null"
}
