package start_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/functions/settings"
	"mfawatch/functions/start"
)

// environment is what settings.Audit and the SDK need, in a folder, with changes.
func environment(folder string, change map[string]string) func(string) (string, bool) {
	env := settings.Env(settings.Audit{
		Common: settings.Common{Partition: "aws", Account: "111122223333", LogLevel: "warn"}, ReportBucket: "reports", TopicARN: "arn:aws:sns:eu-north-1:111122223333:t",
		ReportPrefix: "audit/", Formats: []string{"json"}, Region: "eu-north-1", Remind: 1, Rate: 1,
	})
	env["AWS_REGION"], env["LAMBDA_TASK_ROOT"] = "eu-north-1", folder
	for name, value := range change {
		env[name] = value
	}
	return func(name string) (string, bool) { v, there := env[name]; return v, there }
}

func TestFrom(t *testing.T) {
	dir, out := t.TempDir(), &bytes.Buffer{}
	if err := os.WriteFile(filepath.Join(dir, "rules.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	set, parts, err := start.From[settings.Audit](environment(dir, nil), out)
	if err != nil || set.ReportBucket != "reports" || parts.AWS.Region != "eu-north-1" {
		t.Fatalf("settings %+v, Region %s, error %v", set, parts.AWS.Region, err)
	}
	parts.Log.Info().Msg("quiet")
	parts.Log.Warn().Msg("loud")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"message":"loud"`) || !strings.Contains(got, `"time":`) {
		t.Errorf("the log at level warn is %q", got)
	}
	if text, err := parts.File("rules.json"); err != nil || string(text) != "{}" {
		t.Errorf("rules.json = %q, %v", text, err)
	}
	_, err = parts.File("mfawatch.yaml")
	if err == nil || !strings.HasPrefix(err.Error(), "read mfawatch.yaml: ") || !strings.HasSuffix(err.Error(), ": put it into the function's folder") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for want, change := range map[string]map[string]string{
		"MFAWATCH_REPORT_BUCKET is missing":         {"MFAWATCH_REPORT_BUCKET": ""},
		`MFAWATCH_LOG_LEVEL "loud" is no log level`: {"MFAWATCH_LOG_LEVEL": "loud"},
		"AWS_REGION is missing":                     {"AWS_REGION": ""},
	} {
		out := &bytes.Buffer{}
		_, _, err := start.From[settings.Audit](environment("", change), out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("%v: error %v, want %s", change, err, want)
		}
		if code := start.Refused(out, err); code != 1 || strings.Count(out.String(), "\n") != 1 || !strings.Contains(out.String(), "the function cannot start") {
			t.Errorf("code %d, log %q, want one line", code, out)
		}
	}
}
