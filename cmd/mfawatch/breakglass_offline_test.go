package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/breakglass/record/folder"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/yubikeytest"
)

const (
	glassUser   = "arn:aws:iam::" + management + ":user/break-glass-ada"
	glassRole   = "arn:aws:iam::" + management + ":role/break-glass"
	glassSerial = "arn:aws:iam::" + management + ":mfa/break-glass-ada"
)

// night is a machine with a bundle's ingredients, and an AWS.
type night struct {
	*testing.T
	world
	home home
	user *fakeaws.User
	to   string
	key  string // the first access key id
}

func newNight(t *testing.T) *night {
	t.Helper()
	url, w, end, err := startAWS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	for i, value := range awsValues(url, t.TempDir()) {
		t.Setenv(awsVariables[i], value)
	}
	n := &night{T: t, world: w, home: ownHome(t)}
	to, err := n.home.recipients()
	if err != nil {
		t.Fatal(err)
	}
	n.to = to[0]
	w.Change(func() {
		n.user = w.own.User("break-glass-ada")
		n.user.Keys = []fakeaws.Key{w.own.Key()}
		n.user.Devices = []fakeaws.Device{w.own.Virtual("break-glass-ada")}
		w.own.Seed(glassSerial, []byte(rfcSeed))
		w.own.Role("break-glass").RequireMFA = true
		n.key = n.user.Keys[0].ID
	})
	return n
}

// run runs a command with standard input.
func (n *night) run(in string, args ...string) (code int, out, errs string) {
	n.Helper()
	var stdout, stderr bytes.Buffer
	code = execute(n.Context(), terminal{in: strings.NewReader(in), out: &stdout, err: &stderr}, append([]string{"breakglass"}, args...))
	for _, secret := range []string{"SecretOf/AKIA", "SecretOfTheBundle"} {
		if strings.Contains(stdout.String()+stderr.String(), secret) {
			n.Errorf("%s shows the bundle's key", strings.Join(args, " "))
		}
	}
	return code, stdout.String(), stderr.String()
}

func (n *night) initArgs() []string {
	return []string{"init", "--seal", "--door", "prod", "--person", "ada", "--user", glassUser, "--role", glassRole, "--serial", glassSerial, "--regions", "eu-north-1,us-east-1", "--to", n.to}
}

func (n *night) sealed() {
	n.Helper()
	if code, _, errs := n.run(n.key+"\nSecretOfTheBundle/EXAMPLE\n", n.initArgs()...); code != 0 {
		n.Fatalf("init ends with %d: %s", code, errs)
	}
}

// contents are what the bundle on the disk holds.
func (n *night) contents() bundle.Opened {
	n.Helper()
	return n.contentsOf(n.home.glass("bundle.age"))
}

func (n *night) contentsOf(name string) bundle.Opened {
	n.Helper()
	ids, err := seal.ReadIdentities(n.home.path("identity.txt"), nil)
	if err != nil {
		n.Fatal(err)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		n.Fatal(err)
	}
	got, err := bundle.Opener{Identities: ids}.Open(n.Context(), file)
	if err != nil {
		n.Fatal(err)
	}
	return got
}

// keys are AWS's of the user.
func (n *night) keys() (ids []string) {
	n.Change(func() {
		for _, k := range n.user.Keys {
			ids = append(ids, k.ID)
		}
	})
	return ids
}

// code is the nth that the device will show.
func (n *night) code(at int) string { return strings.Split(comingCodes(), "\n")[at] + "\n" }

// At night: the bundle gives a session, the record says so, and the key is another then.
func TestOfflineUse(t *testing.T) {
	n := newNight(t)
	n.sealed()
	file, err := os.ReadFile(n.home.glass("bundle.age"))
	if err != nil || bytes.Contains(file, []byte("SecretOf")) {
		t.Errorf("the bundle shows its key: %v", err)
	}
	code, out, errs := n.run(n.code(0), "use", "--offline", "--why", "all is down")
	if code != 0 || !strings.Contains(out, "export AWS_SESSION_TOKEN='TokenOf/ASIA") {
		t.Fatalf("use ends with %d: %s", code, errs)
	}
	if got := n.contents(); got.Key == n.key || !slices.Equal(n.keys(), []string{got.Key}) || string(got.Secret.Reveal()) != "SecretOf/"+got.Key {
		t.Errorf("the bundle has %s, AWS %v: want one new key", got.Key, n.keys())
	}
	if _, err := os.Stat(n.home.glass("rotation.json")); err == nil {
		t.Error("a rotation is owed that was done")
	}
	if code, out, errs := n.run(n.code(1), "--offline", "use", "--why", "again", "--", "sh", "-c", `test -n "$AWS_SESSION_TOKEN" && test -z "$MFAWATCH_IDENTITY_FILE" && exit 7`); code != 7 || out != "" {
		t.Errorf("with a command it ends with %d: %s", code, errs)
	}
	if code, out, _ := n.run("", "log", "verify", n.home.glass("record")); code != 0 || !strings.Contains(out, "4 entries hold together") {
		t.Errorf("the record: %s", out)
	}
}

// What AWS prints of a new key goes in as it is; other things do not.
func TestOfflineInit(t *testing.T) {
	n := newNight(t)
	for in, want := range map[string]string{
		"": "no access key", "AKIA": "no access key", `{"AccessKey":{}}`: "create-access-key", "AKIAXXXXXXXXXXXXXXXX with space in it": "no access key", strings.Repeat("x", 20000): "more than",
	} {
		if code, _, errs := n.run(in, n.initArgs()...); code != exitCannotRun || !strings.Contains(errs, want) {
			t.Errorf("init of %.30q ends with %d: %s", in, code, errs)
		}
	}
	for name, args := range map[string][]string{
		"nothing to set up": {"init"}, "no role": slices.Replace(n.initArgs(), 8, 10), "slot": append(n.initArgs(), "--yubikey-slot", "3"), "recipient": append(n.initArgs()[:14:14], "--to", ""),
	} {
		if code, _, errs := n.run(n.key+"\nSecretOfTheBundle/EXAMPLE\n", args...); code != exitUsage && code != exitCannotRun || errs == "" {
			t.Errorf("%s: init ends with %d: %s", name, code, errs)
		}
		if _, err := os.Stat(n.home.glass("bundle.age")); err == nil {
			t.Fatalf("%s: there is a bundle", name)
		}
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	args := n.initArgs()
	args[len(args)-1] = stranger.Recipient().String()
	if code, _, errs := n.run(n.key+"\nSecretOfTheBundle/EXAMPLE\n", args...); code != exitCannotRun || !strings.Contains(errs, "does not open") {
		t.Errorf("a bundle that nobody here opens: %d %s", code, errs)
	}
	made := `{"AccessKey":{"UserName":"break-glass-ada","AccessKeyId":"` + n.key + `","Status":"Active","SecretAccessKey":"SecretOfTheBundle/EXAMPLE"}}`
	if code, _, errs := n.run(made, append(n.initArgs(), "--to", stranger.Recipient().String())...); code != 0 {
		t.Errorf("init ends with %d: %s", code, errs)
	}
	if code, _, errs := n.run(made, n.initArgs()...); code != exitCannotRun || !strings.Contains(errs, "--replace") {
		t.Errorf("init over a bundle ends with %d: %s", code, errs)
	}
}

// A drill proves bundle, key and code, assumes nothing, and is remembered.
func TestOfflineDrill(t *testing.T) {
	n := newNight(t)
	n.sealed()
	if code, out, _ := n.run("", "status", "--offline"); code != 0 || !strings.Contains(out, "Last drill:  never") {
		t.Errorf("status: %s", out)
	}
	code, out, errs := n.run(n.code(0), "drill", "--offline")
	if code != 0 || strings.Count(out, "answers, and knows the key") != 2 || !strings.Contains(out, "Nothing was assumed") {
		t.Errorf("drill ends with %d: %s%s", code, out, errs)
	}
	if calls := n.Counts(); calls["sts:AssumeRole"] != 0 || calls["sts:GetSessionToken"] != 1 {
		t.Errorf("calls: %v", calls)
	}
	if code, out, _ := n.run("", "status", "--offline", "--format", "json"); code != 0 || !strings.Contains(out, `"drilled": "20`) || !strings.Contains(out, `"entries": 2`) {
		t.Errorf("status: %s", out)
	}
	if code, _, errs := n.run("000000\n", "drill", "--offline"); code != exitRefused {
		t.Errorf("a wrong code: drill ends with %d: %s", code, errs)
	}
}

// The key is not rotated where AWS does not let it be, and a later run does it.
func TestOfflineRotateLater(t *testing.T) {
	n := newNight(t)
	n.sealed()
	n.Fault(fakeaws.Denied("iam:CreateAccessKey"))
	code, out, errs := n.run(n.code(0), "use", "--offline", "--why", "all is down")
	if code != 0 || !strings.Contains(out, "AWS_SESSION_TOKEN") || !strings.Contains(errs, "is not rotated") || !strings.Contains(errs, "mfawatch breakglass rotate") {
		t.Errorf("use ends with %d: %s", code, errs)
	}
	if _, out, _ := n.run("", "status", "--offline"); !strings.Contains(out, "To rotate:   "+n.key) {
		t.Errorf("status: %s", out)
	}
	n.Mend()
	n.Fault(fakeaws.Denied("iam:UpdateAccessKey")) // killed between the new bundle and the old key
	if code, _, errs := n.run("", "rotate"); code != exitCannotRun || len(n.keys()) != 2 || n.contents().Key == n.key {
		t.Errorf("rotate ends with %d: %s, keys %v", code, errs, n.keys())
	}
	n.Mend()
	fresh := n.contents().Key
	if code, _, errs := n.run("", "rotate"); code != 0 || !slices.Equal(n.keys(), []string{fresh}) || n.contents().Key != fresh {
		t.Errorf("rotate again ends with %d: %s, keys %v", code, errs, n.keys())
	}
	if code, _, _ := n.run("", "rotate"); code != 0 || n.contents().Key == fresh || len(n.keys()) != 1 {
		t.Errorf("a rotation of its own: keys %v", n.keys())
	}
}

func TestOfflineMistakes(t *testing.T) {
	n := newNight(t)
	if code, _, errs := n.run(n.code(0), "use", "--offline", "--why", "x"); code != exitCannotRun || !strings.Contains(errs, "init --bundle") && !strings.Contains(errs, "init --seal") {
		t.Errorf("no bundle: %d %s", code, errs)
	}
	n.sealed()
	for _, c := range []struct {
		args, want string
		code       int
	}{
		{"use --offline", "--why", exitUsage}, {"use --offline --why x 0123456789ABCDEF", "takes no request", exitUsage}, {"use --offline --why x --duration 2h", "--duration 2h0m0s: 15m0s to 1h0m0s", exitUsage},
		{"use --offline --why x --format xml", "--format", exitUsage}, {"drill --offline --role admin", "do not go with --offline", exitUsage}, {"reconcile", "--to", exitUsage},
	} {
		if code, _, errs := n.run(n.code(0), strings.Fields(c.args)...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%s ends with %d, want %d with %q: %s", c.args, code, c.code, c.want, errs)
		}
	}
	if calls := n.Counts(); calls["sts:AssumeRole"] != 0 {
		t.Errorf("mistakes cost codes: %v", calls)
	}
	stranger := filepath.Join(t.TempDir(), "id.txt")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	put(t, stranger, []byte(id.String()+"\n"))
	if code, _, errs := n.run(n.code(0), "use", "--offline", "--why", "x", "--identity", stranger); code != exitCannotRun || !strings.Contains(errs, "none of the identities") {
		t.Errorf("another identity: %d %s", code, errs)
	}
	if code, out, errs := n.run("000000\n", "use", "--offline", "--why", "x"); code != exitRefused || out != "" {
		t.Errorf("a wrong code ends with %d: %s", code, errs)
	}
}

// The record goes to a folder and to a bucket, once.
func TestOfflineReconcile(t *testing.T) {
	n := newNight(t)
	n.sealed()
	if code, _, errs := n.run(n.code(0), "drill", "--offline"); code != 0 {
		t.Fatal(errs)
	}
	to := t.TempDir()
	for _, want := range []string{"Sent 2 entries", "Sent 0 entries"} {
		if code, out, errs := n.run("", "reconcile", "--to", to); code != 0 || !strings.Contains(out, want) {
			t.Errorf("reconcile ends with %d: %s%s, want %s", code, out, errs, want)
		}
	}
	dirs, err := os.ReadDir(to)
	if err != nil || len(dirs) != 1 {
		t.Fatalf("%v %v", dirs, err)
	}
	lines, _, err := folder.Folder{Dir: filepath.Join(to, dirs[0].Name())}.Read()
	if r, bad := record.Verify(dirs[0].Name(), lines, nil, nil); err != nil || bad != nil || r.Entries != 2 || !strings.HasPrefix(dirs[0].Name(), "prod.ada.") {
		t.Errorf("%+v %v %v", r, err, bad)
	}
}

func TestCodesVerify(t *testing.T) {
	n := newNight(t)
	h := newHouse(t)
	good := h.cast.Sheets["ada-sheet"].Codes[0].Reveal()
	if code, out, errs := n.run(strings.ToLower(good)+"\n", "codes", "verify"); code != 0 || !strings.Contains(out, "read right") || strings.Contains(out+errs, good) {
		t.Errorf("a right code: %d %s", code, errs)
	}
	wrong := "Z" + good[1:]
	if good[0] == 'Z' {
		wrong = "Y" + good[1:]
	}
	for _, bad := range []string{wrong, good[1:], "hello"} {
		if code, out, errs := n.run(bad+"\n", "codes", "verify"); code != exitRefused || strings.Contains(out+errs, bad) {
			t.Errorf("a wrong code: %d %s", code, errs)
		}
	}
}

// One YubiKey opens the bundle's second part and makes the code; without it, or with
// another, nothing opens.
func TestOfflineWithAYubiKey(t *testing.T) {
	d := newDesk(t)
	n := newNight(t)
	d.add(glassSerial, "--no-touch")
	args := append([]string{"breakglass"}, append(n.initArgs(), "--yubikey-slot", "2")...)
	d.in = n.key + "\nSecretOfTheBundle/EXAMPLE\n"
	if got := d.run(args...); got.code != exitCannotRun || !strings.Contains(got.err, "not set to HMAC-SHA1") {
		t.Errorf("a slot that is not set: init ends with %d: %s", got.code, got.err)
	}
	d.card().SetSlot(2, yubikeytest.Slot{Key: []byte("a secret of the slot"), Variable: true})
	if got := d.run(args...); got.code != 0 {
		t.Fatalf("init ends with %d: %s", got.code, got.err)
	}
	d.in = ""
	got := d.run("breakglass", "use", "--offline", "--why", "fire", "--yubikey")
	if got.code != 0 || !strings.Contains(got.out, "AWS_SESSION_TOKEN") || !strings.Contains(got.err, "is rotated") {
		t.Fatalf("use ends with %d: %s", got.code, got.err)
	}
	d.card().SetSlot(2, yubikeytest.Slot{Key: []byte("of another YubiKey .."), Variable: true})
	if got := d.run("breakglass", "drill", "--offline", "--yubikey"); got.code != exitCannotRun || !strings.Contains(got.err, "does not open it") {
		t.Errorf("another YubiKey: drill ends with %d: %s", got.code, got.err)
	}
	delete(d.cards, readerName)
	if got := d.run("breakglass", "drill", "--offline"); got.code != exitAbsent || n.Counts()["sts:GetSessionToken"] != 0 {
		t.Errorf("no YubiKey: drill ends with %d: %s", got.code, got.err)
	}
}

// A bundle that names another user than its key's was made by somebody else: that user's
// keys stay, and nothing new is sealed to whom that somebody chose.
func TestRotateOfAForgedBundle(t *testing.T) {
	n := newNight(t)
	n.sealed()
	before := n.contents()
	n.Change(func() {
		other := n.own.User("other")
		other.Keys, n.user.Keys = n.user.Keys, []fakeaws.Key{n.own.Key()}
	})
	kept := n.keys()
	code, _, errs := n.run("", "rotate")
	if code != exitCannotRun || !strings.Contains(errs, "is not rotated") || !strings.Contains(errs, "another user's") {
		t.Errorf("rotate ends with %d: %s", code, errs)
	}
	if !slices.Equal(n.keys(), kept) || n.contents().Key != before.Key || n.Counts()["iam:CreateAccessKey"] != 0 {
		t.Errorf("keys %v and %d made, want %v as they were", n.keys(), n.Counts()["iam:CreateAccessKey"], kept)
	}
}
