package seal

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// UI shows what plugins say on w, standard error, never on standard output where a
// code goes. What plugins ask is asked on the terminal itself.
func UI(w io.Writer) *plugin.ClientUI {
	line := func(format string, v ...any) {
		fmt.Fprintln(w, printable(fmt.Sprintf(format, v...)))
	}
	return plugin.NewTerminalUI(line, line)
}

// ReadIdentities reads an age identity file: one identity a line, age's own or a
// plugin's, comments after a #. A file that others can read is refused, and no error
// repeats a line of it.
func ReadIdentities(name string, ui *plugin.ClientUI) ([]age.Identity, error) {
	data, err := readPrivate(name, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("identity file %w", err)
	}
	defer clear(data)
	if bytes.HasPrefix(data, []byte("age-encryption.org/")) || bytes.HasPrefix(data, []byte("-----BEGIN AGE")) {
		return nil, fmt.Errorf("identity file %s: it is encrypted itself: name one that is not, or a plugin's", name)
	}
	var all []age.Identity
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, err := parseIdentity(line, ui)
		if err != nil {
			return nil, fmt.Errorf("identity file %s: line %d: %w", name, i+1, err)
		}
		all = append(all, id)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("identity file %s: there is no identity in it: make one with age-keygen", name)
	}
	return all, nil
}

// parseIdentity says only what was expected: what age says of a line may quote it.
func parseIdentity(line string, ui *plugin.ClientUI) (age.Identity, error) {
	var id age.Identity
	var err error
	switch {
	case strings.HasPrefix(line, "AGE-PLUGIN-"):
		id, err = plugin.NewIdentity(line, ui)
	case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
		id, err = age.ParseHybridIdentity(line)
	case strings.HasPrefix(line, "AGE-SECRET-KEY-1"):
		id, err = age.ParseX25519Identity(line)
	case strings.HasPrefix(line, "age1"):
		return nil, fmt.Errorf("this is a recipient: the identity begins with AGE-")
	default:
		return nil, fmt.Errorf("it is no identity of age: one begins with AGE-SECRET-KEY- or AGE-PLUGIN-")
	}
	if err != nil {
		return nil, fmt.Errorf("the identity is misspelt or cut short: copy it again")
	}
	return id, nil
}

// ParseRecipient reads a recipient: age's own or a plugin's. An identity that was
// given in its place is a secret that was shown, and is not repeated.
func ParseRecipient(text string, ui *plugin.ClientUI) (age.Recipient, error) {
	var r age.Recipient
	var err error
	switch {
	case strings.HasPrefix(strings.ToUpper(text), "AGE-"):
		return nil, fmt.Errorf("this is an identity, which is secret, where a recipient is wanted: if others saw it make a new one; recipients begin with age1")
	case strings.HasPrefix(text, "age1pq1"):
		r, err = age.ParseHybridRecipient(text)
	case strings.HasPrefix(text, "age1") && strings.Count(text, "1") > 1:
		r, err = plugin.NewRecipient(text, ui)
	case strings.HasPrefix(text, "age1"):
		r, err = age.ParseX25519Recipient(text)
	default:
		return nil, fmt.Errorf("this is no recipient of age: one begins with age1")
	}
	if err != nil {
		return nil, fmt.Errorf("the recipient is misspelt or cut short: copy it again")
	}
	return r, nil
}
