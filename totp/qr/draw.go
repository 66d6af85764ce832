package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"

	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/encoder"
)

// quiet is the white around a code, in modules (ISO/IEC 18004 asks for four).
const quiet = 4

// Sizes of pictures, in pixels.
const (
	DefaultSize = 600
	maxSize     = 4096
)

// drawing are the modules of a code and the white around it; true is dark.
type drawing [][]bool

// draw encodes with the weakest correction on a terminal, where a code has to be small
// and nothing stains it, and the next on what may be printed.
func draw(text string, level decoder.ErrorCorrectionLevel) (drawing, error) {
	switch {
	case text == "":
		return nil, errors.New("draw a QR code: the text is empty")
	case bytes.ContainsFunc([]byte(text), func(r rune) bool { return r < ' ' || r > '~' }):
		// Readers differ about the letters of bytes over 127, and a URI has none.
		return nil, errors.New("draw a QR code: the text is not printable ASCII, which URIs are")
	}
	code, err := encoder.Encoder_encode(text, level, nil)
	if err != nil { // it shows nothing of the text, but that is another's promise
		return nil, fmt.Errorf("draw a QR code: a text of %d bytes does not fit", len(text))
	}
	m := code.GetMatrix()
	d := make(drawing, m.GetHeight()+2*quiet)
	for y := range d {
		d[y] = make([]bool, m.GetWidth()+2*quiet)
		for x := range d[y] {
			d[y][x] = inside(x, y, m) && m.Get(x-quiet, y-quiet) == 1
		}
	}
	return d, nil
}

func inside(x, y int, m *encoder.ByteMatrix) bool {
	return x >= quiet && y >= quiet && x < m.GetWidth()+quiet && y < m.GetHeight()+quiet
}

// dark is false beyond the edge, which is white too.
func (d drawing) dark(x, y int) bool {
	return y >= 0 && y < len(d) && x >= 0 && x < len(d) && d[y][x]
}

// PNG writes a square picture of that many pixels a side, in two colours.
func PNG(w io.Writer, text string, size int) error {
	d, err := draw(text, decoder.ErrorCorrectionLevel_M)
	if err != nil {
		return err
	}
	if size > maxSize || size < 2*len(d) {
		return fmt.Errorf("draw a QR code: a size of %d pixels is not between %d, which this text needs, and %d", size, 2*len(d), maxSize)
	}
	scale := size / len(d)
	margin := (size - scale*len(d)) / 2
	picture := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	for y := range size {
		for x := range size {
			if x >= margin && y >= margin && d.dark((x-margin)/scale, (y-margin)/scale) {
				picture.Pix[y*picture.Stride+x] = 1
			}
		}
	}
	return png.Encode(w, picture)
}

// SVG writes a drawing that has a size of its own, four pixels for a module, and can be
// given any.
func SVG(w io.Writer, text string) error {
	d, err := draw(text, decoder.ErrorCorrectionLevel_M)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	side := len(d)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+"\n", 4*side, 4*side, side, side)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n"+`<path fill="#000" d="`, side, side)
	for y := range d {
		d.runs(y, func(x, length int) { fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x, y, length, length) })
	}
	b.WriteString("\"/>\n</svg>\n")
	_, err = w.Write(b.Bytes())
	return err
}

// runs tells of the dark modules of a line that follow each other.
func (d drawing) runs(y int, tell func(x, length int)) {
	for x := 0; x < len(d); {
		length := 0
		for d.dark(x+length, y) {
			length++
		}
		if length > 0 {
			tell(x, length)
		}
		x += length + 1
	}
}

// Terminal writes a drawing of half blocks, two modules in a letter, black on white by
// escape sequences, so that it is the same on a dark terminal as on a light one. A
// terminal that has fewer columns than it needs would break its lines: that is an
// error, which tells how many.
func Terminal(w io.Writer, text string, columns int) error {
	d, err := draw(text, decoder.ErrorCorrectionLevel_L)
	if err != nil {
		return err
	}
	if columns < len(d) {
		return fmt.Errorf("the QR code needs %d columns and the terminal has %d: make it wider, or its letters smaller, or draw into a file", len(d), columns)
	}
	const black, reset = "\x1b[38;5;16;48;5;231m", "\x1b[0m\n"
	halves := map[[2]bool]string{{false, false}: " ", {true, false}: "▀", {false, true}: "▄", {true, true}: "█"}
	var b bytes.Buffer
	for y := 0; y < len(d); y += 2 {
		b.WriteString(black)
		for x := range d[y] {
			b.WriteString(halves[[2]bool{d.dark(x, y), d.dark(x, y+1)}])
		}
		b.WriteString(reset)
	}
	_, err = w.Write(b.Bytes())
	return err
}
