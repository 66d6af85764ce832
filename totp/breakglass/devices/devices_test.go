package devices_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/codes"
	"mfawatch/totp/breakglass/devices"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/otp"
)

// fakeKMS wraps a key by remembering it, with key and context.
type fakeKMS struct {
	kept  []wrapped
	opens int
	down  error
}

type wrapped struct {
	plain []byte
	key   string
	about map[string]string
}

func (f *fakeKMS) GenerateDataKey(_ context.Context, key string, about map[string]string) ([]byte, []byte, error) {
	plain := make([]byte, 32)
	_, _ = rand.Read(plain)
	f.kept = append(f.kept, wrapped{bytes.Clone(plain), key, maps.Clone(about)})
	return plain, fmt.Appendf(nil, "%d", len(f.kept)-1), f.down
}

func (f *fakeKMS) Decrypt(_ context.Context, key string, blob []byte, about map[string]string) ([]byte, error) {
	f.opens++
	var n int
	if _, err := fmt.Sscan(string(blob), &n); err != nil || f.down != nil {
		return nil, errors.Join(err, f.down)
	}
	w := f.kept[n]
	if w.key != key || !maps.Equal(w.about, about) {
		return nil, errors.New("kms:Decrypt: InvalidCiphertextException")
	}
	return bytes.Clone(w.plain), nil
}

const keyARN = "arn:aws:kms:eu-north-1:111122223333:key/k"

// all are one device of each kind with its secret.
func all(t *testing.T) (breakglass.Rules, map[string][]byte, otp.Credential) {
	t.Helper()
	rules := breakglass.Rules{Door: "main", People: []breakglass.Person{{Name: "ada"}}}
	secrets := map[string][]byte{}
	for _, kind := range []totp.Kind{"totp", "hotp"} {
		k, err := totp.New(totp.Settings{Kind: kind, Account: "ada"}, []byte("12345678901234567890"))
		if err != nil {
			t.Fatal(err)
		}
		secrets["ada-"+string(kind)] = []byte(k.URI())
	}
	c, err := otp.NewCredential("cccccccccccb", []byte("secret"), []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	secrets["ada-yubico-otp"], secrets["ada-recovery-codes"] = c.Text(), []byte(strings.Repeat("p", 32))
	for _, kind := range []breakglass.Kind{breakglass.TOTP, breakglass.HOTP, breakglass.YubicoOTP, breakglass.RecoveryCodes} {
		rules.People[0].Devices = append(rules.People[0].Devices, breakglass.Device{ID: "ada-" + string(kind), Kind: kind, Grade: breakglass.Touch})
	}
	return rules, secrets, c
}

func enrolled(t *testing.T) (devices.Sealed, *fakeKMS, *storetest.Memory, otp.Credential) {
	t.Helper()
	rules, secrets, c := all(t)
	k, store := &fakeKMS{}, &storetest.Memory{}
	keys := devices.Keys(k, keyARN, "main")
	for _, d := range rules.People[0].Devices {
		if there, err := devices.Enrolled(t.Context(), store, d.ID); there || err != nil {
			t.Fatalf("%s is there: %v", d.ID, err)
		}
		if err := devices.Enrol(t.Context(), store, keys, d, seal.NewSecret(bytes.Clone(secrets[d.ID]))); err != nil {
			t.Fatal(err)
		}
		if there, err := devices.Enrolled(t.Context(), store, d.ID); !there || err != nil {
			t.Fatalf("%s is not there: %v", d.ID, err)
		}
	}
	return devices.Sealed{Store: store, Keys: keys, Rules: rules}, k, store, c
}

func TestEnrolledDevicesOpen(t *testing.T) {
	s, k, store, _ := enrolled(t)
	for i, d := range s.Rules.People[0].Devices {
		f, err := s.Open(t.Context(), d.ID)
		if err != nil {
			t.Fatalf("%s: %v", d.ID, err)
		}
		if k.opens != i+1 {
			t.Errorf("%s took %d calls of KMS in all, want %d", d.ID, k.opens, i+1)
		}
		switch f := f.(type) {
		case breakglass.OTP:
			if d.Kind != breakglass.TOTP && d.Kind != breakglass.HOTP || f.Slack != 1 {
				t.Errorf("%s is %T with slack %d", d.ID, f, f.Slack)
			}
		case devices.Yubico, codes.Factor:
		default:
			t.Errorf("%s is %T", d.ID, f)
		}
		row := store.Rows[devices.Row(d.ID)]
		for _, secret := range []string{"GEZDGNBV", "otpauth", "736563726574", "pppp"} {
			if bytes.Contains(row, []byte(secret)) {
				t.Errorf("the row of %s shows its secret", d.ID)
			}
		}
	}
	for _, w := range k.kept {
		if w.about["mfawatch:door"] != "main" {
			t.Errorf("sealed under %v", w.about)
		}
	}
}

func TestDevicesThatDoNotOpen(t *testing.T) {
	s, k, store, _ := enrolled(t)
	other := s
	other.Keys = devices.Keys(k, keyARN, "other")
	changed := s
	changed.Rules = breakglass.Rules{Door: "main", People: []breakglass.Person{{Devices: []breakglass.Device{{ID: "ada-totp", Kind: breakglass.HOTP}, {ID: "new", Kind: breakglass.TOTP}}}}}
	for _, c := range []struct {
		name, device, want string
		from               devices.Sealed
		before             func()
	}{
		{"nobody's", "eve", "device eve is not in the rules", s, nil},
		{"not enrolled", "new", "device new is not enrolled: enrol it", changed, nil},
		{"of another kind", "ada-totp", "device ada-totp is sealed as totp, and the rules say hotp: set the rules right", changed, nil},
		{"of another door", "ada-totp", "InvalidCiphertextException", other, nil},
		{"another's row", "ada-hotp", `row device#ada-hotp: it is the secret "ada-totp" under another's name`, s, func() { store.Rows["device#ada-hotp"] = store.Rows["device#ada-totp"] }},
		{"damaged", "ada-totp", "row device#ada-totp is no sealed file", s, func() { store.Rows["device#ada-totp"] = []byte("*") }},
		{"KMS denied", "ada-yubico-otp", "AccessDenied", s, func() { k.down = errors.New("kms:Decrypt: AccessDenied") }},
	} {
		if c.before != nil {
			c.before()
		}
		if f, err := c.from.Open(t.Context(), c.device); f != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v, want %s", c.name, f, err, c.want)
		}
	}
}

func TestWhatIsNotEnrolled(t *testing.T) {
	s, _, store, _ := enrolled(t)
	_, secrets, _ := all(t)
	for _, c := range []struct {
		device, kind, secret, want string
	}{
		{"ada-totp", "totp", string(secrets["ada-totp"]), devices.ErrEnrolled.Error()},
		{"new", "totp", string(secrets["ada-hotp"]), "device new: its secret is a hotp key, and the rules say totp"},
		{"new", "totp", "GEZDGNBVGY3TQOJQ", "device new: its secret is no otpauth URI"},
		{"new", "yubico-otp", "GEZDGNBVGY3TQOJQ", "device new: its secret is no Yubico OTP credential"},
		{"new", "recovery-codes", "short", "device new: a pepper of 5 bytes"},
		{"new", "sms", "x", "device new: kind sms has no factor"},
	} {
		err := devices.Enrol(t.Context(), store, s.Keys, breakglass.Device{ID: c.device, Kind: breakglass.Kind(c.kind)}, seal.NewSecret([]byte(c.secret)))
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "GEZD") {
			t.Errorf("%s: %v, want %s", c.kind, err, c.want)
		}
	}
	for _, row := range []string{"device#new", "verify#new", "verify#ada-recovery-codes"} {
		if store.Rows[row] != nil {
			t.Errorf("there is a row %s", row)
		}
	}
	if len(store.Rows) != 7 { // three of the ledger
		t.Errorf("%d rows, want 7", len(store.Rows))
	}
}

// TestEnrolmentBeginsTheLedger: each device whose codes it counts has a row then, and one that
// is there stays as it is; where that cannot be, the device is not enrolled.
func TestEnrolmentBeginsTheLedger(t *testing.T) {
	_, secrets, _ := all(t)
	k := &fakeKMS{}
	for _, kind := range []breakglass.Kind{breakglass.TOTP, breakglass.HOTP, breakglass.YubicoOTP} {
		d := breakglass.Device{ID: "ada-" + string(kind), Kind: kind}
		row := "verify#" + d.ID
		const used = `{"Format":1,"Row":{"Next":7,"Drift":0,"Attempts":3,"Cleared":1,"Last":5,"Known":5}}`
		for was, want := range map[string]string{"": `{"Format":1,"Row":{"Next":0,"Drift":0,"Attempts":0,"Cleared":0,"Last":0,"Known":0}}`, used: used, "{": "{"} {
			store := &storetest.Memory{Rows: map[string][]byte{}}
			if was != "" {
				store.Rows[row] = []byte(was)
			}
			err := devices.Enrol(t.Context(), store, devices.Keys(k, keyARN, "main"), d, seal.NewSecret(bytes.Clone(secrets[d.ID])))
			if damaged := was == "{"; damaged != (err != nil) || damaged == (store.Rows[devices.Row(d.ID)] != nil) || string(store.Rows[row]) != want {
				t.Errorf("%s over %q: %v, %s", d.ID, was, err, store.Rows[row])
			}
		}
	}
}

// factors are devices of two origins.
type factors struct {
	sealed devices.Sealed
	cast   *storetest.Cast
}

func (f factors) Open(ctx context.Context, device string) (breakglass.Factor, error) {
	if device == "ada-slot" {
		return f.sealed.Open(ctx, device)
	}
	return f.cast.Open(ctx, device)
}

// TestForgottenYubico: an OTP that opened the door opens nothing when the ledger is lost.
func TestForgottenYubico(t *testing.T) {
	_, _, c := all(t)
	cast, store, now := storetest.NewCast(t), &storetest.Memory{}, storetest.Start
	d := breakglass.Device{ID: "ada-slot", Kind: breakglass.YubicoOTP, Grade: breakglass.Touch}
	cast.Rules.People[0].Devices = append(cast.Rules.People[0].Devices, d)
	door := cast.Door(store)
	sealed := devices.Sealed{Store: store, Keys: devices.Keys(&fakeKMS{}, keyARN, "main"), Rules: cast.Rules}
	door.Factors = factors{sealed, cast}
	if err := devices.Enrol(t.Context(), store, sealed.Keys, d, devices.Yubico{Credential: c}.Secret()); err != nil {
		t.Fatal(err)
	}
	o, err := c.Simulate(otp.Token{Session: 5, Use: 3})
	if err != nil {
		t.Fatal(err)
	}
	use := func(n int) error {
		r, err := door.Ask(t.Context(), storetest.As("ada"), storetest.Ask("admin", n), now)
		if err == nil {
			_, err = door.Approve(t.Context(), storetest.As("bob"), r.ID, cast.Now("bob-totp", now), now)
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = door.Use(t.Context(), storetest.As("ada"), r.ID, breakglass.Proof{Device: "ada-slot", Code: breakglass.Typed(o.Text())}, now)
		return err
	}
	if err := use(1); err != nil {
		t.Fatal(err)
	}
	delete(store.Rows, "verify#ada-slot")
	now = now.Add(time.Minute)
	if no := (*breakglass.Refusal)(nil); !errors.As(use(2), &no) || no.Reason != breakglass.Unavailable {
		t.Errorf("the same OTP, of which nobody knows that it was used: %v", no)
	}
	all := storetest.Entries(t, store)
	if e := all[len(all)-1]; e.Outcome != record.Failed || !strings.Contains(e.Reason, "verify#ada-slot") {
		t.Errorf("the record ends with %+v", e)
	}
}

// TestYubico: an OTP works once, one before it never again, another key's is wrong, and
// guesses lock.
func TestYubico(t *testing.T) {
	s, _, store, c := enrolled(t)
	f, err := s.Open(t.Context(), "ada-yubico-otp")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	typed := func(credential otp.Credential, session uint16, use uint8, since time.Duration) breakglass.Code {
		o, err := credential.Simulate(otp.Token{Session: session, Use: use, Timestamp: 1000 + uint32(since/(time.Second/8))})
		if err != nil {
			t.Fatal(err)
		}
		return breakglass.Typed(o.Text())
	}
	try := func(code breakglass.Code) (err error) {
		if err := f.WellFormed(code); err != nil {
			return err
		}
		bad := store.Transact(t.Context(), func(tx breakglass.Tx) error {
			g, begun := f.Begin(t.Context(), tx, "ada-yubico-otp", now)
			if begun != nil {
				return begun
			}
			if err = g.Compare(code); err == nil {
				err = g.Spend(t.Context(), tx)
			}
			return nil
		})
		return errors.Join(bad, err)
	}
	other, err := otp.NewCredential("cccccccccccb", []byte("other!"), []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		code breakglass.Code
		want error
	}{
		{typed(c, 5, 1, 0), nil}, {typed(c, 5, 1, 0), breakglass.ErrUsed}, {typed(c, 4, 9, 0), breakglass.ErrUsed}, {typed(other, 9, 0, 0), breakglass.ErrWrong}, {typed(c, 5, 2, 0), nil},
		{breakglass.Typed("123456"), otp.ErrMalformed},
	} {
		if err := try(step.code); !errors.Is(err, step.want) {
			t.Errorf("step %d: %v, want %v", i, err, step.want)
		}
	}
	for range 100 { // at once: who calls as ada does not keep her key out
		if err := try(typed(other, 9, 0, 0)); !errors.Is(err, breakglass.ErrWrong) {
			t.Fatalf("a guess: %v", err)
		}
	}
	if err := try(typed(c, 5, 3, 0)); err != nil || f.Guessable() {
		t.Errorf("after guesses that nobody makes: %v", err)
	}
	// An OTP of a minute ago by the key's clock, an hour later by ours, was held back. The
	// key unplugged is another session; and nothing was spent by what was refused.
	now = now.Add(time.Hour)
	for i, step := range []struct {
		code breakglass.Code
		want error
	}{
		{typed(c, 5, 4, time.Minute), breakglass.ErrHeld}, {typed(c, 5, 4, time.Minute), breakglass.ErrHeld}, {typed(c, 5, 4, time.Hour), nil},
		{typed(c, 5, 5, 0), breakglass.ErrHeld}, {typed(c, 6, 0, 0), nil}, {typed(c, 5, 9, time.Hour), breakglass.ErrUsed},
	} {
		if err := try(step.code); !errors.Is(err, step.want) {
			t.Errorf("an hour later, step %d: %v, want %v", i, err, step.want)
		}
	}
}

// What proved a device when it was enrolled is used, and all before it, though no ledger
// has heard of it; and the number is sealed with the credential.
func TestYubicoOpensFromWhatProvedIt(t *testing.T) {
	_, _, c := all(t)
	k, store := &fakeKMS{}, &storetest.Memory{}
	d := breakglass.Device{ID: "ada-slot", Kind: breakglass.YubicoOTP, Grade: breakglass.Touch}
	s := devices.Sealed{Store: store, Keys: devices.Keys(k, keyARN, "main"), Rules: breakglass.Rules{Door: "main", People: []breakglass.Person{{Name: "ada", Devices: []breakglass.Device{d}}}}}
	from := otp.Token{Session: 5, Use: 3}.Step()
	if err := devices.Enrol(t.Context(), store, s.Keys, d, (devices.Yubico{Credential: c, From: from}).Secret()); err != nil {
		t.Fatal(err)
	}
	f, err := s.Open(t.Context(), d.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		session uint16
		use     uint8
		want    error
	}{{5, 2, breakglass.ErrUsed}, {5, 1, breakglass.ErrUsed}, {4, 255, breakglass.ErrUsed}, {0, 0, breakglass.ErrUsed}, {5, 3, nil}, {6, 0, nil}} {
		o, err := c.Simulate(otp.Token{Session: try.session, Use: try.use})
		if err != nil {
			t.Fatal(err)
		}
		err = store.Transact(t.Context(), func(tx breakglass.Tx) error {
			g, err := f.Begin(t.Context(), tx, d.ID, time.Unix(1_800_000_000, 0))
			if err == nil {
				err = g.Compare(breakglass.Typed(o.Text()))
			}
			return err
		})
		if !errors.Is(err, try.want) {
			t.Errorf("session %d, use %d: %v, want %v", try.session, try.use, err, try.want)
		}
	}
	for _, line := range []string{"\nfrom ", "\nfrom -1", "\nfrom 01", "\nfrom 1\n", "\nfrom 99999999999999999999", "\nfrom 1 \nfrom 2", "\nsince 1", "\n"} {
		err := devices.Enrol(t.Context(), store, s.Keys, breakglass.Device{ID: "bob-slot", Kind: breakglass.YubicoOTP}, seal.NewSecret(append(c.Text(), line...)))
		if err == nil || !strings.Contains(err.Error(), "no Yubico OTP credential") {
			t.Errorf("a credential and %q: %v", line, err)
		}
	}
}
