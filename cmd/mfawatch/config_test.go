package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/config"
	"mfawatch/internal/fakeaws"
)

// TestInitIsAccepted: what config init writes is accepted by config check, for every
// combination of answers, typed or proposed. Regions and who is told take turns: no
// other answer looks at them.
func TestInitIsAccepted(t *testing.T) {
	url, w, end, err := startAWS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	for i, value := range awsValues(url, t.TempDir()) {
		t.Setenv(awsVariables[i], value)
	}
	file := filepath.Join(t.TempDir(), "mfawatch.yaml")
	n := 0
	for _, place := range []struct{ partition, home, list string }{
		{"aws", "eu-north-1", "eu-north-1, us-east-2 me-south-1"}, {"aws-us-gov", "us-gov-east-1", "us-gov-west-1"}, {"aws-cn", "cn-north-1", "cn-northwest-1"},
	} {
		arn := func(service, region, rest string) string {
			return fmt.Sprintf("arn:%s:%s:%s:%s:%s", place.partition, service, region, management, rest)
		}
		w.Change(func() {
			w.History.Trails = []fakeaws.Trail{
				{ARN: arn("cloudtrail", place.home, "trail/one"), Region: place.home, Bucket: "one-logs", Prefix: "audit", KeyARN: arn("kms", place.home, "key/1234abcd-12ab-34cd-56ef-1234567890ab"), LogGroupARN: arn("logs", place.home, "log-group:one:*")},
				{ARN: arn("cloudtrail", place.home, "trail/two"), Region: place.home, Bucket: "two-logs", KeyARN: arn("kms", place.home, "alias/two"), Stopped: true},
			}
		})
		told := "a@example.com b@example.com=high https://hooks.example.com/x?y=z " + arn("sqs", place.home, "alerts") + "=low https://events.pagerduty.com/integration/0123456789abcdef/enqueue=critical"
		if place.partition == "aws" {
			told += " slack:T012ABCDEFG/C012ABCDEFG"
		}
		regions, tell := []string{"", "default", place.list}, []string{"", "nobody", told}
		for _, account := range []string{management, management + " o-exampleorgid r-exam " + member, management + ", o-exampleorgid, ou-exam-exampleou1, ou-exam-exampleou2, " + management} {
			for _, trail := range []string{"", "create", "1", "2", arn("cloudtrail", place.home, "trail/two"), arn("cloudtrail", place.home, "trail/three") + " three-logs"} {
				for _, guard := range []string{"", "none", "self-service people Admins", "mfa-only", "hardware people", "admin-managed people " + arn("iam", "", "user/ada")} {
					n++
					if testing.Short() && n%7 != 0 {
						continue
					}
					initiated(t, file, strings.Join([]string{account, place.home, regions[n%3], tell[n/3%3], trail, guard}, "\n")+"\n")
				}
			}
		}
	}
	t.Logf("%d combinations", n)
}

// initiated runs config init on answers, and config check on what it wrote.
func initiated(t *testing.T, file, typed string) {
	t.Helper()
	var errs, out bytes.Buffer
	if code := execute(context.Background(), terminal{in: strings.NewReader(typed), out: &out, err: &errs}, []string{"config", "init", "--force", "-o", file}); code != exitClean {
		t.Fatalf("config init ends with %d on\n%s\n%s", code, typed, errs.String())
	}
	out.Reset()
	if code := execute(context.Background(), terminal{out: &out, err: &errs}, []string{"config", "check", "--format", "json", file}); code != exitClean {
		text, _ := os.ReadFile(file)
		t.Fatalf("config check ends with %d on\n%s\n%s", code, text, errs.String())
	}
}

// TestInitSaysWhatHolds: the blocks that the file has as comments say what holds
// without them.
func TestInitSaysWhatHolds(t *testing.T) {
	a := answers{account: management, home: "eu-north-1"}
	want, err := config.ReadDeployment("mfawatch.yaml", []byte(a.text()))
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(a.text(), "# What follows holds without a word.\n\n")
	block, _, _ := strings.Cut(after, "\n\n")
	var b strings.Builder
	for line := range strings.Lines(block) {
		b.WriteString(strings.TrimPrefix(line, "# "))
	}
	got, err := config.ReadDeployment("mfawatch.yaml", []byte(before+b.String()))
	if diff := cmp.Diff(want, got); err != nil || diff != "" || strings.Count(b.String(), "\n") < 10 {
		t.Errorf("uncommented: %v\n%s\n%s", err, b.String(), diff)
	}
}

// TestInitInterrupted: Ctrl-C while a question waits writes nothing and says so.
func TestInitInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range environment {
		t.Setenv(name, "")
	}
	in, typing := io.Pipe()
	defer typing.Close()
	ctx, stop := context.WithCancel(context.Background())
	var errs bytes.Buffer
	go func() {
		_, _ = typing.Write([]byte(management + "\n")) // returns once it was read
		stop()
	}()
	done := make(chan int)
	go func() {
		done <- execute(ctx, terminal{in: in, out: io.Discard, err: &errs}, []string{"config", "init"})
	}()
	select {
	case code := <-done:
		if code != exitCannotRun || !strings.Contains(errs.String(), "interrupted: nothing was written") {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for ever")
	}
	if left, _ := filepath.Glob("*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestScreenTellsNoKeys: the table shows no URL whole.
func TestScreenTellsNoKeys(t *testing.T) {
	d, err := config.ReadDeployment("mfawatch.yaml", []byte(`{version: 1, account: "111122223333", home_region: eu-north-1, watchdog: {heartbeat: "https://beat.example.com/s3cret"},
  alerts: {targets: [{https: "https://hooks.example.com/s3cret?k=s3cret"}, {pagerduty: "https://events.pagerduty.com/integration/s3cret/enqueue"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	got := screen("mfawatch.yaml", d, config.File{}, nil, time.Time{}, 0)
	for _, want := range []string{"hooks.example.com", "events.pagerduty.com", "beat.example.com"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "s3cret") {
		t.Errorf("a key is shown:\n%s", got)
	}
	for line := range strings.Lines(got) {
		if len([]rune(line)) > 101 {
			t.Errorf("a line of %d characters: %s", len([]rune(line)), line)
		}
	}
}
