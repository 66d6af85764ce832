package breakglass_test

import (
	"errors"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/storetest"
)

// TestTurnAway: who is refused before a step began is in the record, by the name that is
// theirs, told to everybody, and bounded as all that strangers do; and is not refused, but
// told that it failed, where that cannot be kept.
func TestTurnAway(t *testing.T) {
	cast, memory := storetest.NewCast(t), &storetest.Memory{}
	store := &storetest.Faulty{Store: memory}
	d, now := cast.Door(memory), storetest.Start
	d.Store = store
	no := func() *breakglass.Refusal { return &breakglass.Refusal{Reason: breakglass.NotAllowed} }
	refused := func(name string, err error, want breakglass.Reason) {
		t.Helper()
		if r := (*breakglass.Refusal)(nil); !errors.As(err, &r) || r.Reason != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	refused("bob", d.TurnAway(t.Context(), as("bob"), record.Pretended, no(), now), breakglass.NotAllowed)
	for range 25 {
		refused("eve", d.TurnAway(t.Context(), as("eve"), record.Looked, no(), now), breakglass.NotAllowed)
	}
	for range 5 {
		_ = d.TurnAway(t.Context(), as("eve"), record.Looked, no(), now)
	}
	refused("eve, too often", d.TurnAway(t.Context(), as("eve"), record.Looked, no(), now), breakglass.TooOften)
	all := storetest.Entries(t, memory)
	if len(all) != 21 {
		t.Fatalf("%d entries, want 21", len(all))
	}
	if e := all[0]; e.What != record.Pretended || e.Outcome != record.Refused || e.Reason != "not-allowed" || e.Person != "bob" || e.Actor != storetest.User("bob") {
		t.Errorf("bob's entry is %+v", e)
	}
	if e := all[20]; e.What != record.Looked || e.Outcome != record.Refused || e.Reason != "not-enrolled" || e.Person != "" || e.Actor != storetest.User("eve") {
		t.Errorf("eve's entry is %+v", e)
	}
	told, err := d.Notices(t.Context(), 2)
	if err != nil || len(told) != 2 || told[0].Level != breakglass.Critical || told[1].Level != breakglass.High {
		t.Errorf("told %+v, %v", told, err)
	}
	down := errors.New("the store is down")
	store.Before = func() error { return down }
	err = d.TurnAway(t.Context(), as("cyd"), record.Looked, no(), now.Add(time.Hour))
	if r := (*breakglass.Refusal)(nil); !errors.Is(err, down) || errors.As(err, &r) {
		t.Errorf("with the store down: %v", err)
	}
}

// TestPretendersAreHeard: after as many strangers as have entries, and though the pretender is
// one, each time has an entry and wakes people, until the pace of that one principal.
func TestPretendersAreHeard(t *testing.T) {
	cast, memory := storetest.NewCast(t), &storetest.Memory{}
	d, now := cast.Door(memory), storetest.Start
	no := &breakglass.Refusal{Reason: breakglass.NotAllowed}
	for i := range 45 {
		_ = d.TurnAway(t.Context(), as([]string{"eve", "mallory"}[i%2]), record.Looked, no, now)
	}
	if got := len(storetest.Entries(t, memory)); got != 20 {
		t.Fatalf("strangers have %d entries, want 20", got)
	}
	now = now.Add(2 * time.Minute) // another minute of the same hour
	for i := range 35 {
		err := d.TurnAway(t.Context(), as("eve"), record.Pretended, no, now)
		want := breakglass.NotAllowed
		if i >= 30 {
			want = breakglass.TooOften
		}
		if r := (*breakglass.Refusal)(nil); !errors.As(err, &r) || r.Reason != want {
			t.Errorf("time %d: %v, want %s", i, err, want)
		}
	}
	all := storetest.Entries(t, memory)
	told, err := d.Notices(t.Context(), 50)
	if err != nil || len(all) != 50 || len(told) != 50 {
		t.Fatalf("%d entries and %d notices, %v, want 50", len(all), len(told), err)
	}
	for i := 20; i < 50; i++ {
		if e := all[i]; e.What != record.Pretended || e.Actor != storetest.User("eve") || e.Person != "" || e.Reason != "not-enrolled" || told[i].Level != breakglass.Critical || told[i].What != record.Pretended {
			t.Errorf("entry %d is %+v, told as %+v", i, e, told[i])
		}
	}
}
