//go:build acceptance

package acceptance

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/vaultapi"
	"mfawatch/totp/vaultapi/vaultapitest"
)

// The secret of RFC 4226, as a QR code of AWS holds it.
const vaultURL = "otpauth://totp/ada@111122223333?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// vaultServer serves our routes on loopback, with its ledger in a file, and gives the
// address and a token for everything.
type vaultServer struct {
	*testing.T
	keys  *vaultapitest.Keys
	store file.Store
	token string
	kept  vaultapi.Token
	nodes [2]string // addresses
}

func newVaultServer(t *testing.T) *vaultServer {
	t.Helper()
	text, kept, err := vaultapi.NewToken("acceptance", []vaultapi.Grant{{Key: "*", Rights: []vaultapi.Right{vaultapi.Read, vaultapi.Verify, vaultapi.Manage}}}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &vaultServer{T: t, keys: &vaultapitest.Keys{}, store: file.Store{Path: filepath.Join(t.TempDir(), "ledger", "ledger.db")}, token: text, kept: kept}
	for node := range s.nodes {
		s.restart(node)
	}
	return s
}

// restart makes a node as a process that starts does: keys and ledger are there already.
func (s *vaultServer) restart(node int) {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	s.nodes[node] = "http://" + l.Addr().String()
	server := &vaultapi.Server{
		Keys: s.keys, Tokens: vaultapi.TokenList{s.kept}, Audit: &vaultapitest.Record{}, AllowExport: true, Version: "acceptance",
		Prover: ledger.Prover{Store: s.store}, Verifier: ledger.Verifier{Store: s.store},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.Context(), l, nil) }()
	s.Cleanup(func() {
		if err := <-ended; err != nil {
			s.Errorf("the server ended with %v", err)
		}
	})
}

func (s *vaultServer) ask(node int, op, path string, data map[string]any) (map[string]any, string) {
	s.Helper()
	method := map[string]string{"read": "GET", "update": "PUT", "list": "LIST", "delete": "DELETE"}[op]
	body, err := json.Marshal(data)
	if err != nil {
		s.Fatal(err)
	}
	if data == nil {
		body = nil
	}
	q, err := http.NewRequestWithContext(s.Context(), method, s.nodes[node]+"/v1/totp/"+path, bytes.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	q.Header.Set("X-Vault-Token", s.token)
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		s.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Data   map[string]any
		Errors []string
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil && err != io.EOF {
		s.Fatalf("%s %s: status %d: %v", op, path, r.StatusCode, err)
	}
	if r.StatusCode >= 400 && len(answer.Errors) == 0 {
		answer.Errors = []string{r.Status}
	}
	return answer.Data, strings.Join(answer.Errors, "; ")
}

// vaultEngine is Vault's own engine, in a program beside.
type vaultEngine struct {
	*testing.T
	in  *json.Encoder
	out *json.Decoder
}

func newVaultEngine(t *testing.T) *vaultEngine {
	t.Helper()
	cmd := exec.Command(installed(t, "vault/engine"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the engine ended with %v", err)
		}
	})
	return &vaultEngine{t, json.NewEncoder(in), json.NewDecoder(out)}
}

func (e *vaultEngine) ask(node int, op, path string, data map[string]any) (map[string]any, string) {
	e.Helper()
	var answer struct {
		Data  map[string]any
		Error string
	}
	if err := e.in.Encode(map[string]any{"node": node, "op": op, "path": path, "data": data}); err != nil {
		e.Fatal(err)
	}
	if err := e.out.Decode(&answer); err != nil {
		e.Fatalf("the engine did not answer: %v", err)
	}
	return answer.Data, answer.Error
}

func (e *vaultEngine) restart(node int) { e.ask(node, "restart", "", nil) }

// vault is either: two nodes that know the same keys.
type vault interface {
	ask(node int, op, path string, data map[string]any) (answer map[string]any, err string)
	restart(node int)
}

// attacks is the script of five, the first in two forms. Each tells whether it
// succeeded, and what was seen.
type attacks struct {
	*testing.T
	vault
}

func (a attacks) write(name, uri string) totp.Key {
	a.Helper()
	if _, err := a.ask(0, "update", "keys/"+name, map[string]any{"url": uri}); err != "" {
		a.Fatalf("write %s: %s", name, err)
	}
	k, err := totp.Parse(uri)
	if err != nil {
		a.Fatal(err)
	}
	return k
}

func (a attacks) check(node int, name, code string) string {
	a.Helper()
	data, err := a.ask(node, "update", "code/"+name, map[string]any{"code": code})
	switch {
	case err != "":
		return "refused"
	case data["valid"] == true:
		return "valid"
	}
	return "wrong"
}

// step waits until a step has more than a time left, and gives it.
func (a attacks) step(k totp.Key, left time.Duration) int64 {
	a.Helper()
	step, err := k.Step(time.Now())
	if err != nil {
		a.Fatal(err)
	}
	if end := k.Starts(step + 1); time.Until(end) < left {
		time.Sleep(time.Until(end))
		step++
	}
	return step
}

func (a attacks) at(k totp.Key, step int64) string {
	a.Helper()
	code, err := k.At(step)
	if err != nil {
		a.Fatal(err)
	}
	return code
}

const guesses = 20_000

func (a attacks) run() map[string]bool {
	fell := map[string]bool{}
	k := a.write("nodes", vaultURL)
	code := a.at(k, a.step(k, 5*time.Second))
	first := a.check(0, "nodes", code)
	fell["same code on a second node"] = a.check(1, "nodes", code) == "valid"

	a.write("restart", vaultURL)
	first += a.check(0, "restart", code)
	a.restart(0)
	fell["same code after a restart"] = a.check(0, "restart", code) == "valid"

	a.write("older", vaultURL)
	step := a.step(k, 5*time.Second)
	first += a.check(0, "older", a.at(k, step))
	fell["older code after a newer one"] = a.check(0, "older", a.at(k, step-1)) == "valid"

	fast := a.write("burn", vaultURL+"&period=4")
	step = a.step(fast, 2*time.Second)
	early := a.check(0, "burn", a.at(fast, step+2))
	time.Sleep(time.Until(fast.Starts(step + 1)))
	fell["wrong guess burns a code"] = a.check(0, "burn", a.at(fast, step+2)) != "valid"

	a.write("space", vaultURL)
	code = a.at(k, a.step(k, 5*time.Second))
	first += a.check(0, "space", code)
	fell["space in front replays a code"] = a.check(0, "space", " "+code) == "valid"

	a.write("guess", vaultURL)
	compared := a.guess(k)
	fell[fmt.Sprintf("%d wrong guesses without a lock", guesses)] = compared == guesses
	a.Logf("%T: %d of %d guesses were compared", a.vault, compared, guesses)
	if first != "validvalidvalidvalid" || early != "wrong" {
		a.Errorf("%T: right codes are %q, and one that is too early %q", a.vault, first, early)
	}
	return fell
}

// guess sends wrong codes, and counts those that were compared.
func (a attacks) guess(k totp.Key) (compared int) {
	step := a.step(k, 0)
	right := map[string]bool{}
	for s := step - 2; s < step+20; s++ { // ten minutes
		right[a.at(k, s)] = true
	}
	for n, sent := 0, 0; sent < guesses; n++ {
		code := fmt.Sprintf("%06d", n)
		if right[code] {
			continue
		}
		sent++
		if a.check(0, "guess", code) == "wrong" {
			compared++
		}
	}
	return compared
}

// TestFiveAttacks: Vault's own engine falls to all of them and ours to none, by the same
// script.
func TestFiveAttacks(t *testing.T) {
	engine := attacks{t, newVaultEngine(t)}.run()
	ours := attacks{t, newVaultServer(t)}.run()
	says := map[bool]string{true: "succeeds", false: "fails"}
	t.Logf("%-40s %-10s %s", "attack", "engine", "ours")
	for attack, fell := range engine {
		t.Logf("%-40s %-10s %s", attack, says[fell], says[ours[attack]])
		if !fell || ours[attack] {
			t.Errorf("%s: it %s against the engine and %s against ours", attack, says[fell], says[ours[attack]])
		}
	}
	if len(engine) != 6 || len(ours) != 6 {
		t.Errorf("%d and %d attacks, want 6", len(engine), len(ours))
	}
}

// TestVaultAnswers: what the engine answers is what we answer, but for the list.
func TestVaultAnswers(t *testing.T) {
	const seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	all := func(extra ...any) map[string]any {
		m := map[string]any{"key": seed, "issuer": "AWS", "account_name": "ada"}
		for i := 0; i+1 < len(extra); i += 2 {
			m[extra[i].(string)] = extra[i+1]
		}
		return m
	}
	engine, ours := newVaultEngine(t), newVaultServer(t)
	for i, c := range []struct {
		data        map[string]any
		taken, same bool // by the engine, and by us
	}{
		{map[string]any{"url": vaultURL}, true, true},
		{map[string]any{"url": "otpauth://totp/AWS:ada?secret=" + seed + "&issuer=AWS&algorithm=SHA256&digits=8&period=60"}, true, true},
		{map[string]any{"url": "otpauth://totp/ada?secret=" + seed, "digits": "8", "period": "1m", "algorithm": "SHA512", "issuer": "AWS"}, true, true},
		{map[string]any{"url": "otpauth://totp/AWS:ada?secret=" + seed + "&digits=6", "digits": 8, "issuer": "x"}, true, true},
		{all(), true, true}, {all("digits", 8), true, true}, {all("digits", "8"), true, true}, {all("period", 60), true, true}, {all("period", "90s"), true, true},
		{all("skew", "0"), true, true}, {all("algorithm", "SHA256"), true, true}, {all("skew", 2), false, true}, {all("digits", 5), false, true}, {all("digits", 9), false, true},
		{all("period", 0), false, true}, {all("qr_size", -1), false, true}, {all("key_size", 0), false, true}, {all("algorithm", "MD5"), false, true}, {all("key", "1!"), false, true},
		{map[string]any{}, false, true}, {map[string]any{"generate": true, "key": seed}, false, true}, {map[string]any{"generate": true, "url": vaultURL}, false, true},
		{map[string]any{"generate": true, "issuer": "AWS"}, false, true}, {map[string]any{"generate": true, "account_name": "ada"}, false, true},
		{all("key", "JBSWY3DP"), true, true}, // we warn
		{all("more", 1), true, true},         // as does Vault, above the engine

		// On purpose.
		{map[string]any{"url": "otpauth://hotp/ada?counter=0&secret=" + seed}, true, false},
		{map[string]any{"url": "https://totp/ada?secret=" + seed}, true, false},
		{map[string]any{"url": "otpauth://totp/AWS:ada?issuer=other&secret=" + seed}, true, false},
		{map[string]any{"url": "otpauth://totp/?secret=" + seed}, true, false},
		{map[string]any{"generate": true, "exported": false, "issuer": "AWS", "account_name": "ada", "key_size": 4}, true, false},
		{all("digits", 7), false, false}, {all("algorithm", "sha1"), false, false}, {all("key", "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"), false, false},
	} {
		name := fmt.Sprintf("k%d", i)
		_, theirs := engine.ask(0, "update", "keys/"+name, maps.Clone(c.data))
		_, mine := ours.ask(0, "update", "keys/"+name, c.data)
		if (theirs == "") != c.taken || (mine == "") != (c.taken == c.same) {
			t.Errorf("%d: the engine says %q, want taken %v; we say %q, want taken %v", i, theirs, c.taken, mine, c.taken == c.same)
		}
		if !c.taken || !c.same {
			continue
		}
		for _, path := range []string{"keys/" + name, "code/" + name} {
			attacks{t, ours}.step(awsKey(t), 3*time.Second)
			a, _ := engine.ask(0, "read", path, nil)
			b, err := ours.ask(0, "read", path, nil)
			if !reflect.DeepEqual(a, b) || err != "" {
				t.Errorf("%d: read %s: not the same: %s", i, path[:4], err)
			}
		}
	}
	compareErrors(t, engine, ours)
}

func awsKey(t *testing.T) totp.Key {
	k, err := totp.Parse(vaultURL)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// compareErrors: texts that programs may read are the engine's, and the differences of
// the other operations are those that are meant.
func compareErrors(t *testing.T, engine, ours vault) {
	for _, c := range []struct {
		op, path    string
		data        map[string]any
		theirs, own string
	}{
		{"read", "code/none", nil, "unknown key: none", ""},
		{"update", "code/none", map[string]any{"code": "123456"}, "unknown key: none", ""},
		{"update", "code/k0", map[string]any{}, "the code value is required", ""},
		{"update", "code/k0", map[string]any{"code": presentCode(t)}, "", ""},
		{"update", "code/k0", map[string]any{"code": presentCode(t)}, "code already used; wait until the next time period", ""},
		{"delete", "keys/k0", nil, "", ""},
		{"delete", "keys/none", nil, "", ""},
		{"update", "keys/k1", map[string]any{"url": vaultURL}, "", "the key is there already, and writing over it would lock out who uses it: delete it first, or start the server with overwriting allowed"},
	} {
		if c.own == "" {
			c.own = c.theirs
		}
		_, theirs := engine.ask(0, c.op, c.path, c.data)
		_, own := ours.ask(0, c.op, c.path, c.data)
		if theirs != c.theirs || own != c.own {
			t.Errorf("%s %s: the engine says %q, want %q; we say %q, want %q", c.op, c.path, theirs, c.theirs, own, c.own)
		}
	}
}

// presentCode is the present code, of a step that is not nearly over.
func presentCode(t *testing.T) string {
	a := attacks{T: t}
	k := awsKey(t)
	return a.at(k, a.step(k, 5*time.Second))
}

// TestVaultClient: HashiCorp's own client library goes the article's way.
func TestVaultClient(t *testing.T) {
	s := newVaultServer(t)
	cmd := exec.Command(installed(t, "vault/client"))
	cmd.Env = append(os.Environ(), "VAULT_ADDR="+s.nodes[0], "VAULT_TOKEN="+s.token)
	cmd.Stderr = os.Stderr
	begin := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", time.Since(begin))
	type line struct {
		Step, Other   string
		Data          map[string]any
		Warns, Status int
		Errors        []string
	}
	var got []string
	k := awsKey(t)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l line
		if err := d.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{"url", "barcode", "code"} {
			if v, ok := l.Data[field].(string); ok {
				l.Data[field] = described(t, k, l.Step, field, v)
			}
		}
		shown := fmt.Sprintf("%s: data %v, warnings %d, status %d, errors %.60q %s", l.Step, l.Data, l.Warns, l.Status, l.Errors, l.Other)
		got = append(got, strings.TrimSpace(strings.ReplaceAll(shown, "data map[], warnings 0, status 0, errors []", "done")))
	}
	if diff := lineDiff(vaultSteps, strings.Join(got, "\n")); diff != "" {
		t.Errorf("the steps differ:\n%s", diff)
	}
}

// TestHvac: the Python client goes the same way.
func TestHvac(t *testing.T) {
	s := newVaultServer(t)
	cmd := exec.Command(installed(t, "venv-vault/bin/python"), "vault/drive.py")
	cmd.Env = append(os.Environ(), "VAULT_ADDR="+s.nodes[0], "VAULT_TOKEN="+s.token)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := string(out)
	for _, shown := range regexp.MustCompile(`"code": "(\d{6})"|"url": "(otpauth://[^"]+)"`).FindAllStringSubmatch(got, -1) {
		if shown[1] != "" {
			got = strings.ReplaceAll(got, shown[1], described(t, awsKey(t), "read code", "code", shown[1]))
		} else {
			got = strings.ReplaceAll(got, shown[2], described(t, awsKey(t), "", "url", shown[2]))
		}
	}
	if diff := lineDiff(hvacSteps, strings.TrimSpace(got)); diff != "" {
		t.Errorf("the steps differ:\n%s", diff)
	}
}

// hvacSteps are the steps of acceptance/vault/drive.py, in its order.
const hvacSteps = `
{"step": "authenticated", "data": true}
{"step": "sealed", "data": false}
{"step": "enable", "data": null}
{"step": "mounts", "data": {"totp/": "totp"}}
{"step": "create", "data": null}
{"step": "read code", "data": {"code": "the right code"}}
{"step": "check code", "data": {"valid": true}}
{"step": "check code again", "error": "InvalidRequest", "errors": ["code already used; wait until the next time period"]}
{"step": "generate", "data": {"url": "a URI"}}
{"step": "read key", "data": {"account_name": "ada@111122223333", "algorithm": "SHA1", "digits": 6, "issuer": "", "period": 30}}
{"step": "list", "data": {"keys": ["aws", "new"]}}
{"step": "delete", "data": null}
{"step": "read deleted", "data": null}
{"step": "code of none", "error": "InvalidRequest", "errors": ["unknown key: aws"]}
{"step": "disable", "error": "InvalidRequest", "errors": ["disabling the engine would delete every key: delete keys one by one, or stop the server, which deletes none"]}
{"step": "another token", "error": "Forbidden", "errors": ["permission denied"]}
`

// TestSecondReaderWaitsLong: the bounds of connections are shorter than a wait may be,
// and do not end it.
func TestSecondReaderWaitsLong(t *testing.T) {
	s := newVaultServer(t)
	a := attacks{t, s}
	k := a.write("slow", vaultURL+"&period=15")
	step := a.step(k, 13*time.Second)
	for i := range int64(2) {
		data, err := s.ask(0, "read", "code/slow", nil)
		if err != "" || data["code"] != a.at(k, step+i) {
			t.Errorf("reader %d has not the code of its step: %s", i, err)
		}
	}
	if early := time.Until(k.Starts(step + 1)); early > 0 {
		t.Errorf("the second reader had its code %v early", early)
	}
}

// described says of a secret or a code what can be said of it.
func described(t *testing.T, k totp.Key, step, field, value string) string {
	t.Helper()
	switch field {
	case "url":
		if _, err := totp.Parse(value); err != nil {
			return "no URI"
		}
		return "a URI"
	case "barcode":
		return fmt.Sprintf("%v", strings.HasPrefix(value, "iVBORw0KGgo"))
	}
	if step != "read code" {
		return fmt.Sprintf("%d digits", len(value))
	}
	if _, err := k.Verify(value, time.Now(), totp.Used{Slack: 1}); err != nil {
		return "a wrong code"
	}
	return "the right code"
}

// lineDiff names the lines in which two texts differ.
func lineDiff(want, got string) string {
	a, b := strings.Split(strings.TrimSpace(want), "\n"), strings.Split(got, "\n")
	var out []string
	for i := range max(len(a), len(b)) {
		var w, g string
		if i < len(a) {
			w = a[i]
		}
		if i < len(b) {
			g = b[i]
		}
		if w != g {
			out = append(out, "want "+w, " got "+g)
		}
	}
	return strings.Join(out, "\n")
}

// vaultSteps are the steps of acceptance/vault/client, in its order.
const vaultSteps = `
enable: done
write url: done
read code: data map[code:the right code], warnings 0, status 0, errors []
check code: data map[valid:true], warnings 0, status 0, errors []
check code again: data map[], warnings 0, status 400, errors ["code already used; wait until the next time period"]
check a wrong code: data map[valid:false], warnings 1, status 0, errors []
generate: data map[barcode:true url:a URI], warnings 0, status 0, errors []
read key: data map[account_name:ada@111122223333 algorithm:SHA1 digits:6 issuer: period:30], warnings 0, status 0, errors []
list: data map[keys:[aws new]], warnings 0, status 0, errors []
write a fast key: done
read fast: data map[code:6 digits], warnings 0, status 0, errors []
read fast again: data map[code:6 digits], warnings 0, status 0, errors []
two readers: data map[differ:true], warnings 0, status 0, errors []
write over: data map[], warnings 0, status 400, errors ["the key is there already, and writing over it would lock out"]
write hotp: data map[], warnings 0, status 400, errors ["the url is of a key that counts (hotp), and this engine make"]
write an unknown field: data map[], warnings 1, status 0, errors []
read code of none: data map[], warnings 0, status 400, errors ["unknown key: none"]
read none: done
delete: done
delete again: done
read deleted: done
disable: data map[], warnings 0, status 400, errors ["disabling the engine would delete every key: delete keys one"]
guess a sixth time: data map[], warnings 0, status 429, errors ["too many wrong codes in a row: nothing was compared, try aga"]
another token: data map[], warnings 0, status 403, errors ["permission denied"]
no token: data map[], warnings 0, status 403, errors ["permission denied"]
a namespace: data map[], warnings 0, status 400, errors ["there are no namespaces here: leave X-Vault-Namespace (VAULT"]
wrapped: data map[], warnings 0, status 400, errors ["answers are not wrapped here: leave X-Vault-Wrap-TTL (VAULT_"]
mounts: data map[totp/:totp], warnings 0, status 0, errors []
health: data map[fresh:true initialized:true sealed:false], warnings 0, status 0, errors []
seal status: data map[sealed:false], warnings 0, status 0, errors []
leader: data map[ha:false], warnings 0, status 0, errors []
lookup self: data map[name:acceptance own:true], warnings 0, status 0, errors []
`
