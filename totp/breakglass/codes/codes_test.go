package codes

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
)

var now = time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)
var _ breakglass.Factor = Factor{}

// memory is one transaction after the other.
type memory struct {
	mutex sync.Mutex
	Rows  map[string][]byte
}

func (m *memory) Transact(_ context.Context, change func(breakglass.Tx) error) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	was := maps.Clone(m.Rows)
	err := change(m)
	if err != nil {
		m.Rows = was
	}
	return err
}

func (m *memory) Get(key string) ([]byte, error)   { return m.Rows[key], nil }
func (m *memory) Put(key string, row []byte) error { m.Rows[key] = row; return nil }
func (m *memory) Delete(key string) error          { delete(m.Rows, key); return nil }

func pepper(t *testing.T, letter string) Pepper {
	t.Helper()
	p, err := NewPepper([]byte(strings.Repeat(letter, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func enrolled(t *testing.T, id string) (*memory, Sheet, Factor) {
	t.Helper()
	s, err := Make(id, 10, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m, p := &memory{Rows: map[string][]byte{}}, pepper(t, "p")
	if err := m.Transact(t.Context(), func(tx breakglass.Tx) error { return Enrol(tx, p, s, now) }); err != nil {
		t.Fatal(err)
	}
	return m, s, Factor{id, p}
}

// use is a whole attempt.
func use(t *testing.T, store breakglass.Store, f Factor, id string, c breakglass.Code) error {
	t.Helper()
	var g breakglass.Guess
	err := store.Transact(t.Context(), func(tx breakglass.Tx) (err error) { g, err = f.Begin(t.Context(), tx, id, now); return err })
	if err != nil {
		return err
	}
	if err := g.Compare(c); err != nil {
		return err
	}
	return store.Transact(t.Context(), func(tx breakglass.Tx) error { return g.Spend(context.Background(), tx) })
}

func TestEachCodeWorksOnce(t *testing.T) {
	m, s, f := enrolled(t, "ada-sheet")
	for i, c := range s.Codes {
		if err := use(t, m, f, "ada-sheet", c); err != nil {
			t.Errorf("code %d = %v", i, err)
		}
		if err := use(t, m, f, "ada-sheet", c); !errors.Is(err, breakglass.ErrWrong) {
			t.Errorf("code %d again = %v", i, err)
		}
		unused, of := 0, 0
		if err := m.Transact(t.Context(), func(tx breakglass.Tx) (err error) { unused, of, err = Left(tx, "ada-sheet"); return err }); err != nil || unused != 9-i || of != 10 {
			t.Errorf("%d of %d are left, %v", unused, of, err)
		}
	}
}

func TestOneCodeManyAtOnce(t *testing.T) {
	m, s, f := enrolled(t, "ada-sheet")
	var wait sync.WaitGroup
	var mutex sync.Mutex
	in := 0
	for range 64 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if use(t, m, f, "ada-sheet", s.Codes[3]) == nil {
				mutex.Lock()
				in++
				mutex.Unlock()
			}
		}()
	}
	wait.Wait()
	if in != 1 {
		t.Errorf("one code let %d in", in)
	}
}

func TestOthersCodes(t *testing.T) {
	m, s, f := enrolled(t, "ada-sheet")
	for what, try := range map[string]struct {
		f  Factor
		id string
	}{
		"another's attempt": {f, "nobody-1"}, "another sheet": {Factor{"bob-sheet", f.Pepper}, "bob-sheet"}, "another pepper": {Factor{"ada-sheet", pepper(t, "q")}, "ada-sheet"},
	} {
		if err := use(t, m, try.f, try.id, s.Codes[0]); !errors.Is(err, breakglass.ErrWrong) {
			t.Errorf("%s = %v", what, err)
		}
	}
	if err := use(t, m, Factor{Sheet: "ada-sheet"}, "ada-sheet", s.Codes[0]); err == nil || errors.Is(err, breakglass.ErrWrong) {
		t.Errorf("no pepper = %v, want an error that is no refusal", err)
	}
	if err := use(t, m, f, "ada-sheet", breakglass.Typed("x")); !errors.Is(err, breakglass.ErrWrong) {
		t.Errorf("no code at all = %v", err)
	}
	if err := use(t, m, f, "ada-sheet", s.Codes[0]); err != nil {
		t.Errorf("after all that the code = %v", err)
	}
}

func TestAsPeopleTypeIt(t *testing.T) {
	code := grouped(checked(bytes.Repeat([]byte{0, 1, 17}, 8)[:data])) // 0, 1, H
	for what, typed := range map[string]string{
		"as printed": code, "small": strings.ToLower(code), "no groups": strings.ReplaceAll(code, "-", ""), "spaces": " " + strings.ReplaceAll(code, "-", "  ") + " ",
		"O for 0": strings.ReplaceAll(code, "0", "O"), "o for 0": strings.ReplaceAll(code, "0", "o"), "I for 1": strings.ReplaceAll(code, "1", "I"), "l for 1": strings.ReplaceAll(code, "1", "l"),
		"other dashes": strings.ReplaceAll(code, "-", "–"), "other groups": strings.ReplaceAll(code, "-", "")[:3] + "-" + strings.ReplaceAll(code, "-", "")[3:],
	} {
		symbols, err := parse(typed)
		if err != nil || grouped(symbols) != code {
			t.Errorf("%s: %q, %v, want %q", what, grouped(symbols), err, code)
		}
	}
	bare := strings.ReplaceAll(code, "-", "")
	for _, typed := range []string{"", bare[1:], bare + "0", strings.Replace(bare, "H", "U", 1), strings.Replace(bare, "H", "é", 1), "123456", strings.Repeat("-", 25), bare + bare} {
		if _, err := parse(typed); !errors.Is(err, ErrForm) {
			t.Errorf("%d letters that are no code = %v", len(typed), err)
		}
	}
}

// TestTyposAreFound: every code with one or two other symbols, or two in each other's
// place, is found to be no code.
func TestTyposAreFound(t *testing.T) {
	s, err := Make("id", 1, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good, err := parse(s.Codes[0].Reveal())
	if err != nil {
		t.Fatal(err)
	}
	wrong := func(symbols []byte) {
		if _, err := parse(grouped(symbols)); !errors.Is(err, ErrTypo) {
			t.Fatalf("a code with wrong symbols = %v", err)
		}
	}
	for i := range length {
		for by := byte(1); by < 32; by++ {
			one := slices.Clone(good)
			one[i] ^= by
			wrong(one)
			for j := range i {
				for also := byte(1); also < 32; also++ {
					two := slices.Clone(one)
					two[j] ^= also
					wrong(two)
				}
			}
		}
	}
}

func TestField(t *testing.T) {
	seen := map[byte]bool{}
	for n := range 31 {
		seen[power(n)] = true
	}
	if len(seen) != 31 || seen[0] || power(31) != 1 {
		t.Errorf("2 makes %d elements, and its 31st power is %d", len(seen), power(31))
	}
	for a := byte(1); a < 32; a++ {
		if times(a, inverse(a)) != 1 || times(a, 0) != 0 || times(0, a) != 0 || times(a, 1) != a {
			t.Errorf("%d has no inverse", a)
		}
	}
}

func TestNothingShowsACode(t *testing.T) {
	m, s, f := enrolled(t, "ada-sheet")
	var kept strings.Builder
	for key, row := range m.Rows {
		kept.WriteString(key + string(row))
	}
	shown := fmt.Sprintf("%v %+v %#v %s", s, s, f, f.Pepper) + kept.String()
	for _, c := range s.Codes {
		if text := c.Reveal(); strings.Contains(shown, text) || strings.Contains(shown, strings.ReplaceAll(text, "-", "")) {
			t.Error("a code is shown")
		}
	}
	if strings.Contains(shown, "pppp") {
		t.Error("the pepper is shown")
	}
}

func TestPrint(t *testing.T) {
	_, s, _ := enrolled(t, "ada-sheet")
	var b strings.Builder
	if err := s.Print(&b, now); err != nil {
		t.Fatal(err)
	}
	for i, c := range s.Codes {
		if !strings.Contains(b.String(), fmt.Sprintf("%4d  %s\n", i+1, c.Reveal())) {
			t.Errorf("code %d is not printed", i+1)
		}
	}
	if !strings.Contains(b.String(), "Sheet ada-sheet, made 2026-11-26") {
		t.Error("the sheet has no id or date")
	}
}

func TestFaults(t *testing.T) {
	for _, make := range []func() (Sheet, error){
		func() (Sheet, error) { return Make("", 10, rand.Reader) }, func() (Sheet, error) { return Make("a b", 10, rand.Reader) },
		func() (Sheet, error) { return Make("id", 0, rand.Reader) }, func() (Sheet, error) { return Make("id", 21, rand.Reader) },
		func() (Sheet, error) { return Make("id", 2, bytes.NewReader(bytes.Repeat([]byte{1}, 45))) },
	} {
		if s, err := make(); err == nil || len(s.Codes) > 0 {
			t.Errorf("%v codes, %v, want an error", len(s.Codes), err)
		}
	}
	if _, err := NewPepper([]byte(strings.Repeat("p", 31))); err == nil {
		t.Error("a short pepper is taken")
	}
	m, s, f := enrolled(t, "ada-sheet")
	do := func(change func(tx breakglass.Tx) error) error { return m.Transact(t.Context(), change) }
	for what, err := range map[string]error{
		"a sheet twice": do(func(tx breakglass.Tx) error { return Enrol(tx, f.Pepper, s, now) }),
		"no pepper":     do(func(tx breakglass.Tx) error { return Enrol(tx, Pepper{}, Sheet{ID: "new"}, now) }),
		"no code": do(func(tx breakglass.Tx) error {
			return Enrol(tx, f.Pepper, Sheet{"new", []breakglass.Code{breakglass.Typed("x")}}, now)
		}),
		"no such sheet":     do(func(tx breakglass.Tx) error { return Retire(tx, "new") }),
		"none left of none": do(func(tx breakglass.Tx) error { _, _, err := Left(tx, "new"); return err }),
	} {
		if err == nil {
			t.Errorf("%s is no error", what)
		}
	}
	if err := do(func(tx breakglass.Tx) error { return Retire(tx, "ada-sheet") }); err != nil {
		t.Fatal(err)
	}
	if err := use(t, m, f, "ada-sheet", s.Codes[0]); !errors.Is(err, breakglass.ErrWrong) {
		t.Errorf("a code of a sheet that was retired = %v", err)
	}
	if err := do(func(tx breakglass.Tx) error { return Enrol(tx, f.Pepper, s, now) }); err == nil {
		t.Error("a sheet that was retired is enrolled again")
	}
	for _, row := range []string{"{", `{"Format":2}`} {
		m.Rows["sheet#ada-sheet"] = []byte(row)
		if err := use(t, m, f, "ada-sheet", s.Codes[0]); err == nil || errors.Is(err, breakglass.ErrWrong) {
			t.Errorf("a damaged row = %v, want an error that is no refusal", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(grouped(checked(make([]byte, data))))
	f.Add("OIL-uuuuu")
	f.Fuzz(func(t *testing.T, text string) {
		symbols, err := parse(text)
		if err != nil {
			return
		}
		again, err := parse(grouped(symbols))
		if err != nil || !bytes.Equal(again, symbols) || len(symbols) != length {
			t.Errorf("%q is read as %v and then as %v, %v", text, symbols, again, err)
		}
	})
}

// TestForm pins what is printed and what is kept: papers in safes depend on it. The
// check symbols and the hash were computed by another program too.
func TestForm(t *testing.T) {
	symbols := checked([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 31})
	if got, want := grouped(symbols), "01234-56789-ABCDE-FGHJK-MNZAM"; got != want {
		t.Errorf("a code is printed as %s, want %s", got, want)
	}
	if got, want := pepper(t, "p").hash("ada-sheet", symbols), "a028d8ea86090133e760043f5eb9cccade021dd63aecccb7bc9618fdfa2b37a2"; got != want {
		t.Errorf("its hash is %s, want %s", got, want)
	}
	all := make([]byte, 32)
	for i := range all {
		all[i] = byte(i)
	}
	if got := strings.ReplaceAll(grouped(all), "-", ""); got != "0123456789ABCDEFGHJKMNPQRSTVWXYZ" || len(alphabet) != 32 {
		t.Errorf("the alphabet is %s", got)
	}
	if got := ErrForm.Error(); got != "a recovery code has 25 letters and digits in groups of 5" {
		t.Error(got)
	}
	bare := strings.ReplaceAll(grouped(symbols), "-", "")
	for _, dash := range []string{" ", "\t", "-", "_", "\u00a0", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2212"} {
		if got, err := parse(bare[:5] + dash + bare[5:]); err != nil || !bytes.Equal(got, symbols) {
			t.Errorf("with %q between groups: %v", dash, err)
		}
	}
	for _, other := range []string{"\n", "+", "/", ".", "\u2009", "\u00a1"} {
		if _, err := parse(bare[:5] + other + bare[5:]); !errors.Is(err, ErrForm) {
			t.Errorf("with %q between groups: %v", other, err)
		}
	}
}

// TestSpentMeanwhile: of two that compared the same code one spends it.
func TestSpentMeanwhile(t *testing.T) {
	m, s, f := enrolled(t, "ada-sheet")
	begin := func() breakglass.Guess {
		t.Helper()
		g, err := f.Begin(t.Context(), m, "ada-sheet", now)
		if err == nil {
			err = g.Compare(s.Codes[2])
		}
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	one, two := begin(), begin()
	if err := one.Spend(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if err := two.Spend(t.Context(), m); !errors.Is(err, breakglass.ErrUsed) {
		t.Errorf("the second = %v, want it used", err)
	}
	if unused, _, err := Left(m, "ada-sheet"); unused != 9 || err != nil {
		t.Errorf("%d are left, %v", unused, err)
	}
	m.Rows["sheet#ada-sheet"] = []byte("{")
	if err := one.Spend(t.Context(), m); err == nil || errors.Is(err, breakglass.ErrUsed) {
		t.Errorf("a damaged row = %v, want an error that is no refusal", err)
	}
}

func TestSentences(t *testing.T) {
	m, s, f := enrolled(t, "ada-sheet")
	say := func(_ any, err error) error { return err }
	for want, err := range map[string]error{
		`sheet "": an id of 2 to 63 letters, digits, _ . @ and - is wanted`:     say(Make("", 1, rand.Reader)),
		"sheet id of 21 codes: 1 to 20 are possible":                            say(Make("id", 21, rand.Reader)),
		"sheet id: random numbers: EOF":                                         say(Make("id", 1, bytes.NewReader(nil))),
		"a pepper of 3 bytes: 32 random ones or more are wanted":                say(NewPepper([]byte("ppp"))),
		"sheet ada-sheet is there: give the new one another id":                 Enrol(m, f.Pepper, s, now),
		"sheet new: there is no pepper to hash its codes with":                  Enrol(m, Pepper{}, Sheet{ID: "new"}, now),
		"sheet new: " + ErrForm.Error():                                         Enrol(m, f.Pepper, Sheet{"new", []breakglass.Code{breakglass.Typed("x")}}, now),
		"there is no sheet new: look at its id":                                 Retire(m, "new"),
		"sheet ada-sheet: there is no pepper to hash its codes with":            say(Factor{Sheet: "ada-sheet"}.Begin(t.Context(), m, "ada-sheet", now)),
		"a letter of the recovery code is wrong: read it again, group by group": ErrTypo,
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	m.Rows["sheet#ada-sheet"] = []byte(`{"Format":2}`)
	if _, _, err := Left(m, "ada-sheet"); err == nil || err.Error() != "sheet ada-sheet cannot be read: it has format 2, and 1 is understood: use the version that wrote it" {
		t.Error(err)
	}
	m.Rows["sheet#ada-sheet"] = []byte(`{`)
	if err := Retire(m, "ada-sheet"); err == nil || err.Error() != "sheet ada-sheet cannot be read: restore it, or print a new one: unexpected end of JSON input" {
		t.Error(err)
	}
}
