package collect

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
)

// Changes names the users whose devices or passwords changed, as CloudTrail
// tells it, and says what the scan covered. Changes that do not say it, as the
// zero value, stand for no earlier snapshot.
type Changes struct {
	First, Last time.Time // of the records that were scanned

	accounts []string                   // whose records were scanned
	users    map[string]map[string]bool // by account: names and ids; "" is an account that is not known
}

// delivery is how long CloudTrail may take: it delivers within about five minutes
// on average, seldom after more than fifteen (CloudTrail user guide, how
// CloudTrail works). As much again is for the scan.
const delivery = 30 * time.Minute

// covers tells why a scan does not show what changed in an account since the
// oldest list of devices that may stand for one that is not read now.
func (s *Since) covers(account string, now time.Time) error {
	c := s.Changes
	if c.unsaid() {
		return errOldScan
	}
	if !slices.Contains(c.accounts, account) {
		return fmt.Errorf("the scan holds no record of account %s: scan its trail", account)
	}
	from, to := oldestList(&s.Snapshot), now.Add(-delivery)
	if from.IsZero() || !c.First.After(from) && !c.Last.Before(to) {
		return nil
	}
	return fmt.Errorf("the scan's records are of %s to %s, and have to reach from %s, when the oldest devices of the earlier snapshot were read, to %s or later: scan again",
		rfc3339(c.First), rfc3339(c.Last), rfc3339(from), rfc3339(to))
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// oldestList is when the oldest of a snapshot's lists of devices was read; zero
// without any.
func oldestList(s *audit.Snapshot) time.Time {
	var oldest time.Time
	if s.Users == nil {
		return oldest
	}
	for _, u := range s.Users.Value {
		if u.MFADevices != nil && (oldest.IsZero() || u.MFADevices.At.Before(oldest)) {
			oldest = u.MFADevices.At
		}
	}
	return oldest
}

// errOldScan is for scans from before their summary said what they covered.
var errOldScan = errors.New("the scan does not say whose records of what time it read: scan again with this version")

func (c Changes) unsaid() bool { return c.accounts == nil || c.First.IsZero() || c.Last.IsZero() }

// names tells whether a change is about a user of an account.
func (c Changes) names(account string, u *audit.User) bool {
	for _, whose := range []string{account, ""} {
		if c.users[whose][u.Name] || c.users[whose][u.ID] {
			return true
		}
	}
	return false
}

// add takes a detection in that a change of factors may be. Whom it was about is
// its target; without one it was about whoever acted.
func (c *Changes) add(d detection) {
	if !strings.HasPrefix(d.ID, "mfa-") && !strings.Contains(d.ID, "device") && !strings.Contains(d.ID, "login-profile") {
		return
	}
	if c.users[d.Account] == nil {
		c.users[d.Account] = map[string]bool{}
	}
	about := []string{d.Target}
	if d.Target == "" {
		about = []string{d.Principal.Name, d.Principal.ID}
	}
	for _, name := range about {
		if name != "" {
			c.users[d.Account][name] = true
		}
	}
}

// detection is what is needed of a line of a scan.
type detection struct {
	Type      string
	ID        string
	Account   string
	Target    string
	Principal audit.Principal
}

// scanSummary is what is needed of the summary of a scan.
type scanSummary struct {
	Complete     bool
	Filtered     bool
	DamagedFiles int `json:"damaged_files"`
	Records      int
	Accounts     []string
	First        time.Time `json:"records_first"`
	Last         time.Time `json:"records_last"`
}

// firstKey tells the two forms apart: each writes its own key first.
var firstKey = regexp.MustCompile(`^\s*\{\s*"(type|schema)"\s*:`)

const scanSchema = "mfawatch/scan/v1"

var errNoScan = errors.New("not what `mfawatch scan --format jsonl` or `--format json` writes")

// ReadChanges reads what `mfawatch scan --format jsonl` or `--format json`
// wrote, as it comes: such files are long. It refuses a scan that may have
// missed a change.
func ReadChanges(name string, r io.Reader) (Changes, error) {
	b := bufio.NewReader(r)
	head, _ := b.Peek(512)
	c := Changes{users: map[string]map[string]bool{}}
	read := c.lines
	switch form := firstKey.FindSubmatch(head); {
	case form == nil:
		return Changes{}, fmt.Errorf("%s: %w", name, errNoScan)
	case string(form[1]) == "schema":
		read = c.whole
	}
	summary, err := read(json.NewDecoder(b))
	if err == nil {
		err = summary.check()
	}
	if err == nil {
		c.accounts, c.First, c.Last = summary.Accounts, summary.First, summary.Last
		if c.unsaid() {
			err = errOldScan
		}
	}
	if err != nil {
		return Changes{}, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// check refuses a scan after which nobody can say that nothing changed.
func (s *scanSummary) check() error {
	switch {
	case s == nil:
		return errors.New("it ends without the summary: scan again")
	case !s.Complete:
		return errors.New("the scan was interrupted: scan again")
	case s.Filtered:
		return errors.New("the scan was narrowed to some users, accounts, Regions or times, and changes may be in the rest: scan again without these flags")
	case s.DamagedFiles > 0:
		return fmt.Errorf("the scan could not read %d of its files to their end, and changes may be in them: mend them and scan again", s.DamagedFiles)
	case s.Records == 0:
		return errors.New("the scan read no CloudTrail record: name the files of the time since the snapshot and scan again")
	}
	return nil
}

// lines reads one object a line; the summary is the last.
func (c *Changes) lines(d *json.Decoder) (*scanSummary, error) {
	var summary *scanSummary
	for n := 1; ; n++ {
		var raw json.RawMessage
		err := d.Decode(&raw)
		switch {
		case errors.Is(err, io.EOF):
			return summary, nil
		case err != nil:
			return nil, fmt.Errorf("line %d: broken JSON: scan again", n)
		case summary != nil:
			return nil, fmt.Errorf("line %d: something follows the summary: give the output of one scan", n)
		}
		if summary, err = c.line(raw); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
}

func (c *Changes) line(raw json.RawMessage) (*scanSummary, error) {
	var kind struct{ Type string }
	if json.Unmarshal(raw, &kind) != nil {
		return nil, errNoScan
	}
	switch kind.Type {
	case "verdict", "damaged_file":
		return nil, nil
	case "detection":
		var d detection
		if json.Unmarshal(raw, &d) != nil {
			return nil, errNoScan
		}
		c.add(d)
		return nil, nil
	case "summary":
		s := &scanSummary{}
		if json.Unmarshal(raw, s) != nil {
			return nil, errNoScan
		}
		return s, nil
	}
	return nil, errNoScan
}

// whole reads the one object of the json format, its lists entry by entry.
func (c *Changes) whole(d *json.Decoder) (*scanSummary, error) {
	if _, err := d.Token(); err != nil {
		return nil, errNoScan
	}
	var summary *scanSummary
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, errBroken(d)
		}
		switch key {
		case "schema":
			err = isSchema(d)
		case "detections":
			err = entries(d, c.add)
		case "summary":
			err = d.Decode(&summary)
		default:
			err = entries(d, func(struct{}) {})
		}
		switch {
		case errors.Is(err, errNoScan):
			return nil, err
		case err != nil:
			return nil, errBroken(d)
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, errBroken(d)
	}
	return summary, nil
}

func errBroken(d *json.Decoder) error {
	return fmt.Errorf("broken JSON at byte %d: scan again", d.InputOffset())
}

func isSchema(d *json.Decoder) error {
	schema, err := d.Token()
	if err == nil && schema != scanSchema {
		return fmt.Errorf("schema is %q, this program reads %q: %w", schema, scanSchema, errNoScan)
	}
	return err
}

// entries reads a list one entry at a time.
func entries[T any](d *json.Decoder, take func(T)) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return errNoScan
	}
	for d.More() {
		var entry T
		if err := d.Decode(&entry); err != nil {
			return err
		}
		take(entry)
	}
	_, err := d.Token()
	return err
}
