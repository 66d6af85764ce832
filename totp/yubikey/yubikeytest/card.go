// Package yubikeytest is a YubiKey made of software, for tests: its OATH application,
// its management application and its two slots. Tests hold it in their hand (Transmit),
// or plug it into a real pcscd (ServeVPCD).
//
// It is written from Yubico's protocol specification and shares no code with what it
// tests, so that a misreading shows. It can be old, slow, touched late or never,
// pulled out at any command, and hostile. It protects nothing: never keep a secret in
// it, and never link it into a program.
package yubikeytest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

// ErrGone is what Transmit says of a card that was pulled out, unless Card.Gone says
// another error.
var ErrGone = errors.New("the virtual key was pulled out")

// Card is a YubiKey. Its fields are set before it is used. The zero Card is a YubiKey
// 5.4.3 without a serial number.
type Card struct {
	Serial   uint32
	Firmware [3]byte
	ID       [8]byte // of the OATH application; a reset makes another
	Room     int     // for how many credentials there is room; 0 is 32
	Part     int     // how many bytes of an answer come at once; 0 is 255

	// NoManagement, NoOTP and NoOATH switch applications off.
	NoManagement, NoOTP, NoOATH bool
	// NoDeviceInfo is a management application that does not know INS 1d: a NEO's.
	NoDeviceInfo bool

	// Touch is asked when something wants a touch, outside of the card's lock. It may
	// take its time; false is a touch that never came. Nil touches at once.
	Touch func(ctx context.Context, what string) bool

	// PullAt is at which command the card is pulled out, counted from 1; 0 is never.
	PullAt int
	Gone   error

	// Hostile, when set, may answer another thing than the card would.
	Hostile func(command, answer []byte) []byte

	mu       sync.Mutex
	commands [][]byte
	out      bool
	app      string // which application is selected
	rest     []byte // of an answer

	oath  oath
	slots [2]Slot
}

// Slot is what one of the two slots is set to.
type Slot struct {
	Key      []byte // of HMAC-SHA1; nil is an empty slot
	Touch    bool
	Variable bool // challenges are of any length to 63; without it all 64 bytes count
}

// SetSlot sets slot 1 or 2.
func (c *Card) SetSlot(number int, s Slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots[number-1] = s
}

// Commands are the commands that the card got so far. They hold secrets, as the tests
// chose them.
func (c *Card) Commands() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([][]byte(nil), c.commands...)
}

// PlugIn puts a card that was pulled out back, and counts commands anew.
func (c *Card) PlugIn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out, c.commands = false, nil
	c.powerOn()
}

// Pull pulls the card out.
func (c *Card) Pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = true
}

// powerOn is what the card forgets without power: all but what it keeps.
func (c *Card) powerOn() {
	c.app, c.rest = "", nil
	c.oath.challenge, c.oath.unlocked = nil, false
}

// status words
const (
	ok            = 0x9000
	wrongLength   = 0x6700
	refused       = 0x6982
	noObject      = 0x6984
	conditions    = 0x6985
	wrongSyntax   = 0x6a80
	notFound      = 0x6a82
	noSpace       = 0x6a84
	wrongP1P2     = 0x6b00
	noInstruction = 0x6d00
	noClass       = 0x6e00
)

// reply is what an instruction answers.
type reply struct {
	data   []byte
	status uint16
	// touch, when set, names what has to be touched, and then gives the answer.
	touch string
	then  func() reply
}

func say(status uint16) reply { return reply{status: status} }

// Transmit gives the card one command, as a reader would.
func (c *Card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	r, gone := c.take(command)
	if gone != nil {
		return nil, gone
	}
	if r.touch != "" {
		touched := c.Touch == nil || c.Touch(ctx, r.touch)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.mu.Lock()
		switch {
		case c.out:
			c.mu.Unlock()
			return nil, c.gone()
		case touched:
			r = r.then()
		case c.app == "otp":
			r = say(conditions)
		default:
			r = say(refused)
		}
		c.mu.Unlock()
	}
	answer := c.give(r)
	if c.Hostile != nil {
		answer = c.Hostile(command, answer)
	}
	return answer, nil
}

func (c *Card) gone() error {
	if c.Gone != nil {
		return c.Gone
	}
	return ErrGone
}

func (c *Card) take(command []byte) (reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands = append(c.commands, append([]byte(nil), command...))
	if c.out || c.PullAt > 0 && len(c.commands) >= c.PullAt {
		c.out = true
		return reply{}, c.gone()
	}
	return c.handle(command), nil
}

// give sends as much of a reply as goes at once, and keeps the rest.
func (c *Card) give(r reply) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	part := c.Part
	if part == 0 {
		part = 255
	}
	data, status := r.data, r.status
	c.rest = nil
	if status == ok && len(data) > part {
		c.rest = data[part:]
		data, status = data[:part], 0x6100|uint16(min(len(c.rest), 255)&0xff)
	}
	return binary.BigEndian.AppendUint16(append([]byte(nil), data...), status)
}

// handle finds out which instruction of which application is meant.
func (c *Card) handle(command []byte) reply {
	ins, p1, p2, data, status := unpack(command)
	if status != ok {
		return say(status)
	}
	if ins == 0xa4 && p1 == 0x04 {
		return c.choose(data)
	}
	switch c.app {
	case "oath":
		if ins == 0xa5 {
			return c.more()
		}
		return c.oathInstruction(ins, p1, p2, data)
	case "management", "otp":
		if ins == 0xc0 {
			return c.more()
		}
	}
	switch c.app {
	case "management":
		return c.managementInstruction(ins, p1)
	case "otp":
		return c.otpInstruction(ins, p1, data)
	}
	return say(noInstruction)
}

func (c *Card) more() reply {
	if c.rest == nil {
		return say(noObject)
	}
	return reply{data: c.rest, status: ok}
}

// choose is SELECT.
func (c *Card) choose(aid []byte) reply {
	c.powerOn()
	switch name := fmt.Sprintf("%x", aid); {
	case name == "a0000005272101" && !c.NoOATH:
		c.app = "oath"
		return c.oathSelected()
	case name == "a000000527471117" && !c.NoManagement:
		c.app = "management"
		v := c.firmware()
		return reply{data: fmt.Appendf(nil, "Virtual mgr - FW version %d.%d.%d", v[0], v[1], v[2]), status: ok}
	case (name == "a0000005272001" || name == "a000000527200101") && !c.NoOTP:
		c.app = "otp"
		return reply{data: c.slotStatus(), status: ok}
	}
	return say(notFound)
}

func (c *Card) firmware() [3]byte {
	if c.Firmware == [3]byte{} {
		return [3]byte{5, 4, 3}
	}
	return c.Firmware
}

// unpack takes a command apart: short ones with or without data and expected length,
// and extended ones.
func unpack(command []byte) (ins, p1, p2 byte, data []byte, status uint16) {
	if len(command) < 4 {
		return 0, 0, 0, nil, wrongLength
	}
	if command[0] != 0 {
		return 0, 0, 0, nil, noClass
	}
	ins, p1, p2, data = command[1], command[2], command[3], command[4:]
	switch {
	case len(data) <= 1: // nothing, or only how much is expected
		return ins, p1, p2, nil, ok
	case data[0] == 0 && len(data) == 3: // extended, expected only
		return ins, p1, p2, nil, ok
	case data[0] == 0 && len(data) > 3:
		n := int(data[1])<<8 | int(data[2])
		if extra := len(data) - 3 - n; extra != 0 && extra != 2 {
			return 0, 0, 0, nil, wrongLength
		}
		return ins, p1, p2, data[3 : 3+n], ok
	}
	n := int(data[0])
	if extra := len(data) - 1 - n; extra != 0 && extra != 1 {
		return 0, 0, 0, nil, wrongLength
	}
	return ins, p1, p2, data[1 : 1+n], ok
}
