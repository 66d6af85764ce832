package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"

	"mfawatch/audit"
)

func TestNotJSON(t *testing.T) {
	var v any
	syntax := json.Unmarshal([]byte("#"), &v)
	for _, c := range []struct {
		err  error
		want string
	}{
		{io.EOF, "not JSON: it breaks off here"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), "not JSON: it breaks off here"},
		{syntax, "not JSON: invalid character '#' looking for beginning of value"},
	} {
		if got := audit.NotJSON(c.err).Error(); got != c.want {
			t.Errorf("NotJSON(%v) = %q, want %q", c.err, got, c.want)
		}
	}
	var wrong *json.SyntaxError
	if !errors.As(audit.NotJSON(syntax), &wrong) {
		t.Error("the decoder's own error is lost")
	}
}
