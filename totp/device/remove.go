package device

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// Removal is a device that is to go.
type Removal struct {
	User   string // empty: the caller
	Serial string
	Force  bool // also when the user is left without a device, or without one for the command line
}

// Deactivate takes a device from a user. A virtual one is unassigned then.
func (l Lifecycle) Deactivate(ctx context.Context, r Removal) error {
	_, user, err := l.user(ctx, r.User)
	if err == nil {
		err = checkSerial(r.Serial)
	}
	if err != nil {
		return err
	}
	all, err := listUser(ctx, l.IAM, user)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(d Device) bool { return d.Serial == r.Serial }) {
		return fmt.Errorf("user %s has no device %s: %w: %s", user, r.Serial, ErrNotFound, theirs(all))
	}
	if danger := lockout(all, r.Serial); danger != "" && !r.Force {
		return fmt.Errorf("deactivate device %s of user %s: %w: %s: enrol another first, or force it", r.Serial, user, ErrLockout, danger)
	}
	return l.deactivate(ctx, user, r.Serial)
}

// lockout says what would be left without a device where that is too little: nothing,
// or nothing that the command line can use.
func lockout(all []Device, serial string) string {
	left := slices.DeleteFunc(slices.Clone(all), func(d Device) bool { return d.Serial == serial })
	uses := func(d Device) bool { return d.Kind.MakesCodes() }
	switch {
	case len(left) == 0:
		return "no second factor would be left"
	case slices.ContainsFunc(all, uses) && !slices.ContainsFunc(left, uses):
		return "no device that the command line can use would be left: " + theirs(left)
	}
	return ""
}

func (l Lifecycle) deactivate(ctx context.Context, user, serial string) error {
	return l.worded(fmt.Sprintf("deactivate device %s of user %s", serial, user), l.change(ctx, func(c IAM) error {
		_, err := c.DeactivateMFADevice(ctx, &iam.DeactivateMFADeviceInput{UserName: &user, SerialNumber: &serial}, onceIAM)
		return err
	}))
}

// Delete deletes a virtual device; one that the user has is deactivated first. Other
// kinds are not AWS's to delete.
func (l Lifecycle) Delete(ctx context.Context, r Removal) error {
	l = l.once()
	caller, user, err := l.user(ctx, r.User)
	switch {
	case err != nil:
		return err
	case KindOf(r.Serial) != Virtual:
		return fmt.Errorf("device %q is of kind %s, and only virtual ones are deleted: deactivate it", r.Serial, KindOf(r.Serial))
	}
	d, there, err := l.find(ctx, r.Serial)
	switch {
	case err != nil:
		return err
	case !there:
		return fmt.Errorf("account %s has no virtual device %s: %w", caller.Account, r.Serial, ErrNotFound)
	case d.User != "" && d.User != user:
		return fmt.Errorf("delete device %s: %w: it is %s's, and %s was meant: name its user", r.Serial, ErrInUse, d.User, user)
	case d.User == user:
		r.User = user
		if err := l.Deactivate(ctx, r); err != nil {
			return err
		}
	}
	if err := l.remove(ctx, r.Serial); err != nil {
		return fmt.Errorf("%w: nobody uses it now, and this removes it: %s", err, deleteCommand(r.Serial))
	}
	return nil
}

// find looks for a virtual device in the account, whoever has it.
func (l Lifecycle) find(ctx context.Context, serial string) (Device, bool, error) {
	all, err := l.virtual(ctx, "")
	if i := slices.IndexFunc(all, func(d Device) bool { return d.Serial == serial }); err == nil && i >= 0 {
		return all[i], true, nil
	}
	return Device{}, false, err
}

// remove deletes a virtual device that is unassigned. That it is gone is fine.
func (l Lifecycle) remove(ctx context.Context, serial string) error {
	err := l.change(ctx, func(c IAM) error {
		_, err := c.DeleteVirtualMFADevice(ctx, &iam.DeleteVirtualMFADeviceInput{SerialNumber: &serial}, onceIAM)
		return err
	})
	if judge(err) == noEntity {
		return nil
	}
	return l.worded("delete device "+serial, err)
}

// cleanUp deletes what was made and is of no use, also when the context has ended, and
// says how a person does where it fails.
func (l Lifecycle) cleanUp(ctx context.Context, serial string, why error) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	if err := l.remove(ctx, serial); err != nil {
		return errors.Join(why, fmt.Errorf("device %s is left behind unassigned (%w): remove it with: %s", serial, err, deleteCommand(serial)))
	}
	return fmt.Errorf("%w; the device was deleted again", why)
}
