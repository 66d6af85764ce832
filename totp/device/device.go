// Package device keeps the MFA devices of IAM users that make codes: it creates,
// enables, resyncs, replaces and removes them, and asks STS for sessions with them.
//
// It promises that the seed of a new device goes from AWS's answer into a seal, or onto a
// YubiKey, before anything else, and into nothing else; that whatever is killed half-way can be run
// again, and what is left behind is told with the command that removes it; that the
// last device of a user, or the last that the command line can use, goes only when
// that is forced; that a device of another user than the one named is never touched;
// that a code is shown to AWS once, as the ledger leases it, and that no call that
// carries one is repeated by the SDK; and that credentials and codes are printed by the
// Write functions alone.
//
// It waits, for codes that are good later and for AWS, but never past the end of a
// context. It keeps no seed and no ledger: these are given to it. Devices of root are
// not its business, and FIDO devices are listed only: AWS takes them in the console
// and neither for its API nor for its command line.
//
// How AWS checks codes is recorded by third parties and not documented: nine in three
// minutes for each device, each once, up to two steps early or late; and a device that
// was just enabled reaches STS after eight to fourteen seconds.
package device

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// What a caller branches on.
var (
	ErrRefused  = errors.New("the code was refused")         // exit code 3
	ErrNotFound = errors.New("no such device")               // exit code 5
	ErrLater    = errors.New("not now")                      // exit code 7
	ErrLockout  = errors.New("somebody would be locked out") // until it is forced
	ErrDenied   = errors.New("AWS does not allow it")        // a policy, or the wrong kind of credentials
	ErrNeedsMFA = errors.New("AWS wants a session with MFA") // to change one's own devices
	ErrInUse    = errors.New("the device is another's")      // or of this name and not ours
)

// Kind is what a device is, as far as its serial number tells.
type Kind string

// The kinds of devices.
const (
	Virtual      Kind = "virtual" // an app, a sealed seed, or the OATH applet of a YubiKey
	HardwareTOTP Kind = "hardware_totp"
	FIDO         Kind = "fido" // a security key or a passkey
	SMS          Kind = "sms"
	Unknown      Kind = "unknown"
)

// KindOf tells a kind by the serial number: arn:aws:iam::111122223333:mfa/NAME is
// virtual, …:u2f/… is FIDO, …:sms-mfa/… a telephone, and what is no ARN is printed on a
// token.
func KindOf(serial string) Kind {
	if !strings.HasPrefix(serial, "arn:") {
		if serialText.MatchString(serial) {
			return HardwareTOTP
		}
		return Unknown
	}
	parts := strings.SplitN(serial, ":", 6)
	if len(parts) < 6 || parts[2] != "iam" {
		return Unknown
	}
	sort, _, _ := strings.Cut(parts[5], "/")
	return map[string]Kind{"mfa": Virtual, "u2f": FIDO, "sms-mfa": SMS}[sort].known()
}

func (k Kind) known() Kind {
	if k == "" {
		return Unknown
	}
	return k
}

// MakesCodes tells whether the API and the command line take the kind.
func (k Kind) MakesCodes() bool { return k == Virtual || k == HardwareTOTP }

// Device is one of a user's. An unassigned one has no user.
type Device struct {
	Serial  string
	Kind    Kind
	User    string
	Enabled time.Time
}

// Lister lists devices.
type Lister interface {
	ListMFADevices(context.Context, *iam.ListMFADevicesInput, ...func(*iam.Options)) (*iam.ListMFADevicesOutput, error)
	ListVirtualMFADevices(context.Context, *iam.ListVirtualMFADevicesInput, ...func(*iam.Options)) (*iam.ListVirtualMFADevicesOutput, error)
}

// IAM lists and changes devices. A client of the SDK is one.
type IAM interface {
	Lister
	CreateVirtualMFADevice(context.Context, *iam.CreateVirtualMFADeviceInput, ...func(*iam.Options)) (*iam.CreateVirtualMFADeviceOutput, error)
	EnableMFADevice(context.Context, *iam.EnableMFADeviceInput, ...func(*iam.Options)) (*iam.EnableMFADeviceOutput, error)
	ResyncMFADevice(context.Context, *iam.ResyncMFADeviceInput, ...func(*iam.Options)) (*iam.ResyncMFADeviceOutput, error)
	DeactivateMFADevice(context.Context, *iam.DeactivateMFADeviceInput, ...func(*iam.Options)) (*iam.DeactivateMFADeviceOutput, error)
	DeleteVirtualMFADevice(context.Context, *iam.DeleteVirtualMFADeviceInput, ...func(*iam.Options)) (*iam.DeleteVirtualMFADeviceOutput, error)
}

// STS says who asks, and issues sessions. A client of the SDK is one.
type STS interface {
	GetCallerIdentity(context.Context, *sts.GetCallerIdentityInput, ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error)
	GetSessionToken(context.Context, *sts.GetSessionTokenInput, ...func(*sts.Options)) (*sts.GetSessionTokenOutput, error)
	AssumeRole(context.Context, *sts.AssumeRoleInput, ...func(*sts.Options)) (*sts.AssumeRoleOutput, error)
}

// What the API reference lets be asked.
var (
	serialText = regexp.MustCompile(`^[\w+=/:,.@-]{9,256}$`)
	nameText   = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)
	pathText   = regexp.MustCompile(`^/$|^/[\x21-\x7e]{1,510}/$`)
	regionText = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$`)
)

func checkSerial(serial string) error {
	if !serialText.MatchString(serial) {
		return fmt.Errorf("serial number %q: it has 9 to 256 letters, digits and +=/:,.@_-: copy it from the device or from a list of devices", serial)
	}
	return nil
}

// takesCodes refuses devices whose codes AWS would not take.
func takesCodes(serial string) error {
	switch k := KindOf(serial); {
	case checkSerial(serial) != nil:
		return checkSerial(serial)
	case !k.MakesCodes():
		return fmt.Errorf("device %s is of kind %s, which AWS takes in the console only: name one that makes codes", serial, k)
	}
	return nil
}

func checkUser(name string) error {
	if !nameText.MatchString(name) {
		return fmt.Errorf("user %q: a name has letters, digits and +=,.@_-", name)
	}
	return nil
}

// Commands that undo what is left. What is in them was checked, and needs no quotes.
func deleteCommand(serial string) string {
	return "aws iam delete-virtual-mfa-device --serial-number " + serial
}

func deactivateCommand(user, serial string) string {
	return "aws iam deactivate-mfa-device --user-name " + user + " --serial-number " + serial
}

// clock and said make optional fields usable.
func clock(now func() time.Time) time.Time {
	if now == nil {
		return time.Now()
	}
	return now()
}

func tell(say func(string), format string, args ...any) {
	if say != nil {
		say(fmt.Sprintf(format, args...))
	}
}

// wait ends early when the context does.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// grace is for what has to be put right although the context has ended.
const grace = 15 * time.Second

func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), grace)
}
