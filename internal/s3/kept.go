package s3

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

// Kept is a bucket of objects that are written once, listed and read back. Where the
// bucket has a default retention of Object Lock, S3 puts it on each: mode and period are
// the bucket's to say, and who writes needs no permission to set them (S3 user guide,
// Object Lock).
type Kept struct {
	Creator
	client *awss3.Client
}

// NewKept takes the configuration of the bucket's Region.
func NewKept(cfg aws.Config, bucket string) *Kept {
	c := Client(cfg)
	return &Kept{Creator{c, bucket}, c}
}

// Last is the last key, in S3's order, that begins with prefix and comes after another
// key; empty where there is none.
func (k *Kept) Last(ctx context.Context, prefix, after string) (last string, err error) {
	in := &awss3.ListObjectsV2Input{Bucket: &k.Bucket, Prefix: &prefix}
	if after != "" {
		in.StartAfter = &after
	}
	pages := awss3.NewListObjectsV2Paginator(k.client, in)
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("s3 list of %s in %s: %w", prefix, k.Bucket, err)
		}
		if n := len(out.Contents); n > 0 {
			last = aws.ToString(out.Contents[n-1].Key)
		}
	}
	return last, nil
}

// Read gives an object of at most so many bytes.
func (k *Kept) Read(ctx context.Context, key string, most int64) ([]byte, error) {
	out, err := k.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &k.Bucket, Key: &key})
	if err != nil {
		return nil, fmt.Errorf("s3 get of %s in %s: %w", key, k.Bucket, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(io.LimitReader(out.Body, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("s3 get of %s in %s: %w", key, k.Bucket, err)
	case int64(len(body)) > most:
		return nil, fmt.Errorf("s3 object %s in %s has more than %d bytes", key, k.Bucket, most)
	}
	return body, nil
}
