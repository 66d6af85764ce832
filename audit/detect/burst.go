package detect

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"mfawatch/audit/signin"
)

// maxEvents bounds the event ids of one Detection.
const maxEvents = 20

// reminder is how long a burst that never pauses stays silent after it was
// reported.
const reminder = 24 * time.Hour

// mark is what is remembered of an event. of is the name that a check tells
// apart within one key, or "".
type mark struct {
	at     time.Time
	id, of string
}

func markOf(e *signin.Event) mark { return mark{at: e.Time, id: e.ID} }

// insert keeps marks ordered by time, whatever the order they come in, and each
// event once: CloudTrail delivers some twice.
func insert(marks []mark, m mark) []mark {
	if m.id != "" && slices.ContainsFunc(marks, func(o mark) bool { return o.id == m.id }) {
		return marks
	}
	i, _ := slices.BinarySearchFunc(marks, m, func(a, b mark) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id))
	})
	return slices.Insert(marks, i, m)
}

// insertName is insert, with the newest mark of each name only.
func insertName(marks []mark, m mark) []mark {
	i := slices.IndexFunc(marks, func(o mark) bool { return o.of == m.of })
	switch {
	case i < 0:
		return insert(marks, m)
	case m.at.After(marks[i].at):
		return insert(slices.Delete(marks, i, i+1), m)
	}
	return marks
}

// newest keeps the n newest.
func newest(marks []mark, n int) []mark { return marks[max(0, len(marks)-n):] }

// between keeps those from t to u, both included.
func between(marks []mark, t, u time.Time) []mark {
	var in []mark
	for _, m := range marks {
		if !m.at.Before(t) && !m.at.After(u) {
			in = append(in, m)
		}
	}
	return in
}

// after keeps those later than t.
func after(marks []mark, t time.Time) []mark {
	return slices.DeleteFunc(marks, func(m mark) bool { return !m.at.After(t) })
}

// ids are the events of the marks; of many, the last ones.
func ids(marks []mark) []string {
	events := []string{}
	for _, m := range newest(marks, maxEvents) {
		if m.id != "" {
			events = append(events, m.id)
		}
	}
	return events
}

// burst counts marks within a window, reports once when there are enough, and
// then stays silent until the burst has paused for longer than the window, or
// has gone on for a day.
type burst struct {
	marks []mark
	fired time.Time // zero, long ago: not silent
	last  time.Time // the newest mark since
}

// add gives the marks of a burst that became full with m, else nil.
func (b *burst) add(m mark, c Check, insert func([]mark, mark) []mark) []mark {
	if b.silent(m.at, c.Window) {
		b.last = latest(b.last, m.at)
		return nil
	}
	b.marks = insert(b.marks, m)
	end := b.marks[len(b.marks)-1].at
	b.marks = newest(between(b.marks, end.Add(-c.Window), end), c.Threshold)
	if len(b.marks) < c.Threshold {
		return nil
	}
	full := b.marks
	*b = burst{fired: end, last: end}
	return full
}

func (b *burst) silent(at time.Time, window time.Duration) bool {
	return at.Sub(b.last) <= window && at.Sub(b.fired) < reminder
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// span writes a window as a person says it.
func span(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return d.String()
}
