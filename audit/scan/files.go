package scan

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"mfawatch/audit/trail"
)

// Files finds the sources that paths name: files, folders with all that is
// below them, and "-" for standard input, in order, each file once. What cannot
// be looked at is a source whose Open fails, so that it is reported with all
// the others.
func Files(paths []string, stdin io.Reader) []Source {
	w := &walk{seen: map[string]bool{}}
	for _, p := range paths {
		if p == "-" {
			w.sources = append(w.sources, standardInput(stdin))
			continue
		}
		w.path(p, true)
	}
	return w.sources
}

// FS finds the sources in a file system, in the order of their paths.
func FS(fsys fs.FS) ([]Source, error) {
	var sources []Source
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		open := func() (io.ReadCloser, error) { return fsys.Open(name) }
		sources = append(sources, Source{Name: name, Size: info.Size(), Open: open})
		return nil
	})
	return sources, err
}

func standardInput(r io.Reader) Source {
	return Source{Name: "-", Given: true, Stream: true, Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

type walk struct {
	sources []Source
	seen    map[string]bool // real paths of folders and files, so that links do not lead in circles
}

// path takes what a person named, or what a symbolic link leads to.
func (w *walk) path(name string, given bool) {
	info, err := os.Stat(name)
	if err != nil {
		w.fails(name, err)
		return
	}
	real, err := realPath(name)
	if err != nil {
		w.fails(name, err)
		return
	}
	switch {
	case info.IsDir():
		w.folder(name, real)
	case info.Mode().IsRegular():
		w.file(name, real, info.Size(), given)
	case given: // a pipe, such as the shell's <(…)
		w.sources = append(w.sources, Source{Name: name, Given: true, Stream: true, Open: opener(name)})
	}
}

func realPath(name string) (string, error) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}

func (w *walk) folder(name, real string) {
	if w.seen[real] {
		return
	}
	w.seen[real] = true
	entries, err := os.ReadDir(name)
	if err != nil {
		w.fails(name, err)
	}
	for _, e := range entries {
		w.entry(filepath.Join(name, e.Name()), filepath.Join(real, e.Name()), e)
	}
}

// entry takes one entry of a folder. Only a symbolic link needs a look at where
// it leads. Pipes and devices that lie in a folder are nobody's logs.
func (w *walk) entry(name, real string, e fs.DirEntry) {
	switch {
	case e.Type()&fs.ModeSymlink != 0:
		w.path(name, false)
	case e.IsDir():
		w.folder(name, real)
	case e.Type().IsRegular():
		info, err := e.Info()
		if err != nil {
			w.fails(name, err)
			return
		}
		w.file(name, real, info.Size(), false)
	}
}

func (w *walk) file(name, real string, size int64, given bool) {
	if w.seen[real] {
		return
	}
	w.seen[real] = true
	w.sources = append(w.sources, Source{Name: name, Size: size, Given: given, Open: opener(name)})
}

func (w *walk) fails(name string, err error) {
	w.sources = append(w.sources, Source{Name: name, Given: true, Open: func() (io.ReadCloser, error) { return nil, err }})
}

func opener(name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(name) }
}

// cause says in a few words why a file could not be opened; its path is said
// beside it.
func cause(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file or folder"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.Is(err, syscall.ELOOP):
		return "a symbolic link that leads to itself"
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

func reason(d trail.Damage) string {
	switch d.More {
	case 0:
		return d.Reason
	case 1:
		return d.Reason + " (and 1 more damaged place)"
	}
	return fmt.Sprintf("%s (and %d more damaged places)", d.Reason, d.More)
}
