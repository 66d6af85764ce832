package vaultapi_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"mfawatch/totp"
	"mfawatch/totp/vaultapi"
)

// TestWriteKey is every field, as the vault command sends it and as programs do, and what
// is refused. The settings are those that GET tells then.
func TestWriteKey(t *testing.T) {
	const (
		plain = "issuer= account_name=aws algorithm=SHA1 digits=6 period=30"
		short = "less than the 128 bits"
	)
	for _, c := range []struct {
		body     string
		status   int
		settings string // then
		warns    string
		err      string
	}{
		// Imported by url: what it says wins.
		{`{"url":"` + awsURL + `"}`, 204, "issuer= account_name=ada@111122223333 algorithm=SHA1 digits=6 period=30", "", ""},
		{`{"url":"otpauth://totp/AWS:ada?secret=` + secret + `&issuer=AWS&algorithm=SHA256&digits=8&period=60"}`, 204, "issuer=AWS account_name=ada algorithm=SHA256 digits=8 period=60", "", ""},
		{`{"url":"otpauth://totp/AWS:ada?secret=` + secret + `&algorithm=sha512&digits=7"}`, 204, "issuer=AWS account_name=ada algorithm=SHA512 digits=7 period=30", "", ""},
		{`{"url":" otpauth://totp/ada?secret=gezd+gnbv-gy3tqojq+gezdgnbvgy3tqojq "}`, 204, "issuer= account_name=ada algorithm=SHA1 digits=6 period=30", "", ""},
		{`{"url":"otpauth://totp/ada?secret=` + secret + `","digits":"8","period":"1m","algorithm":"SHA256","issuer":"X"}`, 204, "issuer=X account_name=ada algorithm=SHA256 digits=8 period=60", "", ""},
		{`{"url":"otpauth://totp/A:ada?secret=` + secret + `&digits=6","digits":8,"issuer":"B"}`, 200, "issuer=A account_name=ada algorithm=SHA1 digits=6 period=30", "url says another digits", ""},
		{`{"url":"` + awsURL + `","key":"` + secret + `"}`, 200, "issuer= account_name=ada@111122223333 algorithm=SHA1 digits=6 period=30", "url says another key", ""},
		{`{"url":"otpauth://totp/ada?secret=JBSWY3DP"}`, 200, "issuer= account_name=ada algorithm=SHA1 digits=6 period=30", short, ""},
		{`{"url":"` + awsURL + `","qr_size":0,"exported":false,"key_size":"20","skew":"1"}`, 204, "issuer= account_name=ada@111122223333 algorithm=SHA1 digits=6 period=30", "", ""},
		{`{"url":"` + awsURL + `","colour":"red","name":"x"}`, 200, "issuer= account_name=ada@111122223333 algorithm=SHA1 digits=6 period=30", "Endpoint ignored these unrecognized parameters: [colour]", ""},
		{`{"url":"` + awsURL + `","` + secret + `=":"","name":"x"}`, 200, "issuer= account_name=ada@111122223333 algorithm=SHA1 digits=6 period=30", "(one that is no word)", ""},
		{`{"url":"otpauth://hotp/ada?secret=` + secret + `&counter=0"}`, 400, "", "", "counts (hotp)"},
		{`{"url":"https://totp/ada?secret=` + secret + `"}`, 400, "", "", "does not begin with otpauth://"},
		{`{"url":"otpauth://totp/ada"}`, 400, "", "", "the secret is missing"},
		{`{"url":"otpauth://totp/ada?secret=` + secret + `&digits=9"}`, 400, "", "", "digits"},
		{`{"url":"otpauth://totp/ada?secret=` + secret + `&period=0"}`, 400, "", "", "period"},
		{`{"url":"otpauth://totp/ada?secret=` + secret + `&algorithm=MD5"}`, 400, "", "", "algorithm"},

		// Imported by key.
		{`{"key":"` + secret + `"}`, 204, plain, "", ""},
		{`{"key":"` + secret + `","url":null,"digits":null}`, 204, plain, "", ""},
		{`{"key":"gezd gnbv gy3t qojq gezd gnbv gy3t qojq","account_name":"ada","issuer":"AWS"}`, 204, "issuer=AWS account_name=ada algorithm=SHA1 digits=6 period=30", "", ""},
		{`{"key":"` + secret + `","algorithm":"sha256","digits":7,"period":60}`, 204, "issuer= account_name=aws algorithm=SHA256 digits=7 period=60", "", ""},
		{`{"key":"` + secret + `","period":"90"}`, 204, "issuer= account_name=aws algorithm=SHA1 digits=6 period=90", "", ""},
		{`{"key":"` + secret + `","period":"1m30s","generate":"false"}`, 204, "issuer= account_name=aws algorithm=SHA1 digits=6 period=90", "", ""},
		{`{"key":"JBSWY3DP"}`, 200, plain, short, ""},
		{`{"key":"1!"}`, 400, "", "", "invalid key value"},
		{`{"key":"` + secret + `","digits":5}`, 400, "", "", "the digits value is not a whole number from 6 to 8"},
		{`{"key":"` + secret + `","digits":"six"}`, 400, "", "", "the digits value is not a whole number"},
		{`{"key":"` + secret + `","digits":6.5}`, 400, "", "", "the digits value is not a whole number"},
		{`{"key":"` + secret + `","digits":true}`, 400, "", "", "the digits value is not a whole number"},
		{`{"key":"` + secret + `","period":0}`, 400, "", "", "the period value is not a number of whole seconds"},
		{`{"key":"` + secret + `","period":"1500ms"}`, 400, "", "", "the period value is not"},
		{`{"key":"` + secret + `","period":"-30s"}`, 400, "", "", "the period value is not"},
		{`{"key":"` + secret + `","period":{}}`, 400, "", "", "the period value is not"},
		{`{"key":"` + secret + `","period":"99999999999h"}`, 400, "", "", "the period value is not"},
		{`{"key":"` + secret + `","skew":2}`, 400, "", "", "the skew value is not a whole number from 0 to 1"},
		{`{"key":"` + secret + `","algorithm":"MD5"}`, 400, "", "", "algorithm is none of"},
		{`{"key":"` + secret + `","algorithm":""}`, 400, "", "", "the algorithm value is not"},
		{`{"key":"` + secret + `","qr_size":-1}`, 400, "", "", "the qr_size value is not"},
		{`{"key":"` + secret + `","generate":"perhaps"}`, 400, "", "", "the generate value is not true or false"},
		{`{"key":"` + secret + `","generate":2}`, 400, "", "", "the generate value is not true or false"},
		{`{"key":false}`, 400, "", "", "the key value is not a text"},
		{`{}`, 400, "", "", "the key value is required"},
		{``, 400, "", "", "the key value is required"},

		// Generated.
		{`{"generate":true,"exported":false,"issuer":"AWS","account_name":"ada"}`, 204, "issuer=AWS account_name=ada algorithm=SHA1 digits=6 period=30", "", ""},
		{`{"generate":"true","exported":"false","issuer":"AWS","account_name":"ada","key_size":"32","digits":"8","period":"1m","algorithm":"SHA512"}`, 204, "issuer=AWS account_name=ada algorithm=SHA512 digits=8 period=60", "", ""},
		{`{"generate":1,"exported":0,"issuer":"AWS","account_name":"ada"}`, 204, "issuer=AWS account_name=ada algorithm=SHA1 digits=6 period=30", "", ""},
		{`{"generate":true,"issuer":"AWS","account_name":"ada"}`, 400, "", "", "give exported=false, or start the server with export allowed"},
		{`{"generate":true,"exported":false,"account_name":"ada"}`, 400, "", "", "the issuer value is required"},
		{`{"generate":true,"exported":false,"issuer":"AWS"}`, 400, "", "", "the account_name value is required"},
		{`{"generate":true,"exported":false,"issuer":"A:B","account_name":"ada"}`, 400, "", "", "colon"},
		{`{"generate":true,"key":"` + secret + `"}`, 400, "", "", "should not be passed if generate is true"},
		{`{"generate":true,"url":"` + awsURL + `"}`, 400, "", "", "should not be passed if generate is true"},
		{`{"generate":true,"exported":false,"issuer":"AWS","account_name":"ada","key_size":15}`, 400, "", "", "the key_size value is not a whole number from 16"},
	} {
		s := serve(t)
		r := s.ask("all", "POST", "totp/keys/aws", c.body)
		if r.Status != c.status || !strings.Contains(r.err(), c.err) || !strings.Contains(strings.Join(r.Warnings, "; "), c.warns) || c.warns == "" && r.Warnings != nil || r.Data != nil {
			t.Errorf("write %s = %d, errors %v, warnings %v; want %d, %q, %q", c.body, r.Status, r.Errors, r.Warnings, c.status, c.err, c.warns)
		}
		if strings.Contains(r.Text, "GEZD") || strings.Contains(r.Text, "gezd") || strings.Contains(fmt.Sprint(s.record.Entries()), "GEZD") {
			t.Errorf("write %s shows the secret", c.body)
		}
		then := s.ask("all", "GET", "totp/keys/aws", "")
		if got := told(then.Data); got != c.settings {
			t.Errorf("write %s left %q, want %q", c.body, got, c.settings)
		}
	}
}

func told(data map[string]any) string {
	if data == nil {
		return ""
	}
	return fmt.Sprintf("issuer=%v account_name=%v algorithm=%v digits=%v period=%v", data["issuer"], data["account_name"], data["algorithm"], data["digits"], data["period"])
}

// TestExportOnce: where it may, the answer to a generated key shows url and barcode, of
// the key that was kept, and no other answer ever does.
func TestExportOnce(t *testing.T) {
	s := serve(t, allowing)
	r := s.ask("all", "POST", "totp/keys/new", `{"generate":true,"issuer":"AWS","account_name":"ada","key_size":32,"qr_size":300}`)
	uri, _ := r.Data["url"].(string)
	shown, err := totp.Parse(uri)
	if err != nil || r.Status != http.StatusOK || len(r.Data) != 2 {
		t.Fatalf("a generated key is answered by %d with %d fields: %v", r.Status, len(r.Data), err)
	}
	kept, err := s.keys.Open(t.Context(), "new")
	if err != nil || !kept.Equal(shown) || len(shown.Secret()) != 52 {
		t.Errorf("the key that was shown is not the one that was kept, or not of 32 bytes: %v", err)
	}
	barcode, _ := r.Data["barcode"].(string)
	raw, err := base64.StdEncoding.DecodeString(barcode)
	if err != nil {
		t.Fatal(err)
	}
	if drawn, err := png.Decode(bytes.NewReader(raw)); err != nil || drawn.Bounds().Dx() != 300 || drawn.Bounds().Dy() != 300 {
		t.Errorf("the barcode is no PNG of 300 pixels: %v", err)
	}
	if e := s.last(); !e.Exported || e.Outcome != vaultapi.Done {
		t.Errorf("on record as %+v", e)
	}
	for _, path := range []string{"totp/keys/new", "totp/keys?list=true", "sys/mounts"} {
		if r := s.ask("all", "GET", path, ""); strings.Contains(r.Text, shown.Secret()) || strings.Contains(r.Text, "otpauth") {
			t.Errorf("GET %s shows the secret again", path)
		}
	}
	if strings.Contains(fmt.Sprint(s.record.Entries()), shown.Secret()) {
		t.Error("the secret is on record")
	}
}

func TestBarcodeSizes(t *testing.T) {
	for size, want := range map[string]string{"": "", "0": "", "20": "does not fit", "2048": "", "2049": "the qr_size value is not"} {
		s := serve(t, allowing)
		body := `{"generate":true,"issuer":"AWS","account_name":"ada","qr_size":"` + size + `"}`
		if size == "" {
			body, size = `{"generate":true,"issuer":"AWS","account_name":"ada"}`, "200"
		}
		r := s.ask("all", "POST", "totp/keys/new", body)
		pixels := 0
		if barcode, ok := r.Data["barcode"].(string); ok {
			raw, _ := base64.StdEncoding.DecodeString(barcode)
			if drawn, err := png.DecodeConfig(bytes.NewReader(raw)); err == nil && drawn.Width == drawn.Height {
				pixels = drawn.Width
			}
		}
		_, kept := s.keys.Open(t.Context(), "new")
		if !strings.Contains(r.err(), want) || (want == "") != (r.Status == http.StatusOK) || (kept == nil) != (want == "") || want == "" && strconv.Itoa(pixels) != size {
			t.Errorf("qr_size %s = %d %s, of %d pixels, kept %v", size, r.Status, r.err(), pixels, kept == nil)
		}
	}
}

// TestTwoGeneratedKeysDiffer, and both have the size that was asked for.
func TestTwoGeneratedKeysDiffer(t *testing.T) {
	s := serve(t)
	var keys []vaultapi.Key
	for _, name := range []string{"a", "b"} {
		s.ask("all", "POST", "totp/keys/"+name, `{"generate":true,"exported":false,"issuer":"AWS","account_name":"ada"}`)
		k, err := s.keys.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	if keys[0].Equal(keys[1].Key) || len(keys[0].Secret()) != 32 {
		t.Error("two generated keys are the same, or not of 20 bytes")
	}
}

func TestOverwriting(t *testing.T) {
	other := `{"key":"` + strings.Repeat("A", 32) + `"}`
	s := serve(t)
	s.put("aws")
	if r := s.ask("all", "POST", "totp/keys/aws", other); r.Status != http.StatusBadRequest || !strings.Contains(r.err(), "delete it first") {
		t.Errorf("writing over a key = %d %s", r.Status, r.err())
	}
	if r := s.check(s.code(0)); r.Data["valid"] != true {
		t.Error("the key that was there is there no more")
	}
	s = serve(t, allowing)
	s.put("aws")
	if r := s.ask("all", "POST", "totp/keys/aws", other); r.Status != http.StatusNoContent {
		t.Errorf("writing over a key where it may = %d %s", r.Status, r.err())
	}
	if r := s.check(s.code(0)); r.Data["valid"] != false {
		t.Error("the key that was written over is there still")
	}
}

// TestKeysFail: what keys say of themselves is for the record.
func TestKeysFail(t *testing.T) {
	s := serve(t)
	s.put("aws")
	s.keys.Fail = func() error { return errors.New("folder /home/ada/keys is gone") }
	for path, method := range map[string]string{"totp/keys/aws": "GET", "totp/keys": "LIST", "totp/code/aws": "GET"} {
		if r := s.ask("all", method, path, ""); r.Status != http.StatusServiceUnavailable || strings.Contains(r.Text, "/home/ada") || !strings.Contains(s.last().Reason, "/home/ada") {
			t.Errorf("%s %s without keys = %d %s, on record as %q", method, path, r.Status, r.Text, s.last().Reason)
		}
	}
	for path, method := range map[string]string{"totp/keys/aws": "DELETE", "totp/keys/new": "POST"} {
		if r := s.ask("all", method, path, `{"url":"`+awsURL+`"}`); r.Status != http.StatusServiceUnavailable {
			t.Errorf("%s %s without keys = %d", method, path, r.Status)
		}
	}
	s.keys.Fail = func() error { return fmt.Errorf("%w: this ring keeps no skew of 0", vaultapi.ErrRefused) }
	if r := s.ask("all", "POST", "totp/keys/new", `{"url":"`+awsURL+`"}`); r.Status != http.StatusBadRequest || !strings.Contains(r.err(), "no skew of 0") {
		t.Errorf("what keys refuse = %d %s", r.Status, r.err())
	}
}

// TestNoChance: without random bytes there is no key.
func TestNoChance(t *testing.T) {
	s := serve(t, func(s *vaultapi.Server) { s.Random = strings.NewReader("short") })
	r := s.ask("all", "POST", "totp/keys/new", `{"generate":true,"exported":false,"issuer":"AWS","account_name":"ada"}`)
	if _, err := s.keys.Open(t.Context(), "new"); r.Status != http.StatusBadRequest || !errors.Is(err, vaultapi.ErrNotFound) {
		t.Errorf("a key of no random bytes = %d, kept %v", r.Status, err == nil)
	}
}
