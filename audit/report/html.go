package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's template, style and script
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
)

// The parts of the page. They are put into it whole: a browser that opens it
// asks nobody for anything.
var (
	//go:embed html/page.html
	htmlTemplate string
	//go:embed html/page.css
	htmlStyle string
	//go:embed html/page.js
	htmlScript string
)

var htmlParsed = template.Must(template.New("page").Funcs(template.FuncMap{
	"thousands": thousands,
}).Parse(htmlTemplate))

// htmlPage is what the template is filled with.
type htmlPage struct {
	Policy  string
	Icon    template.URL
	Style   template.HTML
	Script  template.HTML
	Data    template.HTML
	Version string
	*htmlView
}

// writeHTML writes one page that needs nothing else: no request leaves it, and
// its policy (Content Security Policy 3, hashes) lets nothing run but the style
// and the script that come with it. Texts that somebody else chose get into it
// by html/template and by JSON without <, > and &, so they stay texts.
func writeHTML(w io.Writer, a Audit, o AuditOptions) error {
	view := newHTMLView(a, o)
	data, err := json.Marshal(view.data)
	if err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	page := htmlPage{
		Policy: htmlPolicy(), Icon: "data:,", Version: plain(o.Version), htmlView: view,
		Style:  template.HTML("<style>" + htmlStyle + "</style>"),
		Script: template.HTML("<script>" + htmlScript + "</script>"),
		Data:   template.HTML(`<script type="application/json" id="data">` + string(data) + "</script>"),
	}
	var b bytes.Buffer
	if err := htmlParsed.Execute(&b, page); err != nil {
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
