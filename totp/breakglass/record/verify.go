package record

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
)

// Fault is in which way a chain is broken.
type Fault string

// The faults of chains.
const (
	Unreadable Fault = "unreadable" // no entry, or not as the canonical form says
	OtherDoor  Fault = "other-door"
	Missing    Fault = "missing"
	Reordered  Fault = "reordered" // also one that is there twice
	Edited     Fault = "edited"
	Truncated  Fault = "truncated" // a head says that there was more
	Forked     Fault = "forked"    // heads of the record's key that do not agree: the door's table was restored, or written anew
	ForeignKey Fault = "foreign-key"
	Forged     Fault = "forged-head"
)

// Broken is the first broken link of a record.
type Broken struct {
	Position int   // of the line, from 1; one after the last where the rest is missing
	Seq      int64 // the number of the entry that is not what it was, or not there; of a head, the entry that it ends with
	Fault    Fault
	Detail   string
}

func (b *Broken) Error() string {
	return fmt.Sprintf("line %d: entry %d: %s: %s", b.Position, b.Seq, b.Fault, b.Detail)
}

// Report is what a record that holds together says of itself.
type Report struct {
	Entries int64
	Hash    string // of the last
	Signed  int64  // entries up to this one are vouched for by a head; 0 is none
}

// Verify walks a record from its first entry, and looks at each head where the entry
// is that it ends with. Its error is a *Broken.
func Verify(door string, lines [][]byte, heads []Signed, keys []ed25519.PublicKey) (Report, error) {
	w := walk{door: door, lines: lines, keys: keys, report: Report{Hash: Start}}
	b := w.all(heads)
	switch {
	case w.other != nil && w.report.Signed >= w.other.Seq: // a head vouches for what is there
		w.other.Fault, w.other.Detail = Forked, fmt.Sprintf("the record's key signed what is there, and another entry %d too: the door's table was restored to an earlier time, or written anew", w.other.Seq)
		return w.before, w.other
	case w.other != nil:
		return w.before, w.other
	case b != nil:
		return w.report, b
	}
	return w.report, nil
}

type walk struct {
	door   string
	lines  [][]byte
	keys   []ed25519.PublicKey
	report Report
	other  *Broken // the first head that ends with another entry than is there
	before Report  // when it was found
}

// all walks until it finds what is broken but by heads that do not agree.
func (w *walk) all(heads []Signed) *Broken {
	heads = slices.Clone(heads)
	slices.SortStableFunc(heads, func(a, b Signed) int { return cmp.Compare(a.Seq, b.Seq) })
	for i := range w.lines {
		if b := w.entry(i); b != nil {
			return b
		}
		for len(heads) > 0 && heads[0].Seq <= w.report.Entries {
			if b := w.head(heads[0]); b != nil {
				return b
			}
			heads = heads[1:]
		}
	}
	for _, h := range heads {
		if b := w.beyond(h); b != nil {
			return b
		}
	}
	return nil
}

// entry is the link between a line and what was before it.
func (w *walk) entry(i int) *Broken {
	want := int64(i) + 1
	e, err := Parse(w.lines[i])
	switch {
	case err != nil:
		return &Broken{i + 1, want, Unreadable, err.Error()}
	case e.Door != w.door:
		return &Broken{i + 1, want, OtherDoor, fmt.Sprintf("the entry is of door %q and not of %q", e.Door, w.door)}
	case e.Seq < want:
		return &Broken{i + 1, want, Reordered, fmt.Sprintf("entry %d stands there, whose place is before", e.Seq)}
	case e.Seq > want && w.later(i, want):
		return &Broken{i + 1, want, Reordered, fmt.Sprintf("entry %d stands there, and entry %d later", e.Seq, want)}
	case e.Seq > want:
		return &Broken{i + 1, want, Missing, fmt.Sprintf("after entry %d comes entry %d", want-1, e.Seq)}
	case e.Prev != w.report.Hash:
		return w.blame(i, want)
	}
	w.report.Entries, w.report.Hash = want, Hash(w.lines[i])
	return nil
}

func (w *walk) later(i int, seq int64) bool {
	return slices.ContainsFunc(w.lines[i+1:], func(line []byte) bool { e, err := Parse(line); return err == nil && e.Seq == seq })
}

// blame tells which of the two ends of a link was edited. Where a head vouches for
// the first it was the second.
func (w *walk) blame(i int, want int64) *Broken {
	if want == 1 || w.report.Signed == want-1 {
		return &Broken{i + 1, want, Edited, "it does not follow the entry before it, which is as it was"}
	}
	return &Broken{i, want - 1, Edited, fmt.Sprintf("entry %d follows another than this: this one was edited, or that one's prev", want)}
}

// head looks at a head that ends with the last entry that was walked.
func (w *walk) head(h Signed) *Broken {
	at := int(w.report.Entries)
	if b := w.signature(h, at); b != nil {
		return b
	}
	switch {
	case h.Hash == w.report.Hash:
		w.report.Signed = h.Seq
	case w.other == nil:
		w.before = w.report
		w.other = &Broken{at, h.Seq, Edited, fmt.Sprintf("a signed head ends with another entry %d: this one, or some after entry %d and all hashes since, were written anew, or the door's table was restored", h.Seq, w.report.Signed)}
	}
	return nil
}

// beyond looks at a head that ends with an entry that is not there.
func (w *walk) beyond(h Signed) *Broken {
	at := len(w.lines) + 1
	if b := w.signature(h, at); b != nil {
		return b
	}
	return &Broken{at, int64(at), Truncated, fmt.Sprintf("a signed head says that there were %d entries", h.Seq)}
}

func (w *walk) signature(h Signed, at int) *Broken {
	err := h.signedBy(w.keys)
	switch {
	case errors.Is(err, errForeign):
		return &Broken{at, h.Seq, ForeignKey, "the head: " + err.Error()}
	case err != nil:
		return &Broken{at, h.Seq, Forged, "the head: " + err.Error()}
	case h.Door != w.door:
		return &Broken{at, h.Seq, OtherDoor, fmt.Sprintf("a head is of door %q", h.Door)}
	case h.Seq < 1:
		return &Broken{at, h.Seq, Forged, "a head ends with an entry that no record has"}
	}
	return nil
}
