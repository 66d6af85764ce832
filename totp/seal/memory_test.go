package seal_test

import (
	"bytes"
	"strings"
	"testing"

	"filippo.io/age"

	"mfawatch/totp/seal"
)

func TestMemory(t *testing.T) {
	i, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keys := seal.Keys{Recipients: []age.Recipient{i.Recipient()}, Identities: []age.Identity{i}}
	file, err := seal.Seal(t.Context(), seal.Header{ID: "ada", Kind: "totp", Label: "x"}, seal.NewSecret([]byte("hunter2")), keys)
	if err != nil {
		t.Fatal(err)
	}
	h, secret, err := seal.Open(t.Context(), "row", file, "ada", keys)
	if err != nil || h.Label != "x" || string(secret.Reveal()) != "hunter2" {
		t.Errorf("Open: %+v, %v", h, err)
	}
	for want, c := range map[string]struct {
		file []byte
		id   string
	}{
		`row: it is the secret "ada" under another's name, where "bob"`: {file, "bob"},
		"row: it has more than 262144 bytes":                            {bytes.Repeat([]byte("x"), 256<<10+1), "ada"},
		"row: it is no sealed secret":                                   {[]byte("hunter2"), "ada"},
		"row: ":                                                         {bytes.Replace(file, []byte(`"label":"x"`), []byte(`"label":"y"`), 1), "ada"},
	} {
		if _, _, err := seal.Open(t.Context(), "row", c.file, c.id, keys); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v, want %s…", err, want)
		}
	}
	for _, h := range []seal.Header{{Kind: "totp"}, {ID: "a", Kind: "TOTP"}} {
		if _, err := seal.Seal(t.Context(), h, seal.NewSecret([]byte("x")), keys); err == nil {
			t.Errorf("%+v is sealed", h)
		}
	}
}
