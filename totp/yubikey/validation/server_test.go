package validation

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/yubikey/otp"
)

var start = time.Unix(1_800_000_000, 123_000_000)

const (
	public  = "ccccccbchvth"
	nonce   = "0123456789abcdefABCDEF"
	keyText = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="
)

func apiKey(t testing.TB, text string) APIKey {
	t.Helper()
	k, err := ParseAPIKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func credential(t testing.TB, public string) otp.Credential {
	t.Helper()
	private, _ := hex.DecodeString("8792ebfe26cc")
	key, _ := hex.DecodeString("ecde18dbe76fbd0c33330f1c354871db")
	c, err := otp.NewCredential(public, private, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func touch(t testing.TB, session uint16, use uint8) otp.OTP {
	t.Helper()
	o, err := credential(t, public).Simulate(otp.Token{Session: session, Use: use, Timestamp: 77, Random: 5})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// records is an auditor that remembers, and may fail.
type records struct {
	mutex sync.Mutex
	all   []Record
	fail  error
}

func (r *records) Verified(_ context.Context, one Record) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.all = append(r.all, one)
	return r.fail
}

func (r *records) last() Record { return r.all[len(r.all)-1] }

// serving is a server with three clients and one key.
type serving struct {
	*testing.T
	*Server
	store   *ledgertest.Memory
	records *records
}

func serve(t *testing.T, change func(*Service)) serving {
	t.Helper()
	s := serving{T: t, store: &ledgertest.Memory{}, records: &records{}}
	keys, err := NewFixedKeys(credential(t, public))
	if err != nil {
		t.Fatal(err)
	}
	service := Service{
		Callers: FixedCallers{"1": {Key: apiKey(t, keyText)}, "2": {Key: apiKey(t, keyText), Unsigned: true}, "3": {Key: apiKey(t, keyText), Suspended: true}, "4": {}},
		Keys:    keys, Ledger: ledger.Verifier{Store: s.store}, Auditor: s.records, Now: func() time.Time { return start },
	}
	if change != nil {
		change(&service)
	}
	if s.Server, err = NewServer(service); err != nil {
		t.Fatal(err)
	}
	return s
}

// sign adds the signature, and encodes.
func sign(t testing.TB, f fields) string {
	t.Helper()
	f["h"] = f.signature(apiKey(t, keyText))
	return encode(f)
}

func encode(f fields) string {
	values := url.Values{}
	for key, value := range f {
		values.Set(key, value)
	}
	return values.Encode()
}

func question1(o string) fields { return fields{"id": "1", "otp": o, "nonce": nonce} }

// get asks and gives the fields of the answer, which is well formed.
func (s serving) get(query string) fields {
	s.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path+"?"+query, nil))
	return s.answered(w)
}

func (s serving) answered(w *httptest.ResponseRecorder) fields {
	s.Helper()
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || w.Header().Get("Cache-Control") != "no-store" {
		s.Fatalf("HTTP %d, %v: %s", w.Code, w.Header(), w.Body)
	}
	f, err := parseAnswer(w.Body.Bytes())
	if err != nil || !strings.HasSuffix(w.Body.String(), "\r\n\r\n") {
		s.Fatalf("an answer that no client reads: %v", err)
	}
	if last := s.records.last(); last.Status != Status(f["status"]) && last.Status != OK {
		s.Errorf("recorded %s, answered %s", last.Status, f["status"])
	}
	return f
}

// want asserts a status, and that it is signed where the client is known.
func (s serving) want(f fields, status Status, signed bool) {
	s.Helper()
	if f["status"] != string(status) || f.signed(apiKey(s, keyText)) != signed {
		s.Errorf("status %s, signed %v, want %s, %v (recorded: %s)", f["status"], f.signed(apiKey(s, keyText)), status, signed, s.records.last().Reason)
	}
}

func TestServerSaysOK(t *testing.T) {
	s := serve(t, nil)
	o := touch(t, 7, 3)
	f := s.get(sign(t, fields{"id": "1", "otp": o.Text(), "nonce": nonce, "timestamp": "1", "sl": "secure", "timeout": "8"}))
	s.want(f, OK, true)
	delete(f, "h")
	want := fields{"t": "2027-01-15T08:00:00Z0123", "otp": o.Text(), "nonce": nonce, "sl": "100", "status": "OK", "timestamp": "77", "sessioncounter": "7", "sessionuse": "3"}
	if !maps.Equal(f, want) {
		t.Errorf("the answer has other fields than were wanted: %v", slices.Sorted(maps.Keys(f)))
	}
	r := Record{At: start, From: "192.0.2.1:1234", Client: "1", PublicID: public, Status: OK, Reason: "session 7, use 3", Accepted: true, Step: 7<<8 + 3}
	if got := s.records.last(); got != r {
		t.Errorf("recorded %+v, want %+v", got, r)
	}
	for _, told := range []string{"", "0"} {
		f := s.get(sign(t, fields{"id": "1", "otp": touch(t, 8, uint8(len(told))).Text(), "nonce": nonce, "timestamp": told}))
		s.want(f, OK, true)
		if f["sessioncounter"]+f["sessionuse"]+f["timestamp"] != "" {
			t.Errorf("timestamp=%q: counters that nobody asked for", told)
		}
	}
}

// TestOrderOfAnAnswer: h first and status last, as Yubico's server has it.
func TestOrderOfAnAnswer(t *testing.T) {
	s := serve(t, nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path+"?"+sign(t, question1(touch(t, 7, 3).Text())), nil))
	var keys []string
	for line := range strings.Lines(w.Body.String()) {
		key, _, _ := strings.Cut(line, "=")
		keys = append(keys, strings.TrimSpace(key))
	}
	if want := []string{"h", "t", "otp", "nonce", "sl", "status", ""}; !slices.Equal(keys, want) {
		t.Errorf("the lines are of %v, want %v", keys, want)
	}
}

func TestPost(t *testing.T) {
	s := serve(t, nil)
	post := func(target, kind, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		s.ServeHTTP(w, r)
		return w
	}
	const form = "application/x-www-form-urlencoded"
	body := sign(t, question1(touch(t, 7, 3).Text()))
	s.want(s.answered(post(Path, form+"; charset=UTF-8", body)), OK, true)
	s.want(s.answered(post(Path, form, body)), ReplayedRequest, true)
	s.want(s.answered(post(Path+"?id=1", form, body)), MissingParameter, false)
	for kind, code := range map[string]int{"": 415, "application/json": 415, "text/plain": 415} {
		if w := post(Path, kind, body); w.Code != code {
			t.Errorf("a POST of %q = %d, want %d", kind, w.Code, code)
		}
	}
	if w := post(Path, form, strings.Repeat("x", mostBytes+1)); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a long form = %d", w.Code)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, Path, errReader{})
	r.Header.Set("Content-Type", form)
	if s.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
		t.Errorf("a form that breaks off = %d", w.Code)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// TestStrangers: whom anybody could be is told apart from who may ask.
func TestStrangers(t *testing.T) {
	s := serve(t, nil)
	o := touch(t, 7, 3).Text()
	other := question1(o)
	other["h"] = other.signature(apiKey(t, keyText))
	other["nonce"] = "another0another0"
	for i, try := range []struct {
		query    string
		status   Status
		stranger bool
	}{
		{"id=x", MissingParameter, true}, {"id=99&otp=" + o, NoSuchClient, true}, {encode(question1(o)), BadSignature, true}, {encode(other), BadSignature, true}, {"id=1&id=1", MissingParameter, true},
		{sign(t, fields{"id": "3", "otp": o, "nonce": nonce}), OperationNotAllowed, true}, {"id=4&otp=" + o, BackendError, true},
		{sign(t, fields{"id": "1", "otp": "hello", "nonce": nonce}), BadOTP, false}, {sign(t, question1(o)), OK, false}, {encode(fields{"id": "2", "otp": o, "nonce": nonce}), ReplayedOTP, false},
	} {
		if f := s.get(try.query); f["status"] != string(try.status) || s.records.last().Stranger != try.stranger {
			t.Errorf("request %d: %s, a stranger's %v; want %s, %v", i, f["status"], s.records.last().Stranger, try.status, try.stranger)
		}
	}
}

func TestWhatIsNoRequest(t *testing.T) {
	s := serve(t, nil)
	for _, try := range []struct {
		method, target string
		code           int
	}{
		{"PUT", Path, 405}, {"HEAD", Path, 405}, {"DELETE", Path, 405}, {"GET", "/", 404}, {"GET", Path + "/", 404}, {"GET", "/wsapi/verify", 404},
		{"GET", Path + "?x=" + strings.Repeat("x", mostBytes), 414},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(try.method, try.target, nil))
		if w.Code != try.code || try.code == 405 && w.Header().Get("Allow") != "GET, POST" {
			t.Errorf("%s %.30s = %d, want %d", try.method, try.target, w.Code, try.code)
		}
	}
	if len(s.records.all) != 0 {
		t.Errorf("%d records of what was no request", len(s.records.all))
	}
}

// TestStatuses: each bad request has the status that the protocol has for it, and none
// spends the OTP.
func TestStatuses(t *testing.T) {
	s := serve(t, nil)
	o := touch(t, 7, 3).Text()
	set := func(key, value string) func(fields) { return func(f fields) { f[key] = value } }
	without := func(key string) func(fields) { return func(f fields) { delete(f, key) } }
	for name, try := range map[string]struct {
		change func(fields)
		want   Status
		reason string
	}{
		"no id":               {without("id"), MissingParameter, "id is no number"},
		"an id of letters":    {set("id", "1a"), MissingParameter, "id is no number"},
		"a long id":           {set("id", strings.Repeat("1", 20)), MissingParameter, "id is no number"},
		"an unknown client":   {set("id", "99"), NoSuchClient, "not known"},
		"01 is not 1":         {set("id", "01"), NoSuchClient, "not known"},
		"a suspended client":  {set("id", "3"), OperationNotAllowed, "suspended"},
		"a client keyless":    {set("id", "4"), BackendError, "no API key"},
		"no nonce":            {without("nonce"), MissingParameter, "nonce"},
		"a short nonce":       {set("nonce", nonce[:15]), MissingParameter, "nonce"},
		"a long nonce":        {set("nonce", strings.Repeat("x", 41)), MissingParameter, "nonce"},
		"a nonce of signs":    {set("nonce", nonce+"-"), MissingParameter, "nonce"},
		"no otp":              {without("otp"), MissingParameter, "otp is missing"},
		"an empty otp":        {set("otp", ""), MissingParameter, "otp is missing"},
		"sl 101":              {set("sl", "101"), MissingParameter, "sl is"},
		"sl -1":               {set("sl", "-1"), MissingParameter, "sl is"},
		"sl of a word":        {set("sl", "safe"), MissingParameter, "sl is"},
		"sl 05":               {set("sl", "05"), MissingParameter, "sl is"},
		"timestamp 2":         {set("timestamp", "2"), MissingParameter, "timestamp"},
		"timeout of a word":   {set("timeout", "soon"), MissingParameter, "timeout"},
		"sl 101, timeout 8":   {func(f fields) { f["sl"], f["timeout"] = "101", "8" }, MissingParameter, "sl is"},
		"timeout -1":          {set("timeout", "-1"), MissingParameter, "timeout"},
		"an otp of digits":    {set("otp", strings.Repeat("1", 44)), BadOTP, "no Yubico OTP"},
		"an otp in capitals":  {set("otp", strings.ToUpper(o)), BadOTP, "no Yubico OTP"},
		"an otp with a space": {set("otp", o+" "), BadOTP, "no Yubico OTP"},
		"half an otp":         {set("otp", o[:20]), BadOTP, "no Yubico OTP"},
		"a changed otp":       {set("otp", o[:43]+"c"), BadOTP, "does not match"},
		"an unknown key":      {set("otp", "cccccccccccc"+o[12:]), BadOTP, "not known"},
		"a key without a id":  {set("otp", o[12:]), BadOTP, "not known"},
	} {
		f := question1(o)
		try.change(f)
		got := s.get(sign(t, f))
		s.want(got, try.want, try.want != NoSuchClient && f["id"] != "4" && !strings.Contains(try.reason, "id is"))
		r := s.records.last()
		if !strings.Contains(r.Reason, try.reason) || r.Accepted || r.Step != 0 {
			t.Errorf("%s: recorded %+v, want %q", name, r, try.reason)
		}
		if got["sl"] != "" {
			t.Errorf("%s: a refusal has a sync level", name)
		}
		if err := s.service.Ledger.Unlock(t.Context(), credential(t, public).ID()); err != nil {
			t.Fatal(err)
		}
	}
	s.want(s.get(sign(t, question1(o))), OK, true)
}

// TestWhatIsEchoed: what was understood is said again, and nothing else: an answer is
// lines, and a line could be anybody's.
func TestWhatIsEchoed(t *testing.T) {
	s := serve(t, nil)
	for _, evil := range []string{"x\r\nstatus=OK", "x\nh=1", "ok&status=OK", "\x00", "\xff", "x\x7f"} {
		for _, key := range []string{"otp", "nonce", "id", "sl", "foreign"} {
			f := fields{"id": "2", "otp": touch(t, 7, 3).Text(), "nonce": nonce}
			f[key] = evil
			got := s.get(encode(f))
			if got["status"] == "OK" || got[key] != "" {
				t.Errorf("%s=%q is answered with %d fields, %s", key, evil, len(got), got["status"])
			}
		}
	}
	got := s.get(sign(t, question1(touch(t, 7, 3).Text()[:40]+"!!!!")))
	if _, there := got["otp"]; there || got["nonce"] != nonce {
		t.Error("what is no OTP is repeated, or the nonce is not")
	}
	if _, there := s.get(sign(t, fields{"id": "1", "otp": touch(t, 7, 3).Text()}))["nonce"]; there {
		t.Error("a nonce that was not asked with is repeated")
	}
}

func TestParametersTwice(t *testing.T) {
	s := serve(t, nil)
	query := sign(t, question1(touch(t, 7, 3).Text()))
	for _, again := range []string{"id=1", "otp=x", "nonce=" + nonce, "h=x", "sl=1&sl=1", "foreign=1&foreign=2", "%zz", "a;b", "A=1", "=1", "a%3Db=1", strings.Repeat("x", 33) + "=1"} {
		s.want(s.get(query+"&"+again), MissingParameter, false)
	}
	var many strings.Builder
	for i := range mostFields {
		fmt.Fprintf(&many, "&f%d=1", i)
	}
	s.want(s.get(query+many.String()), MissingParameter, false)
	s.want(s.get(""), MissingParameter, false)
}

// TestSignatures: a request's has to be right where there is one, and to be there where
// the client's requests have to have one. All parameters are signed.
func TestSignatures(t *testing.T) {
	s := serve(t, nil)
	o := touch(t, 7, 3).Text()
	signed := question1(o)
	signed["h"] = signed.signature(apiKey(t, keyText))
	for name, change := range map[string]func(fields){
		"none":             func(f fields) { delete(f, "h") },
		"an empty one":     func(f fields) { f["h"] = "" },
		"another's":        func(f fields) { f["h"] = f.signature(apiKey(t, "MTIzNDU2Nzg5MDEyMzQ1Njc4OTE=")) },
		"without its =":    func(f fields) { f["h"] = strings.TrimSuffix(f["h"], "=") },
		"a changed one":    func(f fields) { f["h"] = "A" + f["h"][1:] },
		"one field more":   func(f fields) { f["timestamp"] = "1" },
		"a foreign one":    func(f fields) { f["foreign"] = "1" },
		"another nonce":    func(f fields) { f["nonce"] += "x" },
		"another otp":      func(f fields) { f["otp"] = touch(t, 9, 9).Text() },
		"of the next id":   func(f fields) { f["id"] = "2" },
		"wrong, suspended": func(f fields) { f["id"] = "3" },
		"in another order": func(f fields) { f["h"] = "otp=" + f["otp"] },
	} {
		f := maps.Clone(signed)
		change(f)
		t.Run(name, func(t *testing.T) {
			s := s
			s.T = t
			s.want(s.get(encode(f)), BadSignature, true)
		})
	}
	f := maps.Clone(signed)
	delete(f, "h")
	f["id"] = "2"
	s.want(s.get(encode(f)), OK, true)
	f = fields{"id": "1", "otp": touch(t, 7, 4).Text(), "nonce": nonce, "foreign": "x y=z"}
	s.want(s.get(sign(t, f)), OK, true)
}

func TestReplays(t *testing.T) {
	s := serve(t, nil)
	ask := func(use uint8, id, nonce string) fields {
		return s.get(sign(t, fields{"id": id, "otp": touch(t, 7, use).Text(), "nonce": nonce}))
	}
	s.want(ask(3, "1", nonce), OK, true)
	s.want(ask(3, "1", nonce), ReplayedRequest, true)
	s.want(ask(3, "1", nonce+"x"), ReplayedOTP, true)
	s.want(ask(3, "2", nonce), ReplayedOTP, true)
	s.want(ask(2, "1", nonce), ReplayedOTP, true)
	s.want(ask(4, "1", nonce), OK, true)
	s.want(ask(3, "1", nonce), ReplayedOTP, true)
}

// TestLockOut: twenty wrong OTPs lock the key, and the answers do not tell.
func TestLockOut(t *testing.T) {
	now := start
	s := serve(t, func(service *Service) { service.Now = func() time.Time { return now } })
	wrong := public + strings.Repeat("c", 32)
	for range 25 {
		s.want(s.get(sign(t, question1(wrong))), BadOTP, true)
		now = now.Add(2 * time.Hour)
	}
	if r := s.records.last(); !strings.Contains(r.Reason, "locked") {
		t.Errorf("recorded %q, want that it is locked", r.Reason)
	}
	s.want(s.get(sign(t, question1(touch(t, 7, 3).Text()))), BadOTP, true)
	if err := s.service.Ledger.Unlock(t.Context(), credential(t, public).ID()); err != nil {
		t.Fatal(err)
	}
	s.want(s.get(sign(t, question1(touch(t, 7, 3).Text()))), OK, true)
}

// TestHeldBackIsBad: within a session an OTP that comes too late is refused, and the
// record says why.
func TestHeldBackIsBad(t *testing.T) {
	now := start
	s := serve(t, func(service *Service) { service.Now = func() time.Time { return now } })
	s.want(s.get(sign(t, question1(touch(t, 7, 3).Text()))), OK, true)
	now = now.Add(time.Hour)
	s.want(s.get(sign(t, question1(touch(t, 7, 4).Text()))), BadOTP, true)
	if r := s.records.last(); !strings.Contains(r.Reason, "held an OTP back") {
		t.Errorf("recorded %q", r.Reason)
	}
	s.want(s.get(sign(t, question1(touch(t, 8, 0).Text()))), OK, true)
}

// TestUnknownKeysCostTheSame: a key that is not there is asked of the ledger as often as
// one whose OTP is wrong, and so is one that is locked or has to wait.
func TestUnknownKeysCostTheSame(t *testing.T) {
	s := serve(t, nil)
	writes := func(o string) (n int) {
		before := maps.Clone(s.store.Rows)
		s.want(s.get(sign(t, question1(o))), BadOTP, true)
		for key, row := range s.store.Rows {
			if string(before[key]) != string(row) {
				n++
			}
		}
		return n
	}
	block := strings.Repeat("c", 32)
	for i := range 30 {
		if n := writes("cccccccccccc" + block); n != 1 {
			t.Errorf("unknown key, time %d: %d writes, want 1", i, n)
		}
		if n := writes(public + block); n != 1 {
			t.Errorf("wrong OTP %d: %d writes, want 1", i, n)
		}
	}
	if len(s.store.Rows) != 2 {
		t.Errorf("the ledger has %d rows, want the key's and one for all that are not there", len(s.store.Rows))
	}
}

func TestOneOfMany(t *testing.T) {
	s := serve(t, nil)
	o := touch(t, 7, 3).Text()
	var all sync.WaitGroup
	var mutex sync.Mutex
	got := map[string]int{}
	for i := range 64 {
		query := sign(t, fields{"id": "1", "otp": o, "nonce": fmt.Sprintf("%016d", i/2)})
		all.Go(func() {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path+"?"+query, nil))
			f, err := parseAnswer(w.Body.Bytes())
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				t.Error(err)
			}
			got[f["status"]]++
		})
	}
	all.Wait()
	if got["OK"] != 1 || got["OK"]+got["REPLAYED_OTP"]+got["REPLAYED_REQUEST"]+got["BAD_OTP"] != 64 {
		t.Errorf("64 at once: %v, want one OK", got)
	}
}

// TestTwoServersOfOneLedger are one server.
func TestTwoServersOfOneLedger(t *testing.T) {
	a := serve(t, nil)
	b := serve(t, func(s *Service) { s.Ledger.Store = a.store })
	query := sign(t, question1(touch(t, 7, 3).Text()))
	a.want(a.get(query), OK, true)
	b.want(b.get(query), ReplayedRequest, true)
	b.want(b.get(sign(t, question1(touch(t, 7, 4).Text()))), OK, true)
	a.want(a.get(sign(t, fields{"id": "1", "otp": touch(t, 7, 4).Text(), "nonce": nonce + "x"})), ReplayedOTP, true)
}

// TestNothingIsAcceptedUnrecorded: no record, no OK, and the OTP is spent all the same.
func TestNothingIsAcceptedUnrecorded(t *testing.T) {
	s := serve(t, nil)
	s.records.fail = errors.New("disk full")
	s.want(s.get(sign(t, question1(touch(t, 7, 3).Text()))), BackendError, true)
	s.records.fail = nil
	s.want(s.get(sign(t, question1(touch(t, 7, 3).Text()))), ReplayedRequest, true)
}

type failing struct{ err error }

func (f failing) Caller(context.Context, string) (Caller, error)      { return Caller{}, f.err }
func (f failing) Key(context.Context, string) (otp.Credential, error) { return otp.Credential{}, f.err }

func TestFaults(t *testing.T) {
	broken := errors.New("broken")
	o := touch(t, 7, 3).Text()
	for name, try := range map[string]struct {
		change func(*Service)
		want   Status
		signed bool
	}{
		"clients":           {func(s *Service) { s.Callers = failing{broken} }, BackendError, false},
		"keys":              {func(s *Service) { s.Keys = failing{broken} }, BackendError, true},
		"keys, late":        {func(s *Service) { s.Keys = failing{context.DeadlineExceeded} }, NotEnoughAnswers, true},
		"another key":       {func(s *Service) { s.Keys = FixedKeys{public: credential(t, "cccccccccccc")} }, BackendError, true},
		"no credential":     {func(s *Service) { s.Keys = FixedKeys{public: {}} }, BackendError, true},
		"the ledger":        {func(s *Service) { s.Ledger.Store = &ledgertest.Memory{Fail: func(string) error { return broken }} }, BackendError, true},
		"the ledger, late":  {func(s *Service) { s.Ledger.Store = late{} }, NotEnoughAnswers, true},
		"a restored ledger": {func(s *Service) { s.Ledger.Floor = start }, BadOTP, true},
		"the decoy, late":   {func(s *Service) { s.Ledger.Store, s.Keys = late{}, FixedKeys{} }, NotEnoughAnswers, true},
		"the decoy, broken": {func(s *Service) {
			s.Ledger.Store, s.Keys = &ledgertest.Memory{Fail: func(string) error { return broken }}, FixedKeys{}
		}, BackendError, true},
		"it is no fault":     {func(*Service) {}, OK, true},
		"a short time named": {func(s *Service) { s.Timeout = time.Hour }, OK, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, try.change)
			s.want(s.get(sign(t, fields{"id": "1", "otp": o, "nonce": nonce, "timeout": "1"})), try.want, try.signed)
		})
	}
}

// late is a store that waits for its deadline.
type late struct{}

func (late) Update(ctx context.Context, _ string, _ func([]byte) ([]byte, error)) error {
	if deadline, there := ctx.Deadline(); !there || time.Until(deadline) > time.Second {
		return errors.New("no deadline, or not the one that the request named")
	}
	return fmt.Errorf("update: %w", context.DeadlineExceeded)
}

func TestLongestTime(t *testing.T) {
	s := serve(t, func(s *Service) { s.Timeout = 3 * time.Second })
	for text, want := range map[string]time.Duration{"": 3 * time.Second, "0": 3 * time.Second, "1": time.Second, "3": 3 * time.Second, "4": 3 * time.Second, "65535": 3 * time.Second} {
		q, err := s.service.understand(fields{"otp": "x", "nonce": nonce, "timeout": text})
		if err != nil || q.timeout != want {
			t.Errorf("timeout=%s is %v, %v, want %v", text, q.timeout, err, want)
		}
	}
}

func TestCapsLockOption(t *testing.T) {
	s := serve(t, func(s *Service) { s.Keyboard.Capitals = true })
	typed := strings.ToUpper(touch(t, 7, 3).Text())
	f := s.get(sign(t, question1(typed)))
	s.want(f, OK, true)
	if f["otp"] != typed {
		t.Error("the answer does not say the OTP as it was asked: the client would not believe it")
	}
	if r := s.records.last(); r.PublicID != public {
		t.Errorf("recorded %+v", r)
	}
}

// TestRecordsHoldNoOTP: of whatever is asked.
func TestRecordsHoldNoOTP(t *testing.T) {
	s := serve(t, nil)
	o := touch(t, 7, 3).Text()
	for _, f := range []fields{question1(o), question1(o), question1(o + "!"), {"id": "1", "otp": o}, {"id": o, "otp": o}, {"id": "9", "otp": o}, {"id": "1", "otp": o, "nonce": o}} {
		s.get(encode(f))
		s.get(sign(t, f))
	}
	if text := fmt.Sprintf("%+v", s.records.all); strings.Contains(text, o[12:]) || strings.Contains(text, keyText) || len(s.records.all) != 14 {
		t.Errorf("%d records, or one of them shows an OTP or a key", len(s.records.all))
	}
}

func TestNewServerRefuses(t *testing.T) {
	good := Service{Callers: FixedCallers{}, Keys: FixedKeys{}, Auditor: &records{}, Ledger: ledger.Verifier{Store: &ledgertest.Memory{}}}
	if _, err := NewServer(good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Service){
		"needs clients": func(s *Service) { s.Callers = nil }, "keys": func(s *Service) { s.Keys = nil }, "auditor": func(s *Service) { s.Auditor = nil },
		"store": func(s *Service) { s.Ledger.Store = nil }, "negative": func(s *Service) { s.Timeout = -1 },
	} {
		bad := good
		change(&bad)
		if s, err := NewServer(bad); err == nil || s != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewServer = %v, want an error: %s", err, want)
		}
	}
}

func TestFixedKeysRefuses(t *testing.T) {
	for want, all := range map[string][]otp.Credential{"two keys have the public id " + public: {credential(t, public), credential(t, public)}, "has no public id": {credential(t, public), credential(t, "")}, "public id": {{}}} {
		if _, err := NewFixedKeys(all...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewFixedKeys = %v, want an error: %s", err, want)
		}
	}
}
