package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"mfawatch/functions/delivery/deliverytest"
	"mfawatch/internal/s3"
)

// writeOnce is a bucket that keeps S3's conditional writes: 412 where something
// is, and 409 as often as a test says.
type writeOnce struct {
	mu        sync.Mutex
	objects   map[string][]byte
	conflicts int
	puts      int
	err       error
	gone      bool // an object vanishes between 412 and the look at it
}

func (b *writeOnce) PutObject(_ context.Context, in *awss3.PutObjectInput, _ ...func(*awss3.Options)) (*awss3.PutObjectOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.puts++
	switch _, there := b.objects[*in.Key]; {
	case in.IfNoneMatch == nil || *in.IfNoneMatch != "*":
		return nil, errors.New("an unconditional write")
	case in.ChecksumAlgorithm != types.ChecksumAlgorithmSha256:
		return nil, errors.New("Object Lock wants a checksum")
	case b.err != nil:
		return nil, b.err
	case b.conflicts > 0:
		b.conflicts--
		return nil, &smithy.GenericAPIError{Code: "ConditionalRequestConflict"}
	case there:
		return nil, &smithy.GenericAPIError{Code: "PreconditionFailed"}
	}
	body, err := io.ReadAll(in.Body)
	b.objects[*in.Key] = body
	return &awss3.PutObjectOutput{}, err
}

func (b *writeOnce) GetObject(_ context.Context, in *awss3.GetObjectInput, _ ...func(*awss3.Options)) (*awss3.GetObjectOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, ok := b.objects[*in.Key]
	if !ok || b.gone {
		return nil, &smithy.GenericAPIError{Code: "NoSuchKey"}
	}
	return &awss3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(body))}, nil
}

func bucket() *writeOnce { return &writeOnce{objects: map[string][]byte{}} }

func TestCreatorKeepsTheContract(t *testing.T) {
	b := bucket()
	deliverytest.TestEvidence(t, &s3.Creator{Client: b, Bucket: "evidence-bucket"}, func(uri string) ([]byte, error) {
		body, ok := b.objects[strings.TrimPrefix(uri, "s3://evidence-bucket/")]
		if !ok {
			return nil, errors.New("nothing is there")
		}
		return body, nil
	})
}

func TestConflictsAreTriedAgain(t *testing.T) {
	b := bucket()
	b.conflicts = 4
	c := &s3.Creator{Client: b, Bucket: "evidence-bucket"}
	if uri, err := c.Keep(context.Background(), "a.json", []byte("1")); err != nil || uri != "s3://evidence-bucket/a.json" || b.puts != 5 {
		t.Errorf("Keep after four conflicts = %s (error %v) in %d writes", uri, err, b.puts)
	}
	b.conflicts = 100
	if _, err := c.Keep(context.Background(), "b.json", []byte("1")); err == nil || b.objects["b.json"] != nil {
		t.Errorf("Keep among conflicts without end = %v, want an error", err)
	}
}

// One body is the beginning of another: they are not the same.
func TestLongerAndShorterBodies(t *testing.T) {
	b := bucket()
	c := &s3.Creator{Client: b, Bucket: "evidence-bucket"}
	uris := map[string]bool{}
	for _, body := range []string{"12", "1", "123", ""} {
		uri, err := c.Keep(context.Background(), "a", []byte(body))
		if err != nil || uris[uri] || string(b.objects[strings.TrimPrefix(uri, "s3://evidence-bucket/")]) != body {
			t.Errorf("Keep(%q) = %s (error %v)", body, uri, err)
		}
		uris[uri] = true
	}
}

func TestErrorsNameTheObject(t *testing.T) {
	denied := &smithy.GenericAPIError{Code: "AccessDenied"}
	for name, b := range map[string]*writeOnce{
		"a write that is denied": {err: denied},
		"a look that fails":      {objects: map[string][]byte{"a.json": []byte("2")}, gone: true},
		"a forged second name":   {objects: map[string][]byte{"a.json": []byte("2"), "a.6b86b273ff34fce19d6b804eff5a3f57.json": []byte("3")}},
	} {
		_, err := (&s3.Creator{Client: b, Bucket: "evidence-bucket"}).Keep(context.Background(), "a.json", []byte("1"))
		if err == nil || !strings.Contains(err.Error(), "evidence-bucket") || !strings.Contains(err.Error(), ".json") {
			t.Errorf("%s: error %v, want one with bucket and object", name, err)
		}
	}
}

// Create keeps what is there, whoever wrote it.
func TestCreate(t *testing.T) {
	b := bucket()
	c := &s3.Creator{Client: b, Bucket: "record-bucket"}
	for _, step := range []struct {
		body string
		want error
	}{{"1", nil}, {"1", nil}, {"2", s3.ErrOther}} {
		if err := c.Create(t.Context(), "a.jsonl", []byte(step.body)); !errors.Is(err, step.want) || string(b.objects["a.jsonl"]) != "1" {
			t.Errorf("Create(%s) = %v, want %v; kept %s", step.body, err, step.want, b.objects["a.jsonl"])
		}
	}
	b.err = &smithy.GenericAPIError{Code: "AccessDenied"}
	if err := c.Create(t.Context(), "b.jsonl", []byte("1")); err == nil || errors.Is(err, s3.ErrOther) || !strings.Contains(err.Error(), "record-bucket") {
		t.Errorf("Create that is denied = %v", err)
	}
}
