package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mfawatch/internal/demo"
)

// exported runs the printed script with what stands in for the AWS CLI, none where that
// is empty, and gives what it said.
func exported(t *testing.T, dir, cli string, flags ...string) (string, int) {
	t.Helper()
	var script, errs bytes.Buffer
	if code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &script, err: &errs}, append([]string{"collect", "--print-export"}, flags...)); code != 0 {
		t.Fatalf("it ends with %d: %s", code, errs.String())
	}
	bin := t.TempDir()
	for _, name := range []string{"sh", "cat", "mkdir", "grep", "tr", "sleep", "echo", "cut", "date", "wc", "ls"} {
		real, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(real, filepath.Join(bin, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if cli != "" {
		if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(cli), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sh := exec.CommandContext(t.Context(), filepath.Join(bin, "sh"), "-s")
	sh.Dir, sh.Stdin, sh.Env = dir, &script, []string{"PATH=" + bin, "DEMO=" + filepath.Join(dir, "demo")}
	out, err := sh.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), sh.ProcessState.ExitCode()
}

// demoCLI answers with the files of the demo's account.
const demoCLI = `#!/bin/sh
case "$2 $4 $3" in
"generate-credential-report "*) echo COMPLETE ;;
list-users*) echo ada ;;
list-mfa-devices*) cat "$DEMO/mfa-devices/${3#--user-name=}.json" ;;
get-login-profile*) cat "$DEMO/login-profile/${3#--user-name=}.json" ;;
get-caller-identity*) cat "$DEMO/caller-identity.json" ;;
get-credential-report*) cat "$DEMO/credential-report.json" ;;
get-account-summary*) cat "$DEMO/account-summary.json" ;;
list-organizations-features*) cat "$DEMO/organizations-features.json" ;;
get-account-authorization-details*) cat "$DEMO/authorization-details.json" ;;
list-virtual-mfa-devices*) cat "$DEMO/virtual-mfa-devices.json" ;;
*) echo "what is $*?" >&2; exit 252 ;;
esac
`

// The printed script makes a folder that audit reads, and nothing where it cannot.
func TestPrintedExport(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteAccount(filepath.Join(dir, "demo")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ cli, says string }{
		"no AWS CLI":     {"", "the AWS CLI is not installed"},
		"no credentials": {"#!/bin/sh\nexit 255\n", "AWS does not say who asks"},
	} {
		if out, code := exported(t, dir, c.cli); code != 1 || !strings.Contains(out, c.says) {
			t.Errorf("%s: it ends with %d: %s", name, code, out)
		}
		if _, err := os.Stat(filepath.Join(dir, "exported")); err == nil {
			t.Fatalf("%s: it made a folder", name)
		}
	}
	if out, code := exported(t, dir, demoCLI); code != 0 || !strings.Contains(out, "mfawatch audit --from exported") {
		t.Fatalf("it ends with %d: %s", code, out)
	}
	var out, errs bytes.Buffer
	code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, []string{"audit", "--from", filepath.Join(dir, "exported")})
	if code != exitFindings || !strings.Contains(out.String(), "444455556666") || !strings.Contains(out.String(), "ada") {
		t.Errorf("audit ends with %d: %s\n%.2000s", code, errs.String(), out.String())
	}
	if out, code := exported(t, dir, demoCLI); code != 1 {
		t.Errorf("a second time into the same folder it ends with %d: %s", code, out)
	}
}

// organizationCLI answers for an organisation of one account in one unit, of which
// nobody without a second factor may do anything.
const organizationCLI = `#!/bin/sh
case "$2 $3 $4 $5" in
get-caller-identity*) echo '{}' ;;
describe-organization*) echo '{"Organization": {"Id": "o-example123", "MasterAccountId": "999999999999"}}' ;;
list-accounts*) printf '444455556666\n999999999999\n' ;;
list-parents*=[0-9]*) printf '{\n "Parents": [\n  {\n   "Id": "ou-abcd-low",\n   "Type": "ORGANIZATIONAL_UNIT"\n  }\n ]\n}\n' ;;
list-parents*=ou-*) echo '{"Parents": [{"Id": "r-abcd", "Type": "ROOT"}]}' ;;
list-policies-for-target*) echo '{"Policies": [{"Id": "p-mfa", "Name": "mfa", "Type": "SERVICE_CONTROL_POLICY"}]}' ;;
describe-policy*=p-mfa*) echo once >> ../described
  echo '{"Policy": {"PolicySummary": {"Id": "p-mfa"}, "Content": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"aws:MultiFactorAuthPresent\":\"true\"}}}]}"}}' ;;
*) echo "what is $*?" >&2; exit 252 ;;
esac
`

// What the printed script exports of an organisation answers what the account's own
// files cannot.
func TestPrintedOrganizationExport(t *testing.T) {
	dir := t.TempDir()
	if err := demo.WriteAccount(filepath.Join(dir, "demo")); err != nil {
		t.Fatal(err)
	}
	if out, code := exported(t, dir, "#!/bin/sh\n[ $1 = sts ] || exit 254\n", "--org"); code != 1 || !strings.Contains(out, "no account was listed") {
		t.Errorf("of a member it ends with %d: %s", code, out)
	}
	if err := os.RemoveAll(filepath.Join(dir, "organization")); err != nil {
		t.Fatal(err)
	}
	if out, code := exported(t, dir, organizationCLI, "--org"); code != 0 || !strings.Contains(out, "--scps-from organization") {
		t.Fatalf("it ends with %d: %s", code, out)
	}
	if described, err := os.ReadFile(filepath.Join(dir, "described")); err != nil || string(described) != "once\n" {
		t.Errorf("a policy that is attached four times was asked for: %q, %v", described, err)
	}
	said := func(args ...string) string {
		var out, errs bytes.Buffer
		args = append([]string{"audit", "--from", filepath.Join(dir, "demo"), "--taken-at", demo.ExportedAt.Format(time.RFC3339), "--format", "json"}, args...)
		if code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, args); code != exitFindings {
			t.Fatalf("audit %q ends with %d: %s", args, code, errs.String())
		}
		return out.String()
	}
	const gap, held = `"service-control-policies"`, `"mfa-enforced":{"not_applicable":2,"pass":13}`
	if without := said(); !strings.Contains(without, gap) || strings.Contains(without, held) {
		t.Error("without the organisation's files the policies are known")
	}
	if with := said("--scps-from", filepath.Join(dir, "organization")); strings.Contains(with, gap) || !strings.Contains(with, held) {
		t.Errorf("with them they are not, or hold nobody:\n%.3000s", with)
	}
}
