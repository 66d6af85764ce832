package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/alerting"
	"mfawatch/functions/delivery"
	"mfawatch/functions/delivery/deliverytest"
	"mfawatch/functions/settings"
	"mfawatch/internal/s3"
)

const (
	own   = "111122223333"
	other = "444455556666"
	queue = "arn:aws:sqs:eu-north-1:111122223333:sign-ins"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// stage is a handler with everything outside it in memory.
type stage struct {
	*Handler
	memory  *deliverytest.Memory
	bucket  *deliverytest.Bucket
	topic   *deliverytest.Topic
	objects objects
	log     bytes.Buffer
	metrics bytes.Buffer
	fault   func(step string) deliverytest.Fault
}

// objects are files of the bucket "trail".
type objects map[string][]byte

func (o objects) Get(_ context.Context, at s3.Object) (io.ReadCloser, error) {
	switch body, ok := o[at.Key]; {
	case at.Key == "panic":
		panic("in the middle of a file")
	case ok:
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	return nil, errors.New("there is no such object")
}

func newStage() *stage {
	s := &stage{memory: deliverytest.NewMemory(), bucket: deliverytest.NewBucket(), topic: &deliverytest.Topic{}, objects: objects{}}
	next := func(step string) deliverytest.Fault {
		if s.fault == nil {
			return deliverytest.None
		}
		return s.fault(step)
	}
	log := zerolog.New(&s.log).Level(zerolog.DebugLevel)
	s.Handler = &Handler{
		Settings: settings.Signin{Common: settings.Common{Account: own}, Queues: []string{queue}, Buckets: []string{"trail"}},
		Judge:    alerting.Judge{Names: alert.Names{own: "prod"}},
		Deliverer: &delivery.Deliverer{
			Evidence: deliverytest.FaultyEvidence{Evidence: s.bucket, Next: next}, Claims: deliverytest.FaultyStore{Store: s.memory, Next: next},
			Topic: deliverytest.FaultyTopic{Topic: s.topic, Next: next}, Clock: func() time.Time { return noon }, Log: log,
		},
		Open: func(context.Context, string) (Objects, error) { return s.objects, nil }, Metrics: &s.metrics, Log: log, Now: func() time.Time { return noon },
	}
	return s
}

// record is a console sign-in of an IAM user, shaped as in the CloudTrail user
// guide (console sign-in events).
func record(id, account, mfa string) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::%[2]s:user/ada","accountId":"%[2]s","userName":"ada"},`+
		`"eventTime":"2026-11-20T08:14:03Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"eu-north-1","sourceIPAddress":"192.0.2.7","userAgent":"Mozilla/5.0",`+
		`"requestParameters":null,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"LoginTo":"https://console.example/secret","MobileVersion":"No","MFAUsed":"%[3]s"},`+
		`"eventID":"%[1]s","readOnly":false,"eventType":"AwsConsoleSignIn","managementEvent":true,"recipientAccountId":"%[2]s","eventCategory":"Management"}`, id, account, mfa)
}

func rootRecord(id, mfa string) string {
	return strings.Replace(record(id, own, mfa), `"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/ada","accountId":"111122223333","userName":"ada"`,
		`"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"`, 1)
}

// bridge is the EventBridge event that brings a record.
func bridge(account, detail string) string {
	return fmt.Sprintf(`{"version":"0","id":"b-1","detail-type":"AWS Console Sign In via CloudTrail","source":"aws.signin","account":"%s","time":"2026-11-20T08:14:03Z","region":"eu-north-1","resources":[],"detail":%s}`, account, detail)
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func envelope(message string) string {
	return asJSON(map[string]any{"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:eu-north-1:111122223333:trail", "Message": message})
}

func notification(bucket, key string) string {
	return asJSON(map[string]any{"Records": []any{map[string]any{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
		"s3": map[string]any{"bucket": map[string]any{"name": bucket}, "object": map[string]any{"key": key, "size": 3}}}}})
}

func pressed(text string) []byte { return pressedFrom(strings.NewReader(text)) }

func pressedFrom(r io.Reader) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.Copy(w, r)
	_ = w.Close()
	return b.Bytes()
}

func logFile(records ...string) []byte {
	return pressed(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

func subscription(records ...string) string {
	return subscribed("DATA_MESSAGE", records...)
}

func subscribed(kind string, records ...string) string {
	var events []any
	for i, r := range records {
		events = append(events, map[string]any{"id": fmt.Sprint(i), "timestamp": 1, "message": r})
	}
	data := asJSON(map[string]any{"messageType": kind, "owner": own, "logGroup": "trail", "logStream": "s", "subscriptionFilters": []string{"f"}, "logEvents": events})
	return asJSON(map[string]any{"awslogs": map[string]any{"data": base64.StdEncoding.EncodeToString(pressed(data))}})
}

// sqs is a batch of SQS; the items are called 0, 1, …
func sqs(arn string, bodies ...string) string {
	var items []any
	for i, b := range bodies {
		items = append(items, map[string]any{"messageId": fmt.Sprint(i), "body": b, "eventSource": "aws:sqs", "eventSourceARN": arn,
			"attributes": map[string]any{"ApproximateReceiveCount": "1"}})
	}
	return asJSON(map[string]any{"Records": items})
}

// invoke gives what failed of a batch, or the answer of anything else.
func (s *stage) invoke(t *testing.T, payload string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := s.Invoke(ctx, []byte(payload))
	if secret := "console.example"; strings.Contains(s.log.String(), secret) {
		t.Errorf("the log holds %q: %s", secret, s.log.String())
	}
	return string(out), err
}

const allDone = `{"batchItemFailures":[]}`

func failedItems(ids ...string) string {
	f := []failure{}
	for _, id := range ids {
		f = append(f, failure{id})
	}
	return asJSON(response{f})
}

// sent is the ids of what people were told.
func (s *stage) sent(t *testing.T) (ids []string) {
	t.Helper()
	for _, m := range s.topic.Sent() {
		ids = append(ids, idOf(t, m.Body))
	}
	return ids
}

// idOf is what a message tells of.
func idOf(t *testing.T, body string) string {
	t.Helper()
	var forms map[string]string
	if err := json.Unmarshal([]byte(body), &forms); err != nil {
		t.Fatal(err)
	}
	a, err := alert.Parse([]byte(forms["default"]))
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

func (s *stage) wantSent(t *testing.T, want ...string) {
	t.Helper()
	if got := s.sent(t); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("published %q, want %q\n%s", got, want, s.log.String())
	}
}

func (s *stage) metric(t *testing.T, name string) int {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(s.metrics.String()), "\n")
	total := 0
	for _, line := range lines {
		var values map[string]any
		if err := json.Unmarshal([]byte(line), &values); err != nil {
			t.Fatal(err)
		}
		n, ok := values[name].(float64)
		if !ok {
			t.Errorf("no metric %s in %s", name, line)
		}
		total += int(n)
	}
	return total
}

// Every source brings the same record to the same alert, with the same evidence.
func TestSources(t *testing.T) {
	bad := record("e-1", own, "No")
	const key = "AWSLogs/111122223333/CloudTrail/eu-north-1/2026/11/20/a b.json.gz"
	created := fmt.Sprintf(`{"id":"b","detail-type":"Object Created","source":"aws.s3","account":"%s","region":"eu-north-1","detail":{"bucket":{"name":"trail"},"object":{"key":"%s"}}}`, own, key)
	trailSays := `{"s3Bucket":"trail","s3ObjectKey":["` + key + `"]}`
	quoted := notification("trail", strings.ReplaceAll(key, " ", "+"))
	evidence := ""
	for name, payload := range map[string]string{
		"EventBridge":                  bridge(own, bad),
		"EventBridge by SQS":           sqs(queue, bridge(own, bad)),
		"EventBridge by SNS":           asJSON(map[string]any{"Records": []any{map[string]any{"EventSource": "aws:sns", "Sns": map[string]any{"Message": bridge(own, bad)}}}}),
		"EventBridge by SNS and SQS":   sqs(queue, envelope(bridge(own, bad))),
		"S3":                           quoted,
		"S3 by SQS":                    sqs(queue, quoted),
		"S3 by SNS and SQS":            sqs(queue, envelope(quoted)),
		"S3 by EventBridge and SQS":    sqs(queue, created),
		"CloudTrail's own notice, SQS": sqs(queue, envelope(trailSays)),
		"CloudWatch Logs":              subscription(bad),
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage()
			s.objects[key] = logFile(record("e-0", own, "Yes"), bad)
			out, err := s.invoke(t, payload)
			if err != nil || out != "null" && out != allDone {
				t.Fatalf("answer %s, error %v", out, err)
			}
			s.wantSent(t, own+"#e-1")
			if s.metric(t, settings.AlertsSent) != 1 || s.metric(t, settings.RecordsJudged) == 0 {
				t.Errorf("metrics %s", s.metrics.String())
			}
			kept, _ := s.bucket.Object(s.bucket.Keys()[0])
			if evidence == "" {
				evidence = string(kept)
			}
			if string(kept) != evidence || len(s.bucket.Keys()) != 1 {
				t.Errorf("evidence %s, from another source %s", kept, evidence)
			}
		})
	}
}

func TestNobodyIsTold(t *testing.T) {
	for name, payload := range map[string]string{
		"a sign-in with MFA": sqs(queue, bridge(own, record("e-1", own, "Yes"))),
		"no sign-in":         sqs(queue, bridge(own, `{"eventName":"DescribeInstances","eventSource":"ec2.amazonaws.com","eventVersion":"1.08","eventID":"x","recipientAccountId":"`+own+`"}`)),
		"S3's test event":    sqs(queue, `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-20T08:14:03.000Z","Bucket":"trail"}`),
		"a check of Logs":    sqs(queue, subscribed("CONTROL_MESSAGE", "CWL CONTROL MESSAGE: Checking health of destination")),
		"a digest file":      sqs(queue, notification("trail", "digest")),
	} {
		s := newStage()
		s.objects["digest"] = pressed(`{"awsAccountId":"111122223333","digestStartTime":"2026-11-20T07:00:00Z","digestEndTime":"2026-11-20T08:00:00Z","logFiles":[]}`)
		out, err := s.invoke(t, payload)
		if err != nil || out != allDone || len(s.sent(t)) != 0 {
			t.Errorf("%s: answer %s, error %v, published %v", name, out, err, s.sent(t))
		}
	}
}

// One bad item leaves the others alone, and is counted for what it is.
func TestPartialFailures(t *testing.T) {
	good := bridge(own, record("e-1", own, "No"))
	deep := strings.Repeat(`{"Records":[`, 5000)
	for name, c := range map[string]struct{ body, metric, log string }{
		"not JSON":                   {"hello", poisonMessages, "poison"},
		"half a JSON":                {good[:len(good)-1], poisonMessages, "poison"},
		"JSON of nobody":             {`{"a":1}`, poisonMessages, "poison"},
		"a list":                     {`[1]`, poisonMessages, "poison"},
		"an odd type":                {`{"Records":"x"}`, poisonMessages, "poison"},
		"nested deeply":              {deep, poisonMessages, "poison"},
		"wrapped again and again":    {envelope(envelope(envelope(good))), poisonMessages, "poison"},
		"another event":              {strings.Replace(good, "AWS Console Sign In via CloudTrail", "EC2 Instance State-change Notification", 1), poisonMessages, "poison"},
		"another notification":       {`{"Records":[{"eventSource":"aws:kinesis"}]}`, poisonMessages, "poison"},
		"a key that cannot be read":  {notification("trail", "%zz"), poisonMessages, "poison"},
		"another account's envelope": {bridge(other, record("e-2", own, "No")), envelopeRejected, "rejected"},
		"no account on the envelope": {bridge("", record("e-2", own, "No")), envelopeRejected, "rejected"},
		"a source that is not AWS's": {strings.Replace(good, "aws.signin", "my.app", 1), envelopeRejected, "rejected"},
		"a bucket that is not ours":  {notification("elsewhere", "k"), envelopeRejected, "rejected"},
		"another account's canary":   {canary(other, "n"), envelopeRejected, "rejected"},
		"an object that is gone":     {notification("trail", "gone"), "", "retry"},
		"a damaged file":             {notification("trail", "damaged"), settings.Unreadable, "retry"},
		"a panic":                    {notification("trail", "panic"), "", "retry"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage()
			whole := logFile(record("e-0", own, "Yes"))
			s.objects["damaged"] = whole[:len(whole)-12]
			out, err := s.invoke(t, sqs(queue, c.body, good))
			if err != nil || out != failedItems("0") {
				t.Fatalf("answer %s, error %v", out, err)
			}
			s.wantSent(t, own+"#e-1")
			if c.metric != "" && s.metric(t, c.metric) != 1 {
				t.Errorf("%s is not counted: %s", c.metric, s.metrics.String())
			}
			if want := `"disposition":"` + c.log + `"`; !strings.Contains(s.log.String(), want) || strings.Contains(s.log.String(), "hello") {
				t.Errorf("log %s, want %s and nothing of the body", s.log.String(), want)
			}
			if strings.Count(s.log.String(), `"level":"error"`) != 1 {
				t.Errorf("want one line of error: %s", s.log.String())
			}
		})
	}
}

// What fails directly is an error, for Lambda to try again.
func TestDirectFailures(t *testing.T) {
	for name, payload := range map[string]string{
		"not JSON": "hello", "nobody's": `{"a":1}`, "forged": bridge(other, record("e", own, "No")), "gone": notification("trail", "gone"),
		"damaged subscription": `{"awslogs":{"data":"H4sIAAAA"}}`,
	} {
		s := newStage()
		if out, err := s.invoke(t, payload); err == nil || out != "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: answer %s, error %v", name, out, err)
		}
	}
}

// A queue that is not in the settings: the whole batch is refused.
func TestForeignQueue(t *testing.T) {
	s := newStage()
	out, err := s.invoke(t, sqs(queue+"-2", bridge(own, record("e-1", own, "No"))))
	if !errors.Is(err, errForged) || out != "" || len(s.sent(t)) != 0 || s.metric(t, envelopeRejected) != 1 {
		t.Errorf("answer %s, error %v, published %v", out, err, s.sent(t))
	}
}

// The same event by two ways is told of once.
func TestTwoWays(t *testing.T) {
	s := newStage()
	bad := record("e-1", own, "No")
	s.objects["k"] = logFile(bad, bad)
	out, err := s.invoke(t, sqs(queue, bridge(own, bad), notification("trail", "k"), bridge(own, bad)))
	if err != nil || out != allDone {
		t.Fatalf("answer %s, error %v", out, err)
	}
	s.wantSent(t, own+"#e-1")
	if s.metric(t, settings.RecordsJudged) != 4 || !strings.Contains(s.log.String(), `"disposition":"already"`) {
		t.Errorf("log %s", s.log.String())
	}
}

// A correction that says something worse is told of again, under the same id.
func TestWorseVerdictLater(t *testing.T) {
	s := newStage()
	mild := strings.Replace(record("e-1", own, "No"), `"MFAUsed":"No"`, `"MFAUsed":"Perhaps"`, 1)
	if _, err := s.invoke(t, sqs(queue, bridge(own, mild))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.invoke(t, sqs(queue, bridge(own, record("e-1", own, "No")), bridge(own, mild))); err != nil {
		t.Fatal(err)
	}
	s.wantSent(t, own+"#e-1", own+"#e-1")
	if log := s.log.String(); strings.Count(log, `"disposition":"raised"`) != 1 || strings.Count(log, `"disposition":"already"`) != 1 {
		t.Errorf("log %s", log)
	}
}

// Root's sign-in alerts once, with and without MFA.
func TestRootOnce(t *testing.T) {
	for _, mfa := range []string{"Yes", "No"} {
		s := newStage()
		if _, err := s.invoke(t, sqs(queue, bridge(own, rootRecord("r-"+mfa, mfa)))); err != nil {
			t.Fatal(err)
		}
		s.wantSent(t, own+"#r-"+mfa)
	}
}

func canary(account, nonce string) string {
	return fmt.Sprintf(`{"id":"b-9","detail-type":"canary","source":"mfa.canary","account":"%s","time":"2026-11-20T08:14:03Z","region":"eu-north-1","detail":{"nonce":"%s"}}`, account, nonce)
}

func TestCanary(t *testing.T) {
	s := newStage()
	if out, err := s.invoke(t, sqs(queue, canary(own, "n-1"), canary(own, "n-1"), canary(own, ""))); err != nil || out != allDone {
		t.Fatalf("answer %s, error %v", out, err)
	}
	s.wantSent(t, own+"#canary#n-1", own+"#canary#b-9")
}

// What functions/canary puts on a bus comes out as an alert that has its nonce.
func TestCanaryAsItIsSent(t *testing.T) {
	const nonce = "20261120T081403Z-0123456789abcdef-ap-southeast-2"
	s := newStage()
	event := fmt.Sprintf(`{"id":"b-1","detail-type":%q,"source":%q,"account":"%s","time":"2026-11-20T08:14:03Z","region":"ap-southeast-2","detail":%s}`,
		deployed.CanaryDetailType, deployed.CanarySource, own, deployed.CanaryDetail(nonce))
	if out, err := s.invoke(t, sqs(queue, event)); err != nil || out != allDone {
		t.Fatalf("answer %s, error %v", out, err)
	}
	s.wantSent(t, own+"#canary#"+nonce)
}

// Whatever fails once on the way, the item fails or the alert is out, and the
// next try tells it.
func TestFaultsAreRetried(t *testing.T) {
	for _, step := range deliverytest.Steps() {
		for _, f := range []deliverytest.Fault{deliverytest.Throttle, deliverytest.Internal, deliverytest.Timeout} {
			s := newStage()
			once := false
			s.fault = func(at string) deliverytest.Fault {
				if at == step && !once {
					once = true
					return f
				}
				return deliverytest.None
			}
			payload := sqs(queue, bridge(own, record("e-1", own, "No")))
			out, err := s.invoke(t, payload)
			if err != nil || out != failedItems("0") && len(s.sent(t)) != 1 {
				t.Errorf("%s %s: answer %s, error %v, published %v", step, f, out, err, s.sent(t))
			}
			if out, err = s.invoke(t, payload); err != nil || out != allDone || len(s.sent(t)) != 1 {
				t.Errorf("%s %s: answer of the next try %s, error %v, published %v", step, f, out, err, s.sent(t))
			}
		}
	}
}

// Somebody else is at it: the item comes back.
func TestHeldFails(t *testing.T) {
	s := newStage()
	l := delivery.Lease{Key: own + "#e-1", Owner: "somebody", Now: noon, Until: noon.Add(time.Minute), Expires: noon.Add(time.Hour)}
	if _, err := s.memory.Claim(context.Background(), l, 1); err != nil {
		t.Fatal(err)
	}
	out, err := s.invoke(t, sqs(queue, bridge(own, record("e-1", own, "No"))))
	if err != nil || out != failedItems("0") || !strings.Contains(s.log.String(), `"disposition":"held"`) {
		t.Errorf("answer %s, error %v, log %s", out, err, s.log.String())
	}
}

// A storm is folded, and folded is done.
func TestStorm(t *testing.T) {
	s := newStage()
	var bodies []string
	for i := range 10 {
		bodies = append(bodies, bridge(own, record(fmt.Sprint("e-", i), own, "No")))
	}
	out, err := s.invoke(t, sqs(queue, bodies...))
	if err != nil || out != allDone || s.metric(t, settings.AlertsSent) != 3 || s.metric(t, settings.AlertsFolded) != 7 {
		t.Errorf("answer %s, error %v, metrics %s", out, err, s.metrics.String())
	}
}

// With little time left nothing new is begun, and what is not begun fails.
func TestDeadline(t *testing.T) {
	s := newStage()
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	out, err := s.Invoke(ctx, []byte(sqs(queue, bridge(own, record("e-1", own, "No")), "hello")))
	if err != nil || string(out) != failedItems("0", "1") || len(s.sent(t)) != 0 {
		t.Errorf("answer %s, error %v, published %v", out, err, s.sent(t))
	}
}

// Large and hostile inputs end soon, and say so.
func TestHostile(t *testing.T) {
	big := strings.Replace(record("e-1", own, "No"), `"requestParameters":null`, `"requestParameters":{"x":"`+strings.Repeat("a", 250<<10)+`"}`, 1)
	nested := `{"eventName":"Nothing","eventSource":"x","eventID":"n","recipientAccountId":"` + own + `","requestParameters":` + record("inner", own, "No") + `}`
	s := newStage()
	s.objects["bomb"] = pressed(`{"Records":[` + strings.Repeat(" ", 100<<20) + `]}`)
	s.objects["nested"] = logFile(nested)
	begin := time.Now()
	out, err := s.invoke(t, sqs(queue, bridge(own, big), notification("trail", "bomb"), notification("trail", "nested"), bridge(own, nested)))
	if err != nil || out != failedItems("1") {
		t.Errorf("answer %s, error %v\n%s", out, err, s.log.String())
	}
	s.wantSent(t, own+"#e-1")
	bodies := make([]string, 5400)
	for i := range bodies {
		bodies[i] = bridge(own, record(fmt.Sprint("ok-", i), own, "Yes"))
	}
	payload := sqs(queue, bodies...)
	if out, err := s.invoke(t, payload); err != nil || out != allDone || len(payload) < 6<<20 {
		t.Errorf("%d bytes: answer %s, error %v", len(payload), out, err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
