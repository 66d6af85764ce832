package s3

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// Object is one object as it was listed.
type Object struct {
	Key  string
	ETag string
	Size int64
	// Given is true for an object whose very key was asked for.
	Given bool
}

// Failure is a prefix that could not be listed. What is below it may matter.
type Failure struct {
	Prefix string
	Err    error
}

// Listing is what lies below a prefix.
type Listing struct {
	Objects []Object       // ordered by key
	Failed  []Failure      // ordered by prefix
	Skipped map[string]int // what was passed over and not listed, by kind
}

// listers is how many listings run at a time.
const listers = 16

// search is how many folders deep AWSLogs is looked for; what is not found so is
// listed as a whole, and chosen from by its keys.
const search = 3

// crowd is how many folders side by side are too many to look into each.
const crowd = 100

// List finds the objects below prefix that may matter. The folder of that name
// is meant, or the object, where there is one, else all that begins with it.
// found is told how many objects there are so far; it may be nil. When ctx ends,
// List returns what it has.
func (b *Bucket) List(ctx context.Context, prefix string, w Wanted, found func(n int)) Listing {
	l := &lister{b: b, ctx: ctx, w: w, found: found, calls: make(chan struct{}, listers), all: Listing{Skipped: map[string]int{}}}
	l.run(func() { l.given(prefix) })
	l.wait.Wait()
	slices.SortFunc(l.all.Objects, func(a, b Object) int { return cmp.Compare(a.Key, b.Key) })
	slices.SortFunc(l.all.Failed, func(a, b Failure) int { return cmp.Compare(a.Prefix, b.Prefix) })
	return l.all
}

type lister struct {
	b     *Bucket
	ctx   context.Context
	w     Wanted
	found func(int)
	calls chan struct{}
	wait  sync.WaitGroup
	mu    sync.Mutex
	all   Listing
}

func (l *lister) run(f func()) { l.wait.Go(f) }

// given lists what a person named.
func (l *lister) given(prefix string) {
	if prefix == "" || strings.HasSuffix(prefix, "/") {
		l.folder(prefix, search)
		return
	}
	objects, folders, ok := l.level(prefix)
	if !ok {
		return
	}
	exact := slices.IndexFunc(objects, func(o Object) bool { return o.Key == prefix })
	folder := slices.Contains(folders, prefix+"/")
	if exact >= 0 {
		o := objects[exact]
		o.Given = true
		l.take(o)
	}
	if folder {
		l.folder(prefix+"/", search)
	}
	if exact >= 0 || folder {
		return
	}
	l.choose(objects)
	l.below(folders, search)
}

// folder lists a prefix that ends with a slash: level by level as long as the
// layout says what the folders mean, and as a whole from there on. Below a month
// a folder for each day would cost a call each, and a month is in order.
func (l *lister) folder(prefix string, left int) {
	at := parse(prefix)
	if at.odd || len(at.date) >= 2 || !at.logs && left == 0 {
		l.flat(prefix, at)
		return
	}
	objects, folders, ok := l.level(prefix)
	switch {
	case !ok:
	case !at.logs && len(folders) > crowd:
		l.flat(prefix, at)
	default:
		l.choose(objects)
		l.below(folders, left-1)
	}
}

// below goes into the folders that fit.
func (l *lister) below(folders []string, left int) {
	for _, f := range folders {
		ok, kind := l.w.fits(parse(f))
		if ok {
			l.run(func() { l.folder(f, left) })
		} else {
			l.skip(kind)
		}
	}
}

// level lists the objects and folders right below a prefix.
func (l *lister) level(prefix string) (objects []Object, folders []string, ok bool) {
	in := &awss3.ListObjectsV2Input{Prefix: &prefix, Delimiter: aws.String("/")}
	ok = l.pages(in, func(out *awss3.ListObjectsV2Output) bool {
		for _, o := range out.Contents {
			objects = append(objects, object(o))
		}
		for _, p := range out.CommonPrefixes {
			folders = append(folders, aws.ToString(p.Prefix))
		}
		return true
	})
	return objects, folders, ok
}

// flat lists everything below a prefix. Keys come in order (S3 API reference,
// ListObjectsV2), so that a month is listed from its first day that may matter
// and no further than the last.
func (l *lister) flat(prefix string, at place) {
	in := &awss3.ListObjectsV2Input{Prefix: &prefix}
	from, to := l.w.days()
	month := len(at.date) == 2
	if day := prefix + from[max(0, len(from)-2):]; month && from != "" && strings.Join(at.date, "/") == from[:7] {
		in.StartAfter = &day
	}
	l.pages(in, func(out *awss3.ListObjectsV2Output) bool {
		var objects []Object
		for _, o := range out.Contents {
			objects = append(objects, object(o))
		}
		l.choose(objects)
		if !month || to == "" || len(objects) == 0 {
			return true
		}
		last := parse(objects[len(objects)-1].Key)
		return len(last.date) < 3 || strings.Join(last.date, "/") <= to
	})
}

// pages asks for one page after the other until more says no.
func (l *lister) pages(in *awss3.ListObjectsV2Input, more func(*awss3.ListObjectsV2Output) bool) bool {
	in.Bucket = &l.b.name
	for {
		l.calls <- struct{}{}
		out, err := l.b.client.ListObjectsV2(l.ctx, in)
		<-l.calls
		if err != nil {
			l.fail(aws.ToString(in.Prefix), l.b.explain(l.ctx, "s3:ListBucket", "", err))
			return false
		}
		if !more(out) || !aws.ToBool(out.IsTruncated) {
			return true
		}
		in.ContinuationToken = out.NextContinuationToken
	}
}

func object(o types.Object) Object {
	return Object{Key: aws.ToString(o.Key), ETag: aws.ToString(o.ETag), Size: aws.ToInt64(o.Size)}
}

// choose takes the objects that may matter. A key that ends with a slash is a
// folder that a console made.
func (l *lister) choose(objects []Object) {
	var kept []Object
	for _, o := range objects {
		ok, kind := l.w.fits(parse(o.Key))
		switch {
		case strings.HasSuffix(o.Key, "/"):
		case ok:
			kept = append(kept, o)
		default:
			l.skip(strings.TrimSuffix(kind, "-folders"))
		}
	}
	l.take(kept...)
}

func (l *lister) take(objects ...Object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Objects = append(l.all.Objects, objects...)
	if l.found != nil {
		l.found(len(l.all.Objects))
	}
}

func (l *lister) skip(kind string) {
	if kind == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Skipped[kind]++
}

// fail keeps a prefix that could not be listed; what the end of ctx cut short is
// no failure of it.
func (l *lister) fail(prefix string, err error) {
	if l.ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Failed = append(l.all.Failed, Failure{prefix, err})
}
