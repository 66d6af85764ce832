package outfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/internal/outfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

// What a killed writer left is removed by the next to write in the folder, when it is
// old, nobody's, and a file.
func TestLeftovers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-61 * time.Minute)
	put := func(name string, at time.Time) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(name, []byte("x"), 0o600), os.Chtimes(name, at, at)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	gone := put(".mfawatch-123", old)
	stays := []string{put(".mfawatch-young", time.Now().Add(-59*time.Minute)), put(".mfawatchful", old), put("mfawatch-1", old), put(".mfawatch", old)}
	folder, link := filepath.Join(dir, ".mfawatch-demo-1"), filepath.Join(dir, ".mfawatch-link")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Chtimes(folder, old, old), os.Symlink(stays[0], link)); err != nil {
		t.Fatal(err)
	}
	stays = append(stays, folder, link)
	// One that is being written, slowly, is its writer's, however old.
	err := outfile.Write(filepath.Join(dir, "slow"), func(w io.Writer) error {
		names, err := os.ReadDir(dir)
		for _, e := range names {
			if strings.HasPrefix(e.Name(), ".mfawatch-") && e.Type().IsRegular() && !slices.Contains(stays, filepath.Join(dir, e.Name())) {
				err = errors.Join(err, os.Chtimes(filepath.Join(dir, e.Name()), old, old))
			}
		}
		return errors.Join(err, outfile.Write(filepath.Join(dir, "quick"), text("quick")), text("slow")(w))
	})
	if got, _ := os.ReadFile(filepath.Join(dir, "slow")); err != nil || string(got) != "slow" {
		t.Errorf("a slow writer: %q, %v", got, err)
	}
	if _, err := os.Lstat(gone); err == nil {
		t.Error("what a killed writer left is there")
	}
	for _, name := range stays {
		if _, err := os.Lstat(name); err != nil {
			t.Errorf("%s is removed", name)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "report.json")
	if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"", "new", strings.Repeat("x", 1<<20)} {
		if err := outfile.Write(name, text(s)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || string(got) != s {
			t.Errorf("%d bytes, error %v, want %d", len(got), err, len(s))
		}
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, error %v, want -rw-------", info.Mode(), err)
	}
	alone(t, dir)
}

// alone asserts that nothing temporary is left.
func alone(t *testing.T, dir string) {
	t.Helper()
	if names, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v (error %v)", names, err)
	}
}

func TestWriteThatFailsKeepsTheOldFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "report.json")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := outfile.Write(name, func(w io.Writer) error {
		return errors.Join(text(strings.Repeat("half", 100_000))(w), broken)
	})
	if got, _ := os.ReadFile(name); !errors.Is(err, broken) || string(got) != "old" {
		t.Errorf("error %v, the file holds %d bytes", err, len(got))
	}
	alone(t, dir)
}

// A link chooses no file for us: not one that is there, nor one that would be made.
func TestWriteFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "real"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"link": "real", "dangling": "missing", "twice": "link"} {
		name := filepath.Join(dir, link)
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
		err := outfile.Write(name, text("x"))
		if want := "write " + name + ": it is a link to " + target + ": name the file itself"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		if got, err := os.Readlink(name); err != nil || got != target {
			t.Errorf("the link %s is now %q (error %v)", link, got, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "real")); err != nil || string(got) != "old" {
		t.Errorf("%q, error %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link made a file (error %v)", err)
	}
	alone(t, dir)
}

// A folder may be reached by a link, as temporary folders are, and a device too.
func TestWriteByALinkToNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "real"), 0o700), os.Symlink("real", filepath.Join(dir, "folder")), os.Symlink("/dev/null", filepath.Join(dir, "null"))); err != nil {
		t.Fatal(err)
	}
	if err := outfile.Write(filepath.Join(dir, "folder", "report.json"), text("x")); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "real", "report.json")); err != nil || string(got) != "x" {
		t.Errorf("%q, error %v", got, err)
	}
	if err := outfile.Write(filepath.Join(dir, "null"), text("x")); err != nil {
		t.Error(err)
	}
}

func TestWriteRefusesNames(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, want := range map[string]string{"": "the name is empty", "-": "./- for one of that name"} {
		if err := outfile.Write(name, text("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
	if err := outfile.Write("./-", text("x")); err != nil {
		t.Error(err)
	}
}

func TestWriteToWhatIsNoFile(t *testing.T) {
	if err := outfile.Write("/dev/null", text("x")); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		t.TempDir(): "it is a folder: name a file in it",
		filepath.Join(t.TempDir(), "missing", "report.json"): "no such file or directory",
	} {
		err := outfile.Write(name, text("x"))
		if err == nil || !strings.HasSuffix(err.Error(), want) || !strings.HasPrefix(err.Error(), "write "+name+": ") {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// TestWriteMode: what others have to read they can, whatever the file was before.
func TestWriteMode(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "mfawatch.yaml")
	for _, mode := range []os.FileMode{0o644, 0o600, 0o644} {
		if err := outfile.WriteMode(name, mode, text("new")); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("mode %v, error %v, want %v", info.Mode(), err, mode)
		}
	}
	alone(t, dir)
}
