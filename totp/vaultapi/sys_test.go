package vaultapi_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/vaultapi"
)

// TestSys is what is answered beside the engine, whole: the names are Vault's, and its
// clients read them.
func TestSys(t *testing.T) {
	const mount = `"accessor":"totp_mfawatch","config":{"default_lease_ttl":0,"force_no_cache":false,"max_lease_ttl":0},"description":"mfawatch","external_entropy_access":false,"local":true,"options":null,`
	const rest = `"plugin_version":"","running_plugin_version":"1.0","running_sha256":"","seal_wrap":false,"type":"totp","uuid":""}`
	s := serve(t)
	for path, want := range map[string]string{
		"sys/mounts":                         `{"totp/":{` + mount + rest + `}`,
		"sys/mounts/totp":                    `{` + mount + rest,
		"sys/internal/ui/mounts":             `{"auth":{},"secret":{"totp/":{` + mount + rest + `}}`,
		"sys/internal/ui/mounts/totp":        `{` + mount + `"path":"totp/",` + rest,
		"sys/internal/ui/mounts/totp/keys/a": `{` + mount + `"path":"totp/",` + rest,
		"auth/token/lookup-self": `{"accessor":"","creation_time":0,"creation_ttl":0,"display_name":"all","entity_id":"","expire_time":null,"explicit_max_ttl":0,"id":"` + s.tokens["all"] +
			`","meta":null,"num_uses":0,"orphan":true,"path":"auth/token/create","policies":["read *","verify *","manage *"],"renewable":false,"ttl":0,"type":"service"}`,
	} {
		r := s.ask("all", "GET", path, "")
		if data := `"data":` + want + `,"wrap_info":null`; !strings.Contains(r.Text, data) {
			t.Errorf("%s = %s, want %s", path, strings.ReplaceAll(r.Text, s.tokens["all"], "TOKEN"), strings.ReplaceAll(data, s.tokens["all"], "TOKEN"))
		}
	}
	for path, want := range map[string]string{
		"sys/health": fmt.Sprintf(`{"cluster_name":"mfawatch","enterprise":false,"initialized":true,"performance_standby":false,"replication_dr_mode":"disabled",`+
			`"replication_performance_mode":"disabled","sealed":false,"server_time_utc":%d,"standby":false,"version":"1.0"}`, start.Unix()),
		"sys/seal-status": `{"build_date":"","initialized":true,"migration":false,"n":0,"nonce":"","progress":0,"recovery_seal":false,"sealed":false,"storage_type":"mfawatch","t":0,"type":"mfawatch","version":"1.0"}`,
		"sys/leader":      `{"ha_enabled":false,"is_self":false,"leader_address":"","leader_cluster_address":""}`,
	} {
		if r := s.ask("", "GET", path, ""); r.Text != want+"\n" || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s = %s of type %s, want %s", path, r.Text, r.Header.Get("Content-Type"), want)
		}
	}
}

// TestRefusalsSayHowToGoOn: the whole text of what people read.
func TestRefusalsSayHowToGoOn(t *testing.T) {
	s := serve(t, func(s *vaultapi.Server) { s.MaxWait = -1 })
	s.put("aws")
	s.ask("all", "GET", "totp/code/aws", "")
	for _, c := range []struct{ method, path, body, host, want string }{
		{"GET", "totp/code/aws", "", "", "the codes of this step and the next are given to others already, or AWS would check no more of them: ask again after Retry-After"},
		{"POST", "totp/code/aws", `{"code":"1","code":"1"}`, "", "error parsing JSON: a field is there twice"},
		{"POST", "totp/code/aws", `{"code":{}}`, "", "the code value is not a text"},
		{"POST", "totp/keys/x", `{"key":"` + secret + `","algorithm":""}`, "", "the algorithm value is not SHA1, SHA256 or SHA512"},
		{"DELETE", "sys/mounts/kv", "", "", "No secret engine mount at that path: only totp/ is there"},
		{"GET", "sys/health", "", "x.example", "the Host header is none of this server's names: call it by its address, or add the name to the server's hosts"},
	} {
		headers := []string{}
		if c.host != "" {
			headers = []string{"Host", c.host}
		}
		if r := s.ask("all", c.method, c.path, c.body, headers...); r.err() != c.want {
			t.Errorf("%s %s %s = %q, want %q", c.method, c.path, c.body, r.err(), c.want)
		}
	}
}

// TestWarnings: the whole text, each once.
func TestWarnings(t *testing.T) {
	for body, want := range map[string]string{
		`{"url":"` + awsURL + `","name":"x"}`:                                              "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [name]",
		`{"url":"` + awsURL + `","b":1,"a":2,"a b":3}`:                                     "Endpoint ignored these unrecognized parameters: [(one that is no word) a b]",
		`{"url":"` + awsURL + `&period=60","period":30}`:                                   "the url says another period: what was given as period was not used",
		`{"url":"` + awsURL + `","account_name":"x"}`:                                      "the url says another account_name: what was given as account_name was not used",
		`{"url":"` + awsURL + `&issuer=A","issuer":"B"}`:                                   "the url says another issuer: what was given as issuer was not used",
		`{"url":"` + awsURL + `&algorithm=SHA256","algorithm":"SHA1"}`:                     "the url says another algorithm: what was given as algorithm was not used",
		`{"url":"` + awsURL + `&digits=8","digits":"6"}`:                                   "the url says another digits: what was given as digits was not used",
		`{"url":"` + awsURL + `","key":"` + secret + `"}`:                                  "the url says another key: what was given as key was not used",
		`{"url":"` + awsURL + `&digits=8","digits":"8","account_name":"ada@111122223333"}`: "",
		`{"key":"JBSWY3DP"}`: "the secret has less than the 128 bits that RFC 4226 requires: whoever sees a few codes may be able to find it",
	} {
		s := serve(t)
		if r := s.ask("all", "POST", "totp/keys/aws", body); strings.Join(r.Warnings, "|") != want || r.Errors != nil {
			t.Errorf("write %s warns %q, errors %q, want %q", body, r.Warnings, r.Errors, want)
		}
	}
}

// TestServeIsWhole: what Handler refuses, Serve refuses, and the address is free again.
func TestServeIsWhole(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := (&vaultapi.Server{}).Serve(t.Context(), l, nil); err == nil || !strings.Contains(err.Error(), "needs Keys") {
		t.Errorf("Serve without anything = %v", err)
	}
	again, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("the listener was not closed: %v", err)
	}
	again.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if err := serve(t).Serve(ctx, gone, nil); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Serve on a listener that is closed = %v", err)
	}
}

// TestBounds: nobody holds a connection for nothing, and who waits for a step is not
// cut off.
func TestBounds(t *testing.T) {
	for wait, write := range map[time.Duration]time.Duration{0: 75 * time.Second, -1: 30 * time.Second, 90 * time.Second: 2 * time.Minute} {
		b := vaultapi.Bounded(serve(t, func(s *vaultapi.Server) { s.MaxWait = wait }).Handler)
		got := []time.Duration{b.ReadHeaderTimeout, b.ReadTimeout, b.WriteTimeout, b.IdleTimeout}
		if want := []time.Duration{5 * time.Second, 10 * time.Second, write, time.Minute}; !slices.Equal(got, want) || b.MaxHeaderBytes != 16<<10 {
			t.Errorf("with a wait of %v the bounds are %v and %d bytes, want %v", wait, got, b.MaxHeaderBytes, want)
		}
	}
}
