package demo

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// want is every sign-in of the intact files, as a reader of the story would
// judge it: time, account, Region, who, outcome, reason, severity. A line that
// ends in "twice" is in two files.
const want = `
2026-11-16T07:58:54Z 444455556666 eu-north-1 grace pass mfa info
2026-11-16T08:14:03Z 444455556666 eu-north-1 ada fail no-mfa high
2026-11-16T08:31:25Z 111122223333 eu-north-1 barbara@example.com pass second-factor info
2026-11-16T08:31:51Z 444455556666 us-east-1 AWSReservedSSO_AdministratorAccess_0123456789abcdef/barbara@example.com not_applicable mfa-at-identity-provider info
2026-11-16T09:10:33Z 777788889999 us-east-1 corporate-admin/alan@example.com not_applicable mfa-at-identity-provider info
2026-11-16T10:22:07Z 111122223333 us-east-1 root pass mfa info twice
2026-11-16T14:05:19Z 777788889999 us-west-2 edsger pass mfa info
2026-11-17T08:03:33Z 444455556666 eu-north-1 grace pass mfa info twice
2026-11-17T08:20:42Z 111122223333 eu-north-1 radia@example.com fail single-factor high
2026-11-17T09:02:30Z 111122223333 eu-north-1 dennis@example.com pass second-factor info
2026-11-17T10:15:02Z 444455556666 us-east-2 HIDDEN_DUE_TO_SECURITY_REASONS not_applicable failed-sign-in info
2026-11-17T10:15:40Z 444455556666 us-east-2 margaret pass mfa info
2026-11-17T13:30:29Z 444455556666 eu-north-1 ken not_applicable failed-at-mfa info
2026-11-17T15:04:30Z 444455556666 eu-north-1 katherine pass mfa info
2026-11-18T02:10:04Z 777788889999 us-east-2 backup-admin not_applicable failed-sign-in info
2026-11-18T02:10:41Z 777788889999 us-east-2 backup-admin not_applicable failed-sign-in info
2026-11-18T02:11:15Z 777788889999 us-east-2 backup-admin not_applicable failed-sign-in info
2026-11-18T02:12:20Z 777788889999 us-east-2 backup-admin not_applicable failed-sign-in info
2026-11-18T02:13:02Z 777788889999 us-east-2 backup-admin not_applicable failed-sign-in info
2026-11-18T02:14:37Z 777788889999 us-east-2 backup-admin not_applicable failed-sign-in info
2026-11-18T02:16:09Z 777788889999 us-east-2 backup-admin fail no-mfa high
2026-11-18T09:00:47Z 444455556666 us-east-1 operator/margaret unknown role-session info
2026-11-18T11:45:53Z 444455556666 eu-north-1 tony fail no-mfa high
2026-11-19T07:20:20Z 444455556666 us-east-1 ci-console not_applicable mfa-at-identity-provider info
2026-11-19T08:14:22Z 444455556666 eu-north-1 ada fail no-mfa high twice
2026-11-19T10:00:31Z 444455556666 us-east-2 donald unknown mfa-not-recorded medium
2026-11-19T16:45:09Z 777788889999 us-east-2 root fail no-mfa critical
2026-11-20T08:01:13Z 444455556666 eu-north-1 grace pass mfa info
2026-11-20T08:40:27Z 777788889999 us-east-1 AWSReservedSSO_ReadOnly_0123456789abcdef/barbara@example.com not_applicable mfa-at-identity-provider info
2026-11-20T09:12:00Z 444455556666 us-east-2 operator/grace pass mfa-in-session info
2026-11-20T11:30:45Z 777788889999 us-east-1 corporate-admin/alan@example.com not_applicable mfa-at-identity-provider info
`

// read gives every file's path and decompressed bytes, in the order of paths.
func read(t *testing.T, fsys fs.FS) (paths []string, texts map[string][]byte) {
	t.Helper()
	texts = map[string][]byte{}
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return err
		}
		text, err := io.ReadAll(z)
		if broken := path == damagedPath; broken != errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: reading ends with %v", path, err)
		}
		paths, texts[path] = append(paths, path), text
		return nil
	})
	if err != nil {
		t.Fatalf("walk: %v", err)
	}
	return paths, texts
}

func records(t *testing.T, path string, text []byte) []json.RawMessage {
	t.Helper()
	var f struct{ Records []json.RawMessage }
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f.Records
}

func line(v signin.Verdict) string {
	return strings.Join([]string{v.Time.Format("2006-01-02T15:04:05Z"), v.Account, v.Region, v.Principal.Name,
		v.Outcome.String(), string(v.Reason), v.Severity.String()}, " ")
}

func TestEveryVerdict(t *testing.T) {
	seen := map[string]string{} // event id to line
	paths, texts := read(t, Archive())
	for _, path := range paths {
		if path == damagedPath || !strings.Contains(path, "/CloudTrail/") {
			continue
		}
		for _, r := range records(t, path, texts[path]) {
			v := signin.Judge(r, signin.Rules{})
			if !v.SignIn() {
				continue
			}
			if seen[v.EventID] != "" {
				seen[v.EventID] += " twice"
				continue
			}
			seen[v.EventID] = line(v)
		}
	}
	var got []string
	for _, l := range seen {
		got = append(got, l)
	}
	slices.Sort(got)
	if want := strings.Split(strings.TrimSpace(want), "\n"); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var layout = regexp.MustCompile(`^AWSLogs/o-example123/(\d{12})/CloudTrail/(us-east-1|us-east-2|us-west-2|eu-north-1)/2026/11/(1[6-9]|20)/\d{12}_CloudTrail_[a-z0-9-]+_202611\d\dT\d\d[0-5][05]Z_[a-z0-9]{16}\.json\.gz$`)

func TestFiles(t *testing.T) {
	paths, texts := read(t, Archive())
	accounts, regions, others := map[string]bool{}, map[string]bool{}, []string{}
	for _, path := range paths {
		m := layout.FindStringSubmatch(path)
		if m == nil {
			others = append(others, path)
			continue
		}
		accounts[m[1]], regions[m[2]] = true, true
	}
	if want := []string{digestPath, insightPath}; !slices.Equal(others, want) {
		t.Errorf("files beside the log files: %q, want %q", others, want)
	}
	if len(accounts) != 3 || len(regions) != 4 {
		t.Errorf("%d accounts and %d Regions, want 3 and 4", len(accounts), len(regions))
	}
	if rs := records(t, digestPath, texts[digestPath]); rs != nil {
		t.Errorf("the digest has %d records", len(rs))
	}
	if rs := records(t, insightPath, texts[insightPath]); len(rs) != 1 || !bytes.Contains(rs[0], []byte("AwsCloudTrailInsight")) {
		t.Errorf("the insight file holds %s", rs)
	}
}

// TestDamagedFile decodes the records before the break one by one.
func TestDamagedFile(t *testing.T) {
	_, texts := read(t, Archive())
	d := json.NewDecoder(bytes.NewReader(texts[damagedPath]))
	for range 3 { // { "Records" [
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	n := 0
	for ; ; n++ {
		var r json.RawMessage
		if d.Decode(&r) != nil {
			break
		}
		if v := signin.Judge(r, signin.Rules{}); v.SignIn() {
			lines = append(lines, line(v))
		}
	}
	want := []string{"2026-11-20T14:02:38Z 777788889999 us-west-2 edsger pass mfa info"}
	if n < readableRecords || n >= len(brokenOff()) || !slices.Equal(lines, want) {
		t.Errorf("%d complete records with the sign-ins %q, want %d or more with %q", n, lines, readableRecords, want)
	}
}

func TestAroundTheSignIns(t *testing.T) {
	names := map[string]int{}
	paths, texts := read(t, Archive())
	for _, path := range paths {
		if path == damagedPath {
			continue
		}
		for _, r := range records(t, path, texts[path]) {
			var e struct{ EventName string }
			if err := json.Unmarshal(r, &e); err != nil {
				t.Fatal(err)
			}
			names[e.EventName]++
		}
	}
	for name, want := range map[string]int{
		"CreateVirtualMFADevice": 1, "EnableMFADevice": 1, "DeactivateMFADevice": 1, "StopLogging": 1,
		"GetFederationToken": 1, "GetSigninToken": 3, "CheckMfa": 5, "CredentialChallenge": 2, "CredentialVerification": 4,
	} {
		if names[name] != want {
			t.Errorf("%d records named %s, want %d", names[name], name, want)
		}
	}
}

// TestAddresses keeps everybody real out of the archive.
func TestAddresses(t *testing.T) {
	allowed := regexp.MustCompile(`^(192\.0\.2|198\.51\.100|203\.0\.113)\.`)
	ip := regexp.MustCompile(`"sourceIPAddress":"([0-9.]+)"`)
	_, texts := read(t, Archive())
	for path, text := range texts {
		for _, m := range ip.FindAllSubmatch(text, -1) {
			if !allowed.Match(m[1]) {
				t.Errorf("%s: address %s", path, m[1])
			}
		}
		if bytes.Contains(text, []byte("$account")) || bytes.Contains(text, []byte("$region")) {
			t.Errorf("%s: a placeholder was left", path)
		}
	}
}

func TestArchiveIsAlwaysTheSame(t *testing.T) {
	first, err := files()
	if err != nil {
		t.Fatal(err)
	}
	again, err := files()
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b file) bool { return a.path == b.path && bytes.Equal(a.data, b.data) }
	if !slices.EqualFunc(first, again, same) {
		t.Error("two archives differ")
	}
	var paths []string
	for _, f := range first {
		paths = append(paths, f.path)
	}
	if err := fstest.TestFS(Archive(), paths...); err != nil {
		t.Error(err)
	}
}

func TestWriteTo(t *testing.T) {
	empty := t.TempDir()
	for _, dir := range []string{empty, filepath.Join(t.TempDir(), "new")} {
		if err := WriteTo(dir); err != nil {
			t.Fatalf("WriteTo(%s): %v", dir, err)
		}
		checkWritten(t, dir)
		if err := WriteTo(dir); err == nil {
			t.Errorf("WriteTo(%s) a second time: no error", dir)
		}
		checkWritten(t, dir)
	}
}

func checkWritten(t *testing.T, dir string) {
	t.Helper()
	want, texts := read(t, Archive())
	got, written := read(t, os.DirFS(dir))
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %d files, want %d", dir, len(got), len(want))
	}
	for _, path := range got {
		if !bytes.Equal(written[path], texts[path]) {
			t.Errorf("%s differs", path)
		}
		info, err := os.Stat(filepath.Join(dir, path))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, error %v", path, info.Mode(), err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, top)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, error %v", top, info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%s holds %v, error %v", dir, entries, err)
	}
}

func TestWriteToRefuses(t *testing.T) {
	full := t.TempDir()
	kept := filepath.Join(full, "mine.txt")
	if err := os.WriteFile(kept, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"a folder with a file": full, "a file": kept, "a folder in a folder that does not exist": filepath.Join(full, "no", "where"),
	} {
		if err := WriteTo(dir); err == nil {
			t.Errorf("WriteTo(%s): no error", name)
		}
	}
	entries, err := os.ReadDir(full)
	if err != nil || len(entries) != 1 {
		t.Errorf("after the refusals the folder holds %v, error %v", entries, err)
	}
}

// TestNothingHalfWritten lets the last step fail: an archive is in the way.
func TestNothingHalfWritten(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, top, "other"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeInto(dir); err == nil {
		t.Error("writeInto over an archive: no error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != top {
		t.Errorf("after the failure the folder holds %v, error %v", entries, err)
	}
}

func BenchmarkArchive(b *testing.B) {
	for b.Loop() {
		Archive()
	}
}

// Who is in the archive and in the account's files has one id: an exemption for the id
// that scan shows holds in audit.
func TestOneID(t *testing.T) {
	known := map[string]string{}
	for _, m := range members() {
		known[m.name] = m.userID()
	}
	if !strings.Contains(Exemptions, "id: "+known["ken"]+"\n") || !strings.Contains(Exemptions, "id: "+known["ci-deployer"]+"\n") || known["emergency-1"] != Emergency {
		t.Errorf("exemptions and break-glass are for others than %v", known)
	}
	both := 0
	paths, texts := read(t, Archive())
	for _, path := range paths {
		if path == damagedPath || !strings.Contains(path, "/"+production+"/CloudTrail/") {
			continue
		}
		for _, r := range records(t, path, texts[path]) {
			p := signin.Judge(r, signin.Rules{}).Principal
			id, there := known[p.Name]
			if p.Kind != audit.IAMUser || !there {
				continue
			}
			both++
			if p.ID != id {
				t.Errorf("%s is %s in the archive and %s in the account", p.Name, p.ID, id)
			}
		}
	}
	if both < 10 {
		t.Errorf("only %d records of the account's users", both)
	}
}
