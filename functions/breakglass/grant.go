package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/rs/zerolog"

	"mfawatch/internal/sts"
	"mfawatch/totp/breakglass"
	"mfawatch/totp/breakglass/wire"
)

// notIssued is an open door and an AWS that gave no credentials.
type notIssued struct{ cause error }

func (n *notIssued) Error() string { return "no credentials: " + n.cause.Error() }
func (n *notIssued) Unwrap() error { return n.cause }

// notRecorded are credentials that were given and could not be recorded.
type notRecorded struct{ cause error }

func (n *notRecorded) Error() string { return "credentials are not recorded: " + n.cause.Error() }

// forRecord is what has to be left of the time when AWS is asked for credentials, to
// record them and to answer.
const forRecord = 2 * time.Second

// use opens the door, has AWS give what it opens, says so in the record, and only then
// hands it out. Where the process ends on the way, the door says for a minute that the
// same request may be used again, and then that it lapsed.
func (h *Handler) use(ctx context.Context, log zerolog.Logger, who breakglass.Caller, request string, proof breakglass.Proof) (wire.Answer, error) {
	g, err := h.Door.Use(ctx, who, request, proof, h.Now())
	if err != nil {
		return wire.Answer{}, err
	}
	out := wire.Grant{Request: g.Request, Role: g.Role, Session: g.Session, Until: g.Until, Drill: g.Drill}
	if !g.Drill {
		if out.Credentials, out.Until, err = h.issue(ctx, g); err != nil {
			h.notIssued(ctx, log, g, err)
			return wire.Answer{}, &notIssued{err}
		}
	}
	if err := h.Door.Issued(ctx, g, out.Until, h.Now()); err != nil {
		log.Error().Str("request", g.Request).Str("error", cut(err.Error())).Msg("credentials were given, not recorded and not handed out")
		if r := (*breakglass.Refusal)(nil); errors.As(err, &r) {
			return wire.Answer{}, err // it was taken back meanwhile
		}
		return wire.Answer{}, &notRecorded{err}
	}
	return wire.Answer{Grant: &out}, nil
}

// issue has AWS give credentials, and encrypts them to who asked.
func (h *Handler) issue(ctx context.Context, g breakglass.Grant) (armored string, until time.Time, err error) {
	to, err := recipient(g.Recipient)
	if err != nil {
		return "", until, fmt.Errorf("the request's recipient: %w", err)
	}
	if end, limited := ctx.Deadline(); limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, end.Add(-min(forRecord, time.Until(end)/2)))
		defer cancel()
	}
	c, err := h.Roles.Assume(ctx, sts.Session{
		Role: g.Role, Name: g.Session, SourceIdentity: g.SourceIdentity, Tags: g.Tags, Policies: g.Policies, Duration: g.Duration,
	})
	if err != nil {
		return "", until, err
	}
	armored, err = encrypted(to, wire.Credentials{AccessKeyId: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, Expiration: c.Expiration})
	return armored, c.Expiration, err
}

func encrypted(to age.Recipient, c wire.Credentials) (string, error) {
	var out bytes.Buffer
	a := armor.NewWriter(&out)
	w, err := age.Encrypt(a, to)
	if err != nil {
		return "", err
	}
	for _, do := range []func() error{func() error { _, err := w.Write(c.JSON()); return err }, w.Close, a.Close} {
		if err := do(); err != nil {
			return "", err
		}
	}
	return out.String(), nil
}

// notIssued records that AWS gave nothing. Where that fails too, the door finds it out
// by itself after the minute.
func (h *Handler) notIssued(ctx context.Context, log zerolog.Logger, g breakglass.Grant, cause error) {
	log.Error().Str("request", g.Request).Err(cause).Msg("no credentials")
	if err := h.Door.NotIssued(ctx, g, "AWS: "+sts.Code(cause), h.Now()); err != nil {
		log.Error().Str("request", g.Request).Str("error", cut(err.Error())).Msg("not recorded that there are no credentials")
	}
}
