package cloudtrail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/fakeaws"
)

// Answers of GetEventSelectors, as the CloudTrail API reference has their fields.
func TestManagement(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   Management
	}{
		"a new trail":           {`{"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":[]}]}`, Management{Reads: true, Writes: true}},
		"values left out":       {`{"EventSelectors":[{}]}`, Management{Reads: true, Writes: true}},
		"writes":                {`{"EventSelectors":[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":true}]}`, Management{Writes: true}},
		"reads":                 {`{"EventSelectors":[{"ReadWriteType":"ReadOnly"}]}`, Management{Reads: true}},
		"data events only":      {`{"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":false}]}`, Management{}},
		"two make all":          {`{"EventSelectors":[{"ReadWriteType":"ReadOnly"},{"ReadWriteType":"WriteOnly"}]}`, Management{Reads: true, Writes: true}},
		"without KMS":           {`{"EventSelectors":[{"ReadWriteType":"All","ExcludeManagementEventSources":["kms.amazonaws.com"]}]}`, Management{Reads: true, Writes: true, Without: []string{"kms.amazonaws.com"}}},
		"advanced":              {`{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]}]}`, Management{Reads: true, Writes: true}},
		"advanced, writes":      {`{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"readOnly","Equals":["false"]}]}]}`, Management{Writes: true}},
		"advanced, data":        {`{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Data"]},{"Field":"resources.type","Equals":["AWS::S3::Object"]}]}]}`, Management{}},
		"advanced, without KMS": {`{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"eventSource","NotEquals":["kms.amazonaws.com"]}]}]}`, Management{Reads: true, Writes: true, Without: []string{"kms.amazonaws.com"}}},
		"advanced, one source":  {`{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"eventSource","Equals":["iam.amazonaws.com"]}]}]}`, Management{Reads: true, Writes: true, Narrowed: []string{"eventSource"}}},
		"advanced, a new field": {`{"AdvancedEventSelectors":[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]},{"Field":"userIdentity.arn","NotStartsWith":["arn:aws:sts"]}]}]}`, Management{Reads: true, Writes: true, Narrowed: []string{"userIdentity.arn"}}},
		"nothing":               {`{}`, Management{}},
	} {
		srv, cfg := stand()
		srv.History.Trails = []fakeaws.Trail{{ARN: main, EventSelectors: c.answer}}
		got, err := NewTrails(cfg).Management(t.Context(), main)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestManagementRefused(t *testing.T) {
	srv, cfg := stand()
	srv.Fault(fakeaws.Denied("cloudtrail:GetEventSelectors"))
	if _, err := NewTrails(cfg).Management(t.Context(), main); err == nil || !strings.Contains(err.Error(), "cloudtrail:GetEventSelectors in eu-north-1: AccessDenied") {
		t.Errorf("error %v", err)
	}
	if _, err := NewTrails(cfg).Management(t.Context(), "main"); err == nil {
		t.Error("a name is taken for an ARN")
	}
}
