package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// event is one invented sign-in and what is true of it.
type event struct {
	id      string
	at      time.Time
	record  []byte
	without bool   // nobody gave a second factor
	lost    bool   // the hot path never sees it
	mild    []byte // a copy that says less, as a truncated export would; nil for none
	closes  string // the file of the trail that it completes, where the hot path is told of it
}

const account = "111122223333"

// begin is when the day of a campaign under its own clock begins.
var begin = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// span is how long it lasts: a hundred thousand sign-ins are a day, so that
// storms are as dense in a short run as in a long one.
func (p plan) span() time.Duration { return 24 * time.Hour * time.Duration(p.events) / 100_000 }

// makeEvents draws the sign-ins of one day. Half of those without MFA are one
// user's, so that there are storms; every tenth is root's.
func makeEvents(p plan, r *rand.Rand) []event {
	events := make([]event, p.events)
	for i := range events {
		at := p.begin.Add(time.Duration(float64(p.span()) * float64(i) / float64(p.events)))
		e := event{id: fmt.Sprintf("%08x-0000-4000-8000-%012x", i, r.Uint64()>>16), at: at, without: i%100 == 37, lost: r.Float64() < 0.05}
		user := fmt.Sprintf("user-%d", r.IntN(400))
		switch {
		case e.without && r.IntN(2) == 0:
			user = "noisy"
		case i%1000 == 37:
			user = ""
		}
		used := map[bool]string{true: `"MFAUsed":"No"`, false: `"MFAUsed":"Yes"`}[e.without]
		e.record = signIn(e.id, user, used, at)
		if e.without && r.IntN(5) == 0 {
			e.mild = signIn(e.id, user, `"MobileVersion":"No"`, at)
		}
		events[i] = e
	}
	return events
}

// signIn is a ConsoleLogin record; no user is root.
func signIn(id, user, data string, at time.Time) []byte {
	who := fmt.Sprintf(`{"type":"IAMUser","principalId":"AIDA%s","arn":"arn:aws:iam::%s:user/%s","accountId":"%s","userName":"%s"}`, user, account, user, account, user)
	if user == "" {
		who = fmt.Sprintf(`{"type":"Root","principalId":"%s","arn":"arn:aws:iam::%s:root","accountId":"%s"}`, account, account, account)
	}
	return fmt.Appendf(nil, `{"eventVersion":"1.08","userIdentity":%s,"eventTime":"%s","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin",`+
		`"awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7","userAgent":"Mozilla/5.0","requestParameters":null,"responseElements":{"ConsoleLogin":"Success"},`+
		`"additionalEventData":{"LoginTo":"https://console.aws.amazon.com/","MobileVersion":"No",%s},"eventID":"%s","readOnly":false,"eventType":"AwsConsoleSignIn",`+
		`"managementEvent":true,"recipientAccountId":"%s","eventCategory":"Management"}`, who, at.Format(time.RFC3339), data, id, account)
}

// messages are those of the hot path, in order: of each event, and of its milder
// copy, those that of makes, and now and then something that is no message at
// all. Of every second event with a milder copy the whole one comes far later.
func messages(events []event, r *rand.Rand, of func(e *event, record []byte) []string) []string {
	const far = 500
	late := map[int][]string{} // by the event after which they come
	var all []string
	for i := range events {
		e := &events[i]
		all = append(all, late[i]...)
		if e.lost {
			continue
		}
		whole := of(e, e.record)
		switch {
		case e.mild == nil:
			all = append(all, whole...)
		case i%200 == 37:
			all = append(all, of(e, e.mild)...)
			then := min(i+far, len(events)-1)
			late[then] = append(late[then], whole...)
		default:
			all = append(append(all, whole...), of(e, e.mild)...)
		}
		if i%2000 == 99 {
			all = append(all, fmt.Sprintf("poison %d: not JSON", i))
		}
	}
	return all
}

// repeated adds the first message once more, one time in five.
func repeated(all []string, r *rand.Rand) []string {
	if r.IntN(5) == 0 {
		return append(all, all[0])
	}
	return all
}

// shuffled moves each message within a window of the ones beside it.
func shuffled(all []string, r *rand.Rand) []string {
	const near = 400
	for i := range all {
		j := min(i+r.IntN(near), len(all)-1)
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// mixed is what the hot path of the real functions is sent of an event: by
// EventBridge, one in three by a topic in between, one in four both ways, one in
// five twice; and what S3 says of a file that the event completes, which may come
// by a topic and twice as well.
func mixed(r *rand.Rand) func(e *event, record []byte) []string {
	return func(e *event, record []byte) []string {
		all := []string{byTopic(bridge(record), r.IntN(3) == 0)}
		if r.IntN(4) == 0 {
			all = append(all, byTopic(bridge(record), true))
		}
		if e.closes != "" {
			all = append(all, repeated([]string{byTopic(notification(e.closes), r.IntN(2) == 0)}, r)...)
		}
		return repeated(all, r)
	}
}

// notification is S3's of a file (S3 user guide, event message structure).
func notification(key string) string {
	return fmt.Sprintf(`{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`, trailBucket, key)
}

// byTopic wraps a message as SNS does (SNS developer guide, parsing JSON formats).
func byTopic(message string, wrapped bool) string {
	if !wrapped {
		return message
	}
	return fmt.Sprintf(`{"Type":"Notification","MessageId":"m","TopicArn":"arn:aws:sns:us-east-1:%s:trail","Message":%s}`, account, quoted(message))
}

func quoted(s string) []byte {
	b, _ := json.Marshal(s) // a text cannot fail
	return b
}

// bridge is the record as EventBridge wraps it.
func bridge(record []byte) string {
	return `{"version":"0","id":"00000000-0000-4000-8000-000000000000","detail-type":"AWS Console Sign In via CloudTrail","source":"aws.signin","account":"` + account +
		`","time":"2026-11-20T00:00:00Z","region":"us-east-1","resources":[],"detail":` + string(record) + `}`
}
