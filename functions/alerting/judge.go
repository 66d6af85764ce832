// Package alerting is what functions/signin and functions/reconcile have in
// common: the one way from a CloudTrail record to its alerts, the parts that
// their settings name, and the counts that become metrics.
//
// It promises that both functions say the same of the same record, under the
// same alert id, so that what one delivered the other finds done; and that
// clients give up before a claim runs out. It reads
// mfawatch.yaml once, when a function starts, and keeps nothing in package
// variables.
package alerting

import (
	"mfawatch/audit/alert"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
	"mfawatch/audit/trail"
)

// Judge is how records are judged.
type Judge struct {
	SignIn signin.Rules
	Detect detect.Rules
	Names  alert.Names
}

// Judged is what is said of one record.
type Judged struct {
	Event   signin.Event
	Verdict signin.Verdict
	Alerts  []alert.Alert // of its verdict and of the checks that need no other event
}

// Unreadable tells whether the record could not be read.
func (j Judged) Unreadable() bool { return j.Verdict.Reason == signin.ReasonUnreadable }

// rootSignIn is the detection that repeats a verdict's alert.
const rootSignIn = "root-sign-in"

// Record judges one record. A record that cannot be read is judged too. Root's
// sign-in alerts once: the detection is left out where the verdict says it.
func (j Judge) Record(record []byte) Judged {
	e, err := signin.Parse(record)
	if err != nil {
		v := signin.Judge(record, j.SignIn)
		return Judged{e, v, j.verdict(record, e, v)}
	}
	v := signin.Classify(e, j.SignIn)
	alerts := j.verdict(record, e, v)
	for _, d := range detect.Single(e, j.Detect) {
		if d.Alert && (d.ID != rootSignIn || !v.Alert) {
			alerts = append(alerts, alert.OfDetection(d, j.Names))
		}
	}
	return Judged{e, v, alerts}
}

func (j Judge) verdict(record []byte, e signin.Event, v signin.Verdict) []alert.Alert {
	if !v.Alert {
		return nil
	}
	return []alert.Alert{alert.OfRecord(record, e, v, j.Names)}
}

// maxText bounds a decompressed text. CloudTrail closes a file at 50 MB before
// compression (CloudTrail user guide, quotas); what is larger is damage, and a
// function's memory is small.
const maxText = 64 << 20

// Scanner makes a reader of every record that some judgement reads.
func Scanner() *trail.Scanner {
	var wants []trail.Want
	for _, i := range append(signin.Interests(), detect.Interests()...) {
		wants = append(wants, trail.Want{Name: i.Name, Source: i.Source, Key: i.Key})
	}
	return trail.NewScanner(trail.Options{Wants: wants, MaxText: maxText})
}
