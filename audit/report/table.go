package report

import (
	"io"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
)

// page is a table being written.
type page struct {
	strings.Builder
	width int
	paint paint
}

func writeTable(w io.Writer, r scan.Result, o Options) error {
	p := &page{paint: painter(o.Color)}
	if o.Width > 0 {
		p.width = max(o.Width, narrowest)
	}
	p.verdicts(r.Verdicts)
	p.detections(r.Detections)
	p.notOpened(r.Damaged)
	p.damaged(r.Damaged)
	p.summary(r.Summary, r.Detections)
	_, err := io.WriteString(w, p.String())
	return err
}

// column is one column of the grid of verdicts.
type column struct {
	title string
	least int // columns that it must have to be of use
	rank  int // the highest goes first where there is no room; 0 stays
	cell  func(*signin.Verdict) string
}

// narrowest is what the columns that stay need: a terminal that is narrower
// wraps.
const narrowest = 30

const gap = "  "

// minutes is the width of a time without its seconds.
const minutes = len("2006-01-02 15:04")

// grid are the columns in the order they are read.
var grid = []column{
	{"OUTCOME", 7, 0, func(v *signin.Verdict) string { return outcomeText(v.Outcome) }},
	{"REASON", 24, 0, func(v *signin.Verdict) string { return string(v.Reason) }},
	{"TIME UTC", minutes, 1, func(v *signin.Verdict) string { return stamp(v.Time) }},
	{"ACCOUNT", 12, 2, func(v *signin.Verdict) string { return plain(v.Account) }},
	{"WHO", 12, 0, func(v *signin.Verdict) string { return who(v.Principal) }},
	{"FROM", 15, 3, func(v *signin.Verdict) string { return plain(v.SourceIP) }},
	{"REGION", 14, 4, func(v *signin.Verdict) string { return plain(v.Region) }},
	{"SEEN", 4, 5, func(v *signin.Verdict) string { return strconv.Itoa(v.Seen) }},
	{"DETAIL", 20, 6, func(v *signin.Verdict) string { return plain(v.Detail) }},
}

// outcomeText is an outcome in the width of a column.
func outcomeText(o audit.Outcome) string {
	if o == audit.NotApplicable {
		return "n/a"
	}
	return o.String()
}

func (p *page) verdicts(vs []signin.Verdict) {
	if len(vs) == 0 {
		return
	}
	columns, widths := layout(vs, p.width)
	var titles []string
	for i, c := range columns {
		titles = append(titles, fit(c.title, widths[i]))
	}
	p.row(titles, func(i int, s string) string { return p.paint.title(s) })
	for i := range vs {
		v := &vs[i]
		var cells []string
		for j, c := range columns {
			text := c.cell(v)
			if c.least == minutes && widths[j] == minutes && !v.Time.IsZero() {
				text = text[:minutes]
			}
			if c.title == "WHO" {
				text = person(text, widths[j])
			}
			cells = append(cells, fit(text, widths[j]))
		}
		p.row(cells, func(j int, s string) string {
			if columns[j].title == "OUTCOME" {
				return p.paint.outcome(v.Outcome, s)
			}
			return s
		})
	}
	p.WriteString("\n")
}

// person shortens "role/session" to "…/session" where it does not fit: of the
// two the session says who it was.
func person(name string, width int) string {
	i := strings.LastIndexByte(name, '/')
	if i < 0 || ansi.StringWidth(name) <= width {
		return name
	}
	return "…" + name[i:]
}

// row writes cells, styled one by one so that no style reaches over blanks.
func (p *page) row(cells []string, style func(i int, s string) string) {
	var b strings.Builder
	for i, c := range cells {
		if i == len(cells)-1 {
			c = strings.TrimRight(c, " ")
		}
		text := strings.TrimRight(c, " ")
		b.WriteString(style(i, text) + c[len(text):])
		if i < len(cells)-1 {
			b.WriteString(gap)
		}
	}
	p.WriteString(strings.TrimRight(b.String(), " ") + "\n")
}

// layout chooses the columns that have room in width and how wide each is: what
// it must have, and of the room that is left who it was comes first.
func layout(vs []signin.Verdict, width int) ([]column, []int) {
	columns, needs := needed(vs)
	if width == 0 {
		return columns, needs
	}
	columns, needs = afford(columns, needs, width)
	widths := make([]int, len(columns))
	room := width - len(gap)*(len(columns)-1)
	for i, c := range columns {
		widths[i] = min(c.least, needs[i])
		room -= widths[i]
	}
	for i, c := range columns { // only on a terminal narrower than 47
		if c.title == "REASON" && room < 0 {
			widths[i], room = widths[i]+room, 0
		}
	}
	for _, first := range []string{"WHO", ""} {
		for i, c := range columns {
			if first == "" || c.title == first {
				more := c.more(needs[i]-widths[i], room)
				widths[i], room = widths[i]+more, room-more
			}
		}
	}
	return columns, widths
}

// more is how much of the room a column takes of what it wants. A time is
// shown to the second or to the minute, and not in between.
func (c column) more(want, room int) int {
	if c.least == minutes && want > room {
		return 0
	}
	return min(want, room)
}

// needed are the columns that say something and the width each would like.
func needed(vs []signin.Verdict) (columns []column, needs []int) {
	for _, c := range grid {
		need, some := 0, false
		for i := range vs {
			text := c.cell(&vs[i])
			need = max(need, ansi.StringWidth(text))
			some = some || text != "" && (c.title != "SEEN" || text != "1")
		}
		if some {
			columns, needs = append(columns, c), append(needs, max(need, len(c.title)))
		}
	}
	return columns, needs
}

// afford leaves out columns, the dispensable first, until the rest has room.
func afford(columns []column, needs []int, width int) ([]column, []int) {
	for {
		total, worst := len(gap)*(len(columns)-1), 0
		for i, c := range columns {
			total += min(c.least, needs[i])
			if c.rank > columns[worst].rank {
				worst = i
			}
		}
		if total <= width || columns[worst].rank == 0 {
			return columns, needs
		}
		columns = append(columns[:worst:worst], columns[worst+1:]...)
		needs = append(needs[:worst:worst], needs[worst+1:]...)
	}
}

func (p *page) detections(ds []detect.Detection) {
	if len(ds) == 0 {
		return
	}
	p.heading("DETECTIONS")
	for _, d := range ds {
		head := "  " + fit(d.Severity.String(), 8) + "  " + plain(d.ID)
		facts := []string{stamp(d.Time), plain(d.Account), who(d.Principal)}
		if d.SourceIP != "" {
			facts = append(facts, "from "+plain(d.SourceIP))
		}
		p.WriteString(p.paint.severity(d.Severity, p.cut(head)) + "\n")
		p.WriteString(wrap(strings.Join(facts, "  "), p.width, "            "))
		if d.Detail != "" {
			p.WriteString(wrap(plain(d.Detail), p.width, "            "))
		}
	}
	p.WriteString("\n")
}

// notOpened lists what is no damaged file: none of that name, or a Region or a
// bucket that could not be asked.
func (p *page) notOpened(ds []scan.DamagedFile) {
	p.unread("NOT OPENED", ds, true)
}

func (p *page) damaged(ds []scan.DamagedFile) {
	p.unread("DAMAGED FILES", ds, false)
}

// unread shows a path whole, however long: somebody has to find the file.
func (p *page) unread(title string, all []scan.DamagedFile, unopened bool) {
	var ds []scan.DamagedFile
	for _, d := range all {
		if d.Unopened == unopened {
			ds = append(ds, d)
		}
	}
	if len(ds) == 0 {
		return
	}
	p.heading(title)
	for i, d := range ds {
		p.WriteString("  " + plain(d.Path) + "\n")
		if i+1 == len(ds) || !sameButPlace(d, ds[i+1]) {
			p.WriteString(wrap(damageText(d), p.width, "    "))
		}
	}
	p.WriteString("\n")
}

// sameButPlace tells two Regions or buckets that could not be asked for the same
// reason, which is said below the last of them.
func sameButPlace(a, b scan.DamagedFile) bool {
	of := func(d scan.DamagedFile) (string, bool) {
		_, place, is := strings.Cut(d.Path, "://")
		return strings.ReplaceAll(d.Reason, place, ""), is && d.Unopened
	}
	one, isPlace := of(a)
	other, areBoth := of(b)
	return isPlace && areBoth && one == other
}

func damageText(d scan.DamagedFile) string {
	text := plain(d.Reason)
	switch {
	case d.Unopened:
		return text
	case d.Offset == 0 && d.Records == 0:
		return text + "; nothing of it could be judged"
	}
	text += " at byte " + strconv.FormatInt(d.Offset, 10) + " of its text; "
	switch d.Records {
	case 0:
		return text + "no record before it could be judged"
	case 1:
		return text + "the 1 record before it was judged"
	}
	return text + "the " + strconv.Itoa(d.Records) + " records before it were judged"
}

func (p *page) heading(s string) { p.WriteString(p.paint.title(s) + "\n") }

func (p *page) cut(s string) string {
	if p.width == 0 {
		return s
	}
	return cut(s, p.width)
}
