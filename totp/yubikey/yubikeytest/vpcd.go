package yubikeytest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// atr is what a YubiKey 5 says when it gets power.
var atr = []byte{
	0x3b, 0xfd, 0x13, 0x00, 0x00, 0x81, 0x31, 0xfe, 0x15, 0x80, 0x73, 0xc0, 0x21, 0xc0,
	0x57, 0x59, 0x75, 0x62, 0x69, 0x4b, 0x65, 0x79, 0x40,
}

// ServeVPCD plugs the card into vsmartcard's virtual reader, which listens at address,
// until ctx is over or the card is pulled out. Messages have a length of two bytes;
// those of one byte are controls.
func (c *Card) ServeVPCD(ctx context.Context, address string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("plug into the virtual reader: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	for {
		quickAcks(conn)
		message, err := receive(conn)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return fmt.Errorf("virtual reader: %w", err)
		}
		answer, err := c.serve(ctx, message)
		switch {
		case errors.Is(err, c.gone()):
			return nil
		case err != nil:
			return err
		case answer == nil:
			continue
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return fmt.Errorf("virtual reader: %w", err)
		}
	}
}

func receive(conn io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	message := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, message)
	return message, err
}

// serve answers one message; controls but the ATR's have no answer.
func (c *Card) serve(ctx context.Context, message []byte) ([]byte, error) {
	if len(message) != 1 {
		return c.Transmit(ctx, message)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.out:
		return nil, c.gone()
	case message[0] == 4:
		return atr, nil
	}
	c.powerOn() // off, on, reset
	return nil, nil
}
