//go:build acceptance

package acceptance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/yubikey/otp"
	"mfawatch/totp/yubikey/validation"
)

const (
	otpsMade   = 10_000 // through each decoder that takes many at once
	otpsByHand = 300    // through each that is a process for one
)

// madeOTP is a credential, what a key said with it, and the OTP.
type madeOTP struct {
	credential   otp.Credential
	private, key string
	token        otp.Token
	text         string
}

// raw is the session counter as it is on the wire: the peers know no caps lock.
func (m madeOTP) raw() uint16 {
	if m.token.CapsLock {
		return m.token.Session | 1<<15
	}
	return m.token.Session
}

func (m madeOTP) public() string {
	if m.credential.PublicID() == "" {
		return "-"
	}
	return m.credential.PublicID()
}

// fields are what the decoders print of it.
func (m madeOTP) fields() string {
	return fmt.Sprintf("%s %s %d %d %d %d", m.public(), m.private, m.raw(), m.token.Timestamp, m.token.Use, m.token.Random)
}

// someOTPs are made by us, of random credentials and counters, the same in each run.
// Every tenth has the smallest or largest numbers there are.
func someOTPs(t *testing.T, n int) []madeOTP {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 2))
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	all := make([]madeOTP, n)
	for i := range all {
		m := &all[i]
		private, key := random(6), random(16)
		m.private, m.key = hex.EncodeToString(private), hex.EncodeToString(key)
		m.token = otp.Token{Session: uint16(r.IntN(otp.MaxSession + 1)), Use: uint8(r.Uint32()), Timestamp: uint32(r.IntN(otp.MaxTimestamp + 1)), Random: uint16(r.Uint32()), CapsLock: r.IntN(4) == 0}
		if i%10 == 0 {
			m.token = [2]otp.Token{{}, {Session: otp.MaxSession, Use: otp.MaxUse, Timestamp: otp.MaxTimestamp, Random: 65535, CapsLock: true}}[i/10%2]
		}
		var err error
		if m.credential, err = otp.NewCredential(otp.EncodeModhex(random(r.IntN(9))), private, key); err != nil {
			t.Fatal(err)
		}
		o, err := m.credential.Simulate(m.token)
		if err != nil {
			t.Fatal(err)
		}
		m.text = o.Text()
	}
	return all
}

// peerLines gives a program lines and takes as many.
func peerLines(t *testing.T, in []string, program string, args ...string) []string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Stdin = strings.NewReader(strings.Join(in, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || len(lines) != len(in) {
		t.Fatalf("%s %s: %v, %d lines for %d: %s", program, strings.Join(args, " "), err, len(lines), len(in), stderr.String())
	}
	return lines
}

const (
	distributionPython = "/usr/bin/python3"
	otpPython          = "yubico-otp/peer.py"
	otpPerl            = "yubico-otp/peer.pl"
)

// TestOTPsThroughDecoders: YubiOTP and the Perl decrypter read what we made.
func TestOTPsThroughDecoders(t *testing.T) {
	all := someOTPs(t, otpsMade)
	var cases []string
	for _, m := range all {
		cases = append(cases, m.key+" "+m.text)
	}
	for name, got := range map[string][]string{
		"YubiOTP": peerLines(t, cases, distributionPython, otpPython, "decode"),
		"Perl":    peerLines(t, cases, "perl", otpPerl),
	} {
		wrong := 0
		for i, m := range all {
			if want := m.fields(); got[i] != want {
				if wrong++; wrong < 4 {
					t.Errorf("%s reads an OTP as %s, want %s", name, got[i], want)
				}
			}
		}
		t.Logf("%s reads %d of %d as they were made", name, len(all)-wrong, len(all))
	}
}

// TestOTPsOfYubiOTP: we read what YubiOTP made.
func TestOTPsOfYubiOTP(t *testing.T) {
	all := someOTPs(t, otpsMade)
	var cases []string
	for _, m := range all {
		cases = append(cases, fmt.Sprintf("%s %s %s %d %d %d %d", m.public(), m.private, m.key, m.raw(), m.token.Timestamp, m.token.Use, m.token.Random))
	}
	wrong := 0
	for i, text := range peerLines(t, cases, distributionPython, otpPython, "encode") {
		o, err := otp.Parse(text)
		token, bad := all[i].credential.Open(o)
		if err != nil || bad != nil || token != all[i].token || text != all[i].text {
			wrong++
			t.Errorf("case %d: %v, %v, %+v, want %+v", i, err, bad, token, all[i].token)
		}
	}
	t.Logf("%d of %d of YubiOTP's are read, and are the same text as ours", len(all)-wrong, len(all))
}

// TestDamagedOTPsThroughDecoders: a block that is none for us is none for the peers, but
// for the private id, which they do not compare.
func TestDamagedOTPsThroughDecoders(t *testing.T) {
	all := someOTPs(t, otpsMade)
	r := rand.New(rand.NewPCG(5, 5))
	var cases []string
	for i := range all {
		m := &all[i]
		b, err := otp.DecodeModhex(m.text)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-1-r.IntN(16)] ^= byte(1 + r.IntN(255))
		m.text = otp.EncodeModhex(b)
		cases = append(cases, m.key+" "+m.text)
	}
	python, perl, whole := peerLines(t, cases, distributionPython, otpPython, "decode"), peerLines(t, cases, "perl", otpPerl), 0
	for i, m := range all {
		o, err := otp.Parse(m.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.credential.Open(o)
		if !errors.Is(err, totp.ErrNoMatch) || (python[i] == "refused") != (perl[i] == "refused") {
			t.Errorf("case %d: %v; YubiOTP says %s, Perl %s", i, err, python[i], perl[i])
		}
		if python[i] != "refused" {
			whole++ // its checksum is right by chance: one of 65,536
		}
	}
	if whole > 5 {
		t.Errorf("the peers take %d damaged OTPs, want hardly any", whole)
	}
}

func printed(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return string(out)
}

// TestOTPsThroughLibyubikey: Yubico's own C library reads what we made, and we read what
// it made.
func TestOTPsThroughLibyubikey(t *testing.T) {
	number := regexp.MustCompile(`(?m)^  (uid|counter|timestamp \(low\)|timestamp \(high\)|session use|random|cleaned counter|crc check|triggered by caps lock): (.*?)(?: \(0x.*\))?$`)
	for _, m := range someOTPs(t, otpsByHand) {
		got := map[string]string{}
		for _, found := range number.FindAllStringSubmatch(printed(t, "ykparse", m.key, m.text[len(m.text)-32:]), -1) {
			got[found[1]] = strings.TrimSpace(found[2])
		}
		want := map[string]any{"uid": m.private, "counter": m.raw(), "timestamp (low)": m.token.Timestamp & 0xffff, "timestamp (high)": m.token.Timestamp >> 16, "session use": m.token.Use,
			"random": m.token.Random, "cleaned counter": m.token.Session, "crc check": "ok", "triggered by caps lock": map[bool]string{true: "yes", false: "no"}[m.token.CapsLock]}
		for name, value := range want {
			if strings.ReplaceAll(got[name], " ", "") != strings.ReplaceAll(fmt.Sprint(value), " ", "") {
				t.Errorf("ykparse reads %s %s, want %v", name, got[name], value)
			}
		}
		made := strings.TrimSpace(printed(t, "ykgenerate", m.key, m.private, fmt.Sprintf("%04x", m.raw()), fmt.Sprintf("%04x", m.token.Timestamp&0xffff), fmt.Sprintf("%02x", m.token.Timestamp>>16), fmt.Sprintf("%02x", m.token.Use)))
		o, err := otp.Parse(m.credential.PublicID() + made)
		if err != nil {
			t.Fatal(err)
		}
		token, err := m.credential.Open(o)
		token.Random = m.token.Random // ykgenerate chooses it
		if err != nil || token != m.token {
			t.Errorf("ykgenerate's is read as %+v, %v, want %+v", token, err, m.token)
		}
		text := m.private + m.key
		bytes, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		modhex := strings.TrimSpace(printed(t, "modhex", "-h", text))
		if modhex != otp.EncodeModhex(bytes) {
			t.Errorf("modhex writes %s as %s, we as %s", text, modhex, otp.EncodeModhex(bytes))
		}
		if back, err := otp.DecodeModhex(modhex); err != nil || hex.EncodeToString(back) != strings.TrimSpace(printed(t, "modhex", "-d", "-h", modhex)) {
			t.Errorf("modhex reads %s, we %v", modhex, err)
		}
	}
}

const validationAPIKey = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="

// nobody is an auditor that has room for everything.
type nobody struct{}

func (nobody) Verified(context.Context, validation.Record) error { return nil }

// validating is our server, over a ledger in a file, and a key.
type validating struct {
	*testing.T
	url        string
	credential otp.Credential
	session    uint16
}

func startValidation(t *testing.T) *validating {
	t.Helper()
	store := file.Store{Path: filepath.Join(t.TempDir(), "ledger")}
	c := someOTPs(t, 1)[0]
	private, _ := hex.DecodeString(c.private)
	aes, _ := hex.DecodeString(c.key)
	credential, err := otp.NewCredential("ccccccbchvth", private, aes)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := validation.NewFixedKeys(credential)
	if err != nil {
		t.Fatal(err)
	}
	key, err := validation.ParseAPIKey(validationAPIKey)
	if err != nil {
		t.Fatal(err)
	}
	callers := validation.FixedCallers{"16": {Key: key}, "17": {Key: key, Unsigned: true}, "18": {Key: key, Suspended: true}}
	s, err := validation.NewServer(validation.Service{Callers: callers, Keys: keys, Ledger: ledger.Verifier{Store: store}, Auditor: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return &validating{t, h.URL + validation.Path, credential, 0}
}

// touch is an OTP of a key that was plugged in anew.
func (v *validating) touch() string {
	v.Helper()
	v.session++
	o, err := v.credential.Simulate(otp.Token{Session: v.session, Timestamp: 5, Random: 9})
	if err != nil {
		v.Fatal(err)
	}
	return o.Text()
}

// ykclient runs Yubico's client, and gives what it ended with and printed.
func (v *validating) ykclient(args ...string) (code int, text string) {
	v.Helper()
	cmd := exec.Command("ykclient", append([]string{"--debug", "--url", v.url}, args...)...)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		v.Fatalf("ykclient: %v", err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func (v *validating) want(what string, code int, says string, args ...string) {
	v.Helper()
	if got, text := v.ykclient(args...); got != code || !strings.Contains(text, says) {
		v.Errorf("ykclient, %s: ends with %d, want %d and %q:\n%s", what, got, code, says, text)
	}
}

// TestYkclientAndOurServer: Yubico's client takes our OK and our refusals.
func TestYkclientAndOurServer(t *testing.T) {
	v := startValidation(t)
	signed := []string{"--apikey", validationAPIKey}
	for range 10 { // signatures with + and / too
		o := v.touch()
		v.want("a good OTP", 0, "Verification output (0): Success", append(signed, "16", o)...)
		v.want("the same again", 2, "REPLAYED_OTP", append(signed, "16", o)...)
	}
	v.want("unsigned, where it may", 0, "Success", "17", v.touch())
	v.want("unsigned, where it may not", 3, "BAD_SIGNATURE", "16", v.touch())
	v.want("another API key", 3, "", "--apikey", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTE=", "16", v.touch())
	v.want("another client", 3, "NO_SUCH_CLIENT", "99", v.touch())
	v.want("a suspended client", 3, "OPERATION_NOT_ALLOWED", append(signed, "18", v.touch())...)
	v.want("an unknown key", 3, "BAD_OTP", append(signed, "16", "cccccccccccc"+v.touch()[12:])...)
	v.want("a wrong OTP", 3, "BAD_OTP", append(signed, "16", v.touch()[:42]+"cb")...)
	v.want("after all that a good one", 0, "Success", append(signed, "16", v.touch())...)
}

// TestYkclientAndAForger holds the test above to account: with one thing of our answer
// changed, Yubico's client does not believe it, also where the forger has the API key.
func TestYkclientAndAForger(t *testing.T) {
	v := startValidation(t)
	honest := v.url
	for what, forged := range map[string]struct {
		key, to string
		resign  bool
		code    int
		says    string
	}{
		"nothing changed":        {"", "", false, 0, "output (0): Success"},
		"signed again":           {"", "", true, 0, "output (0): Success"},
		"a forged signature":     {"h", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", false, 3, "output (107)"},
		"another status":         {"status", "REPLAYED_OTP", false, 3, "output (107)"},
		"another time":           {"t", "2010-04-23T20:34:50Z0671", false, 3, "output (107)"},
		"another nonce":          {"nonce", "0123456789abcdef", false, 3, "output (107)"},
		"another nonce, by key":  {"nonce", "0123456789abcdef", true, 3, "output (104)"},
		"another OTP, by key":    {"otp", strings.Repeat("c", 44), true, 3, "output (104)"},
		"another status, by key": {"status", "BAD_OTP", true, 3, "BAD_OTP"},
	} {
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for key, value := range forgedAnswer(t, honest+"?"+r.URL.RawQuery, forged.key, forged.to, forged.resign) {
				_, _ = io.WriteString(w, key+"="+value+"\r\n")
			}
		}))
		v.url = h.URL + validation.Path
		v.want(what, forged.code, forged.says, "--apikey", validationAPIKey, "16", v.touch())
		h.Close()
	}
}

// forgedAnswer is a server's answer with one value changed.
func forgedAnswer(t *testing.T, url, key, to string, resign bool) map[string]string {
	res, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer res.Body.Close()
	answer := map[string]string{}
	for in := bufio.NewScanner(res.Body); in.Scan(); {
		if key, value, ok := strings.Cut(in.Text(), "="); ok {
			answer[key] = value
		}
	}
	if key != "" {
		answer[key] = to
	}
	if resign {
		delete(answer, "h")
		var signed []string
		for _, key := range slices.Sorted(maps.Keys(answer)) {
			signed = append(signed, key+"="+answer[key])
		}
		mac := hmac.New(sha1.New, []byte("12345678901234567890"))
		_, _ = io.WriteString(mac, strings.Join(signed, "&"))
		answer["h"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return answer
}

// TestYubiOTPAndOurServer: YubiOTP's client believes our server's answers, by its
// strictest check, and its OTPs are accepted once.
func TestYubiOTPAndOurServer(t *testing.T) {
	v := startValidation(t)
	var in, want []string
	for range 50 {
		o := v.touch()
		in, want = append(in, o, o), append(want, "OK ok", "REPLAYED_OTP no")
	}
	in, want = append(in, "cccccccccccc"+v.touch()[12:], v.touch()), append(want, "BAD_OTP no", "OK ok")
	for i, got := range peerLines(t, in, distributionPython, otpPython, "verify", v.url, "16", validationAPIKey) {
		if got != want[i] {
			t.Errorf("YubiOTP, case %d: %s, want %s", i, got, want[i])
		}
	}
}

// TestOneOTPOfManyOverAFile: of 64 that bring the same OTP over TCP at the same time, to a
// server whose ledger is a file, one gets in.
func TestOneOTPOfManyOverAFile(t *testing.T) {
	v := startValidation(t)
	key, err := validation.ParseAPIKey(validationAPIKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := validation.NewClient(validation.Settings{ID: "16", Key: key, Servers: []string{v.url}, Timeout: time.Minute, Counters: true})
	if err != nil {
		t.Fatal(err)
	}
	o, err := otp.Parse(v.touch())
	if err != nil {
		t.Fatal(err)
	}
	var accepted, refused atomic.Int32
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			a, err := c.Verify(t.Context(), o)
			switch {
			case err == nil && a.Token.Session == 1:
				accepted.Add(1)
			case errors.Is(err, validation.ReplayedOTP), errors.Is(err, validation.BadOTP): // used, or a wait
				refused.Add(1)
			default:
				t.Errorf("one of many = %+v, %v", a, err)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 1 || refused.Load() != 63 {
		t.Errorf("%d of 64 accepted, %d refused, want 1 and 63", accepted.Load(), refused.Load())
	}
}

// yubiStack starts another validation server, and gives its address.
func (v *validating) yubiStack(private, key string) string {
	v.Helper()
	cmd := exec.Command(installed(v.T, "venv-yubico-otp/bin/python"), "yubico-otp/server.py", v.TempDir(), v.credential.PublicID(), private, key, "16", validationAPIKey)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		v.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		v.Fatal(err)
	}
	v.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		v.Fatalf("YubiStack does not start: %v: %s", err, stderr.String())
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port)
}

// TestOurClientAndYubiStack: our client takes another's OK and refusals, alone and beside
// servers that say nothing of use.
func TestOurClientAndYubiStack(t *testing.T) {
	v := startValidation(t)
	parts := strings.Fields(string(v.credential.Text()))
	server := v.yubiStack(parts[2], parts[3])
	ask := func(id, key, o string, servers ...string) error {
		t.Helper()
		k, err := validation.ParseAPIKey(key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := validation.NewClient(validation.Settings{ID: id, Key: k, Servers: servers})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := otp.Parse(o)
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.Verify(t.Context(), parsed)
		if err == nil && (a.PublicID != v.credential.PublicID() || a.Sync != 0) {
			t.Errorf("an OK = %+v", a)
		}
		return err
	}
	for range 20 {
		o := v.touch()
		if err := ask("16", validationAPIKey, o, server); err != nil {
			t.Errorf("a good OTP = %v", err)
		}
		var refusal *validation.StatusError
		if err := ask("16", validationAPIKey, o, server); !errors.As(err, &refusal) || refusal.Status != validation.ReplayedOTP || !refusal.Signed {
			t.Errorf("the same again = %v", err)
		}
	}
	for what, try := range map[string]struct {
		id, key, otp string
		want         error
	}{
		"a wrong OTP":     {"16", validationAPIKey, v.touch()[:42] + "cb", validation.BadOTP},
		"an unknown key":  {"16", validationAPIKey, "cccccccccccc" + v.touch()[12:], validation.BadOTP},
		"another client":  {"99", validationAPIKey, v.touch(), validation.NoSuchClient},
		"another API key": {"16", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTE=", v.touch(), validation.BadSignature},
	} {
		if err := ask(try.id, try.key, try.otp, server); !errors.Is(err, try.want) {
			t.Errorf("%s = %v, want %v", what, err, try.want)
		}
	}
	nobody := httptest.NewServer(http.NotFoundHandler())
	defer nobody.Close()
	if err := ask("16", validationAPIKey, v.touch(), nobody.URL, server); err != nil {
		t.Errorf("beside a server that is none = %v", err)
	}
}
