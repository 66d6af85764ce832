package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"mfawatch/audit/alert"
	"mfawatch/functions/alerting"
)

// coverageSchema names the form of a coverage record.
const coverageSchema = "mfawatch/coverage/v1"

// latestCoverage is the record that the next run goes on from.
const latestCoverage = "coverage/latest.json"

// record is what a run saw of the trail: how far each account and Region is
// read.
type record struct {
	Schema  string    `json:"schema"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Files   int       `json:"files"`
	Damaged []string  `json:"damaged"`
	Regions []region  `json:"regions"` // by account, then Region
}

// region is one account's Region. CloudTrail writes a file only when there is
// something in it, so that a quiet Region is not a blind one: each is held to
// the longest pause that it has made before.
type region struct {
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Files   int       `json:"files"` // in this run's window
	First   time.Time `json:"first"` // delivery of the first file ever seen
	Newest  time.Time `json:"newest"`
	Pause   int64     `json:"longest_pause_seconds"`
	Silent  bool      `json:"silent"`
}

// cover writes the coverage record and alerts of what fell silent.
func (r *run) cover(ctx context.Context, files []file) error {
	before, err := r.before(ctx)
	if err != nil {
		return err
	}
	now := r.window.to
	after := record{Schema: coverageSchema, From: r.window.from, To: now, Files: len(files), Damaged: slices.Sorted(slices.Values(r.damaged))}
	after.Regions = r.watch(advance(before.Regions, files), now)
	if after.Damaged == nil {
		after.Damaged = []string{}
	}
	// The alerts come first: a record that says "silent" is one that was told.
	if err := r.silences(ctx, after, now); err != nil {
		return err
	}
	body, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("write the coverage record: %w", err)
	}
	for _, key := range []string{"coverage/" + now.Format("2006/01/02/1504") + ".json", latestCoverage} {
		if err := r.Coverage.Put(ctx, key, "application/json", body); err != nil {
			return fmt.Errorf("write the coverage record: %w", err)
		}
	}
	return nil
}

func (r *run) before(ctx context.Context) (record, error) {
	var last record
	body, err := r.Coverage.Get(ctx, latestCoverage)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return last, nil
	case err != nil:
		return last, fmt.Errorf("read the coverage record: %w", err)
	}
	if err := json.Unmarshal(body, &last); err != nil || last.Schema != coverageSchema {
		r.log.Warn().Str("key", latestCoverage).Msg("the coverage record cannot be read: begun anew")
		return record{}, nil
	}
	return last, nil
}

// advance brings what was known up to the files of this run.
func advance(known []region, files []file) []region {
	type place struct{ account, region string }
	all := map[place]*region{}
	for _, g := range known {
		g.Files = 0
		all[place{g.Account, g.Region}] = &g
	}
	slices.SortFunc(files, func(a, b file) int { return a.at.Compare(b.at) })
	for _, f := range files {
		if f.at.IsZero() {
			continue
		}
		at := place{f.account, f.region}
		if all[at] == nil {
			all[at] = &region{Account: f.account, Region: f.region, First: f.at, Newest: f.at}
		}
		g := all[at]
		g.Files++
		if f.at.After(g.Newest) {
			g.Pause = max(g.Pause, int64(f.at.Sub(g.Newest)/time.Second))
			g.Newest = f.at
		}
	}
	var list []region
	for _, g := range all {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b region) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	return list
}

// A Region is judged once its habits are known, and forgotten when it has been
// told of for long.
const (
	acquainted = 24 * time.Hour
	forgotten  = 30 * 24 * time.Hour
)

// watch tells which Regions are silent: for longer than the settings' time, and
// than twice their longest pause.
func (r *run) watch(all []region, now time.Time) []region {
	kept := []region{}
	for _, g := range all {
		pause := now.Sub(g.Newest)
		usual := 2 * time.Duration(g.Pause) * time.Second
		g.Silent = pause > max(r.Settings.Silence, usual) && g.Newest.Sub(g.First) >= acquainted
		if pause > forgotten {
			r.log.Warn().Str("account", g.Account).Str("region", g.Region).Time("newest", g.Newest).Msg("silent for so long that it is no longer watched")
			continue
		}
		kept = append(kept, g)
	}
	return kept
}

// silences alerts once for each silence. When nothing at all arrives that is one
// alert, and not one for each Region.
func (r *run) silences(ctx context.Context, after record, now time.Time) error {
	var newest time.Time
	for _, g := range after.Regions {
		if g.Newest.After(newest) {
			newest = g.Newest
		}
		if g.Silent {
			r.counts[silentRegions]++
		}
	}
	if now.Sub(newest) > r.Settings.Silence {
		return r.silence(ctx, region{Account: r.Settings.Account, Region: "all", Newest: newest}, now)
	}
	var errs []error
	for _, g := range after.Regions {
		if g.Silent {
			errs = append(errs, r.silence(ctx, g, now))
		}
	}
	return alerting.Join(errs...)
}

func (r *run) silence(ctx context.Context, g region, now time.Time) error {
	slot := "never"
	if !g.Newest.IsZero() {
		slot = g.Newest.UTC().Format("20060102T1504Z")
	}
	a := alert.OfSilence(g.Account, g.Region, slot, g.Newest, now, r.Judge.Names)
	return r.missing(ctx, []found{{a, alert.EvidenceOf(a)}})
}
