package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"mfawatch/audit/posture"
)

// Whole is all of mfawatch.yaml: what is deployed, and what the functions go by.
type Whole struct {
	Deployment Deployment
	File       File
}

// MarshalJSON writes it as one mfawatch.yaml with nothing left out, the exemptions of
// the files that it named among them: JSON is YAML, and what is read out of it is
// the same.
func (w Whole) MarshalJSON() ([]byte, error) {
	o, f := w.Deployment.file(), w.File
	o["sign_in"], o["detections"], o["audit"] = signIn(f), detections(f), asked(f.Posture)
	o["exemptions"] = f.Posture.Exemptions
	if len(f.Accounts) > 0 {
		o["accounts"] = f.Accounts
	}
	alerts := object{"fold_after": f.FoldAfter, "fold_window": length(f.FoldWindow)}
	if targets, ok := o["alerts"].(object); ok {
		maps.Copy(alerts, targets)
	}
	o["alerts"] = alerts
	for _, key := range []string{"sign_in", "detections", "exemptions"} {
		if text, err := json.Marshal(o[key]); err == nil && (string(text) == "null" || string(text) == "[]") {
			delete(o, key)
		}
	}
	return json.Marshal(o)
}

func signIn(f File) []object {
	var all []object
	for _, o := range f.SignIn.SignIn {
		e := object{"reason": o.Reason}
		if o.Principal != "" {
			e["principal"] = o.Principal
		}
		put(e, "alert", o.Alert)
		put(e, "severity", o.Severity)
		all = append(all, e)
	}
	return all
}

func detections(f File) []object {
	var all []object
	for _, o := range f.Detect.Overrides {
		e := object{"id": o.ID}
		put(e, "alert", o.Alert)
		put(e, "severity", o.Severity)
		put(e, "threshold", o.Threshold)
		if o.Window != nil {
			e["window"] = length(*o.Window)
		}
		all = append(all, e)
	}
	return all
}

// put writes what is given.
func put[T any](o object, key string, v *T) {
	if v != nil {
		o[key] = *v
	}
}

func asked(r posture.Rules) object {
	o := object{}
	filled(o, "hardware", string(r.Hardware), "fido", string(r.FIDO), "stale_report", long(r.StaleReport), "root_recent_use", long(r.RootRecentUse),
		"user_recent_use", long(r.UserRecentUse), "unused_console", long(r.UnusedConsole))
	var overrides []object
	for _, v := range r.Overrides {
		one := object{}
		filled(one, "group", v.Group, "tag", v.Tag, "tag_value", v.TagValue, "path", v.Path, "hardware", string(v.Hardware), "fido", string(v.FIDO))
		overrides = append(overrides, one)
	}
	if len(overrides) > 0 {
		o["overrides"] = overrides
	}
	if len(r.BreakGlass) > 0 {
		o["break_glass"] = r.BreakGlass
	}
	return o
}

// filled writes names and values, but those that are empty.
func filled(o object, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			o[pairs[i]] = pairs[i+1]
		}
	}
}

// long is a length of time in hours or days; empty: the default.
func long(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return fmt.Sprintf("%dh", d/time.Hour)
}
