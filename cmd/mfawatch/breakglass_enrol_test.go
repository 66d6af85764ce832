package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/codes"
	"mfawatch/totp/breakglass/devices"
	"mfawatch/totp/breakglass/enrol"
	"mfawatch/totp/breakglass/storetest"
	"mfawatch/totp/seal"
)

const enrolledURI = "otpauth://totp/ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func memoryDoor(t *testing.T) enrol.Door {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return enrol.Door{Store: &storetest.Memory{}, Keys: seal.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}}
}

// A key is enrolled when two codes proved it, and once.
func TestBreakglassEnrol(t *testing.T) {
	door := memoryDoor(t)
	codes := strings.Split(comingCodes(), "\n")
	run := func(in string) (out, errs string, err error) {
		var stdout, stderr bytes.Buffer
		f := enrolDeviceFlags{kind: "totp", grade: "yubikey-touch"}
		err = doorError(f.enrol(t.Context(), terminal{in: strings.NewReader(in), out: &stdout, err: &stderr}, door, []string{"ada-yubikey", "-"}))
		return stdout.String(), stderr.String(), err
	}
	for name, in := range map[string]string{
		"no URI": "hello\n" + codes[0] + "\n" + codes[1] + "\n", "codes that do not follow": enrolledURI + "\n" + codes[0] + "\n" + codes[2] + "\n", "one code": enrolledURI + "\n" + codes[0] + "\n",
		"another kind": strings.Replace(enrolledURI, "totp/", "hotp/", 1) + "&counter=0\n755224\n287082\n",
	} {
		if out, errs, err := run(in); err == nil || out != "" || strings.Contains(errs+err.Error(), "GEZDGNBV") {
			t.Errorf("%s: %q %v", name, out, err)
		}
	}
	out, errs, err := run(enrolledURI + "\n" + codes[0] + "\n" + codes[1] + "\n")
	if err != nil || out != "- {id: ada-yubikey, kind: totp, grade: yubikey-touch}\n" || strings.Contains(out+errs, "GEZDGNBV") {
		t.Errorf("%s%s %v", out, errs, err)
	}
	if _, _, err := run(enrolledURI + "\n" + codes[1] + "\n" + codes[2] + "\n"); err == nil || !strings.Contains(err.Error(), "is enrolled") {
		t.Errorf("twice: %v", err)
	}
}

// A slot of a YubiKey is enrolled when two of its OTPs proved it; they open nothing.
func TestBreakglassEnrolYubico(t *testing.T) {
	door := memoryDoor(t)
	slot := slotPublic + " " + slotPrivate + " " + slotKey
	run := func(id, in string) (out string, err error) {
		var stdout, stderr bytes.Buffer
		err = doorError(enrolDeviceFlags{kind: "yubico-otp"}.enrol(t.Context(), terminal{in: strings.NewReader(in), out: &stdout, err: &stderr}, door, []string{id, "-"}))
		for _, secret := range []string{slotPrivate, slotKey, otpOf(t, 3, 1), otpOf(t, 3, 0)} {
			if strings.Contains(fmt.Sprint(stdout.String(), stderr.String(), err), secret) {
				t.Errorf("enrol of %.20q shows a secret", in)
			}
		}
		return stdout.String(), err
	}
	for name, c := range map[string]struct {
		in   string
		code int
	}{
		"no slot": {"hello\n", exitCannotRun}, "two parts": {slotPublic + " " + slotPrivate + "\n", exitCannotRun}, "no OTP": {slot + "\n", exitCannotRun}, "one OTP": {slot + "\n" + otpOf(t, 3, 0) + "\n", exitCannotRun},
		"one OTP twice": {slot + "\n" + otpOf(t, 3, 0) + "\n" + otpOf(t, 3, 0) + "\n", exitRefused}, "the wrong way round": {slot + "\n" + otpOf(t, 3, 1) + "\n" + otpOf(t, 3, 0) + "\n", exitRefused},
		"of another AES key": {slotPublic + " " + slotPrivate + " 0" + slotKey[1:] + "\n" + otpOf(t, 3, 0) + "\n" + otpOf(t, 3, 1) + "\n", exitRefused},
	} {
		out, err := run("ada-slot", c.in)
		if e := (exit{}); out != "" || err == nil || c.code == exitRefused && (!errors.As(err, &e) || e.code != c.code) {
			t.Errorf("%s: %q, %v", name, out, err)
		}
	}
	if out, err := run("ada-slot", slot+"\n"+otpOf(t, 3, 0)+"\n"+otpOf(t, 3, 1)+"\n"); err != nil || out != "- {id: ada-slot, kind: yubico-otp, grade: yubikey-touch}\n" {
		t.Fatalf("%s %v", out, err)
	}
	if _, err := run("ada-slot", ""); err == nil || !strings.Contains(err.Error(), "is enrolled") {
		t.Errorf("twice: %v", err)
	}
	rules := breakglass.Rules{People: []breakglass.Person{{Name: "ada", Devices: []breakglass.Device{{ID: "ada-slot", Kind: breakglass.YubicoOTP}}}}}
	f, err := devices.Sealed{Store: door.Store, Keys: door.Keys, Rules: rules}.Open(t.Context(), "ada-slot")
	if y, is := f.(devices.Yubico); err != nil || !is || y.From != 3<<8+2 {
		t.Errorf("it opens as %T from another OTP on, %v", f, err)
	}
	for _, f := range []enrolDeviceFlags{{kind: "yubico-otp", drawn: true}, {kind: "recovery-codes"}, {kind: "yubico-otp", grade: "good"}} {
		if err := f.enrol(t.Context(), terminal{in: strings.NewReader(slot), out: io.Discard, err: io.Discard}, door, []string{"bob-slot", "-"}); !errors.As(err, &exit{}) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestBreakglassEnrolUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"enrol ada", "--table"}, {"enrol ada --table t", "--door"}, {"enrol ada --table t --door d --kms-key x", "ARN of a KMS key"}, {"enrol", "in your shell's history"},
		{"enrol ada GEZDGNBV", "in your shell's history"}, {"codes new s", "--table"},
		{"enrol ada --kind sms", "--kind"}, {"enrol ada --kind yubico-otp --qr", "--qr"}, {"enrol ada --grade good", "--grade"}, {"enrol ada --kind yubico-otp GEZDGNBV", "in your shell's history"},
	} {
		var out, errs bytes.Buffer
		code := execute(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, append([]string{"breakglass"}, strings.Fields(c.args)...))
		if code != exitUsage || !strings.Contains(errs.String(), c.want) || strings.Contains(errs.String(), "GEZDGNBV") {
			t.Errorf("%s ends with %d: %s", c.args, code, errs.String())
		}
	}
	var out bytes.Buffer
	f := enrolDeviceFlags{kind: "totp", grade: "sealed-remote"}
	if err := f.enrol(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: io.Discard}, memoryDoor(t), []string{"ada"}); err == nil || out.Len() > 0 {
		t.Errorf("a new key into a pipe: %v, %d bytes", err, out.Len())
	}
}

// A sheet is made, printed once, and no more.
func TestBreakglassSheet(t *testing.T) {
	h := ownHome(t)
	var out, errs bytes.Buffer
	term := terminal{in: strings.NewReader(""), out: &out, err: &errs}
	if err := (codesFlags{count: 10}).make(t.Context(), term, memoryDoor(t), "ada-sheet"); err != nil {
		t.Fatal(err)
	}
	if out.String() != "- {id: ada-sheet, kind: recovery-codes}\n" {
		t.Errorf("new prints %s", out.String())
	}
	file := filepath.Join(h.dir, "sheet.txt")
	if code := execute(t.Context(), term, []string{"breakglass", "codes", "print", "ada-sheet", "-o", file}); code != 0 {
		t.Fatalf("print ends with %d: %s", code, errs.String())
	}
	text, err := os.ReadFile(file)
	info, _ := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 || strings.Count(string(text), "\n") > 60 || !strings.Contains(string(text), "Sheet ada-sheet") {
		t.Errorf("the sheet: %v %v", info.Mode(), err)
	}
	if code := execute(t.Context(), term, []string{"breakglass", "codes", "print", "ada-sheet", "-o", file}); code != exitNotFound {
		t.Errorf("printed again it ends with %d: %s", code, errs.String())
	}
}

// A sheet that was seen is worthless at once, when its id is said again.
func TestBreakglassSheetIsRetired(t *testing.T) {
	ownHome(t)
	door := memoryDoor(t)
	var out, errs bytes.Buffer
	if err := (codesFlags{count: 10}).make(t.Context(), terminal{in: strings.NewReader(""), out: &out, err: &errs}, door, "ada-sheet"); err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		if err := door.Store.Transact(t.Context(), func(tx breakglass.Tx) (err error) {
			n, _, err = codes.Left(tx, "ada-sheet")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, c := range []struct {
		id, typed, says string
		left            int
	}{{"ada-sheet", "ada\n", "another id", 10}, {"ada-sheet", "", "standard input ended", 10}, {"bob-sheet", "bob-sheet\n", "bob-sheet", 10}, {"ada-sheet", "ada-sheet\n", "", 0}} {
		err := retireSheet(t.Context(), terminal{in: strings.NewReader(c.typed), out: &out, err: &errs}, door, c.id)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || left() != c.left {
			t.Errorf("%q for %s: %v, %d codes left, want %d", c.typed, c.id, err, left(), c.left)
		}
	}
}

// onceBucket is an S3 that writes only what is not there.
type onceBucket struct {
	mutex   sync.Mutex
	objects map[string]string
}

func (b *onceBucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	there, is := b.objects[r.URL.Path]
	switch {
	case r.Method == http.MethodPut && r.Header.Get("If-None-Match") != "*":
		w.WriteHeader(http.StatusNotImplemented)
	case r.Method == http.MethodPut && is:
		w.WriteHeader(http.StatusPreconditionFailed)
		fmt.Fprint(w, "<Error><Code>PreconditionFailed</Code></Error>")
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		b.objects[r.URL.Path] = string(body)
	case !is:
		w.WriteHeader(http.StatusNotFound)
	default:
		fmt.Fprint(w, there)
	}
}

// A bucket is given each entry once; another entry in an entry's place is told.
func TestOfflineReconcileToABucket(t *testing.T) {
	n := newNight(t)
	n.sealed()
	if code, _, errs := n.run(n.code(0), "drill", "--offline"); code != 0 {
		t.Fatal(errs)
	}
	bucket := &onceBucket{objects: map[string]string{}}
	srv := httptest.NewServer(bucket)
	defer srv.Close()
	t.Setenv("AWS_ENDPOINT_URL", srv.URL)
	for range 2 {
		if code, out, errs := n.run("", "reconcile", "--to", "s3://door-record/offline"); code != 0 || len(bucket.objects) != 2 {
			t.Errorf("reconcile ends with %d: %s%s, %d objects", code, out, errs, len(bucket.objects))
		}
	}
	for name, body := range bucket.objects {
		if !strings.HasPrefix(name, "/door-record/offline/prod.ada.") || !strings.Contains(name, "/entries-00000000000") || !strings.HasSuffix(body, "}\n") {
			t.Errorf("object %s", name)
		}
		bucket.objects[name] = strings.Replace(body, "drill", "dr1ll", 1)
	}
	if code, _, errs := n.run("", "reconcile", "--to", "s3://door-record/offline"); code != exitCannotRun || !strings.Contains(errs, "another entry") {
		t.Errorf("an edited object: %d %s", code, errs)
	}
}
