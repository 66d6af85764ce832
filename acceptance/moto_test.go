//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// moto is a running moto_server behind a counter of its calls.
type moto struct {
	url string // of the counter, which is what mfawatch talks to

	mu    sync.Mutex
	calls map[string]int
}

// startMoto starts the server of the peer's virtual environment. checked is how
// many calls it lets pass before it enforces IAM policies; 0: it never does.
func startMoto(t *testing.T, checked int) *moto {
	t.Helper()
	return startMotoAs(t, checked, "moto_server")
}

// startMotoAs starts a server by a command of the virtual environment.
func startMotoAs(t *testing.T, checked int, command ...string) *moto {
	t.Helper()
	server, err := filepath.Abs("../.cache/acceptance/venv-moto/bin/" + command[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(server); err != nil {
		t.Fatalf("moto is missing: run make acceptance, which installs it: %v", err)
	}
	port := freePort(t)
	cmd := exec.Command(server, append(command[1:], "-H", "127.0.0.1", "-p", port)...)
	cmd.Env = append(os.Environ(), "MOTO_IAM_LOAD_MANAGED_POLICIES=true")
	if checked > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprint("INITIAL_NO_AUTH_ACTION_COUNT=", checked))
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	direct := &url.URL{Scheme: "http", Host: "127.0.0.1:" + port}
	waitFor(t, direct.String())
	m := &moto{calls: map[string]int{}}
	forward := httputil.NewSingleHostReverseProxy(direct)
	forward.ModifyResponse = young
	proxy := httptest.NewServer(m.counter(forward))
	t.Cleanup(proxy.Close)
	m.url = proxy.URL
	return m
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func waitFor(t *testing.T, url string) {
	t.Helper()
	for range 300 {
		if r, err := http.Get(url + "/moto-api/"); err == nil {
			_ = r.Body.Close()
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("moto_server does not answer")
}

// notInMoto is an answer to what moto does not know: the account is in no
// organisation.
const notInMoto = `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>OrganizationNotFoundException</Code><Message>The account is not in an organization.</Message></Error><RequestId>1</RequestId></ErrorResponse>`

// generated is when moto 5.2.1 says that every report was made.
const generated = "<GeneratedTime>2015-02-02T20:02:02Z</GeneratedTime>"

// young dates a report as AWS does: it was made just now.
func young(r *http.Response) error {
	if r.Request.Method != http.MethodPost || r.Header.Get("Content-Type") != "text/xml" || r.ContentLength < 0 {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	now := "<GeneratedTime>" + time.Now().UTC().Format(time.RFC3339) + "</GeneratedTime>"
	body = bytes.Replace(body, []byte(generated), []byte(now), 1)
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// counter counts the calls by action and answers ListOrganizationsFeatures,
// which moto 5.2.1 ends with a 500.
func (m *moto) counter(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		form, _ := url.ParseQuery(string(body))
		_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if form.Get("Action") != "" {
			action = form.Get("Action")
		}
		m.mu.Lock()
		m.calls[action]++
		m.mu.Unlock()
		if action == "ListOrganizationsFeatures" {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, notInMoto)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// counted returns the calls since the last time, and begins anew.
func (m *moto) counted() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	m.calls = map[string]int{}
	return calls
}

func (m *moto) config(key, secret, token string) aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: aws.String(m.url), Credentials: credentials.NewStaticCredentialsProvider(key, secret, token)}
}

// audit runs the real binary against moto and returns its findings, exit code,
// and peak memory in KiB.
func (m *moto) audit(t *testing.T, key, secret string, args ...string) (audited, int, int64) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "findings.json")
	cmd := exec.Command(binary(t), append([]string{"audit", "-o", out, "--rate", "100"}, args...)...)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+m.url, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID="+key, "AWS_SECRET_ACCESS_KEY="+secret,
		"AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "MFAWATCH_HOME="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	code := cmd.ProcessState.ExitCode()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || code == 1 || code == 2 {
		t.Fatalf("mfawatch audit %v: %v\n%.2000s", args, err, stderr.String())
	}
	info, err := os.Stat(out)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, error %v: want the report with mode 0600", info, err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var a audited
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	return a, code, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
}

// audited is what the tests read of the findings.
type audited struct {
	Schema, Account string
	Accounts        []audited
	Gaps            []struct{ Fact, Action, Reason string }
	Findings        []struct {
		Check, Outcome, Detail string
		Subject                struct{ Kind, Name string }
	}
}

// outcomes are the answers of one check by the subject's name.
func (a audited) outcomes(check string) map[string]string {
	by := map[string]string{}
	for _, f := range a.Findings {
		if f.Check == check {
			by[f.Subject.Name] = f.Outcome
		}
	}
	return by
}

// staged is one user as the test made it.
type staged struct {
	name     string
	console  bool
	virtual  int
	hardware bool
}

// crowd is n users with every mixture of password and devices, two of five with
// a device.
func crowd(n int) []staged {
	var all []staged
	for i := range n {
		s := staged{name: fmt.Sprintf("user-%04d", i), console: i%2 == 0}
		switch i % 10 {
		case 1, 2:
			s.virtual = 1
		case 3:
			s.virtual = 2
		case 4:
			s.virtual, s.hardware = 1, true
		}
		all = append(all, s)
	}
	return all
}

// make creates the users, several at once.
func (m *moto) make(t *testing.T, users []staged) {
	t.Helper()
	c := iam.NewFromConfig(m.config("test", "test", ""))
	work, failed := make(chan staged), make(chan error, 8)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for s := range work {
				if err := s.create(t.Context(), c); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for _, s := range users {
		work <- s
	}
	close(work)
	wg.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
}

func (s staged) create(ctx context.Context, c *iam.Client) error {
	name := aws.String(s.name)
	if _, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name}); err != nil {
		return err
	}
	if s.console {
		if _, err := c.CreateLoginProfile(ctx, &iam.CreateLoginProfileInput{UserName: name, Password: aws.String("not-A-real-one-1")}); err != nil {
			return err
		}
	}
	for i := range s.virtual {
		d, err := c.CreateVirtualMFADevice(ctx, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String(fmt.Sprintf("%s-%d", s.name, i))})
		if err != nil {
			return err
		}
		if err := enable(ctx, c, s.name, aws.ToString(d.VirtualMFADevice.SerialNumber)); err != nil {
			return err
		}
	}
	if s.hardware {
		return enable(ctx, c, s.name, "GAKT"+s.name[len(s.name)-4:]+"0000")
	}
	return nil
}

func enable(ctx context.Context, c *iam.Client, user, serial string) error {
	_, err := c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: aws.String(user), SerialNumber: aws.String(serial), AuthenticationCode1: aws.String("123456"), AuthenticationCode2: aws.String("234567")})
	return err
}

// TestMotoAccount stages an account of 5,000 and audits it with the real
// binary: the findings are what was staged, in the calls that were promised.
func TestMotoAccount(t *testing.T) {
	const n = 5000
	m := startMoto(t, 0)
	users := crowd(n)
	m.make(t, users)
	m.counted()
	start := time.Now()
	a, code, peak := m.audit(t, "test", "test")
	t.Logf("%d users audited in %v, peak memory %d MiB", n, time.Since(start).Round(time.Millisecond), peak>>10)
	calls := m.counted()
	t.Logf("calls: %v", calls)
	if code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	withMFA := 0
	want := map[string]map[string]string{"user-console-mfa": {}, "user-any-mfa": {}, "user-hardware-mfa": {}, "user-single-device": {}}
	for _, s := range users {
		devices := s.virtual
		if s.hardware {
			devices++
		}
		if devices > 0 {
			withMFA++
		}
		want["user-any-mfa"][s.name] = outcome(devices > 0)
		want["user-console-mfa"][s.name] = applies(s.console, outcome(devices > 0))
		want["user-hardware-mfa"][s.name] = applies(s.console || devices > 0, outcome(s.hardware))
		want["user-single-device"][s.name] = applies(devices > 0, outcome(devices > 1))
	}
	for check, outcomes := range want {
		got := a.outcomes(check)
		for name, o := range outcomes {
			if got[name] != o {
				t.Fatalf("%s of %s is %q, want %s", check, name, got[name], o)
			}
		}
		if len(got) != n {
			t.Errorf("%s: %d findings, want %d", check, len(got), n)
		}
	}
	if calls["ListMFADevices"] != withMFA || calls["GetCredentialReport"] != 1 || calls["GetAccountSummary"] != 1 || calls["ListOrganizationsFeatures"] != 1 || calls["GetLoginProfile"] != 0 || calls["ListUsers"] != 0 {
		t.Errorf("calls %v, want %d of ListMFADevices and one each of report, summary and features", calls, withMFA)
	}
}

func outcome(good bool) string {
	if good {
		return "pass"
	}
	return "fail"
}

func applies(does bool, outcome string) string {
	if does {
		return outcome
	}
	return "not_applicable"
}

// TestMotoOrganization audits ten accounts through a role in each.
func TestMotoOrganization(t *testing.T) {
	m := startMoto(t, 0)
	ctx := t.Context()
	orgs := organizations.NewFromConfig(m.config("test", "test", ""))
	if _, err := orgs.CreateOrganization(ctx, &organizations.CreateOrganizationInput{}); err != nil {
		t.Fatal(err)
	}
	members := map[string]string{}
	for i := range 9 {
		name := fmt.Sprintf("member-%d", i)
		r, err := orgs.CreateAccount(ctx, &organizations.CreateAccountInput{AccountName: aws.String(name), Email: aws.String(name + "@example.com")})
		if err != nil {
			t.Fatal(err)
		}
		id := aws.ToString(r.CreateAccountStatus.AccountId)
		members[id] = name
		session, err := sts.NewFromConfig(m.config("test", "test", "")).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + id + ":role/SecurityAudit"), RoleSessionName: aws.String("setup")})
		if err != nil {
			t.Fatal(err)
		}
		c := iam.NewFromConfig(m.config(aws.ToString(session.Credentials.AccessKeyId), aws.ToString(session.Credentials.SecretAccessKey), aws.ToString(session.Credentials.SessionToken)))
		if err := (staged{name: "user-" + name, console: true}).create(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "snapshots")
	a, code, _ := m.audit(t, "test", "test", "--org", "--role", "SecurityAudit", "--snapshots", dir)
	if code != 3 || a.Schema != "mfawatch/audit-organization/v1" || len(a.Accounts) != 10 {
		t.Fatalf("exit code %d, %q, %d accounts; want 3 and ten accounts", code, a.Schema, len(a.Accounts))
	}
	for _, account := range a.Accounts {
		name, member := members[account.Account]
		if member && account.outcomes("user-console-mfa")["user-"+name] != "fail" {
			t.Errorf("account %s: %v, want user-%s to fail", account.Account, account.outcomes("user-console-mfa"), name)
		}
		if _, err := os.Stat(filepath.Join(dir, account.Account+".json")); err != nil {
			t.Error(err)
		}
	}
}

// TestMotoLeastPrivilege audits with the printed policy and nothing else, then
// with one action less: that is a gap, not a crash.
func TestMotoLeastPrivilege(t *testing.T) {
	policy := output(t, nil, binary(t), "audit", "--print-policy")
	for _, c := range []struct{ without, fact string }{{"", ""}, {"iam:ListMFADevices", "mfa-devices"}, {"iam:GetAccountSummary", "account-summary"}, {"iam:GetAccountAuthorizationDetails", "groups"}} {
		m := startMoto(t, 8)
		key, secret := m.auditor(t, without(t, policy, c.without))
		a, code, _ := m.audit(t, key, secret)
		var missing []string
		for _, g := range a.Gaps {
			missing = append(missing, g.Fact+" "+g.Action)
		}
		text := strings.Join(missing, ", ")
		switch {
		case c.without == "" && strings.Contains(text, "iam:"):
			t.Errorf("with the whole policy there are gaps: %s", text)
		case c.without != "" && !strings.Contains(text, c.fact+" "+c.without):
			t.Errorf("without %s the gaps are %q", c.without, text)
		case a.outcomes("user-console-mfa")["plain"] != "fail" || code != 3:
			t.Errorf("without %q: exit code %d, %v; want the user without MFA to be found", c.without, code, a.outcomes("user-console-mfa"))
		}
	}
}

// auditor makes an account with three users, of which one may do what the
// policy says, in the eight calls that moto lets pass unchecked.
func (m *moto) auditor(t *testing.T, policy string) (key, secret string) {
	t.Helper()
	ctx := t.Context()
	c := iam.NewFromConfig(m.config("test", "test", ""))
	if err := (staged{name: "plain", console: true}).create(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := (staged{name: "guarded", virtual: 1}).create(ctx, c); err != nil {
		t.Fatal(err)
	}
	name := aws.String("auditor")
	_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: name})
	if err == nil {
		_, err = c.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: name, PolicyName: name, PolicyDocument: &policy})
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: name})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(k.AccessKey.AccessKeyId), aws.ToString(k.AccessKey.SecretAccessKey)
}

// without takes an action out of a policy.
func without(t *testing.T, policy []byte, action string) string {
	t.Helper()
	var p struct {
		Version   string
		Statement []map[string]any
	}
	if err := json.Unmarshal(policy, &p); err != nil {
		t.Fatal(err)
	}
	found := action == ""
	for _, s := range p.Statement {
		actions, _ := s["Action"].([]any)
		kept := []any{}
		for _, a := range actions {
			if a == action {
				found = true
				continue
			}
			kept = append(kept, a)
		}
		s["Action"] = kept
	}
	if !found {
		t.Fatalf("the printed policy does not allow %s", action)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
