package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Doubts are what is deployed as it is written and may be a mistake, in sentences.
// rules are those of the same file.
func (d Deployment) Doubts(rules File) []string {
	var all []string
	for _, doubt := range []string{d.unheard(), d.unwatched(), d.unfiltered(), d.unaudited(), d.unheld(rules), d.unreachable(), d.unarmed()} {
		if doubt != "" {
			all = append(all, doubt)
		}
	}
	return all
}

func (d Deployment) unheard() string {
	switch {
	case len(d.Targets) == 0:
		return "nobody is told: alerts.targets names nobody, and what is found stays in the topic"
	case !slices.ContainsFunc(d.Targets, func(t Target) bool { return len(t.Accounts) == 0 }):
		return "nobody hears what the monitor says of itself, nor of other accounts: every entry of alerts.targets has accounts; name somebody without"
	}
	return ""
}

func (d Deployment) unwatched() string {
	missing := slices.DeleteFunc(signInRegions(d.Partition()), func(r string) bool { return slices.Contains(d.Regions, r) })
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("AWS records console sign-ins in %s too, which regions leaves out: they are told when the trail's files are read, within hours and not within a minute", strings.Join(missing, ", "))
}

func (d Deployment) unfiltered() string {
	if d.Metrics.Enabled || d.Trail.Logs || d.Trail.LogGroup != "" {
		return ""
	}
	return "there are no metric filters: the trail has no log group"
}

// rare is how far apart audits may be without a word.
const rare = 7 * 24 * time.Hour

func (d Deployment) unaudited() string {
	if d.Reports.Every <= rare {
		return ""
	}
	return fmt.Sprintf("two audits are up to %d days apart: a factor that is taken away without an event stays unseen for so long", int(d.Reports.Every/(24*time.Hour)))
}

func (d Deployment) unheld(rules File) string {
	if !d.BreakGlass.There() || len(rules.Posture.BreakGlass) > 0 {
		return ""
	}
	return "audit.break_glass does not name the emergency users: write their immutable ids there, so that the audit holds them to its stricter list"
}

// noURLs are the Regions whose functions have no URL (Lambda developer guide,
// function URLs). AWS adds Regions and takes them from the list, so it is a doubt.
var noURLs = []string{
	"ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-2", "il-central-1", "me-central-1",
}

func (d Deployment) unreachable() string {
	if !d.BreakGlass.Door.There() || !slices.Contains(noURLs, d.Home) {
		return ""
	}
	return fmt.Sprintf("functions in %s had no URL when this was written: the emergency door's stack would fail there, and needs another home_region, or principals without people", d.Home)
}

func (d Deployment) unarmed() string {
	switch {
	case d.Guardrail.Kind == "":
		return ""
	case d.Guardrail.Attach == ToGroup && len(d.Guardrail.Groups) == 0:
		return fmt.Sprintf("the guardrail binds nobody yet: the group %s-humans is made and is empty", d.Prefix)
	case d.Guardrail.Attach == ToBoundary:
		return "the guardrail binds nobody yet: the boundary is made, and set on users by hand"
	case d.Guardrail.Attach == ToSCP && len(d.Guardrail.SCPTargets) == 0:
		return "the guardrail binds nobody yet: guardrail.scp_targets names nothing to attach it to"
	case d.Guardrail.Attach == ToSCP && d.Organization.Delegated:
		return "a service control policy is made by the management account, or where Organizations delegates policies: being a delegated administrator of StackSets is not enough, and the stack of the guardrail would fail"
	}
	return ""
}

// signInRegions are where AWS records console sign-ins that name no Region: those
// of root, and of IAM users at the global endpoint, by latency (CloudTrail user
// guide, console sign-in events).
func signInRegions(partitionID string) []string {
	if partitionID != "aws" {
		return nil
	}
	return []string{"ap-southeast-2", "eu-north-1", "us-east-1", "us-east-2", "us-west-2"}
}
