package otp_test

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/yubikey/otp"
)

var start = time.Unix(1_800_000_000, 0)

type checking struct {
	*testing.T
	ledger.Verifier
	store *ledgertest.Memory
	c     otp.Credential
}

func check(t *testing.T) checking {
	store := &ledgertest.Memory{}
	return checking{t, ledger.Verifier{Store: store}, store, credential(t, "dteffuje")}
}

func (c checking) try(token otp.Token, request string, now time.Time) error {
	c.Helper()
	got, err := otp.Check(c.Context(), c.Verifier, c.c, made(c.T, c.c, token), request, now)
	if err == nil && got != token || err != nil && got != (otp.Token{}) {
		c.Errorf("Check(%+v) = %+v, %v", token, got, err)
	}
	return err
}

func (c checking) want(want error, token otp.Token, now time.Time) {
	c.Helper()
	if err := c.try(token, "", now); !errors.Is(err, want) {
		c.Errorf("session %d, use %d: %v, want %v", token.Session, token.Use, err, want)
	}
}

// wrong brings an OTP that does not decrypt.
func (c checking) wrong(now time.Time) error {
	c.Helper()
	o, err := otp.Parse("dteffuje" + strings.Repeat("c", 32))
	if err != nil {
		c.Fatal(err)
	}
	_, err = otp.Check(c.Context(), c.Verifier, c.c, o, "", now)
	return err
}

func TestCountersGrow(t *testing.T) {
	c := check(t)
	for i, try := range []struct {
		session uint16
		use     uint8
		want    error
	}{
		{3, 7, nil}, {3, 7, totp.ErrReplayed}, {3, 6, totp.ErrReplayed}, {2, 255, totp.ErrReplayed}, {3, 8, nil},
		{3, 255, nil}, {4, 0, nil}, {3, 255, totp.ErrReplayed}, {9, 9, nil}, {4, 1, totp.ErrReplayed},
		{otp.MaxSession, otp.MaxUse, nil}, {otp.MaxSession, otp.MaxUse, totp.ErrReplayed},
	} {
		c.want(try.want, otp.Token{Session: try.session, Use: try.use, Random: uint16(i)}, start)
	}
	first := check(t)
	first.want(nil, otp.Token{}, start)
	first.want(totp.ErrReplayed, otp.Token{}, start)
}

// TestCapsLockIsNoCounter: the same counters with and without the bit are the same OTP.
func TestCapsLockIsNoCounter(t *testing.T) {
	c := check(t)
	c.want(nil, otp.Token{Session: 5, Use: 1, CapsLock: true}, start)
	c.want(totp.ErrReplayed, otp.Token{Session: 5, Use: 1}, start)
	c.want(nil, otp.Token{Session: 5, Use: 2}, start)
}

func TestOnceOfMany(t *testing.T) {
	c := check(t)
	o := made(t, c.c, otp.Token{Session: 1})
	var accepted atomic.Int32
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			_, err := otp.Check(t.Context(), c.Verifier, c.c, o, "", start)
			later := (*ledger.Later)(nil)
			switch {
			case err == nil:
				accepted.Add(1)
			case !errors.Is(err, totp.ErrReplayed) && !errors.As(err, &later):
				t.Errorf("one of many = %v", err)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 1 {
		t.Errorf("%d of 64 were accepted, want 1", accepted.Load())
	}
}

// TestTheSameRequest: the one that was accepted is told apart, and no other.
func TestTheSameRequest(t *testing.T) {
	c := check(t)
	for _, try := range []struct {
		use     uint8
		request string
		want    error
		same    bool
	}{
		{1, "a", nil, false}, {1, "a", totp.ErrReplayed, true}, {1, "b", totp.ErrReplayed, false}, {1, "", totp.ErrReplayed, false},
		{2, "", nil, false}, {2, "", totp.ErrReplayed, false}, {2, "-", totp.ErrReplayed, false}, {3, "a", nil, false}, {1, "a", totp.ErrReplayed, false}, {3, "a", totp.ErrReplayed, true},
	} {
		err := c.try(otp.Token{Session: 1, Use: try.use}, try.request, start)
		if !errors.Is(err, try.want) || errors.Is(err, otp.ErrRepeated) != try.same {
			t.Errorf("use %d for %q = %v, want %v, the same %v", try.use, try.request, err, try.want, try.same)
		}
		if err := c.Unlock(t.Context(), c.c.ID()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHeldBack: within a session the key's clock and ours agree, or one of two OTPs was
// held back. 0x800000 ticks are half of what the key counts to.
func TestHeldBack(t *testing.T) {
	const day = 24 * time.Hour
	for name, try := range map[string]struct {
		first, second uint32 // eighths of a second
		ours          time.Duration
		suspicious    bool
	}{
		"at once":                             {100, 100, 0, false},
		"an hour later on both":               {100, 100 + 8*3600, time.Hour, false},
		"20 s late":                           {100, 100, 20 * time.Second, false},
		"20.001 s late":                       {100, 100, 20001 * time.Millisecond, true},
		"held back an hour":                   {100, 100 + 8*60, time.Hour + time.Minute, true},
		"a slow key, 30 % of an hour":         {100, 100 + 8*2520, time.Hour, false},
		"a slow key, over 30 % of an hour":    {100, 100 + 8*2519, time.Hour, true},
		"the first was held back 20 s":        {100, 100 + 8*20, 0, false},
		"the first was held back 20.125 s":    {100, 100 + 8*20 + 1, 0, true},
		"a fast key, 30 % of an hour":         {100, 100 + 8*4680, time.Hour, false},
		"a fast key, over 30 % of an hour":    {100, 100 + 8*4681, time.Hour, true},
		"two that were kept, one after other": {100, 100 + 8*600, time.Second, true},
		"the key's clock went back":           {100, 99, time.Second, true},
		"back by much":                        {1 << 23, 100, time.Minute, true},
		"around":                              {otp.MaxTimestamp, 79, 10 * time.Second, false},
		"around, held back":                   {otp.MaxTimestamp, 79, time.Hour, true},
		"around once while nobody touched":    {100, 100, (1 << 24) * time.Second / 8, false},
		"around twice and a day":              {100, 100 + 8*86400, 2*(1<<24)*time.Second/8 + day, false},
		"half of what it counts to":           {0, 1 << 23, 0, true},
		"ten days too late":                   {100, 108, 10 * day, true},
		"our clock was set back":              {100, 180, -time.Hour, false},
		"our clock was set back, long after":  {100, 100 + 8*3600, -time.Hour, true},
	} {
		c := check(t)
		c.want(nil, otp.Token{Session: 4, Use: 1, Timestamp: try.first}, start)
		second := otp.Token{Session: 4, Use: 2, Timestamp: try.second}
		err := c.try(second, "", start.Add(try.ours))
		var delayed *otp.Delayed
		if (err != nil) != try.suspicious || errors.As(err, &delayed) != try.suspicious {
			t.Errorf("%s: %v, want it refused: %v", name, err, try.suspicious)
		}
		// Another session is another clock, and refusing spent nothing.
		c.want(nil, otp.Token{Session: 5, Timestamp: try.second + 12345}, start.Add(try.ours))
	}
}

// TestBothClocks: how often the key's has gone around is what agrees best with ours.
func TestBothClocks(t *testing.T) {
	const day, around = 24 * time.Hour, 2097152 * time.Second
	for _, try := range []struct{ ticks, ours, key time.Duration }{
		{0, 12 * day, 0}, {0, 13 * day, around}, {10 * day, 20 * day, 10 * day}, {5 * day, 20 * day, 5*day + around}, {0, 40 * day, 2 * around},
		{20 * day, 0, 20 * day}, {time.Hour, -time.Hour, time.Hour}, {around - time.Second/8, 0, around - time.Second/8},
	} {
		c := check(t)
		c.want(nil, otp.Token{Session: 4, Use: 1, Timestamp: 99}, start)
		second := uint32(99+try.ticks/(time.Second/8)) & otp.MaxTimestamp
		err := c.try(otp.Token{Session: 4, Use: 2, Timestamp: second}, "", start.Add(try.ours))
		if d := (*otp.Delayed)(nil); try.ours > 30*day && err != nil || try.ours <= 30*day && (!errors.As(err, &d) || d.Key != try.key || d.Ours != max(try.ours, 0)) {
			t.Errorf("%v on the key's clock and %v on ours: %v", try.ticks, try.ours, err)
		}
	}
}

func TestTheTextOfADelay(t *testing.T) {
	c := check(t)
	c.want(nil, otp.Token{Session: 4, Use: 1}, start)
	err := c.try(otp.Token{Session: 4, Use: 2, Timestamp: 81}, "", start.Add(time.Hour+1234567*time.Microsecond))
	want := "code for key " + c.c.ID() + ": since the last OTP 10.125s went by on the key's clock and 1h0m1.234s on ours: unplug the key, plug it in and touch it again; if nobody waited and no computer slept, somebody held an OTP back"
	if err == nil || err.Error() != want {
		t.Errorf("a delay = %v, want %s", err, want)
	}
	// An OTP that was used is told as that, however late it comes.
	c.want(totp.ErrReplayed, otp.Token{Session: 4, Use: 1}, start.Add(time.Hour))
}

// TestTheRow is what is written for an OTP: other versions read it too.
func TestTheRow(t *testing.T) {
	c := check(t)
	for _, try := range []struct{ request, mark string }{{"", "259 7 1800000000000 -"}, {"a", "260 7 1800000000000 ca978112ca1bbdcafac231b3"}} {
		use := uint8(3 + len(try.request))
		if err := c.try(otp.Token{Session: 1, Use: use, Timestamp: 7}, try.request, start); err != nil {
			t.Fatal(err)
		}
		if row := string(c.store.Rows["verify#yubikey dteffuje ce9809f8"]); !strings.HasSuffix(row, `"Mark":"`+try.mark+`"}}`) {
			t.Errorf("the row is %s, want the mark %s", row, try.mark)
		}
	}
}

// TestADelayDoesNotMoveTheReference: after a refusal the next one is compared with what
// was accepted, not with what was refused.
func TestADelayDoesNotMoveTheReference(t *testing.T) {
	c := check(t)
	c.want(nil, otp.Token{Session: 4, Use: 1}, start)
	if err := c.try(otp.Token{Session: 4, Use: 2, Timestamp: 8}, "", start.Add(time.Hour)); err == nil {
		t.Fatal("an OTP that was held back is accepted")
	}
	c.want(nil, otp.Token{Session: 4, Use: 3, Timestamp: 8 * 3600}, start.Add(time.Hour))
	c.want(totp.ErrReplayed, otp.Token{Session: 4, Use: 2, Timestamp: 8}, start.Add(time.Hour))
}

func TestWrongOnesWaitAndLock(t *testing.T) {
	c, now := check(t), start
	var later *ledger.Later
	for i := range 20 {
		err := c.wrong(now)
		if i >= 5 {
			if !errors.As(err, &later) {
				t.Fatalf("after %d wrong ones: %v, want a wait", i, err)
			}
			if err := c.try(otp.Token{Session: 1}, "", now); !errors.As(err, &later) {
				t.Errorf("a right one after %d wrong ones = %v, want a wait", i, err)
			}
			now = later.Until
			err = c.wrong(now)
		}
		if !errors.Is(err, totp.ErrNoMatch) {
			t.Fatalf("wrong one %d: %v", i+1, err)
		}
	}
	c.want(ledger.ErrLocked, otp.Token{Session: 1}, now.AddDate(1, 0, 0))
	if err := c.Unlock(t.Context(), c.c.ID()); err != nil {
		t.Fatal(err)
	}
	c.want(nil, otp.Token{Session: 1}, now)
}

// TestWhatIsNoAttempt: another key's OTP, none, and one for a credential that is gone
// are not counted.
func TestWhatIsNoAttempt(t *testing.T) {
	c := check(t)
	gone := credential(t, "dteffuje")
	gone.Wipe()
	for range 30 {
		for _, o := range []otp.OTP{made(t, credential(t, "dteffujf"), otp.Token{}), {}} {
			if _, err := otp.Check(t.Context(), c.Verifier, c.c, o, "", start); !errors.Is(err, otp.ErrOtherKey) {
				t.Fatalf("Check(%v) = %v", o, err)
			}
		}
		if _, err := otp.Check(t.Context(), c.Verifier, credential(t, ""), otp.OTP{}, "", start); !errors.Is(err, otp.ErrOtherKey) {
			t.Fatalf("no OTP for a credential without a public id = %v", err)
		}
		for _, none := range []otp.Credential{{}, gone} {
			if _, err := otp.Check(t.Context(), c.Verifier, none, otp.OTP{}, "", start); err == nil || !strings.Contains(err.Error(), "no credential") {
				t.Fatalf("an OTP for no credential = %v", err)
			}
		}
	}
	if len(c.store.Rows) != 0 {
		t.Errorf("the ledger has %d rows, want none", len(c.store.Rows))
	}
	c.want(nil, otp.Token{Session: 1}, start)
}

// TestNobodyGetsInWithoutTheLedger: whichever update fails.
func TestNobodyGetsInWithoutTheLedger(t *testing.T) {
	broken := errors.New("broken")
	for failing := 1; failing <= 2; failing++ {
		c, calls := check(t), 0
		c.store.Fail = func(string) error {
			if calls++; calls == failing {
				return broken
			}
			return nil
		}
		c.want(broken, otp.Token{Session: 1}, start)
		c.want(nil, otp.Token{Session: 1}, start)
	}
}

func TestAMarkThatCannotBeRead(t *testing.T) {
	for _, m := range []string{"x", "1 2 3", "1 2 3 ", " 1 2 3 -", "1 2 3 - ", "1 2 3 -\n", "1 -2 3 -", "1 99999999999 3 -"} {
		c := check(t)
		c.want(nil, otp.Token{Session: 1}, start)
		key := "verify#" + c.c.ID()
		row := string(c.store.Rows[key])
		mark := row[strings.Index(row, `"Mark":`):]
		c.store.Rows[key] = []byte(strings.Replace(row, mark, `"Mark":"`+strings.ReplaceAll(m, "\n", `\n`)+`"}}`, 1))
		want := "code for key " + c.c.ID() + ": what the ledger remembers of the last OTP cannot be read: restore the ledger, or add the key again"
		if err := c.try(otp.Token{Session: 2}, "", start); err == nil || err.Error() != want {
			t.Errorf("a mark %q = %v, want it refused", m, err)
		}
	}
}

// TestPlace: what an OTP in somebody's hand says is where the key stands, and it only
// goes on.
func TestPlace(t *testing.T) {
	c := check(t)
	c.Floor = start
	now := start.Add(time.Minute)
	c.want(ledger.ErrBeforeFloor, otp.Token{Session: 7}, now)
	placed := otp.Token{Session: 7, Use: 3, Timestamp: 5}
	if got, err := otp.Place(t.Context(), c.Verifier, c.c, made(t, c.c, placed), now); err != nil || got != placed {
		t.Fatalf("Place = %+v, %v", got, err)
	}
	c.want(totp.ErrReplayed, otp.Token{Session: 7, Use: 3}, now)
	c.want(totp.ErrReplayed, otp.Token{Session: 7, Use: 2}, now)
	c.want(nil, otp.Token{Session: 7, Use: 4}, now)
	if _, err := otp.Place(t.Context(), c.Verifier, c.c, made(t, c.c, placed), now); err == nil || !strings.Contains(err.Error(), "is below") {
		t.Errorf("Place of one that was used = %v", err)
	}
	for want, o := range map[error]otp.OTP{otp.ErrOtherKey: made(t, credential(t, "dteffujf"), placed), totp.ErrNoMatch: made(t, elsewhere(t), placed)} {
		if got, err := otp.Place(t.Context(), c.Verifier, c.c, o, now); !errors.Is(err, want) || got != (otp.Token{}) {
			t.Errorf("Place = %+v, %v, want %v", got, err, want)
		}
	}
}

// elsewhere is a credential of the same public id and another AES key.
func elsewhere(t *testing.T) otp.Credential {
	t.Helper()
	c, err := otp.NewCredential("dteffuje", unhex(t, vectorPrivate), make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
