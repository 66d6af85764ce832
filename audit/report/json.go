package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"mfawatch/audit"
	"mfawatch/audit/detect"
	"mfawatch/audit/scan"
	"mfawatch/audit/signin"
)

// Schema names the form of the json format.
const Schema = "mfawatch/scan/v1"

// VerdictLine writes one verdict as a line of JSON, in one call of Write.
func VerdictLine(w io.Writer, v signin.Verdict) error { return line(w, verdict(v)) }

func writeJSONL(w io.Writer, r scan.Result) error {
	for _, v := range r.Verdicts {
		if err := line(w, verdict(v)); err != nil {
			return err
		}
	}
	for _, d := range r.Detections {
		if err := line(w, detection(d)); err != nil {
			return err
		}
	}
	for _, d := range r.Damaged {
		if err := line(w, damaged(d)); err != nil {
			return err
		}
	}
	return line(w, summary(r.Summary))
}

func writeJSON(w io.Writer, r scan.Result) error {
	whole := struct {
		Schema     string             `json:"schema"`
		Verdicts   []signin.Verdict   `json:"verdicts"`
		Detections []detect.Detection `json:"detections"`
		Damaged    []scan.DamagedFile `json:"damaged_files"`
		Summary    scan.Summary       `json:"summary"`
	}{Schema, each(r.Verdicts, verdict), each(r.Detections, detection), each(r.Damaged, damaged), summary(r.Summary)}
	return line(w, whole)
}

// each maps a list to a list that is [] in JSON when it is empty, not null.
func each[T any](list []T, f func(T) T) []T {
	out := make([]T, 0, len(list))
	for _, x := range list {
		out = append(out, f(x))
	}
	return out
}

// line writes v as one line of JSON. encoding/json leaves characters as they
// are that a terminal obeys or does not show (C1 controls, changes of
// direction); they are escaped, which means the same in JSON.
func line(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := w.Write(Visible(b.Bytes()))
	return err
}

// Visible is JSON in which every character above ASCII that is not printable is
// escaped. Outside of strings JSON has none.
func Visible(text []byte) []byte {
	if !bytes.ContainsFunc(text, hidden) {
		return text
	}
	out := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !hidden(r):
			out = append(out, text[:size]...)
		case r > 0xffff:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}

func hidden(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }

// The functions below complete a value for JSON: its type, and [] and {} where
// nothing was set.

func verdict(v signin.Verdict) signin.Verdict {
	v.Type = "verdict"
	return v
}

func detection(d detect.Detection) detect.Detection {
	d.Type, d.Attack, d.Events = "detection", list(d.Attack), list(d.Events)
	return d
}

func damaged(d scan.DamagedFile) scan.DamagedFile {
	d.Type = "damaged_file"
	return d
}

func summary(s scan.Summary) scan.Summary {
	s.Type, s.WithoutMFA, s.Accounts = "summary", list(s.WithoutMFA), list(s.Accounts)
	s.Skipped, s.Detections = counts(s.Skipped), counts(s.Detections)
	s.ByOutcome = counts[audit.Outcome](s.ByOutcome)
	s.ByReason = counts[signin.Reason](s.ByReason)
	return s
}

func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func counts[K comparable](m map[K]int) map[K]int {
	if m == nil {
		return map[K]int{}
	}
	return m
}
