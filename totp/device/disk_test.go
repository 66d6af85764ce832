package device_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/seal"
)

// sealedFiles is a Keep as a command would have it: files of totp/seal.
type sealedFiles struct {
	*seal.Store
	sealed device.Sealed
}

func (k sealedFiles) Has(ctx context.Context, serial string) (bool, error) {
	_, err := k.Open(ctx, serial)
	if errors.Is(err, seal.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (k sealedFiles) Codes(serial string) device.Codes {
	k.sealed.Serial = serial
	k.sealed.Open = func(ctx context.Context) (totp.Key, error) { return k.Open(ctx, serial) }
	return k.sealed
}

func (k sealedFiles) Put(ctx context.Context, serial string, key totp.Key, over bool) error {
	h, secret := seal.Header{ID: serial, Kind: "totp"}, seal.NewSecret([]byte(key.URI()))
	defer secret.Wipe()
	if over {
		return k.Replace(ctx, h, secret)
	}
	return k.Store.Put(ctx, h, secret)
}

func (k sealedFiles) Open(ctx context.Context, serial string) (totp.Key, error) {
	_, secret, err := k.Get(ctx, serial)
	if err != nil {
		return totp.Key{}, err
	}
	defer secret.Wipe()
	return totp.Parse(string(secret.Reveal()))
}

// TestNoSeedOnDisk: with real files, no file ever shows the seed, whether the enrolment
// succeeds or is refused at the end.
func TestNoSeedOnDisk(t *testing.T) {
	dir := t.TempDir()
	k := keys(t)
	on(t, func(s *stage) {
		store, err := seal.OpenStore(filepath.Join(dir, "secrets"), k)
		if err != nil {
			s.Fatal(err)
		}
		e := s.enrolment("phone")
		kept := sealedFiles{store, device.Sealed{Prover: ledger.Prover{Store: file.Store{Path: filepath.Join(dir, "ledger", "ledger.db")}}, Say: s.say}}
		e.Keep = kept
		if _, err := s.own().Enrol(s.killed(5), e); err == nil {
			s.Error("nothing was killed")
		}
		s.unseen(dir)
		s.unkilled()
		out, err := s.own().Enrol(s.Context(), e)
		if err != nil || !out.Verified {
			s.Errorf("%+v, %v", out, err)
		}
		s.unseen(dir)
		if key, err := kept.Open(s.Context(), phone); err != nil || s.a.Secret(phone) == nil || !key.Equal(must(totp.New(key.Settings(), s.a.Secret(phone)))) {
			s.Errorf("the sealed key is %v, %v", key, err)
		}
	})
}

func must(k totp.Key, err error) totp.Key {
	if err != nil {
		panic(err)
	}
	return k
}

// unseen looks for the seed in every file of a folder.
func (s *stage) unseen(dir string) {
	s.Helper()
	secret := s.a.Secret(phone)
	if secret == nil {
		s.Fatal("there is no seed to look for")
	}
	text := must(totp.New(totp.Settings{Account: "x"}, secret)).Secret()
	n := 0
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		n++
		data, err := os.ReadFile(name)
		if strings.Contains(string(data), text) || strings.Contains(string(data), string(secret)) {
			s.Errorf("%s shows the seed", name)
		}
		return err
	})
	if err != nil || n == 0 {
		s.Errorf("%d files, %v", n, errors.Join(err))
	}
}

var _ device.Keep = sealedFiles{}
