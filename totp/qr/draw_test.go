package qr_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mfawatch/totp/qr"
)

// uri is as long as key URIs get; its secret is made up for these tests.
func uri(length int) string {
	const head = "otpauth://totp/Example:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Example&algorithm=SHA256&digits=8&period=60&image="
	return head + strings.Repeat("a1B2-", length)[:length-len(head)]
}

func drawn(t *testing.T, text string, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := qr.PNG(&b, text, size); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// reads fails without showing a text.
func reads(t *testing.T, name string, data []byte, want string) {
	t.Helper()
	got, err := qr.Read(data)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if string(got.Reveal()) != want {
		t.Errorf("%s: another text of %d bytes, want %d", name, len(got.Reveal()), len(want))
	}
}

func TestPNG(t *testing.T) {
	for _, length := range []int{140, 350, 2000} {
		for _, size := range []int{400, qr.DefaultSize, 999} {
			data := drawn(t, uri(length), size)
			if c, err := png.DecodeConfig(bytes.NewReader(data)); err != nil || c.Width != size || c.Height != size {
				t.Errorf("%d × %d pixels, error %v, want %d", c.Width, c.Height, err, size)
			}
			reads(t, fmt.Sprintf("%d bytes, %d pixels", length, size), data, uri(length))
		}
	}
	reads(t, "one letter", drawn(t, "A", 200), "A")
	reads(t, "digits", drawn(t, "123456", 200), "123456")
}

func TestSVG(t *testing.T) {
	var b bytes.Buffer
	if err := qr.SVG(&b, uri(350)); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	side := regexp.MustCompile(`viewBox="0 0 (\d+) (\d+)"`).FindStringSubmatch(text)
	if side == nil || side[1] != side[2] || !strings.Contains(text, `fill="#fff"`) {
		t.Fatalf("no white square: %.200s", text)
	}
	const scale = 5
	modules := number(t, side[1])
	picture := white(modules*scale, modules*scale)
	for _, m := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllStringSubmatch(text, -1) {
		if m[3] != m[4] {
			t.Fatalf("%s is no rectangle", m[0])
		}
		x, y, length := number(t, m[1]), number(t, m[2]), number(t, m[3])
		black(picture, image.Rect(x*scale, y*scale, (x+length)*scale, (y+1)*scale))
	}
	reads(t, "SVG", encoded(t, picture), uri(350))
}

func TestTerminal(t *testing.T) {
	var b bytes.Buffer
	if err := qr.Terminal(&b, uri(350), 80); err != nil {
		t.Fatal(err)
	}
	const scale = 4
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	picture := white(80*scale, 2*len(lines)*scale)
	for row, line := range lines {
		text, colours := strings.CutPrefix(line, "\x1b[38;5;16;48;5;231m")
		text, ended := strings.CutSuffix(text, "\x1b[0m")
		if !colours || !ended || len([]rune(text)) > 80 {
			t.Fatalf("line %d: colours %v, ended %v, %d columns", row, colours, ended, len([]rune(text)))
		}
		for x, r := range []rune(text) {
			upper := image.Rect(x*scale, 2*row*scale, (x+1)*scale, (2*row+1)*scale)
			if r == '▀' || r == '█' {
				black(picture, upper)
			}
			if r == '▄' || r == '█' {
				black(picture, upper.Add(image.Pt(0, scale)))
			}
		}
	}
	for i := range 4 * scale { // the quiet zone
		for j := range 60 * scale {
			if picture.GrayAt(i, j).Y == 0 || picture.GrayAt(j, i).Y == 0 {
				t.Fatalf("no white at %d,%d", i, j)
			}
		}
	}
	reads(t, "terminal", encoded(t, picture), uri(350))
}

func TestDrawRefuses(t *testing.T) {
	var b bytes.Buffer
	for _, c := range []struct {
		err  error
		want string
	}{
		{qr.Terminal(&b, uri(350), 72), "needs 73 columns and the terminal has 72"},
		{qr.Terminal(&b, uri(350), 0), "the terminal has 0"},
		{qr.PNG(&b, uri(350), 100), "not between 162"},
		{qr.PNG(&b, uri(350), 5000), "and 4096"},
		{qr.PNG(&b, uri(350), -1), "a size of -1 pixels"},
		{qr.PNG(&b, uri(3000), 1000), "3000 bytes does not fit"},
		{qr.SVG(&b, ""), "empty"},
		{qr.SVG(&b, "otpauth://totp/Ä?secret=JBSWY3DP"), "ASCII"},
		{qr.SVG(&b, "otpauth://totp/a\n"), "ASCII"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) || strings.Contains(c.err.Error(), "JBSW") {
			t.Errorf("%v, want %q", c.err, c.want)
		}
	}
	if b.Len() != 0 {
		t.Errorf("%d bytes were written of what was refused", b.Len())
	}
}

type fails struct{}

func (fails) Write([]byte) (int, error) { return 0, errors.New("disk is full") }

func TestDrawTellsOfWriters(t *testing.T) {
	for _, err := range []error{qr.PNG(fails{}, "a", 200), qr.SVG(fails{}, "a"), qr.Terminal(fails{}, "a", 80)} {
		if err == nil || !strings.Contains(err.Error(), "disk is full") {
			t.Errorf("error %v", err)
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func white(width, height int) *image.Gray {
	g := image.NewGray(image.Rect(0, 0, width, height))
	for i := range g.Pix {
		g.Pix[i] = 0xff
	}
	return g
}

func black(g *image.Gray, r image.Rectangle) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			g.SetGray(x, y, color.Gray{})
		}
	}
}

func encoded(t *testing.T, picture image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
