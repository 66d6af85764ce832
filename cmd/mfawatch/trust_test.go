//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"mfawatch/totp/ledger"
	"mfawatch/totp/seal"
)

// TestALostLedgerIsNotANewOne: a crash or a full disk leaves a file without a byte, and
// what was used would be good again.
func TestALostLedgerIsNotANewOne(t *testing.T) {
	for name, lose := range map[string]func(string) error{
		"removed": os.Remove,
		"emptied": func(name string) error { return os.Truncate(name, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			h := ownHome(t)
			if code, said := ends(t, rfcSeed32+"\n", "key", "add", "door", "-", "--period", "86400"); code != 0 {
				t.Fatal(said)
			}
			_, said := ends(t, "", "code", "door", "--at", time.Now().UTC().Format(time.RFC3339))
			digits, _, _ := strings.Cut(said, "\n")
			if code, said := ends(t, digits+"\n", "verify", "door"); code != 0 {
				t.Fatalf("a code of now: %d, %s", code, said)
			}
			if err := lose(h.path("ledger.db")); err != nil {
				t.Fatal(err)
			}
			if code, said := ends(t, digits+"\n", "verify", "door"); code != exitRefused || !strings.Contains(said, "restoration") {
				t.Errorf("the same code after the ledger was %s: %d, %s", name, code, said)
			}
		})
	}
}

// TestServeWithoutItsLedger: the ledger goes lost, or is restored, under a server.
func TestServeWithoutItsLedger(t *testing.T) {
	for name, lose := range map[string]func(t *testing.T, h home){
		"removed": func(t *testing.T, h home) {
			if err := os.Remove(h.path("ledger.db")); err != nil {
				t.Fatal(err)
			}
		},
		"restored": func(t *testing.T, _ home) { mustRun(t, "key", "restored") },
	} {
		t.Run(name, func(t *testing.T) {
			h := ownHome(t)
			admin := mustRun(t, "serve", "token", "add", "admin", "--grant", "*:manage", "--grant", "*:read", "--grant", "*:verify")
			url, stop := servedAt(t)
			defer stop()
			if status, _ := request(t, "POST", url+"/v1/totp/keys/aws", admin, `{"url":"otpauth://totp/AWS:ada?secret=`+rfcSeed32+`&issuer=AWS&period=86400","skew":0}`); status != http.StatusNoContent {
				t.Fatalf("writing a key: %d", status)
			}
			_, data := request(t, "GET", url+"/v1/totp/code/aws", admin, "")
			check := func() int {
				status, _ := request(t, "POST", url+"/v1/totp/code/aws", admin, fmt.Sprintf(`{"code":"%v"}`, data["code"]))
				return status
			}
			if status := check(); status != http.StatusOK {
				t.Fatalf("checking it: %d", status)
			}
			lose(t, h)
			if status := check(); status != http.StatusServiceUnavailable {
				t.Errorf("checking it again when the ledger was %s: %d", name, status)
			}
			if status, _ := request(t, "GET", url+"/v1/totp/code/aws", admin, ""); status != http.StatusServiceUnavailable {
				t.Errorf("reading a code when the ledger was %s: %d", name, status)
			}
		})
	}
}

// TestWhatOthersCanWriteDecidesNothing: who can write these files would choose to whom
// keys are sealed and whose tokens are good.
func TestWhatOthersCanWriteDecidesNothing(t *testing.T) {
	readers := map[string][]string{
		recipientsFile:      {"key", "add", "new", "--generate", "--issuer", "Example"},
		"serve-tokens.json": {"serve", "token", "list"},
	}
	for file, args := range readers {
		for name, c := range map[string]struct {
			spoil func(name string) error
			want  string
		}{
			"others can write": {func(name string) error { return os.Chmod(name, 0o666) }, "others can write to it"},
			"a link": {func(name string) error {
				if err := os.Rename(name, name+".real"); err != nil {
					return err
				}
				return os.Symlink(name+".real", name)
			}, "it is a link"},
			"a pipe": {func(name string) error {
				if err := os.Remove(name); err != nil {
					return err
				}
				return syscall.Mkfifo(name, 0o600)
			}, "it is no plain file"},
		} {
			t.Run(file+" "+name, func(t *testing.T) {
				h := ownHome(t)
				mustRun(t, "serve", "token", "add", "one", "--grant", "aws:read")
				if err := c.spoil(h.path(file)); err != nil {
					t.Fatal(err)
				}
				if code, said := ends(t, "", args...); code != exitCannotRun || !strings.Contains(said, file) || !strings.Contains(said, c.want) {
					t.Errorf("%d, %s", code, said)
				}
			})
		}
	}
	t.Run("the home", func(t *testing.T) {
		h := ownHome(t)
		for mode, want := range map[os.FileMode]int{0o777: exitCannotRun, 0o770: exitCannotRun, 0o777 | os.ModeSticky: exitClean, 0o755: exitClean, 0o700: exitClean} {
			if err := os.Chmod(h.dir, mode); err != nil {
				t.Fatal(err)
			}
			if code, said := ends(t, "", "key", "list"); code != want {
				t.Errorf("mode %v: %d, want %d: %s", mode, code, want, said)
			}
		}
	})
}

// TestTokensAtOnce: no change of the file loses another's, a revocation least of all.
func TestTokensAtOnce(t *testing.T) {
	ownHome(t)
	mustRun(t, "serve", "token", "add", "gone", "--grant", "aws:read")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if code, said := ends(t, "", "serve", "token", "add", fmt.Sprint("t", i), "--grant", "aws:read"); code != 0 {
				t.Error(said)
			}
		})
	}
	all.Go(func() {
		if code, said := ends(t, "", "serve", "token", "revoke", "gone"); code != 0 {
			t.Error(said)
		}
	})
	all.Wait()
	list := mustRun(t, "serve", "token", "list")
	if n := strings.Count(list, "aws:read"); n != 8 || strings.Contains(list, "gone") {
		t.Errorf("%d tokens are left:\n%s", n, list)
	}
}

// TestAKeyThatCannotBeReadIsNotGone: 5 says that there is none, and a script would make
// another.
func TestAKeyThatCannotBeReadIsNotGone(t *testing.T) {
	h := ownHome(t)
	if code, said := ends(t, rfcSeed32+"\n", "key", "add", "door", "-"); code != 0 {
		t.Fatal(said)
	}
	admin := mustRun(t, "serve", "token", "add", "admin", "--grant", "*:manage")
	if err := os.Chmod(h.path("keys/door.sealed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, said := ends(t, "", "code", "door"); code != exitCannotRun || !strings.Contains(said, "chmod 0600") {
		t.Errorf("%d, %s", code, said)
	}
	url, stop := servedAt(t)
	defer stop()
	if status, _ := request(t, "DELETE", url+"/v1/totp/keys/door", admin, ""); status != http.StatusServiceUnavailable {
		t.Errorf("deleting it: %d", status)
	}
	if _, err := os.Stat(h.path("keys/door.sealed")); err != nil {
		t.Error(err)
	}
}

func TestANameThatIsNoAccount(t *testing.T) {
	ownHome(t)
	const arn = "arn:aws:iam::111122223333:mfa/ada"
	if code, said := ends(t, rfcSeed32+"\n", "key", "add", arn, "-"); code != exitUsage || !strings.Contains(said, `"`+arn+`"`) || !strings.Contains(said, "--account") {
		t.Errorf("%d, %s", code, said)
	}
	if code, said := ends(t, rfcSeed32+"\n", "key", "add", arn, "-", "--account", "ada"); code != 0 {
		t.Errorf("with --account: %d, %s", code, said)
	}
}

// TestReseal goes from a passphrase to age, to others, and back, with keys that are
// there: what is sealed anew opens, and the old way does not open it any more.
func TestReseal(t *testing.T) {
	h := ownHome(t)
	file := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(h.path(name), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return h.path(name)
	}
	one, other := newIdentity(t), newIdentity(t)
	first, second := file("first.txt", one.String()), file("second.txt", other.String())
	both := file("both.txt", one.String()+"\n"+other.String())
	phrase := file("phrase.txt", "correct horse battery staple")
	for _, name := range []string{recipientsFile, "identity.txt"} {
		if err := os.Remove(h.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if code, said := ends(t, rfcSeed32+"\n", "key", "add", "door", "-", "--passphrase-file", phrase); code != 0 {
		t.Fatal(said)
	}
	show := func(opens ...string) int {
		code, _ := ends(t, "", append([]string{"key", "show", "door"}, opens...)...)
		return code
	}
	if code, said := ends(t, "", "key", "reseal", "--to", one.Recipient().String(), "--passphrase-file", phrase); code != exitCannotRun || !strings.Contains(said, "--identity") {
		t.Errorf("without an identity of it: %d, %s", code, said)
	}
	if code, said := ends(t, "", "key", "reseal", "--to", one.Recipient().String(), "--passphrase-file", phrase, "--identity", second); code != exitCannotRun || show("--passphrase-file", phrase) != 0 {
		t.Errorf("with another's identity: %d, %s", code, said)
	}
	mustRun(t, "key", "reseal", "--to", one.Recipient().String(), "--passphrase-file", phrase, "--identity", first)
	if show("--identity", first) != 0 || show("--identity", second, "--passphrase-file", phrase) == 0 {
		t.Error("from a passphrase to an identity")
	}
	kept, err := seal.OpenStore(h.path("sessions"), seal.Keys{Recipients: []age.Recipient{one.Recipient()}})
	if err == nil {
		err = kept.Put(t.Context(), seal.Header{ID: "session-0", Kind: "aws-session"}, seal.NewSecret([]byte("kept")))
	}
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, "key", "reseal", "--to", other.Recipient().String(), "--identity", both)
	if all, err := kept.List(); err != nil || len(all) != 0 {
		t.Errorf("a session is kept for the old recipient: %v, %v", all, err)
	}
	if show("--identity", second) != 0 || show("--identity", first) == 0 {
		t.Error("from an identity to another")
	}
	mustRun(t, "key", "reseal", "--to", one.Recipient().String(), "--to", other.Recipient().String(), "--identity", second)
	if show("--identity", second) != 0 || show("--identity", first) != 0 {
		t.Error("to two")
	}
	mustRun(t, "key", "reseal", "--to", "passphrase", "--new-passphrase-file", phrase, "--identity", first)
	if show("--passphrase-file", phrase) != 0 || show("--identity", first) == 0 {
		t.Error("back to a passphrase")
	}
}

func newIdentity(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestVerifyNamesTheKey: a person knows a key by its name, and has to learn what opens a
// lock.
func TestVerifyNamesTheKey(t *testing.T) {
	h := ownHome(t)
	if code, said := ends(t, rfcSeed32+"\n", "key", "add", "door", "-"); code != 0 {
		t.Fatal(said)
	}
	if code, said := ends(t, "12345\n", "verify", "door"); code != exitRefused || !strings.Contains(said, `"door"`) {
		t.Errorf("%d, %s", code, said)
	}
	o, err := (&opener{home: h}).open(t.Context(), "door")
	if err != nil {
		t.Fatal(err)
	}
	if said := fmt.Sprint(o.told(fmt.Errorf("x: %w", ledger.ErrLocked))); !strings.Contains(said, "'mfawatch verify door --unlock'") {
		t.Error(said)
	}
}

// TestKeysAtOnce: who writes waits for another that writes, and fails only when that
// takes long.
func TestKeysAtOnce(t *testing.T) {
	h := ownHome(t)
	mustRun(t, "key", "list")
	held, err := seal.Lock(h.path("keys"))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(300*time.Millisecond, func() { _ = held.Close() })
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			if code, said := ends(t, rfcSeed32+"\n", "key", "add", fmt.Sprint("k", i), "-"); code != 0 {
				t.Error(said)
			}
		})
	}
	all.Wait()
	if code, said := ends(t, "", "key", "list"); code != 0 || strings.Count(said, "\nk") != 6 {
		t.Errorf("%d:\n%s", code, said)
	}
}

// TestClientsAreAddedAtOnce: many who add a client of the validation server at the same
// time have ids of their own, and none is lost.
func TestClientsAreAddedAtOnce(t *testing.T) {
	h := ownHome(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			out := &bytes.Buffer{}
			if code := execute(t.Context(), terminal{in: strings.NewReader(""), out: out, err: out}, []string{"serve", "yubico-client", "add", fmt.Sprint("client", i)}); code != 0 {
				t.Errorf("client %d: ends with %d", i, code)
			}
		})
	}
	all.Wait()
	list, err := clientFile(h, "").read()
	ids := map[string]bool{}
	for _, c := range list {
		ids[c.ID] = true
	}
	if err != nil || len(ids) != 8 {
		t.Errorf("%d clients of %d ids are left, %v, want 8", len(list), len(ids), err)
	}
}
