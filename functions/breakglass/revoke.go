package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mfawatch/totp/breakglass"
)

// requestTag is the session tag that names a request.
const requestTag = "mfawatch:request"

// keepRevoked is longer than any credentials live that were handed out for a request.
const keepRevoked = breakglass.LongestSession + 2*breakglass.RetryFor

// denied are the requests whose sessions a role's policy denies, with when they were
// added: those of which no credentials can live are left out of the next one.
type denied map[string]time.Time

// settle makes AWS refuse what was taken back, and says so in the record.
func (h *Handler) settle(ctx context.Context) error {
	owed, err := h.Door.Owed(ctx, h.Now())
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range owed {
		if err := h.deny(ctx, c); err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, h.Door.Closed(ctx, c, h.Now()))
	}
	return errors.Join(errs...)
}

// deny adds a request to its role's policy. The list is in a row, and is looked at again
// when the policy was written: of two who write at once the last has written both.
func (h *Handler) deny(ctx context.Context, c breakglass.Closing) error {
	_, name, found := strings.Cut(c.Role, ":role/")
	if !found {
		return fmt.Errorf("request %s: its role is not in the rules any more: put it back until its sessions are denied", c.Request)
	}
	name = name[strings.LastIndex(name, "/")+1:]
	ids, err := h.revoked(ctx, c, true)
	for range 5 {
		if err != nil {
			return err
		}
		if err := h.Denials.Deny(ctx, name, requestTag, ids); err != nil {
			return err
		}
		before := ids
		if ids, err = h.revoked(ctx, c, false); err == nil && slices.Equal(before, ids) {
			return nil
		}
	}
	return fmt.Errorf("request %s: others revoked at the same time: it is tried again", c.Request)
}

// revoked are the requests that a role's policy has to deny; add makes this one of them.
func (h *Handler) revoked(ctx context.Context, c breakglass.Closing, add bool) (ids []string, err error) {
	key := "revoked#" + short(c.Role)
	err = h.Door.Store.Transact(ctx, func(tx breakglass.Tx) error {
		all := denied{}
		row, err := tx.Get(key)
		if err == nil && row != nil {
			err = json.Unmarshal(row, &all)
		}
		if err != nil {
			return fmt.Errorf("row %s: %w", key, err)
		}
		if add {
			for id, at := range all {
				if c.Before.Sub(at) > keepRevoked {
					delete(all, id)
				}
			}
			all[c.Request] = c.Before
			if row, err = json.Marshal(all); err == nil {
				err = tx.Put(key, row)
			}
		}
		ids = nil
		for id := range all {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		return err
	})
	return ids, err
}
