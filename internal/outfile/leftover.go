package outfile

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	temporary = ".mfawatch-"
	// abandonedAfter is how old what a writer left has to be: one that has just made its
	// file may not hold it yet.
	abandonedAfter = time.Hour
)

// sweep removes from a folder what writers that were killed left there. What cannot be
// removed, or is not known to be nobody's, stays.
func sweep(dir string) {
	names, err := filepath.Glob(filepath.Join(escaped(dir), temporary+"*"))
	if err != nil {
		return
	}
	for _, name := range names {
		info, err := os.Lstat(name)
		if err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandonedAfter && abandoned(name, info) {
			_ = os.Remove(name)
		}
	}
}

// escaped is a folder's name in which no letter means others.
func escaped(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}
