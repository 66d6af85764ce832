package collect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadExportBounds(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f.json"), []byte("1234"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if f, err := readExport(root, "f.json", 4); err != nil || string(f.text) != "1234" {
		t.Errorf("a file as large as the bound: %q, error %v", f.text, err)
	}
	if _, err := readExport(root, "f.json", 3); err == nil || !strings.Contains(err.Error(), "larger than 3 bytes") {
		t.Errorf("a file that is larger: %v", err)
	}
	if _, err := readExport(root, ".", 4); err == nil || err.Error() != "not a regular file" {
		t.Errorf("what is no file: %v", err)
	}
}
