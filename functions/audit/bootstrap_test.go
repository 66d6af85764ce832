package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/functions/alerting/awstest"
	"mfawatch/functions/settings"
	"mfawatch/internal/fakeaws"
	"mfawatch/internal/lambdatest"
)

// deployed is the released binary against stand-ins for Lambda and AWS.
type deployed struct {
	*lambdatest.Function
	srv *awstest.Server
}

func started(t *testing.T, a *fakeaws.Account, rate int) deployed {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the binary")
	}
	dir := t.TempDir()
	bin, err := lambdatest.Build(".", dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := awstest.Start(ownAccount)
	t.Cleanup(srv.Close)
	srv.Reads.Add(a)
	srv.Reads.Bucket("reports", "eu-north-1")
	env, err := srv.Environment(settings.Audit{
		Common: settings.Common{Partition: "aws", Account: ownAccount, LogLevel: "info"}, ReportBucket: "reports", ReportPrefix: "audit/",
		TopicARN: "arn:aws:sns:eu-north-1:111122223333:alerts", Formats: []string{"json", "html"}, Region: "eu-north-1",
		Role: "audit/MfawatchAudit", ExternalID: "x-1", Remind: 168 * time.Hour, Rate: rate,
	}, ownAccount, dir, rightFile)
	if err != nil {
		t.Fatal(err)
	}
	f := &lambdatest.Function{Binary: bin, Env: env, Handler: "audit"}
	t.Cleanup(f.Close)
	return deployed{f, srv}
}

// ask invokes the function. It gives the result, or what it failed with.
func (f deployed) ask(t *testing.T, event string, limit time.Duration) (Result, *lambdatest.Error, lambdatest.Answer) {
	t.Helper()
	a, err := f.Invoke(t.Context(), []byte(event), limit)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if a.Error == nil {
		if err := json.Unmarshal(a.Payload, &r); err != nil {
			t.Fatalf("answer %.200s: %v", a.Payload, err)
		}
	}
	return r, a.Error, a
}

// kept are the objects that were written, by BUCKET/KEY.
func (f deployed) kept() map[string]string {
	all := map[string]string{}
	for key, body := range f.srv.Kept() {
		all[key] = string(body)
	}
	return all
}

// The binary itself: cold, warm, the same run again, errors of the handler and
// what the log says of it all.
func TestBootstrap(t *testing.T) {
	f := started(t, office(), 50)
	r, failure, a := f.ask(t, `{"mode":"account","run":"r1"}`, 30*time.Second)
	if failure != nil || !a.Cold || r.Summary != "sent" || r.Failures == 0 || r.Report != "s3://reports/audit/111122223333/runs/r1/report.html" {
		t.Fatalf("cold: %+v, %v, cold %v\n%s", r, failure, a.Cold, f.Logs())
	}
	t.Logf("cold start to answer %s", a.Took)
	first := f.kept()
	if len(first) != 5 || !strings.Contains(first["reports/audit/111122223333/latest.json"], `"run":"r1"`) {
		t.Errorf("objects %v", first)
	}
	if r, failure, a = f.ask(t, `{"mode":"account","run":"r1"}`, 30*time.Second); failure != nil || a.Cold || r.Summary != "sent-before" || !maps.Equal(first, f.kept()) {
		t.Errorf("the same run again, warm: %+v, %v, cold %v", r, failure, a.Cold)
	}
	if r, failure, _ = f.ask(t, `{"mode":"account"}`, 30*time.Second); failure != nil || r.Summary != "unchanged" || r.Run != "request-3" {
		t.Errorf("the next run: %+v, %v", r, failure)
	}
	f.errors(t)
	if sent := f.srv.Topic.Sent(); len(sent) != 1 || f.Starts() != 1 {
		t.Errorf("published %d, %d starts; want 1 and 1", len(sent), f.Starts())
	}
	for text, wanted := range map[string]bool{`"message":"started"`: true, `"request_id":"request-1"`: true, `"CloudWatchMetrics"`: true, "bob": false, "GAKT": false, "AKIA": false, "goroutine": false} {
		if strings.Contains(f.Logs(), text) != wanted {
			t.Errorf("logs hold %q: %v, want %v\n%s", text, !wanted, wanted, f.Logs())
		}
	}
	t.Logf("peak memory %d KiB", f.PeakKiB())
}

// errors are those of the handler: each is an answer, and the process lives on.
func (f deployed) errors(t *testing.T) {
	t.Helper()
	for event, want := range map[string]string{
		`{}`:                              `event: mode "" is not one of account, list, member, reduce`,
		`{"mode":"list","run":"r2"}`:      "account 111122223333 is in no organisation: audit it alone",
		`{"mode":"account","run":"../r"}`: `event: run "../r" is no name of a run`,
	} {
		if r, failure, _ := f.ask(t, event, 30*time.Second); failure == nil || failure.Exited || !strings.HasPrefix(failure.Message, want) {
			t.Errorf("%s: %+v, %v, want %s…", event, r, failure, want)
		}
	}
	f.srv.Before = func(call string) int { return map[string]int{"s3:PUT": 403}[call] }
	r, failure, _ := f.ask(t, `{"mode":"account","run":"r4"}`, 30*time.Second)
	if failure == nil || failure.Exited || !strings.Contains(failure.Message, "write s3://reports/audit/111122223333/runs/r4/") {
		t.Errorf("S3 refuses: %+v, %v", r, failure)
	}
	f.srv.Before = nil
}

// What is no event, or a very large one, is refused in bounded time and memory,
// and the process lives on. Lambda itself hands over 6 MB and no more.
func TestBootstrapHostile(t *testing.T) {
	f := started(t, office(), 50)
	const most = 6 << 20
	f.ask(t, `{}`, 10*time.Second)
	for name, c := range map[string]struct{ event, want string }{
		"no JSON":                {`{"mode":`, "unexpected EOF"},
		"a list":                 {`[1,2]`, "cannot unmarshal array"},
		"a number for a word":    {`{"mode":7}`, "cannot unmarshal number"},
		"a time that is none":    {`{"mode":"account","run":"r","began":"yesterday"}`, `"yesterday"`},
		"a long word":            {`{"mode":"` + strings.Repeat("m", most) + `"}`, "is not one of account, list, member, reduce"},
		"a long run":             {`{"mode":"account","run":"` + strings.Repeat("r", most) + `"}`, "is no name of a run"},
		"many results":           {`{"mode":"reduce","run":"r","organization":"o-exampleorgid","results":[` + strings.Repeat("{},", most/3) + `{}]}`, "run mode list first"},
		"nested deep":            {`{"mode":"reduce","run":"r","organization":"o-exampleorgid","results":` + strings.Repeat("[", most/2) + strings.Repeat("]", most/2) + `}`, "exceeded max depth"},
		"nested, and cut":        {`{"mode":"reduce","results":` + strings.Repeat(`{"a":`, most/5), "max depth"},
		"a record of CloudTrail": {`{"Records":[{"eventName":"ConsoleLogin"}]}`, `event: mode "" is not one of`},
	} {
		began := time.Now()
		r, failure, a := f.ask(t, c.event, 20*time.Second)
		if failure == nil || failure.Exited || a.Cold || !strings.Contains(failure.Message, c.want) || len(failure.Message) > 1000 {
			t.Errorf("%s: %+v, cold %v, failure %.300v", name, r, a.Cold, failure)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
	if f.PeakKiB() > 128<<10 || f.Starts() != 1 || len(f.kept()) != 0 || len(f.Logs()) > 64<<10 {
		t.Errorf("peak memory %d KiB, %d starts, objects %v, %d bytes of logs", f.PeakKiB(), f.Starts(), f.kept(), len(f.Logs()))
	}
	t.Logf("peak memory %d KiB", f.PeakKiB())
	if r, failure, _ := f.ask(t, `{"mode":"account","run":"r1"}`, 30*time.Second); failure != nil || r.Summary != "sent" {
		t.Errorf("afterwards: %+v, %v", r, failure)
	}
}

// The deadline comes before the account is read: the answer asks for another
// invocation, what was read is kept, and is not asked again.
func TestBootstrapDeadline(t *testing.T) {
	const users = 120
	f := started(t, crowd(users), 25)
	event, parts := `{"mode":"account","run":"r1"}`, 0
	for {
		r, failure, a := f.ask(t, event, 5*time.Second)
		if failure != nil || a.Took > 5*time.Second {
			t.Fatalf("part %d: %+v, %v after %s\n%s", parts, r, failure, a.Took, f.Logs())
		}
		if !r.Continue {
			break
		}
		if f.srv.Kept()["reports/audit/111122223333/runs/r1/checkpoint.json"] == nil || f.srv.Kept()["reports/audit/111122223333/latest.json"] != nil {
			t.Fatalf("part %d: objects %v", parts, f.kept())
		}
		if parts++; parts > 10 {
			t.Fatal("ten parts, and no end")
		}
		next, err := json.Marshal(r.Event)
		if err != nil {
			t.Fatal(err)
		}
		event = string(next)
	}
	n := f.srv.Reads.Counts()["iam:ListMFADevices"]
	if parts == 0 || n < users || n > users+2*parts || f.Starts() != 1 || len(f.srv.Topic.Sent()) != 1 {
		t.Errorf("%d further parts, %d users were asked %d times, %d starts, %d messages", parts, users, n, f.Starts(), len(f.srv.Topic.Sent()))
	}
}

// The process dies in the middle, wherever that is: the next one does what is
// left, and nobody is left untold.
func TestBootstrapDies(t *testing.T) {
	account := office()
	f := started(t, account, 50)
	for i, call := range []string{"iam:POST", "s3:PUT", "sns:Publish"} {
		run, event := fmt.Sprintf("r%d", i), fmt.Sprintf(`{"mode":"account","run":"r%d"}`, i)
		died := false
		f.srv.Before = func(at string) int {
			if at == call && !died {
				died = true
				f.Kill()
			}
			return 0
		}
		if i > 0 { // something new to tell
			f.srv.Reads.Change(func() { account.User("carol" + run).Password = true })
		}
		if _, failure, _ := f.ask(t, event, 20*time.Second); failure == nil || !failure.Exited {
			t.Fatalf("%s: the process did not die: %v", call, failure)
		}
		if latest := f.kept()["reports/audit/111122223333/latest.json"]; strings.Contains(latest, run) {
			t.Errorf("%s: %s is pointed to", call, latest)
		}
		r, failure, a := f.ask(t, event, 20*time.Second)
		if failure != nil || !a.Cold || r.Continue || r.Summary != "sent" || !strings.Contains(f.kept()["reports/audit/111122223333/latest.json"], `"run":"`+run+`"`) {
			t.Errorf("%s: afterwards %+v, %v, cold %v", call, r, failure, a.Cold)
		}
	}
	if sent := len(f.srv.Topic.Sent()); sent < 3 || sent > 4 { // killed at publishing: perhaps twice
		t.Errorf("published %d", sent)
	}
}

// A panic, which a binary with a fault put into it has: it is the invocation's
// error, the run before stays in force, and the next try starts a new process.
func TestBootstrapPanics(t *testing.T) {
	const file, at = "tell.go", "	var told announced\n"
	text, err := os.ReadFile(file)
	if err != nil || strings.Count(string(text), at) != 1 {
		t.Fatalf("%s has changed: say where the fault goes (%v)", file, err)
	}
	broken := filepath.Join(t.TempDir(), file)
	fault := `	if e.Run == "r2" && e.Part == 0 { panic("lost") }` + "\n"
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), at, fault+at, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "-overlay="+overlay(t, file, broken))
	f := started(t, office(), 50)
	if r, failure, _ := f.ask(t, `{"mode":"account","run":"r1"}`, 20*time.Second); failure != nil || r.Summary != "sent" {
		t.Fatalf("before: %+v, %v", r, failure)
	}
	_, failure, _ := f.ask(t, `{"mode":"account","run":"r2"}`, 20*time.Second)
	if failure == nil || !failure.Exited || failure.Error() != "string: lost" || !strings.Contains(f.kept()["reports/audit/111122223333/latest.json"], `"run":"r1"`) {
		t.Errorf("the panic: %v, %s", failure, f.kept()["reports/audit/111122223333/latest.json"])
	}
	r, failure, a := f.ask(t, `{"mode":"account","run":"r2","part":1}`, 20*time.Second)
	if failure != nil || !a.Cold || r.Summary != "unchanged" || !strings.Contains(f.kept()["reports/audit/111122223333/latest.json"], `"run":"r2","previous":"r1"`) {
		t.Errorf("afterwards: %+v, %v, cold %v", r, failure, a.Cold)
	}
}

// overlay has the compiler read another file in place of one of this folder.
func overlay(t *testing.T, file, instead string) string {
	t.Helper()
	whole, err := filepath.Abs(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {whole: instead}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A wrong deployment says so at the first start, in one line.
func TestBootstrapDoesNotStart(t *testing.T) {
	f := started(t, office(), 50)
	f.Env = append(f.Env, "MFAWATCH_FORMATS=json,pdf")
	_, failure, _ := f.ask(t, `{"mode":"account"}`, 10*time.Second)
	if failure == nil || !failure.Exited || !strings.Contains(f.Logs(), "the function's environment: MFAWATCH_FORMATS") || strings.Count(f.Logs(), "\n") != 1 {
		t.Errorf("%v, logs %s", failure, f.Logs())
	}
}

// An organisation through the real binary: listed, each member by its role and
// from outside, and one report of all.
func TestBootstrapOrganization(t *testing.T) {
	f := started(t, office(), 200)
	const member = "100000000001"
	o := fakeaws.NewOrganization(ownAccount)
	o.Features = []string{"RootCredentialsManagement"}
	o.Member(member, "team")
	o.Member(deniedAccount, "denied")
	o.Policies = []fakeaws.SCP{{ID: "p-mfa", Name: "mfa", Document: `{"mfa":1}`, Targets: []string{"r-abcd"}}}
	for _, id := range []string{member, deniedAccount} {
		a := fakeaws.NewAccount(id)
		a.User("dev").Password = true
		if id == member {
			role := a.Role("MfawatchAudit")
			role.Path, role.ExternalID = "/audit/", "x-1"
		}
		f.srv.Reads.Add(a)
	}
	f.srv.Reads.Change(func() { f.srv.Reads.Organization = o })
	listed, failure, _ := f.ask(t, `{"mode":"list","run":"r1"}`, 30*time.Second)
	if failure != nil || len(listed.Items) != 3 || listed.Organization != o.ID {
		t.Fatalf("list: %+v, %v\n%s", listed, failure, f.Logs())
	}
	for _, item := range listed.Items {
		text, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		if r, failure, _ := f.ask(t, string(text), 30*time.Second); failure != nil || r.Continue || (r.Unread == 1) != (item.Account == deniedAccount) {
			t.Fatalf("member %s: %+v, %v\n%s", item.Account, r, failure, f.Logs())
		}
	}
	for _, id := range []string{member, deniedAccount} {
		s, err := audit.DecodeSnapshot(f.srv.Kept()["reports/audit/o-exampleorgid/runs/r1/members/"+id+"/snapshot.json"])
		if err != nil || s.SCPs == nil || len(s.SCPs.Value) != 1 || s.Root.MFADevices == nil || (s.Users == nil) != (id == deniedAccount) {
			t.Errorf("account %s: policies %+v, root %+v, error %v", id, s.SCPs, s.Root, err)
		}
	}
	r, failure, _ := f.ask(t, `{"mode":"reduce","run":"r1","organization":"o-exampleorgid"}`, 30*time.Second)
	if failure != nil || r.Accounts != 3 || r.Unread != 1 || r.Summary != "sent" || len(f.srv.Topic.Sent()) != 1 {
		t.Errorf("reduce: %+v, %v, %d messages", r, failure, len(f.srv.Topic.Sent()))
	}
	if strings.Contains(f.Logs(), "x-1") || strings.Contains(f.Logs(), "ASIA") {
		t.Errorf("the log holds what it must not:\n%s", f.Logs())
	}
}
