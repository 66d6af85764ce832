// Package pcsc reaches the cards of a computer through pcscd, the daemon that has the
// readers on Linux, in pure Go: the release stays one static binary.
//
// It promises that no call outlives its context, that an answer of the daemon is taken
// no longer than it may be, and that other programs are kept out between Begin and End.
// Each open card and each question has a connection of its own, so that a call that is
// given up leaves nothing behind that the next could mistake for its answer; the daemon
// frees and resets a card whose connection ends.
//
// It speaks the daemon's own protocol of versions 4:3 to 4:6, which is what pcsc-lite
// 1.8 to 2.5 have. It knows nothing of what cards say, reads no environment (Socket is
// given it), and starts no daemon.
package pcsc

import (
	"errors"
	"fmt"

	"mfawatch/totp/yubikey/apdu"
)

// ErrNoService is a computer whose readers cannot be reached. The exit code is 8.
var ErrNoService = errors.New("smart cards cannot be reached")

// Service is the daemon.
type Service struct {
	Path string // of its socket; "" is DefaultSocket
}

// DefaultSocket is where distributions have it.
const DefaultSocket = "/run/pcscd/pcscd.comm"

// Socket is where the daemon's socket is: PCSCLITE_CSOCK_NAME moves it, as for other
// programs (snaps and flatpaks do).
func Socket(getenv func(string) string) string {
	if path := getenv("PCSCLITE_CSOCK_NAME"); path != "" {
		return path
	}
	return DefaultSocket
}

// Code is what the daemon answered instead of success. It is an error.
type Code uint32

// The codes of PC/SC that mean something to a caller: winscard's error codes.
const (
	success           Code = 0
	unknownReader     Code = 0x80100009
	timedOut          Code = 0x8010000a
	sharing           Code = 0x8010000b
	noCard            Code = 0x8010000c
	otherProtocol     Code = 0x8010000f
	notTransacted     Code = 0x80100016
	readerUnavailable Code = 0x80100017
	noService         Code = 0x8010001d
	serviceStopped    Code = 0x8010001e
	noReaders         Code = 0x8010002e
	commLost          Code = 0x8010002f
	unresponsive      Code = 0x80100066
	unpowered         Code = 0x80100067
	wasReset          Code = 0x80100068
	removed           Code = 0x80100069
	forbidden         Code = 0x8010006a
)

func (c Code) Error() string {
	switch c {
	case wasReset, otherProtocol:
		return "another program reset the key meanwhile: try again"
	case forbidden:
		return "pcscd does not let this user reach cards: its polkit rules say who may (org.debian.pcsc-lite)"
	}
	return fmt.Sprintf("pcscd answered %08x", uint32(c))
}

// meaning is a code as the errors that callers know.
func meaning(c Code) error {
	switch c {
	case success:
		return nil
	case removed, noCard, readerUnavailable, unknownReader, noReaders, notTransacted, commLost, unpowered:
		return fmt.Errorf("%w (%w)", apdu.ErrRemoved, c)
	case sharing:
		return fmt.Errorf("%w (%w)", apdu.ErrBusy, c)
	case timedOut, unresponsive:
		return fmt.Errorf("%w (%w)", apdu.ErrNoAnswer, c)
	case noService, serviceStopped:
		return fmt.Errorf("%w (%w)", ErrNoService, c)
	}
	return c
}
