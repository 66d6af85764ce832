package validation

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
)

// FuzzAnswer: whatever a server says, it is believed only with the signature over just
// these fields, this OTP and this nonce; and nothing of it crashes the client.
func FuzzAnswer(f *testing.F) {
	o := touch(f, 7, 3)
	good := fields{"otp": o.Text(), "nonce": nonce, "t": formatTime(start), "status": "OK", "sl": "100", "sessioncounter": "7", "sessionuse": "3", "timestamp": "77"}
	good["h"] = good.signature(apiKey(f, keyText))
	f.Add([]byte(lines(good)))
	good["status"] = "REPLAYED_OTP"
	f.Add([]byte(lines(good)))
	f.Add([]byte("h=\r\nt=2010-04-23T20:34:50Z0671\r\nstatus=NO_SUCH_CLIENT\r\n\r\n"))
	f.Add([]byte("status=OK\nstatus=OK\n"))
	f.Add([]byte("\n=\n"))
	c, err := NewClient(Settings{ID: "1", Key: apiKey(f, keyText), Now: func() time.Time { return start }})
	if err != nil {
		f.Fatal(err)
	}
	q := question{otp: o.Text(), nonce: nonce, public: o.PublicID()}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := c.judge("example.com", body, q)
		got, bad := parseAnswer(body)
		believed := bad == nil && got.signed(apiKey(t, keyText)) && got["otp"] == q.otp && got["nonce"] == q.nonce
		if err == nil && (!believed || got["status"] != "OK" || a.PublicID != public) {
			t.Error("an answer is believed that should not be")
		}
		if err != nil && strings.Contains(err.Error(), o.Text()[12:]) {
			t.Error("an error shows the OTP")
		}
	})
}

// FuzzSignedAnswer: also what a server that has the key may say crashes nothing, and
// counters and levels are what a key and a server have.
func FuzzSignedAnswer(f *testing.F) {
	f.Add("OK", "2027-01-15T08:00:00Z0123", "100", "7", "3", "77")
	f.Add("OK", "2027-01-15T08:00:00Z", "", "32767", "255", "16777215")
	f.Add("BAD_OTP", "", "101", "-1", "0x1", "1_0")
	o := touch(f, 7, 3)
	c, err := NewClient(Settings{ID: "1", Key: apiKey(f, keyText), Now: func() time.Time { return start }})
	if err != nil {
		f.Fatal(err)
	}
	q := question{otp: o.Text(), nonce: nonce, public: o.PublicID()}
	f.Fuzz(func(t *testing.T, status, at, sl, session, use, ticks string) {
		a := fields{"otp": o.Text(), "nonce": nonce, "t": at, "status": status, "sl": sl, "sessioncounter": session, "sessionuse": use, "timestamp": ticks}
		a["h"] = a.signature(apiKey(t, keyText))
		got, err := c.judge("example.com", []byte(lines(a)), q)
		if err == nil && (status != "OK" || got.Sync < 0 || got.Sync > 100 || got.Token.Session > 32767 || got.Token.Timestamp >= 1<<24 || start.Sub(got.At).Abs() > 2*time.Minute) {
			t.Errorf("believed: %+v", got)
		}
	})
}

// FuzzRequest: whatever the server is asked, it answers lines that a client reads, and
// it accepts nothing but a right OTP with a right signature.
func FuzzRequest(f *testing.F) {
	o := touch(f, 7, 3)
	f.Add(sign(f, question1(o.Text())))
	f.Add(encode(fields{"id": "2", "otp": o.Text(), "nonce": nonce, "sl": "50", "timeout": "8", "timestamp": "1"}))
	f.Add("id=1&otp=&nonce=")
	f.Add("id=2&otp=" + public + strings.Repeat("c", 32) + "&nonce=" + nonce)
	f.Add("%zz=%00&&=;")
	keys, err := NewFixedKeys(credential(f, public))
	if err != nil {
		f.Fatal(err)
	}
	callers := FixedCallers{"1": {Key: apiKey(f, keyText)}, "2": {Key: apiKey(f, keyText), Unsigned: true}, "3": {Key: apiKey(f, keyText), Suspended: true}}
	f.Fuzz(func(t *testing.T, query string) {
		audit := &records{}
		s, err := NewServer(Service{Callers: callers, Keys: keys, Auditor: audit, Ledger: ledger.Verifier{Store: &ledgertest.Memory{}}, Now: func() time.Time { return start }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, Path, nil)
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code == http.StatusRequestURITooLong {
			return
		}
		a, err := parseAnswer(w.Body.Bytes())
		if err != nil || w.Code != http.StatusOK || len(audit.all) != 1 || a["status"] != string(audit.all[0].Status) {
			t.Fatalf("HTTP %d, %d records, an answer that is not read: %v", w.Code, len(audit.all), err)
		}
		if asked, err := parseRequest(query); a["status"] == "OK" && (err != nil || asked["otp"] != o.Text() || asked["id"] != "2" && !asked.signed(apiKey(t, keyText))) {
			t.Error("it is accepted and should not be")
		}
	})
}
