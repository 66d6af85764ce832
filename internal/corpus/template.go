package corpus

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// template is a text with slots such as <uuid>, <hex 17> or <pick a|b>, cut
// into pieces once, so that writing a record is appending bytes.
type template []piece

type piece struct {
	text string
	fill filler
}

// filler appends what a slot stands for in the record at hand.
type filler func(g *scribe, b []byte) []byte

// compile cuts a text at its slots. The texts are constants of this package, so
// an unknown slot is a mistake in the program and panics, as
// regexp.MustCompile does.
func compile(text string) template {
	var t template
	for {
		before, rest, found := strings.Cut(text, "<")
		if before != "" {
			t = append(t, piece{text: before})
		}
		if !found {
			return t
		}
		slot, after, closed := strings.Cut(rest, ">")
		if !closed {
			panic(fmt.Sprintf("corpus: slot without end: %q", rest))
		}
		t = append(t, piece{fill: slotFiller(slot)})
		text = after
	}
}

func (t template) append(g *scribe, b []byte) []byte {
	for i := range t {
		if t[i].fill == nil {
			b = append(b, t[i].text...)
			continue
		}
		b = t[i].fill(g, b)
	}
	return b
}

func slotFiller(slot string) filler {
	kind, arg, _ := strings.Cut(slot, " ")
	if f := sizedSlot(kind, arg); f != nil {
		return f
	}
	if f := namedSlots[kind]; f != nil {
		return f
	}
	panic(fmt.Sprintf("corpus: no slot called %q", slot))
}

// namedSlots are the slots without an argument.
var namedSlots = func() map[string]filler {
	m := recordSlots()
	maps.Copy(m, personSlots())
	maps.Copy(m, poolSlots())
	return m
}()

// sizedSlot are the slots with an argument.
func sizedSlot(kind, arg string) filler {
	k, _ := strconv.Atoi(arg)
	switch kind {
	case "hex":
		return func(g *scribe, b []byte) []byte { return g.rand.hex(b, k) }
	case "b64":
		return func(g *scribe, b []byte) []byte { return g.rand.chars(b, base64Set, k) }
	case "id":
		return func(g *scribe, b []byte) []byte { return g.rand.chars(b, base32Set, k) }
	case "num":
		return func(g *scribe, b []byte) []byte { return strconv.AppendInt(b, int64(g.rand.n(k)), 10) }
	case "pick":
		words := strings.Split(arg, "|")
		return func(g *scribe, b []byte) []byte { return append(b, words[g.rand.n(len(words))]...) }
	case "policy":
		return func(g *scribe, b []byte) []byte { return g.policy(b, 1+g.rand.low(max(k, 1))) }
	case "template":
		return func(g *scribe, b []byte) []byte { return g.stack(b, 1+g.rand.low(max(k, 1))) }
	case "instances":
		return func(g *scribe, b []byte) []byte { return g.instances(b, 1+g.rand.low(max(k, 1))) }
	case "tags":
		return func(g *scribe, b []byte) []byte { return g.tags(b, g.rand.n(k+1)) }
	}
	return nil
}

const stamp = "2006-01-02T15:04:05Z"

// recordSlots are the parts of the call at hand.
func recordSlots() map[string]filler {
	return map[string]filler{
		"uuid":     func(g *scribe, b []byte) []byte { return g.rand.uuid(b) },
		"time":     func(g *scribe, b []byte) []byte { return g.now.AppendFormat(b, stamp) },
		"earlier":  func(g *scribe, b []byte) []byte { return g.ago().AppendFormat(b, stamp) },
		"later":    func(g *scribe, b []byte) []byte { return g.now.Add(time.Hour).AppendFormat(b, stamp) },
		"account":  func(g *scribe, b []byte) []byte { return append(b, g.account.id...) },
		"region":   func(g *scribe, b []byte) []byte { return append(b, g.region...) },
		"version":  func(g *scribe, b []byte) []byte { return append(b, g.call.version...) },
		"prefix":   func(g *scribe, b []byte) []byte { return append(b, g.call.prefix...) },
		"source":   func(g *scribe, b []byte) []byte { return append(b, g.call.source...) },
		"event":    func(g *scribe, b []byte) []byte { return append(b, g.call.name...) },
		"readonly": func(g *scribe, b []byte) []byte { return strconv.AppendBool(b, g.call.readOnly) },
		"identity": func(g *scribe, b []byte) []byte { return append(b, g.session.identity...) },
		"address":  func(g *scribe, b []byte) []byte { return append(b, g.session.address...) },
		"agent":    func(g *scribe, b []byte) []byte { return g.agent(b) },
		"result":   func(g *scribe, b []byte) []byte { return g.result(b) },
		"tail":     func(g *scribe, b []byte) []byte { return g.tail(b) },
		"removed":  func(_ *scribe, b []byte) []byte { return append(b, "<sensitiveDataRemoved>"...) },
		"key":      func(g *scribe, b []byte) []byte { return g.rand.chars(append(b, "ASIA"...), base32Set, 16) },
	}
}

// ago is when a session began: up to an hour before.
func (g *scribe) ago() time.Time { return g.now.Add(-time.Duration(g.rand.n(3600)) * time.Second) }

// personSlots are the parts of the person who signs in; they stay the same
// through one scene.
func personSlots() map[string]filler {
	return map[string]filler{
		"user":     func(g *scribe, b []byte) []byte { return append(b, g.person.user.name...) },
		"userid":   func(g *scribe, b []byte) []byte { return append(b, g.person.user.id...) },
		"ip":       func(g *scribe, b []byte) []byte { return append(b, g.person.address...) },
		"browser":  func(g *scribe, b []byte) []byte { return append(b, g.person.browser...) },
		"workflow": func(g *scribe, b []byte) []byte { return append(b, g.person.workflow...) },
	}
}

// poolSlots are an account's own things, a few of them used most often. <same>
// repeats the last one.
func poolSlots() map[string]filler {
	m := map[string]filler{"same": func(g *scribe, b []byte) []byte { return append(b, g.picked...) }}
	for _, kind := range poolKinds() {
		m[kind.name] = func(g *scribe, b []byte) []byte {
			pool := g.account.pools[kind.name]
			g.picked = pool[g.rand.low(len(pool))]
			return append(b, g.picked...)
		}
	}
	return m
}
