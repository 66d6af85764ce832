package sts

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/internal/awserr"
)

// Signed is what is particular to one call of GetCallerIdentity that somebody signed
// (signature version 4, in headers) and did not make: whoever makes it hears from AWS who
// that was. GetCallerIdentity needs no permission, and no policy can deny it (STS API
// reference, GetCallerIdentity).
type Signed struct {
	Key, At, Token, Signature string
}

// Format is for everything of fmt.
func (Signed) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[signed]")) }

// question is the body of the call, always the same.
const question = "Action=GetCallerIdentity&Version=2011-06-15"

var regionForm = regexp.MustCompile(`^[a-z0-9-]+$`)

// asking is the call of a Region, all but what is particular to who signs it. It is made
// anew by who signs and by who asks, and nothing of it is handed from the one to the
// other: so neither host nor action nor a header twice can be another's idea (that is how
// Vault was deceived, CVE-2020-16250). No option of the environment changes the host (FIPS,
// dual stack): both sides have to come to the same.
func asking(ctx context.Context, region string, with map[string]string) (*http.Request, error) {
	at, err := sts.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, sts.EndpointParameters{Region: &region})
	if err != nil || !regionForm.MatchString(region) {
		return nil, fmt.Errorf("there is no STS in %q: look at the Region", region)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+at.URI.Host+"/", strings.NewReader(question))
	if err != nil {
		return nil, fmt.Errorf("there is no STS in %q: look at the Region", region)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	for name, value := range with {
		r.Header.Set(name, value)
	}
	return r, nil
}

// Sign signs the call of a Region, with further headers, for somebody else to make.
func Sign(ctx context.Context, c aws.Credentials, region string, with map[string]string, now time.Time) (Signed, error) {
	r, err := asking(ctx, region, with)
	if err != nil {
		return Signed{}, err
	}
	sum := sha256.Sum256([]byte(question))
	if err := v4.NewSigner().SignHTTP(ctx, c, r, hex.EncodeToString(sum[:]), "sts", region, now.UTC()); err != nil {
		return Signed{}, fmt.Errorf("sign a call of sts:GetCallerIdentity: %s", awserr.Cause(err))
	}
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	return Signed{Key: c.AccessKeyID, At: r.Header.Get("X-Amz-Date"), Token: c.SessionToken, Signature: signature}, nil
}

// signed makes the call what was signed. Which headers were is not asked: AWS refuses
// the signature if they were others.
func (s Signed) signed(r *http.Request, region string, with map[string]string) {
	names := []string{"content-length", "content-type", "host", "x-amz-date"}
	r.Header.Set("X-Amz-Date", s.At)
	if s.Token != "" {
		r.Header.Set("X-Amz-Security-Token", s.Token)
		names = append(names, "x-amz-security-token")
	}
	for name := range with {
		names = append(names, strings.ToLower(name))
	}
	slices.Sort(names)
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/sts/aws4_request, SignedHeaders=%s, Signature=%s", s.Key, s.At, region, strings.Join(names, ";"), s.Signature))
}

// Identity is who signed, by AWS's word, and what AWS's clock says.
type Identity struct {
	ARN string
	Now time.Time
}

// Unproved is an AWS that does not say who signed: with those headers, nobody did.
type Unproved struct{ Code string }

func (u *Unproved) Error() string { return "sts:GetCallerIdentity: " + u.Code }

// Identities finds out who signed.
type Identities struct {
	region, endpoint string
	client           *http.Client
}

// NewIdentities asks the STS of the configuration's Region. Its base endpoint, where it
// has one, is only where the connection goes: what is signed and sent names AWS's host.
func NewIdentities(cfg aws.Config, through http.RoundTripper, patience time.Duration) Identities {
	return Identities{cfg.Region, aws.ToString(cfg.BaseEndpoint), &http.Client{
		Transport: through, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// asks is how often AWS is asked where it does not answer.
const asks = 2

// Of is who signed the call with these further headers. It is an Unproved where AWS says
// that nobody did; any other error says nothing about it.
func (i Identities) Of(ctx context.Context, s Signed, with map[string]string) (who Identity, err error) {
	for range asks {
		who, err = i.ask(ctx, s, with)
		if refused := (*Unproved)(nil); err == nil || errors.As(err, &refused) || ctx.Err() != nil {
			return who, err
		}
	}
	return who, err
}

const mostIdentity = 64 << 10 // an answer has less than 1 KiB

func (i Identities) ask(ctx context.Context, s Signed, with map[string]string) (Identity, error) {
	r, err := asking(ctx, i.region, with)
	if err != nil {
		return Identity{}, err
	}
	s.signed(r, i.region, with)
	if i.endpoint != "" {
		r.Host = r.URL.Host
		to, err := url.Parse(i.endpoint)
		if err != nil {
			return Identity{}, errors.New("the endpoint of AWS is no URL")
		}
		r.URL.Scheme, r.URL.Host = to.Scheme, to.Host
	}
	answer, err := i.client.Do(r)
	if err != nil {
		return Identity{}, fmt.Errorf("sts:GetCallerIdentity: no answer (%s)", awserr.Cause(err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostIdentity))
	if err != nil {
		return Identity{}, fmt.Errorf("sts:GetCallerIdentity: half an answer (%s)", awserr.Cause(err))
	}
	return identity(answer, text)
}

// identity reads an answer. One that is not quite AWS's says nothing about who signed.
func identity(answer *http.Response, text []byte) (Identity, error) {
	code := answer.StatusCode
	switch {
	case code == http.StatusTooManyRequests, strings.HasPrefix(refusal(text), "Throttl"), code != http.StatusOK && (code < 400 || code > 499):
		return Identity{}, fmt.Errorf("sts:GetCallerIdentity: HTTP %d", code)
	case code != http.StatusOK:
		return Identity{}, &Unproved{refusal(text)}
	}
	now, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return Identity{}, errors.New("sts:GetCallerIdentity: the answer has no date")
	}
	arn, err := parseIdentity(text)
	return Identity{arn, now}, err
}

var codeForm = regexp.MustCompile(`<Code>([A-Za-z.]{1,64})</Code>`)

// refusal is AWS's word for why not.
func refusal(text []byte) string {
	if m := codeForm.FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return "refused"
}

// arnForm is of everybody who can call: what Arn of the answer may be.
var arnForm = regexp.MustCompile(`^arn:aws[a-z-]*:(?:iam|sts)::([0-9]{12}):(?:root|(?:user|assumed-role|federated-user)/[!-~]+)$`)

const mostARN = 2048 // STS API reference, GetCallerIdentity

var errAnswer = errors.New("sts:GetCallerIdentity: the answer is not AWS's")

// parseIdentity reads who it is out of an answer that has one result, with one ARN, of
// the account that it names, and nothing behind it.
func parseIdentity(text []byte) (arn string, err error) {
	var a struct {
		XMLName xml.Name                          `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
		Results []struct{ Arn, Account []string } `xml:"GetCallerIdentityResult"`
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&a); err != nil || len(a.Results) != 1 || len(a.Results[0].Arn) != 1 || len(a.Results[0].Account) != 1 {
		return "", errAnswer
	}
	m := arnForm.FindStringSubmatch(a.Results[0].Arn[0])
	if len(bytes.TrimSpace(text[d.InputOffset():])) != 0 || m == nil || len(m[0]) > mostARN || m[1] != a.Results[0].Account[0] {
		return "", errAnswer
	}
	return m[0], nil
}
