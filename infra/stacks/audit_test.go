package stacks

import (
	"os"
	"testing"
	"time"

	"mfawatch/audit/config"
)

// audited is a deployment with everything that the audit's stacks can have.
func audited() config.Deployment {
	d := full()
	d.Reports = config.Reports{Schedule: "rate(1 day)", Every: 24 * time.Hour, Formats: []string{"json", "html"}, SecurityHub: true, Athena: true}
	d.Metrics = config.Metrics{Enabled: true, Version: "6.0", Form: "precise"}
	d.Watchdog.Enabled = true
	d.CostCeiling = 25
	return d
}

// everybody is audited for an organisation, from a delegated administrator.
func everybody() config.Deployment {
	d := audited()
	d.Mode = config.Organizational
	d.Organization = config.Organization{ID: "o-exampleorgid", Root: "r-ab12", Management: "444455556666", Delegated: true, Concurrent: 8, Tolerated: 10}
	return d
}

func TestScratch(t *testing.T) {
	templates, dir := synthesized(t, everybody())
	t.Log(dir, len(templates))
	for name, tpl := range templates {
		t.Log(name, len(tpl.Resources))
	}
	time.Sleep(0)
}

func TestDump(t *testing.T) {
	for name, d := range map[string]config.Deployment{"org": everybody(), "one": audited()} {
		_, dir := synthesized(t, d)
		os.RemoveAll("/tmp/audit-dump-" + name)
		os.CopyFS("/tmp/audit-dump-"+name, os.DirFS(dir))
	}
}
