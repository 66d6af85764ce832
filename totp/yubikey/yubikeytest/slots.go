package yubikeytest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
)

// managementInstruction answers what ykman and others ask a YubiKey of itself.
func (c *Card) managementInstruction(ins, page byte) reply {
	switch {
	case ins != 0x1d || c.NoDeviceInfo:
		return say(noInstruction)
	case page != 0:
		return say(wrongP1P2)
	}
	v := c.firmware()
	info := []byte{0x01, 2, 0x02, 0x3f}
	if c.Serial != 0 {
		info = binary.BigEndian.AppendUint32(append(info, 0x02, 4), c.Serial)
	}
	info = append(info, 0x03, 2, 0x00, 0x21) // enabled by USB: OTP and OATH
	info = append(info, 0x04, 1, 0x03, 0x05, 3, v[0], v[1], v[2], 0x06, 2, 0, 0, 0x07, 1, 15, 0x08, 1, 0, 0x0a, 1, 0)
	return reply{data: append([]byte{byte(len(info))}, info...), status: ok}
}

// slotStatus is version, how often it was programmed, and which slots are set.
func (c *Card) slotStatus() []byte {
	v := c.firmware()
	var flags byte
	for i, s := range c.slots {
		if s.Key != nil {
			flags |= 1 << i
			if s.Touch {
				flags |= 4 << i
			}
		}
	}
	return []byte{v[0], v[1], v[2], 1, flags, 0}
}

func (c *Card) otpInstruction(ins, p1 byte, data []byte) reply {
	switch {
	case ins == 0x03:
		return reply{data: c.slotStatus(), status: ok}
	case ins != 0x01:
		return say(noInstruction)
	}
	switch p1 {
	case 0x10:
		if c.Serial == 0 {
			return say(conditions) // it is hidden
		}
		return reply{data: binary.BigEndian.AppendUint32(nil, c.Serial), status: ok}
	case 0x30:
		return c.respond(c.slots[0], "slot 1", data)
	case 0x38:
		return c.respond(c.slots[1], "slot 2", data)
	}
	return say(wrongP1P2)
}

// respond is HMAC-SHA1 of a challenge. In the variable mode the card takes off the end
// everything that equals the last byte of the 64.
func (c *Card) respond(s Slot, name string, data []byte) reply {
	switch {
	case s.Key == nil:
		return say(conditions)
	case len(data) > 64:
		return say(wrongLength)
	}
	block := make([]byte, 64)
	copy(block, data)
	message := block
	for s.Variable && len(message) > 0 && message[len(message)-1] == block[63] {
		message = message[:len(message)-1]
	}
	compute := func() reply {
		h := hmac.New(sha1.New, s.Key)
		h.Write(message)
		return reply{data: h.Sum(nil), status: ok}
	}
	if s.Touch {
		return reply{touch: name, then: compute}
	}
	return compute()
}
