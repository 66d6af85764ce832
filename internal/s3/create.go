package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// CreateClient is what a Creator asks of S3; *s3.Client is one.
type CreateClient interface {
	PutObject(context.Context, *awss3.PutObjectInput, ...func(*awss3.Options)) (*awss3.PutObjectOutput, error)
	GetObject(context.Context, *awss3.GetObjectInput, ...func(*awss3.Options)) (*awss3.GetObjectOutput, error)
}

// Creator keeps objects that are written once: it is delivery's Evidence.
// Nothing that it wrote is ever overwritten, also not by itself.
type Creator struct {
	Client CreateClient
	Bucket string
}

// conflicts is how often a write is tried that met another one: S3 answers 409
// to one of two conditional writes at once (S3 user guide, conditional writes).
const conflicts = 5

// Keep stores body under key unless something is there. The same body there
// already is no error; beside another body it goes to a key of its own, with
// its hash in the name. It gives the object's address.
func (c *Creator) Keep(ctx context.Context, key string, body []byte) (string, error) {
	for _, name := range []string{key, beside(key, body)} {
		same, err := c.settle(ctx, name, body)
		if err != nil {
			return "", err
		}
		if same {
			return "s3://" + c.Bucket + "/" + name, nil
		}
	}
	return "", fmt.Errorf("s3 object %s in %s holds something else than its name says", beside(key, body), c.Bucket)
}

// ErrOther is an object that is there and holds something else.
var ErrOther = errors.New("it is there and holds something else: nothing was written")

// Create stores body under key unless something is there. The same body there already
// is no error; another is ErrOther, and stays.
func (c *Creator) Create(ctx context.Context, key string, body []byte) error {
	same, err := c.settle(ctx, key, body)
	if err == nil && !same {
		err = fmt.Errorf("s3 object %s in %s: %w", key, c.Bucket, ErrOther)
	}
	return err
}

// settle writes body under key, or tells whether what is there is the same.
func (c *Creator) settle(ctx context.Context, key string, body []byte) (same bool, err error) {
	for range conflicts {
		err = c.put(ctx, key, body)
		switch code(err) {
		case "PreconditionFailed":
			return c.holds(ctx, key, body)
		case "ConditionalRequestConflict", "OperationAborted":
			continue
		}
		break
	}
	if err != nil {
		return false, fmt.Errorf("s3 put of %s in %s: %w", key, c.Bucket, err)
	}
	return true, nil
}

// put names the checksum's algorithm: without it, or Content-MD5, a bucket with a
// default retention of Object Lock refuses (S3 API reference, PutObject).
func (c *Creator) put(ctx context.Context, key string, body []byte) error {
	_, err := c.Client.PutObject(ctx, &awss3.PutObjectInput{
		Bucket: &c.Bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("application/json"), IfNoneMatch: aws.String("*"),
		ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
	})
	return err
}

func (c *Creator) holds(ctx context.Context, key string, body []byte) (bool, error) {
	out, err := c.Client.GetObject(ctx, &awss3.GetObjectInput{Bucket: &c.Bucket, Key: &key})
	if err != nil {
		return false, fmt.Errorf("s3 get of %s in %s: %w", key, c.Bucket, err)
	}
	defer out.Body.Close()
	there, err := io.ReadAll(io.LimitReader(out.Body, int64(len(body))+1))
	if err != nil {
		return false, fmt.Errorf("s3 get of %s in %s: %w", key, c.Bucket, err)
	}
	return bytes.Equal(there, body), nil
}

// beside is the key for another body: NAME.HASH.json.
func beside(key string, body []byte) string {
	sum := sha256.Sum256(body)
	name, found := strings.CutSuffix(key, ".json")
	name += "." + hex.EncodeToString(sum[:16])
	if found {
		name += ".json"
	}
	return name
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
