package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"mfawatch/audit/detect"
	"mfawatch/audit/report"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/corpus"
	"mfawatch/internal/fakeaws"
)

// trailCommand fills what a script's AWS keeps of CloudTrail:
//
//	trail bucket NAME REGION | trail put NAME FOLDER | trail refuse NAME KEY CODE [MESSAGE]
//	trail cut NAME KEY N… | trail regions NAME=STATUS… | trail history REGION FILE
//	trail deny ACTION REGION-OR-KEY
func trailCommand(ts *testscript.TestScript, neg bool, args []string) {
	srv := ts.Value(awsKey{}).(world)
	if neg {
		ts.Fatalf("trail takes no !")
	}
	switch args[0] {
	case "bucket":
		srv.Bucket(args[1], args[2])
	case "put":
		dir := ts.MkAbs(args[2])
		ts.Check(filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := os.ReadFile(name)
			srv.Change(func() { srv.Buckets[args[1]].Put(filepath.ToSlash(name[len(dir)+1:]), data) })
			return err
		}))
	case "refuse":
		srv.Change(func() {
			o := srv.Buckets[args[1]].Objects[args[2]]
			o.Refuse, o.Message = args[3], strings.Join(args[4:], " ")
		})
	case "cut":
		for _, n := range args[3:] {
			at := 0
			_, err := fmt.Sscan(n, &at)
			ts.Check(err)
			srv.Change(func() {
				o := srv.Buckets[args[1]].Objects[args[2]]
				o.Cuts = append(o.Cuts, at)
			})
		}
	case "regions":
		srv.Change(func() {
			srv.History.Regions = map[string]string{}
			for _, a := range args[1:] {
				name, status, _ := strings.Cut(a, "=")
				srv.History.Regions[name] = status
			}
		})
	case "history":
		srv.Change(func() { keepHistory(srv.Server, args[1], ts.ReadFile(args[2])) })
	case "deny":
		f := fakeaws.Denied(args[1])
		if f.Region = args[2]; strings.Contains(args[2], "/") {
			f.Region, f.Key = "", args[2]
		}
		srv.Fault(f)
	default:
		ts.Fatalf("trail %s: not known", args[0])
	}
}

// keepHistory adds the records of a log file. AGO in their times is an hour ago.
func keepHistory(srv *fakeaws.Server, region, text string) {
	text = strings.ReplaceAll(text, "AGO", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
	var file struct{ Records []json.RawMessage }
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		panic(err)
	}
	if srv.History.Events == nil {
		srv.History.Events = map[string][]fakeaws.Event{}
	}
	for _, r := range file.Records {
		srv.History.Events[region] = append(srv.History.Events[region], remembered(r))
	}
}

// lookedUp is what a lookup goes by.
type lookedUp struct {
	EventID, EventName, EventSource, EventTime, AWSRegion string
}

func remembered(text []byte) fakeaws.Event {
	var r lookedUp
	if err := json.Unmarshal(text, &r); err != nil {
		panic(err)
	}
	at, _ := time.Parse(time.RFC3339, r.EventTime)
	return fakeaws.Event{ID: r.EventID, Name: r.EventName, Source: r.EventSource, Time: at, Record: string(text)}
}

// liveAWS leads this process to an AWS of its own.
func liveAWS(t *testing.T) world {
	t.Helper()
	url, w, end, err := startAWS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	for i, value := range awsValues(url, t.TempDir()) {
		t.Setenv(awsVariables[i], value)
	}
	return w
}

// archive makes an archive in a folder and the same in a bucket.
func archive(t *testing.T, b *fakeaws.Bucket, s corpus.Spec) (dir string, m corpus.Manifest) {
	t.Helper()
	dir = t.TempDir()
	m, err := corpus.Each(s, func(path string, gz []byte, _ int) error {
		b.Put(path, bytes.Clone(gz))
		name := filepath.Join(dir, filepath.FromSlash(path))
		return cmp.Or(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, gz, 0o600))
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, m
}

// scanned runs the command line.
func scanned(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = execute(ctx, terminal{in: strings.NewReader(""), out: &out, err: &err}, append([]string{"scan", "--format", "jsonl"}, args...))
	return code, out.String(), err.String()
}

// A bucket is scanned as a copy of it is, whatever happens on the way.
func TestScanOfS3EqualsLocal(t *testing.T) {
	w := liveAWS(t)
	b := w.Bucket("trail", "eu-north-1")
	dir, m := archive(t, b, corpus.Spec{Seed: 21, Records: 4_000, Tiny: true, SignInRate: .1, DuplicateRate: .2, Organization: "o-abc123"})
	n := 0
	for _, o := range b.Objects {
		if n++; n%40 == 0 {
			o.Cuts = []int{100, 1}
		}
	}
	w.Fault(fakeaws.Fault{Action: "s3:GetObject", Status: 503, Code: "SlowDown", After: 100, Times: 3})
	w.Fault(fakeaws.Throttled("s3:ListObjectsV2", 1))
	code, local, _ := scanned(t.Context(), dir)
	if code != exitFindings || m.Files < 300 {
		t.Fatalf("the local scan of %d files ends with %d", m.Files, code)
	}
	want := strings.ReplaceAll(local, dir+"/", "s3://trail/")
	cache := t.TempDir()
	for _, args := range [][]string{{"s3://trail"}, {"s3://trail/AWSLogs", "--cache", cache}, {"s3://trail/", "--cache", cache}, {"s3://trail/AWSLogs/o-abc123/", "s3://trail/A"}} {
		w.Reset()
		code, got, stderr := scanned(t.Context(), args...)
		if code != exitFindings || got != want {
			t.Errorf("%v ends with %d (%s):\n%s", args, code, stderr, gocmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
		}
		if gets := w.Counts()["s3:GetObject"]; args[0] == "s3://trail/" && gets != 0 {
			t.Errorf("%d objects were read although all were kept", gets)
		}
	}
}

// What was read before Ctrl-C is reported, and with a cache not read again.
func TestInterruptedScanOfS3GoesOn(t *testing.T) {
	w := liveAWS(t)
	b := w.Bucket("trail", "eu-north-1")
	dir, m := archive(t, b, corpus.Spec{Seed: 22, Records: 3_000, Tiny: true, SignInRate: .1})
	ctx, cancel := context.WithCancel(t.Context())
	w.Change(func() {
		w.Before = func(c fakeaws.Call) {
			if c.Action == "s3:GetObject" && c.N == m.Files/2 {
				cancel()
			}
		}
	})
	cache := filepath.Join(t.TempDir(), "kept")
	code, out, stderr := scanned(ctx, "s3://trail", "--cache", cache)
	if code != exitCannotRun || !strings.Contains(out, `"complete":false`) || !strings.Contains(stderr, "run the same again") || strings.Contains(out, `"damaged_file"`) {
		t.Errorf("ends with %d, %q: %.300s", code, stderr, out)
	}
	w.Change(func() { w.Before = nil })
	w.Reset()
	_, local, _ := scanned(t.Context(), dir)
	_, got, _ := scanned(t.Context(), "s3://trail", "--cache", cache)
	if want := strings.ReplaceAll(local, dir+"/", "s3://trail/"); got != want {
		t.Error(gocmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
	}
	if gets := w.Counts()["s3:GetObject"]; gets == 0 || gets > m.Files-m.Files/4 {
		t.Errorf("%d of %d objects were read again", gets, m.Files)
	}
}

// The event history is judged as a file of its records is, while others ask too
// and AWS throttles.
func TestLookupEqualsFile(t *testing.T) {
	now, records := recorded(t)
	synctest.Test(t, func(t *testing.T) {
		srv := fakeaws.New(fakeaws.NewAccount(management))
		srv.Now = func() time.Time { return now }
		srv.History.Regions = map[string]string{"af-south-1": "ENABLED"}
		srv.History.Events = map[string][]fakeaws.Event{}
		var kept []string
		for _, r := range records {
			region := cmp.Or(field(r, "awsRegion"), "us-east-1")
			srv.History.Regions[region] = "ENABLED_BY_DEFAULT"
			srv.History.Events[region] = append(srv.History.Events[region], remembered(r))
			if answered(region, remembered(r)) {
				kept = append(kept, string(r))
			}
		}
		// Fewer than one Region tries: all of them may fall on the same one.
		srv.Fault(fakeaws.Fault{Action: "cloudtrail:LookupEvents", Status: 400, Code: "ThrottlingException", After: 5, Times: 11})
		f := scanFlags{}
		var o scan.Options
		in, err := f.lookups(t.Context(), aws.Config{
			Region: "us-east-1", HTTPClient: srv.Client(), Credentials: credentials.NewStaticCredentialsProvider("AKIAAUDIT"+management, "x", ""),
		}, cloudtrail.Span{}, &o)
		if err != nil {
			t.Fatal(err)
		}
		r := scan.Run(t.Context(), in.sources, o)
		if len(r.Damaged) > 0 {
			t.Fatalf("damaged %+v", r.Damaged)
		}
		got := plain(t, r)
		file := scan.Source{Name: "file", Given: true, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader(strings.Join(kept, "\n"))), nil
		}}
		want := plain(t, scan.Run(t.Context(), []scan.Source{file}, scan.Options{}))
		if d := gocmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); d != "" || len(kept) < 400 || strings.Count(got, `"detection"`) < 3 {
			t.Errorf("%d records, lookup -, file +:\n%s", len(kept), d)
		}
	})
}

// recorded are the records of an archive, and a time just after them.
func recorded(t *testing.T) (now time.Time, records [][]byte) {
	t.Helper()
	_, err := corpus.Each(corpus.Spec{Seed: 23, Records: 6_000, SignInRate: .1, DecoyRate: -1}, func(_ string, gz []byte, _ int) error {
		z, err := gzip.NewReader(bytes.NewReader(gz))
		if err != nil {
			return err
		}
		var file struct{ Records []json.RawMessage }
		if err := json.NewDecoder(z).Decode(&file); err != nil {
			return err
		}
		for _, r := range file.Records {
			records = append(records, r)
			if at := remembered(r).Time; at.After(now) {
				now = at.Add(time.Minute)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return now, records
}

func field(r []byte, name string) string {
	var m map[string]any
	_ = json.Unmarshal(r, &m)
	s, _ := m[name].(string)
	return s
}

func answered(region string, e fakeaws.Event) bool {
	return slices.ContainsFunc(queries(region), func(q cloudtrail.Query) bool { return q.Source == e.Source || q.Name == e.Name })
}

// plain is a result without where its records came from.
func plain(t *testing.T, r scan.Result) string {
	t.Helper()
	r.Summary.Files, r.Summary.Bytes = 0, 0
	for i := range r.Verdicts {
		r.Verdicts[i].Origin = ""
	}
	var out strings.Builder
	if err := report.Write(&out, report.JSONL, r, report.Options{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Every event that some check reads is asked for, or named here with its reason.
func TestLookupAsksForWhatIsRead(t *testing.T) {
	left := map[string]string{
		"AssumeRole": "too many", "GetSessionToken": "too many", "GetFederationToken": "too many",
	}
	asked := map[string]bool{}
	for _, q := range queries("us-east-1") {
		asked[cmp.Or(q.Source, q.Name)] = true
	}
	for _, i := range slices.Concat(signin.Interests(), detect.Interests()) {
		if !asked[i.Source] && !asked[i.Name] && left[i.Name] == "" {
			t.Errorf("%s of %s is read and not asked for", i.Name, i.Source)
		}
	}
	if home, other := len(queries("us-east-1")), len(queries("eu-north-1")); home != 14 || other != 6 {
		t.Errorf("%d queries at home, %d elsewhere; want 14 and 6: scan --help says how long a lookup takes", home, other)
	}
}

func TestSpanOfALookup(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.AddDate(0, 0, -n) }
	for _, c := range []struct {
		f     scan.Filter
		since time.Time
		fails bool
	}{
		{scan.Filter{}, day(90), false},
		{scan.Filter{Since: day(7)}, day(7), false},
		{scan.Filter{Since: day(90)}, day(90), false},
		{scan.Filter{Since: day(91)}, time.Time{}, true},
		{scan.Filter{Until: day(100)}, time.Time{}, true},
		{scan.Filter{Until: day(80)}, day(90), false},
	} {
		s, err := scanFlags{}.span(c.f, now)
		if (err != nil) != c.fails || err == nil && !s.Since.Equal(c.since) {
			t.Errorf("%+v: since %v, %v; want %v", c.f, s.Since, err, c.since)
		}
	}
}
