package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"mfawatch/functions/alerting/awstest"
	"mfawatch/functions/settings"
	"mfawatch/internal/lambdatest"
)

const rightFile = "version: 1\naccounts:\n  \"111122223333\": prod\n"

func environment() settings.Reconcile {
	return settings.Reconcile{
		Common: settings.Common{Partition: "aws", Account: own, LogLevel: "info"},
		Alerting: settings.Alerting{TopicARN: "arn:aws:sns:eu-north-1:111122223333:alerts", EventsTable: "events", EvidenceBucket: "evidence",
			Lease: time.Minute, Keep: time.Hour},
		TrailBucket: "trail", TrailPrefix: "p/", LookBack: 6 * time.Hour, Silence: 2 * time.Hour,
	}
}

// The binary itself: files in S3, what the hot path missed, a digest, a
// coverage record; cold, warm, a throttled table, a wrong event.
func TestBootstrap(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the binary")
	}
	dir := t.TempDir()
	bin, err := lambdatest.Build(".", dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := awstest.Start(own)
	defer srv.Close()
	env, err := srv.Environment(environment(), own, dir, rightFile)
	if err != nil {
		t.Fatal(err)
	}
	f := &lambdatest.Function{Binary: bin, Env: env, Handler: "reconcile"}
	defer f.Close()
	s := newStage() // makes the file
	at := time.Now().UTC().Add(-time.Hour)
	var records []string
	for i := range 5 {
		records = append(records, signIn(fmt.Sprint("e-", i), at, "Success", "No"))
	}
	key := s.put("eu-north-1", at, records...)
	srv.Reads.Bucket("trail", "eu-north-1").Put(key, s.trail.objects[key])

	invoke := func(event string) (Result, string) {
		a, err := f.Invoke(t.Context(), []byte(event), 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var r Result
		if a.Error != nil {
			return r, a.Error.Message
		}
		if err := json.Unmarshal(a.Payload, &r); err != nil {
			t.Fatal(err)
		}
		return r, ""
	}
	if r, failure := invoke(`{}`); failure != "" || r.Files != 1 || r.Records != 5 || r.Sent != 3 || r.Folded != 2 {
		t.Fatalf("cold: %+v, %s\n%s", r, failure, f.Logs())
	}
	if r, failure := invoke(`{"detail-type":"Scheduled Event","detail":{}}`); failure != "" || r.Sent != 0 || r.Files != 1 {
		t.Errorf("warm: %+v, %s", r, failure)
	}
	if kept := srv.Kept(); !bytes.Contains(kept["evidence/coverage/latest.json"], []byte(`"region":"eu-north-1"`)) {
		t.Errorf("no coverage record in %d objects", len(kept))
	}
	if _, failure := invoke(`{"from":"x"}`); !strings.Contains(failure, `from "x" is no time`) {
		t.Errorf("wrong event: %s", failure)
	}
	srv.Before = func(call string) int {
		return map[string]int{"dynamodb:BatchGetItem": 500}[call]
	}
	if _, failure := invoke(`{}`); !strings.Contains(failure, "read what was alerted: ") {
		t.Errorf("a table that fails: %s", failure)
	}
	srv.Before = nil
	if r, failure := invoke(`{}`); failure != "" || r.Sent != 0 || f.Starts() != 1 {
		t.Errorf("afterwards: %+v, %s, %d starts", r, failure, f.Starts())
	}
	if len(srv.Topic.Sent()) != 3 {
		t.Errorf("published %d, want 3", len(srv.Topic.Sent()))
	}
	t.Logf("peak memory %d KiB", f.PeakKiB())
}
