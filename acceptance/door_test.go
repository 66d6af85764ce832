//go:build acceptance

package acceptance

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/functions/settings"
	"mfawatch/internal/kms"
	"mfawatch/internal/lambdatest"
	"mfawatch/internal/sts"
	"mfawatch/internal/sts/ststest"
	"mfawatch/totp"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/devices"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/table"
	"mfawatch/totp/breakglass/wire"
	ledgertable "mfawatch/totp/ledger/table"
	"mfawatch/totp/seal"
)

// doorway is AWS as the door's function sees it: DynamoDB Local, moto for the rest, and
// faults on the way to each service.
type doorway struct {
	t      *testing.T
	url    string
	moto   *moto
	db     *dynamodb.Client
	key    string // ARN
	topic  string
	binary string
	doors  int
	people map[string]aws.Credentials
	sts    *ststest.Server // checks signatures, which moto does not
	proofs time.Duration   // that calls of GetCallerIdentity took
	ahead  time.Duration   // of the clocks of AWS and of who calls, before the function's

	mutex sync.Mutex
	fault func(service, target string, w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) bool
}

var scope = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request`)

// proving is the target of calls of GetCallerIdentity that a caller of the door signed.
const proving = "proving"

func newDoorway(t *testing.T) *doorway {
	t.Helper()
	d := &doorway{t: t, moto: startMoto(t, 0), db: dynamoDB(t), people: map[string]aws.Credentials{}}
	d.sts = &ststest.Server{Now: d.now}
	local, err := url.Parse(aws.ToString(d.db.Options().BaseEndpoint))
	if err != nil {
		t.Fatal(err)
	}
	remote, err := url.Parse(d.moto.url)
	if err != nil {
		t.Fatal(err)
	}
	toDynamoDB, toMoto := httputil.NewSingleHostReverseProxy(local), httputil.NewSingleHostReverseProxy(remote)
	toMoto.ModifyResponse = func(r *http.Response) error {
		r.Header.Set("Date", d.now().UTC().Format(http.TimeFormat))
		return nil
	}
	toDynamoDB.ErrorLog, toMoto.ErrorLog = log.New(io.Discard, "", 0), log.New(io.Discard, "", 0) // of callers that went
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service, target := "", r.Header.Get("X-Amz-Target")
		if m := scope.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
			service = m[1]
		}
		if r.Header.Get(wire.CommandHeader) != "" {
			target = proving
		}
		forward := func(w http.ResponseWriter) {
			switch {
			case service == "dynamodb":
				toDynamoDB.ServeHTTP(w, r)
			case target != proving || d.signed(w, r):
				started := time.Now()
				toMoto.ServeHTTP(w, r)
				if target == proving {
					d.mutex.Lock()
					d.proofs += time.Since(started)
					d.mutex.Unlock()
				}
			}
		}
		d.mutex.Lock()
		fault := d.fault
		d.mutex.Unlock()
		if fault != nil && fault(service, target, w, r, forward) {
			return
		}
		forward(w)
	}))
	t.Cleanup(srv.Close)
	d.url = srv.URL
	d.stage()
	d.binary, err = lambdatest.Build("../functions/breakglass", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// now is what the clocks say of AWS and of who calls.
func (d *doorway) now() time.Time { return time.Now().Add(d.ahead) }

// signed checks the signature of a call of GetCallerIdentity, and leaves it as it was.
// Where it is wrong, it has answered.
func (d *doorway) signed(w http.ResponseWriter, r *http.Request) bool {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return false
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	checked, answer := r.Clone(r.Context()), httptest.NewRecorder()
	checked.Body = io.NopCloser(bytes.NewReader(body))
	if d.sts.ServeHTTP(answer, checked); answer.Code == http.StatusOK {
		return true
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
	return false
}

// person makes an IAM user, once, and gives an access key of theirs.
func (d *doorway) person(who string) aws.Credentials {
	d.t.Helper()
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if c, there := d.people[who]; there {
		return c
	}
	c := awsiam.NewFromConfig(d.moto.config("test", "test", ""))
	if _, err := c.CreateUser(d.t.Context(), &awsiam.CreateUserInput{UserName: &who}); err != nil {
		d.t.Fatal(err)
	}
	made, err := c.CreateAccessKey(d.t.Context(), &awsiam.CreateAccessKeyInput{UserName: &who})
	if err != nil {
		d.t.Fatal(err)
	}
	k := aws.Credentials{AccessKeyID: aws.ToString(made.AccessKey.AccessKeyId), SecretAccessKey: aws.ToString(made.AccessKey.SecretAccessKey)}
	d.sts.Know(k.AccessKeyID, ststest.Key{Secret: k.SecretAccessKey, ARN: userARN(who)})
	d.people[who] = k
	return k
}

func userARN(who string) string { return "arn:aws:iam::" + motoAccount + ":user/" + who }

// stage makes what the stack would.
func (d *doorway) stage() {
	d.t.Helper()
	c := d.moto.config("test", "test", "")
	key, err := awskms.NewFromConfig(c).CreateKey(d.t.Context(), &awskms.CreateKeyInput{})
	if err != nil {
		d.t.Fatal(err)
	}
	topic, err := sns.NewFromConfig(c).CreateTopic(d.t.Context(), &sns.CreateTopicInput{Name: aws.String("door")})
	if err != nil {
		d.t.Fatal(err)
	}
	d.key, d.topic = aws.ToString(key.KeyMetadata.Arn), aws.ToString(topic.TopicArn)
	for _, who := range []string{"ada", "ada2", "bob", "cyd", "eve"} { // eve is a user of AWS, and not of any door
		d.person(who)
	}
	if _, err := awsiam.NewFromConfig(c).CreateRole(d.t.Context(), &awsiam.CreateRoleInput{RoleName: aws.String("break-glass"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[]}`)}); err != nil {
		d.t.Fatal(err)
	}
}

// faulty makes the way to AWS faulty, or whole again with nil.
func (d *doorway) faulty(f func(service, target string, w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) bool) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.fault = f
}

// refusing answers a service's calls with an error.
func refusing(service string, status int, code string) func(string, string, http.ResponseWriter, *http.Request, func(http.ResponseWriter)) bool {
	return func(s, _ string, w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if s != service {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Amzn-Errortype", code)
		w.WriteHeader(status)
		if service == "dynamodb" || service == "kms" {
			_, _ = fmt.Fprintf(w, `{"__type":%q,"message":"staged"}`, code)
		} else {
			_, _ = fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>staged</Message></Error></ErrorResponse>`, code)
		}
		return true
	}
}

// door is one door with tables, rules and a bucket of its own.
type door struct {
	*doorway
	store  *table.Store
	rules  breakglass.Rules
	keys   map[string]totp.Key
	env    []string
	me     *age.X25519Identity
	bucket string
	f      *lambdatest.Function

	approved time.Time // when bob's last code was made
}

func (d *doorway) door() *door {
	d.t.Helper()
	d.doors++
	name := fmt.Sprint("door-", d.doors)
	o := &door{doorway: d, keys: map[string]totp.Key{}, bucket: "record-" + name}
	for _, in := range []*dynamodb.CreateTableInput{table.CreateTable(name), ledgertable.CreateTable(name + "-ledger")} {
		if _, err := d.db.CreateTable(d.t.Context(), in); err != nil {
			d.t.Fatal(err)
		}
	}
	o.store = &table.Store{Client: d.db, Place: table.Places(name, name+"-ledger")}
	o.people(name)
	o.lockedBucket()
	dir := d.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "breakglass.json"), o.rules.JSON(), 0o600); err != nil {
		d.t.Fatal(err)
	}
	o.env = []string{"AWS_ENDPOINT_URL=" + d.url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "LAMBDA_TASK_ROOT=" + dir}
	for k, v := range settings.Env(settings.BreakGlass{
		Common: settings.Common{Partition: "aws", Account: motoAccount, LogLevel: "info"}, Region: "us-east-1", Table: name, LedgerTable: name + "-ledger",
		TopicARN: d.topic, KeyARN: d.key, RecordBucket: o.bucket,
	}) {
		o.env = append(o.env, k+"="+v)
	}
	var err error
	if o.me, err = age.GenerateX25519Identity(); err != nil {
		d.t.Fatal(err)
	}
	o.f = o.process()
	return o
}

// people are ada, bob and cyd, with a sealed device each.
func (o *door) people(name string) {
	o.t.Helper()
	o.rules = breakglass.Rules{Door: name, Approve: 30 * time.Minute, Use: 15 * time.Minute}
	all := []string{"ada", "bob", "cyd"}
	sealing := devices.Keys(kms.New(o.moto.config("test", "test", "")), o.key, name)
	for _, who := range all {
		d := breakglass.Device{ID: who + "-totp", Kind: breakglass.TOTP, Grade: breakglass.Touch}
		o.rules.People = append(o.rules.People, breakglass.Person{Name: who, Principals: []string{userARN(who)}, Devices: []breakglass.Device{d}})
		k, err := totp.New(totp.Settings{Account: who}, []byte(strings.Repeat(who, 7)[:20]))
		if err != nil {
			o.t.Fatal(err)
		}
		o.keys[d.ID] = k
		if who == "ada" { // she has a second user, who asks for nothing
			p := &o.rules.People[len(o.rules.People)-1]
			p.Principals = append(p.Principals, userARN("ada2"))
		}
		if err := devices.Enrol(o.t.Context(), o.store, sealing, d, seal.NewSecret([]byte(k.URI()))); err != nil {
			o.t.Fatal(err)
		}
	}
	// cyd has a slot of a YubiKey besides, which is not enrolled yet.
	o.rules.People[2].Devices = append(o.rules.People[2].Devices, breakglass.Device{ID: "cyd-slot", Kind: breakglass.YubicoOTP, Grade: breakglass.Touch})
	o.rules.Roles = []breakglass.Role{{
		Name: "admin", ARN: "arn:aws:iam::" + motoAccount + ":role/break-glass", Requesters: all, Approvers: all, Approvals: 1, Longest: time.Hour, Grade: breakglass.Touch,
	}}
}

// lockedBucket has Object Lock and a default retention.
func (o *door) lockedBucket() {
	o.t.Helper()
	c := s3.NewFromConfig(o.moto.config("test", "test", ""), func(p *s3.Options) { p.UsePathStyle = true })
	if _, err := c.CreateBucket(o.t.Context(), &s3.CreateBucketInput{Bucket: &o.bucket, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		o.t.Fatal(err)
	}
	_, err := c.PutObjectLockConfiguration(o.t.Context(), &s3.PutObjectLockConfigurationInput{Bucket: &o.bucket, ObjectLockConfiguration: &s3types.ObjectLockConfiguration{
		ObjectLockEnabled: s3types.ObjectLockEnabledEnabled, Rule: &s3types.ObjectLockRule{DefaultRetention: &s3types.DefaultRetention{Mode: s3types.ObjectLockRetentionModeCompliance, Days: aws.Int32(365)}},
	}})
	if err != nil {
		o.t.Fatal(err)
	}
}

// process is the released binary, not started yet.
func (o *door) process() *lambdatest.Function {
	f := &lambdatest.Function{Binary: o.binary, Env: o.env, Handler: "breakglass"}
	o.t.Cleanup(f.Close)
	return f
}

// called is a command with the proof of who sends it.
func (o *door) called(who string, c wire.Command) []byte { return o.calledAt(who, c, o.now()) }

func (o *door) calledAt(who string, c wire.Command, at time.Time) []byte {
	o.t.Helper()
	call := c.Call()
	call.Proof.Door = o.rules.Door
	p, err := sts.Sign(o.t.Context(), o.person(who), "us-east-1", call.Signed(), at)
	if err != nil {
		o.t.Fatal(err)
	}
	call.Proof = wire.Proof{Door: o.rules.Door, Key: p.Key, At: p.At, Token: p.Token, Signature: p.Signature}
	return call.JSON()
}

// payload is the event of a call that says to be somebody's.
func payload(who string, body []byte) []byte {
	e := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/", Body: base64.StdEncoding.EncodeToString(body), IsBase64Encoded: true}
	e.RequestContext.HTTP.Method = "POST"
	e.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{UserARN: userARN(who)}}
	text, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return text
}

// ask invokes a process with a command. It may be called by many at once.
func (o *door) ask(f *lambdatest.Function, who string, c wire.Command, timeout time.Duration) (int, wire.Answer, error) {
	return o.send(f, who, o.called(who, c), timeout)
}

// send invokes a process with a call, whoever signed it.
func (o *door) send(f *lambdatest.Function, who string, body []byte, timeout time.Duration) (int, wire.Answer, error) {
	a, err := f.Invoke(o.t.Context(), payload(who, body), timeout)
	if err != nil {
		return 0, wire.Answer{}, err
	}
	if a.Error != nil {
		return 0, wire.Answer{}, a.Error
	}
	var r events.LambdaFunctionURLResponse
	if err := json.Unmarshal(a.Payload, &r); err != nil {
		return 0, wire.Answer{}, err
	}
	answer, err := wire.ParseAnswer([]byte(r.Body))
	return r.StatusCode, answer, err
}

func (o *door) say(who string, c wire.Command) (int, wire.Answer) {
	o.t.Helper()
	status, a, err := o.ask(o.f, who, c, 30*time.Second)
	if err != nil {
		o.t.Fatalf("%s: %v\n%.3000s", c.Command, err, o.f.Logs())
	}
	return status, a
}

func (o *door) done(who string, c wire.Command) wire.Answer {
	o.t.Helper()
	status, a := o.say(who, c)
	if status != 200 {
		o.t.Fatalf("%s by %s: %d %s\n%.3000s", c.Command, who, status, a.JSON(), o.f.Logs())
	}
	return a
}

// no wants a refusal or a failure, and says how long it took.
func (o *door) no(name string, who string, c wire.Command, wantStatus int, reason string) {
	o.t.Helper()
	started := time.Now()
	status, a := o.say(who, c)
	got := ""
	if a.Refused != nil {
		got = a.Refused.Reason
	}
	if a.Failed != nil {
		got = string(a.Failed.Reason)
	}
	if status != wantStatus || got != reason || a.Grant != nil {
		o.t.Errorf("%s: %d %s, want %d %s\n%.2000s", name, status, got, wantStatus, reason, o.f.Logs())
	}
	o.t.Logf("%s: %d %s after %v", name, status, got, time.Since(started).Round(time.Millisecond))
}

func (o *door) code(device string, at time.Time) wire.Code {
	o.t.Helper()
	code, _, err := o.keys[device].Generate(at)
	if err != nil {
		o.t.Fatal(err)
	}
	return wire.Code(code)
}

func (o *door) request() wire.Command {
	return wire.Command{Command: wire.Request, Role: "admin", Why: "the identity provider is down", Ticket: "INC-7", Seconds: 900, Recipient: o.me.Recipient().String()}
}

func (o *door) ready() string {
	o.t.Helper()
	id := o.done("ada", o.request()).Request.ID
	o.done("bob", o.approval(id))
	return id
}

func (o *door) approval(id string) wire.Command {
	o.approved = time.Now()
	return wire.Command{Command: wire.Approve, Request: id, Device: "bob-totp", Code: o.code("bob-totp", o.approved)}
}

func (o *door) use(id string) wire.Command {
	return wire.Command{Command: wire.Use, Request: id, Device: "ada-totp", Code: o.code("ada-totp", o.now())}
}

// opened are a grant's credentials.
func (o *door) opened(g *wire.Grant) wire.Credentials {
	o.t.Helper()
	if g == nil {
		o.t.Fatal("there is no grant")
	}
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(g.Credentials)), o.me)
	if err != nil {
		o.t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		o.t.Fatal(err)
	}
	c, err := wire.ParseCredentials(text)
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

// tend is the schedule's invocation.
func (o *door) tend() error {
	o.t.Helper()
	a, err := o.f.Invoke(o.t.Context(), []byte(`{"mfawatch":"tend"}`), time.Minute)
	if err != nil {
		o.t.Fatal(err)
	}
	if a.Error != nil {
		return a.Error
	}
	return nil
}

// lines are the record as it is in the table, by DynamoDB's own query.
func (o *door) lines() (lines [][]byte) {
	o.t.Helper()
	out, err := o.db.Query(o.t.Context(), &dynamodb.QueryInput{
		TableName: &o.rules.Door, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("#k = :entry"),
		ExpressionAttributeNames: map[string]string{"#k": "key"}, ExpressionAttributeValues: map[string]types.AttributeValue{":entry": &types.AttributeValueMemberS{Value: "entry"}},
	})
	if err != nil {
		o.t.Fatal(err)
	}
	for _, item := range out.Items {
		lines = append(lines, []byte(item["row"].(*types.AttributeValueMemberS).Value))
	}
	return lines
}

// entries counts the record by "what outcome".
func (o *door) entries() map[string]int {
	o.t.Helper()
	n := map[string]int{}
	for _, line := range o.lines() {
		e, err := record.Parse(line)
		if err != nil {
			o.t.Fatal(err)
		}
		n[fmt.Sprint(e.What, " ", e.Outcome)]++
	}
	return n
}

// noSecrets looks through a log.
func (o *door) noSecrets(logged string, more ...string) {
	o.t.Helper()
	for _, k := range o.keys {
		more = append(more, k.Secret())
	}
	for i, secret := range append(more, "otpauth", "AGE-SECRET-KEY", "BEGIN AGE") {
		if secret != "" && strings.Contains(logged, secret) {
			o.t.Errorf("secret %d is in the log", i)
		}
	}
}

// TestTheDoorOpens goes the whole way with the real binary: the credentials work, people
// hear of it, the record is archived under Object Lock and recomputed by a shell, and
// AWS refuses the session when it is ended.
func TestTheDoorOpens(t *testing.T) {
	for _, program := range []string{"jq", "sha256sum", "openssl", "bash", "base64"} {
		peer(t, program)
	}
	d := newDoorway(t)
	e := &estate{moto: d.moto, t: t, region: "us-east-1"}
	e.call("AmazonSQS.CreateQueue", map[string]any{"QueueName": "people"}, nil)
	if _, err := sns.NewFromConfig(d.moto.config("test", "test", "")).Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &d.topic, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:" + motoAccount + ":people")}); err != nil {
		t.Fatal(err)
	}
	// The stand-ins, a JVM and a Python, are slow at first: another door warms them. The
	// process of the function that is measured starts cold.
	warm := d.door()
	warm.done("ada", warm.use(warm.ready()))
	o, use, g := d.quickly(func() { e.take("people") })
	id, c := use.Request, o.opened(g)
	who, err := awssts.NewFromConfig(d.moto.config(c.AccessKeyId, c.SecretAccessKey, c.SessionToken)).GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	if want := "arn:aws:sts::" + motoAccount + ":assumed-role/break-glass/mfawatch-" + id; err != nil || aws.ToString(who.Arn) != want {
		t.Errorf("the credentials are of %s (%v), want %s", aws.ToString(who.Arn), err, want)
	}
	var told []string
	for _, m := range e.take("people") {
		var envelope struct{ Message string }
		var notice struct{ What, Level string }
		if err := json.Unmarshal([]byte(m.Body), &envelope); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(envelope.Message), &notice); err != nil {
			t.Fatal(err)
		}
		told = append(told, notice.Level+" "+notice.What)
	}
	if len(told) != 4 || !strings.Contains(strings.Join(told, ","), "critical used") {
		t.Errorf("told %v, want four", told)
	}
	o.done("ada", wire.Command{Command: wire.End, Request: id})
	policy, err := awsiam.NewFromConfig(d.moto.config("test", "test", "")).GetRolePolicy(t.Context(), &awsiam.GetRolePolicyInput{RoleName: aws.String("break-glass"), PolicyName: aws.String("mfawatch-revoked")})
	if err != nil || !strings.Contains(aws.ToString(policy.PolicyDocument), id) {
		t.Errorf("the session is not denied: %v", err)
	}
	head := o.done("bob", wire.Command{Command: wire.Head})
	if err := o.tend(); err != nil {
		t.Fatal(err)
	}
	o.archived()
	o.recomputed(head)
	o.noSecrets(o.f.Logs(), c.SecretAccessKey, c.SessionToken, string(use.Code))
}

// quickly goes from a request to credentials at a new door, once more where that took
// longer than it may: another program may have had the machine.
func (d *doorway) quickly(before func()) (o *door, use wire.Command, g *wire.Grant) {
	const most = 2 * time.Second
	for range 3 {
		before()
		o, d.proofs = d.door(), 0
		started := time.Now()
		id := o.done("ada", o.request()).Request.ID
		asked := time.Since(started)
		o.done("bob", o.approval(id))
		approved := time.Since(started) - asked
		use = o.use(id)
		g = o.done("ada", use).Grant
		took := time.Since(started)
		d.t.Logf("from request to credentials %v, in which the stand-in's answers to who calls took %v: request %v with a cold start, approval %v, use %v", took.Round(time.Millisecond), d.proofs.Round(time.Millisecond), asked.Round(time.Millisecond), approved.Round(time.Millisecond), (took - asked - approved).Round(time.Millisecond))
		if took < most {
			return o, use, g
		}
	}
	d.t.Errorf("it took %v and more each time", most)
	return o, use, g
}

// archived looks at the record in the bucket.
func (o *door) archived() {
	o.t.Helper()
	c := s3.NewFromConfig(o.moto.config("test", "test", ""), func(p *s3.Options) { p.UsePathStyle = true })
	key := "record/" + o.rules.Door + "/entries-000000000001.jsonl"
	out, err := c.GetObject(o.t.Context(), &s3.GetObjectInput{Bucket: &o.bucket, Key: &key})
	if err != nil {
		o.t.Fatal(err)
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	if err != nil || string(text) != joined(o.lines()) {
		o.t.Errorf("the bucket has %d bytes that are not the table's record: %v", len(text), err)
	}
	if out.ObjectLockMode != s3types.ObjectLockModeCompliance || out.ObjectLockRetainUntilDate == nil {
		o.t.Errorf("the object is not locked: mode %q", out.ObjectLockMode)
	}
}

// recomputed is the table's record by a shell, and its head by openssl.
func (o *door) recomputed(a wire.Answer) {
	o.t.Helper()
	dir := o.t.TempDir()
	public, err := base64.StdEncoding.DecodeString(a.Key)
	if err != nil {
		o.t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(public))
	if err != nil {
		o.t.Fatal(err)
	}
	head, err := record.ParseHead([]byte(a.Head))
	if err != nil {
		o.t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"record.jsonl": []byte(joined(o.lines()[:head.Seq])), "head.json": []byte(a.Head), "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
	run := func(script string) string {
		cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			o.t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := run(documented(o.t)); got != head.Hash {
		o.t.Errorf("the shell says %q, want the head's %s", got, head.Hash)
	}
	if got := run("jq -cSj .head head.json > head.msg; jq -r .signature head.json | base64 -d > head.sig; openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in head.msg -sigfile head.sig"); !strings.Contains(got, "Verified Successfully") {
		o.t.Errorf("openssl says %q", got)
	}
}

// TestOneGrantOf64 has 64 processes use one request with one code at once: one grant, and
// no more sessions than who asked may have handed out again.
func TestOneGrantOf64(t *testing.T) {
	const many = 64
	o := newDoorway(t).door()
	id := o.ready()
	// Who calls is not told by moto, a single Python, which 64 would ask at once.
	o.faulty(func(_, target string, w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
		if target == proving {
			o.sts.ServeHTTP(w, r)
		}
		return target == proving
	})
	processes := make([]*lambdatest.Function, many)
	var wait sync.WaitGroup
	for i := range processes {
		processes[i] = o.process()
		wait.Go(func() {
			if _, err := processes[i].Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	use := o.use(id)
	var mutex sync.Mutex
	answers, sessions := map[string]int{}, map[string]bool{}
	started := time.Now()
	for i, f := range processes {
		// Each has a second of its own, as one proof is taken a few times only.
		body := o.calledAt("ada", use, o.now().Add(-time.Duration(i%45)*time.Second))
		wait.Go(func() {
			status, a, err := o.send(f, "ada", body, 2*time.Minute)
			mutex.Lock()
			defer mutex.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case a.Grant != nil:
				answers["credentials"]++
				sessions[a.Grant.Session] = true
			case a.Refused != nil:
				answers[a.Refused.Reason]++
			case a.Failed != nil:
				answers[fmt.Sprint(status, " ", a.Failed.Reason)]++
			}
		})
	}
	wait.Wait()
	took := time.Since(started)
	for range 20 { // others were before the one each time: it asks again, as a person would
		if answers["credentials"] > 0 {
			break
		}
		time.Sleep(breakglass.RetryAfter + time.Second)
		if _, a, err := o.ask(processes[0], "ada", o.use(id), time.Minute); err == nil && a.Grant != nil {
			sessions[a.Grant.Session] = true
			answers["credentials"]++
		}
	}
	n := o.entries()
	t.Logf("%d processes at once, %v: answers %v, record %v", many, took.Round(time.Millisecond), answers, n)
	if n["used done"] != 1 || len(sessions) != 1 || answers["credentials"] < 1 || answers["credentials"] > 4 || n["issued done"] < answers["credentials"] {
		t.Errorf("answers %v in %d sessions, record %v: want one grant", answers, len(sessions), n)
	}
}

// TestGuessesOverTheWire: the ledger makes a guesser wait, and in the end locks the
// device; two people unlock it, and its owner gets in.
func TestGuessesOverTheWire(t *testing.T) {
	d := newDoorway(t)
	o := d.door()
	guess := o.use(o.ready())
	guess.Code = o.code("ada-totp", time.Now().Add(1000*time.Hour))
	refusals := map[string]int{}
	for range 10 {
		_, a := o.say("ada", guess)
		if a.Refused == nil {
			t.Fatalf("a guess came to %s", a.JSON())
		}
		refusals[a.Refused.Reason]++
	}
	if refusals["not-accepted"] != 5 || refusals["wait"] != 5 {
		t.Errorf("ten guesses: %v, want five compared and five made to wait", refusals)
	}
	o = d.door()
	const lock = 20 // the ledger's rule
	t.Logf("%d guesses were compared a month ago", o.guessed(lock-1))
	id := o.ready()
	o.many(id, 20*time.Second)
	o.no("locked", "ada", o.use(id), 403, "locked")
	unlock := wire.Command{Command: wire.Unlock, Target: "ada-totp", Device: "cyd-totp", Code: o.code("cyd-totp", time.Now())}
	if o.done("cyd", unlock).Unlocked {
		t.Error("one person unlocked")
	}
	o.no("still locked", "ada", o.use(id), 403, "locked")
	for used := o.code("bob-totp", o.approved); ; time.Sleep(500 * time.Millisecond) { // until bob's next code
		if unlock.Device, unlock.Code = "bob-totp", o.code("bob-totp", time.Now()); unlock.Code != used {
			break
		}
	}
	if !o.done("bob", unlock).Unlocked {
		t.Error("two people did not unlock")
	}
	o.opened(o.done("ada", o.use(id)).Grant)
}

// many has two processes take guesses without end, for a time: at ada's device by a
// principal of hers, and at hers and bob's by a stranger. Of hers one is compared, the last
// that is before the device is locked; the stranger's lock nothing; and who goes on is
// refused before anything is looked at.
func (o *door) many(id string, length time.Duration) {
	o.t.Helper()
	const fewest = 40 // of each, however slow the machine is: more than anybody may call in a minute
	at := []string{"ada-totp", "bob-totp"}
	hers, eves := map[string]int{}, map[string]int{}
	before, started := o.entries(), time.Now()
	var wait sync.WaitGroup
	guess := func(who string, answers map[string]int, command func(i int) wire.Command) {
		f := o.process()
		wait.Go(func() {
			for i := 0; i < fewest || time.Since(started) < length; i++ {
				c := command(i)
				c.Code = o.code(c.Device, time.Now().Add(time.Duration(1000+i)*time.Hour))
				status, a, err := o.ask(f, who, c, 30*time.Second)
				if err != nil || a.Refused == nil {
					o.t.Errorf("guess %d of %s: %d %s, %v\n%.2000s", i, who, status, a.JSON(), err, f.Logs())
					return
				}
				answers[a.Refused.Reason]++
			}
		})
	}
	guess("ada2", hers, func(int) wire.Command {
		return wire.Command{Command: wire.Unlock, Target: "bob-totp", Device: "ada-totp"}
	})
	guess("eve", eves, func(i int) wire.Command {
		return wire.Command{Command: wire.Use, Request: id, Device: at[i%len(at)]}
	})
	wait.Wait()
	n, all := o.entries(), 0
	for _, answers := range []map[string]int{hers, eves} {
		for _, count := range answers {
			all += count
		}
	}
	o.t.Logf("%d guesses in %v: those by a principal of ada's were answered %v, a stranger's %v", all, time.Since(started).Round(time.Millisecond), hers, eves)
	if hers["not-accepted"] != 1 || hers["locked"] == 0 || hers["not-accepted"]+hers["locked"]+hers["too-often"] < fewest || len(hers) > 3 {
		o.t.Errorf("of guesses at a device that one more locks: %v", hers)
	}
	if got := n["unlocked refused"] - before["unlocked refused"]; got != 1+hers["locked"] {
		o.t.Errorf("%d entries of %v", got, hers)
	}
	// Whom the rules do not know has twenty entries an hour, whatever they send.
	if got := n["used refused"] - before["used refused"]; got > 20 || eves["not-accepted"] > 19 {
		o.t.Errorf("%d entries of %v", got, eves)
	}
}

// guessed guesses at ada's device over the door's own tables, a month ago, by a clock
// that goes to the end of each wait, until so many were compared.
func (o *door) guessed(most int) (compared int) {
	o.t.Helper()
	ada, now := breakglass.Caller{Principal: o.rules.People[0].Principals[0]}, time.Now().Add(-30*24*time.Hour)
	proof := breakglass.Proof{Device: "ada-totp", Code: breakglass.Typed(string(o.code("ada-totp", time.Now().Add(1000*time.Hour))))}
	for tries := 0; compared < most; tries++ {
		_, err := o.inProcess().Unlock(o.t.Context(), ada, "bob-totp", proof, now)
		r := (*breakglass.Refusal)(nil)
		if !errors.As(err, &r) || tries > 3*most {
			o.t.Fatalf("guess %d: %v", tries, err)
		}
		switch r.Reason {
		case breakglass.NotAccepted:
			compared++
		case breakglass.Wait:
			now = r.Until.Add(time.Second)
		default:
			o.t.Fatalf("guess %d: %v", tries, r)
		}
	}
	return compared
}

// inProcess is another who decides over the door's own tables, by whatever clock.
func (o *door) inProcess() *breakglass.Door {
	sealing := devices.Keys(kms.New(o.moto.config("test", "test", "")), o.key, o.rules.Door)
	return &breakglass.Door{Store: o.store, Rules: o.rules, Factors: devices.Sealed{Store: o.store, Keys: sealing, Rules: o.rules}, Random: rand.Reader}
}

// doorAt is a door at which the clocks of AWS, of who calls and of who changed the rows
// before are all ahead of the function's, and a request that is ready: a clock that is off
// by itself looks just so to the function. Who calls is known by AWS's clock, so it is not
// that which fails.
func (d *doorway) doorAt(ahead time.Duration) (*door, string) {
	d.t.Helper()
	o := d.door()
	d.ahead = ahead
	other, now := o.inProcess(), d.now()
	r, err := other.Ask(d.t.Context(), breakglass.Caller{Principal: userARN("ada")}, breakglass.Ask{Role: "admin", Why: "the clock", Duration: 15 * time.Minute, Recipient: o.me.Recipient().String()}, now)
	if err != nil {
		d.t.Fatal(err)
	}
	code := breakglass.Proof{Device: "bob-totp", Code: breakglass.Typed(string(o.code("bob-totp", now)))}
	if _, err := other.Approve(d.t.Context(), breakglass.Caller{Principal: userARN("bob")}, r.ID, code, now); err != nil {
		d.t.Fatal(err)
	}
	return o, r.ID
}

// TestFaultsOnTheWay tries what may be down, and what comes of it.
func TestFaultsOnTheWay(t *testing.T) {
	d := newDoorway(t)
	type handler = func(service, target string, w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) bool
	slow := func(pause time.Duration) handler {
		return func(service, _ string, _ http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) bool {
			if service == "dynamodb" {
				time.Sleep(pause)
			}
			return false
		}
	}
	t.Run("DynamoDB is down", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		d.faulty(refusing("dynamodb", 500, "InternalServerError"))
		o.no("request", "ada", o.request(), 503, "store-down")
		o.no("use", "ada", o.use(id), 503, "store-down")
		d.faulty(nil)
		if n := o.entries(); n["used done"] != 0 {
			t.Errorf("the record has %v", n)
		}
		o.opened(o.done("ada", o.use(id)).Grant)
	})
	t.Run("DynamoDB is slow", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		d.faulty(slow(100 * time.Millisecond))
		started := time.Now()
		o.opened(o.done("ada", o.use(id)).Grant)
		t.Logf("100ms a call: use took %v", time.Since(started).Round(time.Millisecond))
		d.faulty(nil)
	})
	t.Run("DynamoDB hangs", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		use := o.use(id)
		d.faulty(slow(15 * time.Second))
		started := time.Now()
		status, a, err := o.ask(o.f, "ada", use, 8*time.Second)
		if err != nil || status != 503 || a.Failed == nil || a.Failed.Reason != wire.StoreDown {
			t.Errorf("%d %s, %v", status, a.JSON(), err)
		}
		t.Logf("it answers after %v of 8s", time.Since(started).Round(time.Millisecond))
		d.faulty(nil)
	})
	t.Run("answers of transactions are lost", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		var mutex sync.Mutex
		lost := 0
		d.faulty(func(service, target string, w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) bool {
			mutex.Lock()
			mine := strings.HasSuffix(target, ".TransactWriteItems") && lost < 2
			if mine {
				lost++
			}
			mutex.Unlock()
			if mine {
				forward(httptest.NewRecorder()) // it is kept
				return refusing("dynamodb", 500, "InternalServerError")(service, target, w, r, nil)
			}
			return false
		})
		o.opened(o.done("ada", o.use(id)).Grant)
		d.faulty(nil)
		if n := o.entries(); n["used done"] != 1 || n["issued done"] != 1 || lost != 2 {
			t.Errorf("%d answers were lost; the record has %v", lost, n)
		}
	})
	t.Run("KMS refuses", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		d.faulty(refusing("kms", 400, "AccessDeniedException"))
		o.no("use", "ada", o.use(id), 403, "device-unavailable")
		d.faulty(nil)
		o.opened(o.done("ada", o.use(id)).Grant) // the code was not used
	})
	t.Run("STS refuses", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		use := o.use(id)
		d.faulty(func(service, target string, w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) bool {
			return target != proving && refusing("sts", 403, "AccessDenied")(service, target, w, r, forward)
		})
		o.no("use", "ada", use, 502, "not-issued")
		d.faulty(nil)
		o.opened(o.done("ada", use).Grant) // the same again
		if n := o.entries(); n["used done"] != 1 || n["not-issued failed"] != 1 || n["retried done"] != 1 {
			t.Errorf("the record has %v", n)
		}
	})
	t.Run("STS does not say who calls", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		use := o.use(id)
		proofs := func(f func(http.ResponseWriter, *http.Request) bool) handler {
			return func(_, target string, w http.ResponseWriter, r *http.Request, _ func(http.ResponseWriter)) bool {
				return target == proving && f(w, r)
			}
		}
		d.faulty(proofs(func(w http.ResponseWriter, r *http.Request) bool {
			return refusing("sts", 503, "ServiceUnavailable")("sts", "", w, r, nil)
		}))
		o.no("it is down", "ada", use, 503, "proof-unchecked")
		d.faulty(proofs(func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body) // else nobody sees that the function went
			select {
			case <-time.After(20 * time.Second):
			case <-r.Context().Done():
			}
			return true
		}))
		started := time.Now()
		status, a, err := o.ask(o.f, "ada", use, 6*time.Second)
		if err != nil || status != 503 || a.Failed == nil || a.Failed.Reason != wire.ProofUnchecked {
			t.Errorf("it hangs: %d %s, %v", status, a.JSON(), err)
		}
		t.Logf("it hangs: answered after %v of 6s", time.Since(started).Round(time.Millisecond))
		d.faulty(nil)
		o.opened(o.done("ada", use).Grant) // the code was not used
	})
	t.Run("whoever may invoke says to be ada", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		end := wire.Command{Command: wire.End, Request: id}
		old := o.called("ada", wire.Command{Command: wire.Open})
		for name, body := range map[string][]byte{
			"without a proof": end.Call().JSON(), "with a proof of one's own": o.called("eve", end),
			"with ada's of something else": bytes.Replace(o.called("ada", wire.Command{Command: wire.Open}), []byte(`{"command":"open"}`), end.JSON(), 1),
			"with ada's for another door":  bytes.Replace(old, []byte(`"door":"`+o.rules.Door), []byte(`"door":"x`+o.rules.Door), 1),
		} {
			status, a, err := o.send(o.f, "ada", body, 30*time.Second)
			if err != nil || status != 403 || a.Failed == nil || a.Failed.Reason != wire.CallerUnproved {
				t.Errorf("%s: %d %s, %v", name, status, a.JSON(), err)
			}
		}
		if n := o.entries(); n["ended done"] != 0 || n["pretended refused"] != 1 {
			t.Errorf("the record has %v", n)
		}
		if text := o.f.Logs(); strings.Count(text, `"DoorUnproved":1`) != 4 {
			t.Errorf("four calls are not measured:\n%.3000s", text)
		}
		o.opened(o.done("ada", o.use(id)).Grant)
	})
	t.Run("SNS is down", func(t *testing.T) {
		o := d.door()
		d.faulty(refusing("sns", 500, "InternalError"))
		id := o.ready()
		started := time.Now()
		o.opened(o.done("ada", o.use(id)).Grant)
		t.Logf("use took %v", time.Since(started).Round(time.Millisecond))
		if err := o.tend(); err == nil || !strings.Contains(err.Error(), "notices: sns publish") {
			t.Errorf("tend: %v", err)
		}
		d.faulty(nil)
		if err := o.tend(); err != nil {
			t.Error(err)
		}
		if text := o.f.Logs(); !strings.Contains(text, `"NoticesWaiting":4`) || !strings.Contains(text, `"NoticesWaiting":0`) {
			t.Errorf("the metric does not tell:\n%.3000s", text)
		}
	})
	t.Run("S3 is down", func(t *testing.T) {
		o := d.door()
		d.faulty(refusing("s3", 500, "InternalError"))
		id := o.ready()
		o.opened(o.done("ada", o.use(id)).Grant)
		if err := o.tend(); err == nil || !strings.Contains(err.Error(), "archive: s3 list") {
			t.Errorf("tend: %v", err)
		}
		d.faulty(nil)
		if err := o.tend(); err != nil {
			t.Error(err)
		}
		o.archived()
	})
	t.Run("a process dies with the grant", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		use := o.use(id)
		d.faulty(func(service, target string, _ http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) bool {
			if service == "sts" && target != proving {
				o.f.Kill()
			}
			return false
		})
		if status, a, err := o.ask(o.f, "ada", use, 20*time.Second); err == nil {
			t.Errorf("a dead process answered %d %s", status, a.JSON())
		}
		d.faulty(nil)
		time.Sleep(breakglass.RetryAfter + time.Second) // of many who ask at once one is to have it
		o.opened(o.done("ada", use).Grant)
		if n := o.entries(); n["used done"] != 1 || n["retried done"] != 1 || n["issued done"] != 1 {
			t.Errorf("the record has %v", n)
		}
	})
	t.Run("the function's clock is five minutes behind", func(t *testing.T) {
		o, id := d.doorAt(5 * time.Minute)
		o.no("one code", "ada", o.use(id), 403, "clock-behind")
	})
	t.Run("the function's clock is five minutes ahead", func(t *testing.T) {
		o, id := d.doorAt(-5 * time.Minute)
		use := o.use(id)
		o.no("one code", "ada", use, 403, "not-accepted")
		use.Code = o.code("ada-totp", d.now()) + " " + o.code("ada-totp", d.now().Add(30*time.Second))
		o.opened(o.done("ada", use).Grant)
	})
	d.ahead = 0
	t.Run("a device's clock is five minutes off", func(t *testing.T) {
		o := d.door()
		id := o.ready()
		off := time.Now().Add(5 * time.Minute)
		use := o.use(id)
		use.Code = o.code("ada-totp", off)
		o.no("one code", "ada", use, 403, "not-accepted")
		use.Code = o.code("ada-totp", off) + " " + o.code("ada-totp", off.Add(30*time.Second))
		o.opened(o.done("ada", use).Grant)
	})
}
