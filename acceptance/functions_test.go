//go:build acceptance

package acceptance

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"mfawatch/audit/config"
	"mfawatch/functions/settings"
	"mfawatch/internal/dynamo"
	"mfawatch/internal/lambdatest"
)

const (
	motoAccount = "123456789012"
	hotQueue    = "arn:aws:sqs:us-east-1:" + motoAccount + ":hot"
)

// estate is what a stack would have made, in moto.
type estate struct {
	*moto
	t      *testing.T
	s3     *s3.Client
	topic  string
	region string
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{moto: startMoto(t, 0), t: t, region: "us-east-1"}
	c := e.config("test", "test", "")
	e.s3 = s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	for _, bucket := range []string{"trail", "evidence"} {
		if _, err := e.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dynamodb.NewFromConfig(c).CreateTable(t.Context(), dynamo.CreateTable("events")); err != nil {
		t.Fatal(err)
	}
	topics := sns.NewFromConfig(c)
	topic, err := topics.CreateTopic(t.Context(), &sns.CreateTopicInput{Name: aws.String("alerts")})
	if err != nil {
		t.Fatal(err)
	}
	e.topic = aws.ToString(topic.TopicArn)
	for _, name := range []string{"hot", "people"} {
		e.call("AmazonSQS.CreateQueue", map[string]any{"QueueName": name}, nil)
	}
	if _, err := topics.Subscribe(t.Context(), &sns.SubscribeInput{TopicArn: &e.topic, Protocol: aws.String("sqs"), Endpoint: aws.String("arn:aws:sqs:us-east-1:" + motoAccount + ":people")}); err != nil {
		t.Fatal(err)
	}
	e.call("AWSEvents.PutRule", map[string]any{"Name": "sign-ins", "EventPattern": `{"source":["aws.signin"],"detail":{"eventName":["ConsoleLogin"]}}`}, nil)
	e.call("AWSEvents.PutTargets", map[string]any{"Rule": "sign-ins", "Targets": []any{map[string]any{"Id": "1", "Arn": hotQueue}}}, nil)
	return e
}

// call asks moto in the JSON protocol.
func (e *estate) call(target string, in, out any) {
	e.t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		e.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.url, bytes.NewReader(text))
	if err != nil {
		e.t.Fatal(err)
	}
	service := map[string]string{"AmazonSQS": "sqs", "AWSEvents": "events"}[strings.Split(target, ".")[0]]
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20261120/"+cmp.Or(e.region, "us-east-1")+"/"+service+"/aws4_request, SignedHeaders=host, Signature=x")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		e.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		e.t.Fatalf("%s: %s %.500s (error %v)", target, answer.Status, body, err)
	}
	if out != nil {
		if err := json.Unmarshal(body, out); err != nil {
			e.t.Fatal(err)
		}
	}
}

// message is what SQS gives.
type message struct{ MessageId, ReceiptHandle, Body string }

// take empties a queue.
func (e *estate) take(queue string) []message {
	e.t.Helper()
	url := e.url + "/" + motoAccount + "/" + queue
	var all []message
	for {
		var out struct{ Messages []message }
		e.call("AmazonSQS.ReceiveMessage", map[string]any{"QueueUrl": url, "MaxNumberOfMessages": 10}, &out)
		if len(out.Messages) == 0 {
			return all
		}
		for _, m := range out.Messages {
			e.call("AmazonSQS.DeleteMessage", map[string]any{"QueueUrl": url, "ReceiptHandle": m.ReceiptHandle}, nil)
		}
		all = append(all, out.Messages...)
	}
}

// alerts are the events that people have been told of since the last time.
func (e *estate) alerts() []string {
	e.t.Helper()
	var ids []string
	for _, m := range e.take("people") {
		var envelope struct{ Subject, Message string }
		var body struct {
			Schema, Reason string
			EventIDs       []string `json:"events"`
		}
		if err := json.Unmarshal([]byte(m.Body), &envelope); err != nil {
			e.t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(envelope.Message), &body); err != nil || body.Schema != "mfawatch/alert/v1" || body.Reason != "no-mfa" {
			e.t.Fatalf("%v, %+v in %.300s", err, body, envelope.Message)
		}
		ids = append(ids, body.EventIDs...)
	}
	slices.Sort(ids)
	return ids
}

// function starts the real binary of a function with its settings.
func (e *estate) function(name string, s any) *lambdatest.Function {
	e.t.Helper()
	dir := e.t.TempDir()
	bin, err := lambdatest.Build("../functions/"+name, dir)
	if err != nil {
		e.t.Fatal(err)
	}
	file, err := config.Compile("mfawatch.yaml", []byte("version: 1\n"))
	if err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mfawatch.yaml"), file, 0o600); err != nil {
		e.t.Fatal(err)
	}
	env := []string{"AWS_ENDPOINT_URL=" + e.url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test"}
	for k, v := range settings.Env(s) {
		env = append(env, k+"="+v)
	}
	f := &lambdatest.Function{Binary: bin, Env: env, Handler: name}
	e.t.Cleanup(f.Close)
	return f
}

func (e *estate) invoke(f *lambdatest.Function, event any) map[string]any {
	e.t.Helper()
	text, err := json.Marshal(event)
	if err != nil {
		e.t.Fatal(err)
	}
	a, err := f.Invoke(e.t.Context(), text, time.Minute)
	if err != nil || a.Error != nil {
		e.t.Fatalf("%v, %+v\n%.3000s", err, a.Error, f.Logs())
	}
	var out map[string]any
	if err := json.Unmarshal(a.Payload, &out); err != nil {
		e.t.Fatalf("%v in %s", err, a.Payload)
	}
	e.t.Logf("%s answered in %v (cold %v), peak %d KiB", f.Handler, a.Took.Round(time.Millisecond), a.Cold, f.PeakKiB())
	return out
}

func signIn(id, user, mfa string, at time.Time) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDA%s","arn":"arn:aws:iam::%s:user/%s","accountId":"%s","userName":"%s"},`+
		`"eventTime":"%s","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"x",`+
		`"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"%s"},"eventID":"%s","eventType":"AwsConsoleSignIn","recipientAccountId":"%s"}`,
		strings.ToUpper(user), motoAccount, user, motoAccount, user, at.UTC().Format(time.RFC3339), mfa, id, motoAccount)
}

// TestFromEventToPhone sends sign-ins the whole way: EventBridge's rule, the
// queue, the real function, the topic, a subscriber. Then the trail's file of the
// same hour goes through the real reconciler: what the hot path was made to miss
// is told, and nothing twice.
func TestFromEventToPhone(t *testing.T) {
	e := newEstate(t)
	alerting := settings.Alerting{TopicARN: e.topic, EventsTable: "events", EvidenceBucket: "evidence", Lease: time.Minute, Keep: 24 * time.Hour}
	common := settings.Common{Partition: "aws", Account: motoAccount, LogLevel: "info"}
	hot := e.function("signin", settings.Signin{Common: common, Alerting: alerting, Queues: []string{hotQueue}})
	at := time.Now().Add(-10 * time.Minute)
	seen, missed, fine := signIn("11111111-seen", "ada", "No", at), signIn("22222222-missed", "ben", "No", at), signIn("33333333-fine", "cyd", "Yes", at)
	for _, record := range []string{seen, fine, seen} {
		e.call("AWSEvents.PutEvents", map[string]any{"Entries": []any{map[string]any{"Source": "aws.signin", "DetailType": "AWS Console Sign In via CloudTrail", "Detail": record}}}, nil)
	}
	var batch []any
	for _, m := range e.take("hot") {
		batch = append(batch, map[string]any{"messageId": m.MessageId, "body": withAccount(t, m.Body), "eventSource": "aws:sqs", "eventSourceARN": hotQueue, "attributes": map[string]any{}})
	}
	if len(batch) != 3 {
		t.Fatalf("%d messages in the queue, want 3", len(batch))
	}
	if out := e.invoke(hot, map[string]any{"Records": batch}); fmt.Sprint(out["batchItemFailures"]) != "[]" {
		t.Fatalf("%v\n%s", out, hot.Logs())
	}
	if got := e.alerts(); !slices.Equal(got, []string{"11111111-seen"}) {
		t.Fatalf("told of %v, want of the one sign-in without MFA, once", got)
	}
	e.put(at, seen, missed, fine)
	again := e.function("reconcile", settings.Reconcile{Common: common, Alerting: alerting, TrailBucket: "trail", LookBack: 6 * time.Hour, Silence: 2 * time.Hour})
	out := e.invoke(again, map[string]any{})
	if got := e.alerts(); !slices.Equal(got, []string{"22222222-missed"}) {
		t.Fatalf("told of %v, want of what was missed; %v\n%s", got, out, again.Logs())
	}
	e.invoke(again, map[string]any{})
	if got := e.alerts(); len(got) != 0 {
		t.Errorf("told of %v again", got)
	}
	kept, err := e.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("evidence"), Prefix: aws.String("evidence/")})
	if err != nil || len(kept.Contents) != 2 {
		t.Errorf("%d pieces of evidence, error %v, want 2", len(kept.Contents), err)
	}
}

// withAccount adds to an EventBridge event what moto 5.2.1 leaves out of it and
// AWS never does (EventBridge user guide, event structure).
func withAccount(t *testing.T, body string) string {
	t.Helper()
	var event map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &event); err != nil || event["account"] != nil {
		t.Fatalf("%v: an event without account was expected: %.300s", err, body)
	}
	event["account"] = json.RawMessage(`"` + motoAccount + `"`)
	text, err := json.Marshal(event)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// put writes a log file of the trail.
func (e *estate) put(at time.Time, records ...string) {
	e.t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, `{"Records":[`+strings.Join(records, ",")+`]}`)
	if err == nil {
		err = z.Close()
	}
	at = at.UTC()
	key := fmt.Sprintf("AWSLogs/%s/CloudTrail/us-east-1/%s/%s_CloudTrail_us-east-1_%s_AbCdEfGh.json.gz", motoAccount, at.Format("2006/01/02"), motoAccount, at.Format("20060102T1504Z"))
	if err == nil {
		_, err = e.s3.PutObject(e.t.Context(), &s3.PutObjectInput{Bucket: aws.String("trail"), Key: &key, Body: bytes.NewReader(b.Bytes())})
	}
	if err != nil {
		e.t.Fatal(err)
	}
}

// TestScheduledAudit has the real function audit an account of moto: reports in
// S3, a summary to people, failures in Security Hub; and nothing again when
// nothing changed.
func TestScheduledAudit(t *testing.T) {
	e := newEstate(t)
	e.make(t, crowd(20))
	hub := securityhub.NewFromConfig(e.config("test", "test", ""))
	if _, err := hub.EnableSecurityHub(t.Context(), &securityhub.EnableSecurityHubInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("reports")}); err != nil {
		t.Fatal(err)
	}
	f := e.function("audit", settings.Audit{
		Common: settings.Common{Partition: "aws", Account: motoAccount, LogLevel: "info"}, ReportBucket: "reports", ReportPrefix: "audit/", TopicARN: e.topic,
		Formats: []string{"json", "html"}, SecurityHub: true, Region: "us-east-1", Remind: 24 * time.Hour, Rate: 50,
	})
	first := e.invoke(f, map[string]any{"mode": "account", "run": "first"})
	if n := len(e.take("people")); n != 1 {
		t.Errorf("%d summaries, want 1: %v", n, first)
	}
	for _, key := range []string{"latest.json", "runs/first/findings.json", "runs/first/report.html", "runs/first/snapshot.json"} {
		if _, err := e.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: aws.String("reports"), Key: aws.String("audit/" + motoAccount + "/" + key)}); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	found, err := hub.GetFindings(t.Context(), &securityhub.GetFindingsInput{MaxResults: aws.Int32(100)})
	if err != nil || len(found.Findings) < 20 {
		t.Fatalf("%d findings in Security Hub, error %v; %v\n%.2000s", len(found.Findings), err, first, f.Logs())
	}
	e.invoke(f, map[string]any{"mode": "account", "run": "second"})
	if n := len(e.take("people")); n != 0 {
		t.Errorf("%d summaries although nothing changed", n)
	}
}
