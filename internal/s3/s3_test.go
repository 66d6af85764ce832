package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/fakeaws"
)

const account = "111122223333"

// stand is a stand-in for S3 with one bucket, "trail" in eu-north-1.
func stand() (*fakeaws.Server, *fakeaws.Bucket) {
	srv := fakeaws.New(fakeaws.NewAccount(account))
	return srv, srv.Bucket("trail", "eu-north-1")
}

func config(srv *fakeaws.Server) aws.Config {
	return aws.Config{Region: "us-east-1", HTTPClient: srv.Client(), Credentials: keys()}
}

func keys() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAAUDIT" + account, SecretAccessKey: "x"}, nil
	})
}

func bucket(t *testing.T, cfg aws.Config, o Options) *Bucket {
	t.Helper()
	b, err := Open(t.Context(), cfg, "trail", o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// file is the key of a log file.
func file(root, account, region, day string, n int) string {
	return fmt.Sprintf("%s%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%sT0000Z_%04d.json.gz", root, account, region, day, account, region, strings.ReplaceAll(day, "/", ""), n)
}

func TestParseURL(t *testing.T) {
	for in, want := range map[string]string{
		"s3://logs":                "logs ",
		"s3://logs/":               "logs ",
		"s3://logs/AWSLogs/x":      "logs AWSLogs/x",
		"s3://logs//odd":           "logs /odd",
		"s3://":                    "",
		"s3:///AWSLogs":            "",
		"s3://a b/x":               "",
		"s3://arn:aws:s3:::logs/x": "",
		"logs/x":                   "",
	} {
		u, err := ParseURL(in)
		if got := u.Bucket + " " + u.Prefix; (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%s is %q, %v; want %q", in, got, err, want)
		}
	}
}

// Only what may matter is listed, whatever stands before AWSLogs.
func TestListChoosesByLayout(t *testing.T) {
	const other = "444455556666"
	day := func(d int) time.Time { return time.Date(2026, 11, d, 8, 0, 0, 0, time.UTC) }
	for _, root := range []string{"AWSLogs/", "AWSLogs/o-abc123/", "o-abc123/AWSLogs/o-abc123/", "a/b/AWSLogs/", "a/b/c/d/AWSLogs/"} {
		srv, b := stand()
		for _, id := range []string{account, other} {
			for _, region := range []string{"eu-north-1", "us-east-1"} {
				for _, d := range []string{"2025/11/20", "2026/10/31", "2026/11/09", "2026/11/10", "2026/11/20", "2026/11/21", "2026/11/22", "2026/12/01"} {
					b.Put(file(root, id, region, d, 1), []byte("x"))
				}
			}
		}
		b.Put(root+account+"/CloudTrail-Digest/eu-north-1/2026/11/20/d.json.gz", []byte("x"))
		b.Put(root+account+"/CloudTrail-Insight/eu-north-1/2026/11/20/i.json.gz", []byte("x"))
		b.Put(root+account+"/vpcflowlogs/eu-north-1/2026/11/20/f.log.gz", []byte("x"))
		b.Put(root+account+"/CloudTrail/", nil)
		for _, c := range []struct {
			name string
			w    Wanted
			want int
			days string // of account and eu-north-1
		}{
			{"all", Wanted{}, 32, "2025/11/20 2026/10/31 2026/11/09 2026/11/10 2026/11/20 2026/11/21 2026/11/22 2026/12/01"},
			{"since", Wanted{Since: day(10)}, 20, "2026/11/10 2026/11/20 2026/11/21 2026/11/22 2026/12/01"},
			{"until and a day", Wanted{Until: day(20)}, 24, "2025/11/20 2026/10/31 2026/11/09 2026/11/10 2026/11/20 2026/11/21"},
			{"both", Wanted{Since: day(20), Until: day(21)}, 12, "2026/11/20 2026/11/21 2026/11/22"},
			{"over the end of a month", Wanted{Since: day(22), Until: time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)}, 8, "2026/11/22 2026/12/01"},
			{"account", Wanted{Account: other}, 16, ""},
			{"Region", Wanted{Regions: []string{"eu-north-1"}}, 16, "2025/11/20 2026/10/31 2026/11/09 2026/11/10 2026/11/20 2026/11/21 2026/11/22 2026/12/01"},
			{"no such Region", Wanted{Regions: []string{"eu-west-9"}}, 0, ""},
		} {
			srv.Change(func() { srv.PageSize = 3 })
			l := bucket(t, config(srv), Options{}).List(t.Context(), "", c.w, nil)
			days := []string{}
			for _, o := range l.Objects {
				if p := parse(o.Key); p.account == account && p.region == "eu-north-1" {
					days = append(days, strings.Join(p.date, "/"))
				}
			}
			if len(l.Objects) != c.want || strings.Join(days, " ") != c.days || len(l.Failed) > 0 {
				t.Errorf("%s%s: %d objects, days %v, failed %v; want %d, %s", root, c.name, len(l.Objects), days, l.Failed, c.want, c.days)
			}
			skipped := 0
			for _, n := range l.Skipped {
				skipped += n
			}
			if want := 3; c.w.Account == "" && skipped != want || c.w.Account != "" && skipped != 0 {
				t.Errorf("%s%s: skipped %v, want %d", root, c.name, l.Skipped, want)
			}
		}
	}
}

// Years of other days and Regions cost no call: a call for each level, and the
// pages of what is wanted.
func TestListCountsCalls(t *testing.T) {
	srv, b := stand()
	for _, region := range []string{"eu-north-1", "us-east-1"} {
		for d := range 700 {
			day := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, d).Format("2006/01/02")
			b.Put(file("AWSLogs/", account, region, day, 1), []byte("x"))
		}
	}
	reader := bucket(t, config(srv), Options{})
	srv.Reset()
	l := reader.List(t.Context(), "AWSLogs", Wanted{Since: time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC), Regions: []string{"us-east-1"}}, nil)
	// the name, AWSLogs, account, CloudTrail, Region, year, November, December
	if got := srv.Counts()["s3:ListObjectsV2"]; got != 8 || len(l.Objects) != 17 {
		t.Errorf("%d calls for %d objects, want 8 for 17", got, len(l.Objects))
	}
	for _, c := range srv.Calls() {
		if strings.Contains(c.Key, "eu-north-1") || strings.Contains(c.Key, "/2025") {
			t.Errorf("%s was listed", c.Key)
		}
	}
}

// What is no layout is listed as a whole, and still chosen from by its keys.
func TestListGivenPrefixes(t *testing.T) {
	srv, b := stand()
	for _, key := range []string{"flat/a.json", "flat/b.json", "flat/deep/er/and/er/still/c.json", "flatter/d.json", "one.json", "one.json/e.json", "AWSLogs/odd/x.json",
		file("flat/deep/er/and/er/AWSLogs/", account, "eu-north-1", "2020/01/01", 1), file("AWSLogs/", account, "eu-north-1", "2026/11/20", 1), file("AWSLogs/", account, "eu-north-1", "2026/11/21", 1),
		"flat/deep/er/and/er/AWSLogs/" + account + "/CloudTrail-Digest/eu-north-1/2026/11/20/x.json.gz"} {
		b.Put(key, []byte("x"))
	}
	for i := range crowd + 1 {
		b.Put(fmt.Sprintf("crowd/%03d/x.json", i), []byte("x"))
	}
	w := Wanted{Since: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	days := "AWSLogs/" + account + "/CloudTrail/eu-north-1/2026/11/2"
	for prefix, want := range map[string]string{
		"flat":             "flat/a.json flat/b.json flat/deep/er/and/er/still/c.json; map[digest:1]",
		"flat/":            "flat/a.json flat/b.json flat/deep/er/and/er/still/c.json; map[digest:1]",
		"fla":              "flat/a.json flat/b.json flat/deep/er/and/er/still/c.json flatter/d.json; map[digest:1]",
		"one.json":         "one.json one.json/e.json; map[]",
		"flat/a.json":      "flat/a.json; map[]",
		"nothing":          "; map[]",
		"AWSLogs/odd":      "AWSLogs/odd/x.json; map[]",
		days:               file("AWSLogs/", account, "eu-north-1", "2026/11/20", 1) + " " + file("AWSLogs/", account, "eu-north-1", "2026/11/21", 1) + "; map[]",
		days + "1/":        file("AWSLogs/", account, "eu-north-1", "2026/11/21", 1) + "; map[]",
		"crowd/100/x.json": "crowd/100/x.json; map[]",
	} {
		l := bucket(t, config(srv), Options{}).List(t.Context(), prefix, w, nil)
		var got []string
		for _, o := range l.Objects {
			got = append(got, o.Key)
			if o.Given != (o.Key == prefix) {
				t.Errorf("%s: %s given %v", prefix, o.Key, o.Given)
			}
		}
		if text := fmt.Sprint(strings.Join(got, " "), "; ", l.Skipped); text != want {
			t.Errorf("%s: %s\nwant %s", prefix, text, want)
		}
	}
	reader := bucket(t, config(srv), Options{})
	srv.Reset()
	if l := reader.List(t.Context(), "crowd/", w, nil); len(l.Objects) != crowd+1 || srv.Counts()["s3:ListObjectsV2"] > 2 {
		t.Errorf("%d objects in %v calls, want %d in two at most", len(l.Objects), srv.Counts(), crowd+1)
	}
}

// A prefix that cannot be listed is said, and the others are listed.
func TestListFailures(t *testing.T) {
	srv, b := stand()
	b.Put(file("AWSLogs/", account, "eu-north-1", "2026/11/20", 1), []byte("x"))
	b.Put(file("AWSLogs/", "444455556666", "eu-north-1", "2026/11/20", 1), []byte("x"))
	f := fakeaws.Denied("s3:ListObjectsV2")
	f.Key = "AWSLogs/444455556666/"
	srv.Fault(f)
	l := bucket(t, config(srv), Options{}).List(t.Context(), "", Wanted{}, nil)
	if len(l.Objects) != 1 || len(l.Failed) != 1 || l.Failed[0].Prefix != f.Key || l.Failed[0].Err.Error() != "access denied: allow s3:ListBucket on arn:aws:s3:::trail" {
		t.Errorf("%d objects, failed %v", len(l.Objects), l.Failed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if l := bucket(t, config(srv), Options{}).List(ctx, "", Wanted{}, nil); len(l.Failed) > 0 || len(l.Objects) > 0 {
		t.Errorf("after the end: %+v", l)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	srv, b := stand()
	b.Put("x", []byte("body"))
	nobody := config(srv)
	nobody.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("nothing in the environment\nnor elsewhere")
	})
	if _, err := Open(t.Context(), nobody, "trail", Options{}); err == nil || err.Error() != "no usable AWS credentials: sign in or name a profile (nothing in the environment)" {
		t.Errorf("without credentials: %v", err)
	}
	if _, err := Open(t.Context(), config(srv), "gone", Options{}); err == nil || err.Error() != "there is no bucket gone: check its name" {
		t.Errorf("without bucket: %v", err)
	}
	// Who may not list the bucket may still read from it.
	srv.Fault(fakeaws.Denied("s3:HeadBucket"))
	if got := read(t, bucket(t, config(srv), Options{}), Object{Key: "x", Size: 4}); got != "body" {
		t.Errorf("read %q", got)
	}
}

func read(t *testing.T, b *Bucket, o Object) string {
	t.Helper()
	r, err := b.Get(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// S3 says SlowDown a while: waiting takes no time here.
func TestGetWaitsForS3(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, b := stand()
		b.Put("x", []byte("body"))
		reader := bucket(t, config(srv), Options{})
		srv.Fault(fakeaws.Fault{Action: "s3:GetObject", Status: 503, Code: "SlowDown", Message: "Please reduce your request rate.", Times: 6})
		if got := read(t, reader, Object{Key: "x"}); got != "body" {
			t.Errorf("read %q", got)
		}
		srv.Mend()
		srv.Fault(fakeaws.Fault{Action: "s3:GetObject", Status: 503, Code: "SlowDown", Message: "Please reduce your request rate."})
		if _, err := reader.Get(t.Context(), Object{Key: "x"}); err == nil || err.Error() != "S3 throttles s3:GetObject and did so for every attempt (SlowDown): scan again later" {
			t.Errorf("throttled for ever: %v", err)
		}
	})
}

func TestGetSaysWhatIsRefused(t *testing.T) {
	srv, b := stand()
	b.Put("denied", nil).Refuse = "AccessDenied"
	deny := b.Put("explicit", nil)
	deny.Refuse, deny.Message = "AccessDenied", "User: arn:aws:iam::111122223333:user/auditor is not authorized to perform: s3:GetObject with an explicit deny in a resource-based policy"
	kms := b.Put("kms", nil)
	kms.Refuse, kms.Message = "AccessDenied", "User: x is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext"
	b.Put("cold", nil).Refuse = "InvalidObjectState"
	b.Put("expired", nil).Refuse = "ExpiredToken"
	b.Put("odd", nil).Refuse = "SomethingNew\nin lines"
	reader := bucket(t, config(srv), Options{})
	for key, want := range map[string]string{
		"denied":   "access denied: allow s3:GetObject on arn:aws:s3:::trail/denied",
		"explicit": "access denied: a policy denies s3:GetObject on arn:aws:s3:::trail/explicit explicitly",
		"kms":      "access denied: allow kms:Decrypt on the key that encrypts the object",
		"cold":     "the object is archived: restore it (s3:RestoreObject), then scan again",
		"expired":  "the credentials have expired: sign in again",
		"gone":     "the object was removed after it was listed",
		"odd":      "access denied: allow s3:GetObject on arn:aws:s3:::trail/odd",
	} {
		_, err := reader.Get(t.Context(), Object{Key: key})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", key, err, want)
		}
	}
}

// onSocket is a bucket over a connection that can break. Nobody waits.
func onSocket(t *testing.T, srv *fakeaws.Server, o Options) *Bucket {
	t.Helper()
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	b := bucket(t, aws.Config{Region: "eu-north-1", Credentials: keys(), BaseEndpoint: &url}, o)
	b.pause = func(ctx context.Context, _ int) error { return ctx.Err() }
	return b
}

// A download that breaks off is taken up; the body is whole or there is none.
func TestBrokenDownloads(t *testing.T) {
	// CloudTrail's objects say Content-Encoding gzip: nothing may unpack them.
	body := append([]byte{0x1f, 0x8b}, bytes.Repeat([]byte("0123456789abcdef"), 1<<14)...)
	many := slices.Repeat([]int{1}, breaks+1)
	for _, c := range []struct {
		name    string
		cuts    []int
		noRange bool
		fails   bool
	}{
		{"never", nil, false, false},
		{"once", []int{1000}, false, false},
		{"five times", []int{1, 100_000, 70_000, 3, 20_000}, false, false},
		{"without ranges", []int{1000, 2000, 500}, true, false},
		{"too often", many, false, true},
	} {
		for _, whole := range []int64{0, 1} {
			srv, b := stand()
			o := b.Put("x", body)
			o.Cuts, o.NoRange = slices.Clone(c.cuts), c.noRange
			reader := onSocket(t, srv, Options{Whole: whole})
			r, err := reader.Get(t.Context(), Object{Key: "x", Size: int64(len(body))})
			var got []byte
			if err == nil {
				got, err = io.ReadAll(r)
				_ = r.Close()
			}
			switch {
			case c.fails && (err == nil || !strings.Contains(err.Error(), "broke off")):
				t.Errorf("%s, whole %d: %v, want that it broke off", c.name, whole, err)
			case !c.fails && (err != nil || !bytes.Equal(got, body)):
				t.Errorf("%s, whole %d: %d bytes, %v", c.name, whole, len(got), err)
			}
		}
	}
}

// An object that is replaced between two parts is never put together of both.
func TestReplacedWhileRead(t *testing.T) {
	srv, b := stand()
	b.Put("x", bytes.Repeat([]byte("a"), 1<<16)).Cuts = []int{1000}
	reader := onSocket(t, srv, Options{})
	reader.pause = func(context.Context, int) error {
		srv.Change(func() { b.Put("x", bytes.Repeat([]byte("b"), 1<<16)) })
		return nil
	}
	if _, err := reader.Get(t.Context(), Object{Key: "x"}); err == nil || err != (conflict{}) {
		t.Errorf("error %v, want %v", err, conflict{})
	}
}

func TestCache(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	cache, err := NewCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv, b := stand()
	b.Put("x", []byte("body"))
	b.Put("large", bytes.Repeat([]byte("l"), 1000))
	reader := bucket(t, config(srv), Options{Cache: cache, Whole: 100})
	for range 3 {
		for _, o := range reader.List(t.Context(), "", Wanted{}, nil).Objects {
			if got := read(t, reader, o); int64(len(got)) != o.Size {
				t.Errorf("%s has %d bytes", o.Key, len(got))
			}
		}
	}
	if n := srv.Counts()["s3:GetObject"]; n != 2 || cache.Err() != nil {
		t.Errorf("%d objects were read, want 2; %v", n, cache.Err())
	}
	srv.Change(func() { b.Put("x", []byte("new!")) })
	for _, o := range reader.List(t.Context(), "x", Wanted{}, nil).Objects {
		if got := read(t, reader, o); got != "new!" {
			t.Errorf("read %q after a change", got)
		}
	}
	modes := map[os.FileMode]int{}
	_ = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if info, err := e.Info(); err == nil && !e.IsDir() {
			modes[info.Mode().Perm()]++
		}
		return err
	})
	if d := cmp.Diff(map[os.FileMode]int{0o600: 3}, modes); d != "" {
		t.Error(d)
	}
}

// What is kept badly is read again; where nothing can be kept all is read.
func TestCacheIsNoCondition(t *testing.T) {
	srv, b := stand()
	b.Put("x", []byte("body"))
	cache, err := NewCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	reader := bucket(t, config(srv), Options{Cache: cache})
	o := reader.List(t.Context(), "x", Wanted{}, nil).Objects[0]
	read(t, reader, o)
	if err := os.WriteFile(cache.path("trail", o), []byte("bo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(t, reader, o); got != "body" {
		t.Errorf("read %q from half a file", got)
	}
	cache.dir = filepath.Join(cache.path("trail", o), "below a file")
	for _, whole := range []int64{100, 1} {
		reader := bucket(t, config(srv), Options{Cache: cache, Whole: whole})
		if got := read(t, reader, o); got != "body" || cache.Err() == nil {
			t.Errorf("whole %d: read %q, error of the cache %v", whole, got, cache.Err())
		}
	}
	if _, err := NewCache(cache.dir); err == nil {
		t.Error("a cache below a file was made")
	}
}

func TestDaysOfNothing(t *testing.T) {
	if ok, kind := (Wanted{}).fits(place{}); !ok || kind != "" {
		t.Errorf("%v %q", ok, kind)
	}
	kinds := map[string]bool{}
	for _, s := range []string{"CloudTrail-Digest", "CloudTrail-Insight", "Config"} {
		_, kind := (Wanted{}).fits(parse("AWSLogs/" + account + "/" + s + "/"))
		kinds[kind] = true
	}
	if want := []string{SkippedDigests, SkippedInsights, SkippedOthers}; !slices.Equal(slices.Sorted(maps.Keys(kinds)), want) {
		t.Errorf("%v, want %v", kinds, want)
	}
}
