package collect

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mfawatch/audit"
)

// The calls that the live reading makes for the same facts.
const (
	reportCall   = "iam:GetCredentialReport"
	summaryCall  = "iam:GetAccountSummary"
	featuresCall = "iam:ListOrganizationsFeatures"
	detailsCall  = "iam:GetAccountAuthorizationDetails"
	usersCall    = "iam:ListUsers"
	virtualCall  = "iam:ListVirtualMFADevices"
	devicesCall  = "iam:ListMFADevices"
	deviceCall   = "iam:GetMFADevice"
	profileCall  = "iam:GetLoginProfile"
	keysCall     = "iam:ListAccessKeys"
	lastUsedCall = "iam:GetAccessKeyLastUsed"
)

func readAt[T any](call string, at time.Time, value T) *audit.Read[T] {
	return &audit.Read[T]{Call: call, At: at, Value: value}
}

// factOf makes a fact of an answer, nil where there is none.
func factOf[T any](s shelf[T], whom, call string) *audit.Read[T] {
	if a, exists := s[whom]; exists {
		return readAt(call, a.at, a.value)
	}
	return nil
}

// listOf makes a fact of everything on a shelf, nil where its pages are not
// complete.
func listOf[T, F any](p pages, s shelf[T], call string, of func(T) F, order func(a, b F) int) *audit.Read[[]F] {
	if !p.complete() {
		return nil
	}
	all := []F{}
	for _, a := range s {
		all = append(all, of(a.value))
	}
	audit.SortStable(all, order)
	return readAt(call, p.at, all)
}

// snapshot makes facts of all that was added, and Gaps of what was not.
func (im *importer) snapshot() (audit.Snapshot, error) {
	switch {
	case len(im.strangers) > 0:
		return audit.Snapshot{}, strange(im.strangers)
	case len(im.files) == 0 && len(im.skipped) > 0:
		return audit.Snapshot{}, noExport(im.skipped)
	case len(im.files) == 0:
		return audit.Snapshot{}, errors.New("no .json, .csv or .txt file in it: export with the AWS CLI first")
	case im.snapshotFile != nil && len(im.files) > 1:
		return audit.Snapshot{}, fmt.Errorf("a saved snapshot must be the only file, there are %s", few(im.files))
	case im.snapshotFile != nil && im.dated:
		return audit.Snapshot{}, errors.New("--taken-at is about exported files; a snapshot says itself when it was taken")
	case im.snapshotFile != nil:
		return *im.snapshotFile, nil
	case im.account == "" && im.above.any():
		return audit.Snapshot{}, errors.New("it has the policies of an organisation and no account's own files: give it with --scps-from, and the account's folder with --from")
	case im.account == "":
		return audit.Snapshot{}, errors.New("no file names the account: add the answer of aws sts get-caller-identity")
	}
	return im.facts()
}

// facts makes the snapshot of exported files.
func (im *importer) facts() (audit.Snapshot, error) {
	s := audit.Snapshot{Schema: audit.SnapshotSchema, Account: im.account, Partition: im.partition, TakenAt: im.newest}
	if err := im.settleRoot(&s); err != nil {
		return audit.Snapshot{}, err
	}
	im.rootFacts(&s)
	im.accountFacts(&s)
	im.userFacts(&s)
	if err := im.above.fill(&s); err != nil {
		return audit.Snapshot{}, err
	}
	s.Gaps = append(s.Gaps, im.gaps(&s)...)
	audit.SortStable(s.Gaps, func(a, b audit.Gap) int {
		return cmp.Or(cmp.Compare(a.Fact, b.Fact), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Reason, b.Reason))
	})
	s.Gaps = slices.Compact(s.Gaps)
	return s, nil
}

// trailWords is how a log file of CloudTrail begins, as firstWords has it.
const trailWords = "Records"

// noExport says what a folder without an export has instead.
func noExport(skipped []string) error {
	archive := func(name string) bool {
		return slices.Contains([]string{".zip", ".gz", ".tgz", ".tar"}, strings.ToLower(path.Ext(name)))
	}
	switch {
	case slices.ContainsFunc(skipped, func(name string) bool { return strings.Contains(name, "_CloudTrail_") }):
		return errors.New("files of CloudTrail: mfawatch scan judges those")
	case !slices.ContainsFunc(skipped, func(name string) bool { return !archive(name) }):
		return fmt.Errorf("no .json, .csv or .txt file in it, only %s: unpack first", few(skipped))
	}
	return fmt.Errorf("no .json, .csv or .txt file in it, only %s: export with the AWS CLI first", few(skipped))
}

// strange says which files are no exports, and of a single one how it begins.
func strange(all []stranger) error {
	if len(all) == 1 {
		if all[0].words == trailWords {
			return fmt.Errorf("%s: CloudTrail records: mfawatch scan judges those", all[0].name)
		}
		return fmt.Errorf("%s: no export that is known, it begins with %q: take it out, or export with --output json; 'mfawatch collect --print-export' prints the commands", all[0].name, all[0].words)
	}
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	if !slices.ContainsFunc(all, func(s stranger) bool { return s.words != trailWords }) {
		return fmt.Errorf("%s: CloudTrail records: mfawatch scan judges those", few(names))
	}
	return fmt.Errorf("%s: no exports that are known: take them out, or export with --output json; 'mfawatch collect --print-export' prints the commands", few(names))
}

func few(names []string) string {
	const most = 5
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
	}
	return strings.Join(names, ", ")
}

func (im *importer) accountFacts(s *audit.Snapshot) {
	s.Report = factOf(im.report, "", reportCall)
	s.Summary = factOf(im.summary, "", summaryCall)
	s.Organization = factOf(im.features, "", featuresCall)
	s.Groups = listOf(im.details, im.groups, detailsCall, groupShape.group, func(a, b audit.Group) int { return cmp.Compare(a.Name, b.Name) })
	s.Roles = listOf(im.details, im.roles, detailsCall, roleShape.role, func(a, b audit.RoleTrust) int { return cmp.Compare(a.ARN, b.ARN) })
	s.Policies = listOf(im.details, im.policies, detailsCall, policyShape.policy, func(a, b audit.ManagedPolicy) int { return cmp.Compare(a.ARN, b.ARN) })
	s.VirtualDevices = listOf(im.virtuals, im.virtual, virtualCall, virtualShape.device, func(a, b audit.VirtualDevice) int { return cmp.Compare(a.Serial, b.Serial) })
	byARN := func(a, b audit.User) int { return cmp.Compare(a.ARN, b.ARN) }
	detailed := func(u userShape) audit.User { return u.detailed(im.details.at) }
	s.Users = listOf(im.details, im.users, detailsCall, detailed, byARN)
	if s.Users == nil {
		s.Users = listOf(im.listed, im.listedUsers, usersCall, userShape.user, byARN)
	}
	im.confirmUsers(s)
	im.confirmVirtual(s)
}

func (im *importer) userFacts(s *audit.Snapshot) {
	names := map[string]bool{}
	if s.Users != nil {
		for i := range s.Users.Value {
			u := &s.Users.Value[i]
			names[u.Name] = true
			u.MFADevices = im.devicesOf(u.Name)
			u.LoginProfile = factOf(im.profiles, u.Name, profileCall)
			u.AccessKeys = im.keysOf(u.Name)
		}
		im.latecomers(s)
		incomplete(s)
	}
	im.without(s, names)
}

// latecomers are users that only the shorter list has: one was made before the
// other.
func (im *importer) latecomers(s *audit.Snapshot) {
	if !im.details.complete() {
		return
	}
	for arn, u := range im.listedUsers {
		if _, exists := im.users[arn]; !exists {
			s.Gaps = append(s.Gaps, audit.FactUsers.Gap(u.value.UserId, fmt.Sprintf("%s has this user, %s has not: export both again", u.file, im.details.file)))
		}
	}
}

func (im *importer) devicesOf(whom string) *audit.Read[[]audit.MFADevice] {
	list := factOf(im.devices, whom, devicesCall)
	if list == nil {
		return nil
	}
	list.Value = slices.Clone(list.Value)
	for i := range list.Value {
		list.Value[i].Certifications = factOf(im.certs, list.Value[i].Serial, deviceCall)
	}
	return list
}

func (im *importer) keysOf(whom string) *audit.Read[[]audit.AccessKey] {
	list := factOf(im.keys, whom, keysCall)
	if list == nil {
		return nil
	}
	list.Value = slices.Clone(list.Value)
	for i := range list.Value {
		list.Value[i].LastUsed = factOf(im.uses, list.Value[i].ID, lastUsedCall)
	}
	return list
}

// without notes the answers about names that no list of users has.
func (im *importer) without(s *audit.Snapshot, names map[string]bool) {
	lost := func(fact audit.Fact, whom, file string) {
		switch {
		case names[whom] || whom == rootHolder:
		case s.Users == nil:
			s.Gaps = append(s.Gaps, fact.Gap("", "answers about single users are there, but no complete list of users: "+instead(audit.FactUsers)))
		default:
			s.Gaps = append(s.Gaps, fact.Gap(whom, file+unlisted(whom)))
		}
	}
	for whom, a := range im.devices {
		lost(audit.FactMFADevices, whom, a.file)
	}
	for whom, a := range im.profiles {
		lost(audit.FactLoginProfile, whom, a.file)
	}
	for whom, a := range im.keys {
		lost(audit.FactAccessKeys, whom, a.file)
	}
	im.unusedUses(s)
}

func unlisted(whom string) string {
	if whom == "root" {
		return " is about a user called root, whom the list of users has not: call root's own files root-KIND.json, as in root-mfa-devices.json"
	}
	return " is about a user whom the list of users has not"
}

// unusedUses notes uses of keys that nobody was listed to have.
func (im *importer) unusedUses(s *audit.Snapshot) {
	listed := map[string]bool{}
	for _, list := range im.keys {
		for _, k := range list.value {
			listed[k.ID] = true
		}
	}
	for id, use := range im.uses {
		if !listed[id] {
			s.Gaps = append(s.Gaps, audit.FactKeyLastUsed.Gap(id, use.file+" is about a key that no list of access keys has"))
		}
	}
}
