package detect

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/signin"
)

// Size is the number of things remembered: keys, marks and held events.
func (d *Detector) Size() int {
	n := len(d.held)
	marks := func(ms []mark) int { return len(ms) }
	bursts := func(b burst) int { return len(b.marks) }
	n += d.guesses.size(marks) + d.names.size(marks)
	n += d.factors.size(bursts) + d.prompts.size(bursts) + d.sprays.size(bursts)
	return n + d.links.size(nil) + d.sessions.size(nil) + d.removals.size(nil) + d.owners.size(nil)
}

func (m *memory[V]) size(of func(V) int) int {
	n := len(m.items)
	for el := m.order.Front(); of != nil && el != nil; el = el.Next() {
		n += of(el.Value.(*item[V]).value)
	}
	return n
}

var dayOne = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// flood is the n-th of events that all are about somebody and somewhere new.
func flood(n int) signin.Event {
	e := signin.Event{
		ID: fmt.Sprint("e", n), Time: dayOne.Add(time.Duration(n/1000) * time.Second), Account: "111122223333", Source: signin.Source,
		Principal: audit.Principal{Kind: audit.IAMUser, Name: fmt.Sprint("u", n)}, SourceIP: fmt.Sprint("192.0.2.", n),
	}
	switch n % 8 {
	case 0:
		e.Name, e.Result = "ConsoleLogin", signin.Failure
	case 1:
		e.Name, e.Result, e.MFAUsed = "ConsoleLogin", signin.Failure, signin.Yes
	case 2:
		e.Name, e.Result = "CheckMfa", signin.Success
	case 3:
		e.Name, e.Result, e.MFAUsed, e.MFADevice = "ConsoleLogin", signin.Success, signin.Yes, fmt.Sprint("GAKT", n)
	case 4:
		e.Name, e.Source, e.IssuedKeyID, e.IssuedARN = "GetFederationToken", stsSource, fmt.Sprint("ASIA", n), fmt.Sprint("arn", n)
	case 5:
		e.Name = "AuthorizeOAuth2Access"
	case 6:
		e.Name, e.Source, e.TargetUser, e.SerialNumber = "DeactivateMFADevice", iamSource, e.Principal.Name, fmt.Sprint("GAKT", n)
	case 7:
		e.Name, e.Source, e.Request = "CreateVirtualMFADevice", iamSource, map[string]string{"virtualMFADeviceName": fmt.Sprint("d", n)}
	}
	return e
}

// Every memory holds maxKeys at most, with one mark each here.
const floodBound = 9*maxKeys + 5*maxKeys + maxHeld

func TestMemoryIsBoundedInSize(t *testing.T) {
	d := New(Rules{})
	events, most := 1_000_000, 0
	if testing.Short() {
		events = 250_000
	}
	for n := range events {
		d.Add(flood(n))
		if n%50_000 == 0 {
			most = max(most, d.Size())
		}
	}
	if most = max(most, d.Size()); most > floodBound {
		t.Errorf("Size() reached %d, want at most %d", most, floodBound)
	}
	if d.Dropped() == 0 {
		t.Errorf("Dropped() = 0 after a flood that outgrew %d keys", maxKeys)
	}
}

func TestMemoryIsBoundedInTime(t *testing.T) {
	d := New(Rules{})
	for n := range 10_000 {
		d.Add(flood(n))
	}
	if full := d.Size(); full < 10_000 {
		t.Fatalf("Size() = %d, want the flood to be remembered", full)
	}
	for n := range 8 { // touch every memory a week later
		e := flood(n)
		e.Time = e.Time.Add(7 * 24 * time.Hour)
		d.Add(e)
	}
	e := flood(3)
	e.Time = e.Time.Add(8 * 24 * time.Hour)
	d.Add(e)
	if got := d.Size(); got > 40 {
		t.Errorf("Size() = %d a week later, want the flood forgotten", got)
	}
	if d.Dropped() != 0 {
		t.Errorf("Dropped() = %d: forgetting in time is no loss", d.Dropped())
	}
}

// One second may hold any number of events.
func TestOneSecondIsBounded(t *testing.T) {
	d := New(Rules{})
	for n := range 5 * maxHeld {
		d.Add(signin.Event{ID: fmt.Sprint(n), Time: dayOne, Name: "SwitchRole", Source: signin.Source})
		if got := d.Size(); got > maxHeld {
			t.Fatalf("Size() = %d, want at most %d held", got, maxHeld)
		}
	}
}

func TestSizeCountsKeysAndMarks(t *testing.T) {
	d := New(Rules{})
	for n := range 3 {
		e := flood(0)
		e.ID, e.Time = fmt.Sprint("e", n), dayOne.Add(time.Duration(n)*time.Second)
		d.Add(e)
	}
	d.Flush()
	// One user with three failures; one address with one name, for two checks.
	if got, want := d.Size(), (1+3)+(1+1)+(1+1); got != want {
		t.Errorf("Size() = %d, want %d", got, want)
	}
}

// One name more than the threshold is remembered of an address: one may be the
// one who gets in.
func TestNamesOfAnAddressAreBounded(t *testing.T) {
	d := New(Rules{})
	for n := range 7 {
		e := flood(8 * n)
		e.SourceIP, e.Time = "192.0.2.7", dayOne.Add(time.Duration(n)*time.Second)
		d.Add(e)
	}
	d.Flush()
	// Seven users with a failure each; one address with the newest six names
	// for one check, and all seven for the other.
	if got, want := d.Size(), 7*(1+1)+(1+6)+(1+7); got != want {
		t.Errorf("Size() = %d, want %d", got, want)
	}
}

// Nothing is remembered of a device that was made, never used and deleted,
// but that it was made.
func TestAnUnusedDeviceIsNobodys(t *testing.T) {
	d := New(Rules{})
	made, deleted := flood(7), flood(7)
	made.Request = map[string]string{"virtualMFADeviceName": "ada"}
	deleted.ID, deleted.Name, deleted.SerialNumber = "e8", "DeleteVirtualMFADevice", "arn:aws:iam::111122223333:mfa/ada"
	deleted.Time = made.Time.Add(time.Second)
	d.Add(made)
	d.Add(deleted)
	d.Flush()
	if got := d.Size(); got != 1 {
		t.Errorf("Size() = %d, want 1", got)
	}
}

func fill[V any](m *memory[V], keys int) {
	for n := range keys {
		m.at(fmt.Sprint(n), dayOne)
	}
	m.dropped = 1000 * keys
}

func TestSizeAndDroppedCountEveryMemory(t *testing.T) {
	d := New(Rules{})
	fill(&d.guesses, 1)
	fill(&d.names, 2)
	fill(&d.factors, 4)
	fill(&d.prompts, 8)
	fill(&d.sprays, 16)
	fill(&d.links, 32)
	fill(&d.sessions, 64)
	fill(&d.removals, 128)
	fill(&d.owners, 256)
	if d.Size() != 511 || d.Dropped() != 511_000 {
		t.Errorf("Size() = %d, Dropped() = %d, want 511 and 511000", d.Size(), d.Dropped())
	}
}

func TestEachMemoryLastsAsLongAsItsCheck(t *testing.T) {
	ids := []string{idGuessed, idSprayed, idFactorFailures, idPrompts, idSpray, idConsoleLink, idOrphanToken, idFactorRemoved}
	var rules Rules
	var want []time.Duration
	for i, id := range ids {
		want = append(want, time.Duration(i+1)*time.Minute)
		rules.Overrides = append(rules.Overrides, window(id, want[i]))
	}
	d := New(rules)
	got := []time.Duration{
		d.guesses.window, d.names.window, d.factors.window, d.prompts.window, d.sprays.window, d.links.window, d.sessions.window, d.removals.window,
	}
	if !slices.Equal(got, want) || d.owners.window != d.removals.window {
		t.Errorf("the memories last %v (owners %v), want %v", got, d.owners.window, want)
	}
}

func TestMemoryForgetsTheOneLongestUntouched(t *testing.T) {
	m := memory[int]{window: time.Hour}
	for n := range maxKeys {
		*m.at(fmt.Sprint(n), dayOne) = n
	}
	m.at("0", dayOne.Add(time.Minute))
	if m.dropped != 0 || m.size(nil) != maxKeys {
		t.Fatalf("dropped %d of %d", m.dropped, m.size(nil))
	}
	m.at("new", dayOne.Add(2*time.Minute))
	if m.dropped != 1 || m.size(nil) != maxKeys || !m.lost.Equal(dayOne) {
		t.Errorf("dropped %d, size %d, lost at %v; want 1, %d, %v", m.dropped, m.size(nil), m.lost, maxKeys, dayOne)
	}
	if v := m.find("0", dayOne); v == nil || *v != 0 {
		t.Errorf("the key touched last is forgotten")
	}
	if m.find("1", dayOne) != nil {
		t.Errorf("the key longest untouched is remembered")
	}
	if m.find("0", dayOne.Add(61*time.Minute)) == nil || m.find("0", dayOne.Add(61*time.Minute+1)) != nil {
		t.Errorf("a key must be remembered for its window after it was touched, and no longer")
	}
}

func TestEventsOfABurstAreBounded(t *testing.T) {
	d := New(Rules{Overrides: []Override{threshold(idFactorFailures, 30)}})
	var found []Detection
	for n := range 30 {
		e := flood(1)
		e.ID, e.Time = fmt.Sprint("e", n), dayOne.Add(time.Duration(n)*time.Second)
		found = append(found, d.Add(e)...)
	}
	found = append(found, d.Flush()...)
	var got *Detection
	for i := range found {
		if found[i].ID == idFactorFailures {
			got = &found[i]
		}
	}
	if got == nil || len(got.Events) != 20 || got.Events[0] != "e10" || got.Events[19] != "e29" {
		t.Errorf("detection = %+v, want the last 20 of 30 events, oldest first", got)
	}
}

// A sign-in that had to be forgotten is no evidence against the tokens that
// follow it.
func TestWhatWasDroppedAccusesNobody(t *testing.T) {
	for _, tc := range []struct {
		signIns int // after ada's, by others, within the window
		want    int
	}{{10, 1}, {maxKeys + 1, 0}} {
		d := New(Rules{})
		signIn := func(n int, at time.Time) signin.Event {
			e := flood(3)
			e.ID, e.Principal.Name, e.Time, e.MFADevice = fmt.Sprint("s", n), fmt.Sprint("p", n), at, ""
			return e
		}
		d.Add(signIn(-1, dayOne))
		for n := range tc.signIns {
			d.Add(signIn(n, dayOne.Add(time.Hour)))
		}
		token := flood(5)
		token.Time = dayOne.Add(12 * time.Hour)
		d.Add(token)
		found := d.Flush()
		if len(found) != tc.want {
			t.Errorf("after %d sign-ins: %s, want %d detections", tc.signIns, lines(found), tc.want)
		}
	}
}

// Without an id there is no telling a copy, so each counts.
func TestFailuresWithoutIDAllCount(t *testing.T) {
	d := New(Rules{})
	for n := range 3 {
		e := flood(1)
		e.ID, e.Time = "", dayOne.Add(time.Duration(n)*time.Second)
		d.Add(e)
	}
	if found := d.Flush(); len(found) != 1 || found[0].ID != idFactorFailures {
		t.Errorf("detections = %s, want %s", lines(found), idFactorFailures)
	}
}

func TestAnEventWithoutTimeIsInNoSequence(t *testing.T) {
	d := New(Rules{})
	for range 10 {
		if ds := d.Add(signin.Event{ID: "e", Name: "ConsoleLogin", Source: signin.Source, Result: signin.Failure, MFAUsed: signin.Yes,
			Principal: audit.Principal{Kind: audit.Root}}); ds != nil {
			t.Errorf("Add = %+v", ds)
		}
	}
	if ds := d.Add(signin.Event{Name: "StopLogging", Source: trailSource}); len(ds) != 1 {
		t.Errorf("a stopped trail without a time: %+v, want one detection", ds)
	}
	if d.Size() != 0 {
		t.Errorf("Size() = %d, want nothing remembered", d.Size())
	}
}

// FuzzDetector maps bytes to events of few principals, so that sequences
// happen: no panic, bounded, the same answer twice.
func FuzzDetector(f *testing.F) {
	f.Add([]byte("mfawatch"))
	f.Add([]byte{0x10, 1, 0x10, 2, 0x10, 3, 0x10, 4, 0x10, 5, 0x13, 6, 0x96, 200, 0x13, 1, 0x15, 255})
	f.Fuzz(func(t *testing.T, stream []byte) {
		events := fuzzed(stream)
		first := run(events, Rules{})
		if again := run(events, Rules{}); !reflect.DeepEqual(first, again) {
			t.Fatalf("two runs differ:\n%s\n%s", lines(first), lines(again))
		}
		d := New(Rules{})
		for _, e := range events {
			d.Add(e)
		}
		if d.Size() > 20*len(events) {
			t.Fatalf("Size() = %d of %d events", d.Size(), len(events))
		}
		for _, found := range first {
			complete(t, "fuzz", found)
		}
	})
}

func fuzzed(stream []byte) []signin.Event {
	at := dayOne
	var events []signin.Event
	for i := 0; i+1 < len(stream); i += 2 {
		e := flood(int(stream[i]))
		person := int(stream[i]>>3) % 4
		e.Principal.Name, e.TargetUser, e.SourceIP = fmt.Sprint("u", person), fmt.Sprint("u", person), "192.0.2.1"
		if person == 3 {
			e.Principal.Name = HiddenName
		}
		e.MFADevice = "arn:aws:iam::111122223333:mfa/u" + fmt.Sprint(person)
		e.IdentityType = []string{"IAMUser", "FederatedUser"}[stream[i]>>7]
		step := time.Duration(int8(stream[i+1])) * time.Minute // back, too
		at = at.Add(step)
		e.ID, e.Time = fmt.Sprint("e", i), at
		events = append(events, e)
	}
	return events
}
