package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"mfawatch/audit/detect"
	"mfawatch/audit/report"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/s3"
)

// live are the flags of a scan that asks AWS.
type live struct {
	lookup         bool
	profile, cache string
	regions        []string
}

func (f *live) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.lookup, "lookup", false, "ask CloudTrail's event history instead of reading files (with --since: 90 days at most)")
	c.Flags().StringSliceVar(&f.regions, "region", nil, "only sign-ins recorded in this AWS Region; can be given again")
	c.Flags().StringVar(&f.profile, "profile", "", "AWS profile, for s3:// and --lookup")
	c.Flags().StringVar(&f.cache, "cache", "", "folder that keeps the objects read from s3://, readable by you only; another run takes them from there")
}

// regionName is how Regions are called; a wrong one would find nothing.
var regionName = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+$`)

// valid tells flags that do not go together before anything is read.
func (f *live) valid(paths []string) error {
	remote := slices.ContainsFunc(paths, isURL)
	switch {
	case f.lookup && len(paths) > 0:
		return usage("--lookup asks AWS and reads no files: leave %s out", named(paths))
	case !f.lookup && (len(paths) == 0 || slices.Contains(paths, "")):
		return usage("scan needs a file, a folder, or - for standard input; or s3://BUCKET/PREFIX, or --lookup")
	case f.profile != "" && !remote && !f.lookup:
		return usage("--profile is for s3:// and --lookup: files are read without asking AWS")
	case f.cache != "" && !remote:
		return usage("--cache keeps what is read from s3://BUCKET/PREFIX")
	}
	for _, r := range f.regions {
		if !regionName.MatchString(r) {
			return usage("--region %q is not a Region's name, such as eu-north-1", r)
		}
	}
	for _, p := range paths {
		if _, err := s3.ParseURL(p); isURL(p) && err != nil {
			return usage("%v", err)
		}
	}
	return nil
}

func isURL(path string) bool { return strings.HasPrefix(path, s3.Scheme) }

// inputs are the sources of a scan, and what to say of them.
type inputs struct {
	sources []scan.Source
	what    string // as a person named them
	none    string // what it means that they hold no record; empty: what it means of files
	goOn    string // how to go on after an interruption
	cache   *s3.Cache
	dir     string // of the cache
}

// kept says when the cache could not take everything.
func (in inputs) kept(t terminal) {
	if err := in.cache.Err(); err != nil {
		fmt.Fprintf(t.err, "mfawatch: --cache %s: not all that was read is kept: %s\n", report.Plain(in.dir), report.Plain(err.Error()))
	}
}

// inputs finds what to read: files first, then objects.
func (f scanFlags) inputs(ctx context.Context, t terminal, paths []string, o *scan.Options, now time.Time) (inputs, error) {
	if f.lookup {
		return f.history(ctx, t, o, now)
	}
	files, urls := slices.Clone(paths), slices.Clone(paths)
	files = slices.DeleteFunc(files, isURL)
	urls = slices.DeleteFunc(urls, func(p string) bool { return !isURL(p) })
	in := inputs{sources: scan.Files(files, t.in), what: named(paths)}
	if len(urls) == 0 {
		return in, nil
	}
	return f.objects(ctx, t, in, urls, o)
}

// config is the AWS configuration with credentials that are there.
func (f *live) config(ctx context.Context, t terminal) (aws.Config, error) {
	cfg, err := awsConfig(ctx, t, f.profile, "")
	if err == nil && cfg.Region == "" {
		// A role of the profile is assumed in some Region, and who reads all of
		// them need not have named one.
		cfg, err = awsConfig(ctx, t, f.profile, "us-east-1")
	}
	if err != nil {
		return cfg, err
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil && ctx.Err() == nil {
		return cfg, cannotRun(fmt.Errorf("no usable AWS credentials: sign in, or name a profile with --profile (%s)", innermost(err)))
	}
	return cfg, nil
}

// innermost is the cause of an error, in one line.
func innermost(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			text, _, _ := strings.Cut(err.Error(), "\n")
			return text
		}
		err = inner
	}
}

// objects adds what lies below the URLs.
func (f scanFlags) objects(ctx context.Context, t terminal, in inputs, urls []string, o *scan.Options) (inputs, error) {
	cfg, err := f.config(ctx, t)
	if err != nil {
		return in, err
	}
	in.goOn = "; with --cache DIR another run need not read it again"
	if f.cache != "" {
		in.dir, in.goOn = f.cache, "; run the same again to go on"
		if in.cache, err = s3.NewCache(f.cache); err != nil {
			return in, cannotRun(fmt.Errorf("--cache %s: %w", f.cache, err))
		}
	}
	bar := newCounter(t, "listing")
	defer bar.done()
	l := &objectSources{
		ctx: ctx, cfg: cfg, o: s3.Options{Cache: in.cache}, buckets: map[string]*s3.Bucket{}, seen: map[string]bool{}, skipped: map[string]int{},
		wanted: s3.Wanted{Since: o.Filter.Since, Until: o.Filter.Until, Account: f.account, Regions: f.regions},
		found:  func(n int) { bar.set(n, 0) },
	}
	for _, text := range urls {
		l.add(text)
	}
	in.sources, o.Skipped = append(in.sources, l.sources...), l.skipped
	return in, nil
}

// objectSources makes sources of objects, each once.
type objectSources struct {
	ctx     context.Context
	cfg     aws.Config
	o       s3.Options
	wanted  s3.Wanted
	found   func(int)
	buckets map[string]*s3.Bucket
	seen    map[string]bool
	skipped map[string]int
	sources []scan.Source
}

// add takes one URL. What cannot be listed is a source that cannot be opened.
func (l *objectSources) add(text string) {
	u, err := s3.ParseURL(text)
	if err != nil {
		l.fails(text, err)
		return
	}
	b := l.buckets[u.Bucket]
	if b == nil {
		if b, err = s3.Open(l.ctx, l.cfg, u.Bucket, l.o); err != nil {
			l.fails(text, err)
			return
		}
		l.buckets[u.Bucket] = b
	}
	listing := b.List(l.ctx, u.Prefix, l.wanted, l.found)
	for _, object := range listing.Objects {
		l.object(b, u.Bucket, object)
	}
	for _, f := range listing.Failed {
		l.fails(s3.URL{Bucket: u.Bucket, Prefix: f.Prefix}.String(), f.Err)
	}
	for kind, n := range listing.Skipped {
		l.skipped[kind] += n
	}
}

func (l *objectSources) object(b *s3.Bucket, bucket string, o s3.Object) {
	name := s3.URL{Bucket: bucket, Prefix: o.Key}.String()
	if l.seen[name] {
		return
	}
	l.seen[name] = true
	l.sources = append(l.sources, scan.Source{
		Name: name, Size: o.Size, Given: o.Given, Far: true,
		Open: func() (io.ReadCloser, error) { return b.Get(l.ctx, o) },
	})
}

func (l *objectSources) fails(name string, err error) {
	if l.seen[name] {
		return
	}
	l.seen[name] = true
	l.sources = append(l.sources, failing(name, err))
}

func failing(name string, err error) scan.Source {
	return scan.Source{Name: name, Given: true, Open: func() (io.ReadCloser, error) { return nil, err }}
}

// lookupScheme is how the origin of a verdict from the event history begins.
const lookupScheme = "lookup://"

// history asks CloudTrail's event history.
func (f scanFlags) history(ctx context.Context, t terminal, o *scan.Options, now time.Time) (inputs, error) {
	span, err := f.span(o.Filter, now)
	if err != nil {
		return inputs{}, err
	}
	o.Filter.Since = span.Since // nobody may take the history for all there was
	cfg, err := f.config(ctx, t)
	if err != nil {
		return inputs{}, err
	}
	return f.lookups(ctx, cfg, span, o)
}

// lookups is one source for each Region. All are read at the same time: they
// wait for AWS and hardly compute.
func (f scanFlags) lookups(ctx context.Context, cfg aws.Config, span cloudtrail.Span, o *scan.Options) (inputs, error) {
	var in inputs
	regions := slices.Compact(slices.Sorted(slices.Values(f.regions)))
	if len(regions) == 0 {
		var assumed bool
		var err error
		if regions, assumed, err = cloudtrail.Regions(ctx, cfg); assumed {
			in.sources = append(in.sources, failing(lookupScheme+"other-regions", fmt.Errorf("not asked, because it is not known which Regions are on (%w): or name them with --region", err)))
		}
	}
	for _, r := range regions {
		in.sources = append(in.sources, scan.Source{Name: lookupScheme + r, Given: true, Answer: true, Open: func() (io.ReadCloser, error) {
			return cloudtrail.Lookup(ctx, cfg, r, span, queries(r)...)
		}})
	}
	o.Workers = len(in.sources)
	in.what = fmt.Sprintf("the event history of %d Regions", len(regions))
	if len(regions) == 1 {
		in.what = "the event history of " + regions[0]
	}
	in.none = fmt.Sprintf("%s shows no sign-in since %s UTC: there is nothing to judge", in.what, span.Since.Format("2006-01-02 15:04"))
	return in, nil
}

// span is what to ask for: no more than AWS keeps.
func (f scanFlags) span(filter scan.Filter, now time.Time) (cloudtrail.Span, error) {
	oldest := now.Add(-cloudtrail.Kept).UTC()
	s := cloudtrail.Span{Since: filter.Since, Until: filter.Until}
	switch {
	case s.Since.IsZero():
		s.Since = oldest
	case s.Since.Before(oldest):
		return s, usage("--since %s: AWS keeps the event history for 90 days: for older sign-ins scan the trail's bucket, s3://BUCKET/PREFIX", f.since)
	}
	if !s.Until.IsZero() && !s.Since.Before(s.Until) {
		return s, usage("--until %s: AWS keeps the event history for 90 days: for older sign-ins scan the trail's bucket, s3://BUCKET/PREFIX", f.until)
	}
	return s, nil
}

// queries are what a Region is asked: the sign-in service's events, and by name
// those that detections read of others. IAM's are in one Region only. What
// programs do all the time is not asked for: a lookup takes no second attribute,
// and reads 100 events a second.
func queries(region string) []cloudtrail.Query {
	qs := []cloudtrail.Query{{Source: signin.Source}}
	names := map[string]bool{}
	for _, i := range detect.Interests() {
		iam := i.Source == "iam.amazonaws.com"
		switch {
		case i.Source == signin.Source, i.Key != "", i.Name == "GetFederationToken":
		case iam && region != cloudtrail.Home(region):
		default:
			names[i.Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		qs = append(qs, cloudtrail.Query{Name: name})
	}
	return qs
}
