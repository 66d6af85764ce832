package device_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/seal"
)

// hollow answers without credentials.
type hollow struct{ *sts.Client }

func (hollow) GetSessionToken(context.Context, *sts.GetSessionTokenInput, ...func(*sts.Options)) (*sts.GetSessionTokenOutput, error) {
	return &sts.GetSessionTokenOutput{}, nil
}

// asking is a person who types these.
func asking(texts ...string) device.Ask {
	return func(context.Context, string) (string, error) {
		if len(texts) == 0 {
			return "", errors.New("nobody at the keyboard")
		}
		text := texts[0]
		texts = texts[1:]
		return text, nil
	}
}

// counting is a person who types another code each time.
func counting(i *int) device.Ask {
	return func(context.Context, string) (string, error) {
		*i++
		return fmt.Sprintf("%06d", *i), nil
	}
}

func codesOf(h device.Handed) string {
	return string(h.First.Reveal()) + " " + string(h.Second.Reveal())
}

// Two codes that follow each other, both good when they are handed out.
func TestPairIsGood(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		k := s.keep.keys[serial]
		h, err := s.sealed(serial).Pair(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		step := time.Now().Unix() / 30
		first, _ := k.At(step - 1)
		second, _ := k.At(step)
		if codesOf(h) != first+" "+second {
			s.Error("the codes are not those of this step and the one before")
		}
		if err := h.Answered(s.Context()); err != nil || codesOf(h) != " " {
			s.Errorf("answered: %v; the codes are wiped: %v", err, codesOf(h) == " ")
		}
		if !strings.Contains(s.heard(), "two codes that follow each other, 25 s, until 2000-01-01T00:00:30Z") {
			s.Errorf("said %q", s.heard())
		}
		one, err := s.sealed(serial).One(s.Context())
		if err != nil || time.Now().Unix()/30 != step+1 || one.Second.Reveal() != nil && len(one.Second.Reveal()) > 0 {
			s.Errorf("the next code: step %d, %v", time.Now().Unix()/30-step, err)
		}
	})
}

// A wait ends with the context, and the steps are free for others.
func TestWaitEnds(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		ctx, cancel := context.WithTimeout(s.Context(), 10*time.Second)
		defer cancel()
		before := time.Now()
		_, err := s.sealed(serial).Pair(ctx)
		s.is(err, context.DeadlineExceeded, "waiting for the code of 2000-01-01T00:00:30Z")
		if time.Since(before) != 10*time.Second {
			s.Errorf("ended after %v", time.Since(before))
		}
		if _, err := s.sealed(serial).One(s.Context()); err != nil || time.Since(before) != 10*time.Second {
			s.Errorf("the next code after %v, %v", time.Since(before), err)
		}
	})
}

// A key that stays in a device makes the codes of the leased steps; where it fails, the
// steps are free.
func TestKeyElsewhere(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		real := s.keep.keys[serial]
		s.keep.keys[serial], _ = totp.New(totp.Settings{Account: "x"}, []byte("any secret will do"))
		codes := s.sealed(serial)
		untouched := errors.New("not touched")
		codes.At = func(context.Context, int64) (string, error) { return "", untouched }
		_, err := codes.One(s.Context())
		s.is(err, untouched, serial)
		slow := 0
		codes.At = func(_ context.Context, step int64) (string, error) { // a touch that comes too late, and one in time
			if slow++; slow == 1 {
				time.Sleep(27 * time.Second)
			}
			return real.At(step)
		}
		codes.Remains = 12 * time.Second
		if _, err := codes.One(s.Context()); err != nil || slow != 2 || !strings.Contains(s.heard(), "too late for its code") {
			s.Errorf("%v after %d touches, said %q", err, slow, s.heard())
		}
		codes.At = func(_ context.Context, step int64) (string, error) {
			time.Sleep(31 * time.Second)
			return real.At(step)
		}
		_, err = codes.One(s.Context())
		s.is(err, device.ErrLater, "as soon as it blinks")
		codes.At = func(_ context.Context, step int64) (string, error) { return real.At(step) }
		time.Sleep(time.Hour)
		before := time.Now()
		if _, err := s.sessions().GetSession(s.Context(), device.Request{Serial: serial, Codes: codes}); err != nil || time.Now() != before {
			s.Errorf("after %v: %v", time.Since(before), err)
		}
	})
}

// A machine that slept over its lease gets another.
func TestSleptOverALease(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		asked := 0
		codes := s.sealed(serial)
		codes.Now = func() time.Time {
			if asked++; asked == 3 { // when the wait is over
				time.Sleep(time.Hour)
			}
			return time.Now()
		}
		h, err := codes.One(s.Context())
		if err != nil {
			s.Fatal(err)
		}
		want, _, _ := s.keep.keys[serial].Generate(time.Now())
		if string(h.First.Reveal()) != want {
			s.Error("the code is of before the sleep")
		}
	})
}

func TestKeysThatAWSDoesNotTake(t *testing.T) {
	on(t, func(s *stage) {
		for name, settings := range map[string]totp.Settings{
			"SHA256": {Algorithm: totp.SHA256}, "eight digits": {Digits: 8}, "a minute": {Period: 60}, "a counter": {Kind: totp.HOTP},
		} {
			settings.Account = "x"
			s.keep.keys[phone], _ = totp.New(settings, []byte("12345678901234567890"))
			if _, err := s.sealed(phone).One(s.Context()); err == nil || !strings.Contains(err.Error(), "SHA1 only") {
				s.Errorf("%s: %v", name, err)
			}
		}
		_, err := s.sealed(tablet).One(s.Context())
		s.is(err, seal.ErrNotFound, tablet)
		s.rows.Fail = func(string) error { return errors.New("disk full") }
		s.had("phone")
		_, err = s.sealed(phone).One(s.Context())
		s.is(err, nil, "disk full")
	})
}

// TestNobodyGetsTheSame: two at once, also for pairs, get different steps.
func TestNobodyGetsTheSame(t *testing.T) {
	on(t, func(s *stage) {
		serial := s.had("phone")
		var mu sync.Mutex
		got := map[string]bool{}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				h, err := s.sealed(serial).One(s.Context())
				if i%2 == 1 {
					h, err = s.sealed(serial).Pair(s.Context())
				}
				if err != nil {
					s.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for _, code := range strings.Fields(codesOf(h)) {
					if got[code] {
						s.Error("a code was handed out twice")
					}
					got[code] = true
				}
			})
		}
		wg.Wait()
		if len(got) != 6 {
			s.Errorf("%d codes, want 6", len(got))
		}
	})
}

func TestTyped(t *testing.T) {
	for name, c := range map[string]struct {
		typed []string
		pair  bool
		want  string // the codes; or
		is    error
	}{
		"one":                    {[]string{"123456"}, false, "123456 ", nil},
		"white space around it":  {[]string{" 123456\r\n"}, false, "123456 ", nil},
		"a pair":                 {[]string{"123456", "654321"}, true, "123456 654321", nil},
		"the same again":         {[]string{"123456", "123456", "654321"}, true, "123456 654321", nil},
		"the same thrice":        {[]string{"123456", "123456", "123456", "123456"}, true, "", device.ErrRefused},
		"malformed, then right":  {[]string{"12345", "1234567", "123456"}, false, "123456 ", nil},
		"malformed thrice":       {[]string{"12345", "12345a", "１２３４５６"}, false, "", device.ErrRefused},
		"a space within":         {[]string{"123 456", "123456"}, false, "123456 ", nil},
		"nobody at the keyboard": {nil, false, "", nil},
		"gone after the first":   {[]string{"123456"}, true, "", nil},
	} {
		typed := device.NewTyped(token, asking(c.typed...))
		h, err := typed.One(t.Context())
		if c.pair {
			typed = device.NewTyped(token, asking(c.typed...))
			h, err = typed.Pair(t.Context())
		}
		if c.want == "" && (err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), token)) || c.want != "" && (err != nil || codesOf(h) != c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.is)
		}
		if err != nil && (strings.Contains(err.Error(), "12345")) && !strings.Contains(err.Error(), token) {
			t.Errorf("%s: the error shows the code", name)
		}
	}
}

// What AWS did not look at may be typed again; what it looked at, or may have, not.
func TestTypedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		settle func(device.Handed) error
		again  bool
	}{
		"answered": {func(h device.Handed) error { return h.Answered(t.Context()) }, false},
		"returned": {func(h device.Handed) error { return h.Returned(t.Context()) }, true},
		"unknown":  {func(device.Handed) error { return nil }, false},
	} {
		typed := device.NewTyped(token, asking("123456", "123456", "654321"))
		h, err := typed.One(t.Context())
		if err == nil {
			err = c.settle(h)
		}
		if err != nil {
			t.Fatal(err)
		}
		h, err = typed.One(t.Context())
		if got := err == nil && codesOf(h) == "123456 "; got != c.again {
			t.Errorf("%s: typed again: %v, %v", name, got, err)
		}
	}
}

func TestHandedIsDiscreet(t *testing.T) {
	h := device.Hand("123456", "654321", nil)
	if text := fmt.Sprintf("%v %+v %#v %v", h, h, h, &h); strings.Contains(text, "123456") || strings.Contains(text, "654321") {
		t.Errorf("printed: %s", text)
	}
	if err := h.Answered(t.Context()); err != nil || codesOf(h) != " " {
		t.Errorf("answered: %v", err)
	}
}
