package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"mfawatch/totp"
	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/yubikeytest"
)

// yubiDesk is a computer with virtual YubiKeys plugged in, and a home of its own.
type yubiDesk struct {
	*testing.T
	mu    sync.Mutex
	cards map[string]*yubikeytest.Card
	down  error
	busy  map[string]chan struct{} // by reader
	in    string
	aws   *http.Client
}

const readerName = "Yubico YubiKey OTP+FIDO+CCID 00 00"

func newDesk(t *testing.T) *yubiDesk {
	t.Helper()
	home := t.TempDir()
	t.Setenv("MFAWATCH_HOME", home)
	for _, name := range []string{"MFAWATCH_PASSPHRASE_FILE", "MFAWATCH_OATH_PASSWORD_FILE"} {
		t.Setenv(name, "")
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "id.txt")
	err = errors.Join(os.WriteFile(file, []byte(id.String()+"\n"), 0o600), homeIn(home).writeRecipients([]string{id.Recipient().String()}))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("MFAWATCH_IDENTITY_FILE", file)
	d := &yubiDesk{T: t, cards: map[string]*yubikeytest.Card{}}
	d.plug(readerName, 12345678)
	return d
}

func homeIn(dir string) home { return home{dir} }

// plug puts a key into a reader.
func (d *yubiDesk) plug(reader string, serial uint32) *yubikeytest.Card {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.cards[reader] = &yubikeytest.Card{Serial: serial, Firmware: [3]byte{5, 4, 3}, ID: [8]byte{1, 2, 3, byte(serial)}, Gone: apdu.ErrRemoved}
	return d.cards[reader]
}

func (d *yubiDesk) card() *yubikeytest.Card { return d.cards[readerName] }

func (d *yubiDesk) Readers(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.cards)), d.down
}

func (d *yubiDesk) Open(_ context.Context, reader string) (apdu.Connection, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.cards[reader]
	if c == nil {
		return nil, apdu.ErrRemoved
	}
	if d.busy == nil {
		d.busy = map[string]chan struct{}{}
	}
	if d.busy[reader] == nil {
		d.busy[reader] = make(chan struct{}, 1)
	}
	return held{c, d.busy[reader]}, nil
}

// held is a connection to a key, which one program has at a time.
type held struct {
	*yubikeytest.Card
	busy chan struct{}
}

func (h held) Begin(ctx context.Context) error {
	select {
	case h.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return apdu.ErrBusy
	}
}

func (h held) End(context.Context) error { <-h.busy; return nil }
func (held) Close() error                { return nil }

// timeless runs a test where waiting takes no time. The environment is the caller's.
func timeless(t *testing.T, f func(d *yubiDesk)) {
	t.Helper()
	d := newDesk(t)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(12 * time.Second) // into a step
		d.T = t
		d.busy = nil // a channel of the bubble's
		f(d)
	})
}

type ran struct {
	code     int
	out, err string
}

func (d *yubiDesk) run(args ...string) ran {
	d.Helper()
	var out, errs bytes.Buffer
	t := terminal{in: strings.NewReader(d.in), out: &out, err: &errs, cards: d}
	if d.aws != nil {
		t.aws = d.aws
	}
	code := execute(d.Context(), t, args)
	for _, text := range []string{out.String(), errs.String()} {
		if strings.Contains(text, seedText) {
			d.Errorf("mfawatch %s shows the seed", args[0])
		}
	}
	return ran{code, out.String(), errs.String()}
}

// wants runs a command that must end with a code and say something.
func (d *yubiDesk) wants(code int, says string, args ...string) ran {
	d.Helper()
	r := d.run(args...)
	if r.code != code || !regexp.MustCompile(says).MatchString(r.out+r.err) {
		d.Errorf("mfawatch %s ends with %d, want %d with %q\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.code, code, says, r.out, r.err)
	}
	return r
}

func (d *yubiDesk) file(name, text string) string {
	d.Helper()
	name = filepath.Join(d.TempDir(), name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		d.Fatal(err)
	}
	return name
}

// seedText is RFC 6238's seed, as people type it.
const seedText = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

const adaARN = "arn:aws:iam::111122223333:mfa/ada"

// add puts the seed onto the key.
func (d *yubiDesk) add(name string, more ...string) {
	d.Helper()
	d.in = seedText + "\n"
	d.wants(exitClean, "Put "+regexp.QuoteMeta(name), append([]string{"yubikey", "oath", "add", name, "-"}, more...)...)
	d.in = ""
}

// codesAround are the codes of the seed that may be given now.
func codesAround(steps int64) []string {
	k, _ := totp.New(totp.Settings{Account: "x"}, []byte(rfcSeed))
	var all []string
	for step := time.Now().Unix()/30 - 1; len(all) < int(steps); step++ {
		code, _ := k.At(step)
		all = append(all, code)
	}
	return all
}

func TestYubikeyList(t *testing.T) {
	d := newDesk(t)
	d.wants(exitClean, `12345678 +5\.4\.3 +\S.* Yubico YubiKey OTP\+FIDO\+CCID 00 00 +-\n`, "yubikey", "list")
	broken := d.plug("Yubico YubiKey OTP+FIDO+CCID 01 00", 2)
	broken.Pull()
	var got struct{ Yubikeys []pluggedIn }
	if err := json.Unmarshal([]byte(d.wants(exitClean, "", "yubikey", "list", "--format", "json").out), &got); err != nil || len(got.Yubikeys) != 2 || got.Yubikeys[0].Serial != 12345678 || got.Yubikeys[1].Problem == "" {
		t.Errorf("%+v, %v", got, err)
	}
	d.wants(exitUsage, "--format", "yubikey", "list", "--format", "xml")
	d.cards = nil
	d.wants(exitClean, "No YubiKey is plugged in", "yubikey", "list")
	d.wants(exitAbsent, "no such YubiKey is plugged in", "yubikey", "info")
}

func TestYubikeyInfo(t *testing.T) {
	d := newDesk(t)
	d.card().SetSlot(2, yubikeytest.Slot{Key: []byte("k"), Touch: true})
	d.add(adaARN)
	d.wants(exitClean, `(?s)Serial +12345678\n.*OATH password +not set\n.*OATH credentials +1\n.*Slot 1 +empty\n.*Slot 2 +set, touch`, "yubikey", "info")
	password := d.file("p", "a long password\n")
	d.wants(exitClean, "is set", "yubikey", "oath", "password", "--new-password-file", password)
	d.wants(exitClean, `(?s)OATH password +set\n.*OATH credentials +locked`, "yubikey", "info")
	d.wants(exitClean, `"password": true,\s+"credentials": 1`, "yubikey", "info", "--oath-password-file", password, "--format", "json")
	d.card().NoOATH = true
	d.wants(exitClean, "OATH +switched off", "yubikey", "info")
}

func TestWhichYubikey(t *testing.T) {
	d := newDesk(t)
	d.plug("Yubico YubiKey OTP+FIDO+CCID 01 00", 2)
	d.wants(exitAmbiguous, "12345678", "yubikey", "oath", "list")
	d.wants(exitClean, "YubiKey 2 has no credentials", "yubikey", "oath", "list", "--yubikey", "2")
	d.wants(exitAbsent, "serial number 3; there are", "code", "--yubikey=3", adaARN)
	d.wants(exitUsage, "no serial number", "code", "--yubikey=mine", adaARN)
	d.wants(exitUsage, "", "yubikey", "info", "--yubikey", "mine")
}

func TestOATHLife(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.add(adaARN)
		d.in = "otpauth://hotp/Example:door?secret=" + seedText + "&counter=0&digits=8"
		d.wants(exitClean, "Put Example:door", "yubikey", "oath", "add", "Example:door", "-", "--no-touch")
		d.wants(exitClean, `(?s)`+adaARN+` +totp +SHA1 +30 +yes\n.*Example:door +hotp +SHA1 +- +-`, "yubikey", "oath", "list")
		if _, touch := d.card().Names(); !touch[adaARN] || touch["Example:door"] {
			t.Errorf("touch: %v", touch)
		}
		d.in = seedText
		d.wants(exitCannotRun, "has a credential of that name already", "yubikey", "oath", "add", adaARN, "-")
		d.wants(exitClean, "Put "+adaARN+"2", "yubikey", "oath", "add", adaARN+"2", d.file("seed.txt", seedText+"\n"), "--no-touch")
		d.wants(exitCannotRun, "line 1 is no key", "yubikey", "oath", "add", "bad", d.file("seed.txt", "0189!"))
		d.wants(exitUsage, "in the command line", "yubikey", "oath", "add", "x", "otpauth://totp/x?secret=AAAA")
		d.wants(exitClean, `^84755224\n`, "code", "--yubikey", "Example:door")
		d.wants(exitClean, `^94287082\n`, "yubikey", "oath", "code", "Example:door")
		d.wants(exitUsage, "counter", "code", "--yubikey", "Example:door", "--pair")
		d.wants(exitNotFound, "names are compared whole", "yubikey", "oath", "rm", "Example", "--yes", "Example")
		d.wants(exitUsage, "nothing is deleted", "yubikey", "oath", "rm", "Example:door", "--yes", "Example")
		d.wants(exitClean, "Renamed Example:door to Example:gate", "yubikey", "oath", "rename", "Example:door", "Example:gate")
		d.wants(exitClean, "Deleted Example:gate", "yubikey", "oath", "rm", "Example:gate", "--yes", "Example:gate")
		if names, _ := d.card().Names(); !slices.Equal(names, []string{adaARN, adaARN + "2"}) {
			t.Errorf("there is %v", names)
		}
	})
}

// A key that is sealed here goes onto a YubiKey.
func TestOATHAddKey(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.in = seedText
		d.wants(exitClean, "Sealed", "key", "add", "ada", "-", "--device", adaARN)
		d.in = ""
		d.wants(exitClean, "Key ada is sealed here still", "yubikey", "oath", "add", adaARN, "--key", "ada")
		d.wants(exitNotFound, "no such key", "yubikey", "oath", "add", adaARN, "--key", "grace")
		if got := d.wants(exitClean, "", "code", "--yubikey", adaARN).out; !slices.Contains(codesAround(4), strings.TrimSpace(got)) {
			t.Error("the code is not the seed's")
		}
	})
}

func TestCodeOfAYubikey(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.add(adaARN)
		d.card().Touch = func(context.Context, string) bool { time.Sleep(600 * time.Millisecond); return true }
		r := d.wants(exitClean, `^\d{6}\n`, "code", "--yubikey", adaARN)
		if !slices.Contains(codesAround(4), strings.TrimSpace(r.out)) || !strings.Contains(r.err, "Touch YubiKey 12345678") {
			t.Errorf("stdout %d bytes, stderr %q", len(r.out), r.err)
		}
		d.wants(exitNotFound, "no such credential", "code", "--yubikey", "ada")
		d.wants(exitUsage, "leased", "code", "--yubikey", adaARN, "--at", "2026-11-26T08:00:00Z")
		d.card().Touch = func(context.Context, string) bool { return false }
		d.wants(exitAbsent, "not touched in time", "code", "--yubikey", adaARN, "--wait")
	})
}

// Codes of a key and of a seed that is sealed here are leased by the one device.
func TestCodesShareALedger(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.add(adaARN, "--no-touch")
		d.in = seedText
		d.wants(exitClean, "Sealed", "key", "add", "ada", "-", "--device", adaARN)
		var got struct {
			Code, Serial string
			Step         int64
		}
		steps := map[int64]bool{}
		for _, args := range [][]string{{"code", "ada"}, {"code", "--yubikey=12345678", adaARN}} {
			if err := json.Unmarshal([]byte(d.wants(exitClean, "", append(args, "--format", "json")...).out), &got); err != nil || got.Serial != adaARN || steps[got.Step] {
				t.Errorf("step %d of %s, %v", got.Step, got.Serial, err)
			}
			steps[got.Step] = true
		}
	})
}

func TestOATHPassword(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.add(adaARN, "--no-touch")
		first, second := d.file("p", "a long password\n"), d.file("p", "another password\n")
		set := []string{"yubikey", "oath", "password", "--new-password-file"}
		d.wants(exitClean, "is set", append(set, first)...)
		if !d.card().HasPassword() {
			t.Fatal("the key has no password")
		}
		list := []string{"yubikey", "oath", "list"}
		d.wants(exitRefused, "the password is not this key's", append(list, "--oath-password-file", second)...)
		d.wants(exitClean, adaARN, append(list, "--oath-password-file", first)...)
		t.Setenv("MFAWATCH_OATH_PASSWORD_FILE", first)
		d.wants(exitClean, adaARN, append(list, "--remember")...)
		t.Setenv("MFAWATCH_OATH_PASSWORD_FILE", "")
		d.wants(exitClean, adaARN, list...)
		if r := d.wants(exitClean, `^\d{6}\n`, "code", "--yubikey", adaARN); r.err != "" {
			d.Errorf("said %q", r.err)
		}
		d.wants(exitClean, "No keys", "key", "list")
		d.wants(exitClean, "is set", append(set, second, "--remember")...)
		d.wants(exitClean, adaARN, list...)
		d.wants(exitClean, "is remembered here", "yubikey", "oath", "password", "--forget")
		d.wants(exitClean, "has no password now", "yubikey", "oath", "password", "--clear", "--oath-password-file", second)
		if d.card().HasPassword() {
			t.Error("the key has a password still")
		}
		d.wants(exitUsage, "do not go together", "yubikey", "oath", "password", "--clear", "--forget")
	})
}

// Whatever command the key is pulled out at, the command ends with 8 and no code.
func TestPulledOutAtEveryCommand(t *testing.T) {
	d := newDesk(t)
	d.add(adaARN, "--no-touch")
	for at := 1; ; at++ {
		d.card().PlugIn()
		d.card().PullAt = at
		r := d.run("yubikey", "oath", "list")
		if r.code == exitClean {
			if at < 5 {
				t.Errorf("done after %d commands", at)
			}
			return
		}
		if r.code != exitAbsent || r.out != "" || !strings.Contains(r.err, "pulled out") {
			t.Errorf("pulled out at command %d: ends with %d: %s%s", at, r.code, r.out, r.err)
		}
		if at > 50 {
			t.Fatal("it does not end")
		}
	}
}

func TestNoPCSC(t *testing.T) {
	t.Setenv("MFAWATCH_HOME", t.TempDir())
	t.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(t.TempDir(), "none"))
	var out, errs bytes.Buffer
	code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, []string{"yubikey", "list"})
	if code != exitAbsent || !strings.Contains(errs.String(), "smart cards cannot be reached") {
		t.Errorf("ends with %d: %s", code, fmt.Sprint(out.String(), errs.String()))
	}
}

// A touch that comes when its code is over shows nothing; the next code is made.
func TestTouchedTooLate(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.add(adaARN)
		slow := 0
		d.card().Touch = func(context.Context, string) bool {
			if slow++; slow == 1 {
				time.Sleep(14 * time.Second)
			}
			return true
		}
		r := d.wants(exitClean, `came too late for its code, which is not shown`, "code", "--yubikey", adaARN)
		if want := codesAround(2)[1]; strings.TrimSpace(r.out) != want {
			d.Error("the code is not that of now")
		}
		d.card().Touch = func(context.Context, string) bool { time.Sleep(14 * time.Second); return true }
		r = d.wants(exitAbsent, "3 times: touch the key as soon as it blinks", "code", "--yubikey", adaARN, "--min-validity", "22s")
		if r.out != "" {
			d.Error("a code was shown")
		}
	})
}

// Two codes that follow each other, by two touches in the time of the second.
func TestPairOfAYubikey(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.add(adaARN)
		r := d.wants(exitClean, `^\d{6}\n\d{6}\n`, "code", "--yubikey", adaARN, "--pair")
		if got, want := strings.Fields(r.out), codesAround(2); !slices.Equal(got, want) {
			d.Error("the codes are not those of this step and the one before")
		}
		if n := d.run("code", "--yubikey", adaARN, "--format", "json"); n.code != exitClean || !strings.Contains(n.err, "Waiting") {
			d.Errorf("the next code is one of the pair: %d %q", n.code, n.err)
		}
	})
}

// Two programs at once get two codes, the second when its time comes.
func TestTwoAtOneKey(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.add(adaARN)
		d.card().Touch = func(context.Context, string) bool { time.Sleep(2 * time.Second); return true }
		got := make(chan string, 2)
		for range 2 {
			go func() {
				var out, errs bytes.Buffer
				code := execute(d.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs, cards: d}, []string{"code", "--yubikey", adaARN})
				got <- fmt.Sprint(code, " ", out.String(), map[bool]string{true: errs.String()}[code != exitClean])
			}()
		}
		first, second := <-got, <-got
		all := codesAround(2)
		if first != "0 "+all[0]+"\n" || second != "0 "+all[1]+"\n" {
			d.Errorf("the codes are not those of two steps: one ends with %.2s, the other with %.2s", first, second)
		}
	})
}

// Another program that does not let go of the key is told, and waited for no longer than a
// person is.
func TestBusyKey(t *testing.T) {
	timeless(t, func(d *yubiDesk) {
		d.add(adaARN)
		d.busy[readerName] <- struct{}{}
		before := time.Now()
		d.wants(exitLater, "another program holds the key", "code", "--yubikey", adaARN)
		if took := time.Since(before); took > 3*time.Minute {
			d.Errorf("ended after %v", took)
		}
	})
}
