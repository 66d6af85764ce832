package device_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/device"
	"mfawatch/totp/seal"
)

var ends = time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("", 3600))

func creds(secret, token string) device.Credentials {
	return device.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: seal.NewSecret([]byte(secret)), SessionToken: seal.NewSecret([]byte(token)), Expires: ends}
}

func TestWriteProcess(t *testing.T) {
	var b strings.Builder
	if err := device.WriteProcess(&b, creds("a/b+c=", "<t&k>")); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{"Version": 1.0, "AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "a/b+c=", "SessionToken": "<t&k>", "Expiration": "2026-11-20T11:00:00Z"} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if len(got) != 5 || strings.Count(b.String(), "\n") != 1 || !strings.HasSuffix(b.String(), "}\n") {
		t.Errorf("written %q", b.String())
	}
}

// odd is all that a shell might take for something else, in printable ASCII.
const odd = "a'b\"c\\d$e`f!g;h&i|j(k)l<m>n*o?p~q#r%s{t}u[v]w'"

func TestWriteExports(t *testing.T) {
	for shell, want := range map[device.Shell]string{
		device.Sh:         "export AWS_ACCESS_KEY_ID='ASIAEXAMPLE'\nexport AWS_SECRET_ACCESS_KEY='it'\\''s\\'\nexport AWS_SESSION_TOKEN='t'\nexport AWS_CREDENTIAL_EXPIRATION='2026-11-20T11:00:00Z'\nexport AWS_REGION='eu-north-1'\n",
		device.Fish:       "set -gx AWS_ACCESS_KEY_ID 'ASIAEXAMPLE'\nset -gx AWS_SECRET_ACCESS_KEY 'it\\'s\\\\'\nset -gx AWS_SESSION_TOKEN 't'\nset -gx AWS_CREDENTIAL_EXPIRATION '2026-11-20T11:00:00Z'\nset -gx AWS_REGION 'eu-north-1'\n",
		device.PowerShell: "$env:AWS_ACCESS_KEY_ID = 'ASIAEXAMPLE'\n$env:AWS_SECRET_ACCESS_KEY = 'it''s\\'\n$env:AWS_SESSION_TOKEN = 't'\n$env:AWS_CREDENTIAL_EXPIRATION = '2026-11-20T11:00:00Z'\n$env:AWS_REGION = 'eu-north-1'\n",
	} {
		var b strings.Builder
		if err := device.WriteExports(&b, creds("it's\\", "t"), shell, "eu-north-1"); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", shell, err, b.String(), want)
		}
	}
}

// A shell reads back what was written.
func TestExportsInAShell(t *testing.T) {
	var b strings.Builder
	if err := device.WriteExports(&b, creds(odd, odd+odd), device.Sh, ""); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", b.String()+`printf '%s %s' "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN"`)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil || string(out) != odd+" "+odd+odd {
		t.Errorf("the shell has %s, %v", out, err)
	}
}

func TestOutputRefuses(t *testing.T) {
	for name, c := range map[string]device.Credentials{
		"wiped": creds("", "t"), "a line's end": creds("a\nb", "t"), "a space": creds("a b", "t"), "no ASCII": creds("a’b", "t"), "a zero": creds("s", "a\x00"), "no token": creds("s", ""), "nothing": {},
		"no end": {AccessKeyID: "A", SecretAccessKey: seal.NewSecret([]byte("s")), SessionToken: seal.NewSecret([]byte("t"))},
	} {
		var b strings.Builder
		for _, err := range []error{device.WriteProcess(&b, c), device.WriteExports(&b, c, device.Sh, "")} {
			if err == nil || b.Len() > 0 || !strings.Contains(err.Error(), "print credentials") {
				t.Errorf("%s: %v, %d bytes written", name, err, b.Len())
			}
		}
	}
	var b strings.Builder
	if err := device.WriteExports(&b, creds("s", "t"), "csh", ""); err == nil || !strings.Contains(err.Error(), `"csh" is none of sh, fish and powershell`) {
		t.Errorf("csh: %v", err)
	}
	if err := device.WriteExports(&b, creds("s", "t"), device.Sh, "x'; rm"); err == nil || b.Len() > 0 {
		t.Errorf("a Region: %v, %q", err, b.String())
	}
	if err := device.WriteProcess(full{}, creds("s", "t")); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
}

var errFull = errors.New("disk full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
