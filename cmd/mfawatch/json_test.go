package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mfawatch/internal/demo"
)

// asJSON runs a command with --format json, and asserts the form that all have: values in
// lines, indented by one blank, and fields_like_this.
func asJSON(t *testing.T, in string, v any, args ...string) int {
	t.Helper()
	code, said := ends(t, in, append(args, "--format", "json")...)
	text, _, _ := strings.Cut(said, "\nmfawatch") // an error follows the value
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(v); err != nil {
		t.Fatalf("mfawatch %s ends with %d and prints %s: %v", strings.Join(args, " "), code, said, err)
	}
	if !strings.HasPrefix(text, "{\n \"") && !strings.HasPrefix(text, "[\n {") && !strings.HasPrefix(text, "[]") {
		t.Errorf("mfawatch %s begins %.40q", strings.Join(args, " "), text)
	}
	for _, m := range regexp.MustCompile(`(?m)^ *"([^"]*)": `).FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`^[a-z0-9_]+$`).MatchString(m[1]) {
			t.Errorf("mfawatch %s has the field %q", strings.Join(args, " "), m[1])
		}
	}
	return code
}

func TestFormOfJSON(t *testing.T) {
	liveAWS(t)
	ownHome(t)
	addKey(t)
	t.Chdir(t.TempDir())
	put(t, configName, goodConfig(t))
	put(t, "policy.json", []byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`))
	for _, line := range []string{
		"version", "doctor --offline", "config check", "policy explain policy.json", "policy explain --list",
		"key list", "key show ada", "code ada", "serve token list", "serve yubico-client list", "yubikey otp list", "device list --user grace",
	} {
		var v any
		asJSON(t, "", &v, strings.Fields(line)...)
	}
}

// What is made and shown this once is JSON too.
func TestMadeAsJSON(t *testing.T) {
	h := ownHome(t)
	var token struct{ Name, Token string }
	if code := asJSON(t, "", &token, "serve", "token", "add", "terraform", "--grant", "aws:read"); code != exitClean || token.Name != "terraform" || len(token.Token) < 20 {
		t.Errorf("ends with %d: %d bytes for %s", code, len(token.Token), token.Name)
	}
	var client struct {
		ID, Name string
		Key      string `json:"api_key"`
	}
	if code := asJSON(t, "", &client, "serve", "yubico-client", "add", "portal"); code != exitClean || client.ID != "1" || client.Name != "portal" || len(client.Key) < 20 {
		t.Errorf("ends with %d: %s %s", code, client.ID, client.Name)
	}
	uris := "otpauth://totp/AWS:ada?secret=" + rfcSeed32 + "&issuer=AWS\notpauth://totp/Example:grace?secret=" + rfcSeed32 + "&issuer=Example\n"
	var list struct{ Keys []importedKey }
	if code := asJSON(t, uris, &list, "key", "import", "--all", "--dry-run", "-"); code != exitClean || len(list.Keys) != 2 || list.Keys[0].Sealed || list.Keys[1].There {
		t.Errorf("ends with %d: %+v", code, list)
	}
	if code := asJSON(t, uris, &list, "key", "import", "--all", "-"); code != exitClean || len(list.Keys) != 2 || !list.Keys[0].Sealed || list.Keys[0].There || list.Keys[1].Issuer != "Example" {
		t.Errorf("ends with %d: %+v", code, list)
	}
	if code := asJSON(t, uris, &list, "key", "import", "--all", "--dry-run", "-"); code != exitClean || !list.Keys[0].There || list.Keys[0].Sealed {
		t.Errorf("ends with %d: %+v", code, list)
	}
	var verified verified
	record := filepath.Join(h.dir, "record.jsonl")
	put(t, record, []byte("nonsense\n"))
	if code := asJSON(t, "", &verified, "breakglass", "log", "verify", record); code != exitFindings || verified.Holds || verified.Problem == "" {
		t.Errorf("ends with %d: %+v", code, verified)
	}
}

// Reports of accounts and archives have a form of their own, in which each finding is a line,
// and the inventory is printed as the file is.
func TestReportsAreJSON(t *testing.T) {
	ownHome(t)
	t.Chdir(t.TempDir())
	if err := demo.WriteTo("logs"); err != nil {
		t.Fatal(err)
	}
	if err := demo.WriteAccount("exported"); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"audit --from exported", "enforce --from exported", "scan logs", "checks", "checks --framework cis-6.0", "yubikey inventory"} {
		code, said := ends(t, "", append(strings.Fields(line), "--format", "json")...)
		var v any
		if err := json.NewDecoder(strings.NewReader(said)).Decode(&v); err != nil {
			t.Errorf("mfawatch %s ends with %d: %v", line, code, err)
		}
	}
}
