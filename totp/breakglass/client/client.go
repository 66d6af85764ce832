// Package client asks the emergency door's function, for a person at a terminal: it
// proves to the door who sends each command, signs it as AWS wants it, sends it to the
// function's URL, and opens what comes back with the identity that was made for the
// request.
//
// It promises to send a command once: what holds a code is nobody's to repeat; that the
// identity is on the disk, sealed, before the door hears of its recipient, and stays until
// the credentials were opened; and that no error shows a code, a key or a whole answer.
// It sends to https only, and over plain http to this machine itself.
//
// It decides nothing: who may come in is the door's to say.
package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"mfawatch/internal/awserr"
	"mfawatch/internal/sts"
	"mfawatch/totp/breakglass/wire"
)

// Door is the function behind its URL.
type Door struct {
	URL         string
	Name        string // in the door's rules: what proves to be of somebody is for this door alone
	Region      string // that the signature names; RegionOf tells it of AWS's own URLs
	Credentials aws.CredentialsProvider
	HTTP        *http.Client
	Now         func() time.Time
}

// ErrUnreachable is a door that did not answer. Where a command with a code was sent,
// nobody knows what became of it.
var ErrUnreachable = errors.New("the door does not answer")

// Refused is the door's no.
type Refused struct{ wire.Refused }

func (r *Refused) Error() string { return r.Text }

// Failed is a door that could not.
type Failed struct{ wire.Failed }

func (f *Failed) Error() string { return fmt.Sprintf("%s (%s)", f.Text, f.Reason) }

// NotLetIn is AWS's answer in the place of the door's.
type NotLetIn struct {
	Status int
	Off    time.Duration // by how much this machine's clock is ahead of AWS's
}

// IsNoDoor tells that neither the door nor AWS before it has said no.
func (n *NotLetIn) IsNoDoor() bool {
	return !n.isLate() && n.Status != http.StatusForbidden && n.Status != http.StatusTooManyRequests
}

func (n *NotLetIn) isLate() bool { return n.Off.Abs() > 4*time.Minute }

func (n *NotLetIn) Error() string {
	switch {
	case n.isLate():
		return fmt.Sprintf("AWS refused the signature (HTTP %d), and this machine's clock is off by %v: set it right", n.Status, n.Off.Round(time.Second))
	case n.Status == http.StatusForbidden:
		return "AWS did not let the call through to the door (HTTP 403): the caller has to be one of the door's own IAM users, in a session with MFA (--key KEY), and the URL the door's"
	case n.Status == http.StatusTooManyRequests:
		return "AWS takes no more calls of the door now (HTTP 429): try again in a moment"
	}
	return fmt.Sprintf("what answers is not the door (HTTP %d): look at the URL; if it is right, the function does not run: if a code was sent, whether it was used is not known: the same line again within the minute, or offline: mfawatch breakglass use --offline --why \"the door is down\"", n.Status)
}

var urlHost = regexp.MustCompile(`^[a-z0-9]+\.lambda-url\.([a-z]{2}(?:-[a-z]+)+-[0-9])\.on\.aws$`)

// RegionOf is the Region in a function's URL, empty where it has none.
func RegionOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	if m := urlHost.FindStringSubmatch(u.Hostname()); m != nil {
		return m[1]
	}
	return ""
}

// CheckURL refuses what a code must not be sent to.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return errors.New("the door's URL is not one: write https://ID.lambda-url.REGION.on.aws/")
	}
	local := u.Hostname() == "localhost" || net.ParseIP(u.Hostname()).IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return fmt.Errorf("the door's URL begins with %s: a code goes over https only", u.Scheme)
	}
	return nil
}

const mostAnswer = 6 << 20 // what a function may answer (Lambda quotas)

// Do sends a command.
func (d Door) Do(ctx context.Context, c wire.Command) (wire.Answer, error) {
	if err := errors.Join(CheckURL(d.URL), c.Check()); err != nil {
		return wire.Answer{}, err
	}
	who, err := d.Credentials.Retrieve(ctx)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("find credentials to call the door with: %s", awserr.Cause(err))
	}
	call, err := d.proved(ctx, who, c)
	if err != nil {
		return wire.Answer{}, err
	}
	defer clear(call.Command)
	body := call.JSON()
	defer clear(body)
	r, err := d.signed(ctx, who, body)
	if err != nil {
		return wire.Answer{}, err
	}
	answer, err := d.once().Do(r)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("%w (%s)", ErrUnreachable, awserr.Cause(err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	if err != nil {
		return wire.Answer{}, fmt.Errorf("%w to its end (%s)", ErrUnreachable, awserr.Cause(err))
	}
	defer clear(text)
	return d.read(answer, text)
}

// once is an HTTP client that follows no other address: what is sent has a code in it.
func (d Door) once() *http.Client {
	h := http.Client{Timeout: 30 * time.Second}
	if d.HTTP != nil {
		h = *d.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// proved is a command with the proof of who sends it.
func (d Door) proved(ctx context.Context, who aws.Credentials, c wire.Command) (wire.Call, error) {
	call := c.Call()
	call.Proof.Door = d.Name
	p, err := sts.Sign(ctx, who, d.Region, call.Signed(), d.Now())
	call.Proof = wire.Proof{Door: d.Name, Key: p.Key, At: p.At, Token: p.Token, Signature: p.Signature}
	if err == nil {
		err = call.Proof.Check()
	}
	if err != nil {
		return wire.Call{}, fmt.Errorf("prove to the door who calls: %w", err)
	}
	return call, nil
}

func (d Door) signed(ctx context.Context, who aws.Credentials, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the door's URL is not one")
	}
	r.Header.Set("Content-Type", "application/json")
	r.GetBody = nil // a connection that breaks is not tried again
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, r, hex.EncodeToString(sum[:]), "lambda", d.Region, d.Now()); err != nil {
		return nil, fmt.Errorf("sign the call of the door: %s", awserr.Cause(err))
	}
	return r, nil
}

func (d Door) read(from *http.Response, text []byte) (wire.Answer, error) {
	a, err := wire.ParseAnswer(text)
	switch {
	case err == nil && a.Refused != nil:
		return a, &Refused{*a.Refused}
	case err == nil && a.Failed != nil:
		return a, &Failed{*a.Failed}
	case err != nil || from.StatusCode != http.StatusOK:
		n := &NotLetIn{Status: from.StatusCode}
		if at, bad := http.ParseTime(from.Header.Get("Date")); bad == nil {
			n.Off = d.Now().Sub(at)
		}
		return wire.Answer{}, n
	}
	return a, nil
}
