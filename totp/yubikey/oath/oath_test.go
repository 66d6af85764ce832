package oath

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/yubikeytest"
)

const arn = "arn:aws:iam::111122223333:mfa/ada"

// RFC 6238's seeds.
const seed = "1234567890123456789012345678901234567890123456789012345678901234"

func key(t *testing.T, s totp.Settings, secret string) totp.Key {
	t.Helper()
	k, err := totp.New(s, []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func session(t *testing.T, card apdu.Transmitter) *Session {
	t.Helper()
	s, err := Select(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Session, k totp.Key, p Placement) Credential {
	t.Helper()
	c, err := s.Put(t.Context(), k, p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func text(c Code) string { return string(c.Text.Reveal()) }

// TestCodesOfRFC6238 puts the RFC's seeds onto a key and compares with its table.
func TestCodesOfRFC6238(t *testing.T) {
	for _, c := range []struct {
		at   int64
		want [3]string
	}{
		{59, [3]string{"94287082", "46119246", "90693936"}},
		{1111111109, [3]string{"07081804", "68084774", "25091201"}},
		{1234567890, [3]string{"89005924", "91819424", "93441116"}},
		{20000000000, [3]string{"65353130", "77737706", "47863826"}},
	} {
		s := session(t, &yubikeytest.Card{})
		for i, algorithm := range []totp.Algorithm{totp.SHA1, totp.SHA256, totp.SHA512} {
			k := key(t, totp.Settings{Account: string(algorithm), Algorithm: algorithm, Digits: 8}, seed[:[]int{20, 32, 64}[i]])
			cred := put(t, s, k, Placement{})
			step, err := cred.Step(time.Unix(c.at, 0))
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Code(t.Context(), cred, step)
			if err != nil || text(got) != c.want[i] || got.Step != c.at/30 {
				t.Errorf("%d %s: %s of step %d, error %v; want %s", c.at, algorithm, text(got), got.Step, err, c.want[i])
			}
		}
	}
}

// TestRandomKeys compares with codes that totp makes, for every setting that keys know.
func TestRandomKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := session(t, &yubikeytest.Card{})
	for i := range 400 {
		set := totp.Settings{Account: fmt.Sprintf("a%d", i), Algorithm: []totp.Algorithm{totp.SHA1, totp.SHA256, totp.SHA512}[r.IntN(3)], Digits: 6 + r.IntN(3)}
		if r.IntN(2) == 0 {
			set.Issuer = "Example"
		}
		if r.IntN(3) == 0 {
			set.Kind, set.Counter = totp.HOTP, r.Int64N(1<<32-2)
		} else {
			set.Period = []int64{15, 30, 60, 86400}[r.IntN(4)]
		}
		secret := make([]byte, 1+r.IntN(200)) // shorter than keys take, and longer than a block
		for j := range secret {
			secret[j] = byte(r.Uint32())
		}
		k := key(t, set, string(secret))
		cred := put(t, s, k, Placement{Touch: r.IntN(2) == 0})
		var got Code
		var err error
		step := r.Int64N(1 << 33)
		if set.Kind == totp.HOTP {
			_, _ = s.Next(t.Context(), cred)
			step = set.Counter + 1
			got, err = s.Next(t.Context(), cred)
		} else {
			got, err = s.Code(t.Context(), cred, step)
		}
		want, werr := k.At(step)
		if err != nil || werr != nil || text(got) != want {
			t.Errorf("%v: %s, errors %v, %v; want %s", k, text(got), err, werr, want)
		}
		if err := s.Delete(t.Context(), cred); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDocumentedTraffic replays what Yubico documents of real keys (.NET SDK, OATH
// commands): we send the same bytes, but for CALCULATE, which we want truncated.
func TestDocumentedTraffic(t *testing.T) {
	card := &replay{t: t, lines: []string{
		"00a4040007a0000005272101", "7903050204 71084bb7a7fad7af401b 9000",
		"00a1000000", "721b21 4d6963726f736f66743a74657374406f75746c6f6f6b2e636f6d 721612 476f6f676c653a7465737440676d61696c2e636f6d 9000",
		"00a1000000", "9000",
		"0001000030 711a4d6963726f736f66743a74657374406f75746c6f6f6b2e636f6d 731021069c00000000000000000000000000 7802", "9000",
		"00a400010a 74080000000003a27bca", "7115 4170706c653a746573744069636c6f75642e636f6d 770106 711a4d6963726f736f66743a74657374406f75746c6f6f6b2e636f6d 7c0106 9000",
	}}
	s := session(t, card)
	if s.version != (apdu.Version{5, 2, 4}) || s.DeviceID() != "4bb7a7fad7af401b" || s.HasPassword() || s.Locked() {
		t.Errorf("%v %s", s.version, s.DeviceID())
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 2 || list[0].Issuer != "Microsoft" || list[0].Account != "test@outlook.com" || list[0].Algorithm != totp.SHA1 ||
		list[1].Kind != totp.HOTP || list[1].Algorithm != totp.SHA256 || list[1].ID != "Google:test@gmail.com" {
		t.Errorf("%+v, error %v", list, err)
	}
	put(t, s, key(t, totp.Settings{Issuer: "Microsoft", Account: "test@outlook.com"}, "\x9c"), Placement{Touch: true})
	all, err := s.All(t.Context(), 0x03a27bca)
	if err != nil || len(all) != 2 || all[0].Kind != totp.HOTP || all[0].Touch || !all[1].Touch || all[1].Code.Text.Reveal() != nil {
		t.Errorf("%+v, error %v", all, err)
	}
}

// replay is a card that answers what was written down, and to nothing else.
type replay struct {
	t     *testing.T
	lines []string
}

func (r *replay) Transmit(_ context.Context, command []byte) ([]byte, error) {
	want := strings.ReplaceAll(r.lines[0], " ", "")
	if got := hex.EncodeToString(command); got != want {
		r.t.Errorf("sent %s, want %s", got, want)
	}
	answer, err := hex.DecodeString(strings.ReplaceAll(r.lines[1], " ", ""))
	r.lines = r.lines[2:]
	return answer, err
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		id              string
		kind            totp.Kind
		period          int64
		issuer, account string
	}{
		{"ada", totp.TOTP, 30, "", "ada"},
		{"Example:ada", totp.TOTP, 30, "Example", "ada"},
		{"60/Example:ada", totp.TOTP, 60, "Example", "ada"},
		{"60/Example:ada", totp.HOTP, 0, "60/Example", "ada"},
		{"60/", totp.TOTP, 30, "", "60/"},
		{"0/ada", totp.TOTP, 0, "", "ada"},
		{"99999999999/ada", totp.TOTP, 0, "", "ada"},
		{"/ada", totp.TOTP, 30, "", "/ada"},
		{"a1/ada", totp.TOTP, 30, "", "a1/ada"},
		{":ada", totp.TOTP, 30, "", ":ada"},
		{"ada:", totp.TOTP, 30, "", "ada:"},
		{arn, totp.TOTP, 30, "arn", "aws:iam::111122223333:mfa/ada"},
	} {
		got := named(c.id, c.kind)
		if got.Period != c.period || got.Issuer != c.issuer || got.Account != c.account || got.ID != c.id {
			t.Errorf("%s: %+v", c.id, got)
		}
	}
}

func TestFindIsExact(t *testing.T) {
	all := []Credential{named("aws2", totp.TOTP), named("60/aws2", totp.TOTP), named("60/b", totp.TOTP), named("15/c", totp.TOTP), named("60/c", totp.TOTP), named(arn+"2", totp.TOTP), named("Aws", totp.TOTP)}
	for name, want := range map[string]string{"aws2": "aws2", "60/aws2": "60/aws2", "b": "60/b", "60/c": "60/c", arn + "2": arn + "2"} {
		if got, err := Find(all, name); err != nil || got.ID != want {
			t.Errorf("%s: %q, error %v", name, got.ID, err)
		}
	}
	for name, want := range map[string]error{"aws": ErrNotFound, arn: ErrNotFound, "": ErrNotFound, "AWS2": ErrNotFound, "c": ErrAmbiguous, "iam": ErrNotFound} {
		if got, err := Find(all, name); !errors.Is(err, want) {
			t.Errorf("%s: %q, error %v, want %v", name, got.ID, err, want)
		}
	}
}

// TestLeases: a ledger leases the step that the YubiKey is then asked for.
func TestLeases(t *testing.T) {
	s := session(t, &yubikeytest.Card{})
	seeded := key(t, totp.Settings{Account: "ada", Period: 60}, seed[:20])
	c := put(t, s, seeded, Placement{Name: arn})
	k, err := c.LeaseKey()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 26, 5, 0, 1, 0, time.UTC)
	step, err := c.Step(now)
	if want, _ := seeded.Step(now); err != nil || step != want {
		t.Errorf("step %d, error %v, want %d", step, err, want)
	}
	if leased, err := k.Step(now); err != nil || leased != step || k.Settings().Period != 60 {
		t.Errorf("leased %d, error %v", leased, err)
	}
	if other, err := c.LeaseKey(); err != nil || other.Equal(k) || k.Equal(seeded) {
		t.Errorf("the secret is one that somebody knows, error %v", err)
	}
	for _, bad := range []Credential{named("0/ada", totp.TOTP), {ID: "ada"}} {
		if _, err := bad.Step(now); err == nil {
			t.Errorf("%+v has a step", bad)
		}
	}
	if _, err := named("0/ada", totp.TOTP).LeaseKey(); err == nil {
		t.Error("leased for a period of 0")
	}
	if _, err := c.Step(time.Unix(-1, 0)); err == nil {
		t.Error("a step before 1970")
	}
}

func TestPutRefuses(t *testing.T) {
	plain := totp.Settings{Account: "ada"}
	for name, c := range map[string]struct {
		firmware [3]byte
		set      totp.Settings
		p        Placement
		want     string
	}{
		"SHA512, old":          {[3]byte{4, 3, 0}, totp.Settings{Account: "ada", Algorithm: totp.SHA512}, Placement{}, "SHA512 needs firmware 4.3.1, and this key has 4.3.0"},
		"SHA512, FIPS":         {[3]byte{4, 4, 2}, totp.Settings{Account: "ada", Algorithm: totp.SHA512}, Placement{}, "FIPS"},
		"touch, old":           {[3]byte{4, 2, 3}, plain, Placement{Touch: true}, "needs firmware 4.2.4, and this key has 4.2.3"},
		"touch, NEO":           {[3]byte{1, 0, 0}, plain, Placement{Touch: true}, "needs firmware 4.2.4"},
		"long":                 {[3]byte{}, plain, Placement{Name: strings.Repeat("a", 65)}, "has 65 bytes, and a key takes 64"},
		"long with period":     {[3]byte{}, totp.Settings{Account: "ada", Period: 60}, Placement{Name: strings.Repeat("a", 62)}, "has 65 bytes"},
		"period in name":       {[3]byte{}, plain, Placement{Name: "60/ada"}, "take for a period"},
		"unprintable":          {[3]byte{}, plain, Placement{Name: "a\nb"}, "printable"},
		"spaces":               {[3]byte{}, plain, Placement{Name: " ada"}, "printable"},
		"no text":              {[3]byte{}, plain, Placement{Name: "\xff"}, "printable"},
		"hidden":               {[3]byte{}, totp.Settings{Issuer: "_hidden", Account: "ada"}, Placement{}, "ykman treats"},
		"Steam":                {[3]byte{}, totp.Settings{Issuer: "Steam", Account: "ada"}, Placement{}, "ykman treats"},
		"overwrites, first":    {[3]byte{4, 0, 1}, totp.Settings{Account: "the"}, Placement{}, "overwrites \"there\""},
		"counter":              {[3]byte{}, totp.Settings{Kind: totp.HOTP, Account: "ada", Counter: 1 << 32}, Placement{}, "32 bits"},
		"there already":        {[3]byte{}, totp.Settings{Account: "there"}, Placement{}, "has a credential of that name already"},
		"overwrites by prefix": {[3]byte{4, 3, 4}, totp.Settings{Account: "the"}, Placement{}, "overwrites \"there\""},
	} {
		t.Run(name, func(t *testing.T) {
			card := &yubikeytest.Card{Firmware: c.firmware}
			s := session(t, card)
			put(t, s, key(t, totp.Settings{Account: "there"}, seed[:20]), Placement{})
			_, err := s.Put(t.Context(), key(t, c.set, seed[:20]), c.p)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
			for i, command := range card.Commands()[3:] {
				if command[1] == insPut {
					t.Errorf("command %d puts it all the same", i)
				}
			}
		})
	}
}

func TestFirmwareThatCan(t *testing.T) {
	s := session(t, &yubikeytest.Card{Firmware: [3]byte{4, 3, 1}})
	put(t, s, key(t, totp.Settings{Account: "ada", Algorithm: totp.SHA512}, seed), Placement{Touch: true})
	s = session(t, &yubikeytest.Card{Firmware: [3]byte{4, 2, 4}})
	put(t, s, key(t, totp.Settings{Account: "ada"}, seed[:20]), Placement{Touch: true})
	s = session(t, &yubikeytest.Card{Firmware: [3]byte{4, 3, 5}})
	put(t, s, key(t, totp.Settings{Account: "there"}, seed[:20]), Placement{})
	put(t, s, key(t, totp.Settings{Account: "the"}, seed[:20]), Placement{})
}

func TestPutReplaces(t *testing.T) {
	card := &yubikeytest.Card{Room: 1}
	s := session(t, card)
	first, second := key(t, totp.Settings{Account: "ada"}, seed[:20]), key(t, totp.Settings{Account: "ada"}, seed[20:40])
	put(t, s, first, Placement{Name: arn, Touch: true})
	if names, touch := card.Names(); len(names) != 1 || !touch[arn] {
		t.Errorf("the card has %v", names)
	}
	if _, err := s.Put(t.Context(), second, Placement{Name: arn}); !errors.Is(err, ErrExists) {
		t.Errorf("error %v", err)
	}
	c := put(t, s, second, Placement{Name: arn, Replace: true})
	want, _ := second.At(7)
	if got, err := s.Code(t.Context(), c, 7); err != nil || text(got) != want {
		t.Errorf("%s, error %v", text(got), err)
	}
	if _, err := s.Put(t.Context(), second, Placement{}); !errors.Is(err, apdu.NoSpace) || !strings.Contains(err.Error(), "full: delete a credential") {
		t.Errorf("full: error %v", err)
	}
}

func TestRenameAndDelete(t *testing.T) {
	s := session(t, &yubikeytest.Card{})
	c := put(t, s, key(t, totp.Settings{Account: "ada", Period: 60}, seed[:20]), Placement{})
	put(t, s, key(t, totp.Settings{Account: "eve", Period: 60}, seed[:20]), Placement{})
	if _, err := s.Rename(t.Context(), c, "eve"); !errors.Is(err, ErrExists) {
		t.Errorf("onto another: error %v", err)
	}
	if _, err := s.Rename(t.Context(), c, "5/x"); err == nil {
		t.Error("renamed to what begins like a period")
	}
	renamed, err := s.Rename(t.Context(), c, arn)
	if err != nil || renamed.ID != "60/"+arn || renamed.Period != 60 || renamed.Algorithm != totp.SHA1 {
		t.Errorf("%+v, error %v", renamed, err)
	}
	if _, err := s.Rename(t.Context(), c, "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("renamed what is gone: error %v", err)
	}
	if err := s.Delete(t.Context(), c); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted what is gone: error %v", err)
	}
	if err := s.Delete(t.Context(), renamed); err != nil {
		t.Error(err)
	}
	old := session(t, &yubikeytest.Card{Firmware: [3]byte{5, 2, 7}})
	c = put(t, old, key(t, totp.Settings{Account: "ada"}, seed[:20]), Placement{})
	if _, err := old.Rename(t.Context(), c, "x"); !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), "5.3.0") {
		t.Errorf("error %v", err)
	}
}

func TestHOTPCounts(t *testing.T) {
	s := session(t, &yubikeytest.Card{})
	c := put(t, s, key(t, totp.Settings{Kind: totp.HOTP, Account: "ada"}, seed[:20]), Placement{})
	for i, want := range []string{"755224", "287082", "359152", "969429", "338314"} {
		if got, err := s.Next(t.Context(), c); err != nil || text(got) != want || got.Step != -1 {
			t.Errorf("%d: %s, error %v, want %s", i, text(got), err, want)
		}
	}
	if _, err := s.Code(t.Context(), c, 5); err == nil || !strings.Contains(err.Error(), "does not go by time") {
		t.Errorf("a step of a counter's credential: error %v", err)
	}
	timed := put(t, s, key(t, totp.Settings{Account: "eve"}, seed[:20]), Placement{})
	if got, err := s.Code(t.Context(), timed, 0); err != nil || text(got) != "755224" { // as the counter 0
		t.Errorf("step 0: %s, error %v", text(got), err)
	}
	if all, err := s.All(t.Context(), 0); err != nil || text(all[1].Code) != "755224" {
		t.Errorf("step 0: %v, error %v", all, err)
	}
	if _, err := s.Next(t.Context(), timed); err == nil {
		t.Error("the next of a time's credential")
	}
	if _, err := s.Code(t.Context(), timed, -1); err == nil {
		t.Error("a step before 1970")
	}
	if _, err := s.Code(t.Context(), named("0/ada", totp.TOTP), 1); err == nil || !strings.Contains(err.Error(), "period of 0") {
		t.Errorf("error %v", err)
	}
}

func TestAll(t *testing.T) {
	card := &yubikeytest.Card{Part: 50}
	s := session(t, card)
	want := map[string]string{}
	for i := range 32 {
		set := totp.Settings{Issuer: "Example", Account: fmt.Sprintf("account-%02d@example.com", i)}
		if i%4 == 1 {
			set.Period = 60
		}
		k := key(t, set, seed[i:i+20])
		c := put(t, s, k, Placement{Touch: i%4 == 2})
		if i%4 == 0 || i%4 == 3 {
			want[c.ID], _ = k.At(1234)
		}
	}
	all, err := s.All(t.Context(), 1234)
	if err != nil || len(all) != 32 {
		t.Fatalf("%d, error %v", len(all), err)
	}
	for i, e := range all {
		if text(e.Code) != want[e.ID] || e.Touch != (i%4 == 2) || e.Kind != totp.TOTP || e.Period != map[bool]int64{true: 60, false: 30}[i%4 == 1] || want[e.ID] != "" && e.Code.Step != 1234 {
			t.Errorf("%s: %+v, code %s, want %s", e.ID, e, text(e.Code), want[e.ID])
		}
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 32 || list[1].Period != 60 {
		t.Errorf("%d, error %v", len(list), err)
	}
	if _, err := s.All(t.Context(), -1); err == nil {
		t.Error("a step before 1970")
	}
}

func second[T any](_ T, err error) error { return err }

func TestResetWantsTheID(t *testing.T) {
	card := &yubikeytest.Card{}
	s := session(t, card)
	put(t, s, key(t, totp.Settings{Account: "ada"}, seed[:20]), Placement{})
	access, _ := s.Derive(seal.NewSecret([]byte("forgotten")))
	if err := s.SetPassword(t.Context(), access); err != nil {
		t.Fatal(err)
	}
	s = session(t, card)
	before := s.DeviceID()
	if err := s.Reset(t.Context(), "yes"); err == nil || !strings.Contains(err.Error(), before) {
		t.Errorf("error %v", err)
	}
	if names, _ := card.Names(); len(names) != 1 {
		t.Error("it was reset")
	}
	if err := s.Reset(t.Context(), before); err != nil || s.Locked() || s.DeviceID() == before {
		t.Errorf("error %v", err)
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, error %v", all, err)
	}
}

func TestTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes, comes := time.Duration(0), true
		card := &yubikeytest.Card{Touch: func(ctx context.Context, what string) bool {
			select {
			case <-time.After(takes):
			case <-ctx.Done():
			}
			return comes
		}}
		s := session(t, card)
		c := put(t, s, key(t, totp.Settings{Account: "ada"}, seed[:20]), Placement{Touch: true})
		asked := 0
		s.Waiting = func(got Credential) {
			if asked++; got.ID != "ada" {
				t.Errorf("waiting for %v", got)
			}
		}
		code := func(ctx context.Context) error {
			asked = 0
			_, err := s.Code(ctx, c, 1)
			synctest.Wait()
			return err
		}
		if err := code(t.Context()); err != nil || asked != 0 {
			t.Errorf("touched at once: error %v, asked %d times", err, asked)
		}
		takes = 6600 * time.Millisecond // as in a trace of a real key
		if err := code(t.Context()); err != nil || asked != 1 {
			t.Errorf("touched later: error %v, asked %d times", err, asked)
		}
		takes, comes = 15*time.Second, false
		if err := code(t.Context()); !errors.Is(err, apdu.ErrTouch) || asked != 1 {
			t.Errorf("never touched: error %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := code(ctx); !errors.Is(err, apdu.ErrTouch) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller's time was over: error %v", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		if err := code(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, apdu.ErrTouch) {
			t.Errorf("the caller gave up: error %v", err)
		}
		takes = time.Hour
		if err := code(t.Context()); !errors.Is(err, apdu.ErrNoAnswer) {
			t.Errorf("the key hangs: error %v", err)
		}
	})
}

// TestPulledOut pulls the key at every command of a whole story.
func TestPulledOut(t *testing.T) {
	story := func(card *yubikeytest.Card) error {
		s, err := Select(t.Context(), card)
		if err != nil {
			return err
		}
		c, err := s.Put(t.Context(), key(t, totp.Settings{Account: "ada"}, seed[:20]), Placement{Touch: true})
		if err != nil {
			return err
		}
		access, _ := s.Derive(seal.NewSecret([]byte("correct horse")))
		return errors.Join(s.SetPassword(t.Context(), access), s.Lock(t.Context()), s.Unlock(t.Context(), access),
			second(s.Code(t.Context(), c, 1)), second(s.All(t.Context(), 1)), s.Delete(t.Context(), c), s.Reset(t.Context(), s.DeviceID()))
	}
	whole := &yubikeytest.Card{}
	if err := story(whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Commands() {
		if err := story(&yubikeytest.Card{PullAt: n + 1, Gone: apdu.ErrRemoved}); !errors.Is(err, apdu.ErrRemoved) {
			t.Errorf("pulled at command %d: error %v", n+1, err)
		}
	}
}

// TestSomebodyElseOnTheKey: another program took the application away in between.
func TestSomebodyElseOnTheKey(t *testing.T) {
	card := &yubikeytest.Card{}
	s := session(t, card)
	access, _ := s.Derive(seal.NewSecret([]byte("correct horse")))
	if err := s.SetPassword(t.Context(), access); err != nil {
		t.Fatal(err)
	}
	session(t, card)
	if _, err := s.List(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("error %v", err)
	}
}

func TestApplicationSwitchedOff(t *testing.T) {
	if _, err := Select(t.Context(), &yubikeytest.Card{NoOATH: true}); !errors.Is(err, apdu.ErrNoApplet) {
		t.Errorf("error %v", err)
	}
}

func TestNothingIsPrinted(t *testing.T) {
	card := &yubikeytest.Card{}
	s := session(t, card)
	c := put(t, s, key(t, totp.Settings{Account: "ada"}, seed[:20]), Placement{})
	access, _ := s.Derive(seal.NewSecret([]byte("correct horse")))
	code, err := s.Code(t.Context(), c, 1)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := s.All(t.Context(), 1)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		got := fmt.Sprintf(format, []any{code, all, access, s.app})
		if strings.Contains(got, text(code)) || strings.Contains(got, hex.EncodeToString([]byte(text(code)))) || strings.Contains(got, hex.EncodeToString(access.Reveal())) {
			t.Errorf("%s shows a secret", format)
		}
	}
}

func TestMalformedAnswers(t *testing.T) {
	ask := map[string]func(s *Session) error{
		"list": func(s *Session) error { return second(s.List(t.Context())) },
		"all":  func(s *Session) error { return second(s.All(t.Context(), 1)) },
		"code": func(s *Session) error { return second(s.Code(t.Context(), named("ada", totp.TOTP), 1)) },
	}
	for _, c := range []struct{ what, answer string }{
		{"list", "7101 61"}, {"list", "7102 2161"}, {"list", "7202 2161 7102 2161"}, {"list", "7201 21"}, {"list", "7205 21"}, {"list", "720221 61 720211 61"},
		{"all", "710161"}, {"all", "7101617603060000"}, {"all", "7201 61 7605 0600000000"}, {"all", "7100 7605 0600000000"},
		{"all", "710161 7509"}, {"all", "710161 7905 0600000000"}, {"all", "710161 7605 0900000000"},
		{"code", ""}, {"code", "7605 0500000000"}, {"code", "7605 0900000000"}, {"code", "7604 06000000"}, {"code", "7505 0600000000"},
		{"code", "7605 0600000000 7605 0600000000"}, {"code", "76"},
	} {
		card := &yubikeytest.Card{}
		s := session(t, card)
		card.Hostile = func([]byte, []byte) []byte {
			b, err := hex.DecodeString(strings.ReplaceAll(c.answer, " ", "") + "9000")
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		if err := ask[c.what](s); !errors.Is(err, apdu.ErrMalformed) {
			t.Errorf("%s %s: error %v", c.what, c.answer, err)
		}
	}
	for _, answer := range []string{"", "7903050403", "71080102030405060708", "7902050471080102030405060708", "7903050403 7100", "7903050403 71080102030405060708 7403010203"} {
		card := &yubikeytest.Card{Hostile: func([]byte, []byte) []byte {
			b, _ := hex.DecodeString(strings.ReplaceAll(answer, " ", "") + "9000")
			return b
		}}
		if _, err := Select(t.Context(), card); !errors.Is(err, apdu.ErrMalformed) {
			t.Errorf("select %s: error %v", answer, err)
		}
	}
}

// TestSelectTakes what is unusual and fine.
func TestSelectTakes(t *testing.T) {
	for answer, locked := range map[string]bool{
		"7903050403 7140" + strings.Repeat("61", 64):                                 false,
		"7903050403 71080102030405060708 7b0102":                                     false, // of a password that there is none of
		"7903050403 71080102030405060708 7408 0102030405060708":                      true,
		"7903050403 71080102030405060708 7440" + strings.Repeat("61", 64) + "7b0121": true,
		"7903050403 71080102030405060708 7e020102":                                   false,
	} {
		card := &yubikeytest.Card{Hostile: func([]byte, []byte) []byte {
			b, _ := hex.DecodeString(strings.ReplaceAll(answer, " ", "") + "9000")
			return b
		}}
		if s, err := Select(t.Context(), card); err != nil || s.Locked() != locked {
			t.Errorf("%s: error %v", answer, err)
		}
	}
}

// TestRenameGivesAPeriodThatIsOne: a name may say a period that is none.
func TestRenameGivesAPeriodThatIsOne(t *testing.T) {
	card := &yubikeytest.Card{}
	s := session(t, card)
	b, _ := hex.DecodeString("000100001b" + "7105302f616461" + "731221060102030405060708090a0b0c0d0e0f10")
	if answer, err := card.Transmit(t.Context(), b); err != nil || answer[0] != 0x90 {
		t.Fatalf("%x, error %v", answer, err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 1 || all[0].ID != "0/ada" {
		t.Fatalf("%v, error %v", all, err)
	}
	if got, err := s.Rename(t.Context(), all[0], "ada"); err != nil || got.ID != "ada" || got.Period != 30 {
		t.Errorf("%+v, error %v", got, err)
	}
}

// hostile answers every command with what the fuzzer made, cut into pieces.
type hostile struct {
	data []byte
}

func (h *hostile) Transmit(context.Context, []byte) ([]byte, error) {
	if len(h.data) == 0 {
		return []byte{0x90, 0x00}, nil
	}
	n := min(int(h.data[0])+1, len(h.data)-1)
	piece := h.data[1 : 1+n]
	h.data = h.data[1+n:]
	return piece, nil
}

// FuzzHostileCard has a key answer anything to a whole session.
func FuzzHostileCard(f *testing.F) {
	selected, _ := hex.DecodeString("7903050403710801020304050607089000")
	locked, _ := hex.DecodeString("790305040371080102030405060708740801020304050607087b01019000")
	list, _ := hex.DecodeString("720521616461629000")
	all, _ := hex.DecodeString("71036164617605060000000171036164627701069000")
	part, _ := hex.DecodeString("7103616461760506000061ff")
	seeds := func(answers ...[]byte) (b []byte) {
		for _, a := range answers {
			b = append(append(b, byte(len(a)-1)), a...)
		}
		return b
	}
	f.Add(seeds(selected, list, all))
	f.Add(seeds(selected, part, part, part))
	f.Add(seeds(locked, list))
	f.Fuzz(func(t *testing.T, data []byte) {
		card := &hostile{data: bytes.Clone(data)}
		s, err := Select(t.Context(), card)
		if err != nil {
			return
		}
		list, _ := s.List(t.Context())
		for _, c := range list {
			if c.ID == "" || c.Kind == totp.TOTP && c.Period < 0 {
				t.Errorf("%+v", c)
			}
		}
		all, _ := s.All(t.Context(), 1)
		for _, e := range all {
			if n := len(e.Code.Text.Reveal()); n != 0 && (n < 6 || n > 8) {
				t.Errorf("a code of %d digits", n)
			}
		}
		_, _ = Find(list, "ada")
		_, _ = s.Code(t.Context(), named("ada", totp.TOTP), 1)
		_, _ = s.Put(t.Context(), key(t, totp.Settings{Account: "ada"}, seed[:20]), Placement{Replace: true})
		access := seal.NewSecret(bytes.Repeat([]byte{1}, 16))
		wasLocked := s.Locked()
		if err := s.Unlock(t.Context(), access); err == nil && wasLocked {
			t.Error("unlocked by a card that cannot know the key")
		}
	})
}
