// Package s3 finds and reads the log files that CloudTrail delivers to S3, and keeps
// what the functions write there: evidence, reports, the emergency door's record.
//
// It promises to list only the accounts, Regions and days that may matter, as
// the keys' layout tells them; that what is read is the whole object or an
// error, never a part of one, however often the connection breaks; and that
// each error says in one line what was refused and what to allow. What it
// cannot list or read is handed back, never left out. What is kept is never written
// over by other content, but for reports, which are. It knows AWS and bytes,
// and nothing of what the files say.
package s3

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// URL is s3://BUCKET/PREFIX.
type URL struct{ Bucket, Prefix string }

// Scheme is how an URL begins.
const Scheme = "s3://"

// ParseURL reads s3://BUCKET/PREFIX.
func ParseURL(s string) (URL, error) {
	rest, ok := strings.CutPrefix(s, Scheme)
	bucket, prefix, _ := strings.Cut(rest, "/")
	if !ok || !named(bucket) {
		return URL{}, fmt.Errorf("%q is not s3://BUCKET/PREFIX: a bucket's name has 3 to 63 letters, digits, dots and hyphens", s)
	}
	return URL{bucket, prefix}, nil
}

// named tells whether S3 can have a bucket of that name (S3 user guide, bucket
// naming rules; old ones may have capitals and underscores).
func named(bucket string) bool {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	}
	return len(bucket) >= 3 && len(bucket) <= 63 && strings.IndexFunc(bucket, odd) < 0
}

func (u URL) String() string { return Scheme + u.Bucket + "/" + u.Prefix }

// Options sets up a Bucket. Zero values are defaults.
type Options struct {
	// Whole is the size up to which an object is held in memory; what is larger
	// is read as it comes. 0 is 32 MiB.
	Whole int64
	// Cache, where set, keeps what was read.
	Cache *Cache
}

// Bucket is a bucket that is read.
type Bucket struct {
	name   string
	region string
	client *awss3.Client
	o      Options
	// pause waits before the nth attempt to go on with a broken download.
	pause func(ctx context.Context, n int) error
}

// connections are as many as are kept open to the bucket; with fewer, each
// object costs a handshake.
const connections = 128

// Open finds the bucket's Region, whatever Region cfg names, and makes a client
// for it.
func Open(ctx context.Context, cfg aws.Config, name string, o Options) (*Bucket, error) {
	if o.Whole == 0 {
		o.Whole = 32 << 20
	}
	if cfg.Region == "" {
		cfg.Region = "us-east-1"
	}
	if c, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok {
		cfg.HTTPClient = c.WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = connections, connections
			t.ResponseHeaderTimeout = time.Minute
		})
	}
	b := &Bucket{name: name, region: cfg.Region, client: client(cfg), o: o, pause: pause}
	region, err := b.find(ctx)
	if err != nil {
		return nil, err
	}
	if region != "" && region != cfg.Region {
		cfg.Region, b.region = region, region
		b.client = client(cfg)
	}
	return b, nil
}

// Client is the SDK's, by the address where an endpoint of one's own is given: a name
// below that one need not resolve.
func Client(cfg aws.Config, more ...func(*awss3.Options)) *awss3.Client {
	path := func(o *awss3.Options) { o.UsePathStyle = o.BaseEndpoint != nil }
	return awss3.NewFromConfig(cfg, append([]func(*awss3.Options){path}, more...)...)
}

// client retries longer than the SDK does by itself: S3 answers SlowDown until
// it has made room for a rate it has not met (S3 user guide, performance).
func client(cfg aws.Config) *awss3.Client {
	return Client(cfg, func(o *awss3.Options) {
		o.Retryer = retry.NewStandard(func(so *retry.StandardOptions) {
			so.MaxAttempts, so.MaxBackoff, so.RateLimiter = 10, 20*time.Second, ratelimit.None
		})
	})
}

// regionHeader comes with every answer about a bucket, refusals and redirects
// too (S3 API reference, HeadBucket).
const regionHeader = "X-Amz-Bucket-Region"

// find asks where the bucket is. A refusal is no error: listing and reading may
// be allowed, and say better what is not.
func (b *Bucket) find(ctx context.Context) (string, error) {
	out, err := b.client.HeadBucket(ctx, &awss3.HeadBucketInput{Bucket: &b.name})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	var answer *smithyhttp.ResponseError
	switch {
	case !errors.As(err, &answer) || answer.HTTPStatusCode() >= http.StatusInternalServerError:
		return "", b.explain(ctx, "s3:ListBucket", "", err)
	case answer.HTTPStatusCode() == http.StatusNotFound:
		return "", fmt.Errorf("there is no bucket %s: check its name", b.name)
	}
	return answer.Response.Header.Get(regionHeader), nil
}

// pause doubles from a tenth of a second to five, with chance, so that broken
// downloads do not come back all at once.
func pause(ctx context.Context, n int) error {
	d := min(100*time.Millisecond<<min(n, 6), 5*time.Second)
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
