package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/audit/alert"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/internal/cloudtrail"
	"mfawatch/internal/lambda"
	"mfawatch/internal/sns"
)

func TestCheck(t *testing.T) {
	console := func(change func(*deployed.Placed)) func(*world) {
		return func(w *world) {
			r := w.rules["us-east-1"][0]
			r.Targets = slices.Clone(r.Targets)
			change(&r)
			w.rules["us-east-1"] = []deployed.Placed{r}
		}
	}
	const about = "trail " + trail + ": "
	for _, c := range []struct {
		name   string
		change func(*world)
		want   []string
	}{
		{"as deployed", func(*world) {}, nil},
		{"a rule is switched off", console(func(r *deployed.Placed) { r.State = "DISABLED" }), []string{"us-east-1, bus default: rule mfawatch-sign-in-console is DISABLED, not ENABLED"}},
		{"a rule matches less", console(func(r *deployed.Placed) { r.Pattern = `{"source":["nobody"]}` }), []string{"us-east-1, bus default: rule mfawatch-sign-in-console has another pattern"}},
		{"a rule is gone", func(w *world) { w.rules["us-east-1"] = nil }, []string{"us-east-1, bus default: rule mfawatch-sign-in-console is missing"}},
		{"a target is gone", console(func(r *deployed.Placed) { r.Targets = nil }), []string{"us-east-1, bus default: rule mfawatch-sign-in-console lacks the target " + signIns}},
		{"a rule nobody deployed", func(w *world) {
			w.rules["ap-south-1"] = append(w.rules["ap-south-1"], deployed.Placed{Name: "mfawatch-x"})
		},
			[]string{"ap-south-1, bus default: rule mfawatch-x is there, and nobody deployed it"}},
		{"a Region is denied", func(w *world) {
			w.rulesErr["us-east-1"] = errors.New("events:ListRules in us-east-1: AccessDeniedException")
		}, []string{"us-east-1, bus default: the rules are not known: events:ListRules in us-east-1: AccessDeniedException"}},
		{"a subscription is not confirmed", func(w *world) { w.subs[2].Pending = true }, []string{"subscription email at example.com is not confirmed: nobody is told there"}},
		{"a subscription that a link ends", func(w *world) { w.subs[2].Authenticated = false },
			[]string{"subscription email at example.com can be ended by whoever has a message's link: confirm it anew with AuthenticateOnUnsubscribe"}},
		{"a subscription of which nothing is told", func(w *world) {
			w.subs[2].Authenticated, w.subs[2].Unread = false, errors.New("sns:GetSubscriptionAttributes: Throttled")
		}, []string{"subscription email at example.com: whether anybody may end it is not known: sns:GetSubscriptionAttributes: Throttled"}},
		{"a subscription is gone", func(w *world) { w.subs = w.subs[:1] }, []string{"subscription https events.pagerduty.com is missing", "subscription email at example.com is missing"}},
		{"somebody else listens", func(w *world) {
			w.subs = append(w.subs, sns.Subscription{Protocol: "https", Endpoint: "https://192.0.2.9/secret", Authenticated: true})
		}, []string{"subscription https 192.0.2.9 is there, and nobody deployed it"}},
		{"another key of the same host", func(w *world) { w.subs[1].Endpoint = pager + "2" },
			[]string{"subscription https events.pagerduty.com is there, and nobody deployed it", "subscription https events.pagerduty.com is missing"}},
		{"who is told is refused", func(w *world) { w.subsErr = errors.New("sns:ListSubscriptionsByTopic of t: AuthorizationError") },
			[]string{"who is told is not known: sns:ListSubscriptionsByTopic of t: AuthorizationError"}},
		{"the trail is stopped", func(w *world) { w.status.Logging = false }, []string{about + "it is not logging"}},
		{"the trail cannot deliver", func(w *world) { w.status.BucketError, w.status.LogsError = "NoSuchBucket", "AccessDenied" },
			[]string{about + "it cannot deliver files: NoSuchBucket", about + "it cannot deliver to its log group: AccessDenied"}},
		{"the trail is old", func(w *world) { w.status.Delivered = time.Now().Add(-26*time.Hour - time.Minute) }, []string{about + "its newest file is 26h0m0s old"}},
		{"the trail never delivered", func(w *world) { w.status = cloudtrail.Status{Logging: true} }, []string{about + "it has never delivered a file"}},
		{"another account's trail", func(w *world) {
			w.trailErr = errors.New("cloudtrail:GetTrailStatus in eu-north-1: AccessDeniedException")
		}, []string{"whether the trail " + trail + " is logging is not known: cloudtrail:GetTrailStatus in eu-north-1: AccessDeniedException"}},
		{"a function is stopped", func(w *world) { w.stopped["mfawatch-audit"] = true }, []string{"function mfawatch-audit: its reserved concurrency is 0: it is never run"}},
		{"a mapping is switched off", func(w *world) { w.mappings["mfawatch-signin"][0].State = "Disabled" },
			[]string{"function mfawatch-signin: it does not read " + signIns + ": the mapping is Disabled"}},
		{"a mapping comes", func(w *world) { w.mappings["mfawatch-signin"][0].State = "Enabling" }, nil},
		{"a mapping is gone", func(w *world) { w.mappings["mfawatch-signin"] = nil }, []string{"function mfawatch-signin: it does not read " + signIns + ": the mapping is missing"}},
		{"a mapping nobody deployed", func(w *world) { w.mappings["mfawatch-audit"] = []lambda.Mapping{{Source: "arn:x", State: "Enabled"}} },
			[]string{"function mfawatch-audit: it reads arn:x, which nobody deployed"}},
		{"a function is not answered for", func(w *world) {
			w.fnErr["mfawatch-signin"] = errors.New("lambda:X of mfawatch-signin: ResourceNotFoundException")
		},
			[]string{"function mfawatch-signin: its concurrency is not known: lambda:X of mfawatch-signin: ResourceNotFoundException", "function mfawatch-signin: what it reads is not known: lambda:X of mfawatch-signin: ResourceNotFoundException"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			c.change(w)
			got, err := w.handler().Handle(t.Context(), Event{ModeCheck})
			if err != nil || got.Findings != len(c.want) {
				t.Errorf("%+v, error %v, want %d findings", got, err, len(c.want))
			}
			if diff := cmp.Diff(map[string]float64{"CheckFindings": float64(len(c.want))}, w.metrics(t)); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, told(t, w)); diff != "" {
				t.Errorf("people are told (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, logged(w)); diff != "" {
				t.Errorf("the log has (-want +got):\n%s", diff)
			}
			if text := w.out.String() + strings.Join(w.published, ""); strings.Contains(text, "0123456789abcdef") || strings.Contains(text, "secret") || strings.Contains(text, "ada@") {
				t.Errorf("an address is told:\n%s", text)
			}
		})
	}
}

// told are the findings of the one message, or none when there is none.
func told(t *testing.T, w *world) []string {
	t.Helper()
	if len(w.published) == 0 {
		return nil
	}
	var protocols map[string]string
	if len(w.published) > 1 || json.Unmarshal([]byte(w.published[0]), &protocols) != nil {
		t.Fatalf("published %q", w.published)
	}
	a, err := alert.Parse([]byte(protocols["default"]))
	if err != nil || w.about[0]["severity"] != "high" || w.about[0]["kind"] != "watchdog" || a.Region != "eu-north-1" || !strings.Contains(protocols["email"], "What was found:\n- ") {
		t.Errorf("published %q with %v, error %v", protocols, w.about[0], err)
	}
	return a.Findings
}

func logged(w *world) []string {
	var all []string
	for line := range strings.Lines(w.out.String()) {
		var l struct{ Finding string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Finding != "" {
			all = append(all, l.Finding)
		}
	}
	return all
}

// A file that was made for other Regions leaves none unsaid.
func TestCheckOfAnUncoveredRegion(t *testing.T) {
	w := newWorld()
	h := w.handler()
	h.Settings.Regions = append(slices.Clone(regions), "eu-west-1")
	if _, err := h.Handle(t.Context(), Event{ModeCheck}); err != nil || !slices.Equal(told(t, w), []string{"eu-west-1: rules.json says nothing of its rules: it was made for other Regions"}) {
		t.Errorf("told %q, error %v", told(t, w), err)
	}
}

// When nobody can be told, the run fails, and the log and the metric have it.
func TestCheckThatCannotTell(t *testing.T) {
	w := newWorld()
	w.status.Logging, w.topicErr = false, errors.New("sns publish: KMSAccessDenied")
	got, err := w.handler().Handle(t.Context(), Event{ModeCheck})
	if err == nil || !strings.Contains(err.Error(), "1 findings, and nobody is told: sns publish: KMSAccessDenied") || got.Findings != 1 || w.metrics(t)["CheckFindings"] != 1 || len(logged(w)) != 1 {
		t.Errorf("%+v, error %v\n%s", got, err, w.out.String())
	}
}

// slowTrails answers when the context ends.
type slowTrails struct{}

func (slowTrails) Status(ctx context.Context, _ string) (cloudtrail.Status, error) {
	<-ctx.Done()
	return cloudtrail.Status{}, errors.New("cloudtrail:GetTrailStatus in eu-north-1: out of time")
}

// What is not answered in time is not known, and people are told before the
// deadline.
func TestCheckEndsBeforeTheDeadline(t *testing.T) {
	for _, timeout := range []time.Duration{3 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			h := w.handler()
			h.Trails = slowTrails{}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, err := h.Handle(ctx, Event{ModeCheck})
			if want := []string{"whether the trail " + trail + " is logging is not known: cloudtrail:GetTrailStatus in eu-north-1: out of time"}; err != nil || ctx.Err() != nil || !slices.Equal(told(t, w), want) {
				t.Errorf("of %s: told %q, error %v, %v", timeout, told(t, w), err, ctx.Err())
			}
		})
	}
}
