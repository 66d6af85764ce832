//go:build acceptance

package acceptance

import (
	"encoding/json"
	"slices"
	"testing"

	"mfawatch/audit"
	"mfawatch/audit/enforce"
	"mfawatch/audit/enforce/guardrail/matrix"
)

// The guardrails' table, judged by another judge: every row that is decided by
// policies, and by policies alone.
func TestMatrixAgrees(t *testing.T) {
	rows, err := matrix.Rows()
	if err != nil {
		t.Fatal(err)
	}
	var asked []simulation
	var of []matrix.Row
	byAWS, open := 0, 0
	for _, r := range rows {
		switch {
		case r.ByAWS:
			byAWS++
		case r.Want == enforce.Unknown:
			open++
		default:
			asked, of = append(asked, rowSimulation(r)), append(of, r)
		}
	}
	wrong := 0
	for i, v := range simulate(t, asked) {
		if v.Answer == said(of[i].Want) {
			continue
		}
		if wrong++; wrong <= 10 {
			text, _ := json.Marshal(asked[i])
			t.Errorf("%s (%s): the judge says %s%s, the table %s\n%s", of[i].Name, of[i].Why, v.Answer, v.Error, said(of[i].Want), text)
		}
	}
	t.Logf("%d rows judged, %d differ; %d are AWS's own rules and %d open, which a judge of policies cannot know", len(asked), wrong, byAWS, open)
	if wrong > 0 || len(asked) < 1000 {
		t.Fail()
	}
}

func rowSimulation(r matrix.Row) simulation {
	var s simulation
	s.Request.Principal, s.Request.Action = r.Request.Principal.ARN, r.Request.Action
	s.Request.Resource.Resource, s.Request.Resource.Account = r.Request.Resource, "111122223333"
	s.Request.Context = map[string]any{}
	for key, values := range r.Context {
		s.Request.Context[key] = values[0]
		if slices.Contains([]string{"aws:CalledVia", "aws:TagKeys"}, key) {
			s.Request.Context[key] = values
		}
	}
	s.Identity, s.SCPs, s.RCPs = []namedPolicy{}, []controlPolicies{}, []controlPolicies{}
	for _, l := range r.Layers {
		s.layer(l)
	}
	if r.Request.Principal.Kind == audit.UnknownPrincipal {
		s.Request.Principal, s.Identity = map[string]string{"type": "Anonymous"}, []namedPolicy{} // nobody has policies
	}
	return s
}

func (s *simulation) layer(l matrix.Layer) {
	p := namedPolicy{l.Name, json.RawMessage(l.Text)}
	level := func(all []controlPolicies) []controlPolicies {
		if len(all) == 0 {
			all = []controlPolicies{{At: "level-0"}}
		}
		all[0].Policies = append(all[0].Policies, p)
		return all
	}
	switch l.Layer {
	case enforce.Identity:
		s.Identity = append(s.Identity, p)
	case enforce.Boundary:
		s.Boundary = append(s.Boundary, p)
	case enforce.SCP:
		s.SCPs = level(s.SCPs)
	case enforce.RCP:
		if l.Guardrail { // the one that allows everything the judge adds itself
			s.RCPs = level(s.RCPs)
		}
	case enforce.Resource:
		s.Resource = p.Policy
	}
}
