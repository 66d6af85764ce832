package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/totp/yubikey/validation"
)

// recordedIn are what a record's file has.
func recordedIn(t *testing.T, name string) (all []otpLine) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var one otpLine
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// Whoever reaches the server makes it write once a second, and the record says how
// often they asked; who may ask is on the disk at once.
func TestStrangersAreWrittenOnceASecond(t *testing.T) {
	name := filepath.Join(t.TempDir(), "record")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	synctest.Test(t, func(t *testing.T) {
		lines := &otpLines{file: file}
		stranger := func(n int, reason string) {
			t.Helper()
			r := validation.Record{At: time.Now(), From: fmt.Sprintf("192.0.2.%d:1", n%250), Client: fmt.Sprint(n), Status: validation.NoSuchClient, Reason: reason, Stranger: true}
			if err := lines.Verified(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		for n := range 1000 {
			stranger(n, "unknown")
			time.Sleep(200 * time.Microsecond)
		}
		if got := recordedIn(t, name); len(got) != 0 {
			t.Errorf("%d lines at once", len(got))
		}
		if err := lines.Verified(t.Context(), validation.Record{At: time.Now(), Client: "1", Status: validation.OK, Accepted: true}); err != nil {
			t.Fatal(err)
		}
		if got := recordedIn(t, name); len(got) != 1 || !got[0].Accepted || got[0].Times != 0 {
			t.Errorf("who may ask is recorded as %+v", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := recordedIn(t, name); len(got) != 2 || got[1].Times != 1000 || got[1].Client != "999" || !got[1].Since.Equal(began) || got[1].Time.Sub(began) < 190*time.Millisecond || got[1].Accepted {
			t.Errorf("strangers are recorded as %+v", got[1:])
		}
		for n := range 40 { // as many reasons as they like
			stranger(n, fmt.Sprint("reason ", n))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		got, times := recordedIn(t, name)[2:], 0
		for _, line := range got {
			times += line.Times
		}
		if len(got) != strangersKinds || times != 40 || got[0].Times != 1 || got[strangersKinds-1].Reason != otherReasons {
			t.Errorf("40 reasons are %d lines of %d in all: %+v", len(got), times, got)
		}
		stranger(1, "at the end")
		lines.end()
		if got := recordedIn(t, name); got[len(got)-1].Reason != "at the end" {
			t.Error("what waits at the end is lost")
		}
	})
}

// What could not be written is kept, and strangers are told of the fault meanwhile.
func TestStrangersOfABrokenDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "record")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	closed, err := os.Create(name + ".closed")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	synctest.Test(t, func(t *testing.T) {
		lines := &otpLines{file: closed}
		stranger := validation.Record{At: time.Now(), Status: validation.NoSuchClient, Stranger: true}
		if err := lines.Verified(t.Context(), stranger); err != nil {
			t.Fatal(err)
		}
		time.Sleep(strangersEvery)
		synctest.Wait()
		if err := lines.Verified(t.Context(), stranger); err == nil {
			t.Error("a broken disk is not told")
		}
		lines.mutex.Lock()
		lines.file = file
		lines.mutex.Unlock()
		time.Sleep(strangersEvery)
		synctest.Wait()
		if got := recordedIn(t, name); len(got) != 1 || got[0].Times != 2 {
			t.Errorf("recorded %+v, want one line of two", got)
		}
		if err := lines.Verified(t.Context(), stranger); err != nil {
			t.Errorf("a disk that is whole again: %v", err)
		}
		lines.end()
	})
}

// The real server: requests that nobody who may ask has signed are one line.
func TestServeYubicoCountsStrangers(t *testing.T) {
	newDesk(t)
	record := filepath.Join(t.TempDir(), "record")
	url, stop := serving(t, "--yubico", "--record", record)
	for range 50 {
		answer, err := http.Get(url + validation.Path + "?id=7&otp=" + otpOf(t, 4, 0) + "&nonce=0123456789abcdef")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	if code := stop(); code != exitClean {
		t.Errorf("the server ended with %d", code)
	}
	times := 0
	for _, line := range recordedIn(t, record) {
		if times += line.Times; line.Status != validation.NoSuchClient {
			t.Errorf("%+v", line)
		}
	}
	if times != 50 {
		t.Errorf("%d requests are in the record, want 50", times)
	}
}
