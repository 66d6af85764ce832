// Package inventory says which user's AWS device is on which YubiKey, and who put it
// there: AWS takes the OATH application of a YubiKey for a virtual device, and cannot
// tell it from an app.
//
// It promises that a device is listed once, that what is read was written by it and is
// understood whole, and that nothing secret is in it. It reads no file, asks no clock and
// no YubiKey: it is a record of what was done, and no proof of what is.
package inventory

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Entry is one device on one key.
type Entry struct {
	Account  string    `json:"account"`
	User     string    `json:"user"`
	YubiKey  uint32    `json:"yubikey"` // serial number; 0 is a key that does not tell it
	Device   string    `json:"device"`  // ARN of the MFA device, and the credential's name on the key
	Touch    bool      `json:"touch"`   // each code wants a touch
	Password bool      `json:"password"`
	Enrolled time.Time `json:"enrolled"`
	By       string    `json:"by"` // ARN of who enrolled it
}

// List is an inventory, by device. The zero List is empty.
type List struct{ entries []Entry }

// version is of the file's form.
const version = 1

type file struct {
	Version int     `json:"version"`
	Entries []Entry `json:"entries"`
}

// maxFile is more than any inventory has.
const maxFile = 16 << 20

// Parse reads what Text wrote.
func Parse(text []byte) (List, error) {
	if len(text) > maxFile {
		return List{}, fmt.Errorf("it has more than %d bytes: it is no inventory", maxFile)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return List{}, fmt.Errorf("it is no inventory: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return List{}, errors.New("there is more after the inventory: restore it, or remove what was added")
	}
	if f.Version != version {
		return List{}, fmt.Errorf("it has version %d, and this program knows %d: use the one that wrote it", f.Version, version)
	}
	var l List
	for i, e := range f.Entries {
		if err := e.check(); err != nil {
			return List{}, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if _, there := l.Find(e.Device); there {
			return List{}, fmt.Errorf("entry %d: device %s is listed twice: remove the one that is wrong", i+1, e.Device)
		}
		l = l.With(e)
	}
	return l, nil
}

func (e Entry) check() error {
	account, name, ok := cutDevice(e.Device)
	switch {
	case !ok || name == "":
		return fmt.Errorf("device %q is no ARN of a virtual MFA device", e.Device)
	case account != e.Account:
		return fmt.Errorf("device %s is not of account %q", e.Device, e.Account)
	case e.User == "":
		return fmt.Errorf("device %s is nobody's: name its user", e.Device)
	case e.Enrolled.IsZero():
		return fmt.Errorf("device %s was enrolled at no time: write when", e.Device)
	}
	return nil
}

// cutDevice takes arn:aws:iam::111122223333:mfa/NAME apart.
func cutDevice(arn string) (account, name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || parts[2] != "iam" {
		return "", "", false
	}
	name, ok = strings.CutPrefix(parts[5], "mfa/")
	return parts[4], name, ok
}

// All are the entries, by device.
func (l List) All() []Entry { return slices.Clone(l.entries) }

// Find is the entry of exactly that device.
func (l List) Find(device string) (Entry, bool) {
	i, there := slices.BinarySearchFunc(l.entries, device, byDevice)
	if !there {
		return Entry{}, false
	}
	return l.entries[i], true
}

func byDevice(e Entry, device string) int { return strings.Compare(e.Device, device) }

// With is the list with an entry, in the place of one of the same device. Times are kept
// to the second.
func (l List) With(e Entry) List {
	e.Enrolled = e.Enrolled.UTC().Truncate(time.Second)
	all := l.Without(e.Device).entries
	i, _ := slices.BinarySearchFunc(all, e.Device, byDevice)
	return List{slices.Insert(all, i, e)}
}

// Without is the list without a device.
func (l List) Without(device string) List {
	return List{slices.DeleteFunc(slices.Clone(l.entries), func(e Entry) bool { return e.Device == device })}
}

// Text is the inventory as Parse reads it.
func (l List) Text() ([]byte, error) {
	for _, e := range l.entries {
		if err := e.check(); err != nil {
			return nil, err
		}
	}
	entries := l.entries
	if entries == nil {
		entries = []Entry{}
	}
	text, err := json.MarshalIndent(file{version, entries}, "", "  ")
	return append(text, '\n'), err
}

// CSV writes a table for people. Cells that a spreadsheet would take for a formula get
// an apostrophe before them.
func (l List) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"account", "user", "yubikey", "device", "touch", "password", "enrolled", "by"}}
	for _, e := range l.entries {
		rows = append(rows, []string{e.Account, plain(e.User), strconv.FormatUint(uint64(e.YubiKey), 10), e.Device, strconv.FormatBool(e.Touch), strconv.FormatBool(e.Password), e.Enrolled.Format(time.RFC3339), plain(e.By)})
	}
	return out.WriteAll(rows)
}

func plain(cell string) string {
	if strings.HasPrefix(cell, "=") || strings.HasPrefix(cell, "+") || strings.HasPrefix(cell, "-") || strings.HasPrefix(cell, "@") {
		return "'" + cell
	}
	return cell
}
