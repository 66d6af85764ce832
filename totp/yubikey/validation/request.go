package validation

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// request reads the parameters of a GET from its query and of a POST from its form. A
// code is HTTP's, for what is no request of the protocol at all.
func request(w http.ResponseWriter, r *http.Request) (f fields, code int, err error) {
	text := r.URL.RawQuery
	switch r.Method {
	case http.MethodGet:
	case http.MethodPost:
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
			return nil, http.StatusUnsupportedMediaType, nil
		}
		if text != "" {
			return nil, 0, errors.New("a POST has parameters in its address too")
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBytes))
		if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
			return nil, http.StatusRequestEntityTooLarge, nil
		}
		if err != nil {
			return nil, http.StatusBadRequest, nil
		}
		text = string(body)
	default:
		return nil, http.StatusMethodNotAllowed, nil
	}
	if len(text) > mostBytes {
		return nil, http.StatusRequestURITooLong, nil
	}
	f, err = parseRequest(text)
	return f, 0, err
}

// parseRequest reads parameters as they are in a query, each once.
func parseRequest(text string) (fields, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, errors.New("the parameters are not encoded as in an address")
	}
	f := fields{}
	for key, all := range values {
		for _, value := range all {
			if err := f.put(key, value); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// asked are a request's parameters, understood.
type asked struct {
	otp, nonce string
	counters   bool
	timeout    time.Duration
}

// understand checks what may be repeated in the answer first. The sync level is checked
// and has no effect: there are no peers that could lag behind.
func (s *Service) understand(f fields) (q asked, err error) {
	q.timeout = s.Timeout
	if isNonce(f["nonce"]) {
		q.nonce = f["nonce"]
	}
	q.otp = f["otp"]
	switch {
	case q.nonce == "":
		err = errors.New("nonce is not 16 to 40 letters and digits")
	case q.otp == "":
		err = errors.New("otp is missing")
	case !isLevel(f["sl"]):
		err = errors.New("sl is none of fast, secure and 0 to 100")
	case f["timestamp"] != "" && f["timestamp"] != "0" && f["timestamp"] != "1":
		err = errors.New("timestamp is neither 0 nor 1")
	}
	q.counters = f["timestamp"] == "1"
	if text := f["timeout"]; text != "" && err == nil {
		var seconds uint64
		if seconds, err = strconv.ParseUint(text, 10, 16); err != nil {
			err = errors.New("timeout is no number of seconds")
		}
		if asked := time.Duration(seconds) * time.Second; asked > 0 {
			q.timeout = min(asked, s.Timeout)
		}
	}
	if err != nil {
		q.otp = "" // it was not looked at: it is not repeated
	}
	return q, err
}
