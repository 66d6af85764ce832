package cloudtrail

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awstrail "github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"mfawatch/internal/awserr"
)

// Status is how a trail does.
type Status struct {
	Logging   bool
	Delivered time.Time // the newest file; zero when there was none
	// What kept CloudTrail from delivering, by destination; "": nothing did.
	BucketError, LogsError string
}

// Trails asks about trails, each in its home Region.
type Trails struct{ cfg aws.Config }

// NewTrails takes the configuration of any Region.
func NewTrails(cfg aws.Config) Trails { return Trails{cfg} }

// Status asks for a trail by its ARN, in the Region that the ARN names: a trail
// answers there whole (CloudTrail API reference, GetTrailStatus). Its error names
// the action, the Region and AWS's code.
func (t Trails) Status(ctx context.Context, arn string) (Status, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "cloudtrail" || parts[3] == "" {
		return Status{}, fmt.Errorf("%q is no ARN of a trail", arn)
	}
	client := awstrail.NewFromConfig(t.cfg, func(o *awstrail.Options) { o.Region = parts[3] })
	out, err := client.GetTrailStatus(ctx, &awstrail.GetTrailStatusInput{Name: &arn})
	if err != nil {
		return Status{}, fmt.Errorf("cloudtrail:GetTrailStatus in %s: %s", parts[3], awserr.Code(err))
	}
	return Status{
		Logging: aws.ToBool(out.IsLogging), Delivered: aws.ToTime(out.LatestDeliveryTime),
		BucketError: awserr.OneLine(aws.ToString(out.LatestDeliveryError)), LogsError: awserr.OneLine(aws.ToString(out.LatestCloudWatchLogsDeliveryError)),
	}, nil
}
