package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// event is one invented sign-in and what is true of it.
type event struct {
	id      string
	record  []byte
	without bool   // nobody gave a second factor
	lost    bool   // the hot path never sees it
	mild    []byte // a copy that says less, as a truncated export would; nil for none
}

const account = "111122223333"

// begin is when the campaign's day begins.
var begin = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// span is how long it lasts: a hundred thousand sign-ins are a day, so that
// storms are as dense in a short run as in a long one.
func (p plan) span() time.Duration { return 24 * time.Hour * time.Duration(p.events) / 100_000 }

// makeEvents draws the sign-ins of one day. Half of those without MFA are one
// user's, so that there are storms; every tenth is root's.
func makeEvents(p plan, r *rand.Rand) []event {
	events := make([]event, p.events)
	for i := range events {
		at := begin.Add(time.Duration(float64(p.span()) * float64(i) / float64(p.events)))
		e := event{id: fmt.Sprintf("%08x-0000-4000-8000-%012x", i, r.Uint64()>>16), without: i%100 == 37, lost: r.Float64() < 0.05}
		user := fmt.Sprintf("user-%d", r.IntN(400))
		switch {
		case e.without && r.IntN(2) == 0:
			user = "noisy"
		case i%1000 == 37:
			user = ""
		}
		used := map[bool]string{true: `"MFAUsed":"No"`, false: `"MFAUsed":"Yes"`}[e.without]
		e.record = signIn(e.id, user, used, at)
		if e.without && r.IntN(10) == 0 {
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

// bodies are the messages of the hot path: each event from EventBridge, one in
// three from a log file too, one in five twice, neighbours in any order, and now
// and then something that is no message at all.
func bodies(events []event, r *rand.Rand) []string {
	var all []string
	add := func(e *event, record []byte) {
		all = append(all, bridge(record))
		if r.IntN(3) == 0 {
			all = append(all, `{"Records":[`+string(record)+`]}`)
		}
		if r.IntN(5) == 0 {
			all = append(all, bridge(record))
		}
	}
	for i := range events {
		e := &events[i]
		if e.lost {
			continue
		}
		add(e, e.record)
		if e.mild != nil {
			add(e, e.mild)
		}
		if i%2000 == 99 {
			all = append(all, fmt.Sprintf("poison %d: not JSON", i))
		}
	}
	const near = 400
	for i := range all { // each within a window of the ones beside it
		j := min(i+r.IntN(near), len(all)-1)
		all[i], all[j] = all[j], all[i]
	}
	return all
}

// bridge is the record as EventBridge wraps it.
func bridge(record []byte) string {
	return `{"version":"0","id":"00000000-0000-4000-8000-000000000000","detail-type":"AWS Console Sign In via CloudTrail","source":"aws.signin","account":"` + account +
		`","time":"2026-11-20T00:00:00Z","region":"us-east-1","resources":[],"detail":` + string(record) + `}`
}
