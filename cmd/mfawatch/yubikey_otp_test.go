package main

import (
	"encoding/hex"
	"os"
	"regexp"
	"strings"
	"testing"

	"mfawatch/totp/yubikey/otp"
)

// What the slot of the tests is programmed with: the key of Yubico's test vectors.
const (
	slotPublic  = "vvccccfhcjkv"
	slotPrivate = "8792ebfe26cc"
	slotKey     = "ecde18dbe76fbd0c33330f1c354871db"
)

// otpOf is what the slot types at the nth touch of a session.
func otpOf(t *testing.T, session uint16, use uint8) string {
	t.Helper()
	private, _ := hex.DecodeString(slotPrivate)
	key, _ := hex.DecodeString(slotKey)
	c, err := otp.NewCredential(slotPublic, private, key)
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.Simulate(otp.Token{Session: session, Use: use, Timestamp: uint32(session) * 1000, Random: 7})
	if err != nil {
		t.Fatal(err)
	}
	return o.Text()
}

// pipe gives a command a standard input.
func (d *yubiDesk) pipe(in string) *yubiDesk {
	d.in = in + "\n"
	return d
}

func (d *yubiDesk) addSlot(name, lastOTP string) {
	d.Helper()
	d.pipe(slotPublic+" "+slotPrivate+" "+slotKey+"\n"+lastOTP).wants(exitClean, "Sealed "+name+", of the key with the public id "+slotPublic, "yubikey", "otp", "add", name, "-")
}

func TestYubicoOTP(t *testing.T) {
	d := newDesk(t)
	verify := []string{"yubikey", "otp", "verify", "ada"}
	d.pipe(otpOf(t, 1, 1)).wants(exitNotFound, "'mfawatch yubikey otp list' names", verify...)
	d.addSlot("ada", otpOf(t, 3, 0))
	d.pipe(otpOf(t, 2, 9)).wants(exitRefused, "was used, or one after it", verify...)
	d.pipe(otpOf(t, 4, 0)).wants(exitClean, `^Accepted: an OTP of ada\.\n`, verify...)
	d.pipe(otpOf(t, 4, 0)).wants(exitRefused, "was used, or one after it", verify...)
	d.pipe(otpOf(t, 5, 0)).wants(exitClean, `"public_id": "vvccccfhcjkv",\n "accepted": true,\n "session": 5`, append(verify, "--format", "json")...)
	d.pipe("cccccccccccc"+otpOf(t, 6, 0)[12:]).wants(exitRefused, `"accepted": false,\n "reason": "the OTP is another key's"`, append(verify, "--format", "json")...)
	d.pipe("hello").wants(exitRefused, "no Yubico OTP", verify...)
	d.pipe("").wants(exitRefused, "no Yubico OTP", verify...)
	d.wants(exitUsage, "go together", append(verify, "--server", "http://127.0.0.1:1")...)
	d.wants(exitUsage, "--keyboard", append(verify, "--keyboard", "piano")...)
	d.wants(exitClean, `ada +vvccccfhcjkv +x25519 age1`, "yubikey", "otp", "list")
	d.wants(exitClean, "No keys", "key", "list")
	for range 5 {
		d.pipe(otpOf(t, 1, 0)).run(verify...)
	}
	d.pipe(otpOf(t, 9, 0)).wants(exitLater, "", verify...)
	if left, err := os.ReadFile(homeIn(os.Getenv("MFAWATCH_HOME")).path("keys/ada.sealed")); err != nil || strings.Contains(string(left), slotKey) {
		t.Errorf("the sealed file shows the AES key, or is not there: %v", err)
	}
	d.wants(exitUsage, "nothing is removed", "yubikey", "otp", "rm", "ada", "--yes", "grace")
	d.wants(exitClean, "Removed ada", "yubikey", "otp", "rm", "ada", "--yes", "ada")
	d.wants(exitClean, "No credentials", "yubikey", "otp", "list")
}

func TestWhatIsNoSlot(t *testing.T) {
	d := newDesk(t)
	add := []string{"yubikey", "otp", "add", "ada", "-"}
	for in, says := range map[string]string{
		slotPublic + " " + slotPrivate:                     "three parts",
		slotPublic + " " + slotPrivate + " xyz":            "AES key is not in hex",
		slotPublic + " xyz " + slotKey:                     "private id is not in hex",
		"hello " + slotPrivate + " " + slotKey:             "",
		slotPublic + " " + slotPrivate + " " + slotKey[2:]: "",
	} {
		r := d.pipe(in).wants(exitCannotRun, says, add...)
		if strings.Contains(r.err, slotKey[2:]) || strings.Contains(r.err, slotPrivate) {
			t.Error("an error shows what a slot is programmed with")
		}
	}
	wrong := otpOf(t, 3, 0)
	wrong = wrong[:len(wrong)-2] + map[bool]string{true: "bb", false: "cc"}[strings.HasSuffix(wrong, "cc")]
	d.pipe(slotPublic+" "+slotPrivate+" "+slotKey+"\n"+wrong).wants(exitRefused, "nothing is sealed", add...)
	d.wants(exitClean, "No credentials", "yubikey", "otp", "list")
	d.addSlot("ada", "")
	d.pipe("").wants(exitCannotRun, "already", add...)
	d.wants(exitUsage, "program the slot anew", "yubikey", "otp", "add", "ada", slotKey)
}

// Our client against our server: accepted once, and recorded without the OTP.
func TestServeYubico(t *testing.T) {
	d := newDesk(t)
	d.wants(exitUsage, "two servers serve both", "serve", "--yubico", "--vault")
	d.wants(exitUsage, "TLS", "serve", "--yubico", "--listen", "192.0.2.1:8201")
	d.addSlot("ada", otpOf(t, 3, 0))
	said := d.wants(exitClean, "client id: 1\nAPI key: ", "serve", "yubico-client", "add", "portal").out
	key := d.file("key", regexp.MustCompile(`API key: (\S+)`).FindStringSubmatch(said)[1]+"\n")
	d.wants(exitUsage, "revoke it first", "serve", "yubico-client", "add", "portal")
	url, stop := serving(t, "--yubico")
	verify := []string{"yubikey", "otp", "verify", slotPublic, "--server", url, "--client-id", "1", "--api-key-file", key}
	d.pipe(otpOf(t, 4, 0)).wants(exitClean, "Accepted: an OTP of "+slotPublic, verify...)
	d.pipe(otpOf(t, 4, 0)).wants(exitRefused, "REPLAYED_OTP", verify...)
	d.pipe(otpOf(t, 4, 0)).wants(exitRefused, "was used, or one after it", "yubikey", "otp", "verify", "ada")
	d.wants(exitClean, `(?s)1 +portal +no`, "serve", "yubico-client", "list")
	d.wants(exitNotFound, "no client", "serve", "yubico-client", "revoke", "2")
	d.wants(exitClean, "Revoked client 1, portal", "serve", "yubico-client", "revoke", "1")
	d.pipe(otpOf(t, 5, 0)).wants(exitCannotRun, "no server decided", verify...)
	d.wants(exitClean, "client id: 2\n", "serve", "yubico-client", "add", "portal")
	if code := stop(); code != exitClean {
		t.Errorf("the server ended with %d", code)
	}
	h := homeIn(os.Getenv("MFAWATCH_HOME"))
	record, err := os.ReadFile(h.path("serve-yubico.log"))
	if err != nil || strings.Count(string(record), "\n") != 3 || !strings.Contains(string(record), `"status":"OPERATION_NOT_ALLOWED"`) || !strings.Contains(string(record), `"client":"1","public_id":"vvccccfhcjkv","status":"OK","reason":"session 4, use 0","accepted":true`) || strings.Contains(string(record), otpOf(t, 4, 0)[12:]) {
		t.Errorf("%v: the record is %s", err, record)
	}
	info, err := os.Stat(h.path("serve-yubico-clients.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.Chmod(h.path("serve-yubico-clients.json"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.wants(exitCannotRun, "others can read it", "serve", "--yubico", "--listen", "127.0.0.1:0")
	if err := os.WriteFile(h.path("serve-yubico-clients.json"), []byte(`[{"id":"0"}]`), 0o600); err != nil || os.Chmod(h.path("serve-yubico-clients.json"), 0o600) != nil {
		t.Fatal(err)
	}
	d.wants(exitCannotRun, "serve-yubico-clients.json", "serve", "yubico-client", "list")
}
