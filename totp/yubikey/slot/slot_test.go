package slot

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/yubikeytest"
)

func selected(t *testing.T, card apdu.Transmitter) *Slots {
	t.Helper()
	s, err := Select(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestVectors are RFC 2202's first two and FIPS 198's A.2, which Yubico's own manual
// shows on a key.
func TestVectors(t *testing.T) {
	for _, c := range []struct{ key, challenge, want string }{
		{"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"},
		{hex.EncodeToString([]byte("Jefe")), "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"303132333435363738393a3b3c3d3e3f40414243", "Sample #2", "0922d3405faa3d194f82a45830737d5cc6c75d24"},
	} {
		for number := 1; number <= 2; number++ {
			card := &yubikeytest.Card{}
			key, err := hex.DecodeString(c.key)
			if err != nil {
				t.Fatal(err)
			}
			card.SetSlot(number, yubikeytest.Slot{Key: key, Variable: true})
			s := selected(t, card)
			if !s.Set(number) || s.Set(3-number) || s.Touch(number) {
				t.Errorf("slot %d: flags %x", number, s.flags)
			}
			got, err := s.Respond(t.Context(), number, []byte(c.challenge))
			if err != nil || hex.EncodeToString(got.Reveal()) != c.want {
				t.Errorf("slot %d: %x, error %v; want %s", number, got.Reveal(), err, c.want)
			}
		}
	}
}

// TestNothingOfAChallengeIsTaken: keys take off what repeats at the end.
func TestNothingOfAChallengeIsTaken(t *testing.T) {
	card := &yubikeytest.Card{}
	key := []byte("01234567890123456789")
	card.SetSlot(2, yubikeytest.Slot{Key: key, Variable: true})
	s := selected(t, card)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 500 {
		challenge := make([]byte, 1+r.IntN(MaxChallenge))
		for j := range challenge {
			challenge[j] = byte(r.Uint32())
		}
		for j := range r.IntN(len(challenge)) { // many that end in a row of the same
			challenge[len(challenge)-1-j] = []byte{0, 1, 0xff, byte(i)}[i%4]
		}
		h := hmac.New(sha1.New, key)
		h.Write(challenge)
		got, err := s.Respond(t.Context(), 2, challenge)
		if err != nil || !hmac.Equal(got.Reveal(), h.Sum(nil)) {
			t.Fatalf("%x: %x, error %v", challenge, got.Reveal(), err)
		}
	}
}

// TestFixedSlots: all 64 bytes count, and the same challenge still gives the same.
func TestFixedSlots(t *testing.T) {
	card := &yubikeytest.Card{}
	card.SetSlot(1, yubikeytest.Slot{Key: []byte("key")})
	s := selected(t, card)
	h := hmac.New(sha1.New, []byte("key"))
	h.Write(append([]byte("ada"), make([]byte, 61)...))
	got, err := s.Respond(t.Context(), 1, []byte("ada"))
	if err != nil || !hmac.Equal(got.Reveal(), h.Sum(nil)) {
		t.Errorf("%x, error %v", got.Reveal(), err)
	}
}

func TestRefusals(t *testing.T) {
	card := &yubikeytest.Card{}
	card.SetSlot(1, yubikeytest.Slot{Key: []byte("key")})
	s := selected(t, card)
	before := len(card.Commands())
	for name, c := range map[string]struct {
		number int
		length int
		want   string
	}{
		"no such slot": {3, 8, "no slot 3"}, "slot 0": {0, 8, "no slot 0"}, "empty slot": {2, 8, "not set to HMAC-SHA1"},
		"no challenge": {1, 0, "0 bytes"}, "a whole block": {1, 64, "slots take 1 to 63"},
	} {
		if _, err := s.Respond(t.Context(), c.number, make([]byte, c.length)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if got := len(card.Commands()); got != before {
		t.Errorf("%d commands were sent", got-before)
	}
	if _, err := Select(t.Context(), &yubikeytest.Card{NoOTP: true}); !errors.Is(err, apdu.ErrNoApplet) {
		t.Errorf("error %v", err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for answer, want := range map[string]error{"9000": ErrNotSet, "00112233445566778899aabbccddeeff9000": ErrNotSet, "6985": ErrNotSet, "6982": ErrNotSet, "6a80": ErrNotSet, "6581": apdu.Status(0x6581), "90": apdu.ErrMalformed} {
		card := &yubikeytest.Card{}
		card.SetSlot(1, yubikeytest.Slot{Key: []byte("key")})
		s := selected(t, card)
		card.Hostile = func([]byte, []byte) []byte {
			b, _ := hex.DecodeString(answer)
			return b
		}
		if _, err := s.Respond(t.Context(), 1, []byte("ada")); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", answer, err, want)
		}
	}
	card := &yubikeytest.Card{Hostile: func([]byte, []byte) []byte { return []byte{5, 4, 3, 1, 5, 0x90, 0} }}
	if _, err := Select(t.Context(), card); !errors.Is(err, apdu.ErrMalformed) {
		t.Errorf("error %v", err)
	}
	gone := &yubikeytest.Card{PullAt: 2, Gone: apdu.ErrRemoved}
	gone.SetSlot(1, yubikeytest.Slot{Key: []byte("key")})
	if _, err := selected(t, gone).Respond(t.Context(), 1, []byte("ada")); !errors.Is(err, apdu.ErrRemoved) {
		t.Errorf("error %v", err)
	}
}

func TestAnswersInParts(t *testing.T) {
	card := &yubikeytest.Card{Part: 4}
	card.SetSlot(1, yubikeytest.Slot{Key: []byte("Jefe"), Variable: true})
	got, err := selected(t, card).Respond(t.Context(), 1, []byte("what do ya want for nothing?"))
	if err != nil || hex.EncodeToString(got.Reveal()) != "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" {
		t.Errorf("%x, error %v", got.Reveal(), err)
	}
}

// TestWhatIsNoTouch: a slot that wants a touch can fail otherwise.
func TestWhatIsNoTouch(t *testing.T) {
	for answer, touch := range map[string]bool{"6985": true, "6982": true, "6581": false, "6a80": false} {
		card := &yubikeytest.Card{}
		card.SetSlot(1, yubikeytest.Slot{Key: []byte("key"), Touch: true})
		s := selected(t, card)
		card.Hostile = func([]byte, []byte) []byte {
			b, _ := hex.DecodeString(answer)
			return b
		}
		if _, err := s.Respond(t.Context(), 1, []byte("ada")); err == nil || errors.Is(err, apdu.ErrTouch) != touch {
			t.Errorf("%s: error %v", answer, err)
		}
	}
}

func TestTouch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes, comes, asked := 2*time.Second, true, 0
		card := &yubikeytest.Card{Touch: func(ctx context.Context, what string) bool {
			select {
			case <-time.After(takes):
			case <-ctx.Done():
			}
			return comes && what == "slot 2"
		}}
		card.SetSlot(2, yubikeytest.Slot{Key: []byte("key"), Touch: true, Variable: true})
		s := selected(t, card)
		if !s.Touch(2) || s.Touch(1) {
			t.Errorf("flags %x", s.flags)
		}
		if _, err := s.Respond(t.Context(), 2, []byte("ada")); err != nil { // nobody wants to be told
			t.Error(err)
		}
		s.Waiting = func(number int) { asked += number }
		if _, err := s.Respond(t.Context(), 2, []byte("ada")); err != nil || asked != 2 {
			t.Errorf("error %v, asked %d", err, asked)
		}
		comes = false
		if _, err := s.Respond(t.Context(), 2, []byte("ada")); !errors.Is(err, apdu.ErrTouch) {
			t.Errorf("error %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Respond(ctx, 2, []byte("ada")); !errors.Is(err, apdu.ErrTouch) {
			t.Errorf("error %v", err)
		}
	})
}
