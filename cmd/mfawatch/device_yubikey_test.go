package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp"
	"mfawatch/totp/yubikey/inventory"
	"mfawatch/totp/yubikey/yubikeytest"
)

// office is a yubiDesk, and an account with two users. The credentials are ada's.
type office struct {
	*yubiDesk
	srv        *fakeaws.Server
	a          *fakeaws.Account
	ada, grace *fakeaws.User
}

func inOffice(t *testing.T, f func(o *office)) {
	t.Helper()
	for i, value := range awsValues("", t.TempDir()) {
		t.Setenv(awsVariables[i], value)
	}
	t.Setenv("AWS_CA_BUNDLE", "") // the SDK would want to change the client
	a := fakeaws.NewAccount(management)
	ada, grace := a.User("ada"), a.User("grace")
	ada.Keys = []fakeaws.Key{a.Key()}
	t.Setenv("AWS_ACCESS_KEY_ID", ada.Keys[0].ID)
	timeless(t, func(d *yubiDesk) {
		srv := fakeaws.New(a)
		d.aws = srv.Client()
		f(&office{d, srv, a, ada, grace})
	})
}

// state says which devices there are, and whether the key makes their codes.
func (o *office) state() string {
	var parts []string
	say := func(owner, serial string) {
		text := owner + " " + serial[strings.LastIndex(serial, "/")+1:]
		for _, c := range o.cards {
			if names, _ := c.Names(); slices.Contains(names, serial) {
				text += fmt.Sprint(" on ", c.Serial)
			}
		}
		parts = append(parts, text)
	}
	for _, u := range o.a.Users {
		for _, d := range u.Devices {
			say(u.Name, d.Serial)
		}
	}
	for _, serial := range o.a.Unassigned {
		say("unassigned", serial)
	}
	return strings.Join(parts, ", ")
}

func (o *office) want(state string) {
	o.Helper()
	if got := o.state(); got != state {
		o.Errorf("there is %q, want %q", got, state)
	}
}

// sameSeed holds the key to AWS's seed.
func (o *office) sameSeed(serial string) {
	o.Helper()
	k, err := totp.New(totp.Settings{Account: "x"}, o.a.Secret(serial))
	if err != nil {
		o.Fatal(err)
	}
	r := o.run("code", "--yubikey", serial, "--wait")
	step := time.Now().Unix() / 30
	if want, _ := k.At(step); strings.TrimSpace(r.out) != want {
		o.Errorf("the key does not make AWS's codes: %s", r.err)
	}
}

// The article in one command: created, on the key, forgotten, enabled, proved.
func TestDeviceOnYubikey(t *testing.T) {
	inOffice(t, func(o *office) {
		touched := 0
		o.card().Touch = func(context.Context, string) bool { touched++; time.Sleep(time.Second); return true }
		r := o.wants(exitClean, `mfa/ada is enabled for ada, and a session proved it\. Its seed is on YubiKey 12345678 and nowhere else, and each code wants a touch`, "device", "create", "ada", "--yubikey")
		if touched != 3 || strings.Count(r.err, "Touch YubiKey 12345678: it blinks.") != 3 {
			o.Errorf("touched %d times, said %q", touched, r.err)
		}
		o.want("ada ada on 12345678")
		if _, touch := o.card().Names(); !touch[adaARN] {
			o.Error("codes want no touch")
		}
		if r := o.wants(exitClean, `"device": "`+adaARN+`",\s+"sealed_to": \[\],\s+"grade": "yubikey-touch",\s+"yubikey": 12345678`, "key", "list", "--format", "json"); strings.Count(r.out, `"name"`) != 1 {
			o.Errorf("keys: %s", r.out)
		}
		o.wants(exitClean, adaARN+` +yubikey-touch +on YubiKey 12345678\n`, "key", "list")
		o.sameSeed(adaARN)
		o.wants(exitClean, `(?s)USER +YUBIKEY.*ada +12345678 +`+adaARN+` +yubikey-touch +2000-01-01 00:0\dZ +arn:aws:iam::111122223333:user/ada`, "yubikey", "inventory")
		// Again: nothing is done, and it is proved once more.
		o.wants(exitClean, "is enabled for ada, and a session proved it", "device", "create", "ada", "--yubikey=12345678")
		if n := o.srv.Counts()["iam:CreateVirtualMFADevice"]; n != 1 {
			o.Errorf("%d devices created", n)
		}
		o.wants(exitClean, "AWS_SESSION_TOKEN=", "session", "--key", adaARN, "--yubikey")
		o.wants(exitClean, "Resynced", "device", "resync", adaARN, "--yubikey")
		o.wants(exitNotFound, "no such credential", "device", "resync", "GAKT12345678", "--yubikey")
	})
}

// An administrator enrols a key for somebody else: no session can prove it.
func TestDeviceForSomebodyElse(t *testing.T) {
	inOffice(t, func(o *office) {
		o.wants(exitClean, `mfa/grace is enabled for grace\. Its seed is on YubiKey 12345678 and nowhere else, and codes want no touch`, "device", "create", "grace", "--yubikey", "--for", "grace", "--no-touch")
		o.want("grace grace on 12345678")
		o.wants(exitClean, `"user": "grace",\s+"yubikey": 12345678,\s+"device": "arn:aws:iam::111122223333:mfa/grace",\s+"touch": false,\s+"password": false,\s+"enrolled": "2000-01-01T00:0.*,\s+"by": "arn:aws:iam::111122223333:user/ada"`, "yubikey", "inventory", "--format", "json")
		o.wants(exitClean, `111122223333,grace,12345678,`, "yubikey", "inventory", "--format", "csv")
		o.wants(exitCannotRun, "only a session that grace gets proves it", "device", "create", "grace2", "--yubikey", "--user", "grace", "--verify")
		o.wants(exitUsage, "goes with --yubikey", "device", "create", "ada", "--no-touch")
		// Who has a seed there already is told about the touch that it has.
		o.wants(exitCannotRun, `wants no touch: give --no-touch, or delete it first: mfawatch yubikey oath rm arn:aws:iam::111122223333:mfa/grace --yubikey 12345678`, "device", "create", "grace", "--yubikey", "--for", "grace")
		o.wants(exitClean, `still on YubiKey 12345678; this deletes it there: mfawatch yubikey oath rm arn:aws:iam::111122223333:mfa/grace`, "device", "delete", "arn:aws:iam::111122223333:mfa/grace", "--user", "grace", "--force")
		o.wants(exitClean, "No device is on a YubiKey", "yubikey", "inventory")
	})
}

func TestReplaceByYubikey(t *testing.T) {
	inOffice(t, func(o *office) {
		o.wants(exitClean, "sealed as ada-laptop", "device", "create", "ada-laptop")
		o.wants(exitClean, `mfa/ada is in the place of arn:aws:iam::111122223333:mfa/ada-laptop, enabled for ada, and a session proved it`, "device", "replace", "ada-laptop", "ada", "--yubikey")
		o.want("ada ada on 12345678")
		if r := o.run("key", "list"); strings.Contains(r.out, "ada-laptop") {
			o.Errorf("the old key is still there: %s", r.out)
		}
		o.sameSeed(adaARN)
		// And back, from the key: AWS wants a session with MFA, which the key makes.
		o.plug("Yubico YubiKey OTP+FIDO+CCID 01 00", 2)
		o.wants(exitClean, "ada2 is in the place of", "device", "replace", adaARN, "ada2", "--yubikey=12345678")
		o.want("ada ada2 on 12345678")
	})
}

// Which keys are plugged in is found out before AWS makes anything.
func TestDeviceWithoutItsYubikey(t *testing.T) {
	inOffice(t, func(o *office) {
		o.plug("Yubico YubiKey OTP+FIDO+CCID 01 00", 2)
		o.wants(exitAmbiguous, "more than one YubiKey", "device", "create", "ada", "--yubikey")
		o.wants(exitAbsent, "serial number 3; there are", "device", "create", "ada", "--yubikey=3")
		clear(o.cards)
		o.wants(exitAbsent, "no such YubiKey is plugged in", "device", "create", "ada", "--yubikey")
		o.plug(readerName, 1).SetSlot(1, yubikeytest.Slot{})
		o.wants(exitCannotRun, "64 bytes", "device", "create", strings.Repeat("a", 40), "--yubikey")
		o.card().Firmware = [3]byte{4, 2, 3}
		o.wants(exitCannotRun, "(?s)a touch for each code needs firmware 4.2.4.*the device was deleted again", "device", "create", "ada", "--yubikey")
		o.want("")
	})
}

func TestDeviceOnLockedYubikey(t *testing.T) {
	inOffice(t, func(o *office) {
		password := o.file("p", "a long password\n")
		o.wants(exitClean, "is set", "yubikey", "oath", "password", "--new-password-file", password)
		o.wants(exitRefused, "not this key's", "device", "create", "ada", "--yubikey", "--oath-password-file", o.file("p", "wrong\n"))
		o.want("")
		o.wants(exitClean, "proved it", "device", "create", "ada", "--yubikey", "--oath-password-file", password)
		o.wants(exitClean, "yubikey-touch-password", "yubikey", "inventory")
	})
}

// Not touched in time: what is left is told, and a second run goes on.
func TestDeviceNotTouched(t *testing.T) {
	inOffice(t, func(o *office) {
		o.card().Touch = func(context.Context, string) bool { time.Sleep(15 * time.Second); return false }
		o.wants(exitAbsent, `(?s)not touched in time.*run this again to go on, or remove it with: aws iam delete-virtual-mfa-device --serial-number `+adaARN+`.*this deletes it there: mfawatch yubikey oath rm `+adaARN+` --yubikey 12345678`, "device", "create", "ada", "--yubikey")
		o.want("unassigned ada on 12345678")
		o.card().Touch = nil
		o.wants(exitClean, "(?s)and its seed is kept: going on.*proved it|proved it.*going on", "device", "create", "ada", "--yubikey")
		o.want("ada ada on 12345678")
		o.sameSeed(adaARN)
	})
}

// A second run with another key in: nobody has the seed there, so the device is made anew.
func TestDeviceGoesOnWithAnotherYubikey(t *testing.T) {
	inOffice(t, func(o *office) {
		o.card().Touch = func(context.Context, string) bool { return false }
		o.wants(exitAbsent, "not touched", "device", "create", "ada", "--yubikey")
		delete(o.cards, readerName)
		o.plug(readerName, 2)
		o.wants(exitClean, "YubiKey 2 and nowhere else", "device", "create", "ada", "--yubikey")
		o.want("ada ada on 2")
		o.sameSeed(adaARN)
	})
}

// Pulled out at every command in turn, a key leaves no device that cannot be gone on with
// or whose removal is not told, and the second run does it.
func TestDevicePulledOutAtEveryCommand(t *testing.T) {
	for at, done := 1, false; !done; at++ {
		if at > 200 {
			t.Fatal("it does not end")
		}
		inOffice(t, func(o *office) {
			o.card().PullAt = at
			r := o.run("device", "create", "ada", "--yubikey")
			if done = r.code == exitClean; done {
				if at < 20 {
					t.Errorf("done after %d commands", at)
				}
				return
			}
			o.afterPulling(at, r)
			o.card().PlugIn()
			o.card().PullAt = 0
			o.wants(exitClean, "proved it", "device", "create", "ada", "--yubikey")
			o.want("ada ada on 12345678")
			o.sameSeed(adaARN)
		})
	}
}

// afterPulling holds what is there to what was told.
func (o *office) afterPulling(at int, r ran) {
	o.Helper()
	switch state := o.state(); {
	case r.code != exitAbsent || r.out != "" || !strings.Contains(r.err, "pulled out"):
		o.Errorf("pulled out at command %d: ends with %d: %s", at, r.code, r.err)
	case state == "":
		if names, _ := o.card().Names(); len(names) > 0 && !strings.Contains(r.err, "mfawatch yubikey oath rm "+adaARN) {
			o.Errorf("pulled out at command %d: a seed is left on the key, and not told: %s", at, r.err)
		}
	case strings.HasPrefix(state, "unassigned"):
		if !strings.Contains(r.err, "aws iam delete-virtual-mfa-device --serial-number "+adaARN) || !strings.Contains(r.err, "mfawatch yubikey oath rm "+adaARN) {
			o.Errorf("pulled out at command %d: %s is left, and how it is removed is not told: %s", at, state, r.err)
		}
	case !strings.Contains(r.err, "is enabled, and no session proves it"):
		o.Errorf("pulled out at command %d: there is %s, and said %s", at, state, r.err)
	}
}

// A name that is on the key already is of a device that AWS has no more; a key without
// room gets no device.
func TestDeviceNameAndRoom(t *testing.T) {
	inOffice(t, func(o *office) {
		o.add(adaARN)
		o.wants(exitClean, "(?s)is enabled for ada.*good for nothing any more: it is replaced", "device", "create", "ada", "--yubikey")
		o.want("ada ada on 12345678")
		o.sameSeed(adaARN)
		o.wants(exitClean, `virtual +ada +2000-01-01 +on YubiKey 12345678`, "device", "list")
		o.card().Room = 1
		o.wants(exitCannotRun, "the device was deleted again", "device", "create", "ada2", "--yubikey")
		o.want("ada ada on 12345678")
		o.wants(exitClean, "AWS asks for codes of "+adaARN, "yubikey", "oath", "rm", adaARN, "--yes", adaARN)
	})
}

// Where AWS does not let the device be deleted again, how it is removed is told.
func TestDeviceThatStays(t *testing.T) {
	inOffice(t, func(o *office) {
		o.card().Room = 1
		o.add("Example:other")
		o.srv.Fault(fakeaws.Denied("iam:DeleteVirtualMFADevice"))
		o.wants(exitCannotRun, "aws iam delete-virtual-mfa-device --serial-number "+adaARN, "device", "create", "ada", "--yubikey")
		o.want("unassigned ada")
	})
}

// Many write the inventory at once, and none is lost; what is damaged is not written over.
func TestInventoryOfMany(t *testing.T) {
	h := ownHome(t)
	kept, _, err := h.ledger(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			e := inventory.Entry{Account: management, User: "ada", Device: fmt.Sprint("arn:aws:iam::", management, ":mfa/", i), Enrolled: time.Now()}
			if err := h.changeInventory(t.Context(), kept, func(l inventory.List) inventory.List { return l.With(e) }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	l, err := h.inventory()
	if err != nil || len(l.All()) != 8 {
		t.Errorf("%d entries, %v", len(l.All()), err)
	}
	if info, err := os.Stat(h.path(inventoryFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(h.path(inventoryFile), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = h.changeInventory(t.Context(), kept, func(l inventory.List) inventory.List { return l })
	if text, _ := os.ReadFile(h.path(inventoryFile)); err == nil || string(text) != "damaged" {
		t.Errorf("%q, %v", text, err)
	}
}
