package enforce_test

import (
	"testing"

	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/enforcetest"
)

// rounds is fewer where many runs are made.
func rounds() int {
	if testing.Short() {
		return 300
	}
	return 3000
}

// What an answer says while a key is not known holds whatever the key turns out to
// be, and Unknown is said only of keys that some policy asks about.
func TestUnknownKeysNeverLie(t *testing.T) {
	values := map[string][][]string{
		"aws:MultiFactorAuthPresent": {nil, {"true"}, {"false"}},
		"aws:SourceIp":               {nil, {"192.0.2.7"}, {"203.0.113.9"}, {"198.51.100.1"}},
		"aws:PrincipalTag/team":      {nil, {"red"}, {"ada"}, {"*"}},
		"aws:CurrentTime":            {{"2019-01-01T00:00:00Z"}, {"2026-11-25T12:00:00Z"}, {"2027-01-01T00:00:00Z"}},
		"aws:username":               {nil, {"ada"}, {"bob"}},
	}
	m, open, closed := enforcetest.New(7), 0, 0
	for range rounds() {
		q := m.Question()
		for key, all := range values {
			asked := q.Request
			asked.Context = q.Request.Context.WithUnknown(key)
			before := enforce.Evaluate(asked, q.Policies).Answer
			if before == enforce.Unknown {
				open++
				continue
			}
			closed++
			for _, v := range all {
				known := q.Request
				known.Context = q.Request.Context.With(key, v...)
				after := enforce.Evaluate(known, q.Policies)
				if (after.Answer == enforce.Allowed) != (before == enforce.Allowed) && after.Answer != enforce.Unknown {
					t.Fatalf("%s not known: %v; being %q: %v because %+v\n%+v", key, before, v, after.Answer, after.Because, q)
				}
			}
		}
	}
	t.Logf("%d answers left open, %d not", open, closed)
	if open < rounds()/20 || closed < rounds()/2 {
		t.Error("one sort of answers hardly came up")
	}
}

// A context that knows nothing is never surer than one that knows everything.
func TestKnowingNothing(t *testing.T) {
	m := enforcetest.New(8)
	for range rounds() {
		q := m.Question()
		full := enforce.Evaluate(q.Request, q.Policies).Answer
		asked := q.Request
		asked.Context = enforce.OpenContext()
		if got := enforce.Evaluate(asked, q.Policies).Answer; got != enforce.Unknown && (got == enforce.Allowed) != (full == enforce.Allowed) && full != enforce.Unknown {
			t.Fatalf("knowing nothing: %v, knowing all: %v\n%+v", got, full, q)
		}
	}
}

// Every decision says why.
func TestEveryDecisionHasReasons(t *testing.T) {
	m := enforcetest.New(9)
	for range rounds() {
		q := m.Question()
		d := enforce.Evaluate(q.Request, q.Policies)
		if len(d.Because) == 0 {
			t.Fatalf("%v without a reason: %+v", d.Answer, q)
		}
		for _, r := range d.Because {
			if r.Text == "" || r.Layer == "" || d.Answer != enforce.Unknown && d.Answer != enforce.Allowed && !r.Certain {
				t.Fatalf("%v because of %+v", d.Answer, r)
			}
		}
	}
}
