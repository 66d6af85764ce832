package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"mfawatch/internal/sts"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/wire"
)

// TestTheWholeWay: request, approval, use; credentials come encrypted to who asked, are
// recorded before, and everybody is told.
func TestTheWholeWay(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	recordedBefore := 0
	w.aws.before = func(call string) {
		if call == "assume" {
			recordedBefore = len(w.entries())
		}
	}
	a := w.done("ada", w.use(id))
	g := a.Grant
	if g.Request != id || g.Role != "arn:aws:iam::111122223333:role/break-glass" || g.Session != "mfawatch-"+id || g.Drill || !g.Until.Equal(w.now.Add(15*time.Minute)) {
		t.Errorf("grant %+v", g)
	}
	if c := w.opened(g); c.AccessKeyId != "ASIAEXAMPLE1" || c.SecretAccessKey != "hunter2secret" || c.SessionToken != "hunter2token" || !c.Expiration.Equal(g.Until) {
		t.Error("the credentials are not AWS's")
	}
	want := sts.Session{Role: g.Role, Name: "mfawatch-" + id, SourceIdentity: "ada", Tags: map[string]string{"mfawatch:request": id, "mfawatch:ticket": "INC-7"}, Duration: 15 * time.Minute}
	if len(w.aws.sessions) != 1 || !reflect.DeepEqual(w.aws.sessions[0], want) {
		t.Errorf("assumed %+v, want %+v", w.aws.sessions, want)
	}
	if recordedBefore != 3 {
		t.Errorf("%d entries when AWS was asked, want 3: no record, no grant", recordedBefore)
	}
	w.recorded("the whole way", "asked done", "approved done", "used done", "issued done")
	var told []string
	for _, p := range w.aws.published {
		told = append(told, p["severity"]+" "+p["what"])
	}
	if got := strings.Join(told, ", "); got != "high asked, high approved, critical used, high issued" {
		t.Errorf("told %s", got)
	}
	look := w.done("bob", wire.Command{Command: wire.Look, Request: id}).Request
	if look.State != "active" || look.Approvers[0] != "bob" || look.Seconds != 900 || look.Why != "the identity provider is down" {
		t.Errorf("look %+v", look)
	}
	if open := w.done("cyd", wire.Command{Command: wire.Open}).Requests; len(open) != 1 || open[0].ID != id {
		t.Errorf("open %+v", open)
	}
	for _, line := range []string{`"DoorGrants":1`, `"command":"use"`, `"caller":"arn:aws:iam::111122223333:user/ada"`, `"outcome":"done"`} {
		if !strings.Contains(w.out.String(), line) {
			t.Errorf("%s is not in the log", line)
		}
	}
}

// TestEvents: what is no command never reaches the door.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	body := `{"command":"open"}`
	change := func(f func(*events.LambdaFunctionURLRequest)) events.LambdaFunctionURLRequest {
		e := w.posted("ada", body)
		f(&e)
		return e
	}
	type request = events.LambdaFunctionURLRequest
	for name, c := range map[string]struct {
		e      request
		status int
		reason string
	}{
		"plain":               {w.posted("ada", body), 200, ""},
		"base64":              {change(func(e *request) { e.Body, e.IsBase64Encoded = encoded(e.Body), true }), 200, ""},
		"no base64":           {change(func(e *request) { e.IsBase64Encoded = true }), 400, "bad-command"},
		"GET":                 {change(func(e *request) { e.RequestContext.HTTP.Method = "GET" }), 405, "bad-command"},
		"no authorizer":       {change(func(e *request) { e.RequestContext.Authorizer = nil }), 403, "no-caller"},
		"an authorizer's JWT": {change(func(e *request) { e.RequestContext.Authorizer.IAM = nil }), 403, "no-caller"},
		"no ARN":              {change(func(e *request) { e.RequestContext.Authorizer.IAM.UserARN = "" }), 403, "no-caller"},
		"too long":            {sent("ada", strings.Repeat(" ", mostBody+1)), 413, "bad-command"},
		"too long in base64":  {change(func(e *request) { e.Body, e.IsBase64Encoded = encoded(strings.Repeat(" ", 2*mostBody)), true }), 413, "bad-command"},
		"no JSON":             {sent("ada", "hunter2"), 400, "bad-command"},
		"a command alone":     {sent("ada", body), 400, "bad-command"},
		"a call twice":        {change(func(e *request) { e.Body += e.Body }), 400, "bad-command"},
		"a field twice":       {w.posted("ada", `{"command":"open","command":"head"}`), 400, "bad-command"},
		"an unknown field":    {w.posted("ada", `{"command":"open","caller":"bob"}`), 400, "bad-command"},
		"tend in a body":      {sent("ada", `{"mfawatch":"tend"}`), 400, "bad-command"},
		"tend in a call":      {w.posted("ada", `{"mfawatch":"tend"}`), 400, "bad-command"},
		"a caller in a header": {change(func(e *request) {
			e.Headers = map[string]string{"x-amzn-user-arn": "x"}
			e.RequestContext.Authorizer = nil
		}), 403, "no-caller"},
	} {
		w.out.Reset()
		status, a := w.invoke(t.Context(), c.e)
		w.no(name, status, a, c.status, c.reason)
		if told := strings.Contains(w.out.String(), `"DoorUnproved":1`); told != (c.reason == "no-caller") {
			t.Errorf("%s: measured as nobody's: %v", name, told)
		}
	}
	if _, err := w.h.Invoke(t.Context(), []byte("hunter2")); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("no event: %v", err)
	}
	if len(w.entries()) != 0 {
		t.Errorf("recorded %v", w.entries())
	}
}

// TestAWSGivesNothing: the same request is used again within the minute, without a code,
// and lapses after it.
func TestAWSGivesNothing(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	w.aws.noRole = &sts.Refused{Role: "r", Code: "AccessDenied"}
	command := w.use(id)
	status, a := w.say("ada", command)
	w.no("STS denied", status, a, 502, "not-issued")
	w.recorded("STS denied", "asked done", "approved done", "used done", "not-issued failed AWS: AccessDenied")
	w.aws.noRole = nil
	w.now = w.now.Add(50 * time.Second)
	if a := w.done("ada", command); w.opened(a.Grant).AccessKeyId == "" {
		t.Error("no credentials")
	}
	w.recorded("again", "asked done", "approved done", "used done", "not-issued failed AWS: AccessDenied", "retried done", "issued done")

	w = newWorld(t)
	id = w.ready()
	w.aws.noRole = &sts.Refused{Role: "r", Code: "AccessDenied"}
	_, _ = w.say("ada", w.use(id))
	w.aws.noRole = nil
	w.now = w.now.Add(61 * time.Second)
	if err := w.tend(); err != nil {
		t.Fatal(err)
	}
	w.recorded("lapsed", "asked done", "approved done", "used done", "not-issued failed AWS: AccessDenied", "not-issued failed nobody said that credentials were given", "closed done")
	if got := w.aws.denied["break-glass mfawatch:request"]; len(got) != 1 || got[0] != id {
		t.Errorf("denied %v", w.aws.denied)
	}
	status, a = w.say("ada", w.use(id))
	w.no("after it lapsed", status, a, 403, "over")
}

// TestNotRecordedIsNotHandedOut: the store fails between AWS's answer and the record.
func TestNotRecordedIsNotHandedOut(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	down := false
	w.store.Before = func() error {
		if down {
			return errors.New("dynamodb transaction: out of time")
		}
		return nil
	}
	w.aws.before = func(call string) { down = down || call == "assume" }
	command := w.use(id)
	status, a := w.say("ada", command)
	w.no("the store fails after STS", status, a, 503, "not-recorded")
	if a.Grant != nil {
		t.Error("credentials left that are not recorded")
	}
	down, w.aws.before = false, nil
	w.now = w.now.Add(5 * time.Second) // until then many that ask at once get one grant
	if a := w.done("ada", command); w.opened(a.Grant).AccessKeyId != "ASIAEXAMPLE2" {
		t.Error("the second time gives no new credentials")
	}
	w.recorded("then", "asked done", "approved done", "used done", "retried done", "issued done")
}

// TestTakenBackMeanwhile: who revokes between the grant and its record wins.
func TestTakenBackMeanwhile(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	code := w.code("cyd-totp")
	w.aws.before = func(call string) {
		if call == "assume" {
			w.aws.before = nil
			w.done("cyd", wire.Command{Command: wire.Revoke, Request: id, Device: "cyd-totp", Code: code})
		}
	}
	status, a := w.say("ada", w.use(id))
	w.no("revoked meanwhile", status, a, 403, "over")
	if a.Grant != nil || len(w.aws.denied["break-glass mfawatch:request"]) != 1 {
		t.Errorf("grant %v, denied %v", a.Grant, w.aws.denied)
	}
}

// TestTheStoreIsDown: the door stays shut, whatever is asked, and nothing is granted.
func TestTheStoreIsDown(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	w.store.Before = func() error { return errors.New("dynamodb read of desk#door: no answer") }
	for _, c := range []wire.Command{w.ask(), w.use(id), {Command: wire.End, Request: id}, {Command: wire.Look, Request: id}, {Command: wire.Open}, {Command: wire.Log, From: 1}, {Command: wire.Head}} {
		status, a := w.say("ada", c)
		w.no(string(c.Command), status, a, 503, "store-down")
	}
	if err := w.tend(); err == nil || !strings.Contains(err.Error(), "what time has ended") || !strings.Contains(err.Error(), "archive") {
		t.Errorf("tend: %v", err)
	}
	if len(w.aws.sessions) != 0 {
		t.Errorf("assumed %v", w.aws.sessions)
	}
	w.store.Before = nil
	w.done("ada", w.use(id))
}

// TestTheAnswerOfTheStoreIsLost: what was kept counts, and the code is used once.
func TestTheAnswerOfTheStoreIsLost(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	n, lost := 0, errors.New("the answer was lost")
	w.store.After = func() error {
		if n++; n == 5 { // the proof, the pace, the device's row, the first transaction, the second
			return lost
		}
		return nil
	}
	command := w.use(id)
	status, a := w.say("ada", command)
	w.no("the answer of the grant is lost", status, a, 503, "store-down")
	w.store.After = nil
	w.now = w.now.Add(5 * time.Second)
	if a := w.done("ada", command); w.opened(a.Grant).AccessKeyId != "ASIAEXAMPLE1" {
		t.Error("no credentials")
	}
	w.recorded("then", "asked done", "approved done", "used done", "retried done", "issued done")
}

// TestKMSIsDown: no code can be checked, none is used up, and nobody learns whether a
// device is theirs.
func TestKMSIsDown(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	w.kms.down = errors.New("kms:Decrypt with k: AccessDeniedException")
	command := w.use(id)
	status, a := w.say("ada", command)
	w.no("ada's own", status, a, 403, "device-unavailable")
	command.Device = "nobodys"
	status, a = w.say("ada", command)
	w.no("nobody's", status, a, 403, "device-unavailable")
	if !strings.Contains(w.out.String(), "kms:Decrypt with k: AccessDeniedException") {
		t.Error("the log does not say what KMS said")
	}
	if err := w.tend(); err == nil || !strings.Contains(err.Error(), "archive: the key of signed heads") {
		t.Errorf("tend: %v", err)
	}
	w.kms.down = nil
	w.done("ada", w.use(id))
}

// TestUnknownDevicesCostTheSame: one call of KMS, the same answer and as many
// transactions as a wrong code of one's own device.
func TestUnknownDevicesCostTheSame(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	type cost struct {
		status, opens, transactions int
		answer                      string
	}
	try := func(who, device, code string) cost {
		opens, transactions := w.kms.opens, 0
		w.store.Before = func() error { transactions++; return nil }
		status, a := w.say(who, wire.Command{Command: wire.Use, Request: id, Device: device, Code: wire.Code(code)})
		return cost{status, w.kms.opens - opens, transactions, string(a.JSON())}
	}
	wrong := w.cast.Wrong("ada-totp", w.now).Code.Reveal()
	own := try("ada", "ada-totp", wrong)
	if own.status != 403 || own.opens != 1 || !strings.Contains(own.answer, `"reason":"not-accepted"`) {
		t.Errorf("a wrong code of one's own: %+v", own)
	}
	for name, got := range map[string]cost{
		"nobody's": try("ada", "eves-totp", wrong), "bob's, with his code": try("ada", "bob-totp", string(w.code("bob-totp"))), "a stranger": try("eve", "ada-totp", string(w.code("ada-totp"))),
	} {
		if got != own {
			t.Errorf("%s: %+v, want %+v", name, got, own)
		}
	}
	w.store.Before = nil
	w.done("ada", w.use(id))
}

// TestNobodyIsTold: SNS is down. The door works, notices wait, the schedule says so and
// tells them later, in order.
func TestNobodyIsTold(t *testing.T) {
	w := newWorld(t)
	w.aws.noTopic = errors.New("sns publish to topic: no answer")
	id := w.ready()
	w.done("ada", w.use(id))
	if err := w.tend(); err == nil || !strings.Contains(err.Error(), "notices: sns publish") {
		t.Errorf("tend: %v", err)
	}
	if !strings.Contains(w.out.String(), `"NoticesWaiting":4`) {
		t.Errorf("no metric of what waits:\n%s", w.out.String())
	}
	w.aws.noTopic = nil
	if err := w.tend(); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, p := range w.aws.published {
		told = append(told, p["what"])
	}
	if got := strings.Join(told, " "); got != "asked approved used issued" {
		t.Errorf("told %s", got)
	}
}

// TestSNSHangs: who asked waits two seconds more, and not longer.
func TestSNSHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := w.ready()
		w.h.Topic = hanging{}
		started := time.Now()
		w.opened(w.done("ada", w.use(id)).Grant)
		if took := time.Since(started); took != afterFor {
			t.Errorf("it took %v, want %v", took, afterFor)
		}
	})
}

// TestTheBucketIsDown: the record is in the rows, the schedule says what is missing, and
// makes up for it.
func TestTheBucketIsDown(t *testing.T) {
	w := newWorld(t)
	if err := w.tend(); err != nil || w.unarchived() != "0" {
		t.Errorf("an empty record is %ss behind: %v", w.unarchived(), err)
	}
	w.aws.noBucket = errors.New("s3 list of record: AccessDenied")
	id := w.ready()
	w.now = w.now.Add(10 * time.Second)
	w.done("ada", w.use(id))
	w.now = w.now.Add(10 * time.Minute)
	if err := w.tend(); err == nil || !strings.Contains(err.Error(), "archive: s3 list") || w.unarchived() != "610" {
		t.Errorf("tend: %v, and the record is %ss behind, want 610", err, w.unarchived())
	}
	w.aws.noBucket = nil
	if err := w.tend(); err != nil || w.unarchived() != "0" {
		t.Fatalf("tend: %v, and the record is %ss behind", err, w.unarchived())
	}
	// What is there stays known where the bucket and the process are new to each other.
	w.aws.noBucket, w.h.Archive = errors.New("s3 list of record: AccessDenied"), &archive{Objects: w.aws, Prefix: "record/main/"}
	if err := w.tend(); err == nil || w.unarchived() != "0" {
		t.Errorf("tend: %v, and the record is %ss behind", err, w.unarchived())
	}
	w.aws.noBucket = nil
	if n := strings.Count(string(w.aws.objects["record/main/entries-000000000001.jsonl"]), "\n"); n != 4 {
		t.Errorf("%d entries are archived, want 4", n)
	}
	w.now = w.now.Add(2 * time.Hour)
	if err := w.tend(); err != nil {
		t.Fatal(err)
	}
	heads := 0
	for key := range w.aws.objects {
		if strings.HasPrefix(key, "record/main/head-") {
			heads++
		}
	}
	if heads != 1 || w.aws.objects["record/main/entries-000000000005.jsonl"] == nil {
		t.Errorf("%d heads; objects %d", heads, len(w.aws.objects))
	}
}

// TestTheTableIsRestored to an earlier time: the bucket keeps what it has, the schedule fails
// each minute, everybody is told once, and a head says what the table has instead.
func TestTheTableIsRestored(t *testing.T) {
	w := newWorld(t)
	backup := map[string][]byte{}
	for i := range 3 {
		status, a := w.say("ada", wire.Command{Command: wire.End, Request: "0123456789ABCDEF"})
		w.no("of nothing", status, a, 403, "no-such-request")
		w.done("ada", wire.Command{Command: wire.Head}) // each entry has a head
		if err := w.tend(); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			backup = maps.Clone(w.memory.Rows)
		}
	}
	before := maps.Clone(w.aws.objects)
	w.memory.Rows = backup
	for range 3 {
		if err := w.tend(); err == nil || !strings.Contains(err.Error(), "archive: the archive's last entry is 3: the archive is ahead of or differs from the table") {
			t.Errorf("tend: %v", err)
		}
		w.now = w.now.Add(time.Minute)
	}
	told := 0
	for _, p := range w.aws.published {
		if p["what"] == "restored" && p["severity"] == "critical" {
			told++
		}
	}
	if told != 1 || len(w.aws.objects) != len(before)+1 {
		t.Errorf("it is told %d times, and there are %d objects where %d were", told, len(w.aws.objects), len(before))
	}
	for key, body := range before {
		if !bytes.Equal(w.aws.objects[key], body) {
			t.Errorf("object %s is written over", key)
		}
	}
}

// TestRevocation: AWS is told to refuse every request that was taken back, and again
// until it does.
func TestRevocation(t *testing.T) {
	w := newWorld(t)
	first := w.ready()
	w.done("ada", w.use(first))
	w.aws.noDeny = errors.New("iam:PutRolePolicy of break-glass: AccessDenied")
	w.done("ada", wire.Command{Command: wire.End, Request: first})
	if err := w.tend(); err == nil || !strings.Contains(err.Error(), "revocations: iam:PutRolePolicy of break-glass: AccessDenied") {
		t.Errorf("tend: %v", err)
	}
	w.aws.noDeny = nil
	if err := w.tend(); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	second := w.ready()
	w.done("ada", w.use(second))
	w.done("cyd", wire.Command{Command: wire.Revoke, Request: second, Device: "cyd-totp", Code: w.code("cyd-totp")})
	if got := w.aws.denied["break-glass mfawatch:request"]; len(got) != 2 {
		t.Errorf("denied %v, want both", got)
	}
	w.now = w.now.Add(2 * time.Hour) // credentials of the first two cannot live
	third := w.ready()
	w.done("ada", w.use(third))
	w.done("ada", wire.Command{Command: wire.End, Request: third})
	if got := w.aws.denied["break-glass mfawatch:request"]; len(got) != 1 || got[0] != third {
		t.Errorf("denied %v, want the third alone", got)
	}
}

// TestTwoRevokeAtOnce: who writes the policy last has both, whoever read first.
func TestTwoRevokeAtOnce(t *testing.T) {
	w := newWorld(t)
	other := breakglass.Closing{Request: "SECOND0000000000", Role: "arn:aws:iam::111122223333:role/path/break-glass", Before: w.now}
	w.aws.before = func(call string) {
		if call == "deny" {
			w.aws.before = nil
			if err := w.h.deny(t.Context(), other); err != nil {
				t.Error(err)
			}
		}
	}
	mine := other
	mine.Request = "FIRST00000000000"
	if err := w.h.deny(t.Context(), mine); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(w.aws.denied["break-glass mfawatch:request"]); got != "[FIRST00000000000 SECOND0000000000]" {
		t.Errorf("denied %s", got)
	}
	if err := w.h.deny(t.Context(), breakglass.Closing{Request: "X"}); err == nil || !strings.Contains(err.Error(), "put it back") {
		t.Errorf("a role that is gone: %v", err)
	}
}

// TestAPanic: it is answered, says nothing of what it held, and the grant is used again.
func TestAPanic(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	w.aws.before = func(call string) {
		if call == "assume" {
			panic("hunter2 in a panic")
		}
	}
	command := w.use(id)
	status, a := w.say("ada", command)
	w.no("a panic", status, a, 500, "broken")
	w.aws.before = nil
	if !strings.Contains(w.out.String(), "a fault of mfawatch") || !strings.Contains(w.out.String(), "grant.go") {
		t.Errorf("the log does not say where:\n%s", w.out.String())
	}
	w.now = w.now.Add(5 * time.Second)
	w.done("ada", command)
	w.recorded("then", "asked done", "approved done", "used done", "retried done", "issued done")
}

// TestTheDeadline: AWS hangs. The function answers before its time is over, has recorded
// that there are no credentials, and the grant is used again.
func TestTheDeadline(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	w.h.Roles = hanging{}
	command := w.use(id)
	status, a := w.invoke(ctx, w.posted("ada", string(command.JSON())))
	w.no("STS hangs", status, a, 502, "not-issued")
	if ctx.Err() != nil {
		t.Error("it answered after its time")
	}
	w.recorded("then", "asked done", "approved done", "used done", "not-issued failed AWS: out of time")
	w.h.Roles = w.aws
	w.done("ada", command)
}

type hanging struct{}

func (hanging) Assume(ctx context.Context, _ sts.Session) (sts.Credentials, error) {
	<-ctx.Done()
	return sts.Credentials{}, ctx.Err()
}

func (hanging) Publish(ctx context.Context, _, _ string, _ map[string]string) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

// TestDrill: the whole way, no role, no credentials, and its age is measured.
func TestDrill(t *testing.T) {
	w := newWorld(t)
	age := func() string {
		w.out.Reset()
		if err := w.tend(); err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(w.out.String(), `"DrillAge":`)
		text, _, _ := strings.Cut(after, ",")
		return text
	}
	if got := age(); got != "31536000" {
		t.Errorf("DrillAge %s where there was none, want a year", got)
	}
	w.h.Door.Rules.Roles = w.h.Door.Rules.Roles[:1]
	id := w.ready(func(c *wire.Command) { c.Drill = true })
	a := w.done("ada", w.use(id))
	if !a.Grant.Drill || a.Grant.Credentials != "" || a.Grant.Role != "" || len(w.aws.sessions) != 0 {
		t.Errorf("a drill gave %+v", a.Grant)
	}
	w.now = w.now.Add(time.Hour)
	if got := age(); got != "3600" {
		t.Errorf("DrillAge %s, want 3600", got)
	}
	if strings.Contains(w.out.String(), "DoorGrants") {
		t.Error("a drill counts as a grant")
	}
}

// TestRecipients: what nothing can be encrypted to is refused when it is asked.
func TestRecipients(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []string{"age1" + strings.Repeat("q", 58), "age1yubikey1" + strings.Repeat("q", 58), "age1pq1" + strings.Repeat("q", 60)} {
		c := w.ask()
		c.Recipient = bad
		status, a := w.say("ada", c)
		w.no(bad[:12], status, a, 403, "bad-request")
	}
	if got := w.entries(); len(got) != 3 || got[0] != "asked refused bad-request" {
		t.Errorf("recorded %v", got)
	}
}

// TestTheRecordIsTold: lines and head to principals of the rules, under a key that stays.
func TestTheRecordIsTold(t *testing.T) {
	w := newWorld(t)
	if a := w.done("ada", wire.Command{Command: wire.Head}); a.Head != "" || a.Key == "" {
		t.Errorf("an empty record has head %s", a.Head)
	}
	w.ready()
	a := w.done("bob", wire.Command{Command: wire.Head})
	key, err := base64.StdEncoding.DecodeString(a.Key)
	if err != nil {
		t.Fatal(err)
	}
	head, err := record.ParseHead([]byte(a.Head))
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]byte
	for _, line := range w.done("bob", wire.Command{Command: wire.Log, From: 1}).Lines {
		lines = append(lines, []byte(line))
	}
	r, err := record.Verify("main", lines, []record.Signed{head}, []ed25519.PublicKey{key})
	if err != nil || r.Entries != 2 || r.Signed != 2 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
	if got := w.done("ada", wire.Command{Command: wire.Log, From: 2, Most: 1}).Lines; len(got) != 1 || got[0] != string(lines[1]) {
		t.Errorf("from 2, 1: %v", got)
	}
	w.h.Signer = &signer{Store: w.h.Signer.Store, Keys: w.h.Signer.Keys, Random: w.h.Signer.Random} // a new process
	if again := w.done("ada", wire.Command{Command: wire.Head}); again.Key != a.Key {
		t.Error("another process has another key")
	}
	before := len(w.entries())
	for _, c := range []wire.Command{{Command: wire.Log, From: 1}, {Command: wire.Head}, {Command: wire.Open}, {Command: wire.Look, Request: "0123456789ABCDEF"}} {
		status, a := w.say("eve", c)
		w.no("eve wants "+string(c.Command), status, a, 403, "not-allowed")
	}
	if got := strings.Join(w.entries()[before:], ", "); got != "looked refused not-enrolled, looked refused not-enrolled, looked refused not-enrolled, looked refused not-enrolled" {
		t.Errorf("recorded of eve: %s", got)
	}
	status, a := w.say("ada", wire.Command{Command: wire.Look, Request: "0123456789ABCDEF"})
	w.no("ada looks at what is not there", status, a, 403, "no-such-request")
	if len(w.entries()) != before+4 {
		t.Error("a person's look is recorded")
	}
	if err := w.tend(); err != nil || !strings.Contains(w.out.String(), `"message":"heads are signed"`) {
		t.Errorf("the public key is not logged: %v", err)
	}
}

// TestTheClockIsOff: where the function's clock is five minutes behind, a request that was
// made before cannot be gone on with; where it is ahead, single codes are refused and two
// that follow each other are taken.
func TestTheClockIsOff(t *testing.T) {
	w := newWorld(t)
	id := w.ready()
	use := w.use(id)
	w.off = -5 * time.Minute
	status, a := w.say("ada", use)
	w.no("behind", status, a, 403, "clock-behind")
	w.off = 5 * time.Minute
	status, a = w.say("ada", use)
	w.no("ahead", status, a, 403, "not-accepted")
	use.Code = wire.Code(w.cast.Pair("ada-totp", w.now).Code.Reveal())
	w.opened(w.done("ada", use).Grant)
}

// FuzzEvent: whatever comes, there is a command of a caller, or an error that shows
// nothing of the body.
func FuzzEvent(f *testing.F) {
	proof := `"proof":{"door":"main","key":"ASIAada","at":"20261120T030000Z","token":"hunter2hunter2","signature":"` + strings.Repeat("0a", 32) + `"}`
	for _, body := range []string{`{"command":{"command":"open"},` + proof + `}`, `{"command":{"command":"use","request":"0123456789ABCDEF","device":"d","code":"hunter2"},` + proof + `}`, `{"command":{"command":"open"}}`, `hunter2hunter2`} {
		text, err := json.Marshal(sent("ada", body))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"mfawatch":"tend"}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := readEvent(payload)
		if err != nil {
			return
		}
		caller, call, c, err := e.command()
		if err == nil && (caller == "" || c.Check() != nil) {
			t.Error("a command without caller, or that is not whole")
		}
		if err == nil {
			if again, err := wire.ParseCommand(call.Command); err != nil || again != c {
				t.Error("what is proved is not what is done")
			}
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Error("the error shows the body")
		}
	})
}

// TestReasonsOfTheWire: every reason that the door has can be told, and none says what a
// guesser wants to know.
func TestReasonsOfTheWire(t *testing.T) {
	until := time.Unix(1_800_000_000, 0).UTC()
	for _, reason := range breakglass.Reasons() {
		got := refused(&breakglass.Refusal{Reason: reason, Until: until})
		text, err := json.Marshal(got)
		if err != nil || got.Reason != string(reason) || got.Text == "" || !got.Until.Equal(until) || !strings.Contains(string(text), `"until":"2027-01-15T08:00:00Z"`) {
			t.Errorf("%s is told as %s", reason, text)
		}
	}
}
