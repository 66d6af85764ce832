// Package partition knows AWS's partitions and their Regions, as a table.
//
// It promises that the table is that of one release of the AWS SDK, and that a Region which
// is newer still has a partition, by its name. It asks nobody: which Regions an account has
// switched on is for internal/cloudtrail to ask.
package partition

import (
	"slices"
	"strings"
)

// Partition is one of AWS's partitions with its Regions.
type Partition struct {
	ID     string
	IAM    string   // where IAM, STS's global endpoint and root sign-ins write their events
	Always []string // on in every account
	OptIn  []string // that an account switches on
	prefix string   // of its Regions' names; the commercial one has none
}

// List are the partitions that a guardrail is written for. Their Regions are those of
// the AWS SDK for Go 1.47.7 (endpoint rules). On in every account are those that
// were opened before 20 March 2019, and all of the other partitions (Account
// Management guide, Regions); where global services write is in the CloudTrail user
// guide, global service events.
func List() []Partition {
	return []Partition{
		{
			ID: "aws", IAM: "us-east-1",
			Always: []string{
				"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
				"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
				"sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
			},
			OptIn: []string{
				"af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
				"ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1", "eu-south-2",
				"il-central-1", "me-central-1", "me-south-1", "mx-central-1",
			},
		},
		{ID: "aws-cn", IAM: "cn-north-1", Always: []string{"cn-north-1", "cn-northwest-1"}, prefix: "cn-"},
		{ID: "aws-us-gov", IAM: "us-gov-west-1", Always: []string{"us-gov-east-1", "us-gov-west-1"}, prefix: "us-gov-"},
	}
}

// All are the partition's Regions, sorted.
func (p Partition) All() []string {
	return slices.Sorted(slices.Values(slices.Concat(p.Always, p.OptIn)))
}

// Known is the partition of a Region of the table; its ID is empty when nobody knows the
// Region.
func Known(name string) Partition {
	for _, p := range List() {
		if slices.Contains(p.All(), name) {
			return p
		}
	}
	return Partition{}
}

// Of is the partition of a Region by its name (AWS general reference, ARNs), for one that
// the table may not have yet. That of no Region is AWS's commercial one.
func Of(name string) Partition {
	all := List()
	for _, p := range all[1:] {
		if strings.HasPrefix(name, p.prefix) {
			return p
		}
	}
	return all[0]
}

// Regions are those of every partition.
func Regions() []string {
	var all []string
	for _, p := range List() {
		all = append(all, p.All()...)
	}
	return all
}
