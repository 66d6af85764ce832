package folder_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
)

var signer = record.Local(ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32))))
var _ record.Archive = folder.Folder{}

func chain(t *testing.T, n int) (lines [][]byte, hash string) {
	t.Helper()
	hash = record.Start
	for i := range n {
		e := record.Entry{Door: "main", At: time.Unix(1_800_000_000, 0), Actor: "door", What: record.Asked, Outcome: record.Done}
		line, next, err := record.Append(int64(i), hash, e)
		if err != nil {
			t.Fatal(err)
		}
		lines, hash = append(lines, line), next
	}
	return lines, hash
}

func TestFolder(t *testing.T) {
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "a[b]*", "record")}
	lines, hash := chain(t, 5)
	next := func(want int64) {
		t.Helper()
		after := record.Start
		if want > 1 {
			after = record.Hash(lines[want-2])
		}
		if n, got, err := f.Next(t.Context()); n != want || got != after || err != nil {
			t.Errorf("Next = %d after %s, %v, want %d after %s", n, got, err, want, after)
		}
	}
	next(1)
	for _, part := range [][2]int{{0, 2}, {2, 3}, {3, 5}, {0, 2}, {3, 5}} { // the last two are there
		if err := f.Append(t.Context(), int64(part[0]+1), lines[part[0]:part[1]]); err != nil {
			t.Errorf("Append %v: %v", part, err)
		}
	}
	next(6)
	head, err := record.Sign(t.Context(), signer, "main", 5, hash, time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.AppendHead(t.Context(), head); err != nil {
			t.Error(err)
		}
	}
	read, heads, err := f.Read()
	if err != nil || len(heads) != 1 {
		t.Fatalf("%d heads, %v", len(heads), err)
	}
	if r, err := record.Verify("main", read, heads, []ed25519.PublicKey{signer.Key()}); err != nil || r.Entries != 5 || r.Signed != 5 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
	names, _ := os.ReadDir(f.Dir)
	if len(names) != 4 {
		t.Errorf("the folder has %v, want three files of entries and a head", names)
	}
	for _, n := range names {
		if info, err := n.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", n.Name(), info.Mode())
		}
	}
}

// TestTwoHeadsOfOneEntry: both are kept, however often, and none is written over.
func TestTwoHeadsOfOneEntry(t *testing.T) {
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	lines, hash := chain(t, 1)
	if err := f.Append(t.Context(), 1, lines); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, h := range []string{hash, record.Start, record.Hash(lines[0][1:])} {
			head, err := record.Sign(t.Context(), signer, "main", 1, h, time.Unix(1_800_000_000, 0))
			if err == nil {
				err = f.AppendHead(t.Context(), head)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	if _, heads, err := f.Read(); err != nil || len(heads) != 3 {
		t.Errorf("%d heads, %v, want 3", len(heads), err)
	}
}

func TestNothingIsReplaced(t *testing.T) {
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	lines, _ := chain(t, 5)
	if err := f.Append(t.Context(), 1, lines[:2]); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"fewer of the same": f.Append(t.Context(), 1, lines[:1]), "more of the same": f.Append(t.Context(), 1, lines[:3]), "a gap": f.Append(t.Context(), 4, lines[3:]),
		"an overlap": f.Append(t.Context(), 2, lines[1:]), "nothing": f.Append(t.Context(), 3, nil), "another number": f.Append(t.Context(), 3, lines[3:]),
		"no entries": f.Append(t.Context(), 3, [][]byte{[]byte("{}")}),
	} {
		if err == nil {
			t.Errorf("%s is appended", what)
		}
	}
	if read, _, err := f.Read(); err != nil || len(read) != 2 {
		t.Errorf("%d entries are there, %v, want 2", len(read), err)
	}
}

func TestManyAppend(t *testing.T) {
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	lines, _ := chain(t, 40)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range 200 {
				next, _, err := f.Next(t.Context())
				if err != nil || next > 40 {
					return
				}
				_ = f.Append(t.Context(), next, lines[next-1:min(int(next)+i%3, 40)]) // one of many wins
			}
		}()
	}
	wait.Wait()
	read, _, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	if r, err := record.Verify("main", read, nil, nil); err != nil || r.Entries != 40 {
		t.Errorf("after many at once: %+v, %v", r, err)
	}
}

func TestOnlyItsOwnersFolder(t *testing.T) {
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	lines, _ := chain(t, 2)
	if err := f.Append(t.Context(), 1, lines[:1]); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.Dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{f.Append(t.Context(), 2, lines[1:]), func() error { _, _, err := f.Read(); return err }()} {
		if err == nil || !strings.Contains(err.Error(), "chmod 700") {
			t.Errorf("a folder that others read = %v", err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (folder.Folder{Dir: file}).Append(t.Context(), 1, lines[:1]); err == nil {
		t.Error("a file is taken for a folder")
	}
}

func TestDamagedFiles(t *testing.T) {
	f := folder.Folder{Dir: filepath.Join(t.TempDir(), "record")}
	lines, _ := chain(t, 3)
	if err := f.Append(t.Context(), 1, lines[:2]); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(f.Dir, "entries-000000000001.jsonl")
	for _, text := range []string{"", string(lines[0]), "{}\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Append(t.Context(), 3, lines[2:]); err == nil || !strings.Contains(err.Error(), "entries-") {
			t.Errorf("after %q: %v, want the file named", text, err)
		}
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "head-000000000001-x.json"), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Read(); err == nil || !strings.Contains(err.Error(), "head-") {
		t.Errorf("a damaged head = %v", err)
	}
}
