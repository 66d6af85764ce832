package seal

import (
	"context"
	"fmt"
)

// Seal makes the bytes of a sealed file, for who keeps them elsewhere than in a folder.
func Seal(ctx context.Context, h Header, secret Secret, keys Keys) ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	return seal(ctx, h, secret, keys)
}

// Open opens the bytes of a sealed file that is to be of an id. name says in errors
// where they are from. The secret is the caller's to Wipe.
func Open(ctx context.Context, name string, file []byte, id string, keys Keys) (Header, Secret, error) {
	if len(file) > maxFile {
		return Header{}, Secret{}, fmt.Errorf("%s: it has more than %d bytes: it is no sealed secret", name, maxFile)
	}
	h, err := parse(name, file)
	if err != nil {
		return Header{}, Secret{}, err
	}
	if h.ID != id {
		return Header{}, Secret{}, fmt.Errorf("%s: it is the secret %q under another's name, where %q is to be: seal that anew", name, h.ID, id)
	}
	secret, err := open(ctx, name, file, h, keys)
	if err != nil {
		return Header{}, Secret{}, err
	}
	return h, secret, nil
}
