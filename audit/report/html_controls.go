package report

import (
	"cmp"
	"slices"
	"strings"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

// htmlFramework is a framework in one version, to be picked.
type htmlFramework struct {
	Key   string `json:"key"`
	Label string `json:"label"`
}

// htmlPreferred is the framework that is shown before somebody picks one. CIS
// 7.0 is newer, and its numbers were seen in one tool only (posture.Controls).
const htmlPreferred = "cis-aws 6.0"

var htmlFrameworkLabels = map[string]string{
	"cis-aws": "CIS AWS Foundations", "aws-security-hub": "AWS Security Hub", "pci-dss": "PCI DSS", "nist-800-53": "NIST 800-53",
	"nist-800-171": "NIST 800-171", "iso-27001": "ISO 27001", "soc-2": "SOC 2", "hipaa": "HIPAA", "nist-csf": "NIST CSF",
}

func htmlFrameworkKey(c audit.Control) string {
	return strings.TrimSpace(plain(c.Framework) + " " + plain(c.Version))
}

func htmlFrameworkLabel(key string) string {
	name, version, _ := strings.Cut(key, " ")
	return strings.TrimSpace(cmp.Or(htmlFrameworkLabels[name], name) + " " + version)
}

// control notes the controls that a finding carries: those of the program that
// judged, which may be older than the one that prints.
func (d *htmlData) control(check int, controls []audit.Control) {
	of := d.Checks[check].Controls
	for _, c := range controls {
		key, id := htmlFrameworkKey(c), plain(c.ID)
		if !slices.Contains(of[key], id) {
			of[key] = append(of[key], id)
		}
	}
}

// frameworks lists every framework that a check names, in the order of the
// mappings, and picks one. A check without a finding gets the mappings' own.
func (d *htmlData) frameworks() {
	var own []string
	for _, m := range posture.Controls() {
		own = append(own, htmlFrameworkKey(m.Control))
		if i := d.checks[m.Check]; !d.judged[i] {
			d.control(i, []audit.Control{m.Control})
		}
	}
	var all []string
	for _, c := range d.Checks {
		for key := range c.Controls {
			all = append(all, key)
		}
	}
	audit.SortStable(all, func(a, b string) int {
		return cmp.Or(cmp.Compare(uint(slices.Index(own, a)), uint(slices.Index(own, b))), cmp.Compare(a, b))
	})
	for _, key := range slices.Compact(all) {
		d.Frameworks = append(d.Frameworks, htmlFramework{key, htmlFrameworkLabel(key)})
	}
	d.choose()
}

func (d *htmlData) choose() {
	for _, f := range d.Frameworks {
		if d.Chosen == "" || f.Key == htmlPreferred {
			d.Chosen = f.Key
		}
	}
}
