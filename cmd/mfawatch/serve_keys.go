package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"mfawatch/totp"
	"mfawatch/totp/keyring"
	"mfawatch/totp/seal"
	"mfawatch/totp/vaultapi"
)

// servedKeys are the keys of the ring as Vault's routes have them: vaultapi.Keys. One
// request at a time: a passphrase takes a quarter of a gigabyte to open a key with.
type servedKeys struct {
	*opener
	sealing seal.Keys
	mutex   sync.Mutex
}

// List gives the names of keys of time; Vault has no others.
func (s *servedKeys) List(context.Context) ([]string, error) {
	closed, err := s.home.closed()
	if err != nil {
		return nil, err
	}
	all, err := closed.List()
	var names []string
	for _, e := range all {
		if e.Kind == totp.TOTP {
			names = append(names, e.Name)
		}
	}
	return names, err
}

// named finds a key by its name alone: what a token is granted is a name.
func (s *servedKeys) named(name string) (keyring.Entry, error) {
	e, err := s.find(name)
	if err == nil && (e.Name != name || e.Kind != totp.TOTP) {
		err = keyring.ErrNotFound
	}
	return e, served(err)
}

// Settings opens the key: digits and period are sealed with it.
func (s *servedKeys) Settings(ctx context.Context, name string) (totp.Settings, error) {
	k, err := s.Open(ctx, name)
	return k.Settings(), err
}

// Open opens a key.
func (s *servedKeys) Open(ctx context.Context, name string) (vaultapi.Key, error) {
	e, err := s.named(name)
	if err != nil {
		return vaultapi.Key{}, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	keys, err := s.keys(ctx, e.SealedTo)
	if err != nil {
		return vaultapi.Key{}, err
	}
	ring, err := s.home.ring(keys)
	if err != nil {
		return vaultapi.Key{}, err
	}
	k, err := ring.OpenSealed(ctx, name)
	if err != nil {
		return vaultapi.Key{}, served(err)
	}
	return vaultapi.Key{Key: k.Key, ID: keyring.ID(k.Key), Device: e.Counted(k.Key), Skew: k.Slack}, nil
}

// Put seals a new key.
func (s *servedKeys) Put(ctx context.Context, name string, k totp.Key, skew int) error {
	return s.write(func(r keyring.Ring) error { return r.PutSealed(ctx, name, "", keyring.Sealed{Key: k, Slack: skew}) })
}

// Replace seals a key in the place of another, as that one's device.
func (s *servedKeys) Replace(ctx context.Context, name string, k totp.Key, skew int) error {
	e, err := s.named(name)
	if err != nil {
		return err
	}
	return s.write(func(r keyring.Ring) error {
		return r.ReplaceSealed(ctx, name, e.Device, keyring.Sealed{Key: k, Slack: skew})
	})
}

// Delete removes a key.
func (s *servedKeys) Delete(_ context.Context, name string) error {
	if _, err := s.named(name); err != nil {
		return err
	}
	return s.write(func(r keyring.Ring) error { return r.Delete(name) })
}

func (s *servedKeys) write(do func(keyring.Ring) error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	ring, err := s.home.ring(s.sealing)
	if err != nil {
		return err
	}
	return served(patiently(func() error { return do(ring) }))
}

// served says errors of the ring as the routes know them.
func served(err error) error {
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return fmt.Errorf("%w: %w", vaultapi.ErrNotFound, err)
	case errors.Is(err, seal.ErrExists):
		return fmt.Errorf("%w: %w", vaultapi.ErrExists, err)
	case errors.Is(err, keyring.ErrAmbiguous):
		return fmt.Errorf("%w: %w", vaultapi.ErrRefused, err)
	}
	return err
}
