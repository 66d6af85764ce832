package collect

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"golang.org/x/time/rate"

	"mfawatch/audit"
)

// How calls are made. A page is the largest that IAM gives; it may give less
// (IAM API reference, MaxItems).
const (
	pageSize    = 1000
	burst       = 2
	inFlight    = 2
	throttled   = 8 // attempts at a call that AWS throttles
	failed      = 3 // attempts at a call that fails otherwise
	longestWait = 20 * time.Second
)

// retryer is the SDK's, with three changes: every attempt waits for the rate
// limit; there is no quota of retries, since a long list of users is no outage;
// and only throttling is worth more than three attempts.
type retryer struct {
	*retry.Standard
	limit *rate.Limiter
}

func newRetryer(perSecond float64) *retryer {
	jitter := retry.NewExponentialJitterBackoff(longestWait)
	return &retryer{
		limit: rate.NewLimiter(rate.Limit(perSecond), burst),
		Standard: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.RateLimiter = throttled, ratelimit.None
			o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
				if attempt >= failed && !isThrottle(err) {
					return 0, err
				}
				return jitter.BackoffDelay(attempt, err)
			})
		}),
	}
}

// GetAttemptToken waits until the rate limit allows an attempt.
func (r *retryer) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	if err := r.limit.Wait(ctx); err != nil {
		if ctx.Err() == nil { // the limiter sees that the deadline comes first
			err = fmt.Errorf("%w: %v", context.DeadlineExceeded, err)
		}
		return nil, err
	}
	return r.Standard.GetAttemptToken(ctx)
}

func isThrottle(err error) bool {
	return retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}.IsErrorThrottle(err) == aws.TrueTernary
}

// ask reads one fact of the account, unless it is there. Its time is when it was
// asked: what AWS says is no younger.
func ask[T any](ctx context.Context, r *reader, fact audit.Fact, into **audit.Read[T], call func(context.Context) (T, error)) error {
	if *into != nil {
		return nil
	}
	at := r.now()
	value, err := call(ctx)
	if err == nil {
		*into = readAt(fact.Action(), at, value)
		return nil
	}
	return r.refused(ctx, err, fact.Gap("", ""))
}

// refused records a refusal as gaps, or returns the error that ends the reading.
func (r *reader) refused(ctx context.Context, err error, gaps ...audit.Gap) error {
	reason, fatal := explain(ctx, gaps[0].Action, err)
	if fatal != nil {
		return fatal
	}
	for _, g := range gaps {
		g.Reason = reason
		r.gaps = append(r.gaps, g)
	}
	return nil
}

// everyPage asks until the list is complete.
func everyPage(next func(marker *string) (more bool, following *string, err error)) error {
	var marker *string
	for {
		more, following, err := next(marker)
		switch {
		case err != nil:
			return err
		case !more:
			return nil
		case aws.ToString(following) == "" || marker != nil && *marker == *following:
			return plainReason("the list is cut off without a way to go on")
		}
		marker = following
	}
}
