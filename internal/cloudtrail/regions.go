package cloudtrail

import (
	"context"
	"slices"

	"mfawatch/internal/partition"

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
			return partition.Of(cfg.Region).Always, true, explain(ctx, "account:ListRegions", err)
		}
		for _, r := range page.Regions {
			names = append(names, aws.ToString(r.RegionName))
		}
	}
	slices.Sort(names)
	return names, false, nil
}

// Home is the Region in which a partition's global services, IAM among them,
// write their events. Region is any of the partition; none is AWS's commercial one.
func Home(region string) string { return partition.Of(region).IAM }
