// Package cloudtrail reads CloudTrail's event history: what LookupEvents keeps
// of every account for 90 days, trail or none; and which trails an account has.
//
// It promises to hand over every record that AWS answers, as text, one a line;
// to ask no faster than AWS answers; and that an end which AWS did not give is
// an error in one line that says what to allow, after everything that came
// before. It knows AWS and bytes, and nothing of what the records say.
package cloudtrail

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awstrail "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"golang.org/x/time/rate"
)

// Kept is how long AWS keeps the history (CloudTrail API reference,
// LookupEvents).
const Kept = 90 * 24 * time.Hour

// Rate is how many calls a second AWS answers for each account and Region. The
// bound cannot be raised, and consoles that show the history share it.
const Rate = 2

// Query asks for the events of one source, or of one name: a lookup takes one
// attribute.
type Query struct{ Source, Name string }

func (q Query) attribute() types.LookupAttribute {
	if q.Source != "" {
		return types.LookupAttribute{AttributeKey: types.LookupAttributeKeyEventSource, AttributeValue: &q.Source}
	}
	return types.LookupAttribute{AttributeKey: types.LookupAttributeKeyEventName, AttributeValue: &q.Name}
}

// Span bounds the events' times; a zero time is no bound.
type Span struct{ Since, Until time.Time }

// Lookup asks one Region the queries, one after the other. It fails when the
// first answer cannot be had; what fails later fails from Read, behind all that
// was answered. Reading ends with ctx.
func Lookup(ctx context.Context, cfg aws.Config, region string, s Span, queries ...Query) (io.ReadCloser, error) {
	cfg.Region = region
	l := &lookup{
		ctx: ctx, queries: queries, span: s,
		client: awstrail.NewFromConfig(cfg, func(o *awstrail.Options) { o.Retryer = patient() }),
		// One at a time: two at once and one in the same second would be three.
		limit: rate.NewLimiter(Rate, 1),
	}
	if err := l.page(); err != nil {
		return nil, err
	}
	return l, nil
}

// patient retries longer than the SDK does by itself: others may use the same
// small allowance.
func patient() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = 12, 20*time.Second, ratelimit.None
	})
}

type lookup struct {
	ctx     context.Context
	client  *awstrail.Client
	limit   *rate.Limiter
	span    Span
	queries []Query // those not done; the first is being asked
	token   *string
	text    bytes.Buffer
	without int // events that came without their record
}

// page asks for the next page of the first query. Tokens are good for the same
// question only.
func (l *lookup) page() error {
	if len(l.queries) == 0 {
		return nil
	}
	if err := l.limit.Wait(l.ctx); err != nil {
		return cmp.Or(l.ctx.Err(), err)
	}
	in := &awstrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{l.queries[0].attribute()}, MaxResults: aws.Int32(50), NextToken: l.token}
	if !l.span.Since.IsZero() {
		in.StartTime = &l.span.Since
	}
	if !l.span.Until.IsZero() {
		in.EndTime = &l.span.Until
	}
	out, err := l.client.LookupEvents(l.ctx, in)
	if err != nil {
		return explain(l.ctx, "cloudtrail:LookupEvents", err)
	}
	for _, e := range out.Events {
		l.record(aws.ToString(e.CloudTrailEvent))
	}
	if l.token = out.NextToken; aws.ToString(l.token) == "" {
		l.queries, l.token = l.queries[1:], nil
	}
	return nil
}

// record writes one record on a line of its own. What is not JSON goes on as it
// is: who reads the lines says so.
func (l *lookup) record(text string) {
	if text == "" {
		l.without++
		return
	}
	if err := json.Compact(&l.text, []byte(text)); err != nil {
		l.text.Write(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte(" ")))
	}
	l.text.WriteByte('\n')
}

// Read asks for pages until there is something to hand over.
func (l *lookup) Read(p []byte) (int, error) {
	for l.text.Len() == 0 {
		if len(l.queries) == 0 {
			return 0, l.end()
		}
		if err := l.page(); err != nil {
			l.queries = nil
			return 0, err
		}
	}
	return l.text.Read(p)
}

func (l *lookup) end() error {
	if l.without > 0 {
		return fmt.Errorf("%d events of the history came without their record: scan again", l.without)
	}
	return io.EOF
}

// Close does nothing: between pages nothing is open.
func (l *lookup) Close() error { return nil }
