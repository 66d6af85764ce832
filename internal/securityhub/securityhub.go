// Package securityhub imports findings into AWS Security Hub CSPM.
//
// It promises that each finding handed to it is either taken by Security Hub or
// named in the result with the code it was refused with, that batches keep to
// the documented limits, and that what Security Hub throttles is tried again. It
// imports what it is given: it makes, changes and judges no finding, and it only
// ever speaks for the account that its credentials belong to. No content of a
// finding is in its errors.
package securityhub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/smithy-go"
)

// The limits of BatchImportFindings (Security Hub partner guide, guidelines for
// BatchImportFindings): 100 findings and 6 MB a batch, 240 KB a finding. They
// are kept with room for what stands between the findings.
const (
	batchCount   = 100
	batchBytes   = 5_500_000
	findingBytes = 240_000
)

// attempts is how often a finding is tried that Security Hub refuses for the
// moment, with pauses of a second, doubling, and chance in them.
const attempts = 5

// Client imports into the account and Region of its configuration.
type Client struct{ api securityhub.Options }

// New makes a client for a Region. Ten calls a second are allowed in each
// account and Region, and a batch at a time never makes that many; only who
// shares the account can.
func New(cfg aws.Config, region string) *Client {
	return &Client{securityhub.NewFromConfig(cfg, func(o *securityhub.Options) {
		o.Region = region
		o.Retryer = retry.NewStandard(func(so *retry.StandardOptions) {
			so.MaxAttempts, so.MaxBackoff, so.RateLimiter = 8, 20*time.Second, ratelimit.None
		})
	}).Options()}
}

// Result is what became of the findings.
type Result struct {
	Imported int
	Refused  []Refusal // in the order they were given
}

// Refusal is a finding that Security Hub did not take.
type Refusal struct{ ID, Code string }

// Import imports a JSON array of findings in the AWS Security Finding Format, as
// they are. An error beside a result is that the rest was not tried.
func (c *Client) Import(ctx context.Context, asff []byte) (Result, error) {
	all, err := decode(asff)
	if err != nil {
		return Result{}, err
	}
	var result Result
	all = result.oversized(all)
	for len(all) > 0 {
		n := fill(all)
		if err := c.batch(ctx, all[:n], &result); err != nil {
			return result, fmt.Errorf("%w (%d findings are imported, %d are not)", err, result.Imported, len(all))
		}
		all = all[n:]
	}
	return result, nil
}

// finding is one as it is given.
type finding struct {
	id   string
	text json.RawMessage
}

func decode(asff []byte) ([]finding, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(asff, &texts); err != nil {
		return nil, fmt.Errorf("findings for Security Hub: %w", err)
	}
	all := make([]finding, len(texts))
	for i, text := range texts {
		var f struct {
			ID string `json:"Id"`
		}
		if err := json.Unmarshal(text, &f); err != nil {
			return nil, fmt.Errorf("finding %d for Security Hub: %w", i, err)
		}
		all[i] = finding{f.ID, text}
	}
	return all, nil
}

// oversized refuses what Security Hub would.
func (r *Result) oversized(all []finding) []finding {
	kept := all[:0]
	for _, f := range all {
		if len(f.text) > findingBytes {
			r.Refused = append(r.Refused, Refusal{f.id, "LargerThan240KB"})
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// fill is how many of the first findings go into one batch.
func fill(all []finding) int {
	size := 0
	for i, f := range all {
		if size += len(f.text); i == batchCount || size > batchBytes && i > 0 {
			return i
		}
	}
	return len(all)
}

// batch imports one batch, and what it refuses for the moment again.
func (c *Client) batch(ctx context.Context, batch []finding, result *Result) error {
	for n := 1; ; n++ {
		refused, err := c.send(ctx, batch)
		if err != nil {
			return err
		}
		again := result.settle(batch, refused, n < attempts)
		if len(again) == 0 {
			return nil
		}
		if err := pause(ctx, n); err != nil {
			return fmt.Errorf("securityhub:BatchImportFindings: interrupted: %w", err)
		}
		batch = again
	}
}

// settle counts what is decided and gives back what is worth another attempt.
func (r *Result) settle(batch []finding, refused map[string]string, more bool) []finding {
	var again []finding
	for _, f := range batch {
		code, no := refused[f.id]
		switch {
		case !no:
			r.Imported++
		case more && passing(code):
			again = append(again, f)
		default:
			r.Refused = append(r.Refused, Refusal{f.id, code})
		}
	}
	return again
}

// passing tells the codes of a refusal that may be over soon. AWS lists no codes
// of a single finding (Security Hub API reference, ImportFindingsError).
func passing(code string) bool {
	for _, part := range []string{"Throttl", "TooMany", "Internal", "LimitExceeded", "Unavailable"} {
		if strings.Contains(code, part) {
			return true
		}
	}
	return false
}

// ErrOff is that the account has no Security Hub CSPM to import into.
var ErrOff = errors.New("no Security Hub CSPM is switched on there: enable it, or set MFAWATCH_SECURITY_HUB=false")

// explain words an error by its code: AWS's message names people.
func explain(ctx context.Context, err error) error {
	const call = "securityhub:BatchImportFindings"
	if ctx.Err() != nil {
		return fmt.Errorf("%s: interrupted: %w", call, ctx.Err())
	}
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return fmt.Errorf("%s: AWS cannot be reached: check the network, the Region and the endpoint", call)
	}
	switch code := answer.ErrorCode(); code {
	case "InvalidAccessException":
		return fmt.Errorf("%s: %w", call, ErrOff)
	case "AccessDenied", "AccessDeniedException":
		return fmt.Errorf("%s: access denied: allow it on the product mfawatch imports for (product/ACCOUNT/default)", call)
	default:
		return fmt.Errorf("%s: AWS answered %s", call, code)
	}
}

// pause waits before attempt n+1.
func pause(ctx context.Context, n int) error {
	d := time.Second << (n - 1)
	return sleep(ctx, d/2+rand.N(d))
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
