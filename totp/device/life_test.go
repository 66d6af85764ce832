package device_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp"
	"mfawatch/totp/device"
	"mfawatch/totp/seal"
)

// TestWholeLife: from nothing to a proved device, a second one in its place, and back.
func TestWholeLife(t *testing.T) {
	on(t, func(s *stage) {
		out, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
		if err != nil {
			s.Fatal(err)
		}
		if out.Serial != phone || out.User != "ada" || out.Resumed || !out.Verified || out.Enabled.After(time.Now()) || out.Enabled.Before(time.Now().Add(-time.Minute)) {
			s.Errorf("enrolled %+v", out)
		}
		s.want("there is", s.whole(), "ada phone (sealed)")
		if key, _ := s.keep.Open(s.Context(), phone); key.Settings().Account != "phone@"+account {
			s.Errorf("the key is %v", key)
		}
		l := s.withMFA(phone)
		if err := l.Resync(s.Context(), "", phone, s.sealed(phone)); err != nil {
			s.Error(err)
		}
		if out, err = l.Replace(s.Context(), device.Replacement{Enrolment: s.enrolment("tablet"), Old: phone}); err != nil || !out.Verified {
			s.Errorf("replaced: %+v, %v", out, err)
		}
		s.want("there is", s.whole(), "ada tablet (sealed)")
		s.is(s.own().Deactivate(s.Context(), device.Removal{Serial: tablet}), device.ErrLockout, "no second factor would be left")
		l = s.withMFA(tablet)
		if err := l.Delete(s.Context(), device.Removal{Serial: tablet, Force: true}); err != nil {
			s.Error(err)
		}
		s.want("there is", s.whole(), "")
		s.discreet(s.heard())
	})
}

// AWS's own order: the seed is sealed before the device is enabled.
func TestEnrolSealsFirst(t *testing.T) {
	on(t, func(s *stage) {
		s.srv.Before = func(c fakeaws.Call) {
			if _, err := s.keep.Open(context.Background(), phone); c.Action == "iam:EnableMFADevice" && err != nil {
				s.Error("enabled before it was sealed")
			}
		}
		s.enrolled("phone")
		if n := s.srv.Counts()["iam:CreateVirtualMFADevice"]; n != 1 {
			s.Errorf("%d devices created", n)
		}
	})
}

func TestEnrolTwiceIsOnce(t *testing.T) {
	on(t, func(s *stage) {
		s.enrolled("phone")
		seed := s.a.Secret(phone)
		out, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
		if err != nil || !out.Resumed || !out.Verified || string(seed) != string(s.a.Secret(phone)) {
			s.Errorf("again: %+v, %v", out, err)
		}
		s.want("there is", s.whole(), "ada phone (sealed)")
	})
}

// When the seed cannot be sealed the device is deleted, or how is told.
func TestSealingFails(t *testing.T) {
	on(t, func(s *stage) {
		s.keep.fail = errors.New("disk full")
		_, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
		s.is(err, s.keep.fail, "deleted again")
		s.want("there is", s.whole(), "")
		s.srv.Fault(fakeaws.Denied("iam:DeleteVirtualMFADevice"))
		_, err = s.own().Enrol(s.Context(), s.enrolment("phone"))
		s.is(err, s.keep.fail, "aws iam delete-virtual-mfa-device --serial-number "+phone)
		s.want("there is", s.whole(), "unassigned phone")
		s.srv.Mend()
		s.keep.fail = nil
		s.enrolled("phone")
		s.want("there is", s.whole(), "ada phone (sealed)")
	})
}

// Killed between AWS's answer and the seal, the device is deleted all the same.
func TestKilledBeforeTheSeal(t *testing.T) {
	on(t, func(s *stage) {
		ctx, cancel := context.WithCancel(s.Context())
		s.keep.then = cancel
		_, err := s.own().Enrol(ctx, s.enrolment("phone"))
		s.is(err, context.Canceled, "deleted again")
		s.want("there is", s.whole(), "")
	})
}

// Killed while AWS enables, the device is asked after, and found enabled.
func TestKilledWhileEnabling(t *testing.T) {
	on(t, func(s *stage) {
		ctx, cancel := context.WithCancel(s.Context())
		s.srv.Before = func(c fakeaws.Call) {
			if c.Action == "iam:EnableMFADevice" {
				cancel()
			}
		}
		e := s.enrolment("phone")
		e.Verify = false
		out, err := s.own().Enrol(ctx, e)
		if err != nil || out.Serial != phone {
			s.Errorf("%+v, %v", out, err)
		}
		s.want("there is", s.whole(), "ada phone (sealed)")
	})
}

// What an earlier run left, by all of its ways.
func TestEnrolGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		before func(s *stage)
		says   string
	}{
		"unassigned, not sealed":     {func(s *stage) { s.left(true); s.keep.keys = map[string]totp.Key{} }, "made anew"},
		"unassigned and sealed":      {func(s *stage) { s.left(true) }, "going on"},
		"sealed, and deleted by AWS": {func(s *stage) { s.left(true); s.a.Sweep() }, ""},
		"another's seed is sealed": {func(s *stage) {
			s.left(true)
			s.keep.keys[phone], _ = totp.New(totp.Settings{Account: "x"}, []byte("12345678901234567890"))
		}, "does not take the codes of the kept seed"},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *stage) {
				c.before(s)
				s.said = nil
				out, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
				if err != nil || !out.Verified {
					s.Errorf("%+v, %v", out, err)
				}
				s.want("there is", s.whole(), "ada phone (sealed)")
				if !strings.Contains(s.heard(), c.says) {
					s.Errorf("said %q, want %q", s.heard(), c.says)
				}
			})
		})
	}
}

// Of two devices one goes without force, and a token is the user's no more.
func TestDeactivate(t *testing.T) {
	on(t, func(s *stage) {
		s.ada.Devices = []fakeaws.Device{s.a.Virtual("mine"), fakeaws.Token(token)}
		if err := s.admin().Deactivate(s.Context(), device.Removal{User: "ada", Serial: token}); err != nil {
			s.Error(err)
		}
		s.want("there is", s.whole(), "ada mine")
		s.is(s.admin().Deactivate(s.Context(), device.Removal{User: "ada", Serial: token}), device.ErrNotFound)
	})
}

// Without codes AWS is not asked, and a proof is as short as a session can be.
func TestNoCodesNoCall(t *testing.T) {
	on(t, func(s *stage) {
		s.a.Seed(token, []byte("12345678901234567890"))
		_, err := s.own().Enable(s.Context(), "", token, device.NewTyped(token, asking("123456")))
		s.is(err, nil, "nobody at the keyboard", "enable device "+token+" for user ada")
		if n := s.srv.Counts()["iam:EnableMFADevice"]; n != 0 {
			s.Errorf("%d calls", n)
		}
		s.enrolled("phone")
		for _, key := range s.srv.Sessions() {
			if got, _ := s.srv.Session(key); got.Expires.After(time.Now().Add(15 * time.Minute)) {
				s.Errorf("a proof lasts until %v", got.Expires)
			}
		}
	})
}

// Where what is left cannot be removed, the user is not stuck.
func TestLeftAndNotRemovable(t *testing.T) {
	on(t, func(s *stage) {
		s.left(true)
		s.keep.keys = map[string]totp.Key{}
		s.srv.Fault(fakeaws.DeniedByPolicy("iam:DeleteVirtualMFADevice", "identity-based policy"))
		_, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
		s.is(err, device.ErrDenied, "an identity-based policy denies it", "choose another name", "delete-virtual-mfa-device --serial-number "+phone)
		s.enrolled("tablet")
		s.want("there is", s.whole(), "ada tablet (sealed), unassigned phone")
	})
}

// mangled changes AWS's answer about a new device.
type mangled struct {
	device.IAM
	change func(*iamtypes.VirtualMFADevice)
}

func (m mangled) CreateVirtualMFADevice(ctx context.Context, in *iam.CreateVirtualMFADeviceInput, o ...func(*iam.Options)) (*iam.CreateVirtualMFADeviceOutput, error) {
	out, err := m.IAM.CreateVirtualMFADevice(ctx, in, o...)
	if err == nil {
		m.change(out.VirtualMFADevice)
	}
	return out, err
}

// What AWS says of a new device is not taken on trust, and its answer is wiped.
func TestAnswersAboutADevice(t *testing.T) {
	on(t, func(s *stage) {
		var answer *iamtypes.VirtualMFADevice
		l := s.own()
		enrol := func(change func(*iamtypes.VirtualMFADevice)) error {
			l.IAM = mangled{s.own().IAM, func(d *iamtypes.VirtualMFADevice) { answer = d; change(d) }}
			_, err := l.Enrol(s.Context(), s.enrolment("phone"))
			return err
		}
		s.is(enrol(func(d *iamtypes.VirtualMFADevice) { d.Base32StringSeed = []byte("0189") }), nil, "the seed that AWS gave", "deleted again")
		s.is(enrol(func(d *iamtypes.VirtualMFADevice) { d.Base32StringSeed = nil }), nil, "the seed that AWS gave", "deleted again")
		s.want("there is", s.whole(), "")
		s.a.Unassigned = append(s.a.Unassigned, tablet)
		s.is(enrol(func(d *iamtypes.VirtualMFADevice) { d.SerialNumber = aws.String(tablet) }), nil, "where "+phone+" was asked for", "deleted again")
		s.a.Sweep()
		if err := enrol(func(*iamtypes.VirtualMFADevice) {}); err != nil {
			s.Error(err)
		}
		if strings.Trim(string(answer.Base32StringSeed)+string(answer.QRCodePNG), "\x00") != "" || len(answer.Base32StringSeed) != 64 {
			s.Error("AWS's answer was not wiped")
		}
	})
}

// A device that was deactivated and cannot be deleted is told of with the command.
func TestDeletedHalfWay(t *testing.T) {
	on(t, func(s *stage) {
		s.enrolled("phone")
		s.srv.Fault(fakeaws.Denied("iam:DeleteVirtualMFADevice"))
		l, n := s.withMFA(phone), 0
		mfa := l.MFA
		l.MFA = func(ctx context.Context) (device.IAM, error) { n++; return mfa(ctx) }
		err := l.Delete(s.Context(), device.Removal{Serial: phone, Force: true})
		if n != 1 {
			s.Errorf("%d sessions were got for one removal", n)
		}
		s.is(err, device.ErrDenied, "no identity-based policy allows it", "aws iam delete-virtual-mfa-device --serial-number "+phone)
		s.want("there is", s.whole(), "unassigned phone (sealed)")
		s.srv.Mend()
		if err := s.own().Delete(s.Context(), device.Removal{Serial: phone}); err != nil {
			s.Error(err)
		}
		s.want("there is", s.whole(), "")
	})
}

// When somebody else has got the old device meanwhile, it is left to them.
func TestOldDeviceIsAnothersNow(t *testing.T) {
	on(t, func(s *stage) {
		s.enrolled("phone")
		s.srv.Fault(fakeaws.Denied("iam:DeleteVirtualMFADevice"))
		want := device.Replacement{Enrolment: s.enrolment("tablet"), Old: phone}
		_, err := s.withMFA(phone).Replace(s.Context(), want)
		s.is(err, device.ErrDenied, "is still there", "aws iam deactivate-mfa-device --user-name ada --serial-number "+phone+" && aws iam delete-virtual-mfa-device --serial-number "+phone)
		s.srv.Mend()
		s.a.Unassigned = nil
		s.a.User("bob").Devices = []fakeaws.Device{s.a.Virtual("phone")}
		if _, err := s.withMFA(tablet).Replace(s.Context(), want); err != nil {
			s.Error(err)
		}
		if owner, err := s.admin().List(s.Context(), "bob"); err != nil || len(owner) != 1 {
			s.Errorf("bob has %v, %v", owner, err)
		}
	})
}

// A user with one device, a user's policy that wants MFA for everything: the session is
// asked for once, for all changes of a replacement.
func TestOneSessionForAll(t *testing.T) {
	on(t, func(s *stage) {
		s.enrolled("phone")
		l, n := s.withMFA(phone), 0
		mfa := l.MFA
		l.MFA = func(ctx context.Context) (device.IAM, error) { n++; return mfa(ctx) }
		if _, err := l.Replace(s.Context(), device.Replacement{Enrolment: s.enrolment("tablet"), Old: phone}); err != nil || n != 1 {
			s.Errorf("%d sessions, %v", n, err)
		}
	})
}

// TestEnrolAtOnce: of several who enrol the same, one does, and what the others leave is
// made good by running again.
func TestEnrolAtOnce(t *testing.T) {
	on(t, func(s *stage) {
		var wg sync.WaitGroup
		var won atomic.Int64
		for i := range 6 {
			wg.Go(func() {
				time.Sleep(time.Duration(i/2) * time.Second)
				out, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
				if err == nil && out.Verified {
					won.Add(1)
				} else if !errors.Is(err, device.ErrInUse) && !errors.Is(err, device.ErrNotFound) && !errors.Is(err, device.ErrNeedsMFA) && !errors.Is(err, device.ErrRefused) && !errors.Is(err, seal.ErrExists) {
					s.Errorf("%d: %v", i, err)
				}
			})
		}
		wg.Wait()
		out, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
		if err != nil || !out.Verified {
			s.Errorf("%d won; then %+v, %v", won.Load(), out, err)
		}
		s.want("there is", s.whole(), "ada phone (sealed)")
	})
}

// left is an enrolment that was killed before it enabled.
func (s *stage) left(sealed bool) {
	s.Helper()
	s.srv.Fault(fakeaws.Fault{Action: "iam:EnableMFADevice", Status: 403, Code: "AccessDenied", Message: "x"})
	_, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
	s.is(err, device.ErrDenied, "run this again", "aws iam delete-virtual-mfa-device --serial-number "+phone)
	s.srv.Mend()
	s.want("left behind", s.whole(), "unassigned phone (sealed)")
}

// lost loses the answer of the nth call from now, which the server has done.
func (s *stage) lost(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.n
	s.wire = func(at int, _ *http.Request) error {
		if at == from+n {
			return errors.New("connection reset by peer")
		}
		return nil
	}
}

// killed ends a context before the nth call from now is answered.
func (s *stage) killed(n int) context.Context {
	ctx, cancel := context.WithCancel(s.Context())
	from := 0
	s.srv.Before = func(fakeaws.Call) {
		if from++; from == n {
			cancel()
		}
	}
	return ctx
}

// unkilled takes all that was staged back.
func (s *stage) unkilled() {
	s.srv.Before = nil
	s.srv.Mend()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire = nil
}

// ways are how a run may end at a call.
var ways = map[string]func(s *stage, n int) context.Context{
	"refused": func(s *stage, n int) context.Context {
		s.srv.Fault(fakeaws.Fault{Status: 403, Code: "AccessDenied", Message: "x", After: n - 1, Times: 1})
		return s.Context()
	},
	"broken": func(s *stage, n int) context.Context {
		s.srv.Fault(fakeaws.Fault{Status: 500, Code: "ServiceFailure", Message: "x", After: n - 1, Times: 1})
		return s.Context()
	},
	"lost":   func(s *stage, n int) context.Context { s.lost(n); return s.Context() },
	"killed": func(s *stage, n int) context.Context { return s.killed(n) },
}

// calls is more than any run makes.
const calls = 25

// TestEnrolEndsAnywhere: at each call, in each way; run again, all is there, and nothing
// besides.
func TestEnrolEndsAnywhere(t *testing.T) {
	for way, end := range ways {
		for n := 1; n <= calls; n++ {
			t.Run(fmt.Sprint(way, n), func(t *testing.T) {
				on(t, func(s *stage) {
					first, err := s.own().Enrol(end(s, n), s.enrolment("phone"))
					s.unkilled()
					s.halfWay(err)
					if n == calls && err != nil {
						s.Errorf("call %d is not the last: %v", n, err)
					}
					if err == nil && !first.Verified {
						s.Errorf("no error, and not verified: %+v", first)
					}
					out, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
					if err != nil || !out.Verified {
						s.Errorf("again: %+v, %v", out, err)
					}
					s.want("there is", s.whole(), "ada phone (sealed)")
					s.discreet(s.heard())
				})
			})
		}
	}
}

// halfWay holds what a run left to what it told: an unassigned device is named with the
// command that removes it.
func (s *stage) halfWay(err error) {
	s.Helper()
	if err != nil {
		s.discreet(err.Error())
	}
	for _, serial := range s.a.Unassigned {
		if err == nil || !strings.Contains(err.Error(), "delete-virtual-mfa-device --serial-number "+serial) {
			s.Errorf("%s is left unassigned, and the error is %v", serial, err)
		}
	}
}

// TestReplaceEndsAnywhere: the user always has a device that works and whose key is kept.
func TestReplaceEndsAnywhere(t *testing.T) {
	for way, end := range ways {
		for n := 1; n <= calls; n++ {
			t.Run(fmt.Sprint(way, n), func(t *testing.T) {
				on(t, func(s *stage) {
					s.enrolled("phone")
					want := device.Replacement{Enrolment: s.enrolment("tablet"), Old: phone}
					_, err := s.withMFA(phone).Replace(end(s, n), want)
					s.unkilled()
					s.halfWay(err)
					if n == calls && err != nil {
						s.Errorf("call %d is not the last: %v", n, err)
					}
					if now := s.whole(); !strings.Contains(now, "ada phone (sealed)") && !strings.Contains(now, "ada tablet (sealed)") {
						s.Fatalf("ada is locked out: %s", now)
					}
					l := s.withMFA(phone)
					if len(s.ada.Devices) == 1 && s.ada.Devices[0].Serial == tablet {
						l = s.withMFA(tablet)
					}
					out, err := l.Replace(s.Context(), want)
					if err != nil || !out.Verified {
						s.Errorf("again: %+v, %v", out, err)
					}
					s.want("there is", s.whole(), "ada tablet (sealed)")
				})
			})
		}
	}
}

// TestRefusals: what is refused before anything is changed.
func TestRefusals(t *testing.T) {
	on(t, func(s *stage) {
		ctx, own, admin := s.Context(), s.own(), s.admin()
		with := func(change func(*device.Enrolment)) device.Enrolment {
			e := s.enrolment("phone")
			change(&e)
			return e
		}
		bob := s.a.User("bob")
		bob.Devices = []fakeaws.Device{s.a.Virtual("taken")}
		s.ada.Devices = []fakeaws.Device{s.a.Virtual("mine"), s.a.FIDO("ada", "key", nil)}
		enrol := func(l device.Lifecycle, e device.Enrolment) error { _, err := l.Enrol(ctx, e); return err }
		s.is(enrol(own, with(func(e *device.Enrolment) { e.Name = "a b" })), nil, `name of a device "a b"`)
		s.is(enrol(own, with(func(e *device.Enrolment) { e.Path = "x" })), nil, "begins and ends with /")
		s.is(enrol(own, with(func(e *device.Enrolment) { e.Path = "/a;b/" })), nil, "9 to 256")
		s.is(enrol(own, with(func(e *device.Enrolment) { e.User = "a;b" })), nil, `user "a;b"`)
		s.is(enrol(own, with(func(e *device.Enrolment) { e.Name = "taken" })), device.ErrInUse, "it is bob's")
		s.is(enrol(own, with(func(e *device.Enrolment) { e.Name = "mine" })), device.ErrInUse, "its seed is not kept here")
		s.is(enrol(admin, with(func(e *device.Enrolment) { e.User = "ada" })), nil, "only a session that ada gets proves it")
		_, err := own.Replace(ctx, device.Replacement{Enrolment: s.enrolment("mine"), Old: "arn:aws:iam::111122223333:mfa/mine"})
		s.is(err, nil, "choose another")
		_, err = own.Replace(ctx, device.Replacement{Enrolment: s.enrolment("new"), Old: "arn:aws:iam::111122223333:mfa/taken"})
		s.is(err, device.ErrNotFound, "there is arn:aws:iam::111122223333:mfa/mine (virtual)")
		_, err = own.Replace(ctx, device.Replacement{Enrolment: s.enrolment("new"), Old: "x"})
		s.is(err, nil, "9 to 256")
		s.is(own.Deactivate(ctx, device.Removal{Serial: "arn:aws:iam::111122223333:mfa/mine"}), device.ErrLockout, "the command line", "(fido)")
		s.is(own.Deactivate(ctx, device.Removal{Serial: "arn:aws:iam::111122223333:mfa/taken"}), device.ErrNotFound)
		s.is(own.Delete(ctx, device.Removal{Serial: "arn:aws:iam::111122223333:mfa/taken", Force: true}), device.ErrInUse, "bob's")
		s.is(own.Delete(ctx, device.Removal{Serial: "arn:aws:iam::111122223333:mfa/nothing"}), device.ErrNotFound)
		s.is(own.Delete(ctx, device.Removal{Serial: token}), nil, "hardware_totp", "deactivate it")
		s.is(own.Resync(ctx, "", s.ada.Devices[1].Serial, s.sealed(phone)), nil, "fido", "console only")
		s.is(own.Resync(ctx, "", token, s.sealed(phone)), device.ErrNotFound)
		_, err = own.Enable(ctx, "", "short", s.sealed(phone))
		s.is(err, nil, "9 to 256")
		_, err = admin.List(ctx, "nobody")
		s.is(err, device.ErrNotFound)
		for action, n := range s.srv.Counts() {
			if n > 0 && !strings.HasPrefix(action, "iam:List") && action != "sts:GetCallerIdentity" {
				s.Errorf("%d calls of %s", n, action)
			}
		}
	})
}

func TestWhoIsMeant(t *testing.T) {
	on(t, func(s *stage) {
		s.ada.Path = "/team/"
		s.ada.Devices = []fakeaws.Device{s.a.Virtual("mine"), s.a.FIDO("ada", "key", nil), fakeaws.Token(token)}
		s.a.Unassigned = []string{"arn:aws:iam::111122223333:mfa/left"}
		s.srv.PageSize = 1
		all, err := s.own().List(s.Context(), "")
		if err != nil || len(all) != 3 || all[0].Kind != device.Virtual || all[1].Kind != device.FIDO || all[2].Kind != device.HardwareTOTP || all[2].User != "ada" || all[2].Enabled.IsZero() {
			s.Errorf("ada's devices %+v, %v", all, err)
		}
		free, err := s.own().Unassigned(s.Context())
		if err != nil || len(free) != 1 || free[0].Serial != "arn:aws:iam::111122223333:mfa/left" || free[0].User != "" {
			s.Errorf("unassigned %+v, %v", free, err)
		}
		s.a.Root.Keys = []fakeaws.Key{s.a.Key()}
		_, err = s.as(s.a.Root.Keys[0].ID).List(s.Context(), "")
		s.is(err, nil, "root of account 111122223333")
		s.a.Role("ops")
		out, err := s.sessionOfRole("ops")
		if err != nil {
			s.Fatal(err)
		}
		_, err = s.as(out).List(s.Context(), "")
		s.is(err, nil, "assumed-role/ops", "name the user")
		if all, err = s.as(out).List(s.Context(), "ada"); err != nil || len(all) != 3 {
			s.Errorf("by a role: %+v, %v", all, err)
		}
	})
}

// An administrator enrols for a user without a proof, and a token of a vendor is
// enabled by typed codes.
func TestForOthersAndTokens(t *testing.T) {
	on(t, func(s *stage) {
		e := s.enrolment("phone")
		e.User, e.Verify, e.Path, e.Tags = "ada", false, "/team/", map[string]string{"b": "2", "a": "1"}
		out, err := s.admin().Enrol(s.Context(), e)
		if err != nil || out.Serial != "arn:aws:iam::111122223333:mfa/team/phone" || out.Verified {
			s.Errorf("%+v, %v", out, err)
		}
		s.a.Seed(token, []byte("12345678901234567890"))
		typed := s.reader(token, new(time.Duration))
		enabled, err := s.admin().Enable(s.Context(), "ada", token, typed)
		if err != nil {
			s.Fatal(err)
		}
		c, err := s.sessions().GetSession(s.Context(), device.Request{Serial: token, Codes: typed, Enabled: enabled})
		if err != nil {
			s.Fatal(err)
		}
		if got, known := s.srv.Session(c.AccessKeyID); !known || !got.MFA {
			s.Errorf("the session is %+v", got)
		}
		if _, err = s.admin().Replace(s.Context(), device.Replacement{Enrolment: with(s.enrolment("tablet"), "ada"), Old: token, Unproved: true}); err != nil {
			s.Error(err)
		}
		s.want("there is", s.whole(), "ada phone (sealed), ada tablet (sealed)")
	})
}

func with(e device.Enrolment, user string) device.Enrolment {
	e.User = user
	return e
}

// reader is a person who reads codes off a device when it changes, and so long after
// being asked.
func (s *stage) reader(serial string, lag *time.Duration) *device.Typed {
	k, err := totp.New(totp.Settings{Account: "x"}, s.a.Secret(serial))
	if err != nil {
		s.Fatal(err)
	}
	last := ""
	return device.NewTyped(serial, func(ctx context.Context, prompt string) (string, error) {
		for time.Sleep(*lag); ; {
			code, _, err := k.Generate(time.Now())
			if code != last || err != nil {
				last = code
				return code + "\n", err
			}
			time.Sleep(time.Second)
		}
	})
}

// A ninth device is refused before anything is made; at eight a replacement has no room.
func TestEightDevices(t *testing.T) {
	on(t, func(s *stage) {
		for i := range 8 {
			s.ada.Devices = append(s.ada.Devices, fakeaws.Token(fmt.Sprint("GAKT1000000", i)))
		}
		_, err := s.own().Enrol(s.Context(), s.enrolment("phone"))
		s.is(err, nil, "8 devices", "deactivate one first")
		_, err = s.own().Replace(s.Context(), device.Replacement{Enrolment: s.enrolment("phone"), Old: "GAKT10000000"})
		s.is(err, nil, "8 devices", "left as it is")
		if s.srv.Counts()["iam:CreateVirtualMFADevice"] != 0 {
			s.Error("a device was made")
		}
	})
}

// Without a session with MFA AWS refuses, and the error says what is missing.
func TestOneNeedsMFA(t *testing.T) {
	on(t, func(s *stage) {
		s.enrolled("phone")
		_, err := s.own().Enrol(s.Context(), s.enrolment("tablet"))
		s.is(err, device.ErrNeedsMFA, "get a session with that first", "delete-virtual-mfa-device")
		s.is(s.own().Deactivate(s.Context(), device.Removal{Serial: phone, Force: true}), device.ErrNeedsMFA)
		l := s.own()
		l.MFA = func(context.Context) (device.IAM, error) { return nil, errors.New("nobody at the keyboard") }
		s.is(l.Deactivate(s.Context(), device.Removal{Serial: phone, Force: true}), device.ErrNeedsMFA, "nobody at the keyboard")
		s.srv.Fault(fakeaws.Fault{Action: "iam:CreateVirtualMFADevice", Status: 403, Code: "AccessDenied", Message: "please ensure that you are authenticated with an MFA device"})
		e := s.enrolment("third")
		e.Path = "/x/"
		if _, err = l.Enrol(s.Context(), e); err == nil || strings.Contains(err.Error(), "nevertheless") || !errors.Is(err, device.ErrNeedsMFA) {
			s.Errorf("a device that was not asked for: %v", err)
		}
		s.srv.Fault(fakeaws.Denied("iam:DeactivateMFADevice"))
		s.is(l.Deactivate(s.Context(), device.Removal{Serial: phone, Force: true}), device.ErrDenied, "no identity-based policy allows it")
	})
}
