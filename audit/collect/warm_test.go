package collect_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/collect"
	"mfawatch/internal/fakeaws"
)

// covered says that a scan read the account's records of all the time that these
// tests are about.
const covered = `"accounts":["111122223333"],"records_first":"2026-11-20T00:00:00Z","records_last":"2026-11-20T20:00:00Z"`

const complete = `{"type":"summary","complete":true,"damaged_files":0,"records":5,` + covered + "}\n"

// changed reads the changes of a scan that saw detections.
func changed(t *testing.T, detections ...string) collect.Changes {
	t.Helper()
	c, err := collect.ReadChanges("scan.jsonl", strings.NewReader(strings.Join(detections, "\n")+complete))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func about(name string) string {
	return `{"type":"detection","id":"mfa-enabled","account":"111122223333","principal":{"kind":"iam_user","name":"` + name + `"}}` + "\n"
}

// The promise: of 4,000 users with MFA, those are asked again who changed.
func TestCallsOfAWarmRun(t *testing.T) {
	a := fakeaws.NewAccount(liveAccount)
	for i := range 5000 {
		u := a.User(fmt.Sprintf("user%04d", i))
		switch {
		case i < 3000:
			u.Devices = []fakeaws.Device{a.Virtual(u.Name)}
		case i < 4000:
			u.Devices = []fakeaws.Device{fakeaws.Token("GAKT" + u.ID), a.Virtual(u.Name)}
		}
	}
	srv := frozen(a)
	before := readWhole(t, srv, a, collect.Options{})
	bound := srv.Counts()
	delete(bound, "iam:ListMFADevices")
	var detections []string
	for i := range 10 { // of ten, CloudTrail tells; of ten, the account itself
		detections = append(detections, about(a.Users[7*i].Name))
		a.Users[1000+7*i].Devices[0].Enabled = noon
	}
	srv.Reset()
	later := noon.Add(5 * time.Hour)
	srv.Now = func() time.Time { return later }
	s := readWhole(t, srv, a, collect.Options{Now: srv.Now, Since: &collect.Since{Snapshot: before, Changes: changed(t, detections...)}})
	bound["iam:ListMFADevices"], bound["sts:GetCallerIdentity"] = 20, 1
	if diff := cmp.Diff(bound, srv.Counts()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	ages := map[time.Time]int{}
	for _, u := range s.Users.Value {
		if u.MFADevices != nil {
			ages[u.MFADevices.At]++
		}
	}
	if diff := cmp.Diff(map[time.Time]int{noon: 3980, later: 20}, ages); diff != "" || !s.TakenAt.Equal(later) {
		t.Errorf("taken at %s, ages of the lists (-want +got):\n%s", s.TakenAt, diff)
	}
}

// Whom a warm run asks again, and why.
func TestWhoIsAskedAgain(t *testing.T) {
	later := noon.Add(5 * time.Hour)
	for name, c := range map[string]struct {
		change func(a *fakeaws.Account, s *audit.Snapshot) // of the account, or of the earlier snapshot
		about  []string
		want   map[string]int
	}{
		"nothing":                       {func(*fakeaws.Account, *audit.Snapshot) {}, nil, nil},
		"a change of another":           {func(*fakeaws.Account, *audit.Snapshot) {}, []string{about("ad")}, nil},
		"a change":                      {func(*fakeaws.Account, *audit.Snapshot) {}, []string{about("ada")}, asked(1, 2)},
		"another id":                    {func(a *fakeaws.Account, _ *audit.Snapshot) { a.Users[0].ID = "AIDAX" }, nil, asked(1, 2)},
		"another name":                  {func(a *fakeaws.Account, _ *audit.Snapshot) { a.Users[0].Name = "eve" }, nil, asked(1, 2)},
		"another path":                  {func(a *fakeaws.Account, _ *audit.Snapshot) { a.Users[0].Path = "/x/" }, nil, asked(1, 2)},
		"no earlier list":               {func(_ *fakeaws.Account, s *audit.Snapshot) { s.Users.Value[0].MFADevices = nil }, nil, asked(1, 2)},
		"no earlier users":              {func(_ *fakeaws.Account, s *audit.Snapshot) { s.Users = nil }, nil, asked(1, 2)},
		"a virtual device more":         {func(a *fakeaws.Account, _ *audit.Snapshot) { own(a, a.Virtual("two")) }, nil, asked(1, 2)},
		"a virtual device less":         {func(a *fakeaws.Account, _ *audit.Snapshot) { a.Users[0].Devices = a.Users[0].Devices[1:] }, nil, asked(1, 2)},
		"a virtual device made anew":    {func(a *fakeaws.Account, _ *audit.Snapshot) { a.Users[0].Devices[0].Enabled = noon }, nil, asked(1, 2)},
		"a virtual device of another":   {func(a *fakeaws.Account, _ *audit.Snapshot) { a.Users[0].Devices[0].Serial += "x" }, nil, asked(1, 2)},
		"a token more, nobody told":     {func(a *fakeaws.Account, _ *audit.Snapshot) { own(a, fakeaws.Token("GAKT9")) }, nil, nil},
		"every device gone":             {func(a *fakeaws.Account, _ *audit.Snapshot) { a.Users[0].Devices = nil }, nil, nil}, // the report says so
		"the earlier list was empty":    {func(_ *fakeaws.Account, s *audit.Snapshot) { s.Users.Value[0].MFADevices.Value = []audit.MFADevice{} }, nil, asked(1, 2)},
		"no certification so far":       {func(_ *fakeaws.Account, s *audit.Snapshot) { forget(s, 2) }, nil, asked(0, 1)},
		"no certifications so far":      {func(_ *fakeaws.Account, s *audit.Snapshot) { forget(s, 2); forget(s, 3) }, nil, asked(0, 2)},
		"an earlier user without an id": {func(_ *fakeaws.Account, s *audit.Snapshot) { s.Users.Value[0].ID = "" }, nil, asked(1, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			a := fakeaws.NewAccount(liveAccount)
			a.User("ada").Devices = []fakeaws.Device{a.Virtual("phone"), a.FIDO("ada", "a", nil), fakeaws.Token("GAKT1"), a.FIDO("ada", "b", map[string]string{"FIDO": "L1"})}
			srv := frozen(a)
			before := again(t, readWhole(t, srv, a, collect.Options{}))
			srv.Now = func() time.Time { return later }
			srv.Reset()
			c.change(a, before)
			s := readWhole(t, srv, a, collect.Options{Now: srv.Now, Since: &collect.Since{Snapshot: *before, Changes: changed(t, c.about...)}})
			if diff := cmp.Diff(c.want, singles(srv)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if name != "every device gone" && s.Users.Value[0].MFADevices == nil {
				t.Error("the list of devices is not known")
			}
		})
	}
}

func own(a *fakeaws.Account, d fakeaws.Device) { a.Users[0].Devices = append(a.Users[0].Devices, d) }

func forget(s *audit.Snapshot, device int) {
	s.Users.Value[0].MFADevices.Value[device].Certifications = nil
}

// asked are calls for devices; a user of TestWhoIsAskedAgain who is asked again
// has two security keys.
func asked(lists, keys int) map[string]int {
	counts := map[string]int{"iam:GetMFADevice": keys}
	if lists > 0 {
		counts["iam:ListMFADevices"] = lists
	}
	return counts
}

// An earlier list is older than the report or younger, and agrees with it or
// does not; without the virtual devices nobody can tell.
func TestEarlierListAndReport(t *testing.T) {
	for name, c := range map[string]struct {
		listed time.Duration // after the report
		change func(a *fakeaws.Account, srv *fakeaws.Server)
		want   int
	}{
		"report younger, agrees":        {-time.Hour, func(*fakeaws.Account, *fakeaws.Server) {}, 0},
		"report older, agrees":          {time.Hour, func(*fakeaws.Account, *fakeaws.Server) {}, 0},
		"report not believed":           {-time.Hour, func(a *fakeaws.Account, _ *fakeaws.Server) { a.Report.Cell = odd }, 0},
		"no report":                     {-time.Hour, func(_ *fakeaws.Account, srv *fakeaws.Server) { srv.Fault(fakeaws.Denied("iam:GetCredentialReport")) }, 0},
		"no virtual devices":            {-time.Hour, func(_ *fakeaws.Account, srv *fakeaws.Server) { srv.Fault(fakeaws.Denied("iam:ListVirtualMFADevices")) }, 1},
		"report older, says none":       {time.Hour, func(a *fakeaws.Account, _ *fakeaws.Server) { a.Report.Cell = none }, 0},
		"report of that time says none": {0, func(a *fakeaws.Account, _ *fakeaws.Server) { a.Report.Cell = none }, 1},
		"report younger, says none":     {-time.Hour, func(a *fakeaws.Account, _ *fakeaws.Server) { a.Report.Cell = none }, 1},
	} {
		a := fakeaws.NewAccount(liveAccount)
		a.User("ada").Devices = []fakeaws.Device{fakeaws.Token("GAKT1")}
		srv := frozen(a)
		before := readWhole(t, srv, a, collect.Options{})
		before.Users.Value[0].MFADevices.At = noon.Add(c.listed)
		srv.Now = func() time.Time { return noon.Add(3 * time.Hour) } // the report of noon is what AWS has
		c.change(a, srv)
		a.MakeReport(noon)
		srv.Reset()
		readWhole(t, srv, a, collect.Options{Now: srv.Now, Since: &collect.Since{Snapshot: before, Changes: changed(t)}})
		if got := srv.Counts()["iam:ListMFADevices"]; got != c.want {
			t.Errorf("%s: asked %d times, want %d", name, got, c.want)
		}
	}
}

func odd(column, text string) string {
	if column == "mfa_active" {
		return "not_supported"
	}
	return text
}

func none(column, text string) string {
	if column == "mfa_active" {
		return "false"
	}
	return text
}

// An empty list of an earlier run confirms no failure, one of just now does.
func TestEarlierListWithoutDevices(t *testing.T) {
	for age, want := range map[time.Duration]int{5 * time.Minute: 0, 5*time.Minute + 1: 1} {
		a := fakeaws.NewAccount(liveAccount)
		a.User("ada").Password = true
		srv := frozen(a)
		a.MakeReport(noon.Add(-time.Hour))
		before := readWhole(t, srv, a, collect.Options{})
		if n := srv.Counts()["iam:ListMFADevices"]; n != 1 {
			t.Fatalf("asked %d times at first", n)
		}
		srv.Now = func() time.Time { return noon.Add(age) }
		readWhole(t, srv, a, collect.Options{Now: srv.Now, Since: &collect.Since{Snapshot: before, Changes: changed(t)}})
		if got := srv.Counts()["iam:ListMFADevices"] - 1; got != want {
			t.Errorf("a list of %s ago: asked %d times, want %d", age, got, want)
		}
	}
}

// A warm run that was interrupted is resumed with the same earlier snapshot.
func TestWarmRunResumed(t *testing.T) {
	a := crowd(100)
	srv := frozen(a)
	before := readWhole(t, srv, a, collect.Options{})
	var all []string
	for _, u := range a.Users[:50] {
		all = append(all, about(u.Name))
	}
	since := &collect.Since{Snapshot: before, Changes: changed(t, all...)}
	srv.Reset()
	half, err := readingUntil(t, interruptAt(srv, "iam:ListMFADevices", 12), srv, a, collect.Options{Since: since})
	if err == nil {
		t.Fatal("not interrupted")
	}
	srv.Before = nil
	srv.Reset()
	s := readWhole(t, srv, a, collect.Options{Since: since, Resume: &half})
	if got := srv.Counts()["iam:ListMFADevices"]; got+len(lists(half)) != 60 || got > 20 || got < 18 {
		t.Errorf("asked %d times after %d lists", got, len(lists(half)))
	}
	if diff := cmp.Diff(encode(t, before), encode(t, s)); diff != "" {
		t.Errorf("cold and warm (-cold +warm):\n%s", diff)
	}
}

// Which lines of a scan name whom.
func TestChangesName(t *testing.T) {
	const ada, id = `"principal":{"kind":"iam_user","name":"ada","id":"AIDA333300000001"}`, `"principal":{"kind":"iam_user","name":"","id":"AIDA333300000001"}`
	const mine, others = `"account":"111122223333",`, `"account":"444455556666",`
	for line, want := range map[string]int{
		`{"type":"detection","id":"mfa-enabled",` + mine + ada + `}`:                                                    1,
		`{"type":"detection","id":"mfa-enabled",` + mine + id + `}`:                                                     1,
		`{"type":"detection","id":"mfa-enabled",` + others + ada + `}`:                                                  0,
		`{"type":"detection","id":"mfa-enabled","account":"",` + ada + `}`:                                              1,
		`{"type":"detection","id":"mfa-enabled",` + ada + `}`:                                                           1,
		`{"type":"detection","id":"mfa-deactivated-for-other",` + mine + `"target":"eve",` + ada + `}`:                  0,
		`{"type":"detection","id":"mfa-deactivated-for-other",` + mine + `"target":"ada","principal":{"name":"eve"}}`:   1,
		`{"type":"detection","id":"mfa-device-deleted",` + mine + ada + `}`:                                             1,
		`{"type":"detection","id":"login-profile-changed-for-other",` + mine + `"target":"ada","principal":{}}`:         1,
		`{"type":"detection","id":"portal-device-registered",` + mine + ada + `}`:                                       1,
		`{"type":"detection","id":"root-sign-in",` + mine + ada + `}`:                                                   0,
		`{"type":"detection","id":"sign-in-after-failures",` + mine + `"target":"ada",` + ada + `}`:                     0,
		`{"type":"verdict","id":"mfa-enabled",` + mine + ada + `}`:                                                      0,
		`{"type":"detection","id":"mfa-enabled",` + mine + `"principal":{"kind":"root","name":"root","id":"1111"}}`:     0,
		`{"type":"detection","id":"mfa-resynced-for-other",` + mine + `"target":"Ada","principal":{}}`:                  0, // names are compared as they are
		`{"type":"detection","id":"mfa-enabled-for-other",` + mine + `"events":["a","b"],"target":"ada","new":{"x":1}}`: 1,
	} {
		a := fakeaws.NewAccount(liveAccount)
		a.User("ada").Devices = []fakeaws.Device{fakeaws.Token("GAKT1")}
		srv := frozen(a)
		before := readWhole(t, srv, a, collect.Options{})
		for form, text := range map[string]string{"jsonl": line + "\n" + complete, "json": asOneObject(line)} {
			changes, err := collect.ReadChanges("scan", strings.NewReader(text))
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			srv.Reset()
			readWhole(t, srv, a, collect.Options{Since: &collect.Since{Snapshot: before, Changes: changes}})
			if got := srv.Counts()["iam:ListMFADevices"]; got != want {
				t.Errorf("%s of %s: ada is asked %d times, want %d", form, line, got, want)
			}
		}
	}
}

// asOneObject puts a line into the json format.
func asOneObject(line string) string {
	verdicts, detections := "[]", "["+line+"]"
	if strings.Contains(line, `"verdict"`) {
		verdicts, detections = detections, verdicts
	}
	return "\n { \"schema\" :\"mfawatch/scan/v1\",\"verdicts\":" + verdicts + `,"detections":` + detections + `,"damaged_files":[],"summary":` + strings.TrimSpace(complete) + "}\n"
}

// A scan after which nobody can say that nothing changed is refused, and so is
// what is no scan.
func TestReadChangesErrors(t *testing.T) {
	const verdict = `{"type":"verdict","event_id":"1"}` + "\n"
	const damaged = `{"type":"damaged_file","path":"x"}` + "\n"
	const noScan = "not what `mfawatch scan --format jsonl` or `--format json` writes"
	const oldScan = "the scan does not say whose records of what time it read: scan again with this version"
	summary := func(rest string) string { return `{"type":"summary",` + rest + "}\n" }
	cases := map[string]string{
		"":                                     noScan,
		"\n":                                   noScan,
		"hello":                                noScan,
		"[]":                                   noScan,
		"{}":                                   noScan,
		`{"events":[]}`:                        noScan,
		verdict:                                "it ends without the summary: scan again",
		verdict + `{"ty`:                       "line 2: broken JSON: scan again",
		verdict + "{}\n" + complete:            "line 2: " + noScan,
		verdict + "3\n" + complete:             "line 2: " + noScan,
		`{"type":3}` + "\n" + complete:         "line 1: " + noScan,
		`{"type":"finding"}` + "\n" + complete: "line 1: " + noScan,
		`{"type":"detection","id":1}` + "\n" + complete:                                                                     "line 1: " + noScan,
		complete + complete:                                                                                                 "line 2: something follows the summary: give the output of one scan",
		complete + verdict:                                                                                                  "line 2: something follows the summary: give the output of one scan",
		summary(`"complete":false,"damaged_files":0,"records":1`):                                                           "the scan was interrupted: scan again",
		summary(`"damaged_files":0,"records":1`):                                                                            "the scan was interrupted: scan again",
		summary(`"complete":true,"damaged_files":[],"records":1`):                                                           "line 1: " + noScan,
		damaged + summary(`"complete":true,"damaged_files":2,"records":1`):                                                  "the scan could not read 2 of its files to their end, and changes may be in them: mend them and scan again",
		summary(`"complete":true,"damaged_files":0,"records":0`):                                                            "the scan read no CloudTrail record: name the files of the time since the snapshot and scan again",
		`{"schema":"mfawatch/scan/v2","summary":{}}`:                                                                        `schema is "mfawatch/scan/v2", this program reads "mfawatch/scan/v1": ` + noScan,
		`{"schema":"mfawatch/scan/v1"}`:                                                                                     "it ends without the summary: scan again",
		`{"schema":"mfawatch/scan/v1","summary":null}`:                                                                      "it ends without the summary: scan again",
		`{"schema":"mfawatch/scan/v1","summary":{"complete":false}}`:                                                        "the scan was interrupted: scan again",
		`{"schema":"mfawatch/scan/v1","detections":{}}`:                                                                     noScan,
		`{"schema":"mfawatch/scan/v1","detections":[{"id":1}]}`:                                                             "broken JSON at byte 51: scan again",
		`{"schema":"mfawatch/scan/v1","verdicts":[{}`:                                                                       "broken JSON at byte 43: scan again",
		`{"schema":"mfawatch/scan/v1","summary":` + strings.TrimSpace(complete):                                             fmt.Sprintf("broken JSON at byte %d: scan again", 38+len(complete)),
		summary(`"complete":true,"damaged_files":0,"records":1`):                                                            oldScan,
		summary(`"complete":true,"records":1,"accounts":["1"],"records_first":"2026-11-20T00:00:00Z"`):                      oldScan,
		summary(`"complete":true,"records":1,"accounts":["1"],"records_last":"2026-11-20T00:00:00Z"`):                       oldScan,
		summary(`"complete":true,"records":1,"records_first":"2026-11-20T00:00:00Z","records_last":"2026-11-20T00:00:00Z"`): oldScan,
		summary(`"complete":true,"records":1,"accounts":["1"],"records_first":"0001-01-01T00:00:00Z","records_last":"0001-01-01T00:00:00Z"`): oldScan,
		summary(`"complete":true,"records":1,"accounts":["1"],"records_first":"yesterday"`):                                                  "line 1: " + noScan,
		summary(`"complete":true,"filtered":true,"damaged_files":0,"records":1,` + covered):                                                  "the scan was narrowed to some users, accounts, Regions or times, and changes may be in the rest: scan again without these flags",
	}
	for _, text := range slices.Sorted(maps.Keys(cases)) {
		c, err := collect.ReadChanges("scan.jsonl", strings.NewReader(text))
		if want := "scan.jsonl: " + cases[text]; err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
		if diff := cmp.Diff(collect.Changes{}, c, cmp.AllowUnexported(collect.Changes{})); diff != "" {
			t.Errorf("%q: changes in spite of the error:\n%s", text, diff)
		}
	}
	for _, text := range []string{complete, verdict + complete, summary(`"complete":true,"filtered":false,"damaged_files":0,"records":1,"forgotten":9,"new":{},` + covered), "\r\n" + verdict + "\r\n" + complete} {
		if _, err := collect.ReadChanges("scan.jsonl", strings.NewReader(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// What a scan says that it covered, to whoever joins several.
func TestWhatChangesCover(t *testing.T) {
	c := changed(t)
	first, last := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 20, 20, 0, 0, 0, time.UTC)
	if !c.First.Equal(first) || !c.Last.Equal(last) || !slices.Equal(c.Accounts(), []string{liveAccount}) {
		t.Errorf("%s to %s of %v", c.First, c.Last, c.Accounts())
	}
	c.Accounts()[0] = "changed"
	if c.Accounts()[0] != liveAccount {
		t.Error("the caller can change the accounts")
	}
}

// A scan stands for the time since the earlier snapshot only where it read the
// account's records of that time.
func TestScanHasToCoverTheTimeSince(t *testing.T) {
	a := fakeaws.NewAccount(liveAccount)
	for _, name := range []string{"ada", "ben"} {
		a.User(name).Devices = []fakeaws.Device{fakeaws.Token("GAKT" + name)}
	}
	srv := frozen(a)
	before := readWhole(t, srv, a, collect.Options{})
	before.Users.Value[1].MFADevices.At = noon.Add(-time.Hour) // the oldest that may be reused
	now := noon.Add(2 * time.Hour)
	srv.Now = func() time.Time { return now }
	const reach = "the scan's records are of %s to %s, and have to reach from 2026-11-20T11:00:00Z, when the oldest devices of the earlier snapshot were read, to 2026-11-20T13:30:00Z or later: scan again"
	for name, c := range map[string]struct {
		accounts, first, last string
		without               bool // devices in the earlier snapshot
		want                  string
	}{
		"all of it":                  {`"1","111122223333"`, "2026-11-20T11:00:00Z", "2026-11-20T13:30:00Z", false, ""},
		"another account":            {`"444455556666"`, "2026-11-20T11:00:00Z", "2026-11-20T13:30:00Z", false, "the scan holds no record of account 111122223333: scan its trail"},
		"no account that is known":   {``, "2026-11-20T11:00:00Z", "2026-11-20T13:30:00Z", false, "the scan holds no record of account 111122223333: scan its trail"},
		"begins late":                {`"111122223333"`, "2026-11-20T11:00:01Z", "2026-11-20T14:00:00Z", false, fmt.Sprintf(reach, "2026-11-20T11:00:01Z", "2026-11-20T14:00:00Z")},
		"ends early":                 {`"111122223333"`, "2026-11-20T01:00:00Z", "2026-11-20T13:29:59Z", false, fmt.Sprintf(reach, "2026-11-20T01:00:00Z", "2026-11-20T13:29:59Z")},
		"ends early, nothing to use": {`"111122223333"`, "2026-11-20T01:00:00Z", "2026-11-20T01:29:59Z", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := `{"type":"summary","complete":true,"records":1,"accounts":[` + c.accounts + `],"records_first":"` + c.first + `","records_last":"` + c.last + `"}`
			changes, err := collect.ReadChanges("scan", strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			earlier := again(t, before)
			for i := range earlier.Users.Value {
				if c.without {
					earlier.Users.Value[i].MFADevices = nil
				}
			}
			srv.Reset()
			s, err := reading(t, srv, a, collect.Options{Now: srv.Now, Since: &collect.Since{Snapshot: *earlier, Changes: changes}})
			if got := fmt.Sprint(err); c.want != "" && got != c.want || c.want == "" && err != nil {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if refused := c.want != ""; refused && (s.Account != "" || len(srv.Calls()) != 1) || c.without != (srv.Counts()["iam:ListMFADevices"] == 2) {
				t.Errorf("account %q, calls %v", s.Account, srv.Counts())
			}
		})
	}
}
