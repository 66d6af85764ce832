// Package mfawatch_test holds the house's rules as tests: which way imports
// point, and what every package must say of itself.
package mfawatch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pkg is one package of the module, read from its files and not from a build
// cache.
type pkg struct {
	dir     string // relative to the module, "." for the root
	imports map[string]token.Position
	doc     string
	funcs   []function
	files   map[string]int // lines of each
}

type function struct {
	of    string // the type of a method, and a dot
	name  string
	at    token.Position
	lines int
}

// house reads every package, without tests.
func house(t *testing.T) []pkg {
	t.Helper()
	byDir := map[string]*pkg{}
	err := filepath.WalkDir(".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && name != "." && hasModule(name):
			return filepath.SkipDir // a peer's module, which nothing of the house can import
		case e.IsDir() && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && name != "."):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			return read(byDir, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for _, p := range byDir {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b pkg) int { return strings.Compare(a.dir, b.dir) })
	return all
}

// hasModule tells whether a folder is a module of its own.
func hasModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

func read(byDir map[string]*pkg, name string) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	dir := path.Dir(filepath.ToSlash(name))
	p := byDir[dir]
	if p == nil {
		p = &pkg{dir: dir, imports: map[string]token.Position{}, files: map[string]int{}}
		byDir[dir] = p
	}
	for _, i := range f.Imports {
		imported, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return err
		}
		p.imports[imported] = fset.Position(i.Pos())
	}
	p.files[name] = fset.File(f.Pos()).LineCount()
	if f.Doc != nil {
		p.doc = f.Doc.Text()
	}
	p.funcs = append(p.funcs, functions(fset, f)...)
	return nil
}

func functions(fset *token.FileSet, f *ast.File) []function {
	var all []function
	for _, d := range f.Decls {
		if d, ok := d.(*ast.FuncDecl); ok && d.Body != nil {
			all = append(all, function{receiver(d), d.Name.Name, fset.Position(d.Pos()), fset.Position(d.End()).Line - fset.Position(d.Pos()).Line + 1})
		}
	}
	return all
}

// receiver is the type of a method and a dot, nothing for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	of := d.Recv.List[0].Type
	if star, ok := of.(*ast.StarExpr); ok {
		of = star.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	if name, ok := of.(*ast.Ident); ok {
		return name.Name + "."
	}
	return ""
}

// rules say what a room may import: a prefix of the importing package's folder,
// the imports it may have, and why. The first rule that fits decides. "std" is
// the standard library, "others" any module but this one.
var rules = []struct {
	room  string
	allow []string
	why   string
}{
	{"audit/signin", []string{"std", "mfawatch/audit"}, "judging a record is pure"},
	{"audit/detect", []string{"std", "mfawatch/audit", "mfawatch/audit/signin"}, "judging a stream is pure"},
	{"audit/enforce/enforcetest", []string{"std", "mfawatch/audit", "mfawatch/audit/enforce"}, "makes questions for tests"},
	{"audit/enforce/guardrail/matrix", []string{"std", "mfawatch/audit", "mfawatch/audit/enforce", "mfawatch/audit/enforce/guardrail"}, "the table is asked of any evaluator"},
	{"audit/enforce/guardrail", []string{"std", "mfawatch/audit/enforce", "mfawatch/audit/enforce/catalogue"}, "writing a policy is pure"},
	{"audit/enforce/explain", []string{"std", "mfawatch/audit", "mfawatch/audit/enforce", "mfawatch/audit/enforce/catalogue"}, "explaining a document is pure"},
	{"audit/enforce/catalogue", []string{"std"}, "names know nothing"},
	{"audit/enforce/reach", []string{"std", "mfawatch/audit", "mfawatch/audit/enforce"}, "asking what is possible is pure"},
	{"audit/enforce", []string{"std", "mfawatch/audit"}, "evaluating policies is pure"},
	{"audit/posture", []string{"std", "mfawatch/audit", "mfawatch/audit/enforce", "mfawatch/audit/enforce/reach"}, "judging an account is pure"},
	{"audit/alert", []string{"std", "mfawatch/audit", "mfawatch/audit/signin", "mfawatch/audit/detect"}, "what people are told is made purely"},
	{"audit/pattern", []string{"std"}, "AWS's filter languages, and texts in them, are pure"},
	{"audit/trail", []string{"std", "github.com/klauspost/compress"}, "taking records out of containers knows nothing of what they mean"},
	{"audit/config/compiled", []string{"std", "mfawatch/audit", "mfawatch/audit/posture", "mfawatch/audit/signin", "mfawatch/audit/detect"}, "reads what config wrote, without its parsers"},
	{"audit/config", []string{"std", "mfawatch/audit", "mfawatch/audit/config/compiled", "mfawatch/audit/posture", "mfawatch/audit/signin", "mfawatch/audit/detect", "mfawatch/internal/partition", "github.com/goccy/go-yaml", "github.com/santhosh-tekuri/jsonschema/v6", "golang.org/x/text"}, "reads what a person wrote"},
	{"audit/scan", []string{"std", "mfawatch/audit", "mfawatch/audit/signin", "mfawatch/audit/detect", "mfawatch/audit/trail"}, "joins trail to the judges"},
	{"audit/collect", []string{"std", "mfawatch/audit", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "golang.org/x/time"}, "reads accounts, judges nothing"},
	{"audit/report", []string{"std", "mfawatch/audit", "mfawatch/audit/posture", "mfawatch/audit/signin", "mfawatch/audit/detect", "mfawatch/audit/scan", "github.com/charmbracelet/x/ansi", "maragu.dev/gomponents"}, "prints results"},
	{"audit", []string{"std"}, "the shared words stand on the standard library alone"},
	{"totp/vaultapi/vaultapitest", []string{"std", "mfawatch/totp", "mfawatch/totp/vaultapi"}, "stands in for keys and a record, and holds keys to their contract"},
	{"totp/vaultapi", []string{"std", "mfawatch/totp", "mfawatch/totp/ledger", "github.com/pquerna/otp"}, "serves keys, ledger and tokens that are given to it; pquerna's otp draws QR codes"},
	{"totp/seal", []string{"std", "mfawatch/internal/outfile", "filippo.io/age", "golang.org/x/term", "golang.org/x/sys/unix"}, "seals and opens: it declares the KMS it needs, and knows nothing of AWS nor of audits"},
	{"totp/qr", []string{"std", "mfawatch/totp/seal", "github.com/makiuchi-d/gozxing"}, "reads and draws codes, and does not know what they mean"},
	{"totp/migration", []string{"std", "mfawatch/totp"}, "reading and writing an export is pure"},
	{"totp/keyring", []string{"std", "mfawatch/totp", "mfawatch/totp/ledger", "mfawatch/totp/seal"}, "joins sealed keys to names; clocks and AWS are its callers'"},
	{"totp/device", []string{"std", "mfawatch/totp", "mfawatch/totp/ledger", "mfawatch/totp/seal", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"}, "changes devices through the clients, the ledger and the seals that it is given"},
	{"totp/yubikey/otp", []string{"std", "mfawatch/totp", "mfawatch/totp/ledger"}, "decrypts and counts: it is given the time, and asks nobody"},
	{"totp/yubikey/validation", []string{"std", "mfawatch/totp", "mfawatch/totp/ledger", "mfawatch/totp/yubikey/otp"}, "speaks the protocol; keys, clients, records and the ledger's store are given to it"},
	{"totp/breakglass/record/folder", []string{"std", "mfawatch/totp/breakglass/record"}, "keeps lines in a folder and judges none"},
	{"totp/breakglass/record", []string{"std"}, "a record is bytes, hashes and signatures"},
	{"totp/breakglass/storetest", []string{"std", "mfawatch/totp", "mfawatch/totp/breakglass", "mfawatch/totp/breakglass/codes", "mfawatch/totp/breakglass/record", "mfawatch/totp/ledger", "mfawatch/totp/ledger/ledgertest"}, "holds stores and the door to their promises"},
	{"totp/breakglass/file", []string{"std", "mfawatch/totp/breakglass", "mfawatch/internal/rowfile"}, "keeps rows in a file and knows nothing of what they say"},
	{"totp/breakglass/table", []string{"std", "mfawatch/internal/rowitem", "mfawatch/totp/breakglass", "github.com/aws/aws-sdk-go-v2"}, "keeps rows in DynamoDB and knows nothing of what they say"},
	{"totp/breakglass/codes", []string{"std", "mfawatch/totp/breakglass"}, "makes and checks recovery codes; pepper and rows are given to it"},
	{"totp/breakglass/offline", []string{"std", "mfawatch/totp/breakglass/bundle", "mfawatch/totp/breakglass/record", "mfawatch/totp/breakglass/record/folder", "mfawatch/totp/device", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2"}, "goes the offline way with the clients, codes and record that it is given"},
	{"totp/breakglass/client", []string{"std", "mfawatch/totp/breakglass/wire", "mfawatch/totp/seal", "mfawatch/internal/awserr", "mfawatch/internal/sts", "github.com/aws/aws-sdk-go-v2", "filippo.io/age"}, "asks the door's function, and decides nothing"},
	{"totp/breakglass/enrol", []string{"std", "mfawatch/totp", "mfawatch/totp/seal", "mfawatch/totp/breakglass", "mfawatch/totp/breakglass/codes", "mfawatch/totp/breakglass/devices", "mfawatch/totp/yubikey/otp"}, "enrols with the rows, the seals and the time that it is given"},
	{"totp/breakglass/bundle", []string{"std", "mfawatch/totp/seal", "filippo.io/age"}, "seals and opens bytes, and decides the order of a rotation; files, cards and AWS are given to it"},
	{"totp/breakglass/devices", []string{"std", "mfawatch/totp", "mfawatch/totp/seal", "mfawatch/totp/breakglass", "mfawatch/totp/breakglass/codes", "mfawatch/totp/ledger", "mfawatch/totp/yubikey/otp"}, "opens sealed devices as factors; rows and KMS are given to it"},
	{"totp/breakglass/strict", []string{"std"}, "reads JSON and knows nothing of what it says"},
	{"totp/breakglass/wire", []string{"std", "mfawatch/totp/breakglass/strict"}, "words between the door and who calls it: it knows neither AWS nor the rules"},
	{"totp/breakglass", []string{"std", "mfawatch/totp", "mfawatch/totp/ledger", "mfawatch/totp/breakglass/record", "mfawatch/totp/breakglass/strict"}, "decides who may come in from rows and a time; stores and devices are given to it"},
	{"totp/ledger/file", []string{"std", "mfawatch/internal/rowfile"}, "keeps rows in a file and knows nothing of what they say"},
	{"totp/ledger/table", []string{"std", "mfawatch/internal/rowitem", "github.com/aws/aws-sdk-go-v2"}, "keeps rows in DynamoDB and knows nothing of what they say"},
	{"totp/ledger/ledgertest", []string{"std", "mfawatch/totp", "mfawatch/totp/ledger"}, "holds stores to the contract"},
	{"totp/ledger", []string{"std", "mfawatch/totp"}, "decides from a row and a time; stores are given to it"},
	{"totp/yubikey/apdu", []string{"std"}, "speaks to a card and knows no application"},
	{"totp/yubikey/oath", []string{"std", "mfawatch/totp", "mfawatch/totp/seal", "mfawatch/totp/yubikey/apdu"}, "speaks YKOATH: of seal it takes Secret, and it knows no reader and no ledger"},
	{"totp/yubikey/slot", []string{"std", "mfawatch/totp/seal", "mfawatch/totp/yubikey/apdu"}, "asks slots: of seal it takes Secret"},
	{"totp/yubikey/card", []string{"std", "mfawatch/totp/yubikey/apdu"}, "finds keys and changes nothing on them"},
	{"totp/yubikey/pcsc", []string{"std", "mfawatch/totp/yubikey/apdu"}, "reaches cards through pcscd and knows nothing of what they say"},
	{"totp/yubikey/inventory", []string{"std"}, "a record of what was done: files and clocks are its callers'"},
	{"totp/yubikey/yubikeytest", []string{"std"}, "the virtual key is an oracle: it shares no code with what it tests"},
	{"totp", []string{"std", "github.com/pquerna/otp"}, "making and checking codes is pure, and knows nothing of audit"},
	{"functions/settings", []string{"std"}, "infra and the functions share it"},
	{"functions/metrics", []string{"std", "mfawatch/functions/settings"}, "writes lines and calls nobody"},
	{"functions/start", []string{"std", "mfawatch/functions/settings", "mfawatch/internal/awsenv", "github.com/aws/aws-sdk-go-v2/aws", "github.com/rs/zerolog"}, "how every function begins, whatever it does"},
	{"internal/lambdatest", []string{"std"}, "a stand-in for Lambda knows no function"},
	{"internal/awserr", []string{"std", "github.com/aws/smithy-go"}, "words errors of the SDK, whatever was asked"},
	{"internal/partition", []string{"std"}, "a table of AWS's Regions, which asks nobody"},
	{"internal/s3", []string{"std", "mfawatch/internal/awserr", "mfawatch/internal/partition", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"}, "lists, reads and writes objects, and knows nothing of what they say"},
	{"internal/cloudtrail", []string{"std", "mfawatch/internal/awserr", "mfawatch/internal/partition", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "golang.org/x/time"}, "reads the event history and lists trails, and knows nothing of what they say"},
	{"functions/audit", []string{"std", "mfawatch/audit", "mfawatch/audit/collect", "mfawatch/audit/config/compiled", "mfawatch/audit/posture", "mfawatch/audit/report", "mfawatch/functions/metrics", "mfawatch/functions/settings", "mfawatch/functions/start", "mfawatch/internal/s3", "mfawatch/internal/securityhub", "mfawatch/internal/sns", "github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "github.com/rs/zerolog"}, "wires the audit to a schedule"},
	{"functions/alerting/awstest", []string{"std", "mfawatch/audit/config", "mfawatch/audit/config/compiled", "mfawatch/functions/delivery", "mfawatch/functions/delivery/deliverytest", "mfawatch/functions/settings", "mfawatch/internal/fakeaws"}, "stands in for AWS"},
	{"functions/alerting", []string{"std", "mfawatch/audit/alert", "mfawatch/audit/config/compiled", "mfawatch/audit/detect", "mfawatch/audit/signin", "mfawatch/audit/trail", "mfawatch/functions/delivery", "mfawatch/functions/metrics", "mfawatch/functions/settings", "mfawatch/functions/start", "mfawatch/internal/dynamo", "mfawatch/internal/s3", "mfawatch/internal/sns", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"}, "what the alerting functions have in common"},
	{"functions/signin", []string{"std", "mfawatch/audit/alert", "mfawatch/audit/trail", "mfawatch/functions/alerting", "mfawatch/functions/delivery", "mfawatch/functions/settings", "mfawatch/functions/start", "mfawatch/internal/s3", "github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2", "github.com/rs/zerolog"}, "takes events apart and hands them on"},
	{"functions/reconcile", []string{"std", "mfawatch/audit/alert", "mfawatch/audit/detect", "mfawatch/audit/signin", "mfawatch/audit/trail", "mfawatch/functions/alerting", "mfawatch/functions/delivery", "mfawatch/functions/settings", "mfawatch/functions/start", "mfawatch/internal/s3", "github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2", "github.com/rs/zerolog"}, "reads the trail's files once more"},
	{"internal/release", []string{"std", "github.com/klauspost/compress"}, "a tool beside the house"},
	{"internal/licences", []string{"std"}, "a tool beside the house"},
	{"internal/sbom", []string{"std"}, "a tool beside the house: it reads binaries and the list of licences"},
	{"internal/dryrun", []string{"std"}, "a tool beside the house: it runs the release and looks at what came out"},
	{"internal/awsenv", []string{"std", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"}, "reads a function's environment and calls nobody"},
	{"internal/securityhub", []string{"std", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"}, "hands on what it is given"},
	{"functions/delivery/deliverytest", []string{"std", "mfawatch/functions/delivery"}, "stands in for stores"},
	{"functions/delivery", []string{"std", "mfawatch/audit", "mfawatch/audit/alert", "github.com/rs/zerolog"}, "delivers what it is given and declares the stores it needs"},
	{"internal/dynamo", []string{"std", "mfawatch/functions/delivery", "github.com/aws/aws-sdk-go-v2"}, "keeps delivery's memory in DynamoDB"},
	{"functions/canary", []string{"std", "mfawatch/audit/alert", "mfawatch/audit/pattern/deployed", "mfawatch/functions/metrics", "mfawatch/functions/settings", "mfawatch/functions/start", "mfawatch/internal/cloudtrail", "mfawatch/internal/eventbridge", "mfawatch/internal/iam", "mfawatch/internal/lambda", "mfawatch/internal/sns", "mfawatch/internal/sqs", "github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2", "github.com/rs/zerolog"}, "watches the monitor from outside: it judges no sign-in"},
	{"functions/breakglass", []string{"std", "mfawatch/functions/metrics", "mfawatch/functions/settings", "mfawatch/functions/start", "mfawatch/internal/awsenv", "mfawatch/internal/iam", "mfawatch/internal/kms", "mfawatch/internal/s3", "mfawatch/internal/sns", "mfawatch/internal/sts", "mfawatch/totp/breakglass", "mfawatch/totp/breakglass/devices", "mfawatch/totp/breakglass/record", "mfawatch/totp/breakglass/table", "mfawatch/totp/breakglass/wire", "mfawatch/totp/seal", "filippo.io/age", "github.com/aws/aws-lambda-go", "github.com/aws/aws-sdk-go-v2", "github.com/rs/zerolog"}, "opens the emergency door: it knows no audit"},
	{"internal/sts", []string{"std", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2"}, "assumes roles and asks who signed, and knows not what for"},
	{"internal/sns", []string{"std", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2"}, "publishes what it is given, and lists who listens"},
	{"internal/sqs", []string{"std", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2"}, "takes messages, and knows nothing of what they say"},
	{"internal/eventbridge", []string{"std", "mfawatch/audit/pattern/deployed", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2"}, "sends what it is given, and answers in the words of the rules"},
	{"internal/iam", []string{"std", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2"}, "sets one tag, denies sessions, and makes and removes access keys"},
	{"internal/kms", []string{"std", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go"}, "makes and opens data keys, and knows nothing of what they seal"},
	{"internal/lambda", []string{"std", "mfawatch/internal/awserr", "github.com/aws/aws-sdk-go-v2"}, "reads what may have switched a function off"},
	{"internal/faults", []string{"std", "mfawatch/audit/alert", "mfawatch/audit/trail", "mfawatch/functions/alerting", "mfawatch/functions/alerting/awstest", "mfawatch/functions/delivery", "mfawatch/functions/delivery/deliverytest", "mfawatch/functions/settings", "mfawatch/internal/fakeaws", "mfawatch/internal/lambdatest", "github.com/rs/zerolog"}, "a campaign beside the house"},
	{"internal/casefile", []string{"std", "github.com/google/go-cmp", "golang.org/x/tools"}, "reads cases and knows none of them"},
	{"internal/rowitem", []string{"std", "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"}, "reads and writes items and knows nothing of what their rows say"},
	{"internal/rowfile/rowfiletest", []string{"std", "go.etcd.io/bbolt"}, "holds a file to its promises, whatever its rows say"},
	{"internal/rowfile", []string{"std", "go.etcd.io/bbolt"}, "keeps rows in a file and knows nothing of what they say"},
	{"internal/outfile", []string{"std"}, "writes what it is given"},
	{"internal/pages", []string{"std"}, "reads command lines for tests and runs none"},
	{"internal/manual", []string{"std", "github.com/spf13/cobra", "github.com/spf13/pflag"}, "writes pages of any command line"},
	{"internal/fakeaws", []string{"std"}, "a stand-in for AWS knows nothing of who asks it"},
	{"internal/corpus", []string{"std", "github.com/klauspost/compress"}, "the generator is an oracle: it does not know the judges"},
	{"internal/demo", []string{"std"}, "the demo's archive is made without the judges"},
	{"internal/mutate", []string{"std"}, "a tool beside the house"},
	{"internal/bench", []string{"std", "others", "mfawatch/audit", "mfawatch/totp", "mfawatch/functions/alerting/awstest", "mfawatch/functions/settings", "mfawatch/internal/corpus", "mfawatch/internal/fakeaws", "mfawatch/internal/lambdatest"}, "measures from outside"},
	{"infra/stacks", []string{"std", "mfawatch/audit/config", "mfawatch/audit/enforce/guardrail", "mfawatch/audit/collect", "mfawatch/audit/pattern/deployed", "mfawatch/functions/settings", "mfawatch/internal/partition", "mfawatch/totp/breakglass", "github.com/aws/aws-cdk-go", "github.com/aws/constructs-go", "github.com/aws/jsii-runtime-go"}, "stacks are made of what a deployment says"},
	{"infra", []string{"std", "mfawatch/audit/config", "mfawatch/infra/stacks", "mfawatch/internal/partition", "github.com/aws/aws-cdk-go", "github.com/aws/jsii-runtime-go"}, "reads mfawatch.yaml and makes stacks"},
	{"cmd/mfawatch", []string{"std", "others", "mfawatch/audit", "mfawatch/totp", "mfawatch/internal/cloudtrail", "mfawatch/internal/awserr", "mfawatch/internal/demo", "mfawatch/internal/iam", "mfawatch/internal/kms", "mfawatch/internal/manual", "mfawatch/internal/outfile", "mfawatch/internal/partition", "mfawatch/internal/s3"}, "wires the rooms to a terminal"},
}

func TestImportsPointOneWay(t *testing.T) {
	for _, p := range house(t) {
		for imported, at := range p.imports {
			if !allowed(p.dir, imported) {
				t.Errorf("%s: %s must not import %s: %s", at, p.dir, imported, why(p.dir))
			}
		}
	}
}

func rule(dir string) int {
	for i, r := range rules {
		if dir == r.room || strings.HasPrefix(dir, r.room+"/") {
			return i
		}
	}
	return -1
}

func why(dir string) string {
	if i := rule(dir); i >= 0 {
		return rules[i].why
	}
	return "this room has no rule in arch_test.go: give it one"
}

func allowed(dir, imported string) bool {
	i := rule(dir)
	if i < 0 {
		return false
	}
	return slices.ContainsFunc(rules[i].allow, func(a string) bool {
		switch a {
		case "std":
			return !strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") && !strings.HasPrefix(imported, "mfawatch")
		case "others":
			return strings.Contains(strings.SplitN(imported, "/", 2)[0], ".")
		case "mfawatch/audit", "mfawatch/totp":
			// A room that may judge everything may import all of audit; the pure
			// rooms name what they take.
			return imported == a || strings.HasPrefix(dir, "cmd/") && strings.HasPrefix(imported, a+"/") || dir == "internal/bench" && strings.HasPrefix(imported, a+"/")
		}
		return imported == a || strings.HasPrefix(imported, a+"/") && !strings.HasPrefix(a, "mfawatch")
	})
}

// heavy are modules that no function may link, and why: what a function does at
// every cold start counts, and so does each byte of its ZIP. What modules of
// others import is looked at in the binary itself, by the acceptance tests.
var heavy = map[string]string{
	"github.com/goccy/go-yaml":                 "functions read audit/config/compiled",
	"github.com/santhosh-tekuri/jsonschema":    "functions read audit/config/compiled",
	"golang.org/x/text":                        "it is audit/config's, for messages of schemas",
	"github.com/spf13/cobra":                   "command lines are cmd's",
	"github.com/aws/aws-cdk-go":                "the CDK is infra's",
	"github.com/aws/aws-sdk-go-v2/config":      "a function's keys and Region are in its environment: internal/awsenv",
	"github.com/charmbracelet/lipgloss":        "a function has no terminal",
	"github.com/rogpeppe/go-internal":          "it is for tests",
	"github.com/google/go-cmp":                 "it is for tests",
	"mfawatch/audit/config":                    "functions read audit/config/compiled",
	"mfawatch/internal/casefile":               "it is for tests",
	"mfawatch/internal/pages":                  "it is for tests",
	"mfawatch/internal/rowfile/rowfiletest":    "it is for tests",
	"mfawatch/functions/alerting/awstest":      "it stands in for AWS in tests",
	"mfawatch/functions/delivery/deliverytest": "it stands in for stores in tests",
	"mfawatch/totp/ledger/ledgertest":          "it stands in for stores in tests",
	"mfawatch/totp/yubikey/yubikeytest":        "it stands in for a YubiKey in tests",
	"mfawatch/totp/breakglass/storetest":       "it stands in for stores in tests",
	"go.etcd.io/bbolt":                         "a function's ledger is in DynamoDB",
	"github.com/makiuchi-d/gozxing":            "pictures of codes are for people",
}

// TestFunctionsStayLight follows the imports of each function through every
// package of the module.
func TestFunctionsStayLight(t *testing.T) {
	byPath := map[string]pkg{}
	for _, p := range house(t) {
		byPath[path.Join("mfawatch", p.dir)] = p
	}
	mains, err := filepath.Glob("functions/*/main.go")
	if err != nil || len(mains) < 3 {
		t.Fatalf("%d functions, error %v", len(mains), err)
	}
	for _, main := range mains {
		name := path.Dir(filepath.ToSlash(main))
		from := closure(byPath, path.Join("mfawatch", name))
		if from["mfawatch/functions/settings"] == "" || from["github.com/rs/zerolog"] == "" {
			t.Fatalf("%s: imports were not followed: %v", name, from)
		}
		for imported, by := range from {
			if why := tooHeavy(imported); why != "" {
				t.Errorf("%s links %s, which %s imports: %s", name, imported, by, why)
			}
		}
	}
}

// closure are the packages that a package needs, with one that imports each:
// those of the module, and of others what the module itself imports.
func closure(byPath map[string]pkg, start string) map[string]string {
	by := map[string]string{}
	for next := []string{start}; len(next) > 0; {
		at := next[0]
		next = next[1:]
		for imported := range byPath[at].imports {
			if by[imported] == "" {
				by[imported] = at
				next = append(next, imported)
			}
		}
	}
	return by
}

// TestCodesAndAuditsDoNotKnowEachOther follows the imports of the rooms of codes: none
// reaches a room of audits, and seal not AWS either.
func TestCodesAndAuditsDoNotKnowEachOther(t *testing.T) {
	byPath := map[string]pkg{}
	for _, p := range house(t) {
		byPath[path.Join("mfawatch", p.dir)] = p
	}
	if _, there := byPath["mfawatch/totp/seal"]; !there {
		t.Fatal("totp/seal is not in the house")
	}
	for room := range byPath {
		codes, audits := within(room, "mfawatch/totp"), within(room, "mfawatch/audit")
		if !codes && !audits {
			continue
		}
		for imported, by := range closure(byPath, room) {
			switch {
			case codes && within(imported, "mfawatch/audit"), audits && within(imported, "mfawatch/totp"):
				t.Errorf("%s reaches %s, which %s imports: codes and audits do not know each other", room, imported, by)
			case room == "mfawatch/totp/seal" && strings.HasPrefix(imported, "github.com/aws/"):
				t.Errorf("%s reaches %s, which %s imports: seal declares the KMS it needs", room, imported, by)
			}
		}
	}
}

func within(imported, room string) bool {
	return imported == room || strings.HasPrefix(imported, room+"/")
}

func tooHeavy(imported string) string {
	for module, why := range heavy {
		if imported == module || strings.HasPrefix(imported, module+"/") && !strings.HasPrefix(module, "mfawatch") {
			return why
		}
	}
	return ""
}

// impure are the parts of the standard library that a pure room has no use for:
// it is given bytes and a time.
var impure = map[string]string{
	"os": "environment and files", "os/exec": "other programs", "net": "the network", "net/http": "the network",
	"io/fs": "files", "log": "output", "math/rand": "chance", "math/rand/v2": "chance", "context": "waiting", "sync": "shared state",
}

// pureRooms are given bytes and a time, and answer.
var pureRooms = []string{
	"audit", "audit/signin", "audit/detect", "audit/posture", "audit/alert", "audit/config/compiled",
	"audit/enforce", "audit/enforce/catalogue", "audit/enforce/explain", "audit/enforce/guardrail", "audit/enforce/guardrail/matrix", "audit/enforce/reach",
	"audit/pattern", "audit/pattern/deployed", "totp", "totp/migration",
}

func TestPureRoomsStayPure(t *testing.T) {
	for _, p := range house(t) {
		if !slices.Contains(pureRooms, p.dir) {
			continue
		}
		for imported, at := range p.imports {
			if what, bad := impure[imported]; bad {
				t.Errorf("%s: %s is pure and must not import %s (%s)", at, p.dir, imported, what)
			}
		}
	}
}

// decidingRooms hand a context on to the stores they are given, and have no use for the
// rest.
var decidingRooms = []string{"totp/ledger", "totp/breakglass", "totp/breakglass/record", "totp/breakglass/codes"}

func TestDecidingRoomsStayPure(t *testing.T) {
	for _, p := range house(t) {
		if !slices.Contains(decidingRooms, p.dir) {
			continue
		}
		for imported, at := range p.imports {
			if what, bad := impure[imported]; bad && imported != "context" {
				t.Errorf("%s: %s decides and must not import %s (%s)", at, p.dir, imported, what)
			}
		}
	}
}

// A pure room is given the time.
func TestNobodyAsksTheClock(t *testing.T) {
	for _, dir := range slices.Concat(pureRooms, decidingRooms, []string{"audit/trail", "totp/qr", "totp/yubikey/otp"}) {
		names, err := filepath.Glob(dir + "/*.go")
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				noClock(t, name)
			}
		}
	}
}

func noClock(t *testing.T, name string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" && (s.Sel.Name == "Now" || s.Sel.Name == "Since") {
			t.Errorf("%s: asks the clock", fset.Position(s.Pos()))
		}
		return true
	})
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range house(t) {
		if len(p.doc) < 80 {
			t.Errorf("%s has no doc comment that says what it promises", p.dir)
		}
	}
}

func TestNoRoomForEverything(t *testing.T) {
	for _, p := range house(t) {
		if base := path.Base(p.dir); slices.Contains([]string{"utils", "util", "common", "helpers", "types", "misc"}, base) {
			t.Errorf("%s: %s is no name for a room", p.dir, base)
		}
	}
}

func TestNoInit(t *testing.T) {
	for _, p := range house(t) {
		for _, f := range p.funcs {
			if f.name == "init" {
				t.Errorf("%s: init runs behind the reader's back", f.at)
			}
		}
	}
}

// Functions are small: the median about ten lines, nine in ten under thirty, and of a
// hundred one has more than forty: most of these are tables of checks, and flags of a
// command. With -v the longest are listed.
func TestFunctionsAreSmall(t *testing.T) {
	var all []function
	for _, p := range house(t) {
		all = append(all, p.funcs...)
	}
	slices.SortFunc(all, func(a, b function) int { return a.lines - b.lines })
	at := func(hundredths int) int { return all[len(all)*hundredths/100].lines }
	t.Logf("%d functions: median %d lines, nine in ten at most %d, ninety-nine in a hundred at most %d", len(all), at(50), at(90), at(99))
	for _, f := range all[len(all)-30:] {
		t.Logf("%d lines: %s, %s", f.lines, f.name, f.at)
	}
	if at(50) > 11 || at(90) > 30 || at(99) > 40 {
		t.Errorf("median %d lines, nine in ten at most %d, ninety-nine in a hundred at most %d; want 11, 30 and 40", at(50), at(90), at(99))
	}
	if longest := all[len(all)-1]; longest.lines > 70 {
		t.Errorf("%s: %s has %d lines, want at most 70", longest.at, longest.name, longest.lines)
	}
}

// Nobody skips a file for its length.
func TestFilesAreShort(t *testing.T) {
	for _, p := range house(t) {
		for name, lines := range p.files {
			if lines > 600 {
				t.Errorf("%s has %d lines, want at most 600: take out what stands by itself", name, lines)
			}
		}
	}
}
