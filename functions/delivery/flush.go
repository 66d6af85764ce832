package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/alert"
)

// Flusher publishes digests of what was held back. It works under a Deliverer's
// settings and needs the other half of the store.
type Flusher struct {
	*Deliverer
	Digests Digests
}

// Flushed says what a flush did.
type Flushed struct {
	Digests int // messages published
	Events  int // alerts that they name
	Skipped int // keys that somebody else was at, or that were sent already
}

// Flush publishes a digest of every alert that was held back and is ready. Each
// alert is claimed by itself, so that several flushes at once and a listing that
// lags behind repeat nothing. A flush that dies after it published is a repeated
// digest, never a lost one. It goes on after an error and returns them all; what
// failed stays for the next flush.
func (f *Flusher) Flush(ctx context.Context) (Flushed, error) {
	var done Flushed
	var errs []error
	for after := ""; ; {
		keys, next, err := f.Digests.Pending(ctx, f.Clock(), after)
		if err != nil {
			return done, errors.Join(append(errs, fmt.Errorf("list what was held back: %w", err))...)
		}
		errs = append(errs, f.page(ctx, keys, &done))
		if next == "" || ctx.Err() != nil {
			return done, errors.Join(append(errs, ctx.Err())...)
		}
		after = next
	}
}

// held is a folded row that this flush has claimed.
type held struct {
	Lease
	rank int
}

// page flushes the keys of one page. What takes long to claim goes out in parts:
// a table that is slow or throttles would else eat up the first claims before the
// last is there, and the next flush would do the same again.
func (f *Flusher) page(ctx context.Context, keys []string, done *Flushed) error {
	var errs []error
	for len(keys) > 0 {
		alerts, taken, left, err := f.take(ctx, keys, done)
		errs = append(errs, err)
		for _, digest := range alert.DigestOf(alerts) {
			if err := f.publish(ctx, digest, taken); err != nil {
				errs = append(errs, err)
				continue
			}
			done.Digests++
			done.Events += len(digest.Digest.Items)
		}
		keys = left
	}
	return errors.Join(errs...)
}

// take claims keys until half of the first claim's time is over. What is left is
// for another time.
func (f *Flusher) take(ctx context.Context, keys []string, done *Flushed) (alerts []alert.Alert, taken map[string]held, left []string, err error) {
	var errs []error
	taken = map[string]held{}
	stop := f.Clock().Add(or(f.Lease, defaultLease) / 2)
	for i, key := range keys {
		if len(alerts) > 0 && !f.Clock().Before(stop) {
			return alerts, taken, keys[i:], errors.Join(errs...)
		}
		l := f.lease(key)
		row, ok, err := f.Digests.Take(ctx, l)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("claim %s for a digest: %w", key, err))
		case !ok:
			done.Skipped++
		default:
			a := heldBack(row)
			taken[a.ID] = held{l, row.Rank}
			alerts = append(alerts, a)
		}
	}
	return alerts, taken, nil, errors.Join(errs...)
}

// heldBack reads the alert of a folded row. One that cannot be read is still
// told of, by its key.
func heldBack(r Row) alert.Alert {
	a, err := alert.Parse(r.Alert)
	if err == nil && a.ID == r.Key {
		return a
	}
	account, event, _ := strings.Cut(r.Key, "#")
	return alert.Alert{
		Schema: alert.Schema, ID: r.Key, Kind: alert.SignIn, Account: account, Severity: audit.High, Reason: r.Reason, Events: []string{event},
		Principal: audit.Principal{Kind: audit.UnknownPrincipal}, Detail: "what was kept of this alert cannot be read", WhatToDo: []string{},
	}
}

// publish sends one digest and marks what it names.
func (f *Flusher) publish(ctx context.Context, digest alert.Alert, taken map[string]held) error {
	id, err := f.announce(ctx, digest, taken)
	if err != nil {
		f.line(digest, WasError, "", err)
		return fmt.Errorf("publish digest %s: %w", digest.ID, err)
	}
	f.line(digest, WasSent, id, nil)
	var errs []error
	for _, item := range digest.Digest.Items {
		m := Mark{Rank: taken[item.ID].rank, Reason: digest.Reason, MessageID: id, Digest: digest.ID}
		if err := f.mark(ctx, taken[item.ID].Lease, m); err != nil {
			errs = append(errs, fmt.Errorf("digest %s was published as %s, but %s is not marked: %w", digest.ID, id, item.ID, err))
		}
	}
	return errors.Join(errs...)
}

func (f *Flusher) announce(ctx context.Context, digest alert.Alert, taken map[string]held) (string, error) {
	for _, item := range digest.Digest.Items {
		if err := f.inTime(ctx, taken[item.ID].Lease); err != nil {
			return "", err
		}
	}
	m := digest.Message()
	id, err := f.Topic.Publish(ctx, m.Subject, m.Body, m.Attributes)
	if err != nil {
		for _, item := range digest.Digest.Items {
			err = f.give(ctx, taken[item.ID].Lease, err)
		}
	}
	return id, err
}
