// Package compiled is the form in which mfawatch.yaml stands in a function's
// folder: checked, with everything filled in, and in JSON, which is YAML. What
// reads it needs no YAML parser and no schema; they stay where a person's file is
// read, in audit/config.
//
// It promises that Read takes only what Write writes, byte for byte: an edit by
// hand, a file of another version and a file that was cut short are errors that
// say what to do; and that Read accepts no rules that audit/config refuses, root's
// floors among them. The checksum notices accidents, not forgers: who can write
// the file can write a checksum.
//
// It never opens a file and never reads what a person wrote.
package compiled

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"mfawatch/audit/detect"
	"mfawatch/audit/posture"
	"mfawatch/audit/signin"
)

// Judging are the rules of one file: for sign-ins, for what is detected around
// them, and for accounts.
type Judging struct {
	SignIn  signin.Rules
	Detect  detect.Rules
	Posture posture.Rules
}

// File is mfawatch.yaml: what the functions in AWS go by. Its fields and those of
// the rules are the format: whoever changes their names or meanings raises
// format.
type File struct {
	Judging
	Accounts   map[string]string // what people call their accounts, by number
	FoldAfter  int               // so many alerts of one principal and reason are sent one by one
	FoldWindow time.Duration     // within this time; later ones of it come as a digest
}

// Name is what the file is called in a function's folder.
const Name = "mfawatch.yaml"

// format is the version of what Write writes and Read reads.
const format = 1

const (
	opening = `{"compiled":` // begins every compiled file of every version
	advice  = "by mfawatch; do not edit: edit the file that it was made from and deploy again"
	remedy  = `edit the mfawatch.yaml that it was made from and deploy again, or run "mfawatch config compile FILE -o OUT"`
)

// envelope is the whole file. Its fields before Format stand first in every
// version.
type envelope struct {
	Compiled string          `json:"compiled"`
	Format   int             `json:"format"`
	Source   string          `json:"source"`   // SHA-256 of what it was made from
	Checksum string          `json:"checksum"` // of source and content
	Content  json.RawMessage `json:"content"`
}

// Is tells whether data begins as a compiled file does, of whatever version, and
// whatever became of it since.
func Is(data []byte) bool { return bytes.HasPrefix(data, []byte(opening)) }

// Write makes the compiled form of a file that was read from source. The same
// file and source give the same bytes. What Read would refuse is an error.
func Write(f File, source []byte) ([]byte, error) {
	if err := validate(f); err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	content, err := marshal(f)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	if again, err := decode(content); err != nil || !reflect.DeepEqual(f, again) {
		return nil, fmt.Errorf("compile: a value does not survive being written, such as text that is not UTF-8 (error %v)", err)
	}
	sum := sha256.Sum256(source)
	return seal(content, hex.EncodeToString(sum[:])), nil
}

// seal writes one field on each line, and the content, which nobody reads, on the
// last.
func seal(content []byte, source string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%q,\n", opening, advice)
	fmt.Fprintf(&b, " \"format\":%d,\n \"source\":%q,\n \"checksum\":%q,\n", format, source, checksum(source, content))
	fmt.Fprintf(&b, " \"content\":%s}\n", content)
	return b.Bytes()
}

func marshal(f File) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(f)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func checksum(source string, content []byte) string {
	sum := sha256.New()
	_, _ = io.WriteString(sum, source+"\n") // a hash takes everything
	_, _ = sum.Write(content)
	return hex.EncodeToString(sum.Sum(nil))
}

// Read reads what Write has written. name is what errors call it.
func Read(name string, data []byte) (File, error) {
	e, err := open(data)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", name, err)
	}
	f, err := decode(e.Content)
	if err != nil {
		return File{}, fmt.Errorf("%s: its content was made by another mfawatch: %w: %s", name, err, remedy)
	}
	if err := validate(f); err != nil {
		return File{}, fmt.Errorf("%s: %w: %s", name, err, remedy)
	}
	if again, err := marshal(f); err != nil || !bytes.Equal(seal(again, e.Source), data) {
		return File{}, fmt.Errorf("%s: it is not as mfawatch writes it: %s", name, remedy)
	}
	return f, nil
}

// open takes the envelope off, which says what is wrong before the content can.
func open(data []byte) (envelope, error) {
	if !Is(data) {
		return envelope{}, errors.New(`it is not compiled, and a function reads no YAML that a person wrote: run "mfawatch config compile FILE -o OUT" and deploy OUT under this name`)
	}
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return envelope{}, fmt.Errorf("it was cut short or changed after it was compiled (%w): %s", err, remedy)
	}
	switch {
	case e.Format != format:
		return envelope{}, fmt.Errorf("format %d is not known, this program reads format %d: compile it with the mfawatch of the function's own version", e.Format, format)
	case len(e.Source) != 2*sha256.Size || strings.Trim(e.Source, "0123456789abcdef") != "" || e.Checksum != checksum(e.Source, e.Content):
		return envelope{}, fmt.Errorf("it was changed after it was compiled: %s", remedy)
	}
	return e, nil
}

func decode(content []byte) (File, error) {
	var f File
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	err := d.Decode(&f)
	return f, err
}
