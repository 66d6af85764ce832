package otp

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Keyboard is how the computer was set that an OTP was typed on. The zero Keyboard is
// what a YubiKey expects. Another is only right where somebody knows it to be: some
// texts are OTPs on several keyboards.
type Keyboard struct {
	Layout   string // one of Layouts; "" is any that has the letters of modhex where QWERTY has them
	Capitals bool   // caps lock may be on: capital letters count as small ones
}

// layouts are the letters that the keys of modhex type, in its order.
var layouts = map[string]string{
	"dvorak":    "jxe.uidchtnbpygk",
	"colemak":   "cbsftdhuneikpglv",
	"turkish-q": "cbdefghıjklnrtuv",
	"greek":     "ψβδεφγηιξκλνρτθω",
	"russian":   "сивуапршолдткегм",
}

// Layouts are the names of layouts.
func Layouts() []string { return slices.Sorted(maps.Keys(layouts)) }

// Parse is the function Parse for what was typed on this keyboard.
func (k Keyboard) Parse(text string) (OTP, error) {
	typed, err := k.toModhex(text)
	if err != nil {
		return OTP{}, err
	}
	return Parse(typed)
}

func (k Keyboard) toModhex(text string) (string, error) {
	letters := modhex
	if k.Layout != "" {
		letters = layouts[k.Layout]
	}
	if letters == "" {
		return "", fmt.Errorf("keyboard layout %q is not one of %s", k.Layout, strings.Join(Layouts(), ", "))
	}
	digits := []rune(letters)
	var typed strings.Builder
	place := 0
	for _, r := range text {
		place++
		i := slices.Index(digits, k.small(r))
		if i < 0 {
			return "", fmt.Errorf("%w (character %d is none of %s)", ErrMalformed, place, letters)
		}
		typed.WriteByte(modhex[i])
	}
	return typed.String(), nil
}

// small is the letter without caps lock. A Turkish keyboard's capital of ı is I.
func (k Keyboard) small(r rune) rune {
	switch {
	case !k.Capitals:
		return r
	case k.Layout == "turkish-q":
		return unicode.TurkishCase.ToLower(r)
	}
	return unicode.ToLower(r)
}
