package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// ReportsClient is what Reports ask of S3; *s3.Client is one.
type ReportsClient interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
}

// Reports is the bucket that audits are written to and read back from. Owner is
// the account that the bucket must belong to: a bucket that was deleted and made
// again by somebody else is refused (S3 user guide, bucket owner condition).
type Reports struct {
	Client ReportsClient
	Bucket string
	Owner  string
}

// Get reads an object whole. Where there is none, errors.Is fs.ErrNotExist.
func (r *Reports) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := r.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.Bucket, Key: &key, ExpectedBucketOwner: r.owner()})
	if err != nil {
		return nil, r.refused("read", "s3:GetObject", key, err)
	}
	defer out.Body.Close()
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s: the answer breaks off: try again", r.URI(key))
	}
	if want := out.ContentLength; want != nil && *want != int64(len(body)) {
		return nil, fmt.Errorf("read %s: %d of %d bytes came: try again", r.URI(key), len(body), *want)
	}
	return body, nil
}

// Put writes an object whole, over what was there: it is safe to repeat.
func (r *Reports) Put(ctx context.Context, key, contentType string, body []byte) error {
	_, err := r.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &r.Bucket, Key: &key, Body: bytes.NewReader(body), ContentType: &contentType, ExpectedBucketOwner: r.owner(),
	})
	if err != nil {
		return r.refused("write", "s3:PutObject", key, err)
	}
	return nil
}

// URI is an object's address.
func (r *Reports) URI(key string) string { return Scheme + r.Bucket + "/" + key }

func (r *Reports) owner() *string {
	if r.Owner == "" {
		return nil
	}
	return aws.String(r.Owner)
}

// refused says what S3 answered, by its code: its message names people. S3
// answers 403 for an object that is not there to who may not list the bucket
// (S3 API reference, GetObject), so that s3:ListBucket is asked for too.
func (r *Reports) refused(verb, action, key string, err error) error {
	var answer smithy.APIError
	what := fmt.Sprintf("%s %s", verb, r.URI(key))
	if !errors.As(err, &answer) {
		return fmt.Errorf("%s: %w", what, err)
	}
	switch answer.ErrorCode() {
	case "NoSuchKey", "NotFound":
		return fmt.Errorf("%s: %w", what, fs.ErrNotExist)
	case "NoSuchBucket":
		return fmt.Errorf("%s: there is no such bucket: check MFAWATCH_REPORT_BUCKET", what)
	case "AccessDenied":
		return fmt.Errorf("%s: access denied: allow %s on the object, s3:ListBucket on the bucket and its key's kms actions, and check that the bucket is account %s's", what, action, r.Owner)
	}
	return fmt.Errorf("%s: S3 answered %s: %w", what, answer.ErrorCode(), errTransient)
}

// errTransient stands in for AWS's own message, which names requests and people.
var errTransient = errors.New("try again")
