package otp_test

import (
	"bytes"
	"errors"
	"testing"

	"mfawatch/totp"
	"mfawatch/totp/yubikey/otp"
)

// FuzzModhex: what is decoded is encoded to the same text, and every byte has one.
func FuzzModhex(f *testing.F) {
	for _, seed := range []string{"", "c", "ifhgieif", "CB", "é", "\xff", "cbdefghijklnrtuv"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := otp.DecodeModhex(text); err == nil && otp.EncodeModhex(b) != text {
			t.Errorf("%q is decoded and not encoded to itself", text)
		}
		if b, err := otp.DecodeModhex(otp.EncodeModhex([]byte(text))); err != nil || string(b) != text {
			t.Errorf("%x is encoded and not decoded to itself: %v", text, err)
		}
	})
}

// FuzzParse: what is an OTP is so in one spelling, on any keyboard, and opens with no
// credential but its own.
func FuzzParse(f *testing.F) {
	f.Add(vectorOTP, "", false)
	f.Add("eky..ugh.dtbduxphbnbebdjghkeexctbihpyid", "dvorak", false)
	f.Add("DTEFFUJEHKNHFJBRJNLNLDNHCUJVDDBIKNGJRTGH", "turkish-q", true)
	f.Add("δτεφφθξεηκνηφξβρξνλνλδνηψθξωδδβικνγξρτγη", "greek", true)
	f.Fuzz(func(t *testing.T, text, layout string, capitals bool) {
		o, err := otp.Keyboard{Layout: layout, Capitals: capitals}.Parse(text)
		if err != nil {
			if o.Text() != "" {
				t.Errorf("an error and an OTP of %q", text)
			}
			return
		}
		again, err := otp.Parse(o.Text())
		if err != nil || again.Text() != o.Text() || again.PublicID() != o.PublicID() {
			t.Errorf("%q is an OTP, and what it says is not: %v", text, err)
		}
		if layout == "" && !capitals && o.Text() != text {
			t.Errorf("%q has another spelling", text)
		}
		if _, err := credential(t, o.PublicID()).Open(o); !errors.Is(err, totp.ErrNoMatch) && o.Text()[len(o.PublicID()):] != vectorOTP[8:] {
			t.Errorf("%q opens: %v", text, err)
		}
	})
}

// FuzzCredential: what is a credential is so in one spelling.
func FuzzCredential(f *testing.F) {
	f.Add([]byte("yubico-otp/1 dteffuje 8792ebfe26cc ecde18dbe76fbd0c33330f1c354871db"))
	f.Add([]byte("yubico-otp/1 - 8792ebfe26cc ecde18dbe76fbd0c33330f1c354871db"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := otp.ParseCredential(text); err == nil && !bytes.Equal(c.Text(), text) {
			t.Errorf("%q has another spelling", text)
		}
	})
}

// FuzzSimulate: what is made opens to the same token.
func FuzzSimulate(f *testing.F) {
	f.Add(uint16(19), uint8(17), uint32(49712), uint16(40904), false)
	f.Add(uint16(otp.MaxSession), uint8(255), uint32(otp.MaxTimestamp), uint16(0), true)
	f.Fuzz(func(t *testing.T, session uint16, use uint8, ticks uint32, random uint16, caps bool) {
		c := credential(t, "ccccccbchvth")
		want := otp.Token{Session: session & otp.MaxSession, Use: use, Timestamp: ticks & otp.MaxTimestamp, Random: random, CapsLock: caps}
		if got, err := c.Open(made(t, c, want)); err != nil || got != want {
			t.Errorf("%+v becomes %+v, %v", want, got, err)
		}
	})
}
