package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"mfawatch/audit/alert"
	"mfawatch/audit/trail"
	"mfawatch/functions/alerting"
	"mfawatch/functions/settings"
	"mfawatch/internal/s3"
)

// shape is what messages are told apart by. Each kind has a page:
// EventBridge events (EventBridge user guide, events), S3's notifications (S3
// user guide, event message structure), SNS's envelope (SNS developer guide,
// parsing JSON formats), subscriptions of CloudWatch Logs (CloudWatch Logs user
// guide, real-time processing), CloudTrail's own notification (CloudTrail user
// guide, SNS notifications).
type shape struct {
	// An envelope of SNS.
	Type, Message string

	// An EventBridge event.
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Region     string          `json:"region"`
	Time       string          `json:"time"`
	Detail     json.RawMessage `json:"detail"`

	Records []notice `json:"Records"`

	Event string `json:"Event"` // s3:TestEvent

	S3Bucket    string   `json:"s3Bucket"`
	S3ObjectKey []string `json:"s3ObjectKey"`

	AWSLogs struct {
		Data string `json:"data"`
	} `json:"awslogs"`
}

// notice is one record of a notification, of S3 or of SNS.
type notice struct {
	EventSource string `json:"eventSource"`
	S3          struct {
		Bucket struct {
			Name string `json:"name"`
		} `json:"bucket"`
		Object struct {
			Key string `json:"key"`
		} `json:"object"`
	} `json:"s3"`
	SNS struct{ Message string } `json:"Sns"`
}

// mostWrappings is how deep a message may be wrapped by SNS: a topic does it
// once, and nothing here does it twice.
const mostWrappings = 2

// message handles one message, whatever it came through.
func (in *invocation) message(ctx context.Context, body []byte, depth int) error {
	var m shape
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("%w: not a JSON object of a known kind", errPoison) // the decoder's words may quote the body
	}
	switch {
	case depth > mostWrappings:
		return fmt.Errorf("%w: wrapped by SNS more than %d times", errPoison, mostWrappings)
	case m.Type == "Notification" && m.Message != "":
		return in.message(ctx, []byte(m.Message), depth+1)
	case m.AWSLogs.Data != "":
		return in.scan(ctx, trail.Input{Reader: bytes.NewReader(body), Size: int64(len(body))}, "a subscription of CloudWatch Logs")
	case m.DetailType != "" && len(m.Detail) > 0:
		return in.event(ctx, m)
	case len(m.Records) > 0:
		return in.notices(ctx, m.Records, depth)
	case m.S3Bucket != "" && len(m.S3ObjectKey) > 0:
		return in.objects(ctx, m.S3Bucket, m.S3ObjectKey)
	case m.Event == "s3:TestEvent":
		return nil // S3 sends one when a notification is set up
	}
	return fmt.Errorf("%w: neither an EventBridge event nor a notification of S3, SNS or CloudTrail nor a subscription of CloudWatch Logs", errPoison)
}

func (in *invocation) notices(ctx context.Context, all []notice, depth int) error {
	var errs []error
	for _, n := range all {
		switch n.EventSource {
		case "aws:s3":
			errs = append(errs, in.notified(ctx, n))
		case "aws:sns":
			errs = append(errs, in.message(ctx, []byte(n.SNS.Message), depth+1))
		default:
			errs = append(errs, fmt.Errorf("%w: a record whose source is %q", errPoison, cut(n.EventSource)))
		}
	}
	return alerting.Join(errs...)
}

// notified reads the object that a notification of S3 names. Its key is
// URL-encoded (S3 user guide, event message structure).
func (in *invocation) notified(ctx context.Context, n notice) error {
	key, err := url.QueryUnescape(n.S3.Object.Key)
	if err != nil || key == "" {
		return fmt.Errorf("%w: a notification of S3 without a readable key", errPoison)
	}
	return in.object(ctx, n.S3.Bucket.Name, key)
}

func (in *invocation) objects(ctx context.Context, bucket string, keys []string) error {
	var errs []error
	for _, key := range keys {
		errs = append(errs, in.object(ctx, bucket, key))
	}
	return alerting.Join(errs...)
}

// canarySource is EventBridge's source of what tries the way of alerts.
const canarySource = "mfa.canary"

// event handles an EventBridge event.
func (in *invocation) event(ctx context.Context, m shape) error {
	switch {
	case m.Source == canarySource:
		return in.canary(ctx, m)
	case !strings.HasPrefix(m.Source, "aws."):
		// EventBridge lets nobody but AWS send in the name of aws. (EventBridge API
		// reference, PutEvents).
		return fmt.Errorf("%w: event %s has source %q, and only AWS's are read", errForged, cut(m.ID), cut(m.Source))
	case m.Source == "aws.s3" && m.DetailType == "Object Created":
		return in.created(ctx, m)
	case !strings.HasSuffix(m.DetailType, "via CloudTrail"):
		return fmt.Errorf("%w: an EventBridge event of type %q", errPoison, cut(m.DetailType))
	case m.Account == "":
		return fmt.Errorf("%w: event %s has no account", errForged, cut(m.ID))
	}
	return in.record(ctx, m.Detail, m.Account)
}

// created reads the object of S3's event on EventBridge, whose key is as it is.
func (in *invocation) created(ctx context.Context, m shape) error {
	var d struct {
		Bucket struct{ Name string }
		Object struct{ Key string }
	}
	if err := json.Unmarshal(m.Detail, &d); err != nil || d.Object.Key == "" {
		return fmt.Errorf("%w: an event of S3 without a key", errPoison)
	}
	return in.object(ctx, d.Bucket.Name, d.Object.Key)
}

// canary sends the canary's alert: who waits for it knows that alerts arrive.
func (in *invocation) canary(ctx context.Context, m shape) error {
	if m.Account != in.Settings.Account {
		return fmt.Errorf("%w: a canary of account %q, which is not the function's own", errForged, cut(m.Account))
	}
	var d struct{ Nonce string }
	if err := json.Unmarshal(m.Detail, &d); err != nil || d.Nonce == "" {
		d.Nonce = m.ID
	}
	at, err := time.Parse(time.RFC3339, m.Time)
	if err != nil {
		at = in.Now()
	}
	return in.deliver(ctx, alert.OfCanary(m.Account, m.Region, d.Nonce, at, in.Judge.Names))
}

// object reads a log file of CloudTrail.
func (in *invocation) object(ctx context.Context, bucket, key string) error {
	if !slices.Contains(in.Settings.Buckets, bucket) {
		return fmt.Errorf("%w: a notification of bucket %q, which is not in MFAWATCH_TRAIL_BUCKETS", errForged, cut(bucket))
	}
	b, err := in.Open(ctx, bucket)
	if err != nil {
		return fmt.Errorf("open s3://%s: %w", bucket, err)
	}
	r, err := b.Get(ctx, s3.Object{Key: key})
	if err != nil {
		return fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	defer func() { _ = r.Close() }()
	return in.scan(ctx, trail.Input{Reader: r}, "s3://"+bucket+"/"+key)
}

// scan judges every record of a container. What is damaged fails after the
// records before the damage were judged.
func (in *invocation) scan(ctx context.Context, from trail.Input, name string) error {
	var errs []error
	stats := in.scanner.Scan(from, func(record []byte) {
		errs = append(errs, in.record(ctx, record, ""))
	})
	if stats.Damage != nil {
		in.counts[settings.Unreadable]++
		errs = append(errs, fmt.Errorf("%s is damaged after %d bytes: %s", name, stats.Damage.Offset, stats.Damage.Reason))
	}
	in.log.Debug().Str("from", name).Int("records", stats.Records).Str("kind", string(stats.Kind())).Msg("read")
	return alerting.Join(errs...)
}
