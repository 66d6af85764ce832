//go:build linux

package pcsc

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mfawatch/totp/yubikey/apdu"
	"mfawatch/totp/yubikey/yubikeytest"
)

// daemon is a pcscd of as much as is asked here, written from pcsc-lite's
// winscard_svc.c. Only one connection at a time holds a card.
type daemon struct {
	minor   uint32 // of its protocol; strict, as until 2.4.0
	readers map[string]*yubikeytest.Card
	empty   []string // readers without a card
	code    map[uint32]uint32
	once    map[uint32]uint32                     // codes that are answered once
	hold    func(command uint32) bool             // a command that is never answered
	spoil   func(command uint32, b []byte) []byte // an answer that is another

	path     string
	mu       sync.Mutex
	locked   map[string]int // reader → connection
	conns    int
	open     int
	resets   int
	goodbyes int
	release  chan struct{}
}

func serve(t *testing.T, d *daemon) Service {
	t.Helper()
	if d.minor == 0 {
		d.minor = 4
	}
	d.path, d.locked, d.release = filepath.Join(t.TempDir(), "pcscd.comm"), map[string]int{}, make(chan struct{})
	l, err := net.Listen("unix", d.path)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { close(d.release); l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			d.mu.Lock()
			d.conns++
			d.open++
			id := d.conns
			d.mu.Unlock()
			all.Go(func() { d.client(conn, id) })
		}
	})
	return Service{Path: d.path}
}

func (d *daemon) client(conn net.Conn, id int) {
	reader := ""
	defer func() {
		conn.Close()
		d.mu.Lock()
		d.open--
		if reader != "" && d.locked[reader] == id { // a client that died in a transaction: the card is reset
			delete(d.locked, reader)
			d.resets++
		}
		d.mu.Unlock()
	}()
	for {
		var header [8]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			return
		}
		size, command := binary.NativeEndian.Uint32(header[:]), binary.NativeEndian.Uint32(header[4:])
		want, known := map[uint32]uint32{0x01: 12, 0x04: 152, 0x05: 24, 0x06: 12, 0x07: 8, 0x08: 12, 0x09: 32, 0x11: 12, 0x12: 0}[command]
		if !known || size != want {
			return // "wrong length"
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		answer := d.answer(conn, id, &reader, command, body)
		if d.hold != nil && d.hold(command) {
			<-d.release
			return
		}
		if d.spoil != nil {
			answer = d.spoil(command, answer)
		}
		if answer == nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

func put(b []byte, at int, n uint32) { binary.NativeEndian.PutUint32(b[at:], n) }
func get(b []byte, at int) uint32    { return binary.NativeEndian.Uint32(b[at:]) }

func (d *daemon) answer(conn net.Conn, id int, reader *string, command uint32, body []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	last := len(body) - 4
	code, there := d.once[command]
	if delete(d.once, command); !there {
		code, there = d.code[command]
	}
	if there {
		if command == 0x09 {
			_, _ = io.CopyN(io.Discard, conn, int64(get(body, 12)))
		}
		put(body, last, code)
		return body
	}
	switch command {
	case 0x11:
		if get(body, 0) != 4 || get(body, 4) != d.minor {
			put(body, 8, uint32(serviceStopped))
		}
		put(body, 0, 4)
		put(body, 4, d.minor)
	case 0x01:
		put(body, 4, uint32(0x1000+id))
	case 0x12:
		return d.states()
	case 0x04:
		name, _, _ := bytes.Cut(body[4:132], []byte{0})
		switch {
		case get(body, 0) != uint32(0x1000+id) || get(body, 132) != 2 || get(body, 136) != 1|2: // shared, T=0 or T=1
			return nil
		case d.readers[string(name)] == nil:
			put(body, last, uint32(unknownReader))
		default:
			*reader = string(name)
			put(body, 140, uint32(0x2000+id))
			put(body, 144, 2)
		}
	case 0x09:
		return d.transmit(conn, id, *reader, body)
	case 0x07:
		if holder := d.locked[*reader]; holder != 0 && holder != id {
			put(body, last, uint32(sharing))
		} else {
			d.locked[*reader] = id
		}
	case 0x05:
		if get(body, 4) != 2 || get(body, 8) != 1|2 || get(body, 12) != 0 {
			return nil
		}
		put(body, 16, 2)
	case 0x08, 0x06:
		if get(body, 0) != uint32(0x2000+id) || get(body, 4) != 0 { // the card is left as it is
			return nil
		}
		if command == 0x06 {
			d.goodbyes++
		}
		if d.locked[*reader] == id {
			delete(d.locked, *reader)
		}
	}
	return body
}

func (d *daemon) states() []byte {
	all := make([]byte, 16*184)
	at := 0
	add := func(name string, state uint32) {
		copy(all[at:], name)
		put(all, at+132, state)
		at += 184
	}
	for _, name := range d.empty {
		add(name, 0x02|0x10)
	}
	for name := range d.readers {
		add(name, 0x04)
	}
	return all
}

func (d *daemon) transmit(conn net.Conn, id int, reader string, body []byte) []byte {
	command := make([]byte, get(body, 12))
	if _, err := io.ReadFull(conn, command); err != nil || get(body, 0) != uint32(0x2000+id) ||
		get(body, 4) != 2 || get(body, 8) != 8 || get(body, 16) != 2 || get(body, 20) != 8 || get(body, 24) != 65538 {
		return nil
	}
	if holder := d.locked[reader]; holder != 0 && holder != id {
		put(body, 28, uint32(sharing))
		return body
	}
	answer, err := d.readers[reader].Transmit(context.Background(), command)
	if err != nil {
		put(body, 28, uint32(removed))
		return body
	}
	put(body, 24, uint32(len(answer)))
	return append(body, answer...)
}

const reader = "Yubico YubiKey OTP+FIDO+CCID 00 00"

func withKey() *daemon {
	return &daemon{readers: map[string]*yubikeytest.Card{reader: {Serial: 7}}, empty: []string{"Yubico YubiKey OTP+FIDO+CCID 00 01"}}
}

func open(t *testing.T, s Service) apdu.Connection {
	t.Helper()
	c, err := s.Open(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

var selectOATH, _ = hex.DecodeString("00a4040007a0000005272101")

func TestACard(t *testing.T) {
	for _, minor := range []uint32{3, 4, 5, 6} {
		d := withKey()
		d.minor = minor
		s := serve(t, d)
		names, err := s.Readers(t.Context())
		if err != nil || len(names) != 1 || names[0] != reader {
			t.Fatalf("4:%d: %q, error %v", minor, names, err)
		}
		c := open(t, s)
		if err := c.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		answer, err := c.Transmit(t.Context(), selectOATH)
		if err != nil || !bytes.HasPrefix(answer, []byte{0x79, 3, 5, 4, 3, 0x71, 8}) || !bytes.HasSuffix(answer, []byte{0x90, 0}) {
			t.Errorf("4:%d: %x, error %v", minor, answer, err)
		}
		if err := errors.Join(c.End(t.Context()), c.Close(), c.Close()); err != nil {
			t.Error(err)
		}
		if _, err := c.Transmit(t.Context(), selectOATH); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after the end: error %v", err)
		}
		d.mu.Lock()
		if d.goodbyes != 1 || d.resets != 0 {
			t.Errorf("4:%d: %d goodbyes, %d resets", minor, d.goodbyes, d.resets)
		}
		d.mu.Unlock()
	}
}

func TestNoService(t *testing.T) {
	missing := Service{Path: filepath.Join(t.TempDir(), "pcscd.comm")}
	refusing := Service{Path: filepath.Join(t.TempDir(), "pcscd.comm")}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: refusing.Path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	hangsUp := withKey()
	hangsUp.spoil = func(uint32, []byte) []byte { return nil }
	newer, older := withKey(), withKey()
	newer.minor, older.minor = 7, 2
	another := withKey()
	another.spoil = func(command uint32, b []byte) []byte { put(b, 0, 5); return b }
	stopped, stopping := withKey(), withKey()
	stopped.code = map[uint32]uint32{0x01: uint32(noService)}
	stopping.code = map[uint32]uint32{0x01: uint32(serviceStopped)}
	for name, c := range map[string]struct {
		s    Service
		says string
	}{
		"no daemon": {missing, "install pcscd"}, "daemon is down": {refusing, "install pcscd"}, "not allowed": {serve(t, hangsUp), "polkit"},
		"newer": {serve(t, newer), "speaks version 4:7, and mfawatch knows 4:3 to 4:6"}, "older": {serve(t, older), "speaks version 4:2"},
		"another": {serve(t, another), "speaks version 5:4"}, "no context": {serve(t, stopped), "8010001d"}, "no context now": {serve(t, stopping), "8010001e"},
	} {
		_, err := c.s.Readers(t.Context())
		_, oerr := c.s.Open(t.Context(), reader)
		if !errors.Is(err, ErrNoService) || !strings.Contains(err.Error(), c.says) || !errors.Is(oerr, ErrNoService) {
			t.Errorf("%s: errors %v, %v", name, err, oerr)
		}
	}
}

// TestAFullQueue: more connect at once than the daemon's queue holds.
func TestAFullQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pcscd.comm")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		var waiting net.Conn
		if waiting, err = net.Dial("unix", path); err == nil {
			defer waiting.Close()
		}
	}
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := reach(ctx, path); err == nil {
		t.Error("reached through a full queue")
	}
	time.AfterFunc(50*time.Millisecond, func() { _, _, _ = syscall.Accept(fd) })
	conn, err := reach(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestOpenRefuses(t *testing.T) {
	s := serve(t, withKey())
	for _, name := range []string{"", strings.Repeat("a", 128), "a\x00b"} {
		if _, err := s.Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), "no name of a reader") {
			t.Errorf("%q: error %v", name, err)
		}
	}
	if _, err := s.Open(t.Context(), "Another"); !errors.Is(err, apdu.ErrRemoved) || !strings.Contains(err.Error(), `"Another"`) {
		t.Errorf("error %v", err)
	}
}

func TestCodes(t *testing.T) {
	for code, want := range map[Code]error{
		removed: apdu.ErrRemoved, noCard: apdu.ErrRemoved, readerUnavailable: apdu.ErrRemoved, notTransacted: apdu.ErrRemoved,
		commLost: apdu.ErrRemoved, unpowered: apdu.ErrRemoved, noReaders: apdu.ErrRemoved, unresponsive: apdu.ErrNoAnswer, timedOut: apdu.ErrNoAnswer,
		unknownReader: apdu.ErrRemoved, sharing: apdu.ErrBusy, wasReset: wasReset, otherProtocol: otherProtocol, forbidden: forbidden, 0x80100001: Code(0x80100001),
	} {
		d := withKey()
		d.code = map[uint32]uint32{0x09: uint32(code)}
		c := open(t, serve(t, d))
		if _, err := c.Transmit(t.Context(), selectOATH); !errors.Is(err, want) || err.Error() == "" {
			t.Errorf("%08x: error %v, want %v", uint32(code), err, want)
		}
	}
}

// TestTransactionsKeepOthersOut: two connections at once, as of two programs.
func TestTransactionsKeepOthersOut(t *testing.T) {
	d := withKey()
	s := serve(t, d)
	a, b := open(t, s), open(t, s)
	if err := a.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Transmit(t.Context(), selectOATH); !errors.Is(err, apdu.ErrBusy) {
		t.Errorf("between: error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	if err := b.Begin(ctx); !errors.Is(err, apdu.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("as long as allowed: error %v", err)
	}
	time.AfterFunc(150*time.Millisecond, func() { _ = a.End(context.Background()) })
	if err := b.Begin(t.Context()); err != nil {
		t.Errorf("after the end: error %v", err)
	}
	if _, err := b.Transmit(t.Context(), selectOATH); err != nil {
		t.Error(err)
	}
}

// TestResets: what another program did to the card before our first command costs
// nothing; what it did after it is told.
func TestResets(t *testing.T) {
	for name, c := range map[string]struct {
		once, always map[uint32]uint32
		begin, first error
	}{
		"before the beginning":    {map[uint32]uint32{0x07: uint32(wasReset)}, nil, nil, nil},
		"at the beginning":        {map[uint32]uint32{0x09: uint32(wasReset)}, nil, nil, nil},
		"with the protocol":       {map[uint32]uint32{0x09: uint32(otherProtocol)}, nil, nil, nil},
		"and pulled out":          {map[uint32]uint32{0x07: uint32(wasReset), 0x05: uint32(removed)}, nil, apdu.ErrRemoved, nil},
		"and pulled out, at last": {map[uint32]uint32{0x09: uint32(wasReset), 0x05: uint32(removed)}, nil, nil, apdu.ErrRemoved},
		"again and again":         {nil, map[uint32]uint32{0x09: uint32(wasReset)}, nil, wasReset},
	} {
		d := withKey()
		d.once, d.code = c.once, c.always
		card := open(t, serve(t, d))
		err := card.Begin(t.Context())
		if !errors.Is(err, c.begin) || err != nil {
			if !errors.Is(err, c.begin) {
				t.Errorf("%s: begin: error %v", name, err)
			}
			continue
		}
		if _, err := card.Transmit(t.Context(), selectOATH); !errors.Is(err, c.first) {
			t.Errorf("%s: error %v", name, err)
		}
		d.mu.Lock()
		d.once = map[uint32]uint32{0x09: uint32(wasReset)}
		d.mu.Unlock()
		if _, err := card.Transmit(t.Context(), selectOATH); !errors.Is(err, wasReset) {
			t.Errorf("%s: later: error %v", name, err)
		}
	}
}

// TestNothingOutlivesItsContext holds every command to the caller's time.
func TestNothingOutlivesItsContext(t *testing.T) {
	for _, at := range []uint32{0x11, 0x01, 0x12, 0x04, 0x07, 0x08, 0x09} {
		d := withKey()
		var mu sync.Mutex
		hanging := false
		d.hold = func(command uint32) bool {
			mu.Lock()
			defer mu.Unlock()
			return hanging && command == at
		}
		s := serve(t, d)
		c := open(t, s)
		if at != 0x07 {
			if err := c.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		hanging = true
		mu.Unlock()
		for _, ask := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := s.Readers(ctx); return err },
			func(ctx context.Context) error {
				opened, err := s.Open(ctx, reader)
				if err == nil {
					return opened.Close()
				}
				return err
			},
			func(ctx context.Context) error { _, err := c.Transmit(ctx, selectOATH); return err },
			c.Begin,
			func(ctx context.Context) error { return errors.Join(c.End(ctx)) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			start := time.Now()
			err := ask(ctx)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("command %02x held: %v, error %v", at, took, err)
			}
			cancel()
		}
		start := time.Now()
		if err := c.Close(); err != nil || time.Since(start) > time.Second {
			t.Errorf("command %02x held: closed after %v, error %v", at, time.Since(start), err)
		}
	}
}

// TestAnAnswerThatComesTooLate is not taken for the next one.
func TestAnAnswerThatComesTooLate(t *testing.T) {
	d := withKey()
	d.readers[reader].Touch = func(context.Context, string) bool { time.Sleep(200 * time.Millisecond); return true }
	d.readers[reader].SetSlot(1, yubikeytest.Slot{Key: []byte("key"), Touch: true})
	s := serve(t, d)
	c := open(t, s)
	for _, command := range []string{"00a4040007a0000005272001", "00a4040007a0000005272001"} {
		b, _ := hex.DecodeString(command)
		if _, err := c.Transmit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Transmit(ctx, []byte{0, 1, 0x30, 0, 1, 7}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	time.Sleep(300 * time.Millisecond)
	if answer, err := c.Transmit(t.Context(), selectOATH); err == nil {
		t.Errorf("%x", answer)
	}
	if err := errors.Join(c.End(t.Context()), c.Close()); err != nil {
		t.Error(err)
	}
}

// TestAbandonedTransaction: who dies in a transaction does not hold the key for ever.
func TestAbandonedTransaction(t *testing.T) {
	d := withKey()
	s := serve(t, d)
	c := open(t, s)
	if err := c.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = c.(*card).conn.Close()
	if err := open(t, s).Begin(t.Context()); err != nil {
		t.Error(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resets != 1 {
		t.Errorf("%d resets", d.resets)
	}
}

func TestNoConnectionIsLeft(t *testing.T) {
	d := withKey()
	s := serve(t, d)
	for range 20 {
		_, _ = s.Readers(t.Context())
		_, _ = s.Open(t.Context(), "Another")
		c := open(t, s)
		_ = c.Begin(t.Context())
		if err := errors.Join(c.End(t.Context()), c.Close()); err != nil {
			t.Error(err)
		}
	}
	for range 100 {
		d.mu.Lock()
		left := d.open
		d.mu.Unlock()
		if left == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d connections are left, %d goroutines", d.open, runtime.NumGoroutine())
}

// TestDaemonsThatLie give answers that are too long, too short, or of another kind.
func TestDaemonsThatLie(t *testing.T) {
	for name, spoil := range map[string]func(command uint32, b []byte) []byte{
		"says 4 GB":       func(command uint32, b []byte) []byte { put(b, 24, 0xffffffff); return b[:32] },
		"says too much":   func(command uint32, b []byte) []byte { put(b, 24, 65539); return b[:32] },
		"ends half-way":   func(command uint32, b []byte) []byte { return nil },
		"nothing at last": func(command uint32, b []byte) []byte { put(b, 24, 0); return b[:32] },
	} {
		d := withKey()
		d.spoil = func(command uint32, b []byte) []byte {
			if command == 0x09 {
				return spoil(command, b)
			}
			return b
		}
		c := open(t, serve(t, d))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		answer, err := c.Transmit(ctx, selectOATH)
		if err == nil && len(answer) > 0 {
			t.Errorf("%s: %x", name, answer)
		}
		if name == "nothing at last" && !errors.Is(err, apdu.ErrRemoved) {
			t.Errorf("%s: error %v", name, err)
		}
		if strings.HasPrefix(name, "says") && !errors.Is(err, apdu.ErrMalformed) {
			t.Errorf("%s: error %v", name, err)
		}
		cancel()
	}
}

// TestNumbers are winscard's own, written out once more.
func TestNumbers(t *testing.T) {
	for code, want := range map[Code]string{
		0x80100009: "pulled out", 0x8010000a: "does not answer", 0x8010000b: "another program holds", 0x8010000c: "pulled out", 0x8010000f: "reset the key meanwhile",
		0x80100016: "pulled out", 0x80100017: "pulled out", 0x8010001d: "cannot be reached", 0x8010001e: "cannot be reached", 0x8010002e: "pulled out", 0x8010002f: "pulled out",
		0x80100066: "does not answer", 0x80100067: "pulled out", 0x80100068: "reset the key meanwhile", 0x80100069: "pulled out", 0x8010006a: "polkit", 0x80100001: "pcscd answered 80100001",
	} {
		if err := meaning(code); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%08x: error %v, want %s", uint32(code), err, want)
		}
	}
	if err := meaning(0); err != nil {
		t.Error(err)
	}
}

func TestSocket(t *testing.T) {
	env := map[string]string{}
	get := func(name string) string { return env[name] }
	if got := Socket(get); got != "/run/pcscd/pcscd.comm" {
		t.Error(got)
	}
	env["PCSCLITE_CSOCK_NAME"] = "/tmp/pcscd.comm"
	if got := Socket(get); got != "/tmp/pcscd.comm" {
		t.Error(got)
	}
}

func FuzzReaderStates(f *testing.F) {
	states := (&daemon{readers: map[string]*yubikeytest.Card{reader: {}}, empty: []string{"Another"}}).states()
	f.Add(states)
	f.Add(bytes.Repeat([]byte{0xff}, 184))
	f.Add(states[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		names := withCards(b)
		if len(names) > len(b)/184 {
			t.Errorf("%d readers in %d bytes", len(names), len(b))
		}
		for _, name := range names {
			if name == "" || len(name) >= 128 || strings.ContainsRune(name, 0) {
				t.Errorf("%q", name)
			}
		}
	})
}
