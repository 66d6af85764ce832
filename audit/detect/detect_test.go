package detect

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit"
	"mfawatch/audit/signin"
	"mfawatch/internal/casefile"
)

var update = flag.Bool("update", false, "write the detections of testdata/*.txtar anew")

// A scenario is one testdata file: on top where the shapes come from, then the
// events, maybe rules, and the detections, one a line. fires-ID[--VARIANT] must
// hold a detection of that id, quiet-ID[--VARIANT] must hold none.
type scenario struct {
	casefile.Case
	id      string
	fires   bool
	events  []signin.Event
	records []string
	rules   Rules
	want    string
}

func scenarios(t *testing.T) []scenario {
	t.Helper()
	var all []scenario
	for _, c := range casefile.All(t, "testdata/*.txtar") {
		all = append(all, read(t, c))
	}
	return all
}

func read(t *testing.T, c casefile.Case) scenario {
	t.Helper()
	if len(bytes.TrimSpace(c.Comment)) == 0 {
		t.Errorf("%s: no comment on where the shapes come from", c.Path)
	}
	verb, id, _ := strings.Cut(c.Name, "-")
	id, _, _ = strings.Cut(id, "--")
	s := scenario{Case: c, id: id, fires: verb == "fires"}
	if verb != "fires" && verb != "quiet" {
		t.Errorf("%s: name starts with neither fires- nor quiet-", c.Path)
	}
	for _, f := range c.Files {
		switch f.Name {
		case "events.jsonl":
			s.records = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		case "rules.json":
			s.rules = readRules(t, c.Path, f.Data)
		case "detections":
			s.want = string(f.Data)
		default:
			t.Errorf("%s: unknown part %q", c.Path, f.Name)
		}
	}
	for _, r := range s.records {
		e, err := signin.Parse([]byte(r))
		if err != nil {
			t.Fatalf("%s: %v in %s", c.Path, err, r)
		}
		s.events = append(s.events, e)
	}
	return s
}

func readRules(t *testing.T, file string, data []byte) Rules {
	t.Helper()
	var overrides []struct {
		ID        string
		Alert     *bool
		Severity  *audit.Severity
		Threshold *int
		Window    string
	}
	if err := json.Unmarshal(data, &overrides); err != nil {
		t.Fatalf("%s: rules.json: %v", file, err)
	}
	var rules Rules
	for _, o := range overrides {
		r := Override{ID: o.ID, Alert: o.Alert, Severity: o.Severity, Threshold: o.Threshold}
		if w, err := time.ParseDuration(o.Window); err == nil {
			r.Window = &w
		}
		rules.Overrides = append(rules.Overrides, r)
	}
	if err := rules.Validate(); err != nil {
		t.Errorf("%s: %v", file, err)
	}
	return rules
}

func run(events []signin.Event, rules Rules) []Detection {
	d := New(rules)
	var found []Detection
	for _, e := range events {
		found = append(found, d.Add(e)...)
	}
	return append(found, d.Flush()...)
}

func lines(ds []Detection) string {
	var b strings.Builder
	for _, d := range ds {
		alert := map[bool]string{true: "alert", false: "quiet"}[d.Alert]
		fmt.Fprintf(&b, "%s %v %s %s/%s %s: %s\n", d.ID, d.Severity, alert, d.Principal.Kind, signin.Printable(d.Principal.Name), strings.Join(d.Events, ","), d.Detail)
	}
	return b.String()
}

func TestScenarios(t *testing.T) {
	for _, s := range scenarios(t) {
		got := run(s.events, s.rules)
		if *update {
			s.Put(t, "detections", lines(got))
			continue
		}
		if diff := cmp.Diff(s.want, lines(got)); diff != "" {
			t.Errorf("%s: detections (-want +got):\n%s", s.Path, diff)
		}
		if fired := slices.ContainsFunc(got, func(d Detection) bool { return d.ID == s.id }); fired != s.fires {
			t.Errorf("%s: fired %s = %v", s.Path, s.id, fired)
		}
		for _, d := range got {
			complete(t, s.Path, d)
		}
	}
}

// complete checks what every detection must hold.
func complete(t *testing.T, where string, d Detection) {
	t.Helper()
	if d.Type != "detection" || d.Time.IsZero() || len(d.Attack) == 0 || d.Detail == "" || len(d.Events) == 0 || len(d.Events) > maxEvents {
		t.Errorf("%s: incomplete detection %+v", where, d)
	}
	for _, r := range d.Detail {
		if !unicode.IsPrint(r) {
			t.Errorf("%s: unprintable %q in detail %q", where, r, d.Detail)
		}
	}
}

// Every event's time and place come from the event that completed it.
func TestDetectionNamesTheCompletingEvent(t *testing.T) {
	s := read(t, casefile.Read(t, "testdata/fires-second-factor-failures.txtar"))
	e, got := s.events[2], run(s.events, s.rules)[0]
	want := Detection{
		Type: "detection", ID: "second-factor-failures", Time: e.Time, Account: "111122223333", Region: "us-east-1",
		Principal: e.Principal, Severity: audit.Medium, Alert: true, Attack: []string{"T1110"}, Detail: got.Detail,
		SourceIP: "192.0.2.7", Events: []string{"e1", "e2", "e3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("detection (-want +got):\n%s", diff)
	}
	s = read(t, casefile.Read(t, "testdata/fires-mfa-deactivated-for-other.txtar"))
	if got := run(s.events, s.rules)[0].Target; got != "bob" {
		t.Errorf("Target = %q, want bob", got)
	}
}

func TestEveryCheckHasBothScenarios(t *testing.T) {
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, s := range scenarios(t) {
		if s.fires {
			fires[s.id] = true
		} else {
			quiet[s.id] = true
		}
	}
	for _, c := range Checks() {
		if !fires[c.ID] || !quiet[c.ID] {
			t.Errorf("%s: a scenario that fires: %v, one that stays quiet: %v", c.ID, fires[c.ID], quiet[c.ID])
		}
		delete(fires, c.ID)
		delete(quiet, c.ID)
	}
	if len(fires)+len(quiet) > 0 {
		t.Errorf("scenarios of unknown checks: %v %v", fires, quiet)
	}
}

func TestChecksAreDocumented(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Checks() {
		if c.ID == "" || c.ID != strings.ToLower(c.ID) || strings.ContainsAny(c.ID, " _.") || seen[c.ID] {
			t.Errorf("id %q is empty, not in kebab case or taken", c.ID)
		}
		seen[c.ID] = true
		if !strings.HasSuffix(c.Question, "?") || c.Why == "" || c.Quiet == "" || len(c.Attack) == 0 {
			t.Errorf("%s: question, why, quiet or attack is missing: %+v", c.ID, c)
		}
		for _, a := range c.Attack {
			if len(a) != 5 && len(a) != 9 || a[0] != 'T' {
				t.Errorf("%s: %q is no ATT&CK technique", c.ID, a)
			}
		}
		if c.Root < c.Severity {
			t.Errorf("%s: root is held for milder (%v) than others (%v)", c.ID, c.Root, c.Severity)
		}
		if c.Sequence != (c.Window > 0) || c.Threshold > 0 && !c.Sequence {
			t.Errorf("%s: sequence %v, window %v, threshold %d do not fit", c.ID, c.Sequence, c.Window, c.Threshold)
		}
	}
}

// An event that nobody asked for must not change an answer, and one that was
// asked for must matter somewhere.
func TestInterestsAreWhatChecksRead(t *testing.T) {
	interests := append(signin.Interests(), Interests()...)
	used := map[string]bool{}
	for _, s := range scenarios(t) {
		var kept []signin.Event
		for i, e := range s.events {
			if slices.ContainsFunc(interests, func(in signin.Interest) bool { return wants(in, e, s.records[i]) }) {
				kept = append(kept, e)
			}
			used[e.Source+" "+e.Name] = true
		}
		if got := lines(run(kept, s.rules)); got != s.want {
			t.Errorf("%s: with Interests only:\n%s\nwant\n%s", s.Path, got, s.want)
		}
	}
	for _, in := range interests {
		if !used[in.Source+" "+in.Name] {
			t.Errorf("no scenario holds %s of %s", in.Name, in.Source)
		}
	}
}

func wants(in signin.Interest, e signin.Event, record string) bool {
	return in.Name == e.Name && in.Source == e.Source && (in.Key == "" || strings.Contains(record, `"`+in.Key+`"`))
}

// Single says what the Detector says of single events, and no more.
func TestSingleIsTheDetectorWithoutSequences(t *testing.T) {
	checks := byID(Checks())
	for _, s := range scenarios(t) {
		var single []Detection
		for _, e := range s.events {
			single = append(single, Single(e, s.rules)...)
		}
		want := slices.DeleteFunc(run(s.events, s.rules), func(d Detection) bool { return checks[d.ID].Sequence })
		if lines(single) != lines(want) {
			t.Errorf("%s: Single gives\n%swant\n%s", s.Path, lines(single), lines(want))
		}
	}
}

// CloudTrail's clock has seconds: events of one second come in any order.
func TestOrderWithinASecondDoesNotMatter(t *testing.T) {
	for _, s := range scenarios(t) {
		if strings.Contains(s.Path, "--late") {
			continue
		}
		other := slices.Clone(s.events)
		slices.Reverse(other)
		slices.SortStableFunc(other, func(a, b signin.Event) int { return a.Time.Compare(b.Time) })
		got, want := strings.Split(lines(run(other, s.rules)), "\n"), strings.Split(s.want, "\n")
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: turned round within the second (-want +got):\n%s", s.Path, diff)
		}
	}
}

func TestDeviceKey(t *testing.T) {
	for serial, want := range map[string]string{
		"arn:aws:iam::111122223333:mfa/Ada":            "ada",
		"arn:aws:iam::111122223333:mfa/team/ada":       "ada",
		"arn:aws:iam::111122223333:u2f/user/ada/key-1": "arn:aws:iam::111122223333:u2f/user/ada/key-1",
		"GAKT12345678": "gakt12345678",
		"ada":          "ada",
		"":             "",
	} {
		if got := deviceKey(serial); got != want {
			t.Errorf("deviceKey(%q) = %q, want %q", serial, got, want)
		}
	}
}

func TestDetectionJSONIsAnInterface(t *testing.T) {
	b, err := json.Marshal(Detection{Type: "detection", Attack: []string{"T1110"}, Events: []string{"e1"}})
	want := `{"type":"detection","id":"","time":"0001-01-01T00:00:00Z","account":"","region":"","principal":{"kind":"","name":"","id":"","arn":""},` +
		`"severity":"info","alert":false,"attack":["T1110"],"detail":"","source_ip":"","events":["e1"]}`
	if err != nil || string(b) != want {
		t.Errorf("JSON = %s, %v, want %s", b, err, want)
	}
}

func TestEventsWithoutIDGiveAnEmptyList(t *testing.T) {
	ds := Single(signin.Event{Name: "StopLogging", Source: trailSource}, Rules{})
	if len(ds) != 1 || ds[0].Events == nil || len(ds[0].Events) != 0 {
		t.Errorf("Single = %+v, want one detection with an empty, not a null list", ds)
	}
}

func TestChecksAreACopy(t *testing.T) {
	Checks()[0].ID = "changed"
	if got := Checks()[0].ID; got != idDeactivated {
		t.Errorf("Checks()[0].ID = %q: it can be changed from outside", got)
	}
}
