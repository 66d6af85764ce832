package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"mfawatch/totp"
)

// Keep keeps the keys of devices: sealed files, or a YubiKey, which gives none back.
type Keep interface {
	// Put keeps a key under a serial number, and it is safe there when it returns. over
	// is whether it takes the place of one that is there; without, one that is there is
	// an error and stays.
	Put(ctx context.Context, serial string, k totp.Key, over bool) error
	// Has tells whether there is a key. One that is there and cannot be used is an error.
	Has(ctx context.Context, serial string) (bool, error)
	// Codes makes the codes of a key; it is asked for none before the key is kept.
	Codes(serial string) Codes
}

// Enrolment is a virtual device that is to be.
type Enrolment struct {
	User   string // empty: the caller
	Name   string // of the device, unlike any other in the account
	Path   string // empty: /
	Tags   map[string]string
	Keep   Keep
	Verify bool // get a session with it, which needs the user's own access key
}

// Enrolled is a device that a user has, and whose key is kept.
type Enrolled struct {
	Serial   string
	User     string
	Enabled  time.Time
	Resumed  bool // something was there already
	Verified bool // a session proved it
}

// Enrol creates a virtual device, has its seed kept and enables it for the user. Run again
// after it was killed at any moment, it goes on from where it was, or removes what
// nobody has the seed of and begins anew. A device that the user has, and whose key is
// kept, is left as it is.
func (l Lifecycle) Enrol(ctx context.Context, e Enrolment) (Enrolled, error) {
	l = l.once()
	p, err := l.prepare(ctx, e)
	if err != nil {
		return Enrolled{}, err
	}
	done, err := p.enrol(ctx)
	if err == nil && e.Verify {
		err = p.prove(ctx, done.Enabled)
		done.Verified = err == nil
	}
	return done, err
}

// enrolling is an enrolment under way.
type enrolling struct {
	Lifecycle
	Enrolment
	serial string
	caller Caller
	codes  Codes
}

// prepare checks all that can be checked before anything is made.
func (l Lifecycle) prepare(ctx context.Context, e Enrolment) (*enrolling, error) {
	if e.Path == "" {
		e.Path = "/"
	}
	switch {
	case !nameText.MatchString(e.Name):
		return nil, fmt.Errorf("name of a device %q: it has 1 to 128 letters, digits and +=,.@_-", e.Name)
	case !pathText.MatchString(e.Path):
		return nil, fmt.Errorf("path of a device %q: it begins and ends with /", e.Path)
	}
	c, user, err := l.user(ctx, e.User)
	if err != nil {
		return nil, err
	}
	if e.Verify && c.User != user {
		return nil, fmt.Errorf("verify a device of user %s: only a session that %s gets proves it, and this is %s: use %s's own access key, or do not verify", user, user, c.ARN, user)
	}
	e.User = user
	p := &enrolling{Lifecycle: l, Enrolment: e, caller: c, serial: "arn:" + c.Partition + ":iam::" + c.Account + ":mfa" + e.Path + e.Name}
	if err := checkSerial(p.serial); err != nil {
		return nil, err
	}
	p.codes = e.Keep.Codes(p.serial)
	return p, nil
}

// found is what there is of a device.
type found struct {
	exists bool
	owner  string // empty: unassigned
	kept   bool
}

// step is what an enrolment does next.
type step string

const (
	create step = "create"
	remake step = "remake" // nobody has the seed: delete, and create
	resume step = "resume" // enable what is kept
	done   step = "done"
	refuse step = "refuse"
)

// next decides. A kept key of a device that is not there is of one that was deleted:
// it is replaced when the new one is there, and not before.
func (f found) next(user string) step {
	switch {
	case !f.exists:
		return create
	case f.owner == "" && f.kept:
		return resume
	case f.owner == "":
		return remake
	case f.owner == user && f.kept:
		return done
	}
	return refuse
}

func (p *enrolling) enrol(ctx context.Context) (Enrolled, error) {
	d, f, err := p.look(ctx)
	if err != nil {
		return Enrolled{}, err
	}
	out := Enrolled{Serial: p.serial, User: p.User, Enabled: d.Enabled, Resumed: f.exists}
	switch f.next(p.User) {
	case done:
		return out, nil
	case refuse:
		return Enrolled{}, p.refused(f)
	case resume:
		tell(p.Say, "device %s is there, unassigned, and its seed is kept: going on", p.serial)
		out.Enabled, err = p.goOn(ctx)
		return out, err
	case remake:
		tell(p.Say, "device %s is there, unassigned, and its seed is not kept: it is deleted and made anew", p.serial)
		if err := p.discard(ctx); err != nil {
			return Enrolled{}, err
		}
	}
	out.Enabled, err = p.anew(ctx, f.kept)
	return out, err
}

// look gathers what there is.
func (p *enrolling) look(ctx context.Context) (Device, found, error) {
	kept, err := p.Keep.Has(ctx, p.serial)
	if err != nil {
		return Device{}, found{}, fmt.Errorf("the key of device %s: %w", p.serial, err)
	}
	d, exists, err := p.find(ctx, p.serial)
	if err != nil {
		return Device{}, found{}, err
	}
	f := found{exists, d.User, kept}
	if f.owner == p.User {
		return d, f, nil
	}
	all, err := listUser(ctx, p.IAM, p.User)
	if err == nil && len(all) >= mostDevices {
		err = fmt.Errorf("enrol %s: user %s has %d devices, as many as AWS allows: deactivate one first", p.serial, p.User, len(all))
	}
	return d, f, err
}

func (p *enrolling) refused(f found) error {
	if f.owner == p.User {
		return fmt.Errorf("enrol %s: %w: user %s has it, and its seed is not kept here: choose another name", p.serial, ErrInUse, p.User)
	}
	return fmt.Errorf("enrol %s: %w: it is %s's: choose another name", p.serial, ErrInUse, f.owner)
}

// goOn enables a device whose seed was kept by an earlier run. When AWS refuses the
// codes, the kept seed is not the device's, which nobody uses: it is made anew.
func (p *enrolling) goOn(ctx context.Context) (time.Time, error) {
	enabled, err := p.enableKept(ctx)
	if !errors.Is(err, ErrRefused) {
		return enabled, err
	}
	tell(p.Say, "AWS does not take the codes of the kept seed for device %s: it is deleted and made anew", p.serial)
	if err := p.discard(ctx); err != nil {
		return time.Time{}, err
	}
	return p.anew(ctx, true)
}

// discard deletes a device that nobody uses and whose seed nobody has.
func (p *enrolling) discard(ctx context.Context) error {
	if err := p.remove(ctx, p.serial); err != nil {
		return fmt.Errorf("%w; have it removed with: %s; or choose another name", err, deleteCommand(p.serial))
	}
	return nil
}

// anew creates, keeps and enables. over is whether a key of a deleted device is kept
// under the serial number.
func (p *enrolling) anew(ctx context.Context, over bool) (time.Time, error) {
	k, err := p.create(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if err := p.Keep.Put(ctx, p.serial, k, over); err != nil {
		return time.Time{}, p.cleanUp(ctx, p.serial, fmt.Errorf("keep the seed of device %s: %w", p.serial, err))
	}
	return p.enableKept(ctx)
}

// create makes the device and takes the seed out of AWS's answer, which is wiped.
func (p *enrolling) create(ctx context.Context) (totp.Key, error) {
	in := &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &p.Name, Path: &p.Path, Tags: tags(p.Tags)}
	var out *iam.CreateVirtualMFADeviceOutput
	err := p.change(ctx, func(c IAM) (err error) {
		out, err = c.CreateVirtualMFADevice(ctx, in, onceIAM)
		return err
	})
	if judge(err) == none {
		return totp.Key{}, fmt.Errorf("%w; it may be there nevertheless, unassigned: run this again, or remove it with: %s", p.worded("create device "+p.serial, err), deleteCommand(p.serial))
	}
	if err != nil {
		return totp.Key{}, p.worded("create device "+p.serial, err)
	}
	d := out.VirtualMFADevice
	defer clear(d.QRCodePNG)
	defer clear(d.Base32StringSeed)
	if serial := aws.ToString(d.SerialNumber); serial != p.serial {
		return totp.Key{}, p.cleanUp(ctx, serial, fmt.Errorf("AWS made device %q where %s was asked for", serial, p.serial))
	}
	k, err := p.key(d.Base32StringSeed)
	if err != nil {
		return totp.Key{}, p.cleanUp(ctx, p.serial, fmt.Errorf("the seed that AWS gave for device %s: %w", p.serial, err))
	}
	return k, nil
}

// key is that of AWS's virtual devices, with the names that its QR code has.
func (p *enrolling) key(seed []byte) (totp.Key, error) {
	secret, err := totp.DecodeSecret(string(seed))
	if err != nil {
		return totp.Key{}, err
	}
	defer clear(secret)
	return totp.New(totp.Settings{Issuer: "AWS", Account: p.Name + "@" + p.caller.Account}, secret)
}

func tags(m map[string]string) []iamtypes.Tag {
	var all []iamtypes.Tag
	for key, value := range m {
		all = append(all, iamtypes.Tag{Key: &key, Value: &value})
	}
	slices.SortFunc(all, func(a, b iamtypes.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return all
}

// enableKept enables, and says what is left where it cannot.
func (p *enrolling) enableKept(ctx context.Context) (time.Time, error) {
	enabled, err := p.enable(ctx, p.User, p.serial, p.codes)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w; the device is created and its seed kept: run this again to go on, or remove it with: %s", err, deleteCommand(p.serial))
	}
	return enabled, nil
}

// prove gets a session and throws it away.
func (p *enrolling) prove(ctx context.Context, enabled time.Time) error {
	s := Sessions{STS: p.STS, IAM: p.IAM, Say: p.Say, Now: p.Now}
	c, err := s.GetSession(ctx, Request{Serial: p.serial, Codes: p.codes, Duration: leastSession, Enabled: enabled})
	if err != nil {
		return fmt.Errorf("device %s is enabled, and no session proves it: %w", p.serial, err)
	}
	c.Wipe()
	return nil
}
