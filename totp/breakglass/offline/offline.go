// Package offline is the way into an account when the emergency door's own function,
// table, key or Region does not answer: the key out of a bundle, a code, and AWS.
//
// It promises: no code is shown to AWS before the local record says who wants to use it
// and why, and no session is handed out that the record does not have; STS is asked in
// the first of the bundle's Regions that answers, and found out before a code is made; a
// code is shown once, and its replay is AWS's to refuse; the key does only what the
// bundle says. A drill goes the same way and assumes nothing: it has AWS check key and
// code by GetSessionToken, for the shortest session, and throws that away.
//
// It does not promise a second person: whoever has bundle, identity and factor goes this
// way alone, and AWS's logs and the alarm on any use of the role are what others hear of
// it. Nor does a local record bind who owns the machine: reconcile it, and compare it
// with CloudTrail, where the session's name is.
package offline

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"mfawatch/internal/awserr"
	"mfawatch/totp/breakglass/bundle"
	"mfawatch/totp/breakglass/record"
	"mfawatch/totp/device"
)

// How long a session is, as of the door itself.
const (
	Shortest = 15 * time.Minute
	Longest  = time.Hour
)

// patience is how long a Region may take to say who asks.
const patience = 5 * time.Second

// ErrUnreachable is an STS that answers in none of the bundle's Regions.
var ErrUnreachable = errors.New("STS answers in none of the bundle's Regions: look at the network of this machine, and at its clock")

// Way is what the offline way is gone with.
type Way struct {
	Journal Journal
	Bundle  bundle.Contents
	STS     func(region string) device.STS // as the bundle's user
	Codes   device.Codes                   // of the bundle's device
	Say     func(string)
	Now     func() time.Time
}

// Ask is why somebody goes it.
type Ask struct {
	Why, Ticket string
	Duration    time.Duration
}

// Session is what it gives.
type Session struct {
	device.Credentials
	Name, Region string
}

// check refuses before anything is written.
func (a Ask) check() error {
	switch {
	case strings.TrimSpace(a.Why) == "":
		return errors.New("why: say what burns; it stands in the record")
	case a.Duration < Shortest || a.Duration > Longest || a.Duration%time.Second != 0:
		return fmt.Errorf("duration %v: %v to %v are possible", a.Duration, Shortest, Longest)
	case len(a.Why) > 1000 || len(a.Ticket) > 200:
		return errors.New("why and ticket: 1000 and 200 letters are possible")
	}
	return errors.Join(record.Text(a.Why), record.Text(a.Ticket))
}

// Use gets a session of the role.
func (w Way) Use(ctx context.Context, a Ask) (Session, error) {
	if err := a.check(); err != nil {
		return Session{}, err
	}
	s := Session{Name: w.name()}
	began := w.Now()
	e := w.entry(record.Asked, s.Name)
	e.Facts[record.Why], e.Facts[record.Ticket], e.Facts[record.Seconds] = a.Why, a.Ticket, fmt.Sprint(int(a.Duration/time.Second))
	if err := w.Journal.Enter(ctx, e); err != nil {
		return Session{}, fmt.Errorf("no record, no grant: %w", err)
	}
	if err := w.assume(ctx, &s, a); err != nil {
		return Session{}, errors.Join(err, w.failed(ctx, record.NotIssued, s.Name, err))
	}
	e = w.entry(record.Issued, s.Name)
	e.Facts[record.Until], e.Facts[record.TookMS] = s.Expires.UTC().Format(time.RFC3339), fmt.Sprint(w.Now().Sub(began).Milliseconds())
	if err := w.Journal.Enter(ctx, e); err != nil {
		s.Wipe()
		return Session{}, fmt.Errorf("AWS gave a session and it could not be recorded, so it is thrown away: %w", err)
	}
	return s, nil
}

// assume asks one Region after the other. One that did not answer may have looked at the
// code: the next is shown another.
func (w Way) assume(ctx context.Context, s *Session, a Ask) error {
	regions := w.Bundle.Regions
	codes := &shown{Codes: w.Codes}
	for {
		at, err := w.reach(ctx, regions)
		if err != nil {
			return err
		}
		s.Region = regions[at]
		ways := device.Sessions{STS: w.STS(s.Region), Say: w.Say, Now: w.Now}
		s.Credentials, err = ways.AssumeRole(ctx, device.Role{ARN: w.Bundle.Role, Session: s.Name}, device.Request{Serial: w.Bundle.Serial, Codes: codes, Duration: a.Duration, Region: s.Region})
		if err == nil || codes.err != nil || answered(err) || ctx.Err() != nil || at+1 == len(regions) {
			return err
		}
		w.Say(fmt.Sprintf("STS in %s gave no answer: trying the next Region, with another code", s.Region))
		regions = regions[at+1:]
	}
}

// answered tells whether an error is a decision of AWS, which is the same everywhere.
func answered(err error) bool {
	for _, no := range []error{device.ErrRefused, device.ErrLater, device.ErrDenied, device.ErrNotFound, device.ErrNeedsMFA} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// Proved asks AWS whose the bundle's key is. A bundle that somebody else made does not
// have the key of the user that it names.
func (w Way) Proved(ctx context.Context) error {
	_, err := w.reach(ctx, w.Bundle.Regions)
	return err
}

// reach is the first Region whose STS answers, and it answers that it is the bundle's
// user who asks. That takes no permission and no code.
func (w Way) reach(ctx context.Context, regions []string) (at int, err error) {
	var refused error
	for i, region := range regions {
		switch err := w.asks(ctx, region); {
		case err == nil:
			return i, nil
		case ctx.Err() != nil:
			return 0, fmt.Errorf("interrupted while STS was looked for: %w", ctx.Err())
		case errors.As(err, &wrongKey{}):
			refused = err
		default:
			w.Say(fmt.Sprintf("STS in %s does not answer (%s)", region, awserr.Cause(err)))
		}
	}
	if refused != nil {
		return 0, refused
	}
	return 0, ErrUnreachable
}

// wrongKey is an answer of AWS that the key is not what the bundle says.
type wrongKey struct{ why string }

func (w wrongKey) Error() string { return w.why }

func (w Way) asks(ctx context.Context, region string) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	out, err := w.STS(region).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.Options) { o.Region, o.RetryMaxAttempts = region, 1 })
	if err == nil && aws.ToString(out.Arn) != w.Bundle.User {
		return wrongKey{"the bundle's key is another user's than the bundle says: make the bundle anew"}
	}
	if advice, known := awserr.Credentials(awserr.Code(err)); err != nil && known {
		return wrongKey{fmt.Sprintf("AWS does not take the bundle's key %s (%s): is it an old copy of the bundle, from before the key was rotated?", w.Bundle.Key, advice.What)}
	}
	return err
}

// name is of a session, and of the request in the record. It is AWS's to show.
func (w Way) name() string { return "offline-" + w.Bundle.Person + "-" + rand.Text()[:10] }

func (w Way) entry(what record.What, request string) record.Entry {
	return record.Entry{
		At: w.Now(), Actor: w.Bundle.User, Person: w.Bundle.Person, What: what, Request: request, Outcome: record.Done,
		Facts: map[record.Fact]string{record.Role: w.Bundle.Role, record.Alone: "yes", record.Device: w.Bundle.Serial, record.Session: request},
	}
}

// failed records that it came to nothing.
func (w Way) failed(ctx context.Context, what record.What, request string, why error) error {
	e := w.entry(what, request)
	e.Outcome, e.Reason = record.Failed, "no-answer"
	for _, known := range []struct {
		err     error
		outcome record.Outcome
		reason  string
	}{
		{device.ErrRefused, record.Refused, "wrong-code"}, {device.ErrLater, record.Refused, "later"}, {device.ErrDenied, record.Refused, "denied"},
		{device.ErrNotFound, record.Refused, "unknown-device"}, {ErrUnreachable, record.Failed, "unreachable"}, {context.Canceled, record.Failed, "interrupted"},
	} {
		if errors.Is(why, known.err) {
			e.Outcome, e.Reason = known.outcome, known.reason
			break
		}
	}
	switch {
	case errors.As(why, &wrongKey{}):
		e.Outcome, e.Reason = record.Refused, "wrong-key"
	case errors.As(why, &noCode{}) && e.Reason == "no-answer":
		e.Reason = "no-code"
	}
	return w.Journal.Enter(context.WithoutCancel(ctx), e)
}

// Answer is what a Region said in a drill.
type Answer struct {
	Region string
	Err    error // nil: it answers, and knows the key
}

// Drill goes the way without its end: every Region is asked, and AWS checks the key and
// a code for a session that can do no more than the key, which is thrown away.
func (w Way) Drill(ctx context.Context, why string) ([]Answer, error) {
	a := Ask{Why: why, Duration: Shortest}
	if err := a.check(); err != nil {
		return nil, err
	}
	request := w.name()
	e := w.entry(record.Asked, request)
	e.Facts[record.Why], e.Facts[record.Drill] = why, "yes"
	if err := w.Journal.Enter(ctx, e); err != nil {
		return nil, fmt.Errorf("no record, no drill: %w", err)
	}
	answers, err := w.rehearse(ctx)
	if err != nil {
		return answers, errors.Join(err, w.failed(ctx, record.Drilled, request, err))
	}
	e = w.entry(record.Drilled, request)
	e.Facts[record.Drill] = "yes"
	return answers, w.Journal.Enter(ctx, e)
}

func (w Way) rehearse(ctx context.Context) (all []Answer, err error) {
	good, none := "", ErrUnreachable
	for _, region := range w.Bundle.Regions {
		err := w.asks(ctx, region)
		switch {
		case err == nil && good == "":
			good = region
		case errors.As(err, &wrongKey{}):
			none = err
		}
		all = append(all, Answer{region, err})
	}
	if good == "" {
		return all, none
	}
	c, err := (device.Sessions{STS: w.STS(good), Say: w.Say, Now: w.Now}).GetSession(ctx, device.Request{Serial: w.Bundle.Serial, Codes: &shown{Codes: w.Codes}, Duration: Shortest, Region: good})
	c.Wipe()
	return all, err
}

// shown notes that there was no code to show, which is no silence of a Region.
type shown struct {
	device.Codes
	err error
	any bool // was shown to a Region
}

// One is device.Codes's.
func (s *shown) One(ctx context.Context) (device.Handed, error) {
	h, err := s.Codes.One(ctx)
	s.any = s.any || err == nil
	if s.err = err; err != nil && !s.any {
		return h, noCode{err}
	}
	return h, err
}

// noCode is an error of a way on which AWS was shown no code at all.
type noCode struct{ error }

func (n noCode) Unwrap() error { return n.error }
