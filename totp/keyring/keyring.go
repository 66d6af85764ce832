// Package keyring joins what makes one-time codes on one machine: sealed keys, the
// ledger of their codes, and the names that people and programs call them by.
//
// It promises that a name means one key: it is matched exactly, or as the exact ARN or
// serial number of an AWS device, and what fits two keys is refused. A key that is
// opened is the one that its seal was made for. A ledger that is missing where keys are
// there counts as lost, and codes that may have been used before are not given again.
//
// It never asks the clock, sleeps, or shows a secret, and knows nothing of AWS: a device
// is a text to it.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/seal"
)

var (
	// ErrNotFound is a name that no key has.
	ErrNotFound = errors.New("no such key")
	// ErrAmbiguous is a name or a device that means more than one key.
	ErrAmbiguous = errors.New("more than one key")
)

// Entry is what is known of a key without opening it.
type Entry struct {
	Name     string    // what people call it
	Device   string    // ARN or serial number of the AWS MFA device; empty for others
	Kind     totp.Kind // "" is TOTP
	Issuer   string
	Account  string
	SealedTo []string // what opens it
}

// Ring is a machine's keys. Seals holds a secret for each: the key's URI, which says how
// codes are made of it.
type Ring struct {
	Seals *seal.Store
}

// List are the entries of all keys, by name, whatever opens them. What cannot be read
// is told by the error, and the others are listed all the same.
func (r Ring) List() ([]Entry, error) {
	headers, err := r.Seals.List()
	var all []Entry
	for _, h := range headers {
		if e := entry(h); e.Kind == totp.TOTP || e.Kind == totp.HOTP {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

func entry(h seal.Header) Entry {
	return Entry{Name: h.ID, Device: h.Device, Kind: totp.Kind(h.Kind), Issuer: h.Issuer, Account: h.Label, SealedTo: h.SealedTo}
}

// Find is the key of a name, or of an AWS device's ARN or serial number. Nothing but the
// whole of it, in the same capitals, is a match. Where none is and a file cannot be read,
// the error is not ErrNotFound: whoever acts on that would act on what is not known.
func (r Ring) Find(ref string) (Entry, error) {
	if ref == "" {
		return Entry{}, fmt.Errorf("the name is empty: %w", ErrNotFound)
	}
	all, unread := r.List()
	found := slices.DeleteFunc(all, func(e Entry) bool { return e.Name != ref && e.Device != ref })
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if unread != nil { // it may be this one: that it is not there is not known
			return Entry{}, fmt.Errorf("%q is none of the keys that can be read, and others cannot be:\n%w", ref, unread)
		}
		return Entry{}, fmt.Errorf("%q: %w: 'mfawatch key list' names them", ref, ErrNotFound)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name)
	}
	return Entry{}, fmt.Errorf("%q means %w: %s: say which by its name", ref, ErrAmbiguous, strings.Join(names, ", "))
}

// Sealed is what is sealed: a key, and how many steps to each side of the device's own
// are accepted when its codes are checked, which is one unless somebody said otherwise.
type Sealed struct {
	Key   totp.Key
	Slack int
}

// usualSlack is written nowhere, so that a sealed file is a key's URI and no more.
const usualSlack = 1

// encode is the URI, and a line for the slack where it is unusual.
func (s Sealed) encode() seal.Secret {
	text := s.Key.URI()
	if s.Slack != usualSlack {
		text += fmt.Sprintf("\nslack=%d\n", s.Slack)
	}
	return seal.NewSecret([]byte(text))
}

func decode(secret seal.Secret) (Sealed, error) {
	uri, rest, more := strings.Cut(string(secret.Reveal()), "\n")
	k, err := totp.Parse(uri)
	if err != nil || !more {
		return Sealed{k, usualSlack}, err
	}
	text, ok := strings.CutPrefix(strings.TrimSuffix(rest, "\n"), "slack=")
	slack, err := strconv.Atoi(text)
	if !ok || err != nil || slack < 0 || slack > totp.MaxSlack {
		return Sealed{}, errors.New("there is more after its URI than is understood: use the version that sealed it")
	}
	return Sealed{k, slack}, nil
}

// Open makes a key's codes possible.
func (r Ring) Open(ctx context.Context, name string) (totp.Key, error) {
	s, err := r.OpenSealed(ctx, name)
	return s.Key, err
}

// OpenSealed is Open, and tells how a key's codes are checked.
func (r Ring) OpenSealed(ctx context.Context, name string) (Sealed, error) {
	h, secret, err := r.Seals.Get(ctx, name)
	if errors.Is(err, seal.ErrNotFound) {
		return Sealed{}, fmt.Errorf("%q: %w", name, ErrNotFound)
	}
	if err != nil {
		return Sealed{}, err
	}
	defer secret.Wipe()
	sealed, err := decode(secret)
	if err != nil {
		return Sealed{}, fmt.Errorf("what is sealed as %q is no key: %w", name, err)
	}
	if s := sealed.Key.Settings(); string(s.Kind) != h.Kind || s.Issuer != h.Issuer || s.Account != h.Label {
		return Sealed{}, fmt.Errorf("what is sealed as %q is another key than it says openly: seal it anew", name)
	}
	return sealed, nil
}

// Put seals a new key.
func (r Ring) Put(ctx context.Context, name, device string, k totp.Key) error {
	return r.PutSealed(ctx, name, device, Sealed{k, usualSlack})
}

// PutSealed is Put of a key whose codes are checked in another way than usual.
func (r Ring) PutSealed(ctx context.Context, name, device string, s Sealed) error {
	return r.put(ctx, name, device, s, r.Seals.Put)
}

// Replace seals a key in the place of another. Codes of the other that were used stay
// used: a step is nobody's twice.
func (r Ring) Replace(ctx context.Context, name, device string, k totp.Key) error {
	return r.ReplaceSealed(ctx, name, device, Sealed{k, usualSlack})
}

// ReplaceSealed is Replace by a key whose codes are checked in another way than usual.
func (r Ring) ReplaceSealed(ctx context.Context, name, device string, s Sealed) error {
	return r.put(ctx, name, device, s, r.Seals.Replace)
}

func (r Ring) put(ctx context.Context, name, device string, sealed Sealed, write func(context.Context, seal.Header, seal.Secret) error) error {
	if err := r.free(name, device); err != nil {
		return err
	}
	if sealed.Slack < 0 || sealed.Slack > totp.MaxSlack {
		return fmt.Errorf("key %q: a slack of %d steps: it must be 0 to %d", name, sealed.Slack, totp.MaxSlack)
	}
	s, secret := sealed.Key.Settings(), sealed.encode()
	defer secret.Wipe()
	err := write(ctx, seal.Header{ID: name, Kind: string(s.Kind), Issuer: s.Issuer, Label: s.Account, Device: device}, secret)
	if errors.Is(err, seal.ErrNotFound) {
		return fmt.Errorf("%q: %w", name, ErrNotFound)
	}
	return err
}

// free refuses names that programs would take for something else, and what would mean
// two keys.
func (r Ring) free(name, device string) error {
	switch {
	case name != strings.TrimSpace(name):
		return fmt.Errorf("name %q: it begins or ends with a space: write it without", name)
	case strings.HasPrefix(name, "-"):
		return fmt.Errorf("name %q: it begins with a dash, as flags do: choose another", name)
	}
	all, err := r.List()
	if err != nil {
		return err
	}
	for _, e := range all {
		if e.Name == name {
			continue
		}
		if e.Device == name || device != "" && (e.Device == device || e.Name == device) {
			return fmt.Errorf("%q and %q would be %w of one name or device: remove that one first, or leave the device out", name, e.Name, ErrAmbiguous)
		}
	}
	return nil
}

// Delete removes a key. What was used of it stays in the ledger.
func (r Ring) Delete(name string) error {
	err := r.Seals.Delete(name)
	if errors.Is(err, seal.ErrNotFound) {
		return fmt.Errorf("%q: %w", name, ErrNotFound)
	}
	return err
}

// Counted is what a key's codes are counted by: AWS counts by the device, and where
// there is none it is the secret, under whatever names.
func (e Entry) Counted(k totp.Key) string {
	if e.Device != "" {
		return e.Device
	}
	return ID(k)
}

// ID names a key's secret in a ledger, so that what was used of it stays used under any
// name, and another secret of the same name begins anew.
func ID(k totp.Key) string { return ledger.SecretID(k) }
