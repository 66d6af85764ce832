package fakeaws

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
)

// A QR code (ISO/IEC 18004) of bytes, at the lowest level of correction and with the
// first mask, which is all that a key URI of AWS needs: versions up to 10, which hold
// 271 bytes.

// shape is how a version divides its codewords: blocks of data, each with so many for
// correction. Where long is not zero, so many blocks have one of data more.
type shape struct{ blocks, data, correction, long int }

// shapes are those of level L, by version.
var shapes = []shape{1: {1, 19, 7, 0}, 2: {1, 34, 10, 0}, 3: {1, 55, 15, 0}, 4: {1, 80, 20, 0}, 5: {1, 108, 26, 0}, 6: {2, 68, 18, 0}, 7: {2, 78, 20, 0}, 8: {2, 97, 24, 0}, 9: {2, 116, 30, 0}, 10: {4, 68, 18, 2}}

// centres are where alignment patterns have theirs.
var centres = [][]int{1: nil, 2: {6, 18}, 3: {6, 22}, 4: {6, 26}, 5: {6, 30}, 6: {6, 34}, 7: {6, 22, 38}, 8: {6, 24, 42}, 9: {6, 26, 46}, 10: {6, 28, 50}}

func (s shape) capacity() int { return s.blocks*s.data + s.long }

// drawQR is a text as a PNG.
func drawQR(text string) ([]byte, error) {
	m, err := matrixOf(text)
	if err != nil {
		return nil, err
	}
	return m.picture()
}

func matrixOf(text string) (*matrix, error) {
	for version := 1; version < len(shapes); version++ {
		if header(version)+8*len(text) <= 8*shapes[version].capacity() {
			m := newMatrix(version)
			m.fill(interleave(shapes[version], codewords(version, text)))
			return m, nil
		}
	}
	return nil, fmt.Errorf("%d bytes are too many for a QR code of version 10", len(text))
}

// header is the bits before the text: mode and length.
func header(version int) int {
	if version < 10 {
		return 4 + 8
	}
	return 4 + 16
}

// codewords are mode, length, text, end and padding.
func codewords(version int, text string) []byte {
	var bits []byte
	put := func(value, n int) {
		for i := n - 1; i >= 0; i-- {
			bits = append(bits, byte(value>>i&1))
		}
	}
	put(4, 4)
	put(len(text), header(version)-4)
	for i := range len(text) {
		put(int(text[i]), 8)
	}
	capacity := shapes[version].capacity()
	put(0, min(4, 8*capacity-len(bits)))
	put(0, (8-len(bits)%8)%8)
	for pad := 0xec; len(bits) < 8*capacity; pad ^= 0xec ^ 0x11 {
		put(pad, 8)
	}
	out := make([]byte, capacity)
	for i, bit := range bits {
		out[i/8] |= bit << (7 - i%8)
	}
	return out
}

// interleave takes one codeword of each block in turn: first data, then correction.
func interleave(s shape, data []byte) []byte {
	var blocks, corrections [][]byte
	for i := range s.blocks {
		n := s.data
		if i >= s.blocks-s.long {
			n++
		}
		blocks = append(blocks, data[:n])
		corrections = append(corrections, correction(data[:n], s.correction))
		data = data[n:]
	}
	return append(inTurn(blocks), inTurn(corrections)...)
}

func inTurn(blocks [][]byte) []byte {
	var out []byte
	for i := range len(blocks[len(blocks)-1]) {
		for _, b := range blocks {
			if i < len(b) {
				out = append(out, b[i])
			}
		}
	}
	return out
}

// times multiplies in the field of 256 elements over x^8+x^4+x^3+x^2+1.
func times(a, b byte) byte {
	var out byte
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			out ^= a
		}
		carry := a >> 7
		a = a<<1 ^ carry*0x1d
	}
	return out
}

// correction is the remainder of Reed and Solomon.
func correction(data []byte, n int) []byte {
	generator := []byte{1}
	for i, root := 0, byte(1); i < n; i, root = i+1, times(root, 2) {
		next := append(generator, 0)
		for j := len(generator); j > 0; j-- {
			next[j] ^= times(next[j-1], root)
		}
		generator = next
	}
	rest := append(append([]byte(nil), data...), make([]byte, n)...)
	for i := range data {
		for j, factor := len(generator)-1, rest[i]; j >= 0; j-- {
			rest[i+j] ^= times(generator[j], factor)
		}
	}
	return rest[len(data):]
}

// matrix is the square. fixed are the modules that hold no data.
type matrix struct {
	size        int
	dark, fixed [][]bool
}

func newMatrix(version int) *matrix {
	m := &matrix{size: 17 + 4*version}
	for range m.size {
		m.dark, m.fixed = append(m.dark, make([]bool, m.size)), append(m.fixed, make([]bool, m.size))
	}
	for i := range m.size {
		m.set(6, i, i%2 == 0)
		m.set(i, 6, i%2 == 0)
	}
	for _, at := range [][2]int{{3, 3}, {3, m.size - 4}, {m.size - 4, 3}} {
		m.rings(at[0], at[1], 4)
	}
	for _, row := range centres[version] {
		for _, column := range centres[version] {
			if !m.fixed[row][column] || row == 6 && column > 8 && column < m.size-9 || column == 6 && row > 8 && row < m.size-9 {
				m.rings(row, column, 2)
			}
		}
	}
	m.describe(version)
	return m
}

func (m *matrix) set(row, column int, dark bool) {
	if row >= 0 && column >= 0 && row < m.size && column < m.size {
		m.dark[row][column], m.fixed[row][column] = dark, true
	}
}

// rings draws a finder (4) or an alignment pattern (2): squares within squares.
func (m *matrix) rings(row, column, reach int) {
	for y := -reach; y <= reach; y++ {
		for x := -reach; x <= reach; x++ {
			far := max(y, -y, x, -x)
			m.set(row+y, column+x, far != 4 && (far != 2 || reach == 2) && (far != 1 || reach == 4))
		}
	}
}

// describe writes level, mask and, from version 7 on, the version, each with what
// corrects it.
func (m *matrix) describe(version int) {
	const levelAndMask = 1 << 3 // L, and the first mask
	format := (levelAndMask<<10 | remainder(levelAndMask<<10, 0x537)) ^ 0x5412
	for i := range 15 {
		bit := format>>i&1 == 1
		row := []int{0, 1, 2, 3, 4, 5, 7, 8, m.size - 7, m.size - 6, m.size - 5, m.size - 4, m.size - 3, m.size - 2, m.size - 1}[i]
		column := []int{m.size - 1, m.size - 2, m.size - 3, m.size - 4, m.size - 5, m.size - 6, m.size - 7, m.size - 8, 7, 5, 4, 3, 2, 1, 0}[i]
		m.set(row, 8, bit)
		m.set(8, column, bit)
	}
	m.set(m.size-8, 8, true)
	if version < 7 {
		return
	}
	bits := version<<12 | remainder(version<<12, 0x1f25)
	for i := range 18 {
		m.set(i/3, m.size-11+i%3, bits>>i&1 == 1)
		m.set(m.size-11+i%3, i/3, bits>>i&1 == 1)
	}
}

// remainder divides polynomials over bits.
func remainder(value, by int) int {
	degree := 0
	for by>>(degree+1) > 0 {
		degree++
	}
	for i := 20; i >= degree; i-- {
		if value>>i&1 == 1 {
			value ^= by << (i - degree)
		}
	}
	return value
}

// fill snakes through pairs of columns from the right, up and down, and masks.
func (m *matrix) fill(data []byte) {
	i, up := 0, true
	for right := m.size - 1; right > 0; right -= 2 {
		if right == 6 {
			right--
		}
		for n := range m.size {
			row := n
			if up {
				row = m.size - 1 - n
			}
			for _, column := range []int{right, right - 1} {
				if m.fixed[row][column] {
					continue
				}
				bit := i/8 < len(data) && data[i/8]>>(7-i%8)&1 == 1
				m.dark[row][column] = bit != ((row+column)%2 == 0)
				i++
			}
		}
		up = !up
	}
}

func (m *matrix) picture() ([]byte, error) {
	const module, quiet = 6, 4
	side := (m.size + 2*quiet) * module
	p := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			row, column := y/module-quiet, x/module-quiet
			inside := row >= 0 && column >= 0 && row < m.size && column < m.size
			if !inside || !m.dark[row][column] {
				p.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, p)
	return b.Bytes(), err
}
