//go:build acceptance

package acceptance

import (
	"cmp"
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/enforcetest"
)

const randomCases = 20_000

// seedOf is always the same, unless somebody looks for more.
func seedOf(t *testing.T) uint64 {
	text := cmp.Or(os.Getenv("MFAWATCH_SEED"), "2026")
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// Two judges that nobody wrote together agree on policies that nobody wrote.
func TestRandomPoliciesAgree(t *testing.T) {
	seed := seedOf(t)
	m := enforcetest.New(seed)
	questions, asked := make([]enforcetest.Question, randomCases), make([]simulation, randomCases)
	for i := range questions {
		questions[i] = m.Question()
		asked[i] = simulationOf(questions[i])
	}
	counts, wrong := map[string]int{}, 0
	for i, v := range simulate(t, asked) {
		d := enforce.Evaluate(questions[i].Request, questions[i].Policies)
		counts[said(d.Answer)]++
		if v.Answer == said(d.Answer) {
			continue
		}
		if wrong++; wrong <= 10 {
			text, _ := json.Marshal(asked[i])
			t.Errorf("case %d of seed %d: the judge says %s%s, we say %s because %+v\n%s", i, seed, v.Answer, v.Error, said(d.Answer), d.Because, text)
		}
	}
	t.Logf("%d cases: %v, %d disagreements", randomCases, counts, wrong)
	if wrong > 0 {
		t.Fail()
	}
	for _, answer := range []string{"Allowed", "ImplicitlyDenied", "ExplicitlyDenied"} {
		if counts[answer] < randomCases/20 {
			t.Errorf("only %d of %d came out %s: the cases are too much alike", counts[answer], randomCases, answer)
		}
	}
}
