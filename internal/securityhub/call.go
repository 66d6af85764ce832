package securityhub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/protocol/restjson"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// The one call is made here and not by the SDK's BatchImportFindings, whose
// serializer knows every type of resource that there is, and would be 0.4 MB of
// the ZIP of the function that carries it. Endpoint, signature, client, credentials and what
// is worth another attempt are the SDK's. Findings go out as they were written.

// answerBytes is how much of an answer is read: a batch has a hundred findings.
const answerBytes = 4 << 20

// send makes one call and gives the codes of what was refused, by id.
func (c *Client) send(ctx context.Context, batch []finding) (map[string]string, error) {
	texts := make([]json.RawMessage, len(batch))
	for i, f := range batch {
		texts[i] = f.text
	}
	body, err := json.Marshal(struct{ Findings []json.RawMessage }{texts})
	if err != nil {
		return nil, err
	}
	answer, err := c.call(ctx, body)
	if err != nil {
		return nil, explain(ctx, err)
	}
	var out struct {
		FailedFindings []struct {
			ID        string `json:"Id"`
			ErrorCode string
		}
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return nil, fmt.Errorf("securityhub:BatchImportFindings: the answer is not understood: %w", err)
	}
	refused := map[string]string{}
	for _, f := range out.FailedFindings {
		refused[f.ID] = f.ErrorCode
	}
	return refused, nil
}

// call repeats an attempt for as long as the SDK's retryer would.
func (c *Client) call(ctx context.Context, body []byte) ([]byte, error) {
	for n := 1; ; n++ {
		answer, err := c.attempt(ctx, body)
		if err == nil || n >= c.api.Retryer.MaxAttempts() || !c.api.Retryer.IsErrorRetryable(err) {
			return answer, err
		}
		delay, none := c.api.Retryer.RetryDelay(n, err)
		if none != nil {
			return nil, err
		}
		if err := sleep(ctx, delay); err != nil {
			return nil, err
		}
	}
}

func (c *Client) attempt(ctx context.Context, body []byte) ([]byte, error) {
	r, err := c.request(ctx, body)
	if err != nil {
		return nil, err
	}
	answer, err := c.api.HTTPClient.Do(r)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerBytes))
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err}
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return nil, &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: answer}, Err: refusal(answer.Header, text)}
	}
	return text, nil
}

// request is the signed call (Security Hub API reference, BatchImportFindings;
// IAM user guide, Signature Version 4).
func (c *Client) request(ctx context.Context, body []byte) (*http.Request, error) {
	at, err := c.api.EndpointResolverV2.ResolveEndpoint(ctx, securityhub.EndpointParameters{
		Region: &c.api.Region, Endpoint: c.api.BaseEndpoint,
		UseFIPS:      aws.Bool(c.api.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack: aws.Bool(c.api.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.URI.JoinPath("findings", "import").String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "mfawatch")
	keys, err := c.api.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	sum := sha256.Sum256(body)
	return r, c.api.HTTPSignerV4.SignHTTP(ctx, keys, r, hex.EncodeToString(sum[:]), "securityhub", c.api.Region, time.Now())
}

// refusal is the code of an answer that is an error; its message names people.
func refusal(header http.Header, body []byte) error {
	code := header.Get("X-Amzn-ErrorType")
	if inBody, _, err := restjson.GetErrorInfo(json.NewDecoder(bytes.NewReader(body))); code == "" && err == nil {
		code = inBody
	}
	if code == "" {
		code = "UnknownError"
	}
	return &smithy.GenericAPIError{Code: restjson.SanitizeErrorCode(code)}
}
