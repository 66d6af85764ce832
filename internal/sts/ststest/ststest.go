// Package ststest stands in for the one question of STS that needs no permission,
// GetCallerIdentity, in tests of who signed. Unlike other stand-ins it checks signatures,
// by AWS's description of version 4 and with no code of what it tests; the time of
// them; and that the call is for the host of the Region that was signed.
package ststest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Key is an access key and whose it is.
type Key struct{ Secret, Token, ARN string }

// Server answers for the keys that it is told of.
type Server struct {
	Now func() time.Time
	// Fault, where it is there, may answer in the server's place.
	Fault func(w http.ResponseWriter, r *http.Request) (answered bool)

	mutex sync.Mutex
	keys  map[string]Key
	asked int
}

// Know tells the server of a key.
func (s *Server) Know(id string, k Key) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.keys == nil {
		s.keys = map[string]Key{}
	}
	s.keys[id] = k
}

// Asked is how often it was asked.
func (s *Server) Asked() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.asked
}

// RoundTrip answers without a socket, whatever host is asked.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Host == "" {
		in.Host = in.URL.Host
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	s.asked++
	s.mutex.Unlock()
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	if s.Fault != nil && s.Fault(w, r) {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil {
		return
	}
	k, code := s.signer(r, body)
	w.Header().Set("Content-Type", "text/xml")
	switch {
	case code != "":
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>private to %s</Message></Error><RequestId>r</RequestId></ErrorResponse>`, code, r.Header.Get("X-Amz-Security-Token"))
	case string(body) != "Action=GetCallerIdentity&Version=2011-06-15":
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>InvalidAction</Code></Error></ErrorResponse>`)
	default:
		fmt.Fprint(w, Answer(k.ARN))
	}
}

// Answer is what STS says of an ARN (STS API reference, GetCallerIdentity).
func Answer(arn string) string {
	account := ""
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		account = parts[4]
	}
	return fmt.Sprintf(`<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult><Arn>%s</Arn><UserId>AIDAEXAMPLE</UserId><Account>%s</Account></GetCallerIdentityResult>
  <ResponseMetadata><RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>
`, arn, account)
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/sts/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$`)

// slack is how far a signature's time may be from AWS's: this server is as patient as
// AWS has been seen to be.
const slack = 15 * time.Minute

// signer is whose call it is, or AWS's word for why it is nobody's.
func (s *Server) signer(r *http.Request, body []byte) (Key, string) {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return Key{}, "IncompleteSignature"
	}
	id, day, region, names, signature := m[1], m[2], m[3], strings.Split(m[4], ";"), m[5]
	s.mutex.Lock()
	k, known := s.keys[id]
	s.mutex.Unlock()
	at := r.Header.Get("X-Amz-Date")
	signed, err := time.Parse("20060102T150405Z", at)
	switch {
	case !known || k.Token != r.Header.Get("X-Amz-Security-Token"):
		return Key{}, "InvalidClientTokenId"
	case err != nil || !strings.HasPrefix(at, day) || s.Now().Sub(signed).Abs() > slack || r.Host != "sts."+region+".amazonaws.com" || !whole(r, names):
		return Key{}, "SignatureDoesNotMatch"
	}
	scope := day + "/" + region + "/sts/aws4_request"
	key := []byte("AWS4" + k.Secret)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	if want := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+digest(canonical(r, names, body)))); want != signature {
		return Key{}, "SignatureDoesNotMatch"
	}
	return k, ""
}

// whole tells whether the host and everything of AWS's was signed.
func whole(r *http.Request, names []string) bool {
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(names, name) {
			return false
		}
	}
	return slices.Contains(names, "host") && slices.IsSorted(names)
}

// canonical is a request as version 4 signs it (IAM user guide, create a signed AWS API
// request).
func canonical(r *http.Request, names []string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s\n%s\n", r.Method, r.URL.EscapedPath(), r.URL.RawQuery)
	for _, name := range names {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = fmt.Sprint(r.ContentLength)
		}
		fmt.Fprintf(&b, "%s:%s\n", name, strings.TrimSpace(value))
	}
	fmt.Fprintf(&b, "\n%s\n%s", strings.Join(names, ";"), digest(body))
	return b.Bytes()
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(text))
	return h.Sum(nil)
}
