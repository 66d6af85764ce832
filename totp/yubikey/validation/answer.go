package validation

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"mfawatch/totp/yubikey/otp"
)

// judge believes an answer or not. Only what is signed, and says the OTP and the nonce
// of this very question, and is not old, is an answer; all else may be a copy of
// another, or made by who is on the way.
func (c *Client) judge(server string, body []byte, q question) (Answer, error) {
	f, err := parseAnswer(body)
	if err != nil {
		return Answer{}, &Untrusted{server, err.Error()}
	}
	status := Status(f["status"])
	why := c.doubt(f, q)
	switch {
	case !isStatus(f["status"]):
		return Answer{}, &Untrusted{server, "it has no status"}
	case why == "" && status != OK:
		return Answer{}, &StatusError{status, server, true}
	case why != "" && f["h"] == "" && status != OK:
		// A server that does not know the client, or the parameters, cannot sign.
		return Answer{}, &StatusError{status, server, false}
	case why != "" && (status == BadSignature || status == NoSuchClient || status == OperationNotAllowed):
		// Nor does one that looks no further than at the client say again what was asked.
		return Answer{}, &StatusError{status, server, false}
	case why != "":
		return Answer{}, &Untrusted{server, why}
	}
	a := Answer{Server: server, PublicID: q.public, Sync: -1}
	if err := a.read(f, c.settings.Level); err != nil {
		return Answer{}, &Untrusted{server, err.Error()}
	}
	return a, nil
}

// doubt is why an answer is not believed, "" if it is.
func (c *Client) doubt(f fields, q question) string {
	at, err := parseTime(f["t"])
	age := c.settings.Now().Sub(at)
	switch {
	case f["h"] == "":
		return "it is not signed"
	case !f.signed(c.settings.Key):
		return "its signature is wrong: check the API key; if it is right, somebody changed the answer"
	case f["otp"] != q.otp:
		return "it is about another OTP"
	case f["nonce"] != q.nonce:
		return "it answers another request"
	case err != nil:
		return "its time cannot be read"
	case age.Abs() > c.settings.MaxAge:
		return fmt.Sprintf("its time is %v off: set this machine's clock, or the server's; if both are right, the answer is an old one", age.Abs().Round(time.Second))
	}
	return ""
}

// parseAnswer reads lines of key=value, each once. Empty lines mean nothing.
func parseAnswer(body []byte) (fields, error) {
	f := fields{}
	for line := range strings.Lines(string(body)) {
		line, whole := strings.CutSuffix(line, "\n")
		line = strings.TrimSuffix(line, "\r")
		switch key, value, ok := strings.Cut(line, "="); {
		case line == "":
		case !whole:
			return nil, errors.New("its last line has no end")
		case !ok:
			return nil, errors.New("a line is no key=value")
		default:
			if err := f.put(key, value); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// timeLayout is of whole seconds; digits of a fraction follow it.
const timeLayout = "2006-01-02T15:04:05Z"

// formatTime writes four digits of milliseconds, as Yubico's server does.
func formatTime(t time.Time) string {
	t = t.UTC()
	return t.Format(timeLayout) + fmt.Sprintf("%04d", t.Nanosecond()/int(time.Millisecond))
}

// parseTime reads whole seconds. In the fraction servers differ: Yubico's counts
// milliseconds, YubiStack ten thousandths.
func parseTime(text string) (time.Time, error) {
	whole := text[:min(len(text), len(timeLayout))]
	fraction := text[len(whole):]
	at, err := time.Parse(timeLayout, whole)
	if err != nil || len(fraction) > 6 || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, errors.New("a time is not written as " + timeLayout + "0000")
	}
	return at, nil
}

// read takes what an answer that is believed says besides OK.
func (a *Answer) read(f fields, level string) (err error) {
	if a.At, err = parseTime(f["t"]); err != nil {
		return err
	}
	if sl, said := f["sl"]; said {
		if a.Sync, err = percent(sl); err != nil {
			return errors.New("its sync level is no number from 0 to 100")
		}
	}
	if asked, err := percent(level); err == nil && a.Sync < asked && asked > 0 {
		return fmt.Errorf("it says that fewer than %d %% of the server's peers agreed, which was asked for", asked)
	}
	return a.count(f)
}

// count reads the counters: all three or none.
func (a *Answer) count(f fields) error {
	var n [3]uint64
	told := 0
	for i, c := range []struct {
		name string
		most uint64
	}{{"sessioncounter", otp.MaxSession}, {"sessionuse", otp.MaxUse}, {"timestamp", otp.MaxTimestamp}} {
		text, said := f[c.name]
		if !said {
			continue
		}
		told++
		var err error
		if n[i], err = strconv.ParseUint(text, 10, 32); err != nil || n[i] > c.most {
			return errors.New("its " + c.name + " is no number that a key has")
		}
	}
	if told != 0 && told != 3 {
		return errors.New("it tells some of the key's counters only")
	}
	a.Counted = told == 3
	a.Token = otp.Token{Session: uint16(n[0]), Use: uint8(n[1]), Timestamp: uint32(n[2])}
	return nil
}
