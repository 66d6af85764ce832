package collect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"mfawatch/audit"
)

// removedMeanwhile is the reason of a security key that was listed and then was
// no more.
const removedMeanwhile = "the device was removed meanwhile"

// A call that nobody answers is given up. What the first three users may not be
// asked, the next thousands may not either; but once somebody answered, a denial
// is about that user, however many of one path follow each other. What fails
// otherwise may pass, and every failure is tried for a while: it takes more.
const (
	denialsToStop  = 3
	failuresToStop = 20
)

// between is how many users are asked from one checkpoint to the next.
const between = 250

// asker asks for single users, a few at a time. What the calls told is taken
// over in the order of users, so that it does not depend on who was faster.
type asker struct {
	*reader
	round
	calls  map[audit.Fact]*standing
	fatal  error
	done   int // calls
	total  int
	saving sync.Mutex
}

// round is one way through a list of tasks.
type round struct {
	asked   []task
	next    int             // the first task that nobody has begun
	answers map[int]*answer // of tasks that an earlier one is waited for
	taken   int             // how many were taken over
	missing map[string]bool // ids of users whom AWS did not know by their name
}

// standing is how a call that is made for single users does.
type standing struct {
	answered bool // by somebody, at some time
	denials  int
	failures int // one after the other, denials apart
	stopped  bool
}

// answer is what the calls for one user told.
type answer struct {
	devices   *audit.Read[[]audit.MFADevice]
	certified *audit.Read[[]audit.MFADevice] // the same with certifications
	profile   *audit.Read[audit.LoginProfile]
	keys      *audit.Read[[]audit.AccessKey]
	told      map[audit.Fact]bool
	gaps      []audit.Gap
	gone      bool
	fatal     error
	open      int // calls that were expected and not made yet
}

// askUsers asks for the users of whom the account-wide facts do not tell enough.
func (r *reader) askUsers(ctx context.Context) error {
	calls := r.standings()
	r.tasks, r.planned = r.plan(), true
	if r.o.Fast {
		r.notAsked(r.tasks)
		return nil
	}
	a := &asker{reader: r, calls: calls}
	return a.askAll(ctx)
}

// standings are those of calls before the first: a reading that is resumed goes
// by what was answered before.
func (r *reader) standings() map[audit.Fact]*standing {
	calls := map[audit.Fact]*standing{}
	for _, fact := range userFacts() {
		calls[fact] = &standing{}
	}
	if r.s.Users == nil {
		return calls
	}
	for i := range r.s.Users.Value {
		u := &r.s.Users.Value[i]
		asked := slices.ContainsFunc(devicesOf(u), func(d audit.MFADevice) bool { return d.Certifications != nil })
		for fact, told := range map[audit.Fact]bool{
			audit.FactMFADevices: u.MFADevices != nil, audit.FactLoginProfile: u.LoginProfile != nil, audit.FactAccessKeys: u.AccessKeys != nil,
			audit.FactCertifications: asked,
		} {
			calls[fact].answered = calls[fact].answered || told
		}
	}
	return calls
}

// askRound makes the calls of some tasks, and remembers whom AWS did not know.
func (a *asker) askRound(ctx context.Context, tasks []task) error {
	a.round = round{asked: spread(tasks), answers: map[int]*answer{}, missing: map[string]bool{}}
	for _, t := range tasks {
		a.total += t.calls
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() { a.work(ctx, cancel) })
	}
	workers.Wait()
	a.finish()
	return a.fatal
}

// spread puts the last task and the middle one next to the first: users are in
// the order of their paths, and a policy may deny one path only.
func spread(tasks []task) []task {
	n := len(tasks)
	if n <= denialsToStop {
		return tasks
	}
	return slices.Concat(tasks[:1], tasks[n-1:], tasks[n/2:n/2+1], tasks[1:n/2], tasks[n/2+1:n-1])
}

// notAskedFast is the reason of what --fast leaves out.
const notAskedFast = "not asked (--fast)"

// notAsked is the gap that --fast leaves.
func (r *reader) notAsked(tasks []task) {
	for _, fact := range audit.Facts() {
		if slices.ContainsFunc(tasks, func(t task) bool { return t.facts[fact] }) {
			r.gaps = append(r.gaps, fact.Gap("", notAskedFast))
		}
	}
}

func (a *asker) work(ctx context.Context, stop func()) {
	for {
		i, more := a.begin()
		if !more {
			return
		}
		got := a.ask(ctx, a.asked[i])
		a.store(i, got)
		if got.fatal != nil {
			stop()
		}
		a.checkpoint(i)
	}
}

func (a *asker) begin() (int, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.next
	if i >= len(a.asked) || a.fatal != nil {
		return 0, false
	}
	a.next++
	return i, true
}

// ask makes the calls for one user.
func (a *asker) ask(ctx context.Context, t task) *answer {
	got := &answer{told: map[audit.Fact]bool{}, devices: t.user.MFADevices, open: t.calls}
	for _, call := range []struct {
		fact audit.Fact
		make func(context.Context, audit.User, *answer) error
	}{
		{audit.FactMFADevices, a.listDevices}, {audit.FactLoginProfile, a.getProfile}, {audit.FactAccessKeys, a.listKeys},
	} {
		if !t.facts[call.fact] || got.gone || got.fatal != nil || a.skips(call.fact) {
			continue
		}
		err := call.make(ctx, t.user, got)
		a.made(got)
		if got.told[call.fact] = err == nil; err != nil {
			a.fail(ctx, got, call.fact, t.user.ID, err)
		}
	}
	a.getDevices(ctx, t.user, got)
	a.count(0, -got.open)
	return got
}

func (a *asker) skips(fact audit.Fact) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls[fact].stopped
}

// fail records what a refusal means for a user.
func (a *asker) fail(ctx context.Context, got *answer, fact audit.Fact, subject string, err error) {
	if isCode(err, "NoSuchEntity") {
		got.gone = true
		return
	}
	reason, fatal := explain(ctx, fact.Action(), err)
	if fatal != nil {
		got.fatal = fatal
		return
	}
	got.gaps = append(got.gaps, fact.Gap(subject, reason))
}

func (a *asker) made(got *answer) {
	got.open--
	a.count(1, 0)
}

// count adds calls that are done, and calls that turned out to be needed or not.
func (a *asker) count(done, planned int) {
	if done == 0 && planned == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done += done
	a.total += planned
	if a.o.Progress != nil {
		a.o.Progress(a.done, a.total)
	}
}

func (a *asker) listDevices(ctx context.Context, u audit.User, got *answer) error {
	at := a.now()
	devices := []audit.MFADevice{}
	err := everyPage(func(marker *string) (bool, *string, error) {
		out, err := a.iam.ListMFADevices(ctx, &iam.ListMFADevicesInput{UserName: &u.Name, MaxItems: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return false, nil, err
		}
		for _, d := range out.MFADevices {
			devices = append(devices, audit.MFADevice{Serial: aws.ToString(d.SerialNumber), Enabled: aws.ToTime(d.EnableDate).UTC()})
		}
		return out.IsTruncated, out.Marker, nil
	})
	if err == nil {
		got.devices = readAt(devicesCall, at, inOrder(devices, func(d audit.MFADevice) string { return d.Serial }))
		n := uncertified(got.devices)
		got.open += n
		a.count(0, n)
	}
	return err
}

// isNobody tells that there is nobody of a name, where the same code may mean
// that they have no such thing: only AWS's message tells.
func isNobody(err error) bool {
	var answer smithy.APIError
	return isCode(err, "NoSuchEntity") && errors.As(err, &answer) && strings.HasPrefix(answer.ErrorMessage(), "The user with name ")
}

// getProfile: NoSuchEntity is that there is no password (IAM API reference,
// GetLoginProfile), or nobody of this name.
func (a *asker) getProfile(ctx context.Context, u audit.User, got *answer) error {
	at := a.now()
	out, err := a.iam.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: &u.Name})
	switch {
	case isCode(err, "NoSuchEntity") && !isNobody(err):
		got.profile = readAt(profileCall, at, audit.LoginProfile{})
	case err != nil:
		return err
	case out.LoginProfile == nil:
		return plainReason("the answer cannot be read")
	default:
		p := out.LoginProfile
		got.profile = readAt(profileCall, at, audit.LoginProfile{Exists: true, Created: aws.ToTime(p.CreateDate).UTC(), ResetRequired: p.PasswordResetRequired})
	}
	return nil
}

func (a *asker) listKeys(ctx context.Context, u audit.User, got *answer) error {
	at := a.now()
	keys := []audit.AccessKey{}
	err := everyPage(func(marker *string) (bool, *string, error) {
		out, err := a.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &u.Name, MaxItems: aws.Int32(pageSize), Marker: marker})
		if err != nil {
			return false, nil, err
		}
		for _, k := range out.AccessKeyMetadata {
			keys = append(keys, audit.AccessKey{ID: aws.ToString(k.AccessKeyId), Active: k.Status == types.StatusTypeActive, Created: aws.ToTime(k.CreateDate).UTC()})
		}
		return out.IsTruncated, out.Marker, nil
	})
	if err == nil {
		got.keys = readAt(keysCall, at, inOrder(keys, func(k audit.AccessKey) string { return k.ID }))
	}
	return err
}

// getDevices asks for the certifications of a user's security keys. The list is
// copied: it may be an earlier snapshot's.
func (a *asker) getDevices(ctx context.Context, u audit.User, got *answer) {
	if uncertified(got.devices) == 0 {
		return
	}
	devices := slices.Clone(got.devices.Value)
	got.certified = readAt(got.devices.Call, got.devices.At, devices)
	for i := range devices {
		if got.gone || got.fatal != nil || a.skips(audit.FactCertifications) {
			return
		}
		if lacksCertifications(devices[i]) {
			a.getDevice(ctx, u, &devices[i], got)
		}
	}
}

func (a *asker) getDevice(ctx context.Context, u audit.User, d *audit.MFADevice, got *answer) {
	at := a.now()
	out, err := a.iam.GetMFADevice(ctx, &iam.GetMFADeviceInput{SerialNumber: &d.Serial, UserName: &u.Name})
	a.made(got)
	switch {
	case isCode(err, "NoSuchEntity") && !isNobody(err):
		got.gaps = append(got.gaps, audit.FactCertifications.Gap(d.Serial, removedMeanwhile))
	case err != nil:
		a.fail(ctx, got, audit.FactCertifications, d.Serial, err)
	default:
		d.Certifications = certifications(out, at)
		got.told[audit.FactCertifications] = true
	}
}

// certifications is an empty map where AWS names none, which it does for keys
// and passkeys that it does not know.
func certifications(out *iam.GetMFADeviceOutput, at time.Time) *audit.Read[map[string]string] {
	named := map[string]string{}
	for name, level := range out.Certifications {
		named[name] = level
	}
	return readAt(deviceCall, at, named)
}

// lacksCertifications tells a security key that was not asked about.
func lacksCertifications(d audit.MFADevice) bool {
	return d.Certifications == nil && audit.DeviceKind(d.Serial, nil) == audit.FIDOFactor
}

func uncertified(list *audit.Read[[]audit.MFADevice]) int {
	if list == nil {
		return 0
	}
	n := 0
	for _, d := range list.Value {
		if lacksCertifications(d) {
			n++
		}
	}
	return n
}

// store keeps an answer until all before it are taken over.
func (a *asker) store(i int, got *answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[i] = got
	if a.fatal == nil {
		a.fatal = got.fatal
	}
	for a.answers[a.taken] != nil && a.fatal == nil {
		a.take(a.taken)
		a.taken++
	}
}

// take takes an answer over. What was asked after a call had been given up is
// dropped, so that the end of it does not depend on who was faster. So is what
// was told under a name that was nobody's in the end: it may be about somebody
// else.
func (a *asker) take(i int) {
	got, u := a.answers[i], &a.s.Users.Value[a.asked[i].index]
	delete(a.answers, i)
	if got.gone {
		a.missing[u.ID] = true
		return
	}
	if a.takes(got, audit.FactMFADevices) {
		u.MFADevices = got.devices
	}
	if a.takes(got, audit.FactCertifications) && u.MFADevices != nil {
		u.MFADevices = got.certified
	}
	if a.takes(got, audit.FactLoginProfile) {
		u.LoginProfile = got.profile
	}
	if a.takes(got, audit.FactAccessKeys) {
		u.AccessKeys = got.keys
	}
	for _, g := range got.gaps {
		a.note(g)
	}
}

// takes tells whether a fact was told and counts; that it was ends a row of
// failures.
func (a *asker) takes(got *answer, fact audit.Fact) bool {
	call := a.calls[fact]
	if !got.told[fact] || call.stopped {
		return false
	}
	call.answered, call.failures = true, 0
	return true
}

// refused counts a refusal and gives a call up that nobody answers.
func (s *standing) refused(reason string) {
	switch {
	case reason == removedMeanwhile:
	case isDenial(reason):
		s.denials++
	default:
		s.failures++
	}
	s.stopped = !s.answered && s.denials >= denialsToStop || s.failures >= failuresToStop
}

// note records a gap, or one for everybody where the call is given up.
func (a *asker) note(g audit.Gap) {
	call := a.calls[g.Fact]
	if call.stopped {
		return
	}
	a.gaps = append(a.gaps, g)
	if call.refused(g.Reason); !call.stopped {
		return
	}
	a.gaps = slices.DeleteFunc(a.gaps, func(o audit.Gap) bool { return o.Fact == g.Fact && o.Reason == g.Reason })
	a.gaps = append(a.gaps, g.Fact.Gap("", g.Reason))
}

// finish takes over what is left when the reading ended early.
func (a *asker) finish() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.asked {
		if a.answers[i] != nil {
			a.take(i)
		}
	}
}

// checkpoint hands over what was read so far, one worker at a time.
func (a *asker) checkpoint(i int) {
	if a.o.Checkpoint == nil || (i+1)%between != 0 {
		return
	}
	a.saving.Lock()
	defer a.saving.Unlock()
	err := a.o.Checkpoint(a.snapshot(true))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fatal == nil && err != nil {
		a.fatal = fmt.Errorf("save what was read so far: %w", err)
	}
}
