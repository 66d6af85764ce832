package card

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/yubikeytest"
)

// desk is a computer with keys plugged in, by reader.
type desk struct {
	keys map[string]*yubikeytest.Card
	held map[string]bool // by another program
	open map[string]int
	down error
}

func (d *desk) Readers(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(d.keys)), d.down
}

func (d *desk) Open(_ context.Context, reader string) (apdu.Connection, error) {
	if d.open == nil {
		d.open = map[string]int{}
	}
	d.open[reader]++
	return &wire{Card: d.keys[reader], desk: d, reader: reader}, nil
}

type wire struct {
	*yubikeytest.Card
	desk   *desk
	reader string
	begun  bool
	ends   error // what its end says
}

func (w *wire) Begin(ctx context.Context) error {
	if w.desk.held[w.reader] {
		<-ctx.Done()
		return apdu.ErrBusy
	}
	w.begun = true
	return nil
}

func (w *wire) End(context.Context) error {
	if !w.begun {
		return errors.New("ended what had not begun")
	}
	w.begun = false
	return w.ends
}

func (w *wire) Close() error {
	if w.begun {
		return errors.New("closed before the end")
	}
	w.desk.open[w.reader]--
	return nil
}

const first, second = "Yubico YubiKey OTP+FIDO+CCID 00 00", "Yubico YubiKey OTP+FIDO+CCID 01 00"

func two() *desk {
	return &desk{keys: map[string]*yubikeytest.Card{
		first:                      {Serial: 111, Gone: apdu.ErrRemoved},
		second:                     {Serial: 222, Gone: apdu.ErrRemoved},
		"Other Maker Reader 02 00": {Serial: 333, Gone: apdu.ErrRemoved},
	}}
}

func closed(t *testing.T, d *desk) {
	t.Helper()
	for reader, n := range d.open {
		if n != 0 {
			t.Errorf("%s: %d connections are still open", reader, n)
		}
	}
}

func TestOpen(t *testing.T) {
	one := func(c *yubikeytest.Card) *desk { return &desk{keys: map[string]*yubikeytest.Card{first: c}} }
	down := errors.New("pcscd does not run")
	for name, c := range map[string]struct {
		desk   *desk
		which  Which
		serial uint32
		err    error
		says   string
	}{
		"the only one":            {one(&yubikeytest.Card{Serial: 111}), Which{}, 111, nil, ""},
		"the only one, by serial": {one(&yubikeytest.Card{Serial: 111}), Which{Serial: 111}, 111, nil, ""},
		"by serial":               {two(), Which{Serial: 222}, 222, nil, ""},
		"by reader":               {two(), Which{Reader: "Other Maker Reader 02 00"}, 333, nil, ""},
		"by reader and serial":    {two(), Which{Reader: second, Serial: 222}, 222, nil, ""},
		"none":                    {&desk{}, Which{}, 0, ErrNoDevice, "plug it in"},
		"another maker's":         {&desk{keys: map[string]*yubikeytest.Card{"Other Maker Reader": {}}}, Which{}, 0, ErrNoDevice, "plug it in"},
		"two":                     {two(), Which{}, 0, ErrAmbiguous, "serial number 111, serial number 222"},
		"wrong serial":            {two(), Which{Serial: 9}, 0, ErrNoDevice, "serial number 9; there are serial number 111, serial number 222"},
		"wrong serial, one":       {one(&yubikeytest.Card{Serial: 111}), Which{Serial: 9}, 0, ErrNoDevice, "serial number 9; there is serial number 111"},
		"no serial told":          {one(&yubikeytest.Card{}), Which{Serial: 9}, 0, ErrNoDevice, "one that tells no serial number"},
		"wrong reader":            {two(), Which{Reader: "Yubico"}, 0, ErrNoDevice, `"Yubico"`},
		"no readers":              {&desk{down: down}, Which{}, 0, down, "look for YubiKeys"},
		"pulled out half-way":     {one(&yubikeytest.Card{Serial: 111, PullAt: 2, Gone: apdu.ErrRemoved}), Which{}, 0, apdu.ErrRemoved, first},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := Open(t.Context(), c.desk, c.which)
			if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("error %v, want %v: %s", err, c.err, c.says)
			}
			if err == nil {
				if k.Info.Serial != c.serial {
					t.Errorf("serial number %d", k.Info.Serial)
				}
				if err := k.Close(); err != nil {
					t.Error(err)
				}
			}
			closed(t, c.desk)
		})
	}
}

// TestHeld: another program holds a key.
func TestHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := two()
		d.held = map[string]bool{first: true}
		if k, err := Open(t.Context(), d, Which{Serial: 222}); err != nil || k.Info.Serial != 222 || k.Close() != nil {
			t.Errorf("the other one: error %v", err)
		}
		start := time.Now()
		_, err := Open(t.Context(), d, Which{Serial: 111})
		if !errors.Is(err, apdu.ErrBusy) || errors.Is(err, ErrNoDevice) || time.Since(start) > 5*time.Second {
			t.Errorf("it may be the one: error %v after %v", err, time.Since(start))
		}
		if _, err := Open(t.Context(), d, Which{}); !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), "cannot be asked") {
			t.Errorf("error %v", err)
		}
		delete(d.keys, second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		if _, err := Open(ctx, d, Which{}); !errors.Is(err, apdu.ErrBusy) || time.Since(start) != time.Minute {
			t.Errorf("the only one is waited for: error %v after %v", err, time.Since(start))
		}
		closed(t, d)
	})
}

func TestFind(t *testing.T) {
	d := two()
	d.keys[second].PullAt = 1
	all, err := Find(t.Context(), d)
	if err != nil || len(all) != 2 || all[0].Info.Serial != 111 || all[0].Problem != nil || !errors.Is(all[1].Problem, apdu.ErrRemoved) || all[1].Reader != second {
		t.Errorf("%+v, error %v", all, err)
	}
	if all, err := Find(t.Context(), &desk{}); err != nil || len(all) != 0 {
		t.Errorf("%v, error %v", all, err)
	}
	closed(t, d)
}

func TestUse(t *testing.T) {
	d := two()
	failed := errors.New("it failed")
	err := Use(t.Context(), d, Which{Serial: 111}, func(_ context.Context, k *Key) error {
		if d.open[first] != 1 || k.Reader != first {
			t.Errorf("%v", d.open)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	if err := Use(t.Context(), d, Which{}, nil); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("error %v", err)
	}
	closed(t, d)
}

// TestCloseLocks: what was unlocked is not left so.
func TestCloseLocks(t *testing.T) {
	d := two()
	k, err := Open(t.Context(), d, Which{Serial: 111})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]byte{append([]byte{0, 0xa4, 4, 0, 7}, 0xa0, 0, 0, 5, 0x27, 0x21, 1), {0, 0xa1, 0, 0, 0}} {
		if answer, err := k.Transmit(t.Context(), command); err != nil || answer[len(answer)-2] != 0x90 {
			t.Fatalf("%x, error %v", answer, err)
		}
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if answer, err := d.keys[first].Transmit(t.Context(), []byte{0, 0xa1, 0, 0, 0}); err != nil || hex.EncodeToString(answer) != "6d00" {
		t.Errorf("the next program is answered %x, error %v", answer, err)
	}
}

func TestAsk(t *testing.T) {
	for name, c := range map[string]struct {
		card *yubikeytest.Card
		want Info
		says string
	}{
		"5":                   {&yubikeytest.Card{Serial: 7}, Info{7, apdu.Version{5, 4, 3}, "keychain, USB-C", false}, "YubiKey (keychain, USB-C), firmware 5.4.3, serial number 7"},
		"NEO":                 {&yubikeytest.Card{Serial: 7, Firmware: [3]byte{3, 4, 9}, NoDeviceInfo: true}, Info{7, apdu.Version{3, 4, 9}, "", false}, "YubiKey, firmware 3.4.9, serial number 7"},
		"no management":       {&yubikeytest.Card{Serial: 7, NoManagement: true}, Info{7, apdu.Version{5, 4, 3}, "", false}, "YubiKey, firmware 5.4.3, serial number 7"},
		"serial not told":     {&yubikeytest.Card{NoManagement: true}, Info{0, apdu.Version{5, 4, 3}, "", false}, "YubiKey, firmware 5.4.3, one that tells no serial number"},
		"nothing is told":     {&yubikeytest.Card{NoManagement: true, NoOTP: true}, Info{}, "YubiKey, firmware 0.0.0, one that tells no serial number"},
		"in parts":            {&yubikeytest.Card{Serial: 7, Part: 3}, Info{7, apdu.Version{5, 4, 3}, "keychain, USB-C", false}, "YubiKey (keychain, USB-C), firmware 5.4.3, serial number 7"},
		"NEO, no OTP, a name": {&yubikeytest.Card{Firmware: [3]byte{3, 4, 9}, NoDeviceInfo: true, NoOTP: true}, Info{0, apdu.Version{3, 4, 9}, "", false}, "YubiKey, firmware 3.4.9, one that tells no serial number"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Ask(t.Context(), c.card)
			if err != nil || got != c.want || got.String() != c.says {
				t.Errorf("%+v, %s, error %v", got, got, err)
			}
		})
	}
}

// said is a card that answers by instruction: SELECT, device information, serial number.
type said map[byte]string

func (s said) Transmit(_ context.Context, command []byte) ([]byte, error) {
	answer, there := s[command[1]]
	if !there {
		answer = "6d00"
	}
	return hex.DecodeString(strings.ReplaceAll(answer, " ", ""))
}

// TestDeviceInfo reads what keys say, and passes over what they say besides.
func TestDeviceInfo(t *testing.T) {
	for answer, want := range map[string]Info{
		"17 0102033f 020400000007 040181 0503050703 0f03010101": {7, apdu.Version{5, 7, 3}, "keychain, USB-A", true},
		"03 040107":                     {0, apdu.Version{5, 4, 3}, "Bio, USB-C", false},
		"03 040109":                     {0, apdu.Version{5, 4, 3}, "", false},
		"00":                            {0, apdu.Version{5, 4, 3}, "", false},
		"0c 0101ff 0204006cb7d6 03013f": {7124950, apdu.Version{5, 4, 3}, "", false}, // the shape of a YubiKey 4's
	} {
		card := said{0xa4: hex.EncodeToString([]byte("Virtual mgr - FW version 5.4.3")) + "9000", 0x1d: answer + "9000"}
		if got, err := Ask(t.Context(), card); err != nil || got != want {
			t.Errorf("%s: %+v, error %v, want %+v", answer, got, err, want)
		}
	}
	if got := (Info{7, apdu.Version{5, 4, 3}, "nano, USB-C", true}).String(); got != "YubiKey FIPS (nano, USB-C), firmware 5.4.3, serial number 7" {
		t.Error(got)
	}
}

// TestEnds: a key that was pulled out needs no giving back; other failures are told.
func TestEnds(t *testing.T) {
	failed := errors.New("it failed")
	for ends, want := range map[error]error{apdu.ErrRemoved: nil, failed: failed} {
		d := two()
		k, err := Open(t.Context(), d, Which{Serial: 111})
		if err != nil {
			t.Fatal(err)
		}
		k.Connection.(*wire).ends = ends
		if err := k.Close(); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%v: error %v", ends, err)
		}
		closed(t, d)
	}
	down := errors.New("pcscd does not run")
	if _, err := Find(t.Context(), &desk{down: down}); !errors.Is(err, down) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, two(), Which{}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: error %v", err)
	}
}

func TestAskRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		card said
		want error
	}{
		"no length":        {said{0xa4: "9000", 0x1d: "9000"}, apdu.ErrMalformed},
		"another length":   {said{0xa4: "9000", 0x1d: "05 0204000000 9000"}, apdu.ErrMalformed},
		"short serial":     {said{0xa4: "9000", 0x1d: "04 02020001 9000"}, apdu.ErrMalformed},
		"long version":     {said{0xa4: "9000", 0x1d: "06 050405040300 9000"}, apdu.ErrMalformed},
		"no values":        {said{0xa4: "9000", 0x1d: "03 020401 9000"}, apdu.ErrMalformed},
		"failed":           {said{0xa4: "9000", 0x1d: "6581"}, apdu.Status(0x6581)},
		"slots, no status": {said{0xa4: "0504 9000"}, apdu.ErrMalformed},
		"form":             {said{0xa4: "9000", 0x1d: "04 04020101 9000"}, apdu.ErrMalformed},
		"slots, serial":    {said{0xa4: "0504030105 00 9000", 0x01: "0102 9000"}, apdu.ErrMalformed},
	} {
		if got, err := Ask(t.Context(), c.card); !errors.Is(err, c.want) || got != (Info{}) && !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, error %v, want %v", name, got, err, c.want)
		}
	}
}

// TestAskPulledOut pulls an old key at each command.
func TestAskPulledOut(t *testing.T) {
	for at := 1; at <= 4; at++ {
		card := &yubikeytest.Card{Serial: 7, NoDeviceInfo: true, PullAt: at, Gone: apdu.ErrRemoved}
		if got, err := Ask(t.Context(), card); !errors.Is(err, apdu.ErrRemoved) || got != (Info{}) {
			t.Errorf("at command %d: %+v, error %v", at, got, err)
		}
	}
	short := said{0xa4: "050403 9000", 0x01: "00000007 9000"} // the least that a status is
	if got, err := Ask(t.Context(), short); err != nil || got.Serial != 7 || got.Firmware != (apdu.Version{5, 4, 3}) {
		t.Errorf("%+v, error %v", got, err)
	}
}

func TestGreetings(t *testing.T) {
	for greeting, want := range map[string]apdu.Version{
		"Virtual mgr - FW version 5.4.3":         {5, 4, 3},
		"Virtual mgr - FW version 4.1.4\x90\x00": {4, 1, 4}, // a YubiKey Edge repeats its status
		"":                                       {},
		"version 5.4":                            {},
		"version 5.4.30":                         {5, 4, 30},
		"300.1.1":                                {},
	} {
		if got := greeted([]byte(greeting)); got != want {
			t.Errorf("%q: %v", greeting, got)
		}
	}
}

func FuzzDeviceInfo(f *testing.F) {
	seed, _ := hex.DecodeString("0e0102033f0204016bf6e6050305040304")
	f.Add(seed)
	f.Fuzz(func(t *testing.T, b []byte) {
		var i Info
		if err := i.read(b); err != nil && !errors.Is(err, apdu.ErrMalformed) {
			t.Error(err)
		}
		_ = i.String()
		greeted(b)
	})
}
