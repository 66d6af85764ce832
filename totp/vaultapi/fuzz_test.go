package vaultapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"mfawatch/totp/vaultapi"
)

// FuzzBody sends any body to each route that takes one. It is answered in Vault's
// shape with a status of the list, what is kept is a key that can be read back, and a code
// is accepted once.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"url":"` + awsURL + `"}`, `{"key":"` + secret + `","period":"1m30s","digits":"8","skew":0}`, `{"generate":"true","issuer":"A","account_name":"b","qr_size":0}`,
		`{"code":"755224"}`, `{"code":755224}`, `{"code":null,"code":1}`, `{"type":"totp","config":{"options":{}}}`, `[[[`, `{"a":1e999}`, `{"code":7E5224}`, "\xef\xbb\xbf{}", `{"digits":1.0}`,
	} {
		f.Add(body)
	}
	statuses := []int{http.StatusOK, http.StatusNoContent, http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusTooManyRequests}
	f.Fuzz(func(t *testing.T, body string) {
		s := serve(t, allowing)
		s.put("aws")
		valid := 0
		for _, path := range []string{"totp/keys/new", "totp/code/aws", "totp/code/aws", "sys/mounts/totp"} {
			r := s.ask("all", "POST", path, body)
			if !slices.Contains(statuses, r.Status) || r.Status >= 400 && len(r.Errors) != 1 {
				t.Errorf("POST %s = %d, errors %q", path, r.Status, r.Errors)
			}
			if r.Data["valid"] == true {
				valid++
			}
			if path == "totp/keys/new" && r.Status < 300 {
				if back := s.ask("all", "GET", path, ""); back.Status != http.StatusOK || back.Data["account_name"] == "" {
					t.Errorf("what was kept is read as %d", back.Status)
				}
			}
			var decoded map[string]json.RawMessage
			if r.Status < 300 && json.Unmarshal([]byte(body), &decoded) != nil && strings.TrimSpace(body) != "" {
				t.Errorf("POST %s takes what is no JSON object", path)
			}
		}
		if valid > 1 {
			t.Errorf("a code was accepted %d times", valid)
		}
	})
}

// FuzzTokens: what is read can be written and read again, and none of it is without
// a name, a hash or rights.
func FuzzTokens(f *testing.F) {
	f.Add([]byte(`[{"name":"a","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","grants":[{"key":"*","rights":["read"]}]}]`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := vaultapi.ParseTokens(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := vaultapi.ParseTokens(again); err != nil || len(back) != len(l) {
			t.Errorf("%d tokens are read again as %d: %v", len(l), len(back), err)
		}
	})
}
