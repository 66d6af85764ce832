package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
// Where their row cannot be read, and so says nothing for ever, the list is made anew and
// kept in a second row: the first is maybe not to be written over.
func (h *Handler) revoked(ctx context.Context, c breakglass.Closing, add bool) (ids []string, err error) {
	key := "revoked#" + short(c.Role)
	ids, err = h.listed(ctx, key, c, add, nil)
	if !errors.Is(err, errNoList) {
		return ids, err
	}
	all, err := h.anew(ctx, key, c)
	if err != nil {
		return nil, fmt.Errorf("row %s cannot be read, and its list is not made anew: %w", key, err)
	}
	return h.listed(ctx, key, c, add, all)
}

// anewFor is how long a list may be looked for: there is more for the schedule to do.
const anewFor = 10 * time.Second

// anew is a list by what the record says was closed, as it says first. Those that are owed
// are not in it: each is added in its turn.
func (h *Handler) anew(ctx context.Context, key string, c breakglass.Closing) (denied, error) {
	looking, cancel := context.WithTimeout(ctx, anewFor)
	defer cancel()
	all, err := h.Door.ClosedSince(looking, c.Role, c.Before.Add(-keepRevoked))
	if err == nil {
		err = h.Door.Damaged(ctx, key, h.Now())
	}
	return all, err
}

// errNoList is a role's list that cannot be read and is in no second row.
var errNoList = errors.New("the list of revoked requests cannot be read")

// listed are the requests of the rows. Where the first cannot be read and there is no
// second, they are those of anew.
func (h *Handler) listed(ctx context.Context, key string, c breakglass.Closing, add bool, anew denied) (ids []string, err error) {
	err = h.Door.Store.Transact(ctx, func(tx breakglass.Tx) error {
		ids = nil
		all, _, err := readDenied(tx, key)
		into, bad := key, errors.Is(err, breakglass.ErrDamaged)
		if err != nil && !bad {
			return err
		}
		second, there, err := readDenied(tx, key+"-anew")
		if err != nil {
			return err
		}
		if bad {
			all, into = denied{}, key+"-anew"
		}
		if bad && !there && anew == nil {
			return errNoList
		}
		maps.Copy(all, anew)
		maps.Copy(all, second)
		if add {
			maps.DeleteFunc(all, func(_ string, at time.Time) bool { return c.Before.Sub(at) > keepRevoked })
			all[c.Request] = c.Before
			row, err := json.Marshal(all)
			if err := errors.Join(err, tx.Put(into, row)); err != nil {
				return err
			}
		}
		ids = slices.Sorted(maps.Keys(all))
		return nil
	})
	return ids, err
}

// readDenied reads a list. There is always one to add to where there is no error.
func readDenied(tx breakglass.Tx, key string) (all denied, there bool, err error) {
	row, err := tx.Get(key)
	if err != nil || row == nil {
		return denied{}, false, err
	}
	if err := json.Unmarshal(row, &all); err != nil || all == nil {
		return denied{}, false, fmt.Errorf("row %s %w", key, breakglass.ErrDamaged)
	}
	return all, true, nil
}
