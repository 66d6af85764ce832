package device_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/ledger"
)

// had is a device of ada's that STS knows since long, and whose key is kept.
func (s *stage) had(name string) string {
	s.Helper()
	d := s.a.Virtual(name)
	s.a.Seed(d.Serial, []byte("12345678901234567890"))
	s.ada.Devices = append(s.ada.Devices, d)
	s.keep.keys[d.Serial], _ = totp.New(totp.Settings{Account: "x"}, s.a.Secret(d.Serial))
	return d.Serial
}

func (s *stage) request(serial string) device.Request {
	return device.Request{Serial: serial, Codes: s.sealed(serial)}
}

func TestGetSession(t *testing.T) {
	on(t, func(s *stage) {
		r := s.request(s.had("phone"))
		r.Duration, r.Region = 36*time.Hour, "eu-west-1"
		c, err := s.sessions().GetSession(s.Context(), r)
		if err != nil {
			s.Fatal(err)
		}
		got, known := s.srv.Session(c.AccessKeyID)
		if !known || !got.MFA || got.ARN != "arn:aws:iam::111122223333:user/ada" || !c.Expires.Equal(time.Now().Add(36*time.Hour)) || !got.Expires.Equal(c.Expires) {
			s.Errorf("%v: %+v", c, got)
		}
		calls := s.srv.Calls()
		if last := calls[len(calls)-1]; last.Action != "sts:GetSessionToken" || last.Region != "eu-west-1" {
			s.Errorf("the last call is %+v", last)
		}
		if string(c.SecretAccessKey.Reveal()) != "SecretOf/"+c.AccessKeyID || string(c.SessionToken.Reveal()) != "TokenOf/"+c.AccessKeyID {
			s.Error("the credentials are others")
		}
		c.Wipe()
		if len(c.SecretAccessKey.Reveal())+len(c.SessionToken.Reveal()) != 0 {
			s.Error("not wiped")
		}
	})
}

func TestAssumeRole(t *testing.T) {
	on(t, func(s *stage) {
		r := s.request(s.had("phone"))
		ops := s.a.Role("ops")
		ops.RequireMFA, ops.ExternalID, ops.MaxSession = true, "right", 7200
		role := device.Role{ARN: "arn:aws:iam::111122223333:role/ops", Session: "ada", ExternalID: "right"}
		r.Duration = 2 * time.Hour
		c, err := s.sessions().AssumeRole(s.Context(), role, r)
		if err != nil {
			s.Fatal(err)
		}
		if got, known := s.srv.Session(c.AccessKeyID); !known || !got.MFA || got.ARN != "arn:aws:sts::111122223333:assumed-role/ops/ada" {
			s.Errorf("the session is %+v", got)
		}
		role.ExternalID = "wrong"
		_, err = s.sessions().AssumeRole(s.Context(), role, r)
		s.is(err, device.ErrDenied, "trust policy", role.ARN)
		r.Duration = 3 * time.Hour
		_, err = s.sessions().AssumeRole(s.Context(), device.Role{ARN: role.ARN, Session: "ada", ExternalID: "right"}, r)
		s.is(err, nil, "longer than the role allows")
	})
}

// What is refused before AWS is asked and a code is spent.
func TestSessionsAreChecked(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		role := device.Role{ARN: "arn:aws:iam::111122223333:role/ops", Session: "ada"}
		key := s.a.FIDO("ada", "key", nil).Serial
		for name, c := range map[string]struct {
			role   *device.Role
			change func(*device.Request)
			says   string
		}{
			"short":           {nil, func(r *device.Request) { r.Duration = 14 * time.Minute }, "from 15m0s to 36h0m0s"},
			"long":            {nil, func(r *device.Request) { r.Duration = 37 * time.Hour }, "from 15m0s to 36h0m0s"},
			"a part":          {nil, func(r *device.Request) { r.Duration = time.Hour + time.Millisecond }, "whole seconds"},
			"a role, long":    {&role, func(r *device.Request) { r.Duration = 13 * time.Hour }, "from 15m0s to 12h0m0s"},
			"a Region":        {nil, func(r *device.Request) { r.Region = "eu north" }, "eu-north-1"},
			"a key":           {nil, func(r *device.Request) { r.Serial = key }, "console only"},
			"no serial":       {nil, func(r *device.Request) { r.Serial = "" }, "9 to 256"},
			"no role":         {&device.Role{ARN: "ops", Session: "ada"}, func(*device.Request) {}, "by its ARN"},
			"no session name": {&device.Role{ARN: role.ARN, Session: "a"}, func(*device.Request) {}, "2 to 64"},
		} {
			r := s.request(serial)
			c.change(&r)
			var err error
			if c.role == nil {
				_, err = s.sessions().GetSession(s.Context(), r)
			} else {
				_, err = s.sessions().AssumeRole(s.Context(), *c.role, r)
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				s.Errorf("%s: %v, want %q", name, err, c.says)
			}
		}
		if n := len(s.srv.Calls()); n != 0 {
			s.Errorf("%d calls", n)
		}
	})
}

// Root's sessions and those of a chained role last an hour, which is told before a code
// is spent.
func TestAnHourAtMost(t *testing.T) {
	on(t, func(s *stage) {
		r := s.request(s.had("phone"))
		r.Duration = 2 * time.Hour
		s.a.Root.Keys = []fakeaws.Key{s.a.Key()}
		root := device.Sessions{STS: s.as(s.a.Root.Keys[0].ID).STS}
		_, err := root.GetSession(s.Context(), r)
		s.is(err, nil, "1h0m0s", ":root")
		s.a.Role("ops").MaxSession = 43200
		key, err := s.sessionOfRole("ops")
		if err != nil {
			s.Fatal(err)
		}
		chained := device.Sessions{STS: s.as(key).STS}
		_, err = chained.AssumeRole(s.Context(), device.Role{ARN: "arn:aws:iam::111122223333:role/ops", Session: "ada"}, r)
		s.is(err, nil, "1h0m0s", "assumed-role/ops")
		if s.srv.Counts()["sts:GetSessionToken"] != 0 || s.srv.Counts()["sts:AssumeRole"] != 1 {
			s.Errorf("calls %v", s.srv.Counts())
		}
		_, err = chained.GetSession(s.Context(), s.request(phone))
		s.is(err, device.ErrDenied, "own access key")
	})
}

// TestThreeRefusals: a wrong code, a device that AWS does not check, and a policy are
// three errors.
func TestThreeRefusals(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		get := func(in device.Sessions, serial, code string) error {
			typed := device.NewTyped(serial, asking(code))
			_, err := in.GetSession(s.Context(), device.Request{Serial: serial, Codes: typed})
			return err
		}
		s.is(get(s.sessions(), serial, "000000"), device.ErrRefused, "resync")
		s.is(get(s.sessions(), token, "000000"), device.ErrNotFound, "none of this serial number")
		blind := s.sessions()
		blind.IAM = nil
		s.is(get(blind, token, "000000"), device.ErrLater, "no such device", "2000-01-01T00:03:00Z")
		for range 8 {
			s.is(get(s.sessions(), serial, "000000"), device.ErrRefused)
		}
		err := get(s.sessions(), serial, "000000")
		s.is(err, device.ErrLater, "wait until 2000-01-01T00:03:00Z", "somebody else")
		if errors.Is(err, device.ErrRefused) || errors.Is(err, device.ErrNotFound) {
			s.Errorf("%v is of two kinds", err)
		}
		s.srv.Fault(fakeaws.DeniedByPolicy("sts:GetSessionToken", "service control policy"))
		s.is(get(s.sessions(), serial, "111111"), device.ErrDenied, "a service control policy denies it")
		s.srv.Mend()
		s.srv.Fault(fakeaws.Throttled("sts:GetSessionToken", 0))
		before := s.srv.Counts()["sts:GetSessionToken"]
		s.is(get(s.sessions(), serial, "111111"), device.ErrLater, "Throttling")
		if n := s.srv.Counts()["sts:GetSessionToken"] - before; n != 1 {
			s.Errorf("the SDK showed AWS the code %d times", n)
		}
	})
}

// What becomes of a code: AWS's answer spends it, what never reached AWS does not, and
// where the answer is lost nobody shows it again.
func TestFateOfACode(t *testing.T) {
	for name, c := range map[string]struct {
		stage func(s *stage)
		step  int64 // of the next code, from the first
	}{
		"a yes":     {func(*stage) {}, 1},
		"a no":      {func(s *stage) { s.srv.Fault(fakeaws.Denied("sts:GetSessionToken")) }, 1},
		"throttled": {func(s *stage) { s.srv.Fault(fakeaws.Throttled("sts:GetSessionToken", 0)) }, 0},
		"expired":   {func(s *stage) { s.srv.Fault(fakeaws.Fault{Status: 403, Code: "ExpiredToken", Message: "x"}) }, 0},
		"broken":    {func(s *stage) { s.srv.Fault(fakeaws.Broken("sts:GetSessionToken", 0)) }, 1},
		"lost":      {func(s *stage) { s.lost(1) }, 1},
		"no network": {func(s *stage) {
			s.wire = func(int, *http.Request) error { return &net.OpError{Op: "dial", Err: errors.New("no route")} }
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *stage) {
				serial := s.had("phone")
				c.stage(s)
				_, _ = s.sessions().GetSession(s.Context(), s.request(serial))
				now := time.Now()
				l, err := s.prover().Lease(s.Context(), s.keep.keys[serial], ledger.Request{Device: serial, Owner: "next", Purpose: ledger.Session}, now)
				if err != nil || l.Step != now.Unix()/30+c.step {
					s.Errorf("the next code is %d steps on, error %v, want %d", l.Step-now.Unix()/30, err, c.step)
				}
			})
		})
	}
}

// TestNeverATenth: whoever asks, AWS checks no more than nine codes of a device in any
// three minutes, and all get their session in the end.
func TestNeverATenth(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		perWindow := map[int64]int{}
		var mu sync.Mutex
		s.srv.Before = func(c fakeaws.Call) {
			mu.Lock()
			defer mu.Unlock()
			perWindow[time.Now().Unix()/180]++
		}
		var wg sync.WaitGroup
		keys := make([]string, 20)
		for i := range keys {
			wg.Go(func() {
				c, err := device.Sessions{STS: s.own().STS, Say: s.say}.GetSession(s.Context(), s.request(serial))
				if err != nil {
					s.Errorf("%d: %v", i, err)
				}
				keys[i] = c.AccessKeyID
			})
		}
		wg.Wait()
		slices.Sort(keys)
		if len(slices.Compact(keys)) != 20 {
			s.Error("not all got a session of their own")
		}
		for window, n := range perWindow {
			if n > 9 || s.a.Checks(serial, time.Unix(window*180, 0)) > 9 {
				s.Errorf("%d calls in the window %d", n, window)
			}
		}
		if !strings.Contains(s.heard(), "waiting") || !strings.Contains(s.heard(), "until 2000-01-01T00:0") {
			s.Errorf("nobody was told of the wait: %q", s.heard())
		}
	})
}

// TestBudgetIsSpent: nine returned leases are nine that AWS may have counted; the tenth
// code is of the next three minutes. Who does not wait is told until when.
func TestBudgetIsSpent(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		s.srv.Fault(fakeaws.Throttled("sts:GetSessionToken", 9))
		for range 9 {
			_, err := s.sessions().GetSession(s.Context(), s.request(serial))
			s.is(err, device.ErrLater)
		}
		hurried := s.sealed(serial)
		hurried.Patience = time.Minute
		for range 20 { // who is in a hurry takes nothing from the next three minutes
			_, err := s.sessions().GetSession(s.Context(), device.Request{Serial: serial, Codes: hurried})
			s.is(err, device.ErrLater, "good from 2000-01-01T00:03:00Z")
		}
		if n := s.srv.Counts()["sts:GetSessionToken"]; n != 9 {
			s.Errorf("%d calls, want 9", n)
		}
		if _, err := s.sessions().GetSession(s.Context(), s.request(serial)); err != nil || !time.Now().Equal(time.Date(2000, 1, 1, 0, 3, 0, 0, time.UTC)) {
			s.Errorf("at %v: %v", time.Now(), err)
		}
		s.srv.Mend()
		hurried.Patience = 30 * time.Second
		if _, err := s.sessions().GetSession(s.Context(), device.Request{Serial: serial, Codes: hurried}); err != nil {
			s.Errorf("half a minute is little: %v", err)
		}
		if !strings.Contains(s.heard(), "nine codes") || !strings.Contains(s.heard(), "2000-01-01T00:03:00Z") {
			s.Errorf("said %q", s.heard())
		}
	})
}

// TestFreshDevice: AWS's no is taken for not yet while the device is new, and each time
// the next code is shown. The first comes fifteen seconds after the device was enabled.
func TestFreshDevice(t *testing.T) {
	for name, c := range map[string]struct {
		propagation time.Duration
		tries       int
		is          error
	}{"known": {10 * time.Second, 1, nil}, "late": {20 * time.Second, 2, nil}, "never": {time.Hour, 2, device.ErrLater}} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *stage) {
				s.srv.Propagation = c.propagation
				s.a.Seed(token, []byte("12345678901234567890"))
				lag := 20 * time.Second
				typed := s.reader(token, &lag)
				enabled, err := s.own().Enable(s.Context(), "", token, typed)
				if err != nil || enabled.Second() != 45 {
					s.Fatalf("enabled at %v, %v", enabled, err)
				}
				lag = 0
				_, err = s.sessions().GetSession(s.Context(), device.Request{Serial: token, Codes: typed, Enabled: enabled})
				if n := s.srv.Counts()["sts:GetSessionToken"]; n != c.tries || !errors.Is(err, c.is) {
					s.Errorf("%d tries, error %v; want %d, %v", n, err, c.tries, c.is)
				}
				if told := strings.Contains(s.heard(), "trying the next code"); told != (c.tries > 1) {
					s.Errorf("said %q", s.heard())
				}
			})
		})
	}
	on(t, func(s *stage) { // a wrong code for an old device is not tried again
		serial := s.had("phone")
		s.keep.keys[serial], _ = totp.New(totp.Settings{Account: "x"}, []byte("09876543210987654321"))
		r := s.request(serial)
		r.Enabled = time.Now().Add(-time.Minute)
		_, err := s.sessions().GetSession(s.Context(), r)
		s.is(err, device.ErrRefused)
		if n := s.srv.Counts()["sts:GetSessionToken"]; n != 1 {
			s.Errorf("%d tries", n)
		}
	})
}

// Not even a device that never works costs more than its tries.
func TestFreshDeviceGivesUp(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		s.srv.Fault(fakeaws.Fault{Action: "sts:GetSessionToken", Status: 403, Code: "AccessDenied", Message: "MultiFactorAuthentication failed with invalid MFA one time pass code. "})
		i := 0
		typed := device.NewTyped(serial, counting(&i))
		_, err := s.sessions().GetSession(s.Context(), device.Request{Serial: serial, Codes: typed, Enabled: time.Now()})
		s.is(err, device.ErrRefused)
		if n := s.srv.Counts()["sts:GetSessionToken"]; n != 4 {
			s.Errorf("%d tries, want 4", n)
		}
	})
}

// Credentials do not show themselves, however they are printed.
func TestCredentialsAreDiscreet(t *testing.T) {
	on(t, func(s *stage) {
		c, err := s.sessions().GetSession(s.Context(), s.request(s.had("phone")))
		if err != nil {
			s.Fatal(err)
		}
		held := struct {
			A any
			b device.Credentials
			C *device.Credentials
		}{c, c, &c}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			s.discreet(fmt.Sprintf(verb, c) + fmt.Sprintf(verb, &c) + fmt.Sprintf(verb, held))
			if hex := fmt.Sprintf("%x", "SecretOf"); strings.Contains(fmt.Sprintf(verb, held), hex) {
				s.Errorf("%s shows the secret in hexadecimal", verb)
			}
		}
		text, err := json.Marshal(held)
		if err != nil {
			s.Fatal(err)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credentials", c, "held", held)
		s.discreet(string(text) + log.String())
		if !strings.Contains(string(text), c.AccessKeyID) || !strings.Contains(log.String(), "secrets hidden") {
			s.Errorf("nothing is told: %s, %s", text, log.String())
		}
	})
}

// An endpoint that answers something else gives no session.
func TestAnswerWithoutCredentials(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		empty := device.Sessions{STS: hollow{s.own().STS.(*sts.Client)}}
		_, err := empty.GetSession(s.Context(), s.request(serial))
		s.is(err, nil, "lacks credentials")
	})
}
