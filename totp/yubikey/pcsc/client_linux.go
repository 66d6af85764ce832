package pcsc

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"syscall"
	"time"

	"mfawatch/totp/yubikey/apdu"
)

// The daemon's commands (pcsc-lite, winscard_msg.h). Each is a header of size and
// command, and a structure of 32-bit numbers in the computer's order; the answer is the
// same structure, its last number the code.
const (
	establishContext = 0x01
	connect          = 0x04
	reconnect        = 0x05
	disconnect       = 0x06
	beginTransaction = 0x07
	endTransaction   = 0x08
	transmit         = 0x09
	askVersion       = 0x11
	readersState     = 0x12
)

// What the structures hold.
const (
	major        = 4
	leastMinor   = 3
	wantedMinor  = 4
	mostMinor    = 6
	nameSize     = 128
	stateSize    = nameSize + 4*3 + 36 + 4*2 // name, counter, state, sharing, ATR, its length, protocol
	stateAt      = nameSize + 4              // of the state's bits
	present      = 0x04
	mostReaders  = 16
	scopeSystem  = 2
	shared       = 2
	anyProtocol  = 1 | 2 // T=0, T=1
	leaveCard    = 0
	pciSize      = 8
	mostAnswer   = 65538 // of an extended command
	lockInterval = 100 * time.Millisecond

	queueInterval = 10 * time.Millisecond
)

var order = binary.NativeEndian

// client is one connection to the daemon. After a failed exchange it is of no more use.
type client struct {
	conn net.Conn
	dead error
}

// dial connects, agrees on a version and gets a context.
func (s Service) dial(ctx context.Context) (*client, uint32, error) {
	path := s.Path
	if path == "" {
		path = DefaultSocket
	}
	conn, err := reach(ctx, path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, 0, fmt.Errorf("%w: nothing listens at %s: install pcscd (and libccid) and start it: systemctl enable --now pcscd.socket", ErrNoService, path)
	case err != nil:
		return nil, 0, cmp.Or(ctx.Err(), fmt.Errorf("%w: %w", ErrNoService, err))
	}
	c := &client{conn: conn}
	handle, err := c.greet(ctx)
	if err != nil {
		return nil, 0, errors.Join(err, conn.Close())
	}
	return c, handle, nil
}

// reach connects. The daemon has a short queue, and the kernel turns away whom it has
// no room for: who is many asks again.
func reach(ctx context.Context, path string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, apdu.Prompt)
	defer cancel()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(queueInterval):
		}
	}
}

func (c *client) greet(ctx context.Context) (uint32, error) {
	if err := c.agree(ctx, wantedMinor); err != nil {
		return 0, err
	}
	answer, err := c.ask(ctx, establishContext, numbers(scopeSystem, 0, 0), nil)
	if err != nil {
		return 0, fmt.Errorf("ask pcscd for a context: %w", err)
	}
	return order.Uint32(answer[4:]), nil
}

// agree asks for a version. A daemon that has another says which: those that we know
// have the same structures.
func (c *client) agree(ctx context.Context, minor uint32) error {
	answer, err := c.exchange(ctx, askVersion, numbers(major, minor, 0), nil, 12)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("%w: %w", ErrNoService, forbidden) // it hangs up on whom it does not allow
	}
	if err != nil {
		return fmt.Errorf("agree with pcscd on a version: %w", err)
	}
	theirMajor, theirMinor, code := order.Uint32(answer), order.Uint32(answer[4:]), Code(order.Uint32(answer[8:]))
	switch {
	case code == success && theirMajor == major:
		return nil
	case theirMajor == major && theirMinor != minor && theirMinor >= leastMinor && theirMinor <= mostMinor:
		return c.agree(ctx, theirMinor)
	}
	return fmt.Errorf("%w: pcscd speaks version %d:%d, and mfawatch knows %d:%d to %d:%d", ErrNoService, theirMajor, theirMinor, major, leastMinor, major, mostMinor)
}

func numbers(all ...uint32) []byte {
	var b []byte
	for _, n := range all {
		b = order.AppendUint32(b, n)
	}
	return b
}

// ask exchanges a structure and looks at its code.
func (c *client) ask(ctx context.Context, command uint32, body, more []byte) ([]byte, error) {
	answer, err := c.exchange(ctx, command, body, more, len(body))
	if err != nil {
		return nil, err
	}
	return answer, meaning(Code(order.Uint32(answer[len(answer)-4:])))
}

// exchange sends a command with its structure and what follows it, and reads as much as
// the answer has.
func (c *client) exchange(ctx context.Context, command uint32, body, more []byte, size int) ([]byte, error) {
	message := slices.Concat(numbers(uint32(len(body)), command), body, more)
	defer clear(message)
	answer := make([]byte, size)
	err := c.timed(ctx, func() error {
		if _, err := c.conn.Write(message); err != nil {
			return err
		}
		_, err := io.ReadFull(c.conn, answer)
		return err
	})
	return answer, err
}

// timed does something on the connection until ctx is over. Half an exchange cannot be
// taken back, so a failure ends the connection.
func (c *client) timed(ctx context.Context, do func() error) error {
	if c.dead != nil {
		return c.dead
	}
	if err := ctx.Err(); err != nil { // nothing was sent: the connection stays good
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	err := do()
	if over := !stop(); over || err != nil {
		c.dead = fmt.Errorf("the connection to pcscd ended: %w", cmp.Or(ctx.Err(), err))
	}
	if err != nil {
		return cmp.Or(ctx.Err(), c.dead)
	}
	return nil
}

// Readers names the readers in which there is a card.
func (s Service) Readers(ctx context.Context) ([]string, error) {
	c, _, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	// Some daemons were built with more readers; what they send after is not read.
	states, err := c.exchange(ctx, readersState, nil, nil, mostReaders*stateSize)
	if err != nil {
		return nil, fmt.Errorf("ask pcscd for its readers: %w", err)
	}
	return withCards(states), nil
}

// withCards are the names of the readers that have a card. Names end at a zero byte.
func withCards(states []byte) []string {
	var names []string
	for ; len(states) >= stateSize; states = states[stateSize:] {
		name, _, ended := bytes.Cut(states[:nameSize], []byte{0})
		if ended && len(name) > 0 && order.Uint32(states[stateAt:])&present != 0 {
			names = append(names, string(name))
		}
	}
	return names
}

// Open connects to the card in a reader. Other programs may do so too, until Begin.
func (s Service) Open(ctx context.Context, reader string) (apdu.Connection, error) {
	if reader == "" || len(reader) >= nameSize || bytes.ContainsRune([]byte(reader), 0) {
		return nil, fmt.Errorf("%q is no name of a reader", reader)
	}
	c, handle, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	var name [nameSize]byte
	copy(name[:], reader)
	body := slices.Concat(numbers(handle), name[:], numbers(shared, anyProtocol, 0, 0, 0))
	answer, err := c.ask(ctx, connect, body, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connect to the card in %q: %w", reader, err), c.conn.Close())
	}
	after := answer[4+nameSize+8:]
	return &card{client: c, handle: order.Uint32(after), protocol: order.Uint32(after[4:])}, nil
}

// card is a connection to a card.
type card struct {
	*client
	handle, protocol uint32
	fresh            bool // nothing was sent since Begin
}

// Begin keeps other programs out. The daemon does not queue: who wants a card asks again.
func (c *card) Begin(ctx context.Context) error {
	for {
		_, err := c.ask(ctx, beginTransaction, numbers(c.handle, 0), nil)
		if errors.Is(err, wasReset) { // by who had it before us
			if err = c.reconnect(ctx); err == nil {
				continue
			}
		}
		if !errors.Is(err, apdu.ErrBusy) {
			c.fresh = err == nil
			return c.wrap("take the card", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", apdu.ErrBusy, ctx.Err())
		case <-time.After(lockInterval):
		}
	}
}

// reconnect takes a card up again that was reset.
func (c *card) reconnect(ctx context.Context) error {
	answer, err := c.ask(ctx, reconnect, numbers(c.handle, shared, anyProtocol, leaveCard, 0, 0), nil)
	if err == nil {
		c.protocol = order.Uint32(answer[16:])
	}
	return err
}

// End lets other programs in again. A connection that ended has done so.
func (c *card) End(ctx context.Context) error {
	if c.dead != nil {
		return nil
	}
	_, err := c.ask(ctx, endTransaction, numbers(c.handle, leaveCard, 0), nil)
	return c.wrap("give the card back", err)
}

// Transmit sends a command and gives its answer.
func (c *card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) > mostAnswer {
		return nil, fmt.Errorf("a command of %d bytes is too long", len(command))
	}
	head, err := c.send(ctx, command)
	if c.fresh && (errors.Is(err, wasReset) || errors.Is(err, otherProtocol)) {
		// Who died with the card in hand has it reset, and the daemon lets the next one
		// begin before it does so. Nothing is lost yet.
		if err = c.reconnect(ctx); err == nil {
			head, err = c.send(ctx, command)
		}
	}
	c.fresh = false
	if err != nil {
		return nil, c.wrap("send to the card", err)
	}
	size := order.Uint32(head[24:])
	if size == 0 { // what a driver says of a card that went away meanwhile
		return nil, fmt.Errorf("%w (an empty answer)", apdu.ErrRemoved)
	}
	if size > mostAnswer {
		c.dead = fmt.Errorf("%w (%d bytes)", apdu.ErrMalformed, size)
		return nil, c.dead
	}
	answer := make([]byte, size)
	err = c.timed(ctx, func() error {
		_, err := io.ReadFull(c.conn, answer)
		return err
	})
	return answer, c.wrap("send to the card", err)
}

func (c *card) send(ctx context.Context, command []byte) ([]byte, error) {
	body := numbers(c.handle, c.protocol, pciSize, uint32(len(command)), c.protocol, pciSize, mostAnswer, 0)
	return c.ask(ctx, transmit, body, command)
}

func (c *card) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Close gives the card back. After a failed exchange the daemon sees the connection end,
// and does the same.
func (c *card) Close() error {
	if c.dead == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_, _ = c.ask(ctx, disconnect, numbers(c.handle, leaveCard, 0), nil) // the end of the connection says it too
		c.dead = net.ErrClosed
	}
	err := c.conn.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
