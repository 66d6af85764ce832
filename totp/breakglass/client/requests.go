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
type Requests struct {
	Seals *seal.Store
	Say   func(string) // told of identities that were left out; nil: nobody
}

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
	opened, err := r.decrypt(ctx, g)
	if err != nil {
		return wire.Credentials{}, err
	}
	var text bytes.Buffer
	if _, err := io.Copy(&text, io.LimitReader(opened, 1<<16)); err != nil {
		return wire.Credentials{}, fmt.Errorf("the credentials of request %s are damaged: use it again within the minute", g.Request)
	}
	defer func() { clear(text.Bytes()) }()
	return wire.ParseCredentials(text.Bytes())
}

// decrypt goes through the identities until one fits. What does not open may be another
// request's, sealed with another passphrase: it is in nobody's way. The code is spent.
func (r Requests) decrypt(ctx context.Context, g wire.Grant) (io.Reader, error) {
	names, unlisted := r.candidates(g.Request)
	tried, faults := false, []error(nil)
	for _, name := range names {
		id, err := r.identity(ctx, name)
		switch {
		case errors.Is(err, seal.ErrNotFound):
			continue
		case err != nil:
			faults = append(faults, err)
			continue
		}
		tried = true
		if opened, err := age.Decrypt(armor.NewReader(strings.NewReader(g.Credentials)), id); err == nil {
			r.leftOut(faults)
			return opened, nil
		}
	}
	if len(faults) == 0 && unlisted != nil {
		faults = append(faults, unlisted)
	}
	return nil, unopened(g.Request, tried, faults)
}

func (r Requests) leftOut(faults []error) {
	for _, err := range faults {
		if r.Say != nil {
			r.Say(fmt.Sprintf("an identity of a request was left out, another opened the credentials: %v", err))
		}
	}
}

func unopened(request string, tried bool, faults []error) error {
	switch {
	case len(faults) > 0:
		return fmt.Errorf("the credentials of request %s do not open with this machine's identities, of which some cannot be read: use it where it was asked, or mend these: %w", request, errors.Join(faults...))
	case tried:
		return fmt.Errorf("the credentials of request %s do not open with this machine's identities: use it where it was asked", request)
	}
	return fmt.Errorf("this machine has no identity of request %s: use it where it was asked, or ask anew", request)
}

// candidates are the ids of the request's own identity, which is here or not, and then of
// those of requests whose id is not known. The error names what could not be listed.
func (r Requests) candidates(request string) (names []string, err error) {
	all, err := r.Seals.List()
	names = append(names, request)
	for _, h := range all {
		if h.Kind == kind && strings.HasPrefix(h.ID, unsent) {
			names = append(names, h.ID)
		}
	}
	return names, err
}

func (r Requests) identity(ctx context.Context, name string) (age.Identity, error) {
	h, secret, err := r.Seals.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	id, err := age.ParseX25519Identity(string(secret.Reveal()))
	if err != nil || h.Kind != kind {
		return nil, fmt.Errorf("the secret %q is no identity of a request: ask anew", name)
	}
	return id, nil
}

// Forget removes a request's identity, when its credentials were handed on.
func (r Requests) Forget(request string) error {
	err := r.Seals.Delete(request)
	if errors.Is(err, seal.ErrNotFound) {
		return nil
	}
	return err
}
