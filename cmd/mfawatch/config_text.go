package main

import (
	"fmt"
	"strings"
)

// text is the commented mfawatch.yaml of the answers.
func (a *answers) text() string {
	var b strings.Builder
	b.WriteString(`# What mfawatch deploys, and what its functions go by. Every key, its default and
# why: docs/config.md. After a change: mfawatch config check
version: 1

# Where the stacks are.
`)
	fmt.Fprintf(&b, "account: %s\nhome_region: %s\n", quoted(a.account), quoted(a.home))
	a.writeOrganization(&b)
	a.writeRegions(&b)
	a.writeTrail(&b)
	a.writeTargets(&b)
	a.writeGuardrail(&b)
	b.WriteString(rest)
	return b.String()
}

func (a *answers) writeOrganization(b *strings.Builder) {
	if a.organization == "" {
		b.WriteString("# This account alone is watched.\nmode: account\n")
		return
	}
	b.WriteString("# The organisation's accounts are watched. The management account's own stack is\n# deployed by hand: no StackSet reaches it.\nmode: organization\norganization:\n")
	fmt.Fprintf(b, "  id: %s\n", quoted(a.organization))
	if a.root != "" {
		fmt.Fprintf(b, "  root: %s\n", quoted(a.root))
	}
	if len(a.units) > 0 {
		fmt.Fprintf(b, "  units: %s\n", quotedList(a.units))
	}
	if a.management != "" {
		fmt.Fprintf(b, "  management_account: %s\n", quoted(a.management))
	}
}

func (a *answers) writeRegions(b *strings.Builder) {
	b.WriteString(`
# The Regions that are watched. default is those that are on in every account; name
# the ones that the account switched on as well, and then all. Console sign-ins are
# recorded in us-east-1, us-east-2, us-west-2, eu-north-1 and ap-southeast-2 too.
`)
	if len(a.regions) == 0 {
		b.WriteString("regions: default\n")
		return
	}
	fmt.Fprintf(b, "regions: %s\n", quotedList(a.regions))
}

// secondTrail is what a second trail costs (CloudTrail pricing).
const secondTrail = "$2 for 100,000 management events"

func (a *answers) writeTrail(b *strings.Builder) {
	t := a.trail
	if t == nil {
		b.WriteString(`
# A trail of all Regions is made. Management events of a first trail are free, each
# copy beyond costs ` + secondTrail + `: adopt a trail that is
# there already. A lock (governance, compliance) keeps files from being deleted, and
# the bucket with them.
trail:
  create: {object_lock: none, log_group: true}
`)
		return
	}
	fmt.Fprintf(b, "\n# A trail that is there. It must record management events of all Regions, read and\n# write. Nothing of it is changed.\ntrail:\n  adopt:\n    arn: %s\n    bucket: %s\n", quoted(t.ARN), quoted(t.Bucket))
	if t.Prefix != "" {
		fmt.Fprintf(b, "    prefix: %s\n", quoted(t.Prefix))
	} else if t.Region == "" { // nobody has looked
		b.WriteString("    # prefix: o-…  what stands before AWSLogs in the bucket; Control Tower's is the organisation's id\n")
	}
	if strings.Contains(t.KeyARN, ":key/") {
		fmt.Fprintf(b, "    kms_key: %s\n", quoted(t.KeyARN))
	} else if t.Region == "" {
		b.WriteString("    # kms_key: ARN, where its files are encrypted with one (aws cloudtrail describe-trails: KmsKeyId)\n")
	}
	switch {
	case t.LogGroup != "" && t.Region == a.home && t.LogGroupAccount == a.account:
		fmt.Fprintf(b, "    log_group: %s\n", quoted(t.LogGroup))
	case t.LogGroup != "":
		fmt.Fprintf(b, "    # Its log group %s is in %s, account %s; metric filters need one of this\n    # account in the home Region.\n", t.LogGroup, t.Region, t.LogGroupAccount)
	default:
		b.WriteString("    # log_group: NAME, when it writes to one of this account in the home Region: metric filters need it.\n")
	}
}

func (a *answers) writeTargets(b *strings.Builder) {
	b.WriteString(`
# Who is told, and of what: severity is the least, info is everything. Kinds are
# email, https, sqs, pagerduty, slack and teams. URLs may hold keys: keep this file
# where you would keep them.
alerts:
`)
	if len(a.targets) == 0 {
		b.WriteString("  targets: []\n")
		return
	}
	b.WriteString("  targets:\n")
	for _, t := range a.targets {
		fmt.Fprintf(b, "    - %s\n", t)
	}
}

func (a *answers) writeGuardrail(b *strings.Builder) {
	b.WriteString(`
# The policy that asks users for a second factor: none, self-service, mfa-only,
# hardware or admin-managed. See first whom it would lock out: mfawatch enforce --plan
guardrail:
`)
	profile := a.guardrail
	if profile == "" {
		profile = none
	}
	fmt.Fprintf(b, "  profile: %s\n", quoted(profile))
	if len(a.groups) > 0 {
		fmt.Fprintf(b, "  groups: %s\n", quotedList(a.groups))
	}
	if len(a.registrars) > 0 {
		fmt.Fprintf(b, "  registrars: %s\n", quotedList(a.registrars))
	}
}

// rest is what holds without a word. Each block can be uncommented as it is.
const rest = `
# What follows holds without a word.

# reports:
#   schedule: cron(0 6 * * ? *)  # UTC
#   formats: [json, html]
#   security_hub: false
# watchdog:
#   every: 15m
#   # heartbeat: https://…  called after each round, by a service that tells when calls stop
# kms: create
# retention:
#   evidence: 400d
#   reports: 400d
#   logs: 400d

# The emergency door: users of this account who may open it.
# break_glass:
#   principals: [arn:aws:iam::111122223333:user/…]

# Failures of an audit that somebody accepted, each with an owner and an end.
# exemptions:
#   - {id: AIDA…, owner: …, reason: …, expires: 2027-03-31}
`
