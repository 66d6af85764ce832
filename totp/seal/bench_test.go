package seal_test

import (
	"path/filepath"
	"testing"

	"mfawatch/totp/seal"
)

func BenchmarkGet(b *testing.B) {
	_, x25519 := identity(b)
	p, err := seal.Passphrase(seal.NewSecret([]byte("hunter2hunter2")), seal.DefaultWork)
	if err != nil {
		b.Fatal(err)
	}
	for name, k := range map[string]seal.Keys{"x25519": x25519, "passphrase": p} {
		b.Run(name, func(b *testing.B) {
			s := store(b, filepath.Join(b.TempDir(), "s"), k)
			put(b, s, "ada")
			b.ReportAllocs()
			for b.Loop() {
				if err := get(b, s, "ada"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
