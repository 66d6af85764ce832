package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/report"
)

// Reports is where audits are kept, and read back from for the next one.
type Reports interface {
	// Get reads an object whole. Where there is none, errors.Is fs.ErrNotExist.
	Get(ctx context.Context, key string) ([]byte, error)
	// Put writes an object whole or not at all, over what was there.
	Put(ctx context.Context, key, contentType string, body []byte) error
	// URI is an object's address, for people.
	URI(key string) string
}

// The names of objects. They are an interface (docs/operations.md).
const (
	latestName       = "latest.json"
	announcedName    = "announced.json"
	hubName          = "securityhub.json"
	snapshotName     = "snapshot.json"
	checkpointName   = "checkpoint.json"
	findingsName     = "findings.json"
	diffName         = "diff.json"
	organizationName = "organization.json"
	itemsName        = "items.json"
)

const jsonType = "application/json"

// place is where an account's or an organisation's audits are: PREFIX/ID/.
type place string

func (p place) run(run string) string { return string(p) + "runs/" + run + "/" }

func (p place) member(run, account string) string { return p.run(run) + "members/" + account + "/" }

// state is where what outlives a member's runs is.
func (p place) state(account string) string { return string(p) + "members/" + account + "/" }

// latest points to the newest whole audit. It is written last, so that a run
// that is cut short leaves the one before in force.
type latest struct {
	Run      string    `json:"run"`
	Previous string    `json:"previous,omitempty"`
	TakenAt  time.Time `json:"taken_at"`
	Findings string    `json:"findings"` // keys
	Report   string    `json:"report,omitempty"`
}

// before is the run that another run is compared with. A run that is repeated
// is compared with the same one again.
func (l latest) before(run string) string {
	if l.Run == run {
		return l.Previous
	}
	return l.Run
}

// announced is the run that people were told of last, and when. What they were
// not told of is still a change to the next run.
type announced struct {
	Run string    `json:"run"`
	At  time.Time `json:"at"`
}

// imported is the run that Security Hub knows of, and how many findings of the
// next one it was given already.
type imported struct {
	Run  string `json:"run,omitempty"`
	Next string `json:"next,omitempty"`
	Done int    `json:"done,omitempty"`
}

// get reads a small document; v stays as it is where there is none.
func (h *Handler) get(ctx context.Context, key string, v any) error {
	body, err := h.Reports.Get(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%s: %w: remove it, and the next run begins anew", h.Reports.URI(key), err)
	}
	return nil
}

func (h *Handler) put(ctx context.Context, key string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: %w", h.Reports.URI(key), err)
	}
	return h.Reports.Put(ctx, key, jsonType, append(body, '\n'))
}

// audit reads findings back; nil where there are none, because a lifecycle rule
// removed them or there never were any.
func (h *Handler) audit(ctx context.Context, key string) (*report.Audit, error) {
	body, err := h.Reports.Get(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a, err := report.ReadAudit(h.Reports.URI(key), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return &a, nil
}

// snapshot reads a snapshot back, nil where there is none.
func (h *Handler) snapshot(ctx context.Context, key string) (*audit.Snapshot, error) {
	body, err := h.Reports.Get(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := audit.DecodeSnapshot(body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Reports.URI(key), err)
	}
	return &s, nil
}

func (h *Handler) save(ctx context.Context, key string, s audit.Snapshot) error {
	body, err := s.Encode()
	if err != nil {
		return err
	}
	return h.Reports.Put(ctx, key, jsonType, body)
}
