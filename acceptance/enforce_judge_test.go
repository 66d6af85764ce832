//go:build acceptance

package acceptance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"

	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/enforcetest"
)

// simulation is a question to the other judge, in its own words.
type simulation struct {
	Request struct {
		Principal any    `json:"principal"`
		Action    string `json:"action"`
		Resource  struct {
			Resource string `json:"resource"`
			Account  string `json:"accountId"`
		} `json:"resource"`
		Context map[string]any `json:"contextVariables"`
	} `json:"request"`
	Session  json.RawMessage   `json:"sessionPolicy,omitempty"`
	Identity []namedPolicy     `json:"identityPolicies"`
	SCPs     []controlPolicies `json:"serviceControlPolicies"`
	RCPs     []controlPolicies `json:"resourceControlPolicies"`
	Resource json.RawMessage   `json:"resourcePolicy,omitempty"`
	Boundary []namedPolicy     `json:"permissionBoundaryPolicies,omitempty"`
}

type namedPolicy struct {
	Name   string          `json:"name"`
	Policy json.RawMessage `json:"policy"`
}

type controlPolicies struct {
	At       string        `json:"orgIdentifier"`
	Policies []namedPolicy `json:"policies"`
}

// simulated is what the other judge says.
type simulated struct {
	Answer  string   `json:"answer"`
	Error   string   `json:"error"`
	Ignored []string `json:"ignored"`
}

// simulate asks the other judge everything at once, in a process of its own.
func simulate(t *testing.T, all []simulation) []simulated {
	t.Helper()
	var in bytes.Buffer
	for _, s := range all {
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command("node", "enforce/judge.mjs")
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &in, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("the judge of policies does not run: %v: %s", err, errs.String())
	}
	var verdicts []simulated
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v simulated
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, v)
	}
	if len(verdicts) != len(all) {
		t.Fatalf("the judge answered %d of %d", len(verdicts), len(all))
	}
	return verdicts
}

// said is one of our answers in the judge's words.
func said(a enforce.Answer) string {
	return map[enforce.Answer]string{enforce.Allowed: "Allowed", enforce.ImplicitlyDenied: "ImplicitlyDenied", enforce.ExplicitlyDenied: "ExplicitlyDenied", enforce.Unknown: "Unknown"}[a]
}

// simulationOf asks the same question in the judge's words.
func simulationOf(q enforcetest.Question) simulation {
	var s simulation
	s.Request.Principal, s.Request.Action = q.Request.Principal.ARN, q.Request.Action
	s.Request.Resource.Resource, s.Request.Resource.Account = q.Request.Resource, enforcetest.Account
	s.Request.Context = contextOf(q.Request.Context, enforcetest.Keys())
	s.Identity, s.SCPs, s.RCPs = policiesOf(q.Identity), levelsOf(q.SCPs), levelsOf(q.RCPs)
	s.Session, s.Resource = q.Session, q.Resource
	if q.Boundary != nil {
		s.Boundary = []namedPolicy{{"boundary", q.Boundary}}
	}
	return s
}

func policiesOf(texts []enforcetest.Text) []namedPolicy {
	all := []namedPolicy{}
	for _, t := range texts {
		all = append(all, namedPolicy(t))
	}
	return all
}

func levelsOf(levels [][]enforcetest.Text) []controlPolicies {
	all := []controlPolicies{}
	for i, texts := range levels {
		all = append(all, controlPolicies{fmt.Sprint("level-", i), policiesOf(texts)})
	}
	return all
}

// contextOf is what a context says of some keys. A key that may have several values
// is a list to the judge.
func contextOf(c enforce.Context, keys []string) map[string]any {
	all := map[string]any{}
	for _, key := range keys {
		values, present := c.Lookup(key)
		switch {
		case present != enforce.Yes:
		case key == "aws:CalledVia" || key == "aws:TagKeys":
			all[key] = values
		default:
			all[key] = values[0]
		}
	}
	return all
}
