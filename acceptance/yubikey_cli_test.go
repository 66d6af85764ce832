//go:build acceptance

package acceptance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mfawatch/totp/yubikey/yubikeytest"
)

// seedBase32 is RFC 6238's seed, as people type it.
const seedBase32 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// keyed is a laptop without a sealed key, whose pcscd has a key plugged in.
type keyed struct {
	laptop
	*computer
	key *yubikeytest.Card
	url string
}

func newKeyed(t *testing.T) keyed {
	t.Helper()
	c := startPCSCD(t)
	k := keyed{laptop: newLaptop(t), computer: c, key: &yubikeytest.Card{Serial: firstSerial, Firmware: [3]byte{5, 4, 3}, ID: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}}}
	k.srv.Change(func() { k.user.Devices = nil })
	c.plug(t, 0, k.key)
	url, err := k.srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.srv.Close() })
	k.url = url
	k.mustRun("key", "rm", "ada", "--yes", "ada")
	return k
}

func (k keyed) mustRun(args ...string) string {
	k.Helper()
	out, err := k.run([]string{"AWS_ENDPOINT_URL=" + k.url, "AWS_ACCESS_KEY_ID=" + k.user.Keys[0].ID, "AWS_SECRET_ACCESS_KEY=secret"}, k.bin, args...)
	if err != nil {
		k.Fatalf("mfawatch %s: %v", strings.Join(args[:min(3, len(args))], " "), err)
	}
	return out
}

// oathtoolAt is oathtool's code of RFC 6238's seed.
func oathtoolAt(t *testing.T, step int64) string {
	t.Helper()
	out, err := exec.Command(tool(t, "oathtool"), "--totp", "--base32", "--now", time.Unix(step*30, 0).UTC().Format("2006-01-02 15:04:05 UTC"), seedBase32).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestBinaryAndYkman: over the real daemon, what our binary puts onto the key ykman lists
// and makes codes of, what ykman puts there we do, and codes are oathtool's.
func TestBinaryAndYkman(t *testing.T) {
	k := newKeyed(t)
	touched := 0
	k.key.Touch = func(context.Context, string) bool { touched++; time.Sleep(600 * time.Millisecond); return true }
	if out := k.mustRun("yubikey", "list"); !strings.Contains(out, strconv.Itoa(firstSerial)) || !strings.Contains(out, readerName) {
		t.Errorf("yubikey list: %s", out)
	}
	k.write("seed.txt", seedBase32+"\n")
	k.mustRun("yubikey", "oath", "add", mfaARN, "seed.txt")
	if out := k.mustYK(t, "oath", "accounts", "list"); out != mfaARN {
		t.Errorf("ykman lists %q", out)
	}
	var c struct {
		Code, Serial string
		Step         int64
	}
	if err := json.Unmarshal([]byte(k.mustRun("code", "--yubikey", mfaARN, "--format", "json")), &c); err != nil || c.Serial != mfaARN || c.Code != oathtoolAt(t, c.Step) || touched != 1 {
		t.Errorf("step %d after %d touches: the code is not oathtool's: %v", c.Step, touched, err)
	}
	k.mustYK(t, "oath", "accounts", "add", "Peer:one", seedBase32)
	if out := k.mustRun("yubikey", "oath", "list"); !containsRow(out, mfaARN, "yes") || !containsRow(out, "Peer:one", "no") {
		t.Errorf("we list: %s", out)
	}
	if err := json.Unmarshal([]byte(k.mustRun("yubikey", "oath", "code", "Peer:one", "--format", "json")), &c); err != nil || c.Code != oathtoolAt(t, c.Step) {
		t.Errorf("the code of ykman's credential is not oathtool's: %v", err)
	}
	k.write("password.txt", "a long password\n")
	if screen := k.typing(t, "a long password\na long password\n", "yubikey", "oath", "password"); !strings.Contains(screen, "is set") {
		t.Errorf("the screen shows %q", screen)
	}
	if _, err := k.yk(t, "oath", "accounts", "list", "--password", "wrong"); err == nil {
		t.Error("ykman opens it with a wrong password")
	}
	if screen := k.typing(t, "a long password\n", "yubikey", "oath", "list"); !strings.Contains(screen, "Peer:one") {
		t.Errorf("with the password that is typed we list %q", screen)
	}
	if out := k.mustYK(t, "oath", "accounts", "list", "--password", "a long password"); !strings.Contains(out, "Peer:one") {
		t.Errorf("ykman with the password lists %q", out)
	}
	k.mustRun("yubikey", "oath", "rm", "Peer:one", "--yes", "Peer:one", "--oath-password-file", "password.txt")
	k.mustRun("yubikey", "oath", "password", "--clear", "--oath-password-file", "password.txt")
	if out := k.mustYK(t, "oath", "accounts", "list"); out != mfaARN {
		t.Errorf("ykman lists %q at the end", out)
	}
}

// typing runs our binary at a terminal of its own, where somebody types.
func (k keyed) typing(t *testing.T, text string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool(t, "script"), "--quiet", "--return", "--command", k.bin+" "+strings.Join(args, " "), "/dev/null")
	cmd.Dir, cmd.Env = k.laptop.home, k.env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var screen strings.Builder
	cmd.Stdout = &screen
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		time.Sleep(2 * time.Second) // until it asks
		if _, err := in.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("at a terminal: %v: %s", err, screen.String())
	}
	if strings.Contains(screen.String(), "a long password") {
		t.Error("the screen shows what was typed")
	}
	return screen.String()
}

func containsRow(table, first, last string) bool {
	return slices.ContainsFunc(strings.Split(table, "\n"), func(line string) bool {
		cells := strings.Fields(line)
		return len(cells) > 1 && cells[0] == first && cells[len(cells)-1] == last
	})
}

// TestArticleOnAYubiKey: one command creates the device, puts its seed onto the key and
// enables it, against an AWS that checks codes; then aws-vault assumes with codes of
// our binary, and with codes that ykman makes of the seed that we put there.
func TestArticleOnAYubiKey(t *testing.T) {
	k := newKeyed(t)
	k.key.Touch = func(context.Context, string) bool { time.Sleep(500 * time.Millisecond); return true }
	out := k.mustRun("device", "create", "ada", "--yubikey")
	if !strings.Contains(out, mfaARN+" is enabled for ada, and a session proved it. Its seed is on YubiKey "+strconv.Itoa(firstSerial)) || len(k.user.Devices) != 1 {
		t.Fatalf("device create: %s, %d devices", out, len(k.user.Devices))
	}
	if out := k.mustRun("yubikey", "inventory", "--format", "csv"); !strings.Contains(out, fmt.Sprintf("111122223333,ada,%d,%s,true,false,", firstSerial, mfaARN)) {
		t.Errorf("the inventory is %s", out)
	}
	k.write("config", "[profile ada]\nregion = eu-north-1\nmfa_serial = "+mfaARN+"\nmfa_process = "+k.bin+" code --yubikey "+mfaARN+"\n\n[profile ada-ykman]\nregion = eu-north-1\nmfa_serial = "+mfaARN+"\nsource_profile = ada\n")
	env := k.awsVault()
	out, err := k.run(env, installed(t, "aws-vault"), "exec", "ada", "--", "env")
	if err != nil {
		t.Fatalf("aws-vault with mfa_process: %v", err)
	}
	if s := k.sessionOf(out); !s.MFA || s.ARN != "arn:aws:iam::111122223333:user/ada" {
		t.Errorf("the session is %+v, want ada's with MFA", s)
	}
	if n := k.srv.Counts()["sts:GetSessionToken"]; n != 2 {
		t.Errorf("STS was asked %d times, want twice: no code was refused", n)
	}
	k.byYkman(t, env)
}

// byYkman has aws-vault ask ykman, which knows nothing of our ledger: a step that was
// used has to be over first.
func (k keyed) byYkman(t *testing.T, env []string) {
	t.Helper()
	k.write("config", "[profile ada]\nregion = eu-north-1\nmfa_serial = "+mfaARN+"\n")
	if _, err := k.run(env, installed(t, "aws-vault"), "clear", "ada"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(time.Now().Truncate(30 * time.Second).Add(61 * time.Second)))
	env = append(slices.Clone(env), "YKMAN_OATH_DEVICE_SERIAL="+strconv.Itoa(firstSerial), "LC_ALL=C.UTF-8")
	out, err := k.run(env, installed(t, "aws-vault"), "exec", "--prompt=ykman", "ada", "--", "env")
	if err != nil {
		t.Fatalf("aws-vault with ykman: %v", err)
	}
	if s := k.sessionOf(out); !s.MFA {
		t.Errorf("the session is %+v, want one with MFA", s)
	}
}

// TestYkclientAndOurBinary: a credential that our binary sealed, OTPs of Yubico's
// ykgenerate, and Yubico's client against 'mfawatch serve --yubico'.
func TestYkclientAndOurBinary(t *testing.T) {
	const public, private, key = "vvccccfhcjkv", "8792ebfe26cc", "ecde18dbe76fbd0c33330f1c354871db"
	l := newLaptop(t)
	otp := func(session int) string {
		out, err := exec.Command(tool(t, "ykgenerate"), key, private, fmt.Sprintf("%04x", session), "c230", "00", "01").Output()
		if err != nil {
			t.Fatal(err)
		}
		return public + strings.TrimSpace(string(out))
	}
	l.write("slot.txt", public+" "+private+" "+key+"\n"+otp(3)+"\n")
	if out, err := l.run(nil, "/bin/sh", "-c", l.bin+" yubikey otp add slot - < slot.txt"); err != nil {
		t.Fatalf("otp add: %v %s", err, out)
	}
	out, err := l.run(nil, l.bin, "serve", "yubico-client", "add", "peer")
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(out)
	id, apiKey := fields[2], fields[5]
	url := l.serveYubico(t)
	for i, c := range []struct {
		session, code int
		says          string
	}{{4, 0, "Success"}, {4, 2, "REPLAYED_OTP"}, {2, 2, "REPLAYED_OTP"}, {5, 0, "Success"}} {
		out, err := exec.Command(tool(t, "ykclient"), "--debug", "--url", url, "--apikey", apiKey, id, otp(c.session)).CombinedOutput()
		code := 0
		if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
			code = ended.ExitCode()
		}
		if code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("OTP %d: ykclient ends with %d, want %d and %q", i, code, c.code, c.says)
		}
	}
}

// serveYubico serves until the test ends, and gives the address.
func (l laptop) serveYubico(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(l.bin, "serve", "--yubico", "--listen", "127.0.0.1:0")
	cmd.Dir, cmd.Env = l.home, l.env
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	line, err := bufio.NewReader(stderr).ReadString('\n')
	url := regexp.MustCompile(`http://[^,\s]+`).FindString(line)
	if err != nil || url == "" {
		t.Fatalf("the server says %q: %v", line, err)
	}
	return url
}
