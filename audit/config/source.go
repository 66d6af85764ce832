package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"mfawatch/audit/config/compiled"
)

// Source is mfawatch.yaml as it was read, and the folder in which the files that
// it names are.
type Source struct {
	Name      string // what errors call it
	Data      []byte
	Overrides []Override
	Folder    fs.FS // nil: a file that names others is refused
}

// whole is what mfawatch.yaml says for the functions, as the schema accepts it.
type whole struct {
	rulesFile
	exemptionsFile
	Accounts map[string]string
	Alerts   struct {
		FoldAfter  int    `json:"fold_after"`
		FoldWindow window `json:"fold_window"`
	}
	named []ExemptionFile // the files of exemption_files
}

// File reads it for the functions, with the exemptions of the files that it names.
// Errors are as those of Rules, of all these files.
func (s Source) File() (File, error) {
	f, _, err := s.read()
	return f, err
}

// Compile gives what stands under the name mfawatch.yaml in a function's folder.
func (s Source) Compile() ([]byte, error) {
	f, named, err := s.read()
	if err != nil {
		return nil, err
	}
	from := bytes.Clone(s.Data)
	for _, file := range named {
		from = fmt.Appendf(from, "\x00%s\x00%s", file.Name, file.Data)
	}
	out, err := compiled.Write(f, from)
	if err != nil {
		return nil, fault(s.Name, err)
	}
	return out, nil
}

func (s Source) read() (File, []ExemptionFile, error) {
	var w whole
	g := granted{}
	also := func(root *node) (faults []*Fault) {
		w.named, faults = s.open(root)
		return append(faults, g.faults(s.Name, root, nil)...)
	}
	err := loadFile(s.Name, s.Data, s.Overrides, also, &w)
	more, others := g.read(w.named)
	if err := errors.Join(err, others); err != nil {
		return File{}, nil, err
	}
	file := w.file()
	file.Posture.Exemptions = append(file.Posture.Exemptions, more...)
	if err := errors.Join(file.Detect.Validate(), file.Posture.Validate()); err != nil {
		return File{}, nil, fault(s.Name, err)
	}
	return file, w.named, nil
}

func (w whole) file() File {
	file := File{Accounts: w.Accounts, FoldAfter: w.Alerts.FoldAfter, FoldWindow: time.Duration(w.Alerts.FoldWindow)}
	if file.FoldAfter == 0 {
		file.FoldAfter = defaultFoldAfter
	}
	if file.FoldWindow == 0 {
		file.FoldWindow = defaultFoldWindow
	}
	file.Judging = w.judging()
	file.Posture.Exemptions = w.list(nil)
	return file
}

// open reads the files that exemption_files names.
func (s Source) open(root *node) (all []ExemptionFile, faults []*Fault) {
	list := root.child("exemption_files")
	if list == nil {
		return nil, nil
	}
	for i, entry := range list.items {
		name := entry.child("path")
		files, err := s.files(fmt.Sprint(name.scalar))
		if err != nil {
			f := at(name.token, err.Error())
			f.Field = fmt.Sprintf("exemption_files[%d].path", i)
			faults = append(faults, f)
			continue
		}
		for _, file := range files {
			file.Name = path.Join(path.Dir(s.Name), file.Name)
			for _, n := range entry.child("accounts").entries() {
				file.Accounts = append(file.Accounts, fmt.Sprint(n.scalar))
			}
			all = append(all, file)
		}
	}
	return all, faults
}

func (s Source) files(name string) ([]ExemptionFile, error) {
	if s.Folder == nil {
		return nil, errors.New("other files are not read here")
	}
	return OpenExemptions(s.Folder, path.Clean(name))
}
