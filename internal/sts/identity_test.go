package sts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"mfawatch/internal/sts"
	"mfawatch/internal/sts/ststest"
)

const ada = "arn:aws:iam::111122223333:user/door/ada"

var (
	at    = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	with  = map[string]string{"X-Mfawatch-Command": strings.Repeat("ab", 32), "X-Mfawatch-Door": "main"}
	mine  = aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "hunter2", SessionToken: "token3+/="}
	plain = aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "hunter4"}
)

func stand() *ststest.Server {
	s := &ststest.Server{Now: func() time.Time { return at }}
	s.Know(mine.AccessKeyID, ststest.Key{Secret: mine.SecretAccessKey, Token: mine.SessionToken, ARN: ada})
	s.Know(plain.AccessKeyID, ststest.Key{Secret: plain.SecretAccessKey, ARN: "arn:aws:iam::111122223333:user/bob"})
	return s
}

func asks(s http.RoundTripper) sts.Identities {
	return sts.NewIdentities(aws.Config{Region: "eu-north-1"}, s, time.Second)
}

func sign(t *testing.T, c aws.Credentials, region string) sts.Signed {
	t.Helper()
	s, err := sts.Sign(t.Context(), c, region, with, at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhoSigned(t *testing.T) {
	for want, c := range map[string]aws.Credentials{ada: mine, "arn:aws:iam::111122223333:user/bob": plain} {
		who, err := asks(stand()).Of(t.Context(), sign(t, c, "eu-north-1"), with)
		if err != nil || who.ARN != want || !who.Now.Equal(at) {
			t.Errorf("%+v, %v, want %s at %s", who, err, want, at)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", sign(t, mine, "eu-north-1"), sign(t, mine, "eu-north-1"), sign(t, mine, "eu-north-1"), sign(t, mine, "eu-north-1")); strings.Contains(text, "token3") {
		t.Error("what is signed is printed")
	}
}

// TestNobodySigned: whatever is changed of what was signed, nobody signed it.
func TestNobodySigned(t *testing.T) {
	good := sign(t, mine, "eu-north-1")
	change := func(f func(*sts.Signed)) sts.Signed { s := good; f(&s); return s }
	other := func(name, value string) map[string]string {
		m := map[string]string{}
		for k, v := range with {
			m[k] = v
		}
		m[name] = value
		return m
	}
	for name, c := range map[string]struct {
		s    sts.Signed
		with map[string]string
		code string
	}{
		"another command":      {good, other("X-Mfawatch-Command", strings.Repeat("ac", 32)), "SignatureDoesNotMatch"},
		"another door":         {good, other("X-Mfawatch-Door", "spare"), "SignatureDoesNotMatch"},
		"a header more":        {good, other("X-Mfawatch-More", "x"), "SignatureDoesNotMatch"},
		"no headers":           {good, nil, "SignatureDoesNotMatch"},
		"another's key":        {change(func(s *sts.Signed) { s.Key = plain.AccessKeyID }), with, "InvalidClientTokenId"},
		"an unknown key":       {change(func(s *sts.Signed) { s.Key = "AKIANOBODY" }), with, "InvalidClientTokenId"},
		"another time":         {change(func(s *sts.Signed) { s.At = "20261120T030001Z" }), with, "SignatureDoesNotMatch"},
		"another day":          {change(func(s *sts.Signed) { s.At = "20261121T030000Z" }), with, "SignatureDoesNotMatch"},
		"another signature":    {change(func(s *sts.Signed) { s.Signature = strings.Repeat("0", 64) }), with, "SignatureDoesNotMatch"},
		"no token":             {change(func(s *sts.Signed) { s.Token = "" }), with, "InvalidClientTokenId"},
		"another Region's STS": {sign(t, mine, "us-east-1"), with, "SignatureDoesNotMatch"},
		// What is more than a key's id, a time or a signature changes nothing else.
		"a host in the key":        {change(func(s *sts.Signed) { s.Key += "/20261120/us-east-1/sts/aws4_request, SignedHeaders=host" }), with, "IncompleteSignature"},
		"headers in the signature": {change(func(s *sts.Signed) { s.Signature += ", SignedHeaders=host" }), with, "IncompleteSignature"},
	} {
		_, err := asks(stand()).Of(t.Context(), c.s, c.with)
		if no := (*sts.Unproved)(nil); !errors.As(err, &no) || no.Code != c.code || strings.Contains(err.Error(), "token3") || strings.Contains(err.Error(), "private") {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// TestNobodySays: what is no answer of AWS's says nothing about who signed, not that
// nobody did, and where it came from is not gone on to.
func TestNobodySays(t *testing.T) {
	whole := ststest.Answer(ada)
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"a fault":              {500, whole},
		"throttled":            {400, `<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>`},
		"too many":             {429, ``},
		"a redirection":        {307, whole},
		"nothing":              {200, ``},
		"no XML":               {200, `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Arn":"` + ada + `"}}}`},
		"another action":       {200, strings.ReplaceAll(whole, "GetCallerIdentity", "GetAccessKeyInfo")},
		"of no namespace":      {200, strings.Replace(whole, ` xmlns="https://sts.amazonaws.com/doc/2011-06-15/"`, "", 1)},
		"within something":     {200, "<x>" + whole + "</x>"},
		"two answers":          {200, whole + whole},
		"something behind it":  {200, whole + "x"},
		"two results":          {200, strings.Replace(whole, "<ResponseMetadata>", "<GetCallerIdentityResult><Arn>"+ada+"</Arn><Account>111122223333</Account></GetCallerIdentityResult><ResponseMetadata>", 1)},
		"two ARNs":             {200, strings.Replace(whole, "<UserId>", "<Arn>"+ada+"</Arn><UserId>", 1)},
		"another account":      {200, strings.Replace(whole, "<Account>1", "<Account>2", 1)},
		"no account":           {200, strings.Replace(whole, "<Account>111122223333</Account>", "", 1)},
		"an ARN of something":  {200, ststest.Answer("arn:aws:s3::111122223333:user/ada")},
		"a long ARN":           {200, ststest.Answer("arn:aws:iam::111122223333:user/" + strings.Repeat("a", 2048))},
		"an ARN and more":      {200, ststest.Answer(ada + " x")},
		"an ARN with a line":   {200, ststest.Answer("arn:aws:iam::111122223333:user/a\nda")},
		"too long":             {200, strings.Replace(whole, "<Arn>", strings.Repeat(" ", 1<<17)+"<Arn>", 1)},
		"a comment in the ARN": {200, strings.Replace(whole, "<Arn>", "<Arn><Arn>", 1)},
	} {
		s := stand()
		s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Location", "https://192.0.2.1/")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
			return true
		}
		who, err := asks(s).Of(t.Context(), sign(t, mine, "eu-north-1"), with)
		if no := (*sts.Unproved)(nil); err == nil || errors.As(err, &no) || who.ARN != "" || strings.Contains(err.Error(), "token3") {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if s.Asked() != 2 {
			t.Errorf("%s: asked %d times, want 2", name, s.Asked())
		}
	}
}

// TestOnceMore: one answer that is lost is made up for.
func TestOnceMore(t *testing.T) {
	s := stand()
	s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
		if s.Asked() > 1 {
			return false
		}
		w.WriteHeader(503)
		return true
	}
	if who, err := asks(s).Of(t.Context(), sign(t, mine, "eu-north-1"), with); err != nil || who.ARN != ada {
		t.Errorf("%+v, %v", who, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s = stand()
	if _, err := asks(s).Of(ctx, sign(t, mine, "eu-north-1"), with); err == nil || s.Asked() != 0 {
		t.Errorf("%v after %d calls", err, s.Asked())
	}
}

// TestTheHostIsAWSs: an endpoint is where the connection goes, and not what is signed;
// the Region's own partition says the name.
func TestTheHostIsAWSs(t *testing.T) {
	s, hosts := stand(), ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts += r.Host + " "
		s.ServeHTTP(w, r)
	}))
	defer srv.Close()
	i := sts.NewIdentities(aws.Config{Region: "eu-north-1", BaseEndpoint: aws.String(srv.URL + "/path?a=b")}, http.DefaultTransport, time.Second)
	if who, err := i.Of(t.Context(), sign(t, mine, "eu-north-1"), with); err != nil || who.ARN != ada || hosts != "sts.eu-north-1.amazonaws.com " {
		t.Errorf("%+v, %v, hosts %s", who, err, hosts)
	}
	for region, want := range map[string]string{"cn-north-1": "sts.cn-north-1.amazonaws.com.cn", "us-east-1": "sts.us-east-1.amazonaws.com", "us-gov-west-1": "sts.us-gov-west-1.amazonaws.com"} {
		got := ""
		i := sts.NewIdentities(aws.Config{Region: region}, seen(func(r *http.Request) { got = r.URL.Scheme + " " + r.URL.Host + r.URL.Path }), time.Second)
		if _, err := i.Of(t.Context(), sign(t, mine, region), with); err == nil || got != "https "+want+"/" {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
	for _, bad := range []string{"", "a b", "x/y", "evil.example/#"} {
		if _, err := sts.Sign(t.Context(), mine, bad, with, at); err == nil || !strings.Contains(err.Error(), "there is no STS") {
			t.Errorf("Region %q: %v", bad, err)
		}
	}
}

type seen func(*http.Request)

func (f seen) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return nil, errors.New("no network")
}

// FuzzIdentity: whatever AWS answers, there is the ARN of somebody who can call, or an
// error that shows nothing of it.
func FuzzIdentity(f *testing.F) {
	for _, status := range []int{200, 403, 500} {
		f.Add(status, []byte(ststest.Answer(ada)))
		f.Add(status, []byte(`<ErrorResponse><Error><Code>Throttling</Code><Message>private</Message></Error></ErrorResponse>`))
		f.Add(status, []byte(`<!DOCTYPE x [<!ENTITY y "private">]>`+ststest.Answer("arn:aws:iam::111122223333:user/&y;")))
	}
	s, err := sts.Sign(f.Context(), mine, "eu-north-1", with, at)
	if err != nil {
		f.Fatal(err)
	}
	somebody := regexp.MustCompile(`^arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(root|(user|assumed-role|federated-user)/[!-~]+)$`)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		fake := stand()
		fake.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			_, _ = w.Write(body)
			return true
		}
		who, err := asks(fake).Of(t.Context(), s, with)
		switch {
		case err == nil && (status != 200 || !somebody.MatchString(who.ARN)):
			t.Errorf("HTTP %d is %q", status, who.ARN)
		case err != nil && (who.ARN != "" || strings.Contains(err.Error(), "private")):
			t.Errorf("%v, and %q", err, who.ARN)
		}
	})
}
