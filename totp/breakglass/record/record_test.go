package record_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass/record"
)

var start = time.Date(2026, 11, 26, 3, 0, 0, 0, time.UTC)

func key(n byte) record.Local {
	return record.Local(ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+n)), 32))))
}

func entry(what record.What) record.Entry {
	return record.Entry{
		Door: "main", At: start, Actor: "arn:aws:iam::111122223333:user/ada", Person: "ada", What: what, Request: "R1", Outcome: record.Done,
		Facts: map[record.Fact]string{record.Role: "admin", record.Why: `prod says "no" \o/ ü`},
	}
}

// chain makes n entries of a door.
func chain(t *testing.T, door string, n int) (lines [][]byte, hashes []string) {
	t.Helper()
	prev := record.Start
	for i := range n {
		e := entry(record.Asked)
		e.Door, e.Request = door, fmt.Sprint("R", i)
		line, hash, err := record.Append(int64(i), prev, e)
		if err != nil {
			t.Fatal(err)
		}
		lines, hashes, prev = append(lines, line), append(hashes, hash), hash
	}
	return lines, hashes
}

func sign(t *testing.T, k record.Local, door string, seq int, hash string) record.Signed {
	t.Helper()
	s, err := record.Sign(t.Context(), k, door, int64(seq), hash, start)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCanonical(t *testing.T) {
	line, hash, err := record.Append(0, record.Start, entry(record.Asked))
	want := `{"actor":"arn:aws:iam::111122223333:user/ada","at":"2026-11-26T03:00:00.000Z","door":"main","facts":{"role":"admin","why":"prod says \"no\" \\o/ ü"},"outcome":"done","person":"ada","prev":"` +
		strings.Repeat("0", 64) + `","reason":"","request":"R1","seq":1,"what":"asked"}`
	if err != nil || string(line) != want {
		t.Errorf("the first entry is\n%s, %v, want\n%s", line, err, want)
	}
	if hash != record.Hash([]byte(want)) || len(hash) != 64 {
		t.Errorf("its hash is %s", hash)
	}
	e, err := record.Parse(line)
	if err != nil || e.Facts[record.Why] != entry("").Facts[record.Why] || !e.At.Equal(start) {
		t.Errorf("Parse = %+v, %v", e, err)
	}
}

func TestWhatMayNotStandInAnEntry(t *testing.T) {
	for what, change := range map[string]func(*record.Entry){
		"a control character":                  func(e *record.Entry) { e.Reason = "a\nb" },
		"a character that turns the direction": func(e *record.Entry) { e.Facts[record.Why] = "a\u202eb" },
		"a line separator":                     func(e *record.Entry) { e.Person = "\u2028" },
		"no UTF-8":                             func(e *record.Entry) { e.Request = "\xff" },
		"a fact without a name":                func(e *record.Entry) { e.Facts["code"] = "x" },
		"a step without a name":                func(e *record.Entry) { e.What = "opened" },
		"an outcome":                           func(e *record.Entry) { e.Outcome = "" },
	} {
		e := entry(record.Used)
		change(&e)
		if line, _, err := record.Append(3, record.Start, e); err == nil || line != nil {
			t.Errorf("%s is kept: %s", what, line)
		}
	}
	if _, _, err := record.Append(-1, record.Start, entry(record.Used)); err == nil {
		t.Error("entry 0 is kept")
	}
	if _, _, err := record.Append(1<<53, record.Start, entry(record.Used)); err == nil {
		t.Error("an entry beyond 2^53 is kept")
	}
}

func TestOtherFormsAreNoEntries(t *testing.T) {
	lines, _ := chain(t, "main", 1)
	good := string(lines[0])
	for what, text := range map[string]string{
		"a space": strings.Replace(good, `,"at"`, `, "at"`, 1), "an escape": strings.Replace(good, "ü", `\u00fc`, 1), "a member more": strings.Replace(good, "{", `{"a":"",`, 1),
		"a member twice": strings.Replace(good, `"seq":1`, `"seq":1,"seq":1`, 1), "a member less": strings.Replace(good, `"reason":"",`, "", 1),
		"a float": strings.Replace(good, `"seq":1`, `"seq":1.0`, 1), "a time": strings.Replace(good, ".000Z", "Z", 1), "nothing": "", "a number": "1", "two": good + good,
	} {
		if e, err := record.Parse([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", what, e)
		}
	}
}

// broken verifies lines and wants a fault at an entry.
func broken(t *testing.T, what string, lines [][]byte, heads []record.Signed, position int, seq int64, fault record.Fault) {
	t.Helper()
	_, err := record.Verify("main", lines, heads, []ed25519.PublicKey{key(0).Key()})
	b := (*record.Broken)(nil)
	if !errors.As(err, &b) || b.Position != position || b.Seq != seq || b.Fault != fault || b.Detail == "" {
		t.Errorf("%s: %v, want line %d, entry %d, %s", what, err, position, seq, fault)
	}
}

func TestAWholeRecord(t *testing.T) {
	lines, hashes := chain(t, "main", 6)
	heads := []record.Signed{sign(t, key(0), "main", 5, hashes[4]), sign(t, key(0), "main", 2, hashes[1]), sign(t, key(1), "main", 2, hashes[1])}
	r, err := record.Verify("main", lines, heads, []ed25519.PublicKey{key(1).Key(), key(0).Key()})
	if want := (record.Report{Entries: 6, Hash: hashes[5], Signed: 5}); err != nil || r != want {
		t.Errorf("Verify = %+v, %v, want %+v", r, err, want)
	}
	if r, err := record.Verify("main", nil, nil, nil); err != nil || r != (record.Report{Hash: record.Start}) {
		t.Errorf("an empty record = %+v, %v", r, err)
	}
}

func edited(line []byte) []byte { return []byte(strings.Replace(string(line), `"ada"`, `"eve"`, 1)) }

func TestTheFirstBrokenLinkIsNamed(t *testing.T) {
	lines, hashes := chain(t, "main", 6)
	head := func(seq int) record.Signed { return sign(t, key(0), "main", seq, hashes[seq-1]) }
	with := func(change func([][]byte) [][]byte) [][]byte { return change(slices.Clone(lines)) }
	broken(t, "edited in the middle", with(func(l [][]byte) [][]byte { l[2] = edited(l[2]); return l }), nil, 3, 3, record.Edited)
	broken(t, "edited after a head", with(func(l [][]byte) [][]byte { l[2] = edited(l[2]); return l }), []record.Signed{head(2)}, 3, 3, record.Edited)
	broken(t, "edited at a head", with(func(l [][]byte) [][]byte { l[5] = edited(l[5]); return l }), []record.Signed{head(6)}, 6, 6, record.Edited)
	broken(t, "prev edited after a head", with(func(l [][]byte) [][]byte {
		l[3] = []byte(strings.Replace(string(l[3]), hashes[2], hashes[1], 1))
		return l
	}), []record.Signed{head(3)}, 4, 4, record.Edited)
	broken(t, "the first does not begin", with(func(l [][]byte) [][]byte {
		l[0] = []byte(strings.Replace(string(l[0]), record.Start, hashes[2], 1))
		return l
	}), nil, 1, 1, record.Edited)
	broken(t, "missing", with(func(l [][]byte) [][]byte { return slices.Delete(l, 2, 4) }), nil, 3, 3, record.Missing)
	broken(t, "missing at the start", lines[1:], nil, 1, 1, record.Missing)
	broken(t, "reordered", with(func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l }), nil, 2, 2, record.Reordered)
	broken(t, "twice", with(func(l [][]byte) [][]byte { return slices.Insert(l, 2, l[1]) }), nil, 3, 3, record.Reordered)
	broken(t, "truncated", lines[:4], []record.Signed{head(2), head(6)}, 5, 5, record.Truncated)
	broken(t, "all gone", nil, []record.Signed{head(1)}, 1, 1, record.Truncated)
	broken(t, "no entry", with(func(l [][]byte) [][]byte { l[4] = []byte("{}"); return l }), nil, 5, 5, record.Unreadable)
	broken(t, "a foreign key", lines, []record.Signed{head(2), sign(t, key(1), "main", 4, hashes[3])}, 4, 4, record.ForeignKey)
	broken(t, "a foreign key at the end", lines, []record.Signed{sign(t, key(1), "main", 9, hashes[3])}, 7, 9, record.ForeignKey)
	forged := head(3)
	forged.Hash = hashes[1]
	broken(t, "an edited head", lines, []record.Signed{forged}, 3, 3, record.Forged)
	broken(t, "a head of nothing", lines, []record.Signed{sign(t, key(0), "main", 0+1, hashes[0]), func() record.Signed {
		s, err := record.Sign(t.Context(), key(0), "main", -1+2, hashes[0], start)
		if err != nil {
			t.Fatal(err)
		}
		s.Seq = 0
		return s
	}()}, 1, 0, record.Forged)
	broken(t, "a signed head of nothing", lines, []record.Signed{sign(t, key(0), "main", 0, record.Start)}, 1, 0, record.Forged)
	broken(t, "a signed head of nothing at all", nil, []record.Signed{sign(t, key(0), "main", 0, record.Start)}, 1, 0, record.Forged)
	broken(t, "another door's head", lines, []record.Signed{sign(t, key(0), "other", 3, hashes[2])}, 3, 3, record.OtherDoor)
	other, _ := chain(t, "other", 6)
	broken(t, "another door's entries", other, nil, 1, 1, record.OtherDoor)
}

// TestWrittenAnew: who may write everything can make a chain that holds together; the
// first head that does not fit shows it, and says from where on.
func TestWrittenAnew(t *testing.T) {
	_, hashes := chain(t, "main", 6)
	prev, lines := record.Start, [][]byte(nil)
	for i := range 6 {
		e := entry(record.Asked)
		e.Request = fmt.Sprint("R", i)
		if i == 3 {
			e.Person = "eve"
		}
		line, hash, err := record.Append(int64(i), prev, e)
		if err != nil {
			t.Fatal(err)
		}
		lines, prev = append(lines, line), hash
	}
	if _, err := record.Verify("main", lines, nil, nil); err != nil {
		t.Errorf("a chain that was written anew does not hold together: %v", err)
	}
	heads := []record.Signed{sign(t, key(0), "main", 2, hashes[1]), sign(t, key(0), "main", 5, hashes[4])}
	broken(t, "written anew", lines, heads, 5, 5, record.Edited)
	_, err := record.Verify("main", lines, heads, []ed25519.PublicKey{key(0).Key()})
	if err == nil || !strings.Contains(err.Error(), "after entry 2") {
		t.Errorf("%v, want that entry 2 is the last that is vouched for", err)
	}
}

// TestEveryBitCounts flips every bit of a signed record: each is found.
func TestEveryBitCounts(t *testing.T) {
	lines, hashes := chain(t, "main", 3)
	heads := []record.Signed{sign(t, key(0), "main", 3, hashes[2])}
	for i := range lines {
		for at := range lines[i] {
			for bit := range 8 {
				changed := slices.Clone(lines)
				changed[i] = slices.Clone(lines[i])
				changed[i][at] ^= 1 << bit
				if _, err := record.Verify("main", changed, heads, []ed25519.PublicKey{key(0).Key()}); err == nil {
					t.Fatalf("bit %d of byte %d of line %d changes nothing", bit, at, i+1)
				}
			}
		}
	}
}

type signer struct {
	record.Local
	sign func() ([]byte, error)
}

func (s signer) Sign(context.Context, []byte) ([]byte, error) { return s.sign() }

func TestSigners(t *testing.T) {
	down := errors.New("down")
	if _, err := record.Sign(t.Context(), signer{key(0), func() ([]byte, error) { return nil, down }}, "main", 1, record.Start, start); !errors.Is(err, down) {
		t.Errorf("a signer that fails = %v", err)
	}
	if _, err := record.Sign(t.Context(), signer{key(0), func() ([]byte, error) { return make([]byte, 64), nil }}, "main", 1, record.Start, start); err == nil {
		t.Error("a signature of nobody is taken")
	}
}

func TestHeadLines(t *testing.T) {
	s := sign(t, key(0), "main", 7, record.Start)
	line, err := s.Line()
	if err != nil {
		t.Fatal(err)
	}
	again, err := record.ParseHead(line)
	if err != nil || again.Head != s.Head || !slices.Equal(again.Signature, s.Signature) {
		t.Errorf("ParseHead = %+v, %v, want %+v", again, err, s)
	}
	for _, bad := range []string{"", "{}", string(line) + " ", strings.Replace(string(line), "head/1", "head/2", 1), strings.Replace(string(line), `"seq":7`, `"seq":7.0`, 1), strings.Replace(string(line), "=", "", 1)} {
		if _, err := record.ParseHead([]byte(bad)); err == nil {
			t.Errorf("%q is read as a head", bad)
		}
	}
}

func TestDue(t *testing.T) {
	for _, c := range []struct {
		signed, seq int64
		after       time.Duration
		want        bool
	}{{0, 0, time.Hour * 99, false}, {3, 3, time.Hour * 99, false}, {3, 4, time.Hour - 1, false}, {3, 4, time.Hour, true}, {3, 12, 0, false}, {3, 13, 0, true}} {
		if got := record.Due(c.signed, c.seq, start, start.Add(c.after), 10, time.Hour); got != c.want {
			t.Errorf("Due(%d, %d, after %v) = %v", c.signed, c.seq, c.after, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	line, _, _ := record.Append(0, record.Start, entry(record.Asked))
	f.Add(line)
	f.Add([]byte(`{"seq":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := record.Parse(text)
		if err != nil {
			return
		}
		again, _, err := record.Append(e.Seq-1, e.Prev, e)
		if err != nil || string(again) != string(text) {
			t.Errorf("%q is an entry, and written again %q, %v", text, again, err)
		}
	})
}

// TestWords: the words of the record never change.
func TestWords(t *testing.T) {
	e := entry("")
	e.Facts = map[record.Fact]string{}
	for fact, word := range map[record.Fact]string{
		record.Role: "role", record.Why: "why", record.Ticket: "ticket", record.Seconds: "seconds", record.Until: "until", record.Device: "device", record.Grade: "grade",
		record.Approvers: "approvers", record.Wanted: "wanted", record.Alone: "alone", record.Drill: "drill", record.Recipient: "recipient", record.Session: "session",
		record.Target: "target", record.Count: "count", record.TookMS: "took_ms", record.Attempt: "attempt",
	} {
		if e.Facts[fact] = "x"; string(fact) != word {
			t.Errorf("fact %s is written %s", word, fact)
		}
	}
	for what, word := range map[record.What]string{
		record.Asked: "asked", record.Approved: "approved", record.Used: "used", record.Retried: "retried", record.Issued: "issued", record.NotIssued: "not-issued", record.Ended: "ended",
		record.Revoked: "revoked", record.Closed: "closed", record.Expired: "expired", record.Unlocked: "unlocked", record.Drilled: "drilled", record.Unanswered: "unanswered", record.Outsiders: "outsiders",
		record.Looked: "looked", record.Pretended: "pretended",
		record.Damaged: "damaged", record.Held: "held", record.Restored: "restored",
	} {
		for _, outcome := range []record.Outcome{"done", "refused", "failed"} {
			e.What, e.Outcome = what, outcome
			if _, _, err := record.Append(0, record.Start, e); err != nil || string(what) != word {
				t.Errorf("step %s is written %s, %v", word, what, err)
			}
		}
	}
	if got := strings.Join([]string{string(record.Done), string(record.Refused), string(record.Failed)}, " "); got != "done refused failed" {
		t.Error(got)
	}
	var faults []string
	for _, f := range []record.Fault{record.Unreadable, record.OtherDoor, record.Missing, record.Reordered, record.Edited, record.Truncated, record.ForeignKey, record.Forged} {
		faults = append(faults, string(f))
	}
	if got := strings.Join(faults, " "); got != "unreadable other-door missing reordered edited truncated foreign-key forged-head" {
		t.Error(got)
	}
	if got := len(record.KeyID(key(0).Key())); got != 32 {
		t.Errorf("a key is named by %d letters", got)
	}
}

// TestSentences: what is said of faults names the thing and where it is.
func TestSentences(t *testing.T) {
	lines, hashes := chain(t, "main", 4)
	head := func(door string, seq int) record.Signed { return sign(t, key(0), door, seq, hashes[min(seq, 4)-1]) }
	forged := head("main", 3)
	forged.Hash = hashes[0]
	swapped := [][]byte{lines[0], lines[2], lines[1], lines[3]}
	cut := [][]byte{lines[0], lines[3]}
	middle := [][]byte{lines[0], edited(lines[1]), lines[2], lines[3]}
	twice := [][]byte{lines[0], lines[1], lines[1]}
	for want, c := range map[string]struct {
		lines [][]byte
		heads []record.Signed
	}{
		"line 3: entry 3: reordered: entry 2 stands there, whose place is before":                                                                                                     {twice, nil},
		"line 2: entry 2: reordered: entry 3 stands there, and entry 2 later":                                                                                                         {swapped, nil},
		"line 2: entry 2: missing: after entry 1 comes entry 4":                                                                                                                       {cut, nil},
		"line 2: entry 2: edited: entry 3 follows another than this: this one was edited, or that one's prev":                                                                         {middle, nil},
		"line 3: entry 3: edited: it does not follow the entry before it, which is as it was":                                                                                         {[][]byte{lines[0], lines[1], []byte(strings.Replace(string(lines[2]), hashes[1], hashes[0], 1))}, []record.Signed{head("main", 2)}},
		"line 2: entry 2: edited: a signed head ends with another entry 2: this one, or some after entry 0 and all hashes since, were written anew, or the door's table was restored": {middle[:2], []record.Signed{head("main", 2)}},
		"line 5: entry 5: truncated: a signed head says that there were 9 entries":                                                                                                    {lines, []record.Signed{head("main", 9)}},
		"line 3: entry 3: forged-head: the head: its signature is not of its key: head or signature was edited":                                                                       {lines, []record.Signed{forged}},
		"line 3: entry 3: foreign-key: the head: it is signed by a key that is not one of the record's":                                                                               {lines, []record.Signed{sign(t, key(1), "main", 3, hashes[2])}},
		`line 3: entry 3: other-door: a head is of door "other"`:                                                                                                                      {lines, []record.Signed{head("other", 3)}},
		`line 1: entry 1: other-door: the entry is of door "other" and not of "main"`:                                                                                                 {func() [][]byte { l, _ := chain(t, "other", 1); return l }(), nil},
		"line 1: entry 0: forged-head: a head ends with an entry that no record has":                                                                                                  {nil, []record.Signed{sign(t, key(0), "main", 0, record.Start)}},
		"line 2: entry 2: unreadable: entry 2 is not in canonical form":                                                                                                               {[][]byte{lines[0], append(slices.Clone(lines[1]), ' ')}, nil},
		"line 1: entry 1: unreadable: the line is no entry: unexpected end of JSON input":                                                                                             {[][]byte{nil}, nil},
		"line 1: entry 1: unreadable: the entry's time is not written as 2006-01-02T15:04:05.000Z":                                                                                    {[][]byte{[]byte("{}")}, nil},
	} {
		_, err := record.Verify("main", c.lines, c.heads, []ed25519.PublicKey{key(0).Key()})
		if err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	bad := entry(record.Asked)
	bad.Reason = "\xff"
	worse := entry("x")
	unnamed := entry(record.Asked)
	unnamed.Facts = map[record.Fact]string{"x": ""}
	inside := entry(record.Asked)
	inside.Facts = map[record.Fact]string{record.Why: "a\u2028b"}
	for want, e := range map[string]record.Entry{
		"entry 1: reason: a text is not UTF-8":                                                    bad,
		`entry 1: "x" with outcome "done" is no step of the door`:                                 worse,
		`entry 1: "x" is no fact of the record`:                                                   unnamed,
		"entry 1: facts: why: a text has the character U+2028, which does not show: leave it out": inside,
	} {
		if _, _, err := record.Append(0, record.Start, e); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, _, err := record.Append(-1, record.Start, bad); err == nil || err.Error() != "entry 0: its number must be 1 to 2^53" {
		t.Error(err)
	}
	down := errors.New("down")
	for want, s := range map[string]record.Signer{
		"sign the head at entry 1: down":                                    signer{key(0), func() ([]byte, error) { return nil, down }},
		"sign the head at entry 1: the signer's signature is not its key's": signer{key(0), func() ([]byte, error) { return nil, nil }},
	} {
		if _, err := record.Sign(t.Context(), s, "main", 1, record.Start, start); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := record.Sign(t.Context(), key(0), "a\n", 1, record.Start, start); err == nil || !strings.HasPrefix(err.Error(), "head of a\n: door: ") {
		t.Error(err)
	}
}

// TestForked: where heads of the record's key do not agree, and one vouches for what is
// there, another record was made; where none does, what is there may be edited.
func TestForked(t *testing.T) {
	k := key(0)
	lines, hashes := chain(t, "main", 5)
	right := func(seq int) record.Signed { return sign(t, k, "main", seq, hashes[seq-1]) }
	other := func(seq int) record.Signed { return sign(t, k, "main", seq, record.Hash(fmt.Append(nil, seq))) }
	edited := slices.Clone(lines)
	edited[4] = lines[0]
	for what, c := range map[string]struct {
		lines          [][]byte
		heads          []record.Signed
		fault          record.Fault
		seq            int64
		entries, signs int64
	}{
		"then one that is right":           {lines, []record.Signed{other(3), right(5)}, record.Forked, 3, 3, 0},
		"of the same entry":                {lines, []record.Signed{other(3), right(3)}, record.Forked, 3, 3, 0},
		"of the same entry, the other way": {lines, []record.Signed{right(3), other(3)}, record.Forked, 3, 3, 3},
		"the first of two":                 {lines, []record.Signed{right(1), other(4), other(2), right(5)}, record.Forked, 2, 2, 1},
		"only one before is right":         {lines, []record.Signed{right(2), other(3)}, record.Edited, 3, 3, 2},
		"two before, and one is of before": {lines, []record.Signed{other(2), right(1)}, record.Edited, 2, 2, 1},
		"none is right":                    {lines, []record.Signed{other(3)}, record.Edited, 3, 3, 0},
		"and a line is broken":             {edited, []record.Signed{other(3)}, record.Edited, 3, 3, 0},
		"one right, then a broken line":    {edited, []record.Signed{other(3), right(4)}, record.Forked, 3, 3, 0},
		"and the end is cut off":           {lines[:4], []record.Signed{other(3), right(5)}, record.Edited, 3, 3, 0},
	} {
		r, err := record.Verify("main", c.lines, c.heads, []ed25519.PublicKey{k.Key()})
		b := (*record.Broken)(nil)
		if !errors.As(err, &b) || b.Fault != c.fault || b.Seq != c.seq || b.Position != int(c.seq) || r.Entries != c.entries || r.Signed != c.signs {
			t.Errorf("%s: %v, %+v, want %s at entry %d", what, err, r, c.fault, c.seq)
		}
	}
	_, err := record.Verify("main", lines, []record.Signed{other(3), right(5)}, []ed25519.PublicKey{k.Key()})
	if want := "line 3: entry 3: forked: the record's key signed what is there, and another entry 3 too: the door's table was restored to an earlier time, or written anew"; err == nil || err.Error() != want {
		t.Errorf("it says %v, want %s", err, want)
	}
}
