package fakeaws

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// request is what a call asks, whatever the protocol.
type request struct {
	service string // iam, sts, organizations, s3, cloudtrail, account
	region  string // that the signature names
	action  string // without the service
	host    string
	path    string         // an object's key or a listing's prefix
	form    url.Values     // query protocol
	body    map[string]any // JSON protocol
	by      *session
	account *Account
}

// refusal is an error as AWS sends it.
type refusal struct {
	status  int
	code    string
	message string
	off     bool
}

func refuse(status int, code, format string, args ...any) *refusal {
	return &refusal{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// session is what an access key id stands for. Expires is zero for those that
// nobody issued.
type session struct {
	account  string
	arn      string
	userID   string
	root     bool // of AssumeRoot
	expires  time.Time
	expired  bool
	user     *User // whose key it is, or for whom GetSessionToken issued it
	rootUser *Root
	mfa      bool
	token    bool // of GetSessionToken
	role     bool // of AssumeRole
}

// owner is who may have devices: a *User, a *Root, or nil for everybody else.
func (s *session) owner() any {
	switch {
	case s.user != nil:
		return s.user
	case s.rootUser != nil:
		return s.rootUser
	}
	return nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat)) // AWS's clock
	req, call, no := s.read(r)
	s.enter(&call)
	defer s.leave()
	if s.Before != nil {
		s.Before(call)
	}
	if s.Latency > 0 {
		wait(r, s.Latency)
	}
	if req.service == "s3" {
		s.serveS3(w, r, call, no)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var answer string
	if no == nil {
		no = s.fault(call)
	}
	if no == nil {
		answer, no = s.answer(req)
	}
	write(w, req, answer, no)
}

// wait is cut short when the caller gives up.
func wait(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

func (s *Server) enter(c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	s.counts[c.Action]++
	c.N = s.counts[c.Action]
	s.calls = append(s.calls, *c)
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
}

// read takes a request apart and finds whose it is.
func (s *Server) read(r *http.Request) (*request, Call, *refusal) {
	req := &request{host: r.Host}
	body, err := drain(r)
	if err != nil {
		return req, Call{}, refuse(http.StatusBadRequest, "MalformedInput", "%v", err)
	}
	key := req.credential(r.Header.Get("Authorization"))
	if req.service == "s3" || req.service == "account" {
		req.rest(r, body)
		return s.identify(req, key)
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, req.action, _ = strings.Cut(target, ".")
		err = json.Unmarshal(body, &req.body)
	} else {
		req.form, err = url.ParseQuery(string(body))
		req.action = req.form.Get("Action")
	}
	if err != nil {
		return req, Call{}, refuse(http.StatusBadRequest, "MalformedInput", "%v", err)
	}
	return s.identify(req, key)
}

// credential reads the access key id and the service out of a signature of
// version 4: Credential=KEY/DATE/REGION/SERVICE/aws4_request.
func (q *request) credential(authorization string) string {
	_, rest, _ := strings.Cut(authorization, "Credential=")
	scope, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(strings.TrimSpace(scope), "/")
	if len(parts) < 5 {
		return ""
	}
	q.region, q.service = parts[2], parts[3]
	return parts[0]
}

func (s *Server) identify(req *request, key string) (*request, Call, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := Call{Action: req.service + ":" + req.action, User: req.form.Get("UserName"), Region: req.region, Key: req.key()}
	by := s.caller(key)
	switch {
	case key == "":
		return req, call, refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case by == nil || s.accounts[by.account] == nil:
		return req, call, refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	}
	req.by, req.account = by, s.accounts[by.account]
	call.Account, call.Root = by.account, by.root
	if by.expired || !by.expires.IsZero() && !s.Now().Before(by.expires) {
		return req, call, refuse(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired")
	}
	return req, call, nil
}

// caller is whose key it is.
func (s *Server) caller(key string) *session {
	if by := s.sessions[key]; by != nil {
		return by
	}
	is := func(k Key) bool { return k.ID == key && !k.Inactive }
	for _, a := range s.accounts {
		if slices.ContainsFunc(a.Root.Keys, is) {
			return &session{account: a.ID, arn: a.arn("root"), userID: a.ID, rootUser: &a.Root}
		}
		for _, u := range a.Users {
			if slices.ContainsFunc(u.Keys, is) {
				return &session{account: a.ID, arn: a.ARN(u), userID: u.ID, user: u}
			}
		}
	}
	return nil
}

// answer finds who answers an action; it is called with the lock held.
func (s *Server) answer(q *request) (string, *refusal) {
	if q.by.root && !slices.Contains(auditTask, q.action) {
		return "", refuse(http.StatusForbidden, "AccessDenied", "User: %s is not authorized to perform: %s:%s with an explicit deny in a session policy", q.by.arn, q.service, q.action)
	}
	switch q.service {
	case "iam":
		return s.iam(q)
	case "sts":
		return s.sts(q)
	case "organizations":
		return s.organizations(q)
	case "cloudtrail":
		return s.cloudTrail(q)
	case "account":
		return s.listRegions(q)
	}
	return "", refuse(http.StatusBadRequest, "InvalidAction", "%s has no stand-in", q.service)
}

func write(w http.ResponseWriter, q *request, answer string, no *refusal) {
	switch {
	case q.service == "organizations" || q.service == "cloudtrail" || q.service == "account":
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		writeJSON(w, answer, no)
	case no != nil:
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(no.status)
		fmt.Fprint(w, no.xml(q.service))
	default:
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprintf(w, "<%sResponse xmlns=%q>%s<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", q.action, namespaces[q.service], answer, requestID, q.action)
	}
}

const requestID = "00000000-0000-4000-8000-000000000000"

var namespaces = map[string]string{"iam": "https://iam.amazonaws.com/doc/2010-05-08/", "sts": "https://sts.amazonaws.com/doc/2011-06-15/"}

func (r *refusal) xml(service string) string {
	body := element("Type", "Sender") + element("Code", r.code) + element("Message", r.message)
	if r.off {
		return "<Response><Errors>" + wrap("Error", body) + "</Errors></Response>"
	}
	return fmt.Sprintf("<ErrorResponse xmlns=%q>%s%s</ErrorResponse>", namespaces[service], wrap("Error", body), element("RequestId", requestID))
}

func writeJSON(w http.ResponseWriter, answer string, no *refusal) {
	if no == nil {
		fmt.Fprint(w, answer)
		return
	}
	w.WriteHeader(no.status)
	json.NewEncoder(w).Encode(map[string]string{"__type": no.code, "Message": no.message})
}

func element(name, text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text))
	return wrap(name, b.String())
}

func wrap(name, inner string) string { return "<" + name + ">" + inner + "</" + name + ">" }

// optional is an element that is left out when it is empty.
func optional(name, text string) string {
	if text == "" {
		return ""
	}
	return element(name, text)
}

func date(name string, t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return element(name, t.UTC().Format(time.RFC3339))
}

// list writes members of a list.
func list[T any](name string, items []T, member func(T) string) string {
	var b strings.Builder
	for _, item := range items {
		b.WriteString(wrap("member", member(item)))
	}
	return wrap(name, b.String())
}

// document is a policy as IAM sends it: URL-encoded after RFC 3986 (IAM API
// reference, GetAccountAuthorizationDetails).
func document(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}
