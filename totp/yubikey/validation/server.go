package validation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"mfawatch/totp"
	"mfawatch/totp/ledger"
	"mfawatch/totp/yubikey/otp"
)

var (
	// ErrNoCaller is the answer of Callers about an id that they do not know.
	ErrNoCaller = errors.New("no such client")
	// ErrNoKey is the answer of Keys about a public id that they do not know.
	ErrNoKey = errors.New("no such key")
)

// Callers tells who may ask. It is asked by many at once.
type Callers interface {
	// Caller is the client of an id, which is a number in digits; ErrNoCaller where
	// there is none.
	Caller(ctx context.Context, id string) (Caller, error)
}

// Caller is a client in the eyes of a server.
type Caller struct {
	Key       APIKey // signs both ways
	Suspended bool   // it is told that it may not verify
	// Unsigned lets requests pass that have no signature. Whoever reaches the server
	// can then make any key wait and lock it, by wrong OTPs in this client's name.
	Unsigned bool
}

// Keys tells what keys were programmed with. It is asked by many at once.
type Keys interface {
	// Key is the credential of a public id, in modhex; ErrNoKey where there is none, or
	// the key is switched off. It should take as long to say that there is none. The
	// server does not wipe the credential: it may be everybody's.
	Key(ctx context.Context, publicID string) (otp.Credential, error)
}

// Auditor writes down what was answered.
type Auditor interface {
	// Verified is called once for each request, before it is answered. What it cannot
	// write down is answered as a fault and nobody is let in. Strangers are let in by
	// nothing, so theirs may be gathered and written down later.
	Verified(ctx context.Context, r Record) error
}

// Record is a request and its answer, without the OTP and whatever could be used again.
type Record struct {
	At       time.Time
	From     string // the network address
	Client   string // "" where none was named
	PublicID string // "" where no OTP could be read
	Status   Status
	Reason   string // why, in words; the answer does not tell it
	Accepted bool
	Step     int64 // of what was accepted: session and use
	// Stranger is a request that nobody who may ask has signed: anybody who reaches the
	// server can make as many as they like. From, Client and the time are theirs to choose.
	Stranger bool
}

// Service is what a server is made of.
type Service struct {
	Callers Callers
	Keys    Keys
	Ledger  ledger.Verifier // with a Store
	Auditor Auditor

	Keyboard otp.Keyboard     // how OTPs are typed; Capitals, where caps lock has to be put up with
	Timeout  time.Duration    // of the ledger, where a request names none, and the longest it may name; 0 is 10 s
	Now      func() time.Time // nil is time.Now
}

// Server answers requests: it is an http.Handler for Path.
type Server struct{ service Service }

// NewServer makes a server. All but the last three fields are needed.
func NewServer(s Service) (*Server, error) {
	switch {
	case s.Callers == nil, s.Keys == nil, s.Auditor == nil, s.Ledger.Store == nil:
		return nil, errors.New("a validation server needs clients, keys, a ledger's store and an auditor")
	case s.Timeout < 0:
		return nil, errors.New("the validation server's time-out is negative")
	}
	s.Timeout = cmp.Or(s.Timeout, defaultTimeout)
	if s.Now == nil {
		s.Now = time.Now
	}
	return &Server{s}, nil
}

// ServeHTTP answers one request, by GET or POST. Everything that the protocol has a
// status for is HTTP's 200.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != Path {
		http.NotFound(w, r)
		return
	}
	f, code, err := request(w, r)
	if code != 0 {
		if code == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", "GET, POST")
		}
		http.Error(w, http.StatusText(code), code)
		return
	}
	v := verification{service: &s.service, from: r.RemoteAddr, at: s.service.Now()}
	if err != nil {
		v.conclude(MissingParameter, err.Error())
	} else {
		v.verify(r.Context(), f)
	}
	v.record(context.WithoutCancel(r.Context())) // also for who did not wait
	v.write(w)
}

// verification is one request on its way to a status.
type verification struct {
	service *Service
	from    string
	at      time.Time

	id     string // of the client, once one was named
	may    bool   // the client is known, has signed where it must, and may ask
	key    APIKey // what the answer is signed with, once it is known
	asked  asked
	public string
	token  otp.Token
	status Status
	reason string
}

func (v *verification) conclude(s Status, reason string) { v.status, v.reason = s, reason }

// verify knows who asks before it believes what is asked.
func (v *verification) verify(ctx context.Context, f fields) {
	if !isID(f["id"]) {
		v.conclude(MissingParameter, "id is no number of at most 19 digits")
		return
	}
	v.id = f["id"]
	caller, err := v.service.Callers.Caller(ctx, v.id)
	switch {
	case errors.Is(err, ErrNoCaller):
		v.conclude(NoSuchClient, "the client is not known")
		return
	case err != nil:
		v.conclude(BackendError, "clients: "+err.Error())
		return
	case caller.Key.reveal == nil:
		v.conclude(BackendError, "the client has no API key to sign its answers with: give it one")
		return
	}
	v.key = caller.Key
	_, signed := f["h"]
	switch {
	case !signed && !caller.Unsigned:
		v.conclude(BadSignature, "the request is not signed, and this client's have to be")
	case signed && !f.signed(caller.Key):
		v.conclude(BadSignature, "the request's signature is wrong")
	case caller.Suspended:
		v.repeat(f)
		v.conclude(OperationNotAllowed, "the client is suspended")
	default:
		v.may = true
		v.understand(ctx, f)
	}
}

// repeat has the answer say again what was asked, which clients want before they believe
// it. What is no OTP may be anything, and is not repeated.
func (v *verification) repeat(f fields) {
	q, err := v.service.understand(f)
	if err != nil {
		return
	}
	if _, err := v.service.Keyboard.Parse(q.otp); err == nil {
		v.asked = q
	}
}

func (v *verification) understand(ctx context.Context, f fields) {
	q, err := v.service.understand(f)
	v.asked = q
	if err != nil {
		v.conclude(MissingParameter, err.Error())
		return
	}
	o, err := v.service.Keyboard.Parse(q.otp)
	if err != nil {
		v.asked.otp = "" // it is not repeated: it may be anything
		v.conclude(BadOTP, err.Error())
		return
	}
	v.public = o.PublicID()
	ctx, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	v.check(ctx, o)
}

func (v *verification) check(ctx context.Context, o otp.OTP) {
	c, err := v.service.Keys.Key(ctx, v.public)
	switch {
	case errors.Is(err, ErrNoKey):
		v.decoy(ctx, o)
		return
	case err != nil:
		v.conclude(fault(err), "keys: "+err.Error())
		return
	}
	token, err := otp.Check(ctx, v.service.Ledger, c, o, v.id+" "+v.asked.nonce, v.at)
	if err == nil {
		v.token = token
		v.conclude(OK, fmt.Sprintf("session %d, use %d", token.Session, token.Use))
		return
	}
	status, counted := refusal(err)
	v.conclude(status, err.Error())
	if !counted {
		// The ledger refused before it wrote anything, which would be quicker.
		if err := v.service.Ledger.Decoy(ctx, v.at); err != nil {
			v.conclude(fault(err), err.Error())
		}
	}
}

// decoy does for a key that is not there what a wrong OTP costs of one that is.
func (v *verification) decoy(ctx context.Context, o otp.OTP) {
	if err := v.service.Ledger.Decoy(ctx, v.at); err != nil {
		v.conclude(fault(err), err.Error())
		return
	}
	v.conclude(BadOTP, "the key is not known")
	if c, err := otp.NewCredential(v.public, make([]byte, 6), make([]byte, 16)); err == nil {
		_, _ = c.Open(o) // whatever it says
	}
}

// refusal is the status of what Check refused, and whether an attempt was counted. That
// a key is locked, has to wait, or was held back, is told to nobody but the record: to
// who asks, it is a key that is switched off.
func refusal(err error) (s Status, counted bool) {
	var later *ledger.Later
	var delayed *otp.Delayed
	switch {
	case errors.Is(err, otp.ErrRepeated):
		return ReplayedRequest, true
	case errors.Is(err, totp.ErrReplayed):
		return ReplayedOTP, true
	case errors.Is(err, totp.ErrNoMatch), errors.As(err, &delayed), errors.Is(err, ledger.ErrBeforeFloor):
		return BadOTP, true
	case errors.As(err, &later), errors.Is(err, ledger.ErrLocked):
		return BadOTP, false
	}
	return fault(err), true
}

// fault is what is answered when the ledger or the keys fail: the ledger is all the
// peers that this server has, and it may be late.
func fault(err error) Status {
	if errors.Is(err, context.DeadlineExceeded) {
		return NotEnoughAnswers
	}
	return BackendError
}

// record writes down what is about to be answered, and takes an OK back that could not
// be written down. The OTP stays spent.
func (v *verification) record(ctx context.Context) {
	r := Record{At: v.at, From: v.from, Client: v.id, PublicID: v.public, Status: v.status, Reason: v.reason, Stranger: !v.may}
	if v.status == OK {
		r.Accepted, r.Step = true, v.token.Step()
	}
	if err := v.service.Auditor.Verified(ctx, r); err != nil {
		v.status = BackendError
	}
}

// write answers in the order that Yubico's server has.
func (v *verification) write(w http.ResponseWriter) {
	f := fields{"t": formatTime(v.service.Now()), "status": string(v.status)}
	for key, value := range map[string]string{"otp": v.asked.otp, "nonce": v.asked.nonce} {
		if value != "" {
			f[key] = value
		}
	}
	if v.status == OK {
		f["sl"] = "100" // there is one ledger, and it agreed
		if v.asked.counters {
			f["timestamp"] = fmt.Sprint(v.token.Timestamp)
			f["sessioncounter"] = fmt.Sprint(v.token.Session)
			f["sessionuse"] = fmt.Sprint(v.token.Use)
		}
	}
	if v.key.reveal != nil {
		f["h"] = f.signature(v.key)
	}
	var text strings.Builder
	for _, key := range []string{"h", "t", "otp", "nonce", "sl", "timestamp", "sessioncounter", "sessionuse", "status"} {
		if value, there := f[key]; there {
			text.WriteString(key + "=" + value + "\r\n")
		}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write([]byte(text.String() + "\r\n"))
}
