package main

import (
	"bytes"
	"context"
	"slices"

	"mfawatch/audit/posture"
	"mfawatch/audit/report"
)

// files are the names and types of the formats.
var files = map[report.AuditFormat]struct{ name, contentType string }{
	report.AuditJSON: {findingsName, jsonType}, report.AuditOCSF: {"findings.ocsf.json", jsonType},
	report.AuditASFF: {"findings.asff.json", jsonType}, report.AuditSARIF: {"findings.sarif", jsonType},
	report.AuditCSV: {"findings.csv", "text/csv; charset=utf-8"}, report.AuditJUnit: {"findings.junit.xml", "application/xml"},
	report.AuditMarkdown: {"report.md", "text/markdown; charset=utf-8"}, report.AuditTable: {"report.txt", "text/plain; charset=utf-8"},
	report.AuditHTML: {"report.html", "text/html; charset=utf-8"},
}

// written is where a run's report for people is: the page, or else the findings.
type written struct{ report string }

// formats are those asked for and JSON, which the next run is compared with. It
// comes first.
func formats(names []string) ([]report.AuditFormat, error) {
	all := []report.AuditFormat{report.AuditJSON}
	for _, name := range names {
		f, err := report.ParseAuditFormat(name)
		if err != nil {
			return nil, err
		}
		if f != report.AuditJSON {
			all = append(all, f)
		}
	}
	return all, nil
}

// write writes a run's reports and what changed since the previous one, and
// says of every failure since when it is known.
func (h *Handler) write(ctx context.Context, dir string, a *report.Audit, previous *report.Audit) (written, error) {
	w := written{dir + findingsName}
	all, err := formats(h.Settings.Formats)
	if err != nil {
		return w, err
	}
	a.SetFirstSeen(previous)
	o := report.AuditOptions{Version: version, Region: h.Settings.Region, Previous: previous}
	if previous != nil {
		changes := report.Diff(*a, *previous)
		o.Changes = &changes
		if err := h.put(ctx, dir+diffName, changes); err != nil {
			return w, err
		}
	}
	for _, f := range all {
		var body bytes.Buffer
		if err := report.WriteAudit(&body, f, forFormat(f, *a), o); err != nil {
			return w, err
		}
		if err := h.Reports.Put(ctx, dir+files[f].name, files[f].contentType, body.Bytes()); err != nil {
			return w, err
		}
		if f == report.AuditHTML {
			w.report = dir + files[f].name
		}
	}
	return w, nil
}

// forFormat leaves out of asff the accounts that were not judged: a suspended
// one has neither findings nor a time that could be later than the last.
func forFormat(f report.AuditFormat, a report.Audit) report.Audit {
	if f == report.AuditASFF {
		a.Accounts = slices.DeleteFunc(slices.Clone(a.Accounts), func(p posture.Account) bool { return len(p.Findings) == 0 })
	}
	return a
}

func (h *Handler) writeJSON(ctx context.Context, key string, a report.Audit) error {
	var body bytes.Buffer
	if err := report.WriteAudit(&body, report.AuditJSON, a, report.AuditOptions{Version: version}); err != nil {
		return err
	}
	return h.Reports.Put(ctx, key, jsonType, body.Bytes())
}
