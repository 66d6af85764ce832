package cloudtrail

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/account/types"
)

// Regions are the account's Regions: those that are on, or being switched on or
// off. When AWS does not say, assumed is true, and they are those of the
// partition that are on in every account; err is why.
func Regions(ctx context.Context, cfg aws.Config) (names []string, assumed bool, err error) {
	cfg.Region = Home(cfg.Region) // the service is in one Region of each partition
	c := account.NewFromConfig(cfg, func(o *account.Options) { o.Retryer = patient() })
	pages := account.NewListRegionsPaginator(c, &account.ListRegionsInput{RegionOptStatusContains: []types.RegionOptStatus{
		types.RegionOptStatusEnabled, types.RegionOptStatusEnabledByDefault, types.RegionOptStatusEnabling, types.RegionOptStatusDisabling,
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return everywhere(cfg.Region), true, explain(ctx, "account:ListRegions", err)
		}
		for _, r := range page.Regions {
			names = append(names, aws.ToString(r.RegionName))
		}
	}
	slices.Sort(names)
	return names, false, nil
}

// Home is the Region in which a partition's global services, IAM among them,
// write their events (CloudTrail user guide, global service events). Region is
// any of the partition; none is AWS's commercial one.
func Home(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "cn-north-1"
	case strings.HasPrefix(region, "us-gov-"):
		return "us-gov-west-1"
	}
	return "us-east-1"
}

// everywhere are the Regions that no account can switch off (Account Management
// guide, Regions).
func everywhere(home string) []string {
	switch home {
	case "cn-north-1":
		return []string{"cn-north-1", "cn-northwest-1"}
	case "us-gov-west-1":
		return []string{"us-gov-east-1", "us-gov-west-1"}
	}
	return []string{
		"ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2",
		"ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3",
		"sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2",
	}
}
