package collect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf16"

	"mfawatch/audit"
)

// FolderOptions are how exported files are read.
type FolderOptions struct {
	// TakenAt is when the files were exported. Zero takes what a file ExportedAt
	// says, and without one the time that each was last written: unpacking or
	// copying may have changed it.
	TakenAt time.Time
	// SCPs is a folder that OrganizationCommands wrote for the account's organisation;
	// empty where the policies are among the account's own files, or not known.
	SCPs string
}

// ExportedAt is the file that says when its folder was exported, in UTC as in
// 2026-11-20T12:00:00Z.
const ExportedAt = "exported-at.txt"

// maxFile bounds a file: the authorization details of the largest accounts have
// tens of megabytes.
const maxFile = 512 << 20

// Folder reads what the AWS CLI wrote for one account: every .json, .csv and
// .txt below a folder, or one file. Each is known by what it holds, not by its
// name; the name matters only where AWS's answer does not say whom it is about.
// In a folder that is called as a kind of answer about single users, as in
// mfa-devices/ada.json, every file is one and is about whom its name says,
// however odd the name: users are called as one likes, also root, .profile or
// root-mfa-devices. Root's own answers are in files beside those folders, as in
// root-mfa-devices.json, or have a security key of root.
//
// Commands lists what to run. A file that holds an error of the CLI, or nothing,
// becomes a Gap that names it; so does an answer about one user that cannot be
// read, and a fact without a file. What files cannot tell is taken on trust:
// that a list of virtual devices was made with --assignment-status Any, and that
// no list was narrowed by a filter or path prefix, beyond what other files show.
// Where they show it, there is a Gap.
//
// Links are not followed out of the folder. A snapshot that mfawatch saved is
// returned as it is and must be the only file.
func Folder(name string, o FolderOptions) (audit.Snapshot, error) {
	im, err := readFolder(name, o.TakenAt)
	if err != nil {
		return audit.Snapshot{}, ofPath(name, err)
	}
	s, err := im.snapshot()
	if err != nil {
		return audit.Snapshot{}, ofPath(name, err)
	}
	if o.SCPs == "" {
		return s, nil
	}
	if err := addSCPs(&s, o.SCPs); err != nil {
		return audit.Snapshot{}, ofPath(o.SCPs, err)
	}
	return s, nil
}

// readFolder gathers what the files of a folder say.
func readFolder(name string, takenAt time.Time) (*importer, error) {
	im := newImporter()
	im.dated = !takenAt.IsZero()
	if !im.dated {
		var err error
		if takenAt, err = exportedAt(name); err != nil {
			return nil, err
		}
	}
	return im, eachExport(name, im.skip, func(f exportFile) error {
		if !takenAt.IsZero() {
			f.at = takenAt.UTC()
		}
		return im.add(f)
	})
}

// ofPath says once what was read where it is one file, of which the error names
// the last part.
func ofPath(name string, err error) error {
	dir, base := filepath.Split(name)
	if base != "" && strings.HasPrefix(err.Error(), base+": ") {
		return errors.New(dir + err.Error())
	}
	return fmt.Errorf("%s: %w", name, err)
}

// exportedAt is when a folder says that it was exported; zero where it does not.
func exportedAt(folder string) (time.Time, error) {
	text, err := os.ReadFile(filepath.Join(folder, ExportedAt))
	if err != nil {
		return time.Time{}, nil // it is no folder, or has no such file
	}
	at, err := time.Parse(time.RFC3339, strings.TrimSpace(string(decodeText(text))))
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: not a time as 2026-11-20T12:00:00Z: mend it, or take it out and give --taken-at", ExportedAt)
	}
	return at.UTC(), nil
}

// exportFile is an exported file as text: UTF-8 without a byte order mark.
type exportFile struct {
	name string // below the folder, with slashes
	at   time.Time
	text []byte
}

// eachExport gives every file that may be an export, ordered by name, and the
// names of those that are not read.
func eachExport(name string, skip func(string), take func(exportFile) error) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return withoutPath(err)
	case !info.IsDir():
		return oneExport(name, take)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return withoutPath(err)
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", p, withoutPath(err))
		case p == ".":
			return nil
		case strings.HasPrefix(e.Name(), ".") && e.IsDir():
			return fs.SkipDir
		case e.IsDir() || isAside(p):
			return nil
		case !mayBeExport(p):
			skip(p)
			return nil
		}
		return giveExport(root, p, take)
	})
}

func oneExport(name string, take func(exportFile) error) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return withoutPath(err)
	}
	defer root.Close()
	return giveExport(root, filepath.Base(name), take)
}

// isAside tells what is in folders anyway. Where files are called after users it
// may be one's.
func isAside(name string) bool {
	base := path.Base(name)
	return !inFolderOfKind(name) && (base == ExportedAt || strings.HasPrefix(base, ".") || strings.HasPrefix(strings.ToUpper(base), "README"))
}

func mayBeExport(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".csv", ".txt":
		return true
	}
	return inFolderOfKind(name)
}

func giveExport(root *os.Root, name string, take func(exportFile) error) error {
	f, err := readExport(root, name, maxFile)
	if err != nil {
		return fmt.Errorf("%s: %w", name, withoutPath(err))
	}
	return take(f)
}

// readExport opens only what is a file: a pipe would be waited for.
func readExport(root *os.Root, name string, limit int64) (exportFile, error) {
	info, err := root.Stat(name)
	if err != nil {
		return exportFile{}, err
	}
	if !info.Mode().IsRegular() {
		return exportFile{}, errors.New("not a regular file")
	}
	r, err := root.Open(name)
	if err != nil {
		return exportFile{}, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return exportFile{}, err
	case int64(len(data)) > limit:
		return exportFile{}, fmt.Errorf("larger than %d bytes, which no export of one account is", limit)
	}
	return exportFile{name: filepath.ToSlash(name), at: info.ModTime().UTC().Truncate(time.Second), text: decodeText(data)}, nil
}

// withoutPath is the cause of a file's error without the path that is said already.
func withoutPath(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// decodeText makes UTF-8 of what shells write: PowerShell's > writes UTF-16
// with a byte order mark (about_Redirection, Windows PowerShell 5.1).
func decodeText(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return fromUTF16(data[2:], 0)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return fromUTF16(data[2:], 1)
	}
	return bytes.TrimPrefix(data, []byte("\ufeff"))
}

// fromUTF16 reads pairs of bytes, the low one at index low.
func fromUTF16(data []byte, low int) []byte {
	units := make([]uint16, 0, len(data)/2)
	for i := 0; i+1 < len(data); i += 2 {
		units = append(units, uint16(data[i+low])|uint16(data[i+1-low])<<8)
	}
	return []byte(string(utf16.Decode(units)))
}
