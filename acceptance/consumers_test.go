//go:build acceptance

package acceptance

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp"
	"mfawatch/totp/keyring"
	"mfawatch/totp/ledger/file"
	"mfawatch/totp/seal"
)

// laptop is a person's machine: keys that mfawatch keeps, an AWS configuration, and an
// AWS that checks codes as the real one does.
type laptop struct {
	*testing.T
	bin, home string
	srv       *fakeaws.Server
	user      *fakeaws.User
	serial    string
	env       []string
}

func newLaptop(t *testing.T) laptop {
	t.Helper()
	a := fakeaws.NewAccount("111122223333")
	l := laptop{T: t, bin: binary(t), home: t.TempDir(), user: a.User("ada"), srv: fakeaws.New(a), serial: "arn:aws:iam::111122223333:mfa/ada"}
	l.user.Keys = []fakeaws.Key{a.Key()}
	a.Role("ops")
	secret := []byte("12345678901234567890")
	l.user.Devices = []fakeaws.Device{{Serial: l.serial, Enabled: time.Now().Add(-time.Hour)}}
	a.Seed(l.serial, secret)
	l.env = append(os.Environ(), "HOME="+l.home, "MFAWATCH_HOME="+l.home+"/mfawatch", "MFAWATCH_IDENTITY_FILE="+l.home+"/identity.txt",
		"AWS_CONFIG_FILE="+l.home+"/config", "AWS_SHARED_CREDENTIALS_FILE="+l.home+"/credentials", "AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=", "AWS_DEFAULT_REGION=",
		"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", "AWS_PROFILE=", "AWS_ENDPOINT_URL=")
	l.seal("ada", secret)
	return l
}

// seal puts the key where the binary looks for it.
func (l laptop) seal(name string, secret []byte) {
	l.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		l.Fatal(err)
	}
	l.write("identity.txt", id.String()+"\n")
	if err := os.MkdirAll(l.home+"/mfawatch", 0o700); err != nil {
		l.Fatal(err)
	}
	l.write("mfawatch/recipients", id.Recipient().String()+"\n")
	if _, err := keyring.Floor(l.Context(), file.Store{Path: l.home + "/mfawatch/ledger.db"}); err != nil { // a ledger that comes later than its keys counts as lost
		l.Fatal(err)
	}
	s, err := seal.OpenStore(l.home+"/mfawatch/keys", seal.Keys{Recipients: []age.Recipient{id.Recipient()}})
	if err != nil {
		l.Fatal(err)
	}
	k, err := totp.New(totp.Settings{Account: "ada@111122223333"}, secret)
	if err != nil {
		l.Fatal(err)
	}
	if err := (keyring.Ring{Seals: s}).Put(l.Context(), name, l.serial, k); err != nil {
		l.Fatal(err)
	}
}

func (l laptop) write(name, text string) {
	l.Helper()
	if err := os.WriteFile(filepath.Join(l.home, name), []byte(text), 0o600); err != nil {
		l.Fatal(err)
	}
}

// run runs a program there, for two minutes at most.
func (l laptop) run(env []string, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(l.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = l.home, append(append([]string(nil), l.env...), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%w: %s", err, stderr.String())
	}
	return string(out), nil
}

// awsVault is the environment of aws-vault with ada's key in a vault of its own.
func (l laptop) awsVault() []string {
	l.Helper()
	env := append(intercept(l.T, l.srv), "AWS_VAULT_BACKEND=file", "AWS_VAULT_FILE_DIR="+l.home+"/vault", "AWS_VAULT_FILE_PASSPHRASE=x")
	keys := []string{"AWS_ACCESS_KEY_ID=" + l.user.Keys[0].ID, "AWS_SECRET_ACCESS_KEY=secret"}
	if out, err := l.run(append(keys, env...), installed(l.T, "aws-vault"), "add", "--env", "ada"); err != nil {
		l.Fatalf("aws-vault add: %v %s", err, out)
	}
	return env
}

// sessionOf is what AWS knows of the session that a program was given.
func (l laptop) sessionOf(environment string) fakeaws.Session {
	l.Helper()
	for line := range strings.Lines(environment) {
		if key, ok := strings.CutPrefix(strings.TrimSpace(line), "AWS_ACCESS_KEY_ID="); ok && key != "" {
			s, known := l.srv.Session(key)
			if !known {
				l.Fatalf("AWS never issued the key of this session")
			}
			return s
		}
	}
	l.Fatalf("no key in the environment of the program")
	return fakeaws.Session{}
}

// TestAWSVaultWithMFAProcess: the code that reaches STS is ours, at once and when two
// ask at the same time: the second waits for the next and is not refused.
func TestAWSVaultWithMFAProcess(t *testing.T) {
	l := newLaptop(t)
	l.write("config", "[profile ada]\nregion = eu-north-1\nmfa_serial = "+l.serial+"\nmfa_process = "+l.bin+" code "+l.serial+"\n")
	env := l.awsVault()
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			out, err := l.run(env, installed(t, "aws-vault"), "exec", "ada", "--", "env")
			if err != nil {
				t.Errorf("aws-vault exec: %v", err)
				return
			}
			if s := l.sessionOf(out); !s.MFA || s.ARN != "arn:aws:iam::111122223333:user/ada" {
				t.Errorf("the session is %+v, want ada's with MFA", s)
			}
		})
	}
	wait.Wait()
	if n := l.srv.Counts()["sts:GetSessionToken"]; n != 2 {
		t.Errorf("STS was asked %d times, want twice: no code was refused", n)
	}
}

// TestCodeIsInNoProcessList: neither the seed nor a code is in the arguments or the
// environment of a process while codes are made.
func TestCodeIsInNoProcessList(t *testing.T) {
	l := newLaptop(t)
	done := make(chan struct{})
	seen := make(chan string, 1)
	go func() {
		defer close(seen)
		for {
			select {
			case <-done:
				return
			default:
				if what := inProcesses("GEZDGNBVGY3TQOJQ", "12345678901234567890", "otpauth"); what != "" {
					seen <- what
					return
				}
			}
		}
	}()
	out, err := l.run(nil, l.bin, "code", "ada", "--format", "json")
	close(done)
	if what := <-seen; what != "" {
		t.Error(what)
	}
	var c struct{ Code, Serial string }
	if err := json.Unmarshal([]byte(out), &c); err != nil || len(c.Code) != 6 || c.Serial != l.serial {
		t.Errorf("the code is not as it should be: %v %v", err, c.Serial)
	}
	if err != nil {
		t.Error(err)
	}
}

// inProcesses looks into every process's arguments and environment.
func inProcesses(secrets ...string) string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	own := fmt.Sprintf("/proc/%d/", os.Getpid())
	for _, file := range files {
		for _, name := range []string{file, strings.TrimSuffix(file, "cmdline") + "environ"} {
			text, err := os.ReadFile(name)
			if err != nil || strings.HasPrefix(name, own) {
				continue
			}
			for i, s := range secrets {
				if strings.Contains(string(text), s) {
					return fmt.Sprintf("secret %d of the test is in %s", i, filepath.Base(name))
				}
			}
		}
	}
	return ""
}

// TestCredentialProcess: the AWS CLI, both versions, and aws-vault take sessions from a
// profile; of many at once one asks STS, and the session has MFA.
func TestCredentialProcess(t *testing.T) {
	l := newLaptop(t)
	url, err := l.srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.srv.Close() })
	l.write("credentials", "[ada]\naws_access_key_id = "+l.user.Keys[0].ID+"\naws_secret_access_key = secret\n")
	session := "credential_process = " + l.bin + " session --profile ada --key ada --format credential-process"
	l.write("config", "[profile ada]\nregion = eu-north-1\n\n[profile ada-mfa]\nregion = eu-north-1\n"+session+
		"\n\n[profile ops]\nregion = eu-north-1\n"+session+" --role arn:aws:iam::111122223333:role/ops\n")
	env := []string{"AWS_ENDPOINT_URL=" + url}
	ask := func(program, profile, want string) {
		out, err := l.run(env, program, "sts", "get-caller-identity", "--profile", profile, "--endpoint-url", url)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s with profile %s: %v: %s, want %s", filepath.Base(program), profile, err, out, want)
		}
	}
	clis := awsCLIs(t)
	one, two := clis["version 1"], clis["version 2"]
	var wait sync.WaitGroup
	for _, program := range []string{one, two, one, two} {
		wait.Go(func() { ask(program, "ada-mfa", "user/ada") })
	}
	wait.Wait()
	if n := l.srv.Counts()["sts:GetSessionToken"]; n != 1 {
		t.Errorf("four commands at once asked for %d sessions, want one", n)
	}
	ask(one, "ops", "assumed-role/ops/mfawatch")
	ask(two, "ops", "assumed-role/ops/mfawatch")
	if n := l.srv.Counts()["sts:AssumeRole"]; n != 1 {
		t.Errorf("two commands asked for %d sessions of the role, want one", n)
	}
	for _, key := range l.srv.Sessions() {
		if s, _ := l.srv.Session(key); !s.MFA {
			t.Errorf("a session without MFA was issued: %+v", s)
		}
	}
	out, err := l.run(append(intercept(t, l.srv), "AWS_VAULT_BACKEND=file", "AWS_VAULT_FILE_DIR="+l.home+"/vault", "AWS_VAULT_FILE_PASSPHRASE=x", "AWS_ENDPOINT_URL="+url),
		installed(t, "aws-vault"), "exec", "ada-mfa", "--", "env")
	if err != nil {
		t.Fatalf("aws-vault with a credential_process: %v", err)
	}
	if s := l.sessionOf(out); !s.MFA {
		t.Errorf("aws-vault's session is %+v, want one with MFA", s)
	}
}
