package stacks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/config"
	"mfawatch/audit/posture"
)

// The policies and counts of docs/deploy.md and docs/cost.md are what is
// deployed: -update writes them, as it does the goldens.

// page is a document of docs, some parts of which the code decides.
type page struct{ path, text string }

func readPage(t *testing.T, name string) *page {
	t.Helper()
	p := &page{path: filepath.Join("../../docs", name)}
	text, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	p.text = string(text)
	return p
}

// block is the fenced block behind a mark.
func (p *page) block(t *testing.T, mark string) (begin, end int) {
	t.Helper()
	at := regexp.MustCompile("(?s)<!-- " + mark + " -->\n```[a-z]+\n(.*?)```").FindStringSubmatchIndex(p.text)
	if at == nil {
		t.Fatalf("%s has no block %s", p.path, mark)
	}
	return at[2], at[3]
}

// holds compares what stands between two offsets, or writes it.
func (p *page) holds(t *testing.T, begin, end int, want string) {
	t.Helper()
	if p.text[begin:end] == want {
		return
	}
	if !*update {
		t.Errorf("%s is not what is deployed: run go test ./infra/stacks -run Page -update; want\n%s", p.path, want)
		return
	}
	p.text = p.text[:begin] + want + p.text[end:]
	if err := os.WriteFile(p.path, []byte(p.text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p *page) holdsPolicy(t *testing.T, mark string, statements ...statement) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements}); err != nil {
		t.Fatal(err)
	}
	begin, end := p.block(t, mark)
	p.holds(t, begin, end, b.String())
}

// What a key that is there has to allow is what the created one allows.
func TestDeployPageKey(t *testing.T) {
	d := deployment(t, "full")
	b := &builder{d: d, names: namesOf(d)}
	readPage(t, "deploy.md").holdsPolicy(t, "key", b.keyStatements()...)
	_, dir := once(t, "full")
	data, err := os.ReadFile(filepath.Join(dir, "mfawatch-data.template.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range b.keyStatements() {
		if !strings.Contains(string(data), `"`+s.Sid+`"`) {
			t.Errorf("the deployed key has no statement %s", s.Sid)
		}
	}
}

// The control policy of the emergency door is what make synth writes.
func TestDeployPageControlPolicy(t *testing.T) {
	plan, err := Prepare(deployment(t, "full"), bootstraps(t))
	if err != nil {
		t.Fatal(err)
	}
	readPage(t, "deploy.md").holdsPolicy(t, "scp", plan.b.doorPolicy()...)
}

// The bucket of another account has to allow what the reconciler's own policy does.
func TestDeployPageBucket(t *testing.T) {
	p := readPage(t, "deploy.md")
	begin, end := p.block(t, "control-tower")
	d, err := config.ReadDeployment("deploy.md", []byte(p.text[begin:end]))
	if err != nil {
		t.Fatal(err)
	}
	templates, _ := synthesizedWith(t, d, bootstraps(t))
	asked := granted(t, templates, "mfawatch-detection", "ReconcilePolicy")
	b := &builder{d: d, names: namesOf(d)}
	let := func(sid string) statement {
		s, ok := asked[sid]
		if !ok {
			t.Fatalf("the reconciler asks for no %s", sid)
		}
		return s.to(object{"AWS": "arn:" + b.partition + ":iam::" + b.account + ":root"}).when(object{"ArnEquals": object{"aws:PrincipalArn": b.role("reconcile")}})
	}
	p.holdsPolicy(t, "bucket", let("ListTrail"), let("ReadTrail"))
	key := let("ReadTrailKey")
	key.Resource = "*" // in a key's policy that is the key
	p.holdsPolicy(t, "bucket-key", key)
}

// granted are the statements of a managed policy, by Sid.
func granted(t *testing.T, templates map[string]template, stack, id string) map[string]statement {
	t.Helper()
	text, _ := json.Marshal(templates[stack].Resources[id].Properties["PolicyDocument"])
	var document struct{ Statement []statement }
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	all := map[string]statement{}
	for _, s := range document.Statement {
		all[s.Sid] = s
	}
	return all
}

// Who deploys needs the roles that the assembly names, and no other.
func TestDeployPagePerson(t *testing.T) {
	_, dir := once(t, "full")
	var roles []string
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(?:assumeRoleArn|arn)": *"([^"]*:role/[^"]*)"`).FindAllStringSubmatch(string(data), -1) {
			roles = append(roles, strings.ReplaceAll(m[1], "${AWS::Partition}", "aws"))
		}
	}
	var wanted []string
	for _, name := range []string{"deploy", "file-publishing", "lookup"} {
		wanted = append(wanted, "arn:aws:iam::111122223333:role/cdk-hnb659fds-"+name+"-role-111122223333-*")
	}
	used := map[string]bool{}
	for _, role := range roles {
		i := slices.IndexFunc(wanted, func(pattern string) bool { ok, _ := path.Match(pattern, role); return ok })
		if i < 0 {
			t.Errorf("the cdk command assumes %s too", role)
			continue
		}
		used[wanted[i]] = true
	}
	if len(used) != len(wanted) {
		t.Errorf("of %v only %v are assumed", wanted, used)
	}
	readPage(t, "deploy.md").holdsPolicy(t, "person", allow("Deploy", []string{"sts:AssumeRole"}, wanted...))
}

// Every mfawatch.yaml of the page can be deployed.
func TestDeployPageFiles(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readPage(t, "deploy.md").text, -1)
	if len(blocks) < 2 {
		t.Fatalf("only %d files", len(blocks))
	}
	for _, block := range blocks {
		if _, err := config.ReadDeployment("deploy.md", []byte(block[1])); err != nil {
			t.Error(err)
		}
	}
}

// The alarms that the page says begin in alarm are those to which silence is bad.
func TestDeployPageSilence(t *testing.T) {
	templates, _ := once(t, "full")
	_, text, _ := strings.Cut(readPage(t, "deploy.md").text, "begin in alarm, since nothing was heard yet: ")
	text, _, found := strings.Cut(text, ".")
	if !found {
		t.Fatal("deploy.md does not say which alarms begin in alarm")
	}
	var said, want []string
	for _, m := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(text, -1) {
		said = append(said, "mfawatch-"+m[1])
	}
	for _, a := range of(templates, "AWS::CloudWatch::Alarm") {
		if a.text("TreatMissingData") == breaching {
			want = append(want, a.text("AlarmName"))
		}
	}
	slices.Sort(said)
	slices.Sort(want)
	if diff := cmp.Diff(want, said); diff != "" || len(want) == 0 {
		t.Error(diff)
	}
}

// priced are the things that AWS counts, with their list price a month in
// us-east-1 in cents; 0: they cost by use, or nothing.
var priced = []struct {
	name  string
	cents float64
	count func(map[string]template) int
}{
	{"alarms", 0, kinds("AWS::CloudWatch::Alarm")},
	{"metrics in alarms", 10, alarmMetrics},
	{"metric filters, a metric each", 30, kinds("AWS::Logs::MetricFilter")},
	{"metrics of the functions", 30, functionMetrics},
	{"metrics of the audit, one hour of 24", 30.0 / 24, auditMetrics},
	{"KMS keys", 100, kinds("AWS::KMS::Key")},
	{"dashboards, three are free", 0, kinds("AWS::CloudWatch::Dashboard")},
	{"log groups", 0, kinds("AWS::Logs::LogGroup")},
	{"schedules", 0, kinds("AWS::Scheduler::Schedule")},
	{"functions", 0, kinds("AWS::Lambda::Function")},
	{"queues", 0, kinds("AWS::SQS::Queue")},
	{"rules", 0, kinds("AWS::Events::Rule")},
	{"buckets", 0, kinds("AWS::S3::Bucket")},
	{"tables", 0, kinds("AWS::DynamoDB::Table")},
}

func kinds(kind string) func(map[string]template) int {
	return func(templates map[string]template) int { return len(of(templates, kind)) }
}

// alarmMetrics: an alarm on several metrics is billed as so many.
func alarmMetrics(templates map[string]template) int {
	n := 0
	for _, a := range of(templates, "AWS::CloudWatch::Alarm") {
		parts, _ := a.at("Metrics").([]any)
		if len(parts) == 0 {
			n++
		}
		for _, part := range parts {
			if _, ok := part.(map[string]any)["MetricStat"]; ok {
				n++
			}
		}
	}
	return n
}

// functionMetrics are those that come every hour: six of signin, eight of
// reconcile, three of each minute of the emergency door, and six of the canary's rounds, seven with a heartbeat
// (functions/*, where they are named). With no canary signin is not called by
// itself.
func functionMetrics(templates map[string]template) int {
	n := 0
	for _, f := range of(templates, "AWS::Lambda::Function") {
		name := f.text("FunctionName")
		n += map[string]int{"mfawatch-signin": 6, "mfawatch-reconcile": 8, "mfawatch-canary": 6, "mfawatch-breakglass": 3}[name]
		if _, ok := f.at("Environment", "Variables").(map[string]any)["MFAWATCH_HEARTBEAT_URL"]; ok && name == "mfawatch-canary" {
			n++
		}
	}
	return n
}

// auditMetrics are those of an audit: two outcomes of each check, eight kinds of
// factor, and four of the run.
func auditMetrics(templates map[string]template) int {
	for _, f := range of(templates, "AWS::Lambda::Function") {
		if f.text("FunctionName") == "mfawatch-audit" {
			return 2*len(posture.Checks()) + 8 + 4
		}
	}
	return 0
}

// counted are the deployments that the page counts: those of testdata, what a file
// of four lines deploys, and what an organisation's members get.
func counted(t *testing.T) []map[string]template {
	t.Helper()
	least, err := config.ReadDeployment("default", []byte("{version: 1, account: '111122223333', home_region: eu-north-1, alerts: {targets: [{email: security@example.com}]}}"))
	if err != nil {
		t.Fatal(err)
	}
	minimal, _ := once(t, "minimal")
	byDefault, _ := synthesizedWith(t, least, bootstraps(t))
	full, _ := once(t, "full")
	central, _ := once(t, "organization")
	central = maps.Clone(central)
	member := map[string]template{"mfawatch-member": central["mfawatch-member"]}
	delete(central, "mfawatch-member")
	return []map[string]template{minimal, byDefault, full, central, member}
}

func TestCostPage(t *testing.T) {
	table := "| | a month each | `minimal` | the default | `full` | `organization` | each member account, home Region |\n| --- | --- | --- | --- | --- | --- | --- |\n"
	columns := counted(t)
	sums := make([]float64, len(columns))
	for _, p := range priced {
		each := ""
		if p.cents > 0 {
			each = strings.TrimSuffix(fmt.Sprintf("$%.4f", p.cents/100), "00")
		}
		table += fmt.Sprintf("| %s | %s |", p.name, each)
		for i, templates := range columns {
			n := p.count(templates)
			sums[i] += float64(n) * p.cents / 100
			table += fmt.Sprintf(" %d |", n)
		}
		table += "\n"
	}
	table += "| **stands, a month** | |"
	for _, sum := range sums {
		table += fmt.Sprintf(" **$%.2f** |", sum)
	}
	p := readPage(t, "cost.md")
	at := regexp.MustCompile("(?s)<!-- counted -->\n(.*?)<!-- end -->").FindStringSubmatchIndex(p.text)
	if at == nil {
		t.Fatalf("%s has no counted part", p.path)
	}
	p.holds(t, at[2], at[3], table+"\n")
	canary := regexp.MustCompile("= \\$([0-9.]+)` at most, and calls of KMS").FindStringSubmatch(p.text)
	if canary == nil {
		t.Fatalf("%s does not say what the canary costs", p.path)
	}
	more, _ := worth(canary[1])
	if said := fmt.Sprintf("about $%.0f a month", sums[1]+more); !strings.Contains(readPage(t, "../README.md").text, said) {
		t.Errorf("the README does not say %q", said)
	}
	if said := fmt.Sprintf("these are %d stacks", len(columns[1])); !strings.Contains(readPage(t, "deploy.md").text, said) {
		t.Errorf("deploy.md does not say %q", said)
	}
}

// sum is an equation of docs/cost.md: products, quotients and additions.
var sum = regexp.MustCompile("`([^`=]*[0-9] [×+/] [^`=]*) = ([$0-9.,]+)`")

// worth is what an expression without brackets comes to.
func worth(expression string) (float64, error) {
	total := 0.0
	for term := range strings.SplitSeq(expression, " + ") {
		product, divide := 1.0, false
		for word := range strings.FieldsSeq(term) {
			switch word {
			case "×":
				divide = false
			case "/":
				divide = true
			default:
				n, err := strconv.ParseFloat(strings.NewReplacer("$", "", ",", "").Replace(word), 64)
				if err != nil {
					return 0, err
				}
				if divide {
					n = 1 / n
				}
				product *= n
			}
		}
		total += product
	}
	return total, nil
}

// Every sum of the page comes out, rounded as it is written.
func TestCostPageSums(t *testing.T) {
	sums := sum.FindAllStringSubmatch(readPage(t, "cost.md").text, -1)
	if len(sums) < 30 {
		t.Fatalf("only %d sums", len(sums))
	}
	for _, s := range sums {
		got, err := worth(s[1])
		if err != nil {
			t.Fatalf("%s: %v", s[0], err)
		}
		said := strings.NewReplacer("$", "", ",", "").Replace(s[2])
		_, fraction, _ := strings.Cut(said, ".")
		if text := strconv.FormatFloat(got, 'f', len(fraction), 64); text != said {
			t.Errorf("%s: it is %s", s[0], text)
		}
	}
}
