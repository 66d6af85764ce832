//go:build acceptance

package acceptance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/totp/qr"
)

// keyURI is a URI of that many bytes, whose secret is RFC 6238's.
func keyURI(length int) string {
	const head = "otpauth://totp/Example:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example&algorithm=SHA256&digits=8&period=60&image="
	return head + strings.Repeat("aB3-%2F", length)[:length-len(head)]
}

// TestZbarReadsWhatIsDrawn in every size.
func TestZbarReadsWhatIsDrawn(t *testing.T) {
	for _, length := range []int{140, 200, 350, 700, 1200} {
		for _, size := range []int{400, qr.DefaultSize, 1500} {
			file := filepath.Join(t.TempDir(), "code.png")
			var b bytes.Buffer
			if err := qr.PNG(&b, keyURI(length), size); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file).Output()
			if err != nil || strings.TrimSuffix(string(out), "\n") != keyURI(length) {
				t.Errorf("%d bytes in %d pixels: zbarimg reads %d bytes, error %v", length, size, len(out), err)
			}
		}
	}
}

// TestReadsWhatQrencodeDraws at each level of correction, each size of a module, with
// the quiet zone and without.
func TestReadsWhatQrencodeDraws(t *testing.T) {
	n := 0
	for _, length := range []int{140, 350, 700} {
		for _, level := range []string{"L", "M", "Q", "H"} {
			for _, module := range []int{1, 2, 3, 8} {
				for _, margin := range []int{0, 4} {
					cmd := exec.Command("qrencode", "-l", level, "-s", fmt.Sprint(module), "-m", fmt.Sprint(margin), "-o", "-")
					cmd.Stdin = strings.NewReader(keyURI(length))
					picture, err := cmd.Output()
					if err != nil {
						t.Fatal(err)
					}
					got, err := qr.Read(picture)
					if err != nil || string(got.Reveal()) != keyURI(length) {
						t.Errorf("%d bytes, level %s, module %d, margin %d: %d bytes, error %v", length, level, module, margin, len(got.Reveal()), err)
					}
					n++
				}
			}
		}
	}
	t.Logf("%d pictures", n)
}

// TestTellsPartsOfQrencode: a text that qrencode spreads over several codes is not
// taken for the first of them.
func TestTellsPartsOfQrencode(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command("qrencode", "-S", "-v", "5", "-o", filepath.Join(dir, "part.png"))
	cmd.Stdin = strings.NewReader(keyURI(350))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "part-*.png"))
	if err != nil || len(parts) < 2 {
		t.Fatalf("%d parts, error %v", len(parts), err)
	}
	for _, part := range parts {
		data, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := qr.Read(data); err == nil || !strings.Contains(err.Error(), "spread over several") {
			t.Errorf("%s: error %v", filepath.Base(part), err)
		}
	}
}
