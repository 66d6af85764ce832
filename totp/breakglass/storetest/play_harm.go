package storetest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
)

// damage damages a row that the door can do without, if it is there.
func (p *play) damage() {
	p.Helper()
	who := actors[p.IntN(len(actors))]
	key := []string{
		"request#" + p.any(p.requests), "request#" + p.any(p.requests), fmt.Sprintf("notice#%012d", max(len(p.lines)-p.IntN(20), 1)),
		"guard#" + Short(User(who)), "pace#" + Short(User(who)), "pace#" + Short(User(who)) + "-revoke", "unlock#" + person(who) + "-totp",
	}[p.IntN(7)]
	text := []byte(garbage[p.IntN(len(garbage))])
	err := p.store.Transact(p.Context(), func(tx breakglass.Tx) error {
		row, err := tx.Get(key)
		if row == nil || err != nil {
			return err
		}
		if _, before := p.damaged[key]; !before {
			p.damaged[key] = row
		}
		if strings.HasPrefix(key, "request#") && p.IntN(4) == 0 {
			return tx.Delete(key)
		}
		return tx.Put(key, text)
	})
	if err != nil {
		p.Fatal(err)
	}
}

// repair puts a request's or a notice's row back, as it was.
func (p *play) repair() {
	p.Helper()
	keys := slices.Sorted(maps.Keys(p.damaged))
	if len(keys) == 0 {
		return
	}
	key := keys[p.IntN(len(keys))]
	row := p.damaged[key]
	if !strings.HasPrefix(key, "request#") && !strings.HasPrefix(key, "notice#") {
		return // the door has others in their place
	}
	delete(p.damaged, key)
	if err := p.store.Transact(p.Context(), func(tx breakglass.Tx) error { return tx.Put(key, row) }); err != nil {
		p.Fatal(err)
	}
}

// enrol has a device prove itself by two codes: they open nothing.
func (p *play) enrol() {
	p.Helper()
	device := person(actors[p.IntN(5)]) + "-totp"
	step := p.now.Unix()/30 + int64(p.IntN(3)-1)
	err := p.store.Transact(p.Context(), func(tx breakglass.Tx) error {
		return breakglass.Proved(p.Context(), tx, device, totp.Match{Step: step}, p.now)
	})
	if errors.Is(err, totp.ErrReplayed) {
		return
	}
	if err != nil {
		p.Fatal(err)
	}
	for _, n := range []int64{step - 1, step} {
		p.accepted[fmt.Sprint(device, ":", n)]++
		p.shown[device] = append(p.shown[device], n)
	}
}

// flood calls often at one time: a minute's calls and no more come to the record, and
// nobody else is in their way.
func (p *play) flood(who string, at time.Time) {
	p.Helper()
	p.look("")
	faults, before, often := p.faults, len(p.lines), 0
	p.faults = false
	for range 70 {
		_, err := p.door.Ask(p.Context(), As(who), breakglass.Ask{}, at)
		refusal := (*breakglass.Refusal)(nil)
		if !errors.As(err, &refusal) {
			p.Fatal(err)
		}
		if refusal.Reason == breakglass.TooOften {
			if often++; !refusal.Until.After(at) || refusal.Until.Sub(at) > 3*time.Minute {
				p.Fatalf("at %v too often until %v", at, refusal.Until)
			}
		}
	}
	p.look("")
	mine := 0
	for _, line := range p.lines[before:] {
		if e, err := record.Parse(line); err == nil && e.Actor == User(who) && e.What == record.Asked {
			mine++
		}
	}
	if p.faults = faults; mine > 30 || often < 40 {
		p.Fatalf("of 70 calls at once %d are recorded, and %d were too often", mine, often)
	}
}
