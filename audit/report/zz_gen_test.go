package report

import (
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

func TestZZGenerate(t *testing.T) {
	if os.Getenv("GEN") == "" {
		t.Skip()
	}
	outs := map[string][]string{
		"mixed":                {"table 60", "table 80", "table 120", "table 120 color", "table 0", "csv", "markdown", "junit fail unknown", "sarif fail", "ocsf fail", "asff fail"},
		"clean":                {"table 80", "markdown", "table 80 pass"},
		"exempt":               {"table 80", "ocsf not_applicable", "asff"},
		"no-users":             {"table 80"},
		"nothing-read":         {"table 80", "junit", "csv"},
		"many":                 {"table 80"},
		"hostile":              {"table 60", "csv fail", "markdown"},
		"organisation":         {"table 60", "table 120", "table 0", "markdown", "junit unknown"},
		"no-accounts":          {"table 80", "csv", "junit", "sarif", "ocsf", "asff", "markdown"},
		"unread":               {"table 80", "junit", "sarif", "markdown"},
		"changes":              {"table 80", "table 0", "markdown", "ocsf fail", "asff fail"},
		"changes-organisation": {"table 80", "markdown"},
	}
	all := exampleAudits()
	changes := one(account("111122223333", "password virtual", people()...), exemption(2))
	all["changes"] = changes
	all["changes-organisation"] = exampleAudits()["organisation"]
	comments := map[string]string{
		"mixed":                "Users of every sort: an administrator without MFA, devices that could not be read, an exemption.",
		"clean":                "Everything passes: the one audit that may comfort.",
		"exempt":               "What would fail is exempt: not a comfort.",
		"no-users":             "An account without IAM users.",
		"nothing-read":         "Nothing could be read: nothing is known.",
		"many":                 "More subjects than a terminal shows.",
		"hostile":              "Names that AWS does not allow, as a file can hold them.",
		"organisation":         "Three accounts, one of them closed and not judged.",
		"no-accounts":          "An organisation without accounts: nothing was judged.",
		"unread":               "An organisation whose one account could not be read.",
		"changes":              "With an earlier audit: new, open, resolved, gone and lost failures.",
		"changes-organisation": "With an earlier audit, of which one account could be judged that cannot now.",
	}
	for name, files := range outs {
		a := all[name]
		keep := map[string][]string{"hostile": {"root-mfa", "user-console-mfa", "exemption-unknown"}, "many": {"root-mfa", "user-hardware-mfa"}}[name]
		if keep == nil && name != "mixed" && name != "nothing-read" && name != "clean" {
			keep = []string{"root-mfa", "root-hardware-mfa", "user-console-mfa", "user-hardware-mfa", "admin-mfa", "user-sms-mfa"}
		}
		prune(a, keep)
		ar := &txtar.Archive{Comment: []byte("# " + comments[name] + "\n# Invented; judged by posture.\n")}
		if name == "changes" || name == "changes-organisation" {
			ps := people()
			ps[1].sort, ps[3].sort, ps[4].sort, ps[6].sort = "password", "password fido", "password", "password virtual"
			ps = append(ps, made{"hana", "password"})
			before := one(account("111122223333", "password", ps...))
			if name == "changes-organisation" {
				before.Organization = "o-exampleorgid"
				before.Accounts = append(before.Accounts, judged(account("333344445555", "password", made{"old", "password"})))
			}
			prune(before, keep)
			for i := range before.Accounts {
				before.Accounts[i].TakenAt = taken.Add(-7 * 24 * time.Hour)
			}
			before.SetFirstSeen(nil)
			for i := range before.Accounts[0].Findings {
				if f := &before.Accounts[0].Findings[i]; f.Subject.Name == "ada" && failing(f) {
					f.FirstSeen = taken.Add(-30 * 24 * time.Hour)
				}
			}
			a.SetFirstSeen(&before)
			ar.Files = append(ar.Files, txtar.File{Name: "audit.json", Data: written(t, AuditJSON, a, AuditOptions{})}, txtar.File{Name: "before.json", Data: written(t, AuditJSON, before, AuditOptions{})})
		} else {
			ar.Files = append(ar.Files, txtar.File{Name: "audit.json", Data: written(t, AuditJSON, a, AuditOptions{})})
		}
		for _, f := range files {
			ar.Files = append(ar.Files, txtar.File{Name: f})
		}
		if err := os.WriteFile("testdata/audit/"+name+".txtar", txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func prune(a Audit, keep []string) {
	for i := range a.Accounts {
		x := &a.Accounts[i]
		sum := posture.NewSummary()
		var kept []audit.Finding
		for _, f := range x.Findings {
			if keep != nil && !slices.Contains(keep, f.Check) {
				continue
			}
			f.Controls = leading(f.Controls, 4)
			kept = append(kept, f)
			sum.ByOutcome[f.Outcome]++
			if sum.ByCheck[f.Check] == nil {
				sum.ByCheck[f.Check] = map[audit.Outcome]int{}
			}
			sum.ByCheck[f.Check][f.Outcome]++
			if f.Outcome == audit.Fail {
				sum.BySeverity[f.Severity]++
			}
			if f.Exemption != nil {
				sum.Exempt++
			}
		}
		x.Findings = kept
		x.Summary.ByOutcome, x.Summary.BySeverity, x.Summary.ByCheck, x.Summary.Exempt = sum.ByOutcome, sum.BySeverity, sum.ByCheck, sum.Exempt
	}
}
