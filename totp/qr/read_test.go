package qr_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"mfawatch/totp/qr"
)

// code is a drawing as a picture.
func code(t *testing.T, text string, size int) *image.Gray {
	t.Helper()
	picture, _, err := image.Decode(bytes.NewReader(drawn(t, text, size)))
	if err != nil {
		t.Fatal(err)
	}
	g := image.NewGray(picture.Bounds())
	draw.Draw(g, g.Rect, picture, image.Point{}, draw.Src)
	return g
}

// mapped makes a picture by asking of each pixel where it comes from; what comes from
// outside is white, and between pixels there are shades.
func mapped(from *image.Gray, width, height int, source func(x, y float64) (float64, float64)) *image.Gray {
	to := white(width, height)
	for y := range height {
		for x := range width {
			sx, sy := source(float64(x)+0.5, float64(y)+0.5)
			to.SetGray(x, y, color.Gray{Y: shade(from, sx-0.5, sy-0.5)})
		}
	}
	return to
}

func shade(g *image.Gray, x, y float64) byte {
	x0, y0 := math.Floor(x), math.Floor(y)
	at := func(x, y float64) float64 {
		p := image.Pt(int(x), int(y))
		if !p.In(g.Rect) {
			return 255
		}
		return float64(g.GrayAt(p.X, p.Y).Y)
	}
	fx, fy := x-x0, y-y0
	return byte((at(x0, y0)*(1-fx)+at(x0+1, y0)*fx)*(1-fy) + (at(x0, y0+1)*(1-fx)+at(x0+1, y0+1)*fx)*fy)
}

// turned is a picture about its middle, in a square that holds it.
func turned(g *image.Gray, degrees, scale float64) *image.Gray {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	side := int(1.5 * scale * float64(g.Rect.Dx()))
	middle, to := float64(g.Rect.Dx())/2, float64(side)/2
	return mapped(g, side, side, func(x, y float64) (float64, float64) {
		dx, dy := (x-to)/scale, (y-to)/scale
		return middle + dx*cos - dy*sin, middle + dx*sin + dy*cos
	})
}

func changed(g *image.Gray, change func(x, y int, light byte) byte) *image.Gray {
	to := white(g.Rect.Dx(), g.Rect.Dy())
	for y := range g.Rect.Dy() {
		for x := range g.Rect.Dx() {
			to.SetGray(x, y, color.Gray{Y: change(x, y, g.GrayAt(x, y).Y)})
		}
	}
	return to
}

func TestReadTransformed(t *testing.T) {
	want := uri(350)
	g := code(t, want, 700)
	random := rand.New(rand.NewPCG(1, 2))
	inverted := changed(g, func(_, _ int, light byte) byte { return 255 - light })
	pictures := map[string]image.Image{
		"inverted":           inverted,
		"inverted, turned":   changed(turned(g, 30, 1), func(_, _ int, light byte) byte { return 255 - light }),
		"mirrored":           mapped(g, 700, 700, func(x, y float64) (float64, float64) { return 700 - x, y }),
		"upside down":        mapped(g, 700, 700, func(x, y float64) (float64, float64) { return 700 - x, 700 - y }),
		"noise":              changed(g, func(_, _ int, light byte) byte { return spoilt(random, light, 2) }),
		"grain":              changed(g, func(_, _ int, light byte) byte { return byte(min(255, max(0, int(light)+random.IntN(161)-80))) }),
		"little contrast":    changed(g, func(_, _ int, light byte) byte { return 100 + light/8 }),
		"light from a side":  changed(g, func(x, _ int, light byte) byte { return byte(int(light)*(x+200)/1000 + 10) }),
		"seen from a side":   mapped(g, 800, 800, fromASide),
		"squeezed":           mapped(g, 700, 640, func(x, y float64) (float64, float64) { return x, y * 700 / 640 }),
		"no quiet zone":      g.SubImage(image.Rect(33, 33, 667, 667)),
		"small in the large": placed(2400, 1800, turned(code(t, want, 350), 7, 1)),
		"large":              mapped(g, 2800, 2800, func(x, y float64) (float64, float64) { return x / 4, y / 4 }),
		"transparent white":  transparent(g),
		"a corner elsewhere": elsewhere(g),
	}
	for degrees := 15; degrees < 360; degrees += 30 {
		pictures[fmt.Sprint("turned by ", degrees)] = turned(g, float64(degrees), 1)
	}
	for _, scale := range []float64{0.45, 0.7, 1.3, 2.1} {
		pictures[fmt.Sprint("scaled by ", scale)] = turned(g, 0, scale)
		pictures[fmt.Sprint("scaled and turned by ", scale)] = turned(g, 20, scale)
	}
	for name, picture := range pictures {
		t.Run(name, func(t *testing.T) { reads(t, name, encoded(t, picture), want) })
	}
}

// fromASide is a perspective: what is lower is nearer.
func fromASide(x, y float64) (float64, float64) {
	depth := 1 + (y-400)/8000
	return (x-400)/depth + 350, (y-400)/depth + 350
}

// leaning is seen from so far aside that its corners are of different sizes, and the
// search for all codes at once passes it over.
func leaning(g *image.Gray) *image.Gray {
	return mapped(g, 900, 900, func(x, y float64) (float64, float64) {
		depth := 1 + (y-450)/4000
		return (x-450)/depth + 350, (y-450)/depth + 350
	})
}

// spoilt makes some in a hundred pixels black or white.
func spoilt(random *rand.Rand, light byte, percent int) byte {
	switch n := random.IntN(200); {
	case n < percent:
		return 0
	case n < 2*percent:
		return 255
	}
	return light
}

func placed(width, height int, g *image.Gray) *image.Gray {
	to := changed(white(width, height), func(x, y int, _ byte) byte { return byte(200 + (x*7+y*13)%40) })
	draw.Draw(to, g.Rect.Add(image.Pt(width/3, height/4)), g, image.Point{}, draw.Src)
	return to
}

// transparent has black where the code is and nothing elsewhere, whose colour says
// black too.
func transparent(g *image.Gray) image.Image {
	to := image.NewNRGBA(g.Rect)
	for y := range g.Rect.Dy() {
		for x := range g.Rect.Dx() {
			to.SetNRGBA(x, y, color.NRGBA{A: 255 - g.GrayAt(x, y).Y})
		}
	}
	return to
}

// elsewhere has a picture whose first pixel is not at 0,0.
func elsewhere(g *image.Gray) image.Image {
	to := image.NewRGBA(g.Rect.Add(image.Pt(50, 90)))
	draw.Draw(to, to.Rect, g, image.Point{}, draw.Src)
	return to
}

func TestReadFormats(t *testing.T) {
	g := code(t, uri(350), 600)
	for _, quality := range []int{20, 75, 100} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, g, &jpeg.Options{Quality: quality}); err != nil {
			t.Fatal(err)
		}
		reads(t, fmt.Sprint("JPEG ", quality), b.Bytes(), uri(350))
		if !qr.IsImage(b.Bytes()) {
			t.Error("a JPEG is no picture")
		}
	}
	colour := image.NewRGBA(g.Rect)
	draw.Draw(colour, g.Rect, changed(g, func(_, _ int, light byte) byte { return light/2 + 60 }), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, colour, nil); err != nil {
		t.Fatal(err)
	}
	reads(t, "JPEG in colour", b.Bytes(), uri(350))
	b.Reset()
	if err := gif.Encode(&b, g, nil); err != nil {
		t.Fatal(err)
	}
	reads(t, "GIF", b.Bytes(), uri(350))
	if qr.IsImage([]byte("otpauth://totp/a?secret=JBSWY3DP")) || qr.IsImage(nil) {
		t.Error("a URI is a picture")
	}
}

// TestReadOneOfMany: which of several codes was meant is not guessed, whatever their
// places and sizes. Copies of one are one.
func TestReadOneOfMany(t *testing.T) {
	small, large := code(t, uri(150), 500), code(t, uri(350), 900)
	for name, picture := range map[string]*image.Gray{
		"beside":       side(small, large),
		"of one size":  side(code(t, uri(150), 500), code(t, uri(151), 500)),
		"one inverted": side(small, changed(large, func(_, _ int, light byte) byte { return 255 - light })),
		"one turned":   side(small, turned(large, 40, 1)),
		"leaning":      side(leaning(code(t, uri(150), 700)), leaning(code(t, uri(250), 700))),
	} {
		_, err := qr.Read(encoded(t, picture))
		if err == nil || !strings.Contains(err.Error(), "has 2 QR codes: crop") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	three := side(side(small, code(t, uri(151), 500)), code(t, uri(152), 500))
	if _, err := qr.Read(encoded(t, three)); err == nil || !strings.Contains(err.Error(), "has 3 QR codes") {
		t.Errorf("three: error %v", err)
	}
	reads(t, "two copies", encoded(t, side(small, turned(small, 10, 1))), uri(150))
}

func side(a, b *image.Gray) *image.Gray {
	to := white(a.Rect.Dx()+b.Rect.Dx()+40, max(a.Rect.Dy(), b.Rect.Dy()))
	draw.Draw(to, a.Rect, a, image.Point{}, draw.Src)
	draw.Draw(to, b.Rect.Add(image.Pt(a.Rect.Dx()+40, 0)), b, image.Point{}, draw.Src)
	return to
}

// header is a PNG that says a size and ends.
func header(width, height uint32) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR")
	b = binary.BigEndian.AppendUint32(b, width)
	b = binary.BigEndian.AppendUint32(b, height)
	b = append(b, 16, 6, 0, 0, 0)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:]))
}

func TestReadRefuses(t *testing.T) {
	whole := drawn(t, uri(350), 600)
	torn := changed(code(t, uri(350), 600), func(x, y int, light byte) byte {
		if x > 200 && y > 150 && y < 330 {
			return 128
		}
		return light
	})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":       {nil, "no picture that can be read: PNG, JPEG and GIF"},
		"text":          {[]byte(uri(150)), "no picture"},
		"a tall bomb":   {header(1, 1<<30), "has 1 × 1073741824 pixels: at most 40 million are taken, 20000 on a side"},
		"too tall":      {header(1, 20_001), "1 × 20001"},
		"too wide":      {header(20_001, 1), "20001 × 1"},
		"a wide bomb":   {header(1<<30, 1), "has 1073741824 × 1 pixels: at most 40 million"},
		"a square bomb": {header(7000, 7000), "7000 × 7000"},
		"cut off":       {whole[:len(whole)/2], "png picture is damaged or cut off"},
		"a header":      {header(10, 10), "damaged or cut off"},
		"too large":     {make([]byte, qr.MaxFile+1), "at most 32 MB"},
		"white":         {encoded(t, white(300, 300)), "no QR code is found"},
		"one pixel":     {encoded(t, white(1, 1)), "no QR code is found"},
		"a line":        {encoded(t, white(900, 1)), "no QR code is found"},
		"torn":          {encoded(t, torn), "no QR code is found"},
		"too small":     {encoded(t, turned(code(t, uri(350), 700), 0, 0.1)), "no QR code is found"},
	} {
		s, err := qr.Read(c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "JBSW") {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if len(s.Reveal()) != 0 {
			t.Errorf("%s: a text with an error", name)
		}
	}
	if _, err := qr.Read(encoded(t, white(300, 300))); !errors.Is(err, qr.ErrNoCode) {
		t.Errorf("error %v, want ErrNoCode", err)
	}
}

// TestReadCrowd is of a picture made to keep the finder busy: corners and nothing else.
func TestReadCrowd(t *testing.T) {
	to := white(2000, 2000)
	for y := 20; y < 1900; y += 80 {
		for x := 20; x < 1900; x += 80 {
			corner(to, x, y, 8)
		}
	}
	if _, err := qr.Read(encoded(t, to)); err == nil || !strings.Contains(err.Error(), "corners of QR codes: crop it") {
		t.Errorf("error %v", err)
	}
}

func TestReadNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 3 {
		g := changed(white(1000, 1000), func(_, _ int, _ byte) byte { return byte(random.IntN(256)) })
		if _, err := qr.Read(encoded(t, g)); err == nil {
			t.Error("noise is read")
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	for _, size := range []int{120, 200} {
		b.Reset()
		if err := qr.PNG(&b, "otpauth://totp/a?secret=JBSWY3DP", size); err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(b.Bytes()))
		picture, _, err := image.Decode(bytes.NewReader(b.Bytes()))
		if err != nil {
			f.Fatal(err)
		}
		for _, encode := range []func() error{func() error { return jpeg.Encode(&b, picture, nil) }, func() error { return gif.Encode(&b, picture, nil) }} {
			b.Reset()
			if err := encode(); err != nil {
				f.Fatal(err)
			}
			f.Add(bytes.Clone(b.Bytes()))
		}
	}
	f.Add(header(40, 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height > 1<<20 {
			t.Skip("large pictures are slow to fuzz")
		}
		s, err := qr.Read(data)
		if (err == nil) == (len(s.Reveal()) == 0) {
			t.Errorf("%d bytes and error %v", len(s.Reveal()), err)
		}
	})
}

// FuzzModules gives the reader black and white squares: what the decoder of modules
// makes of them, without the chance that pixels are needed to look like corners.
func FuzzModules(f *testing.F) {
	f.Add([]byte{0xff, 0x00, 0xaa}, uint8(25))
	f.Add(bytes.Repeat([]byte{0x5a}, 60), uint8(21))
	f.Fuzz(func(t *testing.T, bits []byte, side uint8) {
		if side < 21 || side > 65 || len(bits) == 0 { // larger ones are slow
			return
		}
		const scale = 4
		n := int(side)
		g := white((n+8)*scale, (n+8)*scale)
		for i := range n * n {
			if bits[i/8%len(bits)]>>(i%8)&1 == 1 {
				black(g, square((i%n+4)*scale, (i/n+4)*scale, scale))
			}
		}
		for _, at := range []image.Point{{4, 4}, {n - 3, 4}, {4, n - 3}} {
			corner(g, at.X*scale, at.Y*scale, scale)
		}
		s, err := qr.Read(encoded(t, g))
		if (err == nil) == (len(s.Reveal()) == 0) {
			t.Errorf("%d bytes and error %v", len(s.Reveal()), err)
		}
	})
}

func square(x, y, size int) image.Rectangle { return image.Rect(x, y, x+size, y+size) }

// corner draws what is in three corners of a code.
func corner(g *image.Gray, x, y, scale int) {
	black(g, square(x, y, 7*scale))
	draw.Draw(g, square(x+scale, y+scale, 5*scale), image.White, image.Point{}, draw.Src)
	black(g, square(x+2*scale, y+2*scale, 3*scale))
}
