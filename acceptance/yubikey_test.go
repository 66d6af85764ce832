//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/card"
	"mfawatch/totp/yubikey/oath"
	"mfawatch/totp/yubikey/pcsc"
	"mfawatch/totp/yubikey/slot"
	"mfawatch/totp/yubikey/yubikeytest"
)

const (
	firstSerial, secondSerial = 5112233, 5445566
	readerName                = "Yubico YubiKey OTP+FIDO+CCID" // ykman goes by it
	mfaARN                    = "arn:aws:iam::111122223333:mfa/ada"
	rfcSeed                   = "12345678901234567890123456789012345678901234567890123456789012345678901234567890"
)

// tool is a program that make acceptance installs.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	t.Fatalf("%s is missing: run make acceptance, which installs it", name)
	return ""
}

// computer is one with a pcscd of its own, whose virtual reader has room for two keys.
type computer struct {
	readers pcsc.Service
	port    int
	home    string
	ykman   string
	log     *bytes.Buffer // pcscd's; to be read after its end
}

// startPCSCD starts the real daemon with nothing but the virtual reader. There is one
// socket on a computer, so another daemon is in the way.
func startPCSCD(t *testing.T) *computer {
	t.Helper()
	c := &computer{port: twoPorts(t), home: t.TempDir(), ykman: tool(t, "ykman"), log: &bytes.Buffer{}}
	if conn, err := net.Dial("unix", pcsc.DefaultSocket); err == nil {
		conn.Close()
		t.Fatal("a pcscd runs on this computer already, and its socket is there once only: stop it (systemctl stop pcscd.socket pcscd)")
	}
	driver := "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
	if _, err := os.Stat(driver); err != nil {
		t.Fatalf("vsmartcard-vpcd is missing: run make acceptance, which installs it: %v", err)
	}
	dir := t.TempDir()
	conf := fmt.Sprintf("FRIENDLYNAME \"%s\"\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%X\n", readerName, c.port, driver, c.port)
	if err := os.WriteFile(filepath.Join(dir, "vpcd"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command(tool(t, "pcscd"), "--foreground", "--config", dir)
	daemon.Stdout, daemon.Stderr = c.log, c.log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopPCSCD(t, daemon, c.log) })
	eventually(t, "pcscd's socket", func() bool {
		_, err := c.readers.Readers(t.Context())
		return err == nil
	})
	return c
}

func stopPCSCD(t *testing.T, daemon *exec.Cmd, log *bytes.Buffer) {
	_ = daemon.Process.Signal(syscall.SIGTERM)
	killed := time.AfterFunc(10*time.Second, func() { _ = daemon.Process.Kill() })
	_ = daemon.Wait()
	if !killed.Stop() {
		t.Error("pcscd had to be killed")
	}
	if t.Failed() {
		t.Logf("pcscd said:\n%s", log)
	}
}

// twoPorts are free one after the other, as the driver takes them.
func twoPorts(t *testing.T) int {
	t.Helper()
	for range 50 {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := a.Addr().(*net.TCPAddr).Port
		b, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1)))
		a.Close()
		if err == nil {
			b.Close()
			return port
		}
	}
	t.Fatal("no two free ports")
	return 0
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("waited 20 s for %s", what)
}

// plug plugs a key into a slot of the reader, until the test ends or it is pulled out.
func (c *computer) plug(t *testing.T, at int, key *yubikeytest.Card) {
	t.Helper()
	before, err := c.readers.Readers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = key.ServeVPCD(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port+at)))
	}()
	t.Cleanup(func() { cancel(); <-ended })
	eventually(t, "the key to be seen", func() bool {
		now, err := c.readers.Readers(t.Context())
		return err == nil && len(now) == len(before)+1
	})
}

// yk runs ykman on the first key.
func (c *computer) yk(t *testing.T, args ...string) (string, error) {
	t.Helper()
	which := []string{"--device", strconv.Itoa(firstSerial)}
	if args[0] == "otp" { // which goes by USB, unless a reader is named
		which = []string{"--reader", readerName + " 00 00"}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.ykman, append(which, args...)...)
	cmd.Env = []string{"HOME=" + c.home, "PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("ykman %s: %w: %s", strings.Join(args[:min(3, len(args))], " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

func (c *computer) mustYK(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.yk(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// use does something with the OATH application of the only key.
func (c *computer) use(t *testing.T, do func(ctx context.Context, s *oath.Session) error) {
	t.Helper()
	if err := c.try(t, do); err != nil {
		t.Fatal(err)
	}
}

func (c *computer) try(t *testing.T, do func(ctx context.Context, s *oath.Session) error) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return card.Use(ctx, c.readers, card.Which{Serial: firstSerial}, func(ctx context.Context, k *card.Key) error {
		s, err := oath.Select(ctx, k)
		if err != nil {
			return err
		}
		return do(ctx, s)
	})
}

// fresh empties the OATH application.
func (c *computer) fresh(t *testing.T) {
	t.Helper()
	c.use(t, func(ctx context.Context, s *oath.Session) error { return s.Reset(ctx, s.DeviceID()) })
}

// oathtool is the oracle: the code of a step, or of a counter.
func oathtool(t *testing.T, k totp.Key, step int64) string {
	t.Helper()
	set := k.Settings()
	args := []string{"-b", "-d", strconv.Itoa(set.Digits)}
	if set.Kind == totp.HOTP {
		args = append(args, "--hotp", "-c", strconv.FormatInt(step, 10))
	} else {
		args = append(args, "--totp="+string(set.Algorithm), "-s", fmt.Sprintf("%ds", set.Period), "-N", "@"+strconv.FormatInt(step*set.Period, 10))
	}
	cmd := exec.Command(tool(t, "oathtool"), append(args, "-")...)
	cmd.Stdin = strings.NewReader(k.Secret() + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func seedKey(t *testing.T, s totp.Settings, bytes int) totp.Key {
	t.Helper()
	k, err := totp.New(s, []byte(rfcSeed[:bytes]))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// kept are seeds as users have them: what AWS gives, and what else a key takes.
func kept(t *testing.T) map[string]totp.Key {
	return map[string]totp.Key{
		mfaARN:             seedKey(t, totp.Settings{Issuer: "arn", Account: strings.TrimPrefix(mfaARN, "arn:")}, 64),
		"ada":              seedKey(t, totp.Settings{Account: "ada"}, 20),
		"ada2":             seedKey(t, totp.Settings{Account: "ada2", Digits: 8}, 10),
		"Example:ada":      seedKey(t, totp.Settings{Issuer: "Example", Account: "ada", Algorithm: totp.SHA256, Digits: 7}, 32),
		"60/Example:eve":   seedKey(t, totp.Settings{Issuer: "Example", Account: "eve", Algorithm: totp.SHA512, Digits: 8, Period: 60}, 64),
		"Zoë Müller":       seedKey(t, totp.Settings{Account: "Zoë Müller"}, 80),
		"Example:counting": seedKey(t, totp.Settings{Kind: totp.HOTP, Issuer: "Example", Account: "counting", Counter: 41, Digits: 8}, 20),
	}
}

// TestYubiKeyOverPCSC: a virtual YubiKey in a real pcscd, held to Yubico's own ykman and
// to oathtool, by our own way to pcscd.
func TestYubiKeyOverPCSC(t *testing.T) {
	c := startPCSCD(t)
	if _, err := card.Open(t.Context(), c.readers, card.Which{}); !errors.Is(err, card.ErrNoDevice) {
		t.Errorf("no key: error %v", err)
	}
	touch := &finger{}
	key := &yubikeytest.Card{Serial: firstSerial, Touch: touch.touch}
	c.plug(t, 0, key)
	for _, part := range []struct {
		name string
		test func(t *testing.T, c *computer, key *yubikeytest.Card, f *finger)
	}{
		{"what the key is", whatTheKeyIs}, {"ykman writes, we read", ykmanWrites}, {"we write, ykman reads", weWrite},
		{"touch", touches}, {"password", passwords}, {"24 credentials", many}, {"rename and delete", renames},
		{"slots", slots}, {"at the same time", atTheSameTime}, {"two keys", twoKeys}, {"pulled out", pulledOut},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, c, key, touch) })
	}
}

// finger touches the key, after a while or never.
type finger struct {
	after   atomic.Int64
	refuses atomic.Bool
	touches atomic.Int32
	first   atomic.Pointer[func()]
}

func (f *finger) touch(ctx context.Context, _ string) bool {
	f.touches.Add(1)
	if do := f.first.Load(); do != nil {
		(*do)()
	}
	select {
	case <-time.After(time.Duration(f.after.Load())):
	case <-ctx.Done():
	}
	return !f.refuses.Load()
}

func whatTheKeyIs(t *testing.T, c *computer, _ *yubikeytest.Card, _ *finger) {
	found, err := card.Find(t.Context(), c.readers)
	if err != nil || len(found) != 1 || found[0].Problem != nil || found[0].Info.Serial != firstSerial || found[0].Info.Firmware != (apdu.Version{5, 4, 3}) {
		t.Fatalf("%+v, error %v", found, err)
	}
	info := c.mustYK(t, "info")
	for _, want := range []string{"Serial number: " + strconv.Itoa(firstSerial), "Firmware version: 5.4.3", "Form factor: Keychain (USB-C)"} {
		if !strings.Contains(info, want) {
			t.Errorf("ykman info does not say %q:\n%s", want, info)
		}
	}
	out, err := exec.Command(tool(t, "opensc-tool"), "--list-readers").Output()
	if err != nil || !strings.Contains(string(out), found[0].Reader) {
		t.Errorf("opensc-tool: %v, no reader of the name %q:\n%s", err, found[0].Reader, out)
	}
	out, err = exec.Command(tool(t, "opensc-tool"), "-r", "0", "-c", "default", "-s", "00:A4:04:00:07:A0:00:00:05:27:21:01").Output()
	if err != nil || !strings.Contains(string(out), "79 03 05 04 03 71 08") {
		t.Errorf("opensc-tool: %v\n%s", err, out)
	}
}

func ykmanWrites(t *testing.T, c *computer, _ *yubikeytest.Card, _ *finger) {
	c.fresh(t)
	for id, k := range kept(t) {
		s := k.Settings()
		if strings.HasPrefix(id, "Example") {
			c.mustYK(t, "oath", "accounts", "uri", "--force", k.URI())
			continue
		}
		args := []string{"oath", "accounts", "add", "--force", "--digits", strconv.Itoa(s.Digits), "--algorithm", string(s.Algorithm), "--period", strconv.FormatInt(s.Period, 10)}
		if s.Issuer != "" {
			args = append(args, "--issuer", s.Issuer)
		}
		c.mustYK(t, append(args, s.Account, k.Secret())...)
	}
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		all, err := s.List(ctx)
		if err != nil || len(all) != len(kept(t)) {
			t.Errorf("%d credentials, error %v", len(all), err)
		}
		for id, k := range kept(t) {
			got, err := oath.Find(all, id)
			set := k.Settings()
			if err != nil || got.Kind != set.Kind || got.Algorithm != set.Algorithm || got.Issuer != set.Issuer || got.Account != set.Account || got.Period != set.Period {
				t.Errorf("%s: %+v, error %v", id, got, err)
			}
			sameCode(ctx, t, s, got, k)
		}
		return nil
	})
}

// sameCode compares with oathtool, at several steps or for several counters.
func sameCode(ctx context.Context, t *testing.T, s *oath.Session, cred oath.Credential, k totp.Key) {
	t.Helper()
	for i := range int64(3) {
		step, next := 59_000_000+i*7_777, func() (oath.Code, error) { return s.Code(ctx, cred, 59_000_000+i*7_777) }
		if cred.Kind == totp.HOTP {
			step, next = k.Settings().Counter+i, func() (oath.Code, error) { return s.Next(ctx, cred) }
		}
		code, err := next()
		if want := oathtool(t, k, step); err != nil || string(code.Text.Reveal()) != want {
			t.Errorf("%s, step %d: %s, error %v; oathtool says %s", cred.ID, step, code.Text.Reveal(), err, want)
		}
	}
}

func weWrite(t *testing.T, c *computer, _ *yubikeytest.Card, _ *finger) {
	c.fresh(t)
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		for id, k := range kept(t) {
			if got, err := s.Put(ctx, k, oath.Placement{}); err != nil || got.ID != id {
				t.Errorf("%s: %q, error %v", id, got.ID, err)
			}
		}
		return nil
	})
	list := strings.Split(c.mustYK(t, "oath", "accounts", "list", "--oath-type", "--period"), "\n")
	for id, k := range kept(t) {
		set := k.Settings()
		if want := fmt.Sprintf("%s, %s, %d", id, strings.ToUpper(string(set.Kind)), set.Period); !slices.Contains(list, want) {
			t.Errorf("ykman does not list %q: %q", want, list)
		}
		c.ykmansCode(t, id, k)
	}
	if len(list) != len(kept(t)) {
		t.Errorf("ykman lists %d", len(list))
	}
}

// ykmansCode compares the code that ykman gets, which is of its own clock.
func (c *computer) ykmansCode(t *testing.T, id string, k totp.Key) {
	t.Helper()
	if set := k.Settings(); set.Kind == totp.HOTP {
		for i := range int64(2) {
			if got, want := c.mustYK(t, "oath", "accounts", "code", "--single", id), oathtool(t, k, set.Counter+i); got != want {
				t.Errorf("%s, counter %d: ykman says %s, oathtool %s", id, set.Counter+i, got, want)
			}
		}
		return
	}
	before, err := k.Step(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	got := c.mustYK(t, "oath", "accounts", "code", "--single", id)
	after, _ := k.Step(time.Now())
	if got != oathtool(t, k, before) && got != oathtool(t, k, after) {
		t.Errorf("%s: ykman says %s, oathtool %s", id, got, oathtool(t, k, after))
	}
}

func touches(t *testing.T, c *computer, key *yubikeytest.Card, f *finger) {
	c.fresh(t)
	ours, theirs := seedKey(t, totp.Settings{Account: "ours"}, 20), seedKey(t, totp.Settings{Account: "theirs"}, 32)
	var cred oath.Credential
	c.use(t, func(ctx context.Context, s *oath.Session) (err error) {
		cred, err = s.Put(ctx, ours, oath.Placement{Touch: true})
		return err
	})
	c.mustYK(t, "oath", "accounts", "add", "--touch", "theirs", theirs.Secret())
	if _, wants := key.Names(); !wants["ours"] || !wants["theirs"] {
		t.Errorf("what wants a touch: %v", wants)
	}
	f.after.Store(int64(700 * time.Millisecond))
	c.ykmansCode(t, "ours", ours)
	told := 0
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		s.Waiting = func(oath.Credential) { told++ }
		all, err := s.All(ctx, 1)
		if err != nil || len(all) != 2 || !all[0].Touch || !all[1].Touch {
			t.Errorf("%+v, error %v", all, err)
		}
		list, err := s.List(ctx)
		if err != nil {
			return err
		}
		found, err := oath.Find(list, "theirs")
		if err != nil {
			return err
		}
		sameCode(ctx, t, s, found, theirs)
		return nil
	})
	if told != 3 || f.touches.Load() < 4 {
		t.Errorf("told to touch %d times, touched %d times", told, f.touches.Load())
	}
	f.refuses.Store(true)
	defer f.refuses.Store(false)
	if err := c.try(t, func(ctx context.Context, s *oath.Session) error { _, err := s.Code(ctx, cred, 1); return err }); !errors.Is(err, apdu.ErrTouch) {
		t.Errorf("never touched: error %v", err)
	}
	if _, err := c.yk(t, "oath", "accounts", "code", "--single", "ours"); err == nil || !strings.Contains(err.Error(), "timed out") {
		t.Errorf("never touched: ykman says %v", err)
	}
	for range 5 { // pcscd resets the key while the next one begins: now and then they meet
		c.givenUp(t, cred, f)
	}
}

// givenUp: the caller does not wait as long as the key does, and the key is good
// again afterwards.
func (c *computer) givenUp(t *testing.T, cred oath.Credential, f *finger) {
	f.after.Store(int64(time.Second))
	start := time.Now()
	err := c.try(t, func(ctx context.Context, s *oath.Session) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second/2)
		defer cancel()
		_, err := s.Code(ctx, cred, 1)
		return err
	})
	if took := time.Since(start); !errors.Is(err, apdu.ErrTouch) || took > 900*time.Millisecond {
		t.Errorf("given up: error %v after %v", err, took)
	}
	f.after.Store(0)
	f.refuses.Store(false)
	c.use(t, func(ctx context.Context, s *oath.Session) error { _, err := s.Code(ctx, cred, 1); return err })
}

func passwords(t *testing.T, c *computer, _ *yubikeytest.Card, _ *finger) {
	c.fresh(t)
	k := seedKey(t, totp.Settings{Account: "ada"}, 20)
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		_, err := s.Put(ctx, k, oath.Placement{})
		return err
	})
	c.mustYK(t, "oath", "access", "change", "--new-password", "ykman's own")
	unlock := func(password string) error {
		return c.try(t, func(ctx context.Context, s *oath.Session) error {
			access, err := s.Derive(seal.NewSecret([]byte(password)))
			if err != nil {
				return err
			}
			if _, err := s.List(ctx); !errors.Is(err, oath.ErrLocked) {
				t.Errorf("locked: error %v", err)
			}
			if err := s.Unlock(ctx, access); err != nil {
				return err
			}
			list, err := s.List(ctx)
			if err != nil || len(list) != 1 {
				t.Errorf("%v, error %v", list, err)
			}
			return errors.Join(err, s.Lock(ctx))
		})
	}
	if err := unlock("not ykman's"); !errors.Is(err, oath.ErrPassword) {
		t.Errorf("wrong password: error %v", err)
	}
	if err := unlock("ykman's own"); err != nil {
		t.Error(err)
	}
	c.mustYK(t, "oath", "access", "change", "--password", "ykman's own", "--clear")
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		if s.HasPassword() {
			t.Error("ykman cleared it")
		}
		access, err := s.Derive(seal.NewSecret([]byte("Zoës eigenes")))
		if err != nil {
			return err
		}
		return s.SetPassword(ctx, access)
	})
	if _, err := c.yk(t, "oath", "accounts", "list", "--password", "wrong"); err == nil {
		t.Error("ykman takes a wrong password")
	}
	if got := c.mustYK(t, "oath", "accounts", "list", "--password", "Zoës eigenes"); got != "ada" {
		t.Errorf("ykman lists %q", got)
	}
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		access, err := s.Derive(seal.NewSecret([]byte("Zoës eigenes")))
		if err != nil {
			return err
		}
		return errors.Join(s.Unlock(ctx, access), s.ClearPassword(ctx))
	})
	if got := c.mustYK(t, "oath", "accounts", "list"); got != "ada" {
		t.Errorf("ykman lists %q", got)
	}
}

func many(t *testing.T, c *computer, key *yubikeytest.Card, _ *finger) {
	c.fresh(t)
	keys := map[string]totp.Key{}
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		for i := range 24 {
			k := seedKey(t, totp.Settings{Issuer: "Example", Account: fmt.Sprintf("account-%02d@example.com", i)}, 20+i)
			cred, err := s.Put(ctx, k, oath.Placement{})
			if err != nil {
				return err
			}
			keys[cred.ID] = k
		}
		return nil
	})
	if list := strings.Split(c.mustYK(t, "oath", "accounts", "list"), "\n"); len(list) != 24 {
		t.Errorf("ykman lists %d", len(list))
	}
	before := len(key.Commands())
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		all, err := s.All(ctx, 56_789_012)
		if err != nil || len(all) != 24 {
			t.Errorf("%d codes, error %v", len(all), err)
		}
		for _, e := range all {
			if want := oathtool(t, keys[e.ID], 56_789_012); string(e.Code.Text.Reveal()) != want {
				t.Errorf("%s: %s, oathtool says %s", e.ID, e.Code.Text.Reveal(), want)
			}
		}
		return nil
	})
	remaining := 0
	for _, command := range key.Commands()[before:] {
		if command[1] == 0xa5 {
			remaining++
		}
	}
	if remaining < 2 {
		t.Errorf("%d times was the rest of an answer asked for", remaining)
	}
}

func renames(t *testing.T, c *computer, key *yubikeytest.Card, _ *finger) {
	c.fresh(t)
	k := seedKey(t, totp.Settings{Account: "ada", Period: 60}, 20)
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		cred, err := s.Put(ctx, k, oath.Placement{})
		if err != nil {
			return err
		}
		_, err = s.Rename(ctx, cred, mfaARN)
		return err
	})
	c.ykmansCode(t, "60/"+mfaARN, k)
	c.mustYK(t, "oath", "accounts", "rename", "--force", "60/"+mfaARN, "Example:ada")
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		list, err := s.List(ctx)
		if err != nil {
			return err
		}
		cred, err := oath.Find(list, "60/Example:ada")
		if err != nil {
			return err
		}
		sameCode(ctx, t, s, cred, k)
		if _, err := s.Put(ctx, k, oath.Placement{Name: "kept"}); err != nil {
			return err
		}
		return s.Delete(ctx, cred)
	})
	if got := c.mustYK(t, "oath", "accounts", "list"); got != "60/kept" {
		t.Errorf("ykman lists %q", got)
	}
	c.mustYK(t, "oath", "accounts", "delete", "--force", "60/kept")
	if names, _ := key.Names(); len(names) != 0 {
		t.Errorf("the key has %q", names)
	}
}

// slots compares with RFC 2202, ykman and openssl.
func slots(t *testing.T, c *computer, key *yubikeytest.Card, _ *finger) {
	secret, err := hex.DecodeString("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b")
	if err != nil {
		t.Fatal(err)
	}
	key.SetSlot(2, yubikeytest.Slot{Key: secret, Variable: true})
	for challenge, want := range map[string]string{
		"Hi There":              "b617318655057264e28bc0b6fb378c8ef146be00", // RFC 2202
		"ends in zeros\x00\x00": "", "\x00": "", "ends in ones\x01\x01": "", strings.Repeat("x", slot.MaxChallenge): "",
	} {
		cmd := exec.Command(tool(t, "openssl"), "dgst", "-sha1", "-mac", "HMAC", "-macopt", "hexkey:"+hex.EncodeToString(secret))
		cmd.Stdin = strings.NewReader(challenge)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(string(out))
		openssl := fields[len(fields)-1]
		ykman := c.mustYK(t, "otp", "calculate", "2", hex.EncodeToString([]byte(challenge)))
		var got seal.Secret
		if err := card.Use(t.Context(), c.readers, card.Which{}, func(ctx context.Context, k *card.Key) error {
			s, err := slot.Select(ctx, k)
			if err != nil {
				return err
			}
			if s.Set(1) || !s.Set(2) || s.Touch(2) {
				t.Error("the slots are not as they were set")
			}
			got, err = s.Respond(ctx, 2, []byte(challenge))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		ours := hex.EncodeToString(got.Reveal())
		if ours != openssl || ours != ykman || want != "" && ours != want {
			t.Errorf("%q: %s; openssl says %s, ykman %s, RFC 2202 %s", challenge, ours, openssl, ykman, want)
		}
	}
}

// atTheSameTime: many programs on one key. Every command selects, so one of another in
// between would show.
func atTheSameTime(t *testing.T, c *computer, key *yubikeytest.Card, _ *finger) {
	c.fresh(t)
	before, start := len(key.Commands()), time.Now()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			k := seedKey(t, totp.Settings{Account: fmt.Sprintf("ada%d", i)}, 20+i)
			err := c.try(t, func(ctx context.Context, s *oath.Session) error {
				cred, err := s.Put(ctx, k, oath.Placement{})
				if err != nil {
					return err
				}
				want, _ := k.At(1)
				for range 5 {
					if code, err := s.Code(ctx, cred, 1); err != nil || string(code.Text.Reveal()) != want {
						return fmt.Errorf("%s: another code, error %w", cred.ID, err)
					}
				}
				return s.Delete(ctx, cred)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	commands := len(key.Commands()) - before
	t.Logf("%d commands of 8 callers in %v", commands, time.Since(start).Round(time.Millisecond))
	if names, _ := key.Names(); len(names) != 0 {
		t.Errorf("left on the key: %q", names)
	}
}

func twoKeys(t *testing.T, c *computer, _ *yubikeytest.Card, _ *finger) {
	c.plug(t, 1, &yubikeytest.Card{Serial: secondSerial})
	_, err := card.Open(t.Context(), c.readers, card.Which{})
	if !errors.Is(err, card.ErrAmbiguous) || !strings.Contains(err.Error(), strconv.Itoa(firstSerial)) || !strings.Contains(err.Error(), strconv.Itoa(secondSerial)) {
		t.Errorf("none named: error %v", err)
	}
	if _, err := card.Open(t.Context(), c.readers, card.Which{Serial: 1}); !errors.Is(err, card.ErrNoDevice) {
		t.Errorf("another named: error %v", err)
	}
	for _, serial := range []uint32{firstSerial, secondSerial} {
		k, err := card.Open(t.Context(), c.readers, card.Which{Serial: serial})
		if err != nil || k.Info.Serial != serial {
			t.Errorf("%d: %+v, error %v", serial, k, err)
			continue
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
}

func pulledOut(t *testing.T, c *computer, key *yubikeytest.Card, f *finger) {
	c.fresh(t)
	k := seedKey(t, totp.Settings{Account: "ada"}, 20)
	pull := key.Pull
	f.first.Store(&pull)
	err := c.try(t, func(ctx context.Context, s *oath.Session) error {
		cred, err := s.Put(ctx, k, oath.Placement{Touch: true})
		if err != nil {
			return err
		}
		_, err = s.Code(ctx, cred, 1)
		return err
	})
	f.first.Store(nil)
	if !errors.Is(err, apdu.ErrRemoved) {
		t.Errorf("while it waited for a touch: error %v", err)
	}
	eventually(t, "the reader to be empty", func() bool {
		names, err := c.readers.Readers(t.Context())
		return err == nil && len(names) == 0
	})
	if err := c.try(t, nil); !errors.Is(err, card.ErrNoDevice) {
		t.Errorf("afterwards: error %v", err)
	}
	key.PlugIn()
	c.plug(t, 0, key)
	c.use(t, func(ctx context.Context, s *oath.Session) error {
		list, err := s.List(ctx)
		if err != nil || len(list) != 1 {
			t.Errorf("plugged in again: %v, error %v", list, err)
		}
		return nil
	})
}
