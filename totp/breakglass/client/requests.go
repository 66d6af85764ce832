package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"mfawatch/totp/breakglass/wire"
	"mfawatch/totp/seal"
)

// Requests are the identities of requests that this machine made: each opens one grant.
type Requests struct{ Seals *seal.Store }

const (
	kind = "break-glass-request"
	// unsent begins the id of an identity whose request has no id yet: the door was
	// asked and its answer did not come.
	unsent = "unsent-"
)

// New makes and seals an identity.
func (r Requests) New(ctx context.Context) (recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", fmt.Errorf("make an identity for the request: %w", err)
	}
	recipient = id.Recipient().String()
	secret := seal.NewSecret([]byte(id.String()))
	defer secret.Wipe()
	return recipient, r.Seals.Put(ctx, seal.Header{ID: unsentID(recipient), Kind: kind, Label: recipient}, secret)
}

func unsentID(recipient string) string { return unsent + recipient[len(recipient)-16:] }

// Bind gives the identity of a recipient the id of its request.
func (r Requests) Bind(ctx context.Context, recipient, request string) error {
	_, secret, err := r.Seals.Get(ctx, unsentID(recipient))
	if err != nil {
		return err
	}
	defer secret.Wipe()
	err = r.Seals.Put(ctx, seal.Header{ID: request, Kind: kind, Label: recipient}, secret)
	if err != nil && !errors.Is(err, seal.ErrExists) {
		return err
	}
	return r.Seals.Delete(unsentID(recipient))
}

// Open opens the credentials of a grant.
func (r Requests) Open(ctx context.Context, g wire.Grant) (wire.Credentials, error) {
	ids, err := r.identities(ctx, g.Request)
	if err != nil {
		return wire.Credentials{}, err
	}
	opened, err := age.Decrypt(armor.NewReader(strings.NewReader(g.Credentials)), ids...)
	if err != nil {
		return wire.Credentials{}, fmt.Errorf("the credentials of request %s do not open with this machine's identities: use it where it was asked", g.Request)
	}
	var text bytes.Buffer
	if _, err := io.Copy(&text, io.LimitReader(opened, 1<<16)); err != nil {
		return wire.Credentials{}, fmt.Errorf("the credentials of request %s are damaged: use it again within the minute", g.Request)
	}
	defer func() { clear(text.Bytes()) }()
	return wire.ParseCredentials(text.Bytes())
}

// identities are the request's, and those of requests whose id is not known.
func (r Requests) identities(ctx context.Context, request string) ([]age.Identity, error) {
	all, err := r.Seals.List()
	if err != nil && len(all) == 0 {
		return nil, err
	}
	var ids []age.Identity
	for _, h := range all {
		if h.Kind != kind || h.ID != request && !strings.HasPrefix(h.ID, unsent) {
			continue
		}
		_, secret, err := r.Seals.Get(ctx, h.ID)
		if err != nil {
			return nil, err
		}
		id, err := age.ParseX25519Identity(string(secret.Reveal()))
		secret.Wipe()
		if err != nil {
			return nil, fmt.Errorf("the sealed identity of request %s is none: ask anew", request)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("this machine has no identity of request %s: use it where it was asked, or ask anew", request)
	}
	return ids, nil
}

// Forget removes a request's identity, when its credentials were handed on.
func (r Requests) Forget(request string) error {
	err := r.Seals.Delete(request)
	if errors.Is(err, seal.ErrNotFound) {
		return nil
	}
	return err
}
