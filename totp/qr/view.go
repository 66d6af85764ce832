package qr

import (
	"image"
	"image/color"
	"iter"

	"github.com/makiuchi-d/gozxing"
)

// small and large bound the sides, in pixels, at which another size of the picture is
// worth a look: the finder wants three pixels for a module, and in a large photograph
// the grain of the sensor hides the modules.
const (
	small = 700
	large = 1400
)

// gray keeps how light each pixel is, before white where a picture lets through.
func gray(picture image.Image) *image.Gray {
	b := picture.Bounds()
	g := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	row := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		line := g.Pix[row : row+b.Dx()]
		for x := range line {
			line[x] = light(picture, b.Min.X+x, y)
		}
		row += g.Stride
	}
	return g
}

func light(picture image.Image, x, y int) byte {
	switch p := picture.(type) {
	case *image.Gray:
		return p.GrayAt(x, y).Y
	case *image.YCbCr: // a photograph: its Y is what is wanted
		return p.Y[p.YOffset(x, y)]
	}
	r, g, b, a := picture.At(x, y).RGBA() // already multiplied by a
	white := 0xffff - a
	return color.GrayModel.Convert(color.RGBA64{R: uint16(r + white), G: uint16(g + white), B: uint16(b + white), A: 0xffff}).(color.Gray).Y
}

// views are the picture as black and white, by two rules for where black begins, in
// its own size and then in others.
func views(picture *image.Gray) iter.Seq[*gozxing.BitMatrix] {
	return func(yield func(*gozxing.BitMatrix) bool) {
		for _, sized := range []func(*image.Gray) *image.Gray{same, smoothed, halved, quartered, enlarged} {
			g := sized(picture)
			if g == nil {
				continue
			}
			for _, rule := range []func(gozxing.LuminanceSource) gozxing.Binarizer{gozxing.NewHybridBinarizer, gozxing.NewGlobalHistgramBinarizer} {
				if m := blackAndWhite(g, rule); m != nil && !yield(m) {
					return
				}
			}
		}
	}
}

func same(g *image.Gray) *image.Gray { return g }

// smoothed takes for each pixel the mean of those around it, against spots.
func smoothed(g *image.Gray) *image.Gray {
	to := image.NewGray(g.Rect)
	for y := range to.Rect.Dy() {
		for x := range to.Rect.Dx() {
			to.Pix[y*to.Stride+x] = mean(g, x-1, y-1, 3)
		}
	}
	return to
}

func halved(g *image.Gray) *image.Gray {
	if max(g.Rect.Dx(), g.Rect.Dy()) < large {
		return nil
	}
	return shrunk(g, 2)
}

func quartered(g *image.Gray) *image.Gray {
	if max(g.Rect.Dx(), g.Rect.Dy()) < 2*large {
		return nil
	}
	return shrunk(g, 4)
}

// shrunk takes the means of squares of n by n pixels.
func shrunk(g *image.Gray, n int) *image.Gray {
	to := image.NewGray(image.Rect(0, 0, max(1, g.Rect.Dx()/n), max(1, g.Rect.Dy()/n)))
	for y := range to.Rect.Dy() {
		for x := range to.Rect.Dx() {
			to.Pix[y*to.Stride+x] = mean(g, x*n, y*n, n)
		}
	}
	return to
}

// mean is that of a square, as much of it as is in the picture.
func mean(g *image.Gray, left, top, n int) byte {
	sum, count := 0, 0
	for y := max(0, top); y < min(top+n, g.Rect.Dy()); y++ {
		for x := max(0, left); x < min(left+n, g.Rect.Dx()); x++ {
			sum += int(g.Pix[y*g.Stride+x])
			count++
		}
	}
	return byte(sum / count)
}

// enlarged draws each pixel of a small picture four by four, in white as wide as a
// quiet zone: screenshots are cropped closely, and qrencode -s 1 draws a module as one
// pixel.
func enlarged(g *image.Gray) *image.Gray {
	const n, margin = 4, 16
	if max(g.Rect.Dx(), g.Rect.Dy()) > small {
		return nil
	}
	to := image.NewGray(image.Rect(0, 0, n*g.Rect.Dx()+2*margin, n*g.Rect.Dy()+2*margin))
	for i := range to.Pix {
		to.Pix[i] = 0xff
	}
	for y := range n * g.Rect.Dy() {
		line := to.Pix[(y+margin)*to.Stride+margin:]
		for x := range n * g.Rect.Dx() {
			line[x] = g.Pix[y/n*g.Stride+x/n]
		}
	}
	return to
}

// blackAndWhite is nil where a picture has nothing to tell apart.
func blackAndWhite(g *image.Gray, rule func(gozxing.LuminanceSource) gozxing.Binarizer) *gozxing.BitMatrix {
	width, height := g.Rect.Dx(), g.Rect.Dy()
	source, err := gozxing.NewPlanarYUVLuminanceSource(g.Pix, width, height, 0, 0, width, height, false)
	if err != nil {
		return nil
	}
	m, err := rule(source).GetBlackMatrix()
	if err != nil {
		return nil
	}
	return m
}
