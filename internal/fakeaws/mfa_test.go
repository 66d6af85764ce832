package fakeaws_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/fakeaws"
	"mfawatch/totp"
)

// bench is an account with a user and a clock that a test sets.
type bench struct {
	*testing.T
	srv *fakeaws.Server
	a   *fakeaws.Account
	ada *fakeaws.User
	now time.Time
	iam *iam.Client
	sts *sts.Client
}

// noon is the beginning of a step and of three minutes.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func newBench(t *testing.T) *bench {
	a := fakeaws.NewAccount(management)
	b := &bench{T: t, a: a, ada: a.User("ada"), srv: fakeaws.New(a), now: noon}
	b.srv.Now = func() time.Time { return b.now }
	b.ada.Keys = []fakeaws.Key{a.Key()}
	b.iam, b.sts = b.as(b.ada.Keys[0].ID)
	return b
}

func (b *bench) as(key string) (*iam.Client, *sts.Client) {
	cfg := config(b.srv, key)
	return iam.NewFromConfig(cfg), sts.NewFromConfig(cfg)
}

func (b *bench) after(d time.Duration) { b.now = b.now.Add(d) }

// code is a device's code so many steps from now.
func (b *bench) code(serial string, steps int64) string {
	b.Helper()
	k, err := totp.New(totp.Settings{Account: "x"}, b.a.Secret(serial))
	if err != nil {
		b.Fatal(err)
	}
	text, err := k.At(b.now.Unix()/30 + steps)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func (b *bench) create(name string) string {
	b.Helper()
	out, err := b.iam.CreateVirtualMFADevice(context.Background(), &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})
	if err != nil {
		b.Fatal(err)
	}
	return *out.VirtualMFADevice.SerialNumber
}

func (b *bench) enable(serial string, steps int64) error {
	_, err := b.iam.EnableMFADevice(context.Background(), &iam.EnableMFADeviceInput{UserName: aws.String("ada"), SerialNumber: &serial,
		AuthenticationCode1: aws.String(b.code(serial, steps-1)), AuthenticationCode2: aws.String(b.code(serial, steps))})
	return err
}

// enabled is a device of ada's that STS knows.
func (b *bench) enabled(name string) string {
	b.Helper()
	serial := b.create(name)
	if err := b.enable(serial, 0); err != nil {
		b.Fatal(err)
	}
	b.after(10 * time.Second)
	return serial
}

func (b *bench) session(serial, code string) (*sts.GetSessionTokenOutput, error) {
	return b.sts.GetSessionToken(context.Background(), &sts.GetSessionTokenInput{SerialNumber: &serial, TokenCode: &code, DurationSeconds: aws.Int32(900)})
}

// said is AWS's answer, in a word.
func said(err error) string {
	var answer smithy.APIError
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &answer):
		return err.Error()
	case strings.HasSuffix(answer.ErrorMessage(), "with invalid MFA one time pass code. "):
		return "invalid"
	case strings.Contains(answer.ErrorMessage(), "unable to validate MFA code"):
		return "unavailable"
	case strings.Contains(answer.ErrorMessage(), "authenticated with an MFA device"):
		return "needs MFA"
	}
	return answer.ErrorCode()
}

func (b *bench) want(what, got, want string) {
	b.Helper()
	if got != want {
		b.Errorf("%s: %s, want %s", what, got, want)
	}
}

// What the SDK reads of a new device: blobs, tags, and a seed of AWS's length.
func TestCreateVirtualMFADevice(t *testing.T) {
	b := newBench(t)
	in := &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: aws.String("phone"), Path: aws.String("/devices/"), Tags: []iamtypes.Tag{{Key: aws.String("owner"), Value: aws.String("ada & co")}}}
	out, err := b.iam.CreateVirtualMFADevice(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	d := out.VirtualMFADevice
	b.want("serial", *d.SerialNumber, "arn:aws:iam::111122223333:mfa/devices/phone")
	if picture, err := png.Decode(bytes.NewReader(d.QRCodePNG)); err != nil || picture.Bounds().Dx() != 6*(17+4*5+8) {
		t.Errorf("the QR code is no picture of version 5: %v", err) // 105 bytes
	}
	b.want("tag", *d.Tags[0].Key+" "+*d.Tags[0].Value, "owner ada & co")
	secret, err := base32.StdEncoding.DecodeString(string(d.Base32StringSeed))
	if err != nil || len(secret) != 40 || string(secret) != string(b.a.Secret(*d.SerialNumber)) {
		t.Errorf("a seed of %d bytes, error %v", len(secret), err)
	}
	_, err = b.iam.CreateVirtualMFADevice(t.Context(), in)
	b.want("again", said(err), "EntityAlreadyExists")
	in.VirtualMFADeviceName = aws.String("a b")
	_, err = b.iam.CreateVirtualMFADevice(t.Context(), in)
	b.want("a name with a space", said(err), "ValidationError")
	in.VirtualMFADeviceName, in.Path = aws.String("ab"), aws.String("devices")
	_, err = b.iam.CreateVirtualMFADevice(t.Context(), in)
	b.want("a path without slashes", said(err), "ValidationError")
	in.VirtualMFADeviceName, in.Path = aws.String(strings.Repeat("n", 226)), nil
	_, err = b.iam.CreateVirtualMFADevice(t.Context(), in)
	b.want("a name that no QR code holds", said(err), "ValidationError")
}

// The search for the two codes, both edges and beside them.
func TestEnableSearches(t *testing.T) {
	for steps, want := range map[int64]string{0: "ok", -998: "ok", -999: "InvalidAuthenticationCode", 1000: "ok", 1001: "InvalidAuthenticationCode"} {
		b := newBench(t)
		serial := b.create("phone")
		b.want(fmt.Sprint(steps, " steps"), said(b.enable(serial, steps)), want)
		if want == "ok" && b.a.Drift(serial) != steps {
			t.Errorf("%d steps: AWS keeps %d", steps, b.a.Drift(serial))
		}
	}
}

func TestEnableRefuses(t *testing.T) {
	b := newBench(t)
	serial := b.create("phone")
	ask := func(user, serial, first, second string) string {
		_, err := b.iam.EnableMFADevice(t.Context(), &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: &serial, AuthenticationCode1: &first, AuthenticationCode2: &second})
		return said(err)
	}
	first, second := b.code(serial, -1), b.code(serial, 0)
	for what, got := range map[string][2]string{
		"the same code twice": {ask("ada", serial, second, second), "InvalidAuthenticationCode"}, "the codes the wrong way round": {ask("ada", serial, second, first), "InvalidAuthenticationCode"},
		"five digits": {ask("ada", serial, first[:5], second), "ValidationError"}, "no such user": {ask("bob", serial, first, second), "NoSuchEntity"},
		"no such device": {ask("ada", serial+"x", first, second), "NoSuchEntity"}, "eight characters": {ask("ada", "12345678", first, second), "ValidationError"},
	} {
		b.want(what, got[0], got[1])
	}
	b.ada.Unmodifiable = true
	b.want("a user made again", ask("ada", serial, first, second), "EntityTemporarilyUnmodifiable")
	b.ada.Unmodifiable = false
	for i := range 8 {
		b.ada.Devices = append(b.ada.Devices, fakeaws.Token(fmt.Sprint("GAKT0000000", i)))
	}
	b.iam, _ = b.as(b.a.AccessKey())
	b.want("a ninth device", ask("ada", serial, first, second), "LimitExceeded")
	b.ada.Devices = nil
	b.want("the first", ask("ada", serial, first, second), "ok")
	b.want("it again", ask("ada", serial, b.code(serial, 1), b.code(serial, 2)), "EntityAlreadyExists")
	b.a.User("bob")
	b.want("for somebody else", ask("bob", serial, b.code(serial, 1), b.code(serial, 2)), "EntityAlreadyExists")
}

// The life of a device, as it was recorded: what each call says in each state.
func TestLifeOfADevice(t *testing.T) {
	b := newBench(t)
	ctx, serial := t.Context(), b.create("phone")
	b.iam, _ = b.as(b.a.AccessKey()) // not ada, who would need MFA for some of this
	user := aws.String("ada")
	deactivate := func() string {
		_, err := b.iam.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: user, SerialNumber: &serial})
		return said(err)
	}
	remove := func() string {
		_, err := b.iam.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial})
		return said(err)
	}
	resync := func(steps int64) string {
		_, err := b.iam.ResyncMFADevice(ctx, &iam.ResyncMFADeviceInput{UserName: user, SerialNumber: &serial, AuthenticationCode1: aws.String(b.code(serial, steps-1)), AuthenticationCode2: aws.String(b.code(serial, steps))})
		return said(err)
	}
	b.want("deactivate what is unassigned", deactivate(), "NoSuchEntity")
	b.want("resync what is unassigned", resync(0), "NoSuchEntity")
	b.want("enable", said(b.enable(serial, 0)), "ok")
	b.want("delete what is assigned", remove(), "DeleteConflict")
	b.want("the pair again", resync(0), "InvalidAuthenticationCode")
	b.want("a pair that overlaps", resync(1), "InvalidAuthenticationCode")
	b.want("a newer pair", resync(2), "ok")
	b.want("a pair ten steps ahead", resync(12), "ok")
	b.want("999 steps after the drift", resync(12+999), "ok")
	list, err := b.iam.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: user})
	if err != nil || len(list.MFADevices) != 1 || !list.MFADevices[0].EnableDate.Equal(noon) {
		t.Errorf("ada's devices %v, error %v", list, err)
	}
	b.want("deactivate", deactivate(), "ok")
	b.want("deactivate again", deactivate(), "NoSuchEntity")
	b.want("the last pair after a deactivation", said(b.enable(serial, 12+999)), "InvalidAuthenticationCode")
	b.want("delete", remove(), "ok")
	b.want("delete again", remove(), "NoSuchEntity")
	b.want("enable what is deleted", said(b.enable(serial, 5)), "NoSuchEntity")
}

func TestAssignmentStatus(t *testing.T) {
	b := newBench(t)
	phone := b.enabled("phone")
	b.create("tablet")
	for status, want := range map[string]string{"": "phone ada, tablet", "Any": "phone ada, tablet", "Assigned": "phone ada", "Unassigned": "tablet"} {
		_ = phone
		b.iam, _ = b.as(b.a.AccessKey())
		out, err := b.iam.ListVirtualMFADevices(t.Context(), &iam.ListVirtualMFADevicesInput{AssignmentStatus: iamtypes.AssignmentStatusType(status)})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range out.VirtualMFADevices {
			text := strings.TrimPrefix(*d.SerialNumber, "arn:aws:iam::111122223333:mfa/")
			if d.User != nil {
				text += " " + *d.User.UserName
			}
			got = append(got, text)
		}
		b.want("status "+status, strings.Join(got, ", "), want)
	}
}

// Whoever has a device needs a session with one to change their own; others do not,
// and a resync needs none.
func TestSelfManagement(t *testing.T) {
	b := newBench(t)
	second := b.create("second")
	first := b.enabled("first")
	b.want("a second device by key", said(b.enable(second, 0)), "needs MFA")
	out, err := b.session(first, b.code(first, 0))
	if err != nil {
		t.Fatal(err)
	}
	b.iam, _ = b.as(*out.Credentials.AccessKeyId)
	b.want("a second device in a session", said(b.enable(second, 0)), "ok")
	if got, known := b.srv.Session(*out.Credentials.AccessKeyId); !known || !got.MFA || got.ARN != "arn:aws:iam::111122223333:user/ada" || !got.Expires.Equal(b.now.Add(15*time.Minute)) {
		t.Errorf("the session is %+v", got)
	}
	plain, err := b.sts.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := b.srv.Session(*plain.Credentials.AccessKeyId); got.MFA || !got.Expires.Equal(b.now.Add(12*time.Hour)) {
		t.Errorf("the session without a code is %+v", got)
	}
	b.iam, b.sts = b.as(*plain.Credentials.AccessKeyId)
	b.want("IAM in a session without MFA", said(b.enable(second, 0)), "InvalidClientTokenId")
	_, err = b.session(first, b.code(first, 1))
	b.want("a session of a session", said(err), "AccessDenied")
}

// Each step once, within two of now, in any order.
func TestStepsOfASession(t *testing.T) {
	b := newBench(t)
	serial := b.enabled("phone")
	b.after(3 * time.Minute) // the codes that enabled are far away, and the count begins again
	for _, c := range []struct {
		steps int64
		want  string
	}{{-3, "invalid"}, {3, "invalid"}, {2, "ok"}, {-2, "ok"}, {0, "ok"}, {0, "invalid"}, {2, "invalid"}, {-1, "ok"}, {1, "ok"}, {1, "unavailable"}} {
		_, err := b.session(serial, b.code(serial, c.steps))
		b.want(fmt.Sprint(c.steps, " steps from now"), said(err), c.want)
	}
	if n := b.a.Checks(serial, b.now); n != 10 {
		t.Errorf("%d verifications, want 10", n)
	}
}

// Nine verifications in three minutes of UTC, of each serial number.
func TestBudget(t *testing.T) {
	b := newBench(t)
	serial, other := b.enabled("phone"), ""
	b.iam, _ = b.as(b.a.AccessKey())
	other = b.enabled("other")
	b.now = noon.Add(3*time.Minute - 10*time.Second)
	for range 9 {
		_, err := b.session(serial, "000000")
		b.want("a wrong code", said(err), "invalid")
	}
	_, err := b.session(serial, b.code(serial, 0))
	b.want("the tenth, right", said(err), "unavailable")
	_, err = b.session(other, b.code(other, 0))
	b.want("another device", said(err), "ok")
	b.after(9 * time.Second)
	_, err = b.session(serial, b.code(serial, 0))
	b.want("before the window's end", said(err), "unavailable")
	b.after(time.Second)
	_, err = b.session(serial, b.code(serial, 0))
	b.want("in the next window", said(err), "ok")
}

// IAM knows at once, STS later. Codes that enabled are good for sessions.
func TestPropagation(t *testing.T) {
	b := newBench(t)
	serial := b.create("phone")
	if err := b.enable(serial, 0); err != nil {
		t.Fatal(err)
	}
	ask := func(steps int64) string {
		_, err := b.session(serial, b.code(serial, steps))
		return said(err)
	}
	b.want("at once", ask(0), "unavailable")
	b.after(10*time.Second - 1)
	b.want("just before", ask(0), "unavailable")
	b.after(1)
	b.want("ten seconds later", ask(0), "ok")
	b.want("the first of the codes", ask(-1), "ok")
	b.iam, _ = b.as(b.a.AccessKey())
	if _, err := b.iam.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("ada"), SerialNumber: &serial}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.iam.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial}); err != nil {
		t.Fatal(err)
	}
	b.after(2*time.Second - 1)
	b.want("just after the deletion", ask(1), "ok")
	b.after(1)
	b.want("two seconds after", ask(2), "unavailable")
}

// A new seed on an old serial number: what was counted stays.
func TestSameNameAgain(t *testing.T) {
	b := newBench(t)
	b.iam, _ = b.as(b.a.AccessKey())
	serial := b.enabled("phone")
	old := b.a.Secret(serial)
	for range 9 {
		_, _ = b.session(serial, "000000")
	}
	if _, err := b.iam.DeactivateMFADevice(t.Context(), &iam.DeactivateMFADeviceInput{UserName: aws.String("ada"), SerialNumber: &serial}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.iam.DeleteVirtualMFADevice(t.Context(), &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial}); err != nil {
		t.Fatal(err)
	}
	b.enabled("phone")
	if string(old) == string(b.a.Secret(serial)) {
		t.Error("the seed is the old one")
	}
	_, err := b.session(serial, b.code(serial, 0))
	b.want("the new seed in the same three minutes", said(err), "unavailable")
	b.now = noon.Add(3 * time.Minute)
	_, err = b.session(serial, b.code(serial, 0))
	b.want("in the next", said(err), "ok")
}

// After a resync STS knows the new offset as late as anything, and no used code is free.
func TestResyncReachesSTS(t *testing.T) {
	b := newBench(t)
	serial := b.enabled("phone")
	_, err := b.session(serial, b.code(serial, 2))
	b.want("a session", said(err), "ok")
	if _, err := b.iam.ResyncMFADevice(t.Context(), &iam.ResyncMFADeviceInput{UserName: aws.String("ada"), SerialNumber: &serial, AuthenticationCode1: aws.String(b.code(serial, 2)), AuthenticationCode2: aws.String(b.code(serial, 3))}); err != nil {
		t.Fatal(err)
	}
	_, err = b.session(serial, b.code(serial, 5))
	b.want("by the new offset, at once", said(err), "invalid")
	b.after(10 * time.Second)
	_, err = b.session(serial, b.code(serial, 2))
	b.want("a used code", said(err), "invalid")
	_, err = b.session(serial, b.code(serial, 5))
	b.want("by the new offset", said(err), "ok")
}

func TestTokensOfAVendor(t *testing.T) {
	b := newBench(t)
	const serial = "GAKT12345678"
	b.a.Seed(serial, []byte("12345678901234567890"))
	b.want("enable", said(b.enable(serial, 0)), "ok")
	b.after(10 * time.Second)
	_, err := b.session(serial, b.code(serial, 0))
	b.want("a session", said(err), "ok")
	b.a.User("bob").Devices = []fakeaws.Device{fakeaws.Token("GAKT87654321")}
	b.a.Seed("GAKT87654321", []byte("12345678901234567890"))
	_, err = b.session("GAKT87654321", b.code(serial, 1))
	b.want("somebody else's", said(err), "unavailable")
}

func TestDurations(t *testing.T) {
	b := newBench(t)
	r := b.a.Role("ops")
	r.MaxSession = 7200
	ask := func(c *sts.Client, seconds int32, role string) string {
		var err error
		if role == "" {
			_, err = c.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: &seconds})
		} else {
			_, err = c.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/" + role), RoleSessionName: aws.String("s"), DurationSeconds: &seconds})
		}
		return said(err)
	}
	for _, c := range []struct {
		role    string
		seconds int32
		want    string
	}{{"", 899, "ValidationError"}, {"", 900, "ok"}, {"", 129600, "ok"}, {"", 129601, "ValidationError"}, {"ops", 899, "ValidationError"}, {"ops", 900, "ok"}, {"ops", 7200, "ok"}, {"ops", 7201, "ValidationError"}} {
		b.want(fmt.Sprint(c.role, " ", c.seconds), ask(b.sts, c.seconds, c.role), c.want)
	}
	out, err := b.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/ops"), RoleSessionName: aws.String("s")})
	if err != nil {
		t.Fatal(err)
	}
	_, chained := b.as(*out.Credentials.AccessKeyId)
	b.want("chained, an hour", ask(chained, 3600, "ops"), "ok")
	b.want("chained, longer", ask(chained, 3601, "ops"), "ValidationError")
	b.a.Root.Keys = []fakeaws.Key{b.a.Key()}
	_, root := b.as(b.a.Root.Keys[0].ID)
	long, err := root.GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(43200)})
	if err != nil || !long.Credentials.Expiration.Equal(b.now.Add(time.Hour)) {
		t.Errorf("root's session %v, error %v, want an hour", long, err)
	}
}

func TestRoleThatAsksForMFA(t *testing.T) {
	b := newBench(t)
	b.a.Role("ops").RequireMFA = true
	serial := b.enabled("phone")
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::111122223333:role/ops"), RoleSessionName: aws.String("s")}
	_, err := b.sts.AssumeRole(t.Context(), in)
	b.want("without a code", said(err), "AccessDenied")
	in.SerialNumber = &serial
	_, err = b.sts.AssumeRole(t.Context(), in)
	b.want("with a serial number alone", said(err), "AccessDenied")
	in.TokenCode = aws.String(b.code(serial, 0))
	out, err := b.sts.AssumeRole(t.Context(), in)
	b.want("with both", said(err), "ok")
	if got, _ := b.srv.Session(*out.Credentials.AccessKeyId); !got.MFA {
		t.Errorf("the session is %+v", got)
	}
	mfa, err := b.session(serial, b.code(serial, 1))
	if err != nil {
		t.Fatal(err)
	}
	in.SerialNumber, in.TokenCode = nil, nil
	_, b.sts = b.as(*mfa.Credentials.AccessKeyId)
	_, err = b.sts.AssumeRole(t.Context(), in)
	b.want("in a session with MFA", said(err), "ok")
}

func TestGetUser(t *testing.T) {
	b := newBench(t)
	out, err := b.iam.GetUser(t.Context(), &iam.GetUserInput{})
	if err != nil || *out.User.UserName != "ada" || !out.User.CreateDate.Equal(b.ada.Created) {
		t.Errorf("the caller is %v, error %v", out, err)
	}
	auditor, _ := b.as(b.a.AccessKey())
	_, err = auditor.GetUser(t.Context(), &iam.GetUserInput{})
	b.want("who is no user", said(err), "ValidationError")
	if diff := cmp.Diff(1, b.srv.CountsOf(management)["iam:GetUser"]-1); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
