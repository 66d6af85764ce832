package validation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/yubikey/otp"
)

// honest is what a good server answers to a request.
func honest(t testing.TB, r *http.Request) fields {
	t.Helper()
	q, err := parseRequest(r.URL.RawQuery)
	if err != nil || !q.signed(apiKey(t, keyText)) || r.Method != http.MethodGet {
		t.Errorf("the client's request is no good one: %v", err)
	}
	return fields{"otp": q["otp"], "nonce": q["nonce"], "t": formatTime(start), "status": "OK", "sl": "100", "sessioncounter": "7", "sessionuse": "3", "timestamp": "77"}
}

func lines(f fields) string {
	var text strings.Builder
	for key, value := range f {
		text.WriteString(key + "=" + value + "\r\n")
	}
	return text.String() + "\r\n"
}

// resign signs an answer that was changed: a server that lies has the key.
func resign(t testing.TB, f fields) fields {
	f["h"] = f.signature(apiKey(t, keyText))
	return f
}

// answering is a server that answers so.
func answering(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(s.Close)
	return s.URL + Path
}

func saying(t *testing.T, text func(f fields) string) string {
	return answering(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, text(honest(t, r))) })
}

func changed(t *testing.T, change func(f fields)) string {
	return saying(t, func(f fields) string {
		change(f)
		return lines(resign(t, f))
	})
}

func status(t *testing.T, s Status) string {
	return changed(t, func(f fields) { f["status"] = string(s) })
}

func good(t *testing.T) string { return changed(t, func(fields) {}) }

// silent does not answer while anybody waits.
func silent(t *testing.T) string {
	return answering(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

func client(t *testing.T, change func(*Settings), servers ...string) *Client {
	t.Helper()
	s := Settings{ID: "1", Key: apiKey(t, keyText), Servers: servers, Timeout: 20 * time.Second, Now: func() time.Time { return start }}
	if change != nil {
		change(&s)
	}
	c, err := NewClient(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// verify asks, and holds every error to showing neither the OTP nor the key.
func verify(t *testing.T, c *Client) (Answer, error) {
	t.Helper()
	o := touch(t, 7, 3)
	a, err := c.Verify(t.Context(), o)
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", c)} {
		if strings.Contains(strings.ToLower(text), o.Text()[12:]) || strings.Contains(text, keyText) || strings.Contains(text, fmt.Sprint([]byte("1234567890"))[1:20]) {
			t.Error("something that is printed shows the OTP or the API key")
		}
	}
	if err != nil && a != (Answer{}) {
		t.Errorf("an error and an answer: %v", err)
	}
	return a, err
}

func TestClientIsAnswered(t *testing.T) {
	server := good(t)
	a, err := verify(t, client(t, nil, server))
	u, _ := url.Parse(server)
	want := Answer{Server: u.Host, PublicID: public, At: start.Truncate(time.Second), Sync: 100, Counted: true, Token: otp.Token{Session: 7, Use: 3, Timestamp: 77}}
	if a.At = a.At.In(start.Location()); err != nil || a != want {
		t.Errorf("Verify = %+v, %v, want %+v", a, err, want)
	}
	used := changed(t, func(f fields) { f["sessioncounter"], f["sessionuse"], f["timestamp"] = "32767", "255", "16777215" })
	if a, err := verify(t, client(t, nil, used)); err != nil || a.Token != (otp.Token{Session: otp.MaxSession, Use: otp.MaxUse, Timestamp: otp.MaxTimestamp}) {
		t.Errorf("the largest counters = %+v, %v", a, err)
	}
	bare := changed(t, func(f fields) {
		for _, key := range []string{"sl", "sessioncounter", "sessionuse", "timestamp"} {
			delete(f, key)
		}
		f["foreign"] = "a=b"
	})
	if a, err := verify(t, client(t, nil, bare)); err != nil || a.Sync != -1 || a.Counted || a.Token != (otp.Token{}) {
		t.Errorf("an answer that says little = %+v, %v", a, err)
	}
}

// TestQuestion: what the client asks, and that it asks differently each time.
func TestQuestion(t *testing.T) {
	var seen []fields
	server := answering(t, func(w http.ResponseWriter, r *http.Request) {
		f, _ := parseRequest(r.URL.RawQuery)
		seen = append(seen, f)
		_, _ = io.WriteString(w, lines(resign(t, honest(t, r))))
	})
	for range 2 {
		if _, err := verify(t, client(t, func(s *Settings) { s.Level, s.Timeout, s.Counters = "50", 2500*time.Millisecond, len(seen) == 0 }, server)); err != nil {
			t.Fatal(err)
		}
	}
	if seen[0]["nonce"] == seen[1]["nonce"] || !isNonce(seen[0]["nonce"]) {
		t.Error("a nonce twice, or none")
	}
	for i, f := range seen {
		delete(f, "nonce")
		delete(f, "h")
		want := fields{"id": "1", "otp": touch(t, 7, 3).Text(), "timestamp": "1", "sl": "50", "timeout": "2"}
		if i == 1 {
			delete(want, "timestamp")
		}
		if !maps.Equal(f, want) {
			t.Errorf("asked with other parameters than were wanted")
		}
	}
}

// TestTimeoutInWords: whole seconds, and one at least: 0 would be the server's choice.
func TestTimeoutInWords(t *testing.T) {
	for timeout, want := range map[time.Duration]string{time.Millisecond: "1", 1999 * time.Millisecond: "1", 2 * time.Second: "2", 0: "10"} {
		q, err := client(t, func(s *Settings) { s.Timeout = timeout }).question(touch(t, 7, 3))
		if f, bad := parseRequest(q.query); err != nil || bad != nil || f["timeout"] != want {
			t.Errorf("a time-out of %v is asked for as %s, %v, want %s", timeout, f["timeout"], err, want)
		}
	}
}

// TestLiars: what a server says that lies, is broken or in another's hands. None is
// believed, and each is told what is wrong.
func TestLiars(t *testing.T) {
	other := apiKey(t, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTE=")
	line := func(key string) func(fields) string {
		return func(f fields) string { return key + "=" + f[key] + "\n" + lines(resign(t, f)) }
	}
	for want, servers := range map[string][]string{
		"it answers another request": {changed(t, func(f fields) { f["nonce"] = nonce }), changed(t, func(f fields) { delete(f, "nonce") }), changed(t, func(f fields) { f["nonce"] += "x" })},
		"it is about another OTP":    {changed(t, func(f fields) { f["otp"] = touch(t, 7, 4).Text() }), changed(t, func(f fields) { delete(f, "otp") }), changed(t, func(f fields) { f["otp"] = strings.ToUpper(f["otp"]) })},
		"its signature is wrong": {
			saying(t, func(f fields) string { f["h"] = f.signature(other); return lines(f) }),
			saying(t, func(f fields) string { f["h"] = "AAAA"; return lines(f) }),
			saying(t, func(f fields) string { resign(t, f)["sl"] = "99"; return lines(f) }),
			saying(t, func(f fields) string { resign(t, f)["foreign"] = "1"; return lines(f) }),
			saying(t, func(f fields) string { f["status"] = "BAD_OTP"; resign(t, f)["status"] = "OK"; return lines(f) }),
			saying(t, func(f fields) string { delete(resign(t, f), "sl"); return lines(f) }),
			saying(t, func(f fields) string { resign(t, f)["h"] += "="; return lines(f) }),
		},
		"it is not signed": {saying(t, lines), saying(t, func(f fields) string { f["h"] = ""; return lines(f) })},
		"its time is 2m1s off": {
			changed(t, func(f fields) { f["t"] = formatTime(start.Add(-2*time.Minute - time.Second)) }),
			changed(t, func(f fields) { f["t"] = formatTime(start.Add(2*time.Minute + time.Second)) }),
		},
		"its time cannot be read": {
			changed(t, func(f fields) { delete(f, "t") }), changed(t, func(f fields) { f["t"] = "now" }), changed(t, func(f fields) { f["t"] += "123" }),
			changed(t, func(f fields) { f["t"] = formatTime(start)[:20] + "-1" }),
			changed(t, func(f fields) { f["t"] = formatTime(start)[:20] + "_1" }), changed(t, func(f fields) { f["t"] = strings.Replace(f["t"], "Z", "+01:00", 1) }),
		},
		"it has no status":          {changed(t, func(f fields) { delete(f, "status") }), changed(t, func(f fields) { f["status"] = "ok" }), changed(t, func(f fields) { f["status"] = "OKx" }), changed(t, func(f fields) { f["status"] = "" }), changed(t, func(f fields) { f["status"] = strings.Repeat("A", 41) })},
		"a field is there twice":    {saying(t, line("status")), saying(t, line("h")), saying(t, line("nonce")), saying(t, line("t"))},
		"a line is no key=value":    {saying(t, func(f fields) string { return "OK\n" + lines(resign(t, f)) }), saying(t, func(fields) string { return "<html>\n</html>\n" })},
		"a field's name is not one": {saying(t, func(f fields) string { return "=x\n" + lines(resign(t, f)) }), saying(t, func(f fields) string { return "Status=OK\n" + lines(resign(t, f)) }), saying(t, func(f fields) string { return " status=OK\n" + lines(resign(t, f)) })},
		"value cannot be signed":    {saying(t, func(f fields) string { return "a=1&b=2\n" + lines(resign(t, f)) }), saying(t, func(f fields) string { return "a=\xff\n" + lines(resign(t, f)) }), saying(t, func(f fields) string { return "a=x\ry\n" + lines(resign(t, f)) })},
		"its last line has no end":  {saying(t, func(f fields) string { return strings.TrimSpace(lines(resign(t, f))) })},
		"more than 4096 bytes":      {saying(t, func(f fields) string { return lines(resign(t, f)) + strings.Repeat("\n", mostBytes) }), endless(t)},
		"more than 32 fields": {saying(t, func(f fields) string {
			for i := range mostFields {
				f[fmt.Sprintf("f%d", i)] = ""
			}
			return lines(resign(t, f))
		})},
		"sync level is no number":     {changed(t, func(f fields) { f["sl"] = "101" }), changed(t, func(f fields) { f["sl"] = "fast" }), changed(t, func(f fields) { f["sl"] = "" })},
		"some of the key's counters":  {changed(t, func(f fields) { delete(f, "timestamp") }), changed(t, func(f fields) { delete(f, "sessionuse") }), changed(t, func(f fields) { delete(f, "sessioncounter") })},
		"sessioncounter is no number": {changed(t, func(f fields) { f["sessioncounter"] = "32768" }), changed(t, func(f fields) { f["sessioncounter"] = "-1" })},
		"sessionuse is no number":     {changed(t, func(f fields) { f["sessionuse"] = "256" })},
		"timestamp is no number":      {changed(t, func(f fields) { f["timestamp"] = "16777216" }), changed(t, func(f fields) { f["timestamp"] = "" })},
		"HTTP status 500": {answering(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, lines(resign(t, honest(t, r))))
		})},
		"HTTP status 302": {answering(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, good(t)+"?"+r.URL.RawQuery, http.StatusFound)
		})},
		"ends before it is whole":    {broken(t, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nstatus=OK\r\n"), broken(t, ""), broken(t, "HTTP/1.1 200 O")},
		"no HTTP that is understood": {broken(t, "+OK ready OTP\r\n\r\n"), broken(t, "HTTP/1.1 OTP\r\n\r\n"), broken(t, "HTTP/1.1 200 OK\r\nOTP\r\n\r\n"), broken(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: OTP\r\n\r\n")},
	} {
		for i, server := range servers {
			_, err := verify(t, client(t, nil, server))
			var lie *Untrusted
			if !errors.As(err, &lie) || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "no server decided: 127.0.0.1:") {
				t.Errorf("liar %d: %v, want: %s", i, err, want)
			}
		}
	}
}

// TestLiesAboutRefusals: a refusal that is a copy of another is not believed either.
func TestLiesAboutRefusals(t *testing.T) {
	for _, server := range []string{
		changed(t, func(f fields) { f["status"], f["nonce"] = "REPLAYED_OTP", nonce }),
		changed(t, func(f fields) { f["status"], f["t"] = "REPLAYED_OTP", formatTime(start.Add(-time.Hour)) }),
		saying(t, func(f fields) string { f["status"], f["h"] = "REPLAYED_OTP", "AAAA"; return lines(f) }),
	} {
		var lie *Untrusted
		if _, err := verify(t, client(t, nil, server)); !errors.As(err, &lie) || errors.Is(err, ReplayedOTP) {
			t.Errorf("a false refusal = %v", err)
		}
		if _, err := verify(t, client(t, nil, server, good(t))); err != nil {
			t.Errorf("a false refusal beside a good answer = %v", err)
		}
	}
}

// endless writes lines until nobody reads them.
func endless(t *testing.T) string {
	return answering(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, "status=OK\r\n"); err != nil {
				return
			}
		}
	})
}

// broken is a server that writes this, where OTP is the OTP, and closes.
func broken(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096)) // a close with unread bytes would be a reset
			_, _ = io.WriteString(c, strings.ReplaceAll(text, "OTP", touch(t, 7, 3).Text()))
			c.Close()
		}
	}()
	return "http://" + l.Addr().String() + Path
}

// refusing is an address where nobody listens. A port that was just closed may be the
// next server's.
func refusing(t *testing.T) string {
	t.Helper()
	return "http://127.0.0.1:1" + Path
}

// TestEveryStatus: each is a typed error that says what to do.
func TestEveryStatus(t *testing.T) {
	for s := range fixes {
		for _, signed := range []bool{true, false} {
			server := status(t, s)
			if !signed {
				server = saying(t, func(f fields) string { return lines(fields{"status": string(s), "t": f["t"]}) })
			}
			_, err := verify(t, client(t, nil, server))
			var refusal *StatusError
			if !errors.As(err, &refusal) || refusal.Status != s || refusal.Signed != signed || !errors.Is(err, s) || errors.Is(err, OK) {
				t.Errorf("%s, signed %v: %v", s, signed, err)
				continue
			}
			if text := err.Error(); !strings.Contains(text, fixes[s]) || strings.Contains(text, "without a right signature") == signed {
				t.Errorf("%s is told as %q", s, text)
			}
		}
	}
	if len(fixes) != 9 {
		t.Errorf("%d statuses besides OK, want 9", len(fixes))
	}
	for s, word := range map[Status]error{BadOTP: totp.ErrNoMatch, ReplayedOTP: totp.ErrReplayed} {
		if _, err := verify(t, client(t, nil, status(t, s))); !errors.Is(err, word) {
			t.Errorf("%s = %v, want it to be %v too", s, err, word)
		}
	}
	_, err := verify(t, client(t, nil, status(t, "DELAYED_OTP")))
	if err == nil || !strings.Contains(err.Error(), "it answered DELAYED_OTP, which is none of protocol 2.0's") {
		t.Errorf("a status of others = %v", err)
	}
	for _, s := range []Status{BadSignature, NoSuchClient} { // with the wrong key a server signs, and wrongly
		server := saying(t, func(f fields) string { f["status"], f["h"] = string(s), "AAAA"; return lines(f) })
		if _, err := verify(t, client(t, nil, server)); !errors.Is(err, s) {
			t.Errorf("%s with a wrong signature = %v", s, err)
		}
	}
}

// TestSeveralServers: the first that decides does, and no other keeps anybody waiting.
func TestSeveralServers(t *testing.T) {
	nothing := []string{status(t, BackendError), status(t, NotEnoughAnswers), status(t, ReplayedRequest), refusing(t), broken(t, "x"), saying(t, lines),
		saying(t, func(f fields) string { f["status"] = "NO_SUCH_CLIENT"; return lines(f) }), silent(t)}
	if _, err := verify(t, client(t, nil, append(nothing, good(t))...)); err != nil {
		t.Errorf("one of nine = %v", err)
	}
	for _, s := range []Status{BadOTP, ReplayedOTP, BadSignature, MissingParameter, NoSuchClient, OperationNotAllowed} {
		_, err := verify(t, client(t, nil, append(nothing, status(t, s))...))
		var refusal *StatusError
		if !errors.As(err, &refusal) || refusal.Status != s || strings.Contains(err.Error(), "no server decided") {
			t.Errorf("%s among eight that decide nothing = %v", s, err)
		}
	}
	said := func(err error) bool {
		for _, want := range []string{"no server decided", "BACKEND_ERROR", "NOT_ENOUGH_ANSWERS", "REPLAYED_REQUEST", "connection refused", "no HTTP", "not signed", "NO_SUCH_CLIENT", "did not answer in time"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				return false
			}
		}
		return true
	}
	// One never answers, so all of the time-out is waited for; a busy machine needs more of
	// it for the others.
	var err error
	for timeout := 300 * time.Millisecond; timeout < time.Minute && !said(err); timeout *= 4 {
		_, err = verify(t, client(t, func(s *Settings) { s.Timeout = timeout }, nothing...))
	}
	if !said(err) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ReplayedRequest) {
		t.Errorf("what they said is not in the error: %v", err)
	}
}

// TestWhatCameInTimeIsHeard: though the time is over when it is looked for.
func TestWhatCameInTimeIsHeard(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // of two that are ready, select takes any
		said := make(chan reply, 3)
		said <- reply{server: "a", err: &StatusError{BackendError, "a", true}}
		said <- reply{server: "b", answer: Answer{Server: "b"}}
		if a, err := first(over, said, []string{"a", "b", "c"}); err != nil || a.Server != "b" {
			t.Fatalf("an answer that came in time = %v, %v", a, err)
		}
		said <- reply{server: "a", err: &StatusError{BackendError, "a", true}}
		_, err := first(over, said, []string{"a", "c"})
		if err == nil || !errors.Is(err, BackendError) || !errors.Is(err, context.Canceled) || strings.Count(err.Error(), "context canceled") != 1 {
			t.Fatalf("a refusal that came in time, and none = %v", err)
		}
	}
}

// TestASuspendedClientIsTold: by our own server, in an answer that is believed; and by one
// that signs and does not say again what was asked.
func TestASuspendedClientIsTold(t *testing.T) {
	s := serve(t, func(s *Service) {
		s.Callers = FixedCallers{"1": {Key: apiKey(t, keyText), Suspended: true}}
	})
	server := httptest.NewServer(s)
	defer server.Close()
	_, err := verify(t, client(t, nil, server.URL))
	var refusal *StatusError
	if !errors.As(err, &refusal) || refusal.Status != OperationNotAllowed || !refusal.Signed || strings.Contains(err.Error(), "no server decided") {
		t.Errorf("by our own: %v", err)
	}
	silent := saying(t, func(f fields) string {
		return lines(resign(t, fields{"t": f["t"], "status": string(OperationNotAllowed)}))
	})
	if _, err := verify(t, client(t, nil, silent)); !errors.As(err, &refusal) || refusal.Status != OperationNotAllowed || refusal.Signed {
		t.Errorf("by one that does not say what was asked: %v", err)
	}
	if f := s.get(sign(t, fields{"id": "1", "otp": "hello", "nonce": nonce})); f["otp"] != "" || f["status"] != string(OperationNotAllowed) {
		t.Error("what is no OTP is repeated")
	}
}

func TestSlowServers(t *testing.T) {
	trickle := answering(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "\n")
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	for name, server := range map[string]string{"silent": silent(t), "a byte at a time": trickle} {
		_, err := verify(t, client(t, func(s *Settings) { s.Timeout = 100 * time.Millisecond }, server))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "did not answer in time") {
			t.Errorf("%s = %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, nil, silent(t)).Verify(ctx, touch(t, 7, 3)); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that goes = %v", err)
	}
}

// deaf is a transport that heeds nobody.
type deaf struct{ until chan struct{} }

func (d deaf) RoundTrip(*http.Request) (*http.Response, error) {
	<-d.until
	return nil, errors.New("at last")
}

func TestATransportThatHeedsNobody(t *testing.T) {
	d := deaf{make(chan struct{})}
	defer close(d.until)
	c := client(t, func(s *Settings) { s.HTTP, s.Timeout = &http.Client{Transport: d}, 50*time.Millisecond }, "http://127.0.0.1:1")
	if _, err := verify(t, c); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Verify = %v", err)
	}
}

// TestAskedOnce: net/http sends a GET again when a connection that was kept breaks; an
// OTP that is sent twice is a replay.
func TestAskedOnce(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, lines(resign(t, honest(t, r))))
	}))
	defer s.Close()
	c := client(t, nil, s.URL)
	if _, err := verify(t, c); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, c); err == nil || asked.Load() != 2 {
		t.Errorf("a server that breaks off = %v, asked %d times in all, want 2", err, asked.Load())
	}
}

func TestLevels(t *testing.T) {
	for _, try := range []struct {
		level, said string
		believed    bool
	}{{"50", "50", true}, {"50", "49", false}, {"100", "", false}, {"0", "", true}, {"0", "0", true}, {"", "0", true}, {"secure", "0", true}, {"fast", "", true}} {
		server := changed(t, func(f fields) {
			if f["sl"] = try.said; try.said == "" {
				delete(f, "sl")
			}
		})
		_, err := verify(t, client(t, func(s *Settings) { s.Level = try.level }, server))
		if (err == nil) != try.believed || err != nil && !strings.Contains(err.Error(), "fewer than "+try.level+" %") {
			t.Errorf("asked %q, said %q: %v, want it believed: %v", try.level, try.said, err, try.believed)
		}
	}
}

func TestAges(t *testing.T) {
	for _, age := range []time.Duration{-2 * time.Minute, 0, 119 * time.Second} {
		server := changed(t, func(f fields) { f["t"] = formatTime(start.Add(-age)) })
		if _, err := verify(t, client(t, nil, server)); err != nil {
			t.Errorf("an answer of %v = %v", age, err)
		}
		if _, err := verify(t, client(t, func(s *Settings) { s.MaxAge = time.Second }, server)); (err == nil) != (age == 0) {
			t.Errorf("an answer of %v, where a second is old = %v", age, err)
		}
	}
	for _, text := range []string{"2010-04-23T20:34:50Z0671", "2010-04-23T20:34:50Z9999", "2010-04-23T20:34:50Z671", "2010-04-23T20:34:50Z", "2010-04-23T20:34:50Z123456"} {
		if at, err := parseTime(text); err != nil || !at.Equal(time.Date(2010, 4, 23, 20, 34, 50, 0, time.UTC)) {
			t.Errorf("%s is %v, %v", text, at, err)
		}
	}
}

func TestTLS(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, lines(resign(t, honest(t, r)))) })
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake that fails
	s.StartTLS()
	defer s.Close()
	if _, err := verify(t, client(t, func(c *Settings) { c.HTTP = s.Client() }, s.URL)); err != nil {
		t.Errorf("by TLS = %v", err)
	}
	if _, err := verify(t, client(t, nil, s.URL)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("by TLS with an unknown certificate = %v", err)
	}
	if _, err := verify(t, client(t, nil, "https://"+strings.TrimPrefix(good(t), "http://"))); err == nil {
		t.Error("TLS to a server that has none is accepted")
	}
}

func TestClientAsksOnlyGoodOnes(t *testing.T) {
	if _, err := client(t, nil, good(t)).Verify(t.Context(), otp.OTP{}); !errors.Is(err, otp.ErrMalformed) {
		t.Errorf("no OTP = %v", err)
	}
	c := client(t, func(s *Settings) { s.Random = bytes.NewReader(make([]byte, 15)) }, good(t))
	if _, err := verify(t, c); err == nil || !strings.Contains(err.Error(), "random bytes") {
		t.Errorf("without random bytes = %v", err)
	}
}

func TestNewClient(t *testing.T) {
	base := Settings{ID: "1", Key: apiKey(t, keyText)}
	for _, server := range []string{"https://example.com", "https://example.com/", "https://example.com/other/verify", "http://localhost:8080", "http://127.0.0.1", "http://127.1.2.3:1/x", "http://[::1]:80/"} {
		s := base
		s.Servers = []string{server}
		if _, err := NewClient(s); err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
	own := base
	own.Servers = []string{"https://example.com/other/verify"}
	if c, err := NewClient(own); err != nil || c.servers[0].Path != "/other/verify" {
		t.Errorf("an address with a path of its own: %v", err)
	}
	c, err := NewClient(base)
	if err != nil || len(c.servers) != 1 || c.servers[0].String() != "https://api.yubico.com/wsapi/2.0/verify" {
		t.Errorf("without servers: %v, want YubiCloud", err)
	}
	s := base
	s.Plain, s.Servers = true, []string{"http://example.com"}
	if c, err := NewClient(s); err != nil || c.servers[0].Path != Path {
		t.Errorf("plain, where it is allowed: %v", err)
	}
	for want, change := range map[string]func(*Settings){
		`client id "" is no number`: func(s *Settings) { s.ID = "" }, `client id "x" is no`: func(s *Settings) { s.ID = "x" }, "at most 19 digits": func(s *Settings) { s.ID = strings.Repeat("1", 20) },
		"needs an API key": func(s *Settings) { s.Key = APIKey{} }, `sync level "most"`: func(s *Settings) { s.Level = "most" }, `sync level "101"`: func(s *Settings) { s.Level = "101" },
		"time-out": func(s *Settings) { s.Timeout = -1 }, "age is negative": func(s *Settings) { s.MaxAge = -1 },
		"11 servers":             func(s *Settings) { s.Servers = strings.Split(strings.Repeat("https://a,", 10)+"https://a", ",") },
		"which everybody":        func(s *Settings) { s.Servers = []string{"https://a", "http://example.com"} },
		"begins with ftp":        func(s *Settings) { s.Servers = []string{"ftp://example.com"} },
		"has a user":             func(s *Settings) { s.Servers = []string{"https://ada:secret@example.com"} },
		"user, a query":          func(s *Settings) { s.Servers = []string{"https://example.com/?"} },
		"a query":                func(s *Settings) { s.Servers = []string{"https://example.com/?x=1"} },
		"or a fragment":          func(s *Settings) { s.Servers = []string{"https://example.com/#x"} },
		"is not written as":      func(s *Settings) { s.Servers = []string{"example.com"} },
		"not written as https:/": func(s *Settings) { s.Servers = []string{"https://:443"} },
		"written as https://HOS": func(s *Settings) { s.Servers = []string{"http://exa mple.com:secret"} },
	} {
		bad := base
		change(&bad)
		if c, err := NewClient(bad); err == nil || c != nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("NewClient = %v, want an error: %s", err, want)
		}
	}
}

func TestAPIKeys(t *testing.T) {
	if got := string(apiKey(t, keyText).Text()); got != keyText || (APIKey{}).Text() != nil {
		t.Error("a key's text is another than it was made of")
	}
	k, err := NewAPIKey(strings.NewReader("12345678901234567890"))
	if err != nil || string(k.Text()) != keyText {
		t.Errorf("a new key: %v", err)
	}
	if _, err := NewAPIKey(strings.NewReader("1234567890123456789")); err == nil {
		t.Error("a key of too few random bytes")
	}
	if got := (APIKey{}).String() + ", " + k.String(); got != "no API key, API key (hidden)" {
		t.Errorf("keys are printed as %s", got)
	}
	for want, texts := range map[string][]string{"no base64": {"MTIz!", keyText + "\n", keyText[:27], "MTIzNDU2Nzg5MDEyMzQ1Njc4OTB=", " " + keyText}, "bytes: 16 to 64": {"", "MTIz", "MTIzNDU2Nzg5MDEyMzQ1", strings.Repeat("MTIz", 22)}} {
		for _, text := range texts {
			if _, err := ParseAPIKey(text); err == nil || !strings.Contains(err.Error(), want) || len(text) > 4 && strings.Contains(err.Error(), strings.TrimSpace(text)) {
				t.Errorf("ParseAPIKey of %d letters = %v, want an error: %s", len(text), err, want)
			}
		}
	}
	for _, v := range []any{apiKey(t, keyText), &Settings{Key: apiKey(t, keyText)}, Caller{Key: apiKey(t, keyText)}} {
		if text := fmt.Sprintf("%v %+v %#v %s %x %d", v, v, v, v, v, v); strings.Contains(text, keyText) || strings.Contains(text, "1234567890") || strings.Contains(text, "31323334") || strings.Contains(text, "49 50 51") {
			t.Errorf("%T shows its key", v)
		}
	}
}

// TestSignatureOfTheText: the text that is signed is that of the protocol's example,
// and the signature is as openssl makes it.
func TestSignatureOfTheText(t *testing.T) {
	// printf 'a=2&b=1&c=3' | openssl dgst -sha1 -hmac 12345678901234567890 -binary | base64
	const want = "YF7+GLxj8ktyPNP2vIINH4GCUUo="
	if got := (fields{"c": "3", "b": "1", "a": "2", "h": "x"}).signature(apiKey(t, keyText)); got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
}

// TestClientAndServer: ours against ours, over TCP.
func TestClientAndServer(t *testing.T) {
	s := serve(t, nil)
	h := httptest.NewServer(s.Server)
	defer h.Close()
	c := client(t, func(s *Settings) { s.Counters = true }, h.URL)
	o := touch(t, 7, 3)
	a, err := c.Verify(t.Context(), o)
	if err != nil || a.Token != (otp.Token{Session: 7, Use: 3, Timestamp: 77}) || !a.Counted || a.Sync != 100 {
		t.Errorf("Verify = %+v, %v", a, err)
	}
	if _, err := c.Verify(t.Context(), o); !errors.Is(err, totp.ErrReplayed) {
		t.Errorf("the same OTP again = %v", err)
	}
	other := client(t, func(s *Settings) { s.ID = "9" }, h.URL)
	if _, err := other.Verify(t.Context(), touch(t, 7, 4)); !errors.Is(err, NoSuchClient) {
		t.Errorf("another client id = %v", err)
	}
	other = client(t, func(s *Settings) { s.Key = apiKey(t, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTE=") }, h.URL)
	if _, err := other.Verify(t.Context(), touch(t, 7, 4)); !errors.Is(err, BadSignature) {
		t.Errorf("another API key = %v", err)
	}
	// Two addresses of one server: one says OK, the other that it had the request.
	twice := client(t, nil, h.URL, h.URL)
	if _, err := twice.Verify(t.Context(), touch(t, 7, 5)); err != nil {
		t.Errorf("the same server twice = %v", err)
	}
}

func TestNamesAndNonces(t *testing.T) {
	for text, want := range map[string]bool{"a": true, "z": true, "0": true, "9": true, "_": true, "a9_z": true, strings.Repeat("z", 32): true, strings.Repeat("z", 33): false,
		"": false, "A": false, "`": false, "{": false, "/": false, ":": false, "^": false, "a b": false, "é": false} {
		if isName(text) != want {
			t.Errorf("isName(%q) = %v", text, !want)
		}
	}
	const most = "azAZ09azAZ09azA"
	for last, want := range map[string]bool{"a": true, "z": true, "A": true, "Z": true, "0": true, "9": true, "`": false, "{": false, "@": false, "[": false, "/": false, ":": false, "": false} {
		if isNonce(most+last) != want {
			t.Errorf("isNonce(%q) = %v", most+last, !want)
		}
	}
	if !isNonce(strings.Repeat("a", 40)) || isNonce(strings.Repeat("a", 41)) {
		t.Error("a nonce has at most 40 letters")
	}
}
