package bundle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"mfawatch/totp/seal"
)

// Keys are the access keys of IAM users.
type Keys interface {
	// List tells when each key was made, by its id.
	List(ctx context.Context, user string) (made map[string]time.Time, err error)
	// Make makes a key. AWS shows its secret once, and a user has two keys at most. Its
	// error is a Refusal where AWS has answered that it made none.
	Make(ctx context.Context, user string) (id string, secret []byte, err error)
	Deactivate(ctx context.Context, user, id string) error
	Delete(ctx context.Context, user, id string) error
}

// Refusal is an error of Keys.Make after which there is no new key for certain.
type Refusal interface {
	error
	NoneMade()
}

// Progress is how far the rotation of one bundle has come, for a run after one that was
// killed: it says which keys are this bundle's own.
type Progress struct {
	From   string    `json:"from"`            // the key that is to be replaced
	Old    []string  `json:"old,omitempty"`   // keys that were in the bundle before, and may be there still
	Making time.Time `json:"making,omitzero"` // since when AWS is asked for another, whose id nobody knows yet
	Made   string    `json:"made,omitempty"`  // that other, which is not sealed yet
}

// Begun is the progress before a key is used that is to be rotated then.
func (p Progress) Begun(key string) Progress {
	if p.From != "" && p.From != key && !slices.Contains(p.Old, p.From) {
		p.Old = append(slices.Clone(p.Old), p.From)
	}
	p.From = key
	return p
}

// Rotation puts a new access key in the place of a bundle's.
type Rotation struct {
	Keys Keys
	// Keep seals the contents, proves that the new bundle opens, and puts it in the place
	// of the old one, whole or not at all: when it returns nil, only the new one is there.
	Keep func(context.Context, Contents) error
	// Note keeps the progress: when it returns nil it is on the disk.
	Note func(Progress) error
	Now  func() time.Time
	// Remove is a key besides of which a person says that no bundle has it; it may be "".
	Remove string
}

// What a rotation is refused for, with nothing changed.
var (
	// ErrStale is a bundle that is an old copy.
	ErrStale = errors.New("this is an old copy of the bundle: use the one that was sealed last")
	// ErrForeign is a key of the user that is not known to be this bundle's.
	ErrForeign = errors.New("it is not known to be this bundle's")
)

// lost is how far from the time at which AWS was asked for a key that key may be made
// whose answer was lost: AWS takes no signature of a clock that is further off than five
// minutes.
const lost = 10 * time.Minute

// Run replaces the key of progress, which is the bundle's or was before a rotation that
// was killed. It can be run again after it ended anywhere: there is always a bundle that
// opens with a key that works. It removes keys that this bundle had or that were made
// for it here, and no others: another may be that of a newer copy of the bundle.
func (r Rotation) Run(ctx context.Context, c Contents, p Progress) (Contents, error) {
	keys, err := r.Keys.List(ctx, c.User)
	if err != nil {
		return c, err
	}
	ids, err := r.own(c, p, keys)
	if err != nil {
		return c, fmt.Errorf("nothing was changed: %w", err)
	}
	if err := r.remove(ctx, c.User, ids); err != nil {
		return c, err
	}
	if c.Key != p.From {
		return c, nil // an earlier run had resealed it
	}
	fresh, err := r.renew(ctx, c, p)
	if err != nil {
		return c, err
	}
	return fresh, r.remove(ctx, c.User, []string{p.From})
}

// own are the keys besides the bundle's that may be removed. One that is not of them
// stops everything: without its removal AWS makes no key either, and with it a newer
// copy of the bundle would be worthless.
func (r Rotation) own(c Contents, p Progress, keys map[string]time.Time) (ids []string, err error) {
	has, there := keys[c.Key]
	if !there {
		return nil, fmt.Errorf("user %s has no access key %s any more: %w", c.User, c.Key, ErrStale)
	}
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		made := keys[id]
		older, newer := made.Before(has), made.After(has) // to the second, so perhaps neither
		switch {
		case id == c.Key:
			continue
		case id == r.Remove, id == p.Made, !older && p.asked(made), !newer && (id == p.From || slices.Contains(p.Old, id)):
			ids = append(ids, id)
		case !older:
			return nil, fmt.Errorf("user %s has the access key %s, made %s, and this copy has %s, made %s before: %w; where no copy has %s, its rotation was killed before it was sealed, and --remove %s says that it may go", c.User, id, day(made), c.Key, day(has), ErrStale, id, id)
		default:
			return nil, fmt.Errorf("user %s has another access key %s, made %s, before this bundle's %s: %w; where nobody has it any more, --remove %s says that it may go", c.User, id, day(made), c.Key, ErrForeign, id)
		}
	}
	if r.Remove != "" && !slices.Contains(ids, r.Remove) {
		return nil, fmt.Errorf("user %s has no access key %s besides the bundle's: there is nothing to remove", c.User, r.Remove)
	}
	return ids, nil
}

func day(made time.Time) string { return made.UTC().Format(time.RFC3339) }

// asked tells whether a key may be the one whose answer was lost.
func (p Progress) asked(made time.Time) bool {
	return !p.Making.IsZero() && made.Sub(p.Making).Abs() <= lost
}

// renew makes a key and has it in the bundle. Where Keep fails nobody knows which of the
// two is on the disk, so none is removed: the next run looks, and removes the other.
func (r Rotation) renew(ctx context.Context, c Contents, p Progress) (Contents, error) {
	before := p.Making
	p.Making, p.Made = r.Now().UTC(), ""
	if err := r.Note(p); err != nil {
		return c, err
	}
	id, secret, err := r.Keys.Make(ctx, c.User)
	if none := Refusal(nil); errors.As(err, &none) { // a key of now is another machine's
		p.Making = before
		return c, errors.Join(err, r.Note(p))
	}
	if err != nil {
		return c, err
	}
	fresh := c
	fresh.Key, fresh.Secret = id, seal.NewSecret(secret)
	p.Making, p.Made = time.Time{}, id
	err = r.Note(p)
	if err == nil {
		err = r.Keep(ctx, fresh)
	}
	if err != nil {
		fresh.Secret.Wipe()
		return c, fmt.Errorf("the bundle was not resealed to the new key %s; the old one is good still: %w", id, err)
	}
	p.Made = ""
	return fresh, r.Note(p)
}

func (r Rotation) remove(ctx context.Context, user string, ids []string) error {
	for _, id := range ids {
		if err := r.Keys.Deactivate(ctx, user, id); err != nil {
			return err
		}
		if err := r.Keys.Delete(ctx, user, id); err != nil {
			return err
		}
	}
	return nil
}
