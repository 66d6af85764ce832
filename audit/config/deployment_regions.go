package config

import (
	"slices"
	"strings"
)

// partition is one of AWS's partitions with its Regions.
type partition struct {
	id     string
	iam    string   // where IAM, STS's global endpoint and root sign-ins write their events
	always []string // on in every account
	optIn  []string // that an account switches on
}

// partitions are those that a guardrail is written for. Their Regions are those of
// the AWS SDK for Go 1.47.7 (endpoint rules). On in every account are those that
// were opened before 20 March 2019, and all of the other partitions (Account
// Management guide, Regions); where global services write is in the CloudTrail user
// guide, global service events.
func partitions() []partition {
	return []partition{
		{
			id: "aws", iam: "us-east-1",
			always: []string{
				"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
				"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
				"sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
			},
			optIn: []string{
				"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
				"ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2",
				"il-central-1", "me-central-1", "me-south-1", "mx-central-1",
			},
		},
		{id: "aws-cn", iam: "cn-north-1", always: []string{"cn-north-1", "cn-northwest-1"}},
		{id: "aws-us-gov", iam: "us-gov-west-1", always: []string{"us-gov-east-1", "us-gov-west-1"}},
	}
}

// all are the partition's Regions, sorted.
func (p partition) all() []string {
	return slices.Sorted(slices.Values(slices.Concat(p.always, p.optIn)))
}

// partitionOf is the partition of a Region; its id is empty when nobody knows the
// Region.
func partitionOf(region string) partition {
	for _, p := range partitions() {
		if slices.Contains(p.all(), region) {
			return p
		}
	}
	return partition{}
}

// everyRegion are all Regions that are known.
func everyRegion() []string {
	var all []string
	for _, p := range partitions() {
		all = append(all, p.all()...)
	}
	return all
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

// arn is an ARN in its parts.
type arn struct{ partition, service, region, account, resource string }

// parseARN takes an ARN apart that the schema accepted.
func parseARN(text string) arn {
	p := append(strings.SplitN(text, ":", 6), "", "", "", "", "", "")
	return arn{p[1], p[2], p[3], p[4], p[5]}
}
