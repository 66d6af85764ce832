package collect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// importer gathers what the files of one folder say. What it keeps is in the
// CLI's shapes; snapshot makes facts of it when everything is read.
type importer struct {
	account, partition, told string // whose the files are, and the file that told it
	newest                   time.Time
	dated                    bool // the time of the export was given
	files, skipped           []string
	strangers                []stranger

	snapshotFile *audit.Snapshot
	report       shelf[audit.CredentialReport]
	summary      shelf[map[string]int]
	features     shelf[audit.OrganizationFeatures]

	details, listed, virtuals pages
	users, listedUsers        shelf[userShape]
	groups                    shelf[groupShape]
	roles                     shelf[roleShape]
	policies                  shelf[policyShape]
	virtual                   shelf[virtualShape]

	devices  shelf[[]audit.MFADevice] // by user
	profiles shelf[audit.LoginProfile]
	keys     shelf[[]audit.AccessKey]
	certs    shelf[map[string]string] // by serial number
	uses     shelf[audit.KeyUse]      // by key

	above   hierarchy // the account
	refused []refusal
}

func newImporter() *importer {
	return &importer{
		report: shelf[audit.CredentialReport]{}, summary: shelf[map[string]int]{}, features: shelf[audit.OrganizationFeatures]{},
		users: shelf[userShape]{}, listedUsers: shelf[userShape]{}, groups: shelf[groupShape]{}, roles: shelf[roleShape]{},
		policies: shelf[policyShape]{}, virtual: shelf[virtualShape]{}, devices: shelf[[]audit.MFADevice]{},
		profiles: shelf[audit.LoginProfile]{}, keys: shelf[[]audit.AccessKey]{}, certs: shelf[map[string]string]{}, uses: shelf[audit.KeyUse]{}, above: newHierarchy(),
	}
}

// shelf holds answers by whom they are about, with the file they are from.
type shelf[T any] map[string]answered[T]

type answered[T any] struct {
	value T
	at    time.Time
	file  string
}

// put adds an answer. The same answer twice is one, the younger; two that differ
// cannot both be true, and which one is nobody can tell from the files.
func (s shelf[T]) put(whom string, value T, f exportFile) error {
	before, twice := s[whom]
	if twice && !reflect.DeepEqual(before.value, value) {
		return fmt.Errorf("%s and %s differ about %s: keep one of them", before.file, f.name, called(whom))
	}
	if !twice || f.at.After(before.at) {
		s[whom] = answered[T]{value, f.at, f.name}
	}
	return nil
}

func called(whom string) string {
	switch whom {
	case "":
		return "the account"
	case rootHolder:
		return "root"
	}
	return fmt.Sprintf("%q", whom)
}

// pages are the files that a list of the account came in. It is as old as the
// oldest, and not a list where one of them says that more follows.
type pages struct {
	at         time.Time
	file, open string
}

func (p *pages) add(f exportFile, page paged) {
	if p.file == "" || f.at.Before(p.at) {
		p.at, p.file = f.at, f.name
	}
	if page.truncated() && p.open == "" {
		p.open = f.name
	}
}

func (p *pages) complete() bool { return p.file != "" && p.open == "" }

const onePage = "the export is one page of several (%s): export again without --max-items and --no-paginate"

// owns holds an ARN against the account that the files before were of.
func (im *importer) owns(f exportFile, arn string) error {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || !isAccount(parts[4]) {
		return nil
	}
	partition, account := parts[1], parts[4]
	if im.account == "" {
		im.account, im.partition, im.told = account, partition, f.name
	}
	if account != im.account || partition != im.partition {
		return fmt.Errorf("%s is of account %s (%s), %s of account %s (%s): a folder holds one account",
			im.told, im.account, im.partition, f.name, account, partition)
	}
	return nil
}

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func isReport(text []byte) bool {
	header, _, _ := bytes.Cut(text, []byte("\n"))
	names := strings.Split(strings.ReplaceAll(strings.TrimSpace(string(header)), `"`, ""), ",")
	return slices.Contains(names, "user") && slices.Contains(names, "arn")
}

func (im *importer) reportJSON(d document) error {
	var answer struct {
		Content       string
		GeneratedTime stamp
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	text := []byte(answer.Content)
	if !isReport(text) {
		decoded, err := base64.StdEncoding.DecodeString(answer.Content)
		if err != nil || !isReport(decoded) {
			return fmt.Errorf("%s: Content is no credential report in base64: export it again", d.name)
		}
		text = decoded
	}
	return im.reportCSV(d.exportFile, text, answer.GeneratedTime.Time)
}

// reportCSV: a CSV does not tell when AWS made it, and when the file was written
// is not that.
func (im *importer) reportCSV(f exportFile, text []byte, generated time.Time) error {
	report, err := audit.ParseCredentialReport(text)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	for i := range report.Rows {
		if err := im.owns(f, report.Row(i).ARN()); err != nil {
			return err
		}
	}
	report.Generated = generated
	if before, twice := im.report[""]; twice && sameTable(before.value, report) {
		if report.Generated.IsZero() {
			return nil
		}
		if before.value.Generated.IsZero() {
			delete(im.report, "")
		}
	}
	return im.report.put("", report, f)
}

func sameTable(a, b audit.CredentialReport) bool {
	return slices.Equal(a.Columns, b.Columns) && slices.EqualFunc(a.Rows, b.Rows, slices.Equal)
}

func (im *importer) summaryMap(d document) error {
	var answer struct{ SummaryMap map[string]int }
	if err := d.decode(&answer); err != nil {
		return err
	}
	return im.summary.put("", answer.SummaryMap, d.exportFile)
}

func (im *importer) organizationsFeatures(d document) error {
	var answer struct {
		OrganizationId  string
		EnabledFeatures []string
	}
	if err := d.decode(&answer); err != nil {
		return err
	}
	enabled := append([]string{}, answer.EnabledFeatures...)
	slices.Sort(enabled)
	return im.features.put("", audit.OrganizationFeatures{OrganizationID: answer.OrganizationId, Enabled: enabled}, d.exportFile)
}

func (im *importer) callerIdentity(d document) error {
	var answer struct{ Account, Arn string }
	if err := d.decode(&answer); err != nil {
		return err
	}
	if !isAccount(answer.Account) {
		return fmt.Errorf("%s: Account is %q, not a number of twelve digits", d.name, answer.Account)
	}
	return im.owns(d.exportFile, answer.Arn)
}

func (im *importer) saved(d document) error {
	var head struct{ Schema string }
	if json.Unmarshal(d.raw, &head) == nil && strings.HasPrefix(head.Schema, "mfawatch/") && !strings.HasPrefix(head.Schema, "mfawatch/snapshot/") {
		return fmt.Errorf("%s: %s, not an export: move it out of the folder", d.name, output(head.Schema))
	}
	s, err := audit.DecodeSnapshot(d.raw)
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	im.snapshotFile = &s
	return nil
}

// output words what mfawatch wrote into a file.
func output(schema string) string {
	if strings.HasPrefix(schema, "mfawatch/audit") || strings.HasPrefix(schema, "mfawatch/organization") {
		return "an audit"
	}
	return "the output of another command (" + schema + ")"
}
