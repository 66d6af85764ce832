package audit

import (
	"errors"
	"fmt"
	"io"
)

// NotJSON says that a text is not JSON, and why the decoder thinks so. What it calls an
// EOF, expected or not, is a text that is cut off.
func NotJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("not JSON: it breaks off here")
	}
	return fmt.Errorf("not JSON: %w", err)
}
