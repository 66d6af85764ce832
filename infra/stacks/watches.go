package stacks

import "mfawatch/functions/settings"

// own is the namespace of the functions' metrics.
const own = settings.Namespace

const (
	fiveMinutes = 300
	oneDay      = 24 * oneHour
)

// watches are the alarms on the monitor itself.
func (b *builder) watches() []alarm {
	all := b.canaryAlarms()
	all = append(all, b.deadLetterAlarms()...)
	all = append(all, b.functionAlarms()...)
	return append(all, b.deliveryAlarms()...)
}

// canaryAlarms: the canary that is silent is the alarm, so missing data is bad.
func (b *builder) canaryAlarms() []alarm {
	canary := map[string]string{"function": "canary"}
	round := max(b.d.Watchdog.Every.Seconds(), 60)
	all := []alarm{
		{name: "canary-silent", metric: "RegionsSilent", period: round, of: 2, in: 3, silence: breaching,
			why: "From some Region no canary came back as an alert, or the canary itself does not run: a sign-in there would not be told either. The canary's log names the Regions."},
		{name: "canary-slow", metric: "RoundTrip", period: round, most: 60, of: 2, in: 3, silence: breaching,
			why: "A canary took longer than a minute from its Region to the topic, or none came back."},
		{name: "region-dead-letters", metric: "RegionDeadLetters", period: round, of: 2, in: 3, silence: breaching,
			why: "In some Region events could not be delivered and wait in " + b.of("rules-dead") + " there. The canary's log names it."},
		{name: "regions-unread", metric: "RegionsUnread", period: round, of: 2, in: 3, silence: breaching,
			why: "Of some Region it is not known whether events wait undelivered."},
		{name: "foreign-messages", metric: "ForeignMessages", period: round, silence: notBreaching,
			why: "Something that is no canary came to " + b.of("canary") + ": look at it in " + b.of("canary-dead") + ", and at who may write there."},
		{name: "trail-leg", metric: "TrailLegAge", period: oneDay, most: 15 * 60, of: 2, in: 2, silence: breaching,
			why: "The tag on " + b.of("canary-target") + " did not come back through CloudTrail and EventBridge, or took longer than a quarter of an hour."},
		{name: "check-findings", metric: "CheckFindings", period: oneDay, of: 1, in: 2, silence: breaching,
			why: "What stands deployed differs from what was, or could not be compared. The message of the check and the canary's log say what."},
	}
	if b.d.Watchdog.Heartbeat != "" {
		all = append(all, alarm{name: "heartbeat-failed", metric: "HeartbeatFailed", period: round, of: 2, in: 3, silence: notBreaching,
			why: "The heartbeat outside AWS cannot be reached."})
	}
	for i := range all {
		all[i].namespace, all[i].statistic, all[i].dimensions = own, "Maximum", canary
	}
	return all
}

// deadLetterAlarms: SQS says nothing of a queue that nobody used for hours, so
// missing data is good.
func (b *builder) deadLetterAlarms() []alarm {
	var all []alarm
	for _, q := range []struct{ name, why string }{
		{"sign-ins-dead", "Sign-ins that " + b.of("signin") + " could not judge or tell of, five times over. Its log says why; redrive the queue when that is mended."},
		{"rules-dead", "Events that a rule could not deliver for a day."},
		{"schedules-dead", "Runs of a scheduled function that failed three times."},
		{"canary-dead", "Messages in the canary's queue that no canary is: look at who publishes to the topic."},
		{"alerts-dead", "Messages that the topic could not deliver to a subscriber."},
	} {
		all = append(all, alarm{name: q.name, why: q.why, namespace: "AWS/SQS", metric: "ApproximateNumberOfMessagesVisible", statistic: "Maximum", period: fiveMinutes,
			dimensions: map[string]string{"QueueName": b.of(q.name)}, silence: notBreaching})
	}
	return append(all, alarm{name: "sign-ins-old", why: "A sign-in has waited for longer than ten minutes to be judged.", namespace: "AWS/SQS", metric: "ApproximateAgeOfOldestMessage", statistic: "Maximum",
		period: fiveMinutes, most: 600, dimensions: map[string]string{"QueueName": b.of("sign-ins")}, silence: notBreaching})
}

func (b *builder) functionAlarms() []alarm {
	var all []alarm
	for _, name := range []string{"signin", "reconcile", "audit", "canary"} {
		of := map[string]string{"FunctionName": b.of(name)}
		all = append(all,
			alarm{name: name + "-errors", why: b.of(name) + " failed. Its log says why.", namespace: "AWS/Lambda", metric: "Errors", statistic: "Sum", period: fiveMinutes, dimensions: of, silence: notBreaching},
			alarm{name: name + "-throttles", why: b.of(name) + " was not let run: the account's concurrency is used up, or somebody took the function's away.", namespace: "AWS/Lambda", metric: "Throttles", statistic: "Sum", period: fiveMinutes, dimensions: of, silence: notBreaching})
	}
	all = append(all, alarm{name: "reconcile-silent", why: b.of("reconcile") + " has not run for two hours: what the fast path missed is not found, and digests wait.", namespace: "AWS/Lambda", metric: "Invocations",
		statistic: "Sum", period: 2 * oneHour, most: 1, below: true, dimensions: map[string]string{"FunctionName": b.of("reconcile")}, silence: breaching})
	for _, m := range []struct{ metric, function, name, why string }{
		{"EnvelopeRejected", "signin", "envelope-rejected", "Something reached the function in a false name: look at who may write to its queue and bus."},
		{"PoisonMessages", "signin", "poison-messages", "Messages that nobody can read: they are in " + b.of("sign-ins-dead") + "."},
		{"DamagedFiles", "reconcile", "damaged-files", "Files of the trail that are not whole: coverage/latest.json in the evidence bucket names them."},
	} {
		all = append(all, alarm{name: m.name, why: m.why, namespace: own, metric: m.metric, statistic: "Maximum", period: fiveMinutes, dimensions: map[string]string{"function": m.function}, silence: notBreaching})
	}
	return all
}

// deliveryAlarms: EventBridge counts by rule only.
func (b *builder) deliveryAlarms() []alarm {
	all := []alarm{{name: "alerts-undelivered", why: "The topic could not deliver messages. What can be kept is in " + b.of("alerts-dead") + ".", namespace: "AWS/SNS", metric: "NumberOfNotificationsFailed", statistic: "Sum",
		period: fiveMinutes, dimensions: map[string]string{"TopicName": b.of("alerts")}, silence: notBreaching}}
	var here, arriving []map[string]string
	for _, r := range b.on(b.home) {
		here = append(here, map[string]string{"RuleName": b.of(r.Name)})
	}
	for _, r := range b.arriving() {
		arriving = append(arriving, map[string]string{"EventBusName": b.prefix, "RuleName": b.of(r.Name)})
	}
	for _, group := range []struct {
		name  string
		rules []map[string]string
	}{{"rules", here}, {"arriving-rules", arriving}} {
		for i := 0; i*mostAdded < len(group.rules); i++ {
			part := group.rules[i*mostAdded : min((i+1)*mostAdded, len(group.rules))]
			all = append(all, alarm{name: group.name + "-failing-" + number(i+1), why: "EventBridge cannot invoke the target of a rule of ours.", namespace: "AWS/Events", metric: "FailedInvocations", statistic: "Sum",
				period: fiveMinutes, silence: notBreaching, sum: part})
		}
	}
	return all
}

// mostAdded is how many metrics an alarm can add up (CloudWatch user guide, metric
// math in alarms).
const mostAdded = 10
