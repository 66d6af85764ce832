package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
)

var errHeld = errors.New("held back")

// counted checks a code that says of itself which step it is of.
func counted(t *testing.T, v ledger.Verifier, c ledger.Counted, now time.Time) error {
	t.Helper()
	return v.CheckCounted(t.Context(), "id", now, func() (ledger.Counted, error) { return c, nil })
}

func TestCountedOnlyGrows(t *testing.T) {
	v := ledger.Verifier{Store: &ledgertest.Memory{}}
	for _, try := range []struct {
		step int64
		want error
	}{{0, nil}, {0, totp.ErrReplayed}, {5, nil}, {5, totp.ErrReplayed}, {4, totp.ErrReplayed}, {-1, totp.ErrReplayed}, {6, nil}} {
		if err := counted(t, v, ledger.Counted{Step: try.step}, start); !errors.Is(err, try.want) {
			t.Errorf("step %d = %v, want %v", try.step, err, try.want)
		}
	}
	err := counted(t, v, ledger.Counted{Step: 6}, start)
	if want := "code for key id: the code was used, or one after it"; err == nil || err.Error() != want {
		t.Errorf("a used step = %v, want %s", err, want)
	}
}

// TestRefuse: it sees the mark of the last that was accepted, what it refuses is not
// spent, and it cannot let in what was used.
func TestRefuse(t *testing.T) {
	v := ledger.Verifier{Store: &ledgertest.Memory{}}
	for i, try := range []struct {
		step          int64
		sees          string
		refuses, want error
	}{{1, "", nil, nil}, {2, "1", errHeld, errHeld}, {2, "1", nil, nil}, {2, "2", nil, totp.ErrReplayed}, {2, "2", errHeld, errHeld}, {9, "2", nil, nil}} {
		c := ledger.Counted{Step: try.step, Mark: string(rune('0' + try.step)), Refuse: func(last string) error {
			if last != try.sees {
				t.Errorf("%d: the mark is %q, want %q", i, last, try.sees)
			}
			return try.refuses
		}}
		if err := counted(t, v, c, start); !errors.Is(err, try.want) {
			t.Errorf("%d: %v, want %v", i, err, try.want)
		}
	}
	if err := counted(t, v, ledger.Counted{Step: 10}, start); err != nil {
		t.Error(err)
	}
	last := ledger.Counted{Step: 11, Refuse: func(last string) error { return errors.New("mark:" + last) }}
	if err := counted(t, v, last, start); err == nil || !strings.HasSuffix(err.Error(), "mark:") {
		t.Errorf("after one without a mark: %v, want none", err)
	}
}

// TestRefuseSeesWhatCameBetween: another code that is accepted while this one is compared
// is the last one for Refuse, and for the counter.
func TestRefuseSeesWhatCameBetween(t *testing.T) {
	for between, want := range map[int64]error{3: nil, 5: totp.ErrReplayed} {
		v := ledger.Verifier{Store: &ledgertest.Memory{}}
		err := v.CheckCounted(t.Context(), "id", start, func() (ledger.Counted, error) {
			if err := counted(t, v, ledger.Counted{Step: between, Mark: "between"}, start); err != nil {
				t.Error(err)
			}
			return ledger.Counted{Step: 5, Refuse: func(last string) error {
				if last != "between" {
					t.Errorf("the last mark is %q", last)
				}
				return nil
			}}, nil
		})
		if !errors.Is(err, want) {
			t.Errorf("after step %d came between: %v, want %v", between, err, want)
		}
	}
}

// TestCountedIsCountedFirst: an attempt is counted before anything is compared, and
// wrong ones make everybody wait.
func TestCountedIsCountedFirst(t *testing.T) {
	store := &ledgertest.Memory{}
	v, asked := ledger.Verifier{Store: store}, 0
	for i := range 7 {
		err := v.CheckCounted(t.Context(), "id", start, func() (ledger.Counted, error) {
			asked++
			if !strings.Contains(string(store.Rows["verify#id"]), `"Attempts":`+string(rune('1'+i))) {
				t.Errorf("attempt %d is compared before it is counted", i+1)
			}
			return ledger.Counted{Step: 1}, totp.ErrNoMatch
		})
		var later *ledger.Later
		if wrong := i < 5; errors.Is(err, totp.ErrNoMatch) != wrong || errors.As(err, &later) == wrong {
			t.Errorf("wrong one %d = %v", i+1, err)
		}
	}
	if asked != 5 {
		t.Errorf("%d were compared, want 5", asked)
	}
	if err := counted(t, v, ledger.Counted{Step: 1}, start.Add(30*time.Second)); err != nil {
		t.Errorf("a right one in its time = %v", err)
	}
	for i := range 5 { // it cleared the wrong ones
		if err := counted(t, v, ledger.Counted{Step: 1}, start.Add(30*time.Second)); !errors.Is(err, totp.ErrReplayed) {
			t.Errorf("a used one %d = %v", i+1, err)
		}
	}
}

func TestFloorOfCounted(t *testing.T) {
	store := &ledgertest.Memory{}
	if err := counted(t, ledger.Verifier{Store: store}, ledger.Counted{Step: 1}, start); err != nil {
		t.Fatal(err)
	}
	v := ledger.Verifier{Store: store, Floor: start.Add(time.Hour)}
	after := start.Add(2 * time.Hour)
	if err := counted(t, v, ledger.Counted{Step: 2}, after); !errors.Is(err, ledger.ErrBeforeFloor) {
		t.Errorf("after a restoration = %v, want it refused", err)
	}
	if err := v.Advance(t.Context(), "id", 5, after); err != nil {
		t.Fatal(err)
	}
	for step, want := range map[int64]error{4: totp.ErrReplayed, 5: nil} {
		if err := counted(t, v, ledger.Counted{Step: step}, after); !errors.Is(err, want) {
			t.Errorf("step %d after Advance to 5 = %v, want %v", step, err, want)
		}
	}
}

// TestMarksAreOnlyOfCounted: the row of a key's codes has none, as it always was.
func TestMarksAreOnlyOfCounted(t *testing.T) {
	store, k := &ledgertest.Memory{}, newKey(t, totp.Settings{})
	v := ledger.Verifier{Store: store}
	if _, err := v.Check(t.Context(), "id", k, codeOf(t, k, present), start); err != nil {
		t.Fatal(err)
	}
	want := `{"Format":1,"Row":{"Next":60000001,"Drift":0,"Attempts":1,"Cleared":1,"Last":1800000005000,"Known":1800000005000}}`
	if got := string(store.Rows["verify#id"]); got != want {
		t.Errorf("the row is %s, want %s", got, want)
	}
}

// TestDecoy: it writes like an attempt, however often, and in no key's row.
func TestDecoy(t *testing.T) {
	store, calls := &ledgertest.Memory{}, 0
	v := ledger.Verifier{Store: store}
	for range 100 {
		if err := v.Decoy(t.Context(), start); err != nil {
			t.Fatal(err)
		}
	}
	want := `{"Format":1,"Row":{"Next":0,"Drift":0,"Attempts":100,"Cleared":100,"Last":1800000005000,"Known":0}}`
	if got := string(store.Rows["decoy"]); got != want || len(store.Rows) != 1 {
		t.Errorf("%d rows, the decoy's is %s, want %s", len(store.Rows), got, want)
	}
	broken := errors.New("broken")
	store.Fail = func(string) error { calls++; return broken }
	if err := v.Decoy(t.Context(), start); !errors.Is(err, broken) || calls != 1 {
		t.Errorf("with a broken store: %v, %d calls", err, calls)
	}
}
