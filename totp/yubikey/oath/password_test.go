package oath

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"testing"

	"mfawatch/totp"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/yubikeytest"
)

func TestPassword(t *testing.T) {
	card := &yubikeytest.Card{}
	s := session(t, card)
	cred := put(t, s, key(t, totp.Settings{Account: "ada"}, seed[:20]), Placement{})
	password := seal.NewSecret([]byte("correct horse"))
	access, err := s.Derive(password)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetPassword(t.Context(), access); err != nil || !card.HasPassword() || !s.HasPassword() || s.Locked() {
		t.Fatalf("error %v", err)
	}
	s = session(t, card)
	if !s.Locked() || !s.HasPassword() {
		t.Fatal("not locked")
	}
	locked(t, s, cred)
	wrong, _ := s.Derive(seal.NewSecret([]byte("wrong horse")))
	if err := s.Unlock(t.Context(), wrong); !errors.Is(err, ErrPassword) || !s.Locked() {
		t.Errorf("wrong: error %v", err)
	}
	if err := s.Unlock(t.Context(), access); err != nil || s.Locked() {
		t.Fatalf("right, after wrong: error %v", err)
	}
	if _, err := s.List(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Lock(t.Context()); err != nil || !s.Locked() {
		t.Errorf("error %v", err)
	}
	locked(t, s, cred)
	if err := s.Unlock(t.Context(), access); err != nil {
		t.Fatal(err)
	}
	if err := s.ClearPassword(t.Context()); err != nil || card.HasPassword() {
		t.Errorf("error %v", err)
	}
	if s = session(t, card); s.Locked() {
		t.Error("locked without a password")
	}
}

// locked holds a session to refusing everything without asking the key.
func locked(t *testing.T, s *Session, c Credential) {
	t.Helper()
	for name, err := range map[string]error{
		"list":     second(s.List(t.Context())),
		"put":      second(s.Put(t.Context(), key(t, totp.Settings{Account: "x"}, seed[:20]), Placement{})),
		"code":     second(s.Code(t.Context(), c, 1)),
		"all":      second(s.All(t.Context(), 1)),
		"delete":   s.Delete(t.Context(), c),
		"rename":   second(s.Rename(t.Context(), c, "x")),
		"clear":    s.ClearPassword(t.Context()),
		"password": s.SetPassword(t.Context(), seal.NewSecret(make([]byte, 16))),
	} {
		if !errors.Is(err, ErrLocked) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestPasswordsAreDerivedAsOthersDo(t *testing.T) {
	// By ykman 4.0.9's yubikit: _derive_key(bytes.fromhex("0102030405060708"), "correct horse").hex()
	s := session(t, &yubikeytest.Card{ID: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}})
	got, err := s.Derive(seal.NewSecret([]byte("correct horse")))
	if want := "49561f12fb17065dd680fc5a61d740a6"; err != nil || hex.EncodeToString(got.Reveal()) != want {
		t.Errorf("%x, error %v, want %s", got.Reveal(), err, want)
	}
	if _, err := s.Derive(seal.NewSecret(nil)); err == nil {
		t.Error("an empty password")
	}
	if err := s.SetPassword(t.Context(), seal.NewSecret([]byte("password"))); err == nil {
		t.Error("a password for an access key")
	}
}

// TestImpostor: a key that takes any password and does not know it itself.
func TestImpostor(t *testing.T) {
	card := &yubikeytest.Card{}
	s := session(t, card)
	access, _ := s.Derive(seal.NewSecret([]byte("correct horse")))
	if err := s.SetPassword(t.Context(), access); err != nil {
		t.Fatal(err)
	}
	var echoed []byte
	card.Hostile = func(command, answer []byte) []byte {
		if command[1] != insValidate {
			return answer
		}
		echoed = command[7 : 7+20] // our own answer to its challenge
		return append(append([]byte{0x75, 20}, echoed...), 0x90, 0)
	}
	s = session(t, card)
	if err := s.Unlock(t.Context(), access); !errors.Is(err, ErrImpostor) || !s.Locked() || echoed == nil {
		t.Errorf("error %v", err)
	}
	card.Hostile = func(command, answer []byte) []byte {
		if command[1] != insValidate {
			return answer
		}
		return []byte{0x90, 0}
	}
	if err := session(t, card).Unlock(t.Context(), access); !errors.Is(err, apdu.ErrMalformed) {
		t.Errorf("nothing said: error %v", err)
	}
}

// TestUnlockFails for another reason than the password.
func TestUnlockFails(t *testing.T) {
	card := &yubikeytest.Card{}
	s := session(t, card)
	access, _ := s.Derive(seal.NewSecret([]byte("correct horse")))
	if err := s.SetPassword(t.Context(), access); err != nil {
		t.Fatal(err)
	}
	for status, want := range map[string]error{"6581": apdu.Status(0x6581), "6a80": ErrPassword, "6982": ErrPassword, "6984": apdu.NoObject} {
		card.Hostile = nil
		s = session(t, card)
		card.Hostile = func(command, answer []byte) []byte {
			if command[1] == insValidate {
				answer, _ = hex.DecodeString(status)
			}
			return answer
		}
		if err := s.Unlock(t.Context(), access); !errors.Is(err, want) || !s.Locked() {
			t.Errorf("%s: error %v, want %v", status, err, want)
		}
	}
	card.Hostile = func(command, answer []byte) []byte {
		if command[1] == insSetCode {
			return []byte{0x65, 0x81}
		}
		return answer
	}
	if err := session(t, card).ClearPassword(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("error %v", err)
	}
}

func TestAnotherAlgorithmOfThePassword(t *testing.T) {
	card := &yubikeytest.Card{Hostile: func([]byte, []byte) []byte {
		b, _ := hex.DecodeString("7903050403" + "71080102030405060708" + "74080102030405060708" + "7b0102" + "9000")
		return b
	}}
	if _, err := Select(t.Context(), card); !errors.Is(err, ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

func TestTheOracleOfTheImpostorTest(t *testing.T) {
	h := hmac.New(sha1.New, []byte("key"))
	h.Write([]byte("The quick brown fox jumps over the lazy dog"))
	if got := response(seal.NewSecret([]byte("key")), []byte("The quick brown fox jumps over the lazy dog")); !hmac.Equal(got, h.Sum(nil)) || hex.EncodeToString(got) != "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9" {
		t.Errorf("%x", got)
	}
}
