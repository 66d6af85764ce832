package seal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"filippo.io/age"
	"filippo.io/age/plugin"
)

// Keys are what secrets are sealed to and opened with. Either half may be missing: a
// machine that enrolls devices needs no identity.
type Keys struct {
	Recipients []age.Recipient
	Identities []age.Identity
	KMS        []Envelope // seal and open
}

// Work factors of scrypt, as powers of two. age's own bound takes 4 GiB of memory
// (128 bytes × 8 × 2^22); this one takes 1 GiB, and files of this package a quarter of it.
const (
	MinWork     = 15
	DefaultWork = 18
	MaxWork     = 20
)

// Passphrase are keys of a passphrase, which age mixes with nothing: that a file opens
// with a passphrase shall say that somebody knew it who made the file.
func Passphrase(p Secret, work int) (Keys, error) {
	if work < MinWork || work > MaxWork {
		return Keys{}, fmt.Errorf("work factor %d: it must be %d to %d", work, MinWork, MaxWork)
	}
	r, err := age.NewScryptRecipient(string(p.Reveal()))
	if err != nil {
		return Keys{}, errors.New("the passphrase is empty: give one")
	}
	r.SetWorkFactor(work)
	i, err := age.NewScryptIdentity(string(p.Reveal()))
	if err != nil {
		return Keys{}, err
	}
	return Keys{Recipients: []age.Recipient{r}, Identities: []age.Identity{i}}, nil
}

// with are keys that open what either opens; they are not to seal with.
func (k Keys) with(other Keys) Keys {
	k.Identities = append(slices.Clone(k.Identities), other.Identities...)
	k.KMS = append(slices.Clone(k.KMS), other.KMS...)
	return k
}

// recipients are those of one secret, and how the header names them.
func (k Keys) recipients(ctx context.Context, h Header) ([]age.Recipient, []string, error) {
	all, names := slices.Clone(k.Recipients), k.names()
	for _, e := range k.KMS {
		all = append(all, e.bind(ctx, h))
	}
	if len(all) == 0 {
		return nil, nil, errors.New("there is nothing to seal to: name a recipient, a passphrase or a KMS key")
	}
	if slices.Contains(names, "passphrase") && len(all) > 1 {
		return nil, nil, errors.New("a passphrase cannot be one recipient of several: take it alone, or none")
	}
	return all, names, nil
}

// names are what a header says that a file is sealed to.
func (k Keys) names() []string {
	var names []string
	for _, r := range k.Recipients {
		names = append(names, describe(r))
	}
	for _, e := range k.KMS {
		names = append(names, "kms "+e.Key)
	}
	return names
}

// identities are those of one secret, and what they will have said. What asks
// nobody comes first, then KMS, then passphrases and plugins.
func (k Keys) identities(ctx context.Context, h Header) ([]age.Identity, *heard) {
	said := &heard{}
	var first, last []age.Identity
	for _, i := range k.Identities {
		if patience(i) == 0 {
			first = append(first, telling{i, said})
		} else {
			last = append(last, telling{i, said})
		}
	}
	slices.SortStableFunc(last, func(a, b age.Identity) int {
		return cmp.Compare(patience(a.(telling).Identity), patience(b.(telling).Identity))
	})
	for _, e := range k.KMS {
		first = append(first, telling{e.bind(ctx, h), said})
	}
	return append(first, last...), said
}

// patience is what an identity costs a person.
func patience(i age.Identity) int {
	switch i.(type) {
	case *age.X25519Identity, *age.HybridIdentity:
		return 0
	case *age.ScryptIdentity:
		return 1
	}
	return 2
}

// heard are the errors of the ways that could not be asked.
type heard struct{ errs []error }

// telling remembers the error of a way that could not be asked, a KMS that is out, a
// plugin that is missing, and lets the next be tried: age would end at the first.
type telling struct {
	age.Identity
	said *heard
}

func (t telling) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if isPassphrase(t.Identity) && tooMuchWork(stanzas) {
		return nil, t.remember(fmt.Errorf("it asks for more than 2^%d rounds of scrypt, which mfawatch never writes: do not trust the file, restore it from a copy", MaxWork))
	}
	key, err := t.Identity.Unwrap(stanzas)
	if err == nil || errors.Is(err, age.ErrIncorrectIdentity) {
		return key, err
	}
	if isPassphrase(t.Identity) || patience(t.Identity) == 0 {
		return nil, err // age itself speaks: the file is damaged
	}
	return nil, t.remember(err)
}

func (t telling) remember(err error) error {
	t.said.errs = append(t.said.errs, err)
	return fmt.Errorf("%w: it could not be asked", age.ErrIncorrectIdentity)
}

func isPassphrase(i age.Identity) bool {
	_, ok := i.(*age.ScryptIdentity)
	return ok
}

// tooMuchWork tells a stanza whose work factor is over the bound. What is no such number
// age refuses.
func tooMuchWork(stanzas []*age.Stanza) bool {
	return slices.ContainsFunc(stanzas, func(s *age.Stanza) bool {
		if s.Type != "scrypt" || len(s.Args) != 2 {
			return false
		}
		factor := s.Args[1]
		return isNumber([]byte(factor)) && (len(factor) > 2 || len(factor) == 2 && factor > fmt.Sprint(MaxWork))
	})
}

// describe names a recipient openly: none of it is secret.
func describe(r age.Recipient) string {
	var kind string
	switch r.(type) {
	case *age.ScryptRecipient:
		return "passphrase"
	case *age.X25519Recipient:
		kind = "x25519"
	case *age.HybridRecipient:
		kind = "hybrid"
	case *plugin.Recipient:
		kind = "plugin"
	default:
		return "another recipient"
	}
	name := fmt.Sprint(r)
	if len(name) > 200 { // a hybrid recipient has two thousand characters
		name = name[:64] + "…"
	}
	return kind + " " + name
}
