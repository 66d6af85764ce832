package yubikeytest

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
)

// oath is what the OATH application keeps.
type oath struct {
	credentials []credential
	password    []byte
	algorithm   byte // of the password

	challenge []byte // of the last SELECT
	unlocked  bool
}

type credential struct {
	name    string
	how     byte // type and algorithm
	digits  byte
	key     []byte
	touch   bool
	rising  bool // challenges only grow
	last    []byte
	counter uint32
}

func (c *Card) oathSelected() reply {
	if c.ID == [8]byte{} {
		c.ID = fresh()
	}
	v := c.firmware()
	data := append([]byte{0x79, 3}, v[:]...)
	data = append(append(data, 0x71, 8), c.ID[:]...)
	if c.oath.password != nil {
		n := fresh()
		c.oath.challenge = n[:]
		data = append(append(data, 0x74, 8), c.oath.challenge...)
		data = append(data, 0x7b, 1, c.oath.algorithm)
	}
	return reply{data: data, status: ok}
}

func fresh() (b [8]byte) {
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand
	return b
}

func (c *Card) oathInstruction(ins, p1, p2 byte, data []byte) reply {
	switch {
	case ins == 0x04 && p1 == 0xde && p2 == 0xad:
		c.oath, c.ID = oath{}, fresh()
		return say(ok)
	case ins == 0x04:
		return say(wrongP1P2)
	case ins == 0xa3:
		return c.validate(data)
	case c.oath.password != nil && !c.oath.unlocked:
		return say(refused)
	}
	switch ins {
	case 0x01:
		return c.put(data)
	case 0x02:
		return c.remove(data)
	case 0x03:
		return c.setCode(data)
	case 0x05:
		return c.rename(data)
	case 0xa1:
		return c.list()
	case 0xa2:
		return c.calculate(p2, data)
	case 0xa4:
		return c.calculateAll(p2, data)
	}
	return say(noInstruction)
}

// next reads one value with its tag and length off the front of data.
func next(data []byte, tag byte) (value, rest []byte, found bool) {
	if len(data) < 2 || data[0] != tag {
		return nil, data, false
	}
	n, from := int(data[1]), 2
	if n == 0x81 && len(data) > 2 {
		n, from = int(data[2]), 3
	} else if n > 0x7f {
		return nil, data, false
	}
	if len(data) < from+n {
		return nil, data, false
	}
	return data[from : from+n], data[from+n:], true
}

func (c *Card) find(name []byte) int {
	return slices.IndexFunc(c.oath.credentials, func(x credential) bool { return x.name == string(name) })
}

func hashes(how byte) func() hash.Hash {
	return map[byte]func() hash.Hash{1: sha1.New, 2: sha256.New, 3: sha512.New}[how&0x0f]
}

func (c *Card) put(data []byte) reply {
	name, data, named := next(data, 0x71)
	key, data, keyed := next(data, 0x73)
	if !named || !keyed || len(name) == 0 || len(name) > 64 || len(key) < 2+14 {
		return say(wrongSyntax)
	}
	made := credential{name: string(name), how: key[0], digits: key[1], key: slices.Clone(key[2:])}
	if h := hashes(made.how); h == nil || len(made.key) > h().BlockSize() || made.how>>4 != 1 && made.how>>4 != 2 || made.digits < 6 || made.digits > 8 {
		return say(wrongSyntax)
	}
	if made.how&0x0f == 3 && bytes.Compare(c.firmwareBytes(), []byte{4, 3, 1}) < 0 {
		return say(wrongSyntax)
	}
	if len(data) >= 2 && data[0] == 0x78 { // the property has no length
		made.rising, made.touch, data = data[1]&1 != 0, data[1]&2 != 0, data[2:]
	}
	if made.touch && bytes.Compare(c.firmwareBytes(), []byte{4, 2, 4}) < 0 {
		return say(wrongSyntax)
	}
	if counter, rest, there := next(data, 0x7a); there {
		if len(counter) != 4 || made.how>>4 != 1 {
			return say(wrongSyntax)
		}
		made.counter, data = binary.BigEndian.Uint32(counter), rest
	}
	if len(data) > 0 {
		return say(wrongSyntax)
	}
	return c.keep(made)
}

func (c *Card) keep(made credential) reply {
	room := c.Room
	if room == 0 {
		room = 32
	}
	switch i := c.find([]byte(made.name)); {
	case i >= 0:
		c.oath.credentials[i] = made
	case len(c.oath.credentials) >= room:
		return say(noSpace)
	default:
		c.oath.credentials = append(c.oath.credentials, made)
	}
	return say(ok)
}

func (c *Card) firmwareBytes() []byte {
	v := c.firmware()
	return v[:]
}

func (c *Card) remove(data []byte) reply {
	name, rest, named := next(data, 0x71)
	if !named || len(rest) > 0 {
		return say(wrongSyntax)
	}
	i := c.find(name)
	if i < 0 {
		return say(noObject)
	}
	c.oath.credentials = slices.Delete(c.oath.credentials, i, i+1)
	return say(ok)
}

func (c *Card) rename(data []byte) reply {
	if bytes.Compare(c.firmwareBytes(), []byte{5, 3, 0}) < 0 {
		return say(noInstruction)
	}
	old, data, named := next(data, 0x71)
	name, rest, renamed := next(data, 0x71)
	if !named || !renamed || len(rest) > 0 || len(name) == 0 || len(name) > 64 {
		return say(wrongSyntax)
	}
	i := c.find(old)
	switch {
	case i < 0:
		return say(noObject)
	case c.find(name) >= 0:
		return say(wrongSyntax)
	}
	c.oath.credentials[i].name = string(name)
	return say(ok)
}

func (c *Card) list() reply {
	var data []byte
	for _, x := range c.oath.credentials {
		data = append(append(data, 0x72, byte(1+len(x.name)), x.how), x.name...)
	}
	return reply{data: data, status: ok}
}

func mac(how byte, key, message []byte) []byte {
	h := hmac.New(hashes(how), key)
	h.Write(message)
	return h.Sum(nil)
}

func (c *Card) setCode(data []byte) reply {
	key, data, keyed := next(data, 0x73)
	if !keyed {
		return say(wrongSyntax)
	}
	if len(key) == 0 {
		c.oath.password, c.oath.unlocked = nil, false
		return say(ok)
	}
	challenge, data, challenged := next(data, 0x74)
	answer, rest, answered := next(data, 0x75)
	switch {
	case !challenged || !answered || len(rest) > 0 || hashes(key[0]) == nil || len(key) < 2:
		return say(wrongSyntax)
	case !bytes.Equal(mac(key[0], key[1:], challenge), answer):
		return say(noObject) // "response doesn't match"
	}
	c.oath.algorithm, c.oath.password, c.oath.unlocked = key[0]&0x0f, slices.Clone(key[1:]), true
	return say(ok)
}

func (c *Card) validate(data []byte) reply {
	answer, data, answered := next(data, 0x75)
	challenge, rest, challenged := next(data, 0x74)
	switch {
	case !answered || !challenged || len(rest) > 0:
		return say(wrongSyntax)
	case c.oath.password == nil:
		return say(noObject) // "auth not enabled"
	case !bytes.Equal(mac(c.oath.algorithm, c.oath.password, c.oath.challenge), answer):
		return say(wrongSyntax)
	}
	c.oath.unlocked = true
	proof := mac(c.oath.algorithm, c.oath.password, challenge)
	return reply{data: append([]byte{0x75, byte(len(proof))}, proof...), status: ok}
}

func (c *Card) calculate(p2 byte, data []byte) reply {
	name, data, named := next(data, 0x71)
	challenge, rest, challenged := next(data, 0x74)
	if !named || !challenged || len(rest) > 0 || p2 > 1 {
		return say(wrongSyntax)
	}
	i := c.find(name)
	if i < 0 {
		return say(noObject)
	}
	challenge = slices.Clone(challenge)
	compute := func() reply {
		x := &c.oath.credentials[i]
		if x.how>>4 == 1 { // the card counts
			challenge = binary.BigEndian.AppendUint64(nil, uint64(x.counter))
			x.counter++
		}
		if x.rising && bytes.Compare(challenge, x.last) <= 0 {
			return say(wrongSyntax)
		}
		x.last = challenge
		return reply{data: response(*x, p2, challenge), status: ok}
	}
	if c.oath.credentials[i].touch {
		return reply{touch: string(name), then: compute}
	}
	return compute()
}

// response is a whole HMAC, or RFC 4226's truncation of it.
func response(x credential, p2 byte, challenge []byte) []byte {
	sum := mac(x.how, x.key, challenge)
	if p2 == 0 {
		return append([]byte{0x75, byte(1 + len(sum)), x.digits}, sum...)
	}
	at := sum[len(sum)-1] & 0x0f
	four := slices.Clone(sum[at : at+4])
	four[0] &= 0x7f
	return append([]byte{0x76, 5, x.digits}, four...)
}

func (c *Card) calculateAll(p2 byte, data []byte) reply {
	challenge, rest, challenged := next(data, 0x74)
	if !challenged || len(rest) > 0 || p2 > 1 {
		return say(wrongSyntax)
	}
	var all []byte
	for _, x := range c.oath.credentials {
		all = append(append(all, 0x71, byte(len(x.name))), x.name...)
		switch {
		case x.how>>4 == 1:
			all = append(all, 0x77, 1, x.digits)
		case x.touch:
			all = append(all, 0x7c, 1, x.digits)
		default:
			all = append(all, response(x, p2, challenge)...)
		}
	}
	return reply{data: all, status: ok}
}

// Names are the names of the credentials, sorted, with whether each wants a touch.
func (c *Card) Names() (names []string, touch map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	touch = map[string]bool{}
	for _, x := range c.oath.credentials {
		touch[x.name] = x.touch
	}
	return slices.Sorted(maps.Keys(touch)), touch
}

// HasPassword tells whether the OATH application has an access key.
func (c *Card) HasPassword() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.oath.password != nil
}
