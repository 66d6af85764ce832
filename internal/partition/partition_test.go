package partition_test

import (
	"slices"
	"testing"

	"mfawatch/internal/partition"
)

func TestPartitionOfARegion(t *testing.T) {
	for _, c := range []struct{ name, known, named string }{
		{"eu-north-1", "aws", "aws"}, {"il-central-1", "aws", "aws"}, {"cn-northwest-1", "aws-cn", "aws-cn"}, {"us-gov-east-1", "aws-us-gov", "aws-us-gov"},
		{"cn-east-9", "", "aws-cn"}, {"us-gov-north-9", "", "aws-us-gov"}, {"eu-north-9", "", "aws"}, {"us-east-1x", "", "aws"}, {"", "", "aws"},
	} {
		if got := partition.Known(c.name).ID; got != c.known {
			t.Errorf("Known(%q) is %q, want %q", c.name, got, c.known)
		}
		if got := partition.Of(c.name).ID; got != c.named {
			t.Errorf("Of(%q) is %q, want %q", c.name, got, c.named)
		}
	}
}

func TestTheTableAgreesWithItself(t *testing.T) {
	all := partition.Regions()
	if s := slices.Compact(slices.Sorted(slices.Values(all))); len(s) != len(all) {
		t.Errorf("a Region is in the table twice: %v", all)
	}
	for _, p := range partition.List() {
		if !slices.Contains(p.Always, p.IAM) {
			t.Errorf("%s: IAM's Region %s can be switched off", p.ID, p.IAM)
		}
		for _, r := range p.All() {
			if partition.Known(r).ID != p.ID || partition.Of(r).ID != p.ID {
				t.Errorf("%s is of %s, known as %s, named as %s", r, p.ID, partition.Known(r).ID, partition.Of(r).ID)
			}
		}
	}
}
