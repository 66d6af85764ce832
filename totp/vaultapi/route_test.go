package vaultapi_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/vaultapi"
	"mfawatch/totp/vaultapi/vaultapitest"
)

func TestKeysInMemory(t *testing.T) {
	vaultapitest.TestKeys(t, &vaultapitest.Keys{}, "aws", "aws2")
}

// TestRoutes is every route and every refusal, against a server that has the key aws.
// Each is on record with its outcome.
func TestRoutes(t *testing.T) {
	large := `{"code":"` + strings.Repeat("1", 64<<10) + `"}`
	for _, c := range []struct {
		token, method, path, body string
		status                    int
		says                      string // in the answer
		outcome                   vaultapi.Outcome
		headers                   []string
	}{
		{"all", "GET", "totp/keys/aws", "", 200, `"account_name":"ada@111122223333","algorithm":"SHA1","digits":6,"issuer":"","period":30`, "done", nil},
		{"reader", "GET", "totp/keys/aws", "", 200, `"digits":6`, "done", nil},
		{"all", "GET", "totp/keys/none", "", 404, `{"errors":[]}`, "not-found", nil},
		{"all", "LIST", "totp/keys", "", 200, `{"keys":["aws"]}`, "done", nil},
		{"all", "GET", "totp/keys?list=true", "", 200, `{"keys":["aws"]}`, "done", nil},
		{"all", "GET", "totp/keys?list=True", "", 200, `{"keys":["aws"]}`, "done", nil},
		{"all", "GET", "totp/keys?list=false", "", 405, "unsupported operation", "refused", nil},
		{"all", "POST", "totp/keys?list=true", "", 405, "unsupported operation", "refused", nil},
		{"checker", "GET", "totp/keys/?list=1", "", 200, `{"keys":["aws"]}`, "done", nil},
		{"other", "LIST", "totp/keys", "", 404, `{"errors":[]}`, "not-found", nil},
		{"all", "DELETE", "totp/keys/aws", "", 204, "", "done", nil},
		{"all", "DELETE", "totp/keys/none", "", 204, "", "not-found", nil},
		{"manager", "DELETE", "totp/keys/aws", "", 204, "", "done", nil},
		{"reader", "GET", "totp/code/aws", "", 200, `"data":{"code":"`, "done", nil},
		{"all", "GET", "totp/code/none", "", 400, "unknown key: none", "not-found", nil},
		{"checker", "POST", "totp/code/aws", `{"code":"000000"}`, 200, `{"valid":false}`, "wrong", nil},
		{"checker", "PUT", "totp/code/aws", `{"code":"000000"}`, 200, `{"valid":false}`, "wrong", nil},
		{"checker", "POST", "totp/code/aws", `{"code":"00000"}`, 200, "no zeros in front", "wrong", nil},
		{"checker", "POST", "totp/code/aws", `{"code":1234}`, 200, `{"valid":false}`, "wrong", nil},
		{"checker", "POST", "totp/code/aws", `{}`, 400, "the code value is required", "refused", nil},
		{"checker", "POST", "totp/code/aws", ``, 400, "the code value is required", "refused", nil},
		{"checker", "POST", "totp/code/aws", `{"code":["1"]}`, 400, "the code value is not a text", "refused", nil},
		{"all", "POST", "totp/code/none", `{"code":"000000"}`, 400, "unknown key: none", "not-found", nil},

		// Rights: each is refused the other's, and a key of nobody's business is none.
		{"reader", "POST", "totp/code/aws", `{"code":"000000"}`, 403, "permission denied", "denied", nil},
		{"reader", "DELETE", "totp/keys/aws", "", 403, "permission denied", "denied", nil},
		{"checker", "GET", "totp/code/aws", "", 403, "permission denied", "denied", nil},
		{"manager", "GET", "totp/code/aws", "", 403, "permission denied", "denied", nil},
		{"manager", "POST", "totp/code/aws", `{"code":"000000"}`, 403, "permission denied", "denied", nil},
		{"reader", "POST", "totp/keys/aws", `{"url":"` + awsURL + `"}`, 403, "permission denied", "denied", nil},
		{"other", "GET", "totp/code/aws", "", 400, "unknown key: aws", "not-found", nil},
		{"other", "POST", "totp/code/aws", `{"code":"000000"}`, 400, "unknown key: aws", "not-found", nil},
		{"other", "GET", "totp/keys/aws", "", 404, `{"errors":[]}`, "not-found", nil},
		{"other", "DELETE", "totp/keys/aws", "", 403, "permission denied", "denied", nil},
		{"other", "DELETE", "totp/keys/none", "", 403, "permission denied", "denied", nil},
		{"other", "POST", "totp/keys/aws", `{"url":"` + awsURL + `"}`, 403, "permission denied", "denied", nil},
		{"", "GET", "totp/code/aws", "", 403, "permission denied", "denied", nil},
		{"", "GET", "totp/code/aws", "", 403, "permission denied", "denied", []string{"X-Vault-Token", "mfw.nobodys"}},
		{"", "GET", "totp/code/aws", "", 403, "permission denied", "denied", []string{"Authorization", "Basic YTpi"}},
		{"", "GET", "totp/nothing", "", 403, "permission denied", "denied", nil},

		// What is not served.
		{"all", "PATCH", "totp/keys/aws", "", 405, "unsupported operation", "refused", nil},
		{"all", "GET", "totp/keys", "", 405, "unsupported operation", "refused", nil},
		{"all", "HEAD", "totp/code/aws", "", 405, "", "refused", nil},
		{"all", "OPTIONS", "totp/code/aws", "", 405, "unsupported operation", "refused", []string{"Origin", "https://example.com"}},
		{"all", "DELETE", "totp/code/aws", "", 405, "unsupported operation", "refused", nil},
		{"all", "GET", "totp/nothing", "", 404, "no handler for this route", "not-found", nil},
		{"all", "GET", "totp", "", 404, "no handler", "not-found", nil},
		{"all", "GET", "secret/data/x", "", 404, "no handler", "not-found", nil},
		{"all", "GET", "totp/keys/a/b", "", 400, "a key's name is made of", "refused", nil},
		{"all", "GET", "totp/code/..%2faws", "", 400, "a key's name is made of", "refused", nil},
		{"all", "GET", "totp/keys/-a", "", 400, "a key's name is made of", "refused", nil},
		{"all", "GET", "totp/code/aws", "", 400, "no namespaces", "refused", []string{"X-Vault-Namespace", "team/"}},
		{"all", "GET", "totp/code/aws", "", 200, "code", "done", []string{"X-Vault-Namespace", "root"}},
		{"all", "GET", "totp/code/aws", "", 400, "not wrapped", "refused", []string{"X-Vault-Wrap-TTL", "60s"}},
		{"all", "GET", "totp/code/aws", "", 403, "Host header", "denied", []string{"Host", "evil.example:8200"}},
		{"", "GET", "sys/health", "", 403, "Host header", "denied", []string{"Host", "evil.example"}},
		{"all", "GET", "totp/code/aws", "", 200, "code", "done", []string{"Host", "localhost:8200"}},
		{"all", "GET", "totp/code/aws", "", 200, "code", "done", []string{"Host", "[::1]:8200"}},

		// Bodies.
		{"checker", "POST", "totp/code/aws", large, 413, "request body too large", "refused", nil},
		{"checker", "POST", "totp/code/aws", `[]`, 400, "not a JSON object", "refused", nil},
		{"checker", "POST", "totp/code/aws", `{"code":`, 400, "not JSON", "refused", nil},
		{"checker", "POST", "totp/code/aws", `{"code":"000000","code":"000001"}`, 400, "a field is there twice", "refused", nil},
		{"checker", "POST", "totp/code/aws", `{"code":"000000"} x`, 400, "something follows", "refused", nil},
		{"checker", "POST", "totp/code/aws", `{"code":"000000","more":1}`, 200, "Endpoint ignored these unrecognized parameters: [more]", "wrong", nil},

		// Beside the engine.
		{"all", "POST", "sys/mounts/totp", `{"type":"totp","config":{"default_lease_ttl":""}}`, 204, "", "done", nil},
		{"reader", "POST", "sys/mounts/totp", `{"type":"totp"}`, 204, "", "done", nil},
		{"all", "POST", "sys/mounts/totp", `{"type":"kv"}`, 400, "only engines of type totp", "refused", nil},
		{"all", "POST", "sys/mounts/totp", `{"type":[1]}`, 400, "the type value is not a text", "refused", nil},
		{"all", "POST", "sys/mounts/elsewhere", `{"type":"totp"}`, 400, "at totp/ and nowhere else", "refused", nil},
		{"all", "DELETE", "sys/mounts/totp", "", 400, "would delete every key", "refused", nil},
		{"all", "DELETE", "sys/mounts/kv", "", 400, "No secret engine", "refused", nil},
		{"all", "GET", "sys/mounts", "", 200, `"totp/":{"accessor"`, "done", nil},
		{"all", "GET", "sys/mounts/totp", "", 200, `"type":"totp"`, "done", nil},
		{"all", "GET", "sys/mounts/kv", "", 400, "No secret engine", "refused", nil},
		{"", "GET", "sys/mounts", "", 403, "permission denied", "denied", nil},
		{"", "POST", "sys/mounts/totp", `{"type":"totp"}`, 403, "permission denied", "denied", nil},
		{"all", "GET", "sys/internal/ui/mounts", "", 200, `"secret":{"totp/":`, "done", nil},
		{"all", "GET", "sys/internal/ui/mounts/totp/code/aws", "", 200, `"path":"totp/"`, "done", nil},
		{"all", "GET", "sys/internal/ui/mounts/secret/x", "", 403, "preflight capability check returned 403", "denied", nil},
		{"all", "GET", "auth/token/lookup-self", "", 200, `"display_name":"all"`, "done", nil},
		{"reader", "GET", "auth/token/lookup-self", "", 200, `"policies":["read aws"]`, "done", nil},
		{"", "GET", "auth/token/lookup-self", "", 403, "permission denied", "denied", nil},
		{"", "GET", "sys/health", "", 200, `"initialized":true`, "done", nil},
		{"", "HEAD", "sys/health", "", 200, "", "done", nil},
		{"", "GET", "sys/seal-status", "", 200, `"sealed":false`, "done", nil},
		{"", "GET", "sys/leader", "", 200, `"ha_enabled":false`, "done", nil},
	} {
		s := serve(t)
		s.put("aws")
		before := len(s.record.Entries())
		r := s.ask(c.token, c.method, c.path, c.body, c.headers...)
		if r.Status != c.status || !strings.Contains(r.Text, c.says) {
			t.Errorf("%s: %s %s %.60s %q = %d %s, want %d and %s", c.token, c.method, c.path, c.body, c.headers, r.Status, r.Text, c.status, c.says)
		}
		e := s.last()
		if len(s.record.Entries()) == before || e.Outcome != c.outcome || e.Status != c.status || e.Token != c.token || !e.Time.Equal(start) || e.Route == "" {
			// Who is refused for the Host header is not asked for a token.
			if !slices.Contains(c.headers, "Host") || e.Outcome != c.outcome || e.Status != c.status {
				t.Errorf("%s: %s %s %q is on record as %+v, want outcome %s", c.token, c.method, c.path, c.headers, e, c.outcome)
			}
		}
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != "" || r.Header.Get("Cache-Control") != "no-store" || r.Header["Retry-After"] != nil {
			t.Errorf("%s %s: headers %v", c.method, c.path, r.Header)
		}
	}
}

// TestEnvelope is the shape of each kind of answer, whole.
func TestEnvelope(t *testing.T) {
	s := serve(t)
	s.put("aws")
	r := s.ask("all", "LIST", "totp/keys", "")
	id := s.last().Request
	want := `{"request_id":"` + id + `","lease_id":"","renewable":false,"lease_duration":0,"data":{"keys":["aws"]},"wrap_info":null,"warnings":null,"auth":null}` + "\n"
	if r.Text != want || !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("an answer is %s, want %s", r.Text, want)
	}
	if r := s.ask("all", "PATCH", "totp/keys/aws", ""); r.Text != `{"errors":["unsupported operation"]}`+"\n" || r.Header.Get("Allow") != "DELETE, GET, POST" {
		t.Errorf("a refusal is %s, allowed %q", r.Text, r.Header.Get("Allow"))
	}
}

// TestAnotherMount: the engine is where it was put, and not at totp as well.
func TestAnotherMount(t *testing.T) {
	s := serve(t, func(s *vaultapi.Server) { s.Mount = "codes" })
	for path, status := range map[string]int{"codes/keys/aws": 204, "totp/keys/aws": 404, "sys/mounts/codes": 204, "sys/mounts/totp": 400} {
		if r := s.ask("all", "POST", path, `{"url":"`+awsURL+`","type":"totp"}`); r.Status != status && !(status == 204 && r.Status == 200 && r.Warnings != nil) {
			t.Errorf("POST %s = %d %s, want %d", path, r.Status, r.Text, status)
		}
	}
	for _, mount := range []string{"sys", "auth", "a/b", "/", "..", " "} {
		if _, err := (&vaultapi.Server{Mount: mount, Keys: s.keys, Tokens: s.Tokens, Audit: s.record, Prover: s.Prover, Verifier: s.Verifier}).Handler(); err == nil || !strings.Contains(err.Error(), "mount") {
			t.Errorf("mount %q = %v, want it refused", mount, err)
		}
	}
}

func TestServersAreWhole(t *testing.T) {
	whole := serve(t).Server
	for what, without := range map[string]func(*vaultapi.Server){
		"Keys": func(s *vaultapi.Server) { s.Keys = nil }, "Tokens": func(s *vaultapi.Server) { s.Tokens = nil }, "Audit": func(s *vaultapi.Server) { s.Audit = nil },
		"store for Prover": func(s *vaultapi.Server) { s.Prover.Store = nil }, "for Verifier": func(s *vaultapi.Server) { s.Verifier.Store = nil },
		"good for -1s": func(s *vaultapi.Server) { s.Remains = -time.Second },
	} {
		s := whole
		without(&s)
		if _, err := s.Handler(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("a server without %s = %v", what, err)
		}
	}
}

// TestTokensByEitherHeader: what the vault command sends, and what others do.
func TestTokensByEitherHeader(t *testing.T) {
	s := serve(t)
	if r := s.ask("", "GET", "auth/token/lookup-self", "", "Authorization", "Basic "+s.tokens["all"]); r.Status != http.StatusForbidden {
		t.Errorf("a token of another scheme = %d", r.Status)
	}
	for _, scheme := range []string{"Bearer ", "bearer "} {
		if r := s.ask("", "GET", "auth/token/lookup-self", "", "Authorization", scheme+s.tokens["all"]); r.Status != http.StatusOK || r.Data["id"] != s.tokens["all"] {
			t.Errorf("%s= %d", scheme, r.Status)
		}
	}
}
