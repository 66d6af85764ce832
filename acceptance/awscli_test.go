//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/ledger"
	"mfawatch/totp/ledger/ledgertest"
	"mfawatch/totp/seal"
)

// desk is the AWS CLI of a user, whose AWS is a stand-in that checks codes, on a socket.
type desk struct {
	*testing.T
	srv *fakeaws.Server
	a   *fakeaws.Account
	ada *fakeaws.User
	dir string // the CLI's home
	env []string
	url string
	cli string
	now func() time.Time
}

// awsCLIs are both versions; other programs called aws may come first in the path.
func awsCLIs(t *testing.T) map[string]string {
	t.Helper()
	const two = "/usr/bin/aws"
	if out, err := exec.Command(two, "--version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "aws-cli/2.") {
		t.Fatalf("the AWS CLI, version 2, is missing: run make acceptance, which installs it: %v %s", err, out)
	}
	return map[string]string{"version 1": installed(t, "venv-awscli/bin/aws"), "version 2": two}
}

// newDesk has clocks that are so far into a step.
func newDesk(t *testing.T, into time.Duration) *desk {
	t.Helper()
	a := fakeaws.NewAccount("111122223333")
	d := &desk{T: t, srv: fakeaws.New(a), a: a, ada: a.User("ada"), dir: t.TempDir()}
	real := time.Now()
	offset := real.Truncate(30 * time.Second).Add(into).Sub(real)
	d.now = func() time.Time { return time.Now().Add(offset) }
	d.srv.Now, d.srv.Propagation = d.now, 0
	d.ada.Keys = []fakeaws.Key{a.Key()}
	url, err := d.srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.srv.Close() })
	d.url, d.cli = url, installed(t, "venv-awscli/bin/aws")
	d.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "AWS_ENDPOINT_URL=" + url, "AWS_DEFAULT_REGION=eu-north-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1", "AWS_PAGER="}
	return d
}

func (d *desk) key(id, secret, token string) []string {
	return []string{"AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_SESSION_TOKEN=" + token}
}

func (d *desk) own() []string { return d.key(d.ada.Keys[0].ID, "secret", "") }

// aws runs the CLI. What it answers is its JSON; an error is what it says on stderr.
func (d *desk) aws(credentials []string, args ...string) (map[string]any, error) {
	d.Helper()
	cmd := exec.Command(d.cli, append(args, "--endpoint-url", d.url)...) // older ones do not read it from the environment
	cmd.Env, cmd.Dir = append(d.env, credentials...), d.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s", strings.TrimSpace(stderr.String()))
	}
	var out map[string]any
	if stdout.Len() > 0 {
		if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
			d.Fatalf("the CLI printed no JSON: %v", err)
		}
	}
	return out, nil
}

// oath is oathtool's code so many steps from now.
func (d *desk) oath(seed string, steps int) string {
	d.Helper()
	at := d.now().Add(time.Duration(steps) * 30 * time.Second).Unix()
	cmd := exec.Command("oathtool", "--totp", "--base32", "--now", fmt.Sprint("@", at), "-")
	cmd.Stdin = strings.NewReader(seed)
	out, err := cmd.Output()
	if err != nil {
		d.Fatalf("oathtool: %v", err)
	}
	return strings.TrimSpace(string(out))
}

func (d *desk) want(what string, err error, says string) {
	d.Helper()
	if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
		d.Errorf("%s: %v, want %q", what, err, says)
	}
}

// session is the CLI's session with a code, as credentials.
func (d *desk) session(serial, code string) ([]string, string, error) {
	d.Helper()
	out, err := d.aws(d.own(), "sts", "get-session-token", "--serial-number", serial, "--token-code", code, "--duration-seconds", "900")
	if err != nil {
		return nil, "", err
	}
	c := out["Credentials"].(map[string]any)
	id := c["AccessKeyId"].(string)
	return d.key(id, c["SecretAccessKey"].(string), c["SessionToken"].(string)), id, nil
}

// create has the CLI make a device, whose seed is in a file that only its owner reads.
func (d *desk) create(name string) (serial, seed string) {
	d.Helper()
	file := filepath.Join(d.dir, name+".seed")
	out, err := d.aws(d.own(), "iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", name, "--outfile", file, "--bootstrap-method", "Base32StringSeed")
	if err != nil {
		d.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		d.Fatal(err)
	}
	return out["VirtualMFADevice"].(map[string]any)["SerialNumber"].(string), string(text)
}

func (d *desk) pair(verb, serial, first, second string) error {
	d.Helper()
	_, err := d.aws(d.own(), "iam", verb, "--user-name", "ada", "--serial-number", serial, "--authentication-code1", first, "--authentication-code2", second)
	return err
}

// TestAWSCLIAndTheChecker: the CLI's own way through the life of a device, with
// oathtool's codes, against the stand-in that our tests trust.
func TestAWSCLIAndTheChecker(t *testing.T) {
	for version, cli := range awsCLIs(t) {
		t.Run(version, func(t *testing.T) { lifeByCLI(t, cli) })
	}
}

func lifeByCLI(t *testing.T, cli string) {
	d := newDesk(t, time.Second)
	d.cli = cli
	serial, seed := d.create("phone")
	if secret, err := totp.DecodeSecret(seed); err != nil || !bytes.Equal(secret, d.a.Secret(serial)) {
		t.Fatalf("the CLI's file holds another seed than AWS, error %v", err)
	}
	d.want("swapped codes", d.pair("enable-mfa-device", serial, d.oath(seed, 0), d.oath(seed, -1)), "InvalidAuthenticationCode")
	d.want("two codes", d.pair("enable-mfa-device", serial, d.oath(seed, -1), d.oath(seed, 0)), "")
	d.want("again", d.pair("enable-mfa-device", serial, d.oath(seed, 1), d.oath(seed, 2)), "authenticated with an MFA device")
	code := d.oath(seed, 0)
	mfa, id, err := d.session(serial, code)
	d.want("a session", err, "")
	if got, known := d.srv.Session(id); !known || !got.MFA {
		t.Errorf("the CLI's session is %+v", got)
	}
	_, _, err = d.session(serial, code)
	d.want("the same code", err, "MultiFactorAuthentication failed with invalid MFA one time pass code.")
	_, _, err = d.session(serial+"x", d.oath(seed, 1))
	d.want("no such device", err, "unable to validate MFA code")
	d.want("resync", d.pair("resync-mfa-device", serial, d.oath(seed, 1), d.oath(seed, 2)), "")
	if drift := d.a.Drift(serial); drift != 2 && drift != 1 { // when a step began meanwhile
		t.Errorf("after the resync AWS takes the device to be %d steps ahead", drift)
	}
	_, err = d.aws(d.own(), "iam", "deactivate-mfa-device", "--user-name", "ada", "--serial-number", serial)
	d.want("deactivate without MFA", err, "authenticated with an MFA device")
	_, err = d.aws(mfa, "iam", "delete-virtual-mfa-device", "--serial-number", serial)
	d.want("delete what is in use", err, "DeleteConflict")
	_, err = d.aws(mfa, "iam", "deactivate-mfa-device", "--user-name", "ada", "--serial-number", serial)
	d.want("deactivate", err, "")
	_, err = d.aws(mfa, "iam", "delete-virtual-mfa-device", "--serial-number", serial)
	d.want("delete", err, "")
	if len(d.ada.Devices)+len(d.a.Unassigned) != 0 {
		t.Errorf("there is %v, %v", d.ada.Devices, d.a.Unassigned)
	}
}

// The pictures that the CLI writes, of long and of short names, are read by zbarimg, and
// what they say by us.
func TestAWSCLIWritesAQRCode(t *testing.T) {
	d := newDesk(t, 0)
	for _, n := range []int{1, 24, 54, 74, 112, 150} { // versions 5 to 10
		name, file := strings.Repeat("p", n), filepath.Join(d.dir, "qr.png")
		if _, err := d.aws(d.own(), "iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", name, "--outfile", file, "--bootstrap-method", "QRCodePNG"); err != nil {
			t.Fatal(err)
		}
		k, err := totp.Parse(strings.TrimSpace(string(output(t, nil, "zbarimg", "--quiet", "--raw", file))))
		if err != nil {
			t.Fatal(err)
		}
		want, err := totp.New(totp.Settings{Account: name + "@111122223333"}, d.a.Secret("arn:aws:iam::111122223333:mfa/"+name))
		if err != nil || !k.Equal(want) {
			t.Errorf("%d letters: the picture is of %v, error %v", n, k, err)
		}
	}
}

// pocket keeps keys in memory.
type pocket struct {
	mutex  sync.Mutex
	keys   map[string]totp.Key
	sealed device.Sealed
}

func (p *pocket) Put(_ context.Context, serial string, k totp.Key, over bool) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if _, there := p.keys[serial]; there && !over {
		return seal.ErrExists
	}
	p.keys[serial] = k
	return nil
}

func (p *pocket) Has(_ context.Context, serial string) (bool, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	_, there := p.keys[serial]
	return there, nil
}

func (p *pocket) Codes(serial string) device.Codes {
	s := p.sealed
	s.Serial = serial
	s.Open = func(context.Context) (totp.Key, error) {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		return p.keys[serial], nil
	}
	return s
}

// TestOursBesideTheAWSCLI: a device that we enrolled works with oathtool and the CLI, a
// code that we used is refused to the CLI and one that it used to us, and the CLI takes
// our sessions.
func TestOursBesideTheAWSCLI(t *testing.T) {
	d := newDesk(t, 28*time.Second) // the second code comes soon
	cfg := aws.Config{Region: "eu-north-1", BaseEndpoint: aws.String(strings.TrimPrefix(d.env[2], "AWS_ENDPOINT_URL=")), Credentials: credentials.NewStaticCredentialsProvider(d.ada.Keys[0].ID, "secret", "")}
	life := device.Lifecycle{IAM: iam.NewFromConfig(cfg), STS: sts.NewFromConfig(cfg), Now: d.now}
	p := &pocket{keys: map[string]totp.Key{}, sealed: device.Sealed{Prover: ledger.Prover{Store: &ledgertest.Memory{}}, Now: d.now}}
	out, err := life.Enrol(t.Context(), device.Enrolment{Name: "ours", Keep: p})
	if err != nil {
		t.Fatal(err)
	}
	seed := p.keys[out.Serial].Secret()
	sessions := device.Sessions{STS: life.STS, IAM: life.IAM, Now: d.now}
	typed := func(code string) error {
		ask := func(context.Context, string) (string, error) { return code, nil }
		_, err := sessions.GetSession(t.Context(), device.Request{Serial: out.Serial, Codes: device.NewTyped(out.Serial, ask)})
		return err
	}
	first, second := d.oath(seed, 0), d.oath(seed, 1)
	_, _, err = d.session(out.Serial, first)
	d.want("oathtool's code of our seed, to the CLI", err, "")
	if err := typed(first); !errors.Is(err, device.ErrRefused) {
		t.Errorf("the CLI's code, by us: %v", err)
	}
	if err := typed(second); err != nil {
		t.Errorf("the next code, by us: %v", err)
	}
	_, _, err = d.session(out.Serial, second)
	d.want("our code, by the CLI", err, "invalid MFA one time pass code")

	c, err := sessions.GetSession(t.Context(), device.Request{Serial: out.Serial, Duration: time.Hour,
		Codes: device.NewTyped(out.Serial, func(context.Context, string) (string, error) { return d.oath(seed, 2), nil })})
	if err != nil {
		t.Fatal(err)
	}
	d.takes(c)
}

// takes proves that the CLI takes credentials as we print them: by a credential_process,
// and out of a shell's environment.
func (d *desk) takes(c device.Credentials) {
	d.Helper()
	var process, exports bytes.Buffer
	err := errors.Join(device.WriteProcess(&process, c), device.WriteExports(&exports, c, device.Sh, "eu-north-1"),
		os.WriteFile(filepath.Join(d.dir, "answer.json"), process.Bytes(), 0o600),
		os.WriteFile(filepath.Join(d.dir, "config"), []byte("[profile ours]\ncredential_process = cat "+filepath.Join(d.dir, "answer.json")+"\n"), 0o600))
	if err != nil {
		d.Fatal(err)
	}
	profile := []string{"AWS_CONFIG_FILE=" + filepath.Join(d.dir, "config")}
	who, err := d.aws(profile, "--profile", "ours", "sts", "get-caller-identity")
	if err != nil || who["Arn"] != "arn:aws:iam::111122223333:user/ada" {
		d.Errorf("by credential_process the CLI is %v, %v", who, err)
	}
	cmd := exec.Command("sh", "-c", exports.String()+installed(d.T, "venv-awscli/bin/aws")+" iam list-mfa-devices --query 'MFADevices[].SerialNumber' --output text")
	cmd.Env = d.env
	text, err := cmd.Output() // IAM takes a session with MFA only
	if err != nil || !strings.Contains(string(text), ":mfa/ours") {
		d.Errorf("out of the environment the CLI prints %s, %v", text, err)
	}
}
