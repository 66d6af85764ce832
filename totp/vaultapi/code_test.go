package vaultapi_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/vaultapi"
)

// ticking gives a server a clock that runs, in a bubble of synctest.
func ticking(s *vaultapi.Server) { s.Now = time.Now }

// TestReadersWait: the first reader has the present code, the second waits for the next
// step and has its code, and the third, for whom it would be too long, uses nothing up.
func TestReadersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, ticking)
		s.now = time.Now() // the beginning of a step
		s.put("aws")
		time.Sleep(5 * time.Second)
		first := s.ask("reader", "GET", "totp/code/aws", "")
		if first.Data["code"] != s.code(0) || time.Since(s.now) != 5*time.Second {
			t.Errorf("the first reader waited %v, and has not the present code", time.Since(s.now)-5*time.Second)
		}
		done := make(chan reply)
		go func() { done <- s.ask("all", "GET", "totp/code/aws", "") }()
		synctest.Wait()
		for range 3 { // the step after the next begins in 55 s, more than the 45 that are waited
			if r := s.ask("all", "GET", "totp/code/aws", ""); r.Status != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "10" || len(r.Errors) != 1 || time.Since(s.now) != 5*time.Second {
				t.Errorf("a third reader = %d %s, Retry-After %s", r.Status, r.err(), r.Header.Get("Retry-After"))
			}
		}
		if second := <-done; second.Data["code"] != s.code(1) || time.Since(s.now) != 30*time.Second {
			t.Errorf("the second reader had an answer of status %d after %v", second.Status, time.Since(s.now))
		}
		if e := s.last(); e.Step == 0 || e.Outcome != vaultapi.Done || e.Key != "aws" || e.Token != "all" {
			t.Errorf("the second reader is on record as %+v", e)
		}
		if r := s.ask("all", "GET", "totp/code/aws", ""); r.Data["code"] != s.code(2) || time.Since(s.now) != 60*time.Second {
			t.Errorf("a reader at 30 s = %d after %v, want the code of the step that nobody used up", r.Status, time.Since(s.now))
		}
	})
}

// TestNobodyWaits where the server is told so: the second reader comes again.
func TestNobodyWaits(t *testing.T) {
	s := serve(t, func(s *vaultapi.Server) { s.MaxWait = -1 })
	s.put("aws")
	s.ask("reader", "GET", "totp/code/aws", "")
	if r := s.ask("reader", "GET", "totp/code/aws", ""); r.Status != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "25" {
		t.Errorf("the second reader = %d, Retry-After %s, want 429 and 25", r.Status, r.Header.Get("Retry-After"))
	}
	s.now = s.now.Add(25 * time.Second)
	if r := s.ask("reader", "GET", "totp/code/aws", ""); r.Data["code"] != s.code(0) {
		t.Errorf("the second reader, in the next step = %d %s", r.Status, r.err())
	}
}

// TestRemains: a code that is nearly over is not shown, where the server is told so.
func TestRemains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, ticking, func(s *vaultapi.Server) { s.Remains = 10 * time.Second })
		s.now = time.Now()
		s.put("aws")
		time.Sleep(21 * time.Second)
		if r := s.ask("reader", "GET", "totp/code/aws", ""); r.Data["code"] != s.code(1) || time.Since(s.now) != 30*time.Second {
			t.Errorf("a code with 9 s left = %d after %v, want the next", r.Status, time.Since(s.now))
		}
	})
}

// TestReaderOfASlowKey: a passphrase takes a second for each reader, and they queue. The
// code is of the step in which it is shown.
func TestReaderOfASlowKey(t *testing.T) {
	s := serve(t)
	s.put("aws")
	s.keys.Fail = func() error {
		s.now = s.now.Add(40 * time.Second)
		return nil
	}
	r := s.ask("reader", "GET", "totp/code/aws", "")
	if want := s.code(0); r.Status != http.StatusOK || r.Data["code"] != want {
		t.Errorf("%d: the code is not the one of when it was shown", r.Status)
	}
	if step := s.now.Unix() / 30; s.last().Step != step {
		t.Errorf("step %d is on record, want %d", s.last().Step, step)
	}
}

// TestReaderLeaves: who leaves while it waits has used its step up, and it is on record.
func TestReaderLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, ticking)
		s.put("aws")
		s.ask("reader", "GET", "totp/code/aws", "")
		ctx, leave := context.WithTimeout(t.Context(), 3*time.Second)
		defer leave()
		begin := time.Now()
		if r := s.askAs(ctx, "reader", "GET", "totp/code/aws", ""); r.Status != http.StatusServiceUnavailable || strings.Contains(r.Text, `"code"`) || time.Since(begin) != 3*time.Second {
			t.Errorf("who left after 3 s has %d after %v", r.Status, time.Since(begin))
		}
		if e := s.last(); e.Outcome != vaultapi.Gone || e.Step == 0 {
			t.Errorf("who left is on record as %+v", e)
		}
	})
}

// TestCodesOfAWSDevices: no code is given that AWS would not check, nine in three minutes.
func TestCodesOfAWSDevices(t *testing.T) {
	s := serve(t, func(s *vaultapi.Server) { s.Prover.Budget = 1 })
	s.put("aws")
	s.ask("reader", "GET", "totp/code/aws", "")
	if r := s.ask("reader", "GET", "totp/code/aws", ""); r.Status != http.StatusTooManyRequests {
		t.Errorf("a code beyond the budget = %d", r.Status)
	}
}

// TestCheck is how codes are judged, one after the other.
func TestCheck(t *testing.T) {
	const used = "code already used; wait until the next time period"
	type guess struct {
		after time.Duration
		text  func(s *server) string // a JSON value
		valid any
		err   string
	}
	right := func(steps int64) func(*server) string {
		return func(s *server) string { return `"` + s.code(steps) + `"` }
	}
	with := func(before, after string) func(*server) string {
		return func(s *server) string { return `"` + before + s.code(0) + after + `"` }
	}
	for name, guesses := range map[string][]guess{
		"once":                             {{0, right(0), true, ""}, {0, right(0), nil, used}},
		"a step early":                     {{0, right(1), true, ""}},
		"a step late":                      {{0, right(-1), true, ""}},
		"the device's drift is remembered": {{0, right(-1), true, ""}, {0, right(1), false, ""}},
		"none older":                       {{0, right(0), true, ""}, {0, right(-1), nil, used}},
		"none further":                     {{0, right(-2), false, ""}, {0, right(2), false, ""}},
		"a wrong guess burns nothing":      {{0, right(2), false, ""}, {60 * time.Second, right(0), true, ""}},
		"white space around":               {{0, with(" ", `\n`), true, ""}, {0, with("", ""), nil, used}},
		"white space makes no other":       {{0, right(0), true, ""}, {0, with(" ", ""), nil, used}, {0, with("", `\t`), nil, used}, {0, with("\u00a0", ""), false, ""}},
		"again in the next step":           {{0, right(0), true, ""}, {30 * time.Second, right(0), true, ""}},
		"not again from the step before":   {{0, right(0), true, ""}, {30 * time.Second, right(-1), nil, used}},
		"as a number, unless it begins 0":  {{0, func(s *server) string { return strings.TrimLeft(s.code(0), "0") }, true, ""}},
		"other digits are no digits":       {{0, func(*server) string { return `"１２３４５６"` }, false, ""}},
		"six times wrong, and nobody asks": {{0, right(9), false, ""}, {0, right(9), false, ""}, {0, right(9), false, ""}, {0, right(9), false, ""}, {0, right(9), false, ""}, {0, right(0), nil, "nothing was compared"}, {30 * time.Second, right(0), true, ""}},
	} {
		s := serve(t)
		s.put("aws")
		for i, g := range guesses {
			s.now = s.now.Add(g.after)
			r := s.ask("checker", "POST", "totp/code/aws", `{"code":`+g.text(s)+`}`)
			if r.Data["valid"] != g.valid || !strings.Contains(r.err(), g.err) || g.err == "" && r.Errors != nil {
				t.Errorf("%s, guess %d: %d, valid %v, errors %v; want %v and %q", name, i, r.Status, r.Data["valid"], r.Errors, g.valid, g.err)
			}
		}
	}
}

// TestSkew: a key that was written with skew 0 has no neighbours.
func TestSkew(t *testing.T) {
	s := serve(t)
	if r := s.ask("all", "POST", "totp/keys/aws", `{"url":"`+awsURL+`","skew":"0"}`); r.Status != http.StatusNoContent {
		t.Fatalf("write = %d %s", r.Status, r.err())
	}
	for steps, valid := range map[int64]bool{-1: false, 1: false, 0: true} {
		if r := s.check(s.code(steps)); r.Data["valid"] != valid {
			t.Errorf("the code of step %d with skew 0 is %v, want %v", steps, r.Data["valid"], valid)
		}
	}
}

// TestAnotherServer: what one server accepted, another one of the same ledger, or the
// same after a restart, does not.
func TestAnotherServer(t *testing.T) {
	s := serve(t)
	s.put("aws")
	if r := s.check(s.code(0)); r.Data["valid"] != true {
		t.Fatalf("the first server: %d %s", r.Status, r.err())
	}
	if e := s.last(); e.Outcome != vaultapi.Accepted || e.Step != start.Unix()/30 || e.Token != "checker" || e.Key != "aws" {
		t.Errorf("what was accepted is on record as %+v", e)
	}
	again, err := s.Server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	s.Handler = again
	if r := s.check(s.code(0)); r.Status != http.StatusBadRequest || s.last().Outcome != vaultapi.Replayed {
		t.Errorf("the second server: %d, valid %v", r.Status, r.Data["valid"])
	}
}

// TestDeletedAndWrittenAgain: the ledger does not forget with the key.
func TestDeletedAndWrittenAgain(t *testing.T) {
	s := serve(t)
	s.put("aws")
	s.check(s.code(0))
	s.ask("all", "DELETE", "totp/keys/aws", "")
	s.put("aws")
	if r := s.check(s.code(0)); r.Status != http.StatusBadRequest {
		t.Errorf("a code that was used, with the key written again: %d, valid %v", r.Status, r.Data["valid"])
	}
}

// TestLock: wrong guesses make everybody wait, longer each time, and then lock.
func TestLock(t *testing.T) {
	s := serve(t)
	s.put("aws")
	compared, waits := 0, []string(nil)
	for range 200 {
		r := s.check(s.code(9))
		switch r.Status {
		case http.StatusOK:
			compared++
			continue
		case http.StatusTooManyRequests:
			seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
			if err != nil || s.last().Outcome != vaultapi.Waiting {
				t.Fatalf("429 with Retry-After %q, on record as %s", r.Header.Get("Retry-After"), s.last().Outcome)
			}
			waits = append(waits, r.Header.Get("Retry-After"))
			s.now = s.now.Add(time.Duration(seconds) * time.Second)
			continue
		}
		if r.Status != http.StatusForbidden || !strings.Contains(r.err(), "locked") || s.last().Outcome != vaultapi.Locked {
			t.Fatalf("status %d %s", r.Status, r.err())
		}
		break
	}
	if compared != 20 || strings.Join(waits[:4], " ") != "30 60 120 240" {
		t.Errorf("%d guesses were compared, with waits of %v; want 20, and waits that double from 30 s", compared, waits)
	}
	s.now = s.now.Add(10000 * time.Hour)
	if r := s.check(s.code(0)); r.Status != http.StatusForbidden || r.Data["valid"] != nil {
		t.Errorf("the right code after a year: %d", r.Status)
	}
	if err := s.Verifier.Unlock(t.Context(), "aws"); err != nil {
		t.Fatal(err)
	}
	if r := s.check(s.code(0)); r.Data["valid"] != true {
		t.Errorf("the right code after an unlock: %d %s", r.Status, r.err())
	}
}

// TestOneOfMany: of 64 who send the same code at once, one is told that it is right.
func TestOneOfMany(t *testing.T) {
	s := serve(t)
	s.put("aws")
	code := s.code(0)
	var all sync.WaitGroup
	var valid, refused atomic.Int64
	begin := make(chan struct{})
	for range 64 {
		all.Go(func() {
			<-begin
			switch r := s.check(code); {
			case r.Data["valid"] == true:
				valid.Add(1)
			case r.Status == http.StatusBadRequest || r.Status == http.StatusTooManyRequests:
				refused.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	if valid.Load() != 1 || refused.Load() != 63 {
		t.Errorf("%d of 64 were told that the code is right and %d that it is not, want 1 and 63", valid.Load(), refused.Load())
	}
}

// TestOneReaderEach: of many who read at once, no two have the same code.
func TestOneReaderEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, ticking, func(s *vaultapi.Server) { s.MaxWait = 100 * time.Second })
		s.put("aws")
		answers := make(chan reply, 16)
		for range cap(answers) {
			go func() { answers <- s.ask("reader", "GET", "totp/code/aws", "") }()
		}
		codes, later := map[any]bool{}, 0
		for range cap(answers) {
			switch r := <-answers; r.Status {
			case http.StatusOK:
				if codes[r.Data["code"]] {
					t.Error("two readers have one code")
				}
				codes[r.Data["code"]] = true
			case http.StatusTooManyRequests:
				later++
			}
		}
		if len(codes) != 4 || later != 12 { // steps that begin within 100 s
			t.Errorf("%d readers have codes and %d come later, want 4 and 12", len(codes), later)
		}
	})
}

// TestLedgerFails: without a ledger nobody is let in and nothing is shown.
func TestLedgerFails(t *testing.T) {
	s := serve(t)
	s.put("aws")
	s.store.Fail = func(string) error { return errors.New("disk /var/lib/x is full") }
	for _, r := range []reply{s.check(s.code(0)), s.ask("reader", "GET", "totp/code/aws", "")} {
		if r.Status != http.StatusServiceUnavailable || r.Data != nil || strings.Contains(r.Text, "/var/lib") {
			t.Errorf("without a ledger: %d %s", r.Status, r.Text)
		}
		if e := s.last(); e.Outcome != vaultapi.Failed || !strings.Contains(e.Reason, "disk /var/lib/x is full") {
			t.Errorf("on record as %+v", e)
		}
	}
}

func TestRestoredLedger(t *testing.T) {
	s := serve(t, func(s *vaultapi.Server) { s.Verifier.Floor = start })
	s.put("aws")
	if r := s.check(s.code(0)); r.Status != http.StatusBadRequest || !strings.Contains(r.err(), "restoration") {
		t.Errorf("a code that may have been used before the ledger was restored: %d %s", r.Status, r.err())
	}
}

// TestCounterKeys: other ways can keep them, and this engine has none.
func TestCounterKeys(t *testing.T) {
	s := serve(t)
	k, err := totp.Parse("otpauth://hotp/ada?counter=0&secret=" + secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.keys.Put(t.Context(), "aws", k, 1); err != nil {
		t.Fatal(err)
	}
	for _, r := range []reply{s.check("755224"), s.ask("reader", "GET", "totp/code/aws", ""), s.ask("reader", "GET", "totp/keys/aws", "")} {
		if r.Status != http.StatusBadRequest || !strings.Contains(r.err(), "counts (hotp)") {
			t.Errorf("a key that counts: %d %s", r.Status, r.Text)
		}
	}
	if len(s.store.Rows) != 0 {
		t.Errorf("a key that counts left %d rows in the ledger", len(s.store.Rows))
	}
}
