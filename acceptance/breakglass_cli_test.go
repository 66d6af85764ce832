//go:build acceptance

package acceptance

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass/wire"
	"mfawatch/totp/yubikey/otp"
	"mfawatch/totp/yubikey/yubikeytest"
)

const bundleSecret = "SecretOfTheBundle/EXAMPLE"

// bundled is a laptop whose AWS is behind a socket, with what init is told of it.
func bundled(t *testing.T) (l laptop, identity string, initArgs []string) {
	t.Helper()
	l = newLaptop(t)
	url, err := l.srv.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.srv.Close() })
	l.env = append(l.env, "AWS_ENDPOINT_URL="+url)
	identity = filepath.Join(l.home, "made.txt")
	keygen := installed(t, "age/age-keygen")
	ageTool(t, nil, keygen, "-o", identity)
	safe := filepath.Join(l.home, "safe.txt")
	ageTool(t, nil, keygen, "-o", safe)
	return l, identity, []string{
		"breakglass", "init", "--seal", "--identity", identity, "--door", "mfawatch", "--person", "ada", "--user", "arn:aws:iam::111122223333:user/ada", "--role", "arn:aws:iam::111122223333:role/ops",
		"--serial", l.serial, "--regions", "eu-north-1,us-east-1", "--to", strings.TrimSpace(string(ageTool(t, nil, keygen, "-y", identity))), "--to", strings.TrimSpace(string(ageTool(t, nil, keygen, "-y", safe))),
	}
}

// fed runs the binary with standard input.
func (l laptop) fed(in string, args ...string) (out, errs string, code int) {
	l.Helper()
	cmd := exec.Command(l.bin, args...)
	var stdout, stderr strings.Builder
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = l.home, l.env, strings.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		l.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// TestBundleAndAge: age's own command line opens a bundle with the right identity and not
// with another; the session is used once, by the AWS CLI over a socket; then the old
// bundle is worthless.
func TestBundleAndAge(t *testing.T) {
	l, identity, initArgs := bundled(t)
	tool := installed(t, "age/age")
	if _, errs, code := l.fed(l.user.Keys[0].ID+"\n"+bundleSecret+"\n", initArgs...); code != 0 {
		t.Fatalf("init ends with %d: %s", code, errs)
	}
	bundle := filepath.Join(l.home, "mfawatch/breakglass/bundle.age")
	old, err := os.ReadFile(bundle)
	if err != nil || strings.Contains(string(old), bundleSecret) {
		t.Fatalf("the bundle: %v", err)
	}
	for _, right := range []string{identity, filepath.Join(l.home, "safe.txt")} {
		if text := string(ageTool(t, nil, tool, "-d", "-i", right, bundle)); !strings.HasPrefix(text, "mfawatch-break-glass-bundle/1\n{") || !strings.Contains(text, bundleSecret) {
			t.Error("age alone does not open the bundle to its key")
		}
	}
	wrong := filepath.Join(l.home, "identity.txt") // the keys' own
	if out, err := exec.Command(tool, "-d", "-i", wrong, bundle).CombinedOutput(); err == nil || strings.Contains(string(out), bundleSecret) {
		t.Errorf("age opens the bundle with another identity: %v", err)
	}
	if _, errs, code := l.fed("", "breakglass", "use", "--offline", "--why", "x", "--identity", wrong); code != 1 || !strings.Contains(errs, "none of the identities") {
		t.Errorf("use with another identity ends with %d: %s", code, errs)
	}
	// One file has the identities of the bundle and of the sealed MFA key.
	both := filepath.Join(l.home, "both.txt")
	one, _ := os.ReadFile(identity)
	two, _ := os.ReadFile(wrong)
	l.write("both.txt", string(one)+string(two))
	out, errs, code := l.fed("", "breakglass", "use", "--offline", "--why", "all is down", "--identity", both, "--", anyCLI(t), "--endpoint-url", strings.TrimPrefix(l.env[len(l.env)-1], "AWS_ENDPOINT_URL="), "sts", "get-caller-identity")
	if code != 0 || !strings.Contains(out, "assumed-role/ops/offline-ada-") {
		t.Fatalf("use ends with %d: %s%s", code, out, errs)
	}
	if n := l.srv.Counts(); n["sts:AssumeRole"] != 1 || n["iam:CreateAccessKey"] != 1 || n["iam:DeleteAccessKey"] != 1 || len(l.user.Keys) != 1 {
		t.Errorf("calls: %v, %d keys", n, len(l.user.Keys))
	}
	if text := string(ageTool(t, nil, tool, "-d", "-i", identity, bundle)); strings.Contains(text, bundleSecret) || !strings.Contains(text, l.user.Keys[0].ID) {
		t.Error("the bundle does not hold the new key")
	}
	l.write("old.age", string(old))
	if _, errs, code := l.fed("", "breakglass", "drill", "--offline", "--bundle", filepath.Join(l.home, "old.age"), "--identity", both); code != 1 || !strings.Contains(errs, "old copy of the bundle") {
		t.Errorf("the old bundle: drill ends with %d: %s", code, errs)
	}
	if out, errs, code := l.fed("", "breakglass", "log", "verify", filepath.Join(l.home, "mfawatch/breakglass/record")); code != 0 || !strings.Contains(out, "4 entries hold together") {
		t.Errorf("the record: %d %s%s", code, out, errs)
	}
}

// TestBundleWithAYubiKey: with a second part age alone gives no key, and neither does the
// binary without the YubiKey; with it the way is open, and the next bundle has another
// challenge.
func TestBundleWithAYubiKey(t *testing.T) {
	c := startPCSCD(t)
	l, identity, initArgs := bundled(t)
	key := &yubikeytest.Card{Serial: firstSerial}
	secret, err := hex.DecodeString("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b")
	if err != nil {
		t.Fatal(err)
	}
	key.SetSlot(2, yubikeytest.Slot{Key: secret, Variable: true})
	initArgs = append(initArgs, "--yubikey-slot", "2")
	if _, errs, code := l.fed(l.user.Keys[0].ID+"\n"+bundleSecret+"\n", initArgs...); code != 8 {
		t.Fatalf("init without a YubiKey ends with %d: %s", code, errs)
	}
	c.plug(t, 0, key)
	if _, errs, code := l.fed(l.user.Keys[0].ID+"\n"+bundleSecret+"\n", initArgs...); code != 0 {
		t.Fatalf("init ends with %d: %s", code, errs)
	}
	bundle := filepath.Join(l.home, "mfawatch/breakglass/bundle.age")
	outer := func() string { return string(ageTool(t, nil, installed(t, "age/age"), "-d", "-i", identity, bundle)) }
	challenge := regexp.MustCompile(`"challenge":"[^"]+"`)
	first := outer()
	if strings.Contains(first, bundleSecret) || !challenge.MatchString(first) {
		t.Error("age alone opens a bundle with a second part to its key")
	}
	one, _ := os.ReadFile(identity)
	two, _ := os.ReadFile(filepath.Join(l.home, "identity.txt"))
	l.write("both.txt", string(one)+string(two))
	out, errs, code := l.fed("", "breakglass", "use", "--offline", "--why", "all is down", "--identity", filepath.Join(l.home, "both.txt"))
	if code != 0 || !strings.Contains(out, "AWS_SESSION_TOKEN") || !strings.Contains(errs, "is rotated") {
		t.Fatalf("use ends with %d: %s", code, errs)
	}
	if second := outer(); challenge.FindString(second) == challenge.FindString(first) {
		t.Error("two sealings have one challenge")
	}
	key.SetSlot(2, yubikeytest.Slot{Key: []byte("another secret of 20"), Variable: true})
	if _, errs, code := l.fed("", "breakglass", "drill", "--offline", "--identity", filepath.Join(l.home, "both.txt")); code != 1 || !strings.Contains(errs, "second part") {
		t.Errorf("another YubiKey: drill ends with %d: %s", code, errs)
	}
}

// TestCommandLineAtTheRealDoor: the binary asks the released function behind a URL, over
// DynamoDB Local and moto, and its session is AWS's.
func TestCommandLineAtTheRealDoor(t *testing.T) {
	d := newDoorway(t)
	warm := d.door() // the stand-ins, a JVM and a Python, are slow at first
	warm.done("ada", warm.use(warm.ready()))
	o := d.door()
	signed := regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)/\d{8}/us-east-1/lambda/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`)
	owners := map[string]string{}
	for _, who := range []string{"ada", "bob", "cyd"} {
		owners[o.person(who).AccessKeyID] = who
	}
	url := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		who := signed.FindStringSubmatch(r.Header.Get("Authorization"))
		if err != nil || who == nil || owners[who[1]] == "" {
			http.Error(w, `{"Message":"Forbidden"}`, http.StatusForbidden)
			return
		}
		status, a, err := o.send(o.f, owners[who[1]], body, 30*time.Second)
		if err != nil {
			http.Error(w, "Internal Server Error", http.StatusBadGateway)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write(a.JSON())
	}))
	defer url.Close()
	machines := map[string]laptop{}
	as := func(who, in string, args ...string) string {
		t.Helper()
		l, there := machines[who]
		if !there {
			l = newLaptop(t)
			l.env = append(l.env, "AWS_ACCESS_KEY_ID="+o.person(who).AccessKeyID, "AWS_SECRET_ACCESS_KEY="+o.person(who).SecretAccessKey, "AWS_REGION=us-east-1", "MFAWATCH_BREAKGLASS_URL="+url.URL)
			machines[who] = l
		}
		out, errs, code := l.fed(in, append([]string{"breakglass"}, args...)...)
		if code != 0 {
			t.Fatalf("%s: %s ends with %d: %s\n%.2000s", who, strings.Join(args, " "), code, errs, o.f.Logs())
		}
		return out
	}
	region := []string{"--region", "us-east-1", "--door", o.rules.Door}
	with := func(args ...string) []string { return append(args, region...) }
	as("ada", "", with("status")...) // builds, and starts the function
	as("bob", "", with("status")...)
	started := time.Now()
	id := strings.TrimSpace(as("ada", "", with("request", "--role", "admin", "--why", "the identity provider is down")...))
	as("bob", string(o.code("bob-totp", time.Now()))+"\n", with("approve", id, "--device", "bob-totp")...)
	process := as("ada", string(o.code("ada-totp", time.Now()))+"\n", with("use", id, "--device", "ada-totp", "--format", "credential-process")...)
	took := time.Since(started)
	t.Logf("from request to credentials, with three processes of the command line: %v", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("it took %v, want less than 2s", took)
	}
	c, err := wire.ParseCredentials([]byte(process))
	if err != nil {
		t.Fatal(err)
	}
	l := machines["ada"]
	out, err := l.run([]string{"AWS_ACCESS_KEY_ID=" + c.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey, "AWS_SESSION_TOKEN=" + c.SessionToken, "AWS_REGION=us-east-1"}, "env", "-u", "AWS_PROFILE", anyCLI(t), "--endpoint-url", o.url, "sts", "get-caller-identity")
	if want := fmt.Sprintf("assumed-role/break-glass/mfawatch-%s", id); err != nil || !strings.Contains(out, want) {
		t.Errorf("the credentials are of %s (%v), want %s", out, err, want)
	}
	as("ada", "", with("end", id)...)
	o.withASlot(as, machines, with)
	record := as("bob", "", with("log")...)
	l.write("record.jsonl", record)
	if out := as("ada", "", "log", "verify", filepath.Join(l.home, "record.jsonl")); !strings.Contains(out, "hold together") {
		t.Error(out)
	}
	live := as("bob", "", with("log", "verify")...)
	told := regexp.MustCompile(`tells the key (\S+):`).FindStringSubmatch(live)
	if told == nil {
		t.Fatalf("log verify: %s", live)
	}
	if out := as("bob", "", with("log", "verify", "--head-key", told[1])...); !strings.Contains(out, "vouches for") {
		t.Error(out)
	}
}

// withASlot enrols a slot of a YubiKey by the command line, and goes the whole way with
// what it types: as who approves, and as who needs in.
func (o *door) withASlot(as func(who, in string, args ...string) string, machines map[string]laptop, with func(...string) []string) {
	o.t.Helper()
	const public, private, aes = "vvccccfhcjkv", "8792ebfe26cc", "ecde18dbe76fbd0c33330f1c354871db"
	bytesOf := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			o.t.Fatal(err)
		}
		return b
	}
	slot, err := otp.NewCredential(public, bytesOf(private), bytesOf(aes))
	if err != nil {
		o.t.Fatal(err)
	}
	touches := uint8(0)
	touch := func() string { // one line, as the key types it
		touches++
		typed, err := slot.Simulate(otp.Token{Session: 9, Use: touches, Timestamp: uint32(touches) * 80})
		if err != nil {
			o.t.Fatal(err)
		}
		return typed.Text() + "\n"
	}
	as("cyd", "", with("status")...)
	l := machines["cyd"]
	admin := l
	admin.env = append(slices.Clone(l.env), "AWS_ENDPOINT_URL="+o.url, "AWS_ACCESS_KEY_ID=test") // DynamoDB Local keeps tables by key id
	first, second := touch(), touch()
	out, errs, code := admin.fed(public+" "+private+" "+aes+"\n"+first+second, "breakglass", "enrol", "cyd-slot", "-", "--kind", "yubico-otp", "--door", o.rules.Door, "--table", o.rules.Door, "--ledger-table", o.rules.Door+"-ledger", "--kms-key", o.key)
	if code != 0 || out != "- {id: cyd-slot, kind: yubico-otp, grade: yubikey-touch}\n" || strings.Contains(errs, aes) {
		o.t.Fatalf("enrol ends with %d: %s%s", code, out, errs)
	}
	id := strings.TrimSpace(as("ada", "", with("request", "--role", "admin", "--why", "still down")...))
	for _, spent := range []string{first, second} {
		if _, errs, code := l.fed(spent, append([]string{"breakglass"}, with("approve", id, "--device", "cyd-slot")...)...); code != 3 {
			o.t.Errorf("an OTP that proved the slot: approve ends with %d: %s", code, errs)
		}
	}
	agreed := touch()
	as("cyd", agreed, with("approve", id, "--device", "cyd-slot")...)
	as("cyd", touch(), with("revoke", id, "--device", "cyd-slot")...)
	id = strings.TrimSpace(as("cyd", "", with("request", "--role", "admin", "--why", "down again")...))
	as("bob", string(o.code("bob-totp", time.Now().Add(30*time.Second)))+"\n", with("approve", id, "--device", "bob-totp")...)
	if _, errs, code := l.fed(agreed, append([]string{"breakglass"}, with("use", id, "--device", "cyd-slot")...)...); code != 3 {
		o.t.Errorf("an OTP that was used: use ends with %d: %s", code, errs)
	}
	if out := as("cyd", touch(), with("use", id, "--device", "cyd-slot")...); !strings.Contains(out, "AWS_SESSION_TOKEN") {
		o.t.Error("use by a slot gives no session")
	}
	as("cyd", "", with("end", id)...)
}

// anyCLI is one of the AWS command lines.
func anyCLI(t *testing.T) string {
	t.Helper()
	for _, path := range awsCLIs(t) {
		return path
	}
	t.Fatal("no AWS CLI is installed")
	return ""
}
