package deployed_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"mfawatch/audit/detect"
	"mfawatch/audit/signin"
	"mfawatch/internal/casefile"
)

// testcase is one record of the judges' own testdata.
type testcase struct {
	name       string
	raw        []byte
	fields     map[string]any // nil when the record is not a JSON object
	verdict    signin.Verdict // by the default rules
	detections []detect.Detection
	ruled      bool // by rules of its own it alerts
}

// wanted tells whether somebody must be told of it by default.
func (c testcase) wanted() bool {
	for _, d := range c.detections {
		if d.Alert {
			return true
		}
	}
	return c.verdict.Alert
}

// text is a field of the record, "" when it is not a text.
func (c testcase) text(path ...string) string {
	var v any = c.fields
	for _, key := range path {
		o, _ := v.(map[string]any)
		v = o[key]
	}
	s, _ := v.(string)
	return s
}

// envelope is the record as EventBridge sends it (EventBridge user guide, events
// from AWS services via CloudTrail). Its source is the service's short name; the
// record without eventSource is taken for one of sign-in.
func (c testcase) envelope(t testing.TB) []byte {
	t.Helper()
	service, _, _ := strings.Cut(c.text("eventSource"), ".")
	if service == "" {
		service = "signin"
	}
	return envelope(t, "aws."+service, c.raw)
}

func envelope(t testing.TB, source string, detail []byte) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "AWS Console Sign In via CloudTrail", "source": source,
		"account": "111122223333", "time": "2026-11-20T08:14:03Z", "region": "eu-north-1", "resources": []string{}, "detail": json.RawMessage(detail),
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// loaded keeps the cases, which several tests go through.
var loaded []testcase

// testcases are all records: one a file of signin's, several a file of detect's.
func testcases(t testing.TB) []testcase {
	t.Helper()
	if loaded != nil {
		return loaded
	}
	var all []testcase
	for _, dir := range []string{"../../signin/testdata", "../../detect/testdata"} {
		for _, c := range casefile.All(t, dir+"/*.txtar") {
			all = append(all, read(c)...)
		}
	}
	loaded = slices.Clip(all)
	return loaded
}

func read(c casefile.Case) []testcase {
	var all []testcase
	ruled := false
	for _, f := range c.Files {
		switch f.Name {
		case "event.json":
			all = append(all, judged(c.Name, f.Data))
		case "events.jsonl":
			for line := range strings.Lines(string(f.Data)) {
				all = append(all, judged(fmt.Sprintf("%s#%d", c.Name, len(all)+1), []byte(line)))
			}
		case "verdict":
			headline, _, _ := strings.Cut(string(f.Data), "\n")
			ruled = strings.HasSuffix(headline, " alert")
		}
	}
	for i := range all {
		all[i].ruled = ruled && !all[i].wanted()
	}
	return all
}

func judged(name string, raw []byte) testcase {
	c := testcase{name: name, raw: raw, verdict: signin.Judge(raw, signin.Rules{})}
	_ = json.Unmarshal(raw, &c.fields) // nil then, which is asked for
	if e, err := signin.Parse(raw); err == nil {
		c.detections = detect.Single(e, detect.Rules{})
	}
	return c
}
