package settings_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"mfawatch/functions/settings"
)

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func common() settings.Common {
	return settings.Common{Partition: "aws", Account: "111122223333", LogLevel: "debug"}
}

func alerting() settings.Alerting {
	return settings.Alerting{TopicARN: "arn:aws:sns:eu-north-1:111122223333:alerts", EventsTable: "events", EvidenceBucket: "evidence", Lease: time.Minute, Keep: 48 * time.Hour}
}

// roundTrip asserts that a function reads what infra wrote, and that no field
// of the example was forgotten.
func roundTrip[T any](t *testing.T, want T) {
	t.Helper()
	unset(t, reflect.ValueOf(want))
	got, err := settings.FromEnv[T](lookup(settings.Env(want)))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%T: %+v, error %v, want %+v", want, got, err, want)
	}
}

func unset(t *testing.T, v reflect.Value) {
	t.Helper()
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case f.Anonymous:
			unset(t, v.Field(i))
		case v.Field(i).IsZero():
			t.Errorf("%s.%s is not set in the example", v.Type(), f.Name)
		case f.Tag.Get("env") == "" || f.Tag.Get("is") == "":
			t.Errorf("%s.%s has no tag", v.Type(), f.Name)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	queues := []string{"arn:aws:sqs:eu-north-1:111122223333:a", "arn:aws:sqs:eu-north-1:111122223333:b"}
	roundTrip(t, settings.Signin{Common: common(), Alerting: alerting(), Queues: queues, Buckets: []string{"trail"}})
	roundTrip(t, settings.Reconcile{Common: common(), Alerting: alerting(), TrailBucket: "trail", TrailPrefix: "a prefix/", TrailAccount: "444455556666", LookBack: 3 * time.Hour, Silence: time.Hour})
	roundTrip(t, settings.Audit{Common: common(), ReportBucket: "reports", ReportPrefix: "x/", TopicARN: "arn:aws:sns:eu-north-1:111122223333:alerts", Formats: []string{"json", "csv"},
		SecurityHub: true, Region: "eu-north-1", Role: "path/Audit", ExternalID: "an id", Remind: time.Hour, Rate: 5})
	roundTrip(t, canary())
	roundTrip(t, settings.BreakGlass{Common: common(), Region: "eu-north-1", Table: "mfawatch-breakglass", LedgerTable: "mfawatch-ledger", TopicARN: "arn:aws:sns:eu-north-1:111122223333:breakglass",
		KeyARN: "arn:aws:kms:eu-north-1:111122223333:key/k", RecordBucket: "mfawatch-record"})
}

func canary() settings.Canary {
	return settings.Canary{Common: common(), Prefix: "mfawatch", Regions: []string{"eu-north-1", "us-east-1"}, TopicARN: "arn:aws:sns:eu-north-1:111122223333:alerts",
		QueueARN: "arn:aws:sqs:eu-north-1:111122223333:mfawatch-canary", TrailARN: "arn:aws:cloudtrail:eu-north-1:111122223333:trail/t",
		KeyARN: "arn:aws:kms:eu-north-1:111122223333:key/k", Wait: 30 * time.Second, Heartbeat: "https://192.0.2.1/ping/key"}
}

// An address that holds a key is not repeated in an error.
func TestHeartbeatIsHTTPS(t *testing.T) {
	for _, url := range []string{"http://192.0.2.1/ping/key", "https:///ping/key", "ping/key", "https://%zz/key"} {
		set := canary()
		set.Heartbeat = url
		_, err := settings.FromEnv[settings.Canary](lookup(settings.Env(set)))
		if err == nil || strings.Contains(err.Error(), "key") || !strings.Contains(err.Error(), "MFAWATCH_HEARTBEAT_URL is no https URL") {
			t.Errorf("%s: error %v", url, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	env := settings.Env(settings.Signin{Common: common(), Alerting: alerting(), Queues: []string{"arn:aws:sqs:eu-north-1:111122223333:a"}})
	for _, name := range []string{"MFAWATCH_LOG_LEVEL", "MFAWATCH_LEASE", "MFAWATCH_KEEP"} {
		delete(env, name)
	}
	got, err := settings.FromEnv[settings.Signin](lookup(env))
	if err != nil || got.LogLevel != "info" || got.Lease != 2*time.Minute || got.Keep != 90*24*time.Hour || got.Buckets != nil {
		t.Errorf("%+v, error %v", got, err)
	}
	rest := settings.Env(canary())
	for _, name := range []string{"MFAWATCH_CANARY_WAIT", "MFAWATCH_HEARTBEAT_URL", "MFAWATCH_KEY_ARN"} {
		delete(rest, name)
	}
	if got, err := settings.FromEnv[settings.Canary](lookup(rest)); err != nil || got.Wait != time.Minute || got.Heartbeat != "" || got.KeyARN != "" {
		t.Errorf("%+v, error %v", got, err)
	}
}

// Everything that is wrong is told at once, and nothing is read.
func TestWrongEnvironment(t *testing.T) {
	good := settings.Env(settings.Audit{Common: common(), ReportBucket: "reports", TopicARN: "arn:aws:sns:eu-north-1:111122223333:alerts", Region: "eu-north-1", Formats: []string{"json"}, Rate: 5, ReportPrefix: "x", Remind: time.Hour})
	for name, c := range map[string][2]string{
		"MFAWATCH_ACCOUNT":       {"1111", `"1111" is no account number: twelve digits`},
		"MFAWATCH_TOPIC_ARN":     {"alerts", `"alerts" is no ARN`},
		"MFAWATCH_LOG_LEVEL":     {"loud", `"loud" is no log level: debug, info, warn, error`},
		"MFAWATCH_REPORT_BUCKET": {"my bucket", `"my bucket" is no name: it has blanks or commas`},
		"MFAWATCH_PARTITION":     {"", "is missing"},
		"MFAWATCH_SECURITY_HUB":  {"perhaps", `"perhaps" is neither true nor false`},
		"MFAWATCH_REMIND":        {"-1h", `"-1h" is no length of time: write 90s, 2h`},
		"MFAWATCH_RATE":          {"0", `"0" is no whole number above zero`},
		"MFAWATCH_FORMATS":       {"json,,csv", "is missing"},
	} {
		env := map[string]string{}
		for k, v := range good {
			env[k] = v
		}
		env[name] = c[0]
		got, err := settings.FromEnv[settings.Audit](lookup(env))
		if err == nil || err.Error() != "the function's environment: "+name+" "+c[1] || !reflect.DeepEqual(got, settings.Audit{}) {
			t.Errorf("%s=%s: %v, want %s", name, c[0], err, c[1])
		}
	}
	_, err := settings.FromEnv[settings.Reconcile](lookup(nil))
	for _, name := range []string{"MFAWATCH_PARTITION", "MFAWATCH_ACCOUNT", "MFAWATCH_TOPIC_ARN", "MFAWATCH_EVENTS_TABLE", "MFAWATCH_EVIDENCE_BUCKET", "MFAWATCH_TRAIL_BUCKET"} {
		if err == nil || !strings.Contains(err.Error(), name+" is missing") {
			t.Errorf("%v, want %s named", err, name)
		}
	}
}
