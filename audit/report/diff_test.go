package report

import (
	"slices"
	"testing"
	"time"

	"mfawatch/audit"
	"mfawatch/audit/posture"
)

const week = 7 * 24 * time.Hour

func finding(check, id, arn string, o audit.Outcome) audit.Finding {
	return audit.Finding{Check: check, Outcome: o, Severity: audit.High, Detail: "as " + o.String(), Subject: audit.Subject{Kind: audit.UserSubject, ID: id, ARN: arn, Name: "ada"}}
}

func auditOf(at time.Time, fs ...audit.Finding) Audit {
	return Audit{Accounts: []posture.Account{{Account: "111122223333", TakenAt: at, Findings: fs}}}
}

// fate tells in which list the one change is, and since when it is known.
func fate(t *testing.T, ch Changes) (string, Change) {
	t.Helper()
	name, found := "nothing", []Change{}
	for _, p := range ch.parts() {
		if len(p.changes) > 0 {
			name = p.title
			found = append(found, p.changes...)
		}
	}
	if len(found) > 1 {
		t.Fatalf("%d changes: %+v", len(found), found)
	}
	return name, append(found, Change{})[0]
}

func TestDiff(t *testing.T) {
	const arn, other = "arn:aws:iam::111122223333:user/ada", "arn:aws:iam::111122223333:user/bela"
	who := func(o audit.Outcome) *audit.Finding { f := finding("user-any-mfa", "AIDA1", arn, o); return &f }
	whole := audit.Finding{Check: "user-any-mfa", Subject: audit.Subject{Kind: audit.AccountSubject, ID: "111122223333"}, Detail: "the account's users are not known"}
	none := whole
	none.Outcome = audit.NotApplicable
	noID := finding("user-any-mfa", "", arn, audit.Fail)
	renamed := finding("user-any-mfa", "AIDA1", other, audit.Fail)
	again := finding("user-any-mfa", "AIDA2", arn, audit.Fail)
	otherCheck := finding("user-sms-mfa", "AIDA1", arn, audit.Pass)
	for _, c := range []struct {
		name        string
		before, now *audit.Finding
		want        string
		was, is     string
	}{
		{"fails still", who(audit.Fail), who(audit.Fail), "Open", "fail", "fail"},
		{"passed before", who(audit.Pass), who(audit.Fail), "New", "pass", "fail"},
		{"was unknown", who(audit.Unknown), who(audit.Fail), "New", "unknown", "fail"},
		{"was exempt", who(audit.NotApplicable), who(audit.Fail), "New", "not_applicable", "fail"},
		{"was not there", &otherCheck, who(audit.Fail), "New", "absent", "fail"},
		{"passes", who(audit.Fail), who(audit.Pass), "Resolved", "fail", "pass"},
		{"does not apply", who(audit.Fail), who(audit.NotApplicable), "Resolved", "fail", "not_applicable"},
		{"cannot be told", who(audit.Fail), who(audit.Unknown), "Lost", "fail", "unknown"},
		{"users not known", who(audit.Fail), &whole, "Lost", "fail", "absent"},
		{"no user left", who(audit.Fail), &none, "Gone", "fail", "absent"},
		{"deleted", who(audit.Fail), &otherCheck, "Gone", "fail", "absent"},
		{"passes still", who(audit.Pass), who(audit.Pass), "nothing", "", ""},
		{"passed, unknown now", who(audit.Pass), who(audit.Unknown), "nothing", "", ""},
		{"deleted, had passed", who(audit.Pass), &otherCheck, "nothing", "", ""},
		{"id not read before", &noID, who(audit.Fail), "Open", "fail", "fail"},
		{"id not read now", who(audit.Fail), &noID, "Open", "fail", "fail"},
		{"renamed", who(audit.Fail), &renamed, "Open", "fail", "fail"},
	} {
		ch := Diff(auditOf(taken, *c.now), auditOf(taken.Add(-week), *c.before))
		name, change := fate(t, ch)
		if name != c.want || change.Was != c.was || change.Now != c.is {
			t.Errorf("%s: %s, from %q to %q, want %s, from %q to %q", c.name, name, change.Was, change.Now, c.want, c.was, c.is)
		}
		if c.was == "fail" && change.Age != "7d0h0m" {
			t.Errorf("%s: known for %q, want 7d0h0m", c.name, change.Age)
		}
	}
	ch := Diff(auditOf(taken, again), auditOf(taken.Add(-week), *who(audit.Fail)))
	if len(ch.New) != 1 || len(ch.Gone) != 1 || len(ch.Open) != 0 {
		t.Errorf("a user deleted and made again: %+v, want one gone and one new", ch)
	}
}

func TestDiffOfAccounts(t *testing.T) {
	f := finding("user-any-mfa", "AIDA1", "", audit.Fail)
	before := auditOf(taken.Add(-week), f)
	if name, c := fate(t, Diff(Audit{}, before)); name != "Lost" || c.Reason != "the account was not audited" {
		t.Errorf("an account that is not in the audit: %s, %q", name, c.Reason)
	}
	if name, c := fate(t, Diff(auditOf(taken), before)); name != "Lost" || c.Reason != "nothing of the account could be judged" {
		t.Errorf("an account that could not be read: %s, %q", name, c.Reason)
	}
	if name, _ := fate(t, Diff(auditOf(taken, f), Audit{})); name != "New" {
		t.Errorf("an account that is new: %s, want New", name)
	}
	unlisted := auditOf(taken, finding("user-any-mfa", "", "arn:aws:iam::111122223333:user/bela", audit.Pass))
	unlisted.Accounts[0].Roster = []posture.Holder{{Subject: unlisted.Accounts[0].Findings[0].Subject}}
	if name, _ := fate(t, Diff(unlisted, before)); name != "Lost" {
		t.Errorf("a user who is not in the report, where nobody listed the users: %s, want Lost", name)
	}
	same := auditOf(taken, f)
	same.Accounts[0].Account = "222233334444"
	if ch := Diff(same, before); len(ch.New) != 1 || len(ch.Lost) != 1 {
		t.Errorf("the same id in another account: %+v, want one new and one lost", ch)
	}
}

// TestFirstSeen follows one finding through several audits.
func TestFirstSeen(t *testing.T) {
	var last *Audit
	for i, step := range []struct {
		outcome audit.Outcome
		want    int // the audit in which it was first seen; -1: not known
	}{
		{audit.Pass, -1}, {audit.Unknown, -1}, {audit.Fail, 2}, {audit.Fail, 2}, {audit.Unknown, 2}, {audit.Unknown, 2}, {audit.Fail, 2},
		{audit.Pass, -1}, {audit.Fail, 8}, {audit.NotApplicable, -1}, {audit.Fail, 10},
	} {
		at := func(i int) time.Time { return taken.AddDate(0, 0, i) }
		a := auditOf(at(i), finding("user-any-mfa", "AIDA1", "", step.outcome))
		a.SetFirstSeen(last)
		got, want := a.Accounts[0].Findings[0].FirstSeen, time.Time{}
		if step.want >= 0 {
			want = at(step.want)
		}
		if !got.Equal(want) {
			t.Errorf("audit %d, %s: first seen %s, want %s", i, step.outcome, got, want)
		}
		last = &a
	}
}

// TestFirstSeenOfAnOlderFile: a file without first_seen knows of its own time.
func TestFirstSeenOfAnOlderFile(t *testing.T) {
	before := auditOf(taken.Add(-week), finding("user-any-mfa", "AIDA1", "", audit.Fail))
	a := auditOf(taken, finding("user-any-mfa", "AIDA1", "", audit.Fail))
	a.SetFirstSeen(&before)
	if got := a.Accounts[0].Findings[0].FirstSeen; !got.Equal(taken.Add(-week)) {
		t.Errorf("first seen %s, want %s", got, taken.Add(-week))
	}
	ch := Diff(a, before)
	if len(ch.Open) != 1 || !ch.Open[0].FirstSeen.Equal(taken.Add(-week)) {
		t.Errorf("changes %+v", ch)
	}
}

func TestDeparted(t *testing.T) {
	before := auditOf(taken.Add(-week), finding("user-any-mfa", "AIDA1", "", audit.Pass), finding("user-any-mfa", "AIDA2", "", audit.Fail))
	gone := departed(auditOf(taken, finding("user-any-mfa", "AIDA2", "", audit.Fail)), &before)
	if len(gone["111122223333"]) != 1 || gone["111122223333"][0].Subject.ID != "AIDA1" {
		t.Errorf("departed: %+v, want AIDA1", gone)
	}
	for name, now := range map[string]Audit{"not audited": {}, "not read": auditOf(taken)} {
		if gone := departed(now, &before); len(gone) > 0 {
			t.Errorf("%s: departed: %+v, want nobody: it is not known", name, gone)
		}
	}
	if gone := departed(before, nil); len(gone) > 0 {
		t.Errorf("without an earlier audit: %+v", gone)
	}
}

// TestDiffOfAnAuditWithItself: nothing is new, resolved, gone or lost.
func TestDiffOfAnAuditWithItself(t *testing.T) {
	for name, a := range exampleAudits() {
		ch := Diff(a, a)
		if len(ch.New)+len(ch.Resolved)+len(ch.Gone)+len(ch.Lost) != 0 || len(ch.Open) != a.Summary().ByOutcome[audit.Fail] {
			t.Errorf("%s: %s", name, changesText(&ch))
		}
	}
}

// TestDiffLosesNoFailure: every earlier failure is in one list, and only one.
func TestDiffLosesNoFailure(t *testing.T) {
	all := exampleAudits()
	for _, pair := range [][2]string{{"mixed", "many"}, {"many", "mixed"}, {"mixed", "nothing-read"}, {"organisation", "unread"}, {"many", "organisation"}, {"hostile", "clean"}, {"clean", "many"}} {
		before, now := all[pair[0]], all[pair[1]]
		ch := Diff(now, before)
		after := slices.Concat(ch.Open, ch.Resolved, ch.Gone, ch.Lost)
		if n := before.Summary().ByOutcome[audit.Fail]; len(after) != n {
			t.Errorf("%v: %d of %d earlier failures are in a list", pair, len(after), n)
		}
		if n := now.Summary().ByOutcome[audit.Fail]; len(ch.New)+len(ch.Open) != n {
			t.Errorf("%v: %d failures are new or open, want %d", pair, len(ch.New)+len(ch.Open), n)
		}
	}
}
