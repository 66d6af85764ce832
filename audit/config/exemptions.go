package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// ExemptionFile is a file of exemptions that was read, and the accounts that it
// may speak for; none: all.
type ExemptionFile struct {
	Name     string // what errors call it
	Data     []byte
	Accounts []string
}

// OpenExemptions reads the file called name, or of a folder each .yaml and .yml
// file in it and below it, in the order of their names. What begins with a dot is
// left out.
func OpenExemptions(folder fs.FS, name string) ([]ExemptionFile, error) {
	if !fs.ValidPath(name) {
		return nil, fmt.Errorf("%s is no path that is read here; write one below this folder, without .. and with / between: exemptions/shop.yaml", quote(name))
	}
	info, err := fs.Stat(folder, name)
	if missing := (*fs.PathError)(nil); errors.As(err, &missing) {
		return nil, &fs.PathError{Op: "open", Path: missing.Path, Err: missing.Err}
	} else if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		data, err := fs.ReadFile(folder, name)
		return []ExemptionFile{{Name: name, Data: data}}, err
	}
	var all []ExemptionFile
	err = fs.WalkDir(folder, name, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case file != name && strings.HasPrefix(d.Name(), ".") && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), ".") || !slices.Contains([]string{".yaml", ".yml"}, path.Ext(file)):
			return nil
		}
		data, err := fs.ReadFile(folder, file)
		all = append(all, ExemptionFile{Name: file, Data: data})
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("folder %s holds no .yaml file", quote(name))
	}
	return all, err
}

// Exemptions reads files of exemptions as one list. Errors are as those of Rules,
// of all the files. Two exemptions of the same subject for the same check are
// an error, be they in one file or two: nobody could say which holds.
func Exemptions(files ...ExemptionFile) ([]audit.Exemption, error) {
	list, err := granted{}.read(files)
	if err != nil {
		return nil, err
	}
	if err := (posture.Rules{Exemptions: list}).Validate(); err != nil {
		return nil, fault(files[0].Name, err)
	}
	return list, nil
}

// exemptionsFile is an exemptions file that the schema accepts.
type exemptionsFile struct {
	Exemptions []struct {
		ID, Owner, Reason, Ticket string
		Expires                   end
		Checks, Accounts          []string
	}
}

// list are the exemptions of a file that may speak for some accounts; none: all.
func (f exemptionsFile) list(may []string) []audit.Exemption {
	list := []audit.Exemption{}
	for _, e := range f.Exemptions {
		if len(e.Accounts) == 0 {
			e.Accounts = may
		}
		list = append(list, audit.Exemption{ID: e.ID, Owner: e.Owner, Reason: e.Reason, Ticket: e.Ticket, Expires: time.Time(e.Expires), Checks: e.Checks, Accounts: e.Accounts})
	}
	return list
}

// granted remembers where each subject became exempt from each check.
type granted map[string]where

type where struct {
	file string
	line int
}

func (g granted) read(files []ExemptionFile) ([]audit.Exemption, error) {
	list := []audit.Exemption{}
	var errs []error
	for _, file := range files {
		var f exemptionsFile
		also := func(root *node) []*Fault { return g.faults(file.Name, root, file.Accounts) }
		if err := load(file.Name, file.Data, exemptionsForm, also, &f); err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, f.list(file.Accounts)...)
	}
	return list, errors.Join(errs...)
}

// faults are days that there are none of, subjects that are exempt twice, and
// those of accounts that the file, or the entry, may not speak for.
func (g granted) faults(file string, root *node, may []string) []*Fault {
	list := root.child("exemptions")
	if list == nil {
		return nil
	}
	var faults []*Fault
	for i, e := range list.items {
		for _, f := range []*Fault{in("expires", e.child("expires").day()), in("id", g.twice(file, e)), spoken(e, may), in("id", foreign(e, may))} {
			if f != nil {
				f.Field = fmt.Sprintf("exemptions[%d].%s", i, f.Field)
				faults = append(faults, f)
			}
		}
	}
	return faults
}

// twice finds a check that the subject is exempt from already.
func (g granted) twice(file string, e *node) *Fault {
	id := e.child("id")
	for _, check := range checksOf(e) {
		key := fmt.Sprint(id.scalar, " ", check)
		before, there := g[key]
		switch {
		case there && before.file == file:
			return at(id.token, fmt.Sprintf("it is exempt from %s already, on line %d; keep one", check, before.line))
		case there:
			return at(id.token, fmt.Sprintf("it is exempt from %s already, in %s, line %d; keep one", check, before.file, before.line))
		}
		g[key] = where{file, id.token.Position.Line}
	}
	return nil
}

// in names the field of a fault, if there is one.
func in(field string, f *Fault) *Fault {
	if f != nil {
		f.Field = field
	}
	return f
}

// spoken finds an account that an entry wants to speak for and its file may not.
func spoken(e *node, may []string) *Fault {
	for i, n := range e.child("accounts").entries() {
		if account := fmt.Sprint(n.scalar); len(may) > 0 && !slices.Contains(may, account) {
			return in(fmt.Sprintf("accounts[%d]", i), at(n.token, fmt.Sprintf("this file may not speak for %s, only for %s", account, strings.Join(may, ", "))))
		}
	}
	return nil
}

// foreign tells an id of an account that may not be spoken for. Whose user or role
// an id is, nobody knows before an account is read.
func foreign(e *node, may []string) *Fault {
	var own []string
	for _, n := range e.child("accounts").entries() {
		own = append(own, fmt.Sprint(n.scalar))
	}
	if len(own) > 0 {
		may = own
	}
	id := e.child("id")
	account := accountOf(fmt.Sprint(id.scalar))
	if account == "" || len(may) == 0 || slices.Contains(may, account) {
		return nil
	}
	return at(id.token, fmt.Sprintf("it is of account %s, and only %s may be spoken for here", account, strings.Join(may, ", ")))
}

// entries are those of a list; of nothing there are none.
func (n *node) entries() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

// accountOf is the account that an id names: of root, or a device's ARN.
func accountOf(id string) string {
	if part := strings.Split(id, ":"); len(part) > 5 {
		return part[4]
	}
	if strings.Trim(id, "0123456789") == "" {
		return id
	}
	return ""
}

// checksOf are the checks that an exemption is for.
func checksOf(e *node) []string {
	var ids []string
	if named := e.child("checks"); named != nil {
		for _, n := range named.items {
			ids = append(ids, fmt.Sprint(n.scalar))
		}
		return ids
	}
	for _, c := range posture.Checks() {
		if c.Exemptable {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (n *node) day() *Fault {
	text := fmt.Sprint(n.scalar)
	if new(end).UnmarshalText([]byte(text)) == nil {
		return nil
	}
	return at(n.token, quote(text)+" is no day or time that there is")
}

// end is a day, at its beginning, or a time.
type end time.Time

func (e *end) UnmarshalText(b []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, string(b)); err == nil {
			*e = end(t.UTC())
			return nil
		}
	}
	return fmt.Errorf("%q is no day or time", b)
}
