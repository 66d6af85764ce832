package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/seal"
	"mfawatch/totp/yubikey/yubikeytest"
)

// The newer copy's key survives a rotation from an old copy, which says what to do.
func TestRotateFromAnOldCopy(t *testing.T) {
	n := newNight(t)
	n.sealed()
	copied, err := os.ReadFile(n.home.glass("bundle.age"))
	if err != nil {
		t.Fatal(err)
	}
	old := n.home.path("old.age")
	put(t, old, copied)
	n.Fault(fakeaws.Denied("iam:UpdateAccessKey")) // the old key stays: it works, and so does the old copy
	if code, _, _ := n.run("", "rotate"); code != exitCannotRun || len(n.keys()) != 2 {
		t.Fatalf("keys %v", n.keys())
	}
	n.Mend()
	fresh, kept := n.contents().Key, n.keys()
	code, _, errs := n.run("", "rotate", "--bundle", old)
	for _, want := range []string{old, "old copy of the bundle", "nothing was changed", fresh, "--remove " + fresh} {
		if code != exitCannotRun || !strings.Contains(errs, want) {
			t.Errorf("rotate of an old copy ends with %d, without %q: %s", code, want, errs)
		}
	}
	if code, _, errs := n.run(n.code(0), "use", "--offline", "--bundle", old, "--why", "all is down"); code != 0 || !strings.Contains(errs, "is not rotated") || !strings.Contains(errs, "old copy") {
		t.Errorf("use of an old copy ends with %d: %s", code, errs)
	}
	if !slices.Equal(n.keys(), kept) || n.contents().Key != fresh {
		t.Errorf("keys %v, want %v as they were", n.keys(), kept)
	}
	if code, out, _ := n.run("", "status", "--offline"); code != 0 || !strings.Contains(out, "To rotate:   "+n.key) {
		t.Errorf("status: %s", out)
	}
	if code, _, errs := n.run("", "rotate"); code != 0 || !slices.Equal(n.keys(), []string{fresh}) {
		t.Errorf("rotate of the newest ends with %d: %s, keys %v", code, errs, n.keys())
	}
	if code, _, errs := n.run("", "rotate", "--bundle", old); code != exitCannotRun || !strings.Contains(errs, "old copy of the bundle") || !slices.Equal(n.keys(), []string{fresh}) {
		t.Errorf("rotate of an old copy ends with %d: %s", code, errs)
	}
}

// A key that nobody knows stops a rotation until a person says that it may go.
func TestRotateBesideAnotherKey(t *testing.T) {
	n := newNight(t)
	n.sealed()
	var other string
	n.Change(func() {
		k := n.own.Key()
		n.user.Keys, other = append(n.user.Keys, k), k.ID
	})
	if code, _, errs := n.run("", "rotate"); code != exitCannotRun || !strings.Contains(errs, other) || len(n.keys()) != 2 || n.Counts()["iam:UpdateAccessKey"] != 0 {
		t.Errorf("rotate ends with %d: %s, keys %v", code, errs, n.keys())
	}
	if code, _, errs := n.run("", "rotate", "--remove", "AKIAOFNOBODY00000001"); code != exitCannotRun || len(n.keys()) != 2 {
		t.Errorf("rotate without a key that is not there ends with %d: %s", code, errs)
	}
	if code, _, errs := n.run("", "rotate", "--remove", other); code != 0 || !slices.Equal(n.keys(), []string{n.contents().Key}) || n.contents().Key == n.key {
		t.Errorf("rotate without the other ends with %d: %s, keys %v", code, errs, n.keys())
	}
}

// The key is another before the command runs, which may be killed; where AWS did not let
// it be, the command runs all the same and the key is rotated after it.
func TestOfflineRotatesBeforeTheCommand(t *testing.T) {
	for action, changed := range map[string]bool{"": true, "iam:CreateAccessKey": false, "iam:DeleteAccessKey": true} {
		n := newNight(t)
		n.sealed()
		if action != "" {
			fault := fakeaws.Denied(action)
			fault.Times = 1
			n.Fault(fault)
		}
		before := n.home.path("before.age")
		code, _, errs := n.run(n.code(0), "use", "--offline", "--why", "all is down", "--", "sh", "-c", `cp "`+n.home.glass("bundle.age")+`" "`+before+`"; exit 7`)
		if code != 7 || strings.Contains(errs, "It is tried again when the command has ended") != (action != "") || strings.Contains(errs, "When AWS answers") {
			t.Errorf("%s denied once: use ends with %d: %s", action, code, errs)
		}
		if got := n.contents().Key; got == n.key || !slices.Equal(n.keys(), []string{got}) {
			t.Errorf("%s denied once: the bundle has %s, AWS %v", action, got, n.keys())
		}
		if seen := n.contentsOf(before).Key; (seen != n.key) != changed {
			t.Errorf("%s denied once: the command saw a bundle with %s, which was %s", action, seen, n.key)
		}
		if code, out, _ := n.run("", "status", "--offline"); code != 0 || strings.Contains(out, "To rotate") {
			t.Errorf("%s denied once: status: %s", action, out)
		}
	}
}

// What was killed between is finished later, and reconcile says that it is to be.
func TestOfflineKilledBeforeTheRotation(t *testing.T) {
	n := newNight(t)
	n.sealed()
	if code, _, errs := n.run(n.code(0), "use", "--offline", "--why", "all is down", "--no-rotation"); code != 0 {
		t.Fatal(errs)
	}
	if code, _, errs := n.run("", "reconcile", "--to", t.TempDir()); code != 0 || !strings.Contains(errs, "key "+n.key+" of "+n.home.glass("bundle.age")+" was used and is to be rotated") {
		t.Errorf("reconcile ends with %d: %s", code, errs)
	}
	put(t, n.home.glass("rotation.json"), []byte(`{"bundle": "`+n.home.glass("bundle.age")+`", "from": "`+n.key+`"}`)) // as it was written before
	if code, _, errs := n.run("", "rotate"); code != 0 || n.contents().Key == n.key || !slices.Equal(n.keys(), []string{n.contents().Key}) {
		t.Errorf("rotate ends with %d: %s", code, errs)
	}
	if code, _, errs := n.run("", "reconcile", "--to", t.TempDir()); code != 0 || errs != "" {
		t.Errorf("reconcile ends with %d: %s", code, errs)
	}
}

// resealed seals the bundle anew, as whoever opened it can.
func (n *night) resealed(to ...string) {
	n.Helper()
	c := n.contents().Contents
	c.To = to
	file, err := bundle.Sealer{Random: rand.Reader}.Seal(n.Context(), c)
	if err != nil {
		n.Fatal(err)
	}
	put(n.T, n.home.glass("bundle.age"), file)
}

// Whoever opened a bundle can seal it to themselves besides. The next key is not theirs.
func TestRotateOfABundleThatWasSealedToAnother(t *testing.T) {
	n := newNight(t)
	n.sealed()
	eve, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	stranger := eve.Recipient().String()
	n.resealed(n.to, stranger)
	code, _, errs := n.run("", "rotate")
	if code != exitCannotRun || !strings.Contains(errs, stranger+" is a recipient of it and was none when it was made") || n.Counts()["iam:CreateAccessKey"] != 0 {
		t.Errorf("rotate ends with %d: %s", code, errs)
	}
	if code, out, errs := n.run(n.code(0), "use", "--offline", "--why", "all is down"); code != 0 || !strings.Contains(out, "AWS_SESSION_TOKEN") || !strings.Contains(errs, "is not rotated") || !strings.Contains(errs, stranger) || !slices.Equal(n.keys(), []string{n.key}) {
		t.Errorf("use ends with %d: %s", code, errs)
	}
	if code, _, errs := n.run("", "rotate", "--to", stranger); code != exitCannotRun || !strings.Contains(errs, "--to") || !strings.Contains(errs, "does not open") || n.Counts()["iam:CreateAccessKey"] != 0 {
		t.Errorf("rotate to somebody who is not here ends with %d: %s", code, errs)
	}
	if code, _, errs := n.run("", "rotate", "--to", n.to); code != 0 || !slices.Equal(n.contents().To, []string{n.to}) || n.contents().Key == n.key {
		t.Errorf("rotate to the right one ends with %d: %s", code, errs)
	}
	if text, _ := os.ReadFile(n.home.glass("bundle.age")); opensWith(t, text, eve) {
		t.Error("the stranger opens the new bundle")
	}
	n.resealed(stranger, n.to)
	if code, _, errs := n.run("", "rotate"); code != exitCannotRun || !strings.Contains(errs, stranger) {
		t.Errorf("rotate of another one ends with %d: %s", code, errs)
	}
	if code, _, errs := n.run("", "rotate", "--to", n.to, "--to", stranger); code != 0 {
		t.Errorf("rotate ends with %d: %s", code, errs)
	}
	n.resealed(n.to)
	if code, _, errs := n.run("", "rotate"); code != exitCannotRun || !strings.Contains(errs, stranger+" was a recipient when it was made and is none of it") {
		t.Errorf("rotate without one ends with %d: %s", code, errs)
	}
	if err := os.Remove(n.home.glass("recipients.json")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := n.run("", "rotate"); code != exitCannotRun || !strings.Contains(errs, "this machine did not make it") || !strings.Contains(errs, n.to) {
		t.Errorf("rotate on another machine ends with %d: %s", code, errs)
	}
}

// A run after one that had sealed, and did not get rid of the old key, says that it made
// none; where it names recipients, a new key is sealed to them.
func TestRotateAfterOneThatHadSealed(t *testing.T) {
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	second := other.Recipient().String()
	for name, to := range map[string][]string{"to the same": nil, "to others": {"--to", second, "--to"}} {
		n := newNight(t)
		n.sealed()
		n.Fault(fakeaws.Denied("iam:DeleteAccessKey"))
		if code, _, errs := n.run("", "rotate"); code != exitCannotRun || strings.Contains(errs, "is rotated:") || len(n.keys()) != 2 {
			t.Fatalf("%s: rotate ends with %d: %s", name, code, errs)
		}
		n.Mend()
		sealed, want := n.contents().Key, []string{n.to}
		args := []string{"rotate"}
		if to != nil {
			args, want = append(append(args, to...), n.to), []string{second, n.to}
		}
		code, _, errs := n.run("", args...)
		if anew := to != nil; code != 0 || strings.Contains(errs, "is rotated:") != anew || strings.Contains(errs, "no other was made, and nothing was sealed") == anew || (n.contents().Key != sealed) != anew {
			t.Errorf("%s: rotate ends with %d: %s", name, code, errs)
		}
		if got := n.contents(); !slices.Equal(got.To, want) || !slices.Equal(n.keys(), []string{got.Key}) {
			t.Errorf("%s: the bundle with %s is for %v, want %v; keys %v", name, got.Key, got.To, want, n.keys())
		}
		if code, _, errs := n.run("", "rotate"); code != 0 || !strings.Contains(errs, "is rotated:") {
			t.Errorf("%s: the next rotate ends with %d: %s", name, code, errs)
		}
	}
}

// After an answer that no key was made, a key of that minute is another machine's, which
// this one leaves alone; after a failure of AWS it is the one that was asked for.
func TestRotateAfterARefusal(t *testing.T) {
	for name, fault := range map[string]fakeaws.Fault{
		"denied": fakeaws.Denied("iam:CreateAccessKey"), "two keys": {Action: "iam:CreateAccessKey", Status: 409, Code: "LimitExceeded"}, "broken": fakeaws.Broken("iam:CreateAccessKey", 0),
	} {
		n := newNight(t)
		n.sealed()
		n.Fault(fault)
		if code, _, errs := n.run("", "rotate"); code != exitCannotRun || n.contents().Key != n.key || !slices.Equal(n.keys(), []string{n.key}) {
			t.Fatalf("%s: rotate ends with %d: %s", name, code, errs)
		}
		n.Mend()
		var other string
		n.Change(func() {
			k := n.own.Key()
			k.Created = time.Now().UTC()
			n.user.Keys, other = append(n.user.Keys, k), k.ID
		})
		code, _, errs := n.run("", "rotate")
		if name == "broken" {
			if code != 0 || !slices.Equal(n.keys(), []string{n.contents().Key}) {
				t.Errorf("%s: rotate ends with %d: %s, keys %v", name, code, errs, n.keys())
			}
			continue
		}
		if code != exitCannotRun || !strings.Contains(errs, "--remove "+other) || !slices.Contains(n.keys(), other) {
			t.Errorf("%s: rotate ends with %d: %s, keys %v", name, code, errs, n.keys())
		}
	}
}

func opensWith(t *testing.T, file []byte, id age.Identity) bool {
	_, err := bundle.Opener{Identities: []age.Identity{id}}.Open(t.Context(), file)
	return err == nil
}

// What a YubiKey answered is forgotten with the bundle's key.
func TestTheAnswerOfAYubiKeyIsWiped(t *testing.T) {
	d := newDesk(t)
	d.card().SetSlot(2, yubikeytest.Slot{Key: []byte("a secret of the slot"), Variable: true})
	key := &pluggedKey{t: terminal{err: &bytes.Buffer{}, cards: d}}
	got, err := key.Respond(t.Context(), 2, []byte("challenge"))
	if err != nil {
		t.Fatal(err)
	}
	got.Wipe()
	held, secret := key.answer.Reveal(), []byte("SecretOfTheBundle/EXAMPLE")
	if len(held) != 20 || bytes.Equal(held, make([]byte, 20)) {
		t.Fatal("no answer is kept for the opening after the sealing")
	}
	(&desk{key: key, Opened: bundle.Opened{Contents: bundle.Contents{Secret: seal.NewSecret(secret)}}}).wipe()
	if !bytes.Equal(held, make([]byte, 20)) || !bytes.Equal(secret, make([]byte, len(secret))) || key.challenge != nil {
		t.Error("something is left")
	}
	if _, err := key.Respond(t.Context(), 2, []byte("challenge")); err != nil {
		t.Errorf("asked again: %v", err)
	}
}
