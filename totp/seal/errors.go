package seal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

var (
	// ErrNotFound is a store's answer about an id that it has no secret of.
	ErrNotFound = errors.New("no such secret")
	// ErrExists is a store's answer to a Put of an id that it has.
	ErrExists = errors.New("there is a secret of this id")
	// ErrBusy says that another process is writing to the store: try again.
	ErrBusy = errors.New("another process is writing to it: try again when it has ended")
	// ErrNoKey says that the file is whole, as far as can be told, and that nothing
	// that was given opens it.
	ErrNoKey = errors.New("it does not open")
	// ErrNotConfirmed says that an export was not confirmed twice.
	ErrNotConfirmed = errors.New("not confirmed")
)

func damaged(name string) error {
	return fmt.Errorf("%s: it is damaged or cut short: restore it from a copy, or enroll the device anew", name)
}

// opening words why a file did not open. said is what plugins and KMS had to say. Of
// age's own words about a damaged file nothing is repeated: they quote the file.
func opening(name string, h Header, keys Keys, said []error, err error) error {
	var none *age.NoIdentityMatchError
	switch {
	case !errors.As(err, &none):
		return damaged(name)
	case len(said) > 0:
		return fmt.Errorf("%s: %w", name, asked(said))
	case slices.ContainsFunc(keys.Identities, isPassphrase) && slices.Equal(none.StanzaTypes, []string{"scrypt"}):
		return fmt.Errorf("%s: %w: the passphrase is wrong: try again", name, ErrNoKey)
	}
	return fmt.Errorf("%s: %w with what was given: it is sealed to %s: give one of these", name, ErrNoKey, h.sealedTo())
}

// asked words what several ways said, on one line.
func asked(said []error) error {
	all := make([]string, len(said))
	for i, err := range said {
		all[i] = sealing(err).Error()
	}
	return shown{strings.Join(all, "; "), errors.Join(said...)}
}

func sealing(err error) error {
	var missing *plugin.NotFoundError
	if errors.As(err, &missing) {
		return fmt.Errorf("age-plugin-%s is not on the PATH: install it", missing.Name)
	}
	return shown{printable(err.Error()), err}
}

// shown is an error of another program on one line, without what moves a
// terminal's cursor.
type shown struct {
	text string
	err  error
}

func (e shown) Unwrap() error { return e.err }
func (e shown) Error() string { return e.text }

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}
