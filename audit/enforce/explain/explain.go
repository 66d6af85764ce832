// Package explain says in sentences what an IAM policy document does with and
// without a second factor, and names the known mistakes in it with their lines.
//
// What a document does is evaluated and not read off its words: every action of
// the topics is asked of package enforce once for each kind of credential. What
// depends on something that a document alone cannot tell (an address, a tag) is
// said to depend on it. The package promises an answer or an error for any bytes,
// in bounded time, and asks nobody: neither AWS nor files nor the clock.
package explain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
)

// Options say who is asked about.
type Options struct {
	Kind      Kind   // empty: told by the content
	Partition string // empty: the one that the document names, or aws
	Account   string // empty: the one that the document names, or 111122223333
	User      string // empty: ada
	Path      string // empty: /
}

// Explanation is what a document does, and what is wrong with it.
type Explanation struct {
	File      string   `json:"file"`
	Kind      Kind     `json:"kind"`
	KindFrom  string   `json:"kind_from"` // what told the kind
	Within    string   `json:"within"`    // where in the file the document is; empty when it is the file
	Partition string   `json:"partition"`
	Caller    string   `json:"caller"`    // the ARN of the user who is asked about
	Otherwise string   `json:"otherwise"` // what the caller is allowed besides
	Sentences []string `json:"sentences"`
	Topics    []Topic  `json:"topics"`
	Mistakes  []Found  `json:"mistakes"`

	Statements []Statement `json:"statements"`
	Columns    []Column    `json:"credentials"`
}

// Statement is one statement of the document, for what refers to it.
type Statement struct {
	Number int    `json:"number"` // from 1
	Sid    string `json:"sid"`
	Line   int    `json:"line"`
	Effect string `json:"effect"`
}

// Column is one kind of credential.
type Column struct {
	Credential string `json:"credential"`
	Short      string `json:"-"` // a table's head
	Who        string `json:"who"`
}

// Topic is a group of actions with the answers about them.
type Topic struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Rows  []Row  `json:"rows"`

	all string // "manage one's own factor", for sentences
}

// Row is one action, on one resource, and its answers in the order of the
// columns.
type Row struct {
	What     string `json:"what"`
	Action   string `json:"action"`
	Resource string `json:"resource"`
	Cells    []Cell `json:"answers"`
}

// Cell is what one kind of credential may do of one row.
type Cell struct {
	Credential string   `json:"credential"`
	Answer     Answer   `json:"answer"`
	Because    []Reason `json:"because"`
}

// Reason is what decided. Statement is 0 where no statement of the document did.
type Reason struct {
	Statement int    `json:"statement"`
	Sid       string `json:"sid"`
	Line      int    `json:"line"`
	Text      string `json:"text"`
	Source    string `json:"source,omitempty"`
}

// Answer is what a document does about an action. Its texts are an interface.
type Answer string

// The answers.
const (
	Allowed       Answer = "allowed"        // the document allows it
	LetThrough    Answer = "let_through"    // it does not stand in the way of a caller who is otherwise allowed everything
	Denied        Answer = "denied"         // a Deny statement, or a rule of AWS
	NotAllowed    Answer = "not_allowed"    // nothing else can allow what this document does not
	Left          Answer = "left"           // neither allowed nor denied: left to other policies
	Depends       Answer = "depends"        // on what a document alone cannot tell
	NotApplicable Answer = "not_applicable" // this credential cannot ask for that
)

// Explain reads what a file holds and explains the document in it.
func Explain(name string, data []byte, o Options) (Explanation, error) {
	if err := o.Check(); err != nil {
		return Explanation{}, err
	}
	r, err := read(name, data)
	if err != nil {
		return Explanation{}, err
	}
	kind, from := o.Kind, "you said so"
	if kind == "" {
		kind, from = r.kind, r.from
	}
	if err := suits(name, kind, &r.document); err != nil {
		return Explanation{}, err
	}
	w := newWorld(o, &r.document)
	x := &explainer{document: &r.document, kind: kind, world: w}
	e := Explanation{
		File: name, Kind: kind, KindFrom: from, Within: r.within, Partition: w.partition, Caller: w.own(),
		Otherwise: x.otherwise(), Columns: x.columns(), Statements: numbered(&r.document), Mistakes: find(&r.document, kind, w, r.text),
	}
	e.Topics = x.topics()
	e.Sentences = x.sentences(&e)
	return e, nil
}

// Worst is the severity of the worst mistake.
func (e Explanation) Worst() audit.Severity {
	worst := audit.Info
	for _, m := range e.Mistakes {
		worst = max(worst, m.Severity)
	}
	return worst
}

func numbered(d *enforce.Document) []Statement {
	all := []Statement{}
	for _, s := range d.Statements {
		all = append(all, Statement{s.Index + 1, s.Sid, s.Line, s.Effect})
	}
	return all
}

var (
	accountNumber = regexp.MustCompile(`^[0-9]{12}$`)
	userName      = regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]{1,64}$`) // IAM and STS quotas, names
	userPath      = regexp.MustCompile(`^/([!-.0-~]+/)*$`)
)

// Check tells what is wrong with the options, by the flag that gives them.
func (o Options) Check() error {
	switch {
	case o.Kind != "" && !o.Kind.known():
		return fmt.Errorf("--as: %q is not one of %s", o.Kind, kindNames())
	case o.Partition != "" && !strings.Contains(" aws aws-cn aws-us-gov ", " "+o.Partition+" "):
		return fmt.Errorf("--partition: %q is not one of aws, aws-cn, aws-us-gov", o.Partition)
	case o.Account != "" && !accountNumber.MatchString(o.Account):
		return fmt.Errorf("--account: %q is no account; write its 12 digits", o.Account)
	case o.User != "" && !userName.MatchString(o.User):
		return fmt.Errorf("--user: %q is no name of an IAM user; write the name without path or ARN", o.User)
	case o.Path != "" && (!userPath.MatchString(o.Path) || len(o.Path) > 512):
		return fmt.Errorf("--path: %q is no path; it begins and ends with a slash, as /dev/", o.Path)
	}
	return nil
}

// world is the account that a document is asked about.
type world struct {
	partition, account, user, path string
	never                          []string // keys that are misspelt: no request has them
}

func newWorld(o Options, d *enforce.Document) world {
	w := world{partition: partitionOf(d), account: o.Account, user: "ada", path: "/", never: misspelt(d)}
	if o.Partition != "" {
		w.partition = o.Partition
	}
	if o.User != "" {
		w.user = o.User
	}
	if o.Path != "" {
		w.path = o.Path
	}
	if w.account == "" {
		w.account = accountOf(d)
	}
	return w
}

var anyARN = regexp.MustCompile(`^arn:(aws|aws-cn|aws-us-gov):`)

// partitionOf is the partition that a document's ARNs name, where they agree.
func partitionOf(d *enforce.Document) string {
	partition := ""
	for _, s := range d.Statements {
		texts := slices.Concat(s.Resources, s.NotResources)
		for _, p := range slices.Concat(s.Principals, s.NotPrincipals) {
			texts = append(texts, p.Value)
		}
		for _, c := range s.Conditions {
			texts = append(texts, c.Values...)
		}
		for _, text := range texts {
			m := anyARN.FindStringSubmatch(text)
			switch {
			case m == nil:
			case partition != "" && partition != m[1]:
				return "aws"
			default:
				partition = m[1]
			}
		}
	}
	if partition == "" {
		return "aws"
	}
	return partition
}

var iamARN = regexp.MustCompile(`^arn:[a-z-]+:(?:iam|sts)::([0-9]{12}):`)

// accountOf is the account that the resources of a document name, where they name
// one: in any other they would not match.
func accountOf(d *enforce.Document) string {
	account := ""
	for _, s := range d.Statements {
		for _, text := range append(append([]string{}, s.Resources...), s.NotResources...) {
			m := iamARN.FindStringSubmatch(text)
			switch {
			case m == nil:
			case account != "" && account != m[1]:
				return exampleAccount
			default:
				account = m[1]
			}
		}
	}
	if account == "" {
		return exampleAccount
	}
	return account
}

const exampleAccount = "111122223333"

func (w world) iam(resource string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s", w.partition, w.account, resource)
}

func (w world) own() string { return w.iam("user" + w.path + w.user) }

// other is a user who is not the caller, and whose name is neither part of the
// caller's nor the other way round.
func (w world) other() string {
	if strings.Contains("grace", strings.ToLower(w.user)) {
		return w.iam("user/linus")
	}
	return w.iam("user/grace")
}

// caller is the user with a credential, or who stands for a role's session and a
// federation token.
func (w world) caller(c credential) enforce.Caller {
	who := enforce.Caller{
		Partition: w.partition, Account: w.account, Kind: audit.IAMUser, Path: w.path, Name: w.user,
		ID: "AIDAEXAMPLE", Credential: c.enforce, MFAAge: c.age, OwnDevice: enforce.No,
	}
	switch c.enforce {
	case enforce.WithMFA:
		who.OwnDevice = enforce.Yes
	case enforce.RoleCredentials:
		who.Kind, who.Path, who.Name, who.ID, who.Session = audit.Role, "/", "example", "AROAEXAMPLE", "session"
	case enforce.FederationToken:
		who.Kind = audit.Federated
	}
	return who
}

// context is a call of one's own, over TLS, of which nothing else is known (AWS
// global condition context keys: when each is in the request).
func (w world) context(c credential) enforce.Context {
	x := enforce.OpenContext().With(enforce.KeyViaService, "false").With("aws:SecureTransport", "true").With("aws:PrincipalIsAWSService", "false")
	absent := []string{"aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:PrincipalServiceName", "aws:PrincipalServiceNamesList", "aws:AssumedRoot", "aws:SourceAccount", "aws:SourceArn"}
	if c.enforce == enforce.AccessKey || c == byCode {
		absent = append(absent, "aws:TokenIssueTime") // only temporary credentials have it
	}
	for _, key := range append(absent, w.never...) {
		x = x.Without(key)
	}
	return x
}

// mostMisspelt bounds the work.
const mostMisspelt = 16

// misspelt are the keys of a document that are none, and near one that is.
func misspelt(d *enforce.Document) []string {
	var all []string
	for _, s := range d.Statements {
		for _, c := range s.Conditions {
			if len(all) < mostMisspelt && !knownKey(c.Key) && meant(c.Key) != "" && !slices.Contains(all, c.Key) {
				all = append(all, c.Key)
			}
		}
	}
	return all
}
