package corpus

import (
	"bytes"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"
)

// press makes one file after the other. Every file has its own random numbers,
// drawn from the seed and the file's place, so that a file does not depend on
// how much the one before consumed.
type press struct {
	spec              Spec
	sizes             random
	accounts          []*account
	regions           []string
	forms             *forms
	calls             *calls
	scenes            []scene
	decoys            []decoy
	assume, assumeMFA *call

	owed    int // sign-ins still to make, in millionths: rate times records so far, minus those made
	earlier map[*account][]copied

	text []byte
	gz   bytes.Buffer
	zip  *gzip.Writer
	m    Manifest
}

// copied is a sign-in that may be delivered once more, in a later file of the
// account.
type copied struct {
	record []byte
	file   int
}

// scribe is what the slots of a template read while one record is written.
type scribe struct {
	forms   *forms
	rand    random
	account *account
	region  string
	now     time.Time
	call    *call
	session *session
	person  *person
	failed  bool
	picked  string
}

// part is one record of a scene that is due in this file.
type part struct {
	line   line
	person *person
}

// maxRecords bounds a file: about 40 MB of JSON, below the 50 MB that
// CloudTrail allows itself.
const maxRecords = 23_500

// spread and tinySpread are the quantiles, in steps of 5 %, of how many records
// a file has: in hundredths of the median (log-normal, sigma 1.5), and in
// records.
func spread() []int {
	return []int{3, 9, 15, 21, 28, 36, 46, 56, 68, 83, 100, 121, 146, 178, 220, 275, 353, 473, 684, 1180, 4300}
}

func tinySpread() []int {
	return []int{1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 9, 11, 13, 17, 25, 60}
}

// size draws the number of records of the next file. The second file of a large
// archive is as large as files get, so that every large archive has such a file.
func (p *press) size() int {
	left := p.spec.Records - p.m.Records
	if !p.spec.Tiny && p.m.Files == 1 && left >= 8*maxRecords {
		return maxRecords
	}
	table, unit, scale := spread(), p.spec.MedianRecords, 100
	if p.spec.Tiny {
		table, unit, scale = tinySpread(), 1, 1
	}
	at := p.sizes.n((len(table) - 1) * 1000)
	i, within := at/1000, at%1000
	n := (table[i]*1000 + (table[i+1]-table[i])*within) * unit / scale / 1000
	return min(max(n, 1), maxRecords, left)
}

func (p *press) file() (path string, err error) {
	records := p.size()
	g := &scribe{forms: p.forms, rand: random{seed(p.spec.Seed, uint64(p.m.Files)+1000)}}
	g.account = p.accounts[g.rand.low(len(p.accounts))]
	g.region = p.regions[g.rand.n(len(p.regions))]
	delivered := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.rand.n(7*288)) * 5 * time.Minute)
	path = p.path(g, delivered)
	p.write(g, records, delivered.Add(-8*time.Minute))
	p.m.Files++
	if err = p.compress(); err != nil {
		return path, err
	}
	p.m.Bytes += int64(p.gz.Len())
	p.m.JSONBytes += int64(len(p.text))
	p.m.LargestFile = max(p.m.LargestFile, p.gz.Len())
	p.m.LargestJSON = max(p.m.LargestJSON, len(p.text))
	return path, nil
}

func (p *press) path(g *scribe, delivered time.Time) string {
	org := p.spec.Organization
	if org != "" {
		org += "/"
	}
	return fmt.Sprintf("AWSLogs/%s%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%s.json.gz",
		org, g.account.id, g.region, delivered.Format("2006/01/02"),
		g.account.id, g.region, delivered.Format("20060102T1504Z"), g.rand.chars(nil, alnum, 16))
}

func (p *press) compress() error {
	p.gz.Reset()
	p.zip.Reset(&p.gz)
	if _, err := p.zip.Write(p.text); err != nil {
		return err
	}
	return p.zip.Close()
}

// write fills text with the file's records. Sign-ins and what surrounds them
// keep their order and are spread evenly among the others.
func (p *press) write(g *scribe, records int, from time.Time) {
	sessions := make([]*session, 2+min(records/40, 200))
	g.now = from
	for i := range sessions {
		sessions[i] = g.newSession()
	}
	due := p.due(g, records)
	p.text = append(p.text[:0], `{"Records":[`...)
	for i := range records {
		if i > 0 {
			p.text = append(p.text, ',')
		}
		g.now = from.Add(time.Duration(i) * 6 * time.Minute / time.Duration(records)).Truncate(time.Second)
		if g.rand.n(records-i) < len(due) {
			p.sign(g, due[0])
			due = due[1:]
			continue
		}
		g.now = g.now.Add(-time.Duration(g.rand.n(20)) * time.Second) // the records of a file are not in order
		g.session = sessions[g.rand.low(len(sessions))]
		p.ordinary(g)
	}
	p.text = append(p.text, "]}"...)
	p.m.Records += records
}

// due draws the scenes of a file: as many as the rate asks for, as far as the
// file has room. A scene without room loses its beginning.
func (p *press) due(g *scribe, room int) []part {
	var due []part
	p.owed += room * perMillion(p.spec.SignInRate)
	for p.owed >= 1_000_000 && len(due) < room {
		s := draw(g.rand, p.scenes)
		who := g.newPerson()
		lines := s.lines
		if free := room - len(due); len(lines) > free {
			lines = lines[len(lines)-free:]
		}
		for _, l := range lines {
			due = append(due, part{l, who})
			if l.reason != "" {
				p.owed -= 1_000_000
			}
		}
	}
	return due
}

// sign writes one record of a scene, or once more a sign-in that an earlier
// file of the account had, as when two trails write to one bucket.
func (p *press) sign(g *scribe, due part) {
	if due.line.reason == "" {
		g.person = due.person
		p.text = due.line.text.append(g, p.text)
		p.m.Related[due.line.name]++
		return
	}
	p.m.SignIns++
	if record := p.again(g); record != nil {
		p.text = append(p.text, record...)
		p.m.Duplicates++
		return
	}
	g.person = due.person
	start := len(p.text)
	p.text = due.line.text.append(g, p.text)
	p.m.ByReason[due.line.reason]++
	if q := p.earlier[g.account]; p.spec.DuplicateRate > 0 && len(q) < maxEarlier {
		p.earlier[g.account] = append(q, copied{bytes.Clone(p.text[start:]), p.m.Files})
	}
}

// maxEarlier bounds how many sign-ins of an account wait for a second copy.
const maxEarlier = 1000

// again gives, as often as the rate asks for, the oldest sign-in of the account
// that an earlier file has and no other one yet, or nil.
func (p *press) again(g *scribe) []byte {
	q := p.earlier[g.account]
	if len(q) == 0 || q[0].file == p.m.Files || !g.rand.chance(p.spec.DuplicateRate) {
		return nil
	}
	p.earlier[g.account] = q[1:]
	return q[0].record
}

// ordinary writes one record that is no sign-in.
func (p *press) ordinary(g *scribe) {
	g.failed = false
	switch {
	case g.rand.chance(p.spec.AssumeRoleRate):
		p.assumeRole(g)
	case g.rand.chance(p.spec.DecoyRate):
		d := draw(g.rand, p.decoys)
		g.call = d.call
		p.m.Decoys[d.kind]++
	default:
		g.call = p.calls.draw(g.rand, g.region)
		g.failed = g.rand.n(100) < 3
	}
	p.text = g.forms.envelope.append(g, p.text)
}

func (p *press) assumeRole(g *scribe) {
	p.m.AssumeRoles++
	if g.rand.chance(p.spec.MFAShare) {
		p.m.AssumeRolesMFA++
		g.person = g.newPerson()
		u := g.person.user
		g.session = g.render(userIdentity, u, "", g.person.address, 0)
		g.call = p.assumeMFA
		return
	}
	service := services()[g.rand.n(len(services()))]
	g.session = &session{identity: fmt.Appendf(nil, serviceIdentity, service), address: service, agent: service}
	g.call = p.assume
}

// weighted is something that is drawn in proportion to its weight.
type weighted interface{ share() int }

func draw[T weighted](r random, list []T) T {
	total := 0
	for _, x := range list {
		total += x.share()
	}
	at := r.n(total)
	for _, x := range list {
		if at -= x.share(); at < 0 {
			return x
		}
	}
	return list[0]
}
