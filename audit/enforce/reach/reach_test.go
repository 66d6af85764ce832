package reach

import (
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/internal/casefile"
)

var update = flag.Bool("update", false, "write the answers into the cases")

// A case is one file of testdata: an account, and what its users can do. Its sections
// are described in testdata/README.md.
type reachCase struct {
	snapshot audit.Snapshot
	holds    map[string]Holds
	guard    []enforce.Document
	sections []txtar.File
}

type userForm struct {
	Path               string
	Groups, Attached   []string
	Boundary           string
	Tags               map[string]string
	Password, Key, MFA Can
	Unread             bool
	Reset              bool
	Devices            []string // serial numbers
}

func readCase(t *testing.T, from casefile.Case) reachCase {
	t.Helper()
	at := time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC)
	c := reachCase{holds: map[string]Holds{}, sections: from.Files, snapshot: audit.Snapshot{Schema: audit.SnapshotSchema, Account: "111122223333", Partition: "aws", TakenAt: at}}
	b := builder{t: t, file: from.Path, c: &c, at: at}
	for _, f := range from.Files {
		b.section(f)
	}
	b.finish()
	return c
}

// builder makes a snapshot of the sections.
type builder struct {
	t    *testing.T
	file string
	c    *reachCase
	at   time.Time

	users    []audit.User
	groups   []audit.Group
	policies []audit.ManagedPolicy
	roles    []audit.RoleTrust
	scps     []audit.SCP
	member   string
}

func (b *builder) decode(f txtar.File, into any) {
	d := json.NewDecoder(strings.NewReader(string(f.Data)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		b.t.Fatalf("%s: section %q: %v", b.file, f.Name, err)
	}
}

func (b *builder) arn(kind, name string) string {
	return "arn:" + b.c.snapshot.Partition + ":iam::111122223333:" + kind + "/" + name
}

func (b *builder) section(f txtar.File) {
	words := strings.Fields(f.Name)
	text := string(f.Data)
	switch words[0] {
	case "account": // {"partition": …, "organization": "none", "member" or "o-…"}
		var form struct{ Partition, Organization string }
		b.decode(f, &form)
		b.member = form.Organization
		if form.Partition != "" {
			b.c.snapshot.Partition = form.Partition
		}
	case "user":
		b.user(words[1], f)
	case "group":
		var form struct{ Attached []string }
		b.decode(f, &form)
		b.groups = append(b.groups, audit.Group{Name: words[1], ARN: b.arn("group", words[1]), Attached: b.arns(form.Attached)})
	case "policy":
		b.policies = append(b.policies, audit.ManagedPolicy{ARN: b.arn("policy", words[1]), Document: text})
	case "inline":
		b.inline(words[1], audit.InlinePolicy{Name: words[2], Document: text})
	case "role":
		var form struct {
			Attached []string
			Boundary string
		}
		b.decode(f, &form)
		b.roles = append(b.roles, audit.RoleTrust{Name: words[1], ID: "AROA" + words[1], ARN: b.arn("role", words[1]), Attached: b.arns(form.Attached)})
	case "trust":
		for i := range b.roles {
			if b.roles[i].Name == words[1] {
				b.roles[i].Trust = text
			}
		}
	case "scp":
		b.scps = append(b.scps, audit.SCP{Target: words[1], Name: words[2], ID: "p-" + words[2], Document: text})
	case "guard":
		d, err := enforce.Parse(words[1], text)
		if err != nil {
			b.t.Fatalf("%s: %v", b.file, err)
		}
		b.c.guard = append(b.c.guard, d)
	case "users", "roles", "plan":
	default:
		b.t.Fatalf("%s: section %q is not known", b.file, f.Name)
	}
}

func (b *builder) arns(names []string) []string {
	all := []string{}
	for _, n := range names {
		if n == "AdministratorAccess" {
			all = append(all, "arn:"+b.c.snapshot.Partition+":iam::aws:policy/"+n)
			continue
		}
		all = append(all, b.arn("policy", n))
	}
	return all
}

func (b *builder) user(name string, f txtar.File) {
	form := userForm{Password: No, Key: No, MFA: No}
	b.decode(f, &form)
	path := strings.TrimPrefix(form.Path, "/")
	u := audit.User{ID: "AIDA" + name, Name: name, Path: "/" + path, ARN: b.arn("user", path+name)}
	if !form.Unread {
		u.Access = &audit.Read[audit.Access]{At: b.at, Value: audit.Access{Groups: form.Groups, Attached: b.arns(form.Attached)}}
		if form.Boundary != "" {
			u.Access.Value.Boundary = b.arns([]string{form.Boundary})[0]
		}
		u.Tags = &audit.Read[map[string]string]{At: b.at, Value: form.Tags}
	}
	u.LoginProfile = &audit.Read[audit.LoginProfile]{At: b.at, Value: audit.LoginProfile{Exists: form.Password == Yes, ResetRequired: form.Reset}}
	if form.Devices != nil {
		u.MFADevices = &audit.Read[[]audit.MFADevice]{At: b.at}
	}
	for _, serial := range form.Devices {
		u.MFADevices.Value = append(u.MFADevices.Value, audit.MFADevice{Serial: serial})
	}
	b.users = append(b.users, u)
	b.c.holds[u.ID] = Holds{form.Password, form.Key, form.MFA}
}

// inline adds a policy to user/NAME, group/NAME or role/NAME.
func (b *builder) inline(to string, p audit.InlinePolicy) {
	kind, name, _ := strings.Cut(to, "/")
	found := false
	for i := range b.users {
		if kind == "user" && b.users[i].Name == name {
			b.users[i].Access.Value.Inline, found = append(b.users[i].Access.Value.Inline, p), true
		}
	}
	for i := range b.groups {
		if kind == "group" && b.groups[i].Name == name {
			b.groups[i].Inline, found = append(b.groups[i].Inline, p), true
		}
	}
	for i := range b.roles {
		if kind == "role" && b.roles[i].Name == name {
			b.roles[i].Inline, found = append(b.roles[i].Inline, p), true
		}
	}
	if !found {
		b.t.Fatalf("%s: inline %s: there is none before it", b.file, to)
	}
}

func (b *builder) finish() {
	s := &b.c.snapshot
	s.Users = &audit.Read[[]audit.User]{At: b.at, Value: b.users}
	s.Groups = &audit.Read[[]audit.Group]{At: b.at, Value: b.groups}
	s.Policies = &audit.Read[[]audit.ManagedPolicy]{At: b.at, Value: b.policies}
	s.Roles = &audit.Read[[]audit.RoleTrust]{At: b.at, Value: b.roles}
	switch b.member {
	case "member":
		s.Gaps = append(s.Gaps, audit.FactOrganization.Gap("", "only the management account and a delegated administrator may ask"))
	case "unread": // an organisation's, of which the control policies were not asked for
		s.Organization = &audit.Read[audit.OrganizationFeatures]{At: b.at, Value: audit.OrganizationFeatures{OrganizationID: "o-exampleorg1"}}
	case "", "none":
		s.Organization = &audit.Read[audit.OrganizationFeatures]{At: b.at}
	default:
		s.Organization = &audit.Read[audit.OrganizationFeatures]{At: b.at, Value: audit.OrganizationFeatures{OrganizationID: b.member}}
		s.SCPs = &audit.Read[[]audit.SCP]{At: b.at, Value: b.scps}
	}
}

func (c reachCase) of(u *audit.User) Holds { return c.holds[u.ID] }

// short leaves of an ARN what differs.
func short(text string) string {
	return strings.NewReplacer("arn:aws:iam::111122223333:", "", "arn:aws:iam::aws:", "aws:").Replace(text)
}

func renderUsers(r Report) string {
	var b strings.Builder
	for _, u := range r.Users {
		for _, s := range u.Sessions {
			fmt.Fprintf(&b, "%s by %s (held %s): %d denied; first device: %s, then: %s\n", u.Name, s.Credential, s.Held, s.Denied, s.EnrolFirst, s.ThenOpen)
			for _, o := range s.Open {
				fmt.Fprintf(&b, "  %s %s %s %s on %s%s\n", o.Can, o.Severity, o.Class, o.Action, short(o.Resource), path(o.Path))
				if o.Can == Unknown {
					fmt.Fprintf(&b, "      %s\n", short(Texts(o.Because)))
				}
			}
		}
		for _, g := range u.Guards {
			fmt.Fprintf(&b, "  guard %s:%d %s through %s\n", short(g.Policy), g.Line, g.Sid, short(g.Through))
		}
		for _, g := range u.Missing {
			fmt.Fprintf(&b, "  %s\n", short(g.String()))
		}
	}
	return b.String()
}

func path(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " through " + strings.Join(names, ", ")
}

func renderRoles(r Report) string {
	var b strings.Builder
	for _, x := range r.Roles {
		fmt.Fprintf(&b, "%s manages IAM: %s\n", x.Name, x.Privileged)
		for _, w := range x.Ways {
			fmt.Fprintf(&b, "  %s %s without MFA: %s\n", w.Scope, short(w.Principal), w.NoMFA)
			for _, u := range w.Under {
				fmt.Fprintf(&b, "      %s\n", short(u))
			}
		}
		for _, u := range x.Users {
			fmt.Fprintf(&b, "  %s %s by %s%s\n", u.Can, u.Name, u.Credential, path(u.Path))
		}
		for _, g := range x.Missing {
			fmt.Fprintf(&b, "  %s\n", short(g.String()))
		}
	}
	return b.String()
}

func renderPlan(p Plan) string {
	var b strings.Builder
	for _, u := range p.Users {
		fmt.Fprintf(&b, "wave %d: %s %v", u.Wave, u.Name, u.Effects)
		if len(u.Lost) > 0 {
			fmt.Fprintf(&b, " lost %v", u.Lost)
		}
		if len(u.LostNoMFA) > 0 && slices.Contains(u.Effects, StillOpen) { // else it is all
			fmt.Fprintf(&b, " lost without MFA %v", u.LostNoMFA)
		}
		for _, o := range u.Left {
			fmt.Fprintf(&b, " left %s on %s", o.Action, short(o.Resource))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "roles unaffected: %d, hit: %v %s\n", p.Roles, p.RolesHit, p.NoSCPEffect)
	return b.String()
}

func TestCases(t *testing.T) {
	for _, from := range casefile.All(t, "testdata/*.txtar") {
		if slices.ContainsFunc(from.Files, func(f txtar.File) bool {
			return f.Name == "users" || f.Name == "roles" || strings.HasPrefix(f.Name, "plan")
		}) {
			readCase(t, from).compare(t, from)
			continue
		}
		t.Errorf("%s: wants nothing: add the section users, roles or plan", from.Path)
	}
}

func (c reachCase) compare(t *testing.T, from casefile.Case) {
	t.Helper()
	for i, f := range from.Files {
		var got string
		switch {
		case f.Name == "users":
			got = renderUsers(Analyse(&c.snapshot, c.of))
		case f.Name == "roles":
			got = renderRoles(Analyse(&c.snapshot, c.of))
		case strings.HasPrefix(f.Name, "plan "):
			exempt := func(u *audit.User) bool { return strings.HasPrefix(u.Name, "exempt") }
			got = renderPlan(MakePlan(&c.snapshot, c.guard, Attach(strings.Fields(f.Name)[1]), c.of, exempt))
		default:
			continue
		}
		if *update {
			from.Files[i].Data = []byte(got)
		} else if diff := cmp.Diff(string(f.Data), got); diff != "" {
			t.Errorf("%s:\n%s%s (-want +got):\n%s", from.Path, from.Comment, f.Name, diff)
		}
	}
	if *update {
		from.Write(t)
	}
}

// Nobody rewrites AWS's policies.
func TestRewrites(t *testing.T) {
	a := Look(&audit.Snapshot{Account: "111122223333", Partition: "aws"})
	for arn, want := range map[string]int{"": 0, "arn:aws:iam::aws:policy/PowerUserAccess": 0, "arn:aws:iam::111122223333:policy/guard": 2} {
		if got := a.rewrites(arn); len(got) != want {
			t.Errorf("calls that rewrite %q: %v, want %d", arn, got, want)
		}
	}
}
