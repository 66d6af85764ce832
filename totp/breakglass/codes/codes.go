// Package codes makes sheets of recovery codes, printed and locked away for the day on
// which a device is lost, and checks them: a factor of the emergency door.
//
// It promises codes of 115 random bits, in an alphabet that is read out on a phone
// without mistakes; that one or two wrong letters are found by the code's own check
// symbols, before a guess counts and whatever is stored; that a code works once, its
// hash being deleted in the transaction of what it is used for; and that neither the
// codes nor anything that finds them is kept. A sheet's id is no secret.
//
// # How codes are hashed
//
// By HMAC-SHA256 under a pepper that is sealed apart from the rows. NIST SP 800-63B lets
// look-up secrets of 112 bits or more be hashed by any approved one-way function; salts
// and slow hashes such as argon2id are for secrets that can be guessed. Nobody tries
// 2^115 codes, so argon2id would add a dependency and tens of megabytes of memory to
// each attempt, and keep out nobody. The pepper is beyond what is needed: who reads the
// rows cannot even test a sheet that they found.
//
// It asks no clock and knows no files.
package codes

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"mfawatch/totp/breakglass"
)

// The form of a code: 23 symbols of 5 random bits, and 2 that check them, in groups.
const (
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's base32: no I, L, O, U
	data     = 23
	length   = 25
	group    = 5
)

// Bits is how much chance a code holds.
const Bits = data * 5

const mostCodes = 20

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{1,62}$`)

// Sheet is codes before they are printed. It is shown once.
type Sheet struct {
	ID    string
	Codes []breakglass.Code
}

// Make makes a sheet from a source, which is crypto/rand's Reader. Its id is its device's
// in the rules.
func Make(id string, n int, random io.Reader) (Sheet, error) {
	if !idForm.MatchString(id) {
		return Sheet{}, fmt.Errorf("sheet %q: an id of 2 to 63 letters, digits, _ . @ and - is wanted", id)
	}
	if n < 1 || n > mostCodes {
		return Sheet{}, fmt.Errorf("sheet %s of %d codes: 1 to %d are possible", id, n, mostCodes)
	}
	s := Sheet{ID: id}
	for range n {
		b := make([]byte, data)
		if _, err := io.ReadFull(random, b); err != nil {
			return Sheet{}, fmt.Errorf("sheet %s: random numbers: %w", id, err)
		}
		for i := range b {
			b[i] %= 32
		}
		s.Codes = append(s.Codes, breakglass.Typed(grouped(checked(b))))
		clear(b)
	}
	return s, nil
}

// grouped writes symbols as they are printed.
func grouped(symbols []byte) string {
	var b strings.Builder
	for i, s := range symbols {
		if i > 0 && i%group == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[s])
	}
	return b.String()
}

// Print writes the sheet as it goes to a printer.
func (s Sheet) Print(w io.Writer, made time.Time) error {
	var b strings.Builder
	fmt.Fprintf(&b, "mfawatch recovery codes\n\nSheet %s, made %s\n\nEach code works once, with this sheet's name as the device. Cross it out after use.\nThere is no letter I, L, O or U. Small letters and spaces do no harm.\nLost or seen by others: remove the sheet's device from the rules.\n\n", s.ID, made.UTC().Format("2006-01-02"))
	for i, c := range s.Codes {
		fmt.Fprintf(&b, "%4d  %s\n", i+1, c.Reveal())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// What a text that is no code is told. None shows it.
var (
	ErrForm = fmt.Errorf("a recovery code has %d letters and digits in groups of %d", length, group)
	ErrTypo = errors.New("a letter of the recovery code is wrong: read it again, group by group")
)

// parse reads a code as people type it: in small letters, with spaces and dashes or
// without, the letter O for 0, I or L for 1.
func parse(text string) ([]byte, error) {
	symbols := make([]byte, 0, length)
	for _, r := range strings.ToUpper(text) {
		switch r {
		case ' ', '\t', '-', '_', '\u00a0', '\u2010', '\u2011', '\u2012', '\u2013', '\u2014', '\u2212':
			continue
		case 'O':
			r = '0'
		case 'I', 'L':
			r = '1'
		}
		at := strings.IndexRune(alphabet, r)
		if at < 0 || len(symbols) == length {
			return nil, ErrForm
		}
		symbols = append(symbols, byte(at))
	}
	if len(symbols) != length {
		return nil, ErrForm
	}
	if a, b := syndromes(symbols); a != 0 || b != 0 {
		return nil, ErrTypo
	}
	return symbols, nil
}

// WellFormed tells whether a text could be a code of some sheet.
func WellFormed(c breakglass.Code) error {
	_, err := parse(c.Reveal())
	return err
}

// The check symbols are those of a Reed-Solomon code over the field of 32 elements,
// made by x^5+x^2+1: the sum of all symbols is zero, and so is the sum of each times
// 2^i. So no two codes differ in fewer than three symbols.

// checked appends the two check symbols.
func checked(symbols []byte) []byte {
	a, b := syndromes(symbols)
	p, q := power(data), power(data+1)
	last := times(b^times(p, a), inverse(p^q))
	return append(slices.Clone(symbols), a^last, last)
}

func syndromes(symbols []byte) (a, b byte) {
	for i, s := range symbols {
		a ^= s
		b ^= times(power(i), s)
	}
	return a, b
}

// times multiplies in the field.
func times(a, b byte) (product byte) {
	for ; b > 0; b >>= 1 {
		if b&1 == 1 {
			product ^= a
		}
		if a <<= 1; a&0x20 != 0 {
			a ^= 0x25
		}
	}
	return product
}

func power(n int) byte {
	p := byte(1)
	for range n {
		p = times(p, 2)
	}
	return p
}

// inverse is a^30, as a^31 is 1.
func inverse(a byte) byte {
	p := byte(1)
	for range 30 {
		p = times(p, a)
	}
	return p
}

// Pepper is the key of the hashes. It is a secret that is sealed apart from the rows,
// and behind a function, where nothing that prints looks.
type Pepper struct{ key func() []byte }

// NewPepper makes a Pepper of at least 32 random bytes.
func NewPepper(key []byte) (Pepper, error) {
	if len(key) < 32 {
		return Pepper{}, fmt.Errorf("a pepper of %d bytes: 32 random ones or more are wanted", len(key))
	}
	return Pepper{func() []byte { return key }}, nil
}

// String is for who prints it.
func (Pepper) String() string { return "[pepper]" }

// MarshalText is for encoders.
func (Pepper) MarshalText() ([]byte, error) { return []byte("[pepper]"), nil }

func (p Pepper) hash(sheet string, symbols []byte) string {
	m := hmac.New(sha256.New, p.key())
	fmt.Fprintf(m, "mfawatch-recovery-code/1\x00%s\x00", sheet)
	m.Write(symbols)
	return hex.EncodeToString(m.Sum(nil))
}

// kept is a sheet's row: the hashes of codes that were not used.
type kept struct {
	Format int
	Made   time.Time
	Count  int
	Unused []string
}

func key(sheet string) string { return "sheet#" + sheet }

func read(tx breakglass.Tx, sheet string) (k kept, there bool, err error) {
	row, err := tx.Get(key(sheet))
	if err != nil || row == nil {
		return k, false, err
	}
	if err := json.Unmarshal(row, &k); err != nil {
		return k, false, fmt.Errorf("sheet %s %w: restore it, or print a new one: %v", sheet, breakglass.ErrDamaged, err)
	}
	if k.Format != 1 {
		return k, false, fmt.Errorf("sheet %s %w: it has format %d, and 1 is understood: use the version that wrote it", sheet, breakglass.ErrDamaged, k.Format)
	}
	return k, true, nil
}

func write(tx breakglass.Tx, sheet string, k kept) error {
	row, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("sheet %s: %w", sheet, err)
	}
	return tx.Put(key(sheet), row)
}

// Enrol keeps a sheet's hashes. A sheet that is there, or was, is not replaced: its id
// is printed on paper that says something else.
func Enrol(tx breakglass.Tx, p Pepper, s Sheet, now time.Time) error {
	if p.key == nil {
		return fmt.Errorf("sheet %s: there is no pepper to hash its codes with", s.ID)
	}
	_, there, err := read(tx, s.ID)
	if err != nil {
		return err
	}
	if there {
		return fmt.Errorf("sheet %s is there: give the new one another id", s.ID)
	}
	k := kept{Format: 1, Made: now.UTC().Truncate(time.Second), Count: len(s.Codes)}
	for _, c := range s.Codes {
		symbols, err := parse(c.Reveal())
		if err != nil {
			return fmt.Errorf("sheet %s: %w", s.ID, err)
		}
		k.Unused = append(k.Unused, p.hash(s.ID, symbols))
	}
	slices.Sort(k.Unused) // in no order that the paper has
	return write(tx, s.ID, k)
}

// Retire makes all codes of a sheet worthless. Its id stays taken.
func Retire(tx breakglass.Tx, sheet string) error {
	k, err := known(tx, sheet)
	if err != nil {
		return err
	}
	k.Unused = nil
	return write(tx, sheet, k)
}

// known reads a sheet that has to be there.
func known(tx breakglass.Tx, sheet string) (kept, error) {
	k, there, err := read(tx, sheet)
	if err == nil && !there {
		err = fmt.Errorf("there is no sheet %s: look at its id", sheet)
	}
	return k, err
}

// Left tells how many codes of a sheet were not used, and how many it had.
func Left(tx breakglass.Tx, sheet string) (unused, of int, err error) {
	k, err := known(tx, sheet)
	return len(k.Unused), k.Count, err
}

// Factor checks codes of one sheet: breakglass.Factor.
type Factor struct {
	Sheet  string
	Pepper Pepper
}

// WellFormed finds what was typed wrong.
func (Factor) WellFormed(c breakglass.Code) error { return WellFormed(c) }

// Guessable is false: nobody guesses 115 bits, so a lock would keep out only the
// rescuer.
func (Factor) Guessable() bool { return false }

// Begin reads the hashes. The door itself counts attempts; none locks a sheet.
func (f Factor) Begin(_ context.Context, tx breakglass.Tx, id string, _ time.Time) (breakglass.Guess, error) {
	if f.Pepper.key == nil {
		return nil, fmt.Errorf("sheet %s: there is no pepper to hash its codes with", f.Sheet)
	}
	k, _, err := read(tx, f.Sheet)
	if id != f.Sheet {
		k.Unused = nil // somebody else's attempt
	}
	return &guess{f: f, unused: k.Unused}, err
}

type guess struct {
	f      Factor
	unused []string
	hash   string
}

// Compare looks at all hashes, whichever matches.
func (g *guess) Compare(c breakglass.Code) error {
	symbols, err := parse(c.Reveal())
	if err != nil {
		return breakglass.ErrWrong
	}
	g.hash = g.f.Pepper.hash(g.f.Sheet, symbols)
	found := 0
	for _, h := range g.unused {
		found |= subtle.ConstantTimeCompare([]byte(h), []byte(g.hash))
	}
	if found == 0 {
		return breakglass.ErrWrong
	}
	return nil
}

// Spend deletes the hash, if nobody did meanwhile.
func (g *guess) Spend(_ context.Context, tx breakglass.Tx) error {
	k, _, err := read(tx, g.f.Sheet)
	if err != nil {
		return err
	}
	at := slices.Index(k.Unused, g.hash)
	if at < 0 {
		return breakglass.ErrUsed
	}
	k.Unused = slices.Delete(k.Unused, at, at+1)
	return write(tx, g.f.Sheet, k)
}
