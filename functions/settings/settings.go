// Package settings declares the environment of every function once: infra
// writes it with Env, the function reads it with FromEnv. The names of the functions'
// metrics are here too, which alarms and dashboards have to know.
//
// It promises that what Env writes FromEnv reads back the same, and that a
// missing or wrong value is one clear error that names every such variable, so
// that a function that was deployed wrongly says so at its first start and does
// nothing. Rules are not here: they come from a file in the function's own
// folder (functions/start). No value is a secret.
package settings

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Common is what every function is told.
type Common struct {
	Partition string `env:"MFAWATCH_PARTITION" is:"word"`
	Account   string `env:"MFAWATCH_ACCOUNT" is:"account"` // the account the function runs in
	LogLevel  string `env:"MFAWATCH_LOG_LEVEL" is:"level" default:"info"`
}

// Level is the log's: functions/start asks every function's settings for it.
func (c Common) Level() string { return c.LogLevel }

// Alerting is what a function is told that sends alerts.
type Alerting struct {
	TopicARN       string        `env:"MFAWATCH_TOPIC_ARN" is:"arn"`
	EventsTable    string        `env:"MFAWATCH_EVENTS_TABLE" is:"word"`
	EvidenceBucket string        `env:"MFAWATCH_EVIDENCE_BUCKET" is:"word"`
	Lease          time.Duration `env:"MFAWATCH_LEASE" is:"duration" default:"2m"`       // longer than the function may run
	Keep           time.Duration `env:"MFAWATCH_KEEP" is:"duration" default:"2160h0m0s"` // how long an event is remembered
}

// Signin is the environment of functions/signin.
type Signin struct {
	Common
	Alerting
	Queues  []string `env:"MFAWATCH_QUEUE_ARNS" is:"arns"`                  // the queues it reads, no other
	Buckets []string `env:"MFAWATCH_TRAIL_BUCKETS" is:"words" optional:"1"` // whose files it reads when it is notified of them
}

// Reconcile is the environment of functions/reconcile.
type Reconcile struct {
	Common
	Alerting
	TrailBucket  string        `env:"MFAWATCH_TRAIL_BUCKET" is:"word"`
	TrailPrefix  string        `env:"MFAWATCH_TRAIL_PREFIX" is:"text" optional:"1"`     // what stands before AWSLogs
	TrailAccount string        `env:"MFAWATCH_TRAIL_ACCOUNT" is:"account" optional:"1"` // whose files alone are read; none: everybody's in the bucket
	LookBack     time.Duration `env:"MFAWATCH_LOOK_BACK" is:"duration" default:"6h0m0s"`
	Silence      time.Duration `env:"MFAWATCH_SILENCE" is:"duration" default:"2h0m0s"` // an account and Region without a file for so long is blind
}

// Audit is the environment of functions/audit.
type Audit struct {
	Common
	ReportBucket string        `env:"MFAWATCH_REPORT_BUCKET" is:"word"`
	ReportPrefix string        `env:"MFAWATCH_REPORT_PREFIX" is:"text" default:"audit/"`
	TopicARN     string        `env:"MFAWATCH_TOPIC_ARN" is:"arn"`
	Formats      []string      `env:"MFAWATCH_FORMATS" is:"words" default:"json,html"`
	SecurityHub  bool          `env:"MFAWATCH_SECURITY_HUB" is:"flag" default:"false"`
	Region       string        `env:"MFAWATCH_REGION" is:"word"` // of Security Hub
	Role         string        `env:"MFAWATCH_AUDIT_ROLE" is:"text" optional:"1"`
	ExternalID   string        `env:"MFAWATCH_EXTERNAL_ID" is:"text" optional:"1"`
	Remind       time.Duration `env:"MFAWATCH_REMIND" is:"duration" default:"168h0m0s"` // a summary at least so often, also without a change
	Rate         int           `env:"MFAWATCH_RATE" is:"number" default:"10"`           // calls of IAM a second
}

// Canary is the environment of functions/canary. Its queue subscribes to the topic
// with raw message delivery off: the envelope names the topic that a message came
// from. What stands deployed is in rules.json, in the function's own folder. The
// heartbeat's address is known to whoever may read the function.
type Canary struct {
	Common
	Prefix    string        `env:"MFAWATCH_PREFIX" is:"word"`              // begins every name of the stacks
	Regions   []string      `env:"MFAWATCH_REGIONS" is:"words"`            // that are watched
	TopicARN  string        `env:"MFAWATCH_TOPIC_ARN" is:"arn"`            //
	QueueARN  string        `env:"MFAWATCH_CANARY_QUEUE_ARN" is:"arn"`     // where canaries come back
	TrailARN  string        `env:"MFAWATCH_TRAIL_ARN" is:"arn"`            // created or adopted, also of another Region or account
	KeyARN    string        `env:"MFAWATCH_KEY_ARN" is:"arn" optional:"1"` // for the placeholders in rules.json
	Wait      time.Duration `env:"MFAWATCH_CANARY_WAIT" is:"duration" default:"1m0s"`
	Heartbeat string        `env:"MFAWATCH_HEARTBEAT_URL" is:"https" optional:"1"` // outside AWS, asked after each whole round trip
}

// BreakGlass is the environment of functions/breakglass. The door's rules are in
// breakglass.json, in the function's own folder.
type BreakGlass struct {
	Common
	Region       string `env:"MFAWATCH_REGION" is:"word"`
	Table        string `env:"MFAWATCH_BREAKGLASS_TABLE" is:"word"` // the door's rows, sealed devices among them
	LedgerTable  string `env:"MFAWATCH_LEDGER_TABLE" is:"word"`     // the codes that were used
	TopicARN     string `env:"MFAWATCH_TOPIC_ARN" is:"arn"`
	KeyARN       string `env:"MFAWATCH_BREAKGLASS_KEY_ARN" is:"arn"` // that seals devices and the key of signed heads
	RecordBucket string `env:"MFAWATCH_RECORD_BUCKET" is:"word"`     // a copy of the record
}

// Env is the environment that FromEnv reads back as v, a struct of this package
// or a pointer to one. Values that are empty and may be are left out.
func Env(v any) map[string]string {
	env := map[string]string{}
	each(reflect.Indirect(reflect.ValueOf(v)), func(f reflect.StructField, value reflect.Value) {
		if text := write(value); text != "" {
			env[f.Tag.Get("env")] = text
		}
	})
	return env
}

// FromEnv reads settings out of an environment. Its error names every variable
// that is missing or wrong, with what would be right.
func FromEnv[T any](lookup func(string) (string, bool)) (T, error) {
	var settings T
	var wrong []error
	each(reflect.ValueOf(&settings).Elem(), func(f reflect.StructField, value reflect.Value) {
		name := f.Tag.Get("env")
		text, _ := lookup(name)
		if text == "" {
			text = f.Tag.Get("default")
		}
		if text == "" && f.Tag.Get("optional") != "" {
			return
		}
		if err := read(value, f.Tag.Get("is"), text); err != nil {
			wrong = append(wrong, fmt.Errorf("%s %w", name, err))
		}
	})
	if len(wrong) > 0 {
		return *new(T), fmt.Errorf("the function's environment: %w", errors.Join(wrong...))
	}
	return settings, nil
}

// each visits every setting, those of embedded structs too.
func each(v reflect.Value, visit func(reflect.StructField, reflect.Value)) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Anonymous {
			each(v.Field(i), visit)
		} else {
			visit(f, v.Field(i))
		}
	}
}

func write(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return value.String()
	case []string:
		return strings.Join(value, ",")
	}
	return fmt.Sprint(v.Interface())
}

func read(into reflect.Value, is, text string) error {
	switch is {
	case "duration":
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is no length of time: write 90s, 2h", text)
		}
		into.SetInt(int64(d))
	case "flag":
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		into.SetBool(b)
	case "number":
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return fmt.Errorf("%q is no whole number above zero", text)
		}
		into.SetInt(int64(n))
	case "arns", "words":
		list := strings.Split(text, ",")
		for _, item := range list {
			if err := valid(strings.TrimSuffix(is, "s"), item); err != nil {
				return err
			}
		}
		into.Set(reflect.ValueOf(list))
	default:
		into.SetString(text)
		return valid(is, text)
	}
	return nil
}

// valid holds a text to what it is said to be.
func valid(is, text string) error {
	ok := text != ""
	switch is {
	case "arn":
		ok = strings.HasPrefix(text, "arn:") && strings.Count(text, ":") >= 5
	case "account":
		ok = len(text) == 12 && strings.Trim(text, "0123456789") == ""
	case "level":
		ok = text == "debug" || text == "info" || text == "warn" || text == "error"
	case "word":
		ok = ok && !strings.ContainsAny(text, " \t\r\n,")
	case "https":
		u, err := url.Parse(text)
		ok = err == nil && u.Scheme == "https" && u.Hostname() != ""
	}
	switch {
	case ok:
		return nil
	case text == "":
		return errors.New("is missing")
	case is == "https": // an address may hold a key, so it is not repeated
		return errors.New("is no https URL: write https://host/…")
	}
	return fmt.Errorf("%q is no %s", text, map[string]string{
		"arn": "ARN", "account": "account number: twelve digits", "level": "log level: debug, info, warn, error", "word": "name: it has blanks or commas",
	}[is])
}
