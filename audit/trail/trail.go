// Package trail takes CloudTrail records out of whatever they come in: log
// files as CloudTrail delivers them to S3 (gzip or plain, told by content),
// bare lists, single records, JSON lines, EventBridge events, CloudWatch Logs
// subscriptions and exports, LookupEvents output, and SNS, SQS, Kinesis and
// Firehose wrappings of these.
//
// It promises that every complete record before some damage is handed over and
// that the damage is reported, that a record which stands inside another
// record's parameters is never handed over, and that memory is bounded by the
// largest text, whatever the input does. It decodes nothing that nobody asked
// for: one pass over the text finds the records that may matter, and only texts
// with such records are walked. It never judges a record.
package trail

import "fmt"

// Kind says what an input without records was.
type Kind string

// The kinds of input that hold no records to judge.
const (
	KindDigest         Kind = "digest"          // a CloudTrail digest file
	KindInsight        Kind = "insight"         // CloudTrail Insights events
	KindNotification   Kind = "notification"    // says that an object was written to S3; holds no record
	KindControlMessage Kind = "control-message" // CloudWatch Logs checks a subscription
	KindEvent          Kind = "event"           // an EventBridge event that holds no record
	KindEmpty          Kind = "empty"
	KindOther          Kind = "other" // JSON, but nothing of CloudTrail
	KindNotJSON        Kind = "not-json"
)

// Damage is where and why an input could not be read to its end.
type Damage struct {
	Offset int64 // bytes of decompressed text before the damage
	Reason string
	More   int // further damaged places
}

func (d *Damage) Error() string { return fmt.Sprintf("at byte %d: %s", d.Offset, d.Reason) }

// Stats tells what Scan saw of one input.
type Stats struct {
	Stored  int64 // bytes as stored
	Text    int64 // bytes of decompressed text
	Records int   // CloudTrail records; where nothing is wanted nothing is decoded, and eventName keys count
	Log     bool  // it is compressed or begins as CloudTrail's files do, so that damage in it matters
	Damage  *Damage
	Kinds   map[Kind]int // what else was there: digests, insights, notifications …
}

// Kind is what the input was when it held no record: the kind met most, or "".
func (s *Stats) Kind() Kind {
	var most Kind
	for k, n := range s.Kinds {
		if most == "" || n > s.Kinds[most] || n == s.Kinds[most] && k < most {
			most = k
		}
	}
	if s.Records > 0 {
		return ""
	}
	return most
}

// Options sets up a Scanner.
type Options struct {
	// Wants are the records to hand over. All hands over every record instead,
	// and every piece of text that stands where a record should and is none.
	Wants []Want
	All   bool
	// MaxText bounds the decompressed size of one JSON text, in bytes; 0 is
	// DefaultMaxText. Inputs of one record a line may be of any size.
	MaxText int
}

// DefaultMaxText is five times what CloudTrail puts into a log file (50 MB
// before compression; CloudTrail user guide, quotas).
const DefaultMaxText = 256 << 20
