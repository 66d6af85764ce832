package corpus

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	stdgzip "compress/gzip"

	"mfawatch/audit/signin"
)

// small is the archive that most tests read: few records, many sign-ins.
func small() Spec {
	return Spec{Seed: 7, Records: 4000, MedianRecords: 200, Accounts: 3, SignInRate: 0.1, DuplicateRate: 0.2, MFAShare: 0.2, DecoyRate: 0.1}
}

func hash(t *testing.T, s Spec) (string, Manifest) {
	t.Helper()
	h := sha256.New()
	m, err := Each(s, func(path string, gz []byte, n int) error {
		fmt.Fprintln(h, path, len(gz), n)
		h.Write(gz)
		return nil
	})
	if err != nil {
		t.Fatalf("Each: %v", err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)), m
}

func TestSameSpecSameBytes(t *testing.T) {
	first, m := hash(t, small())
	if again, _ := hash(t, small()); again != first {
		t.Errorf("two runs differ: %s and %s", first, again)
	}
	other := small()
	other.Seed++
	if got, _ := hash(t, other); got == first {
		t.Error("another seed gives the same archive")
	}
	if m.Records != small().Records {
		t.Errorf("%d records, want %d", m.Records, small().Records)
	}
}

// file is one file of an archive, read by the standard library.
type file struct {
	path    string
	json    []byte
	records []json.RawMessage
}

func read(t *testing.T, path string, gz []byte) file {
	t.Helper()
	z, err := stdgzip.NewReader(bytes.NewReader(gz))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var envelope struct{ Records []json.RawMessage }
	if err := json.Unmarshal(text, &envelope); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return file{path, text, envelope.Records}
}

func archive(t *testing.T, s Spec) ([]file, Manifest) {
	t.Helper()
	var files []file
	m, err := Each(s, func(path string, gz []byte, n int) error {
		f := read(t, path, gz)
		if len(f.json) != n {
			t.Errorf("%s: %d bytes of JSON, told %d", path, len(f.json), n)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatalf("Each: %v", err)
	}
	return files, m
}

// counted is what encoding/json and the judgement say of an archive.
type counted struct {
	records, signIns, assume, assumeMFA int
	names                               map[string]int
	reasons                             map[string]int
	ids                                 map[string]int
}

type record struct {
	EventName, EventSource, EventID string
	RequestParameters               struct{ SerialNumber string }
}

func count(t *testing.T, files []file) counted {
	t.Helper()
	c := counted{names: map[string]int{}, reasons: map[string]int{}, ids: map[string]int{}}
	for _, f := range files {
		for _, raw := range f.records {
			var r record
			if err := json.Unmarshal(raw, &r); err != nil {
				t.Fatalf("%s: %v", f.path, err)
			}
			c.add(raw, r)
		}
	}
	return c
}

func (c *counted) add(raw []byte, r record) {
	c.records++
	c.names[r.EventName]++
	c.ids[r.EventID]++
	if r.EventName == "AssumeRole" {
		c.assume++
		if r.RequestParameters.SerialNumber != "" {
			c.assumeMFA++
		}
	}
	if r.EventSource != "signin.amazonaws.com" || r.EventName != "ConsoleLogin" && r.EventName != "UserAuthentication" {
		return
	}
	c.signIns++
	if c.ids[r.EventID] == 1 {
		c.reasons[string(signin.Judge(raw, signin.Rules{}).Reason)]++
	}
}

func TestManifestCountsWhatIsThere(t *testing.T) {
	files, m := archive(t, small())
	c := count(t, files)
	if c.records != m.Records || len(files) != m.Files || c.signIns != m.SignIns || c.assume != m.AssumeRoles || c.assumeMFA != m.AssumeRolesMFA {
		t.Errorf("counted %d records, %d files, %d sign-ins, %d AssumeRole, %d with MFA; the manifest says %+v",
			c.records, len(files), c.signIns, c.assume, c.assumeMFA, m)
	}
	if !maps.Equal(c.reasons, m.ByReason) {
		t.Errorf("by reason: counted %v, manifest %v", c.reasons, m.ByReason)
	}
	for name, n := range m.Related {
		if c.names[name] != n {
			t.Errorf("%s: counted %d, manifest %d", name, c.names[name], n)
		}
	}
	if got := c.records - len(c.ids); got != m.Duplicates || m.Duplicates*10 < m.SignIns {
		t.Errorf("%d ids are repeated, manifest %d", got, m.Duplicates)
	}
}

func TestEverySceneAndDecoyHappens(t *testing.T) {
	s := small()
	s.Records, s.DuplicateRate = 20000, 0
	_, m := hash(t, s)
	for _, d := range decoys() {
		if m.Decoys[d.kind] == 0 {
			t.Errorf("no decoy of kind %s", d.kind)
		}
	}
	for _, r := range signin.Reasons() {
		made := m.ByReason[string(r)] > 0
		if never := r == signin.ReasonNotASignIn || r == signin.ReasonUnreadable; made == never {
			t.Errorf("sign-ins with reason %s: %d", r, m.ByReason[string(r)])
		}
	}
	if m.SignIns < 1950 || m.SignIns > 2050 {
		t.Errorf("%d sign-ins in 20000 records, want about 2000", m.SignIns)
	}
}

var layout = regexp.MustCompile(`^AWSLogs/(o-[a-z0-9]+/)?\d{12}/CloudTrail/[a-z]{2}-[a-z]+-\d/2026/11/\d\d/(\d{12})_CloudTrail_([a-z0-9-]+)_\d{8}T\d{4}Z_[A-Za-z0-9]{16}\.json\.gz$`)

func TestLayoutShapeAndRatio(t *testing.T) {
	for _, org := range []string{"", "o-example123"} {
		s := small()
		s.SignInRate, s.DecoyRate, s.MFAShare, s.Organization = 0.001, 0, 0, org
		files, m := archive(t, s)
		for _, f := range files {
			if !layout.MatchString(f.path) {
				t.Errorf("path %s", f.path)
			}
			if !bytes.HasPrefix(f.json, []byte(`{"Records":[{"eventVersion":"`)) || bytes.ContainsRune(f.json, '\n') {
				t.Errorf("%s begins with %.60q or has several lines", f.path, f.json)
			}
		}
		if m.Ratio() < 5 || m.Ratio() > 9 {
			t.Errorf("ratio %.2f, want 5 to 9", m.Ratio())
		}
		if mean := m.JSONBytes / int64(m.Records); mean < 1500 || mean > 1900 {
			t.Errorf("%d bytes a record, want about 1700", mean)
		}
	}
}

func TestTiny(t *testing.T) {
	files, m := archive(t, Spec{Seed: 1, Records: 4000, Tiny: true, SignInRate: 0.01})
	var sizes []int
	paths := map[string]bool{}
	for _, f := range files {
		sizes = append(sizes, len(f.records))
		paths[f.path] = true
	}
	slices.Sort(sizes)
	if median := sizes[len(sizes)/2]; median < 4 || median > 6 || len(paths) != m.Files {
		t.Errorf("median %d records, want 5; %d paths of %d files", median, len(paths), m.Files)
	}
}

func TestGenerateWritesWhatEachGives(t *testing.T) {
	dir := t.TempDir()
	s := Spec{Seed: 3, Records: 300, MedianRecords: 50, SignInRate: 0.05}
	m, err := Generate(dir, s)
	if err != nil {
		t.Fatalf("Generate: %v", err)
	}
	files := 0
	_, err = Each(s, func(path string, gz []byte, _ int) error {
		files++
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err == nil && !bytes.Equal(got, gz) {
			t.Errorf("%s differs", path)
		}
		return err
	})
	if err != nil || files != m.Files {
		t.Errorf("%d files, manifest %d, error %v", files, m.Files, err)
	}
	if _, err := Generate(dir, s); err == nil {
		t.Error("Generate into a folder that holds an archive: no error")
	}
}

func TestEachReturnsTheErrorOfYield(t *testing.T) {
	stop := errors.New("stop")
	if _, err := Each(small(), func(string, []byte, int) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want %v", err, stop)
	}
}

func BenchmarkEach(b *testing.B) {
	for b.Loop() {
		m, err := Each(Spec{Seed: 1, Records: 20_000, SignInRate: 0.001}, func(string, []byte, int) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(m.JSONBytes)
	}
}
