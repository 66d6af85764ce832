package posture

import "mfawatch/audit"

// Mapping says that a check answers, wholly or in part, to a control. Source is
// where a reader finds the control.
type Mapping struct {
	Check string `json:"check"`
	audit.Control
	Source string `json:"source"`
}

// Controls are the mappings that come with the program, check by check.
func Controls() []Mapping {
	var all []Mapping
	for _, m := range mapped {
		for _, id := range m.ids {
			all = append(all, Mapping{m.check, audit.Control{Framework: m.of.name, Version: m.of.version, ID: id}, m.of.source})
		}
	}
	return all
}

// controlsOf gives every check its controls; one without any has an empty list.
func controlsOf() map[string][]audit.Control {
	of := map[string][]audit.Control{}
	for _, c := range Checks() {
		of[c.ID] = []audit.Control{}
	}
	for _, m := range Controls() {
		of[m.Check] = append(of[m.Check], m.Control)
	}
	return of
}
