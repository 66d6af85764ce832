package cloudtrail

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awstrail "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// Trail is a trail of all Regions.
type Trail struct {
	ARN, Name, Region string // the Region that it was made in
	Bucket, Prefix    string
	KeyARN            string
	LogGroup          string // its name
	LogGroupAccount   string // whose it is: the organisation's trail has it in another account than a member's
	Organization      bool   // the organisation's
	Selectors         bool   // it has event selectors of its own, which may leave management events out
	Validation        bool   // its files are signed: digests tell whether one was changed
	Status
	Unknown error // why nobody can tell how it does
}

// Find are the trails of all Regions that the account has or is part of, those
// that write first, by ARN. cfg's Region is any of the partition.
func Find(ctx context.Context, cfg aws.Config) ([]Trail, error) {
	c := awstrail.NewFromConfig(cfg, func(o *awstrail.Options) { o.Retryer = patient() })
	// Shadow trails are those of other Regions, and the organisation's in a member.
	out, err := c.DescribeTrails(ctx, &awstrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(true)})
	if err != nil {
		return nil, explain(ctx, "cloudtrail:DescribeTrails", err)
	}
	var all []Trail
	for _, d := range out.TrailList {
		if !aws.ToBool(d.IsMultiRegionTrail) {
			continue
		}
		t := described(d)
		if t.Status, t.Unknown = NewTrails(cfg).Status(ctx, t.ARN); ctx.Err() != nil {
			return nil, ctx.Err()
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b Trail) int {
		if a.Logging != b.Logging {
			return map[bool]int{true: -1, false: 1}[a.Logging]
		}
		return strings.Compare(a.ARN, b.ARN)
	})
	return all, nil
}

func described(d types.Trail) Trail {
	t := Trail{
		ARN: aws.ToString(d.TrailARN), Name: aws.ToString(d.Name), Region: aws.ToString(d.HomeRegion), Bucket: aws.ToString(d.S3BucketName),
		Prefix: aws.ToString(d.S3KeyPrefix), KeyARN: aws.ToString(d.KmsKeyId), Organization: aws.ToBool(d.IsOrganizationTrail), Selectors: aws.ToBool(d.HasCustomEventSelectors),
		Validation: aws.ToBool(d.LogFileValidationEnabled),
	}
	// arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*
	if parts := strings.SplitN(aws.ToString(d.CloudWatchLogsLogGroupArn), ":", 8); len(parts) >= 7 {
		t.LogGroupAccount, t.LogGroup = parts[4], parts[6]
	}
	return t
}
