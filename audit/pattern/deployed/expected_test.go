package deployed_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/pattern/deployed"
)

const (
	signIns = "arn:aws:sqs:eu-north-1:111122223333:mfawatch-sign-ins"
	dead    = "arn:aws:sqs:eu-north-1:111122223333:mfawatch-rules-dead"
	pager   = "https://events.pagerduty.com/integration/0123456789abcdef/enqueue"
)

func placed() deployed.Placed {
	return deployed.Placed{
		Name: "mfawatch-a", State: deployed.Enabled, Pattern: `{"source":["aws.signin"],"detail":{"a":["b"]}}`,
		Targets: []deployed.Target{{ARN: signIns, DeadLetter: dead}},
	}
}

// reading is a rule with two targets that forwards read-only events.
func reading() deployed.Placed {
	r := placed()
	r.Name, r.State = "mfawatch-b", deployed.EnabledWithRead
	r.Targets = []deployed.Target{{ARN: "arn:1", Text: "<x>", Paths: map[string]string{"x": "$.x"}}, {ARN: "arn:2", Role: "r"}}
	return r
}

func expected() deployed.Expected {
	return deployed.Expected{
		Buses:         []deployed.Bus{{Region: "eu-north-1", Name: "default", Rules: []deployed.Placed{placed()}}, {Region: "eu-north-1", Name: "mfawatch", Rules: []deployed.Placed{reading()}}},
		Subscriptions: []deployed.Subscription{deployed.Subscribed("https", pager, true)},
		Functions:     []deployed.Function{{Name: "mfawatch-signin", Sources: []string{signIns}}},
	}
}

func TestExpectedRoundTripHoldsNoSecret(t *testing.T) {
	text, err := expected().JSON()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "0123456789abcdef/") || !strings.Contains(string(text), `"shown":"https events.pagerduty.com"`) {
		t.Errorf("the file says %s", text)
	}
	if !strings.Contains(string(text), `"open":true`) || deployed.Subscribed("https", pager, false).Open {
		t.Errorf("who may be open is not kept: %s", text)
	}
	got, err := deployed.ReadExpected(text)
	if diff := cmp.Diff(expected(), got); err != nil || diff != "" {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
}

func TestExpectedRefuses(t *testing.T) {
	for want, change := range map[string]func(*deployed.Expected){
		"no bus: there would be nothing to check":                                                                                      func(e *deployed.Expected) { e.Buses = nil },
		`bus "default" of Region "eu-north-1" is without a name, or there twice`:                                                       func(e *deployed.Expected) { e.Buses = append(e.Buses, e.Buses[0]) },
		`bus "" of Region "eu-north-1" is without a name, or there twice`:                                                              func(e *deployed.Expected) { e.Buses[0].Name = "" },
		`bus "default" of Region "" is without a name, or there twice`:                                                                 func(e *deployed.Expected) { e.Buses[0].Region = "" },
		`eu-north-1/default: rule "": no name`:                                                                                         func(e *deployed.Expected) { e.Buses[0].Rules[0].Name = "" },
		`eu-north-1/default: rule "mfawatch-a": state "DISABLED" is neither ENABLED nor ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`: func(e *deployed.Expected) { e.Buses[0].Rules[0].State = "DISABLED" },
		`eu-north-1/default: rule "mfawatch-a": the pattern is not JSON`:                                                               func(e *deployed.Expected) { e.Buses[0].Rules[0].Pattern = "{" },
		`eu-north-1/default: rule "mfawatch-a": no target`:                                                                             func(e *deployed.Expected) { e.Buses[0].Rules[0].Targets = nil },
		"a subscription without protocol or digest: make it by deployed.Subscribed":                                                    func(e *deployed.Expected) { e.Subscriptions[0].Protocol = "" },
		"a function without a name":                                                                                                    func(e *deployed.Expected) { e.Functions[0].Name = "" },
	} {
		e := expected()
		change(&e)
		if _, err := e.JSON(); err == nil || err.Error() != "rules.json: "+want {
			t.Errorf("error %v, want rules.json: %s", err, want)
		}
	}
	e := expected()
	e.Subscriptions[0].Digest = pager
	if _, err := e.JSON(); err == nil || strings.Contains(err.Error(), pager) {
		t.Errorf("an address in the place of its digest: %v", err)
	}
	const good = `{"buses":[{"region":"a","name":"default","rules":[]}]}`
	if _, err := deployed.ReadExpected([]byte(good)); err != nil {
		t.Error(err)
	}
	for bad, want := range map[string]string{
		"": "rules.json: EOF", "[]": "rules.json: json: cannot unmarshal array", good[:len(good)-1] + `,"x":1}`: `rules.json: json: unknown field "x"`,
		good + " {}": "rules.json: something follows the object", `{"buses":[]}`: "rules.json: no bus: there would be nothing to check",
	} {
		if _, err := deployed.ReadExpected([]byte(bad)); err == nil || err.Error() != want && bad != "[]" {
			t.Errorf("%q: error %v, want %s", bad, err, want)
		}
	}
}

func TestExpectedWithKey(t *testing.T) {
	e := expected()
	if _, err := e.WithKey(""); err != nil {
		t.Errorf("no placeholder, and %v", err)
	}
	e.Buses[0].Rules[0].Pattern = `{"detail":{"keyId":["${KEY_ARN}","${KEY_ID}"]}}`
	got, err := e.WithKey("arn:aws:kms:eu-north-1:111122223333:key/1b0f6a2c")
	if want := `{"detail":{"keyId":["arn:aws:kms:eu-north-1:111122223333:key/1b0f6a2c","1b0f6a2c"]}}`; err != nil || got.Buses[0].Rules[0].Pattern != want {
		t.Errorf("pattern %s, error %v", got.Buses[0].Rules[0].Pattern, err)
	}
	for placeholder, want := range map[string]string{"${KEY_ARN}": "arn:aws:kms:eu-north-1:111122223333:key/k", "${KEY_ID}": "k"} {
		one := expected()
		one.Buses[0].Rules[0].Pattern = `{"k":["` + placeholder + `"]}`
		if got, err := one.WithKey("arn:aws:kms:eu-north-1:111122223333:key/k"); err != nil || got.Buses[0].Rules[0].Pattern != `{"k":["`+want+`"]}` {
			t.Errorf("%s: %+v, error %v", placeholder, got, err)
		}
	}
	for _, arn := range []string{"", "alias/mfawatch", `arn:aws:kms:eu-north-1:111122223333:key/"`, signIns} {
		if _, err := e.WithKey(arn); err == nil || err.Error() != fmt.Sprintf("rules.json speaks of the KMS key, and %q is no ARN of one", arn) {
			t.Errorf("%q: error %v", arn, err)
		}
	}
}

func TestDifferences(t *testing.T) {
	other := "arn:aws:sqs:eu-north-1:444455556666:x"
	for _, c := range []struct {
		name   string
		change func(*deployed.Placed)
		want   []string
	}{
		{"as it should be", func(*deployed.Placed) {}, nil},
		{"the same in other words", func(r *deployed.Placed) { r.Pattern = "{\"detail\": {\"a\":[\"b\"]},\n\"source\":[\"aws.signin\"]}" }, nil},
		{"disabled", func(r *deployed.Placed) { r.State = "DISABLED" }, []string{"rule mfawatch-a is DISABLED, not ENABLED"}},
		{"another pattern", func(r *deployed.Placed) { r.Pattern = `{"source":["aws.signin"],"detail":{"a":["c"]}}` }, []string{"rule mfawatch-a has another pattern"}},
		{"no pattern", func(r *deployed.Placed) { r.Pattern = "" }, []string{"rule mfawatch-a has another pattern"}},
		{"no target", func(r *deployed.Placed) { r.Targets = nil }, []string{"rule mfawatch-a lacks the target " + signIns}},
		{"one more target", func(r *deployed.Placed) { r.Targets = append(r.Targets, deployed.Target{ARN: other}) }, []string{"rule mfawatch-a has the target " + other + ", which nobody deployed"}},
		{"the target twice", func(r *deployed.Placed) { r.Targets = append(r.Targets, r.Targets[0]) }, []string{"rule mfawatch-a has the target " + signIns + ", which nobody deployed"}},
		{"another role", func(r *deployed.Placed) { r.Targets[0].Role = "x" }, []string{`rule mfawatch-a, target ` + signIns + `: the role is "x", not ""`}},
		{"no dead-letter queue", func(r *deployed.Placed) { r.Targets[0].DeadLetter = "" }, []string{`rule mfawatch-a, target ` + signIns + `: the dead-letter queue is "", not "` + dead + `"`}},
		{"a constant is sent", func(r *deployed.Placed) { r.Targets[0].Text = "{}" }, []string{`rule mfawatch-a, target ` + signIns + `: something else is sent in the event's place`}},
		{"renamed", func(r *deployed.Placed) { r.Name = "mfawatch-b" }, []string{"rule mfawatch-a is missing", "rule mfawatch-b is there, and nobody deployed it"}},
	} {
		got := placed()
		c.change(&got)
		if diff := cmp.Diff(c.want, expected().Buses[0].Differences([]deployed.Placed{got})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDifferencesOfSeveralTargets(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*deployed.Placed)
		want   []string
	}{
		{"as it should be", func(*deployed.Placed) {}, nil},
		{"in another order", func(r *deployed.Placed) { r.Targets[0], r.Targets[1] = r.Targets[1], r.Targets[0] }, nil},
		{"another text", func(r *deployed.Placed) { r.Targets[0].Text = "<x>!" }, []string{"rule mfawatch-b, target arn:1: something else is sent in the event's place"}},
		{"another path", func(r *deployed.Placed) { r.Targets[0].Paths = map[string]string{"x": "$.y"} }, []string{"rule mfawatch-b, target arn:1: something else is sent in the event's place"}},
		{"one is gone", func(r *deployed.Placed) { r.Targets = r.Targets[:1] }, []string{"rule mfawatch-b lacks the target arn:2"}},
		{"one is another", func(r *deployed.Placed) { r.Targets[0].ARN = "arn:3" }, []string{"rule mfawatch-b lacks the target arn:1", "rule mfawatch-b has the target arn:3, which nobody deployed"}},
	} {
		got := reading()
		c.change(&got)
		if diff := cmp.Diff(c.want, expected().Buses[1].Differences([]deployed.Placed{got})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestWhatIsShownOfAnEndpoint(t *testing.T) {
	for _, c := range [][3]string{
		{"https", pager, "https events.pagerduty.com"},
		{"https", "https://user:secret@hooks.example.com:8443/x?token=y", "https hooks.example.com"},
		{"https", "::", "https"},
		{"https", "https:///x", "https"},
		{"http", "http://192.0.2.1/x", "http 192.0.2.1"},
		{"email-json", "ada@example.com", "email-json at example.com"},
		{"email", "ada", "email"},
		{"application", "ada@example.com", "application"},
		{"email", "ada@example.com", "email at example.com"},
		{"sms", "+4670000000", "sms"},
		{"sqs", signIns, "sqs " + signIns},
	} {
		if got := deployed.ShownEndpoint(c[0], c[1]); got != c[2] {
			t.Errorf("%s: shown %q, want %q", c[0], got, c[2])
		}
	}
}
