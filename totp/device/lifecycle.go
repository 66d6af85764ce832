package device

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// mostDevices is how many a user may have (IAM user guide, id_credentials_mfa).
const mostDevices = 8

// Lifecycle lists and changes devices as one caller. Where no user is named, the caller
// is meant.
type Lifecycle struct {
	IAM IAM
	STS STS
	// MFA gives IAM in a session with MFA of the caller. It is asked when AWS wants one,
	// which it does of everybody who has a device and changes one of their own. Nil:
	// there is none.
	MFA func(context.Context) (IAM, error)
	Say func(string)     // is told what takes long and what is cleaned up; nil: nobody is
	Now func() time.Time // nil: time.Now
}

// Caller is who asks.
type Caller struct {
	ARN, Partition, Account string
	User                    string // empty for roles and root
	Root                    bool
	Role                    bool // a session of a role: what it assumes further lasts an hour
}

// Caller asks STS who asks. No policy can deny that (STS API reference,
// GetCallerIdentity).
func (l Lifecycle) Caller(ctx context.Context) (Caller, error) { return caller(ctx, l.STS) }

func caller(ctx context.Context, c STS) (Caller, error) {
	out, err := c.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return Caller{}, explain("ask AWS who this is", err)
	}
	return parseCaller(aws.ToString(out.Arn))
}

func parseCaller(arn string) (Caller, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[4] == "" {
		return Caller{}, fmt.Errorf("AWS says that this is %q, which is no ARN of an account", arn)
	}
	c := Caller{ARN: arn, Partition: parts[1], Account: parts[4]}
	sort, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "iam" && sort == "user":
		c.User = name[strings.LastIndex(name, "/")+1:]
	case parts[2] == "iam" && sort == "root":
		c.Root = true
	case parts[2] == "sts" && sort == "assumed-role":
		c.Role = true
	}
	return c, nil
}

// user is who is meant: the one that was named, or the caller.
func (l Lifecycle) user(ctx context.Context, named string) (Caller, string, error) {
	c, err := l.Caller(ctx)
	switch {
	case err != nil:
		return c, "", err
	case named != "":
		return c, named, checkUser(named)
	case c.Root:
		return c, "", fmt.Errorf("this is root of account %s: its devices are changed in the console: use a user's credentials, or name a user", c.Account)
	case c.User == "":
		return c, "", fmt.Errorf("%s is no IAM user: name the user whose devices are meant", c.ARN)
	}
	return c, c.User, nil
}

// List gives a user's devices, of every kind.
func (l Lifecycle) List(ctx context.Context, user string) ([]Device, error) {
	_, user, err := l.user(ctx, user)
	if err != nil {
		return nil, err
	}
	return listUser(ctx, l.IAM, user)
}

func listUser(ctx context.Context, c Lister, user string) ([]Device, error) {
	var all []Device
	for p := iam.NewListMFADevicesPaginator(c, &iam.ListMFADevicesInput{UserName: &user}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, explain("list the devices of user "+user, err)
		}
		for _, d := range page.MFADevices {
			serial := aws.ToString(d.SerialNumber)
			all = append(all, Device{serial, KindOf(serial), user, aws.ToTime(d.EnableDate)})
		}
	}
	return all, nil
}

// Unassigned gives the virtual devices of the account that nobody uses. AWS deletes
// them when somebody adds a device in the console (IAM user guide, id_credentials_mfa).
func (l Lifecycle) Unassigned(ctx context.Context) ([]Device, error) {
	all, err := l.virtual(ctx, iamtypes.AssignmentStatusTypeUnassigned)
	return slices.DeleteFunc(all, func(d Device) bool { return d.User != "" }), err
}

// rootUser is how a device of root names its user; no IAM user can have the name.
const rootUser = "<root>"

func (l Lifecycle) virtual(ctx context.Context, status iamtypes.AssignmentStatusType) ([]Device, error) {
	var all []Device
	for p := iam.NewListVirtualMFADevicesPaginator(l.IAM, &iam.ListVirtualMFADevicesInput{AssignmentStatus: status}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, explain("list the virtual devices of the account", err)
		}
		for _, d := range page.VirtualMFADevices {
			serial := aws.ToString(d.SerialNumber)
			all = append(all, Device{serial, KindOf(serial), userOf(d), aws.ToTime(d.EnableDate)})
		}
	}
	return all, nil
}

func userOf(d iamtypes.VirtualMFADevice) string {
	switch {
	case d.User == nil:
		return ""
	case aws.ToString(d.User.UserName) == "":
		return rootUser
	}
	return *d.User.UserName
}

// change asks IAM for a change, once more in a session with MFA where AWS wants one, or
// a policy may: a guardrail's refusal does not say what is missing.
func (l Lifecycle) change(ctx context.Context, ask func(IAM) error) error {
	err := ask(l.IAM)
	a := judge(err)
	if a != needsMFA && a != denied || l.MFA == nil {
		return err
	}
	in, mfa := l.MFA(ctx)
	switch {
	case mfa == nil:
		return ask(in)
	case a == denied: // that a session would have helped was a guess
		tell(l.Say, "a session with MFA may be allowed more, and there is none: %v", mfa)
		return err
	}
	return ours{fmt.Errorf("%w, and there is none: %w", ErrNeedsMFA, mfa)}
}

// once lets MFA be asked one time by what takes several changes.
func (l Lifecycle) once() Lifecycle {
	if l.MFA != nil {
		var mutex sync.Mutex
		var got IAM
		ask := l.MFA
		l.MFA = func(ctx context.Context) (IAM, error) {
			mutex.Lock()
			defer mutex.Unlock()
			var err error
			if got == nil {
				got, err = ask(ctx)
			}
			return got, err
		}
	}
	return l
}

// Enable gives a device to a user, with two codes of it. It may be used for what was
// created elsewhere, and for a hardware token. It tells when it did.
func (l Lifecycle) Enable(ctx context.Context, user, serial string, codes Codes) (time.Time, error) {
	_, user, err := l.user(ctx, user)
	if err == nil {
		err = takesCodes(serial)
	}
	if err != nil {
		return time.Time{}, err
	}
	return l.enable(ctx, user, serial, codes)
}

func (l Lifecycle) enable(ctx context.Context, user, serial string, codes Codes) (time.Time, error) {
	what := fmt.Sprintf("enable device %s for user %s", serial, user)
	err := l.withPair(ctx, what, codes, func(c IAM, first, second string) error {
		_, err := c.EnableMFADevice(ctx, &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: &serial, AuthenticationCode1: &first, AuthenticationCode2: &second}, onceIAM)
		if judge(err) == none && l.has(ctx, user, serial) {
			return nil // the answer was lost, and it was a yes
		}
		return err
	})
	return clock(l.Now), err
}

// has asks whether a user has a device; what cannot be told is a no.
func (l Lifecycle) has(ctx context.Context, user, serial string) bool {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	all, err := listUser(ctx, l.IAM, user)
	return err == nil && slices.ContainsFunc(all, func(d Device) bool { return d.Serial == serial })
}

// withPair shows AWS two codes. A session with MFA that AWS wants takes time, so it is
// shown two others then.
func (l Lifecycle) withPair(ctx context.Context, what string, codes Codes, ask func(c IAM, first, second string) error) error {
	return l.worded(what, l.change(ctx, func(c IAM) error {
		h, err := codes.Pair(ctx)
		if err != nil {
			return ours{err}
		}
		// The SDK's request needs them as strings, which cannot be wiped.
		err = ask(c, string(h.First.Reveal()), string(h.Second.Reveal()))
		if kept := settle(ctx, h, judge(err)); kept != nil && err == nil {
			tell(l.Say, "%s is done, and the ledger was not told: %v", what, kept)
		}
		return err
	}))
}

// ours is an error that is no answer of AWS to the question, and worded already.
type ours struct{ error }

func (o ours) Unwrap() error { return o.error }

func (l Lifecycle) worded(what string, err error) error {
	if o, is := err.(ours); is {
		return fmt.Errorf("%s: %w", what, o.error)
	}
	return explain(what, err)
}

// Resync tells AWS how far off a device is, with two codes of it. Codes that were used
// stay used.
func (l Lifecycle) Resync(ctx context.Context, user, serial string, codes Codes) error {
	_, user, err := l.user(ctx, user)
	if err == nil {
		err = takesCodes(serial)
	}
	if err == nil {
		err = l.owned(ctx, user, serial)
	}
	if err != nil {
		return err
	}
	return l.withPair(ctx, fmt.Sprintf("resync device %s of user %s", serial, user), codes, func(c IAM, first, second string) error {
		_, err := c.ResyncMFADevice(ctx, &iam.ResyncMFADeviceInput{UserName: &user, SerialNumber: &serial, AuthenticationCode1: &first, AuthenticationCode2: &second}, onceIAM)
		return err
	})
}

// owned refuses a device that is not this user's, before a code is spent on it.
func (l Lifecycle) owned(ctx context.Context, user, serial string) error {
	all, err := listUser(ctx, l.IAM, user)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(d Device) bool { return d.Serial == serial }) {
		return fmt.Errorf("user %s has no device %s: %w: %s", user, serial, ErrNotFound, theirs(all))
	}
	return nil
}

func theirs(all []Device) string {
	if len(all) == 0 {
		return "there is none"
	}
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Serial + " (" + string(d.Kind) + ")"
	}
	return "there is " + strings.Join(names, ", ")
}
