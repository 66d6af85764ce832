package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	family    = "mfawatch-sealed/"
	magic     = family + "1\n"
	maxHeader = 16 << 10
)

// Header is what a sealed file says openly. None of it is secret, all of it is bound
// to the secret: a file whose header was changed does not open.
type Header struct {
	ID       string   `json:"id"`               // of the key or the device, and of the file
	Kind     string   `json:"kind"`             // what the secret is: totp, hotp, codes …
	Issuer   string   `json:"issuer"`           // as people know it, may be empty
	Label    string   `json:"label"`            // as people know it, may be empty
	Device   string   `json:"device,omitempty"` // what AWS calls it: an MFA device's ARN or serial number
	SealedTo []string `json:"sealed_to"`        // what opens it, written by this package
}

// check tells what cannot be in a header.
func (h Header) check() error {
	if err := checkID(h.ID); err != nil {
		return err
	}
	if h.Kind == "" || len(h.Kind) > 32 || strings.Trim(h.Kind, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("kind %q: it must be 1 to 32 lower case letters, digits and dashes", h.Kind)
	}
	for _, text := range append([]string{h.Issuer, h.Label, h.Device}, h.SealedTo...) {
		if len(text) > 256 || !plain(text) {
			return fmt.Errorf("%q in the header: it must have at most 256 bytes and be printable", text)
		}
	}
	return nil
}

func checkID(id string) error {
	switch {
	case id == "":
		return errors.New("the id is empty: name the secret")
	case !plain(id):
		return fmt.Errorf("id %q: it must be printable", id)
	case len(fileName(id)) > 240:
		return fmt.Errorf("id %q is too long for the name of a file: choose a shorter one", id)
	}
	return nil
}

func plain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

func (h Header) sealedTo() string { return strings.Join(h.SealedTo, ", ") }

// encode writes the two lines. There is one way to write a header.
func (h Header) encode() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	line, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	if len(magic)+len(line)+1 > maxHeader {
		return nil, fmt.Errorf("seal %s: the header has more than %d bytes: name fewer recipients", h.ID, maxHeader)
	}
	return append(append([]byte(magic), line...), '\n'), nil
}

// split parts the two lines from the age file. Where there are no two lines, the
// header is empty.
func split(file []byte) (head, payload []byte) {
	rest, ok := bytes.CutPrefix(file, []byte(magic))
	if !ok {
		return nil, file
	}
	end := bytes.IndexByte(rest[:min(len(rest), maxHeader-len(magic))], '\n')
	if end < 0 {
		return nil, file
	}
	at := len(magic) + end + 1
	return file[:at:at], file[at:]
}

// parse reads the header of a sealed file. It takes the bytes that encode writes
// and no others: one field twice, another order, white space are all a changed file.
func parse(name string, file []byte) (Header, error) {
	head, _ := split(file)
	if head == nil {
		return Header{}, notSealed(name, file)
	}
	var h Header
	if err := json.Unmarshal(head[len(magic):], &h); err != nil {
		return Header{}, damaged(name)
	}
	again, err := h.encode()
	if err != nil || !bytes.Equal(again, head) {
		return Header{}, damaged(name)
	}
	return h, nil
}

func notSealed(name string, file []byte) error {
	version, ok := bytes.CutPrefix(file, []byte(family))
	line, _, whole := bytes.Cut(version, []byte("\n"))
	switch {
	case ok && whole && string(line) != "1" && isNumber(line):
		return fmt.Errorf("%s: it has version %s of the format and this mfawatch reads 1: use a newer mfawatch", name, line)
	case ok:
		return damaged(name)
	}
	return fmt.Errorf("%s: it is no sealed secret: move it elsewhere, and if a secret is in it, seal that and destroy the file", name)
}

func isNumber(b []byte) bool {
	return len(b) > 0 && len(b) < 10 && len(bytes.Trim(b, "0123456789")) == 0
}

const suffix = ".sealed"

// fileName is the name of an id's file: one for each id, also where the file system
// does not tell capitals.
func fileName(id string) string {
	var b strings.Builder
	for i := range len(id) {
		if c := id[i]; c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String() + suffix
}
