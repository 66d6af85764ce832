package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Replacement is a device that takes another's place.
type Replacement struct {
	Enrolment        // of the new one; it is verified whatever Verify says, unless Unproved
	Old       string // serial number
	Unproved  bool   // remove the old one without a session that proves the new one: for who changes another user's
}

// Replace enrols a new virtual device, proves it with a session, and only then
// deactivates the old one and, if it is virtual, deletes it. Run again after it was
// killed at any moment, it goes on. The old one's sealed seed, if there is one, is left
// to the caller.
func (l Lifecycle) Replace(ctx context.Context, r Replacement) (Enrolled, error) {
	l = l.once()
	r.Verify = !r.Unproved
	if err := checkSerial(r.Old); err != nil {
		return Enrolled{}, err
	}
	p, err := l.prepare(ctx, r.Enrolment)
	switch {
	case err != nil:
		return Enrolled{}, err
	case p.serial == r.Old:
		return Enrolled{}, fmt.Errorf("replace device %s: the new one would have its name: choose another", r.Old)
	}
	if err := p.replaceable(ctx, r.Old); err != nil {
		return Enrolled{}, err
	}
	out, err := p.enrol(ctx)
	if err == nil && r.Verify {
		err = p.prove(ctx, out.Enabled)
		out.Verified = err == nil
	}
	if err != nil {
		return out, fmt.Errorf("%w; device %s was left as it is", err, r.Old)
	}
	if err := p.retire(ctx, r.Old); err != nil {
		return out, fmt.Errorf("device %s has taken the place, and %s is still there: %w; run this again, or: %s", p.serial, r.Old, err, p.undo(r.Old))
	}
	return out, nil
}

// replaceable tells whether the old device is the user's, or an earlier run has brought
// the new one so far that the old one may be gone already.
func (p *enrolling) replaceable(ctx context.Context, old string) error {
	all, err := listUser(ctx, p.IAM, p.User)
	if err != nil {
		return err
	}
	has := func(serial string) bool {
		return slices.ContainsFunc(all, func(d Device) bool { return d.Serial == serial })
	}
	if !has(old) && !has(p.serial) {
		return fmt.Errorf("user %s has no device %s: %w: %s", p.User, old, ErrNotFound, theirs(all))
	}
	return nil
}

// retire removes the old device as far as it is there. The new one is, or nothing is
// removed.
func (p *enrolling) retire(ctx context.Context, old string) error {
	if err := p.owned(ctx, p.User, p.serial); err != nil {
		return err
	}
	switch err := p.owned(ctx, p.User, old); {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return err
	default:
		if err := p.deactivate(ctx, p.User, old); err != nil {
			return err
		}
	}
	if KindOf(old) != Virtual {
		return nil
	}
	if d, there, err := p.find(ctx, old); err != nil || !there || d.User != "" {
		return err // somebody else has it by now: it is not ours
	}
	return p.remove(ctx, old)
}

// undo are the commands that remove a device by hand.
func (p *enrolling) undo(old string) string {
	commands := deactivateCommand(p.User, old)
	if KindOf(old) == Virtual {
		commands += " && " + deleteCommand(old)
	}
	return commands
}
