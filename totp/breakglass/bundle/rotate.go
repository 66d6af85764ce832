package bundle

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mfawatch/totp/seal"
)

// Keys are the access keys of IAM users.
type Keys interface {
	List(ctx context.Context, user string) (ids []string, err error)
	// Make makes a key. AWS shows its secret once, and a user has two keys at most.
	Make(ctx context.Context, user string) (id string, secret []byte, err error)
	Deactivate(ctx context.Context, user, id string) error
	Delete(ctx context.Context, user, id string) error
}

// Rotation puts a new access key in the place of a bundle's.
type Rotation struct {
	Keys Keys
	// Keep seals the contents, proves that the new bundle opens, and puts it in the place
	// of the old one, whole or not at all: when it returns nil, only the new one is there.
	Keep func(context.Context, Contents) error
}

// ErrStale is a bundle that is an old copy.
var ErrStale = errors.New("the user has no such access key any more: the bundle is an old copy; use the one that was resealed")

// Run replaces the key of that id, which is the bundle's or was before a rotation that
// was killed. It can be run again after it ended anywhere: there is always a bundle that
// opens with a key that works. Of the user's other keys nobody has the secret, as the
// user is the bundle's alone; they are removed.
func (r Rotation) Run(ctx context.Context, c Contents, from string) (Contents, error) {
	ids, err := r.Keys.List(ctx, c.User)
	if err != nil {
		return c, err
	}
	if !slices.Contains(ids, c.Key) {
		return c, fmt.Errorf("rotate the key of %s: %s: %w", c.User, c.Key, ErrStale)
	}
	others := slices.DeleteFunc(ids, func(id string) bool { return id == c.Key })
	if err := r.remove(ctx, c.User, others); err != nil {
		return c, err
	}
	if c.Key != from {
		return c, nil // an earlier run had resealed it
	}
	fresh, err := r.renew(ctx, c)
	if err != nil {
		return c, err
	}
	return fresh, r.remove(ctx, c.User, []string{from})
}

// renew makes a key and has it in the bundle. Where Keep fails nobody knows which of the
// two is on the disk, so none is removed: the next run looks, and removes the other.
func (r Rotation) renew(ctx context.Context, c Contents) (Contents, error) {
	id, secret, err := r.Keys.Make(ctx, c.User)
	if err != nil {
		return c, err
	}
	fresh := c
	fresh.Key, fresh.Secret = id, seal.NewSecret(secret)
	if err := r.Keep(ctx, fresh); err != nil {
		return c, fmt.Errorf("the bundle was not resealed to the new key %s; the old one is good still: %w", id, err)
	}
	return fresh, nil
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
