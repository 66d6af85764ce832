//go:build acceptance

package acceptance

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/internal/corpus"
	"mfawatch/internal/fakeaws"
)

const (
	historyAccount = "111122223333"
	refusedRegion  = "eu-west-1"
)

// happened is a record of the history, with what a lookup goes by.
type happened struct {
	EventID, EventName, EventSource, EventTime, AWSRegion string

	at   time.Time
	text string
}

func (h happened) signIn() bool {
	return h.EventSource == "signin.amazonaws.com" && (h.EventName == "ConsoleLogin" || h.EventName == "UserAuthentication")
}

// history are the records of an archive, as if the last was written an hour ago:
// AWS keeps 90 days.
func history(t *testing.T) []happened {
	t.Helper()
	var all []happened
	var last time.Time
	_, err := corpus.Each(corpus.Spec{Seed: 41, Records: 4_000, MedianRecords: 15, SignInRate: .35, DecoyRate: -1}, func(_ string, gz []byte, _ int) error {
		z, err := gzip.NewReader(bytes.NewReader(gz))
		if err != nil {
			return err
		}
		var file struct{ Records []json.RawMessage }
		if err := json.NewDecoder(z).Decode(&file); err != nil {
			return err
		}
		for _, r := range file.Records {
			h := happened{text: string(r)}
			if err := json.Unmarshal(r, &h); err != nil {
				return err
			}
			if h.at, err = time.Parse(time.RFC3339, h.EventTime); err != nil {
				return err
			}
			if h.at.After(last) {
				last = h.at
			}
			all = append(all, h)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().UTC().Add(-time.Hour).Truncate(time.Second).Sub(last)
	for i := range all {
		h := &all[i]
		was := `"eventTime":"` + h.EventTime + `"`
		if strings.Count(h.text, was) != 1 {
			t.Fatalf("event %s has more than one time", h.EventID)
		}
		h.at = h.at.Add(later)
		h.text = strings.Replace(h.text, was, `"eventTime":"`+h.at.Format(time.RFC3339)+`"`, 1)
		h.AWSRegion = cmp.Or(h.AWSRegion, "us-east-1")
	}
	return all
}

// lookedUp is AWS with that history. It answers two lookups a second and Region,
// and refuses some of them all the same: others ask too.
func lookedUp(t *testing.T, all []happened) (*fakeaws.Server, string) {
	t.Helper()
	srv := fakeaws.New(fakeaws.NewAccount(historyAccount))
	srv.History = fakeaws.History{Rate: 2, Events: map[string][]fakeaws.Event{}, Regions: map[string]string{"af-south-1": "DISABLED", "ap-south-1": "ENABLED_BY_DEFAULT"}}
	for _, h := range all {
		srv.History.Regions[h.AWSRegion] = "ENABLED_BY_DEFAULT"
		srv.History.Events[h.AWSRegion] = append(srv.History.Events[h.AWSRegion], fakeaws.Event{ID: h.EventID, Name: h.EventName, Source: h.EventSource, Time: h.at, Record: h.text})
	}
	denied := fakeaws.Denied("cloudtrail:LookupEvents")
	denied.Region = refusedRegion
	srv.Fault(denied)
	for _, region := range []string{"us-east-1", "eu-north-1"} {
		srv.Fault(fakeaws.Fault{Action: "cloudtrail:LookupEvents", Region: region, Status: 400, Code: "ThrottlingException", Message: "Rate exceeded", After: 3, Times: 2})
	}
	url, err := srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return srv, url
}

// TestLookupIsJudgedAsFilesAre asks the event history of an account's Regions,
// page by page, and holds the verdicts against those of the same records in a
// file. One Region may not be asked: that is said, and the others stand.
func TestLookupIsJudgedAsFilesAre(t *testing.T) {
	all := history(t)
	srv, url := lookedUp(t, all)
	bin, file := binary(t), filepath.Join(t.TempDir(), "records.jsonl")
	var lines strings.Builder
	byRegion := map[string]int{}
	for _, h := range all {
		if h.signIn() {
			byRegion[h.AWSRegion]++
		}
		if h.signIn() && h.AWSRegion != refusedRegion {
			lines.WriteString(h.text + "\n")
		}
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(byRegion) < 5 || slices.Min(slices.Collect(maps.Values(byRegion))) < 51 || byRegion[refusedRegion] == 0 {
		t.Fatalf("sign-ins by Region %v: too few for several pages each", byRegion)
	}
	local, code, _ := scanned(t, bin, url, file)
	if code != 3 {
		t.Fatalf("the local scan ends with %d, want 3", code)
	}
	looked, code, stderr := scanned(t, bin, url, "--lookup")
	if code != 3 {
		t.Fatalf("the lookup ends with %d, want 3: %s", code, stderr)
	}
	want, got := verdictLines(t, local), verdictLines(t, looked)
	if len(want) < 500 || !slices.Equal(got, want) {
		t.Errorf("%d verdicts, the local scan writes %d, or others", len(got), len(want))
	}
	saysWhatWasRefused(t, looked)
	askedEachPage(t, srv, byRegion)
	t.Logf("%d sign-ins of %d Regions: the history is judged as the file is; %d calls", len(want), len(byRegion)-1, srv.Counts()["cloudtrail:LookupEvents"])
}

// saysWhatWasRefused holds the answer to what it says of the Region that was not answered.
func saysWhatWasRefused(t *testing.T, out []byte) {
	t.Helper()
	var damaged []string
	complete := false
	for line := range bytes.Lines(out) {
		var v struct {
			Type, Path, Reason string
			Complete           bool
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		switch v.Type {
		case "damaged_file":
			damaged = append(damaged, v.Path+": "+v.Reason)
		case "summary":
			complete = v.Complete
		}
	}
	if want := "lookup://" + refusedRegion + ": cannot be opened: access denied: allow cloudtrail:LookupEvents"; !slices.Equal(damaged, []string{want}) {
		t.Errorf("damaged %q, want %q", damaged, want)
	}
	if !complete {
		t.Error("the summary says that the scan was interrupted")
	}
}

// askedEachPage holds the calls to what they had to be: each page once, and once
// more for each refusal; none where nothing may be asked or is switched off.
func askedEachPage(t *testing.T, srv *fakeaws.Server, byRegion map[string]int) {
	t.Helper()
	calls := map[string]int{}
	for _, c := range srv.Calls() {
		if c.Action == "cloudtrail:LookupEvents" && c.Key == "signin.amazonaws.com" {
			calls[c.Region]++
		}
	}
	for region, n := range byRegion {
		least := (n + 49) / 50
		if region == refusedRegion {
			least = 1
		} else if region == "us-east-1" || region == "eu-north-1" {
			least += 2
		}
		if calls[region] < least {
			t.Errorf("%s was asked %d times, want %d at least: pages hold 50", region, calls[region], least)
		}
	}
	if calls[refusedRegion] != 1 || calls["af-south-1"] != 0 || calls["ap-south-1"] != 1 {
		t.Errorf("calls by Region %v", calls)
	}
}

// scanned runs the binary against the stand-in.
func scanned(t *testing.T, bin, url string, args ...string) (out []byte, code int, stderr string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), bin, append([]string{"scan", "--format", "jsonl"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID="+fakeaws.NewAccount(historyAccount).AccessKey(), "AWS_SECRET_ACCESS_KEY=x",
		"AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
	var stdout, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &errs
	_ = cmd.Run()
	return stdout.Bytes(), cmd.ProcessState.ExitCode(), errs.String()
}

// verdictLines are the verdicts whole, without where their records came from.
func verdictLines(t *testing.T, out []byte) []string {
	t.Helper()
	var all []string
	for line := range bytes.Lines(out) {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		if v["type"] != "verdict" {
			continue
		}
		delete(v, "origin")
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return all
}
