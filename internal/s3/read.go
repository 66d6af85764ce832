package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"mfawatch/internal/awserr"
)

// Get reads an object. What is held in memory has been read to its end when Get
// returns; a larger one may fail later, from Read. Reading ends with ctx.
func (b *Bucket) Get(ctx context.Context, o Object) (io.ReadCloser, error) {
	if f := b.o.Cache.open(b.name, o); f != nil {
		return f, nil
	}
	d := &download{ctx: ctx, b: b, key: o.Key}
	if err := d.open(); err != nil {
		return nil, err
	}
	if d.size > b.o.Whole {
		return b.large(d)
	}
	defer d.Close()
	var whole bytes.Buffer
	whole.Grow(int(max(d.size, 0)) + bytes.MinRead)
	if _, err := whole.ReadFrom(d); err != nil {
		return nil, err
	}
	b.o.Cache.keep(b.name, d.object(), bytes.NewReader(whole.Bytes()))
	return memory{bytes.NewReader(whole.Bytes())}, nil
}

// large is what does not go into memory: by way of the cache, or as it comes.
func (b *Bucket) large(d *download) (io.ReadCloser, error) {
	if b.o.Cache == nil {
		return d, nil
	}
	b.o.Cache.keep(b.name, d.object(), d)
	if f := b.o.Cache.open(b.name, d.object()); f != nil {
		_ = d.Close()
		return f, nil
	}
	_ = d.Close()
	again := &download{ctx: d.ctx, b: b, key: d.key}
	return again, again.open()
}

// memory is an object that was read. Its end can be looked at first.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// breaks is how often one download may break off.
const breaks = 10

// stall is how long a download may stand still. S3 closes idle connections
// earlier; what never closes is a box in between.
const stall = time.Minute

// download reads an object to its end: a connection that breaks is taken up
// where it broke, on the same version of the object.
type download struct {
	ctx    context.Context
	b      *Bucket
	key    string
	etag   string
	size   int64 // as the first answer said
	at     int64
	broken int
	body   io.ReadCloser
	cancel context.CancelFunc
}

func (d *download) object() Object {
	return Object{Key: d.key, ETag: d.etag, Size: max(d.size, d.at)}
}

// open asks for the object, or for what is left of it.
func (d *download) open() error {
	ctx, cancel := context.WithCancel(d.ctx)
	in := &awss3.GetObjectInput{Bucket: &d.b.name, Key: &d.key}
	if d.etag != "" {
		in.IfMatch = &d.etag
	}
	if d.at > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", d.at))
	}
	out, err := d.b.client.GetObject(ctx, in)
	if err != nil {
		cancel()
		return d.b.explain(d.ctx, "s3:GetObject", d.key, err)
	}
	d.body, d.cancel = out.Body, cancel
	if d.at == 0 {
		d.etag, d.size = aws.ToString(out.ETag), -1
		if out.ContentLength != nil {
			d.size = *out.ContentLength
		}
		return nil
	}
	return d.skip(aws.ToString(out.ContentRange))
}

// skip makes sure that the answer goes on where the last one broke. Who does not
// know ranges begins anew.
func (d *download) skip(contentRange string) error {
	if strings.HasPrefix(contentRange, fmt.Sprintf("bytes %d-", d.at)) {
		return nil
	}
	if contentRange != "" {
		return fmt.Errorf("asked for what is left from byte %d, S3 answered %q: scan again", d.at, contentRange)
	}
	_, err := io.CopyN(io.Discard, d.body, d.at)
	if err != nil {
		d.shut()
	}
	return d.ctx.Err()
}

// Read never says that the object ends before as many bytes as it was said to
// have.
func (d *download) Read(p []byte) (int, error) {
	for {
		if err := d.ctx.Err(); err != nil {
			return 0, err
		}
		n, err := d.read(p)
		d.at += int64(n)
		switch {
		case d.at > d.size && d.size >= 0:
			return 0, fmt.Errorf("the object is longer than the %d bytes that S3 said: scan again", d.size)
		case n > 0:
			return n, nil
		case err == nil:
			continue
		case err == io.EOF && (d.at == d.size || d.size < 0):
			return 0, io.EOF
		}
		if err := d.again(err); err != nil {
			return 0, err
		}
	}
}

// read reads from the connection there is, and gives it up when it stands still.
func (d *download) read(p []byte) (int, error) {
	if d.body == nil {
		return 0, io.ErrUnexpectedEOF
	}
	t := time.AfterFunc(stall, d.cancel)
	defer t.Stop()
	return d.body.Read(p)
}

// again waits and takes a broken download up.
func (d *download) again(cause error) error {
	d.shut()
	if d.at == d.size {
		return fmt.Errorf("the object does not fit its checksum (%s): scan again", awserr.Cause(cause))
	}
	if d.broken++; d.broken > breaks {
		return fmt.Errorf("the download broke off %d times, the last after %d of %d bytes (%s): scan again", d.broken, d.at, d.size, awserr.Cause(cause))
	}
	if err := d.b.pause(d.ctx, d.broken); err != nil {
		return err
	}
	err := d.open()
	if changed := (conflict{}); errors.As(err, &changed) && d.at == 0 {
		d.etag = "" // nothing of the older version was handed over
		return d.open()
	}
	return err
}

func (d *download) shut() {
	if d.body != nil {
		_ = d.body.Close()
		d.cancel()
		d.body = nil
	}
}

// Close gives the connection up.
func (d *download) Close() error {
	d.shut()
	return nil
}
