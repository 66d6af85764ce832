package seal_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"filippo.io/age"
	"filippo.io/age/plugin"

	"mfawatch/totp/seal"
)

// The test binary is its own plugin, under the name that age looks for, and its own
// victim in rotations that are killed.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "age-plugin-fake" {
		os.Exit(fakePlugin())
	}
	if len(os.Args) == 5 && os.Args[1] == "rotate" {
		os.Exit(victim(os.Args[2], os.Args[3], os.Args[4]))
	}
	os.Exit(m.Run())
}

// fakePlugin wraps a file key with a hash of the recipient's data, which is no
// security but tells recipients apart, and says something on the way, with what
// would clear a terminal in it.
func fakePlugin() int {
	p, err := plugin.New("fake")
	if err != nil {
		return 1
	}
	p.HandleRecipient(func(data []byte) (age.Recipient, error) { return fakeKey{p, data}, nil })
	p.HandleIdentity(func(data []byte) (age.Identity, error) { return fakeKey{p, data}, nil })
	return p.Main()
}

type fakeKey struct {
	p    *plugin.Plugin
	data []byte
}

func (k fakeKey) pad(b []byte) []byte {
	sum := sha256.Sum256(k.data)
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= sum[i]
	}
	return out
}

func (k fakeKey) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	sum := sha256.Sum256(append([]byte("name"), k.data...))
	return []*age.Stanza{{Type: "fake", Args: []string{fmt.Sprintf("%x", sum[:4])}, Body: k.pad(fileKey)}}, nil
}

func (k fakeKey) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if string(k.data) == "broken" {
		return nil, errors.New("the key was \x1b[2J pulled out")
	}
	sum := sha256.Sum256(append([]byte("name"), k.data...))
	for _, s := range stanzas {
		if s.Type == "fake" && s.Args[0] == fmt.Sprintf("%x", sum[:4]) {
			if err := k.p.DisplayMessage("touch \x1b[2J me"); err != nil {
				return nil, err
			}
			return k.pad(s.Body), nil
		}
	}
	return nil, age.ErrIncorrectIdentity
}

// victim rotates a store and kills itself at the n-th step.
func victim(dir, identities, step string) int {
	ids, err := seal.ReadIdentities(identities, seal.UI(io.Discard))
	at, wrong := strconv.Atoi(step)
	if err != nil || wrong != nil || len(ids) != 2 {
		fmt.Println(err, wrong)
		return 2
	}
	from, to := keysOf(ids[0]), keysOf(ids[1])
	s, err := seal.OpenStore(dir, from)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	s.Stepping(func(string) {
		if at == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		at--
	})
	if _, err := s.Rotate(context.Background(), to); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func keysOf(id age.Identity) seal.Keys {
	return seal.Keys{Recipients: []age.Recipient{id.(*age.X25519Identity).Recipient()}, Identities: []age.Identity{id}}
}
