package device

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"mfawatch/totp/ledger"
)

func TestKindOf(t *testing.T) {
	for serial, want := range map[string]Kind{
		"arn:aws:iam::111122223333:mfa/ada": Virtual, "arn:aws-cn:iam::111122223333:mfa/path/ada": Virtual, "GAKT12345678": HardwareTOTP,
		"arn:aws:iam::111122223333:u2f/user/ada/key-ABC": FIDO, "arn:aws:iam::111122223333:sms-mfa/ada": SMS, "arn:aws:iam::111122223333:new/ada": Unknown,
		"arn:aws:sts::111122223333:mfa/ada": Unknown, "arn:aws:iam": Unknown, "12345678": Unknown, "": Unknown, "GAKT 1234567": Unknown,
	} {
		if got := KindOf(serial); got != want {
			t.Errorf("KindOf(%q) = %s, want %s", serial, got, want)
		}
	}
	for kind, want := range map[Kind]bool{Virtual: true, HardwareTOTP: true, FIDO: false, SMS: false, Unknown: false} {
		if kind.MakesCodes() != want {
			t.Errorf("%s makes codes: %v", kind, !want)
		}
	}
}

func TestParseCaller(t *testing.T) {
	for arn, want := range map[string]Caller{
		"arn:aws:iam::111122223333:user/ada":               {Partition: "aws", Account: "111122223333", User: "ada"},
		"arn:aws-us-gov:iam::111122223333:user/team/x/ada": {Partition: "aws-us-gov", Account: "111122223333", User: "ada"},
		"arn:aws:iam::111122223333:root":                   {Partition: "aws", Account: "111122223333", Root: true},
		"arn:aws:sts::111122223333:assumed-role/ops/ada":   {Partition: "aws", Account: "111122223333", Role: true},
		"arn:aws:sts::111122223333:federated-user/ada":     {Partition: "aws", Account: "111122223333"},
	} {
		want.ARN = arn
		if got, err := parseCaller(arn); err != nil || got != want {
			t.Errorf("parseCaller(%s) = %+v, %v, want %+v", arn, got, err, want)
		}
	}
	for _, arn := range []string{"", "ada", "arn:aws:iam::", "arn:aws:iam:::user/ada"} {
		if got, err := parseCaller(arn); err == nil {
			t.Errorf("parseCaller(%q) = %+v, want an error", arn, got)
		}
	}
}

// said is an error of the SDK of an answer.
func said(status int, code, message string) error {
	return &smithy.OperationError{ServiceID: "STS", OperationName: "X", Err: &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: &smithy.GenericAPIError{Code: code, Message: message}}}
}

// TestJudge: what is done with AWS's answers, by code and text.
func TestJudge(t *testing.T) {
	for _, c := range []struct {
		err  error
		want answer
		fate fate
		is   error  // of the explanation
		says string // in it
	}{
		{said(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. "), wrongCode, spent, ErrRefused, "resync"},
		{said(403, "InvalidAuthenticationCode", "Authentication code for device is not valid."), wrongCode, spent, ErrRefused, "clock"},
		{said(403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."), unchecked, spent, ErrLater, "too often"},
		{said(403, "AccessDenied", "To complete this action, please ensure that you are authenticated with an MFA device that is enabled for this user."), needsMFA, spent, ErrNeedsMFA, "session"},
		{said(403, "AccessDenied", "Cannot call GetSessionToken with session credentials"), keyNeeded, spent, ErrDenied, "own access key"},
		{said(403, "AccessDenied", "User: x is not authorized to perform: sts:AssumeRole on resource: y"), denied, spent, ErrDenied, "trust policy"},
		{said(403, "AccessDenied", "because no identity-based policy allows the action"), denied, spent, ErrDenied, "no identity-based policy allows"},
		{said(403, "AccessDeniedException", "with an explicit deny in a service control policy"), denied, spent, ErrDenied, "a service control policy denies"},
		{said(404, "NoSuchEntity", ""), noEntity, spent, ErrNotFound, "list"},
		{said(409, "EntityAlreadyExists", ""), exists, spent, ErrInUse, "list"},
		{said(409, "LimitExceeded", ""), limit, spent, nil, "8"},
		{said(409, "EntityTemporarilyUnmodifiable", ""), busy, spent, ErrLater, "some minutes"},
		{said(409, "ConcurrentModification", ""), busy, spent, ErrLater, "ConcurrentModification"},
		{said(400, "Throttling", "Rate exceeded"), throttled, back, ErrLater, "Throttling"},
		{said(403, "ExpiredToken", ""), credentials, back, nil, "sign in again"},
		{said(403, "InvalidClientTokenId", ""), credentials, back, nil, "does not know"},
		{said(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."), tooLong, spent, nil, "a shorter one"},
		{said(400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."), tooLong, spent, nil, "an hour where a role assumes a role"},
		{said(400, "ValidationError", "x"), other, spent, nil, "AWS says ValidationError"},
		{said(409, "DeleteConflict", "with an explicit deny"), other, spent, nil, "AWS says DeleteConflict"},
		{said(500, "ServiceFailure", "x"), none, held, nil, "ServiceFailure"},
		{said(503, "AccessDenied", "x"), none, held, nil, "AccessDenied"},
		{&net.OpError{Op: "dial", Err: errors.New("connection refused")}, unsent, back, nil, "cannot be reached"},
		{&net.OpError{Op: "read", Err: errors.New("connection reset")}, none, held, nil, "cannot be reached"},
		{&net.DNSError{Name: "iam.example", Err: "no such host"}, unsent, back, nil, "has no address"},
		{&smithy.OperationError{Err: &smithy.OperationError{Err: errors.New("refused")}}, unsent, back, nil, "no usable AWS credentials"},
		{&smithy.OperationError{Err: &smithy.OperationError{Err: said(403, "AccessDenied", "x")}}, unsent, back, nil, "no usable AWS credentials"},
		{errors.New("connection reset"), none, held, nil, "cannot be reached"},
		{fmt.Errorf("x: %w", context.Canceled), none, held, context.Canceled, "in time"},
	} {
		got := judge(c.err)
		if got != c.want || got.fate() != c.fate {
			t.Errorf("judge(%v) = %s, %s; want %s, %s", c.err, got, got.fate(), c.want, c.fate)
		}
		if told := explain("do it", c.err); c.is != nil && !errors.Is(told, c.is) || !strings.Contains(told.Error(), c.says) || !strings.HasPrefix(told.Error(), "do it: ") {
			t.Errorf("explain(%v) = %v, want %v, about %q", c.err, told, c.is, c.says)
		}
	}
	if judge(nil) != yes || yes.fate() != spent || explain("x", nil) != nil {
		t.Error("no error is not a yes")
	}
}

func TestNextStep(t *testing.T) {
	for f, want := range map[found]step{
		{}: create, {kept: true}: create,
		{exists: true}: remake, {exists: true, kept: true}: resume,
		{exists: true, owner: "ada", kept: true}: done, {exists: true, owner: "ada"}: refuse,
		{exists: true, owner: "bob", kept: true}: refuse, {exists: true, owner: "bob"}: refuse, {exists: true, owner: rootUser}: refuse,
	} {
		if got := f.next("ada"); got != want {
			t.Errorf("next of %+v = %s, want %s", f, got, want)
		}
	}
}

func TestLockout(t *testing.T) {
	virtual, token, key := Device{Serial: "v", Kind: Virtual}, Device{Serial: "t", Kind: HardwareTOTP}, Device{Serial: "k", Kind: FIDO}
	for _, c := range []struct {
		all    []Device
		serial string
		want   string // in it; empty: no danger
	}{
		{[]Device{virtual}, "v", "no second factor"}, {[]Device{key}, "k", "no second factor"},
		{[]Device{virtual, key}, "v", "there is k (fido)"}, {[]Device{virtual, key}, "k", ""},
		{[]Device{virtual, token}, "v", ""}, {[]Device{virtual, token}, "t", ""},
		{[]Device{key, {Serial: "k2", Kind: FIDO}}, "k", ""}, // no device for the command line was there before
	} {
		if got := lockout(c.all, c.serial); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("lockout(%v, %s) = %q, want %q", c.all, c.serial, got, c.want)
		}
	}
}

func TestLasts(t *testing.T) {
	for d, want := range map[time.Duration]bool{
		0: true, 15 * time.Minute: true, 15*time.Minute - time.Second: false, time.Hour: true, time.Hour + time.Second: false,
		30*time.Minute + time.Millisecond: false, -time.Hour: false,
	} {
		if err := lasts("x", d, time.Hour); (err == nil) != want {
			t.Errorf("a session of %v: %v", d, err)
		}
	}
}

func TestNotYet(t *testing.T) {
	enabled := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		a       answer
		enabled time.Time
		after   time.Duration
		want    bool
	}{
		{wrongCode, enabled, 0, true}, {unchecked, enabled, 0, true}, {denied, enabled, 0, false}, {throttled, enabled, 0, false}, {none, enabled, 0, false}, {yes, enabled, 0, false},
		{wrongCode, enabled, propagation - 1, true}, {wrongCode, enabled, propagation, false}, {wrongCode, time.Time{}, 0, false},
	} {
		if got := notYet(c.a, c.enabled, enabled.Add(c.after)); got != c.want {
			t.Errorf("%s %v after: %v, want %v", c.a, c.after, got, c.want)
		}
	}
}

func TestGood(t *testing.T) {
	issued := time.Unix(1_800_000_000, 0)
	hour := cached{Issued: issued, Expires: issued.Add(time.Hour)}
	short := cached{Issued: issued, Expires: issued.Add(9 * time.Minute)}
	for _, c := range []struct {
		kept  cached
		after time.Duration
		want  bool
	}{
		{hour, 0, true}, {hour, 55*time.Minute - 1, true}, {hour, 55 * time.Minute, false}, {hour, 2 * time.Hour, false},
		{hour, -backwards, true}, {hour, -backwards - 1, false}, // the clock was set back
		{short, 6*time.Minute - 1, true}, {short, 6 * time.Minute, false}, // a third of its life
	} {
		if got := c.kept.good(issued.Add(c.after), 5*time.Minute); got != c.want {
			t.Errorf("until %v, after %v: %v, want %v", c.kept.Expires.Sub(issued), c.after, got, c.want)
		}
	}
}

func TestEntriesAreApart(t *testing.T) {
	base := Entry{"p", "AKIA", "serial", "eu-north-1", "role", "session", "external", time.Hour, ""}
	ids := map[string]bool{base.id(): true}
	for _, e := range []Entry{
		{"p2", "AKIA", "serial", "eu-north-1", "role", "session", "external", time.Hour, ""}, {"p", "AKIB", "serial", "eu-north-1", "role", "session", "external", time.Hour, ""},
		{"p", "AKIA", "serial2", "eu-north-1", "role", "session", "external", time.Hour, ""}, {"p", "AKIA", "serial", "eu-west-1", "role", "session", "external", time.Hour, ""},
		{"p", "AKIA", "serial", "eu-north-1", "role2", "session", "external", time.Hour, ""}, {"p", "AKIA", "serial", "eu-north-1", "role", "session2", "external", time.Hour, ""},
		{"p", "AKIA", "serial", "eu-north-1", "role", "session", "external2", time.Hour, ""}, {"p", "AKIA", "serial", "eu-north-1", "role", "session", "external", 2 * time.Hour, ""},
		{"pA", "KIA", "serial", "eu-north-1", "role", "session", "external", time.Hour, ""}, {},
		{"p", "AKIA", "serial", "eu-north-1", "role", "session", "external", time.Hour, "http://127.0.0.1:1"}, {"p", "AKIA", "serial", "eu-north-1", "role", "session", "external", time.Hour, "http://127.0.0.1:2"},
	} {
		if ids[e.id()] {
			t.Errorf("%+v has the id of another", e)
		}
		ids[e.id()] = true
	}
	if id := base.id(); id != base.id() || len(id) != 40 || strings.Contains(id, "AKIA") {
		t.Errorf("id %s", id)
	}
}

// What is waited for, in the words of who waits.
func TestWaiting(t *testing.T) {
	from := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		p    ledger.Purpose
		d    time.Duration
		want string
	}{
		{ledger.Session, 29 * time.Second, "device d: waiting for the next code, 29 s, until 2026-11-20T12:00:00Z"},
		{ledger.Device, time.Minute, "device d: waiting for two codes that follow each other, 60 s, until 2026-11-20T12:00:00Z"},
		{ledger.Session, time.Minute, "device d: waiting for the next code, 60 s, until 2026-11-20T12:00:00Z"},
		{ledger.Session, 61 * time.Second, "device d: AWS checks nine codes of a device in three minutes, and those before are taken: waiting, 61 s, until 2026-11-20T12:00:00Z"},
		{ledger.Device, 61 * time.Second, "device d: AWS checks nine codes of a device in three minutes, and those before are taken: waiting, 61 s, until 2026-11-20T12:00:00Z"},
	} {
		if got := waiting("d", ledger.Lease{Purpose: c.p, From: from}, c.d); got != c.want {
			t.Errorf("%s, %v: %s\nwant %s", c.p, c.d, got, c.want)
		}
	}
}

// An answer that lacks a part gives no session.
func TestTaken(t *testing.T) {
	whole := func() *ststypes.Credentials {
		return &ststypes.Credentials{AccessKeyId: aws.String("a"), SecretAccessKey: aws.String("s"), SessionToken: aws.String("t"), Expiration: aws.Time(time.Unix(1, 0))}
	}
	if _, err := taken("x", whole()); err != nil {
		t.Errorf("a whole answer: %v", err)
	}
	for name, spoil := range map[string]func(*ststypes.Credentials){
		"key id": func(c *ststypes.Credentials) { c.AccessKeyId = nil }, "secret": func(c *ststypes.Credentials) { c.SecretAccessKey = aws.String("") },
		"token": func(c *ststypes.Credentials) { c.SessionToken = nil }, "expiration": func(c *ststypes.Credentials) { c.Expiration = nil },
	} {
		c := whole()
		spoil(c)
		if _, err := taken("x", c); err == nil || !strings.Contains(err.Error(), "lacks credentials") {
			t.Errorf("without %s: %v", name, err)
		}
	}
	if _, err := taken("x", nil); err == nil {
		t.Error("no answer is taken")
	}
}

// Codes are wiped whatever becomes of them.
func TestSettleWipes(t *testing.T) {
	for _, a := range []answer{yes, wrongCode, throttled, none, unsent} {
		h := Hand("123456", "654321", nil)
		if err := settle(t.Context(), h, a); err != nil || len(h.First.Reveal())+len(h.Second.Reveal()) != 0 {
			t.Errorf("%s: %v; codes are left: %v", a, err, len(h.First.Reveal()) > 0)
		}
	}
}

func TestWindowEnd(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for after, want := range map[time.Duration]time.Duration{0: 3 * time.Minute, 179 * time.Second: 3 * time.Minute, 180 * time.Second: 6 * time.Minute} {
		if got := windowEnd(noon.Add(after)); !got.Equal(noon.Add(want)) {
			t.Errorf("after %v: %v", after, got)
		}
	}
}
