package config

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// distances reads an expression of EventBridge Scheduler (user guide, schedule
// types) and tells how far apart two of its runs are, at the least and at the most.
// One-time schedules, and those that end, are errors: an audit goes on.
func distances(expression string) (least, most time.Duration, err error) {
	kind, inner, _ := strings.Cut(strings.TrimSuffix(expression, ")"), "(")
	if kind == "rate" {
		d, err := rate(inner)
		return d, d, err
	}
	c, err := parseCron(inner)
	if err != nil {
		return 0, 0, err
	}
	return c.distances()
}

// rate reads what stands between rate's brackets: 12 hours.
func rate(text string) (time.Duration, error) {
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	words := strings.Split(text, " ")
	if len(words) != 2 {
		return 0, fmt.Errorf("rate(%s): write a number and a unit: rate(1 day), rate(12 hours)", text)
	}
	n, err := strconv.Atoi(words[0])
	if err != nil || n < 1 || n > 9999 || strconv.Itoa(n) != words[0] {
		return 0, fmt.Errorf("rate(%s): %q is no number from 1 to 9999", text, words[0])
	}
	one := strings.TrimSuffix(words[1], "s")
	unit, known := units[one]
	if !known {
		return 0, fmt.Errorf("rate(%s): %q is no unit; units are minutes, hours, days", text, words[1])
	}
	if many := words[1] != one; many != (n > 1) {
		return 0, fmt.Errorf("rate(%s): write %s, and one of it without an s", text, plural(n, one))
	}
	return time.Duration(n) * unit, nil
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}

// cron is a cron expression: bits for the numbers that are allowed.
type cron struct {
	minutes, hours, days, months, weekdays uint64 // weekdays: 1 is Sunday
	lastDay                                bool   // L as the day of the month
	nearest                                int    // 15W: the weekday nearest to the day
	lastWeekday                            int    // 6L: the last Friday
	nthWeekday, nth                        int    // 6#3: the third Friday
}

// column is one field of a cron expression.
type column struct {
	name     string
	min, max int
	names    []string // for min and on
}

// columns are the fields in their order, but for the year.
func columns() []column {
	return []column{
		{"minutes", 0, 59, nil},
		{"hours", 0, 23, nil},
		{"day of month", 1, 31, nil},
		{"month", 1, 12, []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
		{"day of week", 1, 7, []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
	}
}

func parseCron(text string) (cron, error) {
	f := strings.Split(text, " ")
	switch {
	case len(f) != 6 || slices.Contains(f, ""):
		return cron{}, fmt.Errorf("cron(%s) has %d fields, want six with single blanks between: minutes, hours, day of month, month, day of week, year", text, len(strings.Fields(text)))
	case f[5] != "*":
		return cron{}, fmt.Errorf("cron(%s): the year is %s: write *, an audit does not end", text, f[5])
	case (f[2] == "?") == (f[4] == "?"):
		return cron{}, fmt.Errorf("cron(%s): exactly one of day of month and day of week is ?, the other says which days", text)
	}
	var c cron
	for i, into := range []*uint64{&c.minutes, &c.hours, &c.days, &c.months, &c.weekdays} {
		if f[i] == "?" && (i == 2 || i == 4) || i == 2 && c.special(f[i]) || i == 4 && c.specialWeekday(f[i]) {
			continue
		}
		var err error
		if *into, err = columns()[i].read(f[i]); err != nil {
			return cron{}, fmt.Errorf("cron(%s): %w", text, err)
		}
	}
	return c, nil
}

// special reads the days of a month that have no number of their own.
func (c *cron) special(text string) bool {
	if text == "L" {
		c.lastDay = true
		return true
	}
	day, isNearest := strings.CutSuffix(text, "W")
	n, ok := columns()[2].number(day)
	if !isNearest || !ok {
		return false
	}
	c.nearest = n
	return true
}

// specialWeekday reads 6L, and 6#3. L alone is the week's last day.
func (c *cron) specialWeekday(text string) bool {
	if text == "L" {
		c.weekdays = 1 << 7
		return true
	}
	day, last := strings.CutSuffix(text, "L")
	number, nth, numbered := strings.Cut(text, "#")
	switch {
	case last:
		n, ok := columns()[4].number(day)
		c.lastWeekday = n
		return ok
	case numbered:
		n, ok := columns()[4].number(number)
		which, ok2 := column{min: 1, max: 5}.number(nth)
		c.nthWeekday, c.nth = n, which
		return ok && ok2
	}
	return false
}

// number reads a number or a name of the column.
func (c column) number(text string) (int, bool) {
	if i := slices.Index(c.names, strings.ToUpper(text)); i >= 0 {
		return c.min + i, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= c.min && n <= c.max && strings.Trim(text, "0123456789") == ""
}

// read reads a field: numbers, ranges, steps, and lists of those.
func (c column) read(text string) (uint64, error) {
	var set uint64
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		from, to, ok := c.span(span)
		by := 1
		if stepped {
			n, isNumber := column{min: 1, max: c.max}.number(step)
			by, ok = n, ok && isNumber
			if !strings.ContainsAny(span, "-*") {
				to = c.max
			}
		}
		if !ok || from > to {
			return 0, fmt.Errorf("%s: %s cannot be read; from %d to %d, with , - * and /", c.name, quote(part), c.min, c.max)
		}
		for n := from; n <= to; n += by {
			set |= 1 << n
		}
	}
	return set, nil
}

func (c column) span(text string) (from, to int, ok bool) {
	if text == "*" {
		return c.min, c.max, true
	}
	a, b, ranged := strings.Cut(text, "-")
	from, ok = c.number(a)
	if !ranged {
		return from, from, ok
	}
	to, ok2 := c.number(b)
	return from, to, ok && ok2
}

// distances goes through the 400 years after which the calendar repeats itself,
// weekdays included.
func (c cron) distances() (least, most time.Duration, err error) {
	times := c.times()
	first, last := -1, 0
	leastDays, mostDays := cycle, 0
	for n, d := range calendar() {
		if !c.runs(d) {
			continue
		}
		if first >= 0 {
			leastDays, mostDays = min(leastDays, n-last), max(mostDays, n-last)
		} else {
			first = n
		}
		last = n
	}
	if first < 0 {
		return 0, 0, errors.New("it never runs: no month has such a day")
	}
	around := cycle - last + first
	leastDays, mostDays = min(leastDays, around), max(mostDays, around)
	overnight := times[0] - times[len(times)-1]
	least, most = time.Duration(leastDays)*24*time.Hour+overnight, time.Duration(mostDays)*24*time.Hour+overnight
	for i := 1; i < len(times); i++ {
		least, most = min(least, times[i]-times[i-1]), max(most, times[i]-times[i-1])
	}
	return least, most, nil
}

// times are the times of a day.
func (c cron) times() []time.Duration {
	var all []time.Duration
	for hours := c.hours; hours != 0; hours &= hours - 1 {
		for minutes := c.minutes; minutes != 0; minutes &= minutes - 1 {
			all = append(all, time.Duration(bits.TrailingZeros64(hours))*time.Hour+time.Duration(bits.TrailingZeros64(minutes))*time.Minute)
		}
	}
	return all
}

// date is a day of the calendar. Its weekday is 1 on Sundays.
type date struct{ month, day, weekday, length int }

// cycle is how many days 400 years have.
const cycle = 146_097

// calendar counts the days from 1 January 2001, a Monday.
func calendar() func(yield func(int, date) bool) {
	return func(yield func(int, date) bool) {
		n := 0
		for year := 2001; year <= 2400; year++ {
			for month := 1; month <= 12; month++ {
				length := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
				for day := 1; day <= length; day++ {
					if !yield(n, date{month, day, (n+1)%7 + 1, length}) {
						return
					}
					n++
				}
			}
		}
	}
}

// runs tells whether there are runs on a day.
func (c cron) runs(d date) bool {
	switch {
	case c.months&(1<<d.month) == 0:
		return false
	case c.lastDay:
		return d.day == d.length
	case c.nearest > 0:
		return c.isNearest(d)
	case c.lastWeekday > 0:
		return d.weekday == c.lastWeekday && d.day+7 > d.length
	case c.nth > 0:
		return d.weekday == c.nthWeekday && (d.day-1)/7+1 == c.nth
	}
	return c.days&(1<<d.day) != 0 || c.weekdays&(1<<d.weekday) != 0
}

// isNearest tells the weekday that is nearest to a day of the month, within the
// month.
func (c cron) isNearest(d date) bool {
	if c.nearest > d.length {
		return false
	}
	weekday := (d.weekday-1+c.nearest-d.day+35)%7 + 1 // of the day itself
	day := c.nearest
	switch {
	case weekday == 7 && day > 1: // Saturday
		day--
	case weekday == 7:
		day += 2
	case weekday == 1 && day < d.length: // Sunday
		day++
	case weekday == 1:
		day -= 2
	}
	return d.day == day
}
