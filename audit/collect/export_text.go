package collect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// exportAgain is what to do about a file that is damaged; who cannot may leave it out.
const exportAgain = "export it again"

// stranger is a file that is no export, and how it begins.
type stranger struct{ name, words string }

// errUnread is what a file that is no export has as its error where it is one
// user's: why the answer about that user is missing.
var errUnread = errors.New("no export that is known")

// add takes in one file.
func (im *importer) add(f exportFile) error {
	im.files = append(im.files, f.name)
	if f.at.After(im.newest) {
		im.newest = f.at
	}
	text := bytes.TrimSpace(f.text)
	switch {
	case len(text) == 0:
		return im.refuse(f, failure{})
	case bytes.HasPrefix(text, []byte("PK\x03\x04")):
		return im.unread(f, errors.New("a ZIP archive: unpack it"))
	case bytes.HasPrefix(text, []byte{0x1f, 0x8b}):
		return im.unread(f, errors.New("compressed: unpack it"))
	case text[0] == '{':
		return im.objects(f, bytes.IndexByte(f.text, '{'))
	case isReport(text):
		return im.reportCSV(f, text, time.Time{})
	}
	return im.addText(f, text)
}

// addText takes in what is neither JSON nor CSV at its beginning. With 2>&1 the
// CLI's warnings may stand before its answer.
func (im *importer) addText(f exportFile, text []byte) error {
	if e, failed := cliFailure(text); failed {
		return im.refuse(f, e)
	}
	if i := bytes.Index(f.text, []byte("\n{")); i >= 0 {
		return im.objects(f, i+1)
	}
	if decoded, err := base64.StdEncoding.DecodeString(string(text)); err == nil && isReport(decoded) {
		return im.reportCSV(f, decoded, time.Time{})
	}
	return im.unread(f, errUnread)
}

// unread takes in a file that cannot be read. One about a single user is a Gap
// of theirs: a user may be called so that nothing readable comes of it, and must
// not end the audit of the others.
func (im *importer) unread(f exportFile, err error) error {
	kind, whom, named := byName(f.name)
	switch {
	case named && kind.single() && whom != "":
		im.lacks(kind, refusal{whom: whom, file: f.name, reason: fmt.Sprintf("%s: %v", f.name, err)})
		return nil
	case errors.Is(err, errUnread):
		im.strangers = append(im.strangers, stranger{f.name, firstWords(f.text)})
		return nil
	}
	if strings.HasSuffix(err.Error(), exportAgain) {
		err = fmt.Errorf("%w, or take it out, and what it tells is not known", err)
	}
	return fmt.Errorf("%s: %w", f.name, err)
}

// skip notes a file that is not read. Where its name is that of an answer, it is
// why that is missing.
func (im *importer) skip(name string) {
	im.skipped = append(im.skipped, name)
	kind, whom, named := byName(name)
	if named {
		im.lacks(kind, refusal{whom: whom, file: name, reason: name + " is not read: only .json, .csv and .txt are"})
	}
}

// objects takes in every JSON object of a file, or none: a loop that appends
// writes one after the other.
func (im *importer) objects(f exportFile, from int) error {
	var all []document
	d := json.NewDecoder(bytes.NewReader(f.text[from:]))
	for {
		doc := document{exportFile: f}
		err := d.Decode(&doc.raw)
		switch {
		case errors.Is(err, io.EOF):
			return im.takeObjects(all)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return im.unread(f, fmt.Errorf("cut off: the JSON ends too early, at byte %d: "+exportAgain, len(f.text)))
		case err != nil:
			return im.unread(f, brokenJSON(f.text, from+int(d.InputOffset())))
		case !doc.recognise():
			return im.unread(f, errUnread)
		}
		all = append(all, doc)
	}
}

func (im *importer) takeObjects(all []document) error {
	for _, d := range all {
		if err := im.object(d); err != nil {
			return err
		}
	}
	return nil
}

// brokenJSON tells where the JSON that begins at a byte is wrong, counted from
// the file's first byte. The decoder counts from elsewhere.
func brokenJSON(text []byte, from int) error {
	var e *json.SyntaxError
	var raw json.RawMessage
	if errors.As(json.Unmarshal(text[from:], &raw), &e) {
		from += int(e.Offset)
	}
	return fmt.Errorf("broken JSON at byte %d: "+exportAgain, from)
}

// document is one JSON object of a file.
type document struct {
	exportFile
	raw  json.RawMessage
	keys map[string]json.RawMessage
	kind export
}

func (d document) decode(into any) error {
	if err := json.Unmarshal(d.raw, into); err != nil {
		return fmt.Errorf("%s: not what AWS answers: %w", d.name, err)
	}
	return nil
}

// recognise finds the kind. The users of one group look like a list of users,
// and are not all users.
func (d *document) recognise() bool {
	if json.Unmarshal(d.raw, &d.keys) != nil || d.keys["Group"] != nil {
		return false
	}
	for _, e := range exports() {
		if slices.ContainsFunc(e.keys, func(key string) bool { return d.keys[key] != nil }) && d.may(e) {
			d.kind = e
			return true
		}
	}
	return false
}

// may tells answers of Organizations from those of IAM with the same key: a list
// of policies by the file's name, a policy by what is in it.
func (d *document) may(e export) bool {
	switch e.name {
	case targetsExport:
		kind, _, named := byName(d.name)
		return named && kind.name == targetsExport
	case documentsExport:
		var policy struct{ PolicySummary json.RawMessage }
		return json.Unmarshal(d.keys["Policy"], &policy) == nil && policy.PolicySummary != nil
	}
	return true
}

// neverNull are what AWS answers with a list or an object, be it an empty one.
// Null is what another program left of it, and not that there is nothing.
var neverNull = []string{
	"SummaryMap", "EnabledFeatures", "UserDetailList", "GroupDetailList", "RoleDetailList", "Policies", "Users",
	"VirtualMFADevices", "MFADevices", "LoginProfile", "AccessKeyMetadata", "AccessKeyLastUsed", "Organization", "Parents",
}

func (im *importer) object(d document) error {
	for _, key := range neverNull {
		if string(d.keys[key]) == "null" {
			return fmt.Errorf("%s: %s is null, which AWS does not answer: export it again", d.name, key)
		}
	}
	return d.kind.read(im, d)
}

// maybeSecret is as long as the id of an access key: no header's word is.
var maybeSecret = regexp.MustCompile(`[A-Za-z0-9+/=]{20,}`)

// firstWords is how a file begins, for a person to know it again: the names at
// the top of JSON, else the first line, without what may be a secret.
func firstWords(text []byte) string {
	const most = 60
	var keys map[string]json.RawMessage
	line, _, _ := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 4096)])), "\n")
	if json.Unmarshal(text, &keys) == nil {
		line = strings.Join(slices.Sorted(maps.Keys(keys)), " ")
	}
	line = maybeSecret.ReplaceAllString(strings.Map(printable, line), "…")
	runes := []rune(strings.Join(strings.Fields(line), " "))
	return string(runes[:min(len(runes), most)])
}

// printable makes spaces of what a terminal would not show as one character.
func printable(r rune) rune {
	if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
		return ' '
	}
	return r
}
