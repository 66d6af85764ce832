package alerting_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
	"mfawatch/functions/alerting"
	"mfawatch/functions/delivery"
	"mfawatch/functions/settings"
)

const root = `{"eventVersion":"1.08","userIdentity":{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"},` +
	`"eventTime":"2026-11-20T08:14:03Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7",` +
	`"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"Yes"},"eventID":"r-1","recipientAccountId":"111122223333"}`

const removed = `{"eventVersion":"1.10","userIdentity":{"type":"IAMUser","principalId":"AIDAEXAMPLE","arn":"arn:aws:iam::111122223333:user/ada","accountId":"111122223333","userName":"ada"},` +
	`"eventTime":"2026-11-20T08:14:03Z","eventSource":"iam.amazonaws.com","eventName":"DeactivateMFADevice","awsRegion":"us-east-1","sourceIPAddress":"192.0.2.7",` +
	`"requestParameters":{"userName":"bob","serialNumber":"arn:aws:iam::111122223333:mfa/bob"},"responseElements":null,"eventID":"d-1","recipientAccountId":"111122223333"}`

func TestRecord(t *testing.T) {
	for name, c := range map[string]struct {
		record string
		ids    []string
		reason signin.Reason
	}{
		"root alerts once":       {root, []string{"111122223333#r-1"}, signin.ReasonMFA},
		"a detection":            {removed, []string{"111122223333#d-1#"}, signin.ReasonNotASignIn},
		"nothing to tell":        {strings.Replace(strings.Replace(root, `"Root"`, `"IAMUser"`, 1), `:root"`, `:user/a","userName":"a"`, 1), nil, signin.ReasonMFA},
		"what cannot be read":    {`{"eventVersion":"1.08"}`, []string{"unknown#no-id-"}, signin.ReasonUnreadable},
		"what is JSON of no one": {`7`, []string{"unknown#no-id-"}, signin.ReasonUnreadable},
	} {
		j := alerting.Judge{}.Record([]byte(c.record))
		var ids []string
		for _, a := range j.Alerts {
			ids = append(ids, a.ID)
		}
		same := slices.EqualFunc(ids, c.ids, strings.HasPrefix)
		if !same || j.Verdict.Reason != c.reason {
			t.Errorf("%s: alerts %q, reason %s, want %q and %s", name, ids, j.Verdict.Reason, c.ids, c.reason)
		}
	}
}

// Where the verdict is silent the detection speaks: one of the two always does.
func TestRootIsNeverSilent(t *testing.T) {
	no, low := false, audit.Info
	j := alerting.Judge{
		SignIn: signin.Rules{SignIn: []signin.Override{{Reason: signin.ReasonMFA, Alert: &no}}},
		Detect: detect.Rules{Overrides: []detect.Override{{ID: "root-sign-in", Alert: &no, Severity: &low}}},
	}
	if got := len(j.Record([]byte(root)).Alerts); got != 1 {
		t.Errorf("%d alerts, want 1", got)
	}
}

func TestCounts(t *testing.T) {
	c := alerting.Counts{settings.AlertsSent: 0, settings.AlertsFolded: 0}
	for _, d := range []delivery.Disposition{delivery.WasSent, delivery.WasRaised, delivery.WasFolded, delivery.WasAlready, delivery.WasHeld, delivery.WasError} {
		c.Delivered(d)
	}
	var line struct {
		AlertsSent, AlertsFolded int
		Function                 string `json:"function"`
		AWS                      struct {
			Timestamp         int64
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name, Unit string }
			}
		} `json:"_aws"`
	}
	text := c.Line("signin", time.UnixMilli(7))
	if err := json.Unmarshal(text, &line); err != nil || text[len(text)-1] != '\n' {
		t.Fatalf("%s: %v", text, err)
	}
	m := line.AWS.CloudWatchMetrics[0]
	if line.AlertsSent != 2 || line.AlertsFolded != 1 || line.Function != "signin" || line.AWS.Timestamp != 7 || m.Namespace != "mfawatch" || m.Dimensions[0][0] != "function" || len(m.Metrics) != 2 {
		t.Errorf("%s", text)
	}
}

// A message can bring any number of errors, and a line of the log stays one that
// can be read.
func TestJoinIsBounded(t *testing.T) {
	all, cause := make([]error, 100_000), errors.New("cause")
	for i := range all {
		all[i] = fmt.Errorf("error %d", i/2)
	}
	all[99_999] = cause
	err := alerting.Join(all...)
	if want := "error 0; error 1; error 2; error 3; error 4; error 5; error 6; error 7; and 99992 more"; err.Error() != want || !errors.Is(err, cause) {
		t.Errorf("%.300v, want %s", err, want)
	}
}

func TestJoin(t *testing.T) {
	a := errors.New("a")
	if err := alerting.Join(nil, nil); err != nil {
		t.Errorf("nothing is %v", err)
	}
	err := alerting.Join(nil, a, errors.Join(a, errors.New("b")))
	if !errors.Is(err, a) || err.Error() != "a; a; b" {
		t.Errorf("%q", err)
	}
}
