package collect

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"mfawatch/audit"
)

// generateCall asks for the report that reportCall fetches.
const generateCall = "iam:GenerateCredentialReport"

// How long a report may take. AWS says no more than that it takes some time;
// 52 rows were seen to take two seconds.
const (
	firstPause  = 500 * time.Millisecond
	longPause   = 5 * time.Second
	reportLimit = 2 * time.Minute
)

// patience bounds the waiting for a report.
type patience struct{ pause, spent time.Duration }

// wait pauses, a little longer each time; false is that it has been long enough.
func (p *patience) wait(ctx context.Context) (bool, error) {
	if p.spent >= reportLimit {
		return false, nil
	}
	p.pause = min(max(firstPause, p.pause*3/2), longPause)
	p.spent += p.pause
	t := time.NewTimer(p.pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// askReport has the report made, unless one of the last four hours is there, and
// fetches it.
func (r *reader) askReport(ctx context.Context) error {
	if r.s.Report != nil {
		return nil
	}
	var p patience
	for {
		call, again, err := r.tryReport(ctx)
		switch {
		case err != nil:
			return r.refused(ctx, err, audit.Gap{Fact: audit.FactCredentialReport, Action: call})
		case !again:
			return nil
		}
		on, err := p.wait(ctx)
		if err != nil {
			return r.refused(ctx, err, audit.Gap{Fact: audit.FactCredentialReport, Action: call})
		}
		if !on {
			r.gaps = append(r.gaps, audit.FactCredentialReport.Gap("", "not ready after "+audit.Age(reportLimit)))
			return nil
		}
	}
}

// tryReport asks once; again is that it is not ready.
func (r *reader) tryReport(ctx context.Context) (call string, again bool, err error) {
	made, err := r.iam.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
	switch {
	case isCode(err, "LimitExceeded"): // AWS is making reports already
		return generateCall, true, nil
	case err != nil:
		return generateCall, false, err
	case made.State != types.ReportStateTypeComplete:
		return generateCall, true, nil
	}
	at := r.now()
	out, err := r.iam.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
	if isCode(err, "ReportNotPresent", "ReportInProgress", "ReportExpired") {
		return reportCall, true, nil
	}
	if err != nil {
		return reportCall, false, err
	}
	report, err := audit.ParseCredentialReport(out.Content)
	if err != nil {
		return reportCall, false, plainReason(err.Error())
	}
	report.Generated = aws.ToTime(out.GeneratedTime).UTC()
	r.s.Report = readAt(reportCall, at, report)
	return reportCall, false, nil
}

// isCode goes by the code: AWS's message for the report's errors is "Unknown".
// Codes are met with and without their type's suffix.
func isCode(err error, codes ...string) bool {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		return false
	}
	for _, code := range codes {
		if answer.ErrorCode() == code || answer.ErrorCode() == code+"Exception" {
			return true
		}
	}
	return false
}
