//go:build acceptance

package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mfawatch/totp"
)

// passStore is a password store of its own, with a key of its own.
type passStore struct {
	t   *testing.T
	env []string
}

func newPassStore(t *testing.T) passStore {
	t.Helper()
	// The agent's socket has to have a short path.
	dir, err := os.MkdirTemp("", "pass")
	if err != nil {
		t.Fatal(err)
	}
	p := passStore{t, append(os.Environ(), "GNUPGHOME="+dir, "PASSWORD_STORE_DIR="+dir+"/store")}
	t.Cleanup(func() {
		p.run(nil, "gpgconf", "--kill", "all")
		os.RemoveAll(dir)
	})
	p.run(nil, "gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "acceptance@example.com", "default", "default", "never")
	p.run(nil, "pass", "init", "acceptance@example.com")
	return p
}

// run gives what a program says; its input may be a secret and is not repeated.
func (p passStore) run(stdin []byte, program string, args ...string) string {
	p.t.Helper()
	cmd := exec.Command(program, args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stderr = p.env, bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("%s %s: %v", program, strings.Join(args, " "), err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// sameCode asks for a code, which may be of the step before or after asking.
func (p passStore) sameCode(name string, k totp.Key) {
	p.t.Helper()
	before, _, err1 := k.Generate(time.Now())
	theirs := p.run(nil, "pass", "otp", "code", name)
	after, _, err2 := k.Generate(time.Now())
	if err1 != nil || err2 != nil || theirs != before && theirs != after {
		p.t.Errorf("%v: pass otp makes another code: %v %v", k, err1, err2)
	}
}

// TestPassOTP: what we write pass stores and makes the same codes of, and what pass
// stores we read. Its HOTP is not compared: it skips the counter that is stored.
func TestPassOTP(t *testing.T) {
	p := newPassStore(t)
	seed := []byte("12345678901234567890")
	for name, s := range map[string]totp.Settings{
		"plain":   {Account: "ada"},
		"aws":     {Issuer: "AWS", Account: "ada@111122223333"},
		"sha512":  {Issuer: "Ex ample", Account: "ada lovelace", Algorithm: totp.SHA512, Digits: 8, Period: 60},
		"sha256":  {Issuer: "Söhne & Co", Account: "ada+b=c", Algorithm: totp.SHA256, Period: 15},
		"strange": {Issuer: `a"b`, Account: "back`tick"},
	} {
		k, err := totp.New(s, seed)
		if err != nil {
			t.Fatal(err)
		}
		p.run([]byte(k.URI()+"\n"), "pass", "otp", "insert", "-e", name)
		p.sameCode(name, k)
		stored, err := totp.Parse(p.run(nil, "pass", "otp", "uri", name))
		if err != nil || !stored.Equal(k) {
			t.Errorf("%s: pass gives %v back, error %v, want %v", name, stored, err, k)
		}
	}
}

// TestPassOTPSecret is of the URIs that pass itself makes of a secret.
func TestPassOTPSecret(t *testing.T) {
	p := newPassStore(t)
	want, err := totp.New(totp.Settings{Issuer: "AWS", Account: "ada@example.com"}, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	p.run([]byte(want.Secret()+"\n"), "pass", "otp", "insert", "-e", "-s", "-i", "AWS", "-a", "ada@example.com", "aws/ada")
	got, err := totp.Parse(p.run(nil, "pass", "otp", "uri", "aws/ada"))
	if err != nil || !got.Equal(want) {
		t.Errorf("%v, error %v, want %v", got, err, want)
	}
	p.sameCode("aws/ada", got)
}
