package yubikeytest

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestDocumentedCommands are commands as Yubico documents them (.NET SDK, OATH commands),
// and what must come back.
func TestDocumentedCommands(t *testing.T) {
	c := &Card{ID: [8]byte{0x4b, 0xb7, 0xa7, 0xfa, 0xd7, 0xaf, 0x40, 0x1b}, Firmware: [3]byte{5, 4, 3}, Serial: 7}
	for _, line := range []string{
		"00a4040007a0000005272101 > 7903050403 71084bb7a7fad7af401b 9000",
		"00a10000 > 9000",
		"0001000030 711a4d6963726f736f66743a74657374406f75746c6f6f6b2e636f6d 731021069c00000000000000000000000000 7802 > 9000",
		"00a10000 > 721b21 4d6963726f736f66743a74657374406f75746c6f6f6b2e636f6d 9000",
		"00a40001 0a 7408f103da8958e44085 > 711a4d6963726f736f66743a74657374406f75746c6f6f6b2e636f6d 7c0106 9000",
		"0002000000 > 6a80",
		"000200001c 711a4d6963726f736f66743a74657374406f75746c6f6f6b2e636f6d > 9000",
		"000200001c 711a4d6963726f736f66743a74657374406f75746c6f6f6b2e636f6d > 6984",
		"000300003373 110178 0e45a00652ccb08c4bdacddaca5134 7408f103da8958e44085 75140000000000000000000000000000000000000000 > 6984",
		"00040000 > 6b00",
		"0004dead > 9000",
		"00aa0000 > 6d00",
		"80a10000 > 6e00",
		"00a100 > 6700",
		"00a1000005ff > 6700",
		"00a1000000 > 9000",
		"00a100000000ff > 9000",
		"00a4040008a000000527471117 > 5669727475616c206d6772202d2046572076657273696f6e20352e342e33 9000",
		"001d0000 > 230102023f 0204000000070302002104010305030504030602000007010f0801000a0100 9000",
		"00a4040007a0000005272001 > 050403010000 9000",
		"00011000 > 00000007 9000",
		"00030000 > 050403010000 9000",
		"0001300001aa > 6985",
		"00a4040003a00000 > 6a82",
		"00a10000 > 6d00",
	} {
		command, want, _ := strings.Cut(line, " > ")
		got, err := c.Transmit(t.Context(), bytesOf(t, command))
		if err != nil || hex.EncodeToString(got) != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s: %x, error %v, want %s", command, got, err, want)
		}
	}
}

// TestOnlyIncreasing is the property that makes a key refuse steps that it has seen.
func TestOnlyIncreasing(t *testing.T) {
	c := &Card{}
	for _, line := range []string{
		"00a4040007a0000005272101 > 9000",
		"0001000017 710161 731021063132333435363738393031323334 7801 > 9000",
		"00a200010d 710161 74080000000000000002 > 9000", "00a200010d 710161 74080000000000000001 > 6a80", "00a200010d 710161 74080000000000000003 > 9000",
	} {
		command, want, _ := strings.Cut(line, " > ")
		got, err := c.Transmit(t.Context(), bytesOf(t, command))
		if err != nil || !strings.HasSuffix(hex.EncodeToString(got), want) {
			t.Errorf("%s: %x, error %v, want %s", command, got, err, want)
		}
	}
}

func TestPullingOut(t *testing.T) {
	gone := errors.New("gone")
	c := &Card{PullAt: 2, Gone: gone}
	list := []byte{0, 0xa1, 0, 0}
	if _, err := c.Transmit(t.Context(), list); err != nil {
		t.Error(err)
	}
	for range 2 {
		if _, err := c.Transmit(t.Context(), list); !errors.Is(err, gone) {
			t.Errorf("error %v", err)
		}
	}
	c.PullAt = 0
	c.PlugIn()
	if _, err := c.Transmit(t.Context(), list); err != nil {
		t.Error(err)
	}
	c.Pull()
	if _, err := c.Transmit(t.Context(), list); !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
}

// TestServeVPCD is the virtual reader's side of its protocol.
func TestServeVPCD(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := &Card{}
	ended := make(chan error, 1)
	go func() { ended <- c.ServeVPCD(context.Background(), l.Addr().String()) }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(message ...byte) {
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() []byte {
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		b, err := receive(conn)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	say(1)
	say(4)
	if got := hear(); got[0] != 0x3b || !strings.Contains(string(got), "YubiKe") {
		t.Errorf("ATR %x", got)
	}
	say(bytesOf(t, "00a4040007a0000005272101")...)
	if got := hear(); got[0] != 0x79 {
		t.Errorf("%x", got)
	}
	say(2) // a reset forgets what is selected
	say(bytesOf(t, "00a10000")...)
	if got := hear(); hex.EncodeToString(got) != "6d00" {
		t.Errorf("%x", got)
	}
	c.Pull()
	say(4)
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after it was pulled out: error %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	l.Close()
	if err := c.ServeVPCD(t.Context(), l.Addr().String()); err == nil {
		t.Error("plugged into nothing")
	}
}

// FuzzCard: nothing that is sent to the card makes it fail.
func FuzzCard(f *testing.F) {
	f.Add(bytesOf(f, "00a4040007a0000005272101"), bytesOf(f, "0001000017710161731021063132333435363738393031323334 7801"))
	f.Add(bytesOf(f, "00a4040007a0000005272001"), bytesOf(f, "0001300001aa"))
	f.Add(bytesOf(f, "00a4040007a0000005272101"), bytesOf(f, "00a400010a7408f103da8958e44085"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		c := &Card{Part: 7}
		c.SetSlot(1, Slot{Key: []byte("key"), Variable: true})
		for _, command := range [][]byte{first, second, {0, 0xa5, 0, 0, 0}} {
			if answer, err := c.Transmit(t.Context(), command); err != nil || len(answer) < 2 || len(answer) > 9 {
				t.Errorf("%x: %x, error %v", command, answer, err)
			}
		}
	})
}
