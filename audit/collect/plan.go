package collect

import (
	"cmp"
	"slices"
	"time"

	"mfawatch/audit"
)

// fresh is how young a report has to be for its no to be believed: a failure
// drawn from an older one is confirmed.
const fresh = 5 * time.Minute

// task is what to ask of one user.
type task struct {
	index int
	user  audit.User
	facts map[audit.Fact]bool
	calls int
}

// userFacts are the facts that are asked for single users.
func userFacts() []audit.Fact {
	return []audit.Fact{audit.FactMFADevices, audit.FactLoginProfile, audit.FactAccessKeys, audit.FactCertifications}
}

// planner knows what the account-wide facts tell of each user.
type planner struct {
	*reader
	rows    map[string]int // of the report, by ARN
	virtual map[string][]audit.VirtualDevice
	at      time.Time
}

// plan finds what the account-wide facts leave open, and takes from the earlier
// snapshot what has not changed since.
func (r *reader) plan() []task {
	if r.s.Users == nil {
		return nil
	}
	p, earlier := r.planner(), r.earlierUsers()
	var tasks []task
	for i := range r.s.Users.Value {
		if t := p.task(i, earlier[r.s.Users.Value[i].ID]); t.calls > 0 {
			tasks = append(tasks, t)
		}
	}
	return tasks
}

// task is what to ask of the i-th user, without calls where nothing is.
func (p *planner) task(i int, earlier *audit.User) task {
	u := &p.s.Users.Value[i]
	t := task{index: i, facts: p.open(u)}
	if t.facts[audit.FactMFADevices] && p.unchanged(u, earlier) {
		u.MFADevices = earlier.MFADevices
		delete(t.facts, audit.FactMFADevices)
	}
	t.calls = len(t.facts)
	if n := uncertified(u.MFADevices); n > 0 {
		t.facts[audit.FactCertifications] = true
		t.calls += n
	}
	t.user = *u
	return t
}

func (r *reader) planner() *planner {
	p := &planner{reader: r, rows: map[string]int{}, virtual: map[string][]audit.VirtualDevice{}, at: r.now()}
	p.index()
	return p
}

func (p *planner) index() {
	if p.s.Report != nil {
		for i := range p.s.Report.Value.Rows {
			p.rows[p.s.Report.Value.Row(i).ARN()] = i
		}
	}
	if p.s.VirtualDevices != nil {
		for _, d := range p.s.VirtualDevices.Value {
			owner := cmp.Or(d.OwnerID, d.OwnerARN)
			p.virtual[owner] = append(p.virtual[owner], d)
		}
	}
}

// owned are the user's virtual devices.
func (p *planner) owned(u *audit.User) []audit.VirtualDevice {
	return slices.Concat(p.virtual[u.ID], p.virtual[u.ARN])
}

// open are the facts about a user that nothing tells.
func (p *planner) open(u *audit.User) map[audit.Fact]bool {
	row := p.row(u)
	active, said := row.Bool("mfa_active")
	facts := map[audit.Fact]bool{}
	if u.MFADevices == nil && (!said || active || p.doubtful() || len(p.owned(u)) > 0) {
		facts[audit.FactMFADevices] = true
	}
	if _, said := row.Bool("password_enabled"); u.LoginProfile == nil && !said {
		facts[audit.FactLoginProfile] = true
	}
	_, first := row.Bool("access_key_1_active")
	if _, second := row.Bool("access_key_2_active"); u.AccessKeys == nil && !(first && second) {
		facts[audit.FactAccessKeys] = true
	}
	return facts
}

// doubtful tells that the report is too old to be believed in a no, or does not
// say how old it is.
func (p *planner) doubtful() bool {
	made := p.s.Report.Value.Generated
	return made.IsZero() || p.at.Sub(made) > fresh
}

// row is the user's row of the report; an empty one, which tells nothing, where
// there is none, or where it is of an earlier user of this name.
func (p *planner) row(u *audit.User) audit.ReportRow {
	i, reported := p.rows[u.ARN]
	if !reported {
		return audit.ReportRow{}
	}
	row := p.s.Report.Value.Row(i)
	if row.Contradicts(u.Created) {
		return audit.ReportRow{}
	}
	return row
}

// lacks tells whether a planned fact of some user was not read.
func (r *reader) lacks(fact audit.Fact) bool {
	users := map[string]*audit.User{}
	for i := range r.s.Users.Value {
		users[r.s.Users.Value[i].ID] = &r.s.Users.Value[i]
	}
	return slices.ContainsFunc(r.tasks, func(t task) bool {
		u := users[t.user.ID]
		if r.gone[u.ID] {
			return false
		}
		return lacks(u, fact, t.facts)
	})
}

func lacks(u *audit.User, fact audit.Fact, planned map[audit.Fact]bool) bool {
	switch fact {
	case audit.FactMFADevices:
		return planned[fact] && u.MFADevices == nil
	case audit.FactLoginProfile:
		return planned[fact] && u.LoginProfile == nil
	case audit.FactAccessKeys:
		return planned[fact] && u.AccessKeys == nil
	}
	return uncertified(u.MFADevices) > 0
}
