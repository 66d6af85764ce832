package bundle_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/seal"
)

var errKilled = errors.New("killed")

var night = time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)

// iam is a user's access keys at AWS, and a program that is killed before its Nth step,
// or after it with the answer lost.
type iam struct {
	keys     map[string]time.Time
	inactive []string
	made     int
	now      time.Time
	skew     time.Duration // of AWS's clock
	kill     int           // the step; 0: none
	after    bool
	step     int
	answer   error // of Make, which makes none
}

// noneMade is an answer of AWS that it made no key.
type noneMade struct{ error }

func (noneMade) NoneMade() {}

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

func (i *iam) List(context.Context, string) (keys map[string]time.Time, err error) {
	err = i.do(func() error { keys = maps.Clone(i.keys); return nil })
	return keys, err
}

func (i *iam) Make(context.Context, string) (id string, secret []byte, err error) {
	err = i.do(func() error {
		if len(i.keys) > 1 {
			return noneMade{errors.New("LimitExceeded")}
		}
		if i.answer != nil {
			return i.answer
		}
		i.made++
		id = fmt.Sprintf("AKIAMADE%012d", i.made)
		i.keys[id] = i.now.Add(i.skew)
		return nil
	})
	return id, []byte("SecretOf/" + id), err
}

func (i *iam) Deactivate(_ context.Context, _, id string) error {
	return i.do(func() error {
		if _, there := i.keys[id]; there {
			i.inactive = append(i.inactive, id)
		}
		return nil
	})
}

func (i *iam) Delete(_ context.Context, _, id string) error {
	return i.do(func() error {
		if !slices.Contains(i.inactive, id) {
			return fmt.Errorf("%s is deleted without being deactivated", id)
		}
		delete(i.keys, id)
		return nil
	})
}

func (i *iam) active() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(i.keys)), func(id string) bool { return slices.Contains(i.inactive, id) })
}

// machine is a disk with a bundle and the progress of its rotation.
type machine struct {
	aws      *iam
	disk     bundle.Contents
	progress bundle.Progress
}

func newMachine(t *testing.T) *machine {
	c := contents(identity(t))
	return &machine{&iam{keys: map[string]time.Time{c.Key: night.Add(-24 * time.Hour)}, now: night}, c, bundle.Progress{}.Begun(c.Key)}
}

func (m *machine) rotate(t *testing.T, remove string) error {
	t.Helper()
	r := bundle.Rotation{
		Keys: m.aws, Remove: remove, Now: func() time.Time { return m.aws.now },
		Keep: func(_ context.Context, c bundle.Contents) error {
			return m.aws.do(func() error {
				m.disk = c
				m.disk.Secret = seal.NewSecret(slices.Clone(c.Secret.Reveal()))
				return nil
			})
		},
		Note: func(p bundle.Progress) error { return m.aws.do(func() error { m.progress = p; return nil }) },
	}
	_, err := r.Run(t.Context(), m.disk, m.progress)
	return err
}

// Killed before or after any step, there is a bundle with a key that works, and a
// second run leaves one key, a new one. AWS's clock may be another.
func TestRotationKilledAnywhere(t *testing.T) {
	const steps = 8
	for kill := 0; kill <= steps; kill++ {
		for _, after := range []bool{false, true} {
			for _, skew := range []time.Duration{0, -4 * time.Minute, 4 * time.Minute} {
				m := newMachine(t)
				old := m.disk.Key
				m.aws.kill, m.aws.after, m.aws.skew = kill, after, skew
				name := fmt.Sprintf("kill %d, after %v, skew %v", kill, after, skew)
				err := m.rotate(t, "")
				if (err == nil) != (kill == 0) || kill == 0 && m.aws.step != steps {
					t.Fatalf("%s: %v after %d steps", name, err, m.aws.step)
				}
				if !slices.Contains(m.aws.active(), m.disk.Key) {
					t.Fatalf("%s: the bundle's key %s is not among AWS's %v", name, m.disk.Key, m.aws.active())
				}
				m.aws.kill, m.aws.now = 0, night.Add(30*24*time.Hour)
				if err := m.rotate(t, ""); err != nil {
					t.Fatalf("%s: run again: %v", name, err)
				}
				if m.disk.Key == old || !slices.Equal(slices.Sorted(maps.Keys(m.aws.keys)), []string{m.disk.Key}) || string(m.disk.Secret.Reveal()) != "SecretOf/"+m.disk.Key {
					t.Errorf("%s: the bundle has %s, AWS %v", name, m.disk.Key, m.aws.keys)
				}
			}
		}
	}
}

// A bundle that was resealed and is used before the old key is gone has both rotated.
func TestRotationAfterAnother(t *testing.T) {
	m := newMachine(t)
	m.aws.kill = 7 // before the old key is deactivated
	if err := m.rotate(t, ""); !errors.Is(err, errKilled) || len(m.aws.keys) != 2 {
		t.Fatalf("%v, keys %v", err, m.aws.keys)
	}
	used := m.disk.Key
	m.progress, m.aws.kill = m.progress.Begun(used), 0
	if err := m.rotate(t, ""); err != nil || m.disk.Key == used || len(m.aws.keys) != 1 {
		t.Errorf("%v, keys %v", err, m.aws.keys)
	}
}

// An old copy of a bundle is no reason to remove the keys of the newest, whether its own
// key is still there or not; and a key that nobody knows stays until a person says so.
func TestRotationLeavesOtherKeys(t *testing.T) {
	const other = "AKIANEWEST0000000001"
	own := contents(identity(t)).Key
	made := night.Add(-24 * time.Hour)
	for name, c := range map[string]struct {
		keys     map[string]time.Time
		progress bundle.Progress
		want     error
		says     string
	}{
		"its key is gone":                     {map[string]time.Time{other: night}, bundle.Progress{From: own}, bundle.ErrStale, "no access key " + own},
		"a newer copy's":                      {map[string]time.Time{own: made, other: made.Add(time.Hour)}, bundle.Progress{From: own}, bundle.ErrStale, "this copy has " + own},
		"of the same second":                  {map[string]time.Time{own: made, other: made}, bundle.Progress{From: own}, bundle.ErrStale, "--remove " + other},
		"an older one":                        {map[string]time.Time{own: made, other: made.Add(-time.Hour)}, bundle.Progress{From: own}, bundle.ErrForeign, "--remove " + other},
		"an old copy was put back":            {map[string]time.Time{own: made, other: made.Add(time.Hour)}, bundle.Progress{From: other}, bundle.ErrStale, other},
		"a newer one than was asked for here": {map[string]time.Time{own: made, other: made.Add(time.Hour)}, bundle.Progress{From: own, Making: made.Add(49 * time.Minute)}, bundle.ErrStale, other},
		"an older one than was asked for":     {map[string]time.Time{own: made, other: made.Add(-time.Minute)}, bundle.Progress{From: own, Making: made}, bundle.ErrForeign, other},
	} {
		m := newMachine(t)
		m.aws.keys, m.progress = maps.Clone(c.keys), c.progress
		before := m.disk.Key
		err := m.rotate(t, "")
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.says)
		}
		if !maps.Equal(m.aws.keys, c.keys) || len(m.aws.inactive) > 0 || m.disk.Key != before || m.aws.step != 1 {
			t.Errorf("%s: keys %v, %v deactivated, after %d steps", name, m.aws.keys, m.aws.inactive, m.aws.step)
		}
		if _, there := c.keys[own]; !there {
			continue
		}
		if err := m.rotate(t, "AKIAOFNOBODY00000001"); err == nil || len(m.aws.keys) != 2 {
			t.Errorf("%s: another key than is there: %v", name, err)
		}
		if err := m.rotate(t, other); err != nil || len(m.aws.keys) != 1 || m.aws.keys[other] != (time.Time{}) {
			t.Errorf("%s: with --remove: %v, keys %v", name, err, m.aws.keys)
		}
	}
	m := newMachine(t)
	if err := m.rotate(t, own); err == nil || !strings.Contains(err.Error(), "nothing to remove") || len(m.aws.keys) != 1 {
		t.Errorf("the bundle's own key: %v", err)
	}
}

// After an answer that no key was made, a key of that minute is another machine's; after
// none, it is this one's.
func TestRotationThatIsRefused(t *testing.T) {
	const other = "AKIAOFANOTHER0000001"
	lost := night.Add(-time.Hour)
	for name, c := range map[string]struct {
		answer error
		before time.Time // since when an earlier run asked
		making time.Time
		want   error
	}{
		"refused":             {noneMade{errors.New("AccessDenied")}, time.Time{}, time.Time{}, bundle.ErrStale},
		"refused and wrapped": {fmt.Errorf("iam: %w", noneMade{errors.New("AccessDenied")}), time.Time{}, time.Time{}, bundle.ErrStale},
		"refused the second":  {noneMade{errors.New("AccessDenied")}, lost, lost, bundle.ErrStale},
		"no answer":           {errors.New("no answer"), time.Time{}, night, nil},
	} {
		m := newMachine(t)
		m.aws.answer, m.progress.Making = c.answer, c.before
		if err := m.rotate(t, ""); !errors.Is(err, c.answer) || !m.progress.Making.Equal(c.making) {
			t.Errorf("%s: %v, making since %v, want %v", name, err, m.progress.Making, c.making)
		}
		m.aws.answer, m.aws.keys[other] = nil, night.Add(time.Minute)
		err := m.rotate(t, "")
		if _, there := m.aws.keys[other]; !errors.Is(err, c.want) || there != (c.want != nil) {
			t.Errorf("%s: run again: %v, want %v; keys %v", name, err, c.want, m.aws.keys)
		}
	}
	m := newMachine(t)
	m.aws.answer, m.aws.kill = noneMade{errors.New("AccessDenied")}, 4 // its Note
	if err := m.rotate(t, ""); !errors.Is(err, m.aws.answer) || !errors.Is(err, errKilled) {
		t.Errorf("a disk that is full: %v", err)
	}
}
