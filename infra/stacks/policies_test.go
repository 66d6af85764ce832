package stacks

import (
	"slices"
	"strings"
	"testing"

	"mfawatch/audit/config"
)

// resourcePolicies are the policies of keys, buckets, queues, topics and buses.
func resourcePolicies(templates map[string]template) map[string][]map[string]any {
	all := map[string][]map[string]any{}
	for kind, property := range map[string]string{
		"AWS::KMS::Key": "KeyPolicy", "AWS::S3::BucketPolicy": "PolicyDocument", "AWS::SQS::QueuePolicy": "PolicyDocument", "AWS::SNS::TopicPolicy": "PolicyDocument",
	} {
		for _, r := range of(templates, kind) {
			for _, s := range r.at(property, "Statement").([]any) {
				all[r.String()] = append(all[r.String()], s.(map[string]any))
			}
		}
	}
	for _, r := range of(templates, "AWS::Events::EventBusPolicy") {
		all[r.String()] = append(all[r.String()], r.at("Statement").(map[string]any))
	}
	return all
}

// narrowed tells whether a condition names this deployment's account, the management
// account, whose an organisation's trail is, or the account that a template for
// member accounts is deployed in.
func narrowed(condition string, d config.Deployment) bool {
	return strings.Contains(condition, d.Account) || strings.Contains(condition, `{"Ref":"AWS::AccountId"}`) ||
		d.Organization.Management != "" && strings.Contains(condition, d.Organization.Management)
}

// Whoever is let in from outside an account's own policies is let in for this
// deployment's things only: a service could be used by somebody else's account
// otherwise (IAM user guide, the confused deputy problem).
func TestPublishersAreNamed(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		services := 0
		for where, statements := range resourcePolicies(templates) {
			for _, s := range statements {
				if s["Effect"] != "Allow" {
					continue
				}
				principal, condition := compact(s["Principal"]), compact(s["Condition"])
				switch {
				case s["Sid"] == "RulesPublish" && s["Condition"] == nil: // TestEventBridgeSaysNotWhereItIs
				case strings.Contains(principal, `"Service"`):
					services++
					if !narrowed(condition, d) {
						t.Errorf("%s: %v lets in %s for anybody: %s", where, s["Sid"], principal, condition)
					}
				case principal == "*":
					if !strings.Contains(condition, `"aws:PrincipalOrgID":"`+d.Organization.ID+`"`) || !strings.Contains(condition, "aws:PrincipalArn") {
						t.Errorf("%s: %v lets in everybody: %s", where, s["Sid"], condition)
					}
				case !strings.HasSuffix(principal, ":iam::"+d.Account+`:root"}`):
					t.Errorf("%s: %v lets in %s", where, s["Sid"], principal)
				}
			}
		}
		if services < 6 {
			t.Errorf("only %d statements about services", services)
		}
	})
}

// EventBridge publishes to a topic without saying for which rule or account it
// does: what asks for that keeps it out (EventBridge user guide, resource-based
// policies; SNS developer guide, key management).
func TestEventBridgeSaysNotWhereItIs(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		n := 0
		for where, statements := range resourcePolicies(templates) {
			for _, s := range statements {
				if !strings.Contains(compact(s["Principal"]), "events.amazonaws.com") || strings.Contains(compact(s["Action"]), "sqs:") {
					continue
				}
				n++
				condition := compact(s["Condition"])
				if strings.Contains(condition, "aws:Source") || strings.Contains(compact(s["Action"]), "sns:") && s["Condition"] != nil {
					t.Errorf("%s: %v keeps EventBridge out by %s", where, s["Sid"], condition)
				}
				if strings.Contains(compact(s["Action"]), "kms:") && condition != `{"StringEquals":{"kms:EncryptionContext:aws:sns:topicArn":"`+namesOf(d).topic()+`"}}` {
					t.Errorf("%s: %v lets EventBridge use the key by %s", where, s["Sid"], condition)
				}
			}
		}
		if want := map[bool]int{true: 2, false: 1}[d.KMS == ""]; n != want {
			t.Errorf("%d statements about EventBridge, want %d", n, want)
		}
	})
}

// Alarms and rules publish to an encrypted topic: the topic's policy and the key's
// have to let both in.
func TestAlarmsReachPeople(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		for _, kind := range []struct{ what, document string }{
			{"topic", compact(of(templates, "AWS::SNS::TopicPolicy")[0].at("PolicyDocument"))},
			{"key", keyPolicy(templates)},
		} {
			for _, service := range []string{"cloudwatch.amazonaws.com", "events.amazonaws.com"} {
				if kind.document != "" && !strings.Contains(kind.document, service) {
					t.Errorf("the %s keeps %s out", kind.what, service)
				}
			}
		}
		if keyPolicy(templates) == "" && d.KMS == "" {
			t.Error("there is no key")
		}
	})
}

func keyPolicy(templates map[string]template) string {
	for _, k := range of(templates, "AWS::KMS::Key") {
		if k.id == "Key" && !strings.Contains(k.stack, "breakglass") { // whose key is for nothing that publishes
			return k.text("KeyPolicy")
		}
	}
	return ""
}

// Everybody hears of alarms, and nobody but the canary's queue of the canary.
func TestSubscriptions(t *testing.T) {
	each(t, func(t *testing.T, d config.Deployment, templates map[string]template) {
		canaries := 0
		for _, s := range of(templates, "AWS::SNS::Subscription") {
			filter := s.text("FilterPolicy")
			if s.id == "CanarySubscription" {
				canaries++
				if filter != `{"kind":["canary"]}` {
					t.Errorf("%s hears %s", s, filter)
				}
				continue
			}
			if strings.Contains(filter, `"account":`) { // a team's
				if filter != `{"account":["444455556666","555566667777"],"kind":[{"anything-but":["canary"]}],"severity":["high","critical"]}` {
					t.Errorf("%s hears %s", s, filter)
				}
				continue
			}
			if !strings.Contains(filter, `"kind":[{"exists":false},{"anything-but":["canary"]}]`) || !strings.Contains(filter, `"severity":[{"exists":false},`) || !strings.Contains(filter, `"critical"`) {
				t.Errorf("%s hears %s", s, filter)
			}
			if s.text("Protocol") != "email" && s.at("RedrivePolicy") == nil {
				t.Errorf("%s loses what cannot be delivered", s)
			}
		}
		if (canaries == 1) != d.Watchdog.Enabled {
			t.Errorf("%d subscriptions of the canary, watchdog %v", canaries, d.Watchdog.Enabled)
		}
	})
}

func TestHeard(t *testing.T) {
	for least, want := range map[string]int{"info": 5, "low": 4, "medium": 3, "high": 2, "critical": 1} {
		levels := heard(config.Target{Severity: least})["severity"].([]any)
		if len(levels) != want+1 || !slices.Contains(levels, any("critical")) {
			t.Errorf("%s hears %v", least, levels)
		}
		team := heard(config.Target{Severity: least, Accounts: []string{"444455556666"}})
		if levels, some := team["severity"].([]string); some == (least == "info") || some && len(levels) != want {
			t.Errorf("%s of one account hears %v", least, team)
		}
	}
}
