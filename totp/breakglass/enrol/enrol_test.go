package enrol_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/devices"
	"mfawatch/totp/breakglass/enrol"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/otp"
)

var now = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// dying is a store whose process is killed after so many transactions.
type dying struct {
	*storetest.Memory
	left int
}

var errKilled = errors.New("killed")

func (d *dying) Transact(ctx context.Context, change func(breakglass.Tx) error) error {
	if d.left == 0 {
		return errKilled
	}
	d.left--
	return d.Memory.Transact(ctx, change)
}

func keys(t *testing.T) seal.Keys {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return seal.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
}

func sheets(t *testing.T) (enrol.Sheets, string) {
	t.Helper()
	dir := t.TempDir() + "/sheets"
	s, err := seal.OpenStore(dir, keys(t))
	if err != nil {
		t.Fatal(err)
	}
	return enrol.Sheets{Seals: s}, dir
}

func TestProve(t *testing.T) {
	k, err := totp.New(totp.Settings{Account: "x"}, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(steps int64) string {
		text, err := k.At(now.Unix()/30 + steps)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, c := range map[string]struct {
		first, second string
		good          bool
	}{
		"the last two": {at(-1), at(0), true}, "of a clock that is off": {at(-9), at(-8), true}, "one twice": {at(0), at(0), false},
		"not together": {at(-2), at(0), false}, "the wrong way round": {at(0), at(-1), false}, "far off": {at(-400), at(-399), false}, "none": {"", "", false},
	} {
		_, err := enrol.Prove(k, c.first, c.second, now)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && c.first != "" && strings.Contains(err.Error(), c.first) {
			t.Errorf("%s: the error shows a code", name)
		}
	}
}

// A counter goes on after the codes that proved it.
func TestProveOfACounter(t *testing.T) {
	k, err := totp.New(totp.Settings{Kind: totp.HOTP, Account: "x", Counter: 5}, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := k.At(7)
	second, _ := k.At(8)
	got, err := enrol.Prove(k, first, second, now)
	if err != nil || got.Key.Settings().Counter != 9 || got.Key.Secret() != k.Secret() {
		t.Errorf("counter %d, %v; want 9", got.Key.Settings().Counter, err)
	}
	first, _ = k.At(3)
	second, _ = k.At(4)
	if _, err := enrol.Prove(k, first, second, now); err == nil {
		t.Error("codes before the counter prove something")
	}
}

// proved is a key that showed its codes of two steps, of a time or a counter.
func proved(t *testing.T, k totp.Key, step int64) enrol.Proven {
	t.Helper()
	first, err := k.At(step)
	second, bad := k.At(step + 1)
	if err = errors.Join(err, bad); err != nil {
		t.Fatal(err)
	}
	p, err := enrol.Prove(k, first, second, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What was enrolled opens as the factor of the device. The codes that proved it open
// nothing, and the next one does, however far off the device's clock is.
func TestKey(t *testing.T) {
	for kind, steps := range map[totp.Kind][]int64{totp.TOTP: {now.Unix()/30 - 1, now.Unix()/30 - 9, now.Unix()/30 + 10}, totp.HOTP: {3, 12}} {
		for _, step := range steps {
			k, err := totp.New(totp.Settings{Kind: kind, Account: "x", Counter: map[totp.Kind]int64{totp.HOTP: 3}[kind]}, []byte("12345678901234567890"))
			if err != nil {
				t.Fatal(err)
			}
			store := &storetest.Memory{}
			door := enrol.Door{Store: store, Keys: keys(t)}
			d := breakglass.Device{ID: "ada-key", Kind: breakglass.Kind(kind)}
			p := proved(t, k, step)
			if err := door.Key(t.Context(), d, p); err != nil {
				t.Fatal(err)
			}
			if err := door.Key(t.Context(), d, p); !errors.Is(err, devices.ErrEnrolled) {
				t.Errorf("twice: %v", err)
			}
			rules := breakglass.Rules{People: []breakglass.Person{{Name: "ada", Devices: []breakglass.Device{d}}}}
			f, err := devices.Sealed{Store: door.Store, Keys: door.Keys, Rules: rules}.Open(t.Context(), "ada-key")
			if err != nil || !f.Guessable() {
				t.Errorf("%v, %v", f, err)
			}
			later := now
			if kind == totp.TOTP {
				later = later.Add(30 * time.Second)
			}
			for i, good := range []bool{false, false, true} {
				code, err := k.At(step + int64(i))
				if err != nil {
					t.Fatal(err)
				}
				if err := spends(t, store, f, "ada-key", breakglass.Typed(code), later); (err == nil) != good {
					t.Errorf("%s at %d: code %d of the enrolment and after it: %v", kind, step, i, err)
				}
			}
		}
	}
}

func spends(t *testing.T, store breakglass.Store, f breakglass.Factor, id string, c breakglass.Code, at time.Time) error {
	t.Helper()
	return store.Transact(t.Context(), func(tx breakglass.Tx) error {
		g, err := f.Begin(t.Context(), tx, id, at)
		if err == nil {
			err = g.Compare(c)
		}
		if err != nil {
			return err
		}
		return g.Spend(t.Context(), tx)
	})
}

// Codes that were used prove nothing, and nothing is kept then.
func TestKeyOfUsedCodes(t *testing.T) {
	k, err := totp.New(totp.Settings{Account: "x"}, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	store := &storetest.Memory{}
	door := enrol.Door{Store: store, Keys: keys(t)}
	d := breakglass.Device{ID: "ada-totp", Kind: breakglass.TOTP}
	p := proved(t, k, now.Unix()/30-1)
	if err := door.Key(t.Context(), d, p); err != nil {
		t.Fatal(err)
	}
	delete(store.Rows, devices.Row("ada-totp"))
	if err := door.Key(t.Context(), d, p); !errors.Is(err, totp.ErrReplayed) || store.Rows[devices.Row("ada-totp")] != nil {
		t.Errorf("the same codes again: %v", err)
	}
	if err := door.Key(t.Context(), d, proved(t, k, now.Unix()/30+1)); err != nil {
		t.Errorf("the next codes: %v", err)
	}
}

// Two OTPs of a slot prove it, one after the other, and open nothing afterwards.
func TestYubico(t *testing.T) {
	credential := func(public, private string) otp.Credential {
		c, err := otp.NewCredential(public, []byte(private), []byte("0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, other, sister := credential("cccccccccccb", "secret"), credential("cccccccccccb", "other!"), credential("cccccccccccd", "secret")
	typed := func(c otp.Credential, session uint16, use uint8) string {
		o, err := c.Simulate(otp.Token{Session: session, Use: use})
		if err != nil {
			t.Fatal(err)
		}
		return o.Text()
	}
	for name, try := range map[string]struct {
		first, second string
		from          int64 // 0: refused
	}{
		"two touches": {typed(c, 3, 4), typed(c, 3, 5), 3<<8 + 6}, "plugged in between": {typed(c, 3, 4), typed(c, 4, 0), 4<<8 + 1}, "capitals and blanks": {" " + strings.ToUpper(typed(c, 1, 1)), typed(c, 1, 9) + " ", 1<<8 + 10},
		"the last but one": {typed(c, otp.MaxSession, 253), typed(c, otp.MaxSession, 254), otp.MaxSession<<8 + 255},
		"one twice":        {typed(c, 3, 4), typed(c, 3, 4), 0}, "the wrong way round": {typed(c, 3, 5), typed(c, 3, 4), 0}, "used up": {typed(c, 3, 4), typed(c, otp.MaxSession, otp.MaxUse), 0},
		"another secret": {typed(other, 3, 4), typed(other, 3, 5), 0}, "the second of another": {typed(c, 3, 4), typed(other, 3, 5), 0}, "another key": {typed(sister, 3, 4), typed(sister, 3, 5), 0}, "six digits": {"123456", "654321", 0}, "none": {"", "", 0},
	} {
		y, err := enrol.ProveYubico(c, try.first, try.second)
		if y.From != try.from || (err == nil) != (try.from > 0) {
			t.Errorf("%s: from %d, %v; want %d", name, y.From, err, try.from)
		}
		if err != nil && try.first != "" && (strings.Contains(err.Error(), try.first) || strings.Contains(err.Error(), try.second)) {
			t.Errorf("%s: the error shows an OTP", name)
		}
	}
	y, err := enrol.ProveYubico(c, typed(c, 3, 4), typed(c, 3, 5))
	if err != nil {
		t.Fatal(err)
	}
	door := enrol.Door{Store: &storetest.Memory{}, Keys: keys(t)}
	d := breakglass.Device{ID: "ada-slot", Kind: breakglass.YubicoOTP}
	if err := door.Yubico(t.Context(), d, y); err != nil {
		t.Fatal(err)
	}
	if err := door.Yubico(t.Context(), d, y); !errors.Is(err, devices.ErrEnrolled) {
		t.Errorf("twice: %v", err)
	}
	rules := breakglass.Rules{People: []breakglass.Person{{Name: "ada", Devices: []breakglass.Device{d}}}}
	f, err := devices.Sealed{Store: door.Store, Keys: door.Keys, Rules: rules}.Open(t.Context(), d.ID)
	if kept, is := f.(devices.Yubico); err != nil || !is || kept.From != y.From || !kept.Credential.Equal(c) {
		t.Errorf("it opens as %T, %v", f, err)
	}
}

func printed(t *testing.T, s enrol.Sheets, id string) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Print(t.Context(), id, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// codeOf is the nth code on a sheet.
func codeOf(t *testing.T, sheet string, n int) breakglass.Code {
	t.Helper()
	var all []string
	for line := range strings.Lines(sheet) {
		if words := strings.Fields(line); len(words) == 2 && strings.Count(words[1], "-") == 4 {
			all = append(all, words[1])
		}
	}
	if len(all) <= n {
		t.Fatalf("the sheet has %d codes", len(all))
	}
	return breakglass.Typed(all[n])
}

// opens tells whether the door takes a code, and spends it.
func opens(t *testing.T, store breakglass.Store, k seal.Keys, id string, c breakglass.Code) error {
	t.Helper()
	rules := breakglass.Rules{People: []breakglass.Person{{Name: "ada", Devices: []breakglass.Device{{ID: id, Kind: breakglass.RecoveryCodes}}}}}
	f, err := devices.Sealed{Store: store, Keys: k, Rules: rules}.Open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return spends(t, store, f, id, c, now)
}

// Killed anywhere, the same line ends it, and what is printed then opens the door.
func TestSheetKilledAnywhere(t *testing.T) {
	for kill := range 4 {
		s, _ := sheets(t)
		store := &dying{&storetest.Memory{}, kill}
		door := enrol.Door{Store: store, Keys: keys(t)}
		err := s.Make(t.Context(), door, "ada-sheet", 10, rand.Reader, now)
		if (kill < 2) != errors.Is(err, errKilled) {
			t.Errorf("killed at %d: %v", kill, err)
		}
		if err != nil {
			if err := s.Print(t.Context(), "ada-sheet", &bytes.Buffer{}); err == nil {
				t.Errorf("killed at %d: a sheet is printed that the door does not know", kill)
			}
		}
		store.left = 100
		for range 2 {
			if err := s.Make(t.Context(), door, "ada-sheet", 10, rand.Reader, now); err != nil {
				t.Fatalf("killed at %d, again: %v", kill, err)
			}
		}
		paper := printed(t, s, "ada-sheet")
		if err := opens(t, store, door.Keys, "ada-sheet", codeOf(t, paper, 3)); err != nil {
			t.Errorf("killed at %d: a printed code: %v", kill, err)
		}
		if err := opens(t, store, door.Keys, "ada-sheet", codeOf(t, paper, 3)); err == nil {
			t.Errorf("killed at %d: a code opens twice", kill)
		}
	}
}

// A sheet's id is taken by another sheet, or by another device.
func TestSheetOfATakenID(t *testing.T) {
	door := enrol.Door{Store: &storetest.Memory{}, Keys: keys(t)}
	one, _ := sheets(t)
	if err := one.Make(t.Context(), door, "ada-sheet", 10, rand.Reader, now); err != nil {
		t.Fatal(err)
	}
	two, _ := sheets(t)
	if err := two.Make(t.Context(), door, "ada-sheet", 10, rand.Reader, now); !errors.Is(err, devices.ErrEnrolled) {
		t.Errorf("another machine's sheet: %v", err)
	}
	k, err := totp.Random(totp.Settings{Account: "x"}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := door.Key(t.Context(), breakglass.Device{ID: "ada-totp", Kind: breakglass.TOTP}, proved(t, k, now.Unix()/30)); err != nil {
		t.Fatal(err)
	}
	if err := two.Make(t.Context(), door, "ada-totp", 10, rand.Reader, now); !errors.Is(err, devices.ErrEnrolled) {
		t.Errorf("a device's id: %v", err)
	}
}

func TestSheetIsSealedAndForgotten(t *testing.T) {
	s, dir := sheets(t)
	door := enrol.Door{Store: &storetest.Memory{}, Keys: keys(t)}
	if err := s.Make(t.Context(), door, "ada-sheet", 10, rand.Reader, now); err != nil {
		t.Fatal(err)
	}
	code := codeOf(t, printed(t, s, "ada-sheet"), 0).Reveal()
	files, _ := os.ReadDir(dir)
	for _, f := range files {
		if text, _ := os.ReadFile(dir + "/" + f.Name()); bytes.Contains(text, []byte(code)) {
			t.Errorf("%s shows a code", f.Name())
		}
	}
	if err := s.Forget("ada-sheet"); err != nil {
		t.Fatal(err)
	}
	if err := s.Print(t.Context(), "ada-sheet", &bytes.Buffer{}); !errors.Is(err, seal.ErrNotFound) {
		t.Errorf("a sheet that was printed: %v", err)
	}
}
