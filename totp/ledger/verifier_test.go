package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
)

// start is five seconds into step `present`.
var start = time.Unix(1_800_000_005, 0)

const present = 60_000_000

func newKey(t *testing.T, s totp.Settings) totp.Key {
	t.Helper()
	s.Account = "ada"
	k, err := totp.New(s, []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func codeOf(t *testing.T, k totp.Key, step int64) string {
	t.Helper()
	c, err := k.At(step)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMemoryKeepsTheContract(t *testing.T) {
	ledgertest.TestStore(t, &ledgertest.Memory{})
}

// guesses makes wrong guesses, each as early as it may, and returns how long each had
// to wait.
func guesses(t *testing.T, v ledger.Verifier, k totp.Key, now time.Time, n int) (waits []time.Duration, last time.Time) {
	t.Helper()
	for range n {
		wait := time.Duration(0)
		_, err := v.Check(t.Context(), "id", k, codeOf(t, k, present+500_000), now)
		if later := (*ledger.Later)(nil); errors.As(err, &later) {
			wait = later.Until.Sub(now)
			if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present), later.Until.Add(-time.Millisecond)); !errors.As(err, &later) {
				t.Fatalf("a millisecond before the wait is over: %v, want it too early", err)
			}
			now = later.Until
			_, err = v.Check(t.Context(), "id", k, codeOf(t, k, present+500_000), now)
		}
		if !errors.Is(err, totp.ErrNoMatch) {
			t.Fatalf("a wrong guess = %v, want no match", err)
		}
		waits = append(waits, wait)
	}
	return waits, now
}

func TestWrongCodesWaitAndLock(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}}, newKey(t, totp.Settings{})
	waits, last := guesses(t, v, k, start, 20)
	for i, got := range waits {
		want := time.Duration(0)
		if i >= 5 {
			want = min(30*time.Second<<(i-5), time.Hour)
		}
		if got != want {
			t.Errorf("guess %d waited %v, want %v", i+1, got, want)
		}
	}
	for _, at := range []time.Time{last, last.AddDate(10, 0, 0)} {
		step, _ := k.Step(at)
		if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, step), at); !errors.Is(err, ledger.ErrLocked) || !strings.Contains(err.Error(), "key id") {
			t.Errorf("a right code after 20 wrong ones = %v, want it locked, and the key's id", err)
		}
	}
	if err := v.Unlock(t.Context(), "id"); err != nil {
		t.Fatal(err)
	}
	step, _ := k.Step(last)
	if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, step), last); err != nil {
		t.Errorf("a right code after Unlock = %v", err)
	}
}

func TestARightCodeClears(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}}, newKey(t, totp.Settings{})
	guesses(t, v, k, start, 4)
	if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present), start); err != nil {
		t.Fatal(err)
	}
	if waits, _ := guesses(t, v, k, start, 6); waits[4] != 0 || waits[5] != 30*time.Second {
		t.Errorf("after a right code the waits are %v, want five guesses free", waits)
	}
}

// TestARightCodeClearsWhatWasBefore: guesses that others began after a right code was
// begun still count.
func TestARightCodeClearsWhatWasBefore(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}}, newKey(t, totp.Settings{})
	a, err := v.Begin(t.Context(), "id", k, start)
	if err != nil {
		t.Fatal(err)
	}
	guesses(t, v, k, start, 4)
	if err := v.Spend(t.Context(), a, k, totp.Match{Step: present}); err != nil {
		t.Fatal(err)
	}
	if waits, _ := guesses(t, v, k, start, 2); waits[0] != 0 || waits[1] != 30*time.Second {
		t.Errorf("the waits are %v, want the second to wait: four guesses were begun later", waits)
	}
}

// TestAWrongGuessSpendsNothing: a code that somebody guessed too early is good when
// its time comes, and after wrong guesses the right code is.
func TestAWrongGuessSpendsNothing(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}}, newKey(t, totp.Settings{})
	early := codeOf(t, k, present+3)
	if _, err := v.Check(t.Context(), "id", k, early, start); !errors.Is(err, totp.ErrNoMatch) {
		t.Fatal(err)
	}
	if _, err := v.Check(t.Context(), "id", k, early, k.Starts(present+3)); err != nil {
		t.Errorf("a code that was guessed too early is refused in its time: %v", err)
	}
}

func TestMalformedIsNotCounted(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}}, newKey(t, totp.Settings{})
	for range 30 {
		if _, err := v.Check(t.Context(), "id", k, "12345 ", start); !errors.Is(err, totp.ErrMalformed) {
			t.Fatal(err)
		}
		if _, err := v.Enrol(t.Context(), "id", k, "123456", "x", start); !errors.Is(err, totp.ErrMalformed) {
			t.Fatal(err)
		}
		if _, err := v.Enrol(t.Context(), "id", k, "x", "123456", start); !errors.Is(err, totp.ErrMalformed) {
			t.Fatal(err)
		}
	}
	if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present), start); err != nil {
		t.Errorf("after malformed codes a right one is refused: %v", err)
	}
}

// TestDrift: a device that drifts a step at a time is followed, one code moves the
// window by one step at most, and two codes find it anywhere.
func TestDrift(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}, Slack: 1}, newKey(t, totp.Settings{})
	for drift := range int64(6) {
		now := k.Starts(present + 10*drift)
		if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present+11*drift), now); err != nil {
			t.Fatalf("a device %d steps ahead: %v", drift, err)
		}
	}
	wide := ledger.Verifier{Store: &ledgertest.Memory{}, Slack: 3}
	for _, try := range []struct {
		now, step int64
		want      error
	}{{0, 3, nil}, {10, 14, nil}, {20, 26, totp.ErrNoMatch}, {30, 35, nil}, {40, 36, totp.ErrNoMatch}, {50, 50, nil}, {60, 58, totp.ErrNoMatch}} {
		// The window goes on by one step at a time: 1, 2, 3, and back to 2.
		if _, err := wide.Check(t.Context(), "id", k, codeOf(t, k, present+try.step), k.Starts(present+try.now)); !errors.Is(err, try.want) {
			t.Errorf("at %d the code of %d = %v, want %v", try.now, try.step, err, try.want)
		}
	}
}

func TestEnrol(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}, Slack: 1}, newKey(t, totp.Settings{})
	code := func(step int64) string { return codeOf(t, k, present+step) }
	if _, err := v.Enrol(t.Context(), "far", k, code(49), code(50), start); err != nil {
		t.Errorf("a device 50 steps ahead = %v", err)
	}
	if _, err := v.Enrol(t.Context(), "farther", k, code(50), code(51), start); !errors.Is(err, totp.ErrNoMatch) {
		t.Errorf("a device 51 steps ahead = %v, want it not found", err)
	}
	if _, err := v.Enrol(t.Context(), "id", k, code(51), code(52), start); !errors.Is(err, totp.ErrNoMatch) {
		t.Errorf("a device 52 steps ahead = %v, want it not found", err)
	}
	if m, err := v.Enrol(t.Context(), "id", k, code(39), code(40), start); err != nil || m != (totp.Match{Step: present + 40, Drift: 40}) {
		t.Fatalf("Enrol = %+v, %v", m, err)
	}
	for _, step := range []int64{39, 40} {
		if _, err := v.Check(t.Context(), "id", k, code(step), start); !errors.Is(err, totp.ErrReplayed) {
			t.Errorf("a code of enrolment = %v, want it used", err)
		}
	}
	if m, err := v.Check(t.Context(), "id", k, code(41), start); err != nil || m.Drift != 41 {
		t.Errorf("the next code = %+v, %v", m, err)
	}
	if _, err := v.Enrol(t.Context(), "id", k, code(41), code(42), start); !errors.Is(err, totp.ErrReplayed) {
		t.Errorf("enrolment with a used code = %v, want it refused", err)
	}
}

func TestFloor(t *testing.T) {
	store, k := &ledgertest.Memory{}, newKey(t, totp.Settings{})
	v := ledger.Verifier{Store: store, Slack: 1, Floor: start}
	for i, want := range []error{ledger.ErrBeforeFloor, ledger.ErrBeforeFloor, nil} {
		if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present-1+int64(i)), start); !errors.Is(err, want) {
			t.Errorf("after a restoration step %d = %v, want %v", i-1, err, want)
		}
	}
	if _, err := v.Enrol(t.Context(), "new", k, codeOf(t, k, present), codeOf(t, k, present+1), start); !errors.Is(err, ledger.ErrBeforeFloor) {
		t.Errorf("enrolment by a code from before = %v, want it refused", err)
	}
	if _, err := v.Enrol(t.Context(), "new", k, codeOf(t, k, present+1), codeOf(t, k, present+2), start); err != nil {
		t.Errorf("enrolment by codes from after = %v", err)
	}
	if _, err := v.Enrol(t.Context(), "new", k, codeOf(t, k, present+500), codeOf(t, k, present+700), start); !errors.Is(err, totp.ErrNoMatch) {
		t.Errorf("enrolment by wrong codes = %v, want no match", err)
	}
	exact := ledger.Verifier{Store: store, Floor: k.Starts(present + 9)}
	if _, err := exact.Check(t.Context(), "edge", k, codeOf(t, k, present+9), k.Starts(present+9)); err != nil {
		t.Errorf("a step that begins with the floor = %v", err)
	}
}

func TestFloorOfCounters(t *testing.T) {
	store, k := &ledgertest.Memory{}, newKey(t, totp.Settings{Kind: totp.HOTP})
	before := ledger.Verifier{Store: store, Slack: 5}
	if _, err := before.Check(t.Context(), "id", k, codeOf(t, k, 0), start); err != nil {
		t.Fatal(err)
	}
	v := ledger.Verifier{Store: store, Slack: 5, Floor: start.Add(time.Hour)}
	after := start.Add(2 * time.Hour)
	if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, 1), after); !errors.Is(err, ledger.ErrBeforeFloor) {
		t.Errorf("a counter after a restoration = %v, want it refused", err)
	}
	if _, err := v.Enrol(t.Context(), "id", k, codeOf(t, k, 1), codeOf(t, k, 2), after); !errors.Is(err, ledger.ErrBeforeFloor) {
		t.Errorf("two counters after a restoration = %v, want them refused", err)
	}
	if err := v.Advance(t.Context(), "id", 0, after); err == nil || !strings.Contains(err.Error(), "below 1") {
		t.Errorf("Advance backwards = %v, want it refused", err)
	}
	if err := v.Advance(t.Context(), "id", 1, start); err != nil {
		t.Errorf("Advance to where it is = %v", err)
	}
	if err := v.Advance(t.Context(), "id", 7, after); err != nil {
		t.Fatal(err)
	}
	for counter, want := range map[int64]error{6: totp.ErrNoMatch, 7: nil} {
		if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, counter), after); !errors.Is(err, want) {
			t.Errorf("counter %d after Advance to 7 = %v, want %v", counter, err, want)
		}
	}
}

func TestCounterOfTheKey(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}}, newKey(t, totp.Settings{Kind: totp.HOTP, Counter: 5})
	for _, try := range []struct {
		counter int64
		want    error
	}{{4, totp.ErrNoMatch}, {5, nil}, {5, totp.ErrNoMatch}, {6, nil}} {
		if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, try.counter), start); !errors.Is(err, try.want) {
			t.Errorf("counter %d = %v, want %v", try.counter, err, try.want)
		}
	}
}

// TestNobodyGetsInWithoutTheStore: a store that fails at the count or between the
// comparison and the record lets nobody in, and the code stays good.
func TestNobodyGetsInWithoutTheStore(t *testing.T) {
	k, broken := newKey(t, totp.Settings{}), errors.New("broken")
	for failing := 1; failing <= 2; failing++ {
		calls := 0
		store := &ledgertest.Memory{Fail: func(string) error {
			if calls++; calls == failing {
				return broken
			}
			return nil
		}}
		v := ledger.Verifier{Store: store}
		if m, err := v.Check(t.Context(), "id", k, codeOf(t, k, present), start); !errors.Is(err, broken) || m != (totp.Match{}) {
			t.Errorf("update %d fails: Check = %+v, %v", failing, m, err)
		}
		if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present), start); err != nil {
			t.Errorf("update %d failed before: Check = %v", failing, err)
		}
	}
}

func TestDamagedRowsAreErrors(t *testing.T) {
	k := newKey(t, totp.Settings{})
	for text, want := range map[string]string{"": "cannot be read", "{}": "format 0", "null": "format 0", "{": "cannot be read", `{"Format":2}`: "format 2", `{"Format":1,"Row":{"Next":"x"}}`: "cannot be read"} {
		store := &ledgertest.Memory{Rows: map[string][]byte{"verify#id": []byte(text)}}
		if text == "" {
			store.Rows["verify#id"] = []byte{}
		}
		_, err := ledger.Verifier{Store: store}.Check(context.Background(), "id", k, codeOf(t, k, present), start)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "verify#id") {
			t.Errorf("a row %q = %v, want an error: %s", text, err, want)
		}
	}
}

// TestAFloorBeforeTheLastCode: a row that was written after the restoration is whole.
func TestAFloorBeforeTheLastCode(t *testing.T) {
	store, k := &ledgertest.Memory{}, newKey(t, totp.Settings{Kind: totp.HOTP})
	if _, err := (ledger.Verifier{Store: store}).Check(t.Context(), "id", k, codeOf(t, k, 0), start); err != nil {
		t.Fatal(err)
	}
	for _, try := range []struct {
		floor time.Time
		want  error
	}{{start.Add(time.Second), ledger.ErrBeforeFloor}, {start, nil}} {
		v := ledger.Verifier{Store: store, Floor: try.floor}
		if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, 1), start.Add(time.Minute)); !errors.Is(err, try.want) {
			t.Errorf("floor %v = %v, want %v", try.floor, err, try.want)
		}
	}
}

// TestClocksThatDiffer: where nobody has to wait, a clock a little behind is no reason.
func TestClocksThatDiffer(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}}, newKey(t, totp.Settings{})
	guesses(t, v, k, start.Add(10*time.Second), 4)
	if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present), start); err != nil {
		t.Errorf("a right code by a clock that is behind = %v", err)
	}
}

func TestTextsOfTheVerifier(t *testing.T) {
	store, k := &ledgertest.Memory{}, newKey(t, totp.Settings{})
	v := ledger.Verifier{Store: store}
	check := func(code string, now time.Time) error { _, err := v.Check(t.Context(), "id", k, code, now); return err }
	_, enrol := v.Enrol(t.Context(), "id", k, "x", "y", start)
	texts := map[string]error{
		"code for key id: the code is not made of exactly the key's number of digits":  check("x", start),
		"codes for key id: the code is not made of exactly the key's number of digits": enrol,
		"code for key id: the code does not match":                                     check(codeOf(t, k, present+9), start),
	}
	guesses(t, v, k, start, 4)
	texts["key id: 5 wrong codes in a row: wait until 2027-01-15T08:00:35Z"] = check("123456", start)
	_, last := guesses(t, v, k, start, 15)
	texts["key id: locked after too many wrong codes: two people unlock it"] = check("123456", last)
	v.Floor = start.AddDate(9, 0, 0)
	_, floor := v.Check(t.Context(), "new", k, codeOf(t, k, present), start)
	texts["code for key new: the code is older than the ledger's restoration: wait for the next; a counter has to be set by what the device shows"] = floor
	if err := v.Advance(t.Context(), "c", 5, start); err != nil {
		t.Fatal(err)
	}
	texts["key c: counter 4 is below 5, which is the next that was not used"] = v.Advance(t.Context(), "c", 4, start)
	store.Rows["verify#x"], store.Rows["verify#y"] = []byte(`{"Format":2}`), []byte("{")
	texts["ledger row verify#x cannot be read: it has format 2, and 1 is understood: use the version that wrote it"] = v.Unlock(t.Context(), "x")
	texts["ledger row verify#y cannot be read: restore it, or enrol the key again: unexpected end of JSON input"] = v.Unlock(t.Context(), "y")
	for want, err := range texts {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestInTwoSteps: counted, compared without a store, and spent, as who does all else in
// the same transactions does it.
func TestInTwoSteps(t *testing.T) {
	v, k := ledger.Verifier{Store: &ledgertest.Memory{}, Slack: 1}, newKey(t, totp.Settings{})
	begin := func() ledger.Attempt {
		t.Helper()
		a, err := v.Begin(t.Context(), "id", k, start)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	one, two := begin(), begin()
	for _, a := range []ledger.Attempt{one, two} {
		if m, err := a.Match(k, codeOf(t, k, present+1)); err != nil || m != (totp.Match{Step: present + 1, Drift: 1}) {
			t.Errorf("Match = %+v, %v", m, err)
		}
	}
	if _, err := one.Match(k, codeOf(t, k, present+2)); !errors.Is(err, totp.ErrNoMatch) {
		t.Errorf("a code outside of the window = %v", err)
	}
	far, err := v.Resync(one, k, codeOf(t, k, present+39), codeOf(t, k, present+40))
	if err != nil || far != (totp.Match{Step: present + 40, Drift: 40}) {
		t.Errorf("Resync = %+v, %v", far, err)
	}
	v.Floor = k.Starts(present + 40)
	if _, err := v.Resync(one, k, codeOf(t, k, present+39), codeOf(t, k, present+40)); !errors.Is(err, ledger.ErrBeforeFloor) {
		t.Errorf("Resync with a first code from before the floor = %v", err)
	}
	v.Floor = time.Time{}
	if err := v.Spend(t.Context(), one, k, far); err != nil {
		t.Fatal(err)
	}
	if err := v.Spend(t.Context(), two, k, far); !errors.Is(err, totp.ErrReplayed) {
		t.Errorf("the second that found the same = %v", err)
	}
	if _, err := begin().Match(k, codeOf(t, k, present+1)); !errors.Is(err, totp.ErrNoMatch) {
		t.Errorf("after a resync to 40 steps ahead = %v", err)
	}
}

// TestProved: the codes that proved a device are used, its drift is known, and used ones
// prove nothing.
func TestProved(t *testing.T) {
	store, k := &ledgertest.Memory{}, newKey(t, totp.Settings{})
	v := ledger.Verifier{Store: store}
	if err := v.Proved(t.Context(), "id", totp.Match{Step: present - 9, Drift: -9}, start); err != nil {
		t.Fatal(err)
	}
	want := `{"Format":1,"Row":{"Next":59999992,"Drift":-9,"Attempts":0,"Cleared":0,"Last":0,"Known":1800000005000}}`
	if got := string(store.Rows["verify#id"]); got != want {
		t.Errorf("the row is %s, want %s", got, want)
	}
	for _, step := range []int64{present - 10, present - 9} {
		if err := v.Proved(t.Context(), "id", totp.Match{Step: step}, start); !errors.Is(err, totp.ErrReplayed) {
			t.Errorf("step %d again = %v", step, err)
		}
	}
	if got := string(store.Rows["verify#id"]); got != want {
		t.Errorf("what was refused is kept: %s", got)
	}
	for i, want := range []error{totp.ErrNoMatch, nil} {
		if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present-9+int64(i)), start.Add(30*time.Second)); !errors.Is(err, want) {
			t.Errorf("code %d since = %v, want %v", i, err, want)
		}
	}
	if err := v.Proved(t.Context(), "id", totp.Match{Step: present}, start.Add(-time.Hour)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(string(store.Rows["verify#id"]), `"Next":60000001,"Drift":0`) || !strings.Contains(string(store.Rows["verify#id"]), `"Known":1800000035000`) {
		t.Errorf("the row is %s", store.Rows["verify#id"])
	}
}
