package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"mfawatch/internal/awserr"
	"mfawatch/internal/iam"
	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/breakglass/offline"
	"mfawatch/totp/device"
)

// owed is a rotation that is to be done. It is written before the key is used.
type owed struct {
	Bundle string `json:"bundle"`
	bundle.Progress
}

// owedList are rotations of several bundles.
type owedList []owed

// UnmarshalJSON takes one alone, too.
func (l *owedList) UnmarshalJSON(text []byte) error {
	var all []owed
	if json.Unmarshal(text, &all) == nil {
		*l = all
		return nil
	}
	var one owed
	err := json.Unmarshal(text, &one)
	*l = owedList{one}
	return err
}

// of is where a bundle's is, or -1.
func (l owedList) of(place string) int {
	return slices.IndexFunc(l, func(o owed) bool { return o.Bundle == place })
}

func (d *desk) owedFile() string { return d.home.glass("rotation.json") }

func (d *desk) owed() (l owedList, err error) {
	_, err = readJSON(d.owedFile(), &l)
	return l, err
}

// place is how the bundle is called in what is owed.
func (d *desk) place() string {
	place, err := filepath.Abs(d.file)
	if err != nil { // the folder that this runs in is gone
		return d.file
	}
	return place
}

// progress is what is written of this bundle's rotation.
func (d *desk) progress() (bundle.Progress, error) {
	l, err := d.owed()
	if at := l.of(d.place()); err == nil && at >= 0 {
		return l[at].Progress, nil
	}
	return bundle.Progress{}, err
}

// note writes how far this bundle's rotation is.
func (d *desk) note(p bundle.Progress) error {
	l, err := d.owed()
	if err != nil {
		return err
	}
	if at := l.of(d.place()); at >= 0 {
		l[at].Progress = p
	} else {
		l = append(l, owed{d.place(), p})
	}
	return writeJSON(d.owedFile(), l)
}

// owe writes that the bundle's key is to be rotated.
func (d *desk) owe() error {
	p, err := d.progress()
	if err != nil {
		return err
	}
	return d.note(p.Begun(d.Key))
}

// use goes the offline way. That a rotation is owed is written before the key is used, as
// this may be killed; where AWS gave nothing it is taken back.
func (d *desk) use(ctx context.Context, way offline.Way, a offline.Ask) (offline.Session, error) {
	_, was, err := way.Journal.Read()
	if err != nil {
		return offline.Session{}, fmt.Errorf("no record, no grant: %w", err)
	}
	before, err := d.progress()
	if err != nil {
		return offline.Session{}, err
	}
	if err := d.owe(); err != nil {
		return offline.Session{}, err
	}
	given := false
	way.STS = func(region string) device.STS { return giving{d.sts(region), &given} }
	s, err := way.Use(ctx, a)
	switch {
	case err == nil:
		return s, nil
	case given:
		d.t.say("AWS may have given a session, which nobody has: the bundle's key is to be rotated: mfawatch breakglass rotate --profile PROFILE")
	default:
		if bad := d.takeBack(before, way.Journal, was.Entries); bad != nil {
			d.t.say(bad.Error())
		}
	}
	return s, err
}

// mostOfOne is how many entries a use has in the record that came to nothing.
const mostOfOne = 2

// takeBack puts what is owed back to what it was before a use that came to nothing, unless
// another process went the same way meanwhile: what that owes is not to be lost.
func (d *desk) takeBack(before bundle.Progress, j offline.Journal, was int64) error {
	_, now, err := j.Read()
	if err != nil || now.Entries > was+mostOfOne {
		return err
	}
	if before.From == "" {
		return d.settle()
	}
	return d.note(before)
}

// giving is an STS that tells whether it may have given a session of a role: only AWS's
// own no is sure.
type giving struct {
	device.STS
	given *bool
}

// AssumeRole is device.STS's.
func (g giving) AssumeRole(ctx context.Context, in *sts.AssumeRoleInput, options ...func(*sts.Options)) (*sts.AssumeRoleOutput, error) {
	out, err := g.STS.AssumeRole(ctx, in, options...)
	if status := awserr.Status(err); status < 400 || status >= 500 {
		*g.given = true
	}
	return out, err
}

// settle forgets a rotation that was done.
func (d *desk) settle() error {
	l, err := d.owed()
	if err != nil {
		return err
	}
	if at := l.of(d.place()); at >= 0 {
		l = slices.Delete(l, at, at+1)
	}
	if len(l) > 0 {
		return writeJSON(d.owedFile(), l)
	}
	if err := os.Remove(d.owedFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sayOwed says which rotations are to be done.
func (d *desk) sayOwed() {
	l, err := d.owed()
	if err != nil {
		d.t.say(err.Error())
	}
	for _, o := range l {
		d.t.say(fmt.Sprintf("key %s of %s was used and is to be rotated: mfawatch breakglass rotate --bundle %s --profile PROFILE", o.From, o.Bundle, o.Bundle))
	}
}

// patience is how long a command waits for the rotation before it.
const rotationPatience = 30 * time.Second

// rotateAround rotates before a command runs, which may take an hour and be killed; where
// that fails the command runs all the same, and it is tried once more after it.
func (d *desk) rotateAround(ctx context.Context, f useFlags, s offline.Session, run func() error) error {
	if f.noRotation {
		return errors.Join(run(), d.rotateAfter(ctx, f, s))
	}
	soon, stop := context.WithTimeout(ctx, rotationPatience)
	err := d.rotateWith(soon, s)
	stop()
	if err == nil {
		return run()
	}
	d.t.say(fmt.Sprintf("the bundle's key was used and is not rotated: %v. It is tried again when the command has ended", err))
	ran := run()
	if err := d.reread(ctx); err != nil { // which key it has now, the failure does not tell
		d.t.say(err.Error())
		f.noRotation = true
	}
	return errors.Join(ran, d.rotateAfter(ctx, f, s))
}

func (d *desk) reread(ctx context.Context) error {
	d.Secret.Wipe()
	return d.read(ctx)
}

// rotateAfter rotates with the session of the role. The session was handed out: what
// fails now is said, and does not make it worthless.
func (d *desk) rotateAfter(ctx context.Context, f useFlags, s offline.Session) error {
	const later = "mfawatch breakglass rotate --profile PROFILE"
	if f.noRotation {
		fmt.Fprintf(d.t.err, "The bundle's key was used and is to be rotated: %s\n", later)
		return nil
	}
	if err := d.rotateWith(ctx, s); err != nil {
		d.t.say(fmt.Sprintf("the bundle's key was used and is not rotated: %v. When AWS answers: %s", err, later))
	}
	return nil
}

func (d *desk) rotateWith(ctx context.Context, s offline.Session) error {
	return d.rotate(ctx, d.bare(s.Region, staticCredentials(s.Credentials)), "")
}

// rotate does what is owed.
func (d *desk) rotate(ctx context.Context, cfg aws.Config, remove string) error {
	p, err := d.progress()
	if err != nil {
		return err
	}
	if !d.aimed {
		if err := d.pinned(); err != nil {
			return err
		}
	}
	r := bundle.Rotation{Keys: iam.NewAccessKeys(cfg), Keep: d.keep, Note: d.note, Now: time.Now, Remove: remove}
	before := d.Contents
	fresh, err := r.Run(ctx, before, p)
	if fresh.Key != before.Key { // sealed, though not everything after that may be done
		d.Contents = fresh
		before.Secret.Wipe()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", d.file, err)
	}
	if err := d.settle(); err != nil {
		return err
	}
	d.sayRotated(p.From, before.Key, fresh.Key)
	return nil
}

// sayRotated says what was done: a bundle that an earlier run had sealed is none that this
// one did, nor are its recipients.
func (d *desk) sayRotated(from, had, has string) {
	done := fmt.Sprintf("The bundle's key is rotated: %s is gone, %s is in %s.", from, has, d.file)
	if has == had {
		done = fmt.Sprintf("An earlier rotation had put %s into %s. The key before it, %s, is gone now; no other was made, and nothing was sealed.", has, d.file, from)
	}
	fmt.Fprintf(d.t.err, "%s Copy the new bundle to where copies are kept.\n", done)
}

// pins are the recipients that each user's bundle was sealed to by who made it here. They
// are not the bundle's to say: whoever opened one can seal it anew, to others besides.
type pins map[string][]string

func (d *desk) pinsFile() string { return d.home.glass("recipients.json") }

func (d *desk) pin(user string, to []string) error {
	all := pins{}
	if _, err := readJSON(d.pinsFile(), &all); err != nil {
		return err
	}
	all[user] = slices.Clone(to)
	return writeJSON(d.pinsFile(), all)
}

// pinned refuses a bundle that is sealed to others than it was made for.
func (d *desk) pinned() error {
	all := pins{}
	if _, err := readJSON(d.pinsFile(), &all); err != nil {
		return err
	}
	to, known := all[d.User]
	if !known {
		return fmt.Errorf("%s is sealed to %s, and this machine did not make it: a new key is sealed to those only whom you name, by 'mfawatch breakglass rotate' with --to for each", d.file, strings.Join(d.To, ", "))
	}
	var faults []string
	for _, one := range without(d.To, to) {
		faults = append(faults, one+" is a recipient of it and was none when it was made")
	}
	for _, one := range without(to, d.To) {
		faults = append(faults, one+" was a recipient when it was made and is none of it")
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s was sealed anew by somebody: %s; no new key is sealed to it: find out who did, or, if it was you, 'mfawatch breakglass rotate' with --to for each recipient that is right", d.file, strings.Join(faults, "; "))
	}
	return nil
}

// without are those of one list that the other has not.
func without(these, those []string) []string {
	return slices.DeleteFunc(slices.Clone(these), func(one string) bool { return slices.Contains(those, one) })
}

type rotateFlags struct {
	unlocking
	offlineFlags
	profile, remove string
	to              []string
}

func newBreakglassRotate(t terminal) *cobra.Command {
	var f rotateFlags
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Put a new access key into the bundle, and remove the old one",
		Long: strings.TrimSpace(`
Makes a new access key of the bundle's user, seals the bundle to it, sees that it opens,
and only then deactivates and deletes the old key. Killed anywhere, it can be run again:
there is always a bundle with a key that works. Needs iam:ListAccessKeys,
CreateAccessKey, UpdateAccessKey and DeleteAccessKey on that user.

Another key of the user stops it: it may be that of a newer copy of the bundle. --remove
says that it may go. The new key is sealed to the recipients that 'init --seal' was given
on this machine; a bundle that is sealed to others is refused, and --to names them anew.`),
		Example: strings.TrimRight(`
  mfawatch breakglass rotate --profile admin
  mfawatch breakglass rotate --profile admin --remove AKIAIOSFODNN7EXAMPLE`, "\n"),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return doorError(runRotate(c.Context(), t, f)) },
	}
	f.unlocking.add(c)
	f.offlineFlags.add(c)
	c.Flags().StringVar(&f.profile, "profile", "", "AWS profile of who may change the user's keys")
	c.Flags().StringVar(&f.remove, "remove", "", "id of another access key of the user, which no bundle has: it is removed first")
	c.Flags().StringArrayVar(&f.to, "to", nil, "age recipient that the new bundle is for, in the place of those it was made for; can be given again")
	return c
}

func runRotate(ctx context.Context, t terminal, f rotateFlags) error {
	d, err := f.offlineFlags.desk(t, f.unlocking)
	if err != nil {
		return err
	}
	l, err := d.owed()
	if err != nil {
		return err
	}
	if f.bundle == "" && len(l) > 0 && l.of(d.place()) < 0 {
		f.bundle = l[0].Bundle
	}
	if d, err = f.offlineFlags.open(ctx, t, f.unlocking); err != nil {
		return err
	}
	defer d.wipe()
	// age says nothing of who made a bundle: a new key is sealed only to what has the old.
	if err := (offline.Way{Bundle: d.Contents, STS: d.sts, Say: d.t.say}).Proved(ctx); err != nil {
		return fmt.Errorf("%s is not rotated: %w", d.file, err)
	}
	if err := f.aim(ctx, d); err != nil {
		return err
	}
	if d.aimed || l.of(d.place()) < 0 { // what an earlier run sealed is for the recipients of then
		if err := d.owe(); err != nil {
			return err
		}
	}
	cfg, err := awsConfig(ctx, t, f.profile, d.Regions[0])
	if err != nil {
		return err
	}
	return d.rotate(ctx, cfg, f.remove)
}

// aim takes other recipients for the next sealing, when the bundle opens that is sealed
// to them: what is found out later would leave a key behind.
func (f rotateFlags) aim(ctx context.Context, d *desk) error {
	if len(f.to) == 0 {
		return nil
	}
	d.To, d.aimed = slices.Clone(f.to), true
	if _, err := d.seal(ctx, d.Contents); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	return nil
}
