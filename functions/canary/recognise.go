package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"mfawatch/audit/alert"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/internal/sqs"
)

// body is what messages are told apart by: an envelope of SNS (SNS developer
// guide, parsing JSON formats), or an EventBridge event.
type body struct {
	Type, TopicArn, Message string

	Source, Account string
	DetailType      string `json:"detail-type"`
	Detail          struct {
		EventName         string    `json:"eventName"`
		EventTime         time.Time `json:"eventTime"`
		ErrorCode         string    `json:"errorCode"`
		RequestParameters struct {
			RoleName string `json:"roleName"`
			Tags     []struct{ Key, Value string }
		} `json:"requestParameters"`
	}

	Schema string // of an alert without an envelope
}

// nonce is how every run names what it sends, the trail's tag too.
var nonce = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}-[a-z0-9-]{2,30}$`)

// recognise counts a message that is the canary's. The error says why one is not.
func (r *round) recognise(m sqs.Message) error {
	var b body
	if err := json.Unmarshal([]byte(m.Body), &b); err != nil {
		return errors.New("not a JSON object of a known shape") // the decoder's words may quote the body
	}
	switch {
	case b.Type == "Notification":
		return r.alerted(b, m.Sent)
	case b.Source == "aws.iam":
		return r.tagCame(b, m.Sent)
	case b.Schema == alert.Schema:
		return errors.New("an alert without SNS's envelope: switch raw message delivery of the queue's subscription off")
	}
	return errors.New("neither a notification of SNS nor an event of IAM")
}

// alerted takes a canary that came back as an alert, at the time that the queue
// got it.
func (r *round) alerted(b body, at time.Time) error {
	if b.TopicArn != r.Settings.TopicARN {
		return fmt.Errorf("of another topic, %q", cut(b.TopicArn))
	}
	a, err := alert.Parse([]byte(b.Message))
	switch {
	case err != nil:
		return errors.New("a notification that is no alert")
	case a.Kind != alert.Canary:
		return fmt.Errorf("an alert of kind %q: the subscription's filter policy lets too much pass", cut(string(a.Kind)))
	case a.Account != r.Settings.Account:
		return fmt.Errorf("a canary of account %q", cut(a.Account))
	}
	name, ours := strings.CutPrefix(a.ID, a.Account+"#canary#")
	if !ours || !nonce.MatchString(name) {
		return errors.New("a canary that no run sent")
	}
	for _, l := range r.legs {
		if l.nonce != name {
			continue
		}
		if _, again := r.came[name]; !again { // SQS and SNS deliver at least once
			if at.IsZero() {
				at = r.Now()
			}
			r.came[name] = max(at.Sub(l.sent), 0)
		}
		return nil
	}
	r.late++
	return nil
}

// tagCame takes the event of the canary's tag. Its age is counted from CloudTrail's
// own time of the call until the queue got it: how long it then waited for a run is
// the schedule's, and no fault of the trail.
func (r *round) tagCame(b body, at time.Time) error {
	d := b.Detail
	switch {
	case b.Account != r.Settings.Account:
		return fmt.Errorf("an event of account %q", cut(b.Account))
	case d.EventName != "TagRole" || d.RequestParameters.RoleName != deployed.CanaryTarget(r.Settings.Prefix) || d.ErrorCode != "":
		return fmt.Errorf("an event %q that is not the canary's tag", cut(d.EventName))
	case d.EventTime.IsZero():
		return errors.New("a tag without a time")
	}
	for _, t := range d.RequestParameters.Tags {
		if t.Key == deployed.CanaryTag && nonce.MatchString(t.Value) {
			if at.IsZero() {
				at = r.Now()
			}
			age := max(at.Sub(d.EventTime), 0)
			if !r.tagged || age < r.trail {
				r.trail = age
			}
			r.tagged = true
			r.log.Info().Str("value", t.Value).Dur("age", age).Msg("the tag came back through CloudTrail")
			return nil
		}
	}
	return errors.New("a tag that no run set")
}
