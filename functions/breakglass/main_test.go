package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mfawatch/functions/settings"
	"mfawatch/totp/breakglass/storetest"
)

func environment() settings.BreakGlass {
	return settings.BreakGlass{
		Common: settings.Common{Partition: "aws", Account: "111122223333", LogLevel: "info"}, Region: "eu-north-1", Table: "door", LedgerTable: "ledger",
		TopicARN: "arn:aws:sns:eu-north-1:111122223333:door", KeyARN: keyARN, RecordBucket: "record-bucket",
	}
}

// TestWired: what is missing is said at the first start, in one error.
func TestWired(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, rulesName), storetest.NewCast(t).Rules.JSON(), 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := t.TempDir()
	if err := os.WriteFile(filepath.Join(wrong, rulesName), []byte(`{"door":"main","roles":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		"":                                 "<nil>",
		"MFAWATCH_BREAKGLASS_TABLE=":       "the function's environment: MFAWATCH_BREAKGLASS_TABLE is missing",
		"MFAWATCH_BREAKGLASS_KEY_ARN=k":    `the function's environment: MFAWATCH_BREAKGLASS_KEY_ARN "k" is no ARN`,
		"MFAWATCH_LOG_LEVEL=loud":          "the function's environment: MFAWATCH_LOG_LEVEL",
		"AWS_REGION=":                      "the function's environment: AWS_REGION is missing",
		"LAMBDA_TASK_ROOT=" + t.TempDir():  "read breakglass.json: ",
		"LAMBDA_TASK_ROOT=" + wrong:        "breakglass.json: approve: 0s: a minute to a day is possible",
		"MFAWATCH_RECORD_BUCKET=two words": `the function's environment: MFAWATCH_RECORD_BUCKET "two words" is no name`,
	} {
		env := settings.Env(environment())
		env["LAMBDA_TASK_ROOT"], env["AWS_REGION"] = dir, "eu-north-1"
		name, value, _ := strings.Cut(change, "=")
		env[name] = value
		h, err := wired(func(name string) (string, bool) { v, ok := env[name]; return v, ok }, &bytes.Buffer{})
		if !strings.HasPrefix(fmt.Sprint(err), want) || err == nil && (h.Door.Rules.Door != "main" || h.Archive.(*archive).Prefix != "record/main/") {
			t.Errorf("with %q: error %v, want %s…", change, err, want)
		}
	}
}
