package cloudtrail

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mfawatch/internal/fakeaws"
)

const main = "arn:aws:cloudtrail:eu-north-1:" + own + ":trail/main"

func TestFind(t *testing.T) {
	delivered := time.Date(2026, 11, 26, 1, 0, 0, 0, time.UTC)
	srv, cfg := stand()
	cfg.Region = "eu-north-1"
	srv.History.Trails = []fakeaws.Trail{
		{ARN: "arn:aws:cloudtrail:eu-west-1:" + own + ":trail/alone", Region: "eu-west-1", Bucket: "alone", OneRegion: true},
		{ARN: "arn:aws:cloudtrail:eu-north-1:" + own + ":trail/a-stopped", Region: "eu-north-1", Bucket: "old", Stopped: true},
		{
			ARN: main, Region: "eu-north-1", Bucket: "logs", Prefix: "audit", KeyARN: "arn:aws:kms:eu-north-1:" + own + ":key/1",
			LogGroupARN: "arn:aws:logs:eu-north-1:" + own + ":log-group:aws-cloudtrail-logs:*", Selectors: true, Validation: true, Delivered: delivered, DeliveryError: "NoSuchBucket",
		},
		{ARN: "arn:aws:cloudtrail:us-east-1:444455556666:trail/organisation", Region: "us-east-1", Bucket: "all", Organization: true},
	}
	got, err := Find(t.Context(), cfg)
	want := []Trail{
		{
			ARN: main, Name: "main", Region: "eu-north-1", Bucket: "logs", Prefix: "audit", KeyARN: "arn:aws:kms:eu-north-1:" + own + ":key/1", LogGroup: "aws-cloudtrail-logs", LogGroupAccount: own,
			Selectors: true, Validation: true, Status: Status{Logging: true, Delivered: delivered, BucketError: "NoSuchBucket"},
		},
		{ARN: "arn:aws:cloudtrail:us-east-1:444455556666:trail/organisation", Name: "organisation", Region: "us-east-1", Bucket: "all", Organization: true, Status: Status{Logging: true}},
		{ARN: "arn:aws:cloudtrail:eu-north-1:" + own + ":trail/a-stopped", Name: "a-stopped", Region: "eu-north-1", Bucket: "old"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Find: %v\n%s", err, diff)
	}
	if n := srv.Counts()["cloudtrail:GetTrailStatus"]; n != 3 {
		t.Errorf("%d statuses asked for, want 3: not that of a trail of one Region", n)
	}
}

func TestFindRefused(t *testing.T) {
	srv, cfg := stand()
	cfg.Region = "eu-north-1"
	srv.History.Trails = []fakeaws.Trail{{ARN: main, Region: "eu-north-1", Bucket: "logs"}}
	srv.Fault(fakeaws.Denied("cloudtrail:GetTrailStatus"))
	got, err := Find(t.Context(), cfg)
	if err != nil || len(got) != 1 || got[0].Logging || got[0].Unknown == nil || !strings.Contains(got[0].Unknown.Error(), "cloudtrail:GetTrailStatus in eu-north-1: AccessDenied") {
		t.Errorf("Find = %+v, %v, want one whose status is not known", got, err)
	}
	srv.Fault(fakeaws.Denied("cloudtrail:DescribeTrails"))
	if _, err := Find(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "allow cloudtrail:DescribeTrails") {
		t.Errorf("Find: error %v, want what to allow", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	srv.Mend()
	srv.Before = func(c fakeaws.Call) {
		if c.Action == "cloudtrail:GetTrailStatus" {
			stop()
		}
	}
	if _, err := Find(ctx, cfg); err == nil || err != context.Canceled {
		t.Errorf("Find: error %v, want that it was stopped", err)
	}
}
