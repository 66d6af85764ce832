package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mfawatch/totp/breakglass/wire"
)

// TestBreakglassWhoCalls: the proof of who calls is for the door that is named, else the
// one that init was told, else mfawatch; and a door that has no proof of who calls says what
// to look at, and names the offline way only where that helps.
func TestBreakglassWhoCalls(t *testing.T) {
	door, answer := "", wire.Answer{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		call, _, err := wire.ParseCall(body)
		if err != nil || call.Proof.Check() != nil {
			t.Errorf("the call: %v, %v", err, call.Proof.Check())
		}
		door = call.Proof.Door
		_, _ = w.Write(answer.JSON())
	}))
	defer srv.Close()
	for name, value := range map[string]string{
		"MFAWATCH_HOME": t.TempDir() + "/mfawatch", "MFAWATCH_BREAKGLASS_URL": "", "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "ASIAADA", "AWS_SECRET_ACCESS_KEY": "hunter2", "AWS_SESSION_TOKEN": "token", "AWS_PROFILE": "",
	} {
		t.Setenv(name, value)
	}
	status := []string{"breakglass", "status", "--url", srv.URL, "--region", "eu-north-1"}
	run := func(wantCode int, wantDoor string, args ...string) string {
		t.Helper()
		code, said := ends(t, "", args...)
		if code != wantCode || door != wantDoor {
			t.Errorf("%v ends with %d, for door %q: %s", args, code, door, said)
		}
		return said
	}
	run(0, "mfawatch", status...)
	run(0, "spare", append(status, "--door", "spare")...)
	run(0, "spare", "breakglass", "init", "--url", srv.URL, "--region", "eu-north-1", "--door", "prod")
	run(0, "prod", "breakglass", "status")
	run(0, "spare", "breakglass", "status", "--door", "spare")

	for reason, offline := range map[wire.Reason]bool{wire.CallerUnproved: false, wire.ProofUnchecked: true} {
		answer = wire.Answer{Failed: &wire.Failed{Reason: reason, Text: "look at this"}}
		said := run(exitCannotRun, "prod", "breakglass", "status")
		if !strings.Contains(said, fmt.Sprintf("look at this (%s)", reason)) || strings.Contains(said, "--offline") != offline {
			t.Errorf("%s: %s", reason, said)
		}
	}
	door = ""
	if said := run(exitCannotRun, "", append(status, "--door", "no name")...); !strings.Contains(said, "door: it is no name of a door") || strings.Contains(said, "hunter2") {
		t.Errorf("a door of no name: %s", said)
	}
}
