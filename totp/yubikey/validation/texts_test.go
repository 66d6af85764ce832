package validation

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestTexts: what people read when something is wrong, in whole.
func TestTexts(t *testing.T) {
	settings := func(change func(*Settings)) error {
		s := Settings{ID: "1", Key: apiKey(t, keyText)}
		change(&s)
		_, err := NewClient(s)
		return err
	}
	server := func(text string) error { return settings(func(s *Settings) { s.Servers = []string{text} }) }
	parse := func(text string) error { _, err := ParseAPIKey(text); return err }
	random := func() error { _, err := NewAPIKey(strings.NewReader("")); return err }
	answer := func(text string) error { _, err := parseAnswer([]byte(text)); return err }
	asked := func(f fields) error { _, err := (&Service{}).understand(f); return err }
	query := func(text string) error { _, err := parseRequest(text); return err }
	told := func(f fields) error {
		f["t"] = formatTime(start)
		return (&Answer{Sync: -1}).read(f, "50")
	}
	_, service := NewServer(Service{})
	_, twice := NewFixedKeys(credential(t, public), credential(t, public))
	_, unnamed := NewFixedKeys(credential(t, ""))
	good := func() fields { return fields{"otp": "x", "nonce": nonce} }
	with := func(key, value string) fields { f := good(); f[key] = value; return f }
	for want, err := range map[string]error{
		`client id "x" is no number of at most 19 digits`:                                   settings(func(s *Settings) { s.ID = "x" }),
		"a client needs an API key: without, anybody on the way could answer":               settings(func(s *Settings) { s.Key = APIKey{} }),
		`sync level "x" is none of fast, secure and 0 to 100`:                               settings(func(s *Settings) { s.Level = "x" }),
		"a time-out or an age is negative":                                                  settings(func(s *Settings) { s.MaxAge = -time.Second }),
		"11 servers: at most 10 are asked at once":                                          settings(func(s *Settings) { s.Servers = strings.Fields(strings.Repeat("https://a ", 11)) }),
		"a server's address is not written as https://HOST/wsapi/2.0/verify":                server("a"),
		"the address of a has a user, a query or a fragment: leave them out":                server("https://u@a"),
		"the address of a begins with ftp: https is spoken":                                 server("ftp://a"),
		"the address of a begins with http, which everybody on the way can read: use https": server("http://a"),
		"the API key is no base64: copy it whole, with the = at its end":                    parse("!"),
		"the API key has 3 bytes: 16 to 64 are taken":                                       parse("MTIz"),
		"read random bytes for an API key: EOF":                                             random(),
		"a field is there twice":                                                            answer("a=1\na=1\n"),
		"it has more than 32 fields":                                                        answer(strings.Join(strings.Split("abcdefghijklmnopqrstuvwxyz0123456", ""), "=\n") + "=\n"),
		"a field's name is not one of the protocol's":                                       answer("A=1\n"),
		"a field's value cannot be signed: it has an & or what is no text":                  answer("a=&\n"),
		"its last line has no end":                                                          answer("a=1"),
		"a line is no key=value":                                                            answer("a\n"),
		"nonce is not 16 to 40 letters and digits":                                          asked(with("nonce", "")),
		"otp is missing": asked(with("otp", "")),
		"sl is none of fast, secure and 0 to 100":                                        asked(with("sl", "x")),
		"timestamp is neither 0 nor 1":                                                   asked(with("timestamp", "x")),
		"timeout is no number of seconds":                                                asked(with("timeout", "x")),
		"the parameters are not encoded as in an address":                                query("%"),
		"its sync level is no number from 0 to 100":                                      told(fields{"sl": "x"}),
		"it says that fewer than 50 % of the server's peers agreed, which was asked for": told(fields{"sl": "49"}),
		"its sessionuse is no number that a key has":                                     told(fields{"sl": "50", "sessionuse": "x"}),
		"it tells some of the key's counters only":                                       told(fields{"sl": "50", "sessionuse": "1"}),
		"a validation server needs clients, keys, a ledger's store and an auditor":       service,
		"two keys have the public id ccccccbchvth: a server could not tell them apart":   twice,
		"a key has no public id: a server finds keys by it, so program one that has":     unnamed,
		"REPLAYED_OTP":                          ReplayedOTP,
		"a: REPLAYED_OTP: " + ReplayedOTP.Fix(): &StatusError{ReplayedOTP, "a", true},
		"a: BAD_OTP: " + BadOTP.Fix() + " (said without a right signature)":             &StatusError{BadOTP, "a", false},
		"a: it answered X, which is none of protocol 2.0's: check the server's address": &StatusError{"X", "a", true},
		"a: its answer is not believed: b":                                              &Untrusted{"a", "b"},
		"no server decided: context canceled; a: its answer is not believed: b":         undecided{context.Canceled, &Untrusted{"a", "b"}},
		"a: it did not answer in time: context deadline exceeded":                       unreached("a", context.DeadlineExceeded),
		"a: dial tcp: refused": unreached("a", &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("refused")}),
		"a: context canceled":  unreached("a", context.Canceled),
		"a: its answer is not believed: it ends before it is whole":                                   unreached("a", io.ErrUnexpectedEOF),
		"a: its answer is not believed: it is no HTTP that is understood: check the server's address": unreached("a", errors.New("malformed: OTP")),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for s, fix := range map[Status]string{OK: "", "X": "", BackendError: "the server has a fault of its own: try again later with a new touch"} {
		if s.Fix() != fix {
			t.Errorf("the fix of %v is %q", s, s.Fix())
		}
	}
}
