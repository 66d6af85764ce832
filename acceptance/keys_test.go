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
)

// machine is a folder with keys that an age identity opens, and the command line.
type machine struct {
	t   *testing.T
	bin string
	dir string
	env []string
}

func newMachine(t *testing.T, env []string) machine {
	t.Helper()
	m := machine{t: t, bin: binary(t), dir: t.TempDir()}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	m.write("id.txt", id.String()+"\n")
	m.env = append(env, "MFAWATCH_HOME="+filepath.Join(m.dir, "home"), "MFAWATCH_IDENTITY_FILE="+filepath.Join(m.dir, "id.txt"), "MFAWATCH_PASSPHRASE_FILE=")
	m.run(nil, "key", "reseal", "--to", id.Recipient().String())
	return m
}

func (m machine) write(name, text string) string {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

func (m machine) run(stdin []byte, args ...string) string {
	m.t.Helper()
	cmd := exec.Command(m.bin, args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stderr = m.env, bytes.NewReader(stdin), &stderr
	out, err := cmd.Output()
	if err != nil {
		m.t.Fatalf("mfawatch %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// confirmation is a file that lets a key out.
func (m machine) confirmation(name string) string {
	return m.write("confirm-"+name, name+"\nwhoever sees "+name+" can make its codes\n")
}

const rfcMoment = "2005-03-18T01:58:29Z" // of RFC 6238's table

// oathCode is what oathtool makes of RFC 6238's seed at that moment.
func oathCode(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("oathtool", append(args, "-b", "-N", "2005-03-18 01:58:29 UTC", "-")...)
	cmd.Stdin = strings.NewReader("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// TestKeysToPassAndBack moves a key between pass and mfawatch by the commands of
// docs/keys.md, and both make the same codes.
func TestKeysToPassAndBack(t *testing.T) {
	p := newPassStore(t)
	m := newMachine(t, p.env)
	const uri = "otpauth://totp/AWS:ada%40111122223333?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=AWS"
	p.run([]byte(uri+"\n"), "pass", "otp", "insert", "-e", "aws/ada")
	p.run([]byte("correct horse\nuser: grace\n"+uri+"\n"), "pass", "insert", "-m", "aws/grace")
	for _, name := range []string{"ada", "grace"} {
		m.run(nil, "key", "import", name, "--pass", "aws/"+name)
		if got, want := m.run(nil, "code", name, "--at", rfcMoment), oathCode(t, "--totp"); got != want {
			t.Errorf("%s makes another code than oathtool of what pass keeps", name)
		}
	}
	m.run([]byte("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n"), "key", "add", "linus", "-", "--issuer", "Ex ample", "--algorithm", "sha512", "--digits", "8", "--period", "60")
	p.run([]byte(m.run(nil, "key", "export", "linus", "--confirm", m.confirmation("linus"))+"\n"), "pass", "otp", "insert", "-e", "out/linus")
	m.run(nil, "key", "import", "back", "--pass", "out/linus")
	want := oathCode(t, "--totp=sha512", "-d", "8", "-s", "60s")
	for _, name := range []string{"linus", "back"} {
		if m.run(nil, "code", name, "--at", rfcMoment) != want {
			t.Errorf("%s makes another code than oathtool", name)
		}
	}
}

// TestKeysByPicture: what qrencode draws is imported, and what we draw, as PNG and as
// SVG by rsvg-convert, zbarimg reads.
func TestKeysByPicture(t *testing.T) {
	m := newMachine(t, os.Environ())
	picture := filepath.Join(m.dir, "qr.png")
	cmd := exec.Command("qrencode", "-o", picture)
	cmd.Stdin = strings.NewReader("otpauth://totp/ada@111122223333?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("qrencode: %v: %s", err, out)
	}
	m.run(nil, "key", "import", "ada", picture, "--device", "arn:aws:iam::111122223333:mfa/ada")
	if m.run(nil, "code", "ada", "--at", rfcMoment) != oathCode(t, "--totp") {
		t.Error("ada makes another code than oathtool of what qrencode drew")
	}
	want := m.run(nil, "key", "export", "ada", "--confirm", m.confirmation("ada"))
	for _, name := range []string{"ada.png", "ada.svg"} {
		file := filepath.Join(m.dir, name)
		m.run(nil, "key", "qr", "ada", "--confirm", m.confirmation("ada"), "-o", file)
		if strings.HasSuffix(name, ".svg") {
			file += ".png"
			if out, err := exec.Command("rsvg-convert", "-o", file, filepath.Join(m.dir, name)).CombinedOutput(); err != nil {
				t.Fatalf("rsvg-convert: %v: %s", err, out)
			}
		}
		out, err := exec.Command("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
		if err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: zbarimg reads %d bytes, want %d, error %v", name, len(out), len(want), err)
		}
	}
}

// TestTransferByPeer imports a transfer that the npm package wrote, as a picture.
func TestTransferByPeer(t *testing.T) {
	m := newMachine(t, os.Environ())
	uri := migrates(t, migrate{Write: []string{
		"otpauth://totp/AWS:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=AWS",
		"otpauth://totp/AWS:grace?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=AWS&algorithm=SHA256&digits=8",
	}})[0][0]
	picture := filepath.Join(m.dir, "transfer.png")
	cmd := exec.Command("qrencode", "-o", picture)
	cmd.Stdin = strings.NewReader(uri)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("qrencode: %v: %s", err, out)
	}
	m.run(nil, "key", "import", "--all", "--name-as", "2=grace", picture)
	for name, want := range map[string]string{"AWS/ada": oathCode(t, "--totp"), "grace": oathCode(t, "--totp=sha256", "-d", "8")} {
		if m.run(nil, "code", name, "--at", rfcMoment) != want {
			t.Errorf("%s makes another code than oathtool", name)
		}
	}
}
