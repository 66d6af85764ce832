package bundle_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/seal"
)

var errKilled = errors.New("killed")

// iam is a user's access keys at AWS, and a program that is killed before its Nth step,
// or after it with the answer lost.
type iam struct {
	active, inactive []string
	made             int
	kill             int // the step; 0: none
	after            bool
	step             int
}

func (i *iam) do(f func() error) error {
	i.step++
	if i.step == i.kill && !i.after {
		return errKilled
	}
	err := f()
	if i.step == i.kill {
		return errKilled
	}
	return err
}

func (i *iam) all() []string { return slices.Concat(i.active, i.inactive) }

func (i *iam) List(context.Context, string) (ids []string, err error) {
	err = i.do(func() error { ids = i.all(); return nil })
	return ids, err
}

func (i *iam) Make(context.Context, string) (id string, secret []byte, err error) {
	err = i.do(func() error {
		if len(i.all()) > 1 {
			return errors.New("LimitExceeded")
		}
		i.made++
		id = fmt.Sprintf("AKIAMADE%012d", i.made)
		i.active = append(i.active, id)
		return nil
	})
	return id, []byte("SecretOf/" + id), err
}

func (i *iam) Deactivate(_ context.Context, _, id string) error {
	return i.do(func() error {
		if at := slices.Index(i.active, id); at >= 0 {
			i.active, i.inactive = slices.Delete(i.active, at, at+1), append(i.inactive, id)
		}
		return nil
	})
}

func (i *iam) Delete(_ context.Context, _, id string) error {
	return i.do(func() error {
		if slices.Contains(i.active, id) {
			return fmt.Errorf("%s is deleted without being deactivated", id)
		}
		i.inactive = slices.DeleteFunc(i.inactive, func(o string) bool { return o == id })
		return nil
	})
}

// Killed before or after any step, there is a bundle with a key that works, and a
// second run leaves one key, a new one.
func TestRotationKilledAnywhere(t *testing.T) {
	for kill := 0; kill < 8; kill++ {
		for _, after := range []bool{false, true} {
			disk := contents(identity(t))
			old := disk.Key
			aws := &iam{active: []string{old}, kill: kill, after: after}
			r := bundle.Rotation{Keys: aws, Keep: func(_ context.Context, c bundle.Contents) error {
				return aws.do(func() error { disk = c; return nil })
			}}
			_, err := r.Run(t.Context(), disk, old)
			if (err == nil) != (kill == 0 || aws.step < kill) {
				t.Fatalf("kill %d, after %v: %v after %d steps", kill, after, err, aws.step)
			}
			if !slices.Contains(aws.active, disk.Key) {
				t.Fatalf("kill %d, after %v: the bundle's key %s is not among AWS's %v", kill, after, disk.Key, aws.active)
			}
			aws.kill = 0
			if _, err := r.Run(t.Context(), disk, old); err != nil {
				t.Fatalf("kill %d, after %v: run again: %v", kill, after, err)
			}
			if disk.Key == old || !slices.Equal(aws.all(), []string{disk.Key}) || string(disk.Secret.Reveal()) != "SecretOf/"+disk.Key {
				t.Errorf("kill %d, after %v: the bundle has %s, AWS %v", kill, after, disk.Key, aws.all())
			}
		}
	}
}

// An old copy of a bundle is not a reason to remove the keys of the newest.
func TestRotationOfAnOldCopy(t *testing.T) {
	aws := &iam{active: []string{"AKIANEWEST0000000001"}}
	c := contents(identity(t))
	c.Secret = seal.NewSecret([]byte("SecretOfAnOldCopy"))
	_, err := bundle.Rotation{Keys: aws}.Run(t.Context(), c, c.Key)
	if !errors.Is(err, bundle.ErrStale) || len(aws.active) != 1 {
		t.Errorf("%v, keys %v", err, aws.active)
	}
}
