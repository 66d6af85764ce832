package cloudtrail

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awstrail "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"mfawatch/internal/awserr"
)

// Management is what a trail records of management events.
type Management struct {
	Reads, Writes bool
	Without       []string // sources of events that are left out, such as kms.amazonaws.com
	Narrowed      []string // fields by which other events are left out
}

// Management asks for a trail's selectors by its ARN, in the Region that the ARN names.
// Its error names the action, the Region and AWS's code.
func (t Trails) Management(ctx context.Context, arn string) (Management, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "cloudtrail" || parts[3] == "" {
		return Management{}, fmt.Errorf("%q is no ARN of a trail", arn)
	}
	client := awstrail.NewFromConfig(t.cfg, func(o *awstrail.Options) { o.Region = parts[3] })
	out, err := client.GetEventSelectors(ctx, &awstrail.GetEventSelectorsInput{TrailName: &arn})
	if err != nil {
		return Management{}, fmt.Errorf("cloudtrail:GetEventSelectors in %s: %s", parts[3], awserr.Code(err))
	}
	var m Management
	for _, s := range out.EventSelectors {
		m.basic(s)
	}
	for _, s := range out.AdvancedEventSelectors {
		m.advanced(s.FieldSelectors)
	}
	return m, nil
}

// basic adds what a basic selector takes in (CloudTrail API reference, EventSelector: without
// a value it takes management events, reads and writes).
func (m *Management) basic(s types.EventSelector) {
	if s.IncludeManagementEvents != nil && !*s.IncludeManagementEvents {
		return
	}
	m.Reads = m.Reads || s.ReadWriteType != types.ReadWriteTypeWriteOnly
	m.Writes = m.Writes || s.ReadWriteType != types.ReadWriteTypeReadOnly
	m.Without = append(m.Without, s.ExcludeManagementEventSources...)
}

// advanced adds what an advanced selector takes in: all that fits each of its fields
// (CloudTrail API reference, AdvancedFieldSelector).
func (m *Management) advanced(fields []types.AdvancedFieldSelector) {
	reads, writes := true, true
	var without, narrowed []string
	for _, f := range fields {
		switch name := aws.ToString(f.Field); name {
		case "eventCategory":
			if !slices.Contains(f.Equals, "Management") {
				return
			}
		case "readOnly":
			reads = slices.Contains(f.Equals, "true")
			writes = slices.Contains(f.Equals, "false")
		case "eventSource":
			without = append(without, f.NotEquals...)
			if len(f.Equals)+len(f.StartsWith)+len(f.EndsWith)+len(f.NotStartsWith)+len(f.NotEndsWith) > 0 {
				narrowed = append(narrowed, name)
			}
		default:
			narrowed = append(narrowed, name)
		}
	}
	m.Reads, m.Writes = m.Reads || reads, m.Writes || writes
	m.Without, m.Narrowed = append(m.Without, without...), append(m.Narrowed, narrowed...)
}
