package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
)

// play is many actors at a door, whose store fails, loses answers and has rows damaged,
// whose clocks drift and jump, and who die between any two transactions.
type play struct {
	*testing.T
	*rand.Rand
	cast  *Cast
	door  *breakglass.Door
	store breakglass.Store // without faults, to look
	now   time.Time        // the true time
	drift map[string]time.Duration

	asked    int
	requests []string
	grants   []breakglass.Grant
	shown    map[string][]int64 // by device: codes that somebody has seen
	sheets   map[string]int64
	counter  int64

	lines     [][]byte
	facts     map[string]*facts
	accepted  map[string]int // by device and code
	published map[string]bool
	faults    bool
	damaged   map[string][]byte // rows, as they were
	told      map[string]bool   // what the record says cannot be read
	closed    map[string]bool   // requests whose tokens AWS refuses
}

// facts are what the record says of one request.
type facts struct {
	person, actor, role string
	alone, drill, over  bool
	at                  time.Time
	approved            map[string]bool
	used                int
	usedAt              time.Time
	owing               bool // its row was damaged when AWS may have given credentials
}

var (
	errBefore = errors.New("the store failed")
	errAfter  = errors.New("the answer was lost")
)

// Play plays so many moves, and holds the door to its promises after each.
func Play(t *testing.T, store breakglass.Store, seed uint64, moves int) {
	p := &play{
		T: t, Rand: rand.New(rand.NewPCG(seed, 9)), cast: NewCast(t), store: store, now: Start, drift: map[string]time.Duration{},
		shown: map[string][]int64{}, sheets: map[string]int64{}, facts: map[string]*facts{}, accepted: map[string]int{}, published: map[string]bool{}, faults: true,
		damaged: map[string][]byte{}, told: map[string]bool{}, closed: map[string]bool{},
	}
	p.door = p.cast.Door(store)
	p.door.Store = Faulty{Store: store, Before: p.fault(errBefore), After: p.fault(errAfter)}
	for _, who := range actors {
		p.drift[who] = time.Duration(p.Int64N(100)-50) * time.Second
	}
	for range moves {
		p.now = p.now.Add(p.later())
		p.move()
	}
	p.faults = false
	for range 10 {
		p.damage()
	}
	p.rescue()
	p.settle()
	used := 0
	for _, f := range p.facts {
		used += f.used
	}
	t.Logf("%d moves: %d entries, %d requests, %d grants, %d rows damaged and %d told", moves, len(p.lines), len(p.facts), used, len(p.damaged), len(p.told))
}

var actors = []string{"ada", "ada-laptop", "bob", "cyd", "dan", "eve"}

func person(actor string) string { return strings.TrimSuffix(actor, "-laptop") }

func (p *play) fault(err error) func() error {
	return func() error {
		if p.faults && p.IntN(25) == 0 {
			return err
		}
		return nil
	}
}

// later is how long nothing happens.
func (p *play) later() time.Duration {
	if p.IntN(20) == 0 {
		return time.Duration(p.Int64N(3600)) * time.Second
	}
	return time.Duration(p.Int64N(60_000)) * time.Millisecond
}

// clock is what the time is to who works for an actor.
func (p *play) clock(who string) time.Time {
	at := p.now.Add(p.drift[who])
	switch p.IntN(40) {
	case 0:
		at = at.Add(24 * time.Hour)
	case 1:
		at = at.Add(-24 * time.Hour)
	}
	return at
}

func (p *play) any(of []string) string {
	if len(of) == 0 || p.IntN(30) == 0 {
		return "0123456789ABCDEF"
	}
	return of[max(len(of)-1-p.IntN(6), 0)]
}

func (p *play) move() {
	who, id, kind := actors[p.IntN(len(actors))], p.any(p.requests), p.IntN(20)
	if p.IntN(3) > 0 && 3 <= kind && kind <= 10 {
		who, id, kind = p.sensible(who, id, kind)
	}
	ctx, as, at := p.Context(), As(who), p.clock(who)
	var err error
	used := "" // the code
	switch kind {
	case 0, 1, 2:
		err = p.ask(who, at)
	case 3, 4, 5, 6:
		proof, code := p.proof(who)
		_, err = p.door.Approve(ctx, as, id, proof, at)
		used = code
	case 7, 8, 9, 10:
		proof, code := p.proof(who)
		used = code
		var g breakglass.Grant
		if g, err = p.door.Use(ctx, as, id, proof, at); err == nil {
			p.grants = append(p.grants, g)
		}
	case 11:
		if len(p.grants) > 0 {
			err = p.answer(p.grants[len(p.grants)-1], at)
		}
	case 12:
		if p.IntN(2) == 0 {
			err = p.door.End(ctx, as, id, at)
			break
		}
		proof, code := p.proof(who)
		used, err = code, p.door.Revoke(ctx, as, id, proof, at)
	case 13:
		proof, code := p.proof(who)
		used = code
		_, err = p.door.Unlock(ctx, as, actors[p.IntN(6)]+"-totp", proof, at)
	case 14:
		err = p.publish()
	case 15:
		err = p.door.Tend(ctx, at)
	case 16:
		p.damage()
	case 17:
		p.repair()
	case 18:
		p.enrol()
	case 19:
		if p.IntN(4) == 0 {
			p.flood(who, at)
		}
	}
	if refusal := (*breakglass.Refusal)(nil); err != nil && !errors.Is(err, errBefore) && !errors.Is(err, errAfter) && !errors.As(err, &refusal) {
		p.Fatal(err)
	}
	p.look(used)
}

func (p *play) ask(who string, at time.Time) error {
	p.asked++
	a := Ask([]string{"admin", "core"}[p.IntN(2)], p.asked)
	a.Drill, a.Alone = p.IntN(5) == 0, a.Role == "admin" && p.IntN(4) == 0
	r, err := p.door.Ask(p.Context(), As(who), a, at)
	if err == nil {
		p.requests = append(p.requests, r.ID)
	}
	return err
}

// sensible is a move that may come to something: a request's requester uses it when it
// has its approvals, and somebody else approves it until then.
func (p *play) sensible(who, id string, kind int) (string, string, int) {
	for i := len(p.requests) - 1; i >= max(len(p.requests)-4, 0); i-- {
		f := p.facts[p.requests[i]]
		switch {
		case f == nil || f.used > 0 || f.over:
		case f.alone || len(f.approved) >= wanted[f.role]:
			return strings.TrimPrefix(f.actor, User("")), p.requests[i], 7
		default:
			return []string{"ada", "bob", "cyd", "dan"}[p.IntN(4)], p.requests[i], 3
		}
	}
	return who, id, kind
}

// wanted is how many approvals the rules of the cast want.
var wanted = map[string]int{"admin": 1, "core": 2}

// answer is AWS's, as the edge tells it, if it does not die.
func (p *play) answer(g breakglass.Grant, at time.Time) error {
	switch p.IntN(4) {
	case 0:
		return p.door.NotIssued(p.Context(), g, "AccessDenied", at)
	case 1:
		owed, err := p.door.Owed(p.Context(), at)
		for _, c := range owed {
			err = errors.Join(err, p.door.Closed(p.Context(), c, at))
		}
		return err
	}
	return p.door.Issued(p.Context(), g, at.Add(g.Duration), at)
}

// proof is a code of somebody's device: right, wrong, or one that was seen before.
func (p *play) proof(who string) (breakglass.Proof, string) {
	device := person(who) + "-totp"
	switch n := p.IntN(20); {
	case n == 0:
		device = person(actors[p.IntN(5)]) + "-totp"
	case n == 1:
		device = "ada-hotp"
	case n == 2:
		device = person(who) + "-sheet"
	}
	if _, there := p.cast.Keys[device]; !there && p.cast.Sheets[device].ID == "" {
		device = "bob-totp" // eve has none
	}
	seen := p.shown[device]
	if len(seen) > 0 && p.IntN(6) == 0 {
		n := seen[max(len(seen)-1-p.IntN(4), 0)]
		return p.cast.Proof(device, n), fmt.Sprint(device, ":", n)
	}
	if p.IntN(6) == 0 && !strings.HasSuffix(device, "-sheet") {
		return p.cast.Wrong(device, p.now), device + ":wrong"
	}
	n := p.fresh(device)
	p.shown[device] = append(seen, n)
	return p.cast.Proof(device, n), fmt.Sprint(device, ":", n)
}

// fresh is what a device shows now, its own clock a little off.
func (p *play) fresh(device string) int64 {
	switch {
	case device == "ada-hotp":
		p.counter++
		return p.counter - 1
	case strings.HasSuffix(device, "-sheet"):
		p.sheets[device]++
		return (p.sheets[device] - 1) % 10
	}
	return p.now.Add(time.Duration(p.Int64N(30)-15)*time.Second).Unix() / 30
}

func (p *play) publish() error {
	all, err := p.door.Notices(p.Context(), 1+p.IntN(20))
	for _, n := range all {
		p.published[n.ID] = true // published; whether it is taken away is another matter
		if p.IntN(10) == 0 {
			return nil // the publisher died
		}
		if err := p.door.Published(p.Context(), n); err != nil {
			return err
		}
	}
	return err
}

// garbage are rows that nobody can read.
var garbage = []string{"", "{", "null", `{"Format":2}`, `{"Format":1,"Row":{"Else":1}}`, `{"Format":1,"Row":5}`}

// look reads what was added to the record, and holds it to the promises.
func (p *play) look(code string) {
	p.Helper()
	for _, line := range linesOf(p.T, p.store, int64(len(p.lines))+1) {
		prev := record.Start
		if len(p.lines) > 0 {
			prev = record.Hash(p.lines[len(p.lines)-1])
		}
		e, err := record.Parse(line)
		if err != nil || e.Prev != prev || e.Seq != int64(len(p.lines))+1 {
			p.Fatalf("the chain breaks at entry %d: %v", len(p.lines)+1, err)
		}
		p.lines = append(p.lines, line)
		p.entry(e, code)
	}
	for _, g := range p.grants {
		f := p.facts[g.Request]
		if f == nil || f.used != 1 {
			p.Fatalf("request %s was granted, and the record does not say so once", g.Request)
		}
		if (g.Role == "") != f.drill || g.Until.Sub(f.usedAt) > time.Hour {
			p.Fatalf("the grant of %s: role %q, drill %v, for %v", g.Request, g.Role, f.drill, g.Until.Sub(f.usedAt))
		}
	}
}

func (p *play) entry(e record.Entry, code string) {
	p.Helper()
	if f := p.facts[e.Request]; e.What == record.Damaged {
		key, _ := strings.CutPrefix(e.Reason, "row ")
		key, _, _ = strings.Cut(key, " ")
		p.told[key] = true
		if f != nil { // else of another row
			f.over = true
			f.owing = f.owing || f.used > 0 && !f.drill
		}
	}
	if e.Outcome != record.Done {
		return
	}
	if e.Facts[record.Device] != "" && p.faults { // else of the rescuers
		if p.accepted[code]++; p.accepted[code] > 1 || !strings.HasPrefix(code, e.Facts[record.Device]+":") || strings.HasSuffix(code, ":wrong") {
			p.Fatalf("the code %s was accepted %d times, as %s's", code, p.accepted[code], e.Facts[record.Device])
		}
	}
	f := p.facts[e.Request]
	switch e.What {
	case record.Asked:
		p.facts[e.Request] = &facts{person: e.Person, actor: e.Actor, role: e.Facts[record.Role], alone: e.Facts[record.Alone] != "", drill: e.Facts[record.Drill] != "", at: e.At, approved: map[string]bool{}}
	case record.Approved:
		if e.Person == f.person || f.approved[e.Person] {
			p.Fatalf("%s approved the request of %s, and before: %v", e.Person, f.person, f.approved)
		}
		f.approved[e.Person] = true
	case record.Ended, record.Revoked, record.Expired:
		f.over = true
	case record.Closed:
		p.closed[e.Request] = true
	case record.Used:
		f.usedAt = e.At
		if f.used++; f.used > 1 || e.Actor != f.actor || len(f.approved) < wanted[f.role] && !f.alone {
			p.Fatalf("request %s of %s: granted %d times, to %s, approved by %v", e.Request, f.actor, f.used, e.Actor, f.approved)
		}
		// The stages, and two minutes that each clock may be behind.
		if most := (30 + 15 + 10 + 4) * time.Minute; e.At.Sub(f.at) > most {
			p.Fatalf("request %s was granted after %v", e.Request, e.At.Sub(f.at))
		}
	}
}

// rescue is an honest pair after all that: by the rules they get in, at most an hour
// of waiting later, or when two unlock.
func (p *play) rescue() {
	p.Helper()
	p.now = p.now.Add(5 * time.Minute)
	for _, who := range []string{"ada", "bob"} { // somebody has what they have to call with
		p.flood(who, p.now)
	}
	began, unlocks := p.now, 0
	r := p.openRequest()
	p.persist(&unlocks, "bob-totp", func(proof breakglass.Proof) error {
		_, err := p.door.Approve(p.Context(), As("bob"), r, proof, p.now)
		return err
	})
	p.persist(&unlocks, "ada-totp", func(proof breakglass.Proof) error {
		_, err := p.door.Use(p.Context(), As("ada"), r, proof, p.now)
		return err
	})
	p.look("")
	if waited := p.now.Sub(began); waited > 2*time.Hour+10*time.Minute || p.facts[r].used != 1 {
		p.Fatalf("the honest pair waited %v", waited)
	}
}

// openRequest asks for ada, who ends her others if she has too many.
func (p *play) openRequest() string {
	p.Helper()
	p.door.Rules.Approve, p.door.Rules.Use = 24*time.Hour, 24*time.Hour
	for {
		r, err := p.door.Ask(p.Context(), As("ada"), Ask("admin", 1_000_000), p.now)
		if err == nil {
			return r.ID
		}
		refusal := (*breakglass.Refusal)(nil)
		switch {
		case errors.As(err, &refusal) && refusal.Reason == breakglass.TooOften:
			p.now = refusal.Until
			continue
		case refusal == nil || refusal.Reason != breakglass.TooMany:
			p.Fatal(err)
		}
		all, err := p.door.Open(p.Context(), As("ada"))
		for _, o := range all {
			if o.Person == "ada" && o.State != breakglass.Lost { // which takes no place
				err = errors.Join(err, p.door.End(p.Context(), As("ada"), o.ID, p.now))
			}
		}
		if err != nil {
			p.Fatal(err)
		}
	}
}

// persist tries until it is done, and does what the refusals say.
func (p *play) persist(unlocks *int, device string, try func(breakglass.Proof) error) {
	p.Helper()
	var told []string
	pair := false
	for range 8 {
		proof := p.cast.Now(device, p.now)
		if pair {
			proof = p.cast.Pair(device, p.now)
		}
		err := try(proof)
		told = append(told, fmt.Sprint(p.now.Format(time.TimeOnly), " ", err))
		if err == nil {
			return
		}
		refusal := (*breakglass.Refusal)(nil)
		if !errors.As(err, &refusal) {
			p.Fatal(err)
		}
		switch {
		case refusal.Reason == breakglass.TooOften:
			p.now = refusal.Until
		case refusal.Reason == breakglass.Wait && refusal.Until.Sub(p.now) <= time.Hour:
			p.now = refusal.Until
		case refusal.Reason == breakglass.Wait, refusal.Reason == breakglass.Locked:
			// Locked, or a clock that was a day ahead has counted a guess: two unlock, by
			// sheets, which nothing locks.
			p.unlock(device, int64(10+*unlocks))
			*unlocks++
		case refusal.Reason == breakglass.NotAccepted:
			// Used a moment ago, or a clock that was off has moved the device's window.
			p.now, pair = p.now.Add(2*time.Minute), true
		default:
			p.Fatalf("an honest person is told %v", err)
		}
	}
	p.Fatalf("the honest pair does not get in: %q", told)
}

func (p *play) unlock(device string, sheet int64) {
	p.Helper()
	for _, who := range []string{"cyd", "dan"} {
		unlocked, err := p.door.Unlock(p.Context(), As(who), device, p.cast.Proof(who+"-sheet", sheet), p.now)
		if refusal := (*breakglass.Refusal)(nil); errors.As(err, &refusal) && refusal.Reason == breakglass.SamePerson {
			continue // begun before
		}
		if err != nil {
			p.Fatalf("%s unlocks %s: %v", who, device, err)
		}
		if unlocked {
			return
		}
	}
}

// settle ends the play: every attempt is answered, every notice published.
func (p *play) settle() {
	p.Helper()
	p.tend()
	owed, err := p.door.Owed(p.Context(), p.now)
	for _, c := range owed {
		err = errors.Join(err, p.door.Closed(p.Context(), c, p.now))
	}
	if err != nil {
		p.Fatal(err)
	}
	p.look("")
	for id, f := range p.facts {
		if f.owing && !p.closed[id] {
			p.Fatalf("request %s was granted and its row damaged, and AWS is not told to refuse it", id)
		}
	}
	desk := ""
	err = p.store.Transact(p.Context(), func(tx breakglass.Tx) error {
		row, err := tx.Get("desk#door")
		desk = string(row)
		return err
	})
	if err != nil || strings.Contains(desk, `"Pending":[{`) || strings.Contains(desk, `"Open":[{`) || strings.Contains(desk, `"Held":[{`) || strings.Contains(desk, `"Owed":[{`) {
		p.Fatalf("something is not answered or not over: %s, %v", desk, err)
	}
	for {
		all, err := p.door.Notices(p.Context(), 50)
		if err != nil {
			p.Fatal(err)
		}
		if n := len(p.lines); len(all) == 0 {
			if p.tend(); len(p.lines) == n {
				break
			}
		}
		for _, n := range all {
			p.published[n.ID] = true
			if err := p.door.Published(p.Context(), n); err != nil {
				p.Fatal(err)
			}
		}
	}
	for i := range p.lines {
		if id := fmt.Sprint("main-", i+1); !p.published[id] && !p.told[fmt.Sprintf("notice#%012d", i+1)] {
			p.Errorf("notice %s was lost", id)
		}
	}
	Entries(p.T, p.store)
}

// tend ends all that time ends, three days later.
func (p *play) tend() {
	p.Helper()
	for range 40 {
		if err := p.door.Tend(p.Context(), p.now.Add(72*time.Hour)); err != nil {
			p.Fatal(err)
		}
	}
	p.look("")
}
