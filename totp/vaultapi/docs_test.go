package vaultapi_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mfawatch/totp/vaultapi"
)

// TestDocs: the page's tables of routes and of fields are those that are served.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/vault-api.md")
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z]+ [^`]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		written = append(written, m[1])
	}
	if slices.Sort(written); !slices.Equal(written, vaultapi.Routes()) {
		t.Errorf("the page has the routes %q, and served are %q", written, vaultapi.Routes())
	}
	fields := 0
	for _, row := range regexp.MustCompile("(?m)^\\| (`[a-z_`, ]+) \\|").FindAllStringSubmatch(string(page), -1) {
		for _, field := range regexp.MustCompile("[a-z_]+").FindAllString(row[1], -1) {
			fields++
			s := serve(t, allowing)
			if r := s.ask("all", "POST", "totp/keys/new", `{"`+field+`":[]}`); !strings.Contains(r.err(), "the "+field+" value is not") {
				t.Errorf("the page has a field %s, and it is not read: %d %s", field, r.Status, r.Text)
			}
		}
	}
	if fields != 12 {
		t.Errorf("the page has %d fields, want 12", fields)
	}
}
