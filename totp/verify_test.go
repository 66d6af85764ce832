package totp

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestRFC4226 has the values of its appendix D.
func TestRFC4226(t *testing.T) {
	k := key(t, Settings{Kind: HOTP}, seed)
	for counter, want := range strings.Fields("755224 287082 359152 969429 338314 254676 287922 162583 399871 520489") {
		if got, err := k.At(int64(counter)); err != nil || got != want {
			t.Errorf("At(%d) = %s, %v, want %s", counter, got, err, want)
		}
	}
}

// rfc6238 are the values of RFC 6238's appendix B. The seeds are 20, 32 and 64 bytes
// long, which its text does not say.
var rfc6238 = []struct {
	at                   int64
	sha1, sha256, sha512 string
}{
	{59, "94287082", "46119246", "90693936"},
	{1111111109, "07081804", "68084774", "25091201"},
	{1111111111, "14050471", "67062674", "99943326"},
	{1234567890, "89005924", "91819424", "93441116"},
	{2000000000, "69279037", "90698825", "38618901"},
	{20000000000, "65353130", "77737706", "47863826"},
}

func TestRFC6238(t *testing.T) {
	long := strings.Repeat("1234567890", 7)
	for _, v := range rfc6238 {
		for algorithm, c := range map[Algorithm]struct{ seed, want string }{
			SHA1: {long[:20], v.sha1}, SHA256: {long[:32], v.sha256}, SHA512: {long[:64], v.sha512},
		} {
			for digits := 6; digits <= 8; digits++ {
				k := key(t, Settings{Algorithm: algorithm, Digits: digits}, c.seed)
				now, want := time.Unix(v.at, 0), c.want[8-digits:]
				got, step, err := k.Generate(now)
				if err != nil || got != want || step != v.at/30 {
					t.Errorf("%s at %d = %s of step %d, %v, want %s of %d", algorithm, v.at, got, step, err, want, v.at/30)
				}
				if m, err := k.Verify(want, now, Used{}); err != nil || m != (Match{Step: v.at / 30}) {
					t.Errorf("Verify(%s) at %d = %+v, %v, want step %d", want, v.at, m, err, v.at/30)
				}
			}
		}
	}
}

func TestSteps(t *testing.T) {
	k := key(t, Settings{Period: 60}, seed)
	for _, c := range []struct {
		at   time.Time
		want int64
	}{
		{time.Unix(0, 0), 0}, {time.Unix(59, 999_999_999), 0}, {time.Unix(60, 0), 1}, {time.Unix(1<<53+1, 0), (1<<53 + 1) / 60},
	} {
		if got, err := k.Step(c.at); err != nil || got != c.want {
			t.Errorf("Step(%v) = %d, %v, want %d", c.at, got, err, c.want)
		}
	}
	if !k.Starts(2).Equal(time.Unix(120, 0)) {
		t.Errorf("Starts(2) = %v, want two periods after 1970", k.Starts(2))
	}
	early := time.Unix(-1, 999_999_999)
	for what, err := range map[string]error{
		"Step before 1970":     second(k.Step(early)),
		"Generate before 1970": third(k.Generate(early)),
		"Verify before 1970":   matchError(k.Verify("123456", early, Used{})),
		"Resync before 1970":   matchError(k.Resync("123456", "123456", early, Used{}, 1)),
	} {
		if !says(err, "1970") {
			t.Errorf("%s = %v, want an error that says so", what, err)
		}
	}
	if _, err := key(t, Settings{Kind: HOTP}, seed).Step(time.Unix(0, 0)); !says(err, "totp") {
		t.Errorf("Step of an hotp key = %v, want an error", err)
	}
}

func second(_ int64, err error) error          { return err }
func third(_ string, _ int64, err error) error { return err }
func matchError(_ Match, err error) error      { return err }
func wrong(code string) string                 { return string('0'+('9'-code[0]+1)%10) + code[1:] }
func code(t *testing.T, k Key, step int64) string {
	t.Helper()
	c, err := k.At(step)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNoCodeOfNoKey(t *testing.T) {
	if _, err := (Key{}).At(0); !says(err, "no key") {
		t.Errorf("At of the zero key = %v, want an error", err)
	}
	if _, err := (Key{settings: Settings{Algorithm: SHA1, Digits: 6}}).At(0); err == nil {
		t.Error("a code is made of no secret")
	}
	if _, err := (Key{settings: Settings{Algorithm: "SHA3", Digits: 6}, reveal: func() []byte { return []byte(seed) }}).At(0); err == nil {
		t.Error("a code is made with an unknown algorithm")
	}
	if _, err := key(t, Settings{}, seed).At(-1); !says(err, "step -1") {
		t.Errorf("At(-1) = %v, want an error", err)
	}
	if (Key{}).WellFormed("") {
		t.Error("an empty code is well formed")
	}
	if _, err := (Key{}).Verify("", time.Unix(0, 0), Used{}); err == nil {
		t.Error("the zero key accepts an empty code")
	}
}

var now = time.Unix(1_800_000_000, 0)

// middle is the step of now.
const middle = 60_000_000

func TestVerify(t *testing.T) {
	k := key(t, Settings{}, seed)
	for _, c := range []struct {
		what string
		step int64
		used Used
		want error
	}{
		{"the step itself", middle, Used{}, nil},
		{"one before, none allowed", middle - 1, Used{}, ErrNoMatch},
		{"one after, none allowed", middle + 1, Used{}, ErrNoMatch},
		{"one before", middle - 1, Used{Slack: 1}, nil},
		{"one after", middle + 1, Used{Slack: 1}, nil},
		{"two before, one allowed", middle - 2, Used{Slack: 1}, ErrNoMatch},
		{"two after, one allowed", middle + 2, Used{Slack: 1}, ErrNoMatch},
		{"ten after", middle + 10, Used{Slack: 10}, nil},
		{"ahead as remembered", middle + 8, Used{Slack: 1, Drift: 7}, nil},
		{"behind as remembered", middle - 8, Used{Slack: 1, Drift: -7}, nil},
		{"no drift where one is remembered", middle, Used{Slack: 1, Drift: 7}, ErrNoMatch},
		{"a drift beyond the most", middle + 1000, Used{Drift: 5000}, nil},
		{"a drift before the most", middle - 1000, Used{Drift: -5000}, nil},
		{"used", middle, Used{Next: middle + 1, Slack: 1}, ErrReplayed},
		{"older than the last used", middle - 1, Used{Next: middle + 1, Slack: 1}, ErrReplayed},
		{"next after used", middle + 1, Used{Next: middle + 1, Slack: 1}, nil},
	} {
		m, err := k.Verify(code(t, k, c.step), now, c.used)
		if !errors.Is(err, c.want) || c.want == nil && (err != nil || m != (Match{Step: c.step, Drift: c.step - middle})) {
			t.Errorf("%s: Verify = %+v, %v, want step %d, %v", c.what, m, err, c.step, c.want)
		}
	}
}

func TestVerifyTheFirstSteps(t *testing.T) {
	k := key(t, Settings{}, seed)
	for step := range int64(3) {
		if m, err := k.Verify(code(t, k, step), time.Unix(30, 0), Used{Slack: 5}); err != nil || m != (Match{step, step - 1}) {
			t.Errorf("step %d: Verify = %+v, %v", step, m, err)
		}
		if m, err := k.Verify(code(t, k, step), time.Unix(0, 0), Used{Slack: 5}); err != nil || m != (Match{step, step}) {
			t.Errorf("step %d at the first: Verify = %+v, %v", step, m, err)
		}
	}
}

func TestVerifyCounters(t *testing.T) {
	k := key(t, Settings{Kind: HOTP}, seed)
	for _, c := range []struct {
		counter int64
		used    Used
		want    error
	}{
		{0, Used{}, nil}, {1, Used{}, ErrNoMatch}, {3, Used{Slack: 3}, nil}, {4, Used{Slack: 3}, ErrNoMatch},
		{6, Used{Next: 7, Slack: 3}, ErrNoMatch}, {7, Used{Next: 7}, nil}, {7, Used{Next: 7, Drift: 5}, nil}, {2, Used{Next: -5, Slack: 2}, nil},
		{math.MaxInt64 - 1, Used{Next: math.MaxInt64 - 2, Slack: 5}, nil}, {math.MaxInt64, Used{Next: math.MaxInt64, Slack: 5}, ErrNoMatch},
	} {
		m, err := k.Verify(code(t, k, c.counter), time.Unix(-5, 0), c.used)
		if !errors.Is(err, c.want) || c.want == nil && (err != nil || m != (Match{Step: c.counter})) {
			t.Errorf("counter %d, %+v: Verify = %+v, %v, want %v", c.counter, c.used, m, err, c.want)
		}
	}
}

// TestVerifyWantsExactDigits: pquerna/otp trims any Unicode space.
func TestVerifyWantsExactDigits(t *testing.T) {
	k := key(t, Settings{}, seed)
	right := code(t, k, middle)
	for _, text := range []string{
		"", " " + right, right + " ", right + "\n", "\u00a0" + right, "\u2003" + right, "\u3000" + right, right[:5], right + "0", right[:5] + "x",
		"+" + right[1:], right[:3] + " " + right[3:], strings.Repeat("٣", 3), "１２", right[:5] + "/", right[:5] + ":", right[:5] + "\x00",
	} {
		if m, err := k.Verify(text, now, Used{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("Verify(%q) = %+v, %v, want it malformed", text, m, err)
		}
		for i, pair := range [][2]string{{text, right}, {right, text}} {
			if m, err := k.Resync(pair[0], pair[1], now, Used{}, 5); !errors.Is(err, ErrMalformed) {
				t.Errorf("Resync with %q in place %d = %+v, %v, want it malformed", text, i, m, err)
			}
		}
	}
}

func TestRefusalsAreTexts(t *testing.T) {
	for err, want := range map[error]string{
		ErrMalformed: "the code is not made of exactly the key's number of digits",
		ErrNoMatch:   "the code does not match",
		ErrReplayed:  "the code was used, or one after it",
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}

// TestAnErrorAnswersNothing: beside an error there is no code, step or match.
func TestAnErrorAnswersNothing(t *testing.T) {
	code, step, err := (Key{}).Generate(now)
	if code != "" || step != 0 || err == nil {
		t.Errorf("Generate of no key = %q, %d, %v", code, step, err)
	}
	if code, err := (Key{}).At(1); code != "" || err == nil {
		t.Errorf("At of no key = %q, %v", code, err)
	}
	if code, err := key(t, Settings{}, seed).At(-1); code != "" || err == nil {
		t.Errorf("At(-1) = %q, %v", code, err)
	}
	if step, err := key(t, Settings{}, seed).Step(time.Unix(-1, 0)); step != 0 || err == nil {
		t.Errorf("Step before 1970 = %d, %v", step, err)
	}
	if step, err := (Key{}).Step(now); step != 0 || err == nil {
		t.Errorf("Step of no key = %d, %v", step, err)
	}
	code, step, err = key(t, Settings{}, seed).Generate(time.Unix(-1, 0))
	if code != "" || step != 0 || err == nil {
		t.Errorf("Generate before 1970 = %q, %d, %v", code, step, err)
	}
}

func TestErrorsHideTheCode(t *testing.T) {
	k := key(t, Settings{}, seed)
	right := code(t, k, middle)
	for _, c := range []string{right, wrong(right), right + " "} {
		if _, err := k.Verify(c, now, Used{Next: middle + 1}); err == nil || strings.Contains(err.Error(), c) {
			t.Errorf("Verify = %v, want an error without the code", err)
		}
	}
}

func TestSlackIsBounded(t *testing.T) {
	k := key(t, Settings{}, seed)
	for _, slack := range []int{-1, 11} {
		if _, err := k.Verify("123456", now, Used{Slack: slack}); !says(err, "0 to 10") {
			t.Errorf("Verify with slack %d = %v, want an error", slack, err)
		}
	}
	if _, err := k.Resync("123456", "123456", now, Used{}, 1001); !says(err, "0 to 1000") {
		t.Errorf("Resync of 1001 steps = %v, want an error", err)
	}
}

// TestConstantWork counts: the same codes are computed, in the same order, whatever
// matches and whatever was used.
func TestConstantWork(t *testing.T) {
	k := key(t, Settings{}, seed)
	counter := key(t, Settings{Kind: HOTP}, seed)
	for slack := range MaxSlack + 1 {
		want := ""
		for step := middle - int64(slack); step <= middle+int64(slack); step++ {
			want += fmt.Sprint(step, " ")
		}
		for at := middle - int64(slack) - 1; at <= middle+int64(slack)+1; at++ {
			for _, next := range []int64{0, at, at + 1, middle + 99} {
				if got := evaluated(t, k, code(t, k, at), Used{Slack: slack, Next: next}); got != want {
					t.Errorf("slack %d, code of %d, next %d: computed %s, want %s", slack, at, next, got, want)
				}
			}
		}
		for at := range int64(slack) + 3 {
			if got := strings.Fields(evaluated(t, counter, code(t, counter, at), Used{Slack: slack})); len(got) != slack+1 {
				t.Errorf("slack %d, code of counter %d: computed %v, want %d codes", slack, at, got, slack+1)
			}
		}
	}
	for _, at := range []int64{-51, -50, 0, 50, 51} {
		n := 0
		_, _ = k.resync(func(step int64) (string, error) { n++; return k.At(step) }, code(t, k, middle+at-1), code(t, k, middle+at), now, Used{}, 50)
		if n != 102 {
			t.Errorf("Resync of a device at %d computed %d codes, want 102", at, n)
		}
	}
}

func evaluated(t *testing.T, k Key, c string, used Used) string {
	t.Helper()
	steps := ""
	_, err := k.verify(func(step int64) (string, error) { steps += fmt.Sprint(step, " "); return k.At(step) }, c, now, used)
	if err != nil && !errors.Is(err, ErrNoMatch) && !errors.Is(err, ErrReplayed) {
		t.Fatal(err)
	}
	return steps
}

// TestSameDigitsTwice: where two steps have the same code it is the later one's, so
// that it is not accepted a second time.
func TestSameDigitsTwice(t *testing.T) {
	k := key(t, Settings{}, seed)
	same := func(step int64) (string, error) {
		if step == middle-1 || step == middle+1 {
			return "123456", nil
		}
		return "000000", nil
	}
	m, err := k.verify(same, "123456", now, Used{Slack: 1})
	if err != nil || m != (Match{middle + 1, 1}) {
		t.Fatalf("verify = %+v, %v, want the later step", m, err)
	}
	if m, err = k.verify(same, "123456", now, Used{Slack: 1, Next: m.Step + 1}); !errors.Is(err, ErrReplayed) {
		t.Errorf("verify again = %+v, %v, want it replayed", m, err)
	}
	if m, err = k.verify(same, "123456", now, Used{Slack: 1, Next: middle}); err != nil || m.Step != middle+1 {
		t.Errorf("verify after the earlier was used = %+v, %v, want the later step", m, err)
	}
}

func TestMakersFaultIsAnError(t *testing.T) {
	k := key(t, Settings{}, seed)
	broken := errors.New("broken")
	fails := func(step int64) (string, error) {
		if step == middle {
			return "123456", broken
		}
		return "000000", nil
	}
	if _, err := k.verify(fails, "123456", now, Used{Slack: 1}); !errors.Is(err, broken) {
		t.Errorf("verify = %v, want the maker's error", err)
	}
	if _, err := k.resync(fails, "123456", "123456", now, Used{}, 1); !errors.Is(err, broken) {
		t.Errorf("resync = %v, want the maker's error", err)
	}
}

func TestResync(t *testing.T) {
	k := key(t, Settings{}, seed)
	for _, c := range []struct {
		what          string
		first, second int64
		used          Used
		want          error
	}{
		{"far behind", -50, -49, Used{}, nil},
		{"at the edge behind", -51, -50, Used{}, nil},
		{"beyond it", -52, -51, Used{}, ErrNoMatch},
		{"at the edge ahead", 49, 50, Used{}, nil},
		{"ahead beyond it", 50, 51, Used{}, ErrNoMatch},
		{"an earlier drift has no say", 49, 50, Used{Drift: -900}, nil},
		{"the same code twice", 3, 3, Used{}, ErrNoMatch},
		{"swapped", 4, 3, Used{}, ErrNoMatch},
		{"with one between", 3, 5, Used{}, ErrNoMatch},
		{"the first was used", 3, 4, Used{Next: middle + 4}, ErrReplayed},
		{"both were used", 3, 4, Used{Next: middle + 9}, ErrReplayed},
		{"the last used is just before", 3, 4, Used{Next: middle + 3}, nil},
	} {
		m, err := k.Resync(code(t, k, middle+c.first), code(t, k, middle+c.second), now, c.used, 50)
		if !errors.Is(err, c.want) || c.want == nil && (err != nil || m != (Match{middle + c.second, c.second})) {
			t.Errorf("%s: Resync = %+v, %v, want %d, %v", c.what, m, err, c.second, c.want)
		}
	}
	if m, err := k.Resync(code(t, k, 0), code(t, k, 1), time.Unix(30, 0), Used{}, 5); err != nil || m.Step != 1 {
		t.Errorf("Resync by the first two steps = %+v, %v", m, err)
	}
}

func TestResyncCounters(t *testing.T) {
	k := key(t, Settings{Kind: HOTP}, seed)
	for _, c := range []struct {
		first, second, next int64
		want                error
	}{
		{0, 1, 0, nil}, {49, 50, 0, nil}, {50, 51, 0, ErrNoMatch}, {7, 8, 7, nil}, {6, 7, 7, ErrReplayed}, {5, 6, 7, ErrNoMatch}, {9, 9, 7, ErrNoMatch},
	} {
		m, err := k.Resync(code(t, k, c.first), code(t, k, c.second), now, Used{Next: c.next}, 50)
		if !errors.Is(err, c.want) || c.want == nil && (err != nil || m != (Match{Step: c.second})) {
			t.Errorf("%+v: Resync = %+v, %v", c, m, err)
		}
	}
}

// TestAcceptedAtMostOnce plays random devices and guesses: no step is accepted twice,
// none before one that was, and a right code in the window is accepted.
func TestAcceptedAtMostOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		k := key(t, Settings{Period: 1 + r.Int64N(90), Digits: 6 + r.IntN(3)}, fmt.Sprint(r.Uint64(), r.Uint64()))
		used := Used{Slack: r.IntN(4)}
		at := time.Unix(r.Int64N(4e9)+1e6, r.Int64N(1e9))
		for range 50 {
			at = at.Add(time.Duration(r.Int64N(60)) * time.Second)
			step, _ := k.Step(at)
			sent := step + used.Drift + r.Int64N(9) - 4
			m, err := k.Verify(code(t, k, sent), at, used)
			near := sent >= step+used.Drift-int64(used.Slack) && sent <= step+used.Drift+int64(used.Slack)
			if err == nil && (m.Step != sent || sent < used.Next || !near || m.Drift != sent-step) {
				t.Fatalf("%+v at step %d accepts %d as %+v", used, step, sent, m)
			}
			if err != nil && near && sent >= used.Next {
				t.Fatalf("%+v at step %d refuses %d: %v", used, step, sent, err)
			}
			if err == nil {
				used.Next = m.Step + 1
			}
		}
	}
}
