package detect

import (
	"fmt"

	"mfawatch/audit"
)

// maxThreshold bounds what a check remembers for one key.
const maxThreshold = 100

// Validate names the first override that cannot be applied, and what to do
// about it.
func (r Rules) Validate() error {
	checks := byID(Checks())
	for _, o := range r.Overrides {
		c, known := checks[o.ID]
		if !known {
			return fmt.Errorf("check %q is unknown: take an id of docs/checks.md", o.ID)
		}
		if err := c.refuse(o); err != nil {
			return err
		}
	}
	return nil
}

func (c Check) refuse(o Override) error {
	switch {
	case o.Threshold != nil && c.Threshold == 0:
		return fmt.Errorf("check %q has no threshold: remove it", c.ID)
	case o.Threshold != nil && (*o.Threshold < 1 || *o.Threshold > maxThreshold):
		return fmt.Errorf("check %q: threshold %d must be between 1 and %d", c.ID, *o.Threshold, maxThreshold)
	case o.Window != nil && c.Window == 0:
		return fmt.Errorf("check %q has no window: remove it", c.ID)
	case o.Window != nil && *o.Window <= 0:
		return fmt.Errorf("check %q: window %v must be more than zero", c.ID, *o.Window)
	}
	return nil
}

// settle applies the rules to the checks. An override that Validate refuses is
// left out: a wrong rule never weakens a check.
func (r Rules) settle() map[string]Check {
	checks := byID(Checks())
	for _, o := range r.Overrides {
		if c, known := checks[o.ID]; known && c.refuse(o) == nil {
			checks[o.ID] = c.with(o)
		}
	}
	return checks
}

func (c Check) with(o Override) Check {
	if o.Alert != nil {
		c.Alert = *o.Alert
	}
	if o.Severity != nil {
		c.Severity = *o.Severity
	}
	if o.Threshold != nil {
		c.Threshold = *o.Threshold
	}
	if o.Window != nil {
		c.Window = *o.Window
	}
	return c
}

// weigh gives the severity and alert of a check for a kind of principal. Root
// is never silenced.
func (c Check) weigh(kind audit.PrincipalKind) (audit.Severity, bool) {
	if kind == audit.Root {
		return max(c.Severity, c.Root), true
	}
	return c.Severity, c.Alert
}

func byID(checks []Check) map[string]Check {
	m := make(map[string]Check, len(checks))
	for _, c := range checks {
		m[c.ID] = c
	}
	return m
}
