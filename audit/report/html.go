package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's style and script
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// The parts of the page. They are put into it whole: a browser that opens it
// asks nobody for anything.
var (
	//go:embed html/page.css
	htmlStyle string
	//go:embed html/page.js
	htmlScript string
)

// writeHTML writes one page that needs nothing else: no request leaves it, and
// its policy (Content Security Policy 3, hashes) lets nothing run but the style
// and the script that come with it. Texts that somebody else chose get into it
// by gomponents, which escapes them, and by JSON without <, > and &, so they stay
// texts. html/template is not used: it calls methods by name, so the linker would
// keep every exported method of everything (docs/operations.md has the sizes).
func writeHTML(w io.Writer, a Audit, o AuditOptions) error {
	view := newHTMLView(a, o)
	data, err := json.Marshal(view.data)
	if err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	page := view.page(plain(o.Version), htmlPolicy(), h.StyleEl(g.Raw(htmlStyle)),
		h.Script(h.Type("application/json"), h.ID("data"), g.Raw(string(data))), h.Script(g.Raw(htmlScript)))
	var b bytes.Buffer
	if err := page.Render(&b); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// htmlPolicy allows the two blocks by their hashes. img-src is for the empty
// icon, without which a browser asks a server for one. Trusted types forbid the
// script to make elements out of text.
func htmlPolicy() string {
	return strings.Join([]string{
		"default-src 'none'", "style-src " + htmlHash(htmlStyle), "script-src " + htmlHash(htmlScript), "img-src data:",
		"base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	}, "; ")
}

func htmlHash(block string) string {
	sum := sha256.Sum256([]byte(block))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// thousands groups a number's digits as English does.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
