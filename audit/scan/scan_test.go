package scan

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
	"mfawatch/internal/corpus"
)

func text(name, s string) Source {
	return Source{Name: name, Size: int64(len(s)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(s)), nil
	}}
}

// login is a console sign-in of an IAM user; mfa is the value of MFAUsed.
func login(id, user, mfa, at string) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","principalId":"AIDA%[2]s","arn":"arn:aws:iam::111122223333:user/%[2]s","accountId":"111122223333","userName":"%[2]s"},`+
		`"eventTime":"%[4]s","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","awsRegion":"eu-north-1","sourceIPAddress":"192.0.2.7",`+
		`"responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"%[3]s"},"eventID":"%[1]s","recipientAccountId":"111122223333"}`, id, user, mfa, at)
}

func log(records ...string) string { return `{"Records":[` + strings.Join(records, ",") + `]}` }

func scanAll(o Options, sources ...Source) Result { return Run(context.Background(), sources, o) }

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.String()
}

// What stands beside good records and is none of CloudTrail's must not vanish.
func TestNothingVanishesBesideGoodRecords(t *testing.T) {
	good := login("a", "ada", "Yes", "2026-11-20T08:00:00Z")
	other := strings.Replace(good, "ConsoleLogin", "GetObject", 2)
	hole := []byte(log(other, login("b", "ada", "No", ""), other, good))
	copy(hole[len(other)-20:], make([]byte, 500))
	for _, c := range []struct {
		name, file, in string
		reason         string // part of it; "" for no damage
		unread         int    // verdicts unreadable
	}{
		{"a foreign value among lines", "x.json", good + "\n{\"event\":" + good + "}\n", "that CloudTrail does not write", 0},
		{"an element without a name", "x.json", log(good, `{"eventSource":"signin.amazonaws.com"}`), "that CloudTrail does not write", 0},
		{"another event of EventBridge", "x.json", good + "\n" + `{"detail-type":"Sign-in Anomaly Alert","source":"aws.signin","detail":{"a":1}}`, "", 0},
		{"a cut log of an odd name", "b", log(good)[:100], "breaks off", 0},
		{"a cut gzip of an odd name", "b.part", gzipped(log(good))[:100], "breaks off", 0},
		{"an empty .gz", "x.json.gz", "", "empty", 0},
		{"a heading above lines", "x.txt", "# exported\n" + good + "\n", "not JSON", 0},
		{"a hole in a plain file", "x.json", string(hole), "", 1},
		{"a whole plain file", "x.json", log(good, other), "", 0},
	} {
		r := scanAll(Options{}, text(c.file, c.in))
		damaged := ""
		for _, d := range r.Damaged {
			damaged += d.Reason
		}
		if (c.reason == "") != (damaged == "") || !strings.Contains(damaged, c.reason) || (r.Summary.ByReason[signin.ReasonUnreadable] > 0) != (c.unread > 0) {
			if c.unread > 0 && damaged != "" {
				continue // the hole broke the list: said as damage, as good
			}
			t.Errorf("%s: damage %q, want %q; reasons %v", c.name, damaged, c.reason, r.Summary.ByReason)
		}
	}
}

// A reader that never answers does not keep Ctrl-C from ending a scan.
func TestWaitingInputEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	defer w.Close()
	src := Source{Name: "-", Given: true, Stream: true, Open: func() (io.ReadCloser, error) {
		go cancel()
		return io.NopCloser(r), nil
	}}
	if got := Run(ctx, []Source{src}, Options{}); got.Summary.Complete {
		t.Error("the scan says that it is complete")
	}
}

// A stream is read whole, however its reader cuts it.
func TestStream(t *testing.T) {
	in := strings.Repeat(login("a", "ada", "No", "2026-11-20T08:00:00Z")+"\n", 500)
	src := Source{Name: "-", Given: true, Stream: true, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(iotest.OneByteReader(strings.NewReader(in))), nil
	}}
	if r := scanAll(Options{}, src); len(r.Verdicts) != 1 || r.Verdicts[0].Seen != 500 || len(r.Damaged) != 0 {
		t.Errorf("verdicts %+v, damaged %+v", r.Verdicts, r.Damaged)
	}
}

// TestCorpus holds the whole of a scan against what the generator says it made.
func TestCorpus(t *testing.T) {
	var sources []Source
	m, err := corpus.Each(corpus.Spec{Seed: 3, Records: 20_000, SignInRate: .02, DuplicateRate: .1}, func(path string, gz []byte, _ int) error {
		sources = append(sources, text(path, string(gz)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := scanAll(Options{}, sources...)
	s := r.Summary
	reasons := map[string]int{}
	for reason, n := range s.ByReason {
		reasons[string(reason)] = n
	}
	if d := cmp.Diff(m.ByReason, reasons); d != "" {
		t.Errorf("reasons, generator -, scan +:\n%s", d)
	}
	if s.SignIns+s.Duplicates != m.SignIns || s.Duplicates != m.Duplicates || s.Files != m.Files || s.Bytes != m.Bytes {
		t.Errorf("%d sign-ins and %d copies in %d files of %d bytes; the generator made %d with %d copies in %d of %d",
			s.SignIns, s.Duplicates, s.Files, s.Bytes, m.SignIns, m.Duplicates, m.Files, m.Bytes)
	}
	if len(r.Verdicts) != s.SignIns || len(r.Damaged) != 0 || !s.Complete {
		t.Errorf("%d verdicts of %d sign-ins, damaged %v, complete %v", len(r.Verdicts), s.SignIns, r.Damaged, s.Complete)
	}
	if n := m.Records + m.Decoys["nested-record"]; s.Records != m.Records && s.Records > n {
		t.Errorf("%d records, the generator made %d", s.Records, m.Records)
	}
}

// The order of files and the number of workers never change the answer.
func TestOrderOfFilesDoesNotMatter(t *testing.T) {
	var sources []Source
	_, err := corpus.Each(corpus.Spec{Seed: 4, Records: 6_000, MedianRecords: 50, SignInRate: .05, DuplicateRate: .2}, func(path string, gz []byte, _ int) error {
		sources = append(sources, text(path, string(gz)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sources = append(sources, text("cut.json", log(login("cut", "ada", "No", "2026-11-20T00:00:00Z"))+`{"Records":[`))
	want, err := json.Marshal(scanAll(Options{Workers: 1}, sources...))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for workers := 1; workers <= 5; workers++ {
		random.Shuffle(len(sources), func(i, j int) { sources[i], sources[j] = sources[j], sources[i] })
		got, err := json.Marshal(scanAll(Options{Workers: workers}, sources...))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d workers, shuffled: another answer", workers)
		}
	}
}

func TestCopies(t *testing.T) {
	const at = "2026-11-20T08:00:00Z"
	no, yes := login("e1", "ada", "No", at), login("e1", "ada", "Yes", at)
	unsaid := login("e1", "ada", "", at)
	correction := strings.Replace(login("e2", "ada", "Yes", at), `{"eventVersion"`, `{"addendum":{"reason":"UPDATED_DATA","originalEventID":"e1"},"eventVersion"`, 1)
	elsewhere := strings.ReplaceAll(no, `"recipientAccountId":"111122223333"`, `"recipientAccountId":"444455556666"`)
	anonymous := strings.Replace(no, `"eventID":"e1",`, "", 1)
	for _, c := range []struct {
		name string
		in   []string
		want string // reason and copies of each verdict
		dup  int
	}{
		{"three copies", []string{no, no, no}, "no-mfa 3;", 2},
		{"the worse of two that differ", []string{yes, no}, "no-mfa 2;", 1},
		{"unknown is worse than pass", []string{yes, unsaid}, "mfa-not-recorded 2;", 1},
		{"fail is worse than unknown", []string{unsaid, no}, "no-mfa 2;", 1},
		{"a correction stands for what it corrects", []string{no, correction}, "mfa 2;", 1},
		{"a correction of another event is none", []string{no, strings.ReplaceAll(correction, "ConsoleLogin", "CheckMfa")}, "no-mfa 2;", 1},
		{"a correction that says less is none", []string{no, strings.Replace(correction, `"Yes"`, `""`, 1)}, "no-mfa 2;", 1},
		{"another account is another event", []string{no, elsewhere}, "no-mfa 1;no-mfa 1;", 0},
		{"without an id nothing is a copy", []string{anonymous, anonymous}, "no-mfa 1;no-mfa 1;", 0},
	} {
		for _, order := range []string{"as given", "reversed"} {
			var sources []Source
			for i, r := range c.in {
				sources = append(sources, text(fmt.Sprint(i), log(r)))
			}
			if order == "reversed" {
				for i, r := range c.in {
					sources[len(c.in)-1-i] = text(fmt.Sprint(i), log(r))
				}
			}
			r := scanAll(Options{Workers: 1}, sources...)
			got := ""
			for _, v := range r.Verdicts {
				got += fmt.Sprintf("%s %d;", v.Reason, v.Seen)
			}
			if got != c.want || r.Summary.Duplicates != c.dup {
				t.Errorf("%s, %s: %s with %d copies, want %s with %d", c.name, order, got, r.Summary.Duplicates, c.want, c.dup)
			}
		}
	}
}

func TestFilter(t *testing.T) {
	records := log(
		login("a", "ada", "No", "2026-11-20T08:00:00Z"),
		login("b", "grace", "No", "2026-11-20T09:00:00Z"),
		login("c", "ada", "No", "garbage"),
		strings.ReplaceAll(login("d", "ada", "No", "2026-11-20T10:00:00Z"), "111122223333", "444455556666"))
	hour := func(h int) time.Time { return time.Date(2026, 11, 20, h, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name string
		f    Filter
		want string
	}{
		{"none", Filter{}, "cabd"},
		{"since is included, no time is kept", Filter{Since: hour(9)}, "cbd"},
		{"until is not", Filter{Until: hour(9)}, "ca"},
		{"account", Filter{Account: "444455556666"}, "d"},
		{"user by name, in any case", Filter{User: "ADA"}, "cad"},
		{"user by id", Filter{User: "AIDAgrace"}, "b"},
		{"an unknown account is kept", Filter{Account: "777788889999"}, ""},
		{"user by ARN", Filter{User: "arn:aws:iam::444455556666:user/ada"}, "d"},
		{"nobody", Filter{User: "gra"}, ""},
	} {
		r := scanAll(Options{Filter: c.f}, text("x", records))
		got := ""
		for _, v := range r.Verdicts {
			got += v.EventID
		}
		if got != c.want || r.Summary.SignIns != len(c.want) || r.Summary.ByOutcome[audit.Fail] != len(c.want) {
			t.Errorf("%s: verdicts %q, %d counted, want %q", c.name, got, r.Summary.SignIns, c.want)
		}
	}
}

// A sequence that began before Since is still seen; what ended before is not
// listed. A detection is about the user it is done to as well.
func TestFilteredDetections(t *testing.T) {
	removed := `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111122223333:user/eve","accountId":"111122223333","userName":"eve"},"eventTime":"2026-11-20T07:00:00Z",` +
		`"eventSource":"iam.amazonaws.com","eventName":"DeactivateMFADevice","requestParameters":{"userName":"ada","serialNumber":"arn:aws:iam::111122223333:mfa/ada"},"eventID":"r","recipientAccountId":"111122223333"}`
	source := text("x", log(removed, login("a", "ada", "No", "2026-11-20T08:00:00Z")))
	ids := func(f Filter) string {
		var all []string
		for _, d := range scanAll(Options{Filter: f}, source).Detections {
			all = append(all, d.ID)
		}
		return strings.Join(all, " ")
	}
	const both = "mfa-deactivated-for-other sign-in-without-mfa-after-factor-removed"
	for f, want := range map[Filter]string{
		{}: both,
		{Since: time.Date(2026, 11, 20, 7, 30, 0, 0, time.UTC)}: "sign-in-without-mfa-after-factor-removed",
		{User: "ada"}:             both,
		{User: "eve"}:             "mfa-deactivated-for-other",
		{Account: "444455556666"}: "",
	} {
		if got := ids(f); got != want {
			t.Errorf("filter %+v: %q, want %q", f, got, want)
		}
	}
}

func TestRulesReachTheJudges(t *testing.T) {
	off := false
	r := scanAll(Options{
		SignIn: signin.Rules{SignIn: []signin.Override{{Reason: signin.ReasonNoMFA, Alert: &off}}},
		Detect: detect.Rules{Overrides: []detect.Override{{ID: "trail-stopped", Alert: &off}}},
	}, text("x", log(login("a", "ada", "No", "2026-11-20T08:00:00Z"),
		`{"userIdentity":{"type":"IAMUser"},"eventTime":"2026-11-20T08:00:00Z","eventSource":"cloudtrail.amazonaws.com","eventName":"StopLogging","eventID":"s"}`)))
	if len(r.Verdicts) != 1 || r.Verdicts[0].Alert || len(r.Detections) != 1 || r.Detections[0].Alert {
		t.Errorf("verdicts %+v, detections %+v: want one of each, none alerting", r.Verdicts, r.Detections)
	}
}

// Of what is found in a folder only what is named like a log is called damaged;
// what a person named is always reported.
func TestWhatIsNoLog(t *testing.T) {
	for _, c := range []struct {
		name, in string
		given    bool
		damaged  bool
		skipped  string
	}{
		{"notes.txt", "hello", false, false, "not-json"},
		{"logs.zip", "PK\x03\x04", false, true, ""},
		{"notes.txt", "hello", true, true, ""},
		{"x.json", "hello", false, true, ""},
		{"x.JSON.GZ", "hello", false, true, ""},
		{"x.log", "hello", false, true, ""},
		{"x.gz", "hello", false, true, ""},
		{"x.json", `{"a":1}`, false, false, "other"},
		{"x.json", "", false, false, "empty"},
		{"x", `{"digestStartTime":"x"}`, false, false, "digest"},
		{"x", log(login("a", "ada", "No", "")) + "{", false, true, ""},
	} {
		src := text(c.name, c.in)
		src.Given = c.given
		r := scanAll(Options{}, src)
		if damaged := len(r.Damaged) == 1 && r.Summary.DamagedFiles == 1; damaged != c.damaged {
			t.Errorf("%s %q given %v: damaged %v", c.name, c.in, c.given, r.Damaged)
		}
		if c.skipped != "" && r.Summary.Skipped[c.skipped] != 1 || c.skipped == "" && len(r.Summary.Skipped) > 0 {
			t.Errorf("%s %q: skipped %v, want %q", c.name, c.in, r.Summary.Skipped, c.skipped)
		}
	}
}

func TestUnreadableFileIsReportedAndTheRestScanned(t *testing.T) {
	denied := Source{Name: "logs/denied.json", Open: func() (io.ReadCloser, error) {
		return nil, &fs.PathError{Op: "open", Path: "logs/denied.json", Err: fs.ErrPermission}
	}}
	r := scanAll(Options{}, denied, text("ok.json", log(login("a", "ada", "No", ""))))
	want := []DamagedFile{{Type: "damaged_file", Path: "logs/denied.json", Reason: "cannot be opened: permission denied", Unopened: true}}
	if d := cmp.Diff(want, r.Damaged); d != "" || len(r.Verdicts) != 1 {
		t.Errorf("%d verdicts; damaged:\n%s", len(r.Verdicts), d)
	}
}

func TestWithoutMFA(t *testing.T) {
	root := `{"userIdentity":{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"},"eventTime":"2026-11-19T00:00:00Z","eventSource":"signin.amazonaws.com",` +
		`"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"No"},"eventID":"root","recipientAccountId":"111122223333"}`
	r := scanAll(Options{}, text("x", log(
		login("a", "tony", "No", "2026-11-20T08:00:00Z"), login("b", "ada", "No", "2026-11-20T09:00:00Z"),
		login("c", "ada", "No", "2026-11-20T07:00:00Z"), login("d", "grace", "Yes", "2026-11-20T07:00:00Z"), root)))
	got := ""
	for _, w := range r.Summary.WithoutMFA {
		got += fmt.Sprintf("%s %d %s;", w.Principal.Name, w.SignIns, w.Last.Format("15"))
	}
	if want := "root 1 00;ada 2 09;tony 1 08;"; got != want {
		t.Errorf("without MFA: %s, want %s", got, want)
	}
	if r.Summary.First.Hour() != 0 || r.Summary.Last.Hour() != 9 {
		t.Errorf("from %v to %v", r.Summary.First, r.Summary.Last)
	}
}

func TestEachKeepsOrderAndCopies(t *testing.T) {
	a, b := login("a", "ada", "No", "2026-11-20T08:00:00Z"), login("b", "ada", "Yes", "2026-11-20T07:00:00Z")
	var got string
	emit := func(v signin.Verdict) error {
		got += v.EventID + string(v.Reason) + " "
		return nil
	}
	r, err := Each(context.Background(), []Source{text("1", log(a, `{"eventName":"X","eventID":"x"}`, a)), text("2", b+"\nnonsense\n")}, Options{}, emit)
	if want := "ano-mfa xnot-a-sign-in ano-mfa bmfa unreadable "; err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if r.Summary.SignIns != 4 || r.Summary.ByOutcome[audit.Fail] != 2 || r.Summary.DamagedFiles != 1 {
		t.Errorf("summary %+v", r.Summary)
	}
	stop := errors.New("pipe closed")
	if _, err := Each(context.Background(), []Source{text("1", log(a, a))}, Options{}, func(signin.Verdict) error { return stop }); err != stop {
		t.Errorf("error %v, want the one of emit", err)
	}
}

func TestInterruptedScanIsNotComplete(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	first := text("1", log(login("a", "ada", "No", "")))
	second := Source{Name: "2", Open: func() (io.ReadCloser, error) {
		cancel()
		return io.NopCloser(strings.NewReader(log())), nil
	}}
	r := Run(ctx, []Source{first, second, text("3", log(login("b", "ada", "No", "")))}, Options{Workers: 1})
	if r.Summary.Complete || len(r.Damaged) != 0 {
		t.Errorf("complete %v, damaged %v: want an incomplete result without damage", r.Summary.Complete, r.Damaged)
	}
}

func TestProgressTellsEveryByte(t *testing.T) {
	var n int64
	src := text("1", log(login("a", "ada", "No", "")))
	scanAll(Options{Workers: 1, Progress: func(k int64) { n += k }}, src)
	if n != src.Size {
		t.Errorf("%d bytes told, want %d", n, src.Size)
	}
}

func TestFilesFollowsLinksOnce(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("logs/a.json")
	write("logs/deep/b.json")
	write("elsewhere/c.json")
	link("../elsewhere", "logs/more")
	link("..", "logs/deep/up")
	link("a.json", "logs/same.json")
	link("itself", "logs/itself")
	var got []string
	for _, s := range Files([]string{filepath.Join(dir, "logs"), filepath.Join(dir, "logs/a.json"), filepath.Join(dir, "gone")}, nil) {
		rel, _ := filepath.Rel(dir, s.Name)
		_, err := s.Open()
		got = append(got, fmt.Sprintf("%s %v", rel, err == nil))
	}
	want := []string{"logs/a.json true", "logs/deep/b.json true", "elsewhere/c.json true", "logs/itself false", "gone false"}
	slices.Sort(got)
	if len(got) != len(want) || !strings.Contains(strings.Join(got, ";"), "logs/itself false") || !strings.Contains(strings.Join(got, ";"), "gone false") {
		t.Errorf("%q, want %q (the third by whichever link comes first)", got, want)
	}
}

func TestFS(t *testing.T) {
	sources, err := FS(fstest.MapFS{"b/x.json": {Data: []byte(log(login("a", "ada", "No", "")))}, "a.json": {Data: []byte(log())}})
	if err != nil || len(sources) != 2 || sources[0].Name != "a.json" {
		t.Fatalf("%v %v", sources, err)
	}
	if r := scanAll(Options{}, sources...); len(r.Verdicts) != 1 || r.Verdicts[0].Origin != "b/x.json" {
		t.Errorf("%+v", r.Verdicts)
	}
}
