package reach

import (
	"fmt"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// Account is a snapshot prepared for questions. Each policy text is read once, and
// what it says of an action is kept. It remembers answers and is for one goroutine.
type Account struct {
	s       *audit.Snapshot
	gaps    audit.GapIndex
	groups  map[string]*audit.Group
	managed map[string]string // documents by ARN

	base     enforce.Context             // what is known of every call,
	ofUsers  enforce.Context             // of one that a user makes,
	ofKeys   enforce.Context             // and of one with an access key
	texts    map[string]enforce.Document // as parsed, without a name
	wrong    map[string]error
	docs     map[[2]string]*document // by name and text
	unread   map[string]audit.Gap    // by the name of the document that stands in
	sets     map[string]*set
	narrowed map[string]*narrowed
	ids      int

	scps    [][]*document
	scpGap  *audit.Gap // control policies may apply and were not read
	extra   []*document
	keys    *enforce.Document // what the policy of every KMS key is taken for
	roles   *roles
	filled  map[Target]string
	numbers map[string]int
	counted map[*set]Can
}

// Look prepares a snapshot.
func Look(s *audit.Snapshot) *Account {
	a := &Account{
		s: s, gaps: audit.IndexGaps(s.Gaps), groups: map[string]*audit.Group{}, managed: map[string]string{},
		texts: map[string]enforce.Document{}, wrong: map[string]error{}, docs: map[[2]string]*document{}, unread: map[string]audit.Gap{},
		keys: keyPolicy(s.Account), sets: map[string]*set{}, narrowed: map[string]*narrowed{}, counted: map[*set]Can{}, filled: map[Target]string{}, numbers: map[string]int{},
	}
	if s.Groups != nil {
		for i := range s.Groups.Value {
			a.groups[s.Groups.Value[i].Name] = &s.Groups.Value[i]
		}
	}
	if s.Policies != nil {
		for _, p := range s.Policies.Value {
			a.managed[p.ARN] = p.Document
		}
	}
	a.base = base(s)
	a.ofUsers = ofUsers(a.base)
	a.ofKeys = a.ofUsers.Without("aws:TokenIssueTime") // of temporary credentials only
	a.readSCPs()
	return a
}

// base is what is known of every call that a person or a program makes itself. Its
// address, its time, tags and Regions are not known.
func base(s *audit.Snapshot) enforce.Context {
	x := enforce.OpenContext().
		With(enforce.KeyViaService, "false").
		With("aws:PrincipalIsAWSService", "false").
		With("aws:SecureTransport", "true") // the caller's to choose, and AWS's endpoints ask for it
	for _, key := range []string{
		"aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast",
		"aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:FederatedProvider", "aws:AssumedRoot",
	} {
		x = x.Without(key) // of calls that a service makes, or of sessions of a provider (IAM user guide, global condition keys)
	}
	if s.Organization == nil {
		return x
	}
	if id := s.Organization.Value.OrganizationID; id != "" {
		return x.With("aws:PrincipalOrgID", id)
	}
	return x.Without("aws:PrincipalOrgID").Without("aws:PrincipalOrgPaths")
}

// ofUsers leaves out what only sessions of roles have (IAM user guide, global condition
// keys: source identity, where role credentials were delivered to).
func ofUsers(x enforce.Context) enforce.Context {
	for _, key := range []string{
		"aws:SourceIdentity", "aws:Ec2InstanceSourceVpc", "aws:Ec2InstanceSourcePrivateIPv4", "ec2:SourceInstanceArn", "ec2:RoleDelivery",
		"lambda:SourceFunctionArn", "ssm:SourceInstanceArn", "aws:ChatbotSourceArn",
	} {
		x = x.Without(key)
	}
	return x
}

// readSCPs takes in the control policies, a level for each target. An account of no
// organisation has none, and none restricts a management account: its list is empty
// (Organizations user guide, SCPs).
func (a *Account) readSCPs() {
	switch {
	case a.s.SCPs != nil:
	case a.s.Organization != nil && a.s.Organization.Value.OrganizationID == "":
		return
	default:
		gap := a.gaps.Gap(audit.FactSCPs, "")
		a.scpGap = &gap
		return
	}
	level := map[string]int{}
	for _, p := range a.s.SCPs.Value {
		i, known := level[p.Target]
		if !known {
			i = len(a.scps)
			level[p.Target] = i
			a.scps = append(a.scps, nil)
		}
		a.scps[i] = append(a.scps[i], a.document(p.Name, p.Document))
	}
}

// document is a policy text with a name.
type document struct {
	enforce.Document
	id    int
	about []*part // by the action's number
}

// part is what a document says of one action.
type part struct {
	enforce.Document
	id       int
	personal bool             // who calls decides, beside what he holds
	denies   enforce.Document // only its Deny statements
	asks     bool             // the same of these
}

// document reads a text. One that cannot be read stands for anything: it may allow
// and it may deny.
func (a *Account) document(name, text string) *document {
	key := [2]string{name, text}
	if d := a.docs[key]; d != nil {
		return d
	}
	parsed, known := a.texts[text]
	if !known {
		var err error
		if parsed, err = enforce.Parse("", text); err != nil {
			a.wrong[text] = err
		}
		a.texts[text] = parsed
	}
	if err := a.wrong[text]; err != nil {
		return a.missing(name, text, audit.FactPolicies.Gap(name, "not readable: "+strings.TrimPrefix(err.Error(), `policy "": `)))
	}
	d := a.made(name, parsed)
	a.docs[key] = d
	return d
}

func (a *Account) made(name string, d enforce.Document) *document {
	d.Name = name
	a.ids++
	return &document{Document: d, id: a.ids}
}

// missing stands in for a policy that was not read: whether it allows or denies
// depends on a key that nothing is known of. Its own name is one that no policy has;
// people are told the gap.
func (a *Account) missing(name, text string, gap audit.Gap) *document {
	key := [2]string{name, text}
	if d := a.docs[key]; d != nil {
		return d
	}
	var statements []enforce.Statement
	for i, effect := range []string{enforce.Allow, enforce.Deny} {
		statements = append(statements, enforce.Statement{Index: i, Effect: effect, Actions: []string{"*"}, Resources: []string{"*"}, Principals: []enforce.PrincipalPattern{{Type: "AWS", Value: a.s.Account}},
			Conditions: []enforce.Condition{{Operator: "StringEquals", Key: "mfawatch:not-read", Values: []string{"no"}}}})
	}
	d := a.made(fmt.Sprintf("%s %d", NotRead, len(a.unread)), enforce.Document{Version: "2012-10-17", Statements: statements})
	a.unread[d.Name] = gap
	a.docs[key] = d
	return d
}

// part narrows a document to an action, which is given with its number.
func (a *Account) part(d *document, action string, number int) *part {
	if number >= len(d.about) {
		d.about = append(d.about, make([]*part, number+1-len(d.about))...)
	}
	if p := d.about[number]; p != nil {
		return p
	}
	p := &part{Document: d.About(action)}
	p.personal = slices.ContainsFunc(p.Statements, personal)
	p.denies = p.Document
	p.denies.Statements = nil
	for _, s := range p.Statements {
		if s.Effect == enforce.Deny {
			p.denies.Statements = append(p.denies.Statements, s)
		}
	}
	p.asks = slices.ContainsFunc(p.denies.Statements, personal)
	a.ids++
	p.id = a.ids
	d.about[number] = p
	return p
}

// number is an action's number.
func (a *Account) number(action string) int {
	n, known := a.numbers[action]
	if !known {
		n = len(a.numbers)
		a.numbers[action] = n
	}
	return n
}

// personal tells a statement that asks who calls: by variable, or by a key that is
// not the same for all users.
func personal(s enforce.Statement) bool {
	variable := func(text string) bool { return strings.Contains(text, "${") }
	if slices.ContainsFunc(s.Resources, variable) || slices.ContainsFunc(s.NotResources, variable) {
		return true
	}
	for _, c := range s.Conditions {
		key := strings.ToLower(c.Key)
		if key == "aws:username" || key == "aws:userid" || key == "aws:principalarn" || strings.HasPrefix(key, "aws:principaltag/") || slices.ContainsFunc(c.Values, variable) {
			return true
		}
	}
	return false
}

// source is where a user or role has a policy from.
type source struct {
	doc    *document
	group  string // through this group, or empty
	arn    string // of a managed policy, else an inline one
	inline string
}

// String is the source as people say it.
func (s source) String() string {
	text := ""
	if s.group != "" {
		text = fmt.Sprintf("group %q and ", s.group)
	}
	if s.arn != "" {
		return text + fmt.Sprintf("policy %q", s.arn)
	}
	return text + fmt.Sprintf("inline policy %q", s.inline)
}

// set is all that one user or role has: users who share everything share it.
type set struct {
	sources  []source
	identity []*document // each once
	boundary *document
	bound    string // its ARN
	free     bool   // no control policy applies
	parts    map[string]*narrowed
	tries    []string // the actions that its policies name
	guards   []Guard
	guarded  bool
}

// setOf finds or makes the set of some sources.
func (a *Account) setOf(sources []source, boundary string, free bool) *set {
	key := []byte{}
	for _, s := range sources {
		key = appendID(key, s.doc.id)
		key = append(append(key, s.group...), 0)
	}
	key = append(append(key, 0xff), boundary...)
	if free {
		key = append(key, 0)
	}
	if known := a.sets[string(key)]; known != nil {
		return known
	}
	x := &set{sources: sources, bound: boundary, free: free, parts: map[string]*narrowed{}}
	for _, s := range sources {
		if !slices.Contains(x.identity, s.doc) {
			x.identity = append(x.identity, s.doc)
		}
	}
	if boundary != "" {
		x.boundary = a.managedPolicy(boundary)
	}
	a.sets[string(key)] = x
	return x
}

// userSet is what a user has, and what of it was not read.
func (a *Account) userSet(u *audit.User) (*set, []audit.Gap) {
	if u.Access == nil {
		gap := a.gaps.Gap(audit.FactAccess, u.ID)
		name := "policies of " + u.Name
		return a.setOf([]source{{doc: a.missing(name, "", gap), inline: name}}, "", false), []audit.Gap{gap}
	}
	access := u.Access.Value
	sources := a.sources(access.Attached, access.Inline, "")
	for _, name := range access.Groups {
		g := a.groups[name]
		if g == nil {
			gap := a.gaps.Gap(audit.FactGroups, name)
			sources = append(sources, source{doc: a.missing("policies of group "+name, "", gap), group: name, inline: "not read"})
			continue
		}
		sources = append(sources, a.sources(g.Attached, g.Inline, name)...)
	}
	for _, d := range a.extra {
		sources = append(sources, source{doc: d, group: "*", arn: d.Name}) // of a group that is not made yet
	}
	x := a.setOf(sources, access.Boundary, false)
	return x, a.missingOf(x)
}

// missingOf are the policies of a set that were not read.
func (a *Account) missingOf(x *set) []audit.Gap {
	var gaps []audit.Gap
	for _, d := range append(slices.Clone(x.identity), x.boundary) {
		if d == nil {
			continue
		}
		if gap, unread := a.unread[d.Name]; unread && !slices.Contains(gaps, gap) {
			gaps = append(gaps, gap)
		}
	}
	return gaps
}

func (a *Account) roleSet(r *audit.RoleTrust) *set {
	return a.setOf(a.sources(r.Attached, r.Inline, ""), r.Boundary, strings.Contains(r.ARN, ":role/aws-service-role/"))
}

func (a *Account) sources(attached []string, inline []audit.InlinePolicy, group string) []source {
	var all []source
	for _, arn := range attached {
		all = append(all, source{doc: a.managedPolicy(arn), group: group, arn: arn})
	}
	for _, p := range inline {
		name := p.Name
		if group != "" {
			name = group + "/" + name
		}
		all = append(all, source{doc: a.document(name, p.Document), group: group, inline: p.Name})
	}
	return all
}

// administratorAccess is the text of AWS's policy of that name, which is known
// without reading it.
const administratorAccess = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func (a *Account) managedPolicy(arn string) *document {
	text, read := a.managed[arn]
	switch {
	case read:
		return a.document(arn, text)
	case arn == "arn:"+a.s.Partition+":iam::aws:policy/AdministratorAccess":
		return a.document(arn, administratorAccess)
	}
	return a.missing(arn, "", a.gaps.Gap(audit.FactPolicies, arn))
}
