package vaultapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"mfawatch/totp/ledger"
)

// answer is what a route gives back. Without a status it is 200, or 204 where there is
// nothing to say.
type answer struct {
	status   int
	data     any
	bare     any // in the place of the envelope: what is asked before anybody has a token
	warnings []string
	errors   []string // not nil: the answer is an error, and may be one without a text
	retry    time.Duration
	allow    string

	outcome  Outcome
	step     int64
	exported bool
	reason   string
}

func failure(status int, outcome Outcome, texts ...string) answer {
	if texts == nil {
		texts = []string{}
	}
	return answer{status: status, outcome: outcome, errors: texts}
}

// The errors that Vault's clients know.
func denied() answer  { return failure(http.StatusForbidden, Denied, "permission denied") }
func nothing() answer { return failure(http.StatusNotFound, NotFound) }
func unknownKey(name string) answer {
	return failure(http.StatusBadRequest, NotFound, "unknown key: "+name)
}
func bad(text string) answer { return failure(http.StatusBadRequest, Refused, text) }

// broken is the answer when keys, ledger or tokens fail. What they said is for the
// record: it may name files.
func broken(text string, err error) answer {
	a := failure(http.StatusServiceUnavailable, Failed, text)
	a.reason = err.Error()
	return a
}

// later is the answer to who has to come back.
func later(text string, early *ledger.Later, now time.Time) answer {
	a := failure(http.StatusTooManyRequests, Waiting, text)
	a.retry, a.reason = max(early.Until.Sub(now), time.Second), early.Error()
	return a
}

// envelope is what Vault wraps answers in.
type envelope struct {
	RequestID     string   `json:"request_id"`
	LeaseID       string   `json:"lease_id"`
	Renewable     bool     `json:"renewable"`
	LeaseDuration int      `json:"lease_duration"`
	Data          any      `json:"data"`
	WrapInfo      any      `json:"wrap_info"`
	Warnings      []string `json:"warnings"`
	Auth          any      `json:"auth"`
}

// filled settles what was left open.
func (a answer) filled() answer {
	if a.outcome == "" {
		a.outcome = Done
	}
	if a.status == 0 {
		a.status = http.StatusOK
		if a.data == nil && a.bare == nil && len(a.warnings) == 0 {
			a.status = http.StatusNoContent
		}
	}
	return a
}

func (a answer) write(w http.ResponseWriter, id string, now time.Time) {
	var body any = envelope{RequestID: id, Data: a.data, Warnings: a.warnings}
	switch {
	case a.errors != nil:
		body = struct {
			Errors []string `json:"errors"`
		}{a.errors}
	case a.bare != nil:
		body = a.bare
	}
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if a.retry > 0 {
		header.Set("Retry-After", strconv.FormatInt(int64((a.retry+time.Second-1)/time.Second), 10))
	}
	if a.allow != "" {
		header.Set("Allow", a.allow)
	}
	if a.status == http.StatusNoContent {
		w.WriteHeader(a.status)
		return
	}
	header.Set("Content-Type", "application/json")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(body) // who does not read it has left
}
