// Package qr reads a QR code out of a picture, and draws one: as PNG, as SVG and on a
// terminal. What is in these codes is the URI of a key, and with it the key's secret.
//
// It promises that a picture takes no more memory than its size allows, which is
// looked at before it is unpacked; that a picture with several codes is refused and
// not guessed about; that no error shows what a code says; and that a drawing is read
// by other programs, its quiet zone included.
//
// It opens no file and no camera, and does not know what a text means: that is for
// totp.Parse and totp/migration. What a drawing shows is as secret as the key: who
// draws one exports the key, and has to ask first. Texts that the library under it
// held are strings and cannot be wiped.
package qr

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // the formats of screenshots and photographs
	_ "image/jpeg"
	_ "image/png"

	"mfawatch/totp/seal"
)

// Bounds on pictures. A photograph of a telephone has 12 to 50 million pixels, and
// PNG may take 8 bytes for each while it is unpacked.
const (
	MaxFile   = 32 << 20
	maxPixels = 40_000_000
	maxSide   = 20_000
)

// ErrNoCode says that nothing that can be read as a QR code was found.
var ErrNoCode = errors.New("no QR code is found in the picture: make it sharper or larger, with the whole code and the white around it, or give the otpauth URI as text")

// IsImage tells whether data begins as a picture of a format that Read takes.
func IsImage(data []byte) bool {
	_, _, err := image.DecodeConfig(bytes.NewReader(data))
	return err == nil
}

// Read finds the one QR code of a picture (PNG, JPEG or GIF) and gives its text, which
// is the caller's to Wipe. Codes that are turned, mirrored, light on dark or uneven in
// light are read as far as can be. Several copies of one text are one code.
func Read(data []byte) (seal.Secret, error) {
	picture, err := decode(data)
	if err != nil {
		return seal.Secret{}, err
	}
	s := &search{texts: map[string]bool{}}
	for view := range views(picture) {
		if s.view(view); len(s.texts) > 0 || s.parts {
			break
		}
	}
	return s.answer()
}

// decode looks at the size, unpacks, and keeps light and dark only.
func decode(data []byte) (*image.Gray, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("the picture's file has %d MB: at most %d MB are taken", len(data)>>20, MaxFile>>20)
	}
	config, format, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case err != nil:
		return nil, errors.New("it is no picture that can be read: PNG, JPEG and GIF are")
	case config.Width < 1 || config.Height < 1:
		return nil, errors.New("the picture has no pixels")
	case config.Width > maxSide || config.Height > maxSide || config.Width*config.Height > maxPixels:
		return nil, fmt.Errorf("the picture has %d × %d pixels: at most %d million are taken, %d on a side: crop it to the code", config.Width, config.Height, maxPixels/1_000_000, maxSide)
	}
	// The decoders' errors tell of the file's format, never of pixels.
	picture, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the %s picture is damaged or cut off: %v", format, err)
	}
	return gray(picture), nil
}

// answer is the one text, or why there is none.
func (s *search) answer() (seal.Secret, error) {
	switch {
	case s.parts:
		return seal.Secret{}, errors.New("the QR code is one part of a text that is spread over several (structured append): make one code of the whole text")
	case len(s.texts) > 1:
		return seal.Secret{}, fmt.Errorf("the picture has %d QR codes: crop it to the one that is meant", len(s.texts))
	case len(s.texts) == 0 && s.crowded:
		return seal.Secret{}, errors.New("the picture has too many shapes that could be corners of QR codes: crop it to the code")
	}
	for text := range s.texts {
		return seal.NewSecret([]byte(text)), nil
	}
	return seal.Secret{}, ErrNoCode
}
