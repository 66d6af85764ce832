package qr

import (
	"math"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/common"
	multi "github.com/makiuchi-d/gozxing/multi/qrcode/detector"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// Bounds on shapes that may be corners: the library tries every three of them.
const (
	fewCorners  = 48  // while each three that fits is decoded
	manyCorners = 256 // while only the best three are
	mostCodes   = 64
)

// search gathers what the views of one picture show.
type search struct {
	texts   map[string]bool
	parts   bool // a code says that it is one of several
	crowded bool // there were more corners than are looked at
}

// view looks at a picture as it is, and light on dark.
func (s *search) view(m *gozxing.BitMatrix) {
	for range 2 {
		s.several(m)
		for range mostCodes {
			if !s.single(m) {
				break
			}
		}
		m.FlipAll()
	}
}

// several looks for all codes at once.
func (s *search) several(m *gozxing.BitMatrix) {
	var found []*common.DetectorResult
	s.guarded(func() {
		found, _ = multi.NewMultiDetector(m).DetectMulti(hints(fewCorners))
	})
	for _, d := range found {
		s.take(m, d)
	}
}

// single looks for the likeliest code: it copes with more that disturbs. What was
// read before is painted over, so that a second code is found after the first.
func (s *search) single(m *gozxing.BitMatrix) bool {
	var found *common.DetectorResult
	s.guarded(func() {
		found, _ = detector.NewDetector(m).Detect(hints(manyCorners))
	})
	return found != nil && s.take(m, found)
}

// take decodes what was detected, and paints it over.
func (s *search) take(m *gozxing.BitMatrix, d *common.DetectorResult) bool {
	var result *common.DecoderResult
	modules := d.GetBits().GetWidth()
	s.guarded(func() {
		result, _ = decoder.NewDecoder().Decode(d.GetBits(), hints(manyCorners))
	})
	if result == nil {
		return false
	}
	if result.HasStructuredAppend() {
		s.parts = true
	}
	if text := result.GetText(); text != "" {
		s.texts[text] = true
	}
	paintOver(m, d.GetPoints(), modules)
	return true
}

// crowd is what a search panics with that has more corners than its bound: the library
// has no other way to be stopped.
type crowd struct{}

// guarded runs the library on a foreign picture. Where it fails over one, which for a
// reader is to index out of a slice, nothing was found.
func (s *search) guarded(run func()) {
	defer func() {
		if _, stopped := recover().(crowd); stopped {
			s.crowded = true
		}
	}()
	run()
}

func hints(corners int) map[gozxing.DecodeHintType]any {
	seen := 0
	return map[gozxing.DecodeHintType]any{
		gozxing.DecodeHintType_TRY_HARDER:    true,
		gozxing.DecodeHintType_CHARACTER_SET: "UTF-8",
		gozxing.DecodeHintType_NEED_RESULT_POINT_CALLBACK: gozxing.ResultPointCallback(func(p gozxing.ResultPoint) {
			if _, corner := p.(*detector.FinderPattern); !corner {
				return
			}
			if seen++; seen > corners {
				panic(crowd{})
			}
		}),
	}
}

// paintOver makes white of the square that a code is in: points are the middles of
// three corners, each three and a half modules from the edge.
func paintOver(m *gozxing.BitMatrix, points []gozxing.ResultPoint, modules int) {
	bottomLeft, topLeft, topRight := points[0], points[1], points[2]
	x4, y4 := topRight.GetX()+bottomLeft.GetX()-topLeft.GetX(), topRight.GetY()+bottomLeft.GetY()-topLeft.GetY()
	around := 5 * gozxing.ResultPoint_Distance(topLeft, topRight) / float64(max(modules-7, 1))
	left := math.Min(math.Min(topLeft.GetX(), topRight.GetX()), math.Min(bottomLeft.GetX(), x4)) - around
	right := math.Max(math.Max(topLeft.GetX(), topRight.GetX()), math.Max(bottomLeft.GetX(), x4)) + around
	top := math.Min(math.Min(topLeft.GetY(), topRight.GetY()), math.Min(bottomLeft.GetY(), y4)) - around
	bottom := math.Max(math.Max(topLeft.GetY(), topRight.GetY()), math.Max(bottomLeft.GetY(), y4)) + around
	for y := max(0, int(top)); y < min(m.GetHeight(), int(bottom)); y++ {
		for x := max(0, int(left)); x < min(m.GetWidth(), int(right)); x++ {
			m.Unset(x, y)
		}
	}
}
