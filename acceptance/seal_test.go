//go:build acceptance

package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"mfawatch/internal/kms"
	"mfawatch/totp/seal"
)

const sealedSeed = "12345678901234567890"

// ageTool runs a program of age with that standard input.
func ageTool(t *testing.T, stdin []byte, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", filepath.Base(program), args[0], err, stderr.String())
	}
	return out
}

func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../.cache/acceptance/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: run make acceptance, which installs it: %v", name, err)
	}
	return path
}

// sealed puts a secret into a store, and gives the file, and its two parts.
func sealed(t *testing.T, keys seal.Keys) (s *seal.Store, file string, head, payload []byte) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "secrets")
	s, err := seal.OpenStore(dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), seal.Header{ID: "ada", Kind: "totp", Label: "Ada <ada@example.com>"}, seal.NewSecret([]byte(sealedSeed))); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "ada.sealed")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfterN(data, []byte("\n"), 3)
	return s, file, bytes.Join(lines[:2], nil), lines[2]
}

func reveals(t *testing.T, s *seal.Store) {
	t.Helper()
	if _, got, err := s.Get(t.Context(), "ada"); err != nil || string(got.Reveal()) != sealedSeed {
		t.Errorf("what the peer made does not open: %v", err)
	}
}

// TestSealAndAge: age's own command line and rage open what we sealed, by the
// identity that age-keygen made, and we open what they sealed.
func TestSealAndAge(t *testing.T) {
	tool, keygen := installed(t, "age/age"), installed(t, "age/age-keygen")
	python, rage := installed(t, "venv-age/bin/python"), "age/rage.py"
	identity := filepath.Join(t.TempDir(), "identity.txt")
	ageTool(t, nil, keygen, "-o", identity)
	ids, err := seal.ReadIdentities(identity, seal.UI(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	id := ids[0].(*age.X25519Identity)
	recipient, err := seal.ParseRecipient(strings.TrimSpace(string(ageTool(t, nil, keygen, "-y", identity))), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, file, head, payload := sealed(t, seal.Keys{Recipients: []age.Recipient{recipient}, Identities: ids})
	want := string(head) + sealedSeed
	if got := ageTool(t, nil, "sh", "-c", `tail -n +3 "$1" | "$2" -d -i "$3"`, "sh", file, tool, identity); string(got) != want {
		t.Errorf("by the command of the documentation age opens %d bytes, want %d", len(got), len(want))
	}
	if got := ageTool(t, payload, python, rage, "open", id.String()); string(got) != want {
		t.Errorf("rage opens %d bytes, want %d", len(got), len(want))
	}
	for name, made := range map[string][]byte{
		"age":  ageTool(t, []byte(want), tool, "-r", id.Recipient().String()),
		"rage": ageTool(t, []byte(want), python, rage, "seal", id.Recipient().String()),
	} {
		if err := os.WriteFile(file, append(bytes.Clone(head), made...), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { reveals(t, s) })
	}
}

func TestSealPassphraseAndRage(t *testing.T) {
	python := installed(t, "venv-age/bin/python")
	keys, err := seal.Passphrase(seal.NewSecret([]byte("made for this test")), seal.MinWork)
	if err != nil {
		t.Fatal(err)
	}
	_, _, head, payload := sealed(t, keys)
	if got := ageTool(t, payload, python, "age/rage.py", "open-passphrase", "made for this test"); string(got) != string(head)+sealedSeed {
		t.Errorf("rage opens %d bytes", len(got))
	}
}

// TestSealAndKMS: moto's KMS holds each file to its encryption context and key.
func TestSealAndKMS(t *testing.T) {
	m := startMoto(t, 0)
	cfg := m.config("test", "test", "")
	made, err := awskms.NewFromConfig(cfg).CreateKey(t.Context(), &awskms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	arn := *made.KeyMetadata.Arn
	keys := func(tenant string) seal.Keys {
		return seal.Keys{KMS: []seal.Envelope{{KMS: kms.New(cfg), Key: arn, Context: map[string]string{"tenant": tenant}}}}
	}
	s, file, _, _ := sealed(t, keys("blue"))
	reveals(t, s)
	red, err := seal.OpenStore(filepath.Dir(file), keys("red"))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = red.Get(t.Context(), "ada")
	if want := file + ": kms:Decrypt with " + arn + ": InvalidCiphertextException: it was sealed for another id"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if got, err := s.Rotate(t.Context(), keys("red")); err != nil || len(got.Resealed) != 1 {
		t.Errorf("%v, error %v", got, err)
	}
	reveals(t, red)
}
