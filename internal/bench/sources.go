package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/klauspost/compress/gzip"

	"mfawatch/functions/alerting/awstest"
	"mfawatch/internal/corpus"
	"mfawatch/internal/lambdatest"
)

// source is a way by which events come to functions/signin.
type source struct {
	name    string
	events  int // records in each payload
	payload func(n int) []byte
	answer  string
	judged  int // of the records, how many the function looks at; -1: some

	f     *lambdatest.Function
	next  int
	rates []float64
}

const (
	allDone = `{"batchItemFailures":[]}`
	nothing = "null"
)

// signIn is a console sign-in of an IAM user, shaped as in the CloudTrail user
// guide (console sign-in events).
func signIn(id, mfa string) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::%[2]s:user/ada","accountId":"%[2]s","userName":"ada"},`+
		`"eventTime":"2026-11-20T08:14:03Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"%[4]s","sourceIPAddress":"192.0.2.7","userAgent":"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",`+
		`"requestParameters":null,"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"%[3]s"},`+
		`"eventID":"%[1]s","readOnly":false,"eventType":"AwsConsoleSignIn","managementEvent":true,"recipientAccountId":"%[2]s","eventCategory":"Management"}`, id, own, mfa, region)
}

func signIns(n int) []string {
	var all []string
	for i := range n {
		all = append(all, signIn(fmt.Sprint("e-", i), "Yes"))
	}
	return all
}

func asJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and lists only
	}
	return text
}

// bridge is the EventBridge event that brings a record.
func bridge(record string) string {
	return fmt.Sprintf(`{"version":"0","id":"b-1","detail-type":"AWS Console Sign In via CloudTrail","source":"aws.signin","account":"%s","time":"2026-11-20T08:14:03Z","region":"%s","resources":[],"detail":%s}`, own, region, record)
}

func envelope(message string) string {
	return string(asJSON(map[string]any{"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:" + region + ":" + own + ":trail", "Message": message}))
}

func notification(key string) string {
	return string(asJSON(map[string]any{"Records": []any{map[string]any{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
		"s3": map[string]any{"bucket": map[string]any{"name": "trail"}, "object": map[string]any{"key": key}}}}}))
}

// batch is what Lambda's poller makes of messages in a queue.
func batch(bodies ...string) []byte {
	var items []any
	for i, b := range bodies {
		items = append(items, map[string]any{"messageId": fmt.Sprint(i), "body": b, "eventSource": "aws:sqs", "eventSourceARN": queue, "attributes": map[string]any{"ApproximateReceiveCount": "1"}})
	}
	return asJSON(map[string]any{"Records": items})
}

// subscription is what CloudWatch Logs sends.
func subscription(records []string) ([]byte, error) {
	var events []any
	for i, r := range records {
		events = append(events, map[string]any{"id": fmt.Sprint(i), "timestamp": 1, "message": r})
	}
	gz, err := press(asJSON(map[string]any{"messageType": "DATA_MESSAGE", "owner": own, "logGroup": "trail", "logStream": "s", "subscriptionFilters": []string{"f"}, "logEvents": events}))
	return asJSON(map[string]any{"awslogs": map[string]any{"data": base64.StdEncoding.EncodeToString(gz)}}), err
}

func press(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err := w.Close()
	return b.Bytes(), err
}

// trailFile is a file as a trail delivers it, most of it no sign-ins.
func trailFile() (gz []byte, records int, err error) {
	done := errors.New("one is enough")
	m, err := corpus.Each(corpus.Spec{Seed: 3, Records: 20_000, MedianRecords: 2000, SignInRate: .001, DecoyRate: -1}, func(_ string, file []byte, _ int) error {
		gz = bytes.Clone(file)
		return done
	})
	if errors.Is(err, done) {
		err = nil
	}
	return gz, m.Records, err
}

// sources are all ways, each with sign-ins that nobody is told of; the last with
// such that are alerts or a digest's.
func sources(srv *awstest.Server) ([]*source, error) {
	const many, few = 500, 10
	constant := func(payload []byte) func(int) []byte { return func(int) []byte { return payload } }
	of := func(wrap func(string) string) []byte {
		var bodies []string
		for _, r := range signIns(few) {
			bodies = append(bodies, wrap(r))
		}
		return batch(bodies...)
	}
	trail, err := press([]byte(`{"Records":[` + strings.Join(signIns(many), ",") + `]}`))
	if err != nil {
		return nil, err
	}
	delivered, records, err := trailFile()
	if err != nil {
		return nil, err
	}
	logs, err := subscription(signIns(many))
	if err != nil {
		return nil, err
	}
	srv.Reads.Change(func() {
		srv.Reads.Buckets["trail"].Put("sign-ins", trail)
		srv.Reads.Buckets["trail"].Put("delivered", delivered)
	})
	return []*source{
		{name: "EventBridge in SQS", events: few, payload: constant(of(bridge)), answer: allDone, judged: few},
		{name: "EventBridge in SNS in SQS", events: few, payload: constant(of(func(r string) string { return envelope(bridge(r)) })), answer: allDone, judged: few},
		{name: "S3 notification in SQS, sign-ins only", events: many, payload: constant(batch(notification("sign-ins"))), answer: allDone, judged: many},
		{name: "S3 notification in SQS, a trail's file", events: records, payload: constant(batch(notification("delivered"))), answer: allDone, judged: -1},
		{name: "CloudWatch Logs subscription", events: many, payload: constant(logs), answer: nothing, judged: many},
		{name: "EventBridge, one event", events: 1, payload: constant([]byte(bridge(signIn("e-1", "Yes")))), answer: nothing, judged: 1},
		{name: "EventBridge in SQS, each to be told", events: few, payload: func(n int) []byte {
			var bodies []string
			for i := range few {
				bodies = append(bodies, bridge(signIn(fmt.Sprintf("t-%d-%d", n, i), "No")))
			}
			return batch(bodies...)
		}, answer: allDone, judged: few},
	}, nil
}

// throughput prints how many events the function takes for a second of processor
// time, by the way that they come.
func throughput(s subject, srv *awstest.Server, rounds int) error {
	all, err := sources(srv)
	if err != nil {
		return err
	}
	for _, from := range all {
		from.f = &lambdatest.Function{Binary: s.bin, Env: s.env, Handler: s.name}
		defer from.f.Close()
		if err := from.warm(); err != nil {
			return fmt.Errorf("%s: %w", from.name, err)
		}
	}
	for range rounds {
		for _, from := range all {
			if err := from.round(); err != nil {
				return fmt.Errorf("%s: %w", from.name, err)
			}
		}
	}
	fmt.Printf("signin: events for a second of its own processor time, warm, median of %d interleaved rounds\n", rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, from := range all {
		slices.Sort(from.rates)
		mid := from.rates[len(from.rates)/2]
		spread := (from.rates[len(from.rates)-1] - from.rates[0]) / mid * 100
		fmt.Fprintf(w, "  %s\t%d a payload\t%.0f events\t(spread %.0f %%)\n", from.name, from.events, mid, spread)
	}
	_ = w.Flush()
	fmt.Println()
	return nil
}

// warm starts the function and sees to it that it does what is measured: each
// event is looked at.
func (s *source) warm() error {
	for range 3 {
		if err := s.invoke(); err != nil {
			return err
		}
	}
	want := fmt.Sprintf(`"RecordsJudged":%d,`, s.judged)
	for range 100 { // the answer may come before the log
		if s.judged < 0 || strings.Count(s.f.Logs(), want) == 3 {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("not all of 3 payloads had %d records judged\n%.2000s", s.judged, s.f.Logs())
}

func (s *source) invoke() error {
	s.next++
	a, err := s.f.Invoke(context.Background(), s.payload(s.next), time.Minute)
	switch {
	case err != nil:
		return err
	case a.Error != nil:
		return fmt.Errorf("%w\n%.2000s", a.Error, s.f.Logs())
	case string(a.Payload) != s.answer:
		return fmt.Errorf("answer %.300s, want %s\n%.2000s", a.Payload, s.answer, s.f.Logs())
	}
	return nil
}

// enough is how much processor time one measurement takes at least.
const enough = 200 * time.Millisecond

// round measures once.
func (s *source) round() error {
	began, err := processCPU(s.f.PID())
	if err != nil {
		return err
	}
	events := 0
	for {
		if err := s.invoke(); err != nil {
			return err
		}
		events += s.events
		now, err := processCPU(s.f.PID())
		if err != nil {
			return err
		}
		if took := now - began; took >= enough {
			s.rates = append(s.rates, float64(events)/took.Seconds())
			return nil
		}
	}
}
