package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"mfawatch/audit/alert"
	"mfawatch/audit/pattern/deployed"
	"mfawatch/functions/metrics"
	"mfawatch/internal/sns"
)

// forTelling is what of an invocation's time is kept for telling people.
const forTelling = 15 * time.Second

// check compares what stands deployed with what was, and tells people of what
// differs, in one message. What cannot be asked, or not in time, is a finding too.
func (h *Handler) check(ctx context.Context, log zerolog.Logger) (Result, error) {
	asking := ctx
	if early, limited := h.until(ctx, forTelling); limited {
		var cancel context.CancelFunc
		asking, cancel = context.WithDeadline(ctx, early)
		defer cancel()
	}
	findings := h.findings(asking)
	for _, f := range findings {
		log.Error().Str("finding", f).Msg("the monitor is not as it was deployed")
	}
	_, _ = h.Metrics.Write(metrics.Line(h.Now(), []metrics.Value{metrics.Count("CheckFindings", len(findings))}, metrics.Function("canary")))
	log.Info().Int("findings", len(findings)).Msg("checked")
	result := Result{Findings: len(findings)}
	if len(findings) == 0 {
		return result, nil
	}
	m := alert.OfWatchdog(h.Settings.Account, h.home(), findings, h.Now(), nil).Message()
	if _, err := h.Topic.Publish(ctx, m.Subject, m.Body, m.Attributes); err != nil {
		return result, fmt.Errorf("%d findings, and nobody is told: %w", len(findings), err)
	}
	return result, nil
}

// home is the Region of the stacks: the topic's.
func (h *Handler) home() string { return strings.SplitN(h.Settings.TopicARN, ":", 6)[3] }

// findings asks everything, and orders the answers as the questions.
func (h *Handler) findings(ctx context.Context) []string {
	questions := []func(context.Context) []string{h.uncovered, h.trail, h.subscriptions}
	for _, f := range h.Expected.Functions {
		questions = append(questions, func(ctx context.Context) []string { return h.function(ctx, f) })
	}
	for _, b := range h.Expected.Buses {
		questions = append(questions, func(ctx context.Context) []string { return h.bus(ctx, b) })
	}
	answers := make([][]string, len(questions))
	each(len(questions), func(i int) { answers[i] = questions[i](ctx) })
	return slices.Concat(answers...)
}

func unknown(about string, err error) string {
	return fmt.Sprintf("%snot known: %v", about, err)
}

// uncovered are watched Regions of which rules.json does not speak.
func (h *Handler) uncovered(context.Context) []string {
	var all []string
	for _, region := range h.Settings.Regions {
		if !slices.ContainsFunc(h.Expected.Buses, func(b deployed.Bus) bool { return b.Region == region && b.Name == "default" }) {
			all = append(all, region+": "+deployed.ExpectedName+" says nothing of its rules: it was made for other Regions")
		}
	}
	return all
}

func (h *Handler) bus(ctx context.Context, b deployed.Bus) []string {
	about := b.Region + ", bus " + b.Name + ": "
	found, err := h.Buses.Rules(ctx, b.Region, b.Name, h.Settings.Prefix+"-")
	if err != nil {
		return []string{unknown(about+"the rules are ", err)}
	}
	var all []string
	for _, d := range b.Differences(found) {
		all = append(all, about+d)
	}
	return all
}

// staleTrail is how old a trail's newest file may be. Trying the trail makes an
// event oftener than that.
const staleTrail = 24 * time.Hour

func (h *Handler) trail(ctx context.Context) []string {
	s, err := h.Trails.Status(ctx, h.Settings.TrailARN)
	if err != nil {
		return []string{unknown("whether the trail "+h.Settings.TrailARN+" is logging is ", err)}
	}
	about := "trail " + h.Settings.TrailARN + ": "
	var all []string
	if !s.Logging {
		all = append(all, about+"it is not logging")
	}
	if s.BucketError != "" {
		all = append(all, about+"it cannot deliver files: "+cut(s.BucketError))
	}
	if s.LogsError != "" {
		all = append(all, about+"it cannot deliver to its log group: "+cut(s.LogsError))
	}
	switch age := h.Now().Sub(s.Delivered); {
	case s.Delivered.IsZero():
		all = append(all, about+"it has never delivered a file")
	case age > staleTrail:
		all = append(all, about+fmt.Sprintf("its newest file is %s old", age.Truncate(time.Hour)))
	}
	return all
}

func (h *Handler) subscriptions(ctx context.Context) []string {
	found, err := h.Subscriptions.List(ctx)
	if err != nil {
		return []string{unknown("who is told is ", err)}
	}
	missing := slices.Clone(h.Expected.Subscriptions)
	var all []string
	for _, s := range found {
		shown := "subscription " + deployed.ShownEndpoint(s.Protocol, s.Endpoint)
		i := slices.IndexFunc(missing, func(e deployed.Subscription) bool {
			return e.Protocol == s.Protocol && e.Digest == deployed.EndpointDigest(s.Endpoint)
		})
		if i < 0 {
			all = append(all, shown+" is there, and nobody deployed it")
			continue
		}
		all = append(all, confirmed(shown, s, missing[i].Open)...)
		missing = slices.Delete(missing, i, i+1)
	}
	for _, e := range missing {
		all = append(all, "subscription "+e.Shown+" is missing")
	}
	return all
}

// unauthenticated are the protocols whose messages have a link that ends the
// subscription (SNS API reference, ConfirmSubscription, AuthenticateOnUnsubscribe).
var unauthenticated = []string{"email", "email-json", "http", "https"}

func confirmed(shown string, s sns.Subscription, open bool) []string {
	switch {
	case s.Pending:
		return []string{shown + " is not confirmed: nobody is told there"}
	case !slices.Contains(unauthenticated, s.Protocol) || open:
		return nil
	case s.Unread != nil:
		return []string{unknown(shown+": whether anybody may end it is ", s.Unread)}
	case !s.Authenticated:
		return []string{shown + " can be ended by whoever has a message's link: confirm it anew with AuthenticateOnUnsubscribe"}
	}
	return nil
}

// reading are the states of a mapping that reads, or will in a moment.
var reading = []string{"Enabled", "Enabling", "Creating", "Updating"}

func (h *Handler) function(ctx context.Context, f deployed.Function) []string {
	about := "function " + f.Name + ": "
	var all []string
	if stopped, err := h.Functions.Stopped(ctx, f.Name); err != nil {
		all = append(all, unknown(about+"its concurrency is ", err))
	} else if stopped {
		all = append(all, about+"its reserved concurrency is 0: it is never run")
	}
	found, err := h.Functions.Mappings(ctx, f.Name)
	if err != nil {
		return append(all, unknown(about+"what it reads is ", err))
	}
	missing := slices.Clone(f.Sources)
	for _, m := range found {
		i := slices.Index(missing, m.Source)
		switch {
		case i < 0:
			all = append(all, about+"it reads "+m.Source+", which nobody deployed")
			continue
		case !slices.Contains(reading, m.State):
			all = append(all, about+"it does not read "+m.Source+": the mapping is "+cut(m.State))
		}
		missing = slices.Delete(missing, i, i+1)
	}
	for _, source := range missing {
		all = append(all, about+"it does not read "+source+": the mapping is missing")
	}
	return all
}
