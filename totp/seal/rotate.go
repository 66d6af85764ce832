package seal

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Rotated are the ids that a rotation sealed anew, and those that it found sealed
// to the new keys, by an earlier one that did not end.
type Rotated struct{ Resealed, Already []string }

// opened is a secret between its old seal and its new one.
type opened struct {
	header Header
	secret Secret
	done   bool
}

// Rotate seals every secret to other keys, and the store uses these from then on.
// It opens all before it changes one: what does not open is named, and nothing has
// changed. Each new file is opened with the new keys before it takes the old one's
// place, which it does whole or not at all. So a rotation that is killed, or fails half-way,
// leaves every secret to the old keys or to the new, and the same rotation again ends it.
//
// The old keys still open copies of the old files: a key that was lost to somebody
// calls for new secrets, not for a new seal. What is sealed to just these keys already
// stays as it is. No other method of this Store may run at the same time in this
// process: those of other processes may.
func (s *Store) Rotate(ctx context.Context, to Keys) (Rotated, error) {
	if len(to.Identities)+len(to.KMS) == 0 {
		return Rotated{}, errors.New("rotate: the new keys cannot open what they seal: give an identity of one new recipient, so that each file can be tried before the old one goes")
	}
	held, err := s.hold()
	if err != nil {
		return Rotated{}, err
	}
	defer held.Close()
	if err := leftovers(s.dir); err != nil {
		return Rotated{}, fmt.Errorf("rotate: remove what a killed run left: %w", err)
	}
	all, err := s.openAll(ctx, to)
	defer func() {
		for _, o := range all {
			o.secret.Wipe()
		}
	}()
	if err != nil {
		return Rotated{}, fmt.Errorf("rotate: nothing has changed: %w", err)
	}
	done, err := s.resealAll(ctx, all, to)
	if err != nil {
		return done, fmt.Errorf("rotate: %d of %d secrets are sealed to the new keys and the others to the old: rotate again: %w", len(done.Resealed)+len(done.Already), len(all), err)
	}
	s.keys = to
	return done, nil
}

func (s *Store) openAll(ctx context.Context, to Keys) ([]opened, error) {
	headers, err := s.List()
	if err != nil {
		return nil, err
	}
	var all []opened
	var bad []error
	for _, h := range headers {
		o, err := s.openEither(ctx, h.ID, to)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		all = append(all, o)
	}
	return all, errors.Join(bad...)
}

// openEither opens a secret with the new keys where it is sealed to all of them and
// to no other, and with the old ones else.
func (s *Store) openEither(ctx context.Context, id string, to Keys) (opened, error) {
	s.step("opening " + id)
	file, h, err := s.read(id)
	if err != nil {
		return opened{}, err
	}
	if slices.Equal(h.SealedTo, to.names()) {
		if secret, err := open(ctx, s.path(id), file, h, to); err == nil {
			return opened{h, secret, true}, nil
		}
	}
	secret, err := open(ctx, s.path(id), file, h, s.keys.with(to))
	return opened{h, secret, false}, err
}

func (s *Store) resealAll(ctx context.Context, all []opened, to Keys) (Rotated, error) {
	var r Rotated
	for _, o := range all {
		if o.done {
			r.Already = append(r.Already, o.header.ID)
			continue
		}
		if err := s.reseal(ctx, o, to); err != nil {
			return r, err
		}
		r.Resealed = append(r.Resealed, o.header.ID)
	}
	return r, nil
}

func (s *Store) reseal(ctx context.Context, o opened, to Keys) error {
	id := o.header.ID
	s.step("sealing " + id)
	file, err := seal(ctx, o.header, o.secret, to)
	if err != nil {
		return err
	}
	h, err := parse(s.path(id), file)
	if err != nil {
		return err
	}
	again, err := open(ctx, "the new file of "+id, file, h, to)
	if err != nil {
		return fmt.Errorf("the new keys do not open what they sealed: %w", err)
	}
	defer again.Wipe()
	if !again.Equal(o.secret) {
		return fmt.Errorf("the new file of %s holds something else: it was not put in place", id)
	}
	s.step("tried " + id)
	err = s.place(id, file)
	s.step("placed " + id)
	return err
}
