package device

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// Ask asks a person for a code. What it returns may have white space around it.
type Ask func(ctx context.Context, prompt string) (string, error)

// tries is how often a person is asked anew for what is no code.
const tries = 3

// Typed are codes that a person reads off a device and types: of a hardware token, or
// of an app on a telephone. Nothing is known of others who type codes of the same
// device, and AWS's nine in three minutes are not counted.
type Typed struct {
	serial string
	ask    Ask
	mutex  sync.Mutex
	seen   map[string]bool
}

// NewTyped makes codes of one device by asking. It remembers what was typed, so that
// no code is shown to AWS twice by the same program.
func NewTyped(serial string, ask Ask) *Typed {
	return &Typed{serial: serial, ask: ask, seen: map[string]bool{}}
}

// One asks for the code that the device shows.
func (t *Typed) One(ctx context.Context) (Handed, error) {
	code, err := t.read(ctx, "the code that "+t.serial+" shows")
	if err != nil {
		return Handed{}, err
	}
	return t.hand(code, ""), nil
}

// Pair asks for a code and for the next one.
func (t *Typed) Pair(ctx context.Context) (Handed, error) {
	first, err := t.read(ctx, "the first code that "+t.serial+" shows")
	if err != nil {
		return Handed{}, err
	}
	second, err := t.read(ctx, "the next code of "+t.serial+", when it changes")
	if err != nil {
		return Handed{}, err
	}
	return t.hand(first, second), nil
}

// hand lets codes that AWS did not look at be typed again.
func (t *Typed) hand(first, second string) Handed {
	return Hand(first, second, func(_ context.Context, answered bool) error {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		if !answered {
			delete(t.seen, first)
			delete(t.seen, second)
		}
		return nil
	})
}

// read asks until it is told a code that was not told before.
func (t *Typed) read(ctx context.Context, prompt string) (string, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	why := ""
	for range tries {
		text, err := t.ask(ctx, why+prompt)
		if err != nil {
			return "", fmt.Errorf("ask for a code of %s: %w", t.serial, err)
		}
		if why = t.wrong(strings.TrimSpace(text)); why == "" {
			t.seen[strings.TrimSpace(text)] = true
			return strings.TrimSpace(text), nil
		}
		why += ": "
	}
	return "", fmt.Errorf("code of %s: %w before AWS was asked: %sask again when there is one", t.serial, ErrRefused, why)
}

// wrong says what is wrong with a code, without showing it.
func (t *Typed) wrong(code string) string {
	switch {
	case len(code) != 6 || strings.Trim(code, "0123456789") != "":
		return "a code has exactly six digits"
	case t.seen[code]:
		return "this code was used, wait for the next"
	}
	return ""
}
